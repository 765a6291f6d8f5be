"""Frames that no motion leads to: a T-pose as the first frame, tracks that were joined, sides that were exchanged."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fimad.simulate.types import Bools, Floats, Ints

# A step is a jump if it is so many times as long as those before and after it, and longer than what a hand does in 10 ms.
_TIMES = 4.0
_SHORTEST_M = 0.06
# The fastest hands and feet (a pitcher's, a kicker's) stay below this.
_FASTEST_M_S = 30.0
# Who is recorded from the middle of a motion slows down; from this speed to a fraction of it within so short a time nobody
# does, while programs blend a rest pose into the first frames, or out of the last.
_BLEND_M_S, _BLEND_M_S2, _BLEND_S, _SETTLED = 8.0, 150.0, 0.1, 0.25
# A jump of so much of the body is one of all of it.
_BODY_SHARE = 0.3
# Exchanging sides explains a jump if what is left of it is shorter than this part.
_EXPLAINED = 0.3


def mend(time_s: Floats, position_m: Floats, names: Sequence[str]) -> tuple[Floats, Bools, dict[str, Any]]:
    """Positions with exchanged sides put back, single frames of nonsense masked, and where another take begins.

    Parameters
    ----------
    time_s : (n,) rising.
    position_m : (n, k, 3) in m, NaN where not measured.
    names : of the k landmarks.

    Returns
    -------
    Positions; (n,) True where nothing connects a frame with the one before; what was found, for the report.
    """
    notes: dict[str, Any] = {}
    position, swapped = _unswapped(position_m, names)
    if swapped:
        notes["swapped_sides_frames"] = swapped
    jumps = _jumps(time_s, position)
    known = np.isfinite(position[1:]).all(2) & np.isfinite(position[:-1]).all(2)
    share = jumps.sum(1) / np.maximum(1, known.sum(1))
    whole = (share >= _BODY_SHARE) & (jumps.sum(1) >= min(3, max(1, known.shape[1])))
    breaks = np.concatenate([[False], whole])
    # A landmark that leaps by itself was something else there: the shorter side of the leap is masked, if it is short.
    lost = 0
    for at in range(position.shape[1]):
        alone = np.flatnonzero(jumps[:, at] & ~whole) + 1
        edges: Ints = np.unique(np.concatenate([[0], alone, np.flatnonzero(breaks), [len(position)]]))
        for first, last in itertools.pairwise(edges.tolist()):
            touches = first in alone or last in alone
            if touches and time_s[last - 1] - time_s[first] < 0.5 and last - first < len(position) / 2:
                position[first:last, at] = np.nan
                lost += int(last - first)
    lost += _without_blends(time_s, position)
    if lost:
        notes["leaping_landmark_frames"] = lost
    if breaks.any():
        notes["jumps_at_s"] = [round(float(each), 4) for each in time_s[breaks][:20]]
    return position, breaks, notes


def _without_blends(time_s: Floats, position: Floats) -> int:
    """Mask, in place, landmarks that rush to where the motion begins or from where it ends; returns how many frames."""
    lost = 0
    for along in (slice(None), slice(None, None, -1)):
        ordered, times = position[along], np.abs(time_s[along] - time_s[along][0])
        near = int(np.searchsorted(times, 4 * _BLEND_S)) + 1
        with np.errstate(invalid="ignore"):
            speed = np.linalg.norm(np.diff(ordered[:near], axis=0), axis=2) / np.diff(times[:near])[:, None]
        first = times[: len(speed)] < _BLEND_S
        if not first.any() or first.all():
            continue
        for at in range(position.shape[1]):
            later = speed[~first, at]
            if not np.isfinite(later).any():
                continue
            usual = float(np.nanmedian(later))
            rushing = np.flatnonzero(first & (speed[:, at] > usual + _SETTLED * _BLEND_M_S))
            if not len(rushing):
                continue
            last = int(rushing[-1]) + 1
            fastest = float(np.nanmax(speed[:last, at]))
            fell = fastest - usual
            if fastest > _BLEND_M_S and usual < _SETTLED * fastest and fell > _BLEND_M_S2 * float(times[last]):
                ordered[:last, at] = np.nan
                lost += last
    return lost


def _jumps(time_s: Floats, position_m: Floats) -> Bools:
    """(n - 1, k): steps that are far longer than their neighbours, or faster than a human is."""
    with np.errstate(invalid="ignore"):
        step = np.linalg.norm(np.diff(position_m, axis=0), axis=2)
        speed = step / np.diff(time_s)[:, None]
        before = np.vstack([speed[1:2], speed[:-1]]) if len(speed) > 1 else speed * 0
        after = np.vstack([speed[1:], speed[-2:-1]]) if len(speed) > 1 else speed * 0
        around = np.fmax(before, after)
        around = np.where(np.isfinite(around), around, 0.0)
        sudden = (speed > _TIMES * around) & (step > _SHORTEST_M)
        found: Bools = np.isfinite(step) & (sudden | (speed > _FASTEST_M_S))
    return found


def _unswapped(position_m: Floats, names: Sequence[str]) -> tuple[Floats, int]:
    """Positions with sides put back where they were exchanged for a while, and how many frames that were."""
    order = _other_side(names)
    sided = np.flatnonzero(order != np.arange(len(names)))
    if not len(sided) or len(position_m) < 2:
        return position_m.copy(), 0
    here, other = position_m[:, sided], position_m[:, order[sided]]
    known: Bools = np.asarray(np.isfinite(here).all(2) & np.isfinite(other).all(2))
    both = known[1:] & known[:-1]

    def mean(step: Floats) -> Floats:
        length = np.where(both, np.linalg.norm(step, axis=2), 0.0)
        result: Floats = length.sum(1) / np.maximum(1, both.sum(1))
        return result

    with np.errstate(invalid="ignore"):
        kept, crossed = mean(here[1:] - here[:-1]), mean(other[1:] - here[:-1])
    turns = (kept > _SHORTEST_M) & (crossed < _EXPLAINED * kept)
    exchanged = np.concatenate([[0], np.cumsum(turns)]) % 2 == 1
    # Which of the two is right can't be told from motion: what lasts longer is.
    if exchanged.sum() > len(exchanged) / 2:
        exchanged = ~exchanged
    result = position_m.copy()
    result[exchanged] = position_m[exchanged][:, order]
    return result, int(exchanged.sum())


def _other_side(names: Sequence[str]) -> Ints:
    """For each column that of the same part on the other side, or its own."""
    where = {name: at for at, name in enumerate(names)}
    found = []
    for at, name in enumerate(names):
        side, _, part = name.partition("_")
        twin = {"left": "right", "right": "left"}.get(side)
        found.append(where.get(f"{twin}_{part}", at) if twin else at)
    return np.array(found)
