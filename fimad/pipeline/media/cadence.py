"""Frame-rate conversions, found in how much each picture differs from the one before, and the times that they hide.

Who converts 24 frames a second to 30 shows every fourth picture twice; who converts 30 to 24 leaves every fifth out, and 60 to 24
one and two in turn. Evenly moving people then move unevenly, and a false tone is in every signal (5 Hz of 60 to 25). A converter that puts out `r` frames a
second from `s` shows in frame n the picture number floor(n s / r + phase): which ratio and which phase explain the changes best
is found for every stretch of a clip with the Viterbi algorithm (Forney 1973), against a video that was not converted. A single
repeat proves no conversion, since people stand still: only the pattern does. One that stands amid even motion is a picture that was
held for one that was lost, and is left out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Rates at which people film, animate, broadcast and show; each also a thousandth slower, as NTSC has it.
_RATES_HZ = (10, 12, 15, 18, 20, 24, 25, 30, 48, 50, 60)
_SAME_RATE = 0.006
# Conversions that repeat more, or whose patterns are longer, are not to be told from people who stand still. Those that leave
# more out than 60 to 24 does are hardly uneven.
_SMALLEST_RATIO = 0.25
_LARGEST_RATIO = 2.5
_LONGEST_PATTERN = 25
# A picture is a repeat if it changed by less than this share of its neighbours' change, and is none above the other.
_REPEAT_SHARE = 0.25
_NEW_SHARE = 0.5
_SURE_SHARE = 0.1
# Below this change, in levels, and so many times the quietest pictures', nobody moves: such pictures prove nothing either
# way.
_MOVING_LEVELS = 0.1
_OVER_NOISE = 1.5
_MISS = -3.0
_UNEXPLAINED = -0.3
# Who turns around stands still for a moment, and does so in every repetition. Repeats that are rarer than this, as a share of
# the frames, must stand out from pictures that change as much as those around them.
_RARE = 0.1
_ISOLATED_SHARE = 0.65
# What a conversion, or another phase of it, has to explain: so many repeats where they are predicted, more of a pattern with
# many of them, which moments of rest fit more easily. What was left out shows less clearly than what is there twice, least where
# more than a picture in five is.
_SWITCH_REPEATS = 5.0
_SWITCH_DENSE = 15.0
_SWITCH_SKIPS = 16.0
_SWITCH_MANY_SKIPS = 24.0
_MANY_SKIPS = 1.25
# How well the change follows the number of pictures that were left out, as a standard deviation of its logarithm.
_SPREAD = 0.25
_MOST_FOR, _MOST_AGAINST, _BEYOND = 1.0, 2.0, 0.01
# Frames that come at another distance than the others' median by more than this share have times of their own.
_EVEN = 0.3
_FEWEST = 24
# A change of brightness beyond this share is none of a lamp's.
_FLICKER = 0.1
# Rows, or columns if those are fewer, of the small pictures that are compared.
_ROWS = 120


@dataclass(frozen=True)
class Cadence:
    """When the pictures of a clip were taken.

    Parameters
    ----------
    source_time_s : (n,) estimated times, rising; NaN for a frame that repeats the one before. Those of a clip that was not
        converted are its presentation times.
    repeated : number of frames that repeat the one before.
    skipped : number of pictures that were left out.
    rates_hz : (before, after) of the conversions that were found, most frames first; empty if there were none.
    unknown : why it can't be told whether there were any; empty if it can.
    """

    source_time_s: Floats
    repeated: int
    skipped: int
    rates_hz: tuple[tuple[float, float], ...]
    unknown: str = ""


class ChangeMeter:
    """How much each picture differs from the one before: the mean over the picture, in levels of 8 bits.

    The mean goes with how far people move; that of the most changed places alone does not, as it is soon at its limit. Both
    pictures are brought to one brightness: lamps flicker at twice the mains' frequency, which at 24, 25 or 30 pictures a second comes back
    every third, fifth or sixth of them, as conversions do.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None
        self._light = 0.0

    def reset(self) -> None:
        """Forget the picture before: the next one follows nothing."""
        self._before = None

    def __call__(self, frame: Any) -> float:
        """The change of a decoded `av.VideoFrame`; NaN for the first."""
        import cv2

        now = _small(frame)
        before, self._before = self._before, now
        light, self._light = self._light, cv2.mean(now)[0]
        if before is None or before.shape != now.shape:
            return float("nan")
        plain = cv2.norm(before, now, cv2.NORM_L1)
        gain = min(max(light / max(self._light, 1.0), 1 - _FLICKER), 1 + _FLICKER)
        even = cv2.norm(cv2.addWeighted(now, gain, before, -1.0, 0.0, dtype=cv2.CV_32F), cv2.NORM_L1)
        # Who moves changes the brightness a little as well: evened out, that would be a change of all that stands still.
        return float(min(plain, even)) / now.size


def _small(frame: Any) -> NDArray[np.uint8]:
    """Luminance, scaled down by a whole number."""
    import cv2

    if frame.format.name.startswith(("yuv", "gray", "nv")) and frame.format.components[0].bits == 8:
        plane = frame.planes[0]
        grey: NDArray[Any] = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    else:
        grey = frame.to_ndarray(format="gray")
    step = max(1, min(grey.shape) // _ROWS)
    rows, columns = grey.shape[0] // step, grey.shape[1] // step
    size = (columns, rows)
    return np.array(cv2.resize(grey[: rows * step, : columns * step], size, interpolation=cv2.INTER_AREA), np.uint8)


def find_cadence(time_s: Floats, change: Floats) -> Cadence:
    """Whether the frames of a clip were converted from another rate, and when its pictures were taken then.

    Parameters
    ----------
    time_s : (n,) presentation times of all frames, s, rising.
    change : (n,) what `ChangeMeter` measured; the first is NaN.
    """
    times = np.asarray(time_s, np.float64).copy()
    step = np.diff(times)
    plain = Cadence(times, 0, 0, ())
    if len(times) < _FEWEST:
        return replace(plain, unknown=f"{len(times)} frames are too few")
    usual = float(np.median(step))
    even = np.abs(step - usual) < _EVEN * usual
    if even.mean() < 0.9:
        return replace(plain, unknown="the frames are uneven")
    # Where frames are missing, whatever pattern there was begins anew.
    edges = [0, *(np.flatnonzero(~even) + 1).tolist(), len(times)]
    rate_hz = 1 / float(step[even].mean())
    if not _conversions(rate_hz, skips=False) and not _conversions(rate_hz, skips=True):
        return replace(plain, unknown=f"no conversion to {rate_hz:.3g} frames a second is known")
    if np.count_nonzero(np.asarray(change) > _MOVING_LEVELS) < _FEWEST:
        return replace(plain, unknown="hardly anything moves")
    found: dict[tuple[float, float], int] = {}
    repeated = np.zeros(len(times), bool)
    skipped = 0
    for low, high in itertools.pairwise(edges):
        own = times[low:high].copy()
        # Repeats twice, for who converts 24 to 30 and that to 60.
        for skips in (False, False, True):
            kept = np.flatnonzero(~repeated[low:high])
            if len(kept) < _FEWEST:
                break
            kinds = _conversions(float((len(kept) - 1) / (own[kept[-1]] - own[kept[0]])), skips=skips)
            # Of frames that repeat nothing, the change is that since the last that did not.
            seen = np.asarray(change[low:high], np.float64)[kept]
            scores = _score_skips(seen, kinds) if skips else _score_repeats(seen, kinds)
            states = _explained(scores, _prices(kinds, skips=skips))
            runs = _runs(states, kinds)
            for begin, end, ratio, phase in runs:
                numbers = np.floor(np.arange(begin, end) * float(ratio) + phase + 1e-9)
                fresh = np.r_[True, np.diff(numbers) > 0]
                at = kept[begin:end]
                now_hz = float((len(at) - 1) / (own[at[-1]] - own[at[0]]))
                taken = numbers / (now_hz * float(ratio))
                own[at] = taken - np.mean(taken[fresh] - own[at][fresh])
                if len(runs) == 1:
                    own[at] -= _from_ticks(own[at[0]], 1 / (now_hz * float(ratio)), 1 / (now_hz * ratio.numerator))
                repeated[low:high][at[~fresh]] = True
                skipped += int(np.maximum(0, np.diff(numbers) - 1).sum())
                pair = (round(now_hz * float(ratio), 2), round(now_hz, 2))
                found[pair] = found.get(pair, 0) + len(at)
        times[low:high] = own
        if not repeated[low:high].any():
            repeated[low:high] = _held(np.asarray(change[low:high], np.float64))
    if not repeated.any() and not found:
        return plain
    times[repeated] = np.nan
    _keep_rising(times, 0.25 / rate_hz)
    order = sorted(found, key=lambda pair: -found[pair])
    return Cadence(times, int(repeated.sum()), skipped, tuple(order))


def _from_ticks(time_s: float, step_s: float, unsure_s: float) -> float:
    """How late a picture is after a tick of a clock that began with the file; 0 if that is more than can be unknown.

    A converter that takes the nearest picture shows the same ones whenever, within `unsure_s`, the source's clock began. As a
    rule it began with the file; on the mean, pictures are then shown late, as what lies in the middle is taken late.
    """
    late = (time_s + step_s / 2) % step_s - step_s / 2
    return late if abs(late) <= 0.51 * unsure_s else 0.0


def source_times(time_s: Floats, seen_s: Floats, cadence: Cadence) -> Floats:
    """When the pictures of some of a clip's frames were taken; NaN for a frame with the picture of the one before it.

    Parameters
    ----------
    time_s : (m,) presentation times of these frames.
    seen_s : (n,) presentation times of all frames, for which `cadence` was found.
    """
    if not (cadence.rates_hz or cadence.repeated) or not len(seen_s):
        return np.array(time_s, np.float64)
    known = np.isfinite(cadence.source_time_s)
    # A repeat shows what the last frame that is none does.
    shown = np.maximum.accumulate(np.where(known, np.arange(len(seen_s)), 0))
    at = shown[np.clip(np.searchsorted(seen_s, time_s), 0, len(seen_s) - 1)]
    taken: Floats = cadence.source_time_s[at]
    taken[np.r_[False, np.diff(at) == 0]] = np.nan
    return taken


def _keep_rising(times: Floats, least_s: float) -> None:
    """Where two estimates meet, the later one gives way."""
    before = -np.inf
    for at in np.flatnonzero(np.isfinite(times)):
        times[at] = max(times[at], before + least_s) if times[at] <= before else times[at]
        before = times[at]


@cache
def _conversions(rate_hz: float, *, skips: bool) -> tuple[Fraction, ...]:
    """Ratios of rates, before over after, that may have led to this one."""
    after = next((rate for rate in _RATES_HZ if abs(rate_hz / rate - 1) < _SAME_RATE), None)
    if after is None:
        return ()
    ratios = [Fraction(before, after) for before in _RATES_HZ]
    low, high = (1, _LARGEST_RATIO) if skips else (_SMALLEST_RATIO, 1)
    # One to a whole number leaves out the same everywhere.
    wanted = [each for each in ratios if low <= each <= high and 1 < each.denominator <= _LONGEST_PATTERN]
    return tuple(dict.fromkeys(wanted))


@cache
def _states(kinds: tuple[Fraction, ...]) -> tuple[tuple[Fraction, float], ...]:
    """(ratio, phase) of each state after the first, which is a video that was not converted."""
    return tuple((ratio, phase / ratio.denominator) for ratio in kinds for phase in range(ratio.denominator))


def _steps(count: int, ratio: Fraction, phase: float) -> Floats:
    """How many pictures further each frame is than the one before."""
    numbers = np.floor(np.arange(-1, count) * float(ratio) + phase + 1e-9)
    return np.diff(numbers)


def _shifted(change: Floats, by: int) -> Floats:
    """What the frame `by` places further has; NaN beyond the ends."""
    moved = np.full(len(change), np.nan)
    if by < 0:
        moved[-by:] = change[:by]
    else:
        moved[:-by] = change[by:]
    return moved


def _largest(change: Floats, places: tuple[int, ...]) -> Floats:
    """The largest of the frames in these places from each; NaN where there are none."""
    found = np.full(len(change), np.nan)
    for by in places:
        found = np.fmax(found, _shifted(change, by))
    return found


def _moving(change: Floats, level: Floats) -> NDArray[np.bool_]:
    quiet = np.nanquantile(change, 0.05) if np.isfinite(change).any() else 0.0
    return np.isfinite(change) & np.isfinite(level) & (level > max(_MOVING_LEVELS, _OVER_NOISE * quiet))


def _score_repeats(change: Floats, kinds: tuple[Fraction, ...]) -> Floats:
    """(n, states) evidence for each state over the first."""
    before, after = (_largest(change, reach) for reach in ((-3, -2, -1), (1, 2, 3)))
    # Something must move on both sides: a picture that changes once, like a title, tells nothing of those around it.
    level = np.minimum(before, after)
    share = change / np.where(level > 0, level, np.nan)
    moving = _moving(change, level)
    if_repeat = np.select([share < _REPEAT_SHARE, share > _NEW_SHARE], [1.0, _MISS], 0.0)
    nearest = np.minimum(_shifted(change, -1), _shifted(change, 1))
    around = np.stack([_shifted(change, by) for by in (-3, -2, 2, 3)])
    farther = np.where(np.isfinite(around).all(0), np.median(around, 0), np.nan)
    alone = nearest > _ISOLATED_SHARE * farther
    isolated = np.where((if_repeat > 0) & ~alone, 0.0, if_repeat)
    if_new = np.where(share < _SURE_SHARE, _UNEXPLAINED, 0.0)
    # A picture between others that change less and less is where somebody turns around: it speaks neither for nor against.
    if_new_alone = np.where(alone, if_new, 0.0)
    scores = np.zeros((len(change), 1 + len(_states(kinds))))
    for at, (ratio, phase) in enumerate(_states(kinds), 1):
        repeat, new = (isolated, if_new_alone) if 1 - ratio < _RARE else (if_repeat, if_new)
        scores[:, at] = np.where(moving, np.where(_steps(len(change), ratio, phase) == 0, repeat, new), 0.0)
    return scores


def _held(change: Floats) -> NDArray[np.bool_]:
    """Frames that stand still between others that move: recorders and encoders that lose a picture show the one before it once more.

    They follow no pattern. The frame behind is where it belongs, so that no time has to be found; people who turn around slow
    down before they do.
    """
    nearest = np.minimum(_shifted(change, -1), _shifted(change, 1))
    around = np.stack([_shifted(change, by) for by in (-3, -2, 2, 3)])
    farther = np.where(np.isfinite(around).all(0), np.median(around, 0), np.nan)
    still = change < _SURE_SHARE * nearest
    return np.asarray(still & (nearest > _ISOLATED_SHARE * farther) & _moving(change, nearest))


def _score_skips(change: Floats, kinds: tuple[Fraction, ...]) -> Floats:
    """(n, states) evidence for each state over the first: change goes with the number of pictures between two frames."""
    mean = (_shifted(change, -1) + _shifted(change, 1)) / 2
    moving = _moving(change, mean)
    rise = np.where(moving, np.log(np.maximum(change, 1e-3) / np.where(moving, mean, 1.0)), 0.0)
    scores = np.zeros((len(change), 1 + len(_states(kinds))))
    for at, (ratio, phase) in enumerate(_states(kinds), 1):
        steps = _steps(len(change) + 2, ratio, phase - float(ratio))
        expected = np.log(steps[1:-1] / ((steps[:-2] + steps[2:]) / 2))
        gain = (rise**2 - (rise - expected) ** 2) / (2 * _SPREAD**2)
        # Beyond the limits little counts, but it tells patterns of one shape apart (one and two in turn, two and three).
        limited = np.clip(gain, -_MOST_AGAINST, _MOST_FOR)
        scores[:, at] = np.where(moving, limited + _BEYOND * (gain - limited), 0.0)
    return scores


def _prices(kinds: tuple[Fraction, ...], *, skips: bool) -> Floats:
    """(states,) what it takes to go to each state. Back to a video that was not converted costs nothing."""
    ratios = np.array([float(ratio) for ratio, _ in _states(kinds)])
    if skips:
        own = np.where(ratios > _MANY_SKIPS, _SWITCH_MANY_SKIPS, _SWITCH_SKIPS)
    else:
        own = _SWITCH_REPEATS + _SWITCH_DENSE * (1 - ratios)
    prices: Floats = np.r_[0.0, own]
    return prices


def _explained(scores: Floats, price: Floats) -> NDArray[np.intp]:
    """The state of each frame (Viterbi)."""
    total = scores[0] - price
    came = np.empty(scores.shape, np.intp)
    stay = np.arange(scores.shape[1])
    for at in range(1, len(scores)):
        best = int(total.argmax())
        moved = total[best] - price > total
        came[at] = np.where(moved, best, stay)
        total = np.where(moved, total[best] - price, total) + scores[at]
    states = np.empty(len(scores), np.intp)
    # What follows the last evidence goes on as before.
    total[0] -= 1e-6
    states[-1] = int(total.argmax())
    for at in range(len(scores) - 1, 0, -1):
        states[at - 1] = came[at][states[at]]
    return states


def _runs(states: NDArray[np.intp], kinds: tuple[Fraction, ...]) -> list[tuple[int, int, Fraction, float]]:
    """(begin, end, ratio, phase) of each stretch that was converted."""
    edges = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    table = _states(kinds)
    runs = []
    for begin, end in itertools.pairwise(edges):
        if states[begin] and end - begin > 1:
            runs.append((begin, end, *table[states[begin] - 1]))
    return runs
