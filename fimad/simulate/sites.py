"""A sensor anywhere on its segment: moved along the segment, and turned in its mount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError
from fimad.simulate.types import Floats, ImuSequence, PlacementSignal

_FEWEST = 4


@dataclass(frozen=True)
class Site:
    """Where a sensor sits, from its placement's own point and axes (docs/virtual-imu.md draws them).

    Parameters
    ----------
    offset_m : along the placement's x, y, z.
    mounting_deg : rotations about the sensor's x, y, z, in this order about fixed axes; (0, 0, 90) turns x to where y was.
    """

    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mounting_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)


def remount(imu: ImuSequence, sites: Mapping[str, Site]) -> ImuSequence:
    """The readings of sensors that sit elsewhere on the same segments.

    f' = Mᵀ(f + α × r + ω × (ω × r)), with the angular rate ω and its derivative α in the placement's axes, the offset r, and M from
    the new sensor's axes to the placement's. Uncertainty stays that of the placement.

    Raises
    ------
    ConfigError : no signal of a placement.
    """
    unknown = sorted(set(sites) - set(imu.signals))
    if unknown:
        raise ConfigError(
            f"There is no signal of {unknown[0]!r}.",
            "The placement is misspelt.",
            f"There are: {', '.join(imu.signals)}.",
        )
    moved = {name: _moved(imu.signals[name], imu.rate_hz, site) for name, site in sites.items()}
    return replace(imu, signals={**imu.signals, **moved})


def _moved(signal: PlacementSignal, rate_hz: float, site: Site) -> PlacementSignal:
    offset = np.asarray(site.offset_m, float)
    rate = signal.gyro_rad_s
    lever = np.zeros_like(rate)
    if offset.any():
        lever = np.cross(_derivative(rate, rate_hz), offset) + np.cross(rate, np.cross(rate, offset))
    mount = Rotation.from_euler("xyz", site.mounting_deg, degrees=True).as_matrix()
    return replace(
        signal,
        acc_m_s2=(signal.acc_m_s2 + lever) @ mount,
        gyro_rad_s=rate @ mount,
        lin_acc_world_m_s2=signal.lin_acc_world_m_s2 + np.einsum("nij,nj->ni", signal.rotation, lever),
        rotation=signal.rotation @ mount,
    )


def _derivative(values: Floats, rate_hz: float) -> Floats:
    """Of (n, 3), run by run of samples without NaN, by a cubic spline."""
    from scipy.interpolate import CubicSpline

    result = np.full_like(values, np.nan)
    good = np.asarray(np.isfinite(values).all(1))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    for first, end in edges.reshape(-1, 2).tolist():
        if end - first < _FEWEST:
            result[first:end] = 0.0
            continue
        at = np.arange(first, end) / rate_hz
        result[first:end] = CubicSpline(at, values[first:end], axis=0)(at, 1)
    return result
