"""Caption files to timed lines: WebVTT, SRT, SBV, YouTube's json3 and timed text, TTML.

WebVTT, SRT and SBV are read by webvtt-py; the others are small and have no library of their own. Rolling captions (each
line shown twice, first as it is spoken and then above the next) are reduced to one.
"""

from __future__ import annotations

import html
import io
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from fimad.errors import PermanentError

MAX_CAPTION_BYTES = 16 * 1024**2
# Best first: the forms that keep exact times and no markup.
CAPTION_FORMATS = ("json3", "vtt", "srt", "ttml", "srv1", "sbv", "srv2", "srv3", "xml")
_TAG = re.compile(r"<[^<>]{0,200}>")
_CLOCK = re.compile(r"^(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)$")
_OFFSET = re.compile(r"^(\d+(?:\.\d+)?)(h|m|s|ms)$")


@dataclass(frozen=True)
class Cue:
    """One caption line: times in s on the video's clock, plain text."""

    start_s: float
    end_s: float
    text: str


def parse_captions(data: bytes, extension: str) -> list[Cue]:
    """Read a caption file; `extension` is its suffix without the dot, as yt-dlp names formats.

    Raises `PermanentError` (reason ``bad_captions``) for damaged files and unknown formats. Lines without text or with
    times that make no sense are left out.
    """
    if len(data) > MAX_CAPTION_BYTES:
        raise _bad(f"it has more than {MAX_CAPTION_BYTES} bytes")
    text = data.decode("utf-8-sig", errors="replace")
    try:
        if extension in ("vtt", "srt", "sbv"):
            cues = _webvtt(text, extension)
        elif extension == "json3":
            cues = _json3(text)
        elif extension in ("ttml", "dfxp", "srv1", "srv2", "srv3", "xml"):
            cues = _xml(text)
        else:
            raise _bad(f"the format {extension[:20]!r} is not known")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ElementTree.ParseError) as error:
        raise _bad(str(error)) from error
    return _unroll([cue for cue in cues if cue is not None])


def _bad(why: str) -> PermanentError:
    return PermanentError(
        f"The caption file can't be read: {why}.",
        "It is damaged or not a caption file.",
        "Delete it, or convert it to WebVTT.",
        reason="bad_captions",
    )


def _cue(start_s: float, end_s: float, text: str) -> Cue | None:
    text = " ".join(text.split())
    if not text or not (math.isfinite(start_s) and math.isfinite(end_s)) or end_s <= start_s or end_s <= 0:
        return None
    return Cue(max(0.0, start_s), end_s, text)


def _webvtt(text: str, kind: str) -> list[Cue | None]:
    import webvtt

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


def _json3(text: str) -> list[Cue | None]:
    cues = []
    for event in json.loads(text)["events"]:
        line = "".join(str(part.get("utf8", "")) for part in event.get("segs") or ())
        if line.strip():
            start_s = float(event["tStartMs"]) / 1000
            cues.append(_cue(start_s, start_s + float(event.get("dDurationMs") or 0) / 1000, line))
    return cues


def _xml(text: str) -> list[Cue | None]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _bad("it declares a document type, which can hide an entity bomb")
    root = ElementTree.fromstring(text)  # noqa: S314  (no entities can be declared, see above)
    cues: list[Cue | None] = []
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
            child.tail = " " + (child.tail or "")
    # YouTube escapes twice: after the XML's own unescaping there is still HTML.
    return _TAG.sub("", html.unescape("".join(node.itertext())))


def _unroll(cues: list[Cue]) -> list[Cue]:
    """Remove the repeated lines of rolling captions, and end each line where the next begins if they overlap."""
    ordered = sorted(cues, key=lambda cue: (cue.start_s, cue.end_s))
    kept: list[Cue] = []
    for cue in ordered:
        text = cue.text
        if kept and cue.start_s <= kept[-1].end_s + 0.05:
            before = kept[-1].text
            if text == before:
                kept[-1] = Cue(kept[-1].start_s, max(kept[-1].end_s, cue.end_s), before)
                continue
            if text.startswith(before + " "):
                text = text[len(before) + 1 :]
            elif before.endswith(" " + text):
                continue
        kept.append(Cue(cue.start_s, cue.end_s, text))
    return [
        Cue(cue.start_s, min(cue.end_s, after.start_s), cue.text)
        if after is not None and cue.start_s < after.start_s < cue.end_s
        else cue
        for cue, after in zip(kept, [*kept[1:], None], strict=False)
    ]
