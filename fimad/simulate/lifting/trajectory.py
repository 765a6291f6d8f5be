"""From landmarks to metric trajectories in the world frame: scale, root, camera motion, up.

In the picture's plane the 2D landmarks are far better than MediaPipe's hip-centred world landmarks, and they contain the
body's own motion. They become metres with one number per moment, the metres per pixel at the person's distance. That comes
from fitting the world landmarks' projection to the 2D landmarks. Its noise would act on every landmark, so it is taken over
seconds. Depth relative to the hips comes from the world landmarks and is mended with what is known of bodies (`body`); the
body's own motion in depth cannot be told from noise and counts as drift.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError
from fimad.simulate.doubts import Doubts, spans_of
from fimad.simulate.lifting.body import body_lengths, broken_bones, mend_depth, reaches, settle_hips, stature
from fimad.simulate.lifting.camera import without_camera_motion
from fimad.simulate.lifting.fusion import Steps, fuse, led_on, steps_of
from fimad.simulate.lifting.leaps import without_leaps
from fimad.simulate.lifting.perspective import View
from fimad.simulate.lifting.presence import hands_and_feet_planted, without_absent
from fimad.simulate.lifting.sides import bridged, find_sides, seen_from_behind
from fimad.simulate.lifting.upright import estimate_pitch
from fimad.simulate.orientations import SEGMENTS
from fimad.simulate.smoothing.resample import median_of, step_of
from fimad.simulate.stretches import known
from fimad.simulate.types import Bools, Floats, PoseSequence, check_times
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

# Focal length in units of the longer side: phones and webcams lie between 0.8 and 1.5 (a horizontal view of 45 degrees).
DEFAULT_FOCAL = 1.2
_SCALE_S = 2.0
# Shares of landmarks that leap, of frames with bones of impossible length, and of those seen from behind, that are worth a flag.
_LEAPING, _BROKEN, _BEHIND = 0.02, 0.01, 0.5
# Where landmarks' slow motion stands in for flow, so much of their weight is taken off.
_GUESSED = 0.4
# A length that never changes takes some frames to be seen.
_FEWEST = 10

_TRUNK_AND_LIMBS = [
    LANDMARK_INDEX[f"{side}_{part}"]
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]


@dataclass(frozen=True)
class Trajectories:
    """Named points over time in the world frame.

    Parameters
    ----------
    time_s : (n,) rising.
    names : of the k points; those of `skeleton.LANDMARKS` are understood by `simulate_imu`.
    position_m : (n, k, 3) world frame (x right, y away, z up), NaN where not measured.
    weight : (n, k) 0 to 1: how far a point is to be trusted; by default 1 where it was measured.
    depth_axis : which axis carries the noise of monocular depth; None for motion capture.
    view : how one camera saw them; None for motion capture.
    breaks : (n,) True where nothing connects a frame with the one before; by default nowhere.
    rotations : by segment (`orientations.SEGMENTS`), (n, 3, 3) from a frame that is fixed to the segment to the world, or a SciPy
        `Rotation` of n; which frame that is does not matter.
    notes : what a reader had to decide, for the report.

    Raises
    ------
    ConfigError : shapes that do not fit, times that do not rise or are no seconds.
    """

    time_s: Floats
    names: tuple[str, ...]
    position_m: Floats
    weight: Floats = field(default_factory=lambda: np.zeros(0))
    depth_axis: int | None = None
    view: View | None = None
    breaks: Bools = field(default_factory=lambda: np.zeros(0, bool))
    rotations: Mapping[str, Floats | Rotation] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fix = "Trajectories(time_s (n,), names (k,), position_m (n, k, 3)); times in seconds, lengths in metres."
        put = functools.partial(object.__setattr__, self)
        put("time_s", np.asarray(self.time_s, float))
        put("names", tuple(self.names))
        put("position_m", np.asarray(self.position_m, float))
        count, points = len(self.time_s), len(self.names)
        if self.time_s.ndim != 1 or self.position_m.shape != (count, points, 3):
            raise ConfigError(
                f"{count} times and {points} names do not fit positions of the shape {self.position_m.shape}.",
                "Axes are exchanged, or one point has no name.",
                fix,
            )
        check_times(self.time_s)
        if not len(self.weight):
            put("weight", np.isfinite(self.position_m).all(2).astype(float))
        if not len(self.breaks):
            put("breaks", np.zeros(count, bool))
        unknown = sorted(set(self.rotations) - set(SEGMENTS))
        if unknown:
            raise ConfigError(
                f"There is no segment {unknown[0]!r}.", "The name is misspelt.", f"They are: {', '.join(SEGMENTS)}."
            )
        matrices = {
            name: np.asarray(each.as_matrix() if isinstance(each, Rotation) else each, float)
            for name, each in self.rotations.items()
        }
        put("rotations", matrices)
        for shape, what in (
            *(((self.weight.shape, (count, points)), "weight"), ((self.breaks.shape, (count,)), "breaks")),
            *((((each.shape, (count, 3, 3))), f"rotations[{name!r}]") for name, each in matrices.items()),
        ):
            if shape[0] != shape[1]:
                raise ConfigError(f"{what} has the shape {shape[0]}, not {shape[1]}.", "Axes are exchanged.", fix)


@dataclass(frozen=True)
class _Mended:
    """Frames (n,) with sides put back, or divided; landmarks in frames that leap; frames with bones of impossible length."""

    swapped: Bools = field(default_factory=lambda: np.zeros(0, bool))
    divided: Bools = field(default_factory=lambda: np.zeros(0, bool))
    leaps: int = 0
    broken: int = 0


@dataclass(frozen=True)
class Lifted:
    """`Trajectories` of a pose with what they rest on."""

    trajectories: Trajectories
    breaks: Bools
    report: dict[str, Any]
    doubts: Doubts = field(default_factory=Doubts)


def lift(
    pose: PoseSequence, *, focal: float | None = None, pitch_deg: float | None = None, height_m: float | None = None
) -> Lifted:
    """Metric world trajectories of the 33 landmarks.

    Parameters
    ----------
    pose : see `PoseSequence`.
    focal : focal length over the longer side of the picture; None takes the prior. In the plane it cancels out.
    pitch_deg : how far the camera looks down, degrees; None takes it as level, and the report says what it seems to be.
    height_m : the person's height; None takes what the pose model guesses, which is much the same for everybody.
    """
    doubts = Doubts()
    # Times side by side in memory, here and in all that is made of it: NumPy is slow along a last axis of a few.
    image, world_m, visibility = (np.asfortranarray(each) for each in (pose.image, pose.world_m, pose.visibility))
    pose = without_absent(replace(pose, image=image, world_m=world_m, visibility=visibility), doubts)
    longer = max(pose.width_px, pose.height_px)
    focal_px = (DEFAULT_FOCAL if focal is None else focal) * longer
    centred = np.empty_like(pose.image[..., :2])
    for axis, size_px in enumerate((pose.width_px, pose.height_px)):
        np.multiply(pose.image[..., axis] - 0.5, size_px, out=centred[..., axis])
    if pose.flow is not None:
        centred = np.concatenate([centred, led_on(centred, pose.flow, pose.width_px)], axis=1)
    steadied = without_camera_motion(centred, pose.time_s, pose.width_px, pose.camera)
    led, centred = steadied.centred[:, len(LANDMARKS) :], steadied.centred[:, : len(LANDMARKS)]
    breaks, masked = steadied.cuts.copy(), steadied.masked
    weight = np.where(np.isfinite(pose.world_m[..., 0]), np.clip(pose.visibility, 0, 1), 0.0)
    weight[masked] = 0.0
    steadied.doubt(doubts)
    distance_m = _distance(centred, pose.world_m, weight, focal_px)
    seen = np.isfinite(distance_m)
    slow_m = _slow(pose.time_s, distance_m, seen, breaks)
    metres_per_px = slow_m / focal_px
    position = np.empty_like(pose.world_m)
    position[..., 0] = centred[..., 0] * metres_per_px[:, None]
    position[..., 1] = pose.world_m[..., 2]
    position[..., 2] = -centred[..., 1] * metres_per_px[:, None]
    lost = ~seen | masked
    if lost.any():
        position[lost] = np.nan
    cuts = int(breaks.sum())
    good = _whole(position)
    lengths_m = body_lengths(position[good], pose.world_m[good]) if good is not None else np.full(5, np.nan)
    size = height_m / stature(lengths_m) if height_m and good is not None else 1.0
    if size != 1:
        position, slow_m, lengths_m = position * size, slow_m * size, lengths_m * size
    steps, flow_share = None, 0.0
    if pose.flow is not None and len(pose.time_s):
        flow_share = float(np.isfinite(pose.flow.grey).all((1, 2)).mean())
        led_m = led * np.array([1.0, -1.0]) * (slow_m / focal_px)[:, None, None]
        steps = steps_of(position, led_m, pose.flow)
    mended = _Mended() if good is None else _mend(pose.time_s, position, weight, breaks, good, lengths_m, steps)
    _doubt(doubts, pose.time_s, position, mended, int(breaks.sum()) - cuts)
    seen_pitch, confidence = estimate_pitch(pose.world_m)
    pitch = 0.0 if pitch_deg is None else pitch_deg
    turn = None
    if pitch:
        angle = np.deg2rad(pitch)
        turn = np.array([[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]])
        position = position @ turn.T
    report: dict[str, float | int | str | bool] = {
        "focal_over_longer_side": focal_px / longer,
        "focal_source": "prior" if focal is None else "given",
        "pitch_deg": pitch,
        "pitch_source": "level" if pitch_deg is None else "given",
        "pitch_estimate_deg": round(seen_pitch, 1),
        "pitch_confidence": round(confidence, 2),
        "height_m": round(stature(lengths_m), 3),
        "height_source": "pose" if size == 1 else "given",
        "distance_m": median_of(distance_m[seen]) * size if seen.any() else float("nan"),
        "camera_steady": steadied.steady,
        "camera_unknown_share": round(steadied.unknown_share, 3),
        "camera_masked_frames": int(masked.sum()),
        "flow_share": round(flow_share, 3),
        "cuts": cuts,
        "other_persons": int(breaks.sum()) - cuts,
        "swapped_sides_frames": int(mended.swapped.sum()),
        "leaping_landmark_frames": mended.leaps,
    }
    tracks = Trajectories(pose.time_s, LANDMARKS, position, weight, depth_axis=1, view=View(slow_m, turn, flow_share))
    return Lifted(tracks, breaks, report, doubts)


def _whole(position_m: Floats) -> slice | NDArray[np.intp] | None:
    """The frames where all landmarks were found; None if they are too few to tell lengths from."""
    whole = known(position_m).all(1)
    if np.count_nonzero(whole) < _FEWEST:
        return None
    # As a rule all frames are good, and nothing has to be picked out and put back.
    return slice(None) if whole.all() else np.flatnonzero(whole)


def _mend(
    time_s: Floats,
    position_m: Floats,
    weight: Floats,
    breaks: Bools,
    good: slice | NDArray[np.intp],
    lengths_m: Floats,
    steps: Steps | None = None,
) -> _Mended:
    """Undo swapped sides and leaps, let landmarks move as pixels do, mend depth and settle hips, in place, in the frames where all landmarks were found; a
    leap of the whole body is added to `breaks`."""
    found, trusted = position_m[good], weight[good]
    sides = find_sides(time_s[good], found, breaks[good])
    if sides.swapped.any():
        found = np.take_along_axis(found, sides.order[:, :, None], 1)
        trusted = np.take_along_axis(trusted, sides.order, 1)
        weight[good] = trusted
    if sides.astray.any():
        found, trusted = bridged(time_s[good], found, sides.astray), np.where(sides.astray, 0.0, trusted)
        weight[good] = trusted
    if (broken := broken_bones(found, lengths_m)).any():
        trusted = np.where(broken, 0.0, trusted)
        weight[good] = trusted
    leapless = without_leaps(time_s[good], found, breaks[good], reaches(lengths_m))
    if leapless.doubtful.any():
        found, trusted = leapless.position_m, np.where(leapless.doubtful, 0.0, trusted)
        weight[good] = trusted
    breaks[good] |= leapless.breaks
    if steps is not None:
        at = np.arange(len(time_s))[good]
        apart = breaks[good] | np.r_[True, np.diff(at) > 1][: len(at)]
        mine = Steps(steps.dense[good], steps.grey[good], steps.share[good])
        found, guessed = fuse(time_s[good], found, mine, leapless.doubtful, apart, sides.order)
    lost = leapless.doubtful.all(1) | sides.divided
    found[..., 1] = mend_depth(time_s[good], found, trusted, lengths_m)
    settle_hips(found)
    found[lost] = np.nan
    if steps is not None:
        weight[good] = trusted * (1 - _GUESSED * guessed)
    position_m[good] = found
    swapped, divided = (np.zeros(len(time_s), bool) for _ in range(2))
    swapped[good], divided[good] = sides.swapped, sides.divided
    return _Mended(swapped, divided, int((leapless.doubtful | sides.astray).sum()), int(broken.any(1).sum()))


def _doubt(doubts: Doubts, time_s: Floats, position_m: Floats, mended: _Mended, others: int) -> None:
    """Raise the flags of what was mended, and of how the person is seen."""
    seen = max(1, int(known(position_m).all(1).sum()))
    if mended.swapped.any():
        doubts.add("swapped_sides", mended.swapped.mean(), spans_s=spans_of(time_s, mended.swapped))
    if mended.divided.any():
        doubts.add("divided_sides", mended.divided.mean(), spans_s=spans_of(time_s, mended.divided))
    if (share := mended.leaps / (seen * len(LANDMARKS))) >= _LEAPING:
        doubts.add("leaping", share)
    if others > 0:
        doubts.add("other_person", changes=others)
    if mended.broken >= _BROKEN * seen:
        doubts.add("implausible", mended.broken / seen, bones=True)
    if (share := seen_from_behind(position_m)) >= _BEHIND:
        doubts.add("behind", share)
    if "above" not in doubts.details and hands_and_feet_planted(position_m):
        doubts.add("above", planted_hands=True)


def _distance(centred: Floats, world_m: Floats, weight: Floats, focal_px: float) -> Floats:
    """Distance of the hips from the camera along its axis, m, per frame; NaN where it can't be told.

    Weighted least squares of f·(X + t_x) = u·(Z + t_z), f·(Y + t_y) = v·(Z + t_z) over the large joints.
    """
    u, v = centred[:, _TRUNK_AND_LIMBS, 0], centred[:, _TRUNK_AND_LIMBS, 1]
    x, y, z = (world_m[:, _TRUNK_AND_LIMBS, axis] for axis in range(3))
    w = weight[:, _TRUNK_AND_LIMBS] ** 2
    finite = np.isfinite(u) & np.isfinite(x)
    if not finite.all():
        u, v, x, y, z, w = (np.where(finite, part, 0.0) for part in (u, v, x, y, z, w))
    total = w.sum(1)
    divisor = np.maximum(total, 1e-9)

    def mean(values: Floats) -> Floats:
        result: Floats = (w * values).sum(1) / divisor
        return result

    # Eliminating t_x and t_y leaves one unknown, t_z, per frame.
    du, dv = u - mean(u)[:, None], v - mean(v)[:, None]
    bx, by = focal_px * x - u * z, focal_px * y - v * z
    bx, by = bx - mean(bx)[:, None], by - mean(by)[:, None]
    spread = (w * (du**2 + dv**2)).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance: Floats = (w * (du * bx + dv * by)).sum(1) / spread
    usable = (total > 2) & (spread > 0) & (distance > 0.2)
    distance[~usable] = np.nan
    return distance


def _slow(time_s: Floats, values: Floats, seen: Bools, breaks: Bools) -> Floats:
    """Values averaged robustly over seconds, shot by shot; gaps are filled."""
    result = np.ones_like(values)
    shots = np.cumsum(breaks)
    for shot in range(int(shots[-1]) + 1 if len(shots) else 0):
        here = np.flatnonzero(shots == shot)
        at = here[seen[here]]
        if not len(at):
            continue
        step = step_of(time_s[here])
        filled = values[at] if len(at) == len(here) else np.interp(time_s[here], time_s[at], values[at])
        middle = median_of(values[at])
        # A person who stays at one distance (within the noise of this estimate) gets one scale. Medians and means spread less than
        # what they are of.
        if np.ptp(filled) >= 0.15 * middle:
            size = min(len(here) // 2 * 2 + 1, max(3, round(_SCALE_S / step) // 2 * 2 + 1))
            robust = ndimage.median_filter(filled, size, mode="nearest")
            smooth = ndimage.gaussian_filter1d(robust, _SCALE_S / step)
            if np.ptp(smooth) >= 0.15 * middle:
                result[here] = smooth
                continue
        result[here] = middle
    return result
