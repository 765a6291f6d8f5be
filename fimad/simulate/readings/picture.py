"""A picture of one virtual sensor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.simulate.types import Floats, ImuSequence

_AXES = ("#c2352b", "#1f7a3d", "#7a3fc4")


def draw_signal(imu: ImuSequence, path: str | Path, placement: str | None) -> None:
    """Specific force and angular rate of a placement over time, each with a band of two standard uncertainties."""
    name = placement or (next(iter(imu.signals)) if len(imu.signals) == 1 else None)
    if name is None or name not in imu.signals:
        raise ConfigError(
            f"There is no signal of {name!r}." if name else "There are several placements.",
            "The name is misspelt, or was left out.",
            f"Say which: {', '.join(imu.signals)}.",
        )
    signal = imu.signals[name]
    figure = figure_of(
        name, imu.time_s, (signal.acc_m_s2, signal.sigma_m_s2), (signal.gyro_rad_s, signal.gyro_sigma_rad_s)
    )
    save_figure(figure, path)


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a matplotlib figure; the suffix chooses PNG, PDF or SVG. Raises `ConfigError` where that can't be done."""
    try:
        figure.savefig(path, dpi=160)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} can't be written: {error}",
            "Its folder does not exist or can't be written to, or the suffix is no format of pictures.",
            "Give a path that ends in .png, .pdf or .svg.",
        ) from error


def figure_of(
    name: str,
    time_s: Floats,
    acc: tuple[Floats, Floats | None],
    gyro: tuple[Floats, Floats | None],
) -> Any:
    """A matplotlib figure of specific force and angular rate, (n, 3) each, with a band of two of its uncertainties (n,).

    Raises `SetupError` without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SetupError("matplotlib is not installed.", "Pictures need it.", "pip install 'fimad[report]'") from error
    figure = Figure(figsize=(9, 5), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    for panel, (values, sigma), what in (
        (panels[0], acc, "specific force, m/s²"),
        (panels[1], gyro, "angular rate, rad/s"),
    ):
        for axis, colour in enumerate(_AXES):
            panel.plot(time_s, values[:, axis], color=colour, lw=1, label="xyz"[axis])
            if sigma is None:
                continue
            # Sigma is the error's length; one axis has a third of its square.
            half = 2 * sigma / np.sqrt(3)
            low, high = values[:, axis] - half, values[:, axis] + half
            panel.fill_between(time_s, low, high, color=colour, alpha=0.12, lw=0)
        panel.set_title(f"{name}: {what}", loc="left", fontsize=9)
        panel.grid(alpha=0.2)
    panels[0].legend(ncols=3, fontsize=8, frameon=False)
    panels[1].set_xlabel("time, s")
    return figure
