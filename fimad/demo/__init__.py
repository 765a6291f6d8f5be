"""The project's own workout video, its metadata and its exact truth; README.md in this folder describes them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent

#: 46 s, 1280x720, 30 frames/s, H.264 and AAC: five exercises with spoken cues and chapters.
VIDEO: Final = _FOLDER / "workout.mp4"
#: Title, description, channel, licence and chapters, in yt-dlp's form.
INFO: Final = _FOLDER / "workout.info.json"
#: Positions, accelerations and rotations of the body points.
TRUTH: Final = _FOLDER / "workout.truth.npz"
