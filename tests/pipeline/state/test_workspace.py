"""The workspace: complete or not at all, one listing tells all, and temporary files belong to somebody."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fimad import schema
from fimad.errors import ConfigError, DamagedArtifactError, PermanentError, SetupError
from fimad.pipeline.contract import Video
from fimad.pipeline.state.records import DONE, FAILED, FILTERED, PENDING, Record, id_hashes
from fimad.pipeline.state.workspace import Workspace
from fimad.storage import atomic
from fimad.storage.store import open_store

ROW = pa.table({"value": ["x"]})
IDS = st.text("abcXYZ019_-.", min_size=1, max_size=20).filter(lambda text: text[0] != ".")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(str(tmp_path / "ws"))


def test_an_artifact_lies_where_the_architecture_says(workspace: Workspace) -> None:
    workspace.publish("pose", "k1", "abc", ROW)
    # ba = first byte of sha256("abc")
    assert (Path(workspace.url) / "stages" / "pose-k1" / "ba" / "abc.parquet").is_file()
    assert workspace.read("pose", "k1", "abc").equals(ROW)
    assert workspace.keys() == {"pose": ["k1"]}


def test_the_same_table_gives_the_same_bytes(workspace: Workspace) -> None:
    row = {"clip_id": "a", "clip_index": 0, "pose_time_s": np.arange(5.0), "pose_score": np.ones(5, np.float32)}
    table = pa.Table.from_pylist([row], schema=schema.POSE)
    workspace.publish("pose", "a", "v", table)
    once = workspace.store.read(workspace.name("pose", "a", "v"))
    workspace.publish("pose", "a", "v", pa.Table.from_pylist([row], schema=schema.POSE))
    assert workspace.store.read(workspace.name("pose", "a", "v")) == once
    back = workspace.read("pose", "a", "v")
    assert back.equals(table)
    assert back.schema.field("pose_time_s").metadata == schema.POSE.field("pose_time_s").metadata


def test_a_large_table_is_written_without_a_copy_in_memory(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = workspace.publish("pose", "k", "a", ROW)
    monkeypatch.setattr("fimad.storage.parquet._SMALL_BYTES", 0)
    assert workspace.publish("pose", "k", "b", ROW) == small
    read = workspace.store.read
    assert read(workspace.name("pose", "k", "a")) == read(workspace.name("pose", "k", "b"))


def test_a_damaged_artifact_says_what_to_do(workspace: Workspace) -> None:
    workspace.store.write(workspace.name("pose", "k", "a"), b"PAR1 no")
    with pytest.raises(PermanentError, match="can't be read"):
        workspace.read("pose", "k", "a")


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(IDS, st.sets(st.sampled_from([DONE, FAILED, FILTERED])), max_size=8), IDS)
def test_one_listing_tells_every_state(
    tmp_path_factory: pytest.TempPathFactory, states: dict[str, set[int]], other: str
) -> None:
    workspace = Workspace(str(tmp_path_factory.mktemp("listing")))
    suffixes = {DONE: ".parquet", FAILED: ".failed.json", FILTERED: ".filtered.json"}
    for video_id, codes in states.items():
        for code in codes:
            workspace.store.write(workspace.name("pose", "k", video_id, suffixes[code]), b"{}")
    index = workspace.index("pose", "k")
    ids = [*states, other]
    precedence = (DONE, FILTERED, FAILED)
    expected = [next((code for code in precedence if code in states.get(each, ())), PENDING) for each in ids]
    assert index.states(id_hashes(ids)).tolist() == expected


def test_records_round_trip_and_a_damaged_one_counts_as_failed(workspace: Workspace) -> None:
    record = Record("failed", "pose", "a", "deadline", "What.", "Why.", "Fix.", attempts=2, signal=9, log=("x", "ü"))
    workspace.write_record("k", record)
    assert workspace.read_record("pose", "k", "a") == record
    workspace.store.write(workspace.name("pose", "k", "b", ".failed.json"), b"{")
    damaged = workspace.read_record("pose", "k", "b")
    assert damaged is not None
    assert damaged.reason == "damaged_record"
    workspace.delete_record("pose", "k", "a")
    assert workspace.read_record("pose", "k", "a") is None


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{}",
        "[]",
        "null",
        "3",
        '{"state": "odd", "reason": "x", "what": "y"}',
        '{"state": "failed", "reason": 3, "what": ""}',
    ],
)
def test_a_record_of_other_fields_costs_nobody_else_anything(workspace: Workspace, raw: str) -> None:
    workspace.store.write(workspace.name("pose", "k", "b", ".failed.json"), raw.encode())
    damaged = workspace.read_record("pose", "k", "b")
    assert damaged is not None
    assert (damaged.state, damaged.video_id, damaged.reason) == ("failed", "b", "damaged_record")
    assert "fimad retry" in damaged.fix


def test_a_record_of_a_newer_version_says_what_this_one_knows(workspace: Workspace) -> None:
    record = Record("filtered", "pose", "a", "too_long", "What.", limit=5.0, log=("x",))
    raw = {**asdict(record), "colour": "red", "log": ["x"]}
    del raw["fix"]
    workspace.store.write(workspace.name("pose", "k", "a", ".filtered.json"), json.dumps(raw).encode())
    assert workspace.read_record("pose", "k", "a") == record


def test_a_corpus_is_stored_once_and_read_without_repeats(workspace: Workspace) -> None:
    first = [Video("a", "url", "https://a.example/ü"), Video("b", "file", "/b.mp4")]
    name, count = workspace.add_batch(first)
    assert count == 2
    assert workspace.add_batch(iter(first)) == (name, 2)
    workspace.add_batch([Video("b", "file", "/b.mp4"), Video("c", "info", "/c.info.json")])
    assert len(workspace.batches()) == 2
    assert sorted(video.video_id for video in workspace.videos()) == ["a", "b", "c"]
    assert list(workspace.videos([name])) == first
    workspace.close()


@pytest.mark.parametrize("kind", ["file", "info"])
@pytest.mark.parametrize("rounds", [2, 3])
def test_a_file_that_was_replaced_is_one_video(workspace: Workspace, kind: Any, rounds: int) -> None:
    """Its old id was made again from the new content: one file under two ids."""
    for at in range(rounds):
        workspace.add_batch([Video(f"x-{at}", kind, "/videos/x.mp4"), Video("y", kind, "/videos/y.mp4")])
    assert [video.video_id for video in workspace.videos()] == [f"x-{rounds - 1}", "y"]
    # The one of before came back.
    workspace.add_batch([Video("x-0", kind, "/videos/x.mp4"), Video("y", kind, "/videos/y.mp4")])
    assert sorted(video.video_id for video in workspace.videos()) == ["x-0", "y"]
    # Addresses are as they were: one page may come to have another id, and nothing of it is local.
    workspace.add_batch([Video("u", "url", "https://a.example/1")])
    workspace.add_batch([Video("w", "url", "https://a.example/1")])
    assert sorted(video.video_id for video in workspace.videos()) == ["u", "w", "x-0", "y"]


@pytest.mark.parametrize("stage", ["download", "segment", "pose"])
@pytest.mark.parametrize("columns", [None, ["value"]])
def test_an_artifact_of_another_video_is_damage(workspace: Workspace, stage: str, columns: list[str] | None) -> None:
    for video_id in ("a", "b"):
        workspace.publish(stage, "k", video_id, pa.table({"video_id": [video_id] * 2, "value": [1, 2]}))
    folder = Path(workspace.url)
    shutil.copyfile(folder / workspace.name(stage, "k", "b"), folder / workspace.name(stage, "k", "a"))
    assert workspace.read(stage, "k", "b", columns).column("value").to_pylist() == [1, 2]
    with pytest.raises(DamagedArtifactError, match="is that of b") as caught:
        workspace.read(stage, "k", "a", columns)
    assert caught.value.reason == "of_another_video"


def test_an_artifact_that_may_not_be_read_is_damage_and_a_folder_is_said(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.publish("pose", "k", "a", pa.table({"x": [1]}))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # As root no file is unreadable.
    with monkeypatch.context() as patch:
        patch.setattr("fimad.pipeline.state.workspace.pq.ParquetFile", refuse)
        with pytest.raises(DamagedArtifactError, match="Permission denied") as damaged:
            workspace.read("pose", "k", "a")
    assert damaged.value.reason == "unreadable_artifact"
    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", refuse)
        with pytest.raises(SetupError, match="can't be read") as caught:
            workspace.index("pose", "k")
    assert "chmod" in caught.value.fix
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(SetupError, match="can't be written"):
            workspace.discard("pose", "k", "a")


def test_temporary_folders_of_the_dead_are_swept_and_others_stay(workspace: Workspace) -> None:
    workspace.prepare()
    tmp = Path(workspace.url) / "tmp"
    mine = workspace.store.scratch_root()
    machine, pid, start = mine.name.split("-")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = {
        f"{machine}-{dead.pid}-1": True,
        f"{machine}-{pid}-{int(start) + 1}": True,  # the same number, another process
        "000000000000-1-1": False,  # another machine, lately
        "000000000001-1-1": True,  # another machine, silent for days
        "something-else": False,
        "drafts-2024": False,  # not fimad's, however old
    }
    for name in names:
        (tmp / name).mkdir()
        (tmp / name / "half.mp4").write_bytes(b"x")
    past = time.time() - 10 * 24 * 3600
    for name in ("000000000001-1-1", "drafts-2024"):
        os.utime(tmp / name, (past, past))
    assert workspace.sweep() == 3
    assert {path.name for path in tmp.iterdir()} == {mine.name} | {name for name, gone in names.items() if not gone}
    workspace.close()
    assert mine.name not in {path.name for path in tmp.iterdir()}


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="No space"):
        atomic.publish_bytes(b"data", tmp_path / "file", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_found_behind_what_a_library_made_of_it(number: int) -> None:
    """So is a file that is too large for the file system: no video is to blame for it."""
    try:
        try:
            raise OSError(number, os.strerror(number))
        except OSError as error:
            raise ValueError("could not write header") from error
    except ValueError as wrapped:
        found = atomic.find_storage_error(wrapped, "/x")
    assert isinstance(found, SetupError)
    assert found.reason == "disk_full"
    known = atomic.storage_error(OSError(number, os.strerror(number)), "/x")
    assert known is not None
    assert known.reason == "disk_full"
    assert atomic.find_storage_error(ValueError("other"), "/x") is None


def test_wrong_addresses_are_said() -> None:
    with pytest.raises(ConfigError):
        open_store("  ")
    with pytest.raises(SetupError, match="no-such-protocol"):
        open_store("no-such-protocol://bucket/x")
    assert open_store("file:///a/b").local == Path("/a/b")
