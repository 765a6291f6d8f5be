"""open_clip, imported without PyTorch's compiler.

torchvision and timm import the compiler, to ask whether an operation is to be compiled and to say that one never is. Nothing
here is compiled, and it takes 2.4 of the 6 s of a process until it can embed. While open_clip is imported a placeholder
answers these; whoever wants anything else of the compiler gets the real one.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_COMPILER = "torch._dynamo"
_UTILITIES = f"{_COMPILER}.utils"
_LOCK = threading.Lock()


def open_clip() -> Any:
    """The library. Raises `ImportError` where it is not installed."""
    import torch  # noqa: F401  (all of it, before the compiler is hidden)

    with _LOCK:
        if "open_clip" in sys.modules or _COMPILER in sys.modules:
            return importlib.import_module("open_clip")
        with _without_compiler():
            return importlib.import_module("open_clip")


class _Placeholder(ModuleType):
    """A part of the compiler that is imported when something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _show()
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _without_compiler() -> Iterator[None]:
    package, utilities = _Placeholder(_COMPILER), _Placeholder(_UTILITIES)
    package.__path__ = []
    vars(package)["disable"] = lambda function=None, *args, **options: function
    vars(utilities)["is_compile_supported"] = lambda device: False
    sys.modules |= {_COMPILER: package, _UTILITIES: utilities}
    try:
        yield
    finally:
        _show()


def _show() -> None:
    for name in (_UTILITIES, _COMPILER):
        if isinstance(sys.modules.get(name), _Placeholder):
            del sys.modules[name]
