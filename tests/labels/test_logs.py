"""Logs of lifts: special bars, machines by maker, shorthand beside sets and repetitions, what is said of a set."""

from __future__ import annotations

import pytest

from fimad.labels import label_title
from fimad.labels.stated.logs import as_logged


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("Swiss bar bench press", ("bench_press",)),
        ("SSB good mornings", ("good_morning",)),
        ("Safety bar front squat", ("front_squat",)),
        ("Football bar floor press", ("floor_press",)),
        ("Axle press", ("overhead_press",)),
        ("Life Fitness leg press", ("leg_press",)),
        ("Hammer Strength shoulder press", ("overhead_press",)),
        ("Lever seated row", ("seated_row",)),
        ("Side laterals + rear laterals", ("lateral_raise", "rear_delt_fly")),
        ("Zerchers 3x8", ("zercher_squat",)),
        ("BP 5x5", ("bench_press",)),
        ("PC: 3x3, FS 5x3", ("power_clean", "front_squat")),
        ("DB BP 3 sets of 8", ("bench_press",)),
        ("BP 120/80", ()),
        ("PC", ()),
        ("Treadmill 12-3-30", ("walking",)),
        ("Leg press back-off sets", ("leg_press",)),
        ("Suitcase squat drop set", ("squat",)),
        ("Split squat (2 sec hold at top)", ("split_squat",)),
        ("Front squats, clean grip", ("front_squat",)),
        ("Snatch grip", ()),
        ("Incline paused bench press", ("incline_bench_press",)),
        ("Decline smith bench press", ("decline_bench_press",)),
        ("Curls, hammer curls", ("bicep_curl", "hammer_curl")),
        ("Squat, bench", ("squat", "bench_press")),
        ("Clean and press superset", ("clean_and_press",)),
        ("Leg extension/curl superset", ("leg_extension", "leg_curl")),
        ("Pulldown superset seated cable row", ("lat_pulldown", "seated_row")),
        ("Box squats vs chains 8x2", ("box_squat",)),
        ("Adductors 3x15", ("seated_hip_adduction",)),
        ("Adductors", ()),
        ("Row machine 3x12", ("seated_row",)),
        ("Row machine 10 min", ("rowing",)),
    ],
)
def test_what_logs_call_an_exercise(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "repetitions", "sets"),
    [
        ("Bench press 60kg x 10, 80kg x 8", 10, None),
        ("Lat pulldown - 3 sets of 10-12 - 60s rest", 10, 3),
        ("Leg press 3 sets of 8-10 per leg", 8, 3),
        ("Squat: 3 sets of 12, 10, 8", None, 3),
        ("Farmers walk 4x50 ft", None, 4),
        ("45 degree back raises", None, None),
        ("DL @RPE 8", None, None),
        ("Bench 3x8 2 RIR", 8, 3),
    ],
)
def test_weights_angles_and_effort_are_not_counted(title: str, repetitions: int | None, sets: int | None) -> None:
    label = label_title(title)
    assert (label.kind, label.repetitions, label.sets) == ("exercise", repetitions, sets)


def test_a_rest_beside_counted_sets_is_theirs() -> None:
    assert label_title("Curls 3x12 rest 60s").kind == "exercise"
    assert label_title("Rest 60s").kind == "rest"


@pytest.mark.parametrize("title", ["hip laterals", "lever belt", "depth drop sets", "walk 12-3-30", "paused back-offs"])
def test_what_is_plain_stays(title: str) -> None:
    assert as_logged(title) == title.replace("12-3-30", "")
