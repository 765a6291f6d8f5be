"""Raw BlazePose landmarks at tracking speed: MediaPipe's own models, run on LiteRT, one person.

The graph is MediaPipe's (tasks/cc/vision/pose_landmarker, Apache-2.0): the detector finds a person, the landmark model
looks at a rotated crop, heatmaps refine its landmarks, and two auxiliary landmarks give the next frame's crop. Two things
differ from MediaPipe Tasks, which offers only one or the other: there is no low-pass filter on the landmarks, whose lag
costs a second derivative dearly, and the detector does not run on every frame. The segmentation mask, a quarter of the
full model's time, is cut out of the model; the other outputs stay the same to the last bit. `benchmarks/landmarker.py`
compares both.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fimad.pose.detector import Detection, PoseDetector, Roi, roi_from_points
from fimad.pose.tflite import TfliteModel, sigmoid
from fimad.skeleton import LANDMARKS

Floats = NDArray[np.float32]

_POINTS, _FLAG, _HEATMAP, _WORLD = "Identity", "Identity_1", "Identity_3", "Identity_4"
_COUNT: Final = len(LANDMARKS)
_WITH_AUXILIARY: Final = _COUNT + 2
_REACH: Final = np.arange(-3, 4)
# One, and the way across and down, to each value of a kernel: what its sum and its centre are made of.
_STEPS: Final = np.stack([np.ones(49, np.int64), np.tile(_REACH, 7), np.repeat(_REACH, 7)], axis=1)
_WEIGHTS: Final = _STEPS.astype(np.float32)
_MIN_HEAT: Final = 0.5

# From one frame to the next a person's region moves by a few hundredths of its size; half of it within a tenth of a
# second is somebody else.
_JUMP: Final = 0.5
_JUMP_TIME_S: Final = 0.1
# Somebody who comes back near where the last one was lost, within this time, is the same person.
_LOST_S: Final = 1.0
# While nobody is there, the detector looks at every frame at first, then at this interval.
_PATIENCE_S: Final = 0.5
_EMPTY_INTERVAL_S: Final = 0.15


class Picture(Protocol):
    """A picture to look for people in, upright; the pipeline's `FrameView` is one."""

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""

    def crop(self, matrix: NDArray[np.float64], side_px: int, out: NDArray[np.uint8]) -> None:
        """A rotated square to `out`, (side_px, side_px, 3) RGB; `matrix`, (2, 3), goes from pixels here to pixels there."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """One person in one picture.

    Parameters
    ----------
    image : (33, 3) x, y in fractions of width and height (y down), z on the scale of x, 0 at the hips.
    world_m : (33, 3) m: hip-centred, camera axes: x right, y down, z forward.
    visibility, presence : (33,) probabilities.
    score : probability that the region holds a person.
    track : counts the people followed, from 0: another number means that the person may be another one.
    """

    image: Floats
    world_m: Floats
    visibility: Floats
    presence: Floats
    score: float
    track: int


class PoseEstimator(Protocol):
    """Landmarks of one person, frame by frame."""

    def __call__(self, view: Picture, time_s: float) -> Landmarks | None:
        """Look at the next frame; times must increase. None if nobody is found."""

    def reset(self) -> None:
        """A cut: the next frame has nothing to do with the last one."""

    def fresh(self) -> PoseEstimator:
        """One for another clip, which shares the models with this one; its tracks count from 0."""

    def close(self) -> None:
        """Free the models."""


class LandmarkModel:
    """The landmark model by itself: a picture and a region in, landmarks and the next region out.

    Parameters
    ----------
    path : a ``pose_landmark_*.tflite``.
    threads : native threads.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._model = TfliteModel(path, (_POINTS, _FLAG, _HEATMAP, _WORLD), threads)
        self._side = self._model.side_px
        self._picture = np.empty((self._side, self._side, 3), np.uint8)

    def run(self, view: Picture, roi: Roi, min_score: float) -> tuple[Landmarks, Roi | None] | None:
        """Landmarks within a region, and where the person's region is now; None if nobody is there."""
        # Bilinear, black outside of the picture, as in MediaPipe.
        view.crop(roi.crop_matrix(self._side), self._side, self._picture)
        self._model.run(self._picture, 1 / 255, 0.0)
        score = float(self._model.output(_FLAG)[0])
        if not score >= min_score:
            return None
        rows = self._model.output(_POINTS).reshape(-1, 5)[:_WITH_AUXILIARY]
        points = rows[:, :3] / np.float32(self._side)
        refine(points, self._model.output(_HEATMAP))
        chances = sigmoid(rows[:_COUNT, 3:])
        width, height = view.size_px
        image = roi.to_picture(points, width, height)
        found = Landmarks(
            image=image[:_COUNT],
            world_m=roi.turn_back(self._model.output(_WORLD).reshape(-1, 3)[:_COUNT]),
            visibility=chances[:, 0],
            presence=chances[:, 1],
            score=score,
            track=0,
        )
        centre, rim = image[_COUNT], image[_COUNT + 1]
        return found, roi_from_points(
            (float(centre[0]) * width, float(centre[1]) * height), (float(rim[0]) * width, float(rim[1]) * height)
        )


def refine(points: Floats, heatmap: Floats) -> None:
    """Move landmarks to the centre of heat around them, in place (MediaPipe's RefineLandmarksFromHeatmap, kernel 7).

    Parameters
    ----------
    points : (n, 3), x and y in fractions of the crop.
    heatmap : (h, w, at least n) logits.
    """
    rows, columns, channels = heatmap.shape
    # Towards zero, as a cast does in C.
    x = (points[:, 0] * columns).astype(np.int64)
    y = (points[:, 1] * rows).astype(np.int64)
    index = ((y * columns + x) * channels + np.arange(len(points)))[:, None] + _around(columns, channels)
    far = int(_REACH[-1])
    # Usually all kernels lie within the crop, and nothing has to be masked.
    inner = x.min() >= far and y.min() >= far and x.max() < columns - far and y.max() < rows - far
    heat = sigmoid(heatmap.reshape(-1).take(index, mode="raise" if inner else "clip"))
    if not inner:
        at_x, at_y = x[:, None] + _STEPS[:, 1], y[:, None] + _STEPS[:, 2]
        heat = np.where((at_x >= 0) & (at_x < columns) & (at_y >= 0) & (at_y < rows), heat, np.float32(0))
    sums = heat @ _WEIGHTS
    moved = (heat.max(axis=1) >= _MIN_HEAT) & (sums[:, 0] > 0)
    if not inner:
        moved &= (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    total = np.where(sums[:, 0] > 0, sums[:, 0], 1)
    points[:, 0] = np.where(moved, (x + sums[:, 1] / total) / columns, points[:, 0])
    points[:, 1] = np.where(moved, (y + sums[:, 2] / total) / rows, points[:, 1])


@cache
def _around(columns: int, channels: int) -> NDArray[np.int64]:
    """Where a kernel's 49 values lie in a flat heatmap, from its middle."""
    flat: NDArray[np.int64] = ((_STEPS[:, 2] * columns + _STEPS[:, 1]) * channels)[None, :]
    return flat


def most_prominent(found: list[Detection], width_px: int, height_px: int) -> Detection:
    """Of several people the one that the video is about: large, central and sure."""

    def weight(each: Detection) -> float:
        x, y = (each.roi.x_px / width_px - 0.5) * 2, (each.roi.y_px / height_px - 0.5) * 2
        return each.score * each.roi.size_px * (1 - 0.5 * min(1.0, float(np.hypot(x, y))))

    return max(found, key=weight)


class LiteRtLandmarker:
    """Follows one person through the pictures of a clip. One instance per process; not thread-safe.

    Parameters
    ----------
    detector, landmarks : paths of the two `.tflite` files.
    min_score : person score below which a frame counts as empty.
    threads : native threads.
    """

    def __init__(self, detector: Path, landmarks: Path, *, min_score: float = 0.5, threads: int = 1) -> None:
        self._detector = PoseDetector(detector, threads)
        self._model = LandmarkModel(landmarks, threads)
        self._min_score = min_score
        self._track = -1
        self._empty_since_s: float | None = None
        self.reset()

    def fresh(self) -> LiteRtLandmarker:
        """One for another clip, with the same models."""
        other = copy(self)
        other._track, other._empty_since_s = -1, None
        other.reset()
        return other

    def reset(self) -> None:
        """Begin another shot."""
        self._next: Roi | None = None
        self._last: Roi | None = None
        self._seen_s = -np.inf
        self._looked_s = -np.inf

    def close(self) -> None:
        """Free the models."""
        del self._detector, self._model

    def __call__(self, view: Picture, time_s: float) -> Landmarks | None:
        """The person in a picture, or None. Times, s, must increase."""
        result = None
        if self._next is not None:
            result = self._model.run(view, self._next, self._min_score)
            if result is not None and self._jumped(result[1], time_s):
                # The landmarks slid off the person or over to another one: a fresh look decides.
                result = None
        if result is None:
            result = self._look(view, time_s)
        if result is None:
            self._next = None
            if self._empty_since_s is None:
                self._empty_since_s = time_s
            return None
        found, self._next = result
        if self._last is None or time_s - self._seen_s > _LOST_S or self._jumped(self._next, time_s):
            self._track += 1
        self._last = self._next
        self._seen_s, self._empty_since_s = time_s, None
        return replace(found, track=self._track)

    def _jumped(self, roi: Roi | None, time_s: float) -> bool:
        if roi is None or self._last is None:
            return roi is None
        # At low frame rates more is possible, but a person's own size is the limit.
        return roi.distance(self._last) > _JUMP * min(2.0, max(1.0, (time_s - self._seen_s) / _JUMP_TIME_S))

    def _look(self, view: Picture, time_s: float) -> tuple[Landmarks, Roi | None] | None:
        """Ask the detector, unless it has found nobody for a while and was asked a moment ago."""
        empty = self._empty_since_s is not None and time_s - self._empty_since_s > _PATIENCE_S
        if empty and time_s - self._looked_s < _EMPTY_INTERVAL_S:
            return None
        self._looked_s = time_s
        found = self._detector.detect(view.rgb)
        if not found:
            return None
        chosen = most_prominent(found, *view.size_px)
        if self._last is not None and time_s - self._seen_s <= _LOST_S:
            last = self._last
            nearest = min(found, key=lambda each: each.roi.distance(last))
            chosen = nearest if nearest.roi.distance(last) <= _JUMP else chosen
        return self._model.run(view, chosen.roi, self._min_score)
