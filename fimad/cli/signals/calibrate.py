"""`fimad calibrate`: make virtual readings look like those of a real device, from unlabelled data of it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fimad.cli.options import JsonOption
from fimad.cli.output import out, print_json, printable

_EXAMPLES = """Examples:

    fimad calibrate dataset watch.csv --placement left_wrist --out watch.json
    fimad calibrate dataset monday.parquet tuesday.parquet --placement left_wrist --split train
    fimad build --set simulate.calibration=watch.json
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("calibrate", epilog=_EXAMPLES)(calibrate)


def calibrate(
    virtual: Annotated[
        str, typer.Argument(help="A packed dataset (folder or URL), or a table of virtual readings (.parquet, .csv).")
    ],
    target: Annotated[
        list[Path],
        typer.Argument(
            help="Readings of the device, CSV or Parquet, one row per sample: acc_x_m_s2, acc_y_m_s2, acc_z_m_s2, and "
            "gyro_x_rad_s, gyro_y_rad_s, gyro_z_rad_s if it has a gyroscope. No labels, any rate, any people."
        ),
    ],
    placement: Annotated[str, typer.Option("--placement", "-p", help="Where the device was worn.")] = "left_wrist",
    to: Annotated[
        Path, typer.Option("--out", "-o", help="The calibration; one that is there gets or changes this placement.")
    ] = Path("calibration.json"),
    split: Annotated[str | None, typer.Option(help="Fit on this split of the dataset alone.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a calibration to a target device, for `simulate.calibration`.

    Each channel gets the map that gives virtual readings the device's distribution (IMUTube's, but continuous).
    """
    from fimad.dataset.channels import device_readings, virtual_readings
    from fimad.errors import ConfigError
    from fimad.simulate.devices.calibration import Calibration, fit_map, wasserstein
    from fimad.simulate.placements import PLACES

    if placement not in PLACES:
        raise ConfigError(
            f"There is no placement {placement!r}.",
            "The name is misspelt.",
            f"The placements are: {', '.join(PLACES)}.",
        )
    before = Calibration.load(to) if to.exists() else Calibration({})
    source, goal = virtual_readings(virtual, placement, split), device_readings(target, placement)
    maps = {name: fit_map(source[name], goal[name]) for name in goal if name in source}
    before.merged(Calibration({placement: maps})).save(to)
    rows = {
        name: {
            "virtual_samples": len(source[name]),
            "target_samples": len(goal[name]),
            "distance_before": wasserstein(source[name], goal[name]),
            "distance_after": wasserstein(each.apply(source[name]), goal[name]),
        }
        for name, each in maps.items()
    }
    if as_json:
        print_json({"file": str(to), "placement": placement, "channels": rows})
        return
    for name, row in rows.items():
        unit = "m/s²" if name.startswith("acc") else "rad/s"
        out.print(
            f"{name:12}  {row['virtual_samples']} virtual and {row['target_samples']} real samples, "
            f"distance {row['distance_before']:.3f} before, {row['distance_after']:.3f} {unit} after"
        )
    if len(maps) < len(source):
        out.print("The device has no gyroscope: angular rates stay as they are.")
    out.print(f"\n{escape(printable(str(to)))}: {placement}. Distances are on the data it was fitted on.")
    out.print(f"Next: fimad build --set {escape(printable(shlex.quote(f'simulate.calibration={to}')))}")
