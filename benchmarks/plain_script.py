"""What one would write without fimad, for `benchmarks.throughput`: one process, one model after the other.

OpenCV decodes each video for MediaPipe Tasks in video mode and once more for CLIP, Whisper hears the file, pandas writes
Parquet. Times are index / fps, as such scripts have them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fimad import models
from fimad.pose.mediapipe_tasks import task_bundle


def _pose(path: Path) -> list[dict[str, Any]]:
    import cv2
    import mediapipe
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    bundle = task_bundle(models.locate("pose/detector"), models.locate("pose/full"))
    options = vision.PoseLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=bundle), running_mode=vision.RunningMode.VIDEO
    )
    rows = []
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS) or 30.0
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        while True:
            good, bgr = capture.read()
            if not good:
                break
            picture = mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB, data=cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            )
            time_s = len(rows) / rate
            found = landmarker.detect_for_video(picture, int(time_s * 1000))
            points = found.pose_world_landmarks[0] if found.pose_world_landmarks else []
            rows.append({"time_s": time_s, "world": [value for each in points for value in (each.x, each.y, each.z)]})
    capture.release()
    return rows


def _embeddings(path: Path, checkpoint: Path) -> list[dict[str, Any]]:
    import cv2
    import open_clip
    import torch
    from PIL import Image

    model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-32", pretrained=str(checkpoint))
    model.eval()
    rows = []
    capture = cv2.VideoCapture(str(path))
    step = max(1, round(capture.get(cv2.CAP_PROP_FPS) or 30.0))
    index = 0
    while True:
        good, bgr = capture.read()
        if not good:
            break
        if index % step == 0:
            with torch.no_grad():
                picture = preprocess(Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))).unsqueeze(0)
                rows.append({"time_s": index / step, "embedding": model.encode_image(picture)[0].numpy()})
        index += 1
    capture.release()
    return rows


def run(videos: list[Path], folder: Path, checkpoint: Path | None) -> None:
    """Every video through every model."""
    import pandas
    from faster_whisper import WhisperModel

    folder.mkdir(exist_ok=True)
    whisper = WhisperModel(str(models.locate("faster-whisper/base")), device="cpu", compute_type="int8")
    for path in videos:
        pandas.DataFrame(_pose(path)).to_parquet(folder / "pose.parquet")
        if checkpoint is not None:
            pandas.DataFrame(_embeddings(path, checkpoint)).to_parquet(folder / "embed.parquet")
        try:
            segments = [{"start": each.start, "text": each.text} for each in whisper.transcribe(str(path))[0]]
        except IndexError:  # a file without sound
            segments = []
        pandas.DataFrame(segments).to_parquet(folder / "words.parquet")
