"""Limits that are no identity, temporary files where there is room, diaries that are read from their end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import runner_fakes as fakes
from test_build import go, make_config
from typer.testing import CliRunner, Result

from fimad.cli import app
from fimad.config import Config, parse_config
from fimad.pipeline.run.executor import run_spec
from fimad.pipeline.run.lane import Lane
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state import runlog
from fimad.pipeline.state.workspace import Workspace
from fimad.storage.store import FsspecStore
from tests.pipeline.makers import video


def download(folder: Path, *settings: str) -> dict[str, int]:
    options = [part for setting in settings for part in ("--set", setting)]
    command = ["build", str(folder / "videos"), "--workers", "0", "--stage", "download", "--json"]
    places = ["--workspace", str(folder / "ws"), "--dataset", str(folder / "ds")]
    result: Result = CliRunner().invoke(app, [*command, *places, *options], catch_exceptions=False)
    stage: dict[str, int] = json.loads(result.stdout[result.stdout.index("{") :])["stages"]["download"]
    return {name: stage[name] for name in ("done", "done_before", "filtered", "filtered_before", "failed")}


def test_a_raised_limit_takes_on_what_was_left_out_for_it_and_nothing_else(tmp_path: Path) -> None:
    """Following the message "raise `download.max_duration_s`" once meant to download the whole corpus again."""
    (tmp_path / "videos").mkdir()
    for name, seconds, size in (
        ("a", 1.0, "160x120"),
        ("b", 3.0, "160x120"),
        ("c", 5.0, "160x120"),
        ("d", 1.0, "320x240"),
    ):
        video(tmp_path / "videos" / f"{name}.mp4", seconds, size=size, tone=False)
    tight = ("download.max_duration_s=2", "download.max_side_px=200")
    assert download(tmp_path, *tight) == {
        "done": 1,
        "done_before": 0,
        "filtered": 3,
        "filtered_before": 0,
        "failed": 0,
    }
    again = download(tmp_path, *tight)
    assert (again["done_before"], again["filtered_before"], again["filtered"]) == (1, 3, 0)
    longer = download(tmp_path, "download.max_duration_s=4", "download.max_side_px=200")
    # c was looked at again, and is too long still; d is no matter of length.
    assert (longer["done"], longer["done_before"], longer["filtered"], longer["filtered_before"]) == (1, 1, 1, 1)
    lower = download(tmp_path, *tight)
    assert (lower["done_before"], lower["filtered_before"], lower["done"], lower["filtered"]) == (2, 2, 0, 0)
    assert download(tmp_path)["done"] == 2
    assert len(list((tmp_path / "ws" / "stages").glob("download-*"))) == 1
    assert not list((tmp_path / "ws" / "stages").rglob("*.filtered.json"))


@pytest.mark.parametrize("between", [("a",), ("a", "b"), ("b",)])
def test_a_raised_limit_is_not_lost_by_a_run_over_other_videos(tmp_path: Path, between: tuple[str, ...]) -> None:
    """A run over some videos once noted that all was tried: what others were left out for stayed so."""
    (tmp_path / "videos").mkdir()
    for name, seconds in (("a", 1.0), ("b", 1.5), ("long", 3.0)):
        video(tmp_path / "videos" / f"{name}.mp4", seconds, size="160x120", tone=False)
    assert download(tmp_path, "download.max_duration_s=2")["filtered"] == 1
    chosen = [str(tmp_path / "videos" / f"{name}.mp4") for name in between]
    places = ["--workspace", str(tmp_path / "ws"), "--workers", "0", "--stage", "download"]
    result = CliRunner().invoke(app, ["build", *chosen, *places, "--set", "download.max_duration_s=4"])
    assert result.exit_code == 0, result.output
    assert download(tmp_path, "download.max_duration_s=4")["done"] == 1
    # Now that all was tried, it is noted.
    assert list((tmp_path / "ws" / "runs").glob("limits-download-*.json"))


def test_limits_are_in_no_key_and_other_options_are() -> None:
    def key(**download: object) -> str:
        return plan_stages(parse_config({"download": download})).keys["download"]

    assert key(max_duration_s=5.0, max_bytes=10, max_side_px=200) == key()
    assert key(max_height_px=480) != key()


def test_temporary_files_go_where_they_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "node"))
    assert Workspace("memory://x").store.scratch_root().is_relative_to(tmp_path / "node")
    chosen = Workspace("memory://x", str(tmp_path / "chosen")).store.scratch_root()
    assert chosen.is_relative_to(tmp_path / "chosen")
    config = make_config(tmp_path, workspace="memory://scratch-test", run={"scratch": str(tmp_path / "mine")})
    fakes.corpus(config, "ok")
    assert go(config).exit_code == 0
    assert (tmp_path / "mine").exists()
    assert not list((tmp_path / "mine").rglob("*.mp4"))


def test_parts_of_a_long_video_fetch_its_media_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(tmp_path, workspace="memory://media-test")
    workspace = fakes.corpus(config, "ok", "ok")
    plan = plan_stages(config, fakes.PATHS)
    names = {}
    for video_id in ("v00", "v01"):
        (tmp_path / video_id).write_text(video_id)
        names[video_id] = workspace.publish_media(plan.keys["download"], video_id, tmp_path / video_id, ".mp4")
    fetched: list[str] = []
    get = FsspecStore.get

    def counted(self: FsspecStore, name: str, scratch: Path) -> Path:
        fetched.append(name)
        return get(self, name, scratch)

    monkeypatch.setattr(FsspecStore, "get", counted)
    lane = Lane(run_spec(workspace, config, plan))
    for _ in range(3):
        assert lane.media("v00", names["v00"]).read_text() == "v00"
    assert len(fetched) == 1
    assert lane.media("v01", names["v01"]).read_text() == "v01"
    assert len(list(lane.workspace.store.scratch_root().rglob("*.mp4"))) == 1
    lane.close()


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_the_story_of_a_video_is_read_from_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(runlog, "_BLOCK_BYTES", block)
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, "ok", "permanent@download", "ok")
    go(config)
    whole = [each for each in runlog.entries(workspace) if each.get("video_id") == "v02"]
    assert len(whole) == 5
    assert runlog.story(workspace, "v02") == whole
    monkeypatch.setattr(runlog, "_MOST_TOLD", 2)
    assert runlog.story(workspace, "v02") == whole[-2:]


def test_a_run_in_several_parts_is_one_run(tmp_path: Path) -> None:
    workspace = Workspace(str(tmp_path / "ws"))
    for stamp, parts in (("20260101T000000", 2), ("20260102T000000", 3)):
        for part in range(parts):
            line = json.dumps({"event": "x", "at": part, "stamp": stamp})
            workspace.store.write(f"runs/{stamp}-0123456789ab-12-345-{part:05d}.jsonl", f"{line}\n".encode())
    assert [each["at"] for each in runlog.entries(workspace, newest=1)] == [0, 1, 2]
    assert len(list(runlog.entries(workspace))) == 5
    assert Config().run.scratch == ""
