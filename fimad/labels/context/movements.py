"""Words of movements: what names of exercises end with, parts of the body, and how, where and for whom it is done."""

from __future__ import annotations

PREPOSITIONS = frozenset(
    ["for", "of", "in", "with", "on", "from", "to", "behind", "about", "after", "during", "while", "when", "by", "between", "above", "below", "under", "against", "onto", "near", "over", "at", "across", "through", "off", "along", "around", "using"]
)  # fmt: skip
CONJUNCTIONS = frozenset(["and", "or", "then", "but", "plus", "until", "til", "so"])
# Behind an exercise they make a part of the workout of it: "squat circuit".
SECTION_HEADS = frozenset([
    "circuit", "workout", "serie", "interval", "routine", "series", "complex", "program", "programme", "session", "class",
    "day", "training", "hiit", "entrenamiento", "rutina", "circuito", "allenamento", "treino", "séance",
    "seance", "entrainement", "zirkel",
])  # fmt: skip
HEADS = frozenset([
    "press", "row", "curl", "raise", "extension", "fly", "stretch", "pose", "hold", "jump", "hop",
    "kick", "twist", "lift", "pull", "push", "swing", "circle", "rotation", "walk", "run", "step",
    "tap", "reach", "crawl", "drive", "pulse", "bend", "roll", "opener", "slam", "throw", "carry",
    "squeeze", "drop", "dip", "crunch", "touch", "kickback", "pass", "sweep", "punch", "climb", "drag",
    "balance", "asana", "bridge", "plank", "squat", "lunge", "drill", "sprint", "shuffle", "raise",
    "jack", "deadlift", "thrust", "hinge", "march", "skip", "bound", "toss", "flick", "flip",
    "pushdown", "pulldown", "rollout", "hang", "abduction", "abd", "adduction", "flexion", "clap",
    "strike", "chop", "climber", "crawler", "release", "mobilization", "cars", "flow", "up",
    "down", "whip", "retraction", "protraction", "pronation", "supination", "dorsiflexion", "plantarflexion", "eversion", "rom", "arom", "aarom", "handed", "spin", "tuck", "fold", "slide", "glide", "dribble",
])  # fmt: skip
# Heads of much else: "peak pose", "slow it down". With a part of the body or another head only.
LOOSE = frozenset(["pose", "down", "up", "handed", "flow", "pass", "drag", "release", "drive", "block", "step", "drop"])
BODY = frozenset([
    "arm", "leg", "knee", "hip", "glute", "shoulder", "chest", "back", "toe", "heel", "elbow", "ankle",
    "wrist", "neck", "calf", "hamstring", "quad", "thigh", "butt", "oblique", "body", "hand", "foot",
    "torso", "trunk", "spine", "tricep", "bicep", "lat", "pec", "delt", "groin", "adductor", "finger",
    "head", "kneeling", "standing", "seated", "lying", "side", "front", "rear", "reverse", "cross",
    "diagonal", "single", "alternating", "double", "overhead", "tall", "half", "low", "high", "wide",
    "narrow", "bent", "straight", "1arm", "1leg", "upper", "lower", "inner", "outer", "ab", "waist",
    "pelvic", "belly", "itb", "tfl", "ql", "peroneal", "tibialis", "plantar", "scap", "scapular", "scapula", "serratus",
    "rhomboid", "trap", "thoracic", "lumbar", "cervical", "achilles", "soleus", "gastroc", "psoas", "piriformis", "pelvis", "rib",
    "shin", "hammy", "tummy", "stomach", "bum", "bottom",
])  # fmt: skip
# Said behind a name without making something else of it: "ankle circles both ways", "burpees everyone".
HOW = frozenset([
    "way", "direction", "attempt", "till", "til", "until", "total", "ea", "fwd", "bwd", "cw", "ccw", "clockwise",
    "counterclockwise", "across", "sway", "rock", "rocking", "eye", "closed", "open", "everyone", "everybody", "guy",
    "guys", "team", "friends", "again", "go", "galore", "party", "madness", "mania", "time", "here", "today", "please",
    "hell", "frenzy", "matrix", "burnout", "burner", "finisher", "fun", "magic", "special", "combo", "test",
    "left", "right", "only", "too", "also", "almost", "done", "left", "hold", "holding", "release", "repeat",
    "sideways", "diagonal", "diagonally", "alternately", "slowly", "quickly", "faster", "slower", "deeper", "lower",
    "higher", "wider", "failure", "around", "inside", "outside", "outward", "inward", "upward", "downward", "straight",
    "squeeze", "balance", "breathe", "breath", "breathing", "stretch", "yay", "woo", "ouch", "ugh", "oh", "nooo",
    "instead", "option", "either", "per", "minimum", "maximum", "style", "version", "level", "ladder", "emom", "amrap",
    "combination", "sequence", "transition", "grip", "stance", "bar", "ring", "block", "chair", "sofa", "couch",
    "towel", "bottle", "pad", "disc", "pole", "stick", "plates", "handle", "handles", "pin", "safety",
    "facing", "unbroken", "degree", "hurdle", "cone", "line", "ladder", "bosu", "and", "or", "then", "bell", "pair", "weight", "weighted", "load",
    "all", "st", "nd", "rd", "th", "prep", "preparation", "practice", "variation", "optional", "nonstop", "then", "top", "set", "working", "backoff", "final", "partner", "there", "forth", "medium", "i", "ii", "iii", "iv", "parallel", "track", "jam", "horizontal", "vertical", "pr", "pb", "felt", "fail", "failed", "heavy", "hit", "pattern", "revisit", "revisited", "ahead", "modified", "continued", "mod", "modification", "adv", "beg", "int", "lvl", "ver", "iso", "ecc", "neg", "assist", "reset", "integration", "new",
])  # fmt: skip
# What one stands, sits or lies on or beside, and in some languages what one does there.
FURNITURE = frozenset([
    "chair", "chaise", "silla", "cadeira", "sedia", "stuhl", "wall", "mur", "pared", "parede", "muro", "parete", "wand", "stool", "sofa",
])  # fmt: skip
# Muscles, and in some languages sit-ups.
BELLY = frozenset(["abdo", "abdominaux", "abdominal", "abdominais", "addominali", "addominale"])
