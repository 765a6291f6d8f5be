"""TRC, the text format of OpenSim and Pose2Sim: https://opensimconfluence.atlassian.net/wiki/spaces/OpenSim (Marker files)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.readers.markers import UNITS_M, Markers
from fimad.simulate.readers.printed import resolution

_HEAD_LINES = 5
_PICTURES = frozenset(("px", "pixel", "pixels"))
_UNITS = {**{unit: unit for unit in UNITS_M}, "meters": "m", "centimeters": "cm", "millimeters": "mm", "inches": "in"}


def read(path: Path) -> Markers:
    """Markers of a TRC file; by custom y is up. Empty cells and 0 0 0 are what was not seen."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            head = [file.readline().rstrip("\r\n").split("\t") for _ in range(_HEAD_LINES)]
            rows = [line.rstrip("\r\n").split("\t") for line in file if line.strip()]
        # Some programs put two tabs between settings.
        settings = dict(zip(*([cell.strip() for cell in line if cell.strip()] for line in head[1:3]), strict=False))
        names = tuple(name.strip() for name in head[3][2:] if name.strip())
        if settings["Units"].lower() in _PICTURES:
            raise ConfigError(
                f"{path.name!r} holds pixels.",
                "It is one camera's picture, as Sports2D writes it beside its result in metres.",
                "Give the file in metres (..._m_person00.trc), or the video itself to `fimad build`.",
            )
        unit = _UNITS.get(settings["Units"].lower())
        width = 2 + 3 * len(names)
        cells = np.full((len(rows), width), np.nan)
        for at, row in enumerate(rows):
            # Empty cells are markers that were not seen.
            cells[at, : len(row[:width])] = [float(cell) if cell.strip() else np.nan for cell in row[:width]]
        if not names or not len(rows):
            raise ValueError("it has no markers or no frames")
        rate_hz = float(settings.get("DataRate", 0))
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as TRC: {error}.",
            "TRC files have five header lines, tabs between cells, and DataRate, Units and NumMarkers in the second.",
            "Export it anew as TRC.",
        ) from error
    return Markers(
        cells[:, 1],
        names,
        cells[:, 2:].reshape(len(rows), len(names), 3),
        unit,
        "y",
        rate_hz=rate_hz if rate_hz > 0 else None,
        resolution_s=resolution(row[1] for row in rows if len(row) > 1),
        notes={"format": "trc"},
    )
