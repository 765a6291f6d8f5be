"""`fimad build`: sources in, every stage that is missing or stale, the dataset out."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from types import FrameType
from typing import Any

from fimad.config import Config
from fimad.errors import ConfigError, FimadError, SetupError
from fimad.pipeline import progress
from fimad.pipeline.executor import Executor, InProcess
from fimad.pipeline.politeness import Politeness
from fimad.pipeline.runlog import RunLog
from fimad.pipeline.runner import Runner, RunResult
from fimad.pipeline.stage import Unavailable, Video
from fimad.pipeline.stages import StagePlan, plan_stages
from fimad.pipeline.survey import Survey, VideoWork
from fimad.pipeline.task import RunSpec, StageResult
from fimad.pipeline.workspace import DONE, Record, Workspace


@dataclass(frozen=True)
class SourceProblem:
    """Something in a source that is no video: a damaged line of a list, a playlist that can't be read."""

    source: str
    reason: str
    what: str
    why: str = ""
    fix: str = ""


@dataclass
class Summary:
    """What a build did.

    Parameters
    ----------
    videos : number of videos of this run.
    stages : per stage: counts before, counts of this run, seconds, bytes.
    unavailable : stages that can't run on this machine, and why.
    failures : records of the items that failed in this run (the first thousand).
    failed : items that failed in this run; `failed_before` those that did earlier and were not tried again.
    problems : what in the sources is no video.
    stopped : why the run ended early: ``interrupted``, ``fail_fast``, ``max_failures``, or the reason of `error`.
    dataset : where the dataset is; empty if none was packed.
    """

    videos: int
    workspace: str
    stages: dict[str, dict[str, Any]]
    unavailable: dict[str, Unavailable]
    failures: list[Record] = field(default_factory=list)
    failed: int = 0
    failed_before: int = 0
    filtered: int = 0
    problems: list[SourceProblem] = field(default_factory=list)
    stopped: str = ""
    error: FimadError | None = None
    dataset: str = ""
    packed: Any = None
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 ok, 1 some items failed, 3 the machine or cluster lacks something, 130 interrupted."""
        if self.stopped == "interrupted":
            return 130
        if self.error is not None:
            return 3
        return 1 if self.failed or self.failed_before or self.problems else 0


def build(
    config: Config,
    sources: Sequence[str] = (),
    stage: str | None = None,
    *,
    only: bool = False,
    pack: bool = True,
    show: str | progress.Silent = "none",
    stage_paths: Sequence[str] | None = None,
) -> Summary:
    """Build what is missing or stale, and pack the dataset.

    Parameters
    ----------
    config : the whole configuration; `config.run` says how and where.
    sources : what to build from; empty means `config.sources`, and if that is empty too, all videos that the workspace
        knows. Named sources define the run and the dataset.
    stage : build this stage and what is upstream of it. What lies downstream and was built before is brought up to date
        as well, unless `only` is set.
    pack : whether to pack the dataset at the end.
    show : ``auto`` (bars on a terminal, else lines), ``lines``, ``none``, or an observer of your own.
    stage_paths : import paths ``module:Class`` of the stages, upstream first; by default all of them.

    Raises `ConfigError` for wrong input and `SetupError` for what the machine lacks at the start. Items that fail do not
    raise: they are in the summary and in the workspace.
    """
    began = time.monotonic()
    workspace = Workspace(config.workspace)
    workspace.prepare()
    log = RunLog(workspace)
    observer = progress.observer_for(show) if isinstance(show, str) else show
    try:
        plan = plan_stages(config, stage_paths)
        names = choose_stages(plan, workspace, stage, only=only)
        videos, problems = corpus(workspace, config, sources)
        for problem in problems:
            observer.note(f"{problem.source}: {problem.what}")
        _announce(plan, names, stage, observer)
        log.event("begin", stages=names, sources=list(sources or config.sources))
        result = _run(workspace, config, plan, names, videos, observer, log)
        summary = _summarise(workspace, plan, result)
        summary.problems = problems
        if pack and not result.stopped and _wants_pack(config, plan, stage, only=only):
            _pack(workspace, config, plan, videos, summary, observer)
        summary.seconds = time.monotonic() - began
        log.event("end", stopped=summary.stopped, seconds=round(summary.seconds, 3))
        return summary
    finally:
        observer.close()
        log.close()
        workspace.close()
        # Once more: orphans of a killed driver may have lived on for a moment when this run began.
        workspace.sweep()


def corpus(
    workspace: Workspace, config: Config, sources: Sequence[str]
) -> tuple[Callable[[], Iterable[Video]], list[SourceProblem]]:
    """The videos of a run, to be read as often as needed, and what in the sources is no video.

    A new expansion of sources is stored in the workspace, so that later commands find the videos by listing.
    """
    wanted = tuple(sources) or config.sources
    if not wanted:
        return known_videos(workspace), []
    problems: list[SourceProblem] = []
    name, count = workspace.add_batch(expand_sources(wanted, config, problems))
    workspace.write_problems(name, [asdict(problem) for problem in problems])
    if not count:
        raise _no_videos(wanted, problems)
    return lambda: workspace.videos([name]), problems


def expand_sources(sources: Sequence[str], config: Config, problems: list[SourceProblem]) -> Iterator[Video]:
    """The videos that sources name; what is none goes to `problems`."""
    from fimad.pipeline.sources import SourceFailure, expand

    for item in expand(sources, config):
        if isinstance(item, SourceFailure):
            error = item.error
            problems.append(SourceProblem(item.source, error.reason, error.what, error.why, error.fix))
        else:
            yield item


def find_videos(workspace: Workspace, config: Config, sources: Sequence[str]) -> Callable[[], Iterable[Video]]:
    """The videos of a run, without storing anything."""
    wanted = tuple(sources) or config.sources
    if not wanted:
        return known_videos(workspace)
    problems: list[SourceProblem] = []
    found = list(expand_sources(wanted, config, problems))
    if not found:
        raise _no_videos(wanted, problems)
    return lambda: found


def known_videos(workspace: Workspace) -> Callable[[], Iterable[Video]]:
    """All videos that the workspace knows; raises `ConfigError` if there are none."""
    if not workspace.batches():
        raise ConfigError(
            f"The workspace {workspace.url!r} knows no videos yet.",
            "Nothing was named on the command line, and `sources` in the configuration is empty.",
            "Name a video, a folder, a list or a URL: fimad build VIDEO",
        )
    return lambda: workspace.videos()


def _no_videos(wanted: Sequence[str], problems: Sequence[SourceProblem]) -> ConfigError:
    if problems:
        first = problems[0]
        more = f" ({len(problems) - 1} more like this)" if len(problems) > 1 else ""
        return ConfigError(f"{first.what}{more}", first.why, first.fix, reason=first.reason)
    return ConfigError(
        f"There are no videos in {', '.join(wanted)}.",
        "The folder or list is empty, or nothing in it is a video.",
        "Name a video, a folder of videos, a list, or a URL.",
    )


def choose_stages(plan: StagePlan, workspace: Workspace, stage: str | None, *, only: bool) -> list[str]:
    """The stages of a run, upstream first."""
    if stage is None or stage == "pack":
        return plan.runnable if stage is None else []
    plan.check_name(stage)
    if stage in plan.unavailable:
        why = plan.unavailable[stage]
        raise SetupError(f"Stage {stage} can't run here: {why.what}", "", why.fix, reason=why.reason)
    wanted = [stage]
    if not only:
        built = workspace.keys()
        wanted += [name for name in plan.downstream(stage) if name in built]
    return plan.with_upstream(wanted)


def _announce(plan: StagePlan, names: list[str], stage: str | None, observer: progress.Silent) -> None:
    if stage is None and not names:
        first = next(iter(plan.unavailable.values()))
        raise SetupError(f"No stage can run here: {first.what}", "", first.fix, reason=first.reason)
    if stage is None:
        for name, why in plan.unavailable.items():
            observer.note(f"{name} is left out: {why.what} {why.fix}")


def run_spec(workspace: Workspace, config: Config, plan: StagePlan) -> RunSpec:
    """What the processes of a run are told."""
    return RunSpec(
        workspace=workspace.url,
        config_json=config.model_dump_json(),
        stages=tuple(plan.paths.values()),
        keys={name: plan.keys[name] for name in plan.runnable},
        sys_path=tuple(path for path in sys.path if path),
        threads=config.run.threads,
        deadline_s=config.run.deadline_s,
        memory_limit_bytes=config.run.memory_limit_bytes,
    )


def _run(
    workspace: Workspace,
    config: Config,
    plan: StagePlan,
    names: list[str],
    videos: Callable[[], Iterable[Video]],
    observer: progress.Silent,
    log: RunLog,
) -> RunResult:
    survey = Survey(workspace, plan, names)
    spec = run_spec(workspace, config, plan)
    resources = {plan.stages[name].resource for name in names}

    def make_executor() -> Executor:
        if config.run.workers == 0 and not config.run.scheduler:
            return InProcess(spec, lambda event: _forward(event, observer))
        from fimad.pipeline.cluster import DaskExecutor

        return DaskExecutor(spec, config.run, sorted(resources), observer)

    finisher = _Finisher(workspace, config, plan, survey)
    gate = _PoliteGate(workspace, config, observer)
    runner = Runner(workspace, config, plan, survey, make_executor, observer, log, gate=gate, on_finished=finisher)
    try:
        with _signals(runner, raise_at_once=config.run.workers == 0 and not config.run.scheduler):
            return runner.run(videos)
    finally:
        gate.close()


def _forward(event: tuple[Any, ...], observer: progress.Silent) -> None:
    if event[0] == "progress":
        observer.progress("", event[1], event[2])


class _PoliteGate:
    """`Politeness` for the runner: says when a breaker opens, and keeps the budget for the next run."""

    def __init__(self, workspace: Workspace, config: Config, observer: progress.Silent) -> None:
        self._workspace = workspace
        self._observer = observer
        self._politeness = Politeness(config.http, state=workspace.read_state("politeness"))
        self._said = ""
        self._used = False

    def wait_s(self, video: Video) -> float:
        wait_s = self._politeness.wait_s(video)
        self._used = self._used or wait_s == 0
        return wait_s

    def ended(self, video: Video, result: StageResult) -> None:
        self._politeness.ended(video, result)
        said = " ".join(sorted(self._politeness.paused_until))
        if said and said != self._said:
            self._observer.note(self._politeness.explain())
            self.close()
        self._said = said

    def close(self) -> None:
        """Store what is left of the budget."""
        if self._used:
            # A store that fails is the run's own error by now; a lost budget state costs a tenth of an hour's budget.
            with suppress(FimadError, OSError):
                self._workspace.write_state("politeness", self._politeness.state())


class _Finisher:
    """With `http.keep_media = false`: deletes a video's downloaded media once every stage that needs it is done."""

    def __init__(self, workspace: Workspace, config: Config, plan: StagePlan, survey: Survey) -> None:
        self._workspace = workspace
        self._plan = plan
        self._survey = survey
        self._consumers = [name for name, stage in plan.stages.items() if stage.needs_media]
        self._on = not config.http.keep_media and "download" in plan.keys

    def __call__(self, work: VideoWork) -> None:
        if not self._on:
            return
        names = self._survey.names
        for name in self._consumers:
            # An unavailable consumer (no weights yet) keeps the media: a later build must not download it again.
            if name not in names and not (
                name in self._plan.keys and self._workspace.exists(name, self._plan.keys[name], work.video.video_id)
            ):
                return
            if name in names and work.states[names.index(name)] == 0:
                return
        if "download" in names and work.states[names.index("download")] != DONE:
            return
        key = self._plan.keys["download"]
        table = self._workspace.read("download", key, work.video.video_id, columns=["media"])
        self._workspace.delete_media(key, work.video.video_id, table.column("media")[0].as_py())


@contextmanager
def _signals(runner: Runner, *, raise_at_once: bool) -> Iterator[None]:
    """SIGINT and SIGTERM end the run cleanly; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            # Child processes end when their pipe to us closes.
            os._exit(130)
        asked = True
        runner.stop("interrupted")
        if raise_at_once:
            raise KeyboardInterrupt

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _summarise(workspace: Workspace, plan: StagePlan, result: RunResult) -> Summary:
    stages: dict[str, dict[str, Any]] = {}
    failed_before = filtered = 0
    for name, tally in result.tallies.items():
        before = result.before[name]
        failed_before += before["failed"]
        filtered += before["filtered"] + tally.counts["filtered"]
        stages[name] = {
            "key": plan.keys[name],
            "done_before": before["done"],
            "failed_before": before["failed"],
            "filtered_before": before["filtered"],
            **{end: tally.counts[end] for end in ("done", "failed", "filtered")},
            "seconds": tally.seconds,
            "out_bytes": tally.out_bytes,
            "peak_bytes": tally.peak_bytes,
        }
    return Summary(
        videos=result.videos,
        workspace=workspace.url,
        stages=stages,
        unavailable=plan.unavailable,
        failures=result.failures,
        failed=result.failure_count,
        failed_before=failed_before,
        filtered=filtered,
        stopped=result.stopped,
        error=result.error,
    )


def _wants_pack(config: Config, plan: StagePlan, stage: str | None, *, only: bool) -> bool:
    if stage is None or stage == "pack":
        return True
    return not only and _dataset_exists(config)


def _dataset_exists(config: Config) -> bool:
    from fimad.pipeline.store import open_store

    return open_store(config.dataset).exists("manifest.json")


def _pack(
    workspace: Workspace,
    config: Config,
    plan: StagePlan,
    videos: Callable[[], Iterable[Video]],
    summary: Summary,
    observer: progress.Silent,
) -> None:
    pass
