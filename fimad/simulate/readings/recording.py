"""Readings of a real sensor, from a table of any make: which columns, which units, whether gravity is in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.types import Floats

#: Units of specific force, in m/s², and of angular rate, in rad/s.
ACC_UNITS = {"m_s2": 1.0, "g": 9.80665, "mg": 9.80665e-3}
GYRO_UNITS = {"rad_s": 1.0, "deg_s": float(np.pi / 180), "mdeg_s": float(np.pi / 180e3)}
_TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_RATES_HZ = (5.0, 4000.0)
# Worn sensors with gravity read about one g on the median; without it, far less.
_GRAVITY_SHARE = (0.7, 1.6)
_ALMOST_NO_GRAVITY = 0.45
# On the median nobody turns faster than this; in degrees anybody who moves does.
_FASTEST_MEDIAN_RAD_S = 12.0
_A_DATE_S = 1e7
_MOST_BYTES = 2 * 1024**3
_FIX = "Say which columns: acc=('ax', 'ay', 'az'), gyro=('gx', 'gy', 'gz'), time='t' (--acc ax,ay,az --gyro gx,gy,gz --time t)."


@dataclass(frozen=True)
class Recording:
    """Readings of one sensor.

    Parameters
    ----------
    time_s : (n,) rising.
    acc_m_s2 : (n, 3) in the sensor's own frame, or None.
    gyro_rad_s : (n, 3) in the sensor's own frame, or None.
    gravity : whether gravity is in `acc_m_s2` (9.81 up at rest), as in all raw readings.
    notes : how the file was read.
    """

    time_s: Floats
    acc_m_s2: Floats | None
    gyro_rad_s: Floats | None = None
    gravity: bool = True
    notes: dict[str, Any] = field(default_factory=dict)


def read_recording(
    path: str | Path,
    *,
    acc: Sequence[str] | None = None,
    gyro: Sequence[str] | None = None,
    time: str | None = None,
    acc_unit: str | None = None,
    gyro_unit: str | None = None,
    rate_hz: float | None = None,
    placement: str = "",
) -> Recording:
    """A recorded CSV or Parquet table as SI units.

    Parameters
    ----------
    path : one row a sample.
    acc, gyro : names of three columns each; by default what they are usually called (``acc_x``, ``ax``, ``AccelX_chest``, ...).
    time : name of the column of times; by default what it is usually called.
    acc_unit, gyro_unit : a key of `ACC_UNITS` and `GYRO_UNITS`; by default from the columns' names, else from the size.
    rate_hz : samples per second, for tables without times.
    placement : where several sensors are in one table, the one whose columns have this in their names.

    Raises
    ------
    ConfigError : no such columns, or units that can't be told.
    """
    columns = _columns(Path(path))
    numbers = {name: each for name, each in columns.items() if each is not None}
    acc = tuple(acc) if acc else _triple(numbers, ("acc", "accel", "accelerometer", "acceleration", "a"), placement)
    gyro = tuple(gyro) if gyro else _triple(numbers, ("gyro", "gyr", "gyroscope", "rotationrate", "w", "g"), placement)
    for name in (*(acc or ()), *(gyro or ()), *([time] if time else [])):
        if name not in numbers:
            raise ConfigError(f"{str(path)!r} has no column {name!r}.", f"It has: {', '.join(columns)[:300]}.", _FIX)
    if acc is None and gyro is None:
        raise ConfigError(
            f"No column of {str(path)!r} looks like a reading of a sensor.",
            f"It has: {', '.join(columns)[:300]}.",
            _FIX,
        )
    notes: dict[str, Any] = {}
    clock = time or _clock(numbers)
    if rate_hz is not None:
        time_s = np.arange(len(next(iter(numbers.values())))) / rate_hz
    elif clock is not None:
        time_s = _seconds(numbers[clock], clock, str(path))
        notes["time_column"] = clock
    else:
        raise ConfigError(
            f"{str(path)!r} has no column of times.",
            f"It has: {', '.join(columns)[:300]}.",
            "Give --time NAME or --rate-hz 100.",
        )
    force = turning = None
    gravity = True
    if acc is not None:
        raw = np.stack([numbers[name] for name in acc], 1)
        force, gravity, unit = _force(raw, acc, acc_unit, str(path))
        notes.update(acc_columns=list(acc), acc_unit=unit, gravity=gravity)
    if gyro is not None:
        raw = np.stack([numbers[name] for name in gyro], 1)
        unit = gyro_unit or _gyro_unit(raw, gyro)
        turning = raw * _factor(GYRO_UNITS, unit)
        notes.update(gyro_columns=list(gyro), gyro_unit=unit)
    rising = np.concatenate([[True], np.diff(time_s) > 0])
    rising &= np.isfinite(time_s)
    if not rising.all():
        notes["rows_left_out"] = int((~rising).sum())
    return Recording(
        time_s[rising],
        None if force is None else force[rising],
        None if turning is None else turning[rising],
        gravity,
        notes,
    )


def _columns(path: Path) -> dict[str, Floats | None]:
    """The columns of a table; None for what holds no numbers."""
    import pyarrow as pa
    from pyarrow import csv
    from pyarrow import parquet as pq

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path.name!r} is larger than 2 GB.", "It is read as a whole.", "Cut it into parts.")
        table = pq.read_table(path) if path.suffix.lower() == ".parquet" else csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(
            f"{str(path)!r} can't be read: {str(error)[:200]}.",
            "It is missing, damaged, or no CSV or Parquet.",
            "Give a table.",
        ) from error
    found: dict[str, Floats | None] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if pa.types.is_timestamp(kind):
            found[name] = np.asarray(column.cast(pa.timestamp("ns")).cast(pa.int64()).to_numpy(), float) * 1e-9
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            found[name] = np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), float)
        else:
            found[name] = None
    return found


def _words(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _triple(columns: dict[str, Floats], kinds: Sequence[str], placement: str) -> tuple[str, ...] | None:
    """The x, y and z of a sensor among columns; with `placement`, of the one that has it in its names."""
    wanted = _words(placement)
    for kind in kinds:
        found: dict[str, dict[str, str]] = {}
        for name in columns:
            plain = _words(name)
            match = re.fullmatch(rf"(.*?)({kind})(?:eration)?(?:s2|ms2)?([xyz])(.*)", plain)
            # A single letter must stand alone: ax, not maxx.
            if match and not (len(kind) == 1 and match[1] and match[1] != wanted):
                found.setdefault(match[1] + "|" + match[4], {})[match[3]] = name
        whole = {key: axes for key, axes in found.items() if len(axes) == len("xyz")}
        mine = {key: axes for key, axes in whole.items() if wanted and wanted in key}
        chosen = mine or whole
        if chosen:
            # The shortest name is the plainest: acc_x before body_acc_x.
            axes = chosen[min(chosen, key=len)]
            return axes["x"], axes["y"], axes["z"]
    return None


def _clock(columns: dict[str, Floats]) -> str | None:
    known = (
        "times",
        "time",
        "timestamp",
        "timestamps",
        "t",
        "timems",
        "millis",
        "secondselapsed",
        "elapseds",
        "timestampms",
    )
    plain = {_words(name): name for name in columns}
    return next((plain[each] for each in known if each in plain), None)


def _seconds(values: Floats, name: str, source: str) -> Floats:
    """Times in s: by the unit in the name, else the one that makes a rate of sensors."""
    step = float(np.median(np.diff(values))) if len(values) > 1 else 0.0
    stated = re.search(r"[_ (\[](ns|us|ms|s)[)\]]?$", name.strip().lower())
    units = [stated[1]] if stated else (["ms"] if "milli" in name.lower() else list(_TIME_UNITS))
    for unit in units:
        if step > 0 and _RATES_HZ[0] <= 1 / (step * _TIME_UNITS[unit]) <= _RATES_HZ[1]:
            # Dates would cost digits; what begins near 0 may share a clock with the virtual readings.
            since = values[0] if values[0] * _TIME_UNITS[unit] > _A_DATE_S else 0.0
            result: Floats = (values - since) * _TIME_UNITS[unit]
            return result
    raise ConfigError(
        f"The times in {name!r} of {source!r} step by {step:.6g}.",
        "No unit of time makes a sensor's rate of that.",
        "Give --rate-hz, or the right column with --time.",
    )


def _factor(units: dict[str, float], unit: str) -> float:
    if unit not in units:
        raise ConfigError(f"There is no unit {unit!r}.", "It is misspelt.", f"Say one of {', '.join(units)}.")
    return units[unit]


def _named_unit(units: dict[str, float], names: Sequence[str]) -> str | None:
    for unit in sorted(units, key=len, reverse=True):
        spelt = {"m_s2": r"m[_/ ]?s\^?2|m/s²", "deg_s": r"deg[_/ ]?s|dps|°/s", "rad_s": r"rad[_/ ]?s"}.get(unit, unit)
        if all(re.search(rf"[_ (\[](?:{spelt})[)\]]?$", name.lower()) for name in names):
            return unit
    return None


def _force(raw: Floats, names: Sequence[str], unit: str | None, source: str) -> tuple[Floats, bool, str]:
    """Specific force in m/s², whether gravity is in it, and the unit it was in."""
    middle = float(np.nanmedian(np.linalg.norm(raw, axis=1)))
    unit = unit or _named_unit(ACC_UNITS, names)
    if unit is None:
        fitting = [
            each
            for each, factor in ACC_UNITS.items()
            if _GRAVITY_SHARE[0] < middle * factor / 9.80665 < _GRAVITY_SHARE[1]
        ]
        if len(fitting) != 1:
            raise ConfigError(
                f"The acceleration in {source!r} has a median size of {middle:.3g}.",
                "That is one g in none of the usual units; gravity may have been removed.",
                f"Say its unit: --acc-unit {'|'.join(ACC_UNITS)}",
            )
        unit = fitting[0]
    factor = _factor(ACC_UNITS, unit)
    return raw * factor, middle * factor > _ALMOST_NO_GRAVITY * 9.80665, unit


def _gyro_unit(raw: Floats, names: Sequence[str]) -> str:
    unit = _named_unit(GYRO_UNITS, names)
    if unit is not None:
        return unit
    size = np.linalg.norm(raw, axis=1)
    # At rest both are small, so that the upper tail decides.
    return "rad_s" if float(np.nanquantile(size, 0.9)) < _FASTEST_MEDIAN_RAD_S else "deg_s"
