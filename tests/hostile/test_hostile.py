"""The whole hostile corpus through the real pipeline: everything ends, with the right word, and nothing else is hurt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from corpus import ADDRESSES, ITEMS, build_corpus
from makers import config, video
from servers import WebServer, bomb

from fimad.pipeline.acquire.sources import url_video
from fimad.pipeline.build import build
from fimad.pipeline.inspect.summary import Summary
from fimad.pipeline.state.workspace import Workspace


def ends(summary: Summary, settings: Any) -> dict[str, str]:
    """The end of each item by its location: ``done``, or the reason of the first stage that left it out."""
    found = {problem.source: problem.reason for problem in summary.problems}
    workspace = Workspace(settings.workspace)
    try:
        keys = {name: entry["key"] for name, entry in summary.stages.items()}
        for video_ in workspace.videos():
            end = "done"
            for name, key in keys.items():
                if workspace.exists(name, key, video_.video_id):
                    continue
                record = workspace.read_record(name, key, video_.video_id)
                end = record.reason if record is not None else f"nothing known of {name}"
                if record is not None and (record.signal or not (record.what and record.why)):
                    end += f" ({record})"
                break
            found[video_.location] = end
    finally:
        workspace.close()
    return found


def test_the_corpus_is_large_enough() -> None:
    assert len(ITEMS) >= 40
    assert len({each.name for each in ITEMS}) == len(ITEMS)


def test_hostile_files(tmp_path: Path) -> None:
    made = build_corpus(tmp_path / "corpus")
    settings = config(
        workspace=str(tmp_path / "workspace"),
        dataset=str(tmp_path / "dataset"),
        segment={"min_clip_s": 0.3},
        transcribe={"model": "tiny.en"},
        run={"without": ["embed"], "workers": 1, "deadline_s": 240, "attempts": 1, "memory_limit_bytes": 4 * 1024**3},
    )
    summary = build(settings, [str(tmp_path / "corpus")])
    assert summary.stopped == ""
    assert summary.exit_code == 1
    found = ends(summary, settings)
    wrong = {
        each.name: (each.expected, found.get(path))
        for path, each in made.items()
        if found.get(path) not in each.expected.split("|")
    }
    assert wrong == {}
    assert sum(end == "done" for end in found.values()) >= 40
    _nothing_left(tmp_path)
    # Names in the workspace come from ids.
    names = {name for _, _, files in os.walk(tmp_path / "workspace") for name in files}
    assert not [name for name in names if not name.isascii() or name.startswith("-") or len(name) > 120]
    # Again: nothing that is done or settled is done anew.
    again = build(settings, [str(tmp_path / "corpus")])
    assert sum(stage["done"] + stage["failed"] + stage["filtered"] for stage in again.stages.values()) == 0


def test_hostile_server(tmp_path: Path) -> None:
    site_folder = tmp_path / "site"
    site_folder.mkdir()
    video(site_folder / "plain.mp4")
    with WebServer(site_folder) as site:
        # Claims to be a video, and is a page that unpacks to 100 MB.
        site.pages["/bomb.mp4"] = ("text/html", bomb())
        site.encodings["/bomb.mp4"] = "gzip"
        site.pages["/text.mp4"] = ("video/mp4", b"just some text " * 1000)
        listing = tmp_path / "list.txt"
        listing.write_text("".join(f"{site.url}{address}\n" for address in ADDRESSES))
        settings = config(
            workspace=str(tmp_path / "workspace"),
            dataset=str(tmp_path / "dataset"),
            download={"max_bytes": 20_000_000},
            http={"timeout_s": 0.4, "host_spacing_s": 0.0, "videos_per_hour": 36_000},
            run={"workers": 1, "attempts": 2, "backoff_s": 0.1, "deadline_s": 60},
        )
        summary = build(settings, [str(listing)], stage="download")
    assert summary.stopped == ""
    found = ends(summary, settings)
    wrong = {
        address: (expected, found.get(site.url + address))
        for address, expected in ADDRESSES.items()
        if found.get(site.url + address) not in expected.split("|")
    }
    assert wrong == {}
    retried = {record.reason: record.attempts for record in summary.failures}
    assert retried["http_5xx"] == 2
    assert retried["http_404"] == 1
    _nothing_left(tmp_path)


def _nothing_left(tmp_path: Path) -> None:
    left = [path for path in (tmp_path / "workspace" / "tmp").rglob("*") if path.is_file()]
    assert left == []
    assert not (tmp_path / "owned").exists()
    assert not Path("owned").exists()


@pytest.mark.parametrize("address", ["/plain.mp4", "/nothing.mp4"])
def test_addresses_have_safe_ids(address: str) -> None:
    assert url_video(f"http://127.0.0.1:1{address}").video_id.isascii()
