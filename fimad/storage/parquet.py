"""How artifacts are written: Parquet whose bytes depend on the table alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

# Smaller tables are put together in memory.
_SMALL_BYTES = 16 * 1024**2


def write_table(table: pa.Table, path: Path, metadata: dict[str, str]) -> None:
    """Write Parquet as measured best for float lists: zstd 1, BYTE_STREAM_SPLIT instead of dictionaries for floats.

    Pages carry checksums: a flipped bit in a compressed page may otherwise be read as another number.
    """
    merged = {**(table.schema.metadata or {}), **{key.encode(): value.encode() for key, value in metadata.items()}}
    table = table.replace_schema_metadata(merged)
    split, dictionary = encodings(table.schema)
    # Small tables in memory first: pyarrow's own file handling takes longer than they do.
    small = table.nbytes < _SMALL_BYTES
    buffer = pa.BufferOutputStream() if small else None
    pq.write_table(
        table,
        path if buffer is None else buffer,
        compression="zstd",
        compression_level=1,
        use_dictionary=dictionary,
        use_byte_stream_split=split,
        write_page_checksum=True,
    )
    if buffer is not None:
        path.write_bytes(buffer.getvalue())


def write_groups(tables: Iterable[pa.Table], schema: pa.Schema, path: Path, metadata: dict[str, str]) -> None:
    """The same for tables of one schema that are read one after the other: a row group each."""
    merged = {**(schema.metadata or {}), **{key.encode(): value.encode() for key, value in metadata.items()}}
    schema = schema.with_metadata(merged)
    split, dictionary = encodings(schema)
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=dictionary,
        use_byte_stream_split=split,
        write_page_checksum=True,
    ) as writer:
        for table in tables:
            writer.write_table(table.replace_schema_metadata(merged), row_group_size=max(1, table.num_rows))


def encodings(schema: pa.Schema) -> tuple[list[str], list[str]]:
    """Leaf columns to split by bytes (floats), and to keep in a dictionary (the rest)."""
    split: list[str] = []
    dictionary: list[str] = []

    def visit(path: str, kind: pa.DataType) -> None:
        if pa.types.is_struct(kind):
            for child in kind:
                visit(f"{path}.{child.name}", child.type)
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            visit(f"{path}.list.element", kind.value_type)
        elif pa.types.is_floating(kind):
            split.append(path)
        elif not pa.types.is_boolean(kind):
            dictionary.append(path)

    for column in schema:
        visit(column.name, column.type)
    return split, dictionary


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array; `combine_chunks` copies even where there is one chunk."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def local_path(url: str) -> Path:
    """The path of a file:// address."""
    return Path(unquote(urlsplit(url).path))
