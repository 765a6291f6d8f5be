"""Landmark names, bones and sensor placements: the vocabulary that pose and simulate share.

Landmarks are the 33 of BlazePose (Bazarevsky et al. 2020, arXiv 2006.10204), in MediaPipe's order. Left and right are
the person's own.
"""

from __future__ import annotations

from typing import Final

LANDMARKS: Final[tuple[str, ...]] = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)

LANDMARK_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(LANDMARKS)}

# (parent, child): drawn in reports, and held at constant length by the body model.
BONES: Final[tuple[tuple[str, str], ...]] = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("left_wrist", "left_index"),
    ("left_wrist", "left_pinky"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("right_wrist", "right_index"),
    ("right_wrist", "right_pinky"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("left_ankle", "left_heel"),
    ("left_heel", "left_foot_index"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("right_ankle", "right_heel"),
    ("right_heel", "right_foot_index"),
    ("left_ear", "right_ear"),
    ("nose", "left_ear"),
    ("nose", "right_ear"),
)

#: Joints whose motion is measured in pixels; `head` is the middle of the ears.
FLOW_JOINTS: Final[tuple[str, ...]] = (
    "head",
    *(
        f"{side}_{part}"
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot_index")
        for side in ("left", "right")
    ),
)

_SIDED: Final[tuple[str, ...]] = ("wrist", "elbow", "upper_arm", "shoulder", "hip", "thigh", "knee", "ankle")

#: Every place where a virtual sensor can sit.
PLACEMENTS: Final[tuple[str, ...]] = (
    *(f"{side}_{part}" for part in _SIDED for side in ("left", "right")),
    "chest",
    "pelvis",
    "head",
)

#: What a dataset carries unless the config says otherwise: where people wear phones, watches and research sensors.
DEFAULT_PLACEMENTS: Final[tuple[str, ...]] = (
    "left_wrist",
    "right_wrist",
    "left_upper_arm",
    "right_upper_arm",
    "left_thigh",
    "right_thigh",
    "left_ankle",
    "right_ankle",
    "chest",
    "pelvis",
    "head",
)
