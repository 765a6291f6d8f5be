"""One decode for all: exact times, ranges, rates, sizes, and the same result shared or alone."""

from __future__ import annotations

import gc
import logging
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import pyarrow as pa
import pytest

from fimad.config import Config, parse_config
from fimad.errors import PermanentError
from fimad.pipeline.contract import Frame, FrameConsumer, FrameRequest, FrameStage, StageInput, Video
from fimad.pipeline.media import pictures
from fimad.pipeline.media.frames import DecodeReport, decode, run_frame_stages
from fimad.pipeline.media.pictures import ArrayView, Converter, Orienter, Picture, View
from fimad.pose.detector import Roi
from tests.pipeline.makers import DEMO, stage_input, video


class Probe(FrameStage):
    """Notes what it is given."""

    request: ClassVar[FrameRequest]

    def schema(self) -> pa.Schema:
        return pa.schema([])

    def consumer(self, item: StageInput) -> FrameConsumer:
        return ProbeConsumer(self.request)


class ProbeConsumer:
    def __init__(self, request: FrameRequest) -> None:
        self.request = request
        self.rows: list[dict[str, object]] = []

    def push(self, range_index: int, frame: Frame) -> None:
        assert not frame.rgb.flags.writeable
        self.rows.append(
            {
                "range": range_index,
                "time_s": frame.time_s,
                "index": frame.index,
                "size": list(frame.rgb.shape),
                "sum": int(frame.rgb.astype(np.int64).sum()),
            }
        )

    def finish(self) -> pa.Table:
        return pa.Table.from_pylist(self.rows)


def probe(name: str, ranges: list[tuple[float, float]], rate_hz: float = 0.0, side: int = 90) -> Probe:
    kind = type(name, (Probe,), {"name": name, "request": FrameRequest(ranges, rate_hz, side)})
    return kind(Config())


def run(media: Path, folder: Path, *stages: Probe) -> dict[str, list[dict[str, object]]]:
    item = stage_input(Video("v", "file", str(media)), folder, {}, media)
    return {name: table.to_pylist() for name, table in run_frame_stages(stages, item).items()}


def times(rows: list[dict[str, object]], number: int = 0) -> list[float]:
    return [row["time_s"] for row in rows if row["range"] == number]  # type: ignore[misc]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("frames") / "clip.mp4", 8.0, rate=25, extra=("-g", "25", "-bf", "2"))


def test_every_frame_of_a_range_with_its_own_time(clip: Path, tmp_path: Path) -> None:
    rows = run(clip, tmp_path, probe("all", [(0.0, 1.0), (5.0, 6.0)]))["all"]
    np.testing.assert_allclose(times(rows), np.arange(25) / 25, atol=1e-9)
    np.testing.assert_allclose(times(rows, 1), 5 + np.arange(25) / 25, atol=1e-9)
    assert [row["index"] for row in rows] == [*range(25), *range(25)]


def test_overlapping_ranges_each_get_their_frames(clip: Path, tmp_path: Path) -> None:
    rows = run(clip, tmp_path, probe("all", [(1.0, 3.0), (2.0, 4.0), (2.5, 2.6), (7.9, 99.0)]))["all"]
    assert [len(times(rows, number)) for number in range(4)] == [50, 50, 2, 2]


def test_a_shared_pass_gives_each_the_same_as_its_own(clip: Path, tmp_path: Path) -> None:
    stages = [
        probe("every", [(1.0, 3.0)]),
        probe("slow", [(0.0, 8.0)], 2.0, 60),
        probe("late", [(6.5, 7.5)], 10.0),
    ]
    shared = run(clip, tmp_path, *stages)
    for stage in stages:
        assert run(clip, tmp_path, stage)[stage.name] == shared[stage.name]


@pytest.mark.parametrize(("rate_hz", "count"), [(25.0, 50), (100.0, 50), (12.5, 25), (10.0, 20), (1.0, 2), (0.4, 1)])
def test_rates_are_kept_with_exact_times(clip: Path, tmp_path: Path, rate_hz: float, count: int) -> None:
    rows = run(clip, tmp_path, probe("some", [(2.0, 4.0)], rate_hz))["some"]
    found = np.array(times(rows))
    assert len(found) == count
    np.testing.assert_allclose(found * 25, np.round(found * 25), atol=1e-6)
    if rate_hz <= 25:
        np.testing.assert_allclose(found, 2.0 + np.arange(count) / rate_hz, atol=0.041)


def write_frames(path: Path, stamps: list[int], size: tuple[int, int] = (64, 48), pix_fmt: str = "yuv420p") -> Path:
    """A video whose frames have these presentation times, ms."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1" if path.suffix == ".mkv" else "libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.time_base = Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, stamp in enumerate(stamps):
            picture = np.full((size[1], size[0], 3), 10 * number % 250, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    stamps = [0, 33, 70, 100, 400, 410, 900, 2000]
    media = write_frames(tmp_path / "vfr.mkv", stamps)
    rows = run(media, tmp_path, probe("all", [(0.0, 3.0)]))["all"]
    np.testing.assert_allclose(times(rows), np.array(stamps) / 1000, atol=1e-9)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le", "gray", "bgra"])
@pytest.mark.parametrize("size", [(64, 48), (65, 47), (48, 100)])
def test_any_pixel_format_and_size_becomes_rgb(tmp_path: Path, pix_fmt: str, size: tuple[int, int]) -> None:
    media = write_frames(tmp_path / "odd.mkv", [0, 40, 80], size, pix_fmt)
    for side in (32, 720):
        rows = run(media, tmp_path, probe("all", [(0.0, 1.0)], side=side))["all"]
        width, height = size
        scale = min(1.0, side / min(size))
        assert rows[2]["size"] == [round(height * scale), round(width * scale), 3]
        mean = rows[2]["sum"] / np.prod(rows[2]["size"])  # type: ignore[operator, arg-type]
        assert mean == pytest.approx(20, abs=3)


def test_rotation_and_pixel_shape_are_undone(tmp_path: Path) -> None:
    plain = video(tmp_path / "plain.mp4", 0.5, size="160x90", extra=("-vf", "setsar=2/1"))
    from tests.pipeline.makers import ffmpeg

    ffmpeg("-display_rotation", 90, "-i", plain, "-c", "copy", tmp_path / "turned.mp4")
    straight = next(iter(decode(plain, 0.0, 1.0)))
    turned = next(iter(decode(tmp_path / "turned.mp4", 0.0, 1.0)))
    assert straight.upright_size() == (320, 90)
    assert turned.upright_size() == (90, 320)
    convert = Converter(720)
    np.testing.assert_array_equal(np.rot90(convert(straight), 1), convert(turned))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le", "gray", "bgra"])
@pytest.mark.parametrize("side", [40, 90, 720])
def test_luminance_and_colours_are_those_of_the_picture(tmp_path: Path, pix_fmt: str, side: int) -> None:
    ramp = np.tile(np.linspace(40, 200, 330).astype(np.uint8)[:, None], (1, 3))
    media = tmp_path / "ramp.mkv"
    with av.open(str(media), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 330, 190, pix_fmt
        picture = av.VideoFrame.from_ndarray(np.tile(ramp, (190, 1, 1)), format="rgb24")
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    convert = Converter(side)
    found = next(iter(decode(media, 0.0, 1.0)))
    rgb, grey = convert(found), convert.grey(found)
    assert grey.shape == rgb.shape[:2]
    assert not grey.flags.writeable
    # Luminance may have the narrower range of video: the same ramp, from 16 to 235.
    slope = np.polyfit(rgb[..., 1].mean(axis=0), grey.mean(axis=0), 1)[0]
    assert 0.8 < slope < 1.05
    assert np.corrcoef(rgb[..., 1].mean(axis=0), grey.mean(axis=0))[0, 1] > 0.999
    colours = found.colours
    assert min(colours.shape[1:]) >= 40
    assert np.corrcoef(colours[0].mean(axis=0), np.arange(colours.shape[2]))[0, 1] > 0.999


def scene(
    path: Path,
    pix_fmt: str,
    *,
    size: tuple[int, int] = (640, 360),
    space: int = 2,
    full: bool = False,
    codec: str = "ffv1",
) -> Path:
    """A picture with smooth colours of all kinds, in a video tagged with a colour space and range."""
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float64)
    waves = [np.sin(rows / 31 + columns / 47), np.sin(rows / 23 - columns / 61 + 1), np.cos(rows / 53 + columns / 29)]
    picture = np.stack([127 + 90 * wave for wave in waves], axis=-1).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.colorspace = space
        stream.codec_context.color_range = 2 if full else 1
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
            format=pix_fmt, dst_colorspace=space if space != 2 else None, dst_color_range=2 if full else 1
        )
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


SQUARE = Roi(330.0, 170.0, 240.0, 0.4)


def crops(picture: Picture, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The same square, straight from the planes and from the whole picture in RGB."""
    converter = Converter(side)
    view = View(picture, converter)
    width, height = view.size_px
    assert converter(picture).shape == (height, width, 3)
    scale = width / picture.upright_size()[0]
    square = Roi(SQUARE.x_px * scale, SQUARE.y_px * scale, SQUARE.size_px * scale, SQUARE.angle_rad)
    found, wanted = (np.empty((96, 96, 3), np.uint8) for _ in range(2))
    view.crop(square.crop_matrix(96), 96, found)
    ArrayView(converter(picture)).crop(square.crop_matrix(96), 96, wanted)
    return found.astype(int), wanted.astype(int)


@pytest.mark.parametrize("side", [180, 720])
@pytest.mark.parametrize(
    ("pix_fmt", "space", "full"),
    [
        ("yuv420p", 2, False),
        ("yuv420p", 1, False),
        ("yuv420p", 5, True),
        ("yuvj420p", 5, True),
        ("yuv422p", 5, False),
        ("yuv444p", 1, False),
        ("yuv444p", 9, False),
        ("yuv420p10le", 1, False),
        ("bgra", 2, True),
    ],
)
def test_a_crop_from_the_planes_is_that_of_the_whole_picture(
    tmp_path: Path, pix_fmt: str, space: int, full: bool, side: int
) -> None:
    codec, suffix = ("mjpeg", "avi") if pix_fmt == "yuvj420p" else ("ffv1", "mkv")
    media = scene(tmp_path / f"scene.{suffix}", pix_fmt, space=space, full=full, codec=codec)
    found, wanted = crops(next(iter(decode(media, 0.0, 1.0))), side)
    assert wanted.std() > 40
    assert np.abs(found - wanted).max() <= 12
    # swscale rounds colours down and repeats each for two by two pixels; a wrong matrix or range would be another slope.
    assert np.abs(found - wanted).mean() < 2.5
    for at in range(3):
        assert np.polyfit(wanted[..., at].ravel(), found[..., at].ravel(), 1)[0] == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [(), ("-display_hflip",), ("-display_vflip",)])
def test_a_crop_is_turned_and_mirrored_as_the_picture_is(tmp_path: Path, angle: int, mirror: tuple[str, ...]) -> None:
    from tests.pipeline.makers import ffmpeg

    ffmpeg("-i", scene(tmp_path / "scene.mkv", "yuv420p"), "-c:v", "libx264", "-crf", 1, tmp_path / "plain.mp4")
    ffmpeg("-display_rotation", angle, *mirror, "-i", tmp_path / "plain.mp4", "-c", "copy", tmp_path / "turned.mp4")
    found, wanted = crops(next(iter(decode(tmp_path / "turned.mp4", 0.0, 1.0))), 720)
    assert wanted.std() > 40
    assert np.abs(found - wanted).mean() < 2.0


def test_outside_of_the_picture_a_crop_is_black(tmp_path: Path) -> None:
    view = View(next(iter(decode(scene(tmp_path / "scene.mkv", "yuv420p"), 0.0, 1.0))), Converter(720))
    out = np.full((64, 64, 3), 99, np.uint8)
    view.crop(Roi(-500.0, 100.0, 200.0, 0.0).crop_matrix(64), 64, out)
    assert out.max() <= 1


def frames_alive() -> int:
    return sum(isinstance(each, av.VideoFrame) for each in gc.get_objects())


@pytest.mark.parametrize(("group", "most"), [(250, 3), (1, 8)], ids=["some key frames", "nothing but key frames"])
def test_pictures_are_let_go_without_looking_for_cycles(
    tmp_path: Path, group: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python looks for cycles by the number of objects: a few hundred pictures are few objects and a gigabyte.
    monkeypatch.setattr(Orienter, "_held_bytes", 0.0)
    path = video(tmp_path / "long.mp4", 4, rate=30, tone=False, extra=("-g", group))
    gc.collect()
    before = frames_alive()
    gc.disable()
    try:
        count = sum(picture.upright_size()[0] > 0 for picture in decode(path, 0.0, math.inf))
        assert count >= 100
        assert frames_alive() - before <= most
    finally:
        gc.enable()


def test_what_key_frames_leave_behind_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Orienter, "_held_bytes", 0.0)
    monkeypatch.setattr(pictures, "_MOST_HELD_BYTES", 4 * 1.5 * 160 * 120)
    path = video(tmp_path / "long.mp4", 12, rate=5, tone=False, extra=("-g", 1))
    gc.collect()
    before = frames_alive()
    gc.disable()
    try:
        assert sum(picture.upright_size()[0] > 0 for picture in decode(path, 0.0, math.inf)) == 60
        assert frames_alive() - before <= 6
    finally:
        gc.enable()


def test_damage_is_skipped_and_counted(clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = bytearray(clip.read_bytes())
    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for packet in packets[60:64]:
        assert packet.pos is not None
        content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content)
    report = DecodeReport()
    seen = [each.time_s for each in decode(broken, 0.0, 9.0, report=report)]
    assert report.damaged > 0
    assert len(seen) > 150
    assert seen == sorted(seen)
    with caplog.at_level(logging.WARNING):
        run(broken, tmp_path, probe("all", [(0.0, 8.0)]))
    assert "damaged packets" in caplog.text


def test_pictures_larger_than_taken_on_are_refused(clip: Path, tmp_path: Path) -> None:
    stage = probe("all", [(0.0, 1.0)])
    stage.config = parse_config({"download": {"max_side_px": 144}})
    with pytest.raises(PermanentError, match="160x120"):
        run(clip, tmp_path, stage)


def test_a_missing_file_is_a_reason(tmp_path: Path, clip: Path) -> None:
    item = replace(stage_input(Video("v", "file", str(clip)), tmp_path, {}, clip), media=None)
    with pytest.raises(PermanentError, match="no media file"):
        run_frame_stages([probe("all", [(0.0, 1.0)])], item)


def test_ranges_without_pictures_are_empty_and_all_of_them_an_error(clip: Path, tmp_path: Path) -> None:
    rows = run(clip, tmp_path, probe("all", [(100.0, 110.0), (3.0, 3.0), (7.9, 9.0)]))["all"]
    assert [row["range"] for row in rows] == [2, 2]
    for ranges in ([(100.0, 110.0), (3.0, 3.0)], [(8.0, 9.0)], [(1.001, 1.03)]):
        with pytest.raises(PermanentError, match="No picture") as caught:
            run(clip, tmp_path, probe("all", ranges))
        assert caught.value.reason == "no_frames"


def test_the_demo_seeks_to_the_same_frames_as_reading_through() -> None:
    whole = {each.time_s: each for each in decode(DEMO, 0.0, 23.0) if each.time_s >= 22.0}
    sought = list(decode(DEMO, 22.0, 23.0))
    assert [each.time_s for each in sought] == sorted(whole)
    convert = Converter(64)
    for each in sought[::10]:
        np.testing.assert_array_equal(convert(each), convert(whole[each.time_s]))
