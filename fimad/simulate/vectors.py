"""Vectors whose three components come first and whose times come last: NumPy is slow along a last axis of a few."""

from __future__ import annotations

import numpy as np

from fimad.simulate.types import Floats

_NOTHING_M = 1e-9


def dot(a: Floats, b: Floats) -> Floats:
    """Scalar product of (3, ...) vectors."""
    product: Floats = np.einsum("k...,k...->...", a, b)
    return product


def planar(a: Floats, b: Floats) -> Floats:
    """Length of vectors in a plane, by their two components: several times quicker than `np.hypot`, which minds overflow."""
    length: Floats = np.sqrt(a * a + b * b)
    return length


def cross(a: Floats, b: Floats) -> Floats:
    """Vector product of (3, ...) vectors."""
    product = np.empty(np.broadcast(a, b).shape)
    other = np.empty(product.shape[1:])
    for at, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        np.multiply(a[i], b[j], out=product[at])
        product[at] -= np.multiply(a[j], b[i], out=other)
    return product


def unit(vector: Floats) -> Floats:
    """(3, ...) vectors of length 1, or 0 where they are shorter than a nanometre."""
    length = np.sqrt(dot(vector, vector))
    length[length <= _NOTHING_M] = np.inf
    # Products are several times quicker than quotients.
    result: Floats = vector * np.divide(1.0, length, out=length)
    return result


def across(vector: Floats, axis: Floats) -> Floats:
    """The part of (3, ...) vectors across unit axes."""
    result: Floats = dot(vector, axis) * axis
    return np.subtract(vector, result, out=result)


def swung(start: Floats, end: Floats, vector: Floats) -> Floats:
    """(3, ...) vectors after the shortest turn that takes one unit vector to another; undefined where these are opposite."""
    both = start + end
    along = dot(both, vector) / np.maximum(1 + dot(start, end), 1e-3)
    both *= along
    result: Floats = 2 * dot(start, vector) * end
    result -= both
    result += vector
    return result
