"""What a selection asks for: names that the dataset has, conditions on flags, and what is said where nothing is left."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from fimad.errors import ConfigError, DatasetError
from fimad.labels import label_title, lexicon


def nothing_left(manifest: Mapping[str, Any], told: Sequence[str]) -> ConfigError:
    """The error for a selection without a clip; it says what there is."""
    labels = sorted(name for name in manifest["labels"] if name)
    splits = ", ".join(f"{info['clips']} clips in {name!r}" for name, info in manifest["splits"].items())
    return ConfigError(
        f"No clip meets {', '.join(told) or 'the conditions: the dataset is empty'}.",
        "Each condition may hold for some clips, and all together for none; small datasets have empty splits.",
        f"There are {splits}; labels: {', '.join(labels[:20]) or 'none'}{', ...' if len(labels) > 20 else ''}.",
    )


def no_clip(manifest: Mapping[str, Any], clip_id: str, told: Sequence[str]) -> DatasetError:
    """The error for a clip that is not there; ids near to its own are told, of the first of each shard."""
    ids = [clip[1] for shard in manifest["shards"] for clip in shard.get("preview", ())]
    near = difflib.get_close_matches(clip_id, ids, 3, 0.6) or ids[:3]
    chosen = f" in .select({', '.join(told)})" if told else ""
    return DatasetError(
        f"The dataset has no clip {clip_id!r}{chosen}.",
        "It was left out, or the id is misspelt.",
        f"{'Ids are such as ' + ', '.join(map(repr, near)) + '. ' if near else ''}`Dataset.index()` lists all.",
    )


def names_of(given: str | Sequence[str] | bool) -> list[str]:
    """One name or several, as a list."""
    return [given] if isinstance(given, str) else [] if isinstance(given, bool) else list(given)


def check_known(what: str, wanted: Sequence[str], there: Iterable[str]) -> None:
    """Raise `ConfigError` if the dataset has none of these names, and warn of single ones; those nearest to them are told."""
    names = sorted(name for name in there if name)
    for each in wanted:
        if each not in names and any(other in names for other in wanted):
            warnings.warn(f"The dataset has no {what} {each!r}.", stacklevel=3)
        elif each not in names:
            lower = {name.lower(): name for name in names}
            near = difflib.get_close_matches(each.lower(), lower, 3, 0.6)
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            raise ConfigError(
                f"The dataset has no {what} {each!r}.",
                "The name is misspelt, or spelt otherwise in the videos.",
                (f"Did you mean {', '.join(repr(lower[name]) for name in near)}? " if near else "")
                + f"Its {what}s are: {shown or 'none'}.",
            )


def check_names(columns: Iterable[str], there: Sequence[str]) -> None:
    """Raise `ConfigError` for columns that are not there; those nearest to the first are told."""
    unknown = sorted(set(columns) - set(there))
    if unknown:
        near = difflib.get_close_matches(unknown[0], there, 3)
        raise ConfigError(
            f"The dataset has no column {unknown[0]!r}.",
            "The name is misspelt, or an earlier version of the schema had none.",
            f"Near it: {', '.join(near)}." if near else "See `Dataset.columns`.",
        )


def flagged(names: Sequence[str] | None) -> pc.Expression:
    """Clips with one of these flags, or with any. Flags are single words; a list can't be asked for its members in a scan."""
    joined = pc.coalesce(pc.binary_join(pc.field("flags"), " "), pc.scalar(""))
    pattern = "." if names is None else rf"(^| )({'|'.join(re.escape(name) for name in names)})( |$)"
    return pc.match_substring_regex(joined, pattern)


def named(exercises: Sequence[str]) -> pc.Expression:
    """Clips with one of these exercises, which may go by any of their names, or with one that is a kind of it."""
    found = lexicon()
    wanted: set[str] = set()
    for name in exercises:
        told = (name,) if name in found.exercises else label_title(name.replace("_", " ")).exercises
        if not told:
            raise ConfigError(
                f"There is no exercise {name!r}.",
                "The name is misspelt, or the taxonomy does not have it.",
                "`fimad labels --exercises` lists them; `select(label=...)` takes words as they were published.",
            )
        # As it stands as well: compounds that the taxonomy does not have are named by their parts.
        wanted.update((name, *told))
    wanted |= {each for each in found.exercises if wanted & set(found.ancestors(each))}
    joined = pc.coalesce(pc.binary_join(pc.field("exercises"), ";"), pc.scalar(""))
    return pc.match_substring_regex(joined, rf"(^|;)({'|'.join(sorted(map(re.escape, wanted)))})(;|$)")
