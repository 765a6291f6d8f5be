"""Mapping tables: each class of a published dataset to an exercise of the taxonomy, and back.

>>> from fimad.labels import load_mapping
>>> load_mapping("MM-Fit").fold("goblet_squat")
'squats'
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from fimad.errors import ConfigError
from fimad.labels.taxonomy import lexicon
from fimad.labels.titles import label_title


@dataclass(frozen=True)
class LabelMap:
    """The classes of one dataset.

    Parameters
    ----------
    name, title : as `pack.label_map` has it; as its authors write it.
    null : the class of what is no exercise, "" where the dataset has none.
    classes : the dataset's own class names, each with an exercise of the taxonomy; None for NULL.
    preferred : where several classes are one exercise, the one that it is folded to.
    """

    name: str
    title: str
    null: str
    classes: Mapping[str, str | None]
    preferred: Mapping[str, str]

    def exercise_of(self, label: str) -> str | None:
        """The exercise of a class; None for NULL. Raises `KeyError` for a name that the dataset does not have."""
        return self.classes[label]

    def fold(self, exercise: str | None) -> str | None:
        """The dataset's class for an exercise, or for the nearest thing that it is a kind of; None where it has none."""
        for each in lexicon().ancestors(exercise or ""):
            if each in self.preferred:
                return self.preferred[each]
            for label, meant in self.classes.items():
                if meant == each:
                    return label
        return None


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads(resources.files("fimad.labels").joinpath("mappings.toml").read_text(encoding="utf-8"))


def mapping_names() -> list[str]:
    """Names of the tables that come with fimad."""
    return list(_tables())


def load_mapping(name: str) -> LabelMap:
    """The table of a published dataset by its name, or a TOML file of the same form (``null``, ``classes``).

    Raises `ConfigError` for a name that is not known and for a file that can't be used.
    """
    plain = name.strip().lower().replace("_", "-").replace(" ", "-")
    for known, table in _tables().items():
        if plain.replace("-", "") == known.replace("-", ""):
            return _label_map(known, table)
    path = Path(name)
    if path.suffix == ".toml":
        try:
            return _label_map(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise ConfigError(
                f"The label map {name!r} can't be read: {error}.",
                "It is not TOML with a table `classes` that gives each class an exercise.",
                'For example: null = "rest", then [classes] with squats = "squat".',
            ) from error
    raise ConfigError(
        f"There is no label map {name!r}.",
        "The name is misspelt, or it should be the path of a TOML file.",
        f"The tables are: {', '.join(_tables())}.",
    )


def _label_map(name: str, table: Mapping[str, Any]) -> LabelMap:
    classes = {str(label): _exercise(str(meant)) for label, meant in table["classes"].items()}
    return LabelMap(
        name, str(table.get("title", name)), str(table.get("null", "")), classes, table.get("preferred", {})
    )


def _exercise(name: str) -> str | None:
    """An exercise by its id, or by any of its names."""
    if not name or name in lexicon().exercises:
        return name or None
    found = label_title(name)
    if len(found.exercises) == 1 and found.exercises[0] in lexicon().exercises:
        return found.exercises[0]
    raise ConfigError(
        f"The label map names the exercise {name!r}.",
        "The taxonomy has none of that name.",
        "`fimad labels --exercises` lists them.",
    )
