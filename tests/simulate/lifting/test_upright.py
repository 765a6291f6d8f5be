"""The camera's pitch from people who stand."""

from __future__ import annotations

import numpy as np
import pytest

from fimad.simulate.lifting.upright import estimate_pitch
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

HEIGHTS_M = {"shoulder": 0.5, "elbow": 0.2, "wrist": 0.0, "hip": 0.0, "knee": -0.4, "ankle": -0.8}


def standing(pitch_deg: float, lean_deg: float = 0.0, frames: int = 90) -> np.ndarray:
    """(n, 33, 3) world landmarks in the axes of a camera that looks down by `pitch_deg`."""
    body = np.zeros((len(LANDMARKS), 3))
    for name, at in LANDMARK_INDEX.items():
        side, _, part = name.partition("_")
        body[at] = [-0.2 if side == "left" else 0.2, 0, HEIGHTS_M.get(part, 0.7)]
    lean = np.deg2rad(lean_deg)
    above = np.maximum(body[:, 2], 0)
    body[:, 1] -= np.sin(lean) * above
    body[:, 2] -= (1 - np.cos(lean)) * above
    angle = np.deg2rad(pitch_deg)
    x, away, up = body.T
    camera = np.stack([x, -up * np.cos(angle) + away * np.sin(angle), -up * np.sin(angle) + away * np.cos(angle)])
    noise = np.random.default_rng(0).normal(0, 0.01, (frames, len(LANDMARKS), 3))
    return camera.T + noise


@pytest.mark.parametrize("pitch_deg", [-10, 0, 15, 35])
def test_people_who_stand_tell_the_pitch(pitch_deg: float) -> None:
    found, confidence = estimate_pitch(standing(pitch_deg))
    assert found == pytest.approx(pitch_deg, abs=1)
    assert confidence > 0.9


def test_people_who_bend_do_not() -> None:
    assert estimate_pitch(standing(0, lean_deg=60))[1] == 0
    assert estimate_pitch(np.full((50, 33, 3), np.nan))[1] == 0


def test_little_time_or_little_agreement_is_little_confidence() -> None:
    mostly_bent = np.concatenate([standing(5, frames=20), standing(0, lean_deg=70, frames=200)])
    assert estimate_pitch(mostly_bent)[1] < 0.4
    unsteady = np.concatenate([standing(angle, frames=10) for angle in range(-15, 20, 3)])
    assert estimate_pitch(unsteady)[1] < 0.3
