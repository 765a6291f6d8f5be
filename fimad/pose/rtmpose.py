"""RTMPose (Jiang et al. 2023, arXiv 2303.07399) by rtmlib on ONNX Runtime: 26 keypoints of Halpe, without depth.

Options: ``model``, the path of a body-with-feet ``.onnx`` (26 keypoints); ``detector``, that of a YOLOX ``.onnx``, without which the
whole picture is taken for the person's box; ``width`` and ``height``, the model's input (192 and 256).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fimad.errors import ConfigError
from fimad.pose.plugins import KeypointEstimator, Keypoints

#: Halpe's keypoints in the words of `skeleton.LANDMARKS`; what has no landmark there keeps Halpe's own.
HALPE = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "head", "neck",
    "hip", "left_foot_index", "right_foot_index", "left_small_toe", "right_small_toe", "left_heel", "right_heel",
)  # fmt: skip


class RtmPose(KeypointEstimator):
    """RTMPose through rtmlib; nothing is fetched: the files are the user's."""

    names: ClassVar[tuple[str, ...]] = HALPE
    requires: ClassVar[tuple[str, ...]] = ("rtmlib", "onnxruntime")

    def __init__(self, options: Mapping[str, str], threads: int = 1) -> None:
        super().__init__(options, threads)
        from rtmlib.tools.object_detection import YOLOX
        from rtmlib.tools.pose_estimation import RTMPose

        files = self.files(options)
        size = int(options.get("width", "192")), int(options.get("height", "256"))
        self._pose = RTMPose(str(files[0]), model_input_size=size, backend="onnxruntime")
        self._detector = (
            YOLOX(str(files[1]), model_input_size=(640, 640), backend="onnxruntime") if len(files) > 1 else None
        )

    @classmethod
    def files(cls, options: Mapping[str, str]) -> tuple[Path, ...]:
        """The model, and the detector if one is given."""
        named = [Path(options[name]).expanduser() for name in ("model", "detector") if options.get(name)]
        if not options.get("model") or not all(path.is_file() for path in named):
            lost = next((str(path) for path in named if not path.is_file()), "pose.options.model")
            raise ConfigError(
                f"RTMPose has no file {lost!r}.",
                "Its weights are not fetched by fimad.",
                "Give a body-with-feet model: --set pose.options.model=rtmpose.onnx",
            )
        return tuple(named)

    def look(self, rgb: NDArray[np.uint8]) -> Sequence[Keypoints]:
        # rtmlib takes OpenCV's order of colours.
        picture = np.ascontiguousarray(rgb[..., ::-1])
        boxes = self._detector(picture) if self._detector is not None else []
        if self._detector is not None and not len(boxes):
            return []
        places, scores = self._pose(picture, bboxes=boxes)
        size = np.array([rgb.shape[1], rgb.shape[0]], np.float32)
        return [
            Keypoints((place / size).astype(np.float32), np.clip(score, 0, 1).astype(np.float32))
            for place, score in zip(places, scores, strict=True)
        ]
