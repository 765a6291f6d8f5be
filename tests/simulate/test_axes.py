"""Axes of segments where another choice would go unnoticed by symmetry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fimad.config import SimulateConfig
from fimad.simulate import Trajectories, simulate_imu
from fimad.simulate.types import Floats

YAW = np.deg2rad(30)
BODY = {
    "left_hip": (0.12, 0, 0),
    "right_hip": (-0.12, 0, 0),
    # The shoulders are turned against the hips.
    "left_shoulder": (0.18 * np.cos(YAW), 0.18 * np.sin(YAW), 0.5),
    "right_shoulder": (-0.18 * np.cos(YAW), -0.18 * np.sin(YAW), 0.5),
    # The left thigh lies along the line of the hips.
    "left_knee": (0.52, 0, 0),
}


def turned(placement: str, **options: object) -> Floats:
    """The (3, 3) rotation of a sensor on a body at rest."""
    points = np.tile(np.array(list(BODY.values()), float), (60, 1, 1))
    tracks = Trajectories(np.arange(60) / 30, tuple(BODY), points, np.ones(points.shape[:2]))
    config = SimulateConfig.model_validate(options)
    result: Floats = simulate_imu(tracks, placements=[placement], config=config).signals[placement].rotation[30]
    return result


def test_pelvis_and_chest_have_lines_of_their_own() -> None:
    # The spare line, the shoulders', has a little share in it.
    np.testing.assert_allclose(turned("pelvis")[:, 0], [1, 0, 0], atol=0.1)
    np.testing.assert_allclose(turned("chest")[:, 0], [np.cos(YAW), np.sin(YAW), 0], atol=1e-6)


def test_a_thigh_along_the_line_of_the_hips_takes_its_roll_from_the_shoulders() -> None:
    axes = turned("left_thigh")
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(np.abs(axes[:, 0]), [0, 1, 0], atol=1e-6)


def test_mountings_turn_about_the_segments_own_axes_one_after_the_other() -> None:
    x, y, z = np.deg2rad([20, -40, 70])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    plain, mounted = turned("chest"), turned("chest", mounting_deg=(20, -40, 70))
    np.testing.assert_allclose(plain.T @ mounted, about_z @ about_y @ about_x, atol=1e-9)


def on_one_leg(bend_deg: float) -> Trajectories:
    """Somebody whose left thigh is level and still, the knee bent, while the rest turns about the left hip."""
    time_s = np.arange(150) / 50
    turn = np.deg2rad(20) * np.sin(2 * np.pi * time_s)
    shin = 0.45 * np.array([0, -np.cos(np.deg2rad(bend_deg)), -np.sin(np.deg2rad(bend_deg))])
    # About the line between thigh and shank: both would seem to spin.
    right_hip = 0.24 * np.stack([-np.cos(turn), np.sin(turn) / np.sqrt(2), np.sin(turn) / np.sqrt(2)], 1)
    hip, knee, shoulder = np.array([[0, 0, 1], [0, -0.4, 1], [0.05, 0, 1.5]])
    still = {"left_hip": hip, "left_knee": knee, "left_ankle": knee + shin, "left_shoulder": shoulder}
    points = {name: np.tile(place, (len(time_s), 1)) for name, place in still.items()}
    points |= {"right_hip": right_hip + hip, "right_shoulder": right_hip + shoulder}
    return Trajectories(time_s, tuple(points), np.stack(list(points.values()), 1))


def spin(tracks: Trajectories, placement: str) -> float:
    """How fast a sensor turns, rad/s RMS."""
    signal = simulate_imu(tracks, placements=[placement]).signals[placement]
    assert signal.valid.all()
    return float(np.sqrt((signal.gyro_rad_s[10:-10] ** 2).sum(1).mean()))


@pytest.mark.parametrize("placement", ["left_thigh", "left_hip", "left_ankle", "left_knee"])
def test_a_bent_knee_holds_the_roll_of_a_leg_that_the_pelvis_turns_against(placement: str) -> None:
    as_the_pelvis = spin(on_one_leg(0), "pelvis")
    assert spin(on_one_leg(90), placement) < 0.12 * as_the_pelvis
    assert spin(on_one_leg(45), placement) < 0.2 * as_the_pelvis


def test_of_a_straight_leg_the_hips_tell_the_roll() -> None:
    assert spin(on_one_leg(0), "left_thigh") > 0.8 * spin(on_one_leg(0), "pelvis")


def test_a_knee_bends_backwards_and_x_is_on_the_left() -> None:
    for placement in ("left_thigh", "left_ankle"):
        x = simulate_imu(on_one_leg(60), placements=[placement]).signals[placement].rotation[75, :, 0]
        np.testing.assert_allclose(x, [1, 0, 0], atol=0.1)


def test_without_the_ankle_the_thigh_still_turns_with_the_hips() -> None:
    whole = on_one_leg(90)
    gone = whole.position_m.copy()
    gone[40:80, whole.names.index("left_ankle")] = np.nan
    lost = replace(whole, position_m=gone, weight=np.isfinite(gone).all(2).astype(float))
    others = [at for at, name in enumerate(whole.names) if name != "left_ankle"]
    never = Trajectories(whole.time_s, tuple(whole.names[at] for at in others), whole.position_m[:, others])
    for tracks in (lost, never):
        assert spin(tracks, "left_thigh") > 0.8 * spin(whole, "pelvis")
