"""What the runner itself costs: `python -m benchmarks.scale --videos 100000 [--json FILE]`.

Stages that do nothing, on worker processes as `fimad build` starts them: a download lane and a processor lane, so two
tasks and three published artifacts a video, each with its fsyncs. Prints

- `memory_growth_mb`: growth of the driver's resident memory from the 1,000th video to the last;
- `overhead_ms_per_video`: wall time per video, since the stages take none;
- `resume_s`: a second build that finds everything done.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pyarrow as pa

from fimad.config import parse_config
from fimad.pipeline.build import build
from fimad.pipeline.contract import Resource, Stage, StageInput, Video
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import StageResult

FLOORS = {"memory_growth_mb": 150.0, "overhead_ms_per_video": 5.0, "resume_s": 20.0}
_SCHEMA = pa.schema([pa.field("video_id", pa.string(), nullable=False)])


class Noop(Stage):
    """Writes one row and does nothing."""

    def schema(self) -> pa.Schema:
        return _SCHEMA

    def run(self, item: StageInput) -> pa.Table:
        return pa.Table.from_pylist([{"video_id": item.video.video_id}], schema=_SCHEMA)


class NoopDownload(Noop):
    name: ClassVar[str] = "download"
    resource: ClassVar[Resource] = "network"


class NoopSegment(Noop):
    name: ClassVar[str] = "segment"
    upstream: ClassVar[tuple[str, ...]] = ("download",)


class NoopPose(Noop):
    name: ClassVar[str] = "pose"
    upstream: ClassVar[tuple[str, ...]] = ("segment",)


PATHS = tuple(f"benchmarks.scale:{kind.__name__}" for kind in (NoopDownload, NoopSegment, NoopPose))


class Meter(Observer):
    """Notes this process's memory as videos get done."""

    def __init__(self) -> None:
        self.done = 0
        self.rss_mb: dict[int, float] = {}
        self._process = psutil.Process()

    def result(self, video_id: str, result: StageResult) -> None:
        if result.stage == "pose":
            self.done += 1
            if self.done % 1000 == 0:
                self.rss_mb[self.done] = self._process.memory_info().rss / 1e6


def measure(videos: int, workers: int, folder: Path) -> dict[str, Any]:
    """Run the build twice, and measure."""
    config = parse_config({"workspace": str(folder / "workspace"), "run": {"workers": workers}})
    workspace = Workspace(config.workspace)
    workspace.add_batch(Video(f"video-{at:08d}", "file", f"/nowhere/{at}.mp4") for at in range(videos))
    meter = Meter()
    began = time.perf_counter()
    first = build(config, pack=False, show=meter, stage_paths=PATHS)
    build_s = time.perf_counter() - began
    began = time.perf_counter()
    second = build(config, pack=False, show=Meter(), stage_paths=PATHS)
    resume_s = time.perf_counter() - began
    for summary, column in ((first, "done"), (second, "done_before")):
        counts = {name: each[column] for name, each in summary.stages.items()}
        if any(count != videos for count in counts.values()):
            raise SystemExit(f"not everything was done: {counts}, {summary.stopped} {summary.error}")
    marks = sorted(meter.rss_mb)
    return {
        "videos": videos,
        "workers": workers,
        "memory_growth_mb": round(meter.rss_mb[marks[-1]] - meter.rss_mb[marks[0]], 1) if marks else None,
        "driver_rss_mb_by_videos": {str(mark): round(meter.rss_mb[mark], 1) for mark in _thin(marks)},
        "driver_rss_mb": round(meter.rss_mb[marks[-1]], 1) if marks else None,
        "overhead_ms_per_video": round(build_s / videos * 1000, 3),
        "build_s": round(build_s, 1),
        "resume_s": round(resume_s, 2),
    }


def _thin(marks: list[int]) -> list[int]:
    return marks[:: max(1, len(marks) // 8)]


def main() -> int:
    """Parse, measure, print; exit code 1 if a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to put the workspace (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        figures = measure(options.videos, options.workers, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, value in figures.items():
        floor = f"   (at most {FLOORS[name]:g})" if name in FLOORS else ""
        shown = ", ".join(f"{mark}: {rss}" for mark, rss in value.items()) if isinstance(value, dict) else value
        print(f"{name:<24}{shown:>12}{floor}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(any(figures[name] is not None and figures[name] > floor for name, floor in FLOORS.items()))


if __name__ == "__main__":
    sys.exit(main())
