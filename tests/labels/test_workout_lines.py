"""Lines of written workouts: lists with counts and ways, lifts with their grips, numbers that are none of repetitions."""

from __future__ import annotations

import pytest

from fimad.labels import label_title


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("8 front squats - 10 cal row - 6 toes to bar", ("front_squat", "rowing", "toes_to_bar")),
        ("15 double KB snatches - 250m row", ("snatch", "rowing")),
        ("10 swings - 10 cal bike - 10 push-ups", ("kettlebell_swing", "cycling", "push_up")),
        ("5ea KB snatch - 10 KB swings - 10 bottoms up KB goblet squats", ("snatch", "kettlebell_swing", "goblet_squat")),
        ("21 deadlifts 400 m run 12 pull-ups", ("deadlift", "running", "pull_up")),
        ("50ft bear crawl 10 push-ups 50ft crab walk", ("bear_crawl", "push_up", "crab_walk")),
        ("10 burpees over 20 ft", ("burpee",)),
        ("10 squats - 30 seconds", ("squat",)),
        ("500 m single-arm row", ("single_arm_row",)),
    ],
)  # fmt: skip
def test_a_counted_list_needs_no_commas(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises
