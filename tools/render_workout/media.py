"""Voice, chapters and encoding: espeak-ng speaks, ffmpeg writes the file."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from tools.render_workout.pose import Floats
from tools.render_workout.scene import Camera
from tools.render_workout.script import Chapter

VOICE, WORDS_PER_MINUTE, CUE_DELAY_S = "en-us", 150, 0.7
_TEXT_ENCODING = "utf-8"


def speak(text: str) -> tuple[Floats, int]:
    """Samples in -1..1 and the sampling rate in Hz. Raises `RuntimeError` where espeak-ng is missing."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise RuntimeError("espeak-ng is not installed. It speaks the cues. Install it: apt-get install espeak-ng")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cue.wav")
        command = [program, "-v", VOICE, "-s", str(WORDS_PER_MINUTE), "-g", "3", "-w", str(path), "--", text]
        subprocess.run(command, check=True, capture_output=True)
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
            return samples / 32768.0, file.getframerate()


def voice_track(chapters: Sequence[Chapter], duration_s: float, path: Path) -> None:
    """All cues at their places, as one mono WAV. Raises `ValueError` if a cue does not fit into its chapter."""
    track: Floats | None = None
    rate_hz = 0
    for chapter in chapters:
        samples, rate_hz = speak(chapter.cue)
        if track is None:
            track = np.zeros(round(duration_s * rate_hz))
        start = round((chapter.start_s + CUE_DELAY_S) * rate_hz)
        if start + len(samples) > chapter.end_s * rate_hz:
            raise ValueError(f"the cue of {chapter.title!r} takes {len(samples) / rate_hz:.1f} s: too long for it")
        track[start : start + len(samples)] += samples
    if track is None:
        raise ValueError("there are no chapters, so there is nothing to say")
    track *= 0.8 / np.abs(track).max()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((track * 32767).astype("<i2").tobytes())


def chapter_metadata(title: str, chapters: Sequence[Chapter]) -> str:
    """ffmpeg's metadata format; = ; # \\ and line ends are escaped as it asks."""

    def escaped(text: str) -> str:
        return "".join("\\" + sign if sign in "=;#\\\n" else sign for sign in text)

    lines = [";FFMETADATA1", f"title={escaped(title)}", "artist=fimad", "copyright=CC0 1.0"]
    for chapter in chapters:
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={round(chapter.start_s * 1000)}"]
        lines += [f"END={round(chapter.end_s * 1000)}", f"title={escaped(chapter.title)}"]
    return "\n".join(lines) + "\n"


def encode(
    pictures: Iterable[NDArray[np.uint8]],
    path: Path,
    *,
    fps: float,
    camera: Camera,
    crf: int,
    voice: Path | None = None,
    metadata: Path | None = None,
) -> None:
    """Write H.264 (and AAC) to an MP4 file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{camera.width_px}x{camera.height_px}", "-r", f"{fps:g}", "-i", "-"]
    if voice is not None and metadata is not None:
        command += ["-i", str(voice), "-f", "ffmetadata", "-i", str(metadata), "-map", "0:v", "-map", "1:a"]
        command += ["-map_metadata", "2", "-map_chapters", "2", "-c:a", "aac", "-b:a", "48k", "-ar", "44100"]
    command += ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709", "-color_primaries", "bt709"]
    command += ["-color_trc", "bt709", "-c:v", "libx264", "-preset", "slow", "-crf", str(crf), "-pix_fmt", "yuv420p"]
    command += ["-movflags", "+faststart", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        if process.stdin is None:
            raise RuntimeError("ffmpeg was started without an input pipe")
        for picture in pictures:
            process.stdin.write(picture.tobytes())
        process.stdin.close()
    if process.returncode != 0:
        raise RuntimeError(f"ffmpeg ended with code {process.returncode} while writing {path}")


def clock(seconds: float) -> str:
    """Seconds as descriptions write them: 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def write_info(
    path: Path, *, video_id: str, title: str, chapters: Sequence[Chapter], duration_s: float, fps: float, camera: Camera
) -> None:
    """The metadata in yt-dlp's form, as it lies beside a downloaded video."""
    description = [
        "Five exercises in under a minute. No equipment needed. The person is drawn by a computer, the voice too.",
        "",
        *(f"{clock(chapter.start_s)} {chapter.title}" for chapter in chapters),
        "",
        "Rendered by tools/render_workout of the fimad project; dedicated to the public domain (CC0 1.0).",
    ]
    info = {
        "id": video_id,
        "title": title,
        "description": "\n".join(description),
        "channel": "fimad",
        "channel_id": "fimad",
        "uploader": "fimad",
        "upload_date": "20261123",
        "license": "Creative Commons Zero",
        "language": "en",
        "duration": duration_s,
        "extractor": "fimad",
        "extractor_key": "Fimad",
        "ext": "mp4",
        "fps": fps,
        "width": camera.width_px,
        "height": camera.height_px,
        "categories": ["Sports"],
        "tags": ["workout", "home workout", "no equipment"],
        "chapters": [
            {"start_time": chapter.start_s, "end_time": chapter.end_s, "title": chapter.title} for chapter in chapters
        ],
        "subtitles": {},
        "automatic_captions": {},
    }
    path.write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding=_TEXT_ENCODING)
