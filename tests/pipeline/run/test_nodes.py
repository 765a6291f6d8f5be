"""A cluster of separate processes, some of which can't do anything: the run goes on without them, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import runner_fakes as fakes
from test_build import go, make_config
from test_cluster import free_port

from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import StageResult

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Nodes:
    """A scheduler, and workers each with a view of the file system of its own."""

    def __init__(self) -> None:
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        command = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
        self.processes = [subprocess.Popen([sys.executable, *command, "--no-dashboard"], **QUIET)]

    def add(self, mount: str = "", *options: str) -> subprocess.Popen[bytes]:
        """Start a worker; `mount` is a shell command in its own mount namespace."""
        command = [sys.executable, "-m", "distributed.cli.dask_worker", self.address, "--host", "127.0.0.1"]
        command += ["--nthreads", "2", "--resources", "cpu=1,network=1", "--no-dashboard", "--no-nanny", *options]
        if mount:
            if subprocess.run(["unshare", "-rm", "true"], check=False, **QUIET).returncode:
                pytest.skip("this machine allows no mount namespaces")
            command = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]
        self.processes.append(subprocess.Popen(command, **QUIET))
        return self.processes[-1]

    def close(self) -> None:
        for process in reversed(self.processes):
            for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
                child.kill()
            process.kill()
        for process in self.processes:
            process.wait()


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    monkeypatch.setenv("FIMAD_TEST_TALLY", str(tmp_path / "tally"))
    (tmp_path / "tally").mkdir()
    made = Nodes()
    yield made
    made.close()


class Notes(Observer):
    """Keeps what a user is told, and adds a worker once the first video is through."""

    def __init__(self, nodes: Nodes | None = None, mount: str = "") -> None:
        self.said: list[str] = []
        self._nodes, self._mount = nodes, mount

    def note(self, message: str) -> None:
        self.said.append(message)

    def result(self, video_id: str, result: StageResult) -> None:
        if self._nodes is not None:
            self._nodes.add(self._mount)
            # On a busy machine a worker takes longer to start than all of the videos.
            _wait_for_workers(self._nodes.address, 2)
            self._nodes = None


def test_nodes_that_can_do_nothing_are_left_out_and_the_run_goes_on(tmp_path: Path, nodes: Nodes) -> None:
    config = make_config(tmp_path, run={"scheduler": nodes.address})
    fakes.corpus(config, *["slow:0.1@pose"] * 8)
    nodes.add()
    nodes.add(f"mount -t tmpfs none {config.workspace}")
    nodes.add(f"mount --bind {config.workspace} {config.workspace} && mount -o remount,bind,ro {config.workspace}")
    _wait_for_workers(nodes.address, 3)
    notes = Notes()
    summary = go(config, show=notes)
    assert summary.exit_code == 0, summary.error
    assert summary.stages["simulate"]["done"] == 8
    said = "\n".join(notes.said)
    assert said.count("gets no tasks") == 2
    assert "is not the driver's" in said
    assert "can't be written" in said
    # Both are offered to others as before.
    from distributed import Client

    with Client(nodes.address, set_as_default=False) as client:
        offered = [each["resources"] for each in client.scheduler_info(n_workers=-1)["workers"].values()]
    assert offered == [{"cpu": 1, "network": 1}] * 3


def test_a_cluster_of_private_folders_is_refused(tmp_path: Path, nodes: Nodes) -> None:
    """All stages were done, the exit code 0, and not one artifact on the driver's side."""
    config = make_config(tmp_path, run={"scheduler": nodes.address})
    workspace = fakes.corpus(config, "ok")
    nodes.add(f"mount -t tmpfs none {config.workspace}")
    summary = go(config)
    assert summary.exit_code == 3
    assert summary.error is not None
    assert summary.error.reason == "not_shared"
    assert not workspace.keys()


def test_preflight_names_the_missing_resource(tmp_path: Path, nodes: Nodes) -> None:
    config = make_config(tmp_path, run={"scheduler": nodes.address})
    fakes.corpus(config, "ok")
    nodes.add("", "--resources", "cpu=1")
    summary = go(config)
    assert summary.exit_code == 3
    assert summary.error is not None
    assert "network" in summary.error.what
    assert "--resources" in summary.error.fix


def test_a_bad_node_that_joins_late_gets_no_more_tasks(tmp_path: Path, nodes: Nodes) -> None:
    """It once ended the run, though the first worker was in good health."""
    config = make_config(tmp_path, run={"scheduler": nodes.address})
    workspace = fakes.corpus(config, *["slow:0.4@pose"] * 24)
    nodes.add()
    here = config.workspace
    notes = Notes(nodes, f"mount --bind {here} {here} && mount -o remount,bind,ro {here}")
    summary = go(config, show=notes)
    assert summary.exit_code == 0, summary.error
    assert summary.stages["simulate"]["done"] == 24
    assert any("gets no more tasks" in line for line in notes.said)
    assert not summary.failures
    diaries = Path(workspace.url, "runs").glob("*.jsonl")
    diary = [json.loads(line) for path in diaries for line in path.read_text(encoding="utf-8").splitlines()]
    assert [each for each in diary if each.get("event") == "excluded"]


def test_a_node_that_leaves_at_the_end_of_its_lifetime_loses_nothing(tmp_path: Path, nodes: Nodes) -> None:
    config = make_config(tmp_path, run={"scheduler": nodes.address})
    workspace = fakes.corpus(config, *["slow:0.3@pose"] * 20)
    nodes.add()
    nodes.add("", "--lifetime", "6s")
    summary = go(config)
    assert summary.exit_code == 0
    assert summary.stages["simulate"]["done"] == 20
    assert len(fakes.runs(Workspace(workspace.url), "pose")) in (0, 20)


def test_a_node_whose_disk_is_full_is_left_out_and_blames_no_video(tmp_path: Path, nodes: Nodes, s3: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    config = make_config(
        tmp_path, workspace=f"{s3}/full-disk", run={"scheduler": nodes.address, "scratch": str(scratch)}
    )
    workspace = fakes.corpus(config, *["big:60000"] * 12)
    nodes.add()
    nodes.add(f"mount -t tmpfs -o size=32k none {scratch}")
    _wait_for_workers(nodes.address, 2)
    notes = Notes()
    summary = go(config, show=notes)
    assert summary.exit_code == 0, summary.error
    assert summary.stages["simulate"]["done"] == 12
    assert not summary.failures
    assert any("gets no more tasks" in line and "full" in line for line in notes.said)
    assert not [name for name, _ in workspace.store.sizes("stages") if name.endswith(".json")]


def _wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    end = time.monotonic() + 60
    with Client(address, set_as_default=False, timeout=30) as client:
        while len(client.scheduler_info(n_workers=-1)["workers"]) < count:
            assert time.monotonic() < end
            time.sleep(0.1)
