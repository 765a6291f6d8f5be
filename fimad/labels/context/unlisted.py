"""Exercises that the taxonomy does not have, told by how exercises are called: "banded sled hinge drill"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from fimad.labels.compounds import content
from fimad.labels.context.movements import BODY, HEADS, LOOSE
from fimad.labels.matching import Match
from fimad.labels.taxonomy import Lexicon

_WHOLE = frozenset(["full", "total", "whole"])
# Somebody speaks: with no other word that is known it is talk.
PERSONS = frozenset(
    [
        "i",
        "i'm",
        "i've",
        "you",
        "you're",
        "we",
        "we're",
        "my",
        "me",
        "your",
        "us",
        "our",
        "they",
        "he",
        "she",
        "yourself",
        "myself",
    ]
)
WEEKDAYS = frozenset(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"])
_MAX_UNLISTED = 8
# What follows is no part of the body, but how often it is done.
_OF_BOTH = frozenset(["each", "per", "both", "either", "every"])
# Without a part of the body they name no exercise: "partner stretches", "pulses & holds".
_VAGUE = frozenset(["stretch", "pulse", "hold", "drill", "flow", "release", "pose", "balance"])


def unlisted_words(
    words: Sequence[str], letters: list[str], found: Lexicon, by_type: Mapping[str, Sequence[Match]]
) -> list[str]:
    """The words that say that this is an exercise that the taxonomy does not have; empty if it isn't one."""
    if not 2 <= len(letters) <= _MAX_UNLISTED or by_type["other"]:
        return []
    if (
        (letters[0] == "the" and len(letters) == 2)
        or not PERSONS.isdisjoint(letters)
        or not WEEKDAYS.isdisjoint(letters)
    ):
        # "The Climb", "I couldn't walk for 6 weeks", "Monday: push".
        return []
    if len(set(letters)) == 1:
        # "Swing swing swing".
        return []
    heads = [word for word in letters if word in HEADS]
    # "Full body stretch & flow": all of it is no part of it.
    limbs = [
        (before, word)
        for before, word in pairwise(["", *letters])
        if word in BODY and not (word == "body" and before in _WHOLE)
    ]
    # "Hold 90 s each side".
    body, done = [word for _, word in limbs], [word for before, word in limbs if before not in _OF_BOTH]
    if not heads or (not (body if "balance" in heads else done) and (_VAGUE | LOOSE).issuperset(heads)):
        return []
    counted = bool(stated_counts(words)) and not LOOSE.issuperset(heads)
    last = next((word for word in reversed(letters) if word not in found.fillers), "")
    known = len(heads) + len(body)
    if (last in HEADS and (known >= 2 or (len(letters) <= 4 and last not in LOOSE))) or counted:
        return [*heads, *body]
    strange = [word for word in content(letters) if word not in found.words and word not in HEADS and word not in BODY]
    if len(strange) > 1:
        # "Swing Low Sweet Chariot".
        return []
    return [*heads, *body] if known >= 2 and known * 2 >= len(content(letters)) + 1 else []


def stated_counts(words: Sequence[str]) -> list[str]:
    """The numbers that stand among the words."""
    ordinal = (["th"], ["st"], ["nd"], ["rd"])
    return [word for at, word in enumerate(words) if word.isdigit() and words[at + 1 : at + 2] not in ordinal]
