"""Repetitions counted from motion: the strongest period of a clip's main movement, by autocorrelation.

The joints' paths in the picture are centred, scaled to the body and reduced to their main direction; a repetition is the lag
at which that curve repeats itself best. The autocorrelation there is the confidence: 1 for a machine, below 0.3 for a walk
through a room (after Ferreira et al. and RecoFit: Morris et al., CHI 2014, section 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RATE_HZ = 25.0
_SHORTEST_S, _LONGEST_S = 0.35, 8.0
# Shoulders, elbows, wrists, hips, knees, ankles of BlazePose.
_JOINTS = (11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)


@dataclass(frozen=True)
class Motion:
    """What a clip's motion says.

    Parameters
    ----------
    repetitions : counted; None where nothing repeats.
    confidence : autocorrelation at the period, 0 to 1.
    period_s : of one repetition.
    extent : spread of the main movement, in body heights (shoulder to ankle).
    """

    repetitions: float | None
    confidence: float
    period_s: float | None
    extent: float


def motion_of(time_s: NDArray[np.float64], image: NDArray[np.float32], width_over_height: float) -> Motion | None:
    """The motion of one clip; None where the person is seen for less than two seconds.

    Parameters
    ----------
    time_s : (n,) times of the frames.
    image : (n, 33, 3) landmarks in fractions of the picture, NaN where nobody was found.
    """
    points = image[:, _JOINTS, :2].astype(np.float64) * np.array([width_over_height, 1.0])
    seen = np.isfinite(points).all(axis=(1, 2))
    if seen.sum() < 8 or time_s[seen][-1] - time_s[seen][0] < 2.0:
        return None
    time_s, points = time_s[seen], points[seen]
    height = float(np.median(np.ptp(points[:, :, 1], axis=1)))
    if height <= 1e-6:
        return None
    clock = np.arange(time_s[0], time_s[-1], 1 / _RATE_HZ)
    paths = points.reshape(len(points), -1)
    paths = np.stack([np.interp(clock, time_s, path) for path in paths.T], axis=1) / height
    paths -= paths.mean(axis=0)
    # A slow walk through the picture is no repetition.
    paths -= _smooth(paths, int(_LONGEST_S * _RATE_HZ))
    _, values, directions = np.linalg.svd(paths, full_matrices=False)
    curve = paths @ directions[0]
    extent = float(values[0] / np.sqrt(len(paths)))
    period, confidence = _period(curve)
    if period is None:
        return Motion(None, confidence, None, extent)
    return Motion(len(curve) / _RATE_HZ / period, confidence, period, extent)


def _smooth(paths: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    window = min(window, len(paths) // 2 * 2 - 1)
    if window < 3:
        return np.zeros_like(paths)
    kernel = np.ones(window) / window
    padded = np.pad(paths, ((window // 2, window // 2), (0, 0)), mode="edge")
    smoothed: NDArray[np.float64] = np.stack([np.convolve(path, kernel, mode="valid") for path in padded.T], axis=1)
    return smoothed[: len(paths)]


def _period(curve: NDArray[np.float64]) -> tuple[float | None, float]:
    """The lag of the best repetition, in s, and its normalised autocorrelation."""
    count = len(curve)
    power = np.fft.rfft(curve, 2 * count)
    raw = np.fft.irfft(np.abs(power) ** 2)[:count]
    if raw[0] <= 1e-12:
        return None, 0.0
    # Unbiased: fewer samples overlap at longer lags.
    correlation = raw / raw[0] * count / np.arange(count, 0, -1)
    low, high = int(_SHORTEST_S * _RATE_HZ), min(int(_LONGEST_S * _RATE_HZ), count // 2)
    if high <= low + 2:
        return None, 0.0
    part = correlation[low : high + 1]
    peaks = np.flatnonzero((part[1:-1] >= part[:-2]) & (part[1:-1] > part[2:])) + 1
    if not len(peaks):
        return None, 0.0
    best = float(part[peaks].max())
    if best <= 0:
        # It comes back to where it was nowhere: a share of that would be above it.
        return None, 0.0
    # The first peak that is nearly as high: multiples of the period repeat as well as it does.
    first = next(int(peak) for peak in peaks if part[peak] >= 0.85 * best)
    confidence = float(np.clip(part[first], 0.0, 1.0))
    return ((low + first) / _RATE_HZ, confidence) if confidence >= 0.3 else (None, confidence)
