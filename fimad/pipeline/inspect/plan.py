"""A dry run: what would be done, and what it would cost on this machine, from the rates of earlier runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fimad.config import Config
from fimad.pipeline.inspect.status import status
from fimad.pipeline.run.executor import worker_count
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state import runlog
from fimad.pipeline.state.survey import Videos
from fimad.pipeline.state.workspace import Workspace

# What is assumed of a stage that never ran here: seconds on one core, and bytes, per second of video (two cores of 2020,
# 720p at 30 frames/s, pose model full).
_ASSUMED_S = {
    "download": 0.02,
    "segment": 0.0002,
    "transcribe": 0.08,
    "pose": 0.60,
    "camera": 0.10,
    "embed": 0.06,
    "simulate": 0.02,
}
_ASSUMED_BYTES = {"download": 150_000.0, "pose": 25_000.0, "simulate": 40_000.0, "embed": 2_200.0, "camera": 700.0}
_ASSUMED_LENGTH_S = 300.0


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

    `rates`, s of one core per s of video by stage (`rates.measure`), go before what earlier runs took.
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
