"""Models for the other tables of transfer: `python -m benchmarks.transfer_models --windows FOLDER --out FOLDER`.

`--windows` holds `simulated` and `savitzky_golay`, made by recipes/virtual_motion.py. Pretrained are

- `without_12`, `without_34`, `without_5`: all but some of UTD-MHAD's persons, who can be tested with;
- beside the last, the same data without one part of the method each: `contrastive_alone`, `no_augmentation`, and `savitzky_golay`, of which the readings are another's.

A run that was interrupted goes on, and one that is finished is not repeated.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from fimad.mujo import MujoConfig, WindowSet, load_mujo_config, pretrain

#: The candidate that `benchmarks.transfer_choice` took; what isn't said is the default of `fimad mujo`.
SETTINGS = (
    "augment.rotation_deg=60",
    "augment.keep_placements=2",
    "loss.same_text=class",
    "train.batch=256",
    "train.epochs=66",
    "train.learning_rate=0.003",
    "train.val_share=0",
)
WITHOUT = {"without_12": ("utd1", "utd2"), "without_34": ("utd3", "utd4"), "without_5": ("utd5",)}
CHANGES: dict[str, tuple[str, ...]] = {
    "contrastive_alone": ("loss.classification=0",),
    "no_augmentation": (
        'augment.sensor=""',
        "augment.rotation_deg=0",
        "augment.time_scale=0",
        "augment.drop_modality=0",
        "augment.drop_gyro=0",
        "augment.forget_placement=0",
    ),
    "savitzky_golay": (),
}


def config_of(name: str, more: tuple[str, ...] = ()) -> MujoConfig:
    """The options of a model."""
    return load_mujo_config(settings=(*SETTINGS, *more, *CHANGES.get(name, ())))


def windows_of(name: str, folder: Path) -> WindowSet:
    """What a model learns from: nothing of the persons it can be tested with."""
    windows = WindowSet.load(folder / ("savitzky_golay" if name == "savitzky_golay" else "simulated"))
    out = WITHOUT.get(name, WITHOUT["without_5"])
    return windows.take(np.flatnonzero(~np.isin(windows.group, out)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", default=",".join((*WITHOUT, *CHANGES)))
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="other options")
    parser.add_argument("--device", default="cpu", help="only on a CPU a seed gives the same bits")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.models.split(","):
        windows = windows_of(name, args.windows)
        print(f"{name}: {windows}", flush=True)
        pretrain(
            windows, args.out / name, config_of(name, tuple(args.set)), device=args.device,
            source="recipes/virtual_motion.py", tell=lambda text: print(text, flush=True),
        )  # fmt: skip


if __name__ == "__main__":
    main()
