"""Stage `pack`: from a workspace's artifacts to a dataset: shards, manifest, card.

Rows are streamed video by video. Shards are written beside the dataset and moved to their names when all are known; the
manifest comes last. A repeated pack keeps every shard whose videos are all unchanged, bytes and all, and writes only
what is new.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from fimad import __version__
from fimad.config import Config
from fimad.dataset.manifest import NAME, canonical, read_manifest, sealed
from fimad.dataset.packing.describe import describe, same
from fimad.dataset.packing.duplicates import candidates, duplicates, fingerprint
from fimad.dataset.packing.rows import content_key, schema_hash, video_rows
from fimad.dataset.packing.shards import Shard, ShardWriter
from fimad.dataset.packing.splits import Member, assign, leaks, splits_from_file, without_leaks
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


class Source(Protocol):
    """Where artifacts come from; `pipeline.packing.WorkspaceSource` is one."""

    @property
    def unavailable(self) -> dict[str, str]:
        """Stages without artifacts, and why."""

    def stage_info(self) -> dict[str, dict[str, Any]]:
        """Key, version and models by stage."""

    def included(self) -> Iterator[tuple[str, list[str]]]:
        """Videos in the order of their ids, with the stages that are done."""

    def read(self, stage: str, video_id: str) -> pa.Table:
        """One artifact."""

    def excluded(self) -> Iterator[Any]:
        """Videos that are left out, with `video_id`, `stage`, `state` and `reason`."""

    def incomplete(self) -> Iterator[Any]:
        """Videos that lack a stage, the same way."""


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

    splits: dict[str, str]
    contents: dict[str, str]
    stages: dict[str, list[str]]
    without_split: int = 0
    leaking: list[str] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)


def pack(source: Source, config: Config, store: Store, *, whole: bool = False) -> PackResult:
    """Pack everything that `source` includes into `store`. Raises `DatasetError` where splits would leak.

    A video one of whose artifacts is damaged is left out; with `whole` nothing is published then: once all was looked at,
    `DamagedArtifactError` is raised.
    """
    schema = dataset_schema(config.simulate.placements)
    previous = previous_manifest(store)
    tools = tool_versions()
    stages = source.stage_info()
    allotment = _allot(source, config, previous, schema, tools, stages)
    order = [*config.pack.splits, *sorted(set(allotment.splits.values()) - set(config.pack.splits))]
    with scratch_folder(store) as scratch:
        shards: list[Shard] = []
        for split in order:
            writer = ShardWriter(split, schema, scratch, config.pack.shard_bytes)
            shards += _split_shards(writer, source, config, allotment, previous, canonical(tools).decode(), store)
        if whole and allotment.damaged:
            raise DamagedArtifactError(
                f"Artifacts of {len(allotment.damaged)} videos are damaged.",
                "Something other than fimad wrote or cut them, or the disk is failing.",
                "`fimad build` makes them anew.",
            )
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
        )
        if not same(previous, data):
            publish(store, shards, data, previous)
        else:
            data = dict(previous)
    written = sum(shard.path is not None for shard in shards)
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
    source: Source,
    config: Config,
    previous: Mapping[str, Any],
    schema: pa.Schema,
    tools: Mapping[str, str],
    stages: Mapping[str, Any],
) -> Allotment:
    removed = {each["video_id"] for each in previous.get("removed", [])}
    members: list[Member] = []
    leaking: list[str] = []
    done: dict[str, list[str]] = {}
    damaged: set[str] = set()
    for video_id, names in source.included():
        if video_id not in removed:
            try:
                members.append(_member(source, video_id))
            except DamagedArtifactError:
                damaged.add(video_id)
                continue
            done[video_id] = names
    before = {video: split for split, info in previous.get("splits", {}).items() for video in info["videos"]}
    if config.pack.split_file:
        listed = splits_from_file(config.pack.split_file)
        splits = {member.video_id: listed[member.video_id] for member in members if member.video_id in listed}
    elif any(member.split for member in members):
        # As a list says; what it leaves open goes by the fractions, and with its person or channel.
        listed = {member.video_id: member.split for member in members if member.split}
        splits = assign(members, config.pack.splits, {**before, **listed})
    else:
        members = _tied_by_motion(source, members, done, damaged)
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
    media = {member.video_id: tie for member in members for tie in member.ties if tie.startswith("media:")}
    fingerprints = {member.video_id: member.fingerprint for member in members}
    schema_sha256 = schema_hash(schema)
    for video_id, split in splits.items():
        keys = {name: stages[name]["key"] for name in done[video_id]} | {"tools": canonical(tools).decode()}
        if video_id in media:
            keys["media"] = media[video_id]
        if fingerprints[video_id]:
            keys["source"] = fingerprints[video_id]
        contents[video_id] = content_key(video_id, keys, schema_sha256, split, config.pack)
    return Allotment(splits, contents, done, len(members) - len(splits), leaking, damaged)


def _member(source: Source, video_id: str) -> Member:
    video = source.read("download", video_id)
    segments = source.read("segment", video_id)
    rows = zip(segments.column("label").to_pylist(), segments.column("filtered").to_pylist(), strict=True)
    labels = Counter(label or "" for label, filtered in rows if filtered is None)
    channel = video.column("channel_id")[0].as_py() or video.column("channel")[0].as_py()
    ties = [f"channel:{channel}"] if channel else []
    if media := video.column("media_sha256")[0].as_py():
        ties.append(f"media:{media}")
    if person := _first(video, "person"):
        ties.append(f"person:{person}")
    duration_s = video.column("duration_s")[0].as_py() or 0.0
    given, fingerprint = _first(video, "given_split"), _first(video, "source_fingerprint")
    return Member(video_id, tuple(ties), labels, duration_s, given, fingerprint or "")


def _first(table: pa.Table, name: str) -> Any:
    return table.column(name)[0].as_py() if name in table.column_names else None


def _tied_by_motion(
    source: Source, members: list[Member], done: Mapping[str, list[str]], damaged: set[str]
) -> list[Member]:
    """The members, with a tie between those that show one performance. Only poses of equally long videos are read."""
    near = candidates([(member.video_id, member.duration_s) for member in members if "pose" in done[member.video_id]])
    prints = []
    for member in members:
        if member.video_id in near:
            try:
                pose = source.read("pose", member.video_id)
            except DamagedArtifactError:
                damaged.add(member.video_id)
                continue
            prints.append((member.video_id, member.duration_s, fingerprint(pose, member.duration_s)))
    members = [member for member in members if member.video_id not in damaged]
    ties: dict[str, list[str]] = {}
    for pair in duplicates(prints):
        for video_id in pair:
            ties.setdefault(video_id, []).append(f"motion:{'='.join(sorted(pair))}")
    return [
        replace(member, ties=(*member.ties, *ties[member.video_id])) if member.video_id in ties else member
        for member in members
    ]


def _split_shards(
    writer: ShardWriter,
    source: Source,
    config: Config,
    allotment: Allotment,
    previous: Mapping[str, Any],
    tools: str,
    store: Store,
) -> list[Shard]:
    """One split's shards: those kept from the previous dataset, then the new ones."""
    split, schema = writer.split, writer.schema
    wanted = {video: allotment.contents[video] for video, name in allotment.splits.items() if name == split}
    kept = []
    if previous.get("schema_sha256") == schema_hash(schema):
        for old in previous.get("shards", []):
            unchanged = all(wanted.get(video) == content for video, content in old["videos"].items())
            if old["split"] == split and unchanged and store.exists(old["name"]):
                kept.append(Shard.from_manifest(old))
    covered = {video for shard in kept for video in shard.videos}
    for video_id in sorted(wanted):
        if video_id not in covered:
            try:
                tables = {name: source.read(name, video_id) for name in allotment.stages[video_id]}
            except DamagedArtifactError:
                allotment.damaged.add(video_id)
                del allotment.splits[video_id]
                continue
            writer.add(video_id, wanted[video_id], video_rows(tables, schema, split, tools, config.pack))
    writer.close()
    shards = [*kept, *writer.shards]
    for number, shard in enumerate(shards):
        shard.name = f"data/{split}-{number:05d}-of-{len(shards):05d}.parquet"
    return shards


def publish(store: Store, shards: list[Shard], data: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
    """Shards under their names, card, and last the manifest; then what the old manifest named is removed."""
    old = {each["name"]: each["sha256"] for each in previous.get("shards", [])}
    if any(shard.name in old and old[shard.name] != shard.sha256 for shard in shards):
        # A name that the old manifest gives to other bytes: nobody may read by that manifest any more.
        store.delete(NAME)
    with scratch_folder(store) as scratch:
        copies = []
        for at, shard in enumerate(shards):
            if shard.path is None and shard.source != shard.name:
                copy = scratch / f"kept-{at}.parquet"
                _copy(store.get(shard.source, scratch), copy)
                copies.append((copy, shard.name))
        for copy, name in copies:
            store.put(copy, name)
        for shard in shards:
            if shard.path is not None:
                store.put(shard.path, shard.name)
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
