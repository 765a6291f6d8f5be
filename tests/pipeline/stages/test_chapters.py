"""Timestamps in descriptions, and labels."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimad.pipeline.stages.chapters import label_of, parse_description

SHARED = Path(__file__).parents[4] / "shared" / "data"


def found(text: str) -> list[tuple[float, str]]:
    return [(line.start_s, line.title) for line in parse_description(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:00 Intro\n1:05 Squats", [(0, "Intro"), (65, "Squats")]),
        ("Intro 00:00\nSquats 1:05", [(0, "Intro"), (65, "Squats")]),
        ("[00:00] Intro\n(01:05) Squats", [(0, "Intro"), (65, "Squats")]),
        ("0:00 - Intro\n1:05 – Squats\n1:02:03 | Plank", [(0, "Intro"), (65, "Squats"), (3723, "Plank")]),
        ("▶ 0:00 Intro\n• 1:05: Squats", [(0, "Intro"), (65, "Squats")]),
        ("1. 0:00 Intro\n2. 1:05 Squats", [(0, "Intro"), (65, "Squats")]),
        ("1. Intro 0:00\n2. Squats 1:05", [(0, "1. Intro"), (65, "2. Squats")]),
        ("0:00 Intro 1:05 Squats 2:10 Plank", [(0, "Intro"), (65, "Squats"), (130, "Plank")]),
        ("75:30 Late\n80:00 Later", [(4530, "Late"), (4800, "Later")]),
        ("Know 12:32 (live)\nForest 13:00 [encore]", [(752, "Know (live)"), (780, "Forest [encore]")]),
        ('0:00 Intro<br />1:05 <a href="#">Squats</a>', [(0, "Intro"), (65, "Squats")]),
        ("0:00 Intro\n\nClass at 18:30 on Monday\n1:05 Squats", [(0, "Intro"), (65, "Squats")]),
        ("Doors 19:00 pm\nShow 20:00 pm", []),
        ("Only 1:00 in a sentence of text\nand 2:00 in another one", []),
        ("0:00 one alone", []),
        ("Ratio 1:1:1:10 mix\n2024/10:30 date", []),
        (
            "0:00 Intro\n5:00 Late\n6:00 More\n1:00 Stray\n7:00 End",
            [(0, "Intro"), (300, "Late"), (360, "More"), (420, "End")],
        ),
        ("0:00\n1:00\n2:00", []),
        ("", []),
    ],
)
def test_lines_as_people_write_them(text: str, expected: list[tuple[float, str]]) -> None:
    assert found(text) == expected


def test_ranges_give_both_ends() -> None:
    lines = parse_description("0:00-0:45 Squats\n1:00 to 1:30 Lunges")
    assert [(line.start_s, line.end_s, line.title) for line in lines] == [(0, 45, "Squats"), (60, 90, "Lunges")]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared material is not on this machine")
def test_real_descriptions() -> None:
    cases = json.loads((SHARED / "vectors" / "youtube_description_chapters.json").read_text())
    for path in sorted((SHARED / "chapters" / "crashcourse_infojson").glob("*.json")):
        cases.append(json.loads(path.read_text()))
    assert len(cases) == 30
    for case in cases:
        assert found(case["description"]) == [(each["start_time"], each["title"]) for each in case["chapters"]]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_survived(text: str) -> None:
    lines = parse_description(text)
    assert all(before.start_s < after.start_s for before, after in itertools.pairwise(lines))
    assert all(line.title for line in lines)
    label = label_of(text)
    assert label is None or (label == label.lower() and label.strip() == label)


@given(st.lists(st.integers(0, 359_999), min_size=2, max_size=30, unique=True))
def test_a_clean_list_comes_back(seconds: list[int]) -> None:
    seconds.sort()
    text = "\n".join(f"{s // 3600}:{s // 60 % 60:02}:{s % 60:02} move {at}" for at, s in enumerate(seconds))
    assert found(text) == [(s, f"move {at}") for at, s in enumerate(seconds)]


def test_a_long_hostile_line_takes_no_time() -> None:
    parse_description("0:00 " + "[" * 100_000 + "\n" + "1:00" * 50_000 + "\n" + "<a " * 60_000)
    label_of("(" * 100_000 + "1." * 50_000)


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("0. Warm-up: Jumping Jacks 🔥", "jumping jacks"),
        ("1) SQUATS", "squats"),
        ("Bicep Curls (alternating)", "bicep curls"),
        ("High Knees - 30 sec", "high knees"),
        ("Warm-up", "warm-up"),
        ("(Squats)", "squats"),
        ("90/90 stretch", "90/90 stretch"),
        ("2/10 Push-ups x10", "push-ups"),
        ("3x12 Deadlift", "deadlift"),
        ("Round 2: Burpees 45 sec on / 15 off", "burpees"),
        ("1️⃣ Plank 30s each side", "plank"),
        ("#3 burpees", "burpees"),
        ("Exercise 4 - Mountain Climbers", "mountain climbers"),
        ("３. ＳＱＵＡＴ", "squat"),
        ("\u202eevil\u202c\u0007 Squats", "evil squats"),
        ("3 sets of 10 lunges", "lunges"),
        ("Day 1", "day 1"),
        ("T-spine rotation", "t-spine rotation"),
        ("Kniebeugen mit Überkopf", "kniebeugen mit überkopf"),
        ("スクワット", "スクワット"),
        ("🔥🔥", None),
        ("", None),
    ],
)
def test_labels(title: str, label: str | None) -> None:
    assert label_of(title) == label
