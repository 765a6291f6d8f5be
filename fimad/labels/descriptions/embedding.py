"""Labels and descriptions as vectors, and the exercise that a phrase is nearest to in meaning.

For phrasings that share no word with any name ("sit back as if on a chair"). It is a guess: `python -m benchmarks.language --embed`
says how good a one, and only titles of which words make nothing are labelled by it, where a model is configured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.errors import ConfigError
from fimad.labels.descriptions.describing import describe
from fimad.labels.taxonomy import load_taxonomy
from fimad.labels.titles import TitleLabel

#: What is embedded of an exercise beside its names.
TEMPLATE = "names-and-description-1"
#: What is embedded of a label.
LABEL_TEMPLATE = "label-1"
Encode = Callable[[Sequence[str]], NDArray[np.float32]]
# A title of one short word is near to everything.
_FEWEST_LETTERS = 6
# Of phrasings that are nearer than 0.7 so many are right: `benchmarks.language --embed`.
_MEASURED = 0.3
_KEPT = 4096


class NotEmbedded(Exception):
    """A text has no vector, and why: the budget, or how the endpoint failed."""


class NearestExercise:
    """Names and descriptions of all exercises, embedded once.

    Parameters
    ----------
    encode : texts to vectors (n, d) of unit length: `SentenceTransformer(...).encode` with ``normalize_embeddings=True``, CLIP's text
        tower, or an endpoint.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        texts: list[str] = []
        self._ids: list[str] = []
        for each in load_taxonomy()[1].values():
            for text in (each.id.replace("_", " "), *each.names["en"], describe([each.id]) or ""):
                texts.append(text)
                self._ids.append(each.id)
        self._texts = texts
        self._vectors: NDArray[np.float32] | None = None

    def nearest(self, phrases: Sequence[str], count: int = 1) -> list[list[tuple[str, float]]]:
        """The nearest exercises of each phrase with their cosine similarity, the best first."""
        if self._vectors is None:
            self._vectors = self._encode(self._texts)
        found = []
        for row in self._encode(phrases) @ self._vectors.T:
            best: dict[str, float] = {}
            for at in np.argsort(-row):
                best.setdefault(self._ids[at], float(row[at]))
                if len(best) == count:
                    break
            found.append(list(best.items()))
        return found


def matched(label: TitleLabel, title: str | None, nearest: NearestExercise, least: float) -> TitleLabel:
    """The label; where words named nothing, with the exercise that the title is nearest to, if it is near enough.

    Parameters
    ----------
    least : cosine similarity.
    """
    unnamed = label.kind == "other" or (label.kind == "exercise" and not label.exercises)
    if not unnamed or not title or sum(char.isalpha() for char in title) < _FEWEST_LETTERS:
        return label
    try:
        ((exercise, similarity),) = nearest.nearest([title])[0]
    except NotEmbedded as error:
        return label._replace(evidence=(*label.evidence, f"not embedded: {error}"))
    if similarity < least:
        return label
    return label._replace(
        kind="exercise",
        exercises=(exercise,),
        method="embedding",
        confidence=round(_MEASURED * min(1.0, similarity), 3),
        evidence=(*label.evidence, f"nearest in meaning: {exercise} ({similarity:.2f})"),
    )


class TextEncoder:
    """Texts as vectors of unit length, each by itself, so that what else there is does not change its last bits.

    Parameters
    ----------
    name : of the model, with the beginning of its hash.
    encode : texts to vectors.
    """

    def __init__(self, name: str, encode: Encode) -> None:
        self.name = name
        self.encode = encode
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, text: str) -> NDArray[np.float32]:
        """(d,) of one text; exercises come again and again."""
        if text not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[text] = np.asarray(self.encode([text])[0], np.float32)
        return self._known[text]

    def columns(self, label: TitleLabel, description: str | None) -> dict[str, Any]:
        """The columns of a clip's embeddings."""
        try:
            return {
                "label_embedding": self(label_text(label)),
                "description_text_embedding": self(description) if description else None,
                "label_embedding_source": f"{self.name} {LABEL_TEMPLATE}",
            }
        except NotEmbedded as error:
            return {
                "label_embedding": None,
                "description_text_embedding": None,
                "label_embedding_source": f"none: {error} ({self.name})",
            }


def label_text(label: TitleLabel) -> str:
    """What is embedded of a label: its exercises as words, else its kind.

    >>> from fimad.labels import label_title
    >>> label_text(label_title("Squats + push-ups")), label_text(label_title("REST 20s"))
    ('squat, push up', 'rest')
    """
    names = [each.replace("_", " ") for each in label.exercises]
    return ", ".join(names) or label.kind


def sentence_encoder(folder: Path) -> TextEncoder:
    """A model of sentence-transformers from its folder; nothing is fetched, and no code of it runs."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(folder),
        device="cpu",
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )
    name = f"{folder.name}@{sha256_of_folder(folder)[:12]}"
    return TextEncoder(
        name,
        lambda texts: np.asarray(
            model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False), np.float32
        ),
    )


def sha256_of_folder(folder: Path) -> str:
    """One hash over the names and bytes of a model's files. Raises `ConfigError` where it is none."""
    if not (folder / "modules.json").is_file():
        raise ConfigError(
            f"{str(folder)!r} is no model of sentence-transformers.",
            "It has no modules.json: the path is wrong, or the model was not unpacked.",
            "Set `label.embedding_model` to the folder of a model, such as all-MiniLM-L6-v2.",
        )
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix in (".json", ".safetensors", ".txt")
    )
    return _hash(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=8)
def _hash(files: tuple[tuple[Path, int, int], ...]) -> str:
    found = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as file:
            found.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return found.hexdigest()
