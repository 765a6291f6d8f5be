"""What people type first: frames, pictures, parts by name, paths as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fimad
from fimad.errors import ConfigError
from fimad.simulate import SENSORS, ImuSequence, PoseSequence, Trajectories, apply_sensor, simulate_imu
from tests.simulate.readers.people import NAMES, motion, write_csv


@pytest.fixture(scope="module")
def imu() -> ImuSequence:
    return simulate_imu(Trajectories(*motion()[:1], NAMES, motion()[1]), placements=["left_wrist", "chest"])


def test_a_path_may_be_text(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", *motion())
    assert fimad.read_motion(str(path)).names == fimad.read_motion(path).names


def test_a_frame_has_a_row_a_sample(imu: ImuSequence) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = imu.to_frame("one")
    assert len(frame) == len(imu.time_s)
    np.testing.assert_allclose(
        frame["left_wrist_acc_z_m_s2"], imu.signals["left_wrist"].acc_m_s2[:, 2], rtol=1e-5, atol=1e-4
    )


def test_a_picture_is_drawn(tmp_path: Path, imu: ImuSequence) -> None:
    pytest.importorskip("matplotlib", reason="the extra report is not installed")
    imu.plot(tmp_path / "a.png", "left_wrist")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ConfigError, match="no signal of 'tail'") as caught:
        imu.plot(tmp_path / "b.png", "tail")
    assert "left_wrist, chest" in caught.value.fix
    # All of them, where none is named; nothing is written unasked.
    titles = [panel.get_title(loc="left") for panel in imu.plot().axes]
    assert [title.partition(":")[0] for title in titles] == ["left_wrist"] * 2 + ["chest"] * 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.png"]


def test_a_part_may_be_named(imu: ImuSequence) -> None:
    named = apply_sensor(imu, "bmi160")
    given = apply_sensor(imu, SENSORS["bmi160"])
    np.testing.assert_array_equal(named.signals["chest"].acc_m_s2, given.signals["chest"].acc_m_s2)
    with pytest.raises(ConfigError, match="no part 'bmi16'"):
        apply_sensor(imu, "bmi16")


@pytest.mark.parametrize("spoil", [lambda t: t * 1000, lambda t: t[::-1], lambda t: np.r_[t[:1], t[:-1]]])
def test_a_pose_with_times_that_are_none_is_refused(spoil: Callable[[np.ndarray], np.ndarray]) -> None:
    time_s = np.arange(60) / 30
    pose = np.zeros((60, 33, 3))
    with pytest.raises(ConfigError, match=r"rise|apart"):
        PoseSequence(spoil(time_s), pose, pose, np.ones((60, 33)), 640, 360)
