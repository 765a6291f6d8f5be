"""Landmarks of one stretch, smoothed and differentiated on the sensors' clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fimad.config import SimulateConfig
from fimad.simulate.lifting.perspective import at_own_distance
from fimad.simulate.lifting.trajectory import Trajectories
from fimad.simulate.smoothing.components import Kind
from fimad.simulate.smoothing.differentiate import differentiate
from fimad.simulate.smoothing.spectral import Doubt, Noise
from fimad.simulate.stretches import bridge_gaps, is_short
from fimad.simulate.types import Floats

# How much of their floors components in the picture's plane lend each other.
_SHARED = 2 / 3
# What is taken for short stretches: half as wrong as the default on single oscillations of 0.6 s, as good as it from 1.2 s on.
_SHORT_METHOD = "savitzky_golay"


@dataclass(frozen=True)
class Points:
    """k points at m times; components first and times last, since NumPy is slow along a last axis of a few.

    Parameters
    ----------
    position_m, acceleration_m_s2 : (3, k, m) in the world frame.
    doubt : what the uncertainty rests on, of 3·k channels: all x, all y, all z.
    share : (k,) of the power that stood out from the noise, on the axis where it is largest.
    """

    position_m: Floats
    acceleration_m_s2: Floats
    doubt: Doubt
    share: Floats


def smooth_points(
    tracks: Trajectories, time_s: Floats, measured_m: Floats, clock_s: Floats, config: SimulateConfig
) -> Points:
    """Points at the times of `clock_s` (m,), from places (n, k, 3) of the stretch at `time_s` (n,); short gaps are bridged.

    Of a stretch that is too short for the default method, a fixed filter's.
    """
    places = bridge_gaps(time_s, measured_m, config.longest_gap_s)
    points = places.shape[1]
    smooth = differentiate(
        time_s,
        np.ascontiguousarray(places.T).reshape(-1, len(time_s)).T,
        method=_SHORT_METHOD if is_short(time_s) and config.method == "adaptive" else config.method,
        noise=_noise(tracks, config),
        at_s=clock_s,
    )
    position, acceleration = (
        np.ascontiguousarray(part.T).reshape(3, points, -1) for part in (smooth.position, smooth.acceleration)
    )
    if tracks.view is not None:
        distance_m = np.interp(clock_s, tracks.time_s, tracks.view.distance_m)
        position, acceleration = at_own_distance(clock_s, position, acceleration, distance_m, tracks.view.turn)
    return Points(position, acceleration, smooth.doubt, smooth.share.reshape(3, points).max(0))


def _noise(tracks: Trajectories, config: SimulateConfig) -> Noise:
    """Of all x, all y, all z of points. Of a pose, all points' errors along one axis are alike; markers differ."""
    if tracks.depth_axis is None:
        return Noise(config.capture_over_subtraction, falling=True)
    told = 0.0 if tracks.view is None else tracks.view.flow_share
    in_plane = config.over_subtraction ** (1 - told) * config.flow_over_subtraction**told
    plane = Kind(in_plane, in_plane, shared=_SHARED)
    # Errors in depth are far from alike: those of arms are ten times those of the trunk.
    depth = Kind(config.depth_over_subtraction, config.depth_place_over_subtraction, shared=0.0)
    return Noise(config.over_subtraction, tuple(depth if axis == tracks.depth_axis else plane for axis in range(3)))
