"""Videos by name, as a user types them: ids like options, addresses, files, clips, and names that are nearly right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from makers import ffmpeg, video
from typer.testing import CliRunner, Result

from fimad.cli import app
from fimad.cli.main import ErrorGroup
from fimad.pipeline.acquire.network.broadcast import not_recorded
from fimad.pipeline.contract import Video
from fimad.pipeline.state.workspace import Workspace

STAGES = ["fimad.pipeline.stages.download:DownloadStage", "fimad.pipeline.stages.segment:SegmentStage"]
HYPHEN = "-cccccccccc"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("fimad.pipeline.stages.registry.STAGES", STAGES)
    return tmp_path


def fimad(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def built(folder: Path) -> Path:
    (folder / "in").mkdir()
    video(folder / "in" / "curls_portrait.mp4", 4, tone=False)
    chapters = [{"start_time": 0, "end_time": 3, "title": "Curls"}, {"start_time": 3, "end_time": 3.5, "title": "Rest"}]
    info = {"id": "leg-day", "title": "Leg day at home", "duration": 4, "chapters": chapters}
    video(folder / "in" / "x y.mp4", 4, tone=False)
    (folder / "in" / "x y.info.json").write_text(json.dumps(info))
    assert fimad("build", "in", "--workers", "0").exit_code == 0
    return folder


def test_status_and_why_name_ids_files_and_clips(built: Path) -> None:
    text = " ".join(fimad("status", "--videos").stdout.split())
    assert "leg-day Leg day at home" in text
    assert "x y.mp4" in text
    assert "leg-day___0 0.0 to 3.0 s curls" in text
    assert "leg-day___1 3.0 to 3.5 s rest left out: too_short" in text
    listed = json.loads(fimad("status", "--videos", "--json").stdout)["listed"]
    assert [each["clips"][0]["filtered"] for each in listed] == [None, None]
    assert {each["video_id"] for each in listed} >= {"leg-day"}
    planned = json.loads(fimad("plan", "in", "--json").stdout)
    assert [Path(each["source"]).name for each in planned["listed"]] == ["curls_portrait.mp4", "x y.mp4"]
    assert planned["changed"] == []
    (built / "in" / "x y.info.json").write_text('{"id": "leg-day"}')
    assert json.loads(fimad("plan", "in", "--json").stdout)["changed"] == ["leg-day"]


@pytest.mark.parametrize("name", ["leg-day", "leg-day___1", "x y.mp4", "x y", "in/x y.mp4"])
def test_why_takes_ids_clips_and_files(built: Path, name: str) -> None:
    result = fimad("why", name)
    assert result.exit_code == 0
    assert "leg-day" in result.stdout
    assert "download: done" in result.stdout


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("curls portrait", "curls-portrait-"),
        ("Leg day at", "leg-day"),
        ("leg-dya", "leg-day"),
        ("leg day at home", "leg-day"),
    ],
)
def test_why_suggests_what_is_near(built: Path, name: str, near: str) -> None:
    result = fimad("why", name)
    assert result.exit_code == 2
    assert f"Perhaps: {near}" in " ".join(result.output.split())


def test_ids_that_look_like_options(folder: Path) -> None:
    Workspace("workspace").add_batch(
        [
            Video(HYPHEN, "url", f"https://www.youtube.com/watch?v={HYPHEN}"),
            Video("--workspabc", "url", "https://www.youtube.com/watch?v=--workspabc"),
        ]
    )
    for name in (HYPHEN, "--workspabc"):
        for spelt in (name, f"https://youtu.be/{name}"):
            result = fimad("why", spelt)
            assert result.exit_code == 0, result.output
            assert "download: pending" in result.stdout
    assert fimad("why", "--", HYPHEN).exit_code == 0
    planned = json.loads(fimad("plan", HYPHEN, "--json").stdout)
    assert [each["video_id"] for each in planned["listed"]] == [HYPHEN]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["build", "--workspace", HYPHEN], ["--workspace", HYPHEN]),
        (["build", "--workspace", "w", "--scheduler", "x"], ["--workspace", "w", "--scheduler", "x"]),
        (["build", "-wexisting_", HYPHEN], ["-wexisting_", f"https://www.youtube.com/watch?v={HYPHEN}"]),
        (["build", "--", HYPHEN], ["--", HYPHEN]),
        (["why", "-dQw4w9WgXc"], ["https://www.youtube.com/watch?v=-dQw4w9WgXc"]),
    ],
)  # fmt: skip
def test_options_stay_options(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: list[str]
) -> None:
    (folder / "existing_").mkdir()
    seen: list[str] = []
    monkeypatch.setattr("typer.core.TyperGroup.parse_args", lambda self, ctx, args: seen.extend(args) or [])
    import typer

    group = typer.main.get_command(app)
    assert isinstance(group, ErrorGroup)
    group.parse_args(typer.Context(group), arguments)
    assert seen == [arguments[0], *expected]


@pytest.mark.parametrize(
    ("message", "wait_s"),
    [
        ("Premieres in 2 hours", 8 * 3600),
        ("This live event will begin in 3 days.", 78 * 3600),
        ("x is a live stream (is_live).", 6 * 3600),
    ],
)
def test_a_stream_is_asked_for_again_when_its_recording_can_be_there(message: str, wait_s: float) -> None:
    error = not_recorded(message)
    assert (error.reason, error.retry_after_s) == ("live", wait_s)
    assert not_recorded(message, {"release_timestamp": 9e10}).retry_after_s == 30 * 86_400


def test_sound_that_cannot_be_decoded_is_said(folder: Path) -> None:
    (folder / "in").mkdir()
    for name, codec, noise in (("whole", "libvorbis", ()), ("noise", "aac", ("-bsf:a", "noise=amount=1"))):
        fine = video(folder / f"{name}.mkv", 2, extra=["-c:a", codec])
        ffmpeg("-i", fine, "-c", "copy", *noise, folder / "in" / f"{name}.mkv")
    data = (folder / "in" / "whole.mkv").read_bytes()
    assert b"A_VORBIS" in data
    (folder / "in" / "codec.mkv").write_bytes(data.replace(b"A_VORBIS", b"A_UNHEARD"[:8]))
    video(folder / "in" / "mute.mkv", 2, tone=False)
    assert fimad("build", "in", "--workers", "0", "--set", "segment.fallback=whole").exit_code == 0
    listed = json.loads(fimad("status", "--videos", "--json").stdout)["listed"]
    notes = {Path(each["source"]).stem: each["sound_note"] for each in listed}
    assert notes["whole"] is notes["mute"] is None
    assert "no decoder for the codec" in notes["codec"]
    assert "aac) can't be decoded" in notes["noise"]
    assert fimad("status", "--videos").stdout.count("no transcript: ") == 2
