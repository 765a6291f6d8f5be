"""How fast this machine is: the stages of a configuration on the project's own video, one core, models loaded beforehand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fimad.config import Config
from fimad.demo import VIDEO
from fimad.errors import SetupError
from fimad.pipeline.media.frames import decode
from fimad.pipeline.media.probe import open_media, video_stream
from fimad.pipeline.run.executor import run_spec
from fimad.pipeline.run.lane import Lane
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Task

# A first, short video takes what is done once only: buffers, kernels, files that are not cached yet.
_FIRST_S = 1.0


@dataclass(frozen=True)
class Rates:
    """What a second of video costs on one core.

    Parameters
    ----------
    video_s : length of the video that was measured, s.
    decode_s : s of one core to decode a second of it (1280x720, 30 frames/s, H.264); the stages that look at frames share
        this, and their figures include it.
    stages : s of one core per second of video, by stage.
    unavailable : stages that can't run here, and why.
    """

    video_s: float
    decode_s: float
    stages: dict[str, float]
    unavailable: dict[str, str]

    @property
    def core_s(self) -> float:
        """s of one core per second of video, all stages together."""
        return sum(self.stages.values())

    def hours(self, video_hours: float, workers: int) -> float:
        """Hours that so many hours of video take, without the time for downloads."""
        return video_hours * self.core_s / workers

    def to_json(self) -> dict[str, Any]:
        """Plain data for scripts."""
        return {**asdict(self), "core_s": self.core_s}


def measure(
    config: Config, folder: Path, length_s: float = 12.0, say: Callable[[str], None] = lambda text: None
) -> Rates:
    """Run the stages of a configuration in this process, in an empty folder, on a piece of the project's own video.

    Raises `SetupError` if a stage fails.
    """
    changes: dict[str, Any] = {
        "workspace": str(folder / "workspace"),
        # The piece has no chapters, and must not be left out for its length.
        "segment": config.segment.model_copy(update={"fallback": "whole", "min_clip_s": 0.0, "max_clip_s": 1e6}),
    }
    settings = config.model_copy(update=changes)
    workspace = Workspace(settings.workspace)
    workspace.prepare()
    plan = plan_stages(settings)
    lane = Lane(run_spec(workspace, settings, plan))
    try:
        for name in plan.runnable:
            say(f"loading {name}")
            lane.stage(name)
        seconds: dict[str, float] = {}
        for number, piece_s in enumerate((min(_FIRST_S, length_s), length_s)):
            media = excerpt(VIDEO, folder / f"piece{number}.mp4", piece_s)
            say(f"measuring on {piece_s:g} s of video")
            outcome = lane.run(Task(f"piece{number}", "file", str(media), tuple(plan.runnable), "cpu"))
            for result in outcome.results:
                if result.end != "done":
                    raise SetupError(
                        f"Stage {result.stage} does not work on the project's own video: {result.what}",
                        result.why,
                        result.fix,
                        reason=result.reason,
                    )
            seconds = {result.stage: result.seconds for result in outcome.results}
        began = time.perf_counter()
        for _ in decode(media, 0.0, length_s):
            pass
        decoded = time.perf_counter() - began
    finally:
        lane.close()
        workspace.close()
    return Rates(
        outcome.media_s,
        decoded / outcome.media_s,
        {name: spent / outcome.media_s for name, spent in seconds.items()},
        {name: why.what for name, why in plan.unavailable.items()},
    )


def excerpt(source: Path, target: Path, length_s: float) -> Path:
    """The beginning of a media file, copied packet by packet, without chapters."""
    import av

    with open_media(source) as container, av.open(str(target), "w") as out:
        streams = [video_stream(container), *container.streams.audio[:1]]
        copies = {stream.index: out.add_stream_from_template(stream) for stream in streams}
        for packet in container.demux(*streams):
            # Decode order: of frames that are shown later, some may come before the cut.
            if packet.dts is not None and packet.dts * packet.time_base < length_s:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    return target
