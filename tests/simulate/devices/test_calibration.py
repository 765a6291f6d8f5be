"""Calibration to a target device: a continuous map that never falls and gives the target's distribution."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fimad.config import SimulateConfig
from fimad.errors import ConfigError
from fimad.simulate import Calibration, calibrate_imu, fit_calibration, to_device
from fimad.simulate.devices.calibration import ACC, CHANNELS, MIN_SAMPLES, fit_map, wasserstein
from tests.simulate.resting import resting

KINDS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy": lambda rng, n: rng.standard_t(3, n),
    "skewed": lambda rng, n: rng.gamma(1.5, 1.0, n),
    "two peaks": lambda rng, n: np.where(rng.random(n) < 0.3, rng.normal(-9.8, 0.2, n), rng.normal(3, 1, n)),
    "coarse": lambda rng, n: np.round(rng.normal(size=n) * 4) / 4,
    "clipped": lambda rng, n: np.clip(rng.normal(size=n), -0.8, 0.8),
}


@st.composite
def samples(draw: st.DrawFn) -> np.ndarray:
    """Data of one channel, some of it missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = KINDS[draw(st.sampled_from(sorted(KINDS)))](rng, draw(st.integers(MIN_SAMPLES + 20, 3000)))
    values = values * draw(st.floats(1e-3, 1e3)) + draw(st.floats(-1e3, 1e3))
    if draw(st.booleans()):
        values = values.copy()
        values[rng.integers(0, len(values), 20)] = np.nan
    return values


@settings(deadline=None, max_examples=60)
@given(samples(), samples())
def test_the_map_never_falls_and_has_no_steps(virtual: np.ndarray, target: np.ndarray) -> None:
    made = fit_map(virtual, target)
    span = float(np.ptp(made.virtual)) or 1.0
    reach = float(np.ptp(made.target)) or 1.0
    x = np.linspace(made.virtual[0] - span, made.virtual[-1] + span, 4001)
    y = made.apply(x)
    assert np.isfinite(y).all()
    assert np.diff(y).min() >= -1e-9 * (reach + np.abs(y).max())
    # Continuous: at every knot the map is the same from both sides, up to the slope.
    step = 1e-12 * (span + np.abs(made.virtual).max())
    jump = made.apply(made.virtual + step) - made.apply(made.virtual - step)
    slopes = np.diff(made.target) / np.diff(made.virtual) if len(made.virtual) > 1 else np.zeros(1)
    assert np.abs(jump).max() <= 4 * step * (slopes.max(initial=0) + made.slope) + 1e-9 * (reach + np.abs(y).max())


@settings(deadline=None, max_examples=60)
@given(samples(), st.floats(-1e6, 1e6))
def test_equal_data_give_the_identity_everywhere(values: np.ndarray, x: float) -> None:
    scale = np.nanmax(np.abs(values)) + abs(x)
    np.testing.assert_allclose(fit_map(values, values).apply(np.array([x])), [x], atol=1e-6 * scale)
    np.testing.assert_allclose(fit_map(values, values).apply(values), values, atol=1e-6 * scale)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(KINDS)), samples(), st.integers(0, 1000))
def test_mapped_data_have_the_targets_quantiles(kind: str, target: np.ndarray, seed: int) -> None:
    # Virtual data have no ties: of repeated values, a map can't make different ones.
    virtual = KINDS[kind](np.random.default_rng(seed), 2000) + np.random.default_rng(seed).normal(0, 0.1, 2000)
    mapped = fit_map(virtual, target).apply(virtual)
    real = target[np.isfinite(target)]
    share = np.linspace(0.03, 0.97, 48)
    # As close as its own neighbouring quantiles lie together.
    low, high = (np.quantile(real, np.clip(share + d, 0, 1)) for d in (-0.01, 0.01))
    found = np.quantile(mapped, share)
    room = 1e-6 * (np.ptp(real) + 1)
    assert (found >= low - room).all()
    assert (found <= high + room).all()
    assert wasserstein(mapped, real) <= 0.02 * np.ptp(real) + room


def test_tails_go_on_with_the_ratio_of_the_spreads() -> None:
    virtual = np.random.default_rng(0).normal(size=5000)
    made = fit_map(virtual, 3 * virtual + 1)
    assert made.slope == pytest.approx(3)
    np.testing.assert_allclose(made.apply(np.array([-50.0, 50.0])), [-149, 151], rtol=1e-9)
    assert np.isnan(made.apply(np.array([np.nan])))


def test_one_outlier_moves_little() -> None:
    rng = np.random.default_rng(0)
    virtual, target = rng.normal(size=20_000), rng.normal(size=20_000)
    before = fit_map(virtual, target).apply(virtual)
    target[0], virtual[0] = 1e6, -1e6
    assert np.abs(fit_map(virtual, target).apply(virtual[1:]) - before[1:]).max() < 0.2


def test_ties_go_to_the_mean_of_what_they_stand_for() -> None:
    rng = np.random.default_rng(0)
    virtual = np.where(rng.random(20_000) < 0.5, 0.0, rng.normal(size=20_000))
    target = rng.normal(5, 1, 20_000)
    made = fit_map(virtual, target)
    assert np.diff(made.virtual).min() > 0
    assert made.apply(np.array([0.0]))[0] == pytest.approx(5, abs=0.05)
    constant = fit_map(np.full(300, 2.0), target)
    np.testing.assert_allclose(np.diff(constant.apply(np.array([1.0, 2.0, 3.0]))), 1)
    assert constant.apply(np.array([2.0]))[0] == pytest.approx(5, abs=0.05)
    flat = fit_map(target, np.full(300, 0.1))
    assert np.ptp(flat.apply(virtual)) < 1e-12


def test_too_few_samples_are_an_error_that_counts_them() -> None:
    good = np.zeros(1000)
    with pytest.raises(ConfigError, match="199 target samples"):
        fit_map(good, np.concatenate([np.zeros(199), np.full(500, np.nan)]))
    with pytest.raises(ConfigError, match="0 virtual samples"):
        fit_map(np.zeros(0), good)


def fitted(seed: int = 0, placement: str = "left_wrist", channels: tuple[str, ...] = CHANNELS) -> Calibration:
    rng = np.random.default_rng(seed)
    shape = (2000, len(channels))
    return fit_calibration(rng.normal(size=shape), rng.normal(1, 2, shape), channels, placement=placement)


@settings(deadline=None, max_examples=20)
@given(samples(), samples())
def test_a_saved_calibration_maps_the_same_to_the_last_bit(virtual: np.ndarray, target: np.ndarray) -> None:
    made = fit_calibration(virtual[:, None], target[:, None], ("acc_x_m_s2",))
    with tempfile.TemporaryDirectory() as folder:
        made.save(Path(folder, "c.json"))
        assert [each.name for each in Path(folder).iterdir()] == ["c.json"]
        again = Calibration.load(Path(folder, "c.json"))
    np.testing.assert_array_equal(again.apply(virtual[:, None], ACC[:1]), made.apply(virtual[:, None], ACC[:1]))


def test_placements_are_kept_apart_and_can_be_put_into_one_file(tmp_path: Path) -> None:
    wrist, chest = fitted(1), fitted(2, "chest")
    both = wrist.merged(chest)
    both.save(tmp_path / "both.json")
    both = Calibration.load(tmp_path / "both.json")
    values = np.random.default_rng(3).normal(size=(10, 6))
    np.testing.assert_array_equal(both.apply(values, placement="chest"), chest.apply(values))
    np.testing.assert_array_equal(both.apply(values, placement="left_wrist"), wrist.apply(values))
    for placement in (None, "head"):
        with pytest.raises(ConfigError, match="nothing for"):
            both.apply(values, placement=placement)
    new = fitted(4)
    np.testing.assert_array_equal(both.merged(new).apply(values, placement="left_wrist"), new.apply(values))


def test_only_placements_and_channels_that_were_fitted_change() -> None:
    imu = resting(50, names=("left_wrist", "chest"))
    made = calibrate_imu(imu, fitted(channels=ACC))
    assert made.signals["chest"] is imu.signals["chest"]
    old, new = imu.signals["left_wrist"], made.signals["left_wrist"]
    assert np.abs(new.acc_m_s2 - old.acc_m_s2).min() > 0.5
    np.testing.assert_array_equal(new.gyro_rad_s, old.gyro_rad_s)
    assert new.lin_acc_world_m_s2 is old.lin_acc_world_m_s2
    assert made.report == {"method": "test", "calibrated": ["left_wrist"]}


def test_a_device_is_calibrated_first_and_then_has_its_sensors_range(tmp_path: Path) -> None:
    fitted().save(tmp_path / "c.json")
    imu = resting(50)
    wild = replace(imu.signals["left_wrist"], acc_m_s2=np.full((50, 3), 1e4))
    imu = replace(imu, signals={"left_wrist": wild})
    config = SimulateConfig.model_validate({"calibration": str(tmp_path / "c.json"), "sensor": "icm_20948"})
    made = to_device(imu, config)
    assert made.signals["left_wrist"].acc_m_s2.max() <= 16 * 9.80665
    assert set(made.report) == {"method", "calibrated", "sensor"}


GOOD = {"virtual": [0.0, 1.0], "target": [0.0, 2.0]}


def file_of(
    channel: object = GOOD, name: str = "acc_x_m_s2", place: str = "chest", **more: object
) -> dict[str, object]:
    return {"format": "fimad-calibration", "version": 1, "placements": {place: {name: channel}}, **more}


def test_the_smallest_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(file_of()))
    np.testing.assert_array_equal(Calibration.load(path).apply(np.array([[0.5], [3.0]]), ACC[:1]), [[1.0], [6.0]])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b"null",
        b'{"format": "fimad-calibration"}',
        json.dumps(file_of(version=2)).encode(),
        json.dumps(file_of(extra=1)).encode(),
        json.dumps(file_of(name="acc_x")).encode(),
        json.dumps(file_of(place="../../etc")).encode(),
        json.dumps({**file_of(), "placements": {}}).encode(),
        json.dumps(file_of({"virtual": [], "target": []})).encode(),
        json.dumps(file_of({"virtual": [0, 1], "target": [0]})).encode(),
        json.dumps(file_of({"virtual": [1, 0], "target": [0, 1]})).encode(),
        json.dumps(file_of({"virtual": [0, 0], "target": [0, 1]})).encode(),
        json.dumps(file_of({"virtual": [0, 1], "target": [1, 0]})).encode(),
        json.dumps(file_of({"virtual": [0, 1], "target": [0, float("nan")]})).encode(),
        json.dumps(file_of({"virtual": [0, 1], "target": [0, float("inf")]})).encode(),
        b'{"format": "fimad-calibration", "version": 1, "placements": {"chest": {"acc_x_m_s2": '
        b'{"virtual": [0, 1e999], "target": [0, 1]}}}}',
        json.dumps(file_of({"virtual": list(range(5000)), "target": list(range(5000))})).encode(),
        json.dumps(file_of({"virtual": ["a"], "target": ["b"]})).encode(),
    ],
)
def test_a_file_that_is_anything_else_is_refused_in_three_parts(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is not a calibration") as caught:
        Calibration.load(path)
    assert caught.value.why
    assert "fimad calibrate" in caught.value.fix
    assert len(caught.value.what) < 1000


def test_files_that_are_missing_or_huge_or_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        Calibration.load(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="can't be read"):
        Calibration.load(tmp_path)
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(17 * 1024**2)
    with pytest.raises(ConfigError, match="larger than 16 MB"):
        Calibration.load(tmp_path / "huge.json")
    with pytest.raises(ConfigError, match="can't be written"):
        fitted().save(tmp_path / "no folder" / "c.json")


@pytest.mark.parametrize(
    ("virtual", "target", "channels", "placement", "message"),
    [
        (np.zeros((500, 3)), np.zeros((500, 3)), ("acc_x", "acc_y", "acc_z"), "chest", "channels"),
        (np.zeros((500, 3)), np.zeros((500, 2)), ACC, "chest", "channels"),
        (np.zeros(500), np.zeros(500), ("acc_x_m_s2",), "chest", "channels"),
        (np.zeros((500, 3)), np.zeros((500, 3)), ACC, "nose", "no placement"),
    ],
)
def test_wrong_columns_and_placements_are_refused(
    virtual: np.ndarray, target: np.ndarray, channels: tuple[str, ...], placement: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        fit_calibration(virtual, target, channels, placement=placement)
