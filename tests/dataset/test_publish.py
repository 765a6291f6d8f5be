"""Publishing to a folder, and to a loopback imitation of the hub's API: dry run first, resumable, takedowns at once."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from synthetic import SyntheticSource, small_config
from typer.testing import CliRunner

import fimad
from fimad.cli import app
from fimad.dataset.packing.pack import pack
from fimad.dataset.packing.remove import remove
from fimad.dataset.publish import publish
from fimad.dataset.verify import verify
from fimad.errors import ConfigError, DatasetError, SetupError
from fimad.storage.store import open_store

pytest.importorskip("huggingface_hub")
REPOSITORY = "somebody/squats"
TARGET = f"hf://datasets/{REPOSITORY}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = small_config(("left_wrist",), shard_bytes=60_000)
    pack(SyntheticSource(6, config, clip_s=2.0), config, open_store(str(tmp_path / "dataset")))
    return tmp_path / "dataset"


class Hub(http.server.ThreadingHTTPServer):
    """What the hub answers to a publication: repositories, trees, large files, commits, squashing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.files: dict[str, bytes] | None = None
        self.objects: dict[str, bytes] = {}
        self.commits: list[list[str]] = []
        self.squashed = 0
        self.break_at = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        if self.server.files is None:
            self._say({"error": "no"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif "/tree/" in self.path:
            entries = []
            for name, data in self.server.files.items():
                blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324  (Git's)
                entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": blob}
                if name.endswith(".parquet"):
                    large = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
                    entry |= {"lfs": large}
                entries.append(entry)
            self._say(entries)
        else:
            self._say({"id": REPOSITORY, "private": False, "tags": [], "siblings": [], "sha": "0" * 40})

    def do_PUT(self) -> None:
        data = self._body()
        self.server.objects[hashlib.sha256(data).hexdigest()] = data
        self._say({})

    def do_POST(self) -> None:
        body = self._body()
        if self.path.endswith("/repos/create"):
            self.server.files = {} if self.server.files is None else self.server.files
            self._say({"url": f"{self.server.url}/datasets/{REPOSITORY}", "id": REPOSITORY, "name": REPOSITORY})
        elif self.path.endswith("/validate-yaml"):
            self._say({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            mode = {True: "lfs", False: "regular"}
            self._say(
                {
                    "files": [
                        {"path": f["path"], "uploadMode": mode[f["path"].endswith(".parquet")], "shouldIgnore": False}
                        for f in asked
                    ]
                }
            )
        elif self.path.endswith("/objects/batch"):
            objects = [
                {**each, "actions": {"upload": {"href": f"{self.server.url}/objects/{each['oid']}"}}}
                for each in json.loads(body)["objects"]
            ]
            self._say({"transfer": "basic", "objects": objects}, kind="application/vnd.git-lfs+json")
        elif "/super-squash/" in self.path:
            self.server.squashed += 1
            self._say({})
        elif "/commit/" in self.path:
            self._commit([json.loads(line) for line in body.decode().splitlines() if line.strip()])
        else:
            self._say({"error": f"unknown {self.path}"}, 400)

    def _commit(self, said: list[dict[str, Any]]) -> None:
        server = self.server
        assert server.files is not None
        if server.break_at and len(server.commits) + 1 == server.break_at:
            server.break_at = 0
            self._say({"error": "over capacity"}, 400)
            return
        names = []
        for each in said:
            about = each["value"]
            if each["key"] == "file":
                server.files[about["path"]] = base64.b64decode(about["content"])
            elif each["key"] == "lfsFile":
                server.files[about["path"]] = server.objects[about["oid"]]
            elif each["key"] == "deletedFile":
                del server.files[about["path"]]
            names += [about["path"]] if "path" in about else []
        server.commits.append(names)
        self._say(
            {
                "success": True,
                "commitOid": "0" * 40,
                "commitUrl": f"{server.url}/datasets/{REPOSITORY}/commit/{'0' * 40}",
            }
        )

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _say(
        self, what: Any, code: int = 200, heads: dict[str, str] | None = None, kind: str = "application/json"
    ) -> None:
        data = json.dumps(what).encode()
        self.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(heads or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    # It is read as the library is imported, which may have been long ago.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    server.server_close()


def as_folder(hub: Hub, place: Path) -> Path:
    assert hub.files is not None
    for name, data in hub.files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def test_the_hub_has_it_whole_after_a_dry_run(hub: Hub, folder: Path, tmp_path: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    said = publish(str(folder), TARGET)
    assert len(said.upload) == len(fimad.open_dataset(folder).manifest["shards"]) + 3
    assert said.left_out == ["notes.txt"]
    assert hub.files is None
    publish(str(folder), TARGET, dry_run=False)
    assert hub.commits[-1] == ["README.md", "croissant.json", "manifest.json"]
    assert not verify(str(as_folder(hub, tmp_path / "there")))
    again = publish(str(folder), TARGET, dry_run=False)
    assert not again.upload
    assert len(again.keep) == len(said.upload)


def test_it_goes_on_where_it_stopped(hub: Hub, folder: Path, tmp_path: Path) -> None:
    hub.break_at = 3
    with pytest.raises(SetupError, match="repeat the command"):
        publish(str(folder), TARGET, dry_run=False)
    assert len(hub.commits) == 2
    rest = publish(str(folder), TARGET, dry_run=False)
    assert len(rest.keep) == 2
    assert not verify(str(as_folder(hub, tmp_path / "there")))


def test_a_takedown_is_seen_at_once_and_not_in_the_history(hub: Hub, folder: Path, tmp_path: Path) -> None:
    publish(str(folder), TARGET, dry_run=False)
    remove(str(folder), "video000002", "asked")
    said = publish(str(folder), TARGET, dry_run=False)
    assert hub.squashed == (1 if said.delete else 0)
    there = as_folder(hub, tmp_path / "there")
    assert not verify(str(there))
    assert "video000002" not in fimad.open_dataset(there).table(["video_id"]).column(0).to_pylist()
    assert "video000002" in json.dumps(fimad.open_dataset(there).manifest["removed"])


def test_a_folder_streams_with_the_hubs_library(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    target = tmp_path / "zenodo"
    publish(str(folder), str(target), dry_run=False)
    assert not verify(str(target))

    def ids(**options: Any) -> set[str]:
        rows = datasets.load_dataset(str(target), cache_dir=str(tmp_path / "cache"), **options)
        return {row["clip_id"] for split in rows.values() for row in split}

    expected = set(fimad.open_dataset(folder).table(["clip_id"]).column(0).to_pylist())
    assert ids(streaming=True) == ids() == expected
    light = next(iter(datasets.load_dataset(str(target), "light", split="train", streaming=True)))
    assert "label" in light
    assert "left_wrist_acc_m_s2" not in light
    remove(str(folder), "video000002", "asked")
    publish(str(folder), str(target), dry_run=False)
    gone = {"video000002___0", "video000002___1"}
    # What was read before is not given again.
    assert ids() == ids(streaming=True) == expected - gone


def test_two_datasets_in_folders_of_one_name_do_not_share_a_cache(folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    other = tmp_path / "other" / "dataset"
    config = small_config(("left_wrist",), shard_bytes=60_000)
    pack(SyntheticSource(6, config, clip_s=2.0, first=40), config, open_store(str(other)))
    found = [
        set(datasets.load_dataset(str(place), split="train", cache_dir=str(tmp_path / "cache"))["video_id"])
        for place in (folder, other)
    ]
    assert not found[0] & found[1]


def test_media_are_refused_unless_asked(folder: Path, tmp_path: Path) -> None:
    (folder / "thumbs").mkdir()
    (folder / "thumbs" / "a.JPG").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"a\.JPG"):
        publish(str(folder), str(tmp_path / "out"))
    assert "thumbs/a.JPG" in publish(str(folder), str(tmp_path / "out"), media=True).upload


@pytest.mark.parametrize("target", ["s3://bucket/x", "hf://models/a/b", "hf://datasets/only"])
def test_other_addresses_are_refused(folder: Path, target: str) -> None:
    with pytest.raises(ConfigError, match="hf://datasets/USER/NAME"):
        publish(str(folder), target)


def test_neither_itself_nor_what_is_damaged(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="itself"):
        publish(str(folder), str(folder / "copy"))
    shard = next((folder / "data").iterdir())
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(DatasetError, match="not what the manifest says"):
        publish(str(folder), str(tmp_path / "out"), dry_run=False)
    assert not (tmp_path / "out").exists()


def test_the_command_says_first_and_does_then(folder: Path, tmp_path: Path) -> None:
    command = ["publish", str(tmp_path / "out"), "--dataset", str(folder)]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0
    assert "would be brought" in first.output
    assert not (tmp_path / "out").exists()
    assert CliRunner().invoke(app, [*command, "--yes"]).exit_code == 0
    assert not verify(str(tmp_path / "out"))
    shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize(
    "names", [("data/mine.csv",), ("README.md", "data/train-00000-of-00001.parquet"), ("README.md",)]
)
def test_a_folder_of_somebody_else_is_left_as_it_is(folder: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    """Files below data/ were deleted, and a README written over."""
    target = tmp_path / "out"
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text("mine")
    for dry_run in (True, False):
        with pytest.raises(ConfigError, match="no dataset of fimad"):
            publish(str(folder), str(target), dry_run=dry_run)
    assert sorted(each.relative_to(target).as_posix() for each in target.rglob("*") if each.is_file()) == sorted(names)
    assert {(target / name).read_text() for name in names} == {"mine"}


def test_other_files_in_a_published_folder_stay_and_copying_goes_on(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    publish(str(folder), str(target), dry_run=False)
    (target / "data" / "mine.csv").write_text("mine")
    (target / "data" / "train-00007-of-00009.parquet").write_text("of an earlier version")
    said = publish(str(folder), str(target), dry_run=False)
    assert said.delete == ["data/train-00007-of-00009.parquet"]
    assert (target / "data" / "mine.csv").read_text() == "mine"
    # A kill between shards and manifest leaves no manifest, and half a copy.
    (target / "manifest.json").unlink()
    (target / "data" / "mine.csv").unlink()
    (target / "data" / ".train-00000-of-00001.parquet.part").write_text("half")
    assert publish(str(folder), str(target), dry_run=False).upload == ["manifest.json"]


def test_a_repository_with_data_of_its_own_is_refused(hub: Hub, folder: Path) -> None:
    hub.files = {"README.md": b"made with the repository", "data/mine.csv": b"mine"}
    with pytest.raises(ConfigError, match=r"holds data/mine\.csv"):
        publish(str(folder), TARGET, dry_run=False)
    del hub.files["data/mine.csv"]
    assert publish(str(folder), TARGET, dry_run=False).upload
