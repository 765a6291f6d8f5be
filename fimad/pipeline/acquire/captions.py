"""Caption files to timed lines: WebVTT, SRT, SBV, SubStation Alpha, YouTube's json3 and timed text, TTML.

WebVTT, SRT and SBV are read by webvtt-py, after their times are brought to one form; the others are small and have no library of
their own. The encoding is found, marks are removed, and rolling captions (each line shown twice, first as it is spoken and then
above the next) are reduced to one. A cue that can't be read costs itself alone, and is told.
"""

from __future__ import annotations

import contextlib
import html
import io
import itertools
import json
import logging
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from fimad.errors import PermanentError
from fimad.pipeline.acquire.clocks import CLOCK, Rates, clock_s, stamp
from fimad.pipeline.acquire.encodings import decoded

MAX_CAPTION_BYTES = 16 * 1024**2
# Best first: the forms that keep exact times and no markup.
CAPTION_FORMATS = ("json3", "vtt", "srt", "ttml", "dfxp", "srv1", "sbv", "srv2", "srv3", "xml", "ass", "ssa")
# What is marked up, by the names of the tags: people write "knee < 90, hip > 45" and "hold <ten> seconds" as well.
_TAG = re.compile(
    r"</?(?:abbr|b|big|br|c|center|code|em|h[1-6]|i|li|mark|p|rt|ruby|s|small|strike|strong|sub|sup|tt|u|ul)"
    r"(?:\.[^\s<>]{0,100})?\s?/?>"
    r"|</?(?:a|div|font|lang|p|span|v)(?:[\s.][^<>]{0,200})?>|<(?:\d{1,9}:)?\d{1,2}:\d{1,2}(?:[.,]\d{1,9})?>",
    re.IGNORECASE,
)
# Marks of SubStation Alpha, which other formats carry as well: {\\an8}, {\\pos(3,4)}; and its drawings.
_MARKS = re.compile(r"\{[^{}\\]{0,200}\\[^{}]{0,500}\}|\{[a-zA-Z]:[^{}]{0,100}\}")
_DRAWING = re.compile(r"\{[^{}]{0,200}\\p[1-9][^{}]{0,200}\}[^{}]{0,5000}(?:\{[^{}]{0,200}\\p0[^{}]{0,200}\}|$)")
_BLANK = re.compile(r"\\[Nnh]")
_NUMBER = r"(?:[ \t]*\d{1,9}[ \t]*\n)?"
# From one time to another; behind the arrow that is right stand settings, or the words, behind others nothing: those may be words.
_FROM_TO = (
    rf"[ \t]*({CLOCK})[ \t]*(?:-{{2,9}}>[ \t]*({CLOCK})(?![\d:])([^\n]*)|(?:[-–—]{{1,9}}>|→)[ \t]*({CLOCK})[ \t]*)$"
)
# The lines of times as people and programs write them, with the number of the cue before them.
_TIMES = {
    "vtt": re.compile(rf"^{_FROM_TO}", re.MULTILINE),
    "srt": re.compile(rf"^{_NUMBER}{_FROM_TO}", re.MULTILINE),
    "sbv": re.compile(rf"^[ \t]*({CLOCK})[ \t]*,[ \t]*({CLOCK})()()[ \t]*$", re.MULTILINE),
}
_ONE_FORM = re.compile(r"^\d+:\d\d:\d\d\.\d{3}(?: --> |,)\d+:\d\d:\d\d\.\d{3}$", re.MULTILINE)
# What stands where the times of a cue do, readable or not.
_MEANT = {
    **dict.fromkeys(("vtt", "srt"), re.compile(r"^[ \t]*-?\w{1,4}:[^\n]*-->[^\n]*$", re.MULTILINE)),
    "sbv": re.compile(r"^[ \t]*-?\w{1,4}:[^\n,]*,[ \t]*-?\w{1,4}:[^\n,]*$", re.MULTILINE),
}
_NO_CUE = ("WEBVTT", "NOTE", "STYLE", "REGION")
# Cues with a shorter gap between them follow each other.
_TOUCH_S = 0.05
# Captions that roll go on rolling after a pause as long as this.
_PAUSE_S = 5.0
# How long the last caption of a format that gives no ends is shown.
_LAST_S = 5.0


# What the readers raise for files that are not what their suffix says; webvtt-py stops its own iteration for empty ones.
_BAD_VALUE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
_DAMAGED = (*_BAD_VALUE, RecursionError, StopIteration, ElementTree.ParseError)


@dataclass(frozen=True)
class Cue:
    """One caption line: times in s on the video's clock, plain text."""

    start_s: float
    end_s: float
    text: str


def parse_captions(data: bytes, extension: str, language: str = "", log: logging.Logger | None = None) -> list[Cue]:
    """Read a caption file; `extension` is its suffix without the dot, as yt-dlp names formats. `language` helps to tell the encoding.

    Raises `PermanentError` (reason ``bad_captions``) for damaged files, unknown formats, and where of all cues none can be read.
    Cues without text are left out; so are those with times that make no sense, of which the log tells.
    """
    if len(data) > MAX_CAPTION_BYTES:
        raise bad_captions(f"it has more than {MAX_CAPTION_BYTES} bytes")
    text = decoded(data, language)
    track = _Track()
    try:
        if extension in ("vtt", "srt", "sbv"):
            _webvtt(text, extension, track)
        elif extension in ("ass", "ssa"):
            _substation(text, track)
        elif extension == "json3":
            _json3(text, track)
        elif extension in ("ttml", "dfxp", "srv1", "srv2", "srv3", "xml"):
            _xml(text, track)
        else:
            raise bad_captions(f"the format {extension[:20]!r} is not known")
    except _DAMAGED as error:
        raise bad_captions(str(error) or type(error).__name__) from error
    if track.lost and not track.shown:
        raise bad_captions(f"of its cues none can be read ({track.lost}, the first because {track.why})")
    if track.lost and log is not None:
        log.warning("%d of %d cues are left out: %s", track.lost, track.lost + len(track.shown), track.why)
    return _unroll(track.shown)


def bad_captions(why: str) -> PermanentError:
    """What is raised for captions that can't be read."""
    return PermanentError(
        f"The caption file can't be read: {why}.",
        "It is damaged or not a caption file.",
        "Delete it, or convert it to WebVTT.",
        reason="bad_captions",
    )


@dataclass(frozen=True)
class Shown:
    """A caption as it is shown: its lines, with times in s."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


class _Track:
    """Captions as they are read, how many of them can't be, and why the first of those can't."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.lost = 0
        self.why = ""

    def add(self, start_s: float, end_s: float, text: str) -> None:
        """Take a caption, unless nothing is left of its text without the marks."""
        text = _BLANK.sub("\n", _MARKS.sub("", _DRAWING.sub("", text))) if "\\" in text or "{" in text else text
        lines = tuple(line for line in (" ".join(line.split()) for line in text.splitlines()) if line)
        if not lines:
            return
        if not (math.isfinite(start_s) and math.isfinite(end_s)) or end_s <= start_s or end_s <= 0:
            self.lose(f"it is shown from {start_s:.3f} to {end_s:.3f} s")
        else:
            self.shown.append(Shown(max(0.0, start_s), end_s, lines))

    def lose(self, why: str) -> None:
        self.lost += 1
        self.why = self.why or why[:100]

    @contextlib.contextmanager
    def cue(self) -> Iterator[None]:
        """What is wrong with a cue costs no other."""
        try:
            yield
        except _BAD_VALUE as error:
            self.lose(str(error) or type(error).__name__)


def _substation(text: str, track: _Track) -> None:
    """Dialogue lines of SubStation Alpha; their fields are in the order of the last `Format:` line of the events."""
    fields: list[str] = []
    events = False
    for line in map(str.strip, text.splitlines()):
        kind, _, rest = line.partition(":")
        kind = kind.rstrip().lower()
        if line.startswith("["):
            events = line.lower() == "[events]"
        elif kind == "format" and events:
            fields = [field.strip().lower() for field in rest.split(",")]
        elif kind == "dialogue" and fields:
            values = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            with track.cue():
                said = re.sub(r"\{[^{}]{0,500}\}", "", _DRAWING.sub("", values["text"]))
                track.add(clock_s(values["start"]), clock_s(values["end"]), said)
    if not fields:
        raise bad_captions("it has no [Events] with a Format")


def _webvtt(text: str, kind: str, track: _Track) -> None:
    import webvtt

    for newline in ("\r\r\n", "\r\n", "\r"):
        text = text.replace(newline, "\n")
    text = text.lstrip()
    if kind != "sbv":
        # Many a file has the suffix of the other.
        kind = "vtt" if text.startswith("WEBVTT") else "srt"
    text = _in_one_form(text, kind)
    for line in _MEANT[kind].findall(text):
        if not _ONE_FORM.match(line):
            track.lose(f"{line.strip()[:60]!r} are no times")
    if kind == "srt":
        # Remarks before the first cue are no reason to do without the captions.
        first = _ONE_FORM.search(text)
        text = "1\n" + text[first.start() :] if first else text
    try:
        captions = webvtt.from_buffer(io.StringIO(text), format=kind)
    except webvtt.errors.MalformedFileError as error:
        raise bad_captions(track.why or str(error) or "malformed") from error
    for caption in captions:
        # Its own text has what stands between < and > removed, whatever it is.
        track.add(clock_s(caption.start), clock_s(caption.end), html.unescape(_TAG.sub("", caption.raw_text)))
    if not captions and any(block.strip() and not block.lstrip().startswith(_NO_CUE) for block in text.split("\n\n")):
        track.lose("there is text without times")


def _in_one_form(text: str, kind: str) -> str:
    """The text with the times of its cues as webvtt-py reads them; of SRT with their numbers, which may be lost or double."""
    count = itertools.count(1)

    def one_form(match: re.Match[str]) -> str:
        start, end, rest, other_end = match.groups()
        times = ("," if kind == "sbv" else " --> ").join(stamp(clock_s(each)) for each in (start, end or other_end))
        if not all(":" in setting for setting in (rest or "").split()):
            times += f"\n{rest.strip()}"
        return f"\n{next(count)}\n{times}" if kind == "srt" else times

    return _TIMES[kind].sub(one_form, text)


def _json3(text: str, track: _Track) -> None:
    for event in json.loads(text)["events"]:
        with track.cue():
            line = "".join(str(part.get("utf8", "")) for part in event.get("segs") or ())
            if line.strip():
                start_s = float(event["tStartMs"]) / 1000
                track.add(start_s, start_s + float(event.get("dDurationMs") or 0) / 1000, line)


def _xml(text: str, track: _Track) -> None:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise bad_captions("it declares a document type, which can hide an entity bomb")
    root = ElementTree.fromstring(text.lstrip())  # noqa: S314  (no entities can be declared, see above)
    if _name(root) not in ("transcript", "timedtext"):
        _timed_text(root, track)
        return
    for node in root.iter():
        with track.cue():
            if _name(node) == "text" and node.get("start") is not None:  # YouTube srv1
                start_s = float(node.get("start", "nan"))
                track.add(start_s, start_s + float(node.get("dur") or 0), _plain(node))
            elif _name(node) in ("text", "p") and node.get("t") is not None:  # srv2, srv3
                start_s = float(node.get("t", "nan")) / 1000
                track.add(start_s, start_s + float(node.get("d") or 0) / 1000, _plain(node))


def _name(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _timed_text(root: ElementTree.Element, track: _Track) -> None:
    """TTML. Times count from the beginning of the element around; what has none of its own has those around it.

    What has no end is shown until something else begins.
    """
    rates = Rates.of({name.rpartition("}")[2]: value for name, value in root.attrib.items()})
    found: list[tuple[float, float, str]] = []

    def walk(node: ElementTree.Element, start_s: float, end_s: float, said: bool) -> None:
        with track.cue():
            base_s = 0.0 if math.isnan(start_s) else start_s
            times_s = {name: rates.seconds(node.get(name, "")) for name in ("begin", "end", "dur") if node.get(name)}
            if times_s:
                start_s = base_s + times_s.get("begin", 0.0)
                ends_s = (base_s + times_s.get("end", math.inf), start_s + times_s.get("dur", math.inf))
                end_s = min(end_s, *ends_s)
            inner = list(node)
            if said or _name(node) == "p":
                said, inner = True, []
                text = "".join(_own_text(node, inner))
                if text.strip():
                    found.append((start_s, end_s, text))
            for child in inner:
                walk(child, start_s, end_s, said)

    walk(root, math.nan, math.inf, False)
    starts_s = sorted({start_s for start_s, _, _ in found if math.isfinite(start_s)})
    following_s = dict(itertools.pairwise(starts_s))
    for start_s, end_s, text in found:
        track.add(start_s, following_s.get(start_s, start_s + _LAST_S) if end_s == math.inf else end_s, text)


def _own_text(node: ElementTree.Element, timed: list[ElementTree.Element]) -> Iterator[str]:
    """The text of a node in pieces, without those parts that have times of their own, which are added to `timed`."""
    yield node.text or ""
    for child in node:
        if child.get("begin") or child.get("end") or child.get("dur"):
            timed.append(child)
        elif _name(child) == "br":
            yield "\n"
        else:
            yield from _own_text(child, timed)
        yield child.tail or ""


def _plain(node: ElementTree.Element) -> str:
    for child in node.iter():
        if _name(child) == "br":
            child.tail = "\n" + (child.tail or "")
    # YouTube escapes twice: after the XML's own unescaping there is still HTML.
    return _TAG.sub("", html.unescape("".join(node.itertext())))


def _unroll(shown: list[Shown]) -> list[Cue]:
    """Remove what rolling captions repeat, and end each cue where the next begins if they overlap."""
    # Borders, shadows and careless exports show the same thing twice at the same time.
    ordered = sorted(dict.fromkeys(shown), key=lambda each: (each.start_s, each.end_s))
    kept: list[Cue] = []
    most_gap_s, overlap = _overlap_of(ordered)
    before: Shown | None = None
    for each in ordered:
        new = each.lines
        gap_s = math.inf if before is None else each.start_s - before.end_s
        if before is not None and gap_s <= most_gap_s:
            new = overlap(before.lines, each.lines)
        before = each
        if new:
            kept.append(Cue(each.start_s, each.end_s, " ".join(new)))
        elif kept and gap_s <= _TOUCH_S:
            kept[-1] = replace(kept[-1], end_s=max(kept[-1].end_s, each.end_s))
    return [
        replace(cue, end_s=after.start_s) if after is not None and cue.start_s < after.start_s < cue.end_s else cue
        for cue, after in zip(kept, [*kept[1:], None], strict=False)
    ]


_New = Callable[[tuple[str, ...], tuple[str, ...]], tuple[str, ...]]


def _overlap_of(ordered: Sequence[Shown]) -> tuple[float, _New]:
    """How a track repeats itself: by lines, by words (a tool joined the lines), each cue whole, or not at all.

    A repeated word alone is no sign of it: people say "Jump! Jump! Jump!". Most of the track has to roll.

    Returns
    -------
    The longest gap in s over which it does so, and what is new in the second of two neighbours.
    """
    near = [
        (one.lines, other.lines) for one, other in itertools.pairwise(ordered) if other.start_s <= one.end_s + _PAUSE_S
    ]
    changing = [(one, other) for one, other in near if one != other]
    by_line = sum(0 < _overlap(one, other) < len(other) for one, other in changing)
    if by_line * 2 >= len(changing) - _only_scrolled(changing) and by_line:
        return _PAUSE_S, lambda one, other: other[_overlap(one, other) :]
    pairs = [(_words(one), _words(other)) for one, other in changing]
    by_word = sum(_overlap(one, other) >= min(len(one), 2) for one, other in pairs)
    if by_word >= 2 and by_word * 2 >= len(pairs):
        return _PAUSE_S, lambda one, other: _words(other)[_overlap(_words(one), _words(other)) :]
    runs = [len(list(run)) for _, run in itertools.groupby(each.lines for each in ordered)]
    if len(runs) >= 3 and sum(length > 1 for length in runs) >= 0.9 * len(runs):
        return _TOUCH_S, lambda one, other: () if one == other else other
    return _TOUCH_S, lambda one, other: other


def _only_scrolled(changing: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]) -> int:
    """Pairs in which nothing new appears: the upper line has gone."""
    return sum(_overlap(one, other) == len(other) for one, other in changing)


def _words(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for line in lines for word in line.split())


def _overlap(one: Sequence[str], other: Sequence[str]) -> int:
    """The longest end of one that is the beginning of the other (by the failure function of Knuth, Morris and Pratt)."""
    longest = min(len(one), len(other))
    text = [*other[:longest], None, *one[len(one) - longest :]]
    borders = [0] * len(text)
    for at in range(1, len(text)):
        length = borders[at - 1]
        while length and text[at] != text[length]:
            length = borders[length - 1]
        borders[at] = length + (text[at] == text[length])
    return borders[-1] if longest else 0
