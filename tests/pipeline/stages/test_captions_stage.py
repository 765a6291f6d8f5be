"""Captions of pages and of files: right, on the video's clock, and asked for without the video."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from makers import config, stage_input, video
from servers import WebServer

from fimad.config import load_config
from fimad.errors import ConfigError, TransientError
from fimad.pipeline.acquire.network import ytdlp
from fimad.pipeline.contract import Video
from fimad.pipeline.stages.captions import CaptionsStage, captions_of, choose_captions
from fimad.pipeline.stages.download import DownloadStage
from fimad.pipeline.stages.registry import plan_stages

TRACK = '<video><source src="/plain.mp4" type="video/mp4"><track kind="subtitles" src="/{}" srclang="en"></video>'
CUES = b"WEBVTT\n\n00:00.000 --> 00:01.000\nlift your knees\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    folder = tmp_path_factory.mktemp("site")
    video(folder / "plain.mp4", extra=["-movflags", "+faststart"])
    with WebServer(folder) as server:
        for name, track in (
            ("good", "en.vtt"),
            ("gone", "gone.vtt"),
            ("kept", "status/403/x.vtt"),
            ("busy", "status/429/x.vtt"),
        ):
            server.pages[f"/{name}.html"] = ("text/html", TRACK.format(track).encode())
        server.pages["/bad.html"] = ("text/html", TRACK.format("bad.vtt").encode())
        server.pages["/en.vtt"] = ("text/vtt", CUES)
        server.pages["/bad.vtt"] = ("text/vtt", b"no captions at all")
        yield server


def download(item: Video, folder: Path) -> pa.Table:
    return DownloadStage(config()).run(stage_input(item, folder))


def captions(item: Video, folder: Path, table: pa.Table, *languages: str) -> dict[str, Any]:
    chosen = config(captions={"languages": languages or ("en",)})
    row: dict[str, Any] = CaptionsStage(chosen).run(stage_input(item, folder, {"download": table})).to_pylist()[0]
    return row


def told(row: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["language"], each["kind"], each["text"]) for each in row["captions"]]


def test_captions_of_a_page_need_it_once_after_a_download_and_no_media_later(site: WebServer, tmp_path: Path) -> None:
    item = Video("v", "url", site.url + "/good.html")
    table = download(item, tmp_path)
    pages, media = site.hits["/good.html"], site.hits["/plain.mp4"]
    assert told(captions(item, tmp_path, table)) == [("en", "human", "lift your knees")]
    assert site.hits["/good.html"] == pages
    ytdlp._SEEN.clear()
    # Another run, with other languages: the page is asked for, and not the media, but for what tells that it is one.
    assert told(captions(item, tmp_path, table, "de", "en")) == [("en", "human", "lift your knees")]
    assert site.hits["/good.html"] > pages
    assert site.hits["/plain.mp4"] - media <= 1
    before = site.hits.total()
    assert CaptionsStage(config(captions={"languages": []})).run(
        stage_input(item, tmp_path, {"download": table})
    ).to_pylist() == [{"video_id": "v", "captions": [], "captions_note": None}]
    assert site.hits.total() == before


@pytest.mark.parametrize(("name", "reason"), [("gone", "http_404"), ("kept", "http_403"), ("bad", "bad_captions")])
def test_what_can_not_be_had_is_not_worth_the_transcript(
    site: WebServer, tmp_path: Path, name: str, reason: str
) -> None:
    item = Video("v", "url", f"{site.url}/{name}.html")
    row = captions(item, tmp_path, download(item, tmp_path))
    assert (row["captions"], row["captions_note"]) == (None, reason)
    assert captions_of({"captions": pa.Table.from_pylist([row])}) == []


@pytest.mark.parametrize("bad", ["subtitles", "automatic_captions"])
def test_one_track_that_can_not_be_had_does_not_cost_the_other(
    site: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    item = Video("v", "url", site.url + "/good.html")
    table = download(item, tmp_path)
    info = {
        kind: {"en": [{"ext": "vtt", "url": f"{site.url}/{'gone' if kind == bad else 'en'}.vtt"}]}
        for kind in ("subtitles", "automatic_captions")
    }
    monkeypatch.setitem(ytdlp._SEEN, item.location, (time.monotonic(), info, False))
    left = "automatic" if bad == "subtitles" else "human"
    assert told(captions(item, tmp_path, table)) == [("en", left, "lift your knees")]


def test_what_may_be_had_later_is_tried_again(site: WebServer, tmp_path: Path) -> None:
    item = Video("v", "url", f"{site.url}/busy.html")
    table = download(item, tmp_path)
    with pytest.raises(TransientError) as caught:
        captions(item, tmp_path, table)
    assert caught.value.reason == "rate_limited"


def test_captions_beside_a_local_file(tmp_path: Path) -> None:
    path = video(tmp_path / "my [clip].mp4")
    (tmp_path / "my [clip].en.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n")
    (tmp_path / "my [clip].de.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhallo\n")
    (tmp_path / "my [clip].fr.vtt").write_text("broken")
    (tmp_path / "my [clip]x.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nanother file's\n")
    info = tmp_path / "my [clip].info.json"
    info.write_text(json.dumps({"automatic_captions": {"en": []}}))
    for item in (Video("v", "file", str(path)), Video("v", "info", str(info))):
        row = captions(item, tmp_path, download(item, tmp_path))
        assert told(row) == [("en", "automatic", "hello"), ("de", "human", "hallo")]


def test_saved_metadata_without_a_file_leads_to_the_page(site: WebServer, tmp_path: Path) -> None:
    info = tmp_path / "x.info.json"
    info.write_text(json.dumps({"id": "x", "webpage_url": site.url + "/good.html"}))
    item = Video("v", "info", str(info))
    assert told(captions(item, tmp_path, download(item, tmp_path))) == [("en", "human", "lift your knees")]


def test_which_captions_are_fetched() -> None:
    track = [{"ext": "srv3", "url": "s"}, {"ext": "vtt", "url": "v"}, {"ext": "json3", "url": "j"}, {"ext": "exe"}]
    info = {
        "language": "en-US",
        "subtitles": {"en-GB": track, "fr": track, "live_chat": [{"ext": "json"}]},
        "automatic_captions": {"en": track, "en-orig": track, "fr": track},
    }
    chosen = choose_captions(info, ("de", "en", "fr"))
    assert [(language, kind) for language, kind, _ in chosen] == [("en-GB", "human"), ("en", "automatic")]
    assert [each["ext"] for each in chosen[0][2]] == ["json3", "vtt", "srv3"]
    # Machine translations of what is spoken in another language are not taken.
    assert choose_captions({**info, "language": "pt", "subtitles": {}}, ("en",)) == []
    assert choose_captions({"subtitles": None, "automatic_captions": {"en": "x"}}, ("en",)) == []


@pytest.mark.parametrize(
    ("kind", "offered", "wanted", "more", "chosen"),
    [
        ("subtitles", ["en"], ("en-US",), {}, ["en"]),
        ("subtitles", ["EN", "eng"], ("en",), {}, ["en"]),
        ("subtitles", ["en_US", "en-GB"], ("en",), {"language": "en-US"}, ["en-US"]),
        ("subtitles", ["zh-Hans", "zh-Hant"], ("zh",), {"language": "zh-TW"}, ["zh-Hant"]),
        ("subtitles", ["de"], ("en",), {"language": "de"}, []),
        ("automatic_captions", ["pt", "pt-orig"], ("pt-BR",), {"language": "pt"}, ["pt"]),
        ("automatic_captions", ["pt-orig"], ("pt-BR",), {}, ["pt"]),
        ("automatic_captions", ["de", "en", "en-orig"], ("de", "en"), {}, ["en"]),
        ("automatic_captions", ["de", "en", "en-orig"], ("de",), {}, []),
        ("automatic_captions", ["de-orig", "en-de"], ("en",), {}, []),
        ("automatic_captions", ["de", "en", "de-orig", "en-orig"], ("de", "en"), {}, ["de"]),
        ("automatic_captions", ["en", "en-orig"], ("en",), {"language": "EN-us"}, ["en"]),
        ("automatic_captions", ["iw", "iw-orig"], ("he",), {"language": "he"}, ["he"]),
    ],
)
def test_languages_as_platforms_name_them(
    kind: str, offered: list[str], wanted: tuple[str, ...], more: dict[str, Any], chosen: list[str]
) -> None:
    info = {kind: {name: [{"ext": "vtt", "url": name}] for name in offered}} | more
    found = choose_captions(info, wanted)
    assert [language for language, _, _ in found] == chosen
    # What the platform heard itself goes before what has the same name.
    heard = [track["url"] for _, _, tracks in found for track in tracks if f"{track['url']}-orig" in offered]
    assert not heard


@pytest.mark.parametrize("text", ["broken", "1\n00:00:aa,000 --> 00:00:bb,000\nhi\n", "WEBVTT\n\nhi\n"])
def test_unreadable_captions_beside_a_file_are_noted(tmp_path: Path, text: str) -> None:
    path = video(tmp_path / "squat.mp4")
    item = Video("v", "file", str(path))
    table = download(item, tmp_path)
    (tmp_path / "squat.en.vtt").write_text(text)
    row = captions(item, tmp_path, table)
    assert (row["captions"], row["captions_note"]) == (None, "bad_captions")
    (tmp_path / "squat.en.vtt").write_text("WEBVTT\n")
    row = captions(item, tmp_path, table)
    assert (row["captions"], row["captions_note"]) == ([], None)


def test_other_languages_make_captions_and_transcripts_stale_and_no_video() -> None:
    plain, german = (plan_stages(config(captions={"languages": each})).keys for each in (["en"], ["de"]))
    changed = {name for name in plain if plain[name] != german.get(name)}
    assert {"captions", "transcribe"} <= changed
    assert not changed & {"download", "segment", "pose", "camera", "flow", "simulate"}


def test_the_names_of_before_say_what_they_are_now() -> None:
    for old in ("download.captions=false", 'download.caption_languages=["de"]'):
        with pytest.raises(ConfigError, match=r"captions\.languages"):
            load_config(None, (old,))
