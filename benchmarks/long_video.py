"""Whether memory stays flat over a long video: `python -m benchmarks.long_video [--hours 2] [--json FILE]`.

Loops a video to the wanted length without encoding it again, builds a dataset from it in clips of half a minute, and
watches the largest resident set among the workers' child processes. Prints

- `peak_mb`: over the whole run;
- `growth_mb`: the peak of the last quarter of the run over that of the second quarter (the first one loads models).

The full landmark model; no CLIP. `--rate-hz` looks at fewer pictures, for a shorter run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pyarrow.parquet as pq

from benchmarks.throughput import child_rss_bytes, media_seconds
from fimad.demo import VIDEO

CAPS = {"peak_mb": 900.0, "growth_mb": 50.0}
_EVERY_S = 1.0
_CLIP_S = 30.0


def looped(video: Path, hours: float, folder: Path) -> Path:
    """The video, over and over."""
    path = folder / "long.mp4"
    times = round(hours * 3600 / media_seconds(video)[0])
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-stream_loop", str(times - 1)]
    subprocess.run(
        [*command, "-i", str(video), "-map", "0:v", "-map", "0:a?", "-map_chapters", "-1", "-c", "copy", str(path)],
        check=True,
    )
    return path


def measure(video: Path, workers: int, rate_hz: float, folder: Path) -> dict[str, Any]:
    """Build, and watch."""
    settings = [
        "segment.fallback=fixed",
        f"segment.fixed_s={_CLIP_S}",
        f"pose.rate_hz={rate_hz}",
        'run.without=["embed"]',
        "download.max_duration_s=20000",
    ]
    command = [sys.executable, "-m", "fimad", "build", str(video), "--workers", str(workers)]
    command += ["--workspace", str(folder / "workspace"), "--dataset", str(folder / "dataset")]
    for setting in settings:
        command += ["--set", setting]
    began = time.monotonic()
    rss: list[int] = []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        while process.poll() is None:
            rss.append(child_rss_bytes(process.pid))
            time.sleep(_EVERY_S)
    seconds = time.monotonic() - began
    if process.returncode:
        raise SystemExit(
            f"fimad build ended with exit code {process.returncode}:\n{(folder / 'log').read_text()[-3000:]}"
        )
    clips = pq.read_table(next(folder.glob("workspace/stages/pose-*/*/*.parquet")), columns=["clip_index"]).num_rows
    length_s = media_seconds(video)[0]
    if clips < length_s // _CLIP_S:
        raise SystemExit(f"only {clips} clips of {length_s:.0f} s of video were looked at")
    quarter = len(rss) // 4
    return {
        "video_s": round(length_s, 1),
        "clips": clips,
        "workers": workers,
        "pose_rate_hz": rate_hz,
        "build_s": round(seconds, 1),
        "peak_mb": round(max(rss) / 1e6, 1),
        "growth_mb": round((max(rss[3 * quarter :]) - max(rss[quarter : 2 * quarter])) / 1e6, 1),
        "peak_mb_by_tenth": [
            round(max(rss[at : at + len(rss) // 10]) / 1e6)
            for at in range(0, len(rss) - len(rss) // 10, len(rss) // 10)
        ],
    }


def main() -> int:
    """Parse, measure, print; exit code 1 if a cap is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "video", nargs="?", type=Path, default=VIDEO, help="what is looped (default: the project's own)"
    )
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate-hz", type=float, default=0.0, help="pictures a second to look at; 0 means all")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fimad-long-") as name:
        folder = Path(name)
        figures = measure(looped(options.video, options.hours, folder), options.workers, options.rate_hz, folder)
    for name, value in figures.items():
        print(f"{name:<18}{value!s:>10}" + (f"   (at most {CAPS[name]:g})" if name in CAPS else ""))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return int(any(figures[name] > cap for name, cap in CAPS.items()))


if __name__ == "__main__":
    sys.exit(main())
