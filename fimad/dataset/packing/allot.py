"""Which video goes into which split and shard, decided from the facts of all of them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.config import Config, PackConfig
from fimad.dataset.manifest import canonical
from fimad.dataset.packing.facts import Facts
from fimad.dataset.packing.rows import content_key, packed_class, schema_hash
from fimad.dataset.packing.shards import Shard, ShardPlan
from fimad.dataset.packing.splits import assign, leaks, splits_from_file, without_leaks
from fimad.errors import DatasetError
from fimad.labels.clips import NULL


@dataclass
class Allotment:
    """Which video goes where, and what would change its rows.

    Parameters
    ----------
    about : of every video, by what its content key is made.
    labels : by kind of label counts (`Members.kinds`), its classes with their numbers.
    given : whether a list or file says which video goes where, whoever is in it.
    """

    facts: Facts
    splits: dict[str, str]
    config: PackConfig
    stages: Mapping[str, Any]
    about: dict[str, str]
    schema_sha256: str
    kinds: NDArray[np.int64]
    labels: list[str]
    without_split: int = 0
    leaking: list[str] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)
    given: bool = False

    def content(self, row: int) -> str:
        """The content key of a video. It is asked for when needed: a million keys take as much memory as all else."""
        facts = self.facts
        video_id = facts.video_ids[row]
        keys = {name: self.stages[name]["key"] for name in facts.stages(row)} | self.about
        keys["classes"] = self.labels[self.kinds[row]]
        for name in ("media", "source"):
            if value := facts.table.column(name)[row].as_py():
                keys[name] = value
        return content_key(video_id, keys, self.schema_sha256, self.splits[video_id], self.config)


class ShardPlans(Sequence[ShardPlan]):
    """The shards to be written; what is in one is put together when it is asked for.

    Parameters
    ----------
    rows : the split and the videos of each.
    """

    def __init__(self, allotment: Allotment, rows: Sequence[tuple[str, NDArray[np.int64]]]) -> None:
        self._allotment = allotment
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> ShardPlan: ...
    @overload
    def __getitem__(self, at: slice) -> ShardPlans: ...
    def __getitem__(self, at: int | slice) -> ShardPlan | ShardPlans:
        if isinstance(at, slice):
            return ShardPlans(self._allotment, self._rows[at])
        split, rows = self._rows[at]
        facts = self._allotment.facts
        videos = ((facts.video_ids[row], self._allotment.content(row), facts.stages(row)) for row in rows.tolist())
        return ShardPlan(split, tuple(videos), self._allotment.classes)


def allot(
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
        splits = {video_id: listed[video_id] for video_id in facts.video_ids if video_id in listed}
    elif any(split := facts.column("split")):
        # As a list says; what it leaves open goes by the fractions, and with its person or channel.
        listed = {video_id: name for video_id, name in zip(facts.video_ids, split, strict=True) if name}
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
    kinds, _ = facts.coded("labels")
    folded_kinds = [
        folded((members.label_names[label] for label, _ in counts), config.pack) for counts in members.counts
    ]
    present = np.unique(members.kinds).tolist()
    classes = numbered(previous.get("classes", {}), set().union(*(folded_kinds[kind] for kind in present)))
    labels = [
        canonical({name: classes[name] for name in sorted(names) if name in classes}).decode() for names in folded_kinds
    ]
    about = {"tools": canonical(tools).decode()}
    return Allotment(
        facts,
        splits,
        config.pack,
        stages,
        about,
        schema_hash(schema),
        kinds,
        labels,
        len(members) - len(splits),
        leaking,
        classes,
        bool(config.pack.split_file or any(facts.column("split"))),
    )


def numbered(before: Mapping[str, int], names: set[str]) -> dict[str, int]:
    """A number for each class. What an earlier version numbered keeps its number; 0 is NULL's."""
    classes = dict(before) or {NULL: 0}
    for name in sorted(names - classes.keys()):
        classes[name] = max(classes.values()) + 1
    return classes


def folded(labels: Iterable[str], config: PackConfig) -> set[str]:
    """Classes as they are packed."""
    return {packed_class(name, config.label_map) for name in labels}


def plan_shards(
    allotment: Allotment,
    config: Config,
    previous: Mapping[str, Any],
    schema: pa.Schema,
    order: Sequence[str],
    is_there: Callable[[Mapping[str, Any]], bool],
) -> tuple[list[Shard], ShardPlans]:
    """The shards that are kept from the previous dataset, and those to be written for what is new.

    Shards are cut by the size of the artifacts, which is known beforehand: so they can be written side by side, and are the
    same however many do it.

    Parameters
    ----------
    is_there : whether a shard of the previous dataset is still what its manifest says.
    """
    facts, splits = allotment.facts, allotment.splits

    def unchanged(video: str, split: str, content: str) -> bool:
        row = facts.row(video)
        return row is not None and splits.get(video) == split and allotment.content(row) == content

    kept = []
    if previous.get("schema_sha256") == schema_hash(schema):
        for old in previous.get("shards", []):
            wanted = all(unchanged(video, old["split"], content) for video, content in old["videos"].items())
            if wanted and is_there(old):
                kept.append(Shard.from_manifest(old))
    covered = {video for shard in kept for video in shard.videos}
    sizes = facts.table.column("bytes").to_numpy()
    plans: list[tuple[str, NDArray[np.int64]]] = []
    for split in order:
        rows, size = array("q"), 0
        for row, video_id in enumerate(facts.video_ids):
            if splits.get(video_id) != split or video_id in covered:
                continue
            rows.append(row)
            size += int(sizes[row])
            if size >= config.pack.shard_bytes:
                plans.append((split, np.array(rows)))
                rows, size = array("q"), 0
        if rows:
            plans.append((split, np.array(rows)))
    return kept, ShardPlans(allotment, plans)
