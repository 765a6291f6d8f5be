"""fimad: fitness videos in, a training-ready, parallel multimodal dataset out.

The public API loads lazily: reading a dataset or simulating an IMU pulls neither torch nor MediaPipe.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fimad.dataset import open_dataset
    from fimad.pipeline.build import build
    from fimad.simulate import compare, read_motion, simulate_imu

__version__ = "0.1.0"
__all__ = ["__version__", "build", "compare", "open_dataset", "read_motion", "simulate_imu"]

_LAZY = {
    "build": "fimad.pipeline.build",
    "open_dataset": "fimad.dataset",
    **dict.fromkeys(("compare", "read_motion", "simulate_imu"), "fimad.simulate"),
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
