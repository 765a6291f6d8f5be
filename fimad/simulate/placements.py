"""Where each virtual sensor sits: its point on the body, and the axes of the segment that carries it.

A sensor's z axis points along its segment away from the ground in the anatomical position (towards the elbow for the
wrist, towards the knee for the ankle, towards the head for the trunk), x to the person's left, y = z × x backwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fimad.simulate import arms
from fimad.simulate.orientations import segment_of
from fimad.simulate.types import Bools, Floats, Ints
from fimad.simulate.vectors import across, cross, dot, unit
from fimad.skeleton import LANDMARKS


@dataclass(frozen=True)
class Placement:
    """A sensor's place.

    Parameters
    ----------
    point : landmark weights, summing to 1.
    along : (from, to): landmarks, or means of two joined by ``+``, between which the z axis points.
    across : (from, to): gives the x axis after the part along z is taken off; None where the elbow's hinge gives it.
    arm : side of the arm that the segment belongs to, or nothing.
    """

    point: Mapping[str, float]
    along: tuple[str, str]
    across: tuple[str, str] | None
    arm: str = ""


_HIPS, _SHOULDERS = "left_hip+right_hip", "left_shoulder+right_shoulder"
_TRUNK = (_HIPS, _SHOULDERS)
_LEFTWARDS = ("right_hip", "left_hip")
_SPARE = ("right_shoulder", "left_shoulder")
_SPARE_SHARE = 0.15
# Of a hint that lies along its segment so much counts as a lever: the roll is then that of the rest of the body.
_LEAST_LEVER = 0.3
_SHORTEST_M = 0.01


def _limb(side: str) -> dict[str, Placement]:
    upper, fore = (f"{side}_elbow", f"{side}_shoulder"), (f"{side}_wrist", f"{side}_elbow")
    thigh, shank = (f"{side}_knee", f"{side}_hip"), (f"{side}_ankle", f"{side}_knee")
    # With the palm forwards the little finger is next to the body.
    hand = (f"{side}_pinky", f"{side}_index") if side == "left" else (f"{side}_index", f"{side}_pinky")
    return {
        f"{side}_wrist": Placement({f"{side}_wrist": 1}, fore, hand, side),
        f"{side}_elbow": Placement({f"{side}_elbow": 1}, fore, hand, side),
        f"{side}_upper_arm": Placement({f"{side}_shoulder": 0.5, f"{side}_elbow": 0.5}, upper, None, side),
        f"{side}_shoulder": Placement({f"{side}_shoulder": 1}, upper, None, side),
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
        _TRUNK,
        _SPARE,
    ),
    "pelvis": Placement({"left_hip": 0.5, "right_hip": 0.5}, _TRUNK, _LEFTWARDS),
    "head": Placement(
        {"left_ear": 0.5, "right_ear": 0.5}, (_SHOULDERS, "left_ear+right_ear"), ("right_ear", "left_ear")
    ),
}


@dataclass(frozen=True)
class _Arms:
    """The a arms whose segments are needed: their sides, 1 left and -1 right, and their segments' indices, each list of
    these with one of its arm."""

    side: Ints
    uppers: tuple[list[int], list[int]]
    fores: tuple[list[int], list[int]]


@dataclass(frozen=True)
class _Legs:
    """The l legs whose thigh or shank is needed and whose joints can all be had: columns (l, 3) of hip, knee and ankle among the
    landmarks, and their thighs' and shanks' indices among the segments, with those of their legs."""

    joints: Ints
    segments: tuple[list[int], list[int]]


class Rig:
    """Sensors on a body whose landmarks are given, as matrices: all of them are computed at once.

    Parameters
    ----------
    placements : names of `PLACES`.
    available : landmarks that can be had. Without a hand the roll of a forearm follows the rest of the arm; without shoulders
        what would follow their line follows the hips'; other landmarks that a sensor needs and that are not there are listed
        in `missing`.
    given : segments whose orientation is measured: their sensors need no more landmarks than their points.

    Attributes
    ----------
    names : the p placements that can be computed.
    landmarks : the k landmarks that they need.
    needs : (p, k) True where a sensor needs a landmark.
    helps : (p, k) True where a landmark tells more of a sensor's roll, if it is measured.
    segment : (p,) index of the segment, of s, on which each sensor sits.
    carriers : names of the s segments, of `orientations.SEGMENTS`.
    point : (p, k) weights that make the sensors' positions of the landmarks.
    along, hints : (s, k) weights that make the vectors that give the segments' direction, and their roll; see `spans`.
    missing : the landmarks that are lacking, for each of the other placements.
    as_given : placements whose roll, or all of whose axes, no landmark tells: they are those of the measured orientation.
    """

    as_given: list[str]
    missing: dict[str, list[str]]

    def __init__(self, placements: Sequence[str], available: Collection[str], given: Collection[str] = ()) -> None:
        here = set(available)
        spare = next((pair for pair in (_SPARE, _LEFTWARDS) if set(pair) <= here), _SPARE)
        self.missing, self.as_given = {}, []
        for name in placements:
            place = PLACES[name]
            telling = _names(place.along, here=None) | (_names(place.across, here) or set(spare))
            needed = set(place.point)
            if segment_of(name, place.along) not in given:
                needed |= telling
            elif not telling <= here:
                self.as_given.append(name)
            if not needed <= here:
                self.missing[name] = sorted(needed - here)
        self.names = tuple(name for name in placements if name not in self.missing)
        places = [PLACES[name] for name in self.names]
        # Sensors of one segment share its axes.
        segments = list(dict.fromkeys((place.along, place.across, place.arm) for place in places))
        self.segment = np.array([segments.index((each.along, each.across, each.arm)) for each in places], int)
        by_segment = {at: name for at, name in zip(self.segment.tolist(), self.names, strict=True)}
        self.carriers = tuple(segment_of(by_segment[at], each[0]) for at, each in enumerate(segments))
        sides = sorted({arm for *_, arm in segments} - {""})
        joints = {side: tuple(f"{side}_{part}" for part in ("hip", "knee", "ankle")) for side in ("left", "right")}
        legs = [
            side for side, leg in joints.items() if set(leg) <= here and any(set(e[0]) < set(leg) for e in segments)
        ]
        uppers = [(f"{side}_elbow", f"{side}_shoulder") for side in sides]
        fores = [(f"{side}_elbow", f"{side}_wrist") for side in sides]
        pairs = [spare, *(pair for each in segments for pair in each[:2])]
        if sides:
            pairs += [*uppers, *fores, _TRUNK]
        wanted = {name for pair in pairs for name in _names(pair, here)}.union(
            *(place.point for place in places)
        ) & here
        wanted.update(name for side in legs for name in joints[side])
        self.landmarks = tuple(name for name in LANDMARKS if name in wanted)
        self.point = np.stack([self._weights(place.point) for place in places]) if places else np.zeros((0, 0))
        along, hints = (
            self._differences(part) for part in ([each[0] for each in segments], [each[1] for each in segments])
        )
        left = self._differences([spare])
        turns: Bools = (along != 0) | (hints != 0) | (left != 0)
        of_arms = self._differences(uppers), self._differences(fores)
        of_legs = [self._differences([(joints[side][1], joints[side][end]) for side in legs]) for end in (0, 2)]
        parts = [along, hints, left, self._differences([_TRUNK]), *of_arms, *of_legs]
        self.along = along
        # What gives the roll: the elbow's hinge through the forearm, and the spare line where there is no hint at all.
        self.hints = self._differences(
            [
                (f"{arm}_elbow", f"{arm}_wrist") if hint is None else hint if _names(hint, here) else spare
                for _, hint, arm in segments
            ]
        )
        self._rows = np.concatenate(parts)
        ends = np.cumsum([len(part) for part in parts]).tolist()
        self._parts = [slice(first, end) for first, end in zip([0, *ends[:-1]], ends, strict=True)]
        self._arms = _Arms(
            np.array([1 if side == "left" else -1 for side in sides]),
            *(
                _transposed(
                    (at, sides.index(arm))
                    for at, (_, hint, arm) in enumerate(segments)
                    if arm and (hint is None) == upper
                )
                for upper in (True, False)
            ),
        )
        self._legs = _Legs(
            np.array([[self.landmarks.index(name) for name in joints[side]] for side in legs], int).reshape(-1, 3),
            _transposed(
                (at, leg)
                for at, each in enumerate(segments)
                for leg, side in enumerate(legs)
                if set(each[0]) in (set(joints[side][:2]), set(joints[side][1:]))
            ),
        )
        whole_leg = np.zeros(along.shape, bool)
        for at, leg in zip(*self._legs.segments, strict=True):
            whole_leg[at, self._legs.joints[leg]] = True
        # The trunk is a help, not a need: where its markers are missing (zeros then), the spare line does.
        for at, (*_, arm) in enumerate(segments):
            if arm:
                turns[at] |= (of_arms[0][sides.index(arm)] != 0) | (of_arms[1][sides.index(arm)] != 0)
        self.needs: Bools = (self.point != 0) | turns[self.segment]
        self.helps: Bools = whole_leg[self.segment]

    def spans(self, landmarks_m: Floats) -> tuple[Floats, Floats]:
        """(s,) usual lengths of the vectors `along` that give the segments' direction, and of `hints`, across it, that give their
        roll, from (n, k, 3) `landmarks`. Where a hint lies along its segment something else gives the roll: see `axes`."""
        landmarks = landmarks_m.T
        along, hints = self.along @ landmarks, self.hints @ landmarks
        length, squared = np.sqrt(dot(along, along)), dot(hints, hints)
        beside = dot(along, hints) / np.maximum(length, _SHORTEST_M)
        lever = np.sqrt(np.maximum(squared - beside**2, _LEAST_LEVER**2 * squared))
        return np.maximum(length.mean(1), _SHORTEST_M), np.maximum(lever.mean(1), _SHORTEST_M)

    def points(self, landmarks_m: Floats) -> Floats:
        """(n, p, 3) positions of the sensors from (n, k, 3) `landmarks`."""
        points: Floats = self.point @ landmarks_m
        return points

    def axes(self, landmarks_m: Floats, rate_hz: float | None = None) -> Floats:
        """(3, 3, s, n): the components, in the world frame, of the axes x, y, z of the segments; [axis, component].

        Landmarks (n, k, 3) at `rate_hz` are a motion, over which straight arms don't twist; without a rate each frame is on its own.

        Times come last because NumPy is slow along a last axis of a few. `rotation` gives matrices.
        """
        landmarks = np.ascontiguousarray(landmarks_m.T)
        axes = np.empty((3, 3, len(self.carriers), len(landmarks_m)))
        x, y, z = axes
        vectors = unit(self._rows @ landmarks)
        z[:], hint, left, up, upper, fore, thigh, shank = (vectors[:, part] for part in self._parts)
        spare = _SPARE_SHARE * unit(across(left, z))
        if len(self._arms.side):
            self._roll_arms(left, up, upper, fore, spare, rate_hz)
        # Where the hint lies along the segment, roll is not observable; the spare takes over smoothly.
        x[:] = unit(across(hint, z) + spare)
        if len(self._legs.joints):
            self._roll_legs(landmarks, thigh, shank, x)
        y[:] = cross(z, x)
        return axes

    def _roll_arms(
        self, left: Floats, up: Floats, upper: Floats, fore: Floats, spare: Floats, rate_hz: float | None
    ) -> None:
        """Put into `spare` (3, s, n) what the whole arm tells of its segments; see `_Arms` and `arms` for the others."""
        rest = arms.swung_out(up, left, upper, self._arms.side) if up.any() else unit(across(left, upper))
        bend = arms.hinge(upper, fore, rest)
        if rate_hz is not None:
            bend = arms.hinge(upper, fore, arms.carried(upper, bend, rest, rate_hz))
        bend = unit(bend)
        at, arm = self._arms.uppers
        spare[:, at] = bend[:, arm]
        at, arm = self._arms.fores
        if at:
            spare[:, at] = (arms.NEUTRAL * arms.neutral(bend, -fore, self._arms.side))[:, arm]

    def _roll_legs(self, landmarks: Floats, thigh: Floats, shank: Floats, x: Floats) -> None:
        """Put into `x` (3, n, s) what bent knees tell of thighs and shanks: a knee is a hinge, and the hips' line only says where it
        may lie. `thigh` and `shank` are unit vectors (3, l, n) from the knee to the hip and to the ankle."""
        # What was not measured here is zero (see `imu`): such a leg says nothing.
        measured: Bools = np.asarray(landmarks[:, self._legs.joints].any(axis=(0, 3)))
        hinge = cross(shank, thigh) * measured.all(axis=1).reshape(-1, 1)
        at, leg = self._legs.segments
        x[:, at] = arms.on_hinge(hinge[:, leg], x[:, at])

    def _weights(self, parts: Mapping[str, float]) -> Floats:
        return np.array([parts.get(name, 0.0) for name in self.landmarks])

    def _differences(self, pairs: Sequence[tuple[str, str] | None]) -> Floats:
        """(p, k) weights of the vectors from the first of a pair to the second; zeros where a landmark is lacking."""
        here = set(self.landmarks)
        rows = [
            self._mean(pair[1]) - self._mean(pair[0]) if pair and _names(pair, here) else np.zeros(len(self.landmarks))
            for pair in pairs
        ]
        return np.stack(rows) if rows else np.zeros((0, len(self.landmarks)))

    def _mean(self, name: str) -> Floats:
        parts = name.split("+")
        return self._weights(dict.fromkeys(parts, 1 / len(parts)))


def rotation(axes: Floats) -> Floats:
    """(n, s, 3, 3) rotations from a sensor's frame to the world of (3, 3, s, n) axes: their columns are the axes."""
    return axes.T


@lru_cache(maxsize=64)
def rig_of(placements: tuple[str, ...], available: tuple[str, ...], given: tuple[str, ...] = ()) -> Rig:
    """A `Rig`, made once for all clips."""
    return Rig(placements, available, given)


def _transposed(pairs: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    found = list(pairs)
    return [first for first, _ in found], [second for _, second in found]


def _names(pair: tuple[str, str] | None, here: Collection[str] | None) -> set[str]:
    """The landmarks of a pair; none of them if one is not `here`."""
    names = {part for name in pair or () for part in name.split("+")}
    return names if here is None or names <= set(here) else set()
