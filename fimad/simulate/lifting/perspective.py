"""What is nearer to the camera looks larger: each landmark at its own distance.

`trajectory` makes metres of pixels with one distance for the whole body, since its landmarks' own depths are too noisy to
multiply by. Once these are smoothed, they are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fimad.simulate.types import Floats


@dataclass(frozen=True)
class View:
    """How a body was seen.

    Parameters
    ----------
    distance_m : (n,) of the hips along the camera's axis, at the trajectories' times.
    turn : (3, 3) from the camera's axes (x right, y its line of sight) to the world's; None where they are the same.
    flow_share : share of the pictures in which pixels told how landmarks moved.
    """

    distance_m: Floats
    turn: Floats | None
    flow_share: float = 0.0


def at_own_distance(
    time_s: Floats, position_m: Floats, acceleration_m_s2: Floats, distance_m: Floats, turn: Floats | None
) -> tuple[Floats, Floats]:
    """Positions and accelerations (3, k, m) of points whose x and z were made metres at the hips' distance Z (m,), at uniform times.

    For a point at depth y behind the hips, x·(1 + y/Z) is where it is, and likewise z (pinhole camera); its acceleration is
    a_x·(1 + y/Z) + 2·v_x·v_y/Z + x·a_y/Z.
    """
    if len(time_s) < 2:
        return position_m, acceleration_m_s2
    if turn is not None:
        position_m, acceleration_m_s2 = (np.tensordot(turn.T, part, 1) for part in (position_m, acceleration_m_s2))
    step_s = time_s[1] - time_s[0]
    near, speed = 1 / distance_m, _speed(position_m, step_s)
    further, growing, turning = 1 + position_m[1] * near, speed[1], acceleration_m_s2[1] * near
    growing *= 2 * near
    place, bend = np.empty_like(position_m), np.empty_like(acceleration_m_s2)
    place[1], bend[1] = position_m[1], acceleration_m_s2[1]
    for axis in (0, 2):
        np.multiply(position_m[axis], further, out=place[axis])
        np.multiply(acceleration_m_s2[axis], further, out=bend[axis])
        speed[axis] *= growing
        bend[axis] += speed[axis]
        bend[axis] += np.multiply(position_m[axis], turning, out=speed[axis])
    return (place, bend) if turn is None else (np.tensordot(turn, place, 1), np.tensordot(turn, bend, 1))


def _speed(values: Floats, step_s: float) -> Floats:
    """(..., m) central differences of values, one-sided at the ends: `np.gradient`, without its making of arrays."""
    result = np.empty_like(values)
    between = result[..., 1:-1]
    np.subtract(values[..., 2:], values[..., :-2], out=between)
    between *= 1 / (2 * step_s)
    for end, before in ((0, 0), (-1, -2)):
        result[..., end] = (values[..., before + 1] - values[..., before]) / step_s
    return result
