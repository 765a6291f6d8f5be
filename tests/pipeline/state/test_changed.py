"""What lies beside a video, or what a list says of it, is edited: what rests on it is made anew, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from makers import config, video
from servers import WebServer

from fimad.dataset.reader import open_dataset
from fimad.dataset.verify import verify
from fimad.pipeline.build import build
from fimad.pipeline.inspect.status import status
from fimad.pipeline.inspect.summary import Summary
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.changed import find_changed
from fimad.pipeline.state.corpus import find_videos
from fimad.pipeline.state.workspace import Workspace

STAGES = ["fimad.pipeline.stages.download:DownloadStage", "fimad.pipeline.stages.segment:SegmentStage"]
SRT = "1\n00:00:00,000 --> 00:00:01,000\n{}\n"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Summary]:
    """Builds what is named; `rows` of the dataset lie in the result's place."""
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        video(tmp_path / "in" / f"{name}.mp4", 4, tone=False, extra=("-metadata", f"title={name}"))
        info = {"id": f"{name}-id", "title": name, "chapters": [{"start_time": 0, "end_time": 4, "title": "Squats"}]}
        (tmp_path / "in" / f"{name}.info.json").write_text(json.dumps(info))

    def go(*sources: object, **sections: Any) -> Summary:
        settings = config(
            **{"workspace": str(tmp_path / "w"), "dataset": str(tmp_path / "d"), "run": {"workers": 0}, **sections}
        )
        return build(settings, [str(each) for each in sources] or [str(tmp_path / "in")], stage_paths=STAGES)

    return go


def labels(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in open_dataset(str(folder / "d")).table(["video_id", "label"]).to_pylist():
        found.setdefault(row["video_id"], []).append(row["label"])
    return found


def done(summary: Summary) -> list[int]:
    assert summary.exit_code == 0, summary
    return [summary.stages[name]["done"] for name in ("download", "segment")]


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_an_edited_info_json(tmp_path: Path, run: Callable[..., Summary]) -> None:
    assert done(run()) == [2, 2]
    assert labels(tmp_path) == {"a-id": ["squats"], "b-id": ["squats"]}
    assert done(run()) == [0, 0]
    os.utime(tmp_path / "in" / "a.info.json", (1, 1))
    assert done(run()) == [0, 0]
    halves = [{"start_time": 0, "end_time": 2, "title": "Lunges"}, {"start_time": 2, "end_time": 4, "title": "Plank"}]
    edit(tmp_path / "in" / "a.info.json", chapters=halves)
    assert done(run()) == [1, 1]
    assert labels(tmp_path) == {"a-id": ["lunges", "plank"], "b-id": ["squats"]}
    # Named by itself, and back to what it was.
    edit(tmp_path / "in" / "a.info.json", chapters=halves[:1])
    assert done(run(tmp_path / "in" / "a.mp4")) == [1, 1]
    edit(tmp_path / "in" / "a.info.json", chapters=halves)
    assert done(run()) == [1, 1]
    assert labels(tmp_path)["a-id"] == ["lunges", "plank"]


def test_a_build_that_names_nothing_sees_it_as_well(tmp_path: Path, run: Callable[..., Summary]) -> None:
    run()
    again = config(workspace=str(tmp_path / "w"), dataset=str(tmp_path / "d"), run={"workers": 0})
    assert done(build(again, stage_paths=STAGES)) == [0, 0]
    edit(tmp_path / "in" / "b.info.json", chapters=[{"start_time": 0, "end_time": 4, "title": "Lunges"}])
    (tmp_path / "in" / "a.en.srt").write_text(SRT.format("down"))
    place = Workspace(again.workspace)
    stale = {each.stage: each.counts for each in status(place, again, plan_stages(again, STAGES)).stages}
    assert [stale[name]["stale"] for name in ("download", "segment")] == [2, 2]
    assert [stale[name]["done"] for name in ("download", "segment")] == [0, 0]
    assert done(build(again, stage_paths=STAGES)) == [2, 2]
    assert labels(tmp_path)["b-id"] == ["lunges"]
    assert done(build(again, stage_paths=STAGES)) == [0, 0]
    assert done(run()) == [0, 0]
    # A file that is away for now costs nothing of what was made of it.
    (tmp_path / "in" / "a.mp4").rename(tmp_path / "away.mp4")
    assert done(build(again, stage_paths=STAGES)) == [0, 0]


def test_captions_that_are_added_and_changed(tmp_path: Path, run: Callable[..., Summary]) -> None:
    run()
    (tmp_path / "in" / "b.en.srt").write_text(SRT.format("down"))
    assert done(run()) == [1, 1]
    (tmp_path / "in" / "b.en.srt").write_text(SRT.format("up"))
    assert done(run()) == [1, 1]
    (tmp_path / "in" / "notes.txt").write_text("nothing to do with it")
    (tmp_path / "in" / "bb.en.srt").write_text(SRT.format("nobody's"))
    assert done(run()) == [0, 0]
    (tmp_path / "in" / "b.en.srt").unlink()
    assert done(run()) == [1, 1]


def test_an_info_json_that_comes_later_and_one_that_is_mended(tmp_path: Path, run: Callable[..., Summary]) -> None:
    path = video(tmp_path / "in" / "c.mp4", 4, tone=False)
    run()
    (tmp_path / "in" / "c.info.json").write_text(json.dumps({"description": "0:00 Squats\n0:02 Plank"}))
    assert done(run()) == [1, 1]
    (video_id,) = [each for each in labels(tmp_path) if each not in ("a-id", "b-id")]
    assert labels(tmp_path)[video_id] == ["squats", "plank"]
    # What was filtered for want of chapters is looked at again.
    path.with_suffix(".info.json").write_text("{}")
    assert done(run(segment={"fallback": "none"}))[0] == 1
    assert video_id not in labels(tmp_path)
    path.with_suffix(".info.json").write_text(json.dumps({"description": "0:00 Lunges\n0:02 Plank"}))
    assert done(run(segment={"fallback": "none"})) == [1, 1]
    assert labels(tmp_path)[video_id] == ["lunges", "plank"]


def test_a_list_with_other_labels(tmp_path: Path, run: Callable[..., Summary]) -> None:
    path = tmp_path / "in" / "list.csv"
    path.write_text(
        "path,start,end,label,person,split\na.mp4,0,2,squat,Ann,train\na.mp4,1,3.5,lunge,Ann,train\nb.mp4,0,9,plank,Bo,test\n"
    )
    assert done(run(path)) == [2, 2]
    rows = (
        open_dataset(str(tmp_path / "d"))
        .table(["video_id", "start_s", "end_s", "label", "person", "split", "chapter_source"])
        .to_pylist()
    )
    said = sorted(
        (row["video_id"], row["start_s"], round(row["end_s"], 1), row["label"], row["person"], row["split"])
        for row in rows
    )
    assert said == [
        ("a-id", 0, 2, "squat", "Ann", "train"),
        ("a-id", 1, 3.5, "lunge", "Ann", "train"),
        ("b-id", 0, 4, "plank", "Bo", "test"),
    ]
    assert {row["chapter_source"] for row in rows} == {"list"}
    path.write_text(path.read_text().replace("plank", "side plank").replace("test", "val"))
    assert done(run(path)) == [1, 1]
    assert labels(tmp_path)["b-id"] == ["side plank"]
    assert set(open_dataset(str(tmp_path / "d")).table(["split"]).column("split").to_pylist()) == {"train", "val"}
    # A list may put one person's videos apart: it is said, and no fault.
    path.write_text(path.read_text().replace("Bo", "Ann"))
    assert done(run(path)) == [1, 1]
    assert [str(problem) for problem in verify(str(tmp_path / "d")) if "two splits" in str(problem)] == []
    assert json.loads((tmp_path / "d" / "manifest.json").read_text())["splits_given"] is True
    # Without the list, and by a folder's name.
    assert done(run(tmp_path / "in")) == [2, 2]
    assert labels(tmp_path) == {"a-id": ["squats"], "b-id": ["squats"]}
    for name in ("b.mp4", "b.info.json"):
        (tmp_path / "in" / "plank").mkdir(exist_ok=True)
        (tmp_path / "in" / name).rename(tmp_path / "in" / "plank" / name)
    assert done(run(tmp_path / "in", labels_from_folders=True)) == [1, 1]
    assert labels(tmp_path) == {"a-id": ["squats"], "b-id": ["plank"]}


@pytest.mark.parametrize("back", ["label", "person", "both", "everything"])
def test_what_a_list_takes_back_of_videos_from_the_web(tmp_path: Path, back: str) -> None:
    """What nothing is said of any more has no fingerprint, and kept its old label and name."""
    site = tmp_path / "site"
    site.mkdir()
    for name in ("a", "b", "c"):
        video(site / f"{name}.mp4", 3, tone=False)
    path = tmp_path / "list.csv"
    settings = config(workspace=str(tmp_path / "w"), dataset=str(tmp_path / "d"), run={"workers": 0})

    def go(*sources: Path) -> Summary:
        return build(settings, [str(each) for each in sources], stage_paths=STAGES)

    def said() -> dict[str, tuple[str | None, str | None]]:
        rows = open_dataset(str(tmp_path / "d")).table(["video_id", "label", "person"]).to_pylist()
        return {row["video_id"][:1]: (row["label"], row["person"]) for row in rows}

    with WebServer(site) as server:
        lines = [f"{server.url}/{name}.mp4,{{}}" for name in ("a", "b", "c")]
        told = ["Deadlifts,Jane Doe", "Lunges,Bo", ","]
        path.write_text("\n".join(["url,label,person", *map(str.format, lines, told)]))
        assert done(go(path)) == [3, 3]
        before = said()
        assert (before["a"][1], before["c"]) == ("Jane Doe", ("c", None))
        now = {"label": ",Jane Doe", "person": "Deadlifts,", "both": ",", "everything": ","}[back]
        path.write_text("\n".join(["url,label,person", *map(str.format, lines, [now, *told[1:]])]))
        if back == "everything":
            path.write_text(f"{server.url}/a.mp4\n{server.url}/b.mp4\n{server.url}/c.mp4\n")
        place = Workspace(settings.workspace)
        plan = plan_stages(settings, STAGES)
        expected = 2 if back == "everything" else 1
        assert len(find_changed(place, plan, find_videos(place, settings, [str(path)]))) == expected
        assert done(go(path)) == [expected, expected]
        after = said()
        # Without a label in the list it is called as its file.
        assert after["a"] == (
            "a" if back != "person" else before["a"][0],
            None if back != "label" else "Jane Doe",
        )
        assert after["b"] == (("b", None) if back == "everything" else before["b"])
        assert done(go(path)) == done(go()) == [0, 0]
