"""`fimad report` and `fimad view`: look at a dataset, or at one clip of it."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from fimad.cli.options import ConfigOption, SetOption, WorkspaceOption, read_config
from fimad.cli.output import out, progress, size_text
from fimad.errors import ConfigError

if TYPE_CHECKING:
    from fimad.config import Config
    from fimad.report.sources import Rows

MediaOption = Annotated[
    bool, typer.Option("--media", help="Show the videos themselves, by reference to their files. Shows faces.")
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open it in the browser.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("report", epilog="Examples: `fimad report demo-dataset --open`, `fimad report --workspace work`")(
        report
    )
    app.command("view", epilog="Examples: `fimad view VIDEO___0 --open`, `fimad view VIDEO___0 --png figure.png`")(view)


def report(
    dataset: Annotated[str | None, typer.Argument(help="A packed dataset; by default the configuration's.")] = None,
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    settings: SetOption = None,
    to: Annotated[Path, typer.Option("--out", "-o", help="The HTML file.")] = Path("report.html"),
    media: MediaOption = False,
    show: OpenOption = False,
) -> None:
    """Write one HTML file that shows a dataset: what is in it, what was lost, and every signal."""
    from fimad.report.collect import add_workspace, collect, explorers
    from fimad.report.page import page

    chosen, rows = _rows(config, workspace, settings, dataset)
    with progress("Reading clips") as tell:
        model = collect(rows, dataset or chosen.dataset, tell)
    if _has_workspace(chosen):
        add_workspace(model, chosen)
    ids = [clip.clip_id for clip in model.clips]
    with progress("Preparing the explorer") as tell:
        data = explorers(rows, model, tell=tell)
    text = page(model, data, _media(chosen, ids, to) if media else None)
    _write(to, text)
    out.print(f"{escape(str(to))}: {len(ids)} clips, {size_text(len(text.encode()))}")
    if show:
        webbrowser.open(to.resolve().as_uri())


def view(
    clip: Annotated[str, typer.Argument(help="A clip id, as the report shows it.")],
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="A packed dataset.")] = None,
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    settings: SetOption = None,
    to: Annotated[Path | None, typer.Option("--out", "-o", help="The HTML file (default: CLIP.html).")] = None,
    media: MediaOption = False,
    show: OpenOption = False,
    overlay: Annotated[Path | None, typer.Option(help="Write the video with skeleton and traces to this MP4.")] = None,
    blur: Annotated[
        bool, typer.Option("--blur-faces/--show-faces", help="Whether the overlay hides the followed person's face.")
    ] = True,
    rerun: Annotated[Path | None, typer.Option(help="Write a recording for the Rerun viewer.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write a static figure (.png, .pdf or .svg).")] = None,
    placement: Annotated[str, typer.Option(help="Whose signals figure and overlay show.")] = "left_wrist",
) -> None:
    """Look at one clip: a page, a video with the skeleton on it, a figure for a paper, or a Rerun recording."""
    from fimad.report.single import one_clip, single_page

    chosen, rows = _rows(config, workspace, settings, dataset)
    with progress("Finding the clip") as tell:
        row = one_clip(rows, clip, tell)
    if png is not None:
        from fimad.report.figure import write_figure

        with progress("Drawing the figure"):
            write_figure(row, png, placement)
        out.print(escape(str(png)))
    if rerun is not None:
        from fimad.report.recording import write_recording

        with progress("Writing the recording") as tell:
            write_recording(row, rerun, tell)
        out.print(escape(str(rerun)))
    if overlay is not None:
        from fimad.report.overlay import write_overlay
        from fimad.report.sources import media_paths

        media_file = _media_of(media_paths(chosen), row["video_id"])
        with progress("Drawing the overlay") as tell:
            write_overlay(row, media_file, overlay, placement, blur_faces=blur, tell=tell)
        out.print(escape(str(overlay)))
    if to is None and (png or rerun or overlay):
        return
    to = to or Path(f"{clip}.html")
    with progress("Writing the page"):
        text = single_page(rows, row, dataset or chosen.dataset, _media(chosen, [clip], to) if media else None)
        _write(to, text)
    out.print(f"{escape(str(to))}: {size_text(len(text.encode()))}")
    if show:
        webbrowser.open(to.resolve().as_uri())


def _rows(
    config: Path | None, workspace: str | None, settings: list[str] | None, dataset: str | None
) -> tuple[Config, Rows]:
    """The dataset, or what a workspace would pack where there is none."""
    from fimad.errors import DatasetError
    from fimad.report.sources import DatasetRows, WorkspaceRows

    chosen = read_config(config, workspace, dataset, settings)
    try:
        return chosen, DatasetRows(chosen.dataset)
    except DatasetError as error:
        if dataset is not None or error.reason != "no_manifest" or not _has_workspace(chosen):
            raise
    return chosen, WorkspaceRows(chosen)


def _has_workspace(config: Config) -> bool:
    from fimad.pipeline.state.workspace import Workspace

    if "://" not in config.workspace and not Path(config.workspace).is_dir():
        return False
    return bool(Workspace(config.workspace).keys())


def _media(config: Config, clip_ids: list[str], page: Path) -> dict[str, str]:
    from fimad.report.sources import media_addresses

    return media_addresses(config, clip_ids, page)


def _media_of(paths: dict[str, Path], video_id: str) -> Path:
    if video_id in paths:
        return paths[video_id]
    raise ConfigError(
        f"The video {video_id!r} is not in the workspace.",
        "An overlay needs the media file, which a packed dataset does not carry.",
        "Give the workspace that the dataset was built in: --workspace FOLDER.",
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} can't be written: {error.strerror}.", "The folder is missing or read-only.", "Give another --out."
        ) from error
