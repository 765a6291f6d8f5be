"""A child process that does the work, and its supervisor: deadline, memory limit, and crashes that cost one item.

The supervisor lives in a Dask worker and loads nothing heavy. The child is started with `python -m
fimad.pipeline.sandbox`, not by multiprocessing: Dask's workers are daemons, which may not have such children, and nothing
of the parent's memory is wanted. They talk through a socket pair that no other process can reach.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import IO, Any

from fimad.errors import SetupError
from fimad.pipeline.task import Outcome, RunSpec, StageResult, Task

# How often the child's memory is looked at (with its own children's: now and then, that costs more), and how long it may
# take to import its libraries.
_POLL_S = 0.25
_TREE_S = 2.0
_START_S = 180.0
# The child ends itself so long after its deadline, should nobody be left to do it.
_GRACE_S = 30.0
_LOG_BYTES = 4000
_LOG_LINES = 40
# What libraries write to stderr is thrown away between tasks once there is so much of it.
_STDERR_BYTES = 1_000_000
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

Emit = Callable[[tuple[Any, ...]], None]


class Sandbox:
    """One child process, started when there is something to do, and again after it died.

    Parameters
    ----------
    spec : what the child is to know; its limits are enforced here.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.used_s = time.monotonic()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._stderr: IO[bytes] | None = None
        self._scratch = ""
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Process id of the child, 0 if there is none."""
        return self._process.pid if self._process is not None else 0

    def run(self, task: Task, emit: Emit = lambda event: None) -> Outcome:
        """Do a task in the child. Always returns: a dead or hanging child is in the results."""
        with self._lock:
            self.used_s = time.monotonic()
            try:
                pipe = self._start()
            except SetupError as error:
                result = StageResult(
                    task.stages[0],
                    "failed",
                    kind="fatal",
                    reason=error.reason,
                    what=error.what,
                    why=error.why,
                    fix=error.fix,
                )
                return Outcome(task, (result,))
            watch = _Watch(self, task, emit)
            try:
                pipe.send(task)
                return watch.wait(pipe)
            except (EOFError, OSError):
                return watch.died(self._reap())
            finally:
                self.used_s = time.monotonic()

    def start(self) -> None:
        """Start the child now; raises `SetupError` if it can't work on this machine."""
        with self._lock:
            self._start()

    def close(self) -> None:
        """End the child at once, with all that it started."""
        self._reap()

    def _start(self) -> Connection:
        if self._pipe is not None and self._process is not None and self._process.poll() is None:
            self._forget_stderr()
            return self._pipe
        self._reap()
        ours, theirs = socket.socketpair()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the child)
        environment = {
            **os.environ,
            **dict.fromkeys(_THREAD_VARIABLES, str(self.spec.threads)),
            "PYTHONPATH": os.pathsep.join(self.spec.sys_path),
        }
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fimad.pipeline.sandbox", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=[theirs.fileno()],
                env=environment,
                start_new_session=True,
            )
        pipe = Connection(ours.detach())
        self._pipe = pipe
        try:
            pipe.send(self.spec)
            if not pipe.poll(_START_S):
                raise EOFError
            answer = pipe.recv()
        except (EOFError, OSError) as error:
            code = self._reap()
            raise SetupError(
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
        """Kill the child and its children; returns its exit code (negative: the signal)."""
        code = 0
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                code = self._process.poll() or 0
                if code == 0:
                    # It closed the pipe and may be about to end by itself: its own exit code says more than our kill.
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        code = self._process.wait(0.2)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            end = self._process.wait()
            code = code or end
            self._process = None
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = ""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
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


class _Watch:
    """Looks after one task."""

    def __init__(self, sandbox: Sandbox, task: Task, emit: Emit) -> None:
        self.sandbox = sandbox
        self.task = task
        self.emit = emit
        self.results: list[StageResult] = []
        self.current: tuple[str, ...] = ()
        self.lines: deque[str] = deque(maxlen=_LOG_LINES)
        self.peak_bytes = 0
        self.began = time.monotonic()
        self.stage_began = self.began

    def wait(self, pipe: Connection) -> Outcome:
        spec = self.sandbox.spec
        looked = walked = 0.0
        while True:
            for message in pipe.recv() if pipe.poll(_POLL_S) else ():
                outcome = self._hear(message)
                if outcome is not None:
                    return outcome
            now = time.monotonic()
            if now - looked < _POLL_S:
                continue
            looked = now
            tree = now - walked >= _TREE_S
            walked = now if tree else walked
            rss = resident_bytes(self.sandbox.pid, children=tree)
            self.peak_bytes = max(self.peak_bytes, rss)
            if rss > spec.memory_limit_bytes:
                self.sandbox.close()
                return self._cut(
                    "memory_limit",
                    f"The stage used {rss / 1e9:.2f} GB; the limit is {spec.memory_limit_bytes / 1e9:.2f} GB.",
                    "The video is very large, or claims to be, or a library leaks.",
                    "Raise `run.memory_limit_bytes` if the machine has more, or lower `download.max_height_px`.",
                )
            if time.monotonic() - self.began > spec.deadline_s:
                self.sandbox.close()
                return self._cut(
                    "deadline",
                    f"The task was not done after {spec.deadline_s:.0f} s and was ended.",
                    "The video is very long, the other side drips, or a decoder hangs.",
                    "Raise `run.deadline_s` if the video is worth it, then `fimad retry --reason deadline`.",
                )

    def _hear(self, message: tuple[Any, ...]) -> Outcome | None:
        kind = message[0]
        if kind == "begin":
            self.current = message[1]
            self.lines.clear()
            self.stage_began = time.monotonic()
        elif kind == "result":
            self.current = tuple(name for name in self.current if name != message[1].stage)
            self.results.append(message[1])
        elif kind == "log":
            self.lines.append(message[1])
        elif kind == "outcome":
            outcome: Outcome = message[1]
            peak = self.peak_bytes or message[2]
            return replace(outcome, results=tuple(replace(each, peak_bytes=peak) for each in outcome.results))
        self.emit(message)
        return None

    def died(self, code: int) -> Outcome:
        return self._cut(
            "native_crash",
            f"The process ended with {_how_it_died(code)}; its memory peaked at {self.peak_bytes / 1e6:.0f} MB.",
            "A native library (decoder, inference engine) crashed on this file, or the system ran out of memory.",
            "Play the file to see whether it is broken; after an update of the library: "
            "`fimad retry --reason native_crash`.",
            number=-code if code < 0 else 0,
        )

    def _cut(self, reason: str, what: str, why: str, fix: str, number: int = 0) -> Outcome:
        names = self.current or (next(iter(self._not_begun()), self.task.stages[-1]),)
        said = [line for line in self.sandbox.stderr_tail().splitlines() if line.strip()]
        log = (*self.lines, *said[-_LOG_LINES:])
        seconds = (time.monotonic() - self.stage_began) / len(names)
        for name in names:
            self.results.append(
                StageResult(
                    name,
                    "failed",
                    kind="crash",
                    reason=reason,
                    what=f"{name}: {what}",
                    why=why,
                    fix=fix,
                    signal=number,
                    seconds=seconds,
                    peak_bytes=self.peak_bytes,
                    log=log,
                )
            )
        return Outcome(self.task, tuple(self.results))

    def _not_begun(self) -> list[str]:
        ended = {result.stage for result in self.results}
        return [name for name in self.task.stages if name not in ended]


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


def main(descriptor: int) -> None:
    """The child: gets a specification, then tasks; ends when the pipe closes."""
    pipe = Connection(descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    spec: RunSpec = pipe.recv()
    sending = threading.Lock()

    held: list[tuple[Any, ...]] = []

    def send(message: Any) -> None:
        with sending:
            pipe.send(message)

    def emit(event: tuple[Any, ...]) -> None:
        # A result is heard of with what comes next, which is before anything else can go wrong.
        held.append(event)
        if event[0] != "result":
            send(held)
            held.clear()

    _follow_parent()
    try:
        from fimad.pipeline.lane import Lane

        lane = Lane(spec, emit)
        if spec.check:
            lane.check()
    except SetupError as error:
        send(error)
        return
    send(str(lane.workspace.store.scratch_root()))
    try:
        while True:
            task = pipe.recv()
            # A C thread: it ends even a process whose interpreter is stuck in native code, with nobody left to kill it.
            faulthandler.dump_traceback_later(spec.deadline_s + _GRACE_S, exit=True)
            outcome = lane.run(task)
            faulthandler.cancel_dump_traceback_later()
            held.clear()
            send([("outcome", outcome, _peak_bytes())])
    except (EOFError, OSError):
        # The supervisor is gone.
        pass
    finally:
        lane.close()


def _peak_bytes() -> int:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _follow_parent() -> None:
    """End this process, and what it started, as soon as its parent is gone, whatever it is doing."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="follow-parent").start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
