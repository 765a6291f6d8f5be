"""Frame-rate conversions and the virtual IMU: `python -m benchmarks.conversions VIDEO ... [--real VIDEO ...] [--json FILE]`.

Each video is brought to a rate by ffmpeg's `fps` filter, and from there to another one. The virtual accelerations of the converted
video are compared with those of the video before. What is reported is the RMS of the difference of the linear accelerations in the
world (all three axes, all samples that are valid in both but the first and last 0.3 s) over the RMS of the acceleration before, in
the median over the placements that move by 0.5 m/s2 or more; beside it the worst of them, and the same in the picture's plane alone.
It is given

- with the conversion found, as the product does it,
- with the times that these pictures have in the video before, which ffmpeg's own hashes of its pictures tell: what estimating costs,
- with the times as shown: what finding is good for,
- of landmarks alone, without flow (`--without flow`), both before and after,

and beside two controls, in which no rate is converted and no time is estimated:

- re-encoded: the video before, encoded once more by the same encoder. What that alone changes is a pose estimator's answer to other noise;
- each picture once: the converted video's own pictures without the repeats, without loss, at the rate before.

`--convert FROM:TO` (repeated) takes other rates than 24:30, 25:30, 30:60 and 24:25, for videos that are filmed at FROM. Where pictures
are left out, "each picture once" is no control: they are shown too soon.
`--keep DIR` keeps videos and artifacts there and uses those that are there: estimating poses is nearly all of the time.
Videos given as `--real` are only looked at for conversions.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import statistics
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pyarrow as pa
import pyarrow.feather

from benchmarks.conformance import ffmpeg
from fimad.config import Config
from fimad.pipeline.contract import StageInput, Video
from fimad.pipeline.media.cadence import ChangeMeter, find_cadence
from fimad.pipeline.media.frames import decode, run_frame_stages
from fimad.pipeline.stages.camera import CameraStage
from fimad.pipeline.stages.download import DownloadStage
from fimad.pipeline.stages.flow import FlowStage
from fimad.pipeline.stages.pose import PoseStage
from fimad.pipeline.stages.segment import SegmentStage
from fimad.pipeline.stages.simulate import camera_motion, limb_flow, pose_sequence
from fimad.simulate import simulate_imu

_CONVERSIONS = ((24, 30), (25, 30), (30, 60), (24, 25))
_MOST = 0.10
_MOVING_M_S2 = 0.5
# The axes that a picture shows; along the other one, a single camera hardly sees anything.
_PLANE = (0, 2)
_TRIM_S = 0.3
_ENCODED = ("-an", "-c:v", "libx264", "-preset", "veryfast")


def artifacts(media: Path, config: Config) -> dict[str, pa.Table]:
    """Pose, camera and flow of a whole video; those that lie beside it, if there are any."""
    folder = media.with_suffix(".tables")
    if folder.is_dir():
        return {path.name: pyarrow.feather.read_table(path) for path in folder.iterdir()}
    item = StageInput(
        Video("v", "file", str(media)),
        {},
        media,
        media.parent,
        lambda path, suffix: "",
        logging.getLogger("conversions"),
    )
    tables: dict[str, pa.Table] = {}
    item.tables = tables
    tables["download"] = DownloadStage(config).run(item)
    tables["segment"] = SegmentStage(config).run(item)
    tables |= run_frame_stages([PoseStage(config), CameraStage(config), FlowStage(config)], item)
    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(exist_ok=True)
    for name, table in tables.items():
        pyarrow.feather.write_feather(table, unfinished / name)
    unfinished.rename(folder)
    return tables


def accelerations(
    tables: dict[str, pa.Table], config: Config, *, found: bool = True, flow: bool = True
) -> tuple[np.ndarray, dict[str, Any]]:
    """Time line and linear acceleration of each placement; with `found` False as if nobody had looked for conversions,
    with `flow` False of landmarks alone."""
    pose = tables["pose"] if found else tables["pose"].drop_columns(["pose_source_time_s", "pose_rates_hz"])
    moved = limb_flow(tables["flow"], 0) if flow else None
    sequence = pose_sequence(pose, 0, camera_motion(tables["camera"], 0), moved)
    assert sequence is not None
    imu = simulate_imu(sequence, config=config.simulate)
    return imu.time_s, {name: each for name, each in imu.signals.items()}


def difference(
    before: tuple[np.ndarray, dict[str, Any]],
    after: tuple[np.ndarray, dict[str, Any]],
    axes: tuple[int, ...] = (0, 1, 2),
) -> dict[str, float]:
    """RMS of the difference over RMS before, by moving placement."""
    time_s, signals = before
    inside = (time_s > time_s[0] + _TRIM_S) & (time_s < time_s[-1] - _TRIM_S)
    errors = {}
    for name, signal in signals.items():
        want = signal.lin_acc_world_m_s2
        other = after[1][name].lin_acc_world_m_s2
        have = np.stack([np.interp(time_s, after[0], axis) for axis in other.T], axis=1)
        good = inside & np.isfinite(want).all(1) & np.isfinite(have).all(1)
        power = np.sqrt((want[good] ** 2).sum(1).mean()) if good.any() else 0.0
        if power >= _MOVING_M_S2:
            wrong, whole = (np.sqrt((part[good][:, axes] ** 2).sum(1).mean()) for part in (have - want, want))
            errors[name] = float(wrong / whole)
    return errors


def made(path: Path, *arguments: object) -> Path:
    """A video that ffmpeg makes, unless it is there."""
    if not path.exists():
        unfinished = path.with_name(f"unfinished-{path.name}")
        ffmpeg(*arguments, unfinished)
        unfinished.rename(path)
    return path


def some_of(video: Path, wanted: np.ndarray, rate: int, path: Path) -> Path:
    """A video of some pictures of another, at a rate, without loss, unless it is there."""
    if path.exists():
        return path
    unfinished = path.with_name(f"unfinished-{path.name}")
    with av.open(str(video)) as source, av.open(str(unfinished), "w") as sink:
        given = source.streams.video[0]
        stream = sink.add_stream("libx264", rate=rate, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = given.width, given.height, "yuv420p"
        chosen = (frame for frame, take in zip(source.decode(video=0), wanted, strict=False) if take)
        for at, frame in enumerate(chosen):
            frame.pts, frame.time_base = at, Fraction(1, rate)
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    unfinished.rename(path)
    return path


def hashes(video: Path, *options: object) -> list[str]:
    """MD5 of each picture, as ffmpeg gives them."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", video, *options, "-f", "framemd5", "-"]
    told = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600, check=True).stdout
    return [line.rpartition(",")[2].strip() for line in told.splitlines() if not line.startswith("#")]


def shown(before: Path, rate: int) -> np.ndarray:
    """Which picture of a video each frame shows once it is brought to a rate."""
    pictures, at, numbers = hashes(before), 0, []
    for picture in hashes(before, "-vf", f"fps={rate}"):
        at = pictures.index(picture, at)
        numbers.append(at)
    return np.array(numbers)


def retimed(tables: dict[str, pa.Table], taken_s: np.ndarray) -> dict[str, pa.Table]:
    """With these times of the pose's pictures, NaN for repeats."""
    pose, name = tables["pose"], "pose_source_time_s"
    at = pose.column_names.index(name)
    column = pa.array([taken_s.tolist()], pose.schema.field(name).type)
    return {**tables, "pose": pose.set_column(at, pose.schema.field(name), column)}


def compare(video: Path, rates: tuple[int, int], folder: Path, config: Config) -> dict[str, Any]:
    """What a conversion changes; see the module."""
    first, last = rates
    stem = f"{video.stem}-{first}"
    before = made(folder / f"{stem}.mp4", "-i", video, "-vf", f"fps={first}", *_ENCODED, "-crf", 18)
    again = made(folder / f"{stem}-again.mp4", "-i", before, *_ENCODED, "-crf", 20)
    after = made(folder / f"{stem}-{last}.mp4", "-i", before, "-vf", f"fps={last}", *_ENCODED, "-crf", 20)
    number = shown(before, last)
    new = np.r_[True, np.diff(number) > 0]
    once = some_of(after, new, first, folder / f"{stem}-{last}-once.mp4")
    of = {media: artifacts(media, config) for media in (before, again, after, once)}
    shown_s, estimated_s = (
        np.array(of[after]["pose"].column(name)[0].as_py(), float) for name in ("pose_time_s", "pose_source_time_s")
    )
    # The video before may have been converted itself: what was found of it counts as true.
    before_s = np.array(of[before]["pose"].column("pose_source_time_s")[0].as_py(), float)
    taken_s = np.where(new, before_s[number], np.nan)[: len(shown_s)]
    reference = accelerations(of[before], config)
    ways = {
        "error": accelerations(of[after], config),
        "error_true_times": accelerations(retimed(of[after], taken_s), config),
        "error_as_shown": accelerations(of[after], config, found=False),
        "control_reencoded": accelerations(of[again], config),
        "control_each_picture_once": accelerations(of[once], config),
    }
    errors = {name: difference(reference, each) for name, each in ways.items()}
    landmarks = accelerations(of[before], config, flow=False)
    for name, media in (("error", after), ("control_reencoded", again)):
        errors[f"{name}_landmarks_alone"] = difference(landmarks, accelerations(of[media], config, flow=False))
    for name in ("error", "control_reencoded"):
        errors[f"{name}_in_plane"] = difference(reference, ways[name], _PLANE)
    late_ms = 1e3 * (estimated_s - taken_s)[np.isfinite(estimated_s) & np.isfinite(taken_s)]
    return {
        "video": video.stem,
        "from_hz": first,
        "to_hz": last,
        "found_hz": of[after]["pose"].column("pose_rates_hz")[0].as_py(),
        "before_found_hz": of[before]["pose"].column("pose_rates_hz")[0].as_py(),
        "repeats": int(np.isnan(taken_s).sum()),
        "repeats_missed": int((np.isnan(taken_s) & np.isfinite(estimated_s)).sum()),
        "taken_for_repeats": int((np.isfinite(taken_s) & np.isnan(estimated_s)).sum()),
        "largest_time_error_ms": round(float(np.abs(late_ms).max(initial=0.0)), 2),
        **{name: round(statistics.median(each.values()), 3) for name, each in errors.items() if each},
        "worst_placement": {
            name: round(max(errors[name].values()), 3) for name in ("error", "control_reencoded") if errors[name]
        },
    }


def look(video: Path) -> dict[str, Any]:
    """What is found of a video's frame rate."""
    meter, times, changes = ChangeMeter(), [], []
    for picture in decode(video, 0.0, np.inf):
        times.append(picture.time_s)
        changes.append(meter(picture.frame))
    cadence = find_cadence(np.array(times), np.array(changes))
    return {
        "video": video.stem,
        "frames": len(times),
        "repeated": cadence.repeated,
        "skipped": cadence.skipped,
        "rates_hz": cadence.rates_hz,
    }


def _rates(told: str) -> tuple[int, int]:
    first, last = map(int, told.split(":"))
    return first, last


def main() -> int:
    """Parse, measure, print; exit code 1 if a conversion changes the signals by more than a tenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="*", type=Path, help="videos of rendered people")
    parser.add_argument("--real", nargs="*", type=Path, default=[], help="videos to look at for conversions only")
    parser.add_argument(
        "--convert", type=_rates, action="append", metavar="FROM:TO", help="frames a second, as in 50:30"
    )
    parser.add_argument("--keep", type=Path, help="where videos and artifacts are kept")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    config = Config()
    rows, seen = [], [look(video) for video in options.real]
    for each in seen:
        print(
            f"{each['video']:<64} {each['frames']:>5} frames, {each['repeated']} repeated, {each['skipped']} skipped {each['rates_hz']}"
        )
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fimad-conversions-")))
        folder.mkdir(parents=True, exist_ok=True)
        for video in options.video:
            for rates in options.convert or _CONVERSIONS:
                rows.append(compare(video, rates, folder, config))
                print(json.dumps(rows[-1]), flush=True)
    worst = max(rows, key=lambda row: row["error"], default=None)
    largest = worst["error"] if worst else 0.0
    if worst:
        told = "{video} {from_hz} to {to_hz}: {error}; only re-encoded {control_reencoded}, each picture once {control_each_picture_once}"
        print(f"largest of {len(rows)}: {told.format(**worst)}")
    if options.json:
        content = {"largest_error": largest, "rows": rows, "real": seen}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return int(largest > _MOST)


if __name__ == "__main__":
    sys.exit(main())
