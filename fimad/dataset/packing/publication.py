"""How a version of a dataset takes the place of the one before, in a folder where other things may lie too.

    manifest.next.json       the manifest that is being published: names the files that may be half there
    manifest.previous.json   the one before, while no manifest stands because a name changes its bytes

Both are there only while a version is published. If that is broken off, the next `pack` or `remove` reads from them what the
dataset was: its version, its takedowns, the numbers of its classes, its splits. Nothing else than files of fimad's own names is
ever written over or deleted, and these only where the folder is a dataset's.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fimad.dataset.manifest import NAME, canonical, is_shard, read_manifest, sealed
from fimad.dataset.packing.shards import Shard
from fimad.dataset.pages.card import card, is_card
from fimad.dataset.pages.croissant import croissant
from fimad.errors import ConfigError, DatasetError, TransientError
from fimad.storage.atomic import sweep
from fimad.storage.store import Store

NEXT = "manifest.next.json"
PREVIOUS = "manifest.previous.json"
#: Reason of the error that another build packed at the same time.
BY_ANOTHER = "packed_by_another"
#: Reason of the error that a video was taken down while the dataset was packed with it.
CHANGED = "changed_meanwhile"
_CARD, _CROISSANT = "README.md", "croissant.json"


@dataclass(frozen=True)
class Standing:
    """What a dataset is before its next version.

    Parameters
    ----------
    manifest : of the last version; empty if there is none.
    mixed : whether a publication was broken off between shards: some may be those of the version that was to come.
    """

    store: Store
    manifest: dict[str, Any]
    mixed: bool = False

    def has(self, entry: Mapping[str, Any]) -> bool:
        """Whether a shard of the last version is there. Of one that was not touched the size says it; `fimad verify` reads all."""
        return is_whole(self.store, [entry]) if self.mixed else is_there(self.store, entry)


def is_dataset(store: Store) -> bool:
    """Whether a dataset is there, or was until its publication was broken off."""
    return any(store.exists(name) for name in (NAME, NEXT, PREVIOUS))


def peek(store: Store) -> dict[str, Any]:
    """The manifest of the last version, read without bringing anything to its end; empty if there is none."""
    found = (_manifest(store, name) for name in (NAME, PREVIOUS, NEXT))
    return next((manifest for manifest in found if manifest is not None), {})


def check_target(store: Store) -> None:
    """Raise `ConfigError` where a dataset would be written over files that are not a dataset's."""
    if is_dataset(store):
        return
    there = [name for name in (_CARD, _CROISSANT) if store.exists(name)]
    if _CARD in there and is_card(store.read(_CARD)):
        # Somebody deleted the manifest, to have it packed anew.
        return
    there += [f"data/{name}" for name in sorted(store.files("data"))]
    if there:
        more = f" and {len(there) - 3} more" if len(there) > 3 else ""
        raise ConfigError(
            f"{store.url} holds {', '.join(there[:3])}{more}, and no dataset of fimad.",
            "The folder is used for something else: a dataset is written to README.md, croissant.json and data/, and would "
            "take the place of what is there.",
            "Give a new or empty folder with `--dataset`, or move those files elsewhere.",
            reason="not_a_dataset",
        )


def standing(store: Store) -> Standing:
    """What is there already; a publication that was broken off is brought to its end, or undone, where that can be.

    Raises `DatasetError` where the manifest is damaged: it is not overwritten; `ConfigError` where the folder is not a
    dataset's.
    """
    if (manifest := _manifest(store, NAME)) is not None:
        return Standing(store, manifest)
    check_target(store)
    previous = _manifest(store, PREVIOUS)
    for candidate in (_manifest(store, NEXT), previous):
        if candidate is not None and is_whole(store, candidate["shards"]):
            _write_pages(store, candidate)
            _clear(store, candidate)
            return Standing(store, candidate)
    return Standing(store, previous or {}, mixed=True)


def last_version(store: Store) -> dict[str, Any]:
    """The manifest of a dataset that is to be changed without what it was made of; raises `DatasetError` if that can't be."""
    if not store.exists(NEXT):
        return read_manifest(store)
    before = standing(store)
    if before.mixed:
        raise DatasetError(
            f"{store.url} is between two versions: the manifest is missing, and its shards are of both.",
            "A build was killed while it published.",
            "Run `fimad build`: it brings the dataset to its end. Then repeat this command.",
            reason="between_versions",
        )
    finish(store, before.manifest)
    return before.manifest


def _manifest(store: Store, name: str) -> dict[str, Any] | None:
    try:
        return read_manifest(store, name)
    except DatasetError as error:
        if error.reason == "no_manifest":
            return None
        raise


def is_whole(store: Store, entries: Iterable[Mapping[str, Any]]) -> bool:
    """Whether shards hold the bytes that a manifest says."""
    return all(is_there(store, entry) and _sha256(store, entry["name"]) == entry["sha256"] for entry in entries)


def is_there(store: Store, entry: Mapping[str, Any]) -> bool:
    """Whether a shard has the size that a manifest says."""
    return bool(store.size(entry["name"]) == entry["bytes"])


def is_complete(store: Store, manifest: Mapping[str, Any]) -> bool:
    """Whether all files of a version are there, shards in their sizes."""
    named = all(store.exists(name) for name in (NAME, _CARD, _CROISSANT))
    return named and all(is_there(store, entry) for entry in manifest["shards"])


def _sha256(store: Store, name: str) -> str:
    with scratch_folder(store) as folder, store.get(name, folder).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def publish(store: Store, shards: list[Shard], data: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
    """Shards under their names, card, and last the manifest; then what of the old version is left is removed.

    Raises `TransientError` if somebody else published meanwhile: what is kept of `previous` may not be there any more.
    """
    if (_manifest(store, NAME) or previous) != previous:
        raise _superseded(store)
    raw = sealed(data)
    store.write(NEXT, raw)
    old = {each["name"]: each["sha256"] for each in previous.get("shards", [])}
    if any(shard.name in old and old[shard.name] != shard.sha256 for shard in shards):
        # A name that the old manifest gives to other bytes: nobody may read by that manifest any more.
        store.write(PREVIOUS, sealed(previous))
        store.delete(NAME)
    _put_shards(store, shards)
    # As a reader gets it: the order of keys is the file's.
    read_back = json.loads(raw)
    _write_pages(store, read_back)
    _clear(store, read_back)


def _put_shards(store: Store, shards: Sequence[Shard]) -> None:
    with scratch_folder(store) as scratch:
        copies = []
        for at, shard in enumerate(shards):
            if shard.source and shard.source != shard.name:
                copy = scratch / f"kept-{at}.parquet"
                _copy(store.get(shard.source, scratch), copy)
                copies.append((copy, shard.name))
        for copy, name in copies:
            store.put(copy, name)
        for shard in shards:
            if shard.path is not None:
                store.put(shard.path, shard.name)
            elif shard.place is not None:
                try:
                    store.take(*shard.place, shard.name)
                except FileNotFoundError as error:
                    # Another build that packed the same took it; it may have brought it just here.
                    if not is_whole(store, [shard.entry()]):
                        raise _superseded(store) from error


def _superseded(store: Store) -> TransientError:
    """Another build packed at the same time."""
    return TransientError(
        f"Another build packed at the same time as this one, into {store.url} or from the same workspace.",
        "Two builds of one workspace run at once.",
        "Wait for the other one, and run the command again: it goes on where it stopped.",
        reason=BY_ANOTHER,
    )


def changed_meanwhile(store: Store) -> DatasetError:
    """What is said where the next version of a dataset was made with a video that was taken down meanwhile."""
    return DatasetError(
        f"{store.url} was to be written anew, and changed meanwhile.",
        "A video of it was taken down.",
        "Run the command again.",
        reason=CHANGED,
    )


def _write_pages(store: Store, manifest: Mapping[str, Any]) -> None:
    """What follows from the manifest, and last the manifest."""
    store.write(_CARD, card(manifest).encode())
    store.write(_CROISSANT, canonical(croissant(manifest)))
    store.write(NAME, sealed(manifest))


def _clear(store: Store, manifest: Mapping[str, Any]) -> None:
    """Remove what is left of other versions, and last the notes that tell of them. Other names are somebody else's."""
    names = {each["name"] for each in manifest["shards"]}
    for file in store.files("data"):
        if is_shard(f"data/{file}") and f"data/{file}" not in names:
            store.delete(f"data/{file}")
    for name in (PREVIOUS, NEXT):
        store.delete(name)


def finish(store: Store, manifest: Mapping[str, Any]) -> None:
    """Clear up after a publication that was broken off when its manifest was there, or before it changed anything."""
    if store.exists(NEXT):
        _clear(store, manifest)


def _copy(source: Path, target: Path) -> None:
    """A hard link where that works: a kept shard's bytes need not be written again."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def scratch_folder(store: Store) -> Iterator[Path]:
    """A temporary folder on the store's file system where it is local; a dataset keeps nothing of it."""
    root = store.scratch_root()
    try:
        with tempfile.TemporaryDirectory(dir=root, prefix="pack-") as folder:
            yield Path(folder)
    finally:
        sweep(root.parent)
        # Not empty where another scratch folder, or another process's, is still in use.
        with suppress(OSError):
            root.rmdir()
            root.parent.rmdir()
