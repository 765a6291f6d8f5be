"""Datasets where many people keep them: on an object store."""

from __future__ import annotations

from pathlib import Path

import fsspec
import numpy as np
import pytest

import fimad
from fimad.dataset.verify import verify

WINDOW = {"length_s": 3.0, "rate_hz": 50.0, "modalities": ["imu", "pose", "text"], "placements": ["left_wrist"]}


@pytest.fixture(scope="module")
def remote(s3: str, demo_dataset: Path) -> str:
    url = f"{s3}/demo"
    system, path = fsspec.url_to_fs(url)
    system.put(str(demo_dataset), path, recursive=True)
    return url


def test_clips_and_filters_are_those_of_the_folder(remote: str, demo_dataset: Path) -> None:
    here, there = fimad.open_dataset(str(demo_dataset)), fimad.open_dataset(remote)
    assert len(there) == len(here) == 5
    columns = ["clip_id", "label", "left_wrist_acc_m_s2"]
    assert there.table(columns).equals(here.table(columns))
    chosen = [clip["clip_id"] for clip in there.select(label="squats").clips(["clip_id"])]
    assert chosen == [clip["clip_id"] for clip in here.select(label="squats").clips(["clip_id"])] != []
    one = there.clip(chosen[0])
    assert one["left_wrist_acc_m_s2"].shape[1] == 3


def test_windows_and_torch(remote: str, demo_dataset: Path) -> None:
    for mine, theirs in zip(
        fimad.open_dataset(str(demo_dataset)).windows(stride_s=3.0, **WINDOW),
        fimad.open_dataset(remote).windows(stride_s=3.0, **WINDOW),
        strict=True,
    ):
        for name, value in mine.items():
            np.testing.assert_array_equal(value, theirs[name])
    loader = fimad.open_dataset(remote).to_torch(stride_s=3.0, seed=1, **WINDOW)
    assert sum(1 for _ in loader) == sum(1 for _ in fimad.open_dataset(remote).windows(stride_s=3.0, **WINDOW))


def test_verify_finds_it_whole_and_names_what_is_not(remote: str) -> None:
    assert not verify(remote)
    system, path = fsspec.url_to_fs(remote)
    shard = next(iter(system.glob(f"{path}/data/*.parquet")))
    whole = system.cat_file(shard)
    system.pipe_file(shard, whole[: len(whole) // 2])
    try:
        assert any(shard.rsplit("/", 1)[1] in str(each) for each in verify(remote))
    finally:
        system.pipe_file(shard, whole)
