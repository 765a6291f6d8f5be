"""Axes of segments where another choice would go unnoticed by symmetry."""

from __future__ import annotations

import numpy as np

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
