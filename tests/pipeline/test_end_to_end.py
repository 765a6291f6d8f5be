"""The whole pipeline with every real stage: however it is run, the dataset is the same, byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import av
import psutil
import pytest
from test_cluster import cluster

import fimad.demo
from fimad.config import Config, parse_config
from fimad.pipeline.build import build
from fimad.pipeline.inspect.summary import Summary
from fimad.pipeline.stages.registry import plan_stages

__all__ = ["cluster"]
DEMO = Path(fimad.demo.__file__).parent / "workout.mp4"
CUT_S = 9.0


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two short videos: the demo's first seconds with two chapters, and without any."""
    folder = tmp_path_factory.mktemp("clips")
    for name in ("one", "two"):
        with av.open(str(DEMO)) as source, av.open(str(folder / f"{name}.mp4"), "w") as target:
            media = [*source.streams.video, *source.streams.audio]
            streams = {stream.index: target.add_stream_from_template(stream) for stream in media}
            for packet in source.demux(media):
                if packet.dts is not None and packet.pts * packet.time_base < CUT_S:
                    packet.stream = streams[packet.stream.index]
                    target.mux(packet)
    chapters = [{"start_time": 0, "end_time": 4, "title": "1. Squat"}, {"start_time": 4, "end_time": 9, "title": "Row"}]
    info = {"id": "one", "title": "Two exercises", "channel_id": "c1", "chapters": chapters, "duration": CUT_S}
    (folder / "one.info.json").write_text(json.dumps(info))
    # The day of a local file is its modification time, which must not differ from run to run of this test.
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


def settings(tmp_path: Path, **run: object) -> Config:
    data = {
        "workspace": str(tmp_path / "ws"),
        "dataset": str(tmp_path / "ds"),
        "pose": {"model": "lite", "rate_hz": 10},
        "run": {"without": ["embed"], **run},
    }
    return parse_config(data)


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def reference(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, dict[str, str], Path]:
    """The build in one process, which all others have to equal."""
    folder = tmp_path_factory.mktemp("reference")
    config = settings(folder, workers=0)
    missing = {"download", "segment", "pose", "simulate"} & plan_stages(config).unavailable.keys()
    if missing:
        pytest.skip(f"weights of {', '.join(sorted(missing))} are not here: fimad models fetch")
    summary = build(config, [str(clips)])
    assert summary.exit_code == 0, summary.failures
    return summary, digest(folder / "ds"), folder


def test_one_process(reference: tuple[Summary, dict[str, str], Path], clips: Path) -> None:
    summary, files, folder = reference
    assert {name for name in files if name.endswith(".parquet")}
    assert "manifest.json" in files
    assert summary.stages["simulate"]["done"] == 2
    again = build(settings(folder, workers=0), [str(clips)])
    assert all(each["done"] == 0 for each in again.stages.values())
    assert digest(folder / "ds") == files


def test_two_workers(tmp_path: Path, reference: tuple[Summary, dict[str, str], Path], clips: Path) -> None:
    assert build(settings(tmp_path, workers=2), [str(clips)]).exit_code == 0
    assert digest(tmp_path / "ds") == reference[1]


def test_a_running_cluster_with_a_worker_killed_midway(
    tmp_path: Path, reference: tuple[Summary, dict[str, str], Path], clips: Path, cluster: str
) -> None:
    killed = threading.Event()

    def kill() -> None:
        segments = tmp_path / "ws" / "stages"
        while not list(segments.glob("segment-*/*/*.parquet")):
            time.sleep(0.05)
        for process in psutil.Process().children(recursive=True):
            if "fimad.pipeline.run.child" in " ".join(process.cmdline()):
                # The Dask worker that supervises it.
                process.parent().send_signal(signal.SIGKILL)
                killed.set()
                return

    threading.Thread(target=kill, daemon=True).start()
    summary = build(settings(tmp_path, scheduler=cluster), [str(clips)])
    assert summary.exit_code == 0, summary.failures or summary.error
    assert killed.wait(10)
    assert digest(tmp_path / "ds") == reference[1]


def test_an_object_store(tmp_path: Path, reference: tuple[Summary, dict[str, str], Path], clips: Path, s3: str) -> None:
    config = settings(tmp_path, workers=0).model_copy(update={"workspace": f"{s3}/end-to-end"})
    assert build(config, [str(clips)]).exit_code == 0
    assert digest(tmp_path / "ds") == reference[1]


def test_a_changed_pose_model_redoes_pose_simulate_and_pack_alone(
    tmp_path: Path, reference: tuple[Summary, dict[str, str], Path], clips: Path
) -> None:
    shutil.copytree(reference[2], tmp_path / "copy")
    data = settings(tmp_path / "copy", workers=0).model_dump(mode="json")
    data["pose"]["model"] = "full"
    summary = build(parse_config(data), [str(clips)], "pose")
    done = {name: each["done"] for name, each in summary.stages.items()}
    # The camera's stage asks pose where the person is.
    assert done["pose"] == done["camera"] == done["simulate"] == 2
    assert not any(done.get(name) for name in ("download", "segment", "transcribe"))
    assert digest(tmp_path / "copy" / "ds") != reference[1]
