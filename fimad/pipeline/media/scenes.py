"""Scene cuts, for videos without chapters: one cheap pass over small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.probe import open_media, origin_s, video_stream

_WIDTH, _HEIGHT = 64, 36


def find_cuts(path: Path, threshold: float, min_scene_s: float) -> list[float]:
    """Times of cuts in s, increasing, each at least `min_scene_s` after the one before and after the beginning.

    A cut is where the mean absolute change of hue, saturation and value (0 to 255 each) from one picture to the next is
    at least `threshold`: PySceneDetect's content measure, on 64 x 36 pictures. Damaged pictures are skipped.
    """
    import av

    cuts: list[float] = []
    before: NDArray[np.int16] | None = None
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            return cuts
        origin = origin_s(container)
        last_s = 0.0
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.error.FFmpegError:
                continue
            for picture in pictures:
                if picture.time is None:
                    continue
                small = picture.to_ndarray(format="rgb24", width=_WIDTH, height=_HEIGHT, interpolation="AREA")
                now = _hsv(small)
                time_s = picture.time - origin
                if before is not None and _change(before, now) >= threshold and time_s - last_s >= min_scene_s:
                    cuts.append(time_s)
                    last_s = time_s
                before = now
    return cuts


def _change(before: NDArray[np.int16], now: NDArray[np.int16]) -> float:
    difference = np.abs(now - before)
    # Hue is a circle of 256 steps here.
    difference[..., 0] = np.minimum(difference[..., 0], 256 - difference[..., 0])
    return float(difference.mean())


def _hsv(rgb: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(h, w, 3) uint8 RGB to hue, saturation and value, each 0 to 255, int16."""
    colour = rgb.astype(np.float32)
    value = colour.max(axis=-1)
    spread = value - colour.min(axis=-1)
    safe = np.where(spread > 0, spread, 1)
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    hue = np.select(
        [spread == 0, value == red, value == green],
        [np.zeros_like(value), ((green - blue) / safe) % 6, (blue - red) / safe + 2],
        (red - green) / safe + 4,
    )
    saturation = np.where(value > 0, spread / np.where(value > 0, value, 1), 0) * 255
    return np.stack([hue / 6 * 256, saturation, value], axis=-1).astype(np.int16)
