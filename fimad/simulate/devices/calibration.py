"""Calibration to a target device: virtual readings get the distribution of a real device's, channel by channel.

IMUTube (Kwon et al. 2020, doi:10.1145/3411841) maps ranks, x̂ = F_target⁻¹(F_virtual(x)), from target data without labels, on a
grid of 100 levels. Here the same map is continuous: straight lines between many quantiles, more of them in the tails.

- **Knots**: quantiles at p = α + (1 − 2α)·(1 − cos πu)/2 for 257 values of u from 0 to 1; α leaves 0.1 % outside at each end,
  and at least 5 samples of the smaller set, so that single outliers move little.
- **Ties**: where the virtual data repeat one value, that value goes to the mean of the target's quantiles there.
- **Tails**: beyond the outer knots the map goes on as a straight line, with the slope of the line through both outer knots.

The map never falls, is the identity where both sets are the same, and leaves NaN as they are. A channel is mapped by itself:
how often a value occurs is corrected, what it belongs to is not, and the length of the vector at rest is no longer exactly
one g. Sensors that sit in another orientation have to be turned first (`simulate.mounting_deg`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fimad.errors import ConfigError
from fimad.simulate.placements import PLACES
from fimad.simulate.types import Floats, ImuSequence

ACC = ("acc_x_m_s2", "acc_y_m_s2", "acc_z_m_s2")
GYRO = ("gyro_x_rad_s", "gyro_y_rad_s", "gyro_z_rad_s")
CHANNELS = ACC + GYRO
#: Fewer finite values than this in a channel say too little about its distribution.
MIN_SAMPLES = 200
_KNOTS = 257
_OUTSIDE_SAMPLES = 5
_OUTSIDE_SHARE = 0.001
_MAX_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class ChannelMap:
    """A continuous map that never falls: (k,) rising `virtual` values and the `target` values they become."""

    virtual: Floats
    target: Floats

    @cached_property
    def slope(self) -> float:
        """Of both tails: how much wider the target is spread. 1 where the virtual data say nothing about it."""
        span = float(self.virtual[-1] - self.virtual[0])
        return float(self.target[-1] - self.target[0]) / span if span > 0 else 1.0

    def apply(self, values: Floats) -> Floats:
        """Map values of any shape; NaN stay NaN."""
        inside = np.clip(values, self.virtual[0], self.virtual[-1])
        result: Floats = np.interp(inside, self.virtual, self.target) + self.slope * (values - inside)
        return result


def fit_map(virtual: Floats, target: Floats) -> ChannelMap:
    """The map of one channel from samples of it, (n,) and (m,). Raises `ConfigError` for fewer than `MIN_SAMPLES` finite ones."""
    real = []
    for name, values in (("virtual", virtual), ("target", target)):
        finite = np.asarray(values, float)[np.isfinite(values)]
        if len(finite) < MIN_SAMPLES:
            raise ConfigError(
                f"There are {len(finite)} {name} samples, and a calibration needs {MIN_SAMPLES}.",
                "The file is short, or most of its samples are empty.",
                "Give more data: some minutes of the activities that the calibration is for.",
            )
        real.append(finite)
    outside = max(_OUTSIDE_SHARE, _OUTSIDE_SAMPLES / min(len(each) for each in real))
    share = outside + (1 - 2 * outside) * (1 - np.cos(np.pi * np.linspace(0, 1, _KNOTS))) / 2
    x, y = (np.quantile(each, share) for each in real)
    # Values that differ by rounding alone are ties too: a step between them would be a wall, not a slope.
    apart = np.diff(x, prepend=-np.inf) > 1e-9 * max(x[-1] - x[0], np.abs(x).max() * 1e-3)
    group, weight = np.cumsum(apart) - 1, np.gradient(share)
    mean = [np.bincount(group, each * weight) / np.bincount(group, weight) for each in (x, y)]
    # Means of equal numbers may differ in their last digit.
    return ChannelMap(mean[0], np.maximum.accumulate(mean[1]))


@dataclass(frozen=True)
class Calibration:
    """Maps by placement and channel (`CHANNELS`); a channel that has none is left as it is."""

    maps: Mapping[str, Mapping[str, ChannelMap]]

    def apply(self, values: Floats, channels: Sequence[str] = CHANNELS, *, placement: str | None = None) -> Floats:
        """(n, c) calibrated values of (n, c) virtual ones with the given channels.

        `placement` may be left out where the calibration has only one. Raises `ConfigError` for one that it does not have.
        """
        if placement is None and len(self.maps) == 1:
            placement = next(iter(self.maps))
        if placement is None or placement not in self.maps:
            raise ConfigError(
                f"The calibration has nothing for {placement!r}.",
                "It was fitted for other placements.",
                f"It has: {', '.join(self.maps)}. Fit the missing one with `fimad calibrate --placement`.",
            )
        maps = self.maps[placement]
        result = np.array(values, dtype=float)
        for at, channel in enumerate(channels):
            if channel in maps:
                result[:, at] = maps[channel].apply(result[:, at])
        return result

    def merged(self, other: Calibration) -> Calibration:
        """Both calibrations in one; where both have a placement, that of `other`."""
        return Calibration({**self.maps, **other.maps})

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all. Raises `ConfigError` if that can't be."""
        data = {
            "format": "fimad-calibration",
            "version": 1,
            "placements": {
                placement: {
                    channel: {"virtual": each.virtual.tolist(), "target": each.target.tolist()}
                    for channel, each in maps.items()
                }
                for placement, maps in self.maps.items()
            },
        }
        path = Path(path)
        partial = path.with_name(f"{path.name}.part-{os.getpid()}")
        try:
            partial.write_text(_File.model_validate(data).model_dump_json(indent=1) + "\n", encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise ConfigError(
                f"{str(path)!r} can't be written: {error.strerror}.",
                "The folder is missing or read-only, or the disk is full.",
                "Give another path.",
            ) from error

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read a file of `save`. Raises `ConfigError` if there is none, or it is anything else."""
        try:
            read = _File.model_validate_json(_bytes(path))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part)[:40] for part in first["loc"][:6])
            raise ConfigError(
                f"{str(path)!r} is not a calibration: {where + ': ' if where else ''}{first['msg'][:200]}.",
                "It was made by something else, or was damaged.",
                "Make one with `fimad calibrate DATASET TARGET --placement NAME --out FILE`.",
            ) from error
        return cls(
            {
                placement: {
                    channel: ChannelMap(np.array(each.virtual), np.array(each.target))
                    for channel, each in channels.items()
                }
                for placement, channels in read.placements.items()
            }
        )


def _bytes(path: str | Path) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"The calibration {str(path)!r} can't be read: {error.strerror}.",
            "The path is wrong, or relative to another folder.",
            "Mend `simulate.calibration`, or make the file with `fimad calibrate`.",
        ) from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(
            f"{str(path)!r} is larger than {_MAX_BYTES // 1024**2} MB.",
            "Calibrations are small, so it is something else.",
            "Give a file that `fimad calibrate` wrote.",
        )
    return data


def calibration_sha256(path: str | Path) -> str:
    """Hash of a calibration file, for the stage's key. Raises `ConfigError` as `Calibration.load` does."""
    return hashlib.sha256(_bytes(path)).hexdigest()


def fit_calibration(
    virtual: Floats, target: Floats, channels: Sequence[str] = CHANNELS, *, placement: str = "left_wrist"
) -> Calibration:
    """Fit the maps of one placement.

    Parameters
    ----------
    virtual : (n, c) virtual readings.
    target : (m, c) readings of the target device; other people, times and lengths are fine, labels are not needed.
    channels : names of the c columns, of `CHANNELS`.
    placement : where the device was worn.

    Raises
    ------
    ConfigError : an unknown channel or placement, another number of columns, or fewer than `MIN_SAMPLES` finite values.
    """
    virtual, target = np.asarray(virtual, float), np.asarray(target, float)
    shapes = (virtual.ndim, target.ndim, virtual.shape[-1], target.shape[-1])
    if shapes != (2, 2, len(channels), len(channels)) or not set(channels) <= set(CHANNELS):
        raise ConfigError(
            f"Data of shapes {virtual.shape} and {target.shape} have no channels {', '.join(channels)}.",
            f"Both need one column for each channel, and channels are among {', '.join(CHANNELS)}.",
            "Give (n, c) and (m, c) arrays and the names of their c columns.",
        )
    if placement not in PLACES:
        raise ConfigError(
            f"There is no placement {placement!r}.",
            "The name is misspelt.",
            f"The placements are: {', '.join(PLACES)}.",
        )
    return Calibration({placement: {name: fit_map(virtual[:, at], target[:, at]) for at, name in enumerate(channels)}})


def calibrate_imu(imu: ImuSequence, calibration: Calibration) -> ImuSequence:
    """The calibrated signals of the placements that the calibration has; the others stay as they are.

    Specific force and angular rate change; validity, orientation, uncertainty and the world frame's acceleration don't.
    """
    signals = dict(imu.signals)
    done = [placement for placement in signals if placement in calibration.maps]
    for placement in done:
        signals[placement] = replace(
            signals[placement],
            acc_m_s2=calibration.apply(signals[placement].acc_m_s2, ACC, placement=placement),
            gyro_rad_s=calibration.apply(signals[placement].gyro_rad_s, GYRO, placement=placement),
        )
    return replace(imu, signals=signals, report={**imu.report, "calibrated": done})


_Numbers = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1, max_length=4096)]


class _Channel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    virtual: _Numbers
    target: _Numbers

    @model_validator(mode="after")
    def _is_a_map(self) -> Self:
        virtual, target = np.array(self.virtual), np.array(self.target)
        if virtual.shape != target.shape or (np.diff(virtual) <= 0).any() or (np.diff(target) < 0).any():
            raise ValueError("virtual must rise, target must not fall, and both have the same length")
        return self


_Placement = Literal[*PLACES]  # type: ignore[valid-type]
_Name = Literal[*CHANNELS]  # type: ignore[valid-type]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal["fimad-calibration"]
    version: Literal[1]
    placements: Annotated[dict[_Placement, dict[_Name, _Channel]], Field(min_length=1)]


def wasserstein(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """First Wasserstein distance of two samples' distributions, in their unit; NaN are left out."""
    # scipy.stats takes half a second to import, which nobody else here needs.
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(a[np.isfinite(a)], b[np.isfinite(b)]))
