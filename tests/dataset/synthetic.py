"""Artifacts of made-up videos, for tests and benchmarks of the dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from fimad import schema
from fimad.config import Config
from fimad.dataset.packing.pack import Source
from fimad.labels import label_title
from fimad.labels.clips import columns

LABELS = ("squats", "jumping jacks", "lunges", "plank")


class SyntheticSource(Source):
    """A `pack.Source` of `videos` videos with a few clips each; everything follows from `seed`."""

    def __init__(
        self,
        videos: int,
        config: Config,
        *,
        clip_s: float = 8.0,
        clips: int = 2,
        embeddings: bool = False,
        title: str = "Squats",
        channels: int = 5,
        first: int = 0,
    ) -> None:
        self.config = config
        self.ids = [f"video{number:06d}" for number in range(first, first + videos)]
        self.clip_s, self.clips, self.title, self.channels = clip_s, clips, title, channels
        self.embeddings = embeddings

    @property
    def unavailable(self) -> dict[str, str]:
        return {} if self.embeddings else {"embed": "no weights"}

    def stage_info(self) -> dict[str, dict[str, Any]]:
        names = (
            "download",
            "segment",
            "transcribe",
            "pose",
            "simulate",
            "label",
            *(("embed",) if self.embeddings else ()),
        )
        return {name: {"key": "0123456789abcdef", "version": 1, "models": {}} for name in names}

    def included(self) -> Iterator[tuple[str, list[str]]]:
        for video_id in self.ids:
            yield video_id, list(self.stage_info())

    def excluded(self) -> Iterator[Any]:
        return iter(())

    def incomplete(self) -> Iterator[Any]:
        return iter(())

    def read(self, stage: str, video_id: str, columns: list[str] | None = None) -> pa.Table:
        number = int(video_id.removeprefix("video"))
        rows: list[dict[str, Any]] = getattr(self, f"_{stage}")(number, video_id)
        table = pa.Table.from_pylist(rows, schema=self._schema(stage))
        return table if columns is None else table.select(columns)

    def _schema(self, stage: str) -> pa.Schema:
        if stage == "simulate":
            return schema.simulate_schema(self.config.simulate.placements)
        found: pa.Schema = getattr(schema, stage.upper())
        return found

    def _keys(self, video_id: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for index in range(self.clips):
            yield index, {"clip_id": f"{video_id}___{index}", "clip_index": index}

    def _download(self, number: int, video_id: str) -> list[dict[str, Any]]:
        channel = f"channel {number % self.channels}"
        return [
            {
                "video_id": video_id,
                "title": self.title,
                "channel": channel,
                "channel_id": channel,
                "license": "CC0",
                "media_sha256": f"{number:064x}",
                "url": f"https://example.org/{video_id}",
            }
        ]

    def _segment(self, number: int, video_id: str) -> list[dict[str, Any]]:
        rows = []
        for index, keys in self._keys(video_id):
            label = LABELS[(number + index) % len(LABELS)]
            span = {"start_s": index * self.clip_s, "end_s": (index + 1) * self.clip_s}
            rows.append({**keys, **span, "title": self.title, "label": label, "chapter_source": "platform"})
        last = {"clip_id": f"{video_id}___{self.clips}", "clip_index": self.clips, "start_s": 500.0, "end_s": 900.0}
        return [*rows, {**last, "title": "long", "label": "long", "chapter_source": "platform", "filtered": "too_long"}]

    def _label(self, number: int, video_id: str) -> list[dict[str, Any]]:
        named = [LABELS[(number + index) % len(LABELS)] for index in range(self.clips)]
        return [{**keys, **columns(label_title(named[index]))} for index, keys in self._keys(video_id)]

    def _transcribe(self, number: int, video_id: str) -> list[dict[str, Any]]:
        rows = []
        for index, keys in self._keys(video_id):
            begin_s = index * self.clip_s + min(1.0, self.clip_s / 3)
            words = [{"start_s": begin_s, "end_s": begin_s + 0.2, "text": "go", "probability": 0.9}]
            rows.append({**keys, "transcript": "go", "transcript_words": words})
        return rows

    def _pose(self, number: int, video_id: str) -> list[dict[str, Any]]:
        rows = []
        for index, keys in self._keys(video_id):
            draw = np.random.default_rng([number, index])
            time_s = index * self.clip_s + np.arange(round(self.clip_s * 30)) / 30
            shape = (len(time_s), 33, 3)
            rows.append(
                {
                    **keys,
                    "pose_time_s": time_s,
                    "pose_image": draw.random(shape, np.float32).reshape(-1),
                    "pose_world_m": draw.normal(size=shape).astype(np.float32).reshape(-1),
                    "pose_visibility": np.ones(shape[0] * 33, np.float32),
                    "pose_score": np.ones(shape[0], np.float32),
                    "pose_track": np.zeros(shape[0], np.int32),
                    "pose_share": 1.0,
                    "width_px": 1280,
                    "height_px": 720,
                }
            )
        return rows

    def _simulate(self, number: int, video_id: str) -> list[dict[str, Any]]:
        rows = []
        for index, keys in self._keys(video_id):
            draw = np.random.default_rng([number, index, 1])
            time_s = index * self.clip_s + np.arange(round(self.clip_s * 50)) / 50
            count = len(time_s)
            row = {**keys, "imu_time_s": time_s, "imu_rate_hz": 50.0, "imu_quality": 0.8, "imu_report": json.dumps({})}
            row |= {"imu_root_m": np.zeros(count * 3, np.float32)}
            row["flags"] = ["camera_unknown", "swapped_sides"] if index == 1 else []
            for placement in self.config.simulate.placements:
                world = draw.normal(0, 0.05, (count, 3))
                valid = np.ones(count, bool)
                valid[:3] = False
                force = np.where(valid[:, None], world + np.array([0, 0, 9.80665]), np.nan)
                row |= {
                    f"{placement}_acc_m_s2": force.astype(np.float32).reshape(-1),
                    f"{placement}_gyro_rad_s": np.where(valid[:, None], world, np.nan).astype(np.float32).reshape(-1),
                    f"{placement}_lin_acc_world_m_s2": np.where(valid[:, None], world, np.nan)
                    .astype(np.float32)
                    .reshape(-1),
                    f"{placement}_orientation": np.where(valid[:, None], [0, 0, 0, 1], np.nan)
                    .astype(np.float32)
                    .reshape(-1),
                    f"{placement}_valid": valid,
                    f"{placement}_sigma_m_s2": np.full(count, 0.1, np.float32),
                    f"{placement}_gyro_sigma_rad_s": np.full(count, 0.1, np.float32),
                    f"{placement}_quality": 0.8,
                }
            rows.append(row)
        return rows

    def _embed(self, number: int, video_id: str) -> list[dict[str, Any]]:
        rows = []
        for index, keys in self._keys(video_id):
            frames = np.random.default_rng([number, index, 2]).normal(size=(round(self.clip_s), 64)).astype(np.float32)
            frames /= np.linalg.norm(frames, axis=1, keepdims=True)
            rows.append(
                {
                    **keys,
                    "video_embedding_time_s": index * self.clip_s + np.arange(len(frames), dtype=float),
                    "video_embeddings": frames.reshape(-1),
                    "video_embedding": frames.mean(0) / np.linalg.norm(frames.mean(0)),
                    "text_embedding": frames[0],
                    "description_embedding": frames[0],
                }
            )
        return rows


def small_config(placements: Sequence[str] = ("left_wrist", "pelvis"), **pack: Any) -> Config:
    """A configuration with few placements, so that tests stay quick."""
    return Config.model_validate({"simulate": {"placements": placements}, "pack": pack})
