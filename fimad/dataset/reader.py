"""`open_dataset`: a packed dataset, read lazily through its manifest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fimad.dataset.manifest import read_manifest
from fimad.errors import ConfigError, DatasetError
from fimad.storage.store import open_store

if TYPE_CHECKING:
    import pyarrow.dataset as pads

    from fimad.dataset.torch import WindowDataset

Clip = dict[str, Any]
_INDEX = ["clip_id", "split", "label", "start_s", "end_s", "pose_share", "imu_quality", "flags"]


def open_dataset(path: str) -> Dataset:
    """Open a packed dataset: a folder or any fsspec URL.

    Reads the manifest only; clips are read when they are asked for. Raises `DatasetError` if there is no dataset, or its
    manifest was damaged.
    """
    return Dataset(path)


class Dataset:
    """A packed dataset, or a selection of it. Selections are cheap and share the files."""

    def __init__(
        self,
        path: str,
        *,
        _filter: pc.Expression | None = None,
        _shards: list[str] | None = None,
        _manifest: dict[str, Any] | None = None,
    ) -> None:
        self.path = path
        self._store = open_store(path)
        self.manifest = read_manifest(self._store) if _manifest is None else _manifest
        self._filter = _filter
        self._footers: dict[str, pq.FileMetaData] = {}
        self._shards = [each["name"] for each in self.manifest["shards"]] if _shards is None else _shards
        self._shapes = {
            each["name"]: _trailing(each["shape"]) for each in self.manifest["columns"] if each.get("shape")
        }

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        return [each["name"] for each in self.manifest["columns"]]

    @property
    def placements(self) -> list[str]:
        """Where the dataset has virtual sensors."""
        return [name.removesuffix("_acc_m_s2") for name in self.columns if name.endswith("_acc_m_s2")]

    def select(
        self,
        *,
        split: str | Sequence[str] | None = None,
        label: str | Sequence[str] | None = None,
        min_quality: float | None = None,
        min_pose_share: float | None = None,
        where: pc.Expression | None = None,
    ) -> Dataset:
        """The clips that meet all conditions. `where` is any pyarrow expression over scalar columns.

        Raises `ConfigError` for a split that the dataset does not have.
        """
        condition = self._filter
        shards = self._shards
        if split is not None:
            wanted = [split] if isinstance(split, str) else list(split)
            unknown = sorted(set(wanted) - set(self.manifest["splits"]))
            if unknown:
                raise ConfigError(
                    f"The dataset has no split {unknown[0]!r}.",
                    "The name is misspelt.",
                    f"Its splits are: {', '.join(self.manifest['splits'])}.",
                )
            names = {each["name"] for each in self.manifest["shards"] if each["split"] in wanted}
            shards = [name for name in shards if name in names]
        parts = [where] if where is not None else []
        if label is not None:
            parts.append(pc.field("label").isin([label] if isinstance(label, str) else list(label)))
        if min_quality is not None:
            parts.append(pc.field("imu_quality") >= min_quality)
        if min_pose_share is not None:
            parts.append(pc.field("pose_share") >= min_pose_share)
        for part in parts:
            condition = part if condition is None else condition & part
        return Dataset(self.path, _filter=condition, _shards=shards, _manifest=self.manifest)

    def arrow(self) -> pads.Dataset:
        """The selection's files as a pyarrow dataset (conditions of `select` are not applied: see `table`)."""
        import pyarrow.dataset as pads  # pulls in pandas where that is installed

        if self._store.local is not None:
            paths = [str(self._store.local / name) for name in self._shards]
            return pads.dataset(paths, format="parquet", schema=None if paths else self._schema())
        import fsspec

        fs, root = fsspec.core.url_to_fs(self.path)
        paths = [f"{root.rstrip('/')}/{name}" for name in self._shards]
        return pads.dataset(paths, format="parquet", filesystem=fs, schema=None if paths else self._schema())

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The selection as an Arrow table. Name the columns that you need: signals are large."""
        self._check(columns)
        return self.arrow().to_table(columns=list(columns) if columns is not None else None, filter=self._filter)

    def index(self) -> pa.Table:
        """One light row per clip: id, split, label, times, quality, and flags (from version 2 of the schema on)."""
        return self.table([name for name in _INDEX if name in self.columns])

    def __len__(self) -> int:
        if self._filter is None:
            counts = {each["name"]: each["rows"] for each in self.manifest["shards"]}
            return sum(counts[name] for name in self._shards)
        return int(self.arrow().count_rows(filter=self._filter))

    def clips(self, columns: Sequence[str] | None = None) -> Iterator[Clip]:
        """Clips in order, as dictionaries; arrays are folded to their shapes. One row group is in memory at a time."""
        self._check(columns)
        wanted = list(columns) if columns is not None else self.columns
        for name in self._shards:
            with self._open(name) as file:
                for group in range(file.metadata.num_row_groups):
                    table = file.read_row_group(group, columns=self._with_filter(wanted))
                    if self._filter is not None:
                        table = table.filter(self._filter)
                    yield from self.fold(table.select([each for each in wanted if each in table.column_names]))

    def clip(self, clip_id: str, columns: Sequence[str] | None = None) -> Clip:
        """One clip by its id; reads only its row group. Raises `DatasetError` if there is no such clip."""
        self._check(columns)
        video_id = clip_id.rsplit("___", 1)[0]
        holders = {each["name"] for each in self.manifest["shards"] if video_id in each["videos"]}
        for name in self._shards:
            if name not in holders:
                continue
            with self._open(name) as file:
                for group in range(file.metadata.num_row_groups):
                    ids = file.read_row_group(group, columns=["clip_id"]).column("clip_id").to_pylist()
                    if clip_id in ids:
                        table = file.read_row_group(group, columns=list(columns) if columns is not None else None)
                        return next(self.fold(table.slice(ids.index(clip_id), 1)))
        raise DatasetError(
            f"The dataset has no clip {clip_id!r}.", "It was left out, or the id is misspelt.", "See `Dataset.index()`."
        )

    def windows(self, **options: Any) -> Iterator[dict[str, Any]]:
        """Fixed-length slices with all modalities on one clock; see `windows.iter_windows` for the options."""
        from fimad.dataset.windows import iter_windows

        return iter_windows(self, **options)

    def to_torch(self, **options: Any) -> WindowDataset:
        """An iterable dataset of windows for a `torch.utils.data.DataLoader`; see `torch.WindowDataset`."""
        from fimad.dataset.torch import WindowDataset

        return WindowDataset(self, **options)

    def groups(self) -> list[tuple[str, int]]:
        """(shard, row group) pairs of the selection: the unit in which clips are read."""
        found = []
        for name in self._shards:
            with self._open(name) as file:
                found += [(name, group) for group in range(file.metadata.num_row_groups)]
        return found

    def read_group(self, shard: str, group: int, columns: Sequence[str]) -> list[Clip]:
        """The clips of one row group that belong to the selection."""
        with self._open(shard) as file:
            table = file.read_row_group(group, columns=self._with_filter(columns))
        if self._filter is not None:
            table = table.filter(self._filter)
        return list(self.fold(table))

    def fold(self, table: pa.Table) -> Iterator[Clip]:
        """Rows as dictionaries, lists of numbers as arrays of their shape; NULL stays None.

        The arrays are views of the table: they cost no copy, and can't be written to.
        """
        names = table.column_names
        columns = [self._cells(name, table.column(name).combine_chunks()) for name in names]
        for cells in zip(*columns, strict=True):
            yield dict(zip(names, cells, strict=True))

    def shaped(self, row: dict[str, Any]) -> Clip:
        """A row that another library read: its flat arrays are folded to their shapes, as `clips` gives them."""
        return {
            name: value.reshape(-1, *self._shapes[name])
            if isinstance(value, np.ndarray) and name in self._shapes
            else value
            for name, value in row.items()
        }

    def _cells(self, name: str, column: Any) -> list[Any]:
        """One column's cells."""
        if name not in self._shapes or not pa.types.is_primitive(column.type.value_type):
            cells: list[Any] = column.to_pylist()
            return cells
        offsets = column.offsets.to_numpy()
        values: NDArray[Any] = column.values.to_numpy(zero_copy_only=False)
        trailing = self._shapes[name]
        present = column.is_valid().to_pylist()
        return [
            values[offsets[row] : offsets[row + 1]].reshape(-1, *trailing) if there else None
            for row, there in enumerate(present)
        ]

    def _open(self, name: str) -> Any:
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
        import fsspec

        return self._with_footer(name, fsspec.open(f"{self.path.rstrip('/')}/{name}").open())

    def _with_footer(self, name: str, source: Any, **options: Any) -> Any:
        """Open a shard; its footer, which is long, is parsed once."""
        file = pq.ParquetFile(source, metadata=self._footers.get(name), pre_buffer=False, **options)
        self._footers.setdefault(name, file.metadata)
        return file

    def __getstate__(self) -> dict[str, Any]:
        """Footers can't travel to a worker process; it parses its own."""
        return {**self.__dict__, "_footers": {}}

    def _with_filter(self, columns: Sequence[str]) -> list[str]:
        """The columns, and all that a condition may look at: every scalar one."""
        if self._filter is None:
            return list(columns)
        scalars = [each["name"] for each in self.manifest["columns"] if not each["type"].startswith("list")]
        return [*columns, *(name for name in scalars if name not in columns)]

    def _schema(self) -> pa.Schema:
        from fimad.schema import dataset_schema

        return dataset_schema(self.placements)

    def _check(self, columns: Sequence[str] | None) -> None:
        unknown = sorted(set(columns or ()) - set(self.columns))
        if unknown:
            raise ConfigError(
                f"The dataset has no column {unknown[0]!r}.", "The name is misspelt.", "See `Dataset.columns`."
            )


def _trailing(shape: str) -> tuple[int, ...]:
    """``n,33,3`` to (33, 3). A leading letter is the length; a letter further back (an embedding's width) folds later."""
    parts = shape.split(",")[1:]
    if any(not re.fullmatch(r"\d+", part) for part in parts):
        return ()
    return tuple(int(part) for part in parts)
