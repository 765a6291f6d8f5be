"""Sensor models: from the ideal reading to what a real part would have put out.

The reading y of a three-axis sensor at the stated times t_k is

    y_k = Q( clip( (I + S)·x(t_k + ε_k) + b₀ + b_k + n_k ) )

with the ideal signal x, sampling jitter ε, scale and cross-axis errors S, turn-on bias b₀, drifting bias b_k, white noise
n_k, clipping at full scale, and rounding Q to the grid of the converter. The noise terms are those of IEEE Std 952-1997:
white noise, a first-order Gauss-Markov process, and rate random walk.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, replace

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.types import Bools, Floats, ImuSequence, PlacementSignal

#: One number for all axes, or one for each of x, y and z.
Axes = float | tuple[float, float, float]


@dataclass(frozen=True)
class AxisErrors:
    """Errors of a three-axis sensor, in its own unit u: m/s² for accelerometers, rad/s for gyroscopes. All off by default.

    Parameters
    ----------
    noise_density : of white noise, u/√Hz, one-sided as datasheets state it: at rate f the standard deviation is
        noise_density·√(f/2).
    turn_on_bias : standard deviation of the bias that is constant from switching on, u; drawn per clip and placement.
    drift : standard deviation of the drifting bias, u (first-order Gauss-Markov).
    drift_time_s : its correlation time.
    random_walk : bias random walk, u/√s: its standard deviation after t seconds is random_walk·√t.
    scale : standard deviation of the relative scale error of an axis.
    cross_axis : standard deviation of the share of one axis that another one shows.
    full_scale : readings are clipped here, u.
    lsb : step of the converter, u; 0 does not round. Codes run from −full_scale to full_scale − lsb.
    """

    noise_density: Axes = 0.0
    turn_on_bias: Axes = 0.0
    drift: Axes = 0.0
    drift_time_s: float = 100.0
    random_walk: Axes = 0.0
    scale: Axes = 0.0
    cross_axis: float = 0.0
    full_scale: float = np.inf
    lsb: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = np.asarray(getattr(self, each.name), float)
            positive = each.name in ("drift_time_s", "full_scale")
            if value.shape not in ((), (3,)) or np.isnan(value).any() or (value < 0).any() or (positive and not value):
                raise ConfigError(
                    f"A sensor with {each.name} = {getattr(self, each.name)!r} can't be.",
                    "Standard deviations, steps and ranges are numbers that are not negative; ranges and times not zero.",
                    "Give one number, or for most errors one for each axis.",
                )


@dataclass(frozen=True)
class SensorModel:
    """An inertial measurement unit.

    Parameters
    ----------
    name : of the part.
    source : where the figures come from.
    acc, gyro : errors of accelerometer (m/s²) and gyroscope (rad/s).
    jitter_s : standard deviation of the time at which a sample is really taken, around its stated time; at most half an
        interval is used, so that samples stay in order.
    """

    name: str = "custom"
    source: str = ""
    acc: AxisErrors = field(default_factory=AxisErrors)
    gyro: AxisErrors = field(default_factory=AxisErrors)
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.jitter_s) and self.jitter_s >= 0):
            raise ConfigError(
                f"A sensor with jitter_s = {self.jitter_s!r} can't be.",
                "A standard deviation is not negative.",
                "Give seconds, such as 0.001.",
            )


def apply_sensor(imu: ImuSequence, model: SensorModel | str, *, seed: int = 0, clip_id: str = "") -> ImuSequence:
    """What `model` would have read in place of the ideal sensors; a part may be given by its name (`SENSORS`).

    Specific force and angular rate change; NaN stay NaN, and validity, orientation, uncertainty and the acceleration in the
    world frame stay as they are. Each clip and placement has a part of its own: its errors follow from `seed`, `clip_id` and
    the placement's name alone. Every kind of error has its own random numbers, so that one can be switched off and the others
    stay the same.

    Raises `ConfigError` for a part that is not known.

    Examples
    --------
    >>> apply_sensor(imu, "bmi160").signals["left_wrist"].acc_m_s2  # doctest: +SKIP
    """
    if isinstance(model, str):
        from fimad.simulate.devices.parts import SENSORS

        if model not in SENSORS:
            raise ConfigError(
                f"There is no part {model!r}.", "The name is misspelt.", f"The parts are: {', '.join(SENSORS)}."
            )
        model = SENSORS[model]
    signals = {
        name: _read(signal, model, imu.rate_hz, np.random.SeedSequence([seed, *_words(f"{clip_id}/{name}")]))
        for name, signal in imu.signals.items()
    }
    note = {"part": model.name, "seed": seed}
    return replace(imu, signals=signals, report={**imu.report, "sensor": note})


def _words(name: str) -> list[int]:
    """A name as numbers for a seed; Python's own hash differs from process to process."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return [int.from_bytes(digest[at : at + 4], "big") for at in range(0, 16, 4)]


def _read(
    signal: PlacementSignal, model: SensorModel, rate_hz: float, seeds: np.random.SeedSequence
) -> PlacementSignal:
    clock, acc, gyro = seeds.spawn(3)
    ideal = [signal.acc_m_s2, signal.gyro_rad_s]
    if model.jitter_s > 0:
        # One clock for both sensors: parts sample them in step.
        steps = np.random.default_rng(clock).normal(0, model.jitter_s * rate_hz, len(signal.acc_m_s2))
        ideal = [_at_times(values, np.clip(steps, -0.5, 0.5)) for values in ideal]
    return replace(
        signal,
        acc_m_s2=_distort(ideal[0], model.acc, rate_hz, acc),
        gyro_rad_s=_distort(ideal[1], model.gyro, rate_hz, gyro),
    )


def _distort(ideal: Floats, errors: AxisErrors, rate_hz: float, seeds: np.random.SeedSequence) -> Floats:
    bias, shape, white, drift, walk = (np.random.default_rng(each) for each in seeds.spawn(5))
    size = ideal.shape
    matrix = np.eye(3) + np.diag(shape.normal(size=3) * errors.scale)
    matrix += errors.cross_axis * shape.normal(size=(3, 3)) * (1 - np.eye(3))
    values: Floats = ideal @ matrix.T
    values += bias.normal(size=3) * errors.turn_on_bias
    values += white.normal(size=size) * errors.noise_density * np.sqrt(rate_hz / 2)
    if np.any(errors.drift):
        values += gauss_markov(drift.normal(size=size), rate_hz, errors.drift_time_s) * errors.drift
    if np.any(errors.random_walk):
        values += np.cumsum(walk.normal(size=size), axis=0) * errors.random_walk / np.sqrt(rate_hz)
    return _convert(values, errors.full_scale, errors.lsb)


def gauss_markov(white: Floats, rate_hz: float, time_s: float) -> Floats:
    """(n, c) a stationary first-order Gauss-Markov process of unit variance from (n, c) standard normal numbers.

    b_k = φ·b_{k−1} + √(1 − φ²)·w_k with φ = exp(−1/(rate_hz·time_s)), beginning in its stationary distribution.
    """
    from scipy.signal import lfilter  # half a second, and only for a modelled bias

    decay = 1 / (rate_hz * time_s)
    # expm1: for long correlation times 1 − φ² is far below the rounding of φ².
    drive = white * np.sqrt(-np.expm1(-2 * decay))
    drive[:1] = white[:1]
    result: Floats = lfilter([1.0], [1.0, -np.exp(-decay)], drive, axis=0)
    return result


def _convert(values: Floats, full_scale: float, lsb: float) -> Floats:
    if lsb == 0:
        return np.clip(values, -full_scale, full_scale)
    codes = np.round(values / lsb)
    if np.isfinite(full_scale):
        # Two's complement: one code more below zero than above.
        top = np.floor(full_scale / lsb + 1e-6)
        codes = np.clip(codes, -top, top - 1)
    result: Floats = codes * lsb
    return result


def _at_times(values: Floats, steps: Floats) -> Floats:
    """(n, c) values at `steps` sampling intervals after their own times, run by run of samples without NaN.

    Times beyond the ends of a run are those of its ends.
    """
    from scipy.interpolate import CubicSpline

    result = values.copy()
    good: Bools = np.asarray(np.isfinite(values).all(axis=1))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    for first, end in edges.reshape(-1, 2):
        if end - first < 2:
            continue
        at = np.arange(first, end)
        when = np.clip(at + steps[first:end], first, end - 1)
        result[first:end] = CubicSpline(at, values[first:end], axis=0)(when)
    return result
