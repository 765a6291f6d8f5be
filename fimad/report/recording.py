"""A recording of one clip for the Rerun viewer: skeleton, sensors' axes, signals and words on one time line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fimad.errors import ConfigError, SetupError
from fimad.report.payload import array, body, pose_of
from fimad.report.sources import Tell, placements_of, quiet
from fimad.simulate.placements import Rig, rotation
from fimad.skeleton import BONES, LANDMARK_INDEX, LANDMARKS

_SIDES = {"left": (11, 107, 203), "right": (184, 80, 11)}
_AXIS_M = 0.15


def write_recording(row: dict[str, Any], path: Path, tell: Tell = quiet) -> None:
    """Write a clip as .rrd: world frame in m, z up, timeline `video` in s of the video's clock; `tell` hears the share that is done.

    Raises `ConfigError` where the clip has no pose, `SetupError` without rerun-sdk.
    """
    try:
        import rerun as rr
    except ImportError as error:
        raise SetupError(
            "rerun-sdk is not installed.", "It is part of the extra `report`.", "pip install 'fimad[report]'"
        ) from error
    pose = pose_of(row)
    if pose is None:
        raise ConfigError(f"{row['clip_id']} has no pose.", "Nobody was found in it.", "Choose another clip.")
    tracks = body(row, pose)
    recording = rr.RecordingStream("fimad", recording_id=row["clip_id"])
    try:
        recording.save(str(path))
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"{path} can't be written: {error}", "The folder is missing or read-only.", "Give another path."
        ) from error
    recording.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    placements = placements_of(list(row))
    colours = [
        _SIDES.get(a.split("_")[0] if a.split("_")[0] == b.split("_")[0] else "", (120, 128, 138)) for a, b in BONES
    ]
    pairs = np.array([[LANDMARK_INDEX[a], LANDMARK_INDEX[b]] for a, b in BONES])
    rig = Rig(placements, LANDMARKS)
    landmarks = tracks.position_m[:, [LANDMARK_INDEX[name] for name in rig.landmarks]]
    origins, turned = rig.points(landmarks), rotation(rig.axes(landmarks))[:, rig.segment]
    for at, time_s in enumerate(tracks.time_s):
        tell(at / len(tracks.time_s))
        recording.set_time("video", duration=float(time_s))
        points = tracks.position_m[at]
        if not np.isfinite(points).all():
            recording.log("world", rr.Clear(recursive=True))
            continue
        recording.log("world/skeleton", rr.LineStrips3D(points[pairs], colors=colours, radii=0.012))
        recording.log("world/landmarks", rr.Points3D(points, radii=0.015))
        for number, name in enumerate(rig.names):
            arrows = rr.Arrows3D(
                origins=np.repeat(origins[at, number][None], 3, 0),
                vectors=turned[at, number].T * _AXIS_M,
                colors=[(194, 53, 43), (31, 122, 61), (122, 63, 196)],
            )
            recording.log(f"world/sensors/{name}", arrows)
    _signals(recording, row, placements)
    for word in row.get("transcript_words") or []:
        recording.set_time("video", duration=float(word["start_s"]))
        recording.log("transcript", rr.TextLog(word["text"] or ""))
    recording.flush()
    recording.disconnect()


def _signals(recording: Any, row: dict[str, Any], placements: tuple[str, ...]) -> None:
    import rerun as rr

    time_s = array(row, "imu_time_s")
    if time_s is None:
        return
    index = rr.TimeColumn("video", duration=time_s)
    for name in placements:
        for kind in ("acc_m_s2", "gyro_rad_s"):
            values = array(row, f"{name}_{kind}", 3)
            if values is not None:
                recording.log(f"{kind}/{name}", rr.SeriesLines(names=["x", "y", "z"]), static=True)
                columns = rr.Scalars.columns(scalars=values.reshape(-1)).partition(np.full(len(values), 3))
                recording.send_columns(f"{kind}/{name}", indexes=[index], columns=columns)
