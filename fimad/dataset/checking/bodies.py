"""The pose against itself, and the sensors against the pose: sizes, shares, and which limb a signal is of.

Two sensors are taken for exchanged only if each fits the other's limb far better than its own. Where a sensor's axis along its limb
tells nothing (limbs that point the same way, two sensors of one limb), the limb's own motion does: a point further along a limb is
accelerated by the second derivative of the limb's direction more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from fimad.dataset.folding import Clip
from fimad.simulate.placements import PLACES
from fimad.skeleton import LANDMARK_INDEX

Floats = NDArray[np.float64]
# The landmark that is furthest from the hips, whatever the pose; a picture's fractions of people who are partly outside of it.
_LEAST_REACH_M, _MOST_REACH_M, _MOST_FRACTION = 0.05, 10.0, 5.0
# The middle of the hips is where a pose is centred: as far off is nobody's, in m and as a share of what is furthest.
_OFF_CENTRE_M, _OFF_CENTRE = 1.0, 0.5
# Picture and metres are two views of one body, in the same axes: so opposite is one of them turned round.
_OPPOSITE, _EXCHANGED = -0.5, 0.8
# By rounding, and of poses from files, whose steps may differ.
_SHARE_SLACK, _GIVEN_SHARE_SLACK = 1e-3, 0.05
# A limb's direction in the pose and in the signals: each of those exchanged fits the other's better by so many degrees. A camera or a
# body that is turned as a whole does not make both fit better; of two limbs in 44 clips that were well made it was 1° at most.
_SWAPPED_DEG = 10.0
# Sensors of another body or time: so far off are most of them, or limbs that swing by more than this turn with so little of it. Where the
# pose is not in doubt, half of the limbs of 44 clips that were well made correlate by 0.74 and more.
_ELSEWHERE_DEG, _SWINGS, _LEAST_ALIKE, _SEVERAL = 60.0, np.sin(np.radians(8)), 0.25, 3
# Two sensors of one limb: the lower one's place, and the other's.
_ONE_LIMB = (("wrist", "elbow"), ("upper_arm", "shoulder"), ("thigh", "hip"), ("ankle", "knee"))
# Their difference against what the limb's direction gives: correlation, and the least difference that tells, m/s².
_AGAINST, _LEAST_M_S2 = -0.4, 0.3
# Places are differentiated twice over steps of this length.
_STEP_S = 0.1
_FEW = 20
_OTHERS = "they are another body's, or of another clip or time"
# Fastest sprint, m/s; and the pelvis' acceleration against its place's second derivative.
_MOST_M_S, _ROOT_SLACK_M_S2, _ROOT_SHARE = 12.5, 0.2, 0.3
_SIDES_IN_DOUBT = {"behind", "swapped_sides", "divided_sides"}
_IN_DOUBT = {*_SIDES_IN_DOUBT, "leaping", "other_person", "converted_rate"}


def pose_problems(clip: Clip) -> Iterator[str]:
    """Bodies of no human size, pictures in pixels, and frames with a body and nothing else."""
    world = clip.get("pose_world_m")
    if world is None or not len(world):
        return
    yield from _person_problems(clip)
    there = np.isfinite(world).all(axis=(1, 2))
    if not there.any():
        return
    reach_m = float(np.median(np.linalg.norm(world[there], axis=2).max(axis=1)))
    hips = world[there][:, [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]].mean(axis=1)
    off_m = float(np.median(np.linalg.norm(hips, axis=1)))
    if not _LEAST_REACH_M < reach_m < _MOST_REACH_M:
        yield f"pose_world_m reaches {reach_m:.3g} m from the hips on the median: is the unit m?"
    elif off_m > max(_OFF_CENTRE_M, _OFF_CENTRE * reach_m):
        yield f"pose_world_m has the hips {off_m:.3g} m from its origin on the median: it must be centred on them"
    image = clip.get("pose_image")
    if image is not None and len(image) == len(there) and np.isfinite(image[there][..., :2]).any():
        far = float(np.nanmedian(np.abs(image[there][..., :2])))
        if far > _MOST_FRACTION:
            yield f"pose_image is {far:.3g} on the median: is it in fractions of the picture?"
        elif (both := there & np.isfinite(image).all(axis=(1, 2))).sum() >= _FEW:
            yield from _opposite(image[both], world[both])
    for name in ("pose_image", "pose_visibility", "pose_score"):
        values = clip.get(name)
        if values is not None and len(values) == len(there) and not np.isfinite(values[there]).any():
            yield f"{name} is NaN wherever pose_world_m has a body"


def _opposite(image: NDArray[np.floating], world: NDArray[np.floating]) -> Iterator[str]:
    """Axes along which the body in metres lies otherwise than in the picture."""
    shown, real = (each - each.mean(axis=1, keepdims=True) for each in (image.astype(float), world.astype(float)))
    sizes = np.sqrt(np.outer((shown**2).sum((0, 1)), (real**2).sum((0, 1))))
    alike = np.einsum("nka,nkb->ab", shown, real) / np.maximum(sizes, 1e-12)
    for at, axis in enumerate("xyz"):
        if alike[at, at] < _OPPOSITE:
            yield f"pose_world_m lies the other way round than pose_image along {axis} (r {alike[at, at]:.2f})"
    for a, b in ((0, 1), (0, 2), (1, 2)):
        if min(abs(alike[a, b]), abs(alike[b, a])) > _EXCHANGED > -_OPPOSITE > max(alike[a, a], alike[b, b]):
            yield f"pose_world_m and pose_image have {'xyz'[a]} and {'xyz'[b]} exchanged (r {alike[a, b]:.2f} and {alike[b, a]:.2f})"


def _person_problems(clip: Clip) -> Iterator[str]:
    """Frames with a person, by landmarks, score and track, and their share."""
    there = np.isfinite(clip["pose_world_m"]).any(axis=(1, 2))
    # Nobody's track is -1, and nobody's score 0.
    for name, nobody in (("pose_score", 0), ("pose_track", -1)):
        values = clip.get(name)
        if values is not None and len(values) == len(there) and np.isfinite(values).all():
            other = int(((values > nobody) != there).sum())
            if other:
                yield f"{name} and pose_world_m disagree in {other} of {len(there)} frames on whether somebody is there"
    share = clip.get("pose_share")
    if share is None:
        return
    found_share, slack = float(there.mean()), _SHARE_SLACK
    if clip.get("pose_root_m") is not None:
        # Of the clip's length, not of the file's frames.
        step_s = float(np.median(np.diff(clip["pose_time_s"]))) if len(there) > 1 else 0.0
        found_share = min(1.0, there.sum() * step_s / max(clip["end_s"] - clip["start_s"], step_s, 1e-9))
        slack = _GIVEN_SHARE_SLACK
    if abs(found_share - share) > slack:
        yield f"pose_share is {share:.3f}, and pose_world_m has somebody in {found_share:.3f}"


def limb_problems(clip: Clip, placements: Sequence[str], config: Mapping[str, Any]) -> Iterator[str]:
    """Signals of one limb that fit another's pose, and of one end of a limb that move as the other's.

    Parameters
    ----------
    config : of the simulation, as the manifest has it: how sensors are mounted.
    """
    told = json.loads(clip["imu_report"] or "{}") if clip["imu_report"] else {}
    told = told if isinstance(told, dict) else {}
    worn = _Worn(clip, placements, config.get("mounting_deg") or (0, 0, 0))
    yield from _ends_of_limbs(clip, placements, worn)
    if clip["pose_world_m"] is None or len(clip["pose_time_s"]) < 2:
        return
    names = [name for name in placements if name in worn.along]
    seen = _seen(clip, names, float(told.get("pitch_deg") or 0.0))
    off = np.array([[_apart_deg(worn.along[a], seen[b]) for b in names] for a in names]).reshape(len(names), -1)
    # What is not known speaks for nothing.
    off = np.where(np.isfinite(off), off, 180.0)
    # A degree in favour of what is said, so that sensors of one segment are not exchanged among themselves.
    best = linear_sum_assignment(off - np.eye(len(names)))[1] if len(names) else np.zeros(0, int)
    doubt = bool(_SIDES_IN_DOUBT & set(clip.get("flags") or ())) or bool(told.get("swapped_sides_frames"))
    known = np.isfinite([_apart_deg(worn.along[a], seen[a]) for a in names])
    for cycle in _cycles(best.tolist()):
        to = [int(best[at]) for at in cycle]
        if not known[cycle].all() or any(
            off[at, at] - off[at, b] <= _SWAPPED_DEG for at, b in zip(cycle, to, strict=True)
        ):
            continue
        if doubt and len({names[at].removeprefix("left_").removeprefix("right_") for at in cycle}) < len(cycle):
            continue
        yield (
            f"{' and '.join(names[at] for at in cycle)} are {' and '.join(f'{off[at, at]:.0f}°' for at in cycle)} off the pose, and "
            f"{' and '.join(f'{off[at, b]:.0f}°' for at, b in zip(cycle, to, strict=True))} off that of "
            f"{' and '.join(names[b] for b in to)}: they are swapped"
        )
        return
    if known.sum() < _SEVERAL:
        return
    far_deg = float(np.median(np.diag(off)[known]))
    alike = [r for name in names if (r := _alike(worn.along[name], seen[name])) is not None]
    if far_deg > _ELSEWHERE_DEG:
        yield f"the sensors' axes (PLACEMENT_orientation) are {far_deg:.0f}° off pose_world_m on the median: {_OTHERS}"
    elif (
        not doubt
        and not _IN_DOUBT & set(clip.get("flags") or ())
        and len(alike) >= _SEVERAL
        and np.median(alike) < _LEAST_ALIKE
    ):
        yield (
            f"the sensors (PLACEMENT_orientation) turn otherwise than pose_world_m (r {np.median(alike):.2f} on the median): {_OTHERS}"
        )


def _alike(one: Floats, other: Floats) -> float | None:
    """Correlation of how two directions swing; None where they hardly do."""
    known = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
    if known.sum() < _FEW:
        return None
    one, other = (each[known] - each[known].mean(axis=0) for each in (one, other))
    sizes = [float((each**2).sum()) for each in (one, other)]
    if min(sizes) < _SWINGS**2 * len(one):
        return None
    return float((one * other).sum() / np.sqrt(sizes[0] * sizes[1]))


class _Worn:
    """The direction of the segment of each sensor: (m, 3) unit vectors by placement, NaN where not valid."""

    def __init__(self, clip: Clip, placements: Sequence[str], mounting_deg: Sequence[float]) -> None:
        # Sensors are mounted by extrinsic angles about their segment's axes.
        axis = Rotation.from_euler("xyz", mounting_deg, degrees=True).inv().apply([0, 0, 1])
        self.along: dict[str, Floats] = {}
        for name in placements:
            turned, valid = clip.get(f"{name}_orientation"), clip.get(f"{name}_valid")
            if turned is None or valid is None or name not in PLACES:
                continue
            there = np.asarray(valid, bool) & np.isfinite(turned).all(axis=1)
            along = np.full((len(turned), 3), np.nan)
            if there.any():
                along[there] = Rotation.from_quat(turned[there]).apply(axis)
            self.along[name] = along


def _seen(clip: Clip, names: Sequence[str], pitch_deg: float) -> dict[str, Floats]:
    """Directions of the segments of sensors in the pose at the IMU's times, (m, 3) with z up; NaN where nobody is seen."""
    world = clip["pose_world_m"].astype(np.float64)
    world = np.stack([world[..., 0], world[..., 2], -world[..., 1]], axis=-1)
    if pitch_deg:
        world = Rotation.from_euler("x", -pitch_deg, degrees=True).apply(world.reshape(-1, 3)).reshape(world.shape)
    found: dict[tuple[str, str], Floats] = {}
    for name in names:
        low, high = PLACES[name].along
        if (low, high) in found:
            continue
        vector = _middle(world, high) - _middle(world, low)
        # A frame without the person makes the samples around it unknown.
        at = np.stack([_between(clip, column) for column in vector.T], axis=1)
        found[low, high] = at / np.maximum(np.linalg.norm(at, axis=1, keepdims=True), 1e-9)
    return {name: found[PLACES[name].along] for name in names}


def _between(clip: Clip, column: Floats) -> Floats:
    known = np.isfinite(column)
    at: Floats = np.asarray(np.interp(clip["imu_time_s"], clip["pose_time_s"], np.where(known, column, 0.0)))
    at[np.asarray(np.interp(clip["imu_time_s"], clip["pose_time_s"], known.astype(float))) < 1] = np.nan
    return at


def _middle(world: Floats, names: str) -> Floats:
    """(n, 3) the mean of landmarks joined by ``+``."""
    result: Floats = world[:, [LANDMARK_INDEX[name] for name in names.split("+")]].mean(axis=1)
    return result


def _apart_deg(one: Floats, other: Floats) -> float:
    """Median angle; NaN where hardly any sample has both."""
    cosine = (one * other).sum(axis=1)
    cosine = cosine[np.isfinite(cosine)]
    return float(np.degrees(np.median(np.arccos(np.clip(cosine, -1, 1))))) if len(cosine) >= _FEW else float("nan")


def _cycles(to: Sequence[int]) -> Iterator[list[int]]:
    """The cycles of a permutation that move something."""
    left = set(range(len(to)))
    while left:
        at = first = min(left)
        cycle = []
        while True:
            cycle.append(at)
            left.discard(at)
            at = to[at]
            if at == first:
                break
        if len(cycle) > 1:
            yield cycle


def _ends_of_limbs(clip: Clip, placements: Sequence[str], worn: _Worn) -> Iterator[str]:
    pairs = [(f"{side}_{low}", f"{side}_{high}") for side in ("left", "right") for low, high in _ONE_LIMB]
    for low, high in pairs:
        if low not in worn.along or high not in worn.along:
            continue
        apart = [clip[f"{name}_lin_acc_world_m_s2"] for name in (high, low)]
        along = _second(worn.along[low], clip["imu_rate_hz"])
        more = _smooth(apart[0].astype(np.float64) - apart[1], clip["imu_rate_hz"])
        known = np.isfinite(along).all(axis=1) & np.isfinite(more).all(axis=1)
        along, more = along[known], more[known]
        if len(more) < _FEW or np.sqrt((more**2).sum(axis=1).mean()) < _LEAST_M_S2:
            continue
        alike = float((along * more).sum() / max(np.sqrt((along**2).sum() * (more**2).sum()), 1e-9))
        if alike < _AGAINST:
            yield f"{low} and {high} move as each other's end of their limb does (r {alike:.2f}): they are swapped"


def root_problems(clip: Clip, placements: Sequence[str], config: Mapping[str, Any]) -> Iterator[str]:
    """Places of the pelvis: there where signals rest on them, in metres, and with the pelvis' own acceleration."""
    root, rate_hz = clip.get("imu_root_m"), clip["imu_rate_hz"]
    if root is None:
        yield "imu_root_m is missing"
        return
    there = np.isfinite(root).all(axis=1)
    needing = _resting_on_hips(clip, placements, somewhere=bool(there.any()))
    for name in needing:
        lacking = int((np.asarray(clip[f"{name}_valid"], bool) & ~there).sum())
        if lacking:
            yield f"imu_root_m is NaN in {lacking} samples in which {name} is valid"
            return
    speed = np.linalg.norm(np.diff(root, axis=0), axis=1)[there[1:] & there[:-1]] * rate_hz
    if len(speed) and (quick := float(np.quantile(speed, 0.95))) > _MOST_M_S:
        yield f"imu_root_m moves at {quick:.0f} m/s: is the unit m?"
    elif clip.get("pelvis_lin_acc_world_m_s2") is not None and rate_hz * _STEP_S >= 2:
        offset = config.get("offset_m") or (0, 0, 0)
        if any(offset) or clip.get("pelvis_orientation") is None:
            return
        made, told = _second(root.astype(np.float64), rate_hz), _smooth(clip["pelvis_lin_acc_world_m_s2"], rate_hz)
        known = np.isfinite(made).all(axis=1) & np.isfinite(told).all(axis=1)
        if known.sum() < _FEW:
            return
        # Medians: between two stretches the place leaps.
        off, *sizes = (float(np.median(np.linalg.norm(each[known], axis=1))) for each in (made - told, made, told))
        if off > _ROOT_SLACK_M_S2 + _ROOT_SHARE * max(sizes):
            yield (
                f"the pelvis is accelerated by {sizes[1]:.2f} m/s², and imu_root_m by {sizes[0]:.2f}, off by {off:.2f}: "
                "is its unit m, and is it of this clip?"
            )


def _resting_on_hips(clip: Clip, placements: Sequence[str], *, somewhere: bool) -> list[str]:
    """Placements that are valid only where the hips are known."""
    given = clip.get("pose_root_m") is not None or clip.get("pose_world_m") is None
    found = []
    for name in placements:
        if clip.get(f"{name}_valid") is None or name not in PLACES:
            continue
        place = PLACES[name]
        ends = [*place.point, *([] if given else [*place.along, *(place.across or ())])]
        hips = {"left_hip", "right_hip"} <= {part for end in ends for part in end.split("+")}
        # A pose from a picture comes whole or not at all.
        if hips or (somewhere and not given):
            found.append(name)
    return found


def _width(rate_hz: float) -> int:
    return max(1, round(_STEP_S * rate_hz))


def _second(values: Floats, rate_hz: float) -> Floats:
    """Second difference of (m, 3) values over steps of about `_STEP_S`, per s²; shorter by a step at both ends."""
    n = _width(rate_hz)
    result: Floats = (values[2 * n :] - 2 * values[n:-n] + values[: -2 * n]) / (n / rate_hz) ** 2
    return result


def _smooth(values: NDArray[np.floating], rate_hz: float) -> Floats:
    """(m, 3) accelerations, weighted over time as `_second` weights those of what it differentiates."""
    n = _width(rate_hz)
    weights = np.bartlett(2 * n + 1)
    if len(values) < len(weights):
        return np.zeros((0, 3))
    return np.stack([np.convolve(column, weights / weights.sum(), "valid") for column in values.T], axis=1)
