"""Nothing is lost without a word: damaged artifacts, sources that change, records beyond any cap, corpora that stay apart."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any
from unittest import mock

import dataset_fakes
import psutil
import pyarrow as pa
import pytest
import runner_fakes as fakes
from typer.testing import CliRunner, Result

import fimad as package
from fimad.cli import app
from fimad.config import Config
from fimad.dataset.verify import verify
from fimad.errors import DamagedArtifactError
from fimad.pipeline.contract import Video
from fimad.pipeline.run.executor import run_spec
from fimad.pipeline.run.failures import describe_failure
from fimad.pipeline.run.packjobs import PackJobs
from fimad.pipeline.run.sandbox import Sandbox, _Watch
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.corpus import Corpus, corpus
from fimad.pipeline.state.records import Record
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Task


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIMAD_TEST_TALLY", str(tmp_path / "tally"))
    monkeypatch.setattr("fimad.pipeline.stages.registry.STAGES", dataset_fakes.PATHS)
    return tmp_path


def fimad(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def build(*arguments: str, workers: int = 0) -> Result:
    return fimad("build", "--workers", str(workers), *dataset_fakes.SETTINGS, *arguments)


def artifact(folder: Path, stage: str, video_id: str) -> Path:
    (path,) = (folder / "workspace" / "stages").glob(f"{stage}-*/*/{video_id}.parquet")
    return path


def flip(path: Path, at: float, count: int = 60) -> None:
    """Damage bytes, as a failing disk does."""
    data = bytearray(path.read_bytes())
    start = int(at * (len(data) - count))
    data[start : start + count] = bytes(each ^ 0x5A for each in data[start : start + count])
    path.write_bytes(data)


def rows(folder: Path) -> list[dict[str, Any]]:
    columns = ["video_id", "media_sha256", "end_s", "width_px"]
    return package.open_dataset(str(folder / "dataset")).table(columns).to_pylist()


# Damaged artifacts


@pytest.mark.parametrize("keep_media", ["true", "false"])
@pytest.mark.parametrize(("stage", "at"), [("download", 0.5), ("segment", 0.0), ("pose", 0.4), ("simulate", 1.0)])
def test_a_damaged_artifact_is_made_again_and_stops_nothing(
    folder: Path, stage: str, at: float, keep_media: str
) -> None:
    dataset_fakes.corpus(folder, 3)
    option = ("--set", f"http.keep_media={keep_media}")
    build("--stage", "simulate", *option)
    build("--stage", "transcribe", *option)
    damaged = artifact(folder, stage, "video000001")
    whole = damaged.read_bytes()
    flip(damaged, at)
    result = build(*option)
    assert result.exit_code == 0, result.output
    assert damaged.read_bytes() == whole
    assert {row["video_id"] for row in rows(folder)} == {f"video{at:06d}" for at in range(3)}
    assert verify(str(folder / "dataset")) == []
    diary = "".join(path.read_text() for path in (folder / "workspace" / "runs").glob("*.jsonl"))
    assert "can't be read" in diary


def test_a_flipped_bit_in_a_page_is_damage_and_not_another_number(folder: Path) -> None:
    workspace = Workspace(str(folder / "ws"))
    table = pa.table({"x": pa.array([(at * 7919) % 65521 / 7 for at in range(50_000)], pa.float64())})
    workspace.publish("pose", "k", "v", table)
    path = Path(workspace.url) / workspace.name("pose", "k", "v")
    whole = path.read_bytes()
    found = 0
    for at in range(0, len(whole) - 10, len(whole) // 60):
        path.write_bytes(whole)
        flip(path, at / len(whole), 1)
        try:
            assert workspace.read("pose", "k", "v").equals(table)
        except DamagedArtifactError:
            found += 1
    assert found > 50


def test_what_a_disk_damages_again_and_again_costs_its_video_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_fakes.corpus(folder, 3)
    publish = Workspace.publish

    def damages(self: Workspace, stage: str, key: str, video_id: str, *rest: Any, **more: Any) -> int:
        size = publish(self, stage, key, video_id, *rest, **more)
        if (stage, video_id) == ("simulate", "video000001"):
            flip(Path(self.url) / self.name(stage, key, video_id), 0.5)
        return size

    monkeypatch.setattr(Workspace, "publish", damages)
    build()
    assert {row["video_id"] for row in rows(folder)} == {"video000000", "video000002"}
    shown = json.loads(fimad("status", "--json", *dataset_fakes.SETTINGS[-2:]).stdout)
    assert {stage["stage"]: stage["reasons"] for stage in shown["stages"]}["simulate"] == {"damaged_artifact": 1}
    monkeypatch.undo()


# Artifacts that were said to be done, and are not there


def test_what_is_done_but_not_there_fails_the_build(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with a private folder of the same name once gave exit code 0 and a dataset of nothing."""
    dataset_fakes.corpus(folder, 3)
    elsewhere = Workspace(str(folder / "private"))
    publish = Workspace.publish

    def private(self: Workspace, stage: str, key: str, video_id: str, *rest: Any, **more: Any) -> int:
        place = elsewhere if (stage, video_id) == ("simulate", "video000001") else self
        return publish(place, stage, key, video_id, *rest, **more)

    monkeypatch.setattr(Workspace, "publish", private)
    result = build()
    assert result.exit_code == 3
    assert "simulate (1 of 3)" in result.output.replace("\n", " ")
    assert not (folder / "dataset").exists()


# Sources that change


@pytest.mark.parametrize("kind", ["url", "file"])
def test_a_source_that_changed_is_a_new_version_and_no_row_mixes_two(folder: Path, kind: str) -> None:
    dataset_fakes.corpus(folder, 2, kind)
    build("--set", "http.keep_media=false")
    before = {row["video_id"]: row["media_sha256"] for row in rows(folder)}
    (folder / "server" / "video000001").write_bytes(b"shorter")
    # Another model for the pose needs the media again, which is another one by now.
    result = build("--set", "http.keep_media=false", "--set", "pose.model=heavy")
    assert result.exit_code == 0, result.output
    after = {row["video_id"]: (row["media_sha256"], row["end_s"], row["width_px"]) for row in rows(folder)}
    assert after["video000000"] == (before["video000000"], 30.0, 30)
    assert after["video000001"][0] != before["video000001"]
    assert after["video000001"][1:] == (7.0, 7)
    assert verify(str(folder / "dataset")) == []


def test_two_drivers_that_downloaded_different_versions_do_not_mix_them(folder: Path) -> None:
    """One driver published `download` after another had made `segment` and `pose` from what was there before."""
    dataset_fakes.corpus(folder, 1)
    build("--stage", "pose")
    (folder / "server" / "video000000").write_bytes(b"shorter")
    artifact(folder, "download", "video000000").unlink()
    # The second driver knows nothing of the first one's artifacts: it has listed them before they were there.
    stages = folder / "workspace" / "stages"
    hidden = [path for path in stages.iterdir() if not path.name.startswith("download")]
    for path in hidden:
        path.rename(folder / path.name)
    build("--stage", "download", "--only")
    for path in hidden:
        (folder / path.name).rename(path)
    assert build().exit_code == 0
    (row, *others) = rows(folder)
    assert (row["end_s"], row["width_px"]) == (7.0, 7)
    assert all(other["media_sha256"] == row["media_sha256"] for other in others)


def test_media_of_another_version_has_another_name(folder: Path) -> None:
    workspace = Workspace(str(folder / "ws"))
    names = []
    for data in (b"one", b"two", b"one"):
        (folder / "m").write_bytes(data)
        names.append(workspace.publish_media("k", "v.1", folder / "m", ".mp4"))
    assert names[0] == names[2] != names[1]
    assert all(name.startswith("v.1.") and name.endswith(".mp4") for name in names)


# Who is to blame


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGXCPU])
def test_a_signal_from_outside_is_an_interruption_and_no_crash(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr("fimad.pipeline.stages.registry.STAGES", fakes.PATHS)
    # The task must not be done before the signal comes, however busy the machine is.
    fakes.corpus(Config(workspace="workspace"), "hang@pose")
    fimad("build", "--stage", "segment", "--workers", "0", *dataset_fakes.SETTINGS)
    config = Config(workspace="workspace")
    box = Sandbox(run_spec(Workspace("workspace"), config, plan_stages(config, fakes.PATHS)), "cpu")
    wait = _Watch.wait

    def interrupted(self: Any, pipe: Any, task: Any) -> Any:
        psutil.Process(box.pid).send_signal(number)
        return wait(self, pipe, task)

    monkeypatch.setattr(_Watch, "wait", interrupted)
    # Under nohup, say, this process ignores a hang-up, and its children would too.
    before = signal.getsignal(number)
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    try:
        (outcome,) = list(box.run([Task("v00", "url", "hang@pose", ("pose",), "cpu")]))
    finally:
        box.close()
        if number != signal.SIGKILL:
            signal.signal(number, before)
    (result,) = outcome.results
    assert (result.reason, result.kind, result.signal) == ("interrupted", "transient", number)


@pytest.mark.parametrize("name", ["ESTALE", "EMFILE", "ENOMEM", "EIO", "ETIMEDOUT", "EHOSTUNREACH"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_errno_tells_what_is_worth_another_try(name: str, wrapped: bool) -> None:
    number = getattr(errno, name)
    error: Exception = OSError(number, os.strerror(number))
    if wrapped:
        try:
            try:
                raise error
            except OSError as inner:
                raise ValueError("could not read") from inner
        except ValueError as outer:
            error = outer
    result = describe_failure("pose", error, ".")
    assert (result.kind, result.reason) == ("transient", f"os_{name.lower()}")


@pytest.mark.parametrize("error", [OSError(errno.EISDIR, "x"), OSError("no number"), KeyError("x")])
def test_other_errors_are_the_items(error: Exception) -> None:
    assert describe_failure("pose", error, ".").kind == "permanent"


def test_an_unreadable_source_folder_is_that_sources_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("good", "bad", "good/locked", "zgood"):
        (folder / name).mkdir()
    for name in ("good", "zgood"):
        (folder / name / "a.mp4").write_bytes(name.encode())
    scandir = os.scandir

    def locked(path: Any = ".") -> Any:
        # As root no folder is unreadable.
        if Path(path).name in ("bad", "locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    found = corpus(Workspace("ws"), Config(), ("good", "bad", "zgood"))
    assert len(list(found.videos())) == 2
    assert [Path(problem.source).name for problem in found.problems] == ["locked", "bad"]


# Retries retry


def test_retry_has_no_cap_and_leaves_what_was_filtered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fimad.pipeline.inspect.status._MOST_RECORDS", 5)
    workspace = dataset_fakes.corpus(folder, 40)
    key = plan_stages(Config()).keys["download"]
    for at in range(40):
        state: Any = "failed" if at >= 32 else "filtered"
        workspace.write_record(key, Record(state, "download", f"video{at:06d}", "private", "What."))
    shown = fimad("retry", "--workers", "0", "--no-build", "--json")
    assert json.loads(shown.stdout) == {"cleared": 8}
    left = {code for _, code in workspace.entries("download", key)}
    assert len(list(workspace.entries("download", key))) == 32
    assert left == {3}


def test_retry_keeps_to_the_corpus_of_the_dataset(folder: Path) -> None:
    """It once put into the dataset whatever the workspace knew from other lists."""
    workspace = dataset_fakes.corpus(folder, 2)
    (mine,) = workspace.batches()
    assert build().exit_code == 0
    note = next((folder / "workspace" / "runs").glob("packed-*.json"))
    note.write_text(json.dumps({**json.loads(note.read_text()), "batches": [mine]}))
    server = folder / "server" / "video000007"
    server.write_bytes(b"another list's")
    workspace.add_batch([Video("video000007", "url", str(server))])
    key = workspace.keys()["simulate"][0]
    workspace.write_record(key, Record("failed", "simulate", "video000000", "unexpected", "What."))
    (Path(workspace.url) / workspace.name("simulate", key, "video000000")).unlink()
    assert fimad("retry", "--workers", "0", *dataset_fakes.SETTINGS).exit_code == 0
    assert {row["video_id"] for row in rows(folder)} == {"video000000", "video000001"}


def test_retry_keeps_configured_sources(folder: Path) -> None:
    for name in ("mine.mp4", "other.mp4"):
        (folder / name).write_bytes(name.encode())
    (folder / "fimad.toml").write_text('sources = ["mine.mp4"]\n')
    with mock.patch("fimad.pipeline.build.build") as run:
        run.side_effect = RuntimeError("called")
        workspace = dataset_fakes.corpus(folder, 1)
        key = plan_stages(Config()).keys["download"]
        workspace.write_record(key, Record("failed", "download", "video000000", "private", "What."))
        with pytest.raises(RuntimeError, match="called"):
            fimad("retry", "--workers", "0")
    assert run.call_args.args[0].sources == ("mine.mp4",)


# Lists of videos, and datasets, that were cut


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.98])
def test_a_list_of_videos_that_was_cut_is_said_and_written_anew(folder: Path, kept: float) -> None:
    """It once gave an empty dataset in place of the one that was there, with exit code 0; half a line was a traceback."""
    workspace = dataset_fakes.corpus(folder, 3)
    build()
    manifest = (folder / "dataset" / "manifest.json").read_bytes()
    (batch,) = (folder / "workspace" / "sources").glob("*.jsonl")
    whole = batch.read_bytes()
    batch.write_bytes(whole[: int(kept * len(whole))])
    for command in (("build", *dataset_fakes.SETTINGS), ("status",)):
        result = CliRunner().invoke(app, list(command))
        assert result.exit_code == 3, result.output
        said = " ".join(result.stderr.split())
        assert batch.name in said
        assert "fimad build SOURCES" in said
    assert (folder / "dataset" / "manifest.json").read_bytes() == manifest
    # The same sources again: as their expansion has the same name, it was once taken to be there.
    dataset_fakes.corpus(folder, 3)
    assert batch.read_bytes() == whole
    assert len(list(workspace.videos())) == 3
    assert build().exit_code == 0


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1, 2]", b'[{"source": "x"'])
def test_problems_that_can_not_be_read_are_a_problem(folder: Path, raw: bytes) -> None:
    workspace = dataset_fakes.corpus(folder, 1)
    workspace.store.write("sources/0123.problems.json", raw)
    shown = fimad("status", "--json", *dataset_fakes.SETTINGS[-2:])
    problems = json.loads(shown.stdout)["problems"]
    assert [each["reason"] for each in problems] == ["damaged_record"] * (raw != b"{}")
    assert fimad("status", *dataset_fakes.SETTINGS[-2:]).exit_code == 0


@pytest.mark.parametrize("size_bytes", [None, 0, 100])
@pytest.mark.parametrize("videos", [2, 3])
def test_a_shard_that_was_lost_or_cut_comes_back(folder: Path, size_bytes: int | None, videos: int) -> None:
    """A build once said "unchanged", or named a shard of 0 bytes in the new manifest."""
    dataset_fakes.corpus(folder, 2)
    build()
    shard = next((folder / "dataset" / "data").glob("*.parquet"))
    if size_bytes is None:
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:size_bytes])
    dataset_fakes.corpus(folder, videos)
    assert build().exit_code == 0
    assert verify(str(folder / "dataset")) == []
    assert len({row["video_id"] for row in rows(folder)}) == videos


def test_a_folder_with_files_of_its_own_is_refused_before_anything_is_built(folder: Path) -> None:
    dataset_fakes.corpus(folder, 1)
    (folder / "mine" / "data").mkdir(parents=True)
    for name in ("README.md", "data/mine.csv"):
        (folder / "mine" / name).write_text("mine")
    result = CliRunner().invoke(app, ["build", "--workers", "0", *dataset_fakes.SETTINGS, "--dataset", "mine"])
    assert result.exit_code == 2
    assert "README.md, data/mine.csv" in result.stderr.replace("\n", " ")
    assert not (folder / "workspace" / "stages").exists()
    assert {path.read_text() for path in (folder / "mine").rglob("*") if path.is_file()} == {"mine"}


# Clocks


@pytest.mark.parametrize("ahead_s", [0, 3600])
def test_a_clock_that_was_ahead_loses_no_video_and_no_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: int
) -> None:
    dataset_fakes.corpus(folder, 2)
    build("--stage", "simulate")
    build("--stage", "transcribe")
    flip(artifact(folder, "segment", "video000001"), 0.0)
    now = time.time_ns
    monkeypatch.setattr("fimad.pipeline.state.index.time.time_ns", lambda: now() + ahead_s * 10**9)
    build()
    monkeypatch.setattr("fimad.pipeline.state.index.time.time_ns", now)
    build("--set", "segment.max_clip_s=500")
    assert {row["video_id"] for row in rows(folder)} == {"video000000", "video000001"}
    (folder / "server" / "video000001").write_bytes(b"shorter")
    artifact(folder, "download", "video000001").unlink()
    build("--set", "segment.max_clip_s=500")
    assert {row["end_s"] for row in rows(folder) if row["video_id"] == "video000001"} == {7.0}


def test_a_video_of_which_nothing_could_be_told_is_not_left_out_in_silence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_fakes.corpus(folder, 2)
    build()
    manifest = (folder / "dataset" / "manifest.json").read_bytes()
    dataset_fakes.corpus(folder, 3)
    monkeypatch.setattr("fimad.pipeline.run.packjobs.PackJobs.take_facts", lambda self, videos: [])
    result = CliRunner().invoke(app, ["build", "--workers", "0", *dataset_fakes.SETTINGS])
    assert result.exit_code == 3
    assert "video000002" in result.stderr
    assert (folder / "dataset" / "manifest.json").read_bytes() == manifest


def test_linked_folders_of_a_source_are_followed_once(folder: Path) -> None:
    """They were left out without a word; a link may lead back, or to a folder that is found anyway."""
    for name in ("in/a", "in/b", "elsewhere/deep"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x.mp4").write_bytes(name.encode())
    links = {
        "in/aa": "a",
        "in/back": ".",
        "in/a/out": str(folder / "elsewhere"),
        "in/b/again": str(folder / "elsewhere"),
    }
    for name, target in links.items():
        (folder / name).symlink_to(target, target_is_directory=True)
    found = corpus(Workspace("ws"), Config(), ("in",))
    places = [str(Path(video.location).relative_to(folder)) for video in found.videos()]
    assert places == ["in/a/x.mp4", "in/b/x.mp4", "in/a/out/deep/x.mp4"]
    assert found.problems == ()


@pytest.mark.parametrize("before", [0, 2])
def test_another_build_that_packs_at_once_takes_nothing_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """It deletes what was written for packing: once a traceback, and no dataset."""
    if before:
        dataset_fakes.corpus(folder, before)
        build()
    dataset_fakes.corpus(folder, 3)
    make_shards = PackJobs.make_shards
    calls = []

    def cleared(self: PackJobs, *plans: Any) -> Any:
        made = list(make_shards(self, *plans))
        calls.append(len(made))
        if len(calls) == 1:
            self.clear()
        return iter(made)

    monkeypatch.setattr(PackJobs, "make_shards", cleared)
    result = build()
    assert result.exit_code == 0, result.output
    assert len(calls) == 2
    assert "Another build packed meanwhile" in result.output
    assert verify(str(folder / "dataset")) == []
    assert {row["video_id"] for row in rows(folder)} == {f"video{at:06d}" for at in range(3)}
    assert not list((folder / "dataset").glob("manifest.*.json"))


def add(folder: Path, *numbers: int) -> str:
    """One more list, of videos that the server has, or (from 90) has not; its name."""
    for number in numbers:
        if number < 90:
            (folder / "server" / f"video{number:06d}").write_bytes(b"%d" % number * 10)
    ids = [f"video{number:06d}" for number in numbers]
    return Workspace("workspace").add_batch(Video(each, "url", str(folder / "server" / each)) for each in ids)[0]


def test_retry_after_a_build_that_stopped_before_it_packed_keeps_to_its_videos(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_fakes.corpus(folder, 2)
    assert build().exit_code == 0
    mine = add(folder, 7, 90)
    chosen = Corpus(lambda: Workspace("workspace").videos([mine]), (mine,))
    with monkeypatch.context() as patch:
        patch.setattr("fimad.pipeline.build.corpus", lambda *arguments, **options: chosen)
        assert build("--dataset", "other", "--fail-fast").exit_code != 0
    assert not (folder / "other").exists()
    assert fimad("retry", "--dataset", "other", "--workers", "0", *dataset_fakes.SETTINGS).exit_code == 1
    assert {each["video_id"] for each in package.open_dataset("other").table(["video_id"]).to_pylist()} == {
        "video000007"
    }


@pytest.mark.parametrize("known", ["nothing", "sources", "one list"])
def test_retry_of_a_dataset_that_was_never_built(folder: Path, known: str) -> None:
    """It once put all that the workspace knew into it."""
    workspace = dataset_fakes.corpus(folder, 2)
    assert build().exit_code == 0
    if known != "one list":
        add(folder, 7)
    if known == "sources":
        (folder / "mine.mp4").write_bytes(b"mine")
        (folder / "fimad.toml").write_text('sources = ["mine.mp4"]\n')
    key = workspace.keys()["simulate"][0]
    workspace.write_record(key, Record("failed", "simulate", "video000000", "unexpected", "What."))
    artifact(folder, "simulate", "video000000").unlink()
    settings = dataset_fakes.SETTINGS[-2:]
    with mock.patch("fimad.pipeline.build.build", side_effect=RuntimeError("called")):
        if known == "nothing":
            result = fimad("retry", "--dataset", "mispelt", "--workers", "0", *settings)
            assert result.exit_code == 2
            assert "never built" in " ".join(result.stderr.split())
            assert workspace.read_record("simulate", key, "video000000") is not None
            assert json.loads(fimad("retry", "--dataset", "mispelt", "--no-build", "--json", *settings).stdout) == {
                "cleared": 1
            }
        else:
            with pytest.raises(RuntimeError, match="called"):
                fimad("retry", "--dataset", "mispelt", "--workers", "0", *settings)


def test_a_split_file_that_is_edited(folder: Path) -> None:
    dataset_fakes.corpus(folder, 3)
    path = folder / "splits.json"
    option = ("--set", f"pack.split_file={path.name}")

    def packed(**splits: list[int]) -> dict[str, str]:
        path.write_text(json.dumps({name: [f"video{at:06d}" for at in numbers] for name, numbers in splits.items()}))
        result = build(*option)
        assert result.exit_code == 0, result.output
        return {each["video_id"][-1]: each["split"] for each in package.open_dataset("dataset").table().to_pylist()}

    assert packed(train=[0, 1], test=[2]) == {"0": "train", "1": "train", "2": "test"}
    assert packed(train=[2, 1], test=[0]) == {"0": "test", "1": "train", "2": "train"}
    assert packed(train=[2], test=[0]) == {"0": "test", "2": "train"}
    assert verify("dataset") == []
    manifest = (folder / "dataset" / "manifest.json").read_bytes()
    os.utime(path, (1, 1))
    assert "(unchanged)" in build(*option).stdout
    assert (folder / "dataset" / "manifest.json").read_bytes() == manifest
    path.unlink()
    assert build(*option).exit_code == 2


def test_a_label_map_that_is_edited(folder: Path) -> None:
    dataset_fakes.corpus(folder, 2)
    path = folder / "map.toml"

    def packed(text: str) -> set[str]:
        path.write_text(text)
        assert build("--set", f"pack.label_map={path.name}").exit_code == 0
        return set(package.open_dataset("dataset").table(["class_label"]).column(0).to_pylist())

    assert packed('title = "x"\n[classes]\nlegs = "squat"\n') == {"legs"}
    assert packed('title = "x"\n[classes]\nthighs = "squat"\n') == {"thighs"}


# What a file system has no room for


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("stage", ["download", "pose", "pack"])
def test_a_file_that_may_not_be_so_large_is_no_videos_fault(wrapped: bool, stage: str) -> None:
    error: Exception = OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    if wrapped:
        outer = ValueError("could not write")
        outer.__cause__ = error
        error = outer
    result = describe_failure(stage, error, ".")
    assert (result.kind, result.reason) == ("fatal", "file_too_large")
    assert "ulimit" in result.fix


@pytest.mark.parametrize("most_bytes", [2_000, 12_000, 40_000, 60_000])
def test_a_limit_of_the_size_of_files_stops_the_build_and_blames_nobody(folder: Path, most_bytes: int) -> None:
    dataset_fakes.corpus(folder, 6)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        result = build()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.exit_code == 3, result.output
    assert "can't become as large" in " ".join(result.output.split())
    assert not list((folder / "workspace" / "stages").rglob("*.failed.json"))
    assert build().exit_code == 0
    assert len(rows(folder)) == 12
