"""The default smoother: an empirical Wiener filter that adapts to each channel of each stretch from the data alone.

No single cut-off fits: a slow lift is limited by noise (best about 1 Hz), a fast jump by bias (about 4 Hz), and pose noise is
correlated in time, so that rules for white noise under-smooth. Exercise is nearly periodic: its power stands in a few
narrow peaks. So each channel's power spectrum P(f) is held against its noise floor N(f), and a frequency is kept as far as
it stands out:

    G(f) = max(β, exp(−c·N(f) / P(f))),        a(t) = F⁻¹[ −(2πf)² · G(f) · F[x](f) ]

which is spectral subtraction (Wiener 1949; Boll 1979, doi:10.1109/TASSP.1979.1163209) with over-subtraction factor c and
spectral floor β (Berouti et al. 1979, doi:10.1109/ICASSP.1979.1170788): 1 − c·N/P for strong signals, but without an edge at
P = c·N, where a little more or less noise, such as a dropped frame brings, would switch a harmonic on or off. `floor` finds
N(f); above the band where it is looked for nothing is kept. c is large because a bin of a periodogram is noise times an
exponential deviate, because a second derivative makes every wrongly kept bin count with f⁴, and, for poses from video,
because their errors move with the body: motion capture needs a smaller one. The joints of a pose are not gated one by one
but through what they have in common: see `components`.

The constants were chosen on rendered people with exact truth and on paired motion capture and sensors, and checked on others
(`benchmarks/fidelity.py`); the result is flat in all of them within a factor of 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from fimad.simulate.smoothing.broad import broad_gain
from fimad.simulate.smoothing.components import Gated, Kind, Spectrum, by_kind, gate, gate_components, squared
from fimad.simulate.smoothing.extend import close_loop
from fimad.simulate.smoothing.floor import NOTHING, Bins, averaged_power, bins_of, noise_floor, shared_floor
from fimad.simulate.types import Floats, Ints

# How much of their floors channels of a kind lend each other.
_SHARED = 0.2
_MOVING_FROM_HZ = 0.3
# β below this frequency: what is held back is not silenced, so that a weak motion keeps its shape.
_LEAST_GAIN = 0.01
_LEAST_BELOW_HZ = 5.0
# A line, or a parabola, that explains so much of a channel's variance is taken for its trend. A single squat, or somebody who
# walks through the picture, is nearly a parabola, but bends at its ends otherwise: those of flight and fall are exact.
_LINE = 0.9
_PARABOLA = 0.99
# Predicted beyond the ends, the motion is less sure there: measured on rendered people.
_END_S = 0.15
_END_EXCESS = 0.5
# Long stretches are cut into overlapping blocks, since the exercise changes; so many are worked on at once.
_BLOCK_S = 4.0
_HOP = 0.75
_AT_ONCE = 5


@dataclass(frozen=True)
class Noise:
    """What is known of k channels' noise beforehand.

    Parameters
    ----------
    over_subtraction : c of the module's formula, for channels on their own.
    kinds : channels that are smoothed together (`components`), divided evenly and in order. None: each on its own.
    bias : the floor that is found is so many times the true one (`irregular.floor_bias`).
    falling : whether channels on their own also keep what `broad` finds: errors that move with a body must not be in them.
    """

    over_subtraction: float
    kinds: tuple[Kind, ...] = ()
    bias: float = 1.0
    falling: bool = False


@dataclass(frozen=True)
class Doubt:
    """What the uncertainty of k channels rests on, in each of b blocks of time.

    Parameters
    ----------
    time_s : (b,) the blocks' middles.
    passed, held, kept : (3, b, k) mean squares of place, velocity and acceleration: of noise that passed, if it is as large as the
        floor; of what stood above the floor and was held back, where people have power; of what was kept.
    ends_s : where the stretch begins and ends: beyond, the motion is a prediction, and near, it is less sure.
    """

    time_s: Floats
    passed: Floats
    held: Floats
    kept: Floats
    ends_s: tuple[float, float]

    def near_ends(self, time_s: Floats) -> Floats:
        """(m,) factors on the uncertainty at (m,) times."""
        from_end = np.minimum(time_s - self.ends_s[0], self.ends_s[1] - time_s)
        factors: Floats = 1 + _END_EXCESS * np.minimum(np.maximum(1 - from_end / _END_S, 0), 1)
        return factors


@dataclass(frozen=True)
class Smoothed:
    """Smoothed channels and their second derivative at n times.

    Parameters
    ----------
    time_s : (n,) the times, s.
    position, acceleration : (n, k) in the input's unit, and per s².
    doubt : what the uncertainty rests on.
    share : (k,) share of the power outside rest that stood out from the floor: 0 all noise, 1 all signal.
    """

    time_s: Floats
    position: Floats
    acceleration: Floats
    doubt: Doubt
    share: Floats


def wiener(time_s: Floats, values: Floats, rate_hz: float, noise: Noise) -> Smoothed:
    """Smooth and differentiate uniformly sampled channels.

    Parameters
    ----------
    time_s : (n,) uniform, s.
    values : (n, k), n >= 4, finite.
    rate_hz : sampling rate.
    noise : what is known of it.

    Returns
    -------
    n + 2 samples, one beyond each end: a frame stands for the time until the next.
    """
    count = len(values)
    size = round(_BLOCK_S * rate_hz)
    channels = np.ascontiguousarray(values.T)
    if count <= 1.5 * size:
        smooth, doubt, share = _blocks(channels[None], rate_hz, noise)
        middle_s = np.array([(time_s[0] + time_s[-1]) / 2])
        passed, held, kept = doubt
        told = Doubt(middle_s, passed, held, kept, (time_s[0], time_s[-1]))
        return Smoothed(_further(time_s, rate_hz), smooth[0, 0].T, smooth[1, 0].T, told, share[0])
    starts, fade = _blocks_of(count, size)
    total = np.zeros(count + 2)
    sums = np.zeros((2, len(channels), count + 2))
    doubts, shares = [], []
    for group in (starts[at : at + _AT_ONCE] for at in range(0, len(starts), _AT_ONCE)):
        smooth, doubt, share = _blocks(np.stack([channels[:, start : start + size] for start in group]), rate_hz, noise)
        smooth *= fade
        for at, start in enumerate(group):
            total[start : start + size + 2] += fade
            sums[..., start : start + size + 2] += smooth[:, at]
        doubts.append(doubt)
        shares.append(share)
    sums /= total
    middles_s = time_s[starts] + (size - 1) / 2 / rate_hz
    passed, held, kept = np.concatenate(doubts, axis=2)
    told = Doubt(middles_s, passed, held, kept, (time_s[0], time_s[-1]))
    return Smoothed(_further(time_s, rate_hz), sums[0].T, sums[1].T, told, np.concatenate(shares).mean(0))


@lru_cache(maxsize=32)
def _blocks_of(count: int, size: int) -> tuple[Ints, Floats]:
    """Where the blocks of `size` of so many samples start, and (size + 2,) weights of each block's samples."""
    starts = np.unique(np.linspace(0, count - size, int(np.ceil((count - size) / (size * _HOP))) + 1).round())
    # Cross-fade; a little weight at the very ends, where only one block lies.
    fade: Floats = np.hanning(size + 4)[1:-1] + 1e-6
    return starts.astype(int), fade


def _further(time_s: Floats, rate_hz: float) -> Floats:
    """(n + 2,) times, one more before the first and one after the last."""
    return np.concatenate([[time_s[0] - 1 / rate_hz], time_s, [time_s[-1] + 1 / rate_hz]])


def _blocks(values: Floats, rate_hz: float, noise: Noise) -> tuple[Floats, Floats, Floats]:
    """Positions and accelerations (2, b, k, n + 2), the parts of `Doubt` (3, 3, b, k) and share (b, k) of b blocks of (b, k, n) samples.

    Times and frequencies come last: NumPy then runs along contiguous memory.
    """
    blocks, channels, count = values.shape
    centred, trend, bend = _trend(values.reshape(-1, count), rate_hz)
    looped = close_loop(centred, rate_hz)
    length = looped.shape[1]
    transformed = fft.rfft(looped)
    bins = bins_of(length, rate_hz)
    few = len(bins.frequency_hz)
    spectrum = np.empty((len(transformed), 2, few))
    spectrum[:, 0], spectrum[:, 1] = transformed.real[:, :few], transformed.imag[:, :few]
    periodogram = squared(spectrum)
    power = averaged_power(periodogram, bins)
    floor = noise_floor(power, bins) / noise.bias
    # What is alike in one block need not be in the next.
    kinds = noise.kinds * blocks
    if kinds:
        floor = shared_floor(by_kind(floor, len(kinds)), _SHARED).reshape(floor.shape)
    least = np.where(bins.frequency_hz < _LEAST_BELOW_HZ, _LEAST_GAIN, 0.0)
    if kinds:
        whole = Spectrum(spectrum, power, floor, bins)
        gated = gate_components(whole, kinds, noise.bias, least)
    else:
        gain = gate(power, floor, noise.over_subtraction, least)
        if noise.falling:
            gain = np.maximum(gain, broad_gain(periodogram, floor, bins))
        gated = Gated(gain[:, None] * spectrum, gain, spectrum[:0], gain[:0], np.zeros(0, int))
    twice = -bins.squares[:, 1]
    # Of places, then of accelerations.
    kept = np.empty((2, *transformed.shape), complex)
    kept[..., few:] = 0
    for at, of_places in enumerate((kept[0].real, kept[0].imag)):
        of_places[:, :few] = gated.bend[:, at]
        np.multiply(gated.bend[:, at], twice, out=(kept[1].real, kept[1].imag)[at][:, :few])
        of_places[gated.other, :few] = gated.place[:, at]
    back = fft.irfft(kept, length)
    smooth = np.empty((2, len(centred), count + 2))
    np.add(back[0, :, : count + 1], trend[:, 1:], out=smooth[0, :, 1:])
    np.add(back[1, :, : count + 1], bend[:, None], out=smooth[1, :, 1:])
    # The loop's last sample comes before its first.
    smooth[..., 0] = back[..., -1]
    smooth[0, :, 0] += trend[:, 0]
    smooth[1, :, 0] += bend
    above = np.maximum(power - floor, 0)
    moving = bins.after(_MOVING_FROM_HZ)
    share = np.einsum("km,km->k", gated.bend_gain[:, moving], above[:, moving])
    share /= np.maximum(power[:, moving].sum(1), NOTHING)
    doubt = _doubt(gated.bend_gain, power, floor, above, bins)
    if len(other := gated.other):
        doubt[:, :2, other] = _doubt(gated.place_gain, power[other], floor[other], above[other], bins)[:, :2]
    # Means over the loop, of one-sided spectra.
    doubt *= 2 / length
    shape = blocks, channels
    return smooth.reshape(2, *shape, -1), doubt.reshape(3, 3, *shape), share.reshape(shape)


def _doubt(gain: Floats, power: Floats, floor: Floats, above: Floats, bins: Bins) -> Floats:
    """(3, 3, k) noise that passed, motion held back, and motion kept, of place, velocity and acceleration, from (k, m) spectra."""
    below, weights = bins.before(bins.band_hz[0]), bins.squares
    held = 1 - gain[:, below]
    held *= held
    held *= above[:, below]
    passes = gain * gain
    return np.stack([(passes * floor) @ weights, held @ weights[below], (passes * power) @ weights]).swapaxes(1, 2)


@lru_cache(maxsize=32)
def _parabola(count: int, rate_hz: float) -> tuple[Floats, Floats]:
    """(n,) times around their middle, s, and a parabola in them whose mean is 0."""
    time_s: Floats = (np.arange(count, dtype=np.float64) - (count - 1) / 2) / rate_hz
    return time_s, time_s**2 - (time_s**2).mean()


def _trend(channels: Floats, rate_hz: float) -> tuple[Floats, Floats, Floats]:
    """(k, n) samples without their trend, this curve (k, n + 2), one sample beyond each end, and its (k,) second derivative.

    It is a parabola, a line, or a constant. What flies or falls does not repeat itself, nor does a walk: a parabola, or a line,
    describes it. Where it does not, it would only be in the way of what repeats.
    """
    count = channels.shape[1]
    time_s, curve = _parabola(count, rate_hz)
    middle = channels.mean(1)
    centred = channels - middle[:, None]
    slope, bend = (centred @ part / (part @ part) for part in (time_s, curve))
    total = np.einsum("ij,ij->i", centred, centred)
    line = slope**2 * (time_s @ time_s)
    bent = line + bend**2 * (curve @ curve) > _PARABOLA * total
    tilted = bent | (line > _LINE * total)
    trend: Floats = np.broadcast_to(middle[:, None], (len(channels), count + 2))
    if tilted.any():
        slope, bend = np.where(tilted, slope, 0.0), np.where(bent, bend, 0.0)
        further_s = _further(time_s, rate_hz)
        trend = trend + np.outer(slope, further_s) + np.outer(bend, further_s**2 - (time_s**2).mean())
        centred = channels - trend[:, 1:-1]
    return centred, trend, np.where(bent, 2 * bend, 0.0)
