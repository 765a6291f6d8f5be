"""`fimad doctor` says what is there, what is missing, and what to type."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fimad import libraries
from fimad.cli import app


def doctor(*arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    return done.exit_code, {line["name"]: line for line in json.loads(done.stdout)["lines"]}


def test_a_complete_machine(tmp_path: Path) -> None:
    code, lines = doctor("--workspace", str(tmp_path / "ws"))
    assert code == 0, [line for line in lines.values() if line["state"] == "error"]
    assert {"Python", "codecs", "yt-dlp", "JavaScript runtime", "memory", "workspace", "disk"} <= lines.keys()
    assert lines["workspace"]["state"] == "ok"
    assert not list(tmp_path.iterdir())
    shown = CliRunner().invoke(app, ["doctor", "--workspace", str(tmp_path)])
    assert "stage pose" in shown.stdout


def test_what_is_missing_is_an_error_with_the_line_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = libraries.find_spec
    monkeypatch.setattr(libraries, "find_spec", lambda name: None if name == "av" else real(name))
    code, lines = doctor("--workspace", str(tmp_path))
    assert code == 3
    assert lines["stage download"]["state"] == "error"
    assert "pip install" in lines["stage download"]["fix"]


def test_weights_that_a_build_would_fetch_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIMAD_MODELS", str(tmp_path / "none"))
    code, lines = doctor("--workspace", str(tmp_path))
    assert code == 0
    assert lines["stage pose"]["state"] == "warning"
    assert "fimad models fetch" in lines["stage pose"]["fix"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[socket.socket]:
    """Something that listens where CLIP's weights are asked for; none of them is on this machine."""
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr("urllib.request.getproxies", dict)
        monkeypatch.setenv("FIMAD_MODELS", str(tmp_path / "none"))
        yield server


def test_whether_clip_can_be_had(tmp_path: Path, hub: socket.socket) -> None:
    pytest.importorskip("open_clip")
    reached = doctor("--workspace", str(tmp_path))[1]["CLIP"]
    assert (reached["state"], "can be reached" in reached["what"]) == ("ok", True)
    hub.close()
    code, lines = doctor("--workspace", str(tmp_path))
    assert code == 0
    assert (lines["CLIP"]["state"], "can't be reached" in lines["CLIP"]["what"]) == ("warning", True)
    assert "--without embed" in lines["CLIP"]["fix"]
    own = tmp_path / "own.safetensors"
    own.write_bytes(b"")
    assert "your own" in doctor("--set", f"embed.pretrained={own}")[1]["CLIP"]["what"]
    assert "CLIP" not in doctor("--set", 'run.without=["embed"]')[1]


def test_a_workspace_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, lines = doctor("--workspace", str(tmp_path / "file"))
    assert code == 3
    assert lines["workspace"]["state"] == "error"
