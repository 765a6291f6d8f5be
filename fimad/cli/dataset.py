"""`fimad verify`, `remove` and `export`: what is done with a finished dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fimad.cli.output import out, print_json, printable

Where = Annotated[str, typer.Argument(help="Folder or URL of the dataset.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(verify)
    app.command()(remove)
    app.command()(export)


def verify(
    dataset: Where = "dataset", json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False
) -> None:
    """Prove that a dataset is whole: every byte, schema, splits, times, physics. Exit code 1 if it is not.

    Example: fimad verify demo-dataset
    """
    from fimad.dataset.verify import verify as check

    problems = check(dataset)
    if json:
        print_json([{"file": each.file, "row": each.row, "what": each.what} for each in problems])
    else:
        for each in problems:
            out.print(printable(str(each)), markup=False)
        out.print(f"{dataset}: {len(problems)} problems" if problems else f"{dataset}: whole, as its manifest says")
    if problems:
        raise typer.Exit(1)


def remove(
    video: Annotated[str, typer.Argument(help="Id of the video, or its YouTube address.")],
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Folder or URL of the dataset.")] = "dataset",
    reason: Annotated[str, typer.Option(help="Kept in the manifest.")] = "",
) -> None:
    """Take a video down: its rows leave the dataset, and later builds do not bring it back.

    Example: fimad remove dQw4w9WgXcQ --dataset dataset --reason "asked by its author"
    """
    from fimad.dataset.packing.remove import remove as take_down
    from fimad.pipeline.acquire.addresses import youtube_id

    video = youtube_id(video) or video
    count = take_down(dataset, video, reason)
    out.print(f"{count} clips of {video} removed from {dataset}", markup=False)


def export(
    target: Annotated[Path, typer.Argument(help="Folder for the tar files.")],
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Folder or URL of the dataset.")] = "dataset",
    clips_per_shard: Annotated[int, typer.Option(min=1, help="Clips in one tar file.")] = 500,
) -> None:
    """Write the dataset as WebDataset tar files: one JSON and one NumPy archive per clip.

    Example: fimad export webdataset --dataset demo-dataset
    """
    from fimad.dataset.export import to_webdataset

    names = to_webdataset(dataset, target, clips_per_shard)
    out.print(f"{len(names)} files in {target}", markup=False)
