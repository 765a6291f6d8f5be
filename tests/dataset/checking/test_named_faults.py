"""Faults that leave all hashes and counts right: `verify` names the clip and the column of each, and says nothing of what is well made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from persons import PLACEMENTS, Persons
from resealing import Change, Manifest, Row, accused, reseal
from synthetic import small_config

from fimad.dataset.packing.pack import pack
from fimad.dataset.verify import Problem, verify
from fimad.storage.store import open_store

CLIP_S = 2.5
SIGNALS = ("acc_m_s2", "gyro_rad_s", "lin_acc_world_m_s2", "orientation", "valid", "sigma_m_s2", "gyro_sigma_rad_s")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("named") / "dataset"
    config = small_config(PLACEMENTS)
    pack(Persons(3, config, clip_s=CLIP_S, embeddings=True, clips=1), config, open_store(str(folder)))
    assert [str(problem) for problem in verify(str(folder))] == []
    return folder


def cell(name: str, change: Callable[[np.ndarray[Any, Any]], Any]) -> Change:
    """A fault in one array of the second row."""

    def apply(rows: list[Row]) -> None:
        values = np.asarray(rows[1][name])
        with np.errstate(invalid="ignore"):
            rows[1][name] = np.asarray(change(values), values.dtype).reshape(-1)

    return apply


def put(**values: Any) -> Change:
    return lambda rows: rows[1].update(values)


def folded(width: int, change: Callable[[np.ndarray[Any, Any]], Any]) -> Callable[[np.ndarray[Any, Any]], Any]:
    return lambda flat: change(flat.reshape(-1, width).copy())


def moved(*placements: str, rows_of: tuple[int, int] = (1, 1)) -> Change:
    """Each placement's columns go to the next."""

    def apply(rows: list[Row]) -> None:
        before = dict(rows[1])
        for one, other in zip(placements, [*placements[1:], placements[0]], strict=True):
            for ending in (*SIGNALS, "quality"):
                rows[1][f"{other}_{ending}"] = before[f"{one}_{ending}"]

    return apply


def only(ending: str, one: str, other: str) -> Change:
    def apply(rows: list[Row]) -> None:
        names = f"{one}_{ending}", f"{other}_{ending}"
        rows[1][names[0]], rows[1][names[1]] = rows[1][names[1]], rows[1][names[0]]

    return apply


def shifted(*beginnings: str) -> Change:
    """A writer that is one row late: every clip has the columns of the one before."""

    def apply(rows: list[Row]) -> None:
        before = [dict(row) for row in rows]
        for at, row in enumerate(rows):
            for name in row:
                if name.startswith(beginnings) and not name.endswith("_time_s"):
                    row[name] = before[at - 1][name]

    return apply


def late(rows: list[Row]) -> None:
    """All sensors half a turn of most limbs behind the pose, each in itself right."""
    for name, value in rows[1].items():
        if isinstance(value, list) and name.startswith((*PLACEMENTS, "imu_root")):
            width = len(value) // len(rows[1]["imu_time_s"])
            rows[1][name] = np.roll(np.asarray(value).reshape(-1, width), 35, axis=0).reshape(-1).tolist()


def holes(rows: list[Row]) -> None:
    """Half of a sensor's samples are missing, and its quality says nothing of it."""
    for ending in SIGNALS:
        values = rows[1][f"left_wrist_{ending}"]
        nothing = [False] if ending == "valid" else [np.nan]
        rows[1][f"left_wrist_{ending}"] = values[: len(values) // 2] + nothing * (len(values) - len(values) // 2)


def turned_signs(flat: np.ndarray[Any, Any]) -> Any:
    return folded(4, lambda q: q * np.where(np.arange(len(q)) % 7 == 0, -1, 1)[:, None])(flat)


def bytes_turned(values: np.ndarray[Any, Any]) -> Any:
    return values.astype(">f4").view("<f4")


def person_of(rows: list[Row]) -> None:
    for row in rows:
        row["person"] = "somebody who is in another split"


def channel_of(rows: list[Row]) -> None:
    for row in rows:
        row["channel"] = row["channel_id"] = "one channel"


def media_of(rows: list[Row]) -> None:
    for row in rows:
        row["media_sha256"] = "a" * 64


def mean_of_shifted(rows: list[Row]) -> None:
    """The frames' embeddings and their mean of the clip before."""
    rows[1].update(video_embeddings=rows[0]["video_embeddings"], video_embedding=rows[0]["video_embedding"])


def cue(begin: float, end: float, confidence: float) -> list[Row]:
    return [{"start_s": begin, "end_s": end, "text": "go", "about": "name", "confidence": confidence}]


ACC, GYRO = "left_wrist_sigma_m_s2", "left_wrist_gyro_sigma_rad_s"
VIEW, WORLD = "pose_image", "pose_world_m"
#: What is done, and what is said of it.
FAULTS: dict[str, tuple[Change, str]] = {
    "sigma 0": (cell(ACC, lambda v: v * 0), f"{ACC} is 0"),
    "sigma constant": (cell(ACC, lambda v: v * 0 + 0.5), f"{ACC} is 0.5 in all samples"),
    "sigma in micrometres": (cell(ACC, lambda v: v * 1e6), f"{ACC} is"),
    "gyro sigma 0": (cell(GYRO, lambda v: v * 0), f"{GYRO} is 0"),
    "gyro sigma constant": (cell(GYRO, lambda v: v * 0 + 0.1), f"{GYRO} is 0.1 in all samples"),
    "gyro sigma in microradians": (cell(GYRO, lambda v: v * 1e6), f"{GYRO} is"),
    "sigma of the clip before": (lambda rows: rows[1].update({ACC: rows[0][ACC]}), f"{ACC} is the same as in clip"),
    "root NaN": (cell("imu_root_m", lambda v: v * np.nan), "imu_root_m is NaN"),
    "root with holes": (
        cell("imu_root_m", lambda v: np.where(np.arange(len(v)) // 90 == 1, np.nan, v)),
        "imu_root_m is NaN",
    ),
    "root missing": (put(imu_root_m=None), "imu_root_m is missing"),
    "root in millimetres": (cell("imu_root_m", lambda v: v * 1000), "imu_root_m"),
    "root in centimetres": (cell("imu_root_m", lambda v: v * 100), "imu_root_m"),
    "root that stands still": (cell("imu_root_m", lambda v: v * 0 + 1), "imu_root_m"),
    "root with y and z exchanged": (cell("imu_root_m", folded(3, lambda v: v[:, [0, 2, 1]])), "imu_root_m"),
    "root of the clip before": (lambda rows: rows[1].update(imu_root_m=rows[0]["imu_root_m"]), "imu_root_m"),
    "roots one row late": (shifted("imu_root"), "imu_root_m"),
    "embedding that is not the mean": (
        cell("video_embedding", lambda v: np.eye(1, len(v))),
        "video_embedding is not the mean",
    ),
    "embedding missing": (put(video_embedding=None), "video_embedding is missing"),
    "frames' embeddings one row late": (shifted("video_embeddings"), "video_embedding is not the mean"),
    "embeddings of the clip before": (mean_of_shifted, "video_embeddings is the same as in clip"),
    "NaN in an embedding": (
        cell("text_embedding", lambda v: np.r_[np.nan, v[1:]]),
        "text_embedding is not of unit length",
    ),
    "embedding of zeros": (
        cell("description_embedding", lambda v: v * 0),
        "description_embedding is not of unit length",
    ),
    "label's embedding too long": (put(label_embedding=[1.0] * 8), "label_embedding is not of unit length"),
    "description's embedding too short": (
        put(description_text_embedding=[0.1] * 8),
        "description_text_embedding is not of unit length",
    ),
    "label's embedding of another width": (
        lambda rows: (
            rows[0].update(label_embedding=[1.0] + [0.0] * 7),
            rows[1].update(label_embedding=[1.0] + [0.0] * 3),
        ),
        "label_embedding has 4 numbers",
    ),
    "a flag that there is not": (put(flags=["implausible", "blurred"]), "flags has 'blurred'"),
    "a flag twice": (put(flags=["hidden", "hidden"]), "flags has a flag twice"),
    "wrist and ankle swapped": (moved("left_wrist", "left_ankle"), "left_wrist and left_ankle are"),
    "wrist and upper arm swapped": (moved("right_wrist", "right_upper_arm"), "right_wrist and right_upper_arm are"),
    "wrist and elbow swapped": (moved("left_wrist", "left_elbow"), "left_wrist and left_elbow move"),
    "knee and ankle swapped": (moved("right_ankle", "right_knee"), "right_ankle and right_knee move"),
    "thigh and ankle swapped": (moved("left_thigh", "left_ankle"), "left_thigh and left_ankle are"),
    "wrist and the other ankle swapped": (moved("left_wrist", "right_ankle"), "left_wrist and right_ankle are"),
    "wrists swapped": (moved("left_wrist", "right_wrist"), "left_wrist and right_wrist are"),
    "wrist and chest swapped": (moved("left_wrist", "chest"), "left_wrist and chest are"),
    "chest and pelvis swapped": (moved("chest", "pelvis"), "the pelvis is accelerated"),
    "three placements moved round": (moved("left_wrist", "left_upper_arm", "left_thigh"), "they are swapped"),
    "forces of another placement": (only("acc_m_s2", "left_wrist", "left_thigh"), "left_wrist: specific force"),
    "orientation of another placement": (only("orientation", "left_wrist", "left_thigh"), "left_wrist: specific force"),
    "all sensors late": (late, "PLACEMENT_orientation"),
    "all sensors one row late": (shifted(*PLACEMENTS, "imu_root", "imu_quality"), "PLACEMENT_orientation"),
    "orientation that leaps in sign": (cell("left_wrist_orientation", turned_signs), "left_wrist_orientation leaps"),
    "quality better than what is valid": (holes, "left_wrist_quality"),
    "share of frames made up": (put(pose_share=0.5), "pose_share is 0.5"),
    "nobody by the score": (cell("pose_score", lambda v: v * 0), "pose_score and pose_world_m disagree"),
    "nobody by the track": (cell("pose_track", lambda v: v * 0 - 1), "pose_track and pose_world_m disagree"),
    "body upside down": (cell(WORLD, folded(3, lambda v: v * [1, -1, 1])), "pose_world_m lies the other way round"),
    "body mirrored": (cell(WORLD, folded(3, lambda v: v * [-1, 1, 1])), "pose_world_m lies the other way round"),
    "depth the other way": (cell(WORLD, folded(3, lambda v: v * [1, 1, -1])), "pose_world_m lies the other way round"),
    "picture with x and y exchanged": (cell(VIEW, folded(3, lambda v: v[:, [1, 0, 2]])), "have x and y exchanged"),
    "body in the room": (cell(WORLD, folded(3, lambda v: v + np.array([0, 0, 4]))), "pose_world_m has the hips"),
    "body in centimetres": (cell(WORLD, lambda v: v * 100), "is the unit m?"),
    "pictures of the clip before": (
        lambda rows: rows[1].update({VIEW: rows[0][VIEW]}),
        f"{VIEW} is the same as in clip",
    ),
    "poses one row late": (shifted("pose_image", "pose_world"), "PLACEMENT_orientation"),
    "NULL in a list": (
        lambda rows: rows[1].update({WORLD: [None, *rows[1][WORLD][1:]]}),
        "pose_world_m has 1 NULLs within",
    ),
    "bytes of forces turned round": (cell("left_wrist_acc_m_s2", bytes_turned), "left_wrist_acc_m_s2"),
    "bytes of sigma turned round": (cell(ACC, bytes_turned), ACC),
    "bytes of landmarks turned round": (cell(WORLD, bytes_turned), f"{WORLD} has values such as"),
    "bytes of scores turned round": (cell("pose_score", bytes_turned), "pose_score has values such as"),
    "bytes of a width turned round": (put(width_px=1280 << 16), "width_px is"),
    "times of pictures fall": (cell("pose_source_time_s", lambda v: v[::-1]), "pose_source_time_s falls"),
    "times of pictures in milliseconds": (
        cell("pose_source_time_s", lambda v: v * 1000),
        "pose_source_time_s is up to",
    ),
    "an exercise that is not the first": (put(exercise="plank_made_up"), "exercise is 'plank_made_up'"),
    "a class of another exercise": (
        lambda rows: rows[1].update(class_label=rows[0]["class_label"], class_id=rows[0]["class_id"]),
        "class_label is",
    ),
    "a side that there is not": (put(side="up"), "side is 'up'"),
    "a source that there is not": (put(chapter_source="guess"), "chapter_source is 'guess'"),
    "words of no source": (put(transcript_source="rumour"), "transcript_source is 'rumour'"),
    "a day that there is not": (put(upload_date="20261399"), "there is no such day"),
    "repetitions below 0": (put(repetitions=-3), "repetitions is -3"),
    "a stated length below 0": (put(stated_duration_s=-1.0), "stated_duration_s is -1"),
    "a confidence in percent": (put(kind_confidence=95.0), "kind_confidence goes from"),
    "a cue outside of the clip": (put(exercise_cues=cue(300.0, 301.0, 0.9)), "a cue of exercise_cues is spoken at"),
    "a cue that ends before it begins": (put(exercise_cues=cue(7.0, 6.0, 0.9)), "a cue of exercise_cues ends at"),
    "a cue surer than sure": (put(exercise_cues=cue(6.0, 7.0, 9.0)), "a confidence of exercise_cues"),
}


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> list[Problem]:
    """What is said of a dataset that has all of them, each in a video of its own."""
    config = small_config(PLACEMENTS, splits={"train": 1.0})
    source = Persons(len(FAULTS), config, clip_s=CLIP_S, embeddings=True)
    changes = {name: change for name, (change, _) in FAULTS.items()}
    return accused(tmp_path_factory.mktemp("faults"), source, changes, recount=True)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_clip(problems: list[Problem], fault: str) -> None:
    video, said = f"video{list(FAULTS).index(fault):06d}", FAULTS[fault][1]
    mine = [problem for problem in problems if (problem.clip or "").startswith(video)]
    told = [problem for problem in mine if said in problem.what and problem.clip == f"{video}___1"]
    assert told, [str(problem) for problem in mine]
    assert f"row {told[0].row}, clip {video}___1: " in str(told[0])
    # The clip before, which is as it was, is not accused.
    if "one row late" not in fault:
        assert {problem.clip for problem in mine} == {f"{video}___1"}, [str(problem) for problem in mine]


def test_nothing_else_is_said_of_a_dataset_with_faults(problems: list[Problem]) -> None:
    assert [str(problem) for problem in problems if problem.clip is None] == []


IN_TWO_SPLITS: dict[str, tuple[Change, str]] = {
    "a person": (person_of, "person 'somebody who is in another split' is in two splits"),
    "a channel": (channel_of, "channel 'one channel' is in two splits"),
    "a media file": (media_of, "media file aaaaaaaaaaaa is in two"),
}


@pytest.mark.parametrize("kind", IN_TWO_SPLITS)
def test_what_a_split_keeps_together_is_in_one(whole: Path, tmp_path: Path, kind: str) -> None:
    change, said = IN_TWO_SPLITS[kind]
    shutil.copytree(whole, tmp_path / "d")
    for split in ("train", "val"):
        reseal(tmp_path / "d", rows=change, split=split)
    assert any(said in problem.what for problem in verify(str(tmp_path / "d")))


def retyped(name: str, **changes: Any) -> Callable[[pa.Schema], pa.Schema]:
    """A column of another type or with other metadata."""

    def apply(schema: pa.Schema) -> pa.Schema:
        at = schema.get_field_index(name)
        field = schema.field(at)
        metadata = {
            **field.metadata,
            **{key.encode(): value.encode() for key, value in changes.items() if key != "kind"},
        }
        return schema.set(at, pa.field(name, changes.get("kind", field.type), field.nullable, metadata))

    return apply


def without(name: str) -> Callable[[pa.Schema], pa.Schema]:
    return lambda schema: schema.remove(schema.get_field_index(name))


SCHEMAS: dict[str, tuple[Callable[[pa.Schema], pa.Schema], str]] = {
    "a unit in files and manifest": (
        retyped("chest_acc_m_s2", unit="g"),
        "unit of chest_acc_m_s2 is 'g' instead of 'm/s²'",
    ),
    "a shape in files and manifest": (retyped("pose_visibility", shape="n,11"), "shape of pose_visibility is 'n,11'"),
    "a type in files and manifest": (
        retyped("chest_sigma_m_s2", kind=pa.list_(pa.float64())),
        "type of chest_sigma_m_s2 is 'list<item: double>'",
    ),
    "a signal's column left out": (without("left_wrist_gyro_rad_s"), "there is no left_wrist_gyro_rad_s"),
    "the clips' beginnings left out": (without("start_s"), "there is no start_s"),
    "the poses left out": (without("pose_world_m"), "there is no pose_world_m"),
    "a whole placement left out": (
        lambda schema: pa.schema([each for each in schema if not each.name.startswith("head_")], schema.metadata),
        "config: the placements are",
    ),
    "another version": (
        lambda schema: schema.with_metadata({"fimad_schema_version": "1"}),
        "schema_version is 2, and the shards say 1",
    ),
}


@pytest.mark.parametrize("fault", SCHEMAS)
def test_columns_are_those_of_the_schema(whole: Path, tmp_path: Path, fault: str) -> None:
    change, said = SCHEMAS[fault]
    shutil.copytree(whole, tmp_path / "d")
    reseal(tmp_path / "d", schema=change)
    assert any(said in problem.what for problem in verify(str(tmp_path / "d")))


def first_video(manifest: Manifest) -> str:
    return str(manifest["splits"]["train"]["videos"][0])


MANIFESTS: dict[str, tuple[Callable[[Manifest], Any], str]] = {
    "a video in two splits": (lambda m: m["splits"]["val"]["videos"].append(first_video(m)), "splits: video"),
    "a video in shards of two splits": (
        lambda m: m["shards"][-1]["videos"].update({first_video(m): "0123456789abcdef"}),
        "shards: video",
    ),
    "a number for two classes": (lambda m: m["classes"].update(another=1), "both have the number 1"),
    "an exercise with the number of null": (lambda m: m["classes"].update(null=9, squat=0), "'squat' has the number 0"),
    "a class number that is none": (lambda m: m["classes"].update(another="1"), "the number of 'another' is '1'"),
    "a removed video that is there": (
        lambda m: m.update(removed=[{"video_id": first_video(m), "reason": "", "version": 1}]),
        "is still there",
    ),
    "a version without a change": (lambda m: m.update(version=7), "version is 7"),
    "other placements": (
        lambda m: m["config"]["simulate"].update(placements=["left_wrist"]),
        "config: the placements are",
    ),
    "classes miscounted": (
        lambda m: m["shards"][0].update(class_labels={"squat": 99}),
        "class_labels",
    ),
    "another preview": (lambda m: m["shards"][0]["preview"].pop(), "preview"),
}


@pytest.mark.parametrize("fault", MANIFESTS)
def test_a_manifest_does_not_contradict_itself(whole: Path, tmp_path: Path, fault: str) -> None:
    change, said = MANIFESTS[fault]
    shutil.copytree(whole, tmp_path / "d")
    reseal(tmp_path / "d", manifest=change)
    assert any(said in problem.what for problem in verify(str(tmp_path / "d")))


def test_without_numbers_in_the_manifest_clips_agree_on_those_of_classes(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "d")

    def renumbered(number: int, label: str) -> Change:
        return lambda rows: [row.update(class_id=number, class_label=label) for row in rows] and None

    reseal(tmp_path / "d", renumbered(7, "squat"), lambda m: m.pop("classes"), split="train")
    reseal(tmp_path / "d", renumbered(7, "lunge"), split="val")
    reseal(tmp_path / "d", renumbered(8, "squat"), split="test")
    told = " ".join(problem.what for problem in verify(str(tmp_path / "d")))
    assert "class_id 7 is of 'lunge' here, and of 'squat' in clips before" in told
    assert "class_id of 'squat' is 8, and 7 in clips before" in told


def test_making_all_anew_is_no_fault(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "d")
    reseal(tmp_path / "d", rows=lambda rows: None, schema=lambda schema: schema)
    assert verify(str(tmp_path / "d")) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"mounting_deg": (0, 30, 90)},
        {"offset_m": (0.02, 0.03, 0.0)},
        {"rate_hz": 10.0},
        {"rate_hz": 100.0},
        {"sensor": "mpu_6050"},
        {"method": "butterworth"},
        {"pitch_deg": 20.0},
        {"placements": ("left_wrist",)},
        {"placements": ("head", "left_upper_arm")},
    ],
)
def test_nothing_is_said_of_other_settings(tmp_path: Path, settings: dict[str, Any]) -> None:
    config = small_config(PLACEMENTS)
    config = config.model_copy(update={"simulate": config.simulate.model_copy(update=settings)})
    pack(Persons(1, config, clip_s=CLIP_S, clips=1), config, open_store(str(tmp_path)))
    assert [str(problem) for problem in verify(str(tmp_path))] == []
