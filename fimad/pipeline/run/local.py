"""Tasks on child processes of this one: what `fimad build` uses unless it is given a cluster.

A lane is a thread that hands tasks to its sandbox, one after the other, and waits for what becomes of them. Nothing listens
on any port: a child is reached through a socket pair that no other process has.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fimad.config import RunConfig
from fimad.errors import SetupError
from fimad.pipeline.run.executor import Executor, worker_count
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.run.sandbox import Sandbox
from fimad.pipeline.task import Outcome, RunSpec, Task

# Only tasks that take their time report on their way.
_QUIET_S = 1.0
# Tasks shorter than this are handed out one ahead: a lane must not wait for the driver.
_SHORT_S = 2.0
_CLOSE_S = 5.0


class LocalExecutor(Executor):
    """Tasks on this machine.

    Parameters
    ----------
    spec : what every child process is to know.
    run : how many workers: each has one lane for every resource but the network, which has `run.downloads`.
    resources : the resources that the run's stages need.
    observer : is told how far long tasks are.
    """

    def __init__(self, spec: RunSpec, run: RunConfig, resources: Sequence[str], observer: Observer) -> None:
        workers = worker_count(run)
        self.lanes = {name: workers * (run.downloads if name == "network" else 1) for name in resources}
        self._observer = observer
        self._done: queue.SimpleQueue[Outcome | Exception] = queue.SimpleQueue()
        self._waiting: dict[str, queue.SimpleQueue[Task | None]] = {name: queue.SimpleQueue() for name in resources}
        self._seconds: dict[str, float] = {}
        self._sandboxes: list[Sandbox] = []
        self._threads: list[threading.Thread] = []
        for resource, count in self.lanes.items():
            for at in range(count):
                sandbox = Sandbox(spec, resource, lane=at)
                # Downloads need no models: there is nothing to be ahead of.
                warm = bool(spec.warm) and resource != "network"
                thread = threading.Thread(
                    target=self._work,
                    args=(sandbox, resource, f"{resource}-{at}", warm),
                    daemon=True,
                    name=f"lane-{at}",
                )
                self._sandboxes.append(sandbox)
                self._threads.append(thread)
                thread.start()

    def ahead(self, resource: str) -> int:
        """Short tasks must not wait for the driver; of long ones, the next is chosen when a lane is free."""
        seconds = self._seconds.get(resource)
        return 2 if seconds is not None and seconds < _SHORT_S else 1

    def submit(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._waiting[task.resource].put(task)

    def wait(self, timeout_s: float) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            news = self._done.get(timeout=timeout_s)
            while True:
                if isinstance(news, Exception):
                    raise SetupError(
                        f"A lane of this build broke down: {type(news).__name__}: {news}.",
                        "This machine allows no more processes or open files, or fimad has a defect.",
                        "Look at `ulimit -n` and `ulimit -u`, or take fewer workers: --workers 1",
                        reason="lane_lost",
                    ) from news
                resource = news.task.resource
                self._seconds[resource] = 0.9 * self._seconds.get(resource, news.seconds) + 0.1 * news.seconds
                outcomes.append(news)
                news = self._done.get_nowait()
        except queue.Empty:
            pass
        return outcomes

    def _work(self, sandbox: Sandbox, resource: str, name: str, warm: bool) -> None:
        if warm:
            # What is wrong here is wrong for the first task as well, which says so.
            with contextlib.suppress(SetupError, OSError):
                sandbox.start()
        began = said = time.monotonic()

        def emit(task: Task, event: tuple[Any, ...]) -> None:
            nonlocal said
            if event[0] == "progress" and time.monotonic() - max(began, said) > _QUIET_S:
                said = time.monotonic()
                self._observer.progress(task.video_id, event[1], event[2])

        while (task := self._waiting[resource].get()) is not None:
            began = time.monotonic()
            try:
                for outcome in sandbox.run([task], emit):
                    self._done.put(replace(outcome, worker=name))
            except Exception as error:  # noqa: BLE001  (a lane that is gone must not be waited for)
                self._done.put(error)
                return

    def close(self, *, kill: bool = False) -> None:
        for resource, count in self.lanes.items():
            for _ in range(count):
                self._waiting[resource].put(None)
        for sandbox in self._sandboxes:
            sandbox.close()
        end = time.monotonic() + _CLOSE_S
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
