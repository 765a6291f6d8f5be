"""Rows of a dataset: where they lie, and as dictionaries, with lists of numbers as arrays of the shape that the manifest states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fimad.storage.parquet import one_chunk

Clip = dict[str, Any]
#: By column, what follows the length: (33, 3) for ``n,33,3``.
Shapes = Mapping[str, tuple[int, ...]]


def shapes_of(columns: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, ...]]:
    """Shapes of the columns of a manifest that state one."""
    return {each["name"]: _trailing(each["shape"]) for each in columns if each.get("shape")}


def folded(table: pa.Table, shapes: Shapes) -> Iterator[Clip]:
    """Rows as dictionaries; arrays are views of the table, and NULL stays None."""
    names = table.column_names
    columns = [_cells(one_chunk(table.column(name)), shapes.get(name)) for name in names]
    for cells in zip(*columns, strict=True):
        yield dict(zip(names, cells, strict=True))


def shaped(row: Mapping[str, Any], shapes: Shapes) -> Clip:
    """A row whose arrays are flat yet."""
    return {
        name: value.reshape(-1, *shapes[name]) if isinstance(value, np.ndarray) and name in shapes else value
        for name, value in row.items()
    }


def groups_holding(file: Any, clip_ids: Iterable[str]) -> list[int]:
    """The row groups of an open shard that hold one of these clips; all ids are read at once."""
    rows = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    ids = file.read(columns=["clip_id"]).column("clip_id")
    found = np.flatnonzero(pc.is_in(ids, pa.array(sorted(clip_ids), pa.string())).to_numpy())
    groups: list[int] = np.unique(np.searchsorted(np.cumsum(rows), found, side="right")).tolist()
    return groups


def _cells(column: Any, shape: tuple[int, ...] | None) -> list[Any]:
    """One column's cells."""
    if shape is None or not pa.types.is_primitive(column.type.value_type):
        cells: list[Any] = column.to_pylist()
        return cells
    offsets = column.offsets.to_numpy()
    # A slice of a table holds the values of all of it.
    first, last = (offsets[0], offsets[-1]) if len(offsets) else (0, 0)
    values: NDArray[Any] = column.values.slice(first, last - first).to_numpy(zero_copy_only=False)
    # Numbers of Python's: to slice by NumPy's takes twice as long.
    begins = (offsets - first).tolist()
    parts = [values[begin:end].reshape(-1, *shape) for begin, end in pairwise(begins)]
    if not column.null_count:
        return parts
    return [part if there else None for part, there in zip(parts, column.is_valid().to_pylist(), strict=True)]


def _trailing(shape: str) -> tuple[int, ...]:
    """``n,33,3`` to (33, 3). A leading letter is the length; a letter further back (an embedding's width) folds later."""
    parts = shape.split(",")[1:]
    if any(not re.fullmatch(r"\d+", part) for part in parts):
        return ()
    return tuple(int(part) for part in parts)
