"""A title's label: its kind, its exercises and what else it states, from its words alone.

>>> from fimad.labels import label_title
>>> label = label_title("3. DB Squats (L) 3x12")
>>> label.exercises, label.side, label.sets, label.repetitions, label.equipment
(('squat',), 'left', 3, 12, ('dumbbell',))
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from fimad.labels.asides import TIMES, in_brackets, with_asides, without_brackets
from fimad.labels.compounds import phrases
from fimad.labels.context.borrowed import unborrowed
from fimad.labels.context.instructions import instructed
from fimad.labels.context.neighbours import by_their_neighbours
from fimad.labels.context.reading import (
    HELD_S,
    Reading,
    counted,
    far_fetched,
    is_bare,
    lone_number,
    lone_seconds,
)
from fimad.labels.context.rests import breathes
from fimad.labels.context.stretched import is_combo, raise_of, stretch_of
from fimad.labels.kinds import ONE_WORD, Verdict, decide
from fimad.labels.languages import is_english, tell
from fimad.labels.matching import MAX_WORDS, matches, mend, mend_beside, neighbours, spellings
from fimad.labels.pairs import known_pairs
from fimad.labels.stated.circumstances import equipment_of, side_alone, side_of
from fimad.labels.stated.clocks import Stated
from fimad.labels.stated.logs import OF_LOGS, as_logged
from fimad.labels.stated.numbers import take_words
from fimad.labels.stated.sequence import OF_SEQUENCES, one_after_the_other
from fimad.labels.taxonomy import Lexicon, join_limbs, lexicon, without_collection
from fimad.labels.text import letters_alone, rewritten

_MAX_ASIDES = 4
_LONG_ASIDE = 10
_MAX_TOKENS = 64
_SONG = re.compile(r"^\s*[\U0001f3b5\U0001f3b6\U0001f3bc\U0001f3a7\u266a\u266b\u266c]")
# "Deadlift 405" is a weight.
_MOST_TRAILING = 120
# "20s work", "40 sec on": the time of one exercise that is not named.
_ON = re.compile(r"^\W*\d(?:[\d:]*\d)? ?(?:s|secs?|seconds?|min|mins|minutes?)\W*(?:on|work)\W*$")
# "10s off": a rest between two.
_OFF = re.compile(r"^\W*\d(?:[\d:]*\d)? ?(?:s|secs?|seconds?|min|mins|minutes?)?\W*off\W*$")
# "Step 3: squats" counts; nothing is stepped on.
_STEP = re.compile(r"^\W*step (\d{1,2}) ?(?:[:.|)]|-+ )(?=.*[^\W\d])")
_MARCH = re.compile(r"^\W*(?:\d{1,2}(?:st|nd|rd|th)? )?march,? (?:\d{1,2}(?:st|nd|rd|th)?,? )?(?:19|20)\d\d\W*$")
# "8 x 400 m", "5 x 1 km repeats": on the track.
_REPEATS = re.compile(
    r"^\W*\d{1,2} ?x ?(?:(?:[3-9]\d\d|1\d00) ?m|\d(?:\.\d)? ?(?:km?|miles?))(?: (?:repeats?|intervals?|reps))?\W*$"
)
# "A heavy set of 5" is one.
_SET_OF = re.compile(r"\bset of \d")
_REPS = re.compile(r"\breps?\b|repetition")
_LEFT = re.compile(r"\d ?(?:s|secs?|seconds?|mins?|minutes?) left\b|\bleft to go\b")
_OF = re.compile(r"\b\d+ (?:of|von|de|sur|di|out of) \d+\b")
_WAYS = frozenset(["way", "variation"])
_ORDINALS = (["st"], ["nd"], ["rd"], ["th"])
# "Row 500 m", "15 cal ski".
_BY_MACHINE = {"bent_over_row": "rowing", "lateral_hop": "ski_erg"}
# Nobody rows a bar for so long.
_ON_A_MACHINE_S = 120.0
# Of weights, in a set.
_MOST_ROWS = 30
# On a mat; in water nobody is done so soon.
_ON_A_MAT_S = 60.0
_OFF_HOLD = frozenset(("hold", "stretch", "yoga"))


class TitleLabel(NamedTuple):
    """What a title says. Nothing is dropped: the title itself stays beside it.

    Parameters
    ----------
    kind : ``exercise``, ``rest``, ``section``, ``talk`` or ``other``.
    confidence : 0 to 1, of the kind and, where there are some, of the exercises.
    method : how it was found: ``exact``, ``inflected``, ``reordered``, ``split``, ``fuzzy``, ``compound``, ``unlisted`` (an exercise
        that the taxonomy does not have), ``words`` (a kind told by its words), ``none``.
    exercises : ids of the taxonomy, in the order of the title; a compound such as "lunge with curl" is one.
    components : what the compounds are made of.
    side : ``left``, ``right``, ``both`` or None.
    repetitions, sets, duration_s, rest_s, tempo : as stated.
    equipment : as stated.
    language : code of the title's language, or None.
    evidence : the words that settled the kind.
    """

    kind: str
    confidence: float
    method: str
    exercises: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    side: str | None = None
    repetitions: int | None = None
    sets: int | None = None
    duration_s: float | None = None
    rest_s: float | None = None
    tempo: str | None = None
    equipment: tuple[str, ...] = ()
    language: str | None = None
    evidence: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The form that `fimad labels FILE --json` prints."""
        return {
            "kind": self.kind,
            "exercises": list(self.exercises),
            "components": list(self.components),
            "side": self.side,
            "repetitions": self.repetitions,
            "sets": self.sets,
            "duration_s": self.duration_s,
            "rest_s": self.rest_s,
            "tempo": self.tempo,
            "equipment": list(self.equipment),
            "language": self.language,
            "confidence": self.confidence,
            "method": self.method,
            "evidence": list(self.evidence),
        }


def label_title(title: str | None) -> TitleLabel:
    """Label one title by its words alone."""
    return labelled((title or "")[:1200])


@cache
def _prepared() -> Lexicon:
    """The lexicon with all that is made of it once, so that no later title pays for it."""
    with without_collection():
        known_pairs()
        neighbours()
        spellings()
        return lexicon()


@lru_cache(maxsize=16384)
def labelled(title: str) -> TitleLabel:
    """The label of a title of reasonable length, which is kept for the next that says the same."""
    found = _prepared()
    text, main, asides = _text_of(title)
    reading = _read(main, found, frozenset())
    words = reading.words
    language: str | None = "en"
    if not reading.matches or not is_english(title, text, words, reading.matches, found):
        language = tell(title, text, words, reading.matches, found)
        if language and language != "en" and not found.ambiguous.isdisjoint(words):
            reading.matches = matches(words, found, frozenset((language,)))
            reading.phrases = phrases(words, reading.matches, found)
        kept = unborrowed(words, reading.matches, title, language)
        if len(kept) < len(reading.matches):
            reading.matches, reading.phrases = kept, phrases(words, kept, found)
    verdict = _of_its_name(reading, found, language) if len(reading.phrases) > 1 else None
    if verdict is None:
        verdict = decide(words, reading.matches, reading.phrases, reading.stated, found, language)
    notes: list[Reading] = []
    if asides:
        # "Setu Bandha (bridge pose)": English beside another language.
        spoken = frozenset((language, "en") if language else ())
        notes = [_read(aside, found, spoken) for aside in asides[:_MAX_ASIDES]]
        verdict = with_asides(verdict, reading, notes, found)
    if "fuzzy" in reading.mended and verdict.exercises and far_fetched(reading):
        verdict = Verdict("other", 0.3, "none")
    if "march" in text and verdict.exercises == ["march"] and _MARCH.match(text):
        verdict = Verdict("other", 0.7, "words", evidence=["march"])
    if reading.mended and ONE_WORD in verdict.evidence:
        # "Marco" is no march, a "footbridge" no bridge: a word of many meanings has to be that word.
        verdict = Verdict("other", 0.3, "none")
    sung = not title.isascii() and _SONG.match(title) and not counted(reading.stated)
    if sung and verdict.kind in ("exercise", "other", "section"):
        verdict = Verdict("other", 0.7, "words", evidence=["\u266a"])
    if verdict.kind == "rest" and breathes(text):
        verdict = Verdict("exercise", 0.75, "words", ["deep_breathing"], evidence=["breath"])
    if not verdict.exercises:
        verdict = _timed(text, verdict)
    repetitions, duration_s = _counts(reading, verdict, found)
    of_all = reading.stated
    sets, rest_s, tempo = of_all.sets, of_all.rest_s, of_all.tempo
    for note in notes:
        stated = note.stated
        if repetitions is None:
            repetitions = stated.repetitions[0] if stated.repetitions else lone_number(note)
            if (
                repetitions is not None
                and repetitions in HELD_S
                and duration_s is None
                and not stated.repetitions
                and _is_held(verdict, found)
            ):
                duration_s, repetitions = float(repetitions), None
        duration_s = stated.duration_s if duration_s is None else duration_s
        sets = sets or stated.sets
        rest_s = stated.rest_s if rest_s is None else rest_s
        tempo = tempo or stated.tempo
    # Long ones in brackets say how: "(one push up, then rotate; alternate sides)".
    side = side_of(words, reading.matches, found, language)
    for note in notes:
        if side is None and len(note.words) < _LONG_ASIDE:
            side = side_of(note.words, note.matches, found, language)
            if side is None and verdict.exercises:
                side = side_alone(note.words, language)
    if verdict.kind != "exercise" or not verdict.exercises:
        if verdict.kind == "talk":
            # "Can rep ranges of 4-6 reps ...?"
            side = repetitions = sets = None
        elif side == "left" and not verdict.exercises and _LEFT.search(text):
            # "10 seconds left".
            side = None
        if verdict.kind in ("section", "other") and side and not of_all.repetitions:
            stretched = stretch_of(words, found)
            if stretched:
                verdict = Verdict("exercise", 0.6, "words", [stretched], evidence=[side])
        raised = raise_of(words, found, sets) if verdict.kind == "section" and repetitions else ""
        if raised:
            verdict = Verdict("exercise", 0.6, "words", [raised], evidence=[words[0]])
        if not verdict.exercises and is_combo(tempo, words):
            verdict, tempo = Verdict("exercise", 0.6, "words", ["punch"], evidence=[str(tempo)]), None
        if verdict.kind == "rest" and duration_s is None:
            # "Round break 1:00", "rest 15".
            duration_s, rest_s = rest_s or lone_seconds(reading), None
            if duration_s is None and "minute" in words:
                # "Minute rest".
                duration_s = 60.0
            if duration_s is None and repetitions in HELD_S:
                # "Rest (10)".
                duration_s, repetitions = float(repetitions or 0), None
    if verdict.exercises:
        by_their_neighbours(verdict, [reading, *notes], side)
    if verdict.kind == "section":
        # "Round 3 of 4", "ab circuit x2" count rounds.
        if (
            sets is None
            and repetitions is not None
            and repetitions > 1
            and not _OF.search(text)
            and not _REPS.search(text)
            and not _SET_OF.search(text)
        ):
            sets = repetitions
        repetitions = None
    if of_all.measured or (duration_s or 0.0) >= _ON_A_MACHINE_S:
        bare = _BY_MACHINE if is_bare(reading) else {}
        verdict.exercises = [bare.get(each, each) for each in verdict.exercises]
    if sets and "machine" in words and "row" in words and verdict.exercises == ["rowing"]:
        # "Row machine 3x12".
        weighed = 0 < (repetitions or 0) <= _MOST_ROWS and duration_s is None and not of_all.measured
        verdict.exercises = ["seated_row"] if weighed else verdict.exercises
    if "swimming" in words and verdict.exercises == ["swimming"] and is_bare(reading):
        # "Swimming 30 s".
        soon = not of_all.measured and 0 < (duration_s or 0.0) <= _ON_A_MAT_S
        verdict.exercises = ["prone_swimming"] if soon else verdict.exercises
    equipment = equipment_of(words, reading.matches, found)
    for note in notes:
        equipment += equipment_of(note.words, note.matches, found)
    return TitleLabel(
        verdict.kind,
        _rounded(verdict.confidence),
        _method(verdict, reading),
        tuple(dict.fromkeys(verdict.exercises)),
        tuple(verdict.components),
        side,
        repetitions,
        sets,
        duration_s,
        rest_s,
        tempo,
        tuple(dict.fromkeys(equipment)) if equipment else (),
        language,
        tuple(verdict.evidence),
    )


@lru_cache(maxsize=1024)
def _rounded(confidence: float) -> float:
    return round(confidence, 3)


_REWRITTEN = OF_LOGS | OF_SEQUENCES


def _text_of(title: str) -> tuple[str, str, list[str]]:
    """The cleaned title in the words that names are made of; what of it stands outside of brackets, and within."""
    if letters_alone(title, _REWRITTEN):
        text = title.lower()
        return text, text, []
    text = one_after_the_other(as_logged(rewritten(title)))
    if "step" in text:
        text = _STEP.sub(lambda found: f"{found[1]}. ", text)
    if "x(" in text or "x (" in text:
        text = TIMES.sub(in_brackets, text)
    return text, *without_brackets(text)


def _timed(text: str, verdict: Verdict) -> Verdict:
    """What a title is that names no exercise and says how long or how far."""
    if verdict.method == "none" and _OFF.match(text):
        return Verdict("rest", 0.9, "words", evidence=["off"])
    if "x" in text and _REPEATS.match(text):
        return Verdict("exercise", 0.7, "words", ["running"], evidence=["x"])
    if verdict.method == "none" and _ON.match(text):
        return Verdict("section", 0.8, "words", evidence=["on"])
    return verdict


def _read(text: str, found: Lexicon, languages: frozenset[str]) -> Reading:
    stated = Stated()
    words = take_words(text, found, stated, _MAX_TOKENS)[:MAX_WORDS]
    if stated.bare:
        stated.bare = [each for each in stated.bare if each[0] < len(words)]
    mended: set[str] = set()
    if not found.words.issuperset(words) and not found.words.issuperset([word for word in words if word.isalpha()]):
        words = _mended(words, found, stated, mended)
    joined = join_limbs(words)
    if len(joined) != len(words):
        stated.bare = [(at, value) for at, value in _moved(stated.bare, words, joined)]
        words = joined
    got = matches(words, found, languages)
    return Reading(words, stated, got, phrases(words, got, found), mended)


def _mended(words: list[str], found: Lexicon, stated: Stated, mended: set[str]) -> list[str]:
    out: list[str] = []
    moved: dict[int, int] = {}
    for at, word in enumerate(words):
        moved[at] = len(out)
        if word in found.words or not word.isalpha():
            out.append(word)
            continue
        parts, how = mend(word)
        if not how and len(word) >= 3 and word.isascii():
            beside = mend_beside(words, at)
            parts, how = ((beside,), "fuzzy") if beside else (parts, how)
        if how:
            mended.add(how)
        out.extend(parts)
    stated.bare = [(moved[at], value) for at, value in stated.bare]
    return out


def _moved(bare: list[tuple[int, int]], before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    result = []
    for _, value in bare:
        text = str(value)
        if text in after:
            result.append((after.index(text), value))
    return result


def _of_its_name(reading: Reading, found: Lexicon, language: str | None) -> Verdict | None:
    """What the name says alone where only instructions follow it, if it is an exercise's."""
    end = instructed(reading.words, reading.phrases)
    if not end:
        return None
    named = [match for match in reading.matches if match.end <= end]
    verdict = decide(reading.words[:end], named, reading.phrases[:1], reading.stated, found, language)
    return verdict if verdict.kind == "exercise" else None


def _method(verdict: Verdict, reading: Reading) -> str:
    if verdict.method in ("exact", "compound") and reading.mended and verdict.exercises:
        if "fuzzy" in reading.mended:
            return "fuzzy"
        if verdict.method == "exact":
            return "split"
    return verdict.method


def _counts(reading: Reading, verdict: Verdict, found: Lexicon) -> tuple[int | None, float | None]:
    stated = reading.stated
    repetitions: int | None = None
    if stated.repetitions:
        several = len(verdict.exercises) > 1 and len(set(stated.repetitions)) > 1
        repetitions = None if several else stated.repetitions[0]
    if stated.bare and verdict.kind == "exercise":
        covered = {
            at
            for match in reading.matches
            if match.entry.type == "exercise"
            and (not match.entry.weak or match.entry.id in verdict.exercises or match.entry.id in verdict.components)
            for at in range(match.start, match.end)
        }
        values = []
        for at, value in stated.bare:
            if at in covered or not 2 <= value <= 1000 or _of_ways(reading.words, at):
                continue
            if reading.words[at + 1 : at + 2] in _ORDINALS:
                # "2nd squat".
                continue
            leading = (
                not any(word[0].isalpha() for word in reading.words[:at]) or not reading.words[at - 1][0].isalnum()
            )
            trailing = all(word in found.modifiers or word == "total" for word in reading.words[at + 1 :])
            hold = "hold" in reading.words or _is_held(verdict, found)
            if trailing and hold and value in HELD_S and stated.duration_s is None:
                return repetitions, float(value)
            if (leading and at + 1 < len(reading.words)) or (trailing and 5 <= value <= _MOST_TRAILING and not hold):
                values.append(value)
        if repetitions is None and values and len(set(values)) == 1:
            repetitions = values[0]
    return repetitions, stated.duration_s


def _of_ways(words: Sequence[str], at: int) -> bool:
    """Whether a number is one of exercises: "mountain climbers – *5 ways*", "*3* plank *variations*"; not "10 each way"."""
    for word in words[at + 1 : at + 5]:
        if not word[0].isalpha() or word in ("each", "both", "every", "per", "either"):
            return False
        if word in _WAYS:
            return True
    return False


def _is_held(verdict: Verdict, found: Lexicon) -> bool:
    return any(found.exercises[each].pattern in _OFF_HOLD for each in verdict.exercises if each in found.exercises)
