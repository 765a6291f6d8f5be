"""Optical or Kinect trajectories against a real inertial sensor of the same motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal
from scipy.interpolate import CubicSpline
from scipy.io import loadmat
from scipy.spatial.transform import Rotation, Slerp

from benchmarks.fidelity_scores import correlation, rms
from fimad.simulate import angular_rate
from fimad.simulate.smoothing.differentiate import central, differentiate, savitzky_golay
from fimad.simulate.smoothing.irregular import uniform
from fimad.simulate.uncertainty import capture_sigma

_GRAVITY_M_S2 = 9.80665
_WINDOWS_S = (0.03, 0.05, 0.06, 0.08, 0.12)
# Lever arm and lag are looked for where the markers' noise is small and central differences are exact.
_MOUNTING_HZ = 10.0
# Hands move up to here; what a sensor feels above is vibration that markers do not follow (see `ceiling`).
_MOTION_HZ = 10.0
# Skeleton and sensor were started by hand: the clocks of a trial differ by up to this.
_UTD_LARGEST_LAG_S = 0.15
_UTD_ACTIONS = {"circle": (9, 10), "tennis_swing": (15,), "squat": (27,), "lunge": (26,)}
_UTD_RIGHT_WRIST, _UTD_RIGHT_HIP, _UTD_RIGHT_KNEE = 10, 16, 17


def broad(folder: Path) -> dict[str, Any]:
    """Per-axis r and RMS difference (m/s²) in the sensor frame, of every method that is quick enough at 286 Hz; `within_2s` is the share of differences that are
    less than twice the stated uncertainty of the markers' acceleration: the real sensor's own noise is not in it.

    The optical frame lies between the markers, the sensor a centimetre below, and its own filter is late: lever arm and lag
    are found once a trial (`_mounting`), for all methods alike. `r_10hz` is r after both signals were low-passed at 10 Hz.
    The row `ceiling` has the r that the best of all linear filters would reach, r² = Σ C(f)·P(f) / Σ P(f), with C the
    coherence between the optical and the real sensor and P the power of the real one: the rest is the real sensor's own
    (Carter 1987, doi:10.1109/PROC.1987.13723). `gyroscope` has r and RMS difference (rad/s) of the angular rate, of the
    optical orientation smoothed and as it is.
    """
    result: dict[str, Any] = {}
    for path in sorted(folder.glob("broad__*.mat")):
        data = loadmat(path)
        position, quaternion, sensed = data["opt_pos"], data["opt_quat"], data["imu_acc"]
        rate_hz = float(data["sampling_rate"].item())
        good = np.isfinite(position).all(1) & np.isfinite(quaternion).all(1)
        time_s = np.arange(len(position)) / rate_hz
        compared = good & (data["movement"].ravel() > 0) & np.isfinite(sensed).all(1)
        turns = _filled_turns(time_s, quaternion, good)
        origin = CubicSpline(time_s[good], position[good], axis=0)(time_s)
        lever_m, lag_s = _mounting(origin, turns, sensed, compared, rate_hz)
        filled = origin + turns.apply(lever_m)
        measured = CubicSpline(time_s, np.nan_to_num(sensed), axis=0)(time_s + lag_s)
        smooth = differentiate(time_s, filled)
        candidates = {"adaptive": smooth.acceleration}
        candidates["butterworth"] = differentiate(time_s, filled, method="butterworth").acceleration
        sigma = np.interp(time_s, smooth.doubt.time_s, capture_sigma(smooth.doubt))
        for window_s in _WINDOWS_S:
            candidates[f"savitzky_golay_{window_s}s"] = savitzky_golay(filled, rate_hz, window_s)[1]
        candidates["central"] = differentiate(time_s, filled, method="central").acceleration
        low = signal.butter(4, _MOTION_HZ, fs=rate_hz, output="sos")
        slow = signal.sosfiltfilt(low, measured, axis=0)
        rows: dict[str, Any] = {}
        for name, acceleration in candidates.items():
            force = _specific_force(acceleration, turns)
            smooth = signal.sosfiltfilt(low, force, axis=0)
            rows[name] = {
                "r": [correlation(force[compared, axis], measured[compared, axis]) for axis in range(3)],
                "rms_m_s2": rms((force - measured)[compared]),
                "r_10hz": [correlation(smooth[compared, axis], slow[compared, axis]) for axis in range(3)],
            }
            if name == "adaptive":
                wrong = np.linalg.norm((force - measured)[compared], axis=1)
                rows[name]["within_2s"] = float((wrong < 2 * sigma[compared]).mean())
            if name == "central":
                rows["ceiling"] = {"r": _ceiling(force, measured, compared, rate_hz)}
        result[path.stem.split("__")[1]] = {
            "methods": rows,
            "gyroscope": _gyroscope(time_s, turns, data["imu_gyr"], compared, lag_s),
            "lever_arm_m": lever_m.tolist(),
            "lag_s": lag_s,
        }
    return result


def _gyroscope(
    time_s: np.ndarray, turns: Rotation, sensed: np.ndarray, compared: np.ndarray, lag_s: float
) -> dict[str, dict[str, Any]]:
    """Angular rate from the optical orientation beside the real one, which is as late as the accelerometer."""
    measured = CubicSpline(time_s, np.nan_to_num(sensed), axis=0)(time_s + lag_s)
    plain = turns.as_matrix()
    smooth = differentiate(time_s, plain.reshape(-1, 9)).position.reshape(-1, 3, 3)
    rows = {}
    for name, rotation in (("adaptive", Rotation.from_matrix(smooth).as_matrix()), ("central", plain)):
        rate = angular_rate(rotation, time_s)
        rows[name] = {
            "r": [correlation(rate[compared, axis], measured[compared, axis]) for axis in range(3)],
            "rms_rad_s": rms((rate - measured)[compared]),
        }
    return rows


def _specific_force(acceleration: np.ndarray, turns: Rotation) -> np.ndarray:
    return turns.inv().apply(acceleration + np.array([0, 0, _GRAVITY_M_S2]))


def _filled_turns(time_s: np.ndarray, quaternion: np.ndarray, good: np.ndarray) -> Rotation:
    """Orientation at all times; where the cameras lost the markers, it turns on evenly between what was seen."""
    seen = Slerp(time_s[good], Rotation.from_quat(quaternion[good], scalar_first=True))
    return seen(np.clip(time_s, time_s[good][0], time_s[good][-1]))


def _mounting(
    origin: np.ndarray, turns: Rotation, sensed: np.ndarray, compared: np.ndarray, rate_hz: float
) -> tuple[np.ndarray, float]:
    """Where the sensor sits in the optical frame (m) and how late it is (s): least squares below 10 Hz, plain differences.

    f(r) = Rᵀ(d²/dt²(p + R·r) − g) is linear in the lever arm r, and a small lag adds its derivative: f(t + lag) ≈ f + lag·f'.
    """
    low = signal.butter(2, _MOUNTING_HZ, fs=rate_hz, output="sos")

    def plain(positions: np.ndarray) -> np.ndarray:
        return central(positions, rate_hz)[1]

    def column(values: np.ndarray) -> np.ndarray:
        return signal.sosfiltfilt(low, values, axis=0)[compared].ravel()

    measured = np.nan_to_num(sensed)
    arms = [turns.inv().apply(plain(turns.apply(axis))) for axis in np.eye(3)]
    # The constant takes up the bias of every axis.
    biases = [np.tile(axis, (len(origin), 1)) for axis in np.eye(3)]
    unknown = [*arms, -np.gradient(measured, 1 / rate_hz, axis=0), *biases]
    difference = measured - _specific_force(plain(origin), turns)
    found = np.linalg.lstsq(np.stack([column(each) for each in unknown], 1), column(difference), rcond=None)[0]
    return found[:3], float(found[3])


def _ceiling(force: np.ndarray, measured: np.ndarray, compared: np.ndarray, rate_hz: float) -> list[float]:
    """The best r per axis that any linear filter of `force` can reach, from the longest compared run."""
    at = np.flatnonzero(compared)
    run = max(np.split(at, np.flatnonzero(np.diff(at) > 1) + 1), key=len)
    length = round(4 * rate_hz)
    found = []
    for axis in range(3):
        a, b = force[run, axis], measured[run, axis]
        _, coherence = signal.coherence(a, b, rate_hz, nperseg=length)
        _, power = signal.welch(b, rate_hz, nperseg=length)
        found.append(float(np.sqrt((coherence * power).sum() / power.sum())))
    return found


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
    accelerations = {"savitzky_golay_9_3": savitzky_golay(even, rate_hz, 9 / rate_hz)[1]}
    for name in ("adaptive", "transpose", "butterworth", "spline_gcv", "kalman"):
        accelerations[name] = differentiate(time_s, place, method=name).acceleration
    virtual = {
        name: np.linalg.norm(acceleration + np.array([0, _GRAVITY_M_S2, 0]), axis=1)
        for name, acceleration in accelerations.items()
    }

    def agreement(name: str, lag_s: float) -> float:
        return correlation(np.interp(inertial_s + lag_s, time_s, virtual[name]), measured)

    # One lag a trial for all methods, chosen with the baseline: no method gains by it.
    lags_s = np.arange(-_UTD_LARGEST_LAG_S, _UTD_LARGEST_LAG_S + 1e-9, 0.01)
    lag_s = max(lags_s, key=lambda each: agreement("savitzky_golay_9_3", each))
    return {name: agreement(name, lag_s) for name in virtual}
