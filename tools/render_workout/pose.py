"""A pose over time: limb directions, trunk angles, where the pelvis is and where the feet stand.

Directions need no joint limits or axes to be thought about: a limb points somewhere. Legs are solved from pelvis and
feet (see `body`), so that feet stay where they stand. World frame: right-handed, metres, origin on the floor below the
standing pelvis, x to the image's right, y away from the camera, z up. The person faces the camera (-y), so the
person's left is at +x.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDES = {"left": 1.0, "right": -1.0}

#: Where a limb points: degrees up from hanging down (0) to overhead (180), and degrees from sideways (0) to forward (90).
NEUTRAL_UPPER_ARM_DEG = (14.0, 20.0)
NEUTRAL_FOREARM_DEG = (18.0, 55.0)
#: Half the distance between the ankles of the standing person.
STANCE_M = 0.13


def direction(elevation_deg: Floats, azimuth_deg: Floats, side: float) -> Floats:
    """(n, 3) unit vectors of limbs of the left (`side` = 1) or right (-1) half of the body."""
    elevation, azimuth = np.deg2rad(elevation_deg), np.deg2rad(azimuth_deg)
    return np.stack(
        [side * np.sin(elevation) * np.cos(azimuth), -np.sin(elevation) * np.sin(azimuth), -np.cos(elevation)], axis=-1
    )


def smoothstep(x: Floats) -> Floats:
    """0 up to x = 0, 1 from x = 1, and between them the polynomial of degree 7 with three smooth derivatives."""
    x = np.clip(x, 0.0, 1.0)
    return x**4 * (35.0 - 84.0 * x + 70.0 * x**2 - 20.0 * x**3)


def softplus(x: Floats, width: float) -> Floats:
    """max(x, 0) with the corner rounded off over about `width`."""
    return width * np.logaddexp(0.0, x / width)


def _both(first: float, second: float, n: int) -> dict[str, Floats]:
    return {side: np.tile([first, second], (n, 1)).astype(float) for side in SIDES}


@dataclass
class Pose:
    """n poses. Everything is measured from the standing person, so poses can be mixed by plain linear mixing.

    Parameters
    ----------
    root_m : (n, 3) displacement of the pelvis.
    pelvis_deg, trunk_deg : (n, 3) forward lean, lean to the person's left and turn to the person's left; the trunk's
        come on top of the pelvis' and are shared out over the spine.
    head_deg : (n, 3) the same for the head, on top of the trunk's.
    upper_arm_deg, forearm_deg : side to (n, 2) elevation and azimuth (see `direction`), in the world, not in the trunk.
    foot_m : side to (n, 3) displacement of the ankle.
    foot_pitch_deg : side to (n, 1) how far the heel is lifted over the toes.
    """

    root_m: Floats
    pelvis_deg: Floats
    trunk_deg: Floats
    head_deg: Floats
    upper_arm_deg: dict[str, Floats] = field(default_factory=dict)
    forearm_deg: dict[str, Floats] = field(default_factory=dict)
    foot_m: dict[str, Floats] = field(default_factory=dict)
    foot_pitch_deg: dict[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.root_m)

    def part(self, which: slice) -> Pose:
        """The poses of a slice of time."""

        def cut(a: Floats | dict[str, Floats]) -> Floats | dict[str, Floats]:
            return {side: each[which] for side, each in a.items()} if isinstance(a, dict) else a[which]

        return Pose(**{each.name: cut(getattr(self, each.name)) for each in fields(Pose)})

    def mixed(self, other: Pose, weight: Floats) -> Pose:
        """This pose where `weight` (n,) is 0, the other where it is 1."""
        w = weight[:, None]

        def mix(a: Floats | dict[str, Floats], b: Floats | dict[str, Floats]) -> Floats | dict[str, Floats]:
            if isinstance(a, dict):
                return {side: a[side] * (1 - w) + b[side] * w for side in a}
            return a * (1 - w) + b * w

        return Pose(**{each.name: mix(getattr(self, each.name), getattr(other, each.name)) for each in fields(Pose)})


def standing(time_s: Floats) -> Pose:
    """A person who stands and breathes: nobody stands perfectly still."""
    n = len(time_s)
    pose = Pose(
        root_m=np.zeros((n, 3)),
        pelvis_deg=np.zeros((n, 3)),
        trunk_deg=np.zeros((n, 3)),
        head_deg=np.zeros((n, 3)),
        upper_arm_deg=_both(*NEUTRAL_UPPER_ARM_DEG, n),
        forearm_deg=_both(*NEUTRAL_FOREARM_DEG, n),
        foot_m={side: np.zeros((n, 3)) for side in SIDES},
        foot_pitch_deg={side: np.zeros((n, 1)) for side in SIDES},
    )
    pose.root_m[:, 0] = 0.006 * np.sin(2 * np.pi * 0.21 * time_s)
    pose.trunk_deg[:, 0] = 0.8 * np.sin(2 * np.pi * 0.27 * time_s)
    pose.head_deg[:, 2] = 3.0 * np.sin(2 * np.pi * 0.13 * time_s)
    return pose
