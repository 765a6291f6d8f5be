"""Windows of one clip, every modality on the windows' clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fimad.dataset.slicing.between import Between, fill_gaps

if TYPE_CHECKING:
    from fimad.dataset.reader import Clip

# Strides closer than this to whole samples are that.
_WHOLE = 1e-6
# Strides of more lengths than this leave most of a clip out: it is not worth interpolating whole.
_MOST_LENGTHS = 2.0


class ClipCutter:
    """Windows of one clip by their numbers; see `windows.clip_windows` for what they hold.

    Where windows are whole samples apart, the clip's signals are put on their clock once, when the first is asked for, and
    windows are copies of slices: most samples lie in several.

    Parameters
    ----------
    clip : with the columns of `windows.columns_for`.
    """

    def __init__(
        self,
        clip: Clip,
        *,
        length_s: float,
        stride_s: float | None,
        rate_hz: float,
        modalities: Sequence[str],
        placements: Sequence[str],
        fill: str,
    ) -> None:
        self.clip, self._fill = clip, fill
        self._length_s, self._rate_hz = length_s, rate_hz
        self._stride_s = length_s if stride_s is None else stride_s
        self._modalities, self._placements = modalities, placements
        self._count = max(1, round(length_s * rate_hz))
        stride = round(self._stride_s * rate_hz)
        whole = stride > 0 and abs(stride - self._stride_s * rate_hz) < _WHOLE and self._count > 1
        self._stride = stride if whole and self._stride_s <= _MOST_LENGTHS * length_s else 0
        self._grid: dict[str, NDArray[Any]] | None = None
        self._lost = np.zeros(0, np.intp)

    def window(self, step: int) -> dict[str, Any]:
        """A window by its number; its arrays are its own."""
        begin_s = float(self.clip["start_s"]) + step * self._stride_s
        whole = False
        if not self._stride:
            window = cut_window(
                self.clip, begin_s, self._count, self._rate_hz, self._length_s, self._modalities, self._placements
            )
        else:
            signals = [name for name in self._modalities if name in ("imu", "pose")]
            rest = [name for name in self._modalities if name not in signals]
            window = cut_window(self.clip, begin_s, self._count, self._rate_hz, self._length_s, rest, ())
            first = step * self._stride
            grid = self._on_the_grid(signals, first + self._count) if signals else {}
            for name, values in grid.items():
                window[name] = values[first : first + self._count].copy()
            whole = not signals or bool(self._lost[first + self._count] == self._lost[first])
        if self._fill != "zero" and not whole:
            _fill(window, self._fill, self._modalities, self._placements)
        return window

    def _on_the_grid(self, signals: Sequence[str], end: int) -> dict[str, NDArray[Any]]:
        """Signals of the clip at the times of all windows, up to a sample at least."""
        if self._grid is None or len(self._lost) <= end:
            start_s, end_s = float(self.clip["start_s"]), float(self.clip["end_s"])
            count = max(end, int(np.ceil((end_s - start_s) * self._rate_hz)))
            whole = cut_window(
                self.clip, start_s, count, self._rate_hz, count / self._rate_hz, signals, self._placements
            )
            self._grid = {
                name: values for name, values in whole.items() if isinstance(values, np.ndarray) and name != "time_s"
            }
            # How many samples before each lack something: windows without any need no filling.
            lost = np.zeros(count, bool)
            for name, values in self._grid.items():
                lost |= ~values if name.endswith("_valid") else False
            self._lost = np.concatenate([[0], np.cumsum(lost)])
        return self._grid


def cut_window(
    clip: Clip,
    begin_s: float,
    count: int,
    rate_hz: float,
    length_s: float,
    modalities: Sequence[str],
    placements: Sequence[str],
) -> dict[str, Any]:
    """One window that begins at a time of the video's clock."""
    time_s = begin_s + np.arange(count) / rate_hz
    window: dict[str, Any] = {name: clip[name] for name in ("clip_id", "label", "title", "split")}
    window["start_s"], window["time_s"] = begin_s, time_s
    if "imu" in modalities:
        _imu(window, clip, time_s, placements)
    if "pose" in modalities:
        _pose(window, clip, time_s)
    if "video_embedding" in modalities:
        window["video_embedding"] = _embedding(clip, begin_s, begin_s + length_s)
    if "text" in modalities:
        words = clip["transcript_words"] or []
        inside = [w["text"] for w in words if begin_s <= (w["start_s"] + w["end_s"]) / 2 < begin_s + length_s]
        window["transcript"] = " ".join(word.strip() for word in inside)
        window["text_embedding"] = clip["text_embedding"]
    return window


def _imu(window: dict[str, Any], clip: Clip, time_s: NDArray[np.float64], placements: Sequence[str]) -> None:
    clock = clip["imu_time_s"]
    where = None if clock is None or not len(clock) else Between(clock, time_s)
    for placement in placements:
        names = (f"{placement}_acc_m_s2", f"{placement}_gyro_rad_s")
        valid = clip[f"{placement}_valid"]
        if where is None or valid is None:
            for name in names:
                window[name] = np.zeros((len(time_s), 3), np.float32)
            window[f"{placement}_valid"] = np.zeros(len(time_s), bool)
            continue
        good = where.valid(np.asarray(valid, bool))
        whole = bool(good.all())
        for name in names:
            values = where.mix(where.limited(clip[name], np.asarray(valid, bool)))
            if not whole:
                values[~good] = 0.0
            window[name] = values
        window[f"{placement}_valid"] = good


def _pose(window: dict[str, Any], clip: Clip, time_s: NDArray[np.float64]) -> None:
    clock, world, visibility = clip["pose_time_s"], clip["pose_world_m"], clip["pose_visibility"]
    if clock is None or world is None or not len(clock):
        window["pose_world_m"] = np.zeros((len(time_s), 33, 3), np.float32)
        window["pose_visibility"] = np.zeros((len(time_s), 33), np.float32)
        window["pose_valid"] = np.zeros(len(time_s), bool)
        return
    where = Between(clock, time_s)
    found = np.isfinite(world[:, 0, 0])
    good = where.valid(found)
    values = where.mix(where.limited(world.reshape(len(world), -1), found)).reshape(-1, 33, 3)
    seen = where.mix(visibility.reshape(len(world), -1))
    if not good.all():
        values[~good] = 0.0
        seen *= good[:, None]
    window["pose_world_m"], window["pose_visibility"] = values, seen
    window["pose_valid"] = good


def _embedding(clip: Clip, begin_s: float, end_s: float) -> NDArray[np.float32] | None:
    clock, flat = clip["video_embedding_time_s"], clip["video_embeddings"]
    if clock is None or flat is None or not len(clock):
        return None
    frames = np.asarray(flat, np.float32).reshape(len(clock), -1)
    first, last = np.searchsorted(clock, (begin_s, end_s))
    if first >= last:
        return None
    mean = np.add.reduce(frames[first:last]) / np.float32(last - first)
    length = float(np.sqrt(mean @ mean))
    result: NDArray[np.float32] = mean / length if length > 0 else mean
    return result


def _fill(window: dict[str, Any], fill: str, modalities: Sequence[str], placements: Sequence[str]) -> None:
    if "imu" in modalities:
        for placement in placements:
            good = window[f"{placement}_valid"]
            for name in (f"{placement}_acc_m_s2", f"{placement}_gyro_rad_s"):
                fill_gaps(window[name], good, fill)
    if "pose" in modalities:
        fill_gaps(window["pose_world_m"].reshape(len(window["time_s"]), -1), window["pose_valid"], fill)
