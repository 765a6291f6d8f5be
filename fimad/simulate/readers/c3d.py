"""C3D, the binary format of optical motion capture (https://www.c3d.org), with ezc3d."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.simulate.readers.markers import UNITS_M, Markers, Up
from fimad.simulate.types import Floats

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
# By how much the determinant of a rotation may be off.
_PROPER = 0.01


def read(path: Path) -> Markers:
    """Markers of a C3D file, and its segments (group ROTATION, as Theia3D writes them) with their orientations.

    The vertical is that of `POINT:Y_SCREEN`, or z. Not measured is what has a residual below 0, and a point in the origin; labels
    beyond 255 stand in LABELS2, LABELS3, ...
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
        segments, origin, turns = _segments(file, len(position))
        if not rate_hz > 0 or not len(names) + len(segments):
            raise ValueError(f"its rate is {rate_hz} Hz and it has {len(names)} points")
    # ezc3d throws what its C++ code throws.
    except (OSError, RuntimeError, KeyError, IndexError, ValueError, TypeError, MemoryError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as C3D: {str(error)[:200]}.",
            "It is damaged or something else.",
            "Export it anew as C3D.",
        ) from error
    position = position[:, : len(names)].copy()
    position[residual[:, : len(names)] < 0] = np.nan
    rotation = None
    if segments:
        unknown = np.full((len(position), len(names), 3, 3), np.nan)
        rotation = np.concatenate([unknown, turns], 1)
        names, position = (*names, *segments), np.concatenate([position, origin], 1)
    unit = str(point["UNITS"]["value"][0]).strip().lower() if len(point.get("UNITS", {}).get("value", [])) else ""
    unit = _UNITS.get(unit, unit)
    return Markers(
        np.arange(len(position), dtype=float) / rate_hz,
        names,
        position,
        unit if unit in UNITS_M else None,
        _vertical(point),
        rate_hz=rate_hz,
        rotation=rotation,
        notes={"format": "c3d"},
    )


def _segments(file: Any, frames: int) -> tuple[tuple[str, ...], Floats, Floats]:
    """Names, (n, k, 3) origins and (n, k, 3, 3) orientations of segments at the markers' frames; NaN where not measured."""
    group = file["parameters"].get("ROTATION", {})
    matrices = np.moveaxis(np.asarray(file["data"]["rotations"], float), (2, 3), (1, 0))
    names = [str(name) for name in group.get("LABELS", {}).get("value", [])][: matrices.shape[1]]
    if not frames or not names or not len(matrices) or len(matrices) % frames:
        return (), np.empty((frames, 0, 3)), np.empty((frames, 0, 3, 3))
    # A segment may be measured several times a frame.
    matrices = matrices[:: len(matrices) // frames, : len(names)]
    turns, origin = matrices[..., :3, :3].copy(), matrices[..., :3, 3].copy()
    proper = np.abs(np.linalg.det(np.nan_to_num(turns, posinf=0.0, neginf=0.0)) - 1) < _PROPER
    turns[~proper], origin[~proper] = np.nan, np.nan
    return tuple(re.sub(r"_?4x4$", "", name, flags=re.IGNORECASE) for name in names), origin, turns


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
