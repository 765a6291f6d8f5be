"""What a stage is: a small, honest class that says what it reads, writes and needs.

A stage turns the upstream artifacts of one video into one Arrow table, its artifact. It never touches the workspace: the
runner hands it tables and a local media file, and publishes what it returns. A stage says no by raising: `Filtered`
(processed, left out), `PermanentError` (will fail again) or `TransientError` (worth another try).
"""

from __future__ import annotations

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.config import Config, Section, section_json
from fimad.errors import FimadError
from fimad.errors import Unavailable as Unavailable
from fimad.model_sources import ModelFile as ModelFile

Resource = Literal["cpu", "network"]


@dataclass(frozen=True)
class Video:
    """One item of the corpus, as the sources name it.

    Parameters
    ----------
    video_id : stable and file-safe: matches ``[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}``.
    kind : how to get it: a URL for yt-dlp, a local media file, or a saved info.json.
    location : the URL, or the absolute path.
    given : what a list or a folder says of the video (`acquire.given.Given`, as JSON); empty if nothing.
    fingerprint : changes with `given`, with a local file and with what lies beside it (info.json, captions): what was made
        of another one is made anew. Empty for what can't change.
    """

    video_id: str
    kind: Literal["url", "file", "info"]
    location: str
    given: str = ""
    fingerprint: str = ""


@dataclass
class StageInput:
    """What a stage gets to work on.

    Parameters
    ----------
    video : the item.
    tables : upstream artifacts by stage name.
    media : local path of the media file, or None for stages that run before `download` is done.
    scratch : an empty folder of this attempt; what is left in it is removed afterwards.
    publish_file : for `download`: takes a finished file in `scratch` and a suffix such as ``.mp4``, stores it beside the
        artifact under the video's id, and returns the name to put into the `media` column.
    log : messages of this video; the tail is kept with a failure.
    progress : call with a share from 0 to 1 for long work.
    requests : call with the number of requests that were sent to others; they count against the budget.
    cache : a folder that lasts as long as this process, for what the next video can use again; None where there is none.
    beside : for frame stages: the consumers of upstream stages that share the pass, and see each frame first.
    """

    video: Video
    tables: Mapping[str, pa.Table]
    media: Path | None
    scratch: Path
    publish_file: Callable[[Path, str], str]
    log: logging.Logger
    progress: Callable[[float], None] = field(default=lambda share: None)
    requests: Callable[[int], None] = field(default=lambda count: None)
    cache: Path | None = None
    beside: Mapping[str, FrameConsumer] = field(default_factory=dict)


class Stage(ABC):
    """One step of the pipeline.

    Class attributes
    ----------------
    name : also the name of its config section.
    version : raised whenever the output for the same input changes.
    upstream : stages whose artifacts it reads.
    optional : those of them that it can do without. Where one is unavailable (see `unavailable`) the stage runs without
        it, and has another key; where any other upstream stage is unavailable, so is this one.
    resource : what a worker must offer: ``cpu`` or ``network``.
    needs_media : whether it reads the media file.
    limits : options of its section that only say what is taken on, by the reason that leaves a video out for them. They are
        not in the key: raising one takes on what was left out for it, and leaves what is done alone.
    by_clip : its table has one row per kept clip, which depends on no other clip: a long video may be done in parts.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    resource: ClassVar[Resource] = "cpu"
    needs_media: ClassVar[bool] = False
    by_clip: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, str]] = {}

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def section(self) -> Section:
        """The stage's own part of the configuration."""
        section: Section = getattr(self.config, self.name)
        return section

    def beyond_section(self) -> dict[str, Any]:
        """Options of other sections that change the output, too; only those that are set. They are in the key."""
        return {}

    def models(self) -> tuple[ModelFile, ...]:
        """Pretrained models whose bytes the output depends on. Must not load or download them."""
        return ()

    def requires(self) -> tuple[str, ...]:
        """Import names of the libraries that it can't do without, beyond those that every installation has.

        They are looked for before any video is touched (`fimad.libraries`), and not imported for it.
        """
        return ()

    def weights(self) -> tuple[str, ...]:
        """Names of the pretrained models that it loads (`fimad.models`); what of them is not here, a build fetches."""
        return ()

    def unavailable(self) -> Unavailable | None:
        """Why this stage can't run here, or None. Cheap; asked once at the start of a run. By default: its weights."""
        from fimad.models import unavailable

        try:
            found = (unavailable(name, self.config) for name in self.weights())
        except FimadError as error:
            return Unavailable(reason="no_weights", what=error.what, fix=error.fix)
        return next((each for each in found if each is not None), None)

    def setup(self) -> None:
        """Load models. Called once per process before the first video; must be safe to call again."""

    def close(self) -> None:
        """Free what `setup` took."""

    @abstractmethod
    def schema(self) -> pa.Schema:
        """The schema of the artifact."""

    @abstractmethod
    def run(self, item: StageInput) -> pa.Table:
        """Make the artifact of one video. Deterministic: same input and config, same table."""


class FrameView(Protocol):
    """A decoded picture, upright, at the wanted size; converted when it is asked for."""

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8, read-only."""

    @property
    def grey(self) -> NDArray[np.uint8]:
        """(height, width) uint8 luminance, read-only; much cheaper than `rgb`."""

    @property
    def colours(self) -> NDArray[np.uint8]:
        """(3, n, m) YUV of single points on a coarse grid, to compare pictures of one video by."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""

    def crop(self, matrix: NDArray[np.float64], side_px: int, out: NDArray[np.uint8]) -> None:
        """A rotated square, much cheaper than `rgb`.

        Parameters
        ----------
        matrix : (2, 3), from this picture's pixels to those of the crop.
        out : (side_px, side_px, 3) RGB; black outside of the picture.
        """


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, to be looked at during the call only.

    Parameters
    ----------
    time_s : presentation time in s, float64.
    index : number of the frame within its range as decoded, from 0.
    view : the picture.
    """

    time_s: float
    index: int
    view: FrameView

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8, read-only."""
        return self.view.rgb

    @property
    def grey(self) -> NDArray[np.uint8]:
        """(height, width) uint8 luminance, read-only; much cheaper than `rgb`."""
        return self.view.grey

    @property
    def colours(self) -> NDArray[np.uint8]:
        """(3, n, m) YUV of single points on a coarse grid, to compare pictures of one video by."""
        return self.view.colours


@dataclass(frozen=True)
class FrameRequest:
    """What a consumer of frames wants.

    Parameters
    ----------
    ranges_s : time ranges [start, end) in s, one per clip, in the order of the consumer's clips; they may overlap.
    rate_hz : at most so many frames a second (exact times are kept); 0 means every frame.
    short_side_px : the size at which frames are wanted; larger pictures are scaled down natively, never up.
    """

    ranges_s: Sequence[tuple[float, float]]
    rate_hz: float
    short_side_px: int


class FrameConsumer(Protocol):
    """Takes the frames of one video in presentation order, and makes a table of them."""

    request: FrameRequest

    def push(self, range_index: int, frame: Frame) -> None:
        """One frame that lies in range `range_index`."""

    def finish(self) -> pa.Table:
        """The stage's artifact, once all frames were seen."""


@runtime_checkable
class FrameWatcher(Protocol):
    """A consumer that also wants to know how much every frame differs from the one before, at whatever rate it takes frames."""

    def watch(self, range_index: int, time_s: float, change: float) -> None:
        """A decoded frame that lies in range `range_index`, before it is pushed if it is.

        Parameters
        ----------
        change : mean difference of luminance from the frame before in the range, in levels of 8 bits; NaN for the first.
        """


class FrameStage(Stage):
    """A stage that looks at frames. Several of them share one pass over the video (`frames.run_frame_stages`).

    Class attributes
    ----------------
    same_pass : upstream frame stages whose results it can take frame by frame, in the pass that makes them
        (`StageInput.beside`), as well as from their artifacts. Both ways must give the same table.
    """

    needs_media: ClassVar[bool] = True
    same_pass: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def consumer(self, item: StageInput) -> FrameConsumer:
        """A new consumer for this video."""

    def run(self, item: StageInput) -> pa.Table:
        """Decode for this stage alone; gives the same table as a shared pass."""
        # Upwards, and on purpose: who runs one stage by hand should not have to know who decodes for it.
        from fimad.pipeline.media.frames import run_frame_stages

        return run_frame_stages([self], item)[self.name]


def _without_limits(stage: Stage) -> Section:
    """A stage's section with limits as they are by default, so that keys do not depend on them."""
    fields = type(stage.section).model_fields
    return stage.section.model_copy(update={name: fields[name].default for name in stage.limits.values()})


def stage_key(stage: Stage, upstream_keys: Mapping[str, str]) -> str:
    """The key that names a stage's artifacts: 16 hex digits of a SHA-256 over all that decides its output.

    That is the stage's name and version, its config section, its models' hashes and its upstream stages' keys. It depends
    on the configuration alone, never on the video, so that one listing of a prefix says what is done.
    """
    content: dict[str, Any] = {
        "name": stage.name,
        "version": stage.version,
        "section": section_json(_without_limits(stage)),
        "models": sorted((model.name, model.sha256) for model in stage.models()),
        "upstream": {name: upstream_keys[name] for name in sorted(stage.upstream) if name in upstream_keys},
    }
    if beyond := stage.beyond_section():
        content["beyond"] = beyond
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
