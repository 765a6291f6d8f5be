"""Two names side by side: which pairs are one exercise, and which second name only says how the first is done."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fimad.labels.matching import Match, exact
from fimad.labels.taxonomy import Entry, Lexicon, lexicon, words_of

# What some poses are as well: "Malasana squat", "crescent lunge twist".
_IN_A_POSE = frozenset(["squat", "lunge", "twist", "bridge", "backbend", "stretch"])
# ... and what their names end with that say what they are good for: "down dog *calf stretch*", "bound angle *forward fold*".
_GOOD_FOR = frozenset(["stretch", "fold", "bend", "opener"])
# How one may turn in a pose: "low lunge with *side bend*".
_TURNED = (["twist"], ["side", "bend"])
_LIMBS = frozenset([
    "arm", "leg", "knee", "hip", "heel", "toe", "hand", "elbow", "shoulder", "lift", "raise", "extension", "reach", "circle", "swing",
    "tap", "pump", "drop", "1arm", "1leg", "alternating",
])  # fmt: skip


def of_a_pose(words: Sequence[str], first: Match, match: Match, found: Lexicon) -> bool:
    """Whether a pose is followed by what it is as well."""
    pose, other = found.exercises[first.entry.id].pattern, found.exercises[match.entry.id].pattern
    one = match.end - match.start == 1 and words[match.start] in _IN_A_POSE
    what = (
        words[match.end - 1] in _GOOD_FOR
        and words[first.end - 1] not in _GOOD_FOR
        and other in ("yoga", "stretch", "mobility")
    )
    return (one or what) and pose in ("yoga", "stretch")


def turned(words: Sequence[str], first: Match, match: Match, found: Lexicon) -> bool:
    """Whether it is only said which way one turns in a pose: "wide-legged fold with *twists*", "child's pose with *side bend*"."""
    return words[match.start : match.end] in _TURNED and found.exercises[first.entry.id].pattern in ("yoga", "stretch")


def of_limbs(words: Sequence[str], first: Match, match: Match, found: Lexicon) -> bool:
    """A limb moves while something else is done ("march with arm swings"), and the two are known for no exercise of their own."""
    if not _LIMBS.issuperset(words[match.start : match.end]):
        return False
    return not any((each, match.entry.id) in known_pairs() for each in kinds_of(first.entry.id, found))


def kinds_of(exercise: str, found: Lexicon) -> list[str]:
    """What an exercise is a kind of, as far as compounds go: nothing is done in a side plank as it is in a plank."""
    return [exercise] if exercise == "side_plank" else list(found.ancestors(exercise))


def held_with(first: Match, match: Match, found: Lexicon) -> bool:
    """Whether a pose is held with a stretch or another pose: "sphinx with neck stretch", "shoulder stand with lotus legs" are one."""
    pose, other = found.exercises[first.entry.id].pattern, found.exercises[match.entry.id].pattern
    # "Side plank with half lotus": how the legs are held.
    legs = match.entry.id == "easy_pose" and pose == "hold"
    return legs or (pose in ("yoga", "stretch") and other in ("stretch", "mobility", "yoga"))


def alike(first: Match, match: Match) -> bool:
    """Whether two names are of one exercise or make one."""
    return first.entry.id == match.entry.id or named_together(first, match)


def named_together(first: Match, second: Match) -> bool:
    """Whether two exercises make one that the taxonomy has."""
    return (first.entry.id, second.entry.id) in known_pairs()


@cache
def known_pairs() -> dict[tuple[str, str], str]:
    """Compounds of the taxonomy by their parts."""
    found = lexicon()
    pairs: dict[tuple[str, str], str] = {}
    for exercise in found.exercises.values():
        for name in (exercise.id.replace("_", " "), *exercise.names.get("en", ())):
            words = words_of(name)
            firsts = _beginnings(words, found)
            cuts = [(at, at + 1) for at in range(1, len(words) - 1) if words[at] in ("to", "with", "and", "into")]
            for end, start in cuts + [(at, at) for at in range(1, len(words))]:
                left = firsts.get(end)
                if left is None or words[:end] in found.equipment or words[start:] in found.equipment:
                    # A "box squat" is no boxing, and neither is a "squat to box".
                    continue
                right = exact(words[start:], found)
                if right is None or exercise.id in (left.id, right.id):
                    continue
                if found.exercises[left.id].pattern == found.exercises[right.id].pattern == "strike":
                    # A "hook kick" is no hook and a kick: strikes follow each other.
                    continue
                pairs.setdefault((left.id, right.id), exercise.id)
    return pairs


def _beginnings(words: Sequence[str], found: Lexicon) -> dict[int, Entry]:
    """The exercises that a name begins with, by how many of its words each takes."""
    named: dict[int, Entry] = {}
    node = found.root
    for count, word in enumerate(words, 1):
        if word not in node.next:
            break
        node = node.next[word]
        entry = next((each for each in node.entries if each.type == "exercise"), None)
        if entry is not None:
            named[count] = entry
    return named
