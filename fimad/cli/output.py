"""What the commands print with: tables and errors on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from fimad.errors import FimadError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(error: FimadError) -> None:
    """What happened, why, and what to do next, on stderr."""
    err.print(f"[bold red]Error:[/] {escape(printable(error.what))}")
    if error.why:
        err.print(f"[bold]Why:[/]   {escape(printable(error.why))}")
    if error.fix:
        err.print(f"[bold]Next:[/]  {escape(printable(error.fix))}")


def print_json(data: Any) -> None:
    """Data for scripts on stdout."""
    typer.echo(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False))


def printable(text: str) -> str:
    """Text from outside without control and direction characters, which could rewrite what a terminal shows."""
    return "".join(c if c == "\n" or c.isprintable() else "�" for c in text)


@contextmanager
def progress(text: str) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal while something long goes on; nothing elsewhere. It swings until it is told the share that is done."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task(text, total=None)
        yield lambda share: bars.update(task, total=1.0, completed=share)


def size_text(count: float) -> str:
    """Bytes as people say them: ``12 B``, ``3.4 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
