"""Tables that programs export: Motive, Kinect, ARKit, one row a point; and what is no motion at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError
from fimad.simulate import Trajectories, read_motion, simulate_imu
from tests.simulate.readers.people import (
    NAMES,
    TRUTH_M_S2,
    in_file,
    motion,
    write_csv,
    write_motive,
    write_trc,
)

LEFT_WRIST = NAMES.index("left_wrist")
MOTIVE = {
    "skeleton": {},
    "skeleton in mm": {"unit": "Millimeters"},
    "name before an underscore": {"prefix": "Bob_", "parents": False},
    "rigid bodies": {"kind": "Rigid Body", "prefix": ""},
    "markers": {"kind": "Marker", "prefix": "Bob:"},
}


def error_share(read: Trajectories) -> float:
    signal = simulate_imu(read, placements=["left_wrist"], rate_hz=50).signals["left_wrist"]
    size = np.linalg.norm(signal.lin_acc_world_m_s2, axis=1)[10:-10]
    assert np.isfinite(size).mean() > 0.9
    return float(np.nanmedian(np.abs(size / TRUTH_M_S2 - 1)))


@pytest.mark.parametrize("kind", MOTIVE)
def test_motive(tmp_path: Path, kind: str) -> None:
    time_s, world = motion()
    unit = "mm" if "mm" in kind else "m"
    path = write_motive(tmp_path / "take.csv", time_s, in_file(world, unit, "y"), **MOTIVE[kind])
    read = read_motion(path)
    assert read.names == NAMES or set(read.names) == set(NAMES)
    np.testing.assert_allclose(
        read.position_m[:, list(read.names).index("left_wrist")], world[:, LEFT_WRIST], atol=1e-5
    )
    assert read.notes["unit_source"] == "file"
    assert read.notes["source_rate_hz"] == 100
    assert error_share(read) < 0.02


def test_motives_quaternions_are_orientations(tmp_path: Path) -> None:
    time_s, world = motion()
    rate = np.array([0.0, 0.0, 3.0])
    spun = Rotation.from_rotvec(time_s[:, None] * rate).as_quat()
    turns = np.tile(spun[:, None], (1, len(NAMES), 1))
    lost = slice(120, 130)
    turns[lost, NAMES.index("left_elbow")] = np.nan
    read = read_motion(write_motive(tmp_path / "take.csv", time_s, in_file(world, "m", "y"), turns=turns))
    assert {"left_forearm", "left_thigh"} <= set(read.rotations)
    for place in ("left_wrist", "left_ankle"):
        signal = simulate_imu(read, placements=[place], rate_hz=50).signals[place]
        size = np.linalg.norm(signal.gyro_rad_s, axis=1)[10:-10]
        np.testing.assert_allclose(size, 3.0, rtol=0.01)


def test_motive_cut_short_or_without_positions_is_refused(tmp_path: Path) -> None:
    time_s, world = motion()
    whole = write_motive(tmp_path / "take.csv", time_s, world).read_text().split("\n")
    for lines in (whole[:1], whole[:5], [line.replace("Position", "Error") for line in whole]):
        (tmp_path / "bad.csv").write_text("\n".join(lines))
        with pytest.raises(ConfigError, match="export of Motive") as caught:
            read_motion(tmp_path / "bad.csv")
        assert caught.value.fix


KINECT = ("ShoulderLeft", "ShoulderRight", "ElbowLeft", "ElbowRight", "WristLeft", "WristRight", "HipLeft", "HipRight",
          "KneeLeft", "KneeRight", "AnkleLeft", "AnkleRight")  # fmt: skip
AZURE = tuple(name.replace("Left", "_LEFT").replace("Right", "_RIGHT").upper() for name in KINECT)
ARKIT = tuple(
    f"{name.partition('_')[0]}_{part}_joint"
    for name in NAMES
    for part in [
        dict(shoulder="arm", elbow="forearm", wrist="hand", hip="upLeg", knee="leg", ankle="foot")[
            name.partition("_")[2]
        ]
    ]
)


@pytest.mark.parametrize(
    ("names", "unit", "up"), [(KINECT, "m", "y"), (AZURE, "mm", "-y"), (ARKIT, "m", "y"), (KINECT, "cm", "z")]
)
@pytest.mark.parametrize("clock", ["timestamp_ms", "Time (Seconds)", "timestamp_us", "time[s]"])
def test_kinect_and_arkit(tmp_path: Path, names: tuple[str, ...], unit: str, up: str, clock: str) -> None:
    time_s, world = motion()
    scale = 1000 if "ms" in clock else 1e6 if "us" in clock else 1
    path = write_csv(tmp_path / "a.csv", time_s * scale, in_file(world, unit, up), names=names)
    path.write_text(path.read_text().replace("time_s", clock, 1))
    if up != "z":
        with pytest.raises(ConfigError, match="the vertical is z") as caught:
            read_motion(path)
        assert f"--up {up}" in caught.value.fix
    read = read_motion(path, up=up)
    np.testing.assert_allclose(
        read.position_m[:, list(read.names).index("left_wrist")], world[:, LEFT_WRIST], atol=1e-5
    )
    assert error_share(read) < 0.02


@pytest.mark.parametrize("head", ["time_s,joint,x,y,z", "timestamp,frame,JointType,X,Y,Z", "landmark,Z,Y,X,time"])
def test_one_row_a_point(tmp_path: Path, head: str) -> None:
    time_s, world = motion()
    lines = [head]
    for at, now in enumerate(time_s):
        for name, place in zip(NAMES, world[at], strict=True):
            if at == 50 and name == "right_knee":
                continue
            cells = {"x": place[0], "y": place[1], "z": place[2], "frame": at}
            row = [
                cells.get(word.lower(), name if word.lower() in ("joint", "jointtype", "landmark") else now)
                for word in head.split(",")
            ]
            lines.append(",".join(f"{cell:.7f}" if isinstance(cell, float) else str(cell) for cell in row))
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    read = read_motion(tmp_path / "a.csv")
    assert len(read.time_s) == len(time_s)
    assert error_share(read) < 0.02
    assert np.isnan(read.position_m[50, list(read.names).index("right_knee")]).all()


def test_a_plane_is_read_and_said_and_pixels_are_refused(tmp_path: Path) -> None:
    time_s, world = motion()
    # Seen from the side, as Sports2D does: the motion is in the plane.
    seen = np.stack([-world[..., 1], world[..., 2], 0 * world[..., 0]], -1)
    read = read_motion(write_trc(tmp_path / "x_m_person00.trc", time_s, seen, unit="m"))
    assert read.notes["flat_axis"] == "z"
    assert error_share(read) < 0.02
    for unit, scale in (("px", 500.0), ("px", 1000.0), ("pixels", 900.0)):
        with pytest.raises(ConfigError, match="holds pixels") as caught:
            read_motion(write_trc(tmp_path / "x_px_person00.trc", time_s, seen * scale, unit=unit))
        assert "metres" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "words", "fix"),
    [
        ("a_keypoints.json", "no recording of motion", "fimad build"),
        ("json_folder", "no recording of motion", "Pose2Sim"),
        ("scene.glb", "is a scene", "BVH"),
        ("scene.fbx", "is a scene", "BVH"),
    ],
)
def test_what_is_no_motion_says_what_to_do(tmp_path: Path, name: str, words: str, fix: str) -> None:
    (tmp_path / name).write_text("{}") if "." in name else (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match=words) as caught:
        read_motion(tmp_path / name)
    assert fix in caught.value.fix
