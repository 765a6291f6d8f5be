"""Stage `camera`: where the film was cut, and how the camera itself moved.

Most cameras stand still, and that is found first: the edges of the picture are where they were. What moves is measured
against the last picture that was measured, not against the last one seen, so that small motions do not add up to a drift.
If the edges moved, corners are followed (pyramidal Lucas-Kanade), and a similarity is fitted to them by RANSAC; the
background is what most of them agree on. A cut is where the corners are lost and the colours of the picture change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.pipeline.contract import Frame, FrameRequest, FrameStage, StageInput
from fimad.pipeline.media.cuts import is_cut
from fimad.pipeline.stages.segment import kept_clips
from fimad.schema import CAMERA

Floats = NDArray[np.float32]

_CORNERS = 120
_FEWEST = 8
_INLIER_PX = 1.0
# A corner that comes back to where it began within this distance was followed rightly.
_ROUND_TRIP_PX = 0.7
_SURE_CUT_SHARE = 0.3
_WINDOW = (13, 13)
_LEVELS = 2
_REFRESH = 15
# An edge has at least so many grey levels a pixel; a picture needs so many edge pixels in each direction to tell whether
# it moved, and no more than that are looked at.
_EDGE_LEVELS = 12.0
_FEWEST_EDGES = 50
_MOST_EDGES = 1500
# An edge is where it was if its grey changed by less than a shift by this many pixels would change it, and noise. On 29
# real clips 0.4 to 0.9 of the edges of pictures from standing cameras are, and 0.2 to 0.45 if the picture is shifted by
# 0.35 px (a thousandth of its width): those along the shift.
_EDGE_SHIFT_PX = 0.15
_NOISE_LEVELS = 2.0
_STILL_SHARE = 0.4
_STILL = (0.0, 0.0, 0.0, 0.0)


class CameraStage(FrameStage):
    """Cuts and camera motion of every clip."""

    name: ClassVar[str] = "camera"
    version: ClassVar[int] = 3
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")
    by_clip: ClassVar[bool] = True

    def schema(self) -> pa.Schema:
        return CAMERA

    def requires(self) -> tuple[str, ...]:
        return "av", "cv2"

    def consumer(self, item: StageInput) -> CameraConsumer:
        clips = kept_clips(item.tables["segment"])
        section = self.config.camera
        request = FrameRequest(
            ranges_s=[(clip["start_s"], clip["end_s"]) for clip in clips],
            rate_hz=section.rate_hz,
            short_side_px=section.short_side_px,
        )
        keys = [(clip["clip_id"], clip["clip_index"]) for clip in clips]
        return CameraConsumer(request, keys, section.cut_threshold)


@dataclass
class _ClipCamera:
    time_s: list[float] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)
    motion: list[tuple[float, float, float, float]] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    tracker: BackgroundTracker | None = None


class CameraConsumer:
    """Follows the background of each clip."""

    def __init__(self, request: FrameRequest, clips: list[tuple[str, int]], cut_threshold: float) -> None:
        self.request = request
        self._clips = clips
        self._threshold = cut_threshold
        self._cameras = [_ClipCamera() for _ in clips]

    def push(self, range_index: int, frame: Frame) -> None:
        camera = self._cameras[range_index]
        if camera.tracker is None:
            camera.tracker = BackgroundTracker(self._threshold)
        cut, motion, confidence = camera.tracker.push(frame.grey, frame.colours)
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


Motion = tuple[float, float, float, float]


class BackgroundTracker:
    """Similarity between the backgrounds of consecutive pictures of one size.

    Parameters
    ----------
    cut_threshold : share of the picture's points that change their colour, 0 to 1, that counts as a cut.
    """

    def __init__(self, cut_threshold: float) -> None:
        self._threshold = cut_threshold
        self._anchor: NDArray[np.uint8] | None = None
        self._colours: NDArray[np.uint8] | None = None
        self._edges: list[tuple[NDArray[np.intp], Floats]] | None = None
        self._corners: Floats | None = None
        self._age = 0

    def push(self, grey: NDArray[np.uint8], colours: NDArray[np.uint8]) -> tuple[bool, Motion, float]:
        """Look at the next picture.

        Parameters
        ----------
        grey : (h, w) luminance.
        colours : (3, n, m) YUV of a grid of points.

        Returns whether a new shot begins here, the motion since the picture before (see `CameraMotion`), and its
        confidence: the share of the background that agrees.
        """
        anchor, before = self._anchor, self._colours
        if anchor is None or before is None or anchor.shape != grey.shape:
            self._move_to(grey, colours)
            return anchor is not None, _STILL, 1.0
        still = self._still_share(anchor, grey)
        if still >= _STILL_SHARE:
            return False, _STILL, still
        motion, confidence = self._follow(anchor, grey)
        cut = confidence < _SURE_CUT_SHARE and is_cut(before, colours, self._threshold)
        if cut:
            self._corners = None
            motion, confidence = _STILL, 0.0
        self._move_to(grey, colours)
        return cut, motion, confidence

    def _move_to(self, grey: NDArray[np.uint8], colours: NDArray[np.uint8]) -> None:
        """Measure what follows against this picture."""
        if self._anchor is None or self._anchor.shape != grey.shape:
            self._corners = None
        self._anchor, self._colours = grey, colours
        self._edges = None

    def _still_share(self, anchor: NDArray[np.uint8], grey: NDArray[np.uint8]) -> float:
        """The share of the anchor's edges that are where they were: of upright and of level ones, the smaller."""
        import cv2

        if self._edges is None:
            self._edges = _edges(anchor)
        change = cv2.absdiff(anchor, grey).reshape(-1)
        shares = [float((change[at] <= limit).mean()) if len(at) >= _FEWEST_EDGES else 0.0 for at, limit in self._edges]
        return min(shares)

    def _follow(self, anchor: NDArray[np.uint8], grey: NDArray[np.uint8]) -> tuple[Motion, float]:
        import cv2

        if self._corners is None or len(self._corners) < _CORNERS // 2 or self._age >= _REFRESH:
            found_corners: Any = cv2.goodFeaturesToTrack(anchor, _CORNERS, 0.01, 6)
            self._corners = found_corners
            self._age = 0
        self._age += 1
        corners, self._corners = self._corners, None
        if corners is None or len(corners) < _FEWEST:
            return _STILL, 0.0
        options: dict[str, Any] = {"winSize": _WINDOW, "maxLevel": _LEVELS}
        there, found, _ = cv2.calcOpticalFlowPyrLK(anchor, grey, corners, None, **options)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(grey, anchor, there, None, **options)
        good = (found.ravel() == 1) & (returned.ravel() == 1)
        good &= np.abs(back - corners).reshape(-1, 2).max(1) < _ROUND_TRIP_PX
        start, end = corners.reshape(-1, 2)[good], there.reshape(-1, 2)[good]
        if len(start) < _FEWEST:
            return _STILL, 0.0
        # OpenCV's RANSAC draws from its own generator; the seed makes runs repeatable.
        cv2.setRNGSeed(0)
        matrix, inliers = cv2.estimateAffinePartial2D(
            start, end, method=cv2.RANSAC, ransacReprojThreshold=_INLIER_PX, maxIters=200
        )
        if matrix is None:
            return _STILL, 0.0
        agreed = inliers.ravel() == 1
        scale = math.hypot(matrix[0, 0], matrix[1, 0])
        if not scale > 0:
            return _STILL, 0.0
        self._corners = end[agreed].reshape(-1, 1, 2)
        height, width = grey.shape
        centre = np.array([width / 2, height / 2])
        shift = (matrix[:, :2] @ centre + matrix[:, 2] - centre) / width
        motion = (float(shift[0]), float(shift[1]), math.atan2(matrix[1, 0], matrix[0, 0]), math.log(scale))
        return motion, float(agreed.sum() / len(corners))


def _edges(grey: NDArray[np.uint8]) -> list[tuple[NDArray[np.intp], Floats]]:
    """Pixels (flat indices) on upright and on level edges, and by how many levels each may change where nothing moved."""
    import cv2

    # An eighth of Sobel's sum is levels a pixel.
    across = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8))
    along = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8))
    found = []
    for strong, weak in ((across, along), (along, across)):
        at = np.flatnonzero((strong >= _EDGE_LEVELS) & (strong >= weak))
        at = at[:: max(1, len(at) // _MOST_EDGES)]
        found.append((at, _NOISE_LEVELS + _EDGE_SHIFT_PX * strong.reshape(-1)[at]))
    return found
