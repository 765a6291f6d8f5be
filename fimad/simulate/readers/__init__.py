"""Motion from files as `Trajectories`: motion capture, animation, and results of body models; one module a format.

A reader gives `Markers`, what the file says in its own names, units and axes; `markers.landmarks` makes landmarks in the
world frame of them, and believes nothing that a human body contradicts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from fimad.errors import ConfigError
from fimad.simulate.lifting.trajectory import Trajectories
from fimad.simulate.readers.markers import UNITS_M, Markers, Up, landmarks
from fimad.skeleton import LANDMARKS

__all__ = ["FORMATS", "UNITS_M", "Markers", "Up", "landmarks", "read_map", "read_markers", "read_motion"]

FORMATS = {".csv": "csv", ".trc": "trc", ".c3d": "c3d", ".bvh": "bvh", ".amc": "amc", ".npz": "npz"}
_ELSEWHERE = frozenset((".gltf", ".glb", ".fbx", ".usd", ".usda", ".usdc", ".usdz", ".blend", ".dae"))
# A recording of an hour at 200 Hz with 100 markers has 0.6 GB as text.
_MOST_BYTES = 2 * 1024**3


def read_motion(
    path: str | Path,
    *,
    names: Mapping[str, str | Sequence[str]] | None = None,
    up: Up | None = None,
    unit: str | None = None,
    subject: str | None = None,
    skeleton: str | Path | None = None,
    body_model: str | Path | None = None,
    rate_hz: float | None = None,
) -> Trajectories:
    """A recording's landmarks, in m, in the world frame (x right, y away, z up).

    Parameters
    ----------
    path : a file whose name ends in .csv, .trc, .c3d, .bvh, .amc or .npz.
    names : landmark to its marker, or to several whose mean it is; adds to, and wins over, the names that are known.
    up : the file's vertical axis, where it does not say so or is wrong. By custom z for CSV and AMASS, y for TRC, BVH and AMC.
    unit : a key of `UNITS_M`, where the file does not say so or is wrong.
    subject : whose markers, where a file holds several people's (``subject:marker``).
    skeleton : the .asf file of an .amc file.
    body_model : SMPL-X's own .npz file, where an archive holds parameters alone.
    rate_hz : frames a second of an archive that does not say it.

    Raises
    ------
    ConfigError : the file can't be read, holds no landmark, or contradicts what a human body can be.

    Examples
    --------
    >>> from fimad.simulate import read_motion, simulate_imu
    >>> imu = simulate_imu(read_motion("walk.trc"), placements=["left_ankle"])  # doctest: +SKIP
    >>> imu.signals["left_ankle"].acc_m_s2.shape  # doctest: +SKIP
    (119, 3)
    """
    path = Path(path)
    markers = read_markers(path, skeleton=skeleton, body_model=body_model, rate_hz=rate_hz)
    return landmarks(markers, path.name, names=names, up=up, unit=unit, subject=subject)


def read_markers(
    path: str | Path,
    *,
    skeleton: str | Path | None = None,
    body_model: str | Path | None = None,
    rate_hz: float | None = None,
) -> Markers:
    """What a file holds, in its own names, unit and axes; parameters as in `read_motion`."""
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".json" or path.is_dir():
        raise ConfigError(
            f"{path.name!r} is no recording of motion.",
            "JSON of OpenPose and its like, a file for each picture, holds keypoints in pixels: no times, depth, unit and vertical.",
            "Give the video to `fimad build`; or make 3D of several cameras with Pose2Sim, and give its .trc.",
        )
    if kind in _ELSEWHERE:
        raise ConfigError(
            f"{path.name!r} is a scene, whose animation fimad does not read.",
            "No well-kept library in Python plays the animations of such files.",
            "Export the skeleton as BVH, for example with Blender (File, Export, Motion Capture).",
        )
    if kind not in FORMATS:
        raise ConfigError(
            f"{path.name!r} is no recording of motion that fimad can read.",
            "Results of body models as .pkl or .pt could run code when they are read; write them with numpy.savez."
            if kind in (".pkl", ".pt", ".pth", ".joblib")
            else "Its name does not end in one of the known ways.",
            f"The formats are: {', '.join(FORMATS)}.",
        )
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ConfigError(
            f"{path} can't be read: {error.strerror}.", "The path is misspelt.", "Give the path of a recording."
        ) from error
    if size > _MOST_BYTES:
        raise ConfigError(
            f"{path.name!r} has {size / 1e9:.1f} GB.",
            "It is read as a whole.",
            "Cut the recording into parts of up to 2 GB.",
        )
    options: dict[str, Any] = {}
    if kind == ".amc" and skeleton is not None:
        options["skeleton"] = Path(skeleton)
    if kind == ".npz":
        options = {"model": None if body_model is None else Path(body_model), "rate_hz": rate_hz}
    read: Any = import_module(f"fimad.simulate.readers.{FORMATS[kind]}").read
    markers: Markers = read(path, **options)
    return markers


def read_map(path: Path) -> dict[str, tuple[str, ...]]:
    """Landmark to markers, of a JSON file: `names` of `read_motion`. Raises `ConfigError`."""
    fix = 'Write {"left_wrist": "MARKER", "left_hip": ["ONE", "OTHER"]}.'
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as JSON: {error}.", "It is misspelt or no JSON.", fix
        ) from error
    if not isinstance(said, dict):
        raise ConfigError(f"{path.name!r} holds no object.", "It is a list or a single value.", fix)
    result = {}
    for landmark, markers in said.items():
        listed = [markers] if isinstance(markers, str) else markers
        if not isinstance(listed, list) or not listed or not all(isinstance(each, str) for each in listed):
            raise ConfigError(
                f"{path.name!r} gives no markers for {landmark!r}.", "It must be a name, or a list of names.", fix
            )
        if landmark not in LANDMARKS:
            raise ConfigError(
                f"There is no landmark {landmark!r}.", "The name is misspelt.", f"They are: {', '.join(LANDMARKS)}."
            )
        result[landmark] = tuple(listed)
    return result
