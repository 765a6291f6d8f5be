"""What the camera does is undone; what is unknown is not motion."""

from __future__ import annotations

import numpy as np
import pytest

from fimad.simulate import CameraMotion
from fimad.simulate.doubts import Doubts
from fimad.simulate.lifting.camera import Steadied, without_camera_motion

TIME_S = np.arange(0, 6, 1 / 30)
CAMERA_S = TIME_S[::2]
WIDTH_PX = 1000
STANDING = np.tile([[[100.0, -50.0], [-80.0, 200.0]]], (len(TIME_S), 1, 1))


def flags_of(found: Steadied) -> tuple[str, ...]:
    doubts = Doubts()
    found.doubt(doubts)
    return doubts.flags


def panned(speed: float = 0.05, unknown: slice = slice(0, 0), cut: int = 0) -> tuple[np.ndarray, CameraMotion]:
    """Landmarks (n, 2, 2) px that a pan of so many widths a second moves, and the motion as it is measured."""
    motion = np.zeros((len(CAMERA_S), 4))
    motion[1:, 0] = speed * np.diff(CAMERA_S)
    confidence, cuts = np.ones(len(CAMERA_S)), np.zeros(len(CAMERA_S), bool)
    motion[unknown], confidence[unknown] = 0.0, 0.0
    shift = speed * TIME_S
    if cut:
        cuts[cut], motion[cut] = True, 0.0
        shift = np.where(CAMERA_S[cut] <= TIME_S + 1e-9, speed * (TIME_S - CAMERA_S[cut]), shift)
    seen = STANDING.copy()
    seen[..., 0] += WIDTH_PX * shift[:, None]
    return seen, CameraMotion(CAMERA_S, cuts, motion, confidence)


@pytest.mark.parametrize("cut", [0, 41])
def test_a_pan_is_undone_shot_by_shot(cut: int) -> None:
    seen, camera = panned(cut=cut)
    found = without_camera_motion(seen, TIME_S, WIDTH_PX, camera)
    # Between its last picture of a shot and the cut the camera is not measured.
    inside = CAMERA_S[-1] > TIME_S
    inside &= (CAMERA_S[cut - 1] >= TIME_S) | (CAMERA_S[cut] <= TIME_S) if cut else True
    np.testing.assert_allclose(found.centred[inside], STANDING[inside], atol=1e-6)
    assert not found.steady
    assert flags_of(found) == ("camera_moves",)
    assert list(np.flatnonzero(found.cuts)) == ([2 * cut] if cut else [])


def test_a_moment_without_background_is_bridged_and_a_longer_one_is_lost() -> None:
    seen, camera = panned(unknown=slice(30, 32))
    found = without_camera_motion(seen, TIME_S, WIDTH_PX, camera)
    assert not found.masked.any()
    np.testing.assert_allclose(found.centred[:-2], STANDING[:-2], atol=1e-6)
    seen, camera = panned(unknown=slice(30, 45))
    found = without_camera_motion(seen, TIME_S, WIDTH_PX, camera)
    lost = (CAMERA_S[29] + 0.04 < TIME_S) & (CAMERA_S[44] > TIME_S)
    assert found.masked[lost].all()
    assert found.masked.sum() <= lost.sum() + 3


def test_what_is_unknown_all_the_time_is_taken_to_stand_and_said() -> None:
    camera = CameraMotion(
        CAMERA_S, np.zeros(len(CAMERA_S), bool), np.full((len(CAMERA_S), 4), 0.02), np.full(len(CAMERA_S), 0.2)
    )
    found = without_camera_motion(STANDING, TIME_S, WIDTH_PX, camera)
    assert found.centred is STANDING
    assert found.steady
    assert not found.masked.any()
    assert flags_of(found) == ("camera_unknown",)


def test_the_trackers_noise_is_no_motion() -> None:
    rng = np.random.default_rng(0)
    motion = np.diff(rng.normal(0, 0.001, (len(CAMERA_S) + 1, 4)), axis=0)
    camera = CameraMotion(CAMERA_S, np.zeros(len(CAMERA_S), bool), motion, np.ones(len(CAMERA_S)))
    assert flags_of(without_camera_motion(STANDING, TIME_S, WIDTH_PX, camera)) == ()
