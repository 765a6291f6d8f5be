"""A landmark that is suddenly somewhere else did not move there.

Of a hidden or doubtful limb a pose estimator may give now one guess and now another, frames or seconds long. Between them the
landmark leaps, faster than people move; differentiated twice, that is a spike that no smoothing takes for noise when a whole
limb leaps together. Where most of the body leaps, it is another person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fimad.simulate.stretches import LONGEST_GAP_S
from fimad.simulate.types import Bools, Floats, Ints
from fimad.skeleton import LANDMARK_INDEX

# A hard punch or kick; a hand in a jumping jack reaches 6.
_FASTEST_M_S = 12.0
# So large a share of the trunk and limbs does not err at once.
_MOST = 0.5
# Before it follows another person and after it, a tracker is between the two for some frames.
_SETTLES_S = 0.12
_JOINTS = [
    LANDMARK_INDEX[f"{side}_{part}"]
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]


@dataclass(frozen=True)
class Leapless:
    """Trajectories without leaps.

    Parameters
    ----------
    position_m : (n, 33, 3) with the leaps taken out: the longest piece stays in its place.
    doubtful : (n, 33) True on both sides of a leap, between two that are close together, and near another person.
    breaks : (n,) True where another person begins with this frame.
    """

    position_m: Floats
    doubtful: Bools
    breaks: Bools


def without_leaps(
    time_s: Floats, position_m: Floats, breaks: Bools, reach: Mapping[int, tuple[int, float]] | None = None
) -> Leapless:
    """Find leaps in the picture's plane and take them out.

    Parameters
    ----------
    time_s : (n,) rising, of frames that were measured.
    position_m : (n, 33, 3) x and z in the picture's plane.
    breaks : (n,) True where a new shot begins: nothing is compared across it.
    reach : see `body.reaches`; without it, a landmark may be moved to anywhere.
    """
    across, up = (np.diff(position_m[..., axis], axis=0) for axis in (0, 2))
    leaps = across * across + up * up > ((_FASTEST_M_S * np.diff(time_s)) ** 2)[:, None]
    leaps[breaks[1:]] = False
    doubtful, others = np.zeros(position_m.shape[:2], bool), np.zeros(len(time_s), bool)
    if not leaps.any():
        return Leapless(position_m, doubtful, others)
    others[1:] = leaps[:, _JOINTS].mean(1) > _MOST
    leaps[others[1:]] = False
    result, reach = position_m.copy(), reach or {}
    # What a landmark hangs on is settled before it.
    order = [row for row in range(position_m.shape[1]) if row not in reach] + list(reach)
    shots = np.split(np.arange(len(time_s)), np.flatnonzero(breaks | others))
    for shot in shots:
        if len(shot) < 2:
            continue
        leapt: Bools = np.asarray(leaps[shot[0] : shot[-1]].any(axis=0))
        for landmark in order:
            if not leapt[landmark]:
                continue
            at = np.flatnonzero(leaps[shot[0] : shot[-1], landmark])
            hangs_on, most_m = reach.get(landmark, (landmark, np.inf))
            result[shot, landmark], doubtful[shot, landmark] = _joined(
                time_s[shot], position_m[shot, landmark], at, result[shot, hangs_on], most_m
            )
    for moment in time_s[others]:
        doubtful[np.abs(time_s - moment) < _SETTLES_S] = True
    return Leapless(result, doubtful, others)


def _joined(time_s: Floats, place_m: Floats, at: Ints, hangs_on_m: Floats, most_m: float) -> tuple[Floats, Bools]:
    """(n, 3) places without the leaps after the frames `at`, and where they are doubtful.

    A piece between leaps that is no longer than a short gap is bridged. One that lasts, and can't be reached from the one
    before, was another guess: it is moved to where the one before ended. Where that would tear it off the body, something
    brought it back that was no leap: it stays, and what lies around the leap is bridged.

    Parameters
    ----------
    hangs_on_m, most_m : (n, 3) the joint next to it, and how far from that it can be, m.
    """
    pieces = np.split(np.arange(len(place_m)), at + 1)
    lasting = [piece for piece in pieces if time_s[piece[-1]] - time_s[piece[0]] > LONGEST_GAP_S]
    doubtful: Bools = np.ones(len(place_m), bool)
    if not lasting:
        return place_m, doubtful
    result = place_m.copy()
    for piece in lasting:
        doubtful[piece] = False
    home = max(range(len(lasting)), key=lambda each: len(lasting[each]))
    for way in (range(home + 1, len(lasting)), range(home - 1, -1, -1)):
        shift = np.zeros(3)
        for number in way:
            piece, forth = lasting[number], way.step > 0
            before, after = (lasting[number - 1], piece) if forth else (piece, lasting[number + 1])
            leap = _leap(time_s, place_m, int(before[-1]), int(after[0]))
            shift = shift - leap if forth else shift + leap
            torn = _torn(place_m[piece] + shift, hangs_on_m[piece], most_m)
            if torn > _torn(place_m[piece], hangs_on_m[piece], most_m):
                shift = np.zeros(3)
                moment = (time_s[before[-1]] + time_s[after[0]]) / 2
                doubtful[np.abs(time_s - moment) < LONGEST_GAP_S / 2] = True
            result[piece] += shift
    if doubtful.all():
        return place_m, doubtful
    for axis in range(3):
        result[doubtful, axis] = np.interp(time_s[doubtful], time_s[~doubtful], result[~doubtful, axis])
    doubtful[at] = doubtful[at + 1] = True
    return result, doubtful


def _leap(time_s: Floats, place_m: Floats, before: int, after: int) -> Floats:
    """(3,) how much farther than it moved a landmark went between two frames; nothing if it could have moved so far."""
    way, during_s = place_m[after] - place_m[before], time_s[after] - time_s[before]
    if np.hypot(way[0], way[2]) <= _FASTEST_M_S * during_s:
        return np.zeros(3)
    speeds = [(place_m[k + 1] - place_m[k]) / (time_s[k + 1] - time_s[k]) for k in (before - 1, after)]
    leap: Floats = way - sum(speeds) / 2 * during_s
    return leap


def _torn(place_m: Floats, hangs_on_m: Floats, most_m: float) -> float:
    """How much farther than it can be a landmark is from what it hangs on, on the mean, m."""
    way = place_m - hangs_on_m
    return float(np.maximum(np.hypot(way[:, 0], way[:, 2]) - most_m, 0).mean())
