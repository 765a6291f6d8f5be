"""A title among the others of its list: what only may be an exercise is one only beside others.

"Bounce", "Fly", "Bridge" are exercises in a workout and songs in a track list. What the neighbours are tells which. So it is of
names that stand in longer sentences, misspelt or not at all ("Git push"), where a list has none that is sure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

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
# "7 Squats", "07 Squats": the seventh, or so many.
_COUNTED = re.compile(r"\s*(\d{1,3})\s+(?=[^\W\d])(.*)", re.DOTALL)
_LEAST_NUMBERED, _FIRST = 3, 2
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


def without_places(titles: Sequence[str | None], labels: Sequence[TitleLabel]) -> list[TitleLabel]:
    """The labels of a list without repetitions that are only the places of the titles: "1 Squats", "2 Lunges", "3 Plank".

    They are places where they go up by one from 1 (or 0, 2) on, title after title that begins with a number, and what is numbered differs:
    "1 burpee", "2 burpees", "3 burpees" are counted. A workout that adds one more of another exercise in each round reads like a numbered
    list, and is taken for one; the evidence says so.

    >>> from fimad.labels import label_title
    >>> titles = ["Intro", "1 Squats", "2 Lunges", "3 Crunches x20"]
    >>> [label.repetitions for label in without_places(titles, [label_title(title) for title in titles])]
    [None, None, None, 20]
    """
    found = [(at, _COUNTED.match(title or "")) for at, title in enumerate(titles)]
    numbered = [(at, int(match[1]), match[2]) for at, match in found if match]
    # Nobody counts "08 squats".
    padded = any(match[1][0] == "0" for _, match in found if match)
    rising = all(after[1] - before[1] == 1 for before, after in pairwise(numbered))
    named = {labels[at].exercises or title.strip().casefold() for at, _, title in numbered}
    kept = list(labels)
    if len(numbered) < _LEAST_NUMBERED or not rising or len(named) < _LEAST_NUMBERED:
        return kept
    if numbered[0][1] > _FIRST and not padded:
        return kept
    for at, number, _ in numbered:
        if kept[at].repetitions == number:
            evidence = (*kept[at].evidence, "a place in its list")
            kept[at] = kept[at]._replace(repetitions=None, evidence=evidence)
    return kept


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
