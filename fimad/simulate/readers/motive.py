"""CSV exports of OptiTrack's Motive: skeletons, rigid bodies and markers (https://docs.optitrack.com/motive/data-export)."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError
from fimad.simulate.readers.markers import Markers
from fimad.simulate.readers.printed import resolution
from fimad.simulate.types import Floats

_FIRST = "format version"
_UNITS = {"meters": "m", "centimeters": "cm", "millimeters": "mm", "inches": "in", "feet": "ft"}
_MOST_HEAD_LINES = 20
_LOOKED_AT = 2000
# What Motive solves for comes before the markers that it solves from.
_KINDS = ("bone", "rigid body", "marker", "bone marker", "rigid body marker")


def is_motive(path: Path) -> bool:
    """Whether a CSV file begins as Motive's exports do."""
    with path.open("rb") as file:
        return file.read(64).decode("utf-8-sig", errors="replace").lower().startswith(_FIRST)


def read(path: Path) -> Markers:
    """Bones with their orientations, else rigid bodies, else markers. y is up; unit and rate stand in the first line.

    Raises `ConfigError` for a file that is cut short, or has no positions.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = csv.reader(file)
            first = next(rows)
            settings = {key.strip().lower(): value.strip() for key, value in zip(first[::2], first[1::2], strict=False)}
            head, axes = _head(rows)
            names, columns, turns = _columns(head, axes, settings.get("rotation type", "quaternion").lower())
            lines = [row for row in rows if len(row) > 1 and row[1].strip()]
        cells = np.full((len(lines), len(axes)), np.nan)
        for at, row in enumerate(lines):
            cells[at, : len(row)] = [float(cell) if cell.strip() else np.nan for cell in row[: len(axes)]]
    except (OSError, csv.Error, StopIteration, ValueError, IndexError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as an export of Motive: {str(error)[:200] or 'it is cut short'}.",
            "It was changed after the export, or holds no positions.",
            "Export it anew as CSV, with header and positions.",
        ) from error
    rate = settings.get("export frame rate") or settings.get("capture frame rate") or ""
    return Markers(
        cells[:, 1],
        names,
        cells[:, columns],
        _UNITS.get(settings.get("length units", "").lower()),
        "y",
        rate_hz=float(rate) if rate.replace(".", "", 1).isdigit() and float(rate) > 0 else None,
        resolution_s=resolution(row[1] for row in lines[:_LOOKED_AT]),
        rotation=None if turns is None else _rotations(cells[:, turns]),
        notes={"format": "motive"},
    )


def _head(rows: Iterable[Sequence[str]]) -> tuple[dict[str, list[str]], list[str]]:
    """The lines above the table by what stands in their second cell (the line of measures by ""), and that of axes."""
    head: dict[str, list[str]] = {}
    for row in itertools.islice(rows, _MOST_HEAD_LINES):
        cells = [cell.strip() for cell in row]
        if cells[:1] == ["Frame"]:
            return head, [cell.lower() for cell in cells]
        if len(cells) > 1:
            head[cells[1].lower()] = cells
    raise ValueError("there is no line that begins with Frame")


def _columns(
    head: dict[str, list[str]], axes: list[str], rotation: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray | None]:
    """Names, (k, 3) columns of their positions, and (k, 4) of their quaternions if all have them."""
    kinds, names, measures = (head.get(key, []) for key in ("type", "name", ""))
    found: dict[tuple[str, str], dict[str, int]] = {}
    for at in range(2, min(len(axes), len(names), len(measures))):
        kind = kinds[at].lower() if at < len(kinds) else "marker"
        if measures[at].lower() in ("position", "rotation"):
            found.setdefault((kind, names[at]), {})[f"{measures[at].lower()} {axes[at]}"] = at
    places = [f"position {axis}" for axis in "xyz"]
    whole = {key: each for key, each in found.items() if all(place in each for place in places)}
    best = next((kind for kind in _KINDS if any(key[0] == kind for key in whole)), None)
    if best is None:
        raise ValueError("no column holds a position")
    chosen = {name: each for (kind, name), each in whole.items() if kind == best}
    positions = np.array([[each[place] for place in places] for each in chosen.values()])
    quaternion = [f"rotation {axis}" for axis in "xyzw"]
    turns = None
    if rotation == "quaternion" and all(part in each for each in chosen.values() for part in quaternion):
        turns = np.array([[each[part] for part in quaternion] for each in chosen.values()])
    return tuple(chosen), positions, turns


def _rotations(quaternion: Floats) -> Floats:
    """(n, k, 3, 3) of (n, k, 4); NaN where none was measured."""
    flat = quaternion.reshape(-1, 4)
    with np.errstate(invalid="ignore"):
        known = np.linalg.norm(flat, axis=1) > 0.5
    result = np.full((len(flat), 3, 3), np.nan)
    if known.any():
        result[known] = Rotation.from_quat(flat[known]).as_matrix()
    return result.reshape(*quaternion.shape[:2], 3, 3)
