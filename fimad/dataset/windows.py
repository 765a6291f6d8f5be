"""Windows: fixed-length slices of clips, with every modality on one clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fimad.dataset.slicing.between import Between
from fimad.dataset.slicing.clips import ClipCutter
from fimad.errors import ConfigError

if TYPE_CHECKING:
    from fimad.dataset.folding import Clip
    from fimad.dataset.reader import Dataset

MODALITIES = ("imu", "pose", "video_embedding", "text")
#: What stands where nothing was measured in a window that is kept.
FILLS = ("linear", "nan", "zero")
# Shares closer than this are the same.
_SAME = 1e-6
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
    cutter = ClipCutter(clip, **options, fill=fill)
    for step in kept_steps(clip, **options, pad=pad, min_valid=min_valid):
        yield cutter.window(int(step))


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
    where = Between(clock, time_s.reshape(-1))
    inside = np.arange(count) < within[:, None]
    shares = [
        np.count_nonzero(where.valid(np.asarray(mask, bool)).reshape(steps, count) & inside, axis=1) / within
        for mask in masks
    ]
    result: NDArray[np.intp] = np.flatnonzero(np.min(shares, axis=0) >= min_valid - _SAME)
    return result


def window_count(clip: Clip, *, length_s: float, stride_s: float | None, rate_hz: float, pad: bool) -> int:
    """How many windows a clip gives; needs its `start_s` and `end_s` only."""
    stride = length_s if stride_s is None else stride_s
    start, end = float(clip["start_s"]), float(clip["end_s"])
    steps = int(np.floor((end - start - length_s) / stride + 1e-9)) + 1 if end - start >= length_s - 1e-9 else 0
    if pad and (steps <= 0 or start + (steps - 1) * stride + length_s < end - 0.5 / rate_hz):
        steps += 1
    return max(0, steps)
