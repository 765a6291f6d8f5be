"""Smooth a body's channels together: an exercise is a few motions that many joints share, noise is each joint's own.

The channels of one kind (all joints along one axis), each in units of its noise, are turned into their principal components
(Pearson 1901, doi:10.1080/14786440109462720), over the frequencies of motion. The exercise gathers in a few components, which stand
far above the floor, so that a harmonic or an uneven repetition is kept that no joint on its own could tell from noise;
the other components are noise, and are gated away. Turned back, a joint that stands still would hear a little of
those that move: each channel is gated once more, gently, by its own spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fimad.simulate.smoothing.floor import NOTHING, averaged_power, noise_floor, shared_floor
from fimad.simulate.types import Complexes, Floats

# Components are found where people move, weighted by f: between what positions and velocities would say.
_FROM_HZ = 0.25
# Over-subtraction of the last gate.
_OWN = 5.0


@dataclass(frozen=True)
class Kind:
    """Channels whose noise is alike.

    Parameters
    ----------
    over_subtraction : c of `spectral`'s formula, for components.
    place_over_subtraction : the same for places, whose wrongly kept bins do not count with f⁴ as an acceleration's do.
    shared : how much of their floors components lend each other (`floor.shared_floor`).
    """

    over_subtraction: float
    place_over_subtraction: float
    shared: float


def gate(power: Floats, floor: Floats, over_subtraction: Floats | float, least: Floats) -> Floats:
    """max(β, exp(−c·N/P)), β (m, 1)."""
    gain: Floats = np.maximum(power, NOTHING)
    np.divide(-over_subtraction * floor, gain, out=gain)
    np.exp(gain, out=gain)
    np.maximum(least, gain, out=gain)
    return gain


@dataclass(frozen=True)
class Gated:
    """Smoothed coefficients (m, k), and the gain (m, k) that each channel had in effect; for accelerations and for places."""

    bend: Complexes
    bend_gain: Floats
    place: Complexes
    place_gain: Floats


@dataclass(frozen=True)
class Spectrum:
    """Fourier coefficients (m, k) of `length` samples, their averaged power and floor (m, k), at frequency_hz (m,)."""

    values: Complexes
    power: Floats
    floor: Floats
    frequency_hz: Floats
    length: int
    rate_hz: float
    band_hz: tuple[float, float]


def gate_components(whole: Spectrum, kinds: tuple[Kind, ...], bias: float, least: Floats) -> Gated:
    """Smooth all channels, which are divided among the kinds evenly and in order."""
    bins, count = len(whole.values), len(kinds)
    # Kinds first, (kinds, m, channels of each): one matrix product does them all. Real parts above imaginary ones: real matrices
    # are far quicker than complex ones.
    power, floor = by_kind(whole.power, count), by_kind(whole.floor, count)
    scale = np.sqrt(floor[:, -1:]) + NOTHING
    values = np.empty((count, 2, bins, floor.shape[2]))
    for at, part in enumerate((whole.values.real, whole.values.imag)):
        np.divide(by_kind(part, count), scale, out=values[:, at])
    turn = _principal(whole, values)
    components = values @ turn[:, None]
    spread = averaged_power(components[:, 0], components[:, 1], whole.length, whole.rate_hz)
    noise = noise_floor(spread, whole.frequency_hz, whole.band_hz) / bias
    noise = shared_floor(noise, np.array([[kind.shared] for kind in kinds]))
    bend_c, place_c = (
        np.array([getattr(kind, name) for kind in kinds])[:, None, None]
        for name in ("over_subtraction", "place_over_subtraction")
    )
    own = gate(power, floor, _OWN, least)
    # Components are uncorrelated, as a rule: their powers add up.
    mixing = np.swapaxes(turn * turn, 1, 2)
    all_of_it = np.maximum(spread @ mixing, NOTHING)
    weight = own * scale
    back = np.swapaxes(turn, 1, 2)
    made, gains = [], []
    of_places = np.flatnonzero((bend_c != place_c).ravel())
    for chosen, factor in ((slice(None), bend_c), (of_places, place_c)):
        passes = gate(spread[chosen], noise[chosen], factor[chosen], least)
        smooth = (passes[:, None] * components[chosen]) @ back[chosen, None]
        smooth *= weight[chosen, None]
        made.append(smooth)
        kept = (passes * passes * spread[chosen]) @ mixing[chosen]
        gains.append(own[chosen] * np.sqrt(kept / all_of_it[chosen]))
    bend, bend_gain = np.empty_like(whole.values), np.empty_like(whole.power)
    by_kind(bend.real, count)[:], by_kind(bend.imag, count)[:] = made[0][:, 0], made[0][:, 1]
    by_kind(bend_gain, count)[:] = gains[0]
    place, place_gain = bend.copy(), bend_gain.copy()
    by_kind(place.real, count)[of_places], by_kind(place.imag, count)[of_places] = made[1][:, 0], made[1][:, 1]
    by_kind(place_gain, count)[of_places] = gains[1]
    return Gated(bend, bend_gain, place, place_gain)


def by_kind(values: Floats, count: int) -> Floats:
    """A view (count, m, k / count) of (m, k) values of channels that so many kinds share evenly and in order."""
    return values.reshape(len(values), count, -1).swapaxes(0, 1)


def _principal(whole: Spectrum, values: Floats) -> Floats:
    """(kinds, k, k) orthogonal matrices whose columns are the principal components of real and imaginary parts (kinds, 2, m, k)."""
    moving = np.flatnonzero((whole.frequency_hz > _FROM_HZ) & (whole.frequency_hz < whole.band_hz[0]))
    weighted = values[:, :, moving] * np.sqrt(whole.frequency_hz[moving])[:, None]
    weighted = weighted.reshape(len(values), -1, values.shape[3])
    result: Floats = np.linalg.eigh(np.swapaxes(weighted, 1, 2) @ weighted)[1]
    return result
