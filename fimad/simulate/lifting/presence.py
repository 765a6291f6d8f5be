"""Who isn't there: landmarks outside the picture, still pictures, darkened ones, and bodies that point at the camera.

A pose estimator finds people on photos and end cards, guesses feet below the picture's edge, and says that they are visible.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from fimad.simulate.doubts import Doubts, spans_of
from fimad.simulate.smoothing.resample import median_of, step_of
from fimad.simulate.types import Bools, CameraMotion, Floats, PoseSequence
from fimad.simulate.vectors import dot
from fimad.skeleton import LANDMARK_INDEX

# A landmark is outside when it lies this far beyond the picture's edge, in fractions of its size: half a hand or foot.
_BEYOND = 0.02
_OUTSIDE = 0.05
# A person's picture that changes by less than this, of 255, in all but a tenth of the pictures of a second is a still one. Of
# real people who stand as still as they can it changes by 0.3 and more, of stills by less than 0.05 but for key frames.
_STILL_LEVELS = 0.15
_STILL_S = 1.0
_ALLOWED = 0.9
# Under a fade or a card the person is darker than so much of the clip's median. Shadows and turns leave 0.8 of it.
_DARK = 0.6
# Trunk and legs point at the camera within 35 degrees.
_AXIAL = float(np.cos(np.deg2rad(35)))
_AXIAL_SHARE = 0.1
# Hands and feet that stay where they are while elbows move by several times as much are planted, m.
_PLANTED_M = 0.02
_MOVES = 2.5
_JOINTS = [
    LANDMARK_INDEX[f"{side}_{part}"]
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]

_FROM_BELOW = [LANDMARK_INDEX[name] for name in ("left_ankle", "left_hip", "left_wrist", "left_shoulder", "nose")]


def without_absent(pose: PoseSequence, doubts: Doubts) -> PoseSequence:
    """The pose without what is not there: frames NaN, and landmarks outside the picture not visible.

    Parameters
    ----------
    pose : as found.
    doubts : takes the flags `nobody`, `outside`, `still_picture`, `dark` and `above`.
    """
    found: Bools = np.asarray(np.isfinite(pose.image[..., 0]).all(1))
    seen = float(found.mean()) if len(found) else 0.0
    if seen <= 0.5:
        doubts.add("nobody", 1 - seen)
    if not found.any():
        return pose
    lost: Bools = np.zeros(len(found), bool)
    if pose.camera is not None:
        for flag, spans in (("still_picture", still_spans(pose.camera)), ("dark", dark_spans(pose.camera))):
            here = found & _within(pose.time_s, spans)
            if here.any():
                doubts.add(flag, here.mean(), spans_s=spans)
                lost |= here
    axial = found & _points_at_camera(pose.world_m)
    if axial.sum() > _AXIAL_SHARE * found.sum():
        doubts.add("above", axial.sum() / found.sum(), spans_s=spans_of(pose.time_s, axial))
        lost |= axial
    # One coordinate at a time: NumPy is slow along a last axis of two.
    with np.errstate(invalid="ignore"):
        outside = np.abs(pose.image[..., 0] - 0.5) > 0.5 + _BEYOND
        outside |= np.abs(pose.image[..., 1] - 0.5) > 0.5 + _BEYOND
    if outside.any():
        outside &= (found & ~lost)[:, None]
        share = float(outside[:, _JOINTS].any(1).sum() / found.sum())
        if share > _OUTSIDE:
            often = outside.sum(0) > _OUTSIDE * found.sum()
            doubts.add("outside", share, landmarks=[name for name, at in LANDMARK_INDEX.items() if often[at]])
        pose = replace(pose, visibility=np.where(outside, 0.0, pose.visibility))
    if not lost.any():
        return pose
    gone = lost[:, None, None]
    return replace(
        pose,
        image=np.where(gone, np.nan, pose.image),
        world_m=np.where(gone, np.nan, pose.world_m),
        visibility=np.where(lost[:, None], 0.0, pose.visibility),
    )


def still_spans(camera: CameraMotion) -> list[tuple[float, float]]:
    """Spans of a second or more in which the person's picture does not change."""
    if camera.person_change is None or len(camera.time_s) < 2:
        return []
    change = np.where(np.isfinite(camera.person_change), camera.person_change, np.inf)
    # A cut to the still picture is a change, and a key frame renews it.
    count = max(2, round(_STILL_S / step_of(camera.time_s)))
    if len(change) < count:
        return []
    rank = min(count - 1, int(_ALLOWED * count))
    quiet = ndimage.rank_filter(change, rank, size=count, mode="constant", cval=np.inf) < _STILL_LEVELS
    # Each quiet window is still as a whole.
    still = ndimage.binary_dilation(quiet, np.ones(count, bool), origin=-1 if count % 2 == 0 else 0)
    return spans_of(camera.time_s, still)


def dark_spans(camera: CameraMotion) -> list[tuple[float, float]]:
    """Spans in which the person is far darker than on the median."""
    if camera.person_light is None or not np.isfinite(camera.person_light).any():
        return []
    usual = float(np.nanmedian(camera.person_light))
    with np.errstate(invalid="ignore"):
        return spans_of(camera.time_s, camera.person_light < _DARK * usual)


def _within(time_s: Floats, spans: list[tuple[float, float]]) -> Bools:
    result: Bools = np.zeros(len(time_s), bool)
    for start, end in spans:
        result |= (time_s >= start - 1e-6) & (time_s <= end + 1e-6)
    return result


def _points_at_camera(world_m: Floats) -> Bools:
    """(n,) whether trunk and legs both point at the camera or away from it, as seen from above the head; who bends does not."""
    shoulders, hips, ankles = (
        world_m[:, LANDMARK_INDEX[f"left_{part}"]].T + world_m[:, LANDMARK_INDEX[f"right_{part}"]].T
        for part in ("shoulder", "hip", "ankle")
    )
    with np.errstate(invalid="ignore"):
        trunk, legs = (
            np.abs(part[2]) > _AXIAL * np.sqrt(dot(part, part)) for part in (shoulders - hips, hips - ankles)
        )
    result: Bools = trunk & legs
    return result


def hands_and_feet_planted(position_m: Floats) -> bool:
    """Whether the body moves between hands and feet that stay, with the hands below the head: a push-up seen from above.

    Parameters
    ----------
    position_m : (n, 33, 3) world frame, NaN where not measured.
    """
    seen = np.isfinite(position_m[:, 0, 0])
    known = position_m if seen.all() else position_m[seen]
    if len(known) < 2:
        return False
    ankle, hip, wrist, shoulder, nose = (median_of(known[:, row, 2]) for row in _FROM_BELOW)
    if not (ankle < hip < shoulder and hip < wrist < nose):
        return False
    wrists, ankles, elbows = (
        float(np.mean([known[:, LANDMARK_INDEX[f"{side}_{part}"]][:, ::2].std(0).max() for side in ("left", "right")]))
        for part in ("wrist", "ankle", "elbow")
    )
    return max(wrists, ankles) < _PLANTED_M and elbows > _MOVES * wrists
