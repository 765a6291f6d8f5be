"""Words around the numbers of titles: what they count, what they order, what they measure."""

from __future__ import annotations

from fimad.labels.text import Token, canonical

ORDER = frozenset([
    "round", "set", "circuit", "exercise", "move", "movement", "block", "part", "day", "week",
    "station", "drill", "workout", "level", "phase", "superset", "triset", "step", "tabata", "season",
    "episode", "ep", "month", "lesson", "module", "chapter", "section", "amrap", "emom", "interval",
    "mile", "km", "kilometer", "kilometre", "lap", "task", "wod", "finisher", "complex", "stage", "page", "video", "session", "group", "game",
    "number", "no", "nr", "workout", "combo", "song", "bodyweight", "circuito", "runde", "satz",
    "ubung", "teil", "block", "tag", "woche", "ronda", "serie", "ejercicio", "bloque", "parte", "dia",
    "semana", "vuelta", "tour", "exercice", "bloc", "partie", "jour", "rodada", "exercicio", "bloco",
    "giro", "esercizio", "blocco", "giorno", "runda", "seria", "cwiczenie", "kolo", "cvik", "krug",
    "vjezba", "раунд", "круг", "подход", "упражнение", "часть", "день", "kor", "tur", "hareket",
    "egzersiz", "ronde", "oefening", "deel", "varv", "ovning", "omgang",
])  # fmt: skip
# Said of a number that is neither: weight, distance, energy, share, angle.
MEASURES = frozenset([
    "kg", "kgs", "kilo", "kilos", "lb", "lbs", "pound", "pounds", "km", "mi", "mile", "miles", "meter",
    "meters", "metre", "metres", "cal", "cals", "calorie", "calories", "kcal", "ft", "feet", "foot",
    "inch", "inches", "cm", "mm", "bpm", "rpm", "rpe", "rm", "%", "°", "yard", "yards", "yd", "yds",
    "watt", "watts", "percent", "kilometer", "kilometers", "k", "plate", "plates", "mph", "kmh", "kph", "laps", "lengths",
])  # fmt: skip
# Of these what machines and runs are measured in.
WAYS = frozenset([
    "km", "mi", "mile", "miles", "meter", "meters", "metre", "metres", "cal", "cals", "calorie",
    "calories", "kcal", "kilometer", "kilometers", "k",
])  # fmt: skip
FEET = frozenset(["ft", "feet", "foot", "yd", "yds", "yard", "yards"])
REST = frozenset([
    "rest", "off", "recovery", "break", "recover", "pause", "pausa", "descanso", "repos", "riposo",
    "recupero", "repous", "intervalo", "rust", "resting",
])  # fmt: skip
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "ninety": 90, "hundred": 100, "eine": 1, "einer": 1, "zwei": 2, "drei": 3, "zehn": 10, "zwanzig": 20, "dreissig": 30,
    "vierzig": 40, "sechzig": 60, "un": 1, "una": 1, "uno": 1, "dos": 2, "tres": 3, "diez": 10, "veinte": 20, "treinta": 30,
    "cuarenta": 40, "sesenta": 60, "une": 1, "deux": 2, "trois": 3, "dix": 10, "vingt": 20, "trente": 30, "quarante": 40,
    "um": 1, "uma": 1, "dois": 2, "duas": 2, "dez": 10, "vinte": 20, "trinta": 30, "quarenta": 40, "due": 2, "tre": 3,
    "dieci": 10, "venti": 20, "trenta": 30, "quaranta": 40, "half": 0.5, "halbe": 0.5, "medio": 0.5, "demi": 0.5,
    "meia": 0.5, "mezzo": 0.5, "a": 1, "an": 1, "another": 1,
}  # fmt: skip
# Numbers in words, which mean nothing else: "bench one eighty five for five".
CARDINALS = frozenset([
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
])  # fmt: skip
EACH = frozenset(["per", "each", "ea", "every", "je", "pro", "por", "cada", "par", "chaque", "ogni"])
# Behind a stroke, and what is said without one: "6/jambe" are as many "par jambe".
EACH_OF = {
    "side": ("each", "side"), "sides": ("each", "side"), "leg": ("each", "leg"), "legs": ("each", "leg"), "arm": ("each", "side"),
    "arms": ("each", "side"), "seite": ("je", "seite"), "bein": ("je", "bein"), "lado": ("por", "lado"), "pierna": ("por", "pierna"),
    "brazo": ("por", "brazo"), "cote": ("par", "cote"), "jambe": ("par", "jambe"), "bras": ("par", "bras"), "perna": ("por", "perna"),
    "braco": ("por", "braco"), "lato": ("per", "lato"), "gamba": ("per", "gamba"), "braccio": ("per", "braccio"),
}  # fmt: skip
# ... and behind an "x" that is no "times".
_BY_SIDE = frozenset(["lado", "pierna", "brazo", "perna", "braco", "lato", "gamba", "braccio"])
_ON_EACH = frozenset(["on", "de", "auf", "su", "em", "en"])
_OTHER_SIDE = {"l": "r", "r": "l", "left": "right", "right": "left"}
_BETWEEN_SIDES = frozenset(["/", "+", "&", ",", "and", "-", "|"])
_BEHIND_COUNTS = frozenset(["rep", "reps", "repetition", "repetitions", ",", "|", "-", ".", "!"])
_BOTH_SIDES = (["e", "/", "s"], ["l", "/", "r"], ["r", "/", "l"])
# "5 every day" are no repetitions of a set.
_TIMES = frozenset(["day", "days", "week", "hour", "month", "morning", "night"])
LIMBS = frozenset(
    ["arm", "arms", "leg", "legs", "legged", "armed", "handed", "hand", "way", "point", "count", "counts", "d"]
)
# Joined by "+" they are one word's: "opposite arm + leg".
JOINED_LIMBS = frozenset(["arm", "leg", "hand", "foot", "knee", "elbow"])
# Of these, arms and legs beside them are one movement's.
ON_ALL_FOURS = frozenset(["kneeling", "quadruped", "fours", "opposite", "contralateral"])
# Behind some seconds they say how each one is done.
SLOWLY = frozenset([
    "pause", "paused", "negative", "negatives", "eccentric", "eccentrics", "down", "descent", "lower", "lowering", "squeeze",
    "tempo",
])  # fmt: skip
# What is done over ground: 15 m of it are metres.
ON_GROUND = frozenset([
    "crawl", "crawls", "carry", "carries", "sled", "prowler", "sprint", "sprints", "hs", "handstand", "farmer", "farmers",
    "bounds", "bounding", "skips", "lunges", "shuttle", "shuttles", "return", "start", "starts",
])  # fmt: skip


def of_many(found: list[Token], at: int, value: float) -> bool:
    """ "Three deep breaths", "twenty squats"; not "two arm rows"."""
    if at >= len(found) or found[at].kind != "w" or found[at].text in LIMBS:
        return False
    return value >= 5 or any(each.kind == "w" and each.text.endswith("s") for each in found[at : at + 2])


def is_counted_step(words: list[str]) -> bool:
    """ "Side steps 10": so many, not the tenth."""
    return words[-1] == "step" and len(words) > 1 and words[-2][0].isalpha()


def is_limb(found: list[Token], at: int) -> bool:
    return at < len(found) and found[at].kind == "w" and canonical(found[at].text)[0] in JOINED_LIMBS


def on_either_side(found: list[Token], at: int) -> int:
    """Behind so many on one side and as many on the other ("8+8", "10 L / 10 R"); 0 where that isn't said."""
    number, after = found[at].text, [token.text for token in found[at + 1 : at + 5]]
    if after[0] in _OTHER_SIDE:
        between = len(after) > 1 and after[1] in _BETWEEN_SIDES
        size = 3 + between
        return at + 1 + size if after[size - 2 : size] == [number, _OTHER_SIDE[after[0]]] else 0
    if after[:2] != ["+", number]:
        return 0
    # "8+8 kg", "8+8+8": of something else.
    return at + 3 if not after[2:] or after[2] in _BEHIND_COUNTS else 0


def by_side(found: list[Token], at: int) -> bool:
    """Whether "por" is said in short: "12 *x lado*"; "3 x lado a lado" are so many."""
    texts = [token.text for token in found[at : at + 3]]
    return texts[:1] == ["x"] and len(texts) > 1 and texts[1] in _BY_SIDE and texts[2:] != ["a"]


def of_each(found: list[Token], at: int) -> tuple[bool, bool]:
    """Whether the number before `at` counts for each side or the like ("per side", "on each leg", "12/side", "e/s", "L/R"), and
    whether nothing else is said: "(10 per side)"."""
    after = [token.text for token in found[at : at + 5]]
    if after[:1] and after[0] in EACH:
        size = 1
    elif after[1:2] and (
        (after[0] in _ON_EACH and after[1] in EACH) or (after[0] in ("/", "a") and after[1] in EACH_OF)
    ):
        size = 2
    elif after[:3] in _BOTH_SIDES or after == ["es"]:
        size = 3
    else:
        return False, False
    return True, len(after) <= size + 1 and _TIMES.isdisjoint(after)
