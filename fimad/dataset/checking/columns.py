"""Single values against what the schema says of their column: lengths by shapes, ranges by units, words by lists of them."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fimad.dataset.folding import Clip
from fimad.flags import FLAGS

#: The clock of each letter that shapes begin with.
CLOCKS = {"n": "pose_time_s", "m": "imu_time_s", "e": "video_embedding_time_s"}
_WITHIN_1 = re.compile(r"(_quality|_share|_score|_visibility|_no_speech|_probability)$")
# Columns that say one of the words that their description lists.
_LISTED = ("side", "chapter_source", "transcript_source")
_COUNTS = ("repetitions", "sets", "repetitions_counted")
_WORDS = {
    "media_sha256": (re.compile(r"[0-9a-f]{64}"), "64 hexadecimal digits"),
    "upload_date": (re.compile(r"\d{8}"), "YYYYMMDD"),
    "retrieved_on": (re.compile(r"\d{4}-\d{2}-\d{2}"), "YYYY-MM-DD"),
    "video_id": (re.compile(r"[^/\\\x00-\x1f]+"), "a file's name"),
}
_DAYS = {"upload_date": "%Y%m%d", "retrieved_on": "%Y-%m-%d"}
# Nothing that is measured here is as large; a third of floats whose bytes were turned round are. Round ones become so small that they
# have lost digits, as shares never are.
_LARGEST, _LARGEST_SHARE, _SMALLEST = 1e30, 0.02, np.finfo(np.float32).tiny
# Of a picture: more than any codec takes.
_MOST_PX = 65_536


def misfits(table: pa.Table, columns: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str]]:
    """Rows of a table whose lists are not as long as their clock and their shape say, with what is wrong."""
    lengths = {name: _lengths(table, name) for name in CLOCKS.values() if name in table.column_names}
    for about in columns:
        name, shape = about["name"], (about.get("shape") or "").split(",")
        if not shape[0] or name not in table.column_names or not pa.types.is_list(table.schema.field(name).type):
            continue
        yield from _nulls(table, name)
        width = int(np.prod([int(part) for part in shape[1:] if part.isdigit()], dtype=int))
        own, clock = _lengths(table, name), CLOCKS.get(shape[0])
        for row, length in enumerate(own):
            count = lengths[clock][row] if clock in lengths else None
            if length is None:
                continue
            if clock is not None and clock != name and count is None:
                yield row, f"{name} has values, and {clock} has none"
            elif "d" in shape[1:]:
                if length % count if count else length:
                    yield row, f"{name} has {length} values for {count} times"
            elif count is not None and length != count * width:
                yield row, f"{name} has {length} values instead of {count} × {width}: it and {clock} differ in length"
            elif length % width:
                yield row, f"{name} has {length} values, which is no multiple of {width}"


def _lengths(table: pa.Table, name: str) -> list[int | None]:
    found: list[int | None] = pc.list_value_length(table.column(name)).to_pylist()
    return found


def _nulls(table: pa.Table, name: str) -> Iterator[tuple[int, str]]:
    column = table.column(name)
    if not pc.list_flatten(column).null_count:
        return
    for row, cell in enumerate(column):
        if cell.is_valid and (count := cell.values.null_count):
            yield row, f"{name} has {count} NULLs within: what was not measured is NaN"


def values_out_of_range(clip: Clip, columns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What no writer that keeps to the schema gives."""
    for about in columns:
        name, value = about["name"], clip.get(about["name"])
        if value is None:
            continue
        if isinstance(value, (np.ndarray, int, float)) and not isinstance(value, bool):
            numbers = np.asarray(value)
            if np.issubdtype(numbers.dtype, np.number):
                yield from _numbers(name, numbers, about)
        elif isinstance(value, str):
            yield from _text(name, value, about)
    yield from _lists(clip)


def _numbers(name: str, numbers: NDArray[Any], about: Mapping[str, Any]) -> Iterator[str]:
    if np.isinf(numbers).any():
        yield f"{name} is infinite"
        return
    if not numbers.ndim and np.isnan(numbers):
        yield f"{name} is NaN: what is not known is NULL"
        return
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return
    least, most = finite.min(), finite.max()
    of_one = bool(_WITHIN_1.search(name)) or "0 to 1" in (about.get("about") or "")
    sizes = np.abs(finite[finite != 0])
    if sizes.size and np.issubdtype(numbers.dtype, np.floating):
        turned = (sizes > _LARGEST).mean() > _LARGEST_SHARE or (of_one and sizes.max() < _SMALLEST)
        if turned:
            yield f"{name} has values such as {sizes.max():.3g}: is the order of bytes right?"
            return
    if of_one and not (least >= 0 and most <= 1 + 1e-5):
        yield f"{name} goes from {least:.3g} to {most:.3g} instead of 0 to 1"
    if "_sigma_" in name and least < 0:
        yield f"{name} is negative: {least:.3g}"
    if (name in _COUNTS or name.startswith("stated_")) and least < 0:
        yield f"{name} is {least:g}, and must not be negative"
    if about.get("unit") in ("px", "Hz") and least <= 0:
        yield f"{name} is {least:g}, and must be above 0"
    if about.get("unit") == "px" and most > _MOST_PX:
        yield f"{name} is {most:g}, and no picture is as large"
    if name.endswith("_time_s") and name != "pose_source_time_s" and len(finite) < numbers.size:
        yield f"{name} does not rise: a time is missing"


def _text(name: str, value: str, about: Mapping[str, Any]) -> Iterator[str]:
    if name in _WORDS and not _WORDS[name][0].fullmatch(value):
        yield f"{name} is {value[:40]!r} instead of {_WORDS[name][1]}"
    elif name in _DAYS:
        try:
            datetime.datetime.strptime(value, _DAYS[name])
        except ValueError:
            yield f"{name} is {value!r}, and there is no such day"
    elif name in _LISTED and value not in re.findall(r"[\w-]+", about.get("about") or value):
        yield f"{name} is {value[:40]!r} instead of: {about.get('about')}"


def _lists(clip: Clip) -> Iterator[str]:
    for name in ("imu_report", "pose_report", "tool_versions", "description_provenance"):
        try:
            json.loads(clip.get(name) or "{}")
        except ValueError:
            yield f"{name} is no JSON"
    flags = clip.get("flags") or ()
    if any(not flag or not re.fullmatch(r"\S+", flag) for flag in flags):
        yield "a flag is no single word"
    elif unknown := sorted(set(flags) - FLAGS.keys()):
        yield f"flags has {unknown[0][:40]!r}, and there are: {', '.join(FLAGS)}"
    elif len(set(flags)) < len(flags):
        yield "flags has a flag twice"
