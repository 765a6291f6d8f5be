"""What a media file really holds."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from makers import DEMO, LOG, chapters_file, ffmpeg, video

from fimad.errors import Filtered, FimadError, PermanentError
from fimad.pipeline.media.clock import clock_of
from fimad.pipeline.media.probe import Limits, MediaInfo, probe

LIMITS = Limits(max_bytes=10**9, max_duration_s=4 * 3600, max_side_px=8192)


def look(path: Path, **limits: float) -> MediaInfo:
    return probe(path, Limits(**{**LIMITS.__dict__, **limits}), LOG)


def refused(path: Path, **limits: float) -> str:
    with pytest.raises(FimadError) as caught:
        look(path, **limits)
    assert isinstance(caught.value, PermanentError | Filtered)
    return caught.value.reason


def test_the_demo() -> None:
    info = look(DEMO)
    assert (info.duration_s, info.frames, info.width_px, info.height_px) == (46.0, 1380, 1280, 720)
    assert (info.has_audio, info.suffix, info.rotation_deg) == (True, ".mp4", 0)
    assert info.chapters[1] == (9.0, 18.0, "Squats")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts", ".mov", ".flv"])
def test_containers(tmp_path: Path, suffix: str) -> None:
    info = look(video(tmp_path / f"x{suffix}", 1.5))
    assert info.duration_s == pytest.approx(1.5, abs=0.11)
    assert (info.width_px, info.height_px, info.has_audio) == (160, 120, True)


@pytest.mark.parametrize(("turn", "size"), [(90, (120, 160)), (180, (160, 120)), (270, (120, 160))])
def test_rotated_pictures_are_measured_upright(tmp_path: Path, turn: int, size: tuple[int, int]) -> None:
    plain = video(tmp_path / "plain.mp4")
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", turn, "-i", plain, "-c", "copy", turned)
    info = look(turned)
    assert (info.width_px, info.height_px) == size
    assert info.rotation_deg % 360 in (turn, -turn % 360)


def test_a_claim_of_five_hours_is_not_believed(tmp_path: Path) -> None:
    data = bytearray(video(tmp_path / "x.mp4", 1).read_bytes())
    for box, offset in ((b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 24)):
        at = data.find(box)
        while at >= 0:
            scale = struct.unpack(">I", data[at + 16 : at + 20])[0] if box != b"tkhd" else 1000
            struct.pack_into(">I", data, at + 4 + offset, 5 * 3600 * scale)
            at = data.find(box, at + 4)
    path = tmp_path / "claim.mp4"
    path.write_bytes(data)
    assert look(path).duration_s == pytest.approx(1.0, abs=0.11)


def test_real_gaps_of_hours_are_counted(tmp_path: Path) -> None:
    one = video(tmp_path / "a.mkv", 1, tone=False)
    two = tmp_path / "b.mkv"
    ffmpeg("-i", one, "-c", "copy", "-bsf:v", "setts=ts=if(gt(N\\,4)\\,TS+18000000\\,TS)", two)
    assert look(two, max_duration_s=10**6).duration_s > 17_900
    assert refused(two) == "too_long"


def test_sound_is_not_video(tmp_path: Path) -> None:
    tone = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine", "-t", 1, tone)
    assert refused(tone) == "no_video"
    cover, both = tmp_path / "c.png", tmp_path / "b.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", 1, cover)
    ffmpeg("-i", tone, "-i", cover, "-map", 0, "-map", 1, "-c", "copy", "-disposition:v:0", "attached_pic", both)
    assert refused(both) == "no_video"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.mp4", b"", "empty"),
        ("x.mp4", b"just some text\n" * 100, "corrupt"),
        ("x.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "corrupt"),
        ("x.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nplain.mp4\n#EXT-X-ENDLIST\n", "corrupt"),
        ("x.mp4", b"ffconcat version 1.0\nfile plain.mp4\n", "corrupt"),
        (
            "x.sdp",
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
            "corrupt",
        ),
        ("x.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "corrupt"),
        ("x.mp4", b"PK\x03\x04" + b"\0" * 1000, "corrupt"),
    ],
)
def test_what_is_no_video(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    """Playlists and scripts that would make FFmpeg read other files are damaged files, not instructions."""
    video(tmp_path / "plain.mp4")
    path = tmp_path / name
    path.write_bytes(data)
    assert refused(path) == reason


def test_limits_and_odd_files(tmp_path: Path) -> None:
    path = video(tmp_path / "x.mp4", 2)
    assert refused(path, max_bytes=100) == "too_large"
    assert refused(path, max_duration_s=1) == "too_long"
    assert refused(path, max_side_px=144) == "too_high_resolution"
    os.mkfifo(tmp_path / "pipe.mp4")
    assert refused(tmp_path / "pipe.mp4") == "not_a_file"
    assert refused(tmp_path / "nothing.mp4") == "not_a_file"
    assert refused(tmp_path) == "not_a_file"


def test_a_cut_off_file(tmp_path: Path) -> None:
    fast = video(tmp_path / "a.mp4", 4, extra=["-movflags", "+faststart"]).read_bytes()
    half = tmp_path / "half.mp4"
    half.write_bytes(fast[: len(fast) // 2])
    assert 0.5 < look(half).duration_s < 4.0
    late = video(tmp_path / "b.mp4", 4).read_bytes()
    half.write_bytes(late[: len(late) // 2])
    assert refused(half) == "corrupt"


def test_names_that_look_like_protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video(tmp_path / "plain.mp4")
    (tmp_path / "plain.mp4").rename(tmp_path / "concat:x|y.mp4")
    monkeypatch.chdir(tmp_path)
    assert look(Path("concat:x|y.mp4")).frames == 20


def test_chapter_titles_that_are_no_text(tmp_path: Path) -> None:
    meta = chapters_file(tmp_path / "m.txt", [(0, 1, "a\u202eb<script>"), (1, 2, "x")])
    path = tmp_path / "x.mkv"
    ffmpeg("-i", video(tmp_path / "a.mp4"), "-i", meta, "-map_metadata", 1, "-c", "copy", path)
    data = path.read_bytes().replace(b"<script>", b"<\xff\xfe\xfd\xfcpt>")
    path.write_bytes(data)
    assert len(look(path).chapters) == 2


def test_transport_streams_begin_at_zero(tmp_path: Path) -> None:
    path = video(tmp_path / "x.ts", 2, extra=["-output_ts_offset", 1000, "-muxdelay", 0])
    assert clock_of(path).origin_s == pytest.approx(1000, abs=1)
    assert clock_of(DEMO).origin_s == 0.0
