"""Before any video is touched: the libraries and weights that a run needs are there, or the run does not begin.

What is missing of the weights is fetched. What can't be had ends the run with the line to type (exit code 3), so that a
good dataset is never replaced by one without some of its columns. Only what the user agreed to do without is left out:
`run.without`, or what the dataset that is there was built without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fimad import libraries, models
from fimad.config import Config
from fimad.errors import ConfigError, FimadError, SetupError, Unavailable
from fimad.pipeline.contract import Stage
from fimad.pipeline.stages.registry import StagePlan, plan_stages

Say = Callable[[str], None]
# Every row rests on these: nobody can do without them.
_BASE = ("download", "segment")


def prepared(
    config: Config,
    paths: Sequence[str] | None,
    wanted: Callable[[StagePlan], Sequence[str]],
    *,
    agreed: Iterable[str] = (),
    say: Say = lambda text: None,
) -> tuple[Config, StagePlan]:
    """The configuration and stages of a run, with everything there that they need.

    Parameters
    ----------
    paths : import paths of the stages; by default all of them.
    wanted : names the stages that the run can't do without.
    agreed : stages that may be left out where they can't be had; the returned configuration says so (`run.without`).
    say : gets what is being fetched, and what is left out.

    Raises `SetupError` (exit code 3) naming all that is missing.
    """
    plan = plan_stages(config, paths)
    if wanted(plan):
        _check_libraries(config, plan, _lacking(plan, wanted), agreed)
    failed = _fetch([plan.stages[name] for name in _lacking(plan, wanted)], config, say)
    plan = plan_stages(config, paths)
    lacking = _lacking(plan, wanted)
    droppable = [name for name in lacking if name in set(agreed)]
    if droppable:
        for name in droppable:
            say(f"{name} is left out, as in the dataset that is there: {plan.unavailable[name].what}")
        without = tuple(sorted({*config.run.without, *droppable}))
        config = config.model_copy(update={"run": config.run.model_copy(update={"without": without})})
        plan = plan_stages(config, paths)
        lacking = _lacking(plan, wanted)
    if lacking:
        raise _cannot(plan, lacking, failed)
    return config, plan


def _lacking(plan: StagePlan, wanted: Callable[[StagePlan], Sequence[str]]) -> list[str]:
    return [name for name in wanted(plan) if name in plan.unavailable and not plan.unavailable[name].agreed]


def _check_libraries(config: Config, plan: StagePlan, lacking: list[str], agreed: Iterable[str]) -> None:
    """Raise `SetupError` with one line that installs whatever is missing for all stages together."""
    needed = {name: libraries.missing(plan.stages[name].requires()) for name in lacking if name not in set(agreed)}
    needed["the run itself"] = libraries.missing(runner_requires(config))
    needed = {name: modules for name, modules in needed.items() if modules}
    if not needed:
        return
    modules = sorted({module for each in needed.values() for module in each})
    fix = libraries.install_line(libraries.extras_of(modules))
    if not needed.keys() & {*_BASE, "the run itself"}:
        fix += f"\nOr do without: {_without(needed)} (NULL columns)"
    raise SetupError(
        f"Libraries are missing: {', '.join(modules)} (for {', '.join(needed)}).",
        "fimad was installed without the extra that brings them.",
        fix,
        reason="not_installed",
    )


def runner_requires(config: Config) -> tuple[str, ...]:
    """Import names of what runs the stages, wherever they run."""
    if config.run.scheduler or config.run.slurm:
        return "threadpoolctl", "psutil", "dask", "distributed"
    return ("threadpoolctl",) if config.run.workers == 0 else ("threadpoolctl", "psutil")


def _fetch(stages: Iterable[Stage], config: Config, say: Say) -> dict[str, FimadError]:
    """Get the weights that stages lack into the cache; what can't be had, by name."""
    failed: dict[str, FimadError] = {}
    for stage in stages:
        try:
            names = stage.weights()
        except ConfigError:
            # A path that is none; `Stage.unavailable` says so.
            continue
        for name in names:
            why = models.unavailable(name, config)
            if why is None or name in failed or not models.known(name):
                continue
            try:
                models.fetch(name, lambda text: say(f"fetching {text}"))
            except FimadError as error:
                failed[name] = error
    return failed


def _cannot(plan: StagePlan, lacking: list[str], failed: dict[str, FimadError]) -> SetupError:
    first = plan.unavailable[lacking[0]]
    if failed:
        error = next(iter(failed.values()))
        first = Unavailable(error.reason, error.what, error.fix)
    fix = first.fix
    roots = [name for name in lacking if plan.unavailable[name].reason != "upstream_unavailable"]
    if not set(lacking) & set(_BASE):
        fix += f"\nOr do without: {_without(roots)} (NULL columns)"
    return SetupError(
        f"{_stages(lacking)} can't run here: {first.what}",
        "Nothing was built or packed: a dataset must not lose columns without anybody's say.",
        fix,
        reason=first.reason,
    )


def _without(names: Iterable[str]) -> str:
    return " ".join(f"--without {name}" for name in names)


def _stages(names: list[str]) -> str:
    return f"Stage {names[0]}" if len(names) == 1 else f"Stages {', '.join(names)}"
