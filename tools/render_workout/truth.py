"""The exact truth: where every body point is, how it accelerates and how it is turned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tools.render_workout.body import JOINTS, Body
from tools.render_workout.pose import Floats, Pose
from tools.render_workout.scene import Camera

_STEP_S = 1e-3
#: Second derivative from five samples, error of order step^4.
_STENCIL = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / 12 / _STEP_S**2
_BATCH = 2000

#: The smallest steps that are kept (powers of two, far below what any video can tell), so that the file packs well.
_STEPS = {"pos": 2.0**-13, "acc": 2.0**-9, "rot": 2.0**-13}


def sample(body: Body, pose_at: Callable[[Floats], Pose], time_s: Floats) -> dict[str, Floats]:
    """`NAME_pos` (m, 3) in m and `NAME_acc` (m, 3) in m/s² without gravity for each body point, and `NAME_rot`
    (m, 3, 3), from the rest pose to the world, for each that is no mere joint.
    """
    parts: list[dict[str, Floats]] = []
    offsets = np.arange(-2, 3) * _STEP_S
    for start in range(0, len(time_s), _BATCH):
        times = time_s[start : start + _BATCH]
        points = body.points(body.skeleton(pose_at((times[:, None] + offsets).ravel())))
        part: dict[str, Floats] = {}
        for name, (place, rotation) in points.items():
            around = place.reshape(len(times), 5, 3)
            part[f"{name}_pos"] = around[:, 2]
            part[f"{name}_acc"] = np.einsum("nkc,k->nc", around, _STENCIL)
            if not name.endswith(JOINTS):
                part[f"{name}_rot"] = rotation.reshape(len(times), 5, 3, 3)[:, 2]
        parts.append(part)
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def write_truth(
    path: Path,
    body: Body,
    pose_at: Callable[[Floats], Pose],
    *,
    duration_s: float,
    rate_hz: float,
    frame_t: Floats,
    fps: float,
    camera: Camera,
) -> None:
    """Write the truth as a compressed NPZ of plain arrays (README.md beside this file lists them)."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    arrays = {
        key: (np.round(values / _STEPS[key[-3:]]) * _STEPS[key[-3:]]).astype(np.float32)
        for key, values in sample(body, pose_at, time_s).items()
    }
    np.savez_compressed(
        path,
        t=time_s,
        rate_hz=np.float64(rate_hz),
        frame_t=frame_t,
        fps=np.float64(fps),
        fov_deg=np.float64(camera.fov_deg),
        cam=np.array(camera.position_m),
        focal_point=np.array(camera.focal_point_m),
        size=np.array([camera.width_px, camera.height_px]),
        **arrays,
    )
