"""The card of a model: what it was trained on, how, and what it is not for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fimad import __version__
from fimad.mujo.model import Mujo
from fimad.mujo.windows import WindowSet


def write_card(
    path: Path, model: Mujo, windows: WindowSet, log: list[dict[str, Any]], source: str, train_windows: int
) -> None:
    """Write the card; `source` says what the windows are of."""
    last = log[-1]
    config = model.config
    minutes = train_windows * config.windows.stride_s / 60
    rows = {
        "made with": f"fimad {__version__}, after MuJo (arXiv 2406.03857)",
        "trained on": " ".join(source.split()) or "windows given as arrays",
        "windows": f"{train_windows} of {config.windows.length_s:g} s at {windows.rate_hz:g} Hz (about {minutes:.0f} min)",
        "groups": f"{len(np.unique(windows.group))} persons, channels or videos, training and validation together",
        "modalities": ", ".join(model.sizes.modalities),
        "placements": ", ".join(windows.placements),
        "classes": f"{len(windows.classes)}: {', '.join(windows.classes[:40])}"
        + (" and more" if len(windows.classes) > 40 else ""),
        "parameters": f"{model.parameter_count():,}",
        "loss": f"{config.loss.contrastive:g} · pairwise contrastive + {config.loss.classification:g} · classification, "
        f"weights {config.loss.weighting}",
        "seed": str(config.train.seed),
        "epochs": f"{last['epoch']} of {config.train.epochs}",
    }
    for name in ("train loss", "val loss"):
        if name in last:
            rows[name] = f"{last[name]:.4f}"
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows.items())
    path.write_text(
        f"# Model card\n\n| | |\n|---|---|\n{table}\n\n"
        "**For**: a start for recognising activities from worn sensors where few labels are to be had, and for search "
        "between modalities.\n"
        "**Not for**: telling people apart, health or safety decisions, or anything that was not tested on the people and "
        "sensors that it is meant for. What was recorded on few bodies is known of few bodies. Virtual sensors are not real "
        "ones: test on real ones, on persons that are in no training data.\n\n"
        "Weights are numbers in safetensors files; `config.toml` holds every choice, `log.csv` every epoch.\n",
        encoding="utf-8",
    )


def _cell(text: str) -> str:
    """Text from outside as one cell of a table."""
    return "".join(each if each.isprintable() else " " for each in text).replace("|", "\\|").replace("<", "&lt;")
