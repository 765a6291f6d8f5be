"""BlazePose's person detector: a picture in, regions with people out (MediaPipe's pose_detection graph).

A single-shot detector with 2254 anchors on 224x224 pixels (Bazarevsky et al. 2019, arXiv 1907.05047, and 2020, arXiv
2006.10204), letterboxed, followed by weighted non-maximum suppression.

The region that the landmark model looks at is a rotated square: two alignment points, the middle of the hips and a point
on the circle around the whole body, give its centre, its size and its rotation. Pictures are taken as they are in
MediaPipe: the corners of the region, in pixels, go to the corners of the crop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fimad.pose.tflite import TfliteModel, sigmoid

_BOXES, _SCORES = "Identity", "Identity_1"
# (cells a side, anchors a cell): strides 8 and 16 have two anchors, and the three layers of stride 32 share their cells.
_GRIDS = ((28, 2), (14, 2), (7, 6))
_OVERLAP = 0.5
# Pictures longer than so many times their short side are searched in squares where nobody is found in the whole.
_LONG = 2.0
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


@dataclass(frozen=True, slots=True)
class Detection:
    """A person found: the region for the landmark model, and how sure the detector is (0 to 1)."""

    roi: Roi
    score: float


@cache
def anchor_centres() -> NDArray[np.float32]:
    """Centres of the anchors, (2254, 2), in fractions of the input; all anchors have the size of the whole input."""
    parts = []
    for cells, repeats in _GRIDS:
        y, x = np.mgrid[0:cells, 0:cells]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        parts.append(np.repeat(centres, repeats, axis=0))
    return np.concatenate(parts).astype(np.float32)


def weighted_suppression(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float = _OVERLAP
) -> list[tuple[NDArray[np.float32], float]]:
    """Merge overlapping detections, best first, weighted by their scores.

    Parameters
    ----------
    boxes : (n, 4 + 2k): centre x, y, width, height, then k points.
    scores : (n,).

    Returns the merged rows, each with the best score among its members.
    """
    order = np.argsort(-scores, kind="stable")
    rows, weights = boxes[order].astype(np.float64), scores[order].astype(np.float64)
    merged = []
    while len(rows):
        near = _iou(rows[0, :4], rows[:, :4]) > overlap
        near[0] = True
        share = weights[near] / weights[near].sum()
        merged.append(((share[:, None] * rows[near]).sum(axis=0).astype(np.float32), float(weights[0])))
        rows, weights = rows[~near], weights[~near]
    return merged


def _iou(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    low = np.maximum(box[:2] - box[2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = np.minimum(box[:2] + box[2:] / 2, others[:, :2] + others[:, 2:] / 2)
    common = np.prod(np.maximum(0.0, high - low), axis=1)
    total = box[2] * box[3] + others[:, 2] * others[:, 3] - common
    return np.asarray(common / np.maximum(total, 1e-12))


class PoseDetector:
    """Finds people. `path` is MediaPipe's ``pose_detection.tflite``."""

    def __init__(self, path: Path, threads: int = 1, min_score: float = 0.5) -> None:
        self._model = TfliteModel(path, (_BOXES, _SCORES), threads)
        self._side = self._model.side_px
        self._picture = np.empty((self._side, self._side, 3), np.uint8)
        self._min_score = min_score

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """The people in an (h, w, 3) RGB picture, best first; regions in its pixels.

        In a picture of more than two squares' length nobody may be large enough to be seen: then it is searched square by
        square.
        """
        height, width = rgb.shape[:2]
        # The whole picture in the middle of a square, black around it.
        found = self._detect_in(rgb, Roi(width / 2, height / 2, float(max(width, height)), 0.0))
        short, long = min(width, height), max(width, height)
        if found or long <= _LONG * short:
            return found
        for centre in np.linspace(short / 2, long - short / 2, math.ceil(2 * (long - short) / short) + 1):
            x, y = (centre, height / 2) if width > height else (width / 2, centre)
            found += self._detect_in(rgb, Roi(float(x), float(y), float(short), 0.0))
        # Squares overlap by half, so that somebody may be in two of them: once is enough.
        found.sort(key=lambda each: -each.score)
        return [
            each
            for at, each in enumerate(found)
            if all(each.roi.distance(other.roi) > _OVERLAP for other in found[:at])
        ]

    def _detect_in(self, rgb: NDArray[np.uint8], square: Roi) -> list[Detection]:
        import cv2

        cv2.warpAffine(
            rgb,
            square.crop_matrix(self._side),
            (self._side, self._side),
            dst=self._picture,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )
        self._model.run(self._picture, 2 / 255, -1.0)
        logits = self._model.output(_SCORES)[:, 0]
        scores = sigmoid(logits)
        chosen = scores >= self._min_score
        if not chosen.any():
            return []
        rows = self._model.output(_BOXES)[chosen] / np.float32(self._side)
        centres = anchor_centres()[chosen]
        rows[:, :2] += centres
        for at in range(4, rows.shape[1], 2):
            rows[:, at : at + 2] += centres
        found = []
        for row, score in weighted_suppression(rows, scores[chosen]):
            x, y = (row[4::2] - 0.5) * square.size_px + square.x_px, (row[5::2] - 0.5) * square.size_px + square.y_px
            roi = roi_from_points((float(x[0]), float(y[0])), (float(x[1]), float(y[1])))
            if roi is not None:
                found.append(Detection(roi, score))
        return found
