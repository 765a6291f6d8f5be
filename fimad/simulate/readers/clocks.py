"""Times of a recording: printed digits are not jitter, and what is no time is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.types import Floats

#: Rates at which people's motion is recorded, Hz.
RATES_HZ = (4.0, 2500.0)


def fitted(time_s: Floats, rate_hz: float | None, resolution_s: float, source: str) -> tuple[Floats, dict[str, Any]]:
    """Times in s as they were before they were rounded, and what was done to them.

    Where frames at an even rate explain all times within half of their last digit, the times are those of that rate: a second
    derivative of milliseconds at 240 Hz would be noise (0.5 ms of 4.2 ms). Otherwise times stay as they are.

    Parameters
    ----------
    time_s : (n,) as written.
    rate_hz : the rate that the file states, if it does.
    resolution_s : the value of the last digit of a time.

    Raises
    ------
    ConfigError : times that are missing, do not rise, or are no seconds.
    """
    if len(time_s) < 2:
        raise ConfigError(
            f"{source!r} has {len(time_s)} frames.",
            "It is empty, or cut short.",
            "Give a recording of a second or more.",
        )
    lost = np.flatnonzero(~np.isfinite(time_s))
    if len(lost):
        raise ConfigError(
            f"Frame {lost[0] + 1} of {source!r} has no time.",
            "A cell is empty or no number.",
            "Mend or remove that row.",
        )
    even, notes = _even(time_s, rate_hz, resolution_s)
    if even is not None:
        time_s = even
    steps = np.diff(time_s)
    back = np.flatnonzero(steps <= 0)
    if len(back):
        at = int(back[0])
        raise ConfigError(
            f"The times of {source!r} do not rise: frame {at + 1} is at {time_s[at]:.6g}, frame {at + 2} at {time_s[at + 1]:.6g}.",
            "Parts were joined, rows are out of order or double, or times are rounded to more than a frame.",
            "Sort the rows and remove double ones, or write times with more digits.",
        )
    rate = 1 / float(np.median(steps))
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        thousand = RATES_HZ[0] <= rate * 1000 <= RATES_HZ[1]
        raise ConfigError(
            f"{source!r} has a frame every {np.median(steps):.6g} s.",
            "Times are milliseconds." if thousand else "Times are no seconds, or the header's rate is wrong.",
            "Divide the times by 1000." if thousand else "Write times in seconds.",
        )
    notes["source_rate_hz"] = round(rate, 4)
    return time_s, notes


def _even(time_s: Floats, rate_hz: float | None, resolution_s: float) -> tuple[Floats | None, dict[str, Any]]:
    count = np.arange(len(time_s), dtype=float)
    # As far as rounding can take a time, and what a sum of rounded numbers loses.
    slack = 0.51 * resolution_s + 1e-9 * abs(float(time_s[-1])) + 1e-12
    rates = [1 / float((time_s[-1] - time_s[0]) / (len(time_s) - 1))] if time_s[-1] > time_s[0] else []
    if rates:
        rates.insert(0, float(round(rates[0])) or rates[0])
    for rate in [*([rate_hz] if rate_hz else []), *rates, *_slopes(time_s, count)]:
        if not rate > 0:
            continue
        off = time_s - count / rate
        start = (float(off.max()) + float(off.min())) / 2
        if float(np.abs(off - start).max()) <= slack:
            changed = float(np.abs(off - start).max()) > 1e-9
            # A recording that begins at 0 began at 0.
            start = 0.0 if abs(start) <= slack else start
            return start + count / rate, {"times": "fitted to an even rate" if changed else "even"}
    return None, {"times": "as written"}


def _slopes(time_s: Floats, count: Floats) -> list[float]:
    """The rate by least squares."""
    slope = float(np.polyfit(count, time_s, 1)[0])
    return [1 / slope] if slope > 0 else []
