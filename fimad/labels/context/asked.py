"""Words before an exercise that ask or say what somebody goes through: "should squats ...", "returning to squats"."""

from __future__ import annotations

from collections.abc import Sequence

from fimad.labels.context.movements import BODY, HEADS, HOW, PREPOSITIONS
from fimad.labels.context.sentences import AMOUNTS, PUT
from fimad.labels.matching import Match
from fimad.labels.taxonomy import lexicon

_ASKING = frozenset(
    ["are", "is", "does", "did", "should", "could", "would", "will", "was", "were", "has", "have", "am"]
)
QUESTIONS = frozenset(["how", "why", "when", "where", "which", "who", "whose", "whom", "what"])
_DETERMINERS = frozenset(["the", "a", "an", "it", "this", "that", "your", "my", "there", "doing"])
_CAN = frozenset(["can", "do"])
PERSONS = frozenset(["you", "i", "we", "they", "anyone", "women", "men", "beginner", "people", "the", "kid"])
_LEADING_ON = frozenset(
    ["starting", "beginning", "finishing", "ending", "moving", "going", "coming", "continuing", "opening", "closing", "warming",
     "flowing", "transitioning", "switching", "working", "practicing", "practising", "doing", "using", "during", "including"]
)  # fmt: skip
_AWAY = frozenset(["back", "out", "up", "over"])
_IN = frozenset(["in", "during", "on", "of", "from"])

#: Without one of these nothing is asked, and nothing said within an exercise.
OF_QUESTIONS = _ASKING | QUESTIONS | _CAN | _IN


def is_asked(words: Sequence[str], first: int, size: int) -> str:
    """The word with which a title asks something; "" if it does not."""
    word, following = words[first], words[first + 1] if first + 1 < size else ""
    if size - first < 3 and word not in QUESTIONS:
        return ""
    if word == "is":
        # "(Next up) is squats" is no question.
        return word if following in _DETERMINERS else ""
    if word == "did" and following in PREPOSITIONS:
        # "Did 3x5 on bench" is told in a log.
        return ""
    if word in _ASKING or word in QUESTIONS:
        return word
    return word if word in _CAN and following in PERSONS else ""


def undertakes(before: Sequence[str], word: str, named: Match) -> bool:
    """Whether a title begins with what somebody goes through: "*losing* 40 lbs with", "*returning* to"; "floating lunges" are done."""
    found = lexicon()
    if not word.endswith("ing") or len(word) < 6 or word in HEADS or word in BODY or word in HOW or word in _LEADING_ON:
        return False
    if word in found.exercise_words or word in found.modifiers or word in found.fillers:
        return False
    if found.exercises[named.entry.id].pattern in ("yoga", "stretch"):
        # "Returning to child's pose".
        return False
    following = before[before.index(word) + 1 :]
    return bool(following) and (following[0] in PREPOSITIONS or following[0] in _DETERMINERS or following[0] in _AWAY)


def in_an_exercise(letters: Sequence[str]) -> str:
    """The word of which something is said within an exercise ("butt *wink* in the squat"); "" where it is done."""
    at = next((at for at, word in enumerate(letters) if word in _IN and at), 0)
    if not at or any(word not in _DETERMINERS for word in letters[at + 1 :]):
        return ""
    if letters[at] == "during":
        return letters[at - 1]
    known = lexicon().words
    if (at == 1 and letters[0] in PUT) or (letters[at : at + 1] == ["of"] and letters[at - 1] in AMOUNTS):
        # "Add in squats", "finish on a plank", "a couple of squats".
        return ""
    strange = [
        word for word in letters[:at] if word not in known and not (word in HEADS or word in BODY or word in HOW)
    ]
    return strange[0] if strange and at <= 4 else ""
