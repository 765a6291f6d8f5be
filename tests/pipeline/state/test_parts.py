"""A long video is done in parts: the same artifacts however many work on it, and what is done is not done again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fimad.config import Config
from fimad.errors import PermanentError
from fimad.pipeline.build import build
from fimad.pipeline.inspect.upkeep import delete_unused, find_unused
from fimad.pipeline.run.taskrun import TaskRun
from fimad.pipeline.state.parts import PART_S, part_name, plan_parts
from fimad.pipeline.state.workspace import Workspace
from fimad.schema import SEGMENT
from tests.pipeline.makers import config, video

LENGTH_S = 660.0
COUNT = 3
STAGES = ("transcribe", "pose", "camera", "simulate")


def segments(*spans: tuple[float, float, str | None]) -> pa.Table:
    rows = [
        {
            "clip_id": f"v___{at}",
            "clip_index": at,
            "start_s": start,
            "end_s": end,
            "title": "Squat",
            "label": "squat",
            "chapter_source": "platform",
            "filtered": filtered,
        }
        for at, (start, end, filtered) in enumerate(spans)
    ]
    return pa.Table.from_pylist(rows, schema=SEGMENT)


def test_most_videos_are_one_part_with_all_their_rows() -> None:
    table = segments((0, 40, None), (40, 80, "too_short"), (80, PART_S, None))
    assert plan_parts(table) == [table]
    assert plan_parts(segments()) == [segments()]


def test_parts_end_with_a_clip_and_leave_out_what_is_filtered() -> None:
    table = segments((0, 200, None), (200, 390, None), (390, 400, "too_short"), (400, 500, None), (500, 900, None))
    assert [part.column("clip_index").to_pylist() for part in plan_parts(table)] == [[0, 1], [3, 4]]


def test_other_times_are_another_part() -> None:
    names = {part_name(segments((0, end, None))) for end in (10.0, 10.5)}
    assert len(names | {part_name(segments((0, 10.0, None)))}) == 2


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("long") / "long.mp4", LENGTH_S, rate=2, tone=False, extra=("-g", "20"))


def settings(folder: Path, rate_hz: float = 0.5, **run: Any) -> Config:
    return config(
        workspace=str(folder / "ws"),
        dataset=str(folder / "ds"),
        segment={"fallback": "fixed", "fixed_s": 60.0},
        pose={"model": "lite", "rate_hz": rate_hz},
        run={"without": ["embed"], "workers": 0, **run},
    )


def artifacts(folder: Path) -> dict[str, bytes]:
    return {
        path.name + path.parents[1].name: path.read_bytes() for path in (folder / "ws").glob("stages/*/*/*.parquet")
    }


def run(folder: Path, media: Path, **options: Any) -> Any:
    return build(settings(folder, **options), [str(media)], pack=False)


def test_the_same_artifacts_in_one_process_and_on_two_workers(long_video: Path, tmp_path: Path) -> None:
    for name, workers in (("alone", 0), ("shared", 2)):
        summary = run(tmp_path / name, long_video, workers=workers)
        assert summary.exit_code == 0
        assert {stage: counts["done"] for stage, counts in summary.stages.items()}["simulate"] == 1
        assert not list((tmp_path / name / "ws" / "parts").rglob("*.parquet"))
    found = artifacts(tmp_path / "alone")
    assert found == artifacts(tmp_path / "shared")
    for stage in STAGES:
        path = next((tmp_path / "alone" / "ws" / "stages").glob(f"{stage}-*/*/*.parquet"))
        with pq.ParquetFile(path) as file:
            assert file.num_row_groups == COUNT
            assert file.read().column("clip_index").to_pylist() == list(range(11))


def spy(monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None) -> list[tuple[str, int | None]]:
    """Notes each pass as (first stage, part); the second part of the pose raises `error`."""
    passes: list[tuple[str, int | None]] = []
    once = TaskRun._run_once

    def noted(self: TaskRun, batch: list[str], part: int | None) -> Any:
        passes.append((batch[0], part))
        if error is not None and "pose" in batch and part == 1:
            raise error
        return once(self, batch, part)

    monkeypatch.setattr(TaskRun, "_run_once", noted)
    return passes


def test_a_run_goes_on_in_the_middle_of_a_video(
    long_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        spy(patched, KeyboardInterrupt())
        assert run(tmp_path, long_video).stopped == "interrupted"
    passes = spy(monkeypatch)
    assert run(tmp_path, long_video).exit_code == 0
    assert [part for stage, part in passes if stage == "pose"] == [1, 2]


def test_a_part_that_fails_is_the_videos_failure(
    long_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = PermanentError("Part of it can't be read.", "It is broken.", "Mend it.", reason="broken_part")
    spy(monkeypatch, error)
    summary = run(tmp_path, long_video)
    assert summary.exit_code == 1
    workspace = Workspace(str(tmp_path / "ws"))
    reasons = {path.name.split(".")[-2]: path for path in (tmp_path / "ws").glob("stages/pose-*/*/*.json")}
    assert list(reasons) == ["failed"]
    assert "broken_part" in reasons["failed"].read_text()
    assert workspace.store.folders("parts")


@pytest.mark.parametrize("workers", [0, 1])
def test_clips_that_cannot_be_read_are_made_again(long_video: Path, tmp_path: Path, workers: int) -> None:
    build(settings(tmp_path), [str(long_video)], "segment", pack=False)
    artifact = next((tmp_path / "ws").glob("stages/segment-*/*/*.parquet"))
    whole = artifact.read_bytes()
    artifact.write_bytes(b"no Parquet")
    summary = run(tmp_path, long_video, workers=workers)
    assert summary.exit_code == 0
    assert summary.stages["simulate"]["done"] == 1
    assert artifact.read_bytes() == whole


def test_a_damaged_part_is_made_again(long_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        spy(patched, KeyboardInterrupt())
        run(tmp_path, long_video)
    (left,) = (tmp_path / "ws" / "parts").glob("pose-*/*/*.parquet")
    left.write_bytes(left.read_bytes()[:-9])
    assert run(tmp_path, long_video, backoff_s=0.01).exit_code == 0
    run(tmp_path / "whole", long_video)
    assert artifacts(tmp_path) == artifacts(tmp_path / "whole")


def test_parts_of_configurations_that_nobody_uses_are_cleared(
    long_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        spy(patched, KeyboardInterrupt())
        run(tmp_path, long_video)
    workspace = Workspace(str(tmp_path / "ws"))
    assert not find_unused(workspace, [settings(tmp_path)])
    unused = find_unused(workspace, [settings(tmp_path, rate_hz=1.0)])
    assert any(each.folder.startswith("parts/pose-") and each.files == 1 for each in unused)
    delete_unused(workspace, unused)
    assert not list((tmp_path / "ws" / "parts").glob("pose-*"))


def test_parts_that_a_killed_process_left_beside_their_artifact_are_cleared(
    long_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        spy(patched, KeyboardInterrupt())
        run(tmp_path, long_video)
    (left,) = (tmp_path / "ws" / "parts").glob("pose-*/*/*.parquet")
    data = left.read_bytes()
    run(tmp_path, long_video)
    workspace = Workspace(str(tmp_path / "ws"))
    assert not find_unused(workspace, [settings(tmp_path)])
    # As after a kill between publishing the artifact and deleting its parts.
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(data)
    unused = find_unused(workspace, [settings(tmp_path)])
    assert [(each.stage, each.files, each.bytes) for each in unused] == [("pose", 1, len(data))]
    delete_unused(workspace, unused)
    assert not left.exists()
    assert list((tmp_path / "ws").glob("stages/pose-*/*/*.parquet"))
