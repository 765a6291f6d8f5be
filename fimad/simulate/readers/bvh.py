"""BVH (Biovision hierarchy): a skeleton and its joints' angles, with bvhio."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.simulate.readers.markers import Markers


def read(path: Path) -> Markers:
    """The joints of a BVH file by forward kinematics; y is up. A joint is called by the bone that begins there."""
    try:
        import bvhio
    except ImportError as error:
        raise SetupError("bvhio is not installed.", "BVH files need it.", "pip install 'fimad[mocap]'") from error
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            found = re.search(r"^Frame Time:\s*(\S+)", file.read(), re.MULTILINE)
        step_s = float(found[1]) if found else 0.0
        if not 1e-4 < step_s < 1:
            raise ValueError(f"its frame time is {step_s} s")
        root = bvhio.readAsHierarchy(str(path))
        first, last = root.getKeyframeRange()
        joints = [joint for joint, _, _ in root.layout()]
        position = np.empty((last - first + 1, len(joints), 3))
        for at in range(len(position)):
            root.loadPose(first + at)
            position[at] = [tuple(joint.PositionWorld) for joint in joints]
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, SyntaxError, RecursionError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as BVH: {str(error)[:200]}.", "It is damaged or something else.", ""
        ) from error
    names = tuple(str(joint.Name) for joint in joints)
    return Markers(np.arange(len(position), dtype=float) * step_s, names, position, None, "y")
