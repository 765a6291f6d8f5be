"""Runs tasks in this process: one video through a run of stages, each artifact published as soon as it is made.

A lane lives in a child process (`sandbox`), or in the driver with ``--workers 0``. Its stages load their models once.
"""

from __future__ import annotations

import logging
import os
import platform
import shutil
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from fimad.config import Config
from fimad.errors import SetupError
from fimad.pipeline.contract import FrameStage, Stage
from fimad.pipeline.media.probe import sha256_of
from fimad.pipeline.run.failures import Emit
from fimad.pipeline.run.taskrun import TaskRun
from fimad.pipeline.stages.registry import load_stage, plan_stages
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Outcome, RunSpec, Task

_LOG = logging.getLogger(__name__)
_WARM_SWITCH_S = 0.0005


class Lane:
    """The stages of a run, ready to work.

    Parameters
    ----------
    spec : what to run, and where.
    emit : gets ``("begin", stages)``, ``("result", StageResult)``, ``("progress", stages, share)`` and ``("log", line)``
        while a task runs.
    """

    def __init__(self, spec: RunSpec, emit: Emit = lambda event: None) -> None:
        self.spec = spec
        self.emit = emit
        self.config = Config.model_validate_json(spec.config_json)
        self.workspace = Workspace(spec.workspace, self.config.run.scratch)
        self._stages: dict[str, Stage] = {}
        self._ready: set[str] = set()
        self._limits: list[Any] = []
        self._hashed: tuple[object, str] = (None, "")
        self._media: tuple[tuple[str, str], Path] | None = None
        # One a stage, so that a task waits for no stage but its own.
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        for path in spec.stages:
            stage = load_stage(path, self.config)
            self._stages[stage.name] = stage

    def check_place(self) -> None:
        """Raise `SetupError` unless this process reads what the driver wrote: a folder of the same name is not enough."""
        try:
            found = not self.spec.proof or self.workspace.store.read(self.spec.proof[0]).decode() == self.spec.proof[1]
        except FileNotFoundError:
            found = False
        if not found:
            raise SetupError(
                f"On {platform.node()} the workspace {self.spec.workspace!r} is not the driver's: what the driver wrote "
                "into it is not there.",
                "A folder of this name exists on that machine, but it is a private one: a local disk, a tmpfs, or a share "
                "that is not mounted.",
                "Put the workspace on a file system that all machines share, or on an object store, and name it with "
                "`--workspace`.",
                reason="not_shared",
            )

    def check(self) -> None:
        """Raise `SetupError` unless this machine gives the stages the driver's keys, and can run them."""
        from fimad import __version__

        here = plan_stages(self.config, self.spec.stages)
        for name, key in self.spec.keys.items():
            if name in here.unavailable:
                why = here.unavailable[name]
                raise SetupError(
                    f"Stage {name} can't run on {platform.node()}: {why.what}",
                    "The driver has what the stage needs, this worker's machine has not.",
                    f"On that machine: {why.fix}",
                    reason="worker_lacks",
                )
            if here.keys.get(name) != key:
                raise SetupError(
                    f"Stage {name} has key {here.keys.get(name)} on {platform.node()} and {key} on the driver.",
                    f"The versions of fimad differ (there: {__version__}), or the models' files do.",
                    "Install the same version of fimad and the same weights on all machines (`fimad models verify`).",
                    reason="worker_differs",
                )
        self.workspace.store.check_writable()

    def close(self) -> None:
        """Free the stages' models and this process's temporary files."""
        for name in self._ready:
            self._stages[name].close()
        self._ready.clear()
        for limits in reversed(self._limits):
            limits.restore_original_limits()
        self._limits.clear()
        self.workspace.close()

    def scratch(self) -> Path:
        """An empty folder for the next task."""
        folder = self.workspace.store.scratch_root() / "task"
        if folder.is_dir():
            if not os.listdir(folder):
                return folder
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        return folder

    def run(self, task: Task) -> Outcome:
        """Do a task. Never raises for an item's sake: what goes wrong is in the results."""
        if task.job:
            from fimad.pipeline.run.packjobs import do_job

            return do_job(self.workspace, self.config, self.spec.keys, task)
        run = TaskRun(self, task)
        try:
            run.go()
        finally:
            run.close()
        return run.outcome

    def media(self, video_id: str, media: str) -> Path:
        """A local path of a video's media. What comes from a store is kept until another video's is wanted, for its parts.

        Raises `FileNotFoundError` if it is gone.
        """
        if self._media is not None and self._media[0] == (video_id, media) and self._media[1].is_file():
            return self._media[1]
        folder = self.workspace.store.scratch_root() / "media"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = self.workspace.media(self.spec.keys["download"], video_id, media, folder)
        self._media = (video_id, media), path
        return path

    def sha256(self, path: Path) -> str:
        """SHA-256 of a media file; the last one is remembered, for the parts of a long video."""
        about = path.stat()
        known = (str(path), about.st_size, about.st_mtime_ns, about.st_ino)
        if self._hashed[0] != known:
            self._hashed = known, sha256_of(path)
        return self._hashed[1]

    def stage(self, name: str) -> Stage:
        """A stage with its models loaded."""
        stage = self._stages[name]
        with self._loading[name]:
            if name not in self._ready:
                stage.setup()
                self._ready.add(name)
                self._pin_threads(stage)
        return stage

    def warm_up(self, resource: str) -> None:
        """Load the models of stages that have work to do, for another thread to find them ready."""
        before = sys.getswitchinterval()
        # Imports hold the interpreter; a task that is on meanwhile must get its turn between two calls of native code.
        sys.setswitchinterval(_WARM_SWITCH_S)
        try:
            for name in self.spec.warm:
                if name in self._stages and self._stages[name].resource == resource:
                    self.stage(name)
        except Exception:  # noqa: BLE001  (the task that needs the stage meets the same, and says so)
            _LOG.debug("a stage could not be loaded ahead", exc_info=True)
        finally:
            sys.setswitchinterval(before)

    def _pin_threads(self, stage: Stage) -> None:
        """Give libraries that are loaded by now the configured threads: with more, sums come out in another order.

        A child process gets the same from its environment; with ``--workers 0`` it is too late for that. OpenCV has
        threads of its own, which no variable tells.
        """
        from threadpoolctl import threadpool_limits

        self._limits.append(threadpool_limits(self.spec.threads))
        if isinstance(stage, FrameStage):
            import cv2

            cv2.setNumThreads(self.spec.threads)

    def plain(self, name: str) -> Stage:
        """A stage, whether its models are loaded or not."""
        return self._stages[name]
