"""Names of exercises that are said of something else: songs ("Jump - Van Halen"), greetings ("Good morning! Let's move")."""

from __future__ import annotations

from collections.abc import Sequence

from fimad.labels.compounds import LEADING, content
from fimad.labels.context.movements import BODY, HEADS, HOW
from fimad.labels.matching import Match
from fimad.labels.parts import Phrase
from fimad.labels.taxonomy import Lexicon


def of_a_song(words: Sequence[str], found_matches: list[Match], parts: list[Phrase], found: Lexicon) -> bool:
    """A word of many meanings, a sign, and words that name nothing: "Jump - Van Halen"; behind a comma it is said how."""
    named = [match.entry for match in found_matches if match.entry.type == "exercise"]
    if not all([entry.weak for entry in named]):
        return False
    # "Finish time + splits"; "round 5: freestyle", but "round 1: jabs".
    swum = any(entry.id == "swimming" for entry in named)
    others = [
        match
        for match in found_matches
        if (match.entry.type == "other" and match.entry.id not in LEADING and match.entry.id not in found.fillers)
        or (match.entry.id == "round" and words[match.end + 1 : match.end + 2] == [":"] and swum)
    ]
    return any(
        not part.exercises
        and not part.used
        and (
            (part.uncovered and not _said_how(words, part, found) and not _leads_on(words, part, parts))
            or any(part.start <= match.start < part.end for match in others)
        )
        for part in parts
    )


# What a class in the morning is called: "good morning yoga".
_CLASSES = frozenset([
    "yoga", "pilates", "stretch", "flow", "vinyasa", "meditation", "mobility", "pregnancy", "prenatal", "postnatal", "energy", "chair",
])  # fmt: skip


def in_the_morning(words: Sequence[str]) -> bool:
    """Whether "good morning" says when a class is: "good morning prenatal yoga"."""
    return words[0] == "good" and words[1:2] == ["morning"] and not _CLASSES.isdisjoint(words[2:3])


def greets(words: Sequence[str], named: Match | None, exercises: list[str], found: Lexicon) -> bool:
    """ "Good morning! Let's move" is no exercise."""
    if named is None or named.start or words[0] != "good" or words[1:2] != ["morning"] or len(exercises) > 1:
        return False
    if words[-1] == "!" and len(words) == 4 and words[2] == "walk":  # "Good morning walkers!"
        return True
    if words[-1] == "!" and len(words) == 4 and content([words[2]]):
        # "Good morning yogis!"; "good morning squats!" are done.
        return words[2] not in HOW and words[2] not in HEADS and words[2] not in BODY
    return words[2:3] in (["!"], [","]) and any(word[0].isalpha() for word in words[3:])


def _leads_on(words: Sequence[str], part: Phrase, parts: list[Phrase]) -> bool:
    """Whether a part stands before a colon that names follow: "*The three "wet ones"*: swimming, mermaid & seal"."""
    colon = list(words).index(":") if ":" in words else 0
    return part.end <= colon and all(each.start > colon for each in parts if each.exercises)


def _said_how(words: Sequence[str], part: Phrase, found: Lexicon) -> bool:
    """Whether a part says when or how: "*peak pose:* crow", "bridges, *one vertebra at a time*"."""
    inside = words[part.start : part.end]
    if words[part.end : part.end + 1] == [":"]:
        # "Peak pose: crow".
        return True
    return words[part.start - 1 : part.start] == [","] and any(
        word in HOW or word in BODY or word in found.fillers for word in inside
    )
