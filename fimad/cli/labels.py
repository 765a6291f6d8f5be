"""`fimad labels`: what titles say, what a dataset's clips are, and a table to correct them in."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from fimad.cli.options import JsonOption
from fimad.cli.output import out, printable
from fimad.errors import ConfigError

_EXAMPLES = 3


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("labels", epilog="Examples: `fimad labels titles.txt --json`, `fimad labels titles.txt`")(labels)


def labels(
    source: Annotated[
        str | None, typer.Argument(help="A text file of titles, one a line; `-` reads them from stdin.")
    ] = None,
    as_json: JsonOption = False,
    exercises: Annotated[bool, typer.Option("--exercises", help="List the exercises of the taxonomy.")] = False,
) -> None:
    """Say what titles name: kind, exercises, side, repetitions, sets, duration, equipment, language."""
    if exercises:
        _print_taxonomy(as_json)
        return
    if source is None:
        raise ConfigError(
            "There is nothing to label.", "No file of titles was named.", "fimad labels titles.txt --json"
        )
    _print_titles(_titles(source), as_json)


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


def _print_titles(titles: Iterable[str], as_json: bool) -> None:
    from fimad.labels import label_title

    if as_json:
        for title in titles:
            typer.echo(json.dumps({"title": title, **label_title(title).to_json()}, ensure_ascii=False))
        return
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[str]] = defaultdict(list)
    for title in titles:
        label = label_title(title)
        for name in label.exercises or ("",):
            key = (label.kind, name)
            counts[key] += 1
            if len(examples[key]) < _EXAMPLES and title not in examples[key]:
                examples[key].append(title)
    print_counts(counts, examples)


def print_counts(counts: Counter[tuple[str, str]], examples: dict[tuple[str, str], list[str]]) -> None:
    """Kinds and exercises with how often they come and what they were called; what has no name comes last."""
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "exercise", "titles", "for example"):
        table.add_column(name, justify="right" if name == "titles" else "left")
    order = sorted(counts, key=lambda key: (key[0] != "exercise", key[1] == "", -counts[key], key))
    for kind, name in order:
        shown = "; ".join(printable(each)[:60] for each in examples[kind, name])
        table.add_row(
            kind, name or ("not in the taxonomy" if kind == "exercise" else ""), str(counts[kind, name]), escape(shown)
        )
    out.print(table)


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
