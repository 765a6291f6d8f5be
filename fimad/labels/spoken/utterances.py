"""Utterances: what is said in one breath, from words with their times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A breath between two sentences; within a sentence gaps are shorter.
_PAUSE_S = 0.6
_STOPS = (".", "!", "?", ";", "。", "！", "？", "…")
# Captions of speech recognition come without any stop.
_MOST_WORDS = 40


@dataclass(frozen=True)
class Spoken:
    """A word as it was heard; times in s on the video's clock."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Utterance:
    """Words between two pauses or stops."""

    words: tuple[Spoken, ...]

    @property
    def start_s(self) -> float:
        """When it begins."""
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.words[-1].end_s

    @property
    def text(self) -> str:
        """As it was heard."""
        return " ".join(word.text for word in self.words)


def utterances(words: Sequence[Spoken]) -> list[Utterance]:
    """Words, in the order of time, cut at stops and at pauses of 0.6 s.

    >>> said = [Spoken(0.0, 0.4, "Next"), Spoken(0.4, 0.7, "up,"), Spoken(0.9, 1.3, "squats."), Spoken(1.4, 1.8, "Hips"), Spoken(1.8, 2, "back")]
    >>> [each.text for each in utterances(said)]
    ['Next up, squats.', 'Hips back']
    """
    made: list[Utterance] = []
    now: list[Spoken] = []
    for word in words:
        if now and (
            word.start_s - now[-1].end_s >= _PAUSE_S or now[-1].text.endswith(_STOPS) or len(now) >= _MOST_WORDS
        ):
            made.append(Utterance(tuple(now)))
            now = []
        now.append(word)
    if now:
        made.append(Utterance(tuple(now)))
    return made


def spread(start_s: float, end_s: float, text: str) -> Iterable[Spoken]:
    """The words of a caption line, spread over its time by their length."""
    length_s = (end_s - start_s) / max(1, len(text))
    at = 0
    for word in text.split():
        at = text.index(word, at)
        yield Spoken(start_s + at * length_s, start_s + (at + len(word)) * length_s, word)
        at += len(word)
