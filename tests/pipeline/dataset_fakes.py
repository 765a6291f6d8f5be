"""Small stages that make real tables, so that what they make can be packed: no video, no weights.

A video's location is a file that stands for the server's: `download` copies its bytes. Its length in bytes is the video's
length in seconds, and shows in what each stage makes of it (`end_s` of clips, `width_px` of their pictures), so that a row that mixes two
versions can be told.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from fimad import schema
from fimad.config import Config
from fimad.errors import PermanentError
from fimad.pipeline.contract import Resource, Stage, StageInput, Video
from fimad.pipeline.state.workspace import Workspace
from tests.dataset.synthetic import SyntheticSource


class Made(Stage):
    """A stage of the made-up pipeline."""

    def schema(self) -> pa.Schema:
        if self.name == "simulate":
            return schema.simulate_schema(self.config.simulate.placements)
        return getattr(schema, self.name.upper())

    def rows(self, item: StageInput) -> list[dict[str, Any]]:
        """What `SyntheticSource` has of this video."""
        video_id = item.video.video_id
        source = SyntheticSource(0, self.config, clip_s=1.0)
        return getattr(source, f"_{self.name}")(int(video_id.removeprefix("video")), video_id)

    def run(self, item: StageInput) -> pa.Table:
        return pa.Table.from_pylist(self.rows(item), schema=self.schema())


class Download(Made):
    name: ClassVar[str] = "download"
    resource: ClassVar[Resource] = "network"

    def rows(self, item: StageInput) -> list[dict[str, Any]]:
        server = Path(item.video.location)
        if not server.exists():
            raise PermanentError("It was taken down.", reason="removed")
        (row,) = super().rows(item)
        data = server.read_bytes()
        path = item.scratch / "got"
        path.write_bytes(data)
        media = item.publish_file(path, ".mp4") if item.video.kind == "url" else server.as_uri()
        about = {"media": media, "media_sha256": hashlib.sha256(data).hexdigest(), "media_bytes": len(data)}
        return [{**row, **about, "duration_s": float(len(data)), "width_px": 8, "height_px": 8, "has_audio": False}]


class Segment(Made):
    name: ClassVar[str] = "segment"
    upstream: ClassVar[tuple[str, ...]] = ("download",)

    def rows(self, item: StageInput) -> list[dict[str, Any]]:
        length_s = item.tables["download"].column("duration_s")[0].as_py()
        return [row | {"end_s": length_s} for row in super().rows(item)]


class Transcribe(Made):
    name: ClassVar[str] = "transcribe"
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")


class Pose(Made):
    name: ClassVar[str] = "pose"
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")
    needs_media: ClassVar[bool] = True

    def rows(self, item: StageInput) -> list[dict[str, Any]]:
        assert item.media is not None
        width_px = len(item.media.read_bytes())
        return [row | {"width_px": width_px} for row in super().rows(item)]


class Simulate(Made):
    name: ClassVar[str] = "simulate"
    upstream: ClassVar[tuple[str, ...]] = ("segment", "pose")


PATHS = tuple(f"{__name__}:{kind.__name__}" for kind in (Download, Segment, Transcribe, Pose, Simulate))
SETTINGS = (
    *("--set", "run.backoff_s=0.01", "--set", "http.videos_per_hour=1e9", "--set", "http.host_spacing_s=0"),
    *("--set", 'simulate.placements=["left_wrist"]'),
)


def corpus(folder: Path, count: int, kind: Any = "url") -> Workspace:
    """A workspace that knows `count` videos, and the server's file of each in `folder/server`."""
    server = folder / "server"
    server.mkdir(exist_ok=True)
    videos = []
    for at in range(count):
        path = server / f"video{at:06d}"
        path.write_bytes(f"{at:03d}".encode() * 10)
        videos.append(Video(path.name, kind, str(path)))
    workspace = Workspace(Config(workspace=str(folder / "workspace")).workspace)
    workspace.add_batch(videos)
    workspace.close()
    return workspace
