"""What an even grid does to noise that was sampled at irregular times."""

import numpy as np
import pytest
from scipy import signal

from fimad.simulate.smoothing.irregular import floor_bias, uniform

BAND_HZ = (5.0, 12.0)


def ar1(count: int, channels: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return signal.lfilter([1], [1, -0.5], rng.normal(size=(count, channels)), axis=0)


def level(values: np.ndarray, rate_hz: float) -> float:
    frequency_hz, power = signal.welch(values, rate_hz, nperseg=128, axis=0)
    inside = (frequency_hz > BAND_HZ[0]) & (frequency_hz < BAND_HZ[1])
    return float(np.median(power[inside].mean(1)))


def test_even_times_have_no_bias() -> None:
    assert floor_bias(np.arange(200) / 30, 0.7, BAND_HZ) == 1.0


@pytest.mark.parametrize("rate_hz", [25.0, 50.0])
def test_bias_is_that_of_other_noise_with_the_same_frames_missing(rate_hz: float) -> None:
    time_s = np.arange(900) / rate_hz
    values = ar1(len(time_s), 16, seed=1)
    keep = np.random.default_rng(2).random(len(time_s)) < 0.75
    keep[[0, -1]] = True
    _, splined, _ = uniform(time_s[keep], values[keep])
    found = level(splined, rate_hz) / level(values, rate_hz)
    assert abs(np.log(found)) > 0.15, "nothing to correct: the test would say nothing"
    assert floor_bias(time_s[keep], 0.7, BAND_HZ) == pytest.approx(found, rel=0.25)
