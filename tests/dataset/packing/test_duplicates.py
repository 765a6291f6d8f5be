"""Re-uploads are found by their motion, and never reach into two splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from synthetic import SyntheticSource, small_config

from fimad.dataset.manifest import read_manifest
from fimad.dataset.packing.duplicates import PRINT_BYTES, fingerprint
from fimad.dataset.packing.duplicates import duplicates as all_pairs
from fimad.dataset.packing.pack import pack
from fimad.dataset.packing.splits import Member, Members, assign, leaks, without_leaks
from fimad.dataset.verify import verify
from fimad.schema import POSE
from fimad.skeleton import LANDMARKS
from fimad.storage.store import open_store

LENGTH_S = 20.0


def recording(performer: int, *, rate_hz: float = 30.0, noise_m: float = 0.0, mirror: bool = False) -> pa.Table:
    """A person who moves each limb in its own rhythm, as some camera and encoder saw it."""
    time_s = np.arange(0, LENGTH_S, 1 / rate_hz)
    draw = np.random.default_rng(performer)
    rate, phase = draw.uniform(0.1, 1.2, (33, 3)), draw.uniform(0, 6.28, (33, 3))
    world = 0.25 * np.sin(2 * np.pi * rate * time_s[:, None, None] + phase) + draw.normal(0, 0.4, (33, 3))
    if mirror:
        swapped = [name.replace("left", "?").replace("right", "left").replace("?", "right") for name in LANDMARKS]
        world = world[:, [LANDMARKS.index(n) for n in swapped]] * [-1, 1, 1]
    world += np.random.default_rng(99).normal(0, noise_m, world.shape)
    row = {"clip_id": "v___0", "clip_index": 0, "pose_time_s": time_s, "pose_world_m": world.astype("f4").ravel()}
    return pa.Table.from_pylist([row], POSE)


def duplicates(prints: list[tuple[str, float, Any]]) -> list[tuple[str, str]]:
    """Pairs among (video_id, duration_s, fingerprint)."""
    known = [each for each in prints if each[2] is not None]
    marks = np.array([mark.reshape(-1) for _, _, mark in known], np.float16).reshape(len(known), PRINT_BYTES // 2)
    return all_pairs([each[0] for each in known], np.array([each[1] for each in known]), marks.__getitem__)


@pytest.mark.parametrize(
    "copy", [{}, {"rate_hz": 25.0}, {"noise_m": 0.04}, {"mirror": True}, {"mirror": True, "noise_m": 0.03}]
)
def test_copies_are_found_and_others_are_not(copy: dict[str, Any]) -> None:
    prints = [(f"v{number}", LENGTH_S, fingerprint(recording(number), LENGTH_S)) for number in range(40)]
    prints.append(("copy", LENGTH_S + 0.04, fingerprint(recording(17, **copy), LENGTH_S)))
    assert duplicates(prints) == [("v17", "copy")]


def test_copies_of_another_length_and_still_people_are_left_alone() -> None:
    one, two = fingerprint(recording(1), LENGTH_S), fingerprint(recording(1), LENGTH_S)
    assert duplicates([("a", LENGTH_S, one), ("b", LENGTH_S + 2, two)]) == []
    still = recording(1).to_pylist()
    still[0]["pose_world_m"] = np.full(len(still[0]["pose_world_m"]), 0.3, np.float32)
    assert fingerprint(pa.Table.from_pylist(still, POSE), LENGTH_S) is None
    assert fingerprint(POSE.empty_table(), LENGTH_S) is None


class Reuploads(SyntheticSource):
    """Video 7 is video 0 again, from a channel of its own."""

    def read(self, stage: str, video_id: str, columns: list[str] | None = None) -> pa.Table:
        table = self._whole(stage, video_id)
        return table if columns is None else table.select(columns)

    def _whole(self, stage: str, video_id: str) -> pa.Table:
        table = super().read(stage, video_id)
        number = int(video_id.removeprefix("video"))
        if stage == "download":
            row = table.to_pylist()[0] | {"duration_s": LENGTH_S}
            if number >= 7:
                row |= {"channel": "thief", "channel_id": "thief"}
            return pa.Table.from_pylist([row], table.schema)
        if stage == "segment":
            rows = table.to_pylist()
            return pa.Table.from_pylist([rows[0] | {"end_s": rows[0]["start_s"] + LENGTH_S}, *rows[1:]], table.schema)
        if stage == "pose":
            rows = table.to_pylist()
            seen = recording(0 if number == 7 else number).to_pylist()[0]
            count = len(seen["pose_time_s"])
            rows[0] |= {"pose_time_s": seen["pose_time_s"], "pose_world_m": seen["pose_world_m"]}
            rows[0] |= {"pose_visibility": [1.0] * (count * 33), "pose_image": [0.5] * (count * 99)}
            rows[0] |= {"pose_score": [1.0] * count, "pose_track": [0] * count}
            return pa.Table.from_pylist(rows[:1], table.schema)
        return table


def test_a_reupload_shares_the_split_of_its_original(tmp_path: Path) -> None:
    config = small_config()
    pack(Reuploads(8, config, channels=7, clip_s=LENGTH_S), config, open_store(str(tmp_path)))
    splits = read_manifest(open_store(str(tmp_path)))["splits"]
    holder = next(name for name, info in splits.items() if "video000000" in info["videos"])
    assert "video000007" in splits[holder]["videos"]
    assert verify(str(tmp_path)) == []


def test_a_new_video_that_ties_two_splits_stays_out_with_a_reason() -> None:
    fractions = {"train": 0.5, "val": 0.5}
    old = [Member("a", ("channel:a", "media:1")), Member("b", ("channel:b", "media:2"))]
    before = {"a": "train", "b": "val"}
    bridge, innocent = Member("c", ("channel:a", "media:2")), Member("d", ("channel:b", "media:4"))
    kept, out = without_leaks(Members.of([*old, bridge, innocent]), fractions, before)
    assert out == ["c"]
    splits = assign(kept, fractions, before)
    assert splits == {**before, "d": "val"}
    assert leaks(kept, splits) == []
