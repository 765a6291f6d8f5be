"""What a workspace holds: the table stage × state, and everything about one video. Reads listings, writes nothing."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.config import Config
from fimad.errors import PermanentError
from fimad.pipeline.acquire.network.politeness import Politeness, host_of
from fimad.pipeline.inspect.videos import find_video
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state import runlog
from fimad.pipeline.state.batches import chunks
from fimad.pipeline.state.changed import changed_of
from fimad.pipeline.state.corpus import up_to_date
from fimad.pipeline.state.records import DONE, FAILED, FILTERED, PENDING, Hashes, Record, StageIndex, id_hashes, member
from fimad.pipeline.state.survey import Survey, Videos
from fimad.pipeline.state.workspace import Workspace

# The columns of the table. `stale`: was done under an earlier configuration, or from another state of its source. `blocked`: waits for a video that failed
# or was filtered upstream.
COLUMNS = ("done", "failed", "filtered", "pending", "stale", "blocked")
# So many records are read for their reasons; counts are always complete.
_MOST_RECORDS = 20_000
# So many artifacts are read for what is said of single clips.
_MOST_READ = 2_000


@dataclass
class StageStatus:
    """The state of one stage over all videos."""

    stage: str
    key: str
    counts: dict[str, int]
    reasons: dict[str, int] = field(default_factory=dict)
    unavailable: str = ""
    fix: str = ""


@dataclass
class Status:
    """The state of a workspace under a configuration.

    Parameters
    ----------
    budget_s : time that `http.videos_per_hour` alone needs for the downloads that are pending.
    paused : which hosts are left alone for now, why, and what to do.
    problems : what in the sources was no video.
    """

    workspace: str
    videos: int
    stages: list[StageStatus]
    budget_s: float
    paused: str = ""
    problems: list[dict[str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain data for scripts."""
        return asdict(self)


def status(workspace: Workspace, config: Config, plan: StagePlan, videos: Videos | None = None) -> Status:
    """Count every stage's videos by state, from listings."""
    names = [name for name in plan.stages if name in plan.keys]
    survey = Survey(workspace, plan, names, again=False, keep_records=True)
    others = _other_keys(workspace, plan, names)
    counts = {name: Counter[str]() for name in names}
    total = urls = 0
    videos = videos or up_to_date(workspace.videos)
    download = plan.keys.get("download")
    told = workspace.told()
    for chunk in chunks(videos(), 4096):
        hashes = id_hashes(video.video_id for video in chunk)
        states = survey.states(hashes)
        changed = []
        if download is not None:
            changed = changed_of(workspace, download, survey.indexes["download"], told, chunk)
        # What was made of another state of its source is made anew.
        outdated = np.isin(hashes, id_hashes(changed))[:, np.newaxis] & (states != PENDING)
        states[outdated] = PENDING
        total += len(chunk)
        blocked = np.zeros_like(states, dtype=bool)
        for at, name in enumerate(names):
            column = states[:, at]
            for each in plan.stages[name].upstream:
                if each in names:
                    up = names.index(each)
                    blocked[:, at] |= np.isin(states[:, up], (FAILED, FILTERED)) | blocked[:, up]
            waiting = column == PENDING
            blocked[:, at] &= waiting
            stale = waiting & ~blocked[:, at] & (np.isin(hashes, others[name]) | outdated[:, at])
            for label, mask in (
                ("done", column == DONE),
                ("failed", column == FAILED),
                ("filtered", column == FILTERED),
                ("blocked", blocked[:, at]),
                ("stale", stale),
                ("pending", waiting & ~blocked[:, at] & ~stale),
            ):
                counts[name][label] += int(mask.sum())
            if name == "download":
                is_url = np.array([video.kind == "url" or bool(host_of(video)) for video in chunk])
                urls += int((is_url & waiting).sum())
    polite = Politeness(config.http, state=workspace.read_state("politeness"))
    stages = []
    for name in plan.stages:
        why = plan.unavailable.get(name)
        stages.append(
            StageStatus(
                name,
                plan.keys.get(name, ""),
                {label: counts[name][label] if name in counts else 0 for label in COLUMNS},
                {**reasons(workspace, name, plan.keys[name], survey), **_of_clips(workspace, plan, name)}
                if name in counts
                else {},
                why.what if why else "",
                why.fix if why else "",
            )
        )
    return Status(workspace.url, total, stages, polite.time_for_s(urls), polite.explain(), workspace.problems())


def records(workspace: Workspace, stage: str, key: str) -> list[Record]:
    """The failure and filter records of a stage (no more than 20,000 of them), without those of videos that are done."""
    listed: list[str] = []
    index = workspace.index(stage, key, listed, listed)
    return _read(workspace, stage, key, index, listed)


def _read(workspace: Workspace, stage: str, key: str, index: StageIndex, listed: list[str]) -> list[Record]:
    done = member(id_hashes(listed), index.done).tolist()
    chosen = sorted({video_id for video_id, is_done in zip(listed, done, strict=True) if not is_done})[:_MOST_RECORDS]
    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda video_id: workspace.read_record(stage, key, video_id), chosen)
        return [record for record in found if record is not None]


def reasons(workspace: Workspace, stage: str, key: str, survey: Survey) -> dict[str, int]:
    """How often each reason was given in a stage; `survey` has listed its records."""
    found = _read(workspace, stage, key, survey.indexes[stage], survey.recorded[stage])
    return dict(Counter(record.reason for record in found).most_common())


def _of_clips(workspace: Workspace, plan: StagePlan, name: str) -> dict[str, int]:
    """Why clips of videos that are done have no pose, where poses come from files; of the first videos."""
    if "pose_report" not in plan.stages[name].schema().names:
        return {}
    key = plan.keys[name]
    chosen = sorted(video_id for video_id, code in workspace.entries(name, key) if code == DONE)[:_MOST_READ]

    def told(video_id: str) -> list[str]:
        try:
            found = workspace.read(name, key, video_id, columns=["pose_report"]).column("pose_report").to_pylist()
        except (FileNotFoundError, PermanentError):
            return []
        return [reason for each in found if each and (reason := json.loads(each).get("reason"))]

    with ThreadPoolExecutor(16) as pool:
        found = Counter(f"clips {reason}" for each in pool.map(told, chosen) for reason in each)
    return dict(found.most_common())


def _other_keys(workspace: Workspace, plan: StagePlan, names: list[str]) -> dict[str, Hashes]:
    keys = workspace.keys()
    found: dict[str, Hashes] = {}
    for name in names:
        parts: list[NDArray[np.uint64]] = [
            workspace.index(name, key).done for key in keys.get(name, []) if key != plan.keys[name]
        ]
        found[name] = np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)
    return found


@dataclass
class StageStory:
    """What is known about one video in one stage."""

    stage: str
    state: str
    key: str
    record: Record | None
    tries: list[dict[str, Any]]


def why(workspace: Workspace, plan: StagePlan, video_id: str) -> list[StageStory]:
    """Every stage's state of one video, with its record, and what past runs logged.

    The video is named by its id, a clip's id, its address or its file; raises `ConfigError` if it is unknown.
    """
    video_id = find_video(workspace, plan, video_id).video_id
    lines: dict[str, list[dict[str, Any]]] = {}
    for entry in runlog.story(workspace, video_id):
        if "end" in entry:
            lines.setdefault(str(entry.get("stage")), []).append(entry)
    stories: list[StageStory] = []
    states: dict[str, str] = {}
    for name, stage in plan.stages.items():
        key = plan.keys.get(name, "")
        record = None
        if key and workspace.exists(name, key, video_id):
            state = "done"
        else:
            record = workspace.read_record(name, key, video_id) if key else None
            upstream = [states[each] for each in stage.upstream if each in states]
            if record is not None:
                state = record.state
            elif name in plan.unavailable:
                state = "unavailable"
            else:
                state = "blocked" if {"failed", "filtered", "blocked"} & set(upstream) else "pending"
        states[name] = state
        stories.append(StageStory(name, state, key, record, lines.get(name, [])))
    return stories
