"""Ways to differentiate a noisy trajectory twice, behind one interface.

Each method takes (n,) times in s (rising, irregular spacing allowed), (n, k) finite values and the configuration, and gives
`Smoothed` on the same times. `adaptive` is the default; the others are the field's usual ones, kept for comparison.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal
from scipy.interpolate import CubicSpline, make_smoothing_spline

from fimad.config import SimulateConfig
from fimad.simulate.kalman import rts_smooth
from fimad.simulate.spectral import Smoothed, wiener
from fimad.simulate.types import Floats

Method = Callable[[Floats, Floats, int | None, SimulateConfig], Smoothed]


def uniform(time_s: Floats, values: Floats) -> tuple[Floats, Floats, float]:
    """Values at uniform times through their cubic spline: (m,) times, (m, k) values, rate in Hz.

    The spline passes through every sample at its own time, so that irregular spacing is honoured and not renamed.
    """
    rate_hz = 1 / float(np.median(np.diff(time_s)))
    count = max(4, round((time_s[-1] - time_s[0]) * rate_hz) + 1)
    grid = np.linspace(time_s[0], time_s[-1], count)
    rate_hz = (count - 1) / (time_s[-1] - time_s[0])
    if len(grid) == len(time_s) and np.abs(grid - time_s).max() < 1e-6:
        return grid, values, rate_hz
    return grid, CubicSpline(time_s, values, axis=0)(grid), rate_hz


def _on_grid(compute: Callable[[Floats, float], tuple[Floats, Floats, Floats]]) -> Method:
    """A method for uniform samples, made to take irregular ones."""

    def method(time_s: Floats, values: Floats, depth_axis: int | None, config: SimulateConfig) -> Smoothed:
        grid, even, rate_hz = uniform(time_s, values)
        parts = compute(even, rate_hz)
        return _plain(*(_back(grid, part, time_s) for part in parts), values=values)

    return method


def _back(grid: Floats, values: Floats, time_s: Floats) -> Floats:
    if len(grid) == len(time_s) and np.abs(grid - time_s).max() < 1e-6:
        return values
    result: Floats = CubicSpline(grid, values, axis=0)(time_s)
    return result


def _plain(position: Floats, velocity: Floats, acceleration: Floats, *, values: Floats) -> Smoothed:
    """Without an uncertainty of their own, these methods state the spread of what they took off."""
    spread = np.broadcast_to((values - position).std(0), values.shape)
    return Smoothed(position, velocity, acceleration, spread, np.ones(values.shape[1]))


def adaptive(time_s: Floats, values: Floats, depth_axis: int | None, config: SimulateConfig) -> Smoothed:
    """`spectral.wiener`, harder on the axis that carries the noise of monocular depth."""
    finite = np.isfinite(values).all(0)
    grid, even, rate_hz = uniform(time_s, np.where(finite, values, 0.0))
    factor = np.full(values.shape[1], config.over_subtraction)
    if depth_axis is not None:
        factor[depth_axis::3] = config.depth_over_subtraction
    smooth = wiener(even, rate_hz, factor)
    position, velocity, acceleration = (
        _back(grid, part, time_s) for part in (smooth.position, smooth.velocity, smooth.acceleration)
    )
    sigma = np.broadcast_to(smooth.sigma.mean(0), values.shape) if len(grid) != len(time_s) else smooth.sigma
    return Smoothed(position, velocity, acceleration, sigma, smooth.share)


def central(values: Floats, rate_hz: float) -> tuple[Floats, Floats, Floats]:
    """Central differences: a = (x[i+1] − 2x[i] + x[i−1])·rate². Transfer function −(2·rate·sin(πf/rate))²."""
    padded = np.concatenate([2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1]])
    acceleration = (padded[2:] - 2 * padded[1:-1] + padded[:-2]) * rate_hz**2
    return values, (padded[2:] - padded[:-2]) * rate_hz / 2, acceleration


def transpose(values: Floats, rate_hz: float, n: int = 4) -> tuple[Floats, Floats, Floats]:
    """TransPose's stencil over ±n frames: a = (x[i+n] − 2x[i] + x[i−n])·(rate/n)² (Yi et al. 2021, arXiv 2105.04605)."""
    n = min(n, len(values) - 1)
    padded = np.concatenate([2 * values[:1] - values[n:0:-1], values, 2 * values[-1:] - values[-2 : -n - 2 : -1]])
    ahead, behind = padded[2 * n :], padded[: -2 * n]
    return values, (ahead - behind) * rate_hz / (2 * n), (ahead - 2 * values + behind) * (rate_hz / n) ** 2


def savitzky_golay(
    values: Floats, rate_hz: float, window_s: float = 0.3, order: int = 3
) -> tuple[Floats, Floats, Floats]:
    """Savitzky-Golay, window in seconds (Savitzky & Golay 1964, doi:10.1021/ac60214a047)."""
    size = min(max(order + 2, round(window_s * rate_hz)) | 1, (len(values) - 1) | 1)
    order = min(order, size - 1)
    step = 1 / rate_hz
    made = [signal.savgol_filter(values, size, order, deriv=d, delta=step, axis=0) for d in range(3)]
    return made[0], made[1], made[2]


def butterworth_residual(values: Floats, rate_hz: float) -> tuple[Floats, Floats, Floats]:
    """Zero-lag Butterworth, cut-off per channel by residual analysis (Winter 2009, Biomechanics, section 3.4.4.3)."""
    cutoffs = np.linspace(0.5, min(12.0, 0.38 * rate_hz), 24)
    filtered = np.stack([_lowpass(values, cutoff, rate_hz) for cutoff in cutoffs])
    residual = np.sqrt(((filtered - values) ** 2).mean(1))
    # The straight line through the right part is what noise alone would leave; its intercept is the residual to accept.
    right = cutoffs > 0.5 * cutoffs[-1]
    _, intercept = np.polyfit(cutoffs[right], residual[right], 1)
    chosen = (residual <= intercept).argmax(0)
    smooth = np.take_along_axis(filtered, chosen[None, None, :], 0)[0]
    _, velocity, acceleration = central(smooth, rate_hz)
    return smooth, velocity, acceleration


def _lowpass(values: Floats, cutoff_hz: float, rate_hz: float) -> Floats:
    sections = signal.butter(2, cutoff_hz / 0.802, fs=rate_hz, output="sos")  # 0.802: two passes, Winter
    result: Floats = signal.sosfiltfilt(sections, values, axis=0, padlen=min(len(values) - 1, round(rate_hz)))
    return result


def spline_gcv(time_s: Floats, values: Floats, depth_axis: int | None, config: SimulateConfig) -> Smoothed:
    """Cubic smoothing spline, penalty by generalised cross-validation (Woltring 1986; Craven & Wahba 1979)."""
    parts = []
    for column in values.T:
        spline = make_smoothing_spline(time_s, column)
        parts.append([spline(time_s), spline.derivative(1)(time_s), spline.derivative(2)(time_s)])
    position, velocity, acceleration = (np.stack([part[d] for part in parts], 1) for d in range(3))
    return _plain(position, velocity, acceleration, values=values)


def kalman(time_s: Floats, values: Floats, depth_axis: int | None, config: SimulateConfig) -> Smoothed:
    """Constant-acceleration Kalman filter with RTS smoothing, noise ratio per channel by likelihood."""
    return _plain(*rts_smooth(time_s, values), values=values)


METHODS: dict[str, Method] = {
    "adaptive": adaptive,
    "central": _on_grid(central),
    "transpose": _on_grid(transpose),
    "savitzky_golay": _on_grid(savitzky_golay),
    "butterworth": _on_grid(butterworth_residual),
    "spline_gcv": spline_gcv,
    "kalman": kalman,
}
