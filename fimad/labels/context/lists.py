"""A title among the others of its list: what only may be an exercise is one only beside others.

"Bounce", "Fly", "Bridge" are exercises in a workout and songs in a track list. What the neighbours are tells which. So it is of
names that stand in longer sentences, misspelt or not at all ("Git push"), where a list has none that is sure.
"""

from __future__ import annotations

from collections.abc import Sequence

from fimad.labels.context.neighbours import ON_THE_MAT
from fimad.labels.kinds import ONE_WORD
from fimad.labels.titles import TitleLabel

# Of the other titles so many have to be of a workout; chosen by hand: a track list has a word of sport here and there.
_LEAST_SHARE = 0.15
# Lists of nothing but such words ("Row", "Press", "Curl") are workouts.
_ALIKE_SHARE = 0.6
# Beside fewer titles a name among other words, or one misspelt, counts as it does alone.
_LEAST_OTHERS = 5
_LEAST_ON_THE_MAT = 2
# An exercise of which more words name nothing is no surer.
_FULL_OF_OTHERS = 0.83


def in_list(label: TitleLabel, others: Sequence[TitleLabel]) -> TitleLabel:
    """The label of a title whose list has `others` beside it; of a title that stands alone nothing more is known.

    >>> from fimad.labels import label_title
    >>> songs = [label_title(title) for title in ("Intro", "Bounce", "Paper Moon", "Slow Rain", "Kings of Nothing")]
    >>> in_list(songs[1], songs[:1] + songs[2:]).kind
    'other'
    """
    if label.exercises == ("swimming",) and ONE_WORD in label.evidence:
        # Among exercises of Pilates.
        beside = sum(not ON_THE_MAT.isdisjoint(each.exercises) for each in others)
        if beside >= _LEAST_ON_THE_MAT:
            return label._replace(exercises=("prone_swimming",), evidence=(*label.evidence, "on the mat"))
    if not others or not _may_be(label) or (ONE_WORD not in label.evidence and len(others) < _LEAST_OTHERS):
        return label
    sure = sum(_of_a_workout(each) for each in others)
    alike = sum(_may_be(each) for each in others)
    if sure and sure >= _LEAST_SHARE * len(others):
        return label
    if alike and alike >= _ALIKE_SHARE * len(others):
        return label
    return label._replace(
        kind="other",
        exercises=(),
        components=(),
        confidence=0.4,
        method="list",
        evidence=(*label.evidence, "no exercise beside it"),
    )


def _may_be(label: TitleLabel) -> bool:
    """Whether an exercise is named by a word of many meanings, among other words, misspelt or not at all."""
    if ONE_WORD in label.evidence:
        return True
    if label.kind != "exercise" or label.repetitions or label.sets or label.duration_s:
        return False
    if label.method in ("exact", "compound"):
        return label.confidence <= _FULL_OF_OTHERS
    return label.method in ("fuzzy", "unlisted")


def _of_a_workout(label: TitleLabel) -> bool:
    if label.kind == "exercise":
        sure = label.method not in ("embedding", "fuzzy") and label.confidence > _FULL_OF_OTHERS
        return bool(label.exercises) and ONE_WORD not in label.evidence and sure
    return label.kind == "rest" or (label.kind == "section" and label.confidence >= 0.9)
