"""The `download` stage: a media file and what is known about it.

Local files stay where they are. Everything else comes through yt-dlp, is probed, and is stored beside the artifact.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from fimad.config import YTDLP_BYTES
from fimad.pipeline.acquire import infojson
from fimad.pipeline.acquire.addresses import without_secrets
from fimad.pipeline.acquire.comments import comments_of
from fimad.pipeline.acquire.given import Given
from fimad.pipeline.acquire.timeline import Published, chapters_in_file, compare
from fimad.pipeline.contract import Resource, Stage, StageInput
from fimad.pipeline.media.probe import Limits, MediaInfo, probe, sha256_of
from fimad.schema import DOWNLOAD, DOWNLOAD_CUES


class DownloadStage(Stage):
    """Fetches one video; one row.

    Times in the artifact are seconds on the video's own clock.
    """

    name: ClassVar[str] = "download"
    version: ClassVar[int] = 5
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
        return "av", "yt_dlp", "imageio_ffmpeg"

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
            "retrieved_on": modified.date().isoformat(),
        }

    def _from_info(self, item: StageInput, path: Path) -> dict[str, Any]:
        media = infojson.media_beside(path)
        if media is not None:
            return self._from_file(item, media)
        return self._from_web(item, infojson.page_of(path))

    def _from_web(self, item: StageInput, url: str) -> dict[str, Any]:
        from fimad.pipeline.acquire.network.ytdlp import Session

        with Session(self.config, item.scratch, item.log, item.cache) as session:
            try:
                info, path = session.fetch(url)
                probed = probe(path, self._limits(), item.log)
                published = _compared(info, probed, item)
            finally:
                item.requests(session.guard.requests)
        row = {
            **infojson.metadata_of(info),
            **_measured(probed),
            **_on_the_file(info, published),
            "media_sha256": sha256_of(path),
            "url": infojson.text_of(info.get("webpage_url")) or url,
            "extractor": infojson.text_of(info.get("extractor")),
            "retrieved_on": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        }
        # Last, because it moves the file.
        row["media"] = item.publish_file(path, probed.suffix)
        return row


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
