"""A clip has the frames that a pass from the beginning has there, wherever a seek lands."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from makers import ffmpeg

from fimad.pipeline.media.clock import clock_of
from fimad.pipeline.media.frames import decode

_LENGTH_S = 7.0
_STARTS_S = (2.02, 2.6, 3.39, 4.0, 4.66, 5.13, 6.79)
# Name, and what is told to the encoder.
_FILES = {
    "far keys.ts": ("-c:v", "libx264", "-preset", "veryfast", "-g", "70", "-bf", "3"),
    "far keys.mpg": ("-c:v", "mpeg2video", "-g", "70", "-bf", "2"),
    "only the first key.ts": ("-c:v", "libx264", "-preset", "veryfast", "-g", "9999", "-bf", "2"),
    "refreshed bit by bit.ts": ("-c:v", "libx264", "-preset", "veryfast", "-g", "40", "-x264-params", "intra-refresh=1"),
    "refreshed bit by bit.mp4": ("-c:v", "libx264", "-preset", "veryfast", "-g", "40", "-x264-params", "intra-refresh=1"),
    "H.264, open groups.mkv": ("-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-bf", "3", "-x264-params", "open-gop=1"),
    "HEVC, open groups.mp4": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "open-gop=1:keyint=30:bframes=3:log-level=none"),
    "HEVC, open groups.ts": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "open-gop=1:keyint=30:bframes=3:log-level=none"),
    "MPEG-4, B-frames.mp4": ("-c:v", "mpeg4", "-g", "50", "-bf", "2"),
    "MPEG-4, B-frames.avi": ("-c:v", "mpeg4", "-g", "50", "-bf", "2"),
    "H.264, B-frames.avi": ("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-bf", "2"),
    "VP9.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "60"),
    "every picture a key.mov": ("-c:v", "mjpeg",),
}  # fmt: skip


def look(path: Path, start_s: float, end_s: float) -> dict[float, int]:
    """Time and content of the pictures."""
    return {
        round(each.time_s, 6): zlib.crc32(np.ascontiguousarray(each.frame.to_ndarray(format="gray")))
        for each in decode(path, start_s, end_s)
    }


def made(path: Path, *encoder: str) -> Path:
    pixels = "yuvj420p" if "mjpeg" in encoder else "yuv420p"
    ffmpeg("-f", "lavfi", "-t", _LENGTH_S, "-i", "testsrc2=size=64x48:rate=25", *encoder, "-pix_fmt", pixels, path)
    return path


def compare(path: Path) -> None:
    every = look(path, 0.0, 1e9)
    assert len(every) > 0.9 * (clock_of(path).end_s * 25)
    for start_s in _STARTS_S:
        end_s = start_s + 0.4
        wanted = {time_s: picture for time_s, picture in every.items() if start_s <= time_s < end_s}
        assert look(path, start_s, end_s) == wanted, start_s


@pytest.mark.parametrize("name", _FILES)
def test_a_clip_has_what_a_whole_pass_has(name: str, tmp_path: Path) -> None:
    compare(made(tmp_path / name, *_FILES[name]))


@pytest.mark.parametrize("name", ["far keys.ts", "MPEG-4, B-frames.avi", "H.264, B-frames.avi"])
def test_a_file_that_was_cut_off_as_well(name: str, tmp_path: Path) -> None:
    whole = made(tmp_path / name, *_FILES[name]).read_bytes()
    cut = tmp_path / f"cut {name}"
    cut.write_bytes(whole[: int(0.9 * len(whole))])
    compare(cut)
