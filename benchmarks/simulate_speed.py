"""Pose frames per second that the virtual IMU takes on one core, all placements, default method.

    OMP_NUM_THREADS=1 python -m benchmarks.simulate_speed [--video FILE] [--json FILE]

In the same run, for comparison:

- ``pose stage``: the landmarks of the video's first seconds, decode included, one thread: what has to come before;
- ``raw loop``: a Savitzky-Golay filter and a resampling per placement and axis, as a script would do it: linear acceleration
  alone, without a root, an orientation, specific force, angular rate or uncertainty.

The process' own time is counted. The clips of given length are synthetic, with every landmark in view all the time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import savgol_filter

from benchmarks.landmarker import frames
from fimad.config import Config
from fimad.models import locate
from fimad.pipeline.media.pictures import ArrayView
from fimad.pose.landmarker import LiteRtLandmarker
from fimad.simulate import PoseSequence, simulate_imu
from fimad.simulate.placements import PLACES
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS, PLACEMENTS

TARGET_FRAMES_S = 30_000
_VIDEO = Path(__file__).resolve().parent.parent / "fimad" / "demo" / "workout.mp4"
# FiMAD's clips have 29 s on average.
_SECONDS = (10, 29, 60, 120)
_REPEAT = 9
_RATE_HZ, _WINDOW_S = 50, 0.3


def synthetic(seconds: float) -> PoseSequence:
    """A swaying body at 30 frames/s with white noise; 2D landmarks are the projection of the world landmarks at 3 m."""
    rng = np.random.default_rng(0)
    time_s = np.arange(0, seconds, 1 / 30)
    sway = 0.05 * np.sin(2 * np.pi * time_s)[:, None, None]
    world = rng.normal(0, 0.4, (len(LANDMARKS), 3)) + sway + rng.normal(0, 0.01, (len(time_s), len(LANDMARKS), 3))
    focal_px, depth = 1.2 * 1280, world[..., 2] + 3
    u = 0.5 + focal_px * world[..., 0] / depth / 1280
    v = 0.5 + focal_px * world[..., 1] / depth / 720
    image = np.stack([u, v, 0 * u], -1)
    return PoseSequence(time_s, image, world, np.ones(image.shape[:2]), 1280, 720)


def filmed(video: Path, seconds: float) -> tuple[PoseSequence, float]:
    """The person of a video's beginning, and the pose stage's frames per second."""
    began = time.perf_counter()
    pictures = frames(video, round(30 * seconds))
    decoded_s = time.perf_counter() - began
    config = Config()
    estimator = LiteRtLandmarker(locate("pose/detector", config), locate("pose/full", config), threads=1)
    estimator(ArrayView(pictures[0][1]), 0.0)  # the first picture pays for what is built on first use
    estimator.reset()
    began = time.perf_counter()
    found = [(at_s, estimator(ArrayView(picture), at_s)) for at_s, picture in pictures]
    rate = len(pictures) / (decoded_s + time.perf_counter() - began)
    estimator.close()
    seen = [(at_s, landmarks) for at_s, landmarks in found if landmarks is not None]
    height, width = pictures[0][1].shape[:2]
    parts = (np.stack([getattr(each, name) for _, each in seen]) for name in ("image", "world_m", "visibility"))
    return PoseSequence(np.array([at_s for at_s, _ in seen]), *parts, width, height), rate


def raw_loop(pose: PoseSequence) -> None:
    """Linear accelerations of all placements, the plain way."""
    step_s = float(np.median(np.diff(pose.time_s)))
    clock_s = np.arange(pose.time_s[0], pose.time_s[-1], 1 / _RATE_HZ)
    for name in PLACEMENTS:
        point = sum(share * pose.world_m[:, LANDMARK_INDEX[part]] for part, share in PLACES[name].point.items())
        acceleration = savgol_filter(point, round(_WINDOW_S / step_s) | 1, 3, deriv=2, delta=step_s, axis=0)
        for axis in acceleration.T:
            np.interp(clock_s, pose.time_s, axis)


def rate_of(compute: Callable[[PoseSequence], object], pose: PoseSequence) -> float:
    """Frames per second of process time, the median of some runs."""
    rates = []
    for _ in range(_REPEAT):
        began = time.process_time()
        compute(pose)
        rates.append(len(pose.time_s) / (time.process_time() - began))
    return float(np.median(rates))


def virtual(pose: PoseSequence) -> None:
    """All placements; a signal with holes would make the rate say nothing."""
    imu = simulate_imu(pose, placements=PLACEMENTS, rate_hz=_RATE_HZ)
    if not any(signal.valid.any() for signal in imu.signals.values()):
        raise SystemExit("No placement has a signal: the rate would say nothing.")


def main() -> None:
    """Entry point; exits with 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--video", type=Path, default=_VIDEO, help="whose landmarks are taken too; the demo's if not given"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    landmarks, pose_rate = filmed(options.video, 10)
    poses = {f"{seconds} s": synthetic(seconds) for seconds in _SECONDS} | {options.video.name: landmarks}
    rows = {
        name: {"simulate": rate_of(virtual, pose), "raw_loop": rate_of(raw_loop, pose)} for name, pose in poses.items()
    }
    print(f"{'frames/s':>14} {'simulate':>9} {'raw loop':>9} {'ratio':>6}")
    for name, row in rows.items():
        print(f"{name:>14} {row['simulate']:9.0f} {row['raw_loop']:9.0f} {row['simulate'] / row['raw_loop']:6.2f}")
    print(
        f"{'pose stage':>14} {pose_rate:9.0f}   the virtual IMU adds {pose_rate / rows['10 s']['simulate']:.2%} to its time"
    )
    slowest = min(row["simulate"] for row in rows.values())
    if options.json:
        found = {"frames_per_s": rows, "pose_frames_per_s": pose_rate, "slowest_frames_per_s": slowest}
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if slowest < TARGET_FRAMES_S:
        raise SystemExit(f"{slowest:.0f} frames/s; the target is {TARGET_FRAMES_S}.")


if __name__ == "__main__":
    main()
