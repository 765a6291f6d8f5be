"""The roll of an arm, which hangs on little: a hinge that is often straight, and three landmarks of a small hand.

The elbow's hinge lies across upper arm and forearm, and tells the roll of both as far as the elbow is bent. Of a straight arm
the upper arm is taken to be swung from the trunk without twist, and of an unclear hand the forearm to be in the middle of its
range. Both are defined wherever an arm can point; the line of the shoulders, for one, is not: an arm held out sideways lies
along it, and seemed to spin.
"""

from __future__ import annotations

import numpy as np

from fimad.simulate.types import Floats, Ints
from fimad.simulate.vectors import across, cross, swung, unit

# An elbow bent by the angle with this sine tells as much of the upper arm's roll as the trunk does.
_STRAIGHT = 0.3
# The hand's line tells more than the middle of the range of pronation by this, where it lies across the forearm.
NEUTRAL = 0.3


def hinge(upper: Floats, fore: Floats, rest: Floats) -> Floats:
    """(3, n, a) x axes of upper arms: the elbows' hinges.

    Unit vectors (3, n, a): `upper` from the elbow to the shoulder, `fore` from the elbow to the wrist, `rest` the x axis to take for
    a straight arm. Turning `fore` forwards about the hinge bends the elbow.
    """
    return unit(cross(upper, fore) + _STRAIGHT * rest)


def untwisted(up: Floats, left: Floats, upper: Floats, side: Ints) -> Floats:
    """(3, n, a) x axes of upper arms that are swung from the trunk without twist; the person's left while they hang down.

    Unit vectors of the trunk (3, n, 1), and from the elbow to the shoulder (3, n, a); `side` (a,) is 1 for a left arm, -1 for
    a right one. The shortest turn is taken from a direction in the middle of an arm's reach, forwards and outwards: it is undefined only
    opposite to that, backwards and inwards, where no arm points.
    """
    left = unit(across(left, up))
    middle = (side * left + cross(left, up)) / np.sqrt(2)
    return swung(middle, -upper, swung(-up, middle, left))


def neutral(hinge_axis: Floats, z: Floats, side: Ints) -> Floats:
    """(3, n, a) x axes of forearms in the middle of their range of pronation, thumb up with the elbow bent; z their z axes."""
    result: Floats = side * cross(unit(across(hinge_axis, z)), z)
    return result
