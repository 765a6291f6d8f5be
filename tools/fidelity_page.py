"""The tables of docs/fidelity.md and docs/virtual-imu.md: options, and what was measured. `tools.readme` fills them in.

Figures come from what `benchmarks.fidelity` and `tools.draw_fidelity` wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from fimad.config import SimulateConfig
from tools.cells import RESULTS, load, markdown, written

_NUMBERS = {"r": "r", "e_plane": "e_plane", "e_3d": "e_3d", "false_motion": "false motion, m/s²"}
_METHODS = {
    "adaptive": "**fimad's default**",
    "butterworth": "Butterworth, residual analysis",
    "savitzky_golay": "Savitzky-Golay, 0.3 s",
    "kalman": "Kalman and RTS, noise by likelihood",
    "spline_gcv": "smoothing spline, cross-validated",
    "transpose": "TransPose's stencil, n = 4",
    "central": "central difference",
}
_PRODUCT = {"r": "r", "e_plane": "e_plane", "e_3d": "e_3d", "e_force": "e of \\|f\\|", "e_gyro": "e of \\|ω\\|"}
_PRODUCT |= {"orientation_deg": "orientation, °", "within_2s": "within 2σ"}
_KINDS = {
    "people": "rendered people moved by real motion capture",
    "rendered": "rendered people who repeat one exercise",
}
_NOT_PAIRED = "Not measured in the last run: `python -m benchmarks.fidelity --paired DIR`."
# Exercises of the set that are shown: slow ones, jumps, and the worst.
_SHORT_OF_A_ROW = ("BulgSq", "CMJSL", "DropLandDL", "SqSL")
_VIDEOS = {
    "workout": "{}",
    "punch": "Punches at the camera",
    "push_up_side": "Push-ups, from the side",
    "push_up_front": "Push-ups, from the front",
}


def _scores(row: Mapping[str, float | None]) -> list[str]:
    return [written(row.get(name)) for name in _NUMBERS]


def _middle(rows: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """Median of each number over the rows that have it."""
    rows = list(rows)
    values = {name: [row[name] for row in rows if row.get(name) is not None] for name in (*_NUMBERS, "within_2_sigma")}
    return {name: median(each) if each else None for name, each in values.items()}


def readme_rows(results: Path = RESULTS) -> list[str]:
    """Rows of README's table: medians over clips with 95 % intervals by bootstrap, and the worst clip."""
    path = results / "fidelity.json"
    if not path.is_file():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for kind, about in _KINDS.items():
        if kind not in found:
            continue
        default, spread, worst = (found[kind][name] for name in ("default", "intervals", "worst"))
        for number, what in (
            ("r", "correlation r of acceleration"),
            ("e_plane", "relative error in the picture's plane"),
            ("e_3d", "relative error in 3D"),
            ("e_force", "relative error of the length of specific force"),
            ("e_gyro", "relative error of the length of the angular rate"),
        ):
            low, high = spread[number]
            shown = f"{default[number]:.3f} ({low:.3f} to {high:.3f}; worst clip {worst[number]:.3f})"
            rows.append(f"| {about}, {default['n_clips']} clips: {what} | {shown} | `python -m benchmarks.fidelity` |")
        shown = f"{default['within_2s']:.1%}"
        rows.append(
            f"| {about}: errors of specific force within twice the stated σ | {shown} | `python -m benchmarks.fidelity` |"
        )
    return rows


def _product(rows: Mapping[str, Mapping[str, Any]], *extra: str) -> str:
    def cell(number: str, value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:.0%}" if number.startswith("within") else f"{value:.3f}" if number == "r" else f"{value:.2f}"

    numbers = [*_PRODUCT, *extra]
    made = ([name, *(cell(number, row.get(number)) for number in numbers)] for name, row in rows.items())
    return markdown(["", *(_PRODUCT.get(number, number) for number in numbers)], made)


def _product_tables(kind: str) -> dict[str, Callable[[], str]]:
    def found() -> Any:
        return load("fidelity")[kind]

    def methods() -> str:
        return _product(
            {about: found()["methods"][name] for name, about in _METHODS.items() if name in found()["methods"]}
        )

    def clips() -> str:
        rows = {name.replace("_", " "): row for name, row in sorted(found()["clips"].items())}
        return _product(rows | {"**median over clips**": found()["default"]})

    def placements() -> str:
        return _product({f"`{name}`": row for name, row in found()["placements"].items()})

    def sizes() -> str:
        return _product({f"{name} (n = {row['n']})": row for name, row in found()["sizes"].items()})

    def bands() -> str:
        rows = found()["bands"]
        heads = list(next(iter(rows.values())))
        shown = ([_METHODS.get(name, name), *(written(row[head]) for head in heads)] for name, row in rows.items())
        return markdown(["error over truth, picture's plane", *heads], shown)

    def quality() -> str:
        default, risk = found()["default"], found()["risk_coverage"]
        # JSON sorts its keys as text.
        ranked = sorted(risk.items(), key=lambda item: int("".join(filter(str.isdigit, item[0])) or 0))
        rows = [[name, written(value)] for name, value in ranked]
        table = markdown(["sensor-clips by quality", "mean e_3d"], rows)
        said = (
            f"{table}\n\nRank correlation of quality with e_3d over {default['n_sensors']} moving sensor-clips: "
            f"{default['quality_rank']:.2f}. Of the worst tenth, {default['worst_tenth_told']:.0%} have a flag or a quality below 0.5."
        )
        every = load("fidelity")["together"] if kind == "rendered" else None
        if every:
            said += f" Over real and periodic motion together ({every['n_sensors']}): {every['quality_rank']:.2f}."
        return said

    made = {
        "methods": methods,
        "clips": clips,
        "placements": placements,
        "sizes": sizes,
        "bands": bands,
        "quality": quality,
    }
    shown = made if kind == "people" else {name: made[name] for name in ("methods", "clips", "placements", "quality")}
    return {f"{kind}-{name}": table for name, table in shown.items()}


def _own_clips() -> dict[str, Any]:
    """The project's own rendered people: what is done, and the scores."""
    measured = load("demo")
    return {about.format(title): clip for video, about in _VIDEOS.items() for title, clip in measured[video].items()}


def exercises_table() -> str:
    """The project's own rendered people, exercise by exercise."""
    rows = []
    for title, clip in _own_clips().items():
        inside = _middle(clip["placements"].values())["within_2_sigma"]
        rows.append([title, *_scores(clip), "–" if inside is None else f"{inside:.0%}"])
    return markdown(["", *_NUMBERS.values(), "error within 2σ"], rows)


def placements_table() -> str:
    """The demo workout, placement by placement, left and right together."""
    by_place: dict[str, list[Mapping[str, Any]]] = {}
    for clip in load("demo")["workout"].values():
        for name, row in clip["placements"].items():
            by_place.setdefault(name.removeprefix("left_").removeprefix("right_"), []).append(row)
    rows = []
    for name, each in by_place.items():
        middle = _middle(each)
        inside = middle["within_2_sigma"]
        rows.append([f"`{name}`", *_scores(middle), "–" if inside is None else f"{inside:.0%}"])
    return markdown(["", *_NUMBERS.values(), "error within 2σ"], rows)


def pictures_table() -> str:
    """The pictures' signals in numbers, beside a fixed filter's."""
    rows = []
    for methods in load("demo")["cases"].values():
        ours, fixed = methods["adaptive"], methods["savitzky_golay"]
        cells = [", ".join(written(value) for value in each["r"]) for each in (ours, fixed)]
        errors = [written(each["e_3d"]) for each in (ours, fixed)]
        rows.append([ours["title"], cells[0], errors[0], cells[1], errors[1]])
    return markdown(["", "r of x, y, z", "e_3d", "Savitzky-Golay: r of x, y, z", "e_3d"], rows)


def watch_table() -> str:
    """UTD-MHAD: median r of the magnitude, method against method."""
    kinect = load("fidelity").get("utd_mhad")
    if not kinect:
        return _NOT_PAIRED
    rows = []
    for action, ours in kinect["adaptive"].items():
        others = {name: row[action] for name, row in kinect.items() if name != "adaptive"}
        best = max(others, key=others.__getitem__)
        rows.append([action.replace("_", " "), written(ours), written(others[best]), best.replace("_", " ")])
    return markdown(["r", "fimad's default", "best other method", "which"], rows)


def optical_table() -> str:
    """BROAD: r of each axis and the difference, method against method, and what any linear filter could reach."""
    trials = load("fidelity").get("broad")
    if not trials:
        return _NOT_PAIRED

    def axes(values: Iterable[float]) -> str:
        return ", ".join(f"{value:.4f}" for value in values)

    rows = []
    for trial, found in trials.items():
        speed = "slow" if "slow" in trial else "fast"
        fixed = {name: row for name, row in found["methods"].items() if name.startswith("savitzky_golay")}
        best = min(fixed.values(), key=lambda row: row["rms_m_s2"])
        for name, row in (
            ("default", found["methods"]["adaptive"]),
            ("best Savitzky-Golay", best),
            ("Butterworth, residual analysis", found["methods"]["butterworth"]),
            ("central differences", found["methods"]["central"]),
        ):
            within = f"{row['within_2s']:.1%}" if "within_2s" in row else ""
            cells = [axes(row["r_10hz"]), axes(row["r"]), f"{row['rms_m_s2']:.2f} m/s²", within]
            rows.append([f"{speed}, accelerometer, {name}", *cells])
        rows.append([f"{speed}, accelerometer, bound", "", axes(found["methods"]["ceiling"]["r"]), "", ""])
        for name, row in (("default", found["gyroscope"]["adaptive"]), ("no smoothing", found["gyroscope"]["central"])):
            rows.append([f"{speed}, gyroscope, {name}", "", axes(row["r"]), f"{row['rms_rad_s']:.2f} rad/s", ""])
    return markdown(["", "r of x, y, z up to 10 Hz", "r of x, y, z", "RMS difference", "within 2σ"], rows)


def pairs_table() -> str:
    """Real people measured twice at once, by `benchmarks.person_pairs`."""
    found = load("person_pairs")
    rows = []
    for source, about in (("cmu_mbl", "markerless angles, {}"), ("drumpy", "{}"), ("nikonpic", "{}")):
        for name, row in found[source].items():
            if not row["n"] or (source == "cmu_mbl" and name.startswith(_SHORT_OF_A_ROW)):
                continue

            def spread(key: str, row: Mapping[str, Any] = row) -> str:
                if key not in row:
                    return "–"
                low, high = row[f"{key}_quartiles"]
                return f"{row[key]:.2f} ({low:.2f} to {high:.2f}; worst {row[f'{key}_worst']:.2f})"

            cells = [spread(key) for key in ("gyro_r", "gyro_error", "acc_r", "acc_error")]
            degrees = f"{row['orientation_deg']:.0f}°" if "orientation_deg" in row else "–"
            rows.append([about.format(name), str(row["n"]), *cells, degrees])
    heads = ["median (quartiles; worst)", "n", "r of ω", "error of ω", "r of f", "error of f", "orientation"]
    return markdown(heads, rows)


def estimators_table() -> str:
    """Pose estimators on the same videos, by `benchmarks.fidelity --estimator`."""
    rows = []
    for name, found in load("estimators")["people"].items():

        def spread(number: str, found: Mapping[str, Any] = found) -> str:
            (low, high), worst = found["intervals"][number], found["worst"][number]
            return f"{found['default'][number]:.2f} ({low:.2f} to {high:.2f}; worst {worst:.2f})"

        cells = [spread(number) for number in ("r", "e_plane", "e_3d", "e_force", "e_gyro")]
        rows.append([f"`{name}`", str(found["default"]["n_clips"]), *cells, f"{found['default']['within_2s']:.0%}"])
    heads = [
        "median (95 % interval; worst clip)",
        "n",
        "r",
        "e_plane",
        "e_3d",
        "e of \\|f\\|",
        "e of \\|ω\\|",
        "within 2σ",
    ]
    return markdown(heads, rows)


def known_table() -> str:
    """Motions known by formula, clean, 30 frames/s: the worst error of the default method."""
    known = load("fidelity")["analytic"]["known"]
    rows = []
    for name, row in known.items():
        motion, _, rate = name.rpartition("_")
        if rate == "30hz":
            rows.append([motion.replace("_", " "), f"{row['middle_m_s2']:.3f}", f"{row['whole_m_s2']:.3f}"])
    return markdown(["motion", "away from the ends, m/s²", "everywhere, m/s²"], rows)


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
    return markdown(["option", "default", "what it is"], rows)


def drawn_sentence() -> str:
    """When the pictures were drawn, and from what."""
    made = load("demo")["made"]
    return (
        f"The pictures, and the numbers of the project's own people, are of **{made['input']} alone**, drawn on {made['on']} with "
        f"fimad {made['fimad']}: what the pose model finds goes straight to the virtual IMU. A build has the camera stage and the flow of "
        "pixels as well; what it delivers is [scored below](#rendered-people-scored-as-they-are-delivered), and what flow adds "
        "[after that](#landmarks-and-pixels)."
    )


def ends_sentence() -> str:
    """How much worse the ends are."""
    measured = load("demo")["ends"]
    return (
        f"Cut into at 30 moments of the jumping jacks, at all placements, the error is {measured['first_50_ms']:.2f} of the "
        f"true acceleration in the first 50 ms and {measured['middle']:.2f} further in: {measured['ratio']:.1f} times as large."
    )


REFERENCE: dict[str, Callable[[], str]] = {"options": options_table, "known": known_table}


TABLES: dict[str, Callable[[], str]] = {
    **_product_tables("people"),
    **_product_tables("rendered"),
    "exercises": exercises_table,
    "estimators": estimators_table,
    "placements": placements_table,
    "pictures": pictures_table,
    "watch": watch_table,
    "optical": optical_table,
    "drawn": drawn_sentence,
    "ends": ends_sentence,
    "pairs": pairs_table,
}
