"""Motions of the renderer: smooth, and physical where they claim to be. The body itself needs the `render` extra."""

from __future__ import annotations

import numpy as np
import pytest

from tools.render_workout.motions import G_M_S2, MOTIONS, hop_height, turns
from tools.render_workout.pose import SIDES, direction, smoothstep, standing
from tools.render_workout.script import DURATION_S, WORKOUT, clip_pose, workout_pose

STEP_S = 1e-3


def numbers(pose) -> np.ndarray:
    """Everything a pose consists of, (n, k)."""
    parts = [pose.root_m, pose.pelvis_deg, pose.trunk_deg, pose.head_deg]
    for limbs in (pose.upper_arm_deg, pose.forearm_deg, pose.foot_m, pose.foot_pitch_deg):
        parts += [limbs[side] for side in SIDES]
    return np.hstack(parts)


@pytest.mark.parametrize("name", sorted(MOTIONS))
def test_second_derivatives_are_continuous(name: str) -> None:
    period_s = MOTIONS[name].period_s
    # Twice as fine a grid halves the largest step of a continuous function, and leaves a jump as it is.
    steps = []
    for step_s in (STEP_S, STEP_S / 2):
        values = numbers(MOTIONS[name].pose(np.arange(0, 2 * period_s, step_s), period_s))
        second = np.diff(values, 2, axis=0) / step_s**2
        steps.append(np.abs(np.diff(second, axis=0)).max(axis=0))
    coarse, fine = steps
    assert (fine <= 0.6 * coarse + 0.05).all()


@pytest.mark.parametrize("name", sorted(MOTIONS))
def test_motions_repeat_themselves(name: str) -> None:
    period_s = MOTIONS[name].period_s
    time_s = np.linspace(0, period_s, 50)
    still = numbers(standing(time_s)) - numbers(standing(time_s + period_s))  # breathing has a period of its own
    first, second = (numbers(MOTIONS[name].pose(time_s + shift, period_s)) for shift in (0.0, period_s))
    assert np.abs(first - second).max() <= np.abs(still).max() + 1e-9


def test_hop_is_free_fall_between_contacts_and_carries_the_weight_on_average() -> None:
    period_s, contact_s = 0.5, 0.3
    time_s = np.arange(0, period_s, 1e-4)
    height = hop_height(np.append(time_s, [period_s, period_s + 1e-4]), period_s, contact_s)
    acceleration = np.diff(height, 2) / 1e-8
    flying = time_s + 1e-4 > contact_s + 2e-4
    np.testing.assert_allclose(acceleration[flying][:-2], -G_M_S2, atol=1e-3)
    assert acceleration.mean() == pytest.approx(0, abs=1e-3)
    assert height[0] == pytest.approx(height[-2], abs=1e-9)


def test_turns_never_overlap() -> None:
    raised = turns(np.linspace(0, 3, 301), 1.2)
    assert (raised["left"] * raised["right"] == 0).all()


def test_directions_are_unit_vectors_that_point_where_they_say() -> None:
    zero, right_angle = np.array([0.0]), np.array([90.0])
    np.testing.assert_allclose(direction(zero, zero, 1.0), [[0, 0, -1]], atol=1e-12)
    np.testing.assert_allclose(direction(right_angle, zero, -1.0), [[-1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(direction(right_angle, right_angle, 1.0), [[0, -1, 0]], atol=1e-12)


def test_smoothstep_is_flat_at_both_ends() -> None:
    np.testing.assert_allclose(smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])), [0, 0, 0.5, 1, 1], atol=1e-12)
    assert np.diff(smoothstep(np.array([0.0, 1e-3])))[0] < 1e-10


def test_workout_stands_still_at_every_chapter_boundary() -> None:
    boundaries = np.array([each.start_s for each in WORKOUT] + [DURATION_S])
    np.testing.assert_allclose(numbers(workout_pose(boundaries)), numbers(standing(boundaries)), atol=1e-9)


def test_amplitude_scales_the_motion() -> None:
    time_s = np.linspace(0, 3, 40)
    full, half = (numbers(clip_pose("squat", amplitude=each)(time_s)) for each in (1.0, 0.5))
    np.testing.assert_allclose(half - numbers(standing(time_s)), (full - numbers(standing(time_s))) / 2, atol=1e-9)


def test_body_stands_on_the_floor_and_refuses_what_is_out_of_reach() -> None:
    pytest.importorskip("anny", reason="the body model is part of the `render` extra")
    from tools.render_workout.__main__ import PEOPLE
    from tools.render_workout.body import Body

    body = Body(PEOPLE["kim"])
    time_s = np.linspace(0, 4, 20)
    points = body.points(body.skeleton(clip_pose("squat")(time_s)))
    assert points["left_ankle"][0][:, 0].min() > 0 > points["right_ankle"][0][:, 0].max()
    lowest = body.vertices_m(body.skeleton(standing(time_s[:2])))[:, :, 2].min()
    assert lowest == pytest.approx(0, abs=0.02)
    far = standing(time_s)
    far.foot_m["left"][:, 0] = 2.0
    with pytest.raises(ValueError, match="out of the leg's reach"):
        body.skeleton(far)
