"""One task on its way through a lane: inputs are read, stages run, artifacts published, each as soon as it is made."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from fimad.errors import DamagedArtifactError, Filtered, FimadError, PermanentError, SetupError, TransientError
from fimad.pipeline.acquire.addresses import redacted
from fimad.pipeline.contract import FrameStage, Stage, StageInput, Video
from fimad.pipeline.run.failures import GoneError, NoMediaError, describe_failure, video_log
from fimad.pipeline.state.parts import part_name, plan_parts
from fimad.pipeline.state.workspace import media_of
from fimad.pipeline.task import Outcome, StageResult, Task

if TYPE_CHECKING:
    from fimad.pipeline.run.lane import Lane

LOG_LINES = 40


class TaskRun:
    """What of a task is done, and the tables that later stages read."""

    def __init__(self, lane: Lane, task: Task) -> None:
        self.lane = lane
        self.task = task
        self.video = Video(task.video_id, task.kind, task.location, task.given, task.fingerprint)  # type: ignore[arg-type]
        self.results: list[StageResult] = []
        self.media_s = 0.0
        self.split = 0
        self._tables: dict[str, pa.Table] = {}
        self._parts: list[pa.Table] | None = None
        self._media_bytes = 0
        self._requests = 0
        self._bad: set[str] = set()
        self._origin = ""
        self._scratch: Path | None = None
        self._media: Path | None = None
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._log = video_log(task.video_id, self._lines, lane.emit)

    @property
    def outcome(self) -> Outcome:
        """What became of the task."""
        return Outcome(self.task, tuple(self.results), media_s=self.media_s, parts=self.split)

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
        if name == "download":
            self._check_made()
        return True

    def _do(self, batch: list[str]) -> None:
        self.lane.emit(("begin", tuple(batch)))
        began = time.perf_counter()
        self._lines.clear()
        try:
            tables, shares = self._run_stages(batch)
        except GoneError as error:
            # Nothing is wrong with these stages: what they read has to be made again first.
            for name in error.stages:
                self.lane.workspace.discard(name, self.lane.spec.keys[name], self.video.video_id)
                self._end(StageResult(name, "gone", reason=error.reason, what=error.what))
            for name in batch:
                self._end(StageResult(name, "skipped"))
            return
        except Exception as error:  # noqa: BLE001  (whatever a stage raises is that item's result)
            if len(batch) > 1 and not isinstance(error, NoMediaError | SetupError):
                # One of them is to blame; by themselves they tell which.
                for name in batch:
                    if self._bad & set(self.lane.plain(name).upstream):
                        # It would look for what the one before it failed to make, and call that lost.
                        self._end(StageResult(name, "skipped"))
                    else:
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
            if name == "download":
                self._check_made()

    def _check_made(self) -> None:
        """After a repeated download: what was made from other media than this has to be made again, for a row never mixes two."""
        workspace, video_id = self.lane.workspace, self.video.video_id
        media = self._media_name()
        for name in self.task.made:
            try:
                made_from = workspace.made_from(name, self.lane.spec.keys[name], video_id)
            except (FileNotFoundError, DamagedArtifactError):
                continue
            if media and made_from and made_from != media:
                workspace.discard(name, self.lane.spec.keys[name], video_id)
                what = f"The {name} artifact of {video_id} was made from other media than the source has now."
                self._end(StageResult(name, "gone", reason="media_changed", what=what))

    def _media_name(self) -> str:
        """SHA-256 of the media that the `download` artifact tells of; empty if it does not say."""
        return media_of("download", self._table("download")) if "download" in self.lane.spec.keys else ""

    def _run_stages(self, batch: list[str]) -> tuple[dict[str, pa.Table], dict[str, float]]:
        """The stages' tables, and the seconds of each. What was done in parts has no table: its parts are published."""
        parts = self._plan_parts(batch)
        if len(parts) == 1:
            return self._run_once(batch, None)
        seconds = dict.fromkeys(batch, 0.0)
        workspace, keys = self.lane.workspace, self.lane.spec.keys
        for at in range(len(parts)) if self.task.part is None else (self.task.part,):
            name = self._part_name(parts[at])
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
        except (FimadError, GoneError, OSError):
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
        self._check_origins(tables)
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
            requests=self._count_requests,
            cache=self.lane.workspace.store.scratch_root() / "cache",
            progress=lambda share: self.lane.emit(("progress", batch, ((part or 0) + share) / count)),
        )

    def _check_origins(self, tables: dict[str, pa.Table]) -> None:
        """Raise `GoneError` if inputs were made from different media: two drivers downloaded, or the source changed."""
        origins = {name: media_of(name, table) for name, table in tables.items()}
        if len({each for each in origins.values() if each}) > 1:
            now = self._media_name()
            old = [name for name, media in origins.items() if media and media != now]
            raise GoneError(old, "media_changed", f"{', '.join(old)}: made from other media than the source has now.")
        self._origin = self._origin or next((each for each in origins.values() if each), "")

    def _part_name(self, part: pa.Table) -> str:
        """Parts of other media have other names."""
        return part_name(part, media_of("segment", part))

    def _part(self, name: str, part: int) -> pa.Table:
        """What of an upstream artifact a part of the video needs; not kept, it may be large."""
        assert self._parts is not None  # noqa: S101  (planned before any is done)
        if name == "segment":
            return self._parts[part]
        if not self.lane.plain(name).by_clip:
            return self._table(name)
        wanted = self._parts[part]
        key, video_id = self.lane.spec.keys[name], self.video.video_id
        try:
            return self.lane.workspace.read_part(name, key, video_id, self._part_name(wanted), part, wanted)
        except (FileNotFoundError, DamagedArtifactError) as error:
            raise _gone(name, video_id, error) from error

    def _table(self, name: str) -> pa.Table:
        if name not in self._tables:
            try:
                self._tables[name] = self.lane.workspace.read(name, self.lane.spec.keys[name], self.video.video_id)
            except (FileNotFoundError, DamagedArtifactError) as error:
                raise _gone(name, self.video.video_id, error) from error
            if name == "download":
                self._note_duration(self._tables[name])
        return self._tables[name]

    def _note_duration(self, table: pa.Table) -> None:
        if "duration_s" in table.column_names and table.num_rows:
            self.media_s = table.column("duration_s")[0].as_py() or 0.0

    def _local_media(self) -> Path:
        if self._media is None:
            row = self._table("download")
            media = row.column("media")[0].as_py()
            try:
                path = self.lane.media(self.video.video_id, media)
            except FileNotFoundError as error:
                raise NoMediaError(media) from error
            wanted = media_of("download", row)
            if wanted and self.lane.sha256(path) != wanted:
                # A local file that was replaced, or bytes that were damaged: downloaded again, it is a new version.
                raise NoMediaError(f"{media} (its bytes are others than were downloaded)")
            self._media = path
        return self._media

    def _publish_file(self, path: Path, suffix: str) -> str:
        self._media_bytes += path.stat().st_size
        return self.lane.workspace.publish_media(self.lane.spec.keys["download"], self.video.video_id, path, suffix)

    def _check_taken_down(self, key: str, media_sha256: str, table: pa.Table) -> None:
        """Raise `Filtered` for a copy of a file that was taken down under another name or address."""
        if media_sha256 not in self.lane.workspace.removed_media():
            return
        self.lane.workspace.delete_media(key, self.video.video_id, table.column("media")[0].as_py() or "")
        raise Filtered(
            f"The file of {self.video.video_id} is that of a video that was taken down.",
            "It is a copy of it under another name or address.",
            "Nothing is to be done. If it was taken down by mistake, delete its note in the workspace's `removed` folder.",
            reason="removed",
        )

    def _publish(self, name: str, table: pa.Table | None) -> int:
        """Publish an artifact, or put it together from its parts. Returns its size in bytes."""
        stage, key, video_id = self.lane.plain(name), self.lane.spec.keys[name], self.video.video_id
        if table is not None:
            origin = media_of(name, table) if name == "download" else self._origin
            if name == "download":
                self._check_taken_down(key, origin, table)
            return self.lane.workspace.publish(
                name, key, video_id, self._checked(name, table), version=stage.version, media=origin
            )
        if self.task.part is not None:
            return 0
        parts = [self._part_name(part) for part in self._parts or ()]
        origin = media_of("segment", self._table("segment"))
        workspace = self.lane.workspace
        try:
            return workspace.join_parts(name, key, video_id, parts, stage.schema(), stage.version, media=origin)
        except DamagedArtifactError as error:
            workspace.store.delete_folder(workspace.part_folder(name, key, video_id))
            raise TransientError(error.what, error.why, "It is made again.", reason=error.reason) from error

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
        if self._requests:
            result, self._requests = replace(result, requests=self._requests), 0
        if result.end != "done":
            self._bad.add(result.stage)
        self.results.append(result)
        self.lane.emit(("result", result))

    def _count_requests(self, count: int) -> None:
        self._requests += count

    def _failure(self, name: str, error: Exception, seconds: float) -> StageResult:
        scratch = str(self.lane.workspace.store.scratch_root())
        result, lines = describe_failure(name, error, scratch, self.lane.plain(name).requires()), list(self._lines)
        if not isinstance(error, FimadError | NoMediaError):
            lines += redacted(traceback.format_exc()).strip().splitlines()[-12:]
        return replace(result, seconds=seconds, log=tuple(lines[-LOG_LINES:]))


def _gone(stage: str, video_id: str, error: Exception) -> GoneError:
    """Why an input has to be made again: somebody deleted it while this run was on, or its bytes are damaged."""
    if isinstance(error, DamagedArtifactError):
        return GoneError([stage], error.reason, error.what)
    return GoneError([stage], "missing_artifact", f"The {stage} artifact of {video_id} is gone.")
