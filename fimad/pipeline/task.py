"""What travels between driver, worker and child process: small, picklable, and without a heavy import.

A Dask worker only supervises child processes; it must not load NumPy's friends, so nothing here imports them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Literal

# How one stage of one video ended. `skipped` means that an upstream stage of the same task did not get done;
# `no_media` that the media file is not there any more and has to be downloaded again; `gone` that its artifact, which is
# read by others, was missing, damaged or made from other media, and has to be made again.
End = Literal["done", "filtered", "failed", "skipped", "no_media", "gone"]
# What to make of a failure: try again, record, try again in a fresh process with each stage by itself, or stop the run.
Kind = Literal["transient", "permanent", "crash", "fatal"]


@dataclass(frozen=True)
class RunSpec:
    """What every process of a run needs to know: sent once to each child process.

    Parameters
    ----------
    workspace : address of the workspace, absolute if it is local.
    config_json : the whole configuration.
    stages : import paths ``module:Class`` of the stages, upstream first.
    keys : the key of each stage that can run.
    sys_path : the driver's import path, so that stages from a test or a notebook's folder are found.
    threads : native threads of a child process.
    deadline_s, memory_limit_bytes : hard limits of one task.
    warm : stages that have videos to do: their models are loaded while the first task is on its way.
    proof : name and content of a file that the driver wrote into the workspace: every child process has to read it.
    check : a child process first makes sure that its machine gives the same keys and can write the workspace.
    """

    workspace: str
    config_json: str
    stages: tuple[str, ...]
    keys: dict[str, str]
    sys_path: tuple[str, ...] = ()
    threads: int = 1
    deadline_s: float = 3600.0
    memory_limit_bytes: int = 6 * 1024**3
    warm: tuple[str, ...] = ()
    proof: tuple[str, str] | tuple[()] = ()
    check: bool = False

    @property
    def spec_id(self) -> str:
        """A name for this specification: child processes are kept per name."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Task:
    """One video through a run of stages of one resource.

    Parameters
    ----------
    solo : run frame stages one by one instead of in a shared pass, to find the one that crashes.
    recheck : look first whether a stage's artifact is there, because an earlier try may have published it.
    force : do the stages although their artifacts exist (media that was deleted is downloaded again).
    made : with `download`: stages that were done before, and that have to be made again if the media is another one now.
    split : if the video has several parts (`parts`), leave them alone, and say how many they are.
    job, payload : packing's work instead of a video's (`packjobs`): its kind, and what to do, as JSON.
    part : do this one of them, and publish it as a part; None for the whole video.
    given, fingerprint : the video's.
    """

    video_id: str
    kind: str
    location: str
    stages: tuple[str, ...]
    resource: str
    solo: bool = False
    recheck: bool = False
    force: bool = False
    made: tuple[str, ...] = ()
    split: bool = False
    part: int | None = None
    given: str = ""
    fingerprint: str = ""
    job: str = ""
    payload: str = ""

    @property
    def name(self) -> tuple[str, int | None]:
        """What no other task has at the same time."""
        return self.video_id, self.part


@dataclass(frozen=True)
class StageResult:
    """How one stage of one video ended, and what it took."""

    stage: str
    end: End
    seconds: float = 0.0
    kind: Kind = "permanent"
    reason: str = ""
    what: str = ""
    why: str = ""
    fix: str = ""
    retry_after_s: float | None = None
    signal: int = 0
    peak_bytes: int = 0
    out_bytes: int = 0
    requests: int = 0
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a task in `seconds`: a result for each stage that was begun or skipped."""

    task: Task
    results: tuple[StageResult, ...]
    worker: str = ""
    media_s: float = 0.0
    seconds: float = 0.0
    lost: str = field(default="")
    """Why there are no results at all: the worker that had the task is gone."""
    begun: bool = True
    """Whether a lost task was being worked on; one that waited is not to blame."""
    alone: bool = True
    """Whether no other task was lost with it; of several nobody knows which took the worker down."""
    parts: int = 0
    """How many parts the video has, if they were left to be done apart."""
    answer: str = ""
    """What became of a job, as JSON."""
