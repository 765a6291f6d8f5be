"""Chapters from the timestamps in a description, and labels from chapter titles.

Descriptions are written by people, so the lines vary: the time before or after the title, in any brackets, after a bullet
or a number, as a range, several to a line, or as links in HTML. A time in the middle of a sentence is not a chapter. Every
step takes time that grows with the length of the text and no faster.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence

from fimad.labels.text import FILLERS
from fimad.pipeline.acquire.timed_lines import (
    NOT_BEFORE,
    TIME,
    ChapterLine,
    TimedLine,
    habits_of,
)

MAX_DESCRIPTION = 200_000
_LINK = re.compile(r"</?a\b[^<>]{0,2000}>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s{0,9}/?>", re.IGNORECASE)
_COLONS = re.compile("[:：∶]")


def parse_description(description: str, end_s: float = math.inf) -> list[ChapterLine]:
    """Chapters from the timestamps of a description, in the order of time; empty unless there are at least two.

    See `read_description`, which also tells what was left out.

    >>> [(line.start_s, line.title) for line in parse_description("0:00 Squats (0:45)\\n1:00 Lunges (0:45)")]
    [(0.0, 'Squats (0:45)'), (60.0, 'Lunges (0:45)')]
    """
    return read_description(description, end_s)[0]


def read_description(description: str, end_s: float = math.inf) -> tuple[list[ChapterLine], list[ChapterLine]]:
    """The chapters of a description, and the lines with times that are out of order among them.

    A line that begins with a time is one chapter, whatever other times it holds (durations, the end of the exercise); else
    one that ends with a time is. Of the two kinds of list the first is taken, as yt-dlp does: credits for music have their
    times behind. Several times in one line are several chapters only where no such list is found. A time that stands alone
    has its title on the next line.

    Lines beyond `end_s`, the video's end, do not count in this choice (a timetable); those of the list that is chosen come
    after its chapters. Only where no list is left that way is one chosen by all lines.

    Where the times of the lines do not increase (two lists in one text, a stray line), the longest increasing run of lines
    is taken; where no single one is the longest, all lines are, by their times, as yt-dlp does. Of lines with one time the
    first counts.
    """
    lists = _lists(description[:MAX_DESCRIPTION])
    for limit_s in dict.fromkeys((end_s, math.inf)):
        for found in lists:
            kept, strays = _in_order([line for line in found if line.start_s <= limit_s])
            if len(kept) >= 2:
                late, late_strays = _in_order([line for line in found if line.start_s > limit_s])
                return kept + late, strays + late_strays
    return [], []


def _lists(text: str) -> tuple[list[ChapterLine], ...]:
    """The lists that a text may hold, best first: times before titles, behind them, either, several to a line."""
    if _BREAK.search(text) or _LINK.search(text):
        text = html.unescape(_LINK.sub("", _BREAK.sub("\n", text)))
    lines = [line for line in _with_titles(text.splitlines()) if line.marks]
    first: list[ChapterLine] = []
    last: list[ChapterLine] = []
    either: list[ChapterLine] = []
    for line in lines:
        leading = line.leading()
        trailing = line.trailing()
        first += leading
        last += trailing
        either += leading or trailing
    return first, last, either, [chapter for line in lines for chapter in line.split()]


def _with_titles(texts: Sequence[str]) -> list[TimedLine]:
    """The lines with a colon (no other has a time), with times that stand alone joined to their titles.

    Times stand above their titles, as yt-dlp takes them, unless each has a title right above and one has none right below.
    """
    texts = [text.strip() for text in texts]
    timed = {at: TimedLine(text) for at, text in enumerate(texts) if _COLONS.search(text)}
    habits = habits_of(list(timed.values()))
    for line in timed.values():
        line.learn(habits)
    bare = [at for at, line in timed.items() if line.is_bare()]

    def is_title(at: int) -> bool:
        return 0 <= at < len(texts) and bool(texts[at]) and not (at in timed and timed[at].marks)

    if all(is_title(at - 1) for at in bare) and not all(is_title(at + 1) for at in bare):
        title_of = {at: at - 1 for at in bare}
    else:
        following = _next_filled(texts)
        title_of = {at: following[at] for at in bare if is_title(following[at])}
    for at, title in title_of.items() if len(title_of) >= 2 else ():
        timed.pop(title, None)
        timed[at] = TimedLine(" ".join(texts[each] for each in sorted((at, title))))
        timed[at].learn(habits)
    return list(timed.values())


def _next_filled(texts: Sequence[str]) -> list[int]:
    """For each line where the next one is that is not empty; their number where there is none."""
    following = [len(texts)] * len(texts)
    for at in range(len(texts) - 2, -1, -1):
        following[at] = at + 1 if texts[at + 1] else following[at + 1]
    return following


def _in_order(found: Sequence[ChapterLine]) -> tuple[list[ChapterLine], list[ChapterLine]]:
    """Lines whose times increase, and the others; see `read_description`."""
    times = [line.start_s for line in found]
    up_to = _run_lengths(times)
    onwards = _run_lengths([-time for time in reversed(times)])[::-1]
    longest = max(up_to, default=0)
    chosen = {at for at in range(len(found)) if up_to[at] + onwards[at] - 1 == longest}
    if len(chosen) > longest:
        ordered = sorted(range(len(found)), key=lambda at: times[at])
        chosen = {at for place, at in enumerate(ordered) if not place or times[at] > times[ordered[place - 1]]}
    kept = sorted((found[at] for at in chosen), key=lambda line: line.start_s)
    return kept, [line for at, line in enumerate(found) if at not in chosen]


def _run_lengths(times: Sequence[float]) -> list[int]:
    """How long the longest increasing run is that ends with each item (not necessarily of neighbours): patience sorting."""
    tails: list[float] = []
    lengths = []
    for time in times:
        place = bisect_left(tails, time)
        tails[place : place + 1] = [time]
        lengths.append(place + 1)
    return lengths


_SECTION = re.compile(
    r"^(?:warm[\s-]?up|cool[\s-]?down|finisher|bonus|(?:round|set|circuit|exercise|move|movement|block|part|day|week|"
    r"station|drill|workout|level|phase)\s*#?\d*)\s*[:|–—]\s*(?=\S)|"
    r"^(?:round|set|circuit|exercise|move|movement|block|part|station|drill)\s*#?\d+\s*[-.)]?\s*(?=[^\W\d])"
)
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_CLOCKS = re.compile(rf"{NOT_BEFORE}{TIME}(?![\d:])")
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
# What programs call the chapters of a disc or a recording, by number or time.
_PLACEHOLDER = re.compile(
    r"(?:chapter|chap|chapitre|kapit(?:el|ola|tel)|cap[ií]tulo?|capitolo|cap[ií]tol|capitol(?:ul)?|hoofdstuk|rozdzia[lł]|"
    r"глава|розділ|раздел|bölüm|fejezet|luku|κεφάλαιο|章节|章節|チャプター|챕터|第)[\s._#:-]*\d{1,4}\s?章?|"
    r"제?\d{1,4}\s?\.?\s?(?:fejezet|bölüm|luku|章|장)|"
    r"(?:\d{1,3}:)?\d{1,3}:\d\d(?:[.,]\d{1,9})?"
)
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")
_EDGE = " \t-–—:;,.|/\\•·*~=+&_<>\"'`!?→"


def label_of(title: str) -> str | None:
    """What a chapter shows, in a form that can be counted: None if nothing is left, or for a number or time of a chapter alone.

    The steps, in this order: compatibility forms (NFKC); control, format and direction characters, emoji and other
    symbols out; lower case; bracketed remarks out; numbering ("1)", "#3", "2/10") and the names of sections before the
    name of an exercise ("Warm-up: ...", "Round 2: ...") out; times and counts ("0:30", "30 sec", "x10", "3 sets") out;
    white space and the signs around it trimmed. Numbers that are part of a name ("90/90 stretch", "7 up") stay. Where a
    step would leave nothing, it is not done: "(Squats)" is "squats", "Warm-up" is "warm-up".
    """
    text = _KEYCAP.sub(" ", title[:2000])
    text = unicodedata.normalize("NFKC", text.translate(FILLERS))
    text = "".join(_plain(char) for char in text).lower()
    text = " ".join(text.split())
    if _PLACEHOLDER.fullmatch(text):
        return None
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
