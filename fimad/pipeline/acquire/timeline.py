"""Published times and the file's: a section, or a file that parts were cut out of, keeps the metadata of the whole video.

yt-dlp writes the whole video's chapters, description and captions beside a file that `--download-sections` or SponsorBlock
has cut. Times are moved to the file where the metadata say what was cut and the file's length agrees; else they are not used.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fimad.errors import PermanentError
from fimad.pipeline.acquire.captions import Cue

Span = tuple[float, float]

# How far a file's length may be from what the metadata say: platforms round, and yt-dlp itself allows as much.
_WHOLE_TOLERANCE_S = 2.0
_CUT_TOLERANCE_S = 1.0
# Where two choices of what was cut explain the length about equally well, none is believed.
_CLEARLY_S = 0.25
_MOST_CATEGORIES = 12
_MOST_SPANS = 10_000


@dataclass(frozen=True)
class Published:
    """What of the published time line a file holds.

    Parameters
    ----------
    ranges : in s, in order; None means all of it, an empty tuple that it can't be told.
    note : what was done, or why published times are not used; None where there is nothing to say.
    cut_captions : whether captions beside the file may have been cut with it. yt-dlp does so with SponsorBlock's segments, and
        never with sections.
    """

    ranges: tuple[Span, ...] | None = None
    note: str | None = None
    cut_captions: bool = False

    def end_s(self, length_s: float) -> float:
        """Where a file of a length ends on the published time line."""
        return self.ranges[-1][1] if self.ranges else length_s

    def clip(self, start_s: float, end_s: float) -> Span | None:
        """Where a published stretch is in the file; None if the file holds nothing of it."""
        if self.ranges is None:
            return start_s, end_s
        at = 0.0
        found: list[float] = []
        for begin, stop in self.ranges:
            low, high = max(start_s, begin), min(end_s, stop)
            if low < high:
                found += [at + low - begin, at + high - begin]
            at += stop - begin
        return (found[0], found[-1]) if found else None


def compare(info: dict[str, Any], length_s: float) -> Published:
    """What of the published time line a file of a length holds, from yt-dlp's metadata of it."""
    start_s, end_s = _number(info.get("section_start")), _number(info.get("section_end"))
    duration_s = _number(info.get("duration"))
    if start_s is not None or end_s is not None:
        return _section(start_s or 0.0, end_s, duration_s, length_s)
    if duration_s is None or duration_s <= 0:
        return Published()
    cuts = _sponsors(info.get("sponsorblock_chapters"), duration_s)
    if cuts:
        return _cut(cuts, duration_s, length_s)
    if abs(duration_s - length_s) <= _WHOLE_TOLERANCE_S:
        return Published()
    return Published(
        (),
        f"not used: the file lasts {length_s:.1f} s, its metadata are of a video of {duration_s:.1f} s, cut somewhere",
    )


def _section(start_s: float, end_s: float | None, duration_s: float | None, length_s: float) -> Published:
    if end_s is None and duration_s is not None and duration_s > start_s:
        end_s = duration_s
    if end_s is None:
        # Open-ended, and nobody says how long the whole is.
        return Published(
            ((start_s, start_s + length_s),), f"moved by {start_s:.3f} s: the file is a section to the end"
        )
    if start_s < end_s and abs(end_s - start_s - length_s) <= _CUT_TOLERANCE_S:
        return Published(((start_s, end_s),), f"moved to the section from {start_s:.3f} to {end_s:.3f} s")
    if duration_s is not None and abs(duration_s - length_s) <= _CUT_TOLERANCE_S and duration_s > end_s - start_s + 1:
        return Published(None, "the metadata are of a section, the file is the whole video")
    return Published(
        (),
        f"not used: the file lasts {length_s:.1f} s, its metadata are of a section from {start_s:.1f} to {end_s:.1f} s",
    )


def _cut(cuts: dict[str, list[Span]], duration_s: float, length_s: float) -> Published:
    """Which categories of SponsorBlock's segments were cut out, by the file's length."""
    names = sorted(cuts)[:_MOST_CATEGORIES]
    choices: dict[tuple[Span, ...], float] = {}
    for count in range(len(names) + 1):
        for chosen in itertools.combinations(names, count):
            kept = _without([span for name in chosen for span in cuts[name]], duration_s)
            choices[kept] = abs(sum(stop - begin for begin, stop in kept) - length_s)
    ordered = sorted(choices.items(), key=lambda item: (item[1], -len(item[0]), item[0]))
    kept, off_s = ordered[0]
    tolerance_s = _WHOLE_TOLERANCE_S if kept == ((0.0, duration_s),) else _CUT_TOLERANCE_S
    if off_s > tolerance_s or (len(ordered) > 1 and ordered[1][1] - off_s < _CLEARLY_S):
        return Published(
            (),
            f"not used: the file lasts {length_s:.1f} s of {duration_s:.1f} s, "
            "and SponsorBlock's segments do not say what was cut",
        )
    if kept == ((0.0, duration_s),):
        return Published()
    gone = duration_s - sum(stop - begin for begin, stop in kept)
    return Published(kept, f"moved: {gone:.1f} s of SponsorBlock's segments were cut out", cut_captions=True)


def _sponsors(chapters: Any, duration_s: float) -> dict[str, list[Span]]:
    """Segments by category that can be cut out."""
    found: dict[str, list[Span]] = {}
    for each in chapters[:_MOST_SPANS] if isinstance(chapters, list) else ():
        if not isinstance(each, dict) or each.get("type", "skip") != "skip":
            continue
        start_s, end_s = _number(each.get("start_time")), _number(each.get("end_time"))
        if start_s is not None and end_s is not None and 0 <= start_s < min(end_s, duration_s):
            found.setdefault(str(each.get("category"))[:100], []).append((start_s, min(end_s, duration_s)))
    return found


def _without(gone: Sequence[Span], duration_s: float) -> tuple[Span, ...]:
    kept: list[Span] = []
    at = 0.0
    for begin, stop in sorted(gone):
        if begin > at:
            kept.append((at, begin))
        at = max(at, stop)
    if at < duration_s:
        kept.append((at, duration_s))
    return tuple(kept)


def chapters_in_file(rows: list[dict[str, Any]] | None, published: Published) -> list[dict[str, Any]] | None:
    """Published chapters on the file's clock; those that it holds nothing of are left out. Unmended as they may be."""
    if rows is None or published.ranges is None:
        return rows
    starts = sorted({row["start_s"] for row in rows if math.isfinite(row["start_s"])})
    following = dict(zip(starts, [*starts[1:], math.inf], strict=False))
    moved = []
    for row in rows:
        start_s, end_s = row["start_s"], row["end_s"]
        if not math.isfinite(start_s):
            continue
        bound = following[start_s]
        end_s = bound if end_s is None or not math.isfinite(end_s) or end_s <= start_s else min(end_s, bound)
        span = published.clip(start_s, end_s)
        if span is not None:
            moved.append({**row, "start_s": span[0], "end_s": span[1]})
    return moved


def cues_in_file(cues: list[Cue], published: Published, length_s: float) -> list[Cue]:
    """Captions on the file's clock, within the file.

    Those of a file that may have been cut with it are taken to be its own if they end within it. Raises `PermanentError` (reason
    ``captions_cut``) where nobody can tell which part of the video the file is.
    """
    if published.ranges == ():
        raise PermanentError(
            f"The captions are left out: published times are {published.note}.",
            "The file was cut by hand, or lies beside the metadata of another one.",
            "Delete its info.json if the captions were made for this file.",
            reason="captions_cut",
        )
    last_s = max((cue.end_s for cue in cues), default=0.0)
    own = published.cut_captions and last_s <= length_s + _CUT_TOLERANCE_S
    if published.ranges is not None and not own:
        spans = [(published.clip(cue.start_s, cue.end_s), cue.text) for cue in cues]
        cues = [Cue(span[0], span[1], text) for span, text in spans if span is not None]
    return [Cue(cue.start_s, min(cue.end_s, length_s), cue.text) for cue in cues if cue.start_s < length_s]


def _number(value: Any) -> float | None:
    """A finite number, also from a string: programs other than yt-dlp write "300"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
