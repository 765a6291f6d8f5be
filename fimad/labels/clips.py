"""A clip's label: the title's words first, then what the clip shows, then its place in the video.

Words that are sure are not overruled. Where they say nothing, a clip in which nobody is seen is no exercise, one whose motion
repeats is one, and the first chapter of a video in which somebody talks is an introduction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fimad.labels.counting import Motion
from fimad.labels.descriptions.describing import TEMPLATE, describe
from fimad.labels.titles import TitleLabel, label_title

if TYPE_CHECKING:
    from fimad.labels.descriptions.endpoint import Describer

NULL = "null"
UNLISTED = "unlisted_exercise"
SEVERAL = "several_exercises"
_UNSURE = 0.6


@dataclass(frozen=True)
class Shown:
    """What is seen and heard of a clip; None for what was not looked at.

    Parameters
    ----------
    pose_share : share of frames with a person.
    motion : of the person.
    words_per_s : spoken.
    first, last : its place among the video's clips.
    """

    pose_share: float | None = None
    motion: Motion | None = None
    words_per_s: float | None = None
    first: bool = False
    last: bool = False


def says_nothing(label: TitleLabel) -> bool:
    """Whether words made nothing of a title: no kind that is sure, and no exercise."""
    return (label.kind == "other" and label.confidence <= _UNSURE) or (label.kind == "exercise" and not label.exercises)


def translated(label: TitleLabel, english: str) -> TitleLabel:
    """The label of a title by its translation, where that says something; a little less sure."""
    found = label_title(english)
    if says_nothing(found):
        return label
    return found._replace(
        language=label.language,
        method="translated",
        confidence=round(0.8 * found.confidence, 3),
        evidence=(*found.evidence, f"translated: {english[:120]}"),
    )


def label_clip(title: str | None, shown: Shown, label: TitleLabel | None = None) -> TitleLabel:
    """A title's label with what the clip shows weighed in; `evidence` says what changed it.

    Parameters
    ----------
    label : of the title, where more than its words was asked; by default by its words.
    """
    label = label_title(title) if label is None else label
    evidence = list(label.evidence)
    repeating = shown.motion is not None and shown.motion.repetitions is not None and shown.motion.confidence >= 0.6
    moving = repeating and shown.motion is not None and shown.motion.extent >= 0.03
    nobody = shown.pose_share is not None and shown.pose_share < 0.1
    talking = shown.words_per_s is not None and shown.words_per_s >= 2.0
    if label.kind == "exercise" and nobody:
        confidence = label.confidence * (0.6 if label.confidence < _UNSURE else 0.85)
        return label._replace(confidence=round(confidence, 3), evidence=(*evidence, "nobody visible"))
    if label.kind == "exercise" and moving:
        confidence = 1 - (1 - label.confidence) * 0.6
        return label._replace(confidence=round(confidence, 3), evidence=(*evidence, "motion repeats"))
    if label.kind != "other" or label.confidence > _UNSURE:
        return label
    if moving:
        return label._replace(kind="exercise", confidence=0.5, method="motion", evidence=(*evidence, "motion repeats"))
    if talking and (shown.first or shown.last or nobody or not repeating):
        place = ["first in the video"] if shown.first else ["last in the video"] if shown.last else []
        return label._replace(kind="talk", confidence=0.5, method="speech", evidence=(*evidence, "speech", *place))
    if nobody:
        return label._replace(confidence=0.6, method="picture", evidence=(*evidence, "nobody visible"))
    return label


def columns(label: TitleLabel, motion: Motion | None = None, describer: Describer | None = None) -> dict[str, Any]:
    """The columns of a clip's label, as `schema.LABEL` has them."""
    exercises = label.components or label.exercises
    provenance: dict[str, Any] = {}
    if describer is None:
        text = describe(exercises, side=label.side, equipment=label.equipment)
        source = TEMPLATE if text else None
    else:
        told = describer.describe(exercises, side=label.side, equipment=label.equipment)
        text, source, provenance = told.text, told.source, told.provenance
    counted = motion is not None and motion.repetitions is not None
    return {
        "kind": label.kind,
        "kind_confidence": label.confidence,
        "kind_evidence": list(label.evidence),
        "exercise": label.exercises[0] if label.exercises else None,
        "exercises": list(label.exercises),
        "label_method": label.method,
        "side": label.side,
        "repetitions": label.repetitions,
        "sets": label.sets,
        "stated_duration_s": label.duration_s,
        "stated_rest_s": label.rest_s,
        "equipment": list(label.equipment),
        "label_language": label.language,
        "repetitions_counted": round(motion.repetitions, 2) if counted and motion and motion.repetitions else None,
        "repetitions_confidence": round(motion.confidence, 3) if motion is not None else None,
        "description_text": text,
        "description_source": source,
        "description_provenance": json.dumps(provenance, sort_keys=True) if provenance else None,
    }


def class_of(kind: str | None, exercises: Sequence[str] | None) -> str:
    """The class to train on: the exercise; `several_exercises`, `unlisted_exercise`, or `null` for what is none."""
    if kind != "exercise":
        return NULL
    if not exercises:
        return UNLISTED
    return exercises[0] if len(exercises) == 1 else SEVERAL


def words_of_segment(row: Mapping[str, Any]) -> str | None:
    """What a clip is labelled by: the label that a list gives, else the title."""
    if row.get("chapter_source") == "list" and row.get("label"):
        return str(row["label"])
    return row.get("title") or row.get("label")
