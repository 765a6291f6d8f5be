"""Packing's share of the work, as tasks for workers: taking facts of videos for the index, and writing shards.

A job is a task without a video. What it is to do travels as JSON, and so does what became of it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from fimad.config import Config
from fimad.dataset.packing.facts import video_facts
from fimad.dataset.packing.shards import Shard, ShardMade, ShardPlan, write_shard
from fimad.errors import DamagedArtifactError, FimadError, SetupError
from fimad.pipeline.run.executor import Executor
from fimad.pipeline.run.failures import describe_failure
from fimad.pipeline.state.index import ROWS, Index, fresh_stamp, stamped
from fimad.pipeline.state.packing import ArtifactReader, Damage
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Outcome, StageResult, Task
from fimad.schema import dataset_schema

# So many videos' facts go into one file of the index.
FACTS_A_JOB = 256
_TICK_S = 0.5
# Shards that were written and are not in a dataset yet: a build that was killed while it packed goes on with them.
PLACE = "packed"


def do_job(workspace: Workspace, config: Config, keys: dict[str, str], task: Task) -> Outcome:
    """Do a job in this process."""
    began = time.monotonic()
    payload = json.loads(task.payload)
    try:
        answer = (_index if task.job == "index" else _shard)(workspace, config, keys, payload)
        results: tuple[StageResult, ...] = ()
    except Exception as error:  # noqa: BLE001  (whatever is wrong is said to the driver)
        answer = {}
        results = (describe_failure("pack", error, str(workspace.store.scratch_root())),)
    return Outcome(task, results, seconds=time.monotonic() - began, answer=json.dumps(answer))


def _index(workspace: Workspace, config: Config, keys: dict[str, str], payload: dict[str, Any]) -> dict[str, Any]:
    """Take the facts of some videos, and publish them as one file of the index."""
    reader = ArtifactReader(workspace, keys)
    rows = []
    for video_id, stages in payload["videos"]:
        names = stages.split(",")
        try:
            size = sum(workspace.store.size(workspace.name(name, keys[name], video_id)) for name in names)
            rows.append({**video_facts(reader.read, video_id, names, size), "stamp": payload["stamp"]})
        except DamagedArtifactError:
            continue
        except FileNotFoundError:
            # Deleted meanwhile; the driver tells what it does not get to know of.
            continue
    if rows:
        Index(workspace, keys).add(payload["name"], pa.Table.from_pylist(rows, schema=ROWS))
    return {"damaged": _told(reader)}


def _shard(workspace: Workspace, config: Config, keys: dict[str, str], payload: dict[str, Any]) -> dict[str, Any]:
    """Write a shard, and publish it in the workspace with what the manifest says of it."""
    videos = tuple((a, b, tuple(c)) for a, b, c in payload["videos"])
    plan = ShardPlan(payload["split"], videos, payload["classes"])
    name = f"{PLACE}/{payload['name']}"
    reader = ArtifactReader(workspace, keys)
    folder = workspace.store.scratch_root() / payload["name"]
    folder.mkdir(exist_ok=True)
    try:
        schema = dataset_schema(config.simulate.placements)
        made = write_shard(plan, reader.read, schema, folder, payload["tools"], config.pack)
        if made.shard is not None and made.shard.path is not None:
            workspace.store.put(made.shard.path, f"{name}.parquet")
            if not made.damaged:
                # Last: whoever finds it finds the shard.
                workspace.store.write(f"{name}.json", json.dumps(made.shard.entry()).encode())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"damaged": _told(reader), "entry": made.shard.entry() if made.shard is not None else None}


def _told(reader: ArtifactReader) -> list[list[str]]:
    return [[each.video_id, each.stage, each.error.what, each.error.reason] for each in reader.damaged]


class PackJobs:
    """Hands packing's jobs to an executor, and takes what becomes of them.

    Parameters
    ----------
    make_executor : asked for an executor once there is more than one job; a single one is done here.
    """

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        keys: dict[str, str],
        make_executor: Callable[[], Executor],
        note: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._workspace = workspace
        self._config = config
        self._keys = keys
        self._make_executor = make_executor
        self._executor: Executor | None = None
        self._note = note

    def take_facts(self, videos: Sequence[tuple[str, str]]) -> list[Damage]:
        """Index some videos, given as (video_id, its stages joined by commas); returns what is damaged."""
        stamp = fresh_stamp(self._workspace)
        tasks = []
        for start in range(0, len(videos), FACTS_A_JOB):
            chunk = videos[start : start + FACTS_A_JOB]
            name = stamped(stamp, hashlib.sha256(json.dumps([stamp, chunk]).encode()).hexdigest()[:16])
            payload = json.dumps({"videos": chunk, "stamp": stamp, "name": name})
            tasks.append(Task(f"facts {start}", "", "", ("pack",), "cpu", job="index", payload=payload))
        return [damage for answer in self._run(tasks) for damage in _damages(answer)]

    def make_shards(self, plans: Sequence[ShardPlan], tools: str) -> Iterator[tuple[ShardMade, list[Damage]]]:
        """Write shards, in the order of the plans; those that an earlier build wrote are taken as they are."""
        tasks, ready = [], {}
        for number, plan in enumerate(plans):
            name = hashlib.sha256(json.dumps([asdict(plan), tools, self._keys]).encode()).hexdigest()[:24]
            payload = json.dumps({**asdict(plan), "tools": tools, "name": name})
            tasks.append(Task(f"shard {number}", "", "", ("pack",), "cpu", job="shard", payload=payload))
            ready[number] = self._written(name)
        answers = self._run([task for number, task in enumerate(tasks) if ready[number] is None])
        for number, task in enumerate(tasks):
            answer = ready[number] or next(answers)
            damages = _damages(answer)
            entry = answer["entry"]
            shard = None
            if entry is not None:
                shard = Shard.from_manifest(entry)
                shard.source, shard.place = (
                    "",
                    (self._workspace.store, f"{PLACE}/{json.loads(task.payload)['name']}.parquet"),
                )
            yield ShardMade(shard, tuple(damage.video_id for damage in damages)), damages

    def _written(self, name: str) -> dict[str, Any] | None:
        store = self._workspace.store
        try:
            entry = json.loads(store.read(f"{PLACE}/{name}.json"))
        except (FileNotFoundError, ValueError):
            return None
        whole = store.size(f"{PLACE}/{name}.parquet") == entry["bytes"]
        return {"damaged": [], "entry": entry} if whole else None

    def clear(self) -> None:
        """The dataset has them: what was written for it is not needed any more."""
        self._workspace.store.delete_folder(PLACE)

    def close(self, *, kill: bool = False) -> None:
        """End the executor, if there was any."""
        if self._executor is not None:
            self._executor.close(kill=kill)
            self._executor = None

    def _run(self, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """The answers, in the order of the tasks."""
        if len(tasks) == 1 and self._executor is None:
            outcome = do_job(self._workspace, self._config, self._keys, tasks[0])
            if outcome.results:
                raise _failed(outcome.results[0])
            yield json.loads(outcome.answer)
            return
        answers: dict[str, dict[str, Any]] = {}
        tries: dict[str, int] = {}
        waiting = deque(tasks)
        running = 0
        if tasks and self._executor is None:
            self._executor = self._make_executor()
        for wanted in tasks:
            while wanted.video_id not in answers:
                assert self._executor is not None  # noqa: S101  (made above: there are tasks)
                while waiting and running < self._executor.lanes.get("cpu", 1) * self._executor.ahead("cpu"):
                    self._executor.submit([waiting.popleft()])
                    running += 1
                for outcome in self._executor.wait(_TICK_S):
                    running -= 1
                    if not outcome.lost and not outcome.results:
                        answers[outcome.task.video_id] = json.loads(outcome.answer)
                    else:
                        self._again(outcome, tries)
                        waiting.append(outcome.task)
            yield answers.pop(wanted.video_id)

    def _again(self, outcome: Outcome, tries: dict[str, int]) -> None:
        """Count a try of a job that failed; raises once there were enough, or if nobody could do it."""
        result = outcome.results[0] if outcome.results else None
        if result is not None and result.kind == "fatal":
            assert self._executor is not None  # noqa: S101  (it gave the outcome)
            if self._executor.exclude(outcome.worker):
                self._note(f"{outcome.worker} gets no more tasks: {result.what}")
                return
            raise _failed(result)
        name = outcome.task.video_id
        tries[name] = tries.get(name, 0) + 1
        if tries[name] >= self._config.run.attempts or (result is not None and result.kind == "permanent"):
            raise _failed(result or StageResult("pack", "failed", reason="worker_lost", what=f"Lost: {outcome.lost}."))


def _failed(result: StageResult) -> FimadError:
    why = result.why or "The workers of the cluster were lost one after the other."
    fix = result.fix or "Run the command again: it goes on where it stopped."
    return SetupError(f"Packing failed: {result.what}", why, fix, reason=result.reason)


def _damages(answer: dict[str, Any]) -> list[Damage]:
    return [
        Damage(video_id, stage, DamagedArtifactError(what, reason=reason))
        for video_id, stage, what, reason in answer["damaged"]
    ]
