"""The joint space on real sensors of persons that it never saw: `python -m benchmarks.transfer_space --windows FOLDER --models FOLDER --data FOLDER --json FILE`.

Held-out windows are UTD-MHAD's: the real sensor (right wrist, or right thigh for six actions), the pose of a Kinect, a text in a phrasing that was not learned,
and as video a stand-in (see recipes/virtual_motion.py). Each person is shown to the model that saw no motion of them (`benchmarks.transfer_models`).

- `subsets`: macro F1 for each of the 15 sets of modalities, by the heads that pretraining left (`fimad.mujo.embedding.classify`).
- `zero_shot`: the nearest of the classes' texts. On other sets the classes are those whose exercise was learned, too; coverage is their share of the windows.
- `retrieval`: recall among a person's windows. With text, each window of the same action is right, else only the window itself.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.transfer_models import WITHOUT
from benchmarks.transfer_real import SETS, windows_of
from fimad.har import load
from fimad.labels import load_mapping
from fimad.labels.descriptions.embedding import sentence_encoder
from fimad.mujo import Mujo, WindowSet, load_model
from fimad.mujo.embedding import classify, retrieval, text_vectors, zero_shot
from fimad.mujo.scores import by_person, macro_f1, over_persons, subsets

PAIRS = [f"{a} to {b}" for a in ("video", "text", "pose", "imu") for b in ("video", "text", "pose", "imu") if a != b]


def per_person(models: dict[str, Mujo], windows: WindowSet) -> dict[str, Any]:
    """Scores of each held-out person: subsets, zero-shot, retrieval."""
    found: dict[str, Any] = {"subsets": {}, "zero_shot": {}, "retrieval": {}}
    for name, persons in WITHOUT.items():
        model = models[name]
        for person in persons:
            held = windows.take(np.flatnonzero(windows.group == person))
            number = {each: at for at, each in enumerate(held.classes)}
            for chosen in subsets():
                guess = [number[model.sizes.classes[at]] for at in classify(model, held, chosen, held.classes)]
                score = macro_f1(held.label, np.array(guess))
                found["subsets"].setdefault("+".join(chosen), {})[person] = score
            _, texts = text_vectors(held)
            for chosen in ("imu", "pose", "video"):
                score = macro_f1(held.label, zero_shot(model, held, texts, [chosen]))
                found["zero_shot"].setdefault(chosen, {})[person] = score
            for pair, each in retrieval(model, held).items():
                found["retrieval"].setdefault(pair, {})[person] = {
                    kind: {str(rank): value for rank, value in each[kind].items()} for kind in ("recall", "chance")
                }
    return found


def other_sets(model: Mujo, data: Path, text_model: Path) -> dict[str, Any]:
    """Zero-shot on real sets of other people, over the exercises that the model learned, too."""
    utd = load_mapping("utd-mhad")
    learned = {utd.classes.get(name) or name for name in model.sizes.classes}
    encode = sentence_encoder(text_model)
    found: dict[str, Any] = {}
    for name, real in SETS.items():
        if real.name == "utd-mhad":
            continue
        source = load(real.name, data / real.file)
        windows, _ = windows_of(name, data)
        exercises = [source.exercise_of(each) for each in windows.classes]
        shared = sorted({each for each in exercises if each in learned})
        number = np.array([shared.index(each) if each in shared else -1 for each in exercises])[windows.label]
        row: dict[str, Any] = {
            "exercises": shared, "classes": sum(each in shared for each in exercises), "of": len(exercises),
            "coverage": float((number >= 0).mean()),
        }  # fmt: skip
        if len(shared) > 1:
            texts = np.stack([encode(each.replace("_", " ")) for each in shared])
            rows = np.flatnonzero(number >= 0)
            guess = zero_shot(model, windows.take(rows), texts)
            row["macro_f1"] = by_person(number[rows], guess, windows.group[rows])
            row["chance"] = 1 / len(shared)
        found[name] = row
    return found


def tables(report: dict[str, Any]) -> str:
    """Markdown."""
    persons = len(next(iter(report["subsets"].values())))
    lines = [
        f"**Every set of modalities**: 27 actions, {persons} persons", "",
        "| at test time | macro F1 (95 % over persons) | worst person |", "|---|---|---|",
    ]  # fmt: skip
    for name, of in report["subsets"].items():
        mean, low, high, _ = over_persons(of)
        lines.append(f"| {name.replace('+', ' + ')} | {mean:.3f} ({low:.3f} to {high:.3f}) | {min(of.values()):.3f} |")
    lines += [
        "", "**Zero-shot by text**: the nearest of the classes' texts, nothing trained with a label of these sensors or phrasings", "",
        "| what is shown | set | exercises on both sides | coverage | macro F1 (95 % over persons) | worst person | chance |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, of in report["zero_shot"].items():
        mean, low, high, _ = over_persons(of)
        shown = "imu (real)" if name == "imu" else name
        lines.append(
            f"| {shown} | utd-mhad | 27 of 27 classes | 100 % | {mean:.3f} ({low:.3f} to {high:.3f}) | {min(of.values()):.3f} | {1 / 27:.3f} |"
        )
    for name, row in report["other_sets"].items():
        shared = f"{', '.join(row['exercises']) or 'none'} ({row['classes']} of {row['of']} classes)"
        score = "not possible: fewer than two | | "
        if "macro_f1" in row:
            mean, low, high, _ = over_persons(row["macro_f1"])
            score = f"{mean:.3f} ({low:.3f} to {high:.3f}) | {min(row['macro_f1'].values()):.3f} | {row['chance']:.3f}"
        lines.append(f"| imu (real) | {name} | {shared} | {100 * row['coverage']:.0f} % | {score} |")
    lines += [
        "", f"**Retrieval** among a person's windows, means of {persons} persons (worst person; by chance)", "",
        "| query to what is found | recall@1 | recall@5 | recall@10 |", "|---|---|---|---|",
    ]  # fmt: skip
    for pair, of in sorted(report["retrieval"].items(), key=lambda each: PAIRS.index(each[0])):
        cells = []
        for rank in ("1", "5", "10"):
            recall, chance = ([each[kind][rank] for each in of.values()] for kind in ("recall", "chance"))
            cells.append(f"{np.mean(recall):.3f} ({min(recall):.3f}; {np.mean(chance):.3f})")
        lines.append(f"| {pair} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=Path, required=True, help="with `real`, made by recipes/virtual_motion.py")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with har/")
    parser.add_argument("--text", type=Path, required=True, help="folder of the sentence-transformers model")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    models = {name: load_model(args.models / name)[0] for name in WITHOUT}
    report = per_person(models, WindowSet.load(args.windows / "real"))
    args.json.write_text(json.dumps(report, indent=1, sort_keys=False) + "\n")
    report["other_sets"] = other_sets(models["without_5"], args.data, args.text)
    args.json.write_text(json.dumps(report, indent=1, sort_keys=False) + "\n")
    print(tables(report))


if __name__ == "__main__":
    main()
