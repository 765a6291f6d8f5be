"""Virtual inertial sensors from human motion: pure NumPy and SciPy, usable alone."""

from __future__ import annotations

from fimad.simulate.calibration import Calibration, calibrate_imu, fit_calibration
from fimad.simulate.device import to_device
from fimad.simulate.imu import GRAVITY_M_S2, angular_rate, simulate_imu
from fimad.simulate.parts import SENSORS
from fimad.simulate.readers import read_motion
from fimad.simulate.sensor import AxisErrors, SensorModel, apply_sensor
from fimad.simulate.trajectory import Trajectories
from fimad.simulate.types import CameraMotion, ImuSequence, PlacementSignal, PoseSequence

__all__ = [
    "GRAVITY_M_S2",
    "SENSORS",
    "AxisErrors",
    "Calibration",
    "CameraMotion",
    "ImuSequence",
    "PlacementSignal",
    "PoseSequence",
    "SensorModel",
    "Trajectories",
    "angular_rate",
    "apply_sensor",
    "calibrate_imu",
    "fit_calibration",
    "read_motion",
    "simulate_imu",
    "to_device",
]
