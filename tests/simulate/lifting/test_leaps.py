"""Landmarks that are suddenly elsewhere: bridged, moved back, or another person; never a spike."""

from __future__ import annotations

import numpy as np
import pytest

from fimad.simulate import PoseSequence, simulate_imu
from fimad.simulate.lifting.leaps import without_leaps
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

RATE_HZ = 30
TIME_S = np.arange(0, 6, 1 / RATE_HZ)
NO_BREAKS = np.zeros(len(TIME_S), bool)
RNG = np.random.default_rng(4)
BODY = RNG.normal(size=(len(LANDMARKS), 3)) * [0.2, 0.1, 0.4]
ARM = [LANDMARK_INDEX[f"left_{part}"] for part in ("elbow", "wrist", "pinky", "index", "thumb")]
WRIST = LANDMARK_INDEX["left_wrist"]


def waving(speed_m_s: float = 2.0) -> np.ndarray:
    """(n, 33, 3) of a body whose left arm goes up and down, at most so fast."""
    position = np.tile(BODY, (len(TIME_S), 1, 1))
    rate = 2 * np.pi * 0.8
    position[:, ARM, 2] += (speed_m_s / rate * np.sin(rate * TIME_S))[:, None]
    return position


def pose_of(position_m: np.ndarray) -> PoseSequence:
    """As a level camera with a focal length of 1.2 widths sees it from 4 m."""
    away = position_m[..., 1] + 4
    u, v = 1.2 * position_m[..., 0] / away + 0.5, -1.2 * position_m[..., 2] / away * 1280 / 720 + 0.5
    world = np.stack([position_m[..., 0], -position_m[..., 2], position_m[..., 1]], -1)
    return PoseSequence(TIME_S, np.stack([u, v, 0 * u], -1), world, np.ones(u.shape), 1280, 720)


def test_what_people_can_do_is_left_alone() -> None:
    position = waving(9.0)
    found = without_leaps(TIME_S, position, NO_BREAKS)
    assert found.position_m is position
    assert not found.doubtful.any()
    assert not found.breaks.any()


def test_another_guess_for_a_few_frames_is_bridged_and_doubtful() -> None:
    true = waving()
    seen = true.copy()
    seen[60:64, ARM, 0] += 0.6
    found = without_leaps(TIME_S, seen, NO_BREAKS)
    assert np.abs(found.position_m - true).max() < 0.03
    assert found.doubtful[59:65, WRIST].all()
    assert found.doubtful.sum() == 6 * len(ARM)


def test_another_guess_for_a_second_is_moved_to_where_the_limb_was() -> None:
    true = waving()
    seen = true.copy()
    seen[90:125, ARM, 0] += 0.7
    found = without_leaps(TIME_S, seen, NO_BREAKS)
    # The first piece is the longest: it stays, and a leap takes no more than a frame's motion with it.
    assert np.abs(found.position_m - true).max() < 0.15
    assert found.doubtful[:, WRIST].sum() == 4


@pytest.mark.parametrize("frames", [12, 25])
@pytest.mark.parametrize("back", ["leaps", "slides"])
@pytest.mark.parametrize("rows", [ARM, ARM[1:]])
def test_a_limb_ends_on_the_body_however_it_came_back(frames: int, back: str, rows: list[int]) -> None:
    """What leaves by a leap and returns by none would be moved for good, metres off the body after some of them."""
    true = waving()
    seen = true.copy()
    seen[40 : 40 + frames, rows, 0] += 0.8
    if back == "slides":
        seen[40 + frames : 46 + frames, rows, 0] += np.linspace(0.8, 0, 8)[1:-1, None]
    hangs_on = dict(zip(ARM, [LANDMARK_INDEX["left_shoulder"], ARM[0], *ARM[1:2] * 3], strict=True))
    reach = {row: (parent, 1.4 * float(np.hypot(*(BODY[row] - BODY[parent])[::2]))) for row, parent in hangs_on.items()}
    found = without_leaps(TIME_S, seen, NO_BREAKS, reach)
    assert np.abs(found.position_m - true)[60 + frames :].max() < 0.05
    assert np.abs(found.position_m - true)[:36].max() < 0.05
    assert found.doubtful[39:41, rows].all()


def test_a_leap_takes_none_of_the_motion_with_it() -> None:
    true = waving(6.0)
    seen = true.copy()
    for first in range(20, 160, 20):
        seen[first : first + 10, ARM, 0] += 0.9
    assert np.abs(without_leaps(TIME_S, seen, NO_BREAKS).position_m - true).max() < 0.1


def test_a_limb_that_is_never_sure_is_doubtful_all_the_time() -> None:
    seen = waving()
    seen[::2, WRIST, 0] += 1.0
    found = without_leaps(TIME_S, seen, NO_BREAKS)
    assert found.doubtful[:, WRIST].all()
    np.testing.assert_array_equal(found.position_m[:, WRIST], seen[:, WRIST])


def test_most_of_a_body_leaps_when_it_is_another_person() -> None:
    seen = waving()
    seen[100:, :, 0] += 1.5
    found = without_leaps(TIME_S, seen, NO_BREAKS)
    assert np.flatnonzero(found.breaks).tolist() == [100]
    np.testing.assert_array_equal(found.position_m, seen)
    assert found.doubtful[98:103].all()
    assert not found.doubtful[:95].any()


def test_a_cut_is_not_a_leap() -> None:
    seen = waving()
    seen[100:, ARM, 0] += 1.5
    breaks = NO_BREAKS.copy()
    breaks[100] = True
    assert not without_leaps(TIME_S, seen, breaks).doubtful.any()


def test_leaps_make_no_spikes_and_are_reported() -> None:
    true = waving()
    clean = simulate_imu(pose_of(true), placements=["left_wrist", "chest"])
    largest = np.linalg.norm(clean.signals["left_wrist"].lin_acc_world_m_s2, axis=1).max()
    seen = true.copy()
    for first in (40, 77, 120, 150):
        seen[first : first + 3, ARM, 0] += 0.8
    imu = simulate_imu(pose_of(seen), placements=["left_wrist", "chest"])
    assert imu.report["leaping_landmark_frames"] == 4 * 3 * len(ARM)
    wrist = imu.signals["left_wrist"]
    assert 0.7 < wrist.valid.mean() < 0.95
    assert np.nanmax(np.linalg.norm(wrist.lin_acc_world_m_s2, axis=1)) < 1.3 * largest
    assert imu.signals["chest"].valid.all()


def test_another_person_begins_a_stretch_of_its_own() -> None:
    seen = waving()
    seen[100:, :, 0] += 1.5
    imu = simulate_imu(pose_of(seen), placements=["chest"])
    assert len(imu.report["stretches"]) == 2
    assert (imu.report["cuts"], imu.report["other_persons"]) == (0, 1)
    assert np.nanmax(np.abs(imu.signals["chest"].lin_acc_world_m_s2)) < 0.5
