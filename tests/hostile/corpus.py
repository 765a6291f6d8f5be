"""Hostile inputs, made by code, each with what has to become of it.

`Item.expected` is the end of the item: ``done``, or the reason with which `download` or `segment` leaves it out, or the
reason of a source problem. Several are given, separated by ``|``, where the media libraries' versions decide.
"""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from makers import chapters_file, ffmpeg, video

FAST = ("-movflags", "+faststart")


@dataclass(frozen=True)
class Item:
    """One hostile input: a media file in a folder of its own, and what lies beside it."""

    name: str
    expected: str
    make: Callable[[Path], Any]
    file: str = "x.mp4"


ITEMS: list[Item] = []


def item(expected: str, file: str = "x.mp4") -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    def register(make: Callable[[Path], Any]) -> Callable[[Path], Any]:
        ITEMS.append(Item(make.__name__, expected, make, file))
        return make

    return register


def info_item(name: str, expected: str, info: Any) -> None:
    """A sound video with this info.json (an object, or the file's text) beside it."""

    def make(path: Path) -> None:
        _plain(path)
        text = info() if callable(info) else info
        path.with_name("x.info.json").write_text(text if isinstance(text, str) else json.dumps(text))

    ITEMS.append(Item(name, expected, make))


def build_corpus(folder: Path) -> dict[str, Item]:
    """Make all items below `folder`; returns them by the path of their media file."""
    made = {}
    for each in ITEMS:
        place = folder / each.name
        place.mkdir(parents=True)
        path = place / each.file
        each.make(path)
        made[str(path)] = each
    return made


_SOUND: dict[str, bytes] = {}


def _bytes(**options: Any) -> bytes:
    """The bytes of a small sound MP4, made once per kind."""
    key = repr(sorted(options.items()))
    if key not in _SOUND:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            _SOUND[key] = video(Path(folder) / "x.mp4", options.pop("seconds", 2.0), **options).read_bytes()
    return _SOUND[key]


def _plain(path: Path) -> None:
    # One byte more in a free box: the same file would count as the same video.
    path.write_bytes(_bytes(extra=FAST) + _free_box(path.parent.name))


def _free_box(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">I", 8 + len(data)) + b"free" + data


# --- files that are damaged, or no video -----------------------------------------------------------------------------


@item("empty")
def empty(path: Path) -> None:
    path.touch()


@item("corrupt")
def truncated_without_index(path: Path) -> None:
    data = _bytes()
    path.write_bytes(data[: len(data) * 6 // 10])


@item("done")
def truncated_after_index(path: Path) -> None:
    data = _bytes(seconds=4.0, extra=FAST)
    path.write_bytes(data[: len(data) * 6 // 10])


@item("done")
def bits_flipped_in_pictures(path: Path) -> None:
    data = bytearray(_bytes(seconds=3.0, extra=FAST))
    chance = random.Random(7)
    start = data.find(b"mdat") + 3000
    for _ in range(300):
        data[chance.randrange(start, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


@item("corrupt|no_video|no_frames|done")
def bits_flipped_in_header(path: Path) -> None:
    data = bytearray(_bytes(extra=FAST))
    chance = random.Random(3)
    for _ in range(200):
        data[chance.randrange(40, data.find(b"mdat"))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


@item("corrupt")
def text_named_mp4(path: Path) -> None:
    path.write_text("This is not a video.\n" * 50)


@item("done")
def matroska_named_mp4(path: Path) -> None:
    video(path.with_suffix(".mkv"))
    path.with_suffix(".mkv").rename(path)


@item("corrupt")
def page_named_mp4(path: Path) -> None:
    path.write_text("<!doctype html><html><body><script>alert(1)</script></body></html>")


@item("corrupt")
def archive_named_mp4(path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil", bytes(10_000_000))


@item("corrupt")
def noise(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(200_000))


@item("corrupt")
def playlist_of_a_local_file(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")


@item("corrupt")
def concat_script(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile 'http://169.254.169.254/latest/meta-data'\n")


@item("no_video|no_frames|corrupt")
def zero_frames(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", 0, "-c:v", "libx264", path)


@item("no_video")
def sound_only(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine", "-t", 2, path)


@item("no_video")
def sound_with_cover(path: Path) -> None:
    cover = path.with_suffix(".png")
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", 1, cover)
    ffmpeg(
        *("-f", "lavfi", "-t", 2, "-i", "sine", "-i", cover, "-map", 0, "-map", 1),
        *("-c:v", "copy", "-disposition:v:0", "attached_pic", path),
    )


@item("not_a_file")
def named_pipe(path: Path) -> None:
    os.mkfifo(path)


@item("not_a_file")
def dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


# --- sound files of unusual form -------------------------------------------------------------------------------------


@item("done")
def no_audio(path: Path) -> None:
    video(path, tone=False)


@item("done")
def odd_size(path: Path) -> None:
    video(path, size="161x121", extra=["-pix_fmt", "yuv444p"])


@item("done")
def tiny_picture(path: Path) -> None:
    video(path, size="16x16")


@item("done")
def very_wide_picture(path: Path) -> None:
    video(path, size="2000x16")


@item("done")
def rotated(path: Path) -> None:
    video(path.with_name("plain.part.m4v"))
    ffmpeg("-display_rotation", 90, "-i", path.with_name("plain.part.m4v"), "-c", "copy", path)
    path.with_name("plain.part.m4v").unlink()


@item("done", file="x.mkv")
def ten_bit(path: Path) -> None:
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=96x96:rate=10", "-t", 2, "-pix_fmt", "yuv420p10le"),
        *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", path),
    )


@item("done", file="x.mkv")
def grey_pictures(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=96x96:rate=10", "-t", 1, "-pix_fmt", "gray", "-c:v", "ffv1", path)


@item("done", file="x.gif")
def animated_gif(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10", "-t", 2, path)


@item("done")
def variable_rate(path: Path) -> None:
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=96x96:rate=30", "-t", 3, "-vf", "select='not(mod(n\\,3))+lt(n\\,20)'"),
        *("-fps_mode", "vfr", "-c:v", "libx264", "-pix_fmt", "yuv420p", path),
    )


@item("done", file="x.mkv")
def negative_times(path: Path) -> None:
    video(path, extra=["-output_ts_offset", -1, "-avoid_negative_ts", "disabled"])


@item("done", file="x.ts")
def times_that_run_backwards(path: Path) -> None:
    one, two = path.with_name("one.part"), path.with_name("two.part")
    video(one, 2, extra=["-f", "mpegts", "-output_ts_offset", 50])
    video(two, 2, extra=["-f", "mpegts", "-output_ts_offset", 10])
    path.write_bytes(one.read_bytes() + two.read_bytes())


@item("too_short", file="x.mkv")
def all_frames_at_once(path: Path) -> None:
    video(path, 1, tone=False, extra=["-bsf:v", "setts=ts=0"])


@item("done", file="x.ts")
def late_clock(path: Path) -> None:
    video(path, extra=["-output_ts_offset", 90_000, "-muxdelay", 0])


@item("too_short")
def one_frame(path: Path) -> None:
    video(path, 0.1, tone=False)


@item("done")
def many_streams(path: Path) -> None:
    sounds = [word for _ in range(30) for word in ("-map", "1:a")]
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10", "-f", "lavfi", "-i", "sine", "-t", 1, "-map", "0:v"),
        *(*sounds, "-c:v", "libx264", "-pix_fmt", "yuv420p", path),
    )


@item("done")
def size_changes_half_way(path: Path) -> None:
    parts = []
    for at, size in enumerate(("96x96", "160x64")):
        parts.append(video(path.with_name(f"{at}.ts.part"), 1, size=size, extra=["-f", "mpegts"]).read_bytes())
    path.write_bytes(b"".join(parts))


# --- claims and bombs ------------------------------------------------------------------------------------------------


@item("too_high_resolution", file="x.mkv")
def sixteen_k(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=black:s=15360x8640:r=1", "-frames:v", 1, "-c:v", "mjpeg", path)


@item("too_high_resolution|corrupt", file="x.mkv")
def sixteen_k_in_the_header_only(path: Path) -> None:
    video(path, 1, size="160x120", tone=False)
    data = path.read_bytes()
    # Matroska's PixelWidth (B0) and PixelHeight (BA), one byte each: 160 and 120.
    path.write_bytes(data.replace(b"\xb0\x81\xa0\xba\x81\x78", b"\xb0\x82\xff\xff\xba\x81\x78"))


@item("done", file="x.mkv")
def picture_bomb(path: Path) -> None:
    """A few kilobytes that unpack to 48 MB a picture."""
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:s=4096x4096:r=5", "-frames:v", 4, "-c:v", "libx264"),
        *("-preset", "ultrafast", "-pix_fmt", "yuv420p", path),
    )


@item("done")
def five_hours_claimed(path: Path) -> None:
    data = bytearray(_bytes(seconds=1.0, extra=FAST))
    for box in (b"mvhd", b"mdhd"):
        at = data.find(box)
        while at >= 0:
            scale = struct.unpack(">I", data[at + 16 : at + 20])[0]
            struct.pack_into(">I", data, at + 20, 5 * 3600 * scale)
            at = data.find(box, at + 4)
    path.write_bytes(data)


@item("too_long", file="x.mkv")
def five_hours_in_ten_frames(path: Path) -> None:
    video(path.with_name("a.part"), 1, tone=False, extra=["-f", "matroska"])
    jump = "setts=ts=if(gt(N\\,4)\\,TS+18000000\\,TS)"
    ffmpeg("-i", path.with_name("a.part"), "-c", "copy", "-bsf:v", jump, path)


@item("done")
def entity_bomb_in_captions(path: Path) -> None:
    _plain(path)
    lines = "".join(f'<!ENTITY e{at} "{f"&e{at - 1};" * 10}">' for at in range(1, 10))
    path.with_name("x.en.ttml").write_text(
        f'<!DOCTYPE t [<!ENTITY e0 "lol">{lines}]><tt><p begin="0s" end="1s">&e9;</p></tt>'
    )


@item("done")
def broken_captions(path: Path) -> None:
    _plain(path)
    path.with_name("x.en.vtt").write_bytes(b"WEBVTT\n\n99:99 --> \xff\xfe\n" + bytes(1000))
    path.with_name("x.de.json3").write_text('{"events": [{"segs": 5}]}')


# --- metadata --------------------------------------------------------------------------------------------------------


def _chapters(*rows: tuple[Any, Any]) -> dict[str, Any]:
    return {"chapters": [{"start_time": a, "end_time": b, "title": f"move {at}"} for at, (a, b) in enumerate(rows)]}


info_item("chapters_out_of_order", "done", _chapters((1, 2), (0, 1)))
info_item("chapters_that_overlap", "done", _chapters((0, 1.5), (1, 2)))
info_item("chapters_past_the_end", "done", _chapters((0, 1), (1, 500), (700, 900)))
info_item("chapters_all_past_the_end", "done", _chapters((100, 200), (200, 300)))
info_item(
    "chapters_not_numbers",
    "done",
    '{"chapters": [{"start_time": NaN}, {"start_time": "x"}, {"start_time": -1}, {"start_time": 1e999}, 5]}',
)
info_item("chapters_of_no_length", "done", _chapters((0, 0), (1, 1), (1, 1), (1, 0.5)))
info_item("chapters_without_end", "too_many_chapters", lambda: _chapters(*((at / 1e4, None) for at in range(20_000))))
info_item(
    "title_with_markup",
    "done",
    {"title": "<script>alert(1)</script> | `x` ](javascript:1) {{7*7}} ${jndi:x}", "channel": "<img src=x onerror=1>"},
)
info_item("title_with_paths", "done", {"title": "../../../etc/passwd\0.mp4", "id": "../../evil", "ext": "/../../sh"})
info_item(
    "title_with_control_and_bidi",
    "done",
    {"title": "a\u202egnp\u202c\x1b[2J\x07\r\n\u0000\ufeff", "description": "0:00 \u202eone\n0:01 \x1b[31mtwo"},
)
info_item("title_with_lone_surrogate", "done", '{"title": "a\\ud800b", "tags": ["\\udfff"]}')
info_item("title_of_a_megabyte", "done", lambda: {"title": "x" * 1_000_000, "tags": ["y" * 1000] * 1000})
info_item("id_of_a_device", "done", {"id": "con", "title": "x"})
info_item("id_that_is_hidden", "done", {"id": ".hidden", "title": "x"})
info_item(
    "ten_megabytes_of_metadata",
    "done",
    lambda: {"id": "ten-mb", "title": "x", "formats": [{"url": "u" * 1000}] * 10_000},
)
info_item(
    "wrong_types",
    "done",
    {
        "title": 5,
        "description": ["x"],
        "channel": {},
        "tags": "no",
        "chapters": "no",
        "upload_date": 20260101,
        "duration": "soon",
        "subtitles": 3,
        "language": [],
        "id": 17,
    },
)
info_item("broken_json", "bad_info_json", '{"title": "x", ')
info_item("array_json", "bad_info_json", "[1, 2]")
info_item("deep_json", "bad_info_json", lambda: '{"a":' * 100_000)
info_item("huge_number_json", "done|bad_info_json", lambda: '{"duration": ' + "9" * 5000 + "}")
info_item("binary_json", "bad_info_json", "\x00\x01\x02")


# --- names -----------------------------------------------------------------------------------------------------------

for _name, _file in {
    "name_like_an_option": "-rf.mp4",
    "name_with_line_break": "a\nb.mp4",
    "name_right_to_left": "\u202e4pm.exe\u202c.mp4",
    "name_for_the_shell": "$(touch owned);`x`|&'\".mp4",
    "name_of_a_protocol": "concat:x|http:y.mp4",
    "name_with_wildcards": "[x]*?.mp4",
    "name_of_250_letters": "x" * 246 + ".mp4",
}.items():
    ITEMS.append(Item(_name, "done", _plain, _file))


@item("done")
def chapters_in_the_container(path: Path) -> None:
    video(path.with_name("a.part"), 3, extra=["-f", "mp4"])
    meta = chapters_file(path.with_name("m.part"), [(2, 3, "last"), (0, 1, "<b>"), (0.5, 9, "\u202e")])
    ffmpeg("-i", path.with_name("a.part"), "-i", meta, "-map_metadata", 1, "-c", "copy", path)


# Addresses below the misbehaving server of `servers`, and what has to become of them.
ADDRESSES = {
    "/plain.mp4": "done",
    "/flaky/1/plain.mp4": "done",
    "/cut/1/plain.mp4": "done",
    "/nothing.mp4": "http_404",
    "/status/403/x.mp4": "http_403",
    "/status/429/x.mp4": "rate_limited",
    "/status/500/x.mp4": "http_5xx",
    "/stall/x.mp4": "timeout",
    "/drip/x.mp4": "timeout",
    "/slow-header/x.mp4": "timeout",
    "/cut/always/plain.mp4": "connection_lost",
    "/redirect?http://169.254.169.254/latest/meta-data": "blocked_address",
    "/redirect?file:///etc/passwd": "unsupported_url",
    "/loop/x.mp4": "redirect_loop",
    "/endless/x.mp4": "too_large",
    "/bomb.mp4": "too_large",
    "/text.mp4": "unsupported_url|corrupt|no_video",
}
