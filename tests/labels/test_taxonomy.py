"""The taxonomy: which names stand in which exercise."""

from __future__ import annotations

from collections import defaultdict

import pytest

from fimad.labels import label_title, lexicon
from fimad.labels.taxonomy import words_of


def test_a_name_stands_in_one_exercise() -> None:
    """Of two that had it, one never got a title: "shoulder flexion" was a front raise beside an exercise of that name."""
    found: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for exercise in lexicon().exercises.values():
        found["en", words_of(exercise.id.replace("_", " "))].add(exercise.id)
        for language, names in exercise.names.items():
            for name in names:
                found[language, words_of(name)].add(exercise.id)
    assert not {name: sorted(ids) for name, ids in found.items() if len(ids) > 1}


def test_an_exercise_is_found_by_its_own_name() -> None:
    # "Standing" by itself says how something is done.
    missed = [name for name in lexicon().exercises if label_title(name.replace("_", " ")).exercises != (name,)]
    assert missed == ["standing"]


@pytest.mark.parametrize(
    ("title", "exercise", "kin"),
    [
        ("Standing side leg lifts", "standing_side_leg_raise", "side_leg_raise"),
        ("Low impact jumping jacks", "step_jack", "jumping_jack"),
        ("Seated marching", "seated_march", "march"),
        ("Neck stretch", "neck_stretch", ""),
        ("Shoulder dislocates", "shoulder_pass_through", ""),
        ("Pelvic curls", "glute_bridge", ""),
        ("Toe taps", "standing_toe_tap", ""),
        ("Standing hamstring curls", "standing_hamstring_curl", ""),
        ("Pushups with feet on chair", "decline_push_up", "push_up"),
    ],
)
def test_names_of_another_motion_have_exercises_of_their_own(title: str, exercise: str, kin: str) -> None:
    assert label_title(title).exercises == (exercise,)
    assert not kin or kin in set(lexicon().ancestors(exercise)) - {exercise}
