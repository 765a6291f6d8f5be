"""Stage `camera`: where the film was cut, how the camera itself moved, and what the picture shows of the person.

The background is followed (`media.background`); what `pose` found says where the person is, who is not part of it. Pose may
be made in the same pass over the video, and is then asked as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.pipeline.contract import Frame, FrameRequest, FrameStage, StageInput
from fimad.pipeline.media.background import BackgroundTracker, Motion, person_mask
from fimad.pipeline.media.cuts import CutDetector
from fimad.pipeline.stages.persons import PersonSource, persons
from fimad.pipeline.stages.segment import kept_clips
from fimad.schema import CAMERA

# Landmarks of a moment ago still say where the person is, about.
_HELD_S = 0.5
_STILL: Motion = (0.0, 0.0, 0.0, 0.0)


class CameraStage(FrameStage):
    """Cuts, camera motion, and how the picture changes where the person is, of every clip."""

    name: ClassVar[str] = "camera"
    version: ClassVar[int] = 6
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment", "pose")
    optional: ClassVar[tuple[str, ...]] = ("pose",)
    by_clip: ClassVar[bool] = True
    same_pass: ClassVar[tuple[str, ...]] = ("pose",)

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
        return CameraConsumer(
            request,
            keys,
            section.cut_threshold,
            persons(item, [key for key, _ in keys]),
            fixed=section.motion == "fixed",
        )


@dataclass
class _ClipCamera:
    time_s: list[float] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)
    motion: list[Motion] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    change: list[float] = field(default_factory=list)
    light: list[float] = field(default_factory=list)
    tracker: BackgroundTracker | None = None
    cuts: CutDetector | None = None
    before: NDArray[np.uint8] | None = None
    person: NDArray[np.uint8] | None = None
    person_s: float = -np.inf


class CameraConsumer:
    """Follows the background of each clip.

    Parameters
    ----------
    request : the frames wanted.
    clips : (clip_id, clip_index) of each range.
    cut_threshold : see `BackgroundTracker`.
    person : says where the person of a clip is; None leaves nothing out.
    fixed : the camera is known to stand: only cuts are looked for.
    """

    def __init__(
        self,
        request: FrameRequest,
        clips: list[tuple[str, int]],
        cut_threshold: float,
        person: PersonSource | None = None,
        *,
        fixed: bool = False,
    ) -> None:
        self.request = request
        self._clips = clips
        self._threshold = cut_threshold
        self._person = person
        self._fixed = fixed
        self._cameras = [_ClipCamera() for _ in clips]

    def push(self, range_index: int, frame: Frame) -> None:
        camera = self._cameras[range_index]
        grey = frame.grey
        person = self._find(range_index, camera, frame.time_s, grey)
        if self._fixed:
            camera.cuts = camera.cuts or CutDetector(self._threshold)
            cut, motion, confidence = camera.cuts(frame.colours), _STILL, 1.0
        else:
            camera.tracker = camera.tracker or BackgroundTracker(self._threshold)
            cut, motion, confidence = camera.tracker.push(grey, frame.colours, person)
        camera.time_s.append(frame.time_s)
        camera.cut.append(cut)
        camera.motion.append(motion)
        camera.confidence.append(confidence)
        change, light = _look(camera.before, grey, camera.person)
        camera.change.append(change)
        camera.light.append(light)
        camera.before = grey

    def _find(
        self, range_index: int, camera: _ClipCamera, time_s: float, grey: NDArray[np.uint8]
    ) -> NDArray[np.uint8] | None:
        """The person's region, of now or of a moment ago."""
        person = None if self._person is None else self._person.person(range_index, time_s)
        found = None if person is None else person_mask((grey.shape[0], grey.shape[1]), person.image)
        if found is not None:
            camera.person, camera.person_s = found, time_s
        elif camera.person is not None and (time_s - camera.person_s > _HELD_S or camera.person.shape != grey.shape):
            camera.person = None
        return camera.person

    def finish(self) -> pa.Table:
        rows = [
            {
                "clip_id": clip_id,
                "clip_index": clip_index,
                "camera_time_s": np.array(camera.time_s, np.float64),
                "camera_cut": np.array(camera.cut, bool),
                "camera_motion": np.array(camera.motion, np.float32).reshape(-1),
                "camera_confidence": np.array(camera.confidence, np.float32),
                "camera_person_change": np.array(camera.change, np.float32),
                "camera_person_light": np.array(camera.light, np.float32),
            }
            for (clip_id, clip_index), camera in zip(self._clips, self._cameras, strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=CAMERA)


def _look(
    before: NDArray[np.uint8] | None, grey: NDArray[np.uint8], person: NDArray[np.uint8] | None
) -> tuple[float, float]:
    """Mean change since the picture before, and mean luminance, of 255, where the person is; NaN if nobody is there."""
    import cv2

    if person is None or not (inside := cv2.countNonZero(person)):
        return np.nan, np.nan
    light = cv2.mean(grey, person)[0]
    if before is None or before.shape != grey.shape:
        return np.nan, light
    return cv2.norm(grey, before, cv2.NORM_L1, person) / inside, light
