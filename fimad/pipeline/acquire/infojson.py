"""Saved metadata (`.info.json`, as yt-dlp writes it) and caption files beside a local video.

All of it is hostile: read with a size limit, and every value checked for its type before use.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fimad.errors import PermanentError
from fimad.pipeline.acquire.addresses import without_secrets
from fimad.pipeline.acquire.beside import CaptionFile, folder_of
from fimad.pipeline.acquire.captions import CAPTION_FORMATS, MAX_CAPTION_BYTES, Cue, bad_captions, parse_captions
from fimad.pipeline.acquire.languages import choose_language, tag_of
from fimad.pipeline.acquire.timeline import Published, cues_in_file

MAX_INFO_BYTES = 64 * 1024**2
_MAX_TEXT = 200_000
_MAX_ITEMS = 100_000


def read_info(path: Path) -> dict[str, Any]:
    """Read an info.json. Raises `PermanentError` (reason ``bad_info_json``) unless it is a JSON object of sane size."""
    try:
        size = path.stat().st_size
        if size > MAX_INFO_BYTES:
            raise _bad(path, f"it has {size} bytes, more than {MAX_INFO_BYTES}")
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _bad(path, str(error)) from error
    if not isinstance(data, dict):
        raise _bad(path, "it is not a JSON object")
    return data


def _bad(path: Path, why: str) -> PermanentError:
    return PermanentError(
        f"{path.name!r} can't be read: {why[:300]}.",
        "The file was cut off or edited, or is not metadata at all.",
        "Mend or delete it: a video without it is taken on without metadata.",
        reason="bad_info_json",
    )


def is_playlist(info: dict[str, Any]) -> bool:
    """Whether metadata describes several videos together, not one."""
    return info.get("_type") in ("playlist", "multi_video") or isinstance(info.get("entries"), list)


def describes_playlist(path: Path) -> bool:
    """The same of a file; False if it can't be read."""
    try:
        return is_playlist(read_info(path))
    except PermanentError:
        return False


def info_beside(media: Path) -> Path | None:
    """The info.json that belongs to a media file, if there is one: NAME.info.json beside NAME.mp4."""
    try:
        return folder_of(media).info(media.name)
    except OSError:
        return None


def media_beside(info: Path) -> Path | None:
    """The media file that belongs to an info.json, if there is one."""
    try:
        return folder_of(info).media(info.name)
    except OSError:
        return None


def page_of(path: Path) -> str:
    """The address that an info.json without a media file names; raises `PermanentError` if it names none."""
    info = read_info(path)
    url = text_of(info.get("webpage_url")) or text_of(info.get("original_url"))
    if not url:
        raise PermanentError(
            f"{path.name!r} has no media file beside it, and no `webpage_url` to fetch one from.",
            "The media file was moved, or the metadata was written by another program.",
            "Put the media file beside it under the same name.",
            reason="bad_info_json",
        )
    return url


def captions_beside(
    media: Path,
    info: dict[str, Any],
    languages: Sequence[str],
    published: Published,
    length_s: float,
    log: logging.Logger,
) -> list[dict[str, Any]]:
    """Lines of the caption files beside a media file: one track that a human made, and one from speech recognition.

    Files are NAME.LANGUAGE.vtt or NAME.vtt (also .srt, .ass, .sbv, .ttml, .json3, ...). They count as human-made unless their name
    says otherwise, or the info.json knows that language only from speech recognition. Of each kind the first of the wanted
    `languages` is taken, else the one that is spoken, else one without a language, else the only one; of twins in several
    formats the best that can be read. Times are brought to the file's clock, see `cues_in_file`.

    Raises `PermanentError` where there are captions and none of them can be used.
    """
    human, automatic = (_languages(info.get(key)) for key in ("subtitles", "automatic_captions"))
    spoken = spoken_language(info)
    folder = folder_of(media)
    for name in folder.unclear(media.name):
        log.warning("%s is left out: its name says no language", name)
    reader = _Reader(log)
    tracks: dict[tuple[str, str], list[CaptionFile]] = {}
    for file in folder.captions(media.name):
        if file.forced:
            reader.refuse(file.path.name, _forced(file))
            continue
        known_only = file.language in automatic - human
        kind = "automatic" if file.automatic or known_only else "human"
        tracks.setdefault((kind, file.language), []).append(file)
    rows: list[dict[str, Any]] = []
    for kind in ("automatic", "human"):
        language, cues = _chosen(
            {each[1]: tracks[each] for each in tracks if each[0] == kind}, languages, spoken, kind, reader
        )
        if language is None:
            continue
        try:
            rows += caption_rows(cues_in_file(cues, published, length_s), language or spoken, kind)
        except PermanentError as error:
            reader.refuse(f"{kind} captions ({language})", error)
    if reader.refused and not rows:
        raise reader.refused[0]
    return rows


def spoken_language(info: dict[str, Any]) -> str:
    """The language that is spoken in a video, else the only one that the platform heard itself (`en-orig`); "" if nobody says."""
    language = text_of(info.get("language"))
    offered = info.get("automatic_captions")
    heard = {each for each in offered if str(each).endswith("-orig")} if isinstance(offered, dict) else set()
    if language is None and len(heard) == 1:
        language = text_of(heard.pop())
    return tag_of((language or "").removesuffix("-orig"))


def _languages(offered: Any) -> frozenset[str]:
    return frozenset(tag_of(str(each)) for each in offered) if isinstance(offered, dict) else frozenset()


def _forced(file: CaptionFile) -> PermanentError:
    return PermanentError(
        f"{file.path.name!r} is named as forced captions, which hold only what is said in a foreign language.",
        "The others were not copied with it.",
        "Put the full captions beside it, or take `forced` out of its name if it holds all that is said.",
        reason="forced_captions",
    )


class _Reader:
    """Reads caption files, and keeps why some can't be used."""

    def __init__(self, log: logging.Logger) -> None:
        self.log = log
        self.refused: list[PermanentError] = []

    def refuse(self, what: str, error: PermanentError) -> None:
        self.log.warning("%s is left out: %s", what, error)
        self.refused.append(error)

    def first_readable(self, files: Sequence[CaptionFile]) -> list[Cue]:
        """The cues of the best of twins that has any."""
        # Of two that were heard, `en-orig` is what was, and `en` may be translated.
        best = sorted(
            files, key=lambda file: (CAPTION_FORMATS.index(file.extension), not file.automatic, len(file.path.name))
        )
        for file in best:
            try:
                cues = self._read(file)
            except PermanentError as error:
                self.refuse(file.path.name, error)
                continue
            if cues:
                return cues
        return []

    def _read(self, file: CaptionFile) -> list[Cue]:
        try:
            with file.path.open("rb") as opened:
                data = opened.read(MAX_CAPTION_BYTES + 1)
        except OSError as error:
            raise bad_captions(str(error)) from error
        return parse_captions(data, file.extension, file.language, self.log)


def _chosen(
    tracks: dict[str, list[CaptionFile]], wanted: Sequence[str], spoken: str, kind: str, reader: _Reader
) -> tuple[str | None, list[Cue]]:
    """The language of the track to take, and its cues; what can't be read does not count."""
    left = dict(tracks)
    read: dict[str, list[Cue]] = {}
    while True:
        language = choose_language(list(left), wanted, spoken, translated=kind == "automatic")
        if language is None and len(read) < len(left):
            # Not wanted by name; perhaps only one of them can be read.
            unread = next(each for each in left if each not in read)
            read[unread] = reader.first_readable(left[unread])
            left = {each: files for each, files in left.items() if read.get(each, [None])}
            continue
        if language is None:
            if left:
                reader.log.warning("%s captions in %s are not wanted: captions.languages", kind, ", ".join(left))
            return None, []
        cues = read.get(language) or reader.first_readable(left.pop(language))
        if cues:
            return language, cues


def caption_rows(cues: Any, language: str, kind: str) -> list[dict[str, Any]]:
    """Caption lines in the form of the `captions` column."""
    return [
        {"language": language, "kind": kind, "start_s": cue.start_s, "end_s": cue.end_s, "text": cue.text}
        for cue in cues
    ]


def text_of(value: Any) -> str | None:
    """A string as it can be stored: of limited length, and valid UTF-8 (JSON may hold lone surrogates)."""
    if not isinstance(value, str) or not value:
        return None
    return value[:_MAX_TEXT].encode("utf-8", errors="replace").decode("utf-8")


def texts_of(value: Any) -> list[str] | None:
    """A list of strings; NULL if there is none."""
    if not isinstance(value, list):
        return None
    return [text for each in value[:_MAX_ITEMS] if (text := text_of(each)) is not None]


def number_of(value: Any) -> float | None:
    """A number as float; also from digits in a string. NaN and infinity stay, for the reader to judge."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def chapters_of(info: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The platform's chapters as they are, with whatever is no number as NaN; NULL if there are none."""
    chapters = info.get("chapters")
    if not isinstance(chapters, list) or not chapters:
        return None
    found = []
    for chapter in chapters[:_MAX_ITEMS]:
        each = chapter if isinstance(chapter, dict) else {}
        start = number_of(each.get("start_time"))
        found.append(
            {
                "start_s": math.nan if start is None else start,
                "end_s": number_of(each.get("end_time")),
                "title": text_of(each.get("title")),
            }
        )
    return found


def metadata_of(info: dict[str, Any]) -> dict[str, Any]:
    """The columns of the `download` artifact that come from metadata."""
    return {
        "title": text_of(info.get("title")),
        "description": text_of(info.get("description")),
        "channel": text_of(info.get("channel")) or text_of(info.get("uploader")),
        "channel_id": text_of(info.get("channel_id")) or text_of(info.get("uploader_id")),
        "upload_date": text_of(info.get("upload_date")),
        "license": text_of(info.get("license")),
        "language": text_of(info.get("language")),
        "tags": texts_of(info.get("tags")),
        "categories": texts_of(info.get("categories")),
        "thumbnail_url": without_secrets(text_of(info.get("thumbnail")) or "") or None,
        "chapters": chapters_of(info),
    }
