"""Chapters from the timestamps in a description, and labels from chapter titles.

Descriptions are written by people, so the lines vary: the time before or after the title, in brackets, after a bullet or
a number, as a range, several to a line, or as links in HTML. A time in the middle of a sentence is not a chapter.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass

MAX_DESCRIPTION = 200_000

_TIME = r"(?:\d{1,3}:[0-5]?\d:[0-5]\d|\d{1,3}:[0-5]\d)(?:\.\d{1,3})?"
# Not part of a longer number, a ratio or a date; not a time of day.
_NOT_BEFORE = r"(?<![\d:./])"
_NOT_AFTER = r"(?!\d|:\d|/\d|\.\d|\s*[ap]\.?m\b|\s*(?:uhr|est|pst|gmt|utc|cet)\b)"
_RANGE = re.compile(
    rf"[\[(<{{]?\s*{_NOT_BEFORE}(?P<start>{_TIME}){_NOT_AFTER}"
    rf"(?:\s*(?:-|–|—|~|to|until|bis|→|->)\s*(?P<end>{_TIME}){_NOT_AFTER})?\s*[\])>}}]?",
    re.IGNORECASE,
)
_LINK = re.compile(r"</?a\b[^<>]{0,2000}>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# Bullets, arrows, numbers and other signs that may stand before a time at the beginning of a line.
_LEAD = re.compile(r"^(?:[^\w\[({<\"']|\d{1,3}[.)](?:\s|$)|\d{1,3}\s*[-–—:|](?:\s|$)|#\d{1,3}\b)*$")
_BRACKETED = re.compile(r"^\s*[\[({].*[\])}]\s*$")
_TRIM_LEFT = " \t-–—:|•●▪◦·*~=>»→►▶▸➡✅✔☑⏱⏰🕐📌👉,;."
_TRIM_RIGHT = " \t-–—:|•●▪◦·*~=<«→►▶▸➡,;@"


@dataclass(frozen=True)
class ChapterLine:
    """A chapter as found: `end_s` is None unless the line gives a range."""

    start_s: float
    end_s: float | None
    title: str


def parse_description(description: str) -> list[ChapterLine]:
    """Chapters from the timestamps of a description; empty unless there are at least two.

    They come in the order of time. Where the times of the lines do not increase (two lists in one text, a stray line),
    the longest increasing run of lines is taken.
    """
    text = description[:MAX_DESCRIPTION]
    if _BREAK.search(text) or _LINK.search(text):
        text = html.unescape(_LINK.sub("", _BREAK.sub("\n", text)))
    found = [chapter for line in text.splitlines() for chapter in _line(line)]
    found = _increasing(found)
    return found if len(found) >= 2 else []


def _line(line: str) -> list[ChapterLine]:
    matches = list(_RANGE.finditer(line[:2000]))
    if not matches:
        return []
    if len(matches) == 1:
        match = matches[0]
        before, after = line[: match.start()], line[match.end() :]
        lead = _LEAD.match(before) is not None
        if not (lead or not after.strip(_TRIM_RIGHT + ".!") or _BRACKETED.match(after)):
            return []
        title = _title("" if lead and after.strip() else before, after)
        return [ChapterLine(_seconds(match["start"]), _end(match), title)] if title else []
    # Several times in one line: a list without line breaks, if it begins or ends with one and all have a title.
    first, last = matches[0], matches[-1]
    if _LEAD.match(line[: first.start()]):
        stops = [match.start() for match in matches[1:]] + [len(line)]
        titles = [_title("", line[match.end() : stop]) for match, stop in zip(matches, stops, strict=True)]
    elif not line[last.end() :].strip(_TRIM_RIGHT + "."):
        starts = [0] + [match.end() for match in matches[:-1]]
        titles = [_title(line[start : match.start()], "") for match, start in zip(matches, starts, strict=True)]
    else:
        return []
    if not all(titles):
        return []
    return [ChapterLine(_seconds(m["start"]), _end(m), t) for m, t in zip(matches, titles, strict=True)]


def _title(before: str, after: str) -> str:
    # Around the time stand separators ("Squats - 1:20", "1:20: Squats"); the title's own full stop stays.
    before = " ".join(before.split()).rstrip(_TRIM_RIGHT)
    before = before.lstrip("".join(char for char in _TRIM_LEFT if char not in "."))
    after = " ".join(after.split()).strip()
    after = after.lstrip(_TRIM_LEFT) if not before else after.lstrip(_TRIM_LEFT.replace(".", ""))
    after = after.rstrip("".join(char for char in _TRIM_RIGHT if char not in "."))
    if before and not after and re.fullmatch(r"[\d\s.)#]*", before):
        return ""
    return f"{before} {after}".strip()


def _seconds(clock: str) -> float:
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def _end(match: re.Match[str]) -> float | None:
    if match["end"] is None:
        return None
    end = _seconds(match["end"])
    return end if end > _seconds(match["start"]) else None


def _increasing(found: list[ChapterLine]) -> list[ChapterLine]:
    """The longest run of lines (not necessarily neighbours) whose times increase (patience sorting)."""
    tails: list[float] = []
    tail_index: list[int] = []
    previous: list[int] = []
    for index, chapter in enumerate(found):
        place = bisect_left(tails, chapter.start_s)
        previous.append(tail_index[place - 1] if place else -1)
        if place == len(tails):
            tails.append(chapter.start_s)
            tail_index.append(index)
        else:
            tails[place] = chapter.start_s
            tail_index[place] = index
    kept: list[ChapterLine] = []
    index = tail_index[-1] if tail_index else -1
    while index >= 0:
        kept.append(found[index])
        index = previous[index]
    return kept[::-1]


_SECTION = re.compile(
    r"^(?:warm[\s-]?up|cool[\s-]?down|finisher|bonus|(?:round|set|circuit|exercise|move|movement|block|part|day|week|"
    r"station|drill|workout|level|phase)\s*#?\d*)\s*[:|–—]\s*(?=\S)|"
    r"^(?:round|set|circuit|exercise|move|movement|block|part|station|drill)\s*#?\d+\s*[-.)]?\s*(?=[^\W\d])"
)
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_CLOCKS = re.compile(rf"{_NOT_BEFORE}{_TIME}(?![\d:])")
_NUMBERING = re.compile(
    r"^\s*(?:(?:no|nr)\.?\s*)?#?\s*\d{1,3}\s*(?:[.):\]]|\s[-–—|]|[-–—|]\s)\s*(?=\S)|^\s*#\d{1,3}\s+(?=\S)"
)
_ORDINAL = re.compile(r"^\s*(\d{1,3})\s*(?:/|of)\s*(\d{1,3})\b\s*[-–—:.)|]?\s*(?=\S)")
_SIDES = r"(?:\s*(?:on\s+)?(?:each|per|every|a|both)\s+(?:side|leg|arm|foot|hand|direction)s?|\s*e/s)?"
_COUNTS = re.compile(
    r"(?<![\w.])(?:"
    r"\d+\s*[x×]\s*\d+(?:\s*(?:reps?|s|sec(?:ond)?s?|min(?:ute)?s?))?"
    r"|[x×]\s*\d+(?:\s*reps?)?"
    r"|\d+\s*[x×](?!\w)"
    r"|\d+(?:\s*[-–]\s*\d+)?(?:[.,]\d+)?[\s-]*(?:s|secs?|seconds?|m|mins?|minutes?|reps?|repetitions?|times|sets?|rounds?)"
    r"(?:\s*of\s*\d+)?(?:\s*(?:on|off|work|rest))?|\d+\s*(?:on|off)"
    rf")(?!\w){_SIDES}"
)
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")
_EDGE = " \t-–—:;,.|/\\•·*~=+&_<>\"'`!?→"


def label_of(title: str) -> str | None:
    """What a chapter shows, in a form that can be counted: None if nothing is left.

    The steps, in this order: compatibility forms (NFKC); control, format and direction characters, emoji and other
    symbols out; lower case; bracketed remarks out; numbering ("1)", "#3", "2/10") and the names of sections before the
    name of an exercise ("Warm-up: ...", "Round 2: ...") out; times and counts ("0:30", "30 sec", "x10", "3 sets") out;
    white space and the signs around it trimmed. Numbers that are part of a name ("90/90 stretch", "7 up") stay. Where a
    step would leave nothing, it is not done: "(Squats)" is "squats", "Warm-up" is "warm-up".
    """
    text = _KEYCAP.sub(" ", title[:2000])
    text = unicodedata.normalize("NFKC", text)
    text = "".join(_plain(char) for char in text).lower()
    text = " ".join(text.split())
    for pattern in (_BRACKETS, _CLOCKS):
        text = _without(pattern, text)
    for _ in range(3):
        ordinal = _ORDINAL.match(text)
        if ordinal and int(ordinal[1]) <= int(ordinal[2]) <= 60:
            text = _trim(text[ordinal.end() :])
        text = _without(_NUMBERING, text)
        text = _without(_SECTION, text)
    text = _without(_COUNTS, text)
    text = _trim(text.strip("#"))
    return text if any(char.isalnum() for char in text) else None


def _plain(char: str) -> str:
    kind = unicodedata.category(char)
    if kind in ("Zs", "Zl", "Zp") or char in "\t\n\r":
        return " "
    if kind[0] == "C" or kind in ("So", "Sk", "Me") or char in "\ufe0e\ufe0f":
        # A joiner inside a word of Persian or Hindi is dropped too: labels are for counting, titles stay as published.
        return "" if kind[0] == "C" or kind == "Me" or char in "\ufe0e\ufe0f" else " "
    return char


def _without(pattern: re.Pattern[str], text: str) -> str:
    reduced = _trim(pattern.sub(" ", text))
    return reduced if any(char.isalpha() for char in reduced) else text


def _trim(text: str) -> str:
    text = " ".join(text.split())
    while text != (text := text.strip(_EDGE)):
        pass
    # A bracket around the whole, or one whose partner is gone.
    for left, right in ("()", "[]", "{}"):
        if text.count(left) != text.count(right) or (text[:1] == left and text[-1:] == right and text.count(left) == 1):
            text = text.strip(f"{left}{right} ")
    return text
