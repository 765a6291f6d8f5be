"""The square, rotated region of a picture that the pose model looks at, and the way there and back.

The region is that of MediaPipe's pose graphs: two alignment points, the middle of the hips and a point on the circle
around the whole body, give its centre, its size and its rotation (Bazarevsky et al. 2020, arXiv 2006.10204). Pictures are
taken as they are in MediaPipe: the corners of the region, in pixels, go to the corners of the crop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The margin around the body circle that the landmark model was trained with.
MARGIN = 1.25


@dataclass(frozen=True, slots=True)
class Roi:
    """A rotated square.

    Parameters
    ----------
    x_px, y_px : its centre.
    size_px : its side.
    angle_rad : its rotation, clockwise as seen (y points down).
    """

    x_px: float
    y_px: float
    size_px: float
    angle_rad: float

    def crop_matrix(self, side_px: int) -> NDArray[np.float64]:
        """The (2, 3) affine map from picture to crop coordinates, px, for a crop of `side_px`."""
        scale = side_px / self.size_px
        cos, sin = math.cos(self.angle_rad) * scale, math.sin(self.angle_rad) * scale
        half = side_px / 2
        return np.array(
            [
                [cos, sin, half - cos * self.x_px - sin * self.y_px],
                [-sin, cos, half + sin * self.x_px - cos * self.y_px],
            ]
        )

    def to_picture(self, points: NDArray[np.float32], width_px: int, height_px: int) -> NDArray[np.float32]:
        """Landmarks (n, 3) in fractions of the crop to fractions of the picture; z stays on the scale of x."""
        cos, sin = math.cos(self.angle_rad) * self.size_px, math.sin(self.angle_rad) * self.size_px
        x, y = points[:, 0] - np.float32(0.5), points[:, 1] - np.float32(0.5)
        result = np.empty((len(points), 3), np.float32)
        result[:, 0] = (cos * x - sin * y + self.x_px) / width_px
        result[:, 1] = (sin * x + cos * y + self.y_px) / height_px
        result[:, 2] = points[:, 2] * (self.size_px / width_px)
        return result

    def turn_back(self, points_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """World landmarks (n, 3), m, from the axes of the crop to those of the picture."""
        cos, sin = math.cos(self.angle_rad), math.sin(self.angle_rad)
        result = points_m.astype(np.float32)
        result[:, 0] = cos * points_m[:, 0] - sin * points_m[:, 1]
        result[:, 1] = sin * points_m[:, 0] + cos * points_m[:, 1]
        return result

    def distance(self, other: Roi) -> float:
        """How far two regions are apart, in units of the larger one's side: centres, and difference of size."""
        size = max(self.size_px, other.size_px)
        return math.hypot(self.x_px - other.x_px, self.y_px - other.y_px, self.size_px - other.size_px) / size


def roi_from_points(centre_px: tuple[float, float], rim_px: tuple[float, float]) -> Roi | None:
    """The region from the two alignment points (middle of the hips, point on the body circle); None if they coincide."""
    dx, dy = rim_px[0] - centre_px[0], rim_px[1] - centre_px[1]
    radius = math.hypot(dx, dy)
    if not math.isfinite(radius) or radius < 1.0:
        return None
    # Upright is when the rim point lies straight above the hips.
    angle = math.pi / 2 - math.atan2(-dy, dx)
    angle -= 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
    return Roi(centre_px[0], centre_px[1], 2 * radius * MARGIN, angle)
