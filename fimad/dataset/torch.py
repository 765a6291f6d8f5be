"""Windows for PyTorch: equal shares for ranks and workers, shuffled reproducibly, resumable in the middle of an epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import torch.distributed
import torch.utils.data

from fimad.dataset.slicing.clips import ClipCutter, Space
from fimad.dataset.slicing.epochs import EVEN, Turns, plan
from fimad.dataset.windows import check_options, columns_for
from fimad.errors import ConfigError

if TYPE_CHECKING:
    from fimad.dataset.reader import Dataset

Window = dict[str, Any]
# What workers and the main process share: the epoch, whether workers were used, whose turn it is, and how far each was.
_EPOCH, _USED, _TURN, _GIVEN = 0, 1, 2, 3
_MOST_WORKERS = 256


class WindowDataset(torch.utils.data.IterableDataset[Window]):  # type: ignore[misc]
    """An iterable dataset of windows, as `windows.clip_windows` gives them, with `label_id` (position in `classes`, or -1).

    Ranks share an epoch by numbers of windows. With `seed` the order is shuffled the same way for the same seed and epoch.

    Parameters
    ----------
    seed : None keeps the order of the dataset.
    buffer : row groups (of about five clips) whose windows are mixed with each other, and are in memory together.
    even : where the windows don't divide by the ranks, "once" gives some ranks one more, so that each is seen exactly once;
        "pad" gives the last rank some of the first windows once more, and "drop" leaves out some of the last, so that all ranks have
        as many. By default "once" here, and "pad" for `loader`, since training waits for all ranks.
    keep_mb : memory, in each process, for clips that are kept on their windows' clock: later epochs copy their windows, and read
        and interpolate only what did not fit. 0 keeps none. Workers keep theirs if they persist.
    rank, world_size : those of `torch.distributed` by default.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        length_s: float = 5.0,
        stride_s: float | None = None,
        rate_hz: float = 50.0,
        modalities: str | Sequence[str] = ("imu",),
        placements: str | Sequence[str] | None = None,
        pad: bool = False,
        min_valid: float = 0.8,
        fill: str = "linear",
        seed: int | None = 0,
        buffer: int = 32,
        even: str | None = None,
        keep_mb: float = 256.0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        modalities = (modalities,) if isinstance(modalities, str) else tuple(modalities)
        chosen = check_options(dataset, length_s, stride_s, rate_hz, modalities, placements, min_valid, fill)
        if (
            even not in (None, *EVEN)
            or (rank is None) != (world_size is None)
            or not 0 <= (rank or 0) < (world_size or 1)
        ):
            raise ConfigError(
                f"even = {even!r}, rank = {rank}, world_size = {world_size} can't be used.",
                "A rank and the number of ranks belong together.",
                f"For example: rank=0, world_size=8. Ways to make ranks equal: {', '.join(EVEN)}.",
            )
        dataset.check_not_empty()
        self._dataset = dataset
        self._cut: dict[str, Any] = {"length_s": length_s, "stride_s": stride_s, "rate_hz": rate_hz}
        self._cut |= {"modalities": modalities, "placements": chosen}
        self._fill = fill
        self._columns = columns_for(modalities, chosen)
        self._plan = plan(dataset, {**self._cut, "pad": pad, "min_valid": min_valid})
        self._seed, self._buffer, self._even = seed, max(1, buffer), even or "once"
        self._kept = _Kept(keep_mb)
        self._even_in_loader = even or "pad"
        self._ranks = None if rank is None or world_size is None else (rank, world_size)
        self._batch = 1
        self._shared = _shared()
        self._given = 0
        self.classes = tuple(sorted(name for name in dataset.manifest["labels"] if name))
        self._ids = {name: at for at, name in enumerate(self.classes)}

    def __len__(self) -> int:
        """Windows that this rank gives in an epoch."""
        return self._plan.rank_count(*self._rank(), self._even)

    def __getstate__(self) -> dict[str, Any]:
        """A started process does not know its parent's rank, and keeps clips of its own."""
        return {**self.__dict__, "_ranks": self._rank(), "_kept": self._kept.empty()}

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of the next pass; workers that persist see it too."""
        self._given = 0
        self._shared[_EPOCH] = epoch
        self._shared[_TURN:] = 0

    def state_dict(self) -> dict[str, int]:
        """Where this process is: epoch and windows given so far.

        Raises `ConfigError` in the main process of a `DataLoader` with workers, which does not know how far they are.
        """
        if torch.utils.data.get_worker_info() is None and self._shared[_USED]:
            raise ConfigError(
                "The windows are given by worker processes: this one does not know how far they are.",
                "A plain DataLoader with num_workers does not tell, and workers are ahead of what was taken.",
                "Make the loader with `windows.loader(batch_size=..., num_workers=...)`, and save its `state_dict()`.",
            )
        return {"epoch": int(self._shared[_EPOCH]), "given": self._given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the windows that were given before."""
        self.set_epoch(state["epoch"])
        self._shared[_GIVEN] = self._given = state["given"]

    def loader(
        self,
        batch_size: int,
        *,
        num_workers: int = 0,
        drop_last: bool = False,
        collate_fn: Callable[[list[Window]], Any] | None = None,
        **options: Any,
    ) -> WindowLoader:
        """A loader of batches that shares them evenly among workers, and goes on exactly where it was.

        `collate_fn` is `collate` by default; `options` are those of `torch.utils.data.DataLoader`.
        """
        return WindowLoader(self, batch_size, num_workers, drop_last, collate_fn or collate, options)

    def batches(self, batch_size: int, workers: int, drop_last: bool) -> list[int]:
        """How many batches each worker of this rank gives."""
        counts = []
        for worker in range(workers):
            count = len(self._share(worker, workers, batch_size))
            counts.append(count // batch_size if drop_last else -(-count // batch_size))
        return counts

    def batched(self, batch_size: int, given: Sequence[int], turn: int) -> WindowDataset:
        """The same windows for a loader of this batch size, with a place of its own."""
        other = copy.copy(self)
        other._kept = self._kept.empty()
        other._batch, other._even = batch_size, self._even_in_loader
        other._shared = _shared()
        other.place(int(self._shared[_EPOCH]), given, turn)
        return other

    def place(self, epoch: int, given: Sequence[int], turn: int) -> None:
        """Where the next pass begins: batches that each worker gave before, and whose turn it is."""
        self.set_epoch(epoch)
        self._shared[_TURN] = turn
        self._shared[_GIVEN : _GIVEN + len(given)] = torch.tensor([each * self._batch for each in given])

    def __iter__(self) -> Iterator[Window]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info is not None else (0, 1)
        if info is not None:
            self._shared[_USED] = 1
        # The first worker goes on where it is the turn of another.
        worker = (worker + int(self._shared[_TURN])) % workers
        skip = int(self._shared[_GIVEN + worker])
        if info is None and self._batch == 1:
            # A pass that is begun anew begins at the start.
            self._shared[_GIVEN] = 0
        self._given = skip
        for window in self._windows(self._share(worker, workers, self._batch)[skip:]):
            self._given += 1
            yield window

    def _share(self, worker: int, workers: int, batch: int) -> Any:
        rank, ranks = self._rank()
        return self._plan.share(
            seed=self._seed,
            epoch=int(self._shared[_EPOCH]),
            buffer=self._buffer,
            rank=rank,
            ranks=ranks,
            worker=worker,
            workers=workers,
            batch=batch,
            even=self._even,
        )

    def _windows(self, share: Any) -> Iterator[Window]:
        """Cut them, with the groups in memory that the next ones need."""
        which, row, step = (values[share].tolist() for values in (self._plan.group, self._plan.row, self._plan.step))
        last = {group: at for at, group in enumerate(which)}
        # Of clips that are kept, other epochs may ask for more than this share.
        furthest = self._plan.last_steps()
        space = Space()
        clips: dict[int, list[ClipCutter]] = {}
        with closing(_OpenShards(self._dataset)) as files:
            for at, group in enumerate(which):
                if group not in clips:
                    clips[group] = self._kept.get(group) or self._read(files, group, furthest, space)
                window = clips[group][row[at]].window(step[at])
                window["label_id"] = self._ids.get(window["label"], -1)
                if last[group] == at:
                    done = clips.pop(group)
                    if not self._kept.keep(group, done):
                        for cutter in done:
                            cutter.release()
                yield window

    def _read(
        self, files: _OpenShards, group: int, furthest: dict[tuple[int, int], int], space: Space
    ) -> list[ClipCutter]:
        """The clips of a group, on their windows' clock."""
        shard, number = self._plan.groups[group]
        cutters = [
            ClipCutter(clip, **self._cut, fill=self._fill, space=space)
            for clip in self._dataset.read_group(files.open(shard), number, self._columns)
        ]
        for place, cutter in enumerate(cutters):
            if (group, place) in furthest:
                cutter.settle(furthest[group, place])
        return cutters

    def _rank(self) -> tuple[int, int]:
        if self._ranks is not None:
            return self._ranks
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1


class _Kept:
    """Clips of row groups that later epochs find in memory: the first ones that fit, and none is given up for another."""

    def __init__(self, most_mb: float) -> None:
        self._most_mb, self._left_bytes = most_mb, most_mb * 1e6
        self._groups: dict[int, list[ClipCutter]] = {}

    def empty(self) -> _Kept:
        """As much room, and nothing in it."""
        return _Kept(self._most_mb)

    def get(self, group: int) -> list[ClipCutter] | None:
        """The clips of a group that is kept."""
        return self._groups.get(group)

    def keep(self, group: int, cutters: list[ClipCutter]) -> bool:
        """Keep the clips of a group if there is room; tells whether they are kept."""
        if group in self._groups:
            return True
        size = sum(cutter.held_bytes for cutter in cutters)
        if size > self._left_bytes:
            return False
        self._left_bytes -= size
        self._groups[group] = cutters
        return True


class _OpenShards:
    """Shards that are read from in turns, a few of them open: to open one takes as long as to read some of its columns."""

    def __init__(self, dataset: Dataset, most: int = 16) -> None:
        self._dataset, self._most = dataset, most
        self._files: dict[str, Any] = {}

    def open(self, shard: str) -> Any:
        """A shard that stays open until `most` others were asked for."""
        file = self._files.pop(shard, None) or self._dataset.open_shard(shard)
        self._files[shard] = file
        if len(self._files) > self._most:
            self._files.pop(next(iter(self._files))).close()
        return file

    def close(self) -> None:
        """Close them all."""
        for file in self._files.values():
            file.close()


class WindowLoader:
    """Batches of windows; made by `WindowDataset.loader`.

    Use `set_epoch` before each pass, and `state_dict` whenever the training is saved: batches that workers made ahead and
    that were not taken don't count.
    """

    def __init__(
        self,
        windows: WindowDataset,
        batch_size: int,
        num_workers: int,
        drop_last: bool,
        collate_fn: Callable[[list[Window]], Any],
        options: dict[str, Any],
    ) -> None:
        if not (batch_size > 0 and 0 <= num_workers <= _MOST_WORKERS):
            raise ConfigError(
                f"batch_size = {batch_size}, num_workers = {num_workers} can't be used.",
                f"Batches have at least one window, and there are at most {_MOST_WORKERS} workers.",
                "For example: windows.loader(batch_size=32, num_workers=4)",
            )
        self._workers = max(1, num_workers)
        self._windows = windows.batched(batch_size, [0] * self._workers, 0)
        self._counts = self._windows.batches(batch_size, self._workers, drop_last)
        self._epoch = windows.state_dict()["epoch"]
        self._turns = Turns(self._counts)
        self._resumed = False
        self._loader = torch.utils.data.DataLoader(
            self._windows, batch_size, num_workers=num_workers, drop_last=drop_last, collate_fn=collate_fn, **options
        )

    def __len__(self) -> int:
        """Batches of an epoch; the same for every rank, unless `even` is "once"."""
        return sum(self._counts)

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of the next pass."""
        self._epoch, self._turns, self._resumed = epoch, Turns(self._counts), False

    def state_dict(self) -> dict[str, Any]:
        """Where training is: save it with the model."""
        return {
            "epoch": self._epoch,
            "given": list(self._turns.given),
            "turn": self._turns.turn,
            "batches": self._counts,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; raises `ConfigError` if the windows, batches or workers are not the same."""
        if state["batches"] != self._counts:
            raise ConfigError(
                f"The state is of workers with {state['batches']} batches; here they have {self._counts}.",
                "The dataset, the windows' options, the batch size, the number of workers or of ranks changed since.",
                "Make the loader as it was, or begin the epoch anew.",
            )
        self._epoch, self._resumed = state["epoch"], True
        self._turns = Turns(self._counts, state["given"], state["turn"])

    def __iter__(self) -> Iterator[Any]:
        if not self._resumed:
            self._turns = Turns(self._counts)
        self._resumed = False
        self._windows.place(self._epoch, self._turns.given, self._turns.turn)
        for _, batch in zip(self._turns, self._loader, strict=True):
            yield batch


def collate(windows: list[Window]) -> dict[str, Any]:
    """Windows as one batch: numbers become tensors with the batch first, text becomes lists.

    Of a column that some windows lack (no transcript's embedding, no CLIP), the tensor holds zeros for those, and
    ``NAME_present`` (b,) tells them apart; a column that all lack is None.
    """
    batch: dict[str, Any] = {}
    for name in windows[0]:
        values = [window[name] for window in windows]
        there = [value is not None for value in values]
        shown = next((value for value in values if value is not None), None)
        if isinstance(shown, str):
            batch[name] = values
            continue
        if name.endswith("_embedding") or not all(there):
            batch[f"{name}_present"] = torch.tensor(there)
        if shown is None:
            batch[name] = None
            continue
        arrays = [np.zeros_like(shown) if value is None else np.asarray(value) for value in values]
        batch[name] = torch.from_numpy(np.stack(arrays))
    return batch


def _shared() -> torch.Tensor:
    return torch.zeros(_GIVEN + _MOST_WORKERS, dtype=torch.int64).share_memory_()
