"""What the columns of a list say: where a video is, and what it shows."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fimad.errors import PermanentError
from fimad.pipeline.acquire.given import Given, GivenClip

# Names of the column that holds addresses, best first.
COLUMNS = (
    *("url", "webpage_url", "video_url", "original_url", "link", "youtube_url", "youtube_link", "contenturl", "href"),
    *("video_id", "videoid", "youtube_id", "ytid", "yt_id", "vid", "path", "file", "filename", "video_path"),
    *("file_name", "video", "id"),
)
# Columns that say something of the video; names of Kinetics, AudioSet, ActivityNet, HACS and of spreadsheets. Times: `_TIME`.
GIVEN_COLUMNS = {
    "label": (
        *("label", "class", "class_name", "label_name", "activity", "action", "exercise"),
        *("labels", "positive_labels"),
    ),
    # What a class is called where its label is a number.
    "name": ("class_name", "label_name"),
    "person": ("person", "person_id", "subject", "subject_id", "participant", "participant_id", "performer", "actor"),
    "channel_id": ("channel_id", "uploader_id"),
    "split": ("split", "subset", "partition"),
}
# As `_plain` leaves a name: "Start Time (s)", "t_start" and "startMs" are times.
_TIME = re.compile(
    r"(?:t|time|clip|seg|segment|action|trim)?(?P<what>start|begin|end|stop|duration|dur)(?:time(?:stamp|code)?|ts|at|pos)?(?:in)?"
    r"(?P<unit>|s|secs?|seconds?|ms|msecs?|millis|milliseconds?|mins?|minutes?|h?hmmss|hms)"
)
_TIMES = {"begin": "start", "stop": "end", "dur": "duration"}
# How many s a unit has that is no second.
_UNITS_S = {"ms": 0.001, "mi": 60.0}
# Times that need the frame rate of a file that is not there yet.
_FRAMES = re.compile(
    r"(?:t|time|clip|seg|segment|action|trim)?(?P<what>start|begin|end|stop)(?:f|frames?|frm|idx|index|samples?)|(?:f|frames?)(?P<other>start|begin|end|stop)"
)
_BETWEEN_WORDS = re.compile(r"[\s_.\-()\[\]\"'#:/]+")
# Blanks, and what comes along when an address is copied from a chat.
_INVISIBLE = " \t\r\n\u00a0\ufeff\u200b\u200c\u200d\u200e\u200f\u2060"
_WHOLE = re.compile(r"-?\d{1,9}(?:\.0)?")
_MOST_LABEL = 500
_SPLIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)")


@dataclass(frozen=True)
class Row:
    """One video as a list names it: an address, id or path; `at` says where; `given` is None if no column says more."""

    address: str
    at: str
    given: Given | None = None


@dataclass(frozen=True)
class BadRow:
    """A row that can't be used, and why."""

    at: str
    error: PermanentError


def bad_row(path: Path, at: str, why: str) -> BadRow:
    error = PermanentError(
        f"{at} of {path.name} can't be used: {why[:300]}.",
        "A quote, a delimiter or a value is damaged there.",
        "Mend the row; the others are taken on.",
        reason="bad_list",
    )
    return BadRow(at, error)


def bare(text: str) -> str:
    """A text without blanks and invisible characters around it, unless it has no others."""
    return text.strip(_INVISIBLE) or text.strip()


@lru_cache(4096)
def _plain(name: str) -> str:
    """A column's name as it is looked up: small letters, and nothing between its words."""
    return _BETWEEN_WORDS.sub("", name.lower())


class Table:
    """Which cells of a table's rows are used, from the names of its columns.

    `address` and `given` are places of columns (`given` by what they say), `scale_s` is how many s the unit of a time has,
    `frames` whether times are given as numbers of frames alone.
    """

    def __init__(self, names: Sequence[str]) -> None:
        plain = [_plain(name) for name in names]
        self.width = len(names)
        self.address = next((plain.index(name) for name in map(_plain, COLUMNS) if name in plain), None)
        self.given = {
            what: next(plain.index(name) for name in map(_plain, known) if name in plain)
            for what, known in GIVEN_COLUMNS.items()
            if any(_plain(name) in plain for name in known)
        }
        self.scale_s: dict[str, float] = {}
        self._find_times(plain)
        found = (match for match in map(_FRAMES.fullmatch, plain) if match)
        frames = {_TIMES.get(what, what) for what in (match["what"] or match["other"] for match in found)}
        self.frames = bool(frames - self.given.keys())

    def _find_times(self, plain: Sequence[str]) -> None:
        found: dict[str, list[tuple[bool, int, int, float]]] = {}
        for at, name in enumerate(plain):
            match = _TIME.fullmatch(name)
            if match:
                scale_s = _UNITS_S.get(match["unit"][:2], 1.0)
                what = _TIMES.get(match["what"], match["what"])
                # Of several the one in s, then the one that says least.
                found.setdefault(what, []).append((scale_s != 1.0, len(name), at, scale_s))
        if "start" not in found or "end" in found:
            # The length of the video, not of a clip.
            found.pop("duration", None)
        for what, each in found.items():
            _, _, self.given[what], self.scale_s[what] = min(each)

    def row(self, path: Path, at: str, cells: Sequence[Any]) -> Row | BadRow | None:
        """A row from its cells; None for one that is blank."""
        assert self.address is not None  # noqa: S101  (asked for before)
        if all(cell is None or cell == "" for cell in cells):
            return None
        if len(cells) > self.width and any(cells[self.width :]):
            last = max(self.address, *self.given.values()) if self.given else self.address
            if last >= self.width - 1 or self.given:
                return bad_row(path, at, f"it has {len(cells)} cells, and the header has {self.width}")
        address = cells[self.address] if self.address < len(cells) else None
        values = {what: cells[column] if column < len(cells) else None for what, column in self.given.items()}
        return self.row_of(path, at, address, values)

    def row_of(self, path: Path, at: str, address: Any, values: dict[str, Any]) -> Row | BadRow:
        """A row from its address and what else is said, by the names of `given`."""
        if isinstance(address, bool) or not isinstance(address, str | int) or not str(address).strip():
            return bad_row(path, at, f"it has no address: {str(address)[:100]!r}")
        address = bare(str(address))
        if not values:
            return Row(address, at)
        try:
            return Row(address, at, _given(values, self.scale_s))
        except ValueError as error:
            return bad_row(path, at, str(error))


def _given(values: dict[str, Any], scale_s: dict[str, float]) -> Given:
    """What a row's cells say; `ValueError` where they can't be meant."""
    texts = {name: _label(values.get(name)) for name in ("label", "person", "channel_id", "split", "name")}
    label, split = texts["label"], texts["split"]
    if label and texts["name"] and _WHOLE.fullmatch(label):
        # HACS has 1 where the class is to be seen, and -1 where it is not.
        label = None if label.startswith("-") else texts["name"]
    if split is not None and not _SPLIT.fullmatch(split):
        raise ValueError(f"the split {split[:60]!r} is no plain word")
    start_s, end_s, length_s = (
        _time(values.get(what), scale_s.get(what, 1.0)) for what in ("start", "end", "duration")
    )
    if start_s is not None and length_s is not None:
        end_s = start_s + length_s
    if start_s is None and end_s is None:
        return Given((), label, texts["person"], texts["channel_id"], split)
    start_s = start_s or 0.0
    if end_s is not None and end_s <= start_s:
        raise ValueError(f"it ends at {end_s:g} s, and begins at {start_s:g} s")
    clip = GivenClip(start_s, end_s, label)
    return Given((clip,), None, texts["person"], texts["channel_id"], split)


def _label(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = " ".join(str(value).split())[:_MOST_LABEL].encode("utf-8", errors="replace").decode()
    return text or None


def _time(value: Any, scale_s: float) -> float | None:
    """A time in s from a number in units of `scale_s`, or from ``h:mm:ss``; `ValueError` for anything else."""
    text = "" if value is None else str(value).strip()
    if not text or text.lower() in ("nan", "none", "null"):
        return None
    clock = _CLOCK.fullmatch(text)
    if clock:
        return int(clock[1] or 0) * 3600.0 + int(clock[2]) * 60.0 + float(clock[3].replace(",", "."))
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{text[:60]!r} is not a time in s") from None
    if not 0 <= number < math.inf:
        raise ValueError(f"{text[:60]!r} is not a time within a video")
    # Thousandths of whole numbers, as exact as they were written.
    return number / 1000 if scale_s == _UNITS_S["ms"] else number * scale_s


def row_of_value(path: Path, at: str, item: Any) -> Row | BadRow:
    """A row from a value of JSON: an address, or an object with the names of columns."""
    if not isinstance(item, dict):
        return Table(()).row_of(path, at, item, {})
    filled = {str(name): value for name, value in item.items() if value not in (None, "")}
    table = _table(tuple(filled))
    if table.frames:
        return BadRow(at, in_frames(path, at))
    cells = list(filled.values())
    address = None if table.address is None else cells[table.address]
    return table.row_of(path, at, address, {what: cells[column] for what, column in table.given.items()})


@lru_cache(256)
def _table(names: tuple[str, ...]) -> Table:
    return Table(names)


def in_frames(path: Path, at: str) -> PermanentError:
    """For a list whose times are numbers of frames, which would else be that of its whole videos."""
    return PermanentError(
        f"{at} of {path.name} gives times as numbers of frames, not in s.",
        "The list was written for videos of one frame rate; those that are fetched may have another.",
        "Add columns `start` and `end` in s, or take these out: then the labels are those of whole videos.",
        reason="bad_list",
    )
