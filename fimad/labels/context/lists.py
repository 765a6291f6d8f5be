"""A title among the others of its list: one word of many meanings is an exercise only beside others.

"Bounce", "Fly", "Bridge" are exercises in a workout and songs in a track list. What the neighbours are tells which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fimad.labels.kinds import ONE_WORD
from fimad.labels.titles import TitleLabel

# Of the other titles so many have to be of a workout; chosen by hand: a track list has a word of sport here and there.
_LEAST_SHARE = 0.15
# Lists of nothing but such words ("Row", "Press", "Curl") are workouts.
_ALIKE_SHARE = 0.6


def in_list(label: TitleLabel, others: Sequence[TitleLabel]) -> TitleLabel:
    """The label of a title whose list has `others` beside it; of a title that stands alone nothing more is known.

    >>> from fimad.labels import label_title
    >>> songs = [label_title(title) for title in ("Intro", "Bounce", "Paper Moon", "Slow Rain", "Kings of Nothing")]
    >>> in_list(songs[1], songs[:1] + songs[2:]).kind
    'other'
    """
    if ONE_WORD not in label.evidence or not others:
        return label
    sure = sum(_of_a_workout(each) for each in others)
    alike = sum(ONE_WORD in each.evidence for each in others)
    if sure and sure >= _LEAST_SHARE * len(others):
        return label
    if alike and alike >= _ALIKE_SHARE * len(others):
        return label
    return replace(
        label,
        kind="other",
        exercises=(),
        components=(),
        confidence=0.4,
        method="list",
        evidence=(*label.evidence, "no exercise beside it"),
    )


def _of_a_workout(label: TitleLabel) -> bool:
    if label.kind == "exercise":
        return bool(label.exercises) and ONE_WORD not in label.evidence and label.method != "embedding"
    return label.kind == "rest" or (label.kind == "section" and label.confidence >= 0.9)
