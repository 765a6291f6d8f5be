"""The `segment` stage: chapters to clips.

Chapters come from the platform, from the media file, or from the description, whichever of the configured sources is
first to have some. A clip keeps its place among the chapters as published (`clip_index`), so that ids agree with other
tools' (`{video_id}___{index}`), and a chapter that is left out keeps its row with the reason.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from fimad.config import Config, SegmentConfig
from fimad.errors import Filtered, PermanentError
from fimad.pipeline.acquire.timeline import Published, chapters_in_file
from fimad.pipeline.contract import ModelFile, Stage, StageInput
from fimad.pipeline.stages.captions import captions_of
from fimad.pipeline.stages.chapters import label_of, read_description
from fimad.pipeline.stages.speech import Recogniser, load_recogniser, whisper_libraries, whisper_name
from fimad.schema import SEGMENT, SEGMENT_CUES

if TYPE_CHECKING:
    from fimad.pipeline.stages.cues.proposals import Proposal

MAX_CLIPS = 10_000
# Times are sums of binary fractions.
_ROUNDING_S = 1e-6
# Windows and scenes of a file's own length: ten hours of tenths of a second are a mistake, four hours of seconds are not.
MAX_SPANS = 100_000
# What yt-dlp calls a chapter that the platform gives no title.
_UNTITLED = re.compile(r"<Untitled Chapter \d+>")


@dataclass(frozen=True)
class Chapter:
    """A chapter as published; times in s, not checked: they may be NaN, negative, missing or in any order.

    A `stray` is a line of a description whose time is out of order among the others.
    """

    start_s: float
    end_s: float | None
    title: str | None
    stray: bool = False


@dataclass(frozen=True)
class Clip:
    """A chapter with its times mended; `filtered` says why it is left out, None if it is kept."""

    index: int
    start_s: float
    end_s: float
    title: str | None
    filtered: str | None


def mend(chapters: Sequence[Chapter], duration_s: float, limits: SegmentConfig) -> list[Clip]:
    """Turn published chapters into clips that lie within the video and do not overlap.

    Beginnings below 0 become 0. A chapter ends at its own end, at the beginning of the next one in time, or at the end of
    the video, whichever comes first; one that states no end, or one before its beginning, ends at the next. What can't be
    mended is kept with a reason: ``invalid_time`` (not a number), ``beyond_end`` (begins after the video ends), ``empty``
    (no time is left), ``out_of_order`` (a stray). By length: ``too_short`` (below `min_clip_s`), ``too_long`` (`max_clip_s` or more).

    Returns one clip per chapter, in the chapters' order.
    """
    told = [chapter.start_s for chapter in chapters if math.isfinite(chapter.start_s) and not chapter.stray]
    starts = sorted({max(0.0, start_s) for start_s in told})
    following = dict(zip(starts, [*starts[1:], math.inf], strict=False))
    taken: set[float] = set()
    clips = []
    for index, chapter in enumerate(chapters):
        if not math.isfinite(chapter.start_s):
            clips.append(Clip(index, 0.0, 0.0, chapter.title, "invalid_time"))
            continue
        start = max(0.0, chapter.start_s)
        if chapter.stray:
            clips.append(Clip(index, start, start, chapter.title, "out_of_order"))
            continue
        bound = min(following[start], duration_s)
        end = chapter.end_s
        end = bound if end is None or not math.isfinite(end) or end <= start else min(end, bound)
        if start >= duration_s:
            reason: str | None = "beyond_end"
        elif start in taken:
            # Two chapters that begin together: the first has the time.
            reason = "empty"
        else:
            reason = _length_reason(end - start, limits)
        taken.add(start)
        if reason in ("beyond_end", "empty"):
            end = start
        clips.append(Clip(index, start, end, chapter.title, reason))
    return clips


def _length_reason(length_s: float, limits: SegmentConfig) -> str | None:
    if length_s <= 0:
        return "empty"
    if length_s < limits.min_clip_s:
        return "too_short"
    if length_s >= limits.max_clip_s:
        return "too_long"
    return None


def with_pictures(clips: Iterable[Clip], spans_s: Sequence[tuple[float, float]]) -> list[Clip]:
    """The clips; those in which no picture is shown have the reason ``no_frames``.

    Parameters
    ----------
    spans_s : (first, last) times of pictures without holes in between, rising.
    """
    firsts, lasts = [low for low, _ in spans_s], [high for _, high in spans_s]

    def shows(clip: Clip) -> bool:
        # The first span that ends within or after the clip.
        at = bisect.bisect_left(lasts, clip.start_s - _ROUNDING_S)
        return at < len(lasts) and firsts[at] < clip.end_s

    return [clip if clip.filtered or shows(clip) else dataclasses.replace(clip, filtered="no_frames") for clip in clips]


def find_chapters(video: dict[str, Any], order: Iterable[str], limits: SegmentConfig) -> tuple[str, list[Clip]]:
    """The first source of chapters that has at least one with a usable time: its name and the clips; else ("", []).

    What a list gives comes before all others.
    """
    duration_s = float(video["duration_s"])
    given = [Chapter(row["start_s"], row["end_s"], row["title"]) for row in video.get("given_clips") or ()]
    if given:
        return "list", take_as_given(given, duration_s, limits)
    for source in order:
        if source == "description":
            chapters = _described(video)
        else:
            rows = video["chapters" if source == "platform" else "container_chapters"] or []
            chapters = [
                Chapter(math.nan if row["start_s"] is None else row["start_s"], row["end_s"], _told(row["title"]))
                for row in rows
            ]
        if len(chapters) > MAX_CLIPS:
            raise PermanentError(
                f"The video has {len(chapters)} chapters.",
                "Its metadata is damaged or made to do harm.",
                f"Cut the list to at most {MAX_CLIPS}.",
                reason="too_many_chapters",
            )
        clips = mend(chapters, duration_s, limits)
        if any(clip.filtered not in ("invalid_time", "beyond_end", "empty", "out_of_order") for clip in clips):
            return source, clips
    return "", []


def take_as_given(chapters: Sequence[Chapter], duration_s: float, limits: SegmentConfig) -> list[Clip]:
    """Clips of a list: as long as it says, though they may overlap; they end with the video at the latest."""
    clips = []
    for index, chapter in enumerate(chapters):
        start_s = chapter.start_s
        end_s = duration_s if chapter.end_s is None else min(chapter.end_s, duration_s)
        reason = "beyond_end" if start_s >= duration_s else _length_reason(end_s - start_s, limits)
        clips.append(Clip(index, start_s, start_s if reason == "beyond_end" else end_s, chapter.title, reason))
    return clips


def _described(video: dict[str, Any]) -> list[Chapter]:
    """The chapters of the description, on the file's clock."""
    published = _published(video)
    lines, strays = read_description(video["description"] or "", published.end_s(float(video["duration_s"])))
    rows = chapters_in_file([asdict(line) for line in lines], published) or []
    chapters = [Chapter(row["start_s"], row["end_s"], row["title"]) for row in rows]
    return chapters + [Chapter(line.start_s, line.end_s, line.title, stray=True) for line in strays if chapters]


def _published(video: dict[str, Any]) -> Published:
    ranges = video.get("published_ranges")
    return Published(None if ranges is None else tuple((each["start_s"], each["end_s"]) for each in ranges))


def _told(title: str | None) -> str | None:
    """A title that somebody gave; None for the one that yt-dlp fills in."""
    return None if title is None or _UNTITLED.fullmatch(title) else title


class SegmentStage(Stage):
    """Cuts a video into clips; one row per chapter, kept or not."""

    name: ClassVar[str] = "segment"
    version: ClassVar[int] = 4
    upstream: ClassVar[tuple[str, ...]] = ("download",)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        # Only scene cuts and cues need the pictures; otherwise the media file is not even fetched.
        self.needs_media = config.segment.fallback in ("scene", "cues")  # type: ignore[misc]
        self._cues = config.segment.fallback == "cues"
        if self._cues:
            self.upstream, self.optional = ("download", "captions"), ("captions",)  # type: ignore[misc]
        # Who does without transcripts does without Whisper here as well: captions and all else still count.
        self._hears = self._cues and "transcribe" not in config.run.without

    _recogniser: Recogniser | None = None

    def schema(self) -> pa.Schema:
        return SEGMENT_CUES if self._cues else SEGMENT

    def beyond_section(self) -> dict[str, Any]:
        """How speech is recognised, where that proposes chapters."""
        return {"transcribe": self.config.transcribe.model_dump(mode="json"), "hearing": 2} if self._hears else {}

    def requires(self) -> tuple[str, ...]:
        hearing = whisper_libraries(self.config.transcribe) if self._hears else ()
        return ("av", "cv2", *hearing) if self.needs_media else ()

    def weights(self) -> tuple[str, ...]:
        return (whisper_name(self.config.transcribe),) if self._hears else ()

    def models(self) -> tuple[ModelFile, ...]:
        from fimad.models import model_file

        return tuple(model_file(name, self.config) for name in self.weights())

    def close(self) -> None:
        self._recogniser = None

    def run(self, item: StageInput) -> pa.Table:
        """Raises `Filtered`: ``no_chapters`` for a video without chapters if `segment.fallback` is ``none``, or a reason why
        no clip is left.
        """
        limits = self.config.segment
        video = item.tables["download"].to_pylist()[0]
        given = video["given_label"]
        source, clips = ("", []) if given else find_chapters(video, limits.chapters, limits)
        proposed: dict[int, Proposal] = {}
        if not clips and self._cues and not given:
            source, clips, proposed = self._proposed(item, video)
        if not clips:
            source = "whole" if given and limits.fallback in ("none", "cues") else limits.fallback
            spans = self._fallback(float(video["duration_s"]), item.media, given is not None)
            chapters = [Chapter(start, end, video["title"]) for start, end in spans]
            clips = mend(chapters, float(video["duration_s"]), limits)
        spans = [(span["first_s"], span["last_s"]) for span in video.get("picture_spans") or []]
        clips = with_pictures(clips, spans) if spans else clips
        if not any(clip.filtered is None for clip in clips):
            raise _nothing_left(clips)
        item.log.info("%d chapters from %s, %d kept", len(clips), source, sum(not clip.filtered for clip in clips))
        rows = [
            {
                "clip_id": f"{item.video.video_id}___{clip.index}",
                "clip_index": clip.index,
                "start_s": clip.start_s,
                "end_s": clip.end_s,
                "title": clip.title,
                # A label that was given is one already.
                "label": given or (clip.title if source == "list" else label_of(clip.title or "")),
                "chapter_source": source,
                "filtered": clip.filtered,
                "chapter_confidence": proposed[clip.index].confidence if clip.index in proposed else None,
                "chapter_evidence": list(proposed[clip.index].evidence) if clip.index in proposed else None,
            }
            for clip in clips
        ]
        return pa.Table.from_pylist(rows, schema=self.schema())

    def _proposed(self, item: StageInput, video: dict[str, Any]) -> tuple[str, list[Clip], dict[int, Proposal]]:
        """Chapters by comments, by what is said and by motion; the whole video where none of them says anything."""
        from fimad.pipeline.media.activity import motion_changes
        from fimad.pipeline.stages.cues.proposals import Proposal, hear, propose, words_of_captions

        duration_s, media = float(video["duration_s"]), item.media
        words = words_of_captions(captions_of(item.tables))
        if not words and media is not None and video["has_audio"] and self._hears:
            words = hear(media, duration_s, self._loaded())
        source, found = propose(
            video.get("comments") or [],
            words,
            lambda: motion_changes(media) if media is not None else [],
            duration_s,
            _published(video),
        )
        if not found:
            source, found = "whole", [Proposal(0.0, video["title"], 0.0, ("no cue was found",))]
        _check_count(len(found), "proposed chapters", 'Set `segment.fallback = "fixed"`.')
        clips = mend([Chapter(each.start_s, None, each.title) for each in found], duration_s, self.config.segment)
        return source, clips, dict(enumerate(found))

    def _loaded(self) -> Recogniser:
        if self._recogniser is None:
            from fimad.models import locate

            section = self.config.transcribe
            weights = locate(whisper_name(section), self.config)
            self._recogniser = load_recogniser(section, weights, self.config.run.threads)
        return self._recogniser

    def _fallback(self, duration_s: float, media: Path | None, labelled: bool = False) -> list[tuple[float, float]]:
        limits = self.config.segment
        if limits.fallback == "whole" or (limits.fallback in ("none", "cues") and labelled):
            return [(0.0, duration_s)]
        if limits.fallback == "fixed":
            count = math.ceil(duration_s / limits.fixed_s)
            _check_count(count, "windows", "Raise `segment.fixed_s`.")
            return [(at * limits.fixed_s, min((at + 1) * limits.fixed_s, duration_s)) for at in range(count)]
        if limits.fallback == "scene" and media is not None:
            from fimad.pipeline.media.cuts import find_cuts

            edges = [0.0, *find_cuts(media, limits.scene_threshold, limits.min_clip_s), duration_s]
            _check_count(len(edges) - 1, "scenes", "Raise `segment.scene_threshold` or `segment.min_clip_s`.")
            return list(itertools.pairwise(edges))
        raise Filtered(
            "The video has no chapters.",
            "Its platform, its file and its description name none.",
            'Set `segment.fallback` to "whole", "scene", "fixed" or "cues" to take it on all the same.',
            reason="no_chapters",
        )


def _check_count(count: int, what: str, fix: str) -> None:
    if count > MAX_SPANS:
        raise PermanentError(
            f"The video has {count} {what}; at most {MAX_SPANS} are taken on.",
            "They are very short for a video of this length.",
            fix,
            reason="too_many_clips",
        )


def _nothing_left(clips: Sequence[Clip]) -> Filtered:
    counts = collections.Counter(clip.filtered or "" for clip in clips)
    said = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    return Filtered(
        f"None of the video's {len(clips)} clips is left ({said}).",
        "They are shorter or longer than `segment.min_clip_s` and `segment.max_clip_s` allow, or lie where there is no picture.",
        "Change those limits, or take the video off the list.",
        reason=next(iter(counts)) if len(counts) == 1 else "no_clips",
    )


def kept_clips(segments: pa.Table) -> list[dict[str, Any]]:
    """The rows of a `segment` artifact that are not left out, in the order of `clip_index`."""
    rows: list[dict[str, Any]] = segments.to_pylist()
    return sorted((row for row in rows if row["filtered"] is None), key=lambda row: row["clip_index"])
