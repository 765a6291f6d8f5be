"""Rendered people: pose and simulate on each video, scored against the exact motion."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fidelity_scores import (
    JOINTS,
    SEGMENTS,
    TURNS,
    calibration,
    medians,
    score_clip,
    score_turns,
    uncertainty,
)
from fimad.config import Config, SimulateConfig
from fimad.models import locate
from fimad.pipeline.media.frames import decode
from fimad.pipeline.media.pictures import Converter, View
from fimad.pose.landmarker import LiteRtLandmarker
from fimad.simulate import PoseSequence, Trajectories, simulate_imu
from fimad.skeleton import LANDMARKS

_SEGMENT_OF = {"wrist": "forearm", "shoulder": "upper_arm", "hip": "thigh", "ankle": "shank"}
COMPARED = ("adaptive", "savitzky_golay", "butterworth", "transpose", "central", "kalman")


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


def hip_centred(pose: PoseSequence) -> Trajectories:
    """World landmarks as they come, without the body's own motion: what straight differentiation starts from."""
    position = np.stack([pose.world_m[..., 0], pose.world_m[..., 2], -pose.world_m[..., 1]], -1)
    return Trajectories(pose.time_s, LANDMARKS, position, pose.visibility, depth_axis=1)


def dropped(time_s: np.ndarray, share: float = 0.25) -> set[float]:
    """Times of a seeded share of the frames, neither the first nor the last: without them a video has a variable rate."""
    drop = np.random.default_rng(3).random(len(time_s)) >= 1 - share
    drop[[0, -1]] = False
    return set(time_s[drop].tolist())


def evaluate(
    folder: Path, config: Config, methods: tuple[str, ...] = COMPARED, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Scores of every `NAME.mp4` with a `NAME.npz` beside it; `default` is the default method's medians."""
    by_method: dict[str, dict[str, Any]] = {
        name: {} for name in (*(f"root+{m}" for m in methods), "hips+savitzky_golay")
    }
    agreement, turns, stated = {}, {}, []
    for video in sorted(folder.glob("*.mp4")):
        if not video.with_suffix(".npz").exists():
            say(f"{video.name}: no truth beside it, left out")
            continue
        with np.load(video.with_suffix(".npz"), allow_pickle=False) as file:
            truth = {name: file[name] for name in file}
        pose = pose_of(video, config)
        for name, scores in by_method.items():
            start, method = name.split("+")
            source = pose if start == "root" else hip_centred(pose)
            scores[video.stem] = score_clip(*_accelerations(source, method), truth)
        agreement[video.stem] = _difference(pose, pose_of(video, config, without=dropped(pose.time_s)))
        turns[video.stem] = turns_of(pose, truth)
        imu = simulate_imu(pose, placements=JOINTS)
        signals = {name: (each.lin_acc_world_m_s2, each.sigma_m_s2) for name, each in imu.signals.items()}
        parts = ({name: each[at] for name, each in signals.items()} for at in (0, 1))
        stated += uncertainty(imu.time_s, *parts, truth)
        say(f"{video.stem}: {by_method['root+adaptive'][video.stem]}")
    result: dict[str, Any] = {
        "default": medians(by_method["root+adaptive"].values()),
        "clips": by_method["root+adaptive"],
        "methods": {name: medians(scores.values()) for name, scores in by_method.items()},
        "variable_rate_difference": agreement,
        "stated_over_true_error": calibration(stated),
        "turns": {"by_segment": by_segment(turns.values()), "clips": turns},
    }
    return result


def turns_of(pose: PoseSequence, truth: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Scores of the angular rate, by placement."""
    names = [name for name in SEGMENTS if f"{name}_rot" in truth]
    imu = simulate_imu(pose, placements=names)
    signals = {name: imu.signals[name] for name in names}
    world = {name: np.einsum("nij,nj->ni", each.rotation, each.gyro_rad_s) for name, each in signals.items()}
    return score_turns(imu.time_s, world, truth)


def by_segment(clips: Iterable[dict[str, dict[str, float]]]) -> dict[str, dict[str, float | None]]:
    """Medians over clips, left and right together, of what `turns_of` gives; a joint's sensor turns with its segment."""
    rows: dict[str, list[dict[str, float]]] = {}
    for clip in clips:
        for name, row in clip.items():
            part = name.removeprefix("left_").removeprefix("right_")
            rows.setdefault(_SEGMENT_OF.get(part, part), []).append(row)
    return {name: medians(each, TURNS) for name, each in rows.items()}


def _accelerations(source: PoseSequence | Trajectories, method: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    section = SimulateConfig.model_validate({"method": method})
    imu = simulate_imu(source, placements=JOINTS, config=section)
    return imu.time_s, {name: imu.signals[name].lin_acc_world_m_s2 for name in JOINTS}


def _difference(some: PoseSequence, other: PoseSequence) -> float:
    """RMS difference of all scored signals over the RMS of the first."""
    first, second = (_accelerations(each, "adaptive")[1] for each in (some, other))
    a, b = (np.stack([np.nan_to_num(signals[name]) for name in JOINTS]) for signals in (first, second))
    count = min(a.shape[1], b.shape[1])
    return float(np.sqrt(((a - b)[:, :count] ** 2).mean() / (a[:, :count] ** 2).mean()))
