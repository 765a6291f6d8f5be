"""The limbs of one person followed along a clip: joints' displacements from each picture to the next, by both estimators.

Where frame rates were converted, pictures are shown twice. Landmarks between a picture and its repeat are not taken for motion: else
both estimators would begin at what no pixel made, and keep to it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.media.flow.estimators import DenseFlow, Fit, fit_grey, look
from fimad.skeleton import FLOW_JOINTS, LANDMARK_INDEX

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]

# Where limbs are is taken from landmarks without their quickest noise: standard deviation of the weights over time, and their reach.
_SMOOTH_S = 0.05
_REACH_S = 0.12
# A picture that changed by less than this share of what those on both sides did, up to so many of them, is the one before again.
_REPEAT_SHARE = 0.1
_BESIDE = 2
# Pixels that differ by no more than this, in levels, differ in how they were encoded.
_CODING_LEVELS = 2
# Rows of the pictures whose change is measured.
_ROWS_COMPARED = 90
# Joints less visible than this are guesses.
_VISIBLE = 0.3
_ROWS = [LANDMARK_INDEX[name] for name in FLOW_JOINTS[1:]]
_EARS = [LANDMARK_INDEX[f"{side}_ear"] for side in ("left", "right")]


@dataclass
class LimbMotion:
    """What was measured of n pictures.

    Parameters
    ----------
    dense, grey : (j, 2) each, displacement of joints since the picture before, in fractions of the picture's width.
    dense_share, grey_share : (j,) each, how much of it pixels told.

    NaN, and shares of 0, where nothing could be measured.
    """

    dense: list[Floats] = field(default_factory=list)
    grey: list[Floats] = field(default_factory=list)
    dense_share: list[Floats] = field(default_factory=list)
    grey_share: list[Floats] = field(default_factory=list)

    def columns(self) -> dict[str, Floats]:
        """Each of them as an array, (n, j, 2) or (n, j)."""
        count = len(FLOW_JOINTS)
        return {
            name: np.array(values, np.float32).reshape(-1, count, *shape)
            for name, values, shape in (
                ("dense", self.dense, (2,)),
                ("grey", self.grey, (2,)),
                ("dense_share", self.dense_share, ()),
                ("grey_share", self.grey_share, ()),
            )
        }

    def add(self, fits: tuple[Fit, Fit] | None, width: int) -> None:
        """One more picture."""
        if fits is None:
            nothing = Fit(np.full((len(FLOW_JOINTS), 2), np.nan, np.float32), np.zeros(len(FLOW_JOINTS), np.float32))
            fits = nothing, nothing
        for name, fit in zip(("dense", "grey"), fits, strict=True):
            getattr(self, name).append(fit.moved / np.float32(width))
            getattr(self, f"{name}_share").append(fit.share)


@dataclass(frozen=True, eq=False)
class _Seen:
    time_s: float
    grey: Grey
    joints: Floats
    depth: Floats
    visible: NDArray[np.bool_]
    change: float


class PersonSeen(Protocol):
    """Landmarks (33, 3) of a person in fractions of width and height, their (33,) visibility, and a number for the person."""

    @property
    def image(self) -> NDArray[Any]: ...
    @property
    def visibility(self) -> NDArray[Any]: ...
    @property
    def track(self) -> int: ...


class LimbFollower:
    """Measures a picture once those around it are known: landmarks are smoothed without lag."""

    def __init__(self) -> None:
        self._motion = LimbMotion()
        self._dense = DenseFlow()
        self._shape = (0, 0)
        # Those around the next picture to be measured; `_at` is its place.
        self._run: deque[_Seen] = deque()
        self._at = 0
        self._track = -1
        self._small: Grey | None = None

    def push(self, time_s: float, grey: Grey | None, person: PersonSeen | None) -> None:
        """The next picture: (h, w) luminance, and who is in it; None if nobody was found."""
        if grey is None or person is None or not np.isfinite(person.image).all():
            self._finish_run()
            self._motion.add(None, 1)
            return
        if person.track != self._track or grey.shape != self._shape:
            self._finish_run()
        self._track, self._shape = person.track, (grey.shape[0], grey.shape[1])
        image, visibility = person.image, person.visibility
        points = np.concatenate([image[_EARS].mean(0, keepdims=True), image[_ROWS]])
        seen = np.concatenate([visibility[_EARS].max(keepdims=True), visibility[_ROWS]]) >= _VISIBLE
        scale = np.array([grey.shape[1], grey.shape[0]], np.float32)
        joints = (points[:, :2] * scale).astype(np.float32)
        self._run.append(_Seen(time_s, grey, joints, points[:, 2], seen, self._change(grey)))
        while self._at < len(self._run) and time_s - self._run[self._at].time_s >= _REACH_S:
            self._measure()

    def finish(self) -> LimbMotion:
        """What was measured of all pictures that were pushed."""
        self._finish_run()
        return self._motion

    def _finish_run(self) -> None:
        while self._at < len(self._run):
            self._measure()
        self._run.clear()
        self._at, self._track, self._small = 0, -1, None

    def _measure(self) -> None:
        """Measure the picture at `_at`, against the one before it."""
        at = self._at
        self._motion.add(self._fits(at) if at else None, self._shape[1])
        self._at += 1
        while self._at > 1 and self._run[self._at - 1].time_s - self._run[0].time_s > _REACH_S:
            self._run.popleft()
            self._at -= 1

    def _fits(self, at: int) -> tuple[Fit, Fit] | None:
        repeats = self._repeats()
        before, after = self._run[at - 1], self._run[at]
        was, now = (self._smooth(i, repeats) for i in (at - 1, at))
        found = look((before.grey, was), (after.grey, now), before.depth, before.visible & after.visible)
        if found is None:
            return None
        pair, scale = found
        fits = self._dense(pair), fit_grey(pair)
        return Fit(fits[0].moved * scale, fits[0].share), Fit(fits[1].moved * scale, fits[1].share)

    def _change(self, grey: Grey) -> float:
        """How much a picture differs from the one before, levels; NaN where none is known."""
        import cv2

        step = max(1, grey.shape[0] // _ROWS_COMPARED)
        size = max(1, grey.shape[1] // step), max(1, grey.shape[0] // step)
        # Whole blocks alone: means of broken ones take six times as long.
        whole = grey[: size[1] * step, : size[0] * step]
        before, self._small = self._small, np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
        if before is None:
            return float("nan")
        return float(
            cv2.mean(cv2.threshold(cv2.absdiff(before, self._small), _CODING_LEVELS, 0, cv2.THRESH_TOZERO)[1])[0]
        )

    def _repeats(self) -> NDArray[np.bool_]:
        """(n,) which pictures around the one to be measured are those before them again."""
        change = np.array([each.change for each in self._run])
        least = np.full(len(change), np.inf)
        for way in (-1, 1):
            beside = np.full((_BESIDE, len(change)), np.nan)
            for away in range(1, min(_BESIDE, len(change) - 1) + 1):
                to, of = (slice(away, None), slice(None, -away))[::-way]
                beside[away - 1, to] = change[of]
            # Where one side is not known, the other one tells.
            least = np.fmin(least, np.fmax.reduce(beside))
        result: NDArray[np.bool_] = np.isfinite(least) & (change < _REPEAT_SHARE * least)
        return result

    def _smooth(self, at: int, repeats: NDArray[np.bool_]) -> Floats:
        """Where joints are in a picture; in a repeat, where they were in the picture that it repeats."""
        first = max((i for i in range(at + 1) if not repeats[i]), default=at)
        times = np.array([each.time_s for each in self._run])
        if repeats.any() and len(new := np.flatnonzero(~repeats)) > 1:
            # Pictures were taken evenly, and shown as the repeats between them allow.
            times[new] = np.linspace(times[new[0]], times[new[-1]], len(new))
        times -= times[first]
        near = (np.abs(times) <= _REACH_S + 1e-6) & ~repeats
        near[first] = True
        weight = np.where(near, np.exp(-0.5 * (times / _SMOOTH_S) ** 2), 0.0)
        places = np.stack([each.joints for each in self._run])
        result: Floats = np.tensordot(weight / weight.sum(), places, 1).astype(np.float32)
        return result
