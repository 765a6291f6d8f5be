"""Sets of several sensors on one body: MHEALTH, DSADS, UTD-MHAD, Berkeley MHAD, physical therapy exercises (PTE)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fimad.har.form import About, HarDataset, Recording
from fimad.har.reading import (
    DEG_RAD,
    G_M_S2,
    Numbers,
    code,
    files_of,
    header_of,
    malformed,
    mat,
    npz,
    numbers,
    samples,
    stretches,
    table,
)
from fimad.labels import load_mapping

MHEALTH = About(
    title="MHEALTH",
    where="UCI Machine Learning Repository, data set 319, doi:10.24432/C5TW22",
    licence="CC BY 4.0",
    citation="Banos et al.: mHealthDroid, IWAAL 2014, doi:10.1007/978-3-319-13105-4_14",
    files="mHealth_subject<person>.log, 24 columns of numbers, the last one the class",
    rate_hz=50.0,
    classes=tuple(load_mapping("mhealth").classes),
    placements=("chest", "left_ankle", "right_wrist"),
    null="Nothing",
    traps=(
        "acceleration is in m/s², angular rate in deg/s by the README, turned to rad/s; the chest has no gyroscope",
        "class 0 is everything between the exercises: `windows` leaves it out unless asked",
        "the sensor on the right lower arm is called right_wrist",
    ),
    mapping="mhealth",
    splits={"train": tuple(["2", "4", "5", "7", "8", "9", "10"]), "test": ("1", "3", "6")},
    split_source="not its authors'; that of a later work on the same kind of model",
)

DSADS = About(
    title="DSADS",
    where="UCI Machine Learning Repository, data set 256 (Daily and Sports Activities), doi:10.24432/C5C59F",
    licence="CC BY 4.0",
    citation="Barshan, Yuksek: Recognizing Daily and Sports Activities, The Computer Journal 57(11), 2014, doi:10.1093/comjnl/bxt075",
    files="data/a<activity>/p<person>/s<segment>.txt, 125 rows of 45 numbers with commas",
    rate_hz=25.0,
    classes=tuple(load_mapping("dsads").classes),
    placements=("chest", "right_wrist", "left_wrist", "right_knee", "left_knee"),
    traps=(
        "m/s² and rad/s as they are",
        "the 60 segments of 5 s are one recording of 5 min that was cut: consecutive ones are joined again",
        "each person did an activity once: never split by segments",
    ),
    mapping="dsads",
)

UTD_MHAD = About(
    title="UTD-MHAD",
    where="https://personal.utdallas.edu/~kehtar/UTD-MHAD.html (Inertial.zip)",
    licence="see its page",
    citation="Chen, Jafari, Kehtarnavaz: UTD-MHAD, ICIP 2015, doi:10.1109/ICIP.2015.7350781",
    files="Inertial/a<action>_s<person>_t<trial>_inertial.mat with d_iner (n, 6)",
    rate_hz=50.0,
    classes=tuple(load_mapping("utd-mhad").classes),
    placements=("right_wrist", "right_thigh"),
    traps=(
        "g and deg/s, turned to m/s² and rad/s",
        "actions 1 to 21 have the sensor on the right wrist, 22 to 27 on the right thigh: one placement has one group of classes",
        "the skeleton is not 30 Hz: `skeleton_rate_hz` gives 50 · N_skeleton / N_inertial, about 19 Hz",
        "recordings last 2 to 6 s: ask for short windows, or for short='pad'",
    ),
    mapping="utd-mhad",
    splits={"train": ("1", "3", "5", "7"), "test": ("2", "4", "6", "8")},
    split_source="its authors' (odd persons train, even persons test)",
)

PTE = About(
    title="PTE",
    where="UCI Machine Learning Repository (Physical Therapy Exercises), doi:10.24432/C5JK60",
    licence="CC BY 4.0",
    citation="Yurtman, Barshan: Automated evaluation of physical therapy exercises using multi-template dynamic time warping, CMPB 117(2), 2014",
    files="s<person>/e<exercise>/u<unit>/test.txt and template_session.txt, columns with semicolons",
    rate_hz=25.0,
    classes=tuple(f"exercise {number}" for number in range(1, 9)),
    placements=tuple(f"unit_{number}" for number in range(1, 6)),
    traps=(
        "m/s² and rad/s as they are; the magnetometer is left out",
        "sensor sites differ between leg and arm exercises, so that a unit is no one place: compare within such a group",
        "a session is labelled whole: it holds pauses, and correct, fast and small executions",
        "5 persons: intervals over persons are wide",
    ),
)

BERKELEY = About(
    title="Berkeley MHAD",
    where="https://tele-immersion.citris-uc.org/berkeley_mhad (Accelerometer)",
    licence="see its page",
    citation="Ofli, Chaudhry, Kurillo, Vidal, Bajcsy: Berkeley MHAD, WACV 2013, doi:10.1109/WACV.2013.6474999",
    files="Accelerometer/Shimmer<HH>/acc_h<HH>_s<person>_a<action>_r<repetition>.txt, rows x y z time",
    rate_hz=30.0,
    classes=tuple(load_mapping("berkeley-mhad").classes),
    placements=("left_wrist", "right_wrist", "left_hip", "right_hip", "left_ankle", "right_ankle"),
    traps=(
        "no gyroscope; the unit is told by gravity: a set whose median magnitude is near 1 is in g, near 9.81 in m/s²,"
        " and anything else is refused",
        "the form is known from programs that read it: 4 columns, of which the last, the time, is not used; 30 Hz",
        "sensors 1 to 6 are left and right wrist, hip, ankle as later papers name them (A1 left wrist, A4 right hip): the files"
        " themselves do not say",
        "sensors of one recording differ by some samples: the longest common start is kept",
        "repetition 5 of action 8 by person 4 is missing in the set itself",
    ),
    mapping="berkeley-mhad",
    splits={"train": tuple(map(str, range(1, 8))), "test": tuple(map(str, range(8, 13)))},
    split_source="its authors' (the first 7 persons train)",
)

_BERKELEY = re.compile(r"acc_h0([1-6])_s([0-9]{2})_a([0-9]{2})_r([0-9]{2})\.txt")
_UTD = re.compile(r"a([0-9]{1,2})_s([0-9]{1,2})_t([0-9]{1,2})_inertial\.mat")
_MHEALTH = re.compile(r"mHealth_subject([0-9]{1,3})\.log")
_PTE = re.compile(r"s([0-9])_e([0-9])_u([0-9])_(test|tmpl)")


def mhealth(path: Path) -> HarDataset:
    """MHEALTH: the folder with `mHealth_subject1.log` and so on."""
    names = dict(enumerate(MHEALTH.classes))
    sensors = {"chest": (0, None), "left_ankle": (5, 8), "right_wrist": (14, 17)}
    recordings = []
    for file in files_of(path, ["mHealth_subject*.log"], MHEALTH.files):
        person = _MHEALTH.fullmatch(file.name)
        if person is None:
            raise malformed(file, "the name says no person", MHEALTH.files)
        values = table(file, 24, MHEALTH.files)
        for start, end in stretches(values[:, 23]):
            label = code(names, values[start, 23], file, MHEALTH.files)
            for placement, (acc, gyr) in sensors.items():
                rate = None if gyr is None else values[start:end, gyr : gyr + 3] * DEG_RAD
                x = samples(values[start:end, acc : acc + 3], rate)
                recordings.append(Recording(x, label, person[1], placement, f"{person[1]}/{start}"))
    return HarDataset("mhealth", MHEALTH, tuple(recordings))


def dsads(path: Path) -> HarDataset:
    """DSADS: the folder in its publisher's form, or an NPZ of the same segments (`acc`, `gyr_RA_RL`, `units`, `act`,
    `sub`, `seg`), which lacks the left side and the gyroscope of the torso."""
    return HarDataset("dsads", DSADS, tuple(_dsads_npz(path) if path.suffix == ".npz" else _dsads_txt(path)))


def _dsads_txt(path: Path) -> list[Recording]:
    segments: dict[tuple[int, int], dict[int, Numbers]] = {}
    for file in files_of(path, ["a[0-9][0-9]/p[0-9]/s[0-9][0-9].txt"], DSADS.files):
        activity, person, segment = (int(part[1:]) for part in (*file.parts[-3:-1], file.stem))
        code(dict(enumerate(DSADS.classes, 1)), activity, file, DSADS.files)
        segments.setdefault((activity, person), {})[segment] = table(file, 45, DSADS.files, delimiter=",")
    recordings = []
    for (activity, person), parts in sorted(segments.items()):
        for first, run in _joined(parts):
            for place, placement in enumerate(DSADS.placements):
                at = 9 * place
                x = samples(run[:, at : at + 3], run[:, at + 3 : at + 6])
                recordings.append(
                    Recording(x, DSADS.classes[activity - 1], str(person), placement, f"{activity}/{person}/{first}")
                )
    return recordings


def _joined(parts: dict[int, Numbers]) -> list[tuple[int, Numbers]]:
    """Consecutive segments as one array each, with the number of the first."""
    order = np.array(sorted(parts))
    runs = stretches(order - np.arange(len(order)))
    return [(int(order[a]), np.concatenate([parts[int(n)] for n in order[a:b]])) for a, b in runs]


def _dsads_npz(path: Path) -> list[Recording]:
    form = "arrays acc (n, 125, 3, 3), gyr_RA_RL (n, 125, 2, 3), units, act, sub, seg"
    read = npz(path, ("acc", "gyr_RA_RL", "units", "act", "sub", "seg"), form)
    acc, gyr, units = read["acc"], read["gyr_RA_RL"], [str(unit) for unit in read["units"]]
    where = {"T": "chest", "RA": "right_wrist", "RL": "right_knee"}
    if (
        acc.ndim != 4
        or gyr.shape[:2] != acc.shape[:2]
        or sorted(units) != sorted(where)
        or len(read["act"]) != len(acc)
    ):
        raise malformed(path, f"arrays of shape {acc.shape} and {gyr.shape}, units {units}", form)
    recordings = []
    for activity, person in sorted(set(zip(read["act"].tolist(), read["sub"].tolist(), strict=True))):
        label = code(dict(enumerate(DSADS.classes, 1)), activity, path, form)
        rows = np.flatnonzero((read["act"] == activity) & (read["sub"] == person))
        for place, unit in enumerate(units):
            parts = {int(read["seg"][row]): acc[row, :, place].astype(np.float64) for row in rows}
            if unit != "T":
                turn = ("RA", "RL").index(unit)
                parts = {
                    int(read["seg"][row]): np.concatenate([parts[int(read["seg"][row])], gyr[row, :, turn]], axis=1)
                    for row in rows
                }
            for first, run in _joined(parts):
                x = run.astype(np.float32)
                recordings.append(Recording(x, label, str(person), where[unit], f"{activity}/{person}/{first}"))
    return recordings


def utd_mhad(path: Path) -> HarDataset:
    """UTD-MHAD: the folder `Inertial`, or the one above it."""
    names = dict(enumerate(UTD_MHAD.classes, 1))
    recordings = []
    for file in files_of(path, ["a*_s*_t*_inertial.mat"], UTD_MHAD.files):
        named = _UTD.fullmatch(file.name)
        if named is None:
            raise malformed(file, "the name says no action, person and trial", UTD_MHAD.files)
        values = numbers(mat(file, ["d_iner"], UTD_MHAD.files)["d_iner"], 6, file, UTD_MHAD.files)
        label = code(names, int(named[1]), file, UTD_MHAD.files)
        placement = "right_wrist" if int(named[1]) <= 21 else "right_thigh"
        x = samples(values[:, :3] * G_M_S2, values[:, 3:] * DEG_RAD)
        recordings.append(Recording(x, label, str(int(named[2])), placement, f"{named[2]}/a{named[1]}_t{named[3]}"))
    return HarDataset("utd-mhad", UTD_MHAD, tuple(recordings))


def skeleton_rate_hz(n_skeleton: int, n_inertial: int) -> float:
    """Frames a second of the skeleton that UTD-MHAD recorded along with `n_inertial` samples: not the 30 of its paper.

    >>> round(skeleton_rate_hz(73, 192), 1)
    19.0
    """
    return UTD_MHAD.rate_hz * n_skeleton / n_inertial


def pte(path: Path) -> HarDataset:
    """PTE: the folder that holds `s1` to `s5`, or an NPZ of the arrays `s1_e1_u1_test` (n, 6) and so on."""
    recordings = []
    lengths: dict[str, int] = {}
    for person, exercise, unit, kind, values, file in _pte_npz(path) if path.suffix == ".npz" else _pte_txt(path):
        label = code(dict(enumerate(PTE.classes, 1)), exercise, file, PTE.files)
        session = f"{person}/e{exercise}/{kind}"
        if unit not in range(1, 6) or lengths.setdefault(session, len(values)) != len(values):
            raise malformed(
                file, f"unit {unit} with {len(values)} samples, {lengths.get(session)} elsewhere", PTE.files
            )
        x = samples(values[:, :3], values[:, 3:6])
        recordings.append(Recording(x, label, str(person), f"unit_{unit}", session))
    return HarDataset("pte", PTE, tuple(recordings))


Session = tuple[int, int, int, str, Numbers, Path]


def _pte_txt(path: Path) -> list[Session]:
    columns = [f"{kind}_{axis}" for kind in ("acc", "gyr") for axis in "xyz"]
    found: list[Session] = []
    patterns = [f"s[0-9]/e[0-9]/u[0-9]/{name}.txt" for name in ("test", "template_session")]
    for file in files_of(path, patterns, PTE.files):
        person, exercise, unit = (int(part[1:]) for part in file.parts[-4:-1])
        header = header_of(file, PTE.files)
        if any(column not in header for column in columns):
            raise malformed(file, f"its columns are {', '.join(header[:12])}", PTE.files)
        values = table(file, len(header), PTE.files, delimiter=";", header=True)
        kind = "test" if file.stem == "test" else "template"
        found.append((person, exercise, unit, kind, values[:, [header.index(column) for column in columns]], file))
    return found


def _pte_npz(path: Path) -> list[Session]:
    found: list[Session] = []
    for name, values in npz(path, (), PTE.files).items():
        named = _PTE.fullmatch(name)
        if named is None:
            raise malformed(path, f"the array {name!r}", PTE.files)
        kind = "test" if named[4] == "test" else "template"
        person, exercise, unit = (int(named[group]) for group in (1, 2, 3))
        found.append((person, exercise, unit, kind, numbers(values, 6, path, PTE.files), path))
    return found


def berkeley_mhad(path: Path) -> HarDataset:
    """Berkeley MHAD: the folder `Accelerometer`, or the one above it."""
    names = dict(enumerate(BERKELEY.classes, 1))
    moments: dict[tuple[int, int, int], dict[int, Numbers]] = {}
    for file in files_of(path, ["acc_h*_s*_a*_r*.txt"], BERKELEY.files):
        named = _BERKELEY.fullmatch(file.name)
        if named is None:
            raise malformed(file, "the name says no sensor, person, action and repetition", BERKELEY.files)
        sensor, person, action, repetition = (int(part) for part in named.groups())
        code(names, action, file, BERKELEY.files)
        moments.setdefault((person, action, repetition), {})[sensor] = table(file, 4, BERKELEY.files)[:, :3]
    magnitude = float(np.median([np.median(np.linalg.norm(x, axis=1)) for at in moments.values() for x in at.values()]))
    scale = next((unit for unit in (1.0, G_M_S2) if abs(magnitude * unit / G_M_S2 - 1) < 0.2), None)
    if scale is None:
        raise malformed(
            path, f"a sensor reads {magnitude:.3g} in the median: neither 1 g nor 9.81 m/s²", BERKELEY.files
        )
    recordings = []
    for (person, action, repetition), at_once in sorted(moments.items()):
        length = min(len(x) for x in at_once.values())
        for sensor, values in sorted(at_once.items()):
            session = f"{person}/a{action}_r{repetition}"
            x = samples(values[:length] * scale)
            recordings.append(Recording(x, names[action], str(person), BERKELEY.placements[sensor - 1], session))
    return HarDataset("berkeley-mhad", BERKELEY, tuple(recordings))
