"""Chapters to clips."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import DEMO, config, ffmpeg, stage_input, video

from fimad.config import SegmentConfig
from fimad.errors import Filtered, PermanentError
from fimad.pipeline.contract import Video
from fimad.pipeline.stages.chapters import label_of
from fimad.pipeline.stages.download import DownloadStage
from fimad.pipeline.stages.segment import Chapter, SegmentStage, find_chapters, mend
from fimad.schema import SEGMENT

LIMITS = SegmentConfig()
SHARED = Path(__file__).parents[4] / "shared" / "data"


def clips(
    chapters: list[tuple[float, float | None]], duration_s: float = 100.0
) -> list[tuple[float, float, str | None]]:
    made = mend([Chapter(start, end, "x") for start, end in chapters], duration_s, LIMITS)
    return [(clip.start_s, clip.end_s, clip.filtered) for clip in made]


@pytest.mark.parametrize(
    ("chapters", "expected"),
    [
        ([(0, 10), (10, 20)], [(0, 10, None), (10, 20, None)]),
        ([(0, None), (10, None)], [(0, 10, None), (10, 100, None)]),
        ([(10, 20), (0, 10)], [(10, 20, None), (0, 10, None)]),
        ([(0, 15), (10, 20)], [(0, 10, None), (10, 20, None)]),
        ([(0, 10), (90, 250)], [(0, 10, None), (90, 100, None)]),
        ([(0, 10), (100, 110), (300, 400)], [(0, 10, None), (100, 100, "beyond_end"), (300, 300, "beyond_end")]),
        ([(-5, 10), (10, 20)], [(0, 10, None), (10, 20, None)]),
        ([(20, 10), (40, 40)], [(20, 40, None), (40, 100, None)]),
        (
            [(math.nan, 5), (0, math.nan), (math.inf, 3)],
            [(0, 0, "invalid_time"), (0, 100, None), (0, 0, "invalid_time")],
        ),
        ([(10, 20), (10, 30)], [(10, 20, None), (10, 10, "empty")]),
        ([(0, 0.5), (10, 20)], [(0, 0.5, "too_short"), (10, 20, None)]),
        ([], []),
    ],
)
def test_chapters_are_mended(
    chapters: list[tuple[float, float | None]], expected: list[tuple[float, float, str | None]]
) -> None:
    assert clips(chapters) == expected


def test_two_minutes_are_too_long() -> None:
    assert [each[2] for each in clips([(0, 119.99), (200, 320), (400, 900)], 1000)] == [None, "too_long", "too_long"]


NUMBER = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-10, 200)


@given(st.lists(st.tuples(NUMBER, st.none() | NUMBER), max_size=30), st.floats(0, 300))
def test_clips_lie_within_the_video_and_apart(chapters: list[tuple[float, float | None]], duration_s: float) -> None:
    made = clips(chapters, duration_s)
    assert len(made) == len(chapters)
    kept = sorted((start, end) for start, end, reason in made if reason is None)
    assert all(LIMITS.min_clip_s <= end - start < LIMITS.max_clip_s for start, end in kept)
    assert all(0 <= start < end <= duration_s for start, end in kept)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(kept))
    assert all(math.isfinite(start) and math.isfinite(end) for start, end, _ in made)


def run(path: Path, folder: Path, **sections: Any) -> list[dict[str, Any]]:
    settings = config(**sections)
    item = stage_input(Video("v", "file", str(path)), folder, media=path)
    table = DownloadStage(settings).run(item)
    table = SegmentStage(settings).run(stage_input(item.video, folder, {"download": table}, path))
    assert table.schema.equals(SEGMENT)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_the_demo_has_its_five_chapters(tmp_path: Path) -> None:
    rows = run(DEMO, tmp_path)
    assert [row["clip_id"] for row in rows] == [f"v___{at}" for at in range(5)]
    assert rows[1] == {
        "clip_id": "v___1",
        "clip_index": 1,
        "start_s": 9.0,
        "end_s": 18.0,
        "title": "Squats",
        "label": "squats",
        "chapter_source": "platform",
        "filtered": None,
    }
    assert {row["chapter_source"] for row in run(DEMO, tmp_path, segment={"chapters": ["container"]})} == {"container"}
    described = run(DEMO, tmp_path, segment={"chapters": ["description"]})
    assert {row["chapter_source"] for row in described} == {"description"}
    assert [row["start_s"] for row in described] == [row["start_s"] for row in rows]


def test_useless_chapters_give_way_to_the_next_source(tmp_path: Path) -> None:
    path = video(tmp_path / "x.mp4", 4)
    info = {"chapters": [{"start_time": 100, "end_time": 200}], "description": "0:00 one\n0:02 two"}
    (tmp_path / "x.info.json").write_text(json.dumps(info))
    assert [(row["chapter_source"], row["title"]) for row in run(path, tmp_path)] == [
        ("description", "one"),
        ("description", "two"),
    ]


def test_what_a_video_without_chapters_becomes(tmp_path: Path) -> None:
    path = video(tmp_path / "my squat.mp4", 5)
    (whole,) = run(path, tmp_path)
    assert (whole["chapter_source"], whole["start_s"], whole["title"]) == ("whole", 0.0, "my squat")
    assert whole["end_s"] == pytest.approx(5.0, abs=0.01)
    fixed = run(path, tmp_path, segment={"fallback": "fixed", "fixed_s": 2})
    assert [row["start_s"] for row in fixed] == [0, 2, 4]
    with pytest.raises(Filtered) as caught:
        run(path, tmp_path, segment={"fallback": "none"})
    assert caught.value.reason == "no_chapters"


def test_windows_of_a_long_video_are_all_there() -> None:
    stage = SegmentStage(config(segment={"fallback": "fixed", "fixed_s": 1}))
    assert len(stage._fallback(4 * 3600.0, None)) == 14_400
    stage = SegmentStage(config(segment={"fallback": "fixed", "fixed_s": 0.01}))
    with pytest.raises(PermanentError) as caught:
        stage._fallback(4 * 3600.0, None)
    assert caught.value.reason == "too_many_clips"
    assert "1440000 windows" in caught.value.what


@pytest.mark.parametrize(
    ("title", "label"), [("<Untitled Chapter 1>", None), ("<Untitled Chapter 12>", None), ("Untitled", "untitled")]
)
@pytest.mark.parametrize("column", ["chapters", "container_chapters"])
def test_a_title_that_yt_dlp_filled_in_is_none(column: str, title: str, label: str | None) -> None:
    row = {"start_s": 0.0, "end_s": 5.0, "title": title}
    video = {"duration_s": 10.0, "description": None, "chapters": None, "container_chapters": None, column: [row]}
    _, (clip,) = find_chapters(video, LIMITS.chapters, LIMITS)
    assert clip.title == (None if label is None else title)


@pytest.mark.parametrize("column", ["chapters", "container_chapters"])
def test_a_chapter_by_number_or_time_alone_has_no_label(column: str) -> None:
    titles = ["Chapter 1", "Kapitel 02", "00:00:10.000", "Squats"]
    rows = [{"start_s": 5.0 * at, "end_s": 5.0 * at + 5, "title": title} for at, title in enumerate(titles)]
    described = {"duration_s": 20.0, "description": None, "chapters": None, "container_chapters": None, column: rows}
    _, made = find_chapters(described, LIMITS.chapters, LIMITS)
    assert [(clip.title, label_of(clip.title or "")) for clip in made] == [
        *((title, None) for title in titles[:3]),
        ("Squats", "squats"),
    ]


def test_credits_and_timetables_below_the_chapters_are_no_clips(tmp_path: Path) -> None:
    path = video(tmp_path / "x.mp4", 6)
    for below in ("Music:\nSong A 0:01\nSong B 0:02\nSong C 0:05", "Monday 18:00\nWednesday 18:30\nFriday 19:00"):
        info = {"description": f"0:00 Squats\n0:03 Lunges\n{below}"}
        (tmp_path / "x.info.json").write_text(json.dumps(info))
        rows = run(path, tmp_path)
        assert [(row["label"], row["start_s"], row["chapter_source"]) for row in rows] == [
            ("squats", 0.0, "description"),
            ("lunges", 3.0, "description"),
        ]
    # Those of the chosen list that lie beyond the end have a row each.
    (tmp_path / "x.info.json").write_text(json.dumps({"description": "0:00 Squats\n0:03 Lunges\n18:00 Monday"}))
    assert [row["filtered"] for row in run(path, tmp_path)] == [None, None, "beyond_end"]


def test_lines_out_of_order_keep_their_rows() -> None:
    text = "0:00 Intro\n0:50 Late\n1:00 More\n0:10 Stray\n1:10 End"
    video = {"duration_s": 80.0, "description": text, "chapters": None, "container_chapters": None}
    _, made = find_chapters(video, LIMITS.chapters, LIMITS)
    assert [(clip.start_s, clip.end_s, clip.filtered) for clip in made] == [
        (0, 50, None),
        (50, 60, None),
        (60, 70, None),
        (70, 80, None),
        (10, 10, "out_of_order"),
    ]


def test_scene_cuts(tmp_path: Path) -> None:
    path = tmp_path / "cuts.mp4"
    parts = [("red", 2.0), ("blue", 1.5), ("green", 0.4), ("white", 2.0)]
    inputs = [
        word for colour, length in parts for word in ("-f", "lavfi", "-t", length, "-i", f"color={colour}:s=96x96:r=20")
    ]
    ffmpeg(*inputs, "-filter_complex", "concat=n=4", "-c:v", "libx264", "-pix_fmt", "yuv420p", path)
    rows = run(path, tmp_path, segment={"fallback": "scene", "min_clip_s": 1.0})
    # The cut at 3.9 s comes too soon after the one at 3.5 s.
    assert [round(row["start_s"], 2) for row in rows] == [0.0, 2.0, 3.5]
    assert rows[-1]["end_s"] == pytest.approx(5.9, abs=0.06)
    settings = config(segment={"fallback": "scene"})
    assert SegmentStage(settings).needs_media
    assert not SegmentStage(config()).needs_media


def test_a_flood_of_chapters_is_refused(tmp_path: Path) -> None:
    path = video(tmp_path / "x.mp4", 1)
    (tmp_path / "x.info.json").write_text(json.dumps({"chapters": [{"start_time": 0.1}] * 20_000}))
    with pytest.raises(PermanentError) as caught:
        run(path, tmp_path)
    assert caught.value.reason == "too_many_chapters"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared material is not on this machine")
def test_real_info_dumps_give_the_platforms_chapters() -> None:
    for path in sorted((SHARED / "chapters" / "crashcourse_infojson").glob("*.json")):
        info = json.loads(path.read_text())
        chapters = [Chapter(each["start_time"], each["end_time"], each["title"]) for each in info["chapters"]]
        made = mend(chapters, info["duration"], LIMITS)
        assert [(clip.start_s, clip.end_s) for clip in made] == [(each.start_s, each.end_s) for each in chapters]
        assert all((clip.filtered == "too_long") == (clip.end_s - clip.start_s >= 120) for clip in made)
