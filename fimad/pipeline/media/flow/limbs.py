"""Which pixels belong to which limb, and how they move when joints do.

A pixel of a limb moves by its place between the limb's ends, and turns with it; a pixel of the trunk, by its place between
shoulders and hips. That is linear in the joints' displacements: all limbs of a picture are one small linear model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.flow.motion import Layout, PartPixels
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
_BONE_FROM, _BONE_TO = (np.array([limb[end] for limb in _LIMBS]) for end in (0, 1))
# Of all joints' displacements, first in x and then in y, those that a part moves with.
_BONE_COLUMNS = np.stack([_BONE_FROM, _BONE_TO, _BONE_FROM + len(_AT), _BONE_TO + len(_AT)], 1)
_CORE_COLUMNS = np.array([*_CORNERS, *(len(_AT) + each for each in _CORNERS), _HEAD, len(_AT) + _HEAD])
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
    """m pixels of a person, part by part, and how they move with its joints.

    Parameters
    ----------
    x, y : (m,) px.
    parts : as pixels are ordered; how they move with the joints of each.
    """

    x: Floats
    y: Floats
    parts: tuple[PartPixels, ...]

    @cached_property
    def layout(self) -> Layout:
        """Of its parts."""
        return Layout(self.parts, 2 * len(FLOW_JOINTS))

    def moved(self, joints: NDArray[Any]) -> Floats:
        """(2, m) displacements of pixels, px, by (2 j,) displacements of joints, px: all x, then all y."""
        return np.concatenate([each.moved(joints) for each in self.parts], axis=1)


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
    order = np.argsort(label, kind="stable")
    place = np.stack([x[order] + low[0], y[order] + low[1]]).astype(np.float32)
    counts = np.bincount(label, minlength=_FIRST_LIMB + len(_LIMBS))
    parts = _parts(place, counts, joints.astype(np.float32))
    return LimbPixels(place[0], place[1], parts)


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


def _parts(place: Floats, counts: NDArray[np.intp], joints: Floats) -> tuple[PartPixels, ...]:
    """Trunk and head together, and bones; (2, m) px, ordered by label."""
    trunk, head = counts[_TRUNK], counts[_HEAD_LABEL]
    core = np.zeros((2, len(_CORE_COLUMNS), trunk + head), np.float32)
    core[0, :4, :trunk] = core[1, 4:8, :trunk] = _trunk_shares(place[:, :trunk], joints)
    core[0, 8, trunk:] = core[1, 9, trunk:] = 1.0
    bones = np.flatnonzero(counts[_FIRST_LIMB:])
    of_bones = counts[_FIRST_LIMB:][bones]
    parts = (
        PartPixels(core, _CORE_COLUMNS[None], np.array([trunk + head])),
        PartPixels(_bone_features(place[:, trunk + head :], of_bones, joints, bones), _BONE_COLUMNS[bones], of_bones),
    )
    return tuple(each for each in parts if each.features.size)


def _bone_features(place: Floats, counts: NDArray[np.intp], joints: Floats, bones: NDArray[np.intp]) -> Floats:
    """(2, 4, n) see `PartPixels`: x of both ends, y of both ends."""
    start = joints[_BONE_FROM[bones]]
    way = joints[_BONE_TO[bones]] - start
    length = np.maximum(np.hypot(way[:, 0], way[:, 1]), np.float32(4.0))
    along_x, along_y = way.T / length
    # Per bone: where it begins, its direction, and its length; then for each of its pixels.
    each = np.stack([*start.T, along_x, along_y, 1 / length])
    x, y, along_x, along_y, by_length = np.repeat(each, counts, axis=1)
    x, y = place[0] - x, place[1] - y
    # A bone that points at the camera is short: what lies beyond its ends does not move the more for it.
    share = np.minimum(np.maximum((x * along_x + y * along_y) * by_length, -0.5), 1.5)
    # Turning by (d_b - d_a)·across / length moves what is off the bone along it; across is (-along_y, along_x).
    turned = (x * along_y - y * along_x) * by_length
    features = np.empty((2, 4, len(share)), np.float32)
    for axis, along in enumerate((along_x, along_y)):
        turned_here = turned * along
        for other, across in enumerate((-along_y, along_x)):
            turn = np.minimum(np.maximum(turned_here * across, -0.5), 0.5)
            far = share + turn if axis == other else turn
            features[axis, 2 * other + 1] = far
            features[axis, 2 * other] = 1 - far if axis == other else -far
    return features


def _trunk_shares(place: Floats, joints: Floats) -> Floats:
    """(4, n) how much of each corner of the trunk a pixel moves with; (2, n) px."""
    left, right, left_hip, right_hip = joints[_CORNERS]
    top, bottom = (left + right) / 2, (left_hip + right_hip) / 2
    way = bottom - top
    length2 = max(float(way @ way), 16.0)
    down = np.clip((way @ place - way @ top) / length2, 0.0, 1.0)
    sides = np.outer(right - left, 1 - down) + np.outer(right_hip - left_hip, down)
    middle = top[:, None] + np.outer(way, down)
    span2 = np.maximum((sides * sides).sum(0), _NARROWEST**2 * length2)
    across = np.clip(0.5 + ((place - middle) * sides).sum(0) / span2, 0.0, 1.0)
    return np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
