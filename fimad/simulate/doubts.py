"""Collects why a clip is doubtful, in the words of `fimad.flags`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fimad.flags import FLAGS
from fimad.simulate.types import Bools, Floats

_MOST_SPANS = 20


class Doubts:
    """Flags of one clip with their details."""

    def __init__(self) -> None:
        self.details: dict[str, dict[str, Any]] = {}

    def add(
        self, flag: str, share: float | None = None, *, spans_s: Iterable[tuple[float, float]] = (), **more: Any
    ) -> None:
        """Raise a flag.

        Parameters
        ----------
        flag : one of `FLAGS`.
        share : of the frames or samples that it holds for.
        spans_s : where; the first twenty are kept.
        more : what else is to stand in the report.
        """
        if flag not in FLAGS:
            raise KeyError(flag)
        detail = self.details.setdefault(flag, {})
        if share is not None:
            detail["share"] = round(float(share), 3)
        if spans := [[round(start, 2), round(end, 2)] for start, end in spans_s][:_MOST_SPANS]:
            detail["spans_s"] = spans
        detail |= more

    @property
    def flags(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return tuple(sorted(self.details))


def spans_of(time_s: Floats, where: Bools) -> list[tuple[float, float]]:
    """First and last time of each run of True in (n,) `where`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where, [False]]).astype(np.int8)))
    return [(float(time_s[a]), float(time_s[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def widened(time_s: Floats, where: Bools, by_s: float) -> Bools:
    """(n,) True within so many seconds of where it is."""
    at = np.flatnonzero(where)
    if not len(at):
        return where
    after = np.searchsorted(at, np.arange(len(where)))
    nearest = np.minimum(
        np.abs(time_s - time_s[at[np.clip(after, 0, len(at) - 1)]]),
        np.abs(time_s - time_s[at[np.clip(after - 1, 0, len(at) - 1)]]),
    )
    result: Bools = nearest <= by_s + 1e-9
    return result
