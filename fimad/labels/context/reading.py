"""A title taken apart, and what is left over in it."""

from __future__ import annotations

from dataclasses import dataclass

from fimad.labels.context.subjects import SOUNDS
from fimad.labels.matching import Match
from fimad.labels.parts import Phrase
from fimad.labels.stated.clocks import Stated
from fimad.labels.taxonomy import lexicon

# What is held is held for seconds: "side plank 30".
HELD_S = frozenset((10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 75, 90, 120, 180))
_AT_LEAST = frozenset(["minimum", "min", "at", "least"])
_PERSONS = frozenset(["my", "me", "you", "i", "we", "us", "her", "him"])


@dataclass(slots=True)
class Reading:
    """A title or an aside of it, taken apart."""

    words: list[str]
    stated: Stated
    matches: list[Match]
    phrases: list[Phrase]
    mended: set[str]


def of_something_else(note: Reading) -> bool:
    """Whether somebody speaks or sings in an aside that names nothing: "(For My Love)", "(remix)"."""
    return not (_PERSONS | SOUNDS).isdisjoint(note.words) and not any(
        match.entry.type == "exercise" for match in note.matches
    )


def is_bare(reading: Reading) -> bool:
    """Whether the exercise is named by one word: "row 500 m" is done on a machine, "barbell row" isn't."""
    return all(match.used <= 1 for match in reading.matches if match.entry.type == "exercise")


def far_fetched(reading: Reading) -> bool:
    """A single misspelt word among others that mean something: more likely another word, spelt right."""
    used = sum(phrase.used for phrase in reading.phrases)
    return used <= 1 and any(phrase.uncovered for phrase in reading.phrases)


def names_by_chance(note: Reading) -> bool:
    """Whether an aside of one word names an exercise only if it is misspelt: "Selwyn (the *Gallows*)"."""
    fillers = lexicon().fillers
    return "fuzzy" in note.mended and sum(word not in fillers for word in note.words) <= 1


def lone_seconds(reading: Reading) -> float | None:
    values = [value for _, value in reading.stated.bare]
    return float(values[0]) if len(values) == 1 and (values[0] in HELD_S or values[0] == 5) else None


def lone_number(note: Reading) -> int | None:
    """ "Squats (20)", "squats (minimum 40)": a number alone in brackets."""
    if (
        len(note.stated.bare) == 1
        and len(note.words) - len(_AT_LEAST & set(note.words)) == 1
        and note.stated.bare[0][1] >= 3
    ):
        return note.stated.bare[0][1]
    return None


def counted(stated: Stated) -> bool:
    return bool(stated.repetitions or stated.sets or stated.duration_s)
