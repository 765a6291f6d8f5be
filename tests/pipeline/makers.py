"""Small media files, made by the ffmpeg program that imageio-ffmpeg brings."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pyarrow as pa
import pytest

from fimad.config import Config
from fimad.pipeline.contract import StageInput, Video

DEMO = Path(__file__).parents[2] / "fimad" / "demo" / "workout.mp4"
LOG = logging.getLogger("test")


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg; raises with its message."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.stderr}")


def video(
    path: Path, seconds: float = 2.0, *, size: str = "160x120", rate: int = 10, tone: bool = True, extra: Any = ()
) -> Path:
    """A test picture with a tone."""
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"] if tone else []
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}", *sound, "-t", seconds),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast", *extra, path),
    )
    return path


def chapters_file(path: Path, chapters: list[tuple[float, float, str]]) -> Path:
    """Chapters in ffmpeg's metadata format."""
    lines = [";FFMETADATA1"]
    for start, end, title in chapters:
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={int(start * 1000)}", f"END={int(end * 1000)}"]
        lines += [f"title={title}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def stage_input(
    item: Video, folder: Path, tables: Mapping[str, pa.Table] | None = None, media: Path | None = None
) -> StageInput:
    """What the runner would hand to a stage; published files go to `folder/published`."""
    published = folder / "published"
    published.mkdir(exist_ok=True, parents=True)
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)

    def publish(path: Path, suffix: str) -> str:
        path.rename(published / f"{item.video_id}{suffix}")
        return f"{item.video_id}{suffix}"

    return StageInput(item, dict(tables or {}), media, scratch, publish, LOG)


def config(**sections: Any) -> Config:
    """A configuration that may talk to this machine, with short time-outs."""
    http = {"allow_private_addresses": True, "timeout_s": 1.0, **sections.pop("http", {})}
    return Config.model_validate({**sections, "http": http})
