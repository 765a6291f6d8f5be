"""One video has one id however its address is written, and no secret is stored."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import config

from fimad.pipeline.acquire.addresses import redacted, url_id, watch_url, without_secrets, youtube_id
from fimad.pipeline.acquire.sources import SourceFailure, _Expansion, expand
from fimad.pipeline.contract import Video
from fimad.pipeline.state.secrets import Secrets
from fimad.pipeline.state.workspace import Workspace

ID = "dQw4w9WgXcQ"

FORMS = [
    f"https://www.youtube.com/watch?v={ID}",
    f"http://youtube.com/watch?v={ID}&list=PLx&index=3&t=30s",
    f"https://www.youtube.com/watch/{ID}",
    f"https://www.youtube.com/?v={ID}",
    f"https://www.youtube.com?v={ID}",
    f"https://gaming.youtube.com/watch?v={ID}",
    f"https://music.youtube.com/watch?v={ID}",
    f"https://m.youtube.com/#/watch?v={ID}",
    f"https://www.youtube-nocookie.com/embed/{ID}?rel=0",
    f"https://youtube-nocookie.com/v/{ID}",
    f"https://www.youtubekids.com/watch?v={ID}",
    f"https://www.youtube.com/live/{ID}?feature=share",
    f"https://www.youtube.com/shorts/{ID}/",
    f"https://www.youtube.com/e/{ID}",
    f"https://www.youtube.com/vi/{ID}",
    f"https://youtu.be/{ID}?si=abc",
    f"https://www.youtu.be/{ID}",
    f"https://www.youtube.com/attribution_link?a=x&u=%2Fwatch%3Fv%3D{ID}%26feature%3Dshare",
    f"https://www.youtube.com/redirect?q=https%3A%2F%2Fyoutu.be%2F{ID}",
    f"https://www.youtube.com/oembed?url=https%3A//www.youtube.com/watch%3Fv%3D{ID}",
    f"HTTPS://WWW.YOUTUBE.COM:443/watch?v={ID}",
    f"https://user@www.youtube.com/watch?v={ID}",
    f"youtube.com/watch?v={ID}",
    f"www.youtube.com/shorts/{ID}",
    f"youtu.be/{ID}",
    f"//www.youtube.com/embed/{ID}",
    f"https://www.youtube.com/watch?feature=share&amp;v={ID}",
    f"https://www.youtube.com/watch?feature=share&amp;amp;list=x&#38;v={ID}",
    f"https://www.youtube.com/watch?feature=share;v={ID}",
    f"https://www.youtube.com/watch.php?v={ID}",
    f"https://www.youtube.com/movie_popup?v={ID}",
    f"https://www.youtube.com/watch#!v={ID}",
    f"https://www.youtube.com/embed?v={ID}",
    f"https://de.youtube.com/watch?v={ID}",
    f"de.youtube.com/watch?v={ID}",
    f"https://youtubeeducation.com/embed/{ID}",
    f"https://www.youtubeeducation.com/embed/{ID}",
    f"https://youtu.be/watch?v={ID}",
    f"https://youtu.be/embed/{ID}",
    f"https://youtu.be/?v={ID}",
    f"https://yewtu.be/watch?v={ID}&local=true",
    f"https://yewtu.be/{ID}",
    f"https://piped.video/watch?v={ID}",
    f"https://invidious.next.example/embed/{ID}",
    f"https://youtube.googleapis.com/v/{ID}",
    f"https://www.hooktube.com/watch?v={ID}",
    f"https://vid.plus/{ID}",
    # Stray bytes at the end.
    f"https://www.youtube.com/watch?v={ID}%0A",
    f"https://www.youtube.com/watch?v={ID}%0D%0A",
    f"https://www.youtube.com/watch?v={ID}%20",
    f"https://www.youtube.com/watch?v={ID}?t=30",
    f"https://www.youtube.com/watch?v={ID}&amp;t=30",
    f"https://youtu.be/{ID}%22",
    f" https://youtu.be/{ID}\n",
]


@pytest.mark.parametrize("url", FORMS)
def test_forms_of_a_youtube_address(url: str) -> None:
    assert youtube_id(url) == ID


def test_all_forms_are_one_video(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join([*FORMS, ID]))
    assert list(expand([str(path)], config())) == [Video(ID, "url", f"https://www.youtube.com/watch?v={ID}")]


@pytest.mark.parametrize(
    "url",
    [
        f"https://www.youtube.com/watch?v={ID}x",
        f"https://www.youtube.com/watch?v={ID[:10]}",
        f"https://www.youtube.com/watch?v={ID[:10]}%0A",
        f"https://www.youtube.com.evil.example/watch?v={ID}",
        f"https://notyoutube.com/watch?v={ID}",
        f"https://a.b.youtube.com/watch?v={ID}",
        f"https://youtube.example/watch?v={ID}",
        f"https://www.youtube.com/{ID}",
        "https://www.youtube.com/embed/videoseries?list=PLx",
        "https://www.youtube.com/embed/live_stream?channel=UCx",
        "https://www.youtube-nocookie.com/embed/videoseries?list=PLx",
        "https://www.youtube.com/v/videoseries?list=PLx",
        "https://yewtu.be/preferences",
        f"https://example.com/?u=https://youtu.be/{ID}",
    ],
)
def test_other_addresses_are_none_of_youtubes(url: str) -> None:
    assert youtube_id(url) is None


def test_hosts_are_those_of_yt_dlp() -> None:
    from yt_dlp.extractor.youtube import YoutubeIE

    # Patterns such as `(?:www\.)?yewtu\.be`: without the optional name before, and hidden services.
    names = [re.sub(r"^\(\?:.+?\)\\\.\)\?|^\(\?:www\\\.\)\?", "", each) for each in YoutubeIE._INVIDIOUS_SITES]
    hosts = {name.replace("\\", "") for name in names if "(" not in name and not name.endswith((".onion", ".i2p"))}
    urls = [f"https://{host}/watch?v={ID}" for host in sorted(hosts)]
    assert len(urls) > 90
    assert all(YoutubeIE.suitable(url) for url in urls)
    assert [url for url in urls if youtube_id(url) != ID] == []


def test_players_of_playlists_and_of_channels_are_listings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {
        "https://www.youtube.com/embed/videoseries?list=PLa": ["a" * 11, "b" * 11],
        "https://www.youtube-nocookie.com/embed/videoseries?list=PLb": ["b" * 11, "c" * 11],
        "https://www.youtube.com/embed/live_stream?channel=UCx": ["d" * 11],
        "https://yewtu.be/playlist?list=PLc": ["e" * 11],
    }
    monkeypatch.setattr(_Expansion, "_listed", lambda self, url: iter([watch_url(each) for each in listed[url]]))
    path = tmp_path / "a.txt"
    path.write_text("\n".join(listed))
    assert [each.video_id for each in expand([str(path)], config()) if isinstance(each, Video)] == [
        letter * 11 for letter in "abcde"
    ]


def test_ids_have_64_bits_and_a_collision_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = [f"https://cdn.example/v/{at}/master.m3u8" for at in range(20_000)]
    ids = {url_id(url) for url in urls}
    assert len(ids) == len(urls)
    assert all(len(each.rpartition("-")[2]) == 16 for each in ids)
    monkeypatch.setattr("fimad.pipeline.acquire.addresses.short_hash", lambda data: "0" * 16)
    path = tmp_path / "a.txt"
    path.write_text("\n".join([urls[0], urls[1], urls[0], urls[2]]))
    found = list(expand([str(path)], config()))
    assert [each.location for each in found if isinstance(each, Video)] == urls[:1]
    failures = [each for each in found if isinstance(each, SourceFailure)]
    assert [each.error.reason for each in failures] == ["id_collision"] * 2
    assert urls[1] in failures[0].error.what


@pytest.mark.parametrize(
    ("url", "shared"),
    [
        ("https://ann:s3cret@a.example/x.mp4", "https://a.example/x.mp4"),
        ("https://s3cret@a.example:8443/x.mp4?id=7", "https://a.example:8443/x.mp4?id=7"),
        (
            "https://b.s3.amazonaws.com/x.mp4?X-Amz-Algorithm=A&X-Amz-Credential=s3cret&X-Amz-Expires=60&X-Amz-Signature=s3cret",
            "https://b.s3.amazonaws.com/x.mp4",
        ),
        ("https://s.example/x.mp4?X-Goog-Signature=s3cret&v=2", "https://s.example/x.mp4?v=2"),
        ("https://a.example/x.mp4?sv=2020&se=2026-01-01&sr=b&sp=r&sig=s3cret", "https://a.example/x.mp4"),
        ("https://d.cloudfront.net/x.mp4?Expires=17&Signature=s3cret&Key-Pair-Id=s3cret", "https://d.cloudfront.net/x.mp4"),
        ("https://d.cloudfront.net/x.mp4?Policy=s3cret-and-long-enough&Signature=s3cret", "https://d.cloudfront.net/x.mp4"),
        ("https://a.example/watch?id=5&access_token=s3cret", "https://a.example/watch?id=5"),
        ("https://a.example/watch?id=5&api_key=s3cret#t=3", "https://a.example/watch?id=5#t=3"),
        ("https://a.example/watch?apikey=s3cret", "https://a.example/watch"),
        ("https://a.example/x.mp4?hdnea=exp=1~acl=*~hmac=s3cret", "https://a.example/x.mp4"),
        ("https://a.example/hdntl=exp=1~hmac=s3cret/x.m3u8", "https://a.example/x.m3u8"),
        ("https://a.example/x;jsessionid=s3cret?id=1", "https://a.example/x?id=1"),
        ("https://a.example/x.mp4#access_token=s3cret", "https://a.example/x.mp4"),
        ("https://a.example/x.mp4?st=s3cret&e=17&token=s3cret", "https://a.example/x.mp4"),
        ("https://a.example/x.mp4?auth_key=17-0-0-s3cret&v=2", "https://a.example/x.mp4?v=2"),
        ("https://a.example/x.mp4?v=2&x-auth-key=s3cret&w=3", "https://a.example/x.mp4?v=2&w=3"),
        ("https://onedrive.example/x?resid=5&authkey=s3cret", "https://onedrive.example/x?resid=5"),
        ("https://www.dropbox.example/scl/fi/x.mp4?rlkey=s3cret&dl=0", "https://www.dropbox.example/scl/fi/x.mp4?dl=0"),
        ("https://a.example/x?id=1&pass=s3cret", "https://a.example/x?id=1"),
        ("https://a.example/x?passphrase=s3cret", "https://a.example/x"),
        ("https://a.example/x?id=1&tok=s3cret&cookie=s3cret", "https://a.example/x?id=1"),
        ("https://a.example/x?id=1&ticket=ST-17-s3cret-and-long", "https://a.example/x?id=1"),
        ("https://a.example/x?id=1&tk=s3cret-and-long-enough", "https://a.example/x?id=1"),
        ("https://a.example/back?code=s3cret&state=x&id=1", "https://a.example/back?id=1"),
        ("https://fbcdn.example/x.mp4?cat=1&oh=00_s3cret&oe=65A1", "https://fbcdn.example/x.mp4?cat=1"),
        ("https://fbcdn.example/x.mp4?cat=1&__gda__=17_s3cret", "https://fbcdn.example/x.mp4?cat=1"),
        ("https://vimeo.com/76979871?h=5ec3e7&share=copy", "https://vimeo.com/76979871?share=copy"),
        ("https://player.vimeo.com/video/76979871?h=s3cret", "https://player.vimeo.com/video/76979871"),
        ("https://vimeo.com/76979871/5ec3e75ec3", "https://vimeo.com/76979871"),
        ("https://a.example/x?a=1;token=s3cret", "https://a.example/x?a=1"),
        ("https://a.example/x?token=s3cret;a=1", "https://a.example/x?a=1"),
        ("https://a.example/x?a=1&amp;token=s3cret&amp;b=2", "https://a.example/x?a=1&amp;b=2"),
        ("https://a.example/x#t=1&token=s3cret", "https://a.example/x#t=1"),
        ("https://a.example/x#/watch?token=s3cret&v=1", "https://a.example/x#/watch?v=1"),
        ("https://a.example/p?url=https://ann:s3cret@b.example/&v=1", "https://a.example/p?url=https://b.example/&v=1"),
        ("https://a.example/p?url=https://b.example/x?token=s3cret", "https://a.example/p?url=https://b.example/x"),
        ("https://a.example/p?n=https%3A%2F%2Fb.example%2F%3Ftoken%3Ds3cret%26v%3D1", "https://a.example/p?n=https%3A%2F%2Fb.example%2F%3Fv%3D1"),
        ("https://a.example/p?n=https%253A%252F%252Fann%253As3cret%2540b.example%252F", "https://a.example/p?n=https%253A%252F%252Fb.example%252F"),
        ("https://archive.example/2020/https://ann:s3cret@b.example/x", "https://archive.example/2020/https://b.example/x"),
        # What says which video it is stays.
        ("https://a.example/watch?code=squat&ticket=7&tk=3&oe=5&h=720", "https://a.example/watch?code=squat&ticket=7&tk=3&oe=5&h=720"),
        ("https://a.example/watch?code=a-name-of-twenty-letters", "https://a.example/watch?code=a-name-of-twenty-letters"),
        ("https://a.example/p?author_key=ann&passage=2&compass=n", "https://a.example/p?author_key=ann&passage=2&compass=n"),
        ("https://a.example/p?u=https%3A%2F%2Fb.example%2F%3Fv%3D1;x=2?y", "https://a.example/p?u=https%3A%2F%2Fb.example%2F%3Fv%3D1;x=2?y"),
        ("https://vimeo.com/channels/staffpicks/76979871#t=1m", "https://vimeo.com/channels/staffpicks/76979871#t=1m"),
        ("https://a.example/watch?key=squat&e=3&id=7", "https://a.example/watch?key=squat&e=3&id=7"),
        ("https://a.example/p?signed=no&sort=up&t=5", "https://a.example/p?signed=no&sort=up&t=5"),
    ],
)  # fmt: skip
def test_secrets_of_an_address(url: str, shared: str) -> None:
    assert without_secrets(url) == shared
    assert "s3cret" not in redacted(f"HTTP 403 for <{url}>, tried {url!r}")
    assert url_id(url) == url_id(shared)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("got https://a.example/x?a='b'&token=s3cret here", "got https://a.example/x?a='b'&token=*** here"),
        ("got https://a.example/x?a=<b>&X-Amz-Signature=s3cret", "got https://a.example/x?a=<b>&X-Amz-Signature=***"),
        ("GET /x.mp4?token=s3cret&v=1 403", "GET /x.mp4?token=***&v=1 403"),
        (r'{"u": "https:\/\/ann:s3cret@a.example\/x?token=s3cret\u0026v=1"}', r'{"u": "https:\/\/a.example\/x?v=1"}'),
        (r'"\/x?v=1\u0026auth_key=s3cret"', r'"\/x?v=1\u0026auth_key=***"'),
        ("Authorization: Bearer s3cret", "Authorization: ***"),
        ("{'Authorization': 'Basic s3cret', 'Range': '0-'}", "{'Authorization': '***', 'Range': '0-'}"),
        ('"x-api-key": "s3cret"', '"x-api-key": "***"'),
        ("Set-Cookie: sid=s3cret; path=/", "Set-Cookie: ***"),
        # Neither an address nor a header.
        ("max_tokens=512, auth=True, see --cookies; pass 2 of 3", "max_tokens=512, auth=True, see --cookies; pass 2 of 3"),
    ],
)  # fmt: skip
def test_secrets_of_a_text(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_hostile_addresses_take_no_time() -> None:
    for piece in (
        "?a=",
        "%25",
        "&amp;",
        "https://",
        "://a@",
        ";token=",
        "token",
        "\\/",
        "x-key",
        "authorization: ",
        "sess",
        "#?;&",
    ):
        for text in (f"https://a.example/?u={piece * 40_000}", piece * 80_000):
            without_secrets(text)
            redacted(text)
            youtube_id(text.replace("a.example", "youtu.be"))


@given(
    st.text(max_size=60),
    st.sampled_from(["user:s3cret@", ""]),
    st.sampled_from(["?token=s3cret", "?a=b&X-Amz-Signature=s3cret", "?a=b;auth_key=s3cret", "#a=b&tok=s3cret"]),
)
def test_no_address_keeps_its_secret(path: str, user: str, query: str) -> None:
    path = "".join(char for char in path if char not in "?#/\\@:[]" and char.isprintable())
    assert "s3cret" not in without_secrets(f"https://{user}a.example/{path}{query}")
    without_secrets(path)


def test_secrets_lie_in_a_private_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    signed = "https://ann:s3cret@a.example/x.mp4?token=s3cret"
    workspace = Workspace(str(tmp_path / "w"))
    name, _ = workspace.add_batch([Video("x-1", "url", signed), Video("y-1", "url", "https://a.example/y.mp4")])
    stored = [path.read_bytes() for path in (tmp_path / "w").rglob("*") if path.is_file()]
    assert stored
    assert not any(b"s3cret" in data for data in stored)
    assert [video.location for video in Workspace(str(tmp_path / "w")).videos([name])] == [
        signed,
        "https://a.example/y.mp4",
    ]
    secrets = Secrets(workspace.url)
    assert json.loads(secrets.path.read_text()) == {"https://a.example/x.mp4": signed}
    assert stat.S_IMODE(os.stat(secrets.path).st_mode) == 0o600
    # A newer signature takes the place of the old one.
    newer = signed.replace("s3cret", "n3wer")
    again, _ = workspace.add_batch([Video("x-1", "url", newer), Video("y-1", "url", "https://a.example/y.mp4")])
    assert again == name
    assert next(iter(Workspace(str(tmp_path / "w")).videos())).location == newer
