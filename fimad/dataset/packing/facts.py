"""What packing has to know of a video before its rows are written: a row of a kilobyte, instead of its artifacts.

From these rows alone it is decided which split a video belongs to, what it is tied to, whether its shard can be kept, and
how shards are cut. They are made once per video, by whoever has its artifacts at hand.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from fimad.dataset.packing.duplicates import PRINT_BYTES, duplicates, fingerprint
from fimad.dataset.packing.rows import labels_of
from fimad.dataset.packing.splits import Member
from fimad.labels.clips import class_of
from fimad.schema import DOWNLOAD
from fimad.storage.parquet import one_chunk

#: Columns of the facts. `stages` names the stages whose artifacts they speak of; `split` is the one that the source puts the
#: video into, `source` the source's fingerprint, `mark` that of the motion.
FACTS = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("stages", pa.string(), nullable=False),
        pa.field("media", pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("person", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("labels", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("mark", pa.binary(PRINT_BYTES)),
    ]
)
_VIDEO = [
    "given_label",
    "channel",
    "channel_id",
    "media_sha256",
    "duration_s",
    "person",
    "given_split",
    "source_fingerprint",
]
Read = Callable[..., pa.Table]


def video_facts(read: Read, video_id: str, stages: Sequence[str], size: int) -> dict[str, Any]:
    """The facts of one video.

    Parameters
    ----------
    read : gives some columns of an artifact: ``read(stage, video_id, columns=[...])``.
    size : bytes of its artifacts, by which shards are cut.
    """
    video = read("download", video_id, columns=[name for name in _VIDEO if name in DOWNLOAD.names])
    if "label" in stages:
        told = read("label", video_id, columns=["kind", "exercises"])
    else:
        told = labels_of(read("segment", video_id), video)
    pairs = zip(told.column("kind").to_pylist(), told.column("exercises").to_pylist(), strict=True)
    labels = Counter(class_of(kind, exercises) for kind, exercises in pairs)
    duration_s = video.column("duration_s")[0].as_py() or 0.0
    mark = None
    if "pose" in stages:
        mark = fingerprint(read("pose", video_id, columns=["pose_time_s", "pose_world_m"]), duration_s)
    return {
        "video_id": video_id,
        "stages": ",".join(stages),
        "media": video.column("media_sha256")[0].as_py() or "",
        "channel": video.column("channel_id")[0].as_py() or video.column("channel")[0].as_py() or "",
        "person": _first(video, "person"),
        "split": _first(video, "given_split"),
        "source": _first(video, "source_fingerprint"),
        "duration_s": duration_s,
        "labels": json.dumps(dict(sorted(labels.items())), ensure_ascii=False),
        "bytes": size,
        "mark": None if mark is None else mark.astype(np.float16).tobytes(),
    }


def _first(table: pa.Table, name: str) -> str:
    return str(table.column(name)[0].as_py() or "") if name in table.column_names else ""


@dataclass
class Facts:
    """The facts of all videos that a dataset is to have, in the order of their ids."""

    table: pa.Table

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]]) -> Facts:
        """From `video_facts` of each video."""
        return cls(pa.Table.from_pylist(list(rows), schema=FACTS).sort_by("video_id"))

    def without(self, video_ids: set[str]) -> Facts:
        """Without some videos."""
        if not video_ids:
            return self
        gone = pa.array(sorted(video_ids), pa.string())
        keep = pa.compute.invert(pa.compute.is_in(self.table.column("video_id"), gone))
        return Facts(self.table.filter(keep))

    def column(self, name: str) -> list[Any]:
        """A column as a list."""
        values: list[Any] = self.table.column(name).to_pylist()
        return values

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The stages of each video; videos with the same ones share the tuple."""
        known: dict[str, tuple[str, ...]] = {}
        found = {}
        for video_id, text in zip(self.column("video_id"), self.column("stages"), strict=True):
            found[video_id] = known.setdefault(text, tuple(text.split(",")))
        return found

    def members(self, *, tied_by_motion: bool) -> list[Member]:
        """What splitting needs: ties of channel and media, and of motion, where two videos show one performance."""
        ties: dict[str, list[str]] = {}
        for pair in self.pairs() if tied_by_motion else ():
            for video_id in pair:
                ties.setdefault(video_id, []).append(f"motion:{'='.join(sorted(pair))}")
        return [self._member(row, ties.get(row[0], [])) for row in self._rows()]

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        names = ("video_id", "channel", "media", "person", "labels", "duration_s", "split", "source")
        return zip(*(self.column(name) for name in names), strict=True)

    @staticmethod
    def _member(row: tuple[Any, ...], motion: list[str]) -> Member:
        video_id, channel, media, person, labels, duration_s, split, source = row
        ties = [f"channel:{channel}"] if channel else []
        ties += [f"media:{media}"] if media else []
        ties += [f"person:{person}"] if person else []
        return Member(video_id, (*ties, *motion), Counter(json.loads(labels)), duration_s, split or None, source)

    def pairs(self) -> list[tuple[str, str]]:
        """Pairs of videos that show one performance."""
        known = self.table.select(["video_id", "duration_s", "mark"])
        if known.column("mark").null_count:
            known = known.filter(pa.compute.is_valid(known.column("mark")))
        marks = one_chunk(known.column("mark"))
        if not len(marks):
            return []
        width = PRINT_BYTES // 2
        # As they lie in memory: an object a video would cost more than the video's other facts together.
        values = np.frombuffer(marks.buffers()[1], np.float16)[marks.offset * width :][: len(marks) * width]
        durations = known.column("duration_s").to_numpy()
        return duplicates(known.column("video_id").to_pylist(), durations, values.reshape(len(marks), -1))
