"""Real people measured twice at once: `python -m benchmarks.person_pairs DIR [--json FILE]`.

DIR holds three published sets as NumPy archives. Nothing was chosen on them; each pair is scored by `fimad.compare`, which takes
off one lag and one constant rotation and nothing else.

- ``cmu_mbl_half.npz``: joint angles from markerless video, and ten IMUs. Thigh and shank turn as the angles say; their virtual
  gyroscopes are compared with the real ones, and their orientation with the sensors' own.
- ``drumpy_two_takes.npz``: MediaPipe Lite, Full and Heavy against optical markers, a drummer's wrists.
- ``nikonpic_four_people.npz``: VideoPose3D against optical markers, legs in walking and on stairs. The lifted skeleton hangs from its
  hips and has no scale, so that gyroscopes are compared, and accelerations about the hips.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError
from fimad.simulate import Trajectories, simulate_imu
from fimad.simulate.readers.markers import Markers, landmarks
from fimad.simulate.readings.comparison import Comparison, compare
from fimad.simulate.readings.recording import Recording
from fimad.simulate.types import ImuSequence

_SIDES = ("left", "right")
_MOST_LAG_S = 0.3
# Segments as shares of the standing height (Drillis and Contini 1966); lengths do not change how segments turn.
_HIP_M, _THIGH_M, _SHANK_M = 0.1, 0.42, 0.42
_TRIMMED = 5
# Below this RMS of the recorded rate a segment is at rest: noise over noise is no score.
_MOVING_RAD_S = 0.3
_MOST_FRAMES_APART = 2
_BONES = {
    "left_thigh": "LeftThigh",
    "right_thigh": "RightThigh",
    "left_ankle": "LeftShank",
    "right_ankle": "RightShank",
}
#: Human3.6M's joints, as VideoPose3D gives them.
_H36M = ("hips", "RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    found = {"cmu_mbl": cmu_mbl(options.folder), "drumpy": drumpy(options.folder), "nikonpic": nikonpic(options.folder)}
    for name, rows in found.items():
        for about, row in rows.items():
            print(f"{name:>9} {about:<32} " + ", ".join(f"{key} {_shown(value)}" for key, value in row.items()))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def cmu_mbl(folder: Path) -> dict[str, dict[str, Any]]:
    """By exercise and segment: gyroscope and orientation of the virtual sensor against the worn one."""
    data = np.load(folder / "cmu_mbl_half.npz")
    sensors = [str(name) for name in data["segments"]]
    columns = [str(name) for name in data["ang_columns"]]
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for name in [key.removesuffix("_imu") for key in data.files if key.endswith("_imu")]:
        body = _legs(data[f"{name}_ang"].astype(float), columns)
        imu = simulate_imu(body, placements=list(_BONES), rate_hz=100)
        for placement, segment in _BONES.items():
            sensed = data[f"{name}_imu"][:, sensors.index(segment)].astype(float)
            recording = Recording(body.time_s, None, sensed[:, 3:6])
            row = _row(imu, recording, placement)
            if "gyro_r" in row:
                kept = slice(_TRIMMED, min(len(sensed), len(imu.time_s)) - _TRIMMED)
                turned = Rotation.from_matrix(imu.signals[placement].rotation[kept])
                row["orientation_deg"] = _apart(turned, Rotation.from_quat(sensed[kept, 6:], scalar_first=True))
            found.setdefault(
                (name.partition("_")[0], segment.removeprefix("Left").removeprefix("Right").lower()), []
            ).append(row)
    return {
        f"{exercise}, {segment}": _middle(rows)
        for (exercise, segment), rows in [*sorted(found.items()), *_together(found, ("thigh", "shank"))]
    }


def _together(
    found: Mapping[tuple[str, str], list[dict[str, float]]], segments: Sequence[str]
) -> Iterator[tuple[tuple[str, str], list[dict[str, float]]]]:
    for segment in segments:
        yield ("all", segment), [row for (_, each), rows in found.items() if each == segment for row in rows]


def _legs(angles_deg: np.ndarray, columns: Sequence[str]) -> Trajectories:
    """A pelvis in place with legs that turn as the angles say: Cardan angles x, y, z of each segment in its parent's frame."""

    def turns(joint: str) -> Rotation:
        given = [columns.index(name) if (name := f"{joint}Angle.ML.{axis}") in columns else None for axis in "XYZ"]
        values = np.stack([np.zeros(len(angles_deg)) if at is None else angles_deg[:, at] for at in given], 1)
        return Rotation.from_euler("XYZ", values, degrees=True)

    pelvis = turns("Pelvis")
    names, places, rotations = [], [], {"pelvis": pelvis.as_matrix()}
    for side, across in (("left", -1), ("right", 1)):
        thigh = pelvis * turns(f"{side.title()}Hip")
        shank = thigh * turns(f"{side.title()}Knee")
        hip = pelvis.apply([across * _HIP_M, 0, 0])
        knee = hip + thigh.apply([0, 0, -_THIGH_M])
        names += [f"{side}_hip", f"{side}_knee", f"{side}_ankle"]
        places += [hip, knee, knee + shank.apply([0, 0, -_SHANK_M])]
        rotations |= {f"{side}_thigh": thigh.as_matrix(), f"{side}_shank": shank.as_matrix()}
    # The laboratory's y is up.
    world = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return Trajectories(
        np.arange(len(angles_deg)) / 100,
        tuple(names),
        np.stack(places, 1) @ world.T,
        rotations={name: world @ each for name, each in rotations.items()},
    )


def _apart(virtual: Rotation, worn: Rotation) -> float:
    """RMS angle in degrees between two orientations after one rotation of the world and one of the mount."""
    mount = Rotation.identity()
    for _ in range(30):
        world = (worn * (virtual * mount).inv()).mean()
        mount = (virtual.inv() * world.inv() * worn).mean()
    angle = ((world * virtual * mount).inv() * worn).magnitude()
    return float(np.rad2deg(np.sqrt((angle**2).mean())))


def drumpy(folder: Path) -> dict[str, dict[str, Any]]:
    """By model: the wrists' specific force and angular rate from MediaPipe against those from optical markers."""
    data = np.load(folder / "drumpy_two_takes.npz")
    joints = [f"{side}_{part}" for side in _SIDES for part in ("elbow", "wrist", "knee", "heel", "foot_index")]
    found: dict[str, list[dict[str, float]]] = {}
    for take in sorted({key.partition("|")[0] for key in data.files}):
        imus, tracks = {}, {}
        for system in sorted({key.split("|")[1] for key in data.files}):
            axes = [[data[f"{take}|{system}|{name.title()}|{axis}"].astype(float) for axis in "xyz"] for name in joints]
            position = np.stack([np.stack([each[1] for each in three], 1) for three in axes], 1)
            if system.startswith("qualisys"):
                elbows = position[:, : len(joints) : 5].mean(0)
                shoulders = elbows.mean(0) + np.array([(0, 190, 280), (0, -190, 280)])
            tracks[system] = axes[0][0][0], position
        # A forearm's roll follows the shoulders, which are not in the set: a drummer's, who sits, are taken to stand still.
        for system, (time_s, position) in tracks.items():
            whole = np.concatenate([position, np.tile(shoulders, (len(position), 1, 1))], 1)
            # Times are printed to 10 ms.
            names = (*joints, "left_shoulder", "right_shoulder")
            markers = Markers(time_s, names, whole, "mm", "z", resolution_s=0.01)
            imus[system] = simulate_imu(landmarks(markers, take), placements=["left_wrist", "right_wrist"], rate_hz=60)
        for system, imu in imus.items():
            if system.startswith("qualisys"):
                continue
            for placement in imu.signals:
                row = _row(imu, _as_recording(imus["qualisys_mm"], placement), placement)
                found.setdefault(f"MediaPipe {system.split('_')[1].title()}, wrist", []).append(row)
    return {name: _middle(rows) for name, rows in found.items()}


def nikonpic(folder: Path) -> dict[str, dict[str, Any]]:
    """By activity and segment: gyroscopes, and accelerations about the hips, from lifted video against optical markers."""
    data = np.load(folder / "nikonpic_four_people.npz")
    names = tuple(str(name) for name in data["vicon_markers"])
    placements = list(_BONES)
    found: dict[str, list[dict[str, float]]] = {}
    for key in [each.removesuffix("|vp3d") for each in data.files if each.endswith("|vp3d")]:
        optical, lifted = data[f"{key}|vicon_mm_200hz"].astype(float), data[f"{key}|vp3d"][:, :7].astype(float)
        if abs(len(optical) - 2 * len(lifted)) > _MOST_FRAMES_APART:
            # Which of the video's frames belong to which of the markers' is known where it is every second.
            continue
        middle = optical[:, [names.index(name) for name in ("LASI", "RASI", "LPSI", "RPSI")]].mean(1, keepdims=True)
        hung = {
            "optical": Markers(np.arange(len(optical)) / 200, names, optical - middle, "mm", "z", rate_hz=200),
            "lifted": Markers(np.arange(len(lifted)) / 100, _H36M, lifted, "m", "z", rate_hz=100),
        }
        try:
            imus = {
                name: simulate_imu(landmarks(markers, key, unit=markers.unit), placements=placements, rate_hz=100)
                for name, markers in hung.items()
            }
        except ConfigError:
            continue
        activity = {"Gang": "walking", "Treppe": "stairs"}[key.split("|")[1]]
        for placement in placements:
            row = _row(imus["lifted"], _as_recording(imus["optical"], placement), placement)
            segment = "thigh" if placement.endswith("thigh") else "shank"
            found.setdefault(f"VideoPose3D, {activity}, {segment}", []).append(row)
    return {name: _middle(rows) for name, rows in sorted(found.items())}


def _as_recording(imu: ImuSequence, placement: str) -> Recording:
    signal = imu.signals[placement]
    return Recording(imu.time_s, signal.acc_m_s2, signal.gyro_rad_s)


def _row(imu: ImuSequence, recording: Recording, placement: str) -> dict[str, float]:
    """The scores of one pair; for one that can't be scored, which of the reasons it is."""
    gyro = recording.gyro_rad_s
    assert gyro is not None
    if float(np.sqrt(np.nanmean((gyro**2).sum(1)))) < _MOVING_RAD_S:
        return {"still": 1}
    try:
        result: Comparison = compare(imu, recording, placement=placement, max_lag_s=_MOST_LAG_S)
    except ConfigError:
        return {"too_short": 1}
    row = {"lag_s": result.lag_s}
    for kind, score in (("acc", result.acc), ("gyro", result.gyro)):
        if score is not None:
            row |= {f"{kind}_r": score.r, f"{kind}_error": score.relative, f"{kind}_gain": score.gain}
            row |= {f"{kind}_r_size": score.r_size}
    return row


def _middle(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """How many, the median of each number, and its quartiles and worst where they tell more; how many were not scored, and why."""
    left_out = {why: count for why in ("still", "too_short") if (count := sum(why in row for row in rows))}
    rows = [row for row in rows if not {"still", "too_short"} & set(row)]
    made: dict[str, Any] = {"n": len(rows), **left_out}
    for key in rows[0] if rows else ():
        values = sorted(row[key] for row in rows)
        made[key] = round(statistics.median(values), 3)
        if key.endswith(("_r", "_error", "_deg")) and len(values) > 1:
            low, _, high = statistics.quantiles(values, n=4)
            worst = values[0] if key.endswith("_r") else values[-1]
            made[f"{key}_quartiles"] = [round(low, 3), round(high, 3)]
            made[f"{key}_worst"] = round(worst, 3)
    return made


def _shown(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
