"""The driver's books: how far each video is, what is counted, and the records that are written of failures."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from fimad.pipeline.run.run_types import Observer, RunResult, StageTally
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state.index import void
from fimad.pipeline.state.records import DONE, FAILED, FILTERED, PENDING, Record
from fimad.pipeline.state.survey import Survey, Videos, VideoWork
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import StageResult

# So many failures are kept for the summary; all of them are in the workspace.
_KEPT_FAILURES = 1000
_LABELS = ("pending", "done", "failed", "filtered")


class Ledger:
    """Counts and records for one run. `result` is what the run returns."""

    def __init__(self, workspace: Workspace, plan: StagePlan, survey: Survey, observer: Observer) -> None:
        self._workspace = workspace
        self._plan = plan
        self._survey = survey
        self._observer = observer
        self.result = RunResult(0, {}, {}, [])

    def begin(self, videos: Videos) -> None:
        """Count what there is."""
        total, counts = self._survey.count(videos)
        names = self._survey.names
        before = {
            name: Counter(dict(zip(_LABELS, map(int, row), strict=True)))
            for name, row in zip(names, counts, strict=True)
        }
        done = {name: before[name]["done"] for name in names}
        self.result = RunResult(total, before, {name: StageTally() for name in names}, [], done=done)
        self._observer.started(before)

    def set_state(self, work: VideoWork, stage: str, state: int) -> None:
        """How far a video is in a stage; `result.done` follows, for a listing at the end to be compared with."""
        at = self._survey.names.index(stage)
        self.result.done[stage] += (state == DONE) - (work.states[at] == DONE)
        work.states[at] = state

    def done(self, work: VideoWork, result: StageResult) -> None:
        """A stage is done; a failure that an earlier run recorded is over."""
        if result.stage in work.had_record:
            self._workspace.delete_record(result.stage, self._plan.keys[result.stage], work.video.video_id)
            work.had_record.discard(result.stage)
        self.set_state(work, result.stage, DONE)
        self._tally(work, result)

    def filtered(self, work: VideoWork, result: StageResult) -> None:
        """A stage left the video out."""
        self._write_record(work, result, 1)
        self.set_state(work, result.stage, FILTERED)
        self._tally(work, result)

    def failed(self, work: VideoWork, result: StageResult, tries: int) -> None:
        """A stage gave up."""
        record = self._write_record(work, result, tries)
        self.set_state(work, result.stage, FAILED)
        self._tally(work, result)
        self.result.failure_count += 1
        if len(self.result.failures) < _KEPT_FAILURES:
            self.result.failures.append(record)

    def again(self, work: VideoWork, result: StageResult) -> None:
        """An artifact has to be made again; what rests on it waits for that."""
        self.result.tallies[result.stage].counts["gone"] += 1
        self._observer.note(f"{result.what} It is made again.")
        void(self._workspace, [work.video.video_id])
        self.set_state(work, result.stage, PENDING)

    def _tally(self, work: VideoWork, result: StageResult) -> None:
        tally = self.result.tallies[result.stage]
        tally.counts[result.end] += 1
        tally.seconds += result.seconds
        tally.out_bytes += result.out_bytes
        tally.peak_bytes = max(tally.peak_bytes, result.peak_bytes)
        self._observer.result(work.video.video_id, result)

    def _write_record(self, work: VideoWork, result: StageResult, tries: int) -> Record:
        now = datetime.now(UTC)
        transient = result.kind == "transient" and result.end == "failed"
        later = now + timedelta(seconds=result.retry_after_s) if transient and result.retry_after_s else None
        stage = self._plan.stages[result.stage]
        option = stage.limits.get(result.reason)
        record = Record(
            state="filtered" if result.end == "filtered" else "failed",
            stage=result.stage,
            video_id=work.video.video_id,
            reason=result.reason,
            what=result.what,
            why=result.why,
            fix=result.fix,
            transient=transient,
            attempts=tries,
            signal=result.signal,
            peak_bytes=result.peak_bytes,
            seconds=round(result.seconds, 3),
            log=result.log,
            failed_on=now.isoformat(timespec="seconds"),
            source_fingerprint=work.video.fingerprint,
            limit=float(getattr(stage.section, option)) if option else None,
            not_before=later.isoformat(timespec="seconds") if later else "",
        )
        self._workspace.write_record(self._plan.keys[result.stage], record)
        return record
