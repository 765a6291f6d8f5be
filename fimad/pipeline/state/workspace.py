"""The workspace: artifacts under content keys, failure records beside them, and the corpus. State is what is stored.

    stages/<stage>-<key>/<2 hex of sha256(video_id)>/<video_id>.parquet        artifact: this stage is done
                                                     <video_id>.failed.json    could not be processed
                                                     <video_id>.filtered.json  processed, and left out for a reason
                                                     <video_id>.<16 hex of its sha256>.mp4, ...   media, beside the
                                                                               artifact of `download` that names it
                   bundles/                                                artifacts of many videos in one file
                                                                           (`bundles`)
    parts/<stage>-<key>/<video_id>/<part>.parquet                              part of an artifact of a long video
    removed/<video_id>.json    taken down: no build takes it on again (and .purged: nothing of it is kept)
    sources/<sha256>.jsonl     videos that one expansion of sources gave (and .problems.json: what in it was none)
    sources/latest.json        names of the expansions, the latest first (renamed.json: of those that were written anew)
    listings/                  listings of an expansion that was broken off (`listings`)
    runs/<start>-<owner>.jsonl what past runs did and how long it took; nothing but messages and estimates rests on it
    tmp/<owner>/               temporary files of a living process

An artifact wins over a record beside it, and nothing is locked: two drivers may do a video twice, and publish the same. Where
they do not, because a source changed between their downloads, artifacts say which media they were made from.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fimad.errors import DamagedArtifactError
from fimad.pipeline.state.batches import Batches, chunks
from fimad.pipeline.state.bundles import FOLDER, GONE, Bundles
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
    record_from,
)
from fimad.pipeline.state.secrets import Secrets
from fimad.storage import atomic
from fimad.storage.parquet import local_path, write_groups, write_table
from fimad.storage.store import LocalStore, open_store

# In an artifact's metadata: the SHA-256 of the media that it was made from.
_MEDIA = b"fimad.media"
# So many names of a listing are objects at a time.
_LISTED_AT_ONCE = 4096


def media_of(stage: str, table: pa.Table) -> str:
    """SHA-256 of the media that an artifact tells of (`download`) or was made from (all others); empty if it does not say."""
    if stage != "download":
        return _made_from(table.schema)
    if "media_sha256" not in table.column_names or not table.num_rows:
        return ""
    return str(table.column("media_sha256")[0].as_py() or "")


class Workspace(Batches):
    """A folder or object-store prefix that holds artifacts, records, media and the corpus."""

    def __init__(self, url: str, scratch: str = "") -> None:
        self.store = open_store(url, scratch)
        self.url = self.store.url
        self.bundles = Bundles(self.store, self.purged)
        self.secrets = Secrets(self.url)
        self.removed_notes = {}
        self._proofs: list[str] = []

    # Names

    @staticmethod
    def stage_folder(stage: str, key: str) -> str:
        return f"stages/{stage}-{key}"

    @classmethod
    def name(cls, stage: str, key: str, video_id: str, suffix: str = ".parquet") -> str:
        """The name of an artifact, or of what lies beside it."""
        return f"{cls.stage_folder(stage, key)}/{id_digest(video_id)[:1].hex()}/{video_id}{suffix}"

    # Artifacts

    def publish(self, stage: str, key: str, video_id: str, table: pa.Table, version: int = 1, media: str = "") -> int:
        """Publish an artifact made from `media` (a SHA-256); returns its size in bytes. The same table gives the same bytes."""
        return self._publish(table, _origin(stage, key, version, media), self.name(stage, key, video_id))

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
        """An artifact; `FileNotFoundError` if there is none, `DamagedArtifactError` if its bytes are not what was written."""

        def take(file: pq.ParquetFile) -> pa.Table:
            _check_owner(file, video_id)
            return file.read(columns=columns, use_threads=False)

        return self._read(self.name(stage, key, video_id), take)

    def made_from(self, stage: str, key: str, video_id: str) -> str:
        """SHA-256 of the media that an artifact was made from; empty if it does not say. Raises as `read` does."""
        schema = self._read(self.name(stage, key, video_id), lambda file: file.schema_arrow)
        return _made_from(schema)

    def _read(self, name: str, take: Callable[[pq.ParquetFile], Any]) -> Any:
        try:
            try:
                local = self.store.local
                return _take(pa.BufferReader(self.store.read(name)) if local is None else str(local / name), take)
            except FileNotFoundError:
                if not name.startswith("stages/"):
                    raise
                return _take(pa.BufferReader(self.bundles.read(name)), take)
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            # What the system says has a number; what pyarrow makes of damaged bytes ("Couldn't deserialize thrift") has none.
            if isinstance(error, PermissionError):
                raise DamagedArtifactError(
                    f"The artifact {name} can't be read: {error.strerror}.",
                    "Its permissions were changed, or somebody else wrote it.",
                    "`fimad build` deletes it and makes it anew; to keep it, say `chmod u+r` to it before.",
                    reason="unreadable_artifact",
                ) from error
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise DamagedArtifactError(
                f"The artifact {name} can't be read: {error}.",
                "Something other than fimad wrote or cut the file, or the disk is failing; fimad publishes whole files only.",
                "`fimad build` deletes it and makes it anew. If it comes back, look at the disk.",
            ) from error

    def read_table(self, name: str) -> pa.Table:
        """Any Parquet file of the workspace; raises as `read` does."""
        return self._read(name, lambda file: file.read(use_threads=False))

    def discard(self, stage: str, key: str, video_id: str) -> None:
        """Delete an artifact that has to be made again: it is damaged, or made from other media than there is now."""
        name = self.name(stage, key, video_id)
        if self.exists(stage, key, video_id):
            # First, and where it is in no bundle as well: it may be on its way into one.
            self.bundles.mark(name)
            self.store.delete(name)

    def exists(self, stage: str, key: str, video_id: str) -> bool:
        name = self.name(stage, key, video_id)
        return self.store.exists(name) or self.bundles.find(name) is not None

    def purge(self, stage: str, key: str, video_id: str) -> int:
        """Delete all that a stage holds of a video: artifact, records, parts, media; returns the number of files."""
        bundled = self.bundles.holds(self.name(stage, key, video_id)) is not None
        marked = self.store.exists(self.name(stage, key, video_id, GONE))
        folder, _, artifact = self.name(stage, key, video_id).rpartition("/")
        own = re.compile(re.escape(video_id) + r"([.][0-9a-f]{16})?([.](failed|filtered))?[.][a-z0-9]{2,7}")
        names = [f"{folder}/{each}" for each in self.store.files(folder) if own.fullmatch(each) or each == artifact]
        names = [name for name in names if not name.endswith(GONE)]
        parts = self.part_folder(stage, key, video_id)
        names += [f"{parts}/{each}" for each in self.store.files(parts)]
        if bundled:
            # First: the bundle is written anew without what is marked so.
            self.bundles.mark(self.name(stage, key, video_id))
        for name in names:
            self.store.delete(name)
        if bundled or marked:
            self.bundles.compact(*folder.rsplit("/", 1))
        return len(names) + bundled

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

    def read_part(self, stage: str, key: str, video_id: str, part: str, at: int, segments: pa.Table) -> pa.Table:
        """The rows of the clips `segments`: a part by itself, or from the artifact, where it is row group `at`."""
        try:
            return self._read(f"{self.part_folder(stage, key, video_id)}/{part}.parquet", lambda file: file.read())
        except FileNotFoundError:
            wanted = segments.filter(pc.is_null(segments.column("filtered"))).column("clip_id").to_pylist()

            def rows(file: pq.ParquetFile) -> pa.Table:
                if at < file.num_row_groups:
                    table = file.read_row_group(at, use_threads=False)
                    if table.column("clip_id").to_pylist() == wanted:
                        return table
                # Made with other parts, by another version.
                table = file.read(use_threads=False)
                return table.filter(pc.is_in(table.column("clip_id"), pa.array(wanted, pa.string())))

            return self._read(self.name(stage, key, video_id), rows)

    def join_parts(
        self,
        stage: str,
        key: str,
        video_id: str,
        parts: Sequence[str],
        schema: pa.Schema,
        version: int = 1,
        media: str = "",
    ) -> int:
        """Publish an artifact from its parts, one row group each, and delete them; returns its size in bytes."""
        folder = self.part_folder(stage, key, video_id)
        tables = (self._read(f"{folder}/{part}.parquet", lambda file: file.read()) for part in parts)
        size = self._publish(tables, _origin(stage, key, version, media), self.name(stage, key, video_id), schema)
        self.store.delete_folder(folder)
        return size

    # Media

    def publish_media(self, key: str, video_id: str, path: Path, suffix: str) -> str:
        """Store a media file beside the artifact of `download`; returns its name relative to the artifact's folder.

        The name holds a hash of the bytes: another version of the same source never takes the place of this one.
        """
        with path.open("rb") as file:
            suffix = f".{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}{suffix}"
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
                data = None
            return record_from(data, stage, video_id)
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
        gone = set()
        for name in self._names(stage, key):
            for suffix, code in SUFFIXES:
                if name.endswith(suffix):
                    yield name[: -len(suffix)], code
                    break
            else:
                if name.endswith(GONE):
                    gone.add(name.removesuffix(GONE))
        # After what lies by itself: what is put together meanwhile is seen in one of the two.
        for video_id in self.bundles.video_ids(self.stage_folder(stage, key)):
            if video_id not in gone:
                yield video_id, DONE

    def buckets(self, folder: str) -> list[str]:
        """The folders of a stage's folder that artifacts lie in by themselves."""
        return [bucket for bucket in self.store.folders(folder) if bucket != FOLDER]

    def _names(self, stage: str, key: str) -> Iterator[str]:
        folder = self.stage_folder(stage, key)
        buckets = [f"{folder}/{bucket}" for bucket in self.buckets(folder)]
        if isinstance(self.store, LocalStore):
            for bucket in buckets:
                yield from self.store.files(bucket)
            return
        with ThreadPoolExecutor(16) as pool:
            for names in pool.map(self.store.files, buckets):
                yield from names

    def index(
        self, stage: str, key: str, failed: list[str] | None = None, filtered: list[str] | None = None
    ) -> StageIndex:
        """What a stage is done with; ids that have a record of either kind are added to `failed` and `filtered`."""
        # Eight bytes a video while they come in as well, not an object each.
        parts: dict[int, list[Hashes]] = {DONE: [], FAILED: [], FILTERED: []}
        for chunk in chunks(self.entries(stage, key), _LISTED_AT_ONCE):
            for code, kept in ((DONE, None), (FAILED, failed), (FILTERED, filtered)):
                video_ids = [video_id for video_id, state in chunk if state == code]
                parts[code].append(id_hashes(video_ids))
                if kept is not None:
                    kept += video_ids
        return StageIndex(
            *(np.sort(np.concatenate([id_hashes(()), *parts[code]])) for code in (DONE, FAILED, FILTERED))
        )

    # Upkeep

    def prepare(self) -> None:
        """Check that the workspace can be written, and clear what killed processes left behind."""
        self.store.check_writable()
        self.sweep()

    def shared_folder(self) -> Path:
        """A folder that all machines see: of the workspace itself, or in the home folder where that is a store."""
        if self.store.local is not None:
            return self.store.scratch_root()
        return Path.home() / ".cache" / "fimad"

    def write_proof(self) -> tuple[str, str]:
        """Write something that no other workspace has; its name and content. Whoever reads it works on the same one."""
        name, text = f"tmp/{atomic.owner()}/{uuid.uuid4().hex}.proof", uuid.uuid4().hex
        self.store.write(name, text.encode())
        self._proofs.append(name)
        return name, text

    def delete_proofs(self) -> None:
        """What was written by `write_proof` is not needed any more."""
        while self._proofs:
            self.store.delete(self._proofs.pop())

    def sweep(self) -> int:
        """Remove temporary folders of processes that are gone; returns how many."""
        return self.store.sweep()

    def close(self) -> None:
        """Remove this process's temporary folder."""
        shutil.rmtree(self.store.scratch_root(), ignore_errors=True)


def _take(source: Any, take: Callable[[pq.ParquetFile], Any]) -> Any:
    # Most artifacts are small: a pool of threads costs more than it saves.
    with pq.ParquetFile(source, page_checksum_verification=True) as file:
        return take(file)


def _check_owner(file: pq.ParquetFile, video_id: str) -> None:
    """Raise `DamagedArtifactError` where rows are another video's: somebody copied a file over another."""
    if "video_id" not in file.schema_arrow.names or not file.num_row_groups:
        return
    owners = set(file.read_row_group(0, columns=["video_id"], use_threads=False).column(0).to_pylist())
    if others := sorted(owners - {video_id, None}):
        raise DamagedArtifactError(
            f"The artifact of {video_id} is that of {others[0]}.",
            "A file of the workspace was copied over another.",
            "`fimad build` deletes it and makes it anew.",
            reason="of_another_video",
        )


def _made_from(schema: pa.Schema) -> str:
    media: bytes = (schema.metadata or {}).get(_MEDIA, b"")
    return media.decode()


def _origin(stage: str, key: str, version: int, media: str) -> dict[str, str]:
    """What an artifact says of itself in its metadata."""
    about = {"fimad.stage": stage, "fimad.key": key, "fimad.stage_version": str(version)}
    return about | ({_MEDIA.decode(): media} if media and stage != "download" else {})
