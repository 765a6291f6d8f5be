"""Decoded pictures to arrays: upright, with square pixels, scaled natively, and only when somebody asks."""

from __future__ import annotations

import gc
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.crops import crop_planes, has_planes

# Pixel formats whose first plane is the luminance, a byte a pixel: it is read where the decoder left it.
_LUMA_FIRST = frozenset(
    ("gray", "nv12", "nv21", *(f"yuv{kind}{sampling}p" for kind in ("", "j") for sampling in (420, 422, 440, 444)))
)

# A display matrix is looked at anew after so long, and cycles are looked for once they hold so much; 4:2:0 has 1.5 bytes a pixel.
_AGAIN_S = 1.0
_MOST_HELD_BYTES = 64e6
_BYTES_A_PIXEL = 1.5
# No rotation that a frame can state.
_NONE = 1000

# Points a side, about, of the grid on which colours are compared.
_GRID = 48


@dataclass(frozen=True)
class Orientation:
    """How a decoded picture is made upright: one of the eight ways to lay a rectangle.

    Parameters
    ----------
    swapped : whether rows and columns change places, before anything is flipped.
    flip_x, flip_y : whether columns, and rows, then come in reverse.
    """

    swapped: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: Any) -> Orientation | None:
        """From a frame's display matrix, as ffmpeg's autorotate reads it; angles in between go to the nearest quarter. None if it has none."""
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return None
        a, b, _, c, d = np.frombuffer(bytes(data), "=i4")[:5].astype(float).tolist()
        # The picture's x goes to (a, b), its y to (c, d).
        swapped = abs(b) + abs(c) > abs(a) + abs(d)
        return cls(swapped, *((c < 0, b < 0) if swapped else (a < 0, d < 0)))

    @property
    def mirrored(self) -> bool:
        """Whether left and right change places."""
        return self.swapped ^ self.flip_x ^ self.flip_y

    @property
    def turns(self) -> int:
        """Quarter turns, counter-clockwise; of a mirrored picture, those before its columns come in reverse."""
        if self.swapped:
            return 1 if self.flip_y else 3
        return 2 if self.flip_y else 0

    def __call__(self, array: NDArray[Any]) -> NDArray[Any]:
        """An (h, w, ...) picture made upright; a view of the same memory."""
        if self.swapped:
            array = array.swapaxes(0, 1)
        return array[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height after making upright; its own inverse."""
        return (height, width) if self.swapped else (width, height)

    def matrix(self, width: int, height: int) -> NDArray[np.float64]:
        """(3, 3) from the pixels of a picture to those of the same picture made upright."""
        across, down = ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]) if self.swapped else ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
        width, height = self.size(width, height)
        if self.flip_x:
            across = [-across[0], -across[1], width - 1.0]
        if self.flip_y:
            down = [-down[0], -down[1], height - 1.0]
        return np.array([across, down, [0.0, 0.0, 1.0]])


UPRIGHT = Orientation()


class Orienter:
    """Orientations of a stream's pictures: read whole at first, where the rotation changes, and once a second at key frames;
    `known` until a picture says its own.

    PyAV's frames and their side data refer to each other. A picture whose side data was asked for stays in memory until Python looks
    for cycles, which it does by the number of objects, whatever their size: a worker grew by 40 MB a video. `rotation` is told without.
    """

    # Pictures that nobody needs but their own side data, since cycles were looked for; of all streams of the process.
    _held_bytes: ClassVar[float] = 0.0

    def __init__(self, known: Orientation = UPRIGHT) -> None:
        self._known, self._rotation, self._at_s = known, _NONE, -math.inf

    def __call__(self, frame: Any, time_s: float) -> Orientation:
        """How a frame at this time is made upright."""
        rotation = frame.rotation
        if rotation != self._rotation or (frame.key_frame and abs(time_s - self._at_s) >= _AGAIN_S):
            # What a stream says at one picture (H.264 and HEVC may, in a message of their own) holds until it says something else.
            self._known, self._rotation, self._at_s = Orientation.of(frame) or self._known, rotation, time_s
            Orienter._held_bytes += _BYTES_A_PIXEL * frame.width * frame.height
            if Orienter._held_bytes > _MOST_HELD_BYTES:
                gc.collect()
                Orienter._held_bytes = 0.0
        return self._known


@dataclass(frozen=True)
class Picture:
    """A decoded picture with its presentation time in s; `stretch` is the width of its pixels over their height."""

    time_s: float
    frame: Any
    stretch: float
    orientation: Orientation

    def upright_size(self) -> tuple[int, int]:
        """Width and height in px when shown upright with square pixels."""
        return self.orientation.size(round(self.frame.width * self.stretch), self.frame.height)

    @cached_property
    def colours(self) -> NDArray[np.uint8]:
        """(3, n, m) YUV of single points on a coarse grid, to compare pictures of one video by."""
        frame = self.frame
        step = max(1, min(frame.width, frame.height) // _GRID)
        if frame.format.name not in ("yuv420p", "yuvj420p") or step < 2:
            planes = np.asarray(frame.to_ndarray(format="yuv444p"), np.uint8)
            return planes[:, step // 2 :: step, step // 2 :: step].copy()
        step -= step % 2
        grid = []
        for at, plane in enumerate(frame.planes):
            pixels = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            every = step if at == 0 else step // 2
            grid.append(pixels[every // 2 :: every, every // 2 :: every])
        rows, columns = (min(each.shape[axis] for each in grid) for axis in (0, 1))
        return np.stack([each[:rows, :columns] for each in grid])


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
        converted = self._convert.reformat(self._scaled(picture), format="rgb24", threads=1)
        return _upright(np.asarray(converted.to_ndarray(), np.uint8), picture.orientation)

    def crop(self, picture: Picture, matrix: NDArray[np.float64], side_px: int, out: NDArray[np.uint8]) -> None:
        """A rotated square of what `__call__` gives; parameters as in `View.crop`."""
        frame = self._scaled(picture)
        matrix = matrix @ picture.orientation.matrix(frame.width, frame.height)
        if has_planes(frame):
            crop_planes(frame, matrix, side_px, out)
        else:
            converted = self._convert.reformat(frame, format="rgb24", threads=1)
            crop_rgb(np.asarray(converted.to_ndarray(), np.uint8), matrix, side_px, out)

    def size(self, picture: Picture) -> tuple[int, int]:
        """Width and height, px, of what `__call__` gives."""
        return picture.orientation.size(*self._size(picture))

    def _scaled(self, picture: Picture) -> Any:
        width, height = self._size(picture)
        frame = picture.frame
        if (width, height) == (frame.width, frame.height):
            return frame
        # YUV has one colour for two by two pixels: odd sizes go to RGB at once.
        kind = "rgb24" if width % 2 or height % 2 else "yuv420p"
        return self._scale.reformat(frame, width=width, height=height, format=kind, interpolation="BILINEAR", threads=1)

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
        return _upright(grey, picture.orientation)

    def _size(self, picture: Picture) -> tuple[int, int]:
        """Width and height, px, that a picture is scaled to before it is turned upright."""
        width, height = picture.upright_size()
        scale = min(1.0, self._side / min(width, height))
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        return picture.orientation.size(width, height)


def _upright(array: NDArray[Any], orientation: Orientation) -> NDArray[np.uint8]:
    if orientation != UPRIGHT:
        array = np.ascontiguousarray(orientation(array))
    array.flags.writeable = False
    return array


def crop_rgb(rgb: NDArray[np.uint8], matrix: NDArray[np.float64], side_px: int, out: NDArray[np.uint8]) -> None:
    """A rotated square of an (h, w, 3) RGB picture; parameters as in `View.crop`."""
    import cv2

    cv2.warpAffine(rgb, matrix, (side_px, side_px), dst=out, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


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
        """(3, n, m) YUV of single points on a coarse grid."""
        return self._picture.colours

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self._converter.size(self._picture)

    def crop(self, matrix: NDArray[np.float64], side_px: int, out: NDArray[np.uint8]) -> None:
        """A rotated square, bilinear, black outside of the picture, without converting the rest of it.

        Parameters
        ----------
        matrix : (2, 3), from this picture's pixels to those of the crop.
        out : (side_px, side_px, 3) RGB.
        """
        # Even if RGB is there, because another stage asked for it: the crop must not depend on who shares the pass.
        self._converter.crop(self._picture, matrix, side_px, out)


class ArrayView:
    """An (h, w, 3) RGB array as a `FrameView`."""

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        self.rgb = rgb

    @property
    def grey(self) -> NDArray[np.uint8]:
        """(h, w) luminance."""
        import cv2

        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.uint8)

    @property
    def colours(self) -> NDArray[np.uint8]:
        """(3, n, m) YUV of single points on a coarse grid."""
        import cv2

        step = max(1, min(self.rgb.shape[:2]) // _GRID)
        points = np.ascontiguousarray(self.rgb[step // 2 :: step, step // 2 :: step])
        return np.asarray(np.moveaxis(cv2.cvtColor(points, cv2.COLOR_RGB2YUV), -1, 0), np.uint8)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.rgb.shape[1], self.rgb.shape[0]

    def crop(self, matrix: NDArray[np.float64], side_px: int, out: NDArray[np.uint8]) -> None:
        """A rotated square; parameters as in `View.crop`."""
        crop_rgb(self.rgb, matrix, side_px, out)
