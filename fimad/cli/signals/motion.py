"""What `fimad simulate --list` prints: the markers of a file, and the body that is read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from fimad.cli.output import out, printable

if TYPE_CHECKING:
    from fimad.simulate import Trajectories
    from fimad.simulate.readers import Markers

_ROWS, _COLUMNS = 22, 44


def print_markers(markers: Markers) -> None:
    """Names, how much of the time each is seen, and where it is on the median."""
    import numpy as np

    seen = np.asarray(np.isfinite(markers.position).all(2))
    table = Table(title=f"{len(markers.names)} markers, {len(markers.time_s)} frames", title_justify="left", box=None)
    for head in ("marker", "seen", "x", "y", "z"):
        table.add_column(head, justify="left" if head == "marker" else "right")
    for at, name in enumerate(markers.names):
        place = np.nanmedian(markers.position[seen[:, at], at], axis=0) if seen[:, at].any() else [float("nan")] * 3
        table.add_row(
            escape(printable(name)), f"{seen[:, at].mean():.0%}", *("-" if v != v else f"{v:.4g}" for v in place)
        )
    out.print(table)


def print_reading(read: Trajectories) -> None:
    """What was found and guessed, and the body as it stands in the middle of the recording, seen from the front."""
    out.print(f"\nLandmarks: {', '.join(read.names)}")
    for key, value in read.notes.items():
        out.print(f"  {key}: {escape(printable(str(value)))}")
    out.print(stick_figure(read), highlight=False, markup=False)


def stick_figure(read: Trajectories) -> str:
    """The body in the frame nearest to the middle where most of it is seen, as lines of text: x across, z up."""
    import numpy as np

    from fimad.skeleton import BONES

    known = np.asarray(np.isfinite(read.position_m).all(2))
    whole = np.flatnonzero(known.sum(1) == known.sum(1).max())
    at = int(whole[np.abs(whole - len(known) // 2).argmin()])
    points = dict(zip(read.names, read.position_m[at], strict=True))
    places = {name: each for name, each in points.items() if np.isfinite(each).all()}
    if not places:
        return ""
    across, up = (np.array([each[axis] for each in places.values()]) for axis in (0, 2))
    # Along the wider of the two level axes, so that a person in profile is no line.
    depth = np.array([each[1] for each in places.values()])
    axis = 0 if np.ptp(across) >= np.ptp(depth) else 1
    across = across if axis == 0 else depth
    size = max(float(np.ptp(up)), float(np.ptp(across)) / 2, 1e-6)
    grid = [[" "] * _COLUMNS for _ in range(_ROWS)]

    def cell(point: np.ndarray) -> tuple[float, float]:
        return (
            (float(up.max()) - point[2]) / size * (_ROWS - 1),
            (point[axis] - (float(across.max()) + float(across.min())) / 2) / size * (_ROWS - 1) * 2 + _COLUMNS / 2,
        )

    def dot(row: float, column: float, sign: str) -> None:
        if 0 <= round(row) < _ROWS and 0 <= round(column) < _COLUMNS:
            grid[round(row)][round(column)] = sign

    for one, other in BONES:
        if one in places and other in places:
            start, end = cell(places[one]), cell(places[other])
            steps = 2 * int(max(abs(start[0] - end[0]), abs(start[1] - end[1]))) + 1
            for step in np.linspace(0, 1, steps):
                dot(start[0] + (end[0] - start[0]) * step, start[1] + (end[1] - start[1]) * step, ".")
    for name, point in places.items():
        dot(*cell(point), "L" if name.startswith("left") else "R" if name.startswith("right") else "o")
    return "\n".join("".join(row).rstrip() for row in grid)
