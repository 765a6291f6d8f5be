"""Real wearable data: published sets, each read from its publisher's own files into one form.

What lives here: the form (`form`), what is known of each set (`About`: where from, licence, citation, traps, splits) and
its reader. What doesn't: models and training. Imports `fimad.labels` for the exercises that classes are, and nothing of the
pipeline. Nothing is fetched: the sets are their publishers' to give.

>>> from fimad.har import about, names
>>> "motionsense" in names()
True
>>> about("utd-mhad").rate_hz
50.0
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fimad.errors import ConfigError
from fimad.har import body, gym, watches
from fimad.har.body import skeleton_rate_hz
from fimad.har.form import About, HarDataset, Recording, Windows, resample

_SETS: Final[dict[str, tuple[About, Callable[[Path], HarDataset]]]] = {
    "mm-fit": (gym.MMFIT, gym.mmfit),
    "myogym": (gym.MYOGYM, gym.myogym),
    "motionsense": (watches.MOTIONSENSE, watches.motionsense),
    "mhealth": (body.MHEALTH, body.mhealth),
    "dsads": (body.DSADS, body.dsads),
    "utd-mhad": (body.UTD_MHAD, body.utd_mhad),
    "berkeley-mhad": (body.BERKELEY, body.berkeley_mhad),
    "spar": (watches.SPAR, watches.spar),
    "recofit": (gym.RECOFIT, gym.recofit),
    "gymwatch": (watches.GYMWATCH, watches.gymwatch),
    "pte": (body.PTE, body.pte),
}


def names() -> list[str]:
    """The sets that can be read."""
    return list(_SETS)


def about(name: str) -> About:
    """What is known of a set: where to get it, licence, citation, traps, splits. Raises `ConfigError` for other names."""
    return _SETS[_known(name)][0]


def load(name: str, path: str | Path) -> HarDataset:
    """Read a published set.

    Parameters
    ----------
    name : one of `names()`; capitals, spaces, hyphens and underscores don't matter.
    path : the folder that the publisher's archive unpacks to, or the file, where the set is one.

    Returns
    -------
    Recordings in m/s² (specific force) and rad/s, with class, person and placement.

    Raises
    ------
    ConfigError : no set of that name, no such files, or a file that is not in its publisher's form.

    >>> dataset = load("motionsense", "A_DeviceMotion_data")                       # doctest: +SKIP
    >>> x, y, groups = dataset.split("train").windows(2.56, rate_hz=50)            # doctest: +SKIP
    """
    known, where = _known(name), Path(path)
    if not where.exists():
        raise ConfigError(
            f"{where} does not exist.",
            f"{_SETS[known][0].title} is not fetched by fimad.",
            f"Get it from: {_SETS[known][0].where}.",
        )
    return _SETS[known][1](where)


def _known(name: str) -> str:
    plain = "".join(character for character in name.lower() if character.isalnum())
    for known in _SETS:
        if known.replace("-", "") == plain:
            return known
    raise ConfigError(
        f"There is no reader of a set {name!r}.",
        "The name is misspelt, or fimad does not read this set.",
        f"The sets are: {', '.join(_SETS)}.",
    )


__all__ = ["About", "HarDataset", "Recording", "Windows", "about", "load", "names", "resample", "skeleton_rate_hz"]
