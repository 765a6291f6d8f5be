"""How fast `fimad build` is, beside what the machine allows and what a plain script reaches.

    python -m benchmarks.throughput [VIDEOS...] [--repeat 3] [--json FILE]

In one run, alternating, medians over `--repeat` repetitions, all on the same files:

- ``ceiling_1``: raw loops on one core: decode every frame to RGB, run the landmark model on it and follow the limbs it finds,
  CLIP with its preprocessing on one frame a second, Whisper on the sound, write the landmarks as Parquet; nothing else, not even
  looking where the person is;
- ``ceiling_2``: the same loops on two cores at once, half of the videos each: memory and caches are shared, and how far two
  cores are twice one is the machine's, not fimad's;
- ``script``: what one would write instead: OpenCV decodes for MediaPipe Tasks in video mode, and again for CLIP, Whisper
  last, pandas to Parquet, one process with as many native threads as the libraries like; it has no flow of limbs;
- ``workers_1``, ``workers_2``: `fimad build` with so many worker processes, from a fresh workspace, start-up included;
- ``workers_2_without_flow``: the work that the script does.

All in seconds of video per second. ``overhead`` is the share of the time of `--workers 1` that neither decode nor inference
accounts for. ``over_script`` is without flow on both sides. ``peak_mb`` is the largest resident set of a worker's child process.
CLIP has untrained weights: the same work. Without videos of yours it is six minutes of the project's own: a build takes 2 to 3 s until
its first task, whatever there is to do, which is told by itself (docs/decisions/0033-lean-start.md), and of a minute and a half they would
be a twentieth.

``speedup_share`` is ``speedup_2`` over what two raw loops at once are quicker than one (``ceiling_speedup_2``): where that is less than
2, it tells whether the machine or fimad is why.
"""

from __future__ import annotations

import argparse
import compileall
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import fimad
from benchmarks.plain_script import run as run_plain_script
from fimad import clip_weights, models
from fimad.config import Config, TranscribeConfig
from fimad.demo import VIDEO
from fimad.pipeline.media.audio import decode_ranges
from fimad.pipeline.media.clock import clock_of
from fimad.pipeline.media.container import open_media
from fimad.pipeline.media.flow.follower import LimbFollower
from fimad.pipeline.media.pictures import ArrayView
from fimad.pipeline.stages.speech import load_recogniser
from fimad.pose.detector import Roi
from fimad.pose.landmarker import LandmarkModel

# At least, or for overhead and memory at most.
FLOORS = {"ceiling_share": 0.90, "speedup_2": 1.8, "speedup_share": 0.90, "over_script": 2.5}
CAPS = {"overhead": 0.05}
_CAP_WITHOUT_CLIP = {"peak_mb": 900.0}
_CLIP = "ViT-B-32"
_BATCH = 16
_COPIES = 8
_LOADED_WITHIN_S = 600.0
RUNS = ("ceiling_1", "ceiling_2", "script", "workers_1", "workers_2", "workers_2_without_flow")


def media_seconds(path: Path) -> tuple[float, int]:
    """Length in s and number of frames, from the packets."""
    with open_media(path) as container:
        stream = container.streams[clock_of(path).video]
        times = [float(packet.pts * stream.time_base) for packet in container.demux(stream) if packet.pts is not None]
    return max(times) - min(times) + (max(times) - min(times)) / max(1, len(times) - 1), len(times)


def clip_checkpoint(folder: Path) -> Path:
    """An untrained CLIP of the usual size."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    path = folder / "clip.safetensors"
    save_file(open_clip.create_model(_CLIP, pretrained=None).state_dict(), path)
    return path


class Ceiling:
    """Raw loops, one core, models loaded beforehand."""

    def __init__(self, checkpoint: Path | None) -> None:
        self._pose = LandmarkModel(models.locate("pose/full"))
        self._whisper = load_recogniser(
            TranscribeConfig(), models.locate(f"faster-whisper/{TranscribeConfig().model}"), 1
        )
        self._clip: Any = None
        if checkpoint is not None:
            from fimad.pipeline.stages.embed import Encoder

            self._clip = Encoder(checkpoint, _CLIP, str(checkpoint), threads=1)

    def seconds(self, path: Path, length_s: float, frames: int, folder: Path) -> dict[str, float]:
        """What each part takes for one video, s."""
        import cv2
        from threadpoolctl import threadpool_limits

        # One core, as a build's children have it: OpenCV warps pictures with all of them, whatever OMP_NUM_THREADS says,
        # and the BLAS under the following of limbs has a thread a core, busy waiting. The script may.
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            with threadpool_limits(1):
                return self._seconds(path, length_s, frames, folder)
        finally:
            cv2.setNumThreads(before)

    def _seconds(self, path: Path, length_s: float, frames: int, folder: Path) -> dict[str, float]:
        parts = ("decode", "pose", "flow", *(("embed",) if self._clip is not None else ()))
        spent = dict(zip(parts, self._look(path), strict=False))
        spent["transcribe"] = timed(lambda: self._hear(path, length_s))
        spent["write"] = timed(lambda: write_parquet(folder / "raw.parquet", frames))
        return spent

    def _look(self, path: Path) -> tuple[float, float, float, float]:
        """Decoding to RGB, s, landmarks of the same pictures, s, flow of their limbs, s, and embeddings of one a second, s: in
        turns, as whoever needs all has to do it."""
        decode_s = pose_s = flow_s = embed_s = 0.0
        embedded = 0
        batch: list[Any] = []
        follower = LimbFollower()
        with open_media(path) as container:
            stream = container.streams[clock_of(path).video]
            stream.thread_type = "NONE"
            pictures = container.decode(stream)
            while True:
                began = time.perf_counter()
                picture = next(pictures, None)
                if picture is None:
                    decode_s += time.perf_counter() - began
                    if batch:
                        began = time.perf_counter()
                        self._clip.images(batch)
                        embed_s += time.perf_counter() - began
                    return decode_s, pose_s, flow_s + timed(follower.finish), embed_s
                rgb = picture.to_ndarray(format="rgb24")
                view = ArrayView(rgb)
                decoded = time.perf_counter()
                region = Roi(picture.width / 2, picture.height / 2, 0.9 * min(view.size_px), 0.1)
                found = self._pose.run(view, region, 0.0)
                looked = time.perf_counter()
                follower.push(float(picture.time), view.grey, None if found is None else found[0])
                decode_s += decoded - began
                pose_s += looked - decoded
                flow_s += time.perf_counter() - looked
                if self._clip is not None and picture.time >= embedded:
                    followed = time.perf_counter()
                    embedded += 1
                    batch.append(self._clip.prepare(rgb))
                    if len(batch) == _BATCH:
                        self._clip.images(batch)
                        batch = []
                    embed_s += time.perf_counter() - followed

    def _hear(self, path: Path, length_s: float) -> None:
        for sound in decode_ranges(path, [(0.0, length_s)]):
            if sound is not None:
                self._whisper.hear(sound)


def raw_loops(lengths: dict[Path, tuple[float, int]], checkpoint: Path | None, folder: Path) -> float:
    """Wall time of raw loops over half of the videos each, in two processes at once, s, models loaded beforehand."""
    context = multiprocessing.get_context("spawn")
    paths, ready, took = list(lengths), context.Barrier(2), context.SimpleQueue()
    halves = [{path: lengths[path] for path in paths[first::2]} for first in range(2)]
    processes = []
    for number, half in enumerate(halves):
        place = folder / f"raw{number}"
        place.mkdir(exist_ok=True)
        processes.append(context.Process(target=_raw_loop, args=(half, checkpoint, place, ready, took)))
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("A raw loop ended with an error; it stands above.")
    return max(took.get() for _ in processes)


def _raw_loop(
    lengths: dict[Path, tuple[float, int]], checkpoint: Path | None, folder: Path, ready: Any, took: Any
) -> None:
    ceiling = Ceiling(checkpoint)
    # Not for ever: the other one may have ended while it loaded.
    ready.wait(_LOADED_WITHIN_S)
    began = time.perf_counter()
    for path, (length_s, frames) in lengths.items():
        ceiling.seconds(path, length_s, frames, folder)
    took.put(time.perf_counter() - began)


def write_parquet(path: Path, frames: int) -> None:
    """As many landmarks as the video has frames."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = np.random.default_rng(0).random((frames, 33 * 7), np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), 33 * 7)
    pq.write_table(pa.table({"pose": column}), path, compression="zstd", compression_level=1)


def timed(function: Callable[[], Any]) -> float:
    """Wall time of a call, s."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def child_rss_bytes(pid: int) -> int:
    """The largest resident set among the processes that do the work of a build."""
    largest = 0
    try:
        for child in psutil.Process(pid).children(recursive=True):
            if "fimad.pipeline.run.child" in " ".join(child.cmdline()):
                largest = max(largest, child.memory_info().rss)
    except psutil.Error:
        # It ended while it was looked at.
        pass
    return largest


class Meter(threading.Thread):
    """Watches the largest resident set among the grandchildren of a process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self._pid = process.pid
        self._over = threading.Event()
        self.peak_bytes = 0

    def run(self) -> None:
        while not self._over.wait(0.2):
            self.peak_bytes = max(self.peak_bytes, child_rss_bytes(self._pid))

    def stop(self) -> int:
        self._over.set()
        self.join()
        return self.peak_bytes


def build(
    videos: list[Path], folder: Path, workers: int, checkpoint: Path | None, *, flow: bool = True
) -> tuple[float, int]:
    """Wall time of a build from nothing, s, and the peak of a worker's memory."""
    command = [sys.executable, "-m", "fimad", "build", *map(str, videos), "--workers", str(workers)]
    command += ["--workspace", str(folder / "workspace"), "--dataset", str(folder / "dataset")]
    if checkpoint is not None:
        command += ["--set", f"embed.pretrained={checkpoint}", "--set", f"embed.batch_size={_BATCH}"]
    else:
        command += ["--without", "embed"]
    command += [] if flow else ["--without", "flow"]
    began = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        meter = Meter(process)
        meter.start()
        code = process.wait()
    seconds = time.perf_counter() - began
    peak = meter.stop()
    # 1 says that some item failed, which is an answer, too; anything else is not a build.
    if code not in (0, 1):
        raise SystemExit(f"fimad build ended with exit code {code}:\n{(folder / 'log').read_text()[-3000:]}")
    return seconds, peak


def artifacts(workspace: Path) -> dict[str, bytes]:
    """All that the stages made, by name."""
    return {
        str(path.relative_to(workspace)): path.read_bytes()
        for path in sorted((workspace / "stages").rglob("*.parquet"))
    }


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    videos: list[Path] = arguments.videos
    lengths = {path: media_seconds(path) for path in videos}
    total_s = sum(length for length, _ in lengths.values())
    checkpoint = clip_checkpoint(folder) if arguments.embed else None
    ceiling = Ceiling(checkpoint)
    runs: dict[str, list[float]] = {name: [] for name in RUNS}
    parts: list[dict[str, float]] = []
    peak = 0
    same = True
    for repetition in range(arguments.repeat):
        spent: dict[str, float] = {}
        for path, (length_s, frames) in lengths.items():
            for name, seconds in ceiling.seconds(path, length_s, frames, folder).items():
                spent[name] = spent.get(name, 0.0) + seconds
        parts.append(spent)
        runs["ceiling_1"].append(sum(spent.values()))
        runs["ceiling_2"].append(raw_loops(lengths, checkpoint, folder))
        made = []
        for workers in (1, 2):
            place = Path(tempfile.mkdtemp(dir=folder))
            seconds, memory = build(videos, place, workers, checkpoint)
            runs[f"workers_{workers}"].append(seconds)
            peak = max(peak, memory)
            made.append(artifacts(place / "workspace"))
            shutil.rmtree(place)
        same = same and made[0] == made[1]
        if arguments.script:
            runs["script"].append(timed(lambda: run_plain_script(videos, folder / "script", checkpoint)))
            place = Path(tempfile.mkdtemp(dir=folder))
            runs["workers_2_without_flow"].append(build(videos, place, 2, checkpoint, flow=False)[0])
            shutil.rmtree(place)
        say = {name: round(total_s / values[-1], 3) for name, values in runs.items() if values}
        print(f"repetition {repetition + 1}: {say}", flush=True)
    result: dict[str, Any] = {
        name: total_s / statistics.median(values) if values else None for name, values in runs.items()
    }
    share = [raw / whole for raw, whole in zip(runs["ceiling_1"], runs["workers_1"], strict=True)]
    speedup, of_loops = (
        [one / two for one, two in zip(runs[f"{name}_1"], runs[f"{name}_2"], strict=True)]
        for name in ("workers", "ceiling")
    )
    result |= {
        "videos": len(videos),
        "video_s": total_s,
        "cores": os.cpu_count(),
        "embed": checkpoint is not None,
        "ceiling_share": statistics.median(share),
        "speedup_2": statistics.median(speedup),
        "ceiling_speedup_2": statistics.median(of_loops),
        "speedup_share": statistics.median(ours / raw for ours, raw in zip(speedup, of_loops, strict=True)),
        "over_script": result["workers_2_without_flow"] / result["script"] if runs["script"] else None,
        "over_script_with_flow": result["workers_2"] / result["script"] if runs["script"] else None,
        "overhead": max(0.0, 1 - statistics.median(share)),
        "peak_mb": peak / 1e6,
        "same_with_1_and_2_workers": same,
        "ceiling_parts_s": {name: statistics.median(each[name] for each in parts) for name in parts[0]},
    }
    return result


def misses(figures: dict[str, Any]) -> list[str]:
    """The floors and caps that are not kept."""
    caps = CAPS if figures["embed"] else CAPS | _CAP_WITHOUT_CLIP
    found = [
        f"{name} is {figures[name]:.3g}, less than {floor}"
        for name, floor in FLOORS.items()
        if figures[name] is not None and figures[name] < floor
    ]
    found += [f"{name} is {figures[name]:.3g}, more than {cap}" for name, cap in caps.items() if figures[name] > cap]
    if not figures["same_with_1_and_2_workers"]:
        found.append("one and two workers made different artifacts")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Throughput of fimad build beside the machine's ceiling.")
    parser.add_argument(
        "videos",
        nargs="*",
        type=Path,
        help="video files, or folders of them; default: eight copies of the demo's video",
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--embed", action=argparse.BooleanOptionalAction, default=clip_weights.installed())
    parser.add_argument("--script", action=argparse.BooleanOptionalAction, default=True, help="also the plain script")
    arguments = parser.parse_args()
    arguments.videos = arguments.videos or [VIDEO]
    arguments.videos = [
        path
        for each in arguments.videos
        for path in (sorted(each.glob("*.mp4")) if each.is_dir() else [each.absolute()])
    ]
    # As an installed package is: where nothing may be written beside it, each of a build's processes would compile all of it again.
    compileall.compile_dir(Path(fimad.__file__).parent, quiet=1)
    for name in models.needed(Config()):
        if not name.startswith(clip_weights.PREFIX):
            models.fetch(name)
    with tempfile.TemporaryDirectory(prefix="fimad-throughput-") as folder:
        if arguments.videos == [VIDEO.absolute()]:
            # A task is a video: one alone keeps one worker busy.
            copies = [Path(folder, f"workout{number}.mp4") for number in range(_COPIES)]
            arguments.videos = [Path(shutil.copy(VIDEO, copy)) for copy in copies]
        figures = measure(arguments, Path(folder))
    print(json.dumps(figures, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    missed = misses(figures)
    for each in missed:
        print(f"Floor missed: {each}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
