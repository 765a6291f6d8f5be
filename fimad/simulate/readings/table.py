"""Virtual readings as one flat table, one row a sample: for people who have a recording and want its sensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError
from fimad.simulate.types import Floats, ImuSequence, PlacementSignal

# Field of `PlacementSignal`, and how its columns end.
_VECTORS = {
    "acc_m_s2": ("acc", "m_s2"),
    "gyro_rad_s": ("gyro", "rad_s"),
    "lin_acc_world_m_s2": ("lin_acc_world", "m_s2"),
}


def flat_table(sequences: Mapping[str, ImuSequence]) -> pa.Table:
    """Sequences by clip, one under the other.

    Columns: `clip_id`, `time_s`, and for each placement `P_acc_x_m_s2` (sensor frame), `P_gyro_x_rad_s`,
    `P_lin_acc_world_x_m_s2`, and so for y and z, `P_orientation_x` to `_w` (unit quaternion, sensor to world), `P_valid`, `P_sigma_m_s2`,
    `P_gyro_sigma_rad_s`; NULL where a reading rests on nothing measured.
    """
    return pa.concat_tables([_one(clip_id, imu) for clip_id, imu in sequences.items()])


def _one(clip_id: str, imu: ImuSequence) -> pa.Table:
    columns: dict[str, pa.Array] = {
        "clip_id": pa.array([clip_id] * len(imu.time_s), pa.string()),
        "time_s": pa.array(imu.time_s, pa.float64()),
    }
    for name, signal in imu.signals.items():
        for field, (kind, unit) in _VECTORS.items():
            values = np.asarray(getattr(signal, field), np.float32)
            for at, axis in enumerate("xyz"):
                columns[f"{name}_{kind}_{axis}_{unit}"] = pa.array(values[:, at], from_pandas=True)
        turns = np.asarray(signal.orientation, np.float32)
        for at, part in enumerate("xyzw"):
            columns[f"{name}_orientation_{part}"] = pa.array(turns[:, at], from_pandas=True)
        columns[f"{name}_valid"] = pa.array(signal.valid)
        for kind in ("sigma_m_s2", "gyro_sigma_rad_s"):
            columns[f"{name}_{kind}"] = pa.array(np.asarray(getattr(signal, kind), np.float32), from_pandas=True)
    return pa.table(columns)


def read_flat_table(path: str | Path) -> dict[str, ImuSequence]:
    """What `flat_table` wrote, by clip. Raises `ConfigError` for any other table."""
    from pyarrow import csv
    from pyarrow import parquet as pq

    path = Path(path)
    try:
        table = csv.read_csv(path) if path.suffix.lower() == ".csv" else pq.read_table(path)
        names = [name.removesuffix("_acc_x_m_s2") for name in table.column_names if name.endswith("_acc_x_m_s2")]
        names = [name for name in names if not name.endswith("_lin")]
        clips = np.asarray(table.column("clip_id").to_pylist())
        if not names:
            raise KeyError("a column such as left_wrist_acc_x_m_s2")
        return {
            str(clip_id): _sequence(table.filter(pa.array(clips == clip_id)), names) for clip_id in dict.fromkeys(clips)
        }
    except (OSError, KeyError, pa.ArrowException) as error:
        raise ConfigError(
            f"{str(path)!r} holds no virtual readings: {str(error)[:200]}.",
            "It is missing, damaged, or no output of `fimad simulate`.",
            "Make one: fimad simulate FILE --out virtual.parquet",
        ) from error


def _sequence(table: pa.Table, names: list[str]) -> ImuSequence:
    def read(*columns: str) -> Floats:
        parts = [
            np.asarray(table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False), float) for name in columns
        ]
        return np.stack(parts, 1) if len(parts) > 1 else parts[0]

    time_s = read("time_s")
    signals = {}
    for name in names:
        turns = read(*(f"{name}_orientation_{part}" for part in "xyzw"))
        known = np.isfinite(turns).all(1)
        rotation = np.full((len(time_s), 3, 3), np.nan)
        if known.any():
            rotation[known] = Rotation.from_quat(turns[known]).as_matrix()
        signals[name] = PlacementSignal(
            acc_m_s2=read(*(f"{name}_acc_{axis}_m_s2" for axis in "xyz")),
            gyro_rad_s=read(*(f"{name}_gyro_{axis}_rad_s" for axis in "xyz")),
            lin_acc_world_m_s2=read(*(f"{name}_lin_acc_world_{axis}_m_s2" for axis in "xyz")),
            rotation=rotation,
            valid=np.asarray(table.column(f"{name}_valid").to_numpy(zero_copy_only=False), bool),
            sigma_m_s2=read(f"{name}_sigma_m_s2"),
            gyro_sigma_rad_s=read(f"{name}_gyro_sigma_rad_s"),
            quality=float("nan"),
        )
    rate_hz = 1 / float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    return ImuSequence(time_s, rate_hz, signals, np.full((len(time_s), 3), np.nan))
