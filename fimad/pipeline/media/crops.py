"""Rotated square crops straight from a decoded picture's planes: only the crop is converted to RGB, not the picture.

Converting 720p to RGB and warping three interleaved channels takes twice as long as warping the planes and converting
the 256x256 pixels that the landmark model looks at.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# Planar formats of a byte a sample, with the step of their colour planes in luminance pixels, across and down.
_STEPS = {
    f"yuv{kind}{name}p": step
    for kind in ("", "j")
    for name, step in (("420", (2, 2)), ("422", (2, 1)), ("444", (1, 1)))
}
_FULL_RANGE = 2
# Kr and Kb of ITU-R BT.709, FCC, BT.601 (twice), SMPTE 240M and BT.2020 by ffmpeg's numbers (AVColorSpace).
_LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
_UNKNOWN = 5


def has_planes(frame: Any) -> bool:
    """Whether `crop_planes` can take this frame."""
    return frame.format.name in _STEPS


def crop_planes(frame: Any, matrix: Matrix, side_px: int, out: NDArray[np.uint8]) -> None:
    """Crop a frame with `has_planes`.

    Parameters
    ----------
    frame : a decoded `av.VideoFrame`.
    matrix : (2, 3), from the frame's pixels to those of the crop.
    out : (side_px, side_px, 3) RGB; black outside of the picture. Bilinear.
    """
    import cv2

    across, down = _STEPS[frame.format.name]
    full = frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL_RANGE
    # MPEG's siting: colours lie on every second column and halfway between two rows.
    place = np.array([[across, 0, 0], [0, down, (down - 1) / 2], [0, 0, 1]], np.float64)
    maps = (matrix, matrix @ place, matrix @ place)
    edges = (0 if full else 16, 128, 128)
    cropped = [
        cv2.warpAffine(
            np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width],
            each,
            (side_px, side_px),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=edge,
        )
        for plane, each, edge in zip(frame.planes, maps, edges, strict=True)
    ]
    cv2.transform(cv2.merge(cropped), _to_rgb(int(frame.colorspace), full), dst=out)


@cache
def _to_rgb(colorspace: int, full: bool) -> Matrix:
    """(3, 4) from Y, Cb, Cr of 8 bits to R, G, B of 8 bits (ITU-R BT.601, section 2.5; others with their weights)."""
    red, blue = _LUMA_WEIGHTS.get(colorspace, _LUMA_WEIGHTS[_UNKNOWN])
    green = 1 - red - blue
    linear = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    luma, colour, dark = (1.0, 1.0, 0.0) if full else (255 / 219, 255 / 224, 16.0)
    linear *= [luma, colour, colour]
    return np.column_stack([linear, linear @ [-dark, -128.0, -128.0]])
