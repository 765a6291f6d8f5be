"""Frames and times beside ffmpeg's own: `python -m benchmarks.conformance [--json FILE] [--only NAME ...]`.

Small files are made in which containers, codecs, clocks, orientations, rates and pixels vary one at a time. For each, the
frames that fimad decodes are compared with those of the ffmpeg program, decoding the same file to raw pictures: how many there are,
each one's presentation time (to 1 us), every pixel of the upright picture (luminance, or RGB), and the shape that it is shown in.
Where a file has several streams, the one that people watch must have been chosen.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np

from fimad.pipeline.media.clock import clock_of
from fimad.pipeline.media.frames import decode

_TOLERANCE_S = 1e-6
_RATE = 25
_LENGTH_S = 3.2
_SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100")
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", 10)
_H264_B = (*_H264, "-bf", 3, "-x264-params", "b-adapt=0")
# Ranges that lie far enough from the beginning to be worth a seek.
_RANGES_S, _RANGE_S = (2.01, 2.23, 2.48, 2.71), 0.25
# Matrices of the eight ways to lay a rectangle, as ffmpeg's options make them.
_ORIENTATIONS = {
    **{f"turned {angle}": ("-display_rotation", angle) for angle in (90, 180, 270)},
    **{f"turned {angle}, mirrored": ("-display_rotation", angle, "-display_hflip") for angle in (0, 90, 180, 270)},
    "upside down, mirrored": ("-display_vflip",),
}


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg; raises with its message."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


@dataclass(frozen=True)
class Case:
    """A file to make, and what is special about it; `make` writes it to the path it is given."""

    kind: str
    name: str
    suffix: str
    make: Callable[[Path], None]
    stream: int | None = None


def encoded(
    kind: str, name: str, suffix: str, *options: object, size: str = "64x48", rate: object = _RATE, sound: bool = True
) -> Case:
    """A test picture, encoded."""

    def make(path: Path) -> None:
        heard = _SOUND if sound else ()
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}", *heard, "-t", _LENGTH_S, *options, path)

    return Case(kind, name, suffix, make)


def rewritten(
    kind: str,
    name: str,
    suffix: str,
    before: Sequence[object],
    after: Sequence[object] = (),
    *,
    codec: Sequence[object] = _H264_B,
    stream: int | None = None,
    length_s: float = _LENGTH_S,
) -> Case:
    """A test picture whose streams are copied into another file with options before and after the input."""

    def make(path: Path) -> None:
        base = path.with_name(f"{path.stem}-base.mp4")
        ffmpeg(
            *("-f", "lavfi", "-i", f"testsrc2=size=64x48:rate={_RATE}", *_SOUND),
            *("-t", length_s, *codec, "-metadata:s:v", "rotate=0", base),
        )
        filled = [base if each == "BASE" else each for each in (*before, *after)]
        ffmpeg(*filled[: len(before)], "-i", base, *filled[len(before) :], "-c", "copy", path)

    return Case(kind, name, suffix, make, stream)


def joined(name: str, suffix: str, *parts: Sequence[object]) -> Case:
    """Files without sound, one after the other, byte by byte."""

    def make(path: Path) -> None:
        content = b""
        for number, options in enumerate(parts):
            part = path.with_name(f"{path.stem}-{number}{suffix}")
            ffmpeg(
                *("-f", "lavfi", "-i", f"testsrc2=size=64x48:rate={_RATE}", "-t", _LENGTH_S, *_H264_B),
                *(*options, part),
            )
            content += part.read_bytes()
        path.write_bytes(content)

    return Case("clock", name, suffix, make)


def several(name: str, stream: int, inputs: Sequence[Sequence[object]], options: Sequence[object]) -> Case:
    """Several video streams in one file; `stream` is the one to look at."""

    def make(path: Path) -> None:
        arguments: list[object] = []
        for each in inputs:
            arguments += each
        ffmpeg(*arguments, *options, "-t", _LENGTH_S, path)

    return Case("streams", name, ".mkv", make, stream)


def source(size: str = "64x48", length_s: float | None = None) -> tuple[object, ...]:
    """A test picture as an input."""
    short = () if length_s is None else ("-t", length_s)
    return ("-f", "lavfi", *short, "-i", f"testsrc2=size={size}:rate={_RATE}")


def cases() -> list[Case]:
    """All files."""
    small = ("-pix_fmt", "yuv420p", "-g", 10)
    made = [
        encoded("codec", "H.264", ".mp4", *_H264, "-bf", 0),
        encoded("codec", "H.264, B-frames", ".mp4", *_H264_B),
        encoded("codec", "H.264, B-frames", ".mov", *_H264_B),
        encoded("codec", "H.264, B-frames", ".mkv", *_H264_B),
        encoded("codec", "H.264", ".flv", *_H264, "-bf", 0),
        encoded("codec", "H.264, B-frames", ".flv", *_H264_B),
        encoded("codec", "H.264", ".ts", *_H264, "-bf", 0),
        encoded("codec", "H.264, B-frames", ".ts", *_H264_B),
        encoded("codec", "H.264", ".avi", *_H264, "-bf", 0),
        encoded("codec", "H.264, B-frames", ".avi", *_H264_B),
        encoded("codec", "H.264, open groups", ".ts", *_H264_B, "-x264-params", "open-gop=1:b-adapt=0"),
        encoded("codec", "H.264, interlaced", ".ts", *_H264, "-x264-params", "interlaced=1"),
        *(
            encoded("codec", "HEVC", suffix, "-c:v", "libx265", *small, "-x265-params", "log-level=none")
            for suffix in (".mp4", ".mkv", ".ts")
        ),
        *(encoded("codec", "VP8", suffix, "-c:v", "libvpx", *small, "-c:a", "libopus") for suffix in (".webm", ".mkv")),
        *(encoded("codec", "VP9", s, "-c:v", "libvpx-vp9", *small, "-c:a", "libopus") for s in (".webm", ".mp4")),
        encoded(
            "codec", "VP8, hidden frames", ".webm", *("-c:v", "libvpx", "-auto-alt-ref", 1, "-lag-in-frames", 9), *small
        ),
        encoded("codec", "AV1", ".mp4", "-c:v", "libsvtav1", *small),
        encoded("codec", "MPEG-4", ".avi", "-c:v", "mpeg4", *small),
        encoded("codec", "MPEG-4, B-frames", ".avi", "-c:v", "mpeg4", "-bf", 2, *small),
        encoded("codec", "MPEG-4, B-frames", ".mp4", "-c:v", "mpeg4", "-bf", 2, *small),
        encoded("codec", "MPEG-2, B-frames", ".mpg", "-c:v", "mpeg2video", "-bf", 2, *small),
        encoded("codec", "MPEG-2, B-frames", ".ts", "-c:v", "mpeg2video", "-bf", 2, *small),
        encoded("codec", "MPEG-2", ".mxf", "-c:v", "mpeg2video", *small, "-ar", 48000, size="720x576"),
        encoded("codec", "Motion JPEG", ".avi", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
        encoded("codec", "Motion JPEG", ".mov", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
        encoded("codec", "FFV1", ".mkv", "-c:v", "ffv1"),
        encoded("codec", "ProRes", ".mov", "-c:v", "prores_ks"),
        encoded("codec", "WMV2", ".wmv", "-c:v", "wmv2", *small),
        encoded("codec", "Theora", ".ogv", "-c:v", "libtheora", *small, "-c:a", "libvorbis"),
        encoded("codec", "Sorenson", ".flv", "-c:v", "flv1", *small),
        encoded("codec", "GIF", ".gif", sound=False),
        encoded("pixels", "10 bits", ".mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p10le"),
        encoded("pixels", "no subsampling", ".mp4", *_H264, "-pix_fmt", "yuv444p"),
        encoded("pixels", "grey", ".mkv", "-c:v", "ffv1", "-pix_fmt", "gray"),
        encoded("pixels", "RGB", ".mkv", "-c:v", "ffv1", "-pix_fmt", "bgr0"),
        encoded("pixels", "odd size", ".mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p", size="65x47"),
    ]
    rates = ("1", "10", "24000/1001", "24", "30000/1001", "30", "50", "60", "120")
    made += [encoded("rate", f"{rate} per s", ".mp4", *_H264_B, rate=rate) for rate in rates]
    for suffix in (".mp4", ".mkv", ".ts"):
        uneven = ("-vf", "setpts='(N+floor(N/3)+mod(N\\,5))/25/TB'", "-fps_mode", "passthrough")
        made.append(encoded("rate", "uneven", suffix, *uneven, *_H264_B, *(("-enc_time_base", "1:1000"))))
        rising = ("-vf", "setpts='(N+floor(N/3)+3*floor(N/7))/25/TB'", "-fps_mode", "passthrough")
        made.append(encoded("rate", "uneven, rising", suffix, *rising, *_H264_B, *(("-enc_time_base", "1:1000"))))
    for shape in ("2/1", "1/2", "16/15"):
        made.append(encoded("pixels", f"shape {shape}", ".mp4", "-vf", f"setsar={shape}", *_H264_B))
        made.append(
            rewritten(
                "pixels",
                f"shape {shape}, turned",
                ".mp4",
                _ORIENTATIONS["turned 90"],
                codec=("-vf", f"setsar={shape}", *_H264_B),
            )
        )
    for name, options in _ORIENTATIONS.items():
        made.append(rewritten("orientation", name, ".mp4", options))
    for angle, flip in ((90, ""), (180, ""), (270, ":flip=horizontal"), (0, ":flip=vertical")):
        told = ("-bsf:v", f"h264_metadata=display_orientation=insert:rotate={angle}{flip}")
        name = f"said in the stream, turned {angle}{', mirrored' if flip else ''}"
        made += [rewritten("orientation", name, suffix, (), told) for suffix in (".mp4", ".ts")]
    some = ("turned 90", "turned 0, mirrored", "turned 270, mirrored")
    made += [rewritten("orientation", name, ".mov", _ORIENTATIONS[name]) for name in some]
    for suffix in (".mp4", ".mkv", ".ts", ".flv"):
        for name, late in (("picture", ("-map", "1:v", "-map", "0:a")), ("sound", ("-map", "0:v", "-map", "1:a"))):
            for delay_s in (0.3, 3):
                order = ("-i", "BASE", "-itsoffset", delay_s)
                made.append(rewritten("clock", f"{name} {delay_s} s late", suffix, order, late))
        made.append(rewritten("clock", "starts at 0.7 s", suffix, (), ("-output_ts_offset", 0.7)))
        made.append(rewritten("clock", "cut without a key frame", suffix, ("-ss", 1.1), (), length_s=2.4))
    # 33 bits of 90 kHz end at 95443.7 s.
    starts = (1000, 95443.0, 95442.5)
    made += [rewritten("clock", f"starts at {at} s", ".ts", (), ("-output_ts_offset", at)) for at in starts]
    made += [
        rewritten("clock", "fragmented", ".mp4", (), ("-movflags", "+frag_keyframe+empty_moov")),
        rewritten("clock", "no edit list", ".mp4", (), ("-use_editlist", 0)),
        rewritten("clock", "negative decoding times", ".mp4", (), ("-movflags", "+negative_cts_offsets")),
        rewritten(
            "clock", "only sound at first", ".mp4", ("-i", "BASE", "-itsoffset", 8), ("-map", "1:v", "-map", "0:a")
        ),
        joined("restarts", ".ts", (), ()),
        joined("restarts twice", ".ts", (), (), ()),
        joined("jumps by 30000 s", ".ts", (), ("-output_ts_offset", 30000)),
        joined("jumps back by 30000 s", ".ts", ("-output_ts_offset", 30000), ()),
        joined("wraps and restarts", ".ts", ("-output_ts_offset", 95443), ()),
    ]
    copies = ("-map", "0:v", "-map", "1:v")
    made += [
        several(
            "picture before the video",
            1,
            [source(length_s=0.04), source()],
            (*copies, "-c:v:0", "mjpeg", "-c:v:1", "libx264", "-pix_fmt", "yuv420p", "-disposition:v", 0),
        ),
        several("proxy before the video", 1, [source("32x24"), source("128x96")], (*copies, *_H264)),
        several("video before its proxy", 0, [source("128x96"), source("32x24")], (*copies, *_H264)),
        several(
            "second angle is the default",
            1,
            [source(), source("60x44")],
            (*copies, *_H264, "-disposition:v:0", 0, "-disposition:v:1", "default"),
        ),
        several("two angles", 0, [source(), source()], (*copies, *_H264, "-disposition:v", 0)),
        several("short title before the video", 1, [source(length_s=0.4), source()], (*copies, *_H264)),
    ]
    return made


@dataclass(frozen=True)
class Frames:
    """What was decoded: times in s, upright pictures, the width over the height in which they are shown, and stated times in ticks."""

    times_s: list[float]
    pictures: list[bytes]
    aspect: float
    stated: Sequence[int] = ()


def of_ffmpeg(path: Path, stream: int, pix_fmt: str) -> Frames:
    """The frames of a video stream, as the ffmpeg program decodes and turns them."""
    plane = "format=rgb24" if _whole(pix_fmt) else "extractplanes=y"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-v", "error", "-i", str(path)]
    each = ["-map", f"0:{stream}", "-fps_mode", "passthrough"]
    header = path.with_suffix(".crc")
    command += [*each, "-vf", plane, "-f", "rawvideo", "pipe:1", *each, "-vf", plane, "-f", "framecrc", str(header)]
    # The times in the filter, past the log, into which all threads write; a muxer would put those right that go back.
    told = r"metadata=add:key=a:value=b,metadata=print:file=pipe\\\:2"
    command += [*each, "-vf", told, "-f", "null", "-"]
    # Sound, too: where a transport stream begins depends on what is looked at.
    command += ["-map", "0:a?", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    times = [float(each) for each in re.findall(r"pts_time:(-?[\d.]+)", done.stderr.decode())]
    about = dict(re.findall(r"^#(\w+) 0: (.*)$", header.read_text(encoding="utf-8"), re.MULTILINE))
    size = [int(side) for side in about.get("dimensions", "1x1").split("x")]
    shape = Fraction(about.get("sar", "1/1")) or Fraction(1)
    step = len(done.stdout) // max(1, len(times))
    pictures = [done.stdout[at : at + step] for at in range(0, step * len(times), step)]
    return Frames(times, pictures, float(size[0] * shape / size[1]))


def of_fimad(path: Path, begin_s: float = -np.inf, end_s: float = np.inf) -> tuple[Frames, str]:
    """The frames that the stages see of a range, and their pixel format."""
    times, pictures, stated, size, pix_fmt = [], [], [], (1, 1), ""
    for picture in decode(path, begin_s, end_s):
        pix_fmt = picture.frame.format.name
        times.append(picture.time_s)
        stated += [] if picture.frame.pts is None else [picture.frame.pts]
        array = picture.frame.to_ndarray(format="rgb24") if _whole(pix_fmt) else _luminance(picture.frame)
        pictures.append(np.ascontiguousarray(picture.orientation(array)).tobytes())
        size = picture.upright_size()
    return Frames(times, pictures, size[0] / size[1], stated), pix_fmt


def _whole(pix_fmt: str) -> bool:
    return not pix_fmt.startswith(("yuv", "gray", "nv"))


def _luminance(frame: Any) -> np.ndarray:
    plane = frame.planes[0]
    depth = np.dtype("u1" if frame.format.components[0].bits == 8 else "<u2")
    rows = np.frombuffer(plane, depth).reshape(plane.height, plane.line_size // depth.itemsize)
    return rows[:, : plane.width]


def check(case: Case, folder: Path) -> dict[str, Any]:
    """Make a file and compare; the differences, in words, are in `wrong`."""
    path = folder / f"{re.sub('[^a-z0-9]+', '-', f'{case.kind} {case.name}'.lower())}{case.suffix}"
    case.make(path)
    found, pix_fmt = of_fimad(path)
    stream = clock_of(path).video
    wrong = []
    if stream is None:
        return {"kind": case.kind, "name": case.name, "container": case.suffix[1:], "wrong": ["no stream"]}
    if case.stream is not None and stream != case.stream:
        wrong.append(f"stream {stream} instead of {case.stream}")
    wanted = of_ffmpeg(path, stream, pix_fmt)
    late_s = max((abs(a - b) for a, b in zip(found.times_s, wanted.times_s, strict=False)), default=0.0)
    if not wanted.times_s or len(found.times_s) != len(wanted.times_s):
        wrong.append(f"{len(found.times_s)} frames instead of {len(wanted.times_s)}")
    elif late_s > _TOLERANCE_S:
        wrong.append(f"times off by {late_s:.6f} s")
    elif found.pictures != wanted.pictures:
        pairs = zip(found.pictures, wanted.pictures, strict=True)
        wrong.append(f"{sum(a != b for a, b in pairs)} pictures differ")
    wrong += out_of_place(path, found)
    # Sides are whole pixels.
    if abs(found.aspect / wanted.aspect - 1) > 0.02:
        wrong.append(f"shown as {found.aspect:.3f} instead of {wanted.aspect:.3f}")
    return {
        "kind": case.kind,
        "name": case.name,
        "container": case.suffix[1:],
        "frames": len(wanted.times_s),
        "first_s": round(wanted.times_s[0], 6) if wanted.times_s else None,
        "wrong": wrong,
    }


def out_of_place(path: Path, whole: Frames) -> list[str]:
    """Ranges that a seek leads to and whose frames are not those of a whole pass there."""
    if any(b <= a for a, b in pairwise(whole.stated)):
        # Where stated times go back they are found from all that came before, and a seek does not know that.
        return []
    wrong = []
    begins_s = [at for at in _RANGES_S if whole.times_s and at < whole.times_s[-1]]
    for begin_s in begins_s:
        found, _ = of_fimad(path, begin_s, begin_s + _RANGE_S)
        at = [n for n, time_s in enumerate(whole.times_s) if begin_s <= time_s < begin_s + _RANGE_S]
        wanted = [whole.times_s[n] for n in at], [whole.pictures[n] for n in at]
        if (found.times_s, found.pictures) != wanted:
            wrong.append(f"{len(found.times_s)} frames from {begin_s} s on, {len(at)} in a whole pass, or others")
    return wrong


def main() -> int:
    """Parse, compare, print; exit code 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="cases whose kind, name or suffix contain one of these")
    parser.add_argument("--json", type=Path, help="also write the table here")
    options = parser.parse_args()
    rows = []
    for case in cases():
        said = f"{case.kind} {case.name} {case.suffix}"
        if options.only and not any(each in said for each in options.only):
            continue
        with tempfile.TemporaryDirectory(prefix="fimad-conformance-") as folder:
            rows.append(check(case, Path(folder)))
        row = rows[-1]
        told = "; ".join(row["wrong"]) or f"equal, {row['frames']} frames from {row['first_s']} s"
        print(f"{row['kind']:<12} {row['name']:<32} {row['container']:<5} {told}", flush=True)
    equal = sum(not row["wrong"] for row in rows)
    print(f"{equal} of {len(rows)} files are equal to ffmpeg's own decode")
    if options.json:
        options.json.write_text(
            json.dumps({"files": len(rows), "equal": equal, "table": rows}, indent=1) + "\n", encoding="utf-8"
        )
    return int(equal < len(rows))


if __name__ == "__main__":
    sys.exit(main())
