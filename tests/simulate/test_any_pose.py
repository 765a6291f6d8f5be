"""Whatever a pose estimator gives: signals are finite where they are valid, NaN elsewhere, and nothing is raised or warned of."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fimad.simulate import CameraMotion, PoseSequence, Trajectories, simulate_imu
from fimad.simulate.types import LimbFlow
from fimad.skeleton import FLOW_JOINTS, LANDMARKS, PLACEMENTS

CASES = 150
COUNTS = (0, 1, 2, 3, 4, 5, 6, 8, 11, 15, 18, 19, 20, 25, 40, 90)


def anything(rng: np.random.Generator) -> PoseSequence:
    """A body, or none; still, noisy or absurd; with lost frames, lost landmarks, leaps and a wild camera."""
    count = int(rng.choice(COUNTS))
    shape = (count, len(LANDMARKS))
    time_s = np.cumsum(rng.uniform(0.2, 1.8, count)) / rng.choice([5, 15, 30, 60, 240])
    if rng.random() < 0.5:
        world = rng.normal(0, 0.3, (1, len(LANDMARKS), 3)) + rng.normal(0, 0.01, (*shape, 3))
        image = np.stack([0.5 + 0.3 * world[..., 0], 0.5 + 0.3 * world[..., 1], world[..., 2]], -1)
    else:
        world = rng.normal(0, rng.choice([0, 1e-6, 0.3, 100]), (*shape, 3))
        image = rng.normal(0.5, rng.choice([0, 0.1, 10]), (*shape, 3))
    visibility = rng.uniform(0, 1, shape)
    if rng.random() < 0.4:
        lost = rng.random(count) < rng.choice([0.1, 0.5, 0.9])
        world[lost], image[lost], visibility[lost] = np.nan, np.nan, 0
    if rng.random() < 0.2:
        world[:, rng.integers(len(LANDMARKS))] = np.nan
    if rng.random() < 0.3 and count > 3:
        for first in rng.integers(0, count, 4):
            image[first : first + rng.integers(1, 9), rng.integers(len(LANDMARKS)) :] += rng.normal()
    camera = None
    if rng.random() < 0.3:
        motion, confidence = rng.normal(0, 0.02, (count, 4)), rng.uniform(0, 1, count)
        camera = CameraMotion(time_s, rng.random(count) < 0.05, motion, confidence)
    flow = None
    if rng.random() < 0.4:
        moved = rng.normal(0, rng.choice([0, 1e-3, 10]), (2, count, len(FLOW_JOINTS), 2))
        moved[:, rng.random(count) < rng.choice([0.02, 0.5])] = np.nan
        flow = LimbFlow(moved[0], moved[1], rng.uniform(0, 1, (count, len(FLOW_JOINTS))))
    return PoseSequence(time_s, image, world, visibility, 1280, 720, camera, flow)


@pytest.mark.parametrize("captured", [False, True])
def test_signals_are_finite_where_they_are_valid(captured: bool) -> None:
    rng = np.random.default_rng(7)
    for case in range(CASES):
        pose = anything(rng)
        source = Trajectories(pose.time_s, LANDMARKS, pose.world_m, pose.visibility) if captured else pose
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            imu = simulate_imu(source, placements=PLACEMENTS)
        for name, signal in imu.signals.items():
            assert 0 <= signal.quality <= 1, (case, name)
            for values in (signal.acc_m_s2, signal.gyro_rad_s, signal.lin_acc_world_m_s2, signal.sigma_m_s2):
                assert np.isfinite(values[signal.valid]).all(), (case, name)
                assert np.isnan(values[~signal.valid]).all(), (case, name)
