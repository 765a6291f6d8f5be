"""TRC, the text format of OpenSim and Pose2Sim: https://opensimconfluence.atlassian.net/wiki/spaces/OpenSim (Marker files)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.readers.markers import UNITS_M, Markers

_HEAD_LINES = 5
_UNITS = {**{unit: unit for unit in UNITS_M}, "meters": "m", "centimeters": "cm", "millimeters": "mm", "inches": "in"}


def read(path: Path) -> Markers:
    """Markers of a TRC file; y is up."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            head = [file.readline().rstrip("\r\n").split("\t") for _ in range(_HEAD_LINES)]
            rows = [line.rstrip("\r\n").split("\t") for line in file if line.strip()]
        settings = dict(zip(head[1], head[2], strict=False))
        names = tuple(name.strip() for name in head[3][2:] if name.strip())
        unit = _UNITS.get(settings["Units"].strip().lower())
        width = 2 + 3 * len(names)
        cells = np.full((len(rows), width), np.nan)
        for at, row in enumerate(rows):
            # Empty cells are markers that were not seen.
            cells[at, : len(row[:width])] = [float(cell) if cell.strip() else np.nan for cell in row[:width]]
        if not names or not len(rows):
            raise ValueError("it has no markers or no frames")
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as TRC: {error}.",
            "TRC files have five header lines, tabs between cells, and DataRate, Units and NumMarkers in the second.",
            "",
        ) from error
    position = cells[:, 2:].reshape(len(rows), len(names), 3)
    # Where a program writes 0 0 0 for what it did not see.
    position[(position == 0).all(2)] = np.nan
    return Markers(cells[:, 1], names, position, unit, "y")
