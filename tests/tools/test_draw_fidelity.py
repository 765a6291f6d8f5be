"""docs/fidelity.md: its pictures are those that the tool draws, and they show what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fimad.demo import INFO
from fimad.simulate import PoseSequence
from fimad.simulate.placements import PLACES
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS
from tools import fidelity_page, flow_page
from tools.draw_axes import body
from tools.draw_fidelity import CASES, DEMO, IMAGES, RESULTS, Case, by_axis, picture, scores
from tools.render_workout.motions import MOTIONS

TABLES = {**fidelity_page.TABLES, **fidelity_page.REFERENCE, **flow_page.TABLES}
PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"


def hopper() -> tuple[PoseSequence, dict[str, np.ndarray]]:
    """Somebody who moves up and down by 10 cm as one piece, seen by a level camera from far away, and the truth."""
    time_s, distance_m, focal_px = np.arange(0, 6, 1 / 30), 40.0, 1.2 * 1000
    points = np.zeros((len(LANDMARKS), 3))
    for name, (x, y, z) in body().items():
        if name in LANDMARK_INDEX:
            points[LANDMARK_INDEX[name]] = x, y, z - 0.93
    omega = 2 * np.pi * 1.3
    up = 0.1 * np.sin(omega * time_s)
    world = np.stack([points[:, 0], -points[:, 2], points[:, 1]], -1)
    pixels = np.stack([points[None, :, 0] + 0 * up[:, None], -(points[None, :, 2] + up[:, None])], -1)
    image = np.concatenate([pixels * focal_px / distance_m / 1000 + 0.5, np.zeros((len(up), len(points), 1))], -1)
    pose = PoseSequence(time_s, image, np.tile(world, (len(up), 1, 1)), np.ones((len(up), len(points))), 1000, 1000)
    acceleration = np.stack([0 * up, 0 * up, -(omega**2) * up], 1)
    return pose, {"t": time_s, **{f"{name}_acc": acceleration for name in PLACES}}


def test_every_picture_is_committed_and_on_the_page() -> None:
    shown = re.findall(r"\(images/(fidelity-[a-z-]+\.svg)\)", PAGE.read_text(encoding="utf-8"))
    drawn = [f"fidelity-{case.name}.svg" for case in CASES]
    assert sorted(shown) == sorted(drawn)
    assert sorted(path.name for path in IMAGES.glob("fidelity-*.svg")) == sorted(drawn)
    for name in drawn:
        ElementTree.fromstring((IMAGES / name).read_text(encoding="utf-8"))  # noqa: S314  (our own file)


def test_cases_lie_in_the_workout_or_name_a_motion() -> None:
    chapters = json.loads(INFO.read_text(encoding="utf-8"))["chapters"]
    for case in CASES:
        assert case.placement in PLACES
        if case.source == DEMO:
            inside = [c for c in chapters if c["start_time"] <= case.part_s[0] < case.part_s[1] <= c["end_time"]]
            assert inside, case.name
            assert case.part_s[0] <= case.shown_s[0] < case.shown_s[1] <= case.part_s[1]
        else:
            assert any(case.source.startswith(motion) for motion in MOTIONS)


def test_measured_are_all_cases_chapters_and_placements() -> None:
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert measured["made"]["on"] in PAGE.read_text(encoding="utf-8")
    assert list(measured["cases"]) == [case.name for case in CASES]
    assert list(measured[DEMO]) == [c["title"] for c in json.loads(INFO.read_text(encoding="utf-8"))["chapters"]]
    for chapter in measured[DEMO].values():
        assert sorted(chapter["placements"]) == sorted(PLACES)


def test_scores_of_a_known_motion() -> None:
    pose, truth = hopper()
    found = scores("hopper", pose, truth)["hopper"]
    assert found["r"] > 0.999
    assert found["e_plane"] < 0.02
    row = by_axis(Case("x", "x", "hopper", "left_knee", None, (1, 5)), pose, truth, "adaptive")
    assert row["r"][2] > 0.999
    assert row["valid"] == 1


def test_a_picture_has_both_curves_and_both_colour_schemes() -> None:
    pytest.importorskip("matplotlib")
    pose, truth = hopper()
    svg = picture(Case("x", "A title", "hopper", "left_knee", None, (1, 5)), pose, truth)
    root = ElementTree.fromstring(svg)  # noqa: S314  (our own text)
    assert "A title" in "".join(root.itertext())
    assert "prefers-color-scheme:dark" in svg
    curves: dict[str, np.ndarray] = {}
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        colour = re.search(r"stroke: (#57606a|#0969da)", path.get("style", ""))
        numbers = np.array(re.findall(r"-?\d+(?:\.\d+)?", path.get("d", "")), float).reshape(-1, 2)
        # x and y do not move: their straight lines have few points.
        if colour and len(numbers) > 50:
            curves[colour[1]] = numbers
    true, virtual = curves["#57606a"], curves["#0969da"]
    assert np.ptp(true[:, 1]) > 50
    np.testing.assert_allclose(np.interp(true[:, 0], *virtual.T), true[:, 1], atol=0.05 * np.ptp(true[:, 1]))
    assert svg == picture(Case("x", "A title", "hopper", "left_knee", None, (1, 5)), pose, truth)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_tables_have_as_many_cells_as_heads(name: str) -> None:
    text = TABLES[name]()
    counts = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(counts) <= 1
