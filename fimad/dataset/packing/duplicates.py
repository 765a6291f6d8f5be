"""Re-uploads: one performance published twice, with other bytes, another title, another channel, perhaps mirrored.

Neither a hash of the file nor the channel tells of them, but the motion does: two recordings of equal length in which every
limb moves the same way at the same times are one recording. The fingerprint is made from poses that are there anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

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


def candidates(durations: Iterable[tuple[str, float]]) -> set[str]:
    """Videos that are as long as another one; the others can't be copies.

    Parameters
    ----------
    durations : (video_id, duration_s) of each video.
    """
    known = sorted((duration, name) for name, duration in durations if duration > 0)
    found = set()
    for (short, one), (long, other) in pairwise(known):
        if long - short <= _LENGTH_S:
            found |= {one, other}
    return found


def duplicates(prints: Iterable[tuple[str, float, Print | None]]) -> list[tuple[str, str]]:
    """Pairs of videos that show one performance.

    Parameters
    ----------
    prints : (video_id, duration_s, fingerprint) of each video.
    """
    known = sorted(
        ((duration, name, mark) for name, duration, mark in prints if mark is not None), key=lambda each: each[:2]
    )
    lengths = np.array([duration for duration, _, _ in known])
    marks = np.array([mark.reshape(-1) for _, _, mark in known]) if known else np.zeros((0, 1), np.float16)
    pairs = []
    for at, (duration, name, mark) in enumerate(known):
        end = int(np.searchsorted(lengths, duration + _LENGTH_S, side="right"))
        others = marks[at + 1 : end].astype(np.float32)
        if not len(others):
            continue
        plain = mark.astype(np.float32)
        alike = np.maximum(others @ plain.reshape(-1), others @ mirrored(plain).reshape(-1))
        pairs += [(name, known[at + 1 + int(other)][1]) for other in np.flatnonzero(alike >= _SAME)]
    return pairs


def mirrored(mark: NDArray[np.float32]) -> NDArray[np.float32]:
    """The fingerprint of the picture flipped left to right."""
    swapped = mark.reshape(_TIMES, len(_NAMES), 2, 2)[:, :, ::-1].copy()
    swapped[..., 0] *= -1
    return swapped.reshape(mark.shape)
