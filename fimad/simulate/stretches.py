"""Which parts of a clip can be differentiated: stretches between cuts, lost people and long gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fimad.simulate.types import Bools, Floats

LONGEST_GAP_S = 0.25
# The default smoother needs about a repetition to find what stands out; a fixed filter does not.
SHORT_S = 1.2


def known(position_m: Floats) -> Bools:
    """(...,) whether all of the last axis' three coordinates are finite. NumPy's `all` takes ten times as long over so few."""
    found: Bools = np.isfinite(position_m[..., 0] + position_m[..., 1] + position_m[..., 2])
    return found


def is_short(time_s: Floats) -> bool:
    """Whether a stretch of frames at these (n,) times is too short to tell motion from noise by its spectrum."""
    return bool(time_s[-1] - time_s[0] < SHORT_S)


@dataclass(frozen=True)
class Stretch:
    """Frames [first, last] that belong together; `first` and `last` are measured."""

    first: int
    last: int


def find_stretches(
    time_s: Floats, good: Bools, breaks: Bools, *, longest_gap_s: float, shortest_s: float
) -> list[Stretch]:
    """Stretches of measured frames, bridging short gaps.

    Parameters
    ----------
    time_s : (n,) rising.
    good : (n,) whether the frame was measured.
    breaks : (n,) True where nothing may be joined across the step to this frame (a cut, another person).
    longest_gap_s : longer gaps between measured frames end a stretch.
    shortest_s : shorter stretches are left out.
    """
    at = np.flatnonzero(good)
    if not len(at):
        return []
    split = np.diff(time_s[at]) > longest_gap_s
    if breaks.any():
        split |= np.diff(np.cumsum(breaks)[at]) > 0
    groups = np.split(at, np.flatnonzero(split) + 1) if split.any() else [at]
    return [
        Stretch(int(group[0]), int(group[-1]))
        for group in groups
        if len(group) >= 4 and time_s[group[-1]] - time_s[group[0]] >= shortest_s
    ]


def bridge_gaps(time_s: Floats, position_m: Floats, longest_gap_s: float) -> Floats:
    """(n, k, 3) positions with the short gaps of each point filled; a point with a longer gap, or one at an end, keeps it.

    Shape-preserving cubic (Fritsch & Carlson 1980, doi:10.1137/0717021): it does not overshoot across the gap.
    """
    found = known(position_m)
    if found.all():
        return position_m
    result = position_m.copy()
    patterns, which = np.unique(found, axis=1, return_inverse=True)
    for at, seen in enumerate(patterns.T):
        good = np.flatnonzero(seen)
        if seen.all() or len(good) < 2 or not (seen[0] and seen[-1]):
            continue
        if np.diff(time_s[good]).max() > longest_gap_s:
            continue
        points = np.flatnonzero(which.ravel() == at)
        missing = np.flatnonzero(~seen)
        from scipy.interpolate import PchipInterpolator  # a third of a second, and only where there are gaps

        spline = PchipInterpolator(time_s[good], position_m[np.ix_(good, points)], axis=0)
        result[np.ix_(missing, points)] = spline(time_s[missing])
    return result
