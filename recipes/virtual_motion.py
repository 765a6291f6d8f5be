"""Windows for pretraining from motion capture: `python recipes/virtual_motion.py --out windows [--mocap FOLDER] [--utd-mhad FOLDER]`.

Virtual sensors by `fimad.simulate` at every placement that the markers allow, from CMU recordings with labels a tenth of a second long (AMC with its ASF), walks
(AMC, TRC) and from UTD-MHAD's skeletons; each motion also mirrored and at other speeds, as other bodies. The data card is data_cards/virtual_motion.md.

`--text FOLDER` embeds phrasings of what is done (phrases/utd-mhad.toml) with a sentence-transformers model; without it the text is a fixed random vector a phrasing, which
says that two differ and nothing of what they mean.

`--readings savitzky_golay` gives what most people write instead of `fimad.simulate`: the second derivative of the joint, with gravity, in world axes, no angular rate.
`--readings real` gives UTD-MHAD's own sensor, its motions as they were, and texts in phrasings that the others never have: windows to test with.

The video modality is a stand-in: HOG (Dalal & Triggs 2005) of a figure of lines, drawn from a camera at any side. It is a view in two dimensions as a video is, and
far cleaner than one. A dataset of `fimad build` has CLIP's embeddings there.
"""

from __future__ import annotations

import argparse
import hashlib
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from scipy.io import loadmat
from scipy.signal import resample_poly, savgol_filter

from fimad.har import skeleton_rate_hz
from fimad.labels import load_mapping
from fimad.labels.descriptions.embedding import sentence_encoder
from fimad.mujo import WindowSet
from fimad.mujo.windows import joints
from fimad.simulate import GRAVITY_M_S2, Trajectories, read_motion, simulate_imu
from fimad.skeleton import DEFAULT_PLACEMENTS, LANDMARK_INDEX

RATE_HZ, LENGTH_S, STRIDE_S, POSES = 25.0, 2.0, 0.5, 20
G_M_S2 = 9.80665
# Kinect's joints, by the names of landmarks; the file's order.
KINECT = {
    "nose": 0, "left_shoulder": 4, "left_elbow": 5, "left_wrist": 6, "left_index": 7, "right_shoulder": 8, "right_elbow": 9,
    "right_wrist": 10, "right_index": 11, "left_hip": 12, "left_knee": 13, "left_ankle": 14, "left_foot_index": 15,
    "right_hip": 16, "right_knee": 17, "right_ankle": 18, "right_foot_index": 19,
}  # fmt: skip
# Numbers of the annotators of CMU's exercises (mocap6: Fox, Hughes, Sudderth, Jordan 2014), at 10 Hz.
CMU_CLASSES = dict(
    enumerate(
        ("jumping_jack", "jog_in_place", "squat", "knee_raise", "arm_circle", "twist", "side_reach", "punch", "up_down",
         "toe_touch_one_hand", "side_bend", "toe_touch"), 1,
    )
)  # fmt: skip
CMU = {"13_29": "13_29.txt", "13_31": "13_31.txt", "mocap6dataset__13_30": "mocap6dataset__13_30_truelabels.txt"}
#: Recordings of one thing, beside their skeleton if they have one.
WALKS = {"imusim__16_15.amc": "imusim__16.asf", "opensim-models__rajagopal_motion_capture_walk.trc": None}
UTD_RATE_HZ, WRIST_ACTIONS = 50.0, range(1, 22)
#: What is drawn of a figure; pixels of a picture, and pictures of a window.
LINES = (
    ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"),
    *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right")
      for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))),
)  # fmt: skip
PICTURE, PICTURES = 64, 4
#: Speed, mirrored, size of the body.
VARIANTS = ((1.0, False, 1.0), (1.0, True, 0.93), (1.15, False, 1.06), (0.85, True, 1.0))


def utd_trajectories(skeleton: Path, inertial: Path) -> Trajectories:
    """A trial of UTD-MHAD in the world frame (x right, y away, z up), on the clock of its inertial sensor."""
    raw = np.moveaxis(loadmat(skeleton)["d_skel"], 2, 0).astype(float)
    rate_hz = skeleton_rate_hz(len(raw), len(loadmat(inertial)["d_iner"]))
    world = raw[:, :, [0, 2, 1]]
    # Who faces the camera has the right shoulder at the picture's left.
    if np.median(world[:, KINECT["right_shoulder"], 0] - world[:, KINECT["left_shoulder"], 0]) > 0:
        world[..., 0] *= -1
    return Trajectories(np.arange(len(raw)) / rate_hz, tuple(KINECT), world[:, list(KINECT.values())])


def varied(tracks: Trajectories, speed: float, mirrored: bool, size: float) -> Trajectories:
    """The same motion by another body: quicker, mirrored (left becomes right), larger."""
    position_m, names = tracks.position_m * size, tracks.names
    if mirrored:
        position_m = position_m * [-1, 1, 1]
        names = tuple(
            name.replace("left", "\0").replace("right", "left").replace("\0", "right") for name in tracks.names
        )
    return replace(tracks, time_s=tracks.time_s / speed, position_m=position_m, names=names, rotations={})


@dataclass
class Readings:
    """(t,) seconds from the motion's start, at RATE_HZ; (t, 6) by placement, with zeros for an angular rate that isn't there; (t,) where they are valid."""

    time_s: np.ndarray
    values: dict[str, np.ndarray]
    valid: dict[str, np.ndarray]
    gyro: bool


def simulated(tracks: Trajectories, placements: tuple[str, ...]) -> Readings:
    """What `fimad.simulate` makes of the motion."""
    imu = simulate_imu(tracks, placements=placements, rate_hz=RATE_HZ)
    values = {name: np.concatenate([of.acc_m_s2, of.gyro_rad_s], axis=1) for name, of in imu.signals.items()}
    return Readings(imu.time_s, values, {name: of.valid for name, of in imu.signals.items()}, True)


def savitzky_golay(tracks: Trajectories, placements: tuple[str, ...]) -> Readings:
    """The second derivative of a joint over 9 frames, 3rd order, with gravity, in world axes; of places that are joints."""
    step_s = float(np.median(np.diff(tracks.time_s)))
    # Nine frames of 30 Hz, about which the usual script is written.
    frames = max(5, round(0.3 / step_s) // 2 * 2 + 1)
    clock_s = np.arange(0, tracks.time_s[-1], 1 / RATE_HZ)
    near = {"chest": ("left_shoulder", "right_shoulder"), "pelvis": ("left_hip", "right_hip")}
    values, valid = {}, {}
    for name in placements:
        parts = near.get(name, (name.replace("thigh", "knee"),))
        if not set(parts) <= set(tracks.names) or len(tracks.time_s) < frames:
            continue
        place = np.mean([tracks.position_m[:, tracks.names.index(part)] for part in parts], axis=0)
        seen = np.isfinite(place).all(1)
        if not seen.any():
            continue
        # Gaps are bridged for the filter, and what lies in them isn't used.
        place = np.stack([np.interp(tracks.time_s, tracks.time_s[seen], axis[seen]) for axis in place.T], axis=1)
        acceleration = savgol_filter(place, frames, 3, deriv=2, delta=step_s, axis=0) - GRAVITY_M_S2
        inside = [np.interp(clock_s, tracks.time_s, axis) for axis in acceleration.T]
        values[name] = np.stack([*inside, *np.zeros((3, len(clock_s)))], axis=1)
        valid[name] = np.interp(clock_s, tracks.time_s, seen) == 1
    return Readings(clock_s, values, valid, False)


def measured(_: Trajectories, placements: tuple[str, ...], *, inertial: Path) -> Readings:
    """UTD-MHAD's sensor: on the right wrist for actions 1 to 21, else on the right thigh."""
    raw = loadmat(inertial)["d_iner"][:, :6] * ([G_M_S2] * 3 + [np.pi / 180] * 3)
    ratio = Fraction(RATE_HZ / UTD_RATE_HZ)
    values = resample_poly(raw, ratio.numerator, ratio.denominator, axis=0, padtype="line")
    action = int(inertial.name.split("_")[0][1:])
    name = "right_wrist" if action in WRIST_ACTIONS else "right_thigh"
    there = {name: values} if name in placements else {}
    return Readings(np.arange(len(values)) / RATE_HZ, there, {at: np.ones(len(values), bool) for at in there}, True)


def picture_features(landmarks: np.ndarray, azimuth_rad: float) -> np.ndarray:
    """(n, 33, 3) landmarks as (d,): mean and deviation of the HOG of a figure that is drawn from a side."""
    hog = cv2.HOGDescriptor((PICTURE, PICTURE), (32, 32), (16, 16), (16, 16), 9)
    seen = landmarks - landmarks[:, [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]].mean((0, 1))
    across = seen[..., 0] * np.cos(azimuth_rad) - seen[..., 1] * np.sin(azimuth_rad)
    # 2.4 m fill the picture.
    points = np.stack([across, -seen[..., 2]], axis=-1) / 2.4 * PICTURE + PICTURE / 2
    found = []
    for at in np.linspace(0, len(landmarks) - 1, PICTURES).round().astype(int):
        canvas = np.zeros((PICTURE, PICTURE), np.uint8)
        place = {
            name: tuple(points[at, number].round().astype(int).tolist()) for name, number in LANDMARK_INDEX.items()
        }
        for a, b in LINES:
            cv2.line(canvas, place[a], place[b], 255, 2, cv2.LINE_AA)
        cv2.circle(canvas, place["nose"], 4, 255, -1, cv2.LINE_AA)
        found.append(hog.compute(canvas).ravel())
    return np.concatenate([np.mean(found, axis=0), np.std(found, axis=0)]).astype(np.float32)


def rows_of(
    tracks: Trajectories, label_at: list[str], labels_hz: float, placements: tuple[str, ...], speed: float,
    readings: Callable[[Trajectories, tuple[str, ...]], Readings] = simulated,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]]:  # fmt: skip
    """Windows of one motion: imu (p, 6, t), which sensors are there (p, 2), landmarks, pose, class; those that hold two classes are left out."""
    imu = readings(tracks, placements)
    size, step = round(LENGTH_S * RATE_HZ), round(STRIDE_S * RATE_HZ)
    landmarks = np.zeros((len(tracks.time_s), 33, 3))
    landmarks[:, [LANDMARK_INDEX[name] for name in tracks.names]] = tracks.position_m
    if "nose" not in tracks.names:
        # A head above the shoulders stands for one that was not measured.
        chest = landmarks[:, [11, 12]].mean(1)
        landmarks[:, 0] = chest + 0.3 * (chest - landmarks[:, [23, 24]].mean(1))
    for start in range(0, len(imu.time_s) - size + 1, step):
        begin_s, end_s = imu.time_s[start] * speed, imu.time_s[start + size - 1] * speed
        inside = label_at[int(begin_s * labels_hz) : max(int(end_s * labels_hz), int(begin_s * labels_hz) + 1)]
        if not inside or len(set(inside)) > 1:
            continue
        values = np.zeros((len(placements), 6, size), np.float32)
        there = np.zeros((len(placements), 2), bool)
        for at, name in enumerate(placements):
            if name in imu.values and imu.valid[name][start : start + size].all():
                values[at] = imu.values[name][start : start + size].T
                there[at] = True, imu.gyro
        frames = (tracks.time_s >= imu.time_s[start]) & (tracks.time_s <= imu.time_s[start + size - 1])
        # A marker that was lost makes no pose.
        if there.any() and frames.sum() > 2 and np.isfinite(landmarks[frames]).all():
            yield values, there, landmarks[frames], joints(landmarks[frames], POSES), inside[0]


def motions(
    mocap: Path | None, utd: Path | None, persons: set[str]
) -> Iterator[tuple[str, Trajectories, list[str], float, Path | None]]:
    """Who, motion, classes over time, how many of these a second, and the file of a real sensor that was worn."""
    if mocap:
        for name, labels in CMU.items():
            tracks = read_motion(mocap / f"{name}.amc", skeleton=mocap / "imusim__16.asf")
            numbers = (mocap / labels).read_text().split()
            yield "cmu13", tracks, [CMU_CLASSES[int(float(number))] for number in numbers], 10.0, None
        for name, skeleton in WALKS.items():
            tracks = read_motion(mocap / name, **({"skeleton": mocap / skeleton} if skeleton else {}))
            yield Path(name).stem, tracks, ["walking"] * 1000, 10.0, None
    if utd:
        classes = list(load_mapping("utd-mhad").classes)
        for path in sorted((utd / "Skeleton").glob("a*_s*_t*_skeleton.mat")):
            action, person = (int(part[1:]) for part in path.name.split("_")[:2])
            inertial = utd / "Inertial" / path.name.replace("skeleton", "inertial")
            if str(person) in persons and inertial.exists():
                yield f"utd{person}", utd_trajectories(path, inertial), [classes[action - 1]] * 1000, 10.0, inertial


def phrases() -> dict[str, list[str]]:
    """Three phrasings of each class; the last one is for held-out windows."""
    return tomllib.loads(Path(__file__).with_name("phrases").joinpath("utd-mhad.toml").read_text(encoding="utf-8"))


def text_encoder(model: str | None) -> Callable[[str], np.ndarray]:
    """A text to (e,)."""
    if model:
        return sentence_encoder(Path(model))

    def drawn(text: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).normal(size=64)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    return drawn


def make(
    mocap: Path | None,
    utd: Path | None,
    *,
    persons: set[str],
    placements: tuple[str, ...] = DEFAULT_PLACEMENTS,
    variants: int = len(VARIANTS),
    text: str | None = None,
    readings: str = "simulated",
) -> WindowSet:
    """All windows; `readings` are "simulated", "savitzky_golay" or "real"."""
    rows, groups, texts = [], [], []
    encode, known = text_encoder(text), phrases()
    random = np.random.default_rng(0)
    for who, tracks, labels, labels_hz, inertial in motions(mocap, utd, persons):
        if readings == "real" and inertial is None:
            continue
        how = {"simulated": simulated, "savitzky_golay": savitzky_golay}.get(readings) or partial(
            measured, inertial=inertial
        )
        for variant, (speed, mirrored, size) in enumerate(VARIANTS[: 1 if readings == "real" else variants]):
            for imu, there, landmarks, pose, label in rows_of(
                varied(tracks, speed, mirrored, size), labels, labels_hz, placements, speed, how
            ):
                picture = picture_features(landmarks, random.uniform(-np.pi, np.pi))
                rows.append((imu, there, pose, picture, label))
                groups.append(who)
                of_class = known.get(label) or [label] * 3
                texts.append(encode(of_class[2 if readings == "real" else variant % 2]))
    classes = tuple(sorted({row[4] for row in rows}))
    label = np.array([classes.index(row[4]) for row in rows], np.int64)
    everywhere = np.ones(len(rows), bool)
    imu, there, pose, picture = (np.stack([row[at] for row in rows]) for at in range(4))
    return WindowSet(
        imu, there, label, np.array(groups), placements, classes, RATE_HZ, pose=pose, pose_there=everywhere,
        video=picture, video_there=everywhere, text=np.stack(texts), text_there=everywhere,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--utd-mhad", type=Path)
    parser.add_argument("--persons", default="1,2,3,4,5", help="of UTD-MHAD")
    parser.add_argument("--variants", type=int, default=len(VARIANTS))
    parser.add_argument("--placements", default=",".join(DEFAULT_PLACEMENTS))
    parser.add_argument("--text", help="folder of a sentence-transformers model")
    parser.add_argument("--readings", choices=("simulated", "savitzky_golay", "real"), default="simulated")
    args = parser.parse_args()
    windows = make(
        args.mocap, args.utd_mhad, persons=set(args.persons.split(",")), placements=tuple(args.placements.split(",")),
        variants=args.variants, text=args.text, readings=args.readings,
    )  # fmt: skip
    windows.save(args.out)
    print(windows)


if __name__ == "__main__":
    main()
