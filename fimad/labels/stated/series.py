"""Numbers that follow each other: ranges ("7-8"), the repetitions of each set ("12, 10, 8"), tempos with an x ("21X0")."""

from __future__ import annotations

from itertools import pairwise

from fimad.labels.stated.clocks import (
    SECONDS,
    Stated,
    past_rest,
    second_part,
    state_duration,
    unit_at,
    value_of,
)
from fimad.labels.stated.counted_words import (
    ORDER,
    SLOWLY,
    WAYS,
    of_each,
)
from fimad.labels.text import Token

# What comes more often is a weight; effort is told of ten.
MOST_SETS, MOST_EFFORT = 30, 10
_OF_ROUNDS = frozenset(["of", "for", "quality", "the", "following", "each", "this"])
# Repetitions told set by set; what is less or more is said of other things.
_LEAST_SETS, _LEAST_ALIKE, _LEAST_FALLING, _MOST_IN_A_ROW = 3, 3, 6, 50
# "Dominadas, 4 series de 4": by other names than of rounds, which are made of several things.
_SERIES = frozenset(["series", "serie", "satze", "satz"])
_BETWEEN_SETS = frozenset(",/")


def is_range(found: list[Token], at: int) -> bool:
    """Whether a number goes on to a greater one: "30-40"."""
    ahead = found[at + 1 : at + 3]
    if len(ahead) < 2 or ahead[0].text != "-" or ahead[1].kind != "n":
        return False
    return value_of(found[at].text) < value_of(ahead[1].text)


def is_plural(found: list[Token], at: int) -> bool:
    """Whether an s stands right behind a number: "70s"."""
    return at < len(found) and found[at].text == "s" and found[at].glued


def of_each_set(found: list[Token], at: int, words: list[str], units: dict[str, str], into: Stated) -> int:
    """ "Bench 10 10 8", "curls 12, 10, 8", "12/10/8": the repetitions of each set; where they end, 0 if they are none."""
    if words[-1:] and words[-1] in ORDER:
        return 0
    values: list[float] = []
    end = at
    while end < len(found) and found[end].kind == "n" and len(values) < MOST_SETS:
        values += map(value_of, found[end].text.split(","))
        end += 1
        if end + 1 < len(found) and found[end].text in _BETWEEN_SETS and found[end + 1].kind == "n":
            end += 1
    kind, after = unit_at(found, end, units)
    falling = all(first >= second for first, second in pairwise(values))
    if len(values) < _LEAST_SETS or not falling or kind not in ("", "repetition") or not (words or into.sets):
        return 0
    # "5/3/1" is a programme, "12/10/08" a date.
    dated = any(each.text[0] == "0" for each in found[at:end])
    least = _LEAST_ALIKE if values[0] == values[-1] else _LEAST_FALLING
    if dated or not least <= values[0] <= _MOST_IN_A_ROW or any(each % 1 for each in values):
        return 0
    into.sets = into.sets or len(values)
    if values[0] == values[-1]:
        into.repetitions.append(int(values[0]))
    return after if kind else end


def explodes(found: list[Token], at: int, words: list[str]) -> bool:
    """Whether "21X0" is a tempo with an upward part as fast as can be: nothing is done no times, and the rest is said to be one."""
    last = found[at + 2]
    if len(found[at].text) != 2 or len(last.text) != 1 or last.kind != "n" or not (found[at + 1].glued and last.glued):
        return False
    return (
        last.text == "0" or words[-1:] in (["@"], ["tempo"]) or (at + 3 < len(found) and found[at + 3].text == "tempo")
    )


def past_range(found: list[Token], at: int) -> int:
    if at + 1 < len(found) and found[at].text == "-" and found[at + 1].kind == "n":
        return at + 2
    return at


# They may be written before the seconds without a blank.
_MINUTES = frozenset(["'", "min", "mn", "m"])


# Before a time, with an exercise before them: "cada 90 segundos", "toutes les 2 min".
_EVERY = (["every"], ["alle"], ["cada"], ["ogni"], ["toute", "les"])


def _every(words: list[str]) -> int:
    """How many words at the end say "every", if what is done stands before them; else 0."""
    said = next((len(each) for each in _EVERY if words[-len(each) :] == each), 0)
    return said if any(word[0].isalpha() and len(word) > 1 for word in words[:-said]) else 0


def take_with_unit(
    found: list[Token], at: int, end: int, words: list[str], into: Stated, value: float, kind: str
) -> int:
    """Take a number with its unit; where they end."""
    size = len(found)
    if kind == "measure":
        into.measured = into.measured or found[end - 1].text in WAYS
        return end
    if kind in SECONDS:
        seconds = value * SECONDS[kind]
        # "1 min 30 sec".
        if kind == "minute" and end < size and found[end].kind == "n":
            nested, stop = second_part(found, end)
            if not nested and found[end - 1].text in _MINUTES and found[end].glued:
                # "1'30", "1min30".
                nested, stop = value_of(found[end].text), end + 1
            seconds, end = seconds + nested, stop
        said = _every(words)
        if said:
            # "Clean and jerks, every 90 seconds", "burpees every 2 min x 5": when the next one begins, and how often.
            del words[-said:]
            often = end + 1 < size and found[end].text == "x" and found[end + 1].kind == "n"
            if often:
                into.sets = into.sets or int(value_of(found[end + 1].text))
            return end + 2 if often else end
        slow = end < size and (found[end].text in SLOWLY or (words[-1:] == [","] and found[end].text == "hold"))
        if seconds <= MOST_EFFORT and slow:
            return end  # "3 sec pause squats", "squat 3s down": how each is done.
        if words[-1:] == ["with"] or words[-2:] in (["with", "a"], ["with", "1"]):
            # "Bridges with a 2-second squeeze": how, not how long.
            return end
        state_duration(found, end, words, into, seconds)
        return past_rest(found, end)
    if kind == "set":
        if words and words[-1] in ("x",):
            words.pop()
        into.sets = into.sets or int(value)
        # "3 sets of 10", "2 sets x 15".
        if (
            end + 1 < size
            and found[end].text in ("of", "de", "a", "von", "da", "di", "x")
            and found[end + 1].kind == "n"
        ):
            behind = found[end + 2].text if end + 2 < size else ""
            told = found[end - 1].text in _SERIES and end + 2 == size
            told = told or behind in ("at", "@") or (not words and of_each(found, end + 2)[0])
            stop = end + 4 if is_range(found, end + 1) and found[end + 2].glued else end + 2
            if words and found[end - 1].text.startswith("set") and found[stop : stop + 1]:
                # "Pulldown: 3 sets of 10-12, 60 s rest".
                row = stop + 2 < size and found[stop + 1].kind == "n" and found[stop + 2].kind == "p"
                ends = found[stop].text in (*",-|;(", "per", "each") and not row
                told = told or (ends and value_of(found[end + 1].text) % 1 == 0)
            if told and value_of(found[end + 1].text) <= 1000:
                # "3 sets of 5 at 185", "(3 sets of 12 each)".
                into.repetitions.append(int(value_of(found[end + 1].text)))
                return stop
            return end + 1 if found[end].text != "x" else end
        if not words and all(token.kind == "p" or token.text in _OF_ROUNDS for token in found[end:]):
            # "5 rounds of:", "3 rounds for quality".
            words.append("round" if found[end - 1].text.startswith("round") else "set")
        return end
    if end < size and found[end].text in ("max", "maximum"):
        # "1 rep max".
        return end + 1
    if 0 < value <= 1000 and value == int(value):
        into.repetitions.append(int(value))
    return end
