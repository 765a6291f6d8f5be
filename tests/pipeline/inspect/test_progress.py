"""What a run says of itself where there is no terminal."""

from __future__ import annotations

import pytest

from fimad.pipeline.inspect import progress


def test_a_video_that_takes_minutes_is_heard_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    lines = progress.Progress()
    for step in range(9):
        now = 100.0 + 20 * step
        lines.progress("long\x1b[2J", ("pose", "camera"), 0.1 * step)
    said = capsys.readouterr().err.splitlines()
    assert [line.rpartition(" ")[2] for line in said] == ["30%", "60%"]
    assert said[0].startswith("fimad: pose, camera: long")
    assert "\x1b" not in said[0]
