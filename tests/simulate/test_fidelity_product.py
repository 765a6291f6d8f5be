"""The benchmark's own judgement: what repeats itself, what a quality is worth, how sure a median is."""

from __future__ import annotations

import numpy as np

from benchmarks.fidelity_product import QUALITY, coverage, interval, judged, repeats, risk_coverage


def truth(acceleration: np.ndarray) -> dict[str, np.ndarray]:
    return {"t": np.arange(len(acceleration)) / 200, "chest_acc": np.stack([acceleration] * 3, 1)}


def test_what_repeats_itself_is_told_from_what_does_not() -> None:
    time_s = np.arange(0, 10, 1 / 200)
    wave = np.sin(2 * np.pi * 0.9 * time_s) + 0.4 * np.sin(2 * np.pi * 1.8 * time_s + 1)
    assert repeats(truth(wave))
    assert not repeats(truth(wave * np.linspace(0.2, 2, len(time_s)) + np.sin(2 * np.pi * 0.37 * time_s**1.3)))


def sensors(qualities: np.ndarray, errors: np.ndarray, flags: tuple[str, ...] = ()) -> list[dict[str, object]]:
    return [{"quality": q, "e_3d": e, "flags": list(flags)} for q, e in zip(qualities, errors, strict=True)]


def test_quality_is_judged_by_the_error_it_foresees() -> None:
    errors = np.linspace(0.1, 1.2, 40)
    right, wrong = (judged(sensors(quality, errors)) for quality in (1 - errors / 1.3, errors / 1.3))
    assert right["quality_rank"] == -wrong["quality_rank"] == -1
    assert right["worst_tenth_told"] == 1
    assert wrong["worst_tenth_told"] == 0
    assert judged(sensors(np.full(40, QUALITY), errors, ("above",)))["worst_tenth_told"] == 1
    risk = risk_coverage(sensors(1 - errors / 1.3, errors))
    assert list(risk.values()) == sorted(risk.values())


def test_coverage_is_a_share_of_samples_and_intervals_hold_the_median() -> None:
    found = coverage([{"within_force": np.array([True, False])}, {"within_force": np.array([True, True])}])
    assert found["within_2s"] == 0.75
    assert found["within_2s_gyro"] is None
    values = [0.3, 0.4, 0.5, 0.9, None]
    low, high = interval(values) or (1.0, 0.0)
    assert 0.3 <= low <= 0.45 <= high <= 0.9
