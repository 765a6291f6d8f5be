"""`fimad verify`, `remove`, `export` and `publish`: what is done with a finished dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fimad.cli.options import ConfigOption, DatasetOption, WorkspaceOption, read_config
from fimad.cli.output import out, print_json, printable

Where = Annotated[str, typer.Argument(help="Folder or URL of the dataset.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(verify)
    app.command()(remove)
    app.command()(export)
    app.command()(publish)


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
        out.print(
            f"{dataset}: {len(problems)} problem{'' if len(problems) == 1 else 's'}"
            if problems
            else f"{dataset}: whole, as its manifest says"
        )
    if problems:
        raise typer.Exit(1)


def remove(
    video: Annotated[str, typer.Argument(help="Id of the video, or its YouTube address.")],
    dataset: DatasetOption = None,
    workspace: WorkspaceOption = None,
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option(help="Kept in the manifest and in the workspace; name no person.")] = "",
    purge: Annotated[
        bool, typer.Option("--purge", help="Also delete what the workspace holds of it: media, transcript, pose, all.")
    ] = False,
) -> None:
    """Take a video down: its rows leave the dataset, and no later build or dataset of this workspace brings it back.

    Example: fimad remove dQw4w9WgXcQ --dataset dataset --reason "asked by its author" --purge
    """
    from fimad.dataset.packing.remove import remove as take_down
    from fimad.errors import DatasetError
    from fimad.pipeline.acquire.addresses import youtube_id
    from fimad.pipeline.inspect.upkeep import take_down as keep_out
    from fimad.pipeline.state.workspace import Workspace

    video = youtube_id(video) or video
    chosen = read_config(config, workspace, dataset)
    place = Workspace(chosen.workspace)
    known = bool(place.batches())
    if known:
        files = keep_out(place, video, reason, purge=purge)
        gone = f", and {files} files of it are deleted" if purge else "; --purge deletes what was made of it"
        out.print(f"{video} is kept out of every build of {chosen.workspace}{gone}", markup=False)
    try:
        count = take_down(chosen.dataset, video, reason)
    except DatasetError as error:
        if not known or error.reason not in ("no_video", "no_manifest"):
            raise
        out.print(f"{chosen.dataset} has no clips of {video}", markup=False)
    else:
        out.print(f"{count} clips of {video} removed from {chosen.dataset}", markup=False)


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


def publish(
    target: Annotated[str, typer.Argument(help="hf://datasets/USER/NAME, or a folder.")],
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Folder of the dataset.")] = "dataset",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, what would be done is only said.")] = False,
    with_media: Annotated[
        bool, typer.Option("--with-media", help="Also bring pictures, sound and video that lie in the folder.")
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="A repository that is made is private.")] = False,
) -> None:
    """Bring the dataset to the Hugging Face hub, or into a folder for Zenodo. Without --yes it only says what it would do.

    Example: fimad publish hf://datasets/USER/squats --dataset demo-dataset --yes
    """
    from fimad.dataset.publish import lines
    from fimad.dataset.publish import publish as bring

    about = bring(
        dataset,
        target,
        dry_run=not yes,
        media=with_media,
        private=private,
        tell=lambda line: out.print(line, markup=False),
    )
    for line in lines(about, not yes):
        out.print(printable(line), markup=False)
    if not yes:
        out.print("Nothing was done. To do it, say --yes.")
