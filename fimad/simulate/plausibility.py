"""What no human limb does is not valid: it is an error of the pose, whatever else speaks for it.

Gyroscopes of watches and phones end at 2000 °/s, 35 rad/s, because hardly any limb turns faster; the steepest acceleration of
a hand in boxing or throwing is reached for a hundredth of a second, which no video of 60 frames a second holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fimad.simulate.doubts import Doubts, widened
from fimad.simulate.types import Bools, ImuSequence, PlacementSignal
from fimad.simulate.vectors import dot

#: Largest angular rate of a limb, rad/s.
MOST_RAD_S = 35.0
#: Largest linear acceleration, m/s², of a limb and of the trunk.
MOST_M_S2 = 150.0
MOST_OF_TRUNK_M_S2 = 80.0
#: Shortest and tallest person, m.
HEIGHTS_M = (1.0, 2.3)
_TRUNK = ("chest", "pelvis", "head", "left_hip", "right_hip", "left_shoulder", "right_shoulder")
# Where axes flip, rates near the flip are wrong as well.
_AROUND_S = 0.1
_HIDDEN_SHARE = 0.3
# Stretches shorter than this are less sure, and so much of the signal in them is worth saying.
_SHORT_S = 1.2
_SHORT_SHARE = 0.2


def plausible(imu: ImuSequence, doubts: Doubts, *, calm: bool = False) -> ImuSequence:
    """The signals of a pose without samples that can't be, with the clip's flags.

    Parameters
    ----------
    imu : as computed.
    doubts : what was found before; takes `implausible`, `hidden` and `short`.
    calm : it is known that nothing is `impossible`.
    """
    _look_for_hidden(imu, doubts)
    _look_for_short(imu, doubts)
    height_m = imu.report.get("height_m")
    if height_m is not None and np.isfinite(height_m) and not HEIGHTS_M[0] <= height_m <= HEIGHTS_M[1]:
        doubts.add("implausible", height_m=round(float(height_m), 2))
    signals, wrong = dict(imu.signals), {}
    for name, bad in () if calm else zip(signals, impossible(imu.signals), strict=True):
        if bad.any():
            wrong[name] = int(bad.sum())
            signals[name] = _without(signals[name], widened(imu.time_s, bad, _AROUND_S))
    if wrong:
        doubts.add("implausible", samples=wrong)
    report = {**imu.report, "flags": doubts.details} if doubts.details else imu.report
    return replace(imu, signals=signals, report=report, flags=doubts.flags)


def impossible(signals: Mapping[str, PlacementSignal]) -> Bools:
    """(p, m) valid samples of the p placements that no human limb reaches."""
    if not signals:
        return np.zeros((0, 0), bool)
    result = np.empty((len(signals), len(next(iter(signals.values())).valid)), bool)
    for name, bad, signal in zip(signals, result, signals.values(), strict=True):
        rate, steep = (dot(each.T, each.T) for each in (signal.gyro_rad_s, signal.lin_acc_world_m_s2))
        np.greater(steep, (MOST_OF_TRUNK_M_S2 if name in _TRUNK else MOST_M_S2) ** 2, out=bad)
        bad |= rate > MOST_RAD_S**2
        bad &= signal.valid
    return result


def _without(signal: PlacementSignal, bad: Bools) -> PlacementSignal:
    """A signal that is not valid in some samples."""
    bad = bad & signal.valid
    if not bad.any():
        return signal
    valid = signal.valid & ~bad
    share = float(valid.sum()) / float(signal.valid.sum())

    def gone(values: np.ndarray) -> np.ndarray:
        return np.where(bad.reshape(-1, *[1] * (values.ndim - 1)), np.nan, values)

    return replace(
        signal,
        acc_m_s2=gone(signal.acc_m_s2),
        gyro_rad_s=gone(signal.gyro_rad_s),
        lin_acc_world_m_s2=gone(signal.lin_acc_world_m_s2),
        rotation=gone(signal.rotation),
        valid=valid,
        sigma_m_s2=gone(signal.sigma_m_s2),
        gyro_sigma_rad_s=gone(signal.gyro_sigma_rad_s),
        quality=signal.quality * share,
    )


def _look_for_hidden(imu: ImuSequence, doubts: Doubts) -> None:
    """`hidden` where a placement is not valid although the person was there."""
    there = np.isfinite(imu.root_m[:, 0])
    if not (there.any() and imu.signals):
        return
    seen = np.count_nonzero(there)
    valid = np.stack([signal.valid for signal in imu.signals.values()]) & there
    shares = dict(zip(imu.signals, (1 - np.count_nonzero(valid, axis=1) / seen).tolist(), strict=True))
    lacking = {name: round(share, 3) for name, share in shares.items() if share >= _HIDDEN_SHARE}
    if lacking:
        doubts.add("hidden", placements=lacking)


def _look_for_short(imu: ImuSequence, doubts: Doubts) -> None:
    """`short` where much of the signal lies in short stretches."""
    spans: list[list[float]] = imu.report.get("stretches") or []
    lengths_s = np.array([end - start for start, end in spans])
    if len(lengths_s):
        share = float(lengths_s[lengths_s < _SHORT_S].sum()) / float(lengths_s.sum())
        if share >= _SHORT_SHARE:
            doubts.add("short", share)
