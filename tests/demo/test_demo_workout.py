"""The committed workout video, its metadata and its truth agree with each other and with physics."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fimad import demo

av = pytest.importorskip("av", reason="PyAV is part of the `build` extra")

G_M_S2 = 9.80665


@pytest.fixture(scope="module")
def info() -> dict:
    return json.loads(demo.INFO.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    with np.load(demo.TRUTH, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def within(truth: dict, info: dict, title: str, margin_s: float = 2.5) -> np.ndarray:
    chapter = next(each for each in info["chapters"] if each["title"].lower().startswith(title))
    return (truth["t"] > chapter["start_time"] + margin_s) & (truth["t"] < chapter["end_time"] - margin_s)


def test_files_are_small() -> None:
    assert demo.VIDEO.stat().st_size < 2_000_000
    assert demo.TRUTH.stat().st_size < 1_500_000


def test_video_is_what_the_metadata_says(info: dict) -> None:
    with av.open(str(demo.VIDEO)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.width, picture.height) == (info["width"], info["height"]) == (1280, 720)
        assert float(picture.average_rate) == info["fps"] == 30
        assert float(picture.duration * picture.time_base) == pytest.approx(info["duration"])
        assert float(sound.duration * sound.time_base) == pytest.approx(info["duration"], abs=0.1)
        found = [
            (
                float(each["start"] * each["time_base"]),
                float(each["end"] * each["time_base"]),
                each["metadata"]["title"],
            )
            for each in container.chapters()
        ]
    wanted = [(each["start_time"], each["end_time"], each["title"]) for each in info["chapters"]]
    assert len(wanted) == 5
    assert found == wanted


def test_description_carries_the_chapters_timestamps(info: dict) -> None:
    for chapter in info["chapters"]:
        start = int(chapter["start_time"])
        assert f"\n{start // 60}:{start % 60:02d} {chapter['title']}\n" in info["description"]


def test_pictures_and_truth_share_one_clock(truth: dict) -> None:
    with av.open(str(demo.VIDEO)) as container:
        times = sorted(packet.pts * packet.time_base for packet in container.demux(video=0) if packet.pts is not None)
    np.testing.assert_allclose([float(each) for each in times], truth["frame_t"], atol=1e-4)


def test_acceleration_is_the_second_derivative_of_position(truth: dict) -> None:
    step_s = 1 / float(truth["rate_hz"])
    for name in [key[:-4] for key in truth if key.endswith("_pos")]:
        place = truth[f"{name}_pos"].astype(float)
        # Integrated once more than it needs differentiating, so that the steps in which positions are stored average out.
        velocity = (place[20:] - place[:-20]) / (20 * step_s)
        change = velocity[20:] - velocity[:-20]
        weights = np.convolve(np.ones(20), np.ones(20)) * step_s / 20
        acceleration = truth[f"{name}_acc"].astype(float)
        inner = slice(1, -1)
        predicted = np.stack(
            [np.convolve(acceleration[inner, axis], weights, mode="valid") for axis in range(3)], axis=1
        )
        np.testing.assert_allclose(change[: len(predicted)], predicted, atol=0.02, err_msg=name)


def test_body_falls_freely_between_the_hops_of_jumping_jacks(truth: dict, info: dict) -> None:
    vertical = truth["pelvis_acc"][within(truth, info, "jumping jacks"), 2]
    falling = np.abs(vertical + G_M_S2) < 0.05
    assert 0.3 < falling.mean() < 0.6
    assert vertical.max() > 2 * G_M_S2
    assert vertical.mean() == pytest.approx(0, abs=1.0)


def test_feet_stay_where_they_stand_in_squats(truth: dict, info: dict) -> None:
    squats = within(truth, info, "squats")
    for side in ("left", "right"):
        assert np.ptp(truth[f"{side}_ankle_pos"][squats], axis=0).max() < 1e-3
    assert np.ptp(truth["pelvis_pos"][squats, 2]) > 0.3


@pytest.mark.parametrize(
    ("upper", "lower"), [("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")]
)
def test_limbs_keep_their_length(truth: dict, upper: str, lower: str) -> None:
    for side in ("left", "right"):
        length_m = np.linalg.norm(truth[f"{side}_{upper}_pos"] - truth[f"{side}_{lower}_pos"], axis=1)
        assert np.ptp(length_m) < 5e-4
        assert 0.2 < length_m.mean() < 0.5


def test_rotations_are_rotations_and_move_the_limbs(truth: dict) -> None:
    for name in [key for key in truth if key.endswith("_rot")]:
        matrices = truth[name].astype(float)
        np.testing.assert_allclose(
            matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(3), (len(matrices), 1, 1)), atol=1e-3
        )
        assert np.linalg.det(matrices).min() > 0.99
    # A shank's own axis, seen from the shank, stays where it is.
    limb = truth["left_knee_pos"].astype(float) - truth["left_ankle_pos"]
    inside = np.einsum("nij,ni->nj", truth["left_ankle_rot"].astype(float), limb)
    assert np.ptp(inside, axis=0).max() < 2e-3
