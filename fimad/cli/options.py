"""Options that several commands share, and how they become one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fimad.config import Config, load_config

CONFIG_FILE = "fimad.toml"

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help=f"Configuration (default: {CONFIG_FILE} in this folder, if there is one)."),
]
WorkspaceOption = Annotated[
    str | None, typer.Option("--workspace", "-w", help="Folder or URL that holds artifacts and failures.")
]
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", "-d", help="Folder or URL that the dataset is written to.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set an option, as in pose.model=heavy.")
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="STAGE", help="Do without this stage: its columns are NULL. May be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def read_config(
    config: Path | None, workspace: str | None = None, dataset: str | None = None, settings: list[str] | None = None
) -> Config:
    """The configuration file, with the command line's changes."""
    if config is None and Path(CONFIG_FILE).is_file():
        config = Path(CONFIG_FILE)
    read = load_config(config, tuple(settings or ()))
    changes = {name: value for name, value in (("workspace", workspace), ("dataset", dataset)) if value}
    return read.model_copy(update=changes)


def with_run(config: Config, **values: object) -> Config:
    """The configuration with some options of `run` set; None leaves one as it is. Values are checked."""
    from fimad.config import parse_config

    data = config.model_dump(mode="json")
    data["run"].update({name: value for name, value in values.items() if value is not None})
    return parse_config(data)
