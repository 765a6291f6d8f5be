"""`fimad bench` as a user types it, with the real stages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fimad.cli import app
from fimad.demo import VIDEO


def test_rates_of_this_machine_and_what_a_list_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Callable[[str], Path]
) -> None:
    for name in ("pose/detector", "pose/lite", "faster-whisper/base"):
        weights(name)
    monkeypatch.chdir(tmp_path)
    options = ["--seconds", "2", "--hours", "10", "--workers", "2", "--set", "pose.model=lite"]
    result = CliRunner().invoke(app, ["bench", str(VIDEO), *options, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads(result.stdout[result.stdout.index("{") :])
    assert {"pose", "camera", "simulate", "transcribe"} <= found["stages"].keys()
    assert all(cost > 0 for cost in found["stages"].values())
    assert found["core_s"] == pytest.approx(sum(found["stages"].values()))
    assert found["predicted_hours"] == pytest.approx(10 * found["core_s"] / 2)
    assert found["plan"]["videos"] == 1
    # Nothing is left behind, and no workspace begun.
    assert not list(tmp_path.iterdir())


def test_what_is_misspelt_is_said_before_anything_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["bench", "nothing-here.mp4"], catch_exceptions=False)
    assert result.exit_code == 2
    assert "measuring" not in result.stderr
