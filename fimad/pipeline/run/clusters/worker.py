"""What runs inside a Dask worker: hands tasks to child processes. Loads nothing heavy."""

from __future__ import annotations

import atexit
import contextlib
import pickle
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any

from fimad.errors import SetupError
from fimad.pipeline.run.sandbox import Sandbox
from fimad.pipeline.task import Outcome, RunSpec, Task

# A child of another run is kept so long, in case that run still has work for it.
_IDLE_S = 300.0
# Only tasks that take their time report on their way.
_QUIET_S = 1.0
# Outcomes of short tasks are sent together, so often.
_SEND_S = 0.25

# What a worker offered before a run took its lanes away, by run.
_offered: dict[str, dict[str, float]] = {}
_idle: dict[tuple[str, str], list[Sandbox]] = {}
_busy: set[Sandbox] = set()
_lock = threading.Lock()


def run_tasks(spec: RunSpec, tasks: Sequence[Task], topic: str, number: int) -> None:
    """Do tasks, one after the other, in an idle child process of this worker, or in a new one.

    The outcomes go to the driver as events, not as the result: a result would stay in this process's memory until it
    is fetched, and be lost, and the tasks repeated, if the process died before that.
    """
    from distributed import get_worker

    worker = get_worker()
    # Tasks that still wait for their lane are not to blame if this process dies.
    worker.log_event(topic, ["began", number])
    resource = tasks[0].resource
    sandbox = _take(spec, resource)
    outcomes: list[Outcome] = []
    began = sent = said = time.monotonic()

    def emit(task: Task, event: tuple[Any, ...]) -> None:
        nonlocal said
        if time.monotonic() - max(began, said) > _QUIET_S:
            said = time.monotonic()
            worker.log_event(topic, ["progress", task.video_id, list(event[1]), event[2]])

    try:
        for outcome in sandbox.run(tasks, emit):
            began = time.monotonic()
            outcomes.append(replace(outcome, worker=worker.address))
            if began - sent > _SEND_S:
                worker.log_event(topic, ["outcomes", number, pickle.dumps(outcomes)])
                outcomes = []
                sent = began
        if outcomes:
            worker.log_event(topic, ["outcomes", number, pickle.dumps(outcomes)])
    finally:
        _give_back(sandbox, resource)


def prepare(spec: RunSpec, resource: str) -> None:
    """Start a child process for tasks that are about to come. Returns at once."""
    sandbox = Sandbox(spec, resource)

    def start() -> None:
        # What is wrong here is wrong for the first task as well, which says so.
        with contextlib.suppress(SetupError):
            sandbox.start()

    with _lock:
        # Tasks find it from now on, and wait until it has started.
        _idle.setdefault((spec.spec_id, resource), []).append(sandbox)
    threading.Thread(target=start, daemon=True, name="prepare").start()


def _take(spec: RunSpec, resource: str) -> Sandbox:
    with _lock:
        stale: list[Sandbox] = []
        for key, sandboxes in list(_idle.items()):
            if key[0] != spec.spec_id:
                stale += [each for each in sandboxes if time.monotonic() - each.used_s > _IDLE_S]
                _idle[key] = [each for each in sandboxes if each not in stale]
        mine = _idle.setdefault((spec.spec_id, resource), [])
        sandbox = mine.pop() if mine else Sandbox(spec, resource)
        _busy.add(sandbox)
    for each in stale:
        each.close()
    return sandbox


def _give_back(sandbox: Sandbox, resource: str) -> None:
    with _lock:
        _busy.discard(sandbox)
        _idle.setdefault((sandbox.spec.spec_id, resource), []).append(sandbox)


def close_run(spec_id: str) -> None:
    """End the child processes of a run, working or not."""
    with _lock:
        mine = [each for key, idle in _idle.items() if key[0] == spec_id for each in idle]
        mine += [each for each in _busy if each.spec.spec_id == spec_id]
        for key in [key for key in _idle if key[0] == spec_id]:
            del _idle[key]
    for each in mine:
        each.close()


async def take_lanes(spec_id: str, resources: Sequence[str], dask_worker: Any = None) -> None:
    """Offer nothing of what a run needs, because nothing works here; until `give_lanes`."""
    _offered.setdefault(spec_id, dict(dask_worker.state.total_resources))
    await dask_worker.set_resources(**dict.fromkeys(resources, 0))


async def give_lanes(spec_id: str, dask_worker: Any = None) -> None:
    """Offer again what was offered before a run."""
    if before := _offered.pop(spec_id, None):
        await dask_worker.set_resources(**before)


def preflight(spec: RunSpec) -> dict[str, Any]:
    """What this worker is, and whether a child process can work here; the error's parts if not."""
    report: dict[str, Any] = {"packages": preflight_versions(), "error": None}
    sandbox = Sandbox(spec)
    try:
        sandbox.start()
    except SetupError as error:
        report["error"] = (error.what, error.why, error.fix, error.reason)
    finally:
        sandbox.close()
    return report


def preflight_versions() -> dict[str, str]:
    """The versions that have to be the same on driver and workers."""
    found = {"python": ".".join(map(str, sys.version_info[:2]))}
    for name in ("fimad", "dask", "distributed", "pyarrow", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    return found


@atexit.register
def _close_all() -> None:
    with _lock:
        mine = [each for idle in _idle.values() for each in idle] + list(_busy)
        _idle.clear()
    for each in mine:
        each.close()
