"""Optical or Kinect trajectories against a real inertial sensor of the same motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from benchmarks.fidelity_scores import correlation, rms
from fimad.config import SimulateConfig
from fimad.simulate.differentiate import METHODS, savitzky_golay, uniform

_GRAVITY_M_S2 = 9.80665
_WINDOWS_S = (0.03, 0.05, 0.08, 0.12)
# The skeleton's clock runs this much behind the inertial one after its rate has been corrected.
_UTD_LAG_S = -0.03
_UTD_ACTIONS = {"circle": (9, 10), "tennis_swing": (15,), "squat": (27,), "lunge": (26,)}
_UTD_RIGHT_WRIST, _UTD_RIGHT_HIP, _UTD_RIGHT_KNEE = 10, 16, 17


def broad(folder: Path) -> dict[str, Any]:
    """Per-axis r and RMS difference (m/s²) in the sensor frame, for every method that is quick enough at 286 Hz."""
    result: dict[str, Any] = {}
    for path in sorted(folder.glob("broad__*.mat")):
        data = loadmat(path)
        position, quaternion, measured = data["opt_pos"], data["opt_quat"], data["imu_acc"]
        rate_hz = float(data["sampling_rate"].item())
        good = np.isfinite(position).all(1) & np.isfinite(quaternion).all(1)
        time_s = np.arange(len(position)) / rate_hz
        compared = good & (data["movement"].ravel() > 0) & np.isfinite(measured).all(1)
        filled = CubicSpline(time_s[good], position[good], axis=0)(time_s)
        turns = Rotation.from_quat(np.where(good[:, None], quaternion, [1.0, 0, 0, 0]), scalar_first=True)
        candidates = {"adaptive": METHODS["adaptive"](time_s, filled, None, SimulateConfig()).acceleration}
        for window_s in _WINDOWS_S:
            candidates[f"savitzky_golay_{window_s}s"] = savitzky_golay(filled, rate_hz, window_s)[2]
        candidates["central"] = METHODS["central"](time_s, filled, None, SimulateConfig()).acceleration
        rows = {}
        for name, acceleration in candidates.items():
            force = turns.inv().apply(acceleration + np.array([0, 0, _GRAVITY_M_S2]))
            rows[name] = {
                "r": [correlation(force[compared, axis], measured[compared, axis]) for axis in range(3)],
                "rms_m_s2": rms((force - measured)[compared]),
            }
        result[path.stem.split("__")[1]] = rows
    return result


def utd_mhad(folder: Path) -> dict[str, dict[str, float]]:
    """Median r of the magnitude of specific force, by method and action."""
    sums: dict[str, dict[str, list[float]]] = {}
    for action, numbers in _UTD_ACTIONS.items():
        for number in numbers:
            for path in sorted((folder / "Skeleton").glob(f"a{number}_s*_skeleton.mat")):
                partner = folder / "Inertial" / path.name.replace("skeleton", "inertial")
                if not partner.exists():
                    continue
                skeleton = np.moveaxis(loadmat(path)["d_skel"], 2, 0).astype(float)
                inertial = loadmat(partner)["d_iner"][:, :3]
                for name, r in _utd_trial(skeleton, inertial, wrist=number <= 21).items():
                    sums.setdefault(name, {}).setdefault(action, []).append(r)
    return {name: {action: float(np.median(rs)) for action, rs in by.items()} for name, by in sums.items()}


def _utd_trial(skeleton: np.ndarray, inertial: np.ndarray, *, wrist: bool) -> dict[str, float]:
    place = skeleton[:, _UTD_RIGHT_WRIST] if wrist else (skeleton[:, _UTD_RIGHT_HIP] + skeleton[:, _UTD_RIGHT_KNEE]) / 2
    rate_hz = 50 * len(skeleton) / len(inertial)
    time_s, inertial_s = np.arange(len(skeleton)) / rate_hz, np.arange(len(inertial)) / 50
    measured = np.linalg.norm(inertial, axis=1) * _GRAVITY_M_S2
    _, even, _ = uniform(time_s, place)
    accelerations = {
        name: METHODS[name](time_s, place, None, SimulateConfig()).acceleration
        for name in ("adaptive", "transpose", "butterworth", "spline_gcv", "kalman")
    }
    accelerations["savitzky_golay_9_3"] = savitzky_golay(even, rate_hz, 9 / rate_hz)[2]
    result = {}
    for name, acceleration in accelerations.items():
        virtual = np.linalg.norm(acceleration + np.array([0, _GRAVITY_M_S2, 0]), axis=1)
        result[name] = correlation(np.interp(inertial_s + _UTD_LAG_S, time_s, virtual), measured)
    return result
