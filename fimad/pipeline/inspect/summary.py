"""What a build did, as its caller gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fimad.errors import FimadError
from fimad.pipeline.contract import Unavailable
from fimad.pipeline.run.run_types import RunResult
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state.corpus import SourceProblem
from fimad.pipeline.state.records import Record
from fimad.pipeline.state.workspace import Workspace


@dataclass
class Summary:
    """What a build did.

    Parameters
    ----------
    videos : number of videos of this run.
    stages : per stage: counts before, counts of this run, seconds, bytes.
    unavailable : stages that can't run on this machine, and why.
    failures : records of the items that failed in this run (the first thousand).
    failed : items that failed in this run; `failed_before` those that did earlier and were not tried again.
    problems : what in the sources is no video.
    stopped : why the run ended early: ``interrupted``, ``fail_fast``, ``max_failures``, or the reason of `error`.
    dataset : where the dataset is; empty if none was packed.
    """

    videos: int
    workspace: str
    stages: dict[str, dict[str, Any]]
    unavailable: dict[str, Unavailable]
    failures: list[Record] = field(default_factory=list)
    failed: int = 0
    failed_before: int = 0
    filtered: int = 0
    problems: list[SourceProblem] = field(default_factory=list)
    stopped: str = ""
    error: FimadError | None = None
    dataset: str = ""
    packed: Any = None
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 ok, 1 some items failed, 3 the machine or cluster lacks something, 130 interrupted."""
        if self.stopped == "interrupted":
            return 130
        if self.error is not None:
            return 3
        return 1 if self.failed or self.failed_before or self.problems else 0


def summarise(workspace: Workspace, plan: StagePlan, result: RunResult) -> Summary:
    stages: dict[str, dict[str, Any]] = {}
    failed_before = filtered = 0
    for name, tally in result.tallies.items():
        before = result.before[name]
        failed_before += before["failed"]
        filtered += before["filtered"] + tally.counts["filtered"]
        stages[name] = {
            "key": plan.keys[name],
            "done_before": before["done"],
            "failed_before": before["failed"],
            "filtered_before": before["filtered"],
            **{end: tally.counts[end] for end in ("done", "failed", "filtered")},
            "seconds": tally.seconds,
            "out_bytes": tally.out_bytes,
            "peak_bytes": tally.peak_bytes,
        }
    return Summary(
        videos=result.videos,
        workspace=workspace.url,
        stages=stages,
        unavailable=plan.unavailable,
        failures=result.failures,
        failed=result.failure_count,
        failed_before=failed_before,
        filtered=filtered,
        stopped=result.stopped,
        error=result.error,
    )
