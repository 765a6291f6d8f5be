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
    channels : their columns, side by side.
    over_subtraction : c of `spectral`'s formula, for components.
    place_over_subtraction : the same for places, whose wrongly kept bins do not count with f⁴ as an acceleration's do.
    shared : how much of their floors components lend each other (`floor.shared_floor`).
    """

    channels: slice
    over_subtraction: float
    place_over_subtraction: float
    shared: float


def gate(power: Floats, floor: Floats, over_subtraction: Floats | float, least: Floats) -> Floats:
    """max(β, exp(−c·N/P)), β (m, 1)."""
    gain: Floats = np.maximum(least, np.exp(-over_subtraction * floor / np.maximum(power, NOTHING)))
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
    """Smooth all channels; kinds hold every channel once."""
    # Real parts above imaginary ones: real matrices are far quicker than complex ones.
    bins = len(whole.values)
    scale = np.sqrt(whole.floor[-1]) + NOTHING
    values = np.concatenate([whole.values.real, whole.values.imag]) / scale
    turns = [_principal(whole, values[:, kind.channels]) for kind in kinds]
    components = np.empty_like(values)
    factor = np.empty(len(scale))
    for kind, turn in zip(kinds, turns, strict=True):
        components[:, kind.channels] = values[:, kind.channels] @ turn
        factor[kind.channels] = kind.over_subtraction
    power = averaged_power(components[:bins], components[bins:], whole.length, whole.rate_hz)
    floor = noise_floor(power, whole.frequency_hz, whole.band_hz) / bias
    for kind in kinds:
        floor[:, kind.channels] = shared_floor(floor[:, kind.channels], kind.shared)
    gain = gate(power, floor, factor, least)
    own = gate(whole.power, whole.floor, _OWN, least)
    bend, place = (np.empty_like(whole.values) for _ in range(2))
    bend_gain, place_gain = (np.empty_like(power) for _ in range(2))
    for kind, turn in zip(kinds, turns, strict=True):
        here = kind.channels
        # Components are uncorrelated, as a rule: their powers add up.
        mixing = (turn * turn).T
        all_of_it = np.maximum(power[:, here] @ mixing, NOTHING)
        weight = own[:, here] * scale[here]
        bend[:, here] = _turned_back(components, gain[:, here], turn, weight, here)
        kept = (gain[:, here] ** 2 * power[:, here]) @ mixing
        bend_gain[:, here] = own[:, here] * np.sqrt(kept / all_of_it)
        if kind.place_over_subtraction == kind.over_subtraction:
            place[:, here], place_gain[:, here] = bend[:, here], bend_gain[:, here]
            continue
        passes = gate(power[:, here], floor[:, here], kind.place_over_subtraction, least)
        place[:, here] = _turned_back(components, passes, turn, weight, here)
        place_gain[:, here] = own[:, here] * np.sqrt((passes**2 * power[:, here]) @ mixing / all_of_it)
    return Gated(bend, bend_gain, place, place_gain)


def _turned_back(components: Floats, passes: Floats, turn: Floats, weight: Floats, here: slice) -> Complexes:
    """(m, k) coefficients of channels from those of components (2m, k), real above imaginary parts, that pass a gain (m, k)."""
    bins = len(passes)
    made = np.empty(passes.shape, np.complex128)
    for part, rows in ((made.real, slice(bins)), (made.imag, slice(bins, None))):
        np.matmul(passes * components[rows, here], turn.T, out=part)
        part *= weight
    return made


def _principal(whole: Spectrum, values: Floats) -> Floats:
    """(k, k) orthogonal matrix whose columns are the principal components of real above imaginary parts (2m, k)."""
    moving = (whole.frequency_hz > _FROM_HZ) & (whole.frequency_hz < whole.band_hz[0])
    weight = np.sqrt(np.where(moving, whole.frequency_hz, 0.0))
    weighted = values * np.concatenate([weight, weight])[:, None]
    result: Floats = np.linalg.eigh(weighted.T @ weighted)[1]
    return result
