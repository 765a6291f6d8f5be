"""How faithful the virtual IMU is, method against method in one run.

    python -m benchmarks.fidelity [--data DIR ...] [--paired DIR] [--models DIR] [--json FILE]
    python -m benchmarks.fidelity --data DIR ... --estimator litert --estimator mediapipe [--set KEY=VALUE ...] [--json FILE]

- always: motions known by formula;
- ``--data DIR ...``: rendered people, pairs of ``NAME.mp4`` and ``NAME.npz``: the whole product runs, and the packed Parquet is
  scored. Periodic motion (`rendered`) and real motion (`people`) are told apart by the truth and stand in tables of their own;
- ``--estimator NAME``, again for more: these pose estimators (`pose.backend`, plug-ins included) on the same videos, and nothing else;
- ``--paired DIR``: BROAD (``broad__*.mat``) and UTD-MHAD (``utd-mhad/``).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import fidelity_analytic, fidelity_paired, fidelity_product


def table(title: str, rows: Mapping[str, Mapping[str, Any]], *, digits: int = 3) -> None:
    """Print rows of numbers under their names."""
    print(f"\n{title}")
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    width = max(map(len, rows), default=0)
    print(" " * width, *(f"{name:>14}" for name in columns))
    for name, row in rows.items():
        cells = (row.get(column) for column in columns)
        print(f"{name:{width}}", *(f"{'-' if cell is None else format(cell, f'.{digits}f'):>14}" for cell in cells))


def _show(about: str, found: Mapping[str, Any]) -> None:
    table(f"{about}, by method", found["methods"])
    # Of people who all move there is no false motion.
    intervals = {name: each for name, each in found["intervals"].items() if each is not None}
    spread = {name: {"low": low, "high": high} for name, (low, high) in intervals.items()}
    print(f"n = {found['default']['n_clips']} clips; 95 % intervals of the default's medians over clips:")
    table("", spread)
    for title in ("clips", "placements", "sizes", "bands"):
        table(f"{about}, by {title.removesuffix('s')}", found[title])
    table(f"{about}: quality", {"": {**found["risk_coverage"], "rank": found["default"]["quality_rank"]}})
    print(f"of the worst tenth {found['default']['worst_tenth_told']} say so themselves")


def _estimators(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if not options.data:
        parser.error("--estimator needs --data")
    with tempfile.TemporaryDirectory() as scratch:
        place, models = options.workspace or Path(scratch), str(options.models or "")
        found = fidelity_product.estimators(options.data, place, options.estimator, models, options.settings)
    for kind, rows in found.items():
        table(f"{kind}, by pose estimator", {name: row["default"] for name, row in rows.items()})
    if options.json:
        options.json.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", help="folders of NAME.mp4 + NAME.npz pairs")
    parser.add_argument(
        "--workspace", type=Path, help="where the product works, to go on where it was; a temporary folder"
    )
    parser.add_argument("--paired", type=Path, help="folder with BROAD and UTD-MHAD")
    parser.add_argument("--models", type=Path, help="folder of weights")
    parser.add_argument("--estimator", action="append", help="compare pose estimators on --data, and do nothing else")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="settings of these builds")
    parser.add_argument("--json", type=Path, help="where to write every table")
    options = parser.parse_args()
    if options.estimator:
        _estimators(parser, options)
        return
    analytic = fidelity_analytic.everything()
    result: dict[str, Any] = {"analytic": analytic}
    table("Analytic, 10 mm noise, 30 Hz: relative error", analytic["noisy"])
    table("Analytic, 1.2 Hz, default method, by frame rate: relative error", analytic["rates"])
    table("Known motions, clean, default method: worst error, m/s²", analytic["known"])
    if options.paired:
        result["broad"] = fidelity_paired.broad(options.paired)
        for trial, found in result["broad"].items():
            for device, rows, extra in (
                ("accelerometer", found["methods"], ("x_10hz", "y_10hz", "z_10hz")),
                ("gyroscope", found["gyroscope"], ()),
            ):
                shown = {
                    name: {
                        **dict(zip("xyz", row["r"], strict=True)),
                        **{unit: row[unit] for unit in ("rms_m_s2", "rms_rad_s") if unit in row},
                        **dict(zip(extra, row.get("r_10hz", ()), strict=False)),
                    }
                    for name, row in rows.items()
                }
                table(f"BROAD {trial}, {device}: r per axis", shown, digits=4)
            print(
                f"lever arm {[round(1e3 * m, 1) for m in found['lever_arm_m']]} mm, lag {1e3 * found['lag_s']:.1f} ms"
            )
        result["utd_mhad"] = fidelity_paired.utd_mhad(options.paired / "utd-mhad")
        table("UTD-MHAD: median r of the magnitude", result["utd_mhad"])
    if options.data:
        with tempfile.TemporaryDirectory() as scratch:
            result |= fidelity_product.evaluate(
                options.data, options.workspace or Path(scratch), str(options.models or "")
            )
        for kind, about in (
            ("people", "Rendered people, real motion"),
            ("rendered", "Rendered people, periodic motion"),
        ):
            if kind in result:
                _show(about, result[kind])
        if "together" in result:
            every = result["together"]
            row = {**every["risk_coverage"], "rank": every["quality_rank"], "n": every["n_sensors"]}
            table("Both together: quality", {"": row})
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
