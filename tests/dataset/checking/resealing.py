"""A dataset that a buggy tool wrote: rows, columns or manifest are changed, and all that follows from them is made anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fimad.dataset.manifest import canonical, sealed
from fimad.dataset.packing.describe import described, figures
from fimad.dataset.packing.pack import Source, pack
from fimad.dataset.packing.rows import VideoRows, schema_hash
from fimad.dataset.packing.shards import Shard
from fimad.dataset.pages.card import card
from fimad.dataset.pages.croissant import croissant
from fimad.dataset.verify import Problem, verify
from fimad.storage.store import open_store

Row = dict[str, Any]
Manifest = dict[str, Any]
#: Changes rows in place, or gives others in their place.
Change = Callable[[list[Row]], Any]


def reseal(
    folder: Path,
    rows: Change | None = None,
    manifest: Callable[[Manifest], Any] | None = None,
    schema: Callable[[pa.Schema], pa.Schema] | None = None,
    split: str = "train",
    *,
    recount: bool = True,
) -> None:
    """Change rows of a split, the schema or the manifest, and make hashes and pages anew, and with `recount` all figures."""
    data = json.loads((folder / "manifest.json").read_text())
    for entry in data["shards"]:
        path = folder / entry["name"]
        if schema is None and (rows is None or entry["split"] != split):
            continue
        table = pq.read_table(path)
        into = schema(table.schema) if schema else table.schema
        listed = table.to_pylist()
        if rows is not None:
            made = rows(listed)
            listed = made if isinstance(made, list) else listed
        table = pa.Table.from_pylist([{name: row[name] for name in into.names} for row in listed], schema=into)
        pq.write_table(table, path, row_group_size=3)
        if recount and {"start_s", *Shard.from_manifest(entry).sums} <= set(into.names):
            shard = Shard(entry["split"])
            shard.count(VideoRows(table))
            made = shard.entry()
            entry |= {key: made[key] for key in made if key not in ("name", "videos", "left_out")}
        raw = path.read_bytes()
        entry |= {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest(), "rows": table.num_rows}
        data |= {"columns": described(into), "schema_sha256": schema_hash(into)}
    if recount:
        splits = {name: info["videos"] for name, info in data["splits"].items()}
        entries = data["shards"]
        data |= figures([Shard.from_manifest(entry) for entry in entries], splits) | {"shards": entries}
    if manifest is not None:
        manifest(data)
    (folder / "manifest.json").write_bytes(sealed(data))
    data = json.loads((folder / "manifest.json").read_text())
    (folder / "README.md").write_text(card(data), encoding="utf-8")
    (folder / "croissant.json").write_bytes(canonical(croissant(data)))


def accused(folder: Path, source: Source, faults: Mapping[str, Change], *, recount: bool) -> list[Problem]:
    """What is said of a dataset of as many videos as faults, each of which is done to the two clips of one video."""
    pack(source, source.config, open_store(str(folder)))  # type: ignore[attr-defined]

    def change(rows: list[Row]) -> list[Row]:
        changed: list[Row] = []
        for at, fault in enumerate(faults.values()):
            pair = rows[2 * at : 2 * at + 2]
            made = fault(pair)
            changed += made if isinstance(made, list) else pair
        return changed

    reseal(folder, change, recount=recount)
    return verify(str(folder))
