"""Frame-rate conversions and the virtual IMU: `python -m benchmarks.conversions VIDEO ... [--real VIDEO ...] [--json FILE]`.

Each video is brought to a rate by ffmpeg's `fps` filter, and from there to another one. The virtual accelerations of the converted
video are compared with those of the video before: RMS of the difference over RMS of the acceleration, in the median over the
placements that move by 0.5 m/s2 or more, and over videos; with the conversion found, and with the times as shown. Videos given
as `--real` are only looked at for conversions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.conformance import ffmpeg
from fimad.config import Config
from fimad.pipeline.contract import StageInput, Video
from fimad.pipeline.media.cadence import ChangeMeter, find_cadence
from fimad.pipeline.media.frames import decode, run_frame_stages
from fimad.pipeline.stages.camera import CameraStage
from fimad.pipeline.stages.download import DownloadStage
from fimad.pipeline.stages.pose import PoseStage
from fimad.pipeline.stages.segment import SegmentStage
from fimad.pipeline.stages.simulate import camera_motion, pose_sequence
from fimad.simulate import simulate_imu

_CONVERSIONS = ((24, 30), (25, 30), (30, 60), (24, 25))
_MOST = 0.10
_MOVING_M_S2 = 0.5
_TRIM_S = 0.3
_ENCODED = ("-an", "-c:v", "libx264", "-preset", "veryfast")


def artifacts(media: Path, config: Config, folder: Path) -> dict[str, pa.Table]:
    """Pose and camera of a whole video."""
    import logging

    item = StageInput(
        Video("v", "file", str(media)), {}, media, folder, lambda path, suffix: "", logging.getLogger("conversions")
    )
    tables: dict[str, pa.Table] = {}
    item.tables = tables
    tables["download"] = DownloadStage(config).run(item)
    tables["segment"] = SegmentStage(config).run(item)
    tables |= run_frame_stages([PoseStage(config), CameraStage(config)], item)
    return tables


def accelerations(
    tables: dict[str, pa.Table], config: Config, *, found: bool = True
) -> tuple[np.ndarray, dict[str, Any]]:
    """Time line and linear acceleration of each placement; with `found` False as if nobody had looked for conversions."""
    pose = tables["pose"] if found else tables["pose"].drop_columns(["pose_source_time_s", "pose_rates_hz"])
    sequence = pose_sequence(pose, 0, camera_motion(tables["camera"], 0))
    assert sequence is not None
    imu = simulate_imu(sequence, config=config.simulate)
    return imu.time_s, {name: each for name, each in imu.signals.items()}


def difference(before: tuple[np.ndarray, dict[str, Any]], after: tuple[np.ndarray, dict[str, Any]]) -> float:
    """RMS of the difference over RMS before, median over moving placements."""
    time_s, signals = before
    inside = (time_s > time_s[0] + _TRIM_S) & (time_s < time_s[-1] - _TRIM_S)
    errors = []
    for name, signal in signals.items():
        want = signal.lin_acc_world_m_s2
        other = after[1][name].lin_acc_world_m_s2
        have = np.stack([np.interp(time_s, after[0], axis) for axis in other.T], axis=1)
        good = inside & np.isfinite(want).all(1) & np.isfinite(have).all(1)
        power = np.sqrt((want[good] ** 2).sum(1).mean()) if good.any() else 0.0
        if power >= _MOVING_M_S2:
            errors.append(float(np.sqrt(((have - want)[good] ** 2).sum(1).mean()) / power))
    return statistics.median(errors) if errors else float("nan")


def convert(video: Path, rates: tuple[int, int], folder: Path) -> tuple[Path, Path]:
    """The video at the first rate, and converted from there to the second."""
    before, after = (folder / f"{video.stem}-{name}.mp4" for name in ("before", "after"))
    ffmpeg("-i", video, "-vf", f"fps={rates[0]}", *_ENCODED, "-crf", 18, before)
    ffmpeg("-i", before, "-vf", f"fps={rates[1]}", *_ENCODED, "-crf", 20, after)
    return before, after


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


def main() -> int:
    """Parse, measure, print; exit code 1 if a conversion changes the signals by more than a tenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="*", type=Path, help="videos of rendered people")
    parser.add_argument("--real", nargs="*", type=Path, default=[], help="videos to look at for conversions only")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    config = Config()
    rows, seen = [], [look(video) for video in options.real]
    for each in seen:
        print(
            f"{each['video']:<64} {each['frames']:>5} frames, {each['repeated']} repeated, {each['skipped']} skipped {each['rates_hz']}"
        )
    for video in options.video:
        for rates in _CONVERSIONS:
            with tempfile.TemporaryDirectory(prefix="fimad-conversions-") as folder:
                before, after = convert(video, rates, Path(folder))
                first, second = (artifacts(media, config, Path(folder)) for media in (before, after))
            reference = accelerations(first, config)
            row = {
                "video": video.stem,
                "from_hz": rates[0],
                "to_hz": rates[1],
                "found_hz": second["pose"].column("pose_rates_hz")[0].as_py(),
                "error": round(difference(reference, accelerations(second, config)), 3),
                "error_as_shown": round(difference(reference, accelerations(second, config, found=False)), 3),
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
    worst = max((row["error"] for row in rows), default=0.0)
    print(f"largest error {worst:.3f} of {len(rows)} conversions")
    if options.json:
        options.json.write_text(
            json.dumps({"largest_error": worst, "rows": rows, "real": seen}, indent=1) + "\n", encoding="utf-8"
        )
    return int(worst > _MOST)


if __name__ == "__main__":
    sys.exit(main())
