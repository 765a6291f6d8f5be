"""An ideal IMU that reads nothing at all."""

from __future__ import annotations

import numpy as np

from fimad.simulate import ImuSequence, PlacementSignal


def resting(count: int, rate_hz: float = 100.0, names: tuple[str, ...] = ("left_wrist",)) -> ImuSequence:
    """Sensors that read nothing, so that what they read afterwards is error."""
    nothing = np.zeros((count, 3))
    each = PlacementSignal(
        acc_m_s2=nothing,
        gyro_rad_s=nothing,
        lin_acc_world_m_s2=nothing,
        rotation=np.tile(np.eye(3), (count, 1, 1)),
        valid=np.ones(count, bool),
        sigma_m_s2=np.ones(count),
        gyro_sigma_rad_s=np.ones(count),
        quality=0.9,
    )
    return ImuSequence(np.arange(count) / rate_hz, rate_hz, dict.fromkeys(names, each), nothing, {"method": "test"})
