"""What a signal raises, and where."""

from __future__ import annotations

import signal
import sys
import weakref
from typing import Any, cast

import pytest

from fimad.pipeline.run.hooks import stopped_by_signals
from fimad.pipeline.run.runner import Runner


class _Asked:
    """A runner of which only `stop` is called."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def stop(self, reason: str) -> None:
        self.reasons.append(reason)


class _Thing:
    """Something that can be referred to weakly."""


def _raising(call: Any) -> None:
    thing = _Thing()
    kept = weakref.ref(thing, call)
    del thing
    assert kept() is None


def test_an_interrupt_that_nobody_can_catch_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C within a weak reference's callback (logging has them) ended with "Exception ignored in" and a traceback."""
    told: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(what.exc_type))
    hook = sys.unraisablehook
    runner = _Asked()
    with stopped_by_signals(cast(Runner, runner), raise_at_once=True):
        _raising(lambda _: signal.raise_signal(signal.SIGINT))
        # What else goes wrong there is told as before.
        _raising(lambda _: 1 / 0)
    assert (runner.reasons, told) == (["interrupted"], [ZeroDivisionError])
    assert sys.unraisablehook is hook


def test_an_interrupt_elsewhere_is_raised() -> None:
    runner = _Asked()
    with pytest.raises(KeyboardInterrupt), stopped_by_signals(cast(Runner, runner), raise_at_once=True):
        signal.raise_signal(signal.SIGINT)
    assert runner.reasons == ["interrupted"]
