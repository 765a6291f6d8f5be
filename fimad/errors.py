"""The errors that fimad raises on purpose.

Every message has three parts: what happened (with the values), why it usually happens, and what to do next. The class
says what the runner makes of it: `Filtered` items were processed and left out, the other kinds are failures, and only a
`TransientError` is worth trying again without a human.
"""

from __future__ import annotations

from dataclasses import dataclass


class FimadError(Exception):
    """An error with a cause and a remedy.

    Parameters
    ----------
    what : what happened, with the values.
    why : why it usually happens.
    fix : what to type or change next.
    reason : a short machine-readable word (``snake_case``) that `fimad status` groups by.
    """

    default_reason = "error"

    def __init__(self, what: str, why: str = "", fix: str = "", *, reason: str | None = None) -> None:
        super().__init__(what, why, fix)
        self.what = what
        self.why = why
        self.fix = fix
        self.reason = reason or self.default_reason

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"Why: {self.why}")
        if self.fix:
            parts.append(f"Next: {self.fix}")
        return "\n".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        # The default would lose the keyword-only reason on its way between processes.
        return _rebuild, (type(self), self.what, self.why, self.fix, self.reason)


def _rebuild(kind: type[FimadError], what: str, why: str, fix: str, reason: str) -> FimadError:
    return kind(what, why, fix, reason=reason)


class ConfigError(FimadError):
    """The configuration or the command line asks for something that can't be."""

    default_reason = "config"


class SetupError(FimadError):
    """This machine or cluster lacks something a run needs: weights, programs, workers, room on the disk, write access."""

    default_reason = "setup"


class DatasetError(FimadError):
    """A packed dataset is missing, damaged or not what the caller expects."""

    default_reason = "dataset"


class PermanentError(FimadError):
    """An item that will fail again however often it is tried: private, removed, corrupt, unsupported."""

    default_reason = "permanent"


class DamagedArtifactError(PermanentError):
    """An artifact whose bytes are not what was published. It is made again, not mended."""

    default_reason = "damaged_artifact"


class TransientError(FimadError):
    """An item that may well work later: network, 429, 5xx, a lost worker.

    `retry_after_s` is the wait the other side asked for, if it did.
    """

    default_reason = "transient"

    def __init__(
        self, what: str, why: str = "", fix: str = "", *, reason: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(what, why, fix, reason=reason)
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_transient, (self.what, self.why, self.fix, self.reason, self.retry_after_s)


def _rebuild_transient(what: str, why: str, fix: str, reason: str, retry_after_s: float | None) -> TransientError:
    return TransientError(what, why, fix, reason=reason, retry_after_s=retry_after_s)


class Filtered(FimadError):
    """An item that was processed and is left out for a stated reason. It is not retried."""

    default_reason = "filtered"


# Reason of a stage that the user agreed to do without.
LEFT_OUT = "left_out"


@dataclass(frozen=True)
class Unavailable:
    """Why a stage can't run at all on this machine (weights that can't be had), said once, up front."""

    reason: str
    what: str
    fix: str

    @property
    def agreed(self) -> bool:
        """Whether the user asked for a run without it."""
        return self.reason == LEFT_OUT
