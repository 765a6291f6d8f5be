"""CSV: a column of times and three columns for each point, as `time_s`, `left_wrist_x`, `left_wrist_y`, `left_wrist_z`."""

from __future__ import annotations

import csv as text_csv
import itertools
import re
from pathlib import Path

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.readers.markers import UNITS_M, Markers
from fimad.simulate.readers.printed import resolution

_FIX = "Columns are time_s and NAME_x, NAME_y, NAME_z (or NAME_x_mm, ...), one row a frame; empty where not measured."
#: Names of a column of times, with the seconds of its unit.
_TIMES = {
    "time_s": 1.0,
    "time": 1.0,
    "timestamp": 1.0,
    "timestamp_s": 1.0,
    "t": 1.0,
    "time_ms": 1e-3,
    "timestamp_ms": 1e-3,
}
_LOOKED_AT = 2000


def read(path: Path) -> Markers:
    """Markers of a CSV file; by custom z is up. The unit may be part of the columns' names (`left_wrist_x_mm`)."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        table = csv.read_csv(path)
        columns = {name.strip(): table.column(at) for at, name in enumerate(table.column_names)}
        clock = next((name for name in columns if name.lower() in _TIMES), None)
        if clock is None:
            raise ConfigError(f"{path.name!r} has no column time_s.", f"It has: {', '.join(columns)[:300]}.", _FIX)
        numbers = {
            name: np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), float)
            for name, column in columns.items()
            if name == clock or _parts(name) is not None
        }
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            at = list(columns).index(clock)
            rows = itertools.islice(text_csv.reader(file), 1, _LOOKED_AT)
            digits = resolution(row[at] for row in rows if len(row) > at)
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, text_csv.Error, OSError) as error:
        raise ConfigError(f"{path.name!r} can't be read as CSV: {error}.", "A cell is no number.", _FIX) from error
    markers: dict[str, dict[str, np.ndarray]] = {}
    units = set()
    for name, values in numbers.items():
        parts = _parts(name)
        if parts is not None and name != clock:
            markers.setdefault(parts[0], {})[parts[1]] = values
            units.add(parts[2])
    whole = {name: axes for name, axes in markers.items() if len(axes) == len("xyz")}
    if not whole:
        raise ConfigError(f"{path.name!r} has no column such as left_wrist_x.", "", _FIX)
    if len(units) > 1:
        raise ConfigError(f"{path.name!r} mixes the units {sorted(str(each) for each in units)}.", "", _FIX)
    position = np.stack([np.stack([axes[axis] for axis in "xyz"], -1) for axes in whole.values()], 1)
    second = _TIMES[clock.lower()]
    return Markers(
        numbers[clock] * second,
        tuple(whole),
        position,
        units.pop(),
        "z",
        resolution_s=digits * second,
        notes={"format": "csv"},
    )


def _parts(column: str) -> tuple[str, str, str | None] | None:
    """Marker, axis and unit that a column's name means: `left_wrist_x_mm`, `LWrist.X`, `WristLeft X`."""
    match = re.fullmatch(rf"(.+?)[ _.:/-]?([xyzXYZ])(?:[ _.(\[]({'|'.join(UNITS_M)})[)\]]?)?", column.strip())
    if match is None or (match[2].islower() and not re.search(r"[ _.:/-]$", column[: match.start(2)])):
        return None
    return match[1].rstrip(" _.:/-"), match[2].lower(), match[3]
