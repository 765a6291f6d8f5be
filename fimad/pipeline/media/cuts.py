"""Where one shot ends and another begins: from the colours of single frames, or in one cheap pass of its own."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.frames import decode

_LEVELS = 8
_SHIFT = 5  # 256 values to 8 levels
_COLOURS = _LEVELS**3
# Colour differences rarely go further than half-way: stretched, they use all levels.
_STRETCHED = np.clip(2 * (np.arange(256) - 128) + 128, 0, 255).astype(np.uint8)
#: Share of pixels that change their colour from which on it is a cut.
CUT_SHARE = 0.5
# Without so many values that change by so much, compression noise moved some colours over the limits of their bins.
_FEWEST_CHANGED = 0.05
_CHANGED_LEVELS = 12
# The size of the pictures that `find_cuts` looks at.
_WIDTH, _HEIGHT = 64, 36


class CutDetector:
    """Compares the colour histograms of neighbouring frames, for the whole picture and its quarters.

    Moving people change few colours; a cut changes most of them, in most of the picture. Fades and dissolves are slower than
    a frame and are not found.

    Parameters
    ----------
    threshold : share of pixels that change their colour, 0 to 1, from which on it is a cut.
    """

    def __init__(self, threshold: float = CUT_SHARE) -> None:
        self._threshold = threshold
        self._before: NDArray[np.uint8] | None = None

    def __call__(self, colours: NDArray[np.uint8]) -> bool:
        """Whether the frame with these `colours` (`stage.FrameView`) begins a new shot; the first of all does not."""
        before, self._before = self._before, colours
        if before is None:
            return False
        return before.shape != colours.shape or is_cut(before, colours, self._threshold)


def is_cut(before: NDArray[np.uint8], now: NDArray[np.uint8], threshold: float) -> bool:
    """Whether a shot ends between two pictures with these colours."""
    import cv2

    # Two axes leave nothing to interpretation: of three, OpenCV 5 takes the last for channels, of which it allows 128.
    flat = (-1, before.shape[-1])
    # Counting colours takes ten times as long as seeing that hardly any changed.
    changed = np.count_nonzero(cv2.absdiff(before.reshape(flat), now.reshape(flat)) > _CHANGED_LEVELS)
    if changed < _FEWEST_CHANGED * now.size:
        return False
    return median_change(colour_histograms(before), colour_histograms(now)) > threshold


def median_change(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """The share of points that changed their colour, from two `colour_histograms`, in the median quarter.

    The median, so that a person who fills one corner or an overlay that comes up does not count.
    """
    # Half of the sum of differences: the share of pixels that are in another bin.
    changed = 0.5 * np.abs(now - before).sum(axis=1).astype(np.float64)
    # A picture of one row has two quarters.
    return float(np.median(changed[now.any(axis=1)]))


def colour_histograms(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Shares of 8x8x8 colours in each quarter of a picture, (4, 512), from the (3, n, m) YUV of a grid of points."""
    rows, columns = colours.shape[1:]
    # The quarter is the first digit of the code, so that one count does for all.
    codes = (colours[0] >> _SHIFT).astype(np.int32)
    for channel in (1, 2):
        codes *= _LEVELS
        codes += _STRETCHED[colours[channel]] >> _SHIFT
    codes[rows // 2 :] += 2 * _COLOURS
    codes[:, columns // 2 :] += _COLOURS
    counts = np.bincount(codes.reshape(-1), minlength=4 * _COLOURS).reshape(4, _COLOURS)
    shares: NDArray[np.float32] = (counts / np.maximum(1, counts.sum(axis=1, keepdims=True))).astype(np.float32)
    return shares


def find_cuts(path: Path, threshold: float, min_scene_s: float) -> list[float]:
    """Times of cuts in s, increasing, each at least `min_scene_s` after the one before and after the beginning.

    A cut is where the mean absolute change of hue, saturation and value (0 to 255 each) from one picture to the next is
    at least `threshold`: PySceneDetect's content measure, on 64 x 36 pictures. Damaged pictures are skipped.
    """
    cuts: list[float] = []
    before: NDArray[np.int16] | None = None
    last_s = 0.0
    for picture in decode(path, 0.0, math.inf):
        now = _hsv(picture.frame.to_ndarray(format="rgb24", width=_WIDTH, height=_HEIGHT, interpolation="AREA"))
        if before is not None and _change(before, now) >= threshold and picture.time_s - last_s >= min_scene_s:
            cuts.append(picture.time_s)
            last_s = picture.time_s
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
