"""CSV: a column `time_s`, and three columns for each landmark, as `left_wrist_x`, `left_wrist_y`, `left_wrist_z`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.readers.markers import UNITS_M, Markers

_FIX = "Columns are time_s and NAME_x, NAME_y, NAME_z (or NAME_x_mm, ...), one row a frame; empty where not measured."


def read(path: Path) -> Markers:
    """Markers of a CSV file; the unit may be part of the columns' names (`left_wrist_x_mm`)."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        table = csv.read_csv(path)
        columns = {name: table.column(name) for name in table.column_names}
        if "time_s" not in columns:
            raise ConfigError(f"{path.name!r} has no column time_s.", f"It has: {', '.join(columns)[:300]}.", _FIX)
        numbers = {
            name: np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), float)
            for name, column in columns.items()
            if name == "time_s" or _parts(name) is not None
        }
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError) as error:
        raise ConfigError(f"{path.name!r} can't be read as CSV: {error}.", "A cell is no number.", _FIX) from error
    markers: dict[str, dict[str, np.ndarray]] = {}
    units = set()
    for name, values in numbers.items():
        parts = _parts(name)
        if parts is not None:
            markers.setdefault(parts[0], {})[parts[1]] = values
            units.add(parts[2])
    whole = {name: axes for name, axes in markers.items() if len(axes) == len("xyz")}
    if not whole:
        raise ConfigError(f"{path.name!r} has no column such as left_wrist_x.", "", _FIX)
    if len(units) > 1:
        raise ConfigError(f"{path.name!r} mixes the units {sorted(str(each) for each in units)}.", "", _FIX)
    position = np.stack([np.stack([axes[axis] for axis in "xyz"], -1) for axes in whole.values()], 1)
    return Markers(numbers["time_s"], tuple(whole), position, units.pop(), "z")


def _parts(column: str) -> tuple[str, str, str | None] | None:
    """Marker, axis and unit that a column's name means."""
    name, _, last = column.rpartition("_")
    unit = last if last in UNITS_M else None
    if unit is not None:
        name, _, last = name.rpartition("_")
    return (name, last, unit) if name and last in set("xyz") else None
