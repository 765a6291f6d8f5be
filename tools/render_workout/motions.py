"""Thirteen exercises as smooth functions of time.

Every motion is at least twice continuously differentiable, so that its acceleration, which is the truth that signals are
compared with, is continuous. A motion begins and ends near the standing pose, and who calls it fades it in and out; push-ups stay on the floor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.render_workout.pose import SIDES, Floats, Pose, smoothstep, softplus, standing

G_M_S2 = 9.80665


@dataclass(frozen=True)
class Motion:
    """An exercise: `pose(time_s, period_s)` and how long one repetition usually takes."""

    pose: Callable[[Floats, float], Pose]
    period_s: float


def swing(time_s: Floats, period_s: float, shift: float = 0.0) -> Floats:
    """0, 1, 0 within each period; `shift` in periods. Slightly slower on the way back, as people are."""
    phase = 2 * np.pi * (time_s / period_s + shift)
    return 0.5 - 0.5 * np.cos(phase - 0.25 * np.sin(phase))


def turns(time_s: Floats, period_s: float) -> dict[str, Floats]:
    """Left and right in turns: 0, 1, 0 within one half of the period and 0 in the other (twice differentiable)."""
    wave = np.sin(2 * np.pi * time_s / period_s)
    return {"left": np.maximum(wave, 0.0) ** 3, "right": np.maximum(-wave, 0.0) ** 3}


def hop_height(time_s: Floats, period_s: float, contact_s: float) -> Floats:
    """Height in m of a body that hops once a period, 0 at touch-down.

    While the feet touch the ground the ground's push has the form of a squared sine, whose mean over the period is the
    body's weight; then the body flies free. Integrated twice by hand.
    """
    tau = np.mod(time_s, period_s)
    push = 2 * G_M_S2 * period_s / contact_s
    v0 = (G_M_S2 - push / 2) * contact_s / 2
    k = contact_s / (2 * np.pi)
    ground = v0 * tau - G_M_S2 * tau**2 / 2 + push / 2 * (tau**2 / 2 + k**2 * (np.cos(tau / k) - 1))
    flight_s = tau - contact_s
    flight = -v0 * flight_s - G_M_S2 * flight_s**2 / 2
    return np.where(tau < contact_s, ground, flight)


def jumping_jack(time_s: Floats, period_s: float) -> Pose:
    pose = standing(time_s)
    hop_s = period_s / 2
    contact_s = 0.54 * hop_s
    height = hop_height(time_s, hop_s, contact_s)
    pose.root_m[:, 2] += height
    # The ankles rise from the ground when the legs are stretched, first over the toes and then in the air.
    lift = softplus(height + 0.03, 0.03)
    tau = np.mod(time_s, period_s)
    margin_s = 0.04  # the feet slide a little before they take off and after they land
    flight_s = hop_s - contact_s + 2 * margin_s
    out = smoothstep((tau - contact_s + margin_s) / flight_s)
    back = smoothstep((tau - hop_s - contact_s + margin_s) / flight_s)
    again = smoothstep((tau + hop_s - contact_s + margin_s) / flight_s)  # the end of the previous period's way back
    spread = out - back + 1 - again
    arms = swing(time_s, period_s, -contact_s / 2 / period_s)
    for side, sign in SIDES.items():
        pose.foot_m[side][:, 0] = sign * (0.22 * spread - 0.03)
        pose.foot_m[side][:, 2] = lift
        pose.foot_pitch_deg[side][:, 0] = 32 * np.tanh(lift / 0.06)
        pose.upper_arm_deg[side][:, 0] = 16 + 138 * arms
        pose.upper_arm_deg[side][:, 1] = 12
        pose.forearm_deg[side][:, 0] = 20 + 146 * arms
        pose.forearm_deg[side][:, 1] = 22
    return pose


def squat(time_s: Floats, period_s: float) -> Pose:
    pose = standing(time_s)
    down = swing(time_s, period_s)
    pose.root_m[:, 1] += 0.15 * down
    pose.root_m[:, 2] -= 0.36 * down
    pose.pelvis_deg[:, 0] = 26 * down
    pose.trunk_deg[:, 0] += 8 * down
    pose.head_deg[:, 0] -= 16 * down
    for side, sign in SIDES.items():
        pose.foot_m[side][:, 0] = sign * 0.06
        pose.upper_arm_deg[side][:, 0] = 14 + 70 * down
        pose.upper_arm_deg[side][:, 1] = 40 + 45 * down
        pose.forearm_deg[side][:, 0] = 20 + 68 * down
        pose.forearm_deg[side][:, 1] = 60 + 36 * down
    return pose


def march(time_s: Floats, period_s: float) -> Pose:
    """Marching on the spot with high knees."""
    pose = standing(time_s)
    raised = turns(time_s, period_s)
    stride = np.sin(2 * np.pi * time_s / period_s)
    pose.root_m[:, 0] -= 0.035 * stride  # over the standing leg
    pose.root_m[:, 2] += 0.012 * (raised["left"] + raised["right"]) - 0.006
    pose.pelvis_deg[:, 1] = -3 * stride
    pose.trunk_deg[:, 1] = 4 * stride
    pose.trunk_deg[:, 2] = 5 * stride
    for side, sign in SIDES.items():
        knee = raised[side]
        pose.foot_m[side][:, 0] = -sign * 0.02
        pose.foot_m[side][:, 1] = -0.20 * knee
        pose.foot_m[side][:, 2] = 0.40 * knee
        pose.foot_pitch_deg[side][:, 0] = 22 * knee
        forward = -sign * stride  # the arm opposite to the raised knee
        pose.upper_arm_deg[side][:, 0] = 12 + 18 * (1 + forward) * 0.8
        pose.upper_arm_deg[side][:, 1] = 30 + 45 * (1 + forward) / 2
        pose.forearm_deg[side][:, 0] = 68 + 34 * forward
        pose.forearm_deg[side][:, 1] = 84
    return pose


def biceps_curl(time_s: Floats, period_s: float) -> Pose:
    """Left and right in turns."""
    pose = standing(time_s)
    curled = turns(time_s, period_s)
    pose.trunk_deg[:, 0] -= 1.5 * (curled["left"] + curled["right"])
    pose.trunk_deg[:, 1] = 2.0 * (curled["right"] - curled["left"])
    for side in SIDES:
        pose.upper_arm_deg[side][:, 0] = 12 + 6 * curled[side]
        pose.upper_arm_deg[side][:, 1] = 20 + 40 * curled[side]
        pose.forearm_deg[side][:, 0] = 20 + 118 * curled[side]
        pose.forearm_deg[side][:, 1] = 62 + 14 * curled[side]
    return pose


def lateral_raise(time_s: Floats, period_s: float) -> Pose:
    pose = standing(time_s)
    up = swing(time_s, period_s)
    pose.trunk_deg[:, 0] -= 2 * up
    for side in SIDES:
        pose.upper_arm_deg[side][:, 0] = 12 + 74 * up
        pose.upper_arm_deg[side][:, 1] = 16
        pose.forearm_deg[side][:, 0] = 18 + 68 * up
        pose.forearm_deg[side][:, 1] = 45 - 12 * up
    return pose


def lunge(time_s: Floats, period_s: float) -> Pose:
    """Backward lunges, left and right in turns."""
    pose = standing(time_s)
    for index, (side, sign) in enumerate(SIDES.items()):
        phase = np.mod(time_s / period_s, 1.0) - index / 2
        inside = (phase >= 0) & (phase < 0.5)
        x = np.where(inside, phase * 2, 0.0)
        step = smoothstep(x / 0.42) - smoothstep((x - 0.58) / 0.42)
        arc = np.sin(np.pi * smoothstep(x / 0.42)) ** 2 + np.sin(np.pi * smoothstep((x - 0.58) / 0.42)) ** 2
        down = smoothstep((x - 0.10) / 0.38) - smoothstep((x - 0.52) / 0.38)
        pose.foot_m[side][:, 1] += 0.66 * step
        pose.foot_m[side][:, 2] += 0.075 * step + 0.07 * arc
        pose.foot_pitch_deg[side][:, 0] += 52 * step
        pose.root_m[:, 1] += 0.27 * step
        pose.root_m[:, 2] -= 0.27 * down
        pose.root_m[:, 0] -= sign * 0.03 * step
        pose.trunk_deg[:, 0] += 5 * down
        pose.pelvis_deg[:, 0] += 4 * down
    bend = np.clip(-pose.root_m[:, 2] / 0.27, 0, 1)
    for side in SIDES:  # hands to the hips
        pose.upper_arm_deg[side][:, 0] = 26 + 6 * bend
        pose.upper_arm_deg[side][:, 1] = 15
        pose.forearm_deg[side][:, 0] = 62 + 8 * bend
        pose.forearm_deg[side][:, 1] = 92
    return pose


def side_lunge(time_s: Floats, period_s: float) -> Pose:
    pose = standing(time_s)
    for index, (side, sign) in enumerate(SIDES.items()):
        phase = np.mod(time_s / period_s, 1.0) - index / 2
        x = np.where((phase >= 0) & (phase < 0.5), phase * 2, 0.0)
        step = smoothstep(x / 0.4) - smoothstep((x - 0.6) / 0.4)
        arc = np.sin(np.pi * smoothstep(x / 0.4)) ** 2 + np.sin(np.pi * smoothstep((x - 0.6) / 0.4)) ** 2
        down = smoothstep((x - 0.12) / 0.36) - smoothstep((x - 0.52) / 0.36)
        pose.foot_m[side][:, 0] += sign * 0.50 * step
        pose.foot_m[side][:, 2] += 0.06 * arc
        pose.root_m[:, 0] += sign * 0.36 * step
        pose.root_m[:, 1] += 0.10 * down
        pose.root_m[:, 2] -= 0.06 * step + 0.14 * down
        pose.pelvis_deg[:, 0] += 14 * down
        pose.trunk_deg[:, 0] += 6 * down
    for side in SIDES:
        pose.upper_arm_deg[side][:, 0] = 36
        pose.upper_arm_deg[side][:, 1] = 60
        pose.forearm_deg[side][:, 0] = 112
        pose.forearm_deg[side][:, 1] = 112
    return pose


def overhead_press(time_s: Floats, period_s: float) -> Pose:
    pose = standing(time_s)
    up = swing(time_s, period_s)
    for side in SIDES:
        pose.upper_arm_deg[side][:, 0] = 62 + 96 * up
        pose.upper_arm_deg[side][:, 1] = 32 - 12 * up
        pose.forearm_deg[side][:, 0] = 168 + 2 * up
        pose.forearm_deg[side][:, 1] = 50
    pose.trunk_deg[:, 0] -= 2 * up
    return pose


def hip_hinge(time_s: Floats, period_s: float) -> Pose:
    """The motion of a Romanian deadlift: the hips go back, the hands slide down the thighs."""
    pose = standing(time_s)
    down = swing(time_s, period_s)
    pose.root_m[:, 1] += 0.17 * down
    pose.root_m[:, 2] -= 0.09 * down
    pose.pelvis_deg[:, 0] = 48 * down
    pose.trunk_deg[:, 0] += 14 * down
    pose.head_deg[:, 0] -= 22 * down
    for side in SIDES:
        pose.upper_arm_deg[side][:, 0] = 14 + 8 * down
        pose.upper_arm_deg[side][:, 1] = 20 + 55 * down
        pose.forearm_deg[side][:, 0] = 16
        pose.forearm_deg[side][:, 1] = 60 + 25 * down
    return pose


def punch(time_s: Floats, period_s: float) -> Pose:
    """Straight punches from a guard, left and right in turns, with the trunk behind them."""
    pose = standing(time_s)
    out = turns(time_s, period_s)
    pose.root_m[:, 2] -= 0.05
    pose.root_m[:, 1] -= 0.03 * (out["left"] + out["right"])
    pose.trunk_deg[:, 2] = 24 * (out["right"] - out["left"])
    pose.pelvis_deg[:, 2] = 8 * (out["right"] - out["left"])
    pose.head_deg[:, 2] -= 0.8 * pose.trunk_deg[:, 2]
    for side, sign in SIDES.items():
        pose.foot_m[side][:, 0] = sign * 0.07
        pose.upper_arm_deg[side][:, 0] = 28 + 60 * out[side]
        pose.upper_arm_deg[side][:, 1] = 55 + 33 * out[side]
        pose.forearm_deg[side][:, 0] = 140 - 50 * out[side]
        pose.forearm_deg[side][:, 1] = 100 - 8 * out[side]
    return pose


def torso_twist(time_s: Floats, period_s: float) -> Pose:
    """Turns of the trunk, with the arms held out in front of it."""
    pose = standing(time_s)
    turn_deg = 38 * np.sin(2 * np.pi * time_s / period_s)
    pose.trunk_deg[:, 2] = turn_deg
    pose.pelvis_deg[:, 2] = 0.25 * turn_deg
    for side, sign in SIDES.items():
        pose.foot_m[side][:, 0] = sign * 0.05
        pose.upper_arm_deg[side][:, 0] = 72
        pose.upper_arm_deg[side][:, 1] = 60 - sign * 1.25 * turn_deg
        pose.forearm_deg[side][:, 0] = 84
        pose.forearm_deg[side][:, 1] = 112 - sign * 1.25 * turn_deg
    return pose


def arm_circles(time_s: Floats, period_s: float) -> Pose:
    """Small circles of the straight arms, held out to the sides."""
    pose = standing(time_s)
    phase = 2 * np.pi * time_s / period_s
    for side in SIDES:
        for limb in (pose.upper_arm_deg, pose.forearm_deg):
            limb[side][:, 0] = 86 - 16 * np.cos(phase)
            limb[side][:, 1] = 14 + 14 * np.sin(phase)
    return pose


# Of the body in push-ups, m: hip to ankle, hip to shoulder, the ankle's height on tiptoe, upper arm, forearm, and the hip's and
# the ankle's height standing. Those of `alex`, rounded: hands slide by some centimetres, as the truth says; `kim` is too short.
_LEG_M, _TRUNK_M, _TIPTOE_M, _UPPER_ARM_M, _FOREARM_M, _HIP_M, _ANKLE_M = 0.84, 0.50, 0.15, 0.28, 0.25, 0.90, 0.08
_WRIST_M = 0.06


def push_up(time_s: Floats, period_s: float) -> Pose:
    """Push-ups: a straight body that turns about its toes, hands below the shoulders. Seen well from the side (yaw)."""
    pose = standing(time_s)
    slope = np.deg2rad(17.6 - 10.5 * swing(time_s, period_s))
    pose.pelvis_deg[:, 0] = 90 - np.rad2deg(slope)
    pose.trunk_deg[:] = 0
    pose.head_deg[:] = (-15.0, 0.0, 0.0)
    pose.root_m[:, 0] = 0
    pose.root_m[:, 1] = 0.75 - _LEG_M * np.cos(slope)
    pose.root_m[:, 2] = _TIPTOE_M + _LEG_M * np.sin(slope) - _HIP_M
    # The elbow bends as far as the shoulder's height above the hand asks for, backwards and outwards.
    above_m = _TIPTOE_M + (_LEG_M + _TRUNK_M) * np.sin(slope) - _WRIST_M
    upper = np.arccos((_UPPER_ARM_M**2 + above_m**2 - _FOREARM_M**2) / (2 * _UPPER_ARM_M * above_m))
    fore = np.arcsin(_UPPER_ARM_M * np.sin(upper) / _FOREARM_M)
    for side in SIDES:
        pose.foot_m[side][:, 1] = 0.75
        pose.foot_m[side][:, 2] = _TIPTOE_M - _ANKLE_M
        pose.foot_pitch_deg[side][:, 0] = 72
        pose.upper_arm_deg[side][:] = np.stack([np.rad2deg(upper), np.full(len(time_s), -55.0)], 1)
        pose.forearm_deg[side][:] = np.stack([np.rad2deg(fore), np.full(len(time_s), 125.0)], 1)
    return pose


MOTIONS: dict[str, Motion] = {
    "arm_circles": Motion(arm_circles, 1.5),
    "biceps_curl": Motion(biceps_curl, 3.4),
    "hip_hinge": Motion(hip_hinge, 3.0),
    "jumping_jack": Motion(jumping_jack, 1.05),
    "lateral_raise": Motion(lateral_raise, 2.4),
    "lunge": Motion(lunge, 4.4),
    "march": Motion(march, 1.2),
    "overhead_press": Motion(overhead_press, 2.4),
    "punch": Motion(punch, 1.3),
    "push_up": Motion(push_up, 2.2),
    "side_lunge": Motion(side_lunge, 4.4),
    "squat": Motion(squat, 2.5),
    "torso_twist": Motion(torso_twist, 2.4),
}
