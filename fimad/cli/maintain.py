"""`fimad retry`, `fimad gc`, `fimad compact`: failures for another try, artifacts that nothing uses, and too many files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

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
from fimad.cli.output import out, print_json, progress, size_text


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("retry", epilog="Examples: `fimad retry`, `fimad retry --stage pose --reason deadline`")(retry)
    app.command("gc", epilog="Examples: `fimad gc`, `fimad gc --config a.toml --config b.toml --yes`")(gc)
    app.command("compact", epilog="Examples: `fimad compact`, `fimad compact --stage pose --dry-run`")(compact)


def retry(
    stage: Annotated[str | None, typer.Option(help="Only failures of this stage.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only failures with this reason, as `fimad status` shows it.")
    ] = None,
    build: Annotated[
        bool, typer.Option("--build/--no-build", help="Build right away, or only clear the records.")
    ] = True,
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    dataset: DatasetOption = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Worker processes, as for `fimad build`.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a running Dask scheduler.")] = None,
    without: WithoutOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try failed videos again, and bring the dataset up to date: with the configured sources, or those it was last built from.

    What was filtered stays filtered.
    """
    from fimad.cli.build import print_summary, summary_json
    from fimad.pipeline.build import build as run_build
    from fimad.pipeline.inspect.upkeep import clear_failures
    from fimad.pipeline.stages.registry import plan_stages
    from fimad.pipeline.state.corpus import begun_with
    from fimad.pipeline.state.workspace import Workspace

    chosen = with_run(
        read_config(config, workspace, dataset, settings), workers=workers, scheduler=scheduler, without=without
    )
    place = Workspace(chosen.workspace)
    if build:
        # Before anything is cleared: what it is to be built from must be known.
        begun_with(place, chosen)
    cleared = clear_failures(place, plan_stages(chosen), stage, reason)
    place.close()
    if not as_json:
        out.print(f"{cleared} failure{'' if cleared == 1 else 's'} cleared.")
    if not build or not cleared:
        if as_json:
            print_json({"cleared": cleared})
        return
    summary = run_build(chosen, again=True, show="lines" if as_json else "auto")
    if as_json:
        print_json({"cleared": cleared, **summary_json(summary)})
    else:
        print_summary(summary)
    raise typer.Exit(summary.exit_code)


def gc(
    config: Annotated[
        list[Path] | None,
        typer.Option("--config", "-c", help="A configuration whose artifacts are kept; may be given several times."),
    ] = None,
    workspace: WorkspaceOption = None,
    settings: SetOption = None,
    packed: Annotated[
        bool, typer.Option("--packed", help="Also delete what datasets that are there were made of; they stay whole.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete artifacts that no current configuration or dataset uses; says first what that would free, and break."""
    from fimad.pipeline.inspect.upkeep import delete_unused, find_unused
    from fimad.pipeline.state.workspace import Workspace

    configs = [read_config(each, workspace, settings=settings) for each in (config or (None,))]
    place = Workspace(configs[0].workspace)
    found = find_unused(place, configs)
    kept = [each for each in found if each.dataset and not packed]
    unused = [each for each in found if each not in kept]
    total = sum(each.bytes for each in unused)
    if as_json:
        plain = {"unused": [asdict(each) for each in unused], "kept": [asdict(each) for each in kept]}
        print_json({**plain, "bytes": total, "deleted": yes})
    else:
        for each in unused:
            note = f"  ({each.breaks})" if each.breaks else ""
            out.print(f"{size_text(each.bytes):>9}  {each.files:>7} files  {each.folder}{note}", markup=False)
        for each in kept:
            why = f"kept: {each.dataset} was made of it; --packed deletes it"
            out.print(f"{size_text(each.bytes):>9}  {each.files:>7} files  {each.folder}  ({why})", markup=False)
        out.print(f"{size_text(total)} could be freed." if unused else "Nothing to free: everything is in use.")
    if unused and not yes and not as_json:
        yes = typer.confirm("Delete them? What it says in brackets would have to be done again")
    if unused and yes:
        delete_unused(place, unused)
        if not as_json:
            out.print(f"{size_text(total)} freed.")


def compact(
    stage: Annotated[list[str] | None, typer.Option(help="Only these stages; may be given several times.")] = None,
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    settings: SetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and do nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put the workspace's artifacts together into few, larger files, for file systems that have a limit of files.

    Everything goes on as before: builds, status, retry and gc read them there. Media and records of failures stay by themselves.
    It may run beside a build, be interrupted, and be repeated.
    """
    from fimad.pipeline.inspect.upkeep import compact as put_together
    from fimad.pipeline.stages.registry import plan_stages
    from fimad.pipeline.state.workspace import Workspace

    chosen = read_config(config, workspace, settings=settings)
    plan = plan_stages(chosen)
    names = [plan.check_name(each) for each in stage] if stage else list(plan.stages)
    place = Workspace(chosen.workspace)
    try:
        with progress("Putting artifacts together") as tell:
            done = put_together(place, names, tell, dry_run=dry_run)
    finally:
        place.close()
    if as_json:
        print_json({**asdict(done), "dry_run": dry_run})
        return
    verb = "would be" if dry_run else "were"
    out.print(
        f"{done.artifacts} artifacts ({size_text(done.bytes)}) {verb} put together: "
        f"{done.files_before} files before, {done.files_after} after."
    )
    if done.damaged:
        out.print(
            f"{done.damaged} bundle{'' if done.damaged == 1 else 's'} could not be read and {verb} deleted: "
            "`fimad build` makes the artifacts anew. If it comes back, look at the disk."
        )
