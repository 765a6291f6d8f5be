"""Which language a title is in, told by its script, its letters and the names that were found in it.

Titles have three words on average: statistics over letters, as language identifiers use them, are wrong for most of them,
while a name that only one language has settles it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection

from fimad.labels.matching import Match
from fimad.labels.taxonomy import Lexicon

_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "CYRILLIC": "ru", "ARABIC": "ar", "HEBREW": "he",
    "GREEK": "el", "DEVANAGARI": "hi", "THAI": "th", "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te",
}  # fmt: skip
# Letters that point to a language among those that share the Latin or another script.
_LETTERS = {
    "ñ": "es", "¿": "es", "¡": "es", "ã": "pt", "õ": "pt", "ß": "de", "ä": "de", "ö": "de", "ü": "de", "ê": "fr pt", "è": "fr it",
    "à": "fr it", "ç": "fr pt", "œ": "fr", "ù": "fr it", "û": "fr", "î": "fr", "ô": "fr pt", "ì": "it", "ò": "it", "í": "es pt",
    "ó": "es pt pl", "á": "es pt cs hu", "é": "fr es pt", "ú": "es pt", "ł": "pl", "ą": "pl", "ę": "pl", "ż": "pl", "ś": "pl",
    "ź": "pl", "ć": "pl hr", "ń": "pl", "ş": "tr", "ğ": "tr", "ı": "tr", "å": "sv no da", "ø": "da no", "æ": "da no",
    "ř": "cs", "ě": "cs", "ů": "cs", "ž": "cs hr", "č": "cs hr", "š": "cs hr", "đ": "hr vi", "ő": "hu", "ű": "hu", "ă": "ro vi",
    "ț": "ro", "ș": "ro", "і": "uk", "ї": "uk", "є": "uk", "ґ": "uk", "ы": "ru", "э": "ru", "ъ": "ru", "پ": "fa", "چ": "fa",
    "گ": "fa", "ک": "fa", "ی": "fa", "ạ": "vi", "ế": "vi", "ị": "vi", "ộ": "vi", "ấ": "vi",
}  # fmt: skip
# Units and number words that a title's numbers were taken off with.
_COUNTING = {
    "sekunden": "de", "sekunde": "de", "sek": "de", "minuten": "de nl", "wiederholungen": "de", "runden": "de", "segundos": "es pt",
    "seg": "es pt", "minutos": "es pt", "repeticiones": "es", "rondas": "es", "veces": "es", "secondes": "fr", "fois": "fr",
    "repetitions": "en fr", "secondi": "it", "minuti": "it", "ripetizioni": "it", "giri": "it", "repeticoes": "pt",
    "rodadas": "pt", "vezes": "pt", "seconden": "nl", "herhalingen": "nl", "sekund": "pl", "powtorzen": "pl", "sekunder": "sv da no",
    "saniye": "tr", "tekrar": "tr", "detik": "id", "menit": "id", "sekuntia": "fi", "giay": "vi", "seconds": "en", "secs": "en",
    "minutes": "en fr", "reps": "en", "rounds": "en", "sets": "en", "treinta": "es", "trenta": "it", "trente": "fr", "trinta": "pt",
    "sekundi": "hr", "masodperc": "hu", "secunde": "ro", "minuty": "pl", "links": "de nl", "rechts": "de nl", "izquierda": "es",
    "derecha": "es", "gauche": "fr", "droite": "fr", "droit": "fr", "esquerda": "pt", "direita": "pt", "sinistra": "it", "destra": "it",
    "destro": "it", "sinistro": "it", "izquierdo": "es", "derecho": "es", "esquerdo": "pt", "direito": "pt",
    "mit": "de", "con": "es it", "avec": "fr", "com": "pt", "und": "de", "et": "fr", "kurze": "de", "lado": "es pt", "lato": "it",
    "cote": "fr", "seite": "de",
}  # fmt: skip
# Of two languages that share all words of a title the one that more titles are in.
_COMMONEST = frozenset(("de", "es", "fr", "pt", "it"))
_BEYOND_LATIN = "\u0370"
# Neither punctuation nor pictures, which lie between.
_OTHER_SCRIPT = re.compile("[\u0370-\u1fff\u2c00-\ud7ff\uf900-\ufdff\ufe70-\uffff\U00020000-\U0003ffff]")
_ACCENTED = re.compile(r"[^\x00-\x7f]")
# Sums of thirds and sevenths that are as much.
_DRAW = 1e-6
_COUNTING_TABLE = {word: tuple(codes.split()) for word, codes in _COUNTING.items()}
_FOREIGN_COUNTING = frozenset(word for word, codes in _COUNTING_TABLE.items() if "en" not in codes)
_LETTER_TABLE = {letter: tuple(codes.split()) for letter, codes in _LETTERS.items()}


def script_language(text: str) -> str:
    """The language that a script that is not Latin stands for; "" for Latin letters or none."""
    counts: Counter[str] = Counter()
    letters = 0
    for char in text[:300]:
        if char.isalpha():
            letters += 1
            if char >= _BEYOND_LATIN:
                name = unicodedata.name(char, "").split(" ")[0]
                if name in _SCRIPTS:
                    counts[_SCRIPTS[name]] += 1
    if not counts or sum(counts.values()) * 2 < letters:
        return ""
    if counts["ja"]:
        return "ja"
    return counts.most_common(1)[0][0]


def letter_votes(text: str) -> dict[str, int]:
    """Votes of letters with accents, for lower-case text with its accents."""
    votes: dict[str, int] = defaultdict(int)
    for char in set(_ACCENTED.findall(text)):
        for code in _LETTER_TABLE.get(char, ()):
            votes[code] += 1
    return votes


def is_english(title: str, text: str, words: Collection[str], named: Collection[Match], lexicon: Lexicon) -> bool:
    """Whether whatever votes for another language votes for English as well: told without a vote."""
    if not title.isascii() or not lexicon.foreign.isdisjoint(words) or not _FOREIGN_COUNTING.isdisjoint(text.split()):
        return False
    return all(["en" in match.entry.languages for match in named])


def tell(title: str, text: str, words: Collection[str], named: Collection[Match], lexicon: Lexicon) -> str | None:
    """The language's code, or None where nothing tells.

    Parameters
    ----------
    text : the cleaned title: its units and number words vote.
    words : canonical words; function words vote.
    named : the names found: the languages that have them vote.
    """
    if is_english(title, text, words, named, lexicon):
        return "en" if named or any(char.isalpha() for char in title) else None
    votes: dict[str, float] = defaultdict(float)
    for match in named:
        for each in match.entry.languages:
            # What few languages say counts for more.
            votes[each] += 4 / len(match.entry.languages)
    for word in words:
        if word == "l":
            # "Clamshell L": of the left more often than French.
            continue
        for each in lexicon.languages.get(word, ()):
            votes[each] += 1 / len(lexicon.languages[word])
    for word in text.split():
        for each in _COUNTING_TABLE.get(word, ()):
            votes[each] += 1.5
    if not title.isascii():
        script = script_language(title) if _OTHER_SCRIPT.search(title) else ""
        letters = letter_votes(title.lower())
        if script:
            related = {"ru": ("ru", "uk"), "ar": ("ar", "fa"), "zh": ("zh", "ja")}.get(script, (script,))
            return max(related, key=lambda code: (votes[code] + 2 * letters[code], code == script))
        for code, count in letters.items():
            votes[code] += 1.5 * count
    if not votes:
        return "en" if title.isascii() and any(char.isalpha() for char in title) else None
    most = max(votes.values()) - _DRAW
    first = [code for code, count in votes.items() if count >= most]
    # An English word may be borrowed by others; where it is a draw it is English.
    return first[0] if len(first) == 1 else max(sorted(first), key=lambda code: (code == "en", code in _COMMONEST))
