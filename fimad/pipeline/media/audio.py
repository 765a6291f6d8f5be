"""Sound of a video as 16 kHz mono samples, decoded once, for the wanted time ranges only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.clock import clock_of
from fimad.pipeline.media.container import decoded, open_media

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
    """Decoded sound as (index of the first sample on the video's clock, samples), without overlaps, indices increasing."""
    import av

    clock = clock_of(path)
    if clock.audio is None:
        return
    with open_media(path) as container:
        stream = container.streams[clock.audio]
        base = Fraction(stream.time_base)
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
        position: int | None = None
        for frame in decoded(clock.packets(container, stream), stream):
            # Damage may leave a frame without a time: it follows the one before. Its base may be another one's.
            frame.time_base = base
            try:
                made = resampler.resample(frame)
            except (av.error.FFmpegError, ValueError):
                # The stream changed its format half-way; begin anew with what comes.
                resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
                continue
            for block in made:
                samples = np.nan_to_num(block.to_ndarray()[0].astype(np.float32, copy=False), posinf=0.0, neginf=0.0)
                if block.pts is not None:
                    stated = round(clock.time_s(block.pts, Fraction(block.time_base)) * RATE_HZ)
                    if position is None or stated - position > _GAP_S * RATE_HZ:
                        position = stated
                    elif position - stated > _GAP_S * RATE_HZ:
                        # What is there already must not be overwritten, and what follows must not come late.
                        samples = samples[position - stated :]
                position = position or 0
                if len(samples):
                    yield position, samples
                    position += len(samples)
