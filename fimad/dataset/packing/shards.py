"""Shards: Parquet files of a target size, with row groups small enough that one clip is read without a hundred."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fimad.config import PackConfig
from fimad.dataset.packing.rows import VideoRows, video_rows
from fimad.errors import DamagedArtifactError
from fimad.storage.parquet import encodings
from fimad.storage.store import Store

_GROUP_BYTES = 4 * 1024**2
# Clips per shard that the manifest lists by title, so that a summary needs no shard.
_PREVIEW = 50
_COUNTERS = ("labels", "class_labels", "licences", "channels", "languages", "modalities", "left_out")
# Columns whose means the card states, with how many rows have them.
_MEANS = ("pose_share", "imu_quality", "transcript_no_speech")
#: What a clip has of each modality: the column that is NULL where it has none.
MODALITIES = {
    "pose": "pose_time_s",
    "virtual IMU": "imu_time_s",
    "transcript": "transcript",
    "video embedding": "video_embedding",
    "text embedding": "text_embedding",
}


@dataclass
class Shard:
    """A finished shard.

    Parameters
    ----------
    path : where a new one was written; None for one that is kept from the dataset before.
    sums : by column, how many rows have it, and its sum over them.
    modalities : by modality, how many rows have it.
    newest : the last day on which a video of it was retrieved, as YYYY-MM-DD.
    videos : content key by video id: what tells whether the shard can be kept.
    source : name in the dataset before, of a kept one.
    place : where a new one lies that was written elsewhere than in this process: a store, and the name there.
    """

    split: str
    path: Path | None = None
    sha256: str = ""
    size_bytes: int = 0
    videos: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    seconds: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)
    class_labels: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    sums: dict[str, tuple[int, float]] = field(default_factory=dict)
    modalities: Counter[str] = field(default_factory=Counter)
    newest: str = ""
    preview: list[tuple[str, str, str, str, float]] = field(default_factory=list)
    name: str = ""
    source: str = ""
    place: tuple[Store, str] | None = None

    def count(self, rows: VideoRows) -> None:
        """Add a video's rows to the totals."""
        table = rows.table
        self.rows += table.num_rows
        self.left_out.update(rows.left_out)
        for name, counts in (
            ("label", self.labels),
            ("class_label", self.class_labels),
            ("license", self.licences),
            ("channel", self.channels),
            ("language", self.languages),
        ):
            counts.update(value or "" for value in table.column(name).to_pylist())
        for name, column in MODALITIES.items():
            self.modalities[name] += table.num_rows - table.column(column).null_count
        for name in _MEANS:
            known = [value for value in table.column(name).to_pylist() if value is not None]
            count, total = self.sums.get(name, (0, 0.0))
            self.sums[name] = count + len(known), round(total + sum(known), 6)
        self.newest = max([self.newest, *(str(day) for day in table.column("retrieved_on").to_pylist() if day)])
        columns = [table.column(name).to_pylist() for name in ("clip_id", "title", "label", "start_s", "end_s")]
        for clip_id, title, label, start, end in zip(*columns, strict=True):
            self.seconds += end - start
            if len(self.preview) < _PREVIEW:
                self.preview.append((self.split, clip_id, title or "", label or "", end - start))

    def entry(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "name": self.name,
            "split": self.split,
            "rows": self.rows,
            "bytes": self.size_bytes,
            "sha256": self.sha256,
            "seconds": round(self.seconds, 6),
            "videos": self.videos,
            "preview": [list(each) for each in self.preview],
            "sums": {name: list(each) for name, each in sorted(self.sums.items())},
            "newest": self.newest,
            **{name: dict(sorted(getattr(self, name).items())) for name in _COUNTERS},
        }

    @classmethod
    def from_manifest(cls, entry: Mapping[str, Any]) -> Shard:
        """A shard that is kept."""
        return cls(
            split=entry["split"],
            sha256=entry["sha256"],
            size_bytes=entry["bytes"],
            videos=dict(entry["videos"]),
            rows=entry["rows"],
            seconds=entry["seconds"],
            preview=[(a, b, c, d, e) for a, b, c, d, e in entry["preview"]],
            source=entry["name"],
            sums={name: (count, total) for name, (count, total) in entry.get("sums", {}).items()},
            newest=entry.get("newest", ""),
            languages=Counter(entry.get("languages", {})),
            modalities=Counter(entry.get("modalities", {})),
            labels=Counter(entry["labels"]),
            class_labels=Counter(entry.get("class_labels", {})),
            licences=Counter(entry["licences"]),
            channels=Counter(entry["channels"]),
            left_out=Counter(entry["left_out"]),
        )


@dataclass(frozen=True)
class ShardPlan:
    """A shard to be written.

    Parameters
    ----------
    videos : (video_id, content key, stages) of each, in order.
    classes : number of each class.
    """

    split: str
    videos: tuple[tuple[str, str, tuple[str, ...]], ...]
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ShardMade:
    """A shard that was written, or None if there was nothing in it; and the videos whose artifacts are damaged."""

    shard: Shard | None
    damaged: tuple[str, ...] = ()


def write_shard(
    plan: ShardPlan,
    read: Callable[[str, str], pa.Table],
    schema: pa.Schema,
    folder: Path,
    tools: str,
    config: PackConfig,
) -> ShardMade:
    """Write a shard from artifacts into `folder`. A video whose artifacts are damaged is left out."""
    writer = ShardWriter(plan.split, schema, folder, 1 << 62)
    damaged = []
    for video_id, content, stages in plan.videos:
        try:
            tables = {name: read(name, video_id) for name in stages}
        except DamagedArtifactError:
            damaged.append(video_id)
            continue
        writer.add(video_id, content, video_rows(tables, schema, plan.split, tools, config, plan.classes))
    writer.close()
    return ShardMade(writer.shards[0] if writer.shards else None, tuple(damaged))


def row_bytes(table: pa.Table) -> list[int]:
    """About how large each row is: lists of numbers by their lengths, all else evenly."""
    sizes = np.zeros(table.num_rows)
    for column in table.columns:
        if pa.types.is_list(column.type) and pa.types.is_primitive(column.type.value_type):
            lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
            sizes += lengths * (column.type.value_type.bit_width / 8)
        elif len(sizes):
            sizes += column.nbytes / len(sizes)
    return [int(size) for size in sizes]


class ShardWriter:
    """Writes one split's rows into shards of about `shard_bytes`; a video's rows stay in one shard."""

    def __init__(self, split: str, schema: pa.Schema, folder: Path, shard_bytes: int) -> None:
        self.split = split
        self.schema = schema
        self.shards: list[Shard] = []
        self._folder = folder
        self._limit = shard_bytes
        self._writer: Any = None
        self._path = folder
        self._shard = Shard(split)
        self._pending: list[pa.Table] = []
        self._pending_bytes = 0

    def add(self, video_id: str, content: str, rows: VideoRows) -> None:
        """The rows of one video."""
        if self._writer is None:
            self._open()
        first, whole = 0, rows.table.nbytes
        if self._pending_bytes + whole < _GROUP_BYTES:
            # Most videos: what each row takes is not asked, column by column.
            self._pending_bytes += whole
            sizes = []
        else:
            sizes = row_bytes(rows.table)
        for at, size in enumerate(sizes, 1):
            self._pending_bytes += size
            if self._pending_bytes >= _GROUP_BYTES:
                self._pending.append(rows.table.slice(first, at - first))
                self._flush()
                first = at
        if first < rows.table.num_rows:
            self._pending.append(rows.table.slice(first))
        self._shard.count(rows)
        self._shard.videos[video_id] = content
        if self._path.stat().st_size + self._pending_bytes >= self._limit:
            self.close()

    def close(self) -> None:
        """Finish the current shard."""
        if self._writer is None:
            return
        self._flush()
        self._writer.close()
        self._writer = None
        with self._path.open("rb") as file:
            self._shard.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._shard.path = self._path
        self._shard.size_bytes = self._path.stat().st_size
        self.shards.append(self._shard)
        self._shard = Shard(self.split)

    def _open(self) -> None:
        self._path = self._folder / f"{self.split}-{len(self.shards):05d}.parquet"
        split, dictionary = encodings(self.schema)
        self._writer = pq.ParquetWriter(
            self._path,
            self.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=dictionary,
            use_byte_stream_split=split,
            write_page_index=True,
        )

    def _flush(self) -> None:
        if self._pending:
            self._writer.write_table(pa.concat_tables(self._pending))
            self._pending, self._pending_bytes = [], 0
