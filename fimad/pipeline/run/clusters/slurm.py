"""A cluster from a batch system: `fimad build --slurm partition=cpu --slurm time=04:00:00 --slurm jobs=64`.

The driver starts a Dask scheduler beside itself and submits one job array whose tasks are workers. All that they say to each other
is encrypted and signed with a key made for this build, so that nobody else on the nodes can use the port. The array is
cancelled, and the scheduler ended, when the build ends, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from fimad.config import RunConfig
from fimad.errors import ConfigError, SetupError

# Options that are ours; all others are sbatch's own, as --NAME=VALUE.
_OWN = {"jobs": "8", "rounds": "1", "cores": "1"}
_NAME = re.compile(r"[a-z][a-z0-9-]*")
# Workers end by themselves this share of the wall time before the batch system ends them, and not all at once.
_LIFETIME, _STAGGER = 0.85, 0.1
_START_S = 60.0
# A worker whose driver is gone ends after this.
_DEATH_S = 120


class SlurmCluster:
    """A scheduler of this build, and an array of worker jobs.

    Parameters
    ----------
    run : `run.slurm`: ``jobs`` at once, ``rounds`` of them one after the other, ``cores`` (workers) of each, and sbatch's options;
        with ``time`` workers leave before it is over.
    place : a folder that all nodes see, for the key and the jobs' output.
    """

    def __init__(self, run: RunConfig, place: Path) -> None:
        from distributed.security import Security

        own = {name: _number(name, run.slurm.get(name, default)) for name, default in _OWN.items()}
        options = {name: value for name, value in run.slurm.items() if name not in _OWN}
        self._folder = place / f"slurm-{uuid.uuid4().hex[:12]}"
        self._folder.mkdir(mode=0o700, parents=True)
        self._job = ""
        self._scheduler: subprocess.Popen[bytes] | None = None
        try:
            self.security = Security.temporary()
            tls = self._write_keys(self.security)
            self.address = self._start_scheduler(tls)
            self._job = self._submit(options, own, run.downloads, tls)
        except BaseException:
            self.close()
            raise

    def _write_keys(self, security: Any) -> list[str]:
        arguments = []
        for name, text in (
            ("ca-file", security.tls_ca_file),
            ("cert", security.tls_worker_cert),
            ("key", security.tls_worker_key),
        ):
            path = self._folder / name
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            arguments += [f"--tls-{name}", str(path)]
        return arguments

    def _start_scheduler(self, tls: list[str]) -> str:
        where = self._folder / "scheduler.json"
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--protocol", "tls", "--port", "0"]
        command += ["--scheduler-file", str(where), "--no-dashboard", *tls]
        with (self._folder / "scheduler.log").open("wb") as log:
            # It ends when the pipe that it is started with closes: with this process, whatever ends that.
            self._scheduler = subprocess.Popen(
                ["sh", "-c", '"$@" & child=$!; cat > /dev/null; kill $child', "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + _START_S
        while (address := _address(where)) is None:
            if time.monotonic() > end or self._scheduler.poll() is not None:
                raise SetupError(
                    "Dask's scheduler did not start.",
                    "This machine allows no more processes, or no listening ports.",
                    f"It said: {(self._folder / 'scheduler.log').read_text(errors='replace')[-500:]}",
                    reason="no_scheduler",
                )
            time.sleep(0.05)
        return address

    def _submit(self, options: dict[str, str], own: dict[str, int], downloads: int, tls: list[str]) -> str:
        worker = [sys.executable, "-m", "distributed.cli.dask_worker"]
        worker += ["--scheduler-file", str(self._folder / "scheduler.json"), *tls]
        worker += ["--nworkers", str(own["cores"]), "--nthreads", str(1 + downloads), "--no-dashboard"]
        worker += ["--resources", f"cpu=1,network={downloads}", "--death-timeout", str(_DEATH_S)]
        if "time" in options:
            wall_s = wall_time_s(options["time"])
            worker += ["--lifetime", f"{wall_s * _LIFETIME:.0f}s", "--lifetime-stagger", f"{wall_s * _STAGGER:.0f}s"]
        script = self._folder / "worker.sh"
        script.write_text(f"#!/bin/sh\nexec {shlex.join(worker)}\n")
        count = own["jobs"] * own["rounds"]
        command = ["sbatch", "--parsable", f"--array=0-{count - 1}%{own['jobs']}", "--job-name=fimad"]
        command += [f"--cpus-per-task={own['cores']}", f"--output={self._folder}/%a.log"]
        command += [f"--{name}={value}" for name, value in sorted(options.items())]
        try:
            done = subprocess.run(
                [*command, str(script)], capture_output=True, text=True, check=False, timeout=_START_S
            )
        except FileNotFoundError as error:
            raise SetupError(
                "There is no sbatch on this machine.",
                "It is no login node of a Slurm cluster, or Slurm's programs are not on the PATH.",
                "Run the build where `sbatch` works, or without --slurm.",
                reason="no_slurm",
            ) from error
        if done.returncode:
            raise SetupError(
                f"sbatch refused the job: {done.stderr.strip()[:500]}",
                "A partition, account or limit is not what this cluster has.",
                "Options of --slurm go to sbatch as they are: --slurm partition=NAME --slurm account=NAME",
                reason="no_slurm",
            )
        return done.stdout.strip().partition(";")[0]

    def close(self) -> None:
        """Cancel the jobs, end the scheduler, delete the key."""
        if self._job:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(["scancel", self._job], capture_output=True, check=False, timeout=_START_S)
        if self._scheduler is not None:
            assert self._scheduler.stdin is not None  # noqa: S101  (asked for)
            self._scheduler.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._scheduler.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)


def wall_time_s(text: str) -> float:
    """Seconds of a Slurm time: minutes, MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS.

    >>> wall_time_s("04:00:00"), wall_time_s("90"), wall_time_s("1-12")
    (14400.0, 5400.0, 129600.0)
    """
    days, dash, rest = text.rpartition("-")
    parts = rest.split(":")
    if not all(part.isdigit() for part in (*parts, *((days,) if dash else ()))) or len(parts) > 3:
        raise ConfigError(
            f"--slurm time={text} is no time.", "Slurm's form is HH:MM:SS.", "As in --slurm time=04:00:00"
        )
    numbers = [float(part) for part in parts]
    if dash:
        hours, minutes, seconds = (*numbers, 0.0, 0.0)[:3]
        return float(days) * 86400 + hours * 3600 + minutes * 60 + seconds
    if len(numbers) == 1:
        return numbers[0] * 60
    hours, minutes, seconds = (0.0, *numbers)[-3:]
    return hours * 3600 + minutes * 60 + seconds


def slurm_options(values: list[str]) -> dict[str, str]:
    """``NAME=VALUE`` of the command line; raises `ConfigError`."""
    found = {}
    for each in values:
        name, separator, value = each.partition("=")
        if not separator or not _NAME.fullmatch(name) or not value.isprintable():
            raise ConfigError(
                f"--slurm {each!r} is not of the form NAME=VALUE.",
                "The equals sign is missing, or the name is not one of sbatch's long options.",
                "As in --slurm partition=cpu --slurm time=04:00:00 --slurm jobs=64",
            )
        found[name] = value
    return found


def _number(name: str, text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(
            f"--slurm {name}={text} is no number from 1 up.", "It was misspelt.", f"As in --slurm {name}=8"
        )
    return int(text)


def _address(scheduler_file: Path) -> str | None:
    """What a scheduler's file says; None as long as it isn't there, or only begun: Dask writes it in place."""
    try:
        return str(json.loads(scheduler_file.read_text())["address"])
    except (FileNotFoundError, ValueError):
        return None
