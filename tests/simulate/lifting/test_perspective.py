"""Each landmark at its own distance: exact for a pinhole camera."""

from __future__ import annotations

import numpy as np
import pytest

from fimad.simulate.lifting.perspective import at_own_distance

TIME_S = np.arange(0, 4, 1 / 200)
DISTANCE_M = 3.0


def motion() -> tuple[np.ndarray, np.ndarray]:
    """Places and accelerations (m, 3, 2) of two points that move on every axis, from the camera's own axis."""
    phase = 2 * np.pi * 0.7 * TIME_S[:, None, None] + np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    place = np.array([[0.4], [0.1], [0.6]]) + 0.3 * np.sin(phase)
    return place, -0.3 * (2 * np.pi * 0.7) ** 2 * np.sin(phase)


@pytest.mark.parametrize("pitch_deg", [0.0, 20.0])
def test_the_acceleration_is_that_of_the_point_and_not_of_its_picture(pitch_deg: float) -> None:
    place, acceleration = motion()
    # As at the hips' distance: a pinhole camera draws what is further away smaller.
    seen = place.copy()
    seen[:, [0, 2]] /= 1 + place[:, [1]] / DISTANCE_M
    bent = np.gradient(np.gradient(seen, TIME_S, axis=0), TIME_S, axis=0)
    angle = np.deg2rad(pitch_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]])
    given = None if pitch_deg == 0 else turn
    first = ((turn @ part).T.swapaxes(0, 1) for part in (seen, bent))
    made = at_own_distance(TIME_S, *first, np.full(len(TIME_S), DISTANCE_M), given)
    found = [part.swapaxes(0, 1).T for part in made]
    inner = slice(5, -5)
    np.testing.assert_allclose(found[0][inner], (turn @ place)[inner], atol=1e-9)
    np.testing.assert_allclose(found[1][inner], (turn @ acceleration)[inner], atol=0.02)
    assert np.abs(bent - acceleration)[inner].max() > 0.5, "nothing to correct: the test would say nothing"


def test_one_sample_is_left_as_it_is() -> None:
    place = np.ones((3, 2, 1))
    assert at_own_distance(TIME_S[:1], place, place, np.ones(1), None) == (place, place)
