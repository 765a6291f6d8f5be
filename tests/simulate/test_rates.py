"""Lower rates: nothing that they can't hold comes out as something else, and what is not linear is made before."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fimad.config import SimulateConfig
from fimad.simulate import Trajectories, simulate_imu
from fimad.simulate.smoothing.resample import band_limited

TRUNK = {
    "left_hip": (0.12, 0, 0),
    "right_hip": (-0.12, 0, 0),
    "left_shoulder": (0.18, 0, 0.5),
    "right_shoulder": (-0.18, 0, 0.5),
}


def tracks(time_s: np.ndarray, moved: np.ndarray) -> Trajectories:
    """A trunk that is moved as a whole by (n, 3)."""
    points = np.stack([np.array(place) + moved for place in TRUNK.values()], 1)
    return Trajectories(time_s, tuple(TRUNK), points, np.ones(points.shape[:2]))


@pytest.mark.parametrize(("shake_hz", "rate_hz"), [(18.0, 20.0), (11.0, 20.0), (30.0, 50.0), (9.0, 10.0), (5.2, 10.0)])
def test_what_a_rate_can_not_hold_does_not_come_back_as_something_else(shake_hz: float, rate_hz: float) -> None:
    time_s = np.arange(0, 10, 1 / 200)
    shake = 0.002 * np.sin(2 * np.pi * shake_hz * time_s)
    full = simulate_imu(tracks(time_s, np.outer(shake, (0, 0, 1))), placements=["chest"], rate_hz=200)
    imu = simulate_imu(tracks(time_s, np.outer(shake, (0, 0, 1))), placements=["chest"], rate_hz=rate_hz)
    for name, rest in (("lin_acc_world_m_s2", 0.0), ("acc_m_s2", 9.80665)):
        true, found = (getattr(each.signals["chest"], name)[:, 2] - rest for each in (full, imu))
        seconds = [each.time_s for each in (full, imu)]
        inside = [(each > 1) & (each < 9) for each in seconds]
        # 40 dB: a hundredth.
        assert found[inside[1]].std() < 0.01 * true[inside[0]].std()


def test_what_a_rate_holds_is_kept() -> None:
    time_s = np.arange(0, 10, 1 / 200)
    sway = 0.05 * np.sin(2 * np.pi * 3.5 * time_s)
    imu = simulate_imu(tracks(time_s, np.outer(sway, (1, 0, 0))), placements=["chest"], rate_hz=10)
    expected = -((2 * np.pi * 3.5) ** 2) * 0.05 * np.sin(2 * np.pi * 3.5 * imu.time_s)
    inside = (imu.time_s > 1) & (imu.time_s < 9)
    found = imu.signals["chest"].lin_acc_world_m_s2[:, 0]
    np.testing.assert_allclose(found[inside], expected[inside], atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize("swing_hz", [2.0, 3.0])
def test_a_low_rate_makes_no_error_in_what_is_not_linear(swing_hz: float) -> None:
    # A trunk that rocks, with a sensor off its axis: 28 % wrong when computed on the sensors' clock.
    time_s = np.arange(0, 10, 1 / 60)
    angle = 0.3 * np.sin(2 * np.pi * swing_hz * time_s)
    turn = Rotation.from_rotvec(np.outer(angle, (0, 1, 0)))
    points = np.stack([turn.apply(place) for place in TRUNK.values()], 1)
    source = Trajectories(time_s, tuple(TRUNK), points, np.ones(points.shape[:2]))
    config = SimulateConfig(offset_m=(0.0, -0.1, 0.0), rate_hz=10.0)
    imu, bare = (
        simulate_imu(source, placements=["chest"], config=each) for each in (config, SimulateConfig(rate_hz=10.0))
    )
    inside = (imu.time_s > 1.5) & (imu.time_s < 8.5)
    omega = 2 * np.pi * swing_hz
    rate = 0.3 * omega * np.cos(omega * imu.time_s)
    found = imu.signals["chest"].gyro_rad_s[:, 1]
    np.testing.assert_allclose(found[inside], rate[inside], atol=0.02 * np.abs(rate).max())
    np.testing.assert_array_equal(bare.signals["chest"].gyro_rad_s, imu.signals["chest"].gyro_rad_s)


def test_the_clock_hangs_on_the_clip_not_on_its_first_frame() -> None:
    time_s = 60.0266 + np.arange(240) / 29.97
    sway = 0.05 * np.sin(2 * np.pi * time_s)
    imu = simulate_imu(tracks(time_s, np.outer(sway, (1, 0, 0))), placements=["chest"], rate_hz=50, start_s=60.0)
    np.testing.assert_allclose(imu.time_s[:3], [60.0, 60.02, 60.04], atol=1e-9)
    chest = imu.signals["chest"]
    # The frame before the clip's first one stood until then; the last one stands for its own time.
    assert chest.valid.all()
    assert time_s[-1] + 1 / 29.97 - 1 / 50 <= imu.time_s[-1] < time_s[-1] + 1 / 29.97
    expected = -((2 * np.pi) ** 2) * 0.05 * np.sin(2 * np.pi * imu.time_s)
    assert np.abs(chest.lin_acc_world_m_s2[:, 0] - expected).max() < 0.1 * np.abs(expected).max()


@pytest.mark.parametrize("count", [3, 8, 40, 400])
def test_short_runs_are_limited_too(count: int) -> None:
    values = np.linspace(0, 1, count)[:, None]
    np.testing.assert_allclose(band_limited(values, 50, 10), values, atol=0.05)
    assert band_limited(values, 50, 50) is values
