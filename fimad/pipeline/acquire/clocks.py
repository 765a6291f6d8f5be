"""Times as caption files write them, in s: clocks with and without hours and fractions, and TTML's frames, ticks and units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

# Hours and fractions may be missing; a fraction follows a point, a comma or, of three digits, a colon, and people put a blank
# before it.
CLOCK = r"-?(?:\d{1,9}:)?\d{1,9}:\d{1,2}(?:[.,][ \t]?\d{1,9}|:\d{3})?"
_CLOCK = re.compile(r"(-?)(?:(\d{1,9}):)?(\d{1,9}):(\d{1,2})(?:[.,][ \t]?(\d{1,9})|:(\d{3}))?")
_FRAMES = re.compile(r"(\d{1,9}):(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d{1,9})?")
_OFFSET = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(h|m|s|ms|f|t)")
_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def clock_s(text: str) -> float:
    """A time such as ``1:02:03.4``, ``02:03`` or ``00:02:03,400``. Raises `ValueError`."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a time")
    sign, hours, minutes, seconds, fraction, milliseconds = match.groups()
    time_s = int(hours or 0) * 3600.0 + int(minutes) * 60.0 + float(f"{seconds}.{fraction or milliseconds or 0}")
    return -time_s if sign else time_s


def stamp(time_s: float) -> str:
    """The same time as all programs write it, from 0 on: ``00:02:03.400``."""
    milliseconds = round(max(0.0, time_s) * 1000)
    return f"{milliseconds // 3_600_000:02d}:{milliseconds // 60_000 % 60:02d}:{milliseconds % 60_000 / 1000:06.3f}"


@dataclass(frozen=True)
class Rates:
    """What TTML counts frames and ticks by, in Hz; its defaults."""

    frames_hz: float = 30.0
    ticks_hz: float = 1.0

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Self:
        """From the attributes of the root, by their names without a namespace. Raises `ValueError` and `ArithmeticError`."""
        frames_hz = float(attributes.get("frameRate", cls.frames_hz))
        up, down = (float(each) for each in re.split(r"[\s:]+", attributes.get("frameRateMultiplier", "1 1").strip()))
        ticks_hz = float(attributes.get("tickRate", frames_hz if "frameRate" in attributes else cls.ticks_hz))
        return cls(frames_hz * up / down, ticks_hz)

    def seconds(self, text: str) -> float:
        """A clock, a clock with frames (``00:00:01:12``), or a number with its unit: h, m, s, ms, f, t."""
        text = text.strip()
        offset = _OFFSET.fullmatch(text)
        if offset:
            units_s = _UNITS_S | {"f": 1 / self.frames_hz, "t": 1 / self.ticks_hz}
            return float(offset[1]) * units_s[offset[2]]
        frames = _FRAMES.fullmatch(text)
        if frames:
            hours, minutes, seconds, count = map(int, frames.groups())
            return hours * 3600.0 + minutes * 60.0 + seconds + count / self.frames_hz
        return clock_s(text)
