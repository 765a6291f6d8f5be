"""Prove that a dataset is whole: every byte, the schema, the splits, times and physics."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fimad.dataset.checking.bodies import limb_problems, pose_problems, root_problems
from fimad.dataset.checking.clocks import clock_problems
from fimad.dataset.checking.columns import misfits, values_out_of_range
from fimad.dataset.checking.corpus import Corpus
from fimad.dataset.checking.entries import column_problems, figure_problems, recounted, split_problems
from fimad.dataset.checking.meaning import embedding_problems, label_problems, word_problems
from fimad.dataset.checking.signals import clip_quality_problems, nan_problems, signal_problems
from fimad.dataset.folding import Clip
from fimad.dataset.manifest import NAME, canonical, read_manifest
from fimad.dataset.packing.rows import VideoRows, schema_hash
from fimad.dataset.packing.shards import Shard
from fimad.dataset.pages.card import card
from fimad.dataset.pages.croissant import croissant
from fimad.dataset.reader import Dataset, open_dataset
from fimad.errors import DatasetError
from fimad.storage.store import Store, open_store


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, and where: the file, and the row and clip within it if it is one clip's."""

    file: str
    what: str
    row: int | None = None
    clip: str | None = None

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        return f"{self.file}{row}{'' if self.clip is None else f', clip {self.clip}'}: {self.what}"


def verify(path: str) -> list[Problem]:
    """All that is wrong with a dataset; an empty list proves that it is what its manifest says.

    Example: ``for problem in verify("dataset"): print(problem)``
    """
    store = open_store(path)
    try:
        manifest = read_manifest(store)
    except DatasetError as error:
        return [Problem(NAME, error.what)]
    problems = [*_side_files(store, manifest), *_shards(store, manifest)]
    problems += [Problem(NAME, what) for what in (*split_problems(manifest), *figure_problems(manifest))]
    if not any(problem.file != NAME for problem in problems):
        # Of numbers without sense no warning is wanted, but what is wrong with them.
        with np.errstate(all="ignore"):
            problems += _rows(open_dataset(path))
    return problems


def _side_files(store: Store, manifest: dict[str, Any]) -> Iterator[Problem]:
    expected = {"README.md": card(manifest).encode(), "croissant.json": canonical(croissant(manifest))}
    for name, content in expected.items():
        try:
            if store.read(name) != content:
                yield Problem(name, "it is not what the manifest gives")
        except FileNotFoundError:
            yield Problem(name, "it is missing")


def _shards(store: Store, manifest: dict[str, Any]) -> Iterator[Problem]:
    named = {shard["name"] for shard in manifest["shards"]}
    for file in store.files("data"):
        if f"data/{file}" not in named:
            yield Problem(f"data/{file}", "the manifest does not name it")
    for shard in manifest["shards"]:
        yield from _shard(store, shard, manifest["schema_sha256"])


def _shard(store: Store, shard: dict[str, Any], schema_sha256: str) -> Iterator[Problem]:
    name = shard["name"]
    try:
        raw = store.read(name)
    except FileNotFoundError:
        yield Problem(name, "it is missing")
        return
    if len(raw) != shard["bytes"]:
        yield Problem(name, f"it has {len(raw)} bytes instead of {shard['bytes']}")
        return
    if hashlib.sha256(raw).hexdigest() != shard["sha256"]:
        yield Problem(name, "its bytes were changed: SHA-256 differs")
        return
    file = pq.ParquetFile(pa.BufferReader(raw))
    if file.metadata.num_rows != shard["rows"]:
        yield Problem(name, f"it has {file.metadata.num_rows} rows instead of {shard['rows']}")
    if schema_hash(file.schema_arrow) != schema_sha256:
        yield Problem(name, "its schema is not the dataset's")


def _rows(dataset: Dataset) -> list[Problem]:
    problems: list[Problem] = []
    manifest = dataset.manifest
    corpus = Corpus(
        manifest["columns"],
        numbered=bool(manifest.get("classes")),
        fixed=bool(manifest.get("splits_given") or manifest["config"].get("pack", {}).get("split_file")),
    )
    for number, shard in enumerate(manifest["shards"]):
        name, row = shard["name"], 0
        count = Shard(shard["split"])
        with dataset.open_shard(name) as file:
            if not number:
                problems += [
                    Problem(NAME, what) for what in column_problems(manifest, file.metadata.schema.to_arrow_schema())
                ]
                if problems:
                    return problems
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group, columns=dataset.columns)
                count.count(VideoRows(table))
                ids = table.column("clip_id").to_pylist()
                wrong = list(misfits(table, manifest["columns"]))
                problems += [Problem(name, what, row + at, ids[at]) for at, what in wrong]
                for at in sorted(set(range(table.num_rows)) - {at for at, _ in wrong}):
                    clip = next(dataset.fold(table.slice(at, 1)))
                    found = [*_clip(clip, shard, dataset), *corpus.look(clip, f"{name}, row {row + at}")]
                    problems += [Problem(name, what, row + at, clip["clip_id"]) for what in found]
                row += table.num_rows
        problems += [Problem(name, what) for what in recounted(shard, count)]
    return problems


def _clip(clip: Clip, shard: dict[str, Any], dataset: Dataset) -> Iterator[str]:
    manifest, placements = dataset.manifest, dataset.placements
    config = manifest["config"]
    if clip["split"] != shard["split"]:
        yield f"split {clip['split']!r} in a shard of {shard['split']!r}"
    if clip["video_id"] not in shard["videos"] or clip["clip_id"] != f"{clip['video_id']}___{clip['clip_index']}":
        yield f"clip {clip['clip_id']!r} does not belong here"
    if not 0 <= clip["start_s"] < clip["end_s"] < np.inf:
        yield f"it lasts from {clip['start_s']} to {clip['end_s']} s"
        return
    wrong = [*values_out_of_range(clip, manifest["columns"]), *clock_problems(clip, manifest["schema_version"])]
    wrong += [
        *embedding_problems(clip, manifest["columns"]),
        *clip_quality_problems(clip, placements),
        *pose_problems(clip),
        *word_problems(clip),
    ]
    folded = bool(config.get("pack", {}).get("label_map"))
    wrong += label_problems(clip, manifest.get("classes", {}), folded=folded)
    wrong += [what for placement in placements for what in nan_problems(clip, placement)]
    yield from wrong
    if wrong or clip["imu_time_s"] is None:
        return
    yield from signal_problems(clip, placements)
    simulated = config.get("simulate", {})
    yield from root_problems(clip, placements, simulated)
    yield from limb_problems(clip, placements, simulated)
