"""Unit, size and vertical of a body, from what human bodies have in common.

Lengths of segments as shares of the standing height are Drillis and Contini's (1966), as in Winter, *Biomechanics and Motor
Control of Human Movement*, fig. 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.types import Floats

_SHARES = {
    ("hip", "knee"): 0.245,
    ("knee", "ankle"): 0.246,
    ("shoulder", "elbow"): 0.186,
    ("elbow", "wrist"): 0.146,
    ("shoulder", "hip"): 0.288,
}
#: Standing heights in m: of nearly all adults, and of anybody from the age of two. Markers sit beside joints, so that a height
#: from segments may be off by a tenth.
ADULT_M = (1.3, 2.15)
ANYBODY_M = (0.75, 2.45)
# A body stands along an axis within this angle; it lies if it is along another for nearly all of the time.
_ALONG = float(np.cos(np.deg2rad(45)))
_MOST = 0.8
# Fewer frames of a standing body say nothing of the vertical.
_SIDES = ("left", "right")
# Units that files without one are really in; others have to be said.
_USUAL = ("m", "cm", "mm", "in", "cmu")
#: Directions in the file's axes, by name.
DIRECTIONS: dict[str, Floats] = {
    name: np.array(vector, float)
    for name, vector in {
        "x": (1, 0, 0),
        "y": (0, 1, 0),
        "z": (0, 0, 1),
        "-x": (-1, 0, 0),
        "-y": (0, -1, 0),
        "-z": (0, 0, -1),
    }.items()
}


def height(position: Floats, names: Sequence[str]) -> float:
    """Standing height in the unit of (n, k, 3) `position`, from the segments whose ends are there; NaN if none is.

    The median over segments of their median length over time, each divided by its share of the height.
    """
    where = {name: at for at, name in enumerate(names)}
    found = []
    for (one, other), share in _SHARES.items():
        for side in _SIDES:
            ends = where.get(f"{side}_{one}"), where.get(f"{side}_{other}")
            if ends[0] is not None and ends[1] is not None:
                length = np.linalg.norm(position[:, ends[0]] - position[:, ends[1]], axis=1)
                if np.isfinite(length).any():
                    found.append(float(np.nanmedian(length)) / share)
    return float(np.median(found)) if found else float("nan")


def settle_unit(
    position: Floats,
    names: Sequence[str],
    asked: str | None,
    stated: str | None,
    units_m: Mapping[str, float],
    source: str,
) -> tuple[str, dict[str, Any]]:
    """The unit of a body's (n, k, 3) positions: what was asked for, else the file's, else the one that fits a human."""
    size = height(position, names)
    fitting = [name for name in _USUAL if ANYBODY_M[0] < size * units_m[name] < ANYBODY_M[1]]
    adult = [name for name in fitting if ADULT_M[0] < size * units_m[name] < ADULT_M[1]]
    likely = adult if len(adult) == 1 else fitting
    hint = f"Say which it is: --unit {'|'.join(likely or units_m)}"
    unit = asked or stated
    if unit is not None:
        notes: dict[str, Any] = {"unit": unit, "unit_source": "given" if asked else "file"}
        if np.isfinite(size):
            notes["height_m"] = round(size * units_m[unit], 3)
            if asked is None and not ANYBODY_M[0] < size * units_m[unit] < ANYBODY_M[1]:
                raise ConfigError(
                    f"{source!r} says that its unit is {unit}, but the person would be {size * units_m[unit]:.3g} m tall.",
                    "The header is wrong, markers of another name were taken for joints, or it is no human.",
                    hint if likely else "Look at the names with --list, and say which marker is which with --map.",
                )
        return unit, notes
    if len(likely) == 1:
        tall_m = size * units_m[likely[0]]
        return likely[0], {"unit": likely[0], "unit_source": "body", "height_m": round(tall_m, 3)}
    if not np.isfinite(size):
        raise ConfigError(
            f"{source!r} does not say its unit.",
            "No two neighbouring joints are known from which it could be told.",
            f"Give it: --unit {'|'.join(units_m)}",
        )
    raise ConfigError(
        f"{source!r} does not say its unit, and a person of {size:.3g} fits {' and '.join(likely) or 'none'}.",
        "Its format has no unit, or it is no human.",
        f"Give it: --unit {'|'.join(likely or units_m)}",
    )


def settle_up(
    position: Floats, names: Sequence[str], asked: str | None, stated: str, source: str
) -> tuple[str, dict[str, Any]]:
    """The vertical of the file's axes: what was asked for, else the file's or its format's, if the body agrees.

    People stand, sit and kneel upright for some of the time; a body that is along one other axis for nearly all of a recording
    lies on the floor, or the vertical is wrong. A recording does not tell which, so that is an error.
    """
    if asked is not None:
        return asked, {"up": asked, "up_source": "given"}
    ways = _body(position, names)
    notes: dict[str, Any] = {"up": stated, "up_source": "file"}
    if not len(ways):
        notes["up_source"] = "custom"
        return stated, notes
    along = {name: float((ways @ way > _ALONG).mean()) for name, way in DIRECTIONS.items()}
    upright = along.pop(stated)
    other, most = max(along.items(), key=lambda each: each[1])
    if upright < 1 - _MOST and most > _MOST:
        raise ConfigError(
            f"In {source!r} the vertical is {stated}, but the body is along {other} in {most:.0%} of its frames.",
            "The file has another vertical than files of its kind usually have, or somebody lies down all the time.",
            f"Say which: --up {other} if the person stands, --up {stated} if the person lies.",
        )
    notes["upright_share"] = round(upright, 3)
    return stated, notes


def likely_up(position: Floats, names: Sequence[str]) -> str | None:
    """The axis that the body is along for most of the time, for files without a custom; None if too little of it is known."""
    ways = _body(position, names)
    if not len(ways):
        return None
    way = np.median(ways, axis=0)
    return max(DIRECTIONS, key=lambda name: float(DIRECTIONS[name] @ way))


def _body(position: Floats, names: Sequence[str]) -> Floats:
    """(m, 3) unit vectors from feet to head, or over what is there of that, in the frames where it is measured."""
    where = {name: at for at, name in enumerate(names)}

    def middle(part: str) -> Floats | None:
        columns = [where[name] for side in _SIDES if (name := f"{side}_{part}") in where]
        return position[:, columns].mean(1) if columns else None

    levels = [level for part in ("ankle", "knee", "hip", "shoulder", "ear") if (level := middle(part)) is not None]
    if len(levels) < 2:
        return np.zeros((0, 3))
    way = levels[-1] - levels[0]
    length = np.linalg.norm(way, axis=1)
    good = np.isfinite(length) & (length > 0)
    result: Floats = way[good] / length[good, None]
    return result
