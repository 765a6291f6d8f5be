"""Metric trajectories as the flat columns of a pose artifact, and back: what `pose.from` keeps of a file of motion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from fimad.simulate.lifting.trajectory import Trajectories
from fimad.simulate.orientations import SEGMENTS
from fimad.simulate.types import Bools, Floats
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

_HIPS = (LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"])


def stored(tracks: Trajectories) -> dict[str, Any]:
    """Columns of one clip, unfolded: n frames of 33 landmarks, NaN where not measured.

    `pose_world_m` is about the middle of the hips, in a camera's axes as of an estimate (x right, y down, z forward); where the hips
    are not measured, about the mean of what is. `pose_root_m` says where that is in the world frame, in double precision: a
    second derivative of places far from the origin would show the rounding of single precision.
    """
    count = len(tracks.time_s)
    place = np.full((count, len(LANDMARKS), 3), np.nan)
    shown = np.zeros((count, len(LANDMARKS)))
    for at, name in enumerate(tracks.names):
        if name in LANDMARK_INDEX:
            place[:, LANDMARK_INDEX[name]] = tracks.position_m[:, at]
            shown[:, LANDMARK_INDEX[name]] = tracks.weight[:, at]
    known: Bools = np.asarray(np.isfinite(place).all(2))
    place[~known], shown[~known] = np.nan, 0
    somebody: Bools = np.asarray(known.any(1))
    root = place[:, _HIPS].mean(1)
    other = ~np.isfinite(root).all(1)
    sums, numbers = np.nansum(place[other], 1), known[other].sum(1)
    root[other] = np.divide(sums, numbers[:, None], out=np.full_like(sums, np.nan), where=numbers[:, None] > 0)
    shown[~somebody] = np.nan
    columns: dict[str, Any] = {
        "pose_time_s": tracks.time_s,
        "pose_source_time_s": tracks.time_s,
        "pose_rates_hz": np.zeros(0),
        "pose_image": np.full((count, len(LANDMARKS), 3), np.nan, np.float32),
        "pose_world_m": ((place - root[:, None])[..., [0, 2, 1]] * [1, -1, 1]).astype(np.float32),
        "pose_visibility": shown.astype(np.float32),
        "pose_score": somebody.astype(np.float32),
        # What nothing connects with the frame before is another track.
        "pose_track": np.where(somebody, np.cumsum(tracks.breaks), -1).astype(np.int32),
        "pose_root_m": root,
        "pose_segment_orientation": None,
    }
    if tracks.rotations:
        turns = np.full((count, len(SEGMENTS), 4), np.nan, np.float32)
        for name, each in tracks.rotations.items():
            matrix = np.asarray(each)
            given: Bools = np.asarray(np.isfinite(matrix).all((1, 2)))
            turns[given, SEGMENTS.index(name)] = Rotation.from_matrix(matrix[given]).as_quat()
        columns["pose_segment_orientation"] = turns
    return columns


def restored(columns: Mapping[str, Any], notes: Mapping[str, Any] | None = None) -> Trajectories:
    """`Trajectories` of what `stored` gave; of landmarks and segments that were ever measured."""
    offset = np.asarray(columns["pose_world_m"], float).reshape(-1, len(LANDMARKS), 3)
    root = np.asarray(columns["pose_root_m"], float).reshape(-1, 3)
    place = offset[..., [0, 2, 1]] * [1, 1, -1] + root[:, None]
    weight = np.nan_to_num(np.asarray(columns["pose_visibility"], float).reshape(-1, len(LANDMARKS)))
    ever = np.flatnonzero(np.isfinite(place).all(2).any(0))
    track = np.asarray(columns["pose_track"], int)
    rotations: dict[str, Floats | Rotation] = {}
    if columns.get("pose_segment_orientation") is not None:
        turns = np.asarray(columns["pose_segment_orientation"], float).reshape(-1, len(SEGMENTS), 4)
        given = np.isfinite(turns).all(2)
        for at, name in enumerate(SEGMENTS):
            if given[:, at].any():
                matrix = np.full((len(turns), 3, 3), np.nan)
                matrix[given[:, at]] = Rotation.from_quat(turns[given[:, at], at]).as_matrix()
                rotations[name] = matrix
    return Trajectories(
        np.asarray(columns["pose_time_s"], float),
        tuple(LANDMARKS[at] for at in ever),
        place[:, ever],
        weight[:, ever],
        breaks=_breaks(track),
        rotations=rotations,
        notes=dict(notes or {}),
    )


def _breaks(track: np.ndarray) -> Bools:
    """(n,) where the number of the track is another than when somebody was last seen."""
    seen = np.flatnonzero(track >= 0)
    breaks = np.zeros(len(track), bool)
    breaks[seen[1:][np.diff(track[seen]) != 0]] = True
    return breaks
