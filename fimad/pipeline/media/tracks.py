"""The packets of a file's streams, and which of the streams is the one that people watch."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.container import decoding_times_only, is_credible, may_jump

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
# From which packet on (counted from 0) how many ticks are added to a stream's stamps.
Shifts = tuple[tuple[int, int], ...]

_NONE = -(2**63)
# Streams with fewer pixels than this share of the largest one's are proxies and previews; shorter than this share of the
# longest, covers and title cards; with fewer pictures than this share of the most, slides.
_PROXY_SHARE = 0.25
_SHORT_SHARE = 0.5
_FEW_SHARE = 0.2


class Track:
    """The packets of one stream, in the container's order."""

    def __init__(self, stream: Any) -> None:
        from av.stream import Disposition

        self.index: int = stream.index
        self.base = float(stream.time_base or 0)
        self.jumping = may_jump(stream.container)
        self.decoding_only = decoding_times_only(stream.container)
        self.pts, self.dts, self.length, self.number = (array("q") for _ in range(4))
        self.discard, self.key = bytearray(), bytearray()
        self.cover = bool(
            stream.disposition & (Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails)
        )
        self.default = bool(stream.disposition & Disposition.default)
        codec = stream.codec_context
        self.size = (codec.width, codec.height) if codec is not None and stream.type == "video" else (0, 0)

    def add(self, packet: Any, number: int) -> None:
        """Take a packet, the so-and-so-many-th of all that are looked at."""
        self.number.append(number)
        wrong = packet.pts is None or (self.jumping and not is_credible(packet, self.base))
        self.pts.append(_NONE if wrong else packet.pts)
        self.dts.append(_NONE if packet.dts is None else packet.dts)
        self.length.append(packet.duration or 0)
        self.discard.append(packet.is_discard)
        self.key.append(packet.is_keyframe)

    def stamps(self) -> tuple[Floats, Bools]:
        """Stamp of each packet in s, by which the container orders them, and whether it is a decoding time."""
        pts, dts = self._ticks()
        known = dts != _NONE
        ticks = np.where(known, dts, pts)
        # What leads to an edit is decoded, not shown, and lies on no line with the rest.
        unknown = (ticks == _NONE) | self._discarded()
        return np.where(unknown, np.nan, ticks * self.base), known

    def numbers(self) -> Ints:
        """Which of all packets that are looked at each one is."""
        return np.frombuffer(self.number, np.int64)

    def presented(self) -> Floats:
        """Presentation time of each packet in s; NaN where none is stated."""
        pts, dts = self._ticks()
        ticks = dts if self.decoding_only else np.where(pts != _NONE, pts, dts)
        return np.where(ticks == _NONE, np.nan, ticks * self.base)

    def shown(self, begin: int = 0, end: int | None = None, shifts: Shifts = ()) -> tuple[Floats, float]:
        """Presentation times of the packets `begin` to `end` that are shown, s, and how long the last of them lasts.

        The length is 0 where nothing is stated.
        """
        pts, dts = (each[begin:end] for each in self._ticks())
        ticks = dts if self.decoding_only else np.where(pts != _NONE, pts, dts)
        keep = (ticks != _NONE) & ~self._discarded()[begin:end]
        added = np.zeros(len(ticks), np.int64)
        for number, shift in shifts:
            added[number:] = shift
        times: Floats = (ticks + added)[keep] * self.base
        if not len(times):
            return times, 0.0
        lengths = np.frombuffer(self.length, np.int64)[begin:end][keep]
        return times, float(lengths[np.argmax(times)] * self.base)

    def after(self, ticks: int) -> int:
        """Number of packets that are shown, and say when, from the one with this presentation time on, in the container's order."""
        pts, dts = self._ticks()
        stated = np.where(pts != _NONE, pts, dts)
        at = np.flatnonzero(stated == ticks)
        return int(np.count_nonzero((stated != _NONE)[at[0] :] & ~self._discarded()[at[0] :])) if len(at) else 0

    def keys(self) -> Ints:
        """Times in ticks of the packets that decoding can begin with, rising; those for decoding where a format knows no others."""
        ticks = self._ticks()[1 if self.decoding_only else 0]
        return np.unique(ticks[(np.frombuffer(self.key, np.uint8) != 0) & (ticks != _NONE)])

    def duration_s(self) -> float:
        """From the first to the last picture."""
        times, _ = self.shown()
        return float(times.max() - times.min()) if len(times) else 0.0

    def _discarded(self) -> Bools:
        discarded: Bools = np.frombuffer(self.discard, np.uint8) != 0
        return discarded

    def _ticks(self) -> tuple[Ints, Ints]:
        return np.frombuffer(self.pts, np.int64), np.frombuffer(self.dts, np.int64)


def scan(container: Any, streams: Sequence[Any]) -> tuple[dict[int, Track], str]:
    import av

    tracks = {stream.index: Track(stream) for stream in streams}
    if not tracks:
        return tracks, ""
    try:
        packets = (packet for packet in container.demux(*streams) if packet.size)
        for number, packet in enumerate(packets):
            tracks[packet.stream_index].add(packet, number)
    except av.error.FFmpegError as error:
        return tracks, f"{error.strerror} after {sum(len(track.pts) for track in tracks.values())} packets"
    return tracks, ""


def best_audio(container: Any) -> Any:
    """The sound that a player begins with: the first default one that is not a commentary, else the first."""
    from av.stream import Disposition

    aside = Disposition.comment | Disposition.visual_impaired | Disposition.hearing_impaired | Disposition.karaoke
    streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
    return min(
        streams,
        key=lambda each: (bool(each.disposition & aside), not each.disposition & Disposition.default, each.index),
        default=None,
    )


def ranked(tracks: Sequence[Track]) -> tuple[list[Track], dict[int, str]]:
    """Streams to look at, best first, and why others are passed over."""
    passed_over: dict[int, str] = {}

    def keep(candidates: list[Track], reason: str, wanted: list[Track]) -> list[Track]:
        passed_over.update({track.index: reason for track in candidates if track not in wanted})
        return wanted

    left = keep(list(tracks), "a cover picture", [track for track in tracks if not track.cover])
    left = keep(left, "it holds no pictures", [track for track in left if len(track.pts)])
    longest = max((track.duration_s() for track in left), default=0.0)
    left = keep(left, "it is short", [track for track in left if track.duration_s() >= _SHORT_SHARE * longest])
    # A stream that is announced on the way has no size yet: nothing says that it is small.
    largest = max((track.size[0] * track.size[1] for track in left), default=0)
    pixels = {track.index: track.size[0] * track.size[1] or largest for track in left}
    most = max((len(track.pts) for track in left), default=0)
    left = keep(left, "slides: it has few pictures", [track for track in left if len(track.pts) >= _FEW_SHARE * most])
    left = keep(left, "a small copy", [track for track in left if pixels[track.index] >= _PROXY_SHARE * largest])
    left.sort(key=lambda track: (not track.default, -pixels[track.index], -track.duration_s(), track.index))
    passed_over |= {track.index: "not the default, smaller, shorter or later" for track in left[1:]}
    return left, passed_over


def choice(chosen: Track, passed_over: Mapping[int, str]) -> str:
    others = "; ".join(f"stream {index}: {why}" for index, why in sorted(passed_over.items()) if index != chosen.index)
    return f"stream {chosen.index} ({chosen.size[0]}x{chosen.size[1]}, {chosen.duration_s():.1f} s) taken; {others}"
