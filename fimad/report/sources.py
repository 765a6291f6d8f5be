"""Rows of a packed dataset, or of a workspace that is not packed yet, for the report."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from fimad.config import Config
from fimad.dataset.folding import groups_holding
from fimad.dataset.reader import open_dataset
from fimad.errors import DatasetError
from fimad.schema import dataset_schema

Tell = Callable[[float], None]


def quiet(share: float) -> None:
    """Tell nobody."""


class DatasetRows:
    """The rows of a packed dataset; only shards that its manifest names are read. Raises `DatasetError`."""

    def __init__(self, url: str) -> None:
        self._dataset = open_dataset(url)
        self.manifest = self._dataset.manifest
        self.name = str(self.manifest.get("name") or Path(url).name)

    def tables(
        self, columns: tuple[str, ...] | None = None, clips: Collection[str] | None = None, tell: Tell = quiet
    ) -> Iterator[pa.Table]:
        """The rows in small tables, in the order of the manifest; with `clips`, row groups without any are not read.

        `tell` hears the share of shards, and parts of them, that were looked at.
        """
        shards = self.manifest["shards"]
        if clips is not None:
            videos = {clip.rsplit("___", 1)[0] for clip in clips}
            shards = [shard for shard in shards if not videos.isdisjoint(shard["videos"])]
        for at, shard in enumerate(shards):
            name = shard["name"]
            try:
                with self._dataset.open_shard(name) as file:
                    there = file.metadata.schema.to_arrow_schema().names
                    wanted = [each for each in there if columns is None or each in columns]
                    groups = range(file.metadata.num_row_groups) if clips is None else groups_holding(file, clips)
                    for done, group in enumerate(groups):
                        tell((at + done / len(groups)) / len(shards))
                        yield _only(file.read_row_group(group, columns=wanted), clips)
            except (OSError, pa.ArrowException) as error:
                raise DatasetError(
                    f"The shard {name} can't be read: {error}",
                    "It was damaged, or copied only in part.",
                    "Run `fimad verify`, or pack again with `fimad build`.",
                    reason="shard_damaged",
                ) from error
            tell((at + 1) / len(shards))


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

    def tables(
        self, columns: tuple[str, ...] | None = None, clips: Collection[str] | None = None, tell: Tell = quiet
    ) -> Iterator[pa.Table]:
        """The rows, one table per video; with `clips`, only of these. `tell` hears the share of videos that were looked at."""
        from fimad.dataset.packing.rows import video_rows

        schema = dataset_schema(self._config.simulate.placements)
        stages = ("download", "segment", "transcribe", "pose", "simulate", "embed", "label")
        videos = None if clips is None else {clip.rsplit("___", 1)[0] for clip in clips}
        included = list(self._source.included())
        for at, (video_id, done) in enumerate(included):
            tell(at / len(included))
            if videos is not None and video_id not in videos:
                continue
            tables = {name: self._source.read(name, video_id) for name in stages if name in done}
            table = _only(video_rows(tables, schema, "unsplit", "{}", self._config.pack).table, clips)
            yield table if columns is None else table.select([each for each in columns if each in table.column_names])
        tell(1.0)


Rows = DatasetRows | WorkspaceRows


def _only(table: pa.Table, clips: Collection[str] | None) -> pa.Table:
    """The rows of some clips."""
    if clips is None:
        return table
    return table.filter(pc.is_in(table.column("clip_id"), pa.array(sorted(clips), pa.string())))


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
