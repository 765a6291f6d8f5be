"""What an exercise is by the words beside it: "cable kickback, *right glute*", "*slip, slip,* cross"."""

from __future__ import annotations

from collections.abc import Sequence

from fimad.labels.compounds import by_one_limb
from fimad.labels.context.reading import Reading
from fimad.labels.kinds import Verdict
from fimad.labels.pairs import known_pairs

_COMBO = frozenset(["combo", "combination", "combos"])
_BEHIND = frozenset(["glute", "booty", "butt", "bum", "hip", "leg"])
_UP_AND_DOWN = {"sitting", "standing"}
# Words of many meanings that are of boxing beside each other.
_STRUCK = {
    "jab": "punch",
    "cross": "punch",
    "hook": "punch",
    "uppercut": "punch",
    "slip": "bob_and_weave",
    "duck": "bob_and_weave",
    "weave": "bob_and_weave",
    "knee": "knee_strike",
    "elbow": "elbow_strike",
    "kick": "front_kick",
    "teep": "front_kick",
    "roundhouse": "roundhouse_kick",
}
# What may stand among strikes besides: "*Round 5:* slip, slip, cross".
_BETWEEN_STRIKES = _COMBO | {"and", "round", "set"}
# From so many words on a title describes what it names.
_DESCRIBED = 14
_STRIKES = frozenset(_STRUCK.values())
_BOXED = frozenset(["punch", "bob_and_weave"])


def by_their_neighbours(verdict: Verdict, readings: Sequence[Reading], side: str | None) -> None:
    """Put the exercises of a verdict right by all words of the title."""
    words, parts = readings[0].words, readings[0].phrases
    if len(words) >= _DESCRIBED and parts[0].exercises and words[parts[0].end : parts[0].end + 1] in ([":"], ["-"]):
        # "Gate swings: hop, land and drop into a low squat ...": what follows says how.
        verdict.exercises = [each for each in verdict.exercises if each in parts[0].exercises] or verdict.exercises
    if len(verdict.exercises) == 2 and not _COMBO.isdisjoint(words):
        pair = known_pairs().get((verdict.exercises[0], verdict.exercises[1]))
        if pair:
            # "Deadlift and row combo".
            verdict.exercises, verdict.components, verdict.method = [pair], verdict.exercises, "compound"
    if not _BEHIND.isdisjoint(words) and "tricep" not in words:
        # "Cable kickback, right glute".
        verdict.exercises = ["donkey_kick" if each == "tricep_kickback" else each for each in verdict.exercises]
    if set(verdict.exercises) == _UP_AND_DOWN:
        # "Stand up, sit down".
        verdict.exercises, verdict.method = ["sit_to_stand"], "compound"
    if verdict.kind == "exercise":
        struck = (
            [each for reading in readings for each in _struck(reading)]
            if _STRIKES.issuperset(verdict.exercises)
            else []
        )
        verdict.exercises = [by_one_limb(each, words, side) for each in dict.fromkeys([*verdict.exercises, *struck])]


def _struck(reading: Reading) -> list[str]:
    """Strikes beside a punch or a slip: "hook, hook, *knee*", "slip, slip, *cross*"; not "*cross* kicks", "jab with the *elbow* in"."""
    strikes = [match for match in reading.matches if match.entry.id in _STRIKES]
    if _BOXED.isdisjoint(match.entry.id for match in strikes):
        return []
    covered = {at for match in strikes for at in range(match.start, match.end)}
    others = [
        word
        for at, word in enumerate(reading.words)
        if at not in covered and word[0].isalpha() and word not in _BETWEEN_STRIKES
    ]
    return [_STRUCK[word] for word in others] if all(word in _STRUCK for word in others) else []
