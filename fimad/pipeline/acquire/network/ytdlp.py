"""The adapter to yt-dlp: options, one video, listings, captions, and what its errors mean.

yt-dlp is used as a library, in this thread, inside a network guard. Its generic extractor does not read chapters that are
embedded in a file, and on an archive hit it returns a dict as if nothing had happened; both are dealt with by the caller
and by the hooks here.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fimad.config import Config
from fimad.errors import Filtered, FimadError, PermanentError, SetupError, TransientError
from fimad.pipeline.acquire.captions import MAX_CAPTION_BYTES
from fimad.pipeline.acquire.network.broadcast import not_recorded
from fimad.pipeline.acquire.network.netguard import Guard
from fimad.pipeline.acquire.network.yterrors import explain
from fimad.pipeline.media.container import FORMATS

Info = dict[str, Any]

# The best picture of at most the wanted height (the smaller side counts, so that upright video is treated alike), of
# those the codec that is cheapest to decode, then 30 pictures a second rather than 60.
_FORMAT = "bv*+ba/b/bv*"
_MAX_NESTING = 3
_MAX_HINTS = 200
_WITHHELD = re.compile(r"(subtitles|captions)\b.{0,80}\b(require a|because a) PO Token", re.IGNORECASE)


def ffmpeg_path() -> str:
    """Path of the ffmpeg program that imageio-ffmpeg brings; yt-dlp merges picture and sound with it."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise SetupError(
            "There is no ffmpeg program.",
            "The package imageio-ffmpeg has none for this platform.",
            "Install ffmpeg with the system's package manager, or set IMAGEIO_FFMPEG_EXE to its path.",
            reason="no_ffmpeg",
        ) from error


# What the last video's page said: its captions are asked for next, and need it no second time.
_SEEN: dict[str, tuple[float, Info, bool]] = {}
# Addresses of captions hold for hours.
_SEEN_S = 600.0


def seen(url: str) -> tuple[Info, bool] | None:
    """What a page said that this process looked at last, and whether it withholds captions; None if that was another, or long ago."""
    at, info, withheld = _SEEN.get(url, (float("-inf"), {}, False))
    return (info, withheld) if time.monotonic() - at < _SEEN_S else None


class Session:
    """yt-dlp with the project's options, for one video or one listing; for `with`.

    Parameters
    ----------
    config : sections `download` and `http` are used.
    folder : where files go; names in it come from here, never from the web.
    log : gets yt-dlp's messages.
    cache : where yt-dlp keeps what serves the next video as well (YouTube's player, once its challenge is solved).
    """

    def __init__(self, config: Config, folder: Path, log: logging.Logger, cache: Path | None = None) -> None:
        self.cache = cache
        self.hints: list[str] = []
        self._title = ""
        self.config = config
        self.folder = folder
        self.log = log
        self.finished: list[str] = []
        self._ffmpeg = ffmpeg_path()
        # yt-dlp looks for ffprobe beside ffmpeg, and does without it.
        probe = Path(self._ffmpeg).with_name("ffprobe")
        self.guard = Guard(config.http, programs=[self._ffmpeg, str(probe)])
        self._last_message = ""
        self._ydl: Any = None
        self._pending: Filtered | PermanentError | TransientError | None = None

    def __enter__(self) -> Session:
        import yt_dlp

        from fimad.pipeline.acquire.network.nethandler import handler_class

        handler = handler_class(self.config.http, self.guard)

        session = self

        class GuardedYoutubeDL(yt_dlp.YoutubeDL):  # type: ignore[misc]
            def write_debug(self, message: str, only_once: bool = False) -> None:
                # Without `verbose` yt-dlp keeps quiet about formats and captions that a token gate withholds.
                session.hint(message)
                super().write_debug(message, only_once)

            def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
                return super().build_request_director([handler], preferences)

        with self.guard:
            self._ydl = GuardedYoutubeDL(self._options())
        return self

    def __exit__(self, *error: object) -> None:
        self._ydl.close()

    def fetch(self, url: str) -> tuple[Info, Path]:
        """Download one video; returns yt-dlp's info and the media file.

        Raises `Filtered`, `PermanentError` or `TransientError` with one of the reasons of `yterrors`.
        """
        try:
            info = self._call(url, lambda: self._ydl.extract_info(url, download=True))
        finally:
            self.guard.counting = True
        if info.get("_type") == "playlist":
            info = next((entry for entry in info.get("entries") or () if entry), info)
        files = [each.get("filepath") for each in info.get("requested_downloads") or ()]
        path = Path(files[0]) if files and files[0] else None
        if path is None or not path.is_file() or not self.finished:
            raise Filtered(
                f"yt-dlp left {url} out: {self._last_message or 'no reason given'}.",
                "An option in `http.ytdlp` (`min_views`, `age_limit`, ...) leaves it out.",
                "Change that option to take it on.",
                reason="skipped_by_ytdlp",
            )
        _SEEN.clear()
        _SEEN[url] = time.monotonic(), info, self.withheld_captions
        return info, path

    def look(self, url: str) -> tuple[Info, bool]:
        """What a video's page says, and whether captions are withheld; nothing is downloaded. Raises as `fetch` does."""
        info = self._call(url, lambda: self._ydl.extract_info(url, download=False))
        if info.get("_type") == "playlist":
            info = next((entry for entry in info.get("entries") or () if entry), info)
        return info, self.withheld_captions

    def entries(self, url: str) -> Iterator[Info]:
        """The videos of a listing (playlist, channel, search, page), without downloading; one if it is a video itself.

        Lazy: pages of a long listing are read as they are needed. Each item has at least `url`.
        """
        yield from self._entries(url, 0)

    def _entries(self, url: str, depth: int) -> Iterator[Info]:
        info = self._call(url, lambda: self._ydl.extract_info(url, download=False, process=False))
        hops = 0
        while info.get("_type") in ("url", "url_transparent") and hops < _MAX_NESTING:
            hops += 1
            target = info["url"]
            info = self._call(url, lambda target=target: self._ydl.extract_info(target, download=False, process=False))
        if info.get("_type") not in ("playlist", "multi_video"):
            yield {**info, "url": info.get("webpage_url") or url, "ie_key": info.get("extractor_key")}
            return
        entries = iter(info.get("entries") or ())
        while True:
            entry = self._call(url, lambda: next(entries, None), allow_none=True)
            if entry is None:
                return
            target = _entry_url(entry)
            if not target:
                self.log.warning("an entry of %s has no address", url)
            elif self._is_listing(entry, target):
                if depth + 1 < _MAX_NESTING:
                    yield from self._entries(target, depth + 1)
            else:
                yield {**entry, "url": target}

    def _is_listing(self, entry: Info, target: str) -> bool:
        if entry.get("formats") or entry.get("_type", "video") == "video":
            return False
        key = entry.get("ie_key")
        if not key:
            return False
        return self._ydl.get_info_extractor(key).is_single_video(target) is False or "Tab" in key

    def caption(self, track: Info) -> bytes:
        """The bytes of one caption track of an info's `subtitles`."""
        if track.get("data") is not None:
            return str(track["data"]).encode()[:MAX_CAPTION_BYTES]
        if str(track.get("protocol", "")).startswith("m3u8"):
            path = self.folder / "captions.vtt"
            self._call(track["url"], lambda: self._ydl.dl(str(path), dict(track), subtitle=True), allow_none=True)
            return path.read_bytes()[:MAX_CAPTION_BYTES]
        response = self._call(track["url"], lambda: self._ydl.urlopen(track["url"]))
        return bytes(self._call(track["url"], lambda: response.read(MAX_CAPTION_BYTES)))

    def _call(self, url: str, action: Any, *, allow_none: bool = False) -> Any:
        """Run something of yt-dlp inside the guard, with its errors explained."""
        from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor

        # Parts of yt-dlp ask for ffmpeg without the options at hand, and would find another one on the PATH.
        location = FFmpegPostProcessor._ffmpeg_location.set(self._ffmpeg)
        try:
            with self.guard:
                if "://" in url:
                    self.guard.check_url(url)
                result = action()
        except FimadError as error:
            raise (self._pending or error) from error
        except Exception as error:
            # Extractors meet pages that they were not written for, and raise whatever comes of it.
            explained = self._pending or self.guard.blocked or explain(error, url, title=self._title, hints=self.hints)
            raise explained from error
        finally:
            FFmpegPostProcessor._ffmpeg_location.reset(location)
        if result is None and not allow_none:
            nothing = ValueError(self._last_message or "no result")
            raise self._pending or self.guard.blocked or explain(nothing, url, title=self._title, hints=self.hints)
        return result

    def _options(self) -> Info:
        http, download = self.config.http, self.config.download
        options: Info = {
            "logger": _Log(self),
            "quiet": True,
            "noprogress": True,
            "color": "never",
            "ignoreerrors": False,
            "extract_flat": "in_playlist",
            "noplaylist": True,
            "playlist_items": None,
            "cachedir": str(self.cache) if self.cache is not None else False,
            "socket_timeout": http.timeout_s,
            "retries": 3,
            "fragment_retries": 3,
            "extractor_retries": 1,
            "file_access_retries": 1,
            "skip_unavailable_fragments": False,
            "format": _FORMAT,
            "format_sort": [f"res:{download.max_height_px}", "vcodec:h264", "fps:30", "acodec:aac", "+size"],
            "overwrites": True,
            "updatetime": False,
        }
        options.update(http.ytdlp)
        options.update(
            {
                "paths": {"home": str(self.folder)},
                "outtmpl": {"default": "media.%(ext)s"},
                "merge_output_format": "mp4/mkv",
                "ffmpeg_location": self._ffmpeg,
                "postprocessor_args": {"ffmpeg_i": ["-protocol_whitelist", "file", "-format_whitelist", FORMATS]},
                # Only what is fetched by Python is checked, so ffmpeg must fetch nothing.
                "external_downloader": {"default": "native"},
                "hls_prefer_native": True,
                "fixup": "never",
                "progress_hooks": [self._on_progress],
                "match_filter": self._on_info,
            }
        )
        if http.token_provider:
            wanted = {"youtubepot-bgutilhttp": {"base_url": [http.token_provider.rstrip("/")]}}
            options["extractor_args"] = {**wanted, **(options.get("extractor_args") or {})}
        if http.cookies_file:
            options["cookiefile"] = str(self._copy_cookies(Path(http.cookies_file).expanduser()))
        if http.proxy:
            options["proxy"] = http.proxy
        if http.rate_limit_bytes_s:
            options["ratelimit"] = http.rate_limit_bytes_s
        return options

    def _copy_cookies(self, path: Path) -> Path:
        # yt-dlp writes the file when it closes: many workers would damage the user's own.
        target = self.folder / "cookies.txt"
        try:
            # Private from its first byte: a mode that is set afterwards leaves a moment for others.
            with path.open("rb") as source, open(target, "wb", opener=_private) as copy:
                shutil.copyfileobj(source, copy)
        except OSError as error:
            raise SetupError(
                f"The cookies file {str(path)!r} can't be read: {error.strerror}.",
                "`http.cookies_file` names a file that is not there or not yours.",
                "Export the cookies of your browser as cookies.txt (Netscape format), and give its path.",
                reason="cookies",
            ) from error
        return target

    def _on_info(self, info: Info, *, incomplete: bool = False) -> str | None:
        """Called by yt-dlp when it knows about a video, and again with the formats that it chose."""
        url = info.get("webpage_url") or info.get("original_url") or info.get("url") or "the video"
        limits = self.config.download
        self._title = str(info.get("title") or "")
        count = info.get("n_entries") or info.get("playlist_count") or 1
        if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
            self._stop(not_recorded(f"{url} is a live stream ({info.get('live_status') or 'live'}).", info))
        if count > 1:
            self._stop(
                PermanentError(
                    f"{url} holds {count} videos.",
                    "It is a playlist or a page with several videos, in a list where each line is one video.",
                    "Name it as a source by itself: fimad build URL",
                    reason="playlist",
                )
            )
        duration = info.get("duration")
        if isinstance(duration, int | float) and duration > limits.max_duration_s:
            self._stop(
                Filtered(
                    f"{url} lasts {duration:.0f} s, more than {limits.max_duration_s:.0f} s.",
                    "It is longer than the configuration takes on.",
                    "Raise `download.max_duration_s` to take it on.",
                    reason="too_long",
                )
            )
        chosen = info.get("requested_formats") or [info]
        sides = [each.get(name) or 0 for each in chosen for name in ("width", "height")]
        if max(sides) > limits.max_side_px and not incomplete and info.get("format_id"):
            self._stop(
                Filtered(
                    f"{url} has pictures with a side of {max(sides)}; the longest taken on is {limits.max_side_px}.",
                    "No smaller format is offered.",
                    "Raise `download.max_side_px` to take it on.",
                    reason="too_high_resolution",
                )
            )
        if not incomplete and info.get("format_id"):
            self._check_size(url, sum(each.get("filesize") or each.get("filesize_approx") or 0 for each in chosen))
            # From here on it is media that is asked for, which other limits are for.
            self.guard.counting = False
        return None

    def _on_progress(self, status: Info) -> None:
        info = status.get("info_dict") or {}
        self._check_size(
            info.get("webpage_url") or "the video",
            max(status.get("downloaded_bytes") or 0, status.get("total_bytes") or 0),
        )
        if status.get("status") == "finished":
            self.finished.append(str(status.get("filename")))

    def _check_size(self, url: str, size: float) -> None:
        limit = self.config.download.max_bytes
        if size > limit:
            self._stop(
                Filtered(
                    f"{url} has {size:.0f} bytes or more; the most taken on is {limit}.",
                    "It is longer or larger than the configuration takes on.",
                    "Raise `download.max_bytes`, or lower `download.max_height_px`.",
                    reason="too_large",
                )
            )

    def _stop(self, error: Filtered | PermanentError | TransientError) -> None:
        # yt-dlp wraps what hooks raise: keep the first.
        self._pending = self._pending or error
        raise error

    def hint(self, message: str) -> None:
        """Remember what yt-dlp warned of: it tells why there are no formats, or which captions are withheld."""
        if len(self.hints) < _MAX_HINTS:
            self.hints.append(message)

    @property
    def withheld_captions(self) -> bool:
        """Whether the platform has captions that it gives out with a token alone."""
        return any(_WITHHELD.search(each) for each in self.hints)

    def note(self, message: str) -> None:
        """Remember yt-dlp's last message."""
        self._last_message = message


class _Log:
    """yt-dlp's logger protocol. What it prints to the screen arrives as `debug`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def debug(self, message: str) -> None:
        self._session.note(message)
        if not message.startswith("[debug] "):
            self._session.log.info("%s", message)

    def info(self, message: str) -> None:
        self.debug(message)

    def warning(self, message: str) -> None:
        self._session.hint(message)
        self._session.log.warning("%s", message)

    def error(self, message: str) -> None:
        self._session.note(message)
        self._session.log.error("%s", message)


def _entry_url(entry: Info) -> str:
    """The address to download an entry of a listing from."""
    if entry.get("_type") in ("url", "url_transparent"):
        url = str(entry.get("url") or "")
        # Some listings of YouTube give the bare id.
        return f"https://www.youtube.com/watch?v={url}" if entry.get("ie_key") == "Youtube" and "/" not in url else url
    formats = [each for each in entry.get("formats") or () if isinstance(each, dict)]
    own = entry.get("webpage_url") or entry.get("url")
    return str(own or (formats[-1].get("url") if formats else "") or "")


def _private(path: str, flags: int) -> int:
    """An opener of files that nobody else may read."""
    return os.open(path, flags, 0o600)
