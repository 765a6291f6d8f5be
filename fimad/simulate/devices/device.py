"""From ideal sensors to those of a device: what `SimulateConfig` says of calibration and sensor model."""

from __future__ import annotations

from dataclasses import replace

from fimad.config import SimulateConfig
from fimad.simulate.devices.calibration import Calibration, calibrate_imu
from fimad.simulate.devices.parts import SENSORS
from fimad.simulate.devices.sensor import SensorModel, apply_sensor
from fimad.simulate.types import ImuSequence


def sensor_model(config: SimulateConfig) -> SensorModel | None:
    """The part that the configuration names, with the configuration's jitter and drift; None for ideal sensors."""
    part = SENSORS.get(config.sensor, SensorModel("ideal"))
    model = replace(
        part,
        jitter_s=config.sensor_jitter_s,
        acc=replace(part.acc, drift=config.sensor_acc_drift_m_s2, drift_time_s=config.sensor_drift_time_s),
        gyro=replace(part.gyro, drift=config.sensor_gyro_drift_rad_s, drift_time_s=config.sensor_drift_time_s),
    )
    extra = (config.sensor_jitter_s, config.sensor_acc_drift_m_s2, config.sensor_gyro_drift_rad_s)
    return model if config.sensor != "none" or any(extra) else None


def to_device(
    imu: ImuSequence, config: SimulateConfig, *, clip_id: str = "", calibration: Calibration | None = None
) -> ImuSequence:
    """`imu` as the configured device would have recorded it: calibrated first, then with the sensor's errors.

    The order is that of the physical chain: range and grid of the converter hold for what comes out. With neither, `imu`
    itself is returned. `calibration` saves reading `config.calibration` again for each clip.

    Raises
    ------
    ConfigError : the calibration file can't be read.
    """
    if calibration is None and config.calibration:
        calibration = Calibration.load(config.calibration)
    if calibration is not None:
        imu = calibrate_imu(imu, calibration)
    model = sensor_model(config)
    return imu if model is None else apply_sensor(imu, model, seed=config.sensor_seed, clip_id=clip_id)
