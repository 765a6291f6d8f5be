"""The roll of an arm, which hangs on little: a hinge that is often straight, and three landmarks of a small hand.

The elbow's hinge lies across upper arm and forearm, and tells the roll of both as far as the elbow is bent. Of a straight arm
the upper arm is taken to move without twist: its x axis is carried along by the shortest turn from sample to sample (parallel
transport; Bishop 1975, doi:10.2307/2319846), and drawn over seconds to where the hinge or, without one, a swing from the trunk would
have it. No direction's own roll would do for that: whatever it is, an arm that swings in a plane seems to spin (on a sphere no
field of directions is free of twist). Of an unclear hand the forearm is taken to be in the middle of its range.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from fimad.simulate.types import Floats, Ints
from fimad.simulate.vectors import across, cross, dot, swung, unit

# An elbow bent by the angle with this sine tells as much of the upper arm's roll as the trunk does.
_STRAIGHT = 0.3
# A hinge that points so nearly (the cosine) against what is likely is one that is bent the other way; 0.7 to 0.9 are alike.
_PAST_STRAIGHT = 0.8
# The hand's line tells more than the middle of the range of pronation by this, where it lies across the forearm.
NEUTRAL = 0.3
# Standard deviation of the time over which a roll that is not seen follows what is likely.
_FOLLOWS_S = 2.0
_PASSES = 3


def hinge(upper: Floats, fore: Floats, rest: Floats) -> Floats:
    """(3, a, n) where the x axes of upper arms point, the elbows' hinges: the longer the surer.

    Unit vectors (3, a, n): `upper` from the elbow to the shoulder, `fore` from the elbow to the wrist, `rest` the x axis to take for
    a straight arm. Turning `fore` forwards about the hinge bends the elbow.
    """
    across_both = cross(upper, fore)
    # Weights are inverse variances: the hinge's error is that of the directions over the sine of the bend.
    bend = np.sqrt(dot(across_both, across_both))
    result: Floats = bend * across_both + _STRAIGHT**2 * rest
    return result


def on_hinge(hinge_axis: Floats, rest: Floats) -> Floats:
    """(3, a, n) x axes along a hinge, and along `rest` as far as the joint is straight.

    `hinge_axis` (3, a, n) as long as the sine of the joint's bend; unit vectors `rest` (3, a, n). Where it points against `rest`, the joint
    is bent past straight, and x stays on its side; in between, `rest` is what is wrong.
    """
    bend = np.sqrt(dot(hinge_axis, hinge_axis))
    bend = np.where(dot(hinge_axis, rest) < -_PAST_STRAIGHT * bend, -bend, bend)
    return unit(bend * hinge_axis + _STRAIGHT**2 * rest)


def swung_out(up: Floats, left: Floats, upper: Floats, side: Ints) -> Floats:
    """(3, a, n) x axes of upper arms that are swung from the trunk by the shortest turn; the person's left while they hang down.

    Unit vectors of the trunk (3, 1, n), and from the elbow to the shoulder (3, a, n); `side` (a,) is 1 for a left arm, -1 for
    a right one. The shortest turn is taken from a direction in the middle of an arm's reach, forwards and outwards: it is undefined only
    opposite to that, backwards and inwards, where no arm points.
    """
    left = unit(across(left, up))
    middle = (side[:, None] * left + cross(left, up)) / np.sqrt(2)
    return swung(middle, -upper, swung(-up, middle, left))


def carried(upper: Floats, likely: Floats, rest: Floats, rate_hz: float) -> Floats:
    """(3, a, n) x axes of upper arms that move without twist, but for a slow turn towards what is likely, at uniform times.

    Unit vectors (3, a, n): `upper` from the elbow to the shoulder, `rest` any x axis across it. `likely` (3, a, n) is where x is
    likely to point, the longer the surer.
    """
    if upper.shape[2] < 2:
        return rest
    side = cross(upper, rest)
    moved = swung(upper[..., :-1], upper[..., 1:], rest[..., :-1])
    # How far `rest` itself has twisted since the first sample.
    twist = np.zeros(upper.shape[1:])
    np.cumsum(np.arctan2(-dot(moved, side[..., 1:]), dot(moved, rest[..., 1:])), axis=1, out=twist[:, 1:])
    turned = np.exp(1j * twist)
    # As complex numbers in the frame that does not twist; three means in a row are nearly a Gaussian, and quick.
    wanted = (dot(likely, rest) + 1j * dot(likely, side)) * turned
    size = max(1, round(_FOLLOWS_S * rate_hz * np.sqrt(12 / _PASSES)))
    # Real and imaginary parts in one go: of complex numbers SciPy makes two arrays each time.
    parts = np.stack([wanted.real, wanted.imag])
    for _ in range(_PASSES):
        parts = ndimage.uniform_filter1d(parts, size, mode="constant")
    wanted = (parts[0] + 1j * parts[1]) * turned.conj()
    return unit(wanted.real * rest + wanted.imag * side)


def neutral(hinge_axis: Floats, z: Floats, side: Ints) -> Floats:
    """(3, a, n) x axes of forearms in the middle of their range of pronation, thumb up with the elbow bent; z their z axes."""
    result: Floats = side[:, None] * cross(unit(across(hinge_axis, z)), z)
    return result
