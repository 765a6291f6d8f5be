"""Figures that a reviewer accepts: macro F1, by person, with intervals over persons; recall of retrieval."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fimad.errors import ConfigError
from fimad.libraries import needs
from fimad.mujo.windows import MODALITIES

Labels = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


class Interval(NamedTuple):
    """A mean over persons, and the interval in which 95 % of the means of persons drawn anew lie."""

    mean: float
    low: float
    high: float
    persons: int


def macro_f1(truth: Labels, guess: Labels) -> float:
    """Mean of the F1 of the classes that occur in the truth; a class that is only guessed costs precision elsewhere.

    >>> macro_f1(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    0.7333333333333334
    """
    lacking = needs("Scoring", ["sklearn"])
    if lacking is not None:
        raise lacking
    from sklearn.metrics import f1_score

    known = truth >= 0
    if not known.any():
        raise ConfigError("No window has a label.", "There is nothing to compare with.", "Give windows with labels.")
    return float(
        f1_score(truth[known], guess[known], labels=np.unique(truth[known]), average="macro", zero_division=0.0)
    )


def by_person(truth: Labels, guess: Labels, person: NDArray[np.str_]) -> dict[str, float]:
    """Macro F1 of each person's windows."""
    found = {}
    for name in np.unique(person[truth >= 0]).tolist():
        rows = person == name
        found[str(name)] = macro_f1(truth[rows], guess[rows])
    return found


def over_persons(values: dict[str, float], draws: int = 9999, seed: int = 0) -> Interval:
    """Mean with its percentile interval, persons drawn with replacement. With fewer than some ten persons it is too narrow.

    Give differences of two methods for a paired comparison.
    """
    numbers = np.array(list(values.values()), float)
    if not len(numbers):
        raise ConfigError("No person was scored.", "No window has a label.", "Give windows with labels.")
    drawn = numbers[np.random.default_rng(seed).integers(0, len(numbers), (draws, len(numbers)))].mean(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(numbers.mean()), float(low), float(high), len(numbers))


def recall_at(
    query: Floats, gallery: Floats, same: NDArray[np.bool_] | None = None, ranks: tuple[int, ...] = (1, 5, 10)
) -> dict[int, float]:
    """Share of queries with one of theirs among the first k of the gallery.

    Parameters
    ----------
    query, gallery : (n, d) and (m, d) of unit length.
    same : (n, m) True where a gallery's entry is one of the query's; by default row i is that of i.
    """
    if same is None:
        same = np.eye(len(query), len(gallery), dtype=bool)
    similar = query @ gallery.T
    # Entries that are as near as the best of the query's own count as nearer: a constant embedding finds nothing.
    own = np.where(same, similar, -np.inf).max(1)
    nearer = ((similar >= own[:, None]) & ~same).sum(1)
    return {rank: float((nearer < rank).mean()) for rank in ranks}


def chance_at(same: NDArray[np.bool_], ranks: tuple[int, ...] = (1, 5, 10)) -> dict[int, float]:
    """The same for a gallery in an order by chance."""
    m, own = same.shape[1], same.sum(1).astype(float)
    found = {}
    for rank in ranks:
        missed = np.ones(len(own))
        for at in range(min(rank, m)):
            missed *= np.clip((m - own - at) / (m - at), 0, 1)
        found[rank] = float((1 - missed).mean())
    return found


def subsets(modalities: tuple[str, ...] = MODALITIES) -> list[tuple[str, ...]]:
    """All non-empty sets of modalities, small ones first: 15 of four."""
    return [chosen for size in range(1, len(modalities) + 1) for chosen in combinations(modalities, size)]
