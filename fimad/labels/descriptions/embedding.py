"""The exercise that a phrase is nearest to in meaning, by sentence embeddings of all English names.

For phrasings that share no word with any name ("sit back as if on a chair"). It is a guess: `python -m benchmarks.language --embed`
says how good a one, and nothing labels by it unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fimad.labels.descriptions.describing import describe
from fimad.labels.taxonomy import load_taxonomy

#: What is embedded of an exercise beside its names.
TEMPLATE = "names-and-description-1"
Encode = Callable[[Sequence[str]], NDArray[np.float32]]


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
        self._vectors = encode(texts)

    def nearest(self, phrases: Sequence[str], count: int = 1) -> list[list[tuple[str, float]]]:
        """The nearest exercises of each phrase with their cosine similarity, the best first."""
        found = []
        for row in self._encode(phrases) @ self._vectors.T:
            best: dict[str, float] = {}
            for at in np.argsort(-row):
                best.setdefault(self._ids[at], float(row[at]))
                if len(best) == count:
                    break
            found.append(list(best.items()))
        return found
