"""Irregular times: onto an even grid, and what that does to noise."""

from __future__ import annotations

import numpy as np
from scipy import fft

from fimad.simulate.smoothing.resample import resample, step_of
from fimad.simulate.types import Floats

_REALISATIONS = 8
# The noise is made on a clock so much finer that a polynomial gives it at any time.
_FINER = 4


def uniform(time_s: Floats, values: Floats) -> tuple[Floats, Floats, float]:
    """Values at uniform times through their cubic spline: (m,) times, (m, k) values, rate in Hz.

    The spline passes through every sample at its own time, so that irregular spacing is honoured and not renamed. Times that
    are uniform are given back as they are.
    """
    rate_hz = 1 / step_of(time_s)
    count = max(4, round((time_s[-1] - time_s[0]) * rate_hz) + 1)
    grid = np.linspace(time_s[0], time_s[-1], count)
    rate_hz = (count - 1) / (time_s[-1] - time_s[0])
    if len(grid) == len(time_s) and np.abs(grid - time_s).max() < 1e-6:
        return time_s, values, rate_hz
    from scipy.interpolate import CubicSpline

    return grid, CubicSpline(time_s, values, axis=0)(grid), rate_hz


def floor_bias(time_s: Floats, slope: float, band_hz: tuple[float, float]) -> float:
    """By what factor `uniform` changes the power of noise in a band, at these times.

    A spline over missing frames is smoother than noise, one over uneven ones is rougher: a floor read off its result is low
    or high by up to half. That is measured on seeded noise with a power of f^−slope, taken at the irregular times and splined,
    against the same noise on the even grid.
    """
    grid_s, _, rate_hz = uniform(time_s, np.zeros((len(time_s), 1)))
    if grid_s is time_s:
        return 1.0
    rng = np.random.default_rng(0)
    length = fft.next_fast_len(_FINER * (len(grid_s) + 8), real=True)
    frequency_hz = fft.rfftfreq(length, 1 / (_FINER * rate_hz))
    inside = (frequency_hz > 0) & (frequency_hz <= rate_hz / 2)
    amplitude = np.where(inside, np.maximum(frequency_hz, 1 / (grid_s[-1] - grid_s[0])) ** (-slope / 2), 0.0)
    real, imaginary = rng.normal(size=(2, len(amplitude), _REALISATIONS))
    noise = fft.irfft(amplitude[:, None] * (real + 1j * imaginary), length, axis=0)
    fine_s = grid_s[0] + (np.arange(length) / _FINER - 4) / rate_hz
    splined = uniform(time_s, resample(fine_s, noise, time_s))[1]
    return _level(splined, rate_hz, slope, band_hz) / _level(resample(fine_s, noise, grid_s), rate_hz, slope, band_hz)


def _level(values: Floats, rate_hz: float, slope: float, band_hz: tuple[float, float]) -> float:
    """Median over a band of power over f^−slope; (n, k) realisations."""
    power = (np.abs(fft.rfft(np.hanning(len(values))[:, None] * values, axis=0)) ** 2).mean(1)
    frequency_hz = fft.rfftfreq(len(values), 1 / rate_hz)
    band = (frequency_hz > band_hz[0]) & (frequency_hz < band_hz[1])
    if not band.any():
        band = frequency_hz >= 0.5 * frequency_hz[-1]
    return float(np.median(power[band] * frequency_hz[band] ** slope))
