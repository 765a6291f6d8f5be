"""The manifest: the only entry point of a dataset. What it does not name is not part of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from fimad.errors import DatasetError
from fimad.schema import SCHEMA_VERSION
from fimad.storage.store import Store

NAME = "manifest.json"
FORMAT = 1
_SHARD = re.compile(r"data/[^/]+-\d{5,}-of-\d{5,}\.parquet")


def is_shard(name: str) -> bool:
    """Whether a file has the name of a shard: others in a dataset's folder are not fimad's."""
    return _SHARD.fullmatch(name) is not None


def canonical(data: Mapping[str, Any]) -> bytes:
    """JSON with one spelling: sorted keys, two spaces, a newline at the end."""
    return (json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def sealed(data: Mapping[str, Any]) -> bytes:
    """A manifest's bytes with its own SHA-256 in it, so that an edit shows."""
    body = {key: value for key, value in data.items() if key != "sha256"}
    return canonical({**body, "sha256": hashlib.sha256(canonical(body)).hexdigest()})


def read_manifest(store: Store, name: str = NAME) -> dict[str, Any]:
    """The manifest of a dataset; raises `DatasetError` if there is none, or it was damaged or edited."""
    try:
        raw = store.read(name)
    except FileNotFoundError as error:
        raise DatasetError(
            f"There is no dataset in {store.url}: {name} is missing.",
            "The path is wrong, or packing has not finished.",
            "Run `fimad build`, or mend the path.",
            reason="no_manifest",
        ) from error
    try:
        data = json.loads(raw)
        good = isinstance(data, dict) and sealed(data) == raw
    except ValueError:
        good, data = False, {}
    if not good:
        raise DatasetError(
            f"{name} in {store.url} does not match its own hash.",
            "It was edited, or damaged on the way.",
            "Fetch the dataset again, or pack it again with `fimad build`.",
            reason="manifest_damaged",
        )
    if data.get("format") != FORMAT:
        raise DatasetError(
            f"The dataset has format {data.get('format')!r}; this version reads {FORMAT}.",
            "It was made by another version of fimad.",
            "Install that version, or pack again.",
            reason="manifest_format",
        )
    if not 1 <= data.get("schema_version", 0) <= SCHEMA_VERSION:
        raise DatasetError(
            f"The dataset's columns are of version {data.get('schema_version')!r}; this fimad knows 1 to {SCHEMA_VERSION}.",
            "It was packed by a newer fimad.",
            "Install that version of fimad.",
            reason="schema_version",
        )
    result: dict[str, Any] = data
    return result
