"""Virtual against recorded readings: aligned in time and by one rotation, then scored.

A recording has a clock, a frame and sometimes a unit of its own. Taken off before anything is scored are one lag, one constant
rotation (how the sensor was mounted), and gravity where the recording has none: what a user of both would take off, and nothing
that depends on time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError, SetupError
from fimad.simulate.readings.picture import save_figure
from fimad.simulate.readings.recording import Recording
from fimad.simulate.types import Bools, Floats, ImuSequence, PlacementSignal

_SHORTEST_S = 1.0
_FEWEST = 20
_HIGHEST_RATE_HZ = 100.0


@dataclass(frozen=True)
class Score:
    """How near one kind of reading is, over the compared samples.

    Parameters
    ----------
    r : Pearson correlation on the axis on which the recording varies most; `r_axes` on x, y and z.
    r_size : correlation of the vectors' lengths.
    rms_error : of the vector, in the reading's unit.
    relative : RMS error of the vector over the recording's RMS about its mean (specific force), or about 0 (angular rate).
    size_relative : the same of the vectors' lengths.
    gain : slope of the virtual on the recorded reading, on the axis on which the recording varies most.
    """

    r: float
    r_axes: tuple[float, float, float]
    r_size: float
    rms_error: float
    relative: float
    size_relative: float
    gain: float


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    Parameters
    ----------
    placement : which virtual sensor.
    lag_s : what is added to the virtual clock to have the recording's.
    mounting : rotation from the virtual sensor's frame to the recorded one's, as a quaternion x, y, z, w.
    samples, rate_hz : how many samples were compared, and at which rate.
    acc, gyro : scores; None where the recording has no such reading.
    within_2_sigma : share of samples whose error of specific force is less than twice the stated uncertainty.
    notes : how the recording was read.
    series : what was compared: `time_s`, `virtual_acc_m_s2`, `recorded_acc_m_s2`, and so for gyro; for pictures.
    """

    placement: str
    lag_s: float
    mounting: tuple[float, float, float, float]
    samples: int
    rate_hz: float
    acc: Score | None
    gyro: Score | None
    within_2_sigma: float | None
    notes: dict[str, Any]
    series: dict[str, Floats] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain data without the series."""
        data = asdict(self)
        del data["series"]
        return data

    def plot(self, path: str | Path) -> None:
        """Write a picture of both, axis by axis; the suffix chooses PNG, PDF or SVG. Needs matplotlib."""
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise SetupError(
                "matplotlib is not installed.", "It is part of the extra `report`.", "pip install 'fimad[report]'"
            ) from error
        kinds = [kind for kind in ("acc_m_s2", "gyro_rad_s") if f"recorded_{kind}" in self.series]
        figure = Figure(figsize=(9, 2.6 * len(kinds) + 0.4), layout="constrained")
        for panel, kind in zip(np.atleast_1d(figure.subplots(len(kinds), 1, sharex=True)), kinds, strict=True):
            for axis, colour in enumerate(("#c2352b", "#1f7a3d", "#7a3fc4")):
                for who, width, alpha in (("recorded", 2.2, 0.35), ("virtual", 1.0, 1.0)):
                    panel.plot(
                        self.series["time_s"], self.series[f"{who}_{kind}"][:, axis], color=colour, lw=width, alpha=alpha,
                        label=f"{who} {'xyz'[axis]}",
                    )  # fmt: skip
            score = self.acc if kind.startswith("acc") else self.gyro
            assert score is not None  # noqa: S101  (there is a series of it)
            name = "specific force, m/s²" if kind.startswith("acc") else "angular rate, rad/s"
            panel.set_title(
                f"{self.placement}: {name}; r {score.r:.2f}, error {score.relative:.2f}", loc="left", fontsize=9
            )
            panel.grid(alpha=0.2)
        figure.axes[0].legend(ncols=3, fontsize=7, frameon=False)
        figure.axes[-1].set_xlabel("recording's time, s")
        save_figure(figure, path)


def compare(
    imu: ImuSequence | PlacementSignal,
    recording: Recording | str | Path,
    *,
    placement: str | None = None,
    time_s: Floats | None = None,
    max_lag_s: float | None = None,
) -> Comparison:
    """Score virtual readings against a recording of the same motion.

    Parameters
    ----------
    imu : what `simulate_imu` gave, or the signal of one placement with its clock in `time_s`.
    recording : a `Recording`, or a file for `read_recording`.
    placement : which sensor of `imu`; may be left out where there is one.
    time_s : (m,) clock of a signal that is given by itself.
    max_lag_s : clocks differ by no more than this; by default any lag is tried at which half of the shorter one overlaps.

    Raises
    ------
    ConfigError : no such placement, or too little in common.

    Examples
    --------
    >>> from fimad.simulate import compare, read_motion, simulate_imu
    >>> imu = simulate_imu(read_motion("squat.c3d"), placements=["left_wrist"])  # doctest: +SKIP
    >>> compare(imu, "watch.csv").acc.r  # doctest: +SKIP
    0.94
    """
    if isinstance(imu, ImuSequence):
        placement = placement or (next(iter(imu.signals)) if len(imu.signals) == 1 else None)
        if placement is None or placement not in imu.signals:
            raise ConfigError(
                f"There is no signal of {placement!r}." if placement else "There are several placements.",
                "The name is misspelt, or was left out.",
                f"Say which: {', '.join(imu.signals)}.",
            )
        signal, clock_s = imu.signals[placement], imu.time_s
    elif time_s is None:
        raise ConfigError(
            "A signal by itself has no clock.",
            "The clock is the whole sequence's.",
            "Give time_s, or the whole ImuSequence.",
        )
    else:
        signal, clock_s = imu, np.asarray(time_s, float)
    if not isinstance(recording, Recording):
        from fimad.simulate.readings.recording import read_recording

        recording = read_recording(recording, placement=placement or "")
    return _compare(signal, clock_s, recording, placement or "", max_lag_s)


def _compare(
    signal: PlacementSignal, clock_s: Floats, recording: Recording, placement: str, max_lag_s: float | None
) -> Comparison:
    rate_hz = min(_HIGHEST_RATE_HZ, *(1 / float(np.median(np.diff(each))) for each in (clock_s, recording.time_s)))
    force = signal.acc_m_s2
    if not recording.gravity:
        force = np.einsum("nji,nj->ni", signal.rotation, signal.lin_acc_world_m_s2)
    virtual = {"acc_m_s2": force, "gyro_rad_s": signal.gyro_rad_s}
    recorded = {
        name: each
        for name, each in (("acc_m_s2", recording.acc_m_s2), ("gyro_rad_s", recording.gyro_rad_s))
        if each is not None
    }
    lag_s = _lag(clock_s, virtual, recording.time_s, recorded, rate_hz, max_lag_s)
    first, last = max(clock_s[0] + lag_s, recording.time_s[0]), min(clock_s[-1] + lag_s, recording.time_s[-1])
    grid_s = np.arange(first, last + 1e-9, 1 / rate_hz)
    one = {name: _at(clock_s + lag_s, virtual[name], grid_s, rate_hz) for name in recorded}
    other = {name: _at(recording.time_s, each, grid_s, rate_hz) for name, each in recorded.items()}
    good: Bools = np.all([np.isfinite(each).all(1) for each in (*one.values(), *other.values())], axis=0)
    if good.sum() < _FEWEST:
        raise ConfigError(
            f"Only {int(good.sum())} samples are both virtual and recorded.",
            "The recording is of another time, or the virtual sensor is hardly valid.",
            "Give the recording of the same motion, or a larger max_lag_s.",
        )
    mounting = _mounting(
        {name: each[good] for name, each in one.items()}, {name: each[good] for name, each in other.items()}
    )
    turned = {
        name: np.where(good[:, None], mounting.apply(np.where(good[:, None], each, 0)), np.nan)
        for name, each in one.items()
    }
    scores = {name: _score(turned[name][good], other[name][good], name.startswith("acc")) for name in recorded}
    within = None
    if "acc_m_s2" in recorded:
        sigma = np.interp(grid_s, clock_s + lag_s, signal.sigma_m_s2)
        told = good & np.isfinite(sigma)
        error = np.linalg.norm(turned["acc_m_s2"] - other["acc_m_s2"], axis=1)
        within = float((error[told] <= 2 * sigma[told]).mean()) if told.any() else None
    x, y, z, w = (float(part) for part in mounting.as_quat())
    return Comparison(
        placement,
        lag_s,
        (x, y, z, w),
        int(good.sum()),
        rate_hz,
        scores.get("acc_m_s2"),
        scores.get("gyro_rad_s"),
        within,
        dict(recording.notes),
        {
            "time_s": grid_s,
            **{f"virtual_{name}": each for name, each in turned.items()},
            **{f"recorded_{name}": each for name, each in other.items()},
        },
    )


def _at(time_s: Floats, values: Floats, grid_s: Floats, rate_hz: float) -> Floats:
    """(m, c) values at other times; what is quicker than the grid can hold is taken off first, and gaps stay gaps."""
    step = float(np.median(np.diff(time_s)))
    if 1 / step > 1.5 * rate_hz:
        from scipy.ndimage import gaussian_filter1d

        known = np.isfinite(values).astype(float)
        width = 0.3 / (rate_hz * step)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = gaussian_filter1d(np.nan_to_num(values), width, axis=0) / gaussian_filter1d(known, width, axis=0)
            values[known == 0] = np.nan
    # Between a known and an unknown sample nothing is known.
    return np.stack([np.interp(grid_s, time_s, column, left=np.nan, right=np.nan) for column in values.T], 1)


def _lag(
    clock_s: Floats,
    virtual: dict[str, Floats],
    time_s: Floats,
    recorded: dict[str, Floats],
    rate_hz: float,
    max_lag_s: float | None,
) -> float:
    """What to add to the virtual clock: where the lengths of the vectors, which no mounting changes, agree best."""
    grids = np.arange(clock_s[0], clock_s[-1], 1 / rate_hz), np.arange(time_s[0], time_s[-1], 1 / rate_hz)
    shortest = min(len(each) for each in grids)
    if shortest < _SHORTEST_S * rate_hz:
        raise ConfigError(
            f"There are {shortest / rate_hz:.2g} s to compare.",
            "That is too short to tell a lag from.",
            "Give a second or more.",
        )
    total: Floats | None = None
    for name, each in recorded.items():
        sizes = []
        for grid, at_s, values in ((grids[0], clock_s, virtual[name]), (grids[1], time_s, each)):
            size = np.linalg.norm(_at(at_s, values, grid, rate_hz), axis=1)
            known = np.isfinite(size)
            if not known.any():
                size = np.zeros_like(size)
                known = np.zeros_like(known)
            sizes.append(
                (np.where(known, size - (np.mean(size[known]) if known.any() else 0), 0.0), known.astype(float))
            )
        found = _correlation(*sizes[1], *sizes[0])
        total = found if total is None else total + found
    assert total is not None  # noqa: S101  (a recording has one reading at least)
    shifts = np.arange(len(total)) - (len(grids[0]) - 1)
    lags = grids[1][0] - grids[0][0] + shifts / rate_hz
    overlap = np.minimum(np.minimum(len(grids[0]) + shifts, len(grids[1])) - np.maximum(shifts, 0), shortest)
    allowed = overlap >= shortest / 2
    if max_lag_s is not None:
        allowed &= np.abs(lags) <= max_lag_s + 1e-9
    if not allowed.any():
        raise ConfigError(
            f"No lag of at most {max_lag_s} s makes both overlap.",
            "Their clocks begin at other times.",
            "Give a larger max_lag_s.",
        )
    best = int(np.argmax(np.where(allowed, total, -np.inf)))
    if 0 < best < len(total) - 1:
        before, here, after = total[best - 1 : best + 2]
        bend = before - 2 * here + after
        return float(lags[best] + (0.5 * (before - after) / bend if bend < 0 else 0.0) / rate_hz)
    return float(lags[best])


def _correlation(a: Floats, a_known: Floats, b: Floats, b_known: Floats) -> Floats:
    """Pearson correlation of a with b at every shift, over the samples that both have there."""
    from scipy.signal import correlate

    product = correlate(a, b, "full", "fft")
    power = correlate(a**2, b_known, "full", "fft") * correlate(a_known, b**2, "full", "fft")
    result: Floats = product / np.sqrt(np.maximum(power, 1e-9 * max(1e-12, float(power.max()))))
    return result


def _mounting(virtual: dict[str, Floats], recorded: dict[str, Floats]) -> Rotation:
    """The one rotation that brings virtual readings nearest to the recorded ones, each kind by its size."""
    ones, others = [], []
    for name, each in virtual.items():
        size = float(np.sqrt((recorded[name] ** 2).sum(1).mean())) or 1.0
        ones.append(each / size)
        others.append(recorded[name] / size)
    # Readings along one line leave a turn about it open, which does not matter.
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found, _ = Rotation.align_vectors(np.concatenate(others), np.concatenate(ones))
    return found


def _score(virtual: Floats, recorded: Floats, about_mean: bool) -> Score:
    error = virtual - recorded
    spread = recorded.std(0)
    main = int(spread.argmax())
    rms = float(np.sqrt((error**2).sum(1).mean()))
    whole = recorded - recorded.mean(0) if about_mean else recorded
    size, size_recorded = np.linalg.norm(virtual, axis=1), np.linalg.norm(recorded, axis=1)
    size_scale = float(size_recorded.std() if about_mean else np.sqrt((size_recorded**2).mean()))
    r_x, r_y, r_z = (_pearson(virtual[:, axis], recorded[:, axis]) for axis in range(3))
    variance = float((recorded[:, main] - recorded[:, main].mean()) @ (recorded[:, main] - recorded[:, main].mean()))
    return Score(
        r=(r_x, r_y, r_z)[main],
        r_axes=(r_x, r_y, r_z),
        r_size=_pearson(size, size_recorded),
        rms_error=rms,
        relative=rms / max(1e-9, float(np.sqrt((whole**2).sum(1).mean()))),
        size_relative=float(np.sqrt(((size - size_recorded) ** 2).mean())) / max(1e-9, size_scale),
        gain=float((virtual[:, main] - virtual[:, main].mean()) @ (recorded[:, main] - recorded[:, main].mean()))
        / max(1e-12, variance),
    )


def _pearson(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else float("nan")
