"""The tables of docs/fidelity.md and docs/virtual-imu.md: options, and what was measured. `tools.readme` fills them in.

Figures come from what `benchmarks.fidelity` and `tools.draw_fidelity` wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from fimad.config import SimulateConfig

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"

_NUMBERS = {"r": "r", "e_plane": "e_plane", "e_3d": "e_3d", "false_motion": "false motion, m/s²"}
_METHODS = {
    "root+adaptive": "**fimad's default**",
    "root+butterworth": "Butterworth, residual analysis",
    "root+savitzky_golay": "Savitzky-Golay, 0.3 s",
    "root+kalman": "Kalman and RTS, noise by likelihood",
    "root+transpose": "TransPose's stencil, n = 4",
    "root+central": "central difference",
    "hips+savitzky_golay": "hip-centred world landmarks, Savitzky-Golay 0.3 s",
}
_NOT_PAIRED = "Not measured in the last run: `python -m benchmarks.fidelity --paired DIR`."
_VIDEOS = {
    "workout": "{}",
    "punch": "Punches at the camera",
    "push_up_side": "Push-ups, from the side",
    "push_up_front": "Push-ups, from the front",
}


def _load(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-0.00", "0.00")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _scores(row: Mapping[str, float | None]) -> list[str]:
    return [_number(row.get(name)) for name in _NUMBERS]


def _middle(rows: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """Median of each number over the rows that have it."""
    rows = list(rows)
    values = {name: [row[name] for row in rows if row.get(name) is not None] for name in (*_NUMBERS, "within_2_sigma")}
    return {name: median(each) if each else None for name, each in values.items()}


def methods_table() -> str:
    """Method against method on the rendered people of the benchmark."""
    methods = _load("fidelity")["rendered"]["methods"]
    rows = ([about, *_scores(methods[name])] for name, about in _METHODS.items() if name in methods)
    return _table(["", *_NUMBERS.values()], rows)


def clips_table() -> str:
    """The default method, clip by clip and joint by joint, on the rendered people of the benchmark."""
    rendered = _load("fidelity")["rendered"]
    rows = [[name.replace("_", " "), *_scores(clip)] for name, clip in sorted(rendered["clips"].items())]
    rows.append(["**median over clips**", *_scores(rendered["default"])])
    for joint in ("wrist", "elbow", "shoulder", "hip", "knee", "ankle"):
        both = [
            row
            for clip in rendered["clips"].values()
            for name, row in clip["placements"].items()
            if name.endswith(f"_{joint}")
        ]
        rows.append([f"{joint}s of all clips", *_scores(_middle(both))])
    return _table(["", *_NUMBERS.values()], rows)


def _own_clips() -> dict[str, Any]:
    """The project's own rendered people: what is done, and the scores."""
    measured = _load("demo")
    return {about.format(title): clip for video, about in _VIDEOS.items() for title, clip in measured[video].items()}


def exercises_table() -> str:
    """The project's own rendered people, exercise by exercise."""
    rows = []
    for title, clip in _own_clips().items():
        inside = _middle(clip["placements"].values())["within_2_sigma"]
        rows.append([title, *_scores(clip), "–" if inside is None else f"{inside:.0%}"])
    return _table(["", *_NUMBERS.values(), "error within 2σ"], rows)


def placements_table() -> str:
    """The demo workout, placement by placement, left and right together."""
    by_place: dict[str, list[Mapping[str, Any]]] = {}
    for clip in _load("demo")["workout"].values():
        for name, row in clip["placements"].items():
            by_place.setdefault(name.removeprefix("left_").removeprefix("right_"), []).append(row)
    rows = []
    for name, each in by_place.items():
        middle = _middle(each)
        inside = middle["within_2_sigma"]
        rows.append([f"`{name}`", *_scores(middle), "–" if inside is None else f"{inside:.0%}"])
    return _table(["", *_NUMBERS.values(), "error within 2σ"], rows)


def pictures_table() -> str:
    """The pictures' signals in numbers, beside a fixed filter's."""
    rows = []
    for methods in _load("demo")["cases"].values():
        ours, fixed = methods["adaptive"], methods["savitzky_golay"]
        cells = [", ".join(_number(value) for value in each["r"]) for each in (ours, fixed)]
        errors = [_number(each["e_3d"]) for each in (ours, fixed)]
        rows.append([ours["title"], cells[0], errors[0], cells[1], errors[1]])
    return _table(["", "r of x, y, z", "e_3d", "Savitzky-Golay: r of x, y, z", "e_3d"], rows)


def turns_table() -> str:
    """The angular rate on the rendered people of the benchmark, segment by segment."""
    heads = {"r": "r, about the main axis", "e_sight": "error about the line of sight", "e": "error about all axes"}
    turns = _load("fidelity")["rendered"]["turns"]["by_segment"]
    rows = ([name.replace("_", " "), *(_number(row[each]) for each in heads)] for name, row in turns.items())
    return _table(["segment", *heads.values()], rows)


def watch_table() -> str:
    """UTD-MHAD: median r of the magnitude, method against method."""
    kinect = _load("fidelity").get("utd_mhad")
    if not kinect:
        return _NOT_PAIRED
    rows = []
    for action, ours in kinect["adaptive"].items():
        others = {name: row[action] for name, row in kinect.items() if name != "adaptive"}
        best = max(others, key=others.__getitem__)
        rows.append([action.replace("_", " "), _number(ours), _number(others[best]), best.replace("_", " ")])
    return _table(["r", "fimad's default", "best other method", "which"], rows)


def optical_table() -> str:
    """BROAD: r of each axis and the difference, method against method, and what any linear filter could reach."""
    trials = _load("fidelity").get("broad")
    if not trials:
        return _NOT_PAIRED

    def axes(values: Iterable[float]) -> str:
        return ", ".join(f"{value:.4f}" for value in values)

    rows = []
    for trial, found in trials.items():
        speed = "slow" if "slow" in trial else "fast"
        fixed = {name: row for name, row in found["methods"].items() if name.startswith("savitzky_golay")}
        best = min(fixed.values(), key=lambda row: row["rms_m_s2"])
        for name, row in (("default", found["methods"]["adaptive"]), ("best Savitzky-Golay", best)):
            cells = [axes(row["r_10hz"]), axes(row["r"]), f"{row['rms_m_s2']:.2f} m/s²"]
            rows.append([f"{speed}, accelerometer, {name}", *cells])
        rows.append([f"{speed}, accelerometer, bound", "", axes(found["methods"]["ceiling"]["r"]), ""])
        for name, row in (("default", found["gyroscope"]["adaptive"]), ("no smoothing", found["gyroscope"]["central"])):
            rows.append([f"{speed}, gyroscope, {name}", "", axes(row["r"]), f"{row['rms_rad_s']:.2f} rad/s"])
    return _table(["", "r of x, y, z up to 10 Hz", "r of x, y, z", "RMS difference"], rows)


def known_table() -> str:
    """Motions known by formula, clean, 30 frames/s: the worst error of the default method."""
    known = _load("fidelity")["analytic"]["known"]
    rows = []
    for name, row in known.items():
        motion, _, rate = name.rpartition("_")
        if rate == "30hz":
            rows.append([motion.replace("_", " "), f"{row['middle_m_s2']:.3f}", f"{row['whole_m_s2']:.3f}"])
    return _table(["motion", "away from the ends, m/s²", "everywhere, m/s²"], rows)


def options_table() -> str:
    """The section `simulate` of the configuration."""
    rows = []
    for name, field in SimulateConfig.model_fields.items():
        default = field.default
        if isinstance(default, tuple):
            shown = ", ".join(f"`{each}`" for each in default)
        else:
            shown = "unset" if default in (None, "") else f"`{default}`"
        rows.append([f"`{name}`", shown, field.description or ""])
    return _table(["option", "default", "what it is"], rows)


def ends_sentence() -> str:
    """How much worse the ends are."""
    measured = _load("demo")["ends"]
    return (
        f"Cut into at 30 moments of the jumping jacks, at all placements, the error is {measured['first_50_ms']:.2f} of the "
        f"true acceleration in the first 50 ms and {measured['middle']:.2f} further in: {measured['ratio']:.1f} times as large."
    )


REFERENCE: dict[str, Callable[[], str]] = {"options": options_table, "known": known_table}
TABLES: dict[str, Callable[[], str]] = {
    "methods": methods_table,
    "clips": clips_table,
    "exercises": exercises_table,
    "placements": placements_table,
    "pictures": pictures_table,
    "turns": turns_table,
    "watch": watch_table,
    "optical": optical_table,
    "ends": ends_sentence,
}
