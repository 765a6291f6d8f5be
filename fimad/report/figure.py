"""A static figure of one clip for a paper: skeletons at equal steps above the signals of one sensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.report.payload import array, body, pose_of
from fimad.simulate.readings.picture import save_figure
from fimad.skeleton import BONES, LANDMARK_INDEX

_SIDES = {"left": "#0b6bcb", "right": "#b8500b"}
_AXES = ("#c2352b", "#1f7a3d", "#7a3fc4")
_POSES = 9


def write_figure(row: dict[str, Any], path: Path, placement: str) -> None:
    """Write skeletons, acceleration and angular rate of a clip; the suffix chooses PNG, PDF or SVG.

    Raises `ConfigError` where clip, placement or path don't allow it, `SetupError` without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SetupError(
            "matplotlib is not installed.", "It is part of the extra `report`.", "pip install 'fimad[report]'"
        ) from error

    time_s, acc = array(row, "imu_time_s"), array(row, f"{placement}_acc_m_s2", 3)
    gyro, pose = array(row, f"{placement}_gyro_rad_s", 3), pose_of(row)
    if time_s is None or acc is None or gyro is None or pose is None:
        raise ConfigError(
            f"{row['clip_id']} has no signals of {placement!r}.",
            "Nobody was found in the clip, or the placement is misspelt or not in the dataset.",
            "Choose another clip or --placement.",
        )
    start_s = float(row["start_s"])
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    top, force, rate = figure.subplots(3, 1, height_ratios=[1.5, 1, 1])
    _skeletons(top, body(row, pose), start_s, float(time_s[-1] - start_s))
    for axes, values, text in ((force, acc, "Specific force\nm/s²"), (rate, gyro, "Angular rate\nrad/s")):
        for axis, colour in enumerate(_AXES):
            axes.plot(time_s - start_s, values[:, axis], color=colour, linewidth=1.1, label="xyz"[axis])
        axes.set_ylabel(text)
        axes.set_xlim(0, time_s[-1] - start_s)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e2e4e7", linewidth=0.6)
        missing = ~np.isfinite(values).all(1)
        axes.fill_between(time_s - start_s, 0, 1, where=missing, transform=axes.get_xaxis_transform(), color="#e9ebee")
    force.legend(ncols=3, frameon=False, loc="lower right", bbox_to_anchor=(1, 0.97), fontsize=8)
    rate.set_xlabel(f"time, s; virtual sensor on the {placement.replace('_', ' ')}")
    save_figure(figure, path)


def _skeletons(axes: Any, tracks: Any, start_s: float, length_s: float) -> None:
    """Skeletons from the front, each at its time."""
    seen = np.flatnonzero(np.isfinite(tracks.position_m).all((1, 2)))
    axes.axis("off")
    if not len(seen):
        return
    step = length_s / _POSES
    low, high = (float(v) for v in np.nanpercentile(tracks.position_m[..., 2], [0.2, 99.8]))
    # Metres are drawn to the same scale both ways: the axes are 8 by 2.2 inches.
    scale = 2.0 / (high - low + 0.2) * length_s / 7.4
    for number in range(_POSES):
        middle = (number + 0.5) * step
        at = seen[np.abs(tracks.time_s[seen] - start_s - middle).argmin()]
        points = tracks.position_m[at]
        x = middle + (points[:, 0] - points[[23, 24], 0].mean()) * scale
        for a, b in BONES:
            side = a.split("_")[0] if a.split("_")[0] == b.split("_")[0] else ""
            ends = [LANDMARK_INDEX[a], LANDMARK_INDEX[b]]
            axes.plot(
                x[ends],
                points[ends, 2],
                color=_SIDES.get(side, "#3d444c"),
                linewidth=1.8,
                solid_capstyle="round",
                clip_on=False,
            )
        head, neck = points[[7, 8]].mean(0), points[[11, 12]].mean(0)
        column = middle + (np.array([head[0], neck[0]]) - points[[23, 24], 0].mean()) * scale
        axes.plot(column, [head[2], neck[2]], color="#3d444c", linewidth=1.8, clip_on=False)
        axes.scatter(column[:1], head[2:], s=110, color="#3d444c", linewidths=0, clip_on=False)
    axes.set_xlim(0, length_s)
    axes.set_ylim(low - 0.1, high + 0.1)
