"""Titles to tokens: cleaned, folded, one canonical form for each word.

A word's canonical form drops what does not tell exercises apart: case, accents, plural endings, British and American
spelling, abbreviations. Names and titles go through the same functions, so that they meet.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# A chapter title is a line; what is longer is text, and only its beginning is looked at.
MAX_TITLE = 240
# Nobody sets longer titles with blanks between the letters.
_SPELT_OUT = 80


@dataclass(slots=True)
class Token:
    """A piece of a title: kind ``w`` word, ``n`` number, ``c`` clock, ``f`` fraction, ``p`` sign; glued to the last?"""

    kind: str
    text: str
    glued: bool


class _Fold(dict[int, str | None]):
    """Per character: lower case without accents; controls out; emoji and other symbols to a blank. Filled as it is used."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        self[code] = folded = _fold_char(char)
        return folded


_EXTRA = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ı": "i", "ð": "d", "þ": "th", "İ": "i"}
_SIGNS = {
    "’": "'", "‘": "'", "´": "'", "`": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "″": '"', "′": "'",
    "×": "x", "✕": "x", "✖": "x", "х": "х", "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-", "―": "-", "→": ">", "➡": ">",
    "►": ">", "▶": ">", "•": "|", "·": "|", "●": "|", "▪": "|", "│": "|", "⁄": "/", "，": ",", "、": ",", "。": ".", "・": "|",
    "「": '"', "」": '"', "【": "(", "】": ")", "〜": "-", "~": "-", "～": "-", "+": "+", "_": " ", "=": " ", "*": " ", "¿": " ", "¡": " ", "°": "°",
}  # fmt: skip

#: A table for `str.translate`: letters and marks of which nothing is seen, though they are no format characters. The Hangul fillers
#: of full width stand where a blank would.
FILLERS = str.maketrans(
    {**dict.fromkeys("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065", ""), "\u3164": " ", "\uffa0": " "}
)


def _fold_char(char: str) -> str | None:
    if char in _SIGNS:
        return _SIGNS[char]
    if char in _EXTRA:
        return _EXTRA[char]
    kind = unicodedata.category(char)
    if kind[0] == "Z" or char in "\t\n\r":
        return " "
    if kind[0] == "C" or kind == "Me":
        return None
    if kind == "Mn":
        # Vowel signs of Indian and Thai scripts are part of the word; accents, tashkeel and niqqud are not.
        return char if 0x0900 <= ord(char) <= 0x0EFF or ord(char) in (0x3099, 0x309A) else None
    if kind in ("So", "Sk"):
        return " "
    lower = char.lower()
    if ord(char) < 0x80:
        return lower
    if ord(char) < 0x0530 or 0x1E00 <= ord(char) < 0x2000:
        if lower in ("й", "ї"):
            return lower
        base = "".join(each for each in unicodedata.normalize("NFD", lower) if unicodedata.category(each) != "Mn")
        return _EXTRA.get(base, base)
    return lower


_FOLD = _Fold()
# All other characters of ASCII are only set in lower case by it.
_ODD = re.compile(r"[\x00-\x1f\x7f_=*~`^]")
_KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")
_KEYCAP_TEN = "\U0001f51f"
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|br|code|div|em|font|h[1-6]|i|li|mark|p|s|script|small|span|strong|sub|sup|u|ul)\b[^<>]*/?>",
    re.I,
)
_LINK = re.compile(r"(?:https?://|www\.)\S+|(?<!\w)@(?!\d|(?i:rpe|rir)[\d ])[\w.]{2,}")
# "21's", "360's": plurals. "(3) Inchworms": a place in a list.
_PLURAL_NUMBER = re.compile(r"(?<=\d)['’]s\b")
# "In your 40s" is an age, "in 2024" a year: neither seconds nor a count.
_AGE = re.compile(r"\b(in|into|past) (your|my|our|his|her|their|the|late|early) [2-9]0s\b", re.I)
# "80s hits", "a 90's hip hop track": from when.
_DECADE = re.compile(
    r"\b[5-9]0'?s(?= (?:aerobics?|classics?|dance|disco|hip ?hop|hits?|jams?|music|old school|party|playlist|pop|rock|songs?|style"
    r"|themed?|throwback|tracks?|vibes?)\b)",
    re.I,
)
_YEAR = re.compile(r"\b(in|since) (?:19[5-9]|20[0-4])\d\b(?! ?(?:m|k|reps|met|cal|kcal))", re.I)
# "Squats as low as you can", "on your knees if you need": how, as far as one can, at the end of a phrase.
_AT_WILL = re.compile(
    r"(?<=\S )(?:as (?:\w+ )?as (?:you can|possible)|if (?:you )?(?:can|need|need to|needed|possible)|as needed)(?=\s*(?:$|[,.;:!()-]))",
    re.I,
)
# "S2OH", "G2O", "STOH": shoulder or ground to overhead.
_OVERHEAD = re.compile(r"\b([sg])(?:2oh?|toh)\b", re.I)
# "Spider-Man press-ups".
_SPIDER = re.compile(r"\bspider[ -]man\b", re.I)
# "S Q U A T S", "R.D.L.": letters apart. "Lat. raises": no end of a phrase.
_APART = re.compile(r"\b[a-z](?:([ -])[a-z](?:\1[a-z])+)\b")
# Quicker to look for: what letters apart, and what is dotted or shortened, have in them.
_LONE = re.compile(r"[ -][a-z][ -][a-z]")
_POINTED = re.compile(r"[a-z]\.")
_DOTTED = re.compile(r"\b(?:[a-z]\.){2,}(?![a-z])")
_QUOTED = re.compile(r'"([a-zA-Z])"')
_SHORTENED = re.compile(
    r"\b(lat|alt|mtn|mt|ext|rev|dbl|sgl|med|inc|dec|opp|ex|fig|supp|sgl|bulg|rom|ham|quad|tri|abd|add|rot)\. (?=[a-z0-9])"
)
# "BenchPress": names of classes.
# "All 4s": on hands and knees.
_FOURS = re.compile(r"\ball 4'?s\b", re.I)
# "C+P", "C + J".
_CLEAN_AND = re.compile(r"\bc ?\+ ?([pj])\b", re.I)
_BELL = re.compile(r"\b(kettle|dumb|bar|club) (?=bells?\b)bell", re.I)
# A sandbag with handles; by itself "Bulgarian" is a squat.
_BULGARIAN_BAG = re.compile(r"\bbulgarian (?:training )?bag(?=s?\b)", re.I)
_SWINGS = re.compile(r"\bKBS\b")
# "Squat | 3 | 10", "| 3 | 8-12 |": sets and repetitions in a table.
_COLUMNS = re.compile(r"(?<=[^\W\d_]|\)) ?\| ?([1-9]|10) ?\| ?(\d{1,3}(?:-\d{1,3})?)(?= ?(?:\||$))")
_REST_PAUSE = re.compile(r"\brest-pause\b")
# "Farmers' walk".
_OF_MANY = re.compile(r"(?<=[a-z]s)' (?=[a-z])")
# "Bob n weave", "clean 'n' press".
_N = re.compile(r"(?<=[^\W\d_]) '?n'? (?=[^\W\d_]{2})")
# In names of files: what stands before is who, or where from.
_NAMES_APART = re.compile(r"(?<=[^\W_])__+(?=[^\W_])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# "?kg": a weight that everybody chooses; nothing is asked.
_ANY_WEIGHT = re.compile(r"\? ?(?=(?:kgs?|lbs?)\b)", re.I)
# "250 m row": on a machine.
_ROWED = re.compile(r"(?<=\d)( ?(?:m|km|k|met(?:er|re)s?|cals?|calories?) )rows?\b")
_LISTED = re.compile(r"^\s*[\[(](\d{1,2})[\])]\s*(?=[^\W\d])")
_TOKEN = re.compile(
    r"(?P<c>(?<![\d:])\d{0,3}:\d{2}(?::\d{2})?(?![\d:]))"
    r"|(?P<f>(?<![\d/])\d{1,3}/\d{1,3}(?![\d/]))"
    r"|(?P<n>\d+(?:[.,]\d+)?)"
    r"|(?P<w>[^\W\d_](?:[^\W\d_]|[\u0900-\u0dff\u0e31-\u0e4e\u3099\u309a]|'(?=[^\W\d_]))*)"
    r"|(?P<p>\S)"
)  # fmt: skip


def _joined(match: re.Match[str]) -> str:
    return "".join(char for char in match.group() if char.isalpha())


def _clean_and(match: re.Match[str]) -> str:
    return "clean and press" if match.group(1) in "pP" else "clean and jerk"


def _spelt_out(match: re.Match[str]) -> str:
    return ("shoulder" if match.group(1) in "sS" else "ground") + " to overhead"


# Words of letters alone are only set in lower case, unless one of these is among them.
_REWRITTEN = frozenset(["as", "bell", "bells", "bulgarian", "gtoh", "if", "kbs", "spider", "stoh"])


def letters_alone(title: str, told: frozenset[str] = frozenset()) -> bool:
    """Whether a title is words of letters with a blank between, none of them rewritten by `clean` or `told`."""
    if not title.isascii() or not title.replace(" ", "").isalpha() or len(title) > MAX_TITLE:
        return False
    words = title.lower().split(" ")
    if len(words) == 1:
        # "BenchPress" is two.
        return title[1:].islower() and words[0] not in _REWRITTEN and words[0] not in told
    # "S Q U A T S" is one.
    return min(map(len, words)) > 1 and _REWRITTEN.isdisjoint(words) and told.isdisjoint(words)


def clean(title: str) -> str:
    """A title in lower case without accents, markup, addresses, emoji, control and direction characters."""
    return title.lower() if letters_alone(title) else rewritten(title)


def rewritten(title: str) -> str:
    """What `clean` makes of a title that is not letters alone."""
    text = title[: 4 * MAX_TITLE]
    if " " not in text:
        # Who, or where from, stays one word.
        whose, apart, rest = text.partition("__")
        text = whose + apart + _CAMEL.sub(" ", rest) if apart else _CAMEL.sub(" ", text)
    if "__" in text:
        text = _NAMES_APART.sub(" - ", text)
    if "KBS" in text:
        text = _SWINGS.sub("KB swings", text)
    lower = text.lower()
    if "2o" in lower or "toh" in lower:
        text = _OVERHEAD.sub(_spelt_out, text)
    if "spider" in lower:
        text = _SPIDER.sub("spiderman", text)
    if "+" in text:
        text = _CLEAN_AND.sub(_clean_and, text)
    if "4" in text:
        text = _FOURS.sub("all fours", text)
    if " bell" in lower:
        text = _BELL.sub(r"\1bell", text)
    if "garian" in lower:
        text = _BULGARIAN_BAG.sub("sandbag", text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text and ";" in text:
        text = html.unescape(text)
    if "?" in text:
        text = _ANY_WEIGHT.sub("", text)
    if "http" in text or "www." in text or "@" in text:
        text = _LINK.sub(" ", text)
    if "'" in text or "’" in text:
        text = _PLURAL_NUMBER.sub("s", text)
    if ("(" in text or "[" in text) and text.lstrip()[:1] in ("(", "["):
        text = _LISTED.sub(r"\1. ", text)
    if " as " in text or " if " in text:
        text = _AT_WILL.sub(" optional ", text)
    if "0s" in text or "0's" in text:
        text = _DECADE.sub("decade", _AGE.sub(r"\1 \2 age", text))
    if " 20" in text or " 19" in text:
        text = _YEAR.sub(r"\1 year", text)
    if not text.isascii():
        text = _KEYCAP.sub(lambda found: f"{found[1]}. ", text).replace(_KEYCAP_TEN, "10. ")
        text = unicodedata.normalize("NFKC", text[: 2 * MAX_TITLE].translate(FILLERS))
    text = (text.lower() if text.isascii() and not _ODD.search(text) else text.translate(_FOLD))[:MAX_TITLE]
    if " row" in text:
        text = _ROWED.sub(lambda found: f"{found[1]}rowing machine", text)
    if "s' " in text:
        text = _OF_MANY.sub(" ", text)
    if " n" in text or " '" in text:
        text = _N.sub(" and ", text)
    if '"' in text:
        # '"A" skips'.
        text = _QUOTED.sub(lambda found: found[1], text)
    if "|" in text:
        text = _COLUMNS.sub(lambda found: f" {found[1]}x{found[2]}", text)
    if "rest-" in text:
        text = _REST_PAUSE.sub("restpause", text)
    if "." in text and _POINTED.search(text):
        text = _DOTTED.sub(_joined, text)
        text = _SHORTENED.sub(lambda found: f"{found[1]} ", text) if ". " in text else text
    return _APART.sub(_joined, text) if len(text) < _SPELT_OUT and _LONE.search(text) else text


def tokens(text: str) -> list[Token]:
    """The tokens of a cleaned text."""
    return [token for chunk in text.split() for token in _tokens(chunk)]


@lru_cache(maxsize=65536)
def _tokens(chunk: str) -> tuple[Token, ...]:
    """The tokens of what stands between blanks: all of it is in one, and only the first is not glued."""
    return tuple(Token(match.lastgroup or "p", match.group(), match.start() > 0) for match in _TOKEN.finditer(chunk))


_WORDS = {
    "db": "dumbbell", "dbs": "dumbbell", "dumbell": "dumbbell", "dumbel": "dumbbell", "dumbbel": "dumbbell",
    "kb": "kettlebell", "kbs": "kettlebell", "bb": "barbell", "mb": "medicine ball", "medball": "medicine ball",
    "med": "medicine", "alt": "alternating", "alternate": "alternating", "alternated": "alternating",
    "sa": "1arm", "sl": "1leg", "bw": "bodyweight", "oh": "overhead", "ghd": "ghd", "bwt": "bodyweight",
    "legged": "leg", "armed": "arm", "handed": "arm", "lateral": "side", "laterally": "side", "sideways": "side",
    "sideway": "side", "flye": "fly", "flie": "fly", "kicker": "kick", "toucher": "touch", "tapper": "tap",
    "ups": "up", "ins": "in", "calve": "calf", "calves": "calf", "abs": "ab", "abdominal": "abdominal", "tri": "tricep", "bi": "bicep",
    "tyre": "tire", "burpies": "burpee", "burpie": "burpee", "burpe": "burpee", "jumpin": "jump", "curtsey": "curtsy",
    "jumping": "jump", "walking": "walk", "running": "run", "jogging": "jog", "marching": "march",
    "skipping": "skipping", "twisting": "twist", "punching": "punch", "kicking": "kick", "squatting": "squat",
    "lunging": "lunge", "planking": "plank", "swinging": "swing", "pressing": "press", "lifting": "lift",
    "crunching": "crunch", "curling": "curl", "climbing": "climb", "crawling": "crawl", "hopping": "hop",
    "pulling": "pull", "pushing": "push", "reaching": "reach", "tapping": "tap", "stepping": "step",
    "bouncing": "bounce", "gliding": "glide", "bending": "bend", "sliding": "slide", "cervical": "neck", "rolling": "roll", "rotating": "rotation", "dipping": "dip", "bridging": "bridge",
    "clapping": "clap", "shrugging": "shrug", "balancing": "balance", "hanging": "hang", "thrusting": "thrust",
    "raising": "raise", "circling": "circle", "bounding": "bound", "breathing": "breathe", "rowing": "rowing",
    "stretches": "stretch", "pushup": "push up", "pushups": "push up", "pressup": "press up", "situp": "sit up",
    "pullup": "pull up", "chinup": "chin up", "stepup": "step up", "deads": "deadlift",
    "wk": "week", "ea": "each", "jax": "jack", "wod": "wod", "ex": "exercise", "rnd": "round", "rds": "round", "rd": "round", "min": "min",
    "wu": "warm up", "cd": "cool down", "cooldown": "cool down", "warmup": "warm up", "warmups": "warm up",
    "&": "and", "plie": "plie", "sldl": "sldl", "rdl": "rdl", "coolin": "cool", "warming": "warm", "cooling": "cool",
    "w": "w", "bicept": "bicep", "tricept": "tricep", "xbody": "cross body", "crossbody": "cross body",
    "theres": "there", "lets": "let", "todays": "today", "highknees": "high knee", "buttkicks": "butt kick",
    "jumprope": "jump rope", "ropeskipping": "rope skip", "benchpress": "bench press", "legpress": "leg press",
    "armcurl": "arm curl", "legcurl": "leg curl", "stairclimber": "stair climber", "facepull": "face pull",
    "inch": "inch", "rt": "right", "lt": "left", "squad": "squad", "hiits": "hiit", "hips": "hip",
    "singlearm": "1arm", "singleleg": "1leg", "onearm": "1arm", "oneleg": "1leg", "jjs": "jumping jack",
    "jj": "jump jack", "mtn": "mountain", "mt": "mountain", "mtc": "mountain climber", "mcs": "mountain climber",
    "dus": "double under", "hspus": "hspu", "tgus": "tgu", "mus": "mu", "ply": "plie", "rev": "reverse", "switching": "switch", "fig": "figure", "pulldowns": "pulldown", "dl": "deadlift", "dls": "deadlift", "ext": "extension", "hammy": "hamstring", "hammie": "hamstring", "hams": "hamstring",
    "jaks": "jack", "tris": "tricep", "trice": "tricep", "inclined": "incline", "declined": "decline", "rvs": "reverse",
    "deg": "degree", "degs": "degree",
    # "New PR" is no news.
    "news": "news",
    # "Our" is no bear, which is French.
    "ours": "ours",
    # Makers of machines.
    "cybex": "machine", "panatta": "machine", "nautilus": "machine", "icarian": "machine", "gymleco": "machine",
    "technogym": "machine", "precor": "machine", "keiser": "machine", "selectorized": "machine", "selectorised": "machine",
}  # fmt: skip
_KEEP_S = ("ss", "us", "is")


def stem(word: str) -> str:
    """A word without its plural ending. Crude on purpose: names and titles are treated alike."""
    if len(word) < 4 or not word.isascii() or word[-1] != "s":
        return word
    if word.endswith("'s"):
        return word[:-2]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    if word.endswith("ones") and len(word) > 5:
        return word[:-2]
    if word.endswith(("ales", "ores")) and len(word) > 6:
        return word[:-2]
    if word.endswith(_KEEP_S):
        return word
    return word[:-1]


@lru_cache(maxsize=65536)
def canonical(word: str) -> tuple[str, ...]:
    """The canonical forms of a folded word; usually one, several for what stands for several words."""
    if "'" in word:
        word = word[:-2] if word.endswith("'s") else word
        if "'" in word:
            # French and Italian articles: d'ane, l'ours, all'indietro.
            return tuple(part for each in word.split("'") for part in canonical(each) if len(each) > 1) or (word,)
    found = _WORDS.get(word)
    if found is None:
        word = stem(word)
        found = _WORDS.get(word, word)
    return tuple(found.split()) if " " in found else (found,)
