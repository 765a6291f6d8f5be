"""What is uncertain about a sensor's readings, and how much of them is likely to be right.

Smoothing leaves three traces, in blocks of a few seconds: noise that passed, motion that stood out and was held back, and what was
kept. How much of each is error was fitted, on logarithms, to rendered people with exact truth: real motion (CMU motion capture,
subject 13) and exercises that repeat themselves; of motion capture, to reaches and oscillations with known noise.
How it holds for other people is in docs/fidelity.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fimad.simulate.placements import Rig
from fimad.simulate.smoothing.spectral import Doubt
from fimad.simulate.types import Bools, Floats, Ints

_GRAVITY_M_S2 = 9.80665
# Share of error in noise that passed, motion held back, motion kept: in the picture's plane, then in depth; and m²/s⁴ anyway.
_PLANE = (126.0, 0.352, 0.231)
_DEPTH = (0.93, 0.0133, 0.133)
_ANYWAY_M2_S4 = 0.0043
# Of orientation: of noise that passed, held back, how far the segment turned (rad²), and rad² anyway; of its rate: the same, with the
# rate's own square.
_TILT = (1.02, 0.0073, 0.127, 0.00012)
_RATE = (0.0157, 0.0043, 0.763, 0.0036)
# By segment: of specific force and of angular rate.
_SEGMENTS = {
    "forearm": (0.67, 0.55),
    "upper arm": (0.96, 1.20),
    "thigh": (0.86, 0.61),
    "shank": (1.20, 1.32),
    "trunk": (1.04, 1.39),
    "head": (0.85, 0.97),
}
# Errors have heavy tails: their RMS is raised so that 95 % of them are less than twice the stated uncertainty.
_TAILS = (1.07**2, 1.2**2)
_ON = {"wrist": "forearm", "elbow": "forearm", "upper_arm": "upper arm", "shoulder": "upper arm", "thigh": "thigh"}
_ON |= {"hip": "thigh", "ankle": "shank", "knee": "shank", "chest": "trunk", "pelvis": "trunk", "head": "head"}
# Of motion capture: noise that passed, and motion held back, of which some is noise. Found on joints of CMU motion capture and on reaches,
# with white and with correlated noise of 0.2 and 1 mm.
_CAPTURE, _CAPTURE_HELD = 2.6, 0.6
_CAPTURE_ANYWAY_M2_S4 = 1e-5
# A rest is right too: what would be noticed of it, m²/s⁴.
_REST_M2_S4 = 0.25


@dataclass(frozen=True)
class Traces:
    """Mean squares that uncertainty is made of, of p sensors in b blocks of time.

    Parameters
    ----------
    bend : (3, b, 3, p) of acceleration along x, y, z: noise that passed, motion held back, motion kept.
    turn, rate : (3, b, p) of orientation, rad², and of its rate: noise that passed, motion held back, and the segment's own.
    """

    bend: Floats
    turn: Floats
    rate: Floats


@dataclass(frozen=True)
class Stated:
    """Standard uncertainties of p sensors in b blocks of time: RMS lengths of errors.

    Parameters
    ----------
    force_m_s2 : (b, p) of the specific force, the part of gravity that a wrong orientation adds included.
    rate_rad_s : (b, p) of the angular rate.
    explained : (p,) share of the power of the motion that is likely to be right.
    """

    force_m_s2: Floats
    rate_rad_s: Floats
    explained: Floats


def traces(doubt: Doubt, rig: Rig, sensors: Bools, joints_m: Floats, axes: Floats, clock_s: Floats) -> Traces:
    """Traces of the chosen sensors. Errors of landmarks count as independent, their motions as common to a segment's ends.

    Parameters
    ----------
    doubt : of 3·k channels, all x, all y, all z of the rig's landmarks.
    sensors : (p,) those of the rig that are wanted.
    joints_m, axes : (n, k, 3) places of the landmarks and (3, 3, s, n) axes of the segments at `clock_s` (n,).
    """
    parts = np.stack([doubt.passed, doubt.held, doubt.kept])
    parts = parts.reshape(*parts.shape[:3], 3, -1)
    point, segment = rig.point[sensors].T, rig.segment[sensors]
    bend = np.stack([parts[0, 2] @ point**2, *(part[2] @ np.abs(point) for part in parts[1:])])
    along, hints = rig.spans(joints_m)
    across = rig.along.T**2 / along**2 + rig.hints.T**2 / hints**2
    turned, rates = (parts[:2, order].sum(2) @ across for order in (0, 1))
    # Samples of each block: those nearest to its middle.
    edges = np.searchsorted(clock_s, (doubt.time_s[1:] + doubt.time_s[:-1]) / 2)
    bounds = np.concatenate([[0], edges, [len(clock_s)]])
    first, end = bounds[:-1], bounds[1:]
    first, end = np.where(end > first, first, 0), np.where(end > first, end, len(clock_s))
    middle = _sums(axes[::2], first, end) / (end - first)
    away = 2 - np.einsum("acsb,acsb->bs", middle, middle)
    steps = np.diff(axes)
    # Of three axes that turn at a rate ω, the squared speeds are 2·ω² together.
    speed = _sums(np.einsum("acsn,acsn->sn", steps, steps), first, end - 1) / (2 * np.maximum(1, end - 1 - first))
    speed /= (clock_s[1] - clock_s[0]) ** 2 if len(clock_s) > 1 else 1.0
    turn, rate = (
        np.concatenate([noise, own[None]])[:, :, segment] for noise, own in ((turned, away), (rates, speed.T))
    )
    return Traces(bend, turn, rate)


def _sums(values: Floats, first: Ints, end: Ints) -> Floats:
    """(..., b) sums of (..., n) values from the samples `first` (b,) to before the samples `end` (b,)."""
    up_to = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=up_to[..., 1:])
    result: Floats = up_to[..., end] - up_to[..., first]
    return result


def capture_sigma(doubt: Doubt) -> Floats:
    """(b,) standard uncertainty of the acceleration of one marker, x, y and z, in each block of time: RMS length of its error."""
    wrong = _CAPTURE * doubt.passed[2] + _CAPTURE_HELD * doubt.held[2]
    result: Floats = np.sqrt(wrong.sum(-1) + _CAPTURE_ANYWAY_M2_S4)
    return result


@lru_cache(maxsize=64)
def _by_segment(names: tuple[str, ...]) -> Floats:
    """(2, p) factors on the squared errors of specific force and of angular rate."""
    segments = [_SEGMENTS[_ON[name.removeprefix("left_").removeprefix("right_")]] for name in names]
    result: Floats = (np.array(segments).reshape(-1, 2) * _TAILS).T
    return result


def stated(found: Traces, names: tuple[str, ...], *, depth_axis: int | None) -> Stated:
    """Standard uncertainties of the sensors called `names`; `depth_axis` None is motion capture."""
    kept = found.bend[2].sum(1)
    if depth_axis is None:
        bend = (_CAPTURE * found.bend[0] + _CAPTURE_HELD * found.bend[1]).sum(1) + _CAPTURE_ANYWAY_M2_S4
        force = bend + _GRAVITY_M_S2**2 * found.turn[0]
        rate = _CAPTURE * found.rate[0] + _CAPTURE_HELD * found.rate[1]
    else:
        by_axis = np.array([_DEPTH if axis == depth_axis else _PLANE for axis in range(3)])
        bend = np.einsum("sbap,as->bp", found.bend, by_axis) + _ANYWAY_M2_S4
        tilt = np.einsum("sbp,s->bp", found.turn, np.array(_TILT[:3])) + _TILT[3]
        on_force, on_rate = _by_segment(names)
        force = (bend + _GRAVITY_M_S2**2 * tilt) * on_force
        rate = (np.einsum("sbp,s->bp", found.rate, np.array(_RATE[:3])) + _RATE[3]) * on_rate
    explained = (kept + _REST_M2_S4).mean(0) / (kept + force + _REST_M2_S4).mean(0)
    return Stated(np.sqrt(force), np.sqrt(rate), explained)
