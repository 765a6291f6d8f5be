"""The real yt-dlp against a server on loopback, and local files in place."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from makers import DEMO, config, ffmpeg, stage_input, video
from pydantic import ValidationError
from servers import WebServer

from fimad.config import HttpConfig
from fimad.errors import Filtered, FimadError, PermanentError, TransientError
from fimad.pipeline.acquire.network.yterrors import explain
from fimad.pipeline.contract import Video, stage_key
from fimad.pipeline.media.probe import sha256_of
from fimad.pipeline.stages.download import DownloadStage


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("site")
    video(folder / "plain.mp4", extra=["-movflags", "+faststart"])
    video(folder / "big.mp4", 3, size="640x480", rate=30, extra=["-crf", "1"])
    hls = folder / "hls"
    hls.mkdir()
    ffmpeg("-i", folder / "plain.mp4", "-c", "copy", "-f", "hls", "-hls_time", 1, "-hls_list_size", 0, hls / "one.m3u8")
    key = hls / "key.bin"
    key.write_bytes(bytes(range(16)))
    info = hls / "key.info"
    with WebServer(folder) as server:
        info.write_text(f"{server.url}/hls/key.bin\n{key}\n")
        secret = ["-hls_key_info_file", info, "-hls_segment_filename", hls / "secret%d.ts"]
        ffmpeg("-i", folder / "plain.mp4", "-c", "copy", "-f", "hls", "-hls_list_size", 0, *secret, hls / "secret.m3u8")
        # Picture and sound apart: yt-dlp has to merge them.
        for name, drop in (("v", "-an"), ("a", "-vn")):
            ffmpeg(
                *("-i", folder / "plain.mp4", "-c", "copy", drop, "-f", "hls", "-hls_list_size", 0),
                *("-hls_segment_filename", hls / f"{name}%d.ts", hls / f"{name}.m3u8"),
            )
        (hls / "master.m3u8").write_text(
            '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="a.m3u8"\n'
            '#EXT-X-STREAM-INF:BANDWIDTH=200000,CODECS="avc1.42c00a,mp4a.40.2",RESOLUTION=160x120,AUDIO="a"\nv.m3u8\n'
        )
        evil = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
        (hls / "metadata.m3u8").write_text(evil.format("http://169.254.169.254/latest/meta-data"))
        (hls / "file.m3u8").write_text(evil.format("file:///etc/passwd"))
        yield server


def fetch(url: str, folder: Path, **sections: Any) -> dict[str, Any]:
    stage = DownloadStage(config(**sections))
    row: dict[str, Any] = stage.run(stage_input(Video("some-id", "url", url), folder)).to_pylist()[0]
    return row


def refuse(url: str, folder: Path, kind: type[FimadError], reason: str, **sections: Any) -> FimadError:
    began = time.monotonic()
    with pytest.raises(FimadError) as caught:
        fetch(url, folder, **sections)
    assert (type(caught.value), caught.value.reason) == (kind, reason), caught.value
    assert caught.value.what
    assert caught.value.why
    assert caught.value.fix
    # Each try may take the time-out, and as long again for what drips; none may hang.
    assert time.monotonic() - began < 30
    assert not (folder / "published").exists() or not list((folder / "published").iterdir())
    return caught.value


def test_a_file(site: WebServer, tmp_path: Path) -> None:
    row = fetch(site.url + "/plain.mp4", tmp_path)
    stored = tmp_path / "published" / "some-id.mp4"
    assert row["media"] == "some-id.mp4"
    assert row["media_sha256"] == sha256_of(stored) == sha256_of(site.folder / "plain.mp4")
    assert row["media_bytes"] == stored.stat().st_size
    assert (row["width_px"], row["height_px"], row["has_audio"], row["extractor"]) == (160, 120, True, "generic")
    assert row["duration_s"] == pytest.approx(2.0, abs=0.01)
    assert row["url"] == site.url + "/plain.mp4"


@pytest.mark.parametrize("name", ["one", "secret", "master"])
def test_hls(site: WebServer, tmp_path: Path, name: str) -> None:
    """Plain, AES-encrypted, and with picture and sound apart; fetched by Python, merged by ffmpeg from files."""
    row = fetch(f"{site.url}/hls/{name}.m3u8", tmp_path)
    assert row["duration_s"] == pytest.approx(2.0, abs=0.1)
    assert row["has_audio"]
    assert (tmp_path / "published" / row["media"]).stat().st_size == row["media_bytes"]


def test_container_chapters_come_through(tmp_path: Path) -> None:
    with WebServer(DEMO.parent) as server:
        row = fetch(server.url + "/workout.mp4", tmp_path)
    assert [each["title"] for each in row["container_chapters"]][1] == "Squats"
    assert row["chapters"] is None


@pytest.mark.parametrize(
    ("path", "kind", "reason"),
    [
        ("/nothing.mp4", PermanentError, "http_404"),
        ("/status/410/x.mp4", PermanentError, "http_410"),
        ("/status/401/x.mp4", PermanentError, "login_required"),
        ("/status/403/x.mp4", TransientError, "http_403"),
        ("/status/451/x.mp4", PermanentError, "geo_blocked"),
        ("/status/429/x.mp4", TransientError, "rate_limited"),
        ("/status/408/x.mp4", TransientError, "http_5xx"),
        ("/status/500/x.mp4", TransientError, "http_5xx"),
        ("/status/503/x.mp4", TransientError, "http_5xx"),
        ("/stall/x.mp4", TransientError, "timeout"),
        ("/drip/x.mp4", TransientError, "timeout"),
        ("/slow-header/x.mp4", TransientError, "timeout"),
        ("/cut/always/plain.mp4", TransientError, "connection_lost"),
        ("/loop/x.mp4", PermanentError, "redirect_loop"),
        ("/redirect?file:///etc/passwd", PermanentError, "unsupported_url"),
        ("/redirect?ftp://127.0.0.1/x.mp4", PermanentError, "unsupported_url"),
        ("/hls/file.m3u8", PermanentError, "unsupported_url"),
        ("/empty-page.html", PermanentError, "unsupported_url"),
        ("/bomb.html", PermanentError, "too_large"),
    ],
)
def test_bad_answers(site: WebServer, tmp_path: Path, path: str, kind: type[FimadError], reason: str) -> None:
    site.pages["/empty-page.html"] = ("text/html", b"<html><body>nothing here</body></html>")
    error = refuse(site.url + path, tmp_path, kind, reason)
    if reason == "rate_limited":
        assert isinstance(error, TransientError)
        assert error.retry_after_s == 7
        assert "cookies" in error.fix


@pytest.mark.parametrize("path", ["/redirect?http://169.254.169.254/latest/meta-data", "/hls/metadata.m3u8"])
def test_metadata_services_are_out_of_reach(site: WebServer, tmp_path: Path, path: str) -> None:
    """By a redirect, and by a playlist; also where private addresses are allowed."""
    refuse(site.url + path, tmp_path, PermanentError, "blocked_address")


def test_private_addresses_are_refused_by_default(site: WebServer, tmp_path: Path) -> None:
    before = site.hits.total()
    for host in ("127.0.0.1", "localhost"):
        url = site.url.replace("127.0.0.1", host) + "/plain.mp4"
        refuse(url, tmp_path, PermanentError, "blocked_address", http={"allow_private_addresses": False})
    assert site.hits.total() == before


def test_a_broken_connection_is_resumed(site: WebServer, tmp_path: Path) -> None:
    row = fetch(site.url + "/cut/2/plain.mp4", tmp_path)
    assert row["media_sha256"] == sha256_of(site.folder / "plain.mp4")


def test_limits_before_and_during_the_download(site: WebServer, tmp_path: Path) -> None:
    size = (site.folder / "big.mp4").stat().st_size
    refuse(site.url + "/big.mp4", tmp_path, Filtered, "too_large", download={"max_bytes": size // 2})
    # No length is announced: found out on the way.
    refuse(site.url + "/endless/x.mp4", tmp_path / "a", Filtered, "too_large", download={"max_bytes": 10_000_000})
    refuse(site.url + "/hls/one.m3u8", tmp_path / "d", Filtered, "too_large", download={"max_bytes": 20_000})
    refuse(site.url + "/plain.mp4", tmp_path / "b", Filtered, "too_long", download={"max_duration_s": 1})
    refuse(site.url + "/big.mp4", tmp_path / "c", Filtered, "too_high_resolution", download={"max_side_px": 320})


def test_a_page_with_several_videos_is_no_single_video(site: WebServer, tmp_path: Path) -> None:
    site.pages["/two.html"] = ("text/html", b"<video src='/plain.mp4'></video><video src='/big.mp4'></video>")
    site.pages["/single.html"] = ("text/html", b"<title>T</title><video src='/plain.mp4'></video>")
    refuse(site.url + "/two.html", tmp_path, PermanentError, "playlist")
    assert fetch(site.url + "/single.html", tmp_path)["duration_s"] == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {"exec": "touch x"},
        # Appends to any file, reads a browser's cookies, loads code, reads a file of passwords; and what is not known.
        {"download_archive": "~/.bashrc"},
        {"cookiesfrombrowser": ["firefox"]},
        {"remote_components": ["ejs:github"]},
        {"netrc_location": "~/.netrc"},
        {"usenetrc": True},
        {"an_option_of_next_year": True},
        {"exec_cmd": "x"},
        {"postprocessors": [{"key": "Exec", "exec_cmd": "x"}]},
        {"outtmpl": "/etc/x"},
        {"paths": {"home": "/etc"}},
        {"external_downloader": "curl"},
        {"external_downloader_args": ["x"]},
        {"postprocessor_args": {"ffmpeg": ["-f", "x"]}},
        {"plugin_dirs": ["/opt"]},
        {"config_locations": ["/opt"]},
        {"netrc_cmd": "x"},
        {"enable_file_urls": True},
        {"nocheckcertificate": True},
        {"js_runtimes": {"node": {"path": "/opt/evil"}}},
    ],
)
def test_dangerous_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="yt-dlp's option"):
        HttpConfig(ytdlp=options)
    HttpConfig(ytdlp={"js_runtimes": {"node": {}}, "extractor_args": {"youtube": {"lang": ["en"]}}})


def test_options_that_change_bytes_are_in_the_key_and_manners_are_not() -> None:
    def key(**options: Any) -> str:
        return stage_key(DownloadStage(config(http={"ytdlp": options})), {})

    assert key(retries=9, sleep_interval=1) == key()
    assert len({key(), key(format="worst"), key(format="best"), key(format_sort=["fps"])}) == 4


def test_cookies_are_sent_and_the_users_file_is_left_alone(site: WebServer, tmp_path: Path) -> None:
    cookies = tmp_path / "mine.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\n")
    before = cookies.read_bytes()
    fetch(site.url + "/plain.mp4", tmp_path, http={"cookies_file": str(cookies)})
    assert cookies.read_bytes() == before
    with pytest.raises(FimadError, match="cookies file"):
        fetch(site.url + "/plain.mp4", tmp_path, http={"cookies_file": str(tmp_path / "none.txt")})


def test_nobody_else_can_read_the_copy_of_the_cookies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fimad.pipeline.acquire.network.ytdlp import Session

    before = os.umask(0)
    try:
        cookies = tmp_path / "mine.txt"
        cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\n")
        cookies.chmod(0o644)
        made: list[int] = []
        copying = shutil.copyfileobj

        def seen(source: Any, target: Any, *rest: Any) -> None:
            made.append(os.fstat(target.fileno()).st_mode & 0o777)
            copying(source, target, *rest)

        monkeypatch.setattr("shutil.copyfileobj", seen)
        folder = tmp_path / "session"
        folder.mkdir()
        with Session(config(http={"cookies_file": str(cookies)}), folder, logging.getLogger("test")):
            copies = [path for path in folder.rglob("*cookies*") if path.is_file()]
            assert copies
            assert {path.stat().st_mode & 0o777 for path in copies} == {0o600}
        # Nor for the moment in which it is written.
        assert set(made) == {0o600}
    finally:
        os.umask(before)


def test_a_proxy_is_used(site: WebServer, tmp_path: Path) -> None:
    """The server stands in for a proxy: it is asked for the whole address of a host that does not exist."""
    site.pages["http://videos.invalid/x.mp4"] = ("video/mp4", (site.folder / "plain.mp4").read_bytes())
    row = fetch("http://videos.invalid/x.mp4", tmp_path, http={"proxy": site.url})
    assert row["media_sha256"] == sha256_of(site.folder / "plain.mp4")
    assert site.hits["http://videos.invalid/x.mp4"] >= 1


def test_the_rate_limit_holds(site: WebServer, tmp_path: Path) -> None:
    size = (site.folder / "big.mp4").stat().st_size
    began = time.monotonic()
    fetch(site.url + "/big.mp4", tmp_path, http={"rate_limit_bytes_s": size})
    assert time.monotonic() - began > 0.7


def test_hosts_that_do_not_exist(tmp_path: Path) -> None:
    refuse("http://videos.invalid/x.mp4", tmp_path, TransientError, "name_unknown")
    with WebServer(tmp_path) as gone:
        url = gone.url
    refuse(url + "/x.mp4", tmp_path, TransientError, "connection_lost")


def local(path: Path, folder: Path, kind: Any = "file", **sections: Any) -> dict[str, Any]:
    stage = DownloadStage(config(**sections))
    row: dict[str, Any] = stage.run(stage_input(Video("v", kind, str(path)), folder)).to_pylist()[0]
    return row


def test_a_local_file_stays_in_place(tmp_path: Path) -> None:
    row = local(DEMO, tmp_path)
    info = json.loads(DEMO.with_name("workout.info.json").read_text())
    assert row["media"] == DEMO.absolute().as_uri()
    assert not list((tmp_path / "published").iterdir())
    assert row["title"] == info["title"]
    assert row["channel_id"] == info["channel_id"]
    assert [each["title"] for each in row["chapters"]] == [each["title"] for each in info["chapters"]]
    assert local(DEMO, tmp_path) == row


def test_saved_metadata_leads_to_the_file_or_the_page(site: WebServer, tmp_path: Path) -> None:
    info = tmp_path / "x.info.json"
    info.write_text(json.dumps({"id": "x", "webpage_url": site.url + "/plain.mp4"}))
    assert local(info, tmp_path, "info")["media"] == "v.mp4"
    video(tmp_path / "x.mp4")
    assert local(info, tmp_path, "info")["media"].startswith("file://")


def test_wrong_types_in_metadata_do_no_harm(tmp_path: Path) -> None:
    path = video(tmp_path / "x.mp4")
    odd = {
        "title": 5, "description": ["x"], "channel": {"a": 1}, "tags": "no", "categories": [1, None, "ok"],
        "chapters": [7, None, {"start_time": "x"}, {"start_time": 1e400, "end_time": True}, {"start_time": "0.5"}],
        "upload_date": 20260101, "license": "a\ud800b", "subtitles": 3, "webpage_url": 9,
    }  # fmt: skip
    (tmp_path / "x.info.json").write_text(json.dumps(odd))
    row = local(path, tmp_path)
    assert row["title"] == "x"
    assert row["categories"] == ["ok"]
    assert row["license"] == "a?b"
    assert row["chapters"][4]["start_s"] == 0.5


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "[" * 100_000])
def test_broken_metadata_is_a_failure(tmp_path: Path, text: str) -> None:
    path = video(tmp_path / "x.mp4")
    (tmp_path / "x.info.json").write_text(text)
    with pytest.raises(PermanentError) as caught:
        local(path, tmp_path)
    assert caught.value.reason == "bad_info_json"


@pytest.mark.parametrize(
    ("message", "kind", "reason"),
    [
        ("[youtube] x: Sign in to confirm you’re not a bot. Use --cookies", TransientError, "bot_wall"),
        ("[youtube] x: Private video. Sign in if you've been granted access", PermanentError, "private"),
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", PermanentError, "removed"),
        ("[youtube] x: Video unavailable. This video is no longer available because the YouTube account associated with "
         "this video has been terminated.", PermanentError, "removed"),
        ("[youtube] x: Video unavailable", PermanentError, "removed"),
        ("[youtube] x: The uploader has not made this video available in your country", PermanentError, "geo_blocked"),
        ("[youtube] x: Sign in to confirm your age. This video may be inappropriate for some users.", PermanentError,
         "age_restricted"),
        ("[youtube] x: Join this channel to get access to members-only content", PermanentError, "members_only"),
        ("[youtube] x: This live event will begin in 3 hours.", TransientError, "live"),
        ("[youtube] x: Premieres in 2 hours", TransientError, "live"),
        ("[x] x: This video is DRM protected", PermanentError, "drm"),
        ("[youtube] x: The current session has been rate-limited by YouTube for up to an hour.", TransientError,
         "rate_limited"),
        ("[x] x: Requested format is not available", PermanentError, "no_video"),
        ("[x] Unable to download webpage: <urlopen error [Errno -2] Name or service not known>", TransientError,
         "name_unknown"),
        ("[x] Unable to download webpage: The read operation timed out", TransientError, "timeout"),
        ("[x] something else entirely", PermanentError, "extractor"),
        ("[generic] removed-rust-from-dumbbells: Something odd", PermanentError, "extractor"),
        ("[youtube] drmdrmdrm_1: The page needs to be reloaded.", TransientError, "reload"),
        ("[youtube] x: All player responses are invalid. Your IP is likely being blocked by Youtube", TransientError,
         "ip_blocked"),
        ("[x] x: hydrmatic premiums and paidinfull unremoved", PermanentError, "extractor"),
    ],
)  # fmt: skip
def test_messages_of_ytdlp(message: str, kind: type[FimadError], reason: str) -> None:
    from yt_dlp.utils import DownloadError

    error = explain(DownloadError(f"\x1b[0;31mERROR:\x1b[0m {message}"), "https://example.com/private/removed")
    assert (type(error), error.reason) == (kind, reason)


@pytest.mark.parametrize(
    "slug",
    ["removed-rust-from-dumbbells", "private", "members-only", "how-i-paid-less", "drm.free", "page?v=drm_private-1"],
)
def test_a_refused_connection_is_not_told_from_the_address(tmp_path: Path, slug: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    refuse(f"http://127.0.0.1:{port}/watch/{slug}", tmp_path, TransientError, "connection_lost")
