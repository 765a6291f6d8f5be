"""The numbers of a title: repetitions, sets, durations, order, tempo, weights; and those that belong to a name.

"3x12", "15 reps", "40s on / 20s off", "3 sets of 10", "A1)", ":45" are taken off and kept as numbers; "90/90", "21s",
"360", "1-arm", "8-count", "figure 8" stay words. One pass over the tokens, each looked at a bounded number of times.
"""

from __future__ import annotations

from fimad.labels.matching import is_cjk, segment
from fimad.labels.stated.clocks import (
    MOST_A_SIDE,
    SECONDS,
    Stated,
    past_rest,
    set_duration,
    take_clock,
    take_fraction,
    take_tempo,
    unit_at,
    value_of,
)
from fimad.labels.stated.counted_words import (
    EACH,
    EACH_OF,
    FEET,
    JOINED_LIMBS,
    LIMBS,
    ON_ALL_FOURS,
    ON_GROUND,
    ORDER,
    REST,
    WAYS,
    by_side,
    is_counted_step,
    is_limb,
    of_each,
    on_either_side,
)
from fimad.labels.stated.in_words import COUNTING, take_word
from fimad.labels.stated.places import after_hash
from fimad.labels.stated.series import (
    MOST_EFFORT,
    MOST_SETS,
    explodes,
    is_plural,
    is_range,
    of_each_set,
    past_range,
    take_with_unit,
)
from fimad.labels.taxonomy import Lexicon
from fimad.labels.text import Token, canonical, tokens

# "0640-0650" says when.
_CLOCK_DIGITS = 4
# So many ways to do it, not so often: "3-way crunch", "hops in 4 directions".
_IN_WAYS = frozenset(["way", "ways", "direction", "directions"])
# As often as can be.
# "45 degree back raises": at which angle.
_OF_ANGLES = frozenset(["degree", "degrees", "deg"])
_UNTIL_NO_MORE = frozenset(["amrap", "max", "maximum", "failure", "f"])
_UNTIL = frozenset(["to", "until", "bis", "zum", "hasta", "al", "a", "ate", "fino", "jusqu'a", "jusqu", "jusque"])
_FAILURE = frozenset(
    ["failure", "versagen", "muskelversagen", "fallo", "falha", "cedimento", "echec", "l'echec", "esaurimento"]
)
_OF = frozenset(["of", "von", "de", "sur", "di"])
_TOLD_OF = frozenset([*SECONDS, "set", "repetition"])


def take_words(text: str, lexicon: Lexicon, into: Stated, most: int) -> list[str]:
    """The canonical words and signs of a cleaned text, of `most` tokens at most; the numbers go into `into`."""
    plain = text.split()
    if text.isascii() and "".join(plain).isalpha() and COUNTING.isdisjoint(plain):
        return [form for word in plain[:most] for form in canonical(word)]
    pieces = tokens(text)
    if not text.isascii():
        pieces = _cut(pieces, lexicon)
    return take_numbers(pieces[:most], lexicon, into)


def _cut(pieces: list[Token], lexicon: Lexicon) -> list[Token]:
    """Runs of scripts without blanks, cut into known words and units."""
    cut: list[Token] = []
    for piece in pieces:
        if piece.kind == "w" and is_cjk(piece.text) and piece.text not in lexicon.words:
            parts = segment(piece.text, lexicon)
            cut += [Token("w", part, piece.glued if not at else True) for at, part in enumerate(parts)]
        else:
            cut.append(piece)
    return cut


def take_numbers(found: list[Token], lexicon: Lexicon, into: Stated) -> list[str]:
    """What is left of the tokens as canonical words and signs; the numbers go into `into`."""
    words: list[str] = []
    at = 0
    size = len(found)
    units = lexicon.units
    while at < size:
        token = found[at]
        kind, text, glued = token.kind, token.text, token.glued
        if kind == "w":
            if text == "x" and by_side(found, at) and _counted(found, at, units):
                words += EACH_OF[found[at + 1].text]
                at += 2
            elif len(text) > 1 and text not in COUNTING:
                words.extend(canonical(text))
                at += 1
            else:
                at = take_word(found, at, words, units, into)
        elif kind == "p":
            if text == "#" and at + 1 < size and found[at + 1].kind == "n":
                at = after_hash(found, at, words, into)
            elif text == "&" or (_joins_limbs(text, words) and is_limb(found, at + 1)):
                # "Opposite arm + leg", "kneeling leg/arm extension".
                words.append("and")
                at += 1
            elif text == "/" and at + 1 < size and found[at + 1].text in EACH_OF and _counted(found, at, units):
                # "12/side".
                words += EACH_OF[found[at + 1].text]
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


def _until_failure(found: list[Token], at: int) -> int:
    """Behind "to failure" in one of the languages; 0 where it isn't said."""
    ends = (end for end in range(at, min(at + 4, len(found))) if found[end].text in _FAILURE)
    return next(ends, -1) + 1 if found[at].text in _UNTIL else 0


def _joins_limbs(sign: str, words: list[str]) -> bool:
    """Whether two limbs beside a sign move as one. "Arm/leg raises" are two exercises, unless on all fours."""
    if not words or words[-1] not in JOINED_LIMBS:
        return False
    return sign == "+" or (sign == "/" and not ON_ALL_FOURS.isdisjoint(words))


def _counted(found: list[Token], at: int, units: dict[str, str]) -> bool:
    """Whether what stands before is a number or its unit: "12/side", "30 s/leg", not "arm/leg"."""
    return at > 0 and (found[at - 1].kind in ("n", "c") or found[at - 1].text in units)


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
    if following is not None and following.text == "x" and at + 2 < size and explodes(found, at, words):
        into.tempo = "-".join([*text, "x", found[at + 2].text])
        while words and words[-1] in ("@", "tempo"):
            words.pop()
        return at + 4 if at + 3 < size and found[at + 3].text == "tempo" else at + 3
    if at and found[at - 1].text == "every" and unit_at(found, at + 1, units)[0] == "repetition":
        # "5 V-ups every 10 reps".
        return at + 2
    heavy = words[-1:] == ["@"] and bool(into.repetitions) and is_plural(found, at + 1)
    if effort and (value <= MOST_EFFORT or words[-1] == "@") and (heavy or not unit_at(found, at + 1, units)[0]):
        # "@8", "@ 100", "3x10 @ 70s".
        while words and words[-1] in ("@", "rpe", ":"):
            words.pop()
        return at + 2 if heavy else at + 1
    if words[-1:] == ["at"] and (into.sets or into.repetitions) and not unit_at(found, at + 1, units)[0]:
        # "3x10 at 60", "4 sets at 50 55 60": so heavy.
        return at + 1
    if following is None:
        return _bare(found, at, words, lexicon, into, value)
    if words and 2 <= value <= MOST_A_SIDE and (end := on_either_side(found, at)):
        into.repetitions.append(int(value))
        words += ["each", "side"]
        return end
    if words and by_side(found, at + 1):
        into.repetitions.append(int(value))
        return at + 1
    end = of_each_set(found, at, words, units, into)
    if end:
        return end
    if following.text == "rd" and following.glued and text.endswith("3") and not text.endswith("13"):
        # "Every 3rd step" is no round; "3rd round" is one.
        return at + 2
    # "3x12", "3 x 12 reps", "3 x 30 s", "2x24kg".
    if following.text == "x" and at + 2 < size and found[at + 2].kind == "n":
        second = value_of(found[at + 2].text)
        kind, end = ("", at + 3) if by_side(found, at + 3) else unit_at(found, at + 3, units)
        until, stop = unit_at(found, at + 5, units)
        if (
            not kind
            and until in SECONDS
            and is_range(found, at + 2)
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
            if unit in FEET:
                # "4 x 50 ft".
                into.sets = into.sets or int(value)
            return end
        if kind in SECONDS and end > at + 3:
            into.sets = into.sets or int(value)
            set_duration(into, second * SECONDS[kind])
            return end
        if at + 4 < size and found[at + 3].text == "x" and found[at + 4].kind == "n" and value > MOST_SETS:
            # "135x8x3": so heavy, so often, so many times.
            into.repetitions.append(int(second))
            into.sets = into.sets or int(value_of(found[at + 4].text))
            return at + 5
        # "180x3", "62.5 x 5": so heavy, so often.
        if value <= MOST_SETS and value == int(value):
            into.sets = into.sets or int(value)
        if second <= 1000:
            into.repetitions.append(int(second))
        end = past_range(found, end if kind == "repetition" else at + 3)
        # "3x10 40s": with two of so many pounds.
        heavy = end + 2 == size and found[end].kind == "n" and is_plural(found, end + 1)
        return end + 2 if heavy else end
    if following.text == "x" and at + 2 < size and found[at + 2].text in _UNTIL_NO_MORE and value <= MOST_SETS:
        # "3 x AMRAP", "4xF".
        into.sets = into.sets or int(value)
        return at + 3
    if following.text == "x" and at + 2 < size and _until_failure(found, at + 2) and value <= MOST_SETS:
        # "4x até a falha", "3x bis zum Versagen".
        into.sets = into.sets or int(value)
        return _until_failure(found, at + 2)
    # Ranges: the least is what is asked for.
    if following.text == "-" and at + 2 < size and found[at + 2].kind == "n":
        dash = at + 3 < size and found[at + 3].text == "-"
        named = at + 3 + dash
        told = named < size and found[named].text != "x" and unit_at(found, at + 3, units)[0] in _TOLD_OF
        # A number up to itself is no range: "hip 90-90".
        goes_on = found[named].kind == "w" if named < size else text == found[at + 2].text
        if (text, found[at + 2].text) in lexicon.pairs and goes_on and not told:
            # "1-2 combo", "90-90 switch", "1-2-hook".
            words += [text, found[at + 2].text]
            return named
        if dash and at + 4 < size and found[at + 4].kind == "n" and found[at + 3].glued == following.glued:
            return take_tempo(found, at, words, into)
        kind, end = unit_at(found, at + 3, units)
        if kind:
            return take_with_unit(found, at, end, words, into, value, kind)
        if not words and found[at + 2].glued:
            if len(text) < _CLOCK_DIGITS and value > 1:
                # "Jab, cross (1-2)" has their numbers.
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
            return take_with_unit(found, at, end, words, into, value, kind)
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
        return take_with_unit(found, at, end, words, into, value, kind)
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
        if is_range(found, at) and found[at + 2].glued and (at + 3 == size or found[at + 3].text == ":"):
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
        if following not in _OF_ANGLES:
            into.bare.append((len(words), int(value)))
        words.append(text)
    if value > 1000 and following == "steps":
        # "5000 steps": how far one walks.
        return at + 2
    return at + 1
