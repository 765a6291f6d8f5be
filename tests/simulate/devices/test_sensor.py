"""Sensor models: what is added has the statistics that were asked for, and nothing else changes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from scipy import signal

from fimad.config import SimulateConfig
from fimad.errors import ConfigError
from fimad.simulate import SENSORS, AxisErrors, ImuSequence, PlacementSignal, SensorModel, apply_sensor, to_device
from fimad.simulate.devices.sensor import gauss_markov
from tests.simulate.resting import resting

G_M_S2 = 9.80665


def read(model: SensorModel, imu: ImuSequence, clip_id: str = "", seed: int = 0) -> PlacementSignal:
    return apply_sensor(imu, model, seed=seed, clip_id=clip_id).signals["left_wrist"]


def many(model: SensorModel, clips: int, count: int) -> np.ndarray:
    """(clips, count, 3) readings of parts that have nothing to do with each other."""
    imu = resting(count)
    return np.stack([read(model, imu, clip_id=str(at)).acc_m_s2 for at in range(clips)])


@pytest.mark.parametrize("rate_hz", [25.0, 200.0])
def test_white_noise_has_the_stated_one_sided_density_at_every_rate(rate_hz: float) -> None:
    model = SensorModel(acc=AxisErrors(noise_density=(0.01, 0.02, 0.03)), gyro=AxisErrors(noise_density=0.001))
    reading = read(model, resting(1 << 15, rate_hz))
    for axis, density in enumerate((0.01, 0.02, 0.03)):
        frequency, power = signal.welch(reading.acc_m_s2[:, axis], rate_hz, nperseg=512)
        inner = power[2:-2]
        # The variance of 2¹⁵ samples is known to 0.8 %, each half of the spectrum to 1.1 %.
        assert np.sqrt(inner.mean()) == pytest.approx(density, rel=0.03)
        assert inner[: len(inner) // 2].mean() == pytest.approx(inner[len(inner) // 2 :].mean(), rel=0.08)
        assert frequency[-1] == rate_hz / 2
    assert reading.gyro_rad_s.std() == pytest.approx(0.001 * np.sqrt(rate_hz / 2), rel=0.03)


def test_allan_deviation_of_white_noise_falls_with_the_root_of_time() -> None:
    density, rate_hz = 0.02, 50.0
    values = read(SensorModel(acc=AxisErrors(noise_density=density)), resting(1 << 17, rate_hz)).acc_m_s2[:, 0]
    for time_s in (0.2, 1.0, 5.0):
        size = round(time_s * rate_hz)
        means = values[: len(values) // size * size].reshape(-1, size).mean(1)
        allan = np.sqrt(0.5 * np.mean(np.diff(means) ** 2))
        # A one-sided density N gives N/√(2τ); with this many clusters, 5 standard errors are below 20 %.
        assert allan == pytest.approx(density / np.sqrt(2 * time_s), rel=5 * np.sqrt(1.5 / len(means)))


def test_turn_on_bias_is_constant_within_a_clip_and_spread_as_stated_between_them() -> None:
    values = many(SensorModel(acc=AxisErrors(turn_on_bias=(0.1, 0.1, 0.4))), clips=600, count=3)
    assert np.ptp(values, axis=1).max() == 0
    spread = values[:, 0].std(0)
    np.testing.assert_allclose(spread, [0.1, 0.1, 0.4], rtol=5 / np.sqrt(2 * 600))
    assert np.abs(values[:, 0].mean(0) / spread).max() < 5 / np.sqrt(600)
    assert abs(np.corrcoef(values[:, 0].T)[0, 1]) < 5 / np.sqrt(600)


def test_gauss_markov_drift_is_stationary_and_forgets_with_its_correlation_time() -> None:
    rate_hz, time_s, runs = 50.0, 4.0, 4000
    values = gauss_markov(np.random.default_rng(1).normal(size=(601, runs)), rate_hz, time_s)
    for at in (0, 300, 600):
        assert values[at].std() == pytest.approx(1, rel=5 / np.sqrt(2 * runs))
    lag = round(rate_hz * time_s)
    assert np.mean(values[100] * values[100 + lag]) == pytest.approx(np.exp(-1), abs=5 / np.sqrt(runs))
    # A correlation time so long that 1 − φ² rounds to nothing is still a drift.
    slow = gauss_markov(np.random.default_rng(2).normal(size=(1000, 1)), 1000.0, 1e15)
    assert 0 < np.ptp(slow) < 1e-5


def test_drift_and_random_walk_have_the_stated_size() -> None:
    drift = many(SensorModel(acc=AxisErrors(drift=0.05, drift_time_s=2.0)), clips=300, count=201)
    assert drift[:, -1].std() == pytest.approx(0.05, rel=5 / np.sqrt(2 * 900))
    walk = many(SensorModel(acc=AxisErrors(random_walk=0.03)), clips=300, count=400)
    for seconds in (1, 4):
        assert walk[:, seconds * 100 - 1].std() == pytest.approx(0.03 * np.sqrt(seconds), rel=5 / np.sqrt(2 * 900))


def test_scale_and_cross_axis_errors_are_a_matrix_that_is_constant_in_a_clip() -> None:
    imu = resting(50)
    ideal = np.random.default_rng(0).normal(size=(50, 3))
    signals = {"left_wrist": replace(imu.signals["left_wrist"], acc_m_s2=ideal)}
    matrices = []
    for clip in range(400):
        model = SensorModel(acc=AxisErrors(scale=0.02, cross_axis=0.01))
        measured = read(model, replace(imu, signals=signals), clip_id=str(clip)).acc_m_s2
        matrix, residual, _, _ = np.linalg.lstsq(ideal, measured, rcond=None)
        assert residual.max() < 1e-20
        matrices.append(matrix.T - np.eye(3))
    errors = np.array(matrices)
    diagonal = np.eye(3, dtype=bool)
    assert errors[:, diagonal].std() == pytest.approx(0.02, rel=0.1)
    assert errors[:, ~diagonal].std() == pytest.approx(0.01, rel=0.1)


def test_readings_are_clipped_at_full_scale_and_lie_on_the_converters_grid() -> None:
    imu = resting(1000)
    sweep = np.linspace(-30, 30, 1000)[:, None] * [1.0, -1.0, 0.5]
    imu = replace(imu, signals={"left_wrist": replace(imu.signals["left_wrist"], acc_m_s2=sweep)})
    lsb = 2 * 19.6 / 2**10
    acc = read(SensorModel(acc=AxisErrors(full_scale=19.6, lsb=lsb)), imu).acc_m_s2
    codes = acc / lsb
    np.testing.assert_allclose(codes, np.round(codes), atol=1e-9)
    assert codes.min() == -512
    assert codes.max() == 511
    inside = np.abs(sweep) < 19.5
    assert np.abs(acc - sweep)[inside].max() <= lsb / 2 + 1e-12
    clipped = read(SensorModel(acc=AxisErrors(full_scale=19.6)), imu).acc_m_s2
    np.testing.assert_array_equal(clipped, np.clip(sweep, -19.6, 19.6))


def test_jitter_reads_the_signal_at_other_times() -> None:
    imu = resting(20_000)
    ramp = np.arange(20_000)[:, None] / 100 * [1.0, 2.0, -3.0]
    imu = replace(imu, signals={"left_wrist": replace(imu.signals["left_wrist"], acc_m_s2=ramp, gyro_rad_s=ramp)})
    reading = read(SensorModel(jitter_s=0.001), imu)
    times_off_s = (reading.acc_m_s2 - ramp)[5:-5] / [1.0, 2.0, -3.0]
    np.testing.assert_allclose(times_off_s[:, 0], times_off_s[:, 2], atol=1e-9)
    assert times_off_s[:, 0].std() == pytest.approx(0.001, rel=5 / np.sqrt(2 * 20_000))
    # Both sensors of a part have one clock, and no sample overtakes its neighbour.
    np.testing.assert_allclose(reading.acc_m_s2, reading.gyro_rad_s)
    wild = read(SensorModel(jitter_s=0.5), imu).acc_m_s2[:, 0]
    assert (np.diff(wild) >= -1e-9).all()


def test_missing_samples_stay_missing_and_change_nothing_around_them() -> None:
    model = replace(SENSORS["mpu_6050"], jitter_s=0.002)
    model = replace(model, acc=replace(model.acc, drift=0.1, random_walk=0.01))
    whole = resting(300)
    full = read(model, whole)
    gaps = np.zeros((300, 3))
    gaps[:10] = gaps[100:140] = gaps[141:143] = np.nan
    old = replace(whole.signals["left_wrist"], acc_m_s2=gaps, gyro_rad_s=gaps, valid=np.isfinite(gaps[:, 0]))
    new = read(model, replace(whole, signals={"left_wrist": old}))
    missing = np.isnan(gaps)
    for name in ("acc_m_s2", "gyro_rad_s"):
        np.testing.assert_array_equal(np.isnan(getattr(new, name)), missing)
        np.testing.assert_array_equal(getattr(new, name)[~missing], getattr(full, name)[~missing])
    for name in ("valid", "lin_acc_world_m_s2", "rotation", "sigma_m_s2", "quality"):
        assert getattr(new, name) is getattr(old, name)


def test_errors_follow_from_seed_clip_and_placement_alone() -> None:
    model = SENSORS["bmi270"]
    imu = resting(100, names=("left_wrist", "chest"))
    once, again = (apply_sensor(imu, model, seed=7, clip_id="v___0") for _ in range(2))
    turned = replace(imu, signals=dict(reversed(imu.signals.items())))
    other_order = apply_sensor(turned, model, seed=7, clip_id="v___0")
    for name in imu.signals:
        for other in (again, other_order):
            np.testing.assert_array_equal(once.signals[name].acc_m_s2, other.signals[name].acc_m_s2)
            np.testing.assert_array_equal(once.signals[name].gyro_rad_s, other.signals[name].gyro_rad_s)
    others = [
        once.signals["chest"],
        apply_sensor(imu, model, seed=8, clip_id="v___0").signals["left_wrist"],
        apply_sensor(imu, model, seed=7, clip_id="v___1").signals["left_wrist"],
    ]
    for each in others:
        assert not np.allclose(each.acc_m_s2, once.signals["left_wrist"].acc_m_s2)
        assert not np.allclose(each.gyro_rad_s, once.signals["left_wrist"].gyro_rad_s)
    assert once.report == {"method": "test", "sensor": {"part": "bmi270", "seed": 7}}


def test_one_kind_of_error_can_be_switched_off_and_the_others_stay() -> None:
    both = AxisErrors(turn_on_bias=0.1, noise_density=0.01)
    imu = resting(500)
    full = read(SensorModel(acc=both), imu).acc_m_s2
    bias = read(SensorModel(acc=replace(both, noise_density=0.0)), imu).acc_m_s2
    noise = read(SensorModel(acc=replace(both, turn_on_bias=0.0)), imu).acc_m_s2
    np.testing.assert_allclose(full, bias + noise, atol=1e-15)


def test_without_a_sensor_or_calibration_nothing_happens() -> None:
    imu = resting(10)
    assert to_device(imu, SimulateConfig()) is imu
    perfect = read(SensorModel(), imu)
    np.testing.assert_array_equal(perfect.acc_m_s2, imu.signals["left_wrist"].acc_m_s2)


def test_the_configuration_names_the_part_and_adds_jitter_and_drift() -> None:
    imu = resting(50)
    config = SimulateConfig.model_validate({"sensor": "icm_20948", "sensor_seed": 3})
    expected = apply_sensor(imu, SENSORS["icm_20948"], seed=3, clip_id="c")
    np.testing.assert_array_equal(
        to_device(imu, config, clip_id="c").signals["left_wrist"].acc_m_s2, expected.signals["left_wrist"].acc_m_s2
    )
    drifting = to_device(imu, SimulateConfig.model_validate({"sensor_gyro_drift_rad_s": 0.1}))
    assert drifting.signals["left_wrist"].gyro_rad_s.std() > 0
    assert not drifting.signals["left_wrist"].acc_m_s2.any()
    assert drifting.report["sensor"]["part"] == "ideal"


def test_every_part_can_be_configured_and_says_where_its_figures_are_from() -> None:
    choices = set(get_args(SimulateConfig.model_fields["sensor"].annotation))
    assert choices == {"none", *SENSORS}
    for model in SENSORS.values():
        assert len(model.source) > 40
        assert model.acc.full_scale == pytest.approx(16 * G_M_S2)


def test_parts_agree_with_figures_that_their_sheets_derive() -> None:
    """Noise in a band and counts per unit stand in the sheets too, and are not what the presets were made from."""
    part = SENSORS["icm_42688_p"]
    reading = read(
        SensorModel(
            acc=AxisErrors(noise_density=part.acc.noise_density), gyro=AxisErrors(noise_density=part.gyro.noise_density)
        ),
        resting(1 << 15, 200.0),
    )
    # DS-000347, tables 1 and 2, bandwidth 100 Hz: 0.65, 0.65 and 0.70 mg; 0.028 °/s.
    np.testing.assert_allclose(reading.acc_m_s2.std(0) / G_M_S2 * 1e3, [0.65, 0.65, 0.70], rtol=0.03)
    np.testing.assert_allclose(np.degrees(reading.gyro_rad_s.std(0)), 0.028, rtol=0.03)
    for name in ("mpu_6050", "icm_20948", "icm_42688_p"):
        assert G_M_S2 / SENSORS[name].acc.lsb == pytest.approx(2048)
        assert np.radians(1) / SENSORS[name].gyro.lsb == pytest.approx(16.4, rel=1e-3)
    assert G_M_S2 / SENSORS["adxl345"].acc.lsb == pytest.approx(256)
    assert SENSORS["adxl345"].gyro == AxisErrors()


@pytest.mark.parametrize(
    "wrong", [{"noise_density": -1.0}, {"full_scale": 0.0}, {"scale": (1.0, 2.0)}, {"lsb": np.nan}, {"drift_time_s": 0}]
)
def test_impossible_errors_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        AxisErrors(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="jitter_s"):
        SensorModel(jitter_s=-0.1)


PAGE = (Path(__file__).parents[3] / "docs" / "sensors.md").read_text(encoding="utf-8")


def test_the_page_shows_the_figures_that_are_used() -> None:
    rows = re.findall(r"^\| `(\w+)` . \|(.*)\|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == list(SENSORS)

    def numbers(cell: str) -> list[float]:
        return [0.0 if part.strip() in "–" else float(part) for part in re.split(r"[,/]", cell)]

    for name, row in rows:
        cells = [cell.strip() for cell in row.split("|")]
        sides = [(cells[:3], SENSORS[name].acc, 1e-6 * G_M_S2, 1e-3 * G_M_S2)]
        if "no gyroscope" not in row:
            sides.append((cells[3:], SENSORS[name].gyro, np.radians(1), np.radians(1)))
        for (noise, offset, share), errors, noise_unit, offset_unit in sides:
            assert np.allclose(errors.noise_density, np.multiply(numbers(noise), noise_unit))
            assert np.allclose(errors.turn_on_bias, np.multiply(numbers(offset), offset_unit))
            scale, cross = (*numbers(share), 0.0)[:2]
            assert (errors.scale, errors.cross_axis) == pytest.approx((scale / 100, cross / 100))


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_pages_example_runs(example: str) -> None:
    names: dict[str, object] = {}
    exec(compile(example, "docs/sensors.md", "exec"), names)  # noqa: S102  (the project's own page)
    assert isinstance(names["real"], ImuSequence)
    assert names["real"].report["sensor"]["part"] == "mine"
