"""A landmark that is suddenly somewhere else did not move there.

Of a hidden or doubtful limb a pose estimator may give now one guess and now another, frames or seconds long. Between them the
landmark leaps, faster than people move; differentiated twice, that is a spike that no smoothing takes for noise when a whole
limb leaps together. Where most of the body leaps, it is another person.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

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


def without_leaps(time_s: Floats, position_m: Floats, breaks: Bools) -> Leapless:
    """Find leaps in the picture's plane and take them out.

    Parameters
    ----------
    time_s : (n,) rising, of frames that were measured.
    position_m : (n, 33, 3) x and z in the picture's plane.
    breaks : (n,) True where a new shot begins: nothing is compared across it.
    """
    plane = position_m[..., 0] + 1j * position_m[..., 2]
    leaps = np.abs(np.diff(plane, axis=0)) > _FASTEST_M_S * np.diff(time_s)[:, None]
    leaps[breaks[1:]] = False
    doubtful, others = np.zeros(position_m.shape[:2], bool), np.zeros(len(time_s), bool)
    if not leaps.any():
        return Leapless(position_m, doubtful, others)
    others[1:] = leaps[:, _JOINTS].mean(1) > _MOST
    leaps[others[1:]] = False
    result = position_m.copy()
    shots = np.split(np.arange(len(time_s)), np.flatnonzero(breaks | others))
    for shot in shots:
        if len(shot) < 2:
            continue
        for landmark in np.flatnonzero(leaps[shot[0] : shot[-1]].any(0)):
            at = np.flatnonzero(leaps[shot[0] : shot[-1], landmark])
            result[shot, landmark], doubtful[shot, landmark] = _joined(time_s[shot], position_m[shot, landmark], at)
    for moment in time_s[others]:
        doubtful[np.abs(time_s - moment) < _SETTLES_S] = True
    return Leapless(result, doubtful, others)


def _joined(time_s: Floats, place_m: Floats, at: Ints) -> tuple[Floats, Bools]:
    """(n, 3) places without the leaps after the frames `at`, and where they are doubtful.

    A piece between leaps that is no longer than a short gap is bridged. One that lasts, and can't be reached from the one
    before, was another guess: it is moved to where the one before ended.
    """
    pieces = np.split(np.arange(len(place_m)), at + 1)
    lasting = [piece for piece in pieces if time_s[piece[-1]] - time_s[piece[0]] > LONGEST_GAP_S]
    doubtful: Bools = np.ones(len(place_m), bool)
    if not lasting:
        return place_m, doubtful
    result = place_m.copy()
    shift = {lasting[0][0]: np.zeros(3)}
    for before, after in pairwise(lasting):
        way, during = place_m[after[0]] - place_m[before[-1]], time_s[after[0]] - time_s[before[-1]]
        leapt = np.hypot(way[0], way[2]) > _FASTEST_M_S * during
        shift[after[0]] = shift[before[0]] - (way if leapt else 0)
    longest = max(lasting, key=len)
    for piece in lasting:
        doubtful[piece] = False
        result[piece] += shift[piece[0]] - shift[longest[0]]
    for axis in range(3):
        result[doubtful, axis] = np.interp(time_s[doubtful], time_s[~doubtful], result[~doubtful, axis])
    doubtful[at] = doubtful[at + 1] = True
    return result, doubtful
