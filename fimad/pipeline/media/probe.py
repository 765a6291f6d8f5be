"""Looks at a media file without trusting it: container, streams, real start and length, size, orientation, chapters."""

from __future__ import annotations

import hashlib
import math
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimad.errors import Filtered, PermanentError
from fimad.pipeline.media.clock import Clock, clock_of, no_frames
from fimad.pipeline.media.container import MEDIA_SUFFIXES, decoded, open_media
from fimad.pipeline.media.frames import decode

if TYPE_CHECKING:
    import logging

# Damage at the end is looked for in the last so many seconds.
_TAIL_S = 1.0
# What containers round chapters to, and sound begins earlier than pictures by; no chapter is shorter.
_OVERLAP_S = 0.25


@dataclass(frozen=True)
class MediaInfo:
    """What a media file really holds. Times are s on the file's clock (`clock`).

    Parameters
    ----------
    container : FFmpeg's name of the format.
    suffix : the usual file name suffix of that format, with the dot.
    start_s : when the first picture is shown.
    duration_s : when the last picture ends; from what is shown, not from the header's claim.
    spans_s : (first, last) times of pictures without holes of over half a second in between.
    width_px, height_px : of the upright picture, with square pixels.
    rotation_deg : counter-clockwise rotation that makes the picture upright; of mirrored pictures, before they are flipped.
    mirrored : whether making the picture upright flips it.
    has_audio : whether there is a sound stream that can be decoded.
    sound_note : why a sound stream that is there is not used; empty if there is none, or nothing is wrong with it.
    frames : number of pictures.
    video_stream : index of the stream that is looked at.
    video_choice : why that one; empty if there is no other.
    chapters : (start_s, end_s, title) as embedded; times are not checked.
    """

    container: str
    suffix: str
    size_bytes: int
    start_s: float
    duration_s: float
    spans_s: tuple[tuple[float, float], ...]
    width_px: int
    height_px: int
    rotation_deg: int
    mirrored: bool
    has_audio: bool
    sound_note: str
    frames: int
    video_stream: int
    video_choice: str
    chapters: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class Limits:
    """What is still taken on; above it a video is filtered."""

    max_bytes: int
    max_duration_s: float
    max_side_px: int


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def probe(path: Path, limits: Limits, log: logging.Logger) -> MediaInfo:
    """Find out what a file holds.

    Reads all packets, and decodes the first picture and the last ones. Raises `PermanentError` (reasons ``not_a_file``,
    ``empty``, ``corrupt``, ``no_video``, ``no_frames``, ``broken_clock``) or `Filtered` (``too_large``, ``too_long``,
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
    clock = clock_of(path)
    if clock.video is None:
        raise PermanentError(
            f"{path.name!r} holds no video ({container.format.name}).",
            "It is a sound file, or its video stream is lost.",
            "Take it off the list.",
            reason="no_video",
        )
    codec = container.streams[clock.video].codec_context
    if max(codec.width, codec.height) > limits.max_side_px:
        raise Filtered(
            f"{path.name!r} claims pictures of {codec.width}x{codec.height}; the longest side taken on is {limits.max_side_px}.",
            "Decoding such pictures needs gigabytes of memory; often the header is damaged.",
            "Scale it down, or raise `download.max_side_px`.",
            reason="too_high_resolution",
        )
    _warn(clock, container, log)
    if clock.end_s > limits.max_duration_s:
        raise Filtered(
            f"{path.name!r} lasts {clock.end_s:.0f} s, more than {limits.max_duration_s:.0f} s.",
            "It is longer than the configuration takes on.",
            "Raise `download.max_duration_s` to take it on.",
            reason="too_long",
        )
    picture = next(iter(decode(path, clock.start_s, math.inf)), None)
    if picture is None:
        raise no_frames(path)
    width, height = picture.upright_size()
    end_s, spans_s = _shown_end(path, clock, log)
    sound_note = _sound_note(path, clock, log)
    return MediaInfo(
        container=container.format.name,
        suffix=_suffix(container.format.name),
        size_bytes=size,
        start_s=clock.start_s,
        duration_s=end_s,
        spans_s=spans_s,
        width_px=width,
        height_px=height,
        rotation_deg=90 * picture.orientation.turns,
        mirrored=picture.orientation.mirrored,
        has_audio=clock.audio is not None and not sound_note,
        sound_note=sound_note,
        frames=clock.frames,
        video_stream=clock.video,
        video_choice=clock.choice,
        chapters=_chapters(container, clock),
    )


def _warn(clock: Clock, container: Any, log: logging.Logger) -> None:
    if clock.damage:
        log.warning("the file is damaged: %s", clock.damage)
    if clock.choice:
        log.info("several video streams: %s", clock.choice)
    parts = max(len(shifts) for shifts in clock.shifts.values())
    if parts > 1:
        log.warning("the time stamps restart or jump %d times; the parts are put one behind the other", parts - 1)
    claimed = float(container.duration or 0) / 1e6
    if math.isfinite(claimed) and abs(claimed - clock.end_s) > max(2.0, 0.1 * clock.end_s):
        log.warning("the header claims %.1f s, the pictures end at %.1f s", claimed, clock.end_s)


def _shown_end(path: Path, clock: Clock, log: logging.Logger) -> tuple[float, tuple[tuple[float, float], ...]]:
    """When the last picture that can be decoded ends, and the spans that are left until then."""
    if not clock.seekable or not clock.spans_s:
        return clock.end_s, clock.spans_s
    last_s = clock.spans_s[-1][1]
    tail_s, shown_s = _TAIL_S, -math.inf
    while shown_s == -math.inf:
        from_s = max(clock.start_s, last_s - tail_s)
        shown_s = max((picture.time_s for picture in decode(path, from_s, math.inf)), default=-math.inf)
        tail_s *= 4
    # Two pictures' worth: what the packets say is as good until then.
    step_s = (last_s - clock.start_s) / max(1, clock.frames - 1)
    if last_s - shown_s <= 2 * step_s:
        return clock.end_s, clock.spans_s
    log.warning("nothing can be decoded from %.2f to %.2f s", shown_s, clock.end_s)
    spans_s = tuple((low, min(high, shown_s)) for low, high in clock.spans_s if low <= shown_s)
    return shown_s + step_s, spans_s


def _sound_note(path: Path, clock: Clock, log: logging.Logger) -> str:
    """Why the sound can't be decoded; empty if it can, or there is none."""
    import av

    with open_media(path) as container:
        if clock.audio is None:
            # Streams without a decoder are not looked at by the clock.
            note = "there is no decoder for the codec of the sound stream" if container.streams.audio else ""
        else:
            stream = container.streams[clock.audio]
            why = "no packet of it gives samples"
            try:
                if next(decoded(container.demux(stream), stream), None) is not None:
                    return ""
            except (av.error.FFmpegError, ValueError) as error:
                why = str(getattr(error, "strerror", None) or error)
            note = f"the sound stream ({stream.codec_context.name}) can't be decoded: {why}"
    if note:
        log.warning("%s", note)
    return note


def _chapters(container: Any, clock: Clock) -> tuple[tuple[float, float, str], ...]:
    found: list[tuple[float, float, str]] = []
    for chapter in container.chapters():
        base = float(chapter["time_base"])
        title: str = chapter.get("metadata", {}).get("title", "")
        found.append((chapter["start"] * base, chapter["end"] * base, title))

    def within(origin_s: float) -> tuple[int, float]:
        spans = [(max(0.0, start - origin_s), min(clock.end_s, end - origin_s)) for start, end, _ in found]
        shown = [end - start for start, end in spans if end - start > _OVERLAP_S]
        return len(shown), sum(shown)

    # ffmpeg moves a file's streams (`-output_ts_offset`) and leaves its chapters where they were: counted from the beginning.
    own, counted = within(clock.origin_s), within(0.0)
    closer = counted[0] == own[0] and counted[1] > own[1] + _OVERLAP_S
    origin_s = 0.0 if counted[0] > own[0] or closer else clock.origin_s
    return tuple((start - origin_s, end - origin_s, title) for start, end, title in found)


def _suffix(container: str) -> str:
    names = container.split(",")
    for name, suffix in (("mp4", ".mp4"), ("webm", ".mkv"), ("mpegts", ".ts"), ("asf", ".wmv"), ("ogg", ".ogv")):
        if name in names:
            return suffix
    return f".{names[0]}" if f".{names[0]}" in MEDIA_SUFFIXES else ".bin"
