"""Continue a motion beyond its ends, so that a stretch can be taken for one period of a longer one.

A Fourier method takes its input for periodic. Mirroring the ends keeps value and slope, but forces the acceleration there to
zero. Linear prediction goes on as the motion went: an exercise repeats itself.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft, sparse

from fimad.simulate.smoothing.resample import weights
from fimad.simulate.types import Floats

# How much is added at each end, and how far back the prediction looks: a good part of a repetition.
_EXTENT_S = 1.0
_MEMORY_S = 0.7
# Prediction runs on a coarser clock: what it can foresee of a motion lies below a few Hz.
_RATE_HZ = 15.0
# Over this time the coarse prediction takes over from the last sample's own value.
_JOIN_S = 0.1


def close_loop(values: Floats, rate_hz: float) -> Floats:
    """Append to (k, n) samples the samples that lead from their end back to their beginning.

    Both ends are predicted by an autoregressive model (Burg 1967, "Maximum entropy spectral analysis") and cross-faded.
    The total length is one for which Fourier transforms are quick.
    """
    channels, count = values.shape
    length = fft.next_fast_len(count + round(2 * _EXTENT_S * rate_hz), real=True)
    stride = max(1, round(rate_hz / _RATE_HZ))
    ahead, before = _continued(values, stride, length - count, rate_hz)
    looped = np.empty((channels, length))
    looped[:, :count] = values
    before = before[::-1]
    ahead -= before
    ahead *= _fade(length - count)
    np.add(before, ahead, out=looped[:, count:].T)
    return looped


@lru_cache(maxsize=32)
def _fade(count: int) -> Floats:
    """(count, 1) weights that fall from 1 to 0 along a cosine, the ends left out."""
    result: Floats = 0.5 * (1 + np.cos(np.pi * np.arange(1, count + 1) / (count + 1)))
    return result[:, None]


def _continued(values: Floats, stride: int, count: int, rate_hz: float) -> tuple[Floats, Floats]:
    """(count, k) samples that follow (k, n), and as many that come before, the nearest first."""
    means = _means(values, stride)
    order = min(len(means) // 3, max(4, round(_MEMORY_S * rate_hz / stride)))
    middle = means.mean(0)
    means -= middle
    # Forwards and backwards a stationary process has the same coefficients.
    coefficients = np.concatenate([_burg(means, order)] * 2, axis=1)
    begin = _means(values[:, order * stride - 1 :: -1], stride)
    begin -= middle
    ends = np.concatenate([means[-order:], begin], axis=1)
    if stride == 1:
        both = _predict(ends, coefficients, count)
    else:
        steps = -(-count // stride) + 1
        after = np.arange(count + 1.0)
        curve = _between(order, steps, stride, count) @ np.concatenate([ends, _predict(ends, coefficients, steps)])
        # The samples' own end and the coarse curve differ by a little: no step where they meet.
        last = np.concatenate([values[:, -1] - middle, values[:, 0] - middle])
        curve += (last - curve[0]) * np.exp(-after / (_JOIN_S * rate_hz))[:, None]
        both = curve[1:]
    ahead, before = both[:, : len(middle)], both[:, len(middle) :]
    ahead += middle
    before += middle
    return ahead, before


@lru_cache(maxsize=16)
def _between(before: int, after: int, stride: int, count: int) -> sparse.csr_array:
    """Matrix that makes samples 0 to `count` of means over `stride`: `before` of them up to sample 0, `after` from there."""
    # A mean stands for the middle of its samples.
    knots: Floats = np.arange(-before, after, dtype=float) * stride + (stride + 1) / 2
    return weights(knots, np.arange(count + 1.0), points=4)


def _means(values: Floats, stride: int) -> Floats:
    """(n // stride, k) means over so many of (k, n) samples, counted from the end."""
    first = values.shape[1] % stride
    means = np.array(values[:, first::stride].T, order="C")
    for other in range(first + 1, first + stride):
        means += values[:, other::stride].T
    means /= stride
    return means


def _burg(values: Floats, order: int) -> Floats:
    """(order, k) coefficients of x[t] = Σ a[j]·x[t−1−j], by Burg's recursion: always stable."""
    single = values.astype(np.float32)  # enough for a guess
    forward, backward = single[1:], single[:-1]
    coefficients = np.zeros((order, values.shape[1]))
    for at in range(order):
        power = np.einsum("ij,ij->j", forward, forward)
        power += np.einsum("ij,ij->j", backward, backward)
        reflection = 2 * np.einsum("ij,ij->j", forward, backward)
        reflection /= np.maximum(power, np.float32(1e-20), out=power)
        coefficients[:at] -= reflection * coefficients[:at][::-1]
        coefficients[at] = reflection
        ahead, behind = reflection * backward[1:], reflection * forward[:-1]
        forward, backward = (
            np.subtract(forward[1:], ahead, out=ahead),
            np.subtract(backward[:-1], behind, out=behind),
        )
    return coefficients


def _predict(values: Floats, coefficients: Floats, count: int) -> Floats:
    """(count, k) samples that the model gives after (n, k)."""
    order = len(coefficients)
    result = np.empty((order + count, values.shape[1]))
    result[:order] = values[len(values) - order :]
    backwards = np.ascontiguousarray(coefficients[::-1])
    for at in range(count):
        np.einsum("ij,ij->j", backwards, result[at : at + order], out=result[order + at])
    return result[order:]
