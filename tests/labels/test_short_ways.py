"""Common titles are read by short ways, which must lead where the long ones do."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from fimad.labels import kinds, lexicon, matching
from fimad.labels.compounds import is_whole, phrases
from fimad.labels.languages import tell
from fimad.labels.matching import matches
from fimad.labels.stated.clocks import Stated
from fimad.labels.stated.logs import OF_LOGS, as_logged
from fimad.labels.stated.numbers import take_numbers, take_words
from fimad.labels.stated.sequence import OF_SEQUENCES, one_after_the_other
from fimad.labels.text import clean, letters_alone, tokens

_BESIDE = (
    "",
    " slow",
    " with a band",
    " as needed",
    " bell",
    " on your mat",
    " n rest",
    " A",
    " left",
    " two ways",
    " links",
)


def vocabulary() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(resources.files("fimad.labels").joinpath("vocabulary.toml").read_text(encoding="utf-8"))


def _lines() -> list[str]:
    names = [name for each in lexicon().exercises.values() for written in each.names.values() for name in written]
    return [f"{name}{_BESIDE[at % len(_BESIDE)]}".capitalize() for at, name in enumerate(names[::3])]


def test_letters_alone_are_cleaned_like_all_titles() -> None:
    # A blank at the end is nothing, and not of the short way.
    assert [line for line in _lines() if clean(line).split() != clean(f"{line} ").split()] == []


def test_letters_alone_say_nothing_of_logs_or_sequences() -> None:
    kinds_of_words = ("rest", "section", "talk", "other", "fillers", "modifiers")
    said = [phrase for kind in kinds_of_words for phrases in vocabulary()[kind].values() for phrase in phrases]
    lines = [line for line in (*_lines(), *said) if letters_alone(line, OF_LOGS | OF_SEQUENCES)]
    assert len(lines) > 999
    assert [line for line in lines if one_after_the_other(as_logged(clean(line))) != line.lower()] == []


def test_words_alone_are_taken_like_all_tokens() -> None:
    found = lexicon()
    texts = [clean(line) for line in _lines()]
    assert [
        text for text in texts if take_words(text, found, Stated(), 64) != take_numbers(tokens(text), found, Stated())
    ] == []


def test_a_whole_name_is_what_the_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lexicon()
    rows = [take_words(clean(line), found, Stated(), 64) for line in _lines()]
    short = [matches(words, found) for words in rows]
    assert (
        sum(len(made) == 1 and is_whole(made[0], 0, len(words)) for made, words in zip(short, rows, strict=True)) > 999
    )
    monkeypatch.setattr(matching, "_whole", lambda words, node: None)
    assert [words for words, made in zip(rows, short, strict=True) if matches(words, found) != made] == []


def test_a_whole_name_is_the_exercise_that_all_questions_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lexicon()
    read = []
    for line in _lines():
        words = take_words(clean(line), found, Stated(), 64)
        made = matches(words, found)
        read.append((words, made, phrases(words, made, found)))
    short = [kinds.decide(*each, Stated(), found, "en") for each in read]
    monkeypatch.setattr(kinds, "is_whole", lambda *_: False)
    assert [
        each[0]
        for each, verdict in zip(read, short, strict=True)
        if kinds.decide(*each, Stated(), found, "en") != verdict
    ] == []


def test_english_is_told_without_a_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lexicon()
    asked = []
    for line in (*_lines(), "3 & 4", "12", "!", "Lift l", "Squats 30 sekunden"):
        text = clean(line)
        words = take_words(text, found, Stated(), 64)
        asked.append((line, text, words, matches(words, found)))
    short = [tell(*each, found) for each in asked]
    assert {"en", "de", "fr", None} <= set(short)
    # A function word that every title has, as far as the short way can see.
    monkeypatch.setattr(found, "foreign", frozenset(word for each in asked for word in each[2]))
    assert [each[0] for each, code in zip(asked, short, strict=True) if tell(*each, found) != code and each[2]] == []
