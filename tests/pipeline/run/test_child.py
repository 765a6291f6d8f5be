"""A child process and whoever started it: neither outlives the other, and nothing is left of them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import Pipe
from pathlib import Path

import psutil
import pytest

from fimad.config import Config
from fimad.errors import SetupError
from fimad.pipeline.run.executor import run_spec
from fimad.pipeline.run.sandbox import Sandbox
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import RunSpec
from tests.pipeline import runner_fakes as fakes

_ENDS_WITHIN_S = 30.0


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    config = Config.model_validate({"workspace": str(tmp_path / "workspace")})
    workspace = Workspace(config.workspace)
    made = run_spec(workspace, config, plan_stages(config, fakes.PATHS))
    workspace.close()
    return made


def _left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "workspace" / "tmp").glob("*")]


def _ended(process: psutil.Process) -> bool:
    """Whether a process ends soon; one that doesn't is ended."""
    gone, alive = psutil.wait_procs([process], timeout=_ENDS_WITHIN_S)
    for each in alive:
        each.kill()
    return bool(gone)


def test_a_child_whose_supervisor_goes_before_it_is_ready_leaves_nothing(tmp_path: Path, spec: RunSpec) -> None:
    """A driver that is killed while its children start: they live on until they answer, maybe through all of the next run."""
    ours, theirs = Pipe()
    with tempfile.TemporaryFile() as notes:
        descriptors = [theirs.fileno(), notes.fileno()]
        command = [sys.executable, "-m", "fimad.pipeline.run.child", *map(str, (*descriptors, os.getpid()))]
        process = subprocess.Popen(command, pass_fds=descriptors, stderr=subprocess.DEVNULL)
        theirs.close()
        ours.send((spec, "cpu"))
        ours.close()
        process.wait(_ENDS_WITHIN_S)
    assert _left(tmp_path) == []


_STARTER = """
import os, subprocess, sys
descriptors = [int(each) for each in sys.argv[1:]]
command = [sys.executable, "-m", "fimad.pipeline.run.child", *sys.argv[1:], str(os.getpid())]
print(subprocess.Popen(command, pass_fds=descriptors, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True).pid)
"""


def test_a_child_whose_parent_is_gone_before_it_looks_ends_by_itself(tmp_path: Path, spec: RunSpec) -> None:
    """Somebody else holds the pipe's other end: it stays open, and does not tell."""
    ours, theirs = Pipe()
    with tempfile.TemporaryFile() as notes:
        descriptors = [theirs.fileno(), notes.fileno()]
        command = [sys.executable, "-c", _STARTER, *map(str, descriptors)]
        said = subprocess.run(command, pass_fds=descriptors, capture_output=True, check=True, text=True).stdout
        child = psutil.Process(int(said))
        ours.send((spec, "cpu"))
        assert _ended(child)
    assert _left(tmp_path) == []


def test_a_closed_sandbox_starts_no_child(spec: RunSpec) -> None:
    sandbox = Sandbox(spec, "cpu")
    sandbox.close()
    with pytest.raises(SetupError, match="was ending"):
        sandbox.start()
    assert sandbox.pid == 0


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.2, 0.6])
def test_a_sandbox_that_is_closed_while_its_child_starts_leaves_none(
    tmp_path: Path, spec: RunSpec, after_s: float
) -> None:
    sandbox = Sandbox(spec, "cpu")

    def start() -> None:
        with contextlib.suppress(SetupError):
            sandbox.start()

    thread = threading.Thread(target=start)
    thread.start()
    time.sleep(after_s)
    sandbox.close()
    thread.join(_ENDS_WITHIN_S)
    assert not thread.is_alive()
    assert sandbox.pid == 0
    workspace = Workspace(spec.workspace)
    workspace.sweep()
    assert _left(tmp_path) == []


_LEAVES = """
import sys
from pathlib import Path
from fimad.storage import atomic
folder = Path(sys.argv[1]) / atomic.owner()
folder.mkdir(parents=True)
(folder / "half").write_bytes(b"written")
"""


def test_the_folder_of_a_process_that_is_over_goes_though_nobody_asked_how_it_ended(
    tmp_path: Path, spec: RunSpec
) -> None:
    """Orphans of a killed driver, in a container without an init process: they stay in the process table as zombies."""
    process = subprocess.Popen([sys.executable, "-c", _LEAVES, str(tmp_path / "workspace" / "tmp")])
    try:
        end = time.monotonic() + _ENDS_WITHIN_S
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
            time.sleep(0.02)
        assert len(_left(tmp_path)) == 1
        Workspace(spec.workspace).sweep()
        assert _left(tmp_path) == []
    finally:
        process.wait()


def test_the_folder_of_a_process_that_lives_stays(tmp_path: Path, spec: RunSpec) -> None:
    command = [
        sys.executable,
        "-c",
        _LEAVES + "print(flush=True); sys.stdin.read()",
        str(tmp_path / "workspace" / "tmp"),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        Workspace(spec.workspace).sweep()
        assert len(_left(tmp_path)) == 1
