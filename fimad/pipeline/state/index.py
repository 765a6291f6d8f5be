"""The index of a workspace: the facts that packing decides from, a row a video, many videos a file.

    index/<key>/<name>.parquet     facts of videos (`dataset.packing.facts`); the key stands for the keys of all stages
    index/stale/<stamp>-<n>.json   videos whose facts of before that stamp are void, because an artifact was made again

A row speaks of the artifacts of the stages that it names. It is void as soon as a video is done in others, so that a build
which adds a video reads that video's artifacts and no others. Nothing rests on the index: where it is deleted, it is made
again from the artifacts.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fimad.dataset.packing.facts import FACTS
from fimad.errors import DamagedArtifactError
from fimad.pipeline.state.workspace import Workspace
from fimad.storage.parquet import write_table

_VERSION = 1
_STALE = "index/stale"
#: Rows of the index: facts, and when they were taken, by the driver's clock.
ROWS = FACTS.append(pa.field("stamp", pa.int64(), nullable=False))
# More files than this are put together, those of fewer rows than this.
_MOST_FILES = 64
_FULL_ROWS = 50_000


class Index:
    """The index under one configuration.

    Parameters
    ----------
    keys : the key of each stage that a row may speak of.
    """

    def __init__(self, workspace: Workspace, keys: Mapping[str, str]) -> None:
        self.workspace = workspace
        content = json.dumps([_VERSION, sorted(keys.items())])
        self.folder = f"index/{hashlib.sha256(content.encode()).hexdigest()[:16]}"

    def files(self) -> list[str]:
        """Names of the files of rows."""
        return sorted(f"{self.folder}/{name}" for name in self.workspace.store.files(self.folder))

    def load(self, stages: Mapping[str, str]) -> pa.Table:
        """The valid rows, in the order of ids: those that speak of just the stages that a video is done with, the newest of each.

        Parameters
        ----------
        stages : by video id, the names of the stages that it is done with, joined by commas.
        """
        tables = [table for name in self.files() if (table := self._read(name)) is not None]
        table = pa.concat_tables(tables) if tables else ROWS.empty_table()
        if not table.num_rows:
            return table
        newest: dict[str, tuple[int, int]] = {}
        old = self.stale()
        columns = (table.column(name).to_pylist() for name in ("video_id", "stages", "stamp"))
        for at, (video_id, names, stamp) in enumerate(zip(*columns, strict=True)):
            if stages.get(video_id) != names or stamp <= old.get(video_id, 0):
                continue
            if newest.get(video_id, (0, 0))[0] <= stamp:
                newest[video_id] = stamp, at
        # In the order of the ids at once: each copy of the fingerprints is a kilobyte a video.
        return table.take(np.array([newest[video_id][1] for video_id in sorted(newest)], dtype=np.int64))

    def _read(self, name: str) -> pa.Table | None:
        try:
            table: pa.Table = self.workspace.read_table(name)
        except (FileNotFoundError, DamagedArtifactError):
            # Put together with others meanwhile, or damaged: its videos are read again.
            return None
        return table if table.schema.names == ROWS.names else None

    def add(self, name: str, table: pa.Table) -> None:
        """Publish rows under a name of their own."""
        scratch = self.workspace.store.scratch_root() / f"{uuid.uuid4().hex}.parquet"
        try:
            write_table(table, scratch, {})
            self.workspace.store.put(scratch, f"{self.folder}/{name}.parquet")
        finally:
            scratch.unlink(missing_ok=True)

    def compact(self) -> int:
        """Put small files together; returns how many there are less. Kill-safe: rows may stand in two files for a while."""
        files = self.files()
        if len(files) <= _MOST_FILES:
            return 0
        before = len(files)
        pending: list[pa.Table] = []
        names: list[str] = []
        for name in files:
            table = self._read(name)
            if table is None or table.num_rows < _FULL_ROWS:
                names.append(name)
                pending += [table] if table is not None else []
            if sum(each.num_rows for each in pending) >= _FULL_ROWS or (name == files[-1] and len(names) > 1):
                self._merge(pending, names)
                pending, names = [], []
        return before - len(self.files())

    def _merge(self, tables: Sequence[pa.Table], names: Sequence[str]) -> None:
        if tables:
            self.add(f"merged-{uuid.uuid4().hex[:16]}", pa.concat_tables(tables).combine_chunks())
        for name in names:
            self.workspace.store.delete(name)

    # What is void

    def stale(self) -> dict[str, int]:
        """By video id, the stamp up to which its facts are void."""
        return stale(self.workspace)

    def void_changed(self, stages: Mapping[str, set[str]]) -> int:
        """Void rows of videos that lack an artifact of which the row speaks: it is about to be made again.

        Parameters
        ----------
        stages : by video id, the stages that it is done with now.
        """
        old = self.stale()
        gone = []
        for name in self.files():
            table = self._read(name)
            if table is None:
                continue
            columns = (table.column(each).to_pylist() for each in ("video_id", "stages", "stamp"))
            for video_id, names, stamp in zip(*columns, strict=True):
                done = stages.get(video_id)
                if done is not None and stamp > old.get(video_id, 0) and not done.issuperset(names.split(",")):
                    gone.append(video_id)
        if gone:
            void(self.workspace, gone)
        return len(gone)


def stale(workspace: Workspace) -> dict[str, int]:
    """By video id, the stamp up to which its facts are void."""
    found: dict[str, int] = {}
    for name in workspace.store.files(_STALE):
        stamp = int(name.partition("-")[0])
        try:
            listed = json.loads(workspace.store.read(f"{_STALE}/{name}"))
        except (FileNotFoundError, ValueError):
            continue
        for video_id in listed:
            found[video_id] = max(stamp, found.get(video_id, 0))
    return found


def void(workspace: Workspace, video_ids: Iterable[str]) -> None:
    """Void the facts of some videos under every configuration: an artifact of theirs is being made again."""
    name = f"{_STALE}/{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    workspace.store.write(name, json.dumps(sorted(video_ids)).encode())


def purge(workspace: Workspace, video_id: str) -> int:
    """Take a video out of every file of every index; returns how many files were written anew."""
    changed = 0
    for folder in workspace.store.folders("index"):
        if folder == "stale":
            continue
        for name in workspace.store.files(f"index/{folder}"):
            try:
                table = workspace.read_table(f"index/{folder}/{name}")
            except (FileNotFoundError, DamagedArtifactError):
                workspace.store.delete(f"index/{folder}/{name}")
                continue
            kept = table.filter(pc.not_equal(table.column("video_id"), video_id))
            if kept.num_rows < table.num_rows:
                changed += 1
                scratch = workspace.store.scratch_root() / f"{uuid.uuid4().hex}.parquet"
                write_table(kept, scratch, {})
                workspace.store.put(scratch, f"index/{folder}/{name}")
    return changed
