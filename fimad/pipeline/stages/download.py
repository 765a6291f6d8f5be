"""The `download` stage: a media file and what is known about it.

Local files stay where they are. Everything else comes through yt-dlp, is probed, and is stored beside the artifact.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from fimad.config import YTDLP_BYTES
from fimad.errors import FimadError, PermanentError
from fimad.pipeline.acquire import infojson
from fimad.pipeline.acquire.addresses import without_secrets
from fimad.pipeline.acquire.captions import CAPTION_FORMATS, Cue, parse_captions
from fimad.pipeline.acquire.comments import comments_of
from fimad.pipeline.acquire.given import Given
from fimad.pipeline.acquire.timeline import Published, chapters_in_file, compare, cues_in_file
from fimad.pipeline.contract import Resource, Stage, StageInput
from fimad.pipeline.media.probe import Limits, MediaInfo, probe, sha256_of
from fimad.schema import DOWNLOAD, DOWNLOAD_CUES


class DownloadStage(Stage):
    """Fetches one video; one row.

    Times in the artifact are seconds on the video's own clock. `captions` is NULL where captions exist but could not be
    fetched, and empty where there are none.
    """

    name: ClassVar[str] = "download"
    version: ClassVar[int] = 3
    resource: ClassVar[Resource] = "network"
    limits: ClassVar[Mapping[str, str]] = {
        "too_long": "max_duration_s",
        "too_large": "max_bytes",
        "too_high_resolution": "max_side_px",
    }

    def beyond_section(self) -> dict[str, Any]:
        """Which formats are taken: yt-dlp's options for that stand in `http.ytdlp`; and whether comments are kept."""
        chosen = self.config.http.ytdlp
        beyond = {name: chosen[name] for name in sorted(chosen) if name in YTDLP_BYTES}
        return beyond | {"comments": True} if self._with_comments else beyond

    @property
    def _with_comments(self) -> bool:
        # Other people's words: kept only where they are used.
        return self.config.segment.fallback == "cues"

    def schema(self) -> pa.Schema:
        return DOWNLOAD_CUES if self._with_comments else DOWNLOAD

    def requires(self) -> tuple[str, ...]:
        return "av", "yt_dlp", "imageio_ffmpeg", "webvtt", "chardet"

    def run(self, item: StageInput) -> pa.Table:
        """Raises `Filtered`, `PermanentError` or `TransientError`; the reasons are in `media` and `yterrors`."""
        if item.video.kind == "url":
            row = self._from_web(item, item.video.location)
        elif item.video.kind == "file":
            row = self._from_file(item, Path(item.video.location))
        else:
            row = self._from_info(item, Path(item.video.location))
        row["video_id"] = item.video.video_id
        row["source_fingerprint"] = item.video.fingerprint or None
        row["url"] = without_secrets(row["url"]) if row["url"] else None
        row |= _said(Given.from_text(item.video.given), row["channel_id"])
        return pa.Table.from_pylist([row], schema=self.schema())

    def _limits(self) -> Limits:
        section = self.config.download
        return Limits(section.max_bytes, section.max_duration_s, section.max_side_px)

    def _from_file(self, item: StageInput, path: Path) -> dict[str, Any]:
        info_path = infojson.info_beside(path)
        info = infojson.read_info(info_path) if info_path else {}
        if infojson.is_playlist(info):
            item.log.warning("%s is not used: it describes a playlist", info_path)
            info = {}
        probed = probe(path, self._limits(), item.log)
        published = _compared(info, probed, item)
        captions = None
        if self.config.download.captions:
            languages = self.config.download.caption_languages
            captions = infojson.captions_beside(path, info, languages, published, probed.duration_s, item.log)
        modified = datetime.datetime.fromtimestamp(path.stat().st_mtime, tz=datetime.UTC)
        return {
            **infojson.metadata_of(info),
            **_measured(probed),
            **_on_the_file(info, published),
            "title": infojson.text_of(info.get("title")) or infojson.text_of(path.stem),
            "media": path.absolute().as_uri(),
            "media_sha256": sha256_of(path),
            "url": infojson.text_of(info.get("webpage_url")),
            "extractor": infojson.text_of(info.get("extractor")) or "local",
            "captions": captions,
            "retrieved_on": modified.date().isoformat(),
        }

    def _from_info(self, item: StageInput, path: Path) -> dict[str, Any]:
        media = infojson.media_beside(path)
        if media is not None:
            return self._from_file(item, media)
        info = infojson.read_info(path)
        url = infojson.text_of(info.get("webpage_url")) or infojson.text_of(info.get("original_url"))
        if not url:
            raise PermanentError(
                f"{path.name!r} has no media file beside it, and no `webpage_url` to fetch one from.",
                "The media file was moved, or the metadata was written by another program.",
                "Put the media file beside it under the same name.",
                reason="bad_info_json",
            )
        return self._from_web(item, url)

    def _from_web(self, item: StageInput, url: str) -> dict[str, Any]:
        from fimad.pipeline.acquire.network.ytdlp import Session

        with Session(self.config, item.scratch, item.log, item.cache) as session:
            try:
                info, path = session.fetch(url)
                probed = probe(path, self._limits(), item.log)
                published = _compared(info, probed, item)
                captions = None
                if self.config.download.captions:
                    captions = self._captions(
                        session, info, item, lambda cues: cues_in_file(cues, published, probed.duration_s)
                    )
            finally:
                item.requests(session.guard.requests)
        row = {
            **infojson.metadata_of(info),
            **_measured(probed),
            **_on_the_file(info, published),
            "media_sha256": sha256_of(path),
            "url": infojson.text_of(info.get("webpage_url")) or url,
            "extractor": infojson.text_of(info.get("extractor")),
            "captions": captions,
            "retrieved_on": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        }
        # Last, because it moves the file.
        row["media"] = item.publish_file(path, probed.suffix)
        return row

    def _captions(
        self, session: Any, info: dict[str, Any], item: StageInput, fit: Callable[[list[Cue]], list[Cue]]
    ) -> list[dict[str, Any]] | None:
        rows: list[dict[str, Any]] = []
        for language, kind, tracks in choose_captions(info, self.config.download.caption_languages):
            try:
                rows += infojson.caption_rows(fit(_first_readable(session, tracks)), language, kind)
            except FimadError as error:
                # Whisper can stand in for captions; they are not worth the video.
                item.log.warning("%s captions (%s) could not be fetched: %s", kind, language, error)
                return None
        if session.withheld_captions and not any(row["kind"] == "human" for row in rows):
            item.log.warning("captions are withheld without a PO token: set `http.token_provider` (docs/youtube.md)")
            rows.append({"kind": "withheld", "language": None, "start_s": 0.0, "end_s": 0.0, "text": ""})
        return rows


def _compared(info: dict[str, Any], probed: MediaInfo, item: StageInput) -> Published:
    published = compare(info, probed.duration_s)
    if published.note:
        item.log.warning("published times: %s", published.note)
    return published


def _on_the_file(info: dict[str, Any], published: Published) -> dict[str, Any]:
    """The columns with what the metadata say of times."""
    ranges = published.ranges
    return {
        "chapters": chapters_in_file(infojson.chapters_of(info), published),
        "published_ranges": None if ranges is None else [{"start_s": start, "end_s": end} for start, end in ranges],
        "published_note": published.note,
        "comments": comments_of(info) or None,
    }


def _said(given: Given, channel_id: str | None) -> dict[str, Any]:
    """The columns with what a list or a folder says."""
    clips = [{"start_s": each.start_s, "end_s": each.end_s, "title": each.label} for each in given.clips]
    return {
        "person": given.person,
        "channel_id": given.channel_id or channel_id,
        "given_split": given.split,
        "given_label": given.label,
        "given_clips": clips or None,
    }


def choose_captions(info: dict[str, Any], languages: tuple[str, ...]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """The caption tracks to fetch: (language, kind, its formats, best first).

    Of each kind the first wanted language that exists, regional forms included (`en-GB` for `en`). Automatic captions are
    taken only in the language that is spoken: the platform's machine translations of them are left out.
    """
    chosen = []
    spoken = (infojson.text_of(info.get("language")) or "").split("-")[0]
    for kind, key in (("human", "subtitles"), ("automatic", "automatic_captions")):
        offered = info.get(key)
        if not isinstance(offered, dict):
            continue
        for wanted in languages:
            if kind == "automatic" and spoken and wanted.split("-")[0] != spoken:
                continue
            names = [f"{wanted}-orig", wanted] if kind == "automatic" else [wanted]
            names += sorted(name for name in offered if isinstance(name, str) and name.startswith(f"{wanted}-"))
            name = next((name for name in names if name in offered), None)
            tracks = offered.get(name) if name else None
            if isinstance(tracks, list):
                usable = [track for track in tracks if isinstance(track, dict) and track.get("ext") in CAPTION_FORMATS]
                usable.sort(key=lambda track: CAPTION_FORMATS.index(track["ext"]))
                if usable:
                    chosen.append((str(name).removesuffix("-orig"), kind, usable))
                    break
    return chosen


def _first_readable(session: Any, tracks: list[dict[str, Any]]) -> Any:
    for at, track in enumerate(tracks):
        try:
            return parse_captions(session.caption(track), track["ext"])
        except PermanentError as error:
            if error.reason != "bad_captions" or at + 1 == len(tracks):
                raise
    return []


def _measured(probed: MediaInfo) -> dict[str, Any]:
    return {
        "media_bytes": probed.size_bytes,
        "duration_s": probed.duration_s,
        "picture_start_s": probed.start_s,
        "picture_spans": [{"first_s": first, "last_s": last} for first, last in probed.spans_s],
        "video_stream": probed.video_stream,
        "video_choice": probed.video_choice or None,
        "width_px": probed.width_px,
        "height_px": probed.height_px,
        "has_audio": probed.has_audio,
        "sound_note": probed.sound_note or None,
        "container_chapters": [
            {"start_s": start, "end_s": end, "title": infojson.text_of(title)} for start, end, title in probed.chapters
        ],
    }
