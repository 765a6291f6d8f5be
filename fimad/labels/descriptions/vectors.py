"""Embeddings by a model behind an OpenAI-compatible endpoint: kept by model and text, within the same budget as descriptions.

A text is sent once. Before each request its worst case (every byte a token) is set aside in the ledger that descriptions share;
failures are met by their kind, as there. What can't be had is an error with its reason, and the rows say it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.labels.descriptions.embedding import NotEmbedded
from fimad.labels.descriptions.endpoint import OVERHEAD_TOKENS, Endpoint, Ledger, client_of, try_once
from fimad.storage.atomic import publish_bytes

_BATCH = 64
_MOST_DIMENSIONS = 16384
_LONGEST_TEXT = 2000


class EmbeddingEndpoint:
    """Texts to vectors of unit length, each by itself, from the cache, else from the endpoint.

    Parameters
    ----------
    endpoint : `model` embeds.
    folder : of the cache and the ledger: that of the descriptions, so that one budget holds for both.
    sleep : for tests.
    """

    def __init__(self, endpoint: Endpoint, folder: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        self.endpoint = endpoint
        self.ledger = Ledger(folder / "ledger.jsonl")
        self._folder = folder
        self._sleep = sleep
        self._client = client_of(endpoint)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, d) for n texts. Raises `NotEmbedded` with the reason where one of them can't be had."""
        asked = [text[:_LONGEST_TEXT] for text in texts]
        found = {text: vector for text in dict.fromkeys(asked) if (vector := self._kept(text)) is not None}
        missing = [text for text in dict.fromkeys(asked) if text not in found]
        for at in range(0, len(missing), _BATCH):
            batch = missing[at : at + _BATCH]
            for text, vector in zip(batch, self._fetched(batch), strict=True):
                found[text] = vector
                place = self._place(text)
                place.parent.mkdir(parents=True, exist_ok=True)
                publish_bytes(vector.astype("<f4").tobytes(), place, place.parent)
        if len({len(vector) for vector in found.values()}) > 1:
            raise NotEmbedded("vectors of several lengths")
        return np.stack([found[text] for text in asked]) if asked else np.zeros((0, 0), np.float32)

    def _place(self, text: str) -> Path:
        key = hashlib.sha256(json.dumps([self.endpoint.model, "embedding-1", text]).encode()).hexdigest()
        return self._folder / "vectors" / key[:2] / f"{key}.f4"

    def _kept(self, text: str) -> NDArray[np.float32] | None:
        try:
            vector = np.frombuffer(self._place(text).read_bytes(), "<f4").astype(np.float32)
        except (OSError, ValueError):
            return None
        return vector if _is_sound(vector) else None

    def _fetched(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        endpoint, why = self.endpoint, ""
        worst = sum(len(text.encode()) for text in texts) + OVERHEAD_TOKENS
        for attempt in range(endpoint.attempts):
            name = f"embedding-{time.time_ns()}"
            wait = endpoint.backoff_s * 2**attempt
            tried = try_once(endpoint, self.ledger, name, worst, 0, wait, lambda: self._request(texts))
            why, wait = tried.why, tried.wait
            if tried.answer is not None:
                tokens = _tokens(tried.answer, worst)
                self.ledger.settle(name, tokens, endpoint.usd(tokens, 0))
                vectors = _vectors(tried.answer, len(texts))
                if vectors is not None:
                    return vectors
                why, wait = "malformed", 0.0
            if tried.final:
                break
            if attempt + 1 < endpoint.attempts:
                self._sleep(wait)
        raise NotEmbedded(why)

    def _request(self, texts: Sequence[str]) -> Any:
        return self._client.embeddings.create(model=self.endpoint.model, input=list(texts), encoding_format="float")


def _tokens(answer: Any, worst: int) -> int:
    try:
        return int(answer.usage.prompt_tokens)
    except (AttributeError, TypeError, ValueError):
        return worst


def _vectors(answer: Any, count: int) -> list[NDArray[np.float32]] | None:
    """Unit vectors in the order that was asked for; None where the answer is not what was asked for."""
    try:
        rows = sorted(answer.data, key=lambda row: int(row.index))
        vectors = [np.asarray(row.embedding, np.float64) for row in rows]
        if [int(row.index) for row in rows] != list(range(count)):
            return None
        norms = [float(np.linalg.norm(vector)) for vector in vectors]
    except (AttributeError, TypeError, ValueError):
        return None
    if len({vector.shape for vector in vectors}) != 1 or not all(np.isfinite(norm) and norm > 0 for norm in norms):
        return None
    units = [(vector / norm).astype(np.float32) for vector, norm in zip(vectors, norms, strict=True)]
    return units if all(map(_is_sound, units)) else None


def _is_sound(vector: NDArray[np.float32]) -> bool:
    return vector.ndim == 1 and 0 < len(vector) <= _MOST_DIMENSIONS and bool(np.all(np.isfinite(vector)))
