"""Prove that a dataset is whole: every byte, the schema, the splits, times and physics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fimad.dataset.checks import (
    clock_problems,
    embedding_problems,
    label_problems,
    misfits,
    nan_problems,
    pose_problems,
    quality_problems,
    rate_problems,
    repeated,
    side_problems,
    values_out_of_range,
    word_problems,
)
from fimad.dataset.folding import Clip
from fimad.dataset.manifest import NAME, canonical, read_manifest
from fimad.dataset.packing.describe import described, figures
from fimad.dataset.packing.rows import FROM_VIDEO, VideoRows, schema_hash
from fimad.dataset.packing.shards import Shard
from fimad.dataset.pages.card import card
from fimad.dataset.pages.croissant import croissant
from fimad.dataset.reader import Dataset, open_dataset
from fimad.errors import DatasetError
from fimad.simulate.plausibility import MOST_M_S2, MOST_RAD_S
from fimad.storage.store import Store, open_store

# A sensor at rest reads gravity; a clip's median over all of its samples is near it whatever the exercise: a body is not
# most of a clip in free fall, and limbs do not go on at several g.
_GRAVITY_M_S2, _LEAST_MEDIAN_M_S2, _MOST_MEDIAN_M_S2 = 9.80665, 4.0, 40.0
# Limbs in sports turn at up to 40 rad/s for moments; a median above that is in deg/s.
_MOST_MEDIAN_RAD_S = 40.0
_STILL_M_S2, _STILL_SLACK_M_S2 = 0.3, 0.5
_UNIT_SLACK = 1e-3
# Limits hold for joints, in double precision; a sensor mounted off the bone is accelerated by somewhat more.
_LIMIT_SLACK, _MOUNTING_SLACK = 1.001, 1.5
# Three columns that say the same, in float32; below the frame rate each is filtered on its own.
_DISAGREEMENT = 0.2
# Sums are rounded at every video.
_SUM_SLACK = 1e-5


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, and where: the file, and the row within it if it is one row's."""

    file: str
    what: str
    row: int | None = None

    def __str__(self) -> str:
        return f"{self.file}{'' if self.row is None else f', row {self.row}'}: {self.what}"


def verify(path: str) -> list[Problem]:
    """All that is wrong with a dataset; an empty list proves that it is what its manifest says."""
    store = open_store(path)
    try:
        manifest = read_manifest(store)
    except DatasetError as error:
        return [Problem(NAME, error.what)]
    problems = [*_side_files(store, manifest), *_shards(store, manifest), *_splits(manifest), *_figures(manifest)]
    if not any(problem.file != NAME for problem in problems):
        problems += _rows(open_dataset(path))
    return problems


def _side_files(store: Store, manifest: dict[str, Any]) -> Iterator[Problem]:
    expected = {"README.md": card(manifest).encode(), "croissant.json": canonical(croissant(manifest))}
    for name, content in expected.items():
        try:
            if store.read(name) != content:
                yield Problem(name, "it is not what the manifest gives")
        except FileNotFoundError:
            yield Problem(name, "it is missing")


def _shards(store: Store, manifest: dict[str, Any]) -> Iterator[Problem]:
    named = {shard["name"] for shard in manifest["shards"]}
    for file in store.files("data"):
        if f"data/{file}" not in named:
            yield Problem(f"data/{file}", "the manifest does not name it")
    for shard in manifest["shards"]:
        yield from _shard(store, shard, manifest["schema_sha256"])


def _shard(store: Store, shard: dict[str, Any], schema_sha256: str) -> Iterator[Problem]:
    name = shard["name"]
    try:
        raw = store.read(name)
    except FileNotFoundError:
        yield Problem(name, "it is missing")
        return
    if len(raw) != shard["bytes"]:
        yield Problem(name, f"it has {len(raw)} bytes instead of {shard['bytes']}")
        return
    if hashlib.sha256(raw).hexdigest() != shard["sha256"]:
        yield Problem(name, "its bytes were changed: SHA-256 differs")
        return
    file = pq.ParquetFile(pa.BufferReader(raw))
    if file.metadata.num_rows != shard["rows"]:
        yield Problem(name, f"it has {file.metadata.num_rows} rows instead of {shard['rows']}")
    if schema_hash(file.schema_arrow) != schema_sha256:
        yield Problem(name, "its schema is not the dataset's")


def _splits(manifest: dict[str, Any]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for split, info in manifest["splits"].items():
        for video in info["videos"]:
            if seen.setdefault(video, split) != split:
                yield Problem(NAME, f"video {video} is in {seen[video]} and {split}")


def _figures(manifest: dict[str, Any]) -> Iterator[Problem]:
    """Figures of the manifest that are not those of its shards' entries."""
    shards = [Shard.from_manifest(entry) for entry in manifest["shards"]]
    videos = {split: info["videos"] for split, info in manifest["splits"].items()}
    for name, value in figures(shards, videos).items():
        if name != "shards" and manifest.get(name) != value:
            yield Problem(NAME, f"{name} is {_short(manifest.get(name))}, and its shards give {_short(value)}")
    packed: dict[str, set[str]] = {}
    for shard in manifest["shards"]:
        packed.setdefault(shard["split"], set()).update(shard["videos"])
    for split, named in packed.items():
        for video in sorted(named - set(videos.get(split, ()))):
            yield Problem(NAME, f"video {video} is in a shard of {split}, and not among its videos")


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _columns(dataset: Dataset, schema: pa.Schema) -> Iterator[Problem]:
    """What the manifest says of columns, beside what the shards' schema says."""
    said, real = dataset.manifest["columns"], described(schema)
    for mine in real:
        if mine not in said:
            yield Problem(NAME, f"columns: {mine['name']} is not what the shards' schema says")
    for name in sorted({each["name"] for each in said} - {each["name"] for each in real}):
        yield Problem(NAME, f"columns: the shards have no {name}")


def _rows(dataset: Dataset) -> list[Problem]:
    problems: list[Problem] = []
    channels: dict[str, str] = {}
    media: dict[str, str] = {}
    places: dict[str, str] = {}
    videos: dict[str, dict[str, Any]] = {}
    prints: dict[tuple[str, bytes], str] = {}
    fixed = bool(dataset.manifest["config"].get("pack", {}).get("split_file"))
    for number, shard in enumerate(dataset.manifest["shards"]):
        name, row = shard["name"], 0
        count = Shard(shard["split"])
        with dataset.open_shard(name) as file:
            if not number:
                problems += _columns(dataset, file.metadata.schema.to_arrow_schema())
                if problems:
                    return problems
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group, columns=dataset.columns)
                count.count(VideoRows(table))
                wrong = list(misfits(table, dataset.manifest["columns"]))
                problems += [Problem(name, what, row + at) for at, what in wrong]
                for at in sorted(set(range(table.num_rows)) - {at for at, _ in wrong}):
                    clip = next(dataset.fold(table.slice(at, 1)))
                    problems += [Problem(name, what, row + at) for what in _clip(clip, shard, dataset)]
                    first = places.setdefault(clip["clip_id"], f"{name}, row {row + at}")
                    if first != f"{name}, row {row + at}":
                        problems.append(
                            Problem(name, f"clip {clip['clip_id']!r} is there twice: also in {first}", row + at)
                        )
                    channel = clip["channel_id"] or clip["channel"]
                    if channel and not fixed and channels.setdefault(channel, clip["split"]) != clip["split"]:
                        problems.append(Problem(name, f"channel {channel!r} is in two splits", row + at))
                    if (same := clip["media_sha256"]) and media.setdefault(same, clip["split"]) != clip["split"]:
                        problems.append(Problem(name, f"media file {same[:12]} is in two splits", row + at))
                    about = {column: clip.get(column) for column in FROM_VIDEO}
                    before = videos.setdefault(clip["video_id"], about)
                    problems += [
                        Problem(name, f"{column} is another than in the video's clips before", row + at)
                        for column in about
                        if about[column] != before[column]
                    ]
                    for column, mark in repeated(clip, dataset.placements):
                        # Within a video: copies of one film may give the same to the bit.
                        other = prints.setdefault((clip["video_id"], mark), clip["clip_id"])
                        if other != clip["clip_id"]:
                            problems.append(Problem(name, f"{column} is the same as in clip {other!r}", row + at))
                row += table.num_rows
        problems += _recounted(name, shard, count)
    return problems


def _recounted(name: str, shard: dict[str, Any], count: Shard) -> Iterator[Problem]:
    """Figures of a shard's entry that are not those of its rows."""
    found = count.entry()
    for each in ("rows", "seconds", "newest", "labels", "licences", "channels", "languages", "modalities", "sums"):
        # Entries of earlier versions lack some.
        if each not in shard or (each == "modalities" and not shard[each]):
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
            yield Problem(
                name, f"the manifest says {each} {_short(shard[each])}, and the rows give {_short(found[each])}"
            )


def _clip(clip: Clip, shard: dict[str, Any], dataset: Dataset) -> Iterator[str]:
    manifest, placements = dataset.manifest, dataset.placements
    if clip["split"] != shard["split"]:
        yield f"split {clip['split']!r} in a shard of {shard['split']!r}"
    if clip["video_id"] not in shard["videos"] or clip["clip_id"] != f"{clip['video_id']}___{clip['clip_index']}":
        yield f"clip {clip['clip_id']!r} does not belong here"
    if not 0 <= clip["start_s"] < clip["end_s"] < np.inf:
        yield f"it lasts from {clip['start_s']} to {clip['end_s']} s"
        return
    wrong = [*values_out_of_range(clip, manifest["columns"]), *clock_problems(clip, manifest["schema_version"])]
    wrong += [
        *embedding_problems(clip),
        *quality_problems(clip, placements),
        *pose_problems(clip),
        *word_problems(clip),
    ]
    wrong += label_problems(clip, manifest.get("classes", {}))
    wrong += [what for placement in placements for what in nan_problems(clip, placement)]
    yield from wrong
    if wrong or clip["imu_time_s"] is None:
        return
    ideal = _is_ideal(clip["imu_report"])
    # What no limb does is not valid in signals of a video, from version 2 of the schema on.
    seen = clip["pose_time_s"] is not None and clip.get("flags") is not None
    for placement in placements:
        signal = list(_signal(clip, placement, ideal=ideal, checked=ideal and seen))
        yield from signal or (rate_problems(clip, placement) if ideal else ())
    yield from side_problems(clip, placements)


def _is_ideal(report: str | None) -> bool:
    """Whether a clip's signals are those of ideal sensors: real parts and other devices have bias and scale errors."""
    try:
        told = json.loads(report or "{}")
    except ValueError:
        return True
    return not (isinstance(told, dict) and told.keys() & {"sensor", "calibrated"})


def _whole_turns(turned: NDArray[np.floating], valid: NDArray[np.bool_]) -> bool:
    length = np.linalg.norm(turned, axis=1)
    return bool((np.abs(length[valid] - 1) < _UNIT_SLACK).all() and np.isnan(length[~valid]).all())


def _disagreement(force: NDArray[np.floating], world: NDArray[np.floating], turned: NDArray[np.floating]) -> float:
    """Median length of f − Rᵀ(a − g), m/s²."""
    upwards = world + np.array([0.0, 0.0, _GRAVITY_M_S2])
    return float(np.median(np.linalg.norm(force - Rotation.from_quat(turned).inv().apply(upwards), axis=1)))


def _signal(clip: Clip, placement: str, *, ideal: bool, checked: bool) -> Iterator[str]:
    force, valid = clip[f"{placement}_acc_m_s2"], clip[f"{placement}_valid"]
    # Version 1 of the schema had another name for it, and no orientation.
    linear = f"{placement}_lin_acc_world_m_s2"
    world = clip[linear if linear in clip else f"{placement}_acc_world_m_s2"]
    turned = clip.get(f"{placement}_orientation")
    if force is None or valid is None:
        # A placement's signal is NULL as a whole where a marker of its own is missing.
        return
    if not len(force) == len(valid) == len(clip["imu_time_s"]):
        yield f"{placement}'s signal and clock differ in length"
        return
    valid = np.asarray(valid, bool)
    gyro = clip[f"{placement}_gyro_rad_s"]
    if not np.isfinite(force[valid]).all() or np.isfinite(force[~valid]).any():
        yield f"{placement}: NaN must stand exactly where the signal is not valid"
        return
    if turned is not None and not (len(turned) == len(valid) and _whole_turns(turned, valid)):
        yield f"{placement}_orientation must hold unit quaternions where the signal is valid, and NaN elsewhere"
        return
    if not valid.any():
        return
    length = np.linalg.norm(force[valid], axis=1)
    still = np.linalg.norm(world[valid], axis=1) < _STILL_M_S2
    if ideal and still.any() and abs(float(np.median(length[still])) - _GRAVITY_M_S2) > _STILL_SLACK_M_S2:
        yield f"{placement} at rest reads {np.median(length[still]):.2f} m/s² instead of 9.81"
    elif not _LEAST_MEDIAN_M_S2 < float(np.median(length)) < _MOST_MEDIAN_M_S2:
        yield f"{placement} reads {np.median(length):.1f} m/s² on the median: is the unit m/s²?"
    elif (
        ideal
        and turned is not None
        and (off := _disagreement(force[valid], world[valid], turned[valid])) > _DISAGREEMENT
    ):
        yield f"{placement}: specific force, orientation and linear acceleration disagree by {off:.2f} m/s²"
    if gyro is not None and len(gyro) == len(valid):
        turning = float(np.nanmedian(np.append(np.linalg.norm(gyro[valid], axis=1), 0.0)))
        if turning > _MOST_MEDIAN_RAD_S:
            yield f"{placement} turns at {turning:.0f} rad/s on the median: is the unit rad/s?"
        elif checked and (peak := float(np.nanmax(np.linalg.norm(gyro[valid], axis=1)))) > MOST_RAD_S * _LIMIT_SLACK:
            yield f"{placement} turns at {peak:.0f} rad/s in valid samples: no limb turns faster than {MOST_RAD_S:.0f}"
    if checked and (peak := float(np.nanmax(np.linalg.norm(world[valid], axis=1)))) > MOST_M_S2 * _MOUNTING_SLACK:
        yield f"{placement} is accelerated by {peak:.0f} m/s² in valid samples: no limb goes beyond {MOST_M_S2:.0f}"
