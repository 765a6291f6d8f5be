"""Where the camera stood, how it moved, and where the film was cut, on pictures whose truth is known."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fimad.pipeline.media.background import BackgroundTracker

Pixels = NDArray[np.uint8]


def scene(seed: int, height: int = 500, width: int = 800) -> Pixels:
    """Blobs of all sizes, as rich in edges as a room."""
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    rough = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.5), None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    return np.asarray(rough, np.uint8)


def view(picture: Pixels, x: float = 0.0, y: float = 0.0, turn: float = 0.0, grow: float = 1.0) -> Pixels:
    """320x180 of a scene whose middle is shifted right and down by (x, y) px, turned (rad) and enlarged about itself."""
    cos, sin = grow * np.cos(turn), grow * np.sin(turn)
    height, width = picture.shape[:2]
    middle = np.array([[cos, -sin], [sin, cos]]) @ (width / 2, height / 2)
    shift = np.array([160 + x, 90 + y]) - middle
    return np.asarray(cv2.warpAffine(picture, np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]]), (320, 180)))


def with_person(picture: Pixels, at: int) -> Pixels:
    """Somebody with a pattern of their own."""
    shown = picture.copy()
    person = scene(99)[:130, :60]
    shown[40:170, at : at + 60] = person
    return shown


def push(tracker: BackgroundTracker, rgb: Pixels) -> tuple[bool, tuple[float, float, float, float], float]:
    return tracker.push(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), rgb[2::4, 2::4])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("motion", "wanted"),
    [
        ({"x": 6.4}, (0.02, 0.0, 0.0, 0.0)),
        ({"y": 3.2}, (0.0, 0.01, 0.0, 0.0)),
        ({"turn": 0.02}, (0.0, 0.0, 0.02, 0.0)),
        ({"grow": 1.02}, (0.0, 0.0, 0.0, np.log(1.02))),
    ],
)
def test_motion_of_the_camera(motion: dict[str, float], wanted: tuple[float, ...]) -> None:
    picture = scene(0)
    tracker = BackgroundTracker(0.5)
    found = []
    for at in range(6):
        here = {name: value**at if name == "grow" else value * at for name, value in motion.items()}
        found.append(push(tracker, with_person(view(picture, **here), 20 + 12 * at)))
    for cut, seen, confidence in itertools.islice(found, 1, None):
        assert not cut
        assert confidence > 0.4
        np.testing.assert_allclose(seen, wanted, atol=0.002)


def test_a_standing_camera_is_still_whatever_the_person_does() -> None:
    picture = view(scene(1))
    noise = np.random.default_rng(2)
    tracker = BackgroundTracker(0.5)
    for at in range(40):
        shown = with_person(picture, round(110 + 100 * np.sin(at / 3)))
        shown = np.clip(shown + noise.normal(0, 1, shown.shape), 0, 255).astype(np.uint8)
        cut, motion, confidence = push(tracker, shown)
        assert (cut, motion) == (False, (0.0, 0.0, 0.0, 0.0))
        assert confidence > 0.4


@pytest.mark.parametrize("step_px", [0.05, 0.2, 0.7])
def test_slow_motion_is_not_lost_and_does_not_drift(step_px: float) -> None:
    picture = scene(3)
    tracker = BackgroundTracker(0.5)
    where = 0.0
    for at in range(60):
        _, motion, _ = push(tracker, view(picture, x=step_px * at))
        where += 320 * motion[0]
        # What is not yet told apart from standing still is less than half a pixel.
        assert abs(where - step_px * at) < 0.5


def test_cuts_are_found_and_other_changes_are_not() -> None:
    tracker = BackgroundTracker(0.5)
    first, second = scene(4), 255 - scene(5) // 3
    shots = [view(first, x=4 * at) for at in range(4)] + [view(second)] * 4 + [view(first, x=100)] * 2
    assert [at for at, shot in enumerate(shots) if push(tracker, shot)[0]] == [4, 8]


def test_another_size_of_picture_begins_another_shot() -> None:
    tracker = BackgroundTracker(0.5)
    picture = view(scene(6))
    assert not push(tracker, picture)[0]
    assert push(tracker, np.ascontiguousarray(picture[:, :200]))[0]


def test_a_picture_without_anything_in_it_says_nothing() -> None:
    tracker = BackgroundTracker(0.5)
    blank = np.full((180, 320, 3), 90, np.uint8)
    push(tracker, blank)
    cut, motion, confidence = push(tracker, blank + 1)
    assert (cut, motion, confidence) == (False, (0.0, 0.0, 0.0, 0.0), 0.0)


def plain_room(person_at: int) -> Pixels:
    """A plain wall and floor with next to nothing to follow, and somebody with a pattern."""
    picture = np.full((180, 320, 3), 200, np.uint8)
    picture[140:] = 120
    return with_person(picture, person_at)


def mask_at(person_at: int) -> Pixels:
    mask = np.zeros((180, 320), np.uint8)
    mask[36:174, max(0, person_at - 4) : person_at + 64] = 255
    return mask


def push_with(tracker: BackgroundTracker, rgb: Pixels, person: Pixels | None) -> tuple[bool, tuple[float, ...], float]:
    return tracker.push(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), rgb[2::4, 2::4], person)  # type: ignore[arg-type]


@pytest.mark.parametrize("stripes", [False, True])
def test_the_person_is_not_the_background(stripes: bool) -> None:
    """Side steps before a plain wall: whatever moves is the person; a few things in the room show that the camera stands."""
    tracker = BackgroundTracker(0.5)
    for at in range(30):
        where = round(120 + 60 * np.sin(at / 4))
        shown = plain_room(where)
        if stripes:
            shown[20:60, 10:13] = 40
            shown[100:103, 270:310] = 40
        _, motion, confidence = push_with(tracker, shown, mask_at(where))
        assert motion == (0.0, 0.0, 0.0, 0.0)
        assert (confidence > 0.4) == (stripes or at == 0)


def test_a_moving_camera_is_found_though_the_person_fills_the_picture() -> None:
    picture = scene(7)
    tracker = BackgroundTracker(0.5)
    path, noise = 0.0, np.random.default_rng(1)
    for at in range(20):
        x = 12 * np.sin(at / 3)
        shown = view(picture, x=x)
        person = np.zeros((180, 320), np.uint8)
        person[:, 60:260] = 255
        # Somebody who moves against the camera.
        shown[:, 60:260] = view(scene(8), x=-3 * x)[:, 60:260]
        shown = np.clip(shown + noise.normal(0, 1, shown.shape), 0, 255).astype(np.uint8)
        _, motion, confidence = push_with(tracker, shown, person)
        path += 320 * motion[0]
        assert confidence > 0.4
        assert path == pytest.approx(x, abs=0.5)


def test_a_long_pan_and_zoom_do_not_drift() -> None:
    picture = scene(9, 900, 1400)
    tracker = BackgroundTracker(0.5)
    place = np.zeros(4)
    for at in range(75):
        x, grow = 240 * np.sin(at / 24), 1 + 0.15 * np.sin(at / 15)
        _, motion, _ = push(tracker, view(picture, x=x * grow, grow=grow))
        place[0] = np.exp(motion[3]) * place[0] + motion[0]
        place[3] += motion[3]
        assert place[3] == pytest.approx(np.log(grow), abs=0.01)
        assert 320 * place[0] == pytest.approx(x * grow, abs=2.5)
