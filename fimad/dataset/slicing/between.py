"""Samples between those of a clock: interpolation, and what stands where nothing was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Times closer than this share of a sample's distance are the same.
_SAME = 1e-6
# A window's rate below this share of the clock's is a lower one.
_LOWER = 0.98
# Neighbours further apart (and more than three samples' distance) have a hole between them.
_HOLE_S = 0.5
# Numbers that are interpolated at a time: neighbours stay in the processor's cache.
_BLOCK = 256 * 99


class Between:
    """Linear interpolation at many times, with the neighbours found once."""

    def __init__(self, clock_s: NDArray[np.float64], time_s: NDArray[np.float64]) -> None:
        last = len(clock_s) - 1
        step = min(clock_s[1] - clock_s[0], clock_s[-1] - clock_s[-2]) if last > 0 else 0.0
        self._clock_s, self._step_s = clock_s, step
        # Rates of the clock and of the window; one instant has none.
        self._rates_hz = (1 / step, (len(time_s) - 1) / (time_s[-1] - time_s[0])) if step and len(time_s) > 1 else None
        self._own = None if self._lower else _own_samples(clock_s, time_s)
        if self._own is not None:
            self._held = time_s[self._own.stop - self._own.start :] <= clock_s[-1] + 1.001 * step
            return
        self._right = np.minimum(np.maximum(np.searchsorted(clock_s, time_s), 1), last)
        self._left = np.maximum(self._right - 1, 0)
        before = clock_s[self._left]
        span = clock_s[self._right] - before
        share = np.divide(time_s - before, span, out=np.zeros(len(time_s)), where=span > 0)
        share = np.minimum(np.maximum(share, 0.0), 1.0)
        # A clock that is the window's own, but for rounding, gives its own samples.
        at_left, at_right = share < _SAME, share > 1 - _SAME
        share[at_left], share[at_right] = 0.0, 1.0
        exact = at_left | at_right
        # A window may begin a rounding error before the first sample.
        self._inside = (time_s >= clock_s[0] - 1e-3 * step - 1e-9) & (time_s <= clock_s[-1] + 1.001 * step)
        # Across a hole in the clock nothing was measured.
        self._inside &= exact | (span <= max(_HOLE_S, 3 * step))
        self._at_left, self._at_right = at_left, at_right
        self._share = share.astype(np.float32)[:, None]
        self._exact = np.flatnonzero(exact)
        self._nearest = np.where(at_right, self._right, self._left)

    @property
    def _lower(self) -> bool:
        """Whether the window's rate is lower than the clock's."""
        return self._rates_hz is not None and self._rates_hz[1] <= _LOWER * self._rates_hz[0]

    def valid(self, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether both neighbours are good; one alone counts where it is all of the value."""
        result: NDArray[np.bool_]
        if self._own is not None:
            # Until the next sample would come, the last one holds.
            result = np.concatenate([good[self._own], self._held & bool(good[-1])])
            return result
        left = good[self._left] | self._at_right
        right = good[self._right] | self._at_left
        result = left & right & self._inside
        return result

    def limited(self, values: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(n, k) values without what a window of a lower rate can't hold, run by run of good ones (n,)."""
        if self._rates_hz is None or not self._lower:
            return values
        from fimad.simulate.smoothing.resample import band_limited, reach_of  # SciPy, for few

        reach = reach_of(*self._rates_hz) + 1
        first, end = max(0, int(self._left[0]) - reach), int(self._right[-1]) + reach + 1
        edges = np.diff(self._clock_s[first:end]) > 1.5 * self._step_s
        runs = np.cumsum(np.concatenate([[True], edges | (np.diff(good[first:end].astype(int)) != 0)]))
        result = values.copy()
        for run in np.split(np.arange(first, first + len(runs)), np.flatnonzero(np.diff(runs)) + 1):
            if good[run[0]]:
                result[run] = band_limited(values[run].astype(np.float64), *self._rates_hz)
        return result

    def mix(self, values: NDArray[np.float32], result: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, k) interpolated values in `result`; NaN of a neighbour that does not count is not taken over."""
        if self._own is not None:
            count = self._own.stop - self._own.start
            result[:count], result[count:] = values[self._own], values[-1]
            return result
        if len(self._exact) == len(self._nearest):
            # Any other mode than "raise" writes to the place itself.
            return values.take(self._nearest, axis=0, out=result, mode="clip")
        rows = max(1, _BLOCK // values.shape[1])
        before = np.empty((min(rows, len(result)), values.shape[1]), np.float32)
        for first in range(0, len(result), rows):
            some = slice(first, first + rows)
            right = result[some]
            left = before[: len(right)]
            # Any other mode than "raise" writes to the place itself.
            values.take(self._left[some], axis=0, out=left, mode="clip")
            values.take(self._right[some], axis=0, out=right, mode="clip")
            right -= left
            right *= self._share[some]
            right += left
        if len(self._exact):
            result[self._exact] = values.take(self._nearest[self._exact], axis=0)
        return result


def _own_samples(clock_s: NDArray[np.float64], time_s: NDArray[np.float64]) -> slice | None:
    """The samples of the clock that lie at the first of the times, if all others lie after its end."""
    first = int(np.searchsorted(clock_s, time_s[0]))
    if first and (first == len(clock_s) or time_s[0] - clock_s[first - 1] < clock_s[first] - time_s[0]):
        first -= 1
    own = clock_s[first : first + len(time_s)]
    # Another rate shows at the end, and nothing else has to be looked at.
    if len(own) > 1 and not abs(time_s[len(own) - 1] - own[-1]) < own[-1] - own[-2]:
        return None
    # Well within what `share` takes for the same.
    least = 0.5 * _SAME * float(np.diff(clock_s[max(0, first - 1) : first + len(time_s) + 1]).min(initial=np.inf))
    if not least < np.inf or np.abs(time_s[: len(own)] - own).max() >= least:
        return None
    if len(own) < len(time_s) and time_s[len(own) :].min() <= clock_s[-1] + least:
        return None
    return slice(first, first + len(own))


def fill_gaps(arrays: Sequence[NDArray[np.float32]], good: NDArray[np.bool_], fill: str) -> None:
    """Put something in place of the samples of (n, k) arrays that are not good (n,); see `clip_windows` for how."""
    if good.all() or fill == "zero":
        return
    if fill == "nan" or not good.any():
        for values in arrays:
            values[~good] = np.nan
        return
    missing, left, right, share = neighbours(good)
    after = share[:, None]
    before = 1 - after
    for values in arrays:
        values[missing] = values[left] * before + values[right] * after


def neighbours(
    good: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Of samples that are not good: which they are, the good ones before and after each, and the share of the latter."""
    missing, there = np.flatnonzero(~good), np.flatnonzero(good)
    place = np.searchsorted(there, missing)
    left, right = there[np.maximum(place - 1, 0)], there[np.minimum(place, len(there) - 1)]
    # Before the first measured sample and after the last, both neighbours are that one.
    left = np.where(place == 0, right, left)
    share = np.divide(missing - left, right - left, out=np.zeros(len(missing)), where=right > left)
    return missing, left, right, share.astype(np.float32)
