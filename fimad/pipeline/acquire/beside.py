"""What lies beside a local video: its info.json and captions, found in one listing of the folder."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fimad.pipeline.acquire.languages import is_language, tag_of
from fimad.pipeline.media.container import MEDIA_SUFFIXES

INFO_SUFFIX = ".info.json"
_CAPTION_SUFFIXES = frozenset(("vtt", "srt", "sbv", "ttml", "dfxp", "json3", "srv1", "srv2", "srv3", "ass", "ssa"))
# What yt-dlp calls the streams of a video before it joins them, and files that it has not finished.
_STREAM = re.compile(r"\.f\d{2,4}(?:-[\w-]{1,20})?$", re.IGNORECASE)
_NAMED_STREAM = re.compile(r"\.f[a-z0-9][\w=-]{0,60}$", re.IGNORECASE)
_TEMPORARY = re.compile(r"\.(?:temp|tmp|part|part-frag\d+|ytdl|download)$|^~\$", re.IGNORECASE)
_KEPT_COPY = re.compile(r"\.(?:uncut|orig)$", re.IGNORECASE)
# Words that tools put beside the language, or in its place.
_WORDS = frozenset(("forced", "sdh", "cc", "default", "auto", "full", "captions", "subtitles"))
# Beside a language this is no Hindi: for the hearing impaired.
_IMPAIRED = "hi"
_ENDS_BYTES = 64 * 1024


@dataclass(frozen=True)
class CaptionFile:
    """A caption file of a video: `language` as its name says it ("" if it says none), its format, whether speech recognition
    made it as far as the name tells, and whether it holds only what is said in a foreign language."""

    path: Path
    language: str
    extension: str
    automatic: bool
    forced: bool


class Folder:
    """The names in a folder, and which belong together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = frozenset(os.listdir(folder))
        # Cameras write suffixes in capitals: `UP.MP4` and `UP.info.json` are one video. Of two the one in small letters.
        self._media: dict[str, list[str]] = {}
        self._infos: dict[str, str] = {}
        for name in sorted(self.names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in MEDIA_SUFFIXES:
                self._media.setdefault(stem, []).append(name)
            elif name.lower().endswith(INFO_SUFFIX):
                stem = name[: -len(INFO_SUFFIX)]
                self._infos[stem] = max(self._infos.get(stem, ""), name)
        self._stems = self._media.keys() | self._infos.keys()
        self._captions: dict[str, list[CaptionFile]] = {}
        self._unclear: dict[str, list[str]] = {}
        for name in sorted(self.names):
            self._take_caption(name)

    def _take_caption(self, name: str) -> None:
        stem, _, extension = name.rpartition(".")
        if extension.lower() not in _CAPTION_SUFFIXES:
            return
        tags: list[str] = []
        # The longest name of a video that this one begins with owns it: `squat.2.srt` belongs to `squat.2.mp4`.
        while stem and stem not in self._stems and len(tags) < 3:
            stem, _, tag = stem.rpartition(".")
            tags.insert(0, tag)
        if stem not in self._stems:
            return
        words = {tag.lower() for tag in tags}
        languages = [tag for tag in tags if tag.lower() not in _WORDS]
        if len(languages) > 1:
            languages = [tag for tag in languages if tag.lower() != _IMPAIRED]
        if len(languages) > 1 or not all(map(is_language, languages)):
            self._unclear.setdefault(stem, []).append(name)
            return
        language = languages[0] if languages else ""
        caption = CaptionFile(
            self.folder / name,
            tag_of(language.removesuffix("-orig")),
            extension.lower(),
            automatic=language.lower().endswith("-orig") or "auto" in words,
            forced="forced" in words,
        )
        self._captions.setdefault(stem, []).append(caption)

    def info(self, media: str) -> Path | None:
        """The info.json of a media file: NAME.info.json beside NAME.mp4."""
        name = self._infos.get(os.path.splitext(media)[0])
        return self.folder / name if name and (self.folder / name).is_file() else None

    def media(self, info: str) -> Path | None:
        """The media file of an info.json."""
        names = sorted(self._media.get(info[: -len(INFO_SUFFIX)], ()), key=str.lower)
        return next((self.folder / name for name in names if (self.folder / name).is_file()), None)

    def captions(self, media: str) -> list[CaptionFile]:
        """The caption files of a media file, in the order of their names."""
        return self._captions.get(os.path.splitext(media)[0], [])

    def unclear(self, media: str) -> list[str]:
        """The names that begin as a media file's, and go on with something that is no language."""
        return self._unclear.get(os.path.splitext(media)[0], [])

    def is_unfinished(self, name: str) -> bool:
        """Whether a media file is one that yt-dlp or a browser has not finished, or a stream that was joined with another."""
        stem = os.path.splitext(name)[0]
        if _STREAM.search(stem) or _TEMPORARY.search(stem):
            return True
        for pattern in (_NAMED_STREAM, _KEPT_COPY):
            match = pattern.search(stem)
            if match and stem[: match.start()] in self._stems:
                return True
        return False


def folder_of(path: Path) -> Folder:
    """The listing of a file's folder; read again only after something was added to or removed from it."""
    folder = path.parent
    return _listed(str(folder), os.stat(folder).st_mtime_ns)


@lru_cache(8)
def _listed(folder: str, changed_ns: int) -> Folder:
    return Folder(Path(folder))


def fingerprint_beside(media: Path) -> str:
    """16 hex digits that change whenever a media file, its info.json or one of its captions does; not when they are moved.

    Of the media its size, beginning and end count; of the others every byte. Raises `OSError`.
    """
    digest = hashlib.sha256()
    folder = folder_of(media)
    with media.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(b"%d:" % size + file.read(_ENDS_BYTES))
        file.seek(max(0, size - _ENDS_BYTES))
        digest.update(file.read(_ENDS_BYTES))
    beside = [caption.path for caption in folder.captions(media.name)]
    info = folder.info(media.name)
    for path in [*([info] if info else []), *beside]:
        digest.update(f"\0{path.name[len(media.stem) :]}\0".encode(errors="surrogateescape"))
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def fingerprint_info(info: Path) -> str:
    """The same for an info.json without a media file."""
    return hashlib.sha256(info.read_bytes()).hexdigest()[:16]
