"""The stages that make up the pipeline, and the keys and availability that a configuration gives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module

from fimad import libraries
from fimad.config import Config
from fimad.errors import LEFT_OUT, ConfigError, FimadError
from fimad.pipeline.contract import Stage, Unavailable, stage_key

# Import paths, upstream first. A stage's module imports its libraries lazily: naming a stage must cost nothing.
STAGES = (
    "fimad.pipeline.stages.download:DownloadStage",
    "fimad.pipeline.stages.captions:CaptionsStage",
    "fimad.pipeline.stages.segment:SegmentStage",
    "fimad.pipeline.stages.transcribe:TranscribeStage",
    "fimad.pipeline.stages.pose:PoseStage",
    "fimad.pipeline.stages.camera:CameraStage",
    "fimad.pipeline.stages.flow:FlowStage",
    "fimad.pipeline.stages.embed:EmbedStage",
    "fimad.pipeline.stages.simulate:SimulateStage",
    "fimad.pipeline.stages.label:LabelStage",
)

# With `pose.from`, poses come from files: other stages of the same names.
_RESULTS = "fimad.pipeline.stages.results.stage"
_FROM_RESULTS = {
    "pose": f"{_RESULTS}:PoseResultsStage",
    "camera": f"{_RESULTS}:CameraWithoutPoseStage",
    "flow": f"{_RESULTS}:NoFlowStage",
}

# How a manifest tells a stage that the user agreed to do without from one that could not run.
AGREED = "is left out, as asked for."


def stage_paths(config: Config) -> tuple[str, ...]:
    """The import path of each stage under a configuration, upstream first."""
    if not config.pose.from_:
        return STAGES
    return tuple(_FROM_RESULTS.get(path.partition(":")[0].rpartition(".")[2], path) for path in STAGES)


def load_stage(path: str, config: Config) -> Stage:
    """The stage that an import path ``module:Class`` names."""
    module, _, name = path.partition(":")
    stage: Stage = getattr(import_module(module), name)(config)
    return stage


@dataclass(frozen=True)
class StagePlan:
    """The stages of a configuration, upstream first, with what is known about each.

    Parameters
    ----------
    paths : import path of each stage, by name.
    stages : each stage, by name, in running order.
    keys : key of each stage. An unavailable stage has one only if it can be told without what is missing; artifacts
        that another machine made are then found under it.
    unavailable : why a stage can't run on this machine.
    """

    paths: dict[str, str]
    stages: dict[str, Stage]
    keys: dict[str, str]
    unavailable: dict[str, Unavailable]

    @property
    def left_out(self) -> list[str]:
        """Stages that the user agreed to do without, and those that can't be done without them."""
        return [name for name, why in self.unavailable.items() if why.agreed]

    @property
    def runnable(self) -> list[str]:
        """Names of the stages that can run here, upstream first."""
        return [name for name in self.stages if name not in self.unavailable]

    def media_consumers(self) -> list[str]:
        """The stages that look at media, but for those that the user agreed to do without."""
        return [name for name, stage in self.stages.items() if stage.needs_media and name not in self.left_out]

    def with_upstream(self, names: Iterable[str]) -> list[str]:
        """The named stages and all that is upstream of them, upstream first; only those that can run."""
        wanted: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in wanted and name in self.stages:
                wanted.add(name)
                pending.extend(self.stages[name].upstream)
        return [name for name in self.runnable if name in wanted]

    def upstream(self, name: str) -> list[str]:
        """The stages that a stage rests on, directly or not."""
        found: set[str] = set()
        pending = list(self.stages[name].upstream)
        while pending:
            other = pending.pop()
            if other not in found and other in self.stages:
                found.add(other)
                pending.extend(self.stages[other].upstream)
        return [other for other in self.stages if other in found]

    def downstream(self, name: str) -> list[str]:
        """The stages that rest on a stage, directly or not."""
        found = {name}
        for other, stage in self.stages.items():
            if found & set(stage.upstream):
                found.add(other)
        return [other for other in self.stages if other in found and other != name]

    def inputs(self, name: str) -> list[str]:
        """The upstream stages that a stage really reads: those that are not left out."""
        return [each for each in self.stages[name].upstream if each in self.keys and each not in self.unavailable]

    def check_name(self, name: str) -> str:
        """Raise `ConfigError` unless there is such a stage."""
        if name not in self.stages:
            raise ConfigError(
                f"There is no stage {name!r}.",
                "The name is misspelt.",
                f"The stages are: {', '.join(self.stages)}.",
            )
        return name


def plan_stages(config: Config, paths: Sequence[str] | None = None) -> StagePlan:
    """Make the stages of a configuration (by default all of them), with their keys; asks each whether it can run here."""
    stages: dict[str, Stage] = {}
    names: dict[str, str] = {}
    keys: dict[str, str] = {}
    unavailable: dict[str, Unavailable] = {}
    for path in stage_paths(config) if paths is None else paths:
        stage = load_stage(path, config)
        stages[stage.name] = stage
        names[stage.name] = path
        why = _why_not(stage, config, unavailable)
        if why is not None:
            unavailable[stage.name] = why
            if why.agreed:
                continue
        usable = {name: key for name, key in keys.items() if name not in unavailable or name not in stage.optional}
        try:
            if all(name in keys for name in stage.upstream if name not in stage.optional):
                keys[stage.name] = stage_key(stage, usable)
        except (FimadError, OSError):
            # The hash of weights that are not there: fine for a stage that can't run anyway.
            if why is None:
                raise
    return StagePlan(names, stages, keys, unavailable)


def _why_not(stage: Stage, config: Config, unavailable: dict[str, Unavailable]) -> Unavailable | None:
    """Why a stage can't run: not wanted, not installed, no weights, or resting on one that can't."""
    if stage.name in config.run.without:
        return Unavailable(LEFT_OUT, f"{stage.name} {AGREED}", f"Take {stage.name} out of `run.without` (`--without`).")
    missing = _missing_upstream(stage, unavailable)
    if missing is not None and unavailable[missing].agreed:
        return Unavailable(LEFT_OUT, f"{stage.name} needs {missing}, which {AGREED}", unavailable[missing].fix)
    lacking = libraries.needs(f"Stage {stage.name}", stage.requires())
    if lacking is not None:
        return Unavailable(lacking.reason, lacking.what, lacking.fix)
    why = stage.unavailable()
    if why is None and missing is not None:
        what = f"{stage.name} needs {missing}, which can't run here."
        return Unavailable("upstream_unavailable", what, unavailable[missing].fix)
    return why


def _missing_upstream(stage: Stage, unavailable: dict[str, Unavailable]) -> str | None:
    for name in stage.upstream:
        if name in unavailable and name not in stage.optional:
            return name
    return None
