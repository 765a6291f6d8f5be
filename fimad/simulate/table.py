"""Virtual readings as one flat table, one row a sample: for people who have a recording and want its sensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from fimad.simulate.types import ImuSequence

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
