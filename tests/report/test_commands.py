"""`fimad report` and `fimad view` as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from fimad.cli import app
from fimad.config import Config
from fimad.pipeline.acquire.sources import Video
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.records import Record
from fimad.pipeline.state.workspace import Workspace
from fimad.report.collect import add_workspace, collect
from fimad.report.model import Report
from fimad.report.sources import DatasetRows
from tests.report.conftest import MakeDataset


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_report_and_view_of_a_dataset(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset(2)
    done = CliRunner().invoke(app, ["report", dataset, "--out", "r.html"])
    assert done.exit_code == 0, done.output
    assert "r.html: 4 clips" in done.output
    assert (tmp_path / "r.html").read_text("utf-8").startswith("<!doctype html>")
    done = CliRunner().invoke(app, ["view", "video000001___1", "--dataset", dataset])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "video000001___1.html").exists()


def test_long_work_shows_on_a_terminal_and_nowhere_else(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    dataset = make_dataset(1)
    view = ["view", "video000000___1", "--dataset", dataset]
    steps = {"Finding the clip": view, "Writing the page": view, "Drawing the figure": [*view, "--png", "f.png"]}
    steps |= {step: ["report", dataset] for step in ("Reading clips", "Preparing the explorer")}
    assert CliRunner().invoke(app, view).output.startswith("video000000___1.html: ")
    terminal = Console(stderr=True, force_terminal=True, force_interactive=True, width=80)
    monkeypatch.setattr("fimad.cli.output.err", terminal)
    shown = {tuple(each): CliRunner().invoke(app, each) for each in steps.values()}
    for step, arguments in steps.items():
        assert shown[tuple(arguments)].exit_code == 0
        assert step in shown[tuple(arguments)].output


def test_the_share_that_was_read_is_told(make_dataset: MakeDataset) -> None:
    from fimad.report.single import one_clip

    rows = DatasetRows(make_dataset(6))
    for read in (lambda tell: collect(rows, "", tell), lambda tell: one_clip(rows, "video000004___1", tell)):
        told: list[float] = []
        read(told.append)
        assert told == sorted(told)
        assert 0 <= told[0] <= told[-1] <= 1
    told = []
    assert len(list(rows.tables(("clip_id",), tell=told.append))) < len(told)
    assert told[-1] == 1


@pytest.mark.parametrize("arguments", [["report", "nowhere"], ["view", "x___0", "--dataset", "nowhere"]])
def test_no_dataset_says_what_to_do(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "Next:" in done.output


def test_an_unknown_clip_names_close_ones(make_dataset: MakeDataset) -> None:
    done = CliRunner().invoke(app, ["view", "video000001", "--dataset", make_dataset(2)])
    assert done.exit_code == 2
    assert "video000001___0" in done.output


def test_a_target_that_cannot_be_written(make_dataset: MakeDataset) -> None:
    done = CliRunner().invoke(app, ["report", make_dataset(1), "--out", "no/such/folder/r.html"])
    assert done.exit_code == 2
    assert "Give another --out" in done.output


def test_a_workspace_gives_funnel_and_failures_but_no_secrets(tmp_path: Path) -> None:
    config = Config.model_validate({"workspace": str(tmp_path / "ws"), "http": {"proxy": "http://me:secret@proxy:1"}})
    workspace, plan = Workspace(config.workspace), plan_stages(config)
    workspace.prepare()
    workspace.add_batch([Video(f"v{number}", "file", f"v{number}.mp4") for number in range(3)])
    for video_id in ("v0", "v1"):
        workspace.write_record(
            plan.keys["download"],
            Record(
                video_id=video_id,
                stage="download",
                state="failed",
                reason="corrupt",
                what="<b>not a video</b>",
                why="",
                fix="",
            ),
        )
    report = Report("name", "", "0", "")
    add_workspace(report, config)
    download = next(stage for stage in report.stages if stage.stage == "download")
    assert download.counts["failed"] == 2
    assert [(each.reason, each.count, each.command) for each in report.failures] == [
        ("corrupt", 2, "fimad retry --reason corrupt")
    ]
    assert "secret" not in report.settings


def test_clips_that_were_left_out_are_counted(make_dataset: MakeDataset) -> None:
    rows = DatasetRows(make_dataset(1))
    rows.manifest["left_out_clips"] = {"too_short": 3}
    assert collect(rows, "").left_out == {"too_short": 3}


def test_speed_is_that_of_the_last_run_that_had_work(tmp_path: Path) -> None:
    config = Config.model_validate({"workspace": str(tmp_path / "ws")})
    workspace = Workspace(config.workspace)
    workspace.prepare()
    runs = tmp_path / "ws" / "runs"
    runs.mkdir(exist_ok=True)
    begin, end = '{"event":"begin","at":10.0}', '{"event":"end","at":30.0}'
    worked = '{"stage":"pose","video_id":"v0","seconds":4.0,"media_s":20.0}'
    (runs / "20260101T000000-1.jsonl").write_text(f"{begin}\n{worked}\n{end}\n")
    for day in (2, 3):  # nothing left to do
        (runs / f"2026010{day}T000000-1.jsonl").write_text(f"{begin}\n{end.replace('30', '11')}\n")
    report = Report("name", "", "0", "")
    add_workspace(report, config)
    assert [(each.stage, each.seconds, each.video_s) for each in report.speeds] == [("pose", 4.0, 20.0)]
    assert report.wall_s == 20.0


def test_one_clip_is_found_without_reading_the_other_videos(make_dataset: MakeDataset) -> None:
    from fimad.report.single import one_clip

    rows = DatasetRows(make_dataset(6))
    rows.manifest["shards"].append({"name": "data/gone.parquet", "videos": {"another": ""}})
    assert one_clip(rows, "video000004___1")["clip_id"] == "video000004___1"
