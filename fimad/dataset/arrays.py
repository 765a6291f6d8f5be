"""Windows of a whole selection as arrays: X (n, c, t), y (n,), groups (n,), as classifiers take them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.dataset.slicing.cutting import CHANNELS, WHOSE, Cut, Floats32, column_axis
from fimad.dataset.windows import check_options, columns_for
from fimad.errors import ConfigError

if TYPE_CHECKING:
    from fimad.dataset.reader import Dataset


class Statistics(NamedTuple):
    """Mean and standard deviation of every channel, each (c,), over what was measured."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


@dataclass(frozen=True)
class WindowArrays:
    """Windows of one length as arrays, in the order of the dataset.

    Attributes
    ----------
    X : (n, c, t) float32, in the units that `names` end in.
    y : (n,) int64, positions in `classes`.
    groups : (n,) whose each window is: names of persons, channels, videos or clips.
    names : the c channels, such as ``left_wrist_acc_x_m_s2``.
    classes : names of the classes: all of the dataset's, whatever was selected, so that ids stay.
    valid : (n, placements, t) True where something was measured; `mask` is the same for every channel, (n, c, t).
    rate_hz, clip_ids, start_s, splits : the rate; the clip, the time of the video and the split of each window.
    left_out : windows (or clips) that are not there, by reason.
    """

    X: Floats32
    y: NDArray[np.int64]
    groups: NDArray[np.str_]
    names: tuple[str, ...]
    classes: tuple[str, ...]
    valid: NDArray[np.bool_]
    rate_hz: float
    clip_ids: NDArray[np.str_]
    start_s: NDArray[np.float64]
    splits: NDArray[np.str_]
    left_out: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    def __iter__(self) -> Iterator[Any]:
        """X, y and groups, so that ``X, y, groups = dataset.to_arrays()`` works."""
        return iter((self.X, self.y, self.groups))

    def __repr__(self) -> str:
        lost = "".join(f", {count} left out: {reason}" for reason, count in self.left_out.items())
        found = len(np.unique(self.y))
        return (
            f"WindowArrays(X {self.X.shape} at {self.rate_hz:g} Hz, {found} of {len(self.classes)} classes, "
            f"{len(np.unique(self.groups))} groups{lost})"
        )

    @property
    def labels(self) -> NDArray[np.str_]:
        """(n,) the name of each window's class, as aeon and sktime take it."""
        return np.asarray(self.classes, dtype=np.str_)[self.y]

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(n, c, t) True where something was measured."""
        return np.repeat(self.valid, self.X.shape[1] // max(1, self.valid.shape[1]), axis=1)

    @cached_property
    def stats(self) -> Statistics:
        """Mean and standard deviation of the windows of the split ``train``; of all windows if there are none of it."""
        train = np.flatnonzero(self.splits == "train")
        return self.statistics(train if len(train) else None)

    def statistics(self, train: NDArray[Any] | None = None) -> Statistics:
        """Mean and standard deviation over some windows (indices or a mask; all by default) of what was measured."""
        values, there = (self.X, self.mask) if train is None else (self.X[train], self.mask[train])
        if not there.any():
            raise ConfigError(
                "There are no windows to take mean and deviation from.",
                "The training part is empty.",
                "Give the indices of the windows to train with: arrays.statistics(train)",
            )
        mean = values.mean(axis=(0, 2), where=there, dtype=np.float64)
        std = values.std(axis=(0, 2), where=there, dtype=np.float64)
        return Statistics(mean, std)

    def normalised(self, train: NDArray[Any] | None = None) -> WindowArrays:
        """The same with every channel at mean 0 and deviation 1 in the training part.

        `train` are the windows to learn from (indices or a mask), so that nothing of the others gets into the scale; without
        it `stats` counts: the split ``train``. A channel that does not vary is only shifted.
        """
        mean, std = self.stats if train is None else self.statistics(train)
        scale = np.where(std > 0, std, 1.0)
        values = ((self.X - mean[:, None].astype(np.float32)) / scale[:, None].astype(np.float32)).astype(np.float32)
        return replace(self, X=values)

    def take(self, which: NDArray[Any]) -> WindowArrays:
        """Some windows, by indices or a mask."""
        each = {
            name: getattr(self, name)[which] for name in ("X", "y", "groups", "valid", "clip_ids", "start_s", "splits")
        }
        return replace(self, **each)

    def folds(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Leave one group out: indices of the windows to train and to test with, for every group.

        Raises `ConfigError` where all windows are of one group: nobody is left to test with.
        """
        found = np.unique(self.groups)
        if len(found) == 1:
            raise ConfigError(
                f"All {len(self)} windows are of one group, {str(found[0])[:80]!r}: there is nobody else to test with.",
                "The dataset, or what was selected of it, shows one person or channel; the demo is one video.",
                "Build one of more people (docs/own-videos.md), or, to try things out, to_arrays(groups='clip').",
            )
        return self._folds(found)

    def _folds(self, groups: NDArray[Any]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        for group in groups:
            yield np.flatnonzero(self.groups != group), np.flatnonzero(self.groups == group)

    def to_frame(self, library: str = "pandas") -> Any:
        """A long table, one row per sample, as a pandas or Polars DataFrame: window, sample, times, label, group, channels."""
        count, _, length = self.X.shape
        table = pa.table(
            {
                "window": np.repeat(np.arange(count), length),
                "sample": np.tile(np.arange(length), count),
                "time_s": (self.start_s[:, None] + np.arange(length) / self.rate_hz).reshape(-1),
                "label": pa.array(self.labels.tolist()).take(pa.array(np.repeat(np.arange(count), length))),
                **{
                    name: pa.array(values.tolist()).take(pa.array(np.repeat(np.arange(count), length)))
                    for name, values in (("group", self.groups), ("clip_id", self.clip_ids), ("split", self.splits))
                },
                **{name: self.X[:, at].reshape(-1) for at, name in enumerate(self.names)},
            }
        )
        return frame_of(table, library)


def frame_of(table: pa.Table, library: str) -> Any:
    """An Arrow table as a DataFrame of another library."""
    if library == "pandas":
        return table.to_pandas()
    if library == "polars":
        import polars

        return polars.from_arrow(table)
    raise ConfigError(
        f"{library!r} is no library of data frames that is known here.",
        "The name is misspelt.",
        'Say "pandas" or "polars".',
    )


def to_arrays(
    dataset: Dataset,
    *,
    length_s: float = 2.0,
    rate_hz: float = 50.0,
    placements: str | Sequence[str] | None = None,
    channels: str | Sequence[str] = ("acc", "gyro"),
    overlap: float = 0.5,
    min_valid: float = 0.9,
    fill: str = "linear",
    target: str = "label",
    groups: str = "person",
    classes: Sequence[str] | None = None,
) -> WindowArrays:
    """All windows of a selection as arrays.

    Parameters
    ----------
    length_s, rate_hz : each window has round(length_s · rate_hz) samples.
    placements : sensors, in this order; all by default.
    channels : "acc" (specific force, m/s²), "gyro" (angular rate, rad/s), in this order for every placement.
    overlap : share of a window that the next one covers again, 0 to below 1.
    min_valid : windows of which less was measured, in any placement, are left out, and counted in `left_out`.
    fill : what stands where nothing was measured in the others: "linear", "nan" or "zero" (see `windows.clip_windows`).
    target : column of the class; clips without one are left out, and counted.
    groups : what must not be both in training and in test: "person" (where nobody is named, the channel; else the video),
        "channel", "video" or "clip".
    classes : names of the classes in the order of their ids; by default all of the dataset's, sorted.

    Raises
    ------
    ConfigError : an option can't be used, or no window is left; it says what there is.

    Examples
    --------
    >>> X, y, groups = fimad.open_dataset("dataset").to_arrays(placements=["left_wrist"])  # doctest: +SKIP
    """
    chosen = check_options(dataset, length_s, None, rate_hz, ("imu",), placements, min_valid, fill)
    wanted = [channels] if isinstance(channels, str) else list(channels)
    _check(dataset, chosen, wanted, overlap, target, groups)
    dataset.check_not_empty()
    ids = _classes(dataset, target, classes)
    count = max(1, round(length_s * rate_hz))
    cut = Cut(count, max(1, round(count * (1 - overlap))), float(rate_hz), chosen, wanted, min_valid, fill)
    whose = [name for name in WHOSE[groups] if name in dataset.columns]
    # Both channels of a placement: windows at another rate than the clip's are cut by the code that cuts all.
    names = columns_for(("imu",), chosen)
    names += [name for name in [*whose, target] if name not in names]
    left_out: Counter[str] = Counter()
    parts = [cut.part(dataset, table, target, whose, ids, left_out) for table in dataset.tables(names)]
    parts = [part for part in parts if len(part["y"])]
    if not parts:
        raise ConfigError(
            f"No window is left of {dataset!r}.",
            "; ".join(f"{number} left out: {reason}" for reason, number in left_out.items()) or "There are no clips.",
            "Take shorter windows, a lower min_valid, or other placements.",
        )
    merged = {
        name: np.concatenate([part[name] for part in parts]) if len(parts) > 1 else parts[0][name] for name in parts[0]
    }
    if groups in ("person", "channel"):
        _warn_of_strangers(merged.pop("stranger"))
    merged.pop("stranger", None)
    return WindowArrays(
        names=tuple(f"{p}_{column_axis(c, axis)}" for p in chosen for c in wanted for axis in "xyz"),
        classes=_by_number(ids),
        rate_hz=float(rate_hz),
        left_out=dict(left_out),
        **merged,
    )


def _check(
    dataset: Dataset, placements: list[str], channels: list[str], overlap: float, target: str, groups: str
) -> None:
    wrong = [name for name in channels if name not in CHANNELS]
    if wrong or not channels or not placements:
        raise ConfigError(
            f"channels = {channels}, placements = {placements} can't be used.",
            "A name is misspelt, or there is none.",
            f"Channels: {', '.join(CHANNELS)}. Placements: {', '.join(dataset.placements)}.",
        )
    if not 0 <= overlap < 1:
        raise ConfigError(
            f"overlap = {overlap} can't be used.", "It is a share of the window's length.", "For example: overlap=0.5"
        )
    if groups not in WHOSE:
        raise ConfigError(
            f"There are no groups by {groups!r}.", "The name is misspelt.", f"Groups: {', '.join(WHOSE)}."
        )
    dataset.check_columns([target])


def _classes(dataset: Dataset, target: str, given: Sequence[str] | None) -> dict[str, int]:
    """Ids by name."""
    if given is not None:
        return {name: at for at, name in enumerate(given)}
    if target == "class_label" and dataset.labels:
        # Numbers that later versions of the dataset keep.
        return dataset.labels
    if target == "label":
        names = {name for name in dataset.manifest["labels"] if name}
    else:
        whole = dataset.unfiltered()
        names = {str(name) for table in whole.tables([target]) for name in table.column(0).unique().to_pylist() if name}
    return {name: at for at, name in enumerate(sorted(names))}


def _by_number(ids: dict[str, int]) -> tuple[str, ...]:
    """Names in the order of their numbers; numbers that a dataset gave away once, and has no more, are empty."""
    names = [""] * (max(ids.values(), default=-1) + 1)
    for name, at in ids.items():
        names[at] = name
    return tuple(names)


def _warn_of_strangers(stranger: NDArray[np.bool_]) -> None:
    if stranger.any():
        warnings.warn(
            f"{int(stranger.sum())} of {len(stranger)} windows state neither person nor channel: each of their videos counts as "
            "a group of its own, and somebody who is in several may be trained and tested with.",
            stacklevel=3,
        )
