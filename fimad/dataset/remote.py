"""Shards on a remote store: only the bytes of the columns asked for are fetched, all ranges of a read at once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pyarrow.dataset as pads

    from fimad.storage.store import FsspecStore

# The end of a file that is fetched for its footer; a longer footer costs one request more.
_TAIL_BYTES = 16 * 1024
# What pyarrow's datasets look at, at the end of every file.
_ARROW_TAIL_BYTES = 64 * 1024
# Chunks with less than this between them are fetched in one request.
_GAP_BYTES = 8 * 1024

Range = tuple[int, int]
Fetch = Callable[[Sequence[Range]], list[bytes]]


class RemoteShard:
    """One Parquet file, with the part of `pyarrow.parquet.ParquetFile` that readers need. It may be used by many threads.

    Parameters
    ----------
    fetch : gives the bytes of ranges (first, end) of the file.
    size_bytes : of the file, as the manifest says.
    metadata : the footer, if it was read before.
    """

    def __init__(self, fetch: Fetch, size_bytes: int, metadata: pq.FileMetaData | None = None) -> None:
        self._fetch, self._size = fetch, size_bytes
        self.metadata = metadata if metadata is not None else self._footer()

    def __enter__(self) -> RemoteShard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing stays open."""

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Columns of all rows."""
        return self._file(columns, range(self.metadata.num_row_groups)).read(columns=list(columns))

    def read_row_group(self, group: int, columns: Sequence[str], use_threads: bool = True) -> pa.Table:
        """Columns of one row group."""
        return self._file(columns, [group]).read_row_group(group, columns=list(columns), use_threads=use_threads)

    def _footer(self) -> pq.FileMetaData:
        return pq.read_metadata(pa.BufferReader(_tail(self._fetch, self._size, _TAIL_BYTES)))

    def _file(self, columns: Sequence[str], groups: Sequence[int]) -> pq.ParquetFile:
        wanted = set(columns)
        ranges: list[Range] = []
        for group in groups:
            about = self.metadata.row_group(group)
            for number in range(about.num_columns):
                chunk = about.column(number)
                if chunk.path_in_schema.partition(".")[0] in wanted:
                    begin = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
                    ranges.append((begin, begin + chunk.total_compressed_size))
        merged = joined(ranges, _GAP_BYTES)
        pieces = list(zip((first for first, _ in merged), self._fetch(merged) if merged else [], strict=True))
        return pq.ParquetFile(_Pieces(self._size, pieces, self._fetch), metadata=self.metadata, pre_buffer=False)


def _tail(fetch: Fetch, size_bytes: int, least: int) -> bytes:
    """The end of a file, with all of its footer."""
    first = max(0, size_bytes - least)
    (tail,) = fetch([(first, size_bytes)])
    begin = size_bytes - 8 - int.from_bytes(tail[-8:-4], "little")
    # Damage may say anything; what is no footer, pyarrow refuses.
    return fetch([(begin, first)])[0] + tail if 0 <= begin < first else tail


def joined(ranges: Sequence[Range], gap: int) -> list[Range]:
    """Ranges in order, those with less than `gap` between them as one."""
    result: list[Range] = []
    for first, end in sorted(ranges):
        if result and first - result[-1][1] <= gap:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((first, end))
    return result


class _Pieces:
    """A file of which some pieces are here; others are fetched when they are read."""

    closed = False

    def __init__(self, size: int, pieces: list[tuple[int, bytes]], fetch: Fetch) -> None:
        self._size, self._pieces, self._fetch, self._at = size, pieces, fetch, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def size(self) -> int:
        return self._size

    def read(self, count: int = -1) -> bytes:
        end = self._size if count < 0 else min(self._size, self._at + count)
        begin, self._at = self._at, max(self._at, end)
        if end <= begin:
            return b""
        for first, data in self._pieces:
            if first <= begin and end <= first + len(data):
                return data[begin - first : end - first]
            if begin < first < end <= first + len(data):
                return self._fetch([(begin, first)])[0] + data[: end - first]
        return self._fetch([(begin, end)])[0]


def fetcher(store: FsspecStore, name: str, size_bytes: int, sha256: str, cache: Path | None) -> Fetch:
    """Gives ranges of a shard, out of a local folder where they were fetched before.

    What is kept is named by the shard's hash: another version of it, or a shard of the same name elsewhere, is another file.
    """

    def fetch(ranges: Sequence[Range]) -> list[bytes]:
        if cache is None:
            return store.read_ranges(name, ranges, size_bytes)
        found = {each: _kept(cache / sha256 / f"{each[0]}-{each[1]}", each[1] - each[0]) for each in ranges}
        missing = [each for each, data in found.items() if data is None]
        if missing:
            for each, fresh in zip(missing, store.read_ranges(name, missing, size_bytes), strict=True):
                _keep(cache / sha256 / f"{each[0]}-{each[1]}", fresh)
                found[each] = fresh
        return [data for each in ranges if (data := found[each]) is not None]

    return fetch


def _kept(path: Path, length: int) -> bytes | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return data if len(data) == length else None


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)


def arrow_dataset(
    store: FsspecStore, shards: Mapping[str, tuple[int, Fetch]], schema: pa.Schema | None
) -> pads.Dataset:
    """Remote shards (size in bytes and fetcher, by name) as a pyarrow dataset that reads no further than it must.

    Every footer is fetched once, however often pyarrow opens the file.
    """
    import pyarrow.dataset as pads
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    files = {store.path(name): each for name, each in shards.items()}
    tails: dict[str, bytes] = {}

    class Handler(FSSpecHandler):  # type: ignore[misc]
        """Opens files without reading ahead: pyarrow itself asks for the ranges of columns."""

        def open_input_file(self, path: str) -> pa.PythonFile:
            size_bytes, fetch = files[path]
            if path not in tails:
                tails[path] = _tail(fetch, size_bytes, _ARROW_TAIL_BYTES)
            tail = tails[path]
            return pa.PythonFile(_Pieces(size_bytes, [(size_bytes - len(tail), tail)], fetch), mode="r")

    return pads.dataset(list(files), format="parquet", filesystem=PyFileSystem(Handler(store.fs)), schema=schema)
