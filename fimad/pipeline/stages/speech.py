"""Speech recognition: faster-whisper and openai-whisper behind one interface.

Both run with temperature 0 and no fallback to sampling, without carrying text from one 30 s window to the next: the same
sound gives the same words, and a mistake does not spread. The language is told from several windows together: a short
greeting, a song or a noisy stretch is often taken for another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fimad.config import TranscribeConfig
from fimad.errors import SetupError
from fimad.gpu import faster_whisper, torch_device

# Whisper's own rule for what it made up: it doubts that anybody speaks and what it heard, or it repeats itself.
_MAX_NO_SPEECH = 0.6
_MIN_LOG_PROBABILITY = -1.0
_MAX_COMPRESSION = 2.4
# Whisper sees 30 s at a time; so many windows, spread over all of the sound, tell the language.
_WINDOW_S = 30.0
_LANGUAGE_WINDOWS = 6
_SHORTEST_S = 1.0
_RATE_HZ = 16_000


@dataclass(frozen=True)
class Word:
    """A word (or a whole segment, if word times are off): times in s within the sound that was given."""

    start_s: float
    end_s: float
    text: str
    probability: float | None


@dataclass(frozen=True)
class Segment:
    """A stretch of speech. `words` is empty if the engine most likely made it up."""

    start_s: float
    end_s: float
    no_speech: float
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Speech:
    """What was heard: segments in order, and the language as its code (`en`), empty if there are no words."""

    language: str
    segments: tuple[Segment, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Language:
    """A spoken language as its code, and its probability by Whisper: the mean over the windows that were looked at."""

    code: str
    probability: float


class Recogniser(Protocol):
    """A speech recogniser with its model loaded."""

    @property
    def detects(self) -> bool:
        """Whether the language is left to be told from the sound."""

    def languages(self, sound: NDArray[np.float32]) -> tuple[dict[str, float], float]:
        """Probability of each language in (n,) samples of at most 30 s, and the seconds of speech in them."""

    def hear(self, sound: NDArray[np.float32], language: str = "") -> Speech:
        """Recognise (n,) samples, 16 kHz mono, in a language; without one it is told from this sound alone."""


def language_windows(ranges_s: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Up to six windows (start, end) of at most 30 s, spread evenly over ranges of time that do not overlap.

    >>> language_windows([(0.0, 40.0), (100.0, 110.0)])
    [(0.0, 30.0), (30.0, 40.0), (100.0, 110.0)]
    """
    every = [
        (float(at), min(float(at) + _WINDOW_S, end))
        for start, end in ranges_s
        for at in np.arange(start, end, _WINDOW_S)
    ]
    # What is left of a range may be shorter than a word.
    windows = [(start, end) for start, end in every if end - start >= _SHORTEST_S] or every
    count = min(len(windows), _LANGUAGE_WINDOWS)
    return [windows[int((at + 0.5) * len(windows) / count)] for at in range(count)]


def tell_language(recogniser: Recogniser, windows: Iterable[NDArray[np.float32]]) -> Language | None:
    """The language that is spoken in windows of (n,) samples; None if there are none.

    Each window counts by the seconds that are spoken in it, so that music and noise don't; if nobody speaks, all count alike.
    """
    found = [recogniser.languages(window) for window in windows]
    if not any(languages for languages, _ in found):
        return None
    spoken_s = sum(seconds for _, seconds in found)
    mean: dict[str, float] = {}
    for languages, seconds in found:
        weight = seconds / spoken_s if spoken_s else 1 / len(found)
        for code, probability in languages.items():
            mean[code] = mean.get(code, 0.0) + weight * probability
    # Equal ones in the order of the alphabet: the same sound gives the same language.
    code = min(mean, key=lambda each: (-mean[each], each))
    return Language(code, min(1.0, mean[code]))


def _language_of(recogniser: Recogniser, sound: NDArray[np.float32]) -> str:
    ranges_s = language_windows([(0.0, len(sound) / _RATE_HZ)])
    windows = [sound[round(start * _RATE_HZ) : round(end * _RATE_HZ)] for start, end in ranges_s]
    told = tell_language(recogniser, windows)
    return told.code if told else ""


def whisper_name(config: TranscribeConfig) -> str:
    """The configured model as `fimad.models` knows it."""
    return f"{config.engine}/{config.model}"


def whisper_libraries(config: TranscribeConfig) -> tuple[str, ...]:
    """Import names of what the configured engine needs."""
    return {"faster-whisper": ("faster_whisper",), "openai-whisper": ("whisper", "torch")}[config.engine]


def load_recogniser(config: TranscribeConfig, weights: Path, threads: int) -> Recogniser:
    """Load the configured engine; `weights` is a CTranslate2 folder (faster-whisper) or a `.pt` file (openai-whisper)."""
    if config.engine == "faster-whisper":
        return _FasterWhisper(config, weights, threads)
    return _OpenAiWhisper(config, weights)


def _check_language(config: TranscribeConfig, weights: Path, *, multilingual: bool) -> None:
    if not multilingual and config.language not in ("", "en"):
        raise SetupError(
            f"transcribe.language = {config.language!r}, but {weights.name} knows English alone.",
            "It is one of Whisper's .en models: it would write English words for whatever it hears.",
            "Take a multilingual model, such as transcribe.model = 'base', or leave the language out.",
            reason="model_language",
        )


def _believable(no_speech: float, log_probability: float, compression: float) -> bool:
    doubtful = no_speech > _MAX_NO_SPEECH and log_probability < _MIN_LOG_PROBABILITY
    return not doubtful and compression <= _MAX_COMPRESSION


class _FasterWhisper:
    def __init__(self, config: TranscribeConfig, weights: Path, threads: int) -> None:
        self._config = config
        self._model = faster_whisper(weights, config.device, threads)
        _check_language(config, weights, multilingual=self._model.model.is_multilingual)

    @property
    def detects(self) -> bool:
        return not self._config.language and bool(self._model.model.is_multilingual)

    def languages(self, sound: NDArray[np.float32]) -> tuple[dict[str, float], float]:
        from faster_whisper.vad import get_speech_timestamps

        # From the sound as it is: with the pauses cut out, short German was taken for English.
        found = self._model.detect_language(sound)[2]
        spoken = sum(each["end"] - each["start"] for each in get_speech_timestamps(sound))
        return dict(found), spoken / _RATE_HZ

    def hear(self, sound: NDArray[np.float32], language: str = "") -> Speech:
        language = self._config.language or language or (_language_of(self, sound) if self.detects else "")
        found, info = self._model.transcribe(
            sound,
            language=language or None,
            beam_size=self._config.beam_size,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=self._config.words,
            vad_filter=self._config.vad,
            # Judged here, so that the probability is known for what is left out as well.
            no_speech_threshold=None,
        )
        segments = []
        for each in found:
            words: tuple[Word, ...] = ()
            if _believable(each.no_speech_prob, each.avg_logprob, each.compression_ratio):
                words = (
                    tuple(Word(w.start, w.end, w.word, w.probability) for w in each.words or ())
                    if self._config.words
                    else (Word(each.start, each.end, each.text, float(np.exp(each.avg_logprob))),)
                )
            segments.append(Segment(each.start, each.end, each.no_speech_prob, words))
        return Speech(info.language if any(each.words for each in segments) else "", tuple(segments))


class _OpenAiWhisper:
    def __init__(self, config: TranscribeConfig, weights: Path) -> None:
        import torch
        import whisper

        self._config = config
        device = torch_device(config.device, "transcribe")
        # The file is a pickle by its format; torch reads it as plain tensors only.
        checkpoint = torch.load(weights, map_location="cpu", weights_only=True)
        self._model = whisper.Whisper(whisper.ModelDimensions(**checkpoint["dims"]))
        self._model.load_state_dict(checkpoint["model_state_dict"])
        heads = getattr(whisper, "_ALIGNMENT_HEADS", {}).get(weights.stem)
        if heads is not None:
            self._model.set_alignment_heads(heads)
        self._model.eval().to(device)
        _check_language(config, weights, multilingual=self._model.is_multilingual)

    @property
    def detects(self) -> bool:
        return not self._config.language and bool(self._model.is_multilingual)

    def languages(self, sound: NDArray[np.float32]) -> tuple[dict[str, float], float]:
        import whisper

        mel = whisper.log_mel_spectrogram(
            sound, self._model.dims.n_mels, padding=whisper.audio.N_SAMPLES, device=self._model.device
        )
        found = self._model.detect_language(whisper.pad_or_trim(mel, whisper.audio.N_FRAMES))[1]
        # It brings nothing that tells speech from music: its windows count by their length.
        return dict(found), len(sound) / _RATE_HZ

    def hear(self, sound: NDArray[np.float32], language: str = "") -> Speech:
        import whisper

        language = self._config.language or language or (_language_of(self, sound) if self.detects else "en")
        heard = whisper.transcribe(
            self._model,
            sound,
            language=language or None,
            # The same search in both engines: greedy is beam 1.
            beam_size=self._config.beam_size if self._config.beam_size > 1 else None,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=self._config.words,
            no_speech_threshold=None,
            fp16=False,
            verbose=None,
        )
        segments = []
        for each in heard["segments"]:
            words: tuple[Word, ...] = ()
            if _believable(each["no_speech_prob"], each["avg_logprob"], each["compression_ratio"]):
                words = (
                    tuple(
                        Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"]))
                        for w in each.get("words", ())
                    )
                    if self._config.words
                    else (Word(each["start"], each["end"], each["text"], float(np.exp(each["avg_logprob"]))),)
                )
            segments.append(Segment(each["start"], each["end"], each["no_speech_prob"], words))
        return Speech(heard["language"] if any(each.words for each in segments) else "", tuple(segments))
