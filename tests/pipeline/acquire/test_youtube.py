"""Real yt-dlp with its own YouTube extractor against each situation: what is recorded, and what the user reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fimad.errors import Filtered, FimadError, PermanentError, TransientError
from fimad.pipeline.acquire.network import ytdlp
from fimad.pipeline.acquire.network.yterrors import _MESSAGES
from fimad.pipeline.contract import Video
from fimad.pipeline.stages.captions import CaptionsStage
from fimad.pipeline.stages.download import DownloadStage
from fimad.schema import DOWNLOAD
from tests.pipeline.acquire.youtube import YouTube, video_id
from tests.pipeline.makers import config, stage_input, video

DOCS = Path(__file__).parents[3] / "docs" / "youtube.md"


@pytest.fixture(scope="module")
def youtube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[YouTube]:
    folder = tmp_path_factory.mktemp("youtube")
    media = video(folder / "plain.mp4", extra=["-movflags", "+faststart"]).read_bytes()
    with YouTube(folder, media) as server:
        yield server


@pytest.fixture(autouse=True)
def _trust(youtube: YouTube, monkeypatch: pytest.MonkeyPatch) -> None:
    certifi = pytest.importorskip("certifi")
    monkeypatch.setattr(certifi, "where", lambda: str(youtube.authority))


def fetch(youtube: YouTube, folder: Path, situation: str, **options: Any) -> tuple[dict[str, Any], int]:
    settings = config(http={"proxy": youtube.url, "timeout_s": 5.0, **options})
    item = stage_input(Video("v", "url", f"https://www.youtube.com/watch?v={video_id(situation)}"), folder)
    sent: list[int] = []
    item.requests = sent.append
    try:
        return DownloadStage(settings).run(item).to_pylist()[0], sum(sent)
    finally:
        assert sent


def test_a_video_is_fetched_and_its_requests_are_counted_without_its_media(youtube: YouTube, tmp_path: Path) -> None:
    row, requests = fetch(youtube, tmp_path, "plain")
    assert row["extractor"] == "youtube"
    assert 2 <= requests <= 12
    assert youtube.hits["rr1.googlevideo.com"] >= 1


@pytest.mark.parametrize(
    ("situation", "kind", "reason"),
    [
        ("bot", TransientError, "bot_wall"),
        ("reload", TransientError, "reload"),
        ("blocked", TransientError, "ip_blocked"),
        ("limited", TransientError, "rate_limited"),
        ("sabr", TransientError, "sabr_only"),
        ("forbidden", TransientError, "http_403"),
        ("private", PermanentError, "private"),
        ("members", PermanentError, "members_only"),
        ("removed", PermanentError, "removed"),
    ],
)
def test_what_is_recorded(
    youtube: YouTube, tmp_path: Path, situation: str, kind: type[FimadError], reason: str
) -> None:
    with pytest.raises(FimadError) as caught:
        fetch(youtube, tmp_path, situation)
    assert (type(caught.value), caught.value.reason) == (kind, reason), caught.value
    assert caught.value.why
    assert caught.value.fix


def test_without_a_javascript_runtime_the_video_is_not_to_blame(youtube: YouTube, tmp_path: Path) -> None:
    with pytest.raises(TransientError) as caught:
        fetch(youtube, tmp_path, "nothing", ytdlp={"js_runtimes": {}})
    assert caught.value.reason == "no_js_runtime"
    assert "yt-dlp[default,deno]" in caught.value.fix


def test_captions_that_a_token_gate_withholds_are_recorded_as_such(youtube: YouTube, tmp_path: Path) -> None:
    row, _ = fetch(youtube, tmp_path, "gated")
    url = f"https://www.youtube.com/watch?v={video_id('gated')}"
    tables = {"download": pa.Table.from_pylist([row], schema=DOWNLOAD)}
    settings = config(http={"proxy": youtube.url, "timeout_s": 5.0})
    for page in ("seen", "asked for again"):
        if page != "seen":
            ytdlp._SEEN.clear()
        item = stage_input(Video("v", "url", url), tmp_path, tables)
        sent: list[int] = []
        item.requests = sent.append
        (table,) = CaptionsStage(settings).run(item).to_pylist()
        assert [each["kind"] for each in table["captions"]] == ["withheld"]
        assert (sum(sent) == 0) == (page == "seen")


def test_the_docs_say_what_each_reason_means() -> None:
    kinds = {"transient": TransientError, "permanent": PermanentError, "filtered": Filtered}
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    written = dict(rows)
    youtubes = {row[1]: row[2] for row in _MESSAGES[: [row[1] for row in _MESSAGES].index("too_large")]}
    assert {name: written.get(name) for name in youtubes} == youtubes
    assert set(written.values()) <= kinds.keys()
