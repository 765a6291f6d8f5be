"""The numbers of a title: repetitions, sets, durations, order, tempo, weights; and those that belong to a name.

"3x12", "15 reps", "40s on / 20s off", "3 sets of 10", "A1)", ":45" are taken off and kept as numbers; "90/90", "21s",
"360", "1-arm", "8-count", "figure 8" stay words. One pass over the tokens, each looked at a bounded number of times.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fimad.labels.counted_words import EACH, EACH_OF, LIMBS, MEASURES, NUMBERS, ORDER, REST, WAYS
from fimad.labels.taxonomy import Lexicon
from fimad.labels.text import Token, canonical

_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
# A clip of a workout states no longer one; what is longer is a time stamp or a promise.
_MAX_CLOCK_S = 1800.0


@dataclass
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
                at = _hash(found, at, words, into)
            elif text == "&":
                words.append("and")
                at += 1
            elif text == "/" and at + 1 < size and found[at + 1].text in EACH_OF:
                # "12/side".
                words += ["each", "leg" if found[at + 1].text.startswith("leg") else "side"]
                at += 2
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
                words.append(text)
                at += 1
        elif kind == "c":
            at = _clock(found, at, words, into)
        elif kind == "f":
            at = _fraction(found, at, words, lexicon, into)
        else:
            at = _number(found, at, words, lexicon, into)
    return words


def _unit(found: list[Token], at: int, units: dict[str, str]) -> tuple[str, int]:
    """The unit at a position (a hyphen may stand before it): its kind and where it ends; "" for none."""
    if at < len(found) and found[at].text == "-" and at + 1 < len(found) and found[at + 1].glued:
        at += 1
    if at >= len(found) or found[at].kind not in ("w", "p"):
        return "", at
    text = found[at].text
    if text == '"':
        return "second", at + 1
    if text == "'" and found[at].glued:
        if at + 1 < len(found) and found[at + 1].text == "'":
            return "second", at + 2
        return "minute", at + 1
    if text in MEASURES:
        return "measure", at + 1
    kind = units.get(text, "")
    return kind, at + 1


def _word(found: list[Token], at: int, words: list[str], units: dict[str, str], into: Stated) -> int:
    text = found[at].text
    size = len(found)
    if len(text) == 1 and at + 1 < size:
        end = _letter_order(found, at, words, into)
        if end:
            return end
    if text == "x":
        # "x15", "x 30s", "x 3 sets".
        if at + 1 < size and found[at + 1].kind == "n":
            value = _value(found[at + 1].text)
            kind, end = _unit(found, at + 2, units)
            if kind in _SECONDS:
                _duration(into, value * _SECONDS[kind])
            elif kind == "set":
                into.sets = into.sets or int(value)
            elif kind == "measure":
                pass
            else:
                end = end if kind == "repetition" else at + 2
                if 0 < value <= 1000:
                    into.repetitions.append(int(value))
            return end
        words.append("x")
        return at + 1
    if text in ("w", "b") and at + 1 < size and found[at + 1].text == "/":
        # "w/ dumbbells", "w/out", "b/w sets".
        following = found[at + 2].text if at + 2 < size else ""
        if text == "w" and following in ("o", "out"):
            words.append("without")
            return at + 3
        if text == "w":
            words.append("with")
            return at + 2
        if following == "w":
            words.append("between")
            return at + 3
    if text in ("l", "r", "e", "o", "c") and at + 2 < size and found[at + 1].text == "/":
        pair = f"{text}/{found[at + 2].text}"
        if pair in ("l/r", "r/l", "e/s"):
            words += ["each", "side"]
            return at + 3
        if pair == "o/h":
            words.append("overhead")
            return at + 3
    if text in NUMBERS and not (at and found[at - 1].kind == "n"):
        value = NUMBERS[text]
        kind, end = _unit(found, at + 1, units)
        if kind in _SECONDS and end == at + 2 and len(found[at + 1].text) > 2:
            _stated_duration(found, end, words, into, value * _SECONDS[kind])
            return end
        if kind in ("repetition", "set") and len(found[at + 1].text) > 2 and value >= 2:
            if kind == "set":
                into.sets = into.sets or int(value)
            else:
                into.repetitions.append(int(value))
            return end
        if value >= 5 and not words and at + 1 < size and found[at + 1].kind == "w" and found[at + 1].text not in LIMBS:
            into.bare.append((len(words), int(value)))
            words.append(str(int(value)))
            return at + 1
    words.extend(canonical(text))
    return at + 1


def _letter_order(found: list[Token], at: int, words: list[str], into: Stated) -> int:
    """ "A1) Plank", "B2: Row", "W1. Lunge", "Block A:": a place in a list; where it ends, 0 if it is none."""
    size = len(found)
    text, following = found[at].text, found[at + 1]
    ordered = bool(words) and words[-1] in ORDER
    if words and not ordered and words[-1] != ":":
        return 0
    end = 0
    if following.kind == "n" and following.glued and len(following.text) <= 2:
        after = found[at + 2] if at + 2 < size else None
        if after is None:
            return 0
        if after.kind == "p" and after.text in ".):-|]":
            end = at + 3
        elif (after.kind == "w" and not after.glued and text in "abcdef") or ordered:
            end = at + 2
    elif ordered and text in "abcdefgh" and following.kind == "p" and following.text in ".):-|]":
        end = at + 2
    if end and end < size:
        into.prefixed = True
        words.append("#" if ordered else ":")
        if ordered:
            words.append(":")
        return end
    return 0


def _hash(found: list[Token], at: int, words: list[str], into: Stated) -> int:
    """ "#3 Push up", "Move #5 Crunches", "Tabata #1": a place in a list."""
    if not words:
        into.prefixed = True
        words.append(":")
    elif words[-1] in ORDER:
        words.append("#")
    end = at + 2
    if end < len(found) and found[end].text in (".", ")", "-", ":") and found[end].kind == "p":
        end += 1
        words.append(":")
    elif words and words[-1] == "#":
        words.append(":")
    return end


def _clock(found: list[Token], at: int, words: list[str], into: Stated) -> int:
    parts = found[at].text.split(":")
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + (int(part) if part else 0)
    after = at + 1
    if after + 1 < len(found) and found[after].text == "-" and found[after + 1].kind == "c":
        # A range of time stamps says where, not how long.
        return after + 2
    if len(parts) == 2 and 0 < seconds <= _MAX_CLOCK_S:
        if not any(word.isalnum() for word in words) and _is_time_stamp(found, at, parts, seconds):
            words.append(":")
            return after
        if "with" in words or into.duration_s is not None:
            # "with :03 down" is tempo.
            return after
        _stated_duration(found, after, words, into, seconds)
    while after < len(found) and found[after].text in ("min", "mins", "minutes", "minute", "sec", "secs"):
        after += 1
    return after


def _is_time_stamp(found: list[Token], at: int, parts: list[str], seconds: float) -> bool:
    """A clock that a title begins with says when, not how long, where nobody would do it as long: "00:35 Warm up", "14:20 Skaters"."""
    padded = len(parts[0]) == 2 and parts[0][0] == "0"
    return at + 1 < len(found) and (padded or seconds > 360 or seconds % 5 != 0)


def _fraction(found: list[Token], at: int, words: list[str], lexicon: Lexicon, into: Stated) -> int:
    text = found[at].text
    first, second = (int(part) for part in text.split("/"))
    if text in lexicon.number_words:
        words.append(text)
    elif not words and 0 < first <= second <= 60:
        into.prefixed = True
        words.append(":")
    elif 5 <= second <= first <= 120 and first % 5 == 0 and second % 5 == 0 and into.duration_s is None and words:
        # "40/20": work and rest. A pair of weights ("50/35") stands in brackets, which come later.
        into.duration_s, into.rest_s = float(first), float(second)
    return at + 1


def _value(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return 0.0


def _duration(into: Stated, seconds: float) -> None:
    if into.duration_s is None:
        into.duration_s = seconds
    elif into.rest_s is None and seconds < into.duration_s:
        into.rest_s = seconds


def _stated_duration(found: list[Token], end: int, words: list[str], into: Stated, seconds: float) -> None:
    """A duration, of the work unless it is said to be of the rest and a name stands before it."""
    following = canonical(found[end].text)[0] if end < len(found) and found[end].kind == "w" else ""
    named = any(word.isalpha() and word not in REST for word in words)
    resting = following in REST or (bool(words) and words[-1] in REST)
    if (resting and (named or into.duration_s is not None)) or (
        into.duration_s is not None and into.rest_s is None and seconds <= into.duration_s
    ):
        into.rest_s = seconds
    elif into.duration_s is None:
        into.duration_s = seconds


def _skip_rest(found: list[Token], at: int) -> int:
    """After a duration: "on", "off", "work", and "rest" where it says what the time is of."""
    while at < len(found) and found[at].text in ("on", "off", "work"):
        at += 1
    return at


def _number(found: list[Token], at: int, words: list[str], lexicon: Lexicon, into: Stated) -> int:
    text = found[at].text
    value = _value(text)
    size = len(found)
    units = lexicon.units
    following = found[at + 1] if at + 1 < size else None
    if words and text.isdigit() and (words[-1], text) in lexicon.pairs:
        # "Warrior 1", "figure 8s": part of a name.
        words.append(text)
        return at + 2 if following is not None and following.text == "s" and following.glued else at + 1
    if found[at].glued and at and found[at - 1].kind == "w" and following is not None and following.glued and following.text in "abcdefgx":
        # "P90X": a name of its own.
        return at + 1
    if following is None:
        return _bare(found, at, words, lexicon, into, value)
    # "3x12", "3 x 12 reps", "3 x 30 s", "2x24kg".
    if following.text == "x" and at + 2 < size and found[at + 2].kind == "n":
        second = _value(found[at + 2].text)
        kind, end = _unit(found, at + 3, units)
        if kind == "measure":
            return end
        if kind in _SECONDS and end > at + 3:
            into.sets = into.sets or int(value)
            _duration(into, second * _SECONDS[kind])
            return end
        into.sets = into.sets or int(value)
        if second <= 1000:
            into.repetitions.append(int(second))
        return _past_range(found, end if kind == "repetition" else at + 3)
    # Ranges: the least is what is asked for.
    if following.text == "-" and at + 2 < size and found[at + 2].kind == "n":
        if at + 4 < size and found[at + 3].text == "-" and found[at + 4].kind == "n":
            return _tempo(found, at, words, into)
        kind, end = _unit(found, at + 3, units)
        if kind:
            return _with_unit(found, at, end, words, into, value, kind)
        if not words and found[at + 2].glued:
            into.repetitions.append(int(value))
            return at + 3
    kind, end = _unit(found, at + 1, units)
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
        if unit == "m" and (value > 15 or not attached):
            # "40 m" is a way; "20 m. climbers" counts.
            climbs = any(each.text.startswith("climb") for each in found[end : end + 2])
            if attached or not climbs:
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
    if leading and following.kind == "p" and following.text in (".", ")", ":", "-", "]", "|") and at + 2 < size:
        limb = found[at + 2].text in LIMBS and following.text == "-"
        name = f"{text}-{found[at + 2].text}" if following.text == "-" and found[at + 2].glued else ""
        if not limb and not (name and value > 100) and not (name and found[at + 2].text in ("count", "minute")):
            into.prefixed = True
            words.append(":")
            return at + 2
    if words and words[-1] in ORDER and text.isdigit():
        words.append("#")
        end = at + 1
        if following.text in (".", ")", "-", ":", "|", ","):
            end += 1
        if end < size:
            words.append(":")
        return end
    if following.text == "total" and not (at + 2 < size and found[at + 2].text == "body"):
        into.repetitions.append(int(value))
        return at + 2
    if following.text == "#":
        return at + 2
    if following.kind == "w" and following.text in ("on", "work") and into.duration_s is None and value >= 5:
        into.duration_s = value
        return _skip_rest(found, at + 1)
    if following.text == "off" and into.duration_s is not None:
        into.rest_s = value
        return at + 2
    return _bare(found, at, words, lexicon, into, value)


def _past_range(found: list[Token], at: int) -> int:
    if at + 1 < len(found) and found[at].text == "-" and found[at + 1].kind == "n":
        return at + 2
    return at


def _tempo(found: list[Token], at: int, words: list[str], into: Stated) -> int:
    end = at
    digits = []
    while end < len(found) and found[end].kind == "n":
        digits.append(found[end].text)
        end += 1
        if end < len(found) and found[end].text == "-":
            end += 1
    into.tempo = "-".join(digits)[:16]
    if words and words[-1] == "tempo":
        words.pop()
    return end


def _with_unit(found: list[Token], at: int, end: int, words: list[str], into: Stated, value: float, kind: str) -> int:
    size = len(found)
    if kind == "measure":
        into.measured = into.measured or found[end - 1].text in WAYS
        return end
    if kind in _SECONDS:
        seconds = value * _SECONDS[kind]
        # "1 min 30 sec".
        if kind == "minute" and end < size and found[end].kind == "n":
            nested, stop = _second_part(found, end)
            seconds, end = seconds + nested, stop
        if "with" in words and found[end - 1].text != "of" and words[-1] == "with":
            return end
        _stated_duration(found, end, words, into, seconds)
        return _skip_rest(found, end)
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
            return end + 1 if found[end].text != "x" else end
        if not words and end >= size:
            words.append("round" if found[end - 1].text.startswith("round") else "set")
        return end
    into.repetitions.append(int(value)) if 0 < value <= 1000 else None
    return end


def _second_part(found: list[Token], at: int) -> tuple[float, int]:
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
        return _value(found[at].text), at + 2
    return 0.0, at


def _bare(found: list[Token], at: int, words: list[str], lexicon: Lexicon, into: Stated, value: float) -> int:
    text = found[at].text.lstrip("0") or "0"
    following = found[at + 1].text if at + 1 < len(found) else ""
    if text.isdigit() and value <= 1000:
        if value == 1 and following not in LIMBS and following != "-":
            # "1 plank": one of it; a place in a list more often than not.
            return at + 1
        if (words and words[-1] == "of") or (words and value >= 2 and following in EACH):
            into.repetitions.append(int(value))
            return at + 1
        if following == "-" and at + 2 < len(found) and found[at + 2].text in LIMBS:
            words.append(text)
            return at + 2
        into.bare.append((len(words), int(value)))
        words.append(text)
    return at + 1
