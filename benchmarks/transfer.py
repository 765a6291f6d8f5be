"""What a virtual IMU is worth in training: `python -m benchmarks.transfer --data FOLDER [--pretrained RUN] [--json FILE]`.

`virtual_to_real`: UTD-MHAD's skeletons against its real sensor on the right wrist (actions 1-21), persons 1-5, each of them tested once with a classifier that was trained
on the four others: on their real readings, on virtual ones (the skeletons at five speeds), or on both. Features are statistics and course of the magnitude of specific force
over a whole recording, the classifier is ExtraTrees, the same for all. A skeleton of 19 frames/s holds nothing above 9.5 Hz, so everything, the tested readings included, is
also compared below 7 and below 5 Hz.

`transfer`: a model that was pretrained on virtual sensors (recipes/virtual_motion.py) against one from scratch and against ExtraTrees, on real sets that
`fimad.har` reads, with 2 % and 100 % of the labels. Persons are never shared between training, selection and test; all methods have the same labels.

Persons are the unit: macro F1 of each, mean over seeds, 95 % percentile intervals over persons drawn anew. With five persons such an interval is too narrow.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.signal import butter, savgol_filter, sosfiltfilt
from sklearn.ensemble import ExtraTreesClassifier

from fimad.har import load
from fimad.mujo import WindowSet, finetune, load_model, load_mujo_config
from fimad.mujo.finetuning import draw_labels
from fimad.mujo.scores import by_person, over_persons
from fimad.simulate import GRAVITY_M_S2, simulate_imu
from recipes.virtual_motion import utd_trajectories, varied

RATE_HZ = 50.0
WRIST_ACTIONS = range(1, 22)
G_M_S2 = 9.80665
BEGIN, END = "<!-- transfer: begin -->", "<!-- transfer: end -->"
#: Set, file below `har/`, placement, how persons are dealt to folds.
SETS = {
    "dsads": ("dsads.npz", "right_wrist", 4),
    "motionsense": ("motionsense.npz", "right_thigh", 4),
    "pte": ("pte_accgyr.npz", "unit_2", 5),
}


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


def virtual_to_real(folder: Path, seeds: int, speeds: tuple[float, ...], bands_hz: tuple[float, ...]) -> dict[str, Any]:
    """Persons 1-5 in turn: macro F1 on their real recordings, by what was trained on, for each band that all are brought to."""
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
        bands[name] = _rows(_compared(made, seeds, band_hz), against="10 % of real")
        print(f"{name}\n{table(bands[name])}", flush=True)
    return {"persons": len({person for _, person, _ in made}), "seeds": seeds, "speeds": list(speeds), "bands": bands}


def _compared(
    made: list[tuple[int, str, dict[str, list[np.ndarray]]]], seeds: int, band_hz: float
) -> dict[str, dict[str, list[float]]]:
    """Macro F1 by method and person, one for each seed."""
    data = {}
    for name in ("real", "ours", "savitzky_golay"):
        rows = [(gesture(x, band_hz), action, person) for action, person, signals in made for x in signals[name]]
        data[name] = tuple(np.array([row[at] for row in rows]) for at in range(3))
    real_x, real_y, real_who = data["real"]
    scores: dict[str, dict[str, list[float]]] = {}
    for person in np.unique(real_who).tolist():
        test, learn = real_who == person, real_who != person
        for seed in range(seeds):
            few = np.flatnonzero(learn)[draw_labels(real_y[learn], 0.1, seed)]
            trained: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {
                "real": ([real_x[learn]], [real_y[learn]]),
                "10 % of real": ([real_x[few]], [real_y[few]]),
            }
            for name in ("ours", "savitzky_golay"):
                x, y, who = data[name]
                x, y = x[who != person], y[who != person]
                trained[f"virtual, {name}"] = [x], [y]
                trained[f"virtual, {name} + 10 % of real"] = [x, real_x[few]], [y, real_y[few]]
            for name, (xs, ys) in trained.items():
                # Both sources weigh the same.
                weight = np.concatenate([np.full(len(y), 1 / len(y)) for y in ys])
                model = trees(seed).fit(np.concatenate(xs), np.concatenate(ys), weight * len(weight) / weight.sum())
                found = by_person(real_y[test], model.predict(real_x[test]), real_who[test])
                scores.setdefault(name, {}).setdefault(person, []).append(found[person])
    return scores


def transfer(
    name: str, folder: Path, run: Path | None, seeds: int, shares: tuple[float, ...], steps: int
) -> dict[str, Any]:
    """One real set: pretrained, scratch and ExtraTrees on the same labels."""
    file, placement, folds = SETS[name]
    config = load_mujo_config(settings=(f"finetune.steps={steps}",))
    windows = WindowSet.from_har(load(name, folder / "har" / file), config.windows, placements=placement, overlap=0.0)
    pretrained = None if run is None else load_model(run)[0]
    persons = np.unique(windows.group)
    result: dict[str, Any] = {"placement": placement, "windows": len(windows), "persons": len(persons), "seeds": seeds}
    for share in shares:
        scores: dict[str, dict[str, list[float]]] = {}
        for seed in range(seeds):
            dealt = np.random.default_rng([seed, 8]).permutation(persons)
            for fold in range(folds):
                tested, selected = dealt[fold::folds], dealt[(fold + 1) % folds :: folds]
                test, val = (windows.take(np.isin(windows.group, each)) for each in (tested, selected))
                # Selection looks at enough windows, not at all.
                val = val.take(np.random.default_rng(seed).permutation(len(val))[:400])
                learn = windows.take(~np.isin(windows.group, [*tested, *selected]))
                few = learn.take(draw_labels(learn.label, share, seed))
                methods: dict[str, Callable[[], np.ndarray]] = {
                    "scratch": lambda few=few, val=val, test=test, seed=seed: finetune(
                        few, val, config, seed=seed
                    ).predict(test),
                    "ExtraTrees": lambda few=few, test=test, seed=seed: (
                        trees(seed)
                        .fit(statistics(few.imu.reshape(len(few), 6, -1)), few.label)
                        .predict(statistics(test.imu.reshape(len(test), 6, -1)))
                    ),
                }
                if pretrained is not None:
                    for encoder in ("trained", "frozen"):
                        options = config.model_copy(
                            update={"finetune": config.finetune.model_copy(update={"encoder": encoder})}
                        )
                        methods[f"pretrained, {encoder}"] = (
                            lambda few=few, val=val, test=test, seed=seed, options=options: finetune(
                                few, val, options, model=pretrained, seed=seed
                            ).predict(test)
                        )
                for method, guess in methods.items():
                    for person, f1 in by_person(test.label, guess(), test.group).items():
                        scores.setdefault(method, {}).setdefault(person, []).append(f1)
            print(f"{name} {share:g}: seed {seed} done", flush=True)
        result[f"{100 * share:g} %"] = _rows(scores, against="scratch")
    return result


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


def write_page(page: Path, report: dict[str, Any]) -> None:
    """Put the tables of a report between the page's markers."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = []
    for name, of_set in sorted(report.items()):
        tables = (
            {f", {band}": rows for band, rows in of_set["bands"].items()}
            if "bands" in of_set
            else {f", {key} of the labels": of_set[key] for key in ("2 %", "100 %") if key in of_set}
        )
        where = f" ({of_set['placement']})" if "placement" in of_set else " (right wrist, magnitude)"
        for share, rows in tables.items():
            parts.append(
                f"**{name}{where}{share}**: {of_set['persons']} persons, {of_set['seeds']} seeds\n\n{table(rows)}"
            )
    page.write_text(f"{before}{BEGIN}\n" + "\n\n".join(parts) + f"\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with har/ and paired/utd-mhad/")
    parser.add_argument("--pretrained", type=Path, help="run of `fimad mujo pretrain`")
    parser.add_argument("--sets", default=",".join(SETS), help="of the real sets; empty for none")
    parser.add_argument("--shares", default="0.02,1", help="of the labels")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200, help="of fine-tuning")
    parser.add_argument("--speeds", default="1,0.85,0.93,1.08,1.17", help="at which the skeletons of UTD-MHAD move")
    parser.add_argument(
        "--bands", default="0,7,5", help="that UTD-MHAD's readings are brought to, in Hz; 0 is as they are"
    )
    parser.add_argument("--without-utd", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path, help="write the tables of --json into this page, and measure nothing")
    args = parser.parse_args()
    began = time.monotonic()
    report: dict[str, Any] = json.loads(args.json.read_text()) if args.json and args.json.is_file() else {}
    if args.page:
        write_page(args.page, report)
        return
    if args.data is None:
        parser.error("--data FOLDER")
    if not args.without_utd:
        speeds, bands = (tuple(map(float, each.split(","))) for each in (args.speeds, args.bands))
        report["utd-mhad"] = virtual_to_real(args.data / "paired" / "utd-mhad", args.seeds, speeds, bands)
    shares = tuple(float(share) for share in args.shares.split(","))
    for name in filter(None, args.sets.split(",")):
        found = transfer(name, args.data, args.pretrained, args.seeds, shares, args.steps)
        report[name] = {**report.get(name, {}), **found}
        for share in shares:
            print(f"\n{name}, {100 * share:g} % of the labels\n{table(report[name][f'{100 * share:g} %'])}", flush=True)
        if args.json:
            args.json.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
