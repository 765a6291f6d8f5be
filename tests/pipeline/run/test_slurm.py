"""A build through a batch system; sbatch and scancel are stand-ins that start and end real workers."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import runner_fakes as fakes
from test_build import go, make_config

from fimad.errors import ConfigError, SetupError
from fimad.pipeline.run.clusters.slurm import SlurmCluster, _address, slurm_options, wall_time_s

SBATCH = """#!{python}
import re, subprocess, sys
from pathlib import Path
here = Path(__file__).parent
(here / "called").write_text("\\n".join(sys.argv[1:]))
first, last = map(int, re.search(r"--array=(\\d+)-(\\d+)", " ".join(sys.argv)).groups())
if any("partition=none" in each for each in sys.argv):
    sys.exit("sbatch: error: invalid partition specified: none")
with (here / "pids").open("a") as pids:
    for at in range(first, last + 1):
        process = subprocess.Popen(["sh", sys.argv[-1]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        print(process.pid, file=pids)
print("4711")
"""
SCANCEL = """#!{python}
import os, signal, sys
from pathlib import Path
here = Path(__file__).parent
(here / "cancelled").write_text(" ".join(sys.argv[1:]))
for pid in map(int, (here / "pids").read_text().split()):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(text.replace("{python}", sys.executable))
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def _runs(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_build_submits_workers_and_cancels_them(tmp_path: Path, slurm: Path) -> None:
    options = {"partition": "cpu", "time": "04:00:00", "jobs": "2"}
    config = make_config(tmp_path, run={"slurm": options})
    fakes.corpus(config, *["ok"] * 6)
    summary = go(config)
    assert summary.exit_code == 0, summary.error
    assert summary.stages["simulate"]["done"] == 6
    asked = (slurm / "called").read_text().splitlines()
    assert {"--array=0-1%2", "--partition=cpu", "--time=04:00:00"} <= set(asked)
    assert (slurm / "cancelled").read_text() == "4711"
    pids = [int(pid) for pid in (slurm / "pids").read_text().split()]
    assert len(pids) == 2
    # A kill is asked for, and carried out when the process is next on a core.
    end = time.monotonic() + 30
    while any(map(_runs, pids)):
        assert time.monotonic() < end, "workers run on"
        time.sleep(0.02)
    # Neither the key nor anything else is left.
    assert not list((tmp_path / "ws" / "tmp").iterdir())


def test_the_key_is_nobody_elses_and_without_it_nobody_gets_in(tmp_path: Path, slurm: Path) -> None:
    from distributed import Client

    cluster = SlurmCluster(make_config(tmp_path, run={"slurm": {"jobs": "1", "time": "60"}}).run, tmp_path / "shared")
    try:
        (folder,) = (tmp_path / "shared").iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
        assert "--lifetime 3060s" in (folder / "worker.sh").read_text()
        assert cluster.address.startswith("tls://")
        with pytest.raises((OSError, TimeoutError, TypeError, ValueError)):
            Client(cluster.address, timeout=3)
        scheduler = cluster._scheduler
    finally:
        cluster.close()
    assert scheduler is not None
    assert scheduler.poll() is not None
    assert not list((tmp_path / "shared").iterdir())


@pytest.mark.parametrize(("said", "address"), [(None, None), ("", None), ('{"addr', None), ('{"address": "tls://a:1"}', "tls://a:1")])  # fmt: skip
def test_a_schedulers_file_is_read_when_it_is_whole(tmp_path: Path, said: str | None, address: str | None) -> None:
    if said is not None:
        (tmp_path / "scheduler.json").write_text(said)
    assert _address(tmp_path / "scheduler.json") == address


def test_what_slurm_refuses_is_said(tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_config(tmp_path, run={"slurm": {"partition": "none"}}).run
    with pytest.raises(SetupError, match="invalid partition"):
        SlurmCluster(run, tmp_path / "shared")
    assert not list((tmp_path / "shared").iterdir())
    (slurm / "sbatch").unlink()
    if subprocess.run(["which", "sbatch"], capture_output=True, check=False).returncode:
        with pytest.raises(SetupError, match="no sbatch"):
            SlurmCluster(run, tmp_path / "shared")


@pytest.mark.parametrize("text", ["partition", "Partition=x", "a=b\nc", "--x=1"])
def test_wrong_options_are_said(text: str) -> None:
    with pytest.raises(ConfigError):
        slurm_options([text])


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 5400), ("10:30", 630), ("04:00:00", 14400), ("1-12", 129600), ("1-00:30", 88200)]
)
def test_wall_times(text: str, seconds: float) -> None:
    assert wall_time_s(text) == seconds
    with pytest.raises(ConfigError):
        wall_time_s(f"{text}x")
