"""Clocks that rise, belong to their clip, and have the rate that is said."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fimad.dataset.checking.columns import CLOCKS
from fimad.dataset.folding import Clip

# Frames belong to the clip in which they are shown; clips and frames are cut on clocks of their own.
TIME_SLACK_S = 1.0
# Times of samples may differ from a clock of equal steps by this share of a step.
_STEP_SLACK = 1e-3


def clock_problems(clip: Clip, version: int) -> Iterator[str]:
    """Clocks that don't rise, don't belong to the clip, or have another rate than is said; `version` of the schema."""
    start, end = clip["start_s"], clip["end_s"]
    for name in CLOCKS.values():
        time_s = clip.get(name)
        if time_s is None or not len(time_s):
            continue
        if not (np.isfinite(time_s).all() and (np.diff(time_s) > 0).all()):
            yield f"{name} does not rise"
        elif time_s[0] < start - TIME_SLACK_S or time_s[-1] > end + TIME_SLACK_S:
            yield f"{name} goes from {time_s[0]:g} to {time_s[-1]:g} s, and the clip from {start:g} to {end:g} s"
        elif name == "imu_time_s":
            yield from _imu_clock(clip, time_s, version)
            pose_s = clip.get("pose_time_s")
            if pose_s is not None and len(pose_s) and time_s[-1] < pose_s[-1] - TIME_SLACK_S:
                yield f"imu_time_s ends at {time_s[-1]:g} s, and pose_time_s at {pose_s[-1]:g} s"
    taken_s = clip.get("pose_source_time_s")
    if taken_s is None:
        return
    known = np.isfinite(taken_s)
    shown_s = clip.get("pose_time_s")
    if (np.diff(taken_s[known]) < 0).any():
        yield "pose_source_time_s falls"
    elif shown_s is not None and len(shown_s) == len(taken_s) and known.any():
        far_s = float(np.abs(taken_s - shown_s)[known].max())
        if far_s > TIME_SLACK_S:
            yield f"pose_source_time_s is up to {far_s:g} s from pose_time_s"


def _imu_clock(clip: Clip, time_s: NDArray[np.float64], version: int) -> Iterator[str]:
    rate_hz = clip["imu_rate_hz"]
    if rate_hz is None or not rate_hz > 0:
        yield "imu_time_s has times, and imu_rate_hz says nothing"
        return
    if len(time_s) > 1 and np.abs(np.diff(time_s) * rate_hz - 1).max() > _STEP_SLACK:
        yield f"imu_rate_hz is {rate_hz:g}, and imu_time_s has {1 / np.median(np.diff(time_s)):g} samples per second"
        return
    # From version 2 of the schema on, the clock hangs on the clip's beginning.
    place = (time_s[0] - clip["start_s"]) * rate_hz
    if version >= 2 and abs(place - round(place)) > _STEP_SLACK + 1e-6 * abs(clip["start_s"]):
        yield f"imu_time_s begins at {time_s[0]:.4f} s, which is not start_s + k / imu_rate_hz"
