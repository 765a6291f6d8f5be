"""Frame-rate conversions: found where there are any, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pytest
from makers import DEMO, config, ffmpeg, stage_input
from numpy.typing import NDArray

from fimad.pipeline.contract import Video
from fimad.pipeline.media.cadence import Cadence, ChangeMeter, find_cadence, source_times
from fimad.pipeline.media.frames import decode, run_frame_stages
from fimad.pipeline.stages.camera import CameraStage
from fimad.pipeline.stages.pose import PoseStage
from fimad.pipeline.stages.simulate import SimulateStage, camera_motion, frame_times, pose_sequence
from fimad.simulate import simulate_imu

Floats = NDArray[np.float64]


def moved(at_s: Floats, seed: int = 0) -> Floats:
    """(n, 3) where three parts of a person are: repetitions that are never quite alike, and never quite in step."""
    rng = np.random.default_rng(seed)
    knots = np.arange(0, at_s[-1] + 1, 0.7)
    wander = np.stack([np.interp(at_s, knots, 0.4 * rng.standard_normal(len(knots))) for _ in range(3)], axis=1)
    phase = 2 * np.pi * 0.6 * at_s[:, None] + wander + [0, 0.8, 1.9]
    return np.asarray(20 * np.sin(phase) + 4 * np.sin(2 * phase + 1))


def converted(
    before_hz: float, after_hz: float, length_s: float = 10.0, *, phase: float = 0.5, noise: float = 0.02, seed: int = 0
) -> tuple[Floats, Floats, Floats, Floats]:
    """Times as shown, changes, true times, and which frame repeats the one before, of a conversion by taking the nearest."""
    rng = np.random.default_rng(seed)
    fine = np.arange(0, length_s + 2, 1 / 1200)
    place = moved(fine, seed)
    shown = np.arange(round(length_s * after_hz)) / after_hz
    number = np.floor(shown * before_hz + phase + 1e-9)
    taken = number / before_hz
    shift = np.diff([np.interp(taken, fine, axis) for axis in place.T], prepend=np.nan)
    change = np.abs(shift).mean(axis=0)
    change += noise * np.abs(rng.standard_normal(len(change)))
    return shown, change, taken, np.r_[False, np.diff(number) == 0]


@pytest.mark.parametrize(
    ("before_hz", "after_hz"),
    [
        (24, 30),
        (25, 30),
        (30, 60),
        (24, 25),
        (24, 60),
        (15, 30),
        (24, 29.97),
        (23.976, 29.97),
        (25, 50),
        (20, 30),
        (50, 60),
        # Films of 8 mm.
        (18, 24),
        (18, 25),
        (18, 30),
    ],
)
@pytest.mark.parametrize("phase", [0.0, 0.5, 0.9])
def test_repeats_are_found_and_times_are_right(before_hz: float, after_hz: float, phase: float) -> None:
    shown, change, taken, repeat = converted(before_hz, after_hz, 16.0, phase=phase)
    found = find_cadence(shown, change)
    assert found.rates_hz[0] == (pytest.approx(before_hz, rel=0.003), pytest.approx(after_hz, rel=0.003))
    # At either end may be a frame too few to tell.
    assert (np.isnan(found.source_time_s) != repeat).sum() <= 0.03 * len(shown)
    late = (found.source_time_s - taken)[~repeat & np.isfinite(found.source_time_s)]
    # Where the clock of the source began can't be known, only where its ticks are.
    assert np.quantile(np.abs(late - np.median(late)), 0.95) < 0.15 / after_hz
    assert (np.diff(found.source_time_s[np.isfinite(found.source_time_s)]) > 0).all()


@pytest.mark.parametrize(("before_hz", "after_hz"), [(24, 30), (25, 30), (30, 60), (24, 25), (24, 60), (15, 30)])
def test_a_converted_videos_times_are_those_of_the_clock_before(before_hz: float, after_hz: float) -> None:
    """ffmpeg shows a picture from the tick on that is nearest to it, the later of two: on the mean a little late."""
    ticks = np.floor(np.arange(300) * after_hz / before_hz + 0.5)
    phase = float(np.max(np.arange(300) - ticks * before_hz / after_hz)) + 1e-6
    shown, change, taken, repeated = converted(before_hz, after_hz, phase=phase)
    first_shown = np.flatnonzero(~repeated)
    assert (first_shown == ticks[: len(first_shown)]).all()
    found = find_cadence(shown, change).source_time_s
    assert np.nanquantile(np.abs(found - taken)[~repeated], 0.95) < 2e-3
    # A recording that begins elsewhere has a clock of its own, of which nothing is known.
    moved_s = 0.37 / before_hz
    elsewhere = find_cadence(shown + moved_s, change).source_time_s
    assert np.nanquantile(np.abs(elsewhere - taken - moved_s)[~repeated], 0.95) < 0.6 / before_hz


@pytest.mark.parametrize(
    ("before_hz", "after_hz"),
    [
        (30, 24),
        (30, 25),
        (25, 24),
        # What phones and cameras film, in what films are cut in. 60 to 24 was once taken for 30 to 24.
        (60, 24),
        (59.94, 23.976),
        (60, 25),
        (60, 50),
        (50, 24),
        (50, 30),
        (50, 29.97),
        (48, 30),
        (30, 20),
        (25, 15),
    ],
)
@pytest.mark.parametrize("phase", [0.0, 0.5, 0.9])
def test_pictures_that_were_left_out_are_found(before_hz: float, after_hz: float, phase: float) -> None:
    shown, change, taken, _ = converted(before_hz, after_hz, 16.0, phase=phase)
    found = find_cadence(shown, change)
    assert found.repeated == 0
    assert found.rates_hz[0] == (pytest.approx(before_hz, rel=0.003), pytest.approx(after_hz, rel=0.003))
    assert found.skipped == pytest.approx(16 * (before_hz - after_hz), rel=0.1)
    late = found.source_time_s - taken
    assert np.quantile(np.abs(late - np.median(late)), 0.9) < 0.1 / after_hz


@pytest.mark.parametrize("rate_hz", [23.976, 24, 25, 29.97, 30, 50, 60, 12, 17.3])
@pytest.mark.parametrize(("noise", "seed"), [(0.0, 1), (0.3, 2), (2.0, 3)])
def test_other_videos_are_left_alone(rate_hz: float, noise: float, seed: int) -> None:
    shown, change, _, _ = converted(rate_hz, rate_hz, 20.0, noise=noise, seed=seed)
    found = find_cadence(shown, change)
    assert bool(found.unknown) == (rate_hz == 17.3)
    assert (found.repeated, found.skipped, found.rates_hz) == (0, 0, ())
    np.testing.assert_array_equal(found.source_time_s, shown)


@pytest.mark.parametrize("rate_hz", [24, 25, 30])
def test_what_noise_looks_like_is_no_conversion(rate_hz: float) -> None:
    for seed in range(40):
        shown, change, _, _ = converted(rate_hz, rate_hz, 15.0, noise=2.0, seed=seed)
        assert find_cadence(shown, change).rates_hz == (), seed


@pytest.mark.parametrize(("before_hz", "after_hz"), [(60, 30), (50, 25), (48, 24), (60, 20)])
def test_every_second_or_third_picture_is_even(before_hz: float, after_hz: float) -> None:
    shown, change, _, _ = converted(before_hz, after_hz, 16.0)
    np.testing.assert_array_equal(find_cadence(shown, change).source_time_s, shown)


def _still(change: Floats) -> Floats:
    change[60:240] = 0.0
    return change


def _held(change: Floats) -> Floats:
    """Pauses of many lengths, as in cartoons."""
    rng = np.random.default_rng(3)
    for at in range(5, len(change) - 10, 17):
        change[at : at + rng.integers(2, 9)] = 0.0
    return change


def _single(change: Floats) -> Floats:
    change[np.random.default_rng(4).choice(len(change), 12, replace=False)] = 0.0
    return change


def _titles(change: Floats) -> Floats:
    change[:] = 0.01
    change[::40] = 30.0
    return change


def _loop(change: Floats) -> Floats:
    """A rendered second that repeats to the frame: at its turning points nothing moves."""
    return np.abs(np.diff(10 * np.cos(2 * np.pi * np.arange(len(change) + 1) / 30)))


@pytest.mark.parametrize("make", [_still, _held, _single, _titles, _loop])
def test_pauses_are_no_conversion(make: Callable[[Floats], Floats]) -> None:
    shown, change, _, _ = converted(30, 30, 12.0)
    assert find_cadence(shown, make(change)).rates_hz == ()


@pytest.mark.parametrize("phase", [0.0, 0.44, 0.8])
@pytest.mark.parametrize("period", [27, 31, 37])
def test_repeats_are_told_from_the_turning_points_of_a_loop(phase: float, period: int) -> None:
    """A rendered motion stands still where it turns around, twice in every `period` frames; not all repeats fall there."""
    number = np.floor(np.arange(220) * 24 / 25 + phase + 1e-9)
    place = 10 * np.cos(2 * np.pi * (number + 0.5) / period)
    change = np.abs(np.diff(place, prepend=np.nan)) + 0.005
    found = find_cadence(np.arange(220) / 25, change)
    assert found.rates_hz == ((24.0, 25.0),)
    assert np.isnan(found.source_time_s).sum() == pytest.approx(9, abs=1)
    plain = np.abs(np.diff(10 * np.cos(2 * np.pi * (np.arange(220) + 0.5) / period), prepend=np.nan)) + 0.005
    assert find_cadence(np.arange(220) / 25, plain).rates_hz == ()


def test_half_of_a_video_may_be_converted() -> None:
    first = converted(24, 30, 8.0, seed=1)
    second = converted(30, 30, 8.0, seed=2)
    third = converted(25, 30, 8.0, seed=3, phase=0.2)
    change = np.concatenate([each[1] for each in (first, second, third)])
    found = find_cadence(np.arange(720) / 30, change)
    repeated = np.isnan(found.source_time_s)
    assert [pytest.approx(48, abs=3), pytest.approx(0, abs=3), pytest.approx(40, abs=3)] == [
        int(repeated[at : at + 240].sum()) for at in (0, 240, 480)
    ]
    np.testing.assert_array_equal(found.source_time_s[260:460], np.arange(260, 460) / 30)
    assert set(found.rates_hz) == {(24.0, 30.0), (25.0, 30.0)}


@pytest.mark.parametrize(("rate_hz", "share"), [(30, 0.03), (30, 0.1), (30, 0.2), (25, 0.1), (60, 0.1)])
def test_pictures_that_were_held_for_lost_ones_are_left_out(rate_hz: float, share: float) -> None:
    rng = np.random.default_rng(3)
    shown = np.arange(round(20 * rate_hz)) / rate_hz
    lost = rng.random(len(shown)) < share
    lost[0] = False
    number = np.maximum.accumulate(np.where(lost, 0, np.arange(len(shown))))
    place = moved(shown)[number]
    change = np.abs(np.diff(place, axis=0, prepend=np.nan)).mean(axis=1) + 0.02 * np.abs(
        rng.standard_normal(len(shown))
    )
    found = find_cadence(shown, change)
    left_out = np.isnan(found.source_time_s)
    assert (found.rates_hz, found.skipped) == ((), 0)
    # Two in a row, or beside a turning point, are not told from somebody who stands still.
    assert (left_out & lost).sum() > 0.5 * lost.sum()
    assert (left_out & ~lost).sum() <= 2
    np.testing.assert_allclose(found.source_time_s[~left_out], shown[~left_out])
    seen_s = shown[::2]
    np.testing.assert_array_equal(np.isnan(source_times(shown, shown, found)), left_out)
    assert np.isfinite(source_times(seen_s, shown, found)).sum() >= len(seen_s) - left_out.sum()


def test_short_and_uneven_clips_are_left_alone() -> None:
    shown, change, _, _ = converted(24, 30)
    assert find_cadence(shown[:15], change[:15]).rates_hz == ()
    assert "too few" in find_cadence(shown[:15], change[:15]).unknown
    assert "hardly anything moves" in find_cadence(shown, 0.01 * change / np.nanmax(change)).unknown
    jitter = shown + np.random.default_rng(0).uniform(-0.015, 0.015, len(shown))
    assert find_cadence(np.sort(jitter), change).rates_hz == ()
    assert "uneven" in find_cadence(np.sort(jitter), change).unknown
    assert find_cadence(np.empty(0), np.empty(0)).rates_hz == ()


def test_frames_that_were_taken_at_a_lower_rate_have_their_pictures_times() -> None:
    taken = np.array([0.0, 1.0, np.nan, 2.0, 3.0, np.nan])
    cadence = Cadence(taken, 2, 0, ((24.0, 30.0),))
    seen = np.arange(6.0)
    np.testing.assert_array_equal(source_times(seen, seen, cadence), taken)
    np.testing.assert_array_equal(source_times(seen[::2], seen, cadence), [0.0, 1.0, 3.0])
    np.testing.assert_array_equal(source_times(seen[[1, 2, 5]], seen, cadence), [1.0, np.nan, 3.0])


def measured(media: Path) -> tuple[Floats, Floats]:
    meter, times, changes = ChangeMeter(), [], []
    for picture in decode(media, 0.0, 99.0):
        times.append(picture.time_s)
        changes.append(meter(picture.frame))
    return np.array(times), np.array(changes)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """5 s of the rendered workout at a rate, small."""
    folder = tmp_path_factory.mktemp("person")

    def at(rate: int) -> Path:
        path = folder / f"{rate}.mp4"
        if not path.exists():
            ffmpeg("-ss", 10, "-i", DEMO, "-t", 5, "-vf", f"fps={rate},scale=320:-2", "-an", "-crf", 18, path)
        return path

    return at


@pytest.mark.parametrize(("before", "after"), [(60, 24), (60, 25), (50, 24), (50, 30)])
def test_what_ffmpeg_left_out_of_a_quick_camera_is_found(tmp_path: Path, before: int, after: int) -> None:
    """The rendered workout at the rate of that camera, in quick motion."""
    quick, path = tmp_path / "quick.mp4", tmp_path / "converted.mp4"
    filters = f"setpts=PTS*{30 / before},fps={before},scale=320:-2"
    ffmpeg("-i", DEMO, "-vf", filters, "-an", "-crf", 18, quick)
    ffmpeg("-i", quick, "-vf", f"fps={after}", "-crf", 20, path)
    assert find_cadence(*measured(quick)).rates_hz == ()
    found = find_cadence(*measured(path))
    assert found.rates_hz[0] == (before, after)
    # Where nobody moves, nothing can be told.
    assert found.skipped > 0.6 * (before - after) / after * len(found.source_time_s)


@pytest.mark.parametrize(("before", "after"), [(24, 30), (25, 30), (30, 60)])
@pytest.mark.parametrize("crf", [18, 30])
def test_conversions_by_ffmpeg_are_found(
    person: Callable[[int], Path], tmp_path: Path, before: int, after: int, crf: int
) -> None:
    path = tmp_path / "converted.mp4"
    ffmpeg("-i", person(before), "-vf", f"fps={after}", "-crf", crf, path)
    found = find_cadence(*measured(path))
    assert (float(before), float(after)) in found.rates_hz
    assert found.repeated == pytest.approx(5 * (after - before), rel=0.15)


@pytest.fixture(scope="module")
def pictures() -> list[Floats]:
    """16 s of the rendered workout at 30 pictures a second, grey."""
    frames = (each.frame for each in decode(DEMO, 8.0, 24.0))
    return [each.reformat(width=480, height=270, format="gray").to_ndarray().astype(float) for each in frames]


@pytest.mark.parametrize(("rate_hz", "lamp_hz"), [(30, 100), (25, 120), (24, 100), (29.97, 100)])
@pytest.mark.parametrize("share", [0.005, 0.02])
def test_lamps_that_flicker_are_no_conversion(
    pictures: list[Floats], rate_hz: float, lamp_hz: int, share: float
) -> None:
    """At 30 pictures a second under lamps at 50 Hz the light comes back every third picture, as a conversion of 50 to 30 does."""
    rng, meter, time_s = np.random.default_rng(1), ChangeMeter(), np.arange(len(pictures)) / rate_hz
    changes = []
    for picture, light in zip(pictures, 1 + share * np.cos(2 * np.pi * lamp_hz * time_s + 0.4), strict=True):
        seen = np.round(light * picture + rng.normal(0, 1.5, picture.shape)).clip(0, 255)
        changes.append(meter(av.VideoFrame.from_ndarray(seen.astype(np.uint8), format="gray")))
    found = find_cadence(time_s, np.array(changes))
    assert (found.rates_hz, found.skipped) == ((), 0)


def test_change_is_motion_and_not_light() -> None:
    y, x = np.mgrid[0:180, 0:320]
    picture = 100 + 60 * np.sin(x / 9) * np.cos(y / 7)

    def changes(*pictures: Floats) -> list[float]:
        meter = ChangeMeter()
        frames = [av.VideoFrame.from_ndarray(np.round(each).astype(np.uint8), format="gray") for each in pictures]
        return [meter(frame) for frame in frames][1:]

    moved = np.roll(picture, 1, axis=1)
    brighter, motion, both = (changes(picture, each)[0] for each in (1.02 * picture, moved, 1.02 * moved))
    assert brighter < 0.1 * changes(picture, picture + 2)[0] + 0.3
    assert both == pytest.approx(motion, rel=0.1)
    assert changes(picture, picture) == [0.0]
    # A hand that comes into the picture is a change of the hand alone.
    hand = picture.copy()
    hand[40:60, 40:60] += 90
    assert changes(picture, hand)[0] == pytest.approx(90 * 400 / picture.size, rel=0.01)
    # A cut or a fade to black is none of a lamp's.
    assert changes(picture, 0.3 * picture)[0] > 20


def test_the_rendered_workout_itself_is_left_alone(person: Callable[[int], Path]) -> None:
    assert find_cadence(*measured(person(30))).rates_hz == ()


def test_signals_of_a_converted_video_are_those_of_the_original(
    person: Callable[[int], Path], tmp_path: Path, weights: Callable[[str], Path]
) -> None:
    for name in ("pose/detector", "pose/lite"):
        weights(name)
    settings = config(pose={"model": "lite"})
    path = tmp_path / "converted.mp4"
    ffmpeg("-i", person(24), "-vf", "fps=30", "-crf", 18, path)
    first, second = (_artifacts(media, tmp_path, settings) for media in (person(24), path))
    row = second["pose"].to_pylist()[0]
    assert row["pose_rates_hz"][:2] == [24.0, 30.0]
    assert np.isnan(row["pose_source_time_s"]).sum() == pytest.approx(30, abs=3)
    found = frame_times(second["pose"], 0)
    assert found is not None
    assert found["conversions_hz"][0] == [24.0, 30.0]
    made = SimulateStage(settings).run(stage_input(Video("v", "file", ""), tmp_path, second)).to_pylist()[0]
    assert '"repeated_frames"' in made["imu_report"]
    assert "converted_rate" in made["flags"]
    without = second | {"pose": second["pose"].drop_columns(["pose_source_time_s", "pose_rates_hz"])}
    errors = [_difference(first, each, settings) for each in (second, without)]
    assert errors[0] <= 0.10
    assert errors[1] > 2 * errors[0]


def _artifacts(media: Path, folder: Path, settings: Any) -> dict[str, pa.Table]:
    size = {"width_px": 320, "height_px": 180}
    segment = {"clip_id": "v___0", "clip_index": 0, "start_s": 0.0, "end_s": 5.0, "filtered": None}
    tables = {"download": pa.Table.from_pylist([size]), "segment": pa.Table.from_pylist([segment])}
    item = stage_input(Video("v", "file", str(media)), folder, tables, media)
    return tables | run_frame_stages([PoseStage(settings), CameraStage(settings)], item)


def _difference(first: dict[str, pa.Table], second: dict[str, pa.Table], settings: Any) -> float:
    """RMS of the difference of accelerations over their RMS, in the median over placements that move."""
    signals = []
    for tables in (first, second):
        sequence = pose_sequence(tables["pose"], 0, camera_motion(tables["camera"], 0))
        assert sequence is not None
        signals.append(simulate_imu(sequence, config=settings.simulate))
    errors = []
    time_s = signals[0].time_s
    for name, signal in signals[0].signals.items():
        other = signals[1].signals[name].lin_acc_world_m_s2
        want = signal.lin_acc_world_m_s2
        have = np.stack([np.interp(time_s, signals[1].time_s, axis) for axis in other.T], axis=1)
        good = (time_s > 0.3) & (time_s < 4.7) & np.isfinite(want).all(1) & np.isfinite(have).all(1)
        power = np.sqrt((want[good] ** 2).sum(1).mean())
        if power > 0.5:
            errors.append(np.sqrt(((have - want)[good] ** 2).sum(1).mean()) / power)
    return float(np.median(errors))
