"""The roll of an arm: right where an elbow tells it, and steady wherever an arm can point."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fimad.simulate import PlacementSignal, Trajectories, simulate_imu
from fimad.simulate.arms import hinge, neutral, swung_out
from fimad.simulate.vectors import unit

FORWARD, LEFT, UP = np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
TRUNK = {"left_hip": 0.12 * LEFT, "right_hip": -0.12 * LEFT}
TRUNK |= {"left_shoulder": 0.18 * LEFT + 0.5 * UP, "right_shoulder": -0.18 * LEFT + 0.5 * UP}
SIDES = pytest.mark.parametrize("side", ["left", "right"])


def column(vector: np.ndarray) -> np.ndarray:
    """One vector as (3, 1, 1)."""
    return np.asarray(vector, float)[:, None, None]


def swings(arm: np.ndarray, side: str, bend_deg: float = 0.0, about: np.ndarray | None = None) -> Trajectories:
    """(n, 3) directions of the upper arm, at 50 samples/s; the forearm is bent from it by so much, forwards or about an axis."""
    points = {name: np.tile(place, (len(arm), 1)) for name, place in TRUNK.items()}
    points[f"{side}_elbow"] = points[f"{side}_shoulder"] + 0.3 * arm
    across = np.cross(arm, FORWARD) if about is None else np.tile(about, (len(arm), 1))
    across = across / np.linalg.norm(across, axis=1, keepdims=True)
    fore = Rotation.from_rotvec(np.deg2rad(bend_deg) * across).apply(arm)
    points[f"{side}_wrist"] = points[f"{side}_elbow"] + 0.25 * fore
    return Trajectories(
        np.arange(len(arm)) / 50, tuple(points), np.stack(list(points.values()), 1), np.ones((len(arm), len(points)))
    )


@SIDES
def test_an_arm_raised_sideways_does_not_spin(side: str) -> None:
    # From hanging to overhead and back, through the line of the shoulders: the arm turns about the line of sight alone.
    time_s = np.arange(0, 6, 1 / 50)
    angle = np.deg2rad(85 - 80 * np.cos(2 * np.pi * time_s / 3))
    sign = 1 if side == "left" else -1
    arm = np.outer(np.sin(angle), sign * LEFT) - np.outer(np.cos(angle), UP)
    imu = simulate_imu(swings(arm, side), placements=[f"{side}_upper_arm"])
    signal = imu.signals[f"{side}_upper_arm"]
    world = np.einsum("nij,nj->ni", signal.rotation, signal.gyro_rad_s)[25:-25]
    expected = np.gradient(angle, time_s)[25:-25]
    np.testing.assert_allclose(np.abs(world[:, 1]), np.abs(expected), atol=0.1)
    assert np.abs(world[:, [0, 2]]).max() < 0.05


def axial(signal: PlacementSignal) -> float:
    """RMS rate of turn about the segment's own length, over the whole."""
    rate = signal.gyro_rad_s[25:-25]
    return float(np.sqrt((rate[:, 2] ** 2).mean() / (rate**2).sum(1).mean()))


# Where the arm swings from and to, degrees from hanging; the plane's direction from straight ahead, degrees outwards.
SWINGS = {"walking": (-25, 25, 0), "front raise": (5, 165, 0), "lateral raise": (5, 85, 90), "overhead": (100, 175, 45)}
SWINGS |= {"across": (-30, 60, -30), "lateral, overhead": (10, 170, 90)}


@SIDES
@pytest.mark.parametrize("bend_deg", [0, 10, 30, 90])
@pytest.mark.parametrize("period_s", [1.0, 2.5])
@pytest.mark.parametrize("swing", SWINGS)
def test_an_arm_that_swings_in_a_plane_does_not_twist(swing: str, period_s: float, bend_deg: float, side: str) -> None:
    low, high, outwards = np.deg2rad(SWINGS[swing])
    time_s = np.arange(0, 8, 1 / 50)
    angle = (low + high) / 2 - (high - low) / 2 * np.cos(2 * np.pi * time_s / period_s)
    away = np.cos(outwards) * FORWARD + np.sin(outwards) * (LEFT if side == "left" else -LEFT)
    arm = np.outer(np.sin(angle), away) - np.outer(np.cos(angle), UP)
    # The elbow bends in the plane of the swing: its hinge, which tells the roll, keeps its direction.
    imu = simulate_imu(
        swings(arm, side, bend_deg, np.cross(away, UP)), placements=[f"{side}_upper_arm", f"{side}_wrist"]
    )
    for signal in imu.signals.values():
        assert axial(signal) < 0.05


@SIDES
def test_an_arm_that_twists_is_seen_to_through_its_bent_elbow(side: str) -> None:
    # Held out sideways, the forearm swings up and down: nothing but axial rotation.
    time_s = np.arange(0, 8, 1 / 50)
    sideways = LEFT if side == "left" else -LEFT
    arm = np.tile(sideways, (len(time_s), 1))
    roll = 0.8 * np.sin(2 * np.pi * time_s)
    tracks = swings(arm, side)
    fore = np.outer(np.cos(roll), FORWARD) + np.outer(np.sin(roll), UP)
    tracks.position_m[:, tracks.names.index(f"{side}_wrist")] = (
        tracks.position_m[:, tracks.names.index(f"{side}_elbow")] + 0.25 * fore
    )
    signal = simulate_imu(tracks, placements=[f"{side}_upper_arm"]).signals[f"{side}_upper_arm"]
    found = np.abs(signal.gyro_rad_s[25:-25, 2])
    np.testing.assert_allclose(found, np.abs(np.gradient(roll, time_s))[25:-25], atol=0.6)


@SIDES
def test_a_bent_elbow_tells_the_roll(side: str) -> None:
    arm = np.tile(-UP, (100, 1))
    imu = simulate_imu(swings(arm, side, bend_deg=90), placements=[f"{side}_upper_arm"])
    x, z = imu.signals[f"{side}_upper_arm"].rotation[50][:, 0], imu.signals[f"{side}_upper_arm"].rotation[50][:, 2]
    np.testing.assert_allclose(z, UP, atol=1e-6)
    np.testing.assert_allclose(x, LEFT, atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_hanging_untwisted_arms_have_x_to_the_left(sign: int) -> None:
    x = swung_out(column(UP), column(LEFT), column(UP), np.array([sign]))
    np.testing.assert_allclose(x[:, 0, 0], LEFT, atol=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_no_direction_within_reach_is_singular(sign: int) -> None:
    rng = np.random.default_rng(0)
    outwards = (sign * LEFT + FORWARD) / np.sqrt(2)
    arm = rng.normal(size=(4000, 3))
    arm /= np.linalg.norm(arm, axis=1, keepdims=True)
    # All but a cone of 40 degrees backwards and inwards.
    arm = arm[arm @ -outwards < np.cos(np.deg2rad(40))]
    other = arm + 1e-4 * rng.normal(size=arm.shape)
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    one, two = (swung_out(column(UP), column(LEFT), -each.T[:, :, None], np.array([sign])) for each in (arm, other))
    moved = np.linalg.norm(other - arm, axis=1)
    np.testing.assert_allclose(np.linalg.norm(one, axis=0), 1, atol=1e-9)
    assert (np.linalg.norm(two - one, axis=0)[:, 0] / moved).max() < 10


@pytest.mark.parametrize("sign", [1, -1])
def test_a_neutral_forearm_has_its_thumb_forwards(sign: int) -> None:
    # The hand's line of a left arm runs from the little finger to the index, of a right arm the other way.
    x = neutral(column(LEFT), column(UP), np.array([sign]))
    np.testing.assert_allclose(x[:, 0, 0], sign * FORWARD, atol=1e-9)


def test_the_hinge_of_a_straight_arm_is_what_is_given() -> None:
    np.testing.assert_allclose(unit(hinge(column(UP), column(-UP), column(LEFT)))[:, 0, 0], LEFT, atol=1e-9)
