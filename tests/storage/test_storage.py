"""Where the bytes lie: object stores, full disks, read-only folders, stores that fail. Clear errors, nothing corrupt."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pyarrow.parquet as pq
import pytest
import runner_fakes as fakes
from fsspec.implementations.memory import MemoryFileSystem
from test_build import go, make_config

from fimad.errors import SetupError
from fimad.pipeline.state.workspace import Workspace

VIDEOS = ("ok", "filtered@segment", "permanent@download", "flaky@pose", "ok")


@pytest.fixture(autouse=True)
def tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIMAD_TEST_TALLY", str(tmp_path / "tally"))


def published(workspace: Workspace) -> dict[str, bytes]:
    """All artifacts and media of a workspace, by name."""
    names = [name for name, _ in workspace.store.sizes("stages")]
    return {name: workspace.store.read(name) for name in sorted(names) if name.endswith((".parquet", ".mp4"))}


def undisturbed(tmp_path: Path, *videos: str) -> dict[str, bytes]:
    config = make_config(tmp_path / "undisturbed")
    workspace = fakes.corpus(config, *(each.replace("flaky@pose", "ok") for each in videos))
    go(config)
    return published(workspace)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_s3_workspace_holds_the_same_bytes(tmp_path: Path, s3: str, workers: int) -> None:
    config = make_config(tmp_path, workspace=f"{s3}/run-{workers}", run={"workers": workers})
    workspace = fakes.corpus(config, *VIDEOS)
    summary = go(config)
    assert (summary.failed, summary.filtered, summary.stages["simulate"]["done"]) == (1, 1, 3)
    assert published(workspace) == undisturbed(tmp_path, *VIDEOS)
    again = go(config)
    assert again.stages["simulate"]["done_before"] == 3
    assert not workspace.store.files("tmp")


def test_a_bucket_that_is_not_there_is_said_at_once(tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fimad.storage.store._WAIT_S", 0.001)
    with pytest.raises(SetupError, match="Create the bucket"):
        go(make_config(tmp_path, workspace="s3://no-such-bucket/run"))


class FlakyFileSystem(MemoryFileSystem):
    """A store that fails a share of its writes."""

    protocol: ClassVar[str] = "flaky"  # type: ignore[misc]
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    share = 0.05
    dice = random.Random(4)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return MemoryFileSystem._strip_protocol(path.replace("flaky://", "memory://"))

    def _roll(self) -> None:
        if self.dice.random() < self.share:
            raise OSError("503 Slow Down")

    def pipe_file(self, path: str, value: bytes, **kwargs: Any) -> None:
        self._roll()
        super().pipe_file(path, value, **kwargs)

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        self._roll()
        super().put_file(lpath, rpath, **kwargs)


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> type[FlakyFileSystem]:
    fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)
    monkeypatch.setattr("fimad.storage.store._WAIT_S", 0.001)
    FlakyFileSystem.store.clear()
    FlakyFileSystem.share = 0.05
    return FlakyFileSystem


def test_a_store_that_fails_some_writes_costs_nothing(tmp_path: Path, flaky: type[FlakyFileSystem]) -> None:
    config = make_config(tmp_path, workspace="flaky://bucket/ws")
    workspace = fakes.corpus(config, *["ok"] * 30)
    assert go(config).exit_code == 0
    assert published(workspace) == undisturbed(tmp_path, *["ok"] * 30)


def test_a_store_that_stops_working_ends_the_run_and_the_next_goes_on(
    tmp_path: Path, flaky: type[FlakyFileSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(tmp_path, workspace="flaky://bucket/ws")
    workspace = fakes.corpus(config, *["ok"] * 6)
    count = 0

    def fail_later(self: FlakyFileSystem) -> None:
        nonlocal count
        count += 1
        if count > 20:
            raise OSError("the store is down")

    with monkeypatch.context() as patch:
        patch.setattr(FlakyFileSystem, "_roll", fail_later)
        summary = go(config)
    assert summary.exit_code == 3
    assert summary.error is not None
    assert "flaky://" in summary.error.what
    assert go(config).exit_code == 0
    assert published(workspace) == undisturbed(tmp_path, *["ok"] * 6)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path, workers: int
) -> None:
    videos = ["big:100000"] * 12
    config = make_config(tmp_path, workspace=str(small_disk / "ws"), run={"workers": workers})
    workspace = fakes.corpus(config, *videos)
    summary = go(config)
    assert summary.exit_code == 3
    assert summary.error is not None
    assert summary.error.reason == "disk_full"
    assert "fimad gc" in summary.error.fix
    assert summary.failed == 0
    for path in (small_disk / "ws").rglob("*.parquet"):
        pq.read_table(path)
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert go(config).exit_code == 0
    assert published(workspace) == undisturbed(tmp_path, *videos)
    assert not list((small_disk / "ws" / "tmp").iterdir())


def test_a_read_only_workspace_is_said_at_once(tmp_path: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(SetupError, match="can't be written"):
        go(make_config(tmp_path, workspace=str(small_disk / "ws")))


def test_a_workspace_below_a_file_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="can't be used"):
        go(make_config(tmp_path, workspace=str(tmp_path / "file" / "ws")))


def test_what_another_process_stored_in_a_bucket_is_seen_at_once(s3: str) -> None:
    """A listing that is kept would say that a stage is not done, and have it done again."""
    from fimad.storage.store import open_store

    store = open_store(f"{s3}/shared")
    store.write("folder/one.json", b"1")
    assert list(store.files("folder")) == ["one.json"]
    program = f"from fimad.storage.store import open_store; open_store({store.url!r}).write('folder/two.json', b'2')"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert sorted(store.files("folder")) == ["one.json", "two.json"]
    assert store.exists("folder/two.json")
