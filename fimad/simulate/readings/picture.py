"""A picture of one virtual sensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.simulate.types import ImuSequence

_AXES = ("#c2352b", "#1f7a3d", "#7a3fc4")


def draw_signal(imu: ImuSequence, path: str | Path, placement: str | None) -> None:
    """Specific force and angular rate of a placement over time, each with a band of two standard uncertainties."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SetupError("matplotlib is not installed.", "Pictures need it.", "pip install 'fimad[report]'") from error
    name = placement or (next(iter(imu.signals)) if len(imu.signals) == 1 else None)
    if name is None or name not in imu.signals:
        raise ConfigError(
            f"There is no signal of {name!r}." if name else "There are several placements.",
            "The name is misspelt, or was left out.",
            f"Say which: {', '.join(imu.signals)}.",
        )
    signal = imu.signals[name]
    figure = Figure(figsize=(9, 5), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    for panel, values, sigma, what in (
        (panels[0], signal.acc_m_s2, signal.sigma_m_s2, "specific force, m/s²"),
        (panels[1], signal.gyro_rad_s, signal.gyro_sigma_rad_s, "angular rate, rad/s"),
    ):
        for axis, colour in enumerate(_AXES):
            panel.plot(imu.time_s, values[:, axis], color=colour, lw=1, label="xyz"[axis])
            # Sigma is the error's length; one axis has a third of its square.
            half = 2 * sigma / np.sqrt(3)
            low, high = values[:, axis] - half, values[:, axis] + half
            panel.fill_between(imu.time_s, low, high, color=colour, alpha=0.12, lw=0)
        panel.set_title(f"{name}: {what}", loc="left", fontsize=9)
        panel.grid(alpha=0.2)
    panels[0].legend(ncols=3, fontsize=8, frameon=False)
    panels[1].set_xlabel("time, s")
    figure.savefig(Path(path), dpi=160)
