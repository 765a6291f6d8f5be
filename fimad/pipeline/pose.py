"""Stage `pose`: 33 landmarks of the person a clip is about, on every frame or at a given rate.

What is stored is the raw estimate. Frames with nobody are NaN with score 0 and track -1. The person is followed from frame to
frame and looked for anew at cuts; a track number that changes says that the person may be another one.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.pipeline.cuts import CutDetector
from fimad.pipeline.landmarker import Landmarks, PoseEstimator
from fimad.pipeline.segment import kept_clips
from fimad.pipeline.stage import Frame, FrameConsumer, FrameRequest, FrameStage, ModelFile, StageInput, Unavailable
from fimad.schema import POSE
from fimad.skeleton import LANDMARKS

_COUNT = len(LANDMARKS)


class PoseStage(FrameStage):
    """Landmarks per clip; one row per clip that is kept."""

    name: ClassVar[str] = "pose"
    version: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")

    _estimator: PoseEstimator | None = None

    def schema(self) -> pa.Schema:
        return POSE

    def _model_names(self) -> tuple[str, ...]:
        return "pose/detector", f"pose/{self.config.pose.model}"

    def models(self) -> tuple[ModelFile, ...]:
        from fimad.models import model_file

        return tuple(model_file(name, self.config) for name in self._model_names())

    def unavailable(self) -> Unavailable | None:
        from fimad.models import unavailable

        found = (unavailable(name, self.config) for name in self._model_names())
        return next((each for each in found if each is not None), None)

    def setup(self) -> None:
        if self._estimator is not None:
            return
        from fimad.models import locate

        detector, landmarks = (locate(name, self.config) for name in self._model_names())
        section = self.config.pose
        if section.backend == "mediapipe":
            from fimad.pipeline.mediapipe_tasks import TasksLandmarker

            self._estimator = TasksLandmarker(detector, landmarks, min_score=section.min_score)
        else:
            from fimad.pipeline.landmarker import LiteRtLandmarker

            self._estimator = LiteRtLandmarker(
                detector, landmarks, min_score=section.min_score, threads=self.config.run.threads
            )

    def close(self) -> None:
        if self._estimator is not None:
            self._estimator.close()
            self._estimator = None

    def consumer(self, item: StageInput) -> FrameConsumer:
        self.setup()
        assert self._estimator is not None  # noqa: S101  (an invariant: `setup` sets it)
        section = self.config.pose
        clips = kept_clips(item.tables["segment"])
        request = FrameRequest(
            ranges_s=[(clip["start_s"], clip["end_s"]) for clip in clips],
            rate_hz=section.rate_hz,
            short_side_px=section.short_side_px,
        )
        video = item.tables["download"].to_pylist()[0]
        size = {name: video[name] for name in ("width_px", "height_px")}
        return _PoseConsumer(request, clips, self._estimator, size, self.config.camera.cut_threshold)


class _PoseConsumer:
    def __init__(
        self,
        request: FrameRequest,
        clips: list[dict[str, Any]],
        estimator: PoseEstimator,
        size: dict[str, Any],
        cut_threshold: float,
    ) -> None:
        self.request = request
        self._clips = clips
        self._estimator = estimator
        self._size = size
        self._cuts = CutDetector(cut_threshold)
        self._times: list[list[float]] = [[] for _ in clips]
        self._found: list[list[Landmarks | None]] = [[] for _ in clips]
        self._range = -1
        self._seen: tuple[float, Landmarks | None] = (-np.inf, None)

    def push(self, range_index: int, frame: Frame) -> None:
        found = self._look(range_index, frame)
        self._times[range_index].append(frame.time_s)
        self._found[range_index].append(found)

    def _look(self, range_index: int, frame: Frame) -> Landmarks | None:
        if range_index != self._range:
            self._estimator.restart()
            self._cuts.reset()
            self._range = range_index
        if self._cuts(frame.rgb):
            self._estimator.restart()
        return self._estimator(frame.rgb, frame.time_s)

    def finish(self) -> pa.Table:
        rows = [
            {"clip_id": clip["clip_id"], "clip_index": clip["clip_index"], **_columns(times, found), **self._size}
            for clip, times, found in zip(self._clips, self._times, self._found, strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=POSE)


def _columns(times: list[float], found: list[Landmarks | None]) -> dict[str, Any]:
    seen = np.array([each is not None for each in found], bool)
    present = [each for each in found if each is not None]

    def spread(values: list[NDArray[np.float32]], *shape: int) -> NDArray[np.float32]:
        whole = np.full((len(found), *shape), np.nan, np.float32)
        if values:
            whole[seen] = np.stack(values)
        return whole.reshape(-1)

    scores = np.zeros(len(found), np.float32)
    scores[seen] = [each.score for each in present]
    tracks = np.full(len(found), -1, np.int32)
    tracks[seen] = [each.track for each in present]
    return {
        "pose_time_s": np.array(times, np.float64),
        "pose_image": spread([each.image for each in present], _COUNT, 3),
        "pose_world_m": spread([each.world_m for each in present], _COUNT, 3),
        "pose_visibility": spread([each.visibility for each in present], _COUNT),
        "pose_score": scores,
        "pose_track": tracks,
        "pose_share": float(seen.mean()) if len(found) else 0.0,
    }
