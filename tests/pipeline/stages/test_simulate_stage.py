"""The `simulate` stage: artifacts in, the columns of the schema out."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.transform import Rotation

from fimad.config import parse_config
from fimad.errors import ConfigError
from fimad.pipeline.contract import StageInput, Video, stage_key
from fimad.pipeline.stages.simulate import SimulateStage, imu_columns, pose_sequence
from fimad.schema import CAMERA, FLOW, POSE, SEGMENT, simulate_schema
from fimad.simulate import SENSORS, apply_sensor, fit_calibration, simulate_imu
from fimad.simulate.devices.calibration import ACC
from fimad.simulate.types import LimbFlow
from fimad.skeleton import FLOW_JOINTS, LANDMARK_INDEX, LANDMARKS

N = 90
# The first frame comes a little after the clip's beginning.
BEGINS_S = -0.0123
# Half of a person who stands and faces the camera, in m: x to the picture's right for the left side, y down.
HALF = {
    "shoulder": (0.18, -0.50),
    "elbow": (0.22, -0.22),
    "wrist": (0.24, 0.02),
    "pinky": (0.25, 0.08),
    "index": (0.24, 0.09),
    "thumb": (0.22, 0.07),
    "hip": (0.10, 0.0),
    "knee": (0.11, 0.42),
    "ankle": (0.11, 0.82),
    "heel": (0.11, 0.87),
    "foot_index": (0.13, 0.90),
    "ear": (0.07, -0.68),
    "eye": (0.03, -0.70),
    "eye_inner": (0.02, -0.70),
    "eye_outer": (0.05, -0.70),
}


def standing() -> tuple[np.ndarray, np.ndarray]:
    """World and image landmarks of N frames of somebody who stands still."""
    world = np.zeros((len(LANDMARKS), 3))
    world[LANDMARK_INDEX["nose"]] = (0.0, -0.67, -0.1)
    for side, sign in (("left", 1), ("right", -1)):
        for name, (x, y) in HALF.items():
            at = LANDMARK_INDEX.get(f"{side}_{name}")
            if at is not None:
                world[at] = (sign * x, y, -0.1 if name == "foot_index" else 0.0)
        mouth = LANDMARK_INDEX[f"mouth_{side}"]
        world[mouth] = (sign * 0.02, -0.63, -0.08)
    image = np.stack([0.5 + world[:, 0] / 3.2, 0.5 + world[:, 1] / 2.4, world[:, 2] / 3.2], axis=1)
    return np.tile(world, (N, 1, 1)), np.tile(image, (N, 1, 1))


@pytest.fixture
def item(tmp_path: Path) -> StageInput:
    world, image = standing()
    person = {
        "pose_world_m": world.ravel().astype(np.float32),
        "pose_image": image.ravel().astype(np.float32),
        "pose_visibility": np.full(N * len(LANDMARKS), 0.99, np.float32),
    }
    nobody = {name: np.full_like(values, np.nan) for name, values in person.items()}
    rows = [
        {
            "clip_id": f"v___{index}",
            "clip_index": index,
            "pose_time_s": 10 * index + np.arange(N) / 30,
            "pose_rates_hz": [],
            "width_px": 640,
            "height_px": 480,
            **columns,
        }
        for index, columns in ((0, person), (2, nobody), (3, dict.fromkeys(person)))
    ]
    segments = [
        {
            "clip_id": row["clip_id"],
            "clip_index": row["clip_index"],
            "start_s": at,
            "end_s": at + 3.0,
            "chapter_source": "platform",
        }
        for row, at in ((row, BEGINS_S + 10 * row["clip_index"]) for row in rows)
    ]
    tables = {
        "pose": pa.Table.from_pylist(rows, schema=POSE),
        "segment": pa.Table.from_pylist(segments, schema=SEGMENT),
    }
    return StageInput(
        Video("v", "file", "/v.mp4"), tables, None, tmp_path, lambda path, suffix: "", logging.Logger("test")
    )


def test_somebody_who_stands_still_feels_gravity_alone(item: StageInput) -> None:
    stage = SimulateStage(parse_config({"simulate": {"rate_hz": 40, "placements": ["left_wrist", "pelvis"]}}))
    table = stage.run(item)
    assert table.schema.equals(stage.schema())
    row = table.to_pylist()[0]
    assert row["clip_id"] == "v___0"
    assert np.allclose(np.diff(row["imu_time_s"]), 1 / 40)
    assert row["imu_time_s"][0] == BEGINS_S
    assert 3 - 1 / 40 <= row["imu_time_s"][-1] < 3
    for placement in ("left_wrist", "pelvis"):
        acc = np.reshape(row[f"{placement}_acc_m_s2"], (-1, 3))
        valid = np.array(row[f"{placement}_valid"])
        assert valid.all()
        assert np.linalg.norm(acc[valid], axis=1) == pytest.approx(9.81, abs=0.1)
    assert isinstance(json.loads(row["imu_report"]), dict)


def test_orientation_turns_the_reading_into_acceleration(item: StageInput) -> None:
    stage = SimulateStage(parse_config({"simulate": {"placements": ["left_upper_arm"], "mounting_deg": [20, -40, 70]}}))
    row = stage.run(item).to_pylist()[0]
    valid = np.array(row["left_upper_arm_valid"])
    force, world, turns = (
        np.reshape(row[f"left_upper_arm_{name}"], (len(valid), -1))[valid]
        for name in ("acc_m_s2", "lin_acc_world_m_s2", "orientation")
    )
    assert turns.shape[1] == 4
    np.testing.assert_allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-6)
    found = Rotation.from_quat(turns).apply(force) + np.array([0, 0, -9.80665])
    np.testing.assert_allclose(found, world, atol=1e-4)
    assert np.linalg.norm(np.diff(turns, axis=0), axis=1).max() < 0.1
    assert row["flags"] == []
    rate_sigma = np.array(row["left_upper_arm_gyro_sigma_rad_s"])
    assert (rate_sigma[valid] > 0).all()


def test_clips_with_nobody_are_null_and_say_so(item: StageInput) -> None:
    stage = SimulateStage(parse_config({}))
    rows = stage.run(item).to_pylist()
    assert [row["clip_index"] for row in rows] == [0, 2, 3]
    for row in rows[1:]:
        assert row["imu_time_s"] is None
        assert row["left_wrist_acc_m_s2"] is None
        assert json.loads(row["imu_report"]) == {"reason": "nobody"}


def test_the_camera_is_taken_along_where_it_was_measured(item: StageInput) -> None:
    still = {
        "clip_id": "v___0",
        "clip_index": 0,
        "camera_time_s": np.arange(45) / 15,
        "camera_cut": np.arange(45) == 20,
        "camera_motion": np.zeros(45 * 4, np.float32),
        "camera_confidence": np.ones(45, np.float32),
    }
    tables = {**item.tables, "camera": pa.Table.from_pylist([still], schema=CAMERA)}
    item.tables = tables
    row = SimulateStage(parse_config({})).run(item).to_pylist()[0]
    # The cut at 1.33 s is known to the signals: there is less to trust around it.
    near = np.abs(np.array(row["imu_time_s"]) - 20 / 15) < 0.1
    assert len(json.loads(row["imu_report"])["stretches"]) == 2
    sigma = np.array(row["left_wrist_sigma_m_s2"])
    assert np.nanmax(sigma[near]) > 1.2 * np.nanmedian(sigma[~near])


def still_flow() -> dict[str, object]:
    """A row of flow that saw nothing move."""
    moved = np.zeros((N, len(FLOW_JOINTS), 2), np.float32)
    moved[0] = np.nan
    share = np.ones((N, len(FLOW_JOINTS)), np.float32).ravel()
    columns = {"flow_dense": moved.ravel(), "flow_grey": moved.ravel()}
    shares = {"flow_dense_share": share, "flow_grey_share": share}
    return {"clip_id": "v___0", "clip_index": 0, "flow_time_s": np.arange(N) / 30, **columns, **shares}


@pytest.mark.parametrize("frames", [N, N - 1])
def test_landmarks_that_shake_are_steadied_by_pixels_that_do_not(item: StageInput, frames: int) -> None:
    pose = item.tables["pose"].to_pylist()
    image = np.array(pose[0]["pose_image"]).reshape(N, -1, 3)
    image[..., :2] += np.random.default_rng(0).normal(0, 0.002, image[..., :2].shape)
    pose[0]["pose_image"] = image.ravel()
    flow = {
        name: value[: len(value) * frames // N] if "flow" in name else value for name, value in still_flow().items()
    }
    before = {**item.tables, "pose": pa.Table.from_pylist(pose, schema=POSE)}
    sigma, report = [], []
    for tables in (before, {**before, "flow": pa.Table.from_pylist([flow], schema=FLOW)}):
        item.tables = tables
        row = SimulateStage(parse_config({})).run(item).to_pylist()[0]
        sigma.append(np.nanmedian(row["left_wrist_sigma_m_s2"]))
        report.append(json.loads(row["imu_report"]))
    # Flow of other pictures than the pose's is not taken.
    used = frames == N
    assert (sigma[1] < 0.85 * sigma[0]) == used
    assert report[0]["flow_share"] == 0
    assert report[1]["flow_share"] == (round(1 - 1 / N, 3) if used else 0)


def test_flow_over_a_repeated_picture_is_that_between_new_ones(item: StageInput) -> None:
    pose = item.tables["pose"].to_pylist()[:1]
    taken = np.arange(N) / 30
    taken[4::5] = np.nan
    pose[0]["pose_source_time_s"] = taken
    moved = np.full((N, len(FLOW_JOINTS), 2), 0.001)
    moved[4::5] = 0.0002
    flow = LimbFlow(moved, 2 * moved, np.ones((N, len(FLOW_JOINTS))))
    found = pose_sequence(pa.Table.from_pylist(pose, schema=POSE), 0, None, flow)
    assert found is not None
    assert found.flow is not None
    assert len(found.flow.grey) == len(found.time_s) == N - N // 5
    np.testing.assert_allclose(found.flow.dense[:, 0, 0], [0.001] * 4 + ([0.0012] + [0.001] * 3) * (N // 5 - 1))
    np.testing.assert_allclose(found.flow.grey, 2 * found.flow.dense)


def simulated(item: StageInput, **options: object) -> dict[str, object]:
    """The first row of the artifact, as a stage of its own makes it."""
    stage = SimulateStage(parse_config({"simulate": {"placements": ["left_wrist", "pelvis"], **options}}))
    stage.setup()
    return stage.run(item).to_pylist()[0]


def test_ideal_sensors_are_the_default_and_a_part_says_so_in_the_report(item: StageInput) -> None:
    imu = simulate_imu(
        pose_sequence(item.tables["pose"], 0, None), start_s=BEGINS_S, placements=("left_wrist", "pelvis")
    )
    ideal = simulated(item)
    row = {"clip_id": "v___0", "clip_index": 0, **imu_columns(imu)}
    expected = pa.Table.from_pylist([row], schema=simulate_schema(("left_wrist", "pelvis"))).to_pylist()[0]
    # As text, in which NaN are equal.
    assert json.dumps(ideal) == json.dumps(expected)

    real = simulated(item, sensor="bmi270", sensor_seed=4)
    read = apply_sensor(imu, SENSORS["bmi270"], seed=4, clip_id="v___0")
    for name in ("left_wrist", "pelvis"):
        np.testing.assert_array_equal(
            np.float32(real[f"{name}_acc_m_s2"]), read.signals[name].acc_m_s2.astype(np.float32).ravel()
        )
    assert json.loads(real["imu_report"])["sensor"] == {"part": "bmi270", "seed": 4}
    unchanged = [name for name in ideal if not name.endswith(("_acc_m_s2", "_gyro_rad_s", "_report"))]
    assert [json.dumps(real[name]) for name in unchanged] == [json.dumps(ideal[name]) for name in unchanged]
    assert real != simulated(item, sensor="bmi270", sensor_seed=5)


def test_a_calibration_is_applied_and_known_by_its_content(item: StageInput, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0, 10, (1000, 3))
    fit_calibration(values, values + np.array([1, 2, 3]), ACC).save(tmp_path / "a.json")
    ideal, real = simulated(item), simulated(item, calibration=str(tmp_path / "a.json"))
    shift = np.reshape(real["left_wrist_acc_m_s2"], (-1, 3)) - np.reshape(ideal["left_wrist_acc_m_s2"], (-1, 3))
    shift = shift[ideal["left_wrist_valid"]]
    np.testing.assert_allclose(shift, np.tile([1, 2, 3], (len(shift), 1)), atol=1e-3)
    np.testing.assert_array_equal(real["pelvis_acc_m_s2"], ideal["pelvis_acc_m_s2"])
    assert json.loads(real["imu_report"])["calibrated"] == ["left_wrist"]

    def key(path: Path | str) -> str:
        return stage_key(SimulateStage(parse_config({"simulate": {"calibration": str(path)}})), {"pose": "p"})

    (tmp_path / "b.json").write_bytes((tmp_path / "a.json").read_bytes())
    assert key(tmp_path / "a.json") == key(tmp_path / "b.json") != key("")
    fit_calibration(values, values, ACC).save(tmp_path / "b.json")
    assert key(tmp_path / "a.json") != key(tmp_path / "b.json")
    with pytest.raises(ConfigError, match="can't be read"):
        key(tmp_path / "missing.json")


def test_keys_are_had_without_loading_the_libraries() -> None:
    code = (
        "import sys; from fimad.config import Config; from fimad.pipeline.stages.registry import plan_stages; "
        "plan_stages(Config()); print(*sorted({'scipy', 'torch', 'av', 'cv2', 'mediapipe'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_frame_rate_that_cannot_be_told_is_said(item: StageInput) -> None:
    assert "frame_times" not in json.loads(simulated(item)["imu_report"])
    pose = item.tables["pose"]
    at = pose.column_names.index("pose_rates_hz")
    item.tables["pose"] = pose.set_column(
        at, POSE.field("pose_rates_hz"), pa.nulls(len(pose), POSE.field("pose_rates_hz").type)
    )
    row = simulated(item)
    assert "still frames" in json.loads(row["imu_report"])["frame_times"]["unknown"]
    assert "converted_rate" not in row["flags"]
