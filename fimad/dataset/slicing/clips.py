"""Windows of one clip, every modality on the windows' clock."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fimad.dataset.slicing.between import Between, fill_gaps

if TYPE_CHECKING:
    from fimad.dataset.folding import Clip

# Strides closer than this to whole samples are that.
_WHOLE = 1e-6
# Strides of more lengths than this leave most of a clip out: it is not worth interpolating whole.
_MOST_LENGTHS = 2.0
# What windows need of a clip beside its signals.
_BESIDE = (
    *("clip_id", "label", "title", "split", "start_s", "end_s"),
    *("video_embedding_time_s", "video_embeddings", "transcript_words", "text_embedding"),
)

Empty = Callable[[tuple[int, ...]], NDArray[np.float32]]


def _empty(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.empty(shape, np.float32)


class Space:
    """Memory for clips on their windows' clock, handed from a clip that is done with to the next.

    Pages that are new to the process cost more than what is interpolated into them.
    """

    def __init__(self) -> None:
        self._free: list[NDArray[np.float32]] = []

    def block(self, count: int) -> NDArray[np.float32]:
        """(count or more,) with whatever was there before; give it back when nothing looks at it any more."""
        block = self._free.pop() if self._free else _empty((0,))
        return block if len(block) >= count else _empty((count,))

    def give(self, block: NDArray[np.float32]) -> None:
        """It may be written over."""
        self._free.append(block)


class ClipCutter:
    """Windows of one clip by their numbers; see `windows.clip_windows` for what they hold.

    Where windows are whole samples apart, the clip's signals are put on their clock once, when the first is asked for, and
    windows are copies of slices: most samples lie in several.

    Parameters
    ----------
    clip : with the columns of `windows.columns_for`.
    space : where the clip's signals are put, until `release`; windows are copies of them.
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
        space: Space | None = None,
    ) -> None:
        self.clip, self._fill = clip, fill
        self._space, self._block = Space() if space is None else space, _empty((0,))
        self._length_s, self._rate_hz = length_s, rate_hz
        self._count = max(1, round(length_s * rate_hz))
        self._stride_s = length_s if stride_s is None else stride_s
        self._modalities, self._placements = modalities, placements
        self._signals = [name for name in modalities if name in ("imu", "pose")]
        self._ticks_s = _ticks_s(self._count, rate_hz)
        self._embedded: list[NDArray[np.float32] | None] = []
        self._words: _Words | None = None
        stride = round(self._stride_s * rate_hz)
        whole = stride > 0 and abs(stride - self._stride_s * rate_hz) < _WHOLE and self._count > 1
        self._stride = stride if whole and self._stride_s <= _MOST_LENGTHS * length_s else 0
        self._grid: dict[str, NDArray[Any]] | None = None
        self._lost = np.zeros(0, np.intp)

    def settle(self, last: int) -> None:
        """Put the signals on their clock now, as far as a window needs, and let go of what was read of them."""
        if self._stride and self._signals:
            self._on_the_grid(last * self._stride + self._count)
            self.clip = {name: self.clip[name] for name in _BESIDE if name in self.clip}

    @property
    def held_bytes(self) -> int:
        """Memory that it takes until `release`: that of its signals, and what stands in a clip beside them."""
        beside = [value.nbytes for value in self.clip.values() if isinstance(value, np.ndarray)]
        return 4096 + self._block.nbytes + self._lost.nbytes + sum(beside)

    def release(self) -> None:
        """No further window is asked for."""
        self._grid = None
        self._space.give(self._block)

    def window(self, step: int) -> dict[str, Any]:
        """A window by its number; its arrays are its own."""
        begin_s = float(self.clip["start_s"]) + step * self._stride_s
        whole = False
        if not self._stride:
            window = cut_window(
                self.clip, begin_s, self._count, self._rate_hz, self._length_s, self._modalities, self._placements
            )
        else:
            window = self._beside(step, begin_s)
            first = step * self._stride
            grid = self._on_the_grid(first + self._count) if self._signals else {}
            for name, values in grid.items():
                window[name] = values[first : first + self._count].copy()
            whole = not self._signals or bool(self._lost[first + self._count] == self._lost[first])
        if self._fill != "zero" and not whole:
            _fill(window, self._fill, self._modalities, self._placements)
        return window

    def _beside(self, step: int, begin_s: float) -> dict[str, Any]:
        """What is no signal."""
        window = _head(self.clip, begin_s, begin_s + self._ticks_s)
        if "video_embedding" in self._modalities:
            if len(self._embedded) <= step:
                last = int((float(self.clip["end_s"]) - float(self.clip["start_s"])) / self._stride_s)
                steps = np.arange(max(step, last) + 1)
                begins_s = np.asarray(float(self.clip["start_s"]) + steps * self._stride_s, np.float64)
                self._embedded = _embeddings(self.clip, begins_s, self._length_s)
            embedded = self._embedded[step]
            window["video_embedding"] = None if embedded is None else embedded.copy()
        if "text" in self._modalities:
            if self._words is None:
                self._words = _words(self.clip)
            _text(window, self.clip, self._words, begin_s, begin_s + self._length_s)
        return window

    def _on_the_grid(self, end: int) -> dict[str, NDArray[Any]]:
        """Signals of the clip at the times of all windows, up to a sample at least."""
        if self._grid is None or len(self._lost) <= end:
            start_s, end_s = float(self.clip["start_s"]), float(self.clip["end_s"])
            count = max(end, int(np.ceil((end_s - start_s) * self._rate_hz)))
            width = ("imu" in self._signals) * 6 * len(self._placements) + ("pose" in self._signals) * 132
            self._block = self._space.block(count * width)
            used = 0

            def empty(shape: tuple[int, ...]) -> NDArray[np.float32]:
                nonlocal used
                used += math.prod(shape)
                return self._block[used - math.prod(shape) : used].reshape(shape)

            whole = cut_window(self.clip, start_s, count, self._rate_hz, 0.0, self._signals, self._placements, empty)
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
    empty: Empty = _empty,
) -> dict[str, Any]:
    """One window that begins at a time of the video's clock."""
    time_s = begin_s + _ticks_s(count, rate_hz)
    window = _head(clip, begin_s, time_s)
    if "imu" in modalities:
        _imu(window, clip, time_s, placements, empty)
    if "pose" in modalities:
        _pose(window, clip, time_s, empty)
    if "video_embedding" in modalities:
        window["video_embedding"] = _embeddings(clip, np.asarray([begin_s]), length_s)[0]
    if "text" in modalities:
        _text(window, clip, _words(clip), begin_s, begin_s + length_s)
    return window


@lru_cache(maxsize=8)
def _ticks_s(count: int, rate_hz: float) -> NDArray[np.float64]:
    """(count,) times from 0, the same for all clips."""
    ticks_s = np.arange(count) / rate_hz
    ticks_s.flags.writeable = False
    return ticks_s


def _head(clip: Clip, begin_s: float, time_s: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "clip_id": clip["clip_id"],
        "label": clip["label"],
        "title": clip["title"],
        "split": clip["split"],
        "start_s": begin_s,
        "time_s": time_s,
    }


class _Words(NamedTuple):
    """The middle of each word that was spoken, whether these rise, and the words."""

    middle_s: list[float]
    rising: bool
    texts: list[str]


def _words(clip: Clip) -> _Words:
    words = clip["transcript_words"] or []
    middle_s = [(word["start_s"] + word["end_s"]) / 2 for word in words]
    rising = all(before <= after for before, after in pairwise(middle_s))
    return _Words(middle_s, rising, [word["text"] for word in words])


def _text(window: dict[str, Any], clip: Clip, words: _Words, begin_s: float, end_s: float) -> None:
    middle_s, rising, texts = words
    if rising:
        said = texts[bisect_left(middle_s, begin_s) : bisect_left(middle_s, end_s)]
    else:
        said = [text for at_s, text in zip(middle_s, texts, strict=True) if begin_s <= at_s < end_s]
    window["transcript"] = " ".join(text.strip() for text in said)
    window["text_embedding"] = clip["text_embedding"]


def _imu(
    window: dict[str, Any], clip: Clip, time_s: NDArray[np.float64], placements: Sequence[str], empty: Empty
) -> None:
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
            values = where.mix(where.limited(clip[name], np.asarray(valid, bool)), empty((len(time_s), 3)))
            if not whole:
                values[~good] = 0.0
            window[name] = values
        window[f"{placement}_valid"] = good


def _pose(window: dict[str, Any], clip: Clip, time_s: NDArray[np.float64], empty: Empty) -> None:
    clock, world, visibility = clip["pose_time_s"], clip["pose_world_m"], clip["pose_visibility"]
    if clock is None or world is None or not len(clock):
        window["pose_world_m"] = np.zeros((len(time_s), 33, 3), np.float32)
        window["pose_visibility"] = np.zeros((len(time_s), 33), np.float32)
        window["pose_valid"] = np.zeros(len(time_s), bool)
        return
    where = Between(clock, time_s)
    found = np.isfinite(world[:, 0, 0])
    good = where.valid(found)
    flat = where.limited(world.reshape(len(world), -1), found)
    values = where.mix(flat, empty((len(time_s), 99))).reshape(-1, 33, 3)
    seen = where.mix(visibility.reshape(len(world), -1), empty((len(time_s), 33)))
    if not good.all():
        values[~good] = 0.0
        seen *= good[:, None]
    window["pose_world_m"], window["pose_visibility"] = values, seen
    window["pose_valid"] = good


def _embeddings(clip: Clip, begin_s: NDArray[np.float64], length_s: float) -> list[NDArray[np.float32] | None]:
    """Of each window, the mean of its frames' embeddings at length 1; None where it has no frame."""
    clock, flat = clip["video_embedding_time_s"], clip["video_embeddings"]
    if clock is None or flat is None or not len(clock):
        return [None] * len(begin_s)
    frames = np.asarray(flat, np.float32).reshape(len(clock), -1)
    first, last = np.searchsorted(clock, begin_s), np.searchsorted(clock, begin_s + length_s)
    means: list[NDArray[np.float32] | None] = []
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        mean = np.add.reduce(frames[begin:end])
        length = math.sqrt(mean.dot(mean))
        means.append((mean / length if length > 0 else mean) if begin < end else None)
    return means


def _fill(window: dict[str, Any], fill: str, modalities: Sequence[str], placements: Sequence[str]) -> None:
    if "imu" in modalities:
        for placement in placements:
            good = window[f"{placement}_valid"]
            fill_gaps([window[f"{placement}_acc_m_s2"], window[f"{placement}_gyro_rad_s"]], good, fill)
    if "pose" in modalities:
        fill_gaps([window["pose_world_m"].reshape(len(window["time_s"]), -1)], window["pose_valid"], fill)
