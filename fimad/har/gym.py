"""Sets of exercises in a gym: MM-Fit, MyoGym, RecoFit."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fimad.har.form import About, HarDataset, Recording, Samples
from fimad.har.reading import DEG_RAD, G_M_S2, Numbers, code, files_of, malformed, mat, numbers, samples, stretches
from fimad.labels import load_mapping

MMFIT = About(
    title="MM-Fit",
    where="https://mmfit.github.io",
    licence="see its page (its code is MIT)",
    citation="Strömbäck, Huang, Radu: MM-Fit, IMWUT 4(4), 2020, doi:10.1145/3432701",
    files="w<NN>/w<NN>_sw_l_acc.npy, ..._gyr.npy (rows frame, ms, x, y, z) and w<NN>_labels.csv (first frame, last frame, repetitions, class)",
    rate_hz=100.0,
    classes=tuple(load_mapping("mm-fit").classes),
    placements=("left_wrist", "right_wrist", "left_thigh", "right_thigh"),
    null="non_activity",
    unit="workout",
    traps=(
        "m/s² and rad/s as they are; accelerometer and gyroscope have clocks of their own and are put on one grid of 100 Hz",
        "where a clock stops for more than 1 s, a recording ends: nothing is interpolated over a gap",
        "the files do not say which of the 10 persons did a workout: `person` is the workout. Only the split unseen_test has"
        " persons that no other split has",
        "frames between labels are non_activity; the phones in the pockets are called left_thigh and right_thigh",
    ),
    mapping="mm-fit",
    splits={
        "train": tuple(["w01", "w02", "w03", "w04", "w06", "w07", "w08", "w16", "w17", "w18"]),
        "val": ("w14", "w15", "w19"),
        "test": ("w09", "w10", "w11"),
        "unseen_test": ("w00", "w05", "w12", "w13", "w20"),
    },
    split_source="its authors' training script",
)

MYOGYM = About(
    title="MyoGym",
    where="its authors at the University of Oulu (MyoGym.mat)",
    licence="see its page",
    citation="Koskimäki, Siirtola, Röning: MyoGym, UbiComp/ISWC Adjunct 2017, doi:10.1145/3123024.3124400",
    files="MyoGym.mat with raw_data (n, 17) and raw_data_labels (n, 2): class and person",
    rate_hz=50.0,
    classes=tuple(load_mapping("myogym").classes),
    placements=("right_forearm",),
    null="NULL",
    traps=(
        "columns 10-12 are g, 14-16 deg/s, turned to m/s² and rad/s; the muscle signals are left out",
        "class 99 is NULL: what is kept around sets, not whole sessions. A recording ends where the sensor's clock jumps by"
        " more than the span of 50 samples, or goes back",
    ),
    mapping="myogym",
)

_RECOFIT_MAP = load_mapping("recofit")
#: What is no motion of a person that could be told, and what is NULL under another name.
_JUNK = frozenset(
    (
        "Arm Band Adjustment", "Arm straight up", "Invalid", "Note", "Tap IMU Device", "Tap Left Device", "Tap Right Device",
        "Unlisted Exercise",
    )
)  # fmt: skip
_NULLS = frozenset(("<Initial Activity>", "Device on Table", "Rest", "Walk"))

RECOFIT = About(
    title="RecoFit",
    where="https://github.com/microsoft/Exercise-Recognition-from-Wearable-Sensors",
    licence="CDLA-Permissive-2.0",
    citation="Morris, Saponas, Guillory, Kelner: RecoFit, CHI 2014, doi:10.1145/2556288.2557116",
    files="exercise_data.50.0000_singleonly.mat or ..._multionly.mat with subject_data",
    rate_hz=50.0,
    classes=tuple(name for name in _RECOFIT_MAP.classes if name not in _JUNK | _NULLS),
    placements=("right_forearm",),
    null="Non-Exercise",
    traps=(
        "g and deg/s, turned to m/s² and rad/s; a row of subject_data is a person",
        "Rest, Walk, Device on Table and <Initial Activity> are Non-Exercise; notes, taps, invalid and unlisted ones are left out",
        "singleonly holds exercises only, multionly whole visits with pauses: a folder with both is read as singleonly",
        "the left-hand names mean exercises of the left arm: the sensor stays on the right",
    ),
    mapping="recofit",
)

_MMFIT_SENSORS = {"sw_l": "left_wrist", "sw_r": "right_wrist", "sp_l": "left_thigh", "sp_r": "right_thigh"}
_WORKOUT = re.compile(r"(w[0-9]{2})_labels\.csv")
#: A clock that stops for longer ends a recording.
_GAP_S = 1.0


def mmfit(path: Path) -> HarDataset:
    """MM-Fit: the folder `mm-fit` with the workouts w00 to w20."""
    recordings: list[Recording] = []
    left_out: list[str] = []
    for file in files_of(path, ["w[0-9][0-9]_labels.csv"], MMFIT.files):
        workout = file.name[:3]
        sets = _mmfit_sets(file)
        for sensor, placement in _MMFIT_SENSORS.items():
            acc, gyr = (file.with_name(f"{workout}_{sensor}_{kind}.npy") for kind in ("acc", "gyr"))
            if not acc.is_file() or not gyr.is_file():
                left_out.append(f"{workout}: no {sensor} accelerometer and gyroscope")
                continue
            for begin, frames, x in _one_clock(_mmfit_rows(acc), _mmfit_rows(gyr)):
                labels = np.zeros(len(frames), np.int64)
                for first, last, label in sets:
                    labels[(frames >= first) & (frames <= last)] = MMFIT.classes.index(label) + 1
                for start, end in stretches(labels):
                    label = MMFIT.classes[labels[start] - 1] if labels[start] else MMFIT.null
                    session = f"{workout}/{sensor}/{begin + start}"
                    recordings.append(Recording(x[start:end], label, workout, placement, session))
    return HarDataset("mm-fit", MMFIT, tuple(recordings), tuple(left_out))


def _mmfit_sets(file: Path) -> list[tuple[int, int, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            sets = [(int(row[0]), int(row[1]), row[3].strip()) for row in csv.reader(lines) if row]
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise malformed(
            file, f"a row is not first frame, last frame, repetitions, class ({error})", MMFIT.files
        ) from error
    if not sets:
        raise malformed(file, "no set in it", MMFIT.files)
    for first, last, label in sets:
        if label not in MMFIT.classes or last < first:
            raise malformed(file, f"frames {first} to {last} of class {label!r}", MMFIT.files)
    return sets


def _mmfit_rows(file: Path) -> Numbers:
    try:
        read = np.load(file, allow_pickle=False)
    except Exception as error:  # what a damaged file makes NumPy raise is not documented
        raise malformed(file, f"it is no plain NPY array ({error or type(error).__name__})", MMFIT.files) from error
    rows = numbers(read, 5, file, MMFIT.files)
    return rows[np.argsort(rows[:, 1], kind="stable")]


def _one_clock(acc: Numbers, gyr: Numbers) -> Iterator[tuple[int, npt.NDArray[np.float64], Samples]]:
    """Both sensors on one grid of `MMFIT.rate_hz` between gaps: its start in samples, the frames, and x (t, 6)."""
    period_ms = 1000 / MMFIT.rate_hz
    origin_ms = acc[0, 1]
    for a, b in stretches(np.zeros(len(acc)), np.diff(acc[:, 1], prepend=acc[0, 1]) > _GAP_S * 1000):
        start_ms, end_ms = max(acc[a, 1], gyr[0, 1]), min(acc[b - 1, 1], gyr[-1, 1])
        if end_ms - start_ms < 2 * period_ms:
            continue
        begin = int(np.ceil((start_ms - origin_ms) / period_ms))
        grid = origin_ms + period_ms * np.arange(begin, int((end_ms - origin_ms) / period_ms) + 1)
        columns = [np.interp(grid, rows[:, 1], rows[:, i]) for rows in (acc[a:b], gyr) for i in (2, 3, 4)]
        # Between two rows a sample belongs to the earlier frame.
        frames = acc[a:b, 0][np.searchsorted(acc[a:b, 1], grid, side="right") - 1]
        x = np.stack(columns, axis=1).astype(np.float32)
        hole = np.diff(gyr[:, 1]) > _GAP_S * 1000
        within = np.zeros(len(grid), bool)
        for gone in np.flatnonzero(hole):
            within |= (grid > gyr[gone, 1]) & (grid < gyr[gone + 1, 1])
        for start, end in stretches(within):
            if not within[start]:
                yield begin + start, frames[start:end], x[start:end]


def myogym(path: Path) -> HarDataset:
    """MyoGym: `MyoGym.mat` or its folder."""
    file = files_of(path, ["MyoGym.mat"], MYOGYM.files)[0] if path.is_dir() else path
    read = mat(file, ["raw_data", "raw_data_labels"], MYOGYM.files)
    raw = numbers(read["raw_data"], 17, file, MYOGYM.files)
    labels = numbers(read["raw_data_labels"], 2, file, MYOGYM.files, least=2)[:, :2]
    if len(raw) != len(labels):
        raise malformed(file, f"{len(raw)} rows of data and {len(labels)} of labels", MYOGYM.files)
    names = {number: name for number, name in enumerate(MYOGYM.classes[:-1], 1)} | {0: MYOGYM.null, 99: MYOGYM.null}
    clock = raw[:, 9]
    span = min(50, len(clock) - 1)
    step = np.diff(clock, prepend=clock[0])
    # The clock's unit is not published: 50 samples are a second in whatever unit it is.
    jumps = (step < 0) | (step > max(float(np.median(clock[span:] - clock[:-span])), 0) * 50 / span)
    x = samples(raw[:, 10:13] * G_M_S2, raw[:, 14:17] * DEG_RAD)
    person = labels[:, 1]
    breaks = jumps | (np.diff(person, prepend=person[0]) != 0)
    recordings = []
    for start, end in stretches(labels[:, 0], breaks):
        label = code(names, labels[start, 0], file, MYOGYM.files)
        recordings.append(Recording(x[start:end], label, f"{person[start]:g}", "right_forearm", str(start)))
    return HarDataset("myogym", MYOGYM, tuple(recordings))


def recofit(path: Path) -> HarDataset:
    """RecoFit: one of its two MAT files, or the folder that holds them."""
    patterns = ["exercise_data.50.0000_singleonly.mat", "exercise_data.50.0000_multionly.mat"]
    file = files_of(path, patterns, RECOFIT.files)[-1] if path.is_dir() else path
    cells = mat(file, ["subject_data"], RECOFIT.files)["subject_data"]
    if cells.dtype != object or cells.ndim != 2:
        raise malformed(file, f"subject_data is {cells.dtype} of shape {cells.shape}, not cells", RECOFIT.files)
    recordings: list[Recording] = []
    junk: Counter[str] = Counter()
    for row, column in np.ndindex(cells.shape):
        cell = cells[row, column]
        if cell.size == 0:
            continue
        if cell.dtype.names is None or "data" not in cell.dtype.names:
            raise malformed(file, f"cell {row + 1}, {column + 1} holds no recordings", RECOFIT.files)
        for visit, record in enumerate(cell.ravel()):
            t_s, x = _recofit_samples(record, file)
            for part, (label, start, end) in enumerate(_recofit_sets(record, t_s, file)):
                if label in _JUNK:
                    junk[label] += 1
                    continue
                label = RECOFIT.null if label in _NULLS else label
                if label not in RECOFIT.classes:
                    raise malformed(file, f"activity {label!r}", RECOFIT.files)
                if end - start >= 2:
                    session = f"{row + 1}/{column + 1}/{visit}/{part}"
                    recordings.append(Recording(x[start:end], label, str(row + 1), "right_forearm", session))
    left_out = tuple(f"{count} of {label!r}: no exercise, and no rest either" for label, count in sorted(junk.items()))
    return HarDataset("recofit", RECOFIT, tuple(recordings), left_out)


def _recofit_samples(record: Any, file: Path) -> tuple[npt.NDArray[np.float64], Samples]:
    try:
        data = record["data"].ravel()[0]
        acc, gyr = (data[name] for name in ("accelDataMatrix", "gyroDataMatrix"))
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise malformed(file, f"a recording without its matrices ({error})", RECOFIT.files) from error
    acc, gyr = numbers(acc, 4, file, RECOFIT.files), numbers(gyr, 4, file, RECOFIT.files)
    turned = gyr[:, 1:]
    if len(gyr) != len(acc) or not np.array_equal(gyr[:, 0], acc[:, 0]):
        turned = np.stack([np.interp(acc[:, 0], gyr[:, 0], gyr[:, axis]) for axis in (1, 2, 3)], axis=1)
    return acc[:, 0], samples(acc[:, 1:] * G_M_S2, turned * DEG_RAD)


def _recofit_sets(record: Any, t_s: npt.NDArray[np.float64], file: Path) -> list[tuple[str, int, int]]:
    """Class, first sample and end of what a recording holds: all of it, or the rows of its activityStartMatrix."""
    try:
        if "activityStartMatrix" not in record.dtype.names:
            return [(str(record["activityName"].ravel()[0]), 0, len(t_s))]
        rows = record["activityStartMatrix"]
        return [
            (
                str(row[0].ravel()[0]),
                *np.searchsorted(t_s, [float(row[1].ravel()[0]), float(row[2].ravel()[0])]).tolist(),
            )
            for row in rows
        ]
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise malformed(file, f"a recording that does not say what it is ({error})", RECOFIT.files) from error
