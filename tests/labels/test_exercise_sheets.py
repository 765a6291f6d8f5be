"""Lines of exercise sheets: physiotherapy, chair classes, warm-up programmes."""

from __future__ import annotations

import pytest

from fimad.labels import label_title


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("Elbow stretch \u2013 flexion", ()),
        ("15 flexiones", ("push_up",)),
        ("Clamshells \u2014 band", ("clamshell",)),
        ("Band squat album", ()),
    ],
)
def test_a_dash_is_of_no_language_and_a_band_behind_it_plays_no_music(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("Bridge (arms crossed)", ("glute_bridge",)),
        ("Eccentric nordic (push-up return)", ("nordic_curl",)),
        ("Butterfly (pec deck)", ("chest_fly",)),
        ("Squats with partner in plank position", ("squat",)),
        ("Ankle inversion - ankle eversion", ("ankle_inversion_eversion",)),
        ("Seated mountain pose: press feet down, lengthen spine", ("mountain_pose",)),
        ("Leg extensions: extend one leg, flex and point the toes", ("leg_extension",)),
        ("Chair-assisted warrior II: one hand on chair for balance", ("warrior_two",)),
        ("1. Seated march: lift each leg about 2 inches at a speed that is comfortable for you", ("seated_march",)),
        ("Plank: common mistakes and how to fix them", ()),
        ("Squats: why you should do them every day", ()),
        ("Jump rope: step touch, high knees", ("jump_rope", "step_touch", "high_knees")),
    ],
)
def test_what_is_said_of_how_it_is_done_names_no_other_exercise(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "repetitions", "sets", "duration_s", "equipment"),
    [
        ("Rows (3 sets of 12 each)", 12, 3, None, ()),
        ("Rows (3 sets of 12)", 12, 3, None, ()),
        ("8 each leg", 8, None, None, ()),
        ("Slow run 5m and return x 2", 2, None, None, ()),
        ("Run 5m", None, None, 300, ()),
        ("10 steps x 3", 3, None, None, ()),
        ("Partial weight-bearing squats", None, None, None, ()),
        ("Squats with weights", None, None, None, ("weight",)),
    ],
)
def test_what_is_counted_and_with_what(
    title: str, repetitions: int | None, sets: int | None, duration_s: float | None, equipment: tuple[str, ...]
) -> None:
    label = label_title(title)
    assert (label.repetitions, label.sets, label.duration_s) == (repetitions, sets, duration_s)
    assert label.equipment == equipment


def test_limbs_beside_a_slash_are_one_movement_on_all_fours_only() -> None:
    assert label_title("Quadruped arm/leg raise").exercises == ("bird_dog",)
    assert "leg_raise" in label_title("Leg/arm raises").exercises


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("8 each leg", "other"),
        ("Leg day", "section"),
        ("Exercise 7: Sideways roll", "exercise"),
        ("Exercise 7: Introduction", "talk"),
        ("Exercise 7", "section"),
        ("Yoga for back pain", "section"),
        ("Causes of back pain", "talk"),
        ("How I fixed my knee pain", "talk"),
        ("Preparation phase", "section"),
        ("Stability and balance", "section"),
        ("Simple tabletop exercises", "section"),
        ("Water bottle pick-up", "other"),
        ("Grab a water bottle", "rest"),
        ("60 sec, breath-led", "other"),
        ("Cervical AROM", "exercise"),
        ("Seated spinal twist revisit", "exercise"),
        ("Hip hinge pattern", "exercise"),
        ("In-cab stretch", "section"),
    ],
)
def test_kinds_of_lines(title: str, kind: str) -> None:
    assert label_title(title).kind == kind


@pytest.mark.parametrize(
    ("titles", "exercise"),
    [
        (("Nerve gliding", "Nerve glides"), "nerve_floss"),
        (("Cervical side bending", "Neck side bends"), "neck_stretch"),
        (("Cervical retraction", "Neck retraction"), "chin_tuck"),
        (("Resisted ankle inversion", "Ankle inversion"), "ankle_inversion_eversion"),
    ],
)
def test_a_word_of_anatomy_or_of_what_is_being_done_is_the_plain_one(titles: tuple[str, ...], exercise: str) -> None:
    assert {label_title(title).exercises for title in titles} == {(exercise,)}
