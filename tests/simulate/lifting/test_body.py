"""Bones of constant length, planted feet, sides that stay what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimad.simulate.lifting.body import _fuse, body_lengths, broken_bones, mend_depth, settle_hips
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

TIME_S = np.arange(0, 6, 1 / 30)
RNG = np.random.default_rng(2)
HEIGHTS_M = {"shoulder": 1.4, "elbow": 1.1, "wrist": 0.85, "hip": 0.9, "knee": 0.5, "ankle": 0.1, "heel": 0.05}


def standing() -> np.ndarray:
    """(n, 33, 3) of somebody who stands still; x to the image's right, y away, z up."""
    body = np.zeros((len(LANDMARKS), 3))
    for name, at in LANDMARK_INDEX.items():
        side, _, part = name.partition("_")
        body[at] = [-0.2 if side == "left" else 0.2, 0, HEIGHTS_M.get(part, 1.6)]
    return np.tile(body, (len(TIME_S), 1, 1))


def mended(position_m: np.ndarray, world_m: np.ndarray | None = None) -> np.ndarray:
    world_m = position_m if world_m is None else world_m
    weight = np.ones(position_m.shape[:2])
    return mend_depth(TIME_S, position_m, weight, body_lengths(position_m, world_m))


def kicking() -> np.ndarray:
    """The right shank swings towards the camera and back, up to 80 degrees."""
    position = standing()
    angle = np.deg2rad(40) * (1 - np.cos(2 * np.pi * 0.8 * TIME_S))
    knee = position[:, LANDMARK_INDEX["right_knee"]]
    position[:, LANDMARK_INDEX["right_ankle"]] = knee + 0.4 * np.stack([0 * angle, -np.sin(angle), -np.cos(angle)], 1)
    return position


def test_a_bone_that_looks_short_points_towards_the_camera() -> None:
    true = kicking()
    seen = true.copy()
    # Depth of half the truth and noisy, as it comes from one camera.
    seen[..., 1] = 0.5 * true[..., 1] + RNG.normal(0, 0.03, true.shape[:2])
    ankle, knee = LANDMARK_INDEX["right_ankle"], LANDMARK_INDEX["right_knee"]
    found = mended(seen, true)
    moving = true[:, ankle, 1] < -0.2
    told = (seen[:, ankle, 1] - seen[:, knee, 1])[moving] - (true[:, ankle, 1] - true[:, knee, 1])[moving]
    fused = (found[:, ankle] - found[:, knee])[moving] - (true[:, ankle, 1] - true[:, knee, 1])[moving]
    assert np.sqrt((fused**2).mean()) < 0.35 * np.sqrt((told**2).mean())


def test_a_planted_foot_does_not_move_in_depth() -> None:
    position = standing()
    for side in ("left", "right"):
        for part in ("ankle", "heel", "foot_index"):
            position[:, LANDMARK_INDEX[f"{side}_{part}"], 1] += 0.1 * np.sin(2 * np.pi * 0.5 * TIME_S)
    found = mended(position, standing())
    assert np.ptp(found[:, LANDMARK_INDEX["left_ankle"]]) < 0.01
    assert np.ptp(found[:, LANDMARK_INDEX["right_heel"]]) < 0.01


def test_a_foot_that_moves_keeps_its_depth() -> None:
    position = kicking()
    found = mended(position)
    at = LANDMARK_INDEX["right_ankle"]
    assert np.ptp(found[:, at]) > 0.8 * np.ptp(position[:, at, 1])


def test_a_bone_longer_than_it_is_breaks_what_hangs_on_it() -> None:
    position = standing()
    position[30:33, LANDMARK_INDEX["left_knee"], 0] -= 0.6
    broken = broken_bones(position, body_lengths(standing(), standing()))
    landmarks = [LANDMARK_INDEX[f"left_{part}"] for part in ("knee", "ankle", "heel", "foot_index")]
    assert set(np.flatnonzero(broken.any(0))) == set(landmarks)
    assert set(np.flatnonzero(broken.any(1))) == {30, 31, 32}


def test_a_bone_that_turns_around_for_a_moment_is_turned_back() -> None:
    true = standing()
    true[:, LANDMARK_INDEX["right_wrist"], 1] -= 0.2
    seen = true.copy()
    seen[50:53, LANDMARK_INDEX["right_wrist"], 1] += 0.4
    found = mended(seen, true)
    assert np.ptp(found[:, LANDMARK_INDEX["right_wrist"]]) < 0.02


@given(
    told=st.floats(-0.6, 0.6),
    seen=st.floats(0, 0.7),
    length=st.floats(0.1, 0.6),
)
def test_the_fused_depth_is_the_least_of_all_on_its_side(told: float, seen: float, length: float) -> None:
    squared = length**2 - seen**2

    def cost(depth: np.ndarray) -> np.ndarray:
        return (depth - told) ** 2 / 0.05**2 + (depth**2 - squared) ** 2 / (2 * length * 0.015) ** 2

    found = _fuse(np.array([told]), np.array([squared]), np.array([length]))
    side = -1.0 if told < 0 else 1.0
    assert found[0] * side >= -1e-9
    assert cost(found)[0] <= cost(side * np.linspace(0, 1, 4001)).min() * (1 + 1e-6) + 1e-6


def test_lengths_are_the_same_on_both_sides() -> None:
    assert body_lengths(standing(), standing()) == pytest.approx([0.5, 0.4, 0.4, 0.3, 0.25])


@given(turn=st.floats(-180, 180), swing=st.floats(0, 90), hop_m=st.floats(0, 0.5))
def test_hips_of_a_trunk_that_moves_as_a_whole_are_left_alone(turn: float, swing: float, hop_m: float) -> None:
    """Whoever stands, lies, swings to the side or hops keeps the trunk's length in the picture."""
    position = standing()
    angle = np.deg2rad(turn + swing * np.sin(2 * np.pi * 0.5 * TIME_S))[:, None]
    x, z = position[..., 0].copy(), position[..., 2].copy()
    position[..., 0] = np.cos(angle) * x - np.sin(angle) * z
    position[..., 2] = np.sin(angle) * x + np.cos(angle) * z + hop_m * np.abs(np.sin(6 * TIME_S))[:, None]
    settled = position.copy()
    settle_hips(settled)
    np.testing.assert_allclose(settled, position, atol=1e-9)


def test_hips_that_slide_up_the_trunk_slide_less() -> None:
    hips = [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]
    raised = 0.03 * (1 - np.cos(2 * np.pi * 0.5 * TIME_S))
    for slides, left_over in (((1, 1), (0.45, 0.6)), ((1, -1), (0.35, 0.5))):
        position = standing()
        position[:, hips, 2] += raised[:, None] * slides
        settled = position.copy()
        settle_hips(settled)
        share = np.ptp(settled[:, hips, 2], axis=0) / np.ptp(raised)
        assert ((share > left_over[0]) & (share < left_over[1])).all(), (slides, share)
        others = np.delete(np.arange(len(LANDMARKS)), hips)
        np.testing.assert_array_equal(settled[:, others], position[:, others])


def test_a_trunk_that_leans_far_moves_its_hips_by_five_centimetres_at_most() -> None:
    """What shortens a trunk by half is no sliding of landmarks."""
    hips = [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]
    position = standing()
    lean = np.deg2rad(40) * (1 - np.cos(2 * np.pi * 0.3 * TIME_S))
    for side in ("left", "right"):
        shoulder = position[:, LANDMARK_INDEX[f"{side}_shoulder"]]
        shoulder[:, 1], shoulder[:, 2] = -0.5 * np.sin(lean), 0.9 + 0.5 * np.cos(lean)
    settled = position.copy()
    settle_hips(settled)
    assert np.abs(settled[:, hips] - position[:, hips]).max() < 0.05 + 1e-9


def test_a_trunk_that_points_at_the_camera_says_nothing_of_its_hips() -> None:
    position = standing()
    nod = 0.1 * np.sin(2 * np.pi * 0.8 * TIME_S)
    for side in ("left", "right"):
        shoulder = position[:, LANDMARK_INDEX[f"{side}_shoulder"]]
        shoulder[:, 1], shoulder[:, 2] = -0.45, 0.9 + 0.2 + nod
    settled = position.copy()
    settle_hips(settled)
    np.testing.assert_array_equal(settled, position)
