"""How the pixels of a person move with its joints, and which motion of joints explains what pixels do.

A pixel of a limb moves with the two joints at its ends, one of the trunk with four: the rows of the least-squares problem
are nothing but zeros elsewhere, and are kept without them. Its normal equations are sums over the pixels of one part after
another, which for other weights are made anew from the same products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PartPixels:
    """n pixels of p parts of a body, in the order of the parts; all parts here move with k numbers.

    Parameters
    ----------
    features : (2, k, n) displacement in x and in y of each pixel, px, by each of the k numbers of its part.
    columns : (p, k) which of the displacements of all joints these numbers are: all x, then all y.
    counts : (p,) pixels of each part, at least 1.
    """

    features: Floats
    columns: NDArray[np.intp]
    counts: NDArray[np.intp]

    def moved(self, joints: NDArray[Any]) -> Floats:
        """(2, n) displacements of pixels, px, by (2 j,) displacements of joints, px."""
        own = np.repeat(joints.astype(np.float32)[self.columns.T], self.counts, axis=1)
        result: Floats = np.einsum("akn,kn->an", self.features, own)
        return result


class Layout:
    """Where the sums over the pixels of some parts belong in the equations of all joints; one serves every picture size.

    Parameters
    ----------
    parts : as the pixels are ordered.
    count : of displacements of joints, twice that of joints.
    """

    def __init__(self, parts: Sequence[PartPixels], count: int) -> None:
        self.parts, self.count = parts, count
        ends = np.cumsum([0, *(part.features.shape[2] for part in parts)]).tolist()
        self.own = [slice(first, last) for first, last in pairwise(ends)]
        # As terms give their sums: the number of the part comes last.
        columns = [part.columns.T for part in parts]
        self.at = np.concatenate([each.ravel() for each in columns])
        self.places = np.concatenate([(each[:, None] * count + each).ravel() for each in columns])

    def equations(self, slopes: Floats | None = None) -> Equations:
        """Of pixels that say how they move, in x and in y; or, with (2, m) slopes in x and y, how what is there changes."""
        if slopes is None:
            return Equations(self, [part.features for part in self.parts])
        pairs = zip(self.parts, self.own, strict=True)
        return Equations(self, [np.einsum("akn,an->kn", part.features, slopes[:, own])[None] for part, own in pairs])


class Equations:
    """Weighted least squares of joints' displacements from m pixels, each of which says some numbers.

    Parameters
    ----------
    layout : of the parts.
    rows : for each of the parts (a, k, n): the a numbers that a pixel would say if one of its part's k were 1.
    """

    def __init__(self, layout: Layout, rows: Sequence[Floats]) -> None:
        self._layout = layout
        self._terms = [
            (_OnePart if len(part.counts) == 1 else _ManyParts)(part, each)
            for part, each in zip(layout.parts, rows, strict=True)
        ]

    def normal(self, weight: NDArray[Any]) -> NDArray[Any]:
        """(count, count) matrix for (m,) weights."""
        layout = self._layout
        sums = [term.squares(weight[own]).ravel() for term, own in zip(self._terms, layout.own, strict=True)]
        matrix = np.bincount(layout.places, np.concatenate(sums), layout.count**2)
        return matrix.reshape(layout.count, layout.count)

    def right(self, weighted: NDArray[Any]) -> NDArray[Any]:
        """(count,) right-hand side for (a, m) weighted residuals."""
        layout = self._layout
        sums = [term.times(weighted[:, own]).ravel() for term, own in zip(self._terms, layout.own, strict=True)]
        return np.bincount(layout.at, np.concatenate(sums), layout.count)


class _OnePart:
    """One part of the body; matrices multiply quickest."""

    def __init__(self, part: PartPixels, rows: Floats) -> None:
        self._rows = np.ascontiguousarray(np.moveaxis(rows, 1, 0))
        self._flat = self._rows.reshape(len(self._rows), -1)

    def squares(self, weight: NDArray[Any]) -> NDArray[Any]:
        """(k, k, 1) weighted sums over pixels of the products of what they say of two numbers."""
        result: NDArray[Any] = (self._rows * weight).reshape(self._flat.shape) @ self._flat.T
        return result

    def times(self, values: NDArray[Any]) -> NDArray[Any]:
        """(k, 1) sums over pixels of what they say of a number, times (a, n) values."""
        result: NDArray[Any] = self._flat @ values.ravel()
        return result


class _ManyParts:
    """Parts that move with as many numbers each; sums part by part, of products that other weights leave as they are."""

    def __init__(self, part: PartPixels, rows: Floats) -> None:
        self._rows = rows
        self._starts = np.concatenate([[0], np.cumsum(part.counts[:-1])])
        first, second, self._pair = _pairs(rows.shape[1])
        self._products = np.einsum("akn,akn->kn", rows[:, first], rows[:, second])

    def squares(self, weight: NDArray[Any]) -> NDArray[Any]:
        """(k, k, p) see `_OnePart`."""
        sums: NDArray[Any] = np.add.reduceat(self._products * weight, self._starts, axis=1)
        return sums[self._pair]

    def times(self, values: NDArray[Any]) -> NDArray[Any]:
        """(k, p) see `_OnePart`."""
        sums: NDArray[Any] = np.add.reduceat(np.einsum("akn,an->kn", self._rows, values), self._starts, axis=1)
        return sums


@cache
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """First and second of all unordered pairs of so many, and (count, count) which pair two are."""
    first, second = np.triu_indices(count)
    pair = np.zeros((count, count), np.intp)
    pair[first, second] = pair[second, first] = np.arange(len(first))
    return first, second, pair
