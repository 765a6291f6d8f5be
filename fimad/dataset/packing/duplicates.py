"""Re-uploads: one performance published twice, with other bytes, another title, another channel, perhaps mirrored.

Neither a hash of the file nor the channel tells of them, but the motion does: two recordings of equal length in which every
limb moves the same way at the same times are one recording. The fingerprint is made from poses that are there anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.skeleton import LANDMARKS

# Left and right, in pairs, so that a mirrored copy is the same numbers in another order.
_NAMES = ("wrist", "elbow", "knee", "ankle")
_LANDMARKS = [LANDMARKS.index(f"{side}_{name}") for name in _NAMES for side in ("left", "right")]
_TIMES = 32
# Two takes of one choreography stay below this; re-encoded, rescaled or mirrored copies are above 0.95.
_SAME = 0.9
# Copies differ in length by a frame or an encoder's padding.
_LENGTH_S = 0.5
# A video in which hardly anything moves says nothing of who moved.
_LEAST_MOTION_M = 0.03
_LEAST_SHARE = 0.5

Print = NDArray[np.float16]
#: Size of a fingerprint: 32 times, 8 limbs, 2 axes.
PRINT_BYTES = _TIMES * len(_LANDMARKS) * 2 * 2
#: Gives the fingerprints of some rows, (n, 512); zeros where a video has none.
Marks = Callable[[NDArray[np.int64]], NDArray[np.float16]]
# So many videos are compared with so many of those of their length at once.
_BLOCK = 256
_AT_ONCE = 8192


def fingerprint(pose: pa.Table, duration_s: float) -> Print | None:
    """In-plane limb positions at 32 times of a video, mean removed, unit length: (32, 8, 2); None if too little is seen.

    Parameters
    ----------
    pose : the `pose` artifact of the video.
    duration_s : length of the video.
    """
    times, points = [], []
    for time_s, world in zip(pose.column("pose_time_s"), pose.column("pose_world_m"), strict=True):
        if time_s.is_valid and world.is_valid and len(time_s):
            times.append(time_s.values.to_numpy())
            points.append(world.values.to_numpy().reshape(-1, len(LANDMARKS), 3)[:, _LANDMARKS, :2])
    if not times or duration_s <= 0:
        return None
    clock, limbs = np.concatenate(times), np.concatenate(points)
    order = np.argsort(clock, kind="stable")
    clock, limbs = clock[order], limbs[order]
    wanted = (np.arange(_TIMES) + 0.5) * duration_s / _TIMES
    nearest = np.clip(np.searchsorted(clock, wanted), 0, len(clock) - 1)
    sample = limbs[nearest].astype(np.float64)
    seen = (np.abs(clock[nearest] - wanted) < duration_s / _TIMES) & np.isfinite(sample).all((1, 2))
    if seen.mean() < _LEAST_SHARE:
        return None
    sample -= sample[seen].mean(0)
    sample[~seen] = 0.0
    if float(np.sqrt((sample[seen] ** 2).mean())) < _LEAST_MOTION_M:
        return None
    unit: Print = (sample / np.linalg.norm(sample)).astype(np.float16)
    return unit


def duplicates(video_ids: Sequence[str], durations_s: NDArray[np.float64], marks: Marks) -> list[tuple[str, str]]:
    """Pairs of videos that show one performance.

    Parameters
    ----------
    durations_s : (n,) length of each video.
    marks : gives fingerprints by rows; they need not be in memory.
    """
    order = np.argsort(durations_s, kind="stable")
    lengths = durations_s[order]
    pairs = []
    for start in range(0, len(order), _BLOCK):
        mine = order[start : start + _BLOCK]
        plain = marks(mine).astype(np.float32)
        flipped = mirrored(plain)
        end = int(np.searchsorted(lengths, lengths[start + len(mine) - 1] + _LENGTH_S, side="right"))
        # Many videos may have one length.
        for first in range(start, end, _AT_ONCE):
            theirs = order[first : min(first + _AT_ONCE, end)]
            others = marks(theirs).astype(np.float32).T
            alike = np.maximum(plain @ others, flipped @ others) >= _SAME
            for one, other in zip(*np.nonzero(alike), strict=True):
                at, then = start + one, first + other
                if then > at and lengths[then] - lengths[at] <= _LENGTH_S and lengths[at] > 0:
                    pairs.append((video_ids[mine[one]], video_ids[theirs[other]]))
    return pairs


def mirrored(marks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 512) fingerprints of the pictures flipped left to right."""
    swapped = marks.reshape(len(marks), _TIMES, len(_NAMES), 2, 2)[:, :, :, ::-1].copy()
    swapped[..., 0] *= -1
    return swapped.reshape(marks.shape)
