"""`simulate_imu`: trajectories in, sensor signals out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from fimad.config import SimulateConfig
from fimad.errors import ConfigError
from fimad.simulate.differentiate import METHODS
from fimad.simulate.placements import PLACES, axes_of, point_of
from fimad.simulate.stretches import Stretch, bridge_gaps, find_stretches
from fimad.simulate.trajectory import Lifted, Trajectories, lift
from fimad.simulate.types import Bools, Floats, ImuSequence, PlacementSignal, PoseSequence
from fimad.skeleton import LANDMARKS

GRAVITY_M_S2 = np.array([0.0, 0.0, -9.80665])


def simulate_imu(
    source: PoseSequence | Trajectories,
    *,
    placements: Sequence[str] | None = None,
    rate_hz: float | None = None,
    config: SimulateConfig | None = None,
) -> ImuSequence:
    """Virtual accelerometer and gyroscope signals.

    Parameters
    ----------
    source : one person's landmarks from a video, or trajectories from motion capture that carry the landmarks' names.
    placements, rate_hz : override those of `config`.
    config : options; see `SimulateConfig`.

    Returns
    -------
    ImuSequence on a uniform clock from the first to the last frame. Specific force is f = Rᵀ(a − g), with R from sensor to
    world and g = (0, 0, −9.80665) m/s²; the angular rate is that of R in the sensor frame.

    Raises
    ------
    ConfigError : an unknown placement, or a rate that is not positive.
    """
    config = config or SimulateConfig()
    placements = tuple(config.placements if placements is None else placements)
    rate_hz = config.rate_hz if rate_hz is None else rate_hz
    _check(placements, rate_hz)
    if isinstance(source, PoseSequence):
        lifted = lift(source, focal=config.focal or None, pitch_deg=config.pitch_deg)
    else:
        lifted = Lifted(source, np.zeros(len(source.time_s), bool), {})
    tracks = lifted.trajectories
    clock = _clock(tracks.time_s, rate_hz)
    signals = _Signals(clock, placements)
    missing = {name for name in placements if not _needs(name) <= set(tracks.names)}
    for stretch in _stretches(lifted, config):
        _fill(signals, tracks, stretch, [name for name in placements if name not in missing], config)
    report: dict[str, Any] = dict(lifted.report)
    report["method"] = config.method
    report["stretches"] = [[float(a), float(b)] for a, b in signals.spans]
    if missing:
        report["missing_landmarks"] = sorted(missing)
    return signals.finish(rate_hz, report)


def _check(placements: Sequence[str], rate_hz: float) -> None:
    unknown = [name for name in placements if name not in PLACES]
    if unknown:
        raise ConfigError(
            f"There is no placement {unknown[0]!r}.",
            "The name is misspelt.",
            f"The placements are: {', '.join(PLACES)}.",
        )
    if not (np.isfinite(rate_hz) and rate_hz > 0):
        raise ConfigError(f"rate_hz is {rate_hz}.", "A rate must be positive.", "Give samples per second, such as 50.")


def _needs(placement: str) -> set[str]:
    place = PLACES[placement]
    names = {*place.point, "left_shoulder", "right_shoulder"}
    for name in (*place.along, *place.across):
        names |= set(name.split("+"))
    return names


def _clock(time_s: Floats, rate_hz: float) -> Floats:
    if not len(time_s):
        return np.zeros(0)
    count = int(np.floor((time_s[-1] - time_s[0]) * rate_hz + 1e-6)) + 1
    result: Floats = time_s[0] + np.arange(count) / rate_hz
    return result


def _stretches(lifted: Lifted, config: SimulateConfig) -> list[Stretch]:
    tracks = lifted.trajectories
    if not len(tracks.time_s):
        return []
    found: Bools = np.asarray(np.isfinite(tracks.position_m).all(axis=2))
    # Pose comes whole or not at all; motion capture loses markers one by one.
    good: Bools = np.asarray(found.any(1) if tracks.depth_axis is None else found.all(1))
    return find_stretches(
        tracks.time_s, good, lifted.breaks, longest_gap_s=config.longest_gap_s, shortest_s=config.shortest_s
    )


class _Signals:
    """Collects the placements' signals stretch by stretch."""

    def __init__(self, clock_s: Floats, placements: Sequence[str]) -> None:
        count = len(clock_s)
        self.clock_s = clock_s
        self.spans: list[tuple[float, float]] = []
        self.root_m = np.full((count, 3), np.nan)
        self.acc = {name: np.full((count, 3), np.nan) for name in placements}
        self.force = {name: np.full((count, 3), np.nan) for name in placements}
        self.gyro = {name: np.full((count, 3), np.nan) for name in placements}
        self.rotation = {name: np.full((count, 3, 3), np.nan) for name in placements}
        self.sigma = {name: np.full(count, np.nan) for name in placements}
        self.valid: dict[str, Bools] = {name: np.zeros(count, bool) for name in placements}
        self.trust: dict[str, list[tuple[float, int]]] = {name: [] for name in placements}

    def finish(self, rate_hz: float, report: dict[str, Any]) -> ImuSequence:
        signals = {}
        for name, valid in self.valid.items():
            weights = self.trust[name]
            trust = sum(value * count for value, count in weights) / max(1, sum(count for _, count in weights))
            signals[name] = PlacementSignal(
                acc_m_s2=self.force[name],
                gyro_rad_s=self.gyro[name],
                acc_world_m_s2=self.acc[name],
                rotation=self.rotation[name],
                valid=valid,
                sigma_m_s2=self.sigma[name],
                quality=float(np.clip(trust * (valid.mean() if len(valid) else 0.0), 0, 1)),
            )
        return ImuSequence(self.clock_s, rate_hz, signals, self.root_m, report)


def _fill(
    signals: _Signals, tracks: Trajectories, stretch: Stretch, placements: Sequence[str], config: SimulateConfig
) -> None:
    frames = slice(stretch.first, stretch.last + 1)
    time_s = tracks.time_s[frames]
    inside = np.flatnonzero((signals.clock_s >= time_s[0] - 1e-9) & (signals.clock_s <= time_s[-1] + 1e-9))
    if not len(inside):
        return
    signals.spans.append((time_s[0], time_s[-1]))
    index = {name: at for at, name in enumerate(tracks.names)}
    wanted = [name for name in LANDMARKS if name in index]
    columns = np.array([index[name] for name in wanted])
    landmarks = bridge_gaps(time_s, tracks.position_m[frames][:, columns], config.longest_gap_s)
    # Across a bridged gap a point is as visible as before and after it, not hidden.
    seen_before: Bools = np.asarray(np.isfinite(tracks.position_m[frames][:, columns]).all(axis=2))
    weight = _hold(time_s, tracks.weight[frames][:, columns], seen_before)
    by_name = {name: landmarks[:, at] for at, name in enumerate(wanted)}
    # The sensors' own points are smoothed too, rather than mixed from smoothed landmarks: a mean of two has less noise.
    places = np.stack([point_of(PLACES[name], by_name) for name in placements], 1) if placements else landmarks[:, :0]
    everything = np.concatenate([places, landmarks], axis=1)
    usable = np.isfinite(everything).all((0, 2))
    smooth = METHODS[config.method](time_s, everything.reshape(len(time_s), -1), tracks.depth_axis, config)
    shape = (-1, everything.shape[1], 3)
    clock = signals.clock_s[inside]
    at_clock = CubicSpline(time_s, np.nan_to_num(smooth.position), axis=0)(clock).reshape(shape)
    acceleration = CubicSpline(time_s, np.nan_to_num(smooth.acceleration), axis=0)(clock).reshape(shape)
    sigma = np.sqrt((smooth.sigma.reshape((len(time_s), *shape[1:])) ** 2).sum(2))
    share = smooth.share.reshape(shape[1:])
    count = len(placements)
    steady = {name: at_clock[:, count + at] for at, name in enumerate(wanted)}
    clear = {name: weight[:, at] for at, name in enumerate(wanted)}
    if {"left_hip", "right_hip"} <= steady.keys():
        signals.root_m[inside] = (steady["left_hip"] + steady["right_hip"]) / 2
    for at, name in enumerate(placements):
        needed = [wanted.index(each) for each in _needs(name)]
        if not (usable[at] and usable[[count + each for each in needed]].all()):
            continue
        visibility = np.mean([clear[each] * part for each, part in PLACES[name].point.items()], axis=0) * len(
            PLACES[name].point
        )
        rotation = axes_of(PLACES[name], steady)
        world = acceleration[:, at] + _lever_arm(rotation, clock, config.offset_m)
        signals.acc[name][inside] = world
        mounted = rotation @ Rotation.from_euler("xyz", config.mounting_deg, degrees=True).as_matrix()
        signals.force[name][inside] = np.einsum("nji,nj->ni", mounted, world - GRAVITY_M_S2)
        signals.gyro[name][inside] = angular_rate(mounted, clock)
        signals.rotation[name][inside] = mounted
        seen = np.interp(clock, time_s, visibility)
        # A hidden landmark is a guess: its uncertainty grows without bound as its visibility goes to 0.
        signals.sigma[name][inside] = np.interp(clock, time_s, sigma[:, at]) / np.clip(seen, 0.1, 1)
        signals.valid[name][inside] = seen >= config.min_visibility
        for values in (signals.acc, signals.force, signals.gyro, signals.rotation, signals.sigma):
            values[name][inside[seen < config.min_visibility]] = np.nan
        trust = float(np.median(visibility)) * (0.5 + 0.5 * float(share[at].max()))
        signals.trust[name].append((trust, len(inside)))


def _hold(time_s: Floats, weight: Floats, found: Bools) -> Floats:
    """(n, k) weights with those of missing points interpolated in time."""
    result = weight.copy()
    for at in np.flatnonzero(~found.all(0) & found.any(0)):
        good = found[:, at]
        result[:, at] = np.interp(time_s, time_s[good], weight[good, at])
    return result


def angular_rate(rotation: Floats, time_s: Floats) -> Floats:
    """(n, 3) angular rate in the sensor frame, rad/s, of (n, 3, 3) rotations from sensor to world at uniform times.

    The rotation vector between the neighbours of each sample over twice the step: exact for a constant rate, of second
    order otherwise; one-sided at the ends.
    """
    if len(rotation) < 2:
        return np.zeros((len(rotation), 3))
    turns = Rotation.from_matrix(rotation)
    step = (turns[:-1].inv() * turns[1:]).as_rotvec() / np.diff(time_s)[:, None]
    result: Floats = np.concatenate([step[:1], (step[:-1] + step[1:]) / 2, step[-1:]])
    return result


def _lever_arm(rotation: Floats, time_s: Floats, offset_m: Sequence[float]) -> Floats | float:
    """Acceleration that a sensor off the bone has more than its point: the second derivative of R·offset."""
    if not any(offset_m) or len(time_s) < 3:
        return 0.0
    arm = rotation @ np.asarray(offset_m, float)
    result: Floats = np.gradient(np.gradient(arm, time_s, axis=0), time_s, axis=0)
    return result
