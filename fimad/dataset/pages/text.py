"""Text from outside made harmless for Markdown and HTML: titles, labels and channel names are anybody's."""

from __future__ import annotations

import re
import unicodedata

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$&\"':@/=])")
_LONGEST = 200


def plain(text: str, longest: int = _LONGEST) -> str:
    """One line without control and direction characters, cut to a length."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    kept = " ".join(kept.split())
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def markdown(text: str) -> str:
    """Text that Markdown shows as it is: every special character becomes a numeric entity."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[1])};", plain(text))


def counted(number: int, noun: str) -> str:
    """A number and its noun: 1 video, 2 videos."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
