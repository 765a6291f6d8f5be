"""How `to_arrays` cuts windows: gathered at once where samples are the clip's own, else by the code that cuts all windows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.dataset.slicing.between import neighbours
from fimad.dataset.windows import clip_windows
from fimad.storage.parquet import one_chunk

if TYPE_CHECKING:
    from fimad.dataset.reader import Dataset

Floats32 = NDArray[np.float32]
#: Channels by the name that they are asked for: the column's ending.
CHANNELS = {"acc": "acc_m_s2", "gyro": "gyro_rad_s"}
#: Columns that say whose a clip is, the first that is known counts; by what must not be both in training and in test.
WHOSE = {
    "person": ("person", "channel_id", "channel", "video_id"),
    "channel": ("channel_id", "channel", "video_id"),
    "video": ("video_id",),
    "clip": ("clip_id",),
}
# Samples whose times differ by less than this share of their distance are the same.
_SAME = 1e-6


def column_axis(channel: str, axis: str) -> str:
    """``acc``, ``x`` to ``acc_x_m_s2``: the name that other tables of the project have."""
    stem, _, unit = CHANNELS[channel].partition("_")
    return f"{stem}_{axis}_{unit}"


@dataclass(frozen=True)
class Cut:
    """How windows are cut, and the work on one table of clips."""

    count: int
    stride: int
    rate_hz: float
    placements: list[str]
    channels: list[str]
    min_valid: float
    fill: str

    def part(
        self,
        dataset: Dataset,
        table: pa.Table,
        target: str,
        whose: list[str],
        ids: dict[str, int],
        left_out: Counter[str],
    ) -> dict[str, NDArray[Any]]:
        labels = [ids.get(str(name), -1) if name else -1 for name in table.column(target).to_pylist()]
        y = np.asarray(labels, np.int64)
        start, end = (table.column(name).to_numpy() for name in ("start_s", "end_s"))
        length_s, stride_s = self.count / self.rate_hz, self.stride / self.rate_hz
        # The rule of `windows.window_count`, for all clips at once.
        steps = np.where(
            end - start >= length_s - 1e-9, np.floor((end - start - length_s) / stride_s + 1e-9).astype(int) + 1, 0
        )
        if unknown := int((y < 0).sum()):
            left_out[f"clips without a class ({target})"] += unknown
        if short := int(((steps <= 0) & (y >= 0)).sum()):
            left_out["clips shorter than a window"] += short
        steps = np.where(y >= 0, np.maximum(steps, 0), 0)
        row = np.repeat(np.arange(len(steps)), steps)
        step = np.arange(len(row)) - np.repeat(np.cumsum(steps) - steps, steps)
        values = np.empty((len(row), 3 * len(self.channels) * len(self.placements), self.count), np.float32)
        good = np.zeros((len(row), len(self.placements), self.count), bool)
        clock = _Clocks(table, self.rate_hz)
        first = clock.first_samples(start)[row] + step * self.stride
        direct = clock.regular[row] & (first >= 0) & (first + self.count <= clock.lengths[row])
        for at, placement in enumerate(self.placements):
            self._copy(
                table,
                placement,
                at,
                np.flatnonzero(direct & clock.fits(table, placement)[row]),
                row,
                first,
                values,
                good,
            )
        self._cut(dataset, table, np.flatnonzero(~direct), row, step, values, good)
        shares = np.count_nonzero(good, axis=2) / self.count
        kept = shares.min(axis=1) >= self.min_valid - _SAME
        if dropped := int((~kept).sum()):
            left_out[f"windows measured for less than {self.min_valid:g} of their length"] += dropped
        if not kept.all():
            row, step, values, good, shares = row[kept], step[kept], values[kept], good[kept], shares[kept]
        self._bridge(values, good, shares)
        group, stranger = groups_of(table, whose)
        return {
            "X": values,
            "y": y[row],
            "groups": group[row],
            "stranger": stranger[row],
            "valid": good,
            "clip_ids": np.asarray(table.column("clip_id").to_pylist(), dtype=np.str_)[row],
            "start_s": start[row] + step * stride_s,
            "splits": np.asarray(table.column("split").to_pylist(), dtype=np.str_)[row],
        }

    def _copy(
        self,
        table: pa.Table,
        placement: str,
        at: int,
        which: NDArray[np.intp],
        row: NDArray[np.intp],
        first: NDArray[np.intp],
        values: Floats32,
        good: NDArray[np.bool_],
    ) -> None:
        """Windows whose samples are the clip's own, gathered at once."""
        if not len(which):
            return
        width = 3 * len(self.channels)
        for number, channel in enumerate(self.channels):
            flat, offsets = _flat(table, f"{placement}_{CHANNELS[channel]}")
            slices = np.lib.stride_tricks.sliding_window_view(flat.reshape(-1, 3), self.count, axis=0)
            begin = offsets[row[which]] // 3 + first[which]
            place = slice(at * width + 3 * number, at * width + 3 * number + 3)
            if len(which) == len(values):
                values[:, place] = slices[begin]
            else:
                values[which, place] = slices[begin]
        flat, offsets = _flat(table, f"{placement}_valid")
        begin = offsets[row[which]] + first[which]
        good[which, at] = np.lib.stride_tricks.sliding_window_view(flat, self.count)[begin]

    def _cut(
        self,
        dataset: Dataset,
        table: pa.Table,
        which: NDArray[np.intp],
        row: NDArray[np.intp],
        step: NDArray[np.intp],
        values: Floats32,
        good: NDArray[np.bool_],
    ) -> None:
        """Windows of another rate, or that reach beyond the clip's clock."""
        options: dict[str, Any] = {"modalities": ("imu",), "placements": self.placements, "rate_hz": self.rate_hz}
        options |= {"length_s": self.count / self.rate_hz, "stride_s": self.stride / self.rate_hz, "fill": "nan"}
        for number in np.unique(row[which]):
            wanted = {int(step[at]): int(at) for at in which[row[which] == number]}
            clip = next(dataset.fold(table.slice(int(number), 1)))
            for at, window in enumerate(clip_windows(clip, **options)):
                if at not in wanted:
                    continue
                columns = [window[f"{p}_{CHANNELS[c]}"].T for p in self.placements for c in self.channels]
                values[wanted[at]] = np.concatenate(columns)
                good[wanted[at]] = [window[f"{p}_valid"] for p in self.placements]

    def _bridge(self, values: Floats32, good: NDArray[np.bool_], shares: NDArray[np.float64]) -> None:
        width = 3 * len(self.channels)
        for at in range(len(self.placements)):
            some = np.flatnonzero(shares[:, at] < 1)
            # Many windows lack the same samples: those are bridged together.
            patterns, which = np.unique(np.packbits(good[some, at], axis=1), axis=0, return_inverse=True)
            for number in range(len(patterns)):
                windows = some[which.reshape(-1) == number]
                mask = good[windows[0], at]
                part = values[windows, at * width : (at + 1) * width]
                if self.fill == "zero":
                    part[..., ~mask] = 0.0
                elif self.fill == "nan" or not mask.any():
                    part[..., ~mask] = np.nan
                else:
                    missing, left, right, share = neighbours(mask)
                    part[..., missing] = part[..., left] * (1 - share) + part[..., right] * share
                values[windows, at * width : (at + 1) * width] = part


class _Clocks:
    """The IMU clocks of a table of clips, and which of them are the windows' own."""

    def __init__(self, table: pa.Table, rate_hz: float) -> None:
        flat, self.offsets = _flat(table, "imu_time_s")
        self.lengths = np.diff(self.offsets)
        self._flat, self._rate_hz = flat, rate_hz
        steps_off = np.abs(np.diff(flat) * rate_hz - 1) > _SAME
        inner = self.offsets[1:-1]
        steps_off[inner[(inner > 0) & (inner < len(flat))] - 1] = False
        wrong = np.searchsorted(self.offsets, np.flatnonzero(steps_off), side="right") - 1
        self.regular = self.lengths > 0
        self.regular[wrong] = False

    def first_samples(self, start_s: NDArray[np.float64]) -> NDArray[np.intp]:
        """The sample at which each clip begins; where that is none, the clock is not regular."""
        begin = (
            np.where(self.lengths > 0, self._flat[np.minimum(self.offsets[:-1], max(0, len(self._flat) - 1))], 0.0)
            if len(self._flat)
            else start_s
        )
        exact = (start_s - begin) * self._rate_hz
        first: NDArray[np.intp] = np.rint(exact).astype(np.intp)
        self.regular &= np.abs(exact - first) < _SAME * np.maximum(1.0, np.abs(start_s))
        return first

    def fits(self, table: pa.Table, placement: str) -> NDArray[np.bool_]:
        """Clips whose signals of a placement are there, and as long as the clock."""
        result = np.ones(table.num_rows, bool)
        for name, width in (("acc_m_s2", 3), ("gyro_rad_s", 3), ("valid", 1)):
            _, offsets = _flat(table, f"{placement}_{name}")
            result &= np.diff(offsets) == width * self.lengths
        return result


def _flat(table: pa.Table, name: str) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """A column of lists as one array, and where each row's begins (and the last one's ends)."""
    chunk = one_chunk(table.column(name))
    offsets = chunk.offsets.to_numpy()
    return chunk.values.to_numpy(zero_copy_only=False), offsets


def groups_of(table: pa.Table, whose: list[str]) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Whose each clip is, and whether only its video is known."""
    names: list[str] = []
    stranger = np.zeros(table.num_rows, bool)
    for at, known in enumerate(zip(*(table.column(name).to_pylist() for name in whose), strict=True)):
        number = next(number for number, value in enumerate(known) if value)
        names.append(str(known[number]))
        stranger[at] = number == len(whose) - 1
    return np.asarray(names, dtype=np.str_), stranger
