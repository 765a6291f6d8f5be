"""What must hold of every row, from the schema's own words: lengths by shapes, ranges by units, clocks, NaN, and physics."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fimad.dataset.folding import Clip
from fimad.labels.taxonomy import KINDS
from fimad.skeleton import LANDMARK_INDEX

#: The clock of each letter that shapes begin with.
CLOCKS = {"n": "pose_time_s", "m": "imu_time_s", "e": "video_embedding_time_s"}
# Times of samples may differ from a clock of equal steps by this share of a step.
_STEP_SLACK = 1e-3
# Frames belong to the clip in which they are shown; clips and frames are cut on clocks of their own.
_TIME_SLACK_S = 1.0
_UNIT_SLACK = 1e-2
# The landmark that is furthest from the hips, whatever the pose; a picture's fractions of people who are partly outside of it.
_LEAST_REACH_M, _MOST_REACH_M, _MOST_FRACTION = 0.05, 10.0, 5.0
# Rates made from orientations, and stored ones: the medians of their difference and of the rate itself.
_RATE_SLACK_RAD_S, _RATE_SHARE = 0.1, 0.2
# A limb's direction in the pose and in the signals: swapped sides are off by more than their own, in degrees.
_SWAPPED_DEG = 25.0
# Limbs that one side may be taken for the other by: placement, and the landmarks that its z axis goes from and to.
_LIMBS = {
    "wrist": ("wrist", "elbow"),
    "upper_arm": ("elbow", "shoulder"),
    "thigh": ("knee", "hip"),
    "ankle": ("ankle", "knee"),
}
_WITHIN_1 = re.compile(r"(_quality|_share|_score|_visibility|_no_speech|_probability)$")
_WORDS = {
    "media_sha256": (re.compile(r"[0-9a-f]{64}"), "64 hexadecimal digits"),
    "upload_date": (re.compile(r"\d{8}"), "YYYYMMDD"),
    "retrieved_on": (re.compile(r"\d{4}-\d{2}-\d{2}"), "YYYY-MM-DD"),
    "video_id": (re.compile(r"[^/\\\x00-\x1f]+"), "a file's name"),
}


def misfits(table: pa.Table, columns: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str]]:
    """Rows of a table whose lists are not as long as their clock and their shape say, with what is wrong."""
    lengths = {name: _lengths(table, name) for name in CLOCKS.values() if name in table.column_names}
    for about in columns:
        name, shape = about["name"], (about.get("shape") or "").split(",")
        if not shape[0] or name not in table.column_names or not pa.types.is_list(table.schema.field(name).type):
            continue
        width = int(np.prod([int(part) for part in shape[1:] if part.isdigit()], dtype=int))
        own, clock = _lengths(table, name), CLOCKS.get(shape[0])
        for row, length in enumerate(own):
            count = lengths[clock][row] if clock in lengths else None
            if length is None:
                continue
            if clock is not None and clock != name and count is None:
                yield row, f"{name} has values, and {clock} has none"
            elif "d" in shape[1:]:
                if count and length % count:
                    yield row, f"{name} has {length} values for {count} times"
            elif count is not None and length != count * width:
                yield row, f"{name} has {length} values instead of {count} × {width}: it and {clock} differ in length"
            elif length % width:
                yield row, f"{name} has {length} values, which is no multiple of {width}"


def _lengths(table: pa.Table, name: str) -> list[int | None]:
    found: list[int | None] = pc.list_value_length(table.column(name)).to_pylist()
    return found


def values_out_of_range(clip: Clip, columns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What no writer that keeps to the schema gives."""
    for about in columns:
        name, value = about["name"], clip.get(about["name"])
        if value is None:
            continue
        if isinstance(value, (np.ndarray, int, float)) and not isinstance(value, bool):
            numbers = np.asarray(value)
            if not np.issubdtype(numbers.dtype, np.number):
                continue
            if np.isinf(numbers).any():
                yield f"{name} is infinite"
                continue
            if isinstance(value, float) and np.isnan(value):
                yield f"{name} is NaN: what is not known is NULL"
                continue
            finite = numbers[np.isfinite(numbers)]
            if _WITHIN_1.search(name) and len(finite) and not (finite.min() >= 0 and finite.max() <= 1 + 1e-5):
                yield f"{name} goes from {finite.min():.3g} to {finite.max():.3g} instead of 0 to 1"
            if "_sigma_" in name and len(finite) and finite.min() < 0:
                yield f"{name} is negative: {finite.min():.3g}"
            if about.get("unit") in ("px", "Hz") and finite.size and finite.min() <= 0:
                yield f"{name} is {finite.min():g}, and must be above 0"
            if name.endswith("_time_s") and name != "pose_source_time_s" and not np.isfinite(numbers).all():
                yield f"{name} does not rise: a time is missing"
        elif name in _WORDS and isinstance(value, str) and not _WORDS[name][0].fullmatch(value):
            yield f"{name} is {value[:40]!r} instead of {_WORDS[name][1]}"
    yield from _words(clip)


def _words(clip: Clip) -> Iterator[str]:
    for name in ("imu_report", "tool_versions"):
        try:
            json.loads(clip.get(name) or "{}")
        except ValueError:
            yield f"{name} is no JSON"
    for word in clip.get("transcript_words") or ():
        if word["start_s"] is not None and word["end_s"] is not None and word["end_s"] < word["start_s"]:
            yield f"a word of transcript_words ends at {word['end_s']:g} s, before it begins"
            break
    if any(not flag or not re.fullmatch(r"\S+", flag) for flag in clip.get("flags") or ()):
        yield "a flag is no single word"


def label_problems(clip: Clip, classes: Mapping[str, int]) -> Iterator[str]:
    """Kinds that there are not, exercises without a name, and numbers that the dataset gives to other classes."""
    kind, name = clip.get("kind"), clip.get("class_label")
    if kind is not None and kind not in KINDS:
        yield f"kind is {kind[:40]!r} instead of one of {', '.join(KINDS)}"
    if any(not each for each in clip.get("exercises") or ()):
        yield "an exercise of exercises has no name"
    if classes and name is not None and clip.get("class_id") != classes.get(name):
        yield f"class_id of {name[:40]!r} is {clip.get('class_id')}, and the dataset's number of it is {classes.get(name)}"


def word_problems(clip: Clip) -> Iterator[str]:
    """Words that are spoken outside of the clip, or are not those of its transcript."""
    words = clip.get("transcript_words")
    if words is None:
        return
    for word in words:
        begin, end = word["start_s"], word["end_s"]
        if begin is None or end is None:
            continue
        if end < clip["start_s"] - _TIME_SLACK_S or begin > clip["end_s"] + _TIME_SLACK_S:
            yield f"a word of transcript_words is spoken at {begin:g} s, and the clip goes from {clip['start_s']:g} to {clip['end_s']:g} s"
            break
    if any(word["probability"] is not None and not 0 <= word["probability"] <= 1 + 1e-5 for word in words):
        yield "a probability of transcript_words is not from 0 to 1"
    said, spoken = clip.get("transcript"), "".join(word["text"] or "" for word in words)
    if words and said is not None and "".join(said.split()) != "".join(spoken.split()):
        yield "transcript is not what transcript_words say"


def pose_problems(clip: Clip) -> Iterator[str]:
    """Bodies of no human size, pictures in pixels, and frames with a body and nothing else."""
    world = clip.get("pose_world_m")
    if world is None or not len(world):
        return
    there = np.isfinite(world).all(axis=(1, 2))
    if not there.any():
        return
    reach_m = float(np.median(np.linalg.norm(world[there], axis=2).max(axis=1)))
    if not _LEAST_REACH_M < reach_m < _MOST_REACH_M:
        yield f"pose_world_m reaches {reach_m:.3g} m from the hips on the median: is the unit m?"
    image = clip.get("pose_image")
    if image is not None and len(image) == len(there) and np.isfinite(image[there][..., :2]).any():
        far = float(np.nanmedian(np.abs(image[there][..., :2])))
        if far > _MOST_FRACTION:
            yield f"pose_image is {far:.3g} on the median: is it in fractions of the picture?"
    for name in ("pose_image", "pose_visibility", "pose_score"):
        values = clip.get(name)
        if values is not None and len(values) == len(there) and not np.isfinite(values[there]).any():
            yield f"{name} is NaN wherever pose_world_m has a body"


def repeated(clip: Clip, placements: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Columns that no two clips have in common (as a buffer that was not emptied gives), with a fingerprint each."""
    for name in ("pose_world_m", *(f"{placement}_acc_m_s2" for placement in placements)):
        values = clip.get(name)
        # A frozen picture gives the same pose again and again.
        if values is None or len(values) < 10 or not (np.diff(values, axis=0) != 0).any(axis=0).all():
            continue
        yield (
            name,
            hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=12, key=name.encode()[:64]).digest(),
        )


def embedding_problems(clip: Clip) -> Iterator[str]:
    """Embeddings of other than unit length, or of different widths."""
    widths = set()
    clock, frames = clip.get("video_embedding_time_s"), clip.get("video_embeddings")
    found = {name: clip.get(name) for name in ("video_embedding", "text_embedding", "description_embedding")}
    if clock is not None and frames is not None and len(clock):
        found["video_embeddings"] = np.asarray(frames).reshape(len(clock), -1)
    for name, values in found.items():
        if values is None or not np.size(values):
            continue
        rows = np.atleast_2d(values)
        widths.add(rows.shape[1])
        if not (np.abs(np.linalg.norm(rows, axis=1) - 1) < _UNIT_SLACK).all():
            yield f"{name} is not of unit length"
    if len(widths) > 1:
        yield f"embeddings have {' and '.join(map(str, sorted(widths)))} numbers"


def clock_problems(clip: Clip, version: int) -> Iterator[str]:
    """Clocks that don't rise, don't belong to the clip, or have another rate than is said."""
    start, end = clip["start_s"], clip["end_s"]
    for name in CLOCKS.values():
        time_s = clip.get(name)
        if time_s is None or not len(time_s):
            continue
        if not (np.isfinite(time_s).all() and (np.diff(time_s) > 0).all()):
            yield f"{name} does not rise"
        elif time_s[0] < start - _TIME_SLACK_S or time_s[-1] > end + _TIME_SLACK_S:
            yield f"{name} goes from {time_s[0]:g} to {time_s[-1]:g} s, and the clip from {start:g} to {end:g} s"
        elif name == "imu_time_s":
            yield from _imu_clock(clip, time_s, version)
            pose_s = clip.get("pose_time_s")
            if pose_s is not None and len(pose_s) and time_s[-1] < pose_s[-1] - _TIME_SLACK_S:
                yield f"imu_time_s ends at {time_s[-1]:g} s, and pose_time_s at {pose_s[-1]:g} s"


def _imu_clock(clip: Clip, time_s: NDArray[np.float64], version: int) -> Iterator[str]:
    rate_hz = clip["imu_rate_hz"]
    if rate_hz is None or not rate_hz > 0:
        yield "imu_time_s has times, and imu_rate_hz says nothing"
        return
    if len(time_s) > 1 and np.abs(np.diff(time_s) * rate_hz - 1).max() > _STEP_SLACK:
        yield f"imu_rate_hz is {rate_hz:g}, and imu_time_s has {1 / np.median(np.diff(time_s)):g} samples per second"
        return
    # From version 2 of the schema on, the clock hangs on the clip's beginning.
    place = (time_s[0] - clip["start_s"]) * rate_hz
    if version >= 2 and abs(place - round(place)) > _STEP_SLACK + 1e-6 * abs(clip["start_s"]):
        yield f"imu_time_s begins at {time_s[0]:.4f} s, which is not start_s + k / imu_rate_hz"


def quality_problems(clip: Clip, placements: Sequence[str]) -> Iterator[str]:
    """A clip's quality is the median of its placements'."""
    each = [clip[f"{p}_quality"] for p in placements if clip.get(f"{p}_quality") is not None]
    said = clip.get("imu_quality")
    if said is not None and each and abs(float(np.median(each)) - said) > 1e-4:
        yield f"imu_quality is {said:.3f}, and the median of its placements' is {np.median(each):.3f}"


def nan_problems(clip: Clip, placement: str) -> Iterator[str]:
    """Signals must be NaN exactly where the placement is not valid."""
    valid = clip.get(f"{placement}_valid")
    if valid is None:
        left = [name for name, value in clip.items() if name.startswith(f"{placement}_") and value is not None]
        if left:
            yield f"{left[0]} has values, and {placement}_valid has none"
        return
    valid = np.asarray(valid, bool)
    for ending in (
        "acc_m_s2",
        "gyro_rad_s",
        "lin_acc_world_m_s2",
        "acc_world_m_s2",
        "sigma_m_s2",
        "gyro_sigma_rad_s",
    ):
        values = clip.get(f"{placement}_{ending}")
        if values is None:
            if f"{placement}_{ending}" in clip:
                yield f"{placement}_{ending} is missing"
            continue
        there = np.isfinite(np.asarray(values).reshape(len(valid), -1))
        # An uncertainty may be told where nothing was measured; a signal may not.
        if not there[valid].all() or ("sigma" not in ending and there[~valid].any()):
            yield f"{placement}_{ending}: NaN must stand exactly where the signal is not valid"


def rate_problems(clip: Clip, placement: str) -> Iterator[str]:
    """Angular rates must be those with which the orientation turns."""
    turned, gyro = clip.get(f"{placement}_orientation"), clip.get(f"{placement}_gyro_rad_s")
    valid, rate_hz = clip.get(f"{placement}_valid"), clip["imu_rate_hz"]
    if turned is None or gyro is None or valid is None or len(turned) != len(gyro) or not rate_hz:
        return
    valid = np.asarray(valid, bool) & np.isfinite(turned).all(axis=1) & np.isfinite(gyro).all(axis=1)
    first = np.flatnonzero(valid[1:] & valid[:-1])
    if len(first) < 10:
        return
    before, after = (Rotation.from_quat(turned[first + shift]) for shift in (0, 1))
    made = (before.inv() * after).as_rotvec() * rate_hz
    middle = (gyro[first] + gyro[first + 1]) / 2
    off = np.linalg.norm(made - middle, axis=1)
    size = np.maximum(np.linalg.norm(made, axis=1), np.linalg.norm(middle, axis=1))
    # Where it turns most, a rate of another sign or axis shows most.
    quick = size >= np.quantile(size, 0.75)
    if np.median(off[quick]) > _RATE_SLACK_RAD_S + _RATE_SHARE * np.median(size[quick]):
        yield (
            f"{placement} turns by its orientation at {np.median(np.linalg.norm(made[quick], axis=1)):.2f} rad/s, and "
            f"{placement}_gyro_rad_s is off by {np.median(off[quick]):.2f}"
        )


def side_problems(clip: Clip, placements: Sequence[str]) -> Iterator[str]:
    """Signals of left and right that fit the pose the other way round.

    Where the sides of the pose itself are in doubt, or a sensor is mounted at an angle, nothing can be said.
    """
    told = json.loads(clip["imu_report"] or "{}") if clip["imu_report"] else {}
    doubt = any("side" in flag or "swap" in flag or "back" in flag for flag in clip.get("flags") or ())
    doubt |= not isinstance(told, dict) or bool(told.get("swapped_sides_frames"))
    if doubt or clip["pose_world_m"] is None or clip["imu_time_s"] is None or len(clip["pose_time_s"]) < 2:
        return
    for limb, (low, high) in _LIMBS.items():
        pair = [f"left_{limb}", f"right_{limb}"]
        if not set(pair) <= set(placements) or any(clip.get(f"{p}_orientation") is None for p in pair):
            continue
        seen = [_direction(clip, f"{side}_{low}", f"{side}_{high}") for side in ("left", "right")]
        along = [Rotation.from_quat(np.nan_to_num(clip[f"{p}_orientation"], nan=0.5)).apply([0, 0, 1]) for p in pair]
        valid = np.logical_and.reduce([np.asarray(clip[f"{p}_valid"], bool) for p in pair])
        if valid.sum() < 10:
            continue
        angles = [[_apart_deg(along[a][valid], seen[b][valid]) for b in (0, 1)] for a in (0, 1)]
        if angles[0][0] - angles[0][1] > _SWAPPED_DEG and angles[1][1] - angles[1][0] > _SWAPPED_DEG:
            yield (
                f"{pair[0]} and {pair[1]} are {angles[0][0]:.0f}° and {angles[1][1]:.0f}° off the pose, and "
                f"{angles[0][1]:.0f}° and {angles[1][0]:.0f}° off the other side's: they are swapped"
            )


def _direction(clip: Clip, low: str, high: str) -> NDArray[np.float64]:
    """Unit vectors from one landmark to another at the IMU's times, with z up (the camera is taken to be level)."""
    world = clip["pose_world_m"]
    vector = (world[:, LANDMARK_INDEX[high]] - world[:, LANDMARK_INDEX[low]]).astype(np.float64)
    vector = np.stack([vector[:, 0], vector[:, 2], -vector[:, 1]], axis=1)
    at = [np.interp(clip["imu_time_s"], clip["pose_time_s"], np.nan_to_num(column)) for column in vector.T]
    result = np.stack(at, axis=1)
    unit: NDArray[np.float64] = result / np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-9)
    return unit


def _apart_deg(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.degrees(np.median(np.arccos(np.clip((one * other).sum(axis=1), -1, 1)))))
