"""Metadata of a whole video beside a file that holds a part of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import config, stage_input, video

from fimad.errors import PermanentError
from fimad.pipeline.acquire import infojson
from fimad.pipeline.acquire.captions import Cue
from fimad.pipeline.acquire.timeline import Published, chapters_in_file, compare, cues_in_file
from fimad.pipeline.contract import Video
from fimad.pipeline.stages.captions import CaptionsStage
from fimad.pipeline.stages.download import DownloadStage
from fimad.pipeline.stages.segment import SegmentStage

CHAPTERS = [
    {"start_time": at * 10.0, "end_time": (at + 1) * 10.0, "title": title}
    for at, title in enumerate(("Intro", "Squats", "Rest", "Lunges", "Plank", "Outro"))
]
WHOLE: dict[str, Any] = {"duration": 60, "chapters": CHAPTERS}


def sponsor(start: float, end: float, category: str, kind: str = "skip") -> dict[str, Any]:
    return {"start_time": start, "end_time": end, "category": category, "type": kind}


def moved(info: dict[str, Any], length_s: float) -> tuple[Any, list[tuple[str, float, float]]]:
    """The kept ranges, and chapters on the file's clock."""
    published = compare(info, length_s)
    rows = [] if published.ranges == () else chapters_in_file(infojson.chapters_of(info), published) or []
    return published.ranges, [(row["title"], row["start_s"], row["end_s"]) for row in rows]


@pytest.mark.parametrize(
    ("more", "length_s", "expected"),
    [
        ({"section_start": 10, "section_end": 20}, 10.04, [("Squats", 0, 10)]),
        ({"section_start": 15.5, "section_end": 35}, 19.5, [("Squats", 0, 4.5), ("Rest", 4.5, 14.5), ("Lunges", 14.5, 19.5)]),
        ({"section_start": 45, "section_end": None}, 15, [("Plank", 0, 5), ("Outro", 5, 15)]),
        ({"section_start": 30, "section_end": 40, "duration": 10}, 10, [("Lunges", 0, 10)]),
        ({"section_end": 20}, 20, [("Intro", 0, 10), ("Squats", 10, 20)]),
    ],
)  # fmt: skip
def test_a_section(more: dict[str, Any], length_s: float, expected: list[tuple[str, float, float]]) -> None:
    ranges, chapters = moved(WHOLE | more, length_s)
    assert len(ranges) == 1
    assert chapters == expected


@pytest.mark.parametrize(
    ("segments", "length_s", "expected"),
    [
        ([sponsor(0, 10, "intro")], 50, [("Squats", 0, 10), ("Rest", 10, 20), ("Lunges", 20, 30), ("Plank", 30, 40), ("Outro", 40, 50)]),
        (
            [sponsor(12, 15, "sponsor"), sponsor(50, 60, "outro")],
            47,
            [("Intro", 0, 10), ("Squats", 10, 17), ("Rest", 17, 27), ("Lunges", 27, 37), ("Plank", 37, 47)],
        ),
        (
            [sponsor(25, 33, "sponsor"), sponsor(50, 60, "outro"), sponsor(3, 4, "poi_highlight", "poi")],
            52,
            [("Intro", 0, 10), ("Squats", 10, 20), ("Rest", 20, 25), ("Lunges", 25, 32), ("Plank", 32, 42), ("Outro", 42, 52)],
        ),
    ],
)  # fmt: skip
def test_what_sponsorblock_cut_out(segments: list[Any], length_s: float, expected: list[Any]) -> None:
    _, chapters = moved(WHOLE | {"sponsorblock_chapters": segments}, length_s)
    assert chapters == expected


@pytest.mark.parametrize(
    ("info", "length_s"),
    [
        (WHOLE, 60.0),
        (WHOLE, 61.5),
        (WHOLE | {"duration": None}, 12.0),
        (WHOLE | {"sponsorblock_chapters": [sponsor(0, 10, "intro")]}, 60.0),
        ({"chapters": CHAPTERS}, 12.0),
    ],
)
def test_a_whole_video_is_left_alone(info: dict[str, Any], length_s: float) -> None:
    assert compare(info, length_s) == Published()


@pytest.mark.parametrize(
    ("more", "length_s"),
    [
        ({}, 20.0),
        ({}, 90.0),
        ({"section_start": 10, "section_end": 20}, 4.0),
        ({"section_start": 10, "section_end": 20}, 15.0),
        ({"section_start": 20, "section_end": 10}, 10.0),
        ({"sponsorblock_chapters": [sponsor(0, 10, "intro")]}, 42.0),
        # Two things of one length: nobody knows which is gone.
        ({"sponsorblock_chapters": [sponsor(0, 10, "intro"), sponsor(50, 60, "outro")]}, 50.0),
    ],
)
def test_what_can_not_be_reconciled_is_not_used(more: dict[str, Any], length_s: float) -> None:
    published = compare(WHOLE | more, length_s)
    assert published.ranges == ()
    assert published.note is not None
    assert published.note.startswith("not used: the file lasts")


CUES = [Cue(1, 3, "hello"), Cue(12, 14, "down"), Cue(18, 22, "up"), Cue(50, 52, "bye")]


@pytest.mark.parametrize(
    ("count", "begin_s", "end_s", "expected"),
    [
        (4, 10.0, 20.0, [Cue(2, 4, "down"), Cue(8, 10, "up")]),
        # All of them end within the first ten seconds, which are not those that the file holds.
        (1, 10.0, 20.0, []),
        (2, 13.0, 33.0, [Cue(0, 1, "down")]),
        (3, 0.0, 13.0, [Cue(1, 3, "hello"), Cue(12, 13, "down")]),
    ],
)
def test_a_section_has_the_captions_of_its_part(count: int, begin_s: float, end_s: float, expected: list[Cue]) -> None:
    section = compare({"section_start": begin_s, "section_end": end_s, "duration": 60}, end_s - begin_s)
    assert cues_in_file(CUES[:count], section, end_s - begin_s) == expected


def test_captions_that_sponsorblock_cut_with_the_file_are_its_own() -> None:
    cut = compare({"duration": 60, "sponsorblock_chapters": [sponsor(0, 10, "intro")]}, 50.0)
    assert cues_in_file(CUES, cut, 50.0) == [Cue(2, 4, "down"), Cue(8, 12, "up"), Cue(40, 42, "bye")]
    for count in (1, 2, 3):
        assert cues_in_file(CUES[:count], cut, 50.0) == CUES[:count]
    assert cues_in_file([Cue(8, 12, "late"), Cue(11, 12, "later")], Published(), 10.0) == [Cue(8, 10, "late")]


@pytest.mark.parametrize(
    "more", [{"duration": 300}, {"section_start": 60, "section_end": 90}, {"section_start": 60, "section_end": 50}]
)
def test_captions_of_an_unknown_part_are_left_out(more: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="not used: the file lasts 4") as caught:
        cues_in_file(CUES[:1], compare({"duration": 300} | more, 4.0), 4.0)
    assert caught.value.reason == "captions_cut"


def built(folder: Path, path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    item = stage_input(Video("v", "file", str(path)), folder, media=path)
    table = DownloadStage(config()).run(item)
    with_download = stage_input(item.video, folder, {"download": table}, path)
    clips = SegmentStage(config()).run(with_download)
    captions = CaptionsStage(config()).run(with_download)
    return table.to_pylist()[0] | captions.to_pylist()[0], clips.to_pylist()


def test_a_section_through_the_stages(tmp_path: Path) -> None:
    path = video(tmp_path / "x.mp4", 4)
    (tmp_path / "x.en.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:03.000\nhello\n\n00:21.000 --> 00:23.000\nlower\n")
    text = "0:00 Intro\n0:20 Squats\n0:22 Lunges\n0:24 Plank"
    info = {"duration": 60, "section_start": 20, "section_end": 24, "description": text}
    for more in ({}, {"chapters": [{"start_time": 0, "end_time": 20, "title": "Intro"}, {"start_time": 20, "end_time": 22, "title": "Squats"}, {"start_time": 22, "end_time": 60, "title": "Lunges"}]}):  # fmt: skip
        (tmp_path / "x.info.json").write_text(json.dumps(info | more))
        row, clips = built(tmp_path, path)
        assert row["published_note"] == "moved to the section from 20.000 to 24.000 s"
        assert [(each["start_s"], each["end_s"], each["text"]) for each in row["captions"]] == [(1, 3, "lower")]
        assert [(each["label"], each["start_s"]) for each in clips] == [("squats", 0), ("lunges", 2)]
        assert {each["chapter_source"] for each in clips} == {"platform" if more else "description"}
    (tmp_path / "x.info.json").write_text(json.dumps(info | {"section_end": 50}))
    row, clips = built(tmp_path, path)
    assert row["published_ranges"] == []
    assert (row["captions"], row["captions_note"]) == (None, "captions_cut")
    assert [each["chapter_source"] for each in clips] == ["whole"]


@pytest.mark.parametrize("text", [str, lambda value: f" {value:.1f}\n"])
def test_numbers_may_be_written_as_texts(text: Any) -> None:
    section = {"section_start": text(10), "section_end": text(20), "duration": text(60)}
    assert moved(WHOLE | section, 10.0) == (((10.0, 20.0),), [("Squats", 0, 10)])
    assert compare(WHOLE | {"duration": text(60)}, 20.0).ranges == ()
    assert compare(WHOLE | {"duration": text(60)}, 60.0) == Published()
    cut = [{"start_time": text(0), "end_time": text(10), "category": "intro"}]
    assert compare({"duration": text(60), "sponsorblock_chapters": cut}, 50.0).ranges == ((10.0, 60.0),)
    for nothing in ("", "nan", "inf", "1:00", "soon"):
        assert compare(WHOLE | {"duration": nothing}, 20.0) == Published()


NUMBER = st.none() | st.floats() | st.integers() | st.text(max_size=3) | st.booleans()
SEGMENT = st.fixed_dictionaries(
    {}, optional={"start_time": NUMBER, "end_time": NUMBER, "category": st.text(max_size=2), "type": NUMBER}
)
INFO = st.fixed_dictionaries(
    {},
    optional={
        "section_start": NUMBER,
        "section_end": NUMBER,
        "duration": NUMBER,
        "sponsorblock_chapters": NUMBER | st.lists(SEGMENT | NUMBER, max_size=14),
        "chapters": NUMBER | st.lists(SEGMENT | NUMBER, max_size=6),
    },
)


@given(INFO, st.floats(0.01, 1e5))
def test_any_metadata_give_times_within_the_file_or_none(info: dict[str, Any], length_s: float) -> None:
    published = compare(info, length_s)
    rows = chapters_in_file(infojson.chapters_of(info), published)
    if published.ranges is not None and rows:
        held = sum(stop - begin for begin, stop in published.ranges)
        assert all(0 <= row["start_s"] < row["end_s"] <= held * (1 + 1e-9) for row in rows)
