"""Chapters proposed for a video that has none: from comments, from what is said, from motion that changes.

The most certain of them that says something is taken (comments before speech before motion), and the others bear it out: what
they agree on becomes surer. Each proposal carries its confidence and what it rests on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fimad.labels.spoken.announcements import Announcement, announcements
from fimad.labels.spoken.utterances import Spoken, spread, utterances
from fimad.labels.titles import label_title
from fimad.pipeline.acquire.timeline import Published, chapters_in_file
from fimad.pipeline.media.activity import MotionChange
from fimad.pipeline.media.audio import decode_ranges
from fimad.pipeline.stages.chapters import read_description

# An announcement leads the exercise by some seconds; a comment's time is rounded to whole ones.
_BEFORE_S, _AFTER_S = 2.0, 8.0
_NEAR_S = 3.0
# Motion alone says that something changes, not what.
_MOTION_CONFIDENCE = 0.5
_LEAST_TITLED = 0.5
_STRETCH_S = 600.0
_SILENT_PEAK = 1e-3


@dataclass(frozen=True)
class Proposal:
    """A chapter that is proposed; it lasts until the next one.

    Parameters
    ----------
    start_s : on the video's clock.
    title : None where nothing says what it is.
    confidence : 0 to 1.
    evidence : what it rests on, in words.
    """

    start_s: float
    title: str | None
    confidence: float
    evidence: tuple[str, ...] = field(default=())


def propose(
    comments: Sequence[dict[str, Any]],
    words: Sequence[Spoken],
    changes: Callable[[], Sequence[MotionChange]],
    duration_s: float,
    published: Published,
) -> tuple[str, list[Proposal]]:
    """The source (``comment``, ``speech``, ``motion``) and the proposals in the order of time; ("", []) without any.

    Parameters
    ----------
    comments : rows of `schema.COMMENT`.
    words : what is said in the whole video.
    changes : looks for changes of motion; asked once.
    published : how the times of comments lie on the file.
    """
    said = [each for each in announcements(utterances(words)) if each.start_s < duration_s]
    moved = [each for each in changes() if 0 < each.time_s < duration_s]
    from_comments = of_comments(comments, duration_s, published)
    if from_comments:
        source, found = "comment", [_borne_out(each, said, moved) for each in from_comments]
    elif said:
        source, found = "speech", [_of_speech(each, moved) for each in said]
    elif moved:
        source = "motion"
        found = [
            Proposal(each.time_s, None, round(_MOTION_CONFIDENCE * each.change, 3), (_changes(each),)) for each in moved
        ]
    else:
        return "", []
    found = _rising(found)
    if found[0].start_s > 0:
        opening = Proposal(0.0, None, found[0].confidence, ("before the first of them",))
        found = [opening, *found]
    return source, found


def of_comments(comments: Sequence[dict[str, Any]], duration_s: float, published: Published) -> list[Proposal]:
    """The chapters of the best comment; of a viewer's at least half of the lines must name something of a workout."""
    read = []
    for comment in comments:
        lines, _ = read_description(comment["text"], published.end_s(duration_s))
        rows = chapters_in_file(
            [{"start_s": line.start_s, "end_s": line.end_s, "title": line.title} for line in lines], published
        )
        rows = [row for row in rows or [] if math.isfinite(row["start_s"]) and row["start_s"] < duration_s]
        if len(rows) < 2:
            continue
        told = sum(label_title(row["title"]).kind in ("exercise", "rest", "section") for row in rows) / len(rows)
        own = comment["by_uploader"] or comment["pinned"]
        if told >= _LEAST_TITLED or (own and told > 0):
            read.append((own, told * len(rows), comment, rows))
    if not read:
        return []
    own, _, comment, rows = max(read, key=lambda each: (each[0], each[1], each[2]["likes"]))
    confidence = 0.9 if own else 0.7 if comment["likes"] < 5 else 0.8
    who = "the uploader" if comment["by_uploader"] else "a viewer"
    says = f"comment by {who}" + (", pinned" if comment["pinned"] else "") + f", {comment['likes']} likes"
    others = [other for _, _, each, other in read if each is not comment]
    found = []
    for row in rows:
        agrees = any(abs(row["start_s"] - each["start_s"]) <= _NEAR_S for other in others for each in other)
        evidence = (says, "another comment has it too") if agrees else (says,)
        found.append(
            Proposal(row["start_s"], row["title"], _surer(confidence, 0.5) if agrees else confidence, evidence)
        )
    return found


def _of_speech(said: Announcement, moved: Sequence[MotionChange]) -> Proposal:
    heard = f'said at {said.start_s:.1f} s: "{said.said[:120]}" ({said.basis})'
    near = [each for each in moved if said.start_s - _BEFORE_S <= each.time_s <= said.start_s + _AFTER_S]
    if not near:
        return Proposal(said.start_s, said.title, said.confidence, (heard,))
    # What is announced begins when the motion does.
    change = min(near, key=lambda each: abs(each.time_s - said.start_s))
    return Proposal(
        max(change.time_s, said.start_s), said.title, _surer(said.confidence, 0.4), (heard, _changes(change))
    )


def _borne_out(each: Proposal, said: Sequence[Announcement], moved: Sequence[MotionChange]) -> Proposal:
    means = set(label_title(each.title).exercises)
    for one in said:
        if one.exercise in means and abs(one.start_s - each.start_s) <= _AFTER_S:
            heard = f'said at {one.start_s:.1f} s: "{one.said[:120]}"'
            each = replace(each, confidence=_surer(each.confidence, 0.5), evidence=(*each.evidence, heard))
            break
    near = [change for change in moved if abs(change.time_s - each.start_s) <= _NEAR_S]
    if near:
        best = max(near, key=lambda change: change.change)
        each = replace(each, confidence=_surer(each.confidence, 0.4), evidence=(*each.evidence, _changes(best)))
    return each


def _changes(change: MotionChange) -> str:
    return f"motion changes at {change.time_s:.1f} s ({change.change:.2f})"


def _surer(confidence: float, share: float) -> float:
    """Less doubt by a share: two that agree."""
    return round(1 - (1 - confidence) * (1 - share), 3)


def _rising(found: Sequence[Proposal]) -> list[Proposal]:
    """In the order of time; of two that begin together the surer."""
    kept: list[Proposal] = []
    for each in sorted(found, key=lambda each: (each.start_s, -each.confidence)):
        if not kept or each.start_s > kept[-1].start_s:
            kept.append(each)
    return kept


def words_of_captions(captions: Sequence[dict[str, Any]]) -> list[Spoken]:
    """The words of caption lines: those of a human if there are any, else of speech recognition."""
    for kind in ("human", "automatic"):
        cues = [row for row in captions if row["kind"] == kind]
        if cues:
            language = cues[0]["language"]
            return [
                word
                for cue in cues
                if cue["language"] == language
                for word in spread(cue["start_s"], cue["end_s"], cue["text"])
            ]
    return []


def hear(media: Path, duration_s: float, recogniser: Any) -> list[Spoken]:
    """The words of a whole video by Whisper, in stretches of ten minutes."""
    edges = [*np.arange(0.0, duration_s, _STRETCH_S), duration_s]
    ranges = [(float(start), float(end)) for start, end in itertools.pairwise(edges) if end - start > 0.1]
    words: list[Spoken] = []
    for (start_s, _), sound in zip(ranges, decode_ranges(media, ranges), strict=True):
        # Whisper hears words in digital silence.
        if sound is None or np.abs(sound).max(initial=0.0) < _SILENT_PEAK:
            continue
        for segment in recogniser.hear(sound).segments:
            words += [
                Spoken(start_s + float(word.start_s), start_s + float(word.end_s), word.text.strip())
                for word in segment.words
                if word.text.strip()
            ]
    return words
