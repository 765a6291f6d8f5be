"""A table of labels for a human to mend, and the mended table, which wins over everything.

Columns: `title` or `clip_id` say what a row is about (a clip goes before its title; titles are compared as cleaned),
`kind` and `exercises` (ids joined with "+", empty for none) what it is, `side` if it is to be set. Other columns are ignored.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fimad.errors import ConfigError
from fimad.labels.taxonomy import KINDS, lexicon
from fimad.labels.text import clean
from fimad.labels.titles import TitleLabel, label_title

COLUMNS = ("title", "clip_id", "kind", "exercises", "side", "clips", "confidence", "method")
_SIDES = ("", "left", "right", "both")
_MAX_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Correction:
    """What a human says that a clip is."""

    kind: str
    exercises: tuple[str, ...]
    side: str | None


def read_corrections(path: Path) -> dict[str, Correction]:
    """Corrections by clip id and by cleaned title (with "title:" before it).

    Raises `ConfigError` with the line for a kind or an exercise that there is not.
    """
    made: dict[str, Correction] = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(_text(path))), 2):
        kind = (row.get("kind") or "").strip()
        exercises = tuple(
            _exercise(each.strip(), path, number) for each in (row.get("exercises") or "").split("+") if each.strip()
        )
        side = (row.get("side") or "").strip()
        kind = kind or ("exercise" if exercises else "")
        if kind not in KINDS or side not in _SIDES or (exercises and kind != "exercise"):
            raise _wrong(path, number, f"kind {kind!r}, exercises {'+'.join(exercises)!r}, side {side!r}")
        correction = Correction(kind, exercises, side or None)
        clip_id, title = (row.get("clip_id") or "").strip(), (row.get("title") or "").strip()
        if not clip_id and not title:
            raise _wrong(path, number, "neither a title nor a clip_id")
        made[clip_id or f"title:{_key(title)}"] = correction
    return made


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise OSError(f"larger than {_MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The corrections {str(path)!r} can't be read: {error}.",
            "The path is wrong, or it is not a CSV file in UTF-8.",
            "Write one with `fimad labels --out labels.csv`, and mend it.",
        ) from error


def _exercise(name: str, path: Path, number: int) -> str:
    found = lexicon()
    if name in found.exercises:
        return name
    told = label_title(name)
    if len(told.exercises) == 1:
        return told.exercises[0]
    raise _wrong(path, number, f"no exercise is called {name!r}")


def _wrong(path: Path, number: int, what: str) -> ConfigError:
    return ConfigError(
        f"Line {number} of the corrections {path.name!r} can't be used: {what}.",
        "A kind or an exercise is misspelt, or something that is no exercise has one.",
        f"Kinds are {', '.join(KINDS)}; `fimad labels --exercises` lists the exercises; sides are left, right, both.",
    )


def corrections_sha256(path: Path) -> str:
    """What identifies corrections in a stage's key: their content, not where they lie."""
    return hashlib.sha256(_text(path).encode()).hexdigest()


def _key(title: str) -> str:
    return " ".join(clean(title).split())


def corrected(label: TitleLabel, clip_id: str, title: str | None, table: Mapping[str, Correction]) -> TitleLabel:
    """The label, or what a correction of the clip or of its title makes of it."""
    found = table.get(clip_id) or (table.get(f"title:{_key(title)}") if title else None)
    if found is None:
        return label
    return label._replace(
        kind=found.kind,
        exercises=found.exercises,
        components=(),
        side=found.side or label.side,
        confidence=1.0,
        method="corrected",
        evidence=("corrected",),
    )


def write_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Labelled clips as a CSV of their titles, the most frequent of those that are least sure first."""
    counts: dict[str, int] = {}
    first: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        title = row.get("title") or ""
        counts[title] = counts.get(title, 0) + 1
        first.setdefault(title, row)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    order = sorted(
        counts, key=lambda title: (round(first[title].get("kind_confidence") or 0.0, 1), -counts[title], title)
    )
    for title in order:
        row = first[title]
        writer.writerow(
            {
                "title": title,
                # A clip without a title is known by its id only.
                "clip_id": "" if title else row.get("clip_id", ""),
                "kind": row.get("kind") or "other",
                "exercises": "+".join(row.get("exercises") or ()),
                "side": row.get("side") or "",
                "clips": counts[title],
                "confidence": f"{row.get('kind_confidence') or 0.0:.2f}",
                "method": row.get("label_method") or "",
            }
        )
    return out.getvalue()
