"""An expansion of sources that is broken off goes on where it stopped, and one without end has one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from makers import config
from servers import WebServer

from fimad.pipeline.acquire import sources
from fimad.pipeline.state import listings
from fimad.pipeline.state.corpus import Corpus, corpus
from fimad.pipeline.state.workspace import Workspace

PAGE = '<html><head><title>Workouts</title></head><body><video src="{0}.mp4"></video><video src="{0}b.mp4?token=s3cret"></video></body></html>'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebServer]:
    with WebServer(tmp_path) as site:
        for name in "xyz":
            site.pages[f"/{name}.html"] = ("text/html", PAGE.format(name).encode())
        yield site


@pytest.fixture
def urls(site: WebServer) -> list[str]:
    return [f"{site.url}/{name}.html" for name in "xyz"]


def expand(workspace: Workspace, urls: list[str]) -> Corpus:
    return corpus(workspace, config(http={"timeout_s": 5.0}), urls)


def break_off(workspace: Workspace, urls: list[str], at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sources._Expansion._listed

    def listed(self: object, url: str) -> Iterator[str]:
        found = real(self, url)  # type: ignore[arg-type]
        yield next(found)
        if url == at:
            raise KeyboardInterrupt
        yield from found

    with monkeypatch.context() as patch:
        patch.setattr(sources._Expansion, "_listed", listed)
        with pytest.raises(KeyboardInterrupt):
            expand(workspace, urls)


def test_what_was_read_to_its_end_is_not_asked_for_again(
    tmp_path: Path, site: WebServer, urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [(each.video_id, each.location) for each in expand(Workspace(str(tmp_path / "a")), urls).videos()]
    assert len(whole) == 6
    site.hits.clear()
    workspace = Workspace(str(tmp_path / "b"))
    break_off(workspace, urls, urls[1], monkeypatch)
    asked = {name: site.hits[f"/{name}.html"] for name in "xyz"}
    assert asked["x"]
    assert asked["y"]
    assert not asked["z"]
    found = expand(Workspace(workspace.url), urls)
    assert [(each.video_id, each.location) for each in found.videos()] == whole
    assert site.hits["/x.html"] == asked["x"]
    assert site.hits["/y.html"] == 2 * asked["y"]
    # It came to its end: the next one asks anew, since there may be more by then.
    assert not workspace.store.files("listings")
    expand(workspace, urls)
    assert site.hits["/x.html"] == 2 * asked["x"]


def test_secrets_stay_out_of_it(tmp_path: Path, urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(str(tmp_path / "ws"))
    break_off(workspace, urls, urls[2], monkeypatch)
    kept = [workspace.store.read(name) for name, _ in workspace.store.sizes("listings")]
    assert len(kept) == 2
    assert not any(b"s3cret" in each for each in kept)
    assert "token=s3cret" in list(expand(workspace, urls).videos())[1].location


@pytest.mark.parametrize("how", ["old", "future", "damaged", "other"])
def test_what_is_old_or_damaged_or_of_other_sources_is_asked_again(
    tmp_path: Path, site: WebServer, urls: list[str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    workspace = Workspace(str(tmp_path / "ws"))
    break_off(workspace, urls, urls[1], monkeypatch)
    ((name, _),) = workspace.store.sizes("listings")
    data = json.loads(workspace.store.read(name))
    data["read_at"] += {"old": -listings._MOST_AGE_S, "future": 1000.0}.get(how, 0.0)
    workspace.store.write(name, b"{" if how == "damaged" else json.dumps(data).encode())
    before = site.hits["/x.html"]
    assert len(list(expand(workspace, urls[:2] if how == "other" else urls).videos())) >= 4
    assert site.hits["/x.html"] > before


def test_a_listing_without_end_is_given_up_and_what_it_gave_counts(
    tmp_path: Path, urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fimad.pipeline.acquire.network.ytdlp import Session

    def entries(self: Session, url: str) -> Iterator[dict[str, str]]:
        number = 0
        while True:
            number += 1
            yield {"url": f"{urls[0]}/{number}.mp4"}

    monkeypatch.setattr(Session, "entries", entries)
    found = corpus(Workspace(str(tmp_path / "ws")), config(http={"timeout_s": 5.0, "listing_s": 0.05}), [urls[0]])
    (problem,) = found.problems
    assert problem.reason == "listing_deadline"
    assert "listing_s" in problem.fix
    assert len(list(found.videos())) >= 1


def test_a_long_expansion_says_how_far_it_is(tmp_path: Path, urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fimad.pipeline.state.corpus._SAY_S", 0.0)
    said: list[str] = []
    corpus(Workspace(str(tmp_path / "ws")), config(http={"timeout_s": 5.0}), urls, say=said.append)
    assert said[-1] == "6 videos found so far"
