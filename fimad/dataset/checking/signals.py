"""A clip's signals: NaN where nothing is valid, uncertainties that are some, quality, and physics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fimad.dataset.folding import Clip
from fimad.simulate.plausibility import MOST_M_S2, MOST_RAD_S

# A sensor at rest reads gravity. Where neither orientation nor rest prove the unit, its median does: people are not most of a clip in
# free fall, and limbs do not go on at several g.
_GRAVITY_M_S2, _LEAST_MEDIAN_M_S2, _MOST_MEDIAN_M_S2 = 9.80665, 2.0, 40.0
# Limbs in sports turn at up to 40 rad/s for moments; a median above that is in deg/s.
_MOST_MEDIAN_RAD_S = 40.0
_STILL_M_S2, _STILL_SLACK_M_S2 = 0.3, 0.5
_UNIT_SLACK = 1e-3
# Limits hold for joints, in double precision; a sensor mounted off the bone is accelerated by somewhat more.
_LIMIT_SLACK, _MOUNTING_SLACK = 1.001, 1.5
# Three columns that say the same, in float32. Below the frame rate each is filtered on its own: by a share of the
# linear acceleration, or of the rate.
_DISAGREEMENT_M_S2, _FILTERED_SHARE = 0.2, 0.4
# Rates made from orientations, and stored ones: the medians of their difference and of the rate itself.
_RATE_SLACK_RAD_S, _RATE_SHARE = 0.1, 0.2
# Signals that move by more (median distance from their median) have an uncertainty that changes with time, in a second or more.
_MOVES = {"sigma_m_s2": ("acc_m_s2", 0.5, MOST_M_S2), "gyro_sigma_rad_s": ("gyro_rad_s", 0.3, MOST_RAD_S)}
_QUALITY_SLACK = 1e-3


def is_ideal(report: str | None) -> bool:
    """Whether a clip's signals are those of ideal sensors: real parts and other devices have bias and scale errors."""
    told = json.loads(report or "{}")
    return not (isinstance(told, dict) and told.keys() & {"sensor", "calibrated"})


def clip_quality_problems(clip: Clip, placements: Sequence[str]) -> Iterator[str]:
    """A clip's quality is the median of its placements'; nothing is better than the share of it that is valid."""
    each = [clip[f"{p}_quality"] for p in placements if clip.get(f"{p}_quality") is not None]
    said = clip.get("imu_quality")
    if said is not None and each and abs(float(np.median(each)) - said) > 1e-4:
        yield f"imu_quality is {said:.3f}, and the median of its placements' is {np.median(each):.3f}"
    for placement in placements:
        quality, valid = clip.get(f"{placement}_quality"), clip.get(f"{placement}_valid")
        if quality is not None and valid is not None and len(valid):
            share = float(np.mean(np.asarray(valid, bool)))
            if quality > share + _QUALITY_SLACK:
                yield f"{placement}_quality is {quality:.3f}, and only {share:.0%} of {placement}_valid"


def nan_problems(clip: Clip, placement: str) -> Iterator[str]:
    """Signals must be NaN exactly where the placement is not valid."""
    valid = clip.get(f"{placement}_valid")
    if valid is None:
        left = [name for name, value in clip.items() if name.startswith(f"{placement}_") and value is not None]
        if left:
            yield f"{left[0]} has values, and {placement}_valid has none"
        return
    valid = np.asarray(valid, bool)
    for ending in (
        "acc_m_s2",
        "gyro_rad_s",
        "lin_acc_world_m_s2",
        "acc_world_m_s2",
        "sigma_m_s2",
        "gyro_sigma_rad_s",
    ):
        values = clip.get(f"{placement}_{ending}")
        if values is None:
            if f"{placement}_{ending}" in clip:
                yield f"{placement}_{ending} is missing"
            continue
        there = np.isfinite(np.asarray(values).reshape(len(valid), -1))
        # An uncertainty may be told where nothing was measured; a signal may not.
        if not there[valid].all() or ("sigma" not in ending and there[~valid].any()):
            yield f"{placement}_{ending}: NaN must stand exactly where the signal is not valid"


def sigma_problems(clip: Clip, placement: str) -> Iterator[str]:
    """Uncertainties of a signal that moves are above 0, change with it, and are not larger than what limbs do."""
    valid, rate_hz = clip.get(f"{placement}_valid"), clip.get("imu_rate_hz")
    if valid is None or not rate_hz:
        return
    valid = np.asarray(valid, bool)
    for ending, (signal, moves, most) in _MOVES.items():
        sigma, values = clip.get(f"{placement}_{ending}"), clip.get(f"{placement}_{signal}")
        if sigma is None or values is None or valid.sum() < max(rate_hz, 10):
            continue
        told = sigma[valid]
        moving = float(np.median(np.linalg.norm(values[valid] - np.median(values[valid], axis=0), axis=1))) > moves
        name = f"{placement}_{ending}"
        if moving and not told.any():
            yield f"{name} is 0, though {placement}_{signal} moves"
        elif moving and np.ptp(told) == 0:
            yield f"{name} is {told[0]:.3g} in all samples, though {placement}_{signal} moves"
        elif np.median(told) > most:
            yield f"{name} is {np.median(told):.3g} on the median: no limb does as much. Is its unit right?"


def rate_problems(clip: Clip, placement: str) -> Iterator[str]:
    """Angular rates must be those with which the orientation turns."""
    turned, gyro = clip.get(f"{placement}_orientation"), clip.get(f"{placement}_gyro_rad_s")
    valid, rate_hz = clip.get(f"{placement}_valid"), clip["imu_rate_hz"]
    if turned is None or gyro is None or valid is None or len(turned) != len(gyro) or not rate_hz:
        return
    valid = np.asarray(valid, bool) & np.isfinite(turned).all(axis=1) & np.isfinite(gyro).all(axis=1)
    first = np.flatnonzero(valid[1:] & valid[:-1])
    if len(first) and float((turned[first] * turned[first + 1]).sum(axis=1).min()) < 0:
        yield f"{placement}_orientation leaps from q to −q between neighbouring samples, and can't be interpolated"
    if len(first) < 10:
        return
    before, after = (Rotation.from_quat(turned[first + shift]) for shift in (0, 1))
    made = (before.inv() * after).as_rotvec() * rate_hz
    middle = (gyro[first] + gyro[first + 1]) / 2
    off = np.linalg.norm(made - middle, axis=1)
    size = np.maximum(np.linalg.norm(made, axis=1), np.linalg.norm(middle, axis=1))
    # Where it turns most, a rate of another sign or axis shows most.
    quick = size >= np.quantile(size, 0.75)
    share = _FILTERED_SHARE if _is_filtered(clip) else _RATE_SHARE
    if np.median(off[quick]) > _RATE_SLACK_RAD_S + share * np.median(size[quick]):
        yield (
            f"{placement} turns by its orientation at {np.median(np.linalg.norm(made[quick], axis=1)):.2f} rad/s, and "
            f"{placement}_gyro_rad_s is off by {np.median(off[quick]):.2f}"
        )


def _whole_turns(turned: NDArray[np.floating], valid: NDArray[np.bool_]) -> bool:
    length = np.linalg.norm(turned, axis=1)
    return bool((np.abs(length[valid] - 1) < _UNIT_SLACK).all() and np.isnan(length[~valid]).all())


def _disagreement(force: NDArray[np.floating], world: NDArray[np.floating], turned: NDArray[np.floating]) -> float:
    """Median length of f − Rᵀ(a − g), m/s²."""
    upwards = world + np.array([0.0, 0.0, _GRAVITY_M_S2])
    return float(np.median(np.linalg.norm(force - Rotation.from_quat(turned).inv().apply(upwards), axis=1)))


def _is_filtered(clip: Clip) -> bool:
    """Whether the sensors are slower than the frames, so that each signal is filtered on its own."""
    frames_s = clip.get("pose_time_s")
    return bool(
        frames_s is not None and len(frames_s) > 1 and clip["imu_rate_hz"] * float(np.median(np.diff(frames_s))) < 1
    )


def physics_problems(clip: Clip, placement: str, *, ideal: bool, checked: bool) -> Iterator[str]:
    """Forces, rates and orientation of one sensor, by what sensors and limbs do.

    Parameters
    ----------
    ideal : the sensor has no errors of its own.
    checked : what no limb does was taken out of the signals.
    """
    force, valid = clip[f"{placement}_acc_m_s2"], clip[f"{placement}_valid"]
    # Version 1 of the schema had another name for it, and no orientation.
    linear = f"{placement}_lin_acc_world_m_s2"
    world = clip[linear if linear in clip else f"{placement}_acc_world_m_s2"]
    turned = clip.get(f"{placement}_orientation")
    if force is None or valid is None:
        # A placement's signal is NULL as a whole where a marker of its own is missing.
        return
    if not len(force) == len(valid) == len(clip["imu_time_s"]):
        yield f"{placement}'s signal and clock differ in length"
        return
    valid = np.asarray(valid, bool)
    gyro = clip[f"{placement}_gyro_rad_s"]
    if turned is not None and not (len(turned) == len(valid) and _whole_turns(turned, valid)):
        yield f"{placement}_orientation must hold unit quaternions where the signal is valid, and NaN elsewhere"
        return
    if not valid.any():
        return
    length = np.linalg.norm(force[valid], axis=1)
    still = np.linalg.norm(world[valid], axis=1) < _STILL_M_S2
    if ideal and still.any() and abs(float(np.median(length[still])) - _GRAVITY_M_S2) > _STILL_SLACK_M_S2:
        yield f"{placement} at rest reads {np.median(length[still]):.2f} m/s² instead of 9.81"
    elif not (ideal and turned is not None) and not _LEAST_MEDIAN_M_S2 < np.median(length) < _MOST_MEDIAN_M_S2:
        yield f"{placement} reads {np.median(length):.1f} m/s² on the median: is the unit m/s²?"
    elif (
        ideal
        and turned is not None
        and (off := _disagreement(force[valid], world[valid], turned[valid]))
        > _DISAGREEMENT_M_S2 + _is_filtered(clip) * _FILTERED_SHARE * np.sqrt((world[valid] ** 2).sum(axis=1).mean())
    ):
        yield f"{placement}: specific force, orientation and linear acceleration disagree by {off:.2f} m/s²"
    if gyro is not None and len(gyro) == len(valid):
        turning = float(np.nanmedian(np.append(np.linalg.norm(gyro[valid], axis=1), 0.0)))
        if turning > _MOST_MEDIAN_RAD_S:
            yield f"{placement} turns at {turning:.0f} rad/s on the median: is the unit rad/s?"
        elif checked and (peak := float(np.nanmax(np.linalg.norm(gyro[valid], axis=1)))) > MOST_RAD_S * _LIMIT_SLACK:
            yield f"{placement} turns at {peak:.0f} rad/s in valid samples: no limb turns faster than {MOST_RAD_S:.0f}"
    if checked and (peak := float(np.nanmax(np.linalg.norm(world[valid], axis=1)))) > MOST_M_S2 * _MOUNTING_SLACK:
        yield f"{placement} is accelerated by {peak:.0f} m/s² in valid samples: no limb goes beyond {MOST_M_S2:.0f}"


def signal_problems(clip: Clip, placements: Sequence[str]) -> Iterator[str]:
    """Physics of all sensors of a clip whose columns are right one by one."""
    ideal = is_ideal(clip["imu_report"])
    # What no limb does is not valid in signals of a video, from version 2 of the schema on; motion capture is believed.
    seen = clip["pose_time_s"] is not None and clip.get("flags") is not None and clip.get("pose_root_m") is None
    for placement in placements:
        found = list(physics_problems(clip, placement, ideal=ideal, checked=ideal and seen))
        if not found:
            found = [*sigma_problems(clip, placement), *(rate_problems(clip, placement) if ideal else ())]
        yield from found
