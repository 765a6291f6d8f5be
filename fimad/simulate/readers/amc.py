"""ASF/AMC (Acclaim): a skeleton in one file, its joints' angles in another, as CMU's motion capture database has them.

Format: https://research.cs.wisc.edu/graphics/Courses/cs-838-1999/Jeff/ASF-AMC.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError
from fimad.simulate.readers.markers import Markers
from fimad.simulate.types import Floats

#: CMU recorded at 120 frames a second; the files do not say it.
_RATE_HZ = 120.0
_ROOT = "root"


@dataclass
class _Bone:
    parent: str = ""
    direction: Floats = field(default_factory=lambda: np.zeros(3))
    length: float = 0.0
    axis: Rotation = field(default_factory=Rotation.identity)
    degrees_of_freedom: tuple[str, ...] = ()


def read(path: Path, skeleton: Path | None = None) -> Markers:
    """Joints of an AMC file by forward kinematics, with the orientations of bones. By custom y is up.

    A joint is called by the bone that begins there, the end of a chain ``NAME_end``. The skeleton is `skeleton`, else the .asf
    file of the same name, else the only one in the folder.
    """
    skeleton = skeleton or _beside(path)
    try:
        unit, bones = _skeleton(skeleton.read_text(encoding="utf-8", errors="replace"))
        channels = _motion(path.read_text(encoding="utf-8", errors="replace"))
        if _ROOT not in channels or channels[_ROOT].shape[1] != 6:
            raise ValueError("it moves no root")
        unknown = sorted(set(channels) - set(bones) - {_ROOT})
        if unknown:
            raise ValueError(f"it moves {unknown[0]!r}, which the skeleton {skeleton.name!r} does not have")
        names, position, rotation = _kinematics(bones, channels)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as AMC: {str(error)[:200]}.",
            "It is damaged, or its skeleton is another person's.",
            "Give its skeleton: --skeleton FILE.asf",
        ) from error
    rate_hz = _RATE_HZ
    return Markers(
        np.arange(len(position)) / rate_hz,
        names,
        position,
        unit,
        "y",
        rate_hz=rate_hz,
        rotation=rotation,
        notes={"format": "amc", "skeleton": skeleton.name, "rate": "120 Hz, by custom"},
    )


def _beside(path: Path) -> Path:
    twin = path.with_suffix(".asf")
    if twin.is_file():
        return twin
    others = sorted(path.parent.glob("*.asf"))
    # CMU calls the skeleton by the subject alone: 16.asf for 16_15.amc.
    subject = [each for each in others if path.stem.startswith(each.stem + "_")]
    if len(subject) == 1 or len(others) == 1:
        return (subject or others)[0]
    raise ConfigError(
        f"{path.name!r} has no skeleton.",
        f"An AMC file holds angles alone; beside it there are {len(others)} .asf files, none of its name.",
        "Give it: --skeleton FILE.asf",
    )


def _skeleton(text: str) -> tuple[str | None, dict[str, _Bone]]:
    """The unit, and bones by name, parents first."""
    section, name, unit, degrees = "", "", None, True
    bones: dict[str, _Bone] = {}
    parents: dict[str, str] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0].startswith(":"):
            section = words[0].lower()
        elif section == ":units" and words[0] == "length":
            # Lengths are in inches times this: 0.45 at CMU, 1 elsewhere.
            unit = {0.45: "cmu", 1.0: "in"}.get(float(words[1]))
        elif section == ":units" and words[0] == "angle":
            degrees = words[1].lower().startswith("deg")
        elif section == ":bonedata":
            if words[0] == "name":
                name = words[1]
                bones[name] = _Bone()
            elif words[0] == "direction":
                bones[name].direction = np.array(words[1:4], float)
            elif words[0] == "length":
                bones[name].length = float(words[1])
            elif words[0] == "axis":
                order = (words[4] if len(words) > 4 else "xyz").lower()
                bones[name].axis = Rotation.from_euler(order, np.array(words[1:4], float), degrees=degrees)
            elif words[0] == "dof":
                bones[name].degrees_of_freedom = tuple(each.lower() for each in words[1:])
        elif section == ":hierarchy" and words[0] not in ("begin", "end"):
            parents.update(dict.fromkeys(words[1:], words[0]))
    if not bones or not parents:
        raise ValueError("the skeleton has no bones")
    ordered: dict[str, _Bone] = {}
    for child, parent in parents.items():
        if parent != _ROOT and parent not in ordered:
            raise ValueError(f"bone {child!r} hangs from {parent!r}, which comes later")
        bones[child].parent = parent
        ordered[child] = bones[child]
    return unit, ordered


def _motion(text: str) -> dict[str, Floats]:
    rows: dict[str, list[list[float]]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0][0].isalpha():
            rows.setdefault(words[0], []).append([float(word) for word in words[1:]])
    counts = {len(each) for each in rows.values()}
    if len(counts) != 1:
        raise ValueError(f"its bones have {sorted(counts)} frames")
    return {name: np.array(values) for name, values in rows.items()}


def _kinematics(bones: dict[str, _Bone], channels: dict[str, Floats]) -> tuple[tuple[str, ...], Floats, Floats]:
    root = channels[_ROOT]
    ends: dict[str, Floats] = {_ROOT: root[:, :3]}
    turns: dict[str, Rotation] = {_ROOT: Rotation.from_euler("xyz", root[:, 3:], degrees=True)}
    names, positions, rotations = [_ROOT], [root[:, :3]], [turns[_ROOT].as_matrix()]
    for name, bone in bones.items():
        angles = np.zeros((len(root), 3))
        for column, each in enumerate(bone.degrees_of_freedom):
            if each[1:] != "" and each[0] == "r" and name in channels:
                angles[:, "xyz".index(each[1])] = channels[name][:, column]
        local = bone.axis * Rotation.from_euler("xyz", angles, degrees=True) * bone.axis.inv()
        turns[name] = turns[bone.parent] * local
        start = ends[bone.parent]
        length = np.linalg.norm(bone.direction) or 1.0
        ends[name] = start + turns[name].apply(bone.direction / length * bone.length)
        names.append(name)
        positions.append(start)
        rotations.append(turns[name].as_matrix())
    for name in set(bones) - {bone.parent for bone in bones.values()}:
        names.append(f"{name}_end")
        positions.append(ends[name])
        rotations.append(turns[name].as_matrix())
    return tuple(names), np.stack(positions, 1), np.stack(rotations, 1)
