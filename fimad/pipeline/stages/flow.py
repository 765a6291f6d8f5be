"""Stage `flow`: how the joints of the person a clip is about moved from picture to picture, as pixels show it.

`pose` looks at every picture anew and errs anew; between two pictures pixels say better how far a limb went (`media.flow`).
Both estimators' displacements are kept, so that what `simulate` makes of them can change without decoding. Where the person
is, `pose` says: from its artifact, or as it goes, in the same pass over the video.
"""

from __future__ import annotations

from array import array
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.pipeline.contract import Frame, FrameConsumer, FrameRequest, FrameStage, StageInput
from fimad.pipeline.media.flow.follower import LimbFollower
from fimad.pipeline.stages.persons import PersonSource, persons
from fimad.pipeline.stages.segment import kept_clips
from fimad.schema import FLOW


class FlowStage(FrameStage):
    """Displacements of joints between the pictures that `pose` looked at; one row per clip that is kept."""

    name: ClassVar[str] = "flow"
    version: ClassVar[int] = 6
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment", "pose")
    by_clip: ClassVar[bool] = True
    same_pass: ClassVar[tuple[str, ...]] = ("pose",)

    def schema(self) -> pa.Schema:
        return FLOW

    def requires(self) -> tuple[str, ...]:
        return "av", "cv2"

    def consumer(self, item: StageInput) -> FrameConsumer:
        clips = kept_clips(item.tables["segment"])
        # The same pictures as pose: its key says which.
        request = FrameRequest(
            ranges_s=[(clip["start_s"], clip["end_s"]) for clip in clips],
            rate_hz=self.config.pose.rate_hz,
            short_side_px=self.config.flow.short_side_px,
        )
        keys = [(clip["clip_id"], clip["clip_index"]) for clip in clips]
        return _FlowConsumer(request, keys, persons(item, [key for key, _ in keys]))


class _FlowConsumer:
    def __init__(self, request: FrameRequest, clips: list[tuple[str, int]], person: PersonSource | None) -> None:
        self.request = request
        self._clips = clips
        self._person = person
        self._followers = [LimbFollower() for _ in clips]
        self._times = [array("d") for _ in clips]

    def push(self, range_index: int, frame: Frame) -> None:
        found = None if self._person is None else self._person.person(range_index, frame.time_s)
        self._times[range_index].append(frame.time_s)
        self._followers[range_index].push(frame.time_s, None if found is None else frame.grey, found)

    def finish(self) -> pa.Table:
        rows = []
        for (clip_id, clip_index), follower, times in zip(self._clips, self._followers, self._times, strict=True):
            motion = follower.finish()
            columns: dict[str, NDArray[np.float32]] = {
                f"flow_{name}": values.reshape(-1) for name, values in motion.columns().items()
            }
            row = {"clip_id": clip_id, "clip_index": clip_index, "flow_time_s": np.array(times, np.float64), **columns}
            rows.append(pa.Table.from_pylist([row], schema=FLOW))
        return pa.concat_tables(rows) if rows else FLOW.empty_table()
