"""A recording of the same motion, by a sensor with a clock, a mounting and units of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

import fimad
from fimad.cli import app
from fimad.errors import ConfigError
from fimad.simulate import ImuSequence, Recording, Trajectories, read_recording, simulate_imu
from fimad.simulate.readings.table import flat_table, read_flat_table
from tests.simulate.readers.people import NAMES, motion

MOUNTING = Rotation.from_euler("xyz", (140, -35, 80), degrees=True)


@pytest.fixture(scope="module")
def imu() -> ImuSequence:
    """A wrist that goes round, faster and faster, so that only one lag fits."""
    time_s, position = motion(100, 8)
    position[:, NAMES.index("left_wrist")] = position[0, NAMES.index("left_wrist")]
    phase = 2 * np.pi * (0.5 * time_s + 0.04 * time_s**2)
    position[:, NAMES.index("left_wrist")] += 0.1 * np.stack([np.sin(0.6 * phase), 0 * phase, np.sin(phase)], 1)
    return simulate_imu(Trajectories(time_s, NAMES, position), placements=["left_wrist"], rate_hz=100)


def recorded(imu: ImuSequence, lag_s: float = 1.234, first_s: float = 1.0, last_s: float = 7.0) -> Recording:
    """What a sensor with another frame and clock reads, at 90.5 Hz and for a part of the time."""
    time_s = np.arange(first_s, last_s, 1 / 90.5)
    signal = imu.signals["left_wrist"]
    force, rate = (
        MOUNTING.apply(np.stack([np.interp(time_s, imu.time_s, each[:, axis]) for axis in range(3)], 1))
        for each in (signal.acc_m_s2, signal.gyro_rad_s)
    )
    return Recording(time_s + lag_s, force, rate)


@pytest.mark.parametrize("lag_s", [0.0, 1.234, -0.5, 100.0])
def test_lag_and_mounting_are_found_and_taken_off(imu: ImuSequence, lag_s: float) -> None:
    found = fimad.compare(imu, recorded(imu, lag_s))
    assert found.lag_s == pytest.approx(lag_s, abs=0.004)
    assert (Rotation.from_quat(found.mounting) * MOUNTING.inv()).magnitude() < 0.02
    assert found.acc is not None
    assert found.gyro is not None
    assert found.acc.r > 0.999
    assert found.gyro.r > 0.99
    assert found.acc.relative < 0.03
    assert found.acc.gain == pytest.approx(1, abs=0.01)


def test_scores_are_what_they_say(imu: ImuSequence) -> None:
    exact = recorded(imu)
    assert exact.acc_m_s2 is not None
    half = Recording(exact.time_s, exact.acc_m_s2.mean(0) + 2 * (exact.acc_m_s2 - exact.acc_m_s2.mean(0)))
    found = fimad.compare(imu, half)
    assert found.gyro is None
    assert found.acc is not None
    assert found.acc.gain == pytest.approx(0.5, abs=0.05)
    noise = np.random.default_rng(0).normal(0, 2.0, exact.acc_m_s2.shape)
    noisy = fimad.compare(imu, Recording(exact.time_s, exact.acc_m_s2 + noise, exact.gyro_rad_s))
    assert noisy.acc is not None
    assert noisy.acc.rms_error == pytest.approx(2 * np.sqrt(3), rel=0.05)


UNITS = {
    "SI": (("acc_x", "acc_y", "acc_z"), ("gyro_x", "gyro_y", "gyro_z"), "time_s", 1.0, 1.0, 1.0),
    "g and degrees": (("ax", "ay", "az"), ("gx", "gy", "gz"), "timestamp", 9.80665, np.pi / 180, 1e-3),
    "names that say it": (
        ("AccX (mg)", "AccY (mg)", "AccZ (mg)"), ("GyroX (dps)", "GyroY (dps)", "GyroZ (dps)"), "t", 9.80665e-3, np.pi / 180, 1.0,
    ),
    "of several": (
        ("AccelX_left_wrist", "AccelY_left_wrist", "AccelZ_left_wrist"),
        ("GyroX_left_wrist", "GyroY_left_wrist", "GyroZ_left_wrist"), "Millis", 9.80665, np.pi / 180, 1e-3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNITS)
def test_columns_and_units_of_a_csv_are_told(tmp_path: Path, imu: ImuSequence, kind: str) -> None:
    acc, gyro, clock, acc_unit, gyro_unit, second = UNITS[kind]
    truth = recorded(imu)
    assert truth.acc_m_s2 is not None
    assert truth.gyro_rad_s is not None
    columns = {clock: truth.time_s / second}
    for names, values, unit in ((acc, truth.acc_m_s2, acc_unit), (gyro, truth.gyro_rad_s, gyro_unit)):
        columns.update({name: values[:, at] / unit for at, name in enumerate(names)})
    if kind == "of several":
        columns.update({name.replace("left_wrist", "leg"): 0 * truth.time_s + 0.1 for name in (*acc, *gyro)})
    pacsv.write_csv(pa.table(columns), tmp_path / "a.csv")
    read = read_recording(tmp_path / "a.csv", placement="left_wrist")
    assert read.acc_m_s2 is not None
    assert read.gyro_rad_s is not None
    np.testing.assert_allclose(read.acc_m_s2, truth.acc_m_s2, rtol=1e-6)
    np.testing.assert_allclose(read.gyro_rad_s, truth.gyro_rad_s, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(np.diff(read.time_s), np.diff(truth.time_s), rtol=1e-5)


def test_a_recording_without_gravity_is_compared_without(imu: ImuSequence) -> None:
    signal = imu.signals["left_wrist"]
    linear = MOUNTING.apply(np.einsum("nji,nj->ni", signal.rotation, signal.lin_acc_world_m_s2))
    found = fimad.compare(imu, Recording(imu.time_s, linear, None, gravity=False))
    assert found.acc is not None
    assert found.acc.r > 0.999
    assert found.acc.relative < 0.03


def test_what_can_not_be_compared_is_an_error_in_three_parts(tmp_path: Path, imu: ImuSequence) -> None:
    short = recorded(imu, first_s=1.0, last_s=1.4)
    with pytest.raises(ConfigError, match="too short"):
        fimad.compare(imu, short)
    with pytest.raises(ConfigError, match="no signal of 'tail'"):
        fimad.compare(imu, recorded(imu), placement="tail")
    with pytest.raises(ConfigError, match="No lag"):
        fimad.compare(imu, recorded(imu, 100.0), max_lag_s=1.0)
    (tmp_path / "a.csv").write_text("hello,world\n1,2\n")
    with pytest.raises(ConfigError, match="looks like a reading") as caught:
        read_recording(tmp_path / "a.csv")
    assert "--acc" in caught.value.fix
    pacsv.write_csv(
        pa.table({"time_s": imu.time_s, **{f"acc_{axis}": imu.time_s * 0 + 55 for axis in "xyz"}}), tmp_path / "b.csv"
    )
    with pytest.raises(ConfigError, match="one g in none"):
        read_recording(tmp_path / "b.csv")


def test_a_flat_table_comes_back(tmp_path: Path, imu: ImuSequence) -> None:
    pacsv.write_csv(flat_table({"one": imu}), tmp_path / "a.csv")
    back = read_flat_table(tmp_path / "a.csv")["one"]
    np.testing.assert_allclose(
        back.signals["left_wrist"].acc_m_s2, imu.signals["left_wrist"].acc_m_s2, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(back.signals["left_wrist"].rotation, imu.signals["left_wrist"].rotation, atol=1e-5)


def test_the_command_prints_scores_and_draws_them(tmp_path: Path, imu: ImuSequence) -> None:
    pytest.importorskip("matplotlib", reason="the extra report is not installed")
    virtual, watch, picture = tmp_path / "virtual.csv", tmp_path / "watch.csv", tmp_path / "a.png"
    pacsv.write_csv(flat_table({"one": imu}), virtual)
    truth = recorded(imu)
    assert truth.acc_m_s2 is not None
    pacsv.write_csv(
        pa.table({"time_s": truth.time_s, **{f"acc_{axis}": truth.acc_m_s2[:, at] for at, axis in enumerate("xyz")}}),
        watch,
    )
    arguments = ["compare", str(virtual), str(watch), "--placement", "left_wrist", "--out", str(picture)]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert "specific force: r 1.000" in shown.output
    assert picture.read_bytes()[:4] == b"\x89PNG"
    data = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert data["lag_s"] == pytest.approx(1.234, abs=0.01)
    assert data["acc"]["r"] > 0.999
