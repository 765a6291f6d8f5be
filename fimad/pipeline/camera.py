"""Stage `camera`: where the film was cut, and how the camera itself moved.

Corners of the picture are followed from frame to frame (pyramidal Lucas-Kanade), and a similarity is fitted to them by
RANSAC. The background is what most of them agree on. A cut is where the colours of the picture change all at once and
the corners are lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.pipeline.segment import kept_clips
from fimad.pipeline.stage import Frame, FrameRequest, FrameStage, StageInput
from fimad.schema import CAMERA

_CORNERS = 120
_FEWEST = 8
_INLIER_PX = 1.0
# A corner that comes back to where it began within this distance was followed rightly.
_ROUND_TRIP_PX = 0.7
_SURE_CUT_SHARE = 0.3


class CameraStage(FrameStage):
    """Cuts and camera motion of every clip."""

    name: ClassVar[str] = "camera"
    version: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")

    def schema(self) -> pa.Schema:
        return CAMERA

    def consumer(self, item: StageInput) -> CameraConsumer:
        clips = kept_clips(item.tables["segment"])
        section = self.config.camera
        request = FrameRequest(
            ranges_s=[(clip["start_s"], clip["end_s"]) for clip in clips],
            rate_hz=section.rate_hz,
            short_side_px=section.short_side_px,
        )
        keys = [(clip["clip_id"], clip["clip_index"]) for clip in clips]
        return CameraConsumer(request, keys, section.short_side_px, section.cut_threshold)


@dataclass
class _ClipCamera:
    time_s: list[float] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)
    motion: list[tuple[float, float, float, float]] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    tracker: BackgroundTracker | None = None


class CameraConsumer:
    """Follows the background of each clip."""

    def __init__(
        self, request: FrameRequest, clips: list[tuple[str, int]], short_side_px: int, cut_threshold: float
    ) -> None:
        self.request = request
        self._clips = clips
        self._side = short_side_px
        self._threshold = cut_threshold
        self._cameras = [_ClipCamera() for _ in clips]

    def push(self, range_index: int, frame: Frame) -> None:
        camera = self._cameras[range_index]
        if camera.tracker is None:
            camera.tracker = BackgroundTracker(self._side, self._threshold)
        cut, motion, confidence = camera.tracker.push(frame.rgb)
        camera.time_s.append(frame.time_s)
        camera.cut.append(cut)
        camera.motion.append(motion)
        camera.confidence.append(confidence)

    def finish(self) -> pa.Table:
        rows = [
            {
                "clip_id": clip_id,
                "clip_index": clip_index,
                "camera_time_s": np.array(camera.time_s, np.float64),
                "camera_cut": np.array(camera.cut, bool),
                "camera_motion": np.array(camera.motion, np.float32).reshape(-1),
                "camera_confidence": np.array(camera.confidence, np.float32),
            }
            for (clip_id, clip_index), camera in zip(self._clips, self._cameras, strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=CAMERA)


class BackgroundTracker:
    """Similarity between the backgrounds of consecutive pictures.

    Parameters
    ----------
    short_side_px : pictures are scaled down to this size first.
    cut_threshold : histogram difference (0 to 1, half the sum of absolute differences) that counts as a cut.
    """

    def __init__(self, short_side_px: int, cut_threshold: float) -> None:
        self._side = short_side_px
        self._threshold = cut_threshold
        self._grey: NDArray[np.uint8] | None = None
        self._histogram: NDArray[np.float64] | None = None
        self._corners: NDArray[np.float32] | None = None
        self._age = 0

    def push(self, rgb: NDArray[np.uint8]) -> tuple[bool, tuple[float, float, float, float], float]:
        """Whether a new shot begins here, the motion (see `CameraMotion`) and its confidence."""
        import cv2

        height, width = rgb.shape[:2]
        scale = min(1.0, self._side / min(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = rgb if size == (width, height) else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        histogram = cv2.calcHist([small], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3).reshape(-1).astype(np.float64)
        histogram /= histogram.sum()
        before, self._grey = self._grey, grey
        last, self._histogram = self._histogram, histogram
        still = (0.0, 0.0, 0.0, 0.0)
        if before is None or last is None or before.shape != grey.shape:
            self._corners = None
            return before is not None, still, 1.0
        changed = 0.5 * float(np.abs(histogram - last).sum())
        motion, confidence = self._follow(before, grey)
        if changed > self._threshold and confidence < _SURE_CUT_SHARE:
            self._corners = None
            return True, still, 0.0
        return False, motion, confidence

    def _follow(
        self, before: NDArray[np.uint8], grey: NDArray[np.uint8]
    ) -> tuple[tuple[float, float, float, float], float]:
        import cv2

        still = (0.0, 0.0, 0.0, 0.0)
        if np.array_equal(before, grey):
            return still, 1.0
        if self._corners is None or len(self._corners) < _CORNERS // 2 or self._age >= 15:
            self._corners = cv2.goodFeaturesToTrack(before, _CORNERS, 0.01, 6)
            self._age = 0
        self._age += 1
        if self._corners is None or len(self._corners) < _FEWEST:
            self._corners = None
            return still, 0.0
        options: dict[str, Any] = {"winSize": (13, 13), "maxLevel": 2}
        there, found, _ = cv2.calcOpticalFlowPyrLK(before, grey, self._corners, None, **options)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(grey, before, there, None, **options)
        good = (found.ravel() == 1) & (returned.ravel() == 1)
        good &= np.abs(back - self._corners).reshape(-1, 2).max(1) < _ROUND_TRIP_PX
        start, end = self._corners.reshape(-1, 2)[good], there.reshape(-1, 2)[good]
        total = len(self._corners)
        if len(start) < _FEWEST:
            self._corners = None
            return still, 0.0
        # OpenCV's RANSAC draws from its own generator; the seed makes runs repeatable.
        cv2.setRNGSeed(0)
        matrix, inliers = cv2.estimateAffinePartial2D(
            start, end, method=cv2.RANSAC, ransacReprojThreshold=_INLIER_PX, maxIters=200
        )
        if matrix is None:
            self._corners = None
            return still, 0.0
        agreed = inliers.ravel() == 1
        self._corners = end[agreed].reshape(-1, 1, 2)
        height, width = grey.shape
        scale = math.hypot(matrix[0, 0], matrix[1, 0])
        if not scale > 0:
            return still, 0.0
        centre = np.array([width / 2, height / 2])
        shift = (matrix[:, :2] @ centre + matrix[:, 2] - centre) / width
        motion = (float(shift[0]), float(shift[1]), math.atan2(matrix[1, 0], matrix[0, 0]), math.log(scale))
        return motion, float(agreed.sum() / total)
