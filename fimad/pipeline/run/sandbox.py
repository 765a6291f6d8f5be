"""The supervisor of a child process that does the work: deadline, memory limit, and crashes that cost one item.

It lives in the driver, or in a Dask worker, and loads nothing heavy. The child (`child`) is started with `python -m fimad.pipeline.run.child`, not by multiprocessing: Dask's workers are daemons, which may not have such children, and nothing
of the parent's memory is wanted. They talk through a socket pair that no other process can reach.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import IO, Any, Literal

from fimad.errors import SetupError
from fimad.gpu import LANE_VARIABLE
from fimad.pipeline.run.child import read_notes
from fimad.pipeline.task import Outcome, RunSpec, StageResult, Task

# How often the child's memory is looked at (with its own children's: now and then, that costs more), and how long it may
# take to import its libraries.
_POLL_S = 0.25
_TREE_S = 2.0
_START_S = 180.0
_STARTS = 3
_LOG_BYTES = 4000
_LOG_LINES = 40
# What libraries write to stderr is thrown away between tasks once there is so much of it.
_STDERR_BYTES = 1_000_000
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# glibc must keep the memory of a picture or a clip for the next one. Dask sets the second variable for its workers, to get
# memory back early: 676 page faults and 1.7 ms a frame of 720p. Its own choice costs `simulate` a quarter of its time.
_MEMORY_VARIABLES = {"MALLOC_MMAP_THRESHOLD_": str(2**24), "MALLOC_TRIM_THRESHOLD_": str(2**25)}

# Signals that no native library raises by itself. The system's out-of-memory killer sends SIGKILL, too.
_FROM_OUTSIDE = frozenset(
    (
        signal.SIGTERM,
        signal.SIGKILL,
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGXCPU,
        signal.SIGUSR1,
        signal.SIGUSR2,
    )
)

Emit = Callable[[Task, tuple[Any, ...]], None]


class _KilledAtStartError(SetupError):
    """The child was ended by a signal before it was ready."""


class Sandbox:
    """One child process, started when there is something to do, and again after it died.

    Parameters
    ----------
    spec : what the child is to know; its limits are enforced here.
    resource : of the tasks that it will get: it loads the models of their stages (`RunSpec.warm`) as soon as it runs.
    lane : the how manieth of this machine's lanes of that resource it is.
    """

    def __init__(self, spec: RunSpec, resource: str = "", lane: int = 0) -> None:
        self.spec = spec
        self.resource = resource
        self._lane = lane
        self.used_s = time.monotonic()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._stderr: IO[bytes] | None = None
        self._scratch = ""
        # Resident memory once the child had done its first task: 0 before.
        self._settled_bytes = 0
        self.notes = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as this object)
        self._lock = threading.Lock()
        self._reaping = threading.Lock()
        self._closed = False

    @property
    def pid(self) -> int:
        """Process id of the child, 0 if there is none."""
        return self._process.pid if self._process is not None else 0

    def run(self, tasks: Sequence[Task], emit: Emit = lambda task, event: None) -> Iterator[Outcome]:
        """Do tasks in the child, one after the other. Every task has an outcome: a dead or hanging child is in it."""
        left = list(tasks)
        with self._lock:
            while left and not self._closed:
                self.used_s = time.monotonic()
                try:
                    pipe = self._start()
                except SetupError as error:
                    if self._closed:
                        return
                    task = left.pop(0)
                    yield Outcome(task, (_cannot_start(task, error),))
                    continue
                watch = _Watch(self, emit)
                try:
                    pipe.send(left)
                    while left:
                        outcome = watch.wait(pipe, left.pop(0))
                        self._settled_bytes = self._settled_bytes or resident_bytes(self.pid)
                        yield outcome
                except (EOFError, OSError):
                    code = self._reap()
                    if self._closed:
                        return
                    yield watch.died(code)
                except _CutError as cut:
                    yield cut.outcome
                self.used_s = time.monotonic()

    def start(self) -> None:
        """Start the child now; raises `SetupError` if it can't work on this machine."""
        with self._lock:
            self._start()

    def end_child(self) -> None:
        """End the child at once; the next task gets another one."""
        self._reap()

    def close(self) -> None:
        """End the child at once, with all that it started; for good, so that a task that is going on has no outcome."""
        self._closed = True
        self._reap()

    def _has_grown(self) -> bool:
        """Whether half of the room for a task is taken by what earlier ones left behind."""
        settled, limit = self._settled_bytes, self.spec.memory_limit_bytes
        return settled > 0 and resident_bytes(self.pid) - settled > (limit - settled) / 2

    def _start(self) -> Connection:
        if self._has_grown():
            # Libraries leak; the limit must not strike a task that is not to blame.
            self._reap()
        if self._pipe is not None and self._process is not None and self._process.poll() is None:
            self._forget_stderr()
            return self._pipe
        for _ in range(_STARTS - 1):
            # Short of memory for a moment, or killed by somebody: no reason to end a run.
            with contextlib.suppress(_KilledAtStartError):
                return self._launch()
        return self._launch()

    def _launch(self) -> Connection:
        self._reap()
        ours, theirs = socket.socketpair()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the child)
        self.notes.truncate(0)
        environment = {
            **os.environ,
            **dict.fromkeys(_THREAD_VARIABLES, str(self.spec.threads)),
            **_MEMORY_VARIABLES,
            LANE_VARIABLE: str(self._lane),
            "PYTHONPATH": os.pathsep.join(self.spec.sys_path),
        }
        with theirs, self._reaping:
            if self._closed:
                ours.close()
                # Whoever closed this has ended its child already, and nobody would end another one.
                raise SetupError(
                    "A worker's child process was not started.",
                    "The build was ending.",
                    "Run the same command again: it goes on.",
                    reason="closed",
                )
            descriptors = [theirs.fileno(), self.notes.fileno()]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fimad.pipeline.run.child", *map(str, (*descriptors, os.getpid()))],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=descriptors,
                env=environment,
                start_new_session=True,
            )
        pipe = Connection(ours.detach())
        self._pipe = pipe
        hangs = False
        try:
            pipe.send((self.spec, self.resource))
            hangs = not pipe.poll(_START_S)
            if hangs:
                raise EOFError
            answer = pipe.recv()
        except (EOFError, OSError) as error:
            code = self._reap()
            raise (_KilledAtStartError if code < 0 and not hangs else SetupError)(
                f"A worker's child process could not start ({_how_it_died(code)}).",
                "A library is missing or broken on that machine. Its last words were:\n" + self.stderr_tail(),
                "Run `fimad build --workers 0` there to see the whole error.",
                reason="worker_start",
            ) from error
        if isinstance(answer, SetupError):
            self._reap()
            raise answer
        self._scratch = answer
        return pipe

    def _reap(self) -> int:
        """Kill the child and its children; returns its exit code (negative: the signal). Safe from several threads."""
        with self._reaping:
            process, self._process = self._process, None
            pipe, self._pipe = self._pipe, None
            scratch, self._scratch = self._scratch, ""
            self._settled_bytes = 0
        code = 0
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                code = process.poll() or 0
                if code == 0 and not self._closed:
                    # It closed the pipe and may be about to end by itself: its own exit code says more than our kill.
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        code = process.wait(0.2)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            end = process.wait()
            code = code or end
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
        if pipe is not None:
            pipe.close()
        return code

    def _forget_stderr(self) -> None:
        if self._stderr is not None and self._stderr.seek(0, os.SEEK_END) > _STDERR_BYTES:
            # The child shares our place in the file, so it goes on writing at the beginning.
            self._stderr.truncate(0)
            self._stderr.seek(0)

    def stderr_tail(self) -> str:
        """The last lines that the child, or a library in it, wrote to stdout or stderr."""
        if self._stderr is None:
            return ""
        end = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, end - _LOG_BYTES))
        return self._stderr.read().decode("utf-8", "replace")


class _CutError(Exception):
    """A task was cut short, and the child ended."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class _Watch:
    """Looks after a child while it does tasks."""

    def __init__(self, sandbox: Sandbox, emit: Emit) -> None:
        self.sandbox = sandbox
        self.emit = emit
        self.task: Task | None = None
        self.peak_bytes = 0
        self.began = time.monotonic()
        self._looked = self._walked = 0.0

    def wait(self, pipe: Connection, task: Task) -> Outcome:
        """The outcome of the child's next task. Raises `_CutError` after ending a child that broke a limit."""
        self.task = task
        self.began = time.monotonic()
        self.peak_bytes = 0
        while True:
            if pipe.poll(_POLL_S):
                message = pipe.recv()
                if message[0] == "outcome":
                    return self._with_peak(message[1], message[2])
                self.emit(task, message)
            if time.monotonic() - self._looked >= _POLL_S:
                self._look()

    def _with_peak(self, outcome: Outcome, peak_bytes: int) -> Outcome:
        peak = self.peak_bytes or peak_bytes
        seconds = time.monotonic() - self.began
        return replace(
            outcome, seconds=seconds, results=tuple(replace(each, peak_bytes=peak) for each in outcome.results)
        )

    def _look(self) -> None:
        spec = self.sandbox.spec
        self._looked = time.monotonic()
        walk = self._looked - self._walked >= _TREE_S
        if walk:
            self._walked = self._looked
        rss = resident_bytes(self.sandbox.pid, children=walk)
        self.peak_bytes = max(self.peak_bytes, rss)
        if rss > spec.memory_limit_bytes:
            self.sandbox.end_child()
            raise _CutError(
                self._cut(
                    "memory_limit",
                    f"The stage used {rss / 1e9:.2f} GB; the limit is {spec.memory_limit_bytes / 1e9:.2f} GB.",
                    "The video is very large, or claims to be, or a library leaks.",
                    "Raise `run.memory_limit_bytes` if the machine has more, or lower `download.max_height_px`.",
                )
            )
        if time.monotonic() - self.began > spec.deadline_s:
            self.sandbox.end_child()
            raise _CutError(
                self._cut(
                    "deadline",
                    f"The task was not done after {spec.deadline_s:.0f} s and was ended.",
                    "The video is very long, the other side drips, or a decoder hangs.",
                    "Raise `run.deadline_s` if the video is worth it, then `fimad retry --reason deadline`.",
                )
            )

    def died(self, code: int) -> Outcome:
        """The outcome of the task that the child died of, or during which somebody ended it."""
        if -code in _FROM_OUTSIDE:
            return self._cut(
                "interrupted",
                f"The process was ended from outside by {_how_it_died(code)}; its memory peaked at "
                f"{self.peak_bytes / 1e6:.0f} MB.",
                "The batch system's time limit struck, somebody killed it, or the system was out of memory.",
                "`fimad build` tries again by itself; if it is always this video, see its memory and `run.memory_limit_bytes`.",
                number=-code,
                kind="transient",
            )
        return self._cut(
            "native_crash",
            f"The process ended with {_how_it_died(code)}; its memory peaked at {self.peak_bytes / 1e6:.0f} MB.",
            "A native library (decoder, inference engine) crashed on this file, or the system ran out of memory.",
            "Play the file to see whether it is broken; after an update of the library: "
            "`fimad retry --reason native_crash`.",
            number=-code if code < 0 else 0,
        )

    def _cut(
        self, reason: str, what: str, why: str, fix: str, number: int = 0, kind: Literal["crash", "transient"] = "crash"
    ) -> Outcome:
        assert self.task is not None  # noqa: S101  (only a task can be cut)
        stages, results, lines = read_notes(self.sandbox.notes.fileno())
        ended = {result.stage for result in results}
        names = stages or tuple(name for name in self.task.stages if name not in ended)[:1] or self.task.stages[-1:]
        said = [line for line in self.sandbox.stderr_tail().splitlines() if line.strip()]
        seconds = time.monotonic() - self.began
        cut = [
            StageResult(
                name,
                "failed",
                kind=kind,
                reason=reason,
                what=f"{name}: {what}",
                why=why,
                fix=fix,
                signal=number,
                seconds=seconds / len(names),
                peak_bytes=self.peak_bytes,
                log=(*lines, *said[-_LOG_LINES:]),
            )
            for name in names
        ]
        return Outcome(self.task, (*results, *cut), seconds=seconds)


def _cannot_start(task: Task, error: SetupError) -> StageResult:
    return StageResult(
        task.stages[0], "failed", kind="fatal", reason=error.reason, what=error.what, why=error.why, fix=error.fix
    )


def resident_bytes(pid: int, *, children: bool = True) -> int:
    """Resident memory in bytes of a process, and of all that it started; 0 if it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        total: int = process.memory_info().rss
        for child in process.children(recursive=True) if children else ():
            with contextlib.suppress(psutil.Error):
                total += child.memory_info().rss
    except psutil.Error:
        return 0
    return total


def _how_it_died(code: int) -> str:
    if code < 0:
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
