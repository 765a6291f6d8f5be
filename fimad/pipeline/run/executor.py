"""What the runner needs of a place that does tasks: this process, its child processes, or a Dask cluster."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence

from fimad.config import Config, RunConfig
from fimad.pipeline.run.failures import Emit
from fimad.pipeline.run.lane import Lane
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Outcome, RunSpec, Task


def run_spec(workspace: Workspace, config: Config, plan: StagePlan) -> RunSpec:
    """What the processes of a run are told."""
    return RunSpec(
        workspace=workspace.url,
        config_json=config.model_dump_json(),
        stages=tuple(plan.paths.values()),
        keys={name: plan.keys[name] for name in plan.runnable},
        sys_path=tuple(path for path in sys.path if path),
        threads=config.run.threads,
        deadline_s=config.run.deadline_s,
        memory_limit_bytes=config.run.memory_limit_bytes,
    )


def worker_count(run: RunConfig) -> int:
    """How many local workers a configuration asks for; by default as many as this process may use cores for."""
    if run.workers >= 0:
        return max(1, run.workers)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // run.threads)


class Executor(ABC):
    """Does tasks.

    Attributes
    ----------
    lanes : how many tasks of each resource can run at the same time.
    """

    lanes: dict[str, int]

    def batch(self, resource: str) -> int:
        """How many tasks of a resource are best handed over at once."""
        return 1

    def ahead(self, resource: str) -> int:
        """How many batches a lane is handed at once, the one that it works on among them."""
        return 1

    def exclude(self, worker: str) -> bool:
        """Give a worker no more tasks; False if nobody else could do them."""
        return False

    @abstractmethod
    def submit(self, tasks: Sequence[Task]) -> None:
        """Take tasks of one resource, to be done one after the other; their outcomes come from `wait`."""

    @abstractmethod
    def wait(self, timeout_s: float) -> list[Outcome]:
        """Outcomes since the last call; waits for one at most so long. Raises `SetupError` if there can't be any more."""

    @abstractmethod
    def close(self, *, kill: bool = False) -> None:
        """Stop; with `kill` at once, whatever is going on."""


class InProcess(Executor):
    """One task at a time in this process: nothing between you and a debugger, and no deadline or memory limit."""

    def __init__(self, spec: RunSpec, emit: Emit = lambda event: None) -> None:
        self.lanes = {"cpu": 1, "network": 1}
        self._lane = Lane(spec, emit)
        self._tasks: deque[Task] = deque()

    def submit(self, tasks: Sequence[Task]) -> None:
        self._tasks.extend(tasks)

    def wait(self, timeout_s: float) -> list[Outcome]:
        return [self._lane.run(self._tasks.popleft())] if self._tasks else []

    def close(self, *, kill: bool = False) -> None:
        self._lane.close()
