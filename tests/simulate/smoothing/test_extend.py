"""Going on beyond the ends, and values at other times."""

from __future__ import annotations

import numpy as np
import pytest

from fimad.simulate.smoothing.differentiate import METHODS, differentiate
from fimad.simulate.smoothing.extend import close_loop
from fimad.simulate.smoothing.resample import resample


@pytest.mark.parametrize("rate_hz", [24, 30, 60, 286])
def test_an_oscillation_goes_on_at_both_ends(rate_hz: int) -> None:
    time_s = np.arange(0, 6, 1 / rate_hz)
    phase = 2 * np.pi * np.array([0.7, 1.3])
    values = 0.3 * np.sin(time_s[:, None] * phase)
    loop = close_loop(values.T, rate_hz).T
    np.testing.assert_array_equal(loop[: len(values)], values)
    near = round(0.2 * rate_hz)
    after = time_s[-1] + np.arange(1, near + 1) / rate_hz
    before = -np.arange(1, near + 1) / rate_hz
    assert np.abs(loop[len(values) : len(values) + near] - 0.3 * np.sin(after[:, None] * phase)).max() < 0.06
    assert np.abs(loop[-near:][::-1] - 0.3 * np.sin(before[:, None] * phase)).max() < 0.06


def test_it_never_runs_away() -> None:
    values = np.cumsum(np.random.default_rng(0).normal(0, 0.05, (40, 6)), axis=0)
    assert np.abs(close_loop(values.T, 30.0)).max() < 3 * np.abs(values).max()


@pytest.mark.parametrize("count", [18, 40, 300, 1000])
def test_the_ends_of_a_circle_are_as_good_as_its_middle(count: int) -> None:
    time_s = np.arange(count) / 30
    omega = 2 * np.pi * max(1.0, 1.5 / time_s[-1])
    path = 0.4 * np.stack([np.cos(omega * time_s), np.sin(omega * time_s)], 1)
    error = np.linalg.norm(differentiate(time_s, path).acceleration + omega**2 * path, axis=1) / (0.4 * omega**2)
    assert error.max() < (0.02 if count >= 300 else 0.6)


def test_free_fall_is_free_fall_from_the_first_sample() -> None:
    for count in (20, 60, 600):
        time_s = np.arange(count) / 60
        height = -0.5 * 9.80665 * time_s**2
        found = differentiate(time_s, np.stack([height, 0 * height], 1)).acceleration
        np.testing.assert_allclose(found, np.tile([-9.80665, 0], (count, 1)), atol=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_the_times_asked_for(method: str) -> None:
    time_s = np.arange(0, 4, 1 / 30)
    at_s = np.linspace(0.5, 3.5, 77)
    found = differentiate(time_s, 0.2 * np.sin(2 * np.pi * time_s)[:, None], method=method, at_s=at_s)
    assert found.acceleration.shape == found.position.shape == (77, 1)
    np.testing.assert_array_equal(found.time_s, at_s)


def test_resampling_is_exact_for_polynomials_at_irregular_times() -> None:
    rng = np.random.default_rng(1)
    time_s = np.cumsum(rng.uniform(0.5, 1.5, 60)) / 30
    at_s = rng.uniform(time_s[0], time_s[-1], 200)
    values = np.stack([time_s**k for k in range(4)], 1)
    np.testing.assert_allclose(resample(time_s, values, at_s), np.stack([at_s**k for k in range(4)], 1), atol=1e-8)
    np.testing.assert_allclose(resample(time_s, values, at_s, points=2)[:, 1], at_s)
