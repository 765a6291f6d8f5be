"""The tables of docs/fidelity.md that tell what flow of limbs adds to landmarks. `tools.readme` fills them in.

Figures come from what `benchmarks.flow` and `benchmarks.flow_conditions` wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tools.cells import load, markdown, written

_FILMED = {
    "base": "base: plain clothes, 30 a second, crf 18",
    "printed clothes": "printed clothes",
    "15 a second": "15 a second",
    "60 a second": "60 a second",
    "crf 28": "crf 28",
    "crf 36": "crf 36",
    "blurred, half a frame": "exposed for half a frame",
}
_PARTS = ("wrist", "elbow", "shoulder", "hip", "knee", "ankle")
_FLOW_ROWS = {
    "landmarks": "landmarks",
    "heavy, landmarks": "landmarks of the heavy model",
    "dense flow": "with dense flow for both",
    "grey flow": "with grey flow for both",
    "flow": "**landmarks and flow, the default**",
    "heavy, flow": "landmarks of the heavy model, and flow",
    "true landmarks": "true joints in the picture",
}


def flow_table() -> str:
    """Landmarks, flows and true landmarks on the same clips in the same run."""
    found = load("flow")["rendered"]["ablation"]
    rows = []
    for name, about in _FLOW_ROWS.items():
        if name not in found:
            continue
        row = found[name]
        shown = [f"{row['r']:.3f}", *(written(row[number]) for number in ("e_plane", "e_3d", "e_force", "e_gyro"))]
        ms = row.get("ms")
        times = "–" if ms is None else f"{ms:.0f} ({ms / found['landmarks']['ms']:.1f})"
        rows.append([about, *shown, f"{row['within_2s']:.0%}", times])
    return markdown(
        ["", "r", "e_plane", "e_3d", "e of \\|f\\|", "e of \\|ω\\|", "within 2σ", "ms a picture (times)"], rows
    )


def flow_bands_table() -> str:
    """Error over truth of motion in the picture, gain and coherence, by joint and band."""
    found = load("flow")["rendered"]
    rows = []
    for name, bands in {"all": found["bands"], **found["joints"]}.items():
        for source in ("landmarks", "dense", "grey"):
            cells = [
                f"{written(row[f'{source} e'])} ({written(row[f'{source} gain'])}, {written(row[f'{source} coherence'])})"
                for row in bands.values()
            ]
            rows.append([name, source, *cells])
    return markdown(["joint", "by", *found["bands"]], rows)


def _with_and_without(row: Mapping[str, Any], number: str) -> str:
    without, flow = (row[source][number] for source in ("landmarks", "flow"))
    return f"{written(without)} → {written(flow)}"


def _conditions(rows: Mapping[str, Mapping[str, Any]]) -> str:
    def line(name: str, row: Mapping[str, Any]) -> list[str]:
        better = "–" if row["better"] is None else f"{row['better']:.0%}"
        plane = f"{_with_and_without(row, 'e_plane')} ({written(row['true landmarks']['e_plane'])})"
        return [name, str(row["n"]), *(_with_and_without(row, each) for each in ("r", "e_3d")), plane, better]

    heads = ["", "n", "r", "e_3d", "e_plane (true landmarks)", "flow is better in"]
    return markdown(heads, (line(name, row) for name, row in rows.items()))


def _in_order(rows: Mapping[str, Any], order: Iterable[str]) -> dict[str, Any]:
    return {name: rows[name] for name in order if name in rows}


def flow_conditions_table() -> str:
    """One motion filmed in several ways: scores with and without flow."""
    found = load("flow_conditions")["conditions"]
    return _conditions({_FILMED[name]: row for name, row in _in_order(found, _FILMED).items()})


def flow_activities_table() -> str:
    """By activity, and by joint, at the base condition."""
    found = load("flow_conditions")
    joints = {f"`{name}`": row for name, row in _in_order(found["joints"], _PARTS).items()}
    return _conditions({**found["activities"], **joints})


def flow_coherence_table() -> str:
    """Gain and coherence of the virtual acceleration by band, with and without flow."""
    found = load("flow_conditions")
    bands = list(found["conditions"]["base"]["flow"]["bands"])
    rows = []
    for name, row in {
        **{_FILMED[name]: row for name, row in _in_order(found["conditions"], _FILMED).items()},
        **found["activities"],
        **{f"`{name}`": row for name, row in _in_order(found["joints"], _PARTS).items()},
    }.items():
        for number in ("gain", "coherence"):
            cells = []
            for band in bands:
                without, flow, most = (
                    row[source]["bands"][band][number] for source in ("landmarks", "flow", "true landmarks")
                )
                cells.append(f"{written(without)} → {written(flow)} ({written(most)})")
            rows.append([name if number == "gain" else "", number, *cells])
    chance = found["conditions"]["base"]["by chance"]["bands"]
    rows.append(["by chance", "coherence", *(written(chance[band]["coherence"]) for band in bands)])
    return markdown(["", "", *bands], rows)


TABLES: dict[str, Callable[[], str]] = {
    "flow": flow_table,
    "flow-bands": flow_bands_table,
    "flow-conditions": flow_conditions_table,
    "flow-activities": flow_activities_table,
    "flow-coherence": flow_coherence_table,
}
