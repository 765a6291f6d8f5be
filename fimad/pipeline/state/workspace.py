"""The workspace: artifacts under content keys, failure records beside them, and the corpus. State is what is stored.

    stages/<stage>-<key>/<2 hex of sha256(video_id)>/<video_id>.parquet        artifact: this stage is done
                                                     <video_id>.failed.json    could not be processed
                                                     <video_id>.filtered.json  processed, and left out for a reason
                                                     <video_id>.mp4, ...       media, beside the artifact of `download`
    parts/<stage>-<key>/<video_id>/<part>.parquet                              part of an artifact of a long video
    sources/<sha256>.jsonl     videos that one expansion of sources gave (and .problems.json: what in it was none)
    runs/<start>-<owner>.jsonl what past runs did and how long it took; nothing but messages and estimates rests on it
    tmp/<owner>/               temporary files of a living process

An artifact wins over a record beside it, and nothing is locked: two drivers may do a video twice, and publish the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fimad.errors import PermanentError
from fimad.pipeline.contract import Video
from fimad.pipeline.state.records import (
    DONE,
    FAILED,
    FILTERED,
    SUFFIXES,
    Hashes,
    Record,
    StageIndex,
    id_digest,
    id_hashes,
    member,
)
from fimad.storage import atomic
from fimad.storage.parquet import local_path, write_groups, write_table
from fimad.storage.store import LocalStore, open_store, scratch_base


class Workspace:
    """A folder or object-store prefix that holds artifacts, records, media and the corpus."""

    def __init__(self, url: str) -> None:
        self.store = open_store(url)
        self.url = self.store.url

    # Names

    @staticmethod
    def stage_folder(stage: str, key: str) -> str:
        return f"stages/{stage}-{key}"

    @classmethod
    def name(cls, stage: str, key: str, video_id: str, suffix: str = ".parquet") -> str:
        """The name of an artifact, or of what lies beside it."""
        return f"{cls.stage_folder(stage, key)}/{id_digest(video_id)[:1].hex()}/{video_id}{suffix}"

    # Artifacts

    def publish(self, stage: str, key: str, video_id: str, table: pa.Table, version: int = 1) -> int:
        """Publish an artifact; returns its size in bytes. The same table gives the same bytes."""
        return self._publish(table, _origin(stage, key, version), self.name(stage, key, video_id))

    def _publish(
        self,
        tables: pa.Table | Iterator[pa.Table],
        metadata: dict[str, str],
        name: str,
        schema: pa.Schema | None = None,
    ) -> int:
        scratch = self.store.scratch_root() / name.replace("/", ".")
        try:
            if isinstance(tables, pa.Table):
                write_table(tables, scratch, metadata)
            else:
                write_groups(tables, schema, scratch, metadata)
            size = scratch.stat().st_size
            self.store.put(scratch, name)
        except OSError as error:
            known = atomic.storage_error(error, str(scratch.parent))
            if known is None:
                raise
            raise known from error
        finally:
            scratch.unlink(missing_ok=True)
        return size

    def read(self, stage: str, key: str, video_id: str, columns: list[str] | None = None) -> pa.Table:
        """An artifact; `FileNotFoundError` if there is none, `PermanentError` if it is damaged."""
        return self._read(self.name(stage, key, video_id), columns)

    def _read(self, name: str, columns: list[str] | None = None, group: int | None = None) -> pa.Table:
        try:
            source = (
                pa.BufferReader(self.store.read(name)) if self.store.local is None else str(self.store.local / name)
            )
            with pq.ParquetFile(source) as file:
                # Most artifacts are small: a pool of threads costs more than it saves.
                if group is None:
                    return file.read(columns=columns, use_threads=False)
                return file.read_row_group(group, columns=columns, use_threads=False)
        except pa.ArrowInvalid as error:
            raise PermanentError(
                f"The artifact {name} can't be read: {error}.",
                "Something other than fimad wrote or cut the file; fimad publishes whole files only.",
                f"Delete {self.url}/{name} and run `fimad build` again: it is made anew.",
                reason="damaged_artifact",
            ) from error

    def exists(self, stage: str, key: str, video_id: str) -> bool:
        return self.store.exists(self.name(stage, key, video_id))

    # Parts of artifacts of long videos (`parts`)

    @staticmethod
    def parts_folder(stage: str, key: str) -> str:
        return f"parts/{stage}-{key}"

    @classmethod
    def part_folder(cls, stage: str, key: str, video_id: str) -> str:
        return f"{cls.parts_folder(stage, key)}/{video_id}"

    def has_part(self, stage: str, key: str, video_id: str, part: str) -> bool:
        return self.store.exists(f"{self.part_folder(stage, key, video_id)}/{part}.parquet")

    def publish_part(self, stage: str, key: str, video_id: str, part: str, table: pa.Table) -> None:
        """Publish a part of an artifact to be."""
        self._publish(table, {}, f"{self.part_folder(stage, key, video_id)}/{part}.parquet")

    def read_part(self, stage: str, key: str, video_id: str, part: str, at: int) -> pa.Table:
        """A part by itself, or from the artifact, where it is row group `at`."""
        try:
            return self._read(f"{self.part_folder(stage, key, video_id)}/{part}.parquet")
        except FileNotFoundError:
            return self._read(self.name(stage, key, video_id), group=at)

    def join_parts(
        self, stage: str, key: str, video_id: str, parts: Sequence[str], schema: pa.Schema, version: int = 1
    ) -> int:
        """Publish an artifact from its parts, one row group each, and delete them; returns its size in bytes."""
        folder = self.part_folder(stage, key, video_id)
        tables = (self._read(f"{folder}/{part}.parquet") for part in parts)
        size = self._publish(tables, _origin(stage, key, version), self.name(stage, key, video_id), schema)
        self.store.delete_folder(folder)
        return size

    # Media

    def publish_media(self, key: str, video_id: str, path: Path, suffix: str) -> str:
        """Store a media file beside the artifact of `download`; returns its name relative to the artifact's folder."""
        self.store.put(path, self.name("download", key, video_id, suffix))
        return f"{video_id}{suffix}"

    def media(self, key: str, video_id: str, media: str, scratch: Path) -> Path:
        """A local path of a video's media file, from the `media` column; `FileNotFoundError` if it is gone."""
        if media.startswith("file://"):
            path = local_path(media)
            if not path.is_file():
                raise FileNotFoundError(str(path))
            return path
        return self.store.get(self.name("download", key, video_id).rpartition("/")[0] + "/" + media, scratch)

    def delete_media(self, key: str, video_id: str, media: str) -> None:
        """Delete a downloaded media file; a local source file is never touched."""
        if media and not media.startswith("file://"):
            self.store.delete(self.name("download", key, video_id).rpartition("/")[0] + "/" + media)

    # Records

    def write_record(self, key: str, record: Record) -> None:
        data = json.dumps(asdict(record), sort_keys=True, indent=1, ensure_ascii=False).encode()
        self.store.write(self.name(record.stage, key, record.video_id, f".{record.state}.json"), data)

    def read_record(self, stage: str, key: str, video_id: str) -> Record | None:
        """The failure or filter record of a video in a stage, if there is one."""
        for suffix in (".filtered.json", ".failed.json"):
            try:
                data = json.loads(self.store.read(self.name(stage, key, video_id, suffix)))
            except FileNotFoundError:
                continue
            except ValueError:
                # Not written by fimad; it counts as failed all the same.
                return Record("failed", stage, video_id, "damaged_record", "The failure record can't be read.")
            data["log"] = tuple(data.get("log", ()))
            return Record(**data)
        return None

    def delete_record(self, stage: str, key: str, video_id: str) -> None:
        for suffix in (".failed.json", ".filtered.json"):
            self.store.delete(self.name(stage, key, video_id, suffix))

    # State that only spares time: nothing rests on it

    def read_state(self, name: str) -> dict[str, Any]:
        """A small JSON file of the runner; empty if there is none, or if it is damaged."""
        try:
            data = json.loads(self.store.read(f"runs/{name}.json"))
        except (FileNotFoundError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def write_state(self, name: str, data: dict[str, Any]) -> None:
        self.store.write(f"runs/{name}.json", json.dumps(data, sort_keys=True).encode())

    # Listings

    def keys(self) -> dict[str, list[str]]:
        """The keys under which each stage has artifacts or records."""
        found: dict[str, list[str]] = {}
        for folder in sorted({*self.store.folders("stages"), *self.store.folders("parts")}):
            stage, _, key = folder.rpartition("-")
            if stage:
                found.setdefault(stage, []).append(key)
        return found

    def entries(self, stage: str, key: str) -> Iterator[tuple[str, int]]:
        """Video ids and their state codes in a stage, from one listing. A video may appear more than once."""
        for name in self._names(stage, key):
            for suffix, code in SUFFIXES:
                if name.endswith(suffix):
                    yield name[: -len(suffix)], code
                    break

    def _names(self, stage: str, key: str) -> Iterator[str]:
        folder = self.stage_folder(stage, key)
        buckets = [f"{folder}/{bucket}" for bucket in self.store.folders(folder)]
        if isinstance(self.store, LocalStore):
            for bucket in buckets:
                yield from self.store.files(bucket)
            return
        with ThreadPoolExecutor(16) as pool:
            for names in pool.map(self.store.files, buckets):
                yield from names

    def index(self, stage: str, key: str) -> StageIndex:
        """What a stage is done with."""
        parts: dict[int, list[bytes]] = {DONE: [], FAILED: [], FILTERED: []}
        for video_id, code in self.entries(stage, key):
            parts[code].append(id_digest(video_id)[:8])
        arrays = {
            code: np.sort(np.frombuffer(b"".join(each), dtype=">u8").astype(np.uint64)) for code, each in parts.items()
        }
        return StageIndex(arrays[DONE], arrays[FAILED], arrays[FILTERED])

    # Upkeep

    def prepare(self) -> None:
        """Check that the workspace can be written, and clear what killed processes left behind."""
        self.store.check_writable()
        self.sweep()

    def sweep(self) -> int:
        """Remove temporary folders of processes that are gone; returns how many."""
        return atomic.sweep(self.store.local / "tmp" if self.store.local is not None else scratch_base())

    def close(self) -> None:
        """Remove this process's temporary folder."""
        shutil.rmtree(self.store.scratch_root(), ignore_errors=True)

    # Corpus

    def batches(self) -> list[str]:
        """Names of the stored expansions of sources."""
        return sorted(f"sources/{name}" for name in self.store.files("sources") if name.endswith(".jsonl"))

    def add_batch(self, videos: Iterable[Video]) -> tuple[str, int]:
        """Store an expansion of sources; returns its name and the number of videos. The same videos give the same name."""
        scratch = self.store.scratch_root() / "batch.jsonl"
        digest = hashlib.sha256()
        count = 0
        try:
            with scratch.open("wb") as file:
                for video in videos:
                    line = json.dumps([video.video_id, video.kind, video.location], ensure_ascii=False).encode() + b"\n"
                    digest.update(line)
                    file.write(line)
                    count += 1
            name = f"sources/{digest.hexdigest()[:16]}.jsonl"
            if count and not self.store.exists(name):
                self.store.put(scratch, name)
        except OSError as error:
            known = atomic.storage_error(error, self.url)
            if known is None:
                raise
            raise known from error
        finally:
            scratch.unlink(missing_ok=True)
        return name, count

    def write_problems(self, batch: str, problems: list[dict[str, str]]) -> None:
        """Keep what in a batch's sources was no video, beside the batch; an empty list clears it."""
        name = batch.replace(".jsonl", ".problems.json")
        if problems:
            self.store.write(name, json.dumps(problems, indent=1, ensure_ascii=False).encode())
        elif self.store.exists(name):
            self.store.delete(name)

    def problems(self) -> list[dict[str, str]]:
        """What in the sources of all batches was no video."""
        names = sorted(name for name in self.store.files("sources") if name.endswith(".problems.json"))
        return [each for name in names for each in json.loads(self.store.read(f"sources/{name}"))]

    def videos(self, batches: Iterable[str] | None = None) -> Iterator[Video]:
        """The videos of the given batches (by default of all), each once, a line at a time."""
        seen: list[Hashes] = []
        names = list(self.batches() if batches is None else batches)
        for number, name in enumerate(names):
            mine: list[bytes] = []
            for chunk in _chunks(self._lines(name), 4096):
                rows = [json.loads(line) for line in chunk]
                hashes = id_hashes(row[0] for row in rows)
                known = np.zeros(len(rows), dtype=bool)
                for earlier in seen:
                    known |= member(hashes, earlier)
                for row, skip in zip(rows, known.tolist(), strict=True):
                    if not skip:
                        yield Video(row[0], row[1], row[2])
                if number < len(names) - 1:
                    mine.append(hashes.tobytes())
            seen.append(np.sort(np.frombuffer(b"".join(mine), dtype=np.uint64)))

    def _lines(self, name: str) -> Iterator[bytes]:
        if self.store.local is not None:
            with (self.store.local / name).open("rb") as file:
                yield from file
        else:
            path = self.store.get(name, self.store.scratch_root())
            try:
                with path.open("rb") as file:
                    yield from file
            finally:
                path.unlink(missing_ok=True)


def _origin(stage: str, key: str, version: int) -> dict[str, str]:
    """What an artifact says of itself in its metadata."""
    return {"fimad.stage": stage, "fimad.key": key, "fimad.stage_version": str(version)}


def _chunks(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
