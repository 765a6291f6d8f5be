"""From window sets to tensors: one order of batches for a seed, and random numbers that follow from the step alone.

What is drawn in step k depends on the seed and k, and on nothing that happened before: training that is interrupted
anywhere goes on exactly as if it had not been.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fimad.errors import ConfigError
from fimad.mujo.encoders import placement_numbers
from fimad.mujo.windows import WindowSet

_LOOK = 512


def seeded(*numbers: int) -> int:
    """A seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.intp]:
    """(count,) all rows, shuffled anew for each epoch."""
    return np.random.default_rng([seed, 1, epoch]).permutation(count)


def tensors(windows: WindowSet, rows: NDArray[np.intp]) -> dict[str, Tensor]:
    """A batch of some windows for the model, on the CPU."""
    batch = {name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in windows.batch(rows).items()}
    batch["place"] = torch.tensor(placement_numbers(windows.placements)).expand(len(rows), -1)
    return batch


def in_order(
    windows: WindowSet, rows: NDArray[np.intp] | None = None, size: int = _LOOK
) -> Iterator[dict[str, Tensor]]:
    """Batches of windows (all by default) in their order, as they are."""
    rows = np.arange(len(windows)) if rows is None else rows
    for start in range(0, len(rows), size):
        yield tensors(windows, rows[start : start + size])


def on(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """A batch on a device."""
    return {name: each.to(device) for name, each in batch.items()}


def device_of(name: str) -> torch.device:
    """`auto` takes a GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Algorithms that give the same bits again, where the device has them; the settings before come back."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(device.type == "cpu" or before)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def hold_out(groups: NDArray[np.str_], share: float, seed: int) -> NDArray[np.bool_]:
    """(n,) True for the windows of about `share` of the groups, at least one if there are two; whole groups, drawn by `seed`."""
    names = np.unique(groups)
    if share <= 0 or len(names) < 2:
        return np.zeros(len(groups), bool)
    count = min(len(names) - 1, max(1, round(share * len(names))))
    chosen: Iterable[str] = np.random.default_rng([seed, 2]).permutation(names)[:count].tolist()
    return np.isin(groups, list(chosen))


def three_parts(
    groups: NDArray[np.str_], split: NDArray[np.str_] | None, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train, select and test with: splits train, val and test where all three are, else whole groups by the seed,
    a fifth of them each to select and to test.

    Raises `ConfigError` for fewer than three groups.
    """
    if split is not None and {"train", "val", "test"} <= set(np.unique(split).tolist()):
        return np.flatnonzero(split == "train"), np.flatnonzero(split == "val"), np.flatnonzero(split == "test")
    names = np.random.default_rng([seed, 6]).permutation(np.unique(groups))
    if len(names) < 3:
        raise ConfigError(
            f"There are {len(names)} persons, channels or videos.",
            "Nobody who is trained with may be selected or tested with: three are needed.",
            "Take a dataset of more people, or state who is who in its list of sources (column person).",
        )
    fifth = max(1, len(names) // 5)
    tested, selected = np.isin(groups, names[:fifth]), np.isin(groups, names[fifth : 2 * fifth])
    return np.flatnonzero(~tested & ~selected), np.flatnonzero(selected), np.flatnonzero(tested)
