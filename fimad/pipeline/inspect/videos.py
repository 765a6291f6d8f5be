"""Single videos of a workspace: which one is meant by what somebody types, and what came of it, clip by clip."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import pyarrow as pa

from fimad.errors import ConfigError, PermanentError
from fimad.pipeline.acquire.addresses import IS_URL, identity, watch_url, with_scheme, without_secrets, youtube_id
from fimad.pipeline.contract import Video
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state.batches import chunks
from fimad.pipeline.state.records import STATES
from fimad.pipeline.state.survey import Survey, Videos
from fimad.pipeline.state.workspace import Workspace

# Titles are read of so many videos when none has the name that was typed.
_MOST_TITLES = 2000
_MOST_NEAR = 5


@dataclass(frozen=True)
class ClipStory:
    """What became of one clip: `filtered` says why it is left out; quality and flags are those of its virtual IMU.

    `no_pose` says why its file of `pose.from` is not used, and what to do.
    """

    clip_id: str
    start_s: float
    end_s: float
    title: str | None
    label: str | None
    filtered: str | None
    pose_share: float | None = None
    quality: float | None = None
    flags: tuple[str, ...] = ()
    no_pose: tuple[str, str] | None = None


@dataclass(frozen=True)
class VideoStory:
    """One video: its id, where it comes from (without secrets), its title, each stage's state, and its clips.

    `note` says what became of published times, `sound_note` why its sound is not used.
    """

    video_id: str
    source: str
    title: str | None
    states: dict[str, str]
    note: str | None = None
    sound_note: str | None = None
    clips: list[ClipStory] = field(default_factory=list)


def find_video(workspace: Workspace, plan: StagePlan, name: str) -> Video:
    """The video that is meant: by its id, a clip's id, its address, or its file. `ConfigError` names what is near otherwise."""
    address = with_scheme(name.strip())
    wanted = {name, name.rpartition("___")[0]}
    if IS_URL.match(address):
        own = youtube_id(address)
        wanted |= {own} if own else set()
        wanted.add(watch_url(own) if own else identity(address))
    typed = PurePath(name)
    by_path: list[Video] = []
    for video in workspace.videos():
        if video.video_id in wanted or (video.kind == "url" and IS_URL.match(address) and _is_at(video, wanted)):
            return video
        if video.kind != "url" and typed.name in (PurePath(video.location).name, PurePath(video.location).stem):
            by_path.append(video)
    exact = [video for video in by_path if PurePath(video.location).parts[-len(typed.parts) :] == typed.parts]
    for found in (exact, by_path):
        if len(found) == 1:
            return found[0]
    near = [video.video_id for video in by_path] or _near(workspace, plan, name)
    raise ConfigError(
        f"The workspace {workspace.url!r} knows no video {name!r}.",
        "The id is misspelt, or the video is in another workspace.",
        f"Perhaps: {', '.join(near[:_MOST_NEAR])}." if near else "`fimad status --videos` lists the ids.",
    )


def _is_at(video: Video, wanted: set[str]) -> bool:
    try:
        return identity(video.location) in wanted
    except ValueError:
        return False


def _near(workspace: Workspace, plan: StagePlan, name: str) -> list[str]:
    """Ids that hold what was typed, or look like it; then ids of videos whose file or title does."""
    names: dict[str, str] = {}
    for video in workspace.videos():
        names.setdefault(_plain(video.video_id), video.video_id)
        names.setdefault(_plain(PurePath(video.location).stem), video.video_id)
    for video_id, title in _titles(workspace, plan):
        names.setdefault(_plain(title), video_id)
    typed = _plain(name)
    holding = [
        video_id for text, video_id in names.items() if typed and (typed in text or (len(text) > 3 and text in typed))
    ]
    alike = [names[text] for text in difflib.get_close_matches(typed, names, n=_MOST_NEAR, cutoff=0.6)]
    return list(dict.fromkeys(holding + alike))


def _plain(text: str) -> str:
    return " ".join("".join(char if char.isalnum() else " " for char in text.casefold()).split())


def _titles(workspace: Workspace, plan: StagePlan) -> Iterator[tuple[str, str]]:
    key = plan.keys.get("download")
    if key is None:
        return
    ids = [video.video_id for video in itertools.islice(workspace.videos(), _MOST_TITLES)]

    def title(video_id: str) -> str | None:
        row = _first_row(_read(workspace, "download", key, video_id, ["title"]))
        return str(row["title"]) if row and row.get("title") else None

    with ThreadPoolExecutor(16) as pool:
        yield from ((video_id, each) for video_id, each in zip(ids, pool.map(title, ids), strict=True) if each)


def stories(workspace: Workspace, plan: StagePlan, videos: Videos) -> Iterator[VideoStory]:
    """What came of each video, in the order of the corpus."""
    names = [name for name in plan.stages if name in plan.keys]
    survey = Survey(workspace, plan, names, again=False)
    for chunk in chunks(videos(), 256):
        states = survey.states([video.video_id for video in chunk]).tolist()
        with ThreadPoolExecutor(16) as pool:
            rows = [dict(zip(names, (STATES[each] for each in row), strict=True)) for row in states]
            yield from pool.map(lambda video, row: story(workspace, plan, video, row), chunk, rows)


def story(workspace: Workspace, plan: StagePlan, video: Video, states: dict[str, str]) -> VideoStory:
    """One video with its clips, from the artifacts that are there."""

    def table(stage: str, *columns: str) -> list[dict[str, Any]]:
        key = plan.keys.get(stage)
        found = (
            _read(workspace, stage, key, video.video_id, list(columns)) if key and states.get(stage) == "done" else None
        )
        return found.to_pylist() if found is not None else []

    row = next(iter(table("download", "title", "published_note", "sound_note")), {})
    # Stages of somebody's own may have no clips.
    told = [name for name in ("pose_report",) if "pose" in plan.stages and name in plan.stages["pose"].schema().names]
    poses = {each.get("clip_id"): each for each in table("pose", "clip_id", "pose_share", *told)}
    virtual = {each.get("clip_id"): each for each in table("simulate", "clip_id", "imu_quality", "flags")}
    clips = []
    for each in table("segment", "clip_id", "start_s", "end_s", "title", "label", "filtered"):
        clip_id = each.get("clip_id")
        if clip_id is None:
            continue
        signal, pose = virtual.get(clip_id, {}), poses.get(clip_id, {})
        trouble = json.loads(pose.get("pose_report") or "{}")
        clips.append(
            ClipStory(
                clip_id,
                each.get("start_s") or 0.0,
                each.get("end_s") or 0.0,
                each.get("title"),
                each.get("label"),
                each.get("filtered"),
                pose.get("pose_share"),
                signal.get("imu_quality"),
                tuple(signal.get("flags") or ()),
                (trouble["what"], trouble["fix"]) if "reason" in trouble else None,
            )
        )
    source = without_secrets(video.location) if video.kind == "url" else video.location
    notes = row.get("published_note"), row.get("sound_note")
    return VideoStory(video.video_id, source, row.get("title"), states, *notes, clips)


def _read(workspace: Workspace, stage: str, key: str, video_id: str, columns: list[str]) -> pa.Table | None:
    try:
        return workspace.read(stage, key, video_id, columns=columns)
    except (FileNotFoundError, PermanentError):
        return None


def _first_row(table: pa.Table | None) -> dict[str, Any]:
    return table.slice(0, 1).to_pylist()[0] if table is not None and table.num_rows else {}
