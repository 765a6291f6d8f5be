"""Clearing failures for another try, and deleting what no configuration uses any more."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fimad.config import Config
from fimad.pipeline.stages.registry import StagePlan, plan_stages
from fimad.pipeline.state.workspace import Workspace


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
    """A folder of a stage's artifacts or parts that nothing needs any more."""

    stage: str
    key: str
    folder: str
    files: int
    bytes: int


def find_unused(workspace: Workspace, configs: Sequence[Config], paths: Sequence[str] | None = None) -> list[Unused]:
    """The folders of stages, and of their parts, that none of the configurations uses; what deleting them would free.

    So are parts whose artifact is there: a process was killed between publishing it and deleting them. A stage whose key can't
    be told here (weights that are not on this machine) keeps all of its folders.
    """
    used: set[tuple[str, str]] = set()
    unknown: set[str] = set()
    names: set[str] = set()
    for config in configs:
        plan = plan_stages(config, paths)
        used.update(plan.keys.items())
        names.update(plan.stages)
        unknown.update(name for name in plan.stages if name not in plan.keys)
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
                    found.append(Unused(stage, key, folder, len(sizes), sum(sizes)))
    return found


def delete_unused(workspace: Workspace, unused: Sequence[Unused]) -> None:
    """Delete the folders."""
    for each in unused:
        workspace.store.delete_folder(each.folder)
