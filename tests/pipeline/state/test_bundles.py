"""Artifacts of many videos in one file: read as before, and never lost, whatever ends a `compact`."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from fimad.errors import DamagedArtifactError
from fimad.pipeline.inspect.upkeep import take_down
from fimad.pipeline.state import bundles
from fimad.pipeline.state.bundles import Compaction
from fimad.pipeline.state.records import DONE
from fimad.pipeline.state.workspace import Workspace

IDS = [f"v{number:03d}" for number in range(300)]


def row(video_id: str) -> pa.Table:
    return pa.table({"value": [f"of {video_id}"], "more": [1]})


@pytest.fixture(params=["folder", "store"])
def workspace(tmp_path: Path, request: pytest.FixtureRequest) -> Workspace:
    if request.param == "folder":
        return Workspace(str(tmp_path / "ws"))
    return Workspace(f"{request.getfixturevalue('s3')}/bundles-{tmp_path.name}", str(tmp_path))


def fill(workspace: Workspace, ids: list[str]) -> None:
    for video_id in ids:
        workspace.publish("pose", "k", video_id, row(video_id))


def compact(workspace: Workspace) -> Compaction:
    total = Compaction()
    folder = workspace.stage_folder("pose", "k")
    for bucket in workspace.buckets(folder):
        total.add(workspace.bundles.compact(folder, bucket))
    return total


def check(workspace: Workspace, ids: list[str], also: Sequence[str] = ()) -> None:
    """By this process, and by one that comes new to it; `also` is there as well, with other content."""
    for each in (workspace, Workspace(workspace.url, str(workspace.store.scratch_root()))):
        listed = [video_id for video_id, code in each.entries("pose", "k") if code == DONE]
        assert sorted(set(listed)) == sorted([*ids, *also])
        for video_id in ids:
            assert each.exists("pose", "k", video_id)
            assert each.read("pose", "k", video_id).equals(row(video_id))


def files(workspace: Workspace) -> list[str]:
    return [name for name, _ in workspace.store.sizes("stages")]


def same_bucket(count: int) -> list[str]:
    """Ids that lie in one folder."""
    wanted = Workspace.name("pose", "k", "a0").rsplit("/", 1)[0]
    numbers = (f"a{number}" for number in range(100_000))
    found = (each for each in numbers if Workspace.name("pose", "k", each).rsplit("/", 1)[0] == wanted)
    return [next(found) for _ in range(count)]


def test_everything_is_read_from_few_files(workspace: Workspace) -> None:
    ids = IDS if workspace.store.local else IDS[:12]
    fill(workspace, ids)
    done = compact(workspace)
    assert done.files_before == len(ids)
    assert done.files_after == len(files(workspace))
    assert workspace.store.local is None or done.files_after <= 256 < len(ids)
    check(workspace, ids)
    assert workspace.read("pose", "k", ids[0], ["more"]).column_names == ["more"]
    assert not workspace.exists("pose", "k", "other")
    with pytest.raises(FileNotFoundError):
        workspace.read("pose", "k", "other")
    assert compact(workspace).artifacts == 0


def test_a_bundle_is_a_zip_file_that_never_changes(tmp_path: Path) -> None:
    ids = same_bucket(5)
    found = []
    for name in ("a", "b"):
        workspace = Workspace(str(tmp_path / name))
        fill(workspace, ids if name == "a" else ids[::-1])
        compact(workspace)
        (path,) = Path(workspace.url).rglob("*.zip")
        found.append((path.name, path.read_bytes()))
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == sorted(f"{each}.parquet" for each in ids)
    assert found[0] == found[1]


def test_what_is_new_joins_and_what_is_by_itself_wins(workspace: Workspace) -> None:
    ids = same_bucket(7)
    fill(workspace, ids[:4])
    compact(workspace)
    fill(workspace, ids[4:])
    newer = pa.table({"value": ["anew"], "more": [2]})
    workspace.publish("pose", "k", ids[0], newer)
    assert workspace.read("pose", "k", ids[0]).equals(newer)
    assert compact(workspace).artifacts == 4
    assert len(files(workspace)) == 1
    assert workspace.read("pose", "k", ids[0]).equals(newer)
    workspace.publish("pose", "k", ids[0], row(ids[0]))
    check(workspace, ids)


def test_what_is_discarded_is_gone_until_it_is_made_again(workspace: Workspace) -> None:
    ids = same_bucket(5)
    fill(workspace, ids)
    compact(workspace)
    workspace.discard("pose", "k", ids[1])
    workspace.discard("pose", "k", ids[2])
    rest = [ids[0], *ids[3:]]
    assert not workspace.exists("pose", "k", ids[1])
    with pytest.raises(FileNotFoundError):
        workspace.read("pose", "k", ids[1])
    check(workspace, rest)
    workspace.publish("pose", "k", ids[2], row(ids[2]))
    check(workspace, [*rest, ids[2]])
    compact(workspace)
    check(workspace, [*rest, ids[2]])
    assert len(files(workspace)) == 1


def test_what_is_purged_is_in_no_file(workspace: Workspace) -> None:
    ids = same_bucket(4)
    fill(workspace, ids)
    compact(workspace)
    workspace.discard("pose", "k", ids[0])
    for video_id in ids[:2]:
        assert workspace.purge("pose", "k", video_id) == 1
        assert not any(video_id.encode() in workspace.store.read(name) for name in files(workspace))
    check(workspace, ids[2:])


class Killed(BaseException):
    """What nothing catches."""


def kill_after(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let so many changes of the store happen, and no more."""
    changes = []

    def counted(action: str) -> None:
        real = getattr(workspace.store, action)

        def do(*values: object) -> None:
            if len(changes) == after:
                raise Killed
            changes.append(action)
            real(*values)

        monkeypatch.setattr(workspace.store, action, do)

    counted("put")
    counted("delete")


@pytest.mark.parametrize("after", range(9))
def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    ids = same_bucket(8)
    workspace = Workspace(str(tmp_path / "ws"))
    fill(workspace, ids[:4])
    compact(workspace)
    workspace.discard("pose", "k", ids[0])
    fill(workspace, ids[4:])
    kill_after(workspace, monkeypatch, after)
    try:
        compact(workspace)
    except Killed:
        pass
    else:
        assert after > 6
    monkeypatch.undo()
    check(workspace, ids[1:])
    compact(workspace)
    check(workspace, ids[1:])
    assert len(files(workspace)) == 1


def test_large_bundles_are_left_alone_and_large_artifacts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = same_bucket(11)
    workspace = Workspace(str(tmp_path / "ws"))
    fill(workspace, ids[:1])
    size = workspace.store.size(files(workspace)[0])
    monkeypatch.setattr(bundles, "_MOST_BYTES", 4 * size + size // 2)
    monkeypatch.setattr(bundles, "_SMALL_BYTES", 3 * size)
    fill(workspace, ids[1:8])
    assert compact(workspace).files_after == 2
    large = set(files(workspace))
    fill(workspace, ids[8:11])
    compact(workspace)
    assert large < set(files(workspace))
    assert len(files(workspace)) == 3
    check(workspace, ids[:11])
    big = pa.table({"value": [f"{number}" * 2000 for number in range(10)]})
    workspace.publish("pose", "k", ids[0], big)
    compact(workspace)
    assert workspace.read("pose", "k", ids[0]).equals(big)
    assert workspace.name("pose", "k", ids[0]) in files(workspace)


@pytest.mark.parametrize("what", ["cut", "empty", "noise", "directory"])
def test_a_damaged_bundle_is_no_artifact(tmp_path: Path, what: str) -> None:
    ids = same_bucket(6)
    workspace = Workspace(str(tmp_path / "ws"))
    fill(workspace, ids[:3])
    compact(workspace)
    (path,) = Path(workspace.url).rglob("*.zip")
    data = path.read_bytes()
    path.write_bytes(
        {
            "cut": data[: len(data) // 2],
            "empty": b"",
            "noise": b"\xff" * len(data),
            "directory": data[:-200] + b"\0" * 150 + data[-50:],
        }[what]
    )
    fresh = Workspace(workspace.url)
    fill(fresh, ids[3:])
    check(fresh, ids[3:])
    fill(fresh, ids[:3])
    assert compact(fresh).damaged == 1
    check(fresh, ids)


def test_damaged_bytes_of_one_are_that_ones(tmp_path: Path) -> None:
    ids = same_bucket(3)
    workspace = Workspace(str(tmp_path / "ws"))
    fill(workspace, ids)
    compact(workspace)
    (path,) = Path(workspace.url).rglob("*.zip")
    data = bytearray(path.read_bytes())
    at = data.index(b"PAR1")
    data[at : at + 60] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(DamagedArtifactError):
        workspace.read("pose", "k", sorted(ids)[0])
    workspace.discard("pose", "k", sorted(ids)[0])
    check(workspace, sorted(ids)[1:])


def test_one_that_is_put_together_while_it_is_read(tmp_path: Path) -> None:
    ids = same_bucket(6)
    workspace = Workspace(str(tmp_path / "ws"))
    fill(workspace, ids[:3])
    compact(workspace)
    reader = Workspace(workspace.url)
    check(reader, ids[:3])
    fill(workspace, ids[3:])
    compact(workspace)
    check(reader, ids)


def test_what_a_build_deletes_while_it_is_put_together_is_left_out(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = same_bucket(6)
    fill(workspace, ids[:3])
    compact(workspace)
    fill(workspace, ids[3:])
    real, gone = workspace.store.read, ids[4]

    def read(name: str) -> bytes:
        if workspace.store.exists(workspace.name("pose", "k", gone)):
            workspace.discard("pose", "k", gone)
        return real(name)

    with monkeypatch.context() as patch:
        patch.setattr(workspace.store, "read", read)
        compact(workspace)
    check(workspace, [each for each in ids if each != gone])


@pytest.mark.parametrize("what", ["exists", "discard", "purge", "read", "compact"])
def test_a_bundle_that_goes_between_its_listing_and_its_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    ids = same_bucket(4)
    workspace = Workspace(str(tmp_path / "ws"))
    fill(workspace, ids[:2])
    compact(workspace)
    fill(workspace, ids[2:])
    other, reader = Workspace(workspace.url), Workspace(workspace.url)
    real, listed = reader.bundles.names, []

    def names(folder: str) -> list[str]:
        found = real(folder)
        if not listed:
            listed.append(folder)
            compact(other)
        return found

    monkeypatch.setattr(reader.bundles, "names", names)
    if what == "compact":
        compact(reader)
        check(workspace, ids)
    elif what == "exists":
        assert reader.exists("pose", "k", ids[0])
    elif what == "read":
        assert reader.read("pose", "k", ids[0]).equals(row(ids[0]))
    else:
        getattr(reader, what)("pose", "k", ids[0])
        check(workspace, ids[1:])


def during_put(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen once, just before the next bundle appears."""
    real, acted = workspace.store.put, []

    def put(source: Path, name: str) -> None:
        if name.endswith(".zip") and not acted:
            acted.append(name)
            act()
        real(source, name)

    monkeypatch.setattr(workspace.store, "put", put)


@pytest.mark.parametrize("lay", ["by itself", "in a bundle", "in both"])
def test_what_is_purged_while_it_is_put_together_does_not_come_back(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, lay: str
) -> None:
    ids = same_bucket(6)
    fill(workspace, ids[:3])
    compact(workspace)
    fill(workspace, ids[3:])
    gone = ids[4] if lay == "by itself" else ids[1]
    if lay == "in both":
        fill(workspace, [gone])
    other = Workspace(workspace.url, str(workspace.store.scratch_root()))
    with monkeypatch.context() as patch:
        during_put(workspace, patch, lambda: take_down(other, gone, "", purge=True))
        compact(workspace)
    assert not any(gone.encode() in workspace.store.read(name) for name in files(workspace))
    assert not any(gone in name for name in files(workspace))
    check(workspace, [each for each in ids if each != gone])


def test_what_was_purged_and_left_in_a_bundle_goes_with_the_next_compact(tmp_path: Path) -> None:
    ids = same_bucket(4)
    workspace = Workspace(str(tmp_path / "ws"))
    fill(workspace, ids)
    compact(workspace)
    workspace.remove_video(ids[0], "", purge=True)
    compact(workspace)
    check(workspace, ids[1:])
    assert not any(ids[0].encode() in workspace.store.read(name) for name in files(workspace))
    # Who takes a note away wants the video back.
    workspace.store.delete(f"removed/{ids[0]}.json")
    fill(workspace, ids[:1])
    compact(workspace)
    check(workspace, ids)


@pytest.mark.parametrize("remade", ["not yet", "the same size", "another size"])
@pytest.mark.parametrize("lay", ["by itself", "remade before"])
def test_what_is_discarded_while_it_is_put_together_does_not_come_back(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, lay: str, remade: str
) -> None:
    ids = same_bucket(6)
    fill(workspace, ids[:3])
    compact(workspace)
    fill(workspace, ids[3:])
    changed = ids[4] if lay == "by itself" else ids[1]
    if lay == "remade before":
        workspace.discard("pose", "k", changed)
        fill(workspace, [changed])
    newer = pa.table({"value": [f"OF {changed}" if remade == "the same size" else "of another source"], "more": [1]})

    def act() -> None:
        workspace.discard("pose", "k", changed)
        if remade != "not yet":
            workspace.publish("pose", "k", changed, newer)

    with monkeypatch.context() as patch:
        during_put(workspace, patch, act)
        compact(workspace)
    for _ in range(2):
        check(workspace, [each for each in ids if each != changed], also=[] if remade == "not yet" else [changed])
        if remade != "not yet":
            assert workspace.read("pose", "k", changed).equals(newer)
        compact(workspace)


@pytest.mark.parametrize("after", range(14))
def test_a_kill_keeps_what_was_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    ids = same_bucket(4)
    workspace = Workspace(str(tmp_path / "ws"))
    for video_id in ids:
        workspace.publish("pose", "k", video_id, pa.table({"value": ["older"]}))
    compact(workspace)
    for video_id in ids[:3]:
        workspace.discard("pose", "k", video_id)
    fill(workspace, [*ids[:2], ids[3]])
    with suppress(Killed), monkeypatch.context() as patch:
        kill_after(workspace, patch, after)
        compact(workspace)
    for _ in range(3):
        check(workspace, [ids[0], ids[1], ids[3]])
        compact(workspace)
    assert len(files(workspace)) == 1


@pytest.mark.parametrize("moment", ["get", "read", "put", "delete"])
def test_two_that_put_the_same_together(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    ids = same_bucket(8)
    fill(workspace, ids[:3])
    compact(workspace)
    fill(workspace, ids[2:])
    other = Workspace(workspace.url, str(workspace.store.scratch_root()))
    real, acted = getattr(workspace.store, moment), []

    def do(*values: object) -> object:
        if not acted:
            acted.append(values)
            compact(other)
        return real(*values)

    with monkeypatch.context() as patch:
        patch.setattr(workspace.store, moment, do)
        compact(workspace)
    for _ in range(2):
        check(workspace, ids)
        compact(workspace)
