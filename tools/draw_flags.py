"""Draws what is flagged, as skeletons only, and writes docs/flags.md. Run by hand on a workspace that holds the clips.

python -m tools.draw_flags --workspace DIR [--out docs/flags.md] VIDEO:FLAG:WORDS ...

VIDEO is the beginning of a video's id, FLAG the flag to show, WORDS what the page calls the clip. Four moments of each clip are
drawn, those in which the flag holds where its times are known. Nothing of the pictures themselves goes into the page.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from fimad.config import load_config
from fimad.flags import FLAGS
from fimad.report.sources import WorkspaceRows, placements_of, rows_of
from fimad.skeleton import BONES, LANDMARK_INDEX, LANDMARKS

OUT = Path(__file__).resolve().parent.parent / "docs" / "flags.md"
_FRAMES = 4
_LEAST_SHARE = 0.01
_HEIGHT = 150.0
_GAP = 8.0
_SIDES = {"left": "#1f77b4", "right": "#d95f02"}
_MIDDLE, _FAINT, _EDGE = "#555555", "#bbbbbb", "#cccccc"


def skeletons(image: np.ndarray, valid: np.ndarray, time_s: np.ndarray, size_px: tuple[int, int]) -> str:
    """An SVG of some frames side by side: the picture's frame, and bones by side; grey where nothing is valid.

    Parameters
    ----------
    image : (f, 33, >=2) x, y in fractions of width and height.
    valid : (f,) whether any placement is valid then.
    time_s : (f,) their times.
    size_px : width and height of the picture.
    """
    width = _HEIGHT * size_px[0] / size_px[1]
    total = len(image) * (width + _GAP) + _GAP
    parts = []
    for at, (points, good, moment) in enumerate(zip(image, valid, time_s, strict=True)):
        left = _GAP + at * (width + _GAP)
        parts.append(
            f'<rect x="{left:.1f}" y="{_GAP}" width="{width:.1f}" height="{_HEIGHT}" fill="#fff" stroke="{_EDGE}"/>'
            f'<text x="{left + 4:.1f}" y="{_GAP + 12}" font-size="10" font-family="sans-serif" fill="{_MIDDLE}">'
            f"{moment:.1f} s{'' if good else ', not valid'}</text>"
        )
        for first, last in BONES:
            a, b = (points[LANDMARK_INDEX[name], :2] for name in (first, last))
            if not (np.isfinite(a).all() and np.isfinite(b).all()):
                continue
            side = first.split("_")[0] if first.split("_")[0] == last.split("_")[0] else ""
            colour = _SIDES.get(side, _MIDDLE) if good else _FAINT
            (x1, y1), (x2, y2) = (np.clip(each, -1, 2) * (width, _HEIGHT) + (left, _GAP) for each in (a, b))
            parts.append(
                f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="2.2" stroke-linecap="round"/>'
            )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total:.0f} {_HEIGHT + 2 * _GAP:.0f}" width="{total:.0f}">'
    return head + "".join(parts) + "</svg>\n"


def _moments(row: dict[str, Any], detail: dict[str, Any]) -> np.ndarray:
    """The frames that are drawn."""
    time_s = row["pose_time_s"]
    image = row["pose_image"].reshape(len(time_s), len(LANDMARKS), 3)
    found = np.flatnonzero(np.isfinite(image[:, 0, 0]))
    spans = detail.get("spans_s")
    if spans:
        longest = max(spans, key=lambda span: span[1] - span[0])
        middle = int(np.argmin(np.abs(time_s[found] - sum(longest) / 2)))
        around = max(2, round(1.2 * (longest[1] - longest[0]) / float(np.median(np.diff(time_s)))))
        at = np.linspace(middle - around, middle + around, _FRAMES)
    else:
        at = np.linspace(0.1, 0.9, _FRAMES) * len(found)
    chosen: np.ndarray = found[np.clip(at.round().astype(int), 0, len(found) - 1)]
    return chosen


def _example(row: dict[str, Any], flag: str, words: str, out: Path) -> str:
    report = json.loads(row["imu_report"])
    detail = report["flags"][flag]
    frames = _moments(row, detail)
    time_s, imu_s = row["pose_time_s"][frames], row["imu_time_s"]
    valid = np.stack([row[f"{name}_valid"] for name in placements_of(list(row))])
    shown = np.clip(np.searchsorted(imu_s, time_s), 0, len(imu_s) - 1)
    name = f"flag-{flag}.svg"
    image = row["pose_image"].reshape(-1, len(LANDMARKS), 3)[frames]
    svg = skeletons(image, np.asarray(valid[:, shown].any(0)), time_s, (row["width_px"], row["height_px"]))
    (out.parent / "images" / name).write_text(svg, encoding="utf-8")
    if "widths" in detail:
        detail = {"the background shifts, in widths of the picture, by up to": detail["widths"]}
    told = ", ".join(f"{key.removesuffix('_s')} {_short(value)}" for key, value in sorted(detail.items()))
    others = ", ".join(f"`{each}`" for each in row["flags"] if each != flag)
    also = f" Also flagged: {others}." if others else ""
    return (
        f"### `{flag}`: {words}\n\n![Skeletons of a clip flagged {flag}](images/{name})\n\n"
        f"{told[:1].upper() + told[1:]}. Samples valid: {valid.mean():.0%}, quality {row['imu_quality']:.2f}.{also}\n"
    )


def _short(value: Any) -> str:
    if isinstance(value, list):
        shown = "; ".join(
            "–".join(f"{each:g}" for each in item) if isinstance(item, list) else str(item) for item in value[:4]
        )
        return shown.replace("_", " ") + (f" and {len(value) - 4} more" if len(value) > 4 else "")
    if isinstance(value, dict):
        items = list(value.items())
        return "; ".join(f"{key.replace('_', ' ')} {each:g}" for key, each in items[:4]) + (
            " …" if len(items) > 4 else ""
        )
    if isinstance(value, float) and value <= 1:
        return f"{value:.0%}" if value >= _LEAST_SHARE else "under 1 %"
    return str(value)


def table() -> str:
    """The vocabulary as a Markdown table."""
    rows = "".join(f"| `{name}` | {flag.about} | {flag.effect} |\n" for name, flag in FLAGS.items())
    return f"| flag | what was found | what follows |\n|---|---|---|\n{rows}"


def main() -> None:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("examples", nargs="+")
    options = parser.parse_args()
    rows = [
        row
        for part in WorkspaceRows(load_config(overrides=(f"workspace={options.workspace}",))).tables()
        for row in rows_of(part)
    ]
    examples = []
    for example in options.examples:
        video, flag, words = example.split(":", 2)
        row = next(each for each in rows if each["video_id"].startswith(video) and flag in each["flags"])
        examples.append(_example(row, flag, words, options.out))
    text = (
        options.out.read_text("utf-8")
        if options.out.exists()
        else "<!-- table --><!-- end --><!-- examples --><!-- end -->"
    )
    for name, content in (("table", table()), ("examples", "\n".join(examples))):
        before, _, rest = text.partition(f"<!-- {name} -->")
        text = f"{before}<!-- {name} -->\n{content}<!-- end -->{rest.partition('<!-- end -->')[2]}"
    options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
