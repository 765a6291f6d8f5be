"""How joints moved from one picture to the next, told from pixels, in two ways that err differently.

`dense`: optical flow of every pixel (Kroeger et al. 2016, arXiv 1603.03590), to which the limbs' motion is fitted robustly.
`grey`: the limbs' motion is fitted to the grey levels themselves, coarse to fine (Lucas & Kanade 1981; articulated as in
Bregler & Malik 1998, doi:10.1109/CVPR.1998.698581). Both start at the landmarks' own motion, and keep to it where pixels
say nothing; how much they say is each joint's share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
# So many pixels are enough for it.
_ENOUGH = 1200
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
        pixels = pair.pixels.every(max(1, len(pair.pixels.x) // _ENOUGH))
        x, y = pixels.x.astype(np.intp), pixels.y.astype(np.intp)
        seen = np.ascontiguousarray(flow[y, x].T)
        return fit_flow(seen, replace(pair, pixels=pixels), _background(flow))


def _background(flow: NDArray[Any]) -> Floats:
    """(2,) median flow at the border of the picture, where the person is not."""
    border = np.concatenate([flow[::4, 0], flow[::4, -1], flow[0, ::4]])
    return np.asarray(np.median(border, axis=0), np.float32)


def fit_flow(seen: Floats, pair: Pair, background: Floats) -> Fit:
    """Robust least squares of joints' displacements.

    Parameters
    ----------
    seen : (2, m) flow of pixels, px.
    pair : what was looked at; where it expects joints is where to begin, and what is kept to where nothing is seen.
    background : (2,) how the background moves.
    """
    basis, start = pair.pixels.basis, pair.expected.T.reshape(-1)
    still = np.hypot(*(seen - background[:, None])) < _STAYS_PX
    moved = start
    held = np.eye(len(start), dtype=np.float32) / np.float32(pair.prior_px**2)
    normal = held
    rows = basis.reshape(-1, basis.shape[2])
    unexplained = seen.reshape(-1) - rows @ start
    weighted = np.empty_like(basis)
    by_rows = weighted.reshape(rows.shape)
    for scale in _SCALES_PX:
        model = np.stack([basis[0] @ moved, basis[1] @ moved])
        wrong = seen - model
        weight = 1 / (1 + (wrong * wrong).sum(0) / scale**2) ** 2
        if scale <= _SURE_PX:
            weight[still & (np.hypot(*(model - background[:, None])) > _MOVES_PX)] = 0
        weight /= _ALIKE * max(_FLOW_PX, scale / 4) ** 2
        np.multiply(basis, weight[:, None], out=weighted)
        normal = by_rows.T @ rows + held
        moved = start + np.linalg.solve(normal, by_rows.T @ unexplained)
    return _told(moved, normal, pair.prior_px)


def _told(moved: NDArray[Any], normal: NDArray[Any], prior_px: float) -> Fit:
    left = np.diag(np.linalg.inv(normal)).reshape(2, -1).mean(0) / prior_px**2
    return Fit(moved.reshape(2, -1).T.astype(np.float32), (1 - np.clip(left, 0, 1)).astype(np.float32))


def fit_grey(pair: Pair) -> Fit:
    """`grey`: Gauss-Newton on grey levels, coarse to fine."""
    import cv2

    moved = pair.expected.T.reshape(-1)
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
    pixels, start = pair.pixels, pair.expected.T.reshape(-1)
    x, y = ((at + 0.5) * np.float32(scale) - np.float32(0.5) for at in (pixels.x, pixels.y))
    slopes = [cv2.Sobel(before, cv2.CV_32F, *way, ksize=3, scale=1 / 8) for way in ((1, 0), (0, 1))]
    across, along = (cv2.remap(each, x, y, cv2.INTER_LINEAR).ravel() for each in slopes)
    then = cv2.remap(before, x, y, cv2.INTER_LINEAR).ravel()
    jacobian, weighted = pixels.basis[0] * across[:, None], pixels.basis[1] * along[:, None]
    jacobian += weighted
    jacobian *= np.float32(scale)
    held = np.eye(len(start), dtype=np.float32) / np.float32(pair.prior_px**2)
    normal = held
    for _ in range(steps):
        there_x, there_y = (
            at + np.float32(scale) * (each @ moved) for at, each in zip((x, y), pixels.basis, strict=True)
        )
        now = cv2.remap(after, there_x, there_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).ravel()
        wrong = then - now
        noise = max(_NOISE_LEVELS, 1.48 * median_of(np.abs(wrong)))
        weight = 1 / (1 + (wrong / np.float32(_OUTLIER * noise)) ** 2) ** 2 / np.float32(_ALIKE * noise**2)
        np.multiply(jacobian, weight[:, None], out=weighted)
        normal = weighted.T @ jacobian + held
        step = np.linalg.solve(normal, weighted.T @ wrong + held @ (start - moved))
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
