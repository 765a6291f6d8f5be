"""What an exercise is by the words beside it: "cable kickback, *right glute*", "*slip, slip,* cross"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from fimad.labels.compounds import ONE_LIMB, by_one_limb
from fimad.labels.context.reading import Reading
from fimad.labels.kinds import Verdict
from fimad.labels.pairs import known_pairs
from fimad.labels.parts import BREAKS
from fimad.labels.taxonomy import lexicon

# Where they are done, swimming is done on the belly.
ON_THE_MAT = frozenset([
    "pilates_hundred", "pilates_teaser", "pilates_saw", "pilates_swan", "pilates_seal", "pilates_side_kick", "pilates_rollover",
    "rolling_like_a_ball", "open_leg_rocker", "corkscrew", "double_leg_stretch", "single_leg_stretch", "leg_pull_front",
])  # fmt: skip
# A stroke of the water beside what lies on the belly.
_SWUM_ON_THE_MAT = {"swimming", "superman"}
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
# Beside a punch in one name: "jab cross *knee*".
_WITH_A_PUNCH = frozenset(["slip", "duck", "weave", "knee"])
# What may stand among strikes besides: "*Round 5:* slip, slip, cross".
_BETWEEN_STRIKES = _COMBO | {
    "and",
    "round",
    "set",
    "double",
    "triple",
    "lead",
    "rear",
    "left",
    "right",
    "l",
    "r",
    "alternating",
    "fast",
}
# From so many words on a title describes what it names.
_DESCRIBED = 14
_STRIKES = frozenset(_STRUCK.values())
_FOUGHT = _STRIKES | {"side_kick", "sprawl"}
_BOXED = frozenset(["punch", "bob_and_weave"])
# What hangs from straps is another exercise than what is done with weights; in rings, some of it.
_STRAPS = frozenset(["trx", "suspension", "suspended"])
_IN_RINGS = {
    "tricep_extension": "bodyweight_tricep_extension",
    "skull_crusher": "bodyweight_tricep_extension",
    "leg_curl": "bridge_leg_curl",
}
_IN_STRAPS = _IN_RINGS | {
    "crunch": "suspended_knee_tuck",
    "reverse_crunch": "suspended_knee_tuck",
    "oblique_crunch": "suspended_knee_tuck",
    "knee_to_chest_stretch": "suspended_knee_tuck",
}
_HUNG = _STRAPS | {"ring"}
# One of all others is what it is called, whatever is beside it.
_SETTLED = _FOUGHT | ONE_LIMB | {"calf_raise", "tricep_kickback"}
# A press of nothing beside them is one overhead.
_OVERHEAD = frozenset(["push_press", "push_jerk", "power_clean", "snatch"])


def by_their_neighbours(verdict: Verdict, readings: Sequence[Reading], side: str | None) -> None:
    """Put the exercises of a verdict right by all words of the title."""
    words = readings[0].words
    if len(verdict.exercises) == 1 and _SETTLED.isdisjoint(verdict.exercises) and _HUNG.isdisjoint(words):
        return
    if len(verdict.exercises) > 1:
        _beside_each_other(verdict, readings[0])
    if "tricep_kickback" in verdict.exercises and not _BEHIND.isdisjoint(words) and "tricep" not in words:
        # "Cable kickback, right glute".
        verdict.exercises = ["donkey_kick" if each == "tricep_kickback" else each for each in verdict.exercises]
    hung = _IN_STRAPS if not _STRAPS.isdisjoint(words) else _IN_RINGS if "ring" in words else {}
    if hung:
        verdict.exercises = [hung.get(each, each) for each in verdict.exercises]
    if hung is _IN_STRAPS and "squat_to_bent_over_row" in verdict.exercises:
        verdict.exercises = [each.replace("bent_over_row", "inverted_row") for each in verdict.exercises]
        verdict.components = [each.replace("bent_over_row", "inverted_row") for each in verdict.components]
    if "calf_raise" in verdict.exercises and {"heel", "toe"}.issubset(words):
        verdict.exercises = _to_and_fro(verdict.exercises, readings[0])
    fought = bool(verdict.exercises) and _FOUGHT.issuperset(verdict.exercises)
    if fought and _numbered(words):
        # "*1-2*, front kick", "1-2 sprawl".
        verdict.exercises = ["punch", *verdict.exercises]
    if verdict.kind == "exercise":
        named = list(dict.fromkeys(verdict.exercises))
        if fought:
            struck = [each for reading in readings for each in _struck(reading)] if _STRIKES.issuperset(named) else []
            named = list(dict.fromkeys([*named, *struck, *_struck_alone(readings[0])]))
        if not ONE_LIMB.isdisjoint(named):
            named = [by_one_limb(each, words, side, len(named) == 1) for each in named]
        verdict.exercises = named


def _to_and_fro(exercises: list[str], reading: Reading) -> list[str]:
    """Beside heel raises, which are what others call them as well, toe raises lift the toes."""
    raised = [reading.words[match.start : match.end] for match in reading.matches if match.entry.id == "calf_raise"]
    beside = ["toe", "raise"] in raised and ["heel", "raise"] in raised
    return [*exercises, "tibialis_raise"] if beside and "tibialis_raise" not in exercises else exercises


def _beside_each_other(verdict: Verdict, reading: Reading) -> None:
    """Put several exercises right, each by the others."""
    words, parts = reading.words, reading.phrases
    if set(verdict.exercises) == _SWUM_ON_THE_MAT:
        # "Swimming: prone back extension".
        verdict.exercises = ["prone_swimming"]
    if "swimming" in verdict.exercises and not ON_THE_MAT.isdisjoint(verdict.exercises):
        # "Swimming & seal".
        verdict.exercises = ["prone_swimming" if each == "swimming" else each for each in verdict.exercises]
    described = len(words) >= _DESCRIBED and bool(parts) and words[parts[0].end : parts[0].end + 1] in ([":"], ["-"])
    if parts and parts[0].exercises and (described or _says_what_it_does(reading)):
        # "Gate swings: hop, land and drop into a low squat ...": what follows says how.
        special = [each for each in verdict.exercises if _is_a(each, parts[0].exercises[0])]
        # "Push-ups: knee push-ups".
        kept = special if special and not described else parts[0].exercises
        verdict.exercises = [each for each in verdict.exercises if each in kept] or verdict.exercises
    if len(verdict.exercises) == 2 and not _COMBO.isdisjoint(words):
        pair = known_pairs().get((verdict.exercises[0], verdict.exercises[1]))
        if pair:
            # "Deadlift and row combo".
            verdict.exercises, verdict.components, verdict.method = [pair], verdict.exercises, "compound"
    if set(verdict.exercises) == _UP_AND_DOWN:
        # "Stand up, sit down".
        verdict.exercises, verdict.method = ["sit_to_stand"], "compound"
    bare = any(each.entry.id == "chest_press" and each.end - each.start == 1 for each in reading.matches)
    if bare and not _OVERHEAD.isdisjoint(verdict.exercises):
        # "Press, push press, jerk".
        verdict.exercises = ["overhead_press" if each == "chest_press" else each for each in verdict.exercises]
    if len(verdict.exercises) > 1:
        verdict.exercises = [each for each in verdict.exercises if not _says_how(each, verdict.exercises, reading)]


def _is_a(exercise: str, other: str) -> bool:
    return exercise != other and other in lexicon().ancestors(exercise)


def _says_what_it_does(reading: Reading) -> bool:
    """Whether a name, a colon and one more name are all there is: "Cat-cow: *spinal mobility*", "plank: *core hold*"."""
    first, stated = reading.phrases[0], reading.stated
    signs = [word for word in reading.words[first.end :] if word in BREAKS]
    others = [each for phrase in reading.phrases[1:] for each in phrase.exercises]
    if signs[:1] != [":"] or signs.count(":") > 1 or len(first.exercises) != 1 or len(others) != 1:
        return False
    if first.weak or stated.repetitions or stated.sets or stated.bare:
        return False
    # "Plank series: side plank".
    inside = [match for match in reading.matches if first.start <= match.start < first.end]
    return all(match.entry.type == "exercise" for match in inside)


def _says_how(exercise: str, named: Sequence[str], reading: Reading) -> bool:
    """Whether an exercise that has a part of the title for itself says how another one begins or ends: "clean, *hang*", "box jump, *step down*"."""
    alone = [reading.words[phrase.start : phrase.end] for phrase in reading.phrases if phrase.exercises == [exercise]]
    if exercise == "dead_hang":
        known = lexicon().exercises
        lifted = any(known[each].pattern == "olympic" for each in named if each in known)
        return lifted and alone == [["hang"]]
    return exercise == "step_down" and "box_jump" in named and alone == [["step", "down"]]


def _struck_alone(reading: Reading) -> list[str]:
    """Strikes that have a part of the title for themselves: "*knee*, front kick", "*cross*, elbow strike"."""
    alone = [reading.words[phrase.start] for phrase in reading.phrases if phrase.end - phrase.start == 1]
    return [_STRUCK[word] for word in alone if word in _STRUCK]


def _numbered(words: Sequence[str]) -> bool:
    """Whether punches are said by their numbers: "*1-2*, hook", "front kick, 1-2"; "front kicks 1 2 3" are counted."""
    return any(pair == ("1", "2") and (not at or words[at - 1] in BREAKS) for at, pair in enumerate(pairwise(words)))


def _struck(reading: Reading) -> list[str]:
    """Strikes beside a punch or a slip: "hook, hook, *knee*", "slip, slip, *cross*"; not "*cross* kicks", "jab with the *elbow* in"."""
    words = reading.words
    strikes = [match for match in reading.matches if match.entry.id in _STRIKES]
    if _BOXED.isdisjoint(match.entry.id for match in strikes):
        return []
    covered = {
        at
        for match in strikes
        for at in range(match.start, match.end)
        if not match.entry.weak and not (match.entry.id == "punch" and words[at] in _WITH_A_PUNCH)
    }
    others = [
        word
        for at, word in enumerate(words)
        if at not in covered and word[0].isalpha() and word not in _BETWEEN_STRIKES
    ]
    return [_STRUCK[word] for word in others] if all(word in _STRUCK for word in others) else []
