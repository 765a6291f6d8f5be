"""Decoded pictures to arrays: upright, with square pixels, scaled natively, and only when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Pixel formats whose first plane is the luminance, a byte a pixel: it is read where the decoder left it.
_LUMA_FIRST = frozenset(
    ("gray", "nv12", "nv21", *(f"yuv{kind}{sampling}p" for kind in ("", "j") for sampling in (420, 422, 440, 444)))
)

# Points a side, about, of the grid on which colours are compared.
_GRID = 48
# Colour differences rarely go further than half-way.
_STRETCHED = np.clip(2 * (np.arange(256) - 128) + 128, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Picture:
    """A decoded picture with its presentation time in s; `stretch` is the width of its pixels over their height."""

    time_s: float
    frame: Any
    stretch: float

    @property
    def turns(self) -> int:
        """Quarter turns, counter-clockwise, that make the picture upright."""
        turns: int = round(self.frame.rotation / 90) % 4
        return turns

    def upright_size(self) -> tuple[int, int]:
        """Width and height in px when shown upright with square pixels."""
        width, height = round(self.frame.width * self.stretch), self.frame.height
        return (height, width) if self.turns % 2 else (width, height)


class Converter:
    """Decoded pictures to arrays of one size, natively.

    swscale is three times as fast at scaling YUV and then converting a picture of the right size as at both in one go; and
    its set-up is kept from picture to picture.
    """

    def __init__(self, short_side_px: int) -> None:
        from av.video.reformatter import VideoReformatter

        self._side = short_side_px
        self._scale = VideoReformatter()
        self._convert = VideoReformatter()

    def __call__(self, picture: Picture) -> NDArray[np.uint8]:
        """(h, w, 3) RGB, upright, square pixels, scaled down to the short side; never up. Read-only."""
        width, height = self._size(picture)
        frame = picture.frame
        if (width, height) != (frame.width, frame.height):
            # YUV has one colour for two by two pixels: odd sizes go to RGB at once.
            kind = "rgb24" if width % 2 or height % 2 else "yuv420p"
            frame = self._scale.reformat(
                frame, width=width, height=height, format=kind, interpolation="BILINEAR", threads=1
            )
        converted = self._convert.reformat(frame, format="rgb24", threads=1)
        return _upright(np.asarray(converted.to_ndarray(), np.uint8), picture.turns)

    def grey(self, picture: Picture) -> NDArray[np.uint8]:
        """(h, w) luminance of the same size, scaled straight from the decoder's memory where its format allows."""
        import cv2

        width, height = self._size(picture)
        frame = picture.frame
        if frame.format.name not in _LUMA_FIRST:
            frame = self._convert.reformat(frame, format="gray", threads=1)
        plane = frame.planes[0]
        grey: NDArray[Any] = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        # Means of two by two pixels are four times as quick as means over any other number of pixels, and leave less
        # than a factor of two to interpolation.
        while grey.shape[0] >= 2 * height and grey.shape[1] >= 2 * width:
            rows, columns = grey.shape[0] // 2, grey.shape[1] // 2
            grey = cv2.resize(grey[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        if grey.shape != (height, width):
            grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR)
        elif grey.shape == (plane.height, plane.width):
            # The decoder takes its memory back.
            grey = grey.copy()
        return _upright(grey, picture.turns)

    @staticmethod
    def colours(picture: Picture) -> NDArray[np.uint8]:
        """(n, m, 3) colours of single points on a coarse grid, to compare pictures of one video by.

        YUV as it was decoded, with the colour differences stretched to the range of RGB, or RGB for other formats.
        """
        frame = picture.frame
        step = max(1, min(frame.width, frame.height) // _GRID)
        if frame.format.name not in ("yuv420p", "yuvj420p") or step < 2:
            return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)[step // 2 :: step, step // 2 :: step]
        step -= step % 2
        grid = []
        for at, plane in enumerate(frame.planes):
            pixels = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            every = step if at == 0 else step // 2
            grid.append(pixels[every // 2 :: every, every // 2 :: every])
        rows, columns = (min(each.shape[axis] for each in grid) for axis in (0, 1))
        points = np.stack([each[:rows, :columns] for each in grid], axis=-1)
        points[..., 1:] = _STRETCHED[points[..., 1:]]
        return points

    def _size(self, picture: Picture) -> tuple[int, int]:
        """Width and height, px, that a picture is scaled to before it is turned upright."""
        width, height = picture.upright_size()
        scale = min(1.0, self._side / min(width, height))
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        return (height, width) if picture.turns % 2 else (width, height)


def _upright(array: NDArray[Any], turns: int) -> NDArray[np.uint8]:
    if turns:
        array = np.ascontiguousarray(np.rot90(array, turns))
    array.flags.writeable = False
    return array


class View:
    """A picture at one size: converted once, when the first consumer asks. Valid while the picture is."""

    def __init__(self, picture: Picture, converter: Converter) -> None:
        self._picture = picture
        self._converter = converter
        self._rgb: NDArray[np.uint8] | None = None
        self._grey: NDArray[np.uint8] | None = None

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(h, w, 3) RGB; read-only."""
        if self._rgb is None:
            self._rgb = self._converter(self._picture)
        return self._rgb

    @property
    def grey(self) -> NDArray[np.uint8]:
        """(h, w) luminance; read-only."""
        if self._grey is None:
            self._grey = self._converter.grey(self._picture)
        return self._grey

    @property
    def colours(self) -> NDArray[np.uint8]:
        """(n, m, 3) colours of single points on a coarse grid, in a space that all pictures of a video share."""
        return self._converter.colours(self._picture)
