"""`fimad remove` and `fimad gc`, as a user types them, on datasets of made-up videos."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import dataset_fakes
import pytest
from typer.testing import CliRunner, Result

import fimad as package
from fimad.cli import app
from fimad.dataset.verify import verify
from fimad.pipeline.acquire.given import Given
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


@pytest.mark.parametrize("typed", ["video00001", "Video000001", "video000010", "vide0000001", "nobody-at-all"])
@pytest.mark.parametrize("built", [True, False])
def test_a_misspelt_id_is_no_takedown(folder: Path, typed: str, built: bool) -> None:
    if built:
        build()
    result = fimad("remove", typed, "--purge")
    assert result.exit_code == 2
    shown = " ".join(result.stderr.split())
    assert f"knows no video '{typed}'" in shown
    assert ("video000001" in shown) == (typed != "nobody-at-all")
    assert "--ahead" in shown
    assert not (folder / "workspace" / "removed").exists()
    build()
    assert len(videos("dataset")) == 3


def test_what_is_still_to_come_is_kept_out_on_purpose(folder: Path) -> None:
    assert fimad("remove", "video000003", "--ahead", "--reason", "asked").exit_code == 0
    assert fimad("remove", "https://youtu.be/dQw4w9WgXcQ", "--ahead", "--workspace", "new").exit_code == 0
    assert (folder / "new" / "removed" / "dQw4w9WgXcQ.json").exists()
    dataset_fakes.corpus(folder, 4)
    build()
    assert videos("dataset") == {"video000000", "video000001", "video000002"}
    # Once more, with more.
    assert fimad("remove", "video000003", "--purge").exit_code == 0


def test_it_is_named_by_its_file_too_and_not_by_one_of_its_clips(folder: Path) -> None:
    dataset_fakes.corpus(folder, 3, "file")
    build()
    result = fimad("remove", "video000001___0", "--purge")
    assert result.exit_code == 2
    assert "one clip of video000001" in " ".join(result.stderr.split())
    assert len(videos("dataset")) == 3
    assert "video000001" in fimad("remove", str(folder / "server" / "video000001")).stdout
    assert videos("dataset") == {"video000000", "video000002"}


def test_what_only_the_dataset_or_an_artifact_knows_is_taken_down_as_well(folder: Path) -> None:
    build()
    for path in (folder / "workspace" / "sources").iterdir():
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    assert fimad("remove", "video000001", "--purge").exit_code == 0
    assert files_of(folder, "video000001") == []
    assert videos("dataset") == {"video000000", "video000002"}
    assert fimad("remove", "video000002", "--purge", "--dataset", "another").exit_code == 0
    assert files_of(folder, "video000002") == []


# Beside a build


def at_once(monkeypatch: pytest.MonkeyPatch, where: str, act: Callable[[], object]) -> None:
    """Let something happen once, just before a function is called."""
    place, _, name = where.rpartition(".")
    module = import_module(place)
    real, acted = getattr(module, name), []

    def do(*values: Any, **options: Any) -> Any:
        if not acted:
            acted.append(name)
            act()
        return real(*values, **options)

    monkeypatch.setattr(module, name, do)


@pytest.mark.parametrize("purge", [(), ("--purge",)], ids=["kept", "purged"])
@pytest.mark.parametrize("before", [True, False], ids=["again", "first"])
@pytest.mark.parametrize(
    "where",
    ["run.packjobs.write_shard", "run.packjobs.video_facts", "packing.pack.publish", "packing.publication.card"],
)
def test_a_takedown_while_a_build_packs_holds(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: str, before: bool, purge: tuple[str, ...]
) -> None:
    if before:
        build()
    place = "fimad.pipeline." if where.startswith("run") else "fimad.dataset."
    with monkeypatch.context() as patch:
        at_once(patch, place + where, lambda: fimad("remove", "video000001", "--reason", "asked", *purge))
        build("--set", "pose.model=heavy")
    for _ in range(2):
        assert videos("dataset") == {"video000000", "video000002"}
        assert verify("dataset") == []
        manifest = json.loads((folder / "dataset" / "manifest.json").read_text())
        told = [(each["video_id"], each["reason"]) for each in manifest["removed"]]
        # What no version of the dataset held was not removed from it.
        assert told == [("video000001", "asked")] or (told == [] and not before)
        assert not purge or files_of(folder, "video000001") == []
        build("--set", "pose.model=heavy")


@pytest.mark.parametrize("stage", ["download", "segment", "pose"])
@pytest.mark.parametrize("purge", [(), ("--purge",)], ids=["kept", "purged"])
def test_a_takedown_while_a_build_runs_is_no_loss(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stage: str, purge: tuple[str, ...]
) -> None:
    kind: Any = getattr(dataset_fakes, stage.capitalize())
    real, acted = kind.run, []

    def run(self: Any, item: Any) -> Any:
        if item.video.video_id == "video000001" and not acted:
            acted.append(stage)
            fimad("remove", "video000001", *purge)
        return real(self, item)

    monkeypatch.setattr(kind, "run", run)
    # A stage whose media goes while it looks at it fails, and says so.
    assert fimad("build", "--workers", "0", *SETTINGS).exit_code in (0, 1)
    assert videos("dataset") == {"video000000", "video000002"}
    assert not purge or files_of(folder, "video000001") == []
    assert verify("dataset") == []


def test_a_takedown_from_a_dataset_that_a_build_publishes_meanwhile_loses_neither(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    dataset_fakes.corpus(folder, 4)
    with monkeypatch.context() as patch:
        at_once(patch, "fimad.dataset.packing.remove.ShardWriter", build)
        assert fimad("remove", "video000001").exit_code == 0
    assert videos("dataset") == {"video000000", "video000002", "video000003"}
    assert verify("dataset") == []
    assert [each["video_id"] for each in json.loads((folder / "dataset" / "manifest.json").read_text())["removed"]] == [
        "video000001"
    ]


def test_purging_leaves_no_name_in_the_workspace(folder: Path) -> None:
    place = Workspace("workspace")
    said = Given(person="Jane Doe", label="Deadlifts").to_text()
    place.add_batch(
        Video(
            f"video{at:06d}", "url", str(folder / "server" / f"video{at:06d}"), said if at == 1 else "", "f" * (at == 1)
        )
        for at in range(3)
    )
    build()
    assert fimad("remove", "video000001", "--purge", "--reason", "asked").exit_code == 0
    for path in (folder / "workspace").rglob("*"):
        assert path.is_dir() or b"Jane Doe" not in path.read_bytes(), path
    assert fimad("retry", "--workers", "0").exit_code == 0
    build()
    assert videos("dataset") == {"video000000", "video000002"}


@pytest.mark.parametrize("why", ["failed", "filtered", "not in the corpus", "taken down", "waiting"])
def test_gc_frees_media_that_no_artifact_names(folder: Path, why: str) -> None:
    build()
    stages = folder / "workspace" / "stages"
    (lost,) = stages.glob("download-*/*/video000001.parquet")
    lost.unlink()
    (media,) = stages.rglob("video000001.*.mp4")
    if why in ("failed", "filtered"):
        lost.with_suffix(f".{why}.json").write_text(
            json.dumps({"state": why, "stage": "download", "video_id": "video000001", "reason": "x", "what": "y"})
        )
    elif why == "not in the corpus":
        for path in (folder / "workspace" / "sources").iterdir():
            path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[::2]))
    elif why == "taken down":
        fimad("remove", "video000001")
    fimad("gc", "--yes", *SETTINGS[-2:])
    # What waits to be downloaded may be just about to get its artifact.
    assert media.exists() == (why == "waiting")
    assert len(list(stages.rglob("*.mp4"))) == 2 + (why == "waiting")
