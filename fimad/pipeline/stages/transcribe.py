"""The `transcribe` stage: the words spoken in each clip, from captions or from Whisper.

Neighbouring clips are recognised together, with a margin, and the words are shared out afterwards: a word belongs to the
clip that holds its middle. Cutting the sound at the clips' edges instead would cut words in two, and recognising the whole
video would spend most of the time on chapters that are left out. The language is told once, for the whole video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.pipeline.contract import ModelFile, Stage, StageInput
from fimad.pipeline.media.audio import decode_ranges
from fimad.pipeline.stages.captions import captions_of
from fimad.pipeline.stages.segment import kept_clips
from fimad.pipeline.stages.speech import (
    Language,
    Recogniser,
    Segment,
    Speech,
    Word,
    language_windows,
    load_recogniser,
    tell_language,
    whisper_libraries,
    whisper_name,
)
from fimad.schema import TRANSCRIBE

_MARGIN_S = 1.0
# Keeps the sound and its spectrogram in memory below some 200 MB.
_MAX_STRETCH_S = 1200.0
# Whisper hears words in digital silence ("you", "thank you"); a peak below -60 dB of full scale holds none.
_SILENT_PEAK = 1e-3


@dataclass(frozen=True)
class Stretch:
    """A time range that is recognised in one go, and the positions of the clips in it."""

    start_s: float
    end_s: float
    clips: tuple[int, ...]


def stretches(ranges_s: Sequence[tuple[float, float]], duration_s: float) -> list[Stretch]:
    """Join clips (start, end) that follow each other into stretches, with a margin of 1 s at either end.

    Stretches do not overlap and come in the order of time. One that would last over 20 minutes ends at a clip's edge.
    """
    order = sorted(range(len(ranges_s)), key=lambda at: ranges_s[at])
    made: list[Stretch] = []
    for at in order:
        start_s, end_s = ranges_s[at]
        low, high = max(0.0, start_s - _MARGIN_S), min(duration_s, end_s + _MARGIN_S)
        if made and low <= made[-1].end_s:
            last = made[-1]
            if high - last.start_s <= _MAX_STRETCH_S or start_s < ranges_s[last.clips[-1]][1]:
                made[-1] = Stretch(last.start_s, max(last.end_s, high), (*last.clips, at))
                continue
            made[-1] = Stretch(last.start_s, start_s, last.clips)
            low = start_s
        made.append(Stretch(low, high, (at,)))
    return made


def share_out(words: Sequence[Word], start_s: float, end_s: float) -> list[Word]:
    """The words whose middle lies in [start_s, end_s)."""
    return [word for word in words if start_s <= (word.start_s + word.end_s) / 2 < end_s]


class TranscribeStage(Stage):
    """Words per clip; one row per clip that is kept.

    A video without sound gives NULL for all columns; a clip in which nobody speaks gives an empty transcript.
    """

    name: ClassVar[str] = "transcribe"
    version: ClassVar[int] = 4
    upstream: ClassVar[tuple[str, ...]] = ("download", "captions", "segment")
    optional: ClassVar[tuple[str, ...]] = ("captions",)
    needs_media: ClassVar[bool] = True
    by_clip: ClassVar[bool] = True

    _recogniser: Recogniser | None = None

    def schema(self) -> pa.Schema:
        return TRANSCRIBE

    def _model_name(self) -> str:
        return whisper_name(self.config.transcribe)

    def requires(self) -> tuple[str, ...]:
        return "av", *whisper_libraries(self.config.transcribe)

    def weights(self) -> tuple[str, ...]:
        return (self._model_name(),)

    def models(self) -> tuple[ModelFile, ...]:
        from fimad.models import model_file

        return (model_file(self._model_name(), self.config),)

    def setup(self) -> None:
        if self._recogniser is None:
            from fimad.models import locate

            weights = locate(self._model_name(), self.config)
            self._recogniser = load_recogniser(self.config.transcribe, weights, self.config.run.threads)

    def close(self) -> None:
        self._recogniser = None

    def run(self, item: StageInput) -> pa.Table:
        video = item.tables["download"].to_pylist()[0]
        clips = kept_clips(item.tables["segment"])
        kind, cues = _captions(
            captions_of(item.tables), self.config.transcribe.captions, self.config.transcribe.language
        )
        if cues:
            columns = [_from_captions(clip, cues, kind) for clip in clips]
        elif not video["has_audio"] or item.media is None:
            columns = [{} for _ in clips]
        else:
            columns = self._recognise(item, item.media, clips, float(video["duration_s"]))
        rows = [
            {"clip_id": clip["clip_id"], "clip_index": clip["clip_index"], **column}
            for clip, column in zip(clips, columns, strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=TRANSCRIBE)

    def _recognise(
        self, item: StageInput, media: Path, clips: list[dict[str, Any]], duration_s: float
    ) -> list[dict[str, Any]]:
        self.setup()
        assert self._recogniser is not None  # noqa: S101  (an invariant: `setup` sets it)
        plan = stretches([(clip["start_s"], clip["end_s"]) for clip in clips], duration_s)
        columns: list[dict[str, Any]] = [{} for _ in clips]
        told = self._language(media, plan)
        if told:
            item.log.info("the language is %s (probability %.2f)", told.code, told.probability)
        sounds = decode_ranges(media, [(stretch.start_s, stretch.end_s) for stretch in plan])
        for done, (stretch, sound) in enumerate(zip(plan, sounds, strict=True), 1):
            if sound is None:
                item.log.warning("the sound stream can't be decoded")
                continue
            heard = Speech("") if _silent(sound) else self._recogniser.hear(sound, told.code if told else "")
            heard = _moved(heard, stretch.start_s)
            for at in stretch.clips:
                columns[at] = _from_speech(clips[at], heard, self.config.transcribe.engine, told)
            item.progress(done / len(plan))
        return columns

    def _language(self, media: Path, plan: list[Stretch]) -> Language | None:
        """One language for all of a video, told from windows of 30 s spread over its clips; None if it is given."""
        assert self._recogniser is not None  # noqa: S101  (an invariant: `setup` sets it)
        if not self._recogniser.detects:
            return None
        windows = language_windows([(stretch.start_s, stretch.end_s) for stretch in plan])
        sounds = decode_ranges(media, windows)
        return tell_language(self._recogniser, (each for each in sounds if each is not None and not _silent(each)))


def _silent(sound: NDArray[np.float32]) -> bool:
    return bool(np.abs(sound).max(initial=0.0) < _SILENT_PEAK)


def _moved(speech: Speech, offset_s: float) -> Speech:
    return Speech(
        speech.language,
        tuple(
            Segment(
                each.start_s + offset_s,
                each.end_s + offset_s,
                each.no_speech,
                tuple(Word(w.start_s + offset_s, w.end_s + offset_s, w.text, w.probability) for w in each.words),
            )
            for each in speech.segments
        ),
    )


def _from_speech(clip: dict[str, Any], speech: Speech, engine: str, told: Language | None) -> dict[str, Any]:
    start_s, end_s = clip["start_s"], clip["end_s"]
    words = share_out([word for segment in speech.segments for word in segment.words], start_s, end_s)
    near = [each.no_speech for each in speech.segments if each.start_s < end_s and each.end_s > start_s]
    return {
        # Whisper's words carry their own blanks, so that languages without any stay as they are.
        "transcript": " ".join("".join(word.text for word in words).split()),
        "transcript_words": [_row(word) for word in words],
        "transcript_language": speech.language or None,
        "transcript_language_probability": told.probability if told and speech.language else None,
        "transcript_no_speech": min(near, default=1.0),
        "transcript_source": engine,
    }


def _row(word: Word) -> dict[str, Any]:
    return {
        "start_s": word.start_s,
        "end_s": word.end_s,
        "text": word.text.strip(),
        "probability": word.probability,
    }


def _captions(rows: list[dict[str, Any]], choice: str, language: str) -> tuple[str, list[dict[str, Any]]]:
    """The caption track to use: its kind and its lines; ("", []) for none."""
    kinds = {"human": ("human",), "any": ("human", "automatic"), "none": ()}[choice]
    for kind in kinds:
        tracks = [row for row in rows if row["kind"] == kind]
        wanted = [row for row in tracks if language and (row["language"] or "").split("-")[0] == language]
        chosen = wanted or tracks
        if chosen:
            first = chosen[0]["language"]
            return kind, [row for row in chosen if row["language"] == first]
    return "", []


def _from_captions(clip: dict[str, Any], cues: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    parts = [part for cue in cues for part in _cue_part(cue, clip["start_s"], clip["end_s"])]
    return {
        "transcript": " ".join(part.text for part in parts),
        "transcript_words": [_row(part) for part in parts],
        "transcript_language": cues[0]["language"] or None,
        "transcript_no_speech": None,
        "transcript_source": f"{kind}_captions",
    }


def _cue_part(cue: dict[str, Any], start_s: float, end_s: float) -> Iterator[Word]:
    """What of a caption line belongs to a clip: its words are spread over its time by their length."""
    if cue["end_s"] <= start_s or cue["start_s"] >= end_s:
        return
    text: str = cue["text"]
    length_s = (cue["end_s"] - cue["start_s"]) / max(1, len(text))
    words, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        begin = cue["start_s"] + at * length_s
        at += len(word)
        words.append(Word(begin, cue["start_s"] + at * length_s, word, None))
    kept = share_out(words, start_s, end_s)
    if kept:
        yield Word(kept[0].start_s, kept[-1].end_s, " ".join(word.text for word in kept), None)
