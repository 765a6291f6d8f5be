"""The whole product on people with exact truth: `fimad build` on their videos, and the packed Parquet scored.

Nothing of fimad's own code takes part in the scoring; what is not valid is scored as no motion, so that masking can't win.
Clips whose truth repeats itself stand apart from those of real motion: an exercise that is a perfect oscillation is easier.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.spatial.transform import Rotation
from scipy.stats import spearmanr

from benchmarks.fidelity_scores import correlation, rms

COMPARED = ("adaptive", "savitzky_golay", "butterworth", "kalman", "spline_gcv", "transpose", "central")
NUMBERS = ("r", "e_plane", "e_3d", "false_motion", "e_force", "e_gyro", "e_sensor", "orientation_deg")
#: Below this quality a sensor-clip counts as one that says itself that it is poor.
QUALITY = 0.5
_GRAVITY = np.array([0.0, 0.0, 9.80665])
_TRIM_S, _MOVING_M_S2, _TURNING_RAD_S = 0.3, 0.5, 0.3
_PERIODS_S, _REPEATS = (0.4, 5.0), 0.97
_BANDS_HZ = ((0, 1), (1, 3), (3, 6), (6, 12))
_SIZES_M_S2 = (0.5, 1, 2, 5, 10, np.inf)
_RESAMPLES = 2000
Truth = dict[str, np.ndarray]


def build(
    folders: Sequence[Path], scratch: Path, method: str, models: str = "", estimator: str = "", more: Sequence[str] = ()
) -> list[Path]:
    """`fimad build` on all videos with a truth beside them; the dataset's shards. The next method reuses all but `simulate`.

    `estimator` is a `pose.backend`, by default that of the product; `more` are further settings.
    """
    videos = [
        str(video) for folder in folders for video in sorted(folder.glob("*.mp4")) if video.with_suffix(".npz").exists()
    ]
    everywhere = ",".join(f'"{name}"' for name in placements(Path(video).with_suffix(".npz") for video in videos))
    options = [
        f"simulate.method={method}",
        f"simulate.placements=[{everywhere}]",
        *([f"models_dir={models}"] if models else []),
        *([f"pose.backend={estimator}"] if estimator else []),
        *more,
    ]
    command = [sys.executable, "-m", "fimad", "build", *videos, "--workspace", str(scratch / "workspace")]
    target = scratch / f"{method}{estimator and '-'}{estimator}"
    command += ["--dataset", str(target), "--without", "embed", "--without", "transcribe", "--without", "label"]
    for option in options:
        command += ["--set", option]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sorted(target.rglob("*.parquet"))


def placements(truths: Iterable[Path]) -> list[str]:
    """Placements of fimad whose truth one of the files holds."""
    from fimad.skeleton import PLACEMENTS

    found: set[str] = set()
    for path in truths:
        with np.load(path, allow_pickle=False) as file:
            found |= {name.removesuffix("_acc") for name in file if name.endswith("_acc")}
    return [name for name in PLACEMENTS if name in found]


def evaluate(
    folders: Sequence[Path],
    scratch: Path,
    models: str = "",
    methods: Sequence[str] = COMPARED,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Scores by kind of motion: `rendered` (periodic) and `people` (real), each with `default`, `methods`, `clips` and more.

    Of both, `together` says how well quality tells which sensors to trust.
    """
    by_hash, sensors = truths(folders, say), {}
    for method in methods:
        sensors[method] = scored(build(folders, scratch, method, models), by_hash)
        say(f"{method}: {len(sensors[method])} clips")
    kinds = {name: "rendered" if repeats(truth) else "people" for name, truth in by_hash.values()}
    result = {}
    for kind in ("rendered", "people"):
        mine = {method: {n: s for n, s in clips.items() if kinds[n] == kind} for method, clips in sensors.items()}
        if mine[methods[0]]:
            result[kind] = tables(mine)
    if len(result) > 1:
        everybody = [sensor for clip in sensors[methods[0]].values() for sensor in clip.values()]
        result["together"] = judged(everybody) | {"risk_coverage": risk_coverage(everybody)}
    return result


def estimators(
    folders: Sequence[Path],
    scratch: Path,
    names: Sequence[str],
    models: str = "",
    more: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> dict[str, dict[str, Any]]:
    """By kind of motion, a row for each pose estimator (`pose.backend`, plug-ins included): the same videos, the default method."""
    by_hash = truths(folders, say)
    kinds = {name: "rendered" if repeats(truth) else "people" for name, truth in by_hash.values()}
    result: dict[str, dict[str, Any]] = {}
    for estimator in names:
        found = scored(build(folders, scratch, COMPARED[0], models, estimator, more), by_hash)
        say(f"{estimator}: {len(found)} clips")
        for kind in dict.fromkeys(kinds.values()):
            made = tables({COMPARED[0]: {name: sensors for name, sensors in found.items() if kinds[name] == kind}})
            rows = result.setdefault(kind, {})
            rows[estimator] = {"default": made["default"], "intervals": made["intervals"], "worst": made["worst"]}
    return result


def truths(folders: Sequence[Path], say: Callable[[str], None]) -> dict[str, tuple[str, Truth]]:
    """Name and truth of each video that has one beside it, by the SHA-256 of the video."""
    found = {}
    for video in (video for folder in folders for video in sorted(folder.glob("*.mp4"))):
        if not video.with_suffix(".npz").exists():
            say(f"{video.name}: no truth beside it, left out")
            continue
        with np.load(video.with_suffix(".npz"), allow_pickle=False) as file:
            truth = {name: file[name] for name in file}
        found[hashlib.sha256(video.read_bytes()).hexdigest()] = video.stem, truth
    return found


def scored(shards: Iterable[Path], by_hash: Mapping[str, tuple[str, Truth]]) -> dict[str, dict[str, dict[str, Any]]]:
    """`score_clip` of every clip of a dataset, by the name of its video."""
    rows = (row for path in shards for row in pq.read_table(path).to_pylist())
    return {name: score_clip(row, truth) for row in rows for name, truth in [by_hash[row["media_sha256"]]]}


def repeats(truth: Mapping[str, np.ndarray]) -> bool:
    """Whether all accelerations repeat themselves after some seconds, over the whole clip."""
    step_s = truth["t"][1] - truth["t"][0]
    every = np.concatenate([truth[name] for name in truth if name.endswith("_acc")], axis=1)
    best = 0.0
    for lag in range(round(_PERIODS_S[0] / step_s), min(round(_PERIODS_S[1] / step_s), len(every) // 2)):
        a, b = every[lag:], every[:-lag]
        best = max(best, float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())))
    return best > _REPEATS


def score_clip(row: Mapping[str, Any], truth: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Numbers and pooled samples of every placement of one packed clip."""
    times = truth["t"] + row["start_s"]
    at_s = times[(times >= times[0] + _TRIM_S) & (times <= times[-1] - _TRIM_S)][::4]
    names = [name.removesuffix("_acc") for name in truth if name.endswith("_acc")]
    return {name: _score(row, name, truth, times, at_s) for name in names if row.get(f"{name}_acc_m_s2") is not None}


def _score(
    row: Mapping[str, Any], name: str, truth: Mapping[str, np.ndarray], times: np.ndarray, at_s: np.ndarray
) -> dict[str, Any]:
    clock_s = np.array(row["imu_time_s"])

    def column(end: str, *shape: int) -> np.ndarray:
        return np.array(row[f"{name}_{end}"], float).reshape(len(clock_s), *shape)

    def read(values: np.ndarray, where_s: np.ndarray = clock_s) -> np.ndarray:
        return np.stack([np.interp(at_s, where_s, axis) for axis in np.nan_to_num(values).T], 1)

    valid = np.array(row[f"{name}_valid"])
    seen = np.interp(at_s, clock_s, valid.astype(float), left=0, right=0) == 1
    true, found = read(truth[f"{name}_acc"], times), read(column("lin_acc_world_m_s2", 3))
    found[~seen] = 0
    wrong = found - true
    scores: dict[str, Any] = {"quality": row[f"{name}_quality"], "flags": row["flags"] or [], "size_m_s2": rms(true)}
    scores["valid"] = float(seen.mean())
    force, true_force = read(column("acc_m_s2", 3)), np.linalg.norm(true + _GRAVITY, axis=1)
    length = np.where(seen, np.linalg.norm(force, axis=1), _GRAVITY[2])
    if rms(true) < _MOVING_M_S2:
        scores["false_motion"] = rms(found)
    else:
        main = int(true.var(0).argmax())
        scores |= {
            "r": correlation(true[:, main], found[:, main]),
            "e_plane": rms(wrong[:, [0, 2]]) / rms(true[:, [0, 2]]),
            "e_3d": rms(wrong) / rms(true),
            "e_force": float(np.sqrt(((length - true_force) ** 2).mean()) / true_force.std()),
            "bands": _bands(true, wrong, at_s[1] - at_s[0]),
        }
    sigma = read(column("sigma_m_s2", 1))[:, 0]
    scores["within_world"] = (np.linalg.norm(wrong, axis=1) < 2 * sigma)[seen]
    if f"{name}_rot" in truth and seen.sum() > 20:
        turns = Rotation.from_matrix(truth[f"{name}_rot"])
        rate = read((turns[1:] * turns[:-1].inv()).as_rotvec() / np.diff(times)[:, None], (times[1:] + times[:-1]) / 2)
        gyro = read(column("gyro_rad_s", 3)) * seen[:, None]
        if rms(rate) >= _TURNING_RAD_S:
            sizes = np.linalg.norm(gyro, axis=1), np.linalg.norm(rate, axis=1)
            scores["e_gyro"] = float(np.sqrt(((sizes[0] - sizes[1]) ** 2).mean() / (sizes[1] ** 2).mean()))
        true_turn = turns[np.clip(np.searchsorted(times, at_s[seen]), 0, len(times) - 1)]
        nearest = np.flatnonzero(valid)
        nearest = nearest[np.abs(clock_s[nearest] - at_s[seen][:, None]).argmin(1)]
        turn = Rotation.from_quat(column("orientation", 4)[nearest])
        # How the truth's axes are mounted on ours: one constant rotation.
        mounting = (turn.inv() * true_turn).mean()
        scores |= {"mounting": mounting.as_quat().tolist(), "turns": (turn, true_turn)}
        off = (turn * mounting * true_turn.inv()).magnitude()
        scores["orientation_deg"] = float(np.rad2deg(np.sqrt((off**2).mean())))
        aligned = force[seen] - mounting.apply(true_turn.inv().apply(true[seen] + _GRAVITY))
        scores["error_m_s2"] = rms(aligned)
        if rms(true) >= _MOVING_M_S2:
            scores["e_sensor"] = rms(aligned) / rms(true)
        scores["within_force"] = np.linalg.norm(aligned, axis=1) < 2 * sigma[seen]
        turned = gyro[seen] - mounting.apply(true_turn.inv().apply(rate[seen]))
        scores["within_gyro"] = np.linalg.norm(turned, axis=1) < 2 * read(column("gyro_sigma_rad_s", 1))[seen, 0]
    return scores


def _bands(true: np.ndarray, wrong: np.ndarray, step_s: float) -> dict[str, tuple[float, float]]:
    """Power of the truth and of the error, in the picture's plane, by band."""
    window = np.hanning(len(true))[:, None]
    frequency_hz = np.fft.rfftfreq(len(true), step_s)
    powers = [(np.abs(np.fft.rfft(window * each[:, [0, 2]], axis=0)) ** 2).sum(1) for each in (true, wrong)]
    result = {}
    for low, high in _BANDS_HZ:
        band = (frequency_hz >= low) & (frequency_hz < high)
        result[f"{low}-{high} Hz"] = float(powers[0][band].sum()), float(powers[1][band].sum())
    return result


Clips = Mapping[str, Mapping[str, Mapping[str, Any]]]


def tables(methods: Mapping[str, Clips]) -> dict[str, Any]:
    """Everything that is said of one kind of motion; the first method is the default."""
    clips = next(iter(methods.values()))
    each = {name: _middles(sensors.values()) for name, sensors in clips.items()}
    default = _middles(each.values())
    flat = [sensor for sensors in clips.values() for sensor in sensors.values()]
    default |= {"n_clips": len(clips), **coverage(flat), **judged(flat)}
    return {
        "default": default,
        "intervals": {number: interval([row[number] for row in each.values()]) for number in NUMBERS},
        "worst": {
            n: (min if n == "r" else max)((row[n] for row in each.values() if row[n] is not None), default=None)
            for n in NUMBERS
        },
        "clips": {name: row | coverage(clips[name].values()) for name, row in each.items()},
        "methods": {
            method: _middles(_middles(sensors.values()) for sensors in made.values())
            | coverage([sensor for sensors in made.values() for sensor in sensors.values()])
            for method, made in methods.items()
        },
        "placements": _by_placement(clips),
        "sizes": _by_size(flat),
        "bands": _by_band(methods),
        "risk_coverage": risk_coverage(flat),
    }


def _middles(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    rows = list(rows)
    found = {number: [row[number] for row in rows if row.get(number) is not None] for number in NUMBERS}
    return {number: float(np.median(values)) if values else None for number, values in found.items()}


def coverage(sensors: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Share of the samples whose error is less than twice the stated uncertainty: of the specific force in the sensor's frame
    (`within_2s`), of the world's acceleration, of the angular rate."""
    sensors = list(sensors)
    result: dict[str, Any] = {}
    for name, key in (
        ("within_2s", "within_force"),
        ("within_2s_world", "within_world"),
        ("within_2s_gyro", "within_gyro"),
    ):
        parts = [sensor[key] for sensor in sensors if key in sensor]
        result[name] = float(np.concatenate(parts).mean()) if parts else None
    return result


def judged(sensors: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Does quality tell what is wrong: rank correlation with e_3d over moving sensor-clips, and how many of the worst tenth
    say so themselves, by their quality or a flag of their clip."""
    moving = [sensor for sensor in sensors if "e_3d" in sensor]
    if len(moving) < 3:
        return {"quality_rank": None, "worst_tenth_told": None}
    error, quality = (np.array([sensor[name] for sensor in moving]) for name in ("e_3d", "quality"))
    told = np.array([sensor["quality"] < QUALITY or bool(sensor["flags"]) for sensor in moving])
    worst = np.argsort(error)[-max(1, len(error) // 10) :]
    return {
        "quality_rank": float(spearmanr(quality, error).statistic),
        "worst_tenth_told": float(told[worst].mean()),
        "n_sensors": len(moving),
    }


def risk_coverage(sensors: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Mean e_3d of the share of the moving sensor-clips that have the highest quality."""
    moving = sorted((s for s in sensors if "e_3d" in s), key=lambda sensor: -sensor["quality"])
    counts = {share: max(1, round(share * len(moving))) for share in (0.1, 0.25, 0.5, 0.75, 1.0)}
    return {f"best {s:.0%}": float(np.mean([each["e_3d"] for each in moving[:n]])) for s, n in counts.items() if moving}


def interval(values: Sequence[float | None]) -> tuple[float, float] | None:
    """95 % interval of the median over clips, by bootstrap (Efron 1979, doi:10.1214/aos/1176344552)."""
    known = np.array([value for value in values if value is not None], float)
    if len(known) < 2:
        return None
    draws = np.random.default_rng(0).choice(known, (_RESAMPLES, len(known)))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    return float(low), float(high)


def _by_placement(clips: Clips) -> dict[str, dict[str, Any]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for sensors in clips.values():
        for name, sensor in sensors.items():
            found.setdefault(name.removeprefix("left_").removeprefix("right_"), []).append(sensor)
    # Without: one rotation per placement for all clips, since the truth's axes are others than ours.
    return {
        name: _middles(each) | coverage(each) | {"orientation_unaligned_deg": _unaligned(each)}
        for name, each in found.items()
    }


def _unaligned(sensors: Iterable[Mapping[str, Any]]) -> float | None:
    turned = [sensor for sensor in sensors if "turns" in sensor]
    if not turned:
        return None
    mounting = Rotation.from_quat([sensor["mounting"] for sensor in turned]).mean()
    off = [(turn * mounting * true.inv()).magnitude() for turn, true in (sensor["turns"] for sensor in turned)]
    return float(np.rad2deg(np.median([np.sqrt((each**2).mean()) for each in off])))


def _by_size(sensors: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    sensors = [sensor for sensor in sensors if "e_3d" in sensor]
    result = {}
    for low, high in pairwise(_SIZES_M_S2):
        mine = [sensor for sensor in sensors if low <= sensor["size_m_s2"] < high]
        if mine:
            result[f"{low:g}-{high:g} m/s²"] = _middles(mine) | coverage(mine) | {"n": len(mine)}
    return result


def _by_band(methods: Mapping[str, Clips]) -> dict[str, dict[str, float]]:
    """RMS error over RMS truth in the picture's plane by band, all placements and clips together."""
    result: dict[str, dict[str, float]] = {}
    for method, clips in methods.items():
        bands = [sensor["bands"] for sensors in clips.values() for sensor in sensors.values() if "bands" in sensor]
        if bands:
            sums = {band: np.sum([each[band] for each in bands], axis=0) for band in bands[0]}
            result[method] = {band: float(np.sqrt(wrong / true)) for band, (true, wrong) in sums.items()}
    return result
