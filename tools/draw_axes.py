"""Draws every placement's axes on a body, from `fimad.simulate.placements` itself. Run by `make docs-images`.

python -m tools.draw_axes [--out docs/images/axes.svg]
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fimad.simulate.placements import PLACES, Rig, rotation
from fimad.skeleton import LANDMARKS

OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "axes.svg"

Point = tuple[float, float, float]

# The anatomical position: upright, facing the camera, arms beside the body, palms forwards. World frame, metres; the
# person's left is the image's right. Arms hang a little forwards, as arms do, so that they stand clear from the side.
_CENTRE: dict[str, Point] = {"nose": (0, -0.11, 1.61)}
_LEFT: dict[str, Point] = {
    "eye": (0.032, -0.09, 1.655),
    "ear": (0.075, 0.0, 1.63),
    "shoulder": (0.18, 0.0, 1.44),
    "elbow": (0.245, -0.035, 1.145),
    "wrist": (0.30, -0.12, 0.90),
    "pinky": (0.285, -0.15, 0.81),
    "index": (0.355, -0.15, 0.815),
    "thumb": (0.375, -0.15, 0.865),
    "hip": (0.135, 0.0, 0.93),
    "knee": (0.135, -0.015, 0.49),
    "ankle": (0.135, 0.02, 0.085),
    "heel": (0.135, 0.06, 0.03),
    "foot_index": (0.15, -0.13, 0.02),
}

# What is drawn of a limb: (joints, thickness in metres), in the order of painting.
_LIMBS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("hip", "knee"), 0.125),
    (("knee", "ankle"), 0.095),
    (("heel", "foot_index"), 0.06),
    (("ankle", "heel"), 0.06),
    (("ankle", "foot_index"), 0.06),
    (("shoulder", "elbow"), 0.088),
    (("elbow", "wrist"), 0.072),
    (("wrist", "pinky"), 0.055),
    (("wrist", "index"), 0.055),
    (("pinky", "index"), 0.04),
    (("wrist", "thumb"), 0.028),
)

AXES = "xyz"
_PX_PER_M = 440.0
_ARROW_PX = 30.0
# An axis that is shorter than this in a view points at the reader or away from them.
_FORESHORTENED = 0.42
_WIDTH, _HEIGHT = 1150, 925

_STYLE = """
.page{fill:#ffffff;stroke:#d0d7de}.body{stroke:#dfe4ea;fill:#dfe4ea}.far{stroke:#eef1f4;fill:#eef1f4}
.face{fill:#aab4bf}text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:19px;font-weight:600}.note{font-size:14px;fill:#59636e}.name{font-size:14px;font-family:ui-monospace,
SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}.lead{stroke:#8c959f;stroke-width:1;stroke-dasharray:2 3;fill:none}
.x{stroke:#cf222e;fill:#cf222e}.y{stroke:#1a7f37;fill:#1a7f37}.z{stroke:#0969da;fill:#0969da}
.arrow{stroke-width:2.6;stroke-linecap:round}.letter{stroke:#ffffff;stroke-width:3.5px;paint-order:stroke;
font-size:13px;font-weight:700}.ring{fill:#ffffff;stroke-width:2.2}.origin{fill:#1f2328}
@media (prefers-color-scheme:dark){.page{fill:#0d1117;stroke:#3d444d}.body{stroke:#343c46;fill:#343c46}
.far{stroke:#21272f;fill:#21272f}.face{fill:#6e7884}text{fill:#f0f6fc}.note{fill:#9198a1}.lead{stroke:#656c76}
.x{stroke:#ff7b72;fill:#ff7b72}.y{stroke:#56d364;fill:#56d364}.z{stroke:#79c0ff;fill:#79c0ff}
.letter{stroke:#0d1117}.ring{fill:#0d1117}.origin{fill:#f0f6fc}}
"""


def body() -> dict[str, Point]:
    """Landmarks of a person in the anatomical position, metres, world frame."""
    sides = (("left", 1), ("right", -1))
    limbs = {f"{side}_{name}": (sign * x, y, z) for side, sign in sides for name, (x, y, z) in _LEFT.items()}
    return {**_CENTRE, **limbs}


def axes_of(landmarks: Mapping[str, Point]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Every placement's (3,) point in metres and (3, 3) axes, in columns, in the world frame."""
    rig = Rig(tuple(PLACES), [name for name in landmarks if name in LANDMARKS])
    if rig.missing:
        raise ValueError(f"the body that is drawn lacks landmarks: {rig.missing}")
    positions = np.array([[landmarks[name] for name in rig.landmarks]], float)
    points, turned = rig.points(positions)[0], rotation(rig.axes(positions))[0]
    return {name: (points[at], turned[rig.segment[at]]) for at, name in enumerate(rig.names)}


@dataclass(frozen=True)
class View:
    """A parallel projection, with what is drawn in it.

    Parameters
    ----------
    name : becomes part of the ids.
    title, note : stand above the picture.
    centre_px, ground_px : where the body's middle stands.
    right, away : (3,) world directions to the picture's right and away from the reader.
    shown : the placements.
    limbs : sides and first joints of the limbs in front of the trunk.
    far_limbs : the same for those behind it, which are drawn paler.
    trunk : how trunk and head are drawn: "body", "far" (paler), or not at all if empty.
    names_px : where the names stand, from `centre_px`: the left column's right edge and the right column's left edge.
    title_px : where the title stands.
    moved : landmarks that lie elsewhere than in the anatomical position.
    """

    name: str
    title: str
    note: str
    centre_px: float
    ground_px: float
    right: Point
    away: Point
    shown: tuple[str, ...]
    limbs: tuple[tuple[str, tuple[str, ...]], ...]
    far_limbs: tuple[tuple[str, tuple[str, ...]], ...]
    trunk: str
    names_px: tuple[float, float]
    title_px: tuple[float, float]
    moved: Mapping[str, Point] = field(default_factory=dict)

    def at(self, point: Point | np.ndarray) -> tuple[float, float]:
        """Where a point is drawn, px."""
        across = float(np.dot(point, self.right))
        return self.centre_px + across * _PX_PER_M, self.ground_px - float(point[2]) * _PX_PER_M

    def direction(self, axis: np.ndarray) -> tuple[float, float, float]:
        """An axis' components to the picture's right, downwards, and away from the reader."""
        return float(axis @ self.right), -float(axis[2]), float(axis @ self.away)

    @property
    def front(self) -> bool:
        """Whether the person faces the reader."""
        return self.right == (1, 0, 0)


_LEG, _ARM = ("hip", "knee", "ankle", "heel"), ("shoulder", "elbow", "wrist", "pinky")
VIEWS = (
    View(
        name="front",
        title="From the front",
        note="facing the reader, palms forwards",
        centre_px=322,
        title_px=(322, 34),
        ground_px=832,
        right=(1, 0, 0),
        away=(0, 1, 0),
        shown=tuple(PLACES),
        limbs=(("right", _LEG), ("left", _LEG), ("right", _ARM), ("left", _ARM)),
        far_limbs=(),
        trunk="body",
        names_px=(-185, 185),
    ),
    View(
        name="left",
        title="Limbs from the left",
        note="facing left; the right side likewise",
        centre_px=735,
        title_px=(757, 34),
        ground_px=832,
        right=(0, 1, 0),
        away=(-1, 0, 0),
        shown=tuple(name for name in PLACES if name.startswith("left_")),
        limbs=(("left", _LEG), ("left", _ARM)),
        far_limbs=(("right", _LEG),),
        trunk="far",
        names_px=(-110, 68),
    ),
    View(
        name="middle",
        title="Trunk from the left",
        note="facing left",
        centre_px=1000,
        title_px=(1010, 34),
        ground_px=832,
        right=(0, 1, 0),
        away=(-1, 0, 0),
        shown=tuple(name for name in PLACES if not name.startswith(("left_", "right_"))),
        limbs=(),
        far_limbs=(),
        trunk="body",
        names_px=(-110, 60),
    ),
    View(
        name="palm",
        title="The forearm turns",
        note="palm to the thigh: x forwards",
        centre_px=880,
        title_px=(1010, 492),
        ground_px=1190,
        right=(1, 0, 0),
        away=(0, 1, 0),
        shown=tuple(name for name in PLACES if name in ("left_elbow", "left_wrist")),
        limbs=(("left", _ARM),),
        far_limbs=(),
        trunk="",
        names_px=(-110, 172),
        moved={
            "left_wrist": (0.265, -0.12, 0.9),
            "left_pinky": (0.27, -0.1, 0.81),
            "left_index": (0.27, -0.17, 0.805),
            "left_thumb": (0.258, -0.19, 0.845),
        },
    ),
)


def drawing() -> str:
    """The SVG: light or dark as the reader's system is."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        'role="img" aria-labelledby="axes-title axes-about">',
        '<title id="axes-title">Where the virtual sensors sit, and their axes</title>',
        '<desc id="axes-about">A body in the anatomical position from the front and from its left. At every placement z '
        "points along the segment towards the head, x to the person's left and y backwards.</desc>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" rx="8"/>',
    ]
    for view in VIEWS:
        landmarks = {**body(), **view.moved}
        placed = axes_of(landmarks)
        x, y = view.title_px
        parts += _text(x, y, view.title, "title", "middle")
        parts += _text(x, y + 21, view.note, "note", "middle")
        parts += _figure(view, landmarks)
        parts += _labels(view, placed)
        for name in view.shown:
            parts += _triad(view, name, *placed[name])
    parts += _legend()
    return "\n".join([*parts, "</svg>", ""])


def _figure(view: View, landmarks: Mapping[str, Point]) -> Iterator[str]:
    """The body: capsules for limbs, a trunk and a head."""
    yield from _limbs(view, landmarks, view.far_limbs, "far")
    if view.trunk:
        yield from _trunk(view, landmarks, view.trunk)
    yield from _limbs(view, landmarks, view.limbs, "body")


def _trunk(view: View, landmarks: Mapping[str, Point], trunk: str) -> Iterator[str]:
    if view.front:
        outline = [(x, 0.0, z) for x, z in _TRUNK] + [(-x, 0.0, z) for x, z in reversed(_TRUNK)]
        yield _polygon(view, outline, 0.05, trunk)
    else:
        yield _capsule(view, [(0, 0.005, 1.36), (0, 0.01, 1.2)], 0.2, trunk)
        yield _capsule(view, [(0, 0.01, 1.2), (0, 0.02, 0.95)], 0.17, trunk)
    yield _capsule(view, [(0, 0.01, 1.4), (0, 0, 1.55)], 0.085, trunk)
    x, y = view.at((0, -0.01, 1.64))
    wide = 0.078 if view.front else 0.1
    yield f'<ellipse class="{trunk}" cx="{x:.1f}" cy="{y:.1f}" rx="{wide * _PX_PER_M:.1f}" ry="{0.112 * _PX_PER_M:.1f}"/>'
    if view.front:
        eyes = [landmarks["left_eye"], landmarks["right_eye"]]
    else:
        yield _capsule(view, [(0, -0.095, 1.635), landmarks["nose"]], 0.026, trunk)
        eyes = [(0, -0.075, 1.66)]
    for x, y in map(view.at, eyes):
        yield f'<circle class="face" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>'


def _limbs(
    view: View, landmarks: Mapping[str, Point], chosen: Collection[tuple[str, tuple[str, ...]]], style: str
) -> Iterator[str]:
    for side, starts in chosen:
        for joints, thick in _LIMBS:
            if joints[0] in starts:
                yield _capsule(view, [landmarks[f"{side}_{name}"] for name in joints], thick, style)


# Half of the trunk's outline from the front, from the neck down.
_TRUNK: tuple[tuple[float, float], ...] = (
    (0.05, 1.475),
    (0.165, 1.445),
    (0.15, 1.30),
    (0.125, 1.15),
    (0.135, 0.98),
    (0.13, 0.9),
    (0.0, 0.875),
)


def _triad(view: View, name: str, point: np.ndarray, axes: np.ndarray) -> Iterator[str]:
    """Three axes at a point: two arrows, and a ring for the one that points at the reader (dot) or away (cross)."""
    x, y = view.at(point)
    numbers = " ".join(f"{value:.3f}" for value in axes.T.ravel())
    yield f'<g id="{view.name}-{name}" data-placement="{name}" data-axes="{numbers}"><title>{name}</title>'
    through = []
    for letter, axis in zip(AXES, axes.T, strict=True):
        right, down, away = view.direction(axis)
        if np.hypot(right, down) < _FORESHORTENED:
            through.append((letter, away))
            continue
        tip_x, tip_y = x + right * _ARROW_PX, y + down * _ARROW_PX
        yield f'<path class="arrow {letter}" fill="none" d="M{x:.1f} {y:.1f}L{tip_x:.1f} {tip_y:.1f}"/>'
        yield _arrow_head(tip_x, tip_y, right, down, letter)
        length = np.hypot(right, down)
        yield (
            f'<text class="letter {letter}" x="{tip_x + 14 * right / length:.1f}" y="{tip_y + 12 * down / length + 4.5:.1f}" '
            f'text-anchor="middle">{letter}</text>'
        )
    if not through:
        yield f'<circle class="origin" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
    for letter, away in through:
        yield from _ring(x, y, letter, away)
    yield "</g>"


def _ring(x: float, y: float, letter: str, away: float) -> Iterator[str]:
    yield f'<circle class="{letter} ring" cx="{x:.1f}" cy="{y:.1f}" r="6.2"/>'
    if away > 0:
        yield f'<path class="{letter}" stroke-width="2" d="M{x - 3.4:.1f} {y - 3.4:.1f}l6.8 6.8m0 -6.8l-6.8 6.8"/>'
    else:
        yield f'<circle class="{letter}" stroke="none" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>'


def _labels(view: View, placed: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Iterator[str]:
    """Names in a column at each side, each with a line to its place; from the front those in the middle stand below it."""
    columns: dict[bool, list[tuple[float, float, str]]] = {False: [], True: []}
    for name in view.shown:
        x, y = view.at(placed[name][0])
        if view.front and not name.startswith(("left_", "right_")):
            yield from _text(x, y + 23, name, "name", "middle")
            continue
        columns[not name.startswith("right_")].append((x, y, name))
    for rightwards, entries in columns.items():
        edge = view.centre_px + view.names_px[int(rightwards)]
        lowest = -np.inf
        for x, y, name in sorted(entries, key=lambda entry: (entry[1], entry[0])):
            at = max(y + 5, lowest + 19)
            lowest = at
            anchor, gap = ("start", -6) if rightwards else ("end", 6)
            yield f'<path class="lead" d="M{x:.1f} {y:.1f}L{edge + gap:.1f} {at - 5:.1f}"/>'
            yield from _text(edge, at, name, "name", anchor)


def _legend() -> Iterator[str]:
    y = 888.0
    entries = (
        ("x", "to the person's left"),
        ("y", "backwards (z × x)"),
        ("z", "along the segment, upwards here"),
    )
    x = 26.0
    for letter, about in entries:
        yield f'<path class="arrow {letter}" fill="none" d="M{x:.1f} {y:.1f}l24 0"/>'
        yield _arrow_head(x + 24, y, 1, 0, letter)
        yield from _text(x + 42, y + 5, f"{letter}  {about}", "note", "start")
        x += 72 + 6.7 * (len(about) + 3)
    for away, about in ((-1, "towards the reader"), (1, "away from the reader")):
        yield from _ring(x + 8, y, "y" if away > 0 else "x", away)
        yield from _text(x + 23, y + 5, about, "note", "start")
        x += 40 + 7.0 * len(about)


def _arrow_head(x: float, y: float, right: float, down: float, letter: str) -> str:
    length = np.hypot(right, down)
    along, across = np.array([right, down]) / length, np.array([-down, right]) / length
    corners = np.array([x, y]) + np.array([7 * along, -2 * along + 4.6 * across, -2 * along - 4.6 * across])
    return f'<polygon class="{letter}" stroke="none" points="{_points(corners)}"/>'


def _capsule(view: View, points: Collection[Point], thick_m: float, style: str) -> str:
    line = _points([view.at(point) for point in points])
    return (
        f'<polyline class="{style}" style="fill:none" stroke-width="{thick_m * _PX_PER_M:.1f}" stroke-linecap="round" '
        f'stroke-linejoin="round" points="{line}"/>'
    )


def _polygon(view: View, points: Collection[Point], round_m: float, style: str) -> str:
    line = _points([view.at(point) for point in points])
    return (
        f'<polygon class="{style}" stroke-width="{round_m * _PX_PER_M:.1f}" stroke-linejoin="round" points="{line}"/>'
    )


def _points(points: Collection[tuple[float, float]] | np.ndarray) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _text(x: float, y: float, text: str, style: str, anchor: str) -> Iterator[str]:
    yield f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def main() -> None:
    """Write the drawing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    out: Path = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    main()
