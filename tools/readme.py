"""Fills the tables of README and docs: columns from `fimad.schema`, figures from the benchmarks' JSON files.

python -m tools.readme            write them
python -m tools.readme --check    exit 1 if a page says something else
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from fimad import schema
from fimad.skeleton import DEFAULT_PLACEMENTS, PLACEMENTS
from tools import fidelity_page, flow_page

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"

#: Benchmark, key in its JSON, what it says, how the figure is written.
FIGURES: tuple[tuple[str, str, str, str], ...] = (
    ("simulate_speed", "slowest_frames_per_s", "virtual IMU, 19 placements, one core", "{:,.0f} frames per s"),
    ("simulate_speed", "pose_frames_per_s", "pose, which comes before it, one core", "{:,.0f} frames per s"),
    (
        "throughput",
        "ceiling_1",
        "what one core could do at best (decode and inference alone)",
        "{:.2f} s of video per s",
    ),
    ("throughput", "ceiling_2", "the same on two cores at once", "{:.2f} s of video per s"),
    ("throughput", "workers_1", "`fimad build --workers 1`", "{:.2f} s of video per s"),
    ("throughput", "workers_2", "`fimad build --workers 2`", "{:.2f} s of video per s"),
    ("throughput", "workers_2_without_flow", "the same without flow", "{:.2f} s of video per s"),
    ("throughput", "script", "a plain script with the same models, which has no flow", "{:.2f} s of video per s"),
    ("throughput", "speedup_2", "two workers over one", "{:.2f} times"),
    ("throughput", "ceiling_speedup_2", "two raw loops at once over one", "{:.2f} times"),
    ("throughput", "overhead", "share of the time outside decode and inference", "{:.1%}"),
    ("scale", "overhead_ms_per_video", "the runner's own time per video", "{:.1f} ms"),
    ("scale", "driver_mb", "the driver's largest memory, 100,000 videos run and packed", "{:.0f} MB"),
    ("scale", "resume_s", "finding that 100,000 videos are done", "{:.1f} s"),
    ("scale", "add_s", "one video more", "{:.1f} s"),
    ("kills", "kills", "builds killed at a random moment, with no byte of difference at the end", "{:d}"),
    ("long_video", "peak_mb", "largest worker process over a video of two hours", "{:.0f} MB"),
    (
        "acquisition",
        "over_video2dataset.video2dataset_exact",
        "download and exact clips, against video2dataset",
        "{:.1f} times",
    ),
    ("dataset", "pack_ratio", "packing, as a share of the plain pyarrow writer's speed", "{:.0%}"),
    ("dataset", "windows_per_s", "random 5 s windows of four modalities, one core, first pass", "{:,.0f} per s"),
    ("dataset", "first_ratio", "the same, against `datasets` with what each does first", "{:.1f} times"),
    ("dataset", "decode_ratio", "the same, against `datasets` whose Arrow files are there already", "{:.1f} times"),
    ("dataset", "windows_ratio", "later passes, against `datasets` with equal work", "{:.1f} times"),
    ("dataset", "arrays_ratio", "`to_arrays`, times what pyarrow and plain slicing take together", "{:.2f}"),
    ("dataset", "remote_ratio", "the bytes that it fetches from a remote store, times the columns' own", "{:.2f}"),
    ("dataset", "open_s", "opening a dataset of 10,000 clips", "{:.2f} s"),
)


def columns_table() -> str:
    """A Markdown table of the packed dataset's columns; those of a placement stand once, as PLACEMENT_..."""
    lines = ["| column | type | unit | shape | what it is |", "|---|---|---|---|---|"]
    for each in one_placement(schema.dataset_schema(DEFAULT_PLACEMENTS)):
        note = {key.decode(): value.decode() for key, value in (each.metadata or {}).items()}
        cells = (
            f"`{each.name}`",
            type_name(each.type),
            note.get("unit", ""),
            note.get("shape", ""),
            note.get("about", ""),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    names = ", ".join(f"`{name}`" for name in DEFAULT_PLACEMENTS)
    others = ", ".join(f"`{name}`" for name in PLACEMENTS if name not in DEFAULT_PLACEMENTS)
    lines += ["", f"PLACEMENT is each of {names}; `simulate.placements` can add {others}."]
    return "\n".join(lines)


def one_placement(fields: Iterable[pa.Field]) -> list[pa.Field]:
    """The fields, with those of the first placement renamed to PLACEMENT_... and those of the others left out."""
    first, *others = (f"{name}_" for name in DEFAULT_PLACEMENTS)
    kept = []
    for each in fields:
        if each.name.startswith(first):
            kept.append(each.with_name("PLACEMENT_" + each.name.removeprefix(first)))
        elif not each.name.startswith(tuple(others)):
            kept.append(each)
    return kept


def type_name(kind: pa.DataType) -> str:
    """A short name of an Arrow type."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list of {type_name(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "(" + ", ".join(kind.field(index).name for index in range(kind.num_fields)) + ")"
    return {"float": "float32", "double": "float64"}.get(str(kind), str(kind))


def measured_table(results: Path = RESULTS) -> str:
    """A Markdown table of what `make bench` measured, from the JSON files it wrote."""
    lines = ["| | measured | by |", "|---|---|---|", *fidelity_page.readme_rows(results)]
    for benchmark, key, about, pattern in FIGURES:
        path = results / f"{benchmark}.json"
        if not path.is_file():
            continue
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            # What there was nothing to be compared with.
            continue
        lines.append(f"| {about} | {pattern.format(value)} | `python -m benchmarks.{benchmark}` |")
    return "\n".join(lines)


#: Pages, and what makes each of their tables.
PAGES: dict[Path, dict[str, Callable[[], str]]] = {
    README: {"columns": columns_table, "measured": measured_table},
    ROOT / "docs" / "fidelity.md": {**fidelity_page.TABLES, **flow_page.TABLES},
    ROOT / "docs" / "virtual-imu.md": fidelity_page.REFERENCE,
}


def filled(page: Path) -> str:
    """The page with its tables in their places."""
    text = page.read_text(encoding="utf-8")
    for name, make in PAGES[page].items():
        pattern = re.compile(rf"(<!-- {name}:begin[^>]*-->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(
                f"{page.name} has no place for the table {name!r}: it needs <!-- {name}:begin --> and <!-- {name}:end -->"
            )
        table = make()
        text = pattern.sub(lambda match, table=table: match[1] + "\n" + table + "\n\n" + match[2], text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.readme", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a page is out of date")
    check = parser.parse_args().check
    for page in PAGES:
        after = filled(page)
        if check and after != page.read_text(encoding="utf-8"):
            sys.exit(f"{page.name} is out of date. Type: make docs-table")
        if not check:
            page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
