"""The `captions` stage: what is said in a video, in lines with times, as its platform or a file beside it has them.

A stage of its own, so that other languages ask for captions again and for no video.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from fimad.errors import PermanentError, TransientError
from fimad.pipeline.acquire import infojson
from fimad.pipeline.acquire.captions import CAPTION_FORMATS, Cue, parse_captions
from fimad.pipeline.acquire.languages import tag_of, wanted_language
from fimad.pipeline.acquire.timeline import compare, cues_in_file
from fimad.pipeline.contract import Resource, Stage, StageInput
from fimad.schema import CAPTIONS

_Row = dict[str, Any]


class CaptionsStage(Stage):
    """Fetches the captions of one video; one row.

    Times are seconds on the video's own clock. `captions` is empty where there are none, and NULL where they exist and can't be had; Whisper
    stands in for them then. Captions that may be had later (429, a broken connection) are a transient failure.
    """

    name: ClassVar[str] = "captions"
    version: ClassVar[int] = 2
    upstream: ClassVar[tuple[str, ...]] = ("download",)
    resource: ClassVar[Resource] = "network"

    def schema(self) -> pa.Schema:
        return CAPTIONS

    def requires(self) -> tuple[str, ...]:
        return "yt_dlp", "imageio_ffmpeg", "webvtt", "chardet"

    def run(self, item: StageInput) -> pa.Table:
        """Raises `TransientError` for what is worth another try."""
        length_s = float(item.tables["download"].column("duration_s")[0].as_py())
        captions: list[_Row] | None = []
        note = None
        if self.config.captions.languages:
            try:
                captions = self._found(item, length_s)
            except PermanentError as error:
                # They are not worth the video, nor its transcript.
                item.log.warning("captions can't be had: %s", error)
                captions, note = None, error.reason
        row = {"video_id": item.video.video_id, "captions": captions, "captions_note": note}
        return pa.Table.from_pylist([row], schema=CAPTIONS)

    def _found(self, item: StageInput, length_s: float) -> list[_Row]:
        if item.video.kind == "url":
            return self._from_web(item, item.video.location, length_s)
        path = Path(item.video.location)
        media = path if item.video.kind == "file" else infojson.media_beside(path)
        if media is None:
            return self._from_web(item, infojson.page_of(path), length_s)
        info_path = infojson.info_beside(media)
        info = infojson.read_info(info_path) if info_path else {}
        info = {} if infojson.is_playlist(info) else info
        published = compare(info, length_s)
        return infojson.captions_beside(media, info, self.config.captions.languages, published, length_s, item.log)

    def _from_web(self, item: StageInput, url: str, length_s: float) -> list[_Row]:
        from fimad.pipeline.acquire.network.ytdlp import Session, seen

        known = seen(url)
        with Session(self.config, item.scratch, item.log, item.cache) as session:
            try:
                info, withheld = known or session.look(url)
                published = compare(info, length_s)
                rows: list[_Row] = []
                refused: PermanentError | None = None
                for language, kind, tracks in choose_captions(info, self.config.captions.languages):
                    try:
                        cues = cues_in_file(_first_readable(session, tracks, item.log), published, length_s)
                    except PermanentError as error:
                        item.log.warning("%s captions (%s) can't be had: %s", kind, language, error)
                        refused = error
                        continue
                    rows += infojson.caption_rows(cues, language, kind)
                if refused is not None and not rows:
                    raise refused
            finally:
                item.requests(session.guard.requests)
        if withheld and not any(row["kind"] == "human" for row in rows):
            item.log.warning("captions are withheld without a PO token: set `http.token_provider` (docs/youtube.md)")
            rows.append({"kind": "withheld", "language": None, "start_s": 0.0, "end_s": 0.0, "text": ""})
        return rows


def choose_captions(info: _Row, languages: tuple[str, ...]) -> list[tuple[str, str, list[_Row]]]:
    """The caption tracks to fetch: (language, kind, its formats, best first).

    Of each kind the first wanted language that exists, regional forms included (`en-GB` for `en`, and `en` for `en-GB`). Automatic
    captions are taken only in the language that is spoken: the platform's machine translations of them are left out.
    """
    chosen = []
    spoken = infojson.spoken_language(info)
    for kind, key in (("human", "subtitles"), ("automatic", "automatic_captions")):
        offered = info.get(key)
        tracks = offered if isinstance(offered, dict) else {}
        formats: dict[str, list[_Row]] = {}
        # In this order what the platform heard itself (`en-orig`) stands for its language.
        for name in sorted(each for each in tracks if isinstance(each, str)):
            usable = _usable(tracks[name])
            if usable:
                formats[tag_of(name.removesuffix("-orig"))] = usable
        language = wanted_language(list(formats), languages, spoken, translated=kind == "automatic")
        if language is not None:
            chosen.append((language, kind, formats[language]))
    return chosen


def _usable(tracks: Any) -> list[_Row]:
    """The formats of a track that can be read, best first."""
    if not isinstance(tracks, list):
        return []
    known = [each for each in tracks if isinstance(each, dict) and each.get("ext") in CAPTION_FORMATS]
    return sorted(known, key=lambda each: CAPTION_FORMATS.index(each["ext"]))


def _first_readable(session: Any, tracks: list[_Row], log: logging.Logger) -> list[Cue]:
    for at, track in enumerate(tracks):
        try:
            return parse_captions(session.caption(track), track["ext"], log=log)
        except PermanentError as error:
            if error.reason != "bad_captions" or at + 1 == len(tracks):
                raise
        except TransientError as error:
            if error.reason != "http_403":
                raise
            # The page came from the same server: it is this track that is kept back, and will be next time.
            raise PermanentError(error.what, error.why, error.fix, reason=error.reason) from error
    return []


def captions_of(tables: Mapping[str, pa.Table]) -> list[_Row]:
    """The caption lines of a video, from the tables that a stage reads; none where they are left out."""
    if "captions" not in tables:
        return []
    return tables["captions"].column("captions")[0].as_py() or []
