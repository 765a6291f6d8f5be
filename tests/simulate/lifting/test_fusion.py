"""Landmarks and flow in one track, on motion that is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fimad.simulate import CameraMotion
from fimad.simulate.lifting.fusion import Steps, fuse, joints_of
from fimad.simulate.lifting.trajectory import lift
from fimad.simulate.types import LimbFlow
from fimad.skeleton import FLOW_JOINTS, LANDMARK_INDEX, LANDMARKS
from tests.simulate.test_physics import pose_of

Floats = NDArray[np.float64]

RATE_HZ = 30.0
COUNT = 240
TIME_S = np.arange(COUNT) / RATE_HZ
WRIST, KNEE = LANDMARK_INDEX["left_wrist"], LANDMARK_INDEX["right_knee"]
NATURAL = np.broadcast_to(np.arange(len(LANDMARKS)), (COUNT, len(LANDMARKS)))
CARRIED = (("left_thumb", "left_wrist"), ("left_heel", "left_ankle"))
NEVER = np.zeros(COUNT, bool)
SURE = np.zeros((COUNT, len(LANDMARKS)), bool)


def moving() -> Floats:
    """(n, 33, 3) m: every landmark on its own way, with power from 0.4 to 3 Hz."""
    generator = np.random.default_rng(3)
    place = generator.normal(0, 0.4, (len(LANDMARKS), 3))
    place[:, 1] = 0
    ways = np.zeros((COUNT, len(LANDMARKS), 3))
    for hz, metres in ((0.4, 0.1), (1.1, 0.08), (2.9, 0.02)):
        phase = generator.uniform(0, 2 * np.pi, (len(LANDMARKS), 3))
        ways += metres * np.sin(2 * np.pi * hz * TIME_S[:, None, None] + phase)
    for carried, by in CARRIED:
        ways[:, LANDMARK_INDEX[carried]] = ways[:, LANDMARK_INDEX[by]]
    ways[..., 1] = 0
    return place + ways


def steps_of_truth(true: Floats, noise: float = 0.0, seed: int = 0) -> Steps:
    moved = np.full((COUNT, len(FLOW_JOINTS), 2), np.nan)
    moved[1:] = np.diff(joints_of(true)[..., [0, 2]], axis=0)
    generator = np.random.default_rng(seed)
    dense, grey = (moved + generator.normal(0, noise, moved.shape) for _ in range(2))
    return Steps(dense, grey, np.ones(moved.shape[:2]))


def noisy(true: Floats, metres: float = 0.02) -> Floats:
    error = np.random.default_rng(5).normal(0, metres, true.shape)
    # A landmark model that errs on a wrist errs on its thumb alike.
    for carried, by in CARRIED:
        error[:, LANDMARK_INDEX[carried]] = error[:, LANDMARK_INDEX[by]]
    seen = true + error
    seen[..., 1] = true[..., 1]
    return seen


def wrong(found: Floats, true: Floats, row: int) -> float:
    return float(np.sqrt(((found - true)[10:-10, row][:, [0, 2]] ** 2).mean()))


@pytest.mark.parametrize("row", [WRIST, KNEE, LANDMARK_INDEX["left_thumb"], LANDMARK_INDEX["left_heel"]])
def test_flow_takes_the_noise_off_landmarks(row: int) -> None:
    true = moving()
    seen = noisy(true)
    found, _ = fuse(TIME_S, seen, steps_of_truth(true, 0.001), SURE, NEVER, NATURAL)
    assert wrong(found, true, row) < 0.5 * wrong(seen, true, row)
    np.testing.assert_array_equal(found[..., 1], seen[..., 1])


def test_flow_that_drifts_does_not_carry_joints_away() -> None:
    true = moving()
    steps = steps_of_truth(true)
    drifting = replace(steps, dense=steps.dense + 0.002, grey=steps.grey + 0.002)
    found, _ = fuse(TIME_S, true, drifting, SURE, NEVER, NATURAL)
    # 2 mm a picture would be half a metre in the end.
    assert wrong(found, true, WRIST) < 0.02


def test_where_the_two_flows_disagree_landmarks_count() -> None:
    true = moving()
    steps = steps_of_truth(true)
    astray = slice(100, 130)
    grey, dense = steps.grey.copy(), steps.dense.copy()
    grey[astray, FLOW_JOINTS.index("left_wrist")] += 0.05
    dense[astray, FLOW_JOINTS.index("left_wrist")] -= 0.05
    alone = grey.copy(), grey.copy()
    split, _ = fuse(TIME_S, true, replace(steps, dense=dense, grey=grey), SURE, NEVER, NATURAL)
    agreed, _ = fuse(TIME_S, true, replace(steps, dense=alone[0], grey=alone[1]), SURE, NEVER, NATURAL)
    assert wrong(split, true, WRIST) < 0.25 * wrong(agreed, true, WRIST)
    np.testing.assert_allclose(split[:, KNEE], true[:, KNEE], atol=1e-6)


@pytest.mark.parametrize("silent", ["nothing was measured", "the two disagree"])
def test_where_flow_says_nothing_a_track_does_not_follow_each_landmark(silent: str) -> None:
    true, wrist, gap = moving(), FLOW_JOINTS.index("left_wrist"), slice(90, 150)
    seen, steps = noisy(true), steps_of_truth(true, 0.001)
    if silent == "nothing was measured":
        steps.share[gap, wrist] = 0
    else:
        astray = np.random.default_rng(1).choice([-0.2, 0.2], (60, 2))
        steps.dense[gap, wrist] += astray
        steps.grey[gap, wrist] -= astray
    found, _ = fuse(TIME_S, seen, steps, SURE, NEVER, NATURAL)
    shaken, trembling = (np.diff((each - true)[gap, WRIST][:, [0, 2]], 2, axis=0).std() for each in (seen, found))
    assert trembling < 0.4 * shaken


def test_what_was_guessed_for_want_of_pixels_is_said() -> None:
    true, wrist, gap = moving(), FLOW_JOINTS.index("left_wrist"), slice(90, 150)
    steps = steps_of_truth(true, 0.001)
    steps.share[gap, wrist] = 0
    _, guessed = fuse(TIME_S, noisy(true), steps, SURE, NEVER, NATURAL)
    for row in (WRIST, LANDMARK_INDEX["left_thumb"]):
        assert guessed[gap, row].min() > 0.9
        assert guessed[:80, row].max() < 0.01
        assert guessed[160:, row].max() < 0.01
    assert guessed[:, KNEE].max() < 0.01
    unmeasured = replace(steps, dense=np.full_like(steps.dense, np.nan))
    assert not fuse(TIME_S, noisy(true), unmeasured, SURE, NEVER, NATURAL)[1].any()


def test_a_doubtful_piece_is_bridged_by_flow() -> None:
    true = moving()
    seen, doubtful = true.copy(), SURE.copy()
    seen[100:108, WRIST, 0] += 0.3
    doubtful[100:108, WRIST] = True
    found, _ = fuse(TIME_S, seen, steps_of_truth(true), doubtful, NEVER, NATURAL)
    assert np.abs(found - true)[:, WRIST].max() < 0.01


def resting(row: int, way: Floats) -> Floats:
    """`moving`, but for one joint, which goes this way (n, 2), m, around its place."""
    true = moving()
    carried = [LANDMARK_INDEX[name] for name, by in CARRIED if LANDMARK_INDEX[by] == row]
    for each in (row, *carried):
        true[:, each] = true[:1, each]
        true[:, each, 0] += way[:, 0]
        true[:, each, 2] += way[:, 1]
    return true


def wave(metres: float, hz: float) -> Floats:
    return metres * np.sin(2 * np.pi * hz * TIME_S[:, None] + np.array([0.3, 1.4]))


def shaken(found: Floats, row: int) -> float:
    """RMS of a joint's acceleration in the plane, m/s²."""
    return float(np.sqrt((np.diff(found[30:-30, row][:, [0, 2]], 2, axis=0) ** 2).sum(1).mean())) * RATE_HZ**2


ANKLE = LANDMARK_INDEX["left_ankle"]
SOME = 0.012


def with_wandering(true: Floats, row: int, hz: float) -> Floats:
    seen = true.copy()
    seen[:, row, 0] += wave(SOME, hz)[:, 0]
    seen[:, row, 2] += wave(SOME, hz)[:, 1]
    return seen


@pytest.mark.parametrize("row", [ANKLE, WRIST, KNEE])
@pytest.mark.parametrize("hz", [0.3, 0.5, 1.0])
def test_landmarks_that_wander_with_the_exercise_do_not_move_a_joint_at_rest(row: int, hz: float) -> None:
    true = resting(row, np.zeros((COUNT, 2)))
    seen = with_wandering(true, row, hz)
    found, _ = fuse(TIME_S, seen, steps_of_truth(true, 0.0001), SURE, NEVER, NATURAL)
    assert shaken(found, row) < 0.1 * shaken(seen, row)
    # Its place is that of the landmarks.
    assert np.abs(found[:, row].mean(0) - seen[:, row].mean(0)).max() < 0.005


@pytest.mark.parametrize(("metres", "hz"), [(0.003, 2.0), (0.004, 1.0), (0.03, 0.5), (0.1, 0.3)])
def test_small_and_slow_motion_that_both_flows_see_stays(metres: float, hz: float) -> None:
    true = resting(ANKLE, wave(metres, hz))
    found, _ = fuse(TIME_S, true, steps_of_truth(true, 0.0001), SURE, NEVER, NATURAL)
    assert shaken(found, ANKLE) > 0.8 * shaken(true, ANKLE)


def test_motion_no_larger_than_what_the_flows_differ_by_is_theirs() -> None:
    true = resting(ANKLE, np.zeros((COUNT, 2)))
    steps, ankle = steps_of_truth(true), FLOW_JOINTS.index("left_ankle")
    steps.grey[:, ankle] += np.diff(wave(0.002, 2.0), axis=0, prepend=np.nan)
    found, _ = fuse(TIME_S, true, steps, SURE, NEVER, NATURAL)
    assert shaken(found, ANKLE) < 0.1 * shaken(resting(ANKLE, wave(0.002, 2.0)), ANKLE)


def test_who_stands_for_a_moment_between_steps_is_not_at_rest() -> None:
    steps_m = np.cumsum(np.where(np.sin(2 * np.pi * 0.8 * TIME_S) > 0, 0.02, 0.0))
    true = resting(ANKLE, np.stack([steps_m, np.zeros(COUNT)], axis=1))
    found, _ = fuse(TIME_S, true, steps_of_truth(true, 0.0001), SURE, NEVER, NATURAL)
    assert wrong(found, true, ANKLE) < 0.003


def test_a_joint_behind_something_that_stands_still_follows_its_landmarks() -> None:
    """Pixels see what is before it."""
    true = resting(ANKLE, wave(0.15, 0.4))
    still = steps_of_truth(resting(ANKLE, np.zeros((COUNT, 2))), 0.0001)
    found, _ = fuse(TIME_S, true, still, SURE, NEVER, NATURAL)
    assert wrong(found, true, ANKLE) < 0.6 * wrong(resting(ANKLE, np.zeros((COUNT, 2))), true, ANKLE)


def test_nothing_is_joined_across_a_break_or_without_flow() -> None:
    true = moving()
    true[120:] += (0.5, 0.0, 0.3)
    breaks = NEVER.copy()
    breaks[120] = True
    np.testing.assert_allclose(fuse(TIME_S, true, steps_of_truth(true), SURE, breaks, NATURAL)[0], true, atol=1e-9)
    steps = steps_of_truth(true)
    steps.grey[120] = np.nan
    np.testing.assert_allclose(fuse(TIME_S, true, steps, SURE, NEVER, NATURAL)[0], true, atol=1e-9)
    nothing = replace(steps, dense=np.full_like(steps.dense, np.nan))
    np.testing.assert_array_equal(fuse(TIME_S, noisy(true), nothing, SURE, NEVER, NATURAL)[0], noisy(true))


def test_flow_goes_with_the_limb_where_sides_were_exchanged() -> None:
    true = moving()
    sides = [
        LANDMARK_INDEX[f"{side}_{part}"]
        for side in ("left", "right")
        for part in ("hip", "knee", "ankle", "foot_index")
    ]
    swap = slice(90, 150)
    order = NATURAL.copy()
    order[swap, sides] = np.roll(sides, 4)
    # Measured as landmarks were named then.
    named = np.take_along_axis(true, order[:, :, None], 1)
    steps = steps_of_truth(named)
    found, _ = fuse(TIME_S, true, steps, SURE, NEVER, order)
    assert np.abs(found - true)[:, KNEE].max() < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_a_person_at_rest_is_no_noisier_than_pixels(seed: int) -> None:
    true = np.broadcast_to(moving()[:1], (COUNT, len(LANDMARKS), 3)).copy()
    found, _ = fuse(TIME_S, noisy(true), steps_of_truth(true, 0.0005, seed), SURE, NEVER, NATURAL)
    jerk = np.diff(joints_of(found)[..., [0, 2]], 2, axis=0).std()
    assert jerk < 0.1 * np.diff(joints_of(noisy(true))[..., [0, 2]], 2, axis=0).std()


def test_a_camera_that_pans_is_no_motion_of_limbs() -> None:
    sway = np.zeros((COUNT, 3))
    sway[:, 0] = 0.1 * np.sin(2 * np.pi * 0.7 * TIME_S)
    still = pose_of(TIME_S, sway)
    pan = 0.05 * TIME_S
    shown = still.image.copy()
    shown[..., 0] += pan[:, None]
    motion = np.zeros((COUNT, 4))
    motion[1:, 0] = np.diff(pan)
    camera = CameraMotion(TIME_S, NEVER, motion, np.ones(COUNT))
    seen = joints_of(shown[..., :2] * [1.0, still.height_px / still.width_px])
    moved = np.full_like(seen, np.nan)
    moved[1:] = np.diff(seen, axis=0)
    flow = LimbFlow(moved, moved, np.ones(moved.shape[:2]))
    noise = np.random.default_rng(1).normal(0, 0.004, shown[..., :2].shape)
    landmarks = shown.copy()
    landmarks[..., :2] += noise
    true = lift(still).trajectories.position_m[..., 0]
    errors = {}
    for name, each in (("landmarks", None), ("flow", flow)):
        found = lift(replace(still, image=landmarks, camera=camera, flow=each)).trajectories.position_m[..., 0]
        wrist = (found - true)[10:-10, WRIST]
        errors[name] = np.diff(wrist).std()
    assert errors["flow"] < 0.2 * errors["landmarks"]
