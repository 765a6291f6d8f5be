"""Models and the state of training in safetensors files: numbers and text, nothing that could run when it is read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fimad.errors import ConfigError
from fimad.mujo.config import parse_mujo_config
from fimad.mujo.model import Mujo, Sizes

_FORM = "fimad-mujo-1"
#: Reading a header must not be able to ask for more than this.
_MOST_CLASSES = 100_000


def save_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write a file that is complete once it has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    save_file(
        {name: each.detach().cpu().contiguous().clone() for name, each in tensors.items()},
        unfinished,
        metadata={"fimad": json.dumps({"form": _FORM, **about})},
    )
    with unfinished.open("rb+") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and what is said of them. Raises `ConfigError` for a file that `save_tensors` did not write."""
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            about = json.loads((file.metadata() or {}).get("fimad", "{}"))
            if not isinstance(about, dict) or about.get("form") != _FORM:
                raise _unreadable(path, "it is of another program, or of another version of fimad")
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise _unreadable(path, str(error)) from error


def save_model(model: Mujo, path: str | Path, **about: Any) -> None:
    """Write a model with all that is needed to build it again; `about` is JSON-ready and comes back from `load_model`."""
    save_tensors(Path(path), model.state_dict(), {**model.described(), "about": about})


def load_model(path: str | Path) -> tuple[Mujo, dict[str, Any]]:
    """A model that `save_model` wrote, in evaluation mode, and what was said of it.

    Raises `ConfigError` for other files, and for one whose tensors are not those of the model that it describes.

    >>> model, about = load_model("runs/mujo/best.safetensors")  # doctest: +SKIP
    """
    path = Path(path)
    tensors, said = load_tensors(path / "best.safetensors" if path.is_dir() else path)
    return built(tensors, said, path), dict(said.get("about") or {})


def built(tensors: dict[str, Tensor], said: dict[str, Any], path: str | Path) -> Mujo:
    """The model that a file describes, with its tensors."""
    try:
        sizes = said["sizes"]
        model = Mujo(
            parse_mujo_config(said["config"]),
            Sizes(
                _count(sizes["video"]),
                _count(sizes["text"]),
                _count(sizes["pose"]),
                tuple(str(name) for name in sizes["classes"][:_MOST_CLASSES]),
                float(sizes["gyro_scale_rad_s"]),
            ),
        )
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError) as error:
        raise _unreadable(path, f"its tensors are not those of the model that it describes ({error})") from error
    model.eval()
    return model


def _count(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= 65536:
        raise ValueError(f"a size of {value!r}")
    return value


def _unreadable(path: str | Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path} holds no model that can be read: {why[:300]}.",
        "The file is damaged, or not from `fimad mujo pretrain`.",
        "Give the folder of a run, or its best.safetensors.",
    )


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser as named tensors: ``optimizer/<number of the parameter>/<name>``."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer/{number}/{name}": torch.as_tensor(value)
        for number, values in state.items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer/"):
            _, number, what = name.split("/")
            state.setdefault(int(number), {})[what] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
