"""Real worker processes: crashes, hangs and memory cost one item, and the result is that of one process."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import runner_fakes as fakes
from distributed import Client
from test_build import go, make_config

from fimad.pipeline.build import run_spec
from fimad.pipeline.run.clusters.cluster import DaskExecutor, _Handed
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.run.sandbox import Sandbox
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.state import runlog
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import Outcome, Task

HOSTILE = (
    "ok",
    "segfault@pose",
    "crash_once@transcribe",
    "hang@pose",
    "swell@download",
    "exit@simulate",
    "filtered@segment",
    "flaky:2@download",
    "ok",
)


@pytest.fixture(autouse=True)
def tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIMAD_TEST_TALLY", str(tmp_path / "tally"))


def artifacts(workspace: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(workspace)): path.read_bytes()
        for path in sorted((workspace / "stages").rglob("*"))
        if path.is_file() and not path.name.endswith(".failed.json")
    }


def test_bad_items_cost_themselves_alone(tmp_path: Path) -> None:
    config = make_config(tmp_path, run={"workers": 2, "deadline_s": 8.0, "memory_limit_bytes": 600 * 1024**2})
    workspace = fakes.corpus(config, *HOSTILE)
    summary = go(config)
    assert summary.stages["simulate"]["done"] == 4
    found = {}
    for at, (stage, reason) in {
        1: ("pose", "native_crash"),
        3: ("pose", "deadline"),
        4: ("download", "memory_limit"),
        5: ("simulate", "native_crash"),
    }.items():
        record = workspace.read_record(stage, summary.stages[stage]["key"], f"v{at:02d}")
        assert record is not None
        assert record.reason == reason
        assert any("about to" in line for line in record.log)
        found[at] = record
    assert found[1].signal == signal.SIGSEGV
    assert found[1].attempts == 2
    assert found[4].peak_bytes > 500 * 1024**2
    assert summary.failed == 4
    # Stages that do not rest on the one that crashed went on.
    assert workspace.exists("transcribe", summary.stages["transcribe"]["key"], "v01")
    assert not list((tmp_path / "ws" / "tmp").iterdir())


def test_what_a_library_leaks_is_not_the_next_videos_fault(tmp_path: Path) -> None:
    config = make_config(tmp_path, run={"workers": 1, "memory_limit_bytes": 600 * 1024**2})
    fakes.corpus(config, *["leak:60@pose"] * 14)
    summary = go(config)
    assert (summary.failures, summary.exit_code) == ([], 0)
    assert summary.stages["pose"]["done"] == 14


@pytest.mark.parametrize(("each_mb", "same"), [(5, True), (150, False)])
def test_a_child_is_replaced_only_where_it_has_grown(tmp_path: Path, each_mb: int, same: bool) -> None:
    config = make_config(tmp_path, run={"memory_limit_bytes": 800 * 1024**2})
    fakes.corpus(config, "ok")
    go(config)
    workspace = Workspace(config.workspace)
    sandbox = Sandbox(run_spec(workspace, config, plan_stages(config, fakes.PATHS)), "cpu")
    pids = []
    try:
        for number in range(4):
            (outcome,) = sandbox.run([Task(f"w{number:02d}", "url", f"leak:{each_mb}@download", ("download",), "cpu")])
            assert [result.end for result in outcome.results] == ["done"]
            pids.append(sandbox.pid)
    finally:
        sandbox.close()
    assert (len(set(pids)) == 1) == same


def test_workers_give_what_one_process_gives(tmp_path: Path) -> None:
    for name, workers in (("a", 0), ("b", 2)):
        config = make_config(tmp_path / name, run={"workers": workers})
        fakes.corpus(config, *["ok", "filtered@segment", "flaky@download"] * 4)
        assert go(config).exit_code == 0
    assert artifacts(tmp_path / "a" / "ws").keys() == artifacts(tmp_path / "b" / "ws").keys()
    for name, data in artifacts(tmp_path / "a" / "ws").items():
        if name.endswith(".parquet"):
            assert artifacts(tmp_path / "b" / "ws")[name] == data


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A scheduler and two workers, each a process of its own."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    processes = [subprocess.Popen([*command, "--no-dashboard"], **quiet)]
    for _ in range(2):
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--host", "127.0.0.1"]
        command += ["--nthreads", "2", "--resources", "cpu=1,network=1", "--no-dashboard"]
        processes.append(subprocess.Popen(command, **quiet))
    yield address
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            # Dask's own orderly end takes longer on a busy machine; nothing is measured any more.
            process.kill()


def test_a_running_cluster_gives_the_same_with_a_worker_killed_midway(tmp_path: Path, cluster: str) -> None:
    videos = ["ok", "slow:0.3@pose", "kill_worker@transcribe", "slow:0.3@download"] * 3
    for name, run in (("a", {"workers": 0}), ("b", {"scheduler": cluster})):
        config = make_config(tmp_path / name, run=run)
        fakes.corpus(config, *[each if run.get("scheduler") else "ok" for each in videos])
        summary = go(config)
        assert summary.exit_code == 0, summary
    one, many = (artifacts(tmp_path / name / "ws") for name in "ab")
    assert one == many


def test_a_worker_that_joins_between_two_looks_offers_what_it_has(
    tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was killed comes again just then: the run ended because no worker offered anything."""
    config = make_config(tmp_path, run={"scheduler": cluster})
    spec = run_spec(fakes.corpus(config, "ok"), config, plan_stages(config, fakes.PATHS))
    with Client(cluster, set_as_default=False, timeout=30) as client:
        client.wait_for_workers(1, timeout=60)
    looked: list[int] = []
    workers = DaskExecutor._workers

    def joining(self: DaskExecutor) -> dict[str, Any]:
        looked.append(len(looked))
        return workers(self) if len(looked) > 1 else {}

    monkeypatch.setattr(DaskExecutor, "_workers", joining)
    executor = DaskExecutor(spec, config.run, ["cpu", "network"], Observer())
    try:
        assert all(executor.lanes.values())
    finally:
        executor.close()


def hand_over(executor: DaskExecutor, tasks: list[Task]) -> list[Outcome]:
    """Their outcomes, in any order."""
    executor.submit(tasks)
    outcomes: list[Outcome] = []
    until = time.monotonic() + 60
    while len(outcomes) < len(tasks) and time.monotonic() < until:
        outcomes += executor.wait(1.0)
    return outcomes


@pytest.mark.parametrize("killer", [0, 1, 3])
def test_of_tasks_that_were_lost_together_none_is_known_to_be_the_cause(
    tmp_path: Path, cluster: str, killer: int
) -> None:
    config = make_config(tmp_path, run={"scheduler": cluster})
    locations = ["kill_worker:2@download" if at == killer else "ok" for at in range(4)]
    workspace = fakes.corpus(config, *locations)
    tasks = [Task(f"v{at:02d}", "url", where, ("download",), "network") for at, where in enumerate(locations)]
    spec = run_spec(workspace, config, plan_stages(config, fakes.PATHS))
    executor = DaskExecutor(spec, config.run, ["network"], Observer())
    try:
        together = hand_over(executor, tasks)
        (alone,) = hand_over(executor, [tasks[killer]])
    finally:
        executor.close()
    assert sorted(outcome.task.video_id for outcome in together) == [task.video_id for task in tasks]
    lost = [outcome for outcome in together if outcome.lost]
    # What was done before it may have been told of, or not.
    assert {outcome.task for outcome in lost} >= set(tasks[killer:])
    assert all(outcome.begun for outcome in lost)
    assert {outcome.alone for outcome in lost} == {len(lost) == 1}
    assert (bool(alone.lost), alone.begun, alone.alone) == (True, True, True)


def test_who_was_handed_over_beside_a_killer_does_not_fail_with_it(tmp_path: Path, cluster: str) -> None:
    """Short tasks go to a worker many at a time: with one try each, all of them failed with the one that took it down."""
    videos = [*["ok"] * 40, "kill_worker:9@transcribe", *["ok"] * 4]
    # Downloads are done before, so that each worker has one lane: what runs on another is lost with it, too.
    before = make_config(tmp_path, run={"workers": 0})
    fakes.corpus(before, *videos)
    assert go(before, "segment").exit_code == 0
    summary = go(make_config(tmp_path, run={"scheduler": cluster, "attempts": 1}))
    assert [(each.video_id, each.reason) for each in summary.failures] == [("v40", "worker_lost")]
    assert summary.stages["simulate"]["done"] == 44


def test_a_video_that_kills_workers_costs_no_more_than_its_tries(tmp_path: Path, cluster: str) -> None:
    """Dask's own setting let it kill three more each time: the driver's options never reached a scheduler elsewhere."""
    config = make_config(tmp_path, run={"scheduler": cluster})
    fakes.corpus(config, "ok", "kill_worker@pose", "kill_worker:9@pose", "ok")
    summary = go(config)
    assert [(each.video_id, each.reason, each.attempts) for each in summary.failures] == [("v02", "worker_lost", 3)]
    assert summary.stages["simulate"]["done"] == 3
    assert len((tmp_path / "ws" / "tally" / "v02.pose.tries").read_bytes()) == config.run.attempts


def test_no_scheduler_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    config = make_config(tmp_path, run={"scheduler": "tcp://127.0.0.1:1", "connect_s": 1.0})
    fakes.corpus(config, "ok")
    summary = go(config)
    assert summary.exit_code == 3
    assert summary.error is not None
    assert "dask scheduler" in summary.error.fix


DRIVER = """
import json, sys
sys.path[:0] = {paths!r}
import runner_fakes as fakes
from fimad.config import parse_config
from fimad.pipeline.build import build
if __name__ == "__main__":
    summary = build(parse_config(json.loads({config!r})), pack=False, stage_paths=fakes.PATHS)
    sys.exit(summary.exit_code)
"""


def driver(config_json: str) -> subprocess.Popen[bytes]:
    code = DRIVER.format(paths=[str(fakes.HERE)], config=config_json)
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stderr=subprocess.PIPE)


def wait_for(path: Path, pattern: str, count: int = 1) -> None:
    end = time.monotonic() + 60
    while len(list(path.glob(pattern))) < count:
        assert time.monotonic() < end, f"{pattern} did not appear"
        time.sleep(0.02)


def session_ends(pid: int) -> bool:
    """Whether soon no process of that process group is left (multiprocessing's resource tracker goes last)."""
    for _ in range(100):
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("workers", [0, 2])
def test_sigint_finishes_cleanly_and_the_next_run_resumes(tmp_path: Path, workers: int) -> None:
    config = make_config(tmp_path, run={"workers": workers})
    fakes.corpus(config, *["slow:0.2@pose"] * 30)
    process = driver(config.model_dump_json())
    wait_for(tmp_path, "tally/*.pose.runs")
    # As a terminal does it: to the whole process group.
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors.decode()
    assert session_ends(process.pid)
    workspace = Workspace(config.workspace)
    assert not list((tmp_path / "ws" / "tmp").iterdir()), errors.decode()
    assert b"Traceback" not in errors
    summary = go(config)
    assert summary.exit_code == 0
    before = summary.stages["pose"]["done_before"]
    assert 0 < before + summary.stages["pose"]["done"] == 30
    workspace.close()


def test_kills_leave_nothing_running_and_nothing_broken(tmp_path: Path) -> None:
    """The quick form of `python -m benchmarks.kills`."""
    config = make_config(tmp_path, run={"workers": 2})
    fakes.corpus(config, *["slow:0.2@pose"] * 24)
    dice = random.Random(7)
    for wanted in (3, 9):
        process = driver(config.model_dump_json())
        wait_for(tmp_path, "tally/*.pose.runs", wanted)
        time.sleep(dice.uniform(0, 0.3))
        if wanted == 9:
            # A worker or a child first: the run goes on, and then the driver.
            os.kill(dice.choice(psutil.Process(process.pid).children(recursive=True)).pid, signal.SIGKILL)
            wait_for(tmp_path, "tally/*.pose.runs", wanted + 3)
        process.kill()
        process.communicate(timeout=120)
    summary = go(config)
    assert summary.exit_code == 0
    assert not list((tmp_path / "ws" / "tmp").iterdir())
    reference = make_config(tmp_path / "reference")
    fakes.corpus(reference, *["slow:0@pose"] * 24)
    go(reference)
    one, many = (artifacts(each / "ws") for each in (tmp_path / "reference", tmp_path))
    assert one == many


def test_two_drivers_on_one_workspace_do_not_hurt_each_other(tmp_path: Path) -> None:
    videos = ["slow:0.05@pose", "flaky@download", "filtered@segment", "ok"] * 4
    config = make_config(tmp_path)
    fakes.corpus(config, *videos)
    both = [driver(config.model_dump_json()) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    assert not list((tmp_path / "ws" / "tmp").iterdir())
    reference = make_config(tmp_path / "reference")
    fakes.corpus(reference, *[each.replace("flaky@download", "ok") for each in videos])
    go(reference)
    one, many = (
        {name: data for name, data in artifacts(each / "ws").items() if not name.endswith(".json")}
        for each in (tmp_path / "reference", tmp_path)
    )
    assert one == many


def test_an_outcome_that_comes_twice_counts_once() -> None:
    """Dask repeats tasks of a lost worker that had sent outcomes already; the runner once took the second for another's."""
    tasks = {name: Task(name, "file", f"{name}.mp4", ("pose",), "cpu") for name in ("a", "b")}
    handed = _Handed(None, "cpu", {task.name: task for task in tasks.values()})
    first, second = (Outcome(tasks[name], ()) for name in tasks)
    assert handed.take([first]) == [first]
    assert handed.take([first, second]) == [second]
    assert not handed.tasks


def test_a_lane_is_free_when_dask_says_so() -> None:
    """Handed out a moment earlier, the next video was now and then queued behind a busy lane, with another one idle."""
    tasks = [Task(name, "file", f"{name}.mp4", ("pose",), "cpu") for name in ("a", "b")]
    executor = object.__new__(DaskExecutor)
    executor._handed = {1: _Handed(None, "cpu", {task.name: task for task in tasks})}
    executor._seconds = {}
    first, second = (Outcome(task, (), seconds=20.0) for task in tasks)
    assert executor._outcomes(1, [first]) == [first]
    assert executor._outcomes(1, [second]) == []
    assert executor._outcomes(1, [second]) == []
    assert executor._outcomes(1, SimpleNamespace(status="finished")) == [second]
    assert not executor._handed


@pytest.mark.parametrize("handed", [{}, {1: _Handed(None, "network", {})}])
def test_a_cluster_that_is_seen_without_a_worker_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, handed: dict[int, _Handed]
) -> None:
    """Its only worker came back in a moment, but with no task handed over nobody looked, and the build slept for ever."""
    executor = object.__new__(DaskExecutor)
    executor._resources, executor._handed, executor._excluded = ["cpu", "network"], handed, set()
    executor._client, executor._alone_since = SimpleNamespace(status="running"), None
    executor.lanes = {"cpu": 2, "network": 2}
    offers = {"a": {"resources": {"network": 1}}} if handed else {}
    monkeypatch.setattr(DaskExecutor, "_workers", lambda self: offers)
    executor._look()
    assert executor.lanes == {"cpu": 2, "network": 1 if handed else 2}


@pytest.mark.parametrize("broken", [False, True])
def test_a_child_loads_ahead_what_its_tasks_will_need_and_nothing_twice(tmp_path: Path, broken: bool) -> None:
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, "ok")
    paths = (*fakes.PATHS[:3], "runner_fakes:SlowToLoad", fakes.PATHS[4])
    plan = plan_stages(config, paths)
    loaded = tmp_path / "loaded"
    if broken:
        (tmp_path / "broken").touch()
    downloaded = go(config, "segment", paths=paths)
    assert downloaded.exit_code == 0
    spec = replace(run_spec(workspace, config, plan), warm=("download", "transcribe", "pose", "simulate"))
    sandbox = Sandbox(spec, "cpu")
    try:
        sandbox.start()
        until = time.monotonic() + 120
        while not (loaded.exists() and loaded.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
        assert loaded.read_text() == "."
        # The task comes while the model is still being loaded.
        outcome = next(iter(sandbox.run([Task("v00", "url", "ok", ("transcribe", "pose"), "cpu")])))
    finally:
        sandbox.close()
    ends = {result.stage: (result.end, result.reason) for result in outcome.results}
    assert ends["transcribe"] == ("done", "")
    assert ends["pose"] == (("failed", "broken") if broken else ("done", ""))
    assert loaded.read_text() == (".." if broken else ".")


def test_a_child_that_is_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    config = make_config(tmp_path, run={"workers": 1})
    fakes.corpus(config, "ok", "ok")
    ended: set[int] = set()

    def kill() -> None:
        while not ended:
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if "fimad.pipeline.run.child" in " ".join(process.cmdline()):
                        process.kill()
                        ended.add(process.pid)
            time.sleep(0.001)

    thread = threading.Thread(target=kill)
    thread.start()
    summary = go(config)
    thread.join()
    assert summary.exit_code == 0
    assert summary.stages["simulate"]["done"] == 2


def test_nothing_listens_while_a_local_build_runs(tmp_path: Path) -> None:
    """Dask's local cluster let anybody on the machine run code as its user."""
    config = make_config(tmp_path, run={"workers": 2})
    fakes.corpus(config, *["slow:0.5@pose"] * 4)
    process = driver(config.model_dump_json())
    wait_for(tmp_path, "tally/*.pose.runs")
    for each in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            assert [one for one in each.net_connections() if one.status == psutil.CONN_LISTEN] == []
            assert not any("distributed" in part for part in each.cmdline())
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


@pytest.mark.parametrize("on", ["local", "cluster"])
def test_long_tasks_go_to_workers_that_are_idle(tmp_path: Path, request: pytest.FixtureRequest, on: str) -> None:
    """While downloads went on, Dask once queued two long videos on one worker and left the other without any."""
    run = {"workers": 2} if on == "local" else {"scheduler": request.getfixturevalue("cluster")}
    config = make_config(tmp_path, run=run)
    workspace = fakes.corpus(config, *["slow:1.5@pose"] * 2)
    assert go(config).exit_code == 0
    done = [each for each in runlog.entries(workspace) if each.get("stage") == "pose"]
    assert len({each["worker"] for each in done}) == 2


def test_a_child_keeps_its_memory_from_picture_to_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's workers have a variable that makes the C library give memory back at once, which costs a tenth of the speed."""
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    config = make_config(tmp_path)
    workspace = fakes.corpus(config, "ok")
    sandbox = Sandbox(run_spec(workspace, config, plan_stages(config, fakes.PATHS)))
    try:
        sandbox.start()
        environment = psutil.Process(sandbox.pid).environ()
    finally:
        sandbox.close()
    # Its own, with which memory stays from clip to clip, in place of what Dask set.
    assert int(environment["MALLOC_TRIM_THRESHOLD_"]) > 2**24
    assert environment["OMP_NUM_THREADS"] == "1"
