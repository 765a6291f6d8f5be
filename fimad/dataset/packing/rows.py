"""From one video's artifacts to its rows of the dataset."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fimad.config import PackConfig
from fimad.labels import label_title, load_mapping
from fimad.labels.clips import NULL, class_of, words_of_segment
from fimad.labels.clips import columns as label_columns
from fimad.schema import LABEL
from fimad.storage.parquet import one_chunk

#: Columns that repeat the video's on each of its clips, and what they are called in `download`.
FROM_VIDEO = {
    name: name
    for name in [
        "video_id",
        "description",
        "channel",
        "channel_id",
        "person",
        "url",
        "extractor",
        "license",
        "language",
        "upload_date",
        "tags",
        "categories",
        "thumbnail_url",
        "retrieved_on",
        "media_sha256",
    ]
} | {"video_title": "title"}


@dataclass
class VideoRows:
    """The clips of one video that are packed, and why others are not."""

    table: pa.Table
    left_out: Counter[str] = field(default_factory=Counter)


def video_rows(
    tables: Mapping[str, pa.Table],
    schema: pa.Schema,
    split: str,
    tool_versions: str,
    config: PackConfig,
    classes: Mapping[str, int] | None = None,
) -> VideoRows:
    """One row per clip that is kept, in the order of `clip_index`.

    Parameters
    ----------
    tables : artifacts by stage; `download` and `segment` must be there, what else is missing becomes NULL.
    schema : of the dataset.
    classes : number of each class; without them there are no numbers.
    """
    segments = tables["segment"].sort_by("clip_index")
    left_out = Counter(reason for reason in segments.column("filtered").to_pylist() if reason is not None)
    clips = segments.filter(pc.is_null(segments.column("filtered")))
    columns: dict[str, Any] = {name: clips.column(name) for name in clips.column_names}
    video = tables["download"]
    for name, source in FROM_VIDEO.items():
        columns[name] = video.column(source).take(pa.array([0] * clips.num_rows, pa.int64()))
    columns["split"] = pa.array([split] * clips.num_rows, pa.string())
    columns["tool_versions"] = pa.array([tool_versions] * clips.num_rows, pa.string())
    for stage in ("transcribe", "pose", "simulate", "embed"):
        if stage in tables:
            columns |= _matched(tables[stage], clips)
    columns |= _matched(tables["label"] if "label" in tables else labels_of(segments, video), clips)
    named = class_labels(columns, config)
    columns["class_label"] = pa.array(named, pa.string())
    columns["class_id"] = pa.array([(classes or {}).get(name) for name in named], pa.int32())
    arrays = [_cast(columns.get(each.name), each, clips.num_rows) for each in schema]
    table = pa.Table.from_arrays(arrays, schema=schema)
    keep, dropped = _quality_mask(table, config)
    return VideoRows(table.filter(keep) if dropped else table, left_out + dropped)


def labels_of(segments: pa.Table, video: pa.Table) -> pa.Table:
    """The labels of a video's clips by their titles alone: where the `label` stage has none."""
    given = video.column("given_label")[0].as_py() if "given_label" in video.column_names else None
    rows = [
        {
            "clip_id": row["clip_id"],
            "clip_index": row["clip_index"],
            **label_columns(label_title(given or words_of_segment(row))),
        }
        for row in segments.to_pylist()
        if row["filtered"] is None
    ]
    return pa.Table.from_pylist(rows, schema=LABEL)


def packed_class(name: str, label_map: str) -> str:
    """A class as it is packed: folded to those of `pack.label_map` where that is set."""
    if not label_map:
        return name
    table = load_mapping(label_map)
    return table.fold(name) or table.null or NULL


def class_labels(columns: Mapping[str, Any], config: PackConfig) -> list[str]:
    """The class of each clip."""
    pairs = zip(columns["kind"].to_pylist(), columns["exercises"].to_pylist(), strict=True)
    return [packed_class(class_of(kind, exercises), config.label_map) for kind, exercises in pairs]


def _matched(table: pa.Table, clips: pa.Table) -> dict[str, pa.ChunkedArray]:
    """A stage's columns in the order of the clips; NULL for clips that it has no row for."""
    have, wanted = table.column("clip_id").to_pylist(), clips.column("clip_id").to_pylist()
    names = [name for name in table.column_names if name not in ("clip_id", "clip_index")]
    if have == wanted:
        return {name: table.column(name) for name in names}
    at = {clip_id: index for index, clip_id in enumerate(have)}
    rows = pa.array([at.get(clip_id) for clip_id in wanted], pa.int64())
    return {name: table.column(name).take(rows) for name in names}


def _cast(column: Any, wanted: pa.Field, count: int) -> Any:
    if column is None:
        return pa.nulls(count, wanted.type)
    if isinstance(column, pa.ChunkedArray):
        column = one_chunk(column)
    return column if column.type == wanted.type else column.cast(wanted.type)


def _quality_mask(table: pa.Table, config: PackConfig) -> tuple[pa.Array, Counter[str]]:
    keep, dropped = [], Counter[str]()
    frames = pc.list_value_length(table.column("pose_time_s")).to_pylist()
    for share, quality, count in zip(
        table.column("pose_share").to_pylist(), table.column("imu_quality").to_pylist(), frames, strict=True
    ):
        reason = None
        if count == 0:
            # Damage: packets were there, and nothing could be decoded from them.
            reason = "no_frames"
        elif config.min_pose_share > 0 and (share is None or share < config.min_pose_share):
            reason = "pose_share"
        elif config.min_quality > 0 and (quality is None or quality < config.min_quality):
            reason = "imu_quality"
        keep.append(reason is None)
        if reason:
            dropped[reason] += 1
    return pa.array(keep, pa.bool_()), dropped


def content_key(video_id: str, keys: Mapping[str, str], schema_sha256: str, split: str, config: PackConfig) -> str:
    """Changes whenever a video's rows would: what a kept shard is recognised by."""
    content = [
        video_id,
        split,
        sorted(keys.items()),
        schema_sha256,
        config.min_pose_share,
        config.min_quality,
        *((config.label_map,) if config.label_map else ()),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def schema_hash(schema: pa.Schema) -> str:
    """SHA-256 of a schema with its metadata, as text so that it does not depend on Arrow's own encoding."""
    lines = []
    for each in schema:
        # Parquet adds field ids of its own on the way back.
        kept = sorted((k, v) for k, v in (each.metadata or {}).items() if not k.startswith(b"PARQUET:"))
        # Parquet calls a list's items "element".
        kind = str(each.type).replace("<element: ", "<item: ")
        lines.append(f"{each.name}|{kind}|{each.nullable}|{kept}")
    lines.append(str(sorted((schema.metadata or {}).items())))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
