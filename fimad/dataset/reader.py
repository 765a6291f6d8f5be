"""`open_dataset`: a packed dataset, read lazily through its manifest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fimad.dataset.folding import Clip, folded, groups_holding, shaped, shapes_of
from fimad.dataset.manifest import read_manifest
from fimad.dataset.selecting import check_known, check_names, flagged, named, names_of, no_clip, nothing_left
from fimad.errors import ConfigError, DatasetError
from fimad.labels.taxonomy import KINDS
from fimad.storage.store import FsspecStore, open_store

if TYPE_CHECKING:
    import pyarrow.dataset as pads

    from fimad.dataset.arrays import WindowArrays
    from fimad.dataset.remote import Fetch
    from fimad.dataset.torch import WindowDataset

_INDEX = (
    *("clip_id", "split", "label", "kind", "exercise", "class_label", "class_id"),
    *("start_s", "end_s", "pose_share", "imu_quality", "flags"),
)


def open_dataset(path: str | os.PathLike[str], *, cache: str | os.PathLike[str] | None = None) -> Dataset:
    """Open a packed dataset: a folder or any fsspec URL, such as ``s3://bucket/dataset`` or ``hf://datasets/USER/NAME``.

    Of a remote dataset only the bytes of the columns asked for are fetched; `cache` is a folder that keeps them.

    Reads the manifest only; clips are read when they are asked for. Raises `DatasetError` if there is no dataset, or its
    manifest was damaged.
    """
    return Dataset(os.fspath(path), cache=None if cache is None else Path(cache))


class Dataset:
    """A packed dataset, or a selection of it. Selections are cheap and share the files."""

    def __init__(
        self,
        path: str,
        *,
        cache: Path | None = None,
        _filter: pc.Expression | None = None,
        _shards: list[str] | None = None,
        _manifest: dict[str, Any] | None = None,
        _told: tuple[str, ...] = (),
        _needs: frozenset[str] = frozenset(),
    ) -> None:
        self.path = path
        self._store = open_store(path)
        self.manifest = read_manifest(self._store) if _manifest is None else _manifest
        self._filter = _filter
        self._told, self._needs, self._cache = _told, _needs, cache
        self._footers: dict[str, pq.FileMetaData] = {}
        self._entries = {each["name"]: each for each in self.manifest["shards"]}
        self._shards = [each["name"] for each in self.manifest["shards"]] if _shards is None else _shards
        self._shapes = shapes_of(self.manifest["columns"])

    def __repr__(self) -> str:
        """What was selected, and what there is; of a selection by values the clips are counted where that is cheap."""
        told = f".select({', '.join(self._told)})" if self._told else ""
        known = self._filter is None or self._store.local is not None
        clips = f"{len(self)} of {self.manifest['clips']}" if self._told and known else str(self.manifest["clips"])
        splits = ", ".join(f"{name} {info['clips']}" for name, info in self.manifest["splits"].items())
        labels = len([name for name in self.manifest["labels"] if name])
        return (
            f"Dataset({self.path!r}){told}: {clips} clips (splits: {splits}; {labels} labels; "
            f"placements: {', '.join(self.placements) or 'none'})"
        )

    def __getitem__(self, split: str) -> Dataset:
        """The clips of one split: ``dataset["train"]``."""
        if not isinstance(split, str):
            raise ConfigError(
                f"dataset[{split!r}] is nothing.",
                "A dataset is indexed by the names of its splits; clips have ids.",
                f'Splits: {", ".join(self.manifest["splits"])}. For one clip: dataset.clip("ID"), with ids from dataset.index()',
            )
        return self.select(split=split)

    def __iter__(self) -> Iterator[Clip]:
        return self.clips()

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        return [each["name"] for each in self.manifest["columns"]]

    @property
    def labels(self) -> dict[str, int]:
        """Number of each class, as in the column `class_id`: the same in all versions of the dataset. 0 is NULL."""
        return dict(self.manifest.get("classes", {}))

    @property
    def placements(self) -> list[str]:
        """Where the dataset has virtual sensors."""
        return [name.removesuffix("_acc_m_s2") for name in self.columns if name.endswith("_acc_m_s2")]

    def select(
        self,
        *,
        split: str | Sequence[str] | None = None,
        label: str | Sequence[str] | None = None,
        exercise: str | Sequence[str] | None = None,
        kind: str | Sequence[str] | None = None,
        flags: str | Sequence[str] | None = None,
        without_flags: bool | str | Sequence[str] | None = None,
        min_quality: float | None = None,
        min_pose_share: float | None = None,
        where: pc.Expression | None = None,
    ) -> Dataset:
        """The clips that meet all conditions.

        Parameters
        ----------
        split, label : one, or several of which a clip has one.
        exercise : canonical exercises, by any of their names; what is a kind of one counts ("squat" has goblet squats as
            well), and so do clips that show several. For one class alone: ``where=pc.field("class_label") == "squat"``.
        kind : `exercise`, `rest`, `section`, `talk` or `other`.
        flags : clips with at least one of these flags; an empty list takes those without any.
        without_flags : True leaves out every clip that has a flag, names those that have one of these.
        min_quality, min_pose_share : least `imu_quality` and `pose_share`; clips without one are left out.
        where : any pyarrow expression over scalar columns.

        Raises
        ------
        ConfigError : the dataset has no such split, label, exercise, kind or column; it says what there is.
        """
        shards, told = self._shards, list(self._told)
        if split is not None:
            wanted = names_of(split)
            check_known("split", wanted, self.manifest["splits"])
            names = {each["name"] for each in self.manifest["shards"] if each["split"] in wanted}
            shards = [name for name in shards if name in names]
        parts = [where] if where is not None else []
        if label is not None:
            check_known("label", names_of(label), self.manifest["labels"])
            parts.append(pc.field("label").isin(names_of(label)))
        if exercise is not None:
            self.check_columns(["exercises"])
            parts.append(named(names_of(exercise)))
        if kind is not None:
            self.check_columns(["kind"])
            check_known("kind", names_of(kind), KINDS)
            parts.append(pc.field("kind").isin(names_of(kind)))
        if flags is not None or without_flags:
            self.check_columns(["flags"])
        if flags is not None:
            parts.append(flagged(names_of(flags)) if names_of(flags) else ~flagged(None))
        if without_flags:
            parts.append(~flagged(None if without_flags is True else names_of(without_flags)))
        if min_quality is not None:
            parts.append(pc.field("imu_quality") >= min_quality)
        if min_pose_share is not None:
            parts.append(pc.field("pose_share") >= min_pose_share)
        needs = {name for name, value in {"label": label, "imu_quality": min_quality}.items() if value is not None}
        needs |= {"pose_share"} if min_pose_share is not None else set()
        needs |= {"exercises"} if exercise is not None else set()
        needs |= {"kind"} if kind is not None else set()
        needs |= {"flags"} if flags is not None or without_flags else set()
        needs |= set(self._scalars()) if where is not None else set()
        condition = self._filter
        for part in parts:
            condition = part if condition is None else condition & part
        given: dict[str, Any] = {"split": split, "label": label, "flags": flags, "without_flags": without_flags}
        given |= {"min_quality": min_quality, "min_pose_share": min_pose_share, "where": where}
        told += [f"{name}={value!r}" for name, value in given.items() if value is not None]
        return Dataset(
            self.path,
            _filter=condition,
            _shards=shards,
            _manifest=self.manifest,
            _told=tuple(told),
            _needs=self._needs | needs,
            cache=self._cache,
        )

    def unfiltered(self) -> Dataset:
        """The whole dataset."""
        return Dataset(self.path, _manifest=self.manifest, cache=self._cache)

    def check_not_empty(self) -> None:
        """Raise `ConfigError` if no clip meets the conditions; it says what there is."""
        if not len(self):
            raise nothing_left(self.manifest, self._told)

    def arrow(self) -> pads.Dataset:
        """The selection's files as a pyarrow dataset (conditions of `select` are not applied: see `table`)."""
        import pyarrow.dataset as pads  # pulls in pandas where that is installed

        if self._store.local is not None:
            paths = [str(self._store.local / name) for name in self._shards]
            return pads.dataset(paths, format="parquet", schema=None if paths else self._schema())
        from fimad.dataset.remote import arrow_dataset

        shards = {name: (self._entries[name]["bytes"], self._fetcher(name)) for name in self._shards}
        return arrow_dataset(self._remote(), shards, None if shards else self._schema())

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The selection as an Arrow table. Name the columns that you need: signals are large."""
        self.check_columns(columns)
        wanted = self.columns if columns is None else list(columns)
        if self._store.local is not None or not self._shards:
            return self.arrow().to_table(columns=wanted, filter=self._filter)
        return pa.concat_tables(self.tables(wanted))

    def index(self) -> pa.Table:
        """One light row per clip: id, split, label, times, quality, and flags (from version 2 of the schema on)."""
        return self.table([name for name in _INDEX if name in self.columns])

    def tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The same, one shard at a time."""
        self.check_columns(columns)
        for name in self._shards:
            with self.open_shard(name) as file:
                table = file.read(columns=self._with_filter(columns))
            if self._filter is not None:
                table = table.filter(self._filter)
            yield table.select(list(columns))

    def to_frame(self, columns: Sequence[str] | None = None, library: str = "pandas") -> Any:
        """One row per clip as a pandas or Polars DataFrame: the columns of `index`, or the named ones."""
        from fimad.dataset.arrays import frame_of

        return frame_of(self.index() if columns is None else self.table(columns), library)

    def __len__(self) -> int:
        if self._filter is None:
            counts = {each["name"]: each["rows"] for each in self.manifest["shards"]}
            return sum(counts[name] for name in self._shards)
        if self._store.local is None:
            return sum(table.num_rows for table in self.tables(["clip_id"]))
        return int(self.arrow().count_rows(filter=self._filter))

    def clips(self, columns: Sequence[str] | None = None) -> Iterator[Clip]:
        """Clips in order, as dictionaries; arrays are folded to their shapes. One row group is in memory at a time."""
        self.check_columns(columns)
        wanted = list(columns) if columns is not None else self.columns
        for name in self._shards:
            with self.open_shard(name) as file:
                for group in range(file.metadata.num_row_groups):
                    table = file.read_row_group(group, columns=self._with_filter(wanted))
                    if self._filter is not None:
                        table = table.filter(self._filter)
                    yield from self.fold(table.select([each for each in wanted if each in table.column_names]))

    def clip(self, clip_id: str, columns: Sequence[str] | None = None) -> Clip:
        """One clip by its id; reads only its row group. Raises `DatasetError` if there is no such clip."""
        self.check_columns(columns)
        video_id = clip_id.rsplit("___", 1)[0]
        holders = {each["name"] for each in self.manifest["shards"] if video_id in each["videos"]}
        for name in self._shards:
            if name not in holders:
                continue
            with self.open_shard(name) as file:
                for group in groups_holding(file, [clip_id]):
                    wanted = list(columns) if columns is not None else self.columns
                    read = self._with_filter([*dict.fromkeys(["clip_id", *wanted])])
                    table = file.read_row_group(group, columns=read)
                    table = table.slice(table.column("clip_id").index(clip_id).as_py(), 1)
                    if self._filter is not None:
                        table = table.filter(self._filter)
                    if table.num_rows:
                        return next(self.fold(table.select(wanted)))
        raise no_clip(self.manifest, clip_id, self._told)

    def plot(self, clip_id: str, placement: str | None = None, path: str | os.PathLike[str] | None = None) -> Any:
        """Specific force and angular rate of a clip's sensor over the video's time, as a matplotlib figure.

        A gap is what was not measured, a band two standard uncertainties. With `path` the figure is written as well; `fimad
        view CLIP` also shows the body.

        Raises
        ------
        DatasetError : there is no such clip.
        ConfigError : there is no such placement, nothing was measured, or the file can't be written.
        SetupError : matplotlib is not installed.

        Examples
        --------
        >>> dataset.plot("dQw4w9WgXcQ___0", "left_wrist", "clip.png")  # doctest: +SKIP
        """
        from fimad.dataset.plot import plot_clip

        return plot_clip(self, clip_id, placement, path)

    def to_arrays(self, **options: Any) -> WindowArrays:
        """All windows as X (n, c, t), y (n,) and groups (n,); see `arrays.to_arrays` for the options."""
        from fimad.dataset.arrays import to_arrays

        return to_arrays(self, **options)

    def windows(self, **options: Any) -> Iterator[dict[str, Any]]:
        """Fixed-length slices with all modalities on one clock; see `windows.iter_windows` for the options."""
        from fimad.dataset.windows import iter_windows

        return iter_windows(self, **options)

    def to_torch(self, **options: Any) -> WindowDataset:
        """An iterable dataset of windows for a `torch.utils.data.DataLoader`; see `torch.WindowDataset`."""
        from fimad.dataset.torch import WindowDataset

        return WindowDataset(self, **options)

    def grouped_tables(self, columns: Sequence[str]) -> Iterator[tuple[str, pa.Table, list[int]]]:
        """Shard by shard: its name, columns of the selection, and how many of the rows lie in each of its row groups."""
        from fimad.dataset.slicing.epochs import group_sizes

        for name in self._shards:
            with self.open_shard(name) as file:
                table = file.read(columns=self._with_filter(columns))
                rows = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            table = table.append_column("row", pa.array(np.arange(table.num_rows)))
            if self._filter is not None:
                table = table.filter(self._filter)
            yield name, table.select(list(columns)), group_sizes(table.column("row"), rows)

    def read_group(self, file: Any, group: int, columns: Sequence[str]) -> list[Clip]:
        """The clips of one row group of a shard, as `open_shard` gave it, that belong to the selection."""
        # Handed to a single thread, a column's memory is returned by another than took it, which costs a tenth.
        table = file.read_row_group(group, columns=self._with_filter(columns), use_threads=pa.cpu_count() > 1)
        if self._filter is not None:
            table = table.filter(self._filter)
        return list(self.fold(table))

    def fold(self, table: pa.Table) -> Iterator[Clip]:
        """Rows as dictionaries, lists of numbers as arrays of their shape; NULL stays None.

        The arrays are views of the table: they cost no copy, and can't be written to.
        """
        return folded(table, self._shapes)

    def shaped(self, row: dict[str, Any]) -> Clip:
        """A row that another library read: its flat arrays are folded to their shapes, as `clips` gives them."""
        return shaped(row, self._shapes)

    def open_shard(self, name: str) -> Any:
        """One shard, as a `pyarrow.parquet.ParquetFile` or what reads like one, to be used in `with`."""
        if self._store.local is not None:
            path = self._store.local / name
            if not path.is_file():
                raise DatasetError(
                    f"{name} is missing.",
                    "The dataset was copied in part.",
                    "Run `fimad verify`.",
                    reason="shard_missing",
                )
            return self._with_footer(name, path, memory_map=True)
        from fimad.dataset.remote import RemoteShard

        file = RemoteShard(self._fetcher(name), self._entries[name]["bytes"], self._footers.get(name))
        self._footers.setdefault(name, file.metadata)
        return file

    def _fetcher(self, name: str) -> Fetch:
        from fimad.dataset.remote import fetcher

        entry = self._entries[name]
        return fetcher(self._remote(), name, entry["bytes"], entry["sha256"], self._cache)

    def _remote(self) -> FsspecStore:
        assert isinstance(self._store, FsspecStore)  # noqa: S101  (a folder is not asked)
        return self._store

    def _with_footer(self, name: str, source: Any, **options: Any) -> Any:
        file = pq.ParquetFile(source, metadata=self._footers.get(name), pre_buffer=False, **options)
        self._footers.setdefault(name, file.metadata)
        return file

    def __getstate__(self) -> dict[str, Any]:
        """Footers can't travel to a worker process; it parses its own."""
        return {**self.__dict__, "_footers": {}}

    def _with_filter(self, columns: Sequence[str]) -> list[str]:
        """The columns, and those that the conditions look at."""
        return [*columns, *sorted(self._needs - set(columns))]

    def _scalars(self) -> list[str]:
        return [each["name"] for each in self.manifest["columns"] if not each["type"].startswith("list")]

    def _schema(self) -> pa.Schema:
        from fimad.schema import dataset_schema

        return dataset_schema(self.placements)

    def check_columns(self, columns: Sequence[str] | None) -> None:
        """Raise `ConfigError` for columns that the dataset does not have."""
        check_names(columns or (), self.columns)
