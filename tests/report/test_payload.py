"""What the page gets: sizes, rounding, choice of clips."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimad.report.collect import choose, collect, explorers, shown_label, similar
from fimad.report.page import clean
from fimad.report.payload import POINTS, PREVIEW_FRAMES, PREVIEW_POINTS, explorer, preview, second_difference
from fimad.report.sources import DatasetRows, placements_of, rows_of
from tests.report.conftest import MakeDataset


@pytest.fixture(scope="module")
def row(make_dataset: MakeDataset) -> dict[str, Any]:
    return next(rows_of(next(DatasetRows(make_dataset(1)).tables())))


def unpack(text: str) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
    raw = zlib.decompress(base64.b64decode(text))
    size = int.from_bytes(raw[:4], "little")
    head, at, arrays = json.loads(raw[4 : 4 + size]), 4 + size, {}
    for kind, placement, rows, width, scale in head["arrays"]:
        count = rows * width
        planes = np.frombuffer(raw, np.uint8, 2 * count, at).reshape(2, count)
        at += 2 * count
        steps = (planes[0].astype(np.uint16) | planes[1].astype(np.uint16) << 8).view(np.int16).reshape(width, rows).T
        values = np.cumsum(steps, axis=0, dtype=np.int16)
        arrays[kind, placement] = np.where(values == -32768, np.nan, values * scale)
    return head, arrays


def test_signals_arrive_within_half_a_step(row: dict[str, Any]) -> None:
    head, arrays = unpack(explorer(row, placements_of(list(row))))
    assert head["signals"] == ["left_wrist", "pelvis"]
    for name in head["signals"]:
        for kind, column, step in (("acc", "acc_m_s2", 0.01), ("gyro", "gyro_rad_s", 0.002)):
            wanted = np.asarray(row[f"{name}_{column}"], float).reshape(-1, 3)
            np.testing.assert_allclose(arrays[kind, name], wanted, atol=step / 2 + 1e-6)


def test_what_is_not_measured_stays_unmeasured(row: dict[str, Any]) -> None:
    acc = np.array(row["pelvis_acc_m_s2"], float)
    acc[30:60] = np.nan
    _, arrays = unpack(explorer({**row, "pelvis_acc_m_s2": acc}, ("pelvis",)))
    missing = np.isnan(acc.reshape(-1, 3)).all(1)
    assert missing[10:20].all()
    assert not missing.all()
    np.testing.assert_array_equal(np.isnan(arrays["acc", "pelvis"]).all(1), missing)


def test_a_clip_without_pose_has_neither_preview_nor_explorer(row: dict[str, Any]) -> None:
    for empty in (None, np.full_like(row["pose_world_m"], np.nan)):
        without = {**row, "pose_image": empty, "pose_world_m": empty}
        assert preview(without) == b""
        assert explorer(without, ("pelvis",)) == ""


def test_preview_keeps_the_aspect(row: dict[str, Any]) -> None:
    packed = np.frombuffer(preview(row), np.int8).reshape(PREVIEW_FRAMES, len(PREVIEW_POINTS), 2)
    assert np.abs(packed.astype(int)).max() in (115, 116)


def test_second_difference_of_a_fall_on_an_irregular_clock() -> None:
    time_s = np.array([0, 0.03, 0.07, 0.1, 0.16, 0.2])
    fall = np.stack([0 * time_s, 2 * time_s, -9.80665 / 2 * time_s**2], axis=1)
    got = second_difference(time_s, fall)
    assert np.isnan(got[[0, -1]]).all()
    np.testing.assert_allclose(got[1:-1], [[0, 0, -9.80665]] * 4, atol=1e-9)


def test_similar_clips_by_cosine() -> None:
    vectors = [np.array(v, np.float32) for v in ([1, 0], [0, 1], [5, 0.5])]
    assert similar([*vectors, None]) == [(2, 1), (2, 0), (0, 1), ()]
    assert similar([None, vectors[0]]) == [(), ()]


def test_the_explorer_takes_every_label_before_a_second_of_one(make_dataset: MakeDataset) -> None:
    rows = DatasetRows(make_dataset(8))
    report = collect(rows, "")
    labels = {clip.clip_id: clip.label for clip in report.clips}
    count = len(set(labels.values()))
    assert {labels[clip_id] for clip_id in choose(report)[:count]} == set(labels.values())
    whole = explorers(rows, report)
    assert whole.keys() == labels.keys()
    half = sum(map(len, whole.values())) // 2
    some = explorers(rows, report, budget_bytes=half)
    assert 0 < len(some) < len(whole)
    assert sum(map(len, some.values())) <= half


@given(st.text())
def test_clean_text_has_neither_control_nor_direction_signs(text: str) -> None:
    assert all(c.isprintable() for c in clean(text))
    assert len(clean(text)) <= 300


def test_the_body_and_the_axes_are_those_of_the_imu(row: dict[str, Any]) -> None:
    _, drawn = unpack(explorer(row, ("left_wrist",)))
    count = len(row["imu_time_s"])
    turned = np.tile([0.0, np.sin(np.pi / 4), 0.0, np.cos(np.pi / 4)], count).astype(np.float32)
    told = json.loads(row.get("imu_report") or "{}") | {"height_m": 1.2}
    _, other = unpack(
        explorer({**row, "imu_report": json.dumps(told), "left_wrist_orientation": turned}, ("left_wrist",))
    )
    changed = [
        name for name in drawn if name[0] == "points" and not np.array_equal(drawn[name], other[name], equal_nan=True)
    ]
    assert changed, "a height of 1.2 m draws another body"
    _, mounted = unpack(explorer({**row, "left_wrist_orientation": turned}, ("left_wrist",)))
    differing = {name[0] for name in drawn if not np.array_equal(drawn[name], mounted[name], equal_nan=True)}
    assert differing == {"axes"}


def test_where_the_camera_moved_the_body_goes_with_the_root(row: dict[str, Any]) -> None:
    root = np.array(row["imu_root_m"], float).reshape(-1, 3)
    root[:, 0] = np.linspace(0, 1.9, len(root))
    hips = [POINTS.index(f"{side}_hip") for side in ("left", "right")]

    def travelled(steady: bool) -> float:
        told = json.dumps({"camera_steady": steady})
        _, drawn = unpack(explorer({**row, "imu_root_m": root.reshape(-1), "imu_report": told}, ("left_wrist",)))
        points = drawn["points", ""].reshape(len(drawn["points", ""]), -1, 3)
        pelvis = points[:, hips].mean(axis=1)
        assert np.isfinite(pelvis).any()
        return float(np.nanmax(pelvis[:, 0]) - np.nanmin(pelvis[:, 0]))

    assert travelled(False) == pytest.approx(1.9, abs=0.05)
    assert travelled(True) != pytest.approx(1.9, abs=0.05)


def test_clips_are_grouped_by_exercise_and_not_by_how_a_title_is_spelt() -> None:
    row = {"label": "squats x15", "kind": "exercise", "class_label": "squat"}
    assert shown_label(row) == "squat"
    assert shown_label({**row, "class_label": "push_up"}) == "push up"
    assert shown_label({**row, "class_label": "unlisted_exercise"}) == "squats x15"
    assert shown_label({**row, "kind": "rest", "class_label": "null"}) == "rest"
    assert shown_label({"label": "squats"}) == "squats"
