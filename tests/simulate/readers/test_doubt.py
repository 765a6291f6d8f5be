"""Files that are not what they seem: read right, or refused; never wrong in silence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fimad.errors import ConfigError
from fimad.simulate import ImuSequence, Trajectories, read_motion, simulate_imu
from tests.simulate.readers import people
from tests.simulate.readers.people import (
    NAMES,
    TRUTH_M_S2,
    in_file,
    motion,
    write_bvh,
    write_c3d,
    write_csv,
    write_npz,
    write_trc,
)

LEFT_WRIST, RIGHT_WRIST = NAMES.index("left_wrist"), NAMES.index("right_wrist")


def wrist(read: Trajectories, name: str = "left_wrist") -> ImuSequence:
    return simulate_imu(read, placements=[name], rate_hz=50)


def error_share(imu: ImuSequence) -> float:
    """By how much the wrist's acceleration is off, where it is valid, away from the ends."""
    signal = imu.signals["left_wrist"]
    size = np.linalg.norm(signal.lin_acc_world_m_s2, axis=1)[10:-10]
    assert np.isfinite(size).mean() > 0.5
    return float(np.nanmedian(np.abs(size / TRUTH_M_S2 - 1)))


def sweep(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Recordings of one motion, each as it is written just now: what it is, where it lies, and its vertical."""
    trc, c3d, csv, npz, bvh = (folder / f"a.{ending}" for ending in ("trc", "c3d", "csv", "npz", "bvh"))
    for unit, up, rate_hz in itertools.product(people.UNITS, people.AXES, (60.0, 240.0)):
        time_s, world = motion(rate_hz, 2.0)
        position = in_file(world, unit, up)
        tag = f"{unit} {up} {rate_hz:g}"
        yield f"csv {tag}", write_csv(csv, time_s, position), up
        yield f"npz {tag}", write_npz(npz, position, rate_hz=rate_hz), up
        if unit != "cmu":
            yield f"c3d {tag}", write_c3d(c3d, position, unit=unit, rate_hz=rate_hz), up
            for digits in (3, 6):
                path = write_trc(trc, time_s, position, unit=unit, rate_hz=rate_hz, digits=digits)
                yield f"trc {tag} {digits}", path, up
        if not up.startswith("-"):
            yield f"bvh {tag}", write_bvh(bvh, unit=unit, up=up, rate_hz=rate_hz, length_s=2.0), up


def read_or_ask(path: Path, up: str) -> tuple[Trajectories, bool]:
    """What a file holds, and whether it had to be told its vertical."""
    try:
        return read_motion(path), False
    except ConfigError:
        return read_motion(path, up=up), True


def test_every_format_unit_axis_rate_and_precision_is_right_or_refused(tmp_path: Path) -> None:
    wrong, asked, count = [], 0, 0
    for name, path, up in sweep(tmp_path):
        read, told = read_or_ask(path, up)
        count += 1
        asked += told
        share = error_share(wrist(read))
        if not share < 0.02:
            wrong.append((name, share))
    assert not wrong
    assert count >= 200
    assert 0 < asked < 0.75 * count


@pytest.mark.parametrize("unit", ["cmu", "cm", "in", "mm", "m"])
def test_bvh_has_no_unit_and_a_leg_tells_it(tmp_path: Path, unit: str) -> None:
    read = read_motion(write_bvh(tmp_path / "a.bvh", unit=unit))
    assert read.notes["unit"] == unit
    assert read.notes["unit_source"] == "body"
    assert error_share(wrist(read)) < 0.02


@pytest.mark.parametrize(("stated", "really"), [("mm", "m"), ("mm", "cm"), ("m", "mm"), ("cm", "m")])
def test_a_unit_that_no_human_fits_is_refused_with_the_one_that_fits(tmp_path: Path, stated: str, really: str) -> None:
    time_s, world = motion()
    trc = write_trc(tmp_path / "a.trc", time_s, in_file(world, really, "y"), unit=stated)
    c3d = write_c3d(tmp_path / "a.c3d", in_file(world, really), unit=stated)
    for path in (trc, c3d):
        with pytest.raises(ConfigError, match="m tall") as caught:
            read_motion(path)
        assert really in caught.value.fix
        assert error_share(wrist(read_motion(path, unit=really))) < 0.02


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_t_pose_at_the_beginning_does_not_spoil_what_follows(tmp_path: Path, frames: int) -> None:
    clean = wrist(read_motion(write_bvh(tmp_path / "a.bvh", rate_hz=120)))
    read = read_motion(write_bvh(tmp_path / "b.bvh", rate_hz=120, t_pose=frames))
    imu = wrist(read)
    assert read.notes["jumps_at_s"] == [pytest.approx(frames / 120, abs=1e-3)]
    late = imu.time_s > frames / 120 + 0.05
    assert imu.signals["left_wrist"].valid[late].all()
    assert not imu.signals["left_wrist"].valid[~late & (imu.time_s < frames / 120)].any()
    off = imu.signals["left_wrist"].lin_acc_world_m_s2 - clean.signals["left_wrist"].lin_acc_world_m_s2
    assert np.sqrt((off[late][15:-15] ** 2).sum(1).mean()) < 0.02 * TRUTH_M_S2


@pytest.mark.parametrize("first", [0, 130, 250])
def test_sides_that_were_exchanged_for_a_while_are_put_back(tmp_path: Path, first: int) -> None:
    time_s, world = motion()
    swapped = world.copy()
    other = [NAMES.index(name.replace("left", "R").replace("right", "left").replace("R", "right")) for name in NAMES]
    swapped[first : first + 30] = world[first : first + 30][:, other]
    read = read_motion(write_csv(tmp_path / "a.csv", time_s, swapped))
    assert read.notes["swapped_sides_frames"] == 30
    np.testing.assert_allclose(read.position_m, world, atol=1e-5)


@pytest.mark.parametrize("at", [0, 150, 299])
def test_one_frame_of_a_marker_elsewhere_is_masked(tmp_path: Path, at: int) -> None:
    time_s, world = motion()
    world[at, LEFT_WRIST] += (0.5, 0.3, 0.7)
    read = read_motion(write_csv(tmp_path / "a.csv", time_s, world))
    assert np.isnan(read.position_m[at, LEFT_WRIST]).all()
    assert error_share(wrist(read)) < 0.02


@pytest.mark.parametrize(
    ("rate_hz", "frames", "late"), [(120.0, 5, False), (240.0, 8, False), (60.0, 2, False), (120.0, 4, True)]
)
def test_a_limb_that_rushes_to_where_the_motion_begins_is_masked(
    tmp_path: Path, rate_hz: float, frames: int, late: bool
) -> None:
    time_s, world = motion(rate_hz)
    # An arm that is blended from a rest pose to the motion, or from the motion to it.
    share = (
        (np.arange(frames) + 0.5)[:, None] / frames if late else (frames - 0.5 - np.arange(frames))[:, None] / frames
    )
    part = slice(-frames, None) if late else slice(0, frames)
    for name in ("left_elbow", "left_wrist"):
        world[part, NAMES.index(name)] += share * np.array([-0.5, 0.1, 0.5])
    read = read_motion(write_csv(tmp_path / "a.csv", time_s, world))
    assert np.isnan(read.position_m[part, LEFT_WRIST]).all()
    assert np.isfinite(read.position_m[:, RIGHT_WRIST]).all()
    assert np.isnan(read.position_m[:, LEFT_WRIST]).any(1).sum() <= frames + 1
    assert read.notes["leaping_landmark_frames"] >= 2 * frames
    imu = wrist(read)
    assert error_share(imu) < 0.02
    size = np.linalg.norm(imu.signals["left_wrist"].lin_acc_world_m_s2, axis=1)
    assert float(np.nanmax(size)) < 1.6 * TRUTH_M_S2


@pytest.mark.parametrize("speed_m_s", [3.0, 9.0])
def test_a_recording_that_begins_in_the_middle_of_a_punch_keeps_it(tmp_path: Path, speed_m_s: float) -> None:
    time_s, world = motion(120.0)
    # Slows down over 0.15 s, as arms do.
    gone = np.minimum(time_s, 0.15)
    world[:, RIGHT_WRIST, 1] += speed_m_s * (gone - gone**2 / 0.3)
    read = read_motion(write_csv(tmp_path / "a.csv", time_s, world))
    assert np.isfinite(read.position_m).all()


@pytest.mark.parametrize("write", ["bvh", "csv", "c3d"])
def test_a_body_that_lies_along_another_axis_all_the_time_is_asked_about(tmp_path: Path, write: str) -> None:
    time_s, world = motion()
    custom, up = ("y", "z") if write == "bvh" else ("z", "y")
    path = {
        "bvh": lambda: write_bvh(tmp_path / "a.bvh", up="z"),
        "csv": lambda: write_csv(tmp_path / "a.csv", time_s, in_file(world, "m", "y")),
        "c3d": lambda: write_c3d(tmp_path / "a.c3d", in_file(world, "mm", "y")),
    }[write]()
    with pytest.raises(ConfigError, match=f"the vertical is {custom}, but the body is along {up}") as caught:
        read_motion(path)
    assert f"--up {up}" in caught.value.fix
    force = wrist(read_motion(path, up=up), "right_wrist").signals["right_wrist"].acc_m_s2
    np.testing.assert_allclose(np.nanmean(force, 0)[2], 9.8, atol=0.1)
    # Somebody who really lies there can say so.
    assert read_motion(path, up=custom).notes["up_source"] == "given"


@pytest.mark.parametrize("screen", ["+Y", "-Y", "+Z", "-Z", "+X"])
def test_the_vertical_that_a_c3d_file_states_has_a_sign(tmp_path: Path, screen: str) -> None:
    up = screen.removeprefix("+").lower()
    _, world = motion()
    read = read_motion(write_c3d(tmp_path / "a.c3d", in_file(world, "mm", up), screen=screen))
    assert error_share(wrist(read)) < 0.02
    assert float(np.nanmedian(read.position_m[:, NAMES.index("left_shoulder"), 2])) == pytest.approx(1.42, abs=1e-3)


@pytest.mark.parametrize("up", people.AXES)
@pytest.mark.parametrize("names", [NAMES, tuple(f"{n[0].upper()}_{n.partition('_')[2].title()}" for n in NAMES)])
def test_an_archive_without_a_custom_has_the_vertical_of_its_body(
    tmp_path: Path, up: str, names: tuple[str, ...]
) -> None:
    read = read_motion(write_npz(tmp_path / "a.npz", in_file(motion()[1], "m", up), names=names))
    assert (read.notes["up"], read.notes["up_source"]) == (up, "body")
    assert error_share(wrist(read)) < 0.02


def test_a_wrist_is_no_hand_and_an_ankle_no_foot(tmp_path: Path) -> None:
    time_s, world = motion()
    extra = np.concatenate(
        [world, world[:, [LEFT_WRIST]] + (0, 0, -0.1), world[:, [NAMES.index("left_ankle")]] + (0, -0.15, -0.06)], 1
    )
    for names in (
        (*NAMES, "left_hand", "left_foot"),
        tuple(f"{name.split('_')[0].title()}_{name.split('_')[1]}" for name in (*NAMES, "left_hand", "left_foot")),
        tuple(f"{name[0].upper()}_{name.split('_')[1].title()}" for name in (*NAMES, "left_hand", "left_foot")),
    ):
        read = read_motion(write_csv(tmp_path / "a.csv", time_s, extra, names=names))
        np.testing.assert_allclose(
            read.position_m[:, list(read.names).index("left_wrist")], world[:, LEFT_WRIST], atol=1e-5
        )
        at = NAMES.index("left_ankle")
        np.testing.assert_allclose(read.position_m[:, list(read.names).index("left_ankle")], world[:, at], atol=1e-5)


PROGRAMS = {
    "mixamo": ({}, "mixamorig:"),
    "mixamo without colon": ({}, "mixamorig_"),
    "rokoko": ({f"{s}{a}": f"{s}{b}" for s in ("Left", "Right") for a, b in (("UpLeg", "Thigh"), ("Leg", "Shin"))}, ""),
    "poser": ({f"{s}{a}": f"{s[0].lower()}{b}" for s in ("Left", "Right") for a, b in (("Arm", "Shldr"), ("ForeArm", "ForeArm"), ("Hand", "Hand"), ("UpLeg", "Thigh"), ("Leg", "Shin"), ("Foot", "Foot"))}, ""),
    "biped": ({f"{s}{a}": f"{s[0]} {b}" for s in ("Left", "Right") for a, b in (("Arm", "UpperArm"), ("ForeArm", "Forearm"), ("Hand", "Hand"), ("UpLeg", "Thigh"), ("Leg", "Calf"), ("Foot", "Foot"))}, "Bip01 "),
    "unreal": ({f"{s}{a}": f"{b}_{s[0].lower()}" for s in ("Left", "Right") for a, b in (("Arm", "upperarm"), ("ForeArm", "lowerarm"), ("Hand", "hand"), ("UpLeg", "thigh"), ("Leg", "calf"), ("Foot", "foot"))}, ""),
    "cmu": ({f"{s}{a}": f"{s[0].lower()}{b}" for s in ("Left", "Right") for a, b in (("Arm", "humerus"), ("ForeArm", "radius"), ("Hand", "wrist"), ("UpLeg", "femur"), ("Leg", "tibia"), ("Foot", "foot"))}, ""),
    "xsens": ({f"{s}{a}": f"{s}{b}" for s in ("Left", "Right") for a, b in (("Arm", "Shoulder"), ("ForeArm", "Elbow"), ("Hand", "Wrist"), ("UpLeg", "Hip"), ("Leg", "Knee"), ("Foot", "Ankle"))}, ""),
    "mhr": ({f"{s}{a}": f"{s[0].lower()}_{b}" for s in ("Left", "Right") for a, b in (("Arm", "uparm"), ("ForeArm", "lowarm"), ("Hand", "wrist"), ("UpLeg", "upleg"), ("Leg", "lowleg"), ("Foot", "foot"))}, ""),
    "kinect": ({f"{s}{a}": f"{b}{s}" for s in ("Left", "Right") for a, b in (("Arm", "Shoulder"), ("ForeArm", "Elbow"), ("Hand", "Wrist"), ("UpLeg", "Hip"), ("Leg", "Knee"), ("Foot", "Ankle"))}, ""),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_joints_are_known_by_the_names_of_usual_programs(tmp_path: Path, program: str) -> None:
    rename, prefix = PROGRAMS[program]
    read = read_motion(write_bvh(tmp_path / "a.bvh", rename=rename, prefix=prefix))
    assert set(NAMES) <= set(read.names)
    assert error_share(wrist(read)) < 0.02


def test_two_people_are_not_mixed(tmp_path: Path) -> None:
    _, world = motion()
    both = np.concatenate([np.delete(world, 0, 1), world + np.array([2, 0, 0])], 1)
    names = tuple(f"A:{name}" for name in NAMES[1:]) + tuple(f"B:{name}" for name in NAMES)
    path = write_c3d(tmp_path / "a.c3d", in_file(both, "mm"), names=names)
    with pytest.raises(ConfigError, match="2 subjects: A, B") as caught:
        read_motion(path)
    assert "--subject" in caught.value.fix
    first, second = read_motion(path, subject="A"), read_motion(path, subject="B")
    assert "left_shoulder" not in first.names
    assert float(np.nanmedian(second.position_m[:, 0, 0])) == pytest.approx(2 - 0.19, abs=1e-3)
    with pytest.raises(ConfigError, match="no subject 'C'"):
        read_motion(path, subject="C")


def test_a_map_means_the_marker_that_it_names(tmp_path: Path) -> None:
    _, world = motion()
    extra = np.concatenate([world, world[:, [RIGHT_WRIST]]], 1)
    names = (*(f"B:{name}" for name in NAMES), "ForearmL:left_wrist")
    path = write_c3d(tmp_path / "a.c3d", in_file(extra, "mm"), names=names)
    read = read_motion(path, names={"left_wrist": "ForearmL:left_wrist"}, subject="B")
    np.testing.assert_allclose(
        read.position_m[:, list(read.names).index("left_wrist")], world[:, RIGHT_WRIST], atol=1e-5
    )
    for wrong in ("B:left_wirst", "LWR", ""):
        with pytest.raises(ConfigError, match=r"does not hold|of which there are"):
            read_motion(path, names={"left_wrist": wrong}, subject="B")
    with pytest.raises(ConfigError, match="no landmark 'left_wirst'"):
        read_motion(path, names={"left_wirst": "B:left_wrist"}, subject="B")
    # The same bare name on two subjects is no name.
    with pytest.raises(ConfigError, match="of which there are 2"):
        read_motion(path, names={"left_wrist": "left_wrist"}, subject="B")


@pytest.mark.parametrize("filler", [0.0, 9999999.0, -16512.0, float("nan")])
def test_what_stands_for_not_seen_is_not_a_place(tmp_path: Path, filler: float) -> None:
    # What is left on both sides is long enough for the default method: 1.5 s.
    time_s, world = motion(length_s=4.0)
    lost = slice(150, 250)
    filled = in_file(world, "mm", "y")
    filled[lost, LEFT_WRIST] = filler
    across = in_file(world, "mm")
    across[lost, LEFT_WRIST] = filler
    for path in (write_trc(tmp_path / "a.trc", time_s, filled), write_c3d(tmp_path / "a.c3d", across)):
        imu = wrist(read_motion(path))
        gone = (imu.time_s > 1.53) & (imu.time_s < 2.46)
        assert not imu.signals["left_wrist"].valid[gone].any()
        size = np.linalg.norm(imu.signals["left_wrist"].lin_acc_world_m_s2, axis=1)
        assert np.nanmax(size) < 1.3 * TRUTH_M_S2


@pytest.mark.parametrize("others", [0, 250, 260, 600])
def test_labels_beyond_255_are_found(tmp_path: Path, others: int) -> None:
    _, world = motion(100, 1.5)
    names = (*(f"extra{at}" for at in range(others)), *NAMES)
    many = np.concatenate([np.ones((len(world), others, 3)), in_file(world, "mm")], 1)
    read = read_motion(write_c3d(tmp_path / "a.c3d", many, names=names))
    np.testing.assert_allclose(
        read.position_m[:, list(read.names).index("left_wrist")], world[:, LEFT_WRIST], atol=1e-5
    )


@pytest.mark.parametrize(
    ("rate_hz", "digits"), [(240.0, 3), (180.0, 3), (120.0, 3), (60.0, 3), (120.0, 6), (1000.0, 4), (29.97, 3)]
)
def test_printed_times_are_no_jitter(tmp_path: Path, rate_hz: float, digits: int) -> None:
    time_s, world = motion(rate_hz)
    trc = write_trc(tmp_path / "a.trc", time_s, in_file(world, "mm", "y"), rate_hz=rate_hz, digits=digits)
    csv = write_csv(tmp_path / "a.csv", time_s, world, digits=digits)
    for path in (trc, csv):
        read = read_motion(path)
        np.testing.assert_allclose(read.time_s, time_s, atol=0.51 * 10.0**-digits)
        assert np.ptp(np.diff(read.time_s)) < 1e-9
        assert error_share(wrist(read)) < 0.02


def test_times_rounded_to_more_than_a_frame_follow_from_the_stated_rate(tmp_path: Path) -> None:
    time_s, world = motion(120.0)
    read = read_motion(write_trc(tmp_path / "a.trc", time_s, in_file(world, "mm", "y"), rate_hz=120.0, digits=2))
    assert read.notes["times"] == "fitted to an even rate"
    assert error_share(wrist(read)) < 0.02


def test_uneven_times_stay_as_they_are(tmp_path: Path) -> None:
    time_s, world = motion()
    keep = np.random.default_rng(0).random(len(time_s)) > 0.2
    read = read_motion(write_csv(tmp_path / "a.csv", time_s[keep], world[keep]))
    np.testing.assert_allclose(read.time_s, time_s[keep], atol=1e-6)
    assert read.notes["times"] == "as written"


BAD_TIMES = {
    "double": (lambda t: np.insert(t, 10, t[10])[:-1], "do not rise"),
    "backwards": (lambda t: np.where(np.arange(len(t)) == 20, t - 1, t), "do not rise"),
    "milliseconds": (lambda t: t * 1000, "a frame every 10 s"),
    "lost": (lambda t: np.where(np.arange(len(t)) == 20, np.nan, t), "do not rise|no time"),
}


@pytest.mark.parametrize("kind", BAD_TIMES)
def test_times_that_are_none_are_refused_everywhere(tmp_path: Path, kind: str) -> None:
    spoil, words = BAD_TIMES[kind]
    time_s, world = motion()
    if kind != "lost":
        with pytest.raises(ConfigError, match=words) as caught:
            read_motion(write_csv(tmp_path / "a.csv", spoil(time_s), world))
        assert caught.value.fix
    with pytest.raises(ConfigError, match=r"rise|apart"):
        Trajectories(spoil(time_s), NAMES, world)


def test_trajectories_say_which_shape_does_not_fit() -> None:
    time_s, world = motion()
    with pytest.raises(ConfigError, match="do not fit positions"):
        Trajectories(time_s, NAMES[1:], world)
    with pytest.raises(ConfigError, match="do not fit positions"):
        Trajectories(time_s, NAMES, world.transpose(1, 0, 2))
    with pytest.raises(ConfigError, match="weight"):
        Trajectories(time_s, NAMES, world, np.ones(3))
    # A weight is what nobody has.
    assert error_share(wrist(Trajectories(time_s, NAMES, world))) < 0.02


def test_opensims_gait_markers_give_sensors(tmp_path: Path) -> None:
    names = [
        f"{side}.{part}"
        for side in "RL"
        for part in (
            "Acromium",
            "Elbow.Lat",
            "Wrist.Lat",
            "Wrist.Med",
            "ASIS",
            "Knee.Lat",
            "Ankle.Lat",
            "Heel",
            "Toe.Tip",
        )
    ]
    time_s, world = motion()
    where = {
        "Acromium": "shoulder",
        "Elbow.Lat": "elbow",
        "Wrist.Lat": "wrist",
        "Wrist.Med": "wrist",
        "ASIS": "hip",
        "Knee.Lat": "knee",
    }
    columns = [NAMES.index(f"{'left' if name[0] == 'L' else 'right'}_{where.get(name[2:], 'ankle')}") for name in names]
    position = np.concatenate([world[:, columns], world[:, [NAMES.index("left_hip")]]], 1)
    path = write_trc(tmp_path / "a.trc", time_s, in_file(position, "mm", "y"), names=(*names, "V.Sacral"))
    read = read_motion(path)
    assert {"left_shoulder", "left_wrist", "left_hip", "left_ankle"} <= set(read.names)
    assert error_share(wrist(read)) < 0.02
