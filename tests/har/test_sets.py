"""Each reader on tiny files in its publisher's form, and on files that are not."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from fimad.errors import ConfigError
from fimad.har import HarDataset, load, skeleton_rate_hz

G = 9.80665
#: A sensor at rest with its z axis up: 1 g, and a turn of 90 degrees a second.
UP = np.array([0.0, 0.0, 1.0])
TURN_DEG = np.array([90.0, 0.0, -45.0])


def motionsense(root: Path) -> None:
    rng = np.random.default_rng(1)
    names = [f"attitude.{a}" for a in ("roll", "pitch", "yaw")]
    names += [f"{kind}.{axis}" for kind in ("gravity", "rotationRate", "userAcceleration") for axis in "xyz"]
    for folder, person, seed in (
        ("sit_5", 1, 0),
        ("sit_13", 1, 0),
        ("sit_5", 12, 1),
        ("sit_13", 12, 2),
        ("jog_9", 2, 3),
    ):
        values = np.round(np.concatenate([rng.normal(size=(60, 3)), np.tile([0, 0, -1.0], (60, 1)), np.random.default_rng(seed).normal(size=(60, 3)), np.zeros((60, 3))], axis=1), 6)  # fmt: skip
        if (folder, person) == ("sit_13", 1):
            values[:, :3] = 0
        file = root / "A_DeviceMotion_data" / folder / f"sub_{person}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [f"{i},{','.join(map(str, row))}" for i, row in enumerate(values)]
        file.write_text("\n".join([f",{','.join(names)}", *rows]) + "\n", encoding="utf-8")


def mhealth(root: Path) -> None:
    rows = np.zeros((120, 24))
    rows[:, 2] = rows[:, 7] = rows[:, 16] = G
    rows[:, 8:11] = rows[:, 17:20] = TURN_DEG
    rows[:, 23] = [0] * 20 + [4] * 60 + [0] * 10 + [12] * 30
    for person in (1, 10):
        np.savetxt(root / f"mHealth_subject{person}.log", rows, delimiter="\t", fmt="%.6f")


def dsads(root: Path) -> None:
    for activity, segments in ((1, (1, 2)), (19, (1, 2, 4))):
        folder = root / "data" / f"a{activity:02d}" / "p3"
        folder.mkdir(parents=True)
        for segment in segments:
            rows = np.full((125, 45), float(segment))
            np.savetxt(folder / f"s{segment:02d}.txt", rows, delimiter=",", fmt="%.5f")


def utd_mhad(root: Path) -> None:
    (root / "Inertial").mkdir()
    for action, person in ((1, 1), (21, 2), (22, 2), (27, 8)):
        rows = np.tile(np.concatenate([UP, TURN_DEG]), (150, 1))
        savemat(root / "Inertial" / f"a{action}_s{person}_t1_inertial.mat", {"d_iner": rows})


def berkeley_mhad(root: Path, unit: float = 1.0) -> None:
    for sensor, count in ((1, 60), (4, 57)):
        folder = root / "Accelerometer" / f"Shimmer{sensor:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        for person, action in ((1, 2), (12, 11)):
            rows = np.column_stack([np.tile(UP * unit, (count, 1)), 1.3e9 + np.arange(count) / 30])
            np.savetxt(folder / f"acc_h{sensor:02d}_s{person:02d}_a{action:02d}_r01.txt", rows, fmt="%.6f")


def spar(root: Path) -> None:
    (root / "csv").mkdir()
    for stem in ("S1_E0_R", "S1_E0_L", "S20_E6_L"):
        rows = np.tile([0, 0, -1.0, 0.5, 0, 0], (100, 1))
        np.savetxt(root / "csv" / f"{stem}.csv", rows, delimiter=",", header="ax,ay,az,wx,wy,wz", comments="")


def pte(root: Path) -> None:
    for unit in range(1, 6):
        folder = root / "s2" / "e8" / f"u{unit}"
        folder.mkdir(parents=True)
        for name, count in (("test", 90), ("template_session", 60)):
            lines = ["time index;acc_x;acc_y;acc_z;gyr_x;gyr_y;gyr_z;mag_x;mag_y;mag_z"]
            lines += [f"{i};0;0;9.81;{unit};0;0;1;1;1" for i in range(count)]
            (folder / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")


def gymwatch(root: Path) -> None:
    down = np.tile([0, 0, -1.0], (500, 1)).astype(np.float16)
    np.savez(root / "gymwatch.npz", grav_g=down, uacc_g=down * 0, gyro_rads=down * 0)
    (root / "gymwatch_sets.csv").write_text(
        "file,act,start,len,active_i0,active_i1,group\nA-2024-12-01_07.csv,APULL,0,300,100,250,Pullups\n"
        "B-2024-12-02_07.csv,IDBC,300,200,0,200,BicepCurl\n",
        encoding="utf-8",
    )


def mmfit(root: Path) -> None:
    folder = root / "mm-fit" / "w09"
    folder.mkdir(parents=True)
    t_ms = 1.6e12 + 10.0 * np.arange(1000)
    t_ms[600:] += 5000  # the clock stops for 5 s
    frames = np.floor((t_ms - t_ms[0]) * 0.03)
    acc = np.column_stack([frames, t_ms, np.zeros((1000, 2)), np.full(1000, 9.81)])
    # The gyroscope has a clock of its own: shifted, and half as fast.
    gyr = np.column_stack([frames, t_ms + 3, (t_ms - t_ms[0] + 3) / 1000, np.zeros((1000, 2))])[::2]
    np.save(folder / "w09_sw_l_acc.npy", acc)
    np.save(folder / "w09_sw_l_gyr.npy", gyr)
    (folder / "w09_labels.csv").write_text("30,89,10,squats\n", encoding="utf-8")


def myogym(root: Path) -> None:
    raw = np.zeros((400, 17))
    raw[:, 9] = raw[:, 13] = 20.0 * np.arange(400)
    raw[300:, 9] += 60_000
    raw[:, 10:13], raw[:, 14:17] = UP, TURN_DEG
    labels = np.column_stack([[99] * 100 + [11] * 100 + [99] * 200, [1] * 250 + [2] * 150])
    savemat(root / "MyoGym.mat", {"raw_data": raw, "raw_data_labels": labels})


def recofit_record(**more: Any) -> dict[str, Any]:
    t_s = np.arange(200)[:, None] / 50
    acc, gyr = np.hstack([t_s, np.tile(UP, (200, 1))]), np.hstack([t_s, np.tile(TURN_DEG, (200, 1))])
    return {"data": {"accelDataMatrix": acc, "gyroDataMatrix": gyr}, **more}


def cells(rows: int, columns: int) -> Any:
    empty = np.empty((rows, columns), dtype=object)
    for place in np.ndindex(empty.shape):
        empty[place] = np.zeros((0, 0))
    return empty


def recofit(root: Path) -> None:
    single = cells(3, 2)
    single[0, 0] = recofit_record(activityName="Bicep Curl", activityReps=12)
    single[2, 1] = recofit_record(activityName="Tap Left Device", activityReps=-1)
    single[2, 0] = recofit_record(activityName="Rest", activityReps=-1)
    savemat(root / "exercise_data.50.0000_singleonly.mat", {"subject_data": single, "Fs": 50})


def recofit_multi(root: Path) -> None:
    matrix = np.empty((2, 5), dtype=object)
    matrix[0] = ["Non-Exercise", 0.0, 1.0, "", -1]
    matrix[1] = ["Squat", 1.0, 3.5, "", 10]
    multi = cells(2, 1)
    multi[1, 0] = recofit_record(activityStartMatrix=matrix)
    savemat(root / "exercise_data.50.0000_multionly.mat", {"subject_data": multi})


def found(dataset: HarDataset) -> set[tuple[str, str, str, int]]:
    return {(each.person, each.label, each.placement, len(each.x)) for each in dataset.recordings}


#: Writer, and what is found: person, class, placement, samples.
SETS: dict[str, tuple[Callable[[Path], None], set[tuple[str, str, str, int]]]] = {
    "motionsense": (motionsense, {("1", "sit", "right_thigh", 60), ("12", "sit", "right_thigh", 60), ("2", "jog", "right_thigh", 60)}),
    "mhealth": (mhealth, {(p, label, place, n) for p in ("1", "10") for place in ("chest", "left_ankle", "right_wrist") for label, n in (("Nothing", 20), ("Walking", 60), ("Nothing", 10), ("Jump front & back", 30))}),
    "dsads": (dsads, {("3", label, place, n) for place in ("chest", "right_wrist", "left_wrist", "right_knee", "left_knee") for label, n in (("sitting", 250), ("playing basketball", 250), ("playing basketball", 125))}),
    "utd-mhad": (utd_mhad, {("1", "right arm swipe to the left", "right_wrist", 150), ("2", "right hand pick up and throw", "right_wrist", 150), ("2", "jogging in place", "right_thigh", 150), ("8", "squat (two arms stretch out)", "right_thigh", 150)}),
    "berkeley-mhad": (berkeley_mhad, {(p, label, place, 57) for p, label in (("1", "Jumping jacks"), ("12", "Stand up")) for place in ("left_wrist", "right_hip")}),
    "spar": (spar, {("1", "Pendulum", "right_wrist", 100), ("1", "Pendulum", "left_wrist", 100), ("20", "Bent over row with 3 lb dumbbell", "left_wrist", 100)}),
    "pte": (pte, {("2", "exercise 8", f"unit_{unit}", n) for unit in range(1, 6) for n in (90, 60)}),
    "gymwatch": (gymwatch, {("2024-12-01", "idle", "left_wrist", 100), ("2024-12-01", "Pullups", "left_wrist", 150), ("2024-12-01", "idle", "left_wrist", 50), ("2024-12-02", "BicepCurl", "left_wrist", 200)}),
    "myogym": (myogym, {("1", "NULL", "right_forearm", 100), ("1", "Pushups", "right_forearm", 100), ("1", "NULL", "right_forearm", 50), ("2", "NULL", "right_forearm", 50), ("2", "NULL", "right_forearm", 100)}),
    "recofit": (recofit, {("1", "Bicep Curl", "right_forearm", 200), ("3", "Non-Exercise", "right_forearm", 200)}),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_a_set_in_its_publishers_form(name: str, tmp_path: Path) -> None:
    write, expected = SETS[name]
    write(tmp_path)
    dataset = load(name, tmp_path)
    assert found(dataset) == expected
    assert {each.label for each in dataset.recordings} <= set(dataset.classes)
    assert {each.placement for each in dataset.recordings} <= set(dataset.about.placements)
    if name == "dsads":
        assert dataset.recordings[0].x.dtype == np.float32
        return
    # At rest a sensor reads 1 g upwards, whatever the set's units and sign.
    for each in dataset.recordings:
        np.testing.assert_allclose(each.x[:, :3], np.tile([0, 0, 9.81], (len(each.x), 1)), atol=0.01)
    if name in ("mhealth", "utd-mhad", "myogym", "recofit"):
        turned = [each.x[0, 3:] for each in dataset.recordings if each.x.shape[1] == 6]
        np.testing.assert_allclose(turned, np.tile(np.radians(TURN_DEG), (len(turned), 1)), rtol=1e-6)


def test_a_recording_that_is_there_twice_is_read_once_and_said(tmp_path: Path) -> None:
    motionsense(tmp_path)
    dataset = load("motionsense", tmp_path)
    assert len(dataset.recordings) == 4  # person 12's two differ
    assert dataset.left_out == ("1/sit_13: the same samples as 1/sit_5",)


def test_the_other_folders_of_motionsense_are_left_alone(tmp_path: Path) -> None:
    motionsense(tmp_path)
    other = tmp_path / "B_Accelerometer_data" / "B_Accelerometer_data" / "jog_9" / "sub_1.csv"
    other.parent.mkdir(parents=True)
    other.write_text(",x,y,z\n1,0,0,-1\n", encoding="utf-8")
    assert len(load("motionsense", tmp_path).recordings) == 4


def test_consecutive_segments_are_one_recording_again(tmp_path: Path) -> None:
    dsads(tmp_path)
    chest = load("dsads", tmp_path).select(placement="chest", classes=["playing basketball"]).recordings
    assert [np.unique(each.x).tolist() for each in chest] == [[1, 2], [4]]


def test_mm_fit_is_on_one_clock_and_ends_at_gaps(tmp_path: Path) -> None:
    mmfit(tmp_path)
    dataset = load("MM-Fit", tmp_path)
    assert [(each.label, len(each.x)) for each in dataset.recordings if each.label == "squats"] == [("squats", 200)]
    assert 980 <= sum(len(each.x) for each in dataset.recordings) <= 1000
    squats = next(each for each in dataset.recordings if each.label == "squats")
    np.testing.assert_allclose(squats.x[:, 3], 1.0 + np.arange(200) / 100, atol=0.011)
    assert len(dataset.left_out) == 3
    assert dataset.split("test").persons == ("w09",)


def test_visits_of_recofit_are_cut_by_their_times(tmp_path: Path) -> None:
    recofit_multi(tmp_path)
    dataset = load("recofit", tmp_path)
    assert found(dataset) == {("2", "Non-Exercise", "right_forearm", 50), ("2", "Squat", "right_forearm", 125)}
    assert dataset.exercise_of("Squat") == "squat"


@pytest.mark.parametrize(
    ("unit", "known"), [(1.0, True), (1.1, True), (9.81, True), (9.0, True), (4.0, False), (1000.0, False)]
)
def test_the_unit_of_berkeley_mhad_is_told_by_gravity(unit: float, known: bool, tmp_path: Path) -> None:
    berkeley_mhad(tmp_path, unit)
    if not known:
        with pytest.raises(ConfigError, match="neither"):
            load("berkeley-mhad", tmp_path)
        return
    dataset = load("berkeley-mhad", tmp_path)
    assert 8 < dataset.recordings[0].x[0, 2] < 11
    assert dataset.windows(1.0, placement=("left_wrist", "right_hip")).x.shape == (4, 6, 30)


def test_what_recofit_leaves_out_is_said(tmp_path: Path) -> None:
    recofit(tmp_path)
    assert load("recofit", tmp_path).left_out == ("1 of 'Tap Left Device': no exercise, and no rest either",)


def test_repacked_arrays_are_read_as_the_files_are(tmp_path: Path) -> None:
    segments = np.zeros((3, 125, 3, 3), np.float16) + np.array([1, 2, 3], np.float16)[:, None, None, None]
    np.savez(tmp_path / "dsads.npz", acc=segments, gyr_RA_RL=segments[:, :, :2], units=np.array(["RA", "RL", "T"]), act=np.array([1, 1, 2]), sub=np.array([8, 8, 8]), seg=np.array([2, 1, 1]))  # fmt: skip
    dataset = load("dsads", tmp_path / "dsads.npz")
    assert {(each.label, each.placement, each.x.shape) for each in dataset.recordings} >= {("sitting", "chest", (250, 3)), ("standing", "right_wrist", (125, 6))}  # fmt: skip
    assert dataset.select(placement="chest").recordings[0].x[[0, -1], 0].tolist() == [2, 1]
    np.savez(tmp_path / "ms.npz", grav_g=np.tile([0, 0, -1.0], (50, 1)), uacc_g=np.zeros((50, 3)), gyro_rads=np.zeros((50, 3)), start=np.array([0, 30]), len=np.array([30, 20]), sub=np.array([3, 3]), trial=np.array([9, 1]), act=np.array(["jog", "dws"]))  # fmt: skip
    assert found(load("motionsense", tmp_path / "ms.npz")) == {
        ("3", "jog", "right_thigh", 30),
        ("3", "dws", "right_thigh", 20),
    }
    np.savez(tmp_path / "pte.npz", s1_e6_u2_test=np.zeros((9, 6)), s1_e6_u2_tmpl=np.zeros((5, 6)))
    assert found(load("pte", tmp_path / "pte.npz")) == {
        ("1", "exercise 6", "unit_2", 9),
        ("1", "exercise 6", "unit_2", 5),
    }


def test_the_skeleton_of_utd_mhad_is_slower_than_its_paper_says() -> None:
    assert skeleton_rate_hz(73, 192) == pytest.approx(19.01, abs=0.01)


@pytest.mark.parametrize("damage", [b"version https://git-lfs.github.com/spec/v1\n", b"", b"\x80\x04nonsense\xff" * 9])
@pytest.mark.parametrize("name", [*SETS, "mm-fit"])
def test_a_damaged_file_is_named(name: str, damage: bytes, tmp_path: Path) -> None:
    (mmfit if name == "mm-fit" else SETS[name][0])(tmp_path)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".toml")
    files[0].write_bytes(damage)
    with pytest.raises(ConfigError) as caught:
        load(name, tmp_path)
    assert files[0].name in caught.value.what
    assert caught.value.why
    assert caught.value.fix


def test_values_that_are_no_numbers_and_columns_that_lack_are_refused(tmp_path: Path) -> None:
    mhealth(tmp_path)
    file = tmp_path / "mHealth_subject1.log"
    whole = file.read_text()
    for broken, what in ((whole.replace("90.000000", "nan", 1), "finite"), (whole.replace("\t4.000000\n", "\t13.000000\n"), "class 13"), ("\n".join(line.rpartition("\t")[0] for line in whole.splitlines()), "23 columns")):  # fmt: skip
        file.write_text(broken)
        with pytest.raises(ConfigError, match=what):
            load("mhealth", tmp_path)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    mmfit(tmp_path)
    file = tmp_path / "mm-fit" / "w09" / "w09_sw_l_acc.npy"
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError, match="w09_sw_l_acc"):
        load("mm-fit", tmp_path)
    file.write_bytes(pickle.dumps([1]))
    with pytest.raises(ConfigError, match="w09_sw_l_acc"):
        load("mm-fit", tmp_path)
    np.savez(tmp_path / "pte.npz", s1_e1_u1_test=np.array([{}], dtype=object))
    with pytest.raises(ConfigError, match=r"pte\.npz"):
        load("pte", tmp_path / "pte.npz")
