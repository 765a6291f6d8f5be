"""`fimad bench`: how fast this machine is, and how long a list would take."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from fimad.cli.options import ConfigOption, JsonOption, SetOption, WorkspaceOption, read_config, with_run
from fimad.cli.output import err, out, print_json, printable

if TYPE_CHECKING:
    from fimad.config import Config
    from fimad.pipeline.inspect.estimate import Plan, Rates

_EXAMPLES = """Examples:

    fimad bench
    fimad bench --hours 78
    fimad bench list.txt --set pose.model=heavy
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("bench", epilog=_EXAMPLES)(bench)


def bench(
    sources: Annotated[list[str] | None, typer.Argument(help="Videos, as for `fimad build`: predict these.")] = None,
    hours: Annotated[float, typer.Option(min=0.0, help="Predict so many hours of video.")] = 1.0,
    seconds: Annotated[float, typer.Option(min=2.0, max=45.0, help="How much of the project's video to measure.")] = 12,
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Worker processes to reckon with.")] = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure each stage on this machine, in less than a minute, and predict how long a build would take."""
    from fimad.pipeline.inspect.estimate import measure
    from fimad.pipeline.inspect.progress import duration
    from fimad.pipeline.run.executor import worker_count

    chosen = with_run(read_config(config, workspace, settings=settings), workers=workers)
    # First what may be misspelt, then what takes time.
    predict = _prediction(chosen, tuple(sources)) if sources else None
    with tempfile.TemporaryDirectory(prefix="fimad-bench-") as folder:
        rates = measure(chosen, Path(folder), seconds, lambda text: None if as_json else err.print(text))
    count = worker_count(chosen.run)
    predicted = predict(rates) if predict else None
    if as_json:
        found: dict[str, Any] = {**rates.to_json(), "workers": count, "hours": hours}
        found["predicted_hours"] = rates.hours(hours, count)
        print_json({**found, "plan": predicted.to_json() if predicted is not None else None})
        return
    _print_rates(rates)
    out.print(
        f"\n{hours:g} h of video take about {duration(rates.hours(hours, count) * 3600)} "
        f"with {count} worker{'s' if count != 1 else ''}, if downloads keep up."
    )
    if predicted is not None:
        out.print(
            f"{predicted.videos} videos of {duration(predicted.length_s)} "
            f"({'measured' if predicted.length_measured else 'assumed'}): about {duration(predicted.hours * 3600)}."
        )


def _prediction(config: Config, sources: tuple[str, ...]) -> Callable[[Rates], Plan]:
    """What a build of `sources` costs, as soon as the rates are known."""
    from fimad.pipeline.inspect.estimate import estimate
    from fimad.pipeline.stages.registry import plan_stages
    from fimad.pipeline.state.corpus import find_videos
    from fimad.pipeline.state.workspace import Workspace

    place = Workspace(config.workspace)
    videos = find_videos(place, config, sources)

    def predict(rates: Rates) -> Plan:
        # What a local file costs says nothing about the network.
        measured = {name: cost for name, cost in rates.stages.items() if name != "download"}
        return estimate(place, config, plan_stages(config), videos, measured)

    return predict


def _print_rates(rates: Rates) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("one core", "ms per s of video", "s of video per s"):
        table.add_column(name, justify="left" if name == "one core" else "right")
    rows = {"decode (shared)": rates.decode_s, **rates.stages, "all stages": rates.core_s}
    for name, cost in rows.items():
        table.add_row(name, f"{1000 * cost:.1f}", f"{1 / cost:,.1f}" if cost else "")
    out.print(table)
    for name, why in rates.unavailable.items():
        out.print(f"[yellow]{name} was left out:[/] {escape(printable(why))}")
