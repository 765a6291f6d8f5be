"""One time line for a media file: which streams are looked at, where its zero is, and what its time stamps really mean.

Every time that fimad stores is in seconds on this line: pictures, sound, chapters. Its zero is where a player begins, the
earliest time of any stream; so is ffmpeg's own. Transport streams may wrap, restart or jump on the way (recordings that were
joined, adverts that were put in): their parts are put one behind the other, sound and picture by the same shift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import PermanentError
from fimad.pipeline.media.container import FrameTimes, decoded, decoding_times_only, may_jump, open_media
from fimad.pipeline.media.pictures import UPRIGHT, Orientation
from fimad.pipeline.media.tracks import Floats, Ints, Shifts, best_audio, choice, ranked, scan
from fimad.pipeline.media.unroll import unrolled

# The last picture may claim to last for hours.
_LONGEST_LAST_S = 1.0
# Where pictures lie further apart than this, a clip may fall in between.
_HOLE_S = 0.5
_MOST_SPANS = 10_000
_ROUNDING_S = 1e-6


@dataclass(frozen=True)
class Clock:
    """What the time stamps of a file mean.

    Parameters
    ----------
    video, audio : indices of the streams that are looked at; None where there is none.
    origin : container time of the clock's zero, s.
    shifts : for a stream, from which packet on (counted from 0) how many ticks are added to its stamps.
    start_s, end_s : of the picture: the first frame's time, and the last one's with its length.
    spans_s : (first, last) times of frames without holes of over half a second in between.
    frames : number of packets that are shown.
    choice : why that video stream was taken; empty where there is only one.
    damage : what the container was damaged by; empty if it was not.
    base : length of one of the video's ticks, s.
    keys : see `Track.keys`.
    orientation : of the first picture. A stream may say it there alone, and pictures behind a seek are turned as well.
    """

    video: int | None
    audio: int | None
    origin: Fraction
    shifts: Mapping[int, Shifts]
    start_s: float = 0.0
    end_s: float = 0.0
    spans_s: tuple[tuple[float, float], ...] = ()
    frames: int = 0
    choice: str = ""
    damage: str = ""
    base: Fraction = Fraction(1)
    orientation: Orientation = UPRIGHT
    keys: Ints = field(default_factory=lambda: np.zeros(0, np.int64), repr=False, compare=False)

    @property
    def origin_s(self) -> float:
        """Container time of the clock's zero."""
        return float(self.origin)

    def time_s(self, ticks: int, base: Fraction) -> float:
        """Container time on this clock, without an error of rounding that would put a picture into the clip before."""
        return float(ticks * base - self.origin)

    @property
    def seekable(self) -> bool:
        """Whether its stamps are one rising line; otherwise a seek would land anywhere."""
        return all(len(shifts) == 1 for shifts in self.shifts.values())

    def keys_before(self, time_s: float) -> Iterator[int]:
        """Where decoding may begin to show what is at `time_s`, ticks: the nearest first, then further and further back, the file's
        beginning left out."""
        if not self.seekable:
            return
        at, back = int(np.searchsorted(self.keys, (Fraction(time_s) + self.origin) // self.base, "right")) - 1, 1
        while at > 0:
            yield int(self.keys[at])
            at, back = at - back, 2 * back

    def packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """The packets of a stream, their stamps on one rising line; from the beginning if the file is not `seekable`."""
        shifts = list(self.shifts.get(stream.index, ()))
        if self.seekable:
            yield from container.demux(stream)
            return
        number = shift = 0
        for packet in container.demux(stream):
            while shifts and number >= shifts[0][0]:
                shift = shifts.pop(0)[1]
            number += bool(packet.size)
            if packet.pts is not None:
                packet.pts += shift
            if packet.dts is not None:
                packet.dts += shift
            yield packet


def clock_of(path: Path) -> Clock:
    """The clock of a file; read once a process. Raises `av.error.FFmpegError`, `PermanentError` (``no_frames``, ``broken_clock``)."""
    status = path.stat()
    return _clock_of(path.absolute(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=32)
def _clock_of(path: Path, size: int, modified_ns: int) -> Clock:
    with open_media(path) as container:
        audio, videos = best_audio(container), list(container.streams.video)
        tracks, damage = scan(container, [*videos, *([] if audio is None else [audio])])
        sound = None if audio is None else tracks[audio.index]
        candidates, passed_over = ranked([tracks[stream.index] for stream in videos])
        video, first, orientation = None, 0, UPRIGHT
        for track in candidates:
            found = _first_frame(path, track.index)
            if found is not None:
                video, (first, orientation) = track, found
                break
            passed_over[track.index] = "no picture can be decoded"
        if video is None:
            if candidates:
                raise no_frames(path)
            return Clock(None, None if audio is None else audio.index, _start(container), {}, damage=damage)
        jumping, blind = may_jump(container), decoding_times_only(container)
        shifts = unrolled(video, sound, jumping=jumping)
        if shifts is None:
            raise _broken(path)
        base = Fraction(container.streams[video.index].time_base)
        looked_at = [container.streams[each.index] for each in (video, sound) if each is not None]
        # A transport stream begins with what is looked at, as ffmpeg corrects it.
        origin = _earliest(looked_at, _start(container)) if jumping else _start(container)
    # A whole number of the video's ticks, as in ffmpeg; and no picture lies before zero.
    origin = min(round(origin / base), first) * base
    start_s = float(first * base - origin)
    times, last_s = video.shown(shifts=shifts[video.index])
    times = np.sort(times) - float(origin)
    if blind and len(times):
        # Pictures are shown later than they are decoded, all by as much.
        times += start_s - times[0]
    # What can't be decoded before the first picture, such as the pictures that lead a cut's first key frame, is not shown.
    times = times[times >= start_s - _ROUNDING_S]
    if 2 * len(times) < video.after(first):
        raise _broken(path)
    return Clock(
        video=video.index,
        audio=None if sound is None else sound.index,
        origin=origin,
        shifts=shifts,
        start_s=start_s,
        end_s=_end(times, last_s),
        spans_s=_spans(times),
        frames=len(times),
        choice=choice(video, passed_over) if len(videos) > 1 else "",
        damage=damage,
        base=base,
        orientation=orientation,
        keys=video.keys(),
    )


def _start(container: Any) -> Fraction:
    """Where the file begins, s: exact, while the container rounds it to microseconds."""
    import av

    start = Fraction(container.start_time or 0, av.time_base)
    exact = _earliest(container.streams, start)
    return exact if abs(exact - start) <= _ROUNDING_S else start


def _earliest(streams: Iterable[Any], default: Fraction) -> Fraction:
    starts = [each.start_time * Fraction(each.time_base) for each in streams if each.start_time is not None]
    return min(starts, default=default)


def _first_frame(path: Path, index: int) -> tuple[int, Orientation] | None:
    """Time in ticks and orientation of the first picture that is shown; None if none can be decoded, for want of a decoder for one."""
    import av

    try:
        with open_media(path) as container:
            stream = container.streams[index]
            if stream.codec_context is None:
                return None
            stream.thread_type = "NONE"
            stamps = FrameTimes(decoding_only=decoding_times_only(container))
            for frame in decoded(container.demux(stream), stream):
                ticks = stamps(frame)
                if ticks is not None:
                    return ticks, Orientation.of(frame) or UPRIGHT
    except (av.error.FFmpegError, ValueError):
        return None
    return None


def _end(times: Floats, stated_s: float) -> float:
    """Where the last picture ends, s."""
    if not len(times):
        return 0.0
    mean = float(times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
    # No longer than a second, or twice the mean of the others, is believed; of nothing stated, the mean.
    return float(times[-1]) + min(stated_s or mean, max(_LONGEST_LAST_S, 2 * mean))


def _spans(times: Floats) -> tuple[tuple[float, float], ...]:
    if not len(times):
        return ()
    gaps = np.diff(times)
    holes = np.flatnonzero(gaps > _HOLE_S)
    holes = np.sort(holes[np.argsort(-gaps[holes], kind="stable")[: _MOST_SPANS - 1]])
    starts, ends = [0, *(holes + 1).tolist()], [*holes.tolist(), len(times) - 1]
    return tuple((float(times[low]), float(times[high])) for low, high in zip(starts, ends, strict=True))


def no_frames(path: Path) -> PermanentError:
    """What is said of a file without a single picture."""
    return PermanentError(
        f"{path.name!r} has a video stream, but no picture can be decoded from it.",
        "The file is damaged or cut off.",
        "Fetch it again, or take it off the list.",
        reason="no_frames",
    )


def _broken(path: Path) -> PermanentError:
    return PermanentError(
        f"The time stamps of {path.name!r} run backwards or jump again and again.",
        "It was put together from many pieces, or recorded with a broken clock: when its pictures were taken can't be told.",
        "Mend its times, for example by converting it to MP4 with ffmpeg.",
        reason="broken_clock",
    )
