"""`fimad remove` and `fimad gc`, as a user types them, on datasets of made-up videos."""

from __future__ import annotations

import json
from pathlib import Path

import dataset_fakes
import pytest
from typer.testing import CliRunner, Result

import fimad as package
from fimad.cli import app
from fimad.dataset.verify import verify
from fimad.pipeline.contract import Video
from fimad.pipeline.state.workspace import Workspace

SETTINGS = dataset_fakes.SETTINGS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fimad.pipeline.stages.registry.STAGES", dataset_fakes.PATHS)
    dataset_fakes.corpus(tmp_path, 3)
    return tmp_path


def fimad(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def build(*arguments: str) -> Result:
    result = fimad("build", "--workers", "0", *SETTINGS, *arguments)
    assert result.exit_code == 0, result.output
    return result


def videos(dataset: str) -> set[str]:
    return set(package.open_dataset(dataset).table(["video_id"]).column(0).to_pylist())


def files_of(folder: Path, video_id: str) -> list[Path]:
    places = ("stages", "parts", "index", "packed")
    return [path for place in places for path in (folder / "workspace" / place).rglob("*") if video_id in path.name]


def test_a_takedown_holds_in_every_dataset_of_the_workspace(folder: Path) -> None:
    build()
    assert fimad("remove", "video000001", "--reason", "asked by its author").exit_code == 0
    assert videos("dataset") == {"video000000", "video000002"}
    build("--dataset", "another")
    assert videos("another") == {"video000000", "video000002"}
    (folder / "dataset" / "manifest.json").unlink()
    build("--set", "pose.model=heavy")
    assert videos("dataset") == {"video000000", "video000002"}
    note = json.loads((folder / "workspace" / "removed" / "video000001.json").read_text())
    assert note["reason"] == "asked by its author"
    assert note["removed_on"]
    # What was made of it is still there: nobody asked for that to go.
    assert files_of(folder, "video000001")


def test_purging_deletes_media_and_all_that_was_made_of_it(folder: Path) -> None:
    build()
    build("--set", "pose.model=heavy")
    others = len(files_of(folder, "video000000"))
    result = fimad("remove", "video000001", "--purge")
    assert result.exit_code == 0
    assert files_of(folder, "video000001") == []
    assert len(files_of(folder, "video000000")) == others
    build()
    assert files_of(folder, "video000001") == []
    assert verify("dataset") == []
    assert (folder / "server" / "video000001").exists()


@pytest.mark.parametrize("purge", [(), ("--purge",)])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("kind", ["url", "file"])
def test_a_copy_of_what_was_taken_down_stays_out(folder: Path, purge: tuple[str, ...], known: bool, kind: str) -> None:
    """A copy under another name, or another address of the same bytes, once brought the video back."""
    copy = folder / "server" / "video000009"
    copy.write_bytes((folder / "server" / "video000001").read_bytes())
    workspace = Workspace("workspace")
    if known:
        workspace.add_batch([Video("video000009", kind, str(copy))])  # type: ignore[arg-type]
    build()
    assert fimad("remove", "video000001", *purge).exit_code == 0
    workspace.add_batch([Video("video000009", kind, str(copy))])  # type: ignore[arg-type]
    build()
    assert videos("dataset") == {"video000000", "video000002"}
    build("--dataset", "another")
    assert videos("another") == {"video000000", "video000002"}
    excluded = package.open_dataset("another").manifest["excluded_videos"]
    assert excluded == [{"stage": "download", "state": "filtered", "reason": "removed", "videos": 1}]
    assert copy.exists()
    if not known:
        assert not [path for path in files_of(folder, "video000009") if path.suffix in (".mp4", ".parquet")]


def test_a_video_that_is_in_no_dataset_is_kept_out_all_the_same(folder: Path) -> None:
    result = fimad("remove", "video000001")
    assert result.exit_code == 0
    assert "has no clips" in result.stdout
    build()
    assert videos("dataset") == {"video000000", "video000002"}
    assert "no video" in fimad("remove", "nobody", "--workspace", "empty").stderr


@pytest.mark.parametrize("typed", ["video00001", "Video000001", "video0000011"])
def test_a_misspelt_id_is_said_and_nothing_is_noted(folder: Path, typed: str) -> None:
    """It was "kept out of every build", with exit code 0, and the video stayed."""
    build()
    result = CliRunner().invoke(app, ["remove", typed, "--purge"])
    assert result.exit_code == 2
    assert "video000001" in result.stderr
    assert not (folder / "workspace" / "removed").exists()
    assert len(videos("dataset")) == 3
    # What was taken down already may be taken down again.
    assert [fimad("remove", "video000001").exit_code for _ in range(2)] == [0, 0]


def test_gc_keeps_what_the_dataset_was_made_of_unless_told(folder: Path) -> None:
    build("--set", "pose.model=heavy")
    plan = json.loads(fimad("gc", "--json", *SETTINGS[-2:]).stdout)
    assert plan["unused"] == []
    assert {each["stage"] for each in plan["kept"]} == {"pose", "simulate"}
    assert "--packed" in fimad("gc", "--yes", *SETTINGS[-2:]).stdout
    assert len(list((folder / "workspace" / "stages").glob("pose-*"))) == 1
    shown = fimad("gc", "--packed", "--yes", *SETTINGS[-2:]).stdout
    assert "do pose again" in " ".join(shown.split())
    assert not list((folder / "workspace" / "stages").glob("pose-*"))
    assert verify("dataset") == []


def test_gc_frees_media_once_it_is_not_to_be_kept(folder: Path) -> None:
    build()
    media = list((folder / "workspace" / "stages").rglob("*.mp4"))
    assert len(media) == 3
    assert "Nothing to free" in fimad("gc", "--yes", *SETTINGS[-2:]).stdout
    off = ("--set", "http.keep_media=false", *SETTINGS[-2:])
    shown = " ".join(fimad("gc", "--yes", *off).stdout.split())
    assert "3 files" in shown
    assert "download it again" in shown
    assert not list((folder / "workspace" / "stages").rglob("*.mp4"))
    # Another pose model needs it again.
    build("--set", "pose.model=heavy", *off)


def test_gc_frees_earlier_versions_of_media(folder: Path) -> None:
    build()
    (folder / "server" / "video000001").write_bytes(b"another")
    next((folder / "workspace" / "stages").glob("download-*/*/video000001.parquet")).unlink()
    build()
    assert len(list((folder / "workspace" / "stages").rglob("video000001.*.mp4"))) == 2
    fimad("gc", "--yes", *SETTINGS[-2:])
    assert len(list((folder / "workspace" / "stages").rglob("video000001.*.mp4"))) == 1
    build("--set", "pose.model=heavy")
