"""The books of a run stay small, however many videos fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import runner_fakes as fakes
from test_build import go, make_config

from fimad.pipeline.run.executor import InProcess
from fimad.pipeline.run.ledger import Ledger
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.survey import Survey, VideoWork
from fimad.pipeline.task import Outcome, StageResult


def test_a_summary_keeps_the_first_thousand_failures_and_counts_all(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, *["ok"] * 1100)
    plan = plan_stages(config, fakes.PATHS)
    survey = Survey(workspace, plan, plan.runnable)
    ledger = Ledger(workspace, plan, survey, Observer())
    ledger.begin(workspace.videos)
    result = StageResult("download", "failed", kind="permanent", reason="private", what="It is private.")
    for video in workspace.videos():
        work = VideoWork(video, bytearray(len(survey.names)), set())
        ledger.failed(work, result, 1)
    assert ledger.result.failure_count == 1100
    assert len(ledger.result.failures) == 1000
    assert ledger.result.tallies["download"].counts["failed"] == 1100


@pytest.mark.parametrize("where", ["ok", "flaky:1@pose"])
def test_what_was_made_and_lost_before_it_was_told_counts_as_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A worker went down between the last artifact and its word of it: the summary was a video short, and old failures stayed."""
    config = make_config(tmp_path, run={"workers": 0, "attempts": 1})
    workspace = fakes.corpus(config, "ok", where, "ok")
    failed = go(config).failures if where != "ok" else []
    assert len(failed) == (where != "ok")
    tell = InProcess.wait

    def lost(self: InProcess, timeout_s: float) -> list[Outcome]:
        told = tell(self, timeout_s)
        return [
            replace(each, results=(), lost="the worker is gone") if each.task.video_id == "v01" else each
            for each in told
        ]

    monkeypatch.setattr(InProcess, "wait", lost)
    summary = go(config)
    assert summary.exit_code == 0
    for stage in summary.stages.values():
        assert (stage["done_before"] + stage["done"], stage["failed"]) == (3, 0)
    assert not [name for name, _ in workspace.store.sizes("stages") if name.endswith(".json")]
