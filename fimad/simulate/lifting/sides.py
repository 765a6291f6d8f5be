"""Left and right: a pose estimator takes one for the other, for a frame or for seconds, above all of people seen from behind.

When sides are exchanged, every landmark leaps to where its mirror image was. Of all ways to exchange arms and legs frame by
frame the one is taken in which the body moves least (Viterbi 1967, doi:10.1109/TIT.1967.1054010): a swap that lasts shows at
its beginning and its end. Which of two ways round is right cannot be seen: it is that of most frames. Where frames are divided,
nobody knows. Between two ways round an estimator may put a limb where neither is, for a frame or some: such frames are passed
over, and those before and after are compared, since through them every way is as short as the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fimad.simulate.smoothing.resample import step_of
from fimad.simulate.stretches import LONGEST_GAP_S
from fimad.simulate.types import Bools, Floats, Ints
from fimad.simulate.vectors import dot
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

_ARMS = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb")
_LEGS = ("hip", "knee", "ankle", "heel", "foot_index")
_TRUNK = ("shoulder", "hip")
# Depth errs most: it counts for half.
_DEPTH = 0.5
# Sides are exchanged where that makes the way from one frame to the next so much shorter, m, on the mean over landmarks.
_SWITCH_M = 0.06
# What it costs if shoulders and hips are turned to opposite sides, m, for as long as they are.
_TWISTED_M = 0.03
# A step of fewer metres is no swap; nor is one that is not at least so much shorter with sides exchanged.
_STEP_M = 0.08
_GAIN = 0.5
# What it costs, m/s, to have arms or legs exchanged: without it, a limb that leaps to the other side and slides back would stay
# exchanged for good.
_EXCHANGED_M_S = 0.03
# Where so large a share of a piece is exchanged against the rest, which of them is right is not known.
_DIVIDED = 1 / 3
# Shoulders that lie closer together in the picture are seen from the side.
_APART_M = 0.1
# A piece shorter than this has no majority.
_FEWEST = 10
# How fast arms or legs may turn back on the mean over their landmarks, m/s2: hands three quarters of what no human limb does
# (`plausibility`), and the shoulders none of it.
_TURN_M_S2 = 110.0
_STATES = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], bool)


@dataclass(frozen=True)
class Sides:
    """What was found of left and right in n frames.

    Parameters
    ----------
    order : (n, 33) indices of landmarks that undo the swaps.
    swapped : (n,) True where they are not the natural ones.
    divided : (n,) True where neither of two ways round has a clear majority.
    astray : (n, 33) True for landmarks, in that order, that are neither where one side is nor where the other is.
    """

    order: NDArray[np.intp]
    swapped: Bools
    divided: Bools
    astray: Bools


def _rows(parts: tuple[str, ...], side: str) -> list[int]:
    return [LANDMARK_INDEX[f"{side}_{part}"] for part in parts]


_LIMBS = [(_rows(parts, "left"), _rows(parts, "right")) for parts in (_ARMS, _LEGS)]


def find_sides(time_s: Floats, position_m: Floats, breaks: Bools) -> Sides:
    """Find where left and right are exchanged.

    Parameters
    ----------
    time_s : (n,) rising, of frames in which all landmarks were found.
    position_m : (n, 33, 3) world frame.
    breaks : (n,) True where another shot or person begins: nothing is compared across it.
    """
    count = len(position_m)
    order = np.arange(len(LANDMARKS))[None].repeat(count, axis=0)
    none: Bools = np.zeros(count, bool)
    astray = np.zeros((count, len(LANDMARKS)), bool)
    if count < 2:
        return Sides(order, none, none, astray)
    joined = ~breaks[1:] & (np.diff(time_s) <= LONGEST_GAP_S)
    # As a rule nothing leaps, and there is nothing to find. Times last: NumPy is slow along a last axis of three.
    for left, right in _LIMBS:
        way = np.diff(position_m.T[:, left + right])
        way[1] *= _DEPTH
        if ((np.sqrt(dot(way, way)).mean(0) > _STEP_M) & joined).any():
            break
    else:
        return Sides(order, none, none, astray)
    place = position_m.copy()
    place[..., 1] *= _DEPTH
    both = [left + right for left, right in _LIMBS]
    others = [right + left for left, right in _LIMBS]
    lost = np.stack([_passed_over(time_s, place, joined, *rows) for rows in zip(both, others, strict=True)])
    held = place.copy()
    for rows, passed in zip(both, lost, strict=True) if lost.any() else ():
        # Held where they were, all that is known of the way is in the step to where they are next.
        held[:, rows] = place[np.maximum.accumulate(np.where(passed, 0, np.arange(count)))][:, rows]
    steps = np.stack(
        [[_steps(held, before, after) for before, after in zip(both, now, strict=True)] for now in (both, others)],
        axis=1,
    )
    if not lost.any() and not ((steps[:, 0] > _STEP_M) & joined & (steps[:, 1] < steps[:, 0])).any():
        return Sides(order, none, none, astray)
    steps[:, 1] = np.where(steps[:, 1] < _GAIN * steps[:, 0], steps[:, 1], steps.max(1))
    state = _viterbi(steps, joined, _twist(held), _EXCHANGED_M_S * step_of(time_s))
    exchanged, divided = _STATES[state], none.copy()
    for piece in np.split(np.arange(count), np.flatnonzero(~joined) + 1):
        share = exchanged[piece].mean(0)
        exchanged[piece] ^= share > 0.5
        if len(piece) >= _FEWEST and np.minimum(share, 1 - share).max() > _DIVIDED:
            divided[piece] = True
    for at, passed in enumerate(lost):
        turned = exchanged[:, at]
        if passed.any():
            turned[passed], astray[:, both[at]] = _nearer(time_s, place, turned, passed, both[at], others[at])
        order[:, both[at]] = np.where(turned[:, None], others[at], order[:, both[at]])
    swapped: Bools = np.asarray(exchanged.any(1))
    return Sides(order, swapped, divided, astray)


def seen_from_behind(position_m: Floats) -> float:
    """The share of frames in which left is on the picture's left, by more than a hand's width."""
    way = position_m[:, LANDMARK_INDEX["left_shoulder"], 0] - position_m[:, LANDMARK_INDEX["right_shoulder"], 0]
    way = way[np.isfinite(way)]
    return float((way < -_APART_M).mean()) if len(way) else 0.0


def _steps(place_m: Floats, before: list[int], after: list[int]) -> Floats:
    """(n - 1,) how far landmarks go from one frame to the next, on the mean, if those `after` are the ones that were `before`."""
    way = place_m.T[:, after, 1:] - place_m.T[:, before, :-1]
    result: Floats = np.sqrt(dot(way, way)).mean(0)
    return result


def _passed_over(time_s: Floats, place_m: Floats, joined: Bools, both: list[int], others: list[int]) -> Bools:
    """(n,) frames that are better passed over, in runs no longer than a short gap.

    Of all ways through the frames the one is taken that is shortest (Viterbi), whichever side is which in each. To pass frames
    over costs what a detour costs that people can make in that time, and no less than a step there and back that is no swap.
    """
    count = len(place_m)
    longest = max(1, min(round(LONGEST_GAP_S / step_of(time_s)), count - 1))
    table = np.full((longest, count), np.inf)
    # Times last: NumPy is slow along a last axis of three.
    here, there = (np.ascontiguousarray(place_m.T[:, rows]) for rows in (both, others))

    def ways(first: slice | Ints, last: slice | Ints) -> Floats:
        """How far it is from some frames to others, whichever side is which."""
        apart = [here[..., last] - before[..., first] for before in (here, there)]
        shorter: Floats = np.minimum(*(np.sqrt(dot(way, way)).mean(0) for way in apart))
        return shorter

    table[0, 1:] = np.where(joined, ways(slice(None, -1), slice(1, None)), 0.0)
    through = np.cumsum(np.r_[0.0, table[0, 1:]])
    divided = np.cumsum(np.r_[0, ~joined])
    any_shorter = False
    for passed in range(1, longest):
        apart = passed + 1
        span_s = time_s[apart:] - time_s[:-apart]
        # Half of the time there, half of it back: a detour of twice a (T/2)²/2.
        detour = np.maximum(2 * _STEP_M, _TURN_M_S2 * span_s**2 / 4)
        saved = through[apart:] - through[:-apart] - detour
        # Most ways through the frames are shorter than any detour.
        first = np.flatnonzero((saved > 0) & (divided[apart:] == divided[:-apart]))
        if len(first):
            table[passed, first + apart] = way = ways(first, first + apart) + detour[first]
            any_shorter |= bool((way < saved[first] + detour[first]).any())
    passed_over: Bools = np.zeros(count, bool)
    if not any_shorter:
        return passed_over
    total, came = np.zeros(count), np.zeros(count, np.intp)
    for at in range(1, count):
        reach = min(at, longest)
        ways_there = total[at - reach : at][::-1] + table[:reach, at]
        came[at] = ways_there.argmin()
        total[at] = ways_there[came[at]]
    at = count - 1
    while at > 0:
        passed_over[at - came[at] : at] = True
        at -= came[at] + 1
    return passed_over


def _twist(place_m: Floats) -> Floats:
    """(n,) how far shoulders and hips are turned to the same side (positive) or to opposite ones, -1 to 1."""
    shoulders, hips = (
        place_m[:, LANDMARK_INDEX[f"left_{part}"]] - place_m[:, LANDMARK_INDEX[f"right_{part}"]] for part in _TRUNK
    )
    size = np.sqrt((shoulders**2).sum(1) * (hips**2).sum(1))
    twist: Floats = (shoulders * hips).sum(1) / np.maximum(size, 1e-6)
    return twist


def _viterbi(steps_m: Floats, joined: Bools, twist: Floats, exchanged_m: float) -> NDArray[np.intp]:
    """(n,) states, as rows of `_STATES`, of least cost; (2, 2, n - 1) steps of arms and legs, as they are and exchanged."""
    count = len(twist)
    apart = _STATES[:, 0] != _STATES[:, 1]
    # (n, 4): what each state costs by itself.
    alone = _TWISTED_M * np.maximum(0.0, np.where(apart[None], twist[:, None], -twist[:, None]))
    alone = alone + exchanged_m * _STATES.sum(1)
    switch = _STATES[:, None] != _STATES[None]
    penalty = _SWITCH_M * switch.any(2)
    arms, legs = (
        np.where(switch[None, :, :, at], steps_m[at, 1][:, None, None], steps_m[at, 0][:, None, None]) for at in (0, 1)
    )
    between = np.where(joined[:, None, None], arms + legs + penalty, 0.0)
    total, came = alone[0], np.zeros((count, len(_STATES)), np.intp)
    for at in range(1, count):
        ways = total[:, None] + between[at - 1]
        came[at] = ways.argmin(0)
        total = ways.min(0) + alone[at]
    state = np.zeros(count, np.intp)
    state[-1] = total.argmin()
    for at in range(count - 1, 0, -1):
        state[at - 1] = came[at, state[at]]
    return state


def _nearer(
    time_s: Floats, place_m: Floats, exchanged: Bools, passed: Bools, both: list[int], others: list[int]
) -> tuple[Bools, Bools]:
    """Whether sides are exchanged in the frames that were passed over, as their landmarks lie nearer to the way between
    the others; and (n, k) those of `both` that are off it even so."""
    known = np.where(exchanged[:, None, None], place_m[:, others], place_m[:, both])
    way = bridged(time_s, known, np.repeat(passed[:, None], len(both), axis=1))
    off = np.stack([np.sqrt(((place_m[:, rows] - way) ** 2).sum(2)) for rows in (both, others)])[:, passed]
    nearer = off.mean(2).argmin(0)
    good_s = time_s[~passed]
    after = np.searchsorted(good_s, time_s[passed])
    # Half of a detour that people can't make.
    most = np.maximum(_STEP_M, _TURN_M_S2 * (good_s[after] - good_s[after - 1]) ** 2 / 8)
    astray = np.zeros((len(time_s), len(both)), bool)
    astray[passed] = np.take_along_axis(off, nearer[None, :, None], 0)[0] > most[:, None]
    return nearer == 1, astray


def bridged(time_s: Floats, place_m: Floats, lost: Bools) -> Floats:
    """(n, k, 3) places, on straight lines where they were `lost` (n, k)."""
    result = place_m.copy()
    for landmark in np.flatnonzero(lost.any(0)):
        gone = lost[:, landmark]
        for axis in range(place_m.shape[2]):
            result[gone, landmark, axis] = np.interp(time_s[gone], time_s[~gone], place_m[~gone, landmark, axis])
    return result
