"""Finds people and their landmarks in pictures: MediaPipe's pose models on LiteRT, in MediaPipe Tasks, or a plug-in's.

`landmarker` follows a person, `detector` finds one and the region to look at, `tflite` runs the models, `mediapipe_tasks` is the
other backend; `plugins` is what an estimator of another maker derives from, `rtmpose` one that does. Nothing here knows of videos, stages
or files but the models'. May import `fimad.skeleton` and `fimad.errors`.
"""

from __future__ import annotations

from fimad.pose.landmarker import Landmarks, Picture, PoseEstimator
from fimad.pose.plugins import KeypointEstimator, Keypoints

__all__ = ["KeypointEstimator", "Keypoints", "Landmarks", "Picture", "PoseEstimator"]
