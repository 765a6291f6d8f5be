"""The recipe of windows from motion capture, and the benchmark's own arithmetic, on motions with a known answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from benchmarks.transfer import gesture, real_tables, statistics, table, virtual_tables, write_page
from benchmarks.transfer_models import WITHOUT
from benchmarks.transfer_real import SETS, folds, model_for
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
    assert windows.classes == ("right hand wave", "squat (two arms stretch out)")
    assert set(windows.group) == {"utd1", "utd2"}
    assert windows.imu_there.all()
    # Who stands still measures gravity; the hand that waves measures more.
    still = np.linalg.norm(windows.imu[:, 1, :3], axis=1)
    assert abs(np.median(still) - 9.81) < 0.2
    # Who is mirrored waves the left hand, and the text says the same in other words.
    assert windows.video is not None
    assert windows.text is not None
    assert windows.video.shape[0] == len(windows)
    assert np.isfinite(windows.video).all()
    assert len(np.unique(windows.text, axis=0)) == 4


def test_the_real_sensor_and_what_most_people_write_instead_of_ours(tmp_path: Path) -> None:
    trial(tmp_path, 3, 1)
    trial(tmp_path, 27, 2)
    chosen = {"persons": {"1", "2"}, "placements": ("right_wrist", "right_thigh"), "variants": 2}
    real = make(None, tmp_path, readings="real", **chosen)
    # One sensor, on the wrist or on the thigh; g and degrees a second become m/s² and rad/s.
    assert real.imu_there[real.label == 0].all(axis=(0, 2)).tolist() == [True, False]
    assert real.imu_there[real.label == 1].all(axis=(0, 2)).tolist() == [False, True]
    np.testing.assert_allclose(real.imu[real.label == 0, 0].mean((0, 2)), [9.80665] * 3 + [np.pi / 180] * 3, rtol=1e-3)
    common = make(None, tmp_path, readings="savitzky_golay", **chosen)
    assert common.imu_there[..., 0].all()
    assert not common.imu_there[..., 1].any()
    assert abs(np.median(np.linalg.norm(common.imu[:, 1, :3], axis=1)) - 9.81) < 0.01
    # Held-out windows have phrasings that are in no other.
    seen = {row.tobytes() for row in common.text}
    assert not seen & {row.tobytes() for row in real.text}


def test_windows_with_a_lost_marker_make_no_pose(tmp_path: Path) -> None:
    tracks = utd_trajectories(*trial(tmp_path, 3, 1))
    position_m = tracks.position_m.copy()
    position_m[-10:, tracks.names.index("left_knee")] = np.nan
    whole, less = (
        list(rows_of(each, ["squat"] * 100, 10.0, ("right_wrist",), 1.0))
        for each in (tracks, replace(tracks, position_m=position_m))
    )
    assert 0 < len(less) < len(whole)
    assert all(np.isfinite(row[3]).all() for row in less)


def test_windows_of_two_classes_are_left_out(tmp_path: Path) -> None:
    tracks = utd_trajectories(*trial(tmp_path, 3, 1))
    labels = ["squat"] * 15 + ["lunge"] * 100
    assert not list(rows_of(tracks, labels, 10.0, ("right_wrist",), 1.0))
    assert {row[4] for row in rows_of(tracks, ["squat"] * 100, 10.0, ("right_wrist",), 1.0)} == {"squat"}


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
    page.write_text("before\n<!-- virtual: begin -->\nold\n<!-- virtual: end -->\nafter\n")
    write_page(page, "virtual", virtual_tables({"utd-mhad": {"bands": {"as it is": rows}, "persons": 3, "seeds": 5}}))
    assert "old" not in page.read_text()
    assert page.read_text().startswith(
        "before\n<!-- virtual: begin -->\n**utd-mhad (right wrist, magnitude), as it is**: 3 persons, 5 seeds\n"
    )
    assert page.read_text().endswith("<!-- virtual: end -->\nafter\n")
    with pytest.raises(SystemExit, match="real: begin"):
        write_page(page, "real", "")


def test_tables_of_real_sets_are_of_persons() -> None:
    scores = {
        "scratch, trained": {"1": {"0": 0.4, "1": 0.6}, "2": {"0": 0.3, "1": 0.3}},
        "pretrained, trained": {"1": {"0": 0.6, "1": 0.8}, "2": {"0": 0.5, "1": 0.5}},
    }
    shown = real_tables({"a set": {"scores": {"2 %": scores}}})
    assert "**a set, 2 % of the labels**: 2 persons tested, 2 seeds" in shown
    assert "| pretrained, trained | 0.600 (0.500 to 0.700) | 0.500 | +0.200 (+0.200 to +0.200) against scratch" in shown


def test_nobody_selects_or_is_tested_who_is_learned_from() -> None:
    for real in SETS.values():
        persons = [
            str(number) for number in range(1, 25 if real.name == "motionsense" else 9 if real.name == "dsads" else 6)
        ]
        tested = []
        for now, selecting in folds(real, persons):
            assert not set(now) & set(selecting)
            tested += now
            if real.name == "utd-mhad":
                assert f"utd{now[0]}" in WITHOUT[model_for(real, now)]
        assert sorted(tested) == sorted(set(persons) - set(real.selecting))
