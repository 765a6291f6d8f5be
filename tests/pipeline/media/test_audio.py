"""Sound, decoded once, on the video's clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from makers import ffmpeg, video
from numpy.typing import NDArray

from fimad.pipeline.media.audio import RATE_HZ, decode_ranges


def beeps(path: Path, *extra: object) -> Path:
    """4 s of video with a tone from 1.0 to 1.5 s and from 3.0 to 3.25 s."""
    tone = "sine=frequency=1000:sample_rate=44100,volume='if(between(t,1,1.5)+between(t,3,3.25),1,0)':eval=frame"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10", "-f", "lavfi", "-i", tone, "-t", 4),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast", *extra, path),
    )
    return path


def onsets(sound: NDArray[np.float32]) -> list[float]:
    """Where in s it gets loud."""
    loud = np.abs(sound).reshape(-1, 160).max(axis=1) > 0.02
    return [float(at / 100) for at in np.flatnonzero(loud & ~np.r_[False, loud[:-1]])]


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("a.mp4", ()),
        ("a.mkv", ("-c:a", "libopus")),
        ("a.ts", ()),
        ("b.ts", ("-output_ts_offset", 500, "-muxdelay", 0)),
        ("a.avi", ("-c:a", "mp3")),
        ("c.mp4", ("-ac", 2, "-ar", 22050)),
    ],
)
def test_sound_lies_where_the_video_has_it(tmp_path: Path, name: str, extra: tuple[object, ...]) -> None:
    (sound,) = decode_ranges(beeps(tmp_path / name, *extra), [(0.0, 4.0)])
    assert sound is not None
    assert sound.dtype == np.float32
    assert len(sound) == 4 * RATE_HZ
    assert onsets(sound) == pytest.approx([1.0, 3.0], abs=0.06)


def test_ranges_are_parts_of_the_whole(tmp_path: Path) -> None:
    path = beeps(tmp_path / "a.mp4")
    (whole,) = decode_ranges(path, [(0.0, 4.0)])
    parts = list(decode_ranges(path, [(0.5, 1.2), (1.2, 1.3), (2.9, 4.5)]))
    assert whole is not None
    for part, (start, end) in zip(parts, [(0.5, 1.2), (1.2, 1.3), (2.9, 4.0)], strict=True):
        assert part is not None
        want = whole[round(start * RATE_HZ) : round(end * RATE_HZ)]
        assert np.array_equal(part[: len(want)], want)
    assert parts[2] is not None
    assert len(parts[2]) == round(1.6 * RATE_HZ)
    assert np.abs(parts[2][round(1.15 * RATE_HZ) :]).max() < 1e-3


def test_no_sound(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", tone=False)
    assert list(decode_ranges(path, [(0, 1), (1, 2)])) == [None, None]


def test_sound_that_begins_late_or_has_a_gap(tmp_path: Path) -> None:
    path = beeps(tmp_path / "a.mkv")
    late = tmp_path / "late.mkv"
    ffmpeg("-i", path, "-itsoffset", 0.4, "-i", path, "-map", "0:v", "-map", "1:a", "-c", "copy", late)
    (sound,) = decode_ranges(late, [(0.0, 5.0)])
    assert sound is not None
    assert onsets(sound) == pytest.approx([1.4, 3.4], abs=0.06)


def test_a_damaged_stream_gives_what_it_can(tmp_path: Path) -> None:
    data = bytearray(beeps(tmp_path / "a.ts").read_bytes())
    for at in range(20_000, len(data), 9_973):
        data[at] ^= 0xFF
    (tmp_path / "bad.ts").write_bytes(data[: len(data) * 3 // 4])
    (sound,) = decode_ranges(tmp_path / "bad.ts", [(0.0, 4.0)])
    assert sound is not None
    assert np.isfinite(sound).all()
    assert onsets(sound)[0] == pytest.approx(1.0, abs=0.1)
