"""`fimad verify`, `remove`, `export` and `publish`: what is done with a finished dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fimad.cli.options import ConfigOption, DatasetOption, WorkspaceOption, read_config
from fimad.cli.output import out, print_json, printable
from fimad.errors import ConfigError

if TYPE_CHECKING:
    from fimad.config import Config
    from fimad.pipeline.state.workspace import Workspace

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
    video: Annotated[str, typer.Argument(help="Id of the video, its address, or its file.")],
    dataset: DatasetOption = None,
    workspace: WorkspaceOption = None,
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option(help="Kept in the manifest and in the workspace; name no person.")] = "",
    purge: Annotated[
        bool, typer.Option("--purge", help="Also delete what the workspace holds of it: media, transcript, pose, all.")
    ] = False,
    ahead: Annotated[
        bool, typer.Option("--ahead", help="Keep it out although no such video is known here yet; by id or address.")
    ] = False,
) -> None:
    """Take a video down: its rows leave the dataset, and no later build or dataset of this workspace brings it back.

    Example: fimad remove dQw4w9WgXcQ --dataset dataset --reason "asked by its author" --purge
    """
    from fimad.dataset.packing.remove import remove as take_down
    from fimad.errors import DatasetError
    from fimad.pipeline.inspect.upkeep import take_down as keep_out
    from fimad.pipeline.state.workspace import Workspace

    chosen = read_config(config, workspace, dataset)
    place = Workspace(chosen.workspace)
    known = ahead or bool(place.batches())
    video = _meant(place, chosen, video, ahead=ahead)
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


def _meant(place: Workspace, config: Config, typed: str, *, ahead: bool) -> str:
    """The id of the video that is to be taken down; a name that nobody knows would keep nothing out, and is an error."""
    from fimad.dataset.packing.remove import holds as is_in_dataset
    from fimad.pipeline.acquire.addresses import IS_URL, url_id, youtube_id
    from fimad.pipeline.inspect.upkeep import holds
    from fimad.pipeline.inspect.videos import find_video
    from fimad.pipeline.stages.registry import plan_stages

    video_id = youtube_id(typed) or (url_id(typed) if IS_URL.match(typed) else typed)
    known = ahead or is_in_dataset(config.dataset, video_id) or holds(place, video_id)
    if known or not place.batches():
        return video_id
    try:
        video_id = find_video(place, plan_stages(config), typed).video_id
    except ConfigError as error:
        fix = f"{error.fix} To keep out a video that is still to come, say --ahead."
        raise ConfigError(error.what, error.why, fix) from error
    if typed.rpartition("___")[0] == video_id:
        raise ConfigError(
            f"{typed} is one clip of {video_id}.",
            "What is taken down are whole videos.",
            f"If all of it is to go: fimad remove {video_id}",
        )
    return video_id


def export(
    target: Annotated[Path, typer.Argument(help="Folder for the files.")],
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Folder or URL of the dataset.")] = "dataset",
    form: Annotated[str, typer.Option("--as", help="webdataset, whar, harnet, or ts (aeon, sktime).")] = "webdataset",
    clips_per_shard: Annotated[int, typer.Option(min=1, help="Clips in one tar file of WebDataset.")] = 500,
    placement: Annotated[
        list[str] | None, typer.Option(help="Sensor of windows and sessions; repeatable. All by default.")
    ] = None,
    length_s: Annotated[float | None, typer.Option(help="Length of windows, s: 2, and 10 for harnet.")] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Rate of windows, Hz: 50, and 30 for harnet.")] = None,
    column: Annotated[str, typer.Option("--class", help="Column of the class.")] = "label",
) -> None:
    """Write the dataset in another form: WebDataset tar files (one JSON and one NumPy archive per clip), or what other libraries read.

    Example: fimad export sets/squats --dataset demo-dataset --as whar --placement left_wrist
    """
    import fimad
    from fimad.dataset.export import forms, to_webdataset

    if form == "webdataset":
        names = to_webdataset(dataset, target, clips_per_shard)
        out.print(f"{len(names)} files in {target}", markup=False)
        return
    if form not in ("whar", "harnet", "ts"):
        raise ConfigError(
            f"There is no form {form!r}.",
            "The name is misspelt.",
            "Forms: webdataset, whar, harnet, ts (aeon, sktime).",
        )
    opened = fimad.open_dataset(dataset)
    if form == "whar":
        made = forms.write_whar(opened, target, placements=placement, target=column)
        out.print(f"{made.sessions} sessions of {len(made.subjects)} subjects in {target}", markup=False)
        left_out = made.left_out
    else:
        harnet = form == "harnet"
        arrays = opened.to_arrays(
            length_s=length_s or (10.0 if harnet else 2.0),
            rate_hz=rate_hz or (30.0 if harnet else 50.0),
            placements=placement,
            channels="acc" if harnet else ("acc", "gyro"),
            target=column,
        )
        files = forms.write_harnet(arrays, target) if harnet else forms.write_ts(arrays, target, target.name)
        out.print(f"{len(arrays)} windows in {len(files)} files in {target}", markup=False)
        left_out = arrays.left_out
    for reason, count in left_out.items():
        out.print(f"{count} left out: {reason}", markup=False)


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
