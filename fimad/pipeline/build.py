"""`fimad build`: sources in, every stage that is missing or stale, the dataset out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fimad.config import Config
from fimad.dataset.packing import publication
from fimad.errors import ConfigError, DamagedArtifactError, FimadError, SetupError, TransientError
from fimad.pipeline.acquire.addresses import redacted
from fimad.pipeline.acquire.network.politeness import Politeness
from fimad.pipeline.contract import Video
from fimad.pipeline.inspect import progress
from fimad.pipeline.inspect.readiness import prepared
from fimad.pipeline.inspect.summary import Summary, summarise
from fimad.pipeline.inspect.upkeep import purge_videos
from fimad.pipeline.run.executor import Executor, InProcess, run_spec
from fimad.pipeline.run.hooks import MediaRemover, stopped_by_signals
from fimad.pipeline.run.local import LocalExecutor
from fimad.pipeline.run.packjobs import PackJobs
from fimad.pipeline.run.run_types import Observer, RunResult
from fimad.pipeline.run.runner import Runner
from fimad.pipeline.stages.registry import AGREED, StagePlan
from fimad.pipeline.state.changed import find_changed, forget
from fimad.pipeline.state.corpus import Corpus, begun_with, corpus, note_begun, packed_name
from fimad.pipeline.state.index import Index, void
from fimad.pipeline.state.packing import Damage, WorkspaceSource
from fimad.pipeline.state.records import Record
from fimad.pipeline.state.runlog import RunLog
from fimad.pipeline.state.survey import Survey
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import RunSpec
from fimad.storage.store import Store, open_store

if TYPE_CHECKING:
    from fimad.dataset.packing.pack import PackResult

# So often artifacts that packing finds damaged are made again; then the dataset is packed without their videos.
_ROUNDS = 3


def build(
    config: Config,
    sources: Sequence[str] = (),
    stage: str | None = None,
    *,
    only: bool = False,
    pack: bool = True,
    again: bool = False,
    show: str | Observer = "none",
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
    again : without sources, build what the dataset was last built from rather than all that the workspace knows.
    show : ``auto`` (bars on a terminal, else lines), ``lines``, ``none``, or an observer of your own.
    stage_paths : import paths ``module:Class`` of the stages, upstream first; by default all of them.

    Raises `ConfigError` for wrong input and `SetupError` for what the machine lacks at the start. Items that fail do not
    raise: they are in the summary and in the workspace.
    """
    began = time.monotonic()
    observer = progress.observer_for(show) if isinstance(show, str) else show
    config, plan = _prepared(config, stage_paths, stage, observer, only=only, pack=pack)
    workspace = Workspace(config.workspace, config.run.scratch)
    workspace.prepare()
    log = RunLog(workspace)
    try:
        names = choose_stages(plan, workspace, stage, only=only)
        purged = workspace.purged()
        before = begun_with(workspace, config) if again else ()
        chosen = corpus(workspace, config, sources, before, say=observer.note)
        for problem in chosen.problems:
            observer.note(f"{problem.source}: {problem.what}")
        _announce(plan, names, stage, observer)
        _forget_changed(workspace, plan, chosen, observer)
        log.event("begin", stages=names, sources=[redacted(each) for each in sources or config.sources])
        packs = pack and _wants_pack(config, stage, only=only)
        if packs:
            note_begun(workspace, config, chosen)
        summary = _run_and_pack(workspace, config, plan, names, chosen, observer, log, stage=stage, packs=packs)
        # What was being made of them while they were purged.
        purge_videos(workspace, workspace.purged() - purged)
        summary.problems = list(chosen.problems)
        summary.seconds = time.monotonic() - began
        log.event("end", stopped=summary.stopped, seconds=round(summary.seconds, 3))
        return summary
    finally:
        observer.close()
        log.close()
        workspace.close()
        # Once more: orphans of a killed driver may have lived on for a moment when this run began.
        workspace.sweep()


def _forget_changed(workspace: Workspace, plan: StagePlan, chosen: Corpus, observer: Observer) -> None:
    """What was made of sources that have changed since goes, to be made anew."""
    changed = find_changed(workspace, plan, chosen.videos)
    forget(workspace, changed)
    if changed:
        observer.note(f"{', '.join(changed[:5])}{', ...' if changed[5:] else ''}: the source changed, done anew")


def choose_stages(plan: StagePlan, workspace: Workspace, stage: str | None, *, only: bool) -> list[str]:
    """The stages of a run, upstream first."""
    if stage is None or stage == "pack":
        return plan.runnable if stage is None else []
    plan.check_name(stage)
    if stage in plan.unavailable:
        why = plan.unavailable[stage]
        raise SetupError(f"Stage {stage} can't run here.", why.what, why.fix, reason=why.reason)
    wanted = [stage]
    if not only:
        built = workspace.keys()
        wanted += [name for name in plan.downstream(stage) if name in built]
    return plan.with_upstream(wanted)


def _prepared(
    config: Config,
    stage_paths: Sequence[str] | None,
    stage: str | None,
    observer: Observer,
    *,
    only: bool,
    pack: bool,
) -> tuple[Config, StagePlan]:
    """Make sure of all that the run needs; raises `SetupError` before anything is touched."""
    packs = pack and _wants_pack(config, stage, only=only)

    def wanted(plan: StagePlan) -> list[str]:
        if stage is None:
            return list(plan.stages)
        names = set() if stage == "pack" else {plan.check_name(stage), *plan.upstream(stage)}
        if packs:
            # Without a key its artifacts can't be found: packing would make its columns NULL.
            names |= plan.stages.keys() - plan.keys.keys()
        return [name for name in plan.stages if name in names]

    if stage in config.run.without:
        raise ConfigError(
            f"Stage {stage} is asked for and left out at once.",
            "`--without` or `run.without` names it.",
            "Take it out of one of the two.",
        )
    if packs:
        publication.check_target(open_store(config.dataset))
    agreed = _left_out_before(config) if packs else ()
    return prepared(config, stage_paths, wanted, agreed=agreed, say=observer.note)


def _left_out_before(config: Config) -> list[str]:
    """Stages that the dataset which is there was built without, as its user asked."""
    try:
        unavailable = publication.peek(open_store(config.dataset))["unavailable"]
        return [name for name, what in unavailable.items() if str(what).endswith(AGREED)]
    except (FimadError, OSError, KeyError, AttributeError):
        return []


def _announce(plan: StagePlan, names: list[str], stage: str | None, observer: Observer) -> None:
    if stage is None:
        for name in plan.left_out:
            observer.note(plan.unavailable[name].what)


def _run_and_pack(
    workspace: Workspace,
    config: Config,
    plan: StagePlan,
    names: list[str],
    chosen: Corpus,
    observer: Observer,
    log: RunLog,
    *,
    stage: str | None,
    packs: bool,
) -> Summary:
    """Run, look whether everything is there, pack; again where packing meets damaged artifacts, which it deletes, or a takedown."""
    removed = workspace.removed()
    result = _run(workspace, config, plan, names, chosen.videos, observer, log)
    jobs = _pack_jobs(workspace, config, plan, observer)
    for rounds_left in reversed(range(_ROUNDS)):
        if result.stopped:
            break
        source = WorkspaceSource(workspace, config, plan, chosen.videos, jobs=jobs)
        if missing := source.missing(result.done, len(workspace.removed() - removed)):
            result.error = _not_there(missing)
            result.stopped = result.error.reason
            break
        if not packs:
            break
        summary = summarise(workspace, plan, result)
        try:
            holds = _pack(workspace, config, source, chosen, summary, observer, stage, whole=rounds_left > 0)
        finally:
            jobs.close(kill=True)
        if not holds:
            continue
        if summary.packed is not None:
            jobs.clear()
        if source.damaged:
            void(workspace, {damage.video_id for damage in source.damaged})
        for damage in source.damaged:
            log.event("damaged", video_id=damage.video_id, stage=damage.stage, what=damage.error.what)
            observer.note(f"{damage.error.what} It is deleted, and made again.")
            if not rounds_left:
                _record(workspace, plan, damage)
        if not source.damaged or not rounds_left:
            return summary
        stages = {*names, *(damage.stage for damage in source.damaged)}
        result = result.followed_by(
            _run(workspace, config, plan, plan.with_upstream(stages), chosen.videos, observer, log)
        )
    return summarise(workspace, plan, result)


def _pack_jobs(workspace: Workspace, config: Config, plan: StagePlan, observer: Observer) -> PackJobs:
    keys = dict(plan.keys)
    spec = replace(run_spec(workspace, config, plan), keys=keys)

    def make_executor() -> Executor:
        return _executor(spec, config, ["cpu"], observer, workspace)

    return PackJobs(workspace, config, keys, make_executor, observer.note)


def _executor(
    spec: RunSpec, config: Config, resources: list[str], observer: Observer, workspace: Workspace
) -> Executor:
    """Where tasks run, as the configuration says."""
    if config.run.scheduler or config.run.slurm:
        from fimad.pipeline.run.clusters.cluster import on_cluster

        told = replace(spec, proof=workspace.write_proof())
        return on_cluster(told, config.run, resources, observer, workspace.shared_folder())
    if config.run.workers == 0:
        return InProcess(spec, lambda event: _forward(event, observer))
    return LocalExecutor(spec, config.run, resources, observer)


def _record(workspace: Workspace, plan: StagePlan, damage: Damage) -> None:
    """What was made anew and damaged again shows in `fimad status`; the next build tries once more."""
    error = damage.error
    parts = (error.reason, error.what, error.why, error.fix)
    record = Record("failed", damage.stage, damage.video_id, *parts, transient=True, attempts=_ROUNDS)
    workspace.write_record(plan.keys[damage.stage], record)


def _not_there(missing: list[str]) -> SetupError:
    return SetupError(
        f"Artifacts that were made are not in the workspace: {', '.join(missing)}.",
        "A worker wrote to a private folder of the same name, or somebody deletes them while this build is on.",
        "Put the workspace where all machines see the same files, and run the command again: it makes what is missing. "
        "The dataset was left as it was.",
        reason="artifacts_missing",
    )


def _run(
    workspace: Workspace,
    config: Config,
    plan: StagePlan,
    names: list[str],
    videos: Callable[[], Iterable[Video]],
    observer: Observer,
    log: RunLog,
) -> RunResult:
    survey = Survey(workspace, plan, names)
    spec = run_spec(workspace, config, plan)
    resources = {plan.stages[name].resource for name in names}

    def make_executor() -> Executor:
        _void_facts(workspace, plan)
        return _executor(replace(spec, warm=survey.waiting), config, sorted(resources), observer, workspace)

    finisher = MediaRemover(workspace, config, plan, survey)

    def pause() -> None:
        observer.note(gate.explain())
        keep_budget()

    def keep_budget() -> None:
        # A store that fails is the run's own error by now; a lost budget state costs a tenth of an hour's budget.
        if gate.used:
            with suppress(FimadError, OSError):
                workspace.write_state("politeness", gate.state())

    gate = Politeness(config.http, state=workspace.read_state("politeness"), on_pause=pause)
    runner = Runner(workspace, config, plan, survey, make_executor, observer, log, gate=gate, on_finished=finisher)
    try:
        with stopped_by_signals(
            runner, raise_at_once=config.run.workers == 0 and not (config.run.scheduler or config.run.slurm)
        ):
            result = runner.run(videos)
        if gate.error is not None and result.error is None:
            # What else there was to do is done; the downloads that are left wait for the remedy.
            result.error, result.stopped = gate.error, result.stopped or gate.error.reason
        if not result.stopped:
            survey.note_limits()
        return result
    finally:
        keep_budget()
        workspace.delete_proofs()


def _void_facts(workspace: Workspace, plan: StagePlan) -> None:
    """Before anything is made: the index must not speak of artifacts that are gone, and about to be made again."""
    index = Index(workspace, plan.keys)
    if not index.files():
        return
    every = Survey(workspace, plan, [name for name in plan.stages if name in plan.keys], again=False)
    index.void_changed(lambda video_ids: [set(every.done(row.tobytes())) for row in every.states(video_ids)])


def _forward(event: tuple[Any, ...], observer: Observer) -> None:
    if event[0] == "progress":
        observer.progress("", event[1], event[2])


def _wants_pack(config: Config, stage: str | None, *, only: bool) -> bool:
    if stage is None or stage == "pack":
        return True
    return not only and _dataset_exists(config)


def _dataset_exists(config: Config) -> bool:
    return publication.is_dataset(open_store(config.dataset))


def _pack(
    workspace: Workspace,
    config: Config,
    source: WorkspaceSource,
    chosen: Corpus,
    summary: Summary,
    observer: Observer,
    stage: str | None,
    *,
    whole: bool,
) -> bool:
    """Pack the dataset, unless it is the one that packing would give, would lack what was not tried yet, or (`whole`)
    artifacts turn out to be damaged. False where it has to be packed anew, because a video was taken down meanwhile or
    somebody else published; the last time (not `whole`) that is an error.
    """
    from fimad.dataset.pages.text import counted

    pending = ", ".join(f"{name} of {counted(count, 'video')}" for name, count in source.pending().items())
    if pending and stage == "pack":
        raise ConfigError(
            f"Not packed: {pending} is still to be done.",
            "Their columns would be NULL.",
            "Run `fimad build`, which packs at its end, or do without with `--without STAGE`.",
        )
    if pending:
        observer.note(f"The dataset stays as it is: {pending} is still to be done. `fimad build` does it, and packs.")
        return True
    fingerprint = source.fingerprint()
    store = open_store(config.dataset, config.run.scratch)
    memory = packed_name(store)
    before = workspace.read_state(memory)
    summary.dataset = store.url
    known = before.get("fingerprint") == fingerprint and before.get("manifest") == _manifest_hash(store)
    # Its shards may be lost or cut all the same.
    if known and publication.is_complete(store, publication.peek(store)):
        return True
    observer.note(f"packing {store.url}")
    try:
        summary.packed = _packed(source, config, store, observer, whole=whole)
    except DamagedArtifactError:
        # Which they are, the source has noted.
        if not source.damaged:
            raise
    except (FimadError, OSError) as error:
        # What a purge deleted is not there to be packed, either.
        if not whole or not (getattr(error, "reason", "") == publication.CHANGED or source.outdated()):
            raise
    finally:
        store.tidy()
    if whole and ((summary.packed is None and not source.damaged) or source.outdated()):
        observer.note("A video was taken down, or the dataset changed, while it was packed: packed anew.")
        return False
    if not source.damaged:
        note = {
            "fingerprint": fingerprint,
            "manifest": _manifest_hash(store),
            "batches": list(chosen.batches),
            "dataset": store.url,
        }
        workspace.write_state(memory, note)
    return True


def _packed(source: WorkspaceSource, config: Config, store: Store, observer: Observer, *, whole: bool) -> PackResult:
    """Pack; again where another build packed meanwhile, whose dataset is then the one before."""
    from fimad.dataset.packing.pack import pack

    for rounds_left in reversed(range(_ROUNDS)):
        try:
            return pack(source, config, store, whole=whole)
        except TransientError as error:
            if error.reason != publication.BY_ANOTHER or not rounds_left:
                raise
            observer.note("Another build packed meanwhile: looking at the dataset again.")
    raise AssertionError("unreachable")


def _manifest_hash(store: Store) -> str:
    """SHA-256 of a dataset's manifest; empty if there is none, so that a dataset that was deleted is packed again."""
    try:
        return hashlib.sha256(store.read("manifest.json")).hexdigest()
    except FileNotFoundError:
        return ""
