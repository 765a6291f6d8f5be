"""Where the time of the last run went, per stage and video: from its diary, for people and as files beside it."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from typing import Any

from fimad.pipeline.state import runlog
from fimad.pipeline.state.workspace import Workspace

_COLUMNS = ("video_id", "stage", "end", "seconds", "media_s", "out_bytes", "peak_bytes", "worker", "at")


def profile(workspace: Workspace) -> dict[str, Any]:
    """Where the time of the last run went.

    Returns ``wall_s`` of the run; ``stages``: for each the number of ``videos``, their ``seconds`` of work and ``video_s``
    of material; ``videos``: seconds of work of each, the slowest first. Stages that share a pass over the frames share the
    time of decoding evenly.
    """
    stages: dict[str, dict[str, float]] = defaultdict(lambda: {"videos": 0, "seconds": 0.0, "video_s": 0.0})
    videos: dict[str, float] = defaultdict(float)
    wall: dict[str, float] = {}
    for entry in runlog.entries(workspace, newest=1):
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


def write(workspace: Workspace) -> tuple[str, str]:
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
