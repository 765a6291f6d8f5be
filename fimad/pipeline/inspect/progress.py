"""Shows a run: one bar per stage on a terminal, plain lines elsewhere, nothing when asked for silence."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from typing import Any

from fimad.pipeline.run.run_types import Silent
from fimad.pipeline.task import StageResult

# Plain lines: at most one of a kind in so many seconds, so that a log of days stays readable.
_LINE_S = 10.0
# How far a single video is, is worth a line only if it takes minutes.
_VIDEO_S = 60.0


class Lines(Silent):
    """A line to stderr for each failure, one a stage every ten seconds, and one a minute for a video that takes long."""

    def __init__(self) -> None:
        self._left: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        self._said_at: dict[str, float] = {}
        self._began = self._told_at = time.monotonic()

    def started(self, stages: dict[str, Counter[str]]) -> None:
        self._began = time.monotonic()
        for name, counts in stages.items():
            self._left[name] = counts["pending"]
            done = counts["done"] + counts["filtered"]
            self._print(f"{name}: {counts['pending']} to do, {done} done before, {counts['failed']} failed before")

    def result(self, video_id: str, result: StageResult) -> None:
        name = result.stage
        self._ended[name] += 1
        if result.end == "failed":
            self._bad[name] += 1
            self._print(f"{name}: {video_id} failed ({result.reason}): {_first_line(result.what)}")
        now = time.monotonic()
        last = self._ended[name] >= self._left[name]
        if last or now - self._said_at.get(name, 0.0) >= _LINE_S:
            self._said_at[name] = now
            rate = self._ended[name] / max(1e-9, now - self._began)
            left_s = (self._left[name] - self._ended[name]) / rate if rate else 0.0
            failed = f", {self._bad[name]} failed" if self._bad[name] else ""
            eta = "" if last else f", about {duration(left_s)} left"
            self._print(f"{name}: {self._ended[name]}/{self._left[name]}{failed}{eta}")

    def progress(self, video_id: str, stages: tuple[str, ...], share: float) -> None:
        now = time.monotonic()
        if now - self._told_at >= _VIDEO_S:
            self._told_at = now
            self._print(f"{', '.join(stages)}: {video_id or 'this video'} is at {share:.0%}")

    def note(self, message: str) -> None:
        self._print(message)

    @staticmethod
    def _print(text: str) -> None:
        sys.stderr.write(f"fimad: {_visible(text)}\n")
        sys.stderr.flush()


class Bars(Silent):
    """One rich bar a stage, with rate and time left. A long video moves its bars while it is worked on."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.fields[stage]:<11}"),
            BarColumn(),
            TextColumn("{task.fields[shown]:>13}"),
            TextColumn("{task.fields[rate]:>12}"),
            TimeElapsedColumn(),
            TextColumn("eta"),
            TimeRemainingColumn(),
            TextColumn("[red]{task.fields[bad]}[/]"),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, Any] = {}
        self._bad: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._shares: dict[tuple[str, str], float] = {}
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def started(self, stages: dict[str, Counter[str]]) -> None:
        self._began = time.monotonic()
        for name, counts in stages.items():
            if counts["pending"]:
                self._left[name] = counts["pending"]
                self._tasks[name] = self._progress.add_task(
                    name, total=counts["pending"], stage=name, shown=f"0/{counts['pending']}", rate="", bad=""
                )
        if self._tasks:
            self._progress.start()

    def result(self, video_id: str, result: StageResult) -> None:
        with self._lock:
            self._shares.pop((result.stage, video_id), None)
            self._ended[result.stage] += 1
            if result.end == "failed":
                self._bad[result.stage] += 1
            self._show(result.stage)

    def progress(self, video_id: str, stages: tuple[str, ...], share: float) -> None:
        with self._lock:
            for stage in stages:
                self._shares[stage, video_id] = min(1.0, max(0.0, share))
                self._show(stage)

    def _show(self, stage: str) -> None:
        if stage not in self._tasks:
            return
        ended = self._ended[stage]
        partly = sum(share for (name, _), share in self._shares.items() if name == stage)
        rate = (ended + partly) / max(1e-9, time.monotonic() - self._began)
        self._progress.update(
            self._tasks[stage],
            completed=min(ended + partly, float(self._left[stage])),
            shown=f"{ended}/{self._left[stage]}",
            rate=f"{rate:.1f}/s" if rate >= 1 else f"{rate * 3600:.0f}/h",
            bad=f"{self._bad[stage]} failed" if self._bad[stage] else "",
        )

    def note(self, message: str) -> None:
        from rich.markup import escape

        self._progress.console.print(escape(_visible(message)))

    def close(self) -> None:
        self._progress.stop()


def observer_for(kind: str) -> Silent:
    """``auto``: bars on a terminal, else lines; ``lines``; ``none``."""
    if kind == "none":
        return Silent()
    if kind == "auto" and sys.stderr.isatty():
        return Bars()
    return Lines()


def duration(seconds: float) -> str:
    """Seconds as people say them: ``42 s``, ``5 min``, ``3.2 h``, ``2.1 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:300]


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)
