"""Places in a list that stand before a name: "A1) Plank", "Block B: Rows", "#3 Push-up"."""

from __future__ import annotations

from fimad.labels.stated.clocks import Stated
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
