"""Motion capture files as `Trajectories`: CSV, TRC, C3D and BVH, one module each.

A reader gives `Markers`, what the file says in its own names, units and axes; `markers.landmarks` makes landmarks in the
world frame of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Literal

from fimad.errors import ConfigError
from fimad.simulate.readers.markers import Markers, landmarks
from fimad.simulate.trajectory import Trajectories

FORMATS = {".csv": "csv", ".trc": "trc", ".c3d": "c3d", ".bvh": "bvh"}
# A recording of an hour at 200 Hz with 100 markers has 0.6 GB as text.
_MOST_BYTES = 2 * 1024**3


def read_trajectories(
    path: Path,
    *,
    names: Mapping[str, tuple[str, ...]] | None = None,
    up: Literal["y", "z"] | None = None,
    unit: str | None = None,
) -> Trajectories:
    """A motion capture file's landmarks.

    Parameters
    ----------
    path : a file whose name ends in .csv, .trc, .c3d or .bvh.
    names : landmark to the markers whose mean it is; adds to, and wins over, the names that are known.
    up : the file's vertical axis, where it does not say so or is wrong. By default z for CSV, y for TRC and BVH; C3D says.
    unit : m, cm, mm or in, where the file does not say so or is wrong.

    Raises
    ------
    ConfigError : the file can't be read, or holds no landmark.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"{path.name!r} is no motion capture file that fimad can read.",
            "Its name does not end in one of the known ways.",
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
    module = import_module(f"fimad.simulate.readers.{FORMATS[path.suffix.lower()]}")
    read: Callable[[Path], Markers] = module.read
    return landmarks(read(path), path.name, names=names, up=up, unit=unit)
