"""Motion of limbs on drawn figures: each limb is a rigid piece of cloth, so that the truth of every joint is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fimad.pipeline.media.flow.estimators import DenseFlow, Fit, Pair, fit_grey
from fimad.pipeline.media.flow.follower import LimbFollower
from fimad.pipeline.media.flow.limbs import LimbPixels, limb_pixels
from fimad.skeleton import FLOW_JOINTS, LANDMARK_INDEX, LANDMARKS

Floats = NDArray[np.float64]
Grey = NDArray[np.uint8]

SIZE = (360, 320)
AT = {name: at for at, name in enumerate(FLOW_JOINTS)}
STANDING = {
    "head": (160, 50), "left_shoulder": (188, 90), "right_shoulder": (132, 90), "left_elbow": (225, 118), "right_elbow": (95, 118),
    "left_wrist": (255, 150), "right_wrist": (65, 150), "left_hip": (178, 185), "right_hip": (142, 185), "left_knee": (190, 250),
    "right_knee": (130, 250), "left_ankle": (195, 312), "right_ankle": (125, 312), "left_foot_index": (215, 322),
    "right_foot_index": (105, 322),
}  # fmt: skip
LIMBS = [
    (f"{side}_{a}", f"{side}_{b}", width)
    for a, b, width in (
        ("hip", "knee", 15),
        ("knee", "ankle", 11),
        ("ankle", "foot_index", 8),
        ("shoulder", "elbow", 11),
        ("elbow", "wrist", 9),
    )
    for side in ("left", "right")
]
#: What moves rigidly with a joint that turns.
BEYOND = {
    "left_shoulder": ("left_elbow", "left_wrist"),
    "right_elbow": ("right_wrist",),
    "left_hip": ("left_knee", "left_ankle", "left_foot_index"),
    "right_knee": ("right_ankle", "right_foot_index"),
}


def cloth(seed: int, shape: tuple[int, int], fineness_px: float = 2.5) -> Any:
    noise = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    rough: Any = cv2.GaussianBlur(noise, (0, 0), fineness_px)
    return cv2.normalize(rough, rough, 40, 215, cv2.NORM_MINMAX)


def standing() -> Floats:
    return np.array([STANDING[name] for name in FLOW_JOINTS], float)


def turned(joints: Floats, joint: str, rad: float) -> Floats:
    moved = joints.copy()
    rows = [AT[name] for name in BEYOND[joint]]
    turn = np.array([[np.cos(rad), -np.sin(rad)], [np.sin(rad), np.cos(rad)]])
    moved[rows] = joints[AT[joint]] + (joints[rows] - joints[AT[joint]]) @ turn.T
    return moved


def drawn(joints: Floats, background: Grey, *, plain: bool = False) -> Grey:
    """A figure whose limbs are pieces of cloth, turned and shifted with their bones; of one colour each if plain."""
    picture = background.copy()
    top, bottom = (joints[[AT[f"{side}_{part}"] for side in ("left", "right")]].mean(0) for part in ("shoulder", "hip"))
    for n, (a, b, width) in enumerate([*LIMBS, (top, bottom, 36), (joints[0] - (0, 8), joints[0] + (0, 8), 20)]):
        start, end = (joints[AT[each]] if isinstance(each, str) else each for each in (a, b))
        way = np.subtract(end, start)
        length, along = float(np.hypot(*way)), way / np.hypot(*way)
        piece = np.full((2 * width, 160), 60 + 11 * n, np.uint8) if plain else cloth(n, (2 * width, 160))
        long = int(length) + (0 if width == 36 else width // 2)
        matrix = np.array([[along[0], -along[1], 0], [along[1], along[0], 0]])
        matrix[:, 2] = start - matrix[:, :2] @ (0, width)
        size = (SIZE[1], SIZE[0])
        warped: Any = cv2.warpAffine(np.ascontiguousarray(piece[:, :long]), matrix, size)
        inside: Any = cv2.warpAffine(np.full((2 * width, long), 255, np.uint8), matrix, size)
        share = (inside / 255.0)[..., None][..., 0]
        picture = (
            np.rint(picture * (1 - share) + np.where(inside > 0, warped / np.maximum(share, 1e-3), 0) * share)
            .clip(0, 255)
            .astype(np.uint8)
        )
    return picture


ROOM = cloth(77, SIZE, 6.0)


def pair(before: Floats, after: Floats, expected: Floats, *, plain: bool = False) -> Pair:
    pixels = limb_pixels(before, np.zeros(len(before)), SIZE, np.ones(len(before), bool))
    assert isinstance(pixels, LimbPixels)
    pictures = [drawn(each, ROOM, plain=plain) for each in (before, after)]
    return Pair(pictures[0], pictures[1], pixels, expected.astype(np.float32), 2.0)


def both(pictures: Pair) -> tuple[Fit, Fit]:
    return DenseFlow()(pictures), fit_grey(pictures)


MOTIONS = {
    "shift": lambda joints: joints + np.array([3.0, -1.5]),
    "arm": lambda joints: turned(joints, "left_shoulder", 0.05),
    "forearm": lambda joints: turned(joints, "right_elbow", -0.12),
    "leg": lambda joints: turned(joints, "left_hip", 0.04),
    "shank": lambda joints: turned(joints, "right_knee", 0.06),
}


def seen_to_move(motion: str, *, plain: bool = False) -> tuple[Floats, Floats, tuple[Fit, Fit]]:
    """True displacements, those that landmarks have, and what is found."""
    before = standing()
    after = MOTIONS[motion](before)
    true = after - before
    # Landmarks err by a pixel, and know nothing of what is quick.
    expected = 0.5 * true + np.random.default_rng(1).normal(0, 0.7, true.shape)
    return true, expected, both(pair(before, after, expected, plain=plain))


@pytest.mark.parametrize("motion", MOTIONS)
def test_joints_go_where_their_limbs_go(motion: str) -> None:
    true, expected, found = seen_to_move(motion)
    landmarks = np.hypot(*(expected - true).T)
    for fit, worst in zip(found, (1.0, 0.25), strict=True):
        wrong = np.hypot(*(fit.moved - true).T)
        assert np.median(wrong) < 0.15 * np.median(landmarks)
        # Thin feet before a rich room are more than dense flow can do.
        assert wrong[: -2 if worst == 1.0 else None].max() < worst
    assert (found[1].share > 0.9).all()


@pytest.mark.parametrize(("motion", "end"), [("arm", "left_elbow"), ("leg", "left_knee"), ("shank", "right_ankle")])
def test_on_plain_cloth_outlines_tell(motion: str, end: str) -> None:
    true, expected, found = seen_to_move(motion, plain=True)
    for fit in found:
        wrong = np.hypot(*(fit.moved - true).T)
        assert np.median(wrong) < 0.1
        assert wrong[AT[end]] < 0.75 * np.hypot(*(expected - true)[AT[end]])


def test_who_stands_still_does_not_move_whatever_landmarks_say() -> None:
    noise = np.random.default_rng(2).normal(0, 1.5, (len(FLOW_JOINTS), 2))
    for fit in both(pair(standing(), standing(), noise)):
        assert np.abs(fit.moved).max() < 0.25


def test_where_pixels_say_nothing_landmarks_are_believed() -> None:
    before = standing()
    pixels = limb_pixels(before, np.zeros(len(before)), SIZE, np.ones(len(before), bool))
    assert pixels is not None
    blank = np.full(SIZE, 128, np.uint8)
    expected = np.full((len(before), 2), 1.25, np.float32)
    fit = fit_grey(Pair(blank, blank, pixels, expected, 2.0))
    np.testing.assert_allclose(fit.moved, expected, atol=1e-3)
    assert fit.share.max() < 1e-3


def test_the_nearer_limb_hides_the_other() -> None:
    before = standing()
    parts = ("hip", "knee", "ankle", "foot_index")
    for part in parts[1:]:
        before[AT[f"left_{part}"]] = before[AT[f"right_{part}"]]
    depth = np.zeros(len(before))
    for near, far in (("left", "right"), ("right", "left")):
        for part in parts:
            depth[AT[f"{near}_{part}"]], depth[AT[f"{far}_{part}"]] = -1.0, 1.0
        pixels = limb_pixels(before, depth, SIZE, np.ones(len(before), bool))
        assert pixels is not None
        shank = [np.abs(pixels.moved(np.eye(2 * len(AT))[AT[f"{side}_ankle"]])).sum() for side in (near, far)]
        assert shank[0] > 3 * shank[1]


def some_pixels(**hidden: bool) -> LimbPixels:
    """Of somebody of whom some joints are not seen."""
    visible = np.array([not any(part in name for part in hidden) for name in FLOW_JOINTS])
    pixels = limb_pixels(standing() + 0.25, np.zeros(len(AT)), SIZE, visible)
    assert pixels is not None
    return pixels


def test_who_is_shifted_or_turned_as_a_whole_moves_as_a_whole() -> None:
    pixels = some_pixels()
    place = np.stack([pixels.x, pixels.y])
    shift = np.repeat([3.0, -1.5], len(AT))
    np.testing.assert_allclose(pixels.moved(shift), np.repeat([[3.0], [-1.5]], place.shape[1], 1), atol=1e-5)
    # To first order; of limbs exactly, of head and trunk as far as they are what their joints say.
    small = 0.01
    turn = small * np.array([[0.0, -1.0], [1.0, 0.0]])
    joints = standing() + 0.25
    moved = pixels.moved((joints @ turn.T).T.ravel())
    of_limbs = pixels.parts[0].features.shape[2]
    near = np.abs((turn @ place - moved)[:, of_limbs:]).max(0)
    # Beyond hands and feet, turning is limited.
    assert np.quantile(near, 0.9) < 1e-4
    assert near.max() < 0.15


@pytest.mark.parametrize("hidden", [(), ("wrist",), ("left",), ("elbow", "knee", "ankle", "foot")])
def test_sums_over_parts_are_those_over_all_pixels(hidden: tuple[str, ...]) -> None:
    pixels = some_pixels(**dict.fromkeys(hidden, True))
    rng = np.random.default_rng(3)
    weight = rng.uniform(0, 1, len(pixels.x)).astype(np.float32)
    values = rng.normal(0, 1, (2, len(pixels.x))).astype(np.float32)
    basis = np.stack([pixels.moved(each) for each in np.eye(2 * len(AT))], -1).astype(float)
    slopes = rng.normal(0, 5, values.shape).astype(np.float32)
    for rows, equations in (
        (basis, pixels.layout.equations()),
        ((basis * slopes[..., None]).sum(0, keepdims=True), pixels.layout.equations(slopes)),
    ):
        flat = rows.reshape(-1, rows.shape[2])
        each = np.tile(weight, len(rows))
        np.testing.assert_allclose(equations.normal(weight), (flat * each[:, None]).T @ flat, rtol=1e-4, atol=1e-2)
        right = equations.right(values[: len(rows)])
        np.testing.assert_allclose(right, flat.T @ values[: len(rows)].ravel(), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    "joints", [np.full((15, 2), np.nan), standing() / 40, standing() + 5000, standing() * np.array([1e7, 1.0])]
)
def test_nobody_to_be_seen_has_no_pixels(joints: Floats) -> None:
    assert limb_pixels(joints, np.zeros(15), SIZE, np.ones(15, bool)) is None


@dataclass
class Somebody:
    image: NDArray[Any]
    visibility: NDArray[Any]
    track: int


def somebody(joints: Floats, track: int = 0) -> Somebody:
    image = np.full((len(LANDMARKS), 3), 0.5, np.float32)
    image[:, 2] = 0
    for name, at in joints_of(joints):
        image[LANDMARK_INDEX[name], :2] = at / (SIZE[1], SIZE[0])
    return Somebody(image, np.ones(len(LANDMARKS), np.float32), track)


def joints_of(joints: Floats) -> list[tuple[str, Floats]]:
    rest = list(zip(FLOW_JOINTS[1:], joints[1:], strict=True))
    return [("left_ear", joints[0]), ("right_ear", joints[0]), *rest]


def test_each_picture_has_its_row_and_another_person_begins_anew() -> None:
    follower = LimbFollower()
    joints = standing()
    for at in range(9):
        here = joints + np.array([1.2 * at, 0.0])
        seen = (None, None) if at == 3 else (drawn(here, ROOM), somebody(here, int(at > 6)))
        follower.push(at / 30, *seen)
    found = follower.finish().columns()
    known = np.isfinite(found["grey"]).all((1, 2))
    # The first of all, after nobody, and of another person.
    assert known.tolist() == [False, True, True, False, False, True, True, False, True]
    for name in ("dense", "grey"):
        np.testing.assert_allclose(np.median(found[name][known][..., 0], 1) * SIZE[1], 1.2, atol=0.15)
        assert (found[f"{name}_share"][~known] == 0).all()
        assert np.median(found[f"{name}_share"][known]) > 0.5


def test_a_clip_of_nobody_and_one_of_one_picture() -> None:
    follower = LimbFollower()
    assert follower.finish().columns()["grey"].shape == (0, len(FLOW_JOINTS), 2)
    follower = LimbFollower()
    follower.push(0.0, drawn(standing(), ROOM), somebody(standing()))
    assert np.isnan(follower.finish().columns()["dense"]).all()


def followed(shown: list[int], rate_hz: float, joints: Floats, landmarks: Floats) -> Floats:
    """(n, j, 2) px by both estimators in the mean, of pictures of these joints; what is shown twice is encoded anew."""
    follower, noise = LimbFollower(), np.random.default_rng(4)
    pictures = {at: drawn(joints[at], ROOM) for at in set(shown)}
    for n, at in enumerate(shown):
        recoded = pictures[at] + noise.integers(-1, 2, SIZE)
        follower.push(n / rate_hz, recoded.clip(0, 255).astype(np.uint8), somebody(landmarks[at]))
    columns = follower.finish().columns()
    return (columns["dense"] + columns["grey"]) / 2 * SIZE[1]


@pytest.mark.parametrize("pattern", ["24 to 30", "30 to 60", "10 to 30"])
def test_pictures_that_are_shown_twice_are_followed_as_if_they_were_not(pattern: str) -> None:
    count, (before_hz, after_hz) = 16, map(int, pattern.split(" to "))
    joints = np.stack([turned(standing(), "left_shoulder", 0.2 * np.sin(0.5 * at)) for at in range(count)])
    landmarks = joints + np.random.default_rng(2).normal(0, 1.0, joints.shape)
    shown = [n * before_hz // after_hz for n in range(count * after_hz // before_hz)]
    once = followed(list(range(count)), before_hz, joints, landmarks)
    twice = followed(shown, after_hz, joints, landmarks)
    repeats = np.diff(shown, prepend=-1) == 0
    assert np.abs(twice[1:][repeats[1:], AT["left_wrist"]]).max() < 0.1
    wrist, true = AT["left_wrist"], np.diff(joints, axis=0)[:, AT["left_wrist"]]
    wrong = [np.sqrt(np.square(each[1:, wrist] - true).sum(1).mean()) for each in (once, twice[~repeats])]
    assert wrong[1] < 1.1 * wrong[0] + 0.2


def test_who_stops_and_goes_on_is_no_repeated_picture() -> None:
    joints = np.stack([turned(standing(), "left_shoulder", 0.3 * np.cos(0.2 * at)) for at in range(40)])
    moved = followed(list(range(40)), 30.0, joints, joints)[1:, AT["left_wrist"]]
    wrong = moved - np.diff(joints, axis=0)[:, AT["left_wrist"]]
    assert np.hypot(*wrong[:-1].T).max() < 0.5
