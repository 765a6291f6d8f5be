"""Words of pauses and of what is needed, and where they mean something else: "pause in the bottom", "no equipment"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fimad.labels.context.sections import OPENS
from fimad.labels.matching import Match
from fimad.labels.stated.counted_words import CARDINALS
from fimad.labels.text import canonical

# Said of a pause, but parts of other things too.
_WEAK_REST = frozenset([
    "water", "pause", "switch", "breath", "chill", "relax", "transition", "recover", "breathe", "ruhe",
    "wechsel", "cambio", "transición", "transizione", "ara", "mola", "água", "bere", "boire", "trinken",
    "wissel", "reposo", "entspannung", "relajación", "relaxamento", "rilassamento", "respiration",
    "vila",
])  # fmt: skip
CHANGES = frozenset(["switch", "change", "swap"])
_NEEDED = frozenset(["equipment", "equipment needed", "gear", "materials", "material", "matériel"])
_NONE = frozenset(
    canonical(word)[0] for word in ["no", "zero", "without", "minimal", "ohne", "sans", "sin", "sem", "senza", "zonder"]
)
# Of a rest little is said; where more words mean something it is spoken of.
_MOST_BESIDE_REST = 3
VERSUS = frozenset(["vs", "versus"])
# "Yogic breathing", "3-part breath", "nasal breathing 2 min": the words before it say which, and what is stated behind it how long.
_BREATHING = re.compile(
    r"^\W*((?:[a-z0-9][a-z0-9:'’]*[ -]){1,3})breath(?:s|ing)?(?: (?:exercises?|techniques?|practice))?(?:\W+\d.*|\W*x ?\d.*|\W*)$"
)
# "4-6 breathing", "478 breathing".
_COUNTS = re.compile(r"\d(?:[:-]\d)+|\d{3,4}")
_APART = re.compile(r"[ -]+")
# Before a breath they tell no way to breathe: "catch your breath", "quick breath", "rest & breath".
_ANY_BREATH = frozenset([
    "catch", "catching", "take", "taking", "get", "getting", "have", "find", "finding", "your", "the", "my", "our", "and", "or",
    "quick", "just", "one", "two", "few", "couple", "some", "more", "last", "final", "first", "next", "another", "each", "every",
    "for", "to", "of", "with", "in", "on", "at", "by", "between", "rest", "break", "pause", "water", "relax", "recover", "stop",
    "pranayama", "then", "opening", "closing", "long", "short", "no", "not", "out", "while", "keep", "watch", "mind", "about", "hold", "holding",
    "under", "through", "into", "from", "during", "is", "are", "round", "rounds", "min", "mins", "minute", "minutes", "sec", "secs", "seconds",
])  # fmt: skip


def said_of_rest(
    words: Sequence[str], said: list[Match], exercises: bool, named: Match | None, uncovered: int
) -> list[str]:
    """Ids of the words that make a title a rest; none where they say how or when something is done."""
    # "Rest 5 min. Then record your pulse."
    alone = bool(said) and not said[0].start and words[said[0].end : said[0].end + 1] == ["."]
    beside = uncovered >= _MOST_BESIDE_REST and not alone
    if not said or (not exercises and (beside or not VERSUS.isdisjoint(words))):
        # "Hydration, sodium & fasting", "REST vs GraphQL".
        return []
    # "3 second pause in the bottom": where each one is held.
    said = [match for match in said if match.entry.id != "pause" or not _of_a_movement(words, match.end)]
    if not said:
        return []
    first = said[0]
    if exercises and list(words[first.start : first.start + 2]) == ["rest", "pause"]:
        # "Rest-pause curls": a way to do them.
        return []
    strong = [match for match in said if match.entry.id not in _WEAK_REST]
    if exercises and first.entry.id == "other side" and words[first.end : first.end + 1] == [":"]:
        # "Other side: reverse lunges".
        return []
    if not exercises:
        if words[0] == "repeat" and all(match.entry.id == "other side" for match in said):
            return []
        # "Warm up & breathing" opens a workout.
        opens = not strong and first.start > 2 and " ".join(words[:2]) in OPENS
        return [] if opens else [match.entry.id for match in said]
    # "Rest: marching", "break (next: squats)": what comes first is what is done; "squats 40 s, rest 20 s" is squats.
    if strong and named is not None and first.start < named.start and "no" not in words[: first.start + 1]:
        return [match.entry.id for match in strong]
    return []


def breathes(text: str) -> bool:
    """Whether a cleaned title names a way to breathe: "nasal breathing", "elephant breath"."""
    told = _BREATHING.match(text) if "breath" in text else None
    if told is None:
        return False
    words = _APART.split(told[1].strip(" -"))
    if _COUNTS.fullmatch(told[1].strip()):
        return "breathing" in text
    # "Plow pose 5 breaths": how long.
    return words[-1][0].isalpha() and words[-1] not in CARDINALS and _ANY_BREATH.isdisjoint(words)


def _of_a_movement(words: Sequence[str], at: int) -> bool:
    behind = [word for word in words[at : at + 4] if word != "the"]
    return behind[:1] in (["at"], ["in"]) and behind[1:2] in (["bottom"], ["top"], ["hole"], ["middle"])


def none_needed(words: Sequence[str], match: Match) -> bool:
    """Whether it is said that nothing is needed: "home workout, *no equipment*", "equipment-free squats"."""
    if match.entry.id == "free":
        return words[match.start - 1 : match.start] == ["equipment"]
    none = bool(match.start) and words[match.start - 1] in _NONE
    return match.entry.id in _NEEDED and (none or words[match.end : match.end + 1] == ["free"])
