"""From what the user points at to videos: URLs, searches, playlists, lists, files, folders, saved metadata.

Everything is lazy: a list of a million lines is read line by line, and a channel page by page. A URL of a single video
costs no network access; only listings are asked for.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fimad.config import Config
from fimad.errors import ConfigError, FimadError, PermanentError
from fimad.pipeline.acquire import infojson
from fimad.pipeline.acquire.infojson import INFO_SUFFIX
from fimad.pipeline.acquire.lists import LIST_SUFFIXES, read_list
from fimad.pipeline.acquire.netguard import Guard
from fimad.pipeline.contract import Video
from fimad.pipeline.media.container import MEDIA_SUFFIXES

_LOG = logging.getLogger(__name__)
_SAFE_ID = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}$")
_YOUTUBE_ID = re.compile(r"^[A-Za-z0-9_-]{11}$")
_SEARCH = re.compile(r"^[a-z][a-z0-9:_]*search(?:date)?(?:\d{1,6}|all)?:", re.IGNORECASE)
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_YOUTUBE_HOSTS = frozenset(
    ("youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtube-nocookie.com", "youtu.be")
)
_YOUTUBE_LISTING = re.compile(r"^/(playlist\b|@|channel/|c/|user/|results\b|hashtag/|feed/|.*[?&]list=)")
# Names that Windows keeps for devices.
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)
_MIB = 1024**2


@dataclass(frozen=True)
class SourceFailure:
    """Something in a source that is not a video, or a listing that can't be read, and why."""

    source: str
    error: FimadError


def expand(sources: Sequence[str], config: Config) -> Iterator[Video | SourceFailure]:
    """The videos that sources name, in their order, each once.

    A source is a URL (video, playlist, channel, page), a search (`ytsearch20:kettlebell workout`), a YouTube id, a media
    file, a folder of them (searched in depth, in the order of names), a saved `.info.json`, or a list: a text file of
    URLs, or CSV, TSV, Parquet, JSON or JSON lines with a column of them. Relative paths in a list count from its folder.

    In a list each line is one video, so that 100,000 lines need no network; a playlist's address is recognised there for
    YouTube only.

    Raises `ConfigError` for a source that does not exist; whatever is wrong within a source comes as a `SourceFailure`.
    """
    expansion = _Expansion(config)
    for source in sources:
        yield from expansion.source(source)


def youtube_id(url: str) -> str | None:
    """The video id of a YouTube address (watch, short, embed, live, youtu.be); None for anything else."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if host not in _YOUTUBE_HOSTS:
        return None
    steps = [step for step in parts.path.split("/") if step]
    found = ""
    if host == "youtu.be":
        found = steps[0] if steps else ""
    elif steps[:1] == ["watch"]:
        found = urllib.parse.parse_qs(parts.query).get("v", [""])[0]
    elif len(steps) >= 2 and steps[0] in ("shorts", "embed", "live", "v", "e"):
        found = steps[1]
    return found if _YOUTUBE_ID.match(found) else None


def url_video(url: str) -> Video:
    """The video of a single-video address: YouTube's own id, else a readable slug and a hash of the address."""
    own = youtube_id(url)
    if own:
        return Video(own, "url", f"https://www.youtube.com/watch?v={own}")
    address = _normal(url)
    path = urllib.parse.unquote(urllib.parse.urlsplit(address).path).rstrip("/")
    stem = path.rpartition("/")[2].rpartition(".")[0] or path.rpartition("/")[2]
    return Video(f"{slug(stem)}-{_hex8(address.encode())}", "url", url)


def slug(text: str) -> str:
    """Lower-case letters, digits and hyphens of a text, at most 40; `video` if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "video"


def safe_id(text: object) -> str | None:
    """A given id, if it can be a file name as it is: on file systems that ignore case as well.

    Ids with capitals are kept only if they look like YouTube's, whose 64-letter alphabet makes two that differ in case
    alone all but impossible; such a pair in one run is refused.
    """
    if not isinstance(text, str) or not _SAFE_ID.match(text) or _RESERVED.match(text) or text.endswith("."):
        return None
    return text if text == text.lower() or _YOUTUBE_ID.match(text) else None


def file_video(path: Path) -> Video:
    """The video of a local media file: its info.json's id, else a slug of its name and a hash of its content.

    Raises `PermanentError` if the file or its info.json can't be read.
    """
    info = infojson.info_beside(path)
    if info is not None:
        given = safe_id(infojson.read_info(info).get("id"))
        if given:
            return Video(given, "file", str(path))
    return Video(f"{slug(path.stem)}-{_fingerprint(path)}", "file", str(path))


def _info_video(path: Path) -> Video:
    info = infojson.read_info(path)
    url = infojson.text_of(info.get("webpage_url")) or infojson.text_of(info.get("original_url"))
    media = infojson.media_beside(path)
    if media is not None:
        return file_video(media)
    if not url:
        raise PermanentError(
            f"{path.name!r} has no media file beside it, and no `webpage_url` to fetch one from.",
            "The media file was moved, or the metadata was written by another program.",
            "Put the media file beside it under the same name.",
            reason="bad_info_json",
        )
    return Video(safe_id(info.get("id")) or url_video(url).video_id, "info", str(path))


def _fingerprint(path: Path) -> str:
    """8 hex digits of a hash over size, first and last MiB: tells files apart without reading them whole."""
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
    return _hex8(f"{size}:".encode() + head + tail)


def _unreadable(path: Path, why: str) -> PermanentError:
    return PermanentError(
        f"{str(path)!r} can't be read: {why}.",
        "It was moved, or belongs to somebody else.",
        "Mend the path or the permissions.",
        reason="not_a_file",
    )


def _hex8(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def _normal(url: str) -> str:
    """An address without what does not matter: fragment, case of scheme and host."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path or "/", parts.query, ""))


class _Expansion:
    def __init__(self, config: Config) -> None:
        self.config = config
        self._guard = Guard(config.http)
        self._seen: dict[str, tuple[str, str]] = {}

    def source(self, source: str) -> Iterator[Video | SourceFailure]:
        text = source.strip()
        if _URL.match(text) or _SEARCH.match(text):
            yield from self._web(text, in_list=False)
            return
        path = Path(os.path.expanduser(text))
        if text and os.path.isdir(path):
            for each in _walk(path.absolute()):
                yield from (each,) if isinstance(each, SourceFailure) else self._local(each)
        elif os.path.isfile(path):
            path = path.absolute()
            is_list = path.suffix.lower() in LIST_SUFFIXES and not path.name.lower().endswith(INFO_SUFFIX)
            yield from self._list(path) if is_list else self._local(path)
        elif _YOUTUBE_ID.match(text) and not os.path.lexists(path):
            yield from self._web(f"https://www.youtube.com/watch?v={text}", in_list=False)
        else:
            raise ConfigError(
                f"There is no source {source!r}.",
                "It is neither a file or folder that exists nor a URL; in the shell, `?` and `&` in URLs need quotes.",
                "Name a URL, a search such as 'ytsearch20:home workout', a list, a file or a folder.",
            )

    def _list(self, path: Path) -> Iterator[Video | SourceFailure]:
        try:
            for text in read_list(path):
                yield from self._entry(text, path)
        except FimadError as error:
            yield SourceFailure(str(path), error)
        except OSError as error:
            yield SourceFailure(str(path), _unreadable(path, error.strerror or str(error)))

    def _entry(self, text: str, origin: Path) -> Iterator[Video | SourceFailure]:
        if _URL.match(text) or _SEARCH.match(text):
            yield from self._web(text, in_list=True)
            return
        path = (origin.parent / text).absolute()
        if os.path.isfile(path):
            yield from self._local(path)
        elif _YOUTUBE_ID.match(text):
            yield from self._web(f"https://www.youtube.com/watch?v={text}", in_list=True)
        else:
            yield SourceFailure(
                f"{origin}: {text[:200]}",
                PermanentError(
                    f"{text[:200]!r} in {origin.name} is neither a URL, a YouTube id nor a file that exists.",
                    "The line is damaged, or the list has another column for addresses.",
                    "Name the column `url`, or mend the line.",
                    reason="bad_source",
                ),
            )

    def _web(self, url: str, *, in_list: bool) -> Iterator[Video | SourceFailure]:
        try:
            if not _SEARCH.match(url):
                self._guard.check_url(url)
            if not _SEARCH.match(url) and _is_single(url, in_list=in_list):
                yield from self._once(url_video(url), _normal(url))
                return
            from fimad.pipeline.acquire.ytdlp import Session

            with tempfile.TemporaryDirectory() as folder, Session(self.config, Path(folder), _LOG) as session:
                for entry in session.entries(url):
                    target = str(entry["url"])
                    self._guard.check_url(target)
                    yield from self._once(url_video(target), _normal(target))
        except FimadError as error:
            yield SourceFailure(url, error)

    def _local(self, path: Path) -> Iterator[Video | SourceFailure]:
        make: Callable[[Path], Video] = _info_video if path.name.lower().endswith(INFO_SUFFIX) else file_video
        try:
            video = make(path)
            yield from self._once(video, video.location)
        except FimadError as error:
            yield SourceFailure(str(path), error)

    def _once(self, video: Video, identity: str) -> Iterator[Video | SourceFailure]:
        """A video, unless it came before; a failure if another one has its name."""
        known = self._seen.get(video.video_id.casefold())
        if known is None:
            self._seen[video.video_id.casefold()] = (video.video_id, identity)
            yield video
            return
        if known == (video.video_id, identity):
            return
        same_id = known[0] == video.video_id
        if same_id and (video.kind == "url" or _URL.match(known[1]) or _same_content(known[1], identity)):
            return
        yield SourceFailure(
            video.location,
            PermanentError(
                f"{video.location} and {known[1]} have the same name: {video.video_id} and {known[0]}.",
                "Two different videos carry the same id in their info.json, or ids that differ in upper and lower case only.",
                "Change the `id` in one of the info.json files, or delete that file.",
                reason="id_collision",
            ),
        )


def _same_content(one: str, other: str) -> bool:
    return _fingerprint(Path(one)) == _fingerprint(Path(other))


def _is_single(url: str, *, in_list: bool) -> bool:
    """Whether an address is that of one video, as far as can be told without asking for it."""
    if youtube_id(url):
        return True
    parts = urllib.parse.urlsplit(url)
    if (parts.hostname or "").lower() in _YOUTUBE_HOSTS:
        return _YOUTUBE_LISTING.match(f"{parts.path}?{parts.query}") is None
    if in_list or os.path.splitext(parts.path)[1].lower() in MEDIA_SUFFIXES | {".m3u8", ".mpd"}:
        return True
    from yt_dlp.extractor import gen_extractor_classes

    extractor = next(each for each in gen_extractor_classes() if each.suitable(url))
    return extractor.is_single_video(url) is True


def _walk(folder: Path) -> Iterator[Path | SourceFailure]:
    """Media files below a folder, and info.json files that have none beside them, in the order of their names.

    A folder that can't be read is a failure of its own, and costs no other.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield SourceFailure(str(folder), _unreadable(folder, error.strerror or str(error)))
        return
    for entry in found:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path)
        elif path.suffix.lower() in MEDIA_SUFFIXES or (
            entry.name.lower().endswith(INFO_SUFFIX) and infojson.media_beside(path) is None
        ):
            yield path
