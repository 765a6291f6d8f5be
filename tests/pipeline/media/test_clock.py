"""One clock per file: what is shown, when, and of which stream."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest
from makers import LOG, chapters_file, config, ffmpeg, stage_input, video

from benchmarks.conformance import Case, cases, check
from fimad.errors import Filtered, PermanentError
from fimad.pipeline.contract import Video
from fimad.pipeline.media.audio import RATE_HZ, decode_ranges
from fimad.pipeline.media.clock import clock_of
from fimad.pipeline.media.frames import decode
from fimad.pipeline.media.probe import Limits, MediaInfo, probe
from fimad.pipeline.stages.captions import CaptionsStage
from fimad.pipeline.stages.download import DownloadStage
from fimad.pipeline.stages.segment import SegmentStage

LIMITS = Limits(max_bytes=10**9, max_duration_s=4 * 3600, max_side_px=8192)
# A few of each kind; `python -m benchmarks.conformance` makes all of them.
_SOME = (
    "H.264, B-frames.avi",
    "H.264, open groups.ts",
    "VP8, hidden frames.webm",
    "MPEG-4, B-frames.avi",
    "24000/1001 per s.mp4",
    "uneven.mkv",
    "10 bits.mkv",
    "shape 16/15, turned.mp4",
    "picture 3 s late.ts",
    "picture 0.3 s late.flv",
    "sound 3 s late.mkv",
    "starts at 0.7 s.mp4",
    "cut without a key frame.mp4",
    "no edit list.mp4",
    "starts at 95442.5 s.ts",
    "jumps back by 30000 s.ts",
    "wraps and restarts.ts",
    "picture before the video.mkv",
    "second angle is the default.mkv",
)
_ALL = {f"{case.name}{case.suffix}": case for case in cases()}


def look(path: Path, **limits: float) -> MediaInfo:
    return probe(path, Limits(**{**LIMITS.__dict__, **limits}), LOG)


def ffmpeg_times(path: Path) -> list[float]:
    """When ffmpeg shows the pictures, s; its output begins with the earliest."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "info",
        "-nostats",
        "-i",
        path,
        "-vf",
        "showinfo",
        "-an",
        "-fps_mode",
        "passthrough",
    ]
    told = subprocess.run(
        [*map(str, command), "-f", "null", "-"], capture_output=True, text=True, check=True, timeout=60
    ).stderr
    return [float(each) for each in re.findall(r"pts_time:\s*(-?[\d.]+)", told)]


def shown(path: Path) -> list[float]:
    return [picture.time_s for picture in decode(path, -1e9, 1e9)]


@pytest.mark.parametrize("name", _SOME)
def test_frames_and_times_are_those_of_ffmpeg(name: str, tmp_path: Path) -> None:
    row = check(_ALL[name], tmp_path)
    assert not row["wrong"]
    assert row["frames"] >= 20


@pytest.mark.parametrize(
    "case", [case for case in _ALL.values() if case.kind == "orientation"], ids=lambda case: case.name
)
def test_eight_orientations_as_ffmpeg_turns_them(case: Case, tmp_path: Path) -> None:
    assert not check(case, tmp_path)["wrong"]


def test_the_table_is_large() -> None:
    made = cases()
    assert len(made) >= 60
    assert len({(case.kind, case.name, case.suffix) for case in made}) == len(made)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of 20 pictures a second with key frames every half second, B-frames and a tone."""
    return video(tmp_path_factory.mktemp("clock") / "base.mp4", 4, size="96x64", rate=20, extra=("-bf", 2, "-g", 10))


def delayed(base: Path, path: Path, delay_s: float, *, late: str, extra: Any = ()) -> Path:
    """The picture, or the sound, begins later than the other."""
    maps = ("-map", "1:v", "-map", "0:a") if late == "picture" else ("-map", "0:v", "-map", "1:a")
    ffmpeg("-i", base, "-itsoffset", delay_s, "-i", base, *maps, *extra, "-c", "copy", path)
    return path


def clips(path: Path, folder: Path, **sections: Any) -> list[dict[str, Any]]:
    """What `segment` makes of a file."""
    settings = config(**sections)
    item = stage_input(Video("v", "file", str(path)), folder, media=path)
    item = stage_input(item.video, folder, {"download": DownloadStage(settings).run(item)}, path)
    return SegmentStage(settings).run(item).to_pylist()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".flv"])
@pytest.mark.parametrize("delay_s", [0.4, 6.0])
def test_a_picture_that_begins_later_than_the_sound_is_whole(
    base: Path, tmp_path: Path, suffix: str, delay_s: float
) -> None:
    info = look(delayed(base, tmp_path / f"x{suffix}", delay_s, late="picture"))
    # Codecs begin up to 46 ms before the first sample that is heard, and FLV rounds to ms.
    assert info.start_s == pytest.approx(delay_s, abs=0.05)
    assert info.duration_s - info.start_s == pytest.approx(4.0, abs=0.002)
    assert len([at for at in shown(tmp_path / f"x{suffix}") if at < info.duration_s]) == 80


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_sound_that_begins_later_changes_nothing(base: Path, tmp_path: Path, suffix: str) -> None:
    info = look(delayed(base, tmp_path / f"x{suffix}", 6.0, late="sound"))
    assert (info.start_s, info.duration_s) == (pytest.approx(0.0, abs=0.001), pytest.approx(4.0, abs=0.001))
    (sound,) = decode_ranges(tmp_path / f"x{suffix}", [(0.0, 10.0)])
    assert sound is not None
    loud = np.flatnonzero(np.abs(sound) > 0.02) / RATE_HZ
    assert (loud[0], loud[-1]) == (pytest.approx(6.0, abs=0.05), pytest.approx(10.0, abs=0.05))


@pytest.mark.parametrize(
    ("fixed_s", "kept"),
    [
        (3.0, [None, None, None]),
        (2.0, [None, "no_frames", None, None, "too_short"]),
        (1.5, [None, "no_frames", "no_frames", None, None, None]),
    ],
)
def test_windows_without_a_picture_are_left_out(
    base: Path, tmp_path: Path, fixed_s: float, kept: list[str | None]
) -> None:
    """Pictures from 0 to 1 s, and again from 5.6 to 8.6 s."""
    media = tmp_path / "hole.mkv"
    ffmpeg("-i", base, "-c", "copy", "-bsf:v", "setts=ts=if(gte(N\\,20)\\,TS+4.6/TB\\,TS)", media)
    rows = clips(media, tmp_path, segment={"fallback": "fixed", "fixed_s": fixed_s})
    times = np.array(shown(media))
    assert len(times) == 80
    found = [bool(((times >= row["start_s"]) & (times < row["end_s"])).any()) for row in rows]
    assert [row["filtered"] for row in rows if row["filtered"] != "too_short"] == [
        None if any_frame else "no_frames"
        for row, any_frame in zip(rows, found, strict=True)
        if row["filtered"] != "too_short"
    ]
    assert [row["filtered"] for row in rows] == kept


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_chapters_are_on_the_clock_of_the_picture(base: Path, tmp_path: Path, suffix: str) -> None:
    """The picture turns white where the second chapter begins, wherever the file's zero is."""
    flash = "color=black:size=64x48:rate=20,drawbox=enable='gte(t,2)':color=white:t=fill"
    # The chapters' times are those of the container, or, as ffmpeg leaves them, count from the beginning.
    told = ((0, 0), (0.3, 0.3), (5, 0), (700, 0), (5, 5), (700, 700))
    for start_s, told_s in told:
        marks = [(told_s, told_s + 2, "dark"), (told_s + 2, told_s + 4, "light")]
        meta = chapters_file(tmp_path / "m.txt", marks)
        media = tmp_path / f"from{start_s}{suffix}"
        ffmpeg(
            *("-f", "lavfi", "-t", 4, "-i", flash, "-i", meta, "-map_metadata", 1, "-c:v", "libx264", "-bf", 2),
            *("-output_ts_offset", start_s, media),
        )
        second = clips(media, tmp_path)[1]
        light = [each.time_s for each in decode(media, 0, 99) if each.frame.to_ndarray(format="gray").mean() > 128]
        assert second["title"] == "light"
        assert second["start_s"] == pytest.approx(light[0], abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("cut_s", [1.0, 3.0])
def test_chapters_of_a_file_that_keeps_the_times_it_was_cut_at(tmp_path: Path, suffix: str, cut_s: float) -> None:
    """`-ss` with `-copyts`: streams begin where they were cut, and chapters are those of the whole."""
    flash = "color=black:size=64x48:rate=20,drawbox=enable='gte(t,4)':color=white:t=fill"
    meta = chapters_file(tmp_path / "m.txt", [(0, 4, "dark"), (4, 10, "light")])
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    inputs = ("-f", "lavfi", "-t", 10, "-i", flash, "-f", "lavfi", "-t", 10, "-i", "sine", "-i", meta)
    ffmpeg(*inputs, "-map_metadata", 2, "-c:v", "libx264", "-c:a", "aac", whole)
    ffmpeg("-ss", cut_s, "-i", whole, "-copyts", "-c:v", "libx264", "-c:a", "aac", cut)
    second = clips(cut, tmp_path)[1]
    light = [each.time_s for each in decode(cut, 0, 99) if each.frame.to_ndarray(format="gray").mean() > 128]
    assert second["start_s"] == pytest.approx(light[0], abs=0.05)


@pytest.mark.parametrize(
    ("suffix", "picture_s", "sound_s", "all_s"),
    [(".mkv", 3, 0, 0), (".mp4", 1.4, 0, 0), (".mp4", 0, 3, 0), (".mkv", 0, 0, 5), (".mp4", 3, 0, 5)],
)
def test_captions_are_on_the_clock_of_the_picture(
    tmp_path: Path, suffix: str, picture_s: float, sound_s: float, all_s: float
) -> None:
    """Captions that ffmpeg takes out of a file, laid beside it: a cue begins where the picture turns white."""
    flash = "color=black:size=64x48:rate=20,drawbox=enable='gte(t,2)':color=white:t=fill"
    cues, media = tmp_path / "in.srt", tmp_path / f"squat{suffix}"
    cues.write_text("1\n00:00:02,000 --> 00:00:03,000\nlight\n")
    ffmpeg(
        *("-itsoffset", picture_s, "-f", "lavfi", "-t", 4, "-i", flash),
        *("-itsoffset", sound_s, "-f", "lavfi", "-t", 6, "-i", "sine", "-itsoffset", picture_s, "-i", cues),
        *("-map", "0:v", "-map", "1:a", "-map", "2:s", "-c:v", "libx264", "-c:a", "aac"),
        *("-c:s", "mov_text" if suffix == ".mp4" else "srt", "-output_ts_offset", all_s, media),
    )
    ffmpeg("-i", media, "-map", "0:s", tmp_path / "squat.en.srt")
    item = stage_input(Video("v", "file", str(media)), tmp_path, {})
    item.tables["download"] = DownloadStage(config()).run(item)
    (cue,) = CaptionsStage(config()).run(item).to_pylist()[0]["captions"]
    light = [each.time_s for each in decode(media, 0, 99) if each.frame.to_ndarray(format="gray").mean() > 128]
    assert cue["start_s"] == pytest.approx(light[0], abs=0.05)


def test_only_lead_and_tail_have_pictures(base: Path, tmp_path: Path) -> None:
    media = delayed(base, tmp_path / "late.mkv", 6.0, late="picture")
    meta = chapters_file(tmp_path / "m.txt", [(0, 5, "talk"), (5, 8, "squats"), (8, 30, "lunges")])
    both = tmp_path / "both.mkv"
    ffmpeg("-i", media, "-i", meta, "-map_metadata", 1, "-c", "copy", both)
    rows = clips(both, tmp_path)
    assert [row["filtered"] for row in rows] == ["no_frames", None, None]
    assert rows[2]["end_s"] == pytest.approx(10.0, abs=0.03)
    meta = chapters_file(tmp_path / "m.txt", [(0, 3, "talk"), (3, 5, "more talk")])
    ffmpeg("-i", media, "-i", meta, "-map_metadata", 1, "-c", "copy", both)
    with pytest.raises(Filtered, match="2 no_frames") as caught:
        clips(both, tmp_path)
    assert caught.value.reason == "no_frames"


@pytest.mark.parametrize(("cut_s", "length_s"), [(1.2, 1.5), (2.0, 1.0), (0.3, 3.0)])
def test_a_copied_cut_shows_only_what_its_edit_list_shows(
    base: Path, tmp_path: Path, cut_s: float, length_s: float
) -> None:
    cut = tmp_path / "cut.mp4"
    ffmpeg("-ss", cut_s, "-i", base, "-t", length_s, "-an", "-c", "copy", cut)
    info, times = look(cut), shown(cut)
    assert info.frames == len(times)
    assert info.duration_s == pytest.approx(times[-1] + 0.05, abs=0.002)
    # Pictures that follow the cut in decoding order come along.
    assert length_s - 0.05 <= info.duration_s <= length_s + 0.25
    rows = clips(cut, tmp_path, segment={"fallback": "fixed", "fixed_s": 1.0, "min_clip_s": 0})
    assert rows[-1]["end_s"] == pytest.approx(info.duration_s)
    assert all(row["filtered"] is None for row in rows)


# Names of parts, each 4 s long with beeps at 1 and 3 s of its own, and where its stamps begin.
_PARTS = {
    "restart": [("ts", 0), ("ts", 0)],
    "restart thrice": [("ts", 0), ("ts", 0), ("ts", 0), ("ts", 0)],
    "far": [("ts", 0), ("ts", 30_000)],
    "back": [("ts", 30_000), ("ts", 0)],
    "wrap, then restart": [("ts", 95_442), ("ts", 0)],
    "matroska": [("mkv", 0), ("mkv", 0)],
    "program stream": [("mpg", 0), ("mpg", 0)],
    # The clock of a part lies within a leap of another.
    "three clocks": [("ts", 50), ("ts", 10), ("ts", 70)],
    "three clocks, falling": [("ts", 70), ("ts", 40), ("ts", 10)],
    "there and back": [("ts", 10), ("ts", 70), ("ts", 10)],
    "program stream, far": [("mpg", 0), ("mpg", 40)],
    "program stream, back": [("mpg", 40), ("mpg", 0)],
    "program stream, three clocks": [("mpg", 40), ("mpg", 0), ("mpg", 70)],
}


@pytest.fixture(scope="module")
def beeping(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sound that is on from 1.0 to 1.4 s, and a picture that is white then."""
    folder = tmp_path_factory.mktemp("beeping")
    on = "between(t,1,1.39)"
    inputs = (
        *("-f", "lavfi", "-i", f"color=black:size=64x48:rate=20,drawbox=enable='{on}':color=white:t=fill"),
        *("-f", "lavfi", "-i", f"sine=frequency=1000:sample_rate=48000,volume='if({on},1,0)':eval=frame"),
    )
    coded = ("-t", 2, "-c:v", "mpeg2video", "-q:v", 3, "-g", 10, "-bf", 2, "-c:a", "mp2")
    made = {}
    for suffix, start in {part for parts in _PARTS.values() for part in parts}:
        path = folder / f"{start}.{suffix}"
        ffmpeg(*inputs, *coded, "-output_ts_offset", start, path)
        made[f"{suffix}{start}"] = path
    return made


@pytest.mark.parametrize("name", list(_PARTS))
def test_joined_recordings_follow_one_another(beeping: dict[str, Path], tmp_path: Path, name: str) -> None:
    parts = _PARTS[name]
    media = tmp_path / f"joined.{parts[0][0]}"
    media.write_bytes(b"".join(beeping[f"{suffix}{start}"].read_bytes() for suffix, start in parts))
    pictures = [(each.time_s, each.frame.to_ndarray(format="gray").mean() > 128) for each in decode(media, -1e9, 1e9)]
    times = np.array([at for at, _ in pictures])
    # FFmpeg gives the last picture before a leap of a program stream the time of the first behind it: when it was shown is not known.
    astray = sum(a != b for a, b in pairwise(parts)) if parts[0][0] == "mpg" else 0
    assert 40 * len(parts) - astray <= len(times) <= 40 * len(parts)
    info = look(media)
    assert info.duration_s - info.start_s == pytest.approx(2 * len(parts), abs=0.08 + 0.05 * astray)
    steps = np.diff(times)
    assert (np.abs(steps - 0.05) > 0.031).sum() <= astray
    assert steps.min() >= 0
    bright = np.array([white for _, white in pictures])
    flashes = times[bright & ~np.r_[False, bright[:-1]]]
    assert len(flashes) == len(parts)
    (sound,) = decode_ranges(media, [(0.0, 2.2 * len(parts))])
    assert sound is not None
    loud = np.abs(sound).reshape(-1, 160).max(axis=1) > 0.02
    beeps = np.flatnonzero(loud & ~np.r_[False, loud[:-1]]) / 100
    np.testing.assert_allclose(beeps, flashes, atol=0.06)


def test_a_leap_with_sound_in_it_is_a_hole(base: Path, tmp_path: Path) -> None:
    """The picture stands still for 20 s while the sound goes on: nothing is put together."""
    media, sound = tmp_path / "still.ts", tmp_path / "sound.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine", "-t", 24, sound)
    held = "setts=ts=if(gte(N\\,40)\\,TS+20/TB\\,TS)"
    ffmpeg("-i", base, "-i", sound, "-map", "0:v", "-map", "1:a", "-c", "copy", "-bsf:v", held, media)
    times = np.array(shown(media))
    assert np.diff(times).max() == pytest.approx(20.05, abs=0.02)
    assert look(media).spans_s[0][1] == pytest.approx(1.95, abs=0.1)


@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_clock_that_runs_backwards_all_the_time_is_a_failure(tmp_path: Path, every: int) -> None:
    plain, media = tmp_path / "plain.mkv", tmp_path / "broken.ts"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=20", "-t", 2, "-c:v", "mpeg2video", "-g", 1, plain)
    ffmpeg("-i", plain, "-c", "copy", "-muxdelay", 0, media)
    # Written by hand: muxers refuse such stamps.
    data = bytearray(media.read_bytes())
    at, number = data.find(b"\x00\x00\x01\xe0"), 0
    while at >= 0:
        if number % (2 * every) < every:
            _set_pts(data, at + 9, 900_000 - 18_000 * number)
        at, number = data.find(b"\x00\x00\x01\xe0", at + 4), number + 1
    media.write_bytes(data)
    with pytest.raises(PermanentError, match="run backwards") as caught:
        look(media)
    assert caught.value.reason == "broken_clock"


def _set_pts(data: bytearray, at: int, ticks: int) -> None:
    """Overwrite the presentation (and decoding) time of a PES header."""
    for field in range(2 if data[at - 2] & 0x40 else 1):
        low = at + 5 * field
        data[low] = data[low] & 0xF1 | (ticks >> 29) & 0x0E
        data[low + 1] = (ticks >> 22) & 0xFF
        data[low + 2] = (ticks >> 14) & 0xFE | 1
        data[low + 3] = (ticks >> 7) & 0xFF
        data[low + 4] = (ticks << 1) & 0xFE | 1


def test_damage_at_the_end_ends_the_picture(base: Path, tmp_path: Path) -> None:
    import av

    data = bytearray(base.read_bytes())
    with av.open(str(base)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for packet in packets[50:]:
        assert packet.pos is not None
        data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    assert 2.3 <= look(path).duration_s <= 2.6


@pytest.mark.parametrize(
    ("order", "wanted", "why"),
    [
        (("cover", "main"), 1, "stream 0: it is short"),
        (("proxy", "main"), 1, "stream 0: a small copy"),
        (("main", "proxy", "cover"), 0, "stream 1: a small copy; stream 2: it is short"),
        (("title", "main"), 1, "stream 0: it is short"),
    ],
)
def test_the_stream_that_people_watch_is_taken_and_that_is_recorded(
    tmp_path: Path, order: tuple[str, ...], wanted: int, why: str
) -> None:
    kinds = {"cover": ("64x48", 0.05), "proxy": ("32x24", 2), "main": ("128x96", 2), "title": ("128x96", 0.5)}
    inputs: list[object] = []
    for name in order:
        size, length_s = kinds[name]
        inputs += ["-f", "lavfi", "-t", length_s, "-i", f"testsrc2=size={size}:rate=20"]
    maps = [each for at in range(len(order)) for each in ("-map", f"{at}:v")]
    media = tmp_path / "several.mkv"
    ffmpeg(*inputs, *maps, "-c:v", "libx264", "-preset", "ultrafast", "-disposition:v", 0, media)
    info = look(media)
    assert (info.video_stream, info.width_px, info.height_px) == (wanted, 128, 96)
    assert info.duration_s == pytest.approx(2.0, abs=0.01)
    assert why in info.video_choice
    row = DownloadStage(config()).run(stage_input(Video("v", "file", str(media)), tmp_path, media=media)).to_pylist()[0]
    assert (row["video_stream"], row["video_choice"]) == (wanted, info.video_choice)


@pytest.mark.parametrize(("slides", "rate"), [("64x48", 1), ("128x96", 1), ("128x96", "1/2")])
@pytest.mark.parametrize("first", [True, False])
def test_slides_beside_the_video_are_not_it(slides: str, rate: object, first: bool, tmp_path: Path) -> None:
    inputs = [("-i", f"testsrc2=size={slides}:rate={rate}"), ("-i", "testsrc2=size=64x48:rate=25")]
    arguments = [each for given in (inputs if first else inputs[::-1]) for each in ("-f", "lavfi", "-t", 6, *given)]
    media = tmp_path / "slides.mp4"
    ffmpeg(*arguments, "-map", "0:v", "-map", "1:v", "-c:v", "libx264", "-preset", "ultrafast", media)
    info = look(media)
    assert (info.video_stream, len(shown(media))) == (int(first), 150)
    assert "slides" in info.video_choice


@pytest.mark.parametrize("lengths_s", [(1, 3), (3, 1), (2, 4)])
def test_a_stream_that_is_announced_on_the_way_is_not_called_small(lengths_s: tuple[int, int], tmp_path: Path) -> None:
    """Recordings that were joined, each under numbers of its own."""
    joined = b""
    for number, length_s in enumerate(lengths_s):
        part = tmp_path / f"{number}.ts"
        coded = (
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-mpegts_start_pid",
            0x100 * (number + 1),
        )
        ffmpeg("-f", "lavfi", "-t", length_s, "-i", "testsrc2=size=64x48:rate=25", *coded, part)
        joined += part.read_bytes()
    media = tmp_path / "joined.ts"
    media.write_bytes(joined)
    assert len(shown(media)) == 25 * max(lengths_s)
    assert "small" not in look(media).video_choice


@pytest.mark.parametrize("several", [3, 5, 8])
def test_pictures_that_share_one_time_stamp_with_others(several: int, tmp_path: Path) -> None:
    """Some recorders write many pictures under one time stamp."""
    source, media = tmp_path / "source.mp4", tmp_path / "shared.ts"
    ffmpeg(
        "-f",
        "lavfi",
        "-t",
        4,
        "-i",
        "testsrc2=size=64x48:rate=25",
        "-c:v",
        "libx264",
        "-bf",
        0,
        "-bsf:v",
        "h264_mp4toannexb",
        source,
    )
    with av.open(str(source)) as given, av.open(str(media), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        annexb = av.BitStreamFilterContext("h264_mp4toannexb", given.streams.video[0])
        packets = [out for packet in given.demux(video=0) for out in annexb.filter(packet)]
        for at in range(0, len(packets), several):
            group = packets[at : at + several]
            packet = av.Packet(b"".join(bytes(each) for each in group))
            packet.stream, packet.time_base = stream, group[0].time_base
            packet.pts, packet.dts = group[0].pts, group[0].dts
            made.mux(packet)
    np.testing.assert_allclose(shown(media), ffmpeg_times(media), atol=0.002)
    assert len(shown(media)) == 100


@pytest.mark.parametrize(
    ("shape", "turn", "size"), [("2/1", 0, (192, 64)), ("2/1", 90, (64, 192)), ("1/2", 270, (64, 48))]
)
def test_sizes_are_those_of_square_pixels(tmp_path: Path, shape: str, turn: int, size: tuple[int, int]) -> None:
    flat = video(tmp_path / "flat.mp4", 0.5, size="96x64", extra=("-vf", f"setsar={shape}"))
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", turn, "-i", flat, "-c", "copy", turned)
    info = look(turned)
    assert (info.width_px, info.height_px) == size


@pytest.mark.parametrize(
    ("options", "rotation_deg", "mirrored"),
    [
        ((), 0, False),
        (("-display_rotation", 90), 90, False),
        (("-display_hflip",), 0, True),
        (("-display_vflip",), 180, True),
        (("-display_rotation", 180, "-display_hflip"), 180, True),
    ],
)
def test_orientation_is_told(
    base: Path, tmp_path: Path, options: tuple[object, ...], rotation_deg: int, mirrored: bool
) -> None:
    path = tmp_path / "laid.mp4"
    ffmpeg(*options, "-i", base, "-c", "copy", path)
    info = look(path)
    assert (info.rotation_deg, info.mirrored) == (rotation_deg, mirrored)


def test_a_file_without_a_usable_picture_says_so(base: Path, tmp_path: Path) -> None:
    data = base.read_bytes().replace(b"avc1", b"zzz1")
    path = tmp_path / "unknown.mp4"
    path.write_bytes(data)
    with pytest.raises(PermanentError) as caught:
        look(path)
    assert caught.value.reason == "no_frames"


def test_a_clock_is_read_once_and_again_when_the_file_changes(base: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(base.read_bytes())
    assert clock_of(path) is clock_of(path)
    ffmpeg("-i", base, "-t", 1, "-c", "copy", path)
    assert clock_of(path).end_s == pytest.approx(1.0, abs=0.25)


def boxes(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of the boxes of an MP4 file, or of one of them."""
    while begin + 8 <= end:
        size, kind = struct.unpack(">I4s", data[begin : begin + 8])
        yield kind, begin, begin + size
        begin += size


def with_edits(source: Path, target: Path, edits: Sequence[tuple[int, int]]) -> Path:
    """An MP4 file, its moov box last, whose one track shows (length in ms, from which tick; -1 nothing)."""
    data = source.read_bytes()
    entries = b"".join(struct.pack(">IiI", *edit, 1 << 16) for edit in edits)
    listed = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    made, track = b"", b""
    (moov,) = ((begin, end) for kind, begin, end in boxes(data, 0, len(data)) if kind == b"moov")
    for kind, begin, end in boxes(data, moov[0] + 8, moov[1]):
        if kind != b"trak":
            made += data[begin:end]
            continue
        for inner, low, high in boxes(data, begin + 8, end):
            track += data[low:high] if inner != b"edts" else b""
            if inner == b"tkhd":
                track += struct.pack(">I4s", 8 + len(listed), b"edts") + listed
        made += struct.pack(">I4s", 8 + len(track), b"trak") + track
    target.write_bytes(data[: moov[0]] + struct.pack(">I4s", 8 + len(made), b"moov") + made)
    return target


@pytest.mark.parametrize(
    "edits",
    [
        # The end is cut off, by much and by little.
        [(1000, 1024)],
        [(700, 3 * 12800 + 1024)],
        [(4000, 1024)],
        # Parts behind one another, out of order, with nothing between them, one of them thrice.
        [(1500, 1024), (2000, 3 * 12800 + 1024)],
        [(1500, 3 * 12800), (1500, 1024)],
        [(1500, 1024), (1000, -1), (2500, 2 * 12800 + 1024)],
        [(1500, 1024), (1500, 1024), (1500, 1024)],
        [(500, -1), (1000, 4 * 12800), (1000, 2 * 12800 + 1024), (1000, 1024)],
    ],
)
@pytest.mark.parametrize("group", [25, 60])
def test_edit_lists_of_one_and_of_several_edits(edits: list[tuple[int, int]], group: int, tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    coded = (
        "-c:v",
        "libx264",
        "-g",
        group,
        "-pix_fmt",
        "yuv420p",
        "-movie_timescale",
        1000,
        "-video_track_timescale",
        12800,
    )
    ffmpeg("-f", "lavfi", "-t", 6, "-i", "testsrc2=size=64x48:rate=25", *coded, whole)
    media = with_edits(whole, tmp_path / "edited.mp4", edits)
    wanted = np.array(ffmpeg_times(media))
    times = np.array(shown(media))
    assert len(wanted) >= 15
    np.testing.assert_allclose(times, wanted, atol=0.002)
    assert look(media).duration_s == pytest.approx(wanted[-1] + 0.04, abs=0.01)


@pytest.mark.parametrize(("rate", "pictures"), [(1, 40), (2, 40), (3, 40), (1, 6)])
def test_few_pictures_a_second_that_are_reordered_are_no_restart(rate: int, pictures: int, tmp_path: Path) -> None:
    media = tmp_path / "slow.mkv"
    ffmpeg(
        "-f",
        "lavfi",
        "-t",
        pictures / rate,
        "-i",
        f"testsrc2=size=64x48:rate={rate}",
        "-c:v",
        "libx264",
        "-bf",
        3,
        media,
    )
    np.testing.assert_allclose(shown(media), np.arange(pictures) / rate, atol=0.002)


@pytest.mark.parametrize("missing_s", [3, 7, 12])
def test_a_recording_that_begins_within_a_long_group(missing_s: int, tmp_path: Path) -> None:
    """The first picture that can be decoded comes hundreds of packets after the first one."""
    whole, media = tmp_path / "whole.ts", tmp_path / "cut.ts"
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-g", 60 * (missing_s + 1), "-sc_threshold", 0)
    ffmpeg("-f", "lavfi", "-t", 2 * missing_s + 3, "-i", "testsrc2=size=64x48:rate=60", *coded, whole)
    # The first group loses its first second, and with it its key.
    media.write_bytes(whole.read_bytes()[188 * (whole.stat().st_size // (188 * 2 * (missing_s + 2))) :])
    wanted = np.array(ffmpeg_times(media))
    np.testing.assert_allclose(shown(media), wanted, atol=0.002)
    assert wanted[0] > missing_s - 2
