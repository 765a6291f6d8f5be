"""The virtual IMU of the project's own rendered video against the exact motion, with real pose weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fidelity_rendered import pose_of
from benchmarks.fidelity_scores import JOINTS, medians, score_clip
from fimad.config import Config
from fimad.demo import INFO, TRUTH, VIDEO
from fimad.simulate import PoseSequence, simulate_imu

Scores = dict[str, dict[str, object]]


def part_of(pose: PoseSequence, start_s: float, end_s: float) -> PoseSequence:
    here = (pose.time_s >= start_s) & (pose.time_s < end_s)
    return replace(pose, **{name: getattr(pose, name)[here] for name in ("time_s", "image", "world_m", "visibility")})


@pytest.fixture(scope="module")
def scores(weights: Callable[[str], Path]) -> Scores:
    """`score_clip` of every chapter."""
    weights("pose/detector"), weights("pose/full")
    pose = pose_of(VIDEO, Config())
    with np.load(TRUTH, allow_pickle=False) as file:
        truth = {name: file[name] for name in file if name == "t" or name.endswith("_acc")}
    result: Scores = {}
    for chapter in json.loads(INFO.read_text())["chapters"]:
        start_s, end_s = chapter["start_time"], chapter["end_time"]
        imu = simulate_imu(part_of(pose, start_s, end_s), placements=JOINTS)
        now = (truth["t"] >= start_s) & (truth["t"] < end_s)
        found = {name: imu.signals[name].lin_acc_world_m_s2 for name in JOINTS}
        result[chapter["title"]] = score_clip(imu.time_s, found, {name: each[now] for name, each in truth.items()})
    return result


def test_medians_over_the_five_exercises(scores: Scores) -> None:
    found = medians(scores.values())
    assert found["r"] > 0.95
    assert found["e_plane"] < 0.3
    assert found["e_3d"] < 0.6
    assert found["false_motion"] < 0.15


def test_no_exercise_is_lost(scores: Scores) -> None:
    for title, each in scores.items():
        assert each["r"] > 0.55, title
        assert each["e_plane"] < 0.6, title
