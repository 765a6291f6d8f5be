"""Takedown: a video leaves the dataset, and does not come back with the next build."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fimad.dataset.packing.describe import figures
from fimad.dataset.packing.publication import BY_ANOTHER, last_version, peek, publish, scratch_folder
from fimad.dataset.packing.rows import VideoRows
from fimad.dataset.packing.shards import Shard, ShardWriter
from fimad.errors import DatasetError, TransientError
from fimad.storage.store import Store, open_store

# So often it begins again because a build published meanwhile.
_TRIES = 5


def remove(path: str, video_id: str, reason: str = "") -> int:
    """Rewrite the shard that holds a video without it, and note the takedown in the manifest.

    Returns the number of clips removed. Raises `DatasetError` if the dataset does not hold the video.
    """
    store = open_store(path)
    for tries_left in reversed(range(_TRIES)):
        try:
            return _remove(store, video_id, reason)
        except TransientError as error:
            if error.reason != BY_ANOTHER or not tries_left:
                raise
    raise AssertionError("unreachable")


def holds(path: str, video_id: str) -> bool:
    """Whether there is a dataset that has a video."""
    return any(video_id in each["videos"] for each in peek(open_store(path)).get("shards", ()))


def _remove(store: Store, video_id: str, reason: str) -> int:
    previous = last_version(store)
    holder = next((each for each in previous["shards"] if video_id in each["videos"]), None)
    if holder is None:
        raise DatasetError(
            f"The dataset has no video {video_id!r}.",
            "It was removed before, or left out, or the id is misspelt.",
            "See `splits` in manifest.json for the ids.",
            reason="no_video",
        )
    with scratch_folder(store) as scratch:
        shards: list[Shard] = []
        for entry in previous["shards"]:
            if entry is not holder:
                shards.append(Shard.from_manifest(entry))
                continue
            table = pq.read_table(pa.BufferReader(store.read(entry["name"])))
            writer = ShardWriter(entry["split"], table.schema, scratch, 1 << 62)
            for each, content in entry["videos"].items():
                if each != video_id:
                    writer.add(each, content, VideoRows(table.filter(pc.equal(table.column("video_id"), each))))
            writer.close()
            for shard in writer.shards:
                # Of which video a clip was that is not here, nothing says: they stay counted.
                shard.left_out.update(entry["left_out"])
            shards += writer.shards
        for split in previous["splits"]:
            mine = [shard for shard in shards if shard.split == split]
            for number, shard in enumerate(mine):
                shard.name = f"data/{split}-{number:05d}-of-{len(mine):05d}.parquet"
        publish(store, shards, _without(previous, video_id, reason, shards), previous)
    return int(previous["clips"]) - sum(shard.rows for shard in shards)


def _without(previous: dict[str, Any], video_id: str, reason: str, shards: list[Shard]) -> dict[str, Any]:
    version = previous["version"] + 1
    kept = {name: [v for v in info["videos"] if v != video_id] for name, info in previous["splits"].items()}
    videos = len({video for shard in shards for video in shard.videos})
    return {
        **previous,
        **figures(shards, kept),
        "version": version,
        "changes": [*previous["changes"], {"version": version, "videos": videos, "added": 0, "removed": 1}],
        "removed": [*previous["removed"], {"video_id": video_id, "reason": reason, "version": version}],
    }
