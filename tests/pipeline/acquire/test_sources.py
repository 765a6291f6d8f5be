"""What the user points at, and the videos that come of it."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import config
from servers import WebServer

from fimad.config import Config
from fimad.errors import ConfigError
from fimad.pipeline.acquire import infojson
from fimad.pipeline.acquire.addresses import SAFE_ID
from fimad.pipeline.acquire.sources import SourceFailure, expand, safe_id, url_video, youtube_id
from fimad.pipeline.contract import Video
from fimad.pipeline.state.corpus import corpus
from fimad.pipeline.state.workspace import Workspace

WATCH = "https://www.youtube.com/watch?v="


def videos(*sources: object, **sections: Any) -> list[Video]:
    found = list(expand([str(source) for source in sources], config(**sections)))
    assert not [each for each in found if isinstance(each, SourceFailure)], found
    return [each for each in found if isinstance(each, Video)]


def failures(*sources: object, **sections: Any) -> list[SourceFailure]:
    return [each for each in expand(list(map(str, sources)), config(**sections)) if isinstance(each, SourceFailure)]


def media(path: Path, content: bytes = b"some bytes") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (WATCH + "-2DxGwlLX5s&t=10s", "-2DxGwlLX5s"),
        ("http://m.youtube.com/watch?list=PL1&v=-2DxGwlLX5s", "-2DxGwlLX5s"),
        ("https://youtu.be/-2DxGwlLX5s?si=abc", "-2DxGwlLX5s"),
        ("https://www.youtube.com/shorts/abcdefghijk", "abcdefghijk"),
        ("https://www.youtube.com/embed/abcdefghijk?rel=0", "abcdefghijk"),
        (WATCH + "Kb2YuVZ1HX0_f303", None),
        ("https://www.youtube.com/playlist?list=PL1", None),
        ("https://example.com/watch?v=abcdefghijk", None),
        ("https://evil.com/youtube.com/watch?v=abcdefghijk", None),
    ],
)
def test_youtube_addresses(url: str, expected: str | None) -> None:
    assert youtube_id(url) == expected


def test_other_addresses_get_a_slug_and_a_hash() -> None:
    one = url_video("https://Example.com/a/My%20Squat%20%F0%9F%94%A5.mp4#t=3")
    assert one.video_id.startswith("my-squat-")
    assert one.video_id == url_video("https://example.COM/a/My%20Squat%20%F0%9F%94%A5.mp4").video_id
    assert one.video_id != url_video("https://example.com/b/My%20Squat%20%F0%9F%94%A5.mp4").video_id


@given(st.text(max_size=80))
def test_ids_are_always_safe(text: str) -> None:
    made = url_video("https://example.com/" + text.replace("#", "").replace("[", "").replace("]", "")).video_id
    assert SAFE_ID.fullmatch(made)
    assert made == made.lower()
    given_id = safe_id(text)
    assert given_id is None or (SAFE_ID.fullmatch(given_id) and not given_id.startswith("."))


@pytest.mark.parametrize(
    "text", ["", ".hidden", "..", "a/b", "a\\b", "con", "NUL", "Aux.mp4", "Squat Video", "UPPER", "x" * 97, 7]
)
def test_unsafe_ids_are_not_taken(text: object) -> None:
    assert safe_id(text) is None


def test_lists_of_every_kind(tmp_path: Path) -> None:
    ids = ["-2DxGwlLX5s", "-6GAW7wj30g", "-Edp9ybvsWc"]
    urls = [WATCH + each for each in ids]
    text = tmp_path / "a.txt"
    text.write_text(
        "\ufeff# remark\n\n" + f"{urls[0]}\r\n  {ids[1]}  \n{urls[2]} with a remark\n{urls[0]}\n", encoding="utf-8"
    )
    with (tmp_path / "b.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "Title", "URL"])
        rows.writerows([[at, "a, b", url] for at, url in enumerate(urls)])
    (tmp_path / "c.csv").write_text("\n".join(f"x,{url}" for url in urls))
    (tmp_path / "d.tsv").write_text("video_id\tname\n" + "".join(f"{each}\tx\n" for each in ids))
    (tmp_path / "e.csv").write_text("name;url\n" + "".join(f"x;{url}\n" for url in urls))
    (tmp_path / "f.jsonl").write_text("\n".join([json.dumps({"webpage_url": url, "id": "zz"}) for url in urls]))
    (tmp_path / "g.json").write_text(json.dumps(urls))
    pq.write_table(pa.table({"n": [1, 2, 3], "video_url": urls}), tmp_path / "h.parquet")
    for path in sorted(tmp_path.iterdir()):
        assert [each.video_id for each in videos(path)] == ids, path.name
        assert {each.kind for each in videos(path)} == {"url"}


def test_a_long_list_needs_no_network(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("url\n" + "".join(f"https://example.com/v/{at}.mp4\n" for at in range(20_000)))
    assert len(videos(path)) == 20_000


def test_a_damaged_list_costs_its_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        f"{WATCH}-2DxGwlLX5s\nnonsense line\n"
        + "x" * 5000
        + f"\n~nobody/x\nfile:///etc/passwd\nhttp://[bad\n{WATCH}-6GAW7wj30g\n"
    )
    found = list(expand([str(path)], config()))
    assert [each.video_id for each in found if isinstance(each, Video)] == ["-2DxGwlLX5s", "-6GAW7wj30g"]
    reasons = [each.error.reason for each in found if isinstance(each, SourceFailure)]
    assert reasons == ["bad_source", "bad_source", "bad_source", "unsupported_url", "unsupported_url"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"name,title\nx,y\n"),
        ("a.parquet", b"PAR1 not really"),
        ("a.jsonl", b'{"url": \n'),
        ("a.json", b"5"),
        ("a.csv", b'url\n"' + b"x" * 200_000),
    ],
)
def test_a_list_that_is_none_says_so(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert "bad_list" in [each.error.reason for each in failures(path)]


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    media(tmp_path / "b.mp4", b"b")
    media(tmp_path / "a" / "Deep Dir" / "x.MOV", b"x")
    media(tmp_path / "c.mkv", b"c")
    media(tmp_path / "notes.txt")
    media(tmp_path / ".hidden.mp4")
    (tmp_path / "c.info.json").write_text('{"id": "c-id"}')
    (tmp_path / "gone.info.json").write_text(json.dumps({"id": "-2DxGwlLX5s", "webpage_url": WATCH + "-2DxGwlLX5s"}))
    (tmp_path / "loop").symlink_to(tmp_path)
    found = videos(tmp_path)
    assert [(Path(each.location).name, each.kind) for each in found] == [
        ("x.MOV", "file"),
        ("b.mp4", "file"),
        ("c.mkv", "file"),
        ("gone.info.json", "info"),
    ]
    assert [each.video_id for each in found[2:]] == ["c-id", "-2DxGwlLX5s"]
    assert videos(tmp_path / "c.info.json") == [found[2]]


@pytest.mark.parametrize("kind", ["playlist", "multi_video"])
def test_what_is_no_video_is_left_out_of_a_folder(tmp_path: Path, kind: str) -> None:
    media(tmp_path / "x.mp4")
    (tmp_path / "x.info.json").write_text('{"id": "x-id"}')
    playlist = tmp_path / "00 Leg day [PL1].info.json"
    playlist.write_text(
        json.dumps({"_type": kind, "id": "PL1", "webpage_url": WATCH.replace("watch?v", "playlist?list") + "PL1"})
    )
    names = [
        "x.f137.mp4",
        "x.f251-drc.webm",
        "x.fhls-audio-1.m4v",
        "x.temp.mp4",
        "x.tmp.mkv",
        "x.uncut.mp4",
        "x.part",
        "y.mp4.part",
    ]
    for name in [*names, "x.mp4.ytdl", "y.part-Frag3.mp4", "~$x.mp4", "._x.mp4", "z.mp4.crdownload"]:
        media(tmp_path / name, name.encode())
    assert [each.video_id for each in videos(tmp_path)] == ["x-id"]
    assert [each.error.reason for each in failures(playlist)] == ["playlist"]
    # These are names that people give.
    for name in ("director.uncut.mp4", "set.fast.mp4", "part.mp4", "my.f1.mp4"):
        media(tmp_path / "own" / name, name.encode())
    assert len(videos(tmp_path / "own")) == 4


@pytest.mark.parametrize(
    ("name", "info"),
    [
        ("up.MP4", "up.info.json"),
        ("GOPR01.Mov", "GOPR01.info.json"),
        ("up.MP4", "up.INFO.JSON"),
        ("leg day.v2.WEBM", "leg day.v2.Info.json"),
        ("up.mp4", "up.info.json"),
    ],
)
def test_suffixes_in_capitals_belong_together(tmp_path: Path, name: str, info: str) -> None:
    path = media(tmp_path / name)
    (tmp_path / info).write_text('{"id": "up-1"}')
    (alone,) = videos(tmp_path)
    assert (alone.video_id, alone.kind, alone.location) == ("up-1", "file", str(path))
    assert videos(path) == videos(tmp_path / info) == [alone]
    # What is beside it counts.
    (tmp_path / info).write_text('{"id": "up-1", "title": "x"}')
    assert videos(path)[0].fingerprint != alone.fingerprint
    assert infojson.info_beside(path) == tmp_path / info
    assert infojson.media_beside(tmp_path / info) == path
    assert infojson.media_beside(tmp_path / "other.info.json") is None
    assert infojson.info_beside(tmp_path / "gone" / name) is None


def test_a_playlists_info_json_is_not_a_videos(tmp_path: Path) -> None:
    media(tmp_path / "leg day.mp4")
    (tmp_path / "leg day.info.json").write_text('{"_type": "playlist", "id": "pl-1", "entries": []}')
    assert [each.video_id.startswith("leg-day-") for each in videos(tmp_path)] == [True]


def test_local_ids_follow_the_content(tmp_path: Path) -> None:
    one, two = media(tmp_path / "a" / "clip.mp4", b"1"), media(tmp_path / "b" / "clip.mp4", b"2")
    copy = media(tmp_path / "c" / "clip.mp4", b"1")
    ids = [each.video_id for each in videos(one, two, copy)]
    assert len(ids) == 2
    assert videos(copy)[0].video_id == ids[0]


def test_two_videos_with_one_name_are_told(tmp_path: Path) -> None:
    for folder, content in (("a", b"1"), ("b", b"2"), ("c", b"1")):
        media(tmp_path / folder / "x.mp4", content)
        (tmp_path / folder / "x.info.json").write_text('{"id": "same"}')
    found = list(expand([str(tmp_path)], config()))
    assert isinstance(found[0], Video)
    assert isinstance(found[1], SourceFailure)
    assert found[1].error.reason == "id_collision"
    assert len(found) == 2
    path = tmp_path / "ids.txt"
    path.write_text("ABCDEFGHIJK\nabcdefghijk\n")
    assert [each.error.reason for each in failures(path)] == ["id_collision"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.txt", b""),
        ("remarks.txt", b"# squats\n\n# lunges\n"),
        ("head.csv", b"url,label\n"),
        ("head.tsv", b"url\tlabel\n"),
        ("empty.jsonl", b""),
        ("empty.json", b"[]"),
        ("folder", None),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_source_without_videos_is_a_failure_beside_others(
    tmp_path: Path, name: str, data: bytes | None, first: bool
) -> None:
    """It once took its videos out of the dataset, with exit code 0."""
    source, other = tmp_path / name, tmp_path / "other.txt"
    source.mkdir() if data is None else source.write_bytes(data)
    other.write_text(f"{WATCH}aaaaaaaaaaa\n")
    sources = [str(source), str(other)] if first else [str(other), str(source)]
    found = list(expand(sources, config()))
    assert [each.video_id for each in found if isinstance(each, Video)] == ["aaaaaaaaaaa"]
    (failure,) = (each for each in found if isinstance(each, SourceFailure))
    assert failure.source == str(source)


def test_a_source_whose_videos_another_one_named_is_not_without_any(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"{WATCH}aaaaaaaaaaa\n")
    assert [each.video_id for each in videos(tmp_path / "a.txt", tmp_path / "b.txt")] == ["aaaaaaaaaaa"]


def test_hostile_names_make_safe_ids(tmp_path: Path) -> None:
    names = ["-rf.mp4", "a\nb.mp4", "\u202egnp.mp4", "$(touch x).mp4", "'; drop.mp4", "日本.mp4", "x" * 240 + ".mp4"]
    for at, name in enumerate(names):
        media(tmp_path / name, str(at).encode())
    found = videos(tmp_path)
    assert len(found) == len(names)
    assert all(SAFE_ID.fullmatch(each.video_id) for each in found)


def test_what_can_not_be_read_is_a_failure(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "broken.mp4").symlink_to(tmp_path / "nowhere")
    media(tmp_path / "bad.mp4")
    (tmp_path / "bad.info.json").write_text('{"id": ')
    (tmp_path / "alone.info.json").write_text("{}")
    reasons = {Path(each.source).name: each.error.reason for each in failures(tmp_path)}
    assert reasons == {
        "pipe.mp4": "not_a_file",
        "broken.mp4": "not_a_file",
        "bad.mp4": "bad_info_json",
        "alone.info.json": "bad_info_json",
    }


def test_a_source_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no source"):
        list(expand([str(tmp_path / "nothing")], config()))
    for odd in ("x" * 5000, "~nobody/x", "a\0b", ""):
        with pytest.raises(ConfigError, match="no source"):
            list(expand([odd], config()))
    assert [each.video_id for each in videos("-2DxGwlLX5s")] == ["-2DxGwlLX5s"]


PAGE = b"""<html><head><title>Workouts</title></head><body>
<video src="one.mp4"></video><video><source src="/deep/two.mp4" type="video/mp4"></video></body></html>"""
FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>feed</title>
<item><title>a</title><link>URL/a.mp4</link></item><item><title>b</title><link>URL/b.mp4</link></item></channel></rss>"""


def test_pages_and_feeds_are_listings(tmp_path: Path) -> None:
    with WebServer(tmp_path) as site:
        site.pages["/page.html"] = ("text/html", PAGE)
        site.pages["/feed"] = ("application/rss+xml", FEED.replace(b"URL", site.url.encode()))
        page = videos(site.url + "/page.html")
        assert [each.location for each in page] == [site.url + "/one.mp4", site.url + "/deep/two.mp4"]
        feed = videos(site.url + "/feed")
        assert [each.location for each in feed] == [site.url + "/a.mp4", site.url + "/b.mp4"]
        before = site.hits.total()
        assert videos(site.url + "/c.mp4")[0].kind == "url"
        assert site.hits.total() == before
        assert [each.error.reason for each in failures(site.url + "/status/404/page")] == ["http_404"]
        blocked = failures(site.url + "/page.html", http={"allow_private_addresses": False})
        assert [each.error.reason for each in blocked] == ["blocked_address"]


def test_names_that_are_no_utf8_cost_their_files_and_no_others(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "in")
    os.makedirs(folder + b"/d\xfcrfen")
    for name in (b"ok.mp4", b"caf\xe9.mp4", b"d\xfcrfen/ok.mp4", b"\xff.info.json", "käse.mp4".encode()):
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"{}" + name)
    workspace = Workspace(str(tmp_path / "ws"))
    found = corpus(workspace, Config(), [os.fsdecode(folder)])
    assert sorted(Path(video.location).name for video in found.videos()) == ["käse.mp4", "ok.mp4"]
    told = {problem["source"].rpartition("in/")[2]: problem["reason"] for problem in workspace.problems()}
    assert told == {r"caf\xe9.mp4": "file_name", r"d\xfcrfen/ok.mp4": "file_name", r"\xff.info.json": "file_name"}
    assert all("Rename" in problem["fix"] for problem in workspace.problems())
    with pytest.raises(ConfigError, match=r"caf\\xe9.mp4 is not UTF-8"):
        corpus(workspace, Config(), [os.fsdecode(folder + b"/caf\xe9.mp4")])
