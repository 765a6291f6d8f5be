"""The log of a run as a table, and its curves as a picture where matplotlib is installed."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from fimad.libraries import missing


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
