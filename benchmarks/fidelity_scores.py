"""How a virtual acceleration is scored against the true one, with no tool's own code involved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

JOINTS = tuple(
    f"{side}_{part}" for part in ("wrist", "elbow", "shoulder", "hip", "knee", "ankle") for side in ("left", "right")
)
NUMBERS = ("r", "e_plane", "e_3d", "false_motion")
#: Placements whose segment's rotation the truth may hold.
SEGMENTS = (
    *(
        f"{side}_{part}"
        for part in ("wrist", "upper_arm", "shoulder", "thigh", "hip", "ankle")
        for side in ("left", "right")
    ),
    "chest",
    "pelvis",
    "head",
)
TURNS = ("r", "e_sight", "e")
_TRIM_S = 0.3
_TURNING_RAD_S = 0.3
_MOVING_M_S2 = 0.5


def rms(values: np.ndarray) -> float:
    """Root of the mean squared length of (n, axes) vectors."""
    return float(np.sqrt((values**2).sum(-1).mean()))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation; 0 where either does not vary."""
    if a.std() < 1e-12 or b.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def score_clip(
    time_s: np.ndarray,
    predicted: Mapping[str, np.ndarray],
    truth: Mapping[str, np.ndarray],
    placements: Iterable[str] = JOINTS,
) -> dict[str, Any]:
    """Medians over placements of one clip, and every placement's numbers.

    Parameters
    ----------
    time_s, predicted : (m,) times and (m, 3) world accelerations, m/s²; NaN where nothing is reported.
    truth : `t` and `NAME_acc`. Samples that the tool left out are scored as no motion, so that masking can't win.
    placements : which are scored.
    """
    times = truth["t"]
    low, high = times[0] + _TRIM_S, times[-1] - _TRIM_S
    inside = (times >= low) & (times <= high)
    rows: dict[str, dict[str, float]] = {}
    for name in placements:
        true = truth[f"{name}_acc"][inside]
        found = np.nan_to_num(predicted[name])
        guess = np.stack([np.interp(times[inside], time_s, found[:, axis]) for axis in range(3)], 1)
        if rms(true) < _MOVING_M_S2:
            rows[name] = {"false_motion": rms(guess)}
            continue
        main = int(true.var(0).argmax())
        rows[name] = {
            "r": correlation(true[:, main], guess[:, main]),
            "e_plane": rms((guess - true)[:, [0, 2]]) / rms(true[:, [0, 2]]),
            "e_3d": rms(guess - true) / rms(true),
        }
    return {**medians(rows.values()), "placements": rows}


def score_turns(
    time_s: np.ndarray, predicted: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Every turning placement's numbers: r on the axis about which it turns most, `e` over all axes, `e_sight` about the
    line of sight alone (y), which a single camera sees.

    Parameters
    ----------
    time_s, predicted : (m,) times and (m, 3) angular rates in the world frame, rad/s, so that it does not matter how a sensor
        is mounted; NaN, scored as no motion, where nothing is reported.
    truth : `t` and `NAME_rot`, (n, 3, 3) to the world.
    """
    times = truth["t"]
    between = (times[1:] + times[:-1]) / 2
    inside = (between >= times[0] + _TRIM_S) & (between <= times[-1] - _TRIM_S)
    rows: dict[str, dict[str, float]] = {}
    for name, rates in predicted.items():
        turned = Rotation.from_matrix(truth[f"{name}_rot"])
        true = ((turned[1:] * turned[:-1].inv()).as_rotvec() / np.diff(times)[:, None])[inside]
        if rms(true) < _TURNING_RAD_S:
            continue
        found = np.nan_to_num(rates)
        guess = np.stack([np.interp(between[inside], time_s, found[:, axis]) for axis in range(3)], 1)
        main = int(true.var(0).argmax())
        rows[name] = {"r": correlation(true[:, main], guess[:, main]), "e": rms(guess - true) / rms(true)}
        if rms(true[:, [1]]) > _TURNING_RAD_S:
            rows[name]["e_sight"] = rms((guess - true)[:, [1]]) / rms(true[:, [1]])
    return rows


def uncertainty(
    time_s: np.ndarray,
    predicted: Mapping[str, np.ndarray],
    sigma: Mapping[str, np.ndarray],
    truth: Mapping[str, np.ndarray],
) -> list[tuple[float, float]]:
    """RMS of the stated uncertainty and of the error's length, m/s², for every placement, where there is a signal."""
    times = truth["t"]
    inside = times[(times >= times[0] + _TRIM_S) & (times <= times[-1] - _TRIM_S)]
    rows = []
    for name, found in predicted.items():
        seen = np.interp(inside, time_s, np.isfinite(found[:, 0]).astype(float)) == 1
        if not seen.any():
            continue
        at = inside[seen]
        guess = np.stack([np.interp(at, time_s, axis) for axis in np.nan_to_num(found).T], 1)
        true = np.stack([np.interp(at, times, axis) for axis in truth[f"{name}_acc"].T], 1)
        stated = np.interp(at, time_s, np.nan_to_num(sigma[name]))
        rows.append((rms(stated[:, None]), rms(guess - true)))
    return rows


def calibration(rows: Iterable[tuple[float, float]]) -> dict[str, float]:
    """Quartiles of stated over true, and the correlation of their logarithms, of what `uncertainty` gives."""
    logs = np.log(np.array(list(rows)))
    low, middle, high = np.exp(np.percentile(logs[:, 0] - logs[:, 1], [25, 50, 75]))
    return {"lower": float(low), "median": float(middle), "upper": float(high), "log_r": correlation(*logs.T)}


def medians(rows: Iterable[Mapping[str, Any]], numbers: Iterable[str] = NUMBERS) -> dict[str, float | None]:
    """Median of each number over the rows that have it; None where none has."""
    rows = list(rows)
    result: dict[str, float | None] = {}
    for number in numbers:
        values = [row[number] for row in rows if row.get(number) is not None]
        result[number] = float(np.median(values)) if values else None
    return result
