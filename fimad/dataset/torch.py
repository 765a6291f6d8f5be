"""Windows for PyTorch: sharded by rank and worker, shuffled reproducibly, resumable in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch.distributed
import torch.utils.data

from fimad.dataset.windows import check_options, clip_windows, columns_for, window_count

if TYPE_CHECKING:
    from fimad.dataset.reader import Dataset


class WindowDataset(torch.utils.data.IterableDataset[dict[str, Any]]):  # type: ignore[misc]
    """An iterable dataset of windows.

    Row groups are dealt to ranks and workers; every window of an epoch is seen exactly once. With `seed` the order of row
    groups, and of the windows within a few of them, is shuffled the same way for the same seed and epoch.

    Parameters
    ----------
    seed : None keeps the order of the dataset.
    buffer : row groups whose windows are mixed with each other.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        length_s: float = 5.0,
        stride_s: float | None = None,
        rate_hz: float = 50.0,
        modalities: Sequence[str] = ("imu",),
        placements: Sequence[str] | None = None,
        pad: bool = False,
        seed: int | None = 0,
        buffer: int = 4,
    ) -> None:
        chosen = check_options(dataset, length_s, stride_s, rate_hz, modalities, placements)
        dataset.check_not_empty()
        self._dataset = dataset
        self._options: dict[str, Any] = {
            "length_s": length_s,
            "stride_s": stride_s,
            "rate_hz": rate_hz,
            "modalities": tuple(modalities),
            "placements": chosen,
            "pad": pad,
        }
        self._columns = columns_for(modalities, chosen)
        self._groups = dataset.groups()
        self._seed = seed
        self._buffer = max(1, buffer)
        self._epoch = 0
        self._skip = 0
        self._given = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of the next pass."""
        self._epoch = epoch
        self._skip = self._given = 0

    def state_dict(self) -> dict[str, int]:
        """Where this process is: epoch and windows given so far."""
        return {"epoch": self._epoch, "given": self._given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the windows that were given before."""
        self._epoch = state["epoch"]
        self._skip = self._given = state["given"]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        skip, self._skip = self._skip, 0
        self._given = skip
        for window in self._pass(skip):
            self._given += 1
            yield window

    def _pass(self, skip: int) -> Iterator[dict[str, Any]]:
        order = np.arange(len(self._groups))
        draw = np.random.default_rng([self._seed or 0, self._epoch])
        if self._seed is not None:
            draw.shuffle(order)
        mine = order[_part() :: _parts()]
        for start in range(0, len(mine), self._buffer):
            groups = [self._groups[at] for at in mine[start : start + self._buffer]]
            if skip and skip >= (count := self._count(groups)):
                # Resumed further on: times alone tell how many windows there were.
                skip -= count
                continue
            windows = [
                window
                for shard, group in groups
                for clip in self._dataset.read_group(shard, group, self._columns)
                for window in clip_windows(clip, **self._options)
            ]
            if self._seed is not None:
                mix = np.random.default_rng([self._seed, self._epoch, int(mine[start])])
                mix.shuffle(windows)
            yield from windows[skip:]
            skip = 0

    def _count(self, groups: list[tuple[str, int]]) -> int:
        options = {name: self._options[name] for name in ("length_s", "stride_s", "rate_hz", "pad")}
        return sum(
            window_count(clip, **options)
            for shard, group in groups
            for clip in self._dataset.read_group(shard, group, ["start_s", "end_s"])
        )


def _workers() -> tuple[int, int]:
    info = torch.utils.data.get_worker_info()
    return (info.id, info.num_workers) if info is not None else (0, 1)


def _ranks() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _part() -> int:
    return _ranks()[0] * _workers()[1] + _workers()[0]


def _parts() -> int:
    return _ranks()[1] * _workers()[1]
