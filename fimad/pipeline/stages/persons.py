"""Where the person is, for stages that look at the same frames: as `pose` goes along, or from its artifact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.pipeline.contract import StageInput
from fimad.skeleton import LANDMARKS


class PersonSource(Protocol):
    """Says where the person of each clip is."""

    def landmarks(self, range_index: int, time_s: float) -> NDArray[Any] | None:
        """(33, 3) landmarks of the newest frame up to a time, as `pose_image` has them; None if nobody was found in it.

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
        self._clips: dict[int, tuple[NDArray[np.float64], NDArray[np.float32]]] = {}

    def landmarks(self, range_index: int, time_s: float) -> NDArray[Any] | None:
        """See `PersonSource`."""
        row = self._rows[range_index]
        if row is None:
            return None
        if range_index not in self._clips:
            times, image = (self._pose.column(name)[row].values for name in ("pose_time_s", "pose_image"))
            self._clips[range_index] = (
                times.to_numpy(zero_copy_only=False),
                image.to_numpy(zero_copy_only=False).reshape(-1, len(LANDMARKS), 3),
            )
        times, image = self._clips[range_index]
        at = int(np.searchsorted(times, time_s, side="right")) - 1
        return None if at < 0 or np.isnan(image[at, 0, 0]) else image[at]
