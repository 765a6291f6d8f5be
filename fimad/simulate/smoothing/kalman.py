"""Constant-acceleration Kalman smoother with noise fitted by likelihood, exact for irregular times."""

from __future__ import annotations

import numpy as np

from fimad.simulate.types import Floats

# Process noise over measurement noise, as the bandwidth at which the filter follows, Hz.
_BANDWIDTHS_HZ = np.geomspace(0.3, 8.0, 12)


def rts_smooth(time_s: Floats, values: Floats) -> tuple[Floats, Floats, Floats]:
    """Position, velocity and acceleration of (n, k) values at (n,) times.

    State (x, v, a) driven by white jerk of density q, measured with variance r (Rauch, Tung & Striebel 1965). The ratio q/r
    is chosen per channel from a grid by the likelihood of the innovations, r concentrated out.
    """
    best = np.full(values.shape[1], -np.inf)
    result = np.zeros((3, *values.shape))
    for bandwidth in _BANDWIDTHS_HZ:
        ratio = (2 * np.pi * bandwidth) ** 6 * float(np.median(np.diff(time_s)))
        states, likelihood = _smooth(time_s, values, ratio)
        better = likelihood > best
        best[better] = likelihood[better]
        result[:, :, better] = states[:, :, better]
    return result[0], result[1], result[2]


def _smooth(time_s: Floats, values: Floats, ratio: float) -> tuple[Floats, Floats]:
    """States (3, n, k) for q/r = ratio, and the log-likelihood (k,) up to a constant."""
    count, channels = values.shape
    step = np.diff(time_s, prepend=time_s[0])
    state, spread = np.zeros((3, channels)), np.diag([1e3, 1e3, 1e3])
    state[0] = values[0]
    kept: list[tuple[Floats, Floats, Floats, Floats, Floats]] = []
    squares, logs = np.zeros(channels), 0.0
    for at in range(count):
        h = step[at]
        move = np.array([[1, h, h * h / 2], [0, 1, h], [0, 0, 1]])
        drive = ratio * np.array(
            [[h**5 / 20, h**4 / 8, h**3 / 6], [h**4 / 8, h**3 / 3, h**2 / 2], [h**3 / 6, h**2 / 2, h]]
        )
        ahead, ahead_spread = move @ state, move @ spread @ move.T + drive
        variance = ahead_spread[0, 0] + 1.0
        innovation = values[at] - ahead[0]
        gain = ahead_spread[:, 0] / variance
        state = ahead + gain[:, None] * innovation
        spread = ahead_spread - np.outer(gain, ahead_spread[0])
        squares += innovation**2 / variance
        logs += np.log(variance)
        kept.append((state, spread, ahead, ahead_spread, move))
    states = np.empty((3, count, channels))
    states[:, -1] = state
    for at in range(count - 2, -1, -1):
        here, here_spread = kept[at][:2]
        _, _, ahead, ahead_spread, move = kept[at + 1]
        back = np.linalg.solve(ahead_spread, move @ here_spread).T
        states[:, at] = here + back @ (states[:, at + 1] - ahead)
    return states, -0.5 * (count * np.log(np.maximum(squares / count, 1e-30)) + logs)
