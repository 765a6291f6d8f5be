"""Windows: one clock for everything, whatever the rates, lengths and gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import SyntheticSource, small_config

import fimad
from fimad.dataset.packing.pack import pack
from fimad.dataset.reader import Dataset
from fimad.dataset.slicing.clips import cut_window
from fimad.dataset.windows import clip_windows
from fimad.errors import ConfigError
from fimad.storage.store import open_store


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = str(tmp_path_factory.mktemp("windows"))
    config = small_config()
    pack(SyntheticSource(6, config, embeddings=True), config, open_store(folder))
    return fimad.open_dataset(folder)


def made_clip(start_s: float, length_s: float, rate_hz: float, gap: tuple[float, float]) -> dict[str, Any]:
    """A clip whose signal is its own time, so that every value can be checked."""
    time_s = start_s + np.arange(max(1, int(length_s * rate_hz))) / rate_hz
    valid = ~((time_s >= gap[0]) & (time_s < gap[1]))
    ramp = np.where(valid[:, None], np.repeat(time_s[:, None], 3, 1), np.nan).astype(np.float32)
    clip: dict[str, Any] = {"clip_id": "c", "label": "", "title": "", "split": "train"}
    clip |= {"start_s": start_s, "end_s": start_s + length_s, "imu_time_s": time_s}
    return clip | {"w_acc_m_s2": ramp, "w_gyro_rad_s": ramp, "w_valid": valid}


@settings(max_examples=200, deadline=None)
@given(
    start=st.floats(0, 100),
    length=st.floats(0.1, 20),
    source_hz=st.floats(5, 120),
    rate_hz=st.floats(5, 120),
    window_s=st.floats(0.1, 8),
    stride_s=st.floats(0.1, 8),
    gap=st.tuples(st.floats(0, 120), st.floats(0, 120)),
    pad=st.booleans(),
)
def test_valid_samples_are_exact_and_others_are_zero(
    start: float,
    length: float,
    source_hz: float,
    rate_hz: float,
    window_s: float,
    stride_s: float,
    gap: tuple[float, float],
    pad: bool,
) -> None:
    clip = made_clip(start, length, source_hz, gap)
    options: dict[str, Any] = {"length_s": window_s, "stride_s": stride_s, "rate_hz": rate_hz, "pad": pad}
    windows = list(clip_windows(clip, modalities=("imu",), placements=["w"], **options))
    if not pad:
        assert all(window["start_s"] + window_s <= clip["end_s"] + 1e-6 for window in windows)
    for window in windows:
        time_s, valid, values = window["time_s"], window["w_valid"], window["w_acc_m_s2"]
        assert len(time_s) == len(valid) == len(values) == max(1, round(window_s * rate_hz))
        assert np.isfinite(values).all()
        assert not values[~valid].any()
        # The signal is the time itself; only the last sample's hold of one step may lag.
        error = np.abs(values[valid, 0] - time_s[valid])
        assert (error <= 1 / source_hz + 1e-3).all()
        inside = valid & (time_s <= clip["imu_time_s"][-1]) & (time_s >= clip["imu_time_s"][0])
        assert (np.abs(values[inside, 0] - time_s[inside]) < 1e-3 + 1e-6 * start).all()


def test_all_modalities_come_on_one_clock(dataset: Dataset) -> None:
    windows = list(dataset.windows(length_s=4.0, rate_hz=25.0, modalities=("imu", "pose", "video_embedding", "text")))
    assert len(windows) == 6 * 2 * 2
    first = windows[0]
    assert first["left_wrist_acc_m_s2"].shape == (100, 3)
    assert first["pose_world_m"].shape == (100, 33, 3)
    assert first["video_embedding"].shape == (64,)
    assert first["transcript"] == "go"
    assert not first["left_wrist_valid"][0]
    assert first["left_wrist_valid"][5:].all()


@pytest.mark.parametrize(("order", "said"), [((0, 1, 2), "one two"), ((2, 0, 1), "one two"), ((1, 2, 0), "two one")])
def test_words_are_those_whose_middle_lies_in_the_window_in_whatever_order(order: tuple[int, ...], said: str) -> None:
    words = [
        {"text": text, "start_s": at_s - 0.1, "end_s": at_s + 0.1}
        for text, at_s in ((" one", 5.0), ("two ", 9.875), ("three", 10.0))
    ]
    clip = made_clip(5.0, 10.0, 50.0, (0.0, 0.0))
    clip |= {"transcript_words": [words[at] for at in order], "text_embedding": None}
    windows = list(clip_windows(clip, length_s=5.0, stride_s=None, rate_hz=50.0, modalities=("text",), placements=[]))
    assert [window["transcript"] for window in windows] == [said, "three"]


def test_selections_filter(dataset: Dataset) -> None:
    squats = dataset.select(label="squats")
    assert 0 < len(squats) < len(dataset)
    assert {clip["label"] for clip in squats.clips(["label"])} == {"squats"}
    assert len(dataset.select(min_quality=0.9)) == 0
    total = sum(len(dataset.select(split=name)) for name in ("train", "val", "test"))
    assert total == len(dataset) == 12


@pytest.mark.parametrize(
    "options", [{"modalities": ("smell",)}, {"placements": ["tail"]}, {"length_s": 0.0}, {"rate_hz": -1.0}]
)
def test_wrong_options_are_told(dataset: Dataset, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        list(dataset.windows(**options))


def test_one_clip_is_read_by_its_id(dataset: Dataset) -> None:
    clip = dataset.clip("video000003___1", ["clip_id", "pose_world_m"])
    assert clip["pose_world_m"].shape == (240, 33, 3)


def test_torch_sees_every_window_once_and_resumes(dataset: Dataset) -> None:
    torch_data = pytest.importorskip("torch.utils.data")
    options: dict[str, Any] = {"length_s": 2.0, "placements": ["pelvis"]}
    every = sorted((w["clip_id"], w["start_s"]) for w in dataset.windows(**options))
    loader = torch_data.DataLoader(dataset.to_torch(**options), batch_size=None, num_workers=2)
    assert sorted((w["clip_id"], float(w["start_s"])) for w in loader) == every

    def ids(source: Any) -> list[tuple[str, float]]:
        return [(window["clip_id"], window["start_s"]) for window in source]

    one = dataset.to_torch(seed=3, **options)
    order = ids(one)
    assert order == ids(dataset.to_torch(seed=3, **options))
    assert order != ids(dataset.to_torch(seed=4, **options))
    half = dataset.to_torch(seed=3, **options)
    walk = iter(half)
    begun = [next(walk) for _ in range(7)]
    rest = dataset.to_torch(seed=3, **options)
    rest.load_state_dict(half.state_dict())
    assert [(w["clip_id"], w["start_s"]) for w in begun] + ids(rest) == order


@pytest.mark.parametrize("hole_s", [0.8, 2.0, 30.0])
def test_nothing_is_made_up_across_a_hole_in_the_clock(hole_s: float) -> None:
    # Samples that are not there at all: both neighbours are valid, and still nothing is known in between.
    clip = made_clip(0.0, 40.0, 50.0, (-1.0, -1.0))
    there = (clip["imu_time_s"] < 5) | (clip["imu_time_s"] > 5 + hole_s)
    clip |= {name: clip[name][there] for name in ("imu_time_s", "w_acc_m_s2", "w_gyro_rad_s", "w_valid")}
    window = next(
        iter(clip_windows(clip, length_s=39, stride_s=None, rate_hz=50, modalities=("imu",), placements=["w"]))
    )
    inside = (window["time_s"] > 5.05) & (window["time_s"] < 4.95 + hole_s)
    assert inside.any()
    assert not window["w_valid"][inside].any()
    assert window["w_valid"][window["time_s"] < 4.9].all()


@pytest.mark.parametrize(("shake_hz", "left"), [(9.0, 0.01), (6.0, 0.01), (3.0, 0.95)])
def test_a_lower_rate_is_band_limited(shake_hz: float, left: float) -> None:
    clip = made_clip(10.0, 20.0, 50.0, (0, 0))
    wave = np.sin(2 * np.pi * shake_hz * clip["imu_time_s"]).astype(np.float32)
    clip["w_acc_m_s2"] = np.repeat(wave[:, None], 3, 1)
    clip["w_acc_m_s2"][:40], clip["w_valid"][:40] = np.nan, False
    options: dict[str, Any] = {"length_s": 4.0, "stride_s": 1.0, "rate_hz": 10.0}
    # Neither the clip's end nor a hole, where a filter knows one side alone.
    inside = [w for w in clip_windows(clip, modalities=("imu",), placements=["w"], **options) if 13 < w["start_s"] < 23]
    assert inside
    for window in inside:
        assert window["w_valid"].all()
        size = np.sqrt(2) * window["w_acc_m_s2"][:, 0].std()
        assert size < left if left < 0.5 else left < size < 1.05


@pytest.mark.parametrize(
    ("source_hz", "rate_hz", "length_s", "stride_s"),
    [
        (50.0, 50.0, 2.0, 1.0),
        (50.0, 20.0, 2.0, 0.5),
        (30.0, 50.0, 1.0, None),
        (50.0, 50.0, 1.0, 3.0),
        (49.3, 50.0, 1.5, 0.7),
    ],
)
def test_a_clip_on_the_windows_clock_gives_what_each_window_alone_gives(
    source_hz: float, rate_hz: float, length_s: float, stride_s: float | None
) -> None:
    clip = made_clip(3.0, 9.0, source_hz, (2.0, 2.4))
    wave = np.sin(np.outer(clip["imu_time_s"], [1.0, 5.0, 12.0])).astype(np.float32)
    clip["w_acc_m_s2"] = np.where(clip["w_valid"][:, None], wave, np.nan).astype(np.float32)
    options: dict[str, Any] = {"length_s": length_s, "stride_s": stride_s, "rate_hz": rate_hz}
    windows = list(clip_windows(clip, modalities=("imu",), placements=["w"], pad=True, **options))
    assert len(windows) > 2
    for step, window in enumerate(windows):
        begin_s = 3.0 + step * (length_s if stride_s is None else stride_s)
        alone = cut_window(clip, begin_s, round(length_s * rate_hz), rate_hz, length_s, ("imu",), ["w"])
        assert window.keys() == alone.keys()
        np.testing.assert_array_equal(window["w_valid"], alone["w_valid"])
        np.testing.assert_array_equal(window["time_s"], alone["time_s"])
        for name in ("w_acc_m_s2", "w_gyro_rad_s"):
            np.testing.assert_allclose(window[name], alone[name], atol=2e-5)
    windows[0]["w_acc_m_s2"][:] = 7
    again = next(iter(clip_windows(clip, modalities=("imu",), placements=["w"], **options)))
    assert not (again["w_acc_m_s2"] == 7).any(), "windows own their samples"


def test_windows_without_any_placement() -> None:
    clip = made_clip(0.0, 4.0, 50.0, (-1.0, -1.0))
    assert (
        len(
            list(
                clip_windows(
                    clip, length_s=1, stride_s=None, rate_hz=50, modalities=("imu",), placements=[], fill="nan"
                )
            )
        )
        == 4
    )
