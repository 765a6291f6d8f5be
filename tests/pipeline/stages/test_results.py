"""Poses from a folder of results of other programs (`pose.from`), as a user types it."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from makers import chapters_file, ffmpeg, video
from typer.testing import CliRunner, Result

from fimad.cli import app
from fimad.config import Config, load_config
from fimad.dataset import open_dataset
from fimad.dataset.verify import verify
from fimad.errors import SetupError
from fimad.pipeline.acquire.sources import file_video
from fimad.pipeline.run.executor import run_spec
from fimad.pipeline.run.lane import Lane
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.workspace import Workspace
from tests.simulate.readers.people import NAMES, in_file, motion, write_bvh, write_c3d, write_csv, write_npz, write_trc
from tests.simulate.test_orientations import RATE_HZ, moving, posed

PLACEMENTS = ("left_wrist", "right_ankle", "chest", "left_upper_arm")
# Without what does not bear on poses, and takes time.
CONFIG = f"""
pose.from = "results"
simulate.placements = {json.dumps(PLACEMENTS)}
run.workers = 0
run.without = ["transcribe", "embed", "label", "camera"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "fimad.toml").write_text(CONFIG)
    return tmp_path


def fimad(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def here(command: str, *arguments: str) -> str:
    result = fimad(command, *arguments, "--config", "fimad.toml")
    assert result.stdout, result.output
    return result.stdout


def build(*arguments: str) -> dict[str, Any]:
    """The summary, in JSON; the exit code is in it."""
    told = json.loads(here("build", *arguments, "--json"))
    assert isinstance(told, dict)
    return told


def clip_video(path: Path, seconds: float, color: str) -> str:
    """A small video of its own; its id."""
    ffmpeg("-f", "lavfi", "-i", f"color={color}:size=64x48:rate=10", "-t", seconds, "-preset", "ultrafast", path)
    return file_video(path).video_id


def chaptered(path: Path, chapters: list[tuple[float, float, str]]) -> str:
    bare = video(path.with_name("bare.mp4"), chapters[-1][1], tone=False)
    ffmpeg("-i", bare, "-i", chapters_file(path.with_suffix(".txt"), chapters), "-map_metadata", 1, "-c", "copy", path)
    bare.unlink()
    return file_video(path).video_id


def write_smpl(path: Path) -> Path:
    """Joints and parameters, as GVHMR's and WHAM's results hold them once they are written by `numpy.savez`."""
    angles, move = moving()
    joints, _ = posed(angles, move)
    np.savez(path, joints=joints, global_orient=angles[:, 0], body_pose=angles[:, 1:], transl=move, fps=RATE_HZ)
    return path


def write(kind: str, path: Path) -> Path:
    """Three seconds of somebody, in a format of each kind."""
    if kind == "bvh":
        return write_bvh(path.with_suffix(".bvh"), rate_hz=60)
    if kind == "smpl":
        return write_smpl(path.with_suffix(".npz"))
    time_s, position = motion({"csv": 100.0, "trc": 60.0, "c3d": 120.0}[kind])
    if kind == "csv":
        return write_csv(path.with_suffix(".csv"), time_s, position)
    if kind == "trc":
        return write_trc(path.with_suffix(".trc"), time_s, in_file(position, "mm", "y"), rate_hz=60)
    return write_c3d(path.with_suffix(".c3d"), in_file(position, "mm"), rate_hz=120)


def of_clip(clip: dict[str, object], placement: str) -> np.ndarray:
    return np.concatenate([np.asarray(clip[f"{placement}_{each}"]) for each in ("acc_m_s2", "gyro_rad_s")], 1)


def of_file(path: Path, placement: str) -> np.ndarray:
    names = [f"{placement}_{each}" for each in ("acc_{}_m_s2", "gyro_{}_rad_s")]
    table = pd.read_parquet(path)
    return table[[name.format(axis) for name in names for axis in "xyz"]].to_numpy()


def off(made: np.ndarray, wanted: np.ndarray) -> float:
    """RMS of the difference over that of the signal."""
    count = min(len(made), len(wanted))
    assert abs(len(made) - len(wanted)) <= 1
    np.testing.assert_array_equal(np.isnan(made[:count]), np.isnan(wanted[:count]))
    return float(np.sqrt(np.nanmean((made[:count] - wanted[:count]) ** 2) / np.nanmean(wanted**2)))


def test_results_of_other_programs_stand_in_for_the_pose(folder: Path) -> None:
    sources, files = [], {}
    for kind, color in (("csv", "red"), ("trc", "green"), ("c3d", "blue"), ("bvh", "black"), ("smpl", "white")):
        path = folder / f"{kind}.mp4"
        video_id = clip_video(path, 4.0 if kind == "smpl" else 3.0, color)
        # By the video's id, or by that of its one clip: both clocks begin at 0 s.
        files[video_id] = write(kind, folder / "results" / (f"{video_id}___0" if kind in ("csv", "bvh") else video_id))
        sources.append(str(path))
    made = build(*sources)
    assert made["exit_code"] == 0, made["failures"]
    assert made["unavailable"]["flow"]["what"] == "flow is left out: poses come from files (`pose.from`)."
    clips = {str(clip["video_id"]): clip for clip in open_dataset("dataset").clips()}
    assert clips.keys() == files.keys()
    for video_id, file in files.items():
        clip = clips[video_id]
        assert fimad("simulate", str(file), "-o", "alone.parquet", *(f"-p{each}" for each in PLACEMENTS)).exit_code == 0
        for placement in PLACEMENTS:
            assert off(of_clip(clip, placement), of_file(Path("alone.parquet"), placement)) < 0.02, (file, placement)
        assert clip["pose_from"] == file.name
        assert not clip["flags"]
        assert clip["pose_share"] == pytest.approx(1.0, abs=0.01)
        held = file.suffix in (".bvh", ".npz")
        assert (clip["pose_segment_orientation"] is not None) == held
        assert np.isfinite(np.asarray(clip["left_wrist_acc_m_s2"])).all()
    assert "motion that other programs measured or estimated (results;" in Path("dataset/README.md").read_text()
    # The artifact itself is as good a source.
    [artifact] = Path("workspace/stages").glob(f"pose-*/*/{next(iter(files))}.parquet")
    assert fimad("simulate", str(artifact), "-o", "again.parquet", "-p", "left_wrist").exit_code == 0
    assert off(of_file(Path("again.parquet"), "left_wrist"), of_clip(clips[next(iter(files))], "left_wrist")) < 1e-3
    assert [str(problem) for problem in verify("dataset")] == []


@pytest.mark.parametrize("part_s", [3600.0, 1.0])
def test_a_file_is_on_the_clock_of_what_it_is_named_by_and_a_clip_without_one_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, part_s: float
) -> None:
    # Parts of a long video are done by themselves: one whose clips have no file does not spoil the others.
    monkeypatch.setattr("fimad.pipeline.state.parts.PART_S", part_s)
    whole = chaptered(folder / "whole.mp4", [(0, 2, "Squats"), (2, 5, "Jumps")])
    parts = chaptered(folder / "parts.mp4", [(0, 3, "Lunges"), (3, 6, "Burpees")])
    time_s, position = motion(100, 5.0)
    position[time_s < 2, NAMES.index("left_wrist")] = position[0, NAMES.index("left_wrist")]
    write_csv(folder / "results" / f"{whole}.csv", time_s, position)
    write_npz(folder / "results" / f"{parts}___1.npz", in_file(motion(50, 3.0)[1], "m", "y"), rate_hz=50)
    made = build("whole.mp4", "parts.mp4")
    assert made["exit_code"] == 0, made["failures"]
    clips = {str(clip["clip_id"]): clip for clip in open_dataset("dataset").clips()}
    still, moves = (np.linalg.norm(clips[f"{whole}___{at}"]["left_wrist_acc_m_s2"], axis=1) for at in (0, 1))
    assert np.abs(still[:-10] - 9.80665).max() < 0.3
    assert np.ptp(moves) > 10
    for clip_id, begins_s in ((f"{whole}___1", 2.0), (f"{parts}___1", 3.0)):
        assert clips[clip_id]["pose_time_s"][0] == pytest.approx(begins_s)
        assert clips[clip_id]["imu_time_s"][0] == pytest.approx(begins_s)
        assert clips[clip_id]["left_wrist_valid"].all()
    none = clips[f"{parts}___0"]
    assert none["pose_from"] is None
    assert none["left_wrist_acc_m_s2"] is None
    assert list(none["flags"]) == ["no_result"]
    told = here("status", "--videos")
    flat = " ".join(told.split())
    assert "clips no_result 1" in flat
    assert f"no pose: There is no result for the clip {parts}___0." in flat
    assert f"Put one there: {parts}___0.npz (its 0 s is the clip's start) or {parts}.npz" in flat
    assert "no result" in here("why", parts)


def test_a_file_that_comes_or_changes_makes_pose_and_what_rests_on_it_stale(folder: Path) -> None:
    one, two = clip_video(folder / "one.mp4", 3.0, "red"), clip_video(folder / "two.mp4", 3.0, "blue")
    write("csv", folder / "results" / one)
    before = build("one.mp4", "two.mp4")
    assert before["exit_code"] == 1
    [failure] = before["failures"]
    assert (failure["video_id"], failure["stage"], failure["reason"]) == (two, "pose", "no_result")
    assert f"{two}.npz" in failure["fix"]
    assert "no_result 1" in here("status")
    write("smpl", folder / "results" / two)
    # Where the folder lies is nobody's business.
    os.rename("results", "elsewhere")
    moved = plan_stages(load_config("fimad.toml", ("pose.from=elsewhere",))).keys
    os.rename("elsewhere", "results")
    counts = {each["stage"]: each["counts"] for each in json.loads(here("status", "--json"))["stages"]}
    assert counts["pose"]["stale"] == counts["simulate"]["stale"] == counts["download"]["done"] - 1 == 1
    after = build()
    assert after["exit_code"] == 0, after["failures"]
    assert after["stages"]["pose"]["done"] == 2
    assert after["stages"]["segment"]["done"] == 0
    assert {name: each["key"] for name, each in after["stages"].items()} == {
        name: moved[name] for name in after["stages"]
    }
    assert not build()["stages"]["pose"]["done"]
    write_csv(folder / "results" / f"{one}.csv", *motion(50))
    changed = build()
    assert changed["stages"]["pose"]["done"] == changed["stages"]["simulate"]["done"] == 2
    # An estimate is another thing, whose key says nothing of the folder.
    assert plan_stages(Config()).keys["pose"] not in {
        each["stages"]["pose"]["key"] for each in (before, after, changed)
    }


class Trap:
    """Leaves a file behind where somebody unpickles it."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("trapped",)


def test_a_hostile_or_useless_file_costs_its_video_and_nothing_else(folder: Path) -> None:
    results = folder / "results"
    bad = {}
    for kind in ("pickle", "archive", "junk", "twice", "late", "empty", "pipe"):
        bad[clip_video(folder / f"{kind}.mp4", 1.0, f"#{len(bad) + 1:06d}")] = kind
    ids = {kind: video_id for video_id, kind in bad.items()}
    (results / f"{ids['pickle']}.pkl").write_bytes(pickle.dumps(Trap()))
    np.savez(results / f"{ids['archive']}.npz", joints=np.array([Trap()], object), fps=30.0)
    (results / f"{ids['junk']}.c3d").write_bytes(b"\x02\x50" + bytes(range(256)) * 8)
    for kind in ("csv", "trc"):
        write(kind, results / ids["twice"])
    time_s, position = motion(100)
    write_csv(results / f"{ids['late']}.csv", time_s + 1.7e9, position, digits=3)
    (results / f"{ids['empty']}.bvh").write_bytes(b"")
    os.mkfifo(results / f"{ids['pipe']}.csv")
    good = clip_video(folder / "good.mp4", 3.0, "white")
    write("csv", results / good)
    made = build(*(f"{kind}.mp4" for kind in ids), "good.mp4")
    reasons = {bad.get(each["video_id"], "good"): each["reason"] for each in made["failures"]}
    assert reasons == {
        **dict.fromkeys(("pickle", "archive", "junk", "empty"), "bad_result"),
        "twice": "several_results", "late": "result_elsewhere", "pipe": "no_result",
    }  # fmt: skip
    assert not Path("trapped").exists()
    assert all(each["what"] and each["why"] and each["fix"] for each in made["failures"])
    # Their rows have no pose, as those of videos of which an estimate fails.
    assert [clip["video_id"] for clip in open_dataset("dataset").clips() if clip["pose_from"]] == [good]


def test_options_of_the_files_are_those_of_simulate(folder: Path) -> None:
    video_id = clip_video(folder / "a.mp4", 6.0, "red")
    time_s, position = motion(100)
    names = tuple(f"{who}:{name}" for who in ("ann", "bob") for name in NAMES)
    beside = np.broadcast_to(position[:1], position.shape) + np.array([0.0, 2, 0])
    both = np.concatenate([position, beside], 1)
    file = write_csv(folder / "results" / f"{video_id}.csv", time_s, both, names=names)
    [failure] = build("a.mp4")["failures"]
    assert "--set pose.options.subject=" in failure["fix"]
    made = build("--set", "pose.options.subject=ann")
    assert made["exit_code"] == 0, made["failures"]
    [clip] = open_dataset("dataset").clips()
    assert np.ptp(np.linalg.norm(clip["left_wrist_acc_m_s2"], axis=1)[:100]) > 10
    # Three seconds of six: the rate may be wrong, and half of the clip has no pose.
    assert list(clip["flags"]) == ["result_length"]
    assert clip["pose_share"] == pytest.approx(0.5, abs=0.02)
    assert str(folder) not in json.dumps(json.loads(Path("dataset/manifest.json").read_text()))
    assert fimad("simulate", str(file), "--subject", "ann").exit_code == 0
    np.savez(folder / "results" / f"{video_id}.npz", joints=position, joint_names=np.array(NAMES))
    file.unlink()
    [failure] = build()["failures"]
    assert "--set pose.options.rate_hz=30" in failure["fix"]
    assert build("--set", "pose.options.rate_hz=50")["exit_code"] == 0
    [clip] = open_dataset("dataset").clips()
    assert not clip["flags"]


def test_a_machine_without_the_folder_is_told(folder: Path) -> None:
    clip_video(folder / "a.mp4", 1.0, "red")
    for words in ("can't be read: No such file", "holds none"):
        place = "none" if "No" in words else "results"
        result = fimad("build", "a.mp4", "--config", "fimad.toml", "--set", f"pose.from={place}")
        assert result.exit_code == 3
        assert words in " ".join(result.output.split())
    # A worker elsewhere reads its own folder of that path.
    file = write("csv", folder / "results" / "a")
    config = load_config("fimad.toml")
    spec = run_spec(Workspace(config.workspace), config, plan_stages(config))
    Lane(spec).check()
    file.write_text(file.read_text().replace("0.93", "0.94"))
    with pytest.raises(SetupError) as caught:
        Lane(spec).check()
    assert caught.value.reason == "worker_differs"
    file.unlink()
    with pytest.raises(SetupError, match="folder of results") as caught:
        Lane(spec).check()
    assert caught.value.reason == "worker_lacks"
