"""The index: facts of videos by many files, of which packing takes the newest that speak of what a video is done with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fimad.dataset.packing.duplicates import PRINT_BYTES
from fimad.dataset.packing.facts import FACTS, Facts
from fimad.pipeline.state.index import ROWS, Index, StagesDone, fresh_stamp, stamped, void
from fimad.pipeline.state.workspace import Workspace

BOTH = "download,segment"


def row(video_id: str, stamp: int, stages: str = BOTH, **others: Any) -> dict[str, Any]:
    """What is known of a video; its fingerprint is the stamp's."""
    mark = np.random.default_rng(stamp).normal(size=PRINT_BYTES // 2)
    values = {
        "media": video_id * 3,
        "channel": "c",
        "person": "",
        "split": "",
        "source": "",
        "duration_s": float(stamp),
    }
    values |= {
        "labels": '{"squat": 2}',
        "bytes": stamp,
        "mark": (mark / np.linalg.norm(mark)).astype(np.float16).tobytes(),
    }
    return {"video_id": video_id, "stages": stages, "stamp": stamp, **values, **others}


def done(**stages: str) -> StagesDone:
    """The stages of videos."""
    texts = sorted(set(stages.values()))
    ids = sorted(stages)
    return StagesDone(ids, np.array([texts.index(stages[each]) for each in ids], np.int64), texts)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(Workspace(str(tmp_path)), {"download": "k1", "segment": "k2", "pose": "k3"})


def add(index: Index, name: str, *rows: dict[str, Any]) -> None:
    index.add(name, pa.Table.from_pylist(list(rows), schema=ROWS))


def stamps(facts: Facts) -> dict[str, float]:
    return dict(zip(facts.video_ids, facts.column("bytes"), strict=True))


def test_the_newest_row_that_speaks_of_what_is_done_counts(index: Index) -> None:
    add(index, "a", row("v3", 7), row("v1", 5), row("v1", 9), row("v2", 3, "download"))
    add(index, "b", row("v1", 8), row("v2", 4), row("v4", 2), row("v3", 11, "download,segment,pose"))
    assert stamps(index.load(done(v1=BOTH, v2=BOTH, v3=BOTH))) == {"v1": 9, "v2": 4, "v3": 7}
    assert stamps(index.load(done(v2="download", v3="download,segment,pose", v9=BOTH))) == {"v2": 3, "v3": 11}
    assert stamps(index.load(done())) == {}
    assert index.load(done(v8=BOTH)).pairs() == []


def test_void_rows_do_not_count_and_later_ones_do(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fimad.pipeline.state.index.time.time_ns", lambda: 6)
    add(index, "a", row("v1", 5), row("v2", 5), row("v3", 6))
    void(index.workspace, ["v1", "v3", "elsewhere"])
    assert stamps(index.load(done(v1=BOTH, v2=BOTH, v3=BOTH))) == {"v2": 5}
    add(index, "b", row("v1", 7))
    assert stamps(index.load(done(v1=BOTH, v2=BOTH, v3=BOTH))) == {"v1": 7, "v2": 5}
    # v2 lost an artifact that its row speaks of: it is about to be made again.
    assert index.void_changed(lambda ids: [{"download"} if each == "v2" else set(BOTH.split(",")) for each in ids]) == 1
    assert stamps(index.load(done(v1=BOTH, v2=BOTH, v3=BOTH))) == {"v1": 7}


@pytest.mark.parametrize("ahead_ns", [-3600 * 10**9, 0, 1, 3600 * 10**9])
def test_a_clock_that_was_set_back_changes_nothing(
    index: Index, monkeypatch: pytest.MonkeyPatch, ahead_ns: int
) -> None:
    """Videos left the dataset, or kept the labels of before, without a word."""
    now = 1_700_000_000 * 10**9
    monkeypatch.setattr("fimad.pipeline.state.index.time.time_ns", lambda: now)
    add(index, stamped(now + ahead_ns, "a"), row("v1", now + ahead_ns))
    add(index, "as-before", row("v2", now + ahead_ns))
    assert set(stamps(index.load(done(v1=BOTH, v2=BOTH)))) == {"v1", "v2"}
    void(index.workspace, ["v1", "v2"])
    assert stamps(index.load(done(v1=BOTH, v2=BOTH))) == {}
    again = fresh_stamp(index.workspace)
    add(index, stamped(again, "b"), row("v1", again), row("v2", again))
    assert stamps(index.load(done(v1=BOTH, v2=BOTH))) == {"v1": again, "v2": again}


def test_other_files_beside_the_notes_do_not_matter(index: Index) -> None:
    index.workspace.store.write("index/stale/.DS_Store", b"x")
    index.workspace.store.write("index/stale/notes-of-mine.json", b'["v1"]')
    add(index, "a", row("v1", 5))
    assert stamps(index.load(done(v1=BOTH))) == {"v1": 5}
    assert fresh_stamp(index.workspace) > 5


def test_what_was_stored_is_what_was_taken(index: Index) -> None:
    """The facts of an index give the same ties, labels and pairs as those of the artifacts themselves."""
    rows = [row(f"v{n}", 100 + n, media=f"m{n % 4}", person="p" if n in (1, 6) else "") for n in range(8)]
    rows[5] |= {"mark": rows[2]["mark"], "duration_s": rows[2]["duration_s"]}
    rows[7] |= {"mark": None, "labels": "{}"}
    add(index, "a", *rows[:3])
    add(index, "b", *reversed(rows[3:]))
    stored = index.load(done(**{each["video_id"]: BOTH for each in rows}))
    taken = Facts.of([{name: each[name] for name in FACTS.names} for each in rows])
    for facts in (stored, taken, stored.without({"v0"}), taken.without({"v0"})):
        assert facts.pairs() == [("v2", "v5")]
        members = facts.members(tied_by_motion=True)
        at = facts.row("v5")
        assert at is not None
        ties = [members.tie_name(tie) for tie in members.ties[members.tie_rows == at].tolist()]
        assert ties == ["channel:c", "media:m1", "motion:v2=v5"]
        assert facts.row("v55") is None
        assert facts.stages(at) == ("download", "segment")
    one, other = stored.members(tied_by_motion=True), taken.members(tied_by_motion=True)
    assert one.groups()[0] == other.groups()[0] == 1
    apart = stored.without({"v0", "v1", "v2", "v3"}).members(tied_by_motion=True)
    assert len(apart) == 4
    assert apart.counts[apart.kinds[3]] == ()


def test_a_damaged_file_of_the_index_is_left_out(index: Index) -> None:
    add(index, "a", row("v1", 5))
    index.workspace.store.write(f"{index.folder}/b.parquet", b"PAR1 not at all")
    assert stamps(index.load(done(v1=BOTH))) == {"v1": 5}
