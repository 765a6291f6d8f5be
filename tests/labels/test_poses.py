"""Titles of yoga, stretching and breathing: numbered poses, lists of poses, ways to breathe."""

from __future__ import annotations

import pytest

from fimad.labels import label_title


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("Warrior 1 & 2", ("warrior_one", "warrior_two")),
        ("Warriors I, II and III", ("warrior_one", "warrior_two", "warrior_three")),
        ("Virabhadrasana I/II", ("warrior_one", "warrior_two")),
        ("Warrior pose 2", ("warrior_two",)),
        ("Warrior 2, 3 breaths", ("warrior_two",)),
        ("Warrior 2, 3x", ("warrior_two",)),
        ("Warrior 2 - 30s", ("warrior_two",)),
        ("Warrior pose 2 min hold", ("warrior_pose",)),
    ],
)
def test_poses_that_are_numbered_may_share_their_name(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        # A name of many meanings in a list of poses that are sure.
        ("Shoulder stand and plow", ("shoulder_stand", "plow_pose")),
        ("Cobra & child's pose", ("cobra_stretch", "childs_pose")),
        ("Pelvic tilts and bridge", ("pelvic_tilt", "glute_bridge")),
        ("Bench press and fish", ("bench_press",)),
        # What a pose is good for, and which way one turns in it.
        ("Down dog chest opener", ("downward_dog",)),
        ("Bound angle forward fold", ("groin_stretch",)),
        ("Child's pose with side bend", ("childs_pose",)),
        ("Quad stretch hamstring stretch", ("quad_stretch_to_hamstring_stretch",)),
        ("Puppy to down dog", ("puppy_pose_to_downward_dog",)),
    ],
)
def test_what_stands_beside_a_pose(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    "title", ["Yogic breathing", "Elephant breath", "3-part breath", "4-6 breathing", "Nasal breathing 2 min"]
)
def test_a_way_to_breathe_is_an_exercise(title: str) -> None:
    assert label_title(title).exercises == ("deep_breathing",)


@pytest.mark.parametrize(
    "title",
    [
        "Catch your breath",
        "Quick breath",
        "Just breathe",
        "Breathing",
        "Rest & breath",
        "5 breaths",
        "Breathing break",
        "Strange thing 5 breaths",
    ],
)
def test_a_breath_is_a_rest(title: str) -> None:
    assert label_title(title).kind == "rest"


def test_what_all_poses_end_with_does_not_tell_which_it_is() -> None:
    assert "headstand" not in label_title("Simhasana").exercises
    assert "garland_pose" not in label_title("Mrtasana").exercises
    assert label_title("Trikanasana").exercises == ("triangle_pose",)
    assert label_title("Malasna").exercises == ("garland_pose",)


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Namaste", "talk"),
        ("Setting an intention", "talk"),
        ("Peak pose", "section"),
        ("Second side", "section"),
        ("Quad stretch using belt", "exercise"),
        ("Lying hamstring stretch, left leg with strap", "exercise"),
        ("Bench press: elbow position", "talk"),
    ],
)
def test_kinds_of_what_is_said_in_a_class(title: str, kind: str) -> None:
    assert label_title(title).kind == kind


def test_a_number_up_to_itself_is_no_range() -> None:
    assert label_title("90-90").exercises == label_title("90/90").exercises == ("stretch_90_90",)
    assert label_title("Dips 8-12").repetitions == 8


def test_a_pyramid_of_one_side_is_a_pose() -> None:
    assert label_title("Pyramid (R)").exercises == ("pyramid_pose",)
    assert label_title("Pyramid 10-8-6").kind == "section"
