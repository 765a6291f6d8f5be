"""What is stated of the uncertainty follows what it rests on, and quality follows the uncertainty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fimad.simulate import Trajectories, simulate_imu
from fimad.simulate.placements import rig_of
from fimad.simulate.smoothing.differentiate import differentiate
from fimad.simulate.smoothing.spectral import Doubt
from fimad.simulate.uncertainty import Traces, capture_sigma, stated
from fimad.skeleton import LANDMARKS

NAMES = ("left_wrist", "right_thigh", "head")


def some(**parts: float) -> Traces:
    """Traces of two blocks and three sensors, equal but for what is given: `bend_passed=2.0` doubles it."""
    made = {"bend": np.ones((3, 2, 3, 3)), "turn": np.full((3, 2, 3), 0.01), "rate": np.ones((3, 2, 3))}
    for name, factor in parts.items():
        array, sort = name.split("_")
        made[array][("passed", "held", "own").index(sort)] *= factor
    return Traces(**made)


@pytest.mark.parametrize("sort", ["passed", "held", "own"])
@pytest.mark.parametrize("depth_axis", [0, 1])
def test_every_trace_counts(sort: str, depth_axis: int) -> None:
    plain = stated(some(), NAMES, depth_axis=depth_axis)
    for array in ("bend", "turn"):
        more = stated(some(**{f"{array}_{sort}": 100.0}), NAMES, depth_axis=depth_axis)
        assert (more.force_m_s2 > 1.001 * plain.force_m_s2).all()
        np.testing.assert_array_equal(more.rate_rad_s, plain.rate_rad_s)
    more = stated(some(**{f"rate_{sort}": 100.0}), NAMES, depth_axis=depth_axis)
    assert (more.rate_rad_s > 1.001 * plain.rate_rad_s).all()
    np.testing.assert_array_equal(more.force_m_s2, plain.force_m_s2)


@pytest.mark.parametrize("sort", range(3))
@pytest.mark.parametrize("axis", range(3))
def test_every_trace_counts_along_every_axis(sort: int, axis: int) -> None:
    more = some()
    more.bend[sort, :, axis] *= 100
    larger, plain = (stated(each, NAMES, depth_axis=1).force_m_s2 for each in (more, some()))
    assert (larger > 1.001 * plain).all()


def test_depth_is_another_axis_than_those_of_the_plane() -> None:
    flat = some()
    flat.bend[:, :, [0, 2]] = 0
    one, other = (stated(flat, NAMES, depth_axis=axis) for axis in (1, 2))
    assert not np.allclose(one.force_m_s2, other.force_m_s2)


def test_segments_differ_and_motion_capture_has_its_own() -> None:
    found = stated(some(), NAMES, depth_axis=1)
    assert len(np.unique(found.force_m_s2[0])) == len(np.unique(found.rate_rad_s[0])) == 3
    markers = stated(some(), NAMES, depth_axis=None)
    assert (markers.force_m_s2 < found.force_m_s2).all()


def test_quality_is_the_share_of_the_motion_that_is_likely_to_be_right() -> None:
    weak, strong = (stated(some(bend_own=size), NAMES, depth_axis=1).explained for size in (1.0, 100.0))
    noisy = stated(some(bend_own=100.0, bend_held=1000.0), NAMES, depth_axis=1).explained
    assert ((weak > 0) & (strong < 1)).all()
    assert (strong > weak).all()
    assert (noisy < strong).all()


@pytest.mark.parametrize("sort", ["passed", "held"])
def test_of_markers_noise_that_passed_and_motion_held_back_count(sort: str) -> None:
    plain = stated(some(), NAMES, depth_axis=None)
    more = stated(some(**{f"bend_{sort}": 100.0, f"rate_{sort}": 100.0}), NAMES, depth_axis=None)
    assert (more.force_m_s2 > 2 * plain.force_m_s2).all()
    assert (more.rate_rad_s > 2 * plain.rate_rad_s).all()


@pytest.mark.parametrize(("rate_hz", "tremor_hz"), [(100.0, (3, 7)), (286.0, (10, 25))])
def test_a_tremor_that_markers_hardly_show_is_within_the_uncertainty(
    rate_hz: float, tremor_hz: tuple[float, float]
) -> None:
    # Where noise is looked for, from a tenth of the rate on, a tremor is taken for noise itself.
    time_s = np.arange(0, 20, 1 / rate_hz)
    rng = np.random.default_rng(3)
    hz = np.concatenate([[0.8, 1.7], rng.uniform(*tremor_hz, 30)])
    size_m_s2 = np.concatenate([[5.0, 4.0], np.full(30, 0.1)])
    phase = 2 * np.pi * hz * time_s[:, None, None] + rng.uniform(0, 6, (3, len(hz)))
    true = (size_m_s2 * np.sin(phase)).sum(2)
    place = (-size_m_s2 / (2 * np.pi * hz) ** 2 * np.sin(phase)).sum(2)
    found = differentiate(time_s, place + rng.normal(0, 0.0005, place.shape))
    sigma = np.interp(time_s, found.doubt.time_s, capture_sigma(found.doubt))
    within = np.linalg.norm(found.acceleration - true, axis=1) < 2 * sigma
    assert 0.9 < within.mean() < 1


def hinged(time_s: np.ndarray, noise_m: float) -> Trajectories:
    """A person at rest but for one arm that swings, with noise."""
    rng = np.random.default_rng(0)
    rest = rng.normal(0, 0.4, (len(LANDMARKS), 3))
    points = np.tile(rest, (len(time_s), 1, 1))
    points[:, LANDMARKS.index("left_wrist"), 2] += 0.3 * np.sin(2 * np.pi * 1.1 * time_s + np.sin(0.9 * time_s))
    points += rng.normal(0, noise_m, points.shape)
    return Trajectories(time_s, LANDMARKS, points, np.ones(points.shape[:2]), depth_axis=1)


def test_stated_uncertainty_grows_with_noise_near_ends_and_with_what_is_hidden() -> None:
    time_s = np.arange(0, 8, 1 / 30)
    quiet, loud = (simulate_imu(hinged(time_s, noise), placements=["left_wrist"]) for noise in (0.001, 0.01))
    for name in ("sigma_m_s2", "gyro_sigma_rad_s"):
        one, two = (getattr(imu.signals["left_wrist"], name) for imu in (quiet, loud))
        if name == "sigma_m_s2":
            assert np.median(two) > 1.1 * np.median(one)
        assert one[0] > 1.3 * one[20]
        assert one[-1] > 1.3 * one[-20]
    assert loud.signals["left_wrist"].quality < quiet.signals["left_wrist"].quality

    tracks = hinged(time_s, 0.001)
    hidden = replace(tracks, weight=np.full_like(tracks.weight, 0.5))
    half = simulate_imu(hidden, placements=["left_wrist"]).signals["left_wrist"]
    whole = quiet.signals["left_wrist"]
    np.testing.assert_allclose(half.sigma_m_s2, 2 * whole.sigma_m_s2, rtol=1e-6)
    assert half.quality == pytest.approx(whole.quality / 2, rel=1e-6)


def test_traces_are_read_in_their_own_block() -> None:
    from fimad.simulate.uncertainty import traces

    rig = rig_of(("left_wrist",), LANDMARKS)
    k = len(rig.landmarks)
    quiet_then_loud = np.ones((3, 2, 3 * k)) * np.array([1.0, 4.0])[None, :, None]
    doubt = Doubt(np.array([1.0, 3.0]), quiet_then_loud, quiet_then_loud, quiet_then_loud, (0.0, 4.0))
    clock_s = np.arange(0, 4, 0.1)
    joints = np.tile(np.random.default_rng(1).normal(size=(k, 3)), (len(clock_s), 1, 1))
    axes = np.tile(np.eye(3)[:, :, None, None], (1, 1, 1, len(clock_s)))
    spin = np.where(clock_s > 2, 2.0 * clock_s, 4.0)
    axes[0, 0, 0], axes[0, 1, 0] = np.cos(spin), np.sin(spin)
    axes[1, 0, 0], axes[1, 1, 0] = -np.sin(spin), np.cos(spin)
    found = traces(doubt, rig, np.array([True]), joints, axes, clock_s)
    np.testing.assert_allclose(found.bend[:, 1], 4 * found.bend[:, 0])
    # The segment turns at 2 rad/s in the second block alone.
    np.testing.assert_allclose(found.rate[2, :, 0], [0, 4], atol=0.2)
    assert found.turn[2, 0, 0] == pytest.approx(0, abs=1e-9)
    assert found.turn[2, 1, 0] > 0.5
