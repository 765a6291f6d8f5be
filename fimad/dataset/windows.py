"""Windows: fixed-length slices of clips, with every modality on one clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fimad.errors import ConfigError

if TYPE_CHECKING:
    from fimad.dataset.reader import Clip, Dataset

MODALITIES = ("imu", "pose", "video_embedding", "text")
#: What stands where nothing was measured in a window that is kept.
FILLS = ("linear", "nan", "zero")
# Times closer than this share of a sample's distance are the same.
_SAME = 1e-6
# A window's rate below this share of the clock's is a lower one.
_LOWER = 0.98
# Neighbours further apart (and more than three samples' distance) have a hole between them.
_HOLE_S = 0.5
_ALWAYS = ("clip_id", "label", "title", "split", "start_s", "end_s")


def columns_for(modalities: Sequence[str], placements: Sequence[str]) -> list[str]:
    """The columns that windows of these modalities read."""
    names = list(_ALWAYS)
    if "imu" in modalities:
        names.append("imu_time_s")
        for placement in placements:
            names += [f"{placement}_acc_m_s2", f"{placement}_gyro_rad_s", f"{placement}_valid"]
    if "pose" in modalities:
        names += ["pose_time_s", "pose_world_m", "pose_visibility"]
    if "video_embedding" in modalities:
        names += ["video_embedding_time_s", "video_embeddings"]
    if "text" in modalities:
        names += ["transcript_words", "text_embedding"]
    return names


def iter_windows(
    dataset: Dataset,
    *,
    length_s: float = 5.0,
    stride_s: float | None = None,
    rate_hz: float = 50.0,
    modalities: Sequence[str] = ("imu",),
    placements: Sequence[str] | None = None,
    pad: bool = False,
    min_valid: float = 0.8,
    fill: str = "linear",
) -> Iterator[dict[str, Any]]:
    """Slices of every clip of a dataset; see `clip_windows`. Options are checked at once, not at the first window."""
    placements = check_options(dataset, length_s, stride_s, rate_hz, modalities, placements, min_valid, fill)
    dataset.check_not_empty()

    def walk() -> Iterator[dict[str, Any]]:
        for clip in dataset.clips(columns_for(modalities, placements)):
            yield from clip_windows(
                clip,
                length_s=length_s,
                stride_s=stride_s,
                rate_hz=rate_hz,
                modalities=modalities,
                placements=placements,
                pad=pad,
                min_valid=min_valid,
                fill=fill,
            )

    return walk()


def check_options(
    dataset: Dataset,
    length_s: float,
    stride_s: float | None,
    rate_hz: float,
    modalities: Sequence[str],
    placements: str | Sequence[str] | None,
    min_valid: float = 0.0,
    fill: str = "zero",
) -> list[str]:
    """The placements to read; raises `ConfigError` for options that can't be used."""
    if isinstance(placements, str):
        placements = [placements]
    chosen = list(dataset.placements if placements is None else placements)
    if isinstance(modalities, str):
        modalities = [modalities]
    if not 0 <= min_valid <= 1 or fill not in FILLS:
        raise ConfigError(
            f"min_valid = {min_valid}, fill = {fill!r} can't be used.",
            "The share of measured samples goes from 0 to 1, and there are three ways to fill.",
            f"For example: min_valid=0.8. Ways to fill: {', '.join(FILLS)}.",
        )
    wrong = sorted(set(modalities) - set(MODALITIES)) or sorted(set(chosen) - set(dataset.placements))
    if wrong:
        raise ConfigError(
            f"The dataset has no {wrong[0]!r}.",
            "A modality or placement is misspelt, or was not packed.",
            f"Modalities: {', '.join(MODALITIES)}. Placements: {', '.join(dataset.placements)}.",
        )
    if not (length_s > 0 and rate_hz > 0 and (stride_s is None or stride_s > 0)):
        raise ConfigError(
            f"length_s = {length_s}, stride_s = {stride_s}, rate_hz = {rate_hz} can't be used.",
            "They must be positive.",
            "For example: length_s=5.0, stride_s=2.5, rate_hz=50.0",
        )
    return chosen


def clip_windows(
    clip: Clip,
    *,
    length_s: float,
    stride_s: float | None,
    rate_hz: float,
    modalities: Sequence[str],
    placements: Sequence[str],
    pad: bool = False,
    min_valid: float = 0.0,
    fill: str = "zero",
) -> Iterator[dict[str, Any]]:
    """Windows of one clip.

    Each has `time_s` ((n,), n = round(length_s · rate_hz), on the video's clock) and, per modality:

    - imu: `{placement}_acc_m_s2`, `{placement}_gyro_rad_s` (n, 3) by linear interpolation, band-limited first
      for a lower rate than the clip's, `{placement}_valid` (n,): False where a neighbour is not valid, or the time lies outside of the clip or in a hole of its clock; values are 0 there.
    - pose: `pose_world_m` (n, 33, 3), `pose_visibility` (n, 33), `pose_valid` (n,).
    - video_embedding: `video_embedding` (d,), the mean of the frames' embeddings within the window; None without any.
    - text: `transcript`, the words whose middle lies in the window, and `text_embedding` of the clip.

    With `pad`, the end of a clip that does not fill a window gives one more, with what lies outside not valid.

    Windows of which less than `min_valid` was measured, in any placement (without the IMU: of the pose), are left out; what
    `pad` adds does not count.
    In those that are kept, `fill` puts what was not measured: "linear" bridges it by a straight line (and holds the first
    and the last measured sample), "nan" and "zero" what they say. A window without any measured sample has NaN for "linear".
    """
    options: dict[str, Any] = {"length_s": length_s, "stride_s": stride_s, "rate_hz": rate_hz}
    options |= {"modalities": modalities, "placements": placements}
    for step in kept_steps(clip, **options, pad=pad, min_valid=min_valid):
        yield numbered_window(clip, int(step), **options, fill=fill)


def kept_steps(
    clip: Clip,
    *,
    length_s: float,
    stride_s: float | None,
    rate_hz: float,
    modalities: Sequence[str],
    placements: Sequence[str],
    pad: bool,
    min_valid: float,
) -> NDArray[np.intp]:
    """Numbers of the windows of a clip of which enough was measured; nothing is cut."""
    count, steps = (
        max(1, round(length_s * rate_hz)),
        window_count(clip, length_s=length_s, stride_s=stride_s, rate_hz=rate_hz, pad=pad),
    )
    if not steps or not min_valid or not {"imu", "pose"} & set(modalities):
        return np.arange(steps)
    begin_s = float(clip["start_s"]) + np.arange(steps) * (length_s if stride_s is None else stride_s)
    time_s = begin_s[:, None] + np.arange(count) / rate_hz
    within = np.maximum(1, np.count_nonzero(time_s < float(clip["end_s"]) - 1e-9, axis=1))
    if "imu" in modalities:
        masks = [clip[f"{placement}_valid"] for placement in placements]
        clock = clip["imu_time_s"]
    else:
        world, clock = clip["pose_world_m"], clip["pose_time_s"]
        masks = [None if world is None else np.isfinite(world[:, 0, 0])]
    if clock is None or not len(clock) or any(mask is None for mask in masks):
        return np.arange(0)
    where = _Between(clock, time_s.reshape(-1))
    inside = np.arange(count) < within[:, None]
    shares = [
        np.count_nonzero(where.valid(np.asarray(mask, bool)).reshape(steps, count) & inside, axis=1) / within
        for mask in masks
    ]
    result: NDArray[np.intp] = np.flatnonzero(np.min(shares, axis=0) >= min_valid - _SAME)
    return result


def numbered_window(
    clip: Clip,
    step: int,
    *,
    length_s: float,
    stride_s: float | None,
    rate_hz: float,
    modalities: Sequence[str],
    placements: Sequence[str],
    fill: str,
) -> dict[str, Any]:
    """One window of a clip by its number."""
    begin_s = float(clip["start_s"]) + step * (length_s if stride_s is None else stride_s)
    window = cut_window(clip, begin_s, max(1, round(length_s * rate_hz)), rate_hz, length_s, modalities, placements)
    if fill != "zero":
        _fill(window, fill, modalities, placements)
    return window


def fill_gaps(values: NDArray[np.float32], good: NDArray[np.bool_], fill: str) -> None:
    """Put something in place of the samples of (n, k) values that are not good (n,); see `clip_windows` for how."""
    if good.all() or fill == "zero":
        return
    if fill == "nan" or not good.any():
        values[~good] = np.nan
        return
    missing, left, right, share = neighbours(good)
    values[missing] = values[left] * (1 - share[:, None]) + values[right] * share[:, None]


def neighbours(
    good: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Of samples that are not good: which they are, the good ones before and after each, and the share of the latter."""
    missing, there = np.flatnonzero(~good), np.flatnonzero(good)
    place = np.searchsorted(there, missing)
    left, right = there[np.maximum(place - 1, 0)], there[np.minimum(place, len(there) - 1)]
    # Before the first measured sample and after the last, both neighbours are that one.
    left = np.where(place == 0, right, left)
    share = np.divide(missing - left, right - left, out=np.zeros(len(missing)), where=right > left)
    return missing, left, right, share.astype(np.float32)


def _fill(window: dict[str, Any], fill: str, modalities: Sequence[str], placements: Sequence[str]) -> None:
    if "imu" in modalities:
        for placement in placements:
            good = window[f"{placement}_valid"]
            for name in (f"{placement}_acc_m_s2", f"{placement}_gyro_rad_s"):
                fill_gaps(window[name], good, fill)
    if "pose" in modalities:
        fill_gaps(window["pose_world_m"].reshape(len(window["time_s"]), -1), window["pose_valid"], fill)


def window_count(clip: Clip, *, length_s: float, stride_s: float | None, rate_hz: float, pad: bool) -> int:
    """How many windows a clip gives; needs its `start_s` and `end_s` only."""
    stride = length_s if stride_s is None else stride_s
    start, end = float(clip["start_s"]), float(clip["end_s"])
    steps = int(np.floor((end - start - length_s) / stride + 1e-9)) + 1 if end - start >= length_s - 1e-9 else 0
    if pad and (steps <= 0 or start + (steps - 1) * stride + length_s < end - 0.5 / rate_hz):
        steps += 1
    return max(0, steps)


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
    where = None if clock is None or not len(clock) else _Between(clock, time_s)
    for placement in placements:
        names = (f"{placement}_acc_m_s2", f"{placement}_gyro_rad_s")
        valid = clip[f"{placement}_valid"]
        if where is None or valid is None:
            for name in names:
                window[name] = np.zeros((len(time_s), 3), np.float32)
            window[f"{placement}_valid"] = np.zeros(len(time_s), bool)
            continue
        good = where.valid(np.asarray(valid, bool))
        for name in names:
            values = where.mix(where.limited(clip[name], np.asarray(valid, bool)))
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
    where = _Between(clock, time_s)
    found = np.isfinite(world[:, 0, 0])
    good = where.valid(found)
    values = where.mix(where.limited(world.reshape(len(world), -1), found)).reshape(-1, 33, 3)
    values[~good] = 0.0
    window["pose_world_m"] = values
    window["pose_visibility"] = where.mix(visibility.reshape(len(world), -1)) * good[:, None]
    window["pose_valid"] = good


def _embedding(clip: Clip, begin_s: float, end_s: float) -> NDArray[np.float32] | None:
    clock, flat = clip["video_embedding_time_s"], clip["video_embeddings"]
    if clock is None or flat is None or not len(clock):
        return None
    frames = np.asarray(flat, np.float32).reshape(len(clock), -1)
    inside = (clock >= begin_s) & (clock < end_s)
    if not inside.any():
        return None
    mean = frames[inside].mean(0)
    length = float(np.linalg.norm(mean))
    result: NDArray[np.float32] = mean / length if length > 0 else mean
    return result


class _Between:
    """Linear interpolation at many times, with the neighbours found once."""

    def __init__(self, clock_s: NDArray[np.float64], time_s: NDArray[np.float64]) -> None:
        last = len(clock_s) - 1
        self._right = np.minimum(np.maximum(np.searchsorted(clock_s, time_s), 1), last)
        self._left = np.maximum(self._right - 1, 0)
        span = clock_s[self._right] - clock_s[self._left]
        share = np.divide(time_s - clock_s[self._left], span, out=np.zeros(len(time_s)), where=span > 0)
        share = np.minimum(np.maximum(share, 0.0), 1.0)
        # A clock that is the window's own, but for rounding, gives its own samples.
        at_left, at_right = share < _SAME, share > 1 - _SAME
        share[at_left], share[at_right] = 0.0, 1.0
        step = min(clock_s[1] - clock_s[0], clock_s[-1] - clock_s[-2]) if last > 0 else 0.0
        # A window may begin a rounding error before the first sample.
        self._inside = (time_s >= clock_s[0] - 1e-3 * step - 1e-9) & (time_s <= clock_s[-1] + 1.001 * step)
        # Across a hole in the clock nothing was measured.
        self._inside &= at_left | at_right | (span <= max(_HOLE_S, 3 * step))
        self._at_left, self._at_right = at_left, at_right
        self._clock_s, self._step_s = clock_s, step
        # Rates of the clock and of the window; one instant has none.
        self._rates_hz = (1 / step, (len(time_s) - 1) / (time_s[-1] - time_s[0])) if step and len(time_s) > 1 else None
        self._share = share.astype(np.float32)[:, None]
        self._exact = np.flatnonzero(at_left | at_right)
        self._nearest = np.where(at_right, self._right, self._left)

    def valid(self, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether both neighbours are good; one alone counts where it is all of the value."""
        left = good[self._left] | self._at_right
        right = good[self._right] | self._at_left
        result: NDArray[np.bool_] = left & right & self._inside
        return result

    def limited(self, values: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(n, k) values without what a window of a lower rate can't hold, run by run of good ones (n,)."""
        if self._rates_hz is None or self._rates_hz[1] > _LOWER * self._rates_hz[0]:
            return values
        from fimad.simulate.smoothing.resample import band_limited, reach_of  # SciPy, for few

        reach = reach_of(*self._rates_hz) + 1
        first, end = max(0, int(self._left[0]) - reach), int(self._right[-1]) + reach + 1
        edges = np.diff(self._clock_s[first:end]) > 1.5 * self._step_s
        runs = np.cumsum(np.concatenate([[True], edges | (np.diff(good[first:end].astype(int)) != 0)]))
        result = values.copy()
        for run in np.split(np.arange(first, first + len(runs)), np.flatnonzero(np.diff(runs)) + 1):
            if good[run[0]]:
                result[run] = band_limited(values[run].astype(np.float64), *self._rates_hz)
        return result

    def mix(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, k) interpolated values; NaN of a neighbour that does not count is not taken over."""
        if len(self._exact) == len(self._nearest):
            return values.take(self._nearest, axis=0)
        result = values.take(self._right, axis=0)
        left = values.take(self._left, axis=0)
        result -= left
        result *= self._share
        result += left
        if len(self._exact):
            result[self._exact] = values.take(self._nearest[self._exact], axis=0)
        return result
