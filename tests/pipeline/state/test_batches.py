"""The corpus of a workspace: what is purged is in none of its files, whatever else is on meanwhile."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from fimad.config import Config
from fimad.pipeline.acquire.given import Given
from fimad.pipeline.contract import Video
from fimad.pipeline.inspect.upkeep import take_down
from fimad.pipeline.state.corpus import corpus
from fimad.pipeline.state.workspace import Workspace


def video(number: int, person: str) -> Video:
    given = Given(person=person, label="Deadlifts").to_text()
    return Video(f"v{number}", "url", f"https://example.org/{number}.mp4", given, f"f{number}")


LIST = [video(1, "Jane Doe"), video(2, "Jöhn Roe"), video(10, "Al Poe")]


@pytest.fixture(params=["folder", "store"])
def workspace(tmp_path: Path, request: pytest.FixtureRequest) -> Workspace:
    if request.param == "folder":
        return Workspace(str(tmp_path / "ws"))
    return Workspace(f"{request.getfixturevalue('s3')}/batches-{tmp_path.name}", str(tmp_path))


def everything(workspace: Workspace) -> str:
    return "".join(workspace.store.read(name).decode() for name, _ in workspace.store.sizes("sources"))


def test_what_is_purged_is_in_no_list_and_comes_back_with_none(workspace: Workspace) -> None:
    first, _ = workspace.add_batch(LIST)
    second, _ = workspace.add_batch([video(4, "Zoe"), video(1, "Jane Doe")])
    third, _ = workspace.add_batch([video(5, "Yan")])
    problem = {
        "source": "list.csv",
        "reason": "named_twice",
        "what": "v1 was named before: Jane Doe.",
        "why": "",
        "fix": "",
    }
    other = {**problem, "what": "v10 was named before: Al Poe."}
    workspace.write_problems(first, [problem, other])
    take_down(workspace, "v1", "asked", purge=True)
    for _ in range(2):
        told = everything(workspace)
        assert "Jane" not in told
        assert "/1.mp4" not in told
        assert workspace.problems() == [other]
        # Under their old names, too: builds that are on, and notes of what datasets were made of, have those.
        assert list(workspace.videos([first])) == LIST[1:]
        assert [each.video_id for each in workspace.videos([second])] == ["v4"]
        assert [each.video_id for each in workspace.videos()] == ["v5", "v4", "v2", "v10"]
        again = corpus(workspace, Config(), (), [first])
        assert list(again.videos()) == LIST[1:]
        assert again.batches[0] in workspace.batches()
        assert len(workspace.batches()) == 3
        # The same list once more.
        name, count = workspace.add_batch(LIST)
        assert (name, count) == (again.batches[0], 3)
        workspace.add_batch([video(4, "Zoe"), video(1, "Jane Doe")])
        workspace.add_batch([video(5, "Yan")])
    assert third in workspace.batches()


def test_one_after_the_other(workspace: Workspace) -> None:
    first, _ = workspace.add_batch(LIST)
    for number in (10, 1):
        take_down(workspace, f"v{number}", "", purge=True)
    assert list(workspace.videos([first])) == [LIST[1]]
    take_down(workspace, "v2", "", purge=True)
    assert list(workspace.videos([first])) == list(workspace.videos()) == []
    assert "Roe" not in everything(workspace)
    # Who takes a note away and names the list again wants the video back.
    workspace.store.delete("removed/v1.json")
    workspace.add_batch(LIST)
    assert list(workspace.videos()) == [LIST[0]]


def test_without_purge_the_list_stays(workspace: Workspace) -> None:
    name, _ = workspace.add_batch(LIST)
    take_down(workspace, "v1", "", purge=False)
    assert list(workspace.videos([name])) == LIST[1:]
    assert "Jane" in everything(workspace)


@pytest.mark.parametrize("after", range(7))
def test_a_kill_loses_no_other_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    workspace = Workspace(str(tmp_path / "ws"))
    workspace.add_batch([video(4, "Zoe")])
    first, _ = workspace.add_batch(LIST)
    changes = []

    class Killed(BaseException):
        pass

    with suppress(Killed), monkeypatch.context() as patch:
        for action in ("put", "write", "delete"):
            real = getattr(workspace.store, action)

            def do(*values: object, real=real) -> None:  # type: ignore[no-untyped-def]
                if len(changes) == after:
                    raise Killed
                changes.append(values)
                real(*values)

            patch.setattr(workspace.store, action, do)
        workspace.forget_source("v1")
    assert [each.video_id for each in workspace.videos([first]) if each.video_id != "v1"] == ["v2", "v10"]
    take_down(workspace, "v1", "", purge=True)
    assert [each.video_id for each in workspace.videos()] == ["v2", "v10", "v4"]
    assert [each.video_id for each in workspace.videos([first])] == ["v2", "v10"]
    assert "Jane" not in everything(workspace)
    assert len(workspace.batches()) == 2
    json.loads(workspace.store.read("sources/latest.json"))
