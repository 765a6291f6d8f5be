"""Exercises that follow each other in one title: "squats then curls", "1a Push-up 1b Row", "curls x dips superset"."""

from __future__ import annotations

import re

_AFTERWARDS = re.compile(r"(?<!left )(?<!right )\b(?:then|followed by)\b")
_SUPERSET = re.compile(r"\b(?:super|bi|tri|giant)[- ]?sets?\b|\w ss \w")
_PAIRED = re.compile(r"\b((?:super|bi|tri|giant)[- ]?set(?:ted)?) with\b")
_BOTH = re.compile(r"\s(?:and|und|y|e|et|x|ss|with|w/|into)\s|\s?[&+]\s?")
# "Flyes - with a twist": how it is done, not what comes next.
_SIGN_WITH = re.compile(r"\s-\s+(?=w(?:ith\b|/))")
# "1a Push-up 1b Row", "A1. Press A2. Row": two places of a list in one title.
_PLACED = re.compile(r"^\W*(?:\d{1,2}[a-d]|[a-d]\d)\b")
_NEXT_PLACE = re.compile(r"(?<=\w)[\s,;/|+-]+(?:\d{1,2}[a-d]|[a-d]\d)\b[.):\]]*\s+(?=[^\W\d])")


def one_after_the_other(text: str) -> str:
    """A cleaned title with breaks where it says that exercises follow each other: "squats then curls", "a & b superset"."""
    if "then" in text or "followed by" in text:
        text = _AFTERWARDS.sub(" | ", text)
    if " - w" in text:
        text = _SIGN_WITH.sub(" ", text)
    if _PLACED.match(text):
        text = _NEXT_PLACE.sub(" | ", text)
    return _BOTH.sub(" | ", _PAIRED.sub(" | ", text)) if _SUPERSET.search(text) else text
