"""Vectors whose three components come first, since NumPy is slow along a last axis of three."""

from __future__ import annotations

import numpy as np

from fimad.simulate.types import Floats


def dot(a: Floats, b: Floats) -> Floats:
    """Scalar product of (3, ...) vectors."""
    product: Floats = np.einsum("k...,k...->...", a, b)
    return product


def cross(a: Floats, b: Floats) -> Floats:
    """Vector product of (3, ...) vectors."""
    product = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for at, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        product[at] = a[i] * b[j] - a[j] * b[i]
    return product


def unit(vector: Floats) -> Floats:
    """(3, ...) vectors of length 1, or 0 where they are shorter than a nanometre."""
    length = np.sqrt(dot(vector, vector))
    result: Floats = vector * np.divide(1.0, length, out=np.zeros_like(length), where=length > 1e-9)
    return result


def across(vector: Floats, axis: Floats) -> Floats:
    """The part of (3, ...) vectors across unit axes."""
    result: Floats = vector - dot(vector, axis) * axis
    return result


def swung(start: Floats, end: Floats, vector: Floats) -> Floats:
    """(3, ...) vectors after the shortest turn that takes one unit vector to another; undefined where these are opposite."""
    both = start + end
    along = dot(both, vector) / np.maximum(1 + dot(start, end), 1e-3)
    result: Floats = vector - along * both + 2 * dot(start, vector) * end
    return result
