"""`fimad simulate`: virtual sensors of one file, be it a pose artifact or motion capture."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from fimad.cli.options import ConfigOption, JsonOption, SetOption, read_config
from fimad.cli.output import out, print_json, printable
from fimad.cli.signals.motion import print_markers, print_reading

if TYPE_CHECKING:
    from fimad.simulate import ImuSequence, PoseSequence, Trajectories

_EXAMPLES = """Examples:

    fimad simulate walk.trc
    fimad simulate dance.bvh --unit cm --placement left_wrist --placement pelvis --out dance.csv
    fimad simulate squat.c3d --map names.json --rate-hz 100 --set simulate.sensor=bmi160
    fimad simulate 16_15.amc --skeleton 16.asf --list
    fimad simulate workspace/stages/pose-KEY/XX/VIDEO.parquet
"""


class _Up(StrEnum):
    X = "x"
    Y = "y"
    Z = "z"
    DOWN_X = "-x"
    DOWN_Y = "-y"
    DOWN_Z = "-z"


class _Unit(StrEnum):
    M = "m"
    DM = "dm"
    CM = "cm"
    MM = "mm"
    IN = "in"
    FT = "ft"
    CMU = "cmu"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("simulate", epilog=_EXAMPLES)(simulate)


def simulate(
    file: Annotated[
        Path, typer.Argument(help="Motion (.csv, .trc, .c3d, .bvh, .amc, .npz), or a pose artifact (.parquet).")
    ],
    to: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to: .parquet or .csv (default: FILE's name.imu.parquet).")
    ] = None,
    placement: Annotated[
        list[str] | None, typer.Option("--placement", "-p", help="Where sensors sit; again for more (default: config).")
    ] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Samples per second (default: simulate.rate_hz).")] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            "--map", help='JSON: landmark to marker, or to several whose mean it is: {"left_hip": ["A", "B"]}.'
        ),
    ] = None,
    up: Annotated[_Up | None, typer.Option(help="Vertical axis, if the file does not say it or is wrong.")] = None,
    unit: Annotated[
        _Unit | None, typer.Option(help="Unit of length, if the file does not say it (cmu: CMU's 1/0.45 inches).")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Whose markers, where a file holds several people's.")] = None,
    skeleton: Annotated[Path | None, typer.Option(help="The .asf file of an .amc file.")] = None,
    body_model: Annotated[
        Path | None, typer.Option(help="SMPL-X's own .npz file, for results that hold parameters alone.")
    ] = None,
    source_rate_hz: Annotated[
        float | None, typer.Option(help="Frames a second of a .npz file that does not say it.")
    ] = None,
    list_only: Annotated[
        bool, typer.Option("--list", help="Show what the file holds and how it would be read; write nothing.")
    ] = False,
    config: ConfigOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Virtual accelerometers and gyroscopes from a recording of motion.

    Writes one row a sample; prints what each sensor measured. Markers are known by the names of usual sets.
    """
    from fimad.errors import ConfigError
    from fimad.simulate import simulate_imu, to_device

    options = read_config(config, settings=settings).simulate
    to = to or Path(f"{file.stem}.imu.parquet")
    if to.suffix.lower() not in (".parquet", ".csv"):
        raise ConfigError(
            f"{to.name!r} is no place to write to.", "It does not end in .parquet or .csv.", "Give --out NAME.parquet"
        )
    sources: dict[str, PoseSequence | Trajectories] = {}
    if file.suffix.lower() == ".parquet":
        sources = _poses(file)
    else:
        from fimad.simulate.readers import landmarks, read_map, read_markers

        markers = read_markers(file, skeleton=skeleton, body_model=body_model, rate_hz=source_rate_hz)
        if list_only:
            print_markers(markers)
        read = landmarks(
            markers,
            file.name,
            names=None if names is None else read_map(names),
            up=up.value if up else None,
            unit=unit.value if unit else None,
            subject=subject,
        )
        if list_only:
            print_reading(read)
            return
        sources = {file.stem: read}
    made = {
        clip_id: to_device(
            simulate_imu(source, placements=placement, rate_hz=rate_hz, config=options), options, clip_id=clip_id
        )
        for clip_id, source in sources.items()
    }
    _check_measured(made, file)
    _write(made, to)
    rows = {clip_id: _figures(imu) for clip_id, imu in made.items()}
    if as_json:
        reports = {clip_id: imu.report for clip_id, imu in made.items()}
        print_json({"file": str(to), "clips": rows, "reports": reports})
        return
    for clip_id, figures in rows.items():
        _print(clip_id, figures, made[clip_id])
    out.print(f"\n{escape(printable(str(to)))}: {sum(len(imu.time_s) for imu in made.values())} samples")
    code = f"import pandas; print(pandas.read_{to.suffix[1:].lower()}({str(to)!r}).describe())"
    out.print(f"Next: python -c {escape(printable(shlex.quote(code)))}")


def _poses(path: Path) -> dict[str, PoseSequence | Trajectories]:
    """The clips of a pose artifact."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from fimad.errors import ConfigError
    from fimad.pipeline.stages.simulate import pose_sequence, trajectories

    fix = "Give an artifact of the stage pose, or motion (.csv, .trc, .c3d, .bvh, .amc, .npz)."
    try:
        table = pq.read_table(path)
        poses = [trajectories(table, at) or pose_sequence(table, at, None) for at in range(table.num_rows)]
        clips = table.column("clip_id").to_pylist()
    except (OSError, KeyError, ValueError, AttributeError, pa.ArrowException) as error:
        raise ConfigError(
            f"{path.name!r} is no pose artifact: {str(error)[:200]}.", "It is damaged or another table.", fix
        ) from error
    found: dict[str, PoseSequence | Trajectories] = {
        clip_id: pose for clip_id, pose in zip(clips, poses, strict=True) if pose is not None
    }
    if not found:
        raise ConfigError(f"{path.name!r} has no clip with a pose.", "Nobody was found in it.", fix)
    return found


def _check_measured(made: dict[str, ImuSequence], file: Path) -> None:
    """An output without a single reading would be taken for one that has some."""
    from fimad.errors import ConfigError

    if any(signal.valid.any() for imu in made.values() for signal in imu.signals.values()):
        return
    lacking = {name: each for imu in made.values() for name, each in imu.report.get("missing_landmarks", {}).items()}
    first = next(iter(lacking), "")
    raise ConfigError(
        f"Not one sensor of {file.name!r} has a reading.",
        f"{first} would need {', '.join(lacking[first])}."
        if first
        else "Its segments are shorter than simulate.shortest_s, or nobody is seen well enough.",
        "Look at what it holds with --list; say which marker is which with --map.",
    )


def _write(made: dict[str, ImuSequence], to: Path) -> None:
    import json

    import pyarrow.csv as pacsv

    from fimad import __version__
    from fimad.errors import ConfigError
    from fimad.simulate.readings.table import flat_table
    from fimad.storage.parquet import write_table

    table = flat_table(made)
    try:
        if to.suffix.lower() == ".csv":
            pacsv.write_csv(table, to)
        else:
            reports = json.dumps({clip_id: imu.report for clip_id, imu in made.items()}, sort_keys=True)
            write_table(table, to, {"fimad.version": __version__, "fimad.imu_reports": reports})
    except OSError as error:
        raise ConfigError(
            f"{to} can't be written: {error.strerror or error}.", "The folder is missing.", "Give another --out."
        ) from error


def _figures(imu: ImuSequence) -> dict[str, dict[str, float | None]]:
    """What each sensor measured, in short."""
    import numpy as np

    rows: dict[str, dict[str, float | None]] = {}
    for name, signal in imu.signals.items():
        valid = signal.valid
        rows[name] = {"valid_share": float(valid.mean()) if len(valid) else 0.0, "quality": signal.quality}
        for key, values in (("acc_rms_m_s2", signal.lin_acc_world_m_s2), ("gyro_rms_rad_s", signal.gyro_rad_s)):
            rows[name][key] = float(np.sqrt((values[valid] ** 2).sum(1).mean())) if valid.any() else None
        rows[name]["sigma_m_s2"] = float(np.median(signal.sigma_m_s2[valid])) if valid.any() else None
    return rows


def _print(clip_id: str, figures: dict[str, dict[str, float | None]], imu: ImuSequence) -> None:
    missing: dict[str, Any] = imu.report.get("missing_landmarks", {})
    table = Table(title=escape(printable(clip_id)), title_justify="left", box=None)
    for head in ("placement", "valid", "acceleration (RMS, m/s²)", "± m/s²", "turning (RMS, rad/s)", "quality"):
        table.add_column(head, justify="left" if head == "placement" else "right")
    for name, row in figures.items():
        if name not in missing:
            cells = [row["acc_rms_m_s2"], row["sigma_m_s2"], row["gyro_rms_rad_s"], row["quality"]]
            table.add_row(
                name, f"{row['valid_share']:.0%}", *("-" if each is None else f"{each:.2f}" for each in cells)
            )
    out.print(table)
    if missing:
        out.print("Not to be had, for want of landmarks (NULL in the file; --map names markers):")
        for name, lacking in missing.items():
            out.print(f"  {name}: {', '.join(lacking)}")
