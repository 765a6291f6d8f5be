"""Photos, cards, feet below the picture and bodies along the line of sight are not there, or not the right way up."""

from __future__ import annotations

import numpy as np
import pytest

from fimad.simulate import CameraMotion, PoseSequence, simulate_imu
from fimad.simulate.doubts import Doubts
from fimad.simulate.lifting.presence import dark_spans, hands_and_feet_planted, still_spans, without_absent
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

TIME_S = np.arange(0, 8, 1 / 30)
CAMERA_S = TIME_S[::2]
WORLD_M = {
    "shoulder": (0.18, -0.45),
    "elbow": (0.22, -0.2),
    "wrist": (0.24, 0.05),
    "hip": (0.1, 0.0),
    "knee": (0.1, 0.42),
    "ankle": (0.1, 0.82),
    "heel": (0.1, 0.86),
}


def pose(camera: CameraMotion | None = None, *, rise: float = 0.0) -> PoseSequence:
    """Somebody who stands 4 m away and moves up and down a little, so far above the picture's middle (in widths)."""
    world = np.zeros((len(TIME_S), len(LANDMARKS), 3))
    for name, at in LANDMARK_INDEX.items():
        side, _, part = name.partition("_")
        x, y = WORLD_M.get(part, (0.05, -0.65))
        world[:, at] = [x if side == "left" else -x, y, -0.05 if part in ("heel", "hip") else 0.0]
    moved = world[..., 1] + 0.1 * np.sin(2 * np.pi * TIME_S)[:, None] - rise
    image = np.stack([0.5 + 0.3 * world[..., 0], 0.5 + 0.5 * moved, 0 * moved], -1)
    return PoseSequence(TIME_S, image, world, np.ones(image.shape[:2]), 1280, 768, camera)


def camera(change: np.ndarray | None = None, light: np.ndarray | None = None) -> CameraMotion:
    count = len(CAMERA_S)
    return CameraMotion(
        CAMERA_S,
        np.zeros(count, bool),
        np.zeros((count, 4)),
        np.ones(count),
        np.full(count, 3.0) if change is None else change,
        np.full(count, 120.0) if light is None else light,
    )


def test_who_is_wholly_there_is_left_alone() -> None:
    doubts = Doubts()
    source = pose(camera())
    assert without_absent(source, doubts) is source
    assert doubts.flags == ()


@pytest.mark.parametrize("key_frames", [False, True])
def test_a_photo_is_nobody(key_frames: bool) -> None:
    change = np.full(len(CAMERA_S), 3.0)
    change[61:] = 0.02
    if key_frames:
        # The picture is coded anew every two seconds.
        change[61::30] = 1.5
    imu = simulate_imu(pose(camera(change)))
    assert imu.flags == ("still_picture",)
    for signal in imu.signals.values():
        assert signal.valid[imu.time_s < CAMERA_S[60] - 0.1].all()
        assert not signal.valid[imu.time_s > CAMERA_S[63]].any()
    assert imu.report["flags"]["still_picture"]["share"] == pytest.approx(0.49, abs=0.02)


def test_who_stands_still_for_a_while_is_somebody() -> None:
    """Noise of the camera and of coding, and pictures that repeat, are no photo."""
    change = np.full(len(CAMERA_S), 0.3)
    change[::5] = 0.0
    assert still_spans(camera(change)) == []
    short = np.full(len(CAMERA_S), 3.0)
    short[20:28] = 0.0
    assert still_spans(camera(short)) == []


def test_the_person_under_a_dark_card_is_not_valid() -> None:
    light = np.full(len(CAMERA_S), 120.0)
    light[80:] = 50.0
    assert dark_spans(camera(light=light)) == [(pytest.approx(CAMERA_S[80]), pytest.approx(CAMERA_S[-1]))]
    imu = simulate_imu(pose(camera(light=light)))
    assert imu.flags == ("dark",)
    assert not imu.signals["chest"].valid[imu.time_s > CAMERA_S[81]].any()
    # Some clouds before the sun.
    assert dark_spans(camera(light=120 + 30 * np.sin(CAMERA_S))) == []


def test_feet_below_the_picture_are_not_valid_whatever_the_model_says() -> None:
    imu = simulate_imu(pose(rise=-0.35))
    assert imu.flags == ("hidden", "outside")
    assert not imu.signals["left_ankle"].valid.any()
    assert not imu.signals["right_ankle"].valid.any()
    assert imu.signals["left_wrist"].valid.all()
    assert "left_ankle" in imu.report["flags"]["outside"]["landmarks"]


def test_seen_along_the_body_nothing_is_valid_but_who_bends_is() -> None:
    source = pose()
    along = source.world_m[..., [0, 2, 1]]
    lying = PoseSequence(TIME_S, source.image, along, source.visibility, 1280, 768)
    imu = simulate_imu(lying)
    assert imu.flags == ("above",)
    assert not any(signal.valid.any() for signal in imu.signals.values())
    bent = source.world_m.copy()
    above = bent[..., 1] < 0
    bent[above] = along[above]
    doubts = Doubts()
    without_absent(PoseSequence(TIME_S, source.image, bent, source.visibility, 1280, 768), doubts)
    assert doubts.flags == ()


def planted(moving: tuple[str, ...], raised: float) -> np.ndarray:
    """(n, 33, 3) world frame of a body whose parts go sideways, with wrists so far above the hips."""
    position = np.zeros((len(TIME_S), len(LANDMARKS), 3))
    heights = {"wrist": 0.9 + raised, "shoulder": 1.4, "elbow": 1.2, "hip": 0.9, "ankle": 0.1}
    for name, at in LANDMARK_INDEX.items():
        side, _, part = name.partition("_")
        position[:, at] = [0.2 if side == "left" else -0.2, 0, heights.get(part, 1.6)]
        if part in moving:
            position[:, at, 0] += 0.08 * np.sin(2 * np.pi * TIME_S)
    return position


def test_a_push_up_from_above_looks_like_standing_with_planted_hands() -> None:
    assert hands_and_feet_planted(planted(("elbow",), 0.4))
    # Curls and pull-ups have hands that move, or hang; squats have elbows that move with them.
    assert not hands_and_feet_planted(planted(("elbow", "wrist"), 0.4))
    assert not hands_and_feet_planted(planted(("elbow",), 1.1))
    assert not hands_and_feet_planted(planted(("elbow", "ankle"), 0.4))
    assert not hands_and_feet_planted(planted((), 0.4))


def test_nobody_in_most_frames_is_said() -> None:
    source = pose()
    for part in (source.image, source.world_m):
        part[40:200] = np.nan
    assert "nobody" in simulate_imu(source).flags
