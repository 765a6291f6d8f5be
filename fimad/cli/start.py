"""First steps: `fimad demo`, a dataset from the project's own workout video; `fimad init`, a configuration of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fimad.cli.options import CONFIG_FILE, JsonOption, SetOption, WithoutOption, read_config, with_run
from fimad.cli.output import err, out, print_json
from fimad.errors import ConfigError

# Large, and from a hub that not everybody has a way to: the demo says so and goes on.
_OPTIONAL = "embed"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("init", epilog="Examples: `fimad init`, `fimad init --output recipe.toml`")(init)
    app.command("demo", epilog="Examples: `fimad demo`, `fimad demo --without embed`")(demo)


def demo(
    workspace: Annotated[str, typer.Option("--workspace", "-w", help="Folder for artifacts.")] = "demo-workspace",
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Folder for the dataset.")] = "demo-dataset",
    without: WithoutOption = None,
    settings: SetOption = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Worker processes, as for `fimad build`.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Build a dataset of five clips from the workout video that fimad brings, in this folder.

    Fetches the weights it needs. If CLIP can't be had (600 MB, and PyTorch), it says so and leaves the embeddings out.
    """
    from fimad.cli.build import print_summary, summary_json
    from fimad.demo import VIDEO
    from fimad.pipeline.build import build

    chosen = with_run(read_config(None, workspace, dataset, settings), workers=workers, without=without)
    reason = "" if _OPTIONAL in chosen.run.without else _why_no_clip(chosen.embed.model, chosen.embed.pretrained)
    if reason:
        err.print(f"The demo goes on without CLIP embeddings, their columns are NULL: {reason}", markup=False)
        chosen = with_run(chosen, without=(*chosen.run.without, _OPTIONAL))
    summary = build(chosen, (str(VIDEO),), show="lines" if as_json else "auto")
    if as_json:
        print_json(summary_json(summary))
    else:
        print_summary(summary)
    raise typer.Exit(summary.exit_code)


def _why_no_clip(model: str, pretrained: str) -> str:
    """Why there can be no embeddings here, with what to type; empty if there can (the weights are fetched then)."""
    from fimad import clip_weights, libraries, models
    from fimad.errors import FimadError

    lacking = libraries.needs("CLIP", ("torch", "open_clip"))
    if lacking is not None:
        return f"{lacking.what} Next: {lacking.fix}"
    if clip_weights.own_checkpoint(pretrained) is not None:
        return ""
    try:
        models.fetch(
            f"{clip_weights.PREFIX}{model}/{pretrained}", lambda text: err.print(f"fetching {text}", markup=False)
        )
    except FimadError as error:
        return f"{error.what} Next: {error.fix}"
    return ""


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
