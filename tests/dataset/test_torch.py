"""The training loop: workers and ranks share an epoch, orders repeat, an interrupted epoch goes on where it was."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import SyntheticSource, small_config

import fimad
from fimad.dataset import Dataset
from fimad.dataset.packing.pack import pack
from fimad.errors import ConfigError
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


def test_windows_stay_as_they_were_given(dataset: Dataset) -> None:
    """What a clip was put into is used for the next; windows that are kept must not change."""
    kept = list(dataset.to_torch(**OPTIONS, modalities=("imu", "pose"), seed=3, buffer=1))
    alone = {
        (window["clip_id"], round(window["start_s"], 6)): window
        for window in dataset.windows(**OPTIONS, modalities=("imu", "pose"))
    }
    assert len(kept) == len(alone) == 80
    for window in kept:
        other = alone[window["clip_id"], round(window["start_s"], 6)]
        for name, value in other.items():
            np.testing.assert_array_equal(window[name], value)


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


@pytest.mark.parametrize(("groups", "windows"), [(1, 40), (40, 1)])
def test_groups_and_the_windows_of_a_group_are_each_mixed_by_seed_and_epoch(groups: int, windows: int) -> None:
    """One group alone, and groups of one window: what mixes the one must not hide that the other stays as it is."""
    from fimad.dataset.slicing.epochs import Plan

    numbers = np.arange(groups * windows)
    whole = Plan([("shard", at) for at in range(groups)], numbers // windows, numbers * 0, numbers % windows)
    orders = [
        whole.share(seed=seed, epoch=epoch, buffer=1).tolist() for seed, epoch in ((3, 0), (3, 0), (3, 1), (4, 0))
    ]
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == numbers.tolist() for order in orders)


@pytest.fixture(scope="module")
def plan(dataset: Dataset) -> Any:
    from fimad.dataset.slicing.epochs import plan

    options = {"length_s": 2.0, "stride_s": 0.55, "rate_hz": 20.0, "modalities": ("imu",), "placements": ["left_wrist"]}
    return plan(dataset, {**options, "pad": False, "min_valid": 0.8})


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("ranks", range(1, 9))
@pytest.mark.parametrize("even", ["once", "pad", "drop"])
def test_ranks_and_workers_have_equal_shares(plan: Any, ranks: int, workers: int, even: str) -> None:
    options: dict[str, Any] = {"seed": 5, "epoch": 2, "buffer": 3, "even": even, "ranks": ranks, "workers": workers}
    for batch in (1, 4, 32):
        shares = [
            [plan.share(**options, rank=rank, worker=worker, batch=batch) for worker in range(workers)]
            for rank in range(ranks)
        ]
        lengths = [sum(map(len, rank)) for rank in shares]
        assert lengths == [plan.rank_count(rank, ranks, even) for rank in range(ranks)]
        assert max(lengths) - min(lengths) <= (1 if even == "once" else 0)
        counts = [[-(-len(share) // batch) for share in rank] for rank in shares]
        assert all(max(each) - min(each) <= 1 and (even == "once" or each == counts[0]) for each in counts)
        seen = [int(window) for rank in shares for share in rank for window in share]
        twice = len(seen) - len(set(seen))
        assert twice == (-len(plan) % ranks if even == "pad" else 0)
        assert len(set(seen)) == (len(plan) - len(plan) % ranks if even == "drop" else len(plan))


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("ranks", range(1, 9))
def test_an_epoch_goes_on_with_workers_at_any_place(plan: Any, ranks: int, workers: int) -> None:
    from fimad.dataset.slicing.epochs import Turns

    batch, draw = 3, np.random.default_rng([ranks, workers])
    rank = int(draw.integers(ranks))
    shares = [
        plan.share(seed=1, epoch=0, buffer=3, rank=rank, ranks=ranks, worker=w, workers=workers, batch=batch)
        for w in range(workers)
    ]
    counts = [-(-len(share) // batch) for share in shares]

    def walk(turns: Turns) -> Any:
        for worker in turns:
            place = (turns.given[worker] - 1) * batch
            yield shares[worker][place : place + batch].tolist()

    whole = list(walk(Turns(counts)))
    assert sorted(window for each in whole for window in each) == sorted(np.concatenate(shares).tolist())
    for stop in draw.integers(0, len(whole) + 1, 20):
        turns = Turns(counts)
        begun = [each for _, each in zip(range(stop), walk(turns), strict=False)]
        assert begun + list(walk(Turns(counts, turns.given, turns.turn))) == whole


def test_a_loader_with_workers_goes_on_exactly(dataset: Dataset) -> None:
    def batches(loader: Any, count: int | None = None) -> list[list[tuple[str, float]]]:
        found = []
        for batch in loader:
            found.append(list(zip(batch["clip_id"], [round(float(at), 6) for at in batch["start_s"]], strict=True)))
            if len(found) == count:
                break
        return found

    def loader() -> Any:
        return dataset.to_torch(**OPTIONS, seed=3).loader(batch_size=7, num_workers=2, persistent_workers=True)

    first = loader()
    first.set_epoch(1)
    whole = batches(first)
    assert len(whole) == len(first) == 12
    assert sorted(each for batch in whole for each in batch) == sorted(names(dataset.windows(**OPTIONS)))
    # Workers that persist see the next epoch.
    first.set_epoch(2)
    assert batches(first) != whole
    first.set_epoch(1)
    assert batches(first) == whole
    for stop in (1, 5, 12):
        first.set_epoch(1)
        begun = batches(first, stop)
        again = loader()
        again.load_state_dict(first.state_dict())
        assert begun + batches(again) == whole
    other = dataset.to_torch(**OPTIONS, seed=3).loader(batch_size=7, num_workers=3)
    with pytest.raises(ConfigError, match="number of workers"):
        other.load_state_dict(first.state_dict())


def taken(loader: Any, count: int | None = None) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for at, batch in enumerate(loader, 1):
        found += zip(batch["clip_id"], [round(float(each), 6) for each in batch["start_s"]], strict=True)
        if at == count:
            break
    return found


def goes_on(dataset: Dataset, ranks: int, workers: int, draw: np.random.Generator, stops: int) -> None:
    """All ranks see every window, those that pad twice; and one of them, interrupted anywhere, loses and repeats none."""

    def loader(rank: int) -> Any:
        windows = dataset.to_torch(**OPTIONS, seed=2, rank=rank, world_size=ranks)
        return windows.loader(batch_size=4, num_workers=workers)

    shares = [taken(loader(rank)) for rank in range(ranks)]
    every = sorted(names(dataset.windows(**OPTIONS)))
    assert {len(share) for share in shares} == {-(-len(every) // ranks)}
    assert sorted(set().union(*shares)) == every
    assert sum(map(len, shares)) - len(every) == -len(every) % ranks
    for stop in draw.integers(0, len(loader(0)) + 1, stops):
        rank = int(draw.integers(ranks))
        first, again = loader(rank), loader(rank)
        begun = taken(first, int(stop)) if stop else []
        again.load_state_dict(first.state_dict())
        assert begun + taken(again) == shares[rank]


@pytest.mark.parametrize("ranks", range(1, 9))
def test_without_workers_ranks_go_on_where_they_were(dataset: Dataset, ranks: int) -> None:
    goes_on(dataset, ranks, 0, np.random.default_rng(ranks), 3)


@pytest.mark.slow
@pytest.mark.parametrize("workers", range(5))
@pytest.mark.parametrize("ranks", range(1, 9))
def test_real_workers_go_on_where_they_were(dataset: Dataset, ranks: int, workers: int) -> None:
    goes_on(dataset, ranks, workers, np.random.default_rng([ranks, workers]), 20 if ranks == 3 else 2)


def test_workers_that_persist_see_the_epoch_in_a_plain_loader_too(dataset: Dataset) -> None:
    windows = dataset.to_torch(**OPTIONS, seed=3)
    loader = torch.utils.data.DataLoader(windows, batch_size=None, num_workers=1, persistent_workers=True)
    first = names(loader)
    windows.set_epoch(1)
    assert names(loader) != first
    # It can't know how far the workers are, and says so.
    with pytest.raises(ConfigError, match=r"windows\.loader"):
        windows.state_dict()


@pytest.mark.parametrize("ranks", [3, 8])
def test_lengths_are_known_and_equal(dataset: Dataset, ranks: int) -> None:
    each = [dataset.to_torch(**OPTIONS, rank=rank, world_size=ranks, even="pad") for rank in range(ranks)]
    assert {len(one) for one in each} == {-(-80 // ranks)}
    assert [sum(1 for _ in one) for one in each] == [len(one) for one in each]
    assert len(dataset.to_torch(**OPTIONS, rank=0, world_size=ranks, even="drop")) == 80 // ranks
    assert len({len(one.loader(batch_size=4, num_workers=2)) for one in each}) == 1


def test_a_started_worker_keeps_its_rank(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    here = dataset.to_torch(**OPTIONS)
    sent = pickle.dumps(here)
    expected = names(here)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: False)
    assert names(pickle.loads(sent)) == expected  # noqa: S301  (our own bytes)


def test_batches_know_what_is_missing(tmp_path: Path) -> None:
    class Half(SyntheticSource):
        def _embed(self, number: int, video_id: str) -> list[dict[str, Any]]:
            rows = super()._embed(number, video_id)
            gone = {"video_embeddings": None, "video_embedding_time_s": None, "text_embedding": None}
            return [{**row, **(gone if number % 2 else {})} for row in rows]

    config = small_config(("left_wrist",))
    pack(Half(6, config, embeddings=True), config, open_store(str(tmp_path)))
    windows = fimad.open_dataset(tmp_path).to_torch(**OPTIONS, modalities=("imu", "pose", "video_embedding", "text"))
    (batch,) = windows.loader(batch_size=100)
    odd = [int(name[5:11]) % 2 == 1 for name in batch["clip_id"]]
    for name in ("video_embedding", "text_embedding"):
        assert batch[name].shape == (48, 64)
        assert batch[f"{name}_present"].tolist() == [not each for each in odd]
        assert not batch[name][odd].any()
    assert batch["pose_world_m"].shape == (48, 40, 33, 3)
    assert batch["transcript"] == [text for text in batch["transcript"] if isinstance(text, str)]
    classes = [windows.classes[at] for at in batch["label_id"]]
    assert classes == batch["label"]


def test_a_batch_mixes_videos(tmp_path: Path) -> None:
    config = small_config(("left_wrist",), shard_bytes=3_000_000)
    pack(SyntheticSource(40, config, clips=4), config, open_store(str(tmp_path)))
    windows = fimad.open_dataset(tmp_path).to_torch(**OPTIONS, seed=0)
    batches = [len({name[:11] for name in batch["clip_id"]}) for batch in windows.loader(batch_size=32)]
    # 32 random windows of 40 videos hold 22.2 of them on average.
    assert np.mean(batches) > 20


@pytest.mark.parametrize("keep_mb", [0.0, 0.8, 100.0])
def test_later_epochs_give_the_same_windows_and_read_what_was_not_kept(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, keep_mb: float
) -> None:
    options: dict[str, Any] = {**OPTIONS, "modalities": ("imu", "pose", "text")}
    windows = dataset.to_torch(**options, seed=3, keep_mb=keep_mb)
    read: list[int] = []
    plain = Dataset.read_group

    def counted(self: Dataset, file: Any, group: int, columns: Any) -> Any:
        read.append(group)
        return plain(self, file, group, columns)

    monkeypatch.setattr(Dataset, "read_group", counted)
    passes, reads = [], []
    for epoch in (0, 1, 0):
        windows.set_epoch(epoch)
        before = len(read)
        found = {}
        for window in windows:
            found[window["clip_id"], window["start_s"]] = {name: np.copy(value) for name, value in window.items()}
            # What a training does to its window is seen by no later one.
            window["pose_world_m"][:] = 7
            window["left_wrist_acc_m_s2"][:] = 7
        passes.append(found)
        reads.append(len(read) - before)
    assert reads[0] > 2
    assert reads[1] == reads[2] == (reads[0] if keep_mb == 0 else 0 if keep_mb > 1 else reads[1])
    assert keep_mb != 0.8 or 0 < reads[1] < reads[0]
    for later in passes[1:]:
        assert later.keys() == passes[0].keys()
        for key, window in passes[0].items():
            for name, value in window.items():
                np.testing.assert_array_equal(later[key][name], value, strict=True)


def test_what_is_kept_does_not_travel(dataset: Dataset) -> None:
    windows = dataset.to_torch(**OPTIONS, modalities=("imu", "pose"))
    alone = len(pickle.dumps(windows))
    list(windows)
    assert len(pickle.dumps(windows)) == alone
