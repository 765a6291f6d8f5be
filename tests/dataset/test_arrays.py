"""Windows as arrays: the same numbers as `windows` gives, classes and groups that stay, nothing made up."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import LABELS, SyntheticSource, small_config

import fimad
from fimad.dataset import Dataset
from fimad.dataset.packing.pack import pack
from fimad.errors import ConfigError, DatasetError
from fimad.storage.store import open_store

FLAGS = ([], ["back_view"], ["still"], ["back_view", "still"])


class Gaps(SyntheticSource):
    """Every fourth clip has a hole of a second, every fifth no left wrist, every seventh a clock that begins late."""

    def _simulate(self, number: int, video_id: str) -> list[dict[str, Any]]:
        rows = super()._simulate(number, video_id)
        for index, row in enumerate(rows):
            which = 2 * number + index
            row["flags"] = FLAGS[which % 4]
            row["imu_quality"] = 0.5 + 0.05 * (which % 10)
            if which % 4 == 3:
                valid = np.array(row["left_wrist_valid"])
                valid[100:150] = False
                row["left_wrist_valid"] = valid
                for name in [name for name in row if name.startswith("left_wrist_") and np.ndim(row[name])]:
                    if name != "left_wrist_valid":
                        values = np.array(row[name]).reshape(len(valid), -1)
                        values[~valid] = np.nan
                        row[name] = values.reshape(-1)
            if which % 5 == 4:
                row |= {name: None for name in row if name.startswith("left_wrist_")}
            if which % 7 == 6:
                row["imu_time_s"] = np.asarray(row["imu_time_s"]) + 0.0131
        return rows


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("arrays")
    config = small_config(shard_bytes=200_000)
    pack(Gaps(12, config), config, open_store(str(folder)))
    return fimad.open_dataset(folder)


def test_one_line_gives_what_a_classifier_takes(dataset: Dataset) -> None:
    arrays = dataset.to_arrays(
        length_s=2, rate_hz=50, placements=["left_wrist"], channels=("acc", "gyro"), overlap=0.5, min_valid=0.9
    )
    count = len(arrays)
    assert arrays.X.shape == (count, 6, 100)
    assert arrays.X.dtype == np.float32
    assert arrays.mask.shape == arrays.X.shape
    assert arrays.y.shape == arrays.groups.shape == (count,)
    assert arrays.y.dtype == np.int64
    assert arrays.names[:4] == (
        "left_wrist_acc_x_m_s2",
        "left_wrist_acc_y_m_s2",
        "left_wrist_acc_z_m_s2",
        "left_wrist_gyro_x_rad_s",
    )
    assert arrays.classes == tuple(sorted(LABELS))
    assert set(arrays.groups) == {f"channel {number}" for number in range(5)}
    assert np.isfinite(arrays.X).all()
    assert arrays.mask.mean(axis=2).min() >= 0.9
    x, y, groups = arrays
    assert x is arrays.X
    assert y is arrays.y
    assert groups is arrays.groups
    assert "left out" in repr(arrays)
    labels = {clip["clip_id"]: clip["label"] for clip in dataset.clips(["clip_id", "label"])}
    assert [arrays.classes[at] for at in arrays.y] == [labels[name] for name in arrays.clip_ids]


@pytest.mark.parametrize("rate_hz", [50.0, 25.0, 40.0, 12.5])
@pytest.mark.parametrize(("length_s", "overlap"), [(2.0, 0.5), (1.28, 0.0), (3.0, 0.75)])
@pytest.mark.parametrize("fill", ["linear", "nan", "zero"])
def test_the_numbers_are_those_of_windows(
    dataset: Dataset, rate_hz: float, length_s: float, overlap: float, fill: str
) -> None:
    count = round(length_s * rate_hz)
    arrays = dataset.to_arrays(
        length_s=length_s,
        rate_hz=rate_hz,
        overlap=overlap,
        min_valid=0.6,
        fill=fill,
        placements=["pelvis", "left_wrist"],
    )
    stride_s = max(1, round(count * (1 - overlap))) / rate_hz
    options: dict[str, Any] = {"length_s": count / rate_hz, "stride_s": stride_s, "rate_hz": rate_hz, "fill": fill}
    windows = list(dataset.windows(**options, placements=["pelvis", "left_wrist"], min_valid=0.6))
    assert list(arrays.clip_ids) == [window["clip_id"] for window in windows]
    np.testing.assert_allclose(arrays.start_s, [window["start_s"] for window in windows])
    for at, window in enumerate(windows):
        columns = [window[f"{p}_{c}"].T for p in ("pelvis", "left_wrist") for c in ("acc_m_s2", "gyro_rad_s")]
        np.testing.assert_array_equal(arrays.X[at], np.concatenate(columns))
        np.testing.assert_array_equal(arrays.mask[at, 6], window["left_wrist_valid"])


def test_nothing_that_was_not_measured_comes_as_zero(dataset: Dataset) -> None:
    for window in dataset.windows(length_s=2.0, rate_hz=50.0):
        for placement in dataset.placements:
            assert window[f"{placement}_valid"].mean() >= 0.8
            assert not (window[f"{placement}_acc_m_s2"] == 0).all(axis=1).any()
    asked = list(dataset.windows(length_s=2.0, rate_hz=50.0, min_valid=0.0, fill="zero"))
    assert any(not window["left_wrist_valid"].any() and not window["left_wrist_acc_m_s2"].any() for window in asked)
    empty = [w for w in dataset.windows(length_s=2.0, rate_hz=50.0, min_valid=0.0) if not w["left_wrist_valid"].any()]
    assert empty
    assert all(np.isnan(window["left_wrist_acc_m_s2"]).all() for window in empty)


def test_what_pad_adds_is_not_held_against_a_window(dataset: Dataset) -> None:
    options: dict[str, Any] = {"length_s": 5.0, "rate_hz": 50.0, "placements": ["pelvis"]}
    plain, padded = list(dataset.windows(**options)), list(dataset.windows(**options, pad=True))
    assert len(plain) < len(padded)
    assert any(window["pelvis_valid"].mean() < 0.8 for window in padded)


def test_classes_and_ids_stay_whatever_is_selected(dataset: Dataset) -> None:
    squats = dataset.select(label="squats").to_arrays(placements=["pelvis"])
    assert squats.classes == dataset.to_arrays(placements=["pelvis"]).classes
    assert set(squats.y) == {squats.classes.index("squats")}
    pinned = dataset.to_arrays(placements=["pelvis"], classes=["squats", "lunges"])
    assert set(pinned.y) == {0, 1}
    assert pinned.left_out["clips without a class (label)"] == 12


def test_groups_keep_persons_apart(dataset: Dataset) -> None:
    arrays = dataset.to_arrays(placements=["pelvis"])
    for train, test in arrays.folds():
        assert not set(arrays.groups[train]) & set(arrays.groups[test])
        assert len(train) + len(test) == len(arrays)
    assert len(set(dataset.to_arrays(placements=["pelvis"], groups="video").groups)) == 12
    assert len(set(dataset.to_arrays(placements=["pelvis"], groups="clip").groups)) == 24


def test_one_group_leaves_nobody_to_test_with(dataset: Dataset) -> None:
    arrays = dataset.to_arrays(placements=["pelvis"])
    alone = arrays.take(arrays.groups == arrays.groups[0])
    with pytest.raises(ConfigError, match=r"one group, 'channel \d'[\s\S]*groups='clip'"):
        alone.folds()


def test_strangers_are_warned_of(tmp_path: Path) -> None:
    class Strangers(SyntheticSource):
        def _download(self, number: int, video_id: str) -> list[dict[str, Any]]:
            return [{**row, "channel": None, "channel_id": None} for row in super()._download(number, video_id)]

    config = small_config(("pelvis",))
    pack(Strangers(3, config), config, open_store(str(tmp_path)))
    with pytest.warns(UserWarning, match="state neither person nor channel"):
        arrays = fimad.open_dataset(tmp_path).to_arrays()
    assert len(set(arrays.groups)) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fimad.open_dataset(tmp_path).to_arrays(groups="video")


def test_the_scale_comes_from_the_training_groups_only(dataset: Dataset) -> None:
    arrays = dataset.to_arrays(placements=["pelvis"])
    train = np.flatnonzero(arrays.groups != "channel 0")
    arrays.X[arrays.groups == "channel 0"] *= 100
    scaled = arrays.normalised(train)
    mean, std = scaled.statistics(train)
    np.testing.assert_allclose(mean, 0, atol=1e-3)
    np.testing.assert_allclose(std, 1, atol=1e-3)
    assert np.abs(scaled.X[arrays.groups == "channel 0"]).max() > 50
    np.testing.assert_allclose(arrays.stats.mean, arrays.statistics(arrays.splits == "train").mean)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(dataset: Dataset, library: str) -> None:
    arrays = dataset.to_arrays(placements=["pelvis"])
    frame = arrays.to_frame(library)
    assert frame.shape == (len(arrays) * 100, 8 + 6 - 1)
    last = frame.tail(1).to_dict("list") if library == "pandas" else frame.tail(1).to_dict(as_series=False)
    assert last["label"] == [arrays.classes[arrays.y[-1]]]
    assert last["pelvis_gyro_z_rad_s"] == [pytest.approx(arrays.X[-1, 5, -1])]
    assert last["time_s"] == [pytest.approx(arrays.start_s[-1] + 99 / 50)]
    assert dataset.to_frame(library=library).shape == (24, len(dataset.index().column_names))


def test_splits_selections_and_what_they_say(dataset: Dataset) -> None:
    assert len(dataset["train"]) == dataset.manifest["splits"]["train"]["clips"]
    assert "24 clips" in repr(dataset)
    assert "select(split='train')" in repr(dataset["train"])
    assert f"{len(dataset['train'])} of 24" in repr(dataset["train"])
    with pytest.raises(ConfigError, match="no split 'training'") as error:
        dataset["training"]
    assert "'train'" in str(error.value)
    with pytest.raises(ConfigError, match=r"no label 'Squats'[\s\S]*Did you mean 'squats'"):
        dataset.select(label="Squats")
    with pytest.raises(ConfigError, match=r"no label 'squat'[\s\S]*Did you mean 'squats'"):
        dataset.select(label=["squat"])
    with pytest.warns(UserWarning, match="no label 'squat'"):
        assert 0 < len(dataset.select(label=["lunges", "squat"])) < 24
    with pytest.raises(ConfigError, match="ids"):
        dataset[0]  # type: ignore[index]
    assert [clip["clip_id"] for clip in dataset][:1] == ["video000000___0"] or len(list(dataset)) == 24


def test_flags_are_selected_by(dataset: Dataset) -> None:
    flags = dict(zip(*(dataset.index().column(name).to_pylist() for name in ("clip_id", "flags")), strict=True))

    def chosen(**options: Any) -> set[str]:
        return {clip["clip_id"] for clip in dataset.select(**options).clips(["clip_id"])}

    assert chosen(flags="back_view") == {name for name, each in flags.items() if "back_view" in each}
    assert chosen(flags=["still"], without_flags="back_view") == {n for n, each in flags.items() if each == ["still"]}
    assert chosen(without_flags=True) == chosen(flags=[]) == {name for name, each in flags.items() if not each}
    assert len(chosen(without_flags=["back_view", "still"])) == 6
    assert chosen(flags="back") == set()
    assert len(dataset.select(flags="still")) == 12


@pytest.mark.parametrize("use", ["to_arrays", "windows", "to_torch"])
def test_an_empty_selection_says_what_there_is(dataset: Dataset, use: str) -> None:
    nothing = dataset.select(label="squats", min_quality=0.99)
    with pytest.raises(
        ConfigError, match=r"label='squats', min_quality=0.99[\s\S]*clips in 'train'[\s\S]*jumping jacks"
    ):
        getattr(nothing, use)()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"placements": ["tail"]}, "left_wrist, pelvis"),
        ({"placements": "tail"}, "'tail'"),
        ({"channels": ("acc", "mag")}, "acc, gyro"),
        ({"overlap": 1.0}, "overlap"),
        ({"min_valid": 90}, "min_valid"),
        ({"fill": "mean"}, "linear, nan, zero"),
        ({"groups": "town"}, "person, channel, video, clip"),
        ({"target": "lable"}, "label"),
        ({"length_s": 60.0}, "clips shorter than a window"),
    ],
)
def test_wrong_options_say_what_there_is(dataset: Dataset, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        dataset.to_arrays(**options)


def test_options_of_windows_are_checked_at_once(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="'tail'"):
        dataset.windows(placements=["tail"])
    assert next(iter(dataset.windows(placements="pelvis")))["pelvis_acc_m_s2"].shape == (250, 3)


def test_one_clip_of_a_selection(dataset: Dataset) -> None:
    other = next(clip["clip_id"] for clip in dataset.clips(["clip_id", "label"]) if clip["label"] != "squats")
    assert dataset.clip(other, ["label"])["label"] != "squats"
    with pytest.raises(DatasetError, match="select"):
        dataset.select(label="squats").clip(other)
    with pytest.raises(DatasetError, match=r"Ids are such as[\s\S]*video000003___1"):
        dataset.clip("vidoe000003___1")


def test_a_schema_of_the_future_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    from fimad.dataset.manifest import sealed

    manifest = json.loads((Path(dataset.path) / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_bytes(sealed({**manifest, "schema_version": 99}))
    with pytest.raises(DatasetError, match="99"):
        fimad.open_dataset(tmp_path)
