"""What a run tells of itself: its log as a table, curves as a picture where matplotlib is installed, and the model's card."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from fimad import __version__
from fimad.libraries import missing
from fimad.mujo.model import Mujo
from fimad.mujo.windows import WindowSet


def write_log(path: Path, rows: list[dict[str, Any]]) -> None:
    """One line an epoch; columns of all lines, so that a loss that came later has one."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    unfinished.replace(path)


def read_log(path: Path) -> list[dict[str, Any]]:
    """What `write_log` wrote; nothing where there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: int(value) if name in ("epoch", "step") else float(value) for name, value in row.items() if value}
            for row in csv.DictReader(file)
        ]


def write_curves(path: Path, rows: list[dict[str, Any]]) -> None:
    """Losses over epochs, of training and of what is validated with."""
    if missing(["matplotlib"]) or not rows:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in rows[-1] if name.startswith(("train ", "val "))]
    kinds = ("loss", "contrastive/", "classification/")
    figure = Figure(figsize=(12, 3.6))
    FigureCanvasAgg(figure)
    for axes, kind in zip(figure.subplots(1, len(kinds)), kinds, strict=True):
        for name in names:
            part, _, what = name.partition(" ")
            if what.startswith(kind):
                line = "--" if part == "val" else "-"
                axes.plot([row["epoch"] for row in rows], [row.get(name) for row in rows], line, label=name)
        axes.set_xlabel("epoch")
        axes.set_title(kind.strip("/"))
        if axes.lines:
            axes.legend(fontsize=6)
    figure.subplots_adjust(left=0.05, right=0.99, wspace=0.15, bottom=0.13)
    figure.savefig(path, dpi=110)


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
