"""Publishing: what is not a dataset's is never touched, and a kill at any place loses nothing of what the dataset was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synthetic import SyntheticSource, small_config

from fimad.dataset.manifest import read_manifest
from fimad.dataset.packing import publication
from fimad.dataset.packing.pack import PackResult, pack
from fimad.dataset.packing.remove import remove
from fimad.dataset.verify import verify
from fimad.errors import ConfigError, DatasetError, TransientError
from fimad.storage.store import LocalStore, Store, open_store


def packed(store: Store, videos: int = 4) -> PackResult:
    config = small_config(shard_bytes=100_000)
    return pack(SyntheticSource(videos, config), config, store)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What is somebody else's


@pytest.mark.parametrize(
    "names",
    [
        ("README.md", "data/mine.csv"),
        ("README.md",),
        ("croissant.json",),
        ("data/mine.csv",),
        ("data/train-00000-of-00001.parquet",),
    ],
)
def test_a_folder_of_somebody_else_is_refused_and_left_as_it_is(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("---\ntags:\n- mine\n---\n")
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="no dataset of fimad") as caught:
        packed(open_store(str(tmp_path)))
    assert caught.value.reason == "not_a_dataset"
    assert caught.value.why
    assert "--dataset" in caught.value.fix
    assert contents(tmp_path) == before


def test_files_of_the_users_in_a_dataset_stay(tmp_path: Path) -> None:
    packed(open_store(str(tmp_path)))
    mine = {"data/mine.csv": b"1,2", "data/notes-of-today.parquet": b"x", "tmp/draft.txt": b"y", "notes.txt": b"z"}
    for name, data in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    store = open_store(str(tmp_path))
    packed(store, 6)
    remove(str(tmp_path), "video000002")
    store.tidy()
    after = contents(tmp_path)
    assert {name: after[name] for name in mine} == mine
    shards = {each["name"] for each in read_manifest(store)["shards"]}
    assert {name for name in after if name.startswith("data/")} == shards | {name for name in mine if "data" in name}


def test_a_manifest_that_was_deleted_by_hand_is_packed_anew(tmp_path: Path) -> None:
    packed(open_store(str(tmp_path)))
    before = contents(tmp_path)
    (tmp_path / "manifest.json").unlink()
    packed(open_store(str(tmp_path)))
    assert contents(tmp_path) == before


# Shards that are lost


@pytest.mark.parametrize("size_bytes", [None, 0, 1000])
@pytest.mark.parametrize("videos", [4, 6])
def test_a_shard_that_is_lost_or_cut_is_made_again(tmp_path: Path, size_bytes: int | None, videos: int) -> None:
    packed(open_store(str(tmp_path / "a")))
    packed(open_store(str(tmp_path / "b")))
    packed(open_store(str(tmp_path / "b")), videos)
    shard = sorted((tmp_path / "a" / "data").iterdir())[1]
    if size_bytes is None:
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:size_bytes])
    assert packed(open_store(str(tmp_path / "a")), videos).written >= 1
    assert verify(str(tmp_path / "a")) == []
    if videos == 4:
        assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("name", ["README.md", "croissant.json"])
def test_a_page_that_is_lost_is_written_again(tmp_path: Path, name: str) -> None:
    packed(open_store(str(tmp_path)))
    before = contents(tmp_path)
    (tmp_path / name).unlink()
    packed(open_store(str(tmp_path)))
    assert contents(tmp_path) == before


# Kills


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class Dying(LocalStore):
    """Dies before its n-th change."""

    def __init__(self, folder: Path, changes: int) -> None:
        super().__init__(folder)
        self.left = changes

    def _count(self) -> None:
        if self.left <= 0:
            raise Killed
        self.left -= 1

    def write(self, name: str, data: bytes) -> None:
        self._count()
        super().write(name, data)

    def put(self, source: Path, name: str) -> None:
        self._count()
        super().put(source, name)

    def delete(self, name: str) -> None:
        self._count()
        super().delete(name)


def killed_at_every_change(tmp_path: Path, act: Callable[[Store], Any], again: Callable[[Store], Any]) -> None:
    """Prepared datasets of one video less meet a kill before each change in turn, and then are as if nothing was."""
    undisturbed = tmp_path / "undisturbed"
    act(open_store(str(undisturbed)))
    expected = contents(undisturbed)
    for changes in range(1000):
        folder = tmp_path / f"killed-{changes}"
        store = Dying(folder, changes)
        try:
            act(store)
        except Killed:
            again(open_store(str(folder)))
            assert contents(folder) == expected, changes
            assert verify(str(folder)) == []
        else:
            assert changes > 5
            return


def first(store: Store) -> None:
    packed(store)


def grown(store: Store) -> None:
    """From 4 videos with a takedown to 6: names of shards change their bytes."""
    if not store.exists("manifest.json"):
        folder = str(store.url)
        packed(open_store(folder))
        remove(folder, "video000003", "asked")
    packed(store, 6)


def less(store: Store) -> None:
    if not store.exists("manifest.json"):
        packed(open_store(str(store.url)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fimad.dataset.packing.remove.open_store", lambda url: store)
        remove(store.url, "video000003", "asked")


def less_again(store: Store) -> None:
    with contextlib.suppress(DatasetError):
        # It was gone already: then the kill came last.
        remove(store.url, "video000003", "asked")


@pytest.mark.parametrize(
    ("act", "again"),
    [(first, first), (grown, lambda store: packed(store, 6)), (less, less_again)],
    ids=["first", "grown", "less"],
)
def test_a_kill_loses_nothing_of_what_the_dataset_was(
    tmp_path: Path, act: Callable[[Store], Any], again: Callable[[Store], Any]
) -> None:
    """Between the deletion of the old manifest and the new one, a kill once lost version, takedowns, classes and splits."""
    killed_at_every_change(tmp_path, act, again)


def test_a_kill_between_shards_is_said_where_artifacts_are_needed(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    packed(store)
    manifest = read_manifest(store)
    store.write(publication.NEXT, (tmp_path / "manifest.json").read_bytes())
    store.delete("manifest.json")
    (tmp_path / manifest["shards"][0]["name"]).write_bytes(b"of the next version")
    with pytest.raises(DatasetError, match="between two versions") as caught:
        remove(str(tmp_path), "video000003")
    assert "fimad build" in caught.value.fix


# Two at once


def test_what_another_build_published_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    packed(store)
    config = small_config(shard_bytes=100_000)

    class Slow(SyntheticSource):
        def stage_info(self) -> dict[str, dict[str, Any]]:
            if read_manifest(store)["version"] == 1:
                packed(store, 5)
            return super().stage_info()

    with pytest.raises(TransientError) as caught:
        pack(Slow(6, config), config, store)
    assert caught.value.reason == publication.BY_ANOTHER
    assert read_manifest(store)["version"] == 2
    assert verify(str(tmp_path)) == []
    pack(Slow(6, config), config, store)
    assert read_manifest(store)["version"] == 3
