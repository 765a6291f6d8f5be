"""What the columns of a list say: where a video is, and what it shows."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
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
# Columns that say something of the video; names of Kinetics, AudioSet, ActivityNet and of spreadsheets.
GIVEN_COLUMNS = {
    "start": (
        "start",
        "start_s",
        "start_time",
        "time_start",
        "start_seconds",
        "start_sec",
        "t_start",
        "begin",
        "begin_s",
    ),
    "end": ("end", "end_s", "end_time", "time_end", "end_seconds", "end_sec", "t_end", "stop"),
    "label": (
        "label",
        "class",
        "class_name",
        "label_name",
        "activity",
        "action",
        "exercise",
        "labels",
        "positive_labels",
    ),
    "person": ("person", "person_id", "subject", "subject_id", "participant", "participant_id", "performer", "actor"),
    "channel_id": ("channel_id", "channelid", "uploader_id"),
    "split": ("split", "subset", "partition"),
}
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


class Table:
    """Which cells of a table's rows are used, from the names of its columns."""

    def __init__(self, names: Sequence[str]) -> None:
        lowered = [name.strip().strip('"').lower().replace(" ", "_") for name in names]
        self.width = len(names)
        self.address = next((lowered.index(name) for name in COLUMNS if name in lowered), None)
        self.given = {
            what: next(lowered.index(name) for name in known if name in lowered)
            for what, known in GIVEN_COLUMNS.items()
            if any(name in lowered for name in known)
        }

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
        if isinstance(address, bool) or not isinstance(address, str | int) or not str(address).strip():
            return bad_row(path, at, f"it has no address: {str(address)[:100]!r}")
        values = {what: cells[column] if column < len(cells) else None for what, column in self.given.items()}
        return make_row(path, at, str(address).strip(), values)


def make_row(path: Path, at: str, address: str, values: dict[str, Any]) -> Row | BadRow:
    if not values:
        return Row(address, at)
    try:
        return Row(address, at, _given(values))
    except ValueError as error:
        return bad_row(path, at, str(error))


def _given(values: dict[str, Any]) -> Given:
    """What a row's cells say; `ValueError` where they can't be meant."""
    texts = {name: _label(values.get(name)) for name in ("label", "person", "channel_id", "split")}
    split = texts["split"]
    if split is not None and not _SPLIT.fullmatch(split):
        raise ValueError(f"the split {split[:60]!r} is no plain word")
    start_s, end_s = _time(values.get("start")), _time(values.get("end"))
    if start_s is None and end_s is None:
        return Given((), texts["label"], texts["person"], texts["channel_id"], split)
    start_s = start_s or 0.0
    if end_s is not None and end_s <= start_s:
        raise ValueError(f"it ends at {end_s:g} s, and begins at {start_s:g} s")
    clip = GivenClip(start_s, end_s, texts["label"])
    return Given((clip,), None, texts["person"], texts["channel_id"], split)


def _label(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = " ".join(str(value).split())[:_MOST_LABEL].encode("utf-8", errors="replace").decode()
    return text or None


def _time(value: Any) -> float | None:
    """A time in s from a number or ``h:mm:ss``; `ValueError` for anything else."""
    text = "" if value is None else str(value).strip()
    if not text or text.lower() in ("nan", "none", "null"):
        return None
    clock = _CLOCK.fullmatch(text)
    if clock:
        return int(clock[1] or 0) * 3600.0 + int(clock[2]) * 60.0 + float(clock[3].replace(",", "."))
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{text[:60]!r} is not a time in s") from None
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{text[:60]!r} is not a time within a video")
    return seconds


def row_of_value(path: Path, at: str, item: Any) -> Row | BadRow:
    values: dict[str, Any] = {}
    if isinstance(item, dict):
        lowered = {str(key).lower(): value for key, value in item.items()}
        values = {
            what: next(lowered[name] for name in known if lowered.get(name) not in (None, ""))
            for what, known in GIVEN_COLUMNS.items()
            if any(lowered.get(name) not in (None, "") for name in known)
        }
        item = next((lowered[name] for name in COLUMNS if lowered.get(name)), None)
    if isinstance(item, bool) or not isinstance(item, str | int) or not str(item).strip():
        return bad_row(path, at, f"it has no address: {str(item)[:100]!r}")
    return make_row(path, at, str(item).strip(), values)
