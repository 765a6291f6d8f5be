"""Tasks on Dask: a local cluster that is started for the run, or a running one.

Dask brings processes, the network and resources; what is done is known from the workspace alone. A worker process only
supervises: it offers one ``cpu`` lane and ``network`` lanes, each with a child process of its own, so that downloads overlap
with inference.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import queue
import signal
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fimad.config import RunConfig
from fimad.errors import SetupError
from fimad.pipeline.run import worker
from fimad.pipeline.run.executor import Executor, worker_count
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.task import Outcome, RunSpec, Task

# Workers that are restarted, or that a batch system is about to start, are waited for so long.
_NO_WORKER_S = 120.0
_LOOK_S = 5.0
_CONNECT_S = 20.0
_STARTS = 3
# How much work is handed over at once when tasks are short, and how many tasks at most.
_BATCH_S = 0.5
_MOST_TASKS = 64
_SHORT_S = 2.0
# Above `CRITICAL`: Dask calls a lost connection critical, while here it is an outcome like others.
_SILENT = logging.CRITICAL + 1

# The scheduler's diaries would grow with the number of tasks.
_DASK_CONFIG = {
    "distributed.admin.log-length": 100,
    "distributed.admin.low-level-log-length": 50,
    # The runner counts tries itself, and a video that kills workers must not kill many.
    "distributed.scheduler.allowed-failures": 0,
    # Nothing is kept in a worker's memory; balancing it is time lost.
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.work-stealing": True,
    # Until it has measured one, Dask reckons with half a second a task: a second long video would be queued behind the
    # first while another worker, with some downloads to do, has none.
    "distributed.scheduler.default-task-durations": {"fimad-cpu": "60s", "fimad-gpu": "60s"},
    "distributed.worker.profile.enabled": False,
    "distributed.comm.timeouts.connect": f"{_CONNECT_S:.0f}s",
}


@dataclass
class _Handed:
    """Tasks that were handed to Dask together, and those of them without an outcome.

    The last outcomes are `held` until Dask, too, says that the tasks are over: to whom it would hand the next task is
    only then the lane that is free, and not one that is busy for a minute more.
    """

    future: Any
    resource: str
    tasks: dict[tuple[str, int | None], Task]
    begun: bool = False
    held: list[Outcome] = field(default_factory=list)

    def take(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Those outcomes that are still awaited.

        Dask does tasks again that a lost worker had not yet reported as started, so that the same outcome can come twice.
        """
        return [outcome for outcome in outcomes if self.tasks.pop(outcome.task.name, None) is not None]


class DaskExecutor(Executor):
    """Tasks on a Dask cluster.

    Parameters
    ----------
    spec : what every child process is to know.
    run : how many workers, or which scheduler.
    resources : the resources that the run's stages need.
    observer : is told how far long tasks are.
    """

    def __init__(self, spec: RunSpec, run: RunConfig, resources: Sequence[str], observer: Observer) -> None:
        import dask
        from distributed import Client

        self._resources = list(resources)
        self._remote = bool(run.scheduler)
        self._spec = replace(spec, check=self._remote)
        self._topic = f"fimad-{uuid.uuid4().hex[:12]}"
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._observer = observer
        self._handed: dict[int, _Handed] = {}
        self._seconds: dict[str, float] = {}
        self._count = 0
        self._looked_at = time.monotonic()
        self._alone_since: float | None = None
        self._cluster: Any = None
        dask.config.set(_DASK_CONFIG)
        if self._remote:
            self._client = _connect(run.scheduler)
        else:
            self._cluster = _local_cluster(run, self._resources)
            self._client = Client(self._cluster, set_as_default=False)
        self._client.subscribe_topic(self._topic, self._hear)
        self.lanes = self._count_lanes()
        if self._remote:
            self._preflight()
        for resource in self._resources:
            # Downloads need no models: there is nothing to be ahead of.
            if spec.warm and resource != "network":
                self._client.run(worker.prepare, self._spec, resource)

    def batch(self, resource: str) -> int:
        """Short tasks go together, so that Dask's few milliseconds a task do not count: half a second of work at once."""
        seconds = self._seconds.get(resource)
        return 1 if seconds is None else max(1, min(_MOST_TASKS, int(_BATCH_S / max(seconds, 1e-6))))

    def ahead(self, resource: str) -> int:
        """Short tasks must not wait for the driver; long ones would wait behind each other while another lane is idle."""
        seconds = self._seconds.get(resource)
        return 2 if seconds is not None and seconds < _SHORT_S else 1

    def submit(self, tasks: Sequence[Task]) -> None:
        self._count += 1
        number = self._count
        resource = tasks[0].resource
        future = self._client.submit(
            worker.run_tasks,
            self._spec,
            tuple(tasks),
            self._topic,
            number,
            # Dask keeps statistics for each kind of key: the kind must not hold a number.
            key=("fimad-" + resource, self._topic, number),
            pure=False,
            resources={resource: 1},
        )
        self._handed[number] = _Handed(future, resource, {task.name: task for task in tasks})
        future.add_done_callback(lambda done: self._done.put((number, done)))

    def _hear(self, event: tuple[float, list[Any]]) -> None:
        kind, *values = event[1]
        if kind == "progress":
            self._observer.progress(*values)
        elif kind == "began":
            handed = self._handed.get(values[0])
            if handed is not None:
                handed.begun = True
        else:
            # From a worker of this cluster, over Dask's own channel, which carries pickles anyway.
            self._done.put((values[0], pickle.loads(values[1])))  # noqa: S301

    def wait(self, timeout_s: float) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            news = self._done.get(timeout=timeout_s)
            while True:
                outcomes += self._outcomes(*news)
                news = self._done.get_nowait()
        except queue.Empty:
            pass
        if time.monotonic() - self._looked_at > _LOOK_S:
            self._look()
        return outcomes

    def _outcomes(self, number: int, news: Any) -> list[Outcome]:
        """Outcomes, or what Dask says of tasks that ended without; outcomes come before Dask's word."""
        handed = self._handed.get(number)
        if handed is None:
            return []
        if isinstance(news, list):
            outcomes = handed.take(news)
            for outcome in outcomes:
                before = self._seconds.get(handed.resource, outcome.seconds)
                self._seconds[handed.resource] = 0.9 * before + 0.1 * outcome.seconds
            if handed.tasks:
                return outcomes
            handed.held += outcomes
            return []
        del self._handed[number]
        if not handed.tasks:
            return handed.held
        lost = f"the task was {news.status} without an outcome"
        if news.status == "error":
            error = news.exception()
            if type(error).__name__ != "KilledWorker":
                raise SetupError(
                    f"A worker could not take a task: {type(error).__name__}: {error}.",
                    "Its version of fimad or of a library differs from the driver's.",
                    "Install the same versions on all machines.",
                    reason="worker_differs",
                )
            lost = error.last_worker.address if error.last_worker else "unknown"
        return [Outcome(task, (), lost=lost, begun=handed.begun) for task in handed.tasks.values()]

    def _look(self) -> None:
        """Notice a cluster that is gone, instead of waiting for it."""
        self._looked_at = time.monotonic()
        if self._client.status not in ("running", "connecting"):
            raise SetupError(
                f"The connection to the scheduler is {self._client.status}.",
                "The scheduler was stopped, or the network is down.",
                "Start the cluster again and repeat the command: it goes on where it stopped.",
                reason="cluster_lost",
            )
        lanes = self._count_lanes()
        needed = {handed.resource for handed in self._handed.values()}
        if all(lanes.get(each) for each in needed):
            self.lanes = lanes
            self._alone_since = None
            return
        self._alone_since = self._alone_since or time.monotonic()
        if time.monotonic() - self._alone_since > _NO_WORKER_S:
            missing = sorted(each for each in needed if not lanes.get(each))
            raise SetupError(
                f"For {_NO_WORKER_S:.0f} s no worker has offered the resource {', '.join(missing)}.",
                "The workers were stopped or died: wall time, memory, or a machine that went down.",
                "Look at their logs, start workers, and repeat the command: it goes on where it stopped.",
                reason="cluster_lost",
            )

    def _workers(self) -> dict[str, Any]:
        info: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return info

    def _count_lanes(self) -> dict[str, int]:
        lanes = dict.fromkeys(self._resources, 0)
        for info in self._workers().values():
            for name, count in info["resources"].items():
                if name in lanes:
                    lanes[name] += int(count)
        return lanes

    def _preflight(self) -> None:
        if not self._workers():
            try:
                self._client.wait_for_workers(1, timeout=_CONNECT_S)
            except TimeoutError as error:
                raise SetupError(
                    "The cluster has no workers.",
                    "They were not started, could not reach the scheduler, or still wait in a batch queue.",
                    "Start some: dask worker ADDRESS --nthreads 2 --resources 'cpu=1,network=1'",
                    reason="no_workers",
                ) from error
            self.lanes = self._count_lanes()
        missing = [name for name in self._resources if not self.lanes.get(name)]
        if missing:
            raise SetupError(
                f"No worker offers the resource {', '.join(missing)}.",
                "Dask workers offer only the resources that they were started with; tasks would wait for ever.",
                "Start workers with: dask worker ADDRESS --nthreads 2 "
                f"--resources '{','.join(f'{name}=1' for name in self._resources)}'",
                reason="no_resource",
            )
        try:
            reports: dict[str, dict[str, Any]] = self._client.run(worker.preflight, self._spec)
        except Exception as error:
            raise SetupError(
                f"A worker can't run fimad: {type(error).__name__}: {error}.",
                "fimad is not installed there, or in another version.",
                "Install the same version of fimad, with its extra `build`, in the workers' environment.",
                reason="worker_differs",
            ) from error
        for address, report in reports.items():
            if report["error"] is not None:
                what, why, fix, reason = report["error"]
                raise SetupError(f"Worker {address}: {what}", why, fix, reason=reason)
        here = worker.preflight_versions()
        for address, report in reports.items():
            differing = {
                name: (here[name], version) for name, version in report["packages"].items() if here[name] != version
            }
            if differing:
                names = ", ".join(f"{name} {theirs} (here {ours})" for name, (ours, theirs) in differing.items())
                raise SetupError(
                    f"Worker {address} has {names}.",
                    "Its environment is not the driver's; results or messages would differ.",
                    "Install the same versions on all machines.",
                    reason="worker_differs",
                )

    def close(self, *, kill: bool = False) -> None:
        futures = [handed.future for handed in self._handed.values()]
        self._handed.clear()
        if futures:
            self._client.cancel(futures, force=True)
        # If the cluster is gone, child processes ended with their workers.
        with contextlib.suppress(OSError, TimeoutError):
            self._client.run(worker.close_run, self._spec.spec_id, on_error="ignore")
        self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=5)


def _connect(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise SetupError(
            f"No Dask scheduler answers at {address!r}: {error}.",
            "It is not running, the port is closed, or the address is misspelt.",
            "Start one (`dask scheduler`) and give its address, as in --scheduler tcp://10.0.0.1:8786",
            reason="no_scheduler",
        ) from error


def _local_cluster(run: RunConfig, resources: Sequence[str]) -> Any:
    offered = {name: run.downloads if name == "network" else 1 for name in resources}
    # Workers must not take a Ctrl-C that is meant for the driver; `dask_setup` does the same for those started later.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if _in_main_thread() else None
    try:
        failure: Exception | None = None
        for _ in range(_STARTS):
            # A worker that dies while it starts takes Dask's whole cluster with it; what killed it is often gone then.
            try:
                return _start_cluster(run, worker_count(run), offered)
            except (RuntimeError, OSError) as error:
                failure = error
        raise SetupError(
            f"Worker processes do not start: {type(failure).__name__}: {failure}.",
            "They were killed (no memory left), or this machine allows no more processes.",
            "Look at the free memory, or take fewer: --workers 1; --workers 0 needs no other process.",
            reason="cluster_lost",
        ) from failure
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _start_cluster(run: RunConfig, workers: int, offered: dict[str, int]) -> Any:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers,
        threads_per_worker=sum(offered.values()),
        processes=True,
        host="127.0.0.1",
        # Without a dashboard Dask would still take port 8787 for its health page, and complain if it is taken.
        scheduler_kwargs={"dashboard": bool(run.dashboard), "dashboard_address": run.dashboard or "127.0.0.1:0"},
        memory_limit=0,
        resources=offered,
        preload=["fimad.pipeline.run.worker"],
        silence_logs=_SILENT,
    )
