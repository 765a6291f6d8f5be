"""Lists of videos: text, CSV, TSV, Parquet, JSON and JSON lines. Read in pieces, never whole."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from fimad.errors import PermanentError
from fimad.pipeline.acquire.addresses import YOUTUBE_ID
from fimad.pipeline.acquire.columns import COLUMNS, BadRow, Row, Table, bad_row, bare, in_frames, row_of_value
from fimad.pipeline.acquire.encodings import decoded, encoding_of
from fimad.pipeline.media.container import MEDIA_SUFFIXES

LIST_SUFFIXES = frozenset((".txt", ".lst", ".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json"))
_MAX_JSON_BYTES = 256 * 1024**2
_HEAD_LINES = 20
# A cell may hold line breaks; one that holds more than these lacks its closing quote.
_MOST_CELL_LINES = 1000
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://\S+$", re.IGNORECASE)
_SEP = re.compile(r'^"?sep=(.)"?$', re.IGNORECASE)
_DELIMITERS = ",;\t|"


def read_list(path: Path) -> Iterator[Row | BadRow]:
    """The rows of a list, in order; each that can't be read is a `BadRow`, and costs no other.

    Text: one address, id or path a line; empty lines and lines that begin with ``#`` are skipped, and what follows an
    address or id and a blank is a remark. Tables: the first column with one of the names in `COLUMNS`; CSV may be delimited by commas,
    semicolons, tabs or bars (or as a line ``sep=;`` says), TSV has no quotes, and either may lack a header if a column holds
    URLs. JSON: an array, or one value a line, of strings or of objects with such a key. Columns named in `GIVEN_COLUMNS` say
    more of the video: times (in the unit that the name says, in s, or ``h:mm:ss``), label, person, channel and split. Any encoding, with or without a byte order
    mark.

    Raises `PermanentError` (reason ``bad_list``) where the list as a whole can't be read.
    """
    suffix = path.suffix.lower()
    readers: dict[str, Callable[[Path], Iterable[Row | BadRow]]] = {
        ".csv": _csv,
        ".tsv": _tsv,
        ".parquet": _parquet,
        ".jsonl": _jsonl,
        ".ndjson": _jsonl,
        ".json": _json,
    }
    try:
        yield from readers.get(suffix, _text)(path)
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
    with path.open("rb") as file:
        encoding = encoding_of(file)
    with path.open(encoding=encoding, errors="replace", newline=None) as text:
        for line in text:
            yield line.removeprefix("\ufeff")


def _text(path: Path) -> Iterator[Row | BadRow]:
    for number, line in enumerate(_lines(path), 1):
        line = bare(line)
        words = line.split(maxsplit=1)
        if words and not words[0].startswith("#"):
            # Searches hold blanks; addresses and ids do not; a path may.
            first = bare(words[0].strip(",;\"'<>"))
            is_address = _ADDRESS.match(words[0]) is not None or len(words) == 1 or _is_id(first, path.parent / line)
            address = first if is_address else line
            if address:
                yield Row(address, f"line {number}")


def _is_id(word: str, whole: Path) -> bool:
    """Whether a line's first word is an id with a remark behind it, and not the beginning of a file's name."""
    return (
        bool(YOUTUBE_ID.fullmatch(word)) and whole.suffix.lower() not in MEDIA_SUFFIXES and not os.path.lexists(whole)
    )


def _tsv(path: Path) -> Iterator[Row | BadRow]:
    numbered = enumerate(_lines(path), 1)
    split = ((number, line.rstrip("\r\n").split("\t")) for number, line in numbered)
    yield from _rows(path, split)


def _csv(path: Path) -> Iterator[Row | BadRow]:
    lines = _lines(path)
    head = list(itertools.islice(lines, _HEAD_LINES))
    told = _SEP.match(head[0].strip("\r\n ")) if head else None
    skipped = 1 if told else 0
    delimiter = told[1] if told else _delimiter(head)
    yield from _rows(path, _records(itertools.chain(head[skipped:], lines), delimiter, skipped + 1))


def _delimiter(head: Sequence[str]) -> str:
    """What the first lines are delimited by: they get a known header, or whole addresses, and equally many cells."""

    def score(delimiter: str) -> tuple[bool, int, bool, int]:
        rows = [cells for _, cells in _records(head, delimiter, 1) if isinstance(cells, list) and any(cells)]
        if not rows:
            return False, 0, False, 0
        others = _DELIMITERS.replace(delimiter, "")
        whole = sum(
            any(_ADDRESS.match(cell.strip()) and not any(sign in cell for sign in others) for cell in row)
            for row in rows
        )
        widths = {len(row) for row in rows}
        known = Table([cell.lstrip("# ") for cell in rows[0]]).address is not None
        return known, whole, len(widths) == 1 and widths != {1}, -_DELIMITERS.index(delimiter)

    return max(_DELIMITERS, key=score)


_Record = tuple[int, "list[str] | str"]


def _records(lines: Iterable[str], delimiter: str, first: int) -> Iterator[_Record]:
    """The rows of a CSV file with the number of their first line; a text instead of cells says why there are none.

    A quote that is never closed costs its own line, not what follows: where a whole row begins in what it would enclose, it
    closes nothing. Addresses in a description of several lines are no rows.
    """
    shape = _Shape(delimiter)
    source = enumerate(lines, first)
    waiting: deque[tuple[int, str]] = deque()
    while True:
        number, line = waiting.popleft() if waiting else next(source, (0, ""))
        if not number:
            return
        cells = _cells([line], delimiter)
        if line.count('"') % 2 and isinstance(cells, str):
            following: list[tuple[int, str]] = []
            quotes = line.count('"')
            doubtful = False
            while quotes % 2 and len(following) < _MOST_CELL_LINES:
                after = waiting.popleft() if waiting else next(source, None)
                if after is None:
                    break
                following.append(after)
                like = shape.like_row(after[1])
                if like == "row":
                    break
                doubtful |= like == "part"
                quotes += after[1].count('"')
            else:
                whole = _cells([line, *(each for _, each in following)], delimiter)
                if isinstance(whole, list) and (not doubtful or len(whole) == shape.width):
                    cells, following = whole, []
            waiting.extendleft(reversed(following))
        shape.learn(cells)
        yield number, cells


class _Shape:
    """How many cells the rows of a table have, and where the address is: as its first row says that is no remark."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self.width: int | None = None
        self._address: int | None = None

    def learn(self, cells: list[str] | str) -> None:
        """Take it from these cells, unless it is known."""
        if self.width is None and isinstance(cells, list) and any(cells) and not cells[0].startswith("#"):
            self.width = len(cells)
            column = Table(cells).address
            self._address = _first_address(cells) if column is None else column

    def like_row(self, line: str) -> str:
        """Whether a line is a ``row`` as it stands, may be ``part`` of one, or neither (empty)."""
        cells = _cells([line], self._delimiter)
        if not isinstance(cells, list) or len(cells) < 2 or _first_address(cells) is None:
            return ""
        if self.width is None or self._address is None:
            return "row"
        whole = len(cells) == self.width and _ADDRESS.match(cells[self._address].strip()) is not None
        return "row" if whole and line.count('"') % 2 == 0 else "part"


def _first_address(cells: Sequence[str]) -> int | None:
    return next((at for at, cell in enumerate(cells) if _ADDRESS.match(cell.strip())), None)


def _cells(lines: list[str], delimiter: str) -> list[str] | str:
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error as error:
        return str(error)
    return rows[0] if len(rows) == 1 else []


def _rows(path: Path, records: Iterable[_Record]) -> Iterator[Row | BadRow]:
    table: Table | None = None
    remark: list[str] = []
    for number, cells in records:
        at = f"row {number}"
        is_remark = isinstance(cells, list) and cells[:1] != [] and cells[0].startswith("#")
        if is_remark and (table is None or len(cells) < table.width):
            # AudioSet's header is a remark.
            named = [cell.lstrip("# ") for cell in cells]
            remark = named if table is None and Table(named).address is not None else remark
            continue
        if isinstance(cells, str):
            if table is None and not remark:
                raise _bad(path, f"{at}, its first, is damaged: {cells}")
            why = "a quote is opened and never closed" if "unexpected end" in cells else cells
            yield bad_row(path, at, why)
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if table is None:
            table = Table(remark or cells)
            if table.address is None:
                column = _first_address(cells)
                if column is None and len(cells) > 1:
                    raise _bad(path, f"no column of addresses among {', '.join(cells)[:200]!r}")
                table.address, table.given = column or 0, {}
            elif table.frames:
                raise in_frames(path, "The header")
            elif not remark:
                continue
        row = table.row(path, at, cells)
        if row is not None:
            yield row


def _parquet(path: Path) -> Iterator[Row | BadRow]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        table = Table(names)
        if table.address is None:
            raise _bad(path, f"no column of addresses among {', '.join(names)[:200]!r}")
        if table.frames:
            raise in_frames(path, "The header")
        used = sorted({table.address, *table.given.values()})
        number = 0
        for batch in file.iter_batches(columns=[names[at] for at in used], batch_size=10_000):
            columns = {at: batch.column(names[at]).to_pylist() for at in used}
            for index in range(batch.num_rows):
                number += 1
                values = {what: columns[at][index] for what, at in table.given.items()}
                yield table.row_of(path, f"row {number}", columns[table.address][index], values)


def _jsonl(path: Path) -> Iterator[Row | BadRow]:
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                yield row_of_value(path, f"line {number}", json.loads(line))
            except (ValueError, RecursionError) as error:
                yield bad_row(path, f"line {number}", str(error))


def _json(path: Path) -> Iterator[Row | BadRow]:
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise _bad(path, f"it has more than {_MAX_JSON_BYTES} bytes; use JSON lines")
    data = json.loads(decoded(path.read_bytes()))
    if isinstance(data, dict):
        data = data.get("entries", [data])
    if not isinstance(data, list):
        raise _bad(path, "it is not an array")
    for number, each in enumerate(data, 1):
        yield row_of_value(path, f"item {number}", each)
