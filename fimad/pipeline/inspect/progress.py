"""Shows a run: one bar per stage on a terminal, plain lines elsewhere, nothing when asked for silence."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, defaultdict
from typing import Any

from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.task import StageResult

# Plain lines: at most one of a kind in so many seconds, so that a log of days stays readable.
_LINE_S = 10.0
# How far a single video is, is worth a line only if it takes minutes.
_VIDEO_S = 60.0


class Progress(Observer):
    """A bar for each stage, with rate and time left; or lines to stderr.

    Lines are: every failure, one every ten seconds for a stage, one a minute for a video that takes long.
    """

    def __init__(self, *, bars: bool = False) -> None:
        self._bars: Any = _bars() if bars else None
        self._tasks: dict[str, Any] = {}
        self._left: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        # How far the videos are that a stage is at work on.
        self._shares: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._said_at: dict[str, float] = {}
        self._began = self._told_at = time.monotonic()
        # Outcomes and shares come from two threads.
        self._lock = threading.Lock()

    def started(self, stages: dict[str, Counter[str]]) -> None:
        self._began = time.monotonic()
        for name, counts in stages.items():
            self._left[name] = left = counts["pending"]
            if self._bars is None:
                done = counts["done"] + counts["filtered"]
                self.note(f"{name}: {left} to do, {done} done before, {counts['failed']} failed before")
            elif left:
                self._tasks[name] = self._bars.add_task(name, total=left, shown=f"0/{left}", rate="", bad="")
        if self._tasks:
            self._bars.start()

    def result(self, video_id: str, result: StageResult) -> None:
        name = result.stage
        with self._lock:
            self._shares[name].pop(video_id, None)
            self._ended[name] += 1
            self._bad[name] += result.end == "failed"
            if self._bars is not None:
                self._move(name)
                return
        if result.end == "failed":
            self.note(f"{name}: {video_id} failed ({result.reason}): {result.what.partition(chr(10))[0][:300]}")
        now = time.monotonic()
        left = self._left[name] - self._ended[name]
        if left <= 0 or now - self._said_at.get(name, 0.0) >= _LINE_S:
            self._said_at[name] = now
            failed = f", {self._bad[name]} failed" if self._bad[name] else ""
            eta = f", about {duration(left * (now - self._began) / self._ended[name])} left" if left > 0 else ""
            self.note(f"{name}: {self._ended[name]}/{self._left[name]}{failed}{eta}")

    def progress(self, video_id: str, stages: tuple[str, ...], share: float) -> None:
        if self._bars is not None:
            with self._lock:
                for stage in stages:
                    self._shares[stage][video_id] = min(1.0, max(0.0, share))
                    self._move(stage)
        elif time.monotonic() - self._told_at >= _VIDEO_S:
            self._told_at = time.monotonic()
            self.note(f"{', '.join(stages)}: {video_id or 'this video'} is at {share:.0%}")

    def _move(self, stage: str) -> None:
        if stage not in self._tasks:
            return
        ended, left = self._ended[stage], self._left[stage]
        done = ended + sum(self._shares[stage].values())
        rate = done / max(1e-9, time.monotonic() - self._began)
        self._bars.update(
            self._tasks[stage],
            completed=min(done, float(left)),
            shown=f"{ended}/{left}",
            rate=f"{rate:.1f}/s" if rate >= 1 else f"{rate * 3600:.0f}/h",
            bad=f"{self._bad[stage]} failed" if self._bad[stage] else "",
        )

    def note(self, message: str) -> None:
        visible = "".join(c if c.isprintable() else "�" for c in message)
        if self._bars is not None:
            self._bars.console.print(visible, markup=False)
        else:
            sys.stderr.write(f"fimad: {visible}\n")
            sys.stderr.flush()

    def close(self) -> None:
        if self._bars is not None:
            self._bars.stop()


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description:<11}"),
        BarColumn(),
        TextColumn("{task.fields[shown]:>13}"),
        TextColumn("{task.fields[rate]:>12}"),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
        TextColumn("[red]{task.fields[bad]}[/]"),
        console=Console(stderr=True),
    )


def observer_for(kind: str) -> Observer:
    """``auto``: bars on a terminal, else lines; ``lines``; ``none``."""
    return Observer() if kind == "none" else Progress(bars=kind == "auto" and sys.stderr.isatty())


def duration(seconds: float) -> str:
    """Seconds as people say them: ``42 s``, ``5 min``, ``3.2 h``, ``2.1 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
