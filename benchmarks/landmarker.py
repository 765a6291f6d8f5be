"""How close the pose landmarker comes to MediaPipe Tasks, and how fast both are.

    python -m benchmarks.landmarker CLIPS... [--models DIR] [--json FILE]

For each clip, on the same decoded frames:

- ``same``: landmarker forced to detect on every frame, against Tasks in image mode: the models and all around them are the
  same, so the difference is rounding (median and 99th percentile, in thousandths of the person's region);
- ``tracked``: landmarker as it is used, against Tasks in image mode: the region comes from the last frame instead of the
  detector, which is what Tasks' own video mode does before it filters;
- ``detector noise``: Tasks in image mode against itself with the picture shifted by two pixels, to tell what such a
  difference means;
- ``reduced``: landmarker on frames scaled down to `--short-side`, against itself at the full size;
- frames per second of each, one thread, without decode.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from fimad.config import Config
from fimad.models import locate
from fimad.pipeline.media.container import open_media
from fimad.pipeline.media.pictures import ArrayView
from fimad.pose.landmarker import LiteRtLandmarker, PoseEstimator
from fimad.pose.mediapipe_tasks import TasksLandmarker

FLOORS = {"same_median": 1.0, "tracked_over_tasks": 1.8}


def frames(path: Path, limit: int, short_side: int = 0) -> list[tuple[float, np.ndarray]]:
    """The first pictures of a clip, at full size or scaled down."""
    result = []
    with open_media(path) as container:
        for frame in container.decode(video=0):
            scale = min(1.0, short_side / min(frame.width, frame.height)) if short_side else 1.0
            size = [2 * round(side * scale / 2) for side in (frame.width, frame.height)]
            picture = frame.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray()
            result.append((float(frame.pts * frame.time_base), picture))
            if len(result) == limit:
                break
    return result


def run(estimator: PoseEstimator, pictures: list[tuple[float, np.ndarray]], *, forget: bool = False) -> Any:
    """Landmarks of every picture (None for nobody), and frames per second."""
    estimator = estimator.fresh()
    poses = []
    began = time.perf_counter()
    for time_s, picture in pictures:
        if forget:
            estimator.reset()
        poses.append(estimator(ArrayView(picture), time_s))
    return poses, len(pictures) / (time.perf_counter() - began)


def differences(some: list[Any], others: list[Any], aspect: float, shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    """Distance of each visible landmark, in thousandths of the person's height, over frames in which both see someone."""
    found = []
    for one, other in zip(some, others, strict=True):
        if one is None or other is None:
            continue
        seen = (one.visibility > 0.5) & (other.visibility > 0.5)
        scale = np.array([aspect, 1.0])
        a, b = one.image[:, :2] * scale, (other.image[:, :2] - np.array(shift)) * scale
        height = max(np.ptp(a[:, 0]), np.ptp(a[:, 1]))
        found.append(1000 * np.linalg.norm(a - b, axis=1)[seen] / height)
    return np.concatenate(found) if found else np.empty(0)


def summary(values: np.ndarray) -> dict[str, float]:
    """Median, 99th percentile and maximum."""
    if not len(values):
        return {"median": float("nan"), "p99": float("nan"), "max": float("nan")}
    median, high = np.percentile(values, (50, 99))
    return {"median": float(median), "p99": float(high), "max": float(values.max())}


def compare(path: Path, weights: tuple[Path, Path], arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures of one clip."""
    pictures = frames(path, arguments.frames)
    height, width = pictures[0][1].shape[:2]
    aspect = width / height
    raw = LiteRtLandmarker(*weights)
    tasks = TasksLandmarker(*weights)
    reference, tasks_rate = run(tasks, pictures)
    detected, _ = run(raw, pictures, forget=True)
    tracked, rate = run(raw, pictures)
    again, _ = run(tasks, [(time_s, np.roll(picture, (2, 2), (0, 1))) for time_s, picture in pictures])
    small, small_rate = run(raw, frames(path, arguments.frames, arguments.short_side))
    tasks.close()
    return {
        "frames": len(pictures),
        "size": f"{width}x{height}",
        "found_tasks": sum(each is not None for each in reference),
        "found_tracked": sum(each is not None for each in tracked),
        "tracks": len({each.track for each in tracked if each is not None}),
        "same": summary(differences(detected, reference, aspect)),
        "tracked": summary(differences(tracked, reference, aspect)),
        "detector_noise": summary(differences(reference, again, aspect, (2 / width, 2 / height))),
        "reduced": summary(differences(tracked, small, aspect)),
        "fps_tasks": tasks_rate,
        "fps_tracked": rate,
        "fps_reduced": small_rate,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Pose landmarker against MediaPipe Tasks.")
    parser.add_argument("clips", nargs="+", type=Path, help="video files or folders of them")
    parser.add_argument("--model", default="full", choices=("lite", "full", "heavy"))
    parser.add_argument("--models", default="", help="folder with weights")
    parser.add_argument("--frames", type=int, default=120, help="frames of each clip")
    parser.add_argument("--short-side", type=int, default=480)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    config = Config(models_dir=arguments.models)
    weights = (locate("pose/detector", config), locate(f"pose/{arguments.model}", config))
    paths = [each for clip in arguments.clips for each in (sorted(clip.glob("*.mp4")) if clip.is_dir() else [clip])]
    rows = {}
    print(
        f"{'clip':44} same med/p99   tracked med/p99  shifted med/p99  reduced med/p99  fps tasks tracked reduced tracks"
    )
    for path in paths:
        row = rows[path.name] = compare(path, weights, arguments)
        figures = "   ".join(
            f"{row[name]['median']:6.2f} {row[name]['p99']:6.1f}"
            for name in ("same", "tracked", "detector_noise", "reduced")
        )
        print(
            f"{path.name[-44:]:44} {figures}   {row['fps_tasks']:6.1f} {row['fps_tracked']:6.1f} {row['fps_reduced']:6.1f}"
            f" {row['tracks']:3d}  {row['found_tasks']}/{row['found_tracked']}/{row['frames']}",
            flush=True,
        )
    result = {
        f"{name}_{part}": float(np.nanmedian([row[name][part] for row in rows.values()]))
        for name in ("same", "tracked", "detector_noise", "reduced")
        for part in ("median", "p99")
    }
    for name in ("fps_tasks", "fps_tracked", "fps_reduced"):
        result[name] = float(np.median([row[name] for row in rows.values()]))
    result["tracked_over_tasks"] = result["fps_tracked"] / result["fps_tasks"]
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps({**result, "clips": rows}, indent=1) + "\n", encoding="utf-8")
    failed = (
        result["same_median"] > FLOORS["same_median"] or result["tracked_over_tasks"] < FLOORS["tracked_over_tasks"]
    )
    if failed:
        print(f"A floor is missed: {FLOORS}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
