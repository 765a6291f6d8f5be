"""What packing has to know of a video before its rows are written: a row of a kilobyte, instead of its artifacts.

From these rows alone it is decided which split a video belongs to, what it is tied to, whether its shard can be kept, and
how shards are cut. They are made once per video, by whoever has its artifacts at hand.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fimad.dataset.packing.duplicates import PRINT_BYTES, Marks, duplicates, fingerprint
from fimad.dataset.packing.rows import labels_of
from fimad.dataset.packing.splits import Members
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
    """The facts of all videos that a dataset is to have, in the order of their ids.

    Parameters
    ----------
    table : all but ids and fingerprints: these are most of what a driver would hold of a million videos.
    marks : gives the fingerprints of some rows.
    """

    video_ids: Sequence[str]
    table: pa.Table
    marks: Marks

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]]) -> Facts:
        """From `video_facts` of each video."""
        table = pa.Table.from_pylist(list(rows), schema=FACTS).sort_by("video_id")
        marks = mark_values(table.column("mark"))
        return cls(table.column("video_id").to_pylist(), table.drop_columns(["video_id", "mark"]), marks.__getitem__)

    def without(self, video_ids: set[str]) -> Facts:
        """Without some videos."""
        if not video_ids:
            return self
        kept = np.array([row for row, each in enumerate(self.video_ids) if each not in video_ids], np.int64)
        marks = self.marks
        ids = [self.video_ids[row] for row in kept.tolist()]
        return Facts(ids, self.table.take(kept), lambda rows: marks(kept[rows]))

    def row(self, video_id: str) -> int | None:
        """Where a video stands."""
        at = bisect_left(self.video_ids, video_id)
        return at if at < len(self.video_ids) and self.video_ids[at] == video_id else None

    def column(self, name: str) -> list[Any]:
        """A column as a list."""
        values: list[Any] = self.table.column(name).to_pylist()
        return values

    def coded(self, name: str) -> tuple[NDArray[np.int64], pa.Array]:
        """A column as (n,) numbers of its distinct values, and these values."""
        column = one_chunk(self.table.column(name))
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary

    @cached_property
    def _ways(self) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
        codes, texts = self.coded("stages")
        return codes, [tuple(str(text).split(",")) for text in texts.to_pylist()]

    def stages(self, row: int) -> tuple[str, ...]:
        """The stages that a video is done with."""
        codes, ways = self._ways
        return ways[int(codes[row])]

    def members(self, *, tied_by_motion: bool) -> Members:
        """What splitting needs: ties of channel and media, and of motion, where two videos show one performance."""
        rows, ties, count = [], [], 0
        names: list[tuple[str, int, Any]] = []
        for kind in ("channel", "media", "person"):
            at = self._shared(kind)
            values = one_chunk(self.table.column(kind).take(at))
            encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
            values = encoded.dictionary
            rows.append(at)
            ties.append(encoded.indices.to_numpy().astype(np.int64) + count)
            names.append((kind, count, values))
            count += len(values)
        pairs = self.pairs() if tied_by_motion else []
        names.append(("motion", count, pa.array(["=".join(sorted(pair)) for pair in pairs], pa.string())))
        found = [self.row(video_id) for pair in pairs for video_id in pair]
        rows.append(np.array(found, np.int64))
        ties.append(np.repeat(np.arange(len(pairs)), 2) + count)

        def name(tie: int) -> str:
            kind, first, values = next(each for each in reversed(names) if each[1] <= tie)
            return f"{kind}:{values[tie - first].as_py()}"

        kinds, texts = self.coded("labels")
        labels: dict[str, int] = {}
        counts = [
            tuple((labels.setdefault(label, len(labels)), n) for label, n in json.loads(text).items())
            for text in texts.to_pylist()
        ]
        return Members(self.video_ids, np.concatenate(rows), np.concatenate(ties), name, list(labels), kinds, counts)

    def _shared(self, name: str) -> NDArray[np.int64]:
        """Rows whose value others have too: nobody is tied by what a single video has, as most files of media are."""
        hashes = np.zeros(len(self.video_ids), np.int64)
        at = 0
        for batch in self.table.select([name]).to_batches(max_chunksize=65_536):
            values = batch.column(0).to_pylist()
            hashes[at : at + len(values)] = [hash(value) if value else 0 for value in values]
            at += len(values)
        distinct, counts = np.unique(hashes, return_counts=True)
        shared = distinct[(counts > 1) & (distinct != 0)]
        return np.flatnonzero(np.isin(hashes, shared))

    def pairs(self) -> list[tuple[str, str]]:
        """Pairs of videos that show one performance."""
        return duplicates(self.video_ids, self.table.column("duration_s").to_numpy(), self.marks)


def mark_values(column: pa.ChunkedArray) -> NDArray[np.float16]:
    """(n, 512) fingerprints as they lie in memory; zeros, which are like nothing, where a video has none."""
    marks = one_chunk(column)
    width = PRINT_BYTES // 2
    if not len(marks):
        return np.zeros((0, width), np.float16)
    values = np.frombuffer(marks.buffers()[1], np.float16)[marks.offset * width :][: len(marks) * width]
    values = values.reshape(len(marks), width)
    if marks.null_count:
        values = np.where(pc.is_valid(marks).to_numpy(zero_copy_only=False)[:, np.newaxis], values, np.float16(0))
    return values
