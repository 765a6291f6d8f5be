"""What the runner talks to, and what it returns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from fimad.errors import FimadError
from fimad.pipeline.contract import Video
from fimad.pipeline.state.records import Record
from fimad.pipeline.task import StageResult


class Gate(Protocol):
    """Says when a download may begin (see `politeness`)."""

    def wait_s(self, video: Video) -> float:
        """Seconds until a download of this video may begin; 0 takes the slot."""

    def ended(self, video: Video, result: StageResult) -> None:
        """How a download ended: bot walls and 429 open the breaker."""


class Observer(Protocol):
    """Watches a run, to show it."""

    def started(self, stages: dict[str, Counter[str]]) -> None: ...

    def result(self, video_id: str, result: StageResult) -> None: ...

    def note(self, message: str) -> None: ...


class Silent:
    """Shows nothing."""

    def started(self, stages: dict[str, Counter[str]]) -> None:
        pass

    def result(self, video_id: str, result: StageResult) -> None:
        pass

    def progress(self, video_id: str, stages: tuple[str, ...], share: float) -> None:
        pass

    def note(self, message: str) -> None:
        pass

    def close(self) -> None:
        pass


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
    failure_count: int = 0
    stopped: str = ""
    error: FimadError | None = None

    @property
    def interrupted(self) -> bool:
        return self.stopped == "interrupted"
