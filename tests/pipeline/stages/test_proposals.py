"""Chapters that are proposed for a video without any: by comments, by speech, by motion."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fimad.cli import app
from fimad.config import parse_config
from fimad.labels.spoken.utterances import Spoken
from fimad.pipeline.acquire.comments import comments_of
from fimad.pipeline.acquire.timeline import Published
from fimad.pipeline.media.activity import MotionChange, changes_of
from fimad.pipeline.stages.cues.proposals import propose
from fimad.pipeline.stages.registry import plan_stages
from tests.labels.test_spoken import say
from tests.pipeline.makers import ffmpeg

WHOLE = Published()
LISTED = {"text": "0:00 Squats\n0:30 Rest\n0:40 Lunges", "like_count": 12}


def proposed(comments: Any = (), words: list[Spoken] | None = None, changes: Any = ()) -> Any:
    moved = [MotionChange(*each) for each in changes]
    source, found = propose(comments_of({"comments": list(comments)}), words or [], lambda: moved, 60.0, WHOLE)
    return source, [(each.start_s, each.title) for each in found], found


def test_a_comment_with_times() -> None:
    source, chapters, found = proposed([{"text": "great video"}, LISTED])
    assert source == "comment"
    assert chapters == [(0.0, "Squats"), (30.0, "Rest"), (40.0, "Lunges")]
    assert {each.confidence for each in found} == {0.8}
    assert found[0].evidence == ("comment by a viewer, 12 likes",)


def test_the_uploaders_comment_comes_first_and_others_bear_it_out() -> None:
    own = {"text": "0:00 Warm up 0:10 Squats 0:40 Lunges", "author_is_uploader": True, "is_pinned": True}
    _, chapters, found = proposed([LISTED, own])
    assert [start for start, _ in chapters] == [0.0, 10.0, 40.0]
    assert found[2].confidence > found[1].confidence == 0.9
    words = [Spoken(each.start_s + 38, each.end_s + 38, each.text) for each in say("now lunges")]
    surer = proposed([LISTED, own], words, [(40.5, 0.6)])[2]
    assert surer[2].confidence > found[2].confidence
    assert [each.split()[0] for each in surer[2].evidence] == ["comment", "another", "said", "motion"]


@pytest.mark.parametrize(
    "text",
    [
        "0:12 lol 0:40 my legs are dying",
        "0:05 who is she\n1:10 that face",
        "12:30 squats",
        "0:10 squats 0:50 lunges " * 2000,
    ],
)
def test_what_viewers_write_otherwise_lists_no_chapters(text: str) -> None:
    source, chapters, _ = proposed([{"text": text}])
    assert source in ("", "comment")
    assert len(chapters) <= 3


@pytest.mark.parametrize(
    "comments",
    [
        None,
        3,
        "x",
        [None, 3, {"text": None}, {"text": "0:00 a 0:10 b", "like_count": "many"}],
        [{"text": "\ud800 0:00 1:00"}],
    ],
)
def test_comments_of_any_form_do_no_harm(comments: Any) -> None:
    for row in comments_of({"comments": comments}):
        assert set(row) == {"text", "likes", "by_uploader", "pinned"}
        row["text"].encode()


def test_who_wrote_a_comment_is_not_kept() -> None:
    (row,) = comments_of({"comments": [{**LISTED, "author": "Jane Doe", "author_id": "UC1"}]})
    assert "Jane" not in json.dumps(row)


def test_what_is_said_begins_where_motion_changes() -> None:
    words = say("Next up, squats.", "Push your hips back.", "Keep going", "you are doing great", "Next up, lunges.")
    lunges_s = words[-3].start_s
    source, chapters, found = proposed((), words, [(2.0, 0.5), (lunges_s + 3.0, 0.5)])
    assert source == "speech"
    assert chapters == [(0.0, None), (2.0, "squats"), (lunges_s + 3.0, "lunges")]
    assert found[1].confidence == pytest.approx(0.88)
    assert "Next up, squats." in found[1].evidence[0]
    assert found[1].evidence[1].startswith("motion changes at 2.0 s")


def test_motion_alone_says_that_something_changes_but_not_what() -> None:
    source, chapters, found = proposed((), [], [(20.0, 0.6), (40.0, 1.0)])
    assert source == "motion"
    assert chapters == [(0.0, None), (20.0, None), (40.0, None)]
    assert max(each.confidence for each in found) <= 0.5
    assert proposed() == ("", [], [])


def moving_cells(*parts: tuple[float, tuple[int, ...], float]) -> tuple[Any, Any]:
    """Motion of some cells, up and down at a rate, one part after the other."""
    draw = np.random.default_rng(2)
    rows = []
    for seconds, cells, rate_hz in parts:
        for at in range(round(seconds * 5)):
            row = draw.uniform(0, 0.05, 48)
            row[list(cells)] += 4 * (1 + np.sin(2 * np.pi * rate_hz * at / 5))
            rows.append(row)
    return np.arange(len(rows)) / 5.0, np.array(rows)


def test_motion_changes_where_other_parts_of_the_picture_move() -> None:
    arms, legs = (2, 3, 10, 11), (34, 35, 42, 43)
    found = changes_of(*moving_cells((20, arms, 0.5), (15, (), 0.0), (20, legs, 0.4)))
    assert [each.time_s for each in found] == pytest.approx([20, 35], abs=1.5)
    assert changes_of(*moving_cells((40, legs, 0.4))) == []
    assert changes_of(*moving_cells((40, (), 0.0))) == []
    assert changes_of(*moving_cells((3, legs, 0.4))) == []


def test_cues_change_keys_only_where_they_are_wanted() -> None:
    plain, with_cues = parse_config({}), parse_config({"segment": {"fallback": "cues"}})
    without = parse_config({"segment": {"fallback": "cues"}, "run": {"without": ["transcribe"]}})
    other = parse_config({"segment": {"fallback": "cues"}, "transcribe": {"model": "tiny.en"}})
    for name in ("download", "segment"):
        assert plan_stages(plain).keys[name] != plan_stages(with_cues).keys[name]
    stages = plan_stages(without).stages
    assert stages["segment"].weights() == ()
    assert "faster_whisper" not in stages["segment"].requires()
    assert plan_stages(with_cues).stages["segment"].weights() == ("faster-whisper/base",)
    assert (
        plan_stages(other).stages["segment"].beyond_section()
        != plan_stages(with_cues).stages["segment"].beyond_section()
    )


@pytest.fixture(scope="module")
def spoken_workout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 s without chapters: a box that moves at the top, then at the bottom; a voice announces two exercises."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    folder = tmp_path_factory.mktemp("spoken")
    for number, text in enumerate(("Welcome. Let's start with jumping jacks.", "Next exercise, lateral raises.")):
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "130", "-w", str(folder / f"{number}.wav"), text], check=True)
    boxes = (
        "color=gray:s=160x120:r=10:d=24[base];color=white:s=40x24:r=10:d=24[box];"
        "[base][box]overlay=x='60+40*sin(t*3)':y='if(lt(t,12),10,90)':shortest=1[v];"
        "[1:a]adelay=12000[late];[0:a][late]amix=inputs=2:duration=longest:normalize=0,apad=whole_dur=24[a]"
    )
    media = folder / "in" / "workout.mp4"
    media.parent.mkdir()
    ffmpeg(
        *("-i", folder / "0.wav", "-i", folder / "1.wav", "-filter_complex", boxes, "-map", "[v]", "-map", "[a]"),
        *("-t", 24, media),
    )
    return media


def labelled(media: Path, workspace: Path, *options: str) -> list[dict[str, Any]]:
    command = ["build", str(media.parent), "--workspace", str(workspace), "--dataset", str(workspace / "dataset")]
    command += ["--workers", "0", "--set", "segment.fallback=cues"]
    for stage in ("pose", "camera", "embed", "simulate"):
        command += ["--without", stage]
    done = CliRunner().invoke(app, [*command, *options])
    assert done.exit_code == 0, done.output
    from fimad.dataset.reader import open_dataset

    columns = ["start_s", "title", "exercise", "chapter_source", "chapter_confidence", "chapter_evidence"]
    return list(open_dataset(str(workspace / "dataset")).clips(columns))


def test_a_build_hears_what_is_announced(spoken_workout: Path, tmp_path: Path, weights: Callable[[str], Path]) -> None:
    pytest.importorskip("faster_whisper", reason="the extra is not installed")
    weights("faster-whisper/tiny.en")
    rows = labelled(spoken_workout, tmp_path, "--set", "transcribe.model=tiny.en")
    told = [row for row in rows if row["exercise"]]
    assert [row["exercise"] for row in told] == ["jumping_jack", "lateral_raise"]
    assert told[1]["start_s"] == pytest.approx(12.0, abs=1.0)
    assert {row["chapter_source"] for row in rows} == {"speech"}
    assert told[1]["chapter_confidence"] > 0.8
    assert any(each.startswith("motion changes") for each in told[1]["chapter_evidence"])


def test_a_build_reads_comments_without_whisper(spoken_workout: Path, tmp_path: Path) -> None:
    media = tmp_path / "in" / spoken_workout.name
    media.parent.mkdir()
    shutil.copy(spoken_workout, media)
    info = {"id": "v", "title": "Workout", "comments": [{"text": "0:00 squats 0:12 lunges", "author": "Jane Doe"}]}
    media.with_suffix(".info.json").write_text(json.dumps(info), encoding="utf-8")
    rows = labelled(media, tmp_path / "work", "--without", "transcribe")
    assert [(row["start_s"], row["exercise"], row["chapter_source"]) for row in rows] == [
        (0.0, "squat", "comment"),
        (12.0, "lunge", "comment"),
    ]
    assert not any(b"Jane Doe" in path.read_bytes() for path in (tmp_path / "work").rglob("*") if path.is_file())
