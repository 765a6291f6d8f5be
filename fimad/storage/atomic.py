"""Files that appear complete or not at all, and the temporary folders they come from.

A file gets its final name only when all of its bytes are on the disk: temporary file, flush, fsync, rename, fsync of the
folder. A rename without the first fsync can survive a power cut with the right name and no content; without the second one
the name itself can be lost.

Temporary files lie in one folder per process below the workspace (`tmp/<owner>`), not beside their targets, so that
what a killed process left behind is found by one listing, however many artifacts there are. The owner's name says which
process on which machine it was, so that another driver's files are never taken for left-overs.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import time
from functools import cache
from pathlib import Path

from fimad.errors import FimadError, SetupError

_OWNER = re.compile(r"^(?P<machine>[0-9a-f]{12})-(?P<pid>\d+)-(?P<start>\d+)$")
# States of a process in /proc: zombie, dead.
_OVER = ("Z", "X", "x")
# Numbers that tell of the disk, whatever was written to it.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
# A folder of a process on another machine can't be asked for; nothing that lives writes so rarely.
_FOREIGN_AGE_S = 3 * 24 * 3600.0


@cache
def _machine() -> str:
    """This boot of this machine, in this process namespace: where a process id means something."""
    parts = [platform.node()]
    for path in ("/proc/sys/kernel/random/boot_id",):
        try:
            parts.append(Path(path).read_text().strip())
        except OSError:
            parts.append("")
    try:
        parts.append(os.readlink("/proc/self/ns/pid"))
    except OSError:
        parts.append("")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def _start_of(pid: int) -> str:
    """When a process began, in clock ticks since boot; empty if there is no such process, or if it is over and nobody asked how
    it ended: in a container without an init process that is so for ever."""
    try:
        # The name in parentheses may hold spaces: count fields after the last parenthesis.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in _OVER else fields[19]
    except (OSError, IndexError):
        pass
    if os.path.isdir("/proc/self"):
        return ""
    try:
        import psutil

        return str(int(psutil.Process(pid).create_time()))
    except (ImportError, psutil.Error):
        return ""


def owner() -> str:
    """The name of this process's temporary folder."""
    return _owner_name(os.getpid())


@cache
def _owner_name(pid: int) -> str:
    return f"{_machine()}-{pid}-{_start_of(pid) or 0}"


def is_stale(name: str, modified_s: float, now_s: float) -> bool:
    """Whether the process that owns a temporary folder is gone (elsewhere: has been silent for days).

    What has no owner's name is somebody else's, and stays.
    """
    match = _OWNER.match(name)
    if match is None:
        return False
    if match["machine"] == _machine():
        return _start_of(int(match["pid"])) != match["start"]
    return now_s - modified_s > _FOREIGN_AGE_S


def sweep(folder: Path) -> int:
    """Remove the temporary folders of processes that are gone; returns how many there were."""
    removed = 0
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return 0
    for entry in entries:
        try:
            if is_stale(entry.name, entry.stat().st_mtime, time.time()):
                shutil.rmtree(entry.path, ignore_errors=True)
                removed += 1
        except FileNotFoundError:
            # Another driver swept it in the same moment.
            continue
    return removed


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network and FUSE file systems can't sync folders; there the server decides.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def publish_file(source: Path, target: Path) -> None:
    """Move a finished file to its final name, durably. `source` must be on the same file system and is gone afterwards."""
    handle = os.open(source, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.replace(source, target)
    except FileNotFoundError:
        if not source.exists():
            raise
        make_folder(target.parent)
        os.replace(source, target)
    fsync_folder(target.parent)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, with durable names."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        return
    fsync_folder(folder.parent)


def publish_bytes(data: bytes, target: Path, temporary: Path) -> None:
    """Write a whole file under its final name; `temporary` is an existing folder on the same file system."""
    source = temporary / f"{target.name}.{time.monotonic_ns()}"
    try:
        source.write_bytes(data)
        publish_file(source, target)
    except BaseException:
        source.unlink(missing_ok=True)
        raise


def storage_error(error: OSError, where: str) -> SetupError | None:
    """The three-part form of an error that no item is to blame for: full disk, no write access, broken disk."""
    number = error.errno
    if number in (errno.ENOSPC, errno.EDQUOT):
        return SetupError(
            f"There is no room left at {where} ({os.strerror(number)}).",
            "The disk, or your share of it, is full. What was published so far is complete.",
            "Make room (`fimad gc` lists what no current configuration uses; `http.keep_media = false` deletes "
            "media after use), then repeat the command: it goes on where it stopped.",
            reason="disk_full",
        )
    if number == errno.EFBIG:
        return SetupError(
            f"A file at {where} can't become as large as it has to ({os.strerror(number)}).",
            "The file system has a largest size of files (FAT: 4 GiB), or this account has (`ulimit -f`).",
            "Put the workspace on another file system, raise the limit (`ulimit -f unlimited`), or keep what is large out "
            "(`download.max_bytes`), then repeat the command: it goes on where it stopped.",
            reason="file_too_large",
        )
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return SetupError(
            f"{where} can't be written ({os.strerror(number)}).",
            "The folder is read-only, belongs to somebody else, or is mounted without write access.",
            "Give `--workspace` a folder that you may write, or change the permissions.",
            reason="not_writable",
        )
    if number == errno.EIO:
        return SetupError(
            f"Reading or writing {where} failed ({os.strerror(number)}).",
            "The disk or the network file system is broken or was disconnected.",
            "Look at the system's log (`dmesg`), then repeat the command.",
            reason="io_error",
        )
    return None


def find_storage_error(error: BaseException, where: str) -> FimadError | None:
    """The storage error behind an exception, however deeply a library wrapped it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, SetupError):
            return current
        if isinstance(current, OSError) and current.errno in _OF_THE_DISK:
            return storage_error(current, where)
        current = current.__cause__ or current.__context__
    return None
