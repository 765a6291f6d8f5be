"""A dataset of persons whose signals the virtual IMU made of their poses: as good as any, and every limb goes its own way."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from synthetic import SyntheticSource

from fimad.pipeline.stages.simulate import imu_columns
from fimad.simulate import PoseSequence, simulate_imu
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

Row = dict[str, Any]
# Some of which move as pairs on one segment.
PLACEMENTS = (
    *("left_wrist", "left_elbow", "left_upper_arm", "left_thigh", "left_ankle"),
    *("right_wrist", "right_upper_arm", "right_ankle", "right_knee", "chest", "pelvis", "head"),
)
RATE_HZ = 30.0
# Swing of upper arm, forearm, thigh and shank: degrees off hanging, amplitude, turns per second, azimuth.
_LIMBS = {
    "left": ((70, 15, 0.7, 0), (130, 30, 1.1, 10), (25, 20, 0.6, 80), (-35, 20, 0.9, 80)),
    "right": ((20, 15, 0.8, 180), (75, 25, 1.2, 150), (10, 8, 0.7, 100), (-15, 10, 0.5, 100)),
}


def _towards(time_s: np.ndarray, phase: float, limb: tuple[float, float, float, float]) -> np.ndarray:
    """(n, 3) unit vectors that swing; x is the image's right, y away, z up."""
    off, swing, hz, azimuth = limb
    angle = np.radians(off + swing * np.sin(2 * np.pi * hz * time_s + phase))
    flat = np.radians(azimuth)
    return np.stack([np.sin(angle) * np.cos(flat), -np.sin(angle) * np.sin(flat), -np.cos(angle)], axis=1)


def _off(place: np.ndarray, *metres: float) -> np.ndarray:
    return place + np.array(metres)


def body(time_s: np.ndarray, phase: float) -> np.ndarray:
    """(n, 33, 3) landmarks in m, 4 m in front of a level camera."""
    hips = np.stack([0.1 * np.sin(3 * time_s + phase), 4 + 0 * time_s, 0.08 * np.sin(5 * time_s + phase)], axis=1)
    lean = np.outer(0.12 * np.sin(4 * time_s + phase), [1, 0.3, 0])
    places = {name: _off(hips, 0.0, -0.05, 0.62) + lean for name in LANDMARKS[:11]}
    for side, sign in (("left", 1), ("right", -1)):
        upper, fore, thigh, shank = (_towards(time_s, phase, limb) for limb in _LIMBS[side])
        hip, shoulder = _off(hips, 0.1 * sign, 0, 0), _off(hips, 0.18 * sign, 0, 0.5) + lean
        elbow, knee = shoulder + 0.3 * upper, hip + 0.42 * thigh
        wrist, ankle = elbow + 0.26 * fore, knee + 0.4 * shank
        places |= {
            f"{side}_ear": _off(hips, 0.07 * sign, 0, 0.66) + lean,
            f"{side}_hip": hip,
            f"{side}_shoulder": shoulder,
        }
        places |= {f"{side}_elbow": elbow, f"{side}_wrist": wrist, f"{side}_knee": knee, f"{side}_ankle": ankle}
        # Knuckles lie across the forearm.
        across = 0.03 * np.cross(fore, [0.3, -0.9, -0.3])
        places |= {f"{side}_index": wrist + 0.09 * fore - across, f"{side}_pinky": wrist + 0.08 * fore + across}
        places |= {f"{side}_thumb": wrist + 0.05 * fore, f"{side}_heel": _off(ankle, 0, 0.05, -0.06)}
        places[f"{side}_foot_index"] = _off(ankle, 0, -0.15, -0.06)
    return np.stack([places[name] for name in LANDMARKS], axis=1)


def pose(time_s: np.ndarray, phase: float) -> PoseSequence:
    """What a camera with a focal length of 1.2 widths sees of it."""
    points, width, height = body(time_s, phase), 1280, 720
    u, v = (1.2 * points[..., axis] / points[..., 1] for axis in (0, 2))
    rest = points - points[:, [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]].mean(axis=1, keepdims=True)
    image = np.stack([u + 0.5, 0.5 - v * width / height, 1.2 * rest[..., 1] / 4], axis=-1)
    world = np.stack([rest[..., 0], -rest[..., 2], rest[..., 1]], axis=-1)
    return PoseSequence(time_s, image, world, np.full(u.shape, 0.9), width, height)


class Persons(SyntheticSource):
    """A `pack.Source`; every clip of a video shows another phase of it."""

    def _seen(self, number: int, index: int) -> PoseSequence:
        time_s = index * self.clip_s + np.arange(round(self.clip_s * RATE_HZ)) / RATE_HZ
        return pose(time_s, 3.0 * index)

    def _download(self, number: int, video_id: str) -> list[Row]:
        return [row | {"person": f"person {number}"} for row in super()._download(number, video_id)]

    def _pose(self, number: int, video_id: str) -> list[Row]:
        rows = super()._pose(number, video_id)
        for index, row in enumerate(rows):
            seen = self._seen(number, index)
            row |= {"pose_time_s": seen.time_s, "pose_source_time_s": seen.time_s}
            for name, values in (("image", seen.image), ("world_m", seen.world_m), ("visibility", seen.visibility)):
                row[f"pose_{name}"] = values.astype(np.float32).reshape(-1)
        return rows

    def _simulate(self, number: int, video_id: str) -> list[Row]:
        return [{**keys, **self._signals(index)} for index, keys in self._keys(video_id)]

    @lru_cache  # noqa: B019  (a source is short-lived)
    def _signals(self, index: int) -> Row:
        return imu_columns(simulate_imu(self._seen(0, index), start_s=index * self.clip_s, config=self.config.simulate))
