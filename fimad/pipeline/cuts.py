"""Where one shot ends and another begins, found from the colours of single frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Frames are looked at on a grid of about this many points a side.
_GRID = 48
_LEVELS = 8
_SHIFT = 5  # 256 values to 8 levels
_COLOURS = _LEVELS**3
#: Share of pixels that change their colour from which on it is a cut.
CUT_SHARE = 0.5


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
        self._before: NDArray[np.float32] | None = None

    def __call__(self, rgb: NDArray[np.uint8]) -> bool:
        """Whether the (h, w, 3) RGB frame begins a new shot; the first frame of all does not."""
        now = colour_histograms(rgb)
        before, self._before = self._before, now
        if before is None:
            return False
        return median_change(before, now) > self._threshold


def median_change(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """The share of points that changed their colour, from two `colour_histograms`, in the median quarter.

    The median, so that a person who fills one corner or an overlay that comes up does not count.
    """
    # Half of the sum of differences: the share of pixels that are in another bin.
    changed = sorted((0.5 * np.abs(now - before).sum(axis=1)).tolist())
    return float((changed[1] + changed[2]) / 2)


def colour_histograms(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Shares of 8x8x8 colours in each quarter of a picture, (4, 512)."""
    height, width = rgb.shape[:2]
    step = max(1, min(height, width) // _GRID)
    points = rgb[step // 2 :: step, step // 2 :: step] >> _SHIFT
    rows, columns = points.shape[:2]
    # The quarter is the first digit of the code, so that one count does for all.
    codes = points[..., 0].astype(np.int32)
    for channel in (1, 2):
        codes *= _LEVELS
        codes += points[..., channel]
    codes[rows // 2 :] += 2 * _COLOURS
    codes[:, columns // 2 :] += _COLOURS
    counts = np.bincount(codes.reshape(-1), minlength=4 * _COLOURS).reshape(4, _COLOURS)
    shares: NDArray[np.float32] = (counts / np.maximum(1, counts.sum(axis=1, keepdims=True))).astype(np.float32)
    return shares
