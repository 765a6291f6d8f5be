"""The committed drawing of the placements' axes shows what `fimad.simulate.placements` computes."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from fimad.simulate.placements import PLACES
from tools.draw_axes import OUT, VIEWS, axes_of, body, drawing

REMEDY = "docs/images/axes.svg is out of date: python -m tools.draw_axes"


def triads(svg: str) -> dict[str, tuple[str, np.ndarray]]:
    """id: (placement, (3, 3) axes in rows)."""
    found = {}
    root = ElementTree.fromstring(svg)  # noqa: S314  (our own file)
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        axes = np.array(group.attrib["data-axes"].split(), float).reshape(3, 3)
        found[group.attrib["id"]] = group.attrib["data-placement"], axes
    return found


def test_committed_drawing_shows_every_placement_as_it_is() -> None:
    committed, now = triads(OUT.read_text(encoding="utf-8")), triads(drawing())
    front = [placement for name, (placement, _) in committed.items() if name.startswith("front-")]
    assert sorted(front) == sorted(PLACES), REMEDY
    aside = {placement for name, (placement, _) in committed.items() if name.startswith(("left-", "middle-"))}
    assert aside == {name for name in PLACES if not name.startswith("right_")}, REMEDY
    assert committed.keys() == now.keys(), REMEDY
    for name, (placement, axes) in committed.items():
        assert placement == now[name][0], REMEDY
        np.testing.assert_allclose(axes, now[name][1], atol=0.002, err_msg=REMEDY)


def test_in_the_anatomical_position_axes_are_what_the_legend_says() -> None:
    for name, (_, axes) in axes_of(body()).items():
        left, backwards, up = axes.T @ np.eye(3)
        assert left[0] > 0.9, f"{name}: x is to the person's left"
        assert backwards[1] > 0.85, f"{name}: y is backwards"
        assert up[2] > 0.85, f"{name}: z is upwards"
        np.testing.assert_allclose(np.cross(up, left), backwards, atol=1e-9)


def test_with_the_palm_to_the_thigh_a_wrist_looks_forwards() -> None:
    (view,) = (view for view in VIEWS if view.name == "palm")
    _, axes = axes_of({**body(), **view.moved})["left_wrist"]
    assert axes[1, 0] < -0.9


def test_a_body_without_the_landmarks_that_sensors_need_is_an_error() -> None:
    landmarks = {name: point for name, point in body().items() if name != "left_knee"}
    with pytest.raises(ValueError, match="left_knee"):
        axes_of(landmarks)
