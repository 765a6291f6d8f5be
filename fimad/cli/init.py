"""`fimad init`: write a configuration in which every option stands with its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fimad.cli.options import CONFIG_FILE
from fimad.cli.output import out
from fimad.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("init", epilog="Examples: `fimad init`, `fimad init --output recipe.toml`")(init)


def init(
    sources: Annotated[list[str] | None, typer.Argument(help="Videos to put into the file.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write it.")] = Path(CONFIG_FILE),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented configuration with every option, its default and its meaning."""
    from fimad.config_text import config_toml

    if output.exists() and not force:
        raise ConfigError(
            f"{str(output)!r} exists already.",
            "It may hold settings of yours.",
            "Give another name with `--output`, or `--force` to overwrite it.",
        )
    output.write_text(config_toml(tuple(sources or ())), encoding="utf-8")
    out.print(f"Wrote {output}. Next: fimad build" + ("" if sources else " VIDEO"))
