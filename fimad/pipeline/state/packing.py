"""From a workspace to a dataset: what `pack` gets to read, and when there is nothing new to pack."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from fimad.config import Config, section_json
from fimad.errors import DamagedArtifactError
from fimad.pipeline.stages.registry import StagePlan
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


class WorkspaceSource:
    """The artifacts of a corpus, for `pack`: videos in the order of their ids, the same on every machine.

    Parameters
    ----------
    videos : the corpus of the run.
    required : stages without which a video is not in the dataset; what else is missing becomes NULL columns.
    """

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        plan: StagePlan,
        videos: Videos,
        required: Iterable[str] = ("download", "segment"),
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
        self._media = ("", "")
        self.damaged: list[Damage] = []
        """What could not be read; it was deleted, to be made again."""

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

    def read(self, stage: str, video_id: str) -> pa.Table:
        """One artifact. Raises `DamagedArtifactError` after deleting it; `FileNotFoundError` if it is gone.

        An artifact that was made from other media than the video's `download`, read before it, counts as damaged.
        """
        try:
            table = self.workspace.read(stage, self.plan.keys[stage], video_id)
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
            self.workspace.discard(stage, self.plan.keys[stage], video_id)
            raise
        return table

    def missing(self, expected: Mapping[str, int]) -> list[str]:
        """Stages of which the listing has fewer of the corpus' artifacts than there must be, with the numbers."""
        _, counts = self._survey.count(self._videos)
        found = {name: int(row[DONE]) for name, row in zip(self.stages, counts, strict=True)}
        return [f"{name} ({count - found[name]} of {count})" for name, count in expected.items() if found[name] < count]

    def excluded(self) -> Iterator[Excluded]:
        """Each video that is left out, with the stage that it stopped in and the reason."""
        for video_id, done in self._done():
            missing = next((name for name in self.required if name not in done), None)
            if missing is not None:
                yield self._reason(video_id, missing)

    def incomplete(self) -> Iterator[Excluded]:
        """Each video that is in the dataset without one of the stages that ran, and why."""
        for video_id, done in self._done():
            if all(name in done for name in self.required):
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

    def fingerprint(self) -> str:
        """Changes whenever packing would give another dataset: corpus, what is done, keys, or options of `pack`."""
        digest = hashlib.sha256()
        head = {
            "pack": section_json(self.config.pack),
            "stages": self.stage_info(),
            "unavailable": self.unavailable,
        }
        digest.update(json.dumps(head, sort_keys=True).encode())
        ids = self.video_ids()
        for start in range(0, len(ids), 4096):
            chunk = ids[start : start + 4096]
            digest.update("\0".join(chunk).encode())
            digest.update("\0".join(self._fingerprints.get(each, "") for each in chunk).encode())
            digest.update(self._survey.states(chunk).tobytes())
        return digest.hexdigest()
