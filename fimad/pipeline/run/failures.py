"""What an exception in a stage means for the item and for the run, and the log lines that go with it."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from fimad import libraries
from fimad.errors import Filtered, FimadError, SetupError, TransientError
from fimad.pipeline.acquire.addresses import redacted
from fimad.pipeline.task import StageResult
from fimad.storage import atomic

# A disk with less room than this is full, whatever a library made of the error.
_FULL_BYTES = 256 * 1024

# What a machine, a network or a network file system is short of for a while; another try, or another machine, may have it.
_TRANSIENT = frozenset(
    getattr(errno, name)
    for name in (
        *("EAGAIN", "EBUSY", "EINTR", "EIO", "EMFILE", "ENFILE", "ENOBUFS", "ENOLCK", "ENOMEM", "EREMOTEIO", "ESTALE"),
        *("ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETRESET"),
        *("ENETUNREACH", "ENOTCONN", "EPIPE", "ESHUTDOWN", "ETIMEDOUT"),
    )
    if hasattr(errno, name)
)

Emit = Callable[[tuple[Any, ...]], None]


class NoMediaError(Exception):
    """The media file that `download` published is gone, or another one is in its place."""


class GoneError(Exception):
    """Artifacts that a stage reads have to be made again: they are missing, damaged, or made from other media.

    Parameters
    ----------
    stages : whose artifacts.
    """

    def __init__(self, stages: list[str], reason: str, what: str) -> None:
        super().__init__(what)
        self.stages = stages
        self.reason = reason
        self.what = what


def describe_failure(stage: str, error: Exception, scratch: str, requires: Iterable[str] = ()) -> StageResult:
    """What an exception means for the item: filtered, failed for good, worth another try, or the end of the run.

    `requires` are the modules that the stage says it needs. Addresses in it hold no secrets.
    """
    found = _describe(stage, error, scratch, requires)
    return replace(found, what=redacted(found.what), why=redacted(found.why), fix=redacted(found.fix))


def _describe(stage: str, error: Exception, scratch: str, requires: Iterable[str]) -> StageResult:
    if isinstance(error, NoMediaError):
        return StageResult(stage, "no_media", reason="no_media", what=f"The media file {error} is gone.")
    if isinstance(error, Filtered):
        return StageResult(stage, "filtered", reason=error.reason, what=error.what, why=error.why, fix=error.fix)
    storage = atomic.find_storage_error(error, scratch)
    if storage is None and _disk_is_full(scratch):
        storage = atomic.storage_error(OSError(28, "No space left on device"), scratch)
    if storage is not None:
        return _failed(stage, storage, "fatal")
    library = libraries.explain(error, libraries.extras_of(requires))
    if library is not None:
        # This machine lacks something, whatever the video: the run ends, and no video is blamed.
        return _failed(stage, library, "fatal")
    if isinstance(error, TransientError):
        return replace(_failed(stage, error, "transient"), retry_after_s=error.retry_after_s)
    if isinstance(error, FimadError):
        return _failed(stage, error, "fatal" if isinstance(error, SetupError) else "permanent")
    if isinstance(error, MemoryError):
        return StageResult(
            stage,
            "failed",
            reason="out_of_memory",
            what=f"{stage} ran out of memory.",
            why="The video is very long or very large.",
            fix="Lower `download.max_height_px` or `segment.max_clip_s`, or use a machine with more memory.",
        )
    number = _transient_errno(error)
    if number is not None:
        return StageResult(
            stage,
            "failed",
            kind="transient",
            reason=f"os_{errno.errorcode.get(number, str(number)).lower()}",
            what=f"{stage}: {type(error).__name__}: {error}",
            why="The machine or its network file system was short of something for a moment, or broken: "
            f"{os.strerror(number)}.",
            fix="Run the command again; if it comes back, look at the machine (`dmesg`, `ulimit -n`, free memory).",
        )
    if isinstance(error, ConnectionError | TimeoutError):
        return StageResult(
            stage,
            "failed",
            kind="transient",
            reason="network",
            what=f"{stage}: {type(error).__name__}: {error}",
            why="The network or the other side is down.",
            fix="Run the command again later.",
        )
    return StageResult(
        stage,
        "failed",
        reason="unexpected",
        what=f"{stage}: {type(error).__name__}: {error}",
        why="The file is something that this stage's libraries do not expect, or fimad has a defect.",
        fix="`fimad why VIDEO` shows the log. If the file plays elsewhere, please report it.",
    )


def _transient_errno(error: BaseException) -> int | None:
    """The error number that says "not the item's fault", of an exception or of one behind it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        # PyAV's errors carry FFmpeg's numbers: an "I/O error" there is a damaged file.
        of_media = type(current).__module__.partition(".")[0] == "av"
        if isinstance(current, OSError) and current.errno in _TRANSIENT and not of_media:
            return current.errno
        current = current.__cause__ or current.__context__
    return None


def _failed(stage: str, error: FimadError, kind: Any) -> StageResult:
    return StageResult(stage, "failed", kind=kind, reason=error.reason, what=error.what, why=error.why, fix=error.fix)


def _disk_is_full(scratch: str) -> bool:
    try:
        return shutil.disk_usage(scratch).free < _FULL_BYTES
    except OSError:
        return False


class _Tail(logging.Handler):
    def __init__(self, lines: deque[str], emit: Emit) -> None:
        super().__init__()
        self.lines = lines
        self.tell = emit

    def emit(self, record: logging.LogRecord) -> None:
        line = redacted(f"{record.levelname.lower()}: {record.getMessage()}")[:2000]
        self.lines.append(line)
        # At once, because a crash leaves no time for it.
        self.tell(("log", line))


def video_log(video_id: str, lines: deque[str], emit: Emit) -> logging.Logger:
    """A logger whose messages are kept in `lines`, and told to `emit` as ``("log", line)``."""
    # Not registered with the logging module: one logger a video would never be freed.
    log = logging.Logger(f"fimad.video.{video_id}", logging.INFO)
    log.addHandler(_Tail(lines, emit))
    return log
