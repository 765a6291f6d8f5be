"""Download and cut, beside video2dataset: `python -m benchmarks.acquisition --video2dataset PYTHON [--json FILE]`.

A server on this machine offers copies of a video with chapters; both tools fetch them over HTTP and cut them into the
chapters' clips, alternating, medians over `--repeat` repetitions. fimad downloads with yt-dlp and keeps each clip as a range
of the video, which its decoder seeks to; video2dataset writes a file for each clip, at its default precision and at its
exact one. Each clip's first picture and number of pictures are then compared with the chapter's.

`--video2dataset` is the Python of an environment of its own, since its pins clash with fimad's (torch 2.1, NumPy 1):
`pip install --no-deps video2dataset` and what it imports; without it only fimad is measured.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from fimad.demo import VIDEO
from fimad.pipeline.media.frames import decode

Span = tuple[float, float]
_PRECISIONS = ("low", "exact")
_SCRIPT = """
import json, sys
from video2dataset import video2dataset

work = json.loads(sys.argv[1])
if __name__ == "__main__":
    video2dataset(
        work["list"], output_folder=work["folder"], output_format="files", input_format="parquet", url_col="url",
        clip_col="clips", encode_formats={"video": "mp4"}, config={
            "subsampling": {"ClippingSubsampler": {"args": {
                "min_length": 0.0, "max_length": 1e6, "max_length_strategy": "all", "precision": work["precision"]}}},
            "reading": {"yt_args": {"download_size": 720, "download_audio_rate": 44100}, "timeout": 60, "sampler": None},
            "storage": {"number_sample_per_shard": 1000, "oom_shard_count": 5, "captions_are_subtitles": False},
            "distribution": {"processes_count": 1, "thread_count": work["threads"], "subjob_size": 1000,
                             "distributor": "multiprocessing"},
        })
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server that offers a folder."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def chapters(video: Path) -> list[Span]:
    """Begin and end of each chapter, s."""
    with av.open(str(video)) as container:
        return [
            (float(each["start"] * each["time_base"]), float(each["end"] * each["time_base"]))
            for each in container.chapters()
        ]


def pictures(video: Path) -> list[float]:
    """Presentation times, s."""
    return [picture.time_s for picture in decode(video, 0.0, float("inf"))]


def run_fimad(urls: list[str], folder: Path) -> list[Span]:
    """Download and cut with fimad; the clips of the first video."""
    import pyarrow.parquet as pq

    settings = ["http.allow_private_addresses=true", "http.videos_per_hour=1000000", "http.host_spacing_s=0"]
    command = [sys.executable, "-m", "fimad", "build", *urls, "--stage", "segment", "--workspace", str(folder)]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    tables = [pq.read_table(path) for path in folder.glob("stages/segment-*/*/*.parquet")]
    if done.returncode or len(tables) != len(urls):
        raise SystemExit(
            f"fimad ended with exit code {done.returncode} and {len(tables)} videos:\n{done.stderr[-2000:]}"
        )
    return [(row["start_s"], row["end_s"]) for row in tables[0].to_pylist()]


def run_other(python: str, urls: list[str], spans: list[Span], precision: str, folder: Path) -> list[Path]:
    """Download and cut with video2dataset; the clip files of the first video."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    pq.write_table(
        pa.table({"url": urls, "clips": [[list(span) for span in spans]] * len(urls)}), folder / "list.parquet"
    )
    work = {"list": str(folder / "list.parquet"), "folder": str(folder / "out"), "precision": precision, "threads": 16}
    (folder / "run.py").write_text(_SCRIPT)
    done = subprocess.run(
        [python, str(folder / "run.py"), json.dumps(work)], capture_output=True, text=True, check=False
    )
    files = sorted((folder / "out").rglob("*.mp4"))
    if done.returncode or len(files) != len(urls) * len(spans):
        raise SystemExit(
            f"video2dataset ended with exit code {done.returncode}, {len(files)} clips:\n{done.stderr[-2000:]}"
        )
    return files[: len(spans)]


def measure(video: Path, count: int, repeat: int, python: str, folder: Path) -> dict[str, Any]:
    """Both, in turns."""
    (folder / "served").mkdir()
    for number in range(count):
        shutil.copy(video, folder / "served" / f"v{number}.mp4")
    spans = chapters(video)
    times = pictures(video)
    wanted = [sum(start <= at < end for at in times) for start, end in spans]
    seconds: dict[str, list[float]] = {}
    errors: dict[str, int] = {}
    with served(folder / "served") as address:
        urls = [f"{address}/v{number}.mp4" for number in range(count)]
        for repetition in range(repeat):
            began = time.perf_counter()
            clips = run_fimad(urls, folder / f"fimad{repetition}")
            seconds.setdefault("fimad", []).append(time.perf_counter() - began)
            errors["fimad"] = max(
                abs(len(list(decode(video, *clip))) - count) for clip, count in zip(clips, wanted, strict=True)
            )
            for precision in _PRECISIONS if python else ():
                name = f"video2dataset_{precision}"
                began = time.perf_counter()
                files = run_other(python, urls, spans, precision, folder / f"{name}{repetition}")
                seconds.setdefault(name, []).append(time.perf_counter() - began)
                errors[name] = max(abs(len(pictures(file)) - n) for file, n in zip(files, wanted, strict=True))
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    return {
        "videos": count,
        "clips": count * len(spans),
        "seconds": {name: round(each, 2) for name, each in medians.items()},
        "pictures_too_many_or_few": errors,
        "over_video2dataset": {
            name: round(each / medians["fimad"], 2) for name, each in medians.items() if name != "fimad"
        },
    }


def main() -> int:
    """Parse, measure, print; exit code 1 if fimad is slower, or a clip is not exact."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path, default=VIDEO, help="a video with chapters")
    parser.add_argument("--count", type=int, default=12, help="copies of it")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--video2dataset", default="", metavar="PYTHON", help="Python of an environment that has it")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fimad-acquisition-") as folder:
        figures = measure(options.video, options.count, options.repeat, options.video2dataset, Path(folder))
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    slower = any(ratio < 1 for ratio in figures["over_video2dataset"].values())
    return int(slower or figures["pictures_too_many_or_few"]["fimad"] > 0)


if __name__ == "__main__":
    sys.exit(main())
