"""What a GPU changes: `python -m benchmarks.devices [VIDEO ...] --clip FILE|untrained --whisper MODEL [--json FILE]`.

Builds embeddings and transcripts of the same videos three times through the CLI: on the processor, and twice on a GPU
(`embed.device`, `transcribe.device`). Prints, for every kind of result,

- whether the two builds on the GPU are equal, byte for byte, and whether their keys differ from the processor's;
- for embeddings: the largest difference of an element and the smallest cosine between GPU and processor;
- for transcripts: the share of clips with the same words, and the largest difference of a word's time, s;
- seconds of each stage, models loaded within.

`--clip untrained` makes weights from a seed: the same arithmetic, where trained ones can't be had.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.throughput import clip_checkpoint
from fimad.demo import VIDEO

_WITHOUT = ("pose", "camera", "flow", "simulate")


def build(videos: list[Path], folder: Path, device: str, arguments: argparse.Namespace, clip: str) -> dict[str, Any]:
    """Artifacts of `embed` and `transcribe` by stage, with their key and seconds."""
    command = [sys.executable, "-m", "fimad", "build", *map(str, videos), "--workspace", str(folder)]
    command += ["--dataset", str(folder / "dataset"), "--workers", "1", "--set", f"run.threads={arguments.threads}"]
    wanted = {"embed": clip, "transcribe": arguments.whisper}
    for stage in (*_WITHOUT, *(stage for stage, given in wanted.items() if not given)):
        command += ["--without", stage]
    if clip:
        command += ["--set", f"embed.pretrained={clip}", "--set", f"embed.device={device}"]
        command += ["--set", f"embed.rate_hz={arguments.rate_hz}", "--set", "embed.batch_size=64"]
    if arguments.whisper:
        command += ["--set", f"transcribe.model={arguments.whisper}", "--set", f"transcribe.device={device}"]
        command += ["--set", "transcribe.captions=none"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"fimad build on {device} ended with exit code {done.returncode}:\n{done.stderr[-3000:]}")
    seconds: dict[str, float] = {}
    (log,) = (folder / "runs").glob("*-*-*.jsonl")
    for line in log.read_text().splitlines():
        said = json.loads(line)
        if "stage" in said:
            seconds[said["stage"]] = seconds.get(said["stage"], 0.0) + said["seconds"]
    made = {}
    for stage in (name for name, given in wanted.items() if given):
        (place,) = (folder / "stages").glob(f"{stage}-*")
        paths = sorted(place.rglob("*.parquet"))
        made[stage] = {
            "key": place.name,
            "tables": [pq.read_table(path) for path in paths],
            "bytes": [path.read_bytes() for path in paths],
            "seconds": seconds[stage],
        }
    return made


def vectors(tables: list[pa.Table]) -> dict[str, np.ndarray]:
    """All embeddings of a kind, (n, d), by column."""
    size = len(tables[0].column("video_embedding")[0])
    names = ("video_embeddings", "video_embedding", "text_embedding", "description_embedding")
    columns = {name: [table.column(name).combine_chunks().flatten().to_numpy() for table in tables] for name in names}
    return {name: np.concatenate(each).reshape(-1, size) for name, each in columns.items() if sum(map(len, each))}


def compare_embeddings(here: list[pa.Table], there: list[pa.Table]) -> dict[str, dict[str, float]]:
    """Differences of unit vectors by column."""
    ours, theirs = vectors(here), vectors(there)
    return {
        name: {
            "vectors": len(ours[name]),
            "largest_difference": float(np.abs(ours[name] - theirs[name]).max()),
            "smallest_cosine": float((ours[name] * theirs[name]).sum(1).min()),
        }
        for name in ours
    }


def compare_words(here: list[pa.Table], there: list[pa.Table]) -> dict[str, float]:
    """How alike transcripts are, clip by clip."""
    clips = same = 0
    apart_s = 0.0
    for ours, theirs in zip(here, there, strict=True):
        pairs = zip(
            ours.column("transcript_words").to_pylist(), theirs.column("transcript_words").to_pylist(), strict=True
        )
        for mine, other in pairs:
            clips += 1
            if [each["text"] for each in mine or ()] == [each["text"] for each in other or ()]:
                same += 1
                for a, b in zip(mine or (), other or (), strict=True):
                    apart_s = max(apart_s, abs(a["start_s"] - b["start_s"]), abs(a["end_s"] - b["end_s"]))
    return {"clips": clips, "same_words": same / max(1, clips), "largest_time_difference_s": apart_s}


def main() -> int:
    parser = argparse.ArgumentParser(description="What a GPU changes in embeddings and transcripts.")
    parser.add_argument("videos", nargs="*", type=Path, help="video files; default: the demo's")
    parser.add_argument("--clip", default="", help="a checkpoint of ViT-B-32, or `untrained`; default: no embeddings")
    parser.add_argument("--whisper", default="", help="a model, or the path of one; default: no transcripts")
    parser.add_argument("--rate-hz", type=float, default=10.0, help="frames a second to embed")
    parser.add_argument("--threads", type=int, default=1, help="threads of the processor")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    videos = [path.absolute() for path in arguments.videos] or [VIDEO]
    with tempfile.TemporaryDirectory(prefix="fimad-devices-") as place:
        folder = Path(place)
        clip = str(clip_checkpoint(folder)) if arguments.clip == "untrained" else arguments.clip
        cpu, gpu, again = (
            build(videos, folder / name, device, arguments, clip)
            for name, device in (("cpu", "cpu"), ("gpu", "cuda"), ("again", "cuda"))
        )
    figures: dict[str, Any] = {}
    for stage, compare in (("embed", compare_embeddings), ("transcribe", compare_words)):
        if stage in cpu:
            figures[stage] = {
                "repeats": gpu[stage]["bytes"] == again[stage]["bytes"],
                "keys_differ": cpu[stage]["key"] != gpu[stage]["key"],
                "cpu_s": cpu[stage]["seconds"],
                "gpu_s": [gpu[stage]["seconds"], again[stage]["seconds"]],
                "gpu_and_cpu": compare(cpu[stage]["tables"], gpu[stage]["tables"]),
            }
    print(json.dumps(figures, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return int(not all(each["repeats"] and each["keys_differ"] for each in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
