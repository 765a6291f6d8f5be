"""Stage `pose`: 33 landmarks of the person a clip is about, on every frame or at a given rate.

What is stored is the raw estimate. Frames with nobody are NaN with score 0 and track -1. The person is followed from frame to
frame and looked for anew at cuts; a track number that changes says that the person may be another one.
"""

from __future__ import annotations

from array import array
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.pipeline.contract import Frame, FrameConsumer, FrameRequest, FrameStage, ModelFile, StageInput
from fimad.pipeline.media.cadence import find_cadence, source_times
from fimad.pipeline.media.cuts import CutDetector
from fimad.pipeline.stages.persons import Person
from fimad.pipeline.stages.segment import kept_clips
from fimad.pose.landmarker import Landmarks, PoseEstimator
from fimad.pose.plugins import BUILT_IN, PluginLandmarker, estimator_class
from fimad.schema import POSE
from fimad.skeleton import LANDMARKS

_COUNT = len(LANDMARKS)
_SHAPES = {"image": (_COUNT, 3), "world_m": (_COUNT, 3), "visibility": (_COUNT,)}
_CHUNK = 1024


class PoseStage(FrameStage):
    """Landmarks per clip; one row per clip that is kept."""

    name: ClassVar[str] = "pose"
    version: ClassVar[int] = 7
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")
    by_clip: ClassVar[bool] = True

    _estimator: PoseEstimator | None = None

    def schema(self) -> pa.Schema:
        return POSE

    def requires(self) -> tuple[str, ...]:
        engine = {"litert": ("flatbuffers", "ai_edge_litert"), "mediapipe": ("flatbuffers", "mediapipe")}
        backend = self.config.pose.backend
        return "av", "cv2", *(engine[backend] if backend in engine else estimator_class(backend).requires)

    def weights(self) -> tuple[str, ...]:
        if self.config.pose.backend not in BUILT_IN:
            return ()
        return "pose/detector", f"pose/{self.config.pose.model}"

    def models(self) -> tuple[ModelFile, ...]:
        from fimad.models import model_file

        section = self.config.pose
        if section.backend not in BUILT_IN:
            files = estimator_class(section.backend).files(section.options)
            return tuple(model_file(str(path), self.config) for path in files)
        return tuple(model_file(name, self.config) for name in self.weights())

    def setup(self) -> None:
        if self._estimator is not None:
            return
        from fimad.models import locate

        section = self.config.pose
        if section.backend not in BUILT_IN:
            plugin = estimator_class(section.backend)(section.options, self.config.run.threads)
            self._estimator = PluginLandmarker(plugin, min_score=section.min_score)
            return
        detector, landmarks = (locate(name, self.config) for name in self.weights())
        if section.backend == "mediapipe":
            from fimad.pose.mediapipe_tasks import TasksLandmarker

            self._estimator = TasksLandmarker(detector, landmarks, min_score=section.min_score)
        else:
            from fimad.pose.landmarker import LiteRtLandmarker

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
        return _PoseConsumer(request, clips, self._estimator, size)


class _Recorder:
    """The frames of one clip, compactly: a video of hours has hundreds of thousands."""

    def __init__(self) -> None:
        self._frames: list[tuple[float, Landmarks | None]] = []
        self._chunks: list[dict[str, NDArray[Any]]] = []

    def add(self, time_s: float, found: Landmarks | None) -> None:
        self._frames.append((time_s, found))
        if len(self._frames) == _CHUNK:
            self._pack()

    def _pack(self) -> None:
        times, found = [each[0] for each in self._frames], [each[1] for each in self._frames]
        seen = np.array([each is not None for each in found], bool)
        present = [each for each in found if each is not None]
        chunk: dict[str, NDArray[Any]] = {
            "pose_time_s": np.array(times, np.float64),
            "pose_score": np.zeros(len(found), np.float32),
            "pose_track": np.full(len(found), -1, np.int32),
        }
        for name, shape in _SHAPES.items():
            chunk[f"pose_{name}"] = np.full((len(found), *shape), np.nan, np.float32)
        if present:
            chunk["pose_score"][seen] = [each.score for each in present]
            chunk["pose_track"][seen] = [each.track for each in present]
            for name in _SHAPES:
                chunk[f"pose_{name}"][seen] = np.stack([getattr(each, name) for each in present])
        self._chunks.append(chunk)
        self._frames = []

    def columns(self) -> dict[str, NDArray[Any]]:
        """The flat columns of the clip."""
        self._pack()
        chunks, self._chunks = self._chunks, []
        return {name: np.concatenate([chunk[name].reshape(-1) for chunk in chunks]) for name in chunks[0]}


class _PoseConsumer:
    def __init__(
        self,
        request: FrameRequest,
        clips: list[dict[str, Any]],
        estimator: PoseEstimator,
        size: dict[str, Any],
    ) -> None:
        self.request = request
        self._clips = clips
        self._size = size
        # Clips may overlap, so each has its own person to follow and its own last frame.
        self._estimators = [estimator.fresh() for _ in clips]
        self._cuts = [CutDetector() for _ in clips]
        self._recorders = [_Recorder() for _ in clips]
        self._times, self._changes = ([array("d") for _ in clips] for _ in range(2))
        self._latest: list[Landmarks | None] = [None for _ in clips]

    def watch(self, range_index: int, time_s: float, change: float) -> None:
        """Every frame counts for the rate at which people were filmed, whether or not landmarks are wanted of it."""
        self._times[range_index].append(time_s)
        self._changes[range_index].append(change)

    def push(self, range_index: int, frame: Frame) -> None:
        estimator = self._estimators[range_index]
        if self._cuts[range_index](frame.colours):
            estimator.reset()
        found = self._latest[range_index] = estimator(frame.view, frame.time_s)
        self._recorders[range_index].add(frame.time_s, found)

    def person(self, range_index: int, time_s: float) -> Person | None:
        """See `persons.PersonSource`."""
        latest = self._latest[range_index]
        if latest is None:
            return None
        # In the precision of the artifact: what is made beside it is what is made from it.
        image, visibility = (np.asarray(each, np.float32) for each in (latest.image, latest.visibility))
        return Person(image, visibility, latest.track)

    def finish(self) -> pa.Table:
        tables = [self._row(at).cast(POSE) for at in range(len(self._clips))]
        return pa.concat_tables(tables) if tables else POSE.empty_table()

    def _row(self, at: int) -> pa.Table:
        columns = self._recorders[at].columns()
        seen_s = np.array(self._times[at], np.float64)
        cadence = find_cadence(seen_s, np.array(self._changes[at], np.float64))
        columns["pose_source_time_s"] = source_times(columns["pose_time_s"], seen_s, cadence)
        clip, scores = self._clips[at], columns["pose_score"]
        single = {
            "clip_id": clip["clip_id"],
            "clip_index": clip["clip_index"],
            "pose_share": float((scores > 0).mean()) if len(scores) else 0.0,
            "pose_rates_hz": None if cadence.unknown else [rate for pair in cadence.rates_hz for rate in pair],
            **self._size,
        }
        arrays = []
        for each in POSE:
            if each.name in columns:
                values = pa.array(columns[each.name])
                arrays.append(pa.ListArray.from_arrays(np.array([0, len(values)], np.int32), values))
            else:
                arrays.append(pa.array([single[each.name]], each.type))
        return pa.table(arrays, names=POSE.names)
