"""Stage `embed`: CLIP embeddings of frames and of a clip's texts, by open_clip.

Frames are taken at a given rate, go through the model's own preprocessing, and are embedded in batches. A clip has the
embedding of each frame, their mean, and the mean over prompts made of its title and label; all have unit length. Where the
weights can't be had, the stage does not run: nothing but a trained model's output is ever stored as an embedding.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad import clip_library, clip_weights, models
from fimad.config import Config
from fimad.gpu import torch_device
from fimad.pipeline.contract import Frame, FrameConsumer, FrameRequest, FrameStage, ModelFile, StageInput
from fimad.pipeline.stages.segment import kept_clips
from fimad.schema import EMBED

Floats = NDArray[np.float32]

# Larger than any CLIP input, so that the model's own resampling decides; the same as pose's, so that one conversion serves.
_SHORT_SIDE_PX = 720
_MAX_TEXT = 2000
_KEPT_TEXTS = 4096


def clip_names(config: Config) -> tuple[str, ...]:
    """The configured weights of CLIP as `fimad.models` knows them; none where they are a checkpoint of one's own."""
    section = config.embed
    own = clip_weights.own_checkpoint(section.pretrained)
    return () if own else (f"{clip_weights.PREFIX}{section.model}/{section.pretrained}",)


def clip_path(config: Config) -> Path:
    """Where they are."""
    return clip_weights.own_checkpoint(config.embed.pretrained) or models.locate(clip_names(config)[0], config)


def clip_file(config: Config) -> ModelFile:
    """Their architecture and their hash, for the key of a stage."""
    return ModelFile(f"{clip_weights.PREFIX}{config.embed.model}", clip_weights.sha256(clip_path(config)))


class EmbedStage(FrameStage):
    """Embeddings per clip; one row per clip that is kept."""

    name: ClassVar[str] = "embed"
    version: ClassVar[int] = 3
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")
    by_clip: ClassVar[bool] = True

    _encoder: Encoder | None = None

    def schema(self) -> pa.Schema:
        return EMBED

    def requires(self) -> tuple[str, ...]:
        return "av", "cv2", "torch", "open_clip", "PIL"

    def weights(self) -> tuple[str, ...]:
        return clip_names(self.config)

    def models(self) -> tuple[ModelFile, ...]:
        return (clip_file(self.config),)

    def setup(self) -> None:
        if self._encoder is None:
            section = self.config.embed
            self._encoder = Encoder(
                clip_path(self.config),
                section.model,
                section.pretrained,
                precision=section.precision,
                threads=self.config.run.threads,
                device=section.device,
            )

    def close(self) -> None:
        self._encoder = None

    def consumer(self, item: StageInput) -> FrameConsumer:
        self.setup()
        assert self._encoder is not None  # noqa: S101  (an invariant: `setup` sets it)
        clips = kept_clips(item.tables["segment"])
        section = self.config.embed
        request = FrameRequest(
            ranges_s=[(clip["start_s"], clip["end_s"]) for clip in clips],
            rate_hz=section.rate_hz,
            short_side_px=_SHORT_SIDE_PX,
        )
        video = item.tables["download"].to_pylist()[0]
        return _EmbedConsumer(
            request, clips, video.get("description") or "", self._encoder, section.templates, section.batch_size
        )


class Encoder:
    """A CLIP model with its preprocessing.

    Parameters
    ----------
    checkpoint : `.safetensors`, or what torch reads with ``weights_only=True``.
    model : open_clip architecture.
    tag : open_clip's tag of the weights, whose preprocessing is used; unknown tags get the usual one.
    precision : of weights and arithmetic; results are always float32.
    device : ``cpu`` or ``cuda``.
    """

    def __init__(
        self,
        checkpoint: Path,
        model: str,
        tag: str,
        *,
        precision: str = "fp32",
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        import torch

        open_clip = clip_library.open_clip()
        torch.set_num_threads(threads)
        self._torch = torch
        self.device = torch_device(device, "embed")
        settings = clip_weights.preprocessing(model, tag)
        with _unfilled():
            made, _, self._preprocess = open_clip.create_model_and_transforms(
                model,
                pretrained=str(checkpoint),
                precision=precision if precision == "fp32" else f"pure_{precision}",
                device=self.device,
                force_quick_gelu=bool(settings.get("quick_gelu", False)),
                image_mean=settings.get("mean"),
                image_std=settings.get("std"),
                image_interpolation=settings.get("interpolation"),
                image_resize_mode=settings.get("resize_mode"),
                weights_only=True,
            )
        self._model = made.eval()
        self._dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        self._tokenizer = open_clip.get_tokenizer(model)
        self._texts: dict[str, Floats] = {}

    def prepare(self, rgb: NDArray[np.uint8]) -> Any:
        """A frame, (h, w, 3) RGB, as the model's input."""
        from PIL import Image

        return self._preprocess(Image.fromarray(rgb))

    def images(self, prepared: list[Any]) -> Floats:
        """Unit embeddings (n, d) of prepared frames."""
        with self._torch.inference_mode():
            batch = self._torch.stack(prepared).to(self.device, self._dtype)
            return self._unit(self._model.encode_image(batch))

    def texts(self, texts: list[str]) -> Floats:
        """Unit embeddings (n, d); long texts are cut at the model's context length.

        Each by itself, so that what else is in the corpus does not change its last bits; prompts come again and again.
        """
        if len(self._texts) > _KEPT_TEXTS:
            self._texts.clear()
        for text in texts:
            if text not in self._texts:
                with self._torch.inference_mode():
                    self._texts[text] = self._unit(self._model.encode_text(self._tokenizer([text]).to(self.device)))[0]
        return np.stack([self._texts[text] for text in texts])

    @staticmethod
    def _unit(features: Any) -> Floats:
        return unit(features.float().cpu().numpy())


def unit(vectors: Floats) -> Floats:
    """Vectors (..., d) at unit length."""
    length = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    scaled: Floats = (vectors / np.maximum(length, 1e-12)).astype(np.float32)
    return scaled


def prompts(templates: tuple[str, ...], title: str | None, label: str | None) -> list[str]:
    """The templates filled in; those that name something the clip does not have are left out.

    Plain replacement: titles are hostile text and may hold braces of their own.
    """
    filled = []
    for template in templates:
        if ("{label}" in template and not label) or ("{title}" in template and not title):
            continue
        parts = [part.replace("{label}", label or "") for part in template.split("{title}")]
        filled.append((title or "").join(parts)[:_MAX_TEXT])
    return filled


class _EmbedConsumer:
    def __init__(
        self,
        request: FrameRequest,
        clips: list[dict[str, Any]],
        description: str,
        encoder: Encoder,
        templates: tuple[str, ...],
        batch_size: int,
    ) -> None:
        self.request = request
        self._clips = clips
        self._description = description
        self._encoder = encoder
        self._templates = templates
        self._batch_size = batch_size
        self._waiting: list[tuple[int, Any]] = []
        self._times: list[list[float]] = [[] for _ in clips]
        self._found: list[list[Floats]] = [[] for _ in clips]

    def push(self, range_index: int, frame: Frame) -> None:
        self._times[range_index].append(frame.time_s)
        self._waiting.append((range_index, self._encoder.prepare(frame.rgb)))
        if len(self._waiting) >= self._batch_size:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            for (at, _), row in zip(
                self._waiting, self._encoder.images([each for _, each in self._waiting]), strict=True
            ):
                self._found[at].append(row)
            self._waiting = []

    def finish(self) -> pa.Table:
        self._flush()
        about = self._texts([self._description[:_MAX_TEXT]]) if self._description.strip() else None
        rows = []
        for clip, times, found in zip(self._clips, self._times, self._found, strict=True):
            filled = prompts(self._templates, clip["title"], clip["label"])
            rows.append(
                {
                    "clip_id": clip["clip_id"],
                    "clip_index": clip["clip_index"],
                    "video_embedding_time_s": np.array(times, np.float64),
                    "video_embeddings": np.concatenate(found) if found else np.empty(0, np.float32),
                    "video_embedding": unit(np.mean(found, axis=0)) if found else None,
                    "text_embedding": self._texts(filled) if filled else None,
                    "description_embedding": about,
                }
            )
        return pa.Table.from_pylist(rows, schema=EMBED)

    def _texts(self, texts: list[str]) -> Floats:
        return unit(self._encoder.texts(texts).mean(axis=0))


def _unfilled() -> Any:
    """Within this, new weights are not filled with random numbers: a second's work for what the checkpoint overwrites.

    open_clip loads strictly: a checkpoint that lacks a weight is refused.
    """
    from torch.overrides import TorchFunctionMode

    class Unfilled(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            # Of `torch.nn.init`, `kaiming_uniform_` and its like are all that is seen: what they call is not.
            if getattr(function, "__name__", "").endswith(("normal_", "uniform_")):
                return args[0] if args else kwargs["tensor"]
            return function(*args, **(kwargs or {}))

    return Unfilled()
