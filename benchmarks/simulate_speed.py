"""Pose frames per second that the virtual IMU takes on one core, all placements, default method.

    OMP_NUM_THREADS=1 python -m benchmarks.simulate_speed [--pose-rate FRAMES_PER_S]

`--pose-rate` is the pose stage's own rate on this machine (`python -m benchmarks.landmarker`), printed beside.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from fimad.simulate import PoseSequence, simulate_imu
from fimad.skeleton import PLACEMENTS

TARGET_FRAMES_S = 30_000


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pose-rate", type=float, help="frames per second of the pose stage, to print beside")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    for seconds in (10, 60, 120):
        time_s = np.arange(0, seconds, 1 / 30)
        sway = 0.05 * np.sin(2 * np.pi * time_s)[:, None, None]
        # World landmarks and their own projection at 3 m: unrelated ones have no distance, hence no signal to time.
        world = rng.normal(0, 0.4, (33, 3)) + sway + rng.normal(0, 0.01, (len(time_s), 33, 3))
        focal_px, depth = 1.2 * 1280, world[..., 2] + 3
        u = 0.5 + focal_px * world[..., 0] / depth / 1280
        v = 0.5 + focal_px * world[..., 1] / depth / 720
        image = np.stack([u, v, 0 * u], -1)
        pose = PoseSequence(time_s, image, world, np.ones(image.shape[:2]), 1280, 720)
        rates = []
        for _ in range(5):
            began = time.process_time()
            imu = simulate_imu(pose, placements=PLACEMENTS)
            rates.append(len(time_s) / (time.process_time() - began))
            if not all(signal.valid.all() for signal in imu.signals.values()):
                raise SystemExit("Some placements have no signal: the rate would say nothing.")
        print(f"clip of {seconds:3} s: {np.median(rates):8.0f} frames/s (target {TARGET_FRAMES_S})")
    if options.pose_rate:
        print(f"pose stage:     {options.pose_rate:8.0f} frames/s")


if __name__ == "__main__":
    main()
