"""The diary of a run: one JSON line per finished stage of a video. `why`, `plan` and `--profile` read it; nothing rests on it."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any

from fimad.errors import FimadError
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Outcome, StageResult
from fimad.storage import atomic

_LOG = logging.getLogger(__name__)
# An object store has no append: lines are collected and put as parts.
_PART_LINES = 2000
_PART_S = 60.0
# Of one video so many lines are told, from so much of the diaries.
_MOST_TOLD = 200
# Runs without work that are looked through for one with.
_MOST_IDLE = 50
_MOST_BYTES = 512 * 1024**2
_BLOCK_BYTES = 1024**2


class RunLog:
    """Appends to `runs/<start>-<owner>.jsonl`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self._name = f"runs/{stamp}-{atomic.owner()}"
        self._file: IO[str] | None = None
        self._lines: list[str] = []
        self._part = 0
        self._put_at = time.monotonic()

    def result(self, video_id: str, result: StageResult, outcome: Outcome) -> None:
        """One stage of one video ended."""
        entry: dict[str, Any] = {
            "video_id": video_id,
            "stage": result.stage,
            "end": result.end,
            "seconds": round(result.seconds, 4),
            "at": round(time.time(), 3),
        }
        for name in ("reason", "signal", "peak_bytes", "out_bytes"):
            if getattr(result, name):
                entry[name] = getattr(result, name)
        if outcome.worker:
            entry["worker"] = outcome.worker
        if outcome.media_s:
            entry["media_s"] = round(outcome.media_s, 3)
        self._write(json.dumps(entry, separators=(",", ":")))

    def event(self, kind: str, **values: Any) -> None:
        """Something about the run as a whole: its beginning, its end, a packed dataset."""
        self._write(json.dumps({"event": kind, "at": round(time.time(), 3), **values}, separators=(",", ":")))

    def _write(self, line: str) -> None:
        try:
            self._append(line)
        except (OSError, FimadError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """A full disk or a store that is down: the run itself says so; its diary is no reason to fail."""
        _LOG.debug("the run log can't be written: %s", error)

    def _append(self, line: str) -> None:
        local = self._workspace.store.local
        if local is not None:
            if self._file is None:
                (local / "runs").mkdir(exist_ok=True)
                self._file = (local / f"{self._name}.jsonl").open("a", encoding="utf-8", buffering=1)
            self._file.write(line + "\n")
            return
        self._lines.append(line)
        if len(self._lines) >= _PART_LINES or time.monotonic() - self._put_at > _PART_S:
            self._put()

    def _put(self) -> None:
        if self._lines:
            self._workspace.store.write(
                f"{self._name}-{self._part:05d}.jsonl", ("\n".join(self._lines) + "\n").encode()
            )
            self._lines.clear()
            self._part += 1
        self._put_at = time.monotonic()

    def close(self) -> None:
        try:
            if self._file is not None:
                self._file.close()
            self._put()
        except (OSError, FimadError) as error:
            self._give_up(error)


def newest(workspace: Workspace) -> str:
    """Name of the last run's diary, without suffix; on an object store, of its first part. Empty if there is none."""
    names = _runs(workspace, 1)
    return names[0].removesuffix(".jsonl") if names else ""


def _runs(workspace: Workspace, newest: int = 0) -> list[str]:
    """Names of the diaries, oldest first; with `newest`, those of so many last runs. A run has many on an object store."""
    names = sorted(name for name in workspace.store.files("runs") if name.endswith(".jsonl"))
    runs = sorted({_run_of(name) for name in names})
    wanted = set(runs[-newest:] if newest else runs)
    return [name for name in names if _run_of(name) in wanted]


def _run_of(name: str) -> str:
    """``stamp-machine-pid-start`` of a diary's name, which on a store has the part's number behind."""
    return "-".join(name.removesuffix(".jsonl").split("-")[:4])


def entries(workspace: Workspace, newest: int = 0) -> Iterator[dict[str, Any]]:
    """The lines of all runs, oldest first; with `newest`, of so many last runs only. Cut lines are left out."""
    for name in _runs(workspace, newest):
        yield from _entries(workspace, name)


def working_run(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """The lines of the last run in which a stage did something; none if no run did."""
    names = _runs(workspace)
    for run in sorted({_run_of(name) for name in names}, reverse=True)[:_MOST_IDLE]:
        mine = [name for name in names if _run_of(name) == run]
        if any("event" not in entry for name in mine for entry in _entries(workspace, name)):
            yield from (entry for name in mine for entry in _entries(workspace, name))
            return


def _entries(workspace: Workspace, name: str) -> Iterator[dict[str, Any]]:
    for line in workspace.store.read(f"runs/{name}").splitlines():
        entry = _parsed(line)
        if entry is not None:
            yield entry


def story(workspace: Workspace, video_id: str) -> list[dict[str, Any]]:
    """What the diaries say of one video, oldest first. They are read from their end, and no more of them than is needed."""
    wanted = json.dumps(video_id).encode()
    found: list[dict[str, Any]] = []
    budget = _MOST_BYTES
    for name in reversed(_runs(workspace)):
        for line in _backwards(workspace, f"runs/{name}"):
            budget -= len(line)
            if wanted in line and (entry := _parsed(line)) is not None and entry.get("video_id") == video_id:
                found.append(entry)
            if budget < 0 or len(found) >= _MOST_TOLD:
                return found[::-1]
    return found[::-1]


def _backwards(workspace: Workspace, name: str) -> Iterator[bytes]:
    """The lines of a file, the last one first; of a local one, a block at a time."""
    if workspace.store.local is None:
        yield from reversed(workspace.store.read(name).splitlines())
        return
    with (workspace.store.local / name).open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        rest = b""
        while end > 0:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            first, *lines = (file.read(end - start) + rest).split(b"\n")
            yield from reversed([line for line in lines if line])
            rest, end = first, start
        if rest:
            yield rest


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        # The last line of a killed run.
        return None
    return entry if isinstance(entry, dict) else None
