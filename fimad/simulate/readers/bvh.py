"""BVH (Biovision hierarchy): a skeleton and its joints' angles. bvhio reads the skeleton; the angles are one table."""

from __future__ import annotations

import re
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.simulate.readers.markers import Markers
from fimad.simulate.types import Floats

_DEEPEST = 200


def read(path: Path) -> Markers:
    """The joints of a BVH file by forward kinematics, with their orientations. By custom y is up; there is no unit.

    A joint that other joints hang from is called as it is; where a limb ends without a joint, its end site is called
    ``NAME_end``. Channels of position replace a joint's offset, as in all programs that write them.
    """
    try:
        import bvhio
    except ImportError as error:
        raise SetupError("bvhio is not installed.", "BVH files need it.", "pip install 'fimad[mocap]'") from error
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        head, _, motion = text.partition("\nMOTION")
        if head.count("{") > 10 * _DEEPEST or not motion:
            raise ValueError("it has no MOTION, or thousands of joints")
        found = re.search(r"Frames:\s*(\d+)\s*\n\s*Frame Time:\s*(\S+)[^\n]*\n", motion, re.IGNORECASE)
        if found is None:
            raise ValueError("it has no Frames and Frame Time")
        step_s = float(found[2])
        if not 1e-4 < step_s < 1:
            raise ValueError(f"its frame time is {step_s} s")
        with tempfile.TemporaryDirectory() as folder:
            skeleton = Path(folder) / "skeleton.bvh"
            skeleton.write_text(
                _one_word_names(head) + f"\nMOTION\nFrames: 0\nFrame Time: {step_s}\n", encoding="utf-8"
            )
            root: Any = bvhio.readAsBvh(str(skeleton), loadKeyFrames=False).Root
        joints = _layout(root)
        width = sum(len(joint.Channels) for joint, _ in joints)
        rows = np.array(motion[found.end() :].split(), float)
        if not len(rows) or not width or len(rows) % width:
            raise ValueError(f"its {len(rows)} numbers are not rows of {width}")
        position, rotation = _kinematics(joints, rows.reshape(-1, width))
    except (
        OSError,
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
        SyntaxError,
        RecursionError,
        MemoryError,
    ) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as BVH: {str(error)[:200]}.",
            "It is damaged or something else.",
            "Export it anew as BVH.",
        ) from error
    names = [str(joint.Name) for joint, _ in joints]
    notes: dict[str, Any] = {"format": "bvh"}
    stated = int(found[1])
    if stated != len(position):
        notes["frames_stated"] = stated
    return Markers(
        np.arange(len(position), dtype=float) * step_s,
        tuple(names),
        position,
        None,
        "y",
        rate_hz=_rate(step_s),
        rotation=rotation,
        notes=notes,
    )


def _rate(step_s: float) -> float:
    """Frames a second of a printed frame time: .0083333 means 120, .033 means 30."""
    rate = 1 / step_s
    near = round(rate)
    return float(near) if near and abs(1 / near - step_s) < 2e-3 * step_s else rate


def _one_word_names(head: str) -> str:
    """Joints of 3ds Max's Biped have names with blanks, of which bvhio keeps the first word."""

    def join(match: re.Match[str]) -> str:
        return f"{match[1]} {re.sub(r'[^!-~]+', '_', match[2].strip()) or 'joint'}"

    return re.sub(r"^[ \t]*(ROOT|JOINT)[ \t]+([^\n{]*)", join, head, flags=re.MULTILINE)


def _layout(root: Any) -> list[tuple[Any, int]]:
    """Joints in the order of the file, each with its parent's place."""
    joints: list[tuple[Any, int]] = []
    waiting = [(root, -1)]
    while waiting:
        joint, parent = waiting.pop()
        joints.append((joint, parent))
        waiting += [(child, len(joints) - 1) for child in reversed(joint.Children)]
    return joints


def _kinematics(joints: list[tuple[Any, int]], rows: Floats) -> tuple[Floats, Floats]:
    """(n, k, 3) positions and (n, k, 3, 3) rotations of joints from an (n, channels) table."""
    from scipy.spatial.transform import Rotation

    count = len(rows)
    position = np.empty((count, len(joints), 3))
    rotation = np.empty((count, len(joints), 3, 3))
    first = 0
    for at, (joint, parent) in enumerate(joints):
        channels = [str(each).lower() for each in joint.Channels]
        values = dict(zip(channels, rows[:, first : first + len(channels)].T, strict=True))
        first += len(channels)
        order = "".join(each[0].upper() for each in channels if each.endswith("rotation"))
        place = np.tile(np.array(tuple(joint.Offset), float), (count, 1))
        for axis, letter in enumerate("xyz"):
            if f"{letter}position" in values:
                place[:, axis] = values[f"{letter}position"]
        turn = np.tile(np.eye(3), (count, 1, 1))
        if order:
            angles = np.stack([values[f"{letter.lower()}rotation"] for letter in order], 1)
            if any(one == other for one, other in pairwise(order)):
                raise ValueError(f"{joint.Name} turns twice about one axis")
            turn = Rotation.from_euler(order, angles, degrees=True).as_matrix()
        if parent < 0:
            position[:, at], rotation[:, at] = place, turn
        else:
            position[:, at] = position[:, parent] + np.einsum("nij,nj->ni", rotation[:, parent], place)
            rotation[:, at] = rotation[:, parent] @ turn
    return position, rotation
