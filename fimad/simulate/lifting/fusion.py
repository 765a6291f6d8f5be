"""Landmarks say where joints are, pixels how they move: both in one estimate.

A landmark model looks at each picture anew, and errs anew; what it says of slow motion is right, and above 2 Hz its error
is larger than most people's motion. Flow errs little from picture to picture, but its errors add up. Of each joint the track x
is taken that minimises

    Σ (x_t − landmark_t)² / R_t  +  Σ (x_t − x_{t−1} − flow_t)² / Q_t,

a Rauch-Tung-Striebel smoother with flow as what is known of the step, solved as one band matrix. R / Q sets the frequency
at which one takes over from the other. Two flows that err differently say themselves where they are wrong: Q grows with their
disagreement. Where they say nothing, landmarks' own slow motion stands in, the more the more landmarks err: else the track would go
through each landmark there, with all its error. R grows where a landmark is far from what all the others say, and where pixels see a joint at rest. Exchanged sides and leaps are undone before: what is smooth
no longer shows them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.linalg import solveh_banded

from fimad.simulate.smoothing.resample import step_of
from fimad.simulate.types import Bools, Floats, Ints, LimbFlow
from fimad.skeleton import FLOW_JOINTS, LANDMARK_INDEX, LANDMARKS

# Where flow takes over from landmarks. Between 0.35 and 1 Hz moving people are measured alike; from 0.7 Hz on, who stands still
# is given landmarks' slow wandering.
_CROSSOVER_HZ = 0.5
# Of the two flows, the one fitted to grey levels errs half as much.
_DENSE_ERROR = 2.0
# Flows that differ by so much, lengths of the trunk a second, count for half.
_DIFFER_TRUNKS_S = 0.45
# Of landmarks, what is slower than this is motion (standard deviation of a Gaussian).
_SLOW_S = 0.13
# A guess of slow motion is felt so many of these away.
_REACH = 2.0
# Who stays where he is, as pixels see it, for so long, within so many lengths of the trunk: then landmarks that wander no further than
# they do at rest count for next to nothing, and are what the exercise makes of the model's answer.
_REST_S = 2.0
_REST_TRUNKS = 0.02
_WANDER_TRUNKS = 0.15
_AT_REST = 0.01
# Motion that is no larger than so many times what two flows differ by, is theirs.
_OVER_APART = 2.0
# Landmarks' slow motion comes in where little is left of trust in flow.
_STANDS_IN = 4
# Landmarks further off than so many times the usual, or than so many m, count less; doubtful ones next to nothing.
_FAR = 3.0
_USUAL_M = 0.01
_DOUBTFUL = 1e-3
_ROUNDS = 3
_FEWEST = 3
# Flow was measured where landmarks of so many seconds around say that limbs are.
_REACH_S = 0.12
_EARS = [LANDMARK_INDEX["left_ear"], LANDMARK_INDEX["right_ear"]]
_FACE = list(range(11))
_PLANE = [0, 2]
#: What moves with each joint, the joint itself first.
_CARRIED: tuple[list[int], ...] = tuple(
    _FACE
    if name == "head"
    else [
        LANDMARK_INDEX[name],
        *(
            LANDMARK_INDEX[f"{name.split('_')[0]}_{part}"]
            for part in {"wrist": ("pinky", "index", "thumb"), "ankle": ("heel",)}.get(name.split("_", 1)[1], ())
        ),
    ]
    for name in FLOW_JOINTS
)
_ROWS = [rows[0] for rows in _CARRIED[1:]]
# Of landmarks that are joints of flow; 0 is the head.
_JOINT_OF = np.zeros(len(LANDMARKS), int)
_JOINT_OF[_ROWS] = np.arange(1, len(_ROWS) + 1)
_TRUNK = [[LANDMARK_INDEX[f"{side}_{part}"] for side in ("left", "right")] for part in ("shoulder", "hip")]


def joints_of(landmarks: Floats) -> Floats:
    """(n, j, ...) joints of flow, of (n, 33, ...) landmarks."""
    return np.concatenate([landmarks[:, _EARS].mean(1, keepdims=True), landmarks[:, _ROWS]], axis=1)


@dataclass(frozen=True)
class Steps:
    """How far joints went since the picture before, in the picture's plane.

    Parameters
    ----------
    dense, grey : (n, j, 2) right and up, m; NaN where nothing was measured.
    share : (n, j) how much of it pixels told.
    """

    dense: Floats
    grey: Floats
    share: Floats


def led_on(centred: Floats, flow: LimbFlow, width_px: int) -> Floats:
    """(n, 2 j, 2) where each flow takes the joints of the picture before, px; as the landmarks (n, 33, 2) are given."""
    before = joints_of(centred)
    before = np.concatenate([np.full_like(before[:1], np.nan), before[:-1]])
    return np.concatenate([before + each * width_px for each in (flow.dense, flow.grey)], axis=1)


def steps_of(position_m: Floats, led_m: Floats, flow: LimbFlow) -> Steps:
    """Steps from places (n, 33, 3) of landmarks and (n, 2 j, 2) of where flow takes them."""
    before = joints_of(position_m)[..., _PLANE]
    before = np.concatenate([np.full_like(before[:1], np.nan), before[:-1]])
    count = len(FLOW_JOINTS)
    return Steps(led_m[:, :count] - before, led_m[:, count:] - before, flow.share)


def fuse(
    time_s: Floats, position_m: Floats, steps: Steps, doubtful: Bools, breaks: Bools, order: Ints
) -> tuple[Floats, Floats]:
    """Landmarks (n, 33, 3) that move as pixels do, and (n, 33) how much of that is slow motion for want of pixels; depth is left as it is.

    Parameters
    ----------
    time_s : (n,) rising.
    position_m : (n, 33, 3) with sides put back, and without leaps.
    steps : as measured, before sides were put back.
    doubtful : (n, 33) landmarks that are next to worthless.
    breaks : (n,) True where nothing connects a frame with the one before.
    order : (n, 33) which landmark each was before sides were put back (`sides.Sides`).
    """
    steps = _put_back(time_s, steps, order)
    unlinked = breaks | ~(np.isfinite(steps.dense) & np.isfinite(steps.grey)).all((1, 2))
    fused, guessed = position_m.copy(), np.zeros(position_m.shape[:2])
    for run in np.split(np.arange(len(time_s)), np.flatnonzero(unlinked)):
        if len(run) < _FEWEST:
            continue
        shift, share = _shift(time_s[run], position_m[run][..., _PLANE], _part(steps, run[1:]), doubtful[run])
        for joint, rows in enumerate(_CARRIED):
            guessed[run[:, None], rows] = share[:, joint, None]
            for axis, plane in enumerate(_PLANE):
                fused[run[:, None], rows, plane] += shift[:, joint, axis, None]
    return fused, guessed


def _part(steps: Steps, rows: Ints) -> Steps:
    return Steps(steps.dense[rows], steps.grey[rows], steps.share[rows])


def _put_back(time_s: Floats, steps: Steps, order: Ints) -> Steps:
    """Steps of the joints that limbs belong to; none where sides are exchanged meanwhile."""
    if (order == np.arange(order.shape[1])).all():
        return steps
    which = np.concatenate([np.zeros((len(order), 1), int), _JOINT_OF[order[:, _ROWS]]], axis=1)
    # A step was measured on the limb as it was named in the picture before.
    which = np.concatenate([which[:1], which[:-1]])
    dense, grey = (np.take_along_axis(each, which[:, :, None], 1) for each in (steps.dense, steps.grey))
    share = np.take_along_axis(steps.share, which, 1)
    changes = time_s[1:][(order[1:] != order[:-1]).any(1)]
    near = (np.abs(time_s[:, None] - changes) < _REACH_S + step_of(time_s)).any(1)
    return Steps(dense, grey, np.where(near[:, None], 0.0, share))


def _shift(time_s: Floats, plane: Floats, steps: Steps, doubtful: Bools) -> tuple[Floats, Floats]:
    """(n, j, 2) how far joints are to be moved, m, and (n, j) how much of their motion is landmarks' slow one."""
    landmarks = joints_of(plane)
    shoulders, hips = (plane[:, rows].mean(1) for rows in _TRUNK)
    trunk = float(np.median(np.linalg.norm(shoulders - hips, axis=1)))
    steps_s = np.diff(time_s)[:, None, None]
    differ = _DIFFER_TRUNKS_S * trunk * steps_s
    worth = np.where(joints_of(doubtful[..., None].astype(float))[..., 0] > 0, _DOUBTFUL, 1.0)
    slow = slow_steps(landmarks, worth, step_of(time_s))
    step, apart = combined(slow, steps.dense, steps.grey, differ, step_of(time_s))
    trust = steps.share[..., None] / (1 + (apart / differ) ** 2)
    gap = (1 - trust) ** _STANDS_IN * _noisy(np.diff(landmarks, axis=0), slow, step, trust)
    share = gap / np.maximum(trust + gap, np.finfo(float).tiny)
    step = step + share * (slow - step)
    worth, step = _at_rest(step, slow, steps.dense - steps.grey, worth, trunk, step_of(time_s))
    tight = (trust + gap)[..., 0] / (2 * np.pi * _CROSSOVER_HZ * steps_s[..., 0]) ** 2
    # What smoothing makes of a guess reaches as far as it was smoothed.
    either = ndimage.maximum_filter1d(
        share[..., 0], 1 + 2 * round(_REACH * _SLOW_S / step_of(time_s)), axis=0, mode="nearest"
    )
    either = np.concatenate([either[:1], np.maximum(either[1:], either[:-1]), either[-1:]])
    return smoothed(landmarks, step, tight, worth) - landmarks, either


def _at_rest(
    step: Floats, slow: Floats, apart: Floats, worth: Floats, trunk_m: float, step_s: float
) -> tuple[Floats, Floats]:
    """Worth of landmarks (n, j) and steps (n - 1, j, 2) where joints stay where they are.

    Of a joint that pixels see at rest, landmarks' wandering is an error, which goes with what the rest of the body does. Where it
    moves no further than the two flows come `apart`, its motion is theirs.
    """
    far = _range(step, step_s)
    rest = _below(far, _REST_TRUNKS * trunk_m) * _below(_range(slow, step_s), _WANDER_TRUNKS * trunk_m)
    noise = rest * _below(far, _OVER_APART * _range(apart, step_s))
    return worth * (1 - (1 - _AT_REST) * rest), step * (1 - np.minimum(noise[1:], noise[:-1]))[..., None]


def _range(step: Floats, step_s: float) -> Floats:
    """(n, j) how far apart the places are to which steps (n - 1, j, 2) lead within a while around each time."""
    path = np.concatenate([np.zeros_like(step[:1]), np.cumsum(step, axis=0)])
    size = 1 + 2 * round(_REST_S / 2 / step_s)
    high = ndimage.maximum_filter1d(path, size, axis=0, mode="nearest")
    low = ndimage.minimum_filter1d(path, size, axis=0, mode="nearest")
    result: Floats = np.linalg.norm(high - low, axis=2)
    return result


def _below(value: Floats, limit: Floats | float) -> Floats:
    """1 far below the limit, 0 far above it."""
    result: Floats = 1 / (1 + np.minimum(value / np.maximum(limit, 1e-9), 1e3) ** 4)
    return result


def slow_steps(landmarks: Floats, worth: Floats, step_s: float) -> Floats:
    """(n - 1, j, 2) slow motion of landmarks (n, j, 2), each of which counts as much as it is worth (n, j)."""
    width = _SLOW_S / step_s
    weight = worth[..., None]
    places = ndimage.gaussian_filter1d(landmarks * weight, width, axis=0, mode="nearest")
    result: Floats = np.diff(places / ndimage.gaussian_filter1d(weight, width, axis=0, mode="nearest"), axis=0)
    return result


def _noisy(given: Floats, slow: Floats, step: Floats, trust: Floats) -> Floats:
    """(1, j, 1) share of landmarks' own error in what their steps and their slow steps err together, as flow tells where it can."""
    told = trust[..., 0] > 0.5
    own, lag = (np.where(told, ((each - step) ** 2).sum(2), np.nan) for each in (given, slow))
    share = np.ones(told.shape[1])
    some = told.sum(0) >= _FEWEST
    own_m2, lag_m2 = (np.nanmedian(each[:, some], axis=0) for each in (own, lag))
    share[some] = own_m2 / np.maximum(own_m2 + lag_m2, np.finfo(float).tiny)
    return share[None, :, None]


def combined(slow: Floats, dense: Floats, grey: Floats, differ: Floats, step_s: float) -> tuple[Floats, Floats]:
    """One displacement (n - 1, j, 2) of two, and how far they are apart: the one nearer to landmarks' slow motion counts more."""
    width = max(1.0, _SLOW_S / step_s)

    def error(moved: Floats) -> Floats:
        quick = ndimage.gaussian_filter1d(moved, _SLOW_S / step_s, axis=0, mode="nearest") - slow
        square = ndimage.gaussian_filter1d((quick**2).sum(2, keepdims=True), width, axis=0, mode="nearest")
        result: Floats = square + (0.1 * differ) ** 2
        return result

    weight = 1 / error(grey)
    other = 1 / (_DENSE_ERROR**2 * error(dense))
    apart = np.linalg.norm(dense - grey, axis=2, keepdims=True)
    result: Floats = (weight * grey + other * dense) / (weight + other)
    return result, apart


def smoothed(landmarks: Floats, step: Floats, trust: Floats, worth: Floats) -> Floats:
    """Tracks (n, j, 2) of landmarks (n, j, 2) and steps (n - 1, j, 2).

    Parameters
    ----------
    trust : (n - 1, j) R / Q of each step.
    worth : (n, j) 0 to 1, of each landmark.
    """
    count, joints, axes = landmarks.shape
    # All joints are one system, whose band is 0 from one joint to the next: they do not meet in it.
    places = landmarks.swapaxes(0, 1)
    tight = np.ascontiguousarray(trust.T)
    given = np.ascontiguousarray(worth.T)
    push = tight[..., None] * step.swapaxes(0, 1)
    band = np.zeros((2, joints, count))
    band[0, :, 1:] = -tight
    near = given
    for _ in range(_ROUNDS):
        band[1] = near
        band[1, :, 1:] += tight
        band[1, :, :-1] += tight
        right = near[..., None] * places
        right[:, 1:] += push
        right[:, :-1] -= push
        solved = solveh_banded(band.reshape(2, -1), right.reshape(-1, axes), check_finite=False)
        tracks: Floats = solved.reshape(joints, count, axes)
        off = np.sqrt(((tracks - places) ** 2).sum(2))
        usual = np.maximum(np.median(off, axis=1), _USUAL_M)
        near = given / (1 + (off / (_FAR * usual)[:, None]) ** 2)
    result: Floats = tracks.swapaxes(0, 1)
    return result
