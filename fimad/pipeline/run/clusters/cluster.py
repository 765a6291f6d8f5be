"""Tasks on a running Dask cluster.

Dask brings processes, the network and resources; what is done is known from the workspace alone. A worker process only
supervises: it offers one ``cpu`` lane and ``network`` lanes, each with a child process of its own, so that downloads overlap
with inference.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import queue
import time
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fimad.config import RunConfig
from fimad.errors import SetupError
from fimad.pipeline.run.clusters import worker
from fimad.pipeline.run.clusters.slurm import SlurmCluster
from fimad.pipeline.run.executor import Executor
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.task import Outcome, RunSpec, Task

_LOOK_S = 5.0
# How much work is handed over at once when tasks are short, and how many tasks at most.
_BATCH_S = 0.5
_MOST_TASKS = 64
_SHORT_S = 2.0
# Until it has measured one, Dask reckons with half a second a task: a second long video would be queued behind the
# first while another worker, with some downloads to do, has none.
_DURATIONS = {"fimad-cpu": "60s"}


def _prepare_scheduler(dask_scheduler: Any = None, allowed_failures: int = 0) -> int:
    """Runs on the scheduler: what this run needs of it; returns how many failures it allowed before."""
    import dask

    before: int = dask_scheduler.allowed_failures
    dask_scheduler.allowed_failures = allowed_failures
    name = "distributed.scheduler.default-task-durations"
    dask.config.set({name: {**dask.config.get(name, {}), **_DURATIONS}})
    return before


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
    cluster : one that was started for this run, and ends with it; else the one of `run.scheduler`.
    """

    def __init__(
        self,
        spec: RunSpec,
        run: RunConfig,
        resources: Sequence[str],
        observer: Observer,
        cluster: SlurmCluster | None = None,
    ) -> None:
        self._resources = list(resources)
        self._run = run
        self._spec = replace(spec, check=True)
        self._topic = f"fimad-{uuid.uuid4().hex[:12]}"
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._observer = observer
        self._handed: dict[int, _Handed] = {}
        self._seconds: dict[str, float] = {}
        self._count = 0
        self._looked_at = time.monotonic()
        self._alone_since: float | None = None
        self._excluded: set[str] = set()
        self._allowed: int | None = None
        self._cluster = cluster
        address, security = (run.scheduler, None) if cluster is None else (cluster.address, cluster.security)
        self._client = _connect(address, run.connect_s, security)
        self._client.subscribe_topic(self._topic, self._hear)
        self._allow_no_failures()
        self.lanes = self._count_lanes()
        self._preflight()
        for resource in self._resources:
            # Downloads need no models: there is nothing to be ahead of.
            if spec.warm and resource != "network":
                self._client.run(worker.prepare, self._spec, resource, workers=self._good(), on_error="ignore")

    def _allow_no_failures(self) -> None:
        """A lost worker's tasks come back to the runner, which counts tries; Dask's own three would cost a worker each."""
        try:
            self._allowed = self._client.run_on_scheduler(_prepare_scheduler)
        except Exception as error:
            raise SetupError(
                f"The scheduler can't be told to leave lost tasks to fimad: {type(error).__name__}: {error}.",
                "It runs in an environment without fimad, or allows no code (`distributed.scheduler.pickle`). Without this, a "
                "video that takes workers down would be handed to four workers in a row.",
                "Start it from the environment of the workers, or with DASK_DISTRIBUTED__SCHEDULER__PICKLE=True.",
                reason="scheduler_setting",
            ) from error

    def exclude(self, worker_address: str) -> bool:
        """Take a worker's lanes away; False if then nobody offered a resource that it has."""
        lanes = self._count_lanes(without={*self._excluded, worker_address})
        if not all(lanes.values()):
            return False
        self._excluded.add(worker_address)
        self.lanes = lanes
        # It may be gone by now: then it gets no tasks either.
        self._client.run(
            worker.take_lanes, self._spec.spec_id, self._resources, workers=[worker_address], on_error="ignore"
        )
        self._call_back(worker_address)
        return True

    def _call_back(self, worker_address: str) -> None:
        """Tasks that wait at a worker for a lane that it has no more would wait for ever: they come back as lost."""
        waiting = {key for keys in self._client.processing(workers=[worker_address]).values() for key in keys}
        there = [each.future for each in self._handed.values() if not each.begun and each.future.key in waiting]
        if there:
            self._client.cancel(there, force=True)

    def _good(self) -> list[str]:
        return [address for address in self._workers() if address not in self._excluded]

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
        alone = len(handed.tasks) == 1
        return [Outcome(task, (), lost=lost, begun=handed.begun, alone=alone) for task in handed.tasks.values()]

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
            # Of what nobody offers just now, tasks are handed over all the same: while none is, nobody would look again.
            self.lanes = {name: count or self.lanes.get(name, 0) for name, count in lanes.items()}
            self._alone_since = None
            return
        self._alone_since = self._alone_since or time.monotonic()
        if time.monotonic() - self._alone_since > self._run.no_worker_s:
            missing = sorted(each for each in needed if not lanes.get(each))
            raise SetupError(
                f"For {self._run.no_worker_s:.0f} s no worker has offered the resource {', '.join(missing)}.",
                "The workers were stopped or died: wall time, memory, or a machine that went down.",
                "Look at their logs, start workers, and repeat the command: it goes on where it stopped. Raise "
                "`run.no_worker_s` where a batch queue takes longer.",
                reason="cluster_lost",
            )

    def _workers(self) -> dict[str, Any]:
        info: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return info

    def _count_lanes(self, without: Collection[str] | None = None) -> dict[str, int]:
        lanes = dict.fromkeys(self._resources, 0)
        for address, info in self._workers().items():
            if address in (self._excluded if without is None else without):
                continue
            for name, count in info["resources"].items():
                if name in lanes:
                    lanes[name] += int(count)
        return lanes

    def _preflight(self) -> None:
        if not self._workers():
            try:
                self._client.wait_for_workers(1, timeout=self._run.no_worker_s)
            except TimeoutError as error:
                raise SetupError(
                    f"The cluster has no workers after {self._run.no_worker_s:.0f} s.",
                    "They were not started, could not reach the scheduler, or still wait in a batch queue.",
                    "Start some: dask worker ADDRESS --nthreads 2 --resources 'cpu=1,network=1'; raise `run.no_worker_s` where "
                    "a batch queue takes longer.",
                    reason="no_workers",
                ) from error
        # Counted anew: one may have joined since the last look.
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
        reports = self._client.run(worker.preflight, self._spec, on_error="return")
        for address, report in reports.items():
            unfit = _unfit(address, report)
            if unfit is None:
                continue
            if not self.exclude(address):
                raise unfit
            self._observer.note(f"{address} gets no tasks: {unfit.what} {unfit.fix}")

    def close(self, *, kill: bool = False) -> None:
        futures = [handed.future for handed in self._handed.values()]
        self._handed.clear()
        if futures:
            self._client.cancel(futures, force=True)
        # If the cluster is gone, child processes ended with their workers.
        with contextlib.suppress(OSError, TimeoutError):
            self._client.run(worker.close_run, self._spec.spec_id, on_error="ignore")
            if self._excluded:
                gone = list(self._excluded)
                self._client.run(worker.give_lanes, self._spec.spec_id, workers=gone, on_error="ignore")
            if self._allowed is not None:
                self._client.run_on_scheduler(_prepare_scheduler, allowed_failures=self._allowed)
        self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close()


def on_cluster(
    spec: RunSpec, run: RunConfig, resources: Sequence[str], observer: Observer, place: Path
) -> DaskExecutor:
    """An executor on the cluster that a configuration names, or on one that a batch system gives; `place` is seen by all nodes."""
    if run.scheduler:
        return DaskExecutor(spec, run, resources, observer)
    cluster = SlurmCluster(run, place)
    try:
        return DaskExecutor(spec, run, resources, observer, cluster)
    except BaseException:
        cluster.close()
        raise


def _unfit(address: str, report: Any) -> SetupError | None:
    """Why a worker can't take part, from its `worker.preflight`; None if it can."""
    if isinstance(report, BaseException):
        return SetupError(
            f"Worker {address} can't run fimad: {type(report).__name__}: {report}.",
            "fimad is not installed there, or in another version.",
            "Install the same version of fimad, with its extra `build`, in the workers' environment.",
            reason="worker_differs",
        )
    if report["error"] is not None:
        what, why, fix, reason = report["error"]
        return SetupError(f"Worker {address}: {what}", why, fix, reason=reason)
    here = worker.preflight_versions()
    differing = {name: (here[name], theirs) for name, theirs in report["packages"].items() if here[name] != theirs}
    if not differing:
        return None
    names = ", ".join(f"{name} {theirs} (here {ours})" for name, (ours, theirs) in differing.items())
    return SetupError(
        f"Worker {address} has {names}.",
        "Its environment is not the driver's; results or messages would differ.",
        "Install the same versions on all machines.",
        reason="worker_differs",
    )


def _connect(address: str, connect_s: float, security: Any = None) -> Any:
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise SetupError(
            f"--scheduler needs Dask: {error}.",
            "It comes with an extra of its own, since builds on one machine do without.",
            "pip install 'fimad[cluster]'",
            reason="no_dask",
        ) from error
    # Dask calls a lost connection critical, while here it is an outcome like others.
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    dask.config.set({"distributed.comm.timeouts.connect": f"{connect_s:.0f}s"})
    try:
        return Client(address, timeout=connect_s, set_as_default=False, security=security)
    except (OSError, TimeoutError, ValueError) as error:
        raise SetupError(
            f"No Dask scheduler answers at {address!r}: {error}.",
            "It is not running, the port is closed, TLS is set up on one side only, or the address is misspelt.",
            "Start one (`dask scheduler`) and give its address, as in --scheduler tls://10.0.0.1:8786",
            reason="no_scheduler",
        ) from error
