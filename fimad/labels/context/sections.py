"""Names and words that make a part of a workout: "squat circuit", "push / pull / legs", "back & rear delts"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from fimad.labels.context.movements import BELLY, BODY, SECTION_HEADS
from fimad.labels.matching import Match
from fimad.labels.parts import BREAKS, Phrase
from fimad.labels.stated.clocks import Stated
from fimad.labels.taxonomy import Lexicon

OPENS = frozenset(["warm up", "warmup", "warming up", "cool down", "cooldown", "cooling down"])
# Names of exercises may end with them: "rear delts", "calves".
_MUSCLES = frozenset(
    ["delt", "calf", "tibialis", "trap", "lat", "pec", "oblique", "bicep", "tricep", "quad", "hamstring", "glute"]
)
# What training is made of, in one word each.
_PUSHED = frozenset(["push", "pull"])
_PATTERNS = frozenset(["squat", "hinge", "lunge", "push", "pull", "carry", "rotation", "overhead", "core", "leg"])


def of_muscles(words: Sequence[str], found_matches: list[Match]) -> bool:
    """Whether an exercise that is called as its muscle stands beside other parts of the body: "back & rear delts"."""
    if len(found_matches) < 2:
        return False
    named = [match for match in found_matches if match.entry.type in ("exercise", "section")]
    return len({match.entry.type for match in named}) > 1 and all(
        BODY.issuperset(words[match.start : match.end])
        and (match.entry.type == "section" or words[match.end - 1] in _MUSCLES)
        for match in named
    )


def of_the_belly(words: Sequence[str], found_matches: list[Match]) -> bool:
    """Whether muscles that are a word for sit-ups as well head a part of the workout: "Tour 2 - abdos"."""
    named = [match for match in found_matches if match.entry.type == "exercise"]
    heads = "#" in words or any(match.entry.type == "section" for match in found_matches)
    return heads and all(match.end - match.start == 1 and words[match.start] in BELLY for match in named)


def of_patterns(words: Sequence[str], parts: list[Phrase]) -> bool:
    """Whether patterns of movement are listed: "Full body: squat / push / pull"."""
    if _PUSHED.isdisjoint(words):
        return False
    told = [words[part.start] for part in parts if part.end - part.start == 1 and words[part.start] in _PATTERNS]
    others = any(part.exercises and part.end - part.start > 1 for part in parts)
    return len(set(told)) >= 3 and not others and not _PUSHED.isdisjoint(told)


def of_sets(words: Sequence[str], rest: Match, stated: Stated) -> bool:
    """Whether a rest stands behind the sets that it is between: "5 sets | 30 s rest", "circuit, 3 rounds, 60 s rest"."""
    return bool(stated.sets) and any(word in BREAKS and word != ":" for word in words[: rest.start])


def whole_workout(words: Sequence[str], sections: list[Match]) -> bool:
    """Whether a title ends with a word for a workout ("circuit", "routine", "day") or a kind of one."""
    last = next((at for at in range(len(words) - 1, -1, -1) if words[at][0].isalpha()), -1)
    return any(match.start <= last < match.end for match in sections) and (
        words[last] in SECTION_HEADS or words[last] in ("flow", "yoga", "week")
    )


def section_head(
    words: Sequence[str], found_matches: list[Match], parts: list[Phrase], stated: Stated, found: Lexicon
) -> str:
    """The word behind an exercise that makes it a part of the workout; "" if there is none."""
    named = [part for part in parts if part.exercises]
    if stated.repetitions or len(named) != 1:
        return ""
    if len(parts) > 1:
        # "Walking workout | 5000 steps".
        found_matches = [match for match in found_matches if named[0].start <= match.start < named[0].end]
    if not found_matches:
        return ""
    last = found_matches[-1]
    if last.entry.type != "section":
        return ""
    # "Heavy bag round 2".
    if stated.bare and not (len(stated.bare) == 1 and stated.bare[0][0] == last.end == len(words) - 1):
        return ""
    if last.start > 1 and words[last.start - 1] == "to":
        # "Pliés to warm up": what for.
        return ""
    if last.entry.id.startswith("warm up") and last.end == len(words):
        # "Squat warm-up sets".
        return last.entry.id
    before = [match for match in found_matches if match.entry.type == "exercise"]
    # "Freestyle round": a word of many meanings before a round is no exercise; "jump rope round" may be.
    heads = SECTION_HEADS | {"round"} if all(match.entry.weak for match in before) else SECTION_HEADS
    if before and all(tuple(words[match.start : match.end]) in found.equipment for match in before):
        # "Bench flow"; "cobra flow" is a cobra.
        heads = heads | {"flow"}
    if words[last.end - 1] not in heads:
        return ""
    # "Squat warm-up routine".
    start = next((match.start for match in reversed(found_matches) if match.entry.type != "section"), last.start)
    run = [match for match in found_matches if match.entry.type == "section" and match.start > start]
    if not before or not run or before[-1].end != run[0].start or (len(run) > 1 and run[0].entry.id not in OPENS):
        return ""
    return last.entry.id if all(first.end == second.start for first, second in pairwise(run)) else ""
