"""What a manifest says of a dataset: figures from its shards, reasons for what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from fimad.config import Config
from fimad.dataset.manifest import FORMAT
from fimad.dataset.packing.rows import schema_hash
from fimad.dataset.packing.shards import Shard
from fimad.schema import SCHEMA_VERSION

# Options that may be paths.
_FILES = (
    *(("transcribe", "model"), ("embed", "pretrained"), ("simulate", "calibration"), ("label", "corrections")),
    *(("pack", "split_file"), ("pack", "label_map"), ("pose", "from")),
)
_OWN = ("version", "changes", "sha256")


class Reasons(Protocol):
    """The part of `pack.Source` that is described."""

    @property
    def unavailable(self) -> dict[str, str]: ...
    def stage_info(self) -> dict[str, dict[str, Any]]: ...
    def takedowns(self, video_ids: Set[str]) -> Mapping[str, str]: ...
    def excluded(self) -> Iterable[Any]: ...
    def incomplete(self) -> Iterable[Any]: ...


def describe(
    source: Reasons,
    config: Config,
    video_splits: Mapping[str, str],
    left: tuple[int, int],
    shards: list[Shard],
    tools: Mapping[str, str],
    schema: pa.Schema,
    previous: Mapping[str, Any],
    order: list[str],
    classes: Mapping[str, int],
    *,
    splits_given: bool = False,
) -> dict[str, Any]:
    """The manifest of the next version.

    Parameters
    ----------
    classes : number of each class, of this version and of those before.
    splits_given : whether a list or file says which video goes where; one person's videos may then lie apart.
    left : videos that the split file does not name, and new videos that would have tied two splits together.
    """
    without_split, leaking = left
    stages = source.stage_info()
    return {
        "format": FORMAT,
        "name": config.pack.name,
        **_history(previous, set(video_splits)),
        **figures(shards, {name: [v for v, split in video_splits.items() if split == name] for name in order}),
        "classes": dict(classes),
        "schema_version": SCHEMA_VERSION,
        "schema_sha256": schema_hash(schema),
        "columns": described(schema),
        "stages": stages,
        "unavailable": source.unavailable,
        "excluded_videos": [*_reasons(source.excluded()), *_leaking(leaking)],
        "incomplete_videos": _reasons(source.incomplete()),
        "videos_without_split": without_split,
        **({"splits_given": True} if splits_given else {}),
        "removed": _removed(previous, source),
        "tools": dict(tools),
        "config": _published(config, stages),
    }


def described(schema: pa.Schema) -> list[dict[str, str]]:
    """A schema's columns as a manifest says them; Parquet calls a list's items "element"."""
    return [
        {"name": each.name, "type": str(each.type).replace("<element: ", "<item: "), **_about(each)} for each in schema
    ]


def figures(shards: list[Shard], videos: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """The part of a manifest that is counted from shards; `videos` of every split, in the order of splits."""
    return {
        "clips": sum(shard.rows for shard in shards),
        "shards": [shard.entry() for shard in shards],
        "splits": {name: _split(name, shards, names) for name, names in videos.items()},
        **{name: _merged(shards, name) for name in ("labels", "class_labels", "licences", "channels", "languages")},
        # Shards that an earlier version packed do not say: no figure is better than one of some shards.
        "modalities": _merged(shards, "modalities") if all(shard.modalities for shard in shards) else {},
        "left_out_clips": _merged(shards, "left_out"),
        "means": _means(shards),
        "newest": max((shard.newest for shard in shards), default=""),
    }


def _published(config: Config, stages: Iterable[str]) -> dict[str, Any]:
    """The sections that made the dataset. Of files on this machine only the names: where they lay is nobody's business, and
    what they held is told by its hash (`stages`)."""
    sections = config.model_dump(mode="json")
    places = [(sections[section], option) for section, option in _FILES]
    places += [(sections["pose"]["options"], option) for option in sections["pose"]["options"]]
    for options, option in places:
        value = options.get(option)
        if value and (Path(value).is_absolute() or Path(value).expanduser().exists()):
            options[option] = Path(value).name
    return {name: section for name, section in sections.items() if name in stages or name == "pack"}


def same(previous: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether a manifest says what the one before said, but for its version."""

    def body(manifest: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in manifest.items() if key not in _OWN}

    return body(previous) == body(data)


def _history(previous: Mapping[str, Any], videos: set[str]) -> dict[str, Any]:
    old = _videos(previous)
    version = previous.get("version", 0) + 1
    entry = {"version": version, "videos": len(videos), "added": len(videos - old), "removed": len(old - videos)}
    return {"version": version, "changes": [*previous.get("changes", []), entry]}


def _removed(previous: Mapping[str, Any], source: Reasons) -> list[dict[str, Any]]:
    """What was taken down from the dataset: also what a takedown could not write into it, because a build did just then."""
    version = previous.get("version", 0) + 1
    fresh = source.takedowns(_videos(previous))
    entries = [{"video_id": each, "reason": fresh[each], "version": version} for each in sorted(fresh)]
    return [*previous.get("removed", []), *entries]


def _videos(manifest: Mapping[str, Any]) -> set[str]:
    return {video for info in manifest.get("splits", {}).values() for video in info["videos"]}


def _split(name: str, shards: list[Shard], videos: Iterable[str]) -> dict[str, Any]:
    mine = [shard for shard in shards if shard.split == name]
    return {
        "clips": sum(shard.rows for shard in mine),
        "hours": round(sum(shard.seconds for shard in mine) / 3600, 6),
        "videos": sorted(videos),
    }


def _about(column: pa.Field) -> dict[str, str]:
    kept = {key.decode(): value.decode() for key, value in (column.metadata or {}).items()}
    return {key: value for key, value in kept.items() if not key.startswith("PARQUET:")}


def _merged(shards: list[Shard], name: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for shard in shards:
        total.update(getattr(shard, name))
    return dict(sorted(total.items()))


def _means(shards: list[Shard]) -> dict[str, dict[str, float]]:
    """Mean of a column over the clips that have it, and how many have."""
    means = {}
    for name in sorted({name for shard in shards for name in shard.sums}):
        each = [shard.sums[name] for shard in shards if name in shard.sums]
        count = sum(rows for rows, _ in each)
        means[name] = {"clips": count, "mean": round(sum(total for _, total in each) / count, 4) if count else 0.0}
    return means


def _reasons(items: Iterable[Any]) -> list[dict[str, Any]]:
    counts = Counter((each.stage, each.state, each.reason) for each in items)
    return [
        {"stage": stage, "state": state, "reason": reason, "videos": count}
        for (stage, state, reason), count in sorted(counts.items())
    ]


def _leaking(count: int) -> list[dict[str, Any]]:
    return [{"stage": "pack", "state": "filtered", "reason": "split_leak", "videos": count}] if count else []
