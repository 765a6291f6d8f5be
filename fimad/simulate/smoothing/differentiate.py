"""Ways to differentiate a noisy trajectory twice, behind one interface.

`differentiate` takes (n,) times in s (rising, irregular spacing allowed) and (n, k) finite values, and gives `Smoothed` at any
times within. `adaptive` is the default; the others are the field's usual ones, kept for comparison. SciPy's filters and splines are imported
where they are used: together they take a second, and the default rarely needs one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.smoothing.floor import FLOOR_SLOPE, floor_band
from fimad.simulate.smoothing.irregular import floor_bias, uniform
from fimad.simulate.smoothing.kalman import rts_smooth
from fimad.simulate.smoothing.resample import resample
from fimad.simulate.smoothing.spectral import Doubt, Noise, Smoothed, wiener
from fimad.simulate.types import Floats

# Where nothing else is said: motion capture, channels of their own.
CAPTURE = Noise(16.0, falling=True)

Method = Callable[[Floats, Floats, Noise], Smoothed]


def differentiate(
    time_s: Floats,
    values: Floats,
    *,
    method: str = "adaptive",
    noise: Noise = CAPTURE,
    at_s: Floats | None = None,
) -> Smoothed:
    """Smoothed values and their second derivative.

    Parameters
    ----------
    time_s : (n,) s, strictly rising, n >= 4; spacing may vary.
    values : (n, k), finite.
    method : one of `METHODS`.
    noise : for the default method.
    at_s : (m,) times of the result; as `time_s` if not given.

    Raises
    ------
    ConfigError : there is no such method.
    """
    if method not in METHODS:
        raise ConfigError(
            f"There is no method {method!r}.", "The name is misspelt.", f"The methods are: {', '.join(METHODS)}."
        )
    smooth = METHODS[method](time_s, values, noise)
    at_s = time_s if at_s is None else at_s
    if (first := int(np.searchsorted(smooth.time_s, at_s[0]))) + len(at_s) <= len(smooth.time_s):
        same = slice(first, first + len(at_s))
        if np.array_equal(smooth.time_s[same], at_s):
            return Smoothed(at_s, smooth.position[same], smooth.acceleration[same], smooth.doubt, smooth.share)
    at_s = np.minimum(np.maximum(at_s, smooth.time_s[0]), smooth.time_s[-1])
    both = np.empty((len(smooth.time_s), 2, values.shape[1]))
    both[:, 0], both[:, 1] = smooth.position, smooth.acceleration
    made = resample(smooth.time_s, both.reshape(len(both), -1), at_s)
    channels = values.shape[1]
    return Smoothed(at_s, made[:, :channels], made[:, channels:], smooth.doubt, smooth.share)


def adaptive(time_s: Floats, values: Floats, noise: Noise) -> Smoothed:
    """`spectral.wiener`, on an even grid."""
    grid, even, rate_hz = uniform(time_s, values)
    if grid is not time_s:
        # Above the band noise is flatter than within it, and that is what missing frames fold into it.
        noise = replace(noise, bias=floor_bias(time_s, FLOOR_SLOPE / 2, floor_band(rate_hz)))
    return wiener(grid, even, rate_hz, noise)


def _on_grid(compute: Callable[[Floats, float], tuple[Floats, Floats]]) -> Method:
    """A method for uniform samples, made to take irregular ones."""

    def method(time_s: Floats, values: Floats, noise: Noise) -> Smoothed:
        grid, even, rate_hz = uniform(time_s, values)
        return _plain(grid, even, *compute(even, rate_hz))

    return method


def _plain(time_s: Floats, values: Floats, position: Floats, acceleration: Floats) -> Smoothed:
    """Without an uncertainty of their own, these methods state the spread of what they took off, and of its derivatives."""
    orders = [values - position]
    for _ in range(2):
        orders.append(np.gradient(orders[-1], time_s, axis=0))
    passed = np.stack([each.var(0) for each in orders])[:, None]
    nothing = np.zeros_like(passed)
    doubt = Doubt(np.array([time_s.mean()]), passed, nothing, nothing, (time_s[0], time_s[-1]))
    return Smoothed(time_s, position, acceleration, doubt, np.ones(values.shape[1]))


def central(values: Floats, rate_hz: float) -> tuple[Floats, Floats]:
    """Central differences: a = (x[i+1] − 2x[i] + x[i−1])·rate². Transfer function −(2·rate·sin(πf/rate))²."""
    padded = np.concatenate([2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1]])
    acceleration = (padded[2:] - 2 * padded[1:-1] + padded[:-2]) * rate_hz**2
    return values, acceleration


def transpose(values: Floats, rate_hz: float, n: int = 4) -> tuple[Floats, Floats]:
    """TransPose's stencil over ±n frames: a = (x[i+n] − 2x[i] + x[i−n])·(rate/n)² (Yi et al. 2021, arXiv 2105.04605)."""
    n = min(n, len(values) - 1)
    padded = np.concatenate([2 * values[:1] - values[n:0:-1], values, 2 * values[-1:] - values[-2 : -n - 2 : -1]])
    ahead, behind = padded[2 * n :], padded[: -2 * n]
    return values, (ahead - 2 * values + behind) * (rate_hz / n) ** 2


def savitzky_golay(values: Floats, rate_hz: float, window_s: float = 0.3, order: int = 3) -> tuple[Floats, Floats]:
    """Savitzky-Golay, window in seconds (Savitzky & Golay 1964, doi:10.1021/ac60214a047)."""
    from scipy.signal import savgol_filter

    size = min(max(order + 2, round(window_s * rate_hz)) | 1, (len(values) - 1) | 1)
    order = min(order, size - 1)
    step = 1 / rate_hz
    made = [savgol_filter(values, size, order, deriv=d, delta=step, axis=0) for d in (0, 2)]
    return made[0], made[1]


def butterworth_residual(values: Floats, rate_hz: float) -> tuple[Floats, Floats]:
    """Zero-lag Butterworth, cut-off per channel by residual analysis (Winter 2009, Biomechanics, section 3.4.4.3)."""
    cutoffs = np.linspace(0.5, min(12.0, 0.38 * rate_hz), 24)
    filtered = np.stack([_lowpass(values, cutoff, rate_hz) for cutoff in cutoffs])
    residual = np.sqrt(((filtered - values) ** 2).mean(1))
    # The straight line through the right part is what noise alone would leave; its intercept is the residual to accept.
    right = cutoffs > 0.5 * cutoffs[-1]
    _, intercept = np.polyfit(cutoffs[right], residual[right], 1)
    chosen = (residual <= intercept).argmax(0)
    smooth = np.take_along_axis(filtered, chosen[None, None, :], 0)[0]
    return central(smooth, rate_hz)


def _lowpass(values: Floats, cutoff_hz: float, rate_hz: float) -> Floats:
    from scipy.signal import butter, sosfiltfilt

    sections = butter(2, cutoff_hz / 0.802, fs=rate_hz, output="sos")  # 0.802: two passes, Winter
    result: Floats = sosfiltfilt(sections, values, axis=0, padlen=min(len(values) - 1, round(rate_hz)))
    return result


def spline_gcv(time_s: Floats, values: Floats, noise: Noise) -> Smoothed:
    """Cubic smoothing spline, penalty by generalised cross-validation (Woltring 1986; Craven & Wahba 1979)."""
    from scipy.interpolate import make_smoothing_spline

    splines = [make_smoothing_spline(time_s, column) for column in values.T]
    position, acceleration = (np.stack([spline(time_s, nu=d) for spline in splines], 1) for d in (0, 2))
    return _plain(time_s, values, position, acceleration)


def kalman(time_s: Floats, values: Floats, noise: Noise) -> Smoothed:
    """Constant-acceleration Kalman filter with RTS smoothing, noise ratio per channel by likelihood."""
    position, _, acceleration = rts_smooth(time_s, values)
    return _plain(time_s, values, position, acceleration)


METHODS: dict[str, Method] = {
    "adaptive": adaptive,
    "central": _on_grid(central),
    "transpose": _on_grid(transpose),
    "savitzky_golay": _on_grid(savitzky_golay),
    "butterworth": _on_grid(butterworth_residual),
    "spline_gcv": spline_gcv,
    "kalman": kalman,
}
