"""CLIP checkpoints for open_clip: where they are, and getting them from their hub.

open_clip names hundreds of checkpoints, so their hashes are not pinned as in `fimad.models`; each is hashed when it arrives,
the hash is kept beside it, goes into the stage's key and is what `fimad models verify` compares with. A checkpoint is data
only: `.safetensors`, or what torch reads with ``weights_only=True``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fimad.clip_library import open_clip
from fimad.errors import ConfigError
from fimad.model_sources import ModelUnavailableError

PREFIX = "open_clip/"
SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")
_MEND = "Mend the network (or HF_ENDPOINT, for a mirror), or set embed.pretrained to the path of a checkpoint."
_REACH_S = 10.0
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def installed() -> bool:
    """Whether PyTorch and open_clip are."""
    return find_spec("torch") is not None and find_spec("open_clip") is not None


def own_checkpoint(pretrained: str) -> Path | None:
    """The user's own checkpoint file, if `pretrained` is a path; a tag is no path."""
    path = Path(pretrained).expanduser()
    if path.suffix not in SUFFIXES and "/" not in pretrained:
        return None
    if not path.is_file():
        raise ConfigError(
            f"embed.pretrained = {pretrained!r}: there is no such file.",
            "The path is wrong, or relative to another folder.",
            "Give the path of a checkpoint, or a tag that open_clip knows, such as laion2b_s34b_b79k.",
        )
    if path.suffix not in SUFFIXES:
        raise ConfigError(
            f"embed.pretrained = {pretrained!r} is no checkpoint.",
            f"Checkpoints end in one of {', '.join(SUFFIXES)}.",
            "Give the path of one of these.",
        )
    return path


def locate(name: str, root: Path) -> Path:
    """The checkpoint ``open_clip/MODEL/TAG`` below a cache folder. Raises `ModelUnavailableError`."""
    model, tag = _parts(name)
    folder = root / "open_clip" / model / tag
    for suffix in SUFFIXES:
        path = folder / f"weights{suffix}"
        if path.is_file():
            return path
    raise ModelUnavailableError(
        f"The weights of {name!r} are not on this machine.",
        "They were not fetched yet; they come from open_clip's hub, about 600 MB.",
        f"Run `fimad models fetch {name}`, or set embed.pretrained to the path of a checkpoint.",
    )


def sha256(path: Path) -> str:
    """Hash of a checkpoint; kept beside files of the cache, and for others while they stay as they are: it takes seconds."""
    note = path.with_suffix(path.suffix + ".sha256")
    if path.stem == "weights" and note.is_file():
        return note.read_text(encoding="ascii").strip()
    status = path.stat()
    return _hash_as_of(path.absolute(), status.st_ino, status.st_mtime_ns, status.st_size)


@cache
def _hash_as_of(path: Path, inode: int, modified_ns: int, size_bytes: int) -> str:
    return hash_file(path)


def hash_file(path: Path) -> str:
    """SHA-256 over the bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(name: str, root: Path) -> list[str]:
    """What is wrong with a cached checkpoint: an empty list if it is as it arrived."""
    try:
        path = locate(name, root)
    except ModelUnavailableError as error:
        return [error.what]
    kept, found = sha256(path), hash_file(path)
    return [] if kept == found else [f"{path.name} has SHA-256 {found[:12]}…, not {kept[:12]}… as when it arrived"]


def preprocessing(model: str, tag: str) -> dict[str, Any]:
    """open_clip's own settings of a tag (mean, std, interpolation, quick_gelu, ...); empty for unknown tags."""
    found: dict[str, Any] = dict(open_clip().get_pretrained_cfg(model, tag) or {})
    return found


def fetch(name: str, root: Path, say: Callable[[str], None]) -> Path:
    """Get a checkpoint from its hub into the cache. Raises `ModelUnavailableError` or `ConfigError`."""
    model, tag = _parts(name)
    if not installed():
        raise ModelUnavailableError(
            f"{name!r} needs PyTorch and open_clip, which are not installed.",
            "They are an extra, because they are large.",
            "pip install 'fimad[embed]'",
        )
    settings = preprocessing(model, tag)
    if not settings:
        raise ConfigError(
            f"open_clip knows no weights {tag!r} for {model!r}.",
            "One of the names is misspelt.",
            "python -c 'import open_clip; print(open_clip.list_pretrained())' lists them.",
        )
    folder = root / "open_clip" / model / tag
    folder.parent.mkdir(parents=True, exist_ok=True)
    origin = settings.get("hf_hub") or settings.get("url")
    say(f"{name}: {origin}")
    if settings.get("hf_hub"):
        check_hub(name)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as temporary:
        try:
            arrived = Path(
                open_clip().pretrained.download_pretrained(settings, cache_dir=str(Path(temporary, "hub")))
            ).resolve(strict=True)
        except Exception as error:
            # The hub's libraries raise a dozen kinds of their own; each means the same here.
            raise ModelUnavailableError(
                f"The weights of {name!r} can't be had from {origin}: {str(error).splitlines()[0]}",
                "There is no way to the hub from here.",
                _MEND,
            ) from error
        suffix = arrived.suffix if arrived.suffix in SUFFIXES else _suffix_of(arrived)
        ready = Path(temporary, "ready")
        ready.mkdir()
        weights = ready / f"weights{suffix}"
        shutil.move(arrived, weights)
        weights.with_suffix(f"{suffix}.sha256").write_text(hash_file(weights) + "\n", encoding="ascii")
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(ready, folder)
    return locate(name, root)


def check_hub(name: str) -> None:
    """Raise `ModelUnavailableError` at once if the hub can't be reached: its library would try a minute for each file."""
    from huggingface_hub import constants

    if urllib.request.getproxies() or constants.HF_HUB_OFFLINE:
        return  # a proxy knows names that this machine does not; offline, the library itself says what it lacks
    address = urllib.parse.urlsplit(constants.ENDPOINT)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=_REACH_S).close()
    except OSError as error:
        raise ModelUnavailableError(
            f"The weights of {name!r} can't be had: {address.netloc} can't be reached ({error}).",
            "There is no way to the hub from here.",
            _MEND,
        ) from error


def _suffix_of(path: Path) -> str:
    # Hub caches name files by their hash. A safetensors file begins with the length of its JSON header.
    with path.open("rb") as file:
        return ".safetensors" if file.read(9)[8:] == b"{" else ".bin"


def _parts(name: str) -> tuple[str, str]:
    model, _, tag = name.removeprefix(PREFIX).partition("/")
    if not _PART.fullmatch(model) or not _PART.fullmatch(tag):
        raise ConfigError(
            f"{name!r} does not name a CLIP model.",
            "The form is open_clip/MODEL/TAG.",
            "For example: open_clip/ViT-B-32/laion2b_s34b_b79k",
        )
    return model, tag
