"""Virtual inertial sensors from human motion: pure NumPy and SciPy, usable alone."""

from __future__ import annotations

from fimad.simulate.devices.calibration import Calibration, calibrate_imu, fit_calibration
from fimad.simulate.devices.device import to_device
from fimad.simulate.devices.parts import SENSORS
from fimad.simulate.devices.sensor import AxisErrors, SensorModel, apply_sensor
from fimad.simulate.imu import GRAVITY_M_S2, angular_rate, simulate_imu
from fimad.simulate.lifting.trajectory import Trajectories
from fimad.simulate.readers import read_motion
from fimad.simulate.readings.comparison import Comparison, Score, compare
from fimad.simulate.readings.recording import Recording, read_recording
from fimad.simulate.sites import Site, remount
from fimad.simulate.types import CameraMotion, ImuSequence, PlacementSignal, PoseSequence

__all__ = [
    "GRAVITY_M_S2",
    "SENSORS",
    "AxisErrors",
    "Calibration",
    "CameraMotion",
    "Comparison",
    "ImuSequence",
    "PlacementSignal",
    "PoseSequence",
    "Recording",
    "Score",
    "SensorModel",
    "Site",
    "Trajectories",
    "angular_rate",
    "apply_sensor",
    "calibrate_imu",
    "compare",
    "fit_calibration",
    "read_motion",
    "read_recording",
    "remount",
    "simulate_imu",
    "to_device",
]
