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

from fimad.simulate.smoothing.floor import NOTHING, Bins, averaged_power, noise_floor, shared_floor
from fimad.simulate.types import Floats, Ints

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
    """max(β, exp(−c·N/P)), of (..., m) powers P and floors N; β (m,)."""
    gain: Floats = np.maximum(power, NOTHING)
    np.divide(floor, gain, out=gain)
    gain *= -over_subtraction
    np.exp(gain, out=gain)
    np.maximum(least, gain, out=gain)
    return gain


@dataclass(frozen=True)
class Gated:
    """What is left of k channels: smoothed coefficients (k, 2, m), real and imaginary, and the gain (k, m) that each had in effect.

    Parameters
    ----------
    bend, bend_gain : for accelerations.
    place, place_gain : for places, of the channels `other`; those of the rest are as for accelerations.
    """

    bend: Floats
    bend_gain: Floats
    place: Floats
    place_gain: Floats
    other: Ints


@dataclass(frozen=True)
class Spectrum:
    """Fourier coefficients (k, 2, m), real and imaginary, their averaged power and floor (k, m), at m frequencies."""

    values: Floats
    power: Floats
    floor: Floats
    bins: Bins


def gate_components(whole: Spectrum, kinds: tuple[Kind, ...], bias: float, least: Floats) -> Gated:
    """Smooth all channels, which are divided among the kinds evenly and in order."""
    count, (channels, bins) = len(kinds), whole.power.shape
    # Real and imaginary parts side by side: one product of real matrices a kind, far quicker than of complex ones.
    power, floor = by_kind(whole.power, count), by_kind(whole.floor, count)
    scale = np.sqrt(floor[..., -1:]) + NOTHING
    values = by_kind(whole.values, count) / scale[..., None]
    turn = _principal(whole.bins, values)
    each = channels // count
    components = (np.swapaxes(turn, 1, 2) @ values.reshape(count, each, 2 * bins)).reshape(values.shape)
    spread = averaged_power(squared(components), whole.bins)
    noise = noise_floor(spread, whole.bins) / bias
    noise = shared_floor(noise, np.array([[kind.shared] for kind in kinds]))
    bend_c, place_c = (
        np.array([getattr(kind, name) for kind in kinds])[:, None, None]
        for name in ("over_subtraction", "place_over_subtraction")
    )
    own = gate(power, floor, _OWN, least)
    # Components are uncorrelated, as a rule: their powers add up.
    mixing = turn * turn
    all_of_it = mixing @ spread
    np.maximum(all_of_it, NOTHING, out=all_of_it)

    def passed(factor: Floats, chosen: Ints | slice) -> tuple[Floats, Floats]:
        """Smoothed coefficients and gains of the chosen kinds' channels."""
        passes = gate(spread[chosen], noise[chosen], factor[chosen], least)
        smooth = passes[:, :, None] * components[chosen]
        smooth = (turn[chosen] @ smooth.reshape(len(passes), each, 2 * bins)).reshape(smooth.shape)
        smooth *= (own[chosen] * scale[chosen])[:, :, None]
        passes *= passes
        passes *= spread[chosen]
        kept = mixing[chosen] @ passes
        kept /= all_of_it[chosen]
        np.sqrt(kept, out=kept)
        kept *= own[chosen]
        return smooth.reshape(-1, 2, bins), kept.reshape(-1, bins)

    of_places = np.flatnonzero((bend_c != place_c).ravel())
    other = np.arange(channels).reshape(count, each)[of_places].ravel()
    return Gated(*passed(bend_c, slice(None)), *passed(place_c, of_places), other)


def squared(values: Floats) -> Floats:
    """(..., m) squared sizes of coefficients (..., 2, m)."""
    size: Floats = np.einsum("...im,...im->...m", values, values)
    return size


def by_kind(values: Floats, count: int) -> Floats:
    """A view (count, k / count, ...) of (k, ...) values of channels that so many kinds share evenly and in order."""
    return values.reshape(count, -1, *values.shape[1:])


def _principal(bins: Bins, values: Floats) -> Floats:
    """(kinds, k, k) orthogonal matrices whose columns are the principal components of real and imaginary parts (kinds, k, 2, m)."""
    moving = slice(bins.after(_FROM_HZ).start, bins.before(bins.band_hz[0]).stop)
    weighted = values[..., moving] * np.sqrt(bins.frequency_hz[moving])
    weighted = weighted.reshape(*values.shape[:2], -1)
    result: Floats = np.linalg.eigh(weighted @ np.swapaxes(weighted, 1, 2))[1]
    return result
