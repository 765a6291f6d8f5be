"""Windows for pretraining from motion capture: `python recipes/virtual_motion.py --out windows [--mocap FOLDER] [--utd-mhad FOLDER]`.

Virtual sensors by `fimad.simulate` at every placement that the markers allow, from CMU recordings with labels a tenth of a second long (AMC with its ASF)
and from UTD-MHAD's skeletons; each motion also mirrored and at other speeds, as other bodies. The data card is data_cards/virtual_motion.md.

`--text MODEL` embeds the classes' names with a sentence-transformers model; without it the text is a fixed random vector a class, which says that two
classes differ and nothing of what they mean.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from fimad.har import skeleton_rate_hz
from fimad.labels import load_mapping
from fimad.mujo import WindowSet
from fimad.mujo.windows import joints
from fimad.simulate import Trajectories, read_motion, simulate_imu
from fimad.skeleton import DEFAULT_PLACEMENTS, LANDMARK_INDEX

RATE_HZ, LENGTH_S, STRIDE_S, POSES = 25.0, 2.0, 1.0, 20
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


def rows_of(
    tracks: Trajectories, label_at: list[str], labels_hz: float, placements: tuple[str, ...], speed: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, str]]:
    """Windows of one motion: imu (p, 6, t), which sensors are there (p, 2), pose, class; those that hold two classes are left out."""
    imu = simulate_imu(tracks, placements=placements, rate_hz=RATE_HZ)
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
            signal = imu.signals[name]
            if signal.valid[start : start + size].all():
                values[at, :3] = signal.acc_m_s2[start : start + size].T
                values[at, 3:] = signal.gyro_rad_s[start : start + size].T
                there[at] = True
        frames = (tracks.time_s >= imu.time_s[start]) & (tracks.time_s <= imu.time_s[start + size - 1])
        if there.any() and frames.sum() > 2:
            yield values, there, joints(landmarks[frames], POSES), inside[0]


def motions(
    mocap: Path | None, utd: Path | None, persons: set[str]
) -> Iterator[tuple[str, Trajectories, list[str], float]]:
    """Who, motion, classes over time, and how many of these a second."""
    for name, labels in CMU.items() if mocap else ():
        tracks = read_motion(mocap / f"{name}.amc", skeleton=mocap / "imusim__16.asf")
        numbers = (mocap / labels).read_text().split()
        yield "cmu13", tracks, [CMU_CLASSES[int(float(number))] for number in numbers], 10.0
    if utd:
        mapping = load_mapping("utd-mhad")
        classes = list(mapping.classes)
        for path in sorted((utd / "Skeleton").glob("a*_s*_t*_skeleton.mat")):
            action, person = (int(part[1:]) for part in path.name.split("_")[:2])
            inertial = utd / "Inertial" / path.name.replace("skeleton", "inertial")
            if str(person) in persons and inertial.exists():
                label = mapping.exercise_of(classes[action - 1]) or classes[action - 1]
                yield f"utd{person}", utd_trajectories(path, inertial), [label] * 100, 10.0


def text_of(classes: tuple[str, ...], model: str | None) -> np.ndarray:
    """(c, e) vectors of the classes' names."""
    if model:
        from sentence_transformers import SentenceTransformer

        names = [name.replace("_", " ") for name in classes]
        return np.asarray(SentenceTransformer(model).encode(names, normalize_embeddings=True), np.float32)
    seeds = [int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") for name in classes]
    drawn = np.stack([np.random.default_rng(seed).normal(size=64) for seed in seeds])
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


def make(
    mocap: Path | None,
    utd: Path | None,
    *,
    persons: set[str],
    placements: tuple[str, ...] = DEFAULT_PLACEMENTS,
    variants: int = len(VARIANTS),
    text: str | None = None,
) -> WindowSet:
    """All windows."""
    rows, groups = [], []
    for who, tracks, labels, labels_hz in motions(mocap, utd, persons):
        for speed, mirrored, size in VARIANTS[:variants]:
            for row in rows_of(varied(tracks, speed, mirrored, size), labels, labels_hz, placements, speed):
                rows.append(row)
                groups.append(who)
    classes = tuple(sorted({row[3] for row in rows}))
    label = np.array([classes.index(row[3]) for row in rows], np.int64)
    everywhere = np.ones(len(rows), bool)
    return WindowSet(
        np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows]), label, np.array(groups), placements, classes,
        RATE_HZ, pose=np.stack([row[2] for row in rows]), pose_there=everywhere, text=text_of(classes, text)[label],
        text_there=everywhere,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--utd-mhad", type=Path)
    parser.add_argument("--persons", default="1,2,3,4,5", help="of UTD-MHAD")
    parser.add_argument("--variants", type=int, default=len(VARIANTS))
    parser.add_argument("--placements", default=",".join(DEFAULT_PLACEMENTS))
    parser.add_argument("--text", help="sentence-transformers model or folder")
    args = parser.parse_args()
    windows = make(
        args.mocap, args.utd_mhad, persons=set(args.persons.split(",")), placements=tuple(args.placements.split(",")),
        variants=args.variants, text=args.text,
    )  # fmt: skip
    windows.save(args.out)
    print(windows)


if __name__ == "__main__":
    main()
