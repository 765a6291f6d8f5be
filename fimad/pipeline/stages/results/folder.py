"""The folder of results: which file is whose, and a hash of all of them.

A file is named by a video's id or by a clip's, and nothing else leads to it: names of files are compared with ids, no path is made of
what a video says of itself.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fimad.errors import PermanentError, SetupError, TransientError

#: What `read_motion` reads, by the ends of names; and what is read with an .amc file.
_READABLE = frozenset((".csv", ".trc", ".c3d", ".bvh", ".amc", ".npz"))
_BESIDE = frozenset((".asf",))
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file as it was when the folder was listed."""

    path: Path
    size: int
    mtime_ns: int

    @property
    def suffix(self) -> str:
        """How its name ends, in lower case."""
        return self.path.suffix.lower()

    @property
    def readable(self) -> bool:
        """Whether a reader knows it."""
        return self.suffix in _READABLE

    def check(self) -> None:
        """Raise `TransientError` if it is another file by now: what the stage's key says would not be what was read."""
        try:
            about = self.path.stat()
            same = (about.st_size, about.st_mtime_ns) == (self.size, self.mtime_ns)
        except OSError:
            same = False
        if not same:
            raise TransientError(
                f"{self.path.name!r} changed while the build was on.",
                "Another program writes into the folder of results.",
                "Let it finish, then build again.",
                reason="result_changed",
            )


class ResultsFolder:
    """Files of a folder by the id that they are named by.

    Raises `SetupError` if there is no such folder here, or nothing in it that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, list[ResultFile]] = {}
        self._of_video: dict[str, set[str]] = {}
        try:
            with os.scandir(path) as entries:
                found = [(entry.name, entry.stat()) for entry in entries]
        except OSError as error:
            raise SetupError(
                f"The folder of results {str(path)!r} can't be read: {error.strerror or error}.",
                "`pose.from` is misspelt, or this machine does not have what the other has.",
                "Give the folder with --set pose.from=FOLDER; on a cluster, put it where every machine finds it by that path.",
                reason="no_results",
            ) from error
        # Pipes and devices could be waited for without end.
        for name, about in sorted(found):
            if stat.S_ISREG(about.st_mode):
                file = ResultFile(path / name, about.st_size, about.st_mtime_ns)
                stem = file.path.stem
                self._files.setdefault(stem, []).append(file)
                self._of_video.setdefault(stem.rpartition("___")[0], set()).add(stem)
        if not any(file.readable for files in self._files.values() for file in files):
            raise SetupError(
                f"The folder of results {str(path)!r} holds none.",
                f"None of its files ends in {', '.join(sorted(_READABLE))}.",
                "Put files of motion into it, each named by the id of a video or clip (`fimad status --videos`).",
                reason="no_results",
            )

    def find(self, name: str) -> ResultFile | None:
        """The file of a video's or clip's id; None if there is none.

        Raises `PermanentError` if there are several that a reader knows.
        """
        files = [file for file in self._files.get(name, ()) if file.suffix not in _BESIDE]
        readable = [file for file in files if file.readable]
        if len(readable) > 1:
            raise PermanentError(
                f"There are several results for {name}: {', '.join(file.path.name for file in readable[:_MOST_NAMED])}.",
                "Which of them is meant can't be told.",
                f"Keep one of them in {self.path}.",
                reason="several_results",
            )
        # What no reader knows says so when it is read.
        return next(iter(readable or files), None)

    def has_other_clips(self, video_id: str, clip_ids: set[str]) -> bool:
        """Whether there are files of a video's clips other than these."""
        return bool(self._of_video.get(video_id, set()) - clip_ids)

    def suffixes(self) -> set[str]:
        """How the names of its files end."""
        return {file.suffix for files in self._files.values() for file in files if file.readable}

    def sha256(self) -> str:
        """Of names and contents of all files that are read; the same wherever the folder lies."""
        total = hashlib.sha256()
        for files in self._files.values():
            for file in files:
                if file.readable or file.suffix in _BESIDE:
                    total.update(f"{_sha256(file)} {file.path.name}\n".encode(errors="surrogateescape"))
        return total.hexdigest()


@lru_cache(maxsize=1 << 20)
def _sha256(file: ResultFile) -> str:
    try:
        with file.path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise SetupError(
            f"{str(file.path)!r} can't be read: {error.strerror or error}.",
            "It belongs to somebody else, or its disk fails.",
            "Make it readable, or take it out of the folder of results.",
            reason="no_results",
        ) from error
