"""Opening media files without trusting them: a short list of container formats, and the `file` protocol only.

Without that list FFmpeg takes a text file named `.mp4` that begins with ``#EXTM3U`` for a playlist, and reads whatever it
names.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av.container

# AVFMT_TS_DISCONT: formats whose clock may jump.
_JUMPS = 0x0200
# No picture is shown so much earlier, or later, than it is decoded.
_EARLIEST_S, _LATEST_S = 1.0, 10.0
# So much before a key a seek goes, until it lands before it.
_BACK_S = (0.0, 1.0, 5.0, 30.0)

# Container formats that hold video, and the usual ones that hold sound alone, so that those can be told apart.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,mxf,gif,wav,mp3,flac,aac,w64,aiff"
OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
MEDIA_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".flv", ".wmv"),
        *(".asf", ".ogv", ".3gp", ".3g2", ".mxf", ".gif", ".vob"),
    )
)


def open_media(path: Path, **kwargs: Any) -> av.container.InputContainer:
    """Open a media file for reading with PyAV, restricted as the module says. Raises `av.error.FFmpegError`."""
    import av

    return av.open(f"file:{path.absolute()}", mode="r", metadata_errors="replace", options=dict(OPEN_OPTIONS), **kwargs)


def decoded(packets: Iterator[Any], stream: Any, damaged: Callable[[], None] = lambda: None) -> Iterator[Any]:
    """Frames of a stream's packets, those that the decoder still holds at the end included.

    A damaged packet is skipped, and `damaged` is called; damage of the container ends the stream, as it does in ffmpeg.
    """
    import av

    ended, jumping = False, may_jump(stream.container)
    while not ended:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            damaged()
            packet = None
        if packet is not None and not packet.size:
            if packet.dts is not None or packet.pts is not None:
                # AVI says with an empty packet that nothing changed; a decoder would take it for the end.
                continue
            packet = None
        if jumping and packet is not None and not is_credible(packet, stream.time_base):
            packet.pts = None
        ended = packet is None
        try:
            # Decoders show pictures later than they take them: without this last call those would be lost.
            frames = stream.codec_context.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            damaged()
            continue
        yield from frames


def may_jump(container: Any) -> bool:
    """Whether a format's clock may leap on the way: transport and program streams."""
    return bool(container.format.flags & _JUMPS)


def is_credible(packet: Any, base: float) -> bool:
    """Whether a packet's two times go together.

    Where program streams were joined, FFmpeg gives the last picture of one the time of the next one's first.
    """
    if packet.pts is None or packet.dts is None:
        return True
    return bool(-_EARLIEST_S <= (packet.pts - packet.dts) * base <= _LATEST_S)


def from_key(container: Any, stream: Any, key: int) -> Iterator[Any] | None:
    """The packets of a stream from the key with this time in ticks on (see `Track.keys`); None if no seek leads to it.

    Formats without an index land on any packet, and some that have one behind the key: by time, not by what can be decoded.
    """
    import av

    blind = decoding_times_only(container)
    for back_s in _BACK_S:
        try:
            container.seek(key - round(back_s / stream.time_base), stream=stream, backward=True)
            packets = container.demux(stream)
            for packet in packets:
                ticks = packet.dts if blind else packet.pts
                if not packet.size or not packet.is_keyframe or ticks is None:
                    continue
                if ticks == key:
                    return itertools.chain((packet,), packets)
                if ticks > key:
                    break
        except av.error.FFmpegError:
            return None
    return None


def decoding_times_only(container: Any) -> bool:
    """Whether a format knows no presentation times: what FFmpeg makes up for AVI is wrong once pictures are reordered."""
    return str(container.format.name) == "avi"


class FrameTimes:
    """Presentation times of decoded frames in ticks, as ffmpeg finds them (`guess_correct_pts` in libavcodec).

    Of the times that the packets stated for showing and for decoding, those are believed that run backwards less often. A
    frame without any follows the one before.
    """

    def __init__(self, *, decoding_only: bool = False) -> None:
        self._decoding_only = decoding_only
        self._last_pts = self._last_dts = -(2**63)
        self._faulty_pts = self._faulty_dts = 0
        self._last: int | None = None
        self._step = 0

    def __call__(self, frame: Any) -> int | None:
        """The time of the next frame; None if nothing is known of it."""
        pts, dts = None if self._decoding_only else frame.pts, frame.dts
        if dts is not None:
            self._faulty_dts += dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        believed: int | None = pts if pts is not None and (self._faulty_pts <= self._faulty_dts or dts is None) else dts
        if believed is None and self._last is not None:
            # What the format takes for a frame's length may be a tick.
            believed = self._last + (self._step or frame.duration)
        elif believed is not None and self._last is not None:
            self._step = max(0, believed - self._last)
        self._last = believed
        return believed
