"""What no human limb does is not valid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fimad.flags import FLAGS
from fimad.simulate import simulate_imu
from fimad.simulate.doubts import Doubts, spans_of, widened
from fimad.simulate.plausibility import plausible
from tests.simulate.lifting.test_presence import pose
from tests.simulate.resting import resting


@pytest.mark.parametrize(
    ("placement", "name", "value", "bad"),
    [
        ("left_wrist", "gyro_rad_s", 36.0, True),
        ("left_wrist", "gyro_rad_s", 34.0, False),
        ("left_wrist", "lin_acc_world_m_s2", 160.0, True),
        ("left_wrist", "lin_acc_world_m_s2", 100.0, False),
        ("chest", "lin_acc_world_m_s2", 100.0, True),
    ],
)
def test_samples_beyond_what_limbs_do_go_with_those_around(placement: str, name: str, value: float, bad: bool) -> None:
    imu = resting(300, 100.0, (placement, "head"))
    signal = imu.signals[placement]
    peak = np.zeros((300, 3))
    peak[100:103, 1] = value
    imu = replace(imu, signals={**imu.signals, placement: replace(signal, **{name: peak})})
    found = plausible(imu, Doubts())
    valid = found.signals[placement].valid
    if bad:
        np.testing.assert_array_equal(np.flatnonzero(~valid), np.arange(90, 113))
        assert found.flags == ("implausible",)
        assert found.report["flags"] == {"implausible": {"samples": {placement: 3}}}
        assert found.signals[placement].quality == pytest.approx(0.9 * 277 / 300)
        assert np.isnan(found.signals[placement].acc_m_s2[~valid]).all()
        assert np.isnan(found.signals[placement].rotation[~valid]).all()
    else:
        assert valid.all()
        assert found.flags == ()
    assert found.signals["head"].valid.all()


def test_a_person_has_a_persons_height() -> None:
    tall = replace(resting(50), report={"height_m": 3.1})
    assert plausible(tall, Doubts()).flags == ("implausible",)
    assert plausible(replace(tall, report={"height_m": 1.2}), Doubts()).flags == ()


def test_short_stretches_are_said() -> None:
    imu = replace(resting(50), report={"stretches": [[0.0, 0.8], [2.0, 4.0]]})
    assert plausible(imu, Doubts()).flags == ("short",)
    assert plausible(replace(imu, report={"stretches": [[0.0, 0.8], [2.0, 14.0]]}), Doubts()).flags == ()


def test_the_vocabulary_is_closed_and_explained() -> None:
    with pytest.raises(KeyError):
        Doubts().add("odd")
    for flag in FLAGS.values():
        assert flag.about.endswith(".")
        assert flag.effect.endswith(".")


def test_a_clip_without_faults_has_no_flags() -> None:
    imu = simulate_imu(pose())
    assert imu.flags == ()
    assert "flags" not in imu.report


def test_spans() -> None:
    time_s = np.arange(10) / 10
    where = np.array([1, 0, 0, 1, 1, 0, 0, 0, 0, 1], bool)
    assert spans_of(time_s, where) == [(0.0, 0.0), (pytest.approx(0.3), pytest.approx(0.4)), (0.9, 0.9)]
    np.testing.assert_array_equal(widened(time_s, where, 0.1), [1, 1, 1, 1, 1, 1, 0, 0, 1, 1])
    assert not widened(time_s, np.zeros(10, bool), 0.1).any()
