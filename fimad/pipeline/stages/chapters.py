"""Chapters from the timestamps in a description, and labels from chapter titles.

Descriptions are written by people, so the lines vary: the time before or after the title, in any brackets, after a bullet
or a number, as a range, several to a line, or as links in HTML. A time in the middle of a sentence is not a chapter. Every
step takes time that grows with the length of the text and no faster.
"""

from __future__ import annotations

import html
import itertools
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from fimad.labels.text import FILLERS

MAX_DESCRIPTION = 200_000

_TIME = r"(?:\d{1,3}:[0-5]?\d:[0-5]\d|\d{1,3}:[0-5]\d)(?:[.,]\d{1,3}(?!\d))?"
# Not part of a longer number, a ratio or a date; not a time of day.
_NOT_BEFORE = r"(?<![\d:/])(?<!\d[.,])"
_NOT_AFTER = r"(?!\d|:\d|/\d|\.\d|\s?[ap]\.?m\b|\s?(?:uhr|est|pst|gmt|utc|cet|hrs?)\b)"
_CLOCK = re.compile(rf"{_NOT_BEFORE}{_TIME}{_NOT_AFTER}", re.IGNORECASE)
# What may stand between the two times of a range, besides dashes, waves and arrows.
_RANGE = re.compile(
    r"[\]>»]?\s?(?:[-=.>]{1,6}|to|til|till|until|thru|through|bis|a|à|al|hasta|jusqu'à|até|às|do|tot|до|по|から|より|부터|에서|至|到)"
    r"\s?[\[<«]?",
    re.IGNORECASE,
)
# What may stand before a range besides signs.
_FROM = re.compile(r"[^\w\[]{0,9}(?:from|von|vom|de|du|desde|da|dal|od|van|с|从|從|自)\s?", re.IGNORECASE)
_RANGE_TAIL = re.compile(r"\s?(?:まで|까지|止)")
_LINK = re.compile(r"</?a\b[^<>]{0,2000}>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s{0,9}/?>", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MARKDOWN = re.compile(r"\((?:https?://|www\.)[^\s()]*\)", re.IGNORECASE)
_OPEN, _CLOSE = "[<«", "]>»"
# Bullets, arrows, numbers and other signs that may stand before a time at the beginning of a line. Possessive: a text
# that two of these could take must not be tried in all combinations.
_LEAD = re.compile(
    r"(?:[0-9#*]\ufe0f?\u20e3|[①-⓿❶-➓㉑-㊿]|#\d{1,3}\b|\[\d{1,3}\]|\d{1,3}[.)\]](?=\s|$)|\d{1,3}\s?[-:|](?=\s|$)|[^\w\[\"'])*+"
)
_JOINED_NUMBER = re.compile(r"^([^\w\[\"']{0,9}\d{1,3}[.)])(?=\d{1,2}[:：])")
# "Exercise 1", "Übung 2:", or a bare number: taken for a lead where several lines count up with it.
_COUNTED = re.compile(r"[^\w\[\"']{0,9}(?P<word>[^\W\d_]{0,20})\.?\s?#?(?P<number>\d{1,3})\b[^\w\[\"']{0,9}")
_REMARK = re.compile(r"\s?(?:\[[^\[\]]*\]\s?)+")
_TRIM_LEFT = " \t-–—−―‒‐‑〜～~:：|•●▪◦·*=>»→►▶▸➡✅✔☑⏱⏰🕐📌👉,;.\u200c\u200d\ufe0f"
_TRIM_RIGHT = " \t-–—−―‒‐‑〜～~:：|•●▪◦·*=<«→►▶▸➡,;@\u200c\u200d"
# Joiners belong to words of Persian and Hindi, and to emoji.
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class ChapterLine:
    """A chapter as found: `end_s` is None unless the line gives a range."""

    start_s: float
    end_s: float | None
    title: str


@dataclass(frozen=True)
class _Mark:
    """A time, or a range of times, in a line: where it stands with its brackets, and what it says."""

    begin: int
    stop: int
    start_s: float
    end_s: float | None


def parse_description(description: str) -> list[ChapterLine]:
    """Chapters from the timestamps of a description, in the order of time; empty unless there are at least two.

    See `read_description`, which also tells what was left out.

    >>> [(line.start_s, line.title) for line in parse_description("0:00 Squats (0:45)\\n1:00 Lunges (0:45)")]
    [(0.0, 'Squats (0:45)'), (60.0, 'Lunges (0:45)')]
    """
    return read_description(description)[0]


def read_description(description: str) -> tuple[list[ChapterLine], list[ChapterLine]]:
    """The chapters of a description, and the lines with times that are out of order among them.

    A line that begins with a time is one chapter, whatever other times it holds (durations, the end of the exercise); else
    one that ends with a time is. Of the two kinds of list the longer one is taken, the first where they are equally long,
    as yt-dlp does. Several times in one line are several chapters only where no such list is found.

    Where the times of the lines do not increase (two lists in one text, a stray line), the longest increasing run of lines
    is taken; where no single one is the longest, all lines are, by their times, as yt-dlp does. Of lines with one time the
    first counts.
    """
    text = description[:MAX_DESCRIPTION]
    if _BREAK.search(text) or _LINK.search(text):
        text = html.unescape(_LINK.sub("", _BREAK.sub("\n", text)))
    first: list[ChapterLine] = []
    last: list[ChapterLine] = []
    either: list[ChapterLine] = []
    lines = [_Line(line) for line in text.splitlines() if ":" in line or "：" in line or "∶" in line]
    lines = [line for line in lines if line.marks]
    counted = _counted(lines)
    for line in lines:
        leading = line.leading(counted)
        trailing = line.trailing()
        first += leading
        last += trailing
        either += leading or trailing
    for found in (max(first, last, key=len), either):
        kept, strays = _in_order(found)
        if len(kept) >= 2:
            return kept, strays
    kept, strays = _in_order([chapter for line in lines for chapter in line.split()])
    return (kept, strays) if len(kept) >= 2 else ([], [])


class _Line:
    """A line of a description. `text` is as published but for invisible characters and blanks; `plain` is what is searched.

    Both have the same length: in `plain` all brackets are square, all dashes are hyphens, and URLs are masked.
    """

    def __init__(self, line: str) -> None:
        self.text = _JOINED_NUMBER.sub(r"\1 ", " ".join(line.translate(_VISIBLE).split()), count=1)
        plain = self.text.translate(_SIGNS)
        self.plain = _URL.sub(lambda match: "u" * len(match[0]), plain)
        self.marks = self._find_marks()

    def _find_marks(self) -> list[_Mark]:
        marks: list[_Mark] = []
        clocks = list(_CLOCK.finditer(self.plain))
        at = 0
        while at < len(clocks):
            clock = clocks[at]
            stop = clock.end()
            end_s = None
            if at + 1 < len(clocks) and _RANGE.fullmatch(self.plain, stop, clocks[at + 1].start()):
                at += 1
                stop = clocks[at].end()
                end_s = _seconds(clocks[at][0])
                tail = _RANGE_TAIL.match(self.plain, stop)
                stop = tail.end() if tail else stop
            at += 1
            start_s = _seconds(clock[0])
            begin, stop = self._with_brackets(clock.start(), stop)
            marks.append(_Mark(begin, stop, start_s, end_s if end_s is not None and end_s > start_s else None))
        return marks

    def _with_brackets(self, begin: int, stop: int) -> tuple[int, int]:
        """The brackets around a time belong to it; so does the address of a link in Markdown: ``[0:30](https://...)``."""
        plain = self.plain
        left = begin - 1 if begin and plain[begin - 1] == " " else begin
        if left and plain[left - 1] in _OPEN:
            begin = left - 1
        right = stop + 1 if plain[stop : stop + 1] == " " else stop
        if plain[right : right + 1] in _CLOSE and right < len(plain):
            stop = right + 1
            link = _MARKDOWN.match(self.text, stop)
            stop = link.end() if link else stop
        return begin, stop

    def lead_number(self) -> tuple[str, int] | None:
        """What a line counts with before its first time, where that is a word and a number, or a number alone."""
        match = _COUNTED.fullmatch(self.plain, 0, self.marks[0].begin)
        return (match["word"].casefold(), int(match["number"])) if match else None

    def leading(self, counted: frozenset[str]) -> list[ChapterLine]:
        """The chapter of a line that begins with its time."""
        mark = self.marks[0]
        if _LEAD.fullmatch(self.plain, 0, mark.begin) is None:
            number = self.lead_number()
            is_counted = number is not None and number[0] in counted
            if not is_counted and (mark.end_s is None or _FROM.fullmatch(self.plain, 0, mark.begin) is None):
                return []
        title = _title("", self.text[mark.stop :])
        return [ChapterLine(mark.start_s, mark.end_s, title)] if title else []

    def trailing(self) -> list[ChapterLine]:
        """The chapter of a line that ends with its time, or with remarks in brackets or an address after it."""
        at = len(self.marks) - 1
        while at and self.plain[self.marks[at].begin] in _OPEN and self._touch(at - 1):
            # "Squats 1:00 (0:45)": how long it takes.
            at -= 1
        mark = self.marks[at]
        plain = self.plain[self.marks[-1].stop :]
        rest = self.text[self.marks[-1].stop :]
        after = rest if _REMARK.fullmatch(plain) else ""
        bare = _URL.sub("", rest)
        if not after and bare.strip(_TRIM_RIGHT + ".!()[]"):
            return []
        before, after = self.text[: mark.begin], self.text[mark.stop :] if after else ""
        if re.fullmatch(r"[\d\s.)#]*", before):
            return []
        title = _title(before, after)
        return [ChapterLine(mark.start_s, mark.end_s, title)] if title else []

    def _touch(self, at: int) -> bool:
        return not self.plain[self.marks[at].stop : self.marks[at + 1].begin].strip()

    def split(self) -> list[ChapterLine]:
        """The chapters of a line that holds a whole list: it begins or ends with a time, and all have a title."""
        marks = self.marks
        if _LEAD.fullmatch(self.plain, 0, marks[0].begin):
            stops = [*(mark.begin for mark in marks[1:]), len(self.text)]
            titles = [_title("", self.text[mark.stop : stop]) for mark, stop in zip(marks, stops, strict=True)]
        elif not self.plain[marks[-1].stop :].strip(_TRIM_RIGHT + "."):
            starts = [0, *(mark.stop for mark in marks[:-1])]
            titles = [_title(self.text[start : mark.begin], "") for mark, start in zip(marks, starts, strict=True)]
        else:
            return []
        if not all(titles):
            return []
        return [ChapterLine(mark.start_s, mark.end_s, title) for mark, title in zip(marks, titles, strict=True)]


def _counted(lines: Sequence[_Line]) -> frozenset[str]:
    """The words with which at least two lines count up before their times ("Exercise 1", "Exercise 2"; "1", "2")."""
    numbers: dict[str, list[int]] = {}
    for line in lines:
        found = line.lead_number()
        if found is not None:
            numbers.setdefault(found[0], []).append(found[1])
    return frozenset(
        word
        for word, each in numbers.items()
        if len(each) >= 2 and all(one < other for one, other in itertools.pairwise(each))
    )


class _Signs(dict[int, str]):
    """A table for `str.translate`: a character as it is searched for, one for one, so that places agree."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kind = unicodedata.category(char)
        if kind == "Nd":
            sign = str(unicodedata.decimal(char))
        else:
            sign = {"Pd": "-", "Ps": "[", "Pe": "]", "Zs": " "}.get(kind, char)
        self[code] = sign
        return sign


class _Visible(dict[int, str]):
    """A table for `str.translate` that drops invisible characters: zero-width blanks, byte order and direction marks."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = "" if unicodedata.category(char) == "Cf" and char not in _JOINERS else char
        return self[code]


_SIGNS = _Signs(
    {
        ord(char): sign
        for chars, sign in (("：﹕∶꞉", ":"), ("→➡⇒⟶➔➜➝⇨▶►", ">"), ("~〜～∼∿−ー⁓〰˗", "-"), ("‥…", "="))
        for char in chars
    }
)
_VISIBLE = _Visible(FILLERS)


def _title(before: str, after: str) -> str:
    # Around the time stand separators ("Squats - 1:20", "1:20: Squats"); the title's own full stop stays.
    before = _trim_left(_trim_right(" ".join(before.split()), ""), ".")
    after = _trim_left(" ".join(after.split()), "" if not before else ".")
    after = _trim_right(after, ".")
    if before and not after and re.fullmatch(r"[\d\s.)#]*", before):
        return ""
    title = f"{before} {after}".strip()
    return title if _CLOCK.sub("", title).strip(_TRIM_LEFT + _TRIM_RIGHT) else ""


def _trim_left(text: str, keep: str) -> str:
    at = 0
    while at < len(text) and text[at] not in keep and (text[at] in _TRIM_LEFT or _kind(text[at]) in ("Pd", "Pe")):
        at += 1
    return text[at:]


def _trim_right(text: str, keep: str) -> str:
    at = len(text)
    while at and text[at - 1] not in keep and (text[at - 1] in _TRIM_RIGHT or _kind(text[at - 1]) in ("Pd", "Ps")):
        at -= 1
    return text[:at]


_kind = lru_cache(4096)(unicodedata.category)


def _seconds(clock: str) -> float:
    seconds = 0.0
    for part in clock.replace(",", ".").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def _in_order(found: list[ChapterLine]) -> tuple[list[ChapterLine], list[ChapterLine]]:
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
    text = unicodedata.normalize("NFKC", text.translate(FILLERS))
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
