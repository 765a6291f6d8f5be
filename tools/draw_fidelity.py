"""Draws true against virtual acceleration for docs/fidelity.md, from the project's own rendered people. Run by `make docs-images`.

python -m tools.draw_fidelity [--cache DIR]

Landmarks go straight to the virtual IMU, without the camera stage and the flow that a build has as well: that is what
`benchmarks.fidelity` scores. The demo workout comes with its truth; single motions are rendered by `tools.render_workout` (`pip install '.[render]'`). Each
video goes through the real pose model once; DIR keeps what was rendered and found. Scores go to benchmarks/results/demo.json.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fidelity_rendered import pose_of
from benchmarks.fidelity_scores import correlation, rms, score_clip
from fimad import __version__
from fimad.config import Config, SimulateConfig
from fimad.demo import INFO, TRUTH, VIDEO
from fimad.simulate import ImuSequence, PoseSequence, simulate_imu
from fimad.simulate.placements import PLACES

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
RESULTS = ROOT / "benchmarks" / "results" / "demo.json"
DEMO = "workout"

Truth = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One picture.

    Parameters
    ----------
    name : of the file, docs/images/fidelity-NAME.svg.
    title : what is done, and which placement is looked at.
    source : `workout`, or one of `RENDERED`.
    placement : see `PLACES`.
    part_s : the clip, on the video's clock; None takes all of it.
    shown_s : what the picture shows.
    """

    name: str
    title: str
    source: str
    placement: str
    part_s: tuple[float, float] | None
    shown_s: tuple[float, float]


# What is rendered besides the demo: options of `tools.render_workout clip`.
RENDERED = {
    "punch": ("--motion", "punch"),
    "push_up_side": ("--motion", "push_up", "--yaw", "80"),
    "push_up_front": ("--motion", "push_up", "--yaw", "10"),
}

CASES = (
    Case("jack", "Jumping jack: left wrist", DEMO, "left_wrist", (18, 26), (20, 24)),
    Case("squat", "Squat: head", DEMO, "head", (9, 18), (10, 18)),
    Case("lunge-chest", "Reverse lunge: chest", DEMO, "chest", (26, 37), (27, 37)),
    Case("squat-wrist", "Squat, arms brought forwards: left wrist", DEMO, "left_wrist", (9, 18), (10, 18)),
    Case("lunge-ankle", "Reverse lunge: left ankle", DEMO, "left_ankle", (26, 37), (27, 37)),
    Case(
        "press-shoulder", "Overhead press: right shoulder, nearly at rest", DEMO, "right_shoulder", (37, 46), (38, 46)
    ),
    Case("cut", "Jumping jack, cut into in mid-air: left wrist", DEMO, "left_wrist", (20.3, 26), (20.3, 21.3)),
    Case("punch", "Punches at the camera: right wrist", "punch", "right_wrist", None, (1, 6)),
    Case("push-up-chest", "Push-ups, seen from the side: chest", "push_up_side", "chest", None, (1, 7)),
    Case(
        "push-up-elbow",
        "Push-ups, seen from the side: left elbow, hidden",
        "push_up_side",
        "left_elbow",
        None,
        (1, 7),
    ),
    Case("push-up-front", "Push-ups, seen from the front: chest", "push_up_front", "chest", None, (1, 7)),
)

# What the pictures' signals are compared with: the default and the field's usual filter.
METHODS = ("adaptive", "savitzky_golay")

# A clip cut into every so often, in the chapter whose motion is quickest: how good is the virtual IMU there?
_CUTS_S = np.arange(20.0, 23.0, 0.1)
_CUT_CHAPTER_END_S = 26.0
_END_S, _MIDDLE_S = 0.05, (0.3, 2.0)

# Page, grid, ink, x, y, z: light and dark, as in the drawing of the axes.
_LIGHT = ("#fffffe", "#d8dee4", "#24292f", "#cf222e", "#1a7f37", "#0969da")
_DARK = ("#0d1117", "#2b3138", "#d1d7e0", "#ff7b72", "#56d364", "#79c0ff")
_TRUE = "#57606a"
_TRUE_DARK = "#9ea7b3"


def main() -> None:
    """Write the pictures and the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cache", type=Path, help="keep rendered videos and landmarks here; a temporary folder if not given"
    )
    cache: Path | None = parser.parse_args().cache
    with tempfile.TemporaryDirectory() as temporary:
        folder = cache or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sources = {name: _source(name, folder) for name in dict.fromkeys(case.source for case in CASES)}
    IMAGES.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        pose, truth = sources[case.source]
        (IMAGES / f"fidelity-{case.name}.svg").write_text(picture(case, pose, truth), encoding="utf-8")
    result: dict[str, Any] = {name: scores(name, *source) for name, source in sources.items()}
    result["made"] = {"on": f"{datetime.now(UTC):%Y-%m-%d}", "fimad": __version__, "input": "landmarks"}
    result["ends"] = ends(*sources[DEMO])
    result["cases"] = {
        case.name: {method: by_axis(case, *sources[case.source], method) for method in METHODS} for case in CASES
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _source(name: str, folder: Path) -> tuple[PoseSequence, Truth]:
    """Landmarks and truth of a video, rendered and looked at unless `folder` has them."""
    video, truth_path = (VIDEO, TRUTH) if name == DEMO else (folder / f"{name}.mp4", folder / f"{name}.npz")
    if not video.is_file():
        command = [sys.executable, "-m", "tools.render_workout", "clip", *RENDERED[name]]
        subprocess.run([*command, "--out", str(folder.resolve() / name)], check=True, cwd=ROOT)
    kept = folder / f"{name}.pose.npz"
    if not kept.is_file():
        pose = pose_of(video, Config())
        arrays = {part: getattr(pose, part) for part in ("time_s", "image", "world_m", "visibility")}
        np.savez(kept, size=[pose.width_px, pose.height_px], **arrays)
    with np.load(kept, allow_pickle=False) as file:
        width_px, height_px = (int(each) for each in file["size"])
        pose = PoseSequence(file["time_s"], file["image"], file["world_m"], file["visibility"], width_px, height_px)
    with np.load(truth_path, allow_pickle=False) as file:
        truth = {part: file[part].astype(float) for part in file if part == "t" or part.endswith("_acc")}
    return pose, truth


def simulated(pose: PoseSequence, part_s: tuple[float, float] | None, method: str = "adaptive") -> ImuSequence:
    """The virtual IMU of a part of a video, at all placements."""
    if part_s is not None:
        here = (pose.time_s >= part_s[0] - 1e-6) & (pose.time_s < part_s[1])
        parts = ("time_s", "image", "world_m", "visibility")
        pose = replace(pose, **{name: getattr(pose, name)[here] for name in parts})
    return simulate_imu(pose, placements=tuple(PLACES), config=SimulateConfig.model_validate({"method": method}))


def at(truth: Truth, placement: str, time_s: np.ndarray) -> np.ndarray:
    """(m, 3) true world acceleration, m/s², at other times."""
    return np.stack([np.interp(time_s, truth["t"], truth[f"{placement}_acc"][:, axis]) for axis in range(3)], 1)


def scores(name: str, pose: PoseSequence, truth: Truth) -> dict[str, Any]:
    """`score_clip` of each chapter, with how often the error lies within twice the stated uncertainty; and the ends."""
    spans = {name: (float(pose.time_s[0]), float(pose.time_s[-1]) + 1e-3)}
    if name == DEMO:
        chapters = json.loads(INFO.read_text(encoding="utf-8"))["chapters"]
        spans = {each["title"]: (each["start_time"], each["end_time"]) for each in chapters}
    result: dict[str, Any] = {}
    for title, (start_s, end_s) in spans.items():
        imu = simulated(pose, (start_s, end_s))
        now = (truth["t"] >= start_s) & (truth["t"] < end_s)
        found = {place: imu.signals[place].lin_acc_world_m_s2 for place in PLACES}
        clip = score_clip(imu.time_s, found, {part: each[now] for part, each in truth.items()}, tuple(PLACES))
        for place, row in clip["placements"].items():
            error = np.linalg.norm(found[place] - at(truth, place, imu.time_s), axis=1)
            valid = imu.signals[place].valid
            row["valid"] = float(valid.mean())
            row["within_2_sigma"] = (
                float((error < 2 * imu.signals[place].sigma_m_s2)[valid].mean()) if valid.any() else None
            )
        result[title] = clip
    return result


def by_axis(case: Case, pose: PoseSequence, truth: Truth, method: str) -> dict[str, Any]:
    """What a picture shows, as numbers: r of x, y, z, and the errors relative to the truth, over the valid samples."""
    imu = simulated(pose, case.part_s, method)
    signal = imu.signals[case.placement]
    true, found = at(truth, case.placement, imu.time_s)[signal.valid], signal.lin_acc_world_m_s2[signal.valid]
    return {
        "title": case.title,
        "r": [correlation(true[:, axis], found[:, axis]) for axis in range(3)],
        "e_plane": rms((found - true)[:, [0, 2]]) / rms(true[:, [0, 2]]),
        "e_3d": rms(found - true) / rms(true),
        "valid": float(signal.valid.mean()),
    }


def ends(pose: PoseSequence, truth: Truth) -> dict[str, float]:
    """RMS error of all placements within 50 ms of a cut, and further in, as multiples of the true RMS; and their ratio."""
    near, far, true_near, true_far = [], [], [], []
    for start_s in _CUTS_S:
        imu = simulated(pose, (float(start_s), _CUT_CHAPTER_END_S))
        after_s = imu.time_s - imu.time_s[0]
        end, middle = after_s <= _END_S, (after_s > _MIDDLE_S[0]) & (after_s < _MIDDLE_S[1])
        for place in PLACES:
            true = at(truth, place, imu.time_s)
            error = imu.signals[place].lin_acc_world_m_s2 - true
            for here, errors, truths in ((end, near, true_near), (middle, far, true_far)):
                errors.append(rms(error[here]) ** 2)
                truths.append(rms(true[here]) ** 2)
    at_end, inside = (float(np.sqrt(np.mean(a) / np.mean(b))) for a, b in ((near, true_near), (far, true_far)))
    return {"first_50_ms": at_end, "middle": inside, "ratio": at_end / inside}


def picture(case: Case, pose: PoseSequence, truth: Truth) -> str:
    """The SVG of a case: three axes, true and virtual, and the error against the stated uncertainty; dark where the reader's system is."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    imu = simulated(pose, case.part_s)
    signal = imu.signals[case.placement]
    true = at(truth, case.placement, imu.time_s)
    error = signal.lin_acc_world_m_s2 - true
    valid = signal.valid
    shown = (imu.time_s >= case.shown_s[0] - 1e-6) & (imu.time_s <= case.shown_s[1])
    time_s = imu.time_s[shown]
    page, grid, ink, *colours = _LIGHT
    # Text stays text; ids and the head of the file do not change from run to run.
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": case.name,
        "font.family": "sans-serif",
        "font.size": 11,
        "text.color": ink,
        "axes.labelcolor": ink,
        "xtick.color": ink,
        "ytick.color": ink,
        "axes.edgecolor": grid,
        "grid.color": grid,
        "figure.facecolor": page,
        "axes.facecolor": page,
    }
    with plt.rc_context(style):
        figure, panels = plt.subplots(
            4, 1, figsize=(9.2, 6.2), sharex=True, layout="constrained", height_ratios=(1, 1, 1, 0.7)
        )
        figure.suptitle(case.title, x=0.01, ha="left", fontweight="bold")
        limit = 1.1 * max(np.abs(true[shown]).max(), np.nanmax(np.abs(signal.lin_acc_world_m_s2[shown])))
        for axis, panel in enumerate(panels[:3]):
            values = signal.lin_acc_world_m_s2[:, axis]
            panel.plot(time_s, true[shown, axis], color=_TRUE, lw=2.4)
            panel.plot(time_s, values[shown], color=colours[axis], lw=1.5)
            panel.set_ylabel(f"{'xyz'[axis]}, m/s²")
            panel.set_ylim(-limit, limit)
            panel.set_title(
                f"{('to the right', 'away from the camera', 'up')[axis]}: "
                f"r = {round(correlation(true[valid, axis], values[valid]), 2) + 0.0:.2f}, "
                f"error {rms(error[valid][:, [axis]]):.1f} of {rms(true[valid][:, [axis]]):.1f} m/s² RMS",
                fontsize=10,
                loc="left",
            )
        length, twice = np.linalg.norm(error, axis=1), 2 * signal.sigma_m_s2
        panels[3].fill_between(time_s, 0, twice[shown], color=ink, alpha=0.15, lw=0)
        panels[3].plot(time_s, length[shown], color=ink, lw=1.3)
        panels[3].set_ylim(0, 1.1 * np.nanmax([length[shown], twice[shown]]))
        panels[3].set_ylabel("error, m/s²")
        panels[3].set_title(
            f"length of the error; shaded: up to twice the stated uncertainty ({np.mean((length < twice)[valid]):.0%} lie inside)",
            fontsize=10,
            loc="left",
        )
        for panel in panels:
            panel.grid(True, lw=0.6)
            panel.spines[["top", "right"]].set_visible(False)
        lines = [Line2D([], [], color=_TRUE, lw=2.4), *(Line2D([], [], color=each, lw=1.5) for each in colours)]
        figure.legend(lines, ["true", "virtual x", "y", "z"], loc="upper right", ncols=4, frameon=False, fontsize=10)
        panels[0].set_xlim(time_s[0], time_s[-1])
        panels[-1].set_xlabel("time in the video, s")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "figure.svg")
            figure.savefig(path, metadata={"Date": None, "Creator": None})
            text = path.read_text(encoding="utf-8")
        plt.close(figure)
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    # Hundredths of a pixel are enough.
    return _with_dark(re.sub(r"\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}", text))


def _with_dark(svg: str) -> str:
    """The SVG with other colours where the reader's system is dark; readers that don't know of it show the light ones."""
    rules = []
    for light, dark in zip((*_LIGHT, _TRUE), (*_DARK, _TRUE_DARK), strict=True):
        rules += [f'[style*="{part}: {light}"]{{{part}:{dark}!important}}' for part in ("fill", "stroke")]
    return svg.replace("<defs>", f"<style>@media (prefers-color-scheme:dark){{{''.join(rules)}}}</style>\n <defs>", 1)


if __name__ == "__main__":
    main()
