"""`simulate_imu`: trajectories in, sensor signals out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from fimad.config import SimulateConfig
from fimad.errors import ConfigError
from fimad.simulate.lifting.trajectory import Lifted, Trajectories, lift
from fimad.simulate.orientations import as_given, measured_segments
from fimad.simulate.placements import PLACES, Rig, rig_of, rotation
from fimad.simulate.plausibility import MOST_OF_TRUNK_M_S2, MOST_RAD_S, plausible
from fimad.simulate.points import smooth_points
from fimad.simulate.sites import Site, remount
from fimad.simulate.smoothing.floor import floor_band
from fimad.simulate.smoothing.resample import PASS, band_limited, middle_of, resample, step_of
from fimad.simulate.stretches import Stretch, find_stretches, is_short, known
from fimad.simulate.types import Bools, Floats, ImuSequence, Ints, PlacementSignal, PoseSequence
from fimad.simulate.uncertainty import stated, traces
from fimad.simulate.vectors import dot

GRAVITY_M_S2 = np.array([0.0, 0.0, -9.80665])
_DEFAULTS = SimulateConfig()
_HIPS = ("left_hip", "right_hip")
# Visibility that counts as none.
_HIDDEN = 0.01
# So many samples tell how long bones are and how far they turn.
_FEW_HZ = 10.0
# The samples that an angular rate away from the ends is made from, besides its own.
_NEIGHBOURS = 4
# Just below what glibc ever takes for a block that is worth keeping, 32 MiB.
_KEPT_BYTES = 30 << 20


def simulate_imu(
    source: PoseSequence | Trajectories,
    *,
    placements: Sequence[str] | None = None,
    rate_hz: float | None = None,
    start_s: float | None = None,
    rotations: Mapping[str, Floats | Rotation] | None = None,
    sites: Mapping[str, Site] | None = None,
    config: SimulateConfig | None = None,
) -> ImuSequence:
    """Virtual accelerometer and gyroscope signals.

    Parameters
    ----------
    source : one person's landmarks from a video, or trajectories from motion capture that carry the landmarks' names.
    placements, rate_hz : override those of `config`.
    start_s : where the clip begins; the clock is start_s + k/rate_hz. None takes the first frame.
    rotations : orientations of segments that were measured, for `Trajectories` that don't carry them; see there.
    sites : where sensors sit on their segments, by placement; those of the others are the placement's own.
    config : options; see `SimulateConfig`.

    Returns
    -------
    ImuSequence on a uniform clock, until the last frame is over. What the rate can't hold is filtered out. Specific force is f = Rᵀ(a − g), with R from sensor to
    world and g = (0, 0, −9.80665) m/s²; the angular rate is that of R in the sensor frame.

    Raises
    ------
    ConfigError : an unknown placement, or a rate that is not positive.
    """
    _keep_memory()
    config = config or _DEFAULTS
    placements = tuple(config.placements if placements is None else placements)
    rate_hz = config.rate_hz if rate_hz is None else rate_hz
    _check(placements, rate_hz)
    if rotations:
        if isinstance(source, PoseSequence):
            raise ConfigError(
                "A pose has no measured rotations.",
                "They are for motion capture.",
                "Give Trajectories, or leave them out.",
            )
        source = replace(source, rotations={**source.rotations, **rotations})
    if isinstance(source, PoseSequence):
        lifted = lift(source, focal=config.focal or None, pitch_deg=config.pitch_deg, height_m=config.height_m or None)
    else:
        lifted = Lifted(source, source.breaks, dict(source.notes))
    tracks = lifted.trajectories
    found = known(tracks.position_m)
    ever: Bools = np.asarray(found.any(axis=0))
    here = tuple(name for name, found in zip(tracks.names, ever.tolist(), strict=True) if found)
    rig = rig_of(placements, here, measured_segments({name: np.asarray(r) for name, r in tracks.rotations.items()}))
    clock_s = _clock(tracks.time_s, rate_hz, start_s)
    signals = _Signals(clock_s, rate_hz, rig)
    columns = [tracks.names.index(name) for name in rig.landmarks]
    found = found[:, columns]
    for sensors, stretches in _groups(lifted, found, rig, config):
        for stretch in stretches:
            _fill(signals, tracks, (columns, found), sensors, stretch, config)
    report: dict[str, Any] = dict(lifted.report)
    report["method"] = config.method
    report["stretches"] = [list(span) for span in sorted(signals.spans)]
    report["short_stretches"] = sum(is_short(np.array(span)) for span in signals.spans)
    if rig.missing:
        report["missing_landmarks"] = rig.missing
    if rig.as_given:
        report["axes_as_given"] = rig.as_given
    made = signals.made()
    in_order = {name: made[name] if name in made else _nothing(len(clock_s)) for name in placements}
    imu = ImuSequence(clock_s, rate_hz, in_order, signals.root_m, report)
    imu = plausible(imu, lifted.doubts, calm=signals.calm()) if isinstance(source, PoseSequence) else imu
    return remount(imu, sites) if sites else imu


@cache
def _keep_memory() -> None:
    """Let the process keep what it frees, up to twice 30 MiB, for the next arrays: to fault pages in again costs a fifth of the time.

    glibc gives large blocks back to the system at once, until one has been freed: from then on it keeps those that are no
    larger (mallopt(3), M_MMAP_THRESHOLD). This one is never touched, and so takes no memory itself.
    """
    np.empty(_KEPT_BYTES, np.uint8)


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


def _clock(time_s: Floats, rate_hz: float, start_s: float | None) -> Floats:
    if not len(time_s):
        return np.zeros(0)
    first_s = time_s[0] if start_s is None else start_s
    # A frame stands until the next one.
    count = int(np.ceil((time_s[-1] + step_of(time_s) - first_s) * rate_hz - 1e-6))
    result: Floats = first_s + np.arange(max(0, count)) / rate_hz
    return result


def _finer(rate_hz: float, source_hz: float, method: str) -> int:
    """How many times the sensors' rate is needed to hold all that the source has, and the products of its motions."""
    highest_hz = floor_band(source_hz)[1] if method == "adaptive" else source_hz / 2
    return (
        1
        if rate_hz > 0.999 * source_hz or highest_hz <= PASS * rate_hz
        else int(np.ceil(2 * highest_hz / (PASS * rate_hz)))
    )


def _groups(lifted: Lifted, found: Bools, rig: Rig, config: SimulateConfig) -> Iterator[tuple[Bools, list[Stretch]]]:
    """Sensors (p,) that are measured at the same times, with these times; `found` (n, k) where the rig's landmarks are measured."""
    # Pose comes whole or not at all; motion capture loses markers one by one.
    together = bool((found == found[:, :1]).all())
    if together:
        # As a rule all are measured together; to sort columns to see that would cost more than all the rest.
        patterns, which = found[:, :1], np.zeros(len(rig.names), int)
    else:
        good = np.stack([found[:, needed].all(1) for needed in rig.needs], 1)
        patterns, which = np.unique(good, axis=1, return_inverse=True)
    for at, measured in enumerate(patterns.T):
        yield (
            np.asarray(which.ravel() == at),
            find_stretches(
                lifted.trajectories.time_s,
                measured,
                lifted.breaks,
                longest_gap_s=config.longest_gap_s,
                shortest_s=config.shortest_s,
            ),
        )


class _Signals:
    """Collects the signals of p sensors on s segments, on a clock of m samples, stretch by stretch; components first, times last."""

    def __init__(self, clock_s: Floats, rate_hz: float, rig: Rig) -> None:
        count = len(rig.names)
        self.clock_s, self.rate_hz = clock_s, rate_hz
        self.rig = rig
        self.spans: set[tuple[float, float]] = set()
        self.root_m = np.full((len(clock_s), 3), np.nan)
        # (..., p, m) world, force, gyro, sigma, gyro_sigma, and (3, 3, s, m) axes.
        self._parts: dict[str, Floats] = {}
        self.valid = np.zeros((count, len(clock_s)), bool)
        # Confidence of each stretch, summed over its samples.
        self.confidence = np.zeros(count)
        self.samples = np.zeros(count)

    def put(self, name: str, part: Floats, rows: slice | Bools | Ints, here: slice) -> None:
        """Take values of some sensors, or segments, over a stretch."""
        if name not in self._parts:
            if isinstance(rows, slice) and part.shape[-1] == len(self.clock_s):
                # As a rule one stretch is all there is, and nothing has to be copied.
                self._parts[name] = part
                return
            count = len(self.rig.carriers if name == "axes" else self.rig.names)
            self._parts[name] = np.full((*part.shape[:-2], count, len(self.clock_s)), np.nan)
        self._parts[name][..., rows, here] = part

    def calm(self) -> bool:
        """Whether no sample of any sensor comes near what no part of a body does: far quicker to see of all than of each."""
        limits = {"gyro": MOST_RAD_S, "world": MOST_OF_TRUNK_M_S2}
        return not any(
            (dot(part, part) > limits[name] ** 2).any() for name, part in self._parts.items() if name in limits
        )

    def made(self) -> dict[str, PlacementSignal]:
        """The signals by placement; nothing of those that were never put."""
        if not self._parts:
            return {}
        world, force, gyro, sigma, gyro_sigma, axes = (
            self._parts[name] for name in ("world", "force", "gyro", "sigma", "gyro_sigma", "axes")
        )
        share = np.count_nonzero(self.valid, axis=1) / max(1, len(self.clock_s))
        quality = np.minimum(1.0, self.confidence / np.maximum(1.0, self.samples) * share).tolist()
        segment = self.rig.segment.tolist()
        made = {}
        for at, (name, whole) in enumerate(zip(self.rig.names, (share == 1).tolist(), strict=True)):
            valid, turned = self.valid[at], axes[:, :, segment[at]]
            if not whole:
                turned = turned.copy()
                np.copyto(turned, np.nan, where=~valid)
            made[name] = PlacementSignal(
                acc_m_s2=force[:, at].T,
                gyro_rad_s=gyro[:, at].T,
                lin_acc_world_m_s2=world[:, at].T,
                rotation=rotation(turned),
                valid=valid,
                sigma_m_s2=sigma[at],
                gyro_sigma_rad_s=gyro_sigma[at],
                quality=quality[at],
            )
        return made


def _nothing(count: int) -> PlacementSignal:
    """The signal of a sensor that can't be computed."""
    nan = np.full((count, 3), np.nan)
    turned, never = np.full((count, 3, 3), np.nan), np.zeros(count, bool)
    return PlacementSignal(nan, nan, nan, turned, never, nan[:, 0], nan[:, 0], 0.0)


def _fill(
    signals: _Signals,
    tracks: Trajectories,
    measured: tuple[list[int], Bools],
    sensors: Bools,
    stretch: Stretch,
    config: SimulateConfig,
) -> None:
    """Compute the signals of `sensors` over a stretch; `measured`: the columns of the rig's landmarks, and where they are (n, k)."""
    rig, (columns, found) = signals.rig, measured
    frames = slice(stretch.first, stretch.last + 1)
    time_s = tracks.time_s[frames]
    step_s = step_of(time_s)
    # A frame stands until the next one; what comes before a clip's first frame belongs to it.
    begin_s, end_s = time_s[0] - (step_s if stretch.first == 0 else 0.0), time_s[-1] + step_s
    inside = (signals.clock_s > begin_s - 1e-9) & (signals.clock_s < end_s - 1e-9)
    first, count = int(inside.argmax()), int(inside.sum())
    if not count:
        return
    here = slice(first, first + count)
    signals.spans.add((float(time_s[0]), float(time_s[-1])))
    # Angular rates and lever arms are not linear: they are made on a clock that holds them, and brought to the sensors' last.
    finer = _finer(signals.rate_hz, 1 / step_s, config.method)
    rate_hz = finer * signals.rate_hz
    before = int(np.floor((signals.clock_s[first] - begin_s) * rate_hz + 1e-6)) if finer > 1 else 0
    after = int(np.floor((end_s - signals.clock_s[first + count - 1]) * rate_hz - 1e-6)) if finer > 1 else 0
    clock_s = signals.clock_s[first] + np.arange(-before, (count - 1) * finer + 1 + max(after, 0)) / rate_hz
    # Times last in memory, since they are so from here on.
    found, places_m = found[frames], tracks.position_m[frames].T[:, columns].T
    # A slice is read and written far faster than a selection.
    chosen = slice(None) if sensors.all() else sensors
    # Landmarks that only other sensors need may be missing here.
    usable: Bools = np.asarray(rig.needs[chosen].any(axis=0))
    usable |= rig.helps[chosen].any(axis=0) & found.all(axis=0)
    if not usable.all():
        places_m[:, ~usable] = 0.0
    points = smooth_points(tracks, time_s, places_m, clock_s, config)
    joints = points.position_m.T
    kept = slice(before, before + (count - 1) * finer + 1, finer)
    hips = [at for at, name in enumerate(rig.landmarks) if name in _HIPS and usable[at]]
    if len(hips) == len(_HIPS):
        signals.root_m[here] = points.position_m[:, hips, kept].mean(1).T
    segment, point = rig.segment[chosen], rig.point[chosen]
    bones = rig.axes(joints, rate_hz)
    if tracks.rotations:
        given = {name: np.asarray(each)[frames] for name, each in tracks.rotations.items()}
        bones = as_given(bones, rig.carriers, given, time_s, clock_s)
    world = point @ points.acceleration_m_s2
    if any(config.offset_m):
        world += np.take(_lever_arm(bones, clock_s, config.offset_m), segment, axis=1)
    if any(config.mounting_deg):
        turn = Rotation.from_euler("xyz", config.mounting_deg, degrees=True).as_matrix()
        bones = np.einsum("ij,ic...->jc...", turn, bones)
    gyro = np.take(_rates(bones, clock_s), segment, axis=1)
    # Across a bridged gap a point is as visible as before and after it, not hidden.
    # Between two landmarks, a sensor is hardly seen better than the worse of them: a harmonic mean.
    weight = _hold(time_s, tracks.weight[frames][:, columns], found)
    visibility = 1 / ((1 / np.maximum(weight, _HIDDEN)) @ point.T)
    seen = np.ascontiguousarray(resample(time_s, visibility, signals.clock_s[here], points=2).T)
    valid = seen >= config.min_visibility
    hidden_at = None if valid.all() else ~valid
    against = world - GRAVITY_M_S2[:, None, None]
    force = np.empty_like(against)
    for at, axis in enumerate(bones):
        np.einsum("cpm,cpm->pm", np.take(axis, segment, axis=1), against, out=force[at])
    # A hidden landmark is a guess: its uncertainty grows without bound as its visibility goes to 0.
    hidden = 1 / np.clip(seen, 0.1, 1)
    few = slice(None, None, max(1, round(rate_hz / _FEW_HZ)))
    found_in = traces(points.doubt, rig, sensors, joints[few], bones[..., few], clock_s[few])
    names = tuple(name for name, wanted in zip(rig.names, sensors.tolist(), strict=True) if wanted)
    spread = stated(found_in, names, depth_axis=tracks.depth_axis)
    clock_s = clock_s[kept]
    hidden *= points.doubt.near_ends(clock_s)
    both = resample(
        points.doubt.time_s, np.concatenate([spread.force_m_s2, spread.rate_rad_s], axis=1), clock_s, points=2
    )
    sigma, gyro_sigma = np.multiply(both.T.reshape(2, *hidden.shape), hidden, order="C")
    if finer > 1:
        world, force, gyro = (_slower(part, rate_hz, signals.rate_hz)[..., kept] for part in (world, force, gyro))
        bones = bones[..., kept]
    for name, part in (
        ("world", world),
        ("force", force),
        ("gyro", gyro),
        ("sigma", sigma),
        ("gyro_sigma", gyro_sigma),
    ):
        if hidden_at is not None:
            np.copyto(part, np.nan, where=hidden_at)
        signals.put(name, part, chosen, here)
    mine = chosen if isinstance(chosen, slice) else np.unique(segment)
    signals.put("axes", bones[:, :, mine], mine, here)
    signals.valid[chosen, here] = valid
    signals.confidence[chosen] += middle_of(visibility) * spread.explained * count
    signals.samples[chosen] += count


def _slower(values: Floats, rate_hz: float, to_hz: float) -> Floats:
    """`band_limited`, of (3, p, n) vectors."""
    flat = np.ascontiguousarray(values.reshape(-1, values.shape[2]).T)
    return band_limited(flat, rate_hz, to_hz).T.reshape(values.shape)


def _hold(time_s: Floats, weight: Floats, found: Bools) -> Floats:
    """(n, k) weights with those of missing points interpolated in time."""
    if found.all():
        return weight
    result = weight.copy()
    for at in np.flatnonzero(~found.all(0) & found.any(0)):
        good = found[:, at]
        result[:, at] = np.interp(time_s, time_s[good], weight[good, at])
    return result


def angular_rate(rotation: Floats, time_s: Floats) -> Floats:
    """(n, ..., 3) angular rate in the sensor's frame, rad/s, of (n, ..., 3, 3) rotations from it to the world at (n,) times.

    Rotation vectors over the steps are the rate's mean between samples; at a sample it is (−1, 7, 7, −1)/12 of the four
    nearest (of fourth order where steps are even: 1 % at a tenth of the sampling rate), of fewer at the ends. Exact for a
    constant rate. NaN where one of these rotations is unknown.
    """
    return _rates(rotation.T, time_s).T


def _rates(axes: Floats, time_s: Floats) -> Floats:
    """(3, ..., n) angular rates, as of `angular_rate`, of (3, 3, ..., n) axes: [axis, component]."""
    if len(time_s) < 2:
        return np.zeros((3, *axes.shape[2:]))
    before, after = axes[..., :-1], axes[..., 1:]

    def turned(i: int, j: int) -> Floats:
        """Axis j after the step, along axis i before it: an element of the rotation between."""
        return dot(before[i], after[j])

    # The antisymmetric part is the axis times the sine, the trace 1 + 2 cosine. Half a turn in a step can't be told anyway.
    step = np.empty((3, *before.shape[2:]))
    for at, (i, j) in enumerate(((2, 1), (0, 2), (1, 0))):
        np.subtract(turned(i, j), turned(j, i), out=step[at])
    step *= 0.5
    size = np.sqrt(dot(step, step))
    angle = np.arctan2(size, 0.5 * (np.einsum("ac...,ac...->...", before, after) - 1))
    scale = np.divide(angle, size, out=np.ones_like(size), where=size > 1e-12)
    scale *= 1 / np.diff(time_s)
    step *= scale
    rate = np.empty((3, *axes.shape[2:]))
    rate[..., 0], rate[..., -1] = step[..., 0], step[..., -1]
    between = rate[..., 1:-1]
    np.add(step[..., :-1], step[..., 1:], out=between)
    if len(time_s) <= _NEIGHBOURS:
        between *= 0.5
    else:
        # Of the four nearest instead of the two.
        between *= 7 / 12
        further = step[..., :-3] + step[..., 3:]
        further *= 1 / 12
        between[..., 1:-1] -= further
        # A parabola through the means of the first three steps, at its beginning and a step later.
        ends = np.stack([step[..., :3], step[..., :-4:-1]])
        for at, (a, b, c) in ((0, (11, -7, 2)), (1, (2, 5, -1))):
            rate[..., at], rate[..., -1 - at] = ends @ (np.array([a, b, c]) / 6)
    return rate


def _lever_arm(axes: Floats, time_s: Floats, offset_m: Sequence[float]) -> Floats:
    """(3, s, n) acceleration that a sensor off the bone has more than its point: the second derivative of R·offset."""
    arm = np.tensordot(np.asarray(offset_m, float), axes, 1)
    degree = min(5, len(time_s) - 1)
    if degree < 2:
        return np.zeros_like(arm)
    from scipy.interpolate import make_interp_spline  # half a second to import, for few

    # The axes are smooth already. Differences of differences would lose 5 % at 3 Hz and 50 samples/s, more at the ends.
    result: Floats = make_interp_spline(time_s, arm, k=degree, axis=2).derivative(2)(time_s)
    return result
