"""Packing, opening and windows of a dataset, beside pyarrow's plain writer and the `datasets` library.

    OMP_NUM_THREADS=1 python -m benchmarks.dataset [--json FILE] [--clips 10000]

pack_ratio     rows packed per second (shards, hashes, manifest, card) over `pyarrow.parquet.write_table` with the same
               options and row groups on the same rows, synced to the disk as packing does; best of five each
windows_per_s  shuffled 5 s windows of IMU (two placements), pose, CLIP embeddings and text at 50 Hz, one process: the first pass,
               which reads, decodes and interpolates
windows_ratio  a later pass over the same windows in random order through `datasets` with its NumPy format, each cut by the same
               interpolation. Both have their decoded copy by then: `datasets` its Arrow files, fimad the clips kept in memory
first_ratio    the first pass over both as they are found: fimad opens and plans, `datasets` makes its Arrow files
decode_ratio   the first pass of fimad, which decodes, over a pass of `datasets`, whose Arrow files are there already
arrays_ratio   seconds of `to_arrays` over those of pyarrow reading the same columns and NumPy cutting the same windows in a loop
remote_ratio   bytes that `to_arrays` fetches from a remote store over the compressed bytes of the columns that it needs
open_s         opening a dataset of 10,000 clips: manifest, length, splits; iterated, memory must stay flat
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import fimad
from fimad.config import Config
from fimad.dataset.packing.pack import pack
from fimad.dataset.packing.rows import video_rows
from fimad.dataset.slicing.clips import cut_window
from fimad.dataset.windows import columns_for
from fimad.schema import dataset_schema
from fimad.storage.parquet import encodings
from fimad.storage.store import open_store

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "dataset"))
from synthetic import SyntheticSource

TARGETS = {"pack_ratio": 0.8, "windows_per_s": 3000.0, "windows_ratio": 7.0, "open_s": 1.0}
MOST = {"arrays_ratio": 1.5, "remote_ratio": 1.5}
ARRAY_COLUMNS = ("clip_id", "label", "split", "start_s", "end_s", "channel", "channel_id", "video_id", "imu_time_s")
MODALITIES = ("imu", "pose", "video_embedding", "text")
PLACEMENTS = ("left_wrist", "right_ankle")
ROUNDS = 5
WINDOW: dict[str, Any] = {"length_s": 5.0, "stride_s": 2.5, "rate_hz": 50.0}


class Repeating(SyntheticSource):
    """A few made-up videos under many names, so that making them up costs nothing while packing is timed."""

    def __init__(self, videos: int, config: Config, templates: int = 8, **options: Any) -> None:
        super().__init__(videos, config, embeddings=True, **options)
        self._templates = templates
        self._made: dict[tuple[str, int], pa.Table] = {}

    def read(self, stage: str, video_id: str, columns: list[str] | None = None) -> pa.Table:
        """One artifact."""
        if stage == "download":
            return super().read(stage, video_id, columns)
        number = int(video_id.removeprefix("video")) % self._templates
        if (stage, number) not in self._made:
            self._made[stage, number] = super().read(stage, f"video{number:06d}")
        table = self._made[stage, number]
        names = pa.array([f"{video_id}___{index}" for index in range(table.num_rows)])
        table = table.set_column(0, table.schema.field("clip_id"), names)
        return table if columns is None else table.select(columns)


def measure_packing(folder: Path) -> dict[str, float]:
    """Packing against the plain writer, in rows per second."""
    config = Config.model_validate({"simulate": {"placements": list(PLACEMENTS)}, "pack": {"splits": {"train": 1}}})
    # FiMAD's shape: seven clips of half a minute to a video.
    source = Repeating(24, config, clip_s=30.0, clips=7)
    schema = dataset_schema(PLACEMENTS)
    tables = []
    for video_id, stages in source.included():
        parts = {stage: source.read(stage, video_id) for stage in stages}
        tables.append(video_rows(parts, schema, "train", "{}", config.pack).table)
    table = pa.concat_tables(tables).combine_chunks()
    del tables
    split, dictionary = encodings(schema)
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 1,
        "write_page_index": True,
    }
    plain, packed = [], []
    for attempt in range(ROUNDS):
        began = time.perf_counter()
        pack(source, config, open_store(str(folder / f"packed{attempt}")))
        packed.append(time.perf_counter() - began)
        shard = next((folder / f"packed{attempt}" / "data").iterdir())
        options["row_group_size"] = pq.read_metadata(shard).row_group(0).num_rows
        began = time.perf_counter()
        pq.write_table(
            table, folder / "plain.parquet", use_dictionary=dictionary, use_byte_stream_split=split, **options
        )
        with (folder / "plain.parquet").open("rb") as file:
            os.fsync(file.fileno())
        plain.append(time.perf_counter() - began)
    rate = table.num_rows / min(packed)
    print(f"pack: {rate:.0f} clips/s, {table.nbytes / min(packed) / 1e6:.0f} MB/s; plain writer {min(plain):.2f} s")
    return {"pack_clips_per_s": rate, "pack_ratio": min(plain) / min(packed)}


def measure_windows(path: str, count: int) -> dict[str, float]:
    """Shuffled windows per second, through fimad and through `datasets`."""
    import datasets

    datasets.disable_progress_bars()
    columns = columns_for(MODALITIES, PLACEMENTS)
    length_s, stride_s, rate_hz = WINDOW["length_s"], WINDOW["stride_s"], WINDOW["rate_hz"]

    def opened() -> Any:
        return fimad.open_dataset(path).to_torch(**WINDOW, modalities=MODALITIES, placements=PLACEMENTS, seed=1)

    with tempfile.TemporaryDirectory() as cache:
        began = time.process_time()
        rows = datasets.load_dataset(path, split="train", cache_dir=cache).select_columns(columns)
        prepared_s = time.process_time() - began
        spans = zip(rows["start_s"], rows["end_s"], strict=True)
        per_clip = [int((end - start - length_s) / stride_s + 1e-9) + 1 for start, end in spans]
        pairs = [(clip, number) for clip, windows in enumerate(per_clip) for number in range(windows)]
        np.random.default_rng(1).shuffle(pairs)
        numpy_rows, arrow_rows = rows.with_format("numpy"), rows.with_format("arrow")
        dataset = fimad.open_dataset(path)

        def through(read: Any) -> Iterator[dict[str, Any]]:
            for number, step in pairs:
                clip = read(int(number))
                begin_s = clip["start_s"] + step * stride_s
                yield cut_window(clip, begin_s, round(length_s * rate_hz), rate_hz, length_s, MODALITIES, PLACEMENTS)

        def from_numpy(clip: int) -> dict[str, Any]:
            return dataset.shaped(numpy_rows[clip])

        def from_arrow(clip: int) -> dict[str, Any]:
            return next(dataset.fold(arrow_rows[clip]))

        # In turns, so that what else the machine does meets all of them.
        turns = []
        for _ in range(ROUNDS):
            began = time.process_time()
            loader = opened()
            opening_s = time.process_time() - began
            turns.append(
                (
                    1 / opening_s,
                    _rate(iter(loader), count),
                    _rate(iter(loader), count),
                    _rate(through(from_numpy), min(count, 400)),
                    _rate(through(from_arrow), min(count, 400)),
                )
            )
    openings, first, later, theirs, zero_copy = (max(rates) for rates in zip(*turns, strict=True))
    whole, their_whole = 1 / openings + len(pairs) / first, prepared_s + len(pairs) / theirs
    print(f"windows: first pass {first:.0f}/s, later ones {later:.0f}/s, opened in {1 / openings:.2f} s")
    print(f"`datasets`: NumPy format {theirs:.0f}/s, Arrow format {zero_copy:.0f}/s, made ready in {prepared_s:.2f} s")
    return {
        "windows_per_s": first,
        "later_windows_per_s": later,
        "datasets_windows_per_s": theirs,
        "datasets_arrow_windows_per_s": zero_copy,
        "windows_ratio": later / theirs,
        "first_ratio": their_whole / whole,
        "decode_ratio": first / theirs,
    }


def _rate(windows: Iterator[Any], count: int) -> float:
    """Windows per second of processor time, over a pass or its first `count`."""
    began = time.process_time()
    done = sum(1 for _ in islice(windows, count))
    return done / (time.process_time() - began)


def measure_opening(folder: Path, clips: int) -> dict[str, float]:
    """Opening and iterating a dataset of many clips."""
    pack_options = {"shard_bytes": 64 * 1024**2}
    config = Config.model_validate({"simulate": {"placements": ["left_wrist"]}, "pack": pack_options})
    pack(Repeating(clips // 10, config, clip_s=2.0, clips=10), config, open_store(str(folder)))
    began = time.perf_counter()
    dataset = fimad.open_dataset(str(folder))
    found = len(dataset)
    opened = time.perf_counter() - began
    half = 0
    for number, _clip in enumerate(dataset.clips()):
        if number == found // 4:
            half = _resident_bytes()
    grown = (_resident_bytes() - half) / 1024**2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"open: {found} clips in {opened:.3f} s; the last three quarters added {grown:.0f} MB (peak {peak:.0f} MB)")
    return {"open_s": opened, "open_clips": found, "iterate_growth_mb": grown}


def measure_arrays(folder: Path, clips: int) -> dict[str, float]:
    """`to_arrays` of many clips beside a raw loop, and the bytes that it fetches from a remote store."""
    config = Config.model_validate(
        {"simulate": {"placements": list(PLACEMENTS)}, "pack": {"shard_bytes": 64 * 1024**2}}
    )
    pack(Repeating(clips // 10, config, clip_s=10.0, clips=10), config, open_store(str(folder)))
    signals = [f"left_wrist_{ending}" for ending in ("acc_m_s2", "gyro_rad_s", "valid")]
    columns = [*ARRAY_COLUMNS, *signals]

    def plain() -> int:
        windows = []
        for path in sorted((folder / "data").iterdir()):
            table = pq.ParquetFile(path, memory_map=True).read(columns=columns)
            acc, gyro = (table.column(name).combine_chunks() for name in signals[:2])
            flat = [(each.values.to_numpy(), each.offsets.to_numpy()) for each in (acc, gyro)]
            for row in range(len(acc)):
                parts = [values[at[row] : at[row + 1]].reshape(-1, 3) for values, at in flat]
                clip = np.concatenate(parts, axis=1)
                windows += [clip[first : first + 100].T for first in range(0, len(clip) - 99, 50)]
        return len(np.stack(windows))

    def ours() -> int:
        return len(fimad.open_dataset(folder).to_arrays(length_s=2, rate_hz=50, placements=["left_wrist"]))

    turns = [(_seconds(plain), _seconds(ours)) for _ in range(3)]
    seconds = dict(zip(("plain", "ours"), map(min, zip(*turns, strict=True)), strict=True))
    fetched, own = _remote_bytes(folder, columns)
    print(f"arrays: {seconds['ours']:.2f} s, raw loop {seconds['plain']:.2f} s; remote {fetched} bytes of {own} own")
    return {"arrays_ratio": seconds["ours"] / seconds["plain"], "remote_ratio": fetched / own}


def _seconds(call: Any) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _remote_bytes(folder: Path, columns: list[str]) -> tuple[int, int]:
    import fsspec

    from fimad.storage.store import FsspecStore

    fsspec.filesystem("memory").put(str(folder), "/bench", recursive=True)
    lengths: list[int] = []
    plain = FsspecStore.read_ranges

    def counted(store: Any, name: str, ranges: Any, size_bytes: int) -> list[bytes]:
        lengths.extend(end - first for first, end in ranges)
        return plain(store, name, ranges, size_bytes)

    FsspecStore.read_ranges = counted  # type: ignore[method-assign]
    try:
        fimad.open_dataset("memory://bench").to_arrays(length_s=2, rate_hz=50, placements=["left_wrist"])
    finally:
        FsspecStore.read_ranges = plain  # type: ignore[method-assign]
    own = 0
    for path in (folder / "data").iterdir():
        about = pq.read_metadata(path)
        chunks = [about.row_group(g).column(n) for g in range(about.num_row_groups) for n in range(about.num_columns)]
        own += sum(c.total_compressed_size for c in chunks if c.path_in_schema.partition(".")[0] in columns)
    return sum(lengths), own


def _resident_bytes() -> int:
    """Anonymous memory of this process: mapped files are the kernel's to drop."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--clips", type=int, default=10_000, help="size of the dataset that is opened")
    parser.add_argument("--windows", type=int, default=2000, help="windows that are timed; a pass has 1,848")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = measure_packing(folder)
        figures |= measure_windows(str(folder / "packed0"), options.windows)
        figures |= measure_opening(folder / "many", options.clips)
        figures |= measure_arrays(folder / "arrays", options.clips)
    for key, target in TARGETS.items():
        print(f"{key:14} {figures[key]:10.2f}   (target {target:g})")
    for key in ("first_ratio", "decode_ratio"):
        print(f"{key:14} {figures[key]:10.2f}")
    for key, most in MOST.items():
        print(f"{key:14} {figures[key]:10.2f}   (at most {most:g})")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
