"""Exercises that follow each other in one title: "squats then curls", "1a Push-up 1b Row", "curls x dips superset"."""

from __future__ import annotations

import re

_AFTERWARDS = re.compile(r"(?<!left )(?<!right )\b(?:then|followed by)\b")
_SUPERSET = re.compile(r"\b(?:super|bi|tri|giant)[- ]?sets?\b|\w ss \w")
_PAIRED = re.compile(r"\b((?:super|bi|tri|giant)[- ]?set(?:ted)?) with\b")
# "Curl superset pushdown"; a "superset workout" is one.
_BETWEEN = re.compile(
    r"(?<=[^\W\d]{3}) (?:super|tri|giant)[- ]?set(?:ted)? "
    r"(?!(?:workouts?|circuits?|finishers?|days?|training|routines?|sets?|rounds?|exercises?|for|of|and|on|in|to|one|two|three|[a-z])\b)(?=[^\W\d])"
)
# "Leg extension/curl superset".
_BEHIND_STROKE = re.compile(r"(?<=\w)(/ ?[^\W\d]+) super[- ]?sets?(?=\W*$)")
_BOTH = re.compile(
    r"(?:(?<!clean)(?<!cleans)|(?!\s?\S+\s?(?:press|jerk)))"
    r"(?:\s(?:and|und|y(?! raise)|e|et|x|ss|with|w/|into)\s|\s?[&+]\s?)"
)
# "Flyes - with a twist": how it is done, not what comes next.
_SIGN_WITH = re.compile(r"\s-\s+(?=w(?:ith\b|/))")
# "1a Push-up 1b Row", "A1. Press A2. Row": two places of a list in one title.
_PLACED = re.compile(r"^\W*(?:\d{1,2}[a-d]|[a-d]\d)\b")
_NEXT_PLACE = re.compile(r"(?<=\w)[\s,;/|+-]+(?:\d{1,2}[a-d]|[a-d]\d)\b[.):\]]*\s+(?=[^\W\d])")
# "8 front squats - 10 cal row - 6 pull-ups": what is counted is done; a time or a number of sets behind a dash says how long or how often.
_COUNTED = re.compile(r"^\W*\d")
_LATER = re.compile(r" \d")
_NEXT_COUNTED = re.compile(
    r"(?<=[^\W\d]|\)) +- +(?=\d+(?:/\d+)?[ -]?(?:(?:m|km|k|ft|yds?|met(?:er|re)s?|cals?|calories?|ea) +)?"
    r"(?!(?:x|sets?|reps?|rounds?|rds?|s|secs?|seconds?|m|min|mins|minutes?|hours?|each|per|kgs?|lbs?|times|of|to|more|days?|weeks?)\b)"
    r"[^\W\d]{2,})"
)
# "21 deadlifts 400 m run 12 pull-ups": what begins with a way or an energy is the next of a list; "10 x 20 m sprints" are one.
_NEXT_MEASURED = re.compile(
    r"(?<=[^\W\d]|[)\]])(?<!\bx)(?<!\bof)(?<!\bfor) +(?=\d+(?:/\d+)?[ -]?(?:m|km|k|ft|foot|feet|yds?|yards?|miles?|met(?:er|re)s?|cals?|calories?) +"
    r"(?!(?:x|each|per|of|at|to|in|and|or|with|from|for|box|total)\b)[^\W\d]{2,})"
)
# "Warrior 1 & 2", "Virabhadrasana I, II, III", "warrior pose 2": poses that are numbered; "warrior 2, 3 breaths" is one.
_WHICH = (
    r"(?:[123]|i{1,3}|one|two|three)\b"
    r"(?![:.]?\d| ?(?:x|s|secs?|seconds?|m|mins?|minutes?|reps?|sets?|times|rounds?|breaths?|each|per|min)\b| ?x ?\d)"
)
_WARRIORS = re.compile(
    rf"\b(warrior|vira|virabhadrasana)s?(?: poses?)? ({_WHICH})((?: ?(?:,? ?and |, ?& ?|[,/&+]|to ) ?{_WHICH})*)"
)
_OF_A_ROW = re.compile(r"\w+")


#: Of words of letters alone what follows acts on none but these.
OF_SEQUENCES = frozenset([
    "warrior", "warriors", "vira", "viras", "virabhadrasana", "virabhadrasanas", "then", "followed", "ss", "set", "sets", "setted",
    *(f"{many}{sets}" for many in ("super", "bi", "tri", "giant") for sets in ("set", "sets", "setted")),
])  # fmt: skip


def one_after_the_other(text: str) -> str:
    """A cleaned title with breaks where it says that exercises follow each other: "squats then curls", "a & b superset"."""
    if "warrior" in text or "vira" in text:
        text = _WARRIORS.sub(_warriors, text)
    if "then" in text or "followed by" in text:
        text = _AFTERWARDS.sub(" | ", text)
    if " - w" in text:
        text = _SIGN_WITH.sub(" ", text)
    # Either begins with a number, or with a letter and a number.
    numbered = not text[:2].isalpha()
    if numbered and _LATER.search(text) and _COUNTED.match(text):
        text = _NEXT_MEASURED.sub(" | ", _NEXT_COUNTED.sub(" | ", text) if " - " in text else text)
    if numbered and _PLACED.match(text):
        text = _NEXT_PLACE.sub(" | ", text)
    if not ("set" in text or " ss " in text) or not _SUPERSET.search(text):
        return text
    return _BOTH.sub(" | ", _BEHIND_STROKE.sub(r"\1", _BETWEEN.sub(" | ", _PAIRED.sub(" | ", text))))


def _warriors(row: re.Match[str]) -> str:
    numbers = [row[2], *(each for each in _OF_A_ROW.findall(row[3]) if each not in ("and", "to"))]
    return " | ".join(f"{row[1]} {number}" for number in numbers)
