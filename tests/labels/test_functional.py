"""Titles of functional training: straps and rings, boxing, barbells, jumps and the track."""

from __future__ import annotations

import pytest

from fimad.labels import label_title


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("TRX leg curl", ("bridge_leg_curl",)),
        ("Ring tricep extension 3x8", ("bodyweight_tricep_extension",)),
        ("Suspension skull crusher", ("bodyweight_tricep_extension",)),
        ("TRX crunch", ("suspended_knee_tuck",)),
        ("TRX squat to row", ("squat_with_row",)),
        # A ring of Pilates is held between the knees.
        ("Ring crunch", ("crunch",)),
        ("Leg curl", ("leg_curl",)),
    ],
)
def test_what_hangs_from_straps_is_another_exercise(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("Jab cross knee", ("punch", "knee_strike")),
        ("Slip jab", ("bob_and_weave", "punch")),
        ("Double slip, hook", ("bob_and_weave", "punch")),
        ("1-2 front kick", ("punch", "front_kick")),
        ("1-2 sprawl", ("punch", "sprawl")),
        ("Jab cross knee, left", ("punch", "knee_strike")),
        ("Cross, elbow strike", ("elbow_strike", "punch")),
        ("Knee, front kick", ("front_kick", "knee_strike")),
        ("Front kicks 1 2 3", ("front_kick",)),
        ("Rd 3: 1-2-3-2", ("punch",)),
        # These are repetitions.
        ("Round 2: 2-4-6-8", ()),
        ("Round 2: 5-5-3-3", ()),
    ],
)
def test_strikes_and_their_numbers_in_one_combination(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("Press, push press, push jerk", ("overhead_press", "push_press", "push_jerk")),
        ("Chest press, push press", ("chest_press", "push_press")),
        ("Clean and front squat", ("power_clean", "front_squat")),
        ("Squat and slam", ("squat", "medicine_ball_slam")),
        ("Dead-hang snatch", ("snatch",)),
        ("Dumbbell snatch, hang", ("snatch",)),
        ("Dumbbell snatch, dead hang", ("snatch", "dead_hang")),
        ("Box jumps, step down", ("box_jump",)),
        ("Sled push/pull", ("sled_push", "sled_pull")),
        ("STOH 5x3", ("push_jerk",)),
        ("Farmers' walk 40m", ("farmers_carry",)),
    ],
)
def test_lifts_beside_each_other(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("Squat, goblet", ("goblet_squat",)),
        ("Twist, Russian", ("russian_twist",)),
        ("Squat, lunge", ("squat", "lunge")),
        ("Push-up, row", ("push_up", "bent_over_row")),
    ],
)
def test_a_name_turned_round_at_a_comma_is_one(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("Pistol to box", ("pistol_squat",)),
        ("Shadow box", ("punch",)),
        ("Left leg hops", ("single_leg_hop",)),
        ("Hops", ("pogo_hop",)),
        ("Splits left", ("splits",)),
        ("Spider-Man push-ups", ("spiderman_push_up",)),
    ],
)
def test_jumps_boxes_and_sides(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("8 x 400m", ("running",)),
        ("5 x 1 km repeats", ("running",)),
        ("4x1 mile", ("running",)),
        # As often swum.
        ("8 x 50m", ()),
        ("15 cal ski", ("ski_erg",)),
        ("Row 2 min", ("rowing",)),
        ("Row 45 s", ("bent_over_row",)),
    ],
)
def test_ways_and_energies_tell_what_is_done(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Face pulls band", "exercise"),
        ("Pull-ups max", "exercise"),
        ("Suspension trainer row", "exercise"),
        ("Trainer tips", "talk"),
        ("Heavy clean and jerk for the day", "exercise"),
        ("Squats for 30 days", "talk"),
        ("Ankle dribbles", "exercise"),
        ("Hero WOD", "section"),
        ("Squat album", "talk"),
    ],
)
def test_gear_behind_a_name_is_no_subject(title: str, kind: str) -> None:
    assert label_title(title).kind == kind
