"""Sets of one phone or watch: MotionSense, SPAR, and a watch in a gym."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fimad.har.form import About, HarDataset, Recording
from fimad.har.reading import G_M_S2, Numbers, files_of, header_of, malformed, npz, samples, table
from fimad.labels import load_mapping

#: Core Motion's gravity points down, so that its sum with the user's acceleration is minus the specific force, in g.
APPLE_M_S2 = -G_M_S2

MOTIONSENSE = About(
    title="MotionSense",
    where="https://github.com/mmalekzadeh/motion-sense (data/A_DeviceMotion_data.zip)",
    licence="MIT (its repository)",
    citation="Malekzadeh, Clegg, Cavallaro, Haddadi: Mobile Sensor Data Anonymization, IoTDI 2019, doi:10.1145/3302505.3310068",
    files="A_DeviceMotion_data/ACT_TRIAL/sub_PERSON.csv, 12 named columns of Core Motion",
    rate_hz=50.0,
    classes=tuple(load_mapping("motionsense").classes),
    placements=("right_thigh",),
    traps=(
        "gravity and userAcceleration are in g and point down at rest; x is minus their sum: specific force in m/s²",
        "person 1's sit_13 repeats sit_5; recordings of a person that are equal sample by sample are read once",
        "the phone is in a front pocket, called right_thigh here; which side is not published",
    ),
    mapping="motionsense",
    splits={
        "train": tuple(["2", "4", "5", "7", "9", "10", "11", "13", "15", "16", "17", "18", "21", "22", "24"]),
        "val": ("3", "8", "12", "20"),
        "test": ("1", "6", "14", "19", "23"),
    },
    split_source="not its authors'; that of a later work on the same kind of model",
)

SPAR = About(
    title="SPAR",
    where="https://github.com/dmbee/SPAR-dataset (csv/)",
    licence="see its repository",
    citation=(
        "Burns, Leung, Hardisty, Whyne, Henry, McLachlin: Shoulder physiotherapy exercise recognition, Physiological"
        " Measurement 39(7), 2018, doi:10.1088/1361-6579/aacfd9"
    ),
    files="csv/S<person>_E<exercise>_<L|R>.csv with the columns ax,ay,az,wx,wy,wz",
    rate_hz=50.0,
    classes=tuple(load_mapping("spar").classes),
    placements=("left_wrist", "right_wrist"),
    traps=(
        "acceleration is in g in Apple's sign, turned to specific force in m/s²; angular rate is in rad/s as it is",
        "left and right were done one after the other: they are two sessions, not one",
        "the binary copy (bin/SPAR.npy) is a pickle and is not read",
    ),
    mapping="spar",
)

GYMWATCH = About(
    title="gym watch",
    where="no publisher's form is documented; an NPZ of the arrays gyro_rads, grav_g and uacc_g with its CSV of sets",
    licence="none stated: not to be passed on",
    citation="",
    files="gymwatch.npz beside gymwatch_sets.csv (columns file, act, start, len, active_i0, active_i1, group)",
    rate_hz=100.0,
    classes=tuple(load_mapping("gymwatch").classes),
    placements=("left_wrist",),
    null="idle",
    unit="day",
    traps=(
        "apparently one person: `person` is the day of the recording, and no result on it is about new people",
        "classes are the 9 groups of the CSV; what lies outside a set's active range is idle",
        "g in Apple's sign, turned to specific force in m/s²",
    ),
    mapping="gymwatch",
)

_ACTIVITY = re.compile(r"(dws|ups|sit|std|wlk|jog)_([0-9]{1,3})")
_PERSON = re.compile(r"sub_([0-9]{1,3})\.csv")
_SPAR = re.compile(r"S([0-9]{1,3})_E([0-9])_([LR])\.csv")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def motionsense(path: Path) -> HarDataset:
    """MotionSense: a folder in its publisher's form, or an NPZ of the same samples (`grav_g`, `uacc_g`, `gyro_rads`,
    `start`, `len`, `sub`, `trial`, `act`)."""
    recordings: list[Recording] = []
    left_out: list[str] = []
    seen: dict[tuple[str, str, bytes], str] = {}
    read = _motionsense_npz(path) if path.suffix == ".npz" else _motionsense_csv(path)
    for person, activity, trial, acc_g, gyr_rad_s in read:
        x = samples(acc_g * APPLE_M_S2, gyr_rad_s)
        session = f"{person}/{activity}_{trial}"
        earlier = seen.setdefault((person, activity, x.tobytes()), session)
        if earlier != session:
            left_out.append(f"{session}: the same samples as {earlier}")
            continue
        recordings.append(Recording(x, activity, person, "right_thigh", session))
    return HarDataset("motionsense", MOTIONSENSE, tuple(recordings), tuple(left_out))


Trial = tuple[str, str, int, Numbers, Numbers]


def _motionsense_csv(path: Path) -> Iterator[Trial]:
    kinds = ("gravity", "userAcceleration", "rotationRate")
    matched = []
    for file in files_of(path, ["sub_*.csv"], MOTIONSENSE.files):
        # The whole archive also holds the raw accelerometer and gyroscope, at other times and without gravity told apart.
        if {"B_Accelerometer_data", "C_Gyroscope_data"} & set(file.relative_to(path).parts):
            continue
        activity, person = _ACTIVITY.fullmatch(file.parent.name), _PERSON.fullmatch(file.name)
        if activity is None or person is None:
            raise malformed(
                file, f"{file.parent.name}/{file.name} names no activity, trial and person", MOTIONSENSE.files
            )
        matched.append((int(person[1]), activity[1], int(activity[2]), file))
    for person_number, name, trial, file in sorted(matched, key=lambda each: each[:3]):
        header = header_of(file, MOTIONSENSE.files)
        columns = [f"{kind}.{axis}" for kind in kinds for axis in "xyz"]
        lacking = [column for column in columns if column not in header]
        if lacking:
            raise malformed(file, f"no column {lacking[0]}", MOTIONSENSE.files)
        values = table(file, len(header), MOTIONSENSE.files, delimiter=",", header=True)
        gravity, user, rate = (values[:, [header.index(f"{kind}.{axis}") for axis in "xyz"]] for kind in kinds)
        yield str(person_number), name, trial, gravity + user, rate


def _motionsense_npz(path: Path) -> Iterator[Trial]:
    names = ("grav_g", "uacc_g", "gyro_rads", "start", "len", "sub", "trial", "act")
    read = npz(path, names, MOTIONSENSE.files)
    order = np.lexsort((read["trial"], read["act"], read["sub"]))
    for i in order:
        part = cut(read, int(read["start"][i]), int(read["len"][i]), path)
        if str(read["act"][i]) not in MOTIONSENSE.classes:
            raise malformed(path, f"activity {str(read['act'][i])!r}", MOTIONSENSE.files)
        yield str(int(read["sub"][i])), str(read["act"][i]), int(read["trial"][i]), *part


def cut(read: dict[str, npt.NDArray[Any]], start: int, length: int, path: Path) -> tuple[Numbers, Numbers]:
    """Acceleration in g with gravity, and angular rate, of one stretch of a repacked Core Motion file."""
    parts = [read[name][start : start + length].astype(np.float64) for name in ("grav_g", "uacc_g", "gyro_rads")]
    if start < 0 or any(part.shape != (length, 3) or not np.isfinite(part).all() for part in parts):
        raise malformed(
            path, f"samples {start} to {start + length} are not there or are no numbers", "start and len of rows"
        )
    return parts[0] + parts[1], parts[2]


def spar(path: Path) -> HarDataset:
    """SPAR: the folder `csv` or the one above it."""
    recordings = []
    for file in files_of(path, ["S*_E*_[LR].csv"], SPAR.files):
        named = _SPAR.fullmatch(file.name)
        if named is None or int(named[2]) >= len(SPAR.classes):
            raise malformed(file, "the name says no person, exercise and side", SPAR.files)
        if header_of(file, SPAR.files) != ["ax", "ay", "az", "wx", "wy", "wz"]:
            raise malformed(file, "the columns are not ax,ay,az,wx,wy,wz", SPAR.files)
        values = table(file, 6, SPAR.files, delimiter=",", header=True)
        x = samples(values[:, :3] * APPLE_M_S2, values[:, 3:])
        side = "left_wrist" if named[3] == "L" else "right_wrist"
        recordings.append(Recording(x, SPAR.classes[int(named[2])], str(int(named[1])), side, file.stem))
    return HarDataset("spar", SPAR, tuple(recordings))


def gymwatch(path: Path) -> HarDataset:
    """The gym watch: `gymwatch.npz`, or the folder that holds it."""
    file = path / "gymwatch.npz" if path.is_dir() else path
    read = npz(file, ("grav_g", "uacc_g", "gyro_rads"), GYMWATCH.files)
    sets = file.with_name("gymwatch_sets.csv")
    try:
        with sets.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise malformed(sets, f"it can't be read ({error})", GYMWATCH.files) from error
    recordings = []
    for row in rows:
        try:
            start, length, first, last = (int(row[name]) for name in ("start", "len", "active_i0", "active_i1"))
            group, day = row["group"], _DAY.findall(row["file"])[0]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise malformed(
                sets, f"a row without start, len, active range, group and day ({error})", GYMWATCH.files
            ) from error
        if group not in GYMWATCH.classes or not 0 <= first < last <= length:
            raise malformed(sets, f"group {group!r}, active {first} to {last} of {length}", GYMWATCH.files)
        acc_g, rate = cut(read, start, length, file)
        x = samples(acc_g * APPLE_M_S2, rate)
        for part, (begin, end) in enumerate(((0, first), (first, last), (last, length))):
            if end > begin:
                label = group if part == 1 else GYMWATCH.null
                recordings.append(Recording(x[begin:end], label, day, "left_wrist", f"{row['file']}#{part}"))
    return HarDataset("gymwatch", GYMWATCH, tuple(recordings))
