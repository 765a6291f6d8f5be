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
