"""A long video in parts of a few minutes, clip by clip: what a process holds in memory stays small, a run that was killed goes
on in the middle of the video, and several workers can do parts of one video at the same time.

The parts follow from the clips alone, never from the number of workers, so that the artifact that they are put together to
is the same wherever they were made. A clip is never divided.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa

from fimad.pipeline.stages.segment import kept_clips

PART_S = 300.0


def plan_parts(segments: pa.Table) -> list[pa.Table]:
    """The kept clips of a `segment` artifact in parts that begin a new one after `PART_S` of clips, in order.

    One part, with all rows of the artifact, for most videos.
    """
    order = {name: at for at, name in enumerate(segments.column("clip_id").to_pylist())}
    parts: list[list[int]] = [[]]
    length_s = 0.0
    for clip in kept_clips(segments):
        if length_s >= PART_S:
            parts.append([])
            length_s = 0.0
        parts[-1].append(order[clip["clip_id"]])
        length_s += clip["end_s"] - clip["start_s"]
    if len(parts) == 1:
        return [segments]
    return [segments.take(rows) for rows in parts]


def part_name(segments: pa.Table, media: str = "") -> str:
    """A name for a part that other clips, the same clips with other times, or those of other media do not have."""
    rows = segments.select(["clip_id", "start_s", "end_s"]).to_pylist()
    text = repr([(row["clip_id"], row["start_s"], row["end_s"]) for row in rows]) + media
    return hashlib.sha256(text.encode()).hexdigest()[:16]
