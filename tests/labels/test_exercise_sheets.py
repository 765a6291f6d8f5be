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
