"""What a virtual IMU is worth in training, without a network: `python -m benchmarks.transfer --data FOLDER --json FILE`.

UTD-MHAD's skeletons against its real sensor on the right wrist (actions 1-21), persons 1-5, each of them tested once with a classifier that was trained
on the four others: on their real readings, on virtual ones (the skeletons at five speeds), or on both. Features are statistics and course of the magnitude of specific force
over a whole recording, the classifier is ExtraTrees, the same for all. A skeleton of 19 frames/s holds nothing above 9.5 Hz, so everything, the tested readings included, is
also compared below 7 and below 5 Hz. "one speed" is without that augmentation; "calibrated" maps virtual readings to the distribution of the trained persons' real ones, without
labels (`fimad.simulate.devices.calibration`).

`benchmarks.transfer_real` is about pretraining, `benchmarks.transfer_space` about the joint space; `--page` writes the tables of all three.

Persons are the unit: macro F1 of each, mean over seeds, 95 % percentile intervals over persons drawn anew. With five persons such an interval is too narrow.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.signal import butter, savgol_filter, sosfiltfilt
from sklearn.ensemble import ExtraTreesClassifier

from fimad.mujo.finetuning import draw_labels
from fimad.mujo.scores import by_person, over_persons
from fimad.simulate import GRAVITY_M_S2, simulate_imu
from fimad.simulate.devices.calibration import fit_map
from recipes.virtual_motion import utd_trajectories, varied

RATE_HZ = 50.0
WRIST_ACTIONS = range(1, 22)
G_M_S2 = 9.80665
AGAINST = "10 % of real"


def statistics(x: np.ndarray) -> np.ndarray:
    """(n, c, t) windows as (n, f): moments, quantiles, roughness, and the spectrum's lower bands, of each channel."""
    spectrum = np.abs(np.fft.rfft(x - x.mean(2, keepdims=True), axis=2))[:, :, 1:13]
    quantiles = np.quantile(x, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1], axis=2).transpose(1, 2, 0)
    parts = [
        x.mean(2, keepdims=True),
        x.std(2, keepdims=True),
        np.abs(np.diff(x, axis=2)).mean(2, keepdims=True),
        quantiles,
        spectrum,
    ]
    return np.concatenate(parts, axis=2).reshape(len(x), -1)


def trees(seed: int) -> ExtraTreesClassifier:
    return ExtraTreesClassifier(200, random_state=seed, n_jobs=1)


def gesture(magnitude: np.ndarray, band_hz: float) -> np.ndarray:
    """A whole recording (t,) at RATE_HZ as (f,): its statistics, its course at 16 moments, its length; below `band_hz`, if that is above 0."""
    if band_hz:
        magnitude = sosfiltfilt(butter(2, band_hz, fs=RATE_HZ, output="sos"), magnitude)
    moments = np.linspace(0, len(magnitude) - 1, 16)
    course = np.interp(moments, np.arange(len(magnitude)), magnitude)
    spectrum = np.abs(np.fft.rfft(magnitude - magnitude.mean(), 512))[1:48:2] / len(magnitude)
    quantiles = np.quantile(magnitude, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
    roughness = np.abs(np.diff(magnitude)).mean()
    return np.concatenate(
        [[magnitude.mean(), magnitude.std(), roughness], quantiles, spectrum, course, [len(magnitude) / RATE_HZ]]
    )


def savitzky_golay(skeleton: Path, inertial: Path, speed: float) -> np.ndarray:
    """What most people write: the second derivative by Savitzky-Golay, 9 frames, 3rd order, and gravity."""
    tracks = varied(utd_trajectories(skeleton, inertial), speed, False, 1.0)
    rate_hz = 1 / np.median(np.diff(tracks.time_s))
    wrist = tracks.position_m[:, tracks.names.index("right_wrist")]
    acceleration = savgol_filter(wrist, min(9, len(wrist) // 2 * 2 - 1), 3, deriv=2, delta=1 / rate_hz, axis=0)
    magnitude = np.linalg.norm(acceleration - GRAVITY_M_S2, axis=1)
    clock_s = np.arange(0, tracks.time_s[-1], 1 / RATE_HZ)
    return np.interp(clock_s, tracks.time_s, magnitude)


def ours(skeleton: Path, inertial: Path, speed: float) -> np.ndarray:
    """`simulate_imu`."""
    tracks = varied(utd_trajectories(skeleton, inertial), speed, False, 1.0)
    signal = simulate_imu(tracks, placements=["right_wrist"], rate_hz=RATE_HZ).signals["right_wrist"]
    return np.linalg.norm(signal.acc_m_s2[signal.valid], axis=1)


def virtual_to_real(
    folder: Path, seeds: int, speeds: tuple[float, ...], bands_hz: tuple[float, ...], only: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Persons 1-5 in turn: macro F1 on their real recordings, by what was trained on, for each band that all are brought to.

    `only` : methods to measure beside what they are compared with; all by default.
    """
    made: list[tuple[int, str, dict[str, list[np.ndarray]]]] = []
    for inertial in sorted((folder / "Inertial").glob("a*_s*_t*_inertial.mat")):
        action, person = (int(part[1:]) for part in inertial.name.split("_")[:2])
        skeleton = folder / "Skeleton" / inertial.name.replace("inertial", "skeleton")
        if action not in WRIST_ACTIONS or not skeleton.exists():
            continue
        signals = {"real": [np.linalg.norm(loadmat(inertial)["d_iner"][:, :3], axis=1) * G_M_S2]}
        for name, virtual in (("ours", ours), ("savitzky_golay", savitzky_golay)):
            signals[name] = [virtual(skeleton, inertial, speed) for speed in speeds]
        # Half a second at least: what is shorter was not measured.
        made.append((action, str(person), {k: [x for x in v if len(x) > RATE_HZ / 2] for k, v in signals.items()}))
    bands = {}
    for band_hz in bands_hz:
        name = f"below {band_hz:g} Hz" if band_hz else "as it is"
        bands[name] = _rows(_compared(made, seeds, band_hz, only), against=AGAINST)
        print(f"{name}\n{table(bands[name])}", flush=True)
    return {"persons": len({person for _, person, _ in made}), "seeds": seeds, "speeds": list(speeds), "bands": bands}


def _compared(
    made: list[tuple[int, str, dict[str, list[np.ndarray]]]], seeds: int, band_hz: float, only: tuple[str, ...] = ()
) -> dict[str, dict[str, list[float]]]:
    """Macro F1 by method and person, one for each seed."""
    data = {}
    for name in ("real", "ours", "savitzky_golay"):
        rows = [(gesture(x, band_hz), action, person) for action, person, signals in made for x in signals[name]]
        data[name] = tuple(np.array([row[at] for row in rows]) for at in range(3))
    real_x, real_y, real_who = data.pop("real")
    first = [
        (gesture(signals["ours"][0], band_hz), action, person) for action, person, signals in made if signals["ours"]
    ]
    virtual = {**data, "ours, one speed": tuple(np.array([row[at] for row in first]) for at in range(3))}
    scores: dict[str, dict[str, list[float]]] = {}
    for person in np.unique(real_who).tolist():
        test, learn = real_who == person, real_who != person
        calibrated = _calibrated([each for each in made if each[1] != person], band_hz)
        for seed in range(seeds):
            few = np.flatnonzero(learn)[draw_labels(real_y[learn], 0.1, seed)]
            trained: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {
                "real": ([real_x[learn]], [real_y[learn]]),
                AGAINST: ([real_x[few]], [real_y[few]]),
            }
            for name, (x, y) in {
                **{name: (x[who != person], y[who != person]) for name, (x, y, who) in virtual.items()},
                "ours, calibrated": calibrated,
            }.items():
                trained[f"virtual, {name}"] = [x], [y]
                trained[f"virtual, {name} + 10 % of real"] = [x, real_x[few]], [y, real_y[few]]
            for name, (xs, ys) in trained.items():
                if only and name not in (*only, AGAINST):
                    continue
                # Both sources weigh the same.
                weight = np.concatenate([np.full(len(y), 1 / len(y)) for y in ys])
                model = trees(seed).fit(np.concatenate(xs), np.concatenate(ys), weight * len(weight) / weight.sum())
                found = by_person(real_y[test], model.predict(real_x[test]), real_who[test])
                scores.setdefault(name, {}).setdefault(person, []).append(found[person])
    return scores


def _calibrated(
    made: list[tuple[int, str, dict[str, list[np.ndarray]]]], band_hz: float
) -> tuple[np.ndarray, np.ndarray]:
    """Features and actions of virtual readings that were given the distribution of the same persons' real ones."""
    real, virtual = (np.concatenate([x for _, _, signals in made for x in signals[name]]) for name in ("real", "ours"))
    mapped = fit_map(virtual, real)
    rows = [(gesture(mapped.apply(x), band_hz), action) for action, _, signals in made for x in signals["ours"]]
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


def _rows(scores: dict[str, dict[str, list[float]]], against: str) -> dict[str, Any]:
    """Each method's mean over persons of the mean over seeds, and its paired difference."""
    means = {method: {person: float(np.mean(each)) for person, each in of.items()} for method, of in scores.items()}
    rows = {}
    for method, of in means.items():
        rows[method] = {"macro_f1": list(over_persons(of)), "worst_person": min(of.values())}
        if method != against:
            rows[method]["difference"] = list(
                over_persons({person: of[person] - means[against][person] for person in of})
            )
            rows[method]["against"] = against
    return rows


def table(rows: dict[str, Any]) -> str:
    """Markdown."""
    lines = ["| | macro F1 (95 % over persons) | worst person | paired difference |", "|---|---|---|---|"]
    for name, row in rows.items():
        mean, low, high, _ = row["macro_f1"]
        gap = ""
        if "difference" in row:
            gap = "{:+.3f} ({:+.3f} to {:+.3f}) against {}".format(*row["difference"][:3], row["against"])
        lines.append(f"| {name} | {mean:.3f} ({low:.3f} to {high:.3f}) | {row['worst_person']:.3f} | {gap} |")
    return "\n".join(lines)


def virtual_tables(report: dict[str, Any]) -> str:
    """Of `virtual_to_real`."""
    found = report["utd-mhad"]
    return "\n\n".join(
        f"**utd-mhad (right wrist, magnitude), {band}**: {found['persons']} persons, {found['seeds']} seeds\n\n{table(rows)}"
        for band, rows in found["bands"].items()
    )


def real_tables(report: dict[str, Any]) -> str:
    """Of `benchmarks.transfer_real`."""
    parts = []
    for name, found in sorted(report.items()):
        for share, of_share in sorted(found["scores"].items(), key=lambda each: float(each[0].split()[0])):
            scores = {method: {who: list(of.values()) for who, of in each.items()} for method, each in of_share.items()}
            against = "scratch, trained" if "scratch, trained" in scores else min(scores)
            order = sorted(
                scores, key=lambda method: (method != against, not method.endswith("trained"), ":" in method, method)
            )
            counts = {len(each) for of in scores.values() for each in of.values()}
            seeds = "-".join(map(str, sorted({min(counts), max(counts)})))
            parts.append(
                f"**{name}, {share} of the labels**: {len(scores[against])} persons tested, {seeds} seeds\n\n"
                + table(_rows({method: scores[method] for method in order}, against))
            )
    return "\n\n".join(parts)


def write_page(page: Path, name: str, text: str) -> None:
    """Put tables between the page's markers of that name."""
    begin, end = (f"<!-- {name}: {at} -->" for at in ("begin", "end"))
    whole = page.read_text(encoding="utf-8")
    before, _, rest = whole.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page} has no {begin} before {end}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with paired/utd-mhad/")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--speeds", default="1,0.85,0.93,1.08,1.17", help="at which the skeletons of UTD-MHAD move")
    parser.add_argument(
        "--bands", default="0,7,5", help="that UTD-MHAD's readings are brought to, in Hz; 0 is as they are"
    )
    parser.add_argument(
        "--only", default="", help="methods, separated by semicolons: only they are measured, and join what --json has"
    )
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument(
        "--page", type=Path, help="write the tables of --json and its neighbours into this page, and measure nothing"
    )
    args = parser.parse_args()
    began = time.monotonic()
    if args.page:
        # The other modules take their arithmetic from this one.
        from benchmarks.transfer_choice import tables as choice_tables
        from benchmarks.transfer_space import tables as space_tables

        for name, path, tables in (
            ("virtual", args.json, virtual_tables),
            ("choice", args.json.with_name("transfer_choice.json"), choice_tables),
            ("real", args.json.with_name("transfer_real.json"), real_tables),
            ("space", args.json.with_name("transfer_space.json"), space_tables),
        ):
            write_page(args.page, name, tables(json.loads(path.read_text())))
        return
    if args.data is None:
        parser.error("--data FOLDER")
    speeds, bands = (tuple(map(float, each.split(","))) for each in (args.speeds, args.bands))
    only = tuple(filter(None, args.only.split(";")))
    found = virtual_to_real(args.data / "paired" / "utd-mhad", args.seeds, speeds, bands, only)
    if only:
        before = json.loads(args.json.read_text())["utd-mhad"]
        if [before[name] for name in ("persons", "seeds", "speeds")] != [
            found[name] for name in ("persons", "seeds", "speeds")
        ]:
            parser.error(f"{args.json} was measured with other persons, seeds or speeds")
        found["bands"] = {band: {**before["bands"].get(band, {}), **rows} for band, rows in found["bands"].items()}
    args.json.write_text(json.dumps({"utd-mhad": found}, indent=1, sort_keys=True) + "\n")
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
