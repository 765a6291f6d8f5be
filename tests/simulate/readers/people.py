"""A person whose motion is known, written in every format, unit, axis, rate and precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RADIUS_M, TURNS_HZ = 0.25, 1.2
#: Size of the left wrist's acceleration, m/s².
TRUTH_M_S2 = RADIUS_M * (2 * np.pi * TURNS_HZ) ** 2
NAMES = (
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
_STANDING_M = np.array(
    [
        (-0.19, 0, 1.42), (0.19, 0, 1.42), (-0.23, 0, 1.12), (0.23, 0, 1.12), (-0.26, 0, 0.86), (0.26, 0, 0.86),
        (-0.1, 0, 0.93), (0.1, 0, 0.93), (-0.1, 0, 0.5), (0.1, 0, 0.5), (-0.1, 0, 0.08), (0.1, 0, 0.08),
    ]
)  # fmt: skip
#: File axes from the world's (x right, y away, z up), by the file's vertical; all right-handed.
AXES = {
    "z": np.eye(3),
    "y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "x": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "-z": np.diag([1.0, -1, -1]),
    "-y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
}
UNITS = {"m": 1.0, "cm": 100.0, "mm": 1000.0, "in": 1 / 0.0254, "cmu": 0.45 / 0.0254}


def motion(rate_hz: float = 100.0, length_s: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """(n,) times, (n, 12, 3) positions in m in the world frame: the left wrist goes round a circle, the rest stands."""
    time_s = np.arange(round(length_s * rate_hz)) / rate_hz
    position = np.tile(_STANDING_M, (len(time_s), 1, 1))
    angle = 2 * np.pi * TURNS_HZ * time_s
    position[:, NAMES.index("left_wrist")] += RADIUS_M * np.stack([0 * angle, np.cos(angle), np.sin(angle)], 1)
    return time_s, position


def in_file(position: np.ndarray, unit: str = "m", up: str = "z") -> np.ndarray:
    """World positions in a file's unit and axes."""
    return position @ AXES[up].T * UNITS[unit]


def write_csv(
    path: Path,
    time_s: np.ndarray,
    position: np.ndarray,
    *,
    tail: str = "",
    digits: int = 6,
    names: tuple[str, ...] = NAMES,
) -> Path:
    head = ["time_s", *(f"{name}_{axis}{tail}" for name in names for axis in "xyz")]
    rows = [
        ",".join([f"{now:.{digits}f}", *("" if np.isnan(v) else f"{v:.7f}" for v in row.ravel())])
        for now, row in zip(time_s, position, strict=True)
    ]
    path.write_text("\n".join([",".join(head), *rows]) + "\n")
    return path


def write_trc(
    path: Path,
    time_s: np.ndarray,
    position: np.ndarray,
    *,
    unit: str = "mm",
    rate_hz: float = 100.0,
    digits: int = 6,
    names: tuple[str, ...] = NAMES,
) -> Path:
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate_hz:g}\t{rate_hz:g}\t{len(time_s)}\t{len(names)}\t{unit}\t{rate_hz:g}\t1\t{len(time_s)}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{at + 1}" for at in range(len(names)) for axis in "XYZ"),
        "",
    ]
    for at, row in enumerate(position):
        cells = ("" if np.isnan(v) else f"{v:.6f}" for v in row.ravel())
        lines.append("\t".join([str(at + 1), f"{time_s[at]:.{digits}f}", *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_c3d(
    path: Path,
    position: np.ndarray,
    *,
    unit: str = "mm",
    rate_hz: float = 100.0,
    names: tuple[str, ...] = NAMES,
    screen: str = "",
) -> Path:
    import ezc3d

    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [rate_hz]
    point["UNITS"]["value"] = [unit]
    for number, first in enumerate(range(0, len(names), 255), 1):
        label = "LABELS" if number == 1 else f"LABELS{number}"
        if label not in point:
            file.add_parameter("POINT", label, list(names[first : first + 255]))
        else:
            point[label]["value"] = list(names[first : first + 255])
    if screen:
        file.add_parameter("POINT", "Y_SCREEN", [screen])
    points = np.ones((4, len(names), len(position)))
    points[:3] = np.moveaxis(position, (0, 1, 2), (2, 1, 0))
    file["data"]["points"] = points
    file.write(str(path))
    return path


def write_npz(path: Path, position: np.ndarray, *, rate_hz: float = 100.0, names: tuple[str, ...] = NAMES) -> Path:
    np.savez(path, joints=position, joint_names=np.array(names), fps=rate_hz)
    return path


def write_motive(
    path: Path,
    time_s: np.ndarray,
    position: np.ndarray,
    *,
    unit: str = "Meters",
    rate_hz: float = 100.0,
    kind: str = "Bone",
    prefix: str = "Bob:",
    turns: np.ndarray | None = None,
    parents: bool = True,
    names: tuple[str, ...] = NAMES,
) -> Path:
    """An export of Motive: `position` in the file's unit and axes (y up), quaternions x, y, z, w in `turns`."""
    bones = dict(shoulder="UArm", elbow="FArm", wrist="Hand", hip="Thigh", knee="Shin", ankle="Foot")
    called = [f"{prefix}{name[0].upper()}{bones[name.partition('_')[2]]}" for name in names]
    measures = [
        *([("Rotation", axis) for axis in "XYZW"] if turns is not None else []),
        *(("Position", axis) for axis in "XYZ"),
    ]
    first = f"Format Version,1.23,Take Name,one,Capture Frame Rate,{rate_hz:.6f},Export Frame Rate,{rate_hz:.6f},Rotation Type,Quaternion,Length Units,{unit},Coordinate Space,Global"
    lines = [first, ""]
    for word, cells in (
        ("Type", [kind] * len(names)),
        ("Name", called),
        ("ID", ["0"] * len(names)),
        ("Parent", called),
    ):
        if word != "Parent" or parents:
            lines.append(f",{word}," + ",".join(cell for cell in cells for _ in measures))
    lines.append(",," + ",".join(measure for _ in names for measure, _ in measures))
    lines.append("Frame,Time (Seconds)," + ",".join(axis for _ in names for _, axis in measures))
    for at, row in enumerate(position):
        whole = row if turns is None else np.concatenate([turns[at], row], 1)
        cells = ("" if np.isnan(v) else f"{v:.6f}" for v in whole.ravel())
        lines.append(",".join([str(at), f"{time_s[at]:.6f}", *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


#: A chain of joints with offsets in m, y up, as animators name them; the arm is straight.
_CHAIN = (
    ("Hips", "", (0, 0, 0)),
    ("LeftUpLeg", "Hips", (0.1, -0.03, 0)), ("LeftLeg", "LeftUpLeg", (0, -0.43, 0)), ("LeftFoot", "LeftLeg", (0, -0.42, 0)),
    ("RightUpLeg", "Hips", (-0.1, -0.03, 0)), ("RightLeg", "RightUpLeg", (0, -0.43, 0)), ("RightFoot", "RightLeg", (0, -0.42, 0)),
    ("Spine", "Hips", (0, 0.4, 0)),
    ("LeftArm", "Spine", (0.19, 0.09, 0)), ("LeftForeArm", "LeftArm", (0, -0.3, 0)), ("LeftHand", "LeftForeArm", (0, -0.25, 0)),
    ("RightArm", "Spine", (-0.19, 0.09, 0)), ("RightForeArm", "RightArm", (0, -0.3, 0)), ("RightHand", "RightForeArm", (0, -0.25, 0)),
)  # fmt: skip


def write_bvh(
    path: Path,
    *,
    unit: str = "cm",
    up: str = "y",
    rate_hz: float = 100.0,
    length_s: float = 3.0,
    t_pose: int = 0,
    rename: dict[str, str] | None = None,
    order: str = "ZXY",
    prefix: str = "",
) -> Path:
    """A body whose left forearm turns steadily about the elbow, so that the wrist goes round a circle of 0.25 m."""
    scale, turn = UNITS[unit], AXES[up] @ AXES["y"].T
    children = {name: [each for each, parent, _ in _CHAIN if parent == name] for name, *_ in _CHAIN}
    offsets = {name: turn @ np.array(offset, float) * scale for name, _, offset in _CHAIN}
    lines = ["HIERARCHY"]
    joints: list[str] = []

    def write(name: str, word: str) -> None:
        joints.append(name)
        lines.extend([f"{word} {prefix}{(rename or {}).get(name, name)}", "{"])
        lines.append("OFFSET " + " ".join(f"{value:.6f}" for value in offsets[name]))
        places = "Xposition Yposition Zposition " if word == "ROOT" else ""
        lines.append(f"CHANNELS {6 if places else 3} {places}" + " ".join(f"{axis}rotation" for axis in order))
        for child in children[name]:
            write(child, "JOINT")
        if not children[name]:
            tip = " ".join(f"{value:.6f}" for value in turn @ np.array([0, -0.1, 0]) * scale)
            lines.extend(["End Site", "{", f"OFFSET {tip}", "}"])
        lines.append("}")

    write("Hips", "ROOT")
    from scipy.spatial.transform import Rotation

    count = round(length_s * rate_hz)
    angle = 2 * np.pi * TURNS_HZ * np.arange(count) / rate_hz
    lines += ["MOTION", f"Frames: {count}", f"Frame Time: {1 / rate_hz:.7f}"]
    about = turn @ np.array([1.0, 0, 0])
    arms = Rotation.from_rotvec(angle[:, None] * about).as_euler(order, degrees=True)
    lifted = {
        name: Rotation.from_rotvec(np.deg2rad(90 * side) * (turn @ np.array([0, 0, 1.0]))).as_euler(order, degrees=True)
        for name, side in (("LeftArm", 1), ("RightArm", -1))
    }
    place = turn @ np.array([0, 0.96, 0]) * scale
    for at in range(count):
        row = list(place) if at >= t_pose else [0.0, 0.0, 0.0]
        for name in joints:
            if at < t_pose:
                row += list(lifted.get(name, np.zeros(3)))
            else:
                row += list(arms[at]) if name == "LeftForeArm" else [0.0, 0.0, 0.0]
        lines.append(" ".join(f"{value:.6f}" for value in row))
    path.write_text("\n".join(lines) + "\n")
    return path
