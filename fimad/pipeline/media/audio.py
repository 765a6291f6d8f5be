"""Sound of a video as 16 kHz mono samples, decoded once, for the wanted time ranges only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.probe import open_media, origin_s

RATE_HZ = 16_000
# Presentation times jitter by a few samples in every file; only real gaps are filled with silence.
_GAP_S = 0.05


def decode_ranges(path: Path, ranges_s: Sequence[tuple[float, float]]) -> Iterator[NDArray[np.float32] | None]:
    """The sound of time ranges, one after the other, in a single pass.

    Parameters
    ----------
    path : media file.
    ranges_s : [start, end) in s on the video's clock, increasing and without overlap.

    Yields
    ------
    For each range an (n,) array of 16 kHz mono samples in [-1, 1], n = round((end - start) * 16000): sample i belongs to
    start + i / 16000 s, and what the file does not cover is silence. None for all ranges if there is no sound stream, or
    none of it can be decoded.

    Memory: one range at a time.
    """
    blocks = _blocks(path)
    first = next(blocks, None)
    if first is None:
        yield from (None for _ in ranges_s)
        return
    pending: tuple[int, NDArray[np.float32]] | None = first
    for start_s, end_s in ranges_s:
        start, stop = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
        sound = np.zeros(max(0, stop - start), np.float32)
        while pending is not None:
            at, samples = pending
            low, high = max(at, start), min(at + len(samples), stop)
            if low < high:
                sound[low - start : high - start] = samples[low - at : high - at]
            if at + len(samples) >= stop:
                break
            pending = next(blocks, None)
        yield sound


def _blocks(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Decoded sound as (index of the first sample on the video's clock, samples), indices increasing."""
    import av

    with open_media(path) as container:
        if not container.streams.audio:
            return
        origin = origin_s(container)
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
        position: int | None = None
        for frame in _frames(container, container.streams.audio[0]):
            try:
                made = resampler.resample(frame)
            except (av.error.FFmpegError, ValueError):
                # The stream changed its format half-way; begin anew with what comes.
                resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
                position = None
                continue
            for block in made:
                samples = block.to_ndarray()[0].astype(np.float32, copy=False)
                if block.time is not None:
                    stated = round((block.time - origin) * RATE_HZ)
                    if position is None or abs(stated - position) > _GAP_S * RATE_HZ:
                        # Time that runs backwards would overwrite what is there: go on where we are.
                        position = stated if position is None else max(position, stated)
                position = position or 0
                yield position, np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
                position += len(samples)


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames; damaged packets are skipped, and a damaged end ends the stream."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue
