"""MuJo: four encoders, projections to one space, and a classification head each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fimad.mujo.config import MujoConfig
from fimad.mujo.encoders import ImuEncoder, PoseEncoder, VectorEncoder
from fimad.mujo.losses import MOST_SCALE, Weighting, classification, log_scale, pairwise
from fimad.mujo.windows import GRAVITY_M_S2, MODALITIES

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Sizes:
    """What a model is built for: sizes of the inputs (0 where there is none) and the classes it learns."""

    video: int
    text: int
    pose: int
    classes: tuple[str, ...]
    gyro_scale_rad_s: float

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that there is an encoder for."""
        return tuple(name for name in MODALITIES if name == "imu" or getattr(self, name))


class Mujo(nn.Module):  # type: ignore[misc]
    """The model.

    A batch holds, for n windows: ``imu`` (n, p, 6, t) in m/s² and rad/s, ``imu_there`` (n, p, 2), ``place`` (n, p);
    ``pose`` (n, s, 3k); ``video`` (n, d); ``text`` (n, e); for each of the last three ``NAME_there`` (n,); ``label`` (n,),
    -1 without; ``text_id`` (n,), the same where the text is. A modality may be left out of a batch.

    >>> model = Mujo(MujoConfig(), Sizes(0, 0, 0, ("squat",), 3.0))
    >>> model.embed({"imu": torch.zeros(2, 1, 6, 50), "imu_there": torch.ones(2, 1, 2, dtype=torch.bool),
    ...              "place": torch.zeros(2, 1, dtype=torch.long)})[0]["imu"].shape
    torch.Size([2, 64])
    """

    def __init__(self, config: MujoConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        width = config.model.width
        names = sizes.modalities
        self.encoders = nn.ModuleDict({name: _encoder(name, sizes, config) for name in names})
        self.projections = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.model.embedding, bias=False))
                for name in names
            }
        )
        self.heads = nn.ModuleDict(
            {name: nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(sizes.classes))) for name in names}
            if sizes.classes
            else {}
        )
        self.log_scale = nn.Parameter(torch.tensor(log_scale(config.loss.temperature)))
        pairs = [f"contrastive/{a}-{b}" for at, a in enumerate(names) for b in names[at + 1 :]]
        self.weighting = Weighting(
            config.loss.weighting,
            config.loss.contrastive,
            config.loss.classification,
            (*pairs, *(f"classification/{name}" for name in names)),
        )

    @property
    def scale(self) -> Tensor:
        """1 / temperature."""
        return self.log_scale.exp().clamp(max=MOST_SCALE)

    def features(self, batch: Mapping[str, Tensor], only: Iterable[str] | None = None) -> tuple[Batch, Batch]:
        """(n, width) features by modality, and (n,) True where a window has the modality (features are 0 elsewhere).

        `only` : modalities to look at; all that the batch holds by default.
        """
        asked = set(self.encoders if only is None else only)
        found: Batch = {}
        there: Batch = {}
        for name, encoder in self.encoders.items():
            if name not in asked or batch.get(name) is None:
                continue
            if name == "imu":
                has = batch["imu_there"].flatten(1).any(1)
                scale = torch.tensor([1 / GRAVITY_M_S2] * 3 + [1 / self.sizes.gyro_scale_rad_s] * 3, device=has.device)
                values = encoder(batch["imu"].float() * scale[:, None], batch["imu_there"], batch["place"])
            else:
                has = batch[f"{name}_there"]
                values = encoder(batch[name].float())
            found[name], there[name] = values * has[:, None], has
        return found, there

    def embed(self, batch: Mapping[str, Tensor], only: Iterable[str] | None = None) -> tuple[Batch, Batch]:
        """(n, embedding) of unit length by modality, and (n,) True where a window has the modality."""
        found, there = self.features(batch, only)
        return {name: functional.normalize(self.projections[name](each), dim=1) for name, each in found.items()}, there

    def fused(self, batch: Mapping[str, Tensor], only: Iterable[str] | None = None) -> Tensor:
        """(n, width) the mean of the features of the modalities that each window has; 0 where it has none."""
        found, there = self.features(batch, only)
        total = torch.stack(list(found.values())).sum(0)
        count = torch.stack(list(there.values())).sum(0).clamp(min=1)
        result: Tensor = total / count[:, None]
        return result

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Batch]:
        """Single losses: ``contrastive`` by pair and ``classification`` by modality; see `losses`."""
        found, there = self.features(batch)
        embeddings = {name: functional.normalize(self.projections[name](each), dim=1) for name, each in found.items()}
        same = None
        if "text_id" in batch and self.config.loss.same_text != "negative":
            same = batch["text_id"][:, None] == batch["text_id"][None]
            if self.config.loss.same_text == "class":
                label = batch["label"]
                same = same | ((label[:, None] == label[None]) & (label >= 0)[:, None])
        result = {"contrastive": pairwise(embeddings, there, self.scale, same)}
        if len(self.heads) and self.config.loss.classification > 0:
            logits = {name: self.heads[name](each) for name, each in found.items()}
            result["classification"] = classification(logits, there, batch["label"])
        return result

    def parameter_count(self) -> int:
        """Numbers that are learned."""
        return sum(each.numel() for each in self.parameters())

    def described(self) -> dict[str, Any]:
        """What is needed to build the same model again, JSON-ready."""
        return {
            "config": self.config.model_dump(mode="json"),
            "sizes": {**self.sizes.__dict__, "classes": list(self.sizes.classes)},
        }


def _encoder(name: str, sizes: Sizes, config: MujoConfig) -> nn.Module:
    if name == "imu":
        return ImuEncoder(config.model)
    if name == "pose":
        return PoseEncoder(sizes.pose, config.model)
    return VectorEncoder(getattr(sizes, name), config.model)
