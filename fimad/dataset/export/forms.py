"""Windows and clips in the forms that libraries of wearable activity recognition and of time series read.

=========  ==================================================================  =======================================
form       files                                                               read by
=========  ==================================================================  =======================================
harnet     `X.npy` (n, t, 3) in g, `Y.npy`, `pid.npy`                          OxWearables/ssl-wearables
ts         `NAME_TRAIN.ts`, `NAME_TEST.ts`, ..., whose rows in `.csv`          aeon, sktime
tsai       X (n, c, t), y as names, splits as indices (in memory)              tsai
whar       `metadata/*.csv`, `sessions/sessions.parquet`, `config.json`        WHAR Datasets (its common format)
=========  ==================================================================  =======================================
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fimad.dataset.slicing.cutting import CHANNELS, WHOSE, column_axis, groups_of
from fimad.errors import ConfigError

if TYPE_CHECKING:
    from fimad.dataset.arrays import WindowArrays
    from fimad.dataset.folding import Clip
    from fimad.dataset.reader import Dataset

STANDARD_GRAVITY_M_S2 = 9.80665
# What its models were trained on: https://github.com/OxWearables/ssl-wearables.
_HARNET_RATE_HZ = 30.0
_HARNET_SAMPLES = (150, 300, 900)


def write_harnet(arrays: WindowArrays, folder: Path) -> list[Path]:
    """`X.npy` (n, t, 3) in g, `Y.npy` (n,) names of classes, `pid.npy` (n,) groups: what harnet5, 10 and 30 are tuned with.

    Raises `ConfigError` unless the windows hold the specific force of one placement, 5, 10 or 30 s at 30 Hz, without NaN.

    Examples
    --------
    >>> arrays = dataset.to_arrays(
    ...     length_s=10, rate_hz=30, placements="left_wrist", channels="acc"
    ... )  # doctest: +SKIP
    >>> write_harnet(arrays, Path("squats"))  # doctest: +SKIP
    """
    _, channels, length = arrays.X.shape
    if (
        channels != 3
        or "_acc_" not in arrays.names[0]
        or arrays.rate_hz != _HARNET_RATE_HZ
        or length not in _HARNET_SAMPLES
    ):
        raise ConfigError(
            f"Windows of {channels} channels and {length} samples at {arrays.rate_hz:g} Hz are none of harnet's.",
            "It takes the specific force of one placement, 5, 10 or 30 s at 30 Hz.",
            'For example: dataset.to_arrays(length_s=10, rate_hz=30, placements="left_wrist", channels="acc")',
        )
    if np.isnan(arrays.X).any():
        raise ConfigError(
            "There are NaN in the windows.", 'They were cut with fill="nan".', 'Take fill="linear", which bridges them.'
        )
    folder.mkdir(parents=True, exist_ok=True)
    in_g = np.ascontiguousarray(arrays.X.transpose(0, 2, 1) / np.float32(STANDARD_GRAVITY_M_S2))
    written = []
    for name, values in (("X", in_g), ("Y", arrays.labels), ("pid", arrays.groups)):
        written.append(folder / f"{name}.npy")
        np.save(written[-1], values, allow_pickle=False)
    return written


def write_ts(arrays: WindowArrays, folder: Path, name: str) -> list[Path]:
    """`NAME_TRAIN.ts` and so on, one for each split: what `load_from_ts_file` of aeon and `load_from_tsfile` of sktime read.

    Beside each lies a `.csv` with the group, the clip and the time of every row. Signs that the form keeps for itself (spaces, commas,
    colons) are underscores in names of classes. NaN are written as the form's question mark.
    """
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ConfigError(
            f"{name!r} can't be a name of files.",
            "It has other signs than letters, numbers, _ and -.",
            "For example: squats",
        )
    folder.mkdir(parents=True, exist_ok=True)
    known = _plain(arrays.classes)
    written = []
    for split in sorted(set(arrays.splits.tolist())):
        part = arrays.take(arrays.splits == split)
        path = folder / f"{name}_{split.upper()}.ts"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(_ts_lines(part, name, known))
        rows = zip(part.groups.tolist(), part.clip_ids.tolist(), part.start_s.tolist(), strict=True)
        _csv(path.with_suffix(".csv"), ("group", "clip_id", "start_s"), rows)
        written += [path, path.with_suffix(".csv")]
    return written


def _ts_lines(arrays: WindowArrays, name: str, known: Sequence[str]) -> Iterator[str]:
    _, channels, length = arrays.X.shape
    yield f"# {', '.join(arrays.names)}; {arrays.rate_hz:g} Hz\n"
    yield f"@problemName {name}\n@timeStamps false\n@missing {str(bool(np.isnan(arrays.X).any())).lower()}\n"
    yield f"@univariate {str(channels == 1).lower()}\n@dimension {channels}\n@equalLength true\n@seriesLength {length}\n"
    yield f"@classLabel true {' '.join(each for each in known if each)}\n@data\n"
    for window, number in zip(arrays.X, arrays.y.tolist(), strict=True):
        series = (",".join("?" if v != v else f"{v:.7g}" for v in channel) for channel in window.tolist())
        yield f"{':'.join(series)}:{known[number]}\n"


def _plain(classes: Sequence[str]) -> list[str]:
    """Names without signs that mean something in the form; still different from each other."""
    plain: list[str] = []
    for name in classes:
        short = re.sub(r"[^\w.+-]+", "_", name)
        while name and short in plain:
            short += "_"
        plain.append(short)
    return plain


def to_tsai(arrays: WindowArrays) -> tuple[NDArray[np.float32], NDArray[np.str_], tuple[list[int], list[int]]]:
    """X (n, c, t), y as names of classes, and splits as tsai takes them: indices to train with, and to validate with.

    Validation is the split `val`, or `test` where there is no window of it; a dataset that isn't split is an error.
    """
    train = np.flatnonzero(arrays.splits == "train").tolist()
    held = next((found for name in ("val", "test") if len(found := np.flatnonzero(arrays.splits == name))), None)
    if not train or held is None:
        raise ConfigError(
            f"The windows are of {', '.join(sorted(set(arrays.splits.tolist())))} alone.",
            "tsai takes indices to train and to validate with.",
            "Give it `arrays.folds()`, one group left out, or windows of the whole dataset.",
        )
    return arrays.X, arrays.labels, (train, held.tolist())


@dataclass(frozen=True)
class Whar:
    """What `write_whar` wrote.

    Parameters
    ----------
    activities, subjects : names in the order of their numbers.
    sessions : how many there are.
    left_out : clips and stretches that are not there, by reason.
    """

    activities: tuple[str, ...]
    subjects: tuple[str, ...]
    sessions: int
    left_out: dict[str, int] = field(default_factory=dict)


def write_whar(
    dataset: Dataset,
    folder: Path,
    *,
    placements: str | Sequence[str] | None = None,
    channels: str | Sequence[str] = ("acc", "gyro"),
    target: str = "label",
    groups: str = "person",
    shortest_s: float = 1.0,
) -> Whar:
    """The common format of WHAR Datasets: sessions without gaps, each of one subject and one activity; it cuts them itself.

    A clip is a session for each stretch in which all placements were measured; `config.json` holds what its `WHARConfig` is
    told. Units stand in the names of channels. `target`, `groups`, `channels` as in `arrays.to_arrays`.

    Raises
    ------
    ConfigError : an option can't be used, clips have several rates, or nothing is long enough.
    """
    chosen = (
        dataset.placements if placements is None else [placements] if isinstance(placements, str) else list(placements)
    )
    wanted = [channels] if isinstance(channels, str) else list(channels)
    unknown = [name for name in chosen if name not in dataset.placements] + [
        name for name in wanted if name not in CHANNELS
    ]
    if unknown or not chosen or not wanted or groups not in WHOSE:
        raise ConfigError(
            f"placements = {chosen}, channels = {wanted}, groups = {groups!r} can't be used.",
            "A name is misspelt, or there is none.",
            f"Placements: {', '.join(dataset.placements)}. Channels: {', '.join(CHANNELS)}. Groups: {', '.join(WHOSE)}.",
        )
    dataset.check_columns([target])
    signals = [f"{placement}_{CHANNELS[channel]}" for placement in chosen for channel in wanted]
    names = [f"{p}_{column_axis(c, axis)}" for p in chosen for c in wanted for axis in "xyz"]
    whose = [name for name in WHOSE[groups] if name in dataset.columns]
    columns = ["clip_id", "imu_rate_hz", *signals, *(f"{placement}_valid" for placement in chosen)]
    columns += [name for name in (target, *whose) if name not in columns]
    for name in ("metadata", "sessions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    kinds = [("timestamp", pa.timestamp("ms")), *((name, pa.float32()) for name in names), ("session_id", pa.int64())]
    activities: dict[str, int] = {}
    subjects: dict[str, int] = {}
    rates: set[float] = set()
    left_out: Counter[str] = Counter()
    rows: list[tuple[int, int, int]] = []
    with pq.ParquetWriter(folder / "sessions" / "sessions.parquet", pa.schema(kinds)) as writer:
        for table in dataset.tables(columns):
            people, _ = groups_of(table, whose)
            for clip, person in zip(dataset.fold(table), people.tolist(), strict=True):
                if not clip[target]:
                    left_out[f"clips without a class ({target})"] += 1
                    continue
                stretches = list(_measured(clip, signals, chosen, shortest_s, left_out))
                for values in stretches:
                    rates.add(float(clip["imu_rate_hz"]))
                    time_ms = np.rint(np.arange(len(values)) * 1000 / clip["imu_rate_hz"]).astype("datetime64[ms]")
                    session = np.full(len(values), len(rows))
                    writer.write_table(pa.table([time_ms, *values.T, session], schema=pa.schema(kinds)))
                    subject = subjects.setdefault(person, len(subjects))
                    rows.append((len(rows), subject, activities.setdefault(str(clip[target]), len(activities))))
    if not rows or len(rates) > 1 or not max(rates).is_integer():
        raise ConfigError(
            f"{len(rows)} sessions at {', '.join(f'{rate:g}' for rate in sorted(rates)) or 'no'} Hz can't be one set.",
            "Sessions have one rate, of whole Hz, and a least length.",
            "; ".join(f"{count} left out: {reason}" for reason, count in left_out.items())
            or "Build with one simulate.rate_hz.",
        )
    _csv(
        folder / "metadata" / "activity_df.csv",
        ("", "activity_id", "activity_name"),
        ((n, n, a) for a, n in activities.items()),
    )
    heads = ("", "session_id", "subject_id", "activity_id")
    _csv(folder / "metadata" / "session_df.csv", heads, ((row[0], *row) for row in rows))
    told = {
        "sampling_freq": round(rates.pop()),
        "num_of_subjects": len(subjects),
        "num_of_activities": len(activities),
        "num_of_channels": len(names),
        "available_activities": list(activities),
        "available_channels": names,
    }
    (folder / "config.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return Whar(tuple(activities), tuple(subjects), len(rows), dict(left_out))


def _measured(
    clip: Clip, signals: Sequence[str], placements: Sequence[str], shortest_s: float, left_out: Counter[str]
) -> Iterator[NDArray[np.float32]]:
    """(n, channels) of every stretch of a clip in which all placements were measured."""
    masks = [clip[f"{placement}_valid"] for placement in placements]
    if any(mask is None for mask in masks) or any(clip[name] is None for name in signals):
        left_out["clips without the signals of a placement"] += 1
        return
    good = np.logical_and.reduce([np.asarray(mask, bool) for mask in masks])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    values = np.concatenate([clip[name] for name in signals], axis=1)
    for first, end in edges.reshape(-1, 2):
        if end - first < shortest_s * clip["imu_rate_hz"]:
            left_out[f"stretches shorter than {shortest_s:g} s"] += 1
        else:
            yield values[first:end]


def _csv(path: Path, heads: Sequence[str], rows: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows(rows)
