"""What the runner and packing themselves cost: `python -m benchmarks.scale --videos 100000 [--add 1] [--json FILE]`.

A list of addresses is expanded, every video goes through stages that only write what packing needs (a row each, a few
samples), on worker processes as `fimad build` starts them, and the dataset is packed. Then it is built again with
nothing to do, and with `--add` more videos. Prints

- `build_s`, `overhead_ms_per_video`: expansion, five published artifacts a video with their fsyncs, the listing after it;
- `pack_s`: index and shards from nothing, by the workers;
- `driver_mb`: the driver's largest resident memory, over all of it;
- `resume_s`: a second build that finds everything done;
- `--synthetic`: no video is run; listings and index are made up, and `status_*` and `decide_*` (all of a first pack but the
  workers' shares) are the driver's own costs;
- `add_s`, `add_reads`: with more videos on the list, the time, and how many artifacts were read, by any process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fimad import schema
from fimad.config import Config, parse_config
from fimad.dataset.packing.duplicates import PRINT_BYTES
from fimad.dataset.packing.pack import pack
from fimad.pipeline.build import build
from fimad.pipeline.contract import Resource, Stage, StageInput
from fimad.pipeline.inspect.status import status
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.corpus import corpus
from fimad.pipeline.state.index import ROWS, Index
from fimad.pipeline.state.packing import WorkspaceSource
from fimad.pipeline.state.workspace import Workspace
from fimad.skeleton import LANDMARKS
from fimad.storage.store import open_store

FLOORS = {"overhead_ms_per_video": 12.0, "resume_s": 30.0, "add_s": 30.0, "add_reads_share": 0.001, "driver_mb": 500.0}
_LABELS = ("squats", "jumping jacks", "lunges", "plank", "burpees", "rows")
_SAMPLES = 16
# ext4 allows 65,000.
_NAMES_OF_A_FILE = 50_000
_READS = "FIMAD_SCALE_READS"


class Tiny(Stage):
    """Writes a row of the real schema, with a few samples: all that packing looks at."""

    def schema(self) -> pa.Schema:
        if self.name == "simulate":
            return schema.simulate_schema(self.config.simulate.placements)
        found: pa.Schema = getattr(schema, self.name.upper())
        return found

    def run(self, item: StageInput) -> pa.Table:
        video_id = item.video.video_id
        number = int.from_bytes(video_id.encode()[-6:], "little")
        row = {"clip_id": f"{video_id}___0", "clip_index": 0, **self.row(video_id, number)}
        return pa.Table.from_pylist([row], schema=self.schema())

    def row(self, video_id: str, number: int) -> dict[str, Any]:
        """What the stage says of a video."""
        return {}


class TinyDownload(Tiny):
    name: ClassVar[str] = "download"
    resource: ClassVar[Resource] = "network"

    def run(self, item: StageInput) -> pa.Table:
        video_id = item.video.video_id
        number = int.from_bytes(video_id.encode()[-6:], "little")
        row = {"video_id": video_id, "title": "Workout", "channel": f"channel {number % 5000}", "media": ""}
        row |= {"channel_id": f"channel-{number % 5000}", "media_sha256": f"{number:064x}", "url": item.video.location}
        row |= {"duration_s": 60.0 + number % 60000 / 100, "width_px": 8, "height_px": 8, "has_audio": False}
        return pa.Table.from_pylist([row], schema=self.schema())


class TinySegment(Tiny):
    name: ClassVar[str] = "segment"
    upstream: ClassVar[tuple[str, ...]] = ("download",)

    def row(self, video_id: str, number: int) -> dict[str, Any]:
        label = _LABELS[number % len(_LABELS)]
        return {"start_s": 0.0, "end_s": 10.0, "title": label, "label": label, "chapter_source": "platform"}


class TinyPose(Tiny):
    name: ClassVar[str] = "pose"
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")

    def row(self, video_id: str, number: int) -> dict[str, Any]:
        draw = np.random.default_rng(number)
        size = _SAMPLES * len(LANDMARKS)
        return {
            # Spread over the video, so that it has a fingerprint like others.
            "pose_time_s": np.linspace(0.0, 60.0 + number % 60000 / 100, _SAMPLES),
            "pose_image": np.zeros(size * 3, np.float32),
            "pose_world_m": draw.normal(size=size * 3).astype(np.float32),
            "pose_visibility": np.ones(size, np.float32),
            "pose_score": np.ones(_SAMPLES, np.float32),
            "pose_track": np.zeros(_SAMPLES, np.int32),
            "pose_share": 1.0,
            "width_px": 8,
            "height_px": 8,
        }


class TinySimulate(Tiny):
    name: ClassVar[str] = "simulate"
    upstream: ClassVar[tuple[str, ...]] = ("segment", "pose")

    def row(self, video_id: str, number: int) -> dict[str, Any]:
        row: dict[str, Any] = {"imu_time_s": np.arange(_SAMPLES) / 50.0, "imu_rate_hz": 50.0, "imu_quality": 0.8}
        row |= {"imu_report": "{}", "imu_root_m": np.zeros(_SAMPLES * 3, np.float32)}
        for placement in self.config.simulate.placements:
            zeros = np.zeros(_SAMPLES * 3, np.float32)
            row |= {f"{placement}_{kind}": zeros for kind in ("acc_m_s2", "gyro_rad_s", "lin_acc_world_m_s2")}
            row |= {f"{placement}_valid": np.ones(_SAMPLES, bool), f"{placement}_quality": 0.8}
            row |= {f"{placement}_sigma_m_s2": np.full(_SAMPLES, 0.1, np.float32)}
        return row


PATHS = tuple(f"benchmarks.scale:{kind.__name__}" for kind in (TinyDownload, TinySegment, TinyPose, TinySimulate))


def count_reads() -> None:
    """From now on every artifact that this process reads, or one of its children, is a byte in a file."""
    path = os.environ.get(_READS)
    if path is None:
        return
    read = Workspace.read

    def counted(self: Workspace, stage: str, key: str, video_id: str, columns: list[str] | None = None) -> pa.Table:
        with open(path, "ab", buffering=0) as file:
            file.write(b".")
        return read(self, stage, key, video_id, columns)

    Workspace.read = counted  # type: ignore[method-assign]


# Child processes import this module for its stages.
count_reads()


def settings(folder: Path, workers: int) -> Config:
    """The configuration that is measured."""
    return parse_config(
        {
            "sources": [str(folder / "list.txt")],
            "workspace": str(folder / "workspace"),
            "dataset": str(folder / "dataset"),
            "simulate": {"placements": ["left_wrist"]},
            "http": {"videos_per_hour": 1e9, "host_spacing_s": 0.0},
            "run": {"workers": workers},
        }
    )


def write_list(folder: Path, videos: int) -> None:
    """So many addresses; each is a video of its own."""
    with (folder / "list.txt").open("w") as file:
        file.writelines(f"https://www.youtube.com/watch?v={at:011d}\n" for at in range(videos))


def step(what: str, folder: Path, workers: int, videos: int = 0) -> dict[str, Any]:
    """One command, in a process of its own as a user has it: its seconds, memory and artifact reads."""
    reads = folder / "reads"
    reads.unlink(missing_ok=True)
    reads.touch()
    environment = {**os.environ, _READS: str(reads)}
    command = [sys.executable, "-m", "benchmarks.scale", "--step", what, "--folder", str(folder)]
    done = subprocess.run(
        [*command, "--workers", str(workers), "--videos", str(videos)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{what} failed:\n{done.stdout}\n{done.stderr}")
    return {**json.loads(done.stdout.splitlines()[-1]), "reads": reads.stat().st_size}


def run_step(what: str, folder: Path, workers: int, videos: int) -> dict[str, Any]:
    """What a step does."""
    config = settings(folder, workers)
    began = time.perf_counter()
    found: dict[str, Any] = {}
    if what == "fill":
        fill(folder, videos)
    elif what == "decide":
        found |= decide(folder)
    elif what == "status":
        workspace = Workspace(config.workspace)
        now = status(workspace, config, plan_stages(config, PATHS))
        found["videos"] = now.videos
    else:
        summary = build(config, pack=what != "run", show=Observer(), stage_paths=PATHS)
        if summary.exit_code:
            raise SystemExit(f"exit code {summary.exit_code}: {summary.error} {summary.failures[:3]}")
        found["clips"] = summary.packed.clip_count if summary.packed is not None else None
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**found, "seconds": time.perf_counter() - began, "mb": peak_mb}


def measure(videos: int, add: int, workers: int, folder: Path) -> dict[str, Any]:
    """Expand and run; pack; resume; look at the status; add."""
    write_list(folder, videos)
    ran = step("run", folder, workers)
    packed = step("pack", folder, workers)
    resumed = step("pack", folder, workers)
    looked = step("status", folder, workers)
    if packed["clips"] != videos or looked["videos"] != videos:
        raise SystemExit(f"{packed['clips']} clips were packed of {videos} videos")
    figures = {
        "videos": videos,
        "workers": workers,
        "build_s": ran["seconds"],
        "overhead_ms_per_video": ran["seconds"] / videos * 1000,
        "pack_s": packed["seconds"],
        "resume_s": resumed["seconds"],
        "resume_reads": resumed["reads"],
        "status_s": looked["seconds"],
        "run_mb": ran["mb"],
        "pack_mb": packed["mb"],
        "status_mb": looked["mb"],
    }
    peaks = [ran["mb"], packed["mb"], resumed["mb"], looked["mb"]]
    if add:
        write_list(folder, videos + add)
        added = step("pack", folder, workers)
        if added["clips"] != videos + add:
            raise SystemExit(f"{added['clips']} clips after {add} were added to {videos}")
        artifacts = 4 * (videos + add)
        figures |= {"add_s": added["seconds"], "add_reads": added["reads"], "add_mb": added["mb"]}
        figures["add_reads_share"] = added["reads"] / artifacts
        peaks.append(added["mb"])
    figures["driver_mb"] = max(peaks)
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()}


# A million without making a million: what the driver decides from, without the artifacts themselves.


def fill(folder: Path, videos: int) -> None:
    """A workspace whose listings and index are those of `videos` videos that are done; its artifacts are empty files."""
    write_list(folder, videos)
    config = settings(folder, 0)
    workspace = Workspace(config.workspace)
    corpus(workspace, config, ())
    plan = plan_stages(config, PATHS)
    index = Index(workspace, plan.keys)
    names = ",".join(plan.stages)
    draw = np.random.default_rng(0)
    root, made = workspace.url, 0
    for start in range(0, videos, 50_000):
        rows = []
        for at in range(start, min(videos, start + 50_000)):
            video_id = f"{at:011d}"
            for stage, key in plan.keys.items():
                path = f"{root}/{workspace.name(stage, key, video_id)}"
                # Names of one empty file: a name takes a tenth of a new file's time.
                if made % _NAMES_OF_A_FILE == 0:
                    empty = folder / f"empty-{made}"
                    empty.touch()
                made += 1
                try:
                    os.link(empty, path)
                except FileNotFoundError:
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                    os.link(empty, path)
            mark = draw.normal(size=PRINT_BYTES // 2)
            rows.append(
                {
                    "video_id": video_id,
                    "stages": names,
                    "media": f"{at:064x}",
                    "channel": f"channel-{at % (videos // 20 + 1)}",
                    "person": "",
                    "split": "",
                    "source": "",
                    "duration_s": 60.0 + float(draw.uniform(0, 600)),
                    "labels": json.dumps({_LABELS[at % len(_LABELS)]: 5}),
                    "bytes": 20_000_000,
                    "mark": (mark / np.linalg.norm(mark)).astype(np.float16).tobytes(),
                    "stamp": 1,
                }
            )
        index.add(f"filled-{start}", pa.Table.from_pylist(rows, schema=ROWS))
    workspace.close()


class Decided(Exception):
    """Packing has decided what goes where; shards are the workers' business."""


class DecideOnly(WorkspaceSource):
    """Stops where shards would be written."""

    plans = 0

    def make_shards(self, plans: Any, *rest: Any) -> Any:
        DecideOnly.plans = sum(1 for _ in plans)
        raise Decided


def decide(folder: Path) -> dict[str, Any]:
    """The driver's part of a first pack."""
    config = settings(folder, 0)
    workspace = Workspace(config.workspace)
    chosen = corpus(workspace, config, ())
    source = DecideOnly(workspace, config, plan_stages(config, PATHS), chosen.videos, jobs=object())  # type: ignore[arg-type]
    with contextlib.suppress(Decided):
        pack(source, config, open_store(config.dataset))
    return {"shards": DecideOnly.plans}


def measure_synthetic(videos: int, folder: Path) -> dict[str, Any]:
    """What the driver alone costs, on a state that was made up."""
    step("fill", folder, 0, videos)
    looked = step("status", folder, 0)
    decided = step("decide", folder, 0)
    if looked["videos"] != videos:
        raise SystemExit(f"{looked['videos']} of {videos} videos were counted")
    figures = {"videos": videos, "shards": decided["shards"]}
    for name, each in (("status", looked), ("decide", decided)):
        figures |= {f"{name}_s": each["seconds"], f"{name}_mb": each["mb"]}
    figures["decide_reads"] = decided["reads"]
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}


def main() -> int:
    """Parse, measure, print; exit code 1 if a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--add", type=int, default=1, help="so many more videos are built at the end; 0: none")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to put the workspace (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--synthetic", action="store_true", help="make the state up: what the driver alone costs")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(run_step(options.step, options.folder, options.workers, options.videos)))
        return 0
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        if options.synthetic:
            figures = measure_synthetic(options.videos, folder)
        else:
            figures = measure(options.videos, options.add, options.workers, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, value in figures.items():
        floor = f"   (at most {FLOORS[name]:g})" if name in FLOORS else ""
        print(f"{name:<24}{value:>14}{floor}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(any(figures[name] > floor for name, floor in FLOORS.items() if name in figures))


if __name__ == "__main__":
    sys.exit(main())
