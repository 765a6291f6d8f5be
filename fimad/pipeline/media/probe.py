"""Looks at a media file without trusting it: container, real length, size, rotation, chapters, sound.

Files are opened with a short list of container formats and with the `file` protocol only. Without that list FFmpeg takes
a text file named `.mp4` that begins with ``#EXTM3U`` for a playlist, and reads whatever it names.
"""

from __future__ import annotations

import hashlib
import math
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimad.errors import Filtered, PermanentError

if TYPE_CHECKING:
    import logging

    import av.container

# Container formats that hold video, and the usual ones that hold sound alone, so that those can be told apart.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,mxf,gif,wav,mp3,flac,aac,w64,aiff"
OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
MEDIA_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".flv", ".wmv"),
        *(".asf", ".ogv", ".3gp", ".3g2", ".mxf", ".gif", ".vob"),
    )
)
# Start times of transport streams are arbitrary; those below this are delays that players show too.
_ORIGIN_S = 0.5
_FIRST_FRAME_PACKETS = 400


@dataclass(frozen=True)
class MediaInfo:
    """What a media file really holds.

    Parameters
    ----------
    container : FFmpeg's name of the format.
    suffix : the usual file name suffix of that format, with the dot.
    duration_s : from the first to the end of the last picture, s; from the packets, not from the header's claim.
    width_px, height_px : of the upright picture.
    rotation_deg : counter-clockwise rotation that makes the picture upright.
    has_audio : whether there is a sound stream.
    frames : number of packets of the video stream.
    chapters : (start_s, end_s, title) as embedded; times are not checked.
    """

    container: str
    suffix: str
    size_bytes: int
    duration_s: float
    width_px: int
    height_px: int
    rotation_deg: int
    has_audio: bool
    frames: int
    chapters: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class Limits:
    """What is still taken on; above it a video is filtered."""

    max_bytes: int
    max_duration_s: float
    max_side_px: int


def open_media(path: Path, **kwargs: Any) -> av.container.InputContainer:
    """Open a media file for reading with PyAV, restricted as the module says. Raises `av.error.FFmpegError`."""
    import av

    return av.open(f"file:{path.absolute()}", mode="r", metadata_errors="replace", options=dict(OPEN_OPTIONS), **kwargs)


def video_stream(container: Any) -> Any:
    """The first real video stream, or None; cover pictures of sound files are not video."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & (Disposition.attached_pic | Disposition.still_image):
            return stream
    return None


def origin_s(container: Any) -> float:
    """Where the file's own time line begins, s: to be taken off its presentation times.

    Transport streams start at an arbitrary clock reading, and chapters count from the first picture. Small offsets (the
    priming of a sound codec, a picture delay) are part of the time line and stay.
    """
    import av

    start = container.start_time
    if start is None:
        return 0.0
    seconds = float(start / av.time_base)
    return seconds if abs(seconds) > _ORIGIN_S else 0.0


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def probe(path: Path, limits: Limits, log: logging.Logger) -> MediaInfo:
    """Find out what a file holds.

    Reads all packets of the video stream and decodes its first picture. Raises `PermanentError` (reasons
    ``not_a_file``, ``empty``, ``corrupt``, ``no_video``, ``no_frames``) or `Filtered` (``too_large``, ``too_long``,
    ``too_high_resolution``).
    """
    import av

    size = _file_size(path, limits)
    try:
        with open_media(path) as container:
            return _probe(container, size, path, limits, log)
    except (av.error.FFmpegError, UnicodeDecodeError, ValueError, IndexError) as error:
        why = getattr(error, "strerror", None) or error
        raise PermanentError(
            f"{path.name!r} can't be read as a media file: {why}.",
            "It is damaged, cut off, or not a video at all.",
            "Try to play it; if it plays, convert it to MP4 with ffmpeg.",
            reason="corrupt",
        ) from error


def _file_size(path: Path, limits: Limits) -> int:
    try:
        status = path.stat()
    except OSError as error:
        raise PermanentError(
            f"{str(path)!r} can't be opened: {error.strerror}.",
            "The file was moved, or belongs to somebody else.",
            "Mend the path or the permissions.",
            reason="not_a_file",
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise PermanentError(
            f"{str(path)!r} is not a regular file.",
            "It is a folder, a pipe or a device.",
            "Name a video file.",
            reason="not_a_file",
        )
    if status.st_size == 0:
        raise PermanentError(
            f"{path.name!r} is empty.", "A copy or download was broken off.", "Fetch it again.", reason="empty"
        )
    if status.st_size > limits.max_bytes:
        raise Filtered(
            f"{path.name!r} has {status.st_size} bytes, more than {limits.max_bytes}.",
            "It is longer or larger than the configuration takes on.",
            "Raise `download.max_bytes` to take it on.",
            reason="too_large",
        )
    return status.st_size


def _probe(container: Any, size: int, path: Path, limits: Limits, log: logging.Logger) -> MediaInfo:
    stream = video_stream(container)
    if stream is None:
        raise PermanentError(
            f"{path.name!r} holds no video ({container.format.name}).",
            "It is a sound file, or its video stream is lost.",
            "Take it off the list.",
            reason="no_video",
        )
    width, height = stream.codec_context.width, stream.codec_context.height
    if max(width, height) > limits.max_side_px:
        raise Filtered(
            f"{path.name!r} claims pictures of {width}x{height}; the longest side taken on is {limits.max_side_px}.",
            "Decoding such pictures needs gigabytes of memory; often the header is damaged.",
            "Scale it down, or raise `download.max_side_px`.",
            reason="too_high_resolution",
        )
    frames, duration = _measure(container, stream, log)
    claimed = float(container.duration or 0) / 1e6
    if math.isfinite(claimed) and abs(claimed - duration) > max(2.0, 0.1 * duration):
        log.warning("the header claims %.1f s, the packets last %.1f s", claimed, duration)
    if duration > limits.max_duration_s:
        raise Filtered(
            f"{path.name!r} lasts {duration:.0f} s, more than {limits.max_duration_s:.0f} s.",
            "It is longer than the configuration takes on.",
            "Raise `download.max_duration_s` to take it on.",
            reason="too_long",
        )
    rotation, width, height = _first_picture(path, stream.index)
    if rotation % 180:
        width, height = height, width
    return MediaInfo(
        container=container.format.name,
        suffix=_suffix(container.format.name),
        size_bytes=size,
        duration_s=duration,
        width_px=width,
        height_px=height,
        rotation_deg=rotation,
        has_audio=any(True for _ in container.streams.audio),
        frames=frames,
        chapters=_chapters(container),
    )


def _measure(container: Any, stream: Any, log: logging.Logger) -> tuple[int, float]:
    """Number of packets, and the time that they cover, s."""
    import av

    base = float(stream.time_base)
    count, disorder = 0, 0
    first, last, end = math.inf, -math.inf, -math.inf
    before = -math.inf
    try:
        for packet in container.demux(stream):
            if packet.pts is None and packet.dts is None:
                continue
            time_s = (packet.pts if packet.pts is not None else packet.dts) * base
            disorder += packet.dts is not None and packet.dts * base <= before
            before = packet.dts * base if packet.dts is not None else before
            count += 1
            first, last = min(first, time_s), max(last, time_s)
            if time_s == last:
                end = time_s + (packet.duration or 0) * base
    except av.error.FFmpegError as error:
        log.warning("the file is damaged after %d packets: %s", count, error)
    if count == 0:
        return 0, 0.0
    if disorder:
        log.warning("%d timestamps do not increase", disorder)
    # The last picture may claim to last for hours: no longer than a second, or the mean of the others, is believed.
    mean = (last - first) / (count - 1) if count > 1 else 0.0
    return count, last - first + min(end - last, max(1.0, 2 * mean))


def _first_picture(path: Path, index: int) -> tuple[int, int, int]:
    """Rotation (0, 90, 180, 270), width and height of the first picture that can be decoded."""
    import av

    with open_media(path) as container:
        stream = next(each for each in container.streams.video if each.index == index)
        stream.thread_type = "NONE"
        seen = 0
        for packet in container.demux(stream):
            seen += 1
            if seen > _FIRST_FRAME_PACKETS:
                break
            try:
                pictures = packet.decode()
            except av.error.FFmpegError:
                continue
            for picture in pictures:
                return round(picture.rotation / 90) * 90 % 360, picture.width, picture.height
    raise PermanentError(
        f"{path.name!r} has a video stream, but no picture can be decoded from it.",
        "The file is damaged or cut off.",
        "Fetch it again, or take it off the list.",
        reason="no_frames",
    )


def _chapters(container: Any) -> tuple[tuple[float, float, str], ...]:
    origin = origin_s(container)
    found = []
    for chapter in container.chapters():
        base = float(chapter["time_base"])
        title = chapter.get("metadata", {}).get("title", "")
        found.append((chapter["start"] * base - origin, chapter["end"] * base - origin, title))
    return tuple(found)


def _suffix(container: str) -> str:
    names = container.split(",")
    for name, suffix in (("mp4", ".mp4"), ("webm", ".mkv"), ("mpegts", ".ts"), ("asf", ".wmv"), ("ogg", ".ogv")):
        if name in names:
            return suffix
    return f".{names[0]}" if f".{names[0]}" in MEDIA_SUFFIXES else ".bin"
