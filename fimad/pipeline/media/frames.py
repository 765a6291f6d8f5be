"""Decode once: all stages that look at frames share one pass over the video.

Times are presentation time stamps on the file's clock (`clock`), never index / fps. Frames are scaled and converted natively, straight from
the decoded picture to the size that a consumer asked for, so that a shared pass gives each consumer the same pixels as a
pass of its own.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import pyarrow as pa

from fimad.errors import PermanentError
from fimad.pipeline.contract import Frame, FrameConsumer, FrameStage, FrameWatcher, StageInput
from fimad.pipeline.media.cadence import ChangeMeter
from fimad.pipeline.media.clock import Clock, clock_of
from fimad.pipeline.media.container import FrameTimes, decoded, decoding_times_only, from_key, open_media
from fimad.pipeline.media.pictures import Converter, Orienter, Picture, View

# A gap between wanted ranges that is worth a seek rather than decoding through it.
_SEEK_GAP_S = 2.0
# A frame may come so much too early, as a share of the wanted interval and in s: times are rounded in the container, and
# without slack a 30 Hz video asked for 30 Hz would lose frames.
_EARLY_SHARE = 0.1
_EARLY_S = 0.005


@dataclass
class _Subscription:
    """What one consumer still wants."""

    consumer: FrameConsumer
    due_s: list[float] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    spent_s: float = 0.0

    def __post_init__(self) -> None:
        self.due_s = [start for start, _ in self.consumer.request.ranges_s]
        self.index = [0] * len(self.due_s)
        self._begun: set[int] = set()

    def wanted(self, time_s: float) -> list[int]:
        """Ranges that take the frame at this time."""
        request = self.consumer.request
        taken = []
        for number, (start, end) in enumerate(request.ranges_s):
            if not start <= time_s < end:
                continue
            if request.rate_hz:
                step = 1 / request.rate_hz
                early = min(_EARLY_SHARE * step, _EARLY_S)
                late = time_s - self.due_s[number] + early
                if late < 0:
                    continue
                ahead = math.floor(late / step) + 1
                self.due_s[number] += ahead * step
            taken.append(number)
        return taken

    def watch(self, time_s: float, change: float) -> None:
        """Tell the consumer of a frame, whether or not it wants to see it."""
        assert isinstance(self.consumer, FrameWatcher)  # noqa: S101  (an invariant: only watchers are told)
        for number, (start, end) in enumerate(self.consumer.request.ranges_s):
            if start <= time_s < end:
                # The frame before a range's first is decoded or not, as others want it: nobody's result depends on that.
                self.consumer.watch(number, time_s, change if number in self._begun else math.nan)
                self._begun.add(number)

    def push(self, number: int, time_s: float, view: View) -> None:
        began = time.perf_counter()
        self.consumer.push(number, Frame(time_s, self.index[number], view))
        self.index[number] += 1
        self.spent_s += time.perf_counter() - began

    def finish(self) -> pa.Table:
        began = time.perf_counter()
        table = self.consumer.finish()
        self.spent_s += time.perf_counter() - began
        return table


@dataclass
class DecodeReport:
    """What a pass over a video met with."""

    frames: int = 0
    damaged: int = 0
    disordered: int = 0

    def add_damage(self) -> None:
        """One packet or picture that can't be used."""
        self.damaged += 1


def run_frame_stages(
    stages: Sequence[FrameStage], item: StageInput, seconds: dict[str, float] | None = None
) -> dict[str, pa.Table]:
    """The artifacts of several frame stages, upstream first, from one pass over the video.

    `seconds` is filled with the time of each stage; what they share, which is decoding, is split evenly.
    Raises `PermanentError` if the media file is not there, its pictures are larger than the configuration takes on, or no
    clip holds a single one.
    """
    if item.media is None:
        raise PermanentError(
            f"There is no media file of {item.video.video_id!r}.",
            "It was deleted, or the download was left out.",
            "Run `fimad build --stage download` again.",
            reason="no_media",
        )
    began = time.perf_counter()
    consumers: dict[str, FrameConsumer] = {}
    item = replace(item, beside=consumers)
    for stage in stages:
        consumers[stage.name] = stage.consumer(item)
    subscriptions = [_Subscription(each) for each in consumers.values()]
    threads = max(stage.config.run.threads for stage in stages)
    max_side_px = max(stage.config.download.max_side_px for stage in stages)
    report = DecodeReport()
    _feed(subscriptions, item, threads=threads, max_side_px=max_side_px, report=report)
    if any(each.index and not sum(each.index) for each in subscriptions):
        raise PermanentError(
            f"No picture of {item.video.video_id!r} could be decoded in its clips.",
            "The file was damaged or exchanged after the download.",
            "Run `fimad build --stage download` again.",
            reason="no_frames",
        )
    if report.damaged or report.disordered:
        item.log.warning("%d damaged packets, %d frames out of order", report.damaged, report.disordered)
    tables = {stage.name: each.finish() for stage, each in zip(stages, subscriptions, strict=True)}
    if seconds is not None:
        shared = max(0.0, time.perf_counter() - began - sum(each.spent_s for each in subscriptions)) / len(stages)
        seconds.update({stage.name: each.spent_s + shared for stage, each in zip(stages, subscriptions, strict=True)})
    return tables


def _feed(
    subscriptions: list[_Subscription], item: StageInput, *, threads: int, max_side_px: int, report: DecodeReport
) -> None:
    requests = [each.consumer.request for each in subscriptions]
    spans = _merged([span for request in requests for span in request.ranges_s])
    total = sum(end - start for start, end in spans) or 1.0
    watchers = [each for each in subscriptions if isinstance(each.consumer, FrameWatcher)]
    meter = ChangeMeter()
    converters = {side: Converter(side) for side in {request.short_side_px for request in requests}}
    before, done = -math.inf, 0.0
    assert item.media is not None  # noqa: S101  (checked by the caller)
    for start, end in spans:
        meter.reset()
        for picture in decode(item.media, start, end, threads=threads, report=report):
            time_s = picture.time_s
            if time_s <= before:
                report.disordered += 1
                continue
            before = time_s
            _check_size(picture, max_side_px, item)
            if watchers:
                change = meter(picture.frame)
                for subscription in watchers:
                    subscription.watch(time_s, change)
            views = {side: View(picture, converter) for side, converter in converters.items()}
            for subscription in subscriptions:
                for number in subscription.wanted(time_s):
                    subscription.push(number, time_s, views[subscription.consumer.request.short_side_px])
            item.progress((done + time_s - start) / total)
        done += end - start


def decode(
    media: Path, start_s: float, end_s: float, *, threads: int = 1, report: DecodeReport | None = None
) -> Iterator[Picture]:
    """Decoded pictures with start_s <= time < end_s, in the decoder's order.

    Damaged packets are skipped and counted.
    """
    report = report or DecodeReport()
    clock = clock_of(media)
    if clock.video is None:
        return
    keys = clock.keys_before(start_s) if start_s > _SEEK_GAP_S else ()
    for key in itertools.chain(keys, (None,)):
        if (yield from _decode_from(key, media, clock, (start_s, end_s), threads, report)):
            return


def _decode_from(
    key: int | None, media: Path, clock: Clock, range_s: tuple[float, float], threads: int, report: DecodeReport
) -> Generator[Picture, None, bool]:
    """Pictures of a range, decoded from a key on (see `Track.keys`; None from the beginning); False if what the range begins with can't be decoded from there."""
    start_s, end_s = range_s
    with open_media(media) as container:
        stream = container.streams[clock.video]
        stream.thread_type = "AUTO" if threads > 1 else "NONE"
        if threads > 1:
            stream.codec_context.thread_count = threads
        base = Fraction(stream.time_base)
        stretch = float(stream.sample_aspect_ratio or 1.0)
        if not 0.1 <= stretch <= 10:
            stretch = 1.0
        packets = clock.packets(container, stream) if key is None else from_key(container, stream, key)
        if packets is None:
            return False
        begun, damaged = key is None, report.damaged
        stamps, orientation = FrameTimes(decoding_only=decoding_times_only(container)), Orienter(clock.orientation)
        for frame in decoded(packets, stream, report.add_damage):
            ticks = stamps(frame)
            if ticks is None:
                report.add_damage()
                continue
            time_s = clock.time_s(ticks, base)
            if not begun and time_s > start_s:
                break
            begun = True
            report.frames += 1
            if time_s >= end_s:
                break
            if time_s >= start_s:
                yield Picture(time_s, frame, stretch, orientation(frame, time_s))
        if not begun:
            # What can't be decoded from here is no damage.
            report.damaged = damaged
        return begun


def _check_size(picture: Picture, max_side_px: int, item: StageInput) -> None:
    if max(picture.frame.width, picture.frame.height) > max_side_px:
        raise PermanentError(
            f"{item.video.video_id!r} has pictures of {picture.frame.width}x{picture.frame.height} px.",
            f"Its header claimed less; at most {max_side_px} px a side are taken on.",
            "Scale it down, or raise `download.max_side_px`.",
            reason="too_high_resolution",
        )


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Ranges joined where they overlap or lie so close that a seek would not pay."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if merged and start <= merged[-1][1] + _SEEK_GAP_S:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
