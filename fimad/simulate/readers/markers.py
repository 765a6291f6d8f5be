"""What a motion capture file holds, and landmarks made of it.

`Markers` is the file in its own names, unit and axes. `landmarks` turns it into `Trajectories` in the world frame, and believes
nothing that a human body contradicts: unit and size (`proportions`), the vertical (`proportions`), times (`clocks`), frames
that no motion leads to (`jumps`). What it guessed stands in the notes; what can't be decided is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.lifting.trajectory import Trajectories
from fimad.simulate.readers import clocks, jumps, proportions
from fimad.simulate.readers.names import columns_of, segment_joints, some
from fimad.simulate.types import Bools, Floats

Up = Literal["x", "y", "z", "-x", "-y", "-z"]
#: CMU's unit is that of its ASF files (`length 0.45`): 1 / 0.45 inches.
UNITS_M = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048, "cmu": 0.0254 / 0.45}
# No room that people are measured in is larger; what lies outside stands for something else (9999999, -16512).
_ROOM_M = 200.0


@dataclass(frozen=True)
class Markers:
    """What a file holds, in its own names, unit and axes.

    Parameters
    ----------
    time_s : (n,) as written.
    names : of the k markers or joints.
    position : (n, k, 3) in `unit`; NaN where not measured.
    unit : a key of `UNITS_M`, or None if the file does not say.
    up : the vertical axis, by the file or by its format's custom.
    rate_hz : frames a second, where the file states it.
    resolution_s : the smallest step that the file's times can tell; 0 if they are not rounded.
    rotation : (n, k, 3, 3) from each joint's own frame to the file's axes, or None where the file has no orientations.
    up_guessed : whether `up` is a guess, for want of a custom, that the body's own way wins over.
    notes : what the reader had to decide, for the report.
    """

    time_s: Floats
    names: tuple[str, ...]
    position: Floats
    unit: str | None
    up: Up
    rate_hz: float | None = None
    resolution_s: float = 0.0
    rotation: Floats | None = None
    up_guessed: bool = False
    notes: dict[str, Any] = field(default_factory=dict)


def landmarks(
    markers: Markers,
    source: str,
    *,
    names: Mapping[str, str | Sequence[str]] | None = None,
    up: Up | None = None,
    unit: str | None = None,
    subject: str | None = None,
) -> Trajectories:
    """Landmarks in m in the world frame (x right, y away, z up). Raises `ConfigError` where that can't be told."""
    if up is not None and up not in _AXES:
        raise ConfigError(f"There is no vertical {up!r}.", "It is misspelt.", f"Say one of {', '.join(_AXES)}.")
    if unit is not None and unit not in UNITS_M:
        raise ConfigError(f"There is no unit {unit!r}.", "It is misspelt.", f"Say one of {', '.join(UNITS_M)}.")
    notes = dict(markers.notes)
    position = _seen(markers)
    columns, who = columns_of(markers, source, names, subject, position)
    if who:
        notes["subject"] = who
    # A mean of markers is known where all of them are.
    points = np.stack([position[:, each].mean(1) for each in columns.values()], 1)
    if not np.isfinite(points).all(2).any():
        raise ConfigError(
            f"{source!r} measures none of {some(tuple(columns))}.",
            "All their values are empty, zero or stand for 'not seen'.",
            "Look at the file with --list; name other markers with --map.",
        )
    flat = [axis for at, axis in enumerate("xyz") if not np.nan_to_num(points[..., at]).any()]
    if flat:
        # Sports2D's results in metres: a plane, in which motion is right, and nothing across it.
        notes["flat_axis"] = flat[0]
    time_s, clock = clocks.fitted(markers.time_s, markers.rate_hz, markers.resolution_s, source)
    notes.update(clock)
    landmark_names = tuple(columns)
    unit, said = proportions.settle_unit(points, landmark_names, unit, markers.unit, UNITS_M, source)
    notes.update(said)
    stated = (proportions.likely_up(points, landmark_names) if markers.up_guessed else None) or markers.up
    axes, said = proportions.settle_up(points, landmark_names, up, stated, source)
    notes.update({**said, **({"up_source": "body"} if markers.up_guessed and up is None else {})})
    turn = _AXES[axes]
    points = points @ turn.T * UNITS_M[unit]
    points[np.abs(points).max(2) > _ROOM_M] = np.nan
    points, breaks, said = jumps.mend(time_s, points, landmark_names)
    notes.update(said)
    weight = np.isfinite(points).all(2).astype(float)
    rotations: Mapping[str, Any] = _rotations(markers, columns, turn) if markers.rotation is not None else {}
    return Trajectories(time_s, landmark_names, points, weight, breaks=breaks, rotations=rotations, notes=notes)


def _seen(markers: Markers) -> Floats:
    """Positions with what stands for 'not seen' as NaN: a point at exactly 0 0 0 that is elsewhere at other times."""
    position = markers.position.copy()
    # Joints of a skeleton are always there, and a root may well stand in the origin.
    joint = np.zeros(position.shape[:2], bool)
    if markers.rotation is not None:
        joint |= np.isfinite(markers.rotation).all((2, 3)).any(0)
    zero = (position == 0).all(2) & ~joint
    # A point that never leaves the origin is the origin (hip-centred skeletons), not a lost marker.
    position[zero & ~zero.all(0)] = np.nan
    # Three equal coordinates are a sentinel (-9999 -9999 -9999).
    position[(position[..., :1] == position[..., 1:]).all(2) & ~zero & ~joint] = np.nan
    return position


#: World from file, by the file's vertical. People face y- in the world where the file's custom is known to face z+ (y up).
_AXES: dict[str, Floats] = {
    "z": np.eye(3),
    "-z": np.diag([1.0, -1.0, -1.0]),
    "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "x": np.array([[0, 1.0, 0], [0, 0, 1], [1, 0, 0]]),
    "-x": np.array([[0, 1.0, 0], [0, 0, -1], [-1, 0, 0]]),
}


def _rotations(markers: Markers, columns: Mapping[str, list[int]], turn: Floats) -> dict[str, Floats]:
    """By segment: (n, 3, 3) from the joint's own frame to the world, of the joint that carries the segment."""
    assert markers.rotation is not None  # noqa: S101  (asked for only then)
    turned: Bools = np.asarray(np.isfinite(markers.rotation).all((2, 3)).any(0))
    found = segment_joints(markers.names, columns, turned)
    return {segment: turn @ markers.rotation[:, at] for segment, at in found.items()}
