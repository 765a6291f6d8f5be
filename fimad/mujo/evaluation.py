"""What a trained file is worth on some windows, as one report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import ConfigError
from fimad.mujo.checkpoint import load_model
from fimad.mujo.config import WindowsConfig
from fimad.mujo.embedding import retrieval, text_vectors, zero_shot
from fimad.mujo.finetuning import Classifier
from fimad.mujo.scores import by_person, macro_f1, over_persons, subsets
from fimad.mujo.windows import MODALITIES, WindowSet

Report = dict[str, dict[str, Any]]


def evaluate(path: str | Path, windows_of: Callable[[WindowsConfig], WindowSet]) -> Report:
    """Report on a classifier (`subset_scores`) or a pretrained model (`space_scores`).

    `windows_of` gives windows for the model's options. Raises `ConfigError` where a classifier's classes are not the windows'.
    """
    path = Path(path)
    if (path / "classifier.safetensors" if path.is_dir() else path).name == "classifier.safetensors" and (
        not path.is_dir() or (path / "classifier.safetensors").is_file()
    ):
        classifier = Classifier.load(path)
        return subset_scores(classifier, windows_of(classifier.model.config.windows))
    model, _ = load_model(path)
    windows = windows_of(model.config.windows)
    return space_scores(model, windows)


def subset_scores(classifier: Classifier, windows: WindowSet) -> Report:
    """Macro F1 over persons for every set of modalities that both sides have: 15 of four, 1 of the IMU alone."""
    if windows.classes != classifier.classes:
        raise ConfigError(
            f"The classifier knows {len(classifier.classes)} classes, the windows {len(windows.classes)} others.",
            "It was trained on another set.",
            "Give windows with the same classes, in the same order.",
        )
    both = tuple(name for name in MODALITIES if name in classifier.model.encoders and name in windows.modalities)
    found: Report = {}
    for chosen in subsets(both):
        score = over_persons(by_person(windows.label, classifier.predict(windows, chosen), windows.group))
        found["+".join(chosen)] = {
            "macro F1": score.mean,
            "low": score.low,
            "high": score.high,
            "persons": score.persons,
        }
    return found


def space_scores(model: Any, windows: WindowSet) -> Report:
    """Retrieval between every two modalities, and zero-shot by text over the classes that have one, with coverage."""
    found: Report = {}
    for name, each in retrieval(model, windows).items():
        found[f"retrieval {name}"] = {
            **{f"recall at {rank}": value for rank, value in each["recall"].items()},
            **{f"chance at {rank}": value for rank, value in each["chance"].items()},
            "windows": each["windows"],
        }
    names, texts = text_vectors(windows)
    if len(names) > 1 and "text" in model.encoders:
        number = np.array([names.index(name) if name in names else -1 for name in windows.classes])
        truth = np.where(windows.label >= 0, number[windows.label], -1)
        for chosen in ("imu", "pose", "video"):
            if chosen in model.encoders and chosen in windows.modalities:
                found[f"zero-shot {chosen}"] = {
                    "macro F1": macro_f1(truth, zero_shot(model, windows, texts, [chosen])),
                    "chance": 1 / len(names),
                    "classes": f"{len(names)} of {len(windows.classes)}",
                    "coverage": float((truth >= 0).mean()),
                }
    return found
