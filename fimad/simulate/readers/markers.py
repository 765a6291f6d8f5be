"""Markers and joints by the names that laboratories give them, and landmarks made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.trajectory import Trajectories
from fimad.simulate.types import Floats
from fimad.skeleton import LANDMARKS

Up = Literal["y", "z"]
UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}

# In this order the first that a file has is taken; a plus joins markers whose mean is meant. Where BVH files call a joint
# by the bone that begins there (LeftArm, lhumerus), that comes first, since their LeftShoulder is the collar bone.
# Sources: MediaPipe, COCO, OpenPose and HALPE keypoints (TRC of Pose2Sim), Vicon Plug-in Gait, OpenSim, CMU's ASF and its
# usual BVH conversions.
_PARTS: dict[str, tuple[str, ...]] = {
    "shoulder": ("{side}arm", "{s}humerus", "{side}shoulder", "{s}shoulder", "{s}sho", "{s}acr"),
    "elbow": ("{side}forearm", "{s}radius", "{side}elbow", "{s}elbow", "{s}elb"),
    "wrist": ("{side}hand", "{side}wrist", "{s}wrist", "{s}wra+{s}wrb", "{s}wri"),
    "index": ("{side}index", "{s}index", "{s}wra"),
    "pinky": ("{side}pinky", "{s}pinky", "{s}wrb"),
    "hip": ("{side}upleg", "{s}femur", "{side}hip", "{s}hip", "{s}hjc", "{s}asi+{s}psi", "{s}asis+{s}psis"),
    "knee": ("{side}leg", "{s}tibia", "{side}knee", "{s}knee", "{s}kjc", "{s}lfc+{s}mfc", "{s}kne"),
    "ankle": ("{side}foot", "{s}foot", "{side}ankle", "{s}ankle", "{s}ajc", "{s}lmal+{s}mmal", "{s}ank"),
    "heel": ("{side}heel", "{s}heel", "{s}hee", "{s}cal"),
    "foot_index": ("{side}footindex", "{side}toebase", "{s}toes", "{s}bigtoe", "{s}toe"),
    "ear": ("{side}ear", "{s}ear", "{s}fhd+{s}bhd"),
}
# From hip to ankle an adult has 0.6 to 1.0 m, a child less; units differ by more than that.
_LEG_M = (0.35, 1.1)


@dataclass(frozen=True)
class Markers:
    """What a file holds, in its own names, unit and axes.

    Parameters
    ----------
    time_s : (n,) rising.
    names : of the k markers or joints.
    position : (n, k, 3) in `unit`; NaN where not measured.
    unit : a key of `UNITS_M`, or None if the file does not say.
    up : the vertical axis.
    """

    time_s: Floats
    names: tuple[str, ...]
    position: Floats
    unit: str | None
    up: Up


def landmarks(
    markers: Markers,
    source: str,
    *,
    names: Mapping[str, tuple[str, ...]] | None = None,
    up: Up | None = None,
    unit: str | None = None,
) -> Trajectories:
    """Landmarks in m in the world frame (x right, y away, z up). Raises `ConfigError` where none is found."""
    index = {_plain(name): at for at, name in reversed(list(enumerate(markers.names)))}
    columns: dict[str, list[int]] = {}
    for name in LANDMARKS:
        for wanted in ((names or {}).get(name), *_known(name)):
            if wanted and all(_plain(each) in index for each in wanted):
                columns[name] = [index[_plain(each)] for each in wanted]
                break
    lost = [name for name in names or {} if name not in columns]
    if lost:
        raise ConfigError(
            f"{lost[0]!r} is to be made of {', '.join((names or {})[lost[0]])}, which {source!r} does not hold.",
            "The name of a landmark or marker is misspelt.",
            f"The markers are: {_some(markers.names)}.",
        )
    if not columns:
        raise ConfigError(
            f"{source!r} has no marker whose name fimad knows.",
            f"Its markers are: {_some(markers.names)}.",
            'Say which is which: --map names.json with {"left_wrist": "MARKER", "left_hip": ["ONE", "OTHER"], ...}',
        )
    if not len(markers.time_s) or not bool((np.diff(markers.time_s) > 0).all()):
        raise ConfigError(f"The times of {source!r} do not rise.", "It is damaged, or parts were joined.", "")
    # A mean of markers is known where all of them are.
    position = np.stack([markers.position[:, each].mean(1) for each in columns.values()], 1)
    if (up or markers.up) == "y":
        position = np.stack([position[..., 0], -position[..., 2], position[..., 1]], -1)
    scale = UNITS_M[unit or markers.unit or _likely_unit(position, list(columns), source)]
    weight = np.isfinite(position).all(2).astype(float)
    return Trajectories(markers.time_s, tuple(columns), position * scale, weight)


def _known(landmark: str) -> list[tuple[str, ...]]:
    side, _, part = landmark.partition("_")
    known = [tuple(one.format(side=side, s=side[0]) for one in each.split("+")) for each in _PARTS.get(part, ())]
    return [*known, (landmark,)]


def _plain(name: str) -> str:
    """Without the subject's name before a colon, and without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.rpartition(":")[2].lower())


def _likely_unit(position: Floats, names: list[str], source: str) -> str:
    """The unit in which a leg is as long as legs are."""
    for side in ("left", "right"):
        joints = [f"{side}_{part}" for part in ("hip", "knee", "ankle")]
        if not set(joints) <= set(names):
            continue
        hip, knee, ankle = (position[:, names.index(each)] for each in joints)
        leg = np.nanmedian(np.linalg.norm(hip - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1))
        fitting = [unit for unit, metres in UNITS_M.items() if _LEG_M[0] < leg * metres < _LEG_M[1]]
        if len(fitting) == 1:
            return fitting[0]
        raise ConfigError(
            f"{source!r} does not say its unit, and a leg of {leg:.3g} fits {' and '.join(fitting) or 'none'}.",
            "BVH and CSV files have no unit.",
            f"Give it: --unit {'|'.join(UNITS_M)}",
        )
    raise ConfigError(f"{source!r} does not say its unit.", "", f"Give it: --unit {'|'.join(UNITS_M)}")


def _some(names: tuple[str, ...], most: int = 40) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
