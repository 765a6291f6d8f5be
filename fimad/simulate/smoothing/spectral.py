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

import numpy as np
from scipy import fft

from fimad.simulate.smoothing.broad import broad_gain
from fimad.simulate.smoothing.components import Gated, Kind, Spectrum, by_kind, gate, gate_components
from fimad.simulate.smoothing.extend import close_loop
from fimad.simulate.smoothing.floor import NOTHING, averaged_power, floor_band, noise_floor, shared_floor
from fimad.simulate.types import Floats

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
_AT_ONCE = 16


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
        factors: Floats = 1 + _END_EXCESS * np.clip(1 - from_end / _END_S, 0, 1)
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
    if count <= 1.5 * size:
        position, acceleration, doubt, share = _blocks(values[None], rate_hz, noise)
        middle_s = np.array([(time_s[0] + time_s[-1]) / 2])
        passed, held, kept = doubt
        told = Doubt(middle_s, passed, held, kept, (time_s[0], time_s[-1]))
        return Smoothed(_further(time_s, rate_hz), position[0], acceleration[0], told, share[0])
    starts = np.unique(np.linspace(0, count - size, int(np.ceil((count - size) / (size * _HOP))) + 1).round())
    # Cross-fade; a little weight at the very ends, where only one block lies.
    fade = np.hanning(size + 4)[1:-1, None] + 1e-6
    shape = count + 2, values.shape[1]
    total = np.zeros((count + 2, 1))
    sums = [np.zeros(shape) for _ in range(2)]
    doubts, shares = [], []
    for group in np.split(starts.astype(int), range(_AT_ONCE, len(starts), _AT_ONCE)):
        parts = _blocks(np.stack([values[start : start + size] for start in group]), rate_hz, noise)
        for at, start in enumerate(group):
            here = slice(start, start + size + 2)
            total[here] += fade
            for whole, part in zip(sums, parts[:2], strict=True):
                whole[here] += fade * part[at]
        doubts.append(parts[2])
        shares.append(parts[3])
    position, acceleration = (whole / total for whole in sums)
    middles_s = time_s[starts.astype(int)] + (size - 1) / 2 / rate_hz
    passed, held, kept = np.concatenate(doubts, axis=2)
    told = Doubt(middles_s, passed, held, kept, (time_s[0], time_s[-1]))
    return Smoothed(_further(time_s, rate_hz), position, acceleration, told, np.concatenate(shares).mean(0))


def _further(time_s: Floats, rate_hz: float) -> Floats:
    """(n + 2,) times, one more before the first and one after the last."""
    return np.concatenate([[time_s[0] - 1 / rate_hz], time_s, [time_s[-1] + 1 / rate_hz]])


def _blocks(values: Floats, rate_hz: float, noise: Noise) -> tuple[Floats, Floats, Floats, Floats]:
    """Position and acceleration (b, n + 2, k), the parts of `Doubt` (3, 3, b, k) and share (b, k) of b blocks of (b, n, k) samples."""
    blocks, count, channels = values.shape
    columns = np.ascontiguousarray(np.moveaxis(values, 0, 1)).reshape(count, -1)
    trend, bend = _trend(columns, rate_hz)
    looped = close_loop(columns - trend[1:-1], rate_hz)
    length = len(looped)
    spectrum = fft.rfft(looped, axis=0)
    frequency_hz = fft.rfftfreq(length, 1 / rate_hz)
    low, high = floor_band(rate_hz)
    # Nothing is kept above the band: there is no need to look.
    bins = max(2, int(np.searchsorted(frequency_hz, high, side="right")))
    frequency_hz = frequency_hz[:bins]
    power = averaged_power(spectrum[:bins].real, spectrum[:bins].imag, length, rate_hz)
    floor = noise_floor(power, frequency_hz, (low, high)) / noise.bias
    # What is alike in one block need not be in the next.
    kinds = noise.kinds * blocks
    if kinds:
        by_kind(floor, len(kinds))[:] = shared_floor(by_kind(floor, len(kinds)), _SHARED)
    whole = Spectrum(spectrum[:bins], power, floor, frequency_hz, length, rate_hz, (low, high))
    least = np.where(frequency_hz < _LEAST_BELOW_HZ, _LEAST_GAIN, 0.0)[:, None]
    if kinds:
        gated = gate_components(whole, kinds, noise.bias, least)
    else:
        gain = gate(power, floor, noise.over_subtraction, least)
        if noise.falling:
            gain = np.maximum(gain, broad_gain(spectrum[:bins], floor, frequency_hz, length, (low, high)))
        kept = gain * spectrum[:bins]
        gated = Gated(kept, gain, kept, gain)
    smooth = np.zeros_like(spectrum)
    omega2 = (2 * np.pi * frequency_hz[:, None]) ** 2
    # The loop's last sample comes before its first.
    places = np.arange(-1, count + 1)
    smooth[:bins] = gated.place
    position = fft.irfft(smooth, length, axis=0)[places] + trend
    smooth[:bins] = -omega2 * gated.bend
    acceleration = fft.irfft(smooth, length, axis=0)[places] + bend
    moving = frequency_hz > _MOVING_FROM_HZ
    share = (gated.bend_gain * np.maximum(power - floor, 0))[moving].sum(0) / np.maximum(power[moving].sum(0), NOTHING)
    position, acceleration = (
        np.moveaxis(part.reshape(count + 2, blocks, channels), 1, 0) for part in (position, acceleration)
    )
    # Means over the loop, of one-sided spectra.
    weights = 2 / length * np.concatenate([omega2.T**order for order in range(3)])
    doubt = np.empty((3, 3, blocks * channels))
    above = np.where((frequency_hz < low)[:, None], np.maximum(power - floor, 0), 0.0)
    for orders, gain in ((slice(0, 2), gated.place_gain), (slice(2, 3), gated.bend_gain)):
        for sort, part in enumerate((gain * gain * floor, (1 - gain) ** 2 * above, gain * gain * power)):
            doubt[sort, orders] = weights[orders] @ part
    return position, acceleration, doubt.reshape(3, 3, blocks, channels), share.reshape(blocks, channels)


def _trend(columns: Floats, rate_hz: float) -> tuple[Floats, Floats]:
    """(n + 2, k) curves that are taken off first, one sample beyond each end, and their (k,) second derivatives: parabolas, lines, or constants.

    What flies or falls does not repeat itself, nor does a walk: a parabola, or a line, describes it. Where it does not, it
    would only be in the way of what repeats.
    """
    time_s: Floats = (np.arange(len(columns), dtype=np.float64) - (len(columns) - 1) / 2) / rate_hz
    curve = time_s**2 - (time_s**2).mean()
    middle = columns.mean(0)
    centred = columns - middle
    slope, bend = (part @ centred / (part @ part) for part in (time_s, curve))
    total = np.einsum("ij,ij->j", centred, centred)
    line = slope**2 * (time_s @ time_s)
    bent = line + bend**2 * (curve @ curve) > _PARABOLA * total
    tilted = bent | (line > _LINE * total)
    trend = np.broadcast_to(middle, (len(columns) + 2, columns.shape[1]))
    if tilted.any():
        slope, bend = np.where(tilted, slope, 0.0), np.where(bent, bend, 0.0)
        further_s = _further(time_s, rate_hz)
        trend = middle + np.outer(further_s, slope) + np.outer(further_s**2 - (time_s**2).mean(), bend)
    return trend, np.where(bent, 2 * bend, 0.0)
