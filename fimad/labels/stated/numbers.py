"""The numbers of a title: repetitions, sets, durations, order, tempo, weights; and those that belong to a name.

"3x12", "15 reps", "40s on / 20s off", "3 sets of 10", "A1)", ":45" are taken off and kept as numbers; "90/90", "21s",
"360", "1-arm", "8-count", "figure 8" stay words. One pass over the tokens, each looked at a bounded number of times.
"""

from __future__ import annotations

from itertools import pairwise

from fimad.labels.stated.clocks import (
    SECONDS,
    Stated,
    past_rest,
    second_part,
    set_duration,
    state_duration,
    take_clock,
    take_fraction,
    take_tempo,
    unit_at,
    value_of,
)
from fimad.labels.stated.counted_words import (
    EACH,
    EACH_OF,
    JOINED_LIMBS,
    LIMBS,
    NUMBERS,
    ON_ALL_FOURS,
    ON_GROUND,
    ORDER,
    REST,
    SLOWLY,
    WAYS,
    is_counted_step,
    is_limb,
    of_each,
    of_many,
)
from fimad.labels.stated.places import abbreviated, after_hash, letter_order, of_a_clock
from fimad.labels.taxonomy import Lexicon
from fimad.labels.text import Token, canonical

# What comes more often is a weight; effort is told of ten.
_MOST_SETS, _MOST_EFFORT = 30, 10
# "0640-0650" says when.
_CLOCK_DIGITS = 4
# So many ways to do it, not so often: "3-way crunch", "hops in 4 directions".
_IN_WAYS = frozenset(["way", "ways", "direction", "directions"])
# As often as can be.
_UNTIL_NO_MORE = frozenset(["amrap", "max", "maximum", "failure", "f"])
_OF_ROUNDS = frozenset(["of", "for", "quality", "the", "following", "each", "this"])
_OF = frozenset(["of", "von", "de", "sur", "di"])
_TOLD_OF = frozenset([*SECONDS, "set", "repetition"])
# Repetitions told set by set; what is less or more is said of other things.
_LEAST_SETS, _LEAST_ALIKE, _LEAST_FALLING, _MOST_IN_A_ROW = 3, 3, 6, 50
_BETWEEN_SETS = frozenset(",/")


def take_numbers(found: list[Token], lexicon: Lexicon, into: Stated) -> list[str]:
    """What is left of the tokens as canonical words and signs; the numbers go into `into`."""
    words: list[str] = []
    at = 0
    size = len(found)
    units = lexicon.units
    while at < size:
        kind, text, glued = found[at]
        if kind == "w":
            at = _word(found, at, words, units, into)
        elif kind == "p":
            if text == "#" and at + 1 < size and found[at + 1].kind == "n":
                at = after_hash(found, at, words, into)
            elif text == "&" or (_joins_limbs(text, words) and is_limb(found, at + 1)):
                # "Opposite arm + leg", "kneeling leg/arm extension".
                words.append("and")
                at += 1
            elif text == "/" and at + 1 < size and found[at + 1].text in EACH_OF and _counted(found, at, units):
                # "12/side".
                words += ["each", "leg" if found[at + 1].text.startswith("leg") else "side"]
                at += 2
            elif (
                text == "-"
                and glued
                and at + 1 < size
                and found[at + 1].glued
                and words
                and (words[-1], found[at + 1].text) in lexicon.pairs
            ):
                # "Figure-4".
                at += 1
            elif (
                text == "-"
                and glued
                and at + 1 < size
                and found[at + 1].glued
                and found[at + 1].kind == "w"
                and words
                and words[-1] != ":"
            ):
                # "push-ups": one name.
                at += 1
            else:
                if text == "." and words and words[-1] in ORDER and at + 1 < size and found[at + 1].kind == "n":
                    # "Ex. 7".
                    at += 1
                    continue
                words.append(text)
                at += 1
        elif kind == "c":
            at = take_clock(found, at, words, into)
        elif kind == "f":
            at = take_fraction(found, at, words, lexicon, into)
        else:
            at = _number(found, at, words, lexicon, into)
    return words


def _joins_limbs(sign: str, words: list[str]) -> bool:
    """Whether two limbs beside a sign move as one. "Arm/leg raises" are two exercises, unless on all fours."""
    if not words or words[-1] not in JOINED_LIMBS:
        return False
    return sign == "+" or (sign == "/" and not ON_ALL_FOURS.isdisjoint(words))


def _counted(found: list[Token], at: int, units: dict[str, str]) -> bool:
    """Whether what stands before is a number or its unit: "12/side", "30 s/leg", not "arm/leg"."""
    return at > 0 and (found[at - 1].kind in ("n", "c") or found[at - 1].text in units)


def _word(found: list[Token], at: int, words: list[str], units: dict[str, str], into: Stated) -> int:
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
                if (
                    (into.repetitions or timed)
                    and into.sets is None
                    and kind != "repetition"
                    and (end >= size or timed)
                    and value <= _MOST_SETS
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
    if 0 < sets <= _MOST_SETS and repetitions <= 1000:
        into.sets = into.sets or int(sets)
        into.repetitions.append(int(repetitions))
    return end if kind in ("repetition", "set") else at + 4


def _number(found: list[Token], at: int, words: list[str], lexicon: Lexicon, into: Stated) -> int:
    text = found[at].text
    value = value_of(text)
    size = len(found)
    units = lexicon.units
    following = found[at + 1] if at + 1 < size else None
    counted = (
        following is not None and lexicon.units.get(following.text) in ("repetition", "set") and following.text != "x"
    )
    if words and text.isdigit() and not counted and (words[-1], text) in lexicon.pairs:
        # "Warrior 1", "figure 8s": part of a name.
        words.append(text)
        return at + 2 if following is not None and following.text == "s" and following.glued else at + 1
    if (
        found[at].glued
        and at
        and found[at - 1].kind == "w"
        and following is not None
        and following.glued
        and following.text in "abcdefgx"
    ):
        # "P90X": a name of its own.
        return at + 1
    effort = words[-1:] in (["@"], ["rpe"]) or words[-2:] in (["rpe", "@"], ["rpe", ":"])
    if following is not None and following.text == "x" and at + 2 < size and _explodes(found, at, words):
        into.tempo = "-".join([*text, "x", found[at + 2].text])
        while words and words[-1] in ("@", "tempo"):
            words.pop()
        return at + 4 if at + 3 < size and found[at + 3].text == "tempo" else at + 3
    if at and found[at - 1].text == "every" and unit_at(found, at + 1, units)[0] == "repetition":
        # "5 V-ups every 10 reps".
        return at + 2
    heavy = words[-1:] == ["@"] and bool(into.repetitions) and _is_plural(found, at + 1)
    if effort and (value <= _MOST_EFFORT or words[-1] == "@") and (heavy or not unit_at(found, at + 1, units)[0]):
        # "@8", "@ 100", "3x10 @ 70s".
        while words and words[-1] in ("@", "rpe", ":"):
            words.pop()
        return at + 2 if heavy else at + 1
    if words[-1:] == ["at"] and (into.sets or into.repetitions) and not unit_at(found, at + 1, units)[0]:
        # "3x10 at 60", "4 sets at 50 55 60": so heavy.
        return at + 1
    if following is None:
        return _bare(found, at, words, lexicon, into, value)
    end = _of_each_set(found, at, words, units, into)
    if end:
        return end
    if following.text == "rd" and following.glued and text.endswith("3") and not text.endswith("13"):
        # "Every 3rd step" is no round; "3rd round" is one.
        return at + 2
    # "3x12", "3 x 12 reps", "3 x 30 s", "2x24kg".
    if following.text == "x" and at + 2 < size and found[at + 2].kind == "n":
        second = value_of(found[at + 2].text)
        kind, end = unit_at(found, at + 3, units)
        until, stop = unit_at(found, at + 5, units)
        if (
            not kind
            and until in SECONDS
            and _is_range(found, at + 2)
            and not {each.text for each in found[stop : stop + 1]} & REST
        ):
            # "2 x 30-40 s"; in "3 x 1 - 2 min rest" the time is another.
            kind, end = until, stop
        unit = found[end - 1].text
        if unit in WAYS or (unit == "m" and second > 15):
            # "10 x 20 m": so often so far.
            into.sets, into.measured = into.sets or int(value), True
            return end
        if kind == "measure":
            return end
        if kind in SECONDS and end > at + 3:
            into.sets = into.sets or int(value)
            set_duration(into, second * SECONDS[kind])
            return end
        if at + 4 < size and found[at + 3].text == "x" and found[at + 4].kind == "n" and value > _MOST_SETS:
            # "135x8x3": so heavy, so often, so many times.
            into.repetitions.append(int(second))
            into.sets = into.sets or int(value_of(found[at + 4].text))
            return at + 5
        # "180x3", "62.5 x 5": so heavy, so often.
        if value <= _MOST_SETS and value == int(value):
            into.sets = into.sets or int(value)
        if second <= 1000:
            into.repetitions.append(int(second))
        end = _past_range(found, end if kind == "repetition" else at + 3)
        # "3x10 40s": with two of so many pounds.
        heavy = end + 2 == size and found[end].kind == "n" and _is_plural(found, end + 1)
        return end + 2 if heavy else end
    if following.text == "x" and at + 2 < size and found[at + 2].text in _UNTIL_NO_MORE and value <= _MOST_SETS:
        # "3 x AMRAP", "4xF".
        into.sets = into.sets or int(value)
        return at + 3
    # Ranges: the least is what is asked for.
    if following.text == "-" and at + 2 < size and found[at + 2].kind == "n":
        dash = at + 3 < size and found[at + 3].text == "-"
        named = at + 3 + dash
        told = named < size and found[named].text != "x" and unit_at(found, at + 3, units)[0] in _TOLD_OF
        if (text, found[at + 2].text) in lexicon.pairs and named < size and found[named].kind == "w" and not told:
            # "1-2 combo", "90-90 switch", "1-2-hook".
            words += [text, found[at + 2].text]
            return named
        if at + 4 < size and found[at + 3].text == "-" and found[at + 4].kind == "n":
            return take_tempo(found, at, words, into)
        kind, end = unit_at(found, at + 3, units)
        if kind:
            return _with_unit(found, at, end, words, into, value, kind)
        if not words and found[at + 2].glued:
            if len(text) < _CLOCK_DIGITS:
                into.repetitions.append(int(value))
            return at + 3
        last = at + 3 == size and found[at + 2].glued and value < value_of(found[at + 2].text)
        if last and words and words[-1].isalpha() and words[-1] not in ORDER:
            # "Dips 8-12".
            return _bare(found, at, words, lexicon, into, value) + 2
    if following.text == "to" and at + 2 < size and found[at + 2].kind == "n" and value < value_of(found[at + 2].text):
        kind, end = unit_at(found, at + 3, units)
        if kind in _TOLD_OF and words[-1:] != ["from"]:
            # "10 to 12 reps".
            return _with_unit(found, at, end, words, into, value, kind)
        if not kind and at and found[at - 1].text == "of":
            # "4 sets of 6 to 8".
            return _bare(found, at, words, lexicon, into, value) + 2
    kind, end = unit_at(found, at + 1, units)
    if kind:
        unit = found[end - 1].text
        attached = found[end - 1].glued and end == at + 2
        if attached and unit == "s" and text in ("360", "21", "180"):
            name = text if text != "21" else "21"
            curls = any(each.text.startswith(("curl", "bicep")) for each in found)
            alone = size == 2
            if text == "360" or (text == "21" and (curls or alone)) or (text == "180" and not alone):
                words.append(name)
                return end
        if unit == "m" and (value > 15 or not attached or any(each.text in ON_GROUND for each in found)):
            # "40 m" is a way; "20 m. climbers" counts.
            if attached or not any(each.text.startswith("climb") for each in found[end : end + 2]):
                into.measured = into.measured or value > 15
                return end
            return _bare(found, at, words, lexicon, into, value)
        if unit == "x" and not attached and end < size:
            kind = "repetition"
        return _with_unit(found, at, end, words, into, value, kind)
    lettered = following.kind == "w" and following.glued and len(following.text) == 1 and following.text in "abcdef"
    if lettered and value <= 20 and not any(word.isalnum() for word in words) and at + 2 < size:
        # "1B. Row".
        end = at + 3 if found[at + 2].kind == "p" else at + 2
        into.prefixed = True
        words.append(":")
        return end
    # A place in a list: "1.", "04)", "7 -", "2:" at the beginning; "A1)" and "B2:" come here by way of `prefix`.
    leading = not any(word.isalnum() for word in words)
    if leading and len(text) == 2 and text[0] == "0" and following.kind == "w" and not kind:
        # "02 SQUATS".
        into.prefixed = True
        words.append(":")
        return at + 1
    leading = leading or (words[-1] in "/|" and following.text in (":", ")"))
    if leading and following.kind == "p" and following.text in (".", ")", ":", "-", "]", "|", ">") and at + 2 < size:
        limb = found[at + 2].text in LIMBS and following.text == "-"
        name = f"{text}-{found[at + 2].text}" if following.text == "-" and found[at + 2].glued else ""
        if not limb and not (name and value > 100) and not (name and found[at + 2].text in ("count", "minute", "to")):
            into.prefixed = True
            words.append(":")
            return at + 2
    if words and words[-1] in ORDER and text.isdigit() and not is_counted_step(words):
        words.append("#")
        end = at + 1
        if following.text in _OF and at + 2 < size and found[at + 2].kind == "n":
            # "Interval 5 of 12".
            end = at + 3
            if end < size:
                words.append(":")
            return end
        if _is_range(found, at) and found[at + 2].glued and (at + 3 == size or found[at + 3].text == ":"):
            # "Round 7-8: double unders".
            end = at + 3
            following = found[end] if end < size else following
        if end < size and following.text in (".", ")", "-", ":", "|", ","):
            end += 1
        if end < size:
            words.append(":")
        return end
    if following.text == "total" and not (at + 2 < size and found[at + 2].text == "body"):
        into.repetitions.append(int(value))
        return at + 2
    if following.text == "#":
        return at + 2
    each = at + 2 < size and found[at + 2].text in EACH
    if (
        following.kind == "w"
        and following.text in ("on", "work")
        and into.duration_s is None
        and value >= 5
        and not each
    ):
        into.duration_s = value
        return past_rest(found, at + 1)
    if following.text == "off" and into.duration_s is not None:
        into.rest_s = value
        return at + 2
    return _bare(found, at, words, lexicon, into, value)


def _is_range(found: list[Token], at: int) -> bool:
    """Whether a number goes on to a greater one: "30-40"."""
    ahead = found[at + 1 : at + 3]
    if len(ahead) < 2 or ahead[0].text != "-" or ahead[1].kind != "n":
        return False
    return value_of(found[at].text) < value_of(ahead[1].text)


def _is_plural(found: list[Token], at: int) -> bool:
    """Whether an s stands right behind a number: "70s"."""
    return at < len(found) and found[at].text == "s" and found[at].glued


def _of_each_set(found: list[Token], at: int, words: list[str], units: dict[str, str], into: Stated) -> int:
    """ "Bench 10 10 8", "curls 12, 10, 8", "12/10/8": the repetitions of each set; where they end, 0 if they are none."""
    if words[-1:] and words[-1] in ORDER:
        return 0
    values: list[float] = []
    end = at
    while end < len(found) and found[end].kind == "n" and len(values) < _MOST_SETS:
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


def _explodes(found: list[Token], at: int, words: list[str]) -> bool:
    """Whether "21X0" is a tempo with an upward part as fast as can be: nothing is done no times, and the rest is said to be one."""
    last = found[at + 2]
    if len(found[at].text) != 2 or len(last.text) != 1 or last.kind != "n" or not (found[at + 1].glued and last.glued):
        return False
    return (
        last.text == "0" or words[-1:] in (["@"], ["tempo"]) or (at + 3 < len(found) and found[at + 3].text == "tempo")
    )


def _past_range(found: list[Token], at: int) -> int:
    if at + 1 < len(found) and found[at].text == "-" and found[at + 1].kind == "n":
        return at + 2
    return at


def _with_unit(found: list[Token], at: int, end: int, words: list[str], into: Stated, value: float, kind: str) -> int:
    size = len(found)
    if kind == "measure":
        into.measured = into.measured or found[end - 1].text in WAYS
        return end
    if kind in SECONDS:
        seconds = value * SECONDS[kind]
        # "1 min 30 sec".
        if kind == "minute" and end < size and found[end].kind == "n":
            nested, stop = second_part(found, end)
            seconds, end = seconds + nested, stop
        slow = end < size and (found[end].text in SLOWLY or (words[-1:] == [","] and found[end].text == "hold"))
        if seconds <= _MOST_EFFORT and slow:
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
            told = behind in ("at", "@") or (not words and of_each(found, end + 2)[0])
            if told and value_of(found[end + 1].text) <= 1000:
                # "3 sets of 5 at 185", "(3 sets of 12 each)".
                into.repetitions.append(int(value_of(found[end + 1].text)))
                return end + 2
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


def _bare(found: list[Token], at: int, words: list[str], lexicon: Lexicon, into: Stated, value: float) -> int:
    text = found[at].text.lstrip("0") or "0"
    following = found[at + 1].text if at + 1 < len(found) else ""
    if text.isdigit() and value <= 1000 and words[-1:] not in (["every"], ["at"]):
        each, alone = of_each(found, at + 1)
        if value == 1 and following not in LIMBS and following != "-" and not each:
            # "1 plank": one of it; a place in a list more often than not.
            return at + 1
        if (words and words[-1] == "of") or (each and (words or (alone and at == 0))):
            into.repetitions.append(int(value))
            return at + 1
        if following == "-" and at + 2 < len(found) and found[at + 2].text in LIMBS:
            words.append(text)
            return at + 2
        if following in _IN_WAYS or (following == "-" and at + 2 < len(found) and found[at + 2].text in _IN_WAYS):
            words.append(text)
            return at + 1 if following in _IN_WAYS else at + 2
        if value == 2 and following in ("arm", "arms") and (at + 2 == len(found) or found[at + 2].kind == "p"):
            # "Swing - 2 arm": with both.
            return at + 2
        into.bare.append((len(words), int(value)))
        words.append(text)
    if value > 1000 and following == "steps":
        # "5000 steps": how far one walks.
        return at + 2
    return at + 1
