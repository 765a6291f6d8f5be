"""Left and right: swaps of a frame and of seconds are undone, and honest motion is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from fimad.simulate.lifting.sides import Sides, bridged, find_sides, seen_from_behind
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS

RATE_HZ = 30
TIME_S = np.arange(0, 10, 1 / RATE_HZ)
NO_BREAKS = np.zeros(len(TIME_S), bool)
HEIGHTS_M = {"shoulder": 1.4, "elbow": 1.1, "wrist": 0.85, "hip": 0.9, "knee": 0.5, "ankle": 0.1, "heel": 0.05}
PARTS = {
    "arms": ("shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
    "legs": ("hip", "knee", "ankle", "heel", "foot_index"),
}


def marching(turn_deg: float = 0.0) -> np.ndarray:
    """(n, 33, 3) of somebody who marches, turned so far from facing the camera."""
    body = np.zeros((len(TIME_S), len(LANDMARKS), 3))
    phase = np.sin(2 * np.pi * TIME_S)
    for name, at in LANDMARK_INDEX.items():
        side, _, part = name.partition("_")
        sign = {"left": 1, "right": -1}.get(side, 0)
        body[:, at] = [0.2 * sign, 0, HEIGHTS_M.get(part, 1.6)]
        if part in ("knee", "ankle", "heel", "foot_index"):
            body[:, at, 2] += 0.25 * np.maximum(0, sign * phase)
            body[:, at, 1] -= 0.2 * np.maximum(0, sign * phase)
        if part in ("elbow", "wrist"):
            body[:, at, 1] += 0.15 * sign * phase
    cos, sin = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    turned = body.copy()
    turned[..., 0], turned[..., 1] = cos * body[..., 0] - sin * body[..., 1], sin * body[..., 0] + cos * body[..., 1]
    return turned + np.random.default_rng(5).normal(0, 0.008, body.shape)


def exchange(position_m: np.ndarray, where: np.ndarray, parts: tuple[str, ...]) -> np.ndarray:
    """With left and right of these parts exchanged in some frames."""
    result = position_m.copy()
    left, right = ([LANDMARK_INDEX[f"{side}_{part}"] for part in parts] for side in ("left", "right"))
    result[np.ix_(where, left)], result[np.ix_(where, right)] = (
        position_m[np.ix_(where, right)],
        position_m[np.ix_(where, left)],
    )
    return result


def undone(position_m: np.ndarray, sides: Sides) -> np.ndarray:
    return np.take_along_axis(position_m, sides.order[:, :, None], 1)


@pytest.mark.parametrize("turn_deg", [0, 40, 160, 180, -60])
@pytest.mark.parametrize("parts", ["arms", "legs", "both"])
@pytest.mark.parametrize("frames", [[(50, 51)], [(40, 47), (200, 203)], [(60, 150)], [(0, 30), (250, 300)]])
def test_swaps_are_undone_whole(turn_deg: float, parts: str, frames: list[tuple[int, int]]) -> None:
    true = marching(turn_deg)
    where = np.zeros(len(TIME_S), bool)
    for first, last in frames:
        where[first:last] = True
    chosen = PARTS["arms"] + PARTS["legs"] if parts == "both" else PARTS[parts]
    seen = exchange(true, np.flatnonzero(where), chosen)
    sides = find_sides(TIME_S, seen, NO_BREAKS)
    np.testing.assert_array_equal(sides.swapped, where)
    np.testing.assert_array_equal(undone(seen, sides), true)
    assert not sides.divided.any()


def test_to_and_fro_for_the_whole_clip() -> None:
    """As of people seen from behind: 27 % of the frames, in 20 pieces."""
    rng = np.random.default_rng(8)
    true = marching(180)
    where = np.zeros(len(TIME_S), bool)
    for first in rng.choice(29, 20, replace=False) * 10:
        where[first + 3 : first + 3 + rng.integers(1, 7)] = True
    seen = exchange(true, np.flatnonzero(where), PARTS["arms"] + PARTS["legs"])
    np.testing.assert_array_equal(undone(seen, find_sides(TIME_S, seen, NO_BREAKS)), true)


def test_where_neither_way_round_has_a_majority_nobody_knows() -> None:
    where = np.arange(len(TIME_S)) % 100 < 48
    seen = exchange(marching(), np.flatnonzero(where), PARTS["arms"])
    assert find_sides(TIME_S, seen, NO_BREAKS).divided.all()


def test_quick_but_honest_motion_is_left_alone() -> None:
    position = marching()
    position[..., 0] += 0.3 * np.sin(2 * np.pi * 2 * TIME_S)[:, None]
    # Hands that cross, and are where the other one was.
    for side, sign in (("left", 1), ("right", -1)):
        position[:, LANDMARK_INDEX[f"{side}_wrist"], 0] += 0.4 * sign * np.sin(2 * np.pi * 1.5 * TIME_S)
    sides = find_sides(TIME_S, position, NO_BREAKS)
    assert not sides.swapped.any()
    assert not sides.divided.any()


def test_another_person_is_not_the_first_one_with_sides_exchanged() -> None:
    """A leap to somebody else, who stands a metre away and looks the other way, is no swap."""
    other = marching(180) + np.array([1.0, 0, 0])
    seen = np.where((np.arange(len(TIME_S)) < 200)[:, None, None], marching(), other)
    assert not find_sides(TIME_S, seen, NO_BREAKS).swapped.any()


def test_nothing_is_compared_across_a_cut() -> None:
    breaks = NO_BREAKS.copy()
    breaks[150] = True
    seen = np.where((np.arange(len(TIME_S)) < 150)[:, None, None], marching(), marching(180))
    assert not find_sides(TIME_S, seen, breaks).swapped.any()
    assert seen_from_behind(seen) == pytest.approx(0.5, abs=0.01)


def test_a_limb_that_leaps_and_slides_back_does_not_stay_exchanged() -> None:
    """A swap that ends slowly has no end to be seen: the frames after it are not the swapped ones."""
    true = marching(85)
    seen = exchange(true, np.arange(100, 112), PARTS["legs"])
    back = np.linspace(0, 1, 12)[:, None, None]
    rows = [LANDMARK_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in PARTS["legs"]]
    seen[104:116, rows] = (1 - back) * seen[103, rows] + back * true[116, rows]
    assert find_sides(TIME_S, seen, NO_BREAKS).swapped.sum() < 20


@pytest.mark.parametrize("parts", ["arms", "legs", "both"])
@pytest.mark.parametrize(("first", "frames"), [(100, 2), (150, 3), (len(TIME_S) - 9, 2)])
@pytest.mark.parametrize("after", ["as before", "exchanged"])
def test_frames_between_two_ways_round_tell_nothing(parts: str, first: int, frames: int, after: str) -> None:
    """Limbs that are put between both sides: only what comes before and after tells."""
    chosen = PARTS["arms"] + PARTS["legs"] if parts == "both" else PARTS[parts]
    true = marching(30)
    between = np.arange(first, first + frames)
    where = np.zeros(len(TIME_S), bool)
    if after == "exchanged":
        where[first + frames : first + frames + 40] = True
    seen = exchange(true, np.flatnonzero(where), chosen)
    rows = [LANDMARK_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in chosen]
    middle = (true[:, rows] + exchange(true, np.arange(len(TIME_S)), chosen)[:, rows]) / 2
    shift = np.random.default_rng(first).normal(0, 0.06, (len(TIME_S), len(rows), 3))
    seen[np.ix_(between, rows)] = (middle + shift + [0.0, 0.0, 0.3])[between]
    sides = find_sides(TIME_S, seen, NO_BREAKS)
    apart = ~np.isin(np.arange(len(TIME_S)), between)
    np.testing.assert_array_equal(sides.swapped[apart], where[apart])
    assert sides.astray[np.ix_(between, rows)].mean() > 0.9
    assert sides.astray.sum() == sides.astray[np.ix_(between, rows)].sum()
    mended = bridged(TIME_S, undone(seen, sides), sides.astray)
    # Nobody can be farther off and back within that time.
    assert np.abs(mended - true)[:, rows].max() < 0.25


@pytest.mark.parametrize("parts", ["arms", "legs", "both"])
@pytest.mark.parametrize("first", [50, 150, len(TIME_S) - 9])
def test_limbs_that_begin_to_slide_to_the_other_side_are_not_exchanged_from_then_on(parts: str, first: int) -> None:
    """Two fifths of the way, four fifths, and back where they were: the last step is shorter with sides exchanged."""
    chosen = PARTS["arms"] + PARTS["legs"] if parts == "both" else PARTS[parts]
    true = marching(-20)
    other = exchange(true, np.arange(len(TIME_S)), chosen)
    seen = true.copy()
    for at, share in ((first, 0.4), (first + 1, 0.8)):
        seen[at] = (1 - share) * true[at] + share * other[at]
    sides = find_sides(TIME_S, seen, NO_BREAKS)
    assert set(np.flatnonzero(sides.swapped)) <= {first, first + 1}
    assert np.abs(bridged(TIME_S, undone(seen, sides), sides.astray) - true).max() < 0.2


def test_quick_turns_are_not_passed_over() -> None:
    """Punches: out and back within a quarter of a second, hands at 8 m/s."""
    position = marching()
    phase = np.clip((TIME_S % 1.0) / 0.25, 0, 1)
    for side in ("left", "right"):
        for part, share in (("elbow", 0.5), ("wrist", 1.0), ("index", 1.0), ("pinky", 1.0), ("thumb", 1.0)):
            position[:, LANDMARK_INDEX[f"{side}_{part}"], 0] += 0.65 * share * np.sin(np.pi * phase)
    assert not find_sides(TIME_S, position, NO_BREAKS).astray.any()
