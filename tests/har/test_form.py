"""The one form: windows, persons, placements, resampling."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fimad.errors import ConfigError
from fimad.har import HarDataset, Recording, about, load, names, resample
from fimad.labels import load_mapping


def dataset(*recordings: Recording) -> HarDataset:
    return HarDataset("mhealth", about("mhealth"), recordings)


def recording(
    samples: int, label: str = "Walking", person: str = "1", placement: str = "chest", session: str = "", c: int = 6
) -> Recording:
    x = np.arange(samples * c, dtype=np.float32).reshape(samples, c)
    return Recording(x, label, person, placement, session or f"{person}/{label}")


def test_a_set_is_shown_in_a_line_without_its_samples() -> None:
    some = dataset(recording(6000), recording(3000, person="2"))
    assert repr(some) == "HarDataset(mhealth: 2 recordings of 2 persons, 0.1 h at 50 Hz, 13 classes; chest)"
    assert repr(some.recordings[1]) == "Recording('Walking', person 2, chest, 3000 x 6)"


def test_windows_lie_in_one_recording_and_keep_their_person() -> None:
    made = dataset(recording(250), recording(120, "Cycling", "10"))
    x, y, groups = made.windows(1.0, overlap=0.5)
    assert x.shape == (9 + 3, 3, 50)
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    assert [made.classes[number] for number in y] == ["Walking"] * 9 + ["Cycling"] * 3
    assert groups.tolist() == ["1"] * 9 + ["10"] * 3
    np.testing.assert_array_equal(x[1], made.recordings[0].x[25:75, :3].T)
    assert made.persons == ("1", "10")


@pytest.mark.parametrize(("overlap", "count"), [(0.0, 5), (0.5, 9), (0.9, 41)])
def test_overlap_is_the_share_that_the_next_window_repeats(overlap: float, count: int) -> None:
    assert len(dataset(recording(250)).windows(1.0, overlap=overlap).x) == count


def test_null_and_short_recordings_are_left_out_unless_asked(caplog: pytest.LogCaptureFixture) -> None:
    made = dataset(recording(100, "Nothing"), recording(60, "Walking"), recording(30, "Running"))
    with caplog.at_level(logging.WARNING):
        assert len(made.windows(1.0).x) == 1
    assert "1 recordings are shorter than 1 s" in caplog.text
    assert len(made.windows(1.0, null=True).x) == 4
    padded = made.windows(1.0, short="pad")
    assert len(padded.x) == 2
    assert (padded.x[1][:, 30:] == padded.x[1][:, 29:30]).all()


def test_resampling_keeps_the_signal_and_no_alias() -> None:
    t = np.arange(1000) / 100
    slow, fast = np.sin(2 * np.pi * 2 * t), np.sin(2 * np.pi * 40 * t)
    x = np.stack([slow + 9.81, fast, slow + fast], axis=1).astype(np.float32)
    y = resample(x, 100, 20)
    assert y.shape == (200, 3)
    middle = slice(20, -20)
    np.testing.assert_allclose(y[middle, 0], slow[::5][middle] + 9.81, atol=0.02)
    assert np.abs(y[middle, 1]).max() < 0.02
    assert resample(x, 100, 25.6).shape[0] == 256


def test_sensors_of_one_moment_stack_along_the_channels() -> None:
    chest, wrist = recording(50, session="a"), recording(50, placement="right_wrist", session="a")
    made = dataset(chest, replace(wrist, x=wrist.x + 1))
    x = made.windows(1.0, placement=("right_wrist", "chest"), channels="all").x
    assert x.shape == (1, 12, 50)
    np.testing.assert_array_equal(x[0, 6:], chest.x.T)
    for wrong in (None, "left_wrist", ("chest", "left_wrist"), ()):
        with pytest.raises(ConfigError, match=r"chest, right_wrist[\s\S]*Next:"):
            made.windows(1.0, placement=wrong)
    apart = dataset(chest, replace(wrist, session="b"))
    with pytest.raises(ConfigError, match="at once"):
        apart.windows(1.0, placement=("right_wrist", "chest"))


@pytest.mark.parametrize(
    "wrong", [{"length_s": 0}, {"overlap": 1.0}, {"overlap": -0.1}, {"channels": "gyr"}, {"rate_hz": -5}]
)
def test_windows_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="Next:"):
        dataset(recording(100)).windows(**{"length_s": 1.0, **wrong})  # type: ignore[arg-type]


def test_a_gyroscope_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigError, match="no gyroscope at chest"):
        dataset(recording(100, c=3)).windows(1.0, channels="all")


@pytest.mark.parametrize("name", names())
def test_what_is_known_of_a_set_is_whole(name: str) -> None:
    known = about(name)
    assert known.where
    assert known.licence
    assert known.files
    assert known.rate_hz > 0
    assert known.traps
    assert not known.null or known.null in known.classes
    if known.mapping:
        assert set(known.classes) <= set(load_mapping(known.mapping).classes)
    together = [person for persons in known.splits.values() for person in persons]
    assert len(together) == len(set(together))
    assert bool(known.splits) == bool(known.split_source)


def test_names_and_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="motionsense"):
        load("motion sensei", tmp_path)
    with pytest.raises(ConfigError, match="Get it from"):
        load("Motion_Sense", tmp_path / "no")
    for name in names():
        with pytest.raises(ConfigError, match=r"Why: [\s\S]*Next: "):
            load(name, tmp_path)


def test_a_split_is_of_persons() -> None:
    made = dataset(recording(100), recording(100, person="2"))
    assert made.split("train").persons == ("2",)
    assert made.split("test").persons == ("1",)
    with pytest.raises(ConfigError, match="train, test"):
        made.split("dev")
