"""The noise floor of a spectrum: what the default smoother holds motion against."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage

from fimad.simulate.types import Floats

# N(f) = A·f^−s below; a slope fitted on a few seconds is noisier than what it describes.
FLOOR_SLOPE = 0.7
_FLOOR_FROM_HZ = 0.3
# Bandwidth over which a periodogram is averaged: narrower than a repetition's harmonics are apart.
_BANDWIDTH_HZ = 0.7
NOTHING = 1e-30
# Sharing lowers no floor by more than this factor, in logarithms.
_LOWERED = np.log(3.0)


def floor_band(rate_hz: float) -> tuple[float, float]:
    """Where the noise floor is looked for, Hz.

    5 to 12 Hz at the rates of video; motion capture resolves more, and a hand with a marker moves up to 15 Hz.
    """
    nyquist_hz = rate_hz / 2
    high = min(max(0.42 * nyquist_hz, 12.0), 60.0, 0.95 * nyquist_hz)
    return min(max(0.2 * nyquist_hz, 5.0), 30.0, 0.5 * high), high


def averaged_power(squared: Floats, length: int, rate_hz: float) -> Floats:
    """Periodogram of (..., m) squared Fourier coefficients of `length` samples, averaged over a bandwidth."""
    result: Floats = squared @ _averaging(squared.shape[-1], length, rate_hz)
    return result


@lru_cache(maxsize=32)
def _averaging(bins: int, length: int, rate_hz: float) -> Floats:
    """(m, m) matrix that averages a periodogram over a bandwidth: for so few frequencies quicker than to convolve."""
    window = np.hanning(max(3, 2 * round(_BANDWIDTH_HZ * length / rate_hz) + 1) + 2)[1:-1]
    result: Floats = ndimage.convolve1d(np.eye(bins), window / (window.sum() * length), axis=0, mode="reflect")
    return np.ascontiguousarray(result.T)


def noise_floor(power: Floats, frequency_hz: Floats, band_hz: tuple[float, float]) -> Floats:
    """Noise power N(f) = A·f^−s at (m,) frequencies, of (..., m) averaged power.

    A is the interquartile mean, in logarithms, of P(f)·f^s in a band where people have little power left.
    """
    band = (frequency_hz > band_hz[0]) & (frequency_hz < band_hz[1])
    if not band.any():
        band = frequency_hz >= 0.5 * frequency_hz[-1]
    colour = np.maximum(frequency_hz, _FLOOR_FROM_HZ) ** -FLOOR_SLOPE
    first, last = np.flatnonzero(band)[[0, -1]]
    whitened = power[..., first : last + 1] / colour[first : last + 1]
    quarter = whitened.shape[-1] // 4
    whitened.sort(axis=-1)
    middle = whitened[..., quarter : whitened.shape[-1] - quarter]
    level = np.log(np.maximum(middle, NOTHING)).mean(axis=-1, keepdims=True)
    result: Floats = np.exp(level) * colour
    return result


def shared_floor(floor: Floats, share: Floats | float) -> Floats:
    """Floors (..., k, m) of k channels with noise of one kind, each moved towards their median by `share` (..., 1), in logarithms.

    A floor read off some seconds varies by a fifth from chance alone; channels that are alike know more of it together. None is
    lowered far: what stands so high above the others is a landmark that jumps about, not chance.
    """
    level = np.log(np.maximum(floor[..., -1], NOTHING))
    half = level.shape[-1] // 2
    middle = np.partition(level, half, axis=-1)[..., half : half + 1]
    result: Floats = floor * np.exp(np.maximum(share * (middle - level), -_LOWERED))[..., None]
    return result
