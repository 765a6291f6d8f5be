"""Where windows lie in the joint space; what can be asked of it without training: zero-shot classes, retrieval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from fimad.errors import ConfigError
from fimad.mujo.batches import in_order, on
from fimad.mujo.model import Mujo
from fimad.mujo.scores import chance_at, recall_at
from fimad.mujo.windows import WindowSet

Embeddings = dict[str, NDArray[np.float32]]


def embed(
    model: Mujo, windows: WindowSet, only: Iterable[str] | None = None
) -> tuple[Embeddings, dict[str, NDArray[np.bool_]]]:
    """(n, embedding) of unit length by modality, and (n,) True where a window has it; rows are 0 where it has not.

    >>> vectors, there = embed(model, windows)  # doctest: +SKIP
    """
    chosen = None if only is None else tuple(only)
    vectors: dict[str, list[Any]] = {}
    there: dict[str, list[Any]] = {}
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        for batch in in_order(windows):
            found, has = model.embed(on(batch, device), chosen)
            for name, values in found.items():
                vectors.setdefault(name, []).append((values * has[name][:, None]).cpu().numpy())
                there.setdefault(name, []).append(has[name].cpu().numpy())
    return (
        {name: np.concatenate(parts) for name, parts in vectors.items()},
        {name: np.concatenate(parts) for name, parts in there.items()},
    )


def text_vectors(windows: WindowSet) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Classes that have a text, and the mean (c, e) of their texts' embeddings."""
    names, rows = [], []
    for number, name in enumerate(windows.classes):
        chosen = np.flatnonzero(windows.label == number)
        if windows.text is None or windows.text_there is None:
            break
        chosen = chosen[windows.text_there[chosen]]
        if len(chosen):
            names.append(name)
            rows.append(np.asarray(windows.text[chosen], np.float32).mean(0))
    return tuple(names), np.stack(rows) if rows else np.zeros((0, windows.size("text")), np.float32)


def zero_shot(
    model: Mujo, windows: WindowSet, texts: NDArray[np.floating[Any]], only: Iterable[str] = ("imu",)
) -> NDArray[np.int64]:
    """(n,) the nearest of (c, e) texts of each window, by the mean of its modalities' embeddings; nothing is trained."""
    if "text" not in model.encoders or texts.shape[1] != model.sizes.text:
        raise ConfigError(
            f"The model takes texts of {model.sizes.text} numbers, not {texts.shape[1]}.",
            "It was pretrained without text, or with another sentence model.",
            "Embed the classes' names with the model that the dataset's texts were embedded with.",
        )
    device = next(model.parameters()).device
    vectors, _ = embed(model, windows, only)
    with torch.no_grad():
        batch = {
            "text": torch.from_numpy(np.asarray(texts, np.float32)),
            "text_there": torch.ones(len(texts), dtype=torch.bool),
        }
        known = model.embed(on(batch, device))[0]["text"].cpu()
    total = torch.from_numpy(np.stack(list(vectors.values())).sum(0))
    return np.asarray((functional.normalize(total, dim=1) @ known.T).argmax(1).numpy(), np.int64)


def classify(
    model: Mujo, windows: WindowSet, only: Iterable[str] | None = None, among: Iterable[str] | None = None
) -> NDArray[np.int64]:
    """(n,) classes of `model.sizes.classes` by the heads that pretraining left: the largest mean of the log-probabilities of the modalities
    that a window has, so that any of them may be missing.

    Parameters
    ----------
    only : modalities to look at; all by default.
    among : names of classes that may be guessed; all by default.

    Raises
    ------
    ConfigError : the model learned no classes, or none of those in `among`.
    """
    names = set(model.sizes.classes if among is None else among)
    allowed = torch.tensor([name in names for name in model.sizes.classes])
    if not len(model.heads) or not allowed.any():
        raise ConfigError(
            "The model has no head for any of the classes.",
            "It was pretrained without labels, or with those of another set.",
            "Fine-tune it: fimad mujo finetune",
        )
    chosen = None if only is None else tuple(only)
    device = next(model.parameters()).device
    model.eval()
    guesses = []
    with torch.no_grad():
        for batch in in_order(windows):
            features, there = model.features(on(batch, device), chosen)
            total = torch.zeros(len(batch["label"]), len(allowed), device=device)
            for name, values in features.items():
                logits = model.heads[name](values).masked_fill(~allowed.to(device), -torch.inf)
                total += torch.where(there[name][:, None], functional.log_softmax(logits, 1), 0.0)
            # Where nothing was there, all are alike: the first that is allowed.
            guesses.append(total.masked_fill(~allowed.to(device), -torch.inf).argmax(1).cpu().numpy())
    return np.concatenate(guesses).astype(np.int64) if guesses else np.zeros(0, np.int64)


def retrieval(
    model: Mujo, windows: WindowSet, *, most: int = 1000, seed: int = 0, ranks: tuple[int, ...] = (1, 5, 10)
) -> dict[str, dict[str, Any]]:
    """Recall of retrieval between every two modalities, both ways, among at most `most` windows that are drawn.

    Between two modalities without text only the window itself is right; a text finds any window that has it, and in what is
    searched each text occurs once: copies of a wrong one would fill the first places. `chance` is the recall of an order by chance.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(windows))[:most])
    chosen = windows.take(rows)
    vectors, there = embed(model, chosen)
    texts = None if chosen.text is None else np.unique(np.asarray(chosen.text), axis=0, return_inverse=True)[1].ravel()
    found = {}
    for a in vectors:
        for b in vectors:
            both = np.flatnonzero(there[a] & there[b]) if a != b else np.zeros(0, int)
            if len(both) < 2:
                continue
            queries = gallery = both
            same = np.eye(len(both), dtype=bool)
            if texts is not None and "text" in (a, b):
                once = both[np.unique(texts[both], return_index=True)[1]]
                queries, gallery = once if a == "text" else both, once if b == "text" else both
                same = texts[queries][:, None] == texts[gallery][None]
            recall = recall_at(vectors[a][queries], vectors[b][gallery], same, ranks)
            found[f"{a} to {b}"] = {"windows": len(both), "recall": recall, "chance": chance_at(same, ranks)}
    return found
