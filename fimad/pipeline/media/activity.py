"""How motion changes over a video: where in the picture something moves, and where that changes or stops.

Small grey pictures five times a second; their differences by cells of a grid say where something moves. Two exercises move
different parts of the picture: where the mean of the seconds before differs from that of the seconds after, one may begin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from fimad.pipeline.media.frames import decode

_RATE_HZ = 5.0
_WIDTH, _HEIGHT, _CELL = 64, 48, 8
# Long enough for two repetitions, short enough for a rest.
_AROUND_S = 4.0
_LEAST_APART_S = 5.0
# Distance of two distributions of motion: 0 the same, 1 nothing in common.
_LEAST_CHANGE = 0.3


@dataclass(frozen=True)
class MotionChange:
    """Where motion changes: time in s, and how much, 0 (not) to 1 (other parts of the picture move, or none)."""

    time_s: float
    change: float


def motion_changes(path: Path) -> list[MotionChange]:
    """Times at which what moves in the picture changes, in order, at least 5 s apart."""
    times, cells = _moving_cells(path)
    return changes_of(times, cells)


def changes_of(times_s: NDArray[np.float64], cells: NDArray[np.float64]) -> list[MotionChange]:
    """The changes of a curve of motion.

    Parameters
    ----------
    times_s : (n,) in s, rising.
    cells : (n, m) motion by cell of the picture, 0 and more.
    """
    if len(times_s) < 4 or times_s[-1] - times_s[0] < 2 * _AROUND_S:
        return []
    clock = np.arange(times_s[0], times_s[-1], 1 / _RATE_HZ)
    # Square roots: a hand near the camera is not to outweigh all else.
    even = np.stack([np.interp(clock, times_s, np.sqrt(cell)) for cell in cells.T], axis=1)
    window = round(_AROUND_S * _RATE_HZ)
    total = np.concatenate([np.zeros((1, even.shape[1])), np.cumsum(even, axis=0)])
    at = np.arange(window, len(clock) - window)
    if not len(at):
        return []
    before = (total[at] - total[at - window]) / window
    after = (total[at + window] - total[at]) / window
    apart = np.abs(before - after).sum(axis=1)
    scale = before.sum(axis=1) + after.sum(axis=1)
    # What hardly moves at all has noise for a pattern.
    floor = 0.1 * float(np.median(scale)) + 1e-9
    change = apart / np.maximum(scale, floor)
    peaks, _ = find_peaks(
        np.concatenate([[0.0], change, [0.0]]), height=_LEAST_CHANGE, distance=round(_LEAST_APART_S * _RATE_HZ)
    )
    return [MotionChange(float(clock[at[peak - 1]]), float(min(1.0, change[peak - 1]))) for peak in peaks]


def _moving_cells(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    times: list[float] = []
    rows: list[NDArray[np.float64]] = []
    before: NDArray[np.int16] | None = None
    for picture in decode(path, 0.0, math.inf):
        if times and picture.time_s < times[-1] + 1 / _RATE_HZ - 1e-6:
            continue
        now = picture.frame.to_ndarray(format="gray", width=_WIDTH, height=_HEIGHT, interpolation="AREA").astype(
            np.int16
        )
        moved = np.zeros_like(now) if before is None else np.abs(now - before)
        blocks = moved.reshape(_HEIGHT // _CELL, _CELL, _WIDTH // _CELL, _CELL).mean(axis=(1, 3))
        # The last bits of compression.
        rows.append(np.maximum(0.0, blocks.reshape(-1) - 0.5))
        times.append(picture.time_s)
        before = now
    return np.array(times), np.array(rows) if rows else np.zeros((0, 1))
