"""Segments whose orientation a recording gives: their sensors turn as measured, not as joints suggest.

Markers and joints tell where a limb points, not how it rolls; a skeleton's joints, a body model or a rigid body do. Which frame a
program fixes to a segment is its own affair: one constant rotation brings it to the sensor's axes, the one that agrees best with
the axes from landmarks over the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation, RotationSpline

from fimad.simulate.types import Bools, Floats

#: Segments that may be given, and which end (from, to) of `Placement.along` names each; the trunk's two are told by the roll.
SEGMENTS = (
    *(f"{side}_{part}" for part in ("upper_arm", "forearm", "thigh", "shank") for side in ("left", "right")),
    "chest",
    "pelvis",
    "head",
)
_BY_ENDS = {
    ("elbow", "shoulder"): "upper_arm",
    ("wrist", "elbow"): "forearm",
    ("knee", "hip"): "thigh",
    ("ankle", "knee"): "shank",
}
_FEWEST = 4
# The determinant of axes that are none is 0, of proper ones 1.
_PROPER = 0.5


def segment_of(placement: str, along: tuple[str, str]) -> str:
    """The name in `SEGMENTS` of the segment that carries a placement."""
    if placement in SEGMENTS[-3:]:
        return placement
    side, _, near = along[0].partition("_")
    return f"{side}_{_BY_ENDS[near, along[1].partition('_')[2]]}"


def as_given(
    axes: Floats, carriers: Sequence[str], rotations: Mapping[str, Floats], time_s: Floats, clock_s: Floats
) -> Floats:
    """Axes of s segments with those that are given put in.

    Parameters
    ----------
    axes : (3, 3, s, m) from landmarks: [axis, component], at the m times of `clock_s`.
    carriers : names of the s segments, of `SEGMENTS`.
    rotations : by segment, (n, 3, 3) to the world, at the n times of `time_s`; NaN where not measured.

    A segment whose landmarks tell a direction and no roll has the roll of the given frame: its x axis, or its y axis where x is
    what points along, is x as far as it lies across. One without a direction has the given frame's axes as they are.

    Between frames a rotation spline with a continuous acceleration is used (`scipy.spatial.transform.RotationSpline`).
    """
    result = axes
    for at, name in enumerate(carriers):
        given = rotations.get(name)
        if given is None:
            continue
        known: Bools = np.asarray(np.isfinite(given).all((1, 2)))
        if np.count_nonzero(known) < _FEWEST:
            continue
        turned = RotationSpline(time_s[known], Rotation.from_matrix(given[known]))(
            np.clip(clock_s, time_s[known][0], time_s[known][-1])
        )
        geometry = axes[:, :, at].T
        # Where a landmark is missing, that only other sensors need, an axis has no length.
        whole: Bools = np.asarray(
            np.isfinite(geometry).all((1, 2)) & (np.linalg.det(np.nan_to_num(geometry)) > _PROPER)
        )
        if whole.any():
            fixed = (turned[whole].inv() * Rotation.from_matrix(geometry[whole])).mean()
        else:
            fixed = _towards(turned, geometry[:, :, 2])
        if result is axes:
            result = axes.copy()
        result[:, :, at] = (turned * fixed).as_matrix().T
    return result


def measured_segments(rotations: Mapping[str, Floats]) -> tuple[str, ...]:
    """Those of which there are rotations enough for `as_given`."""
    return tuple(name for name, each in rotations.items() if np.count_nonzero(np.isfinite(each).all((1, 2))) >= _FEWEST)


def _towards(turned: Rotation, direction: Floats) -> Rotation:
    """From the axes of a sensor whose z points along (m, 3) unit vectors to the frame of m rotations, which gives the roll."""
    known: Bools = np.asarray(np.isfinite(direction).all(1) & (np.linalg.norm(direction, axis=1) > _PROPER))
    if not known.any():
        return Rotation.identity()
    z = turned[known].inv().apply(direction[known]).mean(0)
    z /= max(float(np.linalg.norm(z)), 1e-9)
    x = np.eye(3)[int(abs(z[0]) > abs(z[1]))]
    x = x - (x @ z) * z
    x /= np.linalg.norm(x)
    return Rotation.from_matrix(np.stack([x, np.cross(z, x), z], axis=1))
