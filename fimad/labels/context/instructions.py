"""Exercises with what to do behind a colon: "Leg extensions: extend one leg, flex and point the toes"."""

from __future__ import annotations

from collections.abc import Sequence

from fimad.labels.parts import Phrase
from fimad.labels.text import canonical

_LEAST = 5


def _words(text: str) -> frozenset[str]:
    return frozenset(form for word in text.split() for form in canonical(word))


# What instructions begin with: what to do, with what, how, and what it is good for.
_DO = _words(
    "lift raise lower press push pull bend extend stand sit lie lay hold keep place put hinge squeeze reach rotate turn tuck "
    "slide bring start begin inhale exhale roll drop draw lean flex point engage lengthen straighten interlace clasp "
    "arch round let move return stay stretch gently slowly both hands feet arms legs knees elbows shoulders "
    "strength strengthen strengthens strengthening stretches targets improves relieves opens builds"
) | {"1arm", "1leg"}


def instructed(words: Sequence[str], parts: Sequence[Phrase]) -> int:
    """Where the name ends behind which a title only says what to do; 0 where it goes on naming, as in "plank: shoulder taps".

    >>> from fimad.labels import label_title
    >>> label_title("Mountain pose: press your feet down and lengthen the spine").exercises
    ('mountain_pose',)
    """
    if len(parts) < 2 or words[parts[0].end] != ":" or words[parts[1].start] not in _DO or "?" in words:
        return 0
    behind = sum(word[0].isalnum() for word in words[parts[1].start :])
    return parts[0].end if behind >= _LEAST and any(part.uncovered for part in parts[1:]) else 0
