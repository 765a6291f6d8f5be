"""Words between numbers that count: "five sets of five", "x 10 x 3", "thirty second plank"."""

from __future__ import annotations

from fimad.labels.stated.clocks import SECONDS, Stated, set_duration, state_duration, unit_at, value_of
from fimad.labels.stated.counted_words import EACH, EACH_OF, MEASURES, NUMBERS, of_many
from fimad.labels.stated.places import abbreviated, letter_order, of_a_clock
from fimad.labels.stated.series import MOST_SETS
from fimad.labels.text import Token, canonical

# What is held no longer is held over and over: "hold 5 s x 10".
_MOMENT_S = 10.0
# Words that may count, besides single letters. All others are left as they are.
COUNTING = frozenset([*NUMBERS, "min", "minute", "every", "ea"])


def take_word(found: list[Token], at: int, words: list[str], units: dict[str, str], into: Stated) -> int:
    """Take a word of a title: a number, a unit of one, or one of the words that are left; where it ends."""
    text = found[at].text
    size = len(found)
    if len(text) == 1 and at + 1 < size:
        end = letter_order(found, at, words, into)
        if end:
            return end
    if text == "r" and not at and size > 2 and found[1].kind == "n" and found[1].glued and found[2].kind == "w":
        # "R5 heavy bag": a round, while "R 5" is five on the right.
        into.prefixed = True
        words.append(":")
        return 2
    if text == "x":
        # "x15", "x 30s", "x 3 sets".
        if at + 1 < size and found[at + 1].kind == "n":
            value = value_of(found[at + 1].text)
            if at + 3 < size and found[at + 2].text == "x" and found[at + 3].kind == "n":
                return _times_times(found, at, units, into)
            kind, end = unit_at(found, at + 2, units)
            if kind == "minute" and found[end - 1].text == "m" and value > 15:
                # "10 x 20 m" is a way.
                into.measured = True
            elif kind in SECONDS:
                set_duration(into, value * SECONDS[kind])
            elif kind == "set":
                into.sets = into.sets or int(value)
            elif kind == "measure":
                pass
            else:
                end = end if kind == "repetition" else at + 2
                last = _before_sides(found, at)
                timed = into.duration_s is not None and (
                    found[last].text in "\"'"
                    or units.get(found[last].text) in SECONDS
                    or (found[last].kind == "c" and last > 0 and found[last - 1].text == "every")
                )
                held = timed and "hold" in words and (into.duration_s or 0.0) <= _MOMENT_S
                if (
                    not held
                    and (into.repetitions or timed)
                    and into.sets is None
                    and kind != "repetition"
                    and (end >= size or timed)
                    and value <= MOST_SETS
                    # "60 kg x 10, 80 kg x 8": so heavy, so often.
                    and found[at - 1].text not in MEASURES
                ):
                    # "12 per side x 3", "every 90 s x 4: squats".
                    into.sets = int(value)
                elif 0 < value <= 1000:
                    into.repetitions.append(int(value))
            return end
        words.append("x")
        return at + 1
    short, end = abbreviated(found, at)
    if short:
        words += short
        return end
    if not words:
        end = of_a_clock(found, at, words, units, into)
        if end:
            return end
    if text in NUMBERS and not (at and found[at - 1].kind == "n"):
        value = NUMBERS[text]
        kind, end = unit_at(found, at + 1, units)
        if kind in SECONDS and end == at + 2 and len(found[at + 1].text) > 2:
            state_duration(found, end, words, into, value * SECONDS[kind])
            return end
        if kind in ("repetition", "set") and len(found[at + 1].text) > 2 and value >= 2:
            if kind == "set":
                into.sets = into.sets or int(value)
                if end + 1 < size and found[end].text == "of" and NUMBERS.get(found[end + 1].text, 0) >= 2:
                    # "Five sets of five".
                    counts, after = unit_at(found, end + 2, units)
                    if counts in ("", "repetition"):
                        into.repetitions.append(int(NUMBERS[found[end + 1].text]))
                        return after if counts else end + 2
            else:
                into.repetitions.append(int(value))
            return end
        if 100 > value >= 2 and not words and of_many(found, at + 1, value):
            into.bare.append((len(words), int(value)))
            words.append(str(int(value)))
            return at + 1
    if text == "a" and at and found[at - 1].kind == "n" and at + 1 < size and found[at + 1].text in EACH_OF:
        # "12 a side".
        words += ["each", found[at + 1].text]
        return at + 2
    words.extend(canonical(text))
    # "12 ea. leg": no end of a phrase.
    return at + 2 if text == "ea" and at + 1 < size and found[at + 1].text == "." else at + 1


def _before_sides(found: list[Token], at: int) -> int:
    """The last token before `at` that does not say of which side a number is: of "30 s/side" the unit."""
    at -= 1
    while at > 0 and (found[at].text in EACH or found[at].text in EACH_OF or found[at].text == "/"):
        at -= 1
    return at


def _times_times(found: list[Token], at: int, units: dict[str, str], into: Stated) -> int:
    """ "x 10 x 3", "x3 x10", "x 3 x 30 s": of two plain numbers the lesser is the sets."""
    first, second = (value_of(found[each].text) for each in (at + 1, at + 3))
    kind, end = unit_at(found, at + 4, units)
    if kind in SECONDS:
        into.sets = into.sets or int(first)
        set_duration(into, second * SECONDS[kind])
        return end
    if kind == "measure":
        into.repetitions.append(int(first))
        return end
    sets, repetitions = (first, second) if first < second and kind != "set" else (second, first)
    if 0 < sets <= MOST_SETS and repetitions <= 1000:
        into.sets = into.sets or int(sets)
        into.repetitions.append(int(repetitions))
    return end if kind in ("repetition", "set") else at + 4
