"""What a source itself says of a video: clips with labels, who is seen, the split. From a list's columns or a folder's name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class GivenClip:
    """A stretch of the video in s (`end_s` None: to the end) and its label."""

    start_s: float
    end_s: float | None
    label: str | None


@dataclass(frozen=True)
class Given:
    """What a list or a folder says of one video.

    Parameters
    ----------
    clips : in the order of the list; empty if it says no times.
    label : of the video as a whole; None where clips have labels of their own.
    person, channel_id : videos of one person or channel go into one split.
    split : the split that the video belongs to.
    """

    clips: tuple[GivenClip, ...] = ()
    label: str | None = None
    person: str | None = None
    channel_id: str | None = None
    split: str | None = None

    def to_text(self) -> str:
        """JSON without what is not said; empty if nothing is."""
        data = {name: value for name, value in asdict(self).items() if value}
        if self.clips:
            data["clips"] = [[each.start_s, each.end_s, each.label] for each in self.clips]
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True) if data else ""

    @classmethod
    def from_text(cls, text: str) -> Given:
        """The reverse of `to_text`."""
        data: dict[str, Any] = json.loads(text) if text else {}
        clips = tuple(
            GivenClip(float(start), None if end is None else float(end), label)
            for start, end, label in data.pop("clips", ())
        )
        return cls(clips=clips, **data)

    def joined(self, other: Given) -> Given | str:
        """This and another row about the same video; a text if they contradict each other."""
        for name in ("person", "channel_id", "split"):
            one, two = getattr(self, name), getattr(other, name)
            if one and two and one != two:
                return f"its {name} is {two!r} here and {one!r} in an earlier row"
        if bool(self.clips) != bool(other.clips):
            return "it has times in one row and none in another"
        if not self.clips and self.label != other.label:
            return f"its label is {other.label!r} here and {self.label!r} in an earlier row"
        fresh = tuple(each for each in other.clips if each not in set(self.clips))
        return replace(
            self,
            clips=self.clips + fresh,
            person=self.person or other.person,
            channel_id=self.channel_id or other.channel_id,
            split=self.split or other.split,
        )
