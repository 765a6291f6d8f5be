"""The skeleton and one sensor's traces on the video itself, frame by frame at the video's own times."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimad.errors import ConfigError
from fimad.report.payload import array
from fimad.skeleton import BONES, LANDMARK_INDEX, LANDMARKS

Image = NDArray[np.uint8]
# RGB, as in the report: the person's left, right, and what is neither.
_COLOURS = {"left": (70, 160, 255), "right": (255, 140, 60), "middle": (235, 238, 240)}
_AXES = ((255, 110, 100), (110, 210, 140), (190, 150, 255))
_FACE = tuple(LANDMARK_INDEX[name] for name in LANDMARKS[:11])
_TIME_BASE = Fraction(1, 90_000)


def write_overlay(
    row: dict[str, Any],
    video: Path,
    path: Path,
    placement: str,
    *,
    blur_faces: bool = True,
    tell: Callable[[float], None] | None = None,
) -> int:
    """Write a clip's pictures with the skeleton and a strip of signals as H.264 in MP4; returns the number of pictures.

    `tell` hears the share that is done. Every picture keeps its presentation time, relative to the clip's start. With `blur_faces` the followed person's head
    is made unrecognisable, and so is the whole picture where nobody was found; other people are not hidden.

    Raises `ConfigError` where the clip has no pose, or the video can't be read or the file written.
    """
    import av

    image, times = array(row, "pose_image", len(LANDMARKS), 3), array(row, "pose_time_s")
    if image is None or times is None:
        raise ConfigError(
            f"{row['clip_id']} has no pose to draw.", "Nobody was found in it.", "Choose another clip: `fimad report`."
        )
    strip = _Strip(row, placement)
    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as target:
            return _encode(target, row, video, image, times, strip, blur_faces, tell)
    except (OSError, av.FFmpegError) as error:
        raise ConfigError(
            f"The overlay {path} can't be made: {error}",
            "The video or the target's folder is missing or can't be read.",
            "Check both paths.",
        ) from error


def _encode(
    target: Any,
    row: dict[str, Any],
    video: Path,
    image: NDArray[Any],
    times: NDArray[Any],
    strip: _Strip,
    blur: bool,
    tell: Callable[[float], None] | None,
) -> int:
    import av

    stream, count = None, 0
    for time_s, rgb in _pictures(video, float(row["start_s"]), float(row["end_s"])):
        at = int(np.abs(times - time_s).argmin())
        # A pose further off than its own spacing belongs to another picture.
        near = abs(times[at] - time_s) <= 0.06
        points = image[at, :, :2] * [rgb.shape[1], rgb.shape[0]] if near else np.full((len(LANDMARKS), 2), np.nan)
        drawn = draw(rgb, points, blur_faces=blur)
        drawn = strip.below(drawn, time_s)
        # H.264 in the form that every browser plays needs even sides.
        drawn = np.ascontiguousarray(drawn[: drawn.shape[0] // 2 * 2, : drawn.shape[1] // 2 * 2])
        if stream is None:
            stream = target.add_stream("libx264", rate=30, options={"crf": "20", "preset": "veryfast"})
            stream.width, stream.height, stream.pix_fmt = drawn.shape[1], drawn.shape[0], "yuv420p"
            stream.codec_context.time_base = _TIME_BASE
        frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
        frame.pts, frame.time_base = round((time_s - row["start_s"]) / _TIME_BASE), _TIME_BASE
        target.mux(stream.encode(frame))
        count += 1
        if tell is not None:
            tell((time_s - row["start_s"]) / max(1e-6, row["end_s"] - row["start_s"]))
    if stream is None:
        raise ConfigError(
            f"{video.name} has no pictures between {row['start_s']:.2f} and {row['end_s']:.2f} s.",
            "The media file is another one than the dataset was built from.",
            "Give the workspace that the dataset was built in.",
        )
    target.mux(stream.encode(None))
    return count


def _pictures(video: Path, start_s: float, end_s: float) -> Any:
    """Upright RGB pictures of a stretch with their presentation times, on the clock that the pose is on."""
    from fimad.pipeline.media.frames import decode
    from fimad.pipeline.media.pictures import Converter

    convert = Converter(1080)
    for picture in decode(video, start_s, end_s):
        yield picture.time_s, np.array(convert(picture))


def draw(rgb: Image, points_px: NDArray[np.float64], *, blur_faces: bool) -> Image:
    """Draw one skeleton of (33, 2) pixels onto a picture, in place."""
    import cv2

    if blur_faces:
        _hide_face(rgb, points_px)
    size = max(2, round(min(rgb.shape[:2]) / 180))
    for a, b in BONES:
        if blur_faces and LANDMARK_INDEX[a] in _FACE:
            continue
        ends = points_px[[LANDMARK_INDEX[a], LANDMARK_INDEX[b]]]
        if not np.isfinite(ends).all() or np.abs(ends).max() > 4 * max(rgb.shape):
            continue
        side = a.split("_")[0] if a.split("_")[0] == b.split("_")[0] else "middle"
        p, q = (tuple(round(float(v)) for v in end) for end in ends)
        cv2.line(rgb, p, q, (20, 20, 20), size + 2, cv2.LINE_AA)
        cv2.line(rgb, p, q, _COLOURS.get(side, _COLOURS["middle"]), size, cv2.LINE_AA)
    return rgb


def _hide_face(rgb: Image, points_px: NDArray[np.float64]) -> None:
    import cv2

    face = points_px[list(_FACE)]
    if not np.isfinite(face).all():
        # Nobody was found, which is not to say that nobody is there.
        rgb[:] = cv2.resize(cv2.resize(rgb, (24, 24), interpolation=cv2.INTER_AREA), rgb.shape[1::-1])
        return
    centre = face.mean(0)
    # The landmarks are those of the face; hair tells people apart, too.
    shoulders = points_px[[LANDMARK_INDEX["left_shoulder"], LANDMARK_INDEX["right_shoulder"]]]
    reach = np.linalg.norm(face - centre, axis=1).max()
    # In profile and from behind the face's landmarks lie close together: the distance to the shoulders bounds it below.
    radius = int(max(1.9 * reach, 0.72 * np.linalg.norm(centre - shoulders.mean(0)), 8))
    x, y = round(float(centre[0])), round(float(centre[1]) - 0.2 * radius)
    top, left = max(0, y - radius), max(0, x - radius)
    bottom, right = min(rgb.shape[0], y + radius), min(rgb.shape[1], x + radius)
    if bottom <= top or right <= left:
        return
    part = rgb[top:bottom, left:right]
    small = cv2.resize(part, (5, 5), interpolation=cv2.INTER_AREA)
    rough = cv2.resize(small, part.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    mask = np.zeros(part.shape[:2], np.uint8)
    cv2.circle(mask, (x - left, y - top), radius, 1, -1)
    part[mask == 1] = rough[mask == 1]


class _Strip:
    """The last and next seconds of a sensor's specific force under the picture, with a scale in m/s² and seconds."""

    _SPAN_S = 4.0
    _GREY = (120, 124, 128)

    def __init__(self, row: dict[str, Any], placement: str) -> None:
        self.name = placement
        self.time_s = array(row, "imu_time_s")
        self.acc = array(row, f"{placement}_acc_m_s2", 3)
        if f"{placement}_acc_m_s2" not in row:
            known = ", ".join(name.removesuffix("_acc_m_s2") for name in row if name.endswith("_acc_m_s2"))
            raise ConfigError(
                f"There is no placement {placement!r}.", "The dataset does not have it.", f"Take one of: {known}."
            )

    def below(self, rgb: Image, time_s: float) -> Image:
        """The picture with the strip under it; as it is where there are no signals."""
        import cv2

        if self.time_s is None or self.acc is None or not np.isfinite(self.acc).any():
            return rgb
        top, width = rgb.shape[:2]
        height = top + max(90, top // 4)
        rgb = np.concatenate([rgb, np.full((height - top, width, 3), 17, np.uint8)])
        size = max(0.35, min(width, 2 * top) / 2200)
        head, foot = top + round(72 * size), height - round(34 * size)
        marks = _marks(self.acc)
        low, high = marks[0], marks[-1]

        def level(value: Any) -> Any:
            return foot - (value - low) / (high - low) * (foot - head)

        for mark in marks:
            at = round(float(level(mark)))
            cv2.line(rgb, (0, at), (width, at), (52, 56, 60), 1)
            _write(rgb, f"{mark:g}", (6, at - 3), 0.8 * size, self._GREY)
        x = (self.time_s - time_s) / self._SPAN_S * width + width / 2
        for second in range(-int(self._SPAN_S // 2) + 1, int(self._SPAN_S // 2)):
            at = round(width / 2 + second / self._SPAN_S * width)
            cv2.line(rgb, (at, foot), (at, foot + 4), self._GREY, 1)
            _write(rgb, f"{second:+d} s" if second else "now", (at + 4, height - 6), 0.8 * size, self._GREY)
        seen = (x >= -20) & (x <= width + 20)
        y = np.clip(level(self.acc), top, height - 1)
        for axis in range(3):
            good = seen & np.isfinite(y[:, axis])
            # A line for each run of valid samples, so that gaps stay gaps.
            runs = np.split(np.flatnonzero(good), np.flatnonzero(np.diff(np.flatnonzero(good)) > 1) + 1)
            for run in runs:
                if len(run) > 1:
                    line = np.stack([x[run], y[run, axis]], 1).round().astype(np.int32)
                    cv2.polylines(rgb, [line[:, None]], False, _AXES[axis], max(1, height // 400), cv2.LINE_AA)
        cv2.line(rgb, (width // 2, head), (width // 2, foot), (255, 255, 255), 1)
        along = _write(
            rgb, f"{self.name.replace('_', ' ')}: specific force, m/s2", (10, top + round(30 * size)), size, (235,) * 3
        )
        for letter, colour in zip("xyz", _AXES, strict=True):
            along = _write(rgb, letter, (along + round(26 * size), top + round(30 * size)), size, colour)
        return rgb


def _marks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Round levels around most of the values: a few impossible samples don't flatten the rest."""
    low, high = (float(v) for v in np.nanpercentile(values, [0.5, 99.5]))
    span = max(high - low, 1.0)
    step = next(each for each in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 1e4) if span / each <= 4 or each == 1e4)
    return np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step


def _write(rgb: Image, text: str, at: tuple[int, int], size: float, colour: tuple[int, ...]) -> int:
    """Write a text, and give where it ends."""
    import cv2

    font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(1.6 * size))
    cv2.putText(rgb, text, at, font, size, colour, thick, cv2.LINE_AA)
    return at[0] + int(cv2.getTextSize(text, font, size, thick)[0][0])
