"""From a workspace to a dataset: what `pack` gets to read, and when there is nothing new to pack."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from fimad.config import Config, PackConfig, section_json
from fimad.dataset.packing.facts import Facts
from fimad.dataset.packing.pack import Source
from fimad.dataset.packing.shards import ShardMade, ShardPlan
from fimad.errors import DamagedArtifactError, SetupError
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state.index import Index, StagesDone, notes_of_stale
from fimad.pipeline.state.records import DONE, PENDING, STATES
from fimad.pipeline.state.survey import Survey, Videos
from fimad.pipeline.state.workspace import Workspace, media_of


@dataclass(frozen=True)
class Excluded:
    """A video that is not in the dataset: where it stopped (`failed`, `filtered`, `pending`), and why."""

    video_id: str
    stage: str
    state: str
    reason: str
    what: str


@dataclass(frozen=True)
class Damage:
    """An artifact that could not be read, and why."""

    video_id: str
    stage: str
    error: DamagedArtifactError


class Jobs(Protocol):
    """Does packing's work on workers; `run.packjobs.PackJobs` is one."""

    def take_facts(self, videos: Sequence[tuple[str, str]]) -> list[Damage]: ...

    def make_shards(self, plans: Sequence[ShardPlan], tools: str) -> Iterator[tuple[ShardMade, list[Damage]]]: ...


class ArtifactReader:
    """Reads artifacts for packing. What is damaged, or made from other media than its video's `download`, is deleted.

    Parameters
    ----------
    keys : of the stages.
    """

    def __init__(self, workspace: Workspace, keys: Mapping[str, str]) -> None:
        self.workspace = workspace
        self.keys = keys
        self.damaged: list[Damage] = []
        self._media = ("", "")

    def read(self, stage: str, video_id: str, columns: list[str] | None = None) -> pa.Table:
        """One artifact; `download` of a video has to be read before its others.

        Raises `DamagedArtifactError` after deleting it; `FileNotFoundError` if it is gone.
        """
        try:
            table = self.workspace.read(stage, self.keys[stage], video_id, columns)
            media = media_of(stage, table)
            if stage == "download":
                self._media = video_id, media
            elif media and self._media[0] == video_id and self._media[1] not in ("", media):
                raise DamagedArtifactError(
                    f"The {stage} artifact of {video_id} was made from other media than the source has now.",
                    "The source changed between two downloads.",
                    "`fimad build` makes it anew.",
                    reason="media_changed",
                )
        except DamagedArtifactError as error:
            self.damaged.append(Damage(video_id, stage, error))
            self.workspace.discard(stage, self.keys[stage], video_id)
            raise
        return table


class WorkspaceSource(Source):
    """The artifacts of a corpus, for `pack`: videos in the order of their ids, the same on every machine.

    Parameters
    ----------
    videos : the corpus of the run.
    required : stages without which a video is not in the dataset; what else is missing becomes NULL columns.
    jobs : does the work; without it, everything is read in this process.
    """

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        plan: StagePlan,
        videos: Videos,
        required: Iterable[str] = ("download", "segment"),
        jobs: Jobs | None = None,
    ) -> None:
        self.workspace = workspace
        self.config = config
        self.plan = plan
        self.required = tuple(required)
        self._videos = videos
        # An unavailable stage counts if another machine has done it under the same key.
        self.stages = [name for name in plan.stages if name in plan.keys]
        self._survey = Survey(workspace, plan, self.stages, again=False)
        self._ids: list[str] | None = None
        self._fingerprints: dict[str, str] = {}
        self._reader = ArtifactReader(workspace, {name: plan.keys[name] for name in self.stages})
        self._jobs = jobs
        self._taken_down: set[str] = set()

    @property
    def damaged(self) -> list[Damage]:
        """What could not be read; it was deleted, to be made again."""
        return self._reader.damaged

    @property
    def unavailable(self) -> dict[str, str]:
        """Stages that have no artifacts because they can't run on this machine: name and remedy-free cause."""
        return {
            name: why.what
            for name, why in self.plan.unavailable.items()
            if name not in self._survey.indexes or not len(self._survey.indexes[name].done)
        }

    def stage_info(self) -> dict[str, dict[str, Any]]:
        """Key, version and models of each stage, for the manifest."""
        return {
            name: {
                "key": self.plan.keys[name],
                "version": self.plan.stages[name].version,
                "models": {model.name: model.sha256 for model in self.plan.stages[name].models()},
            }
            for name in self.stages
        }

    def video_ids(self) -> list[str]:
        """All videos of the corpus, sorted."""
        if self._ids is None:
            self._fingerprints = {video.video_id: video.fingerprint for video in self._videos() if video.fingerprint}
            self._ids = sorted(video.video_id for video in self._videos())
        return self._ids

    def included(self) -> Iterator[tuple[str, list[str]]]:
        """Each video that has all required stages, with the names of the stages that are done."""
        for video_id, done in self._done():
            if all(name in done for name in self.required):
                yield video_id, done

    def read(self, stage: str, video_id: str, columns: list[str] | None = None) -> pa.Table:
        """One artifact, as `ArtifactReader` reads it."""
        return self._reader.read(stage, video_id, columns)

    def facts(self) -> tuple[Facts, set[str]]:
        """From the index; what is new, or done in other stages than before, is indexed first."""
        known, damaged = super().facts() if self._jobs is None else self._from_index(self._jobs)
        down = self.workspace.removed_media()
        media = known.column("media") if down else ()
        self._taken_down = (
            {each for each, sha256 in zip(known.video_ids, media, strict=True) if sha256 in down} if down else set()
        )
        return known.without(self._taken_down), damaged

    def _from_index(self, jobs: Jobs) -> tuple[Facts, set[str]]:
        stages = self._stages_done()
        index = Index(self.workspace, self._reader.keys)
        known = index.load(stages)
        if len(known.video_ids) < len(stages.video_ids):
            every = zip(stages.video_ids, stages.codes.tolist(), strict=True)
            new = [(each, stages.texts[code]) for each, code in every if known.row(each) is None]
            self.damaged.extend(jobs.take_facts(new))
            index.compact()
            known = index.load(stages)
        damaged = {each.video_id for each in self.damaged}
        if unknown := [each for each in stages.video_ids if known.row(each) is None and each not in damaged]:
            raise SetupError(
                f"What there is of {len(unknown)} videos could not be told: {', '.join(unknown[:3])}.",
                "Somebody deletes artifacts while this build is on, or files of the workspace's index do not appear.",
                "Run the command again: it makes what is missing. The dataset was left as it was.",
                reason="artifacts_missing",
            )
        return known, damaged

    def _stages_done(self) -> StagesDone:
        """What `included` tells, in a few bytes a video."""
        texts: dict[str, int] = {}
        video_ids, codes = [], array("q")
        for video_id, done in self.included():
            video_ids.append(video_id)
            codes.append(texts.setdefault(",".join(done), len(texts)))
        return StagesDone(video_ids, np.frombuffer(codes, np.int64), list(texts))

    def make_shards(
        self, plans: Sequence[ShardPlan], schema: pa.Schema, folder: Path, tools: str, config: PackConfig
    ) -> Iterator[ShardMade]:
        """By the workers; they leave them in the workspace."""
        if self._jobs is None:
            yield from super().make_shards(plans, schema, folder, tools, config)
            return
        for made, damages in self._jobs.make_shards(plans, tools):
            self.damaged.extend(damages)
            yield made

    def takedowns(self, video_ids: Set[str]) -> dict[str, str]:
        """By the notes of now."""
        return {each: self.workspace.removal_reason(each) for each in self.workspace.removed() & video_ids}

    def outdated(self) -> bool:
        """Whether a video of the corpus was taken down since it was listed."""
        return bool(self.takedowns(set(self.video_ids())))

    def missing(self, expected: Mapping[str, int], taken_down: int = 0) -> list[str]:
        """Stages of which the listing has fewer of the corpus' artifacts than there must be, with the numbers.

        Parameters
        ----------
        taken_down : videos that may have left the corpus since they were done.
        """
        _, counts = self._survey.count(self._videos)
        found = {name: int(row[DONE]) for name, row in zip(self.stages, counts, strict=True)}
        return [
            f"{name} ({count - found[name]} of {count})"
            for name, count in expected.items()
            if found[name] + taken_down < count
        ]

    def excluded(self) -> Iterator[Excluded]:
        """Each video that is left out, with the stage that it stopped in and the reason."""
        for video_id, done in self._done():
            missing = next((name for name in self.required if name not in done), None)
            if missing is not None:
                yield self._reason(video_id, missing)
            elif video_id in self._taken_down:
                yield Excluded(
                    video_id, "download", "filtered", "removed", "Its file is that of a video that was taken down."
                )

    def incomplete(self) -> Iterator[Excluded]:
        """Each video that is in the dataset without one of the stages that ran, and why."""
        for video_id, done in self._done():
            if all(name in done for name in self.required) and video_id not in self._taken_down:
                for name in self.stages:
                    if name not in done and name not in self.plan.unavailable:
                        yield self._reason(video_id, name)

    def pending(self) -> Counter[str]:
        """How many videos could be in the dataset with a stage that was not tried on them yet, by stage."""
        found: Counter[str] = Counter()
        inputs = {name: [self.stages.index(each) for each in self.plan.inputs(name)] for name in self.stages}
        ids = self.video_ids()
        for start in range(0, len(ids), 4096):
            for row in self._survey.states(ids[start : start + 4096]):
                for name, state in zip(self.stages, row, strict=True):
                    if state == PENDING and all(row[at] == DONE for at in inputs[name]):
                        found[name] += 1
        return found

    def _done(self) -> Iterator[tuple[str, list[str]]]:
        ids = self.video_ids()
        for start in range(0, len(ids), 4096):
            chunk = ids[start : start + 4096]
            for video_id, row in zip(chunk, self._survey.states(chunk), strict=True):
                yield video_id, [name for name, state in zip(self.stages, row, strict=True) if state == DONE]

    def _reason(self, video_id: str, stage: str) -> Excluded:
        record = self.workspace.read_record(stage, self.plan.keys[stage], video_id)
        if record is None:
            return Excluded(video_id, stage, STATES[PENDING], "pending", "")
        return Excluded(video_id, stage, record.state, record.reason, record.what)

    def _files(self) -> dict[str, str]:
        """SHA-256 of the files that options of `pack` name: they may be edited and keep their names."""
        named = {"split_file": Path(self.config.pack.split_file), "label_map": Path(self.config.pack.label_map)}
        return {
            option: hashlib.sha256(path.read_bytes()).hexdigest() for option, path in named.items() if path.is_file()
        }

    def fingerprint(self) -> str:
        """Changes whenever packing would give another dataset: corpus, what is done or was made again, keys, or options of `pack`."""
        digest = hashlib.sha256()
        head: dict[str, Any] = {
            "pack": section_json(self.config.pack),
            "stages": self.stage_info(),
            "unavailable": self.unavailable,
            # What was made again may be another thing: its source changed between two downloads.
            "removed": sorted(self.workspace.removed_media()),
            "made_again": notes_of_stale(self.workspace),
        }
        if files := self._files():
            head["files"] = files
        digest.update(json.dumps(head, sort_keys=True).encode())
        ids = self.video_ids()
        for start in range(0, len(ids), 4096):
            chunk = ids[start : start + 4096]
            digest.update("\0".join(chunk).encode())
            digest.update("\0".join(self._fingerprints.get(each, "") for each in chunk).encode())
            digest.update(self._survey.states(chunk).tobytes())
        return digest.hexdigest()
