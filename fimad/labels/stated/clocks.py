"""Times of a title: durations, clocks, time stamps, work and rest; and what all of a title's numbers go into."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from fimad.labels.stated.counted_words import MEASURES, REST, WAYS
from fimad.labels.taxonomy import Lexicon
from fimad.labels.text import Token, canonical

SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
# A clip of a workout states no longer one; what is longer is a time stamp or a promise.
_MAX_CLOCK_S = 1800.0


@dataclass(slots=True)
class Stated:
    """What a title says in numbers.

    Parameters
    ----------
    repetitions : all that are stated, in order.
    bare : position among the words, value: integers that may be repetitions or part of a name.
    prefixed : the title begins with a number that only says its place in a list.
    measured : a way or an energy is stated, as of machines and runs.
    rest_s : a rest that is stated beside the work.
    """

    repetitions: list[int] = field(default_factory=list)
    sets: int | None = None
    duration_s: float | None = None
    rest_s: float | None = None
    tempo: str | None = None
    prefixed: bool = False
    measured: bool = False
    bare: list[tuple[int, int]] = field(default_factory=list)


# In inches: "box jumps 24"".
_BOXES = frozenset(["12", "14", "16", "18", "20", "24", "36"])


def unit_at(found: list[Token], at: int, units: dict[str, str]) -> tuple[str, int]:
    """The unit at a position (a hyphen may stand before it): its kind and where it ends; "" for none."""
    if at < len(found) and found[at].text == "-" and at + 1 < len(found) and found[at + 1].glued:
        at += 1
    if at >= len(found) or found[at].kind not in ("w", "p"):
        return "", at
    text = found[at].text
    if text == '"':
        # The "Big 4": of a quotation that began before it is the end.
        quoted = any(
            each.text == '"' and not (before and found[before - 1].kind == "n")
            for before, each in enumerate(found[:at])
        )
        box = at > 0 and found[at - 1].text in _BOXES and any(each.text == "box" for each in found)
        if quoted:
            return "", at
        # `Step-ups, 24" box x 20`; box jumps are done.
        alone = box and at + 1 < len(found) and found[at + 1].text == "box"
        alone = alone and (at + 2 == len(found) or found[at + 2].kind != "w" or found[at + 2].text == "x")
        return "measure" if box else "second", at + 2 if alone else at + 1
    if text == "'" and found[at].glued:
        if at + 1 < len(found) and found[at + 1].text == "'":
            return "second", at + 2
        return "minute", at + 1
    if text == "inch" and at + 1 < len(found) and found[at + 1].text.startswith("worm"):
        # "5 inch worms".
        return "", at
    if text in MEASURES:
        return "measure", at + 1
    if text == "round" and at + 1 < len(found) and found[at + 1].text.startswith(("kick", "house")):
        # "20 round kicks".
        return "", at
    kind = units.get(text, "")
    return kind, at + 1


def take_clock(found: list[Token], at: int, words: list[str], into: Stated) -> int:
    parts = found[at].text.split(":")
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + (int(part) if part else 0)
    after = at + 1
    if after + 1 < len(found) and found[after].text == "-" and found[after + 1].kind == "c":
        # A range of time stamps says where, not how long.
        return after + 2
    if after < len(found) and found[after].text in ("am", "pm"):
        # "At 4:50 AM".
        return after + 1
    if len(parts) == 2 and 0 < seconds <= _MAX_CLOCK_S:
        if not any(word.isalnum() for word in words) and _is_time_stamp(found, at, parts, seconds):
            words.append(":")
            return after
        if words[-1:] == ["with"] or into.duration_s is not None:
            # "with :03 down" is tempo; "6:00 on / 3:00 rest".
            if into.rest_s is None and after < len(found) and found[after].text in REST:
                into.rest_s = seconds
            return after
        state_duration(found, after, words, into, seconds)
    while after < len(found) and found[after].text in ("min", "mins", "minutes", "minute", "sec", "secs"):
        after += 1
    return after


def _is_time_stamp(found: list[Token], at: int, parts: list[str], seconds: float) -> bool:
    """A clock that a title begins with says when, not how long, where nobody would do it as long: "00:35 Warm up", "14:20 Skaters"."""
    padded = len(parts[0]) == 2 and parts[0][0] == "0"
    return at + 1 < len(found) and (padded or seconds > 360 or seconds % 5 != 0)


# Counted as a tempo is: "4-7-8 breathing".
_BREATHS = frozenset(["breath", "breaths", "breathing"])
# No part of a repetition takes so long, and none has more parts; of no set there are more repetitions.
_LEAST_OF_SETS, _MOST_OF_TEMPO, _MOST_OF_SETS = 10, 4, 100


def _are_sets(values: list[int]) -> bool:
    """Whether numbers are repetitions of sets: "3-3-3-3-3", "21-15-9", "10-20-30"; not those of a tempo, a date, a telephone."""
    steps = [second - first for first, second in pairwise(values)]
    even = min(steps) == max(steps)
    long = max(values) >= _LEAST_OF_SETS or (len(values) > _MOST_OF_TEMPO and min(values) == max(values))
    return long and min(values) > 0 and max(values) <= _MOST_OF_SETS and (even or max(steps) <= 0)


_PUNCHES = frozenset(["combo", "combos", "combination", "combinations"])


def take_tempo(found: list[Token], at: int, words: list[str], into: Stated) -> int:
    """ "3-1-3": the seconds of each part of one repetition. "21-15-9" and "3-3-3-3-3" are the repetitions of so many sets."""
    end = at
    digits = []
    while end < len(found) and found[end].kind == "n":
        digits.append(found[end].text)
        end += 1
        if end < len(found) and found[end].text == "-":
            end += 1
    values = [int(value_of(each)) for each in digits]
    if end < len(found) and found[end].text in _BREATHS:
        # "4-7-8 breathing": how deep.
        words.append("deep")
        return end
    if end < len(found) and found[end].text in _PUNCHES and digits[0] == "1":
        # "Round 3 - 1-2-3 combo": which punches follow each other.
        words += ["1", "2", "combo"]
        return end + 1
    slow = words[-1:] == ["tempo"]
    if not slow and _are_sets(values):
        into.sets = into.sets or len(values)
        if min(values) == max(values):
            into.repetitions.append(values[0])
        return end
    if not slow and max(values) >= _LEAST_OF_SETS:
        # "26-11-2025", "555-123-4567".
        return end
    into.tempo = "-".join(digits)[:16]
    if len(words) > 1 and words[-1] == "tempo":
        words.pop()
    return end


def _is_often(found: list[Token], at: int) -> bool:
    """Whether nothing but "x 8" follows."""
    return len(found) == at + 2 and found[at].text == "x" and found[at + 1].kind == "n"


# Intervals of work and rest are longer.
MOST_A_SIDE = 15


def take_fraction(found: list[Token], at: int, words: list[str], lexicon: Lexicon, into: Stated) -> int:
    text = found[at].text
    first, second = (int(part) for part in text.split("/"))
    if text in lexicon.number_words:
        words.append(text)
    elif (
        not words
        and first % 5 == 0 == second % 5
        and 10 <= first <= 120
        and 5 <= second <= 60
        and _is_often(found, at + 1)
    ):
        # "(20/10 x 8)": work and rest, so many times.
        into.duration_s, into.rest_s, into.sets = float(first), float(second), int(value_of(found[at + 2].text))
        return at + 3
    elif not words and 0 < first <= second <= 60:
        into.prefixed = True
        words.append(":")
    elif at + 1 < len(found) and found[at + 1].text in MEASURES:
        # "20/15 cal": for men and for women.
        into.measured = into.measured or found[at + 1].text in WAYS
        return at + 2
    elif first == second and 5 <= first <= MOST_A_SIDE and words:
        # "Lunges 10/10": so many on each side.
        into.repetitions.append(first)
        words += ["each", "side"]
    elif 5 <= second <= first <= 120 and first % 5 == 0 and second % 5 == 0 and into.duration_s is None and words:
        # "40/20": work and rest. A pair of weights ("50/35") stands in brackets, which come later.
        into.duration_s, into.rest_s = float(first), float(second)
    return at + 1


def value_of(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return 0.0


def set_duration(into: Stated, seconds: float) -> None:
    if into.duration_s is None:
        into.duration_s = seconds
    elif into.rest_s is None and seconds < into.duration_s:
        into.rest_s = seconds


def state_duration(found: list[Token], end: int, words: list[str], into: Stated, seconds: float) -> None:
    """A duration, of the work unless it is said to be of the rest and a name stands before it."""
    if end < len(found) and found[end].text == "mark":
        # "Plank at the 30 minute mark".
        return
    following = canonical(found[end].text)[0] if end < len(found) and found[end].kind == "w" else ""
    named = any(word.isalpha() and word not in REST for word in words)
    resting = following in REST or (bool(words) and words[-1] in REST)
    if (resting and (named or into.duration_s is not None)) or (
        into.duration_s is not None and into.rest_s is None and seconds <= into.duration_s
    ):
        into.rest_s = seconds
    elif into.duration_s is None:
        into.duration_s = seconds


def past_rest(found: list[Token], at: int) -> int:
    """After a duration: "on", "off", "work", and "rest" where it says what the time is of."""
    while at < len(found) and found[at].text in ("on", "off", "work"):
        at += 1
    return at


def second_part(found: list[Token], at: int) -> tuple[float, int]:
    if at + 1 < len(found) and found[at + 1].text in (
        "s",
        "sec",
        "secs",
        "second",
        "seconds",
        "sek",
        "segundos",
        "sekunden",
    ):
        return value_of(found[at].text), at + 2
    return 0.0, at
