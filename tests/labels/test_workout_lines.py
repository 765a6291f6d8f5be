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


@pytest.mark.parametrize(
    ("title", "exercise"),
    [
        ("Double KB clean and jerk", "clean_and_jerk"),
        ("Medicine ball clean & press", "clean_and_press"),
        ("Hang power clean & jerk", "clean_and_jerk"),
        ("Hang muscle clean", "power_clean"),
        ("Snatch-grip push press", "push_press"),
        ("Snatch grip bent over row", "bent_over_row"),
        ("Slam ball burpee", "burpee"),
        ("Slam ball", "medicine_ball_slam"),
        ("Hula hoop squat", "squat"),
        ("Bulgarian bag lunge", "lunge"),
        ("Bulgarian lunge", "bulgarian_split_squat"),
        ("DB/KB single-arm row", "single_arm_row"),
        ("Barbell/dumbbell Romanian deadlift", "romanian_deadlift"),
        ("DB/KB RDL-1 leg- 2 arm", "single_leg_romanian_deadlift"),
        ("Barbell glute bridge - single leg", "single_leg_glute_bridge"),
        ("Horse stance punches", "squat_punch"),
    ],
)
def test_what_is_held_and_how_is_not_done_beside_it(title: str, exercise: str) -> None:
    assert label_title(title).exercises == (exercise,)


def test_the_beginning_of_a_name_is_shared_with_a_word_behind_the_sign() -> None:
    assert label_title("Leg extension/curl").exercises == ("leg_extension", "leg_curl")
    assert label_title("Side lunge/squat").exercises == ("lateral_lunge", "squat")


def test_a_number_before_a_name_makes_no_other_of_it() -> None:
    assert label_title("7 knees to elbows").exercises == label_title("Knees to elbows").exercises


@pytest.mark.parametrize(
    ("title", "repetitions", "sets", "duration_s", "tempo"),
    [
        ("10~15 face pulls @ 21X0 tempo", 10, None, None, "2-1-x-0"),
        ("Squat 3x8 @ 31X1", 8, 3, None, "3-1-x-1"),
        ("Split squat 30X0", None, None, None, "3-0-x-0"),
        ("Round 7-8: double unders", None, None, None, None),
        ("5 v-ups every 10 reps", 5, None, None, None),
        ("Every 2:30 x 4: squats", None, 4, 150.0, None),
        ("8 RFT: 5 squats", 5, 8, None, None),
        ("Kettlebell swing - 2 arm", None, None, None, None),
        ("360 to squat", None, None, None, None),
        ("Build to a heavy set of 5", None, None, None, None),
        ("Block start 3m", None, None, None, None),
    ],
)
def test_numbers_of_lines(
    title: str, repetitions: int | None, sets: int | None, duration_s: float | None, tempo: str | None
) -> None:
    label = label_title(title)
    assert (label.repetitions, label.sets, label.duration_s, label.tempo) == (repetitions, sets, duration_s, tempo)


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Every 2:30 x 4", "section"),
        ("3 sets of 5 reps each side", "section"),
        ("5 rounds. 2 min rest between rounds.", "section"),
        ("Rest 2 min between sets", "rest"),
        ("Thursday", "section"),
        ("Thai pads", "section"),
        ("Slam ball power session", "section"),
        ("Recovery is part of training", "talk"),
        ("Rest is 60 seconds", "rest"),
        ("5:00 100 KB swings ?kg", "exercise"),
        ("Where are my kettlebells?", "talk"),
    ],
)
def test_kinds_of_lines(title: str, kind: str) -> None:
    assert label_title(title).kind == kind


def test_neither_side_nor_gear_is_read_into_other_words() -> None:
    assert label_title("Right into the next").side is None
    assert label_title("Right lunges").side == "right"
    assert label_title("Walking lunges, 20 steps").equipment == ()
    assert label_title("Step push-ups").equipment == ("box",)
    assert label_title("Leg throws").exercises != ("throw",)
