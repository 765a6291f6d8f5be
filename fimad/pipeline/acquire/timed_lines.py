"""Lines with times, as people write them: where the times stand, and what is said of them.

The time stands before or after the title, in any brackets, after a bullet or a number, as a range, several to a line, or as
a link. Every step takes time that grows with the length of the text and no faster.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from fimad.labels.text import FILLERS

# A comma before one or two digits begins a count: "0:00,10 squats".
TIME = r"(?:\d{1,3}:[0-5]?\d:[0-5]\d|\d{1,3}:[0-5]\d)(?:(?:\.\d{1,3}|,\d{3})(?!\d))?"
# Not part of a longer number, a ratio or a date; a slash may stand between two times.
NOT_BEFORE = r"(?<![\d:])(?<!(?<!:\d\d)/)(?<!\d[.,])"
_CLOCK = re.compile(rf"{NOT_BEFORE}{TIME}(?!\d|:\d|/(?!{TIME})\d|\.\d)")
# What makes a time one of the day, or a number of hours; not the beginning of a longer word ("Est-ce", "Uhr-Kreisen").
_OF_DAY = re.compile(r"\s?(?:[ap]\.?m\b|(?P<word>uhr|est|pst|gmt|utc|cet|hrs?)\b)(?![-'’][^\W\d])", re.IGNORECASE)
# What may stand between the two times of a range, besides dashes, waves, slashes and arrows.
_RANGE = re.compile(
    r"[\]>»]?\s?(?:[-=./>]{1,6}|to|til|till|until|thru|through|bis|a|à|al|hasta|jusqu'à|até|às|do|tot|až|la|"
    r"до|по|έως|ως|から|より|부터|에서|至|到|đến|tới|sampai|hingga|s/d|hanggang|hadi|से|থেকে|ถึง|إلى|الى|حتى|تا|עד|"
    r"['’]?[dt][ae]n)\s?[\[<«]?",
    re.IGNORECASE,
)
# What may stand before a range besides signs.
_FROM = re.compile(
    r"[^\w\[]{0,9}(?:from|von|vom|de|du|desde|da|dal|od|van|från|fra|frå|с|от|від|з|από|从|從|自|từ|dari|mula|kutoka|จาก|من|از|מ)"
    r"[\s-]?",
    re.IGNORECASE,
)
_RANGE_TAIL = re.compile(r"(?:['’]y?[ae]\b)?\s?(?:まで|까지|止|तक|পর্যন্ত|kadar\b|arası\b)|['’]y?[ae]\b", re.IGNORECASE)
# Words of other languages that may join the times of a range: few, and none of them a number.
_MOST_JOINING = 24
_JOINING = re.compile(r"[\]>»]?\s?(?P<words>[^\d\s\[\]]{1,12}(?:\s[^\d\s\[\]]{1,12})?)\s?[\[<«]?")
# A range that ends where the next one begins, give or take what a list of whole seconds leaves open.
_CONTIGUOUS_S = 1.0
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
_WORD = re.compile(r"\w")


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


@dataclass(frozen=True)
class Habits:
    """What the lines of one text have in common.

    Parameters
    ----------
    counted : words with which lines count up before their times ("Exercise 1", "Exercise 2"; "" for "1", "2").
    joining : words between the two times of ranges, in whatever language.
    of_day : words that make times those of a day ("am" and "pm" are "m"), where words follow them.
    """

    counted: frozenset[str] = frozenset()
    joining: frozenset[str] = frozenset()
    of_day: frozenset[str] = frozenset()


class TimedLine:
    """A line of a text that may hold times. `text` is as published but for invisible characters and blanks; `plain` is what is searched.

    Both have the same length: in `plain` all brackets are square, all dashes are hyphens, and URLs are masked.
    """

    def __init__(self, line: str) -> None:
        self.text = _JOINED_NUMBER.sub(r"\1 ", " ".join(line.translate(_VISIBLE).split()), count=1)
        plain = self.text.translate(_SIGNS)
        self.plain = _URL.sub(lambda match: "u" * len(match[0]), plain)
        self._clocks = list(_CLOCK.finditer(self.plain))
        self._habits = Habits()
        self.marks = self._find_marks()

    def learn(self, habits: Habits) -> None:
        """Read the line again as the other lines of its text teach."""
        self._habits = habits
        if habits.joining or habits.of_day:
            self.marks = self._find_marks()

    def of_day(self) -> tuple[str, int] | None:
        """The word that makes the time at the line's beginning one of the day, and the hour; None unless words follow it."""
        match = _OF_DAY.match(self.plain, self._clocks[0].end()) if self._clocks else None
        if match is None or _WORD.search(self.plain, match.end()) is None:
            return None
        if _LEAD.fullmatch(self.plain, 0, self._clocks[0].start()) is None:
            return None
        return (match["word"] or "m").casefold(), int(self._clocks[0][0].partition(":")[0])

    def joining(self) -> tuple[str, float, float] | None:
        """The words between the line's first two times, and these in s; None where they are many, or the times do not rise."""
        if len(self._clocks) < 2:
            return None
        words = self._between(*self._clocks[:2])
        start_s, end_s = (_seconds(clock[0]) for clock in self._clocks[:2])
        return (words, start_s, end_s) if words and start_s < end_s else None

    def _between(self, one: re.Match[str], other: re.Match[str]) -> str:
        if other.start() - one.end() > _MOST_JOINING:
            return ""
        match = _JOINING.fullmatch(self.plain, one.end(), other.start())
        return match["words"].casefold() if match else ""

    def _is_of_day(self, clock: re.Match[str]) -> bool:
        if _OF_DAY.match(self.plain, clock.end()) is None:
            return False
        told = self.of_day() if clock is self._clocks[0] else None
        return told is None or told[0] in self._habits.of_day

    def _find_marks(self) -> list[_Mark]:
        marks: list[_Mark] = []
        clocks = [clock for clock in self._clocks if not self._is_of_day(clock)]
        at = 0
        while at < len(clocks):
            clock = clocks[at]
            stop = clock.end()
            end_s = None
            if at + 1 < len(clocks) and self._is_range(clock, clocks[at + 1]):
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

    def _is_range(self, one: re.Match[str], other: re.Match[str]) -> bool:
        if _RANGE.fullmatch(self.plain, one.end(), other.start()):
            return True
        return bool(self._habits.joining) and self._between(one, other) in self._habits.joining

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

    def is_bare(self) -> bool:
        """Whether the line holds a time, or a range, and no word."""
        if len(self.marks) != 1 or _WORD.search(self.plain, self.marks[0].stop):
            return False
        return _LEAD.fullmatch(self.plain, 0, self.marks[0].begin) is not None

    def leading(self) -> list[ChapterLine]:
        """The chapter of a line that begins with its time."""
        mark = self.marks[0]
        if _LEAD.fullmatch(self.plain, 0, mark.begin) is None:
            number = self.lead_number()
            is_counted = number is not None and number[0] in self._habits.counted
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
    """A table for `str.translate` that drops invisible characters: zero-width blanks, byte order and direction marks.

    Those that take the place of a letter (Hangul's fillers) become blanks.
    """

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


def habits_of(lines: Sequence[TimedLine]) -> Habits:
    """What the lines of a text have in common."""
    return Habits(_counted(lines), _joining(lines), _of_day(lines))


def _counted(lines: Sequence[TimedLine]) -> frozenset[str]:
    numbers: dict[str, list[int]] = {}
    for line in lines:
        found = line.lead_number() if line.marks else None
        if found is not None:
            numbers.setdefault(found[0], []).append(found[1])
    return frozenset(
        word
        for word, each in numbers.items()
        if len(each) >= 2 and all(one < other for one, other in itertools.pairwise(each))
    )


def _joining(lines: Sequence[TimedLine]) -> frozenset[str]:
    """Words that join the times of ranges: those of at least two lines, most of which end where the next one begins.

    Where they do not, the second time may begin something of its own: "0:00 squats 0:30 rest", "0:40 squats 1:10 rest".
    """
    spans: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        found = line.joining()
        if found is not None:
            spans.setdefault(found[0], []).append(found[1:])
    return frozenset(
        words
        for words, each in spans.items()
        if sum(0 <= other[0] - one[1] <= _CONTIGUOUS_S for one, other in itertools.pairwise(each)) > (len(each) - 1) / 2
    )


def _of_day(lines: Sequence[TimedLine]) -> frozenset[str]:
    """Words after times that at least two lines begin with, if these can be times of a day: a timetable.

    One such line among others is a title: "0:20 AM stretch"; and "HR" before words is the heart's rate.
    """
    hours: dict[str, list[int]] = {}
    for told in (line.of_day() for line in lines):
        if told is not None and told[0] != "hr":
            hours.setdefault(told[0], []).append(told[1])
    return frozenset(
        word
        for word, each in hours.items()
        if len(each) >= 2 and (word != "m" or all(1 <= hour <= 12 for hour in each))
    )
