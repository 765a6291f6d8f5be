"""The `label` stage: what each clip is, by its title, by what it shows and by its place in the video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import platformdirs
import pyarrow as pa

from fimad.config import LabelConfig, Section
from fimad.labels.clips import Shown, columns, label_clip, words_of_segment
from fimad.labels.corrections import corrected, corrections_sha256, read_corrections
from fimad.labels.counting import Motion, motion_of
from fimad.labels.taxonomy import load_taxonomy
from fimad.pipeline.contract import ModelFile, Stage, StageInput
from fimad.pipeline.stages.segment import kept_clips
from fimad.schema import LABEL

if TYPE_CHECKING:
    from fimad.labels.descriptions.endpoint import Describer

# How to reach a model, and what it may cost: they change no answer.
_WAYS = frozenset(
    name for name in LabelConfig.model_fields if name.startswith("endpoint_") and name != "endpoint_model"
)


class LabelStage(Stage):
    """Kind and exercises per clip; one row per clip that is kept.

    What the clip shows is looked at only where pose and transcript are there; the words alone always are.
    """

    name: ClassVar[str] = "label"
    version: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment", "transcribe", "pose")
    optional: ClassVar[tuple[str, ...]] = ("transcribe", "pose")

    _describer: Describer | None = None

    @property
    def section(self) -> Section:
        # What corrections say is in the key by their hash; where they lie must not be. Of the endpoint its model is.
        ways = {name: field.default for name, field in LabelConfig.model_fields.items() if name in _WAYS}
        return self.config.label.model_copy(update={"corrections": "", **ways})

    def models(self) -> tuple[ModelFile, ...]:
        version, _ = load_taxonomy()
        taxonomy = ModelFile("taxonomy", f"version {version}")
        path = self.config.label.corrections
        return (taxonomy, ModelFile("corrections", corrections_sha256(Path(path)))) if path else (taxonomy,)

    def schema(self) -> pa.Schema:
        return LABEL

    def requires(self) -> tuple[str, ...]:
        return ("openai",) if self.config.label.describe == "endpoint" else ()

    def setup(self) -> None:
        section = self.config.label
        if section.describe == "endpoint" and self._describer is None:
            from fimad.labels.descriptions.endpoint import Describer, Endpoint

            endpoint = Endpoint(
                section.endpoint_url,
                section.endpoint_model,
                section.endpoint_key_env,
                max_tokens_total=section.endpoint_max_tokens,
                max_cost_usd=section.endpoint_max_usd,
                usd_per_million_in=section.endpoint_usd_per_million_in,
                usd_per_million_out=section.endpoint_usd_per_million_out,
            )
            self._describer = Describer(endpoint, Path(platformdirs.user_cache_dir("fimad")) / "descriptions")

    def close(self) -> None:
        self._describer = None

    def run(self, item: StageInput) -> pa.Table:
        self.setup()
        video = item.tables["download"].to_pylist()[0]
        clips = kept_clips(item.tables["segment"])
        path = self.config.label.corrections
        table = read_corrections(Path(path)) if path else {}
        spoken = _by_clip(item.tables.get("transcribe"), ("transcript",))
        poses = _poses(item.tables.get("pose")) if self.config.label.clip_evidence else {}
        rows = []
        for at, clip in enumerate(clips):
            share, motion = poses.get(clip["clip_id"], (None, None))
            words = spoken.get(clip["clip_id"], {}).get("transcript")
            length_s = clip["end_s"] - clip["start_s"]
            rate = len(words.split()) / length_s if words is not None and length_s > 0 else None
            shown = Shown(share, motion, rate, first=at == 0, last=at == len(clips) - 1)
            if not self.config.label.clip_evidence:
                shown = Shown()
            title = video.get("given_label") or words_of_segment(clip)
            label = corrected(label_clip(title, shown), clip["clip_id"], title, table)
            rows.append(
                {
                    "clip_id": clip["clip_id"],
                    "clip_index": clip["clip_index"],
                    **columns(label, motion, self._describer),
                }
            )
        return pa.Table.from_pylist(rows, schema=LABEL)


def _by_clip(table: pa.Table | None, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    if table is None:
        return {}
    return {row["clip_id"]: row for row in table.select(["clip_id", *names]).to_pylist()}


def _poses(table: pa.Table | None) -> dict[str, tuple[float | None, Motion | None]]:
    """Share of frames with a person, and the motion, by clip."""
    found: dict[str, tuple[float | None, Motion | None]] = {}
    if table is None:
        return found
    for at in range(table.num_rows):
        row = {name: table.column(name)[at] for name in ("clip_id", "pose_share", "pose_time_s", "pose_image")}
        size = table.column("width_px")[at].as_py() or 0, table.column("height_px")[at].as_py() or 0
        motion = None
        if row["pose_time_s"].values is not None and all(size):
            time_s = row["pose_time_s"].values.to_numpy(zero_copy_only=False)
            image = row["pose_image"].values.to_numpy(zero_copy_only=False).reshape(-1, 33, 3)
            motion = motion_of(np.asarray(time_s, np.float64), image, size[0] / size[1])
        found[row["clip_id"].as_py()] = (row["pose_share"].as_py(), motion)
    return found
