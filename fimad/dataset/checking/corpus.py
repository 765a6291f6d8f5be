"""What clips have in common, and must not: ids, sides of a split, signals, widths and numbers of classes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fimad.dataset.folding import Clip
from fimad.dataset.packing.rows import FROM_VIDEO

# Fewer samples may be the same by chance, or because nothing moved.
_FEW, _CHANGING = 10, 0.5


def repeated(clip: Clip, columns: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Columns that no two clips have in common (as a buffer that was not emptied gives), with a fingerprint each."""
    for about in columns:
        name, values = about["name"], clip.get(about["name"])
        if not isinstance(values, np.ndarray) or not np.issubdtype(values.dtype, np.floating) or len(values) < _FEW:
            continue
        # Clocks of other clips are found by their times; a frozen picture gives the same pose again and again.
        if name.endswith("_time_s") or (about.get("shape") or "") in ("", "d", "c,2"):
            continue
        if about.get("shape") == "e,d":
            clock = clip.get("video_embedding_time_s")
            if clock is None or len(clock) < 2:
                continue
            values = values.reshape(len(clock), -1)
        # Half of its numbers change, at least; NaN never does.
        if (np.abs(np.diff(values, axis=0)) > 0).any(axis=0).mean() < _CHANGING:
            continue
        raw = np.ascontiguousarray(values).tobytes()
        yield name, hashlib.blake2b(raw, digest_size=12, key=name.encode()[:64]).digest()


class Corpus:
    """Takes the clips of a dataset one by one, and says what is wrong with each beside those before.

    Parameters
    ----------
    columns : as the manifest describes them.
    numbered : whether the manifest has the classes' numbers.
    fixed : whether whoever packed the dataset said which video goes into which split.
    """

    def __init__(self, columns: Sequence[Mapping[str, Any]], *, numbered: bool, fixed: bool) -> None:
        self._columns = columns
        self._numbered = numbered
        self._kept_apart = ("media_sha256",) if fixed else ("channel", "person", "media_sha256")
        self._splits: dict[tuple[str, str], str] = {}
        self._places: dict[str, str] = {}
        self._videos: dict[str, dict[str, Any]] = {}
        self._video_splits: dict[str, str] = {}
        self._prints: dict[tuple[str, bytes], str] = {}
        self._classes: dict[str, int | None] = {}
        self._widths: dict[str, int] = {}

    def look(self, clip: Clip, place: str) -> Iterator[str]:
        """What is wrong with a clip beside those before; `place` says where it is."""
        first = self._places.setdefault(clip["clip_id"], place)
        if first != place:
            yield f"clip {clip['clip_id']!r} is there twice: also in {first}"
        if self._video_splits.setdefault(clip["video_id"], clip["split"]) != clip["split"]:
            yield f"video {clip['video_id']!r} is in two splits"
        for kind in self._kept_apart:
            who = clip.get("channel_id") or clip.get("channel") if kind == "channel" else clip.get(kind)
            if who and self._splits.setdefault((kind, who), clip["split"]) != clip["split"]:
                named = f"media file {who[:12]}" if kind == "media_sha256" else f"{kind} {who[:80]!r}"
                yield f"{named} is in two splits"
        about = {column: clip.get(column) for column in FROM_VIDEO}
        before = self._videos.setdefault(clip["video_id"], about)
        for column in about:
            if about[column] != before[column]:
                yield f"{column} is another than in the video's clips before"
        for column, mark in repeated(clip, self._columns):
            # Within a video: copies of one film may give the same to the bit.
            other = self._prints.setdefault((clip["video_id"], mark), clip["clip_id"])
            if other != clip["clip_id"]:
                yield f"{column} is the same as in clip {other!r}"
        yield from self._class(clip)
        yield from self._width(clip)

    def _class(self, clip: Clip) -> Iterator[str]:
        """Where the manifest has no numbers, those of the clips before are the dataset's."""
        name, number = clip.get("class_label"), clip.get("class_id")
        if self._numbered or name is None or number is None:
            return
        if self._classes.setdefault(name, number) != number:
            yield f"class_id of {name[:40]!r} is {number}, and {self._classes[name]} in clips before"
        elif same := [other for other, taken in self._classes.items() if taken == number and other != name]:
            yield f"class_id {number} is of {name[:40]!r} here, and of {same[0][:40]!r} in clips before"

    def _width(self, clip: Clip) -> Iterator[str]:
        for about in self._columns:
            values = clip.get(about["name"])
            if about.get("shape") == "d" and values is not None and np.size(values):
                width = self._widths.setdefault(about["name"], len(values))
                if width != len(values):
                    yield f"{about['name']} has {len(values)} numbers, and {width} in clips before"
