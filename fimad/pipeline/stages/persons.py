"""Where the person is, for stages that look at the same frames: as `pose` goes along, or from its artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.pipeline.contract import StageInput
from fimad.skeleton import LANDMARKS


@dataclass(frozen=True, eq=False)
class Person:
    """The person of one picture.

    Parameters
    ----------
    image, visibility : (33, 3) and (33,) landmarks, as `pose_image` and `pose_visibility` have them.
    track : another number may be another person.
    """

    image: NDArray[Any]
    visibility: NDArray[Any]
    track: int


class PersonSource(Protocol):
    """Says where the person of each clip is."""

    def person(self, range_index: int, time_s: float) -> Person | None:
        """The person in the newest frame up to a time; None if nobody was found in it.

        Times of a range must not fall.
        """


def persons(item: StageInput, clip_ids: Sequence[str]) -> PersonSource | None:
    """Landmarks of `pose`, wherever they are; None without pose.

    Parameters
    ----------
    item : what the stage gets to work on.
    clip_ids : of its ranges.
    """
    if "pose" in item.beside:
        return cast(PersonSource, item.beside["pose"])
    return _Artifact(item.tables["pose"], clip_ids) if "pose" in item.tables else None


class _Artifact:
    """What `pose` published."""

    def __init__(self, pose: pa.Table, clip_ids: Sequence[str]) -> None:
        rows = {clip_id: at for at, clip_id in enumerate(pose.column("clip_id").to_pylist())}
        self._pose = pose
        self._rows = [rows.get(clip_id) for clip_id in clip_ids]
        self._clips: dict[int, list[NDArray[Any]]] = {}

    def person(self, range_index: int, time_s: float) -> Person | None:
        """See `PersonSource`."""
        row = self._rows[range_index]
        if row is None:
            return None
        if range_index not in self._clips:
            times, image, visibility, track = (
                self._pose.column(f"pose_{name}")[row].values.to_numpy(zero_copy_only=False)
                for name in ("time_s", "image", "visibility", "track")
            )
            count = len(LANDMARKS)
            self._clips[range_index] = [times, image.reshape(-1, count, 3), visibility.reshape(-1, count), track]
        times, image, visibility, track = self._clips[range_index]
        at = int(np.searchsorted(times, time_s, side="right")) - 1
        return None if at < 0 or np.isnan(image[at, 0, 0]) else Person(image[at], visibility[at], int(track[at]))
