"""How much nearer a calibration brings virtual readings to a real device, on people it was not fitted on.

    python -m benchmarks.calibration --utd DIR [--watch DIR] [--json FILE]

- ``--utd DIR``: UTD-MHAD (``Skeleton/``, ``Inertial/``). Virtual readings come from the Kinect's skeleton; maps are fitted on
  subjects 1 to 3, without labels and without pairing, and applied to subjects 4 and 5. On the wrist (actions 1 to 21) the hand's
  roll is not known, so the length of the specific force is taken; on the thigh (22 to 27) each axis of both sensors.
- ``--watch DIR``: CSV files whose first three columns are a wrist's acceleration in g. The same virtual wrist is fitted on every
  other file and compared with the rest: another device, other people, other exercises.

The distance is the first Wasserstein distance between the distributions, in the unit of the channel. Compared are: nothing; the
same mean and standard deviation; 100 levels of ranks, as in IMUTube (doi:10.1145/3411841); and `fimad.simulate.devices.calibration`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from fimad.config import SimulateConfig
from fimad.simulate import Trajectories, simulate_imu
from fimad.simulate.devices.calibration import CHANNELS, fit_map, wasserstein
from fimad.simulate.smoothing.differentiate import METHODS

_G_M_S2 = 9.80665
_FITTED, _HELD_OUT = (1, 2, 3), (4, 5)
_WRIST_ACTIONS, _THIGH_ACTIONS = range(1, 22), range(22, 28)
# Kinect joints, from 0.
_RIGHT_WRIST = 10
_JOINTS = {
    "left_shoulder": 4,
    "right_shoulder": 8,
    "left_hip": 12,
    "right_hip": 16,
    "left_knee": 13,
    "right_knee": 17,
}
# The skeleton's clock runs this much behind the inertial one after its rate has been corrected.
_LAG_S = -0.03

Apply = Callable[[np.ndarray], np.ndarray]


def nothing(virtual: np.ndarray, real: np.ndarray) -> Apply:
    """The virtual readings as they are."""
    return lambda values: values


def moments(virtual: np.ndarray, real: np.ndarray) -> Apply:
    """The real data's mean and standard deviation."""
    scale = real.std() / virtual.std()
    return lambda values: (values - virtual.mean()) * scale + real.mean()


def levels(virtual: np.ndarray, real: np.ndarray) -> Apply:
    """Ranks on 100 levels: each reading becomes the real data's percentile of its own percentile."""
    edges, centres = np.percentile(virtual, np.arange(1, 100)), np.percentile(real, np.arange(100) + 0.5)
    return lambda values: centres[np.searchsorted(edges, values)]


def continuous(virtual: np.ndarray, real: np.ndarray) -> Apply:
    """fimad's."""
    return fit_map(virtual, real).apply


METHODS_COMPARED = {"none": nothing, "mean and std": moments, "100 levels": levels, "fimad": continuous}


def _trials(folder: Path, actions: range, subjects: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(n, 20, 3) skeletons in the world frame and their (m, 6) inertial readings in m/s² and rad/s."""
    found = []
    for action in actions:
        for subject in subjects:
            for path in sorted((folder / "Skeleton").glob(f"a{action}_s{subject}_t*_skeleton.mat")):
                partner = folder / "Inertial" / path.name.replace("skeleton", "inertial")
                if partner.exists():
                    skeleton = np.moveaxis(loadmat(path)["d_skel"], 2, 0).astype(float)
                    inertial = loadmat(partner)["d_iner"].astype(float)
                    real = np.concatenate([inertial[:, :3] * _G_M_S2, np.radians(inertial[:, 3:])], axis=1)
                    # Kinect: x to the picture's left, y up, z away from the camera. World: x right, y away, z up.
                    found.append((skeleton[:, :, [0, 2, 1]] * [-1, 1, 1], real))
    return found


def wrist_lengths(folder: Path, subjects: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(m,) virtual and real lengths of the specific force at the wrist on the inertial clock, by trial."""
    result = []
    for skeleton, real in _trials(folder, _WRIST_ACTIONS, subjects):
        time_s, real_s = _clocks(skeleton, real)
        acceleration = METHODS["adaptive"](time_s, skeleton[:, _RIGHT_WRIST], None, SimulateConfig()).acceleration
        force = np.linalg.norm(acceleration + np.array([0, 0, _G_M_S2]), axis=1)
        result.append((np.interp(real_s + _LAG_S, time_s, force), np.linalg.norm(real[:, :3], axis=1)))
    return result


def thigh_channels(folder: Path, subjects: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(n, 6) virtual and (m, 6) real readings of the right thigh, by trial."""
    result = []
    for skeleton, real in _trials(folder, _THIGH_ACTIONS, subjects):
        time_s, _ = _clocks(skeleton, real)
        position = skeleton[:, list(_JOINTS.values())]
        tracks = Trajectories(time_s, tuple(_JOINTS), position, np.ones(position.shape[:2]))
        signal = simulate_imu(tracks, placements=("right_thigh",), rate_hz=50).signals["right_thigh"]
        values = np.concatenate([signal.acc_m_s2, signal.gyro_rad_s], axis=1)
        result.append((values[np.isfinite(values).all(1)], real))
    return result


def _clocks(skeleton: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inertial sensor has 50 Hz; the skeleton's true rate follows from the counts."""
    return np.arange(len(skeleton)) * len(real) / (50 * len(skeleton)), np.arange(len(real)) / 50


def distances(
    fit: tuple[np.ndarray, np.ndarray], held_out: tuple[np.ndarray, np.ndarray]
) -> dict[str, dict[str, float]]:
    """By method: the distance on held-out people, and how many different values come out of a thousand."""
    result = {}
    for name, method in METHODS_COMPARED.items():
        mapped = method(*fit)(held_out[0])
        result[name] = {
            "distance": wasserstein(mapped, held_out[1]),
            "distinct_per_1000": 1000 * len(np.unique(mapped)) / len(mapped),
        }
    return result


def utd(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Channel, method, figure."""
    fit, rest = wrist_lengths(folder, _FITTED), wrist_lengths(folder, _HELD_OUT)
    pooled = tuple(np.concatenate(each) for each in zip(*fit, strict=True))
    tables = {"wrist, length": distances(pooled, tuple(np.concatenate(each) for each in zip(*rest, strict=True)))}
    for name, method in METHODS_COMPARED.items():
        apply = method(*pooled)
        errors = [np.sqrt(np.mean((apply(virtual) - real) ** 2)) for virtual, real in rest]
        tables["wrist, length"][name]["paired_rms"] = float(np.median(errors))
    fit, rest = thigh_channels(folder, _FITTED), thigh_channels(folder, _HELD_OUT)
    sides = [[np.concatenate(each) for each in zip(*part, strict=True)] for part in (fit, rest)]
    for at, channel in enumerate(CHANNELS):
        tables[f"thigh, {channel}"] = distances(*[tuple(each[:, at] for each in side) for side in sides])
    return tables


def watch(folder: Path, virtual: np.ndarray) -> dict[str, dict[str, float]]:
    """The virtual wrist against a watch: fitted on every other file, compared with the rest."""
    files = sorted(folder.glob("*.csv"))
    lengths = [
        np.linalg.norm(np.genfromtxt(path, delimiter=",", usecols=(0, 1, 2)), axis=1) * _G_M_S2 for path in files
    ]
    return distances((virtual[::2], np.concatenate(lengths[::2])), (virtual[1::2], np.concatenate(lengths[1::2])))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utd", type=Path, required=True, help="folder of UTD-MHAD")
    parser.add_argument("--watch", type=Path, help="folder of CSV files of a wrist's acceleration in g")
    parser.add_argument("--json", type=Path, help="where to write every figure")
    options = parser.parse_args()
    tables = utd(options.utd)
    if options.watch:
        virtual = np.concatenate([virtual for virtual, _ in wrist_lengths(options.utd, _FITTED + _HELD_OUT)])
        tables["other watch, length"] = watch(options.watch, virtual)
    for figure, title in (
        ("distance", "Wasserstein distance on held-out people (files), m/s² or rad/s"),
        ("distinct_per_1000", "Different values in 1000 samples"),
        ("paired_rms", "RMS difference from the paired real sensor, median over trials, m/s²"),
    ):
        print(f"\n{title}\n{'':22}", *(f"{name:>13}" for name in METHODS_COMPARED))
        for channel, methods in tables.items():
            if figure in methods["none"]:
                print(f"{channel:22}", *(f"{methods[name][figure]:13.3f}" for name in METHODS_COMPARED))
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
