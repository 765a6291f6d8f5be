"""Who watches a run, and what it returns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fimad.errors import FimadError
from fimad.pipeline.state.records import Record
from fimad.pipeline.task import StageResult


class Observer:
    """Watches a run, to show it; this one shows nothing."""

    def started(self, stages: dict[str, Counter[str]]) -> None:
        """What there is to do: for each stage how many videos are pending, done, failed and filtered."""

    def result(self, video_id: str, result: StageResult) -> None:
        """A stage of a video ended."""

    def progress(self, video_id: str, stages: tuple[str, ...], share: float) -> None:
        """How far a long task is; `video_id` is empty where there is one task at a time."""

    def note(self, message: str) -> None:
        """Something that the user should know."""

    def close(self) -> None:
        """The run is over."""


@dataclass
class StageTally:
    """What a run did in one stage."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    out_bytes: int = 0
    peak_bytes: int = 0


@dataclass
class RunResult:
    """What a run did, and why it ended."""

    videos: int
    before: dict[str, Counter[str]]
    tallies: dict[str, StageTally]
    failures: list[Record]
    done: dict[str, int] = field(default_factory=dict)
    """By stage, how many videos must have an artifact now."""
    failure_count: int = 0
    stopped: str = ""
    error: FimadError | None = None

    @property
    def interrupted(self) -> bool:
        return self.stopped == "interrupted"

    def followed_by(self, other: RunResult) -> RunResult:
        """Both runs as one: what was there before the first, and what either did."""
        tallies = dict(self.tallies)
        for name, theirs in other.tallies.items():
            mine = tallies.get(name, StageTally())
            tallies[name] = StageTally(
                mine.counts + theirs.counts,
                mine.seconds + theirs.seconds,
                mine.out_bytes + theirs.out_bytes,
                max(mine.peak_bytes, theirs.peak_bytes),
            )
        return RunResult(
            self.videos,
            {**other.before, **self.before},
            tallies,
            self.failures + other.failures,
            {**self.done, **other.done},
            self.failure_count + other.failure_count,
            other.stopped,
            other.error,
        )
