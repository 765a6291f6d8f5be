"""A picture of one clip's signals."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.readings.picture import figure_of, save_figure

if TYPE_CHECKING:
    from fimad.dataset.reader import Dataset


def plot_clip(
    dataset: Dataset, clip_id: str, placement: str | None = None, path: str | os.PathLike[str] | None = None
) -> Any:
    """See `Dataset.plot`."""
    name = placement or next(iter(dataset.placements), "")
    if name not in dataset.placements:
        raise ConfigError(
            f"There is no placement {name!r}." if name else "The dataset has no signals.",
            "The name is misspelt, or was not packed.",
            f"Placements: {', '.join(dataset.placements) or 'none'}.",
        )
    endings = ("acc_m_s2", "sigma_m_s2", "gyro_rad_s", "gyro_sigma_rad_s")
    columns = [f"{name}_{ending}" for ending in endings if f"{name}_{ending}" in dataset.columns]
    clip = dataset.clip(clip_id, ["label", "imu_time_s", *columns])
    acc, acc_sigma, gyro, gyro_sigma = (clip.get(f"{name}_{ending}") for ending in endings)
    if acc is None or gyro is None or not np.isfinite(acc).any():
        raise ConfigError(
            f"{clip_id} has no signals of {name!r}.",
            "Nobody was found in the clip, or the limb is not to be seen.",
            "Choose another clip or placement; dataset.index() has the quality of each clip.",
        )
    figure = figure_of(name, clip["imu_time_s"], (acc, acc_sigma), (gyro, gyro_sigma))
    figure.suptitle(f"{clip_id}: {clip['label'] or 'no label'}", fontsize=10)
    if path is not None:
        save_figure(figure, path)
    return figure
