"""From one row of a dataset to the compact bytes that the page draws: previews and explorer data.

Arrays travel as 16-bit integers with a scale, differences along time, low bytes before high bytes, deflated: about a
quarter of the floats. The steps are far below what a screen or the estimate resolves, and stand in `_SCALES`.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fimad.simulate.lifting.trajectory import Trajectories, lift
from fimad.simulate.placements import Rig, rotation
from fimad.simulate.stored import restored
from fimad.simulate.types import Floats, PoseSequence
from fimad.skeleton import BONES, LANDMARK_INDEX, LANDMARKS

PREVIEW_FRAMES = 8
PREVIEW_POINTS = (
    "nose",
    *(
        f"{side}_{part}"
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
#: Landmarks that bones connect: what the 3D skeleton is drawn from.
POINTS = tuple(name for name in LANDMARKS if any(name in bone for bone in BONES))
_MISSING = -32768
# Steps: 1 mm, 0.01 m/s², 0.002 rad/s, 0.005 of an axis.
_SCALES = {"points": 0.001, "axes": 0.005, "acc": 0.01, "gyro": 0.002, "linear": 0.01, "sigma": 0.01, "raw": 0.02}
# What `lift` is told, by what `imu_report` calls it.
_USED = {"focal": "focal_over_longer_side", "pitch_deg": "pitch_deg", "height_m": "height_m"}

Row = Mapping[str, Any]


def array(row: Row, name: str, *shape: int) -> Floats | None:
    """A list cell folded to (n, *shape); None where it is NULL or empty."""
    values = row.get(name)
    if values is None or not len(values):
        return None
    result: Floats = np.asarray(values, dtype=np.float64).reshape(-1, *shape)
    return result


def pose_of(row: Row) -> PoseSequence | None:
    """The clip's landmarks; None where there are none."""
    time_s, image = array(row, "pose_time_s"), array(row, "pose_image", len(LANDMARKS), 3)
    world_m, seen = array(row, "pose_world_m", len(LANDMARKS), 3), array(row, "pose_visibility", len(LANDMARKS))
    if time_s is None or image is None or world_m is None or seen is None or not np.isfinite(world_m).any():
        return None
    return PoseSequence(time_s, image, world_m, np.nan_to_num(seen), row["width_px"] or 16, row["height_px"] or 9)


def preview(row: Row) -> bytes:
    """(8, 13, 2) int8: key frames of the skeleton in a square of ±120, y down; −128 is missing. Empty without a pose."""
    image = array(row, "pose_image", len(LANDMARKS), 3)
    if image is None:
        return b""
    whole = np.flatnonzero(np.isfinite(image).all((1, 2)))
    if not len(whole):
        return b""
    frames = whole[np.linspace(0, len(whole) - 1, PREVIEW_FRAMES).round().astype(int)]
    points = image[frames][:, [LANDMARK_INDEX[name] for name in PREVIEW_POINTS], :2]
    points = points * [row["width_px"] or 16, row["height_px"] or 9]
    low, high = points.min((0, 1)), points.max((0, 1))
    scaled = (points - (low + high) / 2) / max(1e-9, (high - low).max()) * 2 * 116
    packed: bytes = scaled.round().astype(np.int8).tobytes()
    return packed


def _as_stored(axes: NDArray[np.floating], row: Row, placement: str, time_s: NDArray[np.float64]) -> None:
    """Put a sensor's own axes, (n, 3, 3), where the dataset has its orientation: they hold mounting and what was smoothed."""
    turned, clock = array(row, f"{placement}_orientation", 4), array(row, "imu_time_s")
    if turned is None or clock is None or not len(clock):
        return
    nearest = np.abs(np.searchsorted(clock, time_s).clip(0, len(clock) - 1))
    there = np.isfinite(turned[nearest]).all(axis=1)
    axes[there] = Rotation.from_quat(turned[nearest][there]).as_matrix()


def body(row: Row, pose: PoseSequence) -> Trajectories:
    """The body that the IMU rests on: with the height, the pitch and the focal length that its report states.

    The dataset does not keep how a camera moved; where it did, the body goes where `imu_root_m` does. A pose from a file is
    in the world already.
    """
    if array(row, "pose_root_m", 3) is not None:
        known_m = restored(row)
        place = np.full((len(pose.time_s), len(LANDMARKS), 3), np.nan)
        place[:, [LANDMARK_INDEX[name] for name in known_m.names]] = known_m.position_m
        return Trajectories(pose.time_s, LANDMARKS, place)
    try:
        told = json.loads(row.get("imu_report") or "{}")
    except ValueError:
        told = {}
    used = {name: told.get(key) for name, key in _USED.items()} if isinstance(told, dict) else {}
    known = {name: float(value) for name, value in used.items() if isinstance(value, int | float)}
    tracks = lift(pose, **known).trajectories
    moved = isinstance(told, dict) and told.get("camera_steady") is False
    return _where_the_root_is(tracks, row) if moved else tracks


def _where_the_root_is(tracks: Trajectories, row: Row) -> Trajectories:
    """The body with its pelvis on the root that the IMU used."""
    root, clock = array(row, "imu_root_m", 3), array(row, "imu_time_s")
    there = np.zeros(0, bool) if root is None else np.isfinite(root).all(axis=1)
    if root is None or clock is None or len(clock) != len(root) or not there.any():
        return tracks
    pelvis = tracks.position_m[:, [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]].mean(axis=1)
    wanted = np.stack([np.interp(tracks.time_s, clock[there], root[there, axis]) for axis in range(3)], axis=1)
    return replace(tracks, position_m=tracks.position_m + (wanted - pelvis)[:, None])


def explorer(row: Row, placements: tuple[str, ...]) -> str:
    """What the clip explorer draws, deflated, as base64 text; empty without a pose."""
    pose = pose_of(row)
    if pose is None:
        return ""
    tracks = body(row, pose)
    start_s = float(row["start_s"])
    rig = Rig(placements, LANDMARKS)
    landmarks = tracks.position_m[:, [LANDMARK_INDEX[name] for name in rig.landmarks]]
    parts = _Parts()
    parts.add("points", tracks.position_m[:, [LANDMARK_INDEX[name] for name in POINTS]])
    with np.errstate(invalid="ignore"):
        axes = rotation(rig.axes(landmarks))[:, rig.segment]
        for at, name in enumerate(placements):
            _as_stored(axes[:, at], row, name, tracks.time_s)
        parts.add("axes", axes[..., [0, 2]])
        raw = second_difference(tracks.time_s, rig.points(landmarks))
    time_s = array(row, "imu_time_s")
    drawn = [name for name in placements if time_s is not None and row.get(f"{name}_acc_m_s2") is not None]
    for at, name in enumerate(placements):
        if name not in drawn:
            continue
        parts.add("raw", np.linalg.norm(raw[:, at], axis=1), name)
        parts.add("acc", array(row, f"{name}_acc_m_s2", 3), name)
        parts.add("gyro", array(row, f"{name}_gyro_rad_s", 3), name)
        world = array(row, f"{name}_lin_acc_world_m_s2", 3)
        if world is None:  # version 1 of the schema
            world = array(row, f"{name}_acc_world_m_s2", 3)
        parts.add("linear", None if world is None else np.linalg.norm(world, axis=1), name)
        parts.add("sigma", array(row, f"{name}_sigma_m_s2"), name)
    head = {
        "time_s": np.round(tracks.time_s - start_s, 5).tolist(),
        "imu_start_s": 0 if time_s is None else float(time_s[0]) - start_s,
        "imu_rate_hz": row.get("imu_rate_hz") or 0,
        "imu_samples": 0 if time_s is None else len(time_s),
        "placements": list(placements),
        "signals": drawn,
        "quality": {name: row.get(f"{name}_quality") for name in drawn},
        "words": _words(row, start_s),
        "arrays": parts.heads,
    }
    text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode()
    packed = len(text).to_bytes(4, "little") + text + b"".join(parts.bodies)
    return base64.b64encode(zlib.compress(packed, 6)).decode()


def second_difference(time_s: Floats, position_m: Floats) -> Floats:
    """(n, ..., 3) straight second difference on an irregular clock, m/s²; NaN at the ends. The raw signal that fimad smooths."""
    result = np.full_like(position_m, np.nan)
    if len(time_s) > 2:
        step = np.diff(time_s).reshape(-1, *[1] * (position_m.ndim - 1))
        speed = np.diff(position_m, axis=0) / step
        result[1:-1] = np.diff(speed, axis=0) * 2 / (step[1:] + step[:-1])
    return result


def _words(row: Row, start_s: float) -> list[list[Any]]:
    words = row.get("transcript_words")
    return [
        [round((word["start_s"] or 0) - start_s, 3), round((word["end_s"] or 0) - start_s, 3), word["text"] or ""]
        for word in (words if words is not None else [])
    ]


class _Parts:
    """Arrays as 16-bit integers, one after the other."""

    def __init__(self) -> None:
        self.heads: list[list[Any]] = []
        self.bodies: list[bytes] = []

    def add(self, kind: str, values: Floats | None, placement: str = "") -> None:
        if values is None:
            return
        flat = values.reshape(len(values), -1)
        whole = np.clip(np.nan_to_num(flat / _SCALES[kind], nan=0), -32767, 32767).round().astype(np.int16)
        whole[~np.isfinite(flat)] = _MISSING
        # Wraps around, and so does the sum in the page.
        steps = np.diff(whole, axis=0, prepend=np.zeros((1, whole.shape[1]), np.int16)).T.astype("<i2")
        self.heads.append([kind, placement, len(values), flat.shape[1], _SCALES[kind]])
        self.bodies.append(np.ascontiguousarray(np.frombuffer(steps.tobytes(), np.uint8).reshape(-1, 2).T).tobytes())
