"""Where bytes lie: a local folder or any fsspec store, behind the few operations that a workspace needs.

Names are relative, with forward slashes. On a local folder every write is a temporary file, fsync, rename, fsync of the
folder; on an object store it is one PUT (or one multipart upload, which appears when it is completed).
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fimad.errors import ConfigError, SetupError, TransientError
from fimad.storage import atomic

T = TypeVar("T")
# Tries of one operation on an object store, and the first wait between them.
_TRIES = 6
_WAIT_S = 0.2


class Store(ABC):
    """A flat name space of immutable files."""

    url: str
    local: Path | None = None

    @abstractmethod
    def folders(self, name: str) -> list[str]:
        """Names of the folders directly in a folder; empty if it does not exist."""

    @abstractmethod
    def files(self, name: str) -> list[str]:
        """Names of the files directly in a folder; empty if it does not exist."""

    @abstractmethod
    def sizes(self, name: str) -> Iterator[tuple[str, int]]:
        """Relative names and sizes of all files below a folder."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A whole file; `FileNotFoundError` if there is none."""

    @abstractmethod
    def read_range(self, name: str, first: int, end: int) -> bytes:
        """Bytes `first` to `end` (not included) of a file; `FileNotFoundError` if there is none."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Publish a whole file."""

    @abstractmethod
    def put(self, source: Path, name: str) -> None:
        """Publish a local file; it may be moved."""

    @abstractmethod
    def get(self, name: str, scratch: Path) -> Path:
        """A local path of the file: itself where it is local, else a copy in `scratch`."""

    def take(self, other: Store, name: str, target: str) -> None:
        """Publish a file of another store; it may be moved."""
        self.put(other.get(name, self.scratch_root()), target)

    def size(self, name: str) -> int:
        """Bytes of a file; 0 if there is none."""
        return next((size for _, size in self.sizes(name)), 0)

    @abstractmethod
    def exists(self, name: str) -> bool: ...

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a file if it is there."""

    @abstractmethod
    def delete_folder(self, name: str) -> None:
        """Remove a folder with all in it, if it is there."""

    @abstractmethod
    def scratch_root(self) -> Path:
        """Local folder for this process's temporary files, created; on the same file system where the store is local."""

    @abstractmethod
    def sweep(self) -> int:
        """Remove temporary files of processes that are gone; returns of how many."""

    @abstractmethod
    def tidy(self) -> None:
        """Remove this process's temporary files, and those of processes that are gone."""

    @abstractmethod
    def check_writable(self) -> None:
        """Write, read and delete a probe; raises `SetupError`."""


class LocalStore(Store):
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self.local = folder.absolute()
        self.url = str(self.local)
        self._root = str(self.local)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def folders(self, name: str) -> list[str]:
        return sorted(self._listed(name, os.DirEntry.is_dir))

    def files(self, name: str) -> list[str]:
        return self._listed(name, os.DirEntry.is_file)

    def _listed(self, name: str, wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
        try:
            with os.scandir(self._path(name)) as entries:
                return [entry.name for entry in entries if wanted(entry)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError as error:
            raise SetupError(
                f"The folder {self._path(name)} can't be read: {error.strerror}.",
                "Its permissions were changed, or it belongs to somebody else: what is in it is not known.",
                "Make it readable (`chmod -R u+rwX` of the folder, or ask its owner), and repeat the command.",
                reason="not_readable",
            ) from error

    def sizes(self, name: str) -> Iterator[tuple[str, int]]:
        for folder, _, files in os.walk(self._path(name)):
            relative = os.path.relpath(folder, self._root)
            for file in files:
                try:
                    yield f"{relative}/{file}", os.stat(os.path.join(folder, file)).st_size
                except FileNotFoundError:
                    continue

    def read(self, name: str) -> bytes:
        with open(self._path(name), "rb") as file:
            return file.read()

    def read_range(self, name: str, first: int, end: int) -> bytes:
        with open(self._path(name), "rb") as file:
            file.seek(first)
            return file.read(end - first)

    def write(self, name: str, data: bytes) -> None:
        self._guard(lambda: atomic.publish_bytes(data, Path(self._path(name)), self.scratch_root()))

    def put(self, source: Path, name: str) -> None:
        def move() -> None:
            target = Path(self._path(name))
            temporary = self.scratch_root()
            if source.is_relative_to(temporary) or source.stat().st_dev == temporary.stat().st_dev:
                atomic.publish_file(source, target)
                return
            copy = temporary / f"{target.name}.{time.monotonic_ns()}"
            try:
                shutil.copyfile(source, copy)
                atomic.publish_file(copy, target)
            finally:
                copy.unlink(missing_ok=True)

        self._guard(move)

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            known = atomic.storage_error(error, self.url)
            if known is None:
                raise
            raise known from error

    def size(self, name: str) -> int:
        try:
            return os.stat(self._path(name)).st_size
        except FileNotFoundError:
            return 0

    def get(self, name: str, scratch: Path) -> Path:
        path = Path(self._path(name))
        if not path.is_file():
            raise FileNotFoundError(name)
        return path

    def exists(self, name: str) -> bool:
        return os.path.exists(self._path(name))

    def delete(self, name: str) -> None:
        self._guard(lambda: Path(self._path(name)).unlink(missing_ok=True))

    def delete_folder(self, name: str) -> None:
        shutil.rmtree(self._path(name), ignore_errors=True)

    def scratch_root(self) -> Path:
        folder = os.path.join(self._root, "tmp", atomic.owner())
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
        return Path(folder)

    def sweep(self) -> int:
        return atomic.sweep(Path(self._path("tmp")))

    def tidy(self) -> None:
        base = Path(self._path("tmp"))
        shutil.rmtree(base / atomic.owner(), ignore_errors=True)
        atomic.sweep(base)
        # A dataset's folder holds the dataset and nothing else.
        with contextlib.suppress(OSError):
            base.rmdir()

    def check_writable(self) -> None:
        try:
            probe = f"tmp/{atomic.owner()}/probe"
            atomic.publish_bytes(b"probe", Path(self._path(probe)), self.scratch_root())
            self.read(probe)
            self.delete(probe)
        except OSError as error:
            known = atomic.storage_error(error, self.url)
            raise known or SetupError(
                f"The workspace {self.url!r} can't be used: {error}.",
                "The path leads through a file, or the file system is not what it should be.",
                "Give another folder with `--workspace`.",
                reason="workspace",
            ) from error


class FsspecStore(Store):
    """An object store or another remote file system that fsspec reaches."""

    def __init__(self, url: str, scratch: str = "") -> None:
        import fsspec

        self._scratch = scratch_base(scratch)

        self.url = url.rstrip("/")
        self._systems: dict[int, Any] = {}
        try:
            # Listings are what is true here; a cached one would be yesterday's truth.
            system, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise SetupError(
                f"The store {url!r} can't be opened: {error}.",
                "The fsspec driver for this kind of address is not installed, or the address is misspelt.",
                "For s3:// install `fimad[s3]`, for gs:// `fimad[gcs]`.",
                reason="store",
            ) from error
        self._systems[os.getpid()] = system
        self._root = str(root).rstrip("/")

    @property
    def fs(self) -> Any:
        """The fsspec file system of this process: a forked one can't use its parent's connections."""
        import fsspec

        if os.getpid() not in self._systems:
            self._systems = {os.getpid(): fsspec.core.url_to_fs(self.url, use_listings_cache=False)[0]}
        return self._systems[os.getpid()]

    def __getstate__(self) -> dict[str, Any]:
        """A process opens its own file system."""
        return {**self.__dict__, "_systems": {}}

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def path(self, name: str) -> str:
        """A file's path within the fsspec file system."""
        return self._path(name)

    def read_ranges(self, name: str, ranges: Sequence[tuple[int, int]], size_bytes: int) -> list[bytes]:
        """The bytes of ranges (first, end) of a file whose size is known, all of them at once."""
        path = self._path(name)

        def action() -> list[bytes]:
            starts, ends = ([each[at] for each in ranges] for at in (0, 1))
            found = self.fs.cat_ranges([path] * len(ranges), starts, ends, on_error="raise")
            result = []
            for (first, end), data in zip(ranges, found, strict=True):
                if len(data) == size_bytes != end - first:
                    # A server that does not know ranges gives all of the file.
                    data = data[first:end]
                if len(data) != end - first:
                    raise OSError(f"{path} gave {len(data)} bytes for {first} to {end}")
                result.append(bytes(data))
            return result

        return self._retry(f"read {name}", action)

    def _retry(self, what: str, action: Callable[[], T]) -> T:
        """Stores fail now and then (5xx, broken connections): worth several tries before an item is blamed."""
        for attempt in range(_TRIES):
            try:
                return action()
            except FileNotFoundError:
                raise
            except PermissionError as error:
                raise SetupError(
                    f"{self.url} refused to {what}: {error}.",
                    "The credentials are missing, expired, or lack the right.",
                    "Check the store's credentials (for S3: AWS_* environment variables or a profile).",
                    reason="not_writable",
                ) from error
            except Exception as error:
                if attempt == _TRIES - 1:
                    raise TransientError(
                        f"{self.url} failed {_TRIES} times to {what}: {error!r}.",
                        "The store is overloaded or the network is down.",
                        "Repeat the command later: it goes on where it stopped.",
                        reason="store",
                    ) from error
                time.sleep(_WAIT_S * 2**attempt * (0.5 + random.random()))  # noqa: S311
        raise AssertionError("unreachable")

    def _list(self, name: str) -> list[dict[str, Any]]:
        def action() -> list[dict[str, Any]]:
            try:
                entries: list[dict[str, Any]] = self.fs.ls(self._path(name), detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
            return entries

        return self._retry(f"list {name}", action)

    def folders(self, name: str) -> list[str]:
        return sorted(
            str(entry["name"]).rstrip("/").rpartition("/")[2]
            for entry in self._list(name)
            if entry["type"] == "directory"
        )

    def files(self, name: str) -> list[str]:
        return [str(entry["name"]).rpartition("/")[2] for entry in self._list(name) if entry["type"] == "file"]

    def sizes(self, name: str) -> Iterator[tuple[str, int]]:
        found: dict[str, dict[str, Any]] = self._retry(
            f"list {name}", lambda: self.fs.find(self._path(name), detail=True)
        )
        for path, entry in found.items():
            yield str(path)[len(self._root) :].lstrip("/"), int(entry.get("size") or 0)

    def read(self, name: str) -> bytes:
        data: bytes = self._retry(f"read {name}", lambda: self.fs.cat_file(self._path(name)))
        return data

    def read_range(self, name: str, first: int, end: int) -> bytes:
        data: bytes = self._retry(
            f"read {name}", lambda: self.fs.cat_file(self._path(name), start=first, end=end) if end > first else b""
        )
        return data

    def write(self, name: str, data: bytes) -> None:
        self._retry(f"write {name}", lambda: self.fs.pipe_file(self._path(name), data))

    def put(self, source: Path, name: str) -> None:
        self._retry(f"write {name}", lambda: self.fs.put_file(str(source), self._path(name)))

    def get(self, name: str, scratch: Path) -> Path:
        target = scratch / name.rpartition("/")[2]
        self._retry(f"read {name}", lambda: self.fs.get_file(self._path(name), str(target)))
        return target

    def take(self, other: Store, name: str, target: str) -> None:
        if isinstance(other, FsspecStore) and type(other.fs) is type(self.fs):
            # Within one store bytes need not come here.
            self._retry(f"copy {name}", lambda: self.fs.copy(other._path(name), self._path(target)))
            return
        super().take(other, name, target)

    def size(self, name: str) -> int:
        try:
            return int(self._retry(f"look at {name}", lambda: self.fs.size(self._path(name))) or 0)
        except FileNotFoundError:
            return 0

    def exists(self, name: str) -> bool:
        found: bool = self._retry(f"look for {name}", lambda: self.fs.exists(self._path(name)))
        return found

    def delete(self, name: str) -> None:
        def action() -> None:
            try:
                self.fs.rm_file(self._path(name))
            except FileNotFoundError:
                return

        self._retry(f"delete {name}", action)

    def delete_folder(self, name: str) -> None:
        def action() -> None:
            try:
                self.fs.rm(self._path(name), recursive=True)
            except FileNotFoundError:
                return

        self._retry(f"delete {name}", action)

    def scratch_root(self) -> Path:
        folder = self._scratch / atomic.owner()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def sweep(self) -> int:
        return atomic.sweep(self._scratch)

    def tidy(self) -> None:
        shutil.rmtree(self._scratch / atomic.owner(), ignore_errors=True)
        self.sweep()

    def check_writable(self) -> None:
        probe = f"tmp/{atomic.owner()}.probe"
        try:
            self.write(probe, b"probe")
            data = self.read(probe)
            self.delete(probe)
        except (TransientError, FileNotFoundError) as error:
            raise SetupError(
                f"The workspace {self.url!r} can't be reached: {error}",
                "The bucket does not exist, the address is wrong, or the network is down.",
                "Create the bucket, or check the address and the credentials.",
                reason="workspace",
            ) from error
        if data != b"probe":
            raise SetupError(
                f"The store {self.url!r} does not return what was written.",
                "A cache or a mirror stands before it, or it shows new objects only later.",
                "Give the store's own address, of a store that shows at once what was written.",
                reason="workspace",
            )


def scratch_base(chosen: str = "") -> Path:
    """Where temporary files lie when the workspace is remote: as chosen, else below TMPDIR, else below the user's cache.

    TMPDIR is what a batch system sets to a node's own disk; the cache is in a home folder, with a quota and a network between.
    """
    if chosen:
        return Path(chosen).expanduser() / "fimad-scratch"
    if temporary := os.environ.get("TMPDIR"):
        return Path(temporary) / "fimad-scratch"
    from platformdirs import user_cache_path

    return user_cache_path("fimad") / "scratch"


def open_store(url: str, scratch: str = "") -> Store:
    """A store from a folder or an fsspec URL such as ``s3://bucket/prefix``; raises `ConfigError`, `SetupError`.

    `scratch` is where a remote one keeps temporary files; a folder keeps them within itself.
    """
    if not url.strip():
        raise ConfigError(
            "The workspace's address is empty.",
            "An option or a variable that it comes from is empty.",
            "Give a folder or URL with `--workspace`.",
        )
    if url.startswith("file://"):
        return LocalStore(Path(url.removeprefix("file://")))
    if "://" in url or "::" in url:
        return FsspecStore(url, scratch)
    return LocalStore(Path(url).expanduser())
