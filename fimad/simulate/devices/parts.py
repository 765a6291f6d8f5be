"""Common inertial sensors, as their makers describe them. docs/sensors.md shows the figures with their sources.

A typical value is taken for one standard deviation, a limit (minimum and maximum) for three, as Bosch Sensortec defines its
own. What a source does not state is off; none of them states a bias instability. The widest range is assumed, and 25 °C.
"""

from __future__ import annotations

import math

from fimad.simulate.devices.sensor import Axes, AxisErrors, SensorModel

_G_M_S2 = 9.80665
_DPS_RAD_S = math.pi / 180


def _times(value: Axes, unit: float) -> Axes:
    if isinstance(value, tuple):
        return value[0] * unit, value[1] * unit, value[2] * unit
    return value * unit


def _acc(
    noise_ug: Axes, offset_mg: Axes, scale_pct: float, cross_pct: float, range_g: float = 16, bits: int = 16
) -> AxisErrors:
    return AxisErrors(
        noise_density=_times(noise_ug, 1e-6 * _G_M_S2),
        turn_on_bias=_times(offset_mg, 1e-3 * _G_M_S2),
        scale=scale_pct / 100,
        cross_axis=cross_pct / 100,
        full_scale=range_g * _G_M_S2,
        lsb=2 * range_g * _G_M_S2 / 2**bits,
    )


def _gyro(
    noise_dps: float, offset_dps: float, scale_pct: float, cross_pct: float, range_dps: float = 2000, bits: int = 16
) -> AxisErrors:
    return AxisErrors(
        noise_density=noise_dps * _DPS_RAD_S,
        turn_on_bias=offset_dps * _DPS_RAD_S,
        scale=scale_pct / 100,
        cross_axis=cross_pct / 100,
        full_scale=range_dps * _DPS_RAD_S,
        lsb=2 * range_dps * _DPS_RAD_S / 2**bits,
    )


SENSORS: dict[str, SensorModel] = {
    model.name: model
    for model in (
        SensorModel(
            "adxl345",
            "Analog Devices, ADXL345 data sheet: Rev. 0, table 1; noise density from 'Noise performance' of later revisions. "
            "It has no gyroscope: angular rates stay ideal.",
            # Sensitivity 232 to 286 LSB/g around 256: limits of 10.5 %.
            acc=_acc((290, 290, 430), (40, 40, 80), 10.5 / 3, 1, bits=13),
        ),
        SensorModel(
            "bmi160",
            "Bosch Sensortec, BMI160: noise and zero-g offset of the maker's product page, zero-rate offset of the data "
            "sheet BST-BMI160-DS000 as quoted in the maker's forum.",
            acc=_acc(180, 40, 0, 0),
            gyro=_gyro(0.007, 3, 0, 0),
        ),
        SensorModel(
            "bmi270",
            "Bosch Sensortec, BMI270 data sheet BST-BMI270-DS000-07, Rev. 1.5 (March 2023), as quoted by its readers; "
            "gyroscope in performance mode, before its sensitivity is compensated.",
            acc=_acc(160, 20, 0.4, 0),
            gyro=_gyro(0.007, 0.5, 2, 0),
        ),
        SensorModel(
            "icm_20948",
            "TDK InvenSense, ICM-20948 data sheet DS-000189, Rev. 1.6, tables 1 and 2 (offset at board level where stated).",
            acc=_acc(230, 50, 0.5, 2),
            gyro=_gyro(0.015, 5, 1.5, 2),
        ),
        SensorModel(
            "icm_42688_p",
            "TDK InvenSense, ICM-42688-P data sheet DS-000347, Rev. 1.5, tables 1 and 2 (16-bit output).",
            acc=_acc((65, 65, 70), 20, 0.5, 1),
            gyro=_gyro(0.0028, 0.5, 0.5, 1.25),
        ),
        SensorModel(
            "mpu_6050",
            "InvenSense, MPU-6000/MPU-6050 product specification PS-MPU-6000A-00, Rev. 3.4 (19 August 2013), 6.1 and 6.2.",
            # The gyroscope's sensitivity is given by limits of 3 %.
            acc=_acc(400, (50, 50, 80), 3, 2),
            gyro=_gyro(0.005, 20, 1, 2),
        ),
    )
}
