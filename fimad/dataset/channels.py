"""Readings of one placement, channel by channel, out of datasets and tables: what a calibration is fitted on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from fimad.dataset.reader import open_dataset
from fimad.errors import ConfigError
from fimad.simulate.devices.calibration import ACC, CHANNELS, GYRO
from fimad.simulate.types import Floats

#: Readings by channel, each (n,); channels may differ in length, since only their distributions matter.
Readings = Mapping[str, Floats]

# Worn sensors read about one g on the median, whatever the exercise, and turn at up to 40 rad/s for moments.
_LEAST_MEDIAN_M_S2, _MOST_MEDIAN_M_S2, _MOST_MEDIAN_RAD_S = 4.0, 40.0, 40.0


def virtual_readings(path: str, placement: str, split: str | None = None) -> Readings:
    """Virtual readings of a dataset (folder or URL), or of a table as `device_readings` takes them.

    A Parquet table may also have the columns of the `simulate` artifact: a list for each clip.

    Raises
    ------
    ConfigError : there are none for this placement, or they are calibrated already.
    DatasetError : there is no dataset.
    """
    if Path(path).suffix.lower() in (".parquet", ".csv"):
        table = _table(Path(path))
        listed = f"{placement}_acc_m_s2" in table.column_names
        return _listed(table, path, placement) if listed else device_readings([Path(path)], placement)
    dataset = open_dataset(path)
    if placement not in dataset.placements:
        raise _no_placement(path, placement, dataset.placements)
    chosen = dataset if split is None else dataset.select(split=split)
    wanted = ["imu_report", f"{placement}_acc_m_s2", f"{placement}_gyro_rad_s"]
    return _listed(chosen.table(wanted), path, placement)


def device_readings(paths: Sequence[Path], placement: str) -> Readings:
    """Readings of a real device from CSV or Parquet files, one row per sample.

    Columns are ``acc_x_m_s2`` to ``acc_z_m_s2`` and, if the device has a gyroscope, ``gyro_x_rad_s`` to ``gyro_z_rad_s``; the
    placement's name may stand before them (``left_wrist_acc_x_m_s2``). Others are not looked at.

    Raises
    ------
    ConfigError : a file can't be read, lacks these columns, or is in other units.
    """
    parts: dict[str, list[Floats]] = {}
    for path in paths:
        table = _table(path)
        found = {
            channel: name
            for channel in CHANNELS
            for name in (channel, f"{placement}_{channel}")
            if name in table.column_names
        }
        if not set(ACC) <= found.keys():
            raise ConfigError(
                f"{str(path)!r} has no columns {', '.join(ACC)}; it has {_names(table.column_names)}.",
                "The file has other names, another separator than the comma, or no head line.",
                f"Name the columns {', '.join(CHANNELS)}, in m/s² and rad/s.",
            )
        readings = {
            channel: _numbers(table.column(found[channel]), str(path))
            for channel in (CHANNELS if set(GYRO) <= found.keys() else ACC)
        }
        _check_units(readings, str(path))
        for channel, values in readings.items():
            parts.setdefault(channel, []).append(values)
    # A gyroscope that only some of the files have counts where it is there.
    return {channel: np.concatenate(values) for channel, values in parts.items()}


def _listed(table: pa.Table, path: str, placement: str) -> Readings:
    """The readings of rows that hold one list per clip."""
    if "imu_report" in table.column_names:
        for text in table.column("imu_report").to_pylist():
            _check_report(text, path, placement)
    readings: dict[str, Floats] = {}
    for name, channels in ((f"{placement}_acc_m_s2", ACC), (f"{placement}_gyro_rad_s", GYRO)):
        if name in table.column_names:
            values = _numbers(table.column(name), path)
            if len(values) % 3:
                raise ConfigError(
                    f"{name} in {path!r} holds {len(values)} numbers, which is no multiple of 3.",
                    "The column is not one of fimad's.",
                    "Give a dataset of `fimad build`, or an output of `fimad simulate`.",
                )
            readings |= dict(zip(channels, values.reshape(-1, 3).T, strict=True))
    _check_units(readings, path)
    return readings


def _check_report(text: str | None, path: str, placement: str) -> None:
    try:
        report = json.loads(text or "{}")
    except ValueError:
        return
    if isinstance(report, dict) and placement in (report.get("calibrated") or []):
        raise ConfigError(
            f"The {placement} signals in {path!r} are calibrated already.",
            "They were built with `simulate.calibration`, and a second map on top would be wrong.",
            "Build one without, and fit on that: fimad build --set simulate.calibration= --dataset ANOTHER",
        )


def _check_units(readings: Readings, path: str) -> None:
    acc = _median_length(readings, ACC)
    if not _LEAST_MEDIAN_M_S2 <= acc <= _MOST_MEDIAN_M_S2:
        raise ConfigError(
            f"The accelerations in {path!r} have a median length of {acc:.3g} m/s².",
            "A worn accelerometer reads about 9.81: these are in another unit (g?), gravity was taken off, or there are none.",
            "Give specific force in m/s²: multiply g by 9.80665.",
        )
    turning = _median_length(readings, GYRO) if GYRO[0] in readings else 0.0
    if turning > _MOST_MEDIAN_RAD_S:
        raise ConfigError(
            f"The angular rates in {path!r} have a median length of {turning:.3g} rad/s.",
            "People don't turn so fast: they are in degrees per second.",
            "Give rad/s: multiply degrees per second by 0.0174533.",
        )


def _median_length(readings: Readings, channels: Sequence[str]) -> float:
    length = np.sqrt(sum(readings[name] ** 2 for name in channels))
    finite = length[np.isfinite(length)]
    return float(np.median(finite)) if len(finite) else np.nan


def _table(path: Path) -> pa.Table:
    try:
        table = pq.ParquetFile(path).read() if path.suffix.lower() == ".parquet" else pacsv.read_csv(path)
        names = table.column_names
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{str(path)!r} can't be read: {str(error)[:200]}.",
            "There is no such file, or it is neither CSV (with commas and a head line) nor Parquet.",
            "Give a .csv or .parquet file with one row per sample.",
        ) from error
    twice = sorted(name for name in set(names) if names.count(name) > 1)
    if twice:
        raise ConfigError(
            f"{str(path)!r} has more than one column {twice[0][:40]!r}.",
            "Tables were joined, or the head line is wrong.",
            "Give every column a name of its own.",
        )
    return table


def _numbers(column: pa.ChunkedArray, path: str) -> Floats:
    """A column as (n,) numbers, lists one after the other; empty cells are NaN."""
    try:
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            column = pc.list_flatten(column)
        values: Floats = column.cast(pa.float64()).to_numpy()
    except pa.ArrowException as error:
        raise ConfigError(
            f"A column of {path!r} holds something other than numbers: {str(error)[:200]}.",
            "A unit, a word or a decimal comma stands in it.",
            "Leave cells without a number empty.",
        ) from error
    return values


def _no_placement(path: str, placement: str, there: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"{path!r} has no signals for {placement!r}.",
        "The name is misspelt, or `simulate.placements` does not list it.",
        f"It has: {', '.join(there)}.",
    )


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:12])
    return shown + (", ..." if len(names) > 12 else "") if names else "none"
