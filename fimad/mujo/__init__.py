"""The reference model that learns from a dataset: one space for video, text, pose and inertial sensors, after MuJo.

What lives here: windows of all four modalities in one form, the model, its losses, pretraining, fine-tuning, evaluation,
and checkpoints. What doesn't: how datasets are made, or real sets read. May import `fimad.har`, `fimad.dataset`,
`fimad.simulate` and what lies below; nothing of the pipeline. PyTorch is imported when something of it is asked for.

>>> from fimad.mujo import MODALITIES
>>> MODALITIES
('video', 'text', 'pose', 'imu')
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fimad.mujo.config import MujoConfig, load_mujo_config
from fimad.mujo.windows import MODALITIES, WindowSet

if TYPE_CHECKING:
    from fimad.mujo.checkpoint import load_model, save_model
    from fimad.mujo.embedding import embed
    from fimad.mujo.finetuning import Classifier, finetune
    from fimad.mujo.model import Mujo
    from fimad.mujo.pretraining import pretrain

_LAZY = {
    "Classifier": "finetuning",
    "Mujo": "model",
    "embed": "embedding",
    "finetune": "finetuning",
    "load_model": "checkpoint",
    "pretrain": "pretraining",
    "save_model": "checkpoint",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


__all__ = [
    "MODALITIES",
    "Classifier",
    "Mujo",
    "MujoConfig",
    "WindowSet",
    "embed",
    "finetune",
    "load_model",
    "load_mujo_config",
    "pretrain",
    "save_model",
]
