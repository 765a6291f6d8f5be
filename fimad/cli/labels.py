"""`fimad labels`: what titles say, what a dataset's clips are, and a table to correct them in."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from fimad.cli.options import ConfigOption, JsonOption, SetOption, read_config
from fimad.cli.output import out, printable
from fimad.config import Config
from fimad.errors import ConfigError
from fimad.labels import TitleLabel, label_title
from fimad.labels.corrections import Correction, corrected, read_corrections, write_table

_EXAMPLES = 3
_TABLE_ONLY = ("kind_confidence", "label_method")
_CLIP_COLUMNS = (
    *(
        "clip_id",
        "title",
        "kind",
        "kind_confidence",
        "kind_evidence",
        "exercises",
        "label_method",
        "side",
        "repetitions",
    ),
    *("sets", "stated_duration_s", "equipment", "label_language"),
)


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("labels", epilog="Examples: `fimad labels titles.txt --json`, `fimad labels --out labels.csv`")(labels)


def labels(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A text file of titles (`-`: stdin), a workspace or a dataset; else the configured workspace."
        ),
    ] = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the labels as a CSV to mend by hand.")] = None,
    corrections: Annotated[
        Path | None, typer.Option("--corrections", help="A mended CSV: it wins over everything.")
    ] = None,
    as_json: JsonOption = False,
    exercises: Annotated[bool, typer.Option("--exercises", help="List the exercises of the taxonomy.")] = False,
) -> None:
    """Say what titles or clips are: kind, exercises, side, repetitions, sets, duration, equipment, language."""
    if exercises:
        _print_taxonomy(as_json)
        return
    chosen = read_config(config, settings=settings)
    mended = corrections or (Path(chosen.label.corrections) if chosen.label.corrections else None)
    table = read_corrections(mended) if mended else {}
    rows = _title_rows(source) if source is not None and _is_titles(source) else _clip_rows(source, chosen)
    rows = [_with_corrections(row, table) for row in rows]
    if out_file is not None:
        out_file.write_text(write_table(rows), encoding="utf-8")
        out.print(f"{escape(str(out_file))}: {len(rows)} labels of {len({row['title'] for row in rows})} titles")
        out.print(f'\nNext: mend it, then set label.corrections = "{escape(str(out_file))}" and run fimad build')
    elif as_json:
        for row in rows:
            typer.echo(
                json.dumps({name: value for name, value in row.items() if name not in _TABLE_ONLY}, ensure_ascii=False)
            )
    else:
        _print_counts(rows)


def _is_titles(source: str) -> bool:
    return source == "-" or Path(source).is_file()


def _title_rows(source: str) -> list[dict[str, Any]]:
    return [_row(title, "", label_title(title)) for title in _titles(source)]


def _row(title: str, clip_id: str, label: TitleLabel) -> dict[str, Any]:
    return {
        "title": title,
        **label.to_json(),
        "clip_id": clip_id,
        "kind_confidence": label.confidence,
        "label_method": label.method,
    }


def _with_corrections(row: dict[str, Any], table: dict[str, Correction]) -> dict[str, Any]:
    if not table:
        return row
    label = corrected(label_title(row["title"]), row["clip_id"], row["title"], table)
    return _row(row["title"], row["clip_id"], label) if label.method == "corrected" else row


def _clip_rows(source: str | None, config: Config) -> list[dict[str, Any]]:
    """The clips of a dataset or of a workspace, with the labels that they have there."""
    if source is not None and (Path(source) / "manifest.json").is_file():
        from fimad.dataset.reader import open_dataset

        return [_clip_row(clip) for clip in open_dataset(source).clips(_CLIP_COLUMNS)]
    place = source if source is not None else config.workspace
    if source is not None and not Path(source).is_dir() and "://" not in source:
        raise ConfigError(
            f"There is nothing at {source!r} to label.",
            "The path is wrong.",
            "Name a text file of titles, a workspace or a dataset: fimad labels titles.txt --json",
        )
    from fimad.report.sources import WorkspaceRows

    rows = WorkspaceRows(config.model_copy(update={"workspace": place}))
    return [_clip_row(row) for table in rows.tables(_CLIP_COLUMNS) for row in table.to_pylist()]


def _clip_row(clip: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": clip["title"] or "",
        "kind": clip["kind"],
        "exercises": clip["exercises"] or [],
        "side": clip["side"],
        "repetitions": clip["repetitions"],
        "sets": clip["sets"],
        "duration_s": clip["stated_duration_s"],
        "equipment": clip["equipment"] or [],
        "language": clip["label_language"],
        "confidence": round(clip["kind_confidence"] or 0.0, 3),
        "method": clip["label_method"],
        "evidence": clip["kind_evidence"] or [],
        "clip_id": clip["clip_id"],
        "kind_confidence": clip["kind_confidence"],
        "label_method": clip["label_method"],
    }


def _titles(source: str) -> list[str]:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(
            f"The titles {source!r} can't be read: {error.strerror or error}.",
            "The path is wrong, or it is a folder.",
            "Name a text file with one title a line, or `-` for stdin.",
        ) from error
    # Only a line feed ends a line: titles may hold other characters that Python takes for one.
    lines = text.removeprefix("\ufeff").split("\n")
    return [line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def _print_counts(rows: Iterable[dict[str, Any]]) -> None:
    """Kinds and exercises with how often they come and what they were called; what has no name comes last."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        for name in row["exercises"] or ("",):
            key = (row["kind"], name)
            counts[key] += 1
            if len(examples[key]) < _EXAMPLES and row["title"] not in examples[key]:
                examples[key].append(row["title"])
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "exercise", "clips", "for example"):
        table.add_column(name, justify="right" if name == "clips" else "left")
    order = sorted(counts, key=lambda key: (key[0] != "exercise", key[1] == "", -counts[key], key))
    for kind, name in order:
        shown = "; ".join(printable(each)[:60] for each in examples[kind, name])
        shown_name = name or ("not in the taxonomy" if kind == "exercise" else "")
        table.add_row(kind, shown_name, str(counts[kind, name]), escape(shown))
    out.print(table)
    unmatched = sum(count for (kind, name), count in counts.items() if not name and kind in ("exercise", "other"))
    out.print(f"\n{sum(counts.values())} labels, {unmatched} of them without a name in the taxonomy or a known kind")


def _print_taxonomy(as_json: bool) -> None:
    from fimad.labels import load_taxonomy

    version, known = load_taxonomy()
    if as_json:
        for each in known.values():
            fields = {"id": each.id, "parent": each.parent, "pattern": each.pattern, "body": each.body}
            typer.echo(json.dumps({**fields, "equipment": each.equipment, "names": each.names}, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("exercise", "kind of", "pattern", "works", "also called"):
        table.add_column(name)
    for each in known.values():
        table.add_row(each.id, each.parent, each.pattern, ", ".join(each.body), "; ".join(each.names["en"][:4]))
    out.print(table)
    out.print(f"\n{len(known)} exercises, taxonomy version {version}")
