"""Motion capture files that these tests write, and broken ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ezc3d
import numpy as np
import pytest

from fimad.errors import ConfigError
from fimad.simulate import simulate_imu
from fimad.simulate.readers import read_motion

RATE_HZ = 100.0
RADIUS_M, TURNS_HZ = 0.3, 1.0
# World frame: x right, y away, z up.
BODY_M = {
    "LeftShoulder": (-0.2, 0, 1.4),
    "RightShoulder": (0.2, 0, 1.4),
    "LeftElbow": (-0.25, 0, 1.1),
    "RightElbow": (0.25, 0, 1.1),
    "LeftWrist": (-0.3, 0, 0.85),
    "RightWrist": (0.3, 0, 0.85),
    "LeftHip": (-0.12, 0, 0.92),
    "RightHip": (0.12, 0, 0.92),
    "LeftKnee": (-0.12, 0, 0.5),
    "RightKnee": (0.12, 0, 0.5),
    "LeftAnkle": (-0.12, 0, 0.09),
    "RightAnkle": (0.12, 0, 0.09),
}


def motion() -> tuple[np.ndarray, np.ndarray]:
    """(n,) times, (n, k, 3) positions in m: somebody stands, the left wrist goes round an upright circle."""
    time_s = np.arange(0, 5, 1 / RATE_HZ)
    position = np.tile(np.array(list(BODY_M.values()), float), (len(time_s), 1, 1))
    angle = 2 * np.pi * TURNS_HZ * time_s
    position[:, list(BODY_M).index("LeftWrist")] += RADIUS_M * np.stack([0 * angle, np.cos(angle), np.sin(angle)], 1)
    return time_s, position


def y_up(position: np.ndarray) -> np.ndarray:
    return np.stack([position[..., 0], position[..., 2], -position[..., 1]], -1)


def write_csv(path: Path, unit: str = "", scale: float = 1.0, lost: slice = slice(0, 0)) -> Path:
    time_s, position = motion()
    tail = f"_{unit}" if unit else ""
    head = ["time_s", *(f"{name}_{axis}{tail}" for name in BODY_M for axis in "xyz")]
    lines = [",".join(head)]
    for at, now in enumerate(time_s):
        cells = [f"{value * scale:.6f}" for value in position[at].ravel()]
        if lost.start <= at < lost.stop:
            cells[3 * list(BODY_M).index("LeftWrist")] = ""
        lines.append(",".join([f"{now:.5f}", *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_trc(path: Path) -> Path:
    time_s, position = motion()
    names = [f"{name[0]}.{name.removeprefix('Left').removeprefix('Right')}" for name in BODY_M]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"100\t100\t{len(time_s)}\t{len(names)}\tmm\t100\t1\t{len(time_s)}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{at + 1}" for at in range(len(names)) for axis in "XYZ"),
        "",
    ]
    for at, row in enumerate(y_up(position) * 1000):
        lines.append("\t".join([str(at + 1), f"{time_s[at]:.4f}", *(f"{value:.4f}" for value in row.ravel())]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_c3d(path: Path, names: tuple[str, ...] = tuple(BODY_M), gap: slice = slice(0, 0)) -> Path:
    time_s, position = motion()
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [RATE_HZ]
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    file["parameters"]["POINT"]["LABELS"]["value"] = list(names)
    points = np.ones((4, len(names), len(time_s)))
    points[:3] = np.moveaxis(position, (0, 1, 2), (2, 1, 0)) * 1000
    points[:3, :, gap] = np.nan
    file["data"]["points"] = points
    file.write(str(path))
    return path


def write_bvh(path: Path) -> Path:
    """A body in cm whose left forearm turns about the elbow, in the plane of depth."""
    limb = """JOINT {side}UpLeg
  {{ OFFSET {x} -5 0 CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT {side}Leg {{ OFFSET 0 -42 0 CHANNELS 3 Zrotation Xrotation Yrotation
      JOINT {side}Foot {{ OFFSET 0 -41 0 CHANNELS 3 Zrotation Xrotation Yrotation
        End Site {{ OFFSET 0 -9 0 }} }} }} }}
  JOINT {side}Arm {{ OFFSET {x} 48 0 CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT {side}ForeArm {{ OFFSET 0 -28 0 CHANNELS 3 Zrotation Xrotation Yrotation
      JOINT {side}Hand {{ OFFSET 0 -30 0 CHANNELS 3 Zrotation Xrotation Yrotation
        End Site {{ OFFSET 0 -10 0 }} }} }} }}"""
    body = " ".join(limb.format(side=side, x=x) for side, x in (("Left", 15), ("Right", -15)))
    text = (
        "HIERARCHY ROOT Hips { OFFSET 0 0 0 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation "
        + body
        + " }"
    )
    # One token a line is what every reader understands.
    text = text.replace("{", "\n{\n").replace("}", "\n}\n")
    for word in ("ROOT", "OFFSET", "CHANNELS", "JOINT", "End Site"):
        text = text.replace(word, f"\n{word}")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    time_s = np.arange(0, 5, 1 / RATE_HZ)
    joints = 12
    lines += ["MOTION", f"Frames: {len(time_s)}", f"Frame Time: {1 / RATE_HZ}"]
    for now in time_s:
        row = np.zeros(6 + 3 * joints)
        row[1] = 97
        # Left forearm: the fifth joint after the root, its X rotation.
        row[6 + 3 * 4 + 1] = 360 * TURNS_HZ * now
        lines.append(" ".join(f"{value:.5f}" for value in row))
    path.write_text("\n".join(lines) + "\n")
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "a.csv": write_csv,
    "a.trc": write_trc,
    "a.c3d": write_c3d,
    "a.bvh": write_bvh,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_wrist_on_a_circle_reads_omega_squared_r(tmp_path: Path, name: str) -> None:
    imu = simulate_imu(read_motion(WRITERS[name](tmp_path / name)), placements=["left_wrist", "right_wrist"])
    wrist = imu.signals["left_wrist"]
    assert wrist.valid.all()
    size = np.linalg.norm(wrist.lin_acc_world_m_s2, axis=1)
    np.testing.assert_allclose(size, RADIUS_M * (2 * np.pi * TURNS_HZ) ** 2, rtol=0.03)
    # Upright and in the plane of depth, in whatever frame the file was.
    np.testing.assert_allclose(wrist.lin_acc_world_m_s2[:, 0], 0, atol=0.1)
    still = np.linalg.norm(imu.signals["right_wrist"].acc_m_s2, axis=1)
    np.testing.assert_allclose(still, 9.80665, atol=0.02)


def test_units_stand_in_the_file_or_follow_from_the_leg(tmp_path: Path) -> None:
    wanted = read_motion(write_csv(tmp_path / "m.csv")).position_m
    for unit, scale in (("mm", 1000.0), ("cm", 100.0), ("in", 1 / 0.0254)):
        said = write_csv(tmp_path / "said.csv", unit, scale)
        np.testing.assert_allclose(read_motion(said).position_m, wanted, atol=1e-5)
        silent = write_csv(tmp_path / "silent.csv", "", scale)
        np.testing.assert_allclose(read_motion(silent).position_m, wanted, atol=1e-5)
    with pytest.raises(ConfigError, match="does not say its unit") as caught:
        read_motion(write_csv(tmp_path / "odd.csv", "", 7.0))
    assert "--unit" in caught.value.fix


def test_lost_markers_are_null_where_long_and_bridged_where_short(tmp_path: Path) -> None:
    long = read_motion(write_csv(tmp_path / "long.csv", lost=slice(200, 260)))
    imu = simulate_imu(long, placements=["left_wrist", "right_wrist"])
    assert imu.signals["right_wrist"].valid.all()
    lost = (imu.time_s > 2.02) & (imu.time_s < 2.58)
    np.testing.assert_array_equal(imu.signals["left_wrist"].valid, ~((imu.time_s > 1.99) & (imu.time_s < 2.6)))
    assert np.isnan(imu.signals["left_wrist"].acc_m_s2[lost]).all()
    short = read_motion(write_c3d(tmp_path / "short.c3d", gap=slice(200, 210)))
    assert simulate_imu(short, placements=["left_wrist"]).signals["left_wrist"].valid.all()


def test_names_of_a_laboratory_can_be_given(tmp_path: Path) -> None:
    names = tuple(f"subject:M{at}" for at in range(len(BODY_M)))
    path = write_c3d(tmp_path / "own.c3d", names)
    with pytest.raises(ConfigError, match="no marker whose name") as caught:
        read_motion(path)
    assert "--map" in caught.value.fix
    given = read_motion(path, names={"left_wrist": ("M4",), "left_hip": ("M6", "m7")})
    assert given.names == ("left_wrist", "left_hip")
    np.testing.assert_allclose(given.position_m[:, 1], np.tile([0, 0, 0.92], (len(given.time_s), 1)), atol=1e-5)
    with pytest.raises(ConfigError, match="M99"):
        read_motion(path, names={"left_wrist": ("M99",)})


HOSTILE = {
    "empty.csv": b"",
    "binary.csv": bytes(range(256)) * 40,
    "words.csv": b"time_s,left_hip_x,left_hip_y,left_hip_z\n0,a,b,c\n",
    "untimed.csv": b"left_hip_x,left_hip_y,left_hip_z\n0,0,0\n",
    "backwards.csv": b"time_s,left_hip_x_m,left_hip_y_m,left_hip_z_m\n1,0,0,0\n0,0,0,0\n",
    "other.csv": b"time_s,heart_rate\n0,60\n1,61\n",
    "half.csv": b"time_s,left_hip_x,left_hip_y\n0,1,2\n1,1,2\n",
    "mixed.csv": b"time_s,a_x_m,a_y_mm,a_z_m\n1,0,0,0\n",
    "empty.trc": b"",
    "head.trc": b"PathFileType\t4\n",
    "words.trc": b"a\nDataRate\tUnits\n100\tmm\nFrame#\tTime\tLHip\t\t\n\t\tX1\tY1\tZ1\n1\tx\ty\tz\tw\n",
    "noise.c3d": bytes(range(256)) * 40,
    "empty.c3d": b"",
    "empty.bvh": b"",
    "loop.bvh": b"HIERARCHY\nROOT a\n{\n" + b"JOINT b\n{\n" * 3000,
    "still.bvh": b"HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 0\n}\nMOTION\nFrames: 1\nFrame Time: 0\n",
    "what.xyz": b"hello",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_broken_files_are_an_error_in_three_parts(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ConfigError) as caught:
        read_motion(path)
    assert name in caught.value.what
    assert caught.value.why
    assert caught.value.fix
    with pytest.raises(ConfigError, match="can't be read"):
        read_motion(tmp_path / "not-there.csv")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("0,1,2,3\n0.1,1,2\n", "cells than the head"),
        ("0,1,2,3\n0.1,1,2,3,4\n", "cells than the head"),
        ("0,1,a,3\n", "no number"),
    ],
)
def test_a_table_says_what_is_wrong_with_its_rows(tmp_path: Path, rows: str, why: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"time_s,left_hip_x,left_hip_y,left_hip_z\n{rows}")
    with pytest.raises(ConfigError) as caught:
        read_motion(path)
    assert why in caught.value.why


@pytest.mark.parametrize("name", ["a.xyz", "missing/a.png", "a.png"])
def test_a_picture_that_can_not_be_written_is_said(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    imu = simulate_imu(read_motion(write_csv(tmp_path / "m.csv")), placements=["left_wrist"])
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ConfigError, match="can't be written"):
        imu.plot(tmp_path / name)
