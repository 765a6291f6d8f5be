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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa

from fimad import __version__
from fimad.config import Config, PackConfig
from fimad.dataset.manifest import NAME, canonical, read_manifest, sealed
from fimad.dataset.packing.describe import describe, same
from fimad.dataset.packing.facts import Facts, video_facts
from fimad.dataset.packing.rows import content_key, packed_class, schema_hash
from fimad.dataset.packing.shards import Shard, ShardMade, ShardPlan, write_shard
from fimad.dataset.packing.splits import assign, leaks, splits_from_file, without_leaks
from fimad.dataset.pages.card import card
from fimad.dataset.pages.croissant import croissant
from fimad.errors import DamagedArtifactError, DatasetError
from fimad.labels.clips import NULL
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


@dataclass
class Allotment:
    """Which video goes where, and what would change its rows."""

    facts: Facts
    splits: dict[str, str]
    contents: dict[str, str]
    without_split: int = 0
    leaking: list[str] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)


def pack(source: Source, config: Config, store: Store, *, whole: bool = False) -> PackResult:
    """Pack everything that `source` includes into `store`. Raises `DatasetError` where splits would leak.

    A video one of whose artifacts is damaged is left out; with `whole` nothing is published then: once all was looked at,
    `DamagedArtifactError` is raised.
    """
    schema = dataset_schema(config.simulate.placements)
    previous = previous_manifest(store)
    tools = tool_versions()
    stages = source.stage_info()
    facts, damaged = source.facts()
    gone = {each["video_id"] for each in previous.get("removed", [])}
    allotment = _allot(facts.without(gone), config, previous, schema, tools, stages)
    order = [*config.pack.splits, *sorted(set(allotment.splits.values()) - set(config.pack.splits))]
    with scratch_folder(store) as scratch:
        kept, plans = _plan_shards(allotment, config, previous, schema, order, store)
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
        )
        if not same(previous, data):
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


def _allot(
    facts: Facts,
    config: Config,
    previous: Mapping[str, Any],
    schema: pa.Schema,
    tools: Mapping[str, str],
    stages: Mapping[str, Any],
) -> Allotment:
    leaking: list[str] = []
    members = facts.members(tied_by_motion=not config.pack.split_file)
    before = {video: split for split, info in previous.get("splits", {}).items() for video in info["videos"]}
    if config.pack.split_file:
        listed = splits_from_file(config.pack.split_file)
        splits = {member.video_id: listed[member.video_id] for member in members if member.video_id in listed}
    elif any(member.split for member in members):
        # As a list says; what it leaves open goes by the fractions, and with its person or channel.
        listed = {member.video_id: member.split for member in members if member.split}
        splits = assign(members, config.pack.splits, {**before, **listed})
    else:
        members, leaking = without_leaks(members, config.pack.splits, before)
        splits = assign(members, config.pack.splits, before)
        crossing = leaks(members, splits)
        if crossing:
            raise DatasetError(
                f"{len(crossing)} groups of videos reach into two splits: {', '.join(crossing[:3])}.",
                "An earlier build had put copies of one video, or one channel's videos, into different splits.",
                "Pack into a new folder with `--dataset`.",
                reason="split_leak",
            )
    contents = {}
    about = {"tools": canonical(tools).decode()}
    schema_sha256 = schema_hash(schema)
    done = facts.stages()
    numbers = {member.video_id: folded(member.labels, config.pack) for member in members}
    classes = numbered(previous.get("classes", {}), set().union(*numbers.values()))
    columns = (facts.column(name) for name in ("video_id", "media", "source"))
    for video_id, media, source in zip(*columns, strict=True):
        if video_id in splits:
            keys = {name: stages[name]["key"] for name in done[video_id]} | about
            keys["classes"] = canonical({name: classes[name] for name in sorted(numbers[video_id])}).decode()
            keys |= ({"media": media} if media else {}) | ({"source": source} if source else {})
            contents[video_id] = content_key(video_id, keys, schema_sha256, splits[video_id], config.pack)
    return Allotment(facts, splits, contents, len(members) - len(splits), leaking, classes)


def numbered(before: Mapping[str, int], names: set[str]) -> dict[str, int]:
    """A number for each class. What an earlier version numbered keeps its number; 0 is NULL's."""
    classes = dict(before) or {NULL: 0}
    for name in sorted(names - classes.keys()):
        classes[name] = max(classes.values()) + 1
    return classes


def folded(labels: Iterable[str], config: PackConfig) -> set[str]:
    """Classes as they are packed."""
    return {packed_class(name, config.label_map) for name in labels}


def _plan_shards(
    allotment: Allotment,
    config: Config,
    previous: Mapping[str, Any],
    schema: pa.Schema,
    order: Sequence[str],
    store: Store,
) -> tuple[list[Shard], list[ShardPlan]]:
    """The shards that are kept from the previous dataset, and those to be written for what is new.

    Shards are cut by the size of the artifacts, which is known beforehand: so they can be written side by side, and are the
    same however many do it.
    """
    splits, contents = allotment.splits, allotment.contents
    kept = []
    if previous.get("schema_sha256") == schema_hash(schema):
        for old in previous.get("shards", []):
            wanted = all(
                splits.get(video) == old["split"] and contents[video] == content
                for video, content in old["videos"].items()
            )
            if wanted and store.exists(old["name"]):
                kept.append(Shard.from_manifest(old))
    covered = {video for shard in kept for video in shard.videos}
    done = allotment.facts.stages()
    plans = []
    for split in order:
        videos: list[tuple[str, str, tuple[str, ...]]] = []
        size = 0
        for video_id, more in zip(allotment.facts.column("video_id"), allotment.facts.column("bytes"), strict=True):
            if splits.get(video_id) != split or video_id in covered:
                continue
            videos.append((video_id, contents[video_id], done[video_id]))
            size += more
            if size >= config.pack.shard_bytes:
                plans.append(ShardPlan(split, tuple(videos), allotment.classes))
                videos, size = [], 0
        if videos:
            plans.append(ShardPlan(split, tuple(videos), allotment.classes))
    return kept, plans


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
