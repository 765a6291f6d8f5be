"""The manifest against itself, against its shards' rows, and against the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from fimad.dataset.packing.describe import described, figures
from fimad.dataset.packing.shards import MODALITIES, Shard
from fimad.labels.clips import NULL
from fimad.schema import SCHEMA_VERSION, dataset_schema, imu_fields
from fimad.skeleton import PLACEMENTS

# Sums are rounded at every video.
_SUM_SLACK = 1e-5
_COUNTED = (
    "rows",
    "seconds",
    "newest",
    "labels",
    "class_labels",
    "licences",
    "channels",
    "languages",
    "modalities",
    "sums",
    "preview",
)
# Nothing can be said of rows without these.
_NEEDED = (
    *(
        "clip_id",
        "clip_index",
        "video_id",
        "split",
        "title",
        "label",
        "class_label",
        "start_s",
        "end_s",
        "license",
        "channel",
    ),
    *("channel_id", "media_sha256", "language", "retrieved_on", "pose_share", "imu_quality", "transcript_no_speech"),
    *("pose_world_m", "imu_rate_hz", "imu_report", *MODALITIES.values()),
)


def split_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Videos in two splits, and removed ones that are still there."""
    for kind, each in (
        ("splits", ((split, info["videos"]) for split, info in manifest["splits"].items())),
        ("shards", ((shard["split"], shard["videos"]) for shard in manifest["shards"])),
    ):
        seen: dict[str, str] = {}
        for split, videos in each:
            for video in videos:
                if seen.setdefault(video, split) != split:
                    yield f"{kind}: video {video} is in {seen[video]} and {split}"
    packed = {video for shard in manifest["shards"] for video in shard["videos"]}
    named = {video for info in manifest["splits"].values() for video in info["videos"]}
    for each in manifest.get("removed", []):
        if each["video_id"] in packed | named:
            yield f"removed: video {each['video_id']} is still there"


def figure_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Figures that are not those of the shards' entries, and what contradicts itself."""
    shards = [Shard.from_manifest(entry) for entry in manifest["shards"]]
    videos = {split: info["videos"] for split, info in manifest["splits"].items()}
    for name, value in figures(shards, videos).items():
        if name != "shards" and manifest.get(name) != value:
            yield f"{name} is {short(manifest.get(name))}, and its shards give {short(value)}"
    packed: dict[str, set[str]] = {}
    for shard in manifest["shards"]:
        packed.setdefault(shard["split"], set()).update(shard["videos"])
    for split, named in packed.items():
        for video in sorted(named - set(videos.get(split, ()))):
            yield f"video {video} is in a shard of {split}, and not among its videos"
    changes = manifest.get("changes") or []
    if changes and changes[-1]["version"] != manifest.get("version"):
        yield f"version is {manifest.get('version')}, and the last of its changes {changes[-1]['version']}"
    yield from _class_problems(manifest.get("classes") or {})


def _class_problems(classes: Mapping[str, Any]) -> Iterator[str]:
    by_number: dict[Any, str] = {}
    for name, number in classes.items():
        if not isinstance(number, int) or number < 0:
            yield f"classes: the number of {name!r} is {number!r}"
        elif (other := by_number.setdefault(number, name)) != name:
            yield f"classes: {other!r} and {name!r} both have the number {number}"
        elif (number == 0) != (name == NULL):
            yield f"classes: {name!r} has the number {number}, and 0 is that of {NULL!r} alone"


def column_problems(manifest: Mapping[str, Any], schema: pa.Schema) -> Iterator[str]:
    """What the manifest says of columns, beside what the shards' schema says, and fimad's."""
    said, real = manifest["columns"], described(schema)
    for mine in real:
        if mine not in said:
            yield f"columns: {mine['name']} is not what the shards' schema says"
    for name in sorted({each["name"] for each in said} - {each["name"] for each in real}):
        yield f"columns: the shards have no {name}"
    here = {each["name"]: each for each in real}
    placements = [name.removesuffix("_acc_m_s2") for name in here if name.endswith("_acc_m_s2")]
    for name in placements:
        if name not in PLACEMENTS:
            yield f"columns: {name}_acc_m_s2 is of a placement that there is not"
    if manifest["schema_version"] != SCHEMA_VERSION:
        return
    stored = (schema.metadata or {}).get(b"fimad_schema_version", b"").decode()
    if stored != str(SCHEMA_VERSION):
        yield f"schema_version is {SCHEMA_VERSION}, and the shards say {stored or 'nothing'}"
    known = {
        each["name"]: each for each in described(dataset_schema(name for name in placements if name in PLACEMENTS))
    }
    for name, mine in here.items():
        for key in ("type", "unit", "shape"):
            if name in known and mine.get(key) != known[name].get(key):
                yield f"columns: {key} of {name} is {mine.get(key)!r} instead of {known[name].get(key)!r}"
    needed = [*_NEEDED, *(each.name for name in placements if name in PLACEMENTS for each in imu_fields(name))]
    for name in sorted(set(needed) - here.keys()):
        yield f"columns: there is no {name}"
    told = manifest["config"].get("simulate", {}).get("placements")
    if told is not None and set(told) != set(placements):
        yield f"config: the placements are {', '.join(sorted(told))}, and columns are of {', '.join(sorted(placements))}"


def recounted(shard: Mapping[str, Any], count: Shard) -> Iterator[str]:
    """Figures of a shard's entry that are not those of its rows."""
    found = count.entry()
    for each in _COUNTED:
        # Entries of earlier versions lack some.
        if each not in shard or (each in ("modalities", "class_labels") and not shard[each]):
            continue
        if each == "sums":
            same = shard[each].keys() == found[each].keys() and all(
                shard[each][key][0] == total[0] and abs(shard[each][key][1] - total[1]) < _SUM_SLACK * max(1, total[0])
                for key, total in found[each].items()
            )
        elif each == "seconds":
            same = abs(shard[each] - found[each]) < _SUM_SLACK * max(1, shard["rows"])
        else:
            same = shard[each] == found[each]
        if not same:
            yield f"the manifest says {each} {short(shard[each])}, and the rows give {short(found[each])}"


def short(value: Any) -> str:
    """JSON of at most 80 characters."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
