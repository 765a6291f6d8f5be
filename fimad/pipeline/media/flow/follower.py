"""The limbs of one person followed along a clip: joints' displacements from each picture to the next, by both estimators."""

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
        self._run.append(_Seen(time_s, grey, (points[:, :2] * scale).astype(np.float32), points[:, 2], seen))
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
        self._at, self._track = 0, -1

    def _measure(self) -> None:
        """Measure the picture at `_at`, against the one before it."""
        at = self._at
        self._motion.add(self._fits(at) if at else None, self._shape[1])
        self._at += 1
        while self._at > 1 and self._run[self._at - 1].time_s - self._run[0].time_s > _REACH_S:
            self._run.popleft()
            self._at -= 1

    def _fits(self, at: int) -> tuple[Fit, Fit] | None:
        before, after = self._run[at - 1], self._run[at]
        was, now = self._smooth(at - 1), self._smooth(at)
        found = look((before.grey, was), (after.grey, now), before.depth, before.visible & after.visible)
        if found is None:
            return None
        pair, scale = found
        fits = self._dense(pair), fit_grey(pair)
        return Fit(fits[0].moved * scale, fits[0].share), Fit(fits[1].moved * scale, fits[1].share)

    def _smooth(self, at: int) -> Floats:
        times = np.array([each.time_s for each in self._run]) - self._run[at].time_s
        near = np.abs(times) <= _REACH_S + 1e-6
        weight = np.where(near, np.exp(-0.5 * (times / _SMOOTH_S) ** 2), 0.0)
        places = np.stack([each.joints for each in self._run])
        result: Floats = np.tensordot(weight / weight.sum(), places, 1).astype(np.float32)
        return result
