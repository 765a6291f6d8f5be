"""The noise floor of a spectrum: what the default smoother holds motion against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

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


@dataclass(frozen=True)
class Bins:
    """Frequencies of a Fourier transform, up to the highest at which anything is kept, and what depends on them alone.

    Parameters
    ----------
    length, rate_hz : of the samples.
    frequency_hz : (m,), two at least.
    band_hz : where the noise floor is looked for.
    band : the bins there.
    colour : (m,) f^−s, the floor's shape.
    averaging : (m, m) averages a periodogram over a bandwidth: for so few frequencies quicker than to convolve.
    squares : (m, 3) what a squared coefficient of a place is multiplied by for that of a place, a velocity and an acceleration.
    """

    length: int
    rate_hz: float
    frequency_hz: Floats
    band_hz: tuple[float, float]
    band: slice
    colour: Floats
    averaging: Floats
    squares: Floats

    def after(self, frequency_hz: float) -> slice:
        """The bins above a frequency."""
        return slice(int(self.frequency_hz.searchsorted(frequency_hz, side="right")), None)

    def before(self, frequency_hz: float) -> slice:
        """The bins below a frequency."""
        return slice(int(self.frequency_hz.searchsorted(frequency_hz)))


@lru_cache(maxsize=32)
def bins_of(length: int, rate_hz: float) -> Bins:
    """`Bins` of so many samples, made once for all stretches."""
    band_hz = floor_band(rate_hz)
    frequency_hz = fft.rfftfreq(length, 1 / rate_hz)
    # Nothing is kept above the band: there is no need to look.
    frequency_hz = frequency_hz[: max(2, int(np.searchsorted(frequency_hz, band_hz[1], side="right")))]
    inside = (frequency_hz > band_hz[0]) & (frequency_hz < band_hz[1])
    if not inside.any():
        inside = frequency_hz >= 0.5 * frequency_hz[-1]
    first, last = np.flatnonzero(inside)[[0, -1]].tolist()
    colour = np.maximum(frequency_hz, _FLOOR_FROM_HZ) ** -FLOOR_SLOPE
    window = np.hanning(max(3, 2 * round(_BANDWIDTH_HZ * length / rate_hz) + 1) + 2)[1:-1]
    window /= window.sum() * length
    averaging = ndimage.convolve1d(np.eye(len(frequency_hz)), window, axis=0, mode="reflect")
    square = (2 * np.pi * frequency_hz) ** 2
    squares = np.stack([np.ones_like(square), square, square * square], 1)
    return Bins(
        length,
        rate_hz,
        frequency_hz,
        band_hz,
        slice(first, last + 1),
        colour,
        np.ascontiguousarray(averaging.T),
        squares,
    )


def averaged_power(squared: Floats, bins: Bins) -> Floats:
    """Periodogram of (..., m) squared Fourier coefficients, averaged over a bandwidth."""
    result: Floats = squared @ bins.averaging
    return result


def noise_floor(power: Floats, bins: Bins) -> Floats:
    """Noise power N(f) = A·f^−s, of (..., m) averaged power.

    A is the interquartile mean, in logarithms, of P(f)·f^s in a band where people have little power left.
    """
    whitened = power[..., bins.band] / bins.colour[bins.band]
    quarter = whitened.shape[-1] // 4
    whitened.sort(axis=-1)
    middle = whitened[..., quarter : whitened.shape[-1] - quarter]
    level = np.log(np.maximum(middle, NOTHING)).mean(axis=-1, keepdims=True)
    result: Floats = np.exp(level) * bins.colour
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
