"""How to pretrain, chosen on persons who are never tested: `python -m benchmarks.transfer_choice --data FOLDER --windows FOLDER --models FOLDER --json FILE`.

Each candidate is pretrained as "without_5" of `benchmarks.transfer_models` is, and fine-tuned on 2 % of the labels of some selecting persons of
`benchmarks.transfer_real`, to be scored on the other ones: person 7 and 8 of DSADS in turn, and half of MotionSense's four. The candidate with the highest mean over the
three places is taken for everything else. PTE and UTD-MHAD have no persons who are not tested, and had no say.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.transfer_models import config_of, windows_of
from benchmarks.transfer_real import MOST_TESTED, options, some
from benchmarks.transfer_real import windows_of as real_windows_of
from fimad.mujo import finetune, load_model, pretrain
from fimad.mujo.finetuning import draw_labels
from fimad.mujo.scores import macro_f1

_SMALL = ("model.imu_channels=[16, 32, 64]", "model.pose_channels=32")
_LONG = "train.epochs={epochs}"
#: "wide" has the default sizes, "small" half of them; turned by any angle where none is named.
CANDIDATES: dict[str, tuple[str, ...]] = {
    "small, 14 epochs": (*_SMALL, "train.epochs=14", "augment.rotation_deg=180"),
    "small": (*_SMALL, _LONG, "augment.rotation_deg=180"),
    "small, turned by 60°": (*_SMALL, _LONG, "augment.rotation_deg=60"),
    "small, turned by 20°": (*_SMALL, _LONG, "augment.rotation_deg=20"),
    "wide": (_LONG, "augment.rotation_deg=180"),
    "wide, turned by 60°": (_LONG, "augment.rotation_deg=60"),
    "wide, turned by 20°": (_LONG, "augment.rotation_deg=20"),
    "wide, turned by 60°, contrastive alone": (_LONG, "augment.rotation_deg=60", "loss.classification=0"),
}
#: Set, who is learned from, who is scored.
SPLITS = [
    *(("dsads, right wrist", (a,), (b,)) for a, b in (("7", "8"), ("8", "7"))),
    *(("dsads, right knee", (a,), (b,)) for a, b in (("7", "8"), ("8", "7"))),
    *(("motionsense, right thigh", a, b) for a, b in ((("3", "8"), ("12", "20")), (("12", "20"), ("3", "8")))),
]
SHARE, STEPS = 0.02, (120, 400)


def settings_of(name: str, epochs: int) -> tuple[str, ...]:
    """Options of a candidate."""
    return tuple(each.format(epochs=epochs) for each in CANDIDATES[name])


def folder_of(name: str) -> str:
    """A candidate's folder."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def train(name: str, epochs: int, windows: Path, models: Path, device: str) -> None:
    """Pretrain a candidate."""
    torch.set_num_threads(1)
    pretrain(
        windows_of("without_5", windows), models / folder_of(name), config_of("without_5", settings_of(name, epochs)), device=device
    )  # fmt: skip


def score(name: str, split: int, seed: int, models: Path, data: Path) -> tuple[str, str, float, float]:
    """Candidate, set, macro F1 pretrained and from scratch."""
    torch.set_num_threads(1)
    of, learned, scored = SPLITS[split]
    windows, _ = real_windows_of(of, data)
    learn = windows.take(np.isin(windows.group, learned))
    few = learn.take(draw_labels(learn.label, SHARE, seed))
    test = some(windows.take(np.isin(windows.group, scored)), MOST_TESTED)
    model = load_model(models / folder_of(name))[0]
    config = options(model.config, "trained", SHARE, STEPS)
    f1 = [
        macro_f1(test.label, finetune(few, None, config, model=start, seed=seed, device="cpu").predict(test))
        for start in (model, None)
    ]
    return name, of, f1[0], f1[1]


def tables(report: dict[str, Any]) -> str:
    """What each candidate reached."""
    places = list(report["candidates"][report["chosen"]])
    lines = [f"| pretrained ({report['epochs']} epochs where it isn't said) | mean | {' | '.join(places)} |", "|" + "---|" * (2 + len(places))]  # fmt: skip
    for name, mean in sorted(report["means"].items(), key=lambda each: -each[1]):
        cells = (f"{p:.3f} ({s:.3f})" for p, s in (report["candidates"][name][place] for place in places))
        lines.append(f"| {name}{' (**chosen**)' if name == report['chosen'] else ''} | {mean:.3f} | {' | '.join(cells)} |")  # fmt: skip
    return f"Macro F1 pretrained (from scratch); {report['seeds']} draws of labels\n\n" + "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with har/")
    parser.add_argument("--windows", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="where the candidates are put")
    parser.add_argument("--epochs", type=int, default=100, help="of those that are trained long")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    scores: dict[str, dict[str, list[tuple[float, float]]]] = {}
    with ProcessPoolExecutor(args.workers, multiprocessing.get_context("spawn")) as pool:
        for each in [pool.submit(train, name, args.epochs, args.windows, args.models, args.device) for name in CANDIDATES]:  # fmt: skip
            each.result()
        running = [
            pool.submit(score, name, split, seed, args.models, args.data)
            for name in CANDIDATES
            for split in range(len(SPLITS))
            for seed in range(args.seeds)
        ]
        for each in running:
            name, of, pretrained, scratch = each.result()
            scores.setdefault(name, {}).setdefault(of, []).append((pretrained, scratch))
    found: dict[str, Any] = {
        name: {of: np.mean(values, axis=0).tolist() for of, values in of_name.items()}
        for name, of_name in scores.items()
    }
    means = {name: float(np.mean([values[0] for values in of_name.values()])) for name, of_name in found.items()}
    chosen = max(means, key=lambda name: means[name])
    report = {
        "candidates": found, "means": means, "chosen": chosen, "settings": list(settings_of(chosen, args.epochs)),
        "epochs": args.epochs, "seeds": args.seeds, "share": SHARE,
    }  # fmt: skip
    args.json.write_text(json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    for name, mean in sorted(means.items(), key=lambda each: -each[1]):
        print(f"{name:40} {mean:.3f}  " + "  ".join(f"{of}: {p:.3f} ({s:.3f} from scratch)" for of, (p, s) in found[name].items()))  # fmt: skip


if __name__ == "__main__":
    main()
