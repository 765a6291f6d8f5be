"""`fimad models`: which pretrained weights there are, and getting and checking them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from fimad import models
from fimad.cli.output import err, out, print_error, print_json
from fimad.config import load_config

commands = typer.Typer(no_args_is_help=True, help="Pretrained weights: list, fetch and verify.")

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration that says which models are used.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(commands, name="models")


@commands.command("list")
def list_models(json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Show every known model with its size, licence and whether it is here."""
    rows: list[dict[str, Any]] = [
        {
            "name": model.name,
            "size_bytes": model.size_bytes,
            "licence": model.licence,
            "origin": model.origin,
            "sha256": model.sha256,
            "here": models.unavailable(model.name) is None,
        }
        for model in models.MODELS.values()
    ]
    if json:
        print_json({"cache": str(models.cache_folder()), "models": rows})
        return
    table = Table("model", "size", "licence", "origin", "here", title=f"cache: {models.cache_folder()}")
    for row in rows:
        here = "yes" if row["here"] else "no"
        table.add_row(row["name"], f"{row['size_bytes'] / 1e6:.0f} MB", row["licence"], row["origin"], here)
    out.print(table)


@commands.command()
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models; default: those that the configuration uses.")
    ] = None,
    config: ConfigFile = None,
    missing_ok: Annotated[bool, typer.Option(help="Say what can't be had, and end with exit code 0.")] = False,
) -> None:
    """Get weights into the cache and check every byte.

    Example: fimad models fetch pose/heavy
    """
    failed: models.ModelUnavailableError | None = None
    for name in names or models.needed(load_config(config)):
        try:
            models.fetch(name, lambda text: err.print(f"fetching {text}"))
        except models.ModelUnavailableError as error:
            print_error(error)
            failed = error
    if failed is not None and not missing_ok:
        raise typer.Exit(3)


@commands.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Models; default: all that are here.")] = None,
) -> None:
    """Hash weights again and compare with the pinned SHA-256."""
    wrong = 0
    for name in names or [name for name in models.MODELS if models.unavailable(name) is None]:
        problems = models.verify(name)
        wrong += bool(problems)
        out.print(f"{name}: {'; '.join(problems) or 'as pinned'}", markup=False)
    if wrong:
        raise typer.Exit(1)
