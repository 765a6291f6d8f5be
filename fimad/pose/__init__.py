"""Finds people and their landmarks in pictures: MediaPipe's pose models on LiteRT, or in MediaPipe Tasks.

`landmarker` follows a person, `detector` finds one and the region to look at, `tflite` runs the models, `mediapipe_tasks` is the
other backend. Nothing here knows of videos, stages or files but the models'. May import `fimad.skeleton` and `fimad.errors`.
"""
