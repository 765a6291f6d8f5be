"""How logs of lifts write it: a special bar for any barbell, who made a machine, shorthand beside sets and repetitions.

>>> from fimad.labels import label_title
>>> label_title("BP 5x5").exercises, label_title("BP").exercises
(('bench_press',), ())
"""

from __future__ import annotations

import re

# What is done with them is done with a barbell.
_BAR = re.compile(
    r"\b(?:safety(?: squat)?|swiss|football|multi[- ]?grip|cambered|camber|buffalo|duffalo|bow|spider|marrs|transformer|bamboo|"
    r"earthquake|tsunami|cadillac|kadillac|elephant|yoke|stiff|axle|apollon'?s axle)[ -]bars?\b|\b(?:ssb|axle)\b"
)
# Makers of two words; those of one are words of `text.canonical`.
_MAKER = re.compile(
    r"\b(?:life ?fitness|hammer strength(?= [^\W\d]{2})|star ?trac|body[ -]?solid|body ?masters|arsenal strength|gym ?80|med ?x)\b"
)
# "Rear laterals": raises to the side, where nothing but how and with what stands before.
_LATERALS = re.compile(
    r"(^\W*(?:[a-h]?\d{1,2}[a-h]?[.):]? +)?|[|+/&,;:] *|\band )"
    r"((?:(?:db|dbs|dumbbell|cable|machine|band|kb|plate|seated|standing|leaning|incline|rear|side|bent|bent[ -]over|prone|lying|(?:chest|head)[ -]supported|one[ -]arm|single[ -]arm|1[ -]arm) )*)laterals\b"
)
# "Leg press back-off sets", "squat drop set": sets, and nothing that goes back or drops.
_SETS = re.compile(
    r"(?<=\w )(?:back[- ]?off|(?<!depth )(?<!altitude )(?<!hip )(?<!heel )(?<!knee )drop)[- ](?=sets?\b)|(?<=\w )(?<!paused )back[- ]?offs?(?=\W*$)"
)
# "Curls 3x12 rest 60s": of what is counted the rest is said beside it.
_RESTED = re.compile(r"(\d ?x ?\d{1,3}(?:-\d{1,3})?|\bsets? of \d{1,3})((?: reps?)? ?)(?=rest \d)")
# Repetitions in reserve, effort.
_RESERVE = re.compile(r"(?<=\S )@? ?\b(?:(?:rir|rpe) ?@? ?\d{1,2}(?:\.5)?(?:-\d{1,2})?|\d(?:-\d)? ?rir)\b(?! ?[%x])")
# "Box squats vs chains": on the bar, and no comparison.
_VERSUS = re.compile(
    r"\b(squats?|bench|press(?:es)?|deadlifts?|pulls?|mornings?|thrusts?) vs?\b\.? (?=(?:[^\W\d]+ )?(?:bands?|chains?|minis)\W*(?:$|\d))"
)
# "Split squat (hold at the bottom)": held for a moment, over and over.
_AT_TOP = re.compile(r"(?:(?<=[(,])|(?<= -)|(?<=\d)) ?((?:s|secs?|seconds?)? ?)holds? at (?:the )?(?=(?:top|bottom)\b)")
# "3xMAX": one word to the eye.
_AS_OFTEN = re.compile(r"(\d) ?x(max|amrap|failure)\b")
# "12 c/pierna": on each.
_EACH_ONE = re.compile(r"(\d|\b(?:reps?|repeticiones|repeticoes)\b\.?) ?c/ ?(?=[^\W\d]{3})")
# "Esercizio n. 2", "exercice n°3", "Übung Nr. 4", "exercise no. 5": which one of them.
_NUMBERED = re.compile(
    r"\b(esercizio|exercice|ejercicio|exercicio|exercise|ubung|stazione|station|estacion|estacao|serie|seance|round|runde|set) "
    r"n(?:r|o|um|ro)?[.°]{0,2} ?(?=\d{1,2}\b)"
)
# "Log clean & press up to 110": how heavy the last one was; "up to 10 reps" is how often.
_UP_TO = re.compile(r"(?<=[^\W\d]) up to @? ?\d{2,3}(?:[.,]\d)? ?(?:kgs?|lbs?|pounds)?(?= ?(?:$|[,;|(]))")
# As a list of machines has them: "lever seated fly".
_LEVER = re.compile(
    r"^lever (?!belt|arm|(?:de|du|des|le|la|les|l|un|une|turc|genoux?|jambes?|bras|talons?)\b)(?=[^\W\d]+ )"
)
# Shorthand that says other things as well where nothing is counted.
_SHORT = {
    "bp": "bench press", "bs": "back squat", "fs": "front squat", "pp": "push press", "pc": "power clean",
    "hpc": "hang power clean", "ps": "power snatch", "mp": "military press", "lc": "leg curl",
    "llc": "lying leg curl", "slc": "seated leg curl", "bc": "bicep curl", "te": "tricep extension",
    "ote": "overhead tricep extension", "lte": "lying tricep extension", "ltes": "lying tricep extension",
    "tpd": "tricep pushdown", "bor": "bent over row", "csr": "chest supported row", "tbr": "t bar row", "ur": "upright row",
    "rdf": "rear delt fly", "ibp": "incline bench press", "sadr": "single arm dumbbell row", "nhc": "nordic hamstring curl",
    "pbn": "behind the neck press", "bnp": "behind the neck press", "bpa": "band pull apart", "fp": "face pull",
}  # fmt: skip
_COUNTED = re.compile(
    r"(^\W*(?:[a-h]?\d{1,2}[a-h]?[.):] *)?|[|+/&,;] *)((?:(?:db|bb|kb|cg|wg|smith|paused?|seated|standing|incline|inc|decline|dec|sa|sl) )*)"
    rf"({'|'.join(_SHORT)})\b"
    r"(?= *[-:]? *(?:\d{1,4}(?:\.\d)? ?(?:kgs?|lbs?)? ?(?:x ?\d|sets?\b|/\d{1,3}/\d)|x ?\d))"
)
_COUNTS = re.compile(r"x ?\d|set|/\d")
# On a treadmill: an incline of 12, a speed of 3, 30 minutes.
_TREADMILL = re.compile(r"\b12[-/ ]3[-/ ]30\b")


#: Of words of letters alone what follows acts on none but these.
OF_LOGS = frozenset([
    "bar", "bars", "ssb", "axle", "back", "backoff", "backoffs", "drop", "v", "vs", "lever", "zerchers", "laterals", "fitness", "lifefitness",
    "strength", "trac", "startrac", "solid", "bodysolid", "masters", "bodymasters", "medx", "x",
])  # fmt: skip


def as_logged(text: str) -> str:
    """A cleaned title in the words that names are made of.

    >>> as_logged("football bar bench"), as_logged("db bp 3x10"), as_logged("side laterals 4x20")
    ('barbell bench', 'db bench press 3x10', 'side lateral raise 4x20')
    """
    if " bar" in text or "ssb" in text or "axle" in text:
        text = _BAR.sub("barbell", text)
    if "back" in text or "drop" in text:
        text = _SETS.sub("", text)
    if " rest " in text:
        text = _RESTED.sub(r"\1\2, ", text)
    if "rir" in text or "rpe" in text:
        text = _RESERVE.sub("", text)
    if "xm" in text or "xa" in text or "xf" in text:
        text = _AS_OFTEN.sub(r"\1 x \2", text)
    if "c/" in text:
        text = _EACH_ONE.sub(r"\1 cada ", text)
    if " n" in text:
        text = _NUMBERED.sub(lambda found: f"{found[1]} ", text)
    if " up to " in text:
        text = _UP_TO.sub("", text)
    if " at " in text:
        text = _AT_TOP.sub(lambda found: f" {found[1]}pause at ", text)
    if " v" in text and ("band" in text or "chain" in text or "mini" in text):
        text = _VERSUS.sub(r"\1 with ", text)
    if text.startswith("lever "):
        text = _LEVER.sub("machine ", text)
    if "zerchers" in text:
        text = text.replace("zerchers", "zercher squats")
    if "laterals" in text:
        text = _LATERALS.sub(r"\1\2lateral raise", text)
    if "12" in text:
        text = _TREADMILL.sub("" if "walk" in text else "treadmill walk", text)
    if "fitness" in text or "strength" in text or "body" in text or "trac" in text or "gym" in text or "med" in text:
        text = _MAKER.sub("machine", text)
    if ("x" in text or "set" in text or "/" in text) and _COUNTS.search(text):
        text = _COUNTED.sub(lambda match: match.group(1) + match.group(2) + _SHORT[match.group(3)], text)
    return text
