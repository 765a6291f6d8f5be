"""The virtual IMU against motions whose readings are known by formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from scipy.spatial.transform import Rotation

from fimad.config import SimulateConfig
from fimad.errors import ConfigError
from fimad.simulate import CameraMotion, PoseSequence, Trajectories, angular_rate, simulate_imu
from fimad.simulate.smoothing.differentiate import differentiate
from fimad.simulate.smoothing.spectral import Noise
from fimad.skeleton import LANDMARKS, PLACEMENTS

RNG = np.random.default_rng(0)
_STANDING_M = {
    "shoulder": (0.18, 0.5),
    "elbow": (0.25, 0.22),
    "wrist": (0.3, 0.0),
    "hip": (0.1, 0.0),
    "knee": (0.12, -0.3),
    "ankle": (0.12, -0.58),
}


def _body() -> np.ndarray:
    """(33, 3) of somebody who stands 4 m away, nobody in particular, with two sides alike."""
    body = RNG.normal(size=(len(LANDMARKS), 3)) * 0.03 + [0, 4, 0]
    for at, name in enumerate(LANDMARKS):
        side, _, part = name.partition("_")
        x, z = _STANDING_M.get(part, (0.05, 0.6 if at < 11 else _STANDING_M["wrist" if at < 23 else "ankle"][1] - 0.05))
        body[at] += [x, 0, z]
        if side == "right":
            body[at] = body[LANDMARKS.index(name.replace("right", "left"))] * [-1, 1, 1]
    return body


BODY = _body()


def moving(time_s: np.ndarray, path_m: np.ndarray) -> Trajectories:
    """A rigid body whose every landmark follows `path_m`."""
    position = BODY[None] + path_m[:, None]
    return Trajectories(time_s, LANDMARKS, position, np.ones(position.shape[:2]))


def pose_of(time_s: np.ndarray, path_m: np.ndarray, width: int = 1280, height: int = 720) -> PoseSequence:
    """That body as a level camera with a focal length of 1.2 widths sees it, without noise."""
    points = BODY[None] + path_m[:, None]
    focal = 1.2 * width
    u = focal * points[..., 0] / points[..., 1] / width + 0.5
    v = -focal * points[..., 2] / points[..., 1] / height + 0.5
    hips = points[:, [LANDMARKS.index("left_hip"), LANDMARKS.index("right_hip")]].mean(1, keepdims=True)
    rest = points - hips
    world = np.stack([rest[..., 0], -rest[..., 2], rest[..., 1]], -1)
    return PoseSequence(time_s, np.stack([u, v, 0 * u], -1), world, np.ones(u.shape), width, height)


def test_rest_reads_one_g_upwards_everywhere() -> None:
    time_s = np.arange(0, 4, 1 / 30)
    imu = simulate_imu(moving(time_s, np.zeros((len(time_s), 3))), placements=PLACEMENTS)
    for name, each in imu.signals.items():
        assert each.valid.all(), name
        assert np.linalg.norm(each.acc_m_s2, axis=1) == pytest.approx(9.80665, abs=0.01)
        world = np.einsum("nij,nj->ni", each.rotation, each.acc_m_s2)
        np.testing.assert_allclose(world, np.tile([0, 0, 9.80665], (len(world), 1)), atol=0.01)
        np.testing.assert_allclose(each.gyro_rad_s, 0, atol=1e-6)


def test_free_fall_reads_nothing_away_from_the_ends() -> None:
    time_s = np.arange(0, 1.2, 1 / 60)
    path = np.zeros((len(time_s), 3))
    path[:, 2] = -0.5 * 9.80665 * time_s**2
    config = SimulateConfig.model_validate({"method": "central"})
    force = simulate_imu(moving(time_s, path), rate_hz=60, config=config).signals["chest"].acc_m_s2
    assert np.abs(force[5:-5]).max() < 0.05


@pytest.mark.parametrize("method", ["adaptive", "central", "savitzky_golay", "kalman"])
def test_circle_reads_omega_squared_r_without_lag(method: str) -> None:
    time_s = np.arange(0, 8, 1 / 30)
    angle = 2 * np.pi * 0.8 * time_s
    values = 0.3 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    truth = -((2 * np.pi * 0.8) ** 2) * values
    found = differentiate(time_s, values, method=method).acceleration
    middle = slice(30, -30)
    assert np.sqrt(((found - truth)[middle] ** 2).sum(1).mean()) < 0.06 * 0.3 * (2 * np.pi * 0.8) ** 2
    lags = signal.correlation_lags(len(truth[middle]), len(truth[middle]))
    assert lags[signal.correlate(found[middle, 0], truth[middle, 0]).argmax()] == 0


@pytest.mark.parametrize("frequency_hz", [0.5, 1.2, 2.0])
@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_default_beats_the_fixed_rules_under_noise(frequency_hz: float, rho: float) -> None:
    time_s = np.arange(0, 10, 1 / 30)
    omega = 2 * np.pi * frequency_hz
    clean = 0.25 * np.sin(omega * time_s[:, None] + np.array([0, 1, 2]))
    white = np.random.default_rng(4).normal(size=(len(time_s), 3)) * 0.01
    noisy = clean + signal.lfilter([np.sqrt(1 - rho**2)], [1, -rho], white, axis=0)
    middle = slice(10, -10)
    error = {
        name: np.std((differentiate(time_s, noisy, method=name).acceleration + omega**2 * clean)[middle])
        for name in ("adaptive", "transpose", "butterworth")
    }
    assert error["adaptive"] < 0.8 * min(error["transpose"], error["butterworth"])


@pytest.mark.parametrize("length_s", [1.6, 3.0])
def test_who_walks_through_the_picture_has_good_ends(length_s: float) -> None:
    """Once a parabola was taken for the trend of such a path, and its ends were a quarter of g wrong."""
    time_s, errors = np.arange(0, length_s, 1 / 30), []
    for seed in range(16):
        random = np.random.default_rng(seed)
        omega, phase = 2 * np.pi * random.uniform(0.8, 1.1), random.uniform(0, 2 * np.pi)
        swing = 0.2 * np.sin(omega * time_s + phase)
        noise = signal.lfilter([0.6], [1, -0.8], random.normal(size=len(time_s)) * 0.006)
        found = differentiate(time_s, (1.2 * time_s + swing + noise)[:, None], noise=Noise(40.0)).acceleration[:, 0]
        wrong = found + omega**2 * swing
        errors.append(np.sqrt((np.concatenate([wrong[:6], wrong[-6:]]) ** 2).mean()))
    assert np.median(errors) < 0.8


def test_camera_view_gives_the_acceleration_of_the_body_itself() -> None:
    time_s = np.arange(0, 8, 1 / 30)
    omega = 2 * np.pi
    path = np.stack([0.1 * np.sin(omega * time_s), 0 * time_s, 0.2 * np.cos(omega * time_s)], 1)
    found = simulate_imu(pose_of(time_s, path), rate_hz=30).signals["pelvis"].lin_acc_world_m_s2
    truth = -(omega**2) * path[: len(found)]
    middle = slice(15, -15)
    error = np.sqrt(((found - truth)[middle] ** 2).sum(1).mean() / (truth[middle] ** 2).sum(1).mean())
    assert error < 0.12


@pytest.mark.parametrize("tall", [0.8, 1.25])
def test_a_given_height_sets_the_scale(tall: float) -> None:
    """Who is taller and as much further away looks the same, and accelerates as much more."""
    time_s = np.arange(0, 6, 1 / 30)
    path = np.stack([0.1 * np.sin(7 * time_s), 0 * time_s, 0.2 * np.cos(7 * time_s)], 1)
    pose = pose_of(time_s, path)
    unknown = simulate_imu(pose, rate_hz=30)
    seems_m = unknown.report["height_m"]
    assert unknown.report["height_source"] == "pose"
    known = simulate_imu(pose, rate_hz=30, config=SimulateConfig(height_m=seems_m * tall))
    assert known.report["height_source"] == "given"
    assert known.report["height_m"] == pytest.approx(seems_m * tall, abs=2e-3)
    assert known.report["distance_m"] == pytest.approx(unknown.report["distance_m"] * tall, rel=2e-3)
    for name, each in unknown.signals.items():
        expected = tall * each.lin_acc_world_m_s2
        np.testing.assert_allclose(known.signals[name].lin_acc_world_m_s2, expected, atol=0.02 * np.abs(expected).max())
        np.testing.assert_allclose(known.signals[name].gyro_rad_s, each.gyro_rad_s, atol=5e-3)


def test_long_gap_is_null_and_short_gap_is_bridged() -> None:
    time_s = np.arange(0, 6, 1 / 30)
    pose = pose_of(time_s, np.zeros((len(time_s), 3)))
    image, world = pose.image.copy(), pose.world_m.copy()
    for lost in (slice(40, 43), slice(90, 120)):
        image[lost], world[lost] = np.nan, np.nan
    imu = simulate_imu(replace(pose, image=image, world_m=world))
    chest = imu.signals["chest"]
    long_gap = (imu.time_s > 3.05) & (imu.time_s < 3.9)
    assert not chest.valid[long_gap].any()
    assert np.isnan(chest.acc_m_s2[long_gap]).all()
    assert chest.valid[imu.time_s < 2.9].all()
    assert np.isfinite(chest.acc_m_s2[chest.valid]).all()


def test_a_cut_is_no_spike() -> None:
    time_s = np.arange(0, 6, 1 / 30)
    path = np.zeros((len(time_s), 3))
    path[90:, 0] = 0.3  # less than what is taken for another person (`leaps`)
    pose = pose_of(time_s, path)
    cut = np.zeros(len(time_s), bool)
    cut[90] = True
    camera = CameraMotion(time_s, cut, np.zeros((len(time_s), 4)), np.ones(len(time_s)))
    chest = simulate_imu(replace(pose, camera=camera)).signals["chest"]
    assert np.nanmax(np.abs(chest.lin_acc_world_m_s2)) < 0.05
    without = simulate_imu(pose).signals["chest"]
    assert np.nanmax(np.abs(without.lin_acc_world_m_s2)) > 1


def test_irregular_times_are_used_as_they_are() -> None:
    even = np.arange(0, 8, 1 / 30)
    uneven = even + np.random.default_rng(1).uniform(-0.3, 0.3, len(even)) / 30
    found = []
    for time_s in (even, uneven):
        values = 0.2 * np.sin(2 * np.pi * time_s)[:, None]
        acceleration = differentiate(time_s, values).acceleration
        truth = -((2 * np.pi) ** 2) * values
        found.append(np.std((acceleration - truth)[15:-15]) / np.std(truth))
    assert max(found) < 0.05


@settings(max_examples=25, deadline=None)
@given(axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda a: np.linalg.norm(a) > 0.1), rate=st.floats(-6, 6))
def test_angular_rate_of_a_steady_turn_is_exact(axis: tuple[float, float, float], rate: float) -> None:
    time_s = np.arange(0, 1, 0.02)
    spin = np.array(axis) / np.linalg.norm(axis) * rate
    turning = Rotation.from_rotvec(time_s[:, None] * spin).as_matrix()
    np.testing.assert_allclose(angular_rate(turning, time_s), np.tile(spin, (len(time_s), 1)), atol=1e-8)


@pytest.mark.parametrize("frequency_hz", [0.7, 2.0])
def test_a_sensor_off_the_bone_and_its_gyroscope_feel_the_swing(frequency_hz: float) -> None:
    """A rigid body swings about an axis: a = d²(R·offset)/dt² and the angular rate are known by formula."""
    time_s = np.arange(0, 8, 1 / 30)
    omega, axis, offset_m = 2 * np.pi * frequency_hz, np.array([0.6, 0.8, 0.0]), (0.03, -0.02, 0.06)

    def swung(at_s: np.ndarray) -> Rotation:
        return Rotation.from_rotvec(0.6 * np.sin(omega * at_s)[:, None] * axis)

    position = np.stack([turn.apply(BODY) for turn in swung(time_s)])
    tracks = Trajectories(time_s, LANDMARKS, position, np.ones(position.shape[:2]))
    # Smoothing is another test's: markers without noise, differentiated as they are.
    plain = {"method": "central", "offset_m": offset_m}
    found = simulate_imu(tracks, rate_hz=30, config=SimulateConfig.model_validate(plain)).signals["left_thigh"]
    imu = simulate_imu(tracks, rate_hz=30, config=SimulateConfig.model_validate({"method": "central"}))
    bare, at_s = imu.signals["left_thigh"], imu.time_s
    at_rest = bare.rotation[np.abs(np.sin(omega * at_s)).argmin()]
    step_s = 1e-4
    bound = {"middle": 0.005, "ends": 0.1}
    arms = [swung(at_s + k * step_s).apply(at_rest @ offset_m) for k in (-1, 0, 1)]
    lever = (arms[0] - 2 * arms[1] + arms[2]) / step_s**2
    rate = 0.6 * omega * np.cos(omega * at_s)[:, None] * axis
    for name, guess, truth in (
        ("lever arm", found.lin_acc_world_m_s2 - bare.lin_acc_world_m_s2, lever),
        ("angular rate", np.einsum("nij,nj->ni", bare.rotation, bare.gyro_rad_s), rate),
    ):
        for part, samples in (("middle", slice(10, -10)), ("ends", [0, 1, 2, -3, -2, -1])):
            error = np.sqrt(((guess - truth)[samples] ** 2).sum() / (truth[samples] ** 2).sum())
            assert error < bound[part], (name, part, error)


@pytest.mark.parametrize("rate_hz", [1.0, 2.0, 3.0, 5.0, 8.0])
def test_a_lever_arm_needs_no_long_signal(rate_hz: float) -> None:
    """Splines of the fifth degree need six samples; a short stretch at a low rate has fewer."""
    time_s = np.arange(0, 1, 1 / 30)
    tracks = moving(time_s, np.zeros((len(time_s), 3)))
    found = simulate_imu(tracks, rate_hz=rate_hz, config=SimulateConfig(offset_m=(0.1, 0.1, 0.1)))
    for each in found.signals.values():
        assert np.abs(each.lin_acc_world_m_s2).max() < 0.01


def test_unknown_placement_and_rate_are_refused() -> None:
    tracks = moving(np.arange(0, 2, 1 / 30), np.zeros((60, 3)))
    with pytest.raises(ConfigError, match="no placement 'knie'"):
        simulate_imu(tracks, placements=["knie"])
    with pytest.raises(ConfigError, match="rate_hz"):
        simulate_imu(tracks, rate_hz=0)


def turned_hips(twist_deg: float) -> Trajectories:
    """Somebody who stands with the hips turned against the shoulders."""
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    turn = Rotation.from_euler("z", twist_deg, degrees=True)
    hips = turn.apply(np.array([(-0.12, 0, 0.95), (0.12, 0, 0.95)]))
    place = np.vstack([[(-0.2, 0, 1.45), (0.2, 0, 1.45)], hips])
    time_s = np.arange(100) / 50
    return Trajectories(time_s, names, np.tile(place, (len(time_s), 1, 1)))


@pytest.mark.parametrize("twist_deg", [-40.0, 0.0, 25.0])
def test_the_pelvis_faces_where_hips_do_and_the_chest_where_shoulders_do(twist_deg: float) -> None:
    imu = simulate_imu(turned_hips(twist_deg), placements=["pelvis", "chest"])
    left = np.array([-1.0, 0, 0])
    hips = Rotation.from_euler("z", twist_deg, degrees=True).apply(left)
    np.testing.assert_allclose(imu.signals["pelvis"].rotation[50, :, 0], hips, atol=0.1)
    np.testing.assert_allclose(imu.signals["chest"].rotation[50, :, 0], left, atol=0.02)


def test_a_mounting_turns_about_fixed_axes_in_the_order_x_y_z() -> None:
    """At rest the sensor reads gravity; which way it reads it tells how it was turned."""
    tracks = turned_hips(0.0)
    plain = simulate_imu(tracks, placements=["chest"]).signals["chest"].acc_m_s2[50]
    mounting = (90.0, 0.0, 90.0)
    config = SimulateConfig(mounting_deg=mounting)
    turned = simulate_imu(tracks, placements=["chest"], config=config).signals["chest"].acc_m_s2[50]
    fixed = Rotation.from_euler("z", 90, degrees=True) * Rotation.from_euler("x", 90, degrees=True)
    np.testing.assert_allclose(turned, fixed.inv().apply(plain), atol=1e-3)
    other = Rotation.from_euler("x", 90, degrees=True) * Rotation.from_euler("z", 90, degrees=True)
    assert np.abs(turned - other.inv().apply(plain)).max() > 5


def test_a_thigh_along_the_line_of_the_hips_still_has_a_roll() -> None:
    """A leg lifted sideways to the line of the hips, which gives its roll: the line of turned shoulders takes over."""
    time_s = np.arange(0, 4, 1 / 50)
    angle = np.deg2rad(90 * (0.5 - 0.5 * np.cos(2 * np.pi * time_s / 4)))
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee")
    place = np.tile(
        np.array([(-0.13, -0.15, 1.45), (0.13, 0.15, 1.45), (-0.12, 0, 0.95), (0.12, 0, 0.95), (0, 0, 0)]),
        (len(time_s), 1, 1),
    )
    place[:, 4] = place[:, 2] + 0.42 * np.stack([-np.sin(angle), 0 * angle, -np.cos(angle)], 1)
    # As a real hip does, the pelvis tilts a little on the way.
    place[:, 2, 1] += 0.01 * np.sin(2 * np.pi * time_s)
    signal = simulate_imu(Trajectories(time_s, names, place), placements=["left_thigh"]).signals["left_thigh"]
    assert signal.valid.all()
    rate = np.linalg.norm(signal.gyro_rad_s, axis=1)[10:-10]
    truth = np.abs(np.gradient(angle, time_s))[10:-10]
    # What takes over turns the thigh by half a right angle within a quarter of a second; without it, it would flip.
    assert float(np.abs(rate - truth).max()) < 8
