"""What a body can't do: its bones keep their length, planted feet stay, hips stay on the trunk, left does not become right.

Depth is what a single camera sees worst. Two things that hold for every person mend much of it: a bone that looks short
points towards or away from the camera, by how much its length tells; and a foot that does not move in the picture does not
move in depth either.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import ndimage

from fimad.simulate.smoothing.resample import middle_of, step_of
from fimad.simulate.types import Bools, Floats
from fimad.simulate.vectors import planar
from fimad.skeleton import LANDMARK_INDEX

_SIDES = ("left", "right")
# Parent and child of each bone, the parents' own bones first, with what the child carries along.
_BONES = (
    ("hip", "knee", ()),
    ("knee", "ankle", ("heel", "foot_index")),
    ("shoulder", "elbow", ()),
    ("elbow", "wrist", ("pinky", "index", "thumb")),
)
# Standard deviations of a bone's depth from the world landmarks, and of its length in the picture's plane (landmarks that
# sit beside the joint, loose scale), m. Measured on rendered people; the result is flat within a factor of two.
_DEPTH_M = 0.05
_PLANE_M = 0.015
# The longest a bone is seen is its length, if it ever lies in the picture's plane.
_LONGEST = 0.98
# Shoulder to hip, hip to knee, knee to ankle over the stature: 0.288 + 0.245 + 0.246 (Drillis & Contini 1966, in Winter 2009,
# Biomechanics, figure 4.1).
_OF_STATURE = 0.779
# A shorter turn of a bone to the other side is the estimator's, not the person's, if it is as large as this.
_FLIP_S = 0.3
_FLIP_M = 0.05
# A foot slower than this in the picture's plane is planted, its place averaged over `_FOOT_S`.
_PLANTED_M_S = 0.3
_FOOT_S = 0.1
# A knee hangs between a planted foot and a hip whose own depth is not known: half of what the foot is corrected by.
_KNEE_SHARE = 0.5
# Hip landmarks slide up the trunk when thighs are raised or the trunk leans: of what the trunk seems to shorten by, and of
# what one hip rises over the other, so much is theirs, up to a distance. On rendered people the pelvis is then a fifth
# less wrong; flat around these.
_SLIDES = 0.5
_TILTS = 0.6
_SLIDE_M = 0.05
# A trunk that is seen so long, as a quantile over time, is as long as it gets. If that is less than so much of its length
# in space, it points towards the camera all the time, and how long it is seen says little.
_UPRIGHT = 0.9
_SEEN_FROM, _SEEN = 0.7, 0.9
# A bone that is seen so many times as long as it is was not seen: one of its ends is somewhere else.
_BROKEN = 1.4


@cache
def _both(part: str) -> list[int]:
    return [LANDMARK_INDEX[f"{side}_{part}"] for side in _SIDES]


_PARENTS = [row for parent, _, _ in _BONES for row in _both(parent)]
_CHILDREN = [row for _, child, _ in _BONES for row in _both(child)]
# What goes with a foot that is put at rest, and how far.
_FEET = [row for part in ("ankle", "heel", "foot_index", "knee") for row in _both(part)]
_FEET_SHARES = (1.0, 1.0, 1.0, _KNEE_SHARE)


def body_lengths(position_m: Floats, world_m: Floats) -> Floats:
    """(5,) lengths in m of trunk, thigh, shank, upper arm and forearm, the same on both sides and all the time.

    The larger of the median in the world landmarks and the longest it is seen in the picture's plane. (n, 33, 3) both.
    """
    ends = [*_both("shoulder"), *_CHILDREN], [*_both("hip"), *_PARENTS]
    # Times last: NumPy is slow along a last axis of three.
    part, told = (each.T[:, ends[0]] - each.T[:, ends[1]] for each in (position_m, world_m))
    seen = planar(part[0], part[2])
    nth = int(_LONGEST * (seen.shape[1] - 1))
    longest = np.partition(seen, nth, axis=1)[:, nth]
    usual = middle_of(np.sqrt(told[0] ** 2 + told[1] ** 2 + told[2] ** 2).T)
    lengths: Floats = np.maximum(longest, usual).reshape(-1, 2).mean(1)
    return lengths


def stature(lengths_m: Floats) -> float:
    """How tall a person of these `body_lengths` is, m."""
    return float(lengths_m[:3].sum()) / _OF_STATURE


def reaches(lengths_m: Floats) -> dict[int, tuple[int, float]]:
    """How far a joint, and what it carries along, can be from the joint that it hangs on: row -> (that joint's row, m), inner joints first.

    (5,) `body_lengths`. A hand or foot is no longer than what it hangs on.
    """
    found = {}
    for (parent, child, carried), length_m in zip(_BONES, lengths_m[1:].tolist(), strict=True):
        for side in range(len(_SIDES)):
            found[_both(child)[side]] = (_both(parent)[side], _BROKEN * length_m)
            found |= {_both(part)[side]: (_both(child)[side], _BROKEN * length_m) for part in carried}
    return found


def settle_hips(position_m: Floats) -> None:
    """Let the hips slide along the trunk less than their landmarks do, in place.

    Along the line from between the hips to between the shoulders, as the picture shows it: a person who lies has hips too.

    Parameters
    ----------
    position_m : (n, 33, 3) x and z in the picture's plane, y depth.
    """
    left, right = (position_m[:, row] for row in _both("hip"))
    between = left + right
    x, y, z = (sum(position_m[:, row] for row in _both("shoulder")) - between).T / 2
    length = planar(x, z)
    longest = np.partition(length, at := int(_UPRIGHT * (len(length) - 1)))[at]
    seen = longest / max(float(middle_of(planar(length, y))), 1e-6)
    share = min(max((seen - _SEEN_FROM) / (_SEEN - _SEEN_FROM), 0.0), 1.0)
    length = np.maximum(length, 1e-6)
    over = ((left[:, 0] - right[:, 0]) * x + (left[:, 2] - right[:, 2]) * z) / (2 * length)
    slid, tilted = (
        share * _SLIDE_M * np.tanh(part / _SLIDE_M)
        for part in (_SLIDES * (longest - length), _TILTS * (over - middle_of(over)))
    )
    for hip, moved in ((left, (slid + tilted) / length), (right, (slid - tilted) / length)):
        hip[:, 0] -= moved * x
        hip[:, 2] -= moved * z


def broken_bones(position_m: Floats, lengths_m: Floats) -> Bools:
    """(n, 33) landmarks at the far end of a bone that is seen longer, in the picture's plane, than it can be.

    Parameters
    ----------
    position_m : (n, 33, 3) of frames in which all landmarks were found.
    lengths_m : see `body_lengths`.
    """
    across, up = (position_m[:, _CHILDREN, axis] - position_m[:, _PARENTS, axis] for axis in (0, 2))
    # Thigh, shank, upper arm and forearm, left and right of each.
    far = planar(across, up) > _BROKEN * np.repeat(lengths_m[1:], 2)
    broken: Bools = np.zeros(position_m.shape[:2], bool)
    if far.any():
        for at, (_, child, carried) in enumerate(_BONES):
            for side in range(2):
                rows = [_both(each)[side] for each in (child, *carried)]
                broken[:, rows] |= far[:, 2 * at + side, None]
    return broken


def mend_depth(time_s: Floats, position_m: Floats, weight: Floats, lengths_m: Floats) -> Floats:
    """(n, 33) depths that bones of constant length and planted feet allow, from those that the estimator gives.

    Parameters
    ----------
    time_s : (n,) rising, of frames that were measured.
    position_m : (n, 33, 3) x and z in the picture's plane, y depth relative to the hips.
    weight : (n, 33) 0 to 1.
    lengths_m : (5,) see `body_lengths`.
    """
    # Times last: NumPy is slow along a last axis of a few.
    x, given, z = position_m.T
    across, told, up = (each[_CHILDREN] - each[_PARENTS] for each in (x, given, z))
    lengths = np.repeat(lengths_m[1:], 2)[:, None]
    fused = _fuse(_without_flips(time_s, told), lengths**2 - across**2 - up**2, lengths)
    of_given, of_bones = _hanging()
    depth = of_given @ given
    depth += of_bones @ fused
    return _plant(time_s, position_m, depth, weight).T


@cache
def _hanging() -> tuple[Floats, Floats]:
    """Matrices (33, 33) and (33, b) that make landmarks' depths of those given, and of their bones' depths: a joint hangs on its
    bone, and what it carries goes with it."""
    of_given, of_bones = np.eye(len(LANDMARK_INDEX)), np.zeros((len(LANDMARK_INDEX), 2 * len(_BONES)))
    for at, (parent, child, carried) in enumerate(_BONES):
        for side, (joint, hangs_on) in enumerate(zip(_both(child), _both(parent), strict=True)):
            own = of_given[joint].copy()
            of_given[joint], of_bones[joint] = of_given[hangs_on], of_bones[hangs_on]
            of_bones[joint, 2 * at + side] = 1.0
            for row in (_both(part)[side] for part in carried):
                of_given[row] += of_given[joint] - own
                of_bones[row] += of_bones[joint]
    return of_given, of_bones


def _without_flips(time_s: Floats, told_m: Floats) -> Floats:
    """(b, n) depths of bones that do not turn to the other side for a moment."""
    sudden = (told_m[:, 1:] * told_m[:, :-1] < 0) & (np.abs(np.diff(told_m)) > 2 * _FLIP_M)
    if not sudden.any():
        return told_m
    frames = max(1, round(_FLIP_S / step_of(time_s))) | 1
    usual = ndimage.median_filter(told_m, (1, frames), mode="nearest")
    flipped = (told_m * usual < 0) & (np.abs(told_m) > _FLIP_M) & (np.abs(usual) > _FLIP_M)
    return np.where(flipped, -told_m, told_m)


def _fuse(told_m: Floats, squared_m2: Floats, length_m: Floats) -> Floats:
    """Depth d of bones that minimises (d − told)²/σ² + (d² − squared)²/(2·length·σ_plane)², on the side of `told`.

    The condition is a depressed cubic, d³ + p·d + q = 0, whose outermost root on that side is wanted (Cardano; Viète where
    there are three).
    """
    ratio = (2 * length_m * _PLANE_M / _DEPTH_M) ** 2 / 2
    side = np.where(told_m < 0, -1.0, 1.0)
    p, half = ratio - squared_m2, np.abs(told_m) * ratio / 2
    third = p / 3
    inner = half * half + third * third * third
    reach = np.sqrt(np.maximum(-third, 1e-12))
    depth = 2 * reach * np.cos(np.arccos(np.clip(half / (reach * reach * reach), -1, 1)) / 3)
    single = inner > 0
    root, half = np.sqrt(inner[single]), half[single]
    depth[single] = np.cbrt(half + root) + np.cbrt(half - root)
    fused: Floats = side * depth
    return fused


def _plant(time_s: Floats, position_m: Floats, depth_m: Floats, weight: Floats) -> Floats:
    """(33, n) depths with planted feet at rest."""
    if len(time_s) < 3:
        return depth_m
    ankles = _both("ankle")
    place = ndimage.gaussian_filter1d(position_m.T[::2, ankles], _FOOT_S / step_of(time_s), truncate=2)
    way = np.diff(place)
    between = planar(way[0], way[1]) / np.diff(time_s)
    speed = np.concatenate([between[:, :1], (between[:, 1:] + between[:, :-1]) / 2, between[:, -1:]], axis=1)
    planted = np.exp(-((speed / _PLANTED_M_S) ** 2)) * (weight.T[ankles] > 0)
    # What a foot seems to move by while it stands, summed over time.
    wrong = np.zeros_like(planted)
    np.cumsum(0.5 * (planted[:, 1:] + planted[:, :-1]) * np.diff(depth_m[ankles]), axis=1, out=wrong[:, 1:])
    depth_m[_FEET] -= np.repeat(_FEET_SHARES, len(ankles))[:, None] * np.tile(wrong, (len(_FEET_SHARES), 1))
    return depth_m
