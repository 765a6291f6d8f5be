"""Undoes the camera's own motion: landmarks as a camera that stands still would see them.

What is unknown is not motion. A shot whose camera is hardly seen to move is taken for one that stands, and where its motion
is unknown all the time, it is taken to stand as well, and flagged. In a shot that does move, a moment without a background to
measure by is bridged; longer ones are not valid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fimad.simulate.doubts import Doubts
from fimad.simulate.stretches import LONGEST_GAP_S
from fimad.simulate.types import Bools, CameraMotion, Floats

# Camera motion below this (fractions of the width, rad, and log scale, summed over a shot) is the tracker's own noise.
_STEADY = 0.01
# So large a share of the background must agree.
_TRUSTED = 0.4
# Without so large a share of a clip's pictures, whether the camera moved is unknown.
_MOST_UNKNOWN = 0.1


@dataclass(frozen=True)
class Steadied:
    """Landmarks without the camera's motion.

    Parameters
    ----------
    centred : (n, k, 2) px from the picture's middle.
    cuts : (n,) True where a new shot begins.
    masked : (n,) True where the camera moved, but how is unknown.
    steady : whether the camera stood still.
    unknown_share : share of the pictures in which there was too little background to tell.
    reach : how far the background shifts at most within a shot, in widths of the picture.
    """

    centred: Floats
    cuts: Bools
    masked: Bools
    steady: bool
    unknown_share: float
    reach: float = 0.0

    def doubt(self, doubts: Doubts) -> None:
        """Raise `camera_moves` and `camera_unknown`."""
        if not self.steady:
            doubts.add("camera_moves", widths=round(self.reach, 3))
        if self.unknown_share > _MOST_UNKNOWN:
            doubts.add("camera_unknown", self.unknown_share)


def without_camera_motion(centred: Floats, time_s: Floats, width_px: int, camera: CameraMotion | None) -> Steadied:
    """Undo the camera's motion.

    Parameters
    ----------
    centred : (n, k, 2) landmarks in px from the picture's middle.
    time_s : (n,) their times.
    width_px : of the picture.
    camera : None where it was not measured: it is taken to stand still.
    """
    count = len(time_s)
    cuts, masked = np.zeros(count, bool), np.zeros(count, bool)
    if camera is None or not len(camera.time_s):
        return Steadied(centred, cuts, masked, steady=True, unknown_share=0.0)
    for moment in camera.time_s[camera.cut]:
        at = int(np.searchsorted(time_s, moment - 1e-6))
        if 0 < at < count:
            cuts[at] = True
    known = camera.confidence >= _TRUSTED
    unknown_share = float(np.mean(~known & ~camera.cut))
    path, lost = _path(camera, known)
    if not path.any():
        return Steadied(centred, cuts, masked, steady=True, unknown_share=unknown_share)
    nearest = np.clip(np.searchsorted(camera.time_s, time_s), 0, len(camera.time_s) - 1)
    masked = lost[nearest]
    moved = np.empty((count, 4))
    shots, here = np.cumsum(camera.cut), np.searchsorted(camera.time_s[camera.cut] - 1e-6, time_s, side="right")
    for shot in np.unique(here):
        measured, seen = shots == shot, here == shot
        for axis in range(4):
            moved[seen, axis] = np.interp(time_s[seen], camera.time_s[measured], path[measured, axis])
    angle, shrink = -moved[:, 2], np.exp(-moved[:, 3])
    offset = centred - (moved[:, :2] * width_px)[:, None]
    cos, sin = (np.cos(angle) * shrink)[:, None], (np.sin(angle) * shrink)[:, None]
    mended = np.stack([offset[..., 0] * cos - offset[..., 1] * sin, offset[..., 0] * sin + offset[..., 1] * cos], -1)
    reach = float(np.hypot(path[:, 0], path[:, 1]).max())
    return Steadied(mended, cuts, masked, steady=False, unknown_share=unknown_share, reach=reach)


def _path(camera: CameraMotion, known: Bools) -> tuple[Floats, Bools]:
    """Where the first background of each shot is, (m, 4) as `CameraMotion.motion`, 0 in shots that stand; where it is lost."""
    path, lost = np.zeros_like(camera.motion), np.zeros(len(camera.time_s), bool)
    for shot in np.split(np.arange(len(camera.time_s)), np.flatnonzero(camera.cut)):
        if len(shot) < 2:
            continue
        motion = np.where(known[shot, None], camera.motion[shot], 0.0)
        if np.abs(_summed(motion)).max() < _STEADY:
            continue
        seen = known[shot].copy()
        # With its first picture nothing has moved yet.
        seen[0], motion[0] = True, 0.0
        for axis in range(4):
            motion[~seen, axis] = np.interp(camera.time_s[shot[~seen]], camera.time_s[shot[seen]], motion[seen, axis])
        path[shot] = _summed(motion)
        at = np.flatnonzero(seen)
        for first, last in zip(at, [*at[1:], len(shot)], strict=True):
            end = camera.time_s[shot[min(last, len(shot) - 1)]]
            lost[shot[first + 1 : last]] = end - camera.time_s[shot[first]] > LONGEST_GAP_S
    return path, lost


def _summed(motion: Floats) -> Floats:
    """(m, 4) motions one after the other; the first does not count."""
    path = [(0.0, 0.0, 0.0, 0.0)]
    turns = np.stack([np.cos(motion[:, 2]), np.sin(motion[:, 2]), np.exp(motion[:, 3])], axis=1)
    for (dx, dy, turn, grow), (cos, sin, scale) in zip(motion[1:].tolist(), turns[1:].tolist(), strict=True):
        x, y, turned, grown = path[-1]
        path.append((scale * (cos * x - sin * y) + dx, scale * (sin * x + cos * y) + dy, turned + turn, grown + grow))
    return np.array(path)
