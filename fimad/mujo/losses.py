"""What pretraining minimises: contrastive losses between modalities, classification, and how single losses are weighted."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

#: A learned temperature stays above 1/100, as in CLIP: smaller ones make training unstable.
MOST_SCALE = 100.0


def contrastive(a: Tensor, b: Tensor, scale: Tensor | float, positives: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE of two modalities of the same windows.

    The mean of both directions of the cross-entropy of ``softmax(scale · a bᵀ)``; where a row has several positives, the
    mean over them, as in supervised contrastive learning (Khosla et al. 2020, L_out).

    Parameters
    ----------
    a, b : (n, d) of unit length; row i of both is one window.
    scale : 1 / temperature.
    positives : (n, n) symmetric, True where two windows mean the same; its diagonal is True. By default the diagonal.

    Returns
    -------
    A scalar; 0 for fewer than two windows, which hold no negative.
    """
    if len(a) < 2:
        return (a.sum() + b.sum()) * 0.0
    logits = scale * a @ b.T
    if positives is None:
        target = torch.arange(len(a), device=a.device)
        return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
    share = positives.to(logits.dtype)
    share = share / share.sum(1, keepdim=True)
    return (functional.cross_entropy(logits, share) + functional.cross_entropy(logits.T, share)) / 2


def pairwise(
    embeddings: Mapping[str, Tensor],
    there: Mapping[str, Tensor],
    scale: Tensor | float,
    same_text: Tensor | None = None,
) -> dict[str, Tensor]:
    """The contrastive loss of every pair of modalities, over the windows that have both.

    Parameters
    ----------
    embeddings : (n, d) of unit length, by modality.
    there : (n,) True where a window has the modality.
    same_text : (n, n) True where two windows have the same text; they are each other's positives in pairs with text.

    Returns
    -------
    Losses by ``a-b``; pairs that fewer than two windows have are left out.
    """
    names = list(embeddings)
    found = {}
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            both = torch.nonzero(there[first] & there[second]).flatten()
            if len(both) < 2:
                continue
            with_text = same_text is not None and "text" in (first, second)
            positives = same_text[both][:, both] if with_text and same_text is not None else None
            found[f"{first}-{second}"] = contrastive(
                embeddings[first][both], embeddings[second][both], scale, positives
            )
    return found


def classification(logits: Mapping[str, Tensor], there: Mapping[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
    """Cross-entropy of every modality's head over the windows that have the modality and a label (-1 is none)."""
    found = {}
    for name, values in logits.items():
        known = torch.nonzero(there[name] & (labels >= 0)).flatten()
        if len(known):
            found[name] = functional.cross_entropy(values[known], labels[known])
    return found


class Weighting(nn.Module):  # type: ignore[misc]
    """From single losses to one.

    "fixed": the means of both kinds, each times its weight. "uncertainty": L·exp(−s) + s with a learned s for each loss
    (Kendall et al. 2018; the paper's ½ is left out, so that all s = 0 is the sum). "random": weights of a softmax over
    normal draws, anew for each step (Lin et al. 2022), times the number of losses. The kinds' weights count in all three.
    """

    def __init__(
        self, strategy: str, contrastive_weight: float, classification_weight: float, tasks: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.strategy = strategy
        self.kinds = {"contrastive": contrastive_weight, "classification": classification_weight}
        self.tasks = tasks
        if strategy == "uncertainty":
            self.log_variance = nn.Parameter(torch.zeros(len(tasks)))

    def forward(self, losses: Mapping[str, Mapping[str, Tensor]], generator: torch.Generator | None = None) -> Tensor:
        """One scalar from losses by kind and task."""
        named = [
            (f"{kind}/{task}", self.kinds[kind] / len(of_kind), loss)
            for kind, of_kind in losses.items()
            if self.kinds[kind] > 0
            for task, loss in of_kind.items()
        ]
        if not named:
            return torch.zeros((), requires_grad=True)
        values = torch.stack([loss for _, _, loss in named])
        weights = torch.tensor([weight for _, weight, _ in named], dtype=values.dtype, device=values.device)
        if self.strategy == "uncertainty":
            at = torch.tensor([self.tasks.index(name) for name, _, _ in named], device=values.device)
            spread = self.log_variance[at]
            return (weights * (values * torch.exp(-spread) + spread)).sum()
        if self.strategy == "random":
            drawn = torch.randn(len(named), generator=generator).to(values.device)
            weights = weights * torch.softmax(drawn, 0).to(values.dtype) * len(named)
        return (weights * values).sum()


def log_scale(temperature: float) -> float:
    """The logarithm of 1 / temperature, as it is learned."""
    return math.log(1 / temperature)
