"""`fimad build`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fimad.cli.options import (
    ConfigOption,
    DatasetOption,
    JsonOption,
    SetOption,
    WithoutOption,
    WorkspaceOption,
    read_config,
    with_run,
)
from fimad.cli.output import out, print_error, print_json, printable, size_text

if TYPE_CHECKING:
    from fimad.pipeline.inspect.summary import Summary

_EXAMPLES = """Examples:

    fimad build workout.mp4
    fimad build videos/ --workers 4
    fimad build "https://www.youtube.com/watch?v=..." --set download.max_height_px=480
    fimad build --stage pose --set pose.model=heavy
    fimad build videos/ --set pose.from=results
    fimad build --scheduler tls://10.0.0.1:8786 --workspace s3://bucket/workspace
    fimad build --slurm partition=cpu --slurm time=04:00:00 --slurm jobs=64 --workspace /shared/workspace
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("build", epilog=_EXAMPLES)(build)


def build(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="Videos: files, folders, lists, URLs, `ytsearchN:` queries. Default: those of the config."),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            help="Build this stage and what is missing or stale upstream of it. What lies downstream and was built "
            "before is brought up to date too; see --only."
        ),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="With --stage: leave downstream stages as they are.")] = False,
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    dataset: DatasetOption = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Worker processes; 0 runs in this process. Default: one a core.")
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a running Dask scheduler.")] = None,
    without: WithoutOption = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Submit workers to Slurm: jobs=64, cores=8, rounds=3, and options of sbatch such as partition and time.",
        ),
    ] = None,
    settings: SetOption = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failed item.")] = False,
    max_failures: Annotated[int | None, typer.Option(min=0, help="Stop after so many failures; 0: never.")] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Show where the time went, per stage and video.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn videos into a dataset: do what is missing or stale, and nothing twice."""
    from fimad.pipeline.build import build as run_build
    from fimad.pipeline.run.clusters.slurm import slurm_options

    chosen = with_run(
        read_config(config, workspace, dataset, settings),
        workers=workers,
        scheduler=scheduler,
        slurm=slurm_options(slurm) if slurm else None,
        without=without,
        fail_fast=fail_fast or None,
        max_failures=max_failures,
    )
    summary = run_build(chosen, tuple(sources or ()), stage, only=only, show="lines" if as_json else "auto")
    if as_json:
        print_json(summary_json(summary))
    else:
        print_summary(summary)
    if profile:
        from fimad.cli.inspect import print_profile

        print_profile(chosen)
    raise typer.Exit(summary.exit_code)


def summary_json(summary: Summary) -> dict[str, Any]:
    """The summary as plain data."""
    return {
        "videos": summary.videos,
        "workspace": summary.workspace,
        "dataset": summary.dataset,
        "stages": summary.stages,
        "unavailable": {name: asdict(why) for name, why in summary.unavailable.items()},
        "failed": summary.failed,
        "failed_before": summary.failed_before,
        "filtered": summary.filtered,
        "problems": [asdict(problem) for problem in summary.problems],
        "failures": [asdict(record) for record in summary.failures],
        "stopped": summary.stopped,
        "seconds": round(summary.seconds, 3),
        "exit_code": summary.exit_code,
    }


def print_summary(summary: Summary) -> None:
    """What each stage did, what was left out and why, where the dataset is, and what to do next."""
    from rich.markup import escape
    from rich.table import Table

    from fimad.pipeline.inspect.progress import duration

    table = Table(box=None, pad_edge=False)
    for name in ("stage", "done", "before", "filtered", "failed", "time", "written"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for name, each in summary.stages.items():
        table.add_row(
            name,
            str(each["done"]),
            str(each["done_before"]),
            str(each["filtered"] + each["filtered_before"]),
            str(each["failed"] + each["failed_before"]),
            duration(each["seconds"]) if each["done"] + each["failed"] else "",
            size_text(each["out_bytes"]) if each["out_bytes"] else "",
        )
    out.print(f"\n{summary.videos} video{'s' if summary.videos != 1 else ''} in {duration(summary.seconds)}\n")
    out.print(table)
    for name, why in summary.unavailable.items():
        if why.agreed:
            out.print(f"[yellow]{escape(printable(why.what))}[/] Its columns are NULL.")
        else:
            out.print(f"[yellow]{name} can't run here:[/] {escape(printable(why.what))}\n  Next: {escape(why.fix)}")
    for problem in summary.problems[:10]:
        source, what = escape(printable(problem.source)), escape(printable(problem.what))
        out.print(f"[red]no video[/] {source} ({escape(problem.reason)}): {what}")
    for record in summary.failures[:10]:
        out.print(
            f"[red]failed[/] {escape(record.video_id)} in {record.stage} ({escape(record.reason)}): "
            f"{escape(printable(record.what))}"
        )
    if summary.failed > 10:
        out.print(f"... and {summary.failed - 10} more: fimad status")
    if summary.failed_before:
        out.print(f"{summary.failed_before} failed in an earlier run and were not tried again: fimad retry")
    if summary.error is not None:
        print_error(summary.error)
    elif summary.stopped:
        out.print(f"Stopped ({summary.stopped}). Run the same command again: it goes on where it stopped.")
    if summary.dataset:
        _print_dataset(summary)


def _print_dataset(summary: Summary) -> None:
    from rich.markup import escape

    from fimad.dataset.pages.text import counted

    packed = summary.packed
    out.print(f"\ndataset: {escape(summary.dataset)}" + ("" if packed is not None else " (unchanged)"))
    if packed is not None:
        splits = ", ".join(f"{name} {count}" for name, count in packed.splits.items())
        shards = f"{counted(packed.shards, 'shard')}, {packed.written} of them new"
        out.print(f"  {counted(packed.clip_count, 'clip')} ({splits}) in {shards}")
        for _, clip_id, title, _, duration_s in packed.clips[:10]:
            out.print(f"  {duration_s:7.1f} s  {escape(printable(title or clip_id))}")
        if packed.clip_count > 10:
            out.print(f"  ... and {packed.clip_count - 10} more")
    out.print("\nNext: fimad status")
    out.print(f'      python -c "import fimad; print(fimad.open_dataset({escape(repr(summary.dataset))}))"')
