"""The recipe of windows from motion capture, and the benchmark's own arithmetic, on motions with a known answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import savemat

from benchmarks.transfer import gesture, statistics, table, write_page
from recipes.virtual_motion import KINECT, make, rows_of, utd_trajectories, varied


def trial(folder: Path, action: int, person: int) -> tuple[Path, Path]:
    """A person who stands and waves the right hand, 60 frames beside 150 readings: 20 Hz."""
    points = np.array([[0.0, 0.6, 3.0]] * 20)
    shape = {
        "nose": (0, 0.7), "left_shoulder": (0.2, 0.4), "left_elbow": (0.25, 0.15), "left_wrist": (0.25, -0.1),
        "left_index": (0.25, -0.2), "right_shoulder": (-0.2, 0.4), "right_elbow": (-0.3, 0.15), "right_wrist": (-0.35, 0.4),
        "right_index": (-0.35, 0.5), "left_hip": (0.1, 0), "left_knee": (0.1, -0.45), "left_ankle": (0.1, -0.9),
        "left_foot_index": (0.12, -0.95), "right_hip": (-0.1, 0), "right_knee": (-0.1, -0.45), "right_ankle": (-0.1, -0.9),
        "right_foot_index": (-0.12, -0.95),
    }  # fmt: skip
    for name, (x, y) in shape.items():
        points[KINECT[name], :2] = x, y
    time_s = np.arange(60) / 20
    moved = np.repeat(points[None], 60, axis=0)
    for name in ("right_wrist", "right_index"):
        moved[:, KINECT[name], 0] += 0.1 * np.sin(2 * np.pi * time_s)
    name = f"a{action}_s{person}_t1"
    for kind, values in (
        ("Skeleton", {"d_skel": np.moveaxis(moved, 0, 2)}),
        ("Inertial", {"d_iner": np.ones((150, 6))}),
    ):
        (folder / kind).mkdir(exist_ok=True)
        savemat(folder / kind / f"{name}_{kind.lower()}.mat", values)
    return folder / "Skeleton" / f"{name}_skeleton.mat", folder / "Inertial" / f"{name}_inertial.mat"


def test_windows_of_skeletons(tmp_path: Path) -> None:
    tracks = utd_trajectories(*trial(tmp_path, 3, 1))
    assert tracks.time_s[1] == 0.05
    at = {
        name: tracks.position_m[:, tracks.names.index(name)]
        for name in ("right_shoulder", "left_shoulder", "nose", "left_ankle")
    }
    assert (at["right_shoulder"][:, 0] < at["left_shoulder"][:, 0]).all()
    assert (at["nose"][:, 2] > at["left_ankle"][:, 2] + 1).all()
    mirrored = varied(tracks, 2.0, True, 1.1)
    assert mirrored.time_s[-1] == tracks.time_s[-1] / 2
    wrist = mirrored.position_m[:, mirrored.names.index("left_wrist")]
    np.testing.assert_allclose(wrist, 1.1 * tracks.position_m[:, tracks.names.index("right_wrist")] * [-1, 1, 1])
    trial(tmp_path, 27, 2)
    trial(tmp_path, 27, 6)
    windows = make(None, tmp_path, persons={"1", "2"}, placements=("right_wrist", "chest"), variants=2)
    assert windows.classes == ("hand_wave", "squat")
    assert set(windows.group) == {"utd1", "utd2"}
    assert windows.imu_there.all()
    # Who stands still measures gravity; the hand that waves measures more.
    still = np.linalg.norm(windows.imu[:, 1, :3], axis=1)
    assert abs(np.median(still) - 9.81) < 0.2


def test_windows_of_two_classes_are_left_out(tmp_path: Path) -> None:
    tracks = utd_trajectories(*trial(tmp_path, 3, 1))
    labels = ["squat"] * 15 + ["lunge"] * 100
    assert not list(rows_of(tracks, labels, 10.0, ("right_wrist",), 1.0))
    assert {row[3] for row in rows_of(tracks, ["squat"] * 100, 10.0, ("right_wrist",), 1.0)} == {"squat"}


def test_features_and_tables(tmp_path: Path) -> None:
    clock_s = np.arange(0, 4, 0.02)
    slow, fast = 2 * np.sin(2 * np.pi * clock_s), np.sin(2 * np.pi * 12 * clock_s)
    np.testing.assert_allclose(gesture(9.8 + slow + fast, 5.0)[:2], [9.8, np.sqrt(2)], rtol=0.02)
    assert gesture(9.8 + slow + fast, 0.0)[1] > 1.55
    assert gesture(slow, 0.0)[-1] == 4.0
    assert gesture(slow, 0.0).shape == gesture(slow[:30], 7.0).shape
    assert statistics(np.ones((4, 2, 50))).shape == (4, 2 * 22)
    rows = {
        "a": {"macro_f1": [0.5, 0.4, 0.6, 3], "worst_person": 0.3},
        "b": {"macro_f1": [0.7, 0.6, 0.8, 3], "worst_person": 0.5, "difference": [0.2, 0.1, 0.3, 3], "against": "a"},
    }
    assert "| b | 0.700 (0.600 to 0.800) | 0.500 | +0.200 (+0.100 to +0.300) against a |" in table(rows)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- transfer: begin -->\nold\n<!-- transfer: end -->\nafter\n")
    write_page(page, {"set": {"bands": {"as it is": rows}, "persons": 3, "seeds": 5}})
    assert "old" not in page.read_text()
    assert page.read_text().startswith(
        "before\n<!-- transfer: begin -->\n**set (right wrist, magnitude), as it is**: 3 persons, 5 seeds\n"
    )
    assert page.read_text().endswith("<!-- transfer: end -->\nafter\n")
