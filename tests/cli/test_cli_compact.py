"""`fimad compact`, as a user types it: a workspace of few files goes on as one of many."""

from __future__ import annotations

import json
from pathlib import Path

import dataset_fakes
import pytest
from test_cli_takedown import SETTINGS, build, fimad

from fimad.dataset.verify import verify
from fimad.pipeline.state.workspace import Workspace

VIDEOS = 40


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fimad.pipeline.stages.registry.STAGES", dataset_fakes.PATHS)
    # All in one folder, as those of a million are in 256.
    monkeypatch.setattr(
        Workspace,
        "name",
        classmethod(lambda cls, stage, key, video, end=".parquet": f"stages/{stage}-{key}/00/{video}{end}"),
    )
    dataset_fakes.corpus(tmp_path, VIDEOS)
    return tmp_path


def shards() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path("dataset").rglob("*.parquet"))}


def artifacts() -> list[Path]:
    return [path for path in Path("workspace", "stages").rglob("*") if path.suffix in (".parquet", ".zip")]


def test_builds_status_gc_and_takedowns_go_on(folder: Path) -> None:
    build()
    before, files = shards(), len(artifacts())
    plan = json.loads(fimad("compact", "--dry-run", "--json", *SETTINGS[-2:]).stdout)
    assert len(artifacts()) == files == plan["files_before"]
    done = json.loads(fimad("compact", "--json", *SETTINGS[-2:]).stdout)
    assert (done["artifacts"], done["files_after"]) == (files, plan["files_after"])
    assert len(artifacts()) == done["files_after"] == files / VIDEOS
    # Nothing is done again, and another dataset of the same is the same.
    summary = json.loads(build("--json").stdout)
    assert not any(each.get("done") for each in summary["stages"].values())
    for path in Path("dataset").rglob("*"):
        if path.is_file():
            path.unlink()
    build()
    assert shards() == before
    status = json.loads(fimad("status", "--json", *SETTINGS[-2:]).stdout)
    assert all(each["counts"]["done"] == VIDEOS for each in status["stages"])
    assert "Nothing to free" in fimad("gc", "--yes", *SETTINGS[-2:]).stdout
    media = list(Path("workspace", "stages").rglob("*.mp4"))
    fimad("gc", "--yes", "--set", "http.keep_media=false", *SETTINGS[-2:])
    assert len(media) == VIDEOS
    assert not list(Path("workspace", "stages").rglob("*.mp4"))
    assert fimad("remove", "video000001", "--purge").exit_code == 0
    assert not any(b"video000001" in path.read_bytes() for path in artifacts())
    build()
    assert verify("dataset") == []


def test_a_changed_option_and_a_new_video_do_what_is_new(folder: Path) -> None:
    build()
    fimad("compact", *SETTINGS[-2:])
    dataset_fakes.corpus(folder, VIDEOS + 1)
    summary = json.loads(build("--json", "--set", "pose.model=heavy").stdout)
    did = {name: each.get("done", 0) for name, each in summary["stages"].items()}
    assert did["pose"] == did["simulate"] == VIDEOS + 1
    assert did["download"] == did["segment"] == 1
    shown = fimad("compact", "--stage", "pose", "--set", "pose.model=heavy", *SETTINGS[-2:]).stdout
    assert f"{VIDEOS + 1} artifacts" in shown
    assert fimad("compact", "--stage", "poze").exit_code != 0
