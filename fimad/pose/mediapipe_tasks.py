"""MediaPipe Tasks behind the interface of `landmarker`: the named library, in image mode.

Image mode gives raw landmarks (video mode filters them, with lag) at the price of the detector on every frame; see
`benchmarks/landmarker.py` for what that costs, and for how close `landmarker` comes to it.
"""

from __future__ import annotations

import io
import zipfile
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.pose.landmarker import Landmarks, Picture

# Of the picture's size: a torso's middle that moves further between two frames belongs to somebody else.
_JUMP = 0.25
_LOST_S = 1.0


def task_bundle(detector: Path, landmarks: Path) -> bytes:
    """A `.task` bundle of the two models. Tasks wants their input normalisation as metadata, which the files lack."""
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as archive:
        for name, path, mean, deviation in (
            ("pose_detector.tflite", detector, 127.5, 127.5),
            ("pose_landmarks_detector.tflite", landmarks, 0.0, 255.0),
        ):
            archive.writestr(zipfile.ZipInfo(name), _with_normalisation(path, mean, deviation))
    return bundle.getvalue()


def _with_normalisation(path: Path, mean: float, deviation: float) -> bytes:
    import flatbuffers
    from mediapipe.tasks.metadata import metadata_schema_py_generated as meta
    from mediapipe.tasks.metadata import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(path.read_bytes()), 0))
    graph = model.subgraphs[0]

    def describe(index: int) -> Any:
        tensor = meta.TensorMetadataT()
        tensor.name = graph.tensors[index].name.decode()
        return tensor

    picture = describe(graph.inputs[0])
    picture.content = meta.ContentT()
    picture.content.contentPropertiesType = meta.ContentProperties.ImageProperties
    picture.content.contentProperties = meta.ImagePropertiesT()
    picture.content.contentProperties.colorSpace = meta.ColorSpaceType.RGB
    unit = meta.ProcessUnitT()
    unit.optionsType = meta.ProcessUnitOptions.NormalizationOptions
    unit.options = meta.NormalizationOptionsT()
    unit.options.mean, unit.options.std = [mean], [deviation]
    picture.processUnits = [unit]
    picture.stats = meta.StatsT()
    picture.stats.min, picture.stats.max = [(0 - mean) / deviation], [(255 - mean) / deviation]
    subgraph = meta.SubGraphMetadataT()
    subgraph.inputTensorMetadata = [picture]
    subgraph.outputTensorMetadata = [describe(index) for index in graph.outputs]
    metadata = meta.ModelMetadataT()
    metadata.name = path.stem
    metadata.subgraphMetadata = [subgraph]
    metadata.minParserVersion = "1.0.0"
    builder = flatbuffers.Builder(0)
    builder.Finish(metadata.Pack(builder), b"M001")
    buffer = schema.BufferT()
    buffer.data = list(builder.Output())
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class TasksLandmarker:
    """`PoseEstimator` on MediaPipe Tasks. Parameters as in `LiteRtLandmarker`; Tasks chooses the person itself."""

    def __init__(self, detector: Path, landmarks: Path, *, min_score: float = 0.5) -> None:
        from mediapipe.tasks import python as tasks
        from mediapipe.tasks.python import vision

        options = vision.PoseLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=task_bundle(detector, landmarks)),
            running_mode=vision.RunningMode.IMAGE,
            num_poses=1,
            min_pose_detection_confidence=0.5,
            min_pose_presence_confidence=min_score,
        )
        self._landmarker = vision.PoseLandmarker.create_from_options(options)
        self._track = -1
        self.reset()

    def fresh(self) -> TasksLandmarker:
        """One for another clip, with the same models."""
        other = copy(self)
        other._track = -1
        other.reset()
        return other

    def reset(self) -> None:
        """Begin another shot."""
        self._last: NDArray[np.float32] | None = None
        self._seen_s = -np.inf

    def close(self) -> None:
        """Free the models."""
        self._landmarker.close()

    def __call__(self, view: Picture, time_s: float) -> Landmarks | None:
        """The most certain person in a picture, or None.

        Tasks does not tell the person's score: presence of the landmarks, on average, stands in for it.
        """
        import mediapipe

        result = self._landmarker.detect(
            mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(view.rgb))
        )
        if not result.pose_landmarks:
            return None
        points, world = result.pose_landmarks[0], result.pose_world_landmarks[0]
        image = np.array([(each.x, each.y, each.z) for each in points], np.float32)
        presence = np.array([each.presence for each in points], np.float32)
        # Middle of shoulders and hips.
        middle = image[[11, 12, 23, 24], :2].mean(axis=0)
        if self._last is None or time_s - self._seen_s > _LOST_S or float(np.linalg.norm(middle - self._last)) > _JUMP:
            self._track += 1
        self._last, self._seen_s = middle, time_s
        return Landmarks(
            image=image,
            world_m=np.array([(each.x, each.y, each.z) for each in world], np.float32),
            visibility=np.array([each.visibility for each in points], np.float32),
            presence=presence,
            score=float(presence.mean()),
            track=self._track,
        )
