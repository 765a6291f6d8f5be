"""Channels that are smoothed together: what they share is kept, what one of them does alone is not heard by the others."""

from __future__ import annotations

import numpy as np

from fimad.simulate.smoothing.components import Kind
from fimad.simulate.smoothing.differentiate import differentiate
from fimad.simulate.smoothing.spectral import Noise

RATE_HZ = 30.0
SECONDS = 9.0
JOINTS = 12
NOISE_M = 0.008
ALONE = Noise(40.0)
TOGETHER = Noise(40.0, (Kind(40.0, 40.0, shared=2 / 3),))


def exercise(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, true positions and accelerations (n, joints): repetitions that are never of the same length, two joints still."""
    rng = np.random.default_rng(seed)
    fine_s = np.arange(0, SECONDS, 1e-3)
    phase = 2 * np.pi * (0.8 * fine_s + 0.12 * np.sin(2 * np.pi * 0.17 * fine_s + rng.uniform(0, 6)))
    motions = np.stack([np.sin(phase), 0.4 * np.cos(2 * phase), 0.15 * np.sin(3 * phase + 1)], 1)
    places = motions @ (0.15 * rng.normal(size=(3, JOINTS)) * (np.arange(JOINTS) >= 2))
    accelerations = np.gradient(np.gradient(places, 1e-3, axis=0), 1e-3, axis=0)
    time_s = np.arange(0, SECONDS - 0.01, 1 / RATE_HZ)
    at = np.round(time_s / 1e-3).astype(int)
    return time_s, places[at], accelerations[at]


def noisy(places: np.ndarray, seed: int) -> np.ndarray:
    return places + NOISE_M * np.random.default_rng(seed).normal(size=places.shape)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values[10:-10] ** 2).mean()))


def test_joints_that_move_together_are_smoothed_better_together() -> None:
    errors: dict[str, list[float]] = {"alone": [], "together": []}
    for seed in range(6):
        time_s, places, true = exercise(seed)
        for name, noise in (("alone", ALONE), ("together", TOGETHER)):
            found = differentiate(time_s, noisy(places, seed), noise=noise).acceleration
            errors[name].append(rms((found - true)[:, 2:]) / rms(true[:, 2:]))
    assert np.median(errors["together"]) < 0.8 * np.median(errors["alone"])


def test_a_joint_at_rest_does_not_hear_the_others() -> None:
    for seed in range(6):
        time_s, places, true = exercise(seed)
        found = differentiate(time_s, noisy(places, seed), noise=TOGETHER).acceleration
        assert rms(found[:, :2]) < 0.03 * rms(true[:, 2:])


def test_traces_of_smoothing_follow_what_was_done() -> None:
    harder = Noise(160.0, (Kind(160.0, 160.0, shared=2 / 3),))
    time_s, places, _ = exercise(0)
    for size in (1.0, 2.0):
        noise = size * (noisy(places, 0) - places)
        one, two = (differentiate(time_s, places + noise, noise=each) for each in (TOGETHER, harder))
        # All in mean squares: what was kept is the signal itself, and what is not kept is held back.
        kept = one.doubt.kept[2, :, 2:].mean()
        assert abs(np.log(kept / (one.acceleration[:, 2:] ** 2).mean())) < 0.3
        assert (two.doubt.kept.sum((1, 2)) < one.doubt.kept.sum((1, 2))).all()
        assert (two.doubt.passed.sum((1, 2)) < one.doubt.passed.sum((1, 2))).all()
        assert (two.doubt.held.sum((1, 2)) > one.doubt.held.sum((1, 2))).all()


def test_without_any_motion_nothing_is_reported() -> None:
    smooth = differentiate(np.arange(200) / RATE_HZ, np.ones((200, JOINTS)), noise=TOGETHER)
    assert np.abs(smooth.acceleration).max() < 1e-6
    assert np.isfinite(smooth.doubt.passed).all()
    assert np.isfinite(smooth.share).all()


def test_a_limb_that_jumps_about_is_not_believed_because_the_others_are_quiet() -> None:
    errors: dict[str, list[float]] = {"alone": [], "together": []}
    for seed in range(6):
        time_s, places, true = exercise(seed)
        values = noisy(places, seed)
        for first in np.random.default_rng(seed).integers(20, len(time_s) - 30, 6):
            values[first : first + 15, 5:10] += 0.5
        for name, noise in (("alone", ALONE), ("together", TOGETHER)):
            found = differentiate(time_s, values, noise=noise).acceleration
            errors[name].append(rms((found - true)[:, 5:10]))
    assert np.median(np.divide(errors["together"], errors["alone"])) < 1.35
