"""What stands before a name, and what is written short: "A1) Plank", "#3 Push-up", "Min 3 - sprint", "w/ dumbbells"."""

from __future__ import annotations

from fimad.labels.stated.clocks import SECONDS, Stated, set_duration, unit_at, value_of
from fimad.labels.stated.counted_words import ORDER
from fimad.labels.text import Token


def letter_order(found: list[Token], at: int, words: list[str], into: Stated) -> int:
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


def after_hash(found: list[Token], at: int, words: list[str], into: Stated) -> int:
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


def of_a_clock(found: list[Token], at: int, words: list[str], units: dict[str, str], into: Stated) -> int:
    """What a title begins with: "Min 3 - sprint" says which minute it is, "Every 90 s x 4" how long a round takes; 0 for neither."""
    text = found[at].text
    size = len(found)
    if text in ("min", "minute") and at + 1 < size and found[at + 1].kind == "n":
        end = at + 2
        if end == size or found[end].text in (":", "-", ".", ")", "|"):
            into.prefixed = True
            words.append(":")
            return min(end + 1, size)
    if text == "every" and at + 2 < size and found[at + 1].kind == "n":
        kind, end = unit_at(found, at + 2, units)
        if kind in SECONDS:
            set_duration(into, value_of(found[at + 1].text) * SECONDS[kind])
            words.append("interval")
            return end
    if text == "every" and at + 1 < size and found[at + 1].kind == "c" and found[at + 1].text.count(":") == 1:
        # "Every 2:30 x 4".
        minutes, seconds = found[at + 1].text.split(":")
        set_duration(into, 60.0 * int(minutes or 0) + int(seconds))
        words.append("interval")
        return at + 2
    return 0


def abbreviated(found: list[Token], at: int) -> tuple[list[str], int]:
    """ "w/ dumbbells", "w/out", "b/w sets", "L/R", "e/s", "o/h press": the words, and where it ends; none for anything else."""
    if at + 1 >= len(found) or found[at + 1].text != "/":
        return [], at
    text, following = found[at].text, found[at + 2].text if at + 2 < len(found) else ""
    if text == "w":
        return (["without"], at + 3) if following in ("o", "out") else (["with"], at + 2)
    if f"{text}/{following}" in ("l/r", "r/l", "e/s"):
        return ["each", "side"], at + 3
    if text in ("c", "s") and len(following) > 2 and following.isalpha() and not found[at].glued:
        # "Remada c/ barra", "burpee s/ salto".
        return ["with" if text == "c" else "without"], at + 2
    if (text, following) in (("b", "w"), ("o", "h")):
        return ["between" if text == "b" else "overhead"], at + 3
    return [], at
