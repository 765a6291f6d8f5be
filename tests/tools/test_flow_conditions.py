"""Films of one motion: the right pictures at the right times, and numbers by band that mean what they say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from benchmarks.flow import BANDS_HZ, bands_of
from benchmarks.flow_conditions import Condition, film, spans, too_short
from fimad.pipeline.media.frames import decode

RATE_HZ = 50.0
TIME_S = np.arange(0, 8, 1 / RATE_HZ)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 60 Hz, each picture brighter by two levels than the one before."""
    path = tmp_path_factory.mktemp("film") / "master.mkv"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-loglevel",
        "error",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-s",
        "64x64",
    ]
    command += ["-r", "60", "-i", "-", "-c:v", "libx264", "-pix_fmt", "yuv444p", "-qp", "0", str(path)]
    grey = np.repeat(np.arange(120, dtype=np.uint8) * 2, 64 * 64).tobytes()
    subprocess.run(command, input=grey, check=True)
    return path


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
def test_a_film_has_the_masters_pictures_at_their_times(master: Path, tmp_path: Path, fps: float) -> None:
    seen = list(decode(film(master, Condition(fps=fps), tmp_path / "film.mp4"), 0.0, np.inf))
    np.testing.assert_allclose([each.time_s for each in seen], np.arange(2 * fps) / fps, atol=1e-3)
    levels = np.array([each.frame.to_ndarray(format="gray").mean() for each in seen])
    # Brightness says which picture of the master it is; compression takes less than a step.
    slope = (levels[-1] - levels[0]) / (len(levels) - 1) / (60 / fps)
    np.testing.assert_allclose((levels - levels[0]) / slope, np.arange(len(levels)) * 60 / fps, atol=0.5)


def test_gain_is_how_much_of_the_truth_is_found_and_coherence_whether_it_is_the_truth() -> None:
    rng = np.random.default_rng(1)
    true, other = rng.normal(size=(2, len(TIME_S), 2))
    for band in bands_of(true, 0.6 * true, RATE_HZ):
        assert (band.gain, band.coherence) == pytest.approx((0.6, 1.0))
        assert band.error == pytest.approx(0.4)
    for band in bands_of(true, true + other, RATE_HZ)[1:]:
        assert band.coherence == pytest.approx(0.5, abs=0.25)
    for band in bands_of(true, np.zeros_like(true), RATE_HZ):
        assert (band.gain, band.coherence, band.error) == (0.0, 0.0, 1.0)


def test_a_band_holds_its_own_frequencies_alone() -> None:
    for at, (low, high) in enumerate(BANDS_HZ):
        wave = np.sin(2 * np.pi * (low + high) / 2 * TIME_S)[:, None]
        powers = np.array([band.true for band in bands_of(wave, wave, RATE_HZ)])
        assert powers.argmax() == at


def test_activities_cut_the_truth_and_nothing_else() -> None:
    truth = {
        "t": TIME_S,
        "left_wrist_acc": np.zeros((len(TIME_S), 3)),
        "frame_t": np.arange(10) / 30,
        "cam": np.zeros(3),
    }
    assert [name for name, _ in spans(truth, "clip")] == ["clip"]
    told = truth | {"activity": np.array(["squat", "jog"]), "activity_s": np.array([[0.0, 3.0], [3.0, 8.0]])}
    parts = dict(spans(told, "clip"))
    assert [len(part["left_wrist_acc"]) for part in parts.values()] == [150, 250]
    assert all(
        len(part["frame_t"]) == 10 and part["t"][0] == start for part, start in zip(parts.values(), (0, 3), strict=True)
    )


def test_an_activity_too_short_for_a_band_is_left_out() -> None:
    truth = {"t": TIME_S, "activity": np.array(["twist", "squat"]), "activity_s": np.array([(0.0, 1.6), (1.6, 9.0)])}
    assert [name for name, _ in spans(truth, "clip")] == ["squat"]
    assert too_short(truth) == [("twist", pytest.approx(1.6))]
    assert too_short({"t": TIME_S}) == []
    # As short as they come, every band holds a frequency.
    (_, part), *_ = spans(truth | {"activity_s": np.array([(0.0, 2.8), (2.8, 9.0)])}, "clip")
    inner = np.arange(part["t"][0] + 0.3, part["t"][-1] - 0.3, 1 / RATE_HZ)
    moving = np.random.default_rng(2).normal(size=(len(inner), 2))
    assert all(band.gain == pytest.approx(1.0) for band in bands_of(moving, moving, RATE_HZ))
