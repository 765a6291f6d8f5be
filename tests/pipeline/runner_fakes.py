"""Small stages with the shape of the real pipeline, which misbehave as the video's location tells them.

The location is ``ok`` or ``{behaviour}@{stage}``, as in ``segfault@pose``; a number after a colon is a parameter.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from fimad.config import Config, Section
from fimad.errors import Filtered, PermanentError, TransientError
from fimad.pipeline.contract import Resource, Stage, StageInput, Unavailable, Video
from fimad.pipeline.state.workspace import Workspace

NAMES = ("download", "segment", "transcribe", "pose", "simulate")
HERE = Path(__file__).parent


class FakeStage(Stage):
    """Writes a row that says what it read."""

    @property
    def section(self) -> Section:
        return getattr(self.config, self.name)

    def schema(self) -> pa.Schema:
        return pa.schema([pa.field("video_id", pa.string()), pa.field("value", pa.string())])

    def run(self, item: StageInput) -> pa.Table:
        misbehave(item, self.name)
        count(item, self.name)
        parts = [item.tables[name].column("value")[0].as_py() for name in sorted(item.tables)]
        if item.media is not None:
            parts.append(item.media.read_text())
        value = f"{self.name}({', '.join(parts)})"
        return pa.Table.from_pylist([{"video_id": item.video.video_id, "value": value}], schema=self.schema())


class FakeDownload(FakeStage):
    name: ClassVar[str] = "download"
    resource: ClassVar[Resource] = "network"

    def schema(self) -> pa.Schema:
        return pa.schema(
            [pa.field(name, pa.string()) for name in ("video_id", "value", "media")]
            + [pa.field("duration_s", pa.float64())]
        )

    def run(self, item: StageInput) -> pa.Table:
        misbehave(item, self.name)
        count(item, self.name)
        item.log.info("fetching %s", item.video.video_id)
        path = item.scratch / "a title/../that is no path".replace("/", "_")
        size = item.video.location.partition("big:")[2]
        path.write_text(f"media of {item.video.video_id}" + "." * int(size or 0))
        media = item.publish_file(path, ".mp4")
        row = {"video_id": item.video.video_id, "value": "media", "media": media, "duration_s": 10.0}
        return pa.Table.from_pylist([row], schema=self.schema())


class FakeSegment(FakeStage):
    name: ClassVar[str] = "segment"
    upstream: ClassVar[tuple[str, ...]] = ("download",)


class FakeTranscribe(FakeStage):
    name: ClassVar[str] = "transcribe"
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")
    needs_media: ClassVar[bool] = True


class FakePose(FakeStage):
    name: ClassVar[str] = "pose"
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")
    needs_media: ClassVar[bool] = True


class SlowToLoad(FakePose):
    """Says in `loaded`, beside the workspace, that it was loaded; fails to load if there is a file `broken`."""

    def setup(self) -> None:
        folder = Path(self.config.workspace).parent
        with (folder / "loaded").open("a") as file:
            file.write(".")
        if (folder / "broken").exists():
            raise PermanentError("It is broken.", "", "", reason="broken")
        time.sleep(0.5)


class FakeSimulate(FakeStage):
    name: ClassVar[str] = "simulate"
    upstream: ClassVar[tuple[str, ...]] = ("pose", "transcribe")
    optional: ClassVar[tuple[str, ...]] = ("transcribe",)


class NeedsLibrary(FakePose):
    def requires(self) -> tuple[str, ...]:
        return "no_such_library", "json"


class NeedsWeights(FakePose):
    def weights(self) -> tuple[str, ...]:
        return ("kind/one",)


class NoTranscribe(FakeTranscribe):
    def unavailable(self) -> Unavailable | None:
        return Unavailable("weights", "there are no weights.", "Fetch them.")


PATHS = tuple(
    f"{__name__}:{kind.__name__}" for kind in (FakeDownload, FakeSegment, FakeTranscribe, FakePose, FakeSimulate)
)


#: What a native library would never give back.
LEAKED: list[bytearray] = []


def misbehave(item: StageInput, stage: str) -> None:
    behaviour, _, where = item.video.location.partition("@")
    if where != stage:
        return
    behaviour, _, argument = behaviour.partition(":")
    item.log.info("about to %s", behaviour)
    if behaviour == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour == "exit":
        os._exit(7)
    if behaviour == "hang":
        time.sleep(3600)
    if behaviour == "swell":
        hoard = [bytearray(os.urandom(1)) * (32 * 1024**2) for _ in range(200) if time.sleep(0.02) is None]
        time.sleep(len(hoard))
    if behaviour == "leak":
        LEAKED.append(bytearray(os.urandom(1)) * (int(argument or 1) * 1024**2))
    if behaviour == "filtered":
        raise Filtered("Left out.", "It is too long.", reason="too_long")
    if behaviour == "no_library":
        raise ModuleNotFoundError("No module named 'cv2'", name="cv2")
    if behaviour == "no_libgl":
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory", name="cv2")
    if behaviour == "no_cuda":
        raise OSError("libcudart.so.13: cannot open shared object file: No such file or directory")
    if behaviour == "permanent":
        raise PermanentError("It is private.", "The owner hid it.", "Leave it.", reason="private")
    if behaviour == "transient":
        raise TransientError("The server said 503.", reason="http_503")
    if behaviour == "flaky" and tries(item, stage) < int(argument or 1):
        raise TransientError("The server said 503.", reason="http_503")
    if behaviour == "crash_once" and tries(item, stage) < 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour == "kill_worker" and tries(item, stage) < int(argument or 1):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if behaviour == "full":
        raise OSError(28, "No space left on device")
    if behaviour == "bug":
        raise KeyError("surprise")
    if behaviour == "slow":
        time.sleep(float(argument or 0.2))


def _tally(item: StageInput, stage: str, kind: str) -> Path:
    root = item.scratch
    while root.name != "tmp" and root != root.parent:
        root = root.parent
    folder = Path(os.environ.get("FIMAD_TEST_TALLY", str(root.parent / "tally")))
    folder.mkdir(exist_ok=True)
    return folder / f"{item.video.video_id}.{stage}.{kind}"


def tries(item: StageInput, stage: str) -> int:
    """How often this was asked before, over all processes."""
    path = _tally(item, stage, "tries")
    before = len(path.read_bytes()) if path.exists() else 0
    with path.open("ab") as file:
        file.write(b".")
    return before


def count(item: StageInput, stage: str) -> None:
    with _tally(item, stage, "runs").open("ab") as file:
        file.write(b".")


def runs(workspace: Workspace, stage: str) -> dict[str, int]:
    """How often each video really ran through a stage."""
    folder = Path(workspace.url) / "tally"
    return {
        path.name.rpartition(f".{stage}.runs")[0]: len(path.read_bytes())
        for path in sorted(folder.glob(f"*.{stage}.runs"))
    }


def corpus(config: Config, *locations: str) -> Workspace:
    """A workspace that knows one video for each location, named v00, v01, ..."""
    workspace = Workspace(config.workspace)
    workspace.add_batch(Video(f"v{at:02d}", "url", location) for at, location in enumerate(locations))
    workspace.close()
    return workspace


class WalledDownload(FakeDownload):
    def run(self, item: StageInput) -> pa.Table:
        if "walled" in item.video.location:
            raise TransientError("Sign in to confirm you're not a bot", reason="bot_wall")
        return super().run(item)
