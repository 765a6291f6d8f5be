"""Which windows an epoch has, in which order, and whose they are: ranks and workers share it without talking to each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.dataset.windows import kept_steps

if TYPE_CHECKING:
    from fimad.dataset.reader import Dataset

Numbers = NDArray[np.int64]
#: What is done where the windows don't divide by the ranks: some have one more, all have as many with some twice, or without some.
EVEN = ("once", "pad", "drop")


@dataclass(frozen=True)
class Plan:
    """All windows of a selection.

    Attributes
    ----------
    groups : (shard, row group) pairs.
    group, row, step : (n,) the group of each window, its clip's row among the selected ones there, its number in the clip.
    """

    groups: list[tuple[str, int]]
    group: Numbers
    row: Numbers
    step: Numbers

    def __len__(self) -> int:
        return len(self.group)

    def last_steps(self) -> dict[tuple[int, int], int]:
        """The last window of each clip, by its group and its row there."""
        new = np.flatnonzero((np.diff(self.group, append=-1) != 0) | (np.diff(self.row, append=-1) != 0))
        keys = zip(self.group[new].tolist(), self.row[new].tolist(), strict=True)
        return dict(zip(keys, self.step[new].tolist(), strict=True))

    def share(
        self,
        *,
        seed: int | None,
        epoch: int,
        buffer: int,
        rank: int = 0,
        ranks: int = 1,
        worker: int = 0,
        workers: int = 1,
        batch: int = 1,
        even: str = "once",
    ) -> Numbers:
        """The windows of one worker of one rank, in order.

        With "pad" and "drop" every rank has the same number. Within a rank, workers have whole batches, one more at most.
        """
        count = self.rank_count(rank, ranks, even)
        order = np.arange(len(self))
        if seed is not None:
            place = np.random.default_rng([seed, epoch]).permutation(len(self.groups))
            order = np.argsort(place[self.group], kind="stable")
        # What pads the last ranks is the beginning once more.
        begin = rank * len(self) // ranks if even == "once" else rank * count
        mine = np.resize(order, begin + count)[begin:] if len(order) else order
        batches = -(-count // batch)
        first, last = (batches * number // workers * batch for number in (worker, worker + 1))
        mine = mine[first:last]
        if seed is None or not len(mine):
            return mine
        # Mixed within runs of `buffer` groups, so that few are in memory at a time.
        new = np.flatnonzero(np.diff(self.group[mine], prepend=-1))
        for start, end in zip(new[::buffer], [*new[buffer::buffer], len(mine)], strict=True):
            draw = np.random.default_rng([seed, epoch, rank, worker, int(start)])
            mine[start:end] = draw.permutation(mine[start:end])
        return mine

    def rank_count(self, rank: int, ranks: int, even: str) -> int:
        """Windows that a rank gives."""
        if even == "once":
            return (rank + 1) * len(self) // ranks - rank * len(self) // ranks
        return -(-len(self) // ranks) if even == "pad" else len(self) // ranks


def plan(dataset: Dataset, options: dict[str, Any]) -> Plan:
    """The windows of a selection, from clocks and masks alone."""
    columns = ["start_s", "end_s"]
    if options["min_valid"] and "imu" in options["modalities"]:
        columns += ["imu_time_s", *(f"{placement}_valid" for placement in options["placements"])]
    elif options["min_valid"] and "pose" in options["modalities"]:
        columns += ["pose_time_s", "pose_world_m"]
    groups: list[tuple[str, int]] = []
    found: list[tuple[int, int, NDArray[np.intp]]] = []
    for shard, table, sizes in dataset.grouped_tables(columns):
        first = len(groups)
        groups += [(shard, number) for number in range(len(sizes))]
        row = 0
        for number, size in enumerate(sizes):
            for at, clip in enumerate(dataset.fold(table.slice(row, size))):
                found.append((first + number, at, kept_steps(clip, **options)))
            row += size
    counts = [len(steps) for _, _, steps in found]
    return Plan(
        groups,
        np.repeat(np.asarray([group for group, _, _ in found], np.int64), counts),
        np.repeat(np.asarray([row for _, row, _ in found], np.int64), counts),
        np.concatenate([steps for _, _, steps in found]).astype(np.int64) if found else np.zeros(0, np.int64),
    )


def group_sizes(kept: pa.ChunkedArray, rows: Sequence[int]) -> list[int]:
    """How many of the kept rows (numbers within a shard) lie in each of its groups."""
    ends = np.cumsum([0, *rows])
    sizes: list[int] = np.diff(np.searchsorted(kept.to_numpy(), ends)).tolist()
    return sizes


class Turns:
    """Whose turn it is when workers give their batches one after the other, those without any left out.

    Parameters
    ----------
    counts : batches of each worker.
    given : batches that each has given before.
    turn : the worker that is next.
    """

    def __init__(self, counts: Sequence[int], given: Sequence[int] | None = None, turn: int = 0) -> None:
        self.counts = list(counts)
        self.given = list(given) if given is not None else [0] * len(self.counts)
        self.turn = turn

    def __iter__(self) -> Iterator[int]:
        while any(given < count for given, count in zip(self.given, self.counts, strict=True)):
            worker = self.turn
            self.turn = (worker + 1) % len(self.counts)
            if self.given[worker] < self.counts[worker]:
                self.given[worker] += 1
                yield worker
