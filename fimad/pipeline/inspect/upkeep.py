"""Clearing failures for another try, and deleting what no configuration uses any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from fimad.config import Config
from fimad.dataset.manifest import read_manifest
from fimad.errors import DamagedArtifactError, FimadError
from fimad.pipeline.stages.registry import StagePlan, plan_stages
from fimad.pipeline.state import index
from fimad.pipeline.state.bundles import Compaction
from fimad.pipeline.state.records import DONE, PENDING, Hashes, id_hashes, member
from fimad.pipeline.state.survey import Survey
from fimad.pipeline.state.workspace import Workspace, media_of
from fimad.storage.store import open_store


def clear_failures(workspace: Workspace, plan: StagePlan, stage: str | None, reason: str | None) -> int:
    """Delete the failure records of a stage (or of all) with a reason (or any); returns how many. Filtered items stay."""
    names = [plan.check_name(stage)] if stage else list(plan.keys)
    cleared = 0
    for name in names:
        if (key := plan.keys.get(name)) is None:
            continue
        failed: list[str] = []
        workspace.index(name, key, failed)

        def clear(video_id: str, name: str = name, key: str = key) -> bool:
            record = workspace.read_record(name, key, video_id)
            if record is None or record.state != "failed" or reason not in (None, "", record.reason):
                return False
            workspace.delete_record(name, key, video_id)
            return True

        with ThreadPoolExecutor(16) as pool:
            cleared += sum(pool.map(clear, failed))
    return cleared


@dataclass(frozen=True)
class Unused:
    """Files of a stage that nothing needs any more.

    Parameters
    ----------
    folder : all of it, unless `names` says which files of it.
    breaks : what has to be made or fetched again if it is wanted after all.
    dataset : a dataset that was made of it; such a folder is kept unless one asks for it.
    """

    stage: str
    key: str
    folder: str
    files: int
    bytes: int
    breaks: str = ""
    dataset: str = ""
    names: tuple[str, ...] = ()


def find_unused(workspace: Workspace, configs: Sequence[Config], paths: Sequence[str] | None = None) -> list[Unused]:
    """The folders of stages, and of their parts, that none of the configurations uses; what deleting them would free.

    So are parts whose artifact is there (a process was killed between publishing it and deleting them), earlier versions of
    media, and with `http.keep_media = false` media that every stage is done with. A stage whose key can't be told here
    (weights that are not on this machine) keeps all of its folders.
    """
    used: set[tuple[str, str]] = set()
    unknown: set[str] = set()
    names: set[str] = set()
    plans = [plan_stages(config, paths) for config in configs]
    for plan in plans:
        used.update(plan.keys.items())
        names.update(plan.stages)
        unknown.update(name for name in plan.stages if name not in plan.keys)
    packed = _packed(workspace, configs)
    found = []
    for stage, keys in sorted(workspace.keys().items()):
        for key in keys:
            if stage in unknown or stage not in names:
                continue
            parts = workspace.parts_folder(stage, key)
            folders = [workspace.stage_folder(stage, key), parts]
            if (stage, key) in used:
                videos = [video for video in workspace.store.folders(parts) if workspace.exists(stage, key, video)]
                folders = [workspace.part_folder(stage, key, video) for video in videos]
            for folder in folders:
                sizes = [size for _, size in workspace.store.sizes(folder)]
                if sizes or not folder.startswith("parts"):
                    dataset = packed.get((stage, key), "") if folder.startswith("stages") else ""
                    breaks = (
                        f"{stage} under another configuration would be done again"
                        if not dataset
                        else (
                            f"{dataset} was made of it: a build that adds to it would do {stage} again for all of its videos"
                        )
                    )
                    breaks = "" if (stage, key) in used else breaks
                    found.append(Unused(stage, key, folder, len(sizes), sum(sizes), breaks, dataset))
    keep_media = any(config.http.keep_media for config in configs)
    for key in sorted({plan.keys["download"] for plan in plans if "download" in plan.keys}):
        mine = [plan for plan in plans if plan.keys.get("download") == key]
        found += _unused_media(workspace, key, mine, keep_media=keep_media)
    return found


def _packed(workspace: Workspace, configs: Sequence[Config]) -> dict[tuple[str, str], str]:
    """Stages and keys that datasets which are there were made of, and which dataset."""
    urls = {open_store(config.dataset).url for config in configs}
    for name in workspace.store.files("runs"):
        if name.startswith("packed-"):
            urls.add(str(workspace.read_state(name.removesuffix(".json")).get("dataset", "")))
    found = {}
    for url in sorted(urls - {""}):
        try:
            stages = read_manifest(open_store(url))["stages"]
        except (FimadError, KeyError):
            continue
        found.update({(name, str(about.get("key"))): url for name, about in stages.items()})
    return found


def _unused_media(workspace: Workspace, key: str, plans: Sequence[StagePlan], *, keep_media: bool) -> list[Unused]:
    """Media that no `download` artifact names any more; and all that is not needed any more, if none is to be kept.

    Media without an artifact may be about to get one while its video waits to be downloaded. It is an orphan once the video failed,
    or is not in the corpus.
    """
    surveys = []
    for plan in plans:
        consumers = [name for name in plan.media_consumers() if name in plan.keys]
        waits = any(name in plan.unavailable for name in plan.media_consumers())
        surveys.append(None if waits else Survey(workspace, plan, consumers, again=False))
    old: list[tuple[str, int]] = []
    done: list[tuple[str, int]] = []
    sizes: dict[str, list[tuple[str, int]]] = {}
    made: set[str] = set()
    failed: set[str] = set()
    for each, code in workspace.entries("download", key):
        (made if code == DONE else failed).add(each)
    waiting = _InCorpus(workspace, failed)
    for name, size in workspace.store.sizes(workspace.stage_folder("download", key)):
        sizes.setdefault(name.rpartition("/")[0], []).append((name, size))
    for files in sizes.values():
        base = {name.rpartition("/")[2]: (name, size) for name, size in files}
        for name in base:
            if name.endswith((".parquet", ".json", ".gone", ".zip")):
                continue
            video_id = next((each for each in _owners(name) if each in made), None)
            if video_id is None:
                if not any(map(waiting, _owners(name))):
                    old.append(base[name])
                continue
            try:
                table = workspace.read("download", key, video_id, columns=["media"])
            except (FileNotFoundError, DamagedArtifactError):
                continue
            if table.column("media")[0].as_py() != name:
                old.append(base[name])
            elif not keep_media and all(
                survey is not None and not (survey.states([video_id]) == PENDING).any() for survey in surveys
            ):
                done.append(base[name])
    found = []
    for names, breaks in ((old, ""), (done, "a changed option of a stage that looks at media would download it again")):
        if names:
            folder = workspace.stage_folder("download", key)
            total = sum(size for _, size in names)
            files_ = tuple(name for name, _ in names)
            found.append(Unused("download", key, folder, len(names), total, breaks, names=files_))
    return found


class _InCorpus:
    """Tells whether a video of the corpus is still to be downloaded; reads the corpus once it is asked.

    Parameters
    ----------
    failed : videos that could not be downloaded, or were left out.
    """

    def __init__(self, workspace: Workspace, failed: set[str]) -> None:
        self._workspace = workspace
        self._failed = failed
        self._known: Hashes | None = None

    def __call__(self, video_id: str) -> bool:
        if self._known is None:
            self._known = np.sort(id_hashes(video.video_id for video in self._workspace.videos()))
        return video_id not in self._failed and bool(member(id_hashes([video_id]), self._known)[0])


def _owners(name: str) -> list[str]:
    """The ids that a media file's name may belong to: ``ID.HASH.mp4``, or ``ID.mp4`` as earlier versions wrote it."""
    stem = name.rpartition(".")[0]
    return [stem.rpartition(".")[0], stem]


def delete_unused(workspace: Workspace, unused: Sequence[Unused]) -> None:
    """Delete the folders and files."""
    for each in unused:
        for name in each.names:
            workspace.store.delete(name)
        if not each.names:
            workspace.store.delete_folder(each.folder)


def compact(
    workspace: Workspace,
    names: Sequence[str],
    progress: Callable[[float], None],
    *,
    dry_run: bool = False,
) -> Compaction:
    """Put the artifacts of stages together to bundles, under every key; may run beside a build, and be killed.

    Parameters
    ----------
    names : of stages.
    progress : is told the share of folders that are done.
    """
    folders = [
        (folder, bucket)
        for stage, keys in sorted(workspace.keys().items())
        if stage in names
        for folder in (workspace.stage_folder(stage, key) for key in keys)
        for bucket in workspace.buckets(folder)
    ]
    total = Compaction()
    for at, (folder, bucket) in enumerate(folders, 1):
        total.add(workspace.bundles.compact(folder, bucket, dry_run=dry_run))
        progress(at / len(folders))
    return total


def _media_of(workspace: Workspace, video_id: str) -> Iterator[str]:
    """SHA-256 of the files that a video was made from, under every configuration."""
    for key in workspace.keys().get("download", ()):
        try:
            media = media_of("download", workspace.read("download", key, video_id, columns=["media_sha256"]))
        except (FileNotFoundError, DamagedArtifactError):
            continue
        if media:
            yield media


def holds(workspace: Workspace, video_id: str) -> bool:
    """Whether a workspace has anything of a video, or a note that it was taken down."""
    if video_id in workspace.removed():
        return True
    return any(
        workspace.exists(stage, key, video_id) or workspace.read_record(stage, key, video_id) is not None
        for stage, keys in workspace.keys().items()
        for key in keys
    )


def take_down(workspace: Workspace, video_id: str, reason: str, *, purge: bool) -> int:
    """Keep a video, and copies of its file, out of every later build and dataset; with `purge` delete what was made of it as well.

    Returns the number of files deleted. The note of it holds the day and the reason, and no more.
    """
    workspace.remove_video(video_id, reason, _media_of(workspace, video_id), purge=purge)
    return purge_videos(workspace, {video_id}) if purge else 0


def purge_videos(workspace: Workspace, video_ids: Iterable[str]) -> int:
    """Delete all that was made of videos; returns the number of files deleted."""
    deleted = 0
    for video_id in sorted(video_ids):
        for stage, keys in workspace.keys().items():
            for key in keys:
                deleted += workspace.purge(stage, key, video_id)
        index.purge(workspace, video_id)
        workspace.forget_source(video_id)
        workspace.store.delete_folder("packed")
    return deleted
