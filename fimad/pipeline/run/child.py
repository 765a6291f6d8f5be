"""The child process of a sandbox: gets a specification, then tasks; ends when its supervisor does.

    python -m fimad.pipeline.run.child PIPE NOTES PARENT

What it is doing stands in its notes, a small file that both processes have open: writing them costs microseconds and
wakes nobody, and they outlive the process. Over the pipe go outcomes, and progress now and then.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import shutil
import signal
import sys
import threading
import time
from collections import deque
from multiprocessing.connection import Connection
from typing import Any

from fimad import libraries
from fimad.errors import SetupError
from fimad.pipeline.task import RunSpec, StageResult

# The child ends itself so long after its deadline, should nobody be left to do it.
_GRACE_S = 30.0
_PROGRESS_S = 0.5
_REMOVALS = 3
_LOG_LINES = 40


class _Notes:
    """Keeps the notes: the stages that are being worked on, the results so far, and the last log lines."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.stages: tuple[str, ...] = ()
        self.results: list[StageResult] = []
        self.lines: deque[str] = deque(maxlen=_LOG_LINES)

    def clear(self) -> None:
        self.stages = ()
        self.results = []
        self.lines.clear()
        self.write()

    def write(self) -> None:
        data = pickle.dumps((self.stages, self.results, list(self.lines)))
        os.pwrite(self._descriptor, len(data).to_bytes(8, "big") + data, 0)


def read_notes(descriptor: int) -> tuple[tuple[str, ...], list[StageResult], list[str]]:
    """What a dead child's notes say: stages that were being worked on, results so far, the last log lines."""
    size = int.from_bytes(os.pread(descriptor, 8, 0), "big")
    data = os.pread(descriptor, size, 8)
    try:
        # Written by our own child into a file without a name.
        stages, results, lines = pickle.loads(data)  # noqa: S301
    except (EOFError, pickle.UnpicklingError, ValueError):
        # It died while it wrote them.
        return (), [], []
    return stages, results, lines


def main(pipe_descriptor: int, notes_descriptor: int, parent: int) -> None:
    """Work until the pipe closes, or the process `parent` is gone."""
    pipe = Connection(pipe_descriptor)
    notes = _Notes(notes_descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    spec: RunSpec
    spec, resource = pipe.recv()
    said = 0.0

    def emit(event: tuple[Any, ...]) -> None:
        nonlocal said
        if event[0] == "progress":
            if time.monotonic() - said > _PROGRESS_S:
                said = time.monotonic()
                pipe.send(event)
            return
        if event[0] == "begin":
            notes.stages = event[1]
            notes.lines.clear()
        elif event[0] == "result":
            notes.stages = tuple(name for name in notes.stages if name != event[1].stage)
            notes.results.append(event[1])
            return
        else:
            notes.lines.append(event[1])
        notes.write()

    scratch: list[str] = []
    _follow_parent(parent, scratch)
    try:
        from fimad.pipeline.run.lane import Lane

        lane = Lane(spec, emit)
        lane.check_place()
        if spec.check:
            lane.check()
    except SetupError as error:
        pipe.send(error)
        return
    except (ImportError, OSError) as error:
        library = libraries.explain(error, ("build",))
        if library is None:
            raise
        pipe.send(library)
        return
    scratch.append(str(lane.workspace.store.scratch_root()))
    try:
        pipe.send(scratch[0])
        if resource:
            threading.Thread(target=lane.warm_up, args=(resource,), daemon=True, name="warm-up").start()
        while True:
            for task in pipe.recv():
                notes.clear()
                # A C thread: it ends even a process whose interpreter is stuck in native code, with nobody left to kill it.
                faulthandler.dump_traceback_later(spec.deadline_s + _GRACE_S, exit=True)
                outcome = lane.run(task)
                faulthandler.cancel_dump_traceback_later()
                pipe.send(("outcome", outcome, _peak_bytes()))
    except (EOFError, OSError):
        # The supervisor is gone.
        pass
    finally:
        lane.close()


def _peak_bytes() -> int:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _follow_parent(parent: int, scratch: list[str]) -> None:
    """End this process, and what it started, as soon as its parent is gone, whatever it is doing.

    Its `scratch` folders go with it: the run that comes after may have looked for stale ones already. Who the parent is has
    to be told: by now it may be gone, and somebody else be in its place.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        for _ in range(_REMOVALS):
            # Other threads go on meanwhile, and may write one more file where one was removed.
            for folder in scratch:
                shutil.rmtree(folder, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="follow-parent").start()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
