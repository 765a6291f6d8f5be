"""Landmarks of a video, as the pose stage finds them: for tests and drawings that look at a part of it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from fimad.config import Config
from fimad.models import locate
from fimad.pipeline.media.frames import decode
from fimad.pipeline.media.pictures import Converter, View
from fimad.pose.landmarker import LiteRtLandmarker
from fimad.simulate import PoseSequence
from fimad.skeleton import LANDMARKS


def pose_of(video: Path, config: Config, without: Collection[float] = ()) -> PoseSequence:
    """Raw landmarks of the person in a video, at the frames' own presentation times; frames at the times `without` never were."""
    estimator = LiteRtLandmarker(
        locate("pose/detector", config), locate(f"pose/{config.pose.model}", config), min_score=config.pose.min_score
    )
    times, found, size = [], [], (0, 0)
    converter = Converter(config.pose.short_side_px)
    for picture in decode(video, 0.0, np.inf):
        if picture.time_s in without:
            continue
        size = picture.upright_size()
        times.append(picture.time_s)
        found.append(estimator(View(picture, converter), picture.time_s))
    estimator.close()
    count = len(LANDMARKS)
    image, world = (np.full((len(times), count, 3), np.nan) for _ in range(2))
    visibility = np.zeros((len(times), count))
    for at, each in enumerate(found):
        if each is not None:
            image[at], world[at], visibility[at] = each.image, each.world_m, each.visibility
    return PoseSequence(np.array(times), image, world, visibility, *size)
