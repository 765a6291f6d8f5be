"""Runs tasks in this process: one video through a run of stages, each artifact published as soon as it is made.

A lane lives in a child process (`sandbox`), or in the driver with ``--workers 0``. Its stages load their models once.
"""

from __future__ import annotations

import logging
import os
import platform
import shutil
import sys
import threading
import time
import traceback
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from fimad.config import Config
from fimad.errors import FimadError, PermanentError, SetupError, TransientError
from fimad.pipeline.contract import FrameStage, Stage, StageInput, Video
from fimad.pipeline.run.failures import Emit, NoMediaError, describe_failure, video_log
from fimad.pipeline.stages.registry import load_stage, plan_stages
from fimad.pipeline.state.parts import part_name, plan_parts
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Outcome, RunSpec, StageResult, Task

_LOG = logging.getLogger(__name__)
_LOG_LINES = 40
_WARM_SWITCH_S = 0.0005


class Lane:
    """The stages of a run, ready to work.

    Parameters
    ----------
    spec : what to run, and where.
    emit : gets ``("begin", stages)``, ``("result", StageResult)``, ``("progress", stages, share)`` and ``("log", line)``
        while a task runs.
    """

    def __init__(self, spec: RunSpec, emit: Emit = lambda event: None) -> None:
        self.spec = spec
        self.emit = emit
        self.config = Config.model_validate_json(spec.config_json)
        self.workspace = Workspace(spec.workspace)
        self._stages: dict[str, Stage] = {}
        self._ready: set[str] = set()
        self._limits: list[Any] = []
        # One a stage, so that a task waits for no stage but its own.
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        for path in spec.stages:
            stage = load_stage(path, self.config)
            self._stages[stage.name] = stage

    def check(self) -> None:
        """Raise `SetupError` unless this machine gives the stages the driver's keys, and can run them."""
        from fimad import __version__

        here = plan_stages(self.config, self.spec.stages)
        for name, key in self.spec.keys.items():
            if name in here.unavailable:
                why = here.unavailable[name]
                raise SetupError(
                    f"Stage {name} can't run on {platform.node()}: {why.what}",
                    "The driver has what the stage needs, this worker's machine has not.",
                    f"On that machine: {why.fix}",
                    reason="worker_lacks",
                )
            if here.keys.get(name) != key:
                raise SetupError(
                    f"Stage {name} has key {here.keys.get(name)} on {platform.node()} and {key} on the driver.",
                    f"The versions of fimad differ (there: {__version__}), or the models' files do.",
                    "Install the same version of fimad and the same weights on all machines (`fimad models verify`).",
                    reason="worker_differs",
                )
        self.workspace.store.check_writable()

    def close(self) -> None:
        """Free the stages' models and this process's temporary files."""
        for name in self._ready:
            self._stages[name].close()
        self._ready.clear()
        for limits in reversed(self._limits):
            limits.restore_original_limits()
        self._limits.clear()
        self.workspace.close()

    def scratch(self) -> Path:
        """An empty folder for the next task."""
        folder = self.workspace.store.scratch_root() / "task"
        if folder.is_dir():
            if not os.listdir(folder):
                return folder
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        return folder

    def run(self, task: Task) -> Outcome:
        """Do a task. Never raises for an item's sake: what goes wrong is in the results."""
        run = _TaskRun(self, task)
        try:
            run.go()
        finally:
            run.close()
        return Outcome(task, tuple(run.results), media_s=run.media_s, parts=run.split)

    def stage(self, name: str) -> Stage:
        """A stage with its models loaded."""
        stage = self._stages[name]
        with self._loading[name]:
            if name not in self._ready:
                stage.setup()
                self._ready.add(name)
                self._pin_threads(stage)
        return stage

    def warm_up(self, resource: str) -> None:
        """Load the models of stages that have work to do, for another thread to find them ready."""
        before = sys.getswitchinterval()
        # Imports hold the interpreter; a task that is on meanwhile must get its turn between two calls of native code.
        sys.setswitchinterval(_WARM_SWITCH_S)
        try:
            for name in self.spec.warm:
                if name in self._stages and self._stages[name].resource == resource:
                    self.stage(name)
        except Exception:  # noqa: BLE001  (the task that needs the stage meets the same, and says so)
            _LOG.debug("a stage could not be loaded ahead", exc_info=True)
        finally:
            sys.setswitchinterval(before)

    def _pin_threads(self, stage: Stage) -> None:
        """Give libraries that are loaded by now the configured threads: with more, sums come out in another order.

        A child process gets the same from its environment; with ``--workers 0`` it is too late for that. OpenCV has
        threads of its own, which no variable tells.
        """
        from threadpoolctl import threadpool_limits

        self._limits.append(threadpool_limits(self.spec.threads))
        if isinstance(stage, FrameStage):
            import cv2

            cv2.setNumThreads(self.spec.threads)

    def plain(self, name: str) -> Stage:
        """A stage, whether its models are loaded or not."""
        return self._stages[name]


class _TaskRun:
    """One task on its way: what is done, and the tables that later stages read."""

    def __init__(self, lane: Lane, task: Task) -> None:
        self.lane = lane
        self.task = task
        self.video = Video(task.video_id, task.kind, task.location)  # type: ignore[arg-type]
        self.results: list[StageResult] = []
        self.media_s = 0.0
        self.split = 0
        self._tables: dict[str, pa.Table] = {}
        self._parts: list[pa.Table] | None = None
        self._media_bytes = 0
        self._bad: set[str] = set()
        self._scratch: Path | None = None
        self._media: Path | None = None
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._log = video_log(task.video_id, self._lines, lane.emit)

    def close(self) -> None:
        # Emptied now, not at the next task: media may be large.
        if self._scratch is not None and os.listdir(self._scratch):
            shutil.rmtree(self._scratch, ignore_errors=True)

    def go(self) -> None:
        remaining = list(self.task.stages)
        while remaining:
            batch = self._next(remaining)
            remaining = [name for name in remaining if name not in batch]
            if any(self._bad & set(self.lane.plain(name).upstream) for name in batch):
                for name in batch:
                    self._end(StageResult(name, "skipped"))
                continue
            batch = [name for name in batch if not self._found(name)]
            if not batch:
                continue
            self.split = self._count_parts(batch) if self.task.split else 0
            if self.split:
                return
            self._do(batch)

    def _next(self, remaining: Sequence[str]) -> list[str]:
        """The next stage, or all frame stages that can share the next pass over the video."""

        def ready(name: str) -> bool:
            upstream = self.lane.plain(name).upstream
            return not any(each in remaining for each in upstream)

        first = next(name for name in remaining if ready(name))
        if self.task.solo or not isinstance(self.lane.plain(first), FrameStage):
            return [first]
        batch: list[str] = []
        for name in remaining:
            stage = self.lane.plain(name)
            if not isinstance(stage, FrameStage) or self._bad & set(stage.upstream):
                continue
            waits = {each for each in stage.upstream if each in remaining}
            if waits <= set(stage.same_pass) & set(batch):
                batch.append(name)
        return batch or [first]

    def _found(self, name: str) -> bool:
        if self.task.force or not self.task.recheck:
            return False
        if not self.lane.workspace.exists(name, self.lane.spec.keys[name], self.video.video_id):
            return False
        self._end(StageResult(name, "done"))
        return True

    def _do(self, batch: list[str]) -> None:
        self.lane.emit(("begin", tuple(batch)))
        began = time.perf_counter()
        self._lines.clear()
        try:
            tables, shares = self._run_stages(batch)
        except Exception as error:  # noqa: BLE001  (whatever a stage raises is that item's result)
            if len(batch) > 1 and not isinstance(error, NoMediaError | SetupError):
                # One of them is to blame; by themselves they tell which.
                for name in batch:
                    self._do([name])
                return
            for name in batch:
                self._end(self._failure(name, error, time.perf_counter() - began))
            return
        for name in batch:
            began = time.perf_counter()
            try:
                size = self._publish(name, tables.get(name)) + self._media_bytes
                self._media_bytes = 0
            except Exception as error:  # noqa: BLE001  (the same: a failed write is that item's result)
                self._end(self._failure(name, error, shares[name]))
                continue
            if name in tables:
                self._tables[name] = tables[name]
            if name == "download":
                self._note_duration(tables[name])
            spent = shares[name] + time.perf_counter() - began
            self._end(StageResult(name, "done", seconds=spent, out_bytes=size))

    def _run_stages(self, batch: list[str]) -> tuple[dict[str, pa.Table], dict[str, float]]:
        """The stages' tables, and the seconds of each. What was done in parts has no table: its parts are published."""
        parts = self._plan_parts(batch)
        if len(parts) == 1:
            return self._run_once(batch, None)
        seconds = dict.fromkeys(batch, 0.0)
        workspace, keys = self.lane.workspace, self.lane.spec.keys
        for at in range(len(parts)) if self.task.part is None else (self.task.part,):
            name = part_name(parts[at])
            left = [each for each in batch if not workspace.has_part(each, keys[each], self.video.video_id, name)]
            if not left:
                continue
            tables, shares = self._run_once(left, at)
            for each, table in tables.items():
                began = time.perf_counter()
                workspace.publish_part(each, keys[each], self.video.video_id, name, self._checked(each, table))
                seconds[each] += shares[each] + time.perf_counter() - began
        return {}, seconds

    def _count_parts(self, batch: Sequence[str]) -> int:
        """How many parts there are to be done apart; 0 if there is one, or if that can't be told."""
        try:
            count = len(self._plan_parts(batch))
        except (FimadError, OSError):
            # The clips can't be read: doing the stages meets the same, and records it.
            return 0
        return count if count > 1 else 0

    def _plan_parts(self, batch: Sequence[str]) -> list[pa.Table]:
        """The clips of each part of the video; a single part if the stages have to see the whole video."""
        if not all(self.lane.plain(name).by_clip for name in batch) or "segment" not in self.lane.spec.keys:
            return [pa.table({})]
        if self._parts is None:
            self._parts = plan_parts(self._table("segment"))
        return self._parts

    def _run_once(self, batch: list[str], part: int | None) -> tuple[dict[str, pa.Table], dict[str, float]]:
        stages = [self.lane.stage(name) for name in batch]
        item = self._item(stages, part)
        if len(stages) == 1:
            began = time.perf_counter()
            tables = {batch[0]: stages[0].run(item)}
            return tables, {batch[0]: time.perf_counter() - began}
        from fimad.pipeline.media.frames import run_frame_stages

        seconds: dict[str, float] = {}
        return run_frame_stages([stage for stage in stages if isinstance(stage, FrameStage)], item, seconds), seconds

    def _item(self, stages: Sequence[Stage], part: int | None) -> StageInput:
        made_now = {stage.name for stage in stages}
        names = {each for stage in stages for each in stage.upstream if each in self.lane.spec.keys} - made_now
        tables = {name: self._table(name) if part is None else self._part(name, part) for name in sorted(names)}
        batch = tuple(stage.name for stage in stages)
        count = len(self._parts or ()) or 1
        if self._scratch is None:
            self._scratch = self.lane.scratch()
        media = self._local_media() if any(stage.needs_media for stage in stages) else None
        return StageInput(
            video=self.video,
            tables=tables,
            media=media,
            scratch=self._scratch,
            publish_file=self._publish_file,
            log=self._log,
            progress=lambda share: self.lane.emit(("progress", batch, ((part or 0) + share) / count)),
        )

    def _part(self, name: str, part: int) -> pa.Table:
        """What of an upstream artifact a part of the video needs; not kept, it may be large."""
        assert self._parts is not None  # noqa: S101  (planned before any is done)
        if name == "segment":
            return self._parts[part]
        if not self.lane.plain(name).by_clip:
            return self._table(name)
        return self.lane.workspace.read_part(
            name, self.lane.spec.keys[name], self.video.video_id, part_name(self._parts[part]), part
        )

    def _table(self, name: str) -> pa.Table:
        if name not in self._tables:
            try:
                self._tables[name] = self.lane.workspace.read(name, self.lane.spec.keys[name], self.video.video_id)
            except FileNotFoundError as error:
                raise TransientError(
                    f"The {name} artifact of {self.video.video_id} is gone.",
                    "Somebody deleted it while this run was on (`fimad gc` from another configuration?).",
                    "Run `fimad build` again.",
                    reason="upstream_gone",
                ) from error
            if name == "download":
                self._note_duration(self._tables[name])
        return self._tables[name]

    def _note_duration(self, table: pa.Table) -> None:
        if "duration_s" in table.column_names and table.num_rows:
            self.media_s = table.column("duration_s")[0].as_py() or 0.0

    def _local_media(self) -> Path:
        if self._media is None:
            assert self._scratch is not None  # noqa: S101  (an invariant: `_item` makes it first)
            media = self._table("download").column("media")[0].as_py()
            try:
                self._media = self.lane.workspace.media(
                    self.lane.spec.keys["download"], self.video.video_id, media, self._scratch
                )
            except FileNotFoundError as error:
                raise NoMediaError(media) from error
        return self._media

    def _publish_file(self, path: Path, suffix: str) -> str:
        self._media_bytes += path.stat().st_size
        return self.lane.workspace.publish_media(self.lane.spec.keys["download"], self.video.video_id, path, suffix)

    def _publish(self, name: str, table: pa.Table | None) -> int:
        """Publish an artifact, or put it together from its parts. Returns its size in bytes."""
        stage, key, video_id = self.lane.plain(name), self.lane.spec.keys[name], self.video.video_id
        if table is not None:
            return self.lane.workspace.publish(name, key, video_id, self._checked(name, table), version=stage.version)
        if self.task.part is not None:
            return 0
        parts = [part_name(part) for part in self._parts or ()]
        return self.lane.workspace.join_parts(name, key, video_id, parts, stage.schema(), stage.version)

    def _checked(self, name: str, table: pa.Table) -> pa.Table:
        stage = self.lane.plain(name)
        expected = stage.schema()
        if not table.schema.equals(expected, check_metadata=False):
            raise PermanentError(
                f"Stage {name} made a table of another form than it declares: {table.schema} instead of {expected}.",
                "The stage has a defect.",
                "Please report it with the log above.",
                reason="wrong_schema",
            )
        return table.replace_schema_metadata({**(expected.metadata or {}), **(table.schema.metadata or {})})

    def _end(self, result: StageResult) -> None:
        if result.end != "done":
            self._bad.add(result.stage)
        self.results.append(result)
        self.lane.emit(("result", result))

    def _failure(self, name: str, error: Exception, seconds: float) -> StageResult:
        scratch = str(self.lane.workspace.store.scratch_root())
        result, lines = describe_failure(name, error, scratch, self.lane.plain(name).requires()), list(self._lines)
        if not isinstance(error, FimadError | NoMediaError):
            lines += traceback.format_exc().strip().splitlines()[-12:]
        return replace(result, seconds=seconds, log=tuple(lines[-_LOG_LINES:]))
