"""Short stretches: what a spectrum can't tell in a second, a fixed filter can."""

from __future__ import annotations

import numpy as np
import pytest

from fimad.simulate import Trajectories, simulate_imu

HIPS = {"left_hip": 0.12, "right_hip": -0.12, "left_shoulder": 0.18, "right_shoulder": -0.18}


def swaying(seconds: float, frequency_hz: float, phase: float, seed: int) -> tuple[Trajectories, np.ndarray]:
    """A trunk that sways along x, with 2 mm of noise, and its acceleration at 50 samples/s."""
    time_s = np.arange(0, seconds + 1e-9, 1 / 30)
    omega = 2 * np.pi * frequency_hz
    points = np.zeros((len(time_s), len(HIPS), 3))
    points[..., 0] = np.array(list(HIPS.values())) + 0.25 * np.sin(omega * time_s + phase)[:, None]
    points[:, 2:, 2] = 0.5
    points += np.random.default_rng(seed).normal(0, 0.002, points.shape)
    clock_s = np.arange(0, time_s[-1] + 1 / 30, 1 / 50)
    return Trajectories(time_s, tuple(HIPS), points, np.ones(points.shape[:2])), -(omega**2) * 0.25 * np.sin(
        omega * clock_s + phase
    )


@pytest.mark.parametrize("seconds", [0.6, 0.8, 1.0, 1.1, 1.3, 2.0])
def test_a_short_stretch_is_no_worse_than_a_fixed_filter_makes_it(seconds: float) -> None:
    errors, inside = [], []
    for at, frequency_hz in enumerate((0.8, 1.2, 1.8)):
        for phase in np.linspace(0, 2 * np.pi, 5, endpoint=False):
            tracks, true = swaying(seconds, frequency_hz, phase, seed=at)
            imu = simulate_imu(tracks, placements=["pelvis"], rate_hz=50)
            assert imu.report["short_stretches"] == (seconds < 1.2)
            pelvis = imu.signals["pelvis"]
            assert pelvis.valid.all()
            wrong = pelvis.lin_acc_world_m_s2[:, 0] - true[: len(pelvis.valid)]
            errors.append(wrong.std() / np.sqrt((true**2).mean()))
            inside.append(np.abs(wrong) < 2 * pelvis.sigma_m_s2)
    assert np.median(errors) < 0.35
    assert np.percentile(errors, 90) < 0.6
    assert np.concatenate(inside).mean() > 0.85
