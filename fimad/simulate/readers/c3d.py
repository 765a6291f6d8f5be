"""C3D, the binary format of optical motion capture (https://www.c3d.org), with ezc3d."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.simulate.readers.markers import UNITS_M, Markers, Up

_UNITS = {
    "meters": "m",
    "metres": "m",
    "millimeters": "mm",
    "millimetres": "mm",
    "centimeters": "cm",
    "inches": "in",
    "feet": "ft",
}
_MOST_LABEL_LISTS = 64


def read(path: Path) -> Markers:
    """Markers of a C3D file. The vertical is that of `POINT:Y_SCREEN`, or z.

    Not measured is what has a residual below 0, and a point in the origin; labels beyond 255 stand in LABELS2, LABELS3, ...
    """
    try:
        import ezc3d
    except ImportError as error:
        raise SetupError("ezc3d is not installed.", "C3D files need it.", "pip install 'fimad[mocap]'") from error
    try:
        file = ezc3d.c3d(str(path))
        point: Any = file["parameters"]["POINT"]
        position = np.moveaxis(np.asarray(file["data"]["points"][:3], float), (0, 1, 2), (2, 1, 0))
        rate_hz = float(point["RATE"]["value"][0])
        names = _labels(point)[: position.shape[1]]
        residual = np.asarray(file["data"]["meta_points"]["residuals"][0], float).T
        if not rate_hz > 0 or not len(names):
            raise ValueError(f"its rate is {rate_hz} Hz and it has {len(names)} points")
    # ezc3d throws what its C++ code throws.
    except (OSError, RuntimeError, KeyError, IndexError, ValueError, TypeError, MemoryError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as C3D: {str(error)[:200]}.", "It is damaged or something else.", ""
        ) from error
    position = position[:, : len(names)].copy()
    position[residual[:, : len(names)] < 0] = np.nan
    unit = str(point["UNITS"]["value"][0]).strip().lower() if len(point.get("UNITS", {}).get("value", [])) else ""
    unit = _UNITS.get(unit, unit)
    return Markers(
        np.arange(len(position), dtype=float) / rate_hz,
        names,
        position,
        unit if unit in UNITS_M else None,
        _vertical(point),
        rate_hz=rate_hz,
        notes={"format": "c3d"},
    )


def _labels(point: Any) -> tuple[str, ...]:
    """Names of all points: a list holds 255 at most, then the next begins."""
    found = [str(name) for name in point["LABELS"]["value"]]
    for number in range(2, _MOST_LABEL_LISTS):
        more = point.get(f"LABELS{number}")
        if more is None:
            break
        found += [str(name) for name in more["value"]]
    return tuple(found)


def _vertical(point: Any) -> Up:
    screen = point.get("Y_SCREEN", {}).get("value", [])
    said = str(screen[0]).strip().lower().removeprefix("+") if len(screen) else ""
    return cast(Up, said) if said in ("x", "y", "z", "-x", "-y", "-z") else "z"
