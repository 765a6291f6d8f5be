"""Caption files to timed lines: WebVTT, SRT, SBV, SubStation Alpha, YouTube's json3 and timed text, TTML.

WebVTT, SRT and SBV are read by webvtt-py; the others are small and have no library of their own. The encoding is found, marks
are removed, and rolling captions (each line shown twice, first as it is spoken and then above the next) are reduced to one.
"""

from __future__ import annotations

import html
import io
import itertools
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fimad.errors import PermanentError
from fimad.pipeline.acquire.encodings import decoded

MAX_CAPTION_BYTES = 16 * 1024**2
# Best first: the forms that keep exact times and no markup.
CAPTION_FORMATS = ("json3", "vtt", "srt", "ttml", "dfxp", "srv1", "sbv", "srv2", "srv3", "xml", "ass", "ssa")
_TAG = re.compile(r"<[^<>]{0,200}>")
_CLOCK = re.compile(r"^(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)$")
# Marks of SubStation Alpha, which other formats carry as well: {\\an8}, {\\pos(3,4)}; and its drawings.
_MARKS = re.compile(r"\{[^{}\\]{0,200}\\[^{}]{0,500}\}|\{[a-zA-Z]:[^{}]{0,100}\}")
_DRAWING = re.compile(r"\{[^{}]{0,200}\\p[1-9][^{}]{0,200}\}[^{}]{0,5000}(?:\{[^{}]{0,200}\\p0[^{}]{0,200}\}|$)")
_BLANK = re.compile(r"\\[Nnh]")
_SRT_CUE = re.compile(r"^(?:[ \t]*\d{1,9}[ \t]*\n)?[ \t]*(\d+:\d{1,2}:\d{1,2}[,.]\d+[ \t]*-->)", re.MULTILINE)
# Cues with a shorter gap between them follow each other.
_TOUCH_S = 0.05
_OFFSET = re.compile(r"^(\d+(?:\.\d+)?)(h|m|s|ms)$")


# What the readers raise for files that are not what their suffix says; webvtt-py stops its own iteration for empty ones.
_DAMAGED = (
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, StopIteration),
    ElementTree.ParseError,
)


@dataclass(frozen=True)
class Cue:
    """One caption line: times in s on the video's clock, plain text."""

    start_s: float
    end_s: float
    text: str


def parse_captions(data: bytes, extension: str, language: str = "") -> list[Cue]:
    """Read a caption file; `extension` is its suffix without the dot, as yt-dlp names formats. `language` helps to tell the encoding.

    Raises `PermanentError` (reason ``bad_captions``) for damaged files and unknown formats. Lines without text or with
    times that make no sense are left out.
    """
    if len(data) > MAX_CAPTION_BYTES:
        raise _bad(f"it has more than {MAX_CAPTION_BYTES} bytes")
    text = decoded(data, language)
    try:
        if extension in ("vtt", "srt", "sbv"):
            cues = _webvtt(text, extension)
        elif extension in ("ass", "ssa"):
            cues = _substation(text)
        elif extension == "json3":
            cues = _json3(text)
        elif extension in ("ttml", "dfxp", "srv1", "srv2", "srv3", "xml"):
            cues = _xml(text)
        else:
            raise _bad(f"the format {extension[:20]!r} is not known")
    except _DAMAGED as error:
        raise _bad(str(error) or type(error).__name__) from error
    return _unroll([cue for cue in cues if cue is not None])


def _bad(why: str) -> PermanentError:
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


def _cue(start_s: float, end_s: float, text: str) -> Shown | None:
    text = _BLANK.sub("\n", _MARKS.sub("", _DRAWING.sub("", text))) if "\\" in text or "{" in text else text
    lines = tuple(line for line in (" ".join(line.split()) for line in text.splitlines()) if line)
    if not lines or not (math.isfinite(start_s) and math.isfinite(end_s)) or end_s <= start_s or end_s <= 0:
        return None
    return Shown(max(0.0, start_s), end_s, lines)


def _substation(text: str) -> list[Shown | None]:
    """Dialogue lines of SubStation Alpha; their fields are in the order of the last `Format:` line of the events."""
    fields: list[str] = []
    events = False
    cues: list[Shown | None] = []
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if line.startswith("["):
            events = line.strip().lower() == "[events]"
        elif kind == "Format" and events:
            fields = [field.strip().lower() for field in rest.split(",")]
        elif kind == "Dialogue" and fields:
            values = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            said = re.sub(r"\{[^{}]{0,500}\}", "", _DRAWING.sub("", values.get("text", "")))
            cues.append(_cue(_seconds(values["start"]), _seconds(values["end"]), said))
    if not fields:
        raise _bad("it has no [Events] with a Format")
    return cues


def _webvtt(text: str, kind: str) -> list[Shown | None]:
    import webvtt

    text = text.replace("\r\n", "\n").lstrip()
    if kind == "srt":
        # Numbers that are lost or double, blank lines and remarks are common, and no reason to do without the captions.
        count = itertools.count(1)
        first = _SRT_CUE.search(text)
        text = _SRT_CUE.sub(
            lambda match: f"\n{next(count)}\n{match[1]}", text[first.start() if first else 0 :]
        ).lstrip()
    try:
        captions = webvtt.from_buffer(io.StringIO(text), format=kind)
    except webvtt.errors.MalformedFileError as error:
        raise _bad(str(error) or "malformed") from error
    cues = []
    for caption in captions:
        # `text` has its markup removed for WebVTT; SRT files carry <i> and the like all the same.
        lines = html.unescape(_TAG.sub("", caption.text))
        cues.append(_cue(_seconds(caption.start), _seconds(caption.end), lines))
    return cues


def _seconds(clock: str) -> float:
    match = _CLOCK.match(clock.strip())
    if match:
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600.0 + int(minutes) * 60.0 + float(seconds.replace(",", "."))
    match = _OFFSET.match(clock.strip())
    if match:
        return float(match[1]) * {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}[match[2]]
    raise ValueError(f"{clock[:40]!r} is not a time")


def _json3(text: str) -> list[Shown | None]:
    cues = []
    for event in json.loads(text)["events"]:
        line = "".join(str(part.get("utf8", "")) for part in event.get("segs") or ())
        if line.strip():
            start_s = float(event["tStartMs"]) / 1000
            cues.append(_cue(start_s, start_s + float(event.get("dDurationMs") or 0) / 1000, line))
    return cues


def _xml(text: str) -> list[Shown | None]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _bad("it declares a document type, which can hide an entity bomb")
    root = ElementTree.fromstring(text)  # noqa: S314  (no entities can be declared, see above)
    cues: list[Shown | None] = []
    for node in root.iter():
        name = node.tag.rpartition("}")[2]
        if name == "text" and node.get("start") is not None:  # YouTube srv1
            start_s = float(node.get("start", "nan"))
            cues.append(_cue(start_s, start_s + float(node.get("dur") or 0), _plain(node)))
        elif name in ("text", "p") and node.get("t") is not None:  # srv2, srv3
            start_s = float(node.get("t", "nan")) / 1000
            cues.append(_cue(start_s, start_s + float(node.get("d") or 0) / 1000, _plain(node)))
        elif name == "p" and node.get("begin") is not None:  # TTML
            start_s = _seconds(node.get("begin", ""))
            end = node.get("end")
            end_s = _seconds(end) if end is not None else start_s + _seconds(node.get("dur", "0s"))
            cues.append(_cue(start_s, end_s, _plain(node)))
    return cues


def _plain(node: ElementTree.Element) -> str:
    for child in node.iter():
        if child.tag.rpartition("}")[2] == "br":
            child.tail = "\n" + (child.tail or "")
    # YouTube escapes twice: after the XML's own unescaping there is still HTML.
    return _TAG.sub("", html.unescape("".join(node.itertext())))


def _unroll(shown: list[Shown]) -> list[Cue]:
    """Remove what rolling captions repeat, and end each cue where the next begins if they overlap."""
    ordered = sorted(shown, key=lambda each: (each.start_s, each.end_s))
    kept: list[Cue] = []
    overlap = _overlap_of(ordered)
    before: Shown | None = None
    for each in ordered:
        new = each.lines
        if before is not None and each.start_s <= before.end_s + _TOUCH_S:
            new = overlap(before.lines, each.lines)
        before = each
        if new:
            kept.append(Cue(each.start_s, each.end_s, " ".join(new)))
        elif kept:
            kept[-1] = replace(kept[-1], end_s=max(kept[-1].end_s, each.end_s))
    return [
        replace(cue, end_s=after.start_s) if after is not None and cue.start_s < after.start_s < cue.end_s else cue
        for cue, after in zip(kept, [*kept[1:], None], strict=False)
    ]


_New = Callable[[tuple[str, ...], tuple[str, ...]], tuple[str, ...]]


def _overlap_of(ordered: Sequence[Shown]) -> _New:
    """How a track repeats itself: by lines, by words (a tool joined the lines), each cue whole, or not at all.

    A repeated word alone is no sign of it: people say "Jump! Jump! Jump!". Most of the track has to roll.
    """
    touching = [
        (one.lines, other.lines) for one, other in itertools.pairwise(ordered) if other.start_s <= one.end_s + _TOUCH_S
    ]
    changing = [(one, other) for one, other in touching if one != other]
    by_line = sum(0 < _overlap(one, other) < len(other) for one, other in changing)
    if by_line * 2 >= len(changing) - _only_scrolled(changing) and by_line:
        return lambda one, other: other[_overlap(one, other) :]
    pairs = [(_words(one), _words(other)) for one, other in changing]
    by_word = sum(_overlap(one, other) >= min(len(one), 2) for one, other in pairs)
    if by_word >= 2 and by_word * 2 >= len(pairs):
        return lambda one, other: _words(other)[_overlap(_words(one), _words(other)) :]
    runs = [len(list(run)) for _, run in itertools.groupby(each.lines for each in ordered)]
    if len(runs) >= 3 and sum(length > 1 for length in runs) >= 0.9 * len(runs):
        return lambda one, other: () if one == other else other
    return lambda one, other: other


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
