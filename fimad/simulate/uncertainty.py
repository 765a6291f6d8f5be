"""What the landmarks' uncertainty means for a sensor: its specific force, which a tilt mixes with gravity, and its rate of turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fimad.simulate.placements import Rig
from fimad.simulate.types import Bools, Floats

_GRAVITY_M_S2 = 9.80665
# A direction that is not known at all is wrong by about a right angle.
_LOST_RAD = 1.5


@dataclass(frozen=True)
class Stated:
    """Standard uncertainties of p sensors at m times: RMS lengths of errors.

    Parameters
    ----------
    force_m_s2 : (m, p) of the specific force, the part of gravity that a wrong orientation adds included.
    rate_rad_s : (m, p) of the angular rate.
    """

    force_m_s2: Floats
    rate_rad_s: Floats


def stated(sigma: Floats, joints_m: Floats, rig: Rig, sensors: Bools) -> Stated:
    """Propagate the landmarks' uncertainty.

    Parameters
    ----------
    sigma : (3, m, 3, k) standard uncertainty of the landmarks' place, velocity and acceleration along x, y, z.
    joints_m : (m, k, 3) places of the landmarks.
    sensors : (p,) those of the rig that are wanted.

    A segment's direction is as uncertain as the vector between its ends over its length, its roll as the vector that tells
    the roll over its length across the segment; errors of landmarks count as independent.
    """
    place, speed, bend = np.einsum("dmck,dmck->dmk", sigma, sigma)
    segment = rig.segment[sensors]
    tilt = np.minimum(_turned(place, joints_m, rig), _LOST_RAD**2)
    point = rig.point[sensors].T
    force = bend @ point**2 + _GRAVITY_M_S2**2 * tilt[:, segment]
    return Stated(np.sqrt(force), np.sqrt(_turned(speed, joints_m, rig))[:, segment])


def _turned(variance: Floats, joints_m: Floats, rig: Rig) -> Floats:
    """(m, s) variance of the segments' orientation, rad², or of its rate, of (m, k) variances of places, m², or velocities."""
    along, hints = rig.spans(joints_m)
    return variance @ rig.along.T**2 / along**2 + variance @ rig.hints.T**2 / hints**2
