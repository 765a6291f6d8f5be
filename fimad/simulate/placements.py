"""Where each virtual sensor sits: its point on the body, and the axes of the segment that carries it.

A sensor's z axis points along its segment away from the ground in the anatomical position (towards the elbow for the
wrist, towards the knee for the ankle, towards the head for the trunk), x to the person's left, y = z × x backwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fimad.simulate.types import Floats

Points = Mapping[str, Floats]


@dataclass(frozen=True)
class Placement:
    """A sensor's place.

    Parameters
    ----------
    point : landmark weights, summing to 1.
    along : (from, to): landmarks, or means of two joined by ``+``, between which the z axis points.
    across : (from, to): gives the x axis after the part along z is taken off.
    """

    point: Mapping[str, float]
    along: tuple[str, str]
    across: tuple[str, str]


_HIPS, _SHOULDERS = "left_hip+right_hip", "left_shoulder+right_shoulder"
_LEFTWARDS = ("right_hip", "left_hip")


def _limb(side: str) -> dict[str, Placement]:
    upper, fore = (f"{side}_elbow", f"{side}_shoulder"), (f"{side}_wrist", f"{side}_elbow")
    thigh, shank = (f"{side}_knee", f"{side}_hip"), (f"{side}_ankle", f"{side}_knee")
    shoulders = ("right_shoulder", "left_shoulder")
    # With the palm forwards the little finger is next to the body.
    hand = (f"{side}_pinky", f"{side}_index") if side == "left" else (f"{side}_index", f"{side}_pinky")
    return {
        f"{side}_wrist": Placement({f"{side}_wrist": 1}, fore, hand),
        f"{side}_elbow": Placement({f"{side}_elbow": 1}, fore, hand),
        f"{side}_upper_arm": Placement({f"{side}_shoulder": 0.5, f"{side}_elbow": 0.5}, upper, shoulders),
        f"{side}_shoulder": Placement({f"{side}_shoulder": 1}, upper, shoulders),
        f"{side}_hip": Placement({f"{side}_hip": 1}, thigh, _LEFTWARDS),
        f"{side}_thigh": Placement({f"{side}_hip": 0.5, f"{side}_knee": 0.5}, thigh, _LEFTWARDS),
        f"{side}_knee": Placement({f"{side}_knee": 1}, shank, _LEFTWARDS),
        f"{side}_ankle": Placement({f"{side}_ankle": 1}, shank, _LEFTWARDS),
    }


PLACES: dict[str, Placement] = {
    **_limb("left"),
    **_limb("right"),
    "chest": Placement(
        {"left_shoulder": 0.35, "right_shoulder": 0.35, "left_hip": 0.15, "right_hip": 0.15},
        (_HIPS, _SHOULDERS),
        ("right_shoulder", "left_shoulder"),
    ),
    "pelvis": Placement({"left_hip": 0.5, "right_hip": 0.5}, (_HIPS, _SHOULDERS), _LEFTWARDS),
    "head": Placement(
        {"left_ear": 0.5, "right_ear": 0.5}, (_SHOULDERS, "left_ear+right_ear"), ("right_ear", "left_ear")
    ),
}


def point_of(place: Placement, points: Points) -> Floats:
    """(n, 3) position of the sensor."""
    position: Floats = np.sum([weight * points[name] for name, weight in place.point.items()], axis=0)
    return position


def axes_of(place: Placement, points: Points) -> Floats:
    """(n, 3, 3) rotation from the sensor frame to the world frame; its columns are the sensor's axes."""
    z = _unit(_mean(points, place.along[1]) - _mean(points, place.along[0]))
    across = _mean(points, place.across[1]) - _mean(points, place.across[0])
    # Where the hint lies along the segment, roll is not observable; the person's left takes over smoothly.
    spare = points["left_shoulder"] - points["right_shoulder"]
    hint = _unit(across - _along(across, z)) * _clearness(across, z)[:, None]
    hint = hint + 0.15 * _unit(spare - _along(spare, z))
    x = _unit(hint - _along(hint, z))
    y = np.cross(z, x)
    return np.stack([x, y, z], axis=-1)


def _mean(points: Points, name: str) -> Floats:
    parts = name.split("+")
    mean: Floats = np.mean([points[part] for part in parts], axis=0)
    return mean


def _along(vector: Floats, axis: Floats) -> Floats:
    result: Floats = (vector * axis).sum(-1, keepdims=True) * axis
    return result


def _clearness(vector: Floats, axis: Floats) -> Floats:
    """Sine of the angle between them: 0 where the vector says nothing about roll."""
    result: Floats = np.linalg.norm(np.cross(_unit(vector), axis), axis=-1)
    return result


def _unit(vector: Floats) -> Floats:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    unit: Floats = np.divide(vector, length, out=np.zeros_like(vector), where=length > 1e-9)
    return unit
