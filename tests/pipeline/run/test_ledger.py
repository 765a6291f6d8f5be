"""The books of a run stay small, however many videos fail."""

from __future__ import annotations

from pathlib import Path

import runner_fakes as fakes
from test_build import make_config

from fimad.pipeline.run.ledger import Ledger
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.survey import Survey, VideoWork
from fimad.pipeline.task import StageResult


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
