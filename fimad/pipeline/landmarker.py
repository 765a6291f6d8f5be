"""Raw BlazePose landmarks at tracking speed: MediaPipe's own models, run directly on LiteRT.

MediaPipe Tasks offers either landmarks that it has smoothed over time, with lag (one person, tracked), or raw ones with the
detector run on every frame. A virtual accelerometer wants them raw, and the detector costs as much as the landmarks. So
the graph is rebuilt here from MediaPipe's sources (modules/pose_detection, modules/pose_landmark, Apache-2.0): detector,
region, landmarks, refinement from the heat map, and the next frame's region from the landmarks. The temporal filter is left
out, and nothing else. `benchmarks/landmarker.py` compares both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fimad.skeleton import LANDMARKS

Floats = NDArray[np.float32]

_COUNT: Final = len(LANDMARKS)
_DETECTOR_SIDE: Final = 224
_SIDE: Final = 256
_HEATMAP_RADIUS: Final = 3  # RefineLandmarksFromHeatmapCalculator, kernel_size 7
_REFINE_FROM: Final = 0.5  # its min_confidence_to_refine
_ROI_SCALE: Final = 1.25  # RectTransformationCalculator of both *_to_roi graphs
_DETECT_FROM: Final = 0.5
_SAME_BOX_IOU: Final = 0.3
# With nobody in the picture, the detector looks at every fifth frame only.
_EMPTY_STRIDE: Final = 5


class Region(NamedTuple):
    """A rotated square in the picture: centre in px, side in px, clockwise rotation in rad."""

    x_px: float
    y_px: float
    side_px: float
    angle_rad: float


@dataclass(frozen=True)
class Landmarks:
    """One person in one frame.

    Parameters
    ----------
    image : (33, 3) x and y in fractions of the picture's width and height, y down; z on the scale of x.
    world_m : (33, 3) metres, hip-centred, camera axes: x right, y down, z forward.
    visibility : (33,) 0 to 1.
    score : probability that the region holds a person.
    track : counts the people followed; another number means that the person may be another one.
    """

    image: Floats
    world_m: Floats
    visibility: Floats
    score: float
    track: int


class PoseEstimator(Protocol):
    """Landmarks frame by frame."""

    def __call__(self, rgb: NDArray[np.uint8], time_s: float) -> Landmarks | None:
        """Look at the next frame, (h, w, 3) RGB. None if nobody is found."""

    def reset(self) -> None:
        """Forget the person: a new clip or shot begins."""

    def close(self) -> None:
        """Free the models."""


class LiteRtLandmarker:
    """See the module. One instance per process; not thread-safe.

    Parameters
    ----------
    detector, landmarks : paths of the two `.tflite` files.
    min_score : person score below which the person counts as lost.
    threads : native threads.
    """

    def __init__(self, detector: Path, landmarks: Path, *, min_score: float = 0.5, threads: int = 1) -> None:
        self._detector = _Model(detector, threads)
        self._model = _Model(landmarks, threads)
        self._outputs = self._model.outputs_by_size()
        self._anchors = _anchors()
        self._min_score = min_score
        self._region: Region | None = None
        self._track = -1
        self._skip = 0

    def reset(self) -> None:
        """Forget the person."""
        self._region = None
        self._skip = 0

    def close(self) -> None:
        """Free the models."""
        self._detector.close()
        self._model.close()

    def __call__(self, rgb: NDArray[np.uint8], time_s: float) -> Landmarks | None:
        """Landmarks of the person followed, or of the most prominent one found anew."""
        if self._region is not None:
            found = self._look(rgb, self._region)
            if found is not None:
                return found
            self._region = None
        if self._skip:
            self._skip -= 1
            return None
        region = self._detect(rgb)
        if region is not None:
            self._track += 1
            # The detector's region is a guess from two points; a second look from the landmarks' own region is as good as
            # the frames that follow.
            if self._look(rgb, region) is not None and self._region is not None:
                found = self._look(rgb, self._region)
                if found is not None:
                    return found
            self._region = None
        self._skip = _EMPTY_STRIDE - 1
        return None

    def _detect(self, rgb: NDArray[np.uint8]) -> Region | None:
        """The most prominent person's region."""
        import cv2

        height, width = rgb.shape[:2]
        scale = _DETECTOR_SIDE / max(width, height)
        left, top = (_DETECTOR_SIDE - width * scale) / 2, (_DETECTOR_SIDE - height * scale) / 2
        matrix = np.array([[scale, 0, left + scale / 2 - 0.5], [0, scale, top + scale / 2 - 0.5]])
        picture = cv2.warpAffine(rgb, matrix, (_DETECTOR_SIDE, _DETECTOR_SIDE), flags=cv2.INTER_AREA)
        np.multiply(picture, 2 / 255, out=self._detector.input[0], dtype=np.float32)
        self._detector.input -= 1.0
        self._detector.run()
        outputs = self._detector.outputs_by_size()
        boxes, scores = outputs[2254 * 12].reshape(2254, 12), outputs[2254].reshape(-1)
        scores = 1 / (1 + np.exp(-np.clip(scores, -100, 100)))
        chosen = np.flatnonzero(scores >= _DETECT_FROM)
        if not len(chosen):
            return None
        points = boxes[chosen].reshape(len(chosen), 6, 2) / _DETECTOR_SIDE
        points[:, [0, 2, 3, 4, 5]] += self._anchors[chosen, None]
        people = _merge(points, scores[chosen])
        # Back from the letterbox to the picture.
        offset = np.array([left, top], np.float32)
        regions = []
        for weight, person in people:
            hip, end = (person[2] * _DETECTOR_SIDE - offset) / scale, (person[3] * _DETECTOR_SIDE - offset) / scale
            region = _region(hip, end)
            off_centre = np.hypot(region.x_px / width - 0.5, region.y_px / height - 0.5)
            regions.append((weight * region.side_px * (1 - min(off_centre, 0.7)), region))
        return max(regions)[1]

    def _look(self, rgb: NDArray[np.uint8], region: Region) -> Landmarks | None:
        """Landmarks within a region; sets the region for the next frame."""
        import cv2

        height, width = rgb.shape[:2]
        cos, sin = math.cos(region.angle_rad), math.sin(region.angle_rad)
        step = region.side_px / _SIDE
        # Crop pixel to picture pixel, both counted at their centres.
        turn = np.array([[cos, -sin], [sin, cos]]) * step
        centre = np.array([region.x_px, region.y_px])
        corner = centre + turn @ np.full(2, 0.5 - _SIDE / 2) - 0.5
        matrix = np.hstack([turn, corner[:, None]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(rgb, matrix, (_SIDE, _SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        np.multiply(crop, 1 / 255, out=self._model.input[0], dtype=np.float32)
        self._model.run()
        out = self._outputs
        score = float(out[1].flat[0])
        if not score >= self._min_score:
            return None
        raw = out[39 * 5].reshape(39, 5)
        points = raw[:, :2] / _SIDE
        _refine(points, out[64 * 64 * 39].reshape(64, 64, 39))
        # From the crop to the picture.
        local = (points - 0.5) * region.side_px
        x = region.x_px + local[:, 0] * cos - local[:, 1] * sin
        y = region.y_px + local[:, 0] * sin + local[:, 1] * cos
        hip, end = np.array([x[33], y[33]]), np.array([x[34], y[34]])
        self._region = _region(hip, end)
        if not 4 < self._region.side_px < 8 * max(width, height):
            self._region = None
        image = np.empty((_COUNT, 3), np.float32)
        image[:, 0] = x[:_COUNT] / width
        image[:, 1] = y[:_COUNT] / height
        image[:, 2] = raw[:_COUNT, 2] / _SIDE * region.side_px / width
        world = out[39 * 3].reshape(39, 3)[:_COUNT].copy()
        world[:, 0], world[:, 1] = world[:, 0] * cos - world[:, 1] * sin, world[:, 0] * sin + world[:, 1] * cos
        visibility = 1 / (1 + np.exp(-raw[:_COUNT, 3]))
        return Landmarks(image, world, visibility.astype(np.float32), score, self._track)


class _Model:
    """A LiteRT interpreter with views of its tensors, so that nothing is copied in or out."""

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        index = self._interpreter.get_input_details()[0]["index"]
        self._input_index = index
        shape = self._interpreter.get_input_details()[0]["shape"]
        self.input: Floats = np.zeros(shape, np.float32)
        self._out = {
            int(np.prod(detail["shape"])): detail["index"] for detail in self._interpreter.get_output_details()
        }
        self._values: dict[int, Floats] = {
            size: np.zeros(size, np.float32) for size in self._out
        }

    def run(self) -> None:
        self._interpreter.set_tensor(self._input_index, self.input)
        self._interpreter.invoke()
        for size, index in self._out.items():
            if size != 256 * 256:  # the segmentation mask is not used
                self._values[size][...] = self._interpreter.tensor(index)().reshape(-1)

    def outputs_by_size(self) -> dict[int, Floats]:
        """The outputs by their number of values, which tells them apart; the arrays are filled anew by each run."""
        return self._values

    def close(self) -> None:
        self._interpreter = None


def _anchors() -> Floats:
    """(2254, 2) centres of the detector's anchors: SsdAnchorsCalculator, strides 8, 16, 32, 32, 32, two per layer."""
    centres = []
    for stride, per_cell in ((8, 2), (16, 2), (32, 6)):
        cells = _DETECTOR_SIDE // stride
        grid = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(grid, grid, indexing="ij")
        centres.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(centres).astype(np.float32)


def _merge(points: Floats, scores: Floats) -> list[tuple[float, Floats]]:
    """Weighted non-maximum suppression: overlapping detections become their mean, weighted by score.

    points : (n, 6, 2) box centre, box size and four key points. Returns (score, (6, 2)) per person, best first.
    """
    low, high = points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2
    area = np.prod(np.maximum(high - low, 0), axis=1)
    left = np.argsort(-scores, kind="stable")
    people = []
    while len(left):
        best = left[0]
        shared = np.prod(np.maximum(np.minimum(high[left], high[best]) - np.maximum(low[left], low[best]), 0), axis=1)
        same = shared / np.maximum(area[left] + area[best] - shared, 1e-9) > _SAME_BOX_IOU
        same[0] = True
        members = left[same]
        people.append((float(scores[best]), np.average(points[members], axis=0, weights=scores[members])))
        left = left[~same]
    return people


def _region(hip: NDArray[Any], end: NDArray[Any]) -> Region:
    """AlignmentPointsRectsCalculator: a square about the hips, turned so that the body stands upright."""
    dx, dy = float(end[0] - hip[0]), float(end[1] - hip[1])
    angle = math.pi / 2 - math.atan2(-dy, dx)
    angle -= 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
    return Region(float(hip[0]), float(hip[1]), 2 * math.hypot(dx, dy) * _ROI_SCALE, angle)


def _refine(points: Floats, heatmap: Floats) -> None:
    """RefineLandmarksFromHeatmapCalculator: points move to the heat map's centre of mass around them, in place.

    points : (39, 2) fractions of the crop; heatmap : (64, 64, 39) logits.
    """
    rows, columns = heatmap.shape[:2]
    for index, (x, y) in enumerate(points):
        column, row = int(x * columns), int(y * rows)
        if not (0 <= column < columns and 0 <= row < rows and x >= 0 and y >= 0):
            continue
        left, right = max(0, column - _HEATMAP_RADIUS), min(columns, column + _HEATMAP_RADIUS + 1)
        top, bottom = max(0, row - _HEATMAP_RADIUS), min(rows, row + _HEATMAP_RADIUS + 1)
        weight = 1 / (1 + np.exp(-heatmap[top:bottom, left:right, index]))
        total = weight.sum()
        if weight.max() >= _REFINE_FROM and total > 0:
            points[index, 0] = weight.sum(0) @ np.arange(left, right, dtype=np.float32) / (columns * total)
            points[index, 1] = weight.sum(1) @ np.arange(top, bottom, dtype=np.float32) / (rows * total)
