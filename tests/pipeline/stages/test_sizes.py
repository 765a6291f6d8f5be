"""Pictures of every size and shape, through every stage that looks at frames: somebody is found in each.

Libraries read arrays by their shape (a last axis of 1 to 4 may be taken for channels), so that a fault can hide in a few
sizes alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pytest

from fimad.config import Config, parse_config
from fimad.pipeline.contract import StageInput, Video
from fimad.pipeline.media.frames import run_frame_stages
from fimad.pipeline.stages.camera import CameraStage
from fimad.pipeline.stages.embed import EmbedStage
from fimad.pipeline.stages.pose import PoseStage
from fimad.report.overlay import write_overlay
from fimad.schema import DOWNLOAD, SEGMENT
from tests.pipeline.makers import DEMO, ffmpeg, stage_input

open_clip = pytest.importorskip("open_clip")
FRAMES = 2
# 144p to 4K, from 1:4 to 4:1, odd sides among them.
SIZES = (
    (256, 144), (320, 180), (426, 240), (640, 360), (854, 480), (1280, 720), (1920, 1080), (3840, 2160),
    (144, 256), (360, 640), (1080, 1920), (320, 240), (240, 320), (480, 480), (1080, 1080), (720, 576),
    (1280, 320), (320, 1280), (1920, 480), (960, 400), (405, 719), (321, 181), (853, 481), (1279, 719),
)  # fmt: skip
TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 1, "width": 64, "patch_size": 16, "head_width": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
}


@dataclass
class Stages:
    pose: PoseStage
    camera: CameraStage
    embed: EmbedStage


@pytest.fixture(scope="module")
def stages(weights: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Stages:
    from safetensors.torch import save_file

    for name in ("pose/detector", "pose/lite"):
        weights(name)
    folder = tmp_path_factory.mktemp("clip")
    (folder / "fimad-sizes.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "fimad-sizes.json")
    save_file(open_clip.create_model("fimad-sizes", pretrained=None).state_dict(), folder / "clip.safetensors")
    embed = {"model": "fimad-sizes", "pretrained": str(folder / "clip.safetensors"), "rate_hz": 30}
    config: Config = parse_config({"pose": {"model": "lite"}, "camera": {"rate_hz": 0}, "embed": embed})
    return Stages(PoseStage(config), CameraStage(config), EmbedStage(config))


def person(path: Path, width: int, height: int) -> Path:
    """The demo's person, as large as the picture allows, on its own background colour."""
    odd = width % 2 or height % 2
    shape = f"crop=460:700:410:10,scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2"
    shape += f",pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:color=0xb0b4b8,format={'yuv444p' if odd else 'yuv420p'}"
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", 18)
    ffmpeg("-ss", 2.0, "-i", DEMO, "-frames:v", FRAMES, "-an", "-vf", shape, *codec, path)
    return path


def item(folder: Path, media: Path, width: int, height: int) -> StageInput:
    row = dict.fromkeys(DOWNLOAD.names) | {"video_id": "v", "width_px": width, "height_px": height}
    clip = {"clip_id": "v___0", "clip_index": 0, "start_s": 0.0, "end_s": 5.0, "label": "march"}
    tables = {
        "download": pa.Table.from_pylist([row], schema=DOWNLOAD),
        "segment": pa.Table.from_pylist([{**clip, "chapter_source": "whole"}], schema=SEGMENT),
    }
    return stage_input(Video("v", "file", str(media)), folder, tables, media)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_somebody_is_found_in_pictures_of_this_size(tmp_path: Path, stages: Stages, width: int, height: int) -> None:
    media = person(tmp_path / "x.mp4", width, height)
    tables = run_frame_stages([stages.pose, stages.camera, stages.embed], item(tmp_path, media, width, height))
    pose, camera, embed = (tables[name].to_pylist()[0] for name in ("pose", "camera", "embed"))
    assert len(pose["pose_time_s"]) == FRAMES
    assert pose["pose_share"] == 1.0
    # One person throughout: no picture was taken for a cut.
    assert set(pose["pose_track"]) == {0}
    assert not any(camera["camera_cut"][1:])
    image = np.array(pose["pose_image"]).reshape(FRAMES, 33, 3)
    # Nose above hips above ankles, in the middle of the picture.
    assert (image[:, 0, 1] < image[:, 23, 1]).all()
    assert (image[:, 23, 1] < image[:, 27, 1]).all()
    assert np.abs(image[:, 23:25, 0].mean(axis=1) - 0.5).max() < 0.2
    vectors = np.array(embed["video_embeddings"]).reshape(FRAMES, -1)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    imu = {"imu_time_s": np.arange(5) / 50, "left_wrist_acc_m_s2": np.arange(15.0)}
    row = {**pose, **imu, "clip_id": "v___0", "start_s": 0.0, "end_s": 5.0}
    assert write_overlay(row, media, tmp_path / "overlay.mp4", "left_wrist") == FRAMES
    with av.open(str(tmp_path / "overlay.mp4")) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == FRAMES
