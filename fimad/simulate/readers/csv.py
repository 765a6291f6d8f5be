"""CSV: a column of times and three columns for each point, as `time_s`, `left_wrist_x`, `left_wrist_y`, `left_wrist_z`.

Also one row for each point, with its name in a column (`time_s`, `joint`, `x`, `y`, `z`); Motive's exports are read by `motive`.
"""

from __future__ import annotations

import csv as text_csv
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.readers.markers import UNITS_M, Markers
from fimad.simulate.readers.printed import resolution

_FIX = "Columns are time_s and NAME_x, NAME_y, NAME_z (or NAME_x_mm, ...), one row a frame; empty where not measured."
#: Units of a column of times, in s, by the end of its name: time_ms, Timestamp (us), time[s].
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_TIME = re.compile(r"(?:time|timestamp|time ?stamp|t)(?:[ _]*[(\[]?(s|sec|seconds|ms|us|ns)[)\]]?)?", re.IGNORECASE)
#: Names of a column with the name of the point that a row is of.
_POINTS = frozenset(
    ("joint", "joint_name", "jointname", "joint_type", "jointtype", "landmark", "marker", "bone", "name")
)
_LOOKED_AT = 2000
_MOST_POINTS = 1000


def read(path: Path) -> Markers:
    """Markers of a CSV file; by custom z is up. The unit may be part of the columns' names (`left_wrist_x_mm`)."""
    import pyarrow as pa
    from pyarrow import csv

    from fimad.simulate.readers import motive

    try:
        if motive.is_motive(path):
            return motive.read(path)
        table = csv.read_csv(path)
        columns = {name.strip(): table.column(at) for at, name in enumerate(table.column_names)}
        clock = next((name for name in columns if _TIME.fullmatch(name)), None)
        order = list(columns)
        if clock is None:
            raise ConfigError(f"{path.name!r} has no column time_s.", f"It has: {', '.join(columns)[:300]}.", _FIX)
        if {"x", "y", "z"} <= {name.lower() for name in columns} and any(name.lower() in _POINTS for name in columns):
            columns = _spread(columns, clock)
        numbers = {
            name: np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), float)
            for name, column in columns.items()
            if name == clock or _parts(name) is not None
        }
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            at = order.index(clock)
            rows = itertools.islice(text_csv.reader(file), 1, _LOOKED_AT)
            digits = resolution(row[at] for row in rows if len(row) > at)
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, text_csv.Error, OSError) as error:
        raise ConfigError(f"{path.name!r} can't be read as CSV: {error}.", _why(error), _FIX) from error
    markers: dict[str, dict[str, np.ndarray]] = {}
    units = set()
    for name, values in numbers.items():
        parts = _parts(name)
        if parts is not None and name != clock:
            markers.setdefault(parts[0], {})[parts[1]] = values
            units.add(parts[2])
    whole = {name: axes for name, axes in markers.items() if len(axes) == len("xyz")}
    if not whole:
        raise ConfigError(
            f"{path.name!r} has no column such as left_wrist_x.", f"It has: {', '.join(columns)[:300]}.", _FIX
        )
    if len(units) > 1:
        said = ", ".join(sorted(each or "none" for each in units))
        raise ConfigError(
            f"{path.name!r} mixes units: {said}.",
            "Names of columns end in a unit, such as _mm, and not all in the same.",
            _FIX,
        )
    position = np.stack([np.stack([axes[axis] for axis in "xyz"], -1) for axes in whole.values()], 1)
    match = _TIME.fullmatch(clock)
    second = _SECONDS[(match[1] or "").lower() if match else ""]
    return Markers(
        numbers[clock] * second,
        tuple(whole),
        position,
        units.pop(),
        "z",
        resolution_s=digits * second,
        notes={"format": "csv"},
    )


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return "Its disk or network failed while it was read."
    if "columns, got" in str(error):
        return "A row has more or fewer cells than the head; the file may have been cut short."
    return "A cell is no number, or the file is no table."


def _spread(columns: dict[str, Any], clock: str) -> dict[str, Any]:
    """A row for each point as columns for each: one row a time, in the order of times' first rows."""
    import pyarrow as pa

    by_name = {name.lower(): column for name, column in columns.items()}
    names = next(by_name[name] for name in by_name if name in _POINTS).cast(pa.string()).to_pylist()
    times = np.asarray(columns[clock].cast(pa.float64()).to_numpy(zero_copy_only=False), float)
    places = np.stack(
        [np.asarray(by_name[axis].cast(pa.float64()).to_numpy(zero_copy_only=False)) for axis in "xyz"], 1
    )
    if len(set(names)) > _MOST_POINTS:
        raise pa.ArrowInvalid(f"it names {len(set(names))} points, of which {_MOST_POINTS} are read")
    moments = {time: at for at, time in enumerate(dict.fromkeys(times.tolist()))}
    points: dict[str, np.ndarray] = {}
    for name, time, place in zip(names, times.tolist(), places, strict=True):
        points.setdefault(str(name), np.full((len(moments), 3), np.nan))[moments[time]] = place
    spread = {f"{name}_{axis}": pa.array(each[:, at]) for name, each in points.items() for at, axis in enumerate("xyz")}
    return {clock: pa.array(list(moments), pa.float64()), **spread}


def _parts(column: str) -> tuple[str, str, str | None] | None:
    """Marker, axis and unit that a column's name means: `left_wrist_x_mm`, `LWrist.X`, `WristLeft X`."""
    match = re.fullmatch(rf"(.+?)[ _.:/-]?([xyzXYZ])(?:[ _.(\[]({'|'.join(UNITS_M)})[)\]]?)?", column.strip())
    if match is None or (match[2].islower() and not re.search(r"[ _.:/-]$", column[: match.start(2)])):
        return None
    return match[1].rstrip(" _.:/-"), match[2].lower(), match[3]
