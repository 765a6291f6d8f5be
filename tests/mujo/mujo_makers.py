"""Small windows of two motions, with all four modalities, for the tests of the reference model."""

from __future__ import annotations

import numpy as np

from fimad.mujo.windows import JOINTS, WindowSet

SMALL = (
    "model.imu_channels=[8, 8]",
    "model.width=16",
    "model.embedding=8",
    "model.pose_channels=8",
    "train.epochs=2",
    "train.batch=16",
    "train.val_share=0.25",
    "finetune.steps=30",
    "finetune.evaluate_every=10",
)


def make_windows(
    count: int = 48, seed: int = 0, classes: int = 3, placements: tuple[str, ...] = ("left_wrist", "chest", "head")
) -> WindowSet:
    """Windows whose class is the frequency of what moves; text is the class alone."""
    random = np.random.default_rng(seed)
    label = np.arange(count) % classes
    time_s = np.arange(50) / 25
    phase = random.uniform(0, 2 * np.pi, (count, 1))
    wave = np.sin(2 * np.pi * (1 + 2 * label[:, None]) * time_s + phase)
    imu = 0.3 * random.normal(size=(count, len(placements), 6, 50))
    imu += 6 * wave[:, None, None]
    imu[:, :, 2] += 9.81
    poses = 0.05 * random.normal(size=(count, 20, 3 * len(JOINTS))) + wave[:, :40:2, None]
    texts = np.random.default_rng(7).normal(size=(classes, 12))
    return WindowSet(
        imu=imu.astype(np.float32),
        imu_there=np.ones((count, len(placements), 2), bool),
        label=label.astype(np.int64),
        group=np.array([f"person{at // classes % 8}" for at in range(count)]),
        placements=placements,
        classes=tuple(f"class{number}" for number in range(classes)),
        rate_hz=25.0,
        pose=poses.astype(np.float32),
        pose_there=np.ones(count, bool),
        video=(np.eye(classes, 6)[label] + 0.2 * random.normal(size=(count, 6))).astype(np.float32),
        video_there=np.ones(count, bool),
        text=texts[label].astype(np.float32),
        text_there=np.ones(count, bool),
    )
