"""Optional libraries: which extra brings each, what is missing, and the line that installs it.

An installation without extras reads datasets and simulates. What more a stage or a command needs is looked up here before
anything is touched, so that a missing library is never taken for the fault of a video.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fimad.errors import SetupError

# Import names that are not part of every installation, and the extra of pyproject.toml that brings each.
EXTRA_OF = {
    **dict.fromkeys(("Cryptodome", "ai_edge_litert", "av", "ctranslate2", "cv2", "faster_whisper"), "build"),
    **dict.fromkeys(("dask", "distributed"), "cluster"),
    **dict.fromkeys(("flatbuffers", "imageio_ffmpeg", "mediapipe", "psutil", "threadpoolctl"), "build"),
    **dict.fromkeys(("webvtt", "yt_dlp", "chardet"), "build"),
    **dict.fromkeys(("PIL", "huggingface_hub", "open_clip", "safetensors", "torch", "torchvision"), "embed"),
    **dict.fromkeys(("whisper",), "whisper"),
    **dict.fromkeys(("openai",), "describe"),
    **dict.fromkeys(("sentence_transformers",), "sentences"),
    **dict.fromkeys(("s3fs",), "s3"),
    **dict.fromkeys(("gcsfs",), "gcs"),
    **dict.fromkeys(("bvhio", "ezc3d"), "mocap"),
    **dict.fromkeys(("matplotlib", "rerun"), "report"),
    **dict.fromkeys(("rtmlib", "onnxruntime"), "rtmpose"),
    **dict.fromkeys(("sklearn",), "mujo"),
}
# Debian's packages of shared libraries that wheels link against and don't bring.
_SYSTEM_PACKAGES = {
    "libGL.so": "libgl1",
    "libEGL.so": "libegl1",
    "libGLESv2.so": "libgles2",
    "libglib-2.0.so": "libglib2.0-0",
    "libgthread-2.0.so": "libglib2.0-0",
    "libgomp.so": "libgomp1",
    "libstdc++.so": "libstdc++6",
}
_NOT_LOADED = re.compile(
    r"cannot open shared object file|undefined symbol|DLL load failed|Library not loaded|image not found|wrong ELF class"
)


def missing(modules: Iterable[str]) -> list[str]:
    """Those of some import names that are not installed, without importing any of them.

    >>> missing(["json", "no_such_library"])
    ['no_such_library']
    """
    return [name for name in modules if not _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        # Something in its place can't be looked into.
        return False


def extras_of(modules: Iterable[str]) -> list[str]:
    """The extras that bring some modules, each once, sorted."""
    return sorted({EXTRA_OF[name] for name in modules if name in EXTRA_OF})


def install_line(extras: Iterable[str]) -> str:
    """What to type to get some extras of fimad, from where this fimad itself was installed."""
    wanted = ",".join(sorted(set(extras))) or "build"
    url, editable = _origin()
    if editable:
        return f"pip install --editable '{unquote(urlsplit(url).path)}[{wanted}]'"
    return f"pip install 'fimad[{wanted}]{f' @ {url}' if url else ''}'"


def needs(what: str, modules: Iterable[str]) -> SetupError | None:
    """The error for something that needs modules which are not installed, or None if all are."""
    lacking = missing(modules)
    if not lacking:
        return None
    verb = "is" if len(lacking) == 1 else "are"
    return SetupError(
        f"{what} needs {', '.join(lacking)}, which {verb} not installed.",
        "fimad was installed without the extra that brings it.",
        install_line(extras_of(lacking)),
        reason="not_installed",
    )


def explain(error: BaseException, extras: Iterable[str] = ()) -> SetupError | None:
    """What a failed import means, or None for errors of other kinds.

    Parameters
    ----------
    extras : where a module that no extra names would have come from.
    """
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("fimad"):
        module = error.name.partition(".")[0]
        known = extras_of([module]) or list(extras)
        return SetupError(
            f"The library {module} is not installed.",
            "fimad was installed without the extra that brings it, or the installation is damaged.",
            install_line(known),
            reason="not_installed",
        )
    if isinstance(error, ImportError) or (isinstance(error, OSError) and _NOT_LOADED.search(str(error))):
        text = str(error).partition("\n")[0][:300]
        package = next((package for name, package in _SYSTEM_PACKAGES.items() if name in text), "")
        module = (getattr(error, "name", None) or "").partition(".")[0]
        return SetupError(
            f"The library {module or 'that a stage needs'} can't be loaded: {text}",
            "A system library is missing." if package else "Its files are damaged, or another version than it expects.",
            f"apt-get install {package}" if package else install_line(extras_of([module]) or list(extras)),
            reason="library_broken",
        )
    return None


def _origin() -> tuple[str, bool]:
    """The file or folder that fimad was installed from, and whether it is used in place; empty if from an index."""
    try:
        said = json.loads(distribution("fimad").read_text("direct_url.json") or "{}")
        url, editable = str(said.get("url") or ""), bool(said.get("dir_info", {}).get("editable"))
    except (PackageNotFoundError, ValueError, AttributeError):
        return "", False
    parts = urlsplit(url)
    here = parts.scheme == "file" and Path(unquote(parts.path)).exists()
    return (url, editable) if here else ("", False)
