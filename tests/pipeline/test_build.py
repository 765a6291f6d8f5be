"""The build, in this process: what runs, what is kept, what is said."""

from __future__ import annotations

import shutil
import time
from collections import Counter, deque
from pathlib import Path

import pytest
import runner_fakes as fakes

from fimad.config import Config, parse_config
from fimad.errors import ConfigError, SetupError
from fimad.pipeline.build import build
from fimad.pipeline.contract import Video
from fimad.pipeline.inspect.summary import Summary
from fimad.pipeline.inspect.upkeep import find_unused
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.run.runner import _longest
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.survey import Survey, VideoWork
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import StageResult


def make_config(tmp_path: Path, **changes: object) -> Config:
    run = {"workers": 0, "backoff_s": 0.01}
    http = {"videos_per_hour": 1e9, "host_spacing_s": 0}
    data: dict[str, object] = {"workspace": str(tmp_path / "ws"), "dataset": str(tmp_path / "ds")}
    data |= {"run": run, "http": http}
    for name, value in changes.items():
        if isinstance(value, dict):
            data[name] = {**data.get(name, {}), **value}  # type: ignore[dict-item]
        else:
            data[name] = value
    return parse_config(data)


def go(config: Config, stage: str | None = None, **more: object) -> Summary:
    return build(config, stage=stage, pack=False, stage_paths=more.pop("paths", fakes.PATHS), **more)  # type: ignore[arg-type]


def value(workspace: Workspace, summary: Summary, stage: str, video_id: str) -> str:
    text: str = workspace.read(stage, summary.stages[stage]["key"], video_id).column("value")[0].as_py()
    return text


def test_every_stage_runs_once_and_reads_its_upstream(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, "ok", "ok")
    summary = go(config)
    assert summary.exit_code == 0
    assert {name: each["done"] for name, each in summary.stages.items()} == dict.fromkeys(fakes.NAMES, 2)
    media = "pose(media, segment(media), media of v01)"
    assert value(workspace, summary, "simulate", "v01") == f"simulate({media}, {media.replace('pose', 'transcribe')})"
    again = go(config)
    assert all(each["done"] == 0 and each["done_before"] == 2 for each in again.stages.values())
    assert all(fakes.runs(workspace, name) == {"v00": 1, "v01": 1} for name in fakes.NAMES)
    assert not list((tmp_path / "ws" / "tmp").iterdir())


def test_a_changed_option_redoes_that_stage_and_downstream_only(tmp_path: Path) -> None:
    workspace = fakes.corpus(make_config(tmp_path), "ok")
    go(make_config(tmp_path))
    summary = go(make_config(tmp_path, pose={"model": "heavy"}), "pose")
    assert {name: each["done"] for name, each in summary.stages.items()} == {
        "download": 0,
        "segment": 0,
        "transcribe": 0,
        "pose": 1,
        "simulate": 1,
    }
    assert fakes.runs(workspace, "transcribe") == {"v00": 1}


def test_a_named_stage_builds_upstream_alone_at_first(tmp_path: Path) -> None:
    fakes.corpus(make_config(tmp_path), "ok")
    assert list(go(make_config(tmp_path), "pose").stages) == ["download", "segment", "pose"]


def test_only_leaves_downstream_stale(tmp_path: Path) -> None:
    fakes.corpus(make_config(tmp_path), "ok")
    go(make_config(tmp_path))
    summary = go(make_config(tmp_path, pose={"model": "heavy"}), "pose", only=True)
    assert "simulate" not in summary.stages


@pytest.mark.parametrize(
    ("location", "state", "reason"),
    [
        ("filtered@segment", "filtered", "too_long"),
        ("permanent@download", "failed", "private"),
        ("transient@download", "failed", "http_503"),
        ("bug@pose", "failed", "unexpected"),
    ],
)
def test_one_bad_video_costs_itself_alone(tmp_path: Path, location: str, state: str, reason: str) -> None:
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, "ok", location, "ok")
    summary = go(config)
    stage = location.partition("@")[2]
    assert summary.stages["simulate"]["done"] == 2
    assert summary.stages[stage][state] == 1
    assert summary.exit_code == (1 if state == "failed" else 0)
    record = workspace.read_record(stage, summary.stages[stage]["key"], "v01")
    assert record is not None
    assert (record.state, record.reason, record.stage) == (state, reason, stage)
    assert record.attempts == (3 if location.startswith("transient") else 1)
    assert any("about to" in line for line in record.log)


def test_transient_failures_are_tried_again_and_success_clears_the_record(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, "flaky:4@download")
    first = go(config)
    assert first.failed == 1
    key = first.stages["download"]["key"]
    assert workspace.read_record("download", key, "v00") is not None
    second = go(config)
    assert second.exit_code == 0
    assert workspace.read_record("download", key, "v00") is None


def test_permanent_failures_wait_for_retry(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    fakes.corpus(config, "permanent@download")
    go(config)
    second = go(config)
    assert (second.failed, second.failed_before, second.exit_code) == (0, 1, 1)


def test_fail_fast_and_max_failures_stop_the_run(tmp_path: Path) -> None:
    bad = ["permanent@download"] * 6
    config = make_config(tmp_path, run={"fail_fast": True})
    fakes.corpus(config, *bad)
    first = go(config)
    assert (first.stopped, first.failed) == ("fail_fast", 1)
    second = go(make_config(tmp_path, run={"max_failures": 3}))
    assert (second.stopped, second.failed) == ("max_failures", 3)


def test_an_unavailable_stage_ends_the_run_unless_it_is_left_out_on_purpose(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, "ok")
    paths = tuple(path.replace("FakeTranscribe", "NoTranscribe") for path in fakes.PATHS)
    with pytest.raises(SetupError, match="there are no weights") as caught:
        go(config, paths=paths)
    assert "--without transcribe" in caught.value.fix
    assert not list((tmp_path / "ws").rglob("*.parquet"))
    without = go(make_config(tmp_path, run={"without": ["transcribe"]}), paths=paths)
    assert "transcribe" not in without.stages
    assert without.unavailable["transcribe"].agreed
    assert value(workspace, without, "simulate", "v00") == "simulate(pose(media, segment(media), media of v00))"
    complete = go(config)
    assert complete.stages["simulate"]["key"] != without.stages["simulate"]["key"]
    assert fakes.runs(workspace, "pose") == {"v00": 1}
    with pytest.raises(SetupError, match="there are no weights"):
        go(config, "transcribe", paths=paths)


def test_media_is_deleted_after_use_and_fetched_again_when_needed(tmp_path: Path) -> None:
    config = make_config(tmp_path, http={"keep_media": False})
    workspace = fakes.corpus(config, "ok")
    go(config)
    assert not list((tmp_path / "ws" / "stages").rglob("*.mp4"))
    summary = go(make_config(tmp_path, http={"keep_media": False}, pose={"model": "heavy"}))
    assert summary.exit_code == 0
    assert fakes.runs(workspace, "download") == {"v00": 2}
    assert fakes.runs(workspace, "pose") == {"v00": 2}
    assert not list((tmp_path / "ws" / "stages").rglob("*.mp4"))


@pytest.mark.parametrize("without", [("pose",), ("transcribe",), ("pose", "transcribe")])
def test_media_does_not_wait_for_what_was_left_out_on_purpose(tmp_path: Path, without: tuple[str, ...]) -> None:
    config = make_config(tmp_path, http={"keep_media": False}, run={"without": without})
    workspace = fakes.corpus(config, "ok", "ok")
    assert go(config).exit_code == 0
    assert not list((tmp_path / "ws" / "stages").rglob("*.mp4"))
    kept = make_config(tmp_path, run={"without": without})
    for path in (tmp_path / "ws" / "stages").glob("download-*"):
        shutil.rmtree(path)
    go(kept)
    assert len(list((tmp_path / "ws" / "stages").rglob("*.mp4"))) == 2
    unused = find_unused(workspace, [config], fakes.PATHS)
    assert [(each.stage, each.files) for each in unused] == [("download", 2)]


def test_media_that_can_not_be_had_again_fails_the_stage_that_needs_it(tmp_path: Path) -> None:
    config = make_config(tmp_path, http={"keep_media": False})
    workspace = fakes.corpus(config, "ok")
    go(config)
    batch = next((tmp_path / "ws" / "sources").iterdir())
    batch.write_text(batch.read_text().replace("ok", "permanent@download"))
    summary = go(make_config(tmp_path, http={"keep_media": False}, pose={"model": "heavy"}))
    assert summary.failed == 1
    record = workspace.read_record("pose", summary.stages["pose"]["key"], "v00")
    assert record is not None
    assert record.reason == "private"


def test_a_full_disk_stops_the_run_and_blames_no_video(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, "ok", "full@pose", "ok")
    summary = go(config)
    assert (summary.stopped, summary.exit_code) == ("disk_full", 3)
    assert summary.error is not None
    assert "room" in summary.error.what
    assert workspace.read_record("pose", summary.stages["pose"]["key"], "v01") is None


def test_an_unknown_stage_and_an_empty_workspace_say_what_to_do(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    with pytest.raises(ConfigError, match="fimad build VIDEO"):
        go(config)
    fakes.corpus(config, "ok")
    with pytest.raises(ConfigError, match="transcribe"):
        go(config, "posse")


def test_a_memory_workspace_gives_the_same_artifacts(tmp_path: Path) -> None:
    local = make_config(tmp_path)
    fakes.corpus(local, "ok", "filtered@segment")
    go(local)
    remote = make_config(tmp_path, workspace="memory://build-test")
    workspace = fakes.corpus(remote, "ok", "filtered@segment")
    summary = go(remote)
    assert summary.stages["simulate"]["done"] == 1
    root = tmp_path / "ws"
    files = [path for path in (root / "stages").rglob("*") if path.suffix in (".parquet", ".mp4")]
    assert len(files) == 8
    for path in files:
        assert workspace.store.read(str(path.relative_to(root))) == path.read_bytes()


def test_downloads_keep_to_the_budget_while_other_stages_go_on(tmp_path: Path) -> None:
    config = make_config(tmp_path, http={"videos_per_hour": 20.0})
    workspace = fakes.corpus(config, *["ok"] * 4)
    stopper = _StopAfter(2)
    with pytest.raises(_StopAfter.Enough):
        go(config, show=stopper)
    assert stopper.done["download"] == stopper.done["simulate"] == 2
    # A tenth of an hour's budget may go at once, and the next run goes on with what is left of it.
    assert workspace.read_state("politeness")["tokens"] < 1


class _StopAfter(Observer):
    """Ends a run that would wait for its budget, once so many videos are through."""

    class Enough(Exception):
        pass

    def __init__(self, count: int) -> None:
        self.count = count
        self.done: Counter[str] = Counter()

    def result(self, video_id: str, result: StageResult) -> None:
        self.done[result.stage] += 1
        if self.done["simulate"] == self.count:
            time.sleep(0.2)
            raise self.Enough


def test_one_blocked_host_does_not_stop_the_others(tmp_path: Path) -> None:
    config = make_config(tmp_path, run={"attempts": 1})
    workspace = Workspace(config.workspace)
    walled = [Video(f"a{at}", "url", f"https://walled.example/{at}") for at in range(20)]
    others = [Video(f"b{at}", "url", f"https://open.example/{at}") for at in range(5)]
    workspace.add_batch([*walled, *others])
    stopper = _StopAfter(5)
    paths = (f"{fakes.__name__}:WalledDownload", *fakes.PATHS[1:])
    with pytest.raises(_StopAfter.Enough):
        go(config, show=stopper, paths=paths)
    key = workspace.keys()["download"][0]
    states = dict(workspace.entries("download", key))
    assert sum(video_id.startswith("b") for video_id in states) == 5
    assert sum(video_id.startswith("a") for video_id in states) == 1


def test_the_longest_video_goes_first_and_nothing_else_changes_places() -> None:
    videos = [
        VideoWork(Video(str(at), "file", ""), bytearray(), set(), length_s=s) for at, s in enumerate((3, 9, 0, 9))
    ]
    queue = deque(videos)
    assert [_longest(queue).video.video_id for _ in videos] == ["1", "3", "0", "2"]
    assert not queue


def test_only_stages_with_something_to_do_are_loaded_ahead(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, "ok", "ok")
    plan = plan_stages(config, fakes.PATHS)

    def waiting() -> tuple[str, ...]:
        survey = Survey(workspace, plan, plan.runnable)
        survey.count(lambda: workspace.videos())
        return survey.waiting

    assert waiting() == tuple(plan.runnable)
    go(config, "pose")
    assert waiting() == ("transcribe", "simulate")
    go(config)
    assert waiting() == ()
