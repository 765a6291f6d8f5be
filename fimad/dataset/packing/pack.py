"""Stage `pack`: from a workspace's artifacts to a dataset: shards, manifest, card.

Rows are streamed video by video. Shards are written beside the dataset and moved to their names when all are known; the
manifest comes last. A repeated pack keeps every shard whose videos are all unchanged, bytes and all, and writes only
what is new.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa

from fimad import __version__
from fimad.config import Config, PackConfig
from fimad.dataset.manifest import canonical
from fimad.dataset.packing.allot import allot, plan_shards
from fimad.dataset.packing.describe import describe, same
from fimad.dataset.packing.facts import Facts, video_facts
from fimad.dataset.packing.publication import changed_meanwhile, finish, is_complete, publish, scratch_folder, standing
from fimad.dataset.packing.shards import Shard, ShardMade, ShardPlan, write_shard
from fimad.errors import DamagedArtifactError
from fimad.schema import dataset_schema
from fimad.storage.store import Store

_TOOLS = (
    *("pyarrow", "numpy", "scipy", "yt-dlp", "av", "mediapipe", "ai-edge-litert", "faster-whisper"),
    *("openai-whisper", "open_clip_torch", "torch"),
)
_PREVIEW = 200


class Source(ABC):
    """Where artifacts come from; `state.packing.WorkspaceSource` is one."""

    @property
    @abstractmethod
    def unavailable(self) -> dict[str, str]:
        """Stages without artifacts, and why."""

    @abstractmethod
    def stage_info(self) -> dict[str, dict[str, Any]]:
        """Key, version and models by stage."""

    @abstractmethod
    def included(self) -> Iterator[tuple[str, list[str]]]:
        """Videos in the order of their ids, with the stages that are done."""

    @abstractmethod
    def read(self, stage: str, video_id: str, columns: list[str] | None = None) -> pa.Table:
        """One artifact; raises `DamagedArtifactError`."""

    @abstractmethod
    def excluded(self) -> Iterator[Any]:
        """Videos that are left out, with `video_id`, `stage`, `state` and `reason`."""

    @abstractmethod
    def incomplete(self) -> Iterator[Any]:
        """Videos that lack a stage, the same way."""

    def takedowns(self, video_ids: Set[str]) -> dict[str, str]:
        """Those of some videos that were taken down by now, and the reason that was given."""
        return {}

    def facts(self) -> tuple[Facts, set[str]]:
        """What has to be known of each video, and the videos that can't be told of because an artifact is damaged."""
        rows, damaged = [], set()
        for video_id, names in self.included():
            try:
                size = sum(self.read(name, video_id).nbytes for name in names)
                rows.append(video_facts(self.read, video_id, names, size))
            except DamagedArtifactError:
                damaged.add(video_id)
        return Facts.of(rows), damaged

    def make_shards(
        self, plans: Sequence[ShardPlan], schema: pa.Schema, folder: Path, tools: str, config: PackConfig
    ) -> Iterator[ShardMade]:
        """Write shards, in the order of the plans; `folder` is a temporary one."""
        for number, plan in enumerate(plans):
            place = folder / str(number)
            place.mkdir()
            yield write_shard(plan, self.read, schema, place, tools, config)


@dataclass(frozen=True)
class PackResult:
    """What was packed.

    Parameters
    ----------
    written : shards that are new; the others were kept as they were.
    splits : clips by split.
    clips : (split, clip_id, title, label, duration_s) of the first clips, for a summary.
    """

    url: str
    version: int
    clip_count: int
    shards: int
    written: int
    splits: dict[str, int]
    clips: tuple[tuple[str, str, str, str, float], ...]


def pack(source: Source, config: Config, store: Store, *, whole: bool = False) -> PackResult:
    """Pack everything that `source` includes into `store`. Raises `DatasetError` where splits would leak, `ConfigError` where
    the folder holds something else than a dataset, `TransientError` where another build packed meanwhile.

    A video one of whose artifacts is damaged is left out; with `whole` nothing is published then: once all was looked at,
    `DamagedArtifactError` is raised.

    Raises `DatasetError` with the reason ``changed_meanwhile`` where a video was taken down while shards were written, and
    `TransientError` where somebody else published: what was decided before is out of date.
    """
    schema = dataset_schema(config.simulate.placements)
    before = standing(store)
    previous = before.manifest
    tools = tool_versions()
    stages = source.stage_info()
    facts, damaged = source.facts()
    gone = {each["video_id"] for each in previous.get("removed", [])}
    allotment = allot(facts.without(gone), config, previous, schema, tools, stages)
    order = [*config.pack.splits, *sorted(set(allotment.splits.values()) - set(config.pack.splits))]
    with scratch_folder(store) as scratch:
        kept, plans = plan_shards(allotment, config, previous, schema, order, before.has)
        made = []
        for each in source.make_shards(plans, schema, scratch, canonical(tools).decode(), config.pack):
            damaged |= set(each.damaged)
            made += [each.shard] if each.shard is not None else []
        if whole and damaged:
            raise DamagedArtifactError(
                f"Artifacts of {len(damaged)} videos are damaged.",
                "Something other than fimad wrote or cut them, or the disk is failing.",
                "`fimad build` makes them anew.",
            )
        for video_id in damaged & allotment.splits.keys():
            del allotment.splits[video_id]
        shards: list[Shard] = []
        for split in order:
            mine = _ordered([shard for shard in (*kept, *made) if shard.split == split], previous)
            for number, shard in enumerate(mine):
                shard.name = f"data/{split}-{number:05d}-of-{len(mine):05d}.parquet"
            shards += mine
        data = describe(
            source,
            config,
            allotment.splits,
            (allotment.without_split, len(allotment.leaking)),
            shards,
            tools,
            schema,
            previous,
            order,
            allotment.classes,
            splits_given=allotment.given,
        )
        if same(previous, data):
            data = dict(previous)
        if data["version"] != previous.get("version") or not is_complete(store, data):
            if source.takedowns(allotment.splits.keys()):
                raise changed_meanwhile(store)
            publish(store, shards, data, previous)
        else:
            finish(store, data)
    written = sum(not shard.source for shard in shards)
    counts = {name: sum(shard.rows for shard in shards if shard.split == name) for name in order}
    clips = tuple(each for shard in shards for each in shard.preview)[:_PREVIEW]
    return PackResult(store.url, data["version"], sum(counts.values()), len(shards), written, counts, clips)


def _ordered(shards: Sequence[Shard], previous: Mapping[str, Any]) -> list[Shard]:
    """New shards after those that are kept; one that was lost, and made again, where it was."""
    places = {tuple(each["videos"].items()): at for at, each in enumerate(previous.get("shards", []))}
    return sorted(shards, key=lambda shard: places.get(tuple(sorted(shard.videos.items())), len(places)))


def tool_versions() -> dict[str, str]:
    """Versions of fimad and of the libraries that made the data."""
    found = {"fimad": __version__}
    for name in _TOOLS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
