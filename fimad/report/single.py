"""One clip: found among the rows, and shown on a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fimad import __version__
from fimad.errors import ConfigError
from fimad.report.collect import clip_card
from fimad.report.model import Report
from fimad.report.page import page
from fimad.report.payload import explorer
from fimad.report.sources import Rows, Tell, placements_of, quiet, rows_of


def one_clip(rows: Rows, clip_id: str, tell: Tell = quiet) -> dict[str, Any]:
    """The row of a clip; raises `ConfigError` if there is none. `tell` hears the share that was looked through."""
    for table in rows.tables(clips=[clip_id], tell=tell):
        for row in rows_of(table):
            return row
    ids = rows.tables(("clip_id",), tell=tell)
    known = [name for table in ids for name in table.column("clip_id").to_pylist()]
    close = [name for name in known if clip_id.lower() in name.lower()][:5] or known[:5]
    raise ConfigError(
        f"There is no clip {clip_id!r}.",
        "The id is misspelt, or the clip was left out.",
        f"Perhaps: {', '.join(close)}." if close else "The dataset is empty: run `fimad build`.",
    )


def single_page(rows: Rows, row: dict[str, Any], origin: str, media: Mapping[str, str] | None) -> str:
    """The explorer of one clip as a page."""
    card = clip_card(row)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    report = Report(card.title or card.clip_id, origin, __version__, made, [card], videos=1)
    text = explorer(row, placements_of(list(row)))
    return page(report, {card.clip_id: text} if text else {}, media, single=card.clip_id)
