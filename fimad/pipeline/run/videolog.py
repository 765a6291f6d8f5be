"""A log for one video: its last lines go into the record of a failure, and each is told at once."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

Emit = Callable[[tuple[Any, ...]], None]


class _Tail(logging.Handler):
    def __init__(self, lines: deque[str], emit: Emit) -> None:
        super().__init__()
        self.lines = lines
        self.tell = emit

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.levelname.lower()}: {record.getMessage()}"[:2000]
        self.lines.append(line)
        # At once, because a crash leaves no time for it.
        self.tell(("log", line))


def video_log(video_id: str, lines: deque[str], emit: Emit) -> logging.Logger:
    """A logger whose messages are kept in `lines`, and told to `emit` as ``("log", line)``."""
    # Not registered with the logging module: one logger a video would never be freed.
    log = logging.Logger(f"fimad.video.{video_id}", logging.INFO)
    log.addHandler(_Tail(lines, emit))
    return log
