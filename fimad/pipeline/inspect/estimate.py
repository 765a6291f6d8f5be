"""What a build costs: how fast this machine is, what a dry run would do, and where the time of the last run went."""

from __future__ import annotations

import csv
import io
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fimad.config import Config
from fimad.demo import VIDEO
from fimad.errors import SetupError
from fimad.pipeline.inspect.status import status
from fimad.pipeline.media.clock import clock_of
from fimad.pipeline.media.container import open_media
from fimad.pipeline.media.frames import decode
from fimad.pipeline.run.executor import run_spec, worker_count
from fimad.pipeline.run.lane import Lane
from fimad.pipeline.stages.registry import StagePlan, plan_stages
from fimad.pipeline.state import runlog
from fimad.pipeline.state.survey import Videos
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Task

# What is assumed of a stage that never ran here: seconds on one core, and bytes, per second of video (two cores of 2020,
# 720p at 30 frames/s, pose model full).
_ASSUMED_S = {
    "download": 0.02,
    "captions": 0.0005,
    "segment": 0.0002,
    "transcribe": 0.08,
    "pose": 0.60,
    "camera": 0.10,
    "flow": 0.50,
    "embed": 0.06,
    "simulate": 0.02,
    "label": 0.0005,
}
_ASSUMED_BYTES = {
    "download": 150_000.0,
    "pose": 25_000.0,
    "simulate": 40_000.0,
    "embed": 2_200.0,
    "camera": 700.0,
    "flow": 9_000.0,
}
_ASSUMED_LENGTH_S = 300.0
# A first, short video takes what is done once only: buffers, kernels, files that are not cached yet.
_FIRST_S = 1.0
_COLUMNS = ("video_id", "stage", "end", "seconds", "media_s", "out_bytes", "peak_bytes", "worker", "at")


@dataclass(frozen=True)
class StageCost:
    """What a stage would cost.

    Parameters
    ----------
    videos : how many it has to do (`pending`, `stale`, and those that wait for upstream stages).
    core_s : seconds of one core (download: of one connection); `bytes` what it would write.
    measured : whether the rates come from runs on this workspace, or are assumed.
    """

    stage: str
    videos: int
    core_s: float
    bytes: float
    measured: bool


@dataclass(frozen=True)
class Plan:
    """What a build would do and cost.

    Parameters
    ----------
    length_s : mean length of a video: measured on what was downloaded, or assumed.
    hours : wall time with the configured workers, downloads in parallel to the rest.
    rate_limit_hours : what `http.videos_per_hour` alone needs.
    """

    videos: int
    stages: list[StageCost]
    length_s: float
    length_measured: bool
    workers: int
    hours: float
    rate_limit_hours: float
    bytes: float

    def to_json(self) -> dict[str, Any]:
        """Plain data for scripts."""
        return asdict(self)


def estimate(
    workspace: Workspace,
    config: Config,
    plan: StagePlan,
    videos: Videos,
    rates: Mapping[str, float] | None = None,
) -> Plan:
    """Count what is to do, and multiply by what it cost before.

    `rates`, s of one core per s of video by stage (`measure`), go before what earlier runs took.
    """
    rates = rates or {}
    now = status(workspace, config, plan, videos)
    seconds, written, lengths = _rates(workspace)
    length_s = sum(lengths) / len(lengths) if lengths else _ASSUMED_LENGTH_S
    costs = []
    for each in now.stages:
        if each.unavailable:
            continue
        todo = each.counts["pending"] + each.counts["stale"]
        measured = each.stage in rates or each.stage in seconds
        if each.stage in rates:
            per_video_s = rates[each.stage] * length_s
        else:
            per_video_s = seconds.get(each.stage, _ASSUMED_S.get(each.stage, 0.0) * length_s)
        per_video_bytes = written.get(each.stage, _ASSUMED_BYTES.get(each.stage, 0.0) * length_s)
        costs.append(StageCost(each.stage, todo, todo * per_video_s, todo * per_video_bytes, measured))
    workers = worker_count(config.run)
    network = {name for name, stage in plan.stages.items() if stage.resource == "network"}
    core_hours = sum(cost.core_s for cost in costs if cost.stage not in network) / 3600 / workers
    download_hours = sum(cost.core_s for cost in costs if cost.stage in network) / 3600
    download_hours /= workers * config.run.downloads
    limit_hours = now.budget_s / 3600
    return Plan(
        now.videos,
        costs,
        length_s,
        bool(lengths),
        workers,
        max(core_hours, download_hours, limit_hours),
        limit_hours,
        sum(cost.bytes for cost in costs),
    )


def _rates(workspace: Workspace) -> tuple[dict[str, float], dict[str, float], list[float]]:
    """Mean seconds and bytes a video of each stage, and the videos' lengths, from the last runs."""
    seconds: dict[str, list[float]] = defaultdict(list)
    written: dict[str, list[float]] = defaultdict(list)
    lengths: dict[str, float] = {}
    for entry in runlog.entries(workspace, newest=20):
        if entry.get("end") == "done" and entry.get("out_bytes"):
            seconds[entry["stage"]].append(float(entry["seconds"]))
            written[entry["stage"]].append(float(entry["out_bytes"]))
            if entry.get("media_s"):
                lengths[entry["video_id"]] = float(entry["media_s"])
    return (
        {name: sum(each) / len(each) for name, each in seconds.items()},
        {name: sum(each) / len(each) for name, each in written.items()},
        list(lengths.values()),
    )


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
        clock = clock_of(source)
        streams = [container.streams[index] for index in (clock.video, clock.audio) if index is not None]
        copies = {stream.index: out.add_stream_from_template(stream) for stream in streams}
        for packet in container.demux(*streams):
            # Decode order: of frames that are shown later, some may come before the cut.
            if packet.dts is not None and packet.dts * packet.time_base < length_s:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    return target


def profile(workspace: Workspace, *, working: bool = False) -> dict[str, Any]:
    """Where the time of the last run went; with `working`, of the last one that had something to do.

    Returns ``wall_s`` of the run; ``stages``: for each the number of ``videos``, their ``seconds`` of work and ``video_s``
    of material; ``videos``: seconds of work of each, the slowest first. Stages that share a pass over the frames share the
    time of decoding evenly.
    """
    stages: dict[str, dict[str, float]] = defaultdict(lambda: {"videos": 0, "seconds": 0.0, "video_s": 0.0})
    videos: dict[str, float] = defaultdict(float)
    wall: dict[str, float] = {}
    for entry in runlog.working_run(workspace) if working else runlog.entries(workspace, newest=1):
        if "event" in entry:
            wall[entry["event"]] = float(entry["at"])
            continue
        each = stages[entry["stage"]]
        each["videos"] += 1
        each["seconds"] += float(entry["seconds"])
        each["video_s"] += float(entry.get("media_s", 0.0))
        videos[entry["video_id"]] += float(entry["seconds"])
    slowest = sorted(videos.items(), key=lambda item: -item[1])
    return {
        "wall_s": wall.get("end", 0.0) - wall.get("begin", 0.0) if {"begin", "end"} <= wall.keys() else 0.0,
        "stages": dict(stages),
        "videos": dict(slowest),
    }


def write_profile(workspace: Workspace) -> tuple[str, str]:
    """Write the profile of the last run beside its diary.

    Returns the names below the workspace: ``runs/RUN.profile.json`` (`profile`) and ``runs/RUN.profile.csv`` (one line per
    stage and video).
    """
    run = f"runs/{runlog.newest(workspace)}"
    names = f"{run}.profile.json", f"{run}.profile.csv"
    workspace.store.write(names[0], (json.dumps(profile(workspace), indent=1) + "\n").encode())
    table = io.StringIO()
    writer = csv.DictWriter(table, _COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for entry in runlog.entries(workspace, newest=1):
        if "event" not in entry:
            writer.writerow(entry)
    workspace.store.write(names[1], table.getvalue().encode())
    return names
