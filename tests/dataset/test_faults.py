"""What a buggy writer could do, sealed again as its tool would: `verify` names each fault and where it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from synthetic import SyntheticSource, small_config

from fimad.dataset.packing.pack import pack
from fimad.dataset.verify import Problem, verify
from fimad.skeleton import LANDMARK_INDEX
from fimad.storage.store import open_store
from tests.dataset.checking.resealing import accused, reseal

GRAVITY_M_S2 = 9.80665
UPWARDS = np.array([0, 0, GRAVITY_M_S2])
Row = dict[str, Any]
Manifest = dict[str, Any]


class Moving(SyntheticSource):
    """Wrists that turn: forces, rates, orientations and the pose agree. The left forearm hangs, the right one is level."""

    def _pose(self, number: int, video_id: str) -> list[Row]:
        rows = super()._pose(number, video_id)
        for row in rows:
            world = np.array(row["pose_world_m"]).reshape(-1, 33, 3) * 0.01
            for side, along in (("left", (0, 1, 0)), ("right", (-1, 0, 0))):
                elbow = LANDMARK_INDEX[f"{side}_elbow"]
                world[:, LANDMARK_INDEX[f"{side}_wrist"]] = world[:, elbow] + 0.25 * np.asarray(along)
            row["pose_world_m"] = world.astype(np.float32).reshape(-1)
        return rows

    def _simulate(self, number: int, video_id: str) -> list[Row]:
        rows = super()._simulate(number, video_id)
        for index, row in enumerate(rows):
            time_s = np.arange(len(row["imu_time_s"])) / 50
            row["flags"] = []
            for placement, base in (("left_wrist", [0, 0, 0]), ("right_wrist", [0, 90, 0])):
                swing = 0.3 * np.sin(2 * np.pi * 0.8 * time_s + number + index)
                rate = 0.3 * 2 * np.pi * 0.8 * np.cos(2 * np.pi * 0.8 * time_s + number + index)
                turned = Rotation.from_euler("xyz", base, degrees=True) * Rotation.from_rotvec(
                    swing[:, None] * [0, 1.0, 0]
                )
                valid = np.array(row[f"{placement}_valid"])
                world = np.array(row[f"{placement}_lin_acc_world_m_s2"]).reshape(-1, 3)
                force = turned.inv().apply(np.nan_to_num(world) + UPWARDS)
                for name, values in (
                    ("acc_m_s2", force),
                    ("gyro_rad_s", rate[:, None] * [0, 1.0, 0]),
                    ("orientation", turned.as_quat()),
                ):
                    values = np.where(valid[:, None], values, np.nan)
                    row[f"{placement}_{name}"] = values.astype(np.float32).reshape(-1)
                for name in ("sigma_m_s2", "gyro_sigma_rad_s"):
                    row[f"{placement}_{name}"] = np.where(valid, 0.1 + 0.02 * time_s + 0.01 * index, np.nan).astype(
                        np.float32
                    )
        return rows


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "dataset"
    config = small_config(("left_wrist", "right_wrist"))
    pack(Moving(5, config, clip_s=4.0, embeddings=True), config, open_store(str(folder)))
    assert not verify(str(folder))
    return folder


def cell(name: str, change: Callable[[Any], Any]) -> Callable[[list[Row]], list[Row]]:
    """A fault in one cell of the second row."""

    def apply(rows: list[Row]) -> list[Row]:
        value = rows[1][name]
        rows[1][name] = change(
            np.array(value, dtype=object if value is None else None) if isinstance(value, list) else value
        )
        return rows

    return apply


def put(name: str, value: Any) -> Callable[[list[Row]], list[Row]]:
    return cell(name, lambda _: value)


def swap(*names: str) -> Callable[[list[Row]], list[Row]]:
    def apply(rows: list[Row]) -> list[Row]:
        for ending in names:
            one, other = f"left_wrist_{ending}", f"right_wrist_{ending}"
            rows[1][one], rows[1][other] = rows[1][other], rows[1][one]
        return rows

    return apply


def vectors(change: Callable[[np.ndarray[Any, Any]], Any], width: int = 3) -> Callable[[Any], Any]:
    return lambda flat: np.asarray(change(np.asarray(flat, float).reshape(-1, width))).reshape(-1)


def holes(flat: Any) -> Any:
    flat = np.asarray(flat, float)
    flat[30:60] = np.nan
    return flat


SIGNALS = (
    "acc_m_s2",
    "gyro_rad_s",
    "lin_acc_world_m_s2",
    "orientation",
    "sigma_m_s2",
    "gyro_sigma_rad_s",
    "valid",
    "quality",
)


def half(rows: list[Row]) -> list[Row]:
    """The second row's signals end in the middle of the clip."""
    for name, value in rows[1].items():
        if isinstance(value, list) and name.startswith(("left_wrist_", "right_wrist_", "imu_")):
            rows[1][name] = value[: len(value) // 2]
    return rows


def as_before(*names: str) -> Callable[[list[Row]], list[Row]]:
    """A buffer that was not emptied."""
    return lambda rows: [rows[0], {**rows[1], **{name: rows[0][name] for name in names}}, *rows[2:]]


ROW_FAULTS: dict[str, tuple[Callable[[list[Row]], list[Row]], str]] = {
    "gyro all NaN": (cell("left_wrist_gyro_rad_s", lambda v: v * np.nan), "left_wrist_gyro_rad_s: NaN"),
    "gyro of another length": (cell("left_wrist_gyro_rad_s", lambda v: v[:-3]), "left_wrist_gyro_rad_s has 597 values"),
    "gyro missing": (put("left_wrist_gyro_rad_s", None), "left_wrist_gyro_rad_s is missing"),
    "gyro of another sign": (cell("left_wrist_gyro_rad_s", lambda v: -v), "left_wrist_gyro_rad_s is off"),
    "gyro in degrees": (cell("left_wrist_gyro_rad_s", lambda v: v * 57.3), "left_wrist"),
    "gyro of other axes": (
        cell("left_wrist_gyro_rad_s", vectors(lambda v: v[:, [1, 0, 2]])),
        "left_wrist_gyro_rad_s is off",
    ),
    "gyro that stands still": (cell("left_wrist_gyro_rad_s", lambda v: v * 0), "left_wrist_gyro_rad_s is off"),
    "gyro too late": (
        cell("left_wrist_gyro_rad_s", vectors(lambda v: np.concatenate([v[:3], np.roll(v[3:], 25, 0)]))),
        "left_wrist_gyro_rad_s is off",
    ),
    "gyro infinite": (
        cell("left_wrist_gyro_rad_s", lambda v: np.where(np.arange(len(v)) == 60, np.inf, v)),
        "infinite",
    ),
    "gravity upside down": (cell("left_wrist_acc_m_s2", lambda v: -v), "left_wrist: specific force, orientation"),
    "forces in g": (cell("left_wrist_acc_m_s2", lambda v: v / GRAVITY_M_S2), "left_wrist"),
    "forces without gravity": (cell("left_wrist_acc_m_s2", vectors(lambda v: v - UPWARDS)), "left_wrist"),
    "forces of another length": (
        cell("left_wrist_acc_m_s2", lambda v: np.concatenate([v, v])),
        "left_wrist_acc_m_s2 has 1200 values",
    ),
    "forces cut within a vector": (cell("left_wrist_acc_m_s2", lambda v: v[:-1]), "left_wrist_acc_m_s2 has 599 values"),
    "forces with holes": (cell("left_wrist_acc_m_s2", holes), "left_wrist_acc_m_s2: NaN"),
    "linear acceleration NaN": (
        cell("left_wrist_lin_acc_world_m_s2", lambda v: v * np.nan),
        "left_wrist_lin_acc_world_m_s2: NaN",
    ),
    "linear acceleration with gravity": (
        cell("left_wrist_lin_acc_world_m_s2", vectors(lambda v: v + UPWARDS)),
        "left_wrist: specific force, orientation",
    ),
    "orientation w first": (
        cell("left_wrist_orientation", vectors(lambda v: v[:, [3, 0, 1, 2]], 4)),
        "left_wrist: specific force, orientation",
    ),
    "orientation the other way": (
        cell("right_wrist_orientation", vectors(lambda v: v * [-1, -1, -1, 1], 4)),
        "right_wrist: specific force, orientation",
    ),
    "orientation not of unit length": (cell("left_wrist_orientation", lambda v: v * 1.1), "left_wrist_orientation"),
    "sigma negative": (cell("left_wrist_sigma_m_s2", lambda v: -v), "left_wrist_sigma_m_s2 is negative"),
    "gyro sigma negative": (
        cell("left_wrist_gyro_sigma_rad_s", lambda v: -v),
        "left_wrist_gyro_sigma_rad_s is negative",
    ),
    "zeros where nothing is valid": (
        cell("left_wrist_acc_m_s2", lambda v: np.nan_to_num(np.asarray(v, float))),
        "left_wrist_acc_m_s2: NaN",
    ),
    "mask turned round": (cell("left_wrist_valid", lambda v: ~np.asarray(v, bool)), "NaN must stand exactly"),
    "mask missing": (put("left_wrist_valid", None), "left_wrist_valid has none"),
    "wrists swapped": (swap(*SIGNALS), "swapped"),
    "clock in milliseconds": (cell("imu_time_s", lambda v: v * 1000), "imu_time_s goes from"),
    "clock of another clip": (cell("imu_time_s", lambda v: v + 100), "imu_time_s goes from"),
    "clock a little late": (cell("imu_time_s", lambda v: v + 0.007), "imu_time_s begins at"),
    "clock that falls": (cell("imu_time_s", lambda v: v[::-1]), "imu_time_s does not rise"),
    "clock with a NaN": (
        cell("imu_time_s", lambda v: np.where(np.arange(len(v)) == 7, np.nan, v)),
        "imu_time_s does not rise",
    ),
    "clock missing": (put("imu_time_s", None), "imu_time_s has none"),
    "another rate": (put("imu_rate_hz", 100.0), "imu_rate_hz is 100"),
    "no rate": (put("imu_rate_hz", None), "imu_rate_hz says nothing"),
    "pose clock of another clip": (cell("pose_time_s", lambda v: v + 50), "pose_time_s goes from"),
    "pose image cut": (cell("pose_image", lambda v: v[:-99]), "pose_image has"),
    "visibility cut": (cell("pose_visibility", lambda v: v[:-33]), "pose_visibility has"),
    "visibility in percent": (cell("pose_visibility", lambda v: v * 100), "pose_visibility goes from"),
    "score beyond 1": (cell("pose_score", lambda v: v + 1), "pose_score goes from"),
    "track cut": (cell("pose_track", lambda v: v[:-1]), "pose_track has"),
    "share beyond 1": (put("pose_share", 100.0), "pose_share goes from"),
    "quality beyond 1": (put("left_wrist_quality", 1.7), "left_wrist_quality goes from"),
    "quality not the median": (put("imu_quality", 0.3), "imu_quality is 0.3"),
    "a picture without height": (put("height_px", 0), "height_px is 0"),
    "embedding not of unit length": (cell("video_embedding", lambda v: v * 2), "video_embedding is not of unit length"),
    "embeddings of another width": (
        cell("text_embedding", lambda v: v[:32] / np.linalg.norm(np.asarray(v[:32], float))),
        "32 and 64",
    ),
    "frames' embeddings cut": (cell("video_embeddings", lambda v: v[:-1]), "video_embeddings has"),
    "a word that ends before it begins": (
        put("transcript_words", [{"start_s": 3.0, "end_s": 1.0, "text": "go", "probability": 0.9}]),
        "transcript_words",
    ),
    "a report that is no JSON": (put("imu_report", "{"), "imu_report is no JSON"),
    "a hash that is none": (put("media_sha256", "abc"), "media_sha256"),
    "a day that is none": (put("retrieved_on", "yesterday"), "retrieved_on"),
    "pose in millimetres": (cell("pose_world_m", lambda v: v * 1000), "is the unit m?"),
    "pose of zeros": (cell("pose_world_m", lambda v: v * 0), "reaches 0 m from the hips"),
    "picture in pixels": (cell("pose_image", lambda v: v * 640), "fractions of the picture"),
    "visibility NaN": (cell("pose_visibility", lambda v: v * np.nan), "pose_visibility is NaN wherever"),
    "quality NaN": (put("left_wrist_quality", float("nan")), "what is not known is NULL"),
    "signals that end early": (half, "imu_time_s ends at"),
    "signals of the clip before": (as_before(*(f"left_wrist_{each}" for each in SIGNALS)), "is the same as in clip"),
    "pose of the clip before": (as_before("pose_world_m"), "pose_world_m is the same as in clip"),
    "a number of another class": (put("class_id", 99), "class_id of"),
    "a class that has no number": (put("class_label", "yoga"), "class_id of 'yoga'"),
    "a kind that there is not": (put("kind", "dance"), "kind is 'dance'"),
    "an exercise without a name": (put("exercises", [""]), "has no name"),
    "title of another video": (put("video_title", "Another"), "video_title is another than"),
    "address of another video": (put("url", "https://example.org/else"), "url is another than"),
    "words of another clip": (
        put("transcript_words", [{"start_s": 300.0, "end_s": 300.5, "text": "go", "probability": 0.9}]),
        "is spoken at 300 s",
    ),
    "a probability in percent": (
        put("transcript_words", [{"start_s": 5.0, "end_s": 5.5, "text": "go", "probability": 90.0}]),
        "a probability of transcript_words",
    ),
    "a transcript of other words": (put("transcript", "something else"), "not what transcript_words say"),
    "a clip twice": (lambda rows: [*rows, rows[1]], "is there twice"),
    "a clip under another's name": (
        lambda rows: [
            rows[0],
            {**rows[1], "clip_id": rows[0]["clip_id"], "clip_index": rows[0]["clip_index"]},
            *rows[2:],
        ],
        "is there twice",
    ),
    "a row dropped": (lambda rows: rows[:1] + rows[2:], "rows give"),
    "a clip of no length": (
        lambda rows: [rows[0], {**rows[1], "end_s": rows[1]["start_s"]}, *rows[2:]],
        "it lasts from",
    ),
    "a clip in another split": (put("split", "val"), "in a shard of"),
    "a clip of another video": (put("video_id", "elsewhere"), "does not belong here"),
    "a label changed": (put("label", "yoga"), "labels"),
}
MANIFEST_FAULTS: dict[str, tuple[Callable[[Manifest], None], str]] = {
    "clips miscounted": (lambda m: m.update(clips=m["clips"] + 1), "clips is"),
    "hours miscounted": (lambda m: m["splits"]["train"].update(hours=99.0), "splits is"),
    "labels miscounted": (lambda m: m["labels"].update(squats=99), "labels is"),
    "means miscounted": (lambda m: m["means"]["imu_quality"].update(mean=0.1), "means is"),
    "a column left out": (lambda m: m["columns"].pop(7), "columns"),
    "a column made up": (lambda m: m["columns"].append({"name": "heart_rate", "type": "float"}), "no heart_rate"),
    "a column's unit changed": (
        lambda m: next(c for c in m["columns"] if c["name"] == "left_wrist_acc_m_s2").update(unit="g"),
        "columns: left_wrist_acc_m_s2",
    ),
    "a video of a split left out": (lambda m: m["splits"]["train"]["videos"].pop(), "not among its videos"),
    "a shard's rows miscounted": (lambda m: m["shards"][0].update(rows=99), "instead of 99"),
    "a shard's seconds miscounted": (lambda m: m["shards"][0].update(seconds=1.0), "seconds"),
    "a shard's licences miscounted": (lambda m: m["shards"][0].update(licences={"CC-BY": 4}), "licences"),
    "a shard left out": (lambda m: m["shards"].pop(), "does not name it"),
}


def test_there_are_enough() -> None:
    assert len(ROW_FAULTS) + len(MANIFEST_FAULTS) >= 60


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> list[Problem]:
    """What is said of a dataset that has all of them, each in a video of its own."""
    config = small_config(("left_wrist", "right_wrist"), splits={"train": 1.0})
    source = Moving(len(ROW_FAULTS), config, clip_s=4.0, embeddings=True)
    changes = {name: change for name, (change, _) in ROW_FAULTS.items()}
    return accused(tmp_path_factory.mktemp("rows"), source, changes, recount=False)


@pytest.mark.parametrize("fault", ROW_FAULTS)
def test_a_fault_in_a_row_is_named(problems: list[Problem], fault: str) -> None:
    video, said = f"video{list(ROW_FAULTS).index(fault):06d}", ROW_FAULTS[fault][1]
    # What is counted in a whole shard is not one clip's.
    mine = [each for each in problems if (each.clip or video).startswith(video)]
    assert any(said in each.what for each in mine), [str(each) for each in mine]


@pytest.mark.parametrize("fault", MANIFEST_FAULTS)
def test_a_fault_in_the_manifest_is_named(whole: Path, tmp_path: Path, fault: str) -> None:
    change, said = MANIFEST_FAULTS[fault]
    shutil.copytree(whole, tmp_path / "d")
    reseal(tmp_path / "d", manifest=change, recount=False)
    problems = verify(str(tmp_path / "d"))
    assert any(said in str(problem) for problem in problems), [str(problem) for problem in problems]


def test_sealing_again_alone_is_no_fault(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "d")
    reseal(tmp_path / "d", rows=lambda rows: rows, manifest=lambda _: None)
    assert not verify(str(tmp_path / "d"))


def test_a_swapped_side_of_the_pose_that_is_flagged_says_nothing(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "d")

    def change(rows: list[Row]) -> list[Row]:
        rows[1]["flags"] = ["behind"]
        return swap(*SIGNALS)(rows)

    reseal(tmp_path / "d", rows=change)
    assert not [problem for problem in verify(str(tmp_path / "d")) if "swapped" in problem.what]
