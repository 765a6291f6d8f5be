"""The default smoother: an empirical Wiener filter that adapts to each channel of each stretch from the data alone.

No single cut-off fits: a slow lift is limited by noise (best about 1 Hz), a fast jump by bias (about 4 Hz), and pose noise is
correlated in time, so that rules for white noise under-smooth. Exercise is nearly periodic: its power stands in a few
narrow peaks. So each channel's power spectrum P(f) is held against its noise floor N(f), and a frequency is kept as far as
it stands out:

    G(f) = max(β, 1 − c·N(f) / P(f)),        a(t) = F⁻¹[ −(2πf)² · G(f) · F[x](f) ]

which is spectral subtraction with over-subtraction factor c and spectral floor β (Wiener 1949; Boll 1979,
doi:10.1109/TASSP.1979.1163209; Berouti et al. 1979, doi:10.1109/ICASSP.1979.1170788). The floor is N(f) = A·f^−s, with A the median of P(f)·f^s between 5 and 12 Hz, where people have little power
left, and s fixed: a slope fitted on a few seconds is noisier than what it describes. c is large because a bin of a periodogram
is noise times an exponential deviate, and because a second derivative makes every wrongly kept bin count with f⁴.

The constants were chosen on rendered people with exact truth and checked on others (`benchmarks/fidelity.py`); the result is
flat in all of them within a factor of 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from fimad.simulate.types import Floats

_FLOOR_BAND_HZ = (5.0, 12.0)
_FLOOR_SLOPE = 0.7
_FLOOR_FROM_HZ = 0.3
# β below the floor's band: what is held back is not silenced, so that a weak motion keeps its shape.
_LEAST_GAIN = 0.01
# Bandwidth over which the periodogram is averaged: narrower than a repetition's harmonics are apart.
_BANDWIDTH_HZ = 0.35
# Held back this far above the floor, it was signal; below, noise as likely. On rendered people the stated uncertainty is
# then 1.4 times the error on the median (quarter points 0.7 and 2.6).
_TOLD = 30.0
# How far the ends are mirrored, so that the stretch can be taken for periodic.
_MIRROR_S = 1.0
# Long stretches are cut into overlapping blocks, since the exercise changes.
_BLOCK_S = 10.0
_HOP = 0.5


@dataclass(frozen=True)
class Smoothed:
    """Smoothed channels and their derivatives, on the input's clock.

    Parameters
    ----------
    position, velocity, acceleration : (n, k) in the input's unit, per s, per s².
    sigma : (n, k) standard uncertainty of the acceleration: the noise that passed and the signal that was held back.
    share : (k,) share of the power outside rest that stood out from the floor: 0 all noise, 1 all signal.
    """

    position: Floats
    velocity: Floats
    acceleration: Floats
    sigma: Floats
    share: Floats


def wiener(values: Floats, rate_hz: float, over_subtraction: Floats | float) -> Smoothed:
    """Smooth and differentiate uniformly sampled channels.

    Parameters
    ----------
    values : (n, k), n >= 4, finite.
    rate_hz : sampling rate.
    over_subtraction : c of the module's formula, one for all or (k,).
    """
    count = len(values)
    block = round(_BLOCK_S * rate_hz)
    factor = np.broadcast_to(np.asarray(over_subtraction, float), values.shape[1:])
    if count <= 1.5 * block:
        return _block(values, rate_hz, factor)
    starts = np.unique(
        np.linspace(0, count - block, int(np.ceil((count - block) / (block * _HOP))) + 1).round()
    ).astype(int)
    # Cross-fade; a little weight at the very ends, where only one block lies.
    fade = np.hanning(block + 2)[1:-1, None] + 1e-6
    total = np.zeros((count, 1))
    sums = [np.zeros(values.shape) for _ in range(4)]
    shares = []
    for start in starts:
        part = _block(values[start : start + block], rate_hz, factor)
        here = slice(start, start + block)
        total[here] += fade
        for whole, piece in zip(sums, (part.position, part.velocity, part.acceleration, part.sigma), strict=True):
            whole[here] += fade * piece
        shares.append(part.share)
    position, velocity, acceleration, sigma = (whole / total for whole in sums)
    return Smoothed(position, velocity, acceleration, sigma, np.mean(shares, axis=0))


def _block(values: Floats, rate_hz: float, factor: Floats) -> Smoothed:
    count = len(values)
    mirror = min(count - 1, round(_MIRROR_S * rate_hz))
    # Point reflection keeps value and slope continuous at the ends; the line between the ends makes it periodic.
    whole = np.concatenate(
        [2 * values[:1] - values[mirror:0:-1], values, 2 * values[-1:] - values[-2 : -mirror - 2 : -1]]
    )
    length = len(whole)
    line = (whole[-1] - whole[0]) / (length - 1)
    ramp = whole[0] + np.arange(length)[:, None] * line
    spectrum = fft.rfft(whole - ramp, axis=0)
    frequency_hz = fft.rfftfreq(length, 1 / rate_hz)
    power = np.abs(spectrum) ** 2 / length
    width = max(3, 2 * round(_BANDWIDTH_HZ * length / rate_hz) + 1)
    window = np.hanning(width + 2)[1:-1]
    averaged = ndimage.convolve1d(power, window / window.sum(), axis=0, mode="reflect")
    floor = noise_floor(averaged, frequency_hz, rate_hz)
    least = np.where(frequency_hz < _FLOOR_BAND_HZ[0], _LEAST_GAIN, 0.0)[:, None]
    gain = np.clip(1 - factor * floor / np.maximum(averaged, 1e-30), least, 1)
    omega = 2 * np.pi * frequency_hz[:, None]
    kept = gain * spectrum
    here = slice(mirror, mirror + count)
    position = fft.irfft(kept, length, axis=0)[here] + ramp[here]
    velocity = fft.irfft(1j * omega * kept, length, axis=0)[here] + line * rate_hz
    acceleration = fft.irfft(-(omega**2) * kept, length, axis=0)[here]
    # What was held back counts as lost signal only where it is told from noise, and where people have power.
    signal = np.maximum(averaged - floor, 0)
    told = (averaged > _TOLD * floor) & (frequency_hz < _FLOOR_BAND_HZ[0])[:, None]
    lost = np.where(told, (1 - gain) ** 2 * signal, 0.0)
    variance = 2 / length * (omega**4 * (gain**2 * floor + lost)).sum(0)
    moving = frequency_hz > _FLOOR_FROM_HZ
    share = (gain * signal)[moving].sum(0) / np.maximum(averaged[moving].sum(0), 1e-30)
    sigma = np.broadcast_to(np.sqrt(variance), values.shape)
    return Smoothed(position, velocity, acceleration, sigma, share)


def noise_floor(power: Floats, frequency_hz: Floats, rate_hz: float) -> Floats:
    """Noise power at each frequency (the module's N(f)); power (m, k) at frequency_hz (m,)."""
    low, high = _FLOOR_BAND_HZ
    high = min(high, 0.475 * rate_hz)
    low = min(low, 0.5 * high)
    band = (frequency_hz > low) & (frequency_hz < high)
    if not band.any():
        band = frequency_hz >= 0.5 * frequency_hz[-1]
    colour = np.maximum(frequency_hz, _FLOOR_FROM_HZ)[:, None] ** -_FLOOR_SLOPE
    level = np.median(power[band] / colour[band], axis=0)
    result: Floats = level * colour
    return result
