"""What a report shows, whatever it was read from: plain data, ready for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class ClipCard:
    """A clip in the gallery; text is as published, so hostile.

    Parameters
    ----------
    preview : packed key frames of the skeleton (`payload.preview`), or empty.
    flags : why its signals are doubtful (`fimad.flags`).
    similar : positions in `Report.clips` of the clips with the most similar video embedding.
    """

    clip_id: str
    title: str
    label: str
    channel: str
    split: str
    start_s: float
    end_s: float
    quality: float | None = None
    pose_share: float | None = None
    language: str = ""
    preview: bytes = b""
    flags: tuple[str, ...] = ()
    similar: tuple[int, ...] = ()


@dataclass
class StageRow:
    """One stage of the funnel: videos by state, and why some are missing."""

    stage: str
    counts: dict[str, int]
    reasons: dict[str, int] = field(default_factory=dict)
    unavailable: str = ""
    fix: str = ""


@dataclass
class Failure:
    """Videos of one stage that share a reason."""

    stage: str
    state: str
    reason: str
    count: int
    example: str
    videos: list[str]
    command: str


@dataclass
class Speed:
    """What one stage took in the last run.

    Parameters
    ----------
    seconds : busy seconds, summed over processes. Stages that share a pass over the video carry its decoding once.
    video_s : seconds of video that went through.
    """

    stage: str
    videos: int
    seconds: float
    video_s: float


@dataclass
class Report:
    """Everything on the page apart from the explorer's signals; `left_out` counts clips by reason."""

    name: str
    origin: str
    fimad_version: str
    made_on: str
    clips: list[ClipCard] = field(default_factory=list)
    videos: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    stages: list[StageRow] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)
    cores: int = 0
    wall_s: float = 0.0
    settings: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    command: str = ""

    @property
    def hours(self) -> float:
        """Length of all clips in h."""
        return sum(clip.end_s - clip.start_s for clip in self.clips) / 3600

    def to_json(self) -> dict[str, Any]:
        """The report without its clips, which are packed by column."""
        data = {name: value for name, value in self.__dict__.items() if name != "clips"}
        for name in ("stages", "failures", "speeds"):
            data[name] = [asdict(each) for each in data[name]]
        return data
