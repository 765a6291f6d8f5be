"""Rows of a packed dataset, or of a workspace that is not packed yet, for the report."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from fimad.config import Config
from fimad.dataset.manifest import read_manifest
from fimad.errors import DatasetError
from fimad.schema import dataset_schema
from fimad.storage.store import open_store

_BATCH_ROWS = 16


class DatasetRows:
    """The rows of a packed dataset; only shards that its manifest names are read. Raises `DatasetError`."""

    def __init__(self, url: str) -> None:
        self._store = open_store(url)
        self.manifest = read_manifest(self._store)
        self.name = str(self.manifest.get("name") or Path(url).name)

    def tables(self, columns: tuple[str, ...] | None = None, video: str | None = None) -> Iterator[pa.Table]:
        """The rows in small tables, in the order of the manifest; with `video`, of the shards that hold it."""
        for shard in self.manifest["shards"]:
            if video is not None and video not in shard["videos"]:
                continue
            name = shard.get("path") or shard["name"]
            path = self._store.get(name, self._store.scratch_root())
            try:
                file = pq.ParquetFile(path)
                wanted = None if columns is None else [each for each in columns if each in file.schema_arrow.names]
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=wanted):
                    yield pa.Table.from_batches([batch])
            except (OSError, pa.ArrowException) as error:
                raise DatasetError(
                    f"The shard {name} can't be read: {error}",
                    "It was damaged, or copied only in part.",
                    "Run `fimad verify`, or pack again with `fimad build`.",
                    reason="shard_damaged",
                ) from error


class WorkspaceRows:
    """What `pack` would write for a workspace, all clips in one split: a report needs no packed dataset."""

    def __init__(self, config: Config) -> None:
        from fimad.pipeline.stages.registry import plan_stages
        from fimad.pipeline.state.packing import WorkspaceSource
        from fimad.pipeline.state.workspace import Workspace

        self._config = config
        workspace = Workspace(config.workspace)
        self._source = WorkspaceSource(workspace, config, plan_stages(config), workspace.videos)
        self.name = config.pack.name
        self.manifest: dict[str, Any] = {}

    def tables(self, columns: tuple[str, ...] | None = None, video: str | None = None) -> Iterator[pa.Table]:
        """The rows, one table per video; with `video`, of that one."""
        from fimad.dataset.packing.rows import video_rows

        schema = dataset_schema(self._config.simulate.placements)
        stages = ("download", "segment", "transcribe", "pose", "simulate", "embed", "label")
        for video_id, done in self._source.included():
            if video is not None and video_id != video:
                continue
            tables = {name: self._source.read(name, video_id) for name in stages if name in done}
            table = video_rows(tables, schema, "unsplit", "{}", self._config.pack).table
            yield table if columns is None else table.select([each for each in columns if each in table.column_names])


Rows = DatasetRows | WorkspaceRows


def placements_of(names: list[str]) -> tuple[str, ...]:
    """The placements whose signals a table has."""
    return tuple(name.removesuffix("_acc_m_s2") for name in names if name.endswith("_acc_m_s2"))


def rows_of(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries; lists of numbers stay NumPy arrays, which is what makes large clips quick."""
    for at in range(table.num_rows):
        row: dict[str, Any] = {}
        for name in table.column_names:
            cell = table.column(name)[at]
            numbers = pa.types.is_list(cell.type) and (
                pa.types.is_floating(cell.type.value_type) or pa.types.is_boolean(cell.type.value_type)
            )
            if numbers:
                row[name] = None if cell.values is None else cell.values.to_numpy(zero_copy_only=False)
            else:
                row[name] = cell.as_py()
        yield row


def media_paths(config: Config) -> dict[str, Path]:
    """The local media file of each video in a workspace."""
    from fimad.pipeline.stages.registry import plan_stages
    from fimad.pipeline.state.workspace import Workspace

    workspace, plan = Workspace(config.workspace), plan_stages(config)
    key = plan.keys.get("download", "")
    found: dict[str, Path] = {}
    for video in workspace.videos():
        if key and workspace.exists("download", key, video.video_id):
            media = workspace.read("download", key, video.video_id, columns=["media"]).column("media")[0].as_py()
            if media:
                found[video.video_id] = workspace.media(key, video.video_id, media, workspace.store.scratch_root())
    return found


def media_addresses(config: Config, clip_ids: list[str], page: Path) -> dict[str, str]:
    """Where each clip's video lies, relative to the page, as a URL that a browser takes."""
    folder = page.resolve().parent
    paths = {
        video_id: quote(Path(os.path.relpath(path.resolve(), folder)).as_posix())
        for video_id, path in media_paths(config).items()
    }
    return {clip_id: paths[video_id] for clip_id in clip_ids if (video_id := clip_id.rsplit("___", 1)[0]) in paths}
