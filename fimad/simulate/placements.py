"""Where each virtual sensor sits: its point on the body, and the axes of the segment that carries it.

A sensor's z axis points along its segment away from the ground in the anatomical position (towards the elbow for the
wrist, towards the knee for the ankle, towards the head for the trunk), x to the person's left, y = z × x backwards.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fimad.simulate.types import Bools, Floats
from fimad.skeleton import LANDMARKS


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
_SPARE = ("right_shoulder", "left_shoulder")


def _limb(side: str) -> dict[str, Placement]:
    upper, fore = (f"{side}_elbow", f"{side}_shoulder"), (f"{side}_wrist", f"{side}_elbow")
    thigh, shank = (f"{side}_knee", f"{side}_hip"), (f"{side}_ankle", f"{side}_knee")
    # With the palm forwards the little finger is next to the body.
    hand = (f"{side}_pinky", f"{side}_index") if side == "left" else (f"{side}_index", f"{side}_pinky")
    return {
        f"{side}_wrist": Placement({f"{side}_wrist": 1}, fore, hand),
        f"{side}_elbow": Placement({f"{side}_elbow": 1}, fore, hand),
        f"{side}_upper_arm": Placement({f"{side}_shoulder": 0.5, f"{side}_elbow": 0.5}, upper, _SPARE),
        f"{side}_shoulder": Placement({f"{side}_shoulder": 1}, upper, _SPARE),
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
        _SPARE,
    ),
    "pelvis": Placement({"left_hip": 0.5, "right_hip": 0.5}, (_HIPS, _SHOULDERS), _LEFTWARDS),
    "head": Placement(
        {"left_ear": 0.5, "right_ear": 0.5}, (_SHOULDERS, "left_ear+right_ear"), ("right_ear", "left_ear")
    ),
}


class Rig:
    """Sensors on a body whose landmarks are given, as matrices: all of them are computed at once.

    Parameters
    ----------
    placements : names of `PLACES`.
    available : landmarks that can be had. Without a hand the roll of a forearm follows the shoulders, without shoulders
        the hips; other landmarks that a sensor needs and that are not there are listed in `missing`.

    Attributes
    ----------
    names : the p placements that can be computed.
    landmarks : the k landmarks that they need.
    needs : (p, k) True where a sensor needs a landmark.
    segment : (p,) index of the segment, of s, on which each sensor sits.
    point : (p, k) weights that make the sensors' positions of the landmarks.
    missing : the landmarks that are lacking, for each of the other placements.
    """

    missing: dict[str, list[str]]

    def __init__(self, placements: Sequence[str], available: Collection[str]) -> None:
        here = set(available)
        spare = next((pair for pair in (_SPARE, _LEFTWARDS) if set(pair) <= here), _SPARE)
        self.missing = {}
        for name in placements:
            needed = _must_have(PLACES[name]) | (set() if _hints(PLACES[name]) <= here else set(spare))
            if not needed <= here:
                self.missing[name] = sorted(needed - here)
        self.names = tuple(name for name in placements if name not in self.missing)
        places = [PLACES[name] for name in self.names]
        spare_here = set(spare) & here
        wanted = spare_here.union(*(_must_have(place) | (_hints(place) & here) for place in places))
        self.landmarks = tuple(name for name in LANDMARKS if name in wanted)
        self.point = np.stack([self._weights(place.point) for place in places]) if places else np.zeros((0, 0))
        # Sensors of one segment share its axes.
        segments = [(place.along, place.across if _hints(place) <= here else None) for place in places]
        distinct = list(dict.fromkeys(segments))
        self.segment = np.array([distinct.index(each) for each in segments], int)
        self._along = self._differences([along for along, _ in distinct])
        self._across = self._differences([across for _, across in distinct])
        self._spare = self._differences([spare if spare_here == set(spare) else None])
        turns: Bools = (self._along != 0) | (self._across != 0) | (self._spare != 0)
        self.needs: Bools = (self.point != 0) | turns[self.segment]

    def points(self, landmarks_m: Floats) -> Floats:
        """(n, p, 3) positions of the sensors from (n, k, 3) `landmarks`."""
        points: Floats = self.point @ landmarks_m
        return points

    def axes(self, landmarks_m: Floats) -> Floats:
        """(3, 3, n, s): the components, in the world frame, of the axes x, y, z of the segments; [axis, component].

        Components come first because NumPy is slow along a last axis of three. `rotation` gives matrices.
        """
        landmarks = np.ascontiguousarray(np.moveaxis(landmarks_m, 2, 0))
        axes = np.empty((3, 3, len(landmarks_m), len(self._along)))
        x, y, z = axes
        z[:] = _unit(landmarks @ self._along.T)
        # Where the hint lies along the segment, roll is not observable; the person's left takes over smoothly.
        hint = _across(_unit(landmarks @ self._across.T), z) + 0.15 * _unit(_across(landmarks @ self._spare.T, z))
        x[:] = _unit(_across(hint, z))
        for at, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
            y[at] = z[i] * x[j] - z[j] * x[i]
        return axes

    def _weights(self, parts: Mapping[str, float]) -> Floats:
        return np.array([parts.get(name, 0.0) for name in self.landmarks])

    def _differences(self, pairs: Sequence[tuple[str, str] | None]) -> Floats:
        rows = [
            np.zeros(len(self.landmarks)) if pair is None else self._mean(pair[1]) - self._mean(pair[0])
            for pair in pairs
        ]
        return np.stack(rows) if rows else np.zeros((0, len(self.landmarks)))

    def _mean(self, name: str) -> Floats:
        parts = name.split("+")
        return self._weights(dict.fromkeys(parts, 1 / len(parts)))


def rotation(axes: Floats) -> Floats:
    """(..., 3, 3) rotations from a sensor's frame to the world of (3, 3, ...) axes: their columns are the axes."""
    return axes.transpose(*range(2, axes.ndim), 1, 0)


@lru_cache(maxsize=64)
def rig_of(placements: tuple[str, ...], available: tuple[str, ...]) -> Rig:
    """A `Rig`, made once for all clips."""
    return Rig(placements, available)


def _must_have(place: Placement) -> set[str]:
    return {*place.point, *_names(place.along)}


def _hints(place: Placement) -> set[str]:
    return _names(place.across)


def _names(pair: tuple[str, str]) -> set[str]:
    return {part for name in pair for part in name.split("+")}


def _across(vector: Floats, axis: Floats) -> Floats:
    """The part of (3, ...) vectors across unit axes."""
    result: Floats = vector - np.einsum("k...,k...->...", vector, axis) * axis
    return result


def _unit(vector: Floats) -> Floats:
    """(3, ...) vectors of length 1, or 0 where they are shorter than a nanometre."""
    length = np.sqrt(np.einsum("k...,k...->...", vector, vector))
    unit: Floats = vector * np.divide(1.0, length, out=np.zeros_like(length), where=length > 1e-9)
    return unit
