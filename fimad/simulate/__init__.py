"""Virtual inertial sensors from human motion: pure NumPy and SciPy, usable alone."""

from __future__ import annotations

from fimad.simulate.imu import GRAVITY_M_S2, angular_rate, simulate_imu
from fimad.simulate.trajectory import Trajectories
from fimad.simulate.types import CameraMotion, ImuSequence, PlacementSignal, PoseSequence

__all__ = [
    "GRAVITY_M_S2",
    "CameraMotion",
    "ImuSequence",
    "PlacementSignal",
    "PoseSequence",
    "Trajectories",
    "angular_rate",
    "simulate_imu",
]
