"""Saved metadata (`.info.json`, as yt-dlp writes it) and caption files beside a local video.

All of it is hostile: read with a size limit, and every value checked for its type before use.
"""

from __future__ import annotations

import json
import logging
import math
import os
from pathlib import Path
from typing import Any

from fimad.errors import PermanentError
from fimad.pipeline.acquire.captions import MAX_CAPTION_BYTES, parse_captions
from fimad.pipeline.media.container import MEDIA_SUFFIXES

MAX_INFO_BYTES = 64 * 1024**2
INFO_SUFFIX = ".info.json"
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


def info_beside(media: Path) -> Path | None:
    """The info.json that belongs to a media file, if there is one: NAME.info.json beside NAME.mp4."""
    path = media.with_name(media.stem + INFO_SUFFIX)
    # Unlike Path.is_file, this takes names that are too long for what they are: no file.
    return path if os.path.isfile(path) else None


def media_beside(info: Path) -> Path | None:
    """The media file that belongs to an info.json, if there is one."""
    stem = info.name.removesuffix(INFO_SUFFIX)
    names = (stem + suffix for suffix in sorted(MEDIA_SUFFIXES))
    return next((path for path in map(info.with_name, names) if os.path.isfile(path)), None)


def captions_beside(media: Path, info: dict[str, Any], log: logging.Logger) -> list[dict[str, Any]]:
    """Lines of caption files beside a media file: NAME.LANGUAGE.vtt or NAME.vtt (also .srt, .sbv, .ttml, .json3).

    They count as human-made unless the info.json knows that language only from speech recognition.
    """
    human = info.get("subtitles") if isinstance(info.get("subtitles"), dict) else {}
    automatic = info.get("automatic_captions") if isinstance(info.get("automatic_captions"), dict) else {}
    rows: list[dict[str, Any]] = []
    for extension in ("vtt", "srt", "sbv", "ttml", "json3", "srv1"):
        for path in sorted(media.parent.glob(f"{_glob_escape(media.stem)}*.{extension}")):
            middle = path.name[len(media.stem) : -len(extension) - 1].strip(".")
            if not os.path.isfile(path) or (middle and not middle.replace("-", "").replace("_", "").isalnum()):
                continue
            if path.name[len(media.stem)] != ".":
                continue
            language = middle or text_of(info.get("language")) or ""
            kind = "automatic" if middle in (automatic or {}) and middle not in (human or {}) else "human"
            try:
                if path.stat().st_size > MAX_CAPTION_BYTES:
                    log.warning("%s is left out: more than %d bytes", path.name, MAX_CAPTION_BYTES)
                    continue
                cues = parse_captions(path.read_bytes(), extension)
            except (PermanentError, OSError) as error:
                log.warning("%s is left out: %s", path.name, error)
                continue
            rows += caption_rows(cues, language, kind)
    return rows


def caption_rows(cues: Any, language: str, kind: str) -> list[dict[str, Any]]:
    """Caption lines in the form of the `captions` column."""
    return [
        {"language": language, "kind": kind, "start_s": cue.start_s, "end_s": cue.end_s, "text": cue.text}
        for cue in cues
    ]


def _glob_escape(text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


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
        "thumbnail_url": text_of(info.get("thumbnail")),
        "chapters": chapters_of(info),
    }
