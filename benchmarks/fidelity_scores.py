"""How a virtual acceleration is scored against the true one, with no tool's own code involved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

JOINTS = tuple(
    f"{side}_{part}" for part in ("wrist", "elbow", "shoulder", "hip", "knee", "ankle") for side in ("left", "right")
)
NUMBERS = ("r", "e_plane", "e_3d", "false_motion")
_TRIM_S = 0.3
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


def medians(rows: Iterable[Mapping[str, Any]], numbers: Iterable[str] = NUMBERS) -> dict[str, float | None]:
    """Median of each number over the rows that have it; None where none has."""
    rows = list(rows)
    result: dict[str, float | None] = {}
    for number in numbers:
        values = [row[number] for row in rows if row.get(number) is not None]
        result[number] = float(np.median(values)) if values else None
    return result
