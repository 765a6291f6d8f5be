"""C3D, the binary format of optical motion capture (https://www.c3d.org), with ezc3d."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.simulate.readers.markers import UNITS_M, Markers, Up


def read(path: Path) -> Markers:
    """Markers of a C3D file; residuals below 0 mean not measured. The vertical is that of `POINT:Y_SCREEN`, or z."""
    try:
        import ezc3d
    except ImportError as error:
        raise SetupError("ezc3d is not installed.", "C3D files need it.", "pip install 'fimad[mocap]'") from error
    try:
        file = ezc3d.c3d(str(path))
        point: Any = file["parameters"]["POINT"]
        position = np.moveaxis(np.asarray(file["data"]["points"][:3], float), (0, 1, 2), (2, 1, 0))
        rate_hz = float(point["RATE"]["value"][0])
        names = tuple(str(name) for name in point["LABELS"]["value"])[: position.shape[1]]
        residual = np.asarray(file["data"]["meta_points"]["residuals"][0], float).T
        if not rate_hz > 0 or not len(names):
            raise ValueError(f"its rate is {rate_hz} Hz and it has {len(names)} points")
    # ezc3d throws what its C++ code throws.
    except (OSError, RuntimeError, KeyError, IndexError, ValueError, TypeError, MemoryError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as C3D: {str(error)[:200]}.", "It is damaged or something else.", ""
        ) from error
    position = position[:, : len(names)]
    position[residual[:, : len(names)] < 0] = np.nan
    unit = str(point["UNITS"]["value"][0]).strip().lower() if len(point.get("UNITS", {}).get("value", [])) else ""
    return Markers(
        np.arange(len(position), dtype=float) / rate_hz,
        names,
        position,
        unit if unit in UNITS_M else None,
        _vertical(point),
    )


def _vertical(point: Any) -> Up:
    screen = point.get("Y_SCREEN", {}).get("value", [])
    return "y" if len(screen) and str(screen[0]).strip().upper().endswith("Y") else "z"
