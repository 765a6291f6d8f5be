"""The training loop: workers and ranks share an epoch, orders repeat, an interrupted epoch goes on where it was."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from synthetic import SyntheticSource, small_config

import fimad
from fimad.dataset import Dataset
from fimad.dataset.packing.pack import pack
from fimad.storage.store import open_store

torch = pytest.importorskip("torch")

OPTIONS: dict[str, Any] = {"length_s": 2.0, "rate_hz": 20.0, "placements": ["left_wrist"]}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = str(tmp_path_factory.mktemp("torch"))
    config = small_config(("left_wrist",), shard_bytes=100_000)
    pack(SyntheticSource(10, config), config, open_store(folder))
    return fimad.open_dataset(folder)


def names(windows: Any) -> list[tuple[str, float]]:
    return [(window["clip_id"], round(window["start_s"], 6)) for window in windows]


@pytest.mark.parametrize("given", [0, 1, 7, 40, 79, 80])
def test_an_epoch_goes_on_at_any_place(dataset: Dataset, given: int) -> None:
    whole = names(dataset.to_torch(**OPTIONS, seed=3, buffer=1))
    assert len(whole) == len(set(whole)) == 80
    first = dataset.to_torch(**OPTIONS, seed=3, buffer=1)
    walk = iter(first)
    begun = names(next(walk) for _ in range(given))
    again = dataset.to_torch(**OPTIONS, seed=3, buffer=1)
    again.load_state_dict(first.state_dict())
    assert begun + names(again) == whole


def test_seed_and_epoch_make_the_order(dataset: Dataset) -> None:
    one, two = dataset.to_torch(**OPTIONS, seed=3), dataset.to_torch(**OPTIONS, seed=4)
    assert names(one) == names(one)
    assert names(one) != names(two)
    before = names(one)
    one.set_epoch(1)
    assert names(one) != before
    assert sorted(names(one)) == sorted(before)
    assert names(dataset.to_torch(**OPTIONS, seed=None)) == names(dataset.windows(**OPTIONS))


def test_workers_share_the_epoch(dataset: Dataset) -> None:
    loader = torch.utils.data.DataLoader(dataset.to_torch(**OPTIONS), batch_size=None, num_workers=2)
    assert sorted(names(loader)) == sorted(names(dataset.windows(**OPTIONS)))


def test_ranks_share_the_epoch(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, float]] = []
    for rank in range(3):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
        seen += names(dataset.to_torch(**OPTIONS))
    assert sorted(seen) == sorted(names(dataset.windows(**OPTIONS)))


def test_a_selection_travels_to_another_process(dataset: Dataset) -> None:
    chosen = dataset.select(split="train", label="squats")
    list(chosen.clips(["clip_id"]))
    assert len(pickle.loads(pickle.dumps(chosen))) == len(chosen) > 0  # noqa: S301  (our own bytes)


def test_every_epoch_mixes_the_windows_of_a_group_anew(dataset: Dataset) -> None:
    def by_clip(epoch: int) -> dict[str, list[float]]:
        windows = dataset.to_torch(**OPTIONS, seed=3, buffer=1)
        windows.set_epoch(epoch)
        order: dict[str, list[float]] = {}
        for clip_id, start_s in names(windows):
            order.setdefault(clip_id, []).append(start_s)
        return order

    # Groups come in another order as well: what counts here is the order within each.
    assert by_clip(0) == by_clip(0)
    assert by_clip(0) != by_clip(1)
