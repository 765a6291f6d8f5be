"""The `label` stage: what each clip is, by its title, by what it shows and by its place in the video."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import platformdirs
import pyarrow as pa

from fimad.config import LabelConfig, Section
from fimad.labels.clips import Shown, columns, label_clip, says_nothing, translated, words_of_segment
from fimad.labels.context.lists import in_list, without_places
from fimad.labels.corrections import corrected, corrections_sha256, read_corrections
from fimad.labels.counting import Motion, motion_of
from fimad.labels.descriptions.embedding import (
    NearestExercise,
    TextEncoder,
    matched,
    sentence_encoder,
    sha256_of_folder,
)
from fimad.labels.spoken.about import exercise_cues
from fimad.labels.spoken.utterances import spread
from fimad.labels.taxonomy import taxonomy_version
from fimad.labels.titles import TitleLabel, label_title
from fimad.pipeline.contract import ModelFile, Stage, StageInput
from fimad.pipeline.stages.embed import Encoder, clip_file, clip_names, clip_path
from fimad.pipeline.stages.segment import kept_clips
from fimad.schema import LABEL

if TYPE_CHECKING:
    from fimad.labels.descriptions.endpoint import Describer, Endpoint

# How to reach a model, and what it may cost: they change no answer.
_WAYS = frozenset(
    name
    for name in LabelConfig.model_fields
    if name.startswith("endpoint_") and name not in ("endpoint_model", "endpoint_embedding_model")
)


class LabelStage(Stage):
    """Kind and exercises per clip; one row per clip that is kept.

    What the clip shows is looked at only where pose and transcript are there; the words alone always are.
    """

    name: ClassVar[str] = "label"
    version: ClassVar[int] = 17
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment", "transcribe", "pose")
    optional: ClassVar[tuple[str, ...]] = ("transcribe", "pose")

    _describer: Describer | None = None
    _encoder: TextEncoder | None = None
    _nearest: NearestExercise | None = None

    @property
    def section(self) -> Section:
        # What corrections and a model say is in the key by their hash; where they lie must not be. Of the endpoint its model is.
        ways = {name: field.default for name, field in LabelConfig.model_fields.items() if name in _WAYS}
        return self.config.label.model_copy(update={"corrections": "", "embedding_model": "", **ways})

    def models(self) -> tuple[ModelFile, ...]:
        section = self.config.label
        found = [ModelFile("taxonomy", f"version {taxonomy_version()}")]
        if section.corrections:
            found.append(ModelFile("corrections", corrections_sha256(Path(section.corrections))))
        if section.embedding == "sentence-transformers":
            found.append(ModelFile("embedding", sha256_of_folder(Path(section.embedding_model))))
        elif section.embedding == "clip":
            found.append(clip_file(self.config))
        return tuple(found)

    def weights(self) -> tuple[str, ...]:
        return clip_names(self.config) if self.config.label.embedding == "clip" else ()

    def schema(self) -> pa.Schema:
        return LABEL

    def requires(self) -> tuple[str, ...]:
        section = self.config.label
        asks = ("openai",) if "endpoint" in (section.describe, section.translate) else ()
        embeds = {
            "sentence-transformers": ("sentence_transformers",),
            "clip": ("torch", "open_clip", "PIL"),
            "endpoint": ("openai",),
            "none": (),
        }
        return *asks, *embeds[section.embedding]

    def setup(self) -> None:
        section = self.config.label
        if section.embedding != "none" and self._encoder is None:
            self._encoder = self._made_encoder()
            if section.match_similarity < 1:
                self._nearest = NearestExercise(self._encoder.encode)
        if "endpoint" in (section.describe, section.translate) and self._describer is None:
            from fimad.labels.descriptions.endpoint import Describer

            self._describer = Describer(self._endpoint(section.endpoint_model), _answers())

    def _endpoint(self, model: str) -> Endpoint:
        from fimad.labels.descriptions.endpoint import Endpoint

        section = self.config.label
        return Endpoint(
            section.endpoint_url,
            model,
            section.endpoint_key_env,
            max_tokens_total=section.endpoint_max_tokens,
            max_cost_usd=section.endpoint_max_usd,
            usd_per_million_in=section.endpoint_usd_per_million_in,
            usd_per_million_out=section.endpoint_usd_per_million_out,
        )

    def _made_encoder(self) -> TextEncoder:
        section = self.config.label
        if section.embedding == "sentence-transformers":
            return sentence_encoder(Path(section.embedding_model))
        if section.embedding == "endpoint":
            from fimad.labels.descriptions.vectors import EmbeddingEndpoint

            model = section.endpoint_embedding_model
            return TextEncoder(model, EmbeddingEndpoint(self._endpoint(model), _answers()).encode)
        embed, file = self.config.embed, clip_file(self.config)
        clip = Encoder(
            clip_path(self.config),
            embed.model,
            embed.pretrained,
            precision=embed.precision,
            threads=self.config.run.threads,
        )
        return TextEncoder(f"{file.name}@{file.sha256[:12]}", lambda texts: clip.texts(list(texts)))

    def close(self) -> None:
        self._describer = self._encoder = self._nearest = None

    def run(self, item: StageInput) -> pa.Table:
        self.setup()
        video = item.tables["download"].to_pylist()[0]
        clips = kept_clips(item.tables["segment"])
        path = self.config.label.corrections
        table = read_corrections(Path(path)) if path else {}
        spoken = _by_clip(item.tables.get("transcribe"), ("transcript", "transcript_words"))
        poses = _poses(item.tables.get("pose")) if self.config.label.clip_evidence else {}
        rows = []
        titles = [video.get("given_label") or words_of_segment(clip) for clip in clips]
        read = [self._by_words(title) for title in titles]
        if not video.get("given_label"):
            placed = without_places(titles, [label for label, _ in read])
            read = [(label, english) for label, (_, english) in zip(placed, read, strict=True)]
        for at, clip in enumerate(clips):
            share, motion = poses.get(clip["clip_id"], (None, None))
            words = spoken.get(clip["clip_id"], {}).get("transcript")
            length_s = clip["end_s"] - clip["start_s"]
            rate = len(words.split()) / length_s if words is not None and length_s > 0 else None
            shown = Shown(share, motion, rate, first=at == 0, last=at == len(clips) - 1)
            if not self.config.label.clip_evidence:
                shown = Shown()
            title, (by_words, english) = titles[at], read[at]
            if clip.get("chapter_source") != "list" and not video.get("given_label"):
                by_words = in_list(by_words, [label for label, _ in (*read[:at], *read[at + 1 :])])
            label = corrected(label_clip(title, shown, by_words), clip["clip_id"], title, table)
            describer = self._describer if self.config.label.describe == "endpoint" else None
            row = columns(label, motion, describer)
            row |= {"clip_id": clip["clip_id"], "clip_index": clip["clip_index"], "title_english": english}
            row |= _said(spoken.get(clip["clip_id"], {}).get("transcript_words"), label)
            if self._encoder is not None:
                row |= self._encoder.columns(label, row["description_text"])
            rows.append(row)
        return pa.Table.from_pylist(rows, schema=LABEL)

    def _by_words(self, title: str | None) -> tuple[TitleLabel, str | None]:
        """A title's label by its words, else by its translation, else by what it is nearest to; and the translation."""
        label, english = label_title(title), None
        asks = self.config.label.translate == "endpoint" and self._describer is not None
        # In whatever language it seems to be: of a title without a known word that can't be told.
        if asks and self._describer is not None and title and says_nothing(label):
            english = self._describer.translate(title).text
            label = translated(label, english) if english else label
        if self._nearest is not None and says_nothing(label):
            label = matched(label, english or title, self._nearest, self.config.label.match_similarity)
        return label, english


def _answers() -> Path:
    """Where answers of endpoints are kept, and what was spent."""
    return Path(platformdirs.user_cache_dir("fimad")) / "descriptions"


def _said(words: list[dict[str, Any]] | None, label: TitleLabel) -> dict[str, Any]:
    """What of a clip's speech is about its exercise; captions come by lines."""
    heard = [
        word for row in words or () if row["text"] for word in spread(row["start_s"], row["end_s"], str(row["text"]))
    ]
    cues, chatter = exercise_cues(heard, label.exercises)
    return {
        "exercise_cues": [asdict(cue) for cue in cues] if words is not None else None,
        "chatter_share": chatter,
    }


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
