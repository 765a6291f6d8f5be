"""`fimad compare`: virtual readings against a recording of the same motion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from fimad.cli.options import JsonOption
from fimad.cli.output import out, print_json, printable

if TYPE_CHECKING:
    from fimad.simulate import Score

_EXAMPLES = """Examples:

    fimad simulate squat.c3d --out virtual.parquet

    fimad compare virtual.parquet watch.csv --placement left_wrist --out watch.png

    fimad compare virtual.parquet imu.csv -p left_ankle --acc ax,ay,az --acc-unit g --gyro gx,gy,gz --gyro-unit deg_s
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("compare", epilog=_EXAMPLES)(compare)


def compare(
    virtual: Annotated[Path, typer.Argument(help="What `fimad simulate` wrote (.parquet, .csv).")],
    recording: Annotated[Path, typer.Argument(help="Readings of a real sensor, one row a sample (.csv, .parquet).")],
    placement: Annotated[str, typer.Option("--placement", "-p", help="Where the sensor was worn.")] = "left_wrist",
    clip: Annotated[str | None, typer.Option(help="Which clip, where the file has several.")] = None,
    acc: Annotated[str | None, typer.Option(help="The recording's columns of acceleration: ax,ay,az.")] = None,
    gyro: Annotated[str | None, typer.Option(help="The recording's columns of angular rate: gx,gy,gz.")] = None,
    time: Annotated[str | None, typer.Option(help="The recording's column of times.")] = None,
    acc_unit: Annotated[str | None, typer.Option(help="m_s2, g or mg, where it can't be told.")] = None,
    gyro_unit: Annotated[str | None, typer.Option(help="rad_s, deg_s or mdeg_s, where it can't be told.")] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Samples a second of a recording without times.")] = None,
    max_lag_s: Annotated[float | None, typer.Option(help="How far the clocks may differ (default: any).")] = None,
    to: Annotated[Path | None, typer.Option("--out", "-o", help="Also a picture of both: .png, .pdf or .svg.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score virtual readings against a recorded sensor.

    Takes off one lag, one rotation and the units; prints correlation and error of specific force and angular rate.
    """
    from fimad.errors import ConfigError
    from fimad.simulate import compare as compare_signals
    from fimad.simulate import read_recording
    from fimad.simulate.readings.table import read_flat_table

    sequences = read_flat_table(virtual)
    if (clip is None and len(sequences) > 1) or (clip is not None and clip not in sequences):
        raise ConfigError(
            f"{virtual.name!r} holds {len(sequences)} clips." if clip is None else f"There is no clip {clip!r}.",
            "A recording is of one of them.",
            f"Say which: --clip {next(iter(sequences))}",
        )
    read = read_recording(
        recording,
        acc=acc.split(",") if acc else None,
        gyro=gyro.split(",") if gyro else None,
        time=time,
        acc_unit=acc_unit,
        gyro_unit=gyro_unit,
        rate_hz=rate_hz,
        placement=placement,
    )
    found = compare_signals(sequences[clip or next(iter(sequences))], read, placement=placement, max_lag_s=max_lag_s)
    if to is not None:
        found.plot(to)
    if as_json:
        print_json(found.to_json())
        return
    out.print(
        f"{escape(printable(placement))}: {found.samples} samples at {found.rate_hz:.4g} Hz; "
        f"the recording's clock is {found.lag_s:+.3f} s ahead"
    )
    for name, score, unit in (("specific force", found.acc, "m/s²"), ("angular rate", found.gyro, "rad/s")):
        if score is not None:
            out.print(_line(name, score, unit))
    if found.within_2_sigma is not None:
        out.print(f"within twice the stated uncertainty: {found.within_2_sigma:.0%}")
    for key, value in found.notes.items():
        out.print(f"  {key}: {escape(printable(str(value)))}")
    if to is not None:
        out.print(escape(printable(str(to))))


def _line(name: str, score: Score, unit: str) -> str:
    axes = ", ".join(f"{r:.2f}" for r in score.r_axes)
    return (
        f"{name}: r {score.r:.3f} (x, y, z: {axes}; length {score.r_size:.3f}), error {score.rms_error:.3g} {unit} RMS, "
        f"{score.relative:.2f} of the recording's; gain {score.gain:.2f}"
    )
