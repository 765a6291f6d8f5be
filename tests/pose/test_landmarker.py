"""The landmarker against MediaPipe Tasks and against the rendered person's truth, with the real weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimad.pipeline.media.cuts import CutDetector
from fimad.pipeline.media.frames import decode
from fimad.pipeline.media.pictures import ArrayView, Converter
from fimad.pose.detector import MARGIN, Roi, anchor_centres, roi_from_points, weighted_suppression
from fimad.pose.landmarker import LiteRtLandmarker, refine
from fimad.pose.mediapipe_tasks import TasksLandmarker
from fimad.pose.tflite import TfliteModel
from tests.pipeline.makers import DEMO

Weights = Callable[[str], Path]
Frames = list[tuple[float, np.ndarray]]
OUTPUTS = ("Identity", "Identity_1", "Identity_3", "Identity_4")


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Every other picture of the first second, upright, full size."""
    convert = Converter(720)
    return [(each.time_s, convert(each)) for each in decode(DEMO, 0.0, 1.0)][::2]


@pytest.fixture(scope="module")
def models(weights: Weights) -> tuple[Path, Path]:
    return weights("pose/detector"), weights("pose/full")


@pytest.fixture
def landmarker(models: tuple[Path, Path]) -> LiteRtLandmarker:
    return LiteRtLandmarker(*models)


def test_leaving_out_the_mask_does_not_change_the_other_outputs(models: tuple[Path, Path]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    found = []
    for outputs in (OUTPUTS, (*OUTPUTS, "Identity_2")):
        model = TfliteModel(models[1], outputs)
        model.run(picture, 1 / 255, 0.0)
        found.append([model.output(name).copy() for name in OUTPUTS])
    for pruned, whole in zip(*found, strict=True):
        np.testing.assert_array_equal(pruned, whole)


def test_landmarks_are_those_of_mediapipe(
    models: tuple[Path, Path], landmarker: LiteRtLandmarker, frames: Frames
) -> None:
    tasks = TasksLandmarker(*models)
    for time_s, picture in frames[:6]:
        landmarker.reset()  # so that the detector gives the region, as in MediaPipe's image mode
        mine, theirs = landmarker(ArrayView(picture), time_s), tasks(ArrayView(picture), time_s)
        assert mine is not None
        assert theirs is not None
        height = np.ptp(theirs.image[:, 1])
        assert np.median(np.abs(mine.image[:, :2] - theirs.image[:, :2])) < 0.002 * height
        assert np.median(np.abs(mine.world_m - theirs.world_m)) < 0.005
        np.testing.assert_allclose(mine.visibility, theirs.visibility, atol=0.1)
        np.testing.assert_allclose(mine.presence, theirs.presence, atol=0.1)
    tasks.close()


def test_following_stays_close_to_detecting_and_on_one_track(landmarker: LiteRtLandmarker, frames: Frames) -> None:
    followed = [landmarker(ArrayView(picture), time_s) for time_s, picture in frames]
    assert {each.track for each in followed if each is not None} == {0}
    assert all(each is not None for each in followed)
    for (time_s, picture), each in zip(frames, followed, strict=True):
        detected = landmarker.fresh()(ArrayView(picture), time_s)
        assert detected is not None
        assert each is not None
        seen = detected.visibility > 0.5
        far = np.abs(each.image[seen, :2] - detected.image[seen, :2])
        assert np.median(far) < 0.02


def test_a_picture_turned_or_shifted_gives_landmarks_turned_or_shifted(
    landmarker: LiteRtLandmarker, frames: Frames
) -> None:
    picture = frames[0][1]
    upright = landmarker(ArrayView(picture), 0.0)
    mirrored = landmarker.fresh()(ArrayView(np.ascontiguousarray(picture[:, ::-1])), 0.0)
    rolled = landmarker.fresh()(ArrayView(np.roll(picture, 32, axis=1)), 0.0)
    assert upright is not None
    assert mirrored is not None
    assert rolled is not None
    # The nose stays where it is, mirrored; left and right change places.
    np.testing.assert_allclose(1 - mirrored.image[0, 0], upright.image[0, 0], atol=0.01)
    np.testing.assert_allclose(rolled.image[:, 0] - 32 / picture.shape[1], upright.image[:, 0], atol=0.02)


def test_nobody_is_none_and_asks_the_detector_rarely(landmarker: LiteRtLandmarker) -> None:
    picture = np.full((360, 640, 3), 90, np.uint8)
    calls = []
    detect = landmarker._detector.detect
    landmarker._detector.detect = lambda rgb: calls.append(1) or detect(rgb)  # type: ignore[method-assign, func-returns-value]
    assert all(landmarker(ArrayView(picture), at / 30) is None for at in range(90))
    assert 15 <= len(calls) <= 36


def test_somebody_who_comes_into_an_empty_picture_is_found_at_once_after_a_cut(
    landmarker: LiteRtLandmarker, frames: Frames
) -> None:
    picture = frames[0][1]
    empty = np.zeros_like(picture)
    for at in range(40):
        assert landmarker(ArrayView(empty), at / 30) is None
    landmarker.reset()
    assert landmarker(ArrayView(picture), 40 / 30) is not None


def test_another_person_is_another_track(landmarker: LiteRtLandmarker, frames: Frames) -> None:
    picture = frames[0][1]
    first = landmarker(ArrayView(picture), 0.0)
    moved = np.roll(picture, 500, axis=1)  # far from where the person was, without a cut being told
    second = landmarker(ArrayView(moved), 1 / 30)
    assert first is not None
    assert second is not None
    assert (first.track, second.track) == (0, 1)
    landmarker.reset()
    third = landmarker(ArrayView(moved), 2 / 30)
    assert third is not None
    assert third.track == 2


def test_the_prominent_one_of_two_is_followed(landmarker: LiteRtLandmarker, frames: Frames) -> None:
    import cv2

    picture = frames[0][1]
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 3, height // 3))
    both = picture.copy()
    both[: height // 3, : width // 3] = small
    alone = landmarker(ArrayView(picture), 0.0)
    found = landmarker.fresh()(ArrayView(both), 0.0)
    assert alone is not None
    assert found is not None
    assert np.median(np.abs(found.image[:, :2] - alone.image[:, :2])) < 0.02


def test_anchors_are_those_of_the_graph() -> None:
    centres = anchor_centres()
    assert centres.shape == (2254, 2)
    np.testing.assert_allclose(centres[0], 0.5 / 28)
    np.testing.assert_allclose(centres[0], centres[1])
    np.testing.assert_allclose(centres[-6:], 6.5 / 7)


def test_suppression_merges_by_score() -> None:
    boxes = np.array([[0.5, 0.5, 0.2, 0.2], [0.52, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]], np.float32)
    first, second = weighted_suppression(boxes, np.array([0.9, 0.6, 0.7], np.float32))
    np.testing.assert_allclose(first[0][0], (0.9 * 0.5 + 0.6 * 0.52) / 1.5, rtol=1e-6)
    assert first[1] == pytest.approx(0.9)
    np.testing.assert_allclose(second[0], boxes[2])


def test_refinement_goes_to_the_centre_of_heat_within_the_kernel() -> None:
    heat = np.full((64, 64, 2), -20, np.float32)
    heat[30, 33, 0] = heat[30, 34, 0] = 20
    heat[30, 33, 1] = -1  # not sure enough to move a landmark
    points = np.array([[32.2 / 64, 29.7 / 64, 0.1], [32.2 / 64, 29.7 / 64, 0.1]], np.float32)
    refine(points, heat)
    np.testing.assert_allclose(points[0], [33.5 / 64, 30 / 64, 0.1], atol=1e-5)
    np.testing.assert_allclose(points[1], [32.2 / 64, 29.7 / 64, 0.1], atol=1e-6)


def test_refinement_leaves_points_outside_of_the_crop() -> None:
    points = np.array([[1.2, 0.5, 0], [-0.3, 0.5, 0], [0.5, 1.01, 0]], np.float32)
    before = points.copy()
    refine(points, np.full((64, 64, 3), 20, np.float32))
    np.testing.assert_array_equal(points, before)


sides = st.floats(50, 900)
places = st.floats(-200, 1500)


@given(places, places, sides, st.floats(-3.1, 3.1))
def test_a_region_and_back(x: float, y: float, size: float, angle: float) -> None:
    roi = Roi(x, y, size, angle)
    crop = np.random.default_rng(0).random((5, 3), np.float32)
    picture = roi.to_picture(crop, 1280, 720)
    pixels = picture[:, :2] * [1280, 720]
    matrix = roi.crop_matrix(256)
    back = (pixels @ matrix[:, :2].T + matrix[:, 2]) / 256
    np.testing.assert_allclose(back, crop[:, :2], atol=1e-3)
    turned = roi.turn_back(crop)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(crop, axis=1), rtol=1e-4)


@given(places, places, sides, st.floats(-3.1, 3.1))
def test_the_region_has_the_body_upright(x: float, y: float, radius: float, angle: float) -> None:
    rim = (x + radius * np.sin(angle), y - radius * np.cos(angle))
    roi = roi_from_points((x, y), rim)
    assert roi is not None
    assert roi.size_px == pytest.approx(2 * MARGIN * radius, rel=1e-6)
    assert np.cos(roi.angle_rad - angle) == pytest.approx(1, abs=1e-6)
    # In the crop, the rim point stands straight above the middle.
    at = roi.crop_matrix(256) @ [*rim, 1]
    np.testing.assert_allclose(at, [128, 128 - 128 / MARGIN], atol=1e-3)


@pytest.mark.parametrize("rim", [(5.0, 5.0), (float("nan"), 1.0), (float("inf"), 0.0)])
def test_points_that_say_nothing_give_no_region(rim: tuple[float, float]) -> None:
    assert roi_from_points((5.0, 5.0), rim) is None


def test_cuts_are_found_and_motion_is_not(frames: Frames) -> None:
    detector = CutDetector()
    assert not any(detector(ArrayView(picture).colours) for _, picture in frames)
    other = np.random.default_rng(0).integers(0, 80, frames[0][1].shape, np.uint8)
    assert detector(ArrayView(other).colours)
    assert not detector(ArrayView(other).colours)
    assert detector(ArrayView(frames[0][1]).colours)


@pytest.mark.parametrize(
    ("rows", "columns"), [(48, 48), (48, 85), (45, 160), (60, 213), (48, 480), (213, 60), (1, 700)]
)
def test_cuts_do_not_depend_on_the_shape_of_the_picture(rows: int, columns: int) -> None:
    # OpenCV 5 takes the last of three axes for channels, and refuses more than 128 of them.
    random = np.random.default_rng(rows)
    dark, bright = (random.integers(low, low + 90, (3, rows, columns), np.uint8) for low in (0, 160))
    detector = CutDetector()
    assert [detector(colours) for colours in (dark, dark.copy(), bright, bright, dark)] == [
        False,
        False,
        True,
        False,
        True,
    ]
