"""A remote reader fetches the bytes of the columns asked for, and hardly more, whatever the store."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from synthetic import SyntheticSource, small_config

import fimad
from fimad.dataset.packing.pack import pack
from fimad.errors import FimadError
from fimad.report.single import one_clip
from fimad.report.sources import DatasetRows
from fimad.storage.store import FsspecStore, open_store

WRIST: dict[str, Any] = {"placements": ["left_wrist"], "length_s": 4.0}
COLUMNS = ["clip_id", "label", "title", "split", "start_s", "end_s", "imu_time_s"]
COLUMNS += ["left_wrist_acc_m_s2", "left_wrist_gyro_rad_s", "left_wrist_valid"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remote") / "dataset"
    placements = ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "chest", "pelvis")
    # A footer of 74 kB stands for all columns; real shards are ten times this size.
    config = small_config(placements, shard_bytes=12_000_000)
    pack(SyntheticSource(24, config, clip_s=20.0), config, open_store(str(folder)))
    return folder


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[str]:
    """The folder behind an HTTP server that knows ranges."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            if wanted is None:
                super().do_GET()
                return
            data = Path(self.translate_path(self.path)).read_bytes()
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            part = data[int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def place(request: pytest.FixtureRequest, folder: Path) -> str:
    kind = request.param
    if kind == "http":
        url: str = request.getfixturevalue("web")
        return url
    url = f"{request.getfixturevalue('s3')}/bytes" if kind == "s3" else "memory://bytes"
    system, path = fsspec.url_to_fs(url)
    if not system.exists(f"{path}/manifest.json"):
        system.put(str(folder), path, recursive=True)
    return url


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all ranges that are asked for."""
    lengths: list[int] = []
    plain = FsspecStore.read_ranges

    def counted(self: FsspecStore, name: str, ranges: Any, size_bytes: int) -> list[bytes]:
        lengths.extend(end - first for first, end in ranges)
        return plain(self, name, ranges, size_bytes)

    monkeypatch.setattr(FsspecStore, "read_ranges", counted)
    return lengths


def own_bytes(folder: Path, columns: list[str]) -> int:
    """The chunks of some columns, compressed as they are."""
    total = 0
    for path in (folder / "data").iterdir():
        about = pq.read_metadata(path)
        for group in range(about.num_row_groups):
            chunks = [about.row_group(group).column(number) for number in range(about.num_columns)]
            total += sum(c.total_compressed_size for c in chunks if c.path_in_schema.partition(".")[0] in columns)
    return total


STORES = pytest.mark.parametrize("place", ["memory", "s3", "http"], indirect=True)
USES: dict[str, Callable[[fimad.Dataset], Any]] = {
    "windows": lambda dataset: list(dataset.windows(**WRIST)),
    "to_arrays": lambda dataset: dataset.to_arrays(**WRIST),
    "clips": lambda dataset: list(dataset.clips(COLUMNS)),
    "table": lambda dataset: dataset.table(COLUMNS),
    "arrow": lambda dataset: dataset.arrow().to_table(columns=COLUMNS),
    "arrow, filtered": lambda dataset: dataset.arrow().to_table(columns=COLUMNS, filter=pc.field("imu_quality") > 0.1),
    "selection": lambda dataset: list(dataset.select(label="squats", min_quality=0.1).windows(**WRIST)),
}


@STORES
@pytest.mark.parametrize("use", USES)
def test_only_the_columns_own_bytes(place: str, folder: Path, fetched: list[int], use: str) -> None:
    USES[use](fimad.open_dataset(place))
    everything = sum(path.stat().st_size for path in (folder / "data").iterdir())
    assert sum(fetched) <= 1.5 * own_bytes(folder, [*COLUMNS, "imu_quality"]) < everything / 4


@STORES
def test_of_one_clip_hardly_more_than_its_row_group(place: str, folder: Path, fetched: list[int]) -> None:
    clip, columns = "video000007___1", ["imu_time_s", "left_wrist_acc_m_s2"]
    entry = next(each for each in fimad.open_dataset(folder).manifest["shards"] if "video000007" in each["videos"])
    about = pq.read_metadata(folder / entry["name"])
    footer, ids = about.serialized_size + 16_384, 1.5 * own_bytes(folder, ["clip_id"])
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    chunks = [[group.column(number) for number in range(group.num_columns)] for group in groups]
    own = max(
        sum(c.total_compressed_size for c in each if c.path_in_schema.split(".")[0] in columns) for each in chunks
    )
    dataset = fimad.open_dataset(place)
    fetched.clear()
    dataset.clip(clip, columns)
    assert sum(fetched) <= 1.5 * own + footer + ids
    fetched.clear()
    # What `fimad view` reads: all columns, and of them nothing of other row groups.
    one_clip(DatasetRows(place), clip)
    whole = max(sum(c.total_compressed_size for c in each) for each in chunks)
    assert whole < sum(fetched) <= 1.1 * whole + footer + ids < entry["bytes"]


@STORES
def test_the_index_and_an_epoch(place: str, folder: Path, fetched: list[int]) -> None:
    dataset = fimad.open_dataset(place)
    index = dataset.index()
    # Footers are most of it.
    footers = [pq.read_metadata(path).serialized_size + 16_384 for path in (folder / "data").iterdir()]
    assert sum(fetched) <= 1.5 * sum(footers)
    fetched.clear()
    windows = dataset.to_torch(**WRIST)
    assert len(list(windows)) == len(windows) > 0
    planned = own_bytes(folder, ["start_s", "end_s", "imu_time_s", "left_wrist_valid"])
    assert sum(fetched) <= 1.5 * own_bytes(folder, COLUMNS) + 1.5 * planned
    assert index.num_rows == 48


@STORES
def test_what_is_read_is_what_the_folder_holds(place: str, folder: Path) -> None:
    here, there = fimad.open_dataset(folder), fimad.open_dataset(place)
    assert there.table([*COLUMNS[:7], COLUMNS[-1]]).equals(here.table([*COLUMNS[:7], COLUMNS[-1]]))
    assert len(there.select(label="squats")) == len(here.select(label="squats"))
    np.testing.assert_array_equal(there.to_arrays(**WRIST).X, here.to_arrays(**WRIST).X)
    assert there.arrow().count_rows() == 48
    assert there.arrow().to_table(columns=COLUMNS[:7]).equals(here.arrow().to_table(columns=COLUMNS[:7]))
    clip = "video000007___1"
    np.testing.assert_array_equal(there.clip(clip)["pose_world_m"], here.clip(clip)["pose_world_m"])


@STORES
def test_many_threads_read_at_once(place: str, folder: Path) -> None:
    dataset = fimad.open_dataset(place)
    expected = fimad.open_dataset(folder).to_arrays(**WRIST).X
    with ThreadPoolExecutor(4) as pool:
        for each in pool.map(lambda _: dataset.to_arrays(**WRIST).X, range(8)):
            np.testing.assert_array_equal(each, expected)


@pytest.mark.parametrize("place", ["s3", "http"], indirect=True)
def test_forked_workers_open_their_own_connections(place: str) -> None:
    pytest.importorskip("torch")
    windows = fimad.open_dataset(place).to_torch(**WRIST)
    loader = windows.loader(batch_size=8, num_workers=2, multiprocessing_context="fork", timeout=60)
    assert sum(len(batch["clip_id"]) for batch in loader) == len(windows)


def test_a_local_cache_is_asked_first_and_never_stale(folder: Path, tmp_path: Path, fetched: list[int]) -> None:
    system = fsspec.filesystem("memory")
    system.put(str(folder), "/kept", recursive=True)
    first = fimad.open_dataset("memory://kept", cache=tmp_path).to_arrays(**WRIST)
    assert fetched
    fetched.clear()
    again = fimad.open_dataset("memory://kept", cache=tmp_path).to_arrays(**WRIST)
    assert not fetched
    np.testing.assert_array_equal(first.X, again.X)
    light = fimad.open_dataset("memory://kept", cache=tmp_path).arrow().to_table(columns=COLUMNS[:6])
    fetched.clear()
    assert fimad.open_dataset("memory://kept", cache=tmp_path).arrow().to_table(columns=COLUMNS[:6]).equals(light)
    assert not fetched
    # Another dataset under the same address, with shards of the same names.
    other = tmp_path / "other"
    config = small_config(("left_wrist",))
    pack(SyntheticSource(3, config, first=50), config, open_store(str(other)))
    system.rm("/kept", recursive=True)
    system.put(str(other), "/kept", recursive=True)
    assert set(fimad.open_dataset("memory://kept", cache=tmp_path).to_arrays(**WRIST).clip_ids) == {
        f"video0000{number}___{index}" for number in (50, 51, 52) for index in (0, 1)
    }
    # What was cut off on the disk is fetched again.
    fetched.clear()
    for path in tmp_path.rglob("*-*"):
        if path.is_file() and path.parent.parent == tmp_path:
            os.truncate(path, 3)
    fimad.open_dataset("memory://kept", cache=tmp_path).to_arrays(**WRIST)
    assert fetched


def test_a_shard_that_is_not_as_long_as_the_manifest_says_is_refused(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("fimad.storage.store._TRIES", 1)
    system = fsspec.filesystem("memory")
    system.put(str(folder), "/short", recursive=True)
    for path in system.ls("/short/data", detail=False):
        system.pipe_file(path, system.cat_file(path)[:1000])
    with pytest.raises(FimadError):
        fimad.open_dataset("memory://short").to_arrays(**WRIST)
