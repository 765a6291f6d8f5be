"""Common titles are read by short ways, which must lead where the long ones do."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from fimad.labels import kinds, lexicon, matching
from fimad.labels.compounds import is_whole, phrases
from fimad.labels.context import asked, sentences, subjects
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


def _said(module: object) -> set[str]:
    """All words that the rules of a module know."""
    known: set[str] = set()
    for each in vars(module).values():
        sets = each.values() if isinstance(each, dict) else [each]
        for words in sets:
            if isinstance(words, frozenset):
                known.update(*({word} if isinstance(word, str) else word for word in words))
    return known


class _Everywhere(frozenset[str]):
    def isdisjoint(self, other: object) -> bool:
        return False


def test_what_no_word_tells_of_is_told_by_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lexicon()
    words = sorted(_said(subjects) | _said(sentences) | _said(asked))
    beside = ["", "the ", "to ", "of ", "for ", "my ", "and ", "i ", "on "]
    titles = [f"{lead}{word} squat" for word in words for lead in beside]
    titles += [f"{word} {lead}squat" for word in words for lead in beside]
    titles += [f"squat {lead}{word}" for word in words for lead in beside]
    titles += [f"squat {word} {lead}knee" for word in words for lead in beside]
    titles += [f"squat: {lead}{word} deep" for word in words for lead in beside]
    titles += [f"{word} 2: squat" for word in words] + [f"squat - {word}" for word in words]
    titles += [f"{word} ing{each} squat" for word in words[:50] for each in ("", "ing up")]
    named = []
    for title in titles:
        read = take_words(clean(title), found, Stated(), 64)
        exercises = [match for match in matches(read, found) if match.entry.type == "exercise"]
        named.append((read, exercises))
    short = [subjects.about(*each) for each in named]
    assert sum(kind != "" for kind, _ in short) > 999 < sum(kind == "" for kind, _ in short)
    monkeypatch.setattr(subjects, "_TELLING", _Everywhere())
    assert [each[0] for each, told in zip(named, short, strict=True) if subjects.about(*each) != told] == []
