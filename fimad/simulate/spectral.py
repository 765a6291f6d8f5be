"""The default smoother: an empirical Wiener filter that adapts to each channel of each stretch from the data alone.

No single cut-off fits: a slow lift is limited by noise (best about 1 Hz), a fast jump by bias (about 4 Hz), and pose noise is
correlated in time, so that rules for white noise under-smooth. Exercise is nearly periodic: its power stands in a few
narrow peaks. So each channel's power spectrum P(f) is held against its noise floor N(f), and a frequency is kept as far as
it stands out:

    G(f) = max(β, exp(−c·N(f) / P(f))),        a(t) = F⁻¹[ −(2πf)² · G(f) · F[x](f) ]

which is spectral subtraction (Wiener 1949; Boll 1979, doi:10.1109/TASSP.1979.1163209) with over-subtraction factor c and
spectral floor β (Berouti et al. 1979, doi:10.1109/ICASSP.1979.1170788): 1 − c·N/P for strong signals, but without an edge at
P = c·N, where a little more or less noise, such as a dropped frame brings, would switch a harmonic on or off. The floor is
N(f) = A·f^−s, with A the interquartile mean of log P(f)·f^s in a band where people have little power left, and s fixed: a slope
fitted on a few seconds is noisier than what it describes, and A itself varies by a fifth, so that channels of one kind (all
joints along one axis) lend each other a third of theirs. Above that band nothing is kept. c is large because a bin of a periodogram is
noise times an exponential deviate, because a second derivative makes every wrongly kept bin count with f⁴, and, for poses
from video, because their errors move with the body: motion capture needs a smaller one.

The constants were chosen on rendered people with exact truth and on paired motion capture and sensors, and checked on others
(`benchmarks/fidelity.py`); the result is flat in all of them within a factor of 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from fimad.simulate.extend import close_loop
from fimad.simulate.types import Floats, Ints

# s of the module's formula.
FLOOR_SLOPE = 0.7
_FLOOR_FROM_HZ = 0.3
# How much of its kind's floor a channel takes, in logarithms.
_SHARED = 1 / 3
# β below this frequency: what is held back is not silenced, so that a weak motion keeps its shape.
_LEAST_GAIN = 0.01
_LEAST_BELOW_HZ = 5.0
# Bandwidth over which the periodogram is averaged: narrower than a repetition's harmonics are apart.
_BANDWIDTH_HZ = 0.5
# Held back this far above the floor, it was signal; below, noise as likely. On rendered people the stated uncertainty is
# then near the error on the median (`benchmarks/fidelity.py`).
_TOLD = 30.0
# A parabola that explains so much of a channel's variance is taken for its trend.
_TREND = 0.9
# Predicted beyond the ends, the motion is less sure there: measured on rendered people.
_END_S = 0.15
_END_EXCESS = 0.5
# Long stretches are cut into overlapping blocks, since the exercise changes; so many are worked on at once.
_BLOCK_S = 10.0
_HOP = 0.75
_AT_ONCE = 16
_NOTHING = 1e-30


@dataclass(frozen=True)
class Noise:
    """What is known of k channels' noise beforehand.

    Parameters
    ----------
    over_subtraction : c of the module's formula, one for all or (k,).
    kinds : (k,) channels with the same number have noise of one kind; without it, every channel is on its own.
    bias : the floor that is found is so many times the true one (`irregular.floor_bias`).
    """

    over_subtraction: Floats | float
    kinds: Ints | None = None
    bias: float = 1.0


@dataclass(frozen=True)
class Smoothed:
    """Smoothed channels and their second derivative at (n,) times.

    Parameters
    ----------
    time_s : (n,) the times, s.
    position, acceleration : (n, k) in the input's unit, and per s².
    sigma : (n, k) standard uncertainty of the acceleration: the noise that passed and the signal that was held back.
    share : (k,) share of the power outside rest that stood out from the floor: 0 all noise, 1 all signal.
    """

    time_s: Floats
    position: Floats
    acceleration: Floats
    sigma: Floats
    share: Floats


def wiener(time_s: Floats, values: Floats, rate_hz: float, noise: Noise) -> Smoothed:
    """Smooth and differentiate uniformly sampled channels.

    Parameters
    ----------
    time_s : (n,) uniform, s.
    values : (n, k), n >= 4, finite.
    rate_hz : sampling rate.
    noise : what is known of it.
    """
    count = len(values)
    size = round(_BLOCK_S * rate_hz)
    if count <= 1.5 * size:
        position, acceleration, sigma, share = _blocks(values[None], rate_hz, noise)
        return Smoothed(time_s, position[0], acceleration[0], sigma[0] * _less_sure(time_s), share[0])
    starts = np.unique(np.linspace(0, count - size, int(np.ceil((count - size) / (size * _HOP))) + 1).round())
    # Cross-fade; a little weight at the very ends, where only one block lies.
    fade = np.hanning(size + 2)[1:-1, None] + 1e-6
    total = np.zeros((count, 1))
    sums = [np.zeros(values.shape) for _ in range(3)]
    shares = []
    for group in np.split(starts.astype(int), range(_AT_ONCE, len(starts), _AT_ONCE)):
        parts = _blocks(np.stack([values[start : start + size] for start in group]), rate_hz, noise)
        for at, start in enumerate(group):
            here = slice(start, start + size)
            total[here] += fade
            for whole, part in zip(sums, parts, strict=False):
                whole[here] += fade * part[at]
        shares.append(parts[3])
    position, acceleration, sigma = (whole / total for whole in sums)
    return Smoothed(time_s, position, acceleration, sigma * _less_sure(time_s), np.concatenate(shares).mean(0))


def _less_sure(time_s: Floats) -> Floats:
    """(n, 1) factors on the uncertainty."""
    from_end = np.minimum(time_s - time_s[0], time_s[-1] - time_s)[:, None]
    factors: Floats = 1 + _END_EXCESS * np.clip(1 - from_end / _END_S, 0, 1)
    return factors


def _blocks(values: Floats, rate_hz: float, noise: Noise) -> tuple[Floats, Floats, Floats, Floats]:
    """Position and acceleration (b, n, k), sigma (b, 1, k) and share (b, k) of b blocks of (b, n, k) samples."""
    blocks, count, channels = values.shape
    columns = np.ascontiguousarray(np.moveaxis(values, 0, 1)).reshape(count, -1)
    factor = np.tile(np.broadcast_to(noise.over_subtraction, channels), blocks)
    kinds = np.arange(channels) if noise.kinds is None else noise.kinds
    kinds = (kinds + (kinds.max() + 1) * np.arange(blocks)[:, None]).ravel()
    trend, bend = _trend(columns, rate_hz)
    whole = close_loop(columns - trend, rate_hz)
    length = len(whole)
    spectrum = fft.rfft(whole, axis=0)
    frequency_hz = fft.rfftfreq(length, 1 / rate_hz)
    low, high = floor_band(rate_hz)
    # Nothing is kept above the band: there is no need to look.
    kept_bins = max(2, int(np.searchsorted(frequency_hz, high, side="right")))
    power = np.abs(spectrum[:kept_bins]) ** 2 / length
    frequency_hz = frequency_hz[:kept_bins]
    window = np.hanning(max(3, 2 * round(_BANDWIDTH_HZ * length / rate_hz) + 1) + 2)[1:-1]
    averaged = ndimage.convolve1d(power, window / window.sum(), axis=0, mode="reflect")
    floor = noise_floor(averaged, frequency_hz, (low, high), kinds) / noise.bias
    least = np.where(frequency_hz < _LEAST_BELOW_HZ, _LEAST_GAIN, 0.0)[:, None]
    gain = np.maximum(least, np.exp(-factor * floor / np.maximum(averaged, _NOTHING)))
    omega2 = (2 * np.pi * frequency_hz[:, None]) ** 2
    kept = np.zeros_like(spectrum)
    kept[:kept_bins] = gain * spectrum[:kept_bins]
    position = fft.irfft(kept, length, axis=0)[:count] + trend
    kept[:kept_bins] *= -omega2
    acceleration = fft.irfft(kept, length, axis=0)[:count] + bend
    # What was held back counts as lost signal only where it is told from noise, and where people have power.
    signal = np.maximum(averaged - floor, 0)
    told = (averaged > _TOLD * floor) & (frequency_hz < low)[:, None]
    lost = np.where(told, (1 - gain) ** 2 * signal, 0.0)
    sigma = np.sqrt(2 / length * (omega2**2 * (gain**2 * floor + lost)).sum(0))
    moving = frequency_hz > _FLOOR_FROM_HZ
    share = (gain * signal)[moving].sum(0) / np.maximum(averaged[moving].sum(0), _NOTHING)
    position, acceleration = (
        np.moveaxis(part.reshape(count, blocks, channels), 1, 0) for part in (position, acceleration)
    )
    return position, acceleration, sigma.reshape(blocks, 1, channels), share.reshape(blocks, channels)


def _trend(columns: Floats, rate_hz: float) -> tuple[Floats, Floats]:
    """(n, k) curves that are taken off first, and their (k,) second derivatives: parabolas, or constants.

    What flies, falls or drifts does not repeat itself; a parabola describes it exactly. Where it does not, it would
    only be in the way of what repeats.
    """
    time_s = (np.arange(len(columns)) - (len(columns) - 1) / 2) / rate_hz
    curve = time_s**2 - (time_s**2).mean()
    middle = columns.mean(0)
    centred = columns - middle
    slope, bend = (part @ centred / (part @ part) for part in (time_s, curve))
    explained = slope**2 * (time_s @ time_s) + bend**2 * (curve @ curve)
    bent = explained > _TREND * np.einsum("ij,ij->j", centred, centred)
    trend = np.broadcast_to(middle, columns.shape)
    if bent.any():
        slope, bend = np.where(bent, slope, 0.0), np.where(bent, bend, 0.0)
        trend = middle + np.outer(time_s, slope) + np.outer(curve, bend)
    return trend, np.where(bent, 2 * bend, 0.0)


def floor_band(rate_hz: float) -> tuple[float, float]:
    """Where the noise floor is looked for, Hz.

    5 to 12 Hz at the rates of video; motion capture resolves more, and a hand with a marker moves up to 15 Hz.
    """
    nyquist_hz = rate_hz / 2
    high = min(max(0.42 * nyquist_hz, 12.0), 60.0, 0.95 * nyquist_hz)
    return min(max(0.2 * nyquist_hz, 5.0), 30.0, 0.5 * high), high


def noise_floor(power: Floats, frequency_hz: Floats, band_hz: tuple[float, float], kinds: Ints) -> Floats:
    """Noise power at each frequency (the module's N(f)); power (m, k) at frequency_hz (m,), kinds (k,)."""
    band = (frequency_hz > band_hz[0]) & (frequency_hz < band_hz[1])
    if not band.any():
        band = frequency_hz >= 0.5 * frequency_hz[-1]
    colour = np.maximum(frequency_hz, _FLOOR_FROM_HZ)[:, None] ** -FLOOR_SLOPE
    whitened = np.sort(power[band] / colour[band], axis=0)
    quarter = len(whitened) // 4
    level = np.log(np.maximum(whitened[quarter : len(whitened) - quarter], _NOTHING)).mean(axis=0)
    found, members = np.unique(kinds, return_counts=True)
    for kind in found[members > 1]:
        alike = kinds == kind
        level[alike] += _SHARED * (np.median(level[alike]) - level[alike])
    result: Floats = np.exp(level) * colour
    return result
