"""Announcements: "next up: lunges", "thirty seconds of high knees", "take a break", or the exercise's name alone.

An announcement is a phrase that leads on to something else with an exercise (or a rest) right behind it, a number with one, or
an utterance that is nothing but a name. What is said of other days or of later, and lists of what a video holds, is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz, process

from fimad.labels.spoken.utterances import Spoken, Utterance
from fimad.labels.taxonomy import load_taxonomy
from fimad.labels.titles import TitleLabel, label_title

#: How sure an announcement is, by what it rests on.
CONFIDENCE = {"leads on": 0.8, "number": 0.75, "leads on, vaguely": 0.65, "name alone": 0.6}

_STRONG = (
    "next up|up next|next exercise(?: is)?|next move(?:ment)?(?: is)?|next one(?: is)?|next we have|next we(?:'re| are) doing|next is|"
    "mov(?:e|ing) on to|mov(?:e|ing) (?:straight )?into|first up|first exercise(?: is)?|(?:last|final) exercise(?: is)?|"
    "(?:we |we'll |let's |i |gonna |going to )?(?:start|begin|finish)(?:ing)? (?:off )?with|time for|get ready for|switch(?:ing)? to|"
    "chang(?:e|ing) to|here comes?|go(?:ing)? straight into|"
    "als nächstes|nächste übung(?: ist)?|weiter (?:geht'?s )?mit|wir (?:beginnen|starten) mit|(?:erste|letzte) übung|zum schluss|"
    "siguiente ejercicio|vamos con|empezamos con|pasamos a|(?:primer|último) ejercicio|a continuación|"
    "(?:prochain|premier|dernier) exercice|exercice suivant|on (?:passe|enchaîne) (?:aux?|à|avec)|on commence (?:avec|par)|"
    "próximo exercício|vamos para|começamos com|(?:primeiro|último) exercício|"
    "prossimo esercizio|passiamo (?:a|ai|agli|alle|al)|iniziamo con|(?:primo|ultimo) esercizio"
)
_WEAK = (
    "next|now(?: for| it's| we have)?|let's (?:do|go)|we have|we(?:'re| are) (?:doing|going to do)|we'll do|back to|"
    "jetzt(?: kommen| folgen)?|dann|ahora|luego|maintenant|ensuite|agora|depois|adesso|ora|poi"
)
_LEADS = re.compile(rf"(?<!\w)(?:(?P<strong>{_STRONG})|(?P<weak>{_WEAK}))(?!\w)")
# What is not now.
_ELSEWHEN = re.compile(
    r"(?<!\w)(?:later|tomorrow|yesterday|next (?:week|time|video)|last (?:week|time)|before we|after this video|"
    r"später|morgen|gestern|mañana|más tarde|plus tard|demain|amanhã|mais tarde|domani|più tardi)(?!\w)"
)
_MORE = re.compile(
    r"(?<!\w)(?:more|left|to go|another|noch|más|encore|mais|ancora|halfway|already|done|finished)(?!\w)"
)
_ASKED = re.compile(r"[?？]\s*$")
_FILLERS = frozenset(
    (
        "ok",
        "okay",
        "alright",
        "all",
        "right",
        "so",
        "and",
        "great",
        "good",
        "job",
        "well",
        "done",
        "nice",
        "work",
        "perfect",
        "yes",
    )
)
_NUMBER = re.compile(
    r"(?<!\w)(?:\d{1,3}|ten|fifteen|twenty|thirty|forty|forty-five|fifty|sixty|ninety|one minute|two minutes?|a minute|zehn|zwanzig|"
    r"dreißig|vierzig|diez|veinte|treinta|cuarenta|dix|vingt|trente|quarante|dez|vinte|trinta|quarenta|dieci|venti|quaranta)(?!\w)"
)
# "Stand up tall" is told in every exercise.
_POSTURES = frozenset(("standing", "sitting", "lying", "walking"))
_MOST_BEHIND = 8
_MOST_ALONE = 4
# Heard words are misheard in one or two sounds of a name.
_ALIKE = 84.0


@dataclass(frozen=True)
class Announcement:
    """An exercise or a rest that is announced.

    Parameters
    ----------
    start_s, end_s : of the words.
    kind : ``exercise`` or ``rest``.
    title : the words that name it; a chapter's title.
    exercise : canonical, None for a rest.
    confidence : 0 to 1.
    basis : what it rests on, a key of `CONFIDENCE`.
    said : the whole utterance.
    """

    start_s: float
    end_s: float
    kind: str
    title: str
    exercise: str | None
    confidence: float
    basis: str
    said: str


def announcements(said: Sequence[Utterance]) -> list[Announcement]:
    """What a speaker announces, in the order of time; an exercise that is going on already is not announced again."""
    made: list[Announcement] = []
    for at, each in enumerate(said):
        following = said[at + 1] if at + 1 < len(said) else None
        found = _announcement(each, following)
        if found is None:
            continue
        if made and (found.kind, found.exercise) == (made[-1].kind, made[-1].exercise):
            continue
        made.append(found)
    return made


def _announcement(each: Utterance, following: Utterance | None) -> Announcement | None:
    text = _plain(each.text)
    if _ELSEWHEN.search(text) or _ASKED.search(each.text):
        return None
    if len(label_title(text).exercises) >= 3:
        # What the whole video holds.
        return None
    for lead in _LEADS.finditer(text):
        basis = "leads on" if lead["strong"] else "leads on, vaguely"
        begin = len(text[: lead.start()].split())
        behind = _clause(each.words[len(text[: lead.end()].split()) :])
        if not behind and following is not None and following.start_s - each.end_s < 2.0 and lead["strong"]:
            # "Next up. Squats."
            behind = _clause(following.words)
        found = _named(behind, each, each.words[begin].start_s, basis)
        if found is not None:
            return found
    if _MORE.search(text):
        return None
    number = _NUMBER.search(text)
    if number is not None and len(each.words) <= _MOST_BEHIND + 4:
        found = _named(_clause(each.words), each, each.start_s, "number")
        if found is not None:
            return found
    words = list(each.words)
    while words and _plain(words[0].text).strip(",") in _FILLERS:
        words.pop(0)
    if 0 < len(words) <= _MOST_ALONE:
        label = label_title(_plain(" ".join(word.text for word in words)))
        if label.confidence >= 0.85 and label.method in ("exact", "inflected", "compound", "words"):
            return _named(words, each, words[0].start_s, "name alone")
    return None


def _named(words: Sequence[Spoken], each: Utterance, start_s: float, basis: str) -> Announcement | None:
    title = " ".join(word.text for word in words).strip(" .,!:;-–…")
    if not title:
        return None
    label = label_title(title)
    exercise = label.exercises[0] if label.kind == "exercise" and len(label.exercises) == 1 else None
    if exercise is None and basis == "leads on" and not label.exercises and label.kind != "rest":
        exercise = _misheard(title)
    if (exercise is None and label.kind != "rest") or (exercise in _POSTURES and basis != "leads on"):
        return None
    if basis == "number" and not _numbered(label):
        return None
    confidence = CONFIDENCE[basis] * (1.0 if label.exercises or label.kind == "rest" else 0.8)
    kind = "rest" if exercise is None else "exercise"
    if exercise is not None and not label.exercises:
        title = exercise.replace("_", " ")
    return Announcement(start_s, words[-1].end_s, kind, title, exercise, round(confidence, 3), basis, each.text)


def _numbered(label: TitleLabel) -> bool:
    return label.duration_s is not None or label.repetitions is not None


def _clause(words: Sequence[Spoken]) -> list[Spoken]:
    """The first clause: up to a comma, at most eight words."""
    taken: list[Spoken] = []
    for word in words[:_MOST_BEHIND]:
        taken.append(word)
        if word.text.endswith((",", ":", ";", ".", "!")) and any(char.isalpha() for char in word.text):
            break
    return taken


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").replace(":", " ").replace(",", " , ").replace(" , ", " ").split())


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {name.casefold(): each.id for each in load_taxonomy()[1].values() for name in each.names.get("en", ())}


@lru_cache(maxsize=4096)
def _misheard(title: str) -> str | None:
    """The exercise whose English name sounds nearly like it: "dumping jacks"."""
    names = _names()
    text = title.casefold()
    if len(text) < 6:
        return None
    found = process.extractOne(text, list(names), scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return names[found[0]] if found else None
