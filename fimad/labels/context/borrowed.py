"""Names of other languages that are English words: "hip *flexion*", "*direct* debit"; "15 flexiones" are push-ups."""

from __future__ import annotations

from collections.abc import Sequence

from fimad.labels.matching import Match
from fimad.labels.taxonomy import lexicon

# Words of other languages that English has as well: alone they don't tell.
_ENGLISH = frozenset([
    "come", "was", "ara", "son", "dos", "tour", "del", "die", "co", "salut", "ben", "mage", "pass",
    "dag", "hoe", "wat", "tag", "brust", "part", "mal", "fine", "fin", "taille", "ventre", "arme",
    "lever", "am", "art", "bilan", "bras", "pont", "table", "chat", "chaise", "vertical", "marcha",
    "barra", "ballon", "como", "cap", "mos", "ore", "most", "deska", "asse", "coupe", "tree", "child",
    "course", "scale", "boot", "bike", "corda", "dip", "ring", "ab", "kor", "del", "hip", "jak", "hur",
    "cum", "set", "ride", "camp", "pause", "po", "no", "on", "son", "case", "crow", "mill", "taco",
    "bar", "sit", "talk", "plan", "sol", "free", "start", "flexion", "abdominal", "abduction", "abductor", "adduction", "aperture", "direct",
    "gang", "infra", "pulley", "repulsion", "sidekick", "sidestep", "spacer", "stiff", "tap", "torsion", "traction", "papillon",
    "stage", "cast", "mono", "calf", "rock", "ponte", "canoe", "ours", "enfant",
])  # fmt: skip
# Talk in English or another language.
_NO_TALK = {"de": ("link",), "nl": ("link",), "pt": ("outro", "chao")}
# Of these so many names are known that one of another language is no borrowed one.
_TAUGHT = frozenset(["de", "es", "fr", "pt", "it"])
# Signs of print, which tell no language: "elbow stretch – flexion".
_TYPED = dict.fromkeys(map(ord, "–—−‐‑’‘“”…•·→×"), " ")


def unborrowed(words: Sequence[str], matches: list[Match], title: str, language: str | None) -> list[Match]:
    """The matches without names of other languages in what is otherwise English.

    >>> from fimad.labels import label_title
    >>> [label_title(title).exercises for title in ("Hip flexion", "Flexiones de brazos")]
    [(), ('push_up',)]
    """
    if language in (None, "en") or not matches:
        for match in matches:
            if "en" not in match.entry.languages:
                break
        else:
            return matches
    if language not in (None, "en") and (len(matches) > 1 or matches[0].entry.type == "talk"):
        return [match for match in matches if not _joins(words, match, language or "")]
    foreign = not title.isascii() and not title.translate(_TYPED).isascii()
    alone = sum(word[0].isalpha() for word in words) == 1
    spoken = language or "" if language not in (None, "en") and _spoken(words, matches, language or "") else ""
    return [
        match
        for match in matches
        if "en" in match.entry.languages
        or match.used > 1
        or words[match.start] not in _ENGLISH
        or spoken in match.entry.languages
        or foreign
        or alone
    ]


def _joins(words: Sequence[str], match: Match, language: str) -> bool:
    """Whether a name of one word is another language's, and none of English: "glutei *da supino*"; or a small word of the title's: "travail *du* quadriceps"."""
    if match.entry.type == "talk" and match.end - match.start == 1 and len(words) > 1:
        # "Adler links", "um pé na frente do outro", "no chão".
        return words[match.start] in _NO_TALK.get(language, ())
    if match.entry.type != "exercise" or match.end - match.start > 1 or language in match.entry.languages:
        return False
    small = match.entry.weak and language in lexicon().languages.get(words[match.start], ())
    return small or (language in _TAUGHT and "en" not in match.entry.languages)


def _spoken(words: Sequence[str], matches: Sequence[Match], language: str) -> bool:
    """Whether words beside the names are of a language."""
    known = lexicon().languages
    named = {at for match in matches for at in range(match.start, match.end)}
    return any(
        language in known.get(word, ()) and "en" not in known.get(word, ())
        for at, word in enumerate(words)
        if at not in named
    )
