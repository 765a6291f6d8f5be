"""Stage `pack`: from a workspace's artifacts to a dataset: shards, manifest, card.

Rows are streamed video by video. Shards are written beside the dataset and moved to their names when all are known; the
manifest comes last. A repeated pack keeps every shard whose videos are all unchanged, bytes and all, and writes only
what is new.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa

from fimad import __version__
from fimad.config import Config, PackConfig
from fimad.dataset.manifest import NAME, canonical, read_manifest, sealed
from fimad.dataset.packing.allot import allot, plan_shards
from fimad.dataset.packing.describe import describe, same
from fimad.dataset.packing.facts import Facts, video_facts
from fimad.dataset.packing.shards import Shard, ShardMade, ShardPlan, write_shard
from fimad.dataset.pages.card import card
from fimad.dataset.pages.croissant import croissant
from fimad.errors import DamagedArtifactError, DatasetError
from fimad.schema import dataset_schema
from fimad.storage.atomic import sweep
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
    """Pack everything that `source` includes into `store`. Raises `DatasetError` where splits would leak.

    A video one of whose artifacts is damaged is left out; with `whole` nothing is published then: once all was looked at,
    `DamagedArtifactError` is raised.

    Raises `DatasetError` with the reason ``changed_meanwhile`` where somebody else published, or a video was taken down,
    while shards were written: what was decided before is out of date.
    """
    schema = dataset_schema(config.simulate.placements)
    previous = previous_manifest(store)
    tools = tool_versions()
    stages = source.stage_info()
    facts, damaged = source.facts()
    gone = {each["video_id"] for each in previous.get("removed", [])}
    allotment = allot(facts.without(gone), config, previous, schema, tools, stages)
    order = [*config.pack.splits, *sorted(set(allotment.splits.values()) - set(config.pack.splits))]
    with scratch_folder(store) as scratch:
        kept, plans = plan_shards(allotment, config, previous, schema, order, store)
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
        shards = []
        for split in order:
            mine = [shard for shard in (*kept, *made) if shard.split == split]
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
        if not same(previous, data):
            if source.takedowns(allotment.splits.keys()):
                raise changed_meanwhile(store)
            check_current(store, previous)
            publish(store, shards, data, previous)
        else:
            data = dict(previous)
    written = sum(not shard.source for shard in shards)
    counts = {name: sum(shard.rows for shard in shards if shard.split == name) for name in order}
    clips = tuple(each for shard in shards for each in shard.preview)[:_PREVIEW]
    return PackResult(store.url, data["version"], sum(counts.values()), len(shards), written, counts, clips)


def tool_versions() -> dict[str, str]:
    """Versions of fimad and of the libraries that made the data."""
    found = {"fimad": __version__}
    for name in _TOOLS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def previous_manifest(store: Store) -> dict[str, Any]:
    """The manifest that lies there already; empty if there is none. A damaged one is an error, not overwritten."""
    try:
        return read_manifest(store)
    except DatasetError as error:
        if error.reason == "no_manifest":
            return {}
        raise


def check_current(store: Store, previous: Mapping[str, Any]) -> None:
    """Raises `DatasetError` unless the manifest is still the one that the next was made from."""
    if previous_manifest(store).get("sha256") != previous.get("sha256"):
        raise changed_meanwhile(store)


def changed_meanwhile(store: Store) -> DatasetError:
    """What is said where the next version of a dataset was made from what does not hold any more."""
    return DatasetError(
        f"{store.url} was to be written anew, and changed meanwhile.",
        "Another build packed it, or a video was taken down.",
        "Run the command again.",
        reason="changed_meanwhile",
    )


def publish(store: Store, shards: list[Shard], data: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
    """Shards under their names, card, and last the manifest; then what the old manifest named is removed."""
    old = {each["name"]: each["sha256"] for each in previous.get("shards", [])}
    if any(shard.name in old and old[shard.name] != shard.sha256 for shard in shards):
        # A name that the old manifest gives to other bytes: nobody may read by that manifest any more.
        store.delete(NAME)
    with scratch_folder(store) as scratch:
        copies = []
        for at, shard in enumerate(shards):
            if shard.source and shard.source != shard.name:
                copy = scratch / f"kept-{at}.parquet"
                _copy(store.get(shard.source, scratch), copy)
                copies.append((copy, shard.name))
        for copy, name in copies:
            store.put(copy, name)
        for shard in shards:
            if shard.path is not None:
                store.put(shard.path, shard.name)
            elif shard.place is not None:
                store.take(*shard.place, shard.name)
    raw = sealed(data)
    # As a reader gets it: the order of keys is the file's.
    read_back = json.loads(raw)
    store.write("README.md", card(read_back).encode())
    store.write("croissant.json", canonical(croissant(read_back)))
    store.write(NAME, raw)
    names = {shard.name for shard in shards}
    for file in store.files("data"):
        if f"data/{file}" not in names:
            store.delete(f"data/{file}")


def _copy(source: Path, target: Path) -> None:
    """A hard link where that works: a kept shard's bytes need not be written again."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def scratch_folder(store: Store) -> Iterator[Path]:
    """A temporary folder on the store's file system where it is local; a dataset keeps nothing of it."""
    root = store.scratch_root()
    try:
        with tempfile.TemporaryDirectory(dir=root, prefix="pack-") as folder:
            yield Path(folder)
    finally:
        sweep(root.parent)
        # Not empty where another scratch folder, or another process's, is still in use.
        with suppress(OSError):
            root.rmdir()
            root.parent.rmdir()
