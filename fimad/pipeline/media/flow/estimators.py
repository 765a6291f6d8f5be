"""How joints moved from one picture to the next, told from pixels, in two ways that err differently.

`dense`: optical flow of every pixel (Kroeger et al. 2016, arXiv 1603.03590), to which the limbs' motion is fitted robustly.
`grey`: the limbs' motion is fitted to the grey levels themselves, coarse to fine (Lucas & Kanade 1981; articulated as in
Bregler & Malik 1998, doi:10.1109/CVPR.1998.698581). Both start at the landmarks' own motion, and keep to it where pixels
say nothing; how much they say is each joint's share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.flow.limbs import LimbPixels, body_size, limb_pixels

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]
Seen = tuple[Grey, Floats]

# How far joints may be from where landmarks say they moved to, over the body's size: that is what stays where pixels say nothing.
_PRIOR = 0.02
# Neighbouring pixels err alike: so many count as one.
_ALIKE = 12.0
# Dense flow: what may be off by how much, px, from step to step.
_SCALES_PX = (8.0, 3.0, 1.2, 0.6, 0.4)
# Where a limb moves by more than this, px, a pixel that stays with the background belongs to it; asked once all pixels had
# their say on whether it moves, at this scale.
_MOVES_PX = 1.5
_STAYS_PX = 0.3
_SURE_PX = 2.0
# What dense flow errs by where it is right, px.
_FLOW_PX = 0.5
# Grey levels: steps at half size and at the whole, a step in px that is the last, noise in levels, and how many times as much
# is not believed.
_STEPS = (4, 3)
_DONE_PX = 0.02
_NOISE_LEVELS = 2.5
_OUTLIER = 3.0
# Finer pictures of a body than this, px, hold nothing more, and noise.
_FINEST_PX = 70.0


@dataclass(frozen=True)
class Fit:
    """Displacements (j, 2) of joints, px, and (j,) how much of them pixels told, 0 to 1."""

    moved: Floats
    share: Floats


@dataclass(frozen=True)
class Pair:
    """Two pictures of a person, cut to where it is.

    Parameters
    ----------
    before, after : (h, w) luminance.
    pixels : those of the person's limbs in `before`.
    expected : (j, 2) displacements of joints, px, as landmarks have them.
    prior_px : how far joints may be from that.
    """

    before: Grey
    after: Grey
    pixels: LimbPixels
    expected: Floats
    prior_px: float


def look(before: Seen, after: Seen, depth: NDArray[Any], visible: NDArray[np.bool_]) -> tuple[Pair, float] | None:
    """A pair of pictures at the size that tells most, and how many px of the whole ones a px of it is; None if nobody is there.

    Parameters
    ----------
    before, after : luminance (h, w), and (j, 2) px where joints are.
    depth, visible : (j,) see `limb_pixels`.
    """
    import cv2

    shape = before[0].shape[0], before[0].shape[1]
    box = picture_box(before[1], after[1], shape)
    if box is None:
        return None
    rows, columns = box
    corner = np.array([columns.start, rows.start], np.float32)
    joints, expected = before[1] - corner, after[1] - before[1]
    size = body_size(joints)
    cut: list[Any] = [np.ascontiguousarray(grey[rows, columns]) for grey, _ in (before, after)]
    scale = 1.0
    while size / scale >= _FINEST_PX:
        cut = [cv2.pyrDown(each) for each in cut]
        scale *= 2
    pixels = limb_pixels(joints / np.float32(scale), depth, cut[0].shape, visible)
    if pixels is None:
        return None
    return Pair(cut[0], cut[1], pixels, expected / np.float32(scale), _PRIOR * size / scale), scale


class DenseFlow:
    """`dense`; holds OpenCV's buffers."""

    def __init__(self) -> None:
        import cv2

        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        # Limbs are thin: flow is wanted at the pictures' own size, and not smeared across their outlines.
        self._flow.setFinestScale(0)
        self._flow.setVariationalRefinementIterations(0)

    def __call__(self, pair: Pair) -> Fit:
        """Fit the limbs' motion to dense flow."""
        flow = self._flow.calc(pair.before, pair.after, None)
        x, y = pair.pixels.x.astype(np.intp), pair.pixels.y.astype(np.intp)
        seen = np.ascontiguousarray(flow[y, x].T)
        return fit_flow(seen, pair, _background(flow))


def _background(flow: NDArray[Any]) -> Floats:
    """(2,) median flow at the border of the picture, where the person is not."""
    from fimad.simulate.smoothing.resample import median_of  # brings SciPy, which keys do without

    border = np.concatenate([flow[::4, 0], flow[::4, -1], flow[0, ::4]])
    return np.array([median_of(border[:, axis]) for axis in (0, 1)], np.float32)


def fit_flow(seen: Floats, pair: Pair, background: Floats) -> Fit:
    """Robust least squares of joints' displacements.

    Parameters
    ----------
    seen : (2, m) flow of pixels, px.
    pair : what was looked at; where it expects joints is where to begin, and what is kept to where nothing is seen.
    background : (2,) how the background moves.
    """
    pixels, start = pair.pixels, pair.expected.T.reshape(-1).astype(np.float64)
    held = np.eye(len(start)) / pair.prior_px**2
    equations = pixels.layout.equations()
    still = _squared(seen - background[:, None]) < np.float32(_STAYS_PX**2)
    expected = pixels.moved(start)
    moved, normal = start, held
    for scale in _SCALES_PX:
        model = expected if moved is start else pixels.moved(moved)
        weight = 1 / (1 + _squared(seen - model) / np.float32(scale**2)) ** 2
        if scale <= _SURE_PX:
            weight[still & (_squared(model - background[:, None]) > np.float32(_MOVES_PX**2))] = 0
        weight /= np.float32(_ALIKE * max(_FLOW_PX, scale / 4) ** 2)
        normal = equations.normal(weight) + held
        moved = start + np.linalg.solve(normal, equations.right((seen - expected) * weight))
    return _told(moved, normal, pair.prior_px)


def _squared(vectors: Floats) -> Floats:
    """(m,) squared lengths of (2, m)."""
    result: Floats = (vectors * vectors).sum(0)
    return result


def _told(moved: NDArray[Any], normal: NDArray[Any], prior_px: float) -> Fit:
    left = np.diag(np.linalg.inv(normal)).reshape(2, -1).mean(0) / prior_px**2
    return Fit(moved.reshape(2, -1).T.astype(np.float32), (1 - np.clip(left, 0, 1)).astype(np.float32))


def fit_grey(pair: Pair) -> Fit:
    """`grey`: Gauss-Newton on grey levels, coarse to fine."""
    import cv2

    moved = pair.expected.T.reshape(-1).astype(np.float64)
    small = cv2.pyrDown(pair.before), cv2.pyrDown(pair.after)
    moved, _ = _grey_at(small, pair, moved, 0.5, _STEPS[0])
    moved, normal = _grey_at((pair.before, pair.after), pair, moved, 1.0, _STEPS[1])
    return _told(moved, normal, pair.prior_px)


def _grey_at(
    pictures: tuple[Any, Any], pair: Pair, moved: NDArray[Any], scale: float, steps: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Some steps at one size; displacements are those of the pair's own."""
    import cv2

    from fimad.simulate.smoothing.resample import median_of  # brings SciPy, which keys do without

    before, after = (each.astype(np.float32) for each in pictures)
    slopes = [each.astype(np.float32) for each in cv2.spatialGradient(pictures[0])]
    pixels, start = pair.pixels, pair.expected.T.reshape(-1)
    held = np.eye(len(start)) / pair.prior_px**2
    place = (np.stack([pixels.x, pixels.y]) + np.float32(0.5)) * np.float32(scale) - np.float32(0.5)
    x, y = place
    slope = np.stack([cv2.remap(each, x, y, cv2.INTER_LINEAR).ravel() for each in slopes])
    then = cv2.remap(before, x, y, cv2.INTER_LINEAR).ravel()
    # Sobel's slopes; per px of the pair's own.
    equations = pixels.layout.equations(slope * np.float32(scale / 8))
    normal = held
    for _ in range(steps):
        x, y = place + np.float32(scale) * pixels.moved(moved)
        now = cv2.remap(after, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).ravel()
        wrong = then - now
        noise = max(_NOISE_LEVELS, 1.48 * median_of(np.abs(wrong)))
        weight = 1 / (1 + (wrong / np.float32(_OUTLIER * noise)) ** 2) ** 2 / np.float32(_ALIKE * noise**2)
        normal = equations.normal(weight) + held
        step = np.linalg.solve(normal, equations.right((wrong * weight)[None]) + held @ (start - moved))
        moved = moved + step
        if np.abs(step).max() < _DONE_PX:
            break
    return moved, normal


def picture_box(joints: NDArray[Any], others: NDArray[Any], shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """Rows and columns of where a person is in two pictures, with a margin; None if that is nothing."""
    both = np.concatenate([joints, others])
    margin = 0.3 * max(body_size(joints), body_size(others))
    low = np.maximum(both.min(0) - margin, 0).astype(int)
    high = np.minimum(both.max(0) + margin + 1, (shape[1], shape[0])).astype(int)
    if (high - low < 32).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
