"""The index of a workspace: the facts that packing decides from, a row a video, many videos a file.

    index/<key>/<stamp>-<n>.parquet  facts of videos (`dataset.packing.facts`); the key stands for the keys of all stages
    index/stale/<stamp>-<n>.json     videos whose facts of up to that stamp are void, because an artifact was made again

Stamps are taken from the clock, and go on from the largest that is there: a clock that was set back, or another driver's that is
ahead, changes nothing of what came before what.

A row speaks of the artifacts of the stages that it names. It is void as soon as a video is done in others, so that a build
which adds a video reads that video's artifacts and no others. Nothing rests on the index: where it is deleted, it is made
again from the artifacts.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import uuid
import weakref
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fimad.dataset.packing.duplicates import PRINT_BYTES
from fimad.dataset.packing.facts import FACTS, Facts, mark_values
from fimad.errors import DamagedArtifactError
from fimad.pipeline.state.workspace import Workspace
from fimad.storage.parquet import write_table

_VERSION = 1
_STALE = "index/stale"
_STAMPED = re.compile(r"(\d{20})-.*")
#: Rows of the index: facts, and the stamp of when they were taken.
ROWS = FACTS.append(pa.field("stamp", pa.int64(), nullable=False))
# More files than this are put together, those of fewer rows than this.
_MOST_FILES = 64
_FULL_ROWS = 50_000
# Columns with few distinct values, which are held once.
_REPEATED = ("stages", "channel", "person", "split", "source", "labels")


@dataclass(frozen=True)
class StagesDone:
    """Which stages some videos are done with.

    Parameters
    ----------
    video_ids : (n,), sorted.
    codes : (n,) which of `texts` is each video's.
    texts : names of stages, joined by commas.
    """

    video_ids: Sequence[str]
    codes: NDArray[np.int64]
    texts: Sequence[str]

    def row(self, video_id: str) -> int | None:
        """Where a video stands."""
        at = bisect_left(self.video_ids, video_id)
        return at if at < len(self.video_ids) and self.video_ids[at] == video_id else None


class StoredMarks:
    """Fingerprints in a temporary file that has no name, so that nothing is left of it; each is read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._handle, name = mkstemp(dir=folder)
        os.unlink(name)
        weakref.finalize(self, os.close, self._handle)

    def append(self, values: NDArray[np.float16]) -> None:
        """Put some more at the end."""
        with os.fdopen(os.dup(self._handle), "wb") as file:
            file.write(np.ascontiguousarray(values).data)

    def __call__(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """(n, 512) of some rows."""
        raw = b"".join([os.pread(self._handle, PRINT_BYTES, row * PRINT_BYTES) for row in rows.tolist()])
        return np.frombuffer(raw, np.float16).reshape(len(rows), PRINT_BYTES // 2)


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

    def load(self, stages: StagesDone) -> Facts:
        """The valid rows, in the order of ids: those that speak of just the stages that a video is done with, the newest of each.

        Fingerprints go to a temporary file meanwhile: a kilobyte a video is more than all else together.
        """
        ids, texts = pa.array(stages.video_ids, pa.string()), pa.array(stages.texts, pa.string())
        void_ns = np.full(len(ids), -1, np.int64)
        for video_id, stamp in self.stale().items():
            if (row := stages.row(video_id)) is not None:
                void_ns[row] = stamp
        marks = StoredMarks(self.workspace.store.scratch_root())
        newest, place = void_ns.copy(), np.full(len(ids), -1, np.int64)
        tables: list[pa.Table] = []
        count = 0
        for name in self.files():
            table = self._read(name)
            if table is None or not table.num_rows:
                continue
            marks.append(mark_values(table.column("mark")))
            stamps = table.column("stamp").to_numpy()
            videos = pc.fill_null(pc.index_in(table.column("video_id"), ids), -1).to_numpy()
            spoken = pc.fill_null(pc.index_in(table.column("stages"), texts), -1).to_numpy()
            rows = np.argsort(stamps, kind="stable")
            rows = rows[videos[rows] >= 0]
            rows = rows[spoken[rows] == stages.codes[videos[rows]]]
            rows = rows[(stamps[rows] >= newest[videos[rows]]) & (stamps[rows] > void_ns[videos[rows]])]
            # Of a video's rows the last is kept: the newest.
            newest[videos[rows]], place[videos[rows]] = stamps[rows], rows + count
            table = table.select([each for each in FACTS.names if each not in ("video_id", "mark")])
            for each in _REPEATED:
                table = table.set_column(table.column_names.index(each), each, table.column(each).dictionary_encode())
            tables.append(table)
            count += table.num_rows
        known = np.flatnonzero(place >= 0)
        if not len(known):
            return Facts.of([])
        chosen = place[known]
        every = pa.concat_tables(tables).unify_dictionaries()
        tables.clear()
        columns = {}
        for name in every.column_names:
            # One after the other, so that there are never two of all.
            columns[name] = every.column(name).take(chosen)
            every = every.drop_columns([name])
        video_ids = [stages.video_ids[row] for row in known.tolist()]
        pa.default_memory_pool().release_unused()
        return Facts(video_ids, pa.table(columns), lambda rows: marks(chosen[rows]))

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
            every = pa.concat_tables(tables).combine_chunks()
            self.add(stamped(pc.max(every.column("stamp")).as_py() or 0, f"merged-{uuid.uuid4().hex[:16]}"), every)
        for name in names:
            self.workspace.store.delete(name)

    # What is void

    def stale(self) -> dict[str, int]:
        """By video id, the stamp up to which its facts are void."""
        return stale(self.workspace)

    def void_changed(self, stages: Callable[[list[str]], Sequence[set[str]]]) -> int:
        """Void rows of videos that lack an artifact of which the row speaks: it is about to be made again.

        Parameters
        ----------
        stages : tells of some video ids which stages each is done with now.
        """
        old = self.stale()
        gone = []
        for name in self.files():
            table = self._read(name)
            if table is None:
                continue
            columns = [table.column(each).to_pylist() for each in ("video_id", "stages", "stamp")]
            for video_id, names, stamp, done in zip(*columns, stages(columns[0]), strict=True):
                if stamp > old.get(video_id, 0) and not done.issuperset(names.split(",")):
                    gone.append(video_id)
        if gone:
            void(self.workspace, gone)
        return len(gone)


def stale(workspace: Workspace) -> dict[str, int]:
    """By video id, the stamp up to which its facts are void."""
    found: dict[str, int] = {}
    for name in workspace.store.files(_STALE):
        if (stamp := _stamp_of(name)) is None:
            continue
        try:
            listed = json.loads(workspace.store.read(f"{_STALE}/{name}"))
        except (FileNotFoundError, ValueError):
            continue
        for video_id in listed:
            found[video_id] = max(stamp, found.get(video_id, 0))
    return found


def void(workspace: Workspace, video_ids: Iterable[str]) -> None:
    """Void the facts of some videos under every configuration: an artifact of theirs is being made again."""
    stamp = max([time.time_ns(), *_row_stamps(workspace)])
    name = f"{_STALE}/{stamped(stamp, uuid.uuid4().hex[:8])}.json"
    workspace.store.write(name, json.dumps(sorted(video_ids)).encode())


def notes_of_stale(workspace: Workspace) -> list[str]:
    """Names of the notes of what is void; there is one more whenever an artifact is made again."""
    return sorted(workspace.store.files(_STALE))


def fresh_stamp(workspace: Workspace) -> int:
    """A stamp for facts that are taken now: nothing that was voided so far voids them."""
    void_stamps = (_stamp_of(name) for name in workspace.store.files(_STALE))
    return max([time.time_ns(), *(stamp + 1 for stamp in void_stamps if stamp is not None)])


def stamped(stamp: int, name: str) -> str:
    """A name that tells the stamp of what is in the file, so that a listing is enough to know it."""
    return f"{stamp:020d}-{name}"


def _stamp_of(name: str) -> int | None:
    match = _STAMPED.fullmatch(name)
    return int(match[1]) if match else None


def _row_stamps(workspace: Workspace) -> Iterator[int]:
    """The largest stamp of each file of rows, under every configuration."""
    for folder in workspace.store.folders("index"):
        for name in workspace.store.files(f"index/{folder}") if folder != "stale" else ():
            if (stamp := _stamp_of(name)) is not None:
                yield stamp
                continue
            try:
                # As an earlier version named them.
                table = workspace.read_table(f"index/{folder}/{name}")
                yield pc.max(table.column("stamp")).as_py() or 0
            except (FileNotFoundError, DamagedArtifactError, KeyError):
                continue


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
