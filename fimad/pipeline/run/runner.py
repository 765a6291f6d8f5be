"""The driver: keeps a bounded number of videos on their way, and turns outcomes into records, retries and the next task.

It holds no truth. What is done was listed at the start (`survey`); what becomes done is published by the workers before
the driver hears of it. Kill it at any time and start it again.
"""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from fimad.config import Config
from fimad.errors import FimadError, SetupError
from fimad.pipeline.acquire.network.politeness import Politeness
from fimad.pipeline.contract import Resource
from fimad.pipeline.run.executor import Executor
from fimad.pipeline.run.ledger import Ledger
from fimad.pipeline.run.run_types import Observer, RunResult
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state.records import DONE, PENDING
from fimad.pipeline.state.runlog import RunLog
from fimad.pipeline.state.survey import Survey, Videos, VideoWork
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Outcome, StageResult, Task

RESOURCES: tuple[Resource, ...] = ("cpu", "network")
# The runner looks at its clocks and for signals at least so often.
_TICK_S = 0.5
# A native crash may come of what an earlier video left behind: it gets a second, fresh process.
_TRIES = {"native_crash": 2, "deadline": 1, "memory_limit": 1}
_MAX_BACKOFF_S = 300.0
# So many videos may wait for the budget or for their host, in sight of the driver.
_MOST_GATED = 1000
# Who asks for a longer wait than this is recorded with a date, for a build after it: a run does not wait for a premiere.
_LONGEST_WAIT_S = 6 * 3600.0
_ANOTHER_DAY = frozenset(("live",))


class Runner:
    """Takes the videos of a corpus through the stages of a run."""

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        plan: StagePlan,
        survey: Survey,
        make_executor: Callable[[], Executor],
        observer: Observer,
        log: RunLog,
        gate: Politeness | None = None,
        on_finished: Callable[[VideoWork], StageResult | None] = lambda work: None,
    ) -> None:
        self.workspace = workspace
        self.config = config
        self.plan = plan
        self.survey = survey
        self.observer = observer
        self.log = log
        self.gate = gate
        self.stop_reason = ""
        self._make_executor = make_executor
        self._executor: Executor | None = None
        self._on_finished = on_finished
        self._active: dict[str, VideoWork] = {}
        self._ready: dict[Resource, deque[VideoWork]] = {each: deque() for each in RESOURCES}
        self._running: Counter[str] = Counter()
        self._timers: list[tuple[float, int, VideoWork]] = []
        self._order = itertools.count()
        self._gated = 0
        self._ledger = Ledger(workspace, plan, survey, observer)

    def stop(self, reason: str) -> None:
        """Make `run` return soon; safe to call from a signal handler."""
        self.stop_reason = self.stop_reason or reason

    def run(self, videos: Videos) -> RunResult:
        """Do all that can be done. Returns when nothing is left, or when it was stopped; never hangs."""
        self._ledger.begin(videos)
        result = self._ledger.result
        cursors: dict[Resource, Iterator[VideoWork]] = {each: self.survey.work(videos, each) for each in RESOURCES}
        try:
            self._loop(cursors)
        except KeyboardInterrupt:
            # With everything in this process the signal cuts the stage itself short.
            self.stop("interrupted")
        except FimadError as error:
            # The cluster or the store is gone: what was done is published, and the summary says what to do.
            result.error = error
            self.stop(error.reason)
        finally:
            if self._executor is not None:
                self._executor.close(kill=bool(self.stop_reason))
        result.stopped = self.stop_reason
        return result

    def _loop(self, cursors: dict[Resource, Iterator[VideoWork]]) -> None:
        while not self.stop_reason:
            self._wake()
            for resource in RESOURCES:
                self._fill(resource, cursors)
            for resource in RESOURCES:
                self._submit(resource)
            if not self._active and not cursors:
                return
            if sum(self._running.values()):
                assert self._executor is not None  # noqa: S101  (something runs, so there is one)
                for outcome in self._executor.wait(self._patience()):
                    self._take(outcome)
            else:
                time.sleep(min(self._patience(), _TICK_S))

    def _patience(self) -> float:
        if not self._timers:
            return _TICK_S
        return min(_TICK_S, max(0.0, self._timers[0][0] - time.monotonic()))

    def _wake(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            self._queue(heapq.heappop(self._timers)[2])

    def _queue(self, work: VideoWork) -> None:
        group = self.survey.next_group(work.states)
        if group is None:
            broken = self._on_finished(work)
            if broken is not None and self._gone(work, broken) == 0.0:
                self._queue(work)
                return
            del self._active[work.video.video_id]
        else:
            self._ready[group[0]].append(work)

    def _lanes(self, resource: Resource) -> int:
        if self._executor is None:
            # Started when there is something to do: finding everything done must not cost a cluster.
            self._executor = self._make_executor()
        return self._executor.lanes.get(resource, 0)

    def _fill(self, resource: Resource, cursors: dict[Resource, Iterator[VideoWork]]) -> None:
        """Take videos from the corpus while there is room: so many in work at once, and so few downloaded ahead."""
        cursor = cursors.get(resource)
        while cursor is not None:
            # What waits for its host's turn must not keep other hosts' videos away.
            gated = min(self._gated, _MOST_GATED) if resource == "network" else 0
            waiting = len(self._ready[resource]) + self._running[resource] - gated
            if waiting and waiting >= 2 * self._lanes(resource) * self._batch(resource):
                return
            # Work that waits for the network must not keep the processors from videos that are there already.
            full = len(self._active) - gated >= self._in_flight() if self._active else False
            if full and (resource == "network" or waiting):
                return
            work = next(cursor, None)
            if work is None:
                del cursors[resource]
                return
            if work.video.video_id in self._active:
                continue
            self._active[work.video.video_id] = work
            self._ready[resource].append(work)

    def _in_flight(self) -> int:
        return self.config.run.in_flight or 4 * sum(max(1, self._lanes(each)) * self._batch(each) for each in RESOURCES)

    def _submit(self, resource: Resource) -> None:
        queue = self._ready[resource]
        batch: list[Task] = []
        self._gated = 0 if resource == "network" else self._gated
        for _ in range(len(queue)):
            size, lanes = self._batch(resource), self._lanes(resource)
            assert self._executor is not None  # noqa: S101  (`_lanes` made it)
            # Downloads are paced, so no more of them than can run.
            room = lanes * size * (1 if resource == "network" else self._executor.ahead(resource))
            if self._running[resource] >= room:
                break
            work = queue.popleft() if resource == "network" or size > 1 else _longest(queue)
            paced = self.gate is not None and resource == "network" and work.video.kind != "file"
            if paced and self.gate is not None and (wait_s := self.gate.wait_s(work.video)) > 0:
                if wait_s == float("inf"):  # nothing comes from there in this run: it stays to be done
                    del self._active[work.video.video_id]
                else:
                    queue.append(work)
                    self._gated += 1
                continue
            task = self._task(work, resource)
            self._running[resource] += 1
            if paced or work.tries or work.solo:
                # By itself: if it takes its worker with it again, no other video should be there.
                self._executor.submit([task])
                continue
            batch.append(task)
            if len(batch) >= size:
                self._executor.submit(batch)
                batch = []
        if batch and self._executor is not None:
            self._executor.submit(batch)

    def _batch(self, resource: Resource) -> int:
        return self._executor.batch(resource) if self._executor is not None else 1

    def _task(self, work: VideoWork, resource: Resource) -> Task:
        group = self.survey.next_group(work.states)
        assert group is not None  # noqa: S101  (only videos with something to do are queued)
        video = work.video
        return Task(
            video.video_id,
            video.kind,
            video.location,
            ("download",) if work.force else group[1],
            resource,
            solo=work.solo,
            recheck=work.recheck,
            force=work.force,
            made=tuple(self.survey.done(work.states)) if "download" in group[1] else (),
            split=work.parts_left is None and not work.solo,
            part=work.part,
            given=video.given,
            fingerprint=video.fingerprint,
        )

    def _take(self, outcome: Outcome) -> None:
        task = outcome.task
        self._running[task.resource] -= 1
        work = self._active[task.video_id]
        fatal = next((each for each in outcome.results if each.kind == "fatal" and each.end == "failed"), None)
        if fatal is not None and self._exclude(outcome, fatal):
            work.recheck = True
            outcome = replace(outcome, results=tuple(each for each in outcome.results if each.end == "done"), parts=0)
            if task.part is None:
                self._digest(work, outcome)
                self._queue(work)
                return
        if task.part is not None:
            self._take_part(work, outcome)
            return
        work.force = False
        work.length_s = outcome.media_s or work.length_s
        wait_s = self._lost(work, outcome) if outcome.lost else self._digest(work, outcome)
        if self.stop_reason:
            return
        if wait_s > 0:
            heapq.heappush(self._timers, (time.monotonic() + wait_s, next(self._order), work))
        elif outcome.parts:
            work.parts_left = outcome.parts
            resource = next(each for each in RESOURCES if each == task.resource)
            self._ready[resource].extend(replace(work, part=part) for part in range(outcome.parts))
        else:
            self._queue(work)

    def _exclude(self, outcome: Outcome, fatal: StageResult) -> bool:
        """Do without a worker that can't do anything, if there is another one; False if there is none."""
        assert self._executor is not None  # noqa: S101  (it gave the outcome)
        if not self._executor.exclude(outcome.worker):
            return False
        self.observer.note(f"{outcome.worker} gets no more tasks: {fatal.what} {fatal.fix}")
        self.log.event("excluded", worker=outcome.worker, reason=fatal.reason, what=fatal.what)
        return True

    def _take_part(self, work: VideoWork, outcome: Outcome) -> None:
        """One part less. Whatever became of it: the task that puts them together does what is missing, and says why."""
        for result in outcome.results:
            work.part_s[result.stage] = work.part_s.get(result.stage, 0.0) + result.seconds
        assert work.parts_left  # noqa: S101  (set when the parts were queued)
        work.parts_left -= 1
        if not work.parts_left and not self.stop_reason:
            self._queue(work)

    def _lost(self, work: VideoWork, outcome: Outcome) -> float:
        """The worker is gone: the machine may be to blame, or this video. Try again elsewhere, but not for ever."""
        work.recheck = True
        if not outcome.begun:
            return 1e-3
        tries = work.tries["worker_lost"] = work.tries.get("worker_lost", 0) + 1
        # Of several any may be to blame, so that this is nobody's last try: from now on each goes by itself.
        if tries < self.config.run.attempts or not outcome.alone:
            self.observer.note(f"{work.video.video_id}: its worker was lost ({outcome.lost}); trying again")
            return self._backoff(tries)
        for name in outcome.task.stages:
            key = self.plan.keys[name]
            if self.workspace.exists(name, key, work.video.video_id):
                # Made, and lost before it was told.
                self._digest(work, replace(outcome, results=(StageResult(name, "done"),)))
                continue
            result = StageResult(
                name,
                "failed",
                kind="transient",
                reason="worker_lost",
                what=f"{tries} workers were lost while they had this video ({outcome.lost}).",
                why="The machine was shut down, ran out of memory, or the cluster's time limit struck.",
                fix="Look at the workers' logs; then `fimad retry --reason worker_lost`.",
            )
            self._fail(work, result, tries)
            break
        return 0.0

    def _digest(self, work: VideoWork, outcome: Outcome) -> float:
        crashed = [each.stage for each in outcome.results if each.kind == "crash" and each.end == "failed"]
        wait_s = 0.0
        for each in outcome.results:
            result = replace(each, seconds=each.seconds + work.part_s.pop(each.stage, 0.0))
            self.log.result(work.video.video_id, result, outcome)
            if self.gate is not None and self.plan.stages[result.stage].resource == "network":
                self.gate.ended(work.video, result)
            if result.end == "done":
                self._ledger.done(work, result)
            elif result.end == "filtered":
                self._ledger.filtered(work, result)
            elif result.end == "no_media":
                wait_s = max(wait_s, self._no_media(work, result))
            elif result.end == "gone":
                wait_s = max(wait_s, self._gone(work, result))
            elif result.end == "failed":
                if result.kind == "crash" and len(crashed) > 1:
                    work.solo = work.recheck = True
                    continue
                wait_s = max(wait_s, self._failed(work, result, again=outcome.task.force))
        return wait_s

    def _gone(self, work: VideoWork, result: StageResult) -> float:
        """Make an artifact again that others need; not for ever, in case a disk damages whatever is written to it."""
        if result.stage not in self.survey.names:
            return 0.0
        tries = work.tries["gone " + result.stage] = work.tries.get("gone " + result.stage, 0) + 1
        if tries > self.config.run.attempts:
            again = (
                "It was made again, and the same happened. The disk damages what it is given, or somebody deletes it."
            )
            self._fail(work, replace(result, end="failed", kind="transient", why=again, fix="Look at the disk."), tries)
            return 0.0
        self._ledger.again(work, result)
        work.parts_left = None
        return 0.0 if tries == 1 else self._backoff(tries)

    def _no_media(self, work: VideoWork, result: StageResult) -> float:
        """Download once more; media that vanishes again and again is that video's failure."""
        tries = work.tries["no_media"] = work.tries.get("no_media", 0) + 1
        if tries > self.config.run.attempts:
            why = "It was downloaded again, and was gone again: somebody deletes it, or the store loses it."
            self._fail(work, replace(result, end="failed", kind="transient", why=why, fix="Look at the disk."), tries)
            return 0.0
        work.force = True
        self._ledger.set_state(work, "download", PENDING)
        return 0.0

    def _media_gone(self, work: VideoWork, result: StageResult) -> None:
        """Media that was deleted after use can't be had again: what was made of it stays, the stages that need it fail."""
        self._ledger.set_state(work, "download", DONE)
        while (group := self.survey.next_group(work.states)) is not None:
            for name in group[1]:
                if self.plan.stages[name].needs_media:
                    self._fail(work, replace(result, stage=name), 1)
                    break
            else:
                return

    def _failed(self, work: VideoWork, result: StageResult, *, again: bool) -> float:
        """Record a failure, or return how long to wait before the next try. `again`: media was fetched a second time."""
        if result.kind == "fatal":
            self._ledger.result.error = SetupError(result.what, result.why, result.fix, reason=result.reason)
            self.stop(result.reason)
            return 0.0
        tries = work.tries[result.stage] = work.tries.get(result.stage, 0) + 1
        limit = {"transient": self.config.run.attempts, "crash": _TRIES.get(result.reason, 1)}.get(result.kind, 1)
        later = (result.retry_after_s or 0.0) > _LONGEST_WAIT_S or result.reason in _ANOTHER_DAY
        if tries < limit and not later:
            work.recheck, work.force = True, again
            return max(self._backoff(tries) if result.kind == "transient" else 0.0, result.retry_after_s or 0.0, 1e-3)
        if again:
            self._media_gone(work, result)
        else:
            self._fail(work, result, tries)
        return 0.0

    def _fail(self, work: VideoWork, result: StageResult, tries: int) -> None:
        self._ledger.failed(work, result, tries)
        run = self.config.run
        if run.fail_fast:
            self.stop("fail_fast")
        elif run.max_failures and self._ledger.result.failure_count >= run.max_failures:
            self.stop("max_failures")

    def _backoff(self, tries: int) -> float:
        longest = min(_MAX_BACKOFF_S, self.config.run.backoff_s * 2.0 ** (tries - 1))
        return longest * random.uniform(0.5, 1.5)  # noqa: S311  (jitter)


def _longest(queue: deque[VideoWork]) -> VideoWork:
    """Take out the longest video: begun last, it would keep one worker busy while the others have nothing left to do."""
    at = max(range(len(queue)), key=lambda each: queue[each].length_s)
    queue.rotate(-at)
    work = queue.popleft()
    queue.rotate(at)
    return work
