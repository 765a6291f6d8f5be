"""Where flow of limbs helps, and where not: `python -m benchmarks.flow_conditions --masters DIR --work DIR [--json FILE]`.

One motion is filmed in several ways, one thing changed at a time from a base: clothes, frames a second, compression, exposure. A
master is lossless: ``NAME.plain.mkv``, ``NAME.printed.mkv`` (the same with patterned clothes) and ``NAME.blurred.mkv`` (each picture
averaged over half the time to the next at 30 Hz, centred), with the truth as ``NAME.npz``; one that is missing leaves its condition out. A
truth may say what is done when: `activity` (k,) names, `activity_s` (k, 2). Masters are best at 60 Hz: rates are taken from them by leaving
out pictures.

Of each film, the virtual accelerations of landmarks alone, of landmarks with flow, and of true landmarks in the picture, which is
the bound: scores, and gain and coherence by band against the truth, in the picture's plane. Coherence takes all frequencies of a band and
both axes together: one number that is high only if one gain and phase fit all. ``by chance`` is that of the truth run backwards.
What was seen in a film stays in ``--work``, so that a run that was ended goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fidelity import table
from benchmarks.fidelity_product import placements, score_clip
from benchmarks.fidelity_scores import JOINTS, medians
from benchmarks.flow import BANDS_HZ, Band, bands_of, look, simulated, true_landmarks
from fimad.config import Config

NUMBERS = ("r", "e_plane", "e_3d", "e_force", "e_gyro")
PARTS = ("wrist", "elbow", "shoulder", "hip", "knee", "ankle")
#: What is compared.
SOURCES = ("landmarks", "flow", "true landmarks")
BASE = "base"
_TRIM_S = 0.3
_LEAST_S = 2 * _TRIM_S + 1 / (BANDS_HZ[0][1] - BANDS_HZ[0][0]) + 0.1


@dataclass(frozen=True)
class Condition:
    """How a motion is filmed: which master, pictures a second, and x264's constant rate factor."""

    master: str = "plain"
    fps: float = 30.0
    crf: int = 18


CONDITIONS: dict[str, Condition] = {
    BASE: Condition(),
    "printed clothes": Condition(master="printed"),
    "blurred, half a frame": Condition(master="blurred"),
    "15 a second": Condition(fps=15.0),
    "crf 36": Condition(crf=36),
    "60 a second": Condition(fps=60.0),
    "crf 28": Condition(crf=28),
}


@dataclass(frozen=True)
class Measured:
    """One joint while one thing is done: numbers by source, and bands; `chance` are bands against the truth backwards."""

    clip: str
    activity: str
    joint: str
    scores: Mapping[str, Mapping[str, Any]]
    bands: Mapping[str, list[Band]]
    chance: list[Band]


def film(master: Path, condition: Condition, target: Path) -> Path:
    """Encode a master as the condition says; what is there already stays.

    Raises `ValueError` where the master's rate is no multiple of the film's.
    """
    import av
    import imageio_ffmpeg

    if not target.is_file():
        with av.open(str(master)) as container:
            rate = container.streams.video[0].average_rate
        every = round(rate / condition.fps)
        if not every or abs(rate / condition.fps - every) > 0.01:
            raise ValueError(f"{master.name} has {float(rate):g} pictures a second, no multiple of {condition.fps:g}")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part.mp4")
        # The encoder's defaults otherwise, one thread: the same bytes again.
        taken = f"select='not(mod(n,{every}))',setpts=N/({condition.fps:g}*TB)"
        options = ["-vf", taken, "-r", f"{condition.fps:g}", "-an", "-c:v", "libx264", "-threads", "1", "-pix_fmt"]
        options += ["yuv420p", "-crf", str(condition.crf)]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-i", str(master), *options, str(part)]
        subprocess.run(command, check=True)
        part.rename(target)
    return target


def spans(truth: Mapping[str, np.ndarray], clip: str) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
    """Each activity and the truth of its time; one, named as the clip, where the truth tells none.

    An activity too short for the lowest band, half a Hz wide, to hold a frequency is left out: see `too_short`.
    """
    if "activity" not in truth:
        yield clip, truth
        return
    time_s = truth["t"]
    for name, (start, end) in zip(truth["activity"], truth["activity_s"], strict=True):
        if _seconds(time_s, start, end) < _LEAST_S:
            continue
        inside = (time_s >= start) & (time_s < end)
        yield str(name), {key: each[inside] if len(each) == len(time_s) else each for key, each in _arrays(truth)}


def too_short(truth: Mapping[str, np.ndarray]) -> list[tuple[str, float]]:
    """Activities that `spans` leaves out, with their seconds."""
    each = zip(truth.get("activity", ()), truth.get("activity_s", ()), strict=True)
    told = [(str(name), _seconds(truth["t"], *span)) for name, span in each]
    return [(name, seconds) for name, seconds in told if seconds < _LEAST_S]


def _seconds(time_s: np.ndarray, start_s: float, end_s: float) -> float:
    return float(min(end_s, time_s[-1]) - max(start_s, time_s[0]))


def _arrays(truth: Mapping[str, np.ndarray]) -> Iterable[tuple[str, np.ndarray]]:
    return ((key, each) for key, each in truth.items() if each.ndim)


def measure(rows: Mapping[str, Mapping[str, Any]], truth: Mapping[str, np.ndarray], clip: str) -> list[Measured]:
    """Every joint in every activity of one film, from the rows of all sources."""
    found = []
    for activity, part in spans(truth, clip):
        scores = {source: score_clip(row, part) for source, row in rows.items()}
        for joint in (each for each in JOINTS if f"{each}_acc" in part):
            true, step_s = _plane(part["t"], part["t"], part[f"{joint}_acc"])
            mine = {source: _plane(part["t"], row["imu_time_s"], _world(row, joint))[0] for source, row in rows.items()}
            rate_hz = 1 / step_s
            found.append(
                Measured(
                    clip,
                    activity,
                    joint,
                    {source: each[joint] for source, each in scores.items()},
                    {source: bands_of(true, each, rate_hz) for source, each in mine.items()},
                    bands_of(true[::-1], mine[SOURCES[0]], rate_hz),
                )
            )
    return found


def _world(row: Mapping[str, Any], joint: str) -> np.ndarray:
    return np.nan_to_num(np.array(row[f"{joint}_lin_acc_world_m_s2"], float)).reshape(-1, 3)


def _plane(span_s: np.ndarray, time_s: Any, values: np.ndarray) -> tuple[np.ndarray, float]:
    """(m, 2) x and z at 50 Hz within the span, and the step in s."""
    at_s = np.arange(span_s[0] + _TRIM_S, span_s[-1] - _TRIM_S, 0.02)
    return np.stack([np.interp(at_s, time_s, values[:, axis]) for axis in (0, 2)], 1), 0.02


def summary(rows: Iterable[Measured]) -> dict[str, Any]:
    """Medians over joints and activities, by source, and in how many of them flow has the smaller e_plane."""
    rows = list(rows)
    result: dict[str, Any] = {"n": len(rows)}
    for source in SOURCES:
        mine: dict[str, Any] = medians([each.scores[source] for each in rows], NUMBERS)
        mine["bands"] = _bands([each.bands[source] for each in rows])
        result[source] = mine
    result["by chance"] = {"bands": _bands([each.chance for each in rows])}
    both = [[each.scores[source].get("e_plane") for source in SOURCES[:2]] for each in rows]
    better = [flow < landmarks for landmarks, flow in both if landmarks is not None and flow is not None]
    result["better"] = float(np.mean(better)) if better else None
    return result


def _bands(rows: list[list[Band]]) -> dict[str, dict[str, float]]:
    return {
        f"{low}-{high} Hz": {
            "gain": float(np.median([row[at].gain for row in rows])),
            "coherence": float(np.median([row[at].coherence for row in rows])),
        }
        for at, (low, high) in enumerate(BANDS_HZ)
    }


def films(
    masters: Path, work: Path, names: Iterable[str], say: Callable[[str], None]
) -> Iterator[tuple[str, Measured]]:
    """Every measured joint of every film, by condition; one condition after the other."""
    truths = sorted(masters.glob("*.npz"))
    config = Config.model_validate({"simulate": {"placements": placements(truths)}})
    for name, path in ((name, path) for name in names for path in truths):
        condition = CONDITIONS[name]
        master = masters / f"{path.stem}.{condition.master}.mkv"
        if not master.is_file():
            say(f"{master.name}: not there, left out")
            continue
        with np.load(path, allow_pickle=False) as file:
            truth = {each: file[each] for each in file}
        for activity, seconds in too_short(truth):
            say(f"{path.stem}: {activity} lasts {seconds:.1f} s, less than {_LEAST_S:.1f}: left out")
        target = work / f"{path.stem}.{name.replace(' ', '_').replace(',', '')}.mp4"
        film(master, condition, target)
        with tempfile.TemporaryDirectory() as scratch:
            seen = look(target, config, Path(scratch), target.with_suffix(""))
        times_s = seen.item.tables["pose"].column("pose_time_s")[0].values.to_numpy(zero_copy_only=False)
        filmed = truth | {"frame_t": times_s, "fps": np.array(condition.fps), "size": np.array(seen.size_px)}
        tables = {
            "landmarks": {each: value for each, value in seen.item.tables.items() if each != "flow"},
            "flow": seen.item.tables,
            "true landmarks": true_landmarks(seen, filmed),
        }
        rows = {source: simulated(each, seen.item, config) for source, each in tables.items()}
        yield from ((name, each) for each in measure(rows, filmed, path.stem))
        say(f"{path.stem}, {name}")


def evaluate(
    masters: Path, work: Path, names: Iterable[str] = CONDITIONS, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """All tables: by condition, and at the base by joint and by activity."""
    found: dict[str, list[Measured]] = {name: [] for name in names}
    for name, each in films(masters, work, found, say):
        found[name].append(each)
    result: dict[str, Any] = {"conditions": {name: summary(rows) for name, rows in found.items() if rows}}
    if base := found.get(BASE):
        activities = list(dict.fromkeys(each.activity for each in base))
        result["n_clips"] = len({each.clip for each in base})
        result["joints"] = {part: summary(each for each in base if each.joint.endswith(part)) for part in PARTS}
        result["activities"] = {name: summary(each for each in base if each.activity == name) for name in activities}
    return result


def _show(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    shown = {}
    for name, row in rows.items():
        cells = {f"{number}, {source}": row[source][number] for number in ("e_plane", "e_3d") for source in SOURCES}
        shown[name] = cells | {"better": row["better"], "n": float(row["n"])}
    table(title, shown, digits=2)
    for number in ("gain", "coherence"):
        shown = {
            f"{name}, {source}": {band: each[number] for band, each in row[source]["bands"].items()}
            for name, row in rows.items()
            for source in (*SOURCES, "by chance")
        }
        table(f"{title}: {number}", shown, digits=2)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masters", type=Path, required=True, help="folder of NAME.npz and NAME.KIND.mkv")
    parser.add_argument("--work", type=Path, required=True, help="where films and what was seen in them are kept")
    parser.add_argument("--condition", action="append", choices=list(CONDITIONS), help="only these; by default all")
    parser.add_argument("--json", type=Path, help="where to write every table")
    options = parser.parse_args()
    found = evaluate(options.masters, options.work, options.condition or CONDITIONS)
    for title in ("conditions", "joints", "activities"):
        if title in found:
            _show(title.capitalize(), found[title])
    if options.json:
        options.json.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
