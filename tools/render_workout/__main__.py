"""Command line: `workout` renders the project's workout video, `clip` any single motion, both with their truth."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from tools.render_workout.body import Body
from tools.render_workout.media import chapter_metadata, encode, voice_track, write_info
from tools.render_workout.motions import MOTIONS
from tools.render_workout.scene import Camera, frames
from tools.render_workout.script import DURATION_S, WORKOUT, clip_pose, workout_pose
from tools.render_workout.truth import write_truth

VIDEO_ID = "fimad-demo-workout"
TITLE = "46 second home workout: five exercises, no equipment"

#: A few people, by anny's phenotype parameters (each 0 to 1).
PEOPLE: dict[str, dict[str, float]] = {
    "alex": {"gender": 0.1, "age": 0.6, "muscle": 0.65, "weight": 0.45, "height": 0.45, "proportions": 0.6},
    "kim": {"gender": 0.9, "age": 0.6, "muscle": 0.55, "weight": 0.40, "height": 0.40, "proportions": 0.7},
    "sam": {"gender": 0.4, "age": 0.8, "muscle": 0.50, "weight": 0.65, "height": 0.50, "proportions": 0.4},
}


def render_workout(folder: Path, *, fps: float, truth_rate_hz: float, crf: int, yaw_deg: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    body, camera = Body(PEOPLE["alex"], yaw_deg), Camera()
    frame_t = np.arange(round(DURATION_S * fps)) / fps
    write_truth(
        folder / "workout.truth.npz",
        body,
        workout_pose,
        duration_s=DURATION_S,
        rate_hz=truth_rate_hz,
        frame_t=frame_t,
        fps=fps,
        camera=camera,
    )
    write_info(
        folder / "workout.info.json",
        video_id=VIDEO_ID,
        title=TITLE,
        chapters=WORKOUT,
        duration_s=DURATION_S,
        fps=fps,
        camera=camera,
    )
    with tempfile.TemporaryDirectory() as temporary:
        voice, metadata = Path(temporary, "voice.wav"), Path(temporary, "chapters.txt")
        voice_track(WORKOUT, DURATION_S, voice)
        metadata.write_text(chapter_metadata(TITLE, WORKOUT), encoding="utf-8")
        pictures = frames(body, workout_pose(frame_t), camera)
        path = folder / "workout.mp4"
        encode(pictures, path, fps=fps, camera=camera, crf=crf, voice=voice, metadata=metadata)


def render_clip(path: Path, options: argparse.Namespace) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    width_px, height_px = (int(part) for part in options.size.split("x"))
    body, camera = Body(PEOPLE[options.person], options.yaw), Camera(width_px=width_px, height_px=height_px)
    pose_at = clip_pose(options.motion, options.period, options.amplitude)
    frame_t = np.arange(round(options.seconds * options.fps)) / options.fps
    write_truth(
        path.with_suffix(".npz"),
        body,
        pose_at,
        duration_s=options.seconds,
        rate_hz=options.truth_rate,
        frame_t=frame_t,
        fps=options.fps,
        camera=camera,
    )
    encode(
        frames(body, pose_at(frame_t), camera),
        path.with_suffix(".mp4"),
        fps=options.fps,
        camera=camera,
        crf=options.crf,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.render_workout", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    workout = commands.add_parser("workout", help="the five exercises with voice and chapters: fimad/demo/workout.*")
    workout.add_argument("--folder", type=Path, default=Path("fimad/demo"))
    workout.add_argument("--fps", type=float, default=30.0)
    workout.add_argument("--truth-rate", type=float, default=100.0, help="samples of the truth per second")
    workout.add_argument("--crf", type=int, default=24, help="x264 quality: smaller is better and larger")
    workout.add_argument("--yaw", type=float, default=10.0, help="degrees that the person is turned to their left")

    clip = commands.add_parser("clip", help="one motion without a voice: OUT.mp4 and OUT.npz")
    clip.add_argument("--motion", choices=sorted(MOTIONS), required=True)
    clip.add_argument("--out", type=Path, required=True)
    clip.add_argument("--seconds", type=float, default=8.0)
    clip.add_argument("--fps", type=float, default=30.0)
    clip.add_argument("--period", type=float, default=None, help="seconds of one repetition")
    clip.add_argument("--amplitude", type=float, default=1.0, help="1 is the usual range of motion")
    clip.add_argument("--yaw", type=float, default=0.0)
    clip.add_argument("--person", choices=sorted(PEOPLE), default="alex")
    clip.add_argument("--size", default="720x720", help="width x height in px")
    clip.add_argument("--truth-rate", type=float, default=200.0)
    clip.add_argument("--crf", type=int, default=23)

    options = parser.parse_args()
    if options.command == "workout":
        render_workout(
            options.folder, fps=options.fps, truth_rate_hz=options.truth_rate, crf=options.crf, yaw_deg=options.yaw
        )
    else:
        render_clip(options.out, options)


if __name__ == "__main__":
    main()
