"""Labels, words and embeddings of a clip, against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fimad.dataset.checking.clocks import TIME_SLACK_S
from fimad.dataset.folding import Clip
from fimad.labels.clips import class_of
from fimad.labels.taxonomy import KINDS

_UNIT_SLACK = 1e-2
# Means of float32, and opposite embeddings whose mean is nothing.
_MEAN_SLACK, _SHORTEST_MEAN = 1e-3, 1e-3


def label_problems(clip: Clip, classes: Mapping[str, int], *, folded: bool) -> Iterator[str]:
    """Kinds that there are not, exercises without a name, and classes other than the exercises' and the dataset's numbers.

    Parameters
    ----------
    classes : the dataset's numbers; empty where it has none.
    folded : whether classes were folded to others when the dataset was packed.
    """
    kind, name, exercises = clip.get("kind"), clip.get("class_label"), clip.get("exercises")
    if kind is not None and kind not in KINDS:
        yield f"kind is {kind[:40]!r} instead of one of {', '.join(KINDS)}"
    if any(not each for each in exercises or ()):
        yield "an exercise of exercises has no name"
    elif exercises is not None and clip.get("exercise") != (exercises[0] if exercises else None):
        yield f"exercise is {clip.get('exercise')!r}, and exercises begins with {exercises[0] if exercises else None!r}"
    if classes and name is not None and clip.get("class_id") != classes.get(name):
        yield f"class_id of {name[:40]!r} is {clip.get('class_id')}, and the dataset's number of it is {classes.get(name)}"
    elif not folded and name is not None and kind is not None and name != (made := class_of(kind, exercises)):
        yield f"class_label is {name[:40]!r}, and kind and exercises give {made!r}"


def word_problems(clip: Clip) -> Iterator[str]:
    """Words that are spoken outside of the clip, or are not those of its transcript."""
    yield from _spans(clip, "exercise_cues", "a cue", "confidence")
    words = clip.get("transcript_words")
    if words is None:
        return
    yield from _spans(clip, "transcript_words", "a word", "probability")
    said, spoken = clip.get("transcript"), "".join(word["text"] or "" for word in words)
    if words and said is not None and "".join(said.split()) != "".join(spoken.split()):
        yield "transcript is not what transcript_words say"


def _spans(clip: Clip, column: str, one: str, sure: str) -> Iterator[str]:
    """What is said at times, and how sure that is."""
    rows = clip.get(column) or ()
    for row in rows:
        begin, end = row["start_s"], row["end_s"]
        if begin is None or end is None:
            continue
        if not begin <= end:
            yield f"{one} of {column} ends at {end:g} s, before it begins"
            break
        if end < clip["start_s"] - TIME_SLACK_S or begin > clip["end_s"] + TIME_SLACK_S:
            yield f"{one} of {column} is spoken at {begin:g} s, and the clip goes from {clip['start_s']:g} to {clip['end_s']:g} s"
            break
    if any(row[sure] is not None and not 0 <= row[sure] <= 1 + 1e-5 for row in rows):
        yield f"a {sure} of {column} is not from 0 to 1"


def embedding_problems(clip: Clip, columns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Embeddings of other than unit length, of different widths, or that are not the mean of their frames'."""
    clock, frames = clip.get("video_embedding_time_s"), clip.get("video_embeddings")
    found = {}
    for about in columns:
        if "unit length" in (about.get("about") or "") and (values := clip.get(about["name"])) is not None:
            count = (0 if clock is None else len(clock)) if about.get("shape") == "e,d" else 1
            if np.size(values) and count:
                found[about["name"]] = np.asarray(values).reshape(count, -1)
    for name, rows in found.items():
        # NaN is of no length either.
        if not (np.abs(np.linalg.norm(rows, axis=1) - 1) < _UNIT_SLACK).all():
            yield f"{name} is not of unit length"
            return
    # Another model makes those of labels and their descriptions.
    for names in (
        ("video_embeddings", "video_embedding", "text_embedding", "description_embedding"),
        ("label_embedding", "description_text_embedding"),
    ):
        widths = sorted({found[name].shape[1] for name in names if name in found})
        if len(widths) > 1:
            yield f"embeddings ({', '.join(name for name in names if name in found)}) have {' and '.join(map(str, widths))} numbers"
            return
    if frames is None or "video_embeddings" not in found:
        return
    if "video_embedding" not in found:
        yield "video_embedding is missing, and video_embeddings has values"
        return
    mean = found["video_embeddings"].astype(np.float64).mean(0)
    length = float(np.linalg.norm(mean))
    if (
        length > _SHORTEST_MEAN
        and (off := float(np.abs(mean / length - found["video_embedding"][0]).max())) > _MEAN_SLACK
    ):
        yield f"video_embedding is not the mean of video_embeddings at unit length: it is off by {off:.3f}"
