"""How the background of consecutive pictures moved, whatever the person in front of it did.

Most cameras stand still, and that is found first: the edges of the background are where they were, all over the picture.
What moves is measured against the last picture that was measured, not against the last one seen, so that small motions do
not add up to a drift. If edges moved, the similarity is looked for that lays one background on the other (inverse
compositional alignment, Baker & Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd, with Cauchy weights, coarse to fine).
It counts only if it puts more of the edges where they are than standing still does. The person's region is left out of all
that, since before a plain wall most that can be followed is the person's own. With too little left the motion is unknown.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.cuts import is_cut
from fimad.skeleton import BONES, LANDMARK_INDEX

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]
Motion = tuple[float, float, float, float]

# An edge has at least so many grey levels a pixel; so many in each direction are needed to tell whether a picture moved,
# and no more than that are looked at.
_EDGE_LEVELS = 12.0
_FEWEST_EDGES = 30
_MOST_EDGES = 1500
# An edge is where it was if its grey changed by less than a shift by this many pixels would change it, and noise. On 29
# real clips 0.4 to 0.9 of the edges of pictures from standing cameras are, and 0.2 to 0.45 if the picture is shifted by
# 0.35 px (a thousandth of its width): those along the shift.
_EDGE_SHIFT_PX = 0.15
_NOISE_LEVELS = 2.0
_STILL_SHARE = 0.4
# Along a sharp edge every other pixel stays as it was: of so many, it is not worth looking for a motion.
_SURELY_STILL_SHARE = 0.75
# A zoom or a turn leaves edges near the middle where they were: each side is asked on its own.
_SIDES = 2
_DIRECTIONS = 2
# A motion explains so many times as many edges as standing still does.
_GAIN = 1.2
_STILL: Motion = (0.0, 0.0, 0.0, 0.0)

# Alignment: halvings of the picture's size to begin with, steps at each size, and the grey levels a pixel that count.
_HALVINGS = 2
_STEPS = 6
_TEXTURE_LEVELS = 5.0
_MOST_POINTS = 1200
_FEWEST_POINTS = 60
# A step smaller than this, px at the picture's border, was the last.
_DONE_PX = 0.02
# The motion must be known this well at the picture's border, px; neighbouring pixels of an edge err alike, so that so many
# count as one.
_KNOWN_PX = 0.5
_ALIKE = 6.0
# Cameras shift more than they turn and zoom: from picture to picture that is expected to change by so many px at the border.
_TURNS_PX = 1.0
# A picture stays what others are measured against for so many pictures, as long as it lies so near, as a share of the width,
# and so large a share of its edges is found again: errors of steps would add up.
_KEPT = 15
_KEPT_SHARE = 0.05
_KEPT_GOOD = 0.6
# Where half of the edges stay and no motion explains the rest, it is looked for again after so many pictures.
_QUIET = 3

# How thick limbs are, and how far the head reaches, over the longest of trunk, thigh, shank and shoulders.
_LIMB = 0.45
_HEAD = 0.35
_LIMBS = [
    (LANDMARK_INDEX[a], LANDMARK_INDEX[b])
    for a, b in BONES
    if a.split("_")[-1] in ("elbow", "shoulder", "hip", "knee", "ankle", "wrist", "heel")
]
_LONG_BONES = (("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
_TRUNK = [LANDMARK_INDEX[name] for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
_EARS = [LANDMARK_INDEX[name] for name in ("left_ear", "right_ear")]
# One of them is seen at nearly its length, whichever way the person turns.
_SIZES = [
    (LANDMARK_INDEX[a], LANDMARK_INDEX[b])
    for a, b in (
        ("left_shoulder", "right_shoulder"),
        *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _LONG_BONES),
    )
]


def person_mask(shape: tuple[int, int], landmarks: NDArray[Any]) -> Grey | None:
    """Where the person is: (h, w) 255 within a generous outline, 0 elsewhere; None if the landmarks say nothing.

    Parameters
    ----------
    shape : (h, w) of the picture.
    landmarks : (33, >=2) x and y in fractions of width and height.
    """
    import cv2

    height, width = shape
    points = landmarks[:, :2] * np.array([width, height])
    if not np.isfinite(points).all():
        return None
    # Of somebody who is half outside, landmarks may be anywhere; OpenCV draws within 16 bits.
    pixels = np.clip(points, -4 * width, 5 * width).astype(np.int32)
    at: list[tuple[int, int]] = [(x, y) for x, y in pixels.tolist()]
    size = max(math.dist(at[a], at[b]) for a, b in _SIZES)
    mask: Grey = np.zeros(shape, np.uint8)
    thick = max(2, round(_LIMB * size))
    for a, b in _LIMBS:
        cv2.line(mask, at[a], at[b], 255, thick)
    cv2.fillConvexPoly(mask, cv2.convexHull(pixels[_TRUNK]), 255)
    left, right = (at[row] for row in _EARS)
    middle = (left[0] + right[0]) // 2, (left[1] + right[1]) // 2
    cv2.circle(mask, middle, max(2, round(_HEAD * size + math.dist(left, right) / 2)), 255, -1)
    return mask


@dataclass(frozen=True)
class _Similarity:
    """z to turn * z + shift, with z = x + iy in px from the picture's middle."""

    turn: complex = 1.0 + 0.0j
    shift: complex = 0.0j

    def motion(self, width: int) -> Motion:
        """As `CameraMotion.motion` has it."""
        return self.shift.real / width, self.shift.imag / width, cmath.phase(self.turn), math.log(abs(self.turn))

    def after(self, other: _Similarity) -> _Similarity:
        """This one where `other` is undone first."""
        turn = self.turn / other.turn
        return _Similarity(turn, self.shift - turn * other.shift)

    def reach(self, shape: tuple[int, ...]) -> float:
        """About how far it moves anything in a picture of (h, w), px."""
        return abs(self.shift) + abs(self.turn - 1) * max(shape) / 2

    def matrix(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """(2, 3) for pixels of a picture of (h, w)."""
        linear = np.array([[self.turn.real, -self.turn.imag], [self.turn.imag, self.turn.real]])
        middle = np.array([shape[1] - 1, shape[0] - 1]) / 2
        shift = middle - linear @ middle + (self.shift.real, self.shift.imag)
        return np.column_stack([linear, shift])


@dataclass(frozen=True, eq=False)
class _Picture:
    """What is kept of a picture: luminance (h, w), colours of a grid of points, and where the person is."""

    grey: Grey
    colours: NDArray[np.uint8]
    person: Grey | None


@dataclass(frozen=True)
class _Edges:
    """Pixels (flat indices) on upright, or on level edges of one side of the picture, and by how many levels each may change
    where nothing moved."""

    at: NDArray[np.intp]
    limit: Floats
    upright: bool


class _Anchor:
    """A picture that others are measured against; `age` counts them."""

    def __init__(self, picture: _Picture) -> None:
        self.picture = picture
        self.age = 0
        # So many more pictures in which half of the edges stay are taken for still ones unlooked.
        self.quiet = 0
        self._edges: list[_Edges] | None = None

    def free_edges(self, person: Grey | None) -> list[_Edges]:
        """The background's edges that a person does not stand before."""
        if self._edges is None:
            self._edges = _find_edges(self.picture.grey, self.picture.person)
        if person is None:
            return self._edges
        flat = person.reshape(-1)
        free = [flat[each.at] == 0 for each in self._edges]
        return [_Edges(each.at[ok], each.limit[ok], each.upright) for each, ok in zip(self._edges, free, strict=True)]


class BackgroundTracker:
    """Similarity between the backgrounds of consecutive pictures of one size.

    Parameters
    ----------
    cut_threshold : share of the picture's points that change their colour, 0 to 1, that counts as a cut.
    """

    def __init__(self, cut_threshold: float) -> None:
        self._threshold = cut_threshold
        self._before: _Picture | None = None
        self._anchor: _Anchor | None = None
        # Where the anchor's background was in the picture before.
        self._place = _Similarity()

    def push(self, grey: Grey, colours: NDArray[np.uint8], person: Grey | None = None) -> tuple[bool, Motion, float]:
        """Look at the next picture.

        Parameters
        ----------
        grey : (h, w) luminance.
        colours : (3, n, m) YUV of a grid of points.
        person : (h, w) not 0 where the person is (`person_mask`); None if nobody is there.

        Returns whether a new shot begins here, the motion since the picture before (see `CameraMotion`), and its
        confidence: the share of the background's edges that agree; 0 where there is too little of it.
        """
        now = _Picture(grey, colours, person)
        before, self._before = self._before, now
        if before is None or before.grey.shape != grey.shape:
            self._anchor = _Anchor(now)
            return before is not None, _STILL, 1.0
        assert self._anchor is not None  # noqa: S101  (set with the first picture)
        found = self._find(self._anchor, now)
        if found is None and self._anchor.picture is not before:
            # Too far, or too much has changed, since the one all were measured against.
            self._anchor, self._place = _Anchor(before), _Similarity()
            found = self._find(self._anchor, now)
        if found is None:
            self._anchor, self._place = _Anchor(now), _Similarity()
            return is_cut(before.colours, colours, self._threshold), _STILL, 0.0
        place, share = found
        motion = place.after(self._place).motion(grey.shape[1])
        self._place = place
        self._anchor.age += 1
        moved = place.turn != 1 or place.shift != 0
        if moved and (
            self._anchor.age >= _KEPT or place.reach(grey.shape) > _KEPT_SHARE * grey.shape[1] or share < _KEPT_GOOD
        ):
            self._anchor, self._place = _Anchor(now), _Similarity()
        return False, motion, share

    def _find(self, anchor: _Anchor, now: _Picture) -> tuple[_Similarity, float] | None:
        """Where the anchor's background is now, and the share of its edges that say so; None if that can't be told."""
        edges = anchor.free_edges(now.person)
        whole, sides = _shares(anchor.picture.grey, now.grey, edges)
        if whole is not None and min(whole, sides) >= _SURELY_STILL_SHARE:
            return _Similarity(), whole
        near = whole is not None and whole >= _STILL_SHARE
        if near and anchor.quiet > 0:
            anchor.quiet -= 1
            return _Similarity(), whole or 0.0
        # Coarse to fine goes astray where lines repeat; most motions are small enough without.
        for halvings in (0,) if near else (_HALVINGS, 0):
            found = align(anchor.picture, now, self._place, halvings)
            share = 0.0 if found is None else _share_after(anchor, now, found)
            if found is not None and share >= max(_STILL_SHARE, _GAIN * (whole or 0.0)):
                return found, share
        if not near or self._place != _Similarity():
            return None
        anchor.quiet = _QUIET
        return _Similarity(), whole or 0.0


def _shares(anchor: Grey, grey: Grey, edges: list[_Edges]) -> tuple[float | None, float]:
    """The share of edges that are where they were: of upright and of level ones, the smaller; and of the worst side.

    None if one of the two directions has too few of them.
    """
    import cv2

    change = cv2.absdiff(anchor, grey).reshape(-1)
    wholes, sides = [], [1.0]
    for upright in (True, False):
        good = [(int((change[e.at] <= e.limit).sum()), len(e.at)) for e in edges if e.upright == upright]
        sides += [held / count for held, count in good if count >= _FEWEST_EDGES]
        count = sum(count for _, count in good)
        if count >= _FEWEST_EDGES:
            wholes.append(sum(held for held, _ in good) / count)
    return (min(wholes) if len(wholes) == _DIRECTIONS else None), min(sides)


def _share_after(anchor: _Anchor, now: _Picture, found: _Similarity) -> float:
    """The share of the anchor's edges that are where they were once a picture is moved back."""
    import cv2

    matrix = found.matrix(now.grey.shape)
    size = (now.grey.shape[1], now.grey.shape[0])
    moved: Any = cv2.warpAffine(now.grey, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    # What has left the picture says as little as what the person hides.
    free: Any = np.full_like(now.grey, 255) if now.person is None else cv2.bitwise_not(now.person)
    hidden: Any = cv2.bitwise_not(cv2.warpAffine(free, matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP))
    whole, _ = _shares(anchor.picture.grey, moved, anchor.free_edges(hidden))
    return whole or 0.0


def _find_edges(grey: Grey, person: Grey | None) -> list[_Edges]:
    """Upright edges left and right, and level edges above and below, outside of the person's region."""
    import cv2

    # An eighth of Sobel's sum is levels a pixel.
    across = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8))
    along = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8))
    height, width = grey.shape
    found = []
    for upright, strong, weak in ((True, across, along), (False, along, across)):
        chosen = (strong >= _EDGE_LEVELS) & (strong >= weak)
        if person is not None:
            chosen &= person == 0
        at = np.flatnonzero(chosen)
        at = at[:: max(1, len(at) // _MOST_EDGES)]
        limit = _NOISE_LEVELS + _EDGE_SHIFT_PX * strong.reshape(-1)[at]
        second = at % width >= width / _SIDES if upright else at >= width * (height // _SIDES)
        found += [_Edges(at[half], limit[half], upright) for half in (~second, second)]
    return found


def align(anchor: _Picture, now: _Picture, start: _Similarity, halvings: int = _HALVINGS) -> _Similarity | None:
    """The similarity that takes the anchor's background to that of a picture; None where that can't be told.

    Parameters
    ----------
    start : where to begin.
    halvings : how often the size is halved to begin with; a motion may be about 5 px times two to the power of it.
    """
    import cv2

    pictures: list[tuple[Any, Any, Any, Any]] = [(anchor.grey, now.grey, anchor.person, now.person)]
    for _ in range(halvings):
        *both, person_then, person = pictures[-1]
        small = [cv2.pyrDown(each) for each in both]
        size = (small[0].shape[1], small[0].shape[0])
        masks = [
            None if m is None else cv2.resize(m, size, interpolation=cv2.INTER_NEAREST) for m in (person_then, person)
        ]
        pictures.append((small[0], small[1], masks[0], masks[1]))
    found: _Similarity | None = start
    for halved in range(halvings, -1, -1):
        assert found is not None  # noqa: S101  (only the last size may say that it is unknown)
        found = _align_at(pictures[halved], found, 0.5**halved, last=halved == 0)
    return found


def _align_at(
    pictures: tuple[Any, Any, Any, Any], start: _Similarity, scale: float, *, last: bool
) -> _Similarity | None:
    """`align` at one size; `scale` is that of the pictures over the whole ones'. What is unknown is `start`, or None at last."""
    import cv2

    anchor, grey, person_then, person = pictures
    height, width = anchor.shape
    across = cv2.Sobel(anchor, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    along = cv2.Sobel(anchor, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    chosen = np.abs(across) + np.abs(along) >= _TEXTURE_LEVELS
    if person_then is not None:
        chosen &= person_then == 0
    at = np.flatnonzero(chosen)
    at = at[:: max(1, -(-len(at) // _MOST_POINTS))]
    unknown = None if last else start
    if len(at) < _FEWEST_POINTS:
        return unknown
    middle_x, middle_y, reach = (width - 1) / 2, (height - 1) / 2, max(width, height) / 2
    z = (at % width - middle_x) + 1j * (at // width - middle_y)
    slope = across.reshape(-1)[at] + 1j * along.reshape(-1)[at]
    # How the grey changes with the turn's real and imaginary part (in px at the border) and with the shift.
    turning = np.conj(slope) * z / reach
    jacobian = np.stack([turning.real, -turning.imag, slope.real, slope.imag], 1)
    before = anchor.reshape(-1)[at].astype(np.float32)
    turn, shift = start.turn, start.shift * scale
    hidden = np.zeros_like(grey) if person is None else person
    for _ in range(_STEPS):
        there = turn * z + shift
        x, y = (there.real + middle_x).astype(np.float32), (there.imag + middle_y).astype(np.float32)
        now = cv2.remap(grey, x, y, cv2.INTER_LINEAR).ravel()
        free = cv2.remap(hidden, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=255).ravel() == 0
        if np.count_nonzero(free) < _FEWEST_POINTS:
            return unknown
        change = np.where(free, now - before, 0.0)
        # Exposure changes all greys alike.
        change -= np.median(change[free])
        noise = max(_NOISE_LEVELS, 1.48 * float(np.median(np.abs(change[free]))))
        weight = free / (1 + (change / (2 * noise)) ** 2)
        weighted = jacobian * weight[:, None]
        expected = noise**2 * _ALIKE / (_TURNS_PX * scale) ** 2
        normal = weighted.T @ jacobian + np.diag([expected, expected, 0, 0])
        try:
            inverse = np.linalg.inv(normal)
        except np.linalg.LinAlgError:
            return unknown
        apart = (turn / start.turn - 1) * reach
        step = inverse @ (weighted.T @ change + expected * np.array([apart.real, apart.imag, 0, 0]))
        by, moved = complex(step[0], step[1]) / reach, complex(step[2], step[3])
        turn, shift = turn / (1 + by), shift - turn * moved / (1 + by)
        if not 0.5 < abs(turn) < 2 or abs(shift) > 2 * reach:
            return unknown
        if float(np.abs(step).max()) < _DONE_PX:
            break
    error_px = noise * np.sqrt(np.maximum(np.diag(inverse), 0) * _ALIKE)
    if last and not error_px.max() < _KNOWN_PX:
        return None
    return _Similarity(turn, shift / scale)
