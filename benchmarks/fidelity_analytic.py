"""Motions whose acceleration is known by formula, clean and with noise, at several frame rates."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import signal

from benchmarks.fidelity_scores import rms
from fimad.simulate.imu import GRAVITY_M_S2
from fimad.simulate.smoothing.differentiate import METHODS, differentiate

RATES_HZ = (24, 25, 30, 50, 60)
FREQUENCIES_HZ = (0.5, 1.2, 2.0)
_AMPLITUDE_M = 0.25
_NOISE_M = 0.01
# Correlation of pose noise over 1/30 s; over other steps it is the same process in continuous time.
_AR1_AT_30 = 0.8
_DURATION_S = 10.0
_TRIALS = 8


def times(rate_hz: float, *, variable: bool = False) -> np.ndarray:
    """Frame times; the variable ones shift by up to 40 % of a step."""
    result = np.arange(0, _DURATION_S, 1 / rate_hz)
    if variable:
        result = result + np.random.default_rng(5).uniform(-0.4, 0.4, len(result)) / rate_hz
    return result


def noise(kind: str, time_s: np.ndarray, seed: int, sigma_m: float = _NOISE_M) -> np.ndarray:
    """(n, 3) noise of standard deviation `sigma_m`."""
    white = np.random.default_rng(seed).normal(size=(len(time_s), 3))
    if kind == "white":
        return sigma_m * white
    rho = _AR1_AT_30 ** (30 * float(np.median(np.diff(time_s))))
    return sigma_m * signal.lfilter([np.sqrt(1 - rho**2)], [1, -rho], white, axis=0)


def oscillation(time_s: np.ndarray, frequency_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Position, m, and acceleration, m/s², of a limb that goes to and fro along one axis with a little in the others."""
    omega = 2 * np.pi * frequency_hz
    share = np.array([1.0, 0.3, 0.6])
    phase = omega * time_s[:, None] + np.array([0.0, 0.7, 1.9])
    position = _AMPLITUDE_M * share * np.sin(phase)
    return position, -(omega**2) * position


def noisy_cells(methods: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Relative error (RMS over the truth's) by method, over noise and frequency at 30 Hz; the edges are left out."""
    time_s = times(30)
    inside = (time_s > 0.3) & (time_s < time_s[-1] - 0.3)
    result: dict[str, dict[str, float]] = {name: {} for name in methods}
    for kind in ("white", "ar1"):
        for frequency_hz in FREQUENCIES_HZ:
            position, truth = oscillation(time_s, frequency_hz)
            noisy = np.concatenate([position + noise(kind, time_s, seed) for seed in range(_TRIALS)], axis=1)
            wanted = np.tile(truth, (1, _TRIALS))
            for name in methods:
                found = differentiate(time_s, noisy, method=name).acceleration
                result[name][f"{kind}_{frequency_hz}hz"] = rms((found - wanted)[inside]) / rms(wanted[inside])
    return result


def rates(method: str = "adaptive") -> dict[str, dict[str, float]]:
    """Relative error of the default by frame rate and at a variable one, clean and under both noises, 1.2 Hz."""
    result: dict[str, dict[str, float]] = {}
    cases = [(f"{rate_hz}hz", times(rate_hz)) for rate_hz in RATES_HZ]
    cases.append(("30hz_variable", times(30, variable=True)))
    for name, time_s in cases:
        position, truth = oscillation(time_s, 1.2)
        inside = (time_s > 0.3) & (time_s < time_s[-1] - 0.3)
        result[name] = {}
        for kind in ("clean", "white", "ar1"):
            values = position if kind == "clean" else position + noise(kind, time_s, 1)
            found = differentiate(time_s, values, method=method).acceleration
            result[name][kind] = rms((found - truth)[inside]) / rms(truth[inside])
    return result


def known_motions() -> dict[str, dict[str, float]]:
    """Worst error, m/s², of the default on clean motions at 30 and 60 Hz, the edges included and left out."""
    result: dict[str, dict[str, float]] = {}
    for rate_hz in (30, 60):
        time_s = times(rate_hz)
        inside = (time_s > 0.3) & (time_s < time_s[-1] - 0.3)
        for name, (position, truth) in motions(time_s).items():
            found = differentiate(time_s, position).acceleration
            error = np.linalg.norm((found - GRAVITY_M_S2) - (truth - GRAVITY_M_S2), axis=1)
            result[f"{name}_{rate_hz}hz"] = {
                "whole_m_s2": float(error.max()),
                "middle_m_s2": float(error[inside].max()),
            }
    return result


def motions(time_s: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Positions and accelerations by formula: rest, free fall, circle, small pendulum, a point on two turning links."""
    zero = np.zeros_like(time_s)
    result = {"rest": (np.tile([0.3, 2.0, 1.0], (len(time_s), 1)), np.zeros((len(time_s), 3)))}
    fall = np.stack([zero, zero, -0.5 * 9.80665 * time_s**2], 1)
    result["free_fall"] = fall, np.tile(GRAVITY_M_S2, (len(time_s), 1))

    def turning(radius_m: float, omega: float, phase: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        angle = omega * time_s + phase
        arm = radius_m * np.stack([np.cos(angle), zero, np.sin(angle)], 1)
        return arm, -(omega**2) * arm

    result["circle"] = turning(0.4, 2 * np.pi)
    upper, fore = turning(0.3, np.pi), turning(0.25, 3 * np.pi, 0.4)
    result["two_links"] = upper[0] + fore[0], upper[1] + fore[1]
    swing, omega = 0.05, np.sqrt(9.80665 / 0.6)
    angle = swing * np.sin(omega * time_s)
    rate, turn = swing * omega * np.cos(omega * time_s), -(omega**2) * angle
    bob = 0.6 * np.stack([np.sin(angle), zero, -np.cos(angle)], 1)
    along = 0.6 * np.stack([np.cos(angle), zero, np.sin(angle)], 1)
    result["pendulum"] = bob, along * turn[:, None] - bob * (rate**2)[:, None]
    return result


def everything() -> dict[str, Any]:
    """All tables of the analytic part."""
    return {
        "noisy": noisy_cells(tuple(METHODS)),
        "rates": rates(),
        "known": known_motions(),
    }
