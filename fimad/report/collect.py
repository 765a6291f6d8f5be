"""Fills the report's model from rows and, where there is one, the workspace."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad import __version__
from fimad.config import Config
from fimad.labels.clips import NULL, UNLISTED
from fimad.report.model import ClipCard, Failure, Report, Speed, StageRow
from fimad.report.payload import explorer, preview
from fimad.report.sources import Rows, Tell, placements_of, quiet, rows_of

#: Explorer data of all clips together stay below this; more would make the page slow to open.
EXPLORER_BYTES = 7_000_000
_SIMILAR = 6
_CARD = (
    *("clip_id", "video_id", "split", "title", "label", "channel", "start_s", "end_s", "pose_share", "imu_quality"),
    *("transcript_language", "pose_image", "width_px", "height_px", "video_embedding", "tool_versions", "flags"),
    *("kind", "class_label"),
)


def collect(rows: Rows, origin: str, tell: Tell = quiet) -> Report:
    """The report's model without what only a workspace knows; `tell` hears the share that was read."""
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    report = Report(rows.name, origin, __version__, made)
    videos: set[str] = set()
    vectors: list[NDArray[np.float32] | None] = []
    for table in rows.tables(_CARD, tell=tell):
        for row in rows_of(table):
            videos.add(row["video_id"])
            vector = row.get("video_embedding")
            vectors.append(None if vector is None else np.asarray(vector, np.float32))
            report.clips.append(clip_card(row))
            if not report.versions and row.get("tool_versions"):
                report.versions = _versions(row["tool_versions"])
    report.videos = len(videos)
    for clip, near in zip(report.clips, similar(vectors), strict=True):
        clip.similar = near
    report.left_out = {str(name): int(count) for name, count in rows.manifest.get("left_out_clips", {}).items()}
    return report


def shown_label(row: dict[str, Any]) -> str:
    """What the page groups clips by: the canonical exercise, the kind of what is none, else the title's own words."""
    name = row.get("class_label")
    if name == NULL:
        return str(row.get("kind") or name)
    return str(row["label"] or "") if name in (None, UNLISTED) else str(name).replace("_", " ")


def clip_card(row: dict[str, Any]) -> ClipCard:
    """What the gallery shows of a row."""
    return ClipCard(
        row["clip_id"],
        row["title"] or "",
        shown_label(row),
        row["channel"] or "",
        row["split"],
        row["start_s"],
        row["end_s"],
        row["imu_quality"],
        row["pose_share"],
        row["transcript_language"] or "",
        preview(row),
        flags=tuple(row.get("flags") or ()),
    )


def _versions(text: str) -> dict[str, str]:
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else {}


def similar(vectors: Sequence[NDArray[np.float32] | None]) -> list[tuple[int, ...]]:
    """For each clip the positions of the six with the highest cosine similarity; empty where there is no embedding."""
    known = np.array([at for at, vector in enumerate(vectors) if vector is not None], int)
    result: list[tuple[int, ...]] = [()] * len(vectors)
    if len(known) < 2:
        return result
    matrix = np.stack([vector for vector in vectors if vector is not None])
    matrix = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    count = min(_SIMILAR, len(known) - 1)
    for first in range(0, len(known), 512):
        scores = matrix[first : first + 512] @ matrix.T
        scores[np.arange(len(scores)), first + np.arange(len(scores))] = -np.inf
        best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        for at, near in enumerate(best):
            ordered = near[np.argsort(-scores[at, near])]
            result[known[first + at]] = tuple(int(each) for each in known[ordered])
    return result


def choose(report: Report) -> list[str]:
    """Clip ids in the order in which they get explorer data: one of each label, then a second of each, and so on."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for clip in report.clips:
        if clip.preview:
            by_label[clip.label].append(clip.clip_id)
    ranked = []
    for label, ids in by_label.items():
        ids.sort(key=lambda clip_id: hashlib.sha256(clip_id.encode(errors="replace")).digest())
        ranked += [(turn, label, clip_id) for turn, clip_id in enumerate(ids)]
    return [clip_id for _, _, clip_id in sorted(ranked)]


def explorers(rows: Rows, report: Report, budget_bytes: int = EXPLORER_BYTES, tell: Tell = quiet) -> dict[str, str]:
    """Explorer data by clip id, within the budget; `tell` hears the share that is done."""
    order = choose(report)
    length_s = {clip.clip_id: clip.end_s - clip.start_s for clip in report.clips}
    # About 13 kB a second at 11 placements: reads no more clips than can fit.
    wanted: set[str] = set()
    expected = 0.0
    for clip_id in order:
        expected += 3000 * length_s[clip_id]
        if expected > budget_bytes and wanted:
            break
        wanted.add(clip_id)
    found = {
        row["clip_id"]: explorer(row, placements_of(list(row)))
        for table in rows.tables(clips=wanted, tell=tell)
        for row in rows_of(table)
    }
    kept: dict[str, str] = {}
    total = 0
    for clip_id in order:
        text = found.get(clip_id, "")
        if text and (total + len(text) <= budget_bytes or not kept):
            kept[clip_id] = text
            total += len(text)
    return kept


def add_workspace(report: Report, config: Config) -> None:
    """Funnel, failures, speed and settings of the workspace that the rows came from."""
    from fimad.config_text import config_toml
    from fimad.pipeline.inspect.estimate import profile
    from fimad.pipeline.inspect.status import records, status
    from fimad.pipeline.run.executor import worker_count
    from fimad.pipeline.stages.registry import plan_stages
    from fimad.pipeline.state.workspace import Workspace

    workspace, plan = Workspace(config.workspace), plan_stages(config)
    now = status(workspace, config, plan)
    report.stages = [StageRow(s.stage, s.counts, s.reasons, s.unavailable, s.fix) for s in now.stages]
    for stage in now.stages:
        groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for record in records(workspace, stage.stage, stage.key) if stage.key else ():
            groups[record.state, record.reason].append(record)
        for (state, reason), members in sorted(groups.items(), key=lambda item: -len(item[1])):
            command = f"fimad retry --reason {reason}" if state == "failed" else f"fimad why {members[0].video_id}"
            report.failures.append(
                Failure(
                    stage.stage,
                    state,
                    reason,
                    len(members),
                    members[0].what,
                    [m.video_id for m in members[:5]],
                    command,
                )
            )
    run = profile(workspace, working=True)
    report.speeds = [
        Speed(name, int(each["videos"]), float(each["seconds"]), float(each["video_s"]))
        for name, each in run["stages"].items()
    ]
    report.wall_s = float(run["wall_s"])
    report.cores = worker_count(config.run)
    # Where someone's cookies lie and who their proxy is, password and all, is nobody else's business.
    private = {name: "(set)" for name in ("proxy", "cookies_file") if getattr(config.http, name)}
    shown = config.model_copy(update={"http": config.http.model_copy(update=private)})
    report.settings = config_toml(config=shown)
