"""Which pixels belong to which limb, and how they move when joints do.

A pixel of a limb moves by its place between the limb's ends, and turns with it; a pixel of the trunk, by its place between
shoulders and hips. That is linear in the joints' displacements: all limbs of a picture are one small linear model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.skeleton import FLOW_JOINTS

Floats = NDArray[np.float32]

_AT = {name: at for at, name in enumerate(FLOW_JOINTS)}
_HEAD = _AT["head"]
_CORNERS = [_AT[name] for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")]
# Half as thick as limbs are, over the body's size (below), with a small margin: outlines tell much of what cloth does not.
_HALF_WIDTHS = {
    ("shoulder", "elbow"): 0.11,
    ("elbow", "wrist"): 0.085,
    ("hip", "knee"): 0.145,
    ("knee", "ankle"): 0.11,
    ("ankle", "foot_index"): 0.085,
}
_LIMBS = [
    (_AT[f"{side}_{a}"], _AT[f"{side}_{b}"], width)
    for (a, b), width in _HALF_WIDTHS.items()
    for side in ("left", "right")
]
_HEAD_RADIUS = 0.27
# One of these is seen at nearly its length, whichever way a person turns.
_LONG_FROM, _LONG_TO = np.array(
    [(a, b) for a, b, _ in _LIMBS[4:8]] + [(_CORNERS[0], _CORNERS[2]), (_CORNERS[1], _CORNERS[3])]
).T
# A trunk seen from the side is taken for so wide, over its length.
_NARROWEST = 0.35
# Hands and feet reach beyond the ends of their bones.
_BEYOND = 0.25
_NOTHING, _TRUNK, _HEAD_LABEL, _FIRST_LIMB = 0, 1, 2, 3
# About so many pixels of limbs are looked at, and of the trunk.
_MOST_LIMB, _MOST_TRUNK = 1400, 500


@dataclass(frozen=True)
class LimbPixels:
    """m pixels of a person, and how they move with j joints.

    Parameters
    ----------
    x, y : (m,) px.
    basis : (2, m, 2 j) displacement in x and in y of each pixel, px, by the displacements of all joints: all x, all y.
    """

    x: Floats
    y: Floats
    basis: Floats

    def every(self, step: int) -> LimbPixels:
        """One of so many."""
        return LimbPixels(self.x[::step], self.y[::step], np.ascontiguousarray(self.basis[:, ::step]))


def body_size(joints: NDArray[Any]) -> float:
    """Length in px of the longest of trunk, thighs and shanks; (j, 2) px."""
    far = joints[_LONG_FROM] - joints[_LONG_TO]
    return float(np.hypot(far[:, 0], far[:, 1]).max())


def limb_pixels(
    joints: NDArray[Any], depth: NDArray[Any], shape: tuple[int, int], visible: NDArray[np.bool_]
) -> LimbPixels | None:
    """Pixels on a grid over the limbs of a person; None if too little of them is in the picture.

    Parameters
    ----------
    joints : (j, 2) px, as `skeleton.FLOW_JOINTS`.
    depth : (j,) of any scale, nearer is less: nearer limbs hide others.
    shape : (h, w) of the picture.
    visible : (j,) joints whose limbs are looked for at all.
    """
    size = body_size(joints)
    if not np.isfinite(joints).all() or size < 12:
        return None
    low = np.maximum(joints.min(0) - 0.4 * size, 0).astype(int)
    high = np.minimum(joints.max(0) + 0.4 * size, (shape[1], shape[0])).astype(int)
    if (high - low < 8).any():
        return None
    labels = _painted(joints - low, depth, visible, size, (int(high[1] - low[1]), int(high[0] - low[0])))
    x, y, label = _chosen(labels)
    if len(x) < 60:
        return None
    x, y = x + low[0], y + low[1]
    basis = _basis(x, y, label, joints.astype(np.float32))
    return LimbPixels(x.astype(np.float32), y.astype(np.float32), basis)


def _painted(
    joints: NDArray[Any], depth: NDArray[Any], visible: NDArray[np.bool_], size: float, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """(h, w) which limb each pixel belongs to: far ones are painted first."""
    import cv2

    labels: Any = np.zeros(shape, np.uint8)
    # OpenCV draws within 16 bits; of somebody half outside, joints may be anywhere.
    at = [(int(x), int(y)) for x, y in np.clip(np.rint(joints), -9999, 9999)]
    order = [(float(depth[a] + depth[b]) / 2, _FIRST_LIMB + n) for n, (a, b, _) in enumerate(_LIMBS)]
    order.append((float(depth[_CORNERS].mean()), _TRUNK))
    order.append((float(depth[_HEAD]), _HEAD_LABEL))
    for _, label in sorted(order, reverse=True):
        if label == _TRUNK:
            corners = np.array([at[row] for row in (_CORNERS[0], _CORNERS[1], _CORNERS[3], _CORNERS[2])], np.int32)
            cv2.fillConvexPoly(labels, cv2.convexHull(corners), label)
            ends = [tuple((np.add(at[a], at[b]) // 2).tolist()) for a, b in (_CORNERS[:2], _CORNERS[2:])]
            cv2.line(labels, ends[0], ends[1], label, max(2, round(_NARROWEST * size)))
        elif label == _HEAD_LABEL:
            cv2.circle(labels, at[_HEAD], max(2, round(_HEAD_RADIUS * size)), label, -1)
        else:
            a, b, width = _LIMBS[label - _FIRST_LIMB]
            if visible[a] and visible[b]:
                far = joints[b] + (_BEYOND if label - _FIRST_LIMB in (2, 3, 8, 9) else 0.0) * (joints[b] - joints[a])
                end = (int(min(max(far[0], -9999), 9999)), int(min(max(far[1], -9999), 9999)))
                cv2.line(labels, at[a], end, label, max(2, round(2 * width * size)))
    return np.asarray(labels, np.uint8)


def _chosen(labels: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint8]]:
    """Columns, rows and labels of pixels on a grid that is coarser in the trunk."""
    import cv2

    inside = cv2.countNonZero(labels)
    trunk = int(np.count_nonzero(labels == _TRUNK))
    step = max(1.0, float(np.sqrt(max(inside - trunk, 1) / _MOST_LIMB)))
    wide = max(1, round(float(np.sqrt(max(trunk, 1) / _MOST_TRUNK)) / step))
    rows, columns = (np.arange((step - 1) / 2, size, step).astype(np.intp) for size in labels.shape)
    grid = labels[np.ix_(rows, columns)]
    y, x = np.nonzero(grid)
    label = grid[y, x]
    keep = (label != _TRUNK) | ((x % wide == 0) & (y % wide == 0))
    return columns[x[keep]], rows[y[keep]], label[keep]


def _basis(x: NDArray[Any], y: NDArray[Any], label: NDArray[np.uint8], joints: Floats) -> Floats:
    """(2, m, 2 j) see `LimbPixels`."""
    count = len(FLOW_JOINTS)
    basis = np.zeros((2, len(x), 2, count), np.float32)
    place = np.stack([x, y], 1).astype(np.float32)
    for n, (a, b, _) in enumerate(_LIMBS):
        at = np.flatnonzero(label == _FIRST_LIMB + n)
        if len(at):
            _of_bone(basis, at, place[at], joints, a, b)
    at = np.flatnonzero(label == _HEAD_LABEL)
    basis[0, at, 0, _HEAD] = basis[1, at, 1, _HEAD] = 1.0
    at = np.flatnonzero(label == _TRUNK)
    if len(at):
        _of_trunk(basis, at, place[at], joints)
    return basis.reshape(2, len(x), 2 * count)


def _of_bone(basis: Floats, at: NDArray[np.intp], place: Floats, joints: Floats, a: int, b: int) -> None:
    way = joints[b] - joints[a]
    length = max(float(np.hypot(*way)), 4.0)
    along = way / length
    across = np.array([-along[1], along[0]], np.float32)
    off = place - joints[a]
    share, wide = off @ along / length, off @ across
    # A bone that points at the camera is short: what lies beyond its ends does not move the more for it.
    share = np.minimum(np.maximum(share, -0.5), 1.5)
    # Turning by (d_b - d_a)·across / length moves what is off the bone along it.
    turned = -(wide / length)
    for axis in (0, 1):
        turned_here = turned * along[axis]
        for other in (0, 1):
            turn = np.minimum(np.maximum(turned_here * across[other], -0.5), 0.5)
            basis[axis, :, other, b][at] = share + turn if axis == other else turn
            basis[axis, :, other, a][at] = 1 - share - turn if axis == other else -turn


def _of_trunk(basis: Floats, at: NDArray[np.intp], place: Floats, joints: Floats) -> None:
    left, right, left_hip, right_hip = joints[_CORNERS]
    top, bottom = (left + right) / 2, (left_hip + right_hip) / 2
    way = bottom - top
    length2 = max(float(way @ way), 16.0)
    down = np.clip((place - top) @ way / length2, 0.0, 1.0)
    sides = (right - left) * (1 - down)[:, None] + (right_hip - left_hip) * down[:, None]
    middle = top + way * down[:, None]
    span2 = np.maximum((sides * sides).sum(1), _NARROWEST**2 * length2)
    across = np.clip(0.5 + ((place - middle) * sides).sum(1) / span2, 0.0, 1.0)
    shares = ((1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across)
    for joint, share in zip(_CORNERS, shares, strict=True):
        for axis in (0, 1):
            basis[axis, at, axis, joint] = share
