"""Reading files that may be anything: tables of numbers, NPZ without pickle, MAT; each complaint has three parts."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat

from fimad.errors import ConfigError
from fimad.har.form import Samples

G_M_S2 = 9.80665
DEG_RAD = math.pi / 180

Numbers = npt.NDArray[np.float64]


def malformed(path: Path, what: str, form: str) -> ConfigError:
    """The complaint about a file that is not in its publisher's form."""
    return ConfigError(
        f"{path.name}: {what}.",
        f"The publisher's form is {form}; a broken download, a repacked copy or a Git LFS pointer looks like this.",
        "Fetch the file again from where `about(name).where` says, and unpack it without changes.",
    )


def files_of(root: Path, patterns: Iterable[str], form: str) -> list[Path]:
    """The files below a folder that match, in a stable order. Raises `ConfigError` where there are none."""
    if not root.is_dir():
        raise ConfigError(
            f"{root} is no folder.",
            f"The set is a folder with {form}.",
            "Unpack the publisher's archive and give the folder that came out.",
        )
    found = sorted({path for pattern in patterns for path in root.rglob(pattern) if path.is_file()})
    if not found:
        raise ConfigError(
            f"{root} has none of the set's files.",
            f"The publisher's form is {form}.",
            "Give the folder that the archive unpacked to; `about(name).files` says what is looked for.",
        )
    return found


def table(
    path: Path, columns: int, form: str, *, delimiter: str | None = None, header: bool = False, least: int | None = None
) -> Numbers:
    """A text file of numbers, (rows, columns), all finite. Raises `ConfigError` for anything else.

    `least` allows more columns than `columns`.
    """
    try:
        with warnings.catch_warnings():
            # An empty file is a warning to NumPy; `numbers` says it better.
            warnings.simplefilter("ignore", UserWarning)
            read = np.loadtxt(path, delimiter=delimiter, skiprows=int(header), ndmin=2, comments=None, encoding="utf-8")
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise malformed(path, f"it is no table of numbers ({error})", form) from error
    return numbers(read, columns, path, form, least=least)


def numbers(read: Any, columns: int, path: Path, form: str, *, least: int | None = None) -> Numbers:
    """An array that has the columns it should and only finite numbers."""
    values = np.asarray(read)
    if values.dtype.kind not in "fiu" or values.ndim != 2 or values.shape[0] < 2:
        raise malformed(path, f"{values.dtype} of shape {values.shape} where rows of numbers should be", form)
    if values.shape[1] != columns and not (least is not None and values.shape[1] >= least):
        raise malformed(path, f"{values.shape[1]} columns instead of {columns}", form)
    made = values.astype(np.float64)
    if not np.isfinite(made).all():
        raise malformed(path, f"{int((~np.isfinite(made)).sum())} values are no finite numbers", form)
    return made


def header_of(path: Path, form: str) -> list[str]:
    """The names in the first line of a text table."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            line = file.readline(4096)
    except (OSError, UnicodeDecodeError) as error:
        raise malformed(path, f"it can't be read ({error})", form) from error
    return [name.strip().strip('"') for name in line.replace(";", ",").rstrip("\n").split(",")]


def mat(path: Path, names: Iterable[str], form: str) -> dict[str, Any]:
    """Variables of a MATLAB file."""
    wanted = list(names)
    try:
        read = loadmat(path, variable_names=wanted, squeeze_me=False, struct_as_record=True)
    except Exception as error:  # loadmat raises what its parser stumbles over
        raise malformed(path, f"it is no MATLAB 5 file ({error or type(error).__name__})", form) from error
    lacking = [name for name in wanted if name not in read]
    if lacking:
        raise malformed(path, f"no variable {', '.join(lacking)}", form)
    return {name: read[name] for name in wanted}


def npz(path: Path, names: Iterable[str], form: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays of an NPZ file; objects, which are pickles, are refused."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            asked = list(names) or list(archive.files)
            lacking = [name for name in asked if name not in archive.files]
            if lacking:
                raise malformed(path, f"no array {', '.join(lacking)}", form)
            return {name: archive[name] for name in asked}
    except ConfigError:
        raise
    except Exception as error:
        raise malformed(path, f"it is no NPZ of plain arrays ({error or type(error).__name__})", form) from error


def stretches(labels: npt.NDArray[Any], breaks: npt.NDArray[np.bool_] | None = None) -> list[tuple[int, int]]:
    """[start, end) of the runs of one label; `breaks[i]` starts a new run at i whatever the label."""
    if len(labels) == 0:
        return []
    starts = np.ones(len(labels), bool)
    starts[1:] = labels[1:] != labels[:-1]
    if breaks is not None:
        starts |= breaks
    at = np.flatnonzero(starts)
    return [(int(a), int(b)) for a, b in zip(at, [*at[1:], len(labels)], strict=True)]


def samples(acc_m_s2: Numbers, gyr_rad_s: Numbers | None = None) -> Samples:
    """Acceleration and angular rate side by side."""
    parts = [acc_m_s2] if gyr_rad_s is None else [acc_m_s2, gyr_rad_s]
    return np.concatenate(parts, axis=1).astype(np.float32)


def code(names: Mapping[int, str], number: float, path: Path, form: str) -> str:
    """The class of a number in a file."""
    found = names.get(int(number)) if float(number).is_integer() else None
    if found is None:
        raise malformed(path, f"class {number:g} is not one of {min(names)} to {max(names)}", form)
    return found
