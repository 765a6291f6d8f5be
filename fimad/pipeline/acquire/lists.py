"""Lists of videos: text, CSV, TSV, Parquet, JSON and JSON lines. Read in pieces, never whole."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fimad.errors import PermanentError

LIST_SUFFIXES = frozenset((".txt", ".lst", ".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json"))
# Names of the column that holds addresses, best first.
COLUMNS = (
    *("url", "webpage_url", "video_url", "original_url", "link", "youtube_url", "youtube_link", "contenturl", "href"),
    *(
        "video_id",
        "videoid",
        "youtube_id",
        "ytid",
        "yt_id",
        "vid",
        "path",
        "file",
        "filename",
        "video_path",
        "video",
        "id",
    ),
)
_MAX_JSON_BYTES = 256 * 1024**2
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def read_list(path: Path) -> Iterator[str]:
    """The addresses, ids or paths in a list, in order.

    Text: one a line; empty lines and lines that begin with ``#`` are skipped, and what follows the first blank is a
    remark. Tables: the first column with one of the names in `COLUMNS`; a CSV file without such a header needs one column
    with URLs in its first row. JSON: an array, or one value a line, of strings or of objects with such a key.

    Raises `PermanentError` (reason ``bad_list``).
    """
    suffix = path.suffix.lower()
    readers = {".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json}
    reader = readers.get(suffix, _text)
    try:
        for value in reader(path):
            text = str(value).strip() if isinstance(value, str | int) else ""
            if text:
                yield text
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        # pyarrow's errors are ValueErrors and OSErrors as well.
        raise _bad(path, str(error)) from error


def _bad(path: Path, why: str) -> PermanentError:
    return PermanentError(
        f"The list {path.name!r} can't be read: {why[:300]}.",
        "Its suffix says another format than it has, or it has no column of addresses.",
        f"Name the column `url`, or give a text file with one address a line. Known columns: {', '.join(COLUMNS)}.",
        reason="bad_list",
    )


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        yield from file


def _text(path: Path) -> Iterator[str]:
    for line in _lines(path):
        words = line.split(maxsplit=1)
        if words and not words[0].startswith("#"):
            # Searches hold blanks; addresses and ids do not; a path may.
            is_address = _ADDRESS.match(words[0]) is not None or len(words) == 1
            yield words[0].strip(",;\"'<>") if is_address else line.strip()


def _csv(path: Path) -> Iterator[str]:
    lines = _lines(path)
    head = list(itertools.islice(lines, 20))
    if not head:
        return
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    if delimiter == "," and "," not in head[0] and ";" in head[0]:
        delimiter = ";"
    rows = csv.reader(itertools.chain(head, lines), delimiter=delimiter)
    first = next(rows)
    column = _column([cell.strip() for cell in first])
    if column is None:
        column = next((at for at, cell in enumerate(first) if _ADDRESS.match(cell.strip())), None)
        if column is None and len(first) > 1:
            raise _bad(path, f"no column of addresses among {', '.join(first)[:200]!r}")
        column = column or 0
        yield first[column]
    for row in rows:
        if len(row) > column:
            yield row[column]


def _column(names: Sequence[str]) -> int | None:
    lowered = [name.lower() for name in names]
    return next((lowered.index(name) for name in COLUMNS if name in lowered), None)


def _parquet(path: Path) -> Iterator[Any]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        column = _column(names)
        if column is None:
            raise _bad(path, f"no column of addresses among {', '.join(names)[:200]!r}")
        for batch in file.iter_batches(columns=[names[column]], batch_size=10_000):
            yield from batch.column(0).to_pylist()


def _jsonl(path: Path) -> Iterator[Any]:
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                yield _value(json.loads(line))
            except ValueError as error:
                raise _bad(path, f"line {number}: {error}") from error


def _json(path: Path) -> Iterable[Any]:
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise _bad(path, f"it has more than {_MAX_JSON_BYTES} bytes; use JSON lines")
    data = json.loads(path.read_bytes())
    if isinstance(data, dict):
        data = data.get("entries", [data])
    if not isinstance(data, list):
        raise _bad(path, "it is not an array")
    return [_value(each) for each in data]


def _value(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    lowered = {str(key).lower(): value for key, value in item.items()}
    return next((lowered[name] for name in COLUMNS if lowered.get(name)), "")
