"""From what the user points at to videos: URLs, searches, playlists, lists, files, folders, saved metadata.

Everything is lazy: a list of a million lines is read line by line, and a channel page by page. A URL of a single video
costs no network access; only listings are asked for.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
import urllib.parse
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from fimad.config import Config
from fimad.errors import ConfigError, FimadError, PermanentError, TransientError
from fimad.pipeline.acquire import infojson
from fimad.pipeline.acquire.addresses import (
    IS_URL,
    YOUTUBE_ID,
    identity,
    is_youtube,
    redacted,
    safe_id,
    short_hash,
    slug,
    url_id,
    watch_url,
    with_scheme,
    without_secrets,
    youtube_id,
)
from fimad.pipeline.acquire.beside import INFO_SUFFIX, Folder, fingerprint_beside, fingerprint_info
from fimad.pipeline.acquire.columns import BadRow, Row
from fimad.pipeline.acquire.given import Given
from fimad.pipeline.acquire.lists import LIST_SUFFIXES, read_list
from fimad.pipeline.acquire.network.netguard import Guard
from fimad.pipeline.contract import Video
from fimad.pipeline.media.container import MEDIA_SUFFIXES

_LOG = logging.getLogger(__name__)
_SEARCH = re.compile(r"^[a-z][a-z0-9:_]*search(?:date)?(?:\d{1,6}|all)?:", re.IGNORECASE)
_YOUTUBE_LISTING = re.compile(
    r"^/(playlist\b|@|channel/|c/|user/|results\b|hashtag/|feed/|(?:embed|v|e)/(?:videoseries|live_stream)\b|.*[?&]list=)"
)
_MIB = 1024**2


@dataclass(frozen=True)
class SourceFailure:
    """Something in a source that is not a video, or a listing that can't be read, and why."""

    source: str
    error: FimadError


class Listings(Protocol):
    """Remembers listings that were read to their end, for an expansion that is broken off and begun again."""

    def read(self, url: str) -> list[str] | None: ...

    def write(self, url: str, videos: Sequence[str]) -> None: ...


def expand(sources: Sequence[str], config: Config, listings: Listings | None = None) -> Iterator[Video | SourceFailure]:
    """The videos that sources name, in their order, each once.

    A source is a URL (video, playlist, channel, page), a search (`ytsearch20:kettlebell workout`), a YouTube id, a media
    file, a folder of them (searched in depth, in the order of names), a saved `.info.json`, or a list: a text file of
    URLs, or CSV, TSV, Parquet, JSON or JSON lines with a column of them. Relative paths in a list count from its folder.

    In a list each line is one video, so that 100,000 lines need no network; a playlist's address is recognised there for
    YouTube only.

    A listing that is not at its end after `http.listing_s` is given up; the videos that it gave by then count.

    Raises `ConfigError` for a source that does not exist; whatever is wrong within a source comes as a `SourceFailure`.
    """
    expansion = _Expansion(config, listings)
    for source in sources:
        before, told = expansion.named, False
        for each in expansion.source(source):
            told |= isinstance(each, SourceFailure)
            yield each
        if expansion.named == before and not told:
            # A list that was cut to nothing, say: without a word its videos would leave the dataset.
            yield SourceFailure(redacted(source), _empty(redacted(source)))


def url_video(url: str, given: str = "") -> Video:
    """The video of a single-video address (`addresses.url_id`)."""
    own = youtube_id(url)
    return _with_given(Video(own or url_id(url), "url", watch_url(own) if own else url), given, "")


def file_video(path: Path, given: str = "") -> Video:
    """The video of a local media file: its info.json's id, else a slug of its name and a hash of its content.

    Raises `PermanentError` if the file or its info.json can't be read.
    """
    info_path = infojson.info_beside(path)
    info = infojson.read_info(info_path) if info_path is not None else {}
    own = None if infojson.is_playlist(info) else safe_id(info.get("id"))
    video = Video(own or f"{slug(path.stem)}-{_fingerprint(path)}", "file", str(path))
    try:
        return _with_given(video, given, fingerprint_beside(path))
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _info_video(path: Path, given: str = "") -> Video:
    info = infojson.read_info(path)
    media = infojson.media_beside(path)
    if media is not None:
        return file_video(media, given)
    if infojson.is_playlist(info):
        raise PermanentError(
            f"{path.name!r} describes a playlist.",
            "yt-dlp writes one for a playlist as a whole, beside those of its videos.",
            "Name the playlist's address as a source, or the folder: it is left out there.",
            reason="playlist",
        )
    video = Video(safe_id(info.get("id")) or url_video(infojson.page_of(path)).video_id, "info", str(path))
    return _with_given(video, given, fingerprint_info(path))


def refreshed(video: Video) -> Video:
    """A video that a workspace knows, with the fingerprint that its file and what lies beside it have by now."""
    path = Path(video.location)
    try:
        if video.kind == "file":
            return _with_given(video, video.given, fingerprint_beside(path))
        if video.kind == "info":
            media = infojson.media_beside(path)
            beside = fingerprint_info(path) if media is None else fingerprint_beside(media)
            return _with_given(video, video.given, beside)
    except OSError:
        # Gone, or on a disk that is not there now: what was made of it stays.
        return video
    return video


def _with_given(video: Video, given: str, beside: str) -> Video:
    if not given and not beside:
        return video
    return replace(video, given=given, fingerprint=short_hash(f"{beside}\0{given}".encode()))


def _fingerprint(path: Path) -> str:
    """64 bits of a hash over size, first and last MiB: tells files apart without reading them whole."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise _unreadable(path, "it is not a regular file")
        with path.open("rb") as file:
            head = file.read(_MIB)
            file.seek(max(0, size - _MIB))
            tail = file.read(_MIB)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    return short_hash(f"{size}:".encode() + head + tail)


def _unreadable(path: Path, why: str) -> PermanentError:
    return PermanentError(
        f"{str(path)!r} can't be read: {why}.",
        "It was moved, or belongs to somebody else.",
        "Mend the path or the permissions.",
        reason="not_a_file",
    )


def _empty(source: str) -> PermanentError:
    return PermanentError(
        f"There are no videos in {source}.",
        "The folder, list or listing is empty, or nothing in it is a video.",
        "Take it off the sources if it is to be so; else mend it, or name a video, a folder of videos, a list, or a URL.",
        reason="no_videos",
    )


def _is_text(path: Path) -> bool:
    """Whether a path is UTF-8, as all that names it in the workspace and in the dataset has to be."""
    try:
        os.fsencode(path).decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(path: Path) -> str:
    """A path for people: bytes that are no UTF-8 as ``\\xe9``."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _not_text(path: Path) -> PermanentError:
    return PermanentError(
        f"The name of {_shown(path)} is not UTF-8.",
        "It, or its folder, comes from a system with another encoding of names (an old archive, a USB stick).",
        "Rename it; `convmv -f latin1 -t utf8 --notest -r FOLDER` does that for a whole folder.",
        reason="file_name",
    )


class _Expansion:
    def __init__(self, config: Config, listings: Listings | None) -> None:
        self.config = config
        self._listings = listings
        self._guard = Guard(config.http)
        self._seen: dict[str, tuple[str, str, str]] = {}
        #: How many videos sources named so far, those that came before included.
        self.named = 0

    def source(self, source: str) -> Iterator[Video | SourceFailure]:
        text = with_scheme(source.strip())
        if IS_URL.match(text) or _SEARCH.match(text):
            yield from self._web(text, in_list=False)
            return
        path = Path(os.path.expanduser(text))
        if text and os.path.isdir(path):
            yield from self._folder(path.absolute())
        elif os.path.isfile(path):
            path = path.absolute()
            is_list = path.suffix.lower() in LIST_SUFFIXES and not path.name.lower().endswith(INFO_SUFFIX)
            yield from self._list(path) if is_list else self._local(path)
        elif YOUTUBE_ID.fullmatch(text) and not os.path.lexists(path):
            yield from self._web(watch_url(text), in_list=False)
        else:
            raise ConfigError(
                f"There is no source {source!r}.",
                "It is neither a file or folder that exists nor a URL; in the shell, `?` and `&` in URLs need quotes.",
                "Name a URL, a search such as 'ytsearch20:home workout', a list, a file or a folder.",
            )

    def _folder(self, folder: Path) -> Iterator[Video | SourceFailure]:
        for path in _walk_links(folder):
            if isinstance(path, SourceFailure):
                yield path
                continue
            given = Given()
            if self.config.labels_from_folders:
                given = given_by_folder(path.relative_to(folder).parts[:-1], tuple(self.config.pack.splits))
            yield from self._local(path, given.to_text())

    def _list(self, path: Path) -> Iterator[Video | SourceFailure]:
        """A list's videos. Rows that say more of a video are put together first: one video may have many."""
        said: dict[str, tuple[Row, Given]] = {}
        try:
            for row in read_list(path):
                if isinstance(row, BadRow):
                    yield SourceFailure(f"{path}: {row.at}", row.error)
                elif row.given is None:
                    yield from self._entry(row, path)
                else:
                    first, before = said.setdefault(_row_key(row.address, path), (row, row.given))
                    joined = row.given if first is row else before.joined(row.given)
                    if isinstance(joined, str):
                        yield SourceFailure(f"{path}: {row.at}", _contradiction(row, path, joined))
                    else:
                        said[_row_key(row.address, path)] = (first, joined)
        except FimadError as error:
            yield SourceFailure(str(path), error)
        except OSError as error:
            yield SourceFailure(str(path), _unreadable(path, error.strerror or str(error)))
        for row, given in said.values():
            yield from self._entry(row, path, given.to_text())

    def _entry(self, row: Row, origin: Path, given: str = "") -> Iterator[Video | SourceFailure]:
        text = with_scheme(row.address)
        if IS_URL.match(text) or _SEARCH.match(text):
            yield from self._web(text, in_list=True, given=given)
            return
        path = (origin.parent / text).absolute()
        if os.path.isfile(path):
            yield from self._local(path, given)
        elif YOUTUBE_ID.fullmatch(text):
            yield from self._web(watch_url(text), in_list=True, given=given)
        else:
            yield SourceFailure(
                f"{origin}: {row.at}: {text[:200]}",
                PermanentError(
                    f"{text[:200]!r} in {origin.name} is neither a URL, a YouTube id nor a file that exists.",
                    "The line is damaged, or the list has another column for addresses.",
                    "Name the column `url`, or mend the line.",
                    reason="bad_source",
                ),
            )

    def _web(self, url: str, *, in_list: bool, given: str = "") -> Iterator[Video | SourceFailure]:
        try:
            if not _SEARCH.match(url):
                self._guard.check_url(url)
            if not _SEARCH.match(url) and _is_single(url, in_list=in_list):
                yield from self._once(url_video(url, given), identity(url))
                return
            known = self._listings.read(url) if self._listings is not None else None
            for target in self._listed(url) if known is None else known:
                self._guard.check_url(target)
                yield from self._once(url_video(target, given), identity(target))
        except FimadError as error:
            yield SourceFailure(url, error)

    def _listed(self, url: str) -> Iterator[str]:
        """The addresses of a listing's videos, from the network; what came to its end is remembered."""
        from fimad.pipeline.acquire.network.ytdlp import Session

        limit_s = self.config.http.listing_s
        end = time.monotonic() + limit_s
        found: list[str] = []
        with tempfile.TemporaryDirectory() as folder, Session(self.config, Path(folder), _LOG) as session:
            for entry in session.entries(url):
                found.append(str(entry["url"]))
                yield found[-1]
                if time.monotonic() > end:
                    raise TransientError(
                        f"{url} was not at its end after {limit_s:g} s and {len(found)} videos.",
                        "It is longer than that, the server is slow, or its pages go round in a circle.",
                        "The videos that it gave are taken. For the rest, repeat the command with a larger `http.listing_s`.",
                        reason="listing_deadline",
                    )
        if self._listings is not None:
            self._listings.write(url, found)

    def _local(self, path: Path, given: str = "") -> Iterator[Video | SourceFailure]:
        if not _is_text(path):
            yield SourceFailure(_shown(path), _not_text(path))
            return
        make = _info_video if path.name.lower().endswith(INFO_SUFFIX) else file_video
        try:
            video = make(path, given)
            yield from self._once(video, video.location)
        except FimadError as error:
            yield SourceFailure(str(path), error)

    def _once(self, video: Video, identity: str) -> Iterator[Video | SourceFailure]:
        """A video, unless it came before; a failure if another one has its name, or if more is said of it than before."""
        self.named += 1
        known = self._seen.get(video.video_id.casefold())
        if known is None:
            self._seen[video.video_id.casefold()] = (video.video_id, identity, video.given)
            yield video
            return
        known_id, known_identity, known_given = known
        same = known_id == video.video_id and _same_video(video, identity, known_identity)
        if same and video.given and video.given != known_given:
            yield SourceFailure(
                without_secrets(video.location),
                PermanentError(
                    f"{video.video_id} was named before, and something else was said of it: {video.given[:200]}.",
                    "Two of the sources name it, with other labels, times, persons or splits.",
                    "Keep what is right in one of them.",
                    reason="named_twice",
                ),
            )
        elif not same:
            names = f"{without_secrets(video.location)} and {without_secrets(known_identity)}"
            yield SourceFailure(
                without_secrets(video.location),
                PermanentError(
                    f"{names} have the same name: {video.video_id} and {known_id}.",
                    "Two different videos carry the same id in their info.json, or ids that differ in upper and lower case only.",
                    "Change the `id` in one of the info.json files, or delete that file.",
                    reason="id_collision",
                ),
            )


def given_by_folder(folders: Sequence[str], splits: Sequence[str]) -> Given:
    """What the folders between a source folder and a file say: the first is the label, or a split and then the label."""
    split = None
    if folders and folders[0] in splits:
        split, folders = folders[0], folders[1:]
    return Given(label=" ".join(folders[0].replace("_", " ").split()) if folders else None, split=split)


def _row_key(address: str, origin: Path) -> str:
    text = with_scheme(address)
    if YOUTUBE_ID.fullmatch(text) and not os.path.isfile(origin.parent / text):
        return watch_url(text)
    try:
        return identity(text) if IS_URL.match(text) else text
    except ValueError:
        return text


def _contradiction(row: Row, path: Path, why: str) -> PermanentError:
    return PermanentError(
        f"{row.at} of {path.name} contradicts an earlier row about {row.address[:200]!r}: {why}.",
        "The rows were joined from several lists, or one has a typing mistake.",
        "Mend the row; what the earlier ones say is used.",
        reason="bad_list",
    )


def _same_video(video: Video, identity: str, known: str) -> bool:
    """Whether two that have one id are one video: the same address or content, or a local copy of what a platform has."""
    if identity == known:
        return True
    if IS_URL.match(known) or video.kind == "url":
        # An info.json's id and the platform's: only YouTube's are known to be nobody else's.
        one_is_local = video.kind != "url" or not IS_URL.match(known)
        return one_is_local and YOUTUBE_ID.fullmatch(video.video_id) is not None
    return _fingerprint(Path(known)) == _fingerprint(Path(identity))


def _is_single(url: str, *, in_list: bool) -> bool:
    """Whether an address is that of one video, as far as can be told without asking for it."""
    if youtube_id(url):
        return True
    parts = urllib.parse.urlsplit(url)
    if is_youtube(parts.hostname or ""):
        return _YOUTUBE_LISTING.match(f"{parts.path}?{parts.query}") is None
    if in_list or os.path.splitext(parts.path)[1].lower() in MEDIA_SUFFIXES | {".m3u8", ".mpd"}:
        return True
    from yt_dlp.extractor import gen_extractor_classes

    extractor = next(each for each in gen_extractor_classes() if each.suitable(url))
    return extractor.is_single_video(url) is True


def _walk_links(folder: Path) -> Iterator[Path | SourceFailure]:
    """What `_walk` finds, and then what it finds below linked folders; each folder once, however many links lead to it."""
    waiting: deque[Path] = deque([folder])
    seen: set[str] = set()
    while waiting:
        yield from _walk(waiting.popleft(), waiting, seen)


def _walk(folder: Path, links: deque[Path], seen: set[str]) -> Iterator[Path | SourceFailure]:
    """Media files below a folder, and info.json files that have none beside them, in the order of their names.

    Linked folders go to `links`. A folder that can't be read is a failure of its own, and costs no other. What is not finished, and what describes a
    playlist, is no video.
    """
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        listing = Folder(folder)
    except OSError as error:
        yield SourceFailure(_shown(folder), _unreadable(folder, error.strerror or str(error)))
        return
    for entry in found:
        name = entry.name
        if name.startswith((".", "~$")):
            continue
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, links, seen)
        elif entry.is_dir():
            links.append(path)
        elif path.suffix.lower() in MEDIA_SUFFIXES:
            if listing.is_unfinished(name):
                _LOG.info("%s is left out: part of a download", path)
            else:
                yield path
        elif name.lower().endswith(INFO_SUFFIX) and listing.media(name) is None:
            if infojson.describes_playlist(path):
                _LOG.info("%s is left out: it describes a playlist", path)
            else:
                yield path
