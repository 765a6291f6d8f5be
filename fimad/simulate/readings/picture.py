"""Pictures of virtual sensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.simulate.types import Floats, ImuSequence

_AXES = ("#c2352b", "#1f7a3d", "#7a3fc4")
_WHAT = ("specific force, m/s²", "angular rate, rad/s")
#: (n, 3) values and (n,) their uncertainty.
_Drawn = tuple[Floats, Floats | None]


def draw_signal(imu: ImuSequence, path: str | Path | None, placement: str | None) -> Any:
    """Specific force and angular rate over time, each with a band of two standard uncertainties, of one placement or of all."""
    if placement is not None and placement not in imu.signals:
        raise ConfigError(
            f"There is no signal of {placement!r}.", "The name is misspelt.", f"Say which: {', '.join(imu.signals)}."
        )
    names = tuple(imu.signals) if placement is None else (placement,)
    pairs = {
        name: ((each.acc_m_s2, each.sigma_m_s2), (each.gyro_rad_s, each.gyro_sigma_rad_s))
        for name, each in imu.signals.items()
        if name in names
    }
    figure = figure_of(names[0], imu.time_s, *pairs[names[0]]) if len(names) == 1 else _figure_of_all(imu.time_s, pairs)
    if path is not None:
        save_figure(figure, path)
    return figure


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


def figure_of(name: str, time_s: Floats, acc: _Drawn, gyro: _Drawn) -> Any:
    """A matplotlib figure of specific force and angular rate, (n, 3) each, with a band of two of its uncertainties (n,).

    Raises `SetupError` without matplotlib.
    """
    figure = _empty((9, 5))
    panels = figure.subplots(2, 1, sharex=True)
    for panel, drawn, what in zip(panels, (acc, gyro), _WHAT, strict=True):
        _draw(panel, time_s, drawn, f"{name}: {what}")
    panels[0].legend(ncols=3, fontsize=8, frameon=False)
    panels[1].set_xlabel("time, s")
    return figure


def _figure_of_all(time_s: Floats, pairs: Mapping[str, tuple[_Drawn, _Drawn]]) -> Any:
    """A row for each placement, specific force at the left and angular rate at the right."""
    figure = _empty((13, 1 + 1.6 * len(pairs)))
    rows = figure.subplots(len(pairs), 2, sharex=True, squeeze=False)
    for row, (name, pair) in zip(rows, pairs.items(), strict=True):
        for panel, drawn, what in zip(row, pair, _WHAT, strict=True):
            _draw(panel, time_s, drawn, f"{name}: {what}")
    if len(rows):
        rows[0, 0].legend(ncols=3, fontsize=8, frameon=False)
        for panel in rows[-1]:
            panel.set_xlabel("time, s")
    return figure


def _empty(size_in: tuple[float, float]) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SetupError("matplotlib is not installed.", "Pictures need it.", "pip install 'fimad[report]'") from error
    return Figure(figsize=size_in, layout="constrained")


def _draw(panel: Any, time_s: Floats, drawn: _Drawn, title: str) -> None:
    values, sigma = drawn
    for axis, colour in enumerate(_AXES):
        panel.plot(time_s, values[:, axis], color=colour, lw=1, label="xyz"[axis])
        if sigma is None:
            continue
        # Sigma is the error's length; one axis has a third of its square.
        half = 2 * sigma / np.sqrt(3)
        low, high = values[:, axis] - half, values[:, axis] + half
        panel.fill_between(time_s, low, high, color=colour, alpha=0.12, lw=0)
    panel.set_title(title, loc="left", fontsize=9)
    panel.grid(alpha=0.2)
