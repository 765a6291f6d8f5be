"""Segments whose orientation is given turn as given; which frame a program fixes to them does not matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError
from fimad.simulate import ImuSequence, Site, Trajectories, read_motion, remount, simulate_imu
from fimad.simulate.orientations import segment_of
from fimad.simulate.placements import PLACES
from fimad.simulate.readers.npz import BODY
from fimad.skeleton import LANDMARKS
from tests.simulate.readers.people import NAMES, motion, write_bvh

RATE_HZ = 100.0
#: World (z up) from the axes of the body below (y up).
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
#: SMPL's chain, and a made-up body at rest in m (y up): no model's own numbers.
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
REST_M = np.array(
    [
        (0, 0.95, 0), (0.09, 0.87, 0), (-0.09, 0.87, 0), (0, 1.05, 0), (0.1, 0.48, 0), (-0.1, 0.48, 0), (0, 1.18, 0),
        (0.1, 0.08, -0.03), (-0.1, 0.08, -0.03), (0, 1.24, 0), (0.11, 0.02, 0.1), (-0.11, 0.02, 0.1), (0, 1.45, 0),
        (0.07, 1.37, 0), (-0.07, 1.37, 0), (0, 1.55, 0.04), (0.18, 1.38, 0), (-0.18, 1.38, 0), (0.44, 1.37, 0), (-0.44, 1.37, 0),
        (0.69, 1.38, 0), (-0.69, 1.38, 0),
    ]
)  # fmt: skip


def moving(length_s: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 22, 3) axis-angles and (n, 3) translation of somebody who swings arms, twists and sways, without any period."""
    time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    random = np.random.default_rng(4)
    angles = np.zeros((len(time_s), len(BODY), 3))
    for name, size in (
        ("left_shoulder", 0.8),
        ("right_shoulder", 0.5),
        ("left_elbow", 0.6),
        ("right_elbow", 0.4),
        ("spine2", 0.2),
        ("left_hip", 0.3),
        ("left_knee", 0.3),
        ("pelvis", 0.15),
    ):
        for axis in range(3):
            for hz in (0.4, 0.9, 1.5):
                angles[:, BODY.index(name), axis] += size / 3 * np.sin(2 * np.pi * hz * time_s + random.uniform(0, 6))
    angles[:, BODY.index("left_shoulder"), 2] -= 1.2
    angles[:, BODY.index("right_shoulder"), 2] += 1.2
    return angles, 0.05 * np.stack([np.sin(2 * np.pi * 0.5 * time_s), np.sin(2 * np.pi * time_s), 0 * time_s], 1)


def posed(angles: np.ndarray, move: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 22, 3) joints and (n, 22, 3, 3) rotations of that body."""
    local = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix().reshape(*angles.shape[:2], 3, 3)
    joints, turns = np.empty_like(angles), np.empty_like(local)
    for at, parent in enumerate(PARENTS):
        if parent < 0:
            joints[:, at], turns[:, at] = REST_M[0] + move, local[:, 0]
        else:
            turns[:, at] = turns[:, parent] @ local[:, at]
            joints[:, at] = joints[:, parent] + turns[:, parent] @ (REST_M[at] - REST_M[parent])
    return joints, turns


@pytest.fixture(scope="module")
def body() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    angles, move = moving()
    return angles, move, *posed(angles, move)


def model_file(path: Path) -> Path:
    """A body model with SMPL-X's arrays, whose shape moves the shoulders apart; every joint is one vertex."""
    directions = np.zeros((len(BODY), 3, 10))
    directions[BODY.index("left_shoulder"), 0, 0] = 0.01
    np.savez(path, v_template=REST_M, shapedirs=directions, J_regressor=np.eye(len(BODY)))
    return path


def test_parameters_give_the_same_imu_as_their_joints(tmp_path: Path, body: tuple[np.ndarray, ...]) -> None:
    angles, move, joints, _ = body
    np.savez(
        tmp_path / "amass.npz",
        poses=angles.reshape(len(angles), -1),
        trans=move,
        betas=np.zeros(10),
        mocap_framerate=RATE_HZ,
    )
    np.savez(
        tmp_path / "gvhmr.npz",
        global_orient=angles[:, 0],
        body_pose=angles[:, 1:].reshape(len(angles), -1),
        transl=move,
        fps=RATE_HZ,
    )
    np.savez(tmp_path / "both.npz", joints=joints, poses=angles.reshape(len(angles), -1), fps=RATE_HZ)
    model = model_file(tmp_path / "model.npz")
    places = ["left_wrist", "left_upper_arm", "left_ankle", "pelvis", "chest"]
    given = simulate_imu(read_motion(tmp_path / "both.npz"), placements=places)
    for name in ("amass.npz", "gvhmr.npz"):
        made = simulate_imu(read_motion(tmp_path / name, body_model=model, up="y"), placements=places)
        for place in places:
            truth, other = given.signals[place], made.signals[place]
            assert truth.valid.all()
            for field in ("acc_m_s2", "gyro_rad_s"):
                one, two = getattr(truth, field), getattr(other, field)
                assert np.sqrt(((one - two) ** 2).sum(1).mean()) < 0.02 * np.sqrt((one**2).sum(1).mean()), (
                    place,
                    field,
                )


@pytest.mark.parametrize(
    "place", ["left_wrist", "right_wrist", "left_upper_arm", "left_thigh", "left_ankle", "chest", "pelvis"]
)
def test_gyroscopes_from_given_rotations_are_exact(tmp_path: Path, body: tuple[np.ndarray, ...], place: str) -> None:
    angles, _, joints, turns = body
    np.savez(tmp_path / "a.npz", joints=joints, poses=angles.reshape(len(angles), -1), fps=RATE_HZ)
    imu = simulate_imu(read_motion(tmp_path / "a.npz"), placements=[place], rate_hz=RATE_HZ)
    side, _, part = place.partition("_")
    joint = {
        "wrist": f"{side}_elbow",
        "upper_arm": f"{side}_shoulder",
        "thigh": f"{side}_hip",
        "ankle": f"{side}_knee",
    }.get(part, {"chest": "spine3"}.get(place, "pelvis"))
    turn = Rotation.from_matrix(turns[:, BODY.index(joint)])
    rate = (turn[:-1].inv() * turn[1:]).as_rotvec() * RATE_HZ
    # Between two frames: the mean of the rates at both.
    size = np.linalg.norm((imu.signals[place].gyro_rad_s[:-1] + imu.signals[place].gyro_rad_s[1:]) / 2, axis=1)
    truth = np.linalg.norm(rate, axis=1)
    middle = slice(10, -10)
    error = np.sqrt(((size[: len(truth)] - truth)[middle] ** 2).mean()) / np.sqrt((truth[middle] ** 2).mean())
    assert error < 0.005


def test_which_frame_is_fixed_to_a_segment_does_not_matter(body: tuple[np.ndarray, ...]) -> None:
    _, _, joints, turns = body
    world = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    time_s = np.arange(len(joints)) / RATE_HZ
    columns = [BODY.index(name) for name in NAMES]

    def made(fixed: Rotation, *, matrices: bool = True) -> ImuSequence:
        given = world @ turns[:, BODY.index("left_elbow")] @ fixed.as_matrix()
        rotation = given if matrices else Rotation.from_matrix(given)
        return simulate_imu(
            Trajectories(time_s, NAMES, joints[:, columns] @ world.T, rotations={"left_forearm": rotation}),
            placements=["left_wrist"],
        )

    one = made(Rotation.identity()).signals["left_wrist"]
    for other in (made(Rotation.random(random_state=1)), made(Rotation.identity(), matrices=False)):
        np.testing.assert_allclose(other.signals["left_wrist"].gyro_rad_s, one.gyro_rad_s, atol=1e-6)
        np.testing.assert_allclose(other.signals["left_wrist"].acc_m_s2, one.acc_m_s2, atol=1e-6)


def test_a_forearm_that_only_rolls_is_seen_by_its_rotation_alone(tmp_path: Path) -> None:
    time_s, position = motion()
    position[:, NAMES.index("left_wrist")] = position[0, NAMES.index("left_wrist")]
    along = position[0, NAMES.index("left_wrist")] - position[0, NAMES.index("left_elbow")]
    angle = 0.8 * np.sin(2 * np.pi * 0.7 * time_s)
    roll = Rotation.from_rotvec(angle[:, None] * along / np.linalg.norm(along))
    still = simulate_imu(Trajectories(time_s, NAMES, position), placements=["left_wrist"], rate_hz=100)
    rolled = simulate_imu(
        Trajectories(time_s, NAMES, position, rotations={"left_forearm": roll}), placements=["left_wrist"], rate_hz=100
    )
    assert np.abs(still.signals["left_wrist"].gyro_rad_s).max() < 0.05
    rate = 0.8 * 2 * np.pi * 0.7 * np.cos(2 * np.pi * 0.7 * time_s)
    np.testing.assert_allclose(
        np.abs(rolled.signals["left_wrist"].gyro_rad_s[10:-10, 2][: len(rate) - 20]), np.abs(rate[10:-10]), atol=0.03
    )


def test_bvh_gives_orientations(tmp_path: Path) -> None:
    read = read_motion(write_bvh(tmp_path / "a.bvh"))
    assert {"left_forearm", "left_upper_arm", "left_thigh", "pelvis"} <= set(read.rotations)
    imu = simulate_imu(read, placements=["left_wrist"], rate_hz=100)
    size = np.linalg.norm(imu.signals["left_wrist"].gyro_rad_s, axis=1)[10:-10]
    np.testing.assert_allclose(size, 2 * np.pi * 1.2, rtol=0.005)


@pytest.mark.parametrize("lost", [slice(0, 2), slice(50, 120), slice(-3, None)])
def test_orientations_stand_where_a_marker_of_another_sensor_is_missing(tmp_path: Path, lost: slice) -> None:
    read = read_motion(write_bvh(tmp_path / "a.bvh"))
    read.position_m[lost, list(read.names).index("right_wrist")] = np.nan
    imu = simulate_imu(read, placements=["left_wrist", "right_wrist", "left_ankle"], rate_hz=100)
    size = np.linalg.norm(imu.signals["left_wrist"].gyro_rad_s, axis=1)[10:-10]
    np.testing.assert_allclose(size, 2 * np.pi * 1.2, rtol=0.005)
    assert imu.signals["left_ankle"].valid.all()


SEGMENTS = {
    "left_upper_arm": ("l_uarm", "left_shoulder"), "right_upper_arm": ("r_uarm", "right_shoulder"), "left_forearm": ("l_larm", "left_elbow"),
    "right_forearm": ("r_larm", "right_elbow"), "left_thigh": ("l_thigh", "left_hip"), "right_thigh": ("r_thigh", "right_hip"),
    "left_shank": ("l_shank", "left_knee"), "right_shank": ("r_shank", "right_knee"), "": ("l_hand", "left_wrist"),
    " ": ("r_hand", "right_wrist"), "  ": ("l_foot", "left_ankle"), "   ": ("r_foot", "right_ankle"), "chest": ("torso", "spine3"),
    "pelvis": ("pelvis", "pelvis"),
}  # fmt: skip


def write_segments(path: Path, joints: np.ndarray, turns: np.ndarray, *, times: int = 1, markers: bool = False) -> Path:
    """A C3D file with a group ROTATION, as Theia3D writes them (z up, mm); `times` matrices a frame."""
    import ezc3d

    world = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    file, frames = ezc3d.c3d(), len(joints) // times
    point = file["parameters"]["POINT"]
    point["RATE"]["value"], point["UNITS"]["value"] = [RATE_HZ / times], ["mm"]
    at = [BODY.index(joint) for _, joint in SEGMENTS.values()]
    matrices = np.tile(np.eye(4)[:, :, None, None], (1, 1, len(at), frames * times))
    matrices[:3, :3] = np.moveaxis(world @ turns[: frames * times, at], (0, 1), (3, 2))
    matrices[:3, 3] = np.moveaxis(1000 * joints[: frames * times, at] @ world.T, (0, 1, 2), (2, 1, 0))
    matrices[:, :, 0, 5] = 0
    file["data"]["rotations"] = matrices
    file.add_parameter("ROTATION", "LABELS", [f"{name}_4X4" for name, _ in SEGMENTS.values()])
    point["LABELS"]["value"] = ["LKNE", "left_wrist"] if markers else []
    points = np.ones((4, 2 if markers else 0, frames))
    if markers:
        for row, joint in enumerate(("left_knee", "left_wrist")):
            points[:3, row] = (1000 * joints[: frames * times : times, BODY.index(joint)] @ world.T).T
    file["data"]["points"] = points
    file.write(str(path))
    return path


@pytest.mark.parametrize(("times", "markers"), [(1, False), (2, False), (1, True)])
def test_segments_of_c3d_turn_as_measured(
    tmp_path: Path, body: tuple[np.ndarray, ...], times: int, markers: bool
) -> None:
    _, _, joints, turns = body
    read = read_motion(write_segments(tmp_path / "a.c3d", joints, turns, times=times, markers=markers))
    assert {name for name in SEGMENTS if name.strip()} <= set(read.rotations)
    assert read.notes["unit"] == "mm"
    for place, joint in (
        ("left_wrist", "left_elbow"),
        ("left_ankle", "left_knee"),
        ("right_thigh", "right_hip"),
        ("chest", "spine3"),
    ):
        imu = simulate_imu(read, placements=[place], rate_hz=RATE_HZ / times)
        turn = Rotation.from_matrix(turns[: len(read.time_s) * times : times, BODY.index(joint)])
        truth = np.linalg.norm((turn[:-1].inv() * turn[1:]).as_rotvec(), axis=1) * RATE_HZ / times
        rate = imu.signals[place].gyro_rad_s
        size = np.linalg.norm((rate[:-1] + rate[1:]) / 2, axis=1)[: len(truth)]
        middle = slice(20, -20)
        error = np.sqrt(((size - truth)[middle] ** 2).mean() / (truth[middle] ** 2).mean())
        assert error < (0.005 if times == 1 else 0.02), place


ARCHIVES = {
    "no motion": ({"hello": np.zeros(3)}, "holds no motion"),
    "no model": ({"poses": np.zeros((9, 66)), "trans": np.zeros((9, 3)), "fps": 30}, "parameters of a body model and no joints"),
    "no rate": ({"joints": np.zeros((9, 22, 3))}, "how many frames a second"),
    "no names": ({"joints": np.zeros((9, 17, 3)), "fps": 30}, "17 joints without names"),
    "pickle": ({"joints": np.array([{"a": 1}], dtype=object), "fps": 30}, "holds no motion"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives_that_hold_too_little_say_what_is_missing(tmp_path: Path, kind: str) -> None:
    arrays, words = ARCHIVES[kind]
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ConfigError, match=words) as caught:
        read_motion(tmp_path / "a.npz")
    assert caught.value.fix
    (tmp_path / "b.npz").write_bytes(b"PK hello")
    with pytest.raises(ConfigError, match="can't be read as a NumPy archive"):
        read_motion(tmp_path / "b.npz")
    with pytest.raises(ConfigError, match="no recording of motion") as caught:
        read_motion(tmp_path / "result.pkl")
    assert "run code" in caught.value.why


def test_rotations_may_be_handed_over_beside_the_places(body: tuple[np.ndarray, ...]) -> None:
    time_s, position = motion()
    turn = Rotation.from_rotvec(np.outer(np.sin(4 * time_s), [0, 0, 1]))
    one = simulate_imu(Trajectories(time_s, NAMES, position, rotations={"chest": turn}), placements=["chest"])
    other = simulate_imu(Trajectories(time_s, NAMES, position), placements=["chest"], rotations={"chest": turn})
    np.testing.assert_array_equal(one.signals["chest"].gyro_rad_s, other.signals["chest"].gyro_rad_s)
    with pytest.raises(ConfigError, match="no segment 'tail'"):
        simulate_imu(Trajectories(time_s, NAMES, position), placements=["chest"], rotations={"tail": turn})


def test_a_sensor_may_sit_anywhere_on_its_segment() -> None:
    """A shank that turns steadily about the knee: a sensor 0.2 m further out reads 0.2 times the rate squared more."""
    time_s, position = motion(200, 4)
    rate = 3.0
    knee, ankle = position[0, NAMES.index("left_knee")], NAMES.index("left_ankle")
    position[:, ankle] = knee + 0.4 * np.stack([0 * time_s, np.sin(rate * time_s), -np.cos(rate * time_s)], 1)
    tracks = Trajectories(time_s, NAMES, position)
    plain = simulate_imu(tracks, placements=["left_ankle"], rate_hz=100)
    # z points from the ankle to the knee, so that further out is below.
    site = Site(offset_m=(0, 0, -0.2), mounting_deg=(0, 0, 90))
    moved = simulate_imu(tracks, placements=["left_ankle"], rate_hz=100, sites={"left_ankle": site})
    here, there = plain.signals["left_ankle"], moved.signals["left_ankle"]
    middle = slice(40, -40)
    radial = np.linalg.norm(there.lin_acc_world_m_s2, axis=1)[middle]
    np.testing.assert_allclose(radial, 0.6 * rate**2, rtol=0.02)
    turn = Rotation.from_euler("xyz", (0, 0, 90), degrees=True)
    np.testing.assert_allclose(there.gyro_rad_s[middle], turn.inv().apply(here.gyro_rad_s[middle]), atol=1e-6)
    force = np.einsum("nij,nj->ni", there.rotation, there.acc_m_s2)
    # Both were brought to the sensors' clock by themselves.
    np.testing.assert_allclose(force[middle] + (0, 0, -9.80665), there.lin_acc_world_m_s2[middle], atol=5e-3)
    # What a finished sequence allows as well.
    again = remount(plain, {"left_ankle": site})
    np.testing.assert_array_equal(again.signals["left_ankle"].acc_m_s2, there.acc_m_s2)
    with pytest.raises(ConfigError, match="no signal of 'tail'"):
        remount(plain, {"tail": site})


@pytest.mark.parametrize("turn", [(0, 0, 0), (0, 90, 0), (90, 0, 0), (20, 200, -60)])
@pytest.mark.parametrize(
    ("place", "landmarks"),
    [
        ("left_wrist", ("left_wrist", "left_elbow")),
        ("right_elbow", ("right_wrist", "right_elbow", "left_hip")),
        ("left_upper_arm", ("left_shoulder", "left_elbow")),
        ("right_ankle", ("right_knee", "right_ankle")),
        ("left_knee", ("left_knee", "left_ankle")),
        ("left_wrist", ("left_wrist",)),
    ],
)
def test_a_sensor_on_a_segment_that_was_measured_needs_no_more_of_the_body(
    body: tuple[np.ndarray, ...], place: str, landmarks: tuple[str, ...], turn: tuple[float, float, float]
) -> None:
    _, _, joints, turns = body
    joint = {"wrist": "elbow", "elbow": "elbow", "upper_arm": "shoulder", "ankle": "knee", "knee": "knee"}
    side, _, part = place.partition("_")
    carrier = segment_of(place, PLACES[place].along)
    # However the program that measured it fixes its frame to the segment.
    own = turns[:, BODY.index(f"{side}_{joint[part]}")] @ Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    time_s = np.arange(len(joints)) / RATE_HZ
    names = tuple(name for name in BODY if name in LANDMARKS)
    everything = joints[:, [BODY.index(name) for name in names]] @ Z_UP.T
    few = [names.index(name) for name in landmarks]
    whole = Trajectories(time_s, names, everything, rotations={carrier: Z_UP @ own})
    part_of_it = Trajectories(time_s, landmarks, everything[:, few], rotations={carrier: Z_UP @ own})
    wanted, made = (simulate_imu(each, placements=[place]).signals[place] for each in (whole, part_of_it))
    assert made.valid.all()
    middle = slice(10, -10)
    moved = wanted.lin_acc_world_m_s2[middle]
    assert np.sqrt(((made.lin_acc_world_m_s2[middle] - moved) ** 2).mean() / (moved**2).mean()) < 0.02
    # One constant rotation apart, about z where the direction is known.
    apart = Rotation.from_matrix(made.rotation).inv() * Rotation.from_matrix(wanted.rotation)
    assert np.degrees((apart.mean().inv() * apart).magnitude()).max() < 0.1
    if len(landmarks) > 1:
        assert abs(apart.mean().as_matrix()[2, 2] - 1) < 1e-3
    else:
        np.testing.assert_allclose(made.rotation[middle], (Z_UP @ own)[::2][: len(made.rotation)][middle], atol=0.05)
    gyro = apart.mean().apply(wanted.gyro_rad_s)
    assert np.sqrt(((made.gyro_rad_s - gyro)[middle] ** 2).mean() / (gyro[middle] ** 2).mean()) < 0.005
    assert simulate_imu(part_of_it, placements=[place]).report["axes_as_given"] == [place]
    # Unmeasured, it is refused with what is lacking.
    bare = simulate_imu(Trajectories(time_s, landmarks, everything[:, few]), placements=[place])
    assert bare.report["missing_landmarks"][place]
    assert not bare.signals[place].valid.any()
