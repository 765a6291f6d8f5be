"""Artifacts of many videos in one file: what `fimad compact` makes, and how it is read.

    stages/<stage>-<key>/bundles/<2 hex>-<16 hex of its sha256>.zip    artifacts of videos of one folder, as members
    stages/<stage>-<key>/<2 hex>/<video_id>.gone                       a bundle's artifact of this video counts no more

A million videos are ten million artifacts, and shared file systems have limits of files. A bundle is a ZIP file whose members
are stored as they are, so that one is read by one request, and any tool can unpack it. It never changes: bundles are published
whole, and only then is deleted what they replace: older bundles, then marks, and last the artifacts by themselves. One by itself
wins over one in a bundle, so a kill at any moment leaves all artifacts readable, and the next `compact` goes on.

Nothing is locked. Whoever deletes an artifact marks it as gone first, in a bundle or not, and no two marks are the same: so
`compact` sees what was deleted, or deleted and made again, since it read it. What was purged is told by its note for good.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from fimad.storage import atomic
from fimad.storage.store import Store

GONE = ".gone"
_ARTIFACT = ".parquet"
FOLDER = "bundles"
# Bundles grow to this, and those below the second are taken apart for the next.
_MOST_BYTES = 512 * 1024**2
_SMALL_BYTES = 64 * 1024**2
_MOST_MEMBERS = 50_000
_AT_ONCE = 16
# Directories of bundles that a process remembers; four thousand members take half a megabyte.
_REMEMBERED = 64
# End of a ZIP file without comment, and what its directory says of a member (PKWARE APPNOTE 4.3.12, 4.3.16).
_END = struct.Struct("<4s4H2LH")
_MEMBER = struct.Struct("<4s6H3L5H2L")
# A member's header before its name; `compact` writes no extra fields.
_LOCAL_BYTES = 30

Directory = dict[str, tuple[int, int]]
"""Of each member, by video id: where its header begins, and its bytes."""


class DamagedBundleError(Exception):
    """A bundle whose directory can't be read: its artifacts count as not made."""


@dataclass
class Compaction:
    """What `compact` did, or would do.

    Parameters
    ----------
    artifacts : artifacts that lay by themselves and are in bundles now.
    files_before, files_after : files that hold artifacts.
    bytes : of the artifacts.
    damaged : bundles that could not be read, and were deleted.
    """

    artifacts: int = 0
    files_before: int = 0
    files_after: int = 0
    bytes: int = 0
    damaged: int = 0

    def add(self, other: Compaction) -> None:
        """Count in what was done in another folder."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class Bundles:
    """The bundles of a store.

    Parameters
    ----------
    purged : tells the ids of the videos of which nothing may be kept.
    """

    def __init__(self, store: Store, purged: Callable[[], set[str]]) -> None:
        self.store = store
        self._purged = purged
        self._directories: OrderedDict[str, Directory] = OrderedDict()

    def names(self, folder: str) -> list[str]:
        """The bundles of a stage's folder, relative to the store."""
        place = f"{folder}/{FOLDER}"
        return sorted(f"{place}/{name}" for name in self.store.files(place) if name.endswith(".zip"))

    def video_ids(self, folder: str) -> Iterator[str]:
        """Ids of the videos with an artifact in a bundle; a video may appear more than once."""
        names = self.names(folder)

        def ids(name: str) -> list[str]:
            try:
                return list(self._look(name, remember=False))
            except (FileNotFoundError, DamagedBundleError):
                # Put together with others meanwhile: its successor has them, or the next listing.
                return []

        if self.store.local is not None:
            for name in names:
                yield from ids(name)
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for found in pool.map(ids, names):
                yield from found

    def find(self, name: str) -> tuple[str, int, int] | None:
        """Where an artifact lies, from its name: bundle, first byte of its header, size. None if it is in no bundle."""
        found = self.holds(name)
        return None if found is None or self.store.exists(name.removesuffix(_ARTIFACT) + GONE) else found

    def mark(self, name: str) -> None:
        """Note that an artifact is about to be deleted: one in a bundle, now or soon, counts no more."""
        self.store.write(name.removesuffix(_ARTIFACT) + GONE, uuid.uuid4().bytes)

    def holds(self, name: str) -> tuple[str, int, int] | None:
        """As `find`, whether the artifact counts or is marked as gone."""
        folder, bucket, file = name.rsplit("/", 2)
        for again in (True, False):
            try:
                for bundle in self.names(folder):
                    if bundle.rpartition("/")[2].startswith(f"{bucket}-"):
                        entry = self._directory(bundle).get(file.removesuffix(_ARTIFACT))
                        if entry is not None:
                            return bundle, *entry
                break
            except FileNotFoundError:
                # Put together with others since it was listed: its successor is in the next listing.
                if not again:
                    raise
        return None

    def read(self, name: str) -> pa.Buffer:
        """The bytes of an artifact; `FileNotFoundError` if it is in no bundle."""
        for again in (True, False):
            try:
                if (found := self.find(name)) is not None:
                    return self._member(*found, name.rpartition("/")[2].removesuffix(_ARTIFACT))
                break
            except FileNotFoundError:
                # Its bundle was put together with others between looking it up and reading.
                if not again:
                    raise
        raise FileNotFoundError(name)

    def _member(self, bundle: str, at: int, size: int, video_id: str) -> pa.Buffer:
        first = at + _LOCAL_BYTES + len(video_id) + len(_ARTIFACT)
        if self.store.local is None:
            return pa.py_buffer(self.store.read_range(bundle, first, first + size))
        # Of a map only those pages are read from disk that are looked at.
        mapped = pa.memory_map(str(self.store.local / bundle))
        mapped.seek(first)
        return mapped.read_buffer(size)

    def _directory(self, name: str) -> Directory:
        """As `_look`; of a bundle that can't be read, nothing."""
        try:
            return self._look(name)
        except DamagedBundleError:
            return {}

    def _look(self, name: str, *, remember: bool = True) -> Directory:
        known = self._directories.get(name)
        if known is not None:
            self._directories.move_to_end(name)
            return known
        directory = self._read_directory(name)
        if remember:
            self._directories[name] = directory
            while len(self._directories) > _REMEMBERED:
                self._directories.popitem(last=False)
        return directory

    def _read_directory(self, name: str) -> Directory:
        """Twenty times as quick as `zipfile`, which makes an object of each member: ten million are listed as a build starts."""
        size = self.store.size(name)
        if not size and not self.store.exists(name):
            raise FileNotFoundError(name)
        try:
            end = _END.unpack(self.store.read_range(name, max(0, size - _END.size), size))
            data = self.store.read_range(name, end[6], end[6] + end[5])
            found: Directory = {}
            at = 0
            for _ in range(end[4]):
                fields = _MEMBER.unpack_from(data, at)
                if fields[0] != b"PK\1\2" or fields[4] != zipfile.ZIP_STORED:
                    raise ValueError(f"member {len(found)} has no header")
                at += _MEMBER.size
                member = data[at : at + fields[10]].decode("ascii")
                at += sum(fields[10:13])
                found[member.removesuffix(_ARTIFACT)] = (fields[16], fields[9])
            if end[0] != b"PK\5\6" or at != end[5]:
                raise ValueError("its directory has another length than it says")
        except (struct.error, ValueError, EOFError) as error:
            raise DamagedBundleError(f"{name}: {error}") from error
        return found

    def compact(self, folder: str, bucket: str, *, dry_run: bool = False) -> Compaction:
        """Put the artifacts of one folder of a stage together; what is killed leaves all of them readable.

        Only small bundles are made anew, so that a few videos more cost a few bytes more.
        """
        place = f"{folder}/{bucket}"
        purged = self._purged()
        sizes = {name.rpartition("/")[2]: size for name, size in self.store.sizes(place)}
        loose = {
            name: size
            for name, size in sizes.items()
            if name.endswith(_ARTIFACT) and size <= _MOST_BYTES and _video_id(name) not in purged
        }
        gone = {name.removesuffix(GONE) for name in sizes if name.endswith(GONE)}
        dropped = gone | purged
        whole, damaged = self._of_bucket(folder, bucket)
        holders = {name for name, members in whole.items() if not dropped.isdisjoint(members)}
        opened = [name for name in whole if name in holders or self.store.size(name) < _SMALL_BYTES]
        before = len(loose) + len(whole) + len(damaged)
        if not damaged and not gone and not holders and len(loose) + len(opened) < 2:
            return Compaction(files_before=before, files_after=before)
        members: dict[str, Callable[[], bytes]] = {}
        for bundle in opened:
            for video_id, (at, size) in whole[bundle].items():
                if video_id not in dropped:
                    members[video_id + _ARTIFACT] = partial(self._bytes, bundle, at, size, video_id)
        members |= {name: partial(self._loose, f"{place}/{name}", members.get(name)) for name in loose}
        after = len(whole) - len(opened)
        if dry_run:
            return Compaction(len(loose), before, after + bool(members), sum(loose.values()), len(damaged))
        marks = self._marks(place, {_video_id(name) for name in loose} & gone)
        made, written = self._write(place, members)
        kept = self._marked_since(place, gone, marks)
        for name in (*opened, *damaged):
            if name not in made:
                self._directories.pop(name, None)
                self.store.delete(name)
        for video_id in gone - kept:
            self.store.delete(f"{place}/{video_id}{GONE}")
        for name in sorted(loose.keys() & written):
            # What was published since it was read stays by itself, and wins.
            if _video_id(name) not in kept and self.store.size(f"{place}/{name}") == loose[name]:
                self.store.delete(f"{place}/{name}")
        files_after = after + len(made)
        if not self._purged().isdisjoint(map(_video_id, written)):
            files_after = self.compact(folder, bucket).files_after
        return Compaction(len(loose), before, files_after, sum(loose.values()), len(damaged))

    def _loose(self, name: str, bundled: Callable[[], bytes] | None) -> bytes:
        """An artifact by itself; that of a bundle if another `compact` has deleted it since, or a build, which marks it."""
        try:
            return self.store.read(name)
        except FileNotFoundError:
            if bundled is None:
                raise
            return bundled()

    def _marks(self, place: str, video_ids: Iterable[str]) -> dict[str, bytes]:
        """What the marks of some videos hold, where there are any."""
        found = {}
        for video_id in video_ids:
            with suppress(FileNotFoundError):
                found[video_id] = self.store.read(f"{place}/{video_id}{GONE}")
        return found

    def _marked_since(self, place: str, gone: set[str], marks: Mapping[str, bytes]) -> set[str]:
        """Videos that were marked, or marked again, since they were `gone`, when their marks held `marks`."""
        now = {name.removesuffix(GONE) for name in self.store.files(place) if name.endswith(GONE)}
        again = {video_id for video_id, mark in self._marks(place, marks).items() if mark != marks[video_id]}
        return (now - gone) | again

    def _of_bucket(self, folder: str, bucket: str) -> tuple[dict[str, Directory], list[str]]:
        """The bundles of one folder with their directories, and those that can't be read."""
        whole: dict[str, Directory] = {}
        damaged = []
        for name in self.names(folder):
            if name.rpartition("/")[2].startswith(f"{bucket}-"):
                try:
                    whole[name] = self._look(name, remember=False)
                except DamagedBundleError:
                    damaged.append(name)
                except FileNotFoundError:
                    # Another `compact` replaced it.
                    continue
        return whole, damaged

    def _bytes(self, bundle: str, at: int, size: int, video_id: str) -> bytes:
        return bytes(self._member(bundle, at, size, video_id))

    def _write(self, place: str, members: Mapping[str, Callable[[], bytes]]) -> tuple[set[str], set[str]]:
        """Publish members as bundles, in the order of their names; returns the bundles' names, and those of what is in them."""
        made: set[str] = set()
        written: set[str] = set()
        scratch = self.store.scratch_root() / f"{place.replace('/', '.')}.{uuid.uuid4().hex}.zip"
        try:
            archive: zipfile.ZipFile | None = None
            total = count = 0
            for name, data in self._read_ahead(members):
                if archive is not None and (total + len(data) > _MOST_BYTES or count == _MOST_MEMBERS):
                    archive.close()
                    made.add(self._put(place, scratch))
                    archive = None
                if archive is None:
                    archive, total, count = zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED, allowZip64=False), 0, 0
                # All members have the day on which ZIP's calendar begins: the same artifacts give the same bytes.
                archive.writestr(zipfile.ZipInfo(name), data)
                written.add(name)
                total, count = total + len(data), count + 1
            if archive is not None:
                archive.close()
                made.add(self._put(place, scratch))
        except OSError as error:
            raise atomic.storage_error(error, self.store.url) or error from error
        finally:
            scratch.unlink(missing_ok=True)
        return made, written

    def _read_ahead(self, members: Mapping[str, Callable[[], bytes]]) -> Iterator[tuple[str, bytes]]:
        """Members in the order of their names; a store is asked for several at once.

        What a build deletes meanwhile, to make it again, is left out.
        """

        def read(name: str) -> tuple[str, bytes] | None:
            try:
                return name, members[name]()
            except FileNotFoundError:
                return None

        names = sorted(members)
        if self.store.local is not None:
            yield from filter(None, map(read, names))
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for start in range(0, len(names), _AT_ONCE):
                yield from filter(None, pool.map(read, names[start : start + _AT_ONCE]))

    def _put(self, place: str, path: Path) -> str:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        folder, _, bucket = place.rpartition("/")
        name = f"{folder}/{FOLDER}/{bucket}-{digest}.zip"
        self.store.put(path, name)
        return name


def _video_id(name: str) -> str:
    """Of an artifact's file name."""
    return name.removesuffix(_ARTIFACT)
