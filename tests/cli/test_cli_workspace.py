"""The commands around a workspace, as a user types them, on small fake stages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import runner_fakes as fakes
from typer.testing import CliRunner, Result

from fimad.cli import app
from fimad.config import Config, load_config
from fimad.config_text import config_toml
from fimad.pipeline.state.workspace import Workspace

RUN = ("--set", "run.backoff_s=0.01", "--set", "http.videos_per_hour=1e9", "--set", "http.host_spacing_s=0")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIMAD_TEST_TALLY", str(tmp_path / "tally"))
    monkeypatch.setattr("fimad.pipeline.stages.registry.STAGES", fakes.PATHS)
    monkeypatch.setattr("fimad.pipeline.build._pack", lambda *arguments, **options: None)
    return tmp_path


def fimad(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def build(*arguments: str) -> Result:
    return fimad("build", "--workers", "0", *RUN, *arguments)


def corpus(*locations: str) -> Workspace:
    return fakes.corpus(Config(workspace="workspace"), *locations)


def test_build_ends_with_what_was_done_and_a_code_that_says_whether_all_is_well() -> None:
    corpus("ok", "permanent@download", "filtered@segment")
    result = build()
    assert result.exit_code == 1
    assert re.search(r"simulate +1 ", result.stdout)
    assert "v01 in download (private)" in result.stdout
    corpus_json = json.loads(build("--json").stdout)
    assert corpus_json["failed_before"] == 1
    assert corpus_json["exit_code"] == 1
    assert corpus_json["stages"]["segment"]["filtered_before"] == 1


def test_status_counts_every_video_once_in_every_stage() -> None:
    corpus("ok", "permanent@download", "filtered@segment", "ok")
    build("--stage", "segment")
    status = json.loads(fimad("status", "--json").stdout)
    counts = {stage["stage"]: stage["counts"] for stage in status["stages"]}
    assert all(sum(each.values()) == 4 for each in counts.values())
    assert counts["download"] | {} == {"done": 3, "failed": 1, "filtered": 0, "pending": 0, "stale": 0, "blocked": 0}
    assert (counts["segment"]["filtered"], counts["segment"]["blocked"]) == (1, 1)
    assert (counts["pose"]["pending"], counts["pose"]["blocked"]) == (2, 2)
    assert status["stages"][0]["reasons"] == {"private": 1}
    build()
    changed = json.loads(fimad("status", "--json", "--set", "pose.model=heavy").stdout)
    counts = {stage["stage"]: stage["counts"] for stage in changed["stages"]}
    assert (counts["pose"]["stale"], counts["simulate"]["stale"], counts["transcribe"]["stale"]) == (2, 2, 0)
    shown = fimad("status", "--videos").stdout
    assert re.search(r"download +3 +1", shown)
    assert "failed   v01  download  private: It is private." in shown


def test_why_tells_the_whole_story() -> None:
    corpus("ok", "bug@pose")
    build()
    shown = fimad("why", "v01").stdout
    assert "pose: failed" in shown
    assert "KeyError: 'surprise'" in shown
    assert "info: about to bug" in shown
    assert "simulate: blocked" in shown
    stories = json.loads(fimad("why", "v00", "--json").stdout)
    assert [story["state"] for story in stories] == ["done"] * 5
    assert all(story["tries"][0]["seconds"] >= 0 for story in stories)
    unknown = fimad("why", "v0")
    assert unknown.exit_code == 2
    assert "v00, v01" in unknown.stderr


def test_retry_takes_up_what_was_asked_for_and_no_more(folder: Path) -> None:
    corpus("permanent@download", "bug@pose")
    build()
    batch = next((folder / "workspace" / "sources").iterdir())
    batch.write_text(batch.read_text().replace("permanent@download", "ok").replace("bug@pose", "ok"))
    result = fimad("retry", "--reason", "private", "--workers", "0", *RUN)
    assert result.exit_code == 1
    assert "1 failure cleared" in result.stdout
    counts = {each["stage"]: each["counts"] for each in json.loads(fimad("status", "--json").stdout)["stages"]}
    assert (counts["download"]["done"], counts["pose"]["failed"]) == (2, 1)
    assert fimad("retry", "--workers", "0", *RUN).exit_code == 0


def test_gc_says_what_it_would_free_and_keeps_what_a_configuration_uses(folder: Path) -> None:
    corpus("ok")
    build()
    build("--set", "pose.model=heavy")
    plan = json.loads(fimad("gc", "--json").stdout)
    assert [each["stage"] for each in plan["unused"]] == ["pose", "simulate"]
    assert plan["bytes"] > 0
    assert CliRunner().invoke(app, ["gc"], input="n\n").exit_code == 0
    assert len(list((folder / "workspace" / "stages").glob("pose-*"))) == 2
    (folder / "a.toml").write_text("")
    (folder / "b.toml").write_text('[pose]\nmodel = "heavy"\n')
    assert "Nothing to free" in fimad("gc", "--config", "a.toml", "--config", "b.toml").stdout
    assert "freed" in fimad("gc", "--yes").stdout
    assert len(list((folder / "workspace" / "stages").glob("pose-*"))) == 1
    assert build().exit_code == 0


def test_plan_reckons_with_measured_rates_and_the_rate_limit() -> None:
    corpus("ok", "ok")
    build()
    fakes.corpus(Config(workspace="workspace"), *["https://a.example/x"] * 102)
    plan = json.loads(fimad("plan", "--json", "--set", "http.videos_per_hour=50").stdout)
    todo = {each["stage"]: each for each in plan["stages"]}
    assert todo["pose"]["videos"] == 100
    assert todo["pose"]["measured"]
    assert plan["length_s"] == 10.0
    assert 1.8 < plan["rate_limit_hours"] <= 2.0
    assert "rate limit alone" in fimad("plan", "--set", "http.videos_per_hour=50").stdout
    assert not [video_id for video_id in fakes.runs(Workspace("workspace"), "download") if video_id > "v01"]


def test_profile_shows_where_the_time_went() -> None:
    corpus("slow:0.3@pose")
    shown = build("--profile").stdout
    assert re.search(r"pose +1 +(0[.][3-9]|[1-9])", shown)
    table = next(Path("workspace", "runs").glob("*.profile.csv")).read_text().splitlines()
    assert table[0].startswith("video_id,stage,end,seconds")
    assert {line.split(",")[1] for line in table[1:]} >= {"download", "pose", "simulate"}
    whole = json.loads(next(Path("workspace", "runs").glob("*.profile.json")).read_text())
    assert whole["stages"]["pose"]["seconds"] >= 0.3


def test_errors_have_three_parts_and_a_code_of_their_own(folder: Path) -> None:
    nothing = build()
    assert nothing.exit_code == 2
    assert "fimad build VIDEO" in nothing.stderr
    wrong = build("--set", "pose.modle=heavy")
    assert wrong.exit_code == 2
    assert "pose.modle" in wrong.stderr
    (folder / "blocked").write_text("")
    assert build("--workspace", "blocked/ws").exit_code == 3
    assert fimad("build", "--no-such-option").exit_code == 2


def test_init_writes_every_option_and_reads_back(folder: Path) -> None:
    assert fimad("init", "a.mp4").exit_code == 0
    assert load_config(folder / "fimad.toml") == Config(sources=("a.mp4",))
    assert fimad("init").exit_code == 2
    assert fimad("init", "--force").exit_code == 0
    shown = re.sub(r"^# (\w+ = )", r"\1", config_toml(), flags=re.MULTILINE)
    (folder / "all.toml").write_text(shown)
    assert load_config(folder / "all.toml") == Config()


def test_help_of_every_command_has_an_example() -> None:
    names = [command.name for command in app.registered_commands]
    assert {"init", "build", "status", "why", "retry", "plan", "gc"} <= set(names)
    assert "130 interrupted" in " ".join(fimad("--help").stdout.split())
    for name in ("init", "build", "status", "why", "retry", "plan", "gc"):
        assert "Example" in fimad(name, "--help").stdout


def test_an_interrupt_outside_of_the_stages_has_the_same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    corpus("ok")
    monkeypatch.setattr("fimad.pipeline.build._pack", interrupted)
    result = build()
    assert result.exit_code == 130
    assert "goes on" in result.stderr
