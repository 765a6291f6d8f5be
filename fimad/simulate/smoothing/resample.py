"""Values at other times, by local polynomials: cheap for many channels at once."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, sparse

from fimad.simulate.types import Floats

# Smoothed motion lies far below half the frame rate: with eight points the error is below 1 % up to a third of it.
_POINTS = 8
# Edges of `band_limited`, over the new rate, and what it leaves beyond.
PASS, _STOP, _STOP_DB = 0.4, 0.5, 55.0


def resample(time_s: Floats, values: Floats, at_s: Floats, *, points: int = _POINTS) -> Floats:
    """(m, k) values at (m,) times, from (n, k) values at (n,) strictly rising times.

    Lagrange's polynomial through the nearest `points` samples (fewer if there are fewer); two are a straight line, which ends at the first and last value.
    """
    if points == 2:
        return _straight(time_s, values, at_s)
    result: Floats = weights(time_s, at_s, points=points) @ values
    return result


def _straight(time_s: Floats, values: Floats, at_s: Floats) -> Floats:
    """Straight lines, several times faster than their matrix."""
    if len(time_s) < 2:
        return np.repeat(values, len(at_s), axis=0)
    at_s = np.minimum(np.maximum(at_s, time_s[0]), time_s[-1])
    first = np.searchsorted(time_s[1:-1], at_s)
    along = ((at_s - time_s[first]) / (time_s[first + 1] - time_s[first]))[:, None]
    result: Floats = (values[1:] - values[:-1]).take(first, axis=0)
    result *= along
    result += values.take(first, axis=0)
    return result


def band_limited(values: Floats, rate_hz: float, to_hz: float) -> Floats:
    """(n, k) values at uniform times, without what can't be told from lower frequencies at the lower rate `to_hz`.

    A Kaiser-windowed sinc (Oppenheim & Schafer, Discrete-Time Signal Processing, 7.5.3): up to 0.4·to_hz nothing is lost, from
    0.5·to_hz on everything is at least 50 dB down. Ends are continued by their reflection in the last sample.
    """
    if to_hz >= rate_hz or len(values) < 2:
        return values
    half = reach_of(rate_hz, to_hz)
    cut = (_STOP + PASS) * to_hz / rate_hz  # over half the rate
    beta = 0.1102 * (_STOP_DB - 8.7)
    taps = cut * np.sinc(cut * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, beta)
    further = np.pad(values, ((half, half), (0, 0)), mode="reflect", reflect_type="odd")
    result: Floats = ndimage.convolve1d(further, taps / taps.sum(), axis=0)[half : half + len(values)]
    return result


def reach_of(rate_hz: float, to_hz: float) -> int:
    """How many samples on each side `band_limited` makes one of."""
    width = 2 * np.pi * (_STOP - PASS) * to_hz / rate_hz
    return int(np.ceil((_STOP_DB - 7.95) / (2.285 * width) / 2))


def middle_of(values: Floats) -> Floats:
    """(k,) the upper median of (n, k) values, n >= 1: several times quicker than `np.median` over so few."""
    half = len(values) // 2
    result: Floats = np.partition(np.ascontiguousarray(values.T), half, axis=-1)[..., half]
    return result


def median_of(values: Floats) -> float:
    """The median of (n,) values, n >= 1, none of them NaN: as `np.median`, several times quicker."""
    half = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, half)[half])
    ordered = np.partition(values, (half - 1, half))
    return float((ordered[half - 1] + ordered[half]) / 2)


def step_of(time_s: Floats) -> float:
    """The usual step between (n,) times, s; 1 if there is none."""
    return float(middle_of(time_s[1:] - time_s[:-1])) if len(time_s) > 1 else 1.0


def weights(time_s: Floats, at_s: Floats, *, points: int) -> sparse.csr_array:
    """(m, n) matrix of `resample`."""
    count = min(points, len(time_s))
    # Half of them before each time, if there are so many. In 32 bits, as the matrix would store them anyway.
    first = np.searchsorted(time_s[count // 2 :][: len(time_s) - count], at_s).astype(np.int32)
    nodes = first[:, None] + np.arange(count, dtype=np.int32)
    rows = np.arange(len(at_s) + 1, dtype=np.int32) * count
    shape = len(at_s), len(time_s)
    return sparse.csr_array((_lagrange(time_s[nodes], at_s).ravel(), nodes.ravel(), rows), shape=shape)


def _lagrange(nodes_s: Floats, at_s: Floats) -> Floats:
    """(m, p) weights of the values at (m, p) times for (m,) times."""
    # Nodes first: sums and products then run along contiguous memory.
    nodes = np.ascontiguousarray(nodes_s.T)
    away, factors = at_s - nodes, np.ones(nodes.shape)
    for other in range(len(nodes)):
        ratio = nodes - nodes[other]
        ratio[other] = 1.0
        np.divide(away[other], ratio, out=ratio)
        ratio[other] = 1.0
        factors *= ratio
    return factors.T
