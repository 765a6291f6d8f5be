"""Pose estimators of other makers: keypoints by name in, the 33 landmarks of the pipeline out.

A plug-in is a class derived from `KeypointEstimator`, named by an entry point of the group ``fimad.pose_estimators``:

    [project.entry-points."fimad.pose_estimators"]
    mine = "my_package:MyEstimator"

and chosen by ``pose.backend = "mine"``. It looks at one picture and gives the people in it; following one person, filling in landmarks
that it does not have, and depth where it has none happen here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fimad.errors import ConfigError
from fimad.pose.landmarker import Landmarks, Picture
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

Floats = NDArray[np.float32]

GROUP = "fimad.pose_estimators"
#: The estimators that fimad brings, by the name of `pose.backend`; the first two have weights of their own (`pose.model`).
BUILT_IN = ("litert", "mediapipe")
_OWN = {"rtmpose": "fimad.pose.rtmpose:RtmPose"}
# Share of the picture's size: a trunk's middle that moves further between two frames belongs to somebody else.
_JUMP = 0.25
_LOST_S = 1.0
# Lengths over the standing height (Drillis and Contini 1966); their largest picture over time is that of the limb seen square on.
_SHARES = {
    ("shoulder", "hip"): 0.288, ("hip", "knee"): 0.245, ("knee", "ankle"): 0.246, ("shoulder", "elbow"): 0.186,
    ("elbow", "wrist"): 0.146,
}  # fmt: skip
_HEIGHT_M = 1.7
# A standard deviation of so much of the person's height makes a keypoint half as good as its score.
_HALF_AS_GOOD = 0.02


@dataclass(frozen=True, slots=True)
class Keypoints:
    """One person in one picture, as an estimator sees it.

    Parameters
    ----------
    image : (k, 2) x and y in fractions of the picture's width and height, y down; NaN where not found.
    score : (k,) 0 to 1: how sure each is.
    world_m : (k, 3) in m, camera axes (x right, y down, z forward), about any point; None if it has no depth.
    sigma : (k,) standard uncertainty of `image` in fractions of the width; None if it is not told.
    """

    image: Floats
    score: Floats
    world_m: Floats | None = None
    sigma: Floats | None = None


class KeypointEstimator(ABC):
    """What a plug-in derives from.

    Class attributes
    ----------------
    names : of its k keypoints; those of `skeleton.LANDMARKS` are used, others are ignored.
    requires : import names of libraries that it needs.

    Parameters
    ----------
    options : `pose.options` of the configuration; they are part of the stage's key.
    threads : native threads that it may use.

    Examples
    --------
    >>> class Middle(KeypointEstimator):
    ...     names = ("left_hip", "right_hip")
    ...     def look(self, rgb):
    ...         half = np.full((2, 2), 0.5, np.float32)
    ...         return [Keypoints(half, np.ones(2, np.float32))]
    >>> len(Middle({}).look(np.zeros((4, 4, 3), np.uint8)))
    1
    """

    names: ClassVar[tuple[str, ...]]
    requires: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: Mapping[str, str], threads: int = 1) -> None:
        self.options = options

    @classmethod
    def files(cls, options: Mapping[str, str]) -> tuple[Path, ...]:
        """Files of weights; their hashes are part of the stage's key, so that other bytes are another dataset."""
        return ()

    @abstractmethod
    def look(self, rgb: NDArray[np.uint8]) -> Sequence[Keypoints]:
        """The people in an (h, w, 3) RGB picture, in any order. Deterministic."""

    def close(self) -> None:
        """Free what it holds."""


def estimator_class(name: str) -> type[KeypointEstimator]:
    """The plug-in of that name. Raises `ConfigError` if nothing that is installed has it."""
    found = {each.name: each for each in entry_points(group=GROUP)}
    if name in found:
        loaded = found[name].load()
    elif name in _OWN:
        module, _, attribute = _OWN[name].partition(":")
        from importlib import import_module

        loaded = getattr(import_module(module), attribute)
    else:
        raise ConfigError(
            f"There is no pose estimator {name!r}.",
            "`pose.backend` is misspelt, or the package that brings it is not installed.",
            f"There are: {', '.join([*BUILT_IN, *_OWN, *sorted(found)])}.",
        )
    if not (isinstance(loaded, type) and issubclass(loaded, KeypointEstimator)):
        raise ConfigError(
            f"The pose estimator {name!r} is no KeypointEstimator.",
            "Its package was written for something else.",
            "Derive it from fimad.pose.KeypointEstimator.",
        )
    return loaded


class PluginLandmarker:
    """`PoseEstimator` on a plug-in: follows one person, and makes the 33 landmarks of what there is.

    Landmarks that the plug-in does not have are put where the nearest one is, with visibility 0, so that nothing rests on them.
    Without depth, every landmark is as far away as the hips; the lengths of limbs give depth back where they look short
    (`fimad.simulate.lifting.body`), and the person counts as 1.7 m tall unless `simulate.height_m` says otherwise.
    """

    def __init__(self, estimator: KeypointEstimator, *, min_score: float = 0.5) -> None:
        self._estimator = estimator
        self._min_score = min_score
        self._columns = {name: at for at, name in enumerate(estimator.names) if name in LANDMARK_INDEX}
        needed = [f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "hip")]
        lacking = [name for name in needed if name not in self._columns]
        if lacking:
            raise ConfigError(
                f"The pose estimator has no {', '.join(lacking)}.",
                "A body without trunk can't be placed.",
                "Give its keypoints the names of fimad.skeleton.LANDMARKS.",
            )
        self._donor = [self._nearest(name) for name in LANDMARKS]
        self._track = -1
        self.reset()

    def _nearest(self, name: str) -> int:
        """The plug-in's column that stands for a landmark: its own, or that of the next joint towards the trunk."""
        side, _, part = name.partition("_")
        fallbacks = {
            **dict.fromkeys(("pinky", "index", "thumb"), ("wrist", "elbow", "shoulder")),
            **dict.fromkeys(("heel", "foot_index"), ("ankle", "knee", "hip")),
            "wrist": ("elbow", "shoulder"), "elbow": ("shoulder",), "ankle": ("knee", "hip"), "knee": ("hip",),
        }.get(part, ())  # fmt: skip
        for each in (name, *(f"{side}_{other}" for other in fallbacks), "nose", f"{side}_ear", f"{side}_shoulder"):
            if each in self._columns:
                return self._columns[each]
        return self._columns["left_shoulder"]

    def fresh(self) -> PluginLandmarker:
        """One for another clip, with the same models."""
        other = copy(self)
        other._track = -1
        other.reset()
        return other

    def reset(self) -> None:
        """Begin another shot."""
        self._last: Floats | None = None
        self._seen_s = -np.inf
        self._height_px = 0.0

    def close(self) -> None:
        """Free the models."""
        self._estimator.close()

    def __call__(self, view: Picture, time_s: float) -> Landmarks | None:
        """The person that was followed, else the largest."""
        people = [each for each in self._estimator.look(view.rgb) if self._score(each) >= self._min_score]
        if not people:
            return None
        size = np.array(view.size_px, np.float32)
        middles = [np.nanmean(each.image[self._trunk()], axis=0) for each in people]
        if self._last is not None and time_s - self._seen_s <= _LOST_S:
            apart = [float(np.linalg.norm(middle - self._last)) for middle in middles]
            chosen = int(np.argmin(apart))
            same = apart[chosen] <= _JUMP
        else:
            spans = [float(np.nanmax(each.image[:, 1]) - np.nanmin(each.image[:, 1])) for each in people]
            chosen, same = int(np.argmax(spans)), False
        if not same:
            self._track += 1
            self._height_px = 0.0
        self._last, self._seen_s = middles[chosen], time_s
        return self._landmarks(people[chosen], size)

    def _trunk(self) -> list[int]:
        return [self._columns[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "hip")]

    def _score(self, person: Keypoints) -> float:
        trunk = self._trunk()
        if not np.isfinite(person.image[trunk]).all():
            return 0.0
        return float(np.mean(np.clip(person.score, 0, 1)))

    def _landmarks(self, person: Keypoints, size_px: Floats) -> Landmarks:
        known = np.asarray(np.isfinite(person.image).all(1))
        trunk = np.nanmean(person.image[self._trunk()], axis=0)
        places = np.where(known[:, None], person.image, trunk).astype(np.float32)[self._donor]
        score = np.where(known, np.clip(person.score, 0, 1), 0).astype(np.float32)
        pixels = person.image * size_px
        metres = self._metres_per_px(pixels)
        if person.sigma is not None:
            share = np.nan_to_num(person.sigma, nan=1.0) * size_px[0] * metres / _HEIGHT_M
            score = score / (1 + (share / _HALF_AS_GOOD) ** 2).astype(np.float32)
        own = np.array([name in self._columns for name in LANDMARKS])
        visibility = np.where(own, score[self._donor], 0).astype(np.float32)
        if person.world_m is not None:
            world = person.world_m.astype(np.float32)
            world = np.where(np.isfinite(world), world, np.nanmean(world[self._trunk()], axis=0))[self._donor]
        else:
            world = np.concatenate([places * size_px * metres, np.zeros((len(LANDMARKS), 1))], 1).astype(np.float32)
        hips = [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]
        world = world - world[hips].mean(0)
        depth = world[:, 2:] / max(metres * float(size_px[0]), 1e-9)
        return Landmarks(
            image=np.concatenate([places, depth], 1).astype(np.float32),
            world_m=world.astype(np.float32),
            visibility=visibility,
            presence=visibility,
            score=self._score(person),
            track=self._track,
        )

    def _metres_per_px(self, pixels: Floats) -> float:
        """From the largest that the person's limbs have looked, since what is turned away looks short."""
        heights = []
        for (one, other), share in _SHARES.items():
            for side in ("left", "right"):
                ends = self._columns.get(f"{side}_{one}"), self._columns.get(f"{side}_{other}")
                if ends[0] is not None and ends[1] is not None:
                    length = float(np.linalg.norm(pixels[ends[0]] - pixels[ends[1]]))
                    if np.isfinite(length):
                        heights.append(length / share)
        if heights:
            self._height_px = max(self._height_px, float(np.median(heights)))
        return _HEIGHT_M / max(self._height_px, 1e-6)
