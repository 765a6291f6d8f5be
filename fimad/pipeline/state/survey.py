"""What is done and what comes next, for every video, from listings alone and in a few bytes a video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from fimad.pipeline.contract import Resource, Video
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state.batches import chunks
from fimad.pipeline.state.records import DONE, FAILED, FILTERED, PENDING, Hashes, StageIndex, id_hashes, member
from fimad.pipeline.state.workspace import Workspace

Videos = Callable[[], Iterable[Video]]
_CHUNK = 4096


@dataclass
class VideoWork:
    """One video on its way through the stages of a run.

    Parameters
    ----------
    length_s : 0 until a task has told it.
    part : this stands for one part of a long video (`parts`), whose states it shares.
    parts_left : so many parts are on their way; None before the video was looked at.
    part_s : seconds that the parts have taken so far, by stage.
    """

    video: Video
    states: bytearray
    had_record: set[str]
    tries: dict[str, int] = field(default_factory=dict)
    solo: bool = False
    recheck: bool = False
    force: bool = False
    length_s: float = 0.0
    part: int | None = None
    parts_left: int | None = None
    part_s: dict[str, float] = field(default_factory=dict)


class Survey:
    """The states of the stages of a run.

    Parameters
    ----------
    names : the stages of the run, upstream first.
    again : also take up what failed in an earlier run for a transient reason.
    keep_records : keep in `recorded` the ids that each stage has a record of.
    """

    def __init__(
        self,
        workspace: Workspace,
        plan: StagePlan,
        names: Sequence[str],
        again: bool = True,
        *,
        keep_records: bool = False,
    ) -> None:
        self._workspace = workspace
        self.plan = plan
        self.names = list(names)
        self.indexes: dict[str, StageIndex] = {}
        self.again: dict[str, Hashes] = {}
        self.recorded: dict[str, list[str]] = {}
        self._reopened: dict[str, list[str]] = {}
        for name in self.names:
            failed: list[str] = []
            bounded = again and self._limits_changed(name)
            filtered: list[str] | None = [] if bounded or keep_records else None
            wanted = failed if again or keep_records else None
            self.indexes[name] = workspace.index(name, plan.keys[name], wanted, filtered)
            if keep_records:
                self.recorded[name] = [*failed, *(filtered or ())]
            self.again[name] = self._worth_a_try(name, [*failed, *(filtered or ())] if again else ())
            self._reopened[name] = list(compress(filtered or (), member(id_hashes(filtered or ()), self.again[name])))
        position = {name: at for at, name in enumerate(self.names)}
        self._inputs = [[position[each] for each in plan.inputs(name) if each in position] for name in self.names]
        self._resources: list[Resource] = [plan.stages[name].resource for name in self.names]
        self._groups: dict[bytes, tuple[Resource, tuple[str, ...]] | None] = {}
        self.waiting: tuple[str, ...] = ()
        """Stages that have videos to do, as of the last `count`."""

    def states(self, videos: Sequence[str] | Hashes) -> NDArray[np.uint8]:
        """(videos, stages) state codes of video ids, or of their hashes; failures that are worth another run count as pending."""
        hashes = videos if isinstance(videos, np.ndarray) else id_hashes(videos)
        columns = []
        for name in self.names:
            column = self.indexes[name].states(hashes)
            if len(self.again[name]):
                column[np.isin(column, (FAILED, FILTERED)) & np.isin(hashes, self.again[name])] = PENDING
            columns.append(column)
        return np.stack(columns, axis=1) if columns else np.zeros((len(hashes), 0), np.uint8)

    def _limits(self, name: str) -> dict[str, float]:
        stage = self.plan.stages[name]
        return {option: float(getattr(stage.section, option)) for option in stage.limits.values()}

    def _limits_changed(self, name: str) -> bool:
        """Whether a stage's limits are others than when the last run came to its end; if that can't be told, too."""
        now = self._limits(name)
        return bool(now) and self._workspace.read_state(f"limits-{name}-{self.plan.keys[name]}") != now

    def note_limits(self) -> None:
        """Note that all was tried which the limits of now take on: the next run need not look at what is left out.

        Not so where videos of another corpus wait for it.
        """
        for name in self.names:
            if self._limits_changed(name) and not len(self._worth_a_try(name, self._reopened[name])):
                self._workspace.write_state(f"limits-{name}-{self.plan.keys[name]}", self._limits(name))

    def _worth_a_try(self, name: str, video_ids: Sequence[str]) -> Hashes:
        """Those failures that are worth another run by now, and what was left out for a limit that was raised since."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        stage, key = self.plan.stages[name], self.plan.keys[name]

        def is_worth_it(video_id: str) -> bool:
            record = self._workspace.read_record(name, key, video_id)
            if record is None:
                return False
            if option := stage.limits.get(record.reason):
                # Records of before do not say: the key said it, by default.
                was = type(stage.section).model_fields[option].default if record.limit is None else record.limit
                return float(getattr(stage.section, option)) > was
            return record.state == "failed" and record.transient and record.not_before <= now

        with ThreadPoolExecutor(16) as pool:
            flags = list(pool.map(is_worth_it, video_ids))
        return np.sort(id_hashes(each for each, flag in zip(video_ids, flags, strict=True) if flag))

    def count(self, videos: Videos) -> tuple[int, NDArray[np.int64]]:
        """The number of videos, and (stages, 4) how many are in each state."""
        total = 0
        counts = np.zeros((len(self.names), 4), np.int64)
        for chunk in chunks(videos(), _CHUNK):
            states = self.states([video.video_id for video in chunk])
            total += len(chunk)
            for at in range(len(self.names)):
                counts[at] += np.bincount(states[:, at], minlength=4)
        self.waiting = tuple(name for name, row in zip(self.names, counts, strict=True) if row[PENDING])
        return total, counts

    def next_group(self, states: bytes | bytearray) -> tuple[Resource, tuple[str, ...]] | None:
        """The next task of a video: all stages of one resource that can run in one go; None if nothing can."""
        row = bytes(states)
        if row not in self._groups:
            self._groups[row] = self._find_group(row)
        return self._groups[row]

    def done(self, states: bytes | bytearray) -> Iterator[str]:
        """The stages that a video is done with."""
        return (name for name, state in zip(self.names, states, strict=True) if state == DONE)

    def _find_group(self, row: bytes) -> tuple[Resource, tuple[str, ...]] | None:
        chosen: list[int] = []
        resource: Resource | None = None
        for at, state in enumerate(row):
            if state != PENDING or (resource is not None and self._resources[at] != resource):
                continue
            if all(row[each] == DONE or each in chosen for each in self._inputs[at]):
                resource = self._resources[at]
                chosen.append(at)
        if resource is None:
            return None
        return resource, tuple(self.names[at] for at in chosen)

    def work(self, videos: Videos, resource: Resource) -> Iterator[VideoWork]:
        """The videos whose next task needs this resource, in the order of the corpus, read as they are asked for."""
        for chunk in chunks(videos(), _CHUNK):
            ids = [video.video_id for video in chunk]
            states = self.states(ids)
            rows = [row.tobytes() for row in states]
            for video, row in zip(chunk, rows, strict=True):
                group = self.next_group(row)
                if group is not None and group[0] == resource:
                    yield VideoWork(video, bytearray(row), self._records(video.video_id, row))

    def _records(self, video_id: str, row: bytes) -> set[str]:
        """The stages with a failure record that a success has to delete."""
        if not any(len(each) for each in self.again.values()):
            return set()
        hashes = id_hashes([video_id])
        return {
            name
            for name, state in zip(self.names, row, strict=True)
            if state == PENDING and np.isin(hashes, self.again[name])[0]
        }
