"""The pose stage with the real models on the project's own video."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fimad.config import Config, parse_config
from fimad.errors import PermanentError
from fimad.pipeline.contract import StageInput, Video
from fimad.pipeline.media.frames import run_frame_stages
from fimad.pipeline.stages.camera import CameraStage
from fimad.pipeline.stages.flow import FlowStage
from fimad.pipeline.stages.pose import PoseStage
from fimad.schema import DOWNLOAD, FLOW, POSE, SEGMENT
from fimad.skeleton import FLOW_JOINTS
from tests.pipeline.makers import DEMO, ffmpeg, stage_input

Weights = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _needs(weights: Weights) -> None:
    weights("pose/detector")
    weights("pose/full")


def item(folder: Path, clips: list[tuple[float, float]], media: Path = DEMO) -> StageInput:
    row = dict.fromkeys(DOWNLOAD.names) | {"video_id": "v", "width_px": 1280, "height_px": 720}
    segments: list[dict[str, Any]] = [
        {"clip_id": f"v___{at}", "clip_index": at, "start_s": start, "end_s": end, "chapter_source": "platform"}
        for at, (start, end) in enumerate(clips)
    ]
    tables = {
        "download": pa.Table.from_pylist([row], schema=DOWNLOAD),
        "segment": pa.Table.from_pylist(segments, schema=SEGMENT),
    }
    return stage_input(Video("v", "file", str(media)), folder, tables, media)


def config(**options: object) -> Config:
    return parse_config({"pose": options})


def test_landmarks_of_each_clip(tmp_path: Path) -> None:
    table = PoseStage(config()).run(item(tmp_path, [(2.0, 3.0), (12.0, 12.5)]))
    assert table.schema.equals(POSE)
    for row, count in zip(table.to_pylist(), (30, 15), strict=True):
        assert len(row["pose_time_s"]) == count
        assert np.array(row["pose_image"]).size == count * 33 * 3
        assert np.array(row["pose_visibility"]).size == count * 33
        assert row["pose_share"] == 1.0
        assert set(row["pose_track"]) == {0}
        world = np.array(row["pose_world_m"]).reshape(count, 33, 3)
        # Hip-centred, and the head is above the hips: y points down.
        np.testing.assert_allclose(world[:, [23, 24]].mean(axis=1), 0, atol=0.03)
        assert (world[:, 0, 1] < -0.3).all()


def test_shared_with_others_the_result_is_the_same_and_repeats(tmp_path: Path) -> None:
    source = item(tmp_path, [(2.0, 2.8), (2.4, 3.0)])
    pose, camera, flow = PoseStage(config()), CameraStage(config()), FlowStage(config())
    alone = pose.run(source)
    shared = run_frame_stages([pose, camera, flow], source)
    assert shared["pose"].equals(alone)
    # The camera leaves out where the person is: asked as pose goes along, or read from its artifact.
    after = camera.run(replace(source, tables={**source.tables, "pose": alone}))
    np.testing.assert_equal(shared["camera"].to_pylist(), after.to_pylist())
    # So does flow look at the limbs that pose finds.
    later = flow.run(replace(source, tables={**source.tables, "pose": alone}))
    assert later.schema.equals(FLOW)
    np.testing.assert_equal(shared["flow"].to_pylist(), later.to_pylist())
    for row, count in zip(later.to_pylist(), (24, 18), strict=True):
        moved = np.array(row["flow_grey"]).reshape(count, len(FLOW_JOINTS), 2)
        assert np.isnan(moved[0]).all()
        assert 0 < np.abs(moved[1:]).max() < 0.05
        assert np.median(row["flow_grey_share"]) > 0.5
    blind = camera.run(source).column("camera_person_light")[0].values.to_numpy()
    assert np.isnan(blind).all()
    assert np.isfinite(after.column("camera_person_light")[0].values.to_numpy()).all()
    pose.close()
    assert PoseStage(config()).run(source).equals(alone)


def test_a_lower_rate_takes_every_other_frame(tmp_path: Path) -> None:
    row = PoseStage(config(rate_hz=15.0)).run(item(tmp_path, [(2.0, 3.0)])).to_pylist()[0]
    np.testing.assert_allclose(np.diff(row["pose_time_s"]), 2 / 30, atol=1e-6)


def test_nobody_is_nan_with_score_zero(tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=gray:size=320x180:rate=30", "-t", 1, "-c:v", "libx264", empty)
    row = PoseStage(config()).run(item(tmp_path, [(0.0, 1.0)], empty)).to_pylist()[0]
    assert len(row["pose_time_s"]) == 30
    assert np.isnan(row["pose_world_m"]).all()
    assert set(row["pose_score"]) == {0.0}
    assert set(row["pose_track"]) == {-1}
    assert row["pose_share"] == 0.0


def test_a_cut_begins_another_track(tmp_path: Path) -> None:
    joined = tmp_path / "joined.mp4"
    graph = "[0:v]trim=2:2.5,setpts=PTS-STARTPTS[a];[0:v]trim=12:12.5,setpts=PTS-STARTPTS,negate,hflip[b];[a][b]concat"
    ffmpeg("-i", DEMO, "-filter_complex", graph, "-an", "-c:v", "libx264", joined)
    source = item(tmp_path, [(0.0, 1.0)], joined)
    stages = [PoseStage(config()), CameraStage(parse_config({"camera": {"rate_hz": 0.0}}))]
    tables = run_frame_stages(stages, source)
    tracks = np.array(tables["pose"].to_pylist()[0]["pose_track"])
    assert set(tracks[:15]) == {0}
    assert 0 not in tracks[15:]
    cuts = tables["camera"].to_pylist()[0]["camera_cut"]
    assert [at for at, cut in enumerate(cuts) if cut] == [15]


def test_clips_without_frames_are_rows_without_frames(tmp_path: Path) -> None:
    row = PoseStage(config()).run(item(tmp_path, [(2.0, 2.1), (400.0, 410.0)])).to_pylist()[1]
    assert row["pose_time_s"] == row["pose_source_time_s"] == []
    assert row["pose_rates_hz"] is None
    assert row["pose_share"] == 0.0
    with pytest.raises(PermanentError) as caught:
        PoseStage(config()).run(item(tmp_path, [(400.0, 410.0)]))
    assert caught.value.reason == "no_frames"


def test_mediapipe_is_there_behind_the_same_interface(tmp_path: Path) -> None:
    source = item(tmp_path, [(2.0, 2.3)])
    mine = PoseStage(config()).run(source).to_pylist()[0]
    stage = PoseStage(config(backend="mediapipe"))
    theirs = stage.run(source).to_pylist()[0]
    stage.close()
    assert theirs["pose_time_s"] == mine["pose_time_s"]
    far = np.abs(np.array(theirs["pose_world_m"]) - np.array(mine["pose_world_m"]))
    assert np.median(far) < 0.02
