"""The corpus of a workspace: what expansions of sources gave, a line a video, read a line at a time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.pipeline.contract import Video
from fimad.pipeline.state.records import Hashes, id_hashes, member
from fimad.pipeline.state.secrets import Secrets
from fimad.storage import atomic
from fimad.storage.store import Store

T = TypeVar("T")
_CUT = "The disk was full or is failing, or something other than fimad cut the file; fimad publishes whole files only."
# The expansion of which nothing may be kept.
_EMPTY = f"sources/{hashlib.sha256().hexdigest()[:16]}.jsonl"
# What a file can be named after.
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}")


class Batches:
    """The part of a workspace that knows its videos."""

    store: Store
    url: str
    secrets: Secrets
    removed_notes: dict[str, set[str]]

    def batches(self) -> list[str]:
        """Names of the stored expansions of sources, the latest first: what it says of a video counts."""
        names = sorted(f"sources/{name}" for name in self.store.files("sources") if name.endswith(".jsonl"))
        latest = self._latest()
        return sorted(names, key=lambda name: latest.index(name) if name in latest else len(latest))

    def _latest(self) -> list[str]:
        try:
            data = json.loads(self.store.read("sources/latest.json"))
        except (FileNotFoundError, ValueError):
            return []
        return [str(name) for name in data] if isinstance(data, list) else []

    def _note_latest(self, name: str) -> None:
        latest = self._latest()
        if latest[:1] != [name] and len(self.batches()) > 1:
            names = [name, *(each for each in latest if each != name)]
            self.store.write("sources/latest.json", json.dumps(names).encode())

    def add_batch(self, videos: Iterable[Video]) -> tuple[str, int]:
        """Store an expansion of sources; returns its name and the number of videos. The same videos give the same name.

        Addresses are stored without secrets; see `secrets`. Videos of which nothing may be kept count, and are left out.
        """
        purged = self.purged()
        scratch = self.store.scratch_root() / "batch.jsonl"
        digest = hashlib.sha256()
        count = 0
        try:
            with scratch.open("wb") as file:
                for video in videos:
                    count += 1
                    if video.video_id in purged:
                        continue
                    line = _json_bytes(self._row(video)) + b"\n"
                    digest.update(line)
                    file.write(line)
            name = f"sources/{digest.hexdigest()[:16]}.jsonl"
            if count and not self._is_whole(name):
                self.store.put(scratch, name)
            if count:
                self._note_latest(name)
        except OSError as error:
            known = atomic.storage_error(error, self.url)
            if known is None:
                raise
            raise known from error
        finally:
            scratch.unlink(missing_ok=True)
        self.secrets.save()
        return name, count

    def forget_source(self, video_id: str) -> None:
        """Write the batches that name a video anew without it, and without what was said of it.

        A batch is named after its content. Under its old name it is still found: a build that is on has it, and so have notes.
        """
        places = {video_id}
        for name in self.batches():
            scratch = self.store.scratch_root() / "batch.jsonl"
            digest = hashlib.sha256()
            dropped = False
            try:
                with scratch.open("wb") as file:
                    for line in self._lines(name):
                        # Ids stand in JSON as they are.
                        if video_id.encode() in line and (row := self._rows(name, [line])[0])[0] == video_id:
                            places.add(row[2])
                            dropped = True
                            continue
                        digest.update(line)
                        file.write(line)
                if dropped:
                    self._replace_batch(name, scratch, f"sources/{digest.hexdigest()[:16]}.jsonl")
            finally:
                scratch.unlink(missing_ok=True)
        self._forget_problems(places)

    def _replace_batch(self, old: str, path: Path, new: str) -> None:
        """Publish a batch in place of another: it is there before the other goes, in the same place of the order."""
        problems = self._problems_of(old)
        latest = self._latest()
        self.store.put(path, new)
        self.write_problems(new, problems)
        if old in latest:
            names = dict.fromkeys(new if each == old else each for each in latest)
            self.store.write("sources/latest.json", json.dumps(list(names)).encode())
        renamed = {before: new if after == old else after for before, after in self._renamed().items()}
        self.store.write("sources/renamed.json", json.dumps({**renamed, old: new}).encode())
        self.write_problems(old, [])
        self.store.delete(old)

    def _renamed(self) -> dict[str, str]:
        """Batches that were written anew, and their names of now."""
        try:
            data = json.loads(self.store.read("sources/renamed.json"))
        except (FileNotFoundError, ValueError):
            return {}
        return {str(old): str(new) for old, new in data.items()} if isinstance(data, dict) else {}

    def current(self, batch: str) -> str:
        """The name that a batch has now."""
        return batch if self.store.exists(batch) else self._renamed().get(batch, batch)

    def _row(self, video: Video) -> list[str]:
        """A line of the corpus; what most videos lack is left out."""
        location = self.secrets.public(video.location) if video.kind == "url" else video.location
        said = [video.given, video.fingerprint] if video.given or video.fingerprint else []
        return [video.video_id, video.kind, location, *said]

    def remove_video(self, video_id: str, reason: str, media: Iterable[str] = (), *, purge: bool = False) -> None:
        """Note that a video was taken down, and when and why: no build takes it on any more.

        Parameters
        ----------
        media : SHA-256 of its files, by which copies under other names and addresses are known.
        purge : nothing of it may be kept either, whoever is about to write it.
        """
        if not _ID.fullmatch(video_id):
            raise ConfigError(
                f"{video_id!r} is no id of a video.", "It has other signs.", "`fimad status` knows the ids."
            )
        note = {
            "video_id": video_id,
            "removed_on": datetime.now(UTC).isoformat(timespec="seconds"),
            "reason": reason,
            "media_sha256": sorted({*media} | self._removed_media(f"{video_id}.json")),
        }
        self.store.write(f"removed/{video_id}.json", json.dumps(note, ensure_ascii=False).encode())
        if purge:
            self.store.write(f"removed/{video_id}.purged", b"")

    def removed(self) -> set[str]:
        """Ids of the videos that were taken down."""
        return {name.removesuffix(".json") for name in self.store.files("removed") if name.endswith(".json")}

    def removed_media(self) -> set[str]:
        """SHA-256 of the media that were taken down."""
        for name in self.store.files("removed"):
            if name.endswith(".json") and name not in self.removed_notes:
                # Asked after each download: a note is read once.
                self.removed_notes[name] = self._removed_media(name)
        return set().union(*self.removed_notes.values())

    def _removed_media(self, name: str) -> set[str]:
        try:
            note = json.loads(self.store.read(f"removed/{name}"))
        except (FileNotFoundError, ValueError):
            return set()
        # Notes of before do not say.
        found = note.get("media_sha256") if isinstance(note, dict) else None
        return {str(each) for each in found} if isinstance(found, list) else set()

    def removal_reason(self, video_id: str) -> str:
        """The reason that was given for taking a video down."""
        try:
            return str(json.loads(self.store.read(f"removed/{video_id}.json"))["reason"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return ""

    def purged(self) -> set[str]:
        """Ids of those of which nothing may be kept."""
        names = set(self.store.files("removed"))
        return {name.removesuffix(".json") for name in names if name.removesuffix(".json") + ".purged" in names}

    def write_problems(self, batch: str, problems: list[dict[str, str]]) -> None:
        """Keep what in a batch's sources was no video, beside the batch; an empty list clears it."""
        name = batch.replace(".jsonl", ".problems.json")
        if problems:
            self.store.write(name, _json_bytes(problems, indent=1))
        elif self.store.exists(name):
            self.store.delete(name)

    def problems(self) -> list[dict[str, str]]:
        """What in the sources of all batches was no video."""
        ends = ".problems.json"
        names = sorted(name.removesuffix(ends) for name in self.store.files("sources") if name.endswith(ends))
        return [each for name in names for each in self._problems_of(f"sources/{name}.jsonl")]

    def _problems_of(self, batch: str) -> list[dict[str, str]]:
        name = batch.replace(".jsonl", ".problems.json")
        try:
            found = json.loads(self.store.read(name))
            return [{str(key): str(value) for key, value in each.items()} for each in found]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, AttributeError):
            what = f"{name} can't be read: what in those sources was no video is not known."
            fix = "Build from the sources again: it is written anew."
            return [{"source": name, "reason": "damaged_record", "what": what, "why": _CUT, "fix": fix}]

    def _forget_problems(self, places: Iterable[str]) -> None:
        """Drop what is told of a video, given by its id and addresses."""
        named = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, places))})(?![\w-])")
        for name in self.store.files("sources"):
            if name.endswith(".problems.json"):
                batch = f"sources/{name.replace('.problems.json', '.jsonl')}"
                told = self._problems_of(batch)
                kept = [each for each in told if not any(named.search(text) for text in each.values())]
                if len(kept) < len(told):
                    self.write_problems(batch, kept)

    def told(self) -> Hashes:
        """Sorted hashes of the videos of which any batch has more than the address: a later one may have taken that back."""
        found = []
        for name in self.batches():
            # Lines of which nothing is said have three texts, and quotes within a text are escaped.
            lines = (line for line in self._lines(name) if line.count(b'", "') > 2)
            found += [id_hashes(row[0] for row in self._rows(name, chunk)) for chunk in chunks(lines, 4096)]
        return np.unique(np.concatenate([id_hashes(()), *found]))

    def videos(self, batches: Iterable[str] | None = None) -> Iterator[Video]:
        """The videos of the given batches (by default of all), each once, a line at a time; without those taken down.

        A local file is one video: where a later expansion found another one at a path, the file was replaced.
        """
        seen: list[Hashes] = []
        removed = self.removed()
        names = list(self.batches() if batches is None else batches)
        for number, name in enumerate(names):
            mine: list[bytes] = []
            for chunk in chunks(self._lines(name), 4096):
                rows = self._rows(name, chunk)
                known = np.zeros(len(rows), dtype=bool)
                if len(names) > 1:
                    hashes = id_hashes(row[0] for row in rows)
                    places = id_hashes(row[0] if row[1] == "url" else ascii(row[2]) for row in rows)
                    for earlier in seen:
                        known |= member(hashes, earlier) | member(places, earlier)
                for row, skip in zip(rows, known.tolist(), strict=True):
                    if not skip and row[0] not in removed:
                        location = self.secrets.whole(row[2]) if row[1] == "url" else row[2]
                        yield Video(row[0], row[1], location, *row[3:5])
                if number < len(names) - 1:
                    mine += [hashes.tobytes(), places.tobytes()]
            seen.append(np.sort(np.frombuffer(b"".join(mine), dtype=np.uint64)))

    def _rows(self, name: str, lines: list[bytes]) -> list[Any]:
        try:
            rows = json.loads(b"[" + b",".join(lines) + b"]")
        except ValueError as error:
            raise self._damaged(name) from error
        if not all(
            isinstance(row, list) and len(row) >= 3 and all(isinstance(each, str) for each in row) for row in rows
        ):
            raise self._damaged(name)
        return list(rows)

    def _damaged(self, name: str) -> SetupError:
        return SetupError(
            f"The list of videos {name} in {self.url} is damaged: it has {self.store.size(name)} bytes, and does not end as it "
            "was written.",
            _CUT,
            "Name the sources again, `fimad build SOURCES`: it is written anew. If they are not wanted any more, delete the "
            "file.",
            reason="damaged_list",
        )

    def _is_whole(self, name: str) -> bool:
        """Whether an expansion is stored, with the bytes that its name stands for."""
        digest = hashlib.sha256()
        try:
            for line in self._lines(name):
                digest.update(line)
        except (FileNotFoundError, SetupError):
            return False
        return name == f"sources/{digest.hexdigest()[:16]}.jsonl"

    def _lines(self, name: str) -> Iterator[bytes]:
        """The lines of an expansion; raises `SetupError` if it was cut."""
        name, line = self.current(name), b""
        for line in self._stored_lines(name):
            yield line
        # All that was in it may have been purged.
        if not line.endswith(b"\n") and name != _EMPTY:
            raise self._damaged(name)

    def _stored_lines(self, name: str) -> Iterator[bytes]:
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


def _json_bytes(data: Any, indent: int | None = None) -> bytes:
    """JSON whose texts may hold names of files that are not UTF-8: their bytes are written as JSON's own escapes."""
    return json.dumps(data, indent=indent, ensure_ascii=False).encode(errors="backslashreplace")


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of so many items: states are looked up for thousands of videos at a time."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
