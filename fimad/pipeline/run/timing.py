"""Tells how long each stage of a shared pass over the frames took."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pyarrow as pa

from fimad.pipeline.contract import Frame, FrameConsumer, FrameStage, StageInput
from fimad.pipeline.media.frames import run_frame_stages


class _TimedConsumer:
    """Passes everything on, and adds up the time."""

    def __init__(self, consumer: FrameConsumer) -> None:
        self.request = consumer.request
        self.seconds = 0.0
        self._consumer = consumer

    def push(self, range_index: int, frame: Frame) -> None:
        began = time.perf_counter()
        self._consumer.push(range_index, frame)
        self.seconds += time.perf_counter() - began

    def finish(self) -> pa.Table:
        began = time.perf_counter()
        table = self._consumer.finish()
        self.seconds += time.perf_counter() - began
        return table


class _TimedStage(FrameStage):
    """A frame stage whose consumer is timed."""

    def __init__(self, stage: FrameStage) -> None:
        super().__init__(stage.config)
        self.stage = stage
        # A class attribute of each real stage.
        self.name = stage.name  # type: ignore[misc]
        self.timed: _TimedConsumer | None = None

    def schema(self) -> pa.Schema:
        return self.stage.schema()

    def consumer(self, item: StageInput) -> FrameConsumer:
        self.timed = _TimedConsumer(self.stage.consumer(item))
        return self.timed


def run_timed(stages: Sequence[FrameStage], item: StageInput) -> tuple[dict[str, pa.Table], dict[str, float]]:
    """`run_frame_stages`, and the seconds of each stage; what they share, which is decoding, is split evenly."""
    timed = [_TimedStage(stage) for stage in stages]
    began = time.perf_counter()
    tables = dict(run_frame_stages(timed, item))
    total = time.perf_counter() - began
    own = {stage.name: stage.timed.seconds if stage.timed is not None else 0.0 for stage in timed}
    shared = max(0.0, total - sum(own.values())) / len(timed)
    return tables, {name: seconds + shared for name, seconds in own.items()}
