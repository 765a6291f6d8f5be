"""Writes the checkpoint that openai-whisper reads from a CTranslate2 model: the same numbers under other names.

So both engines can be tested with the one set of weights that can be had from a package registry.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def write_checkpoint(model: Path, target: Path) -> None:
    """`model` is a CTranslate2 `model.bin` of Whisper (float16 or float32), `target` the `.pt` file to write."""
    import torch

    with model.open("rb") as file:
        given = _read(file)
    tensors: dict[str, Any] = {}

    def put(name: str, source: str) -> Any:
        tensors[name] = torch.from_numpy(given[source].astype(np.float16))
        return tensors[name]

    def linear(name: str, source: str) -> None:
        put(f"{name}.weight", f"{source}/weight")
        put(f"{name}.bias", f"{source}/bias")

    def norm(name: str, source: str) -> None:
        put(f"{name}.weight", f"{source}/gamma")
        put(f"{name}.bias", f"{source}/beta")

    def fused(name: str, source: str, parts: tuple[str, ...]) -> None:
        weight, bias = (torch.from_numpy(given[f"{source}/{each}"].astype(np.float16)) for each in ("weight", "bias"))
        for part, w, b in zip(parts, weight.chunk(len(parts)), bias.chunk(len(parts)), strict=True):
            tensors[f"{name}.{part}.weight"] = w.clone()
            if part != "key":  # Whisper's keys have no bias
                tensors[f"{name}.{part}.bias"] = b.clone()

    for each in ("conv1", "conv2"):
        linear(f"encoder.{each}", f"encoder/{each}")
    for side in ("encoder", "decoder"):
        put(f"{side}.positional_embedding", f"{side}/position_encodings/encodings")
    put("decoder.token_embedding.weight", "decoder/embeddings/weight")
    norm("encoder.ln_post", "encoder/layer_norm")
    norm("decoder.ln", "decoder/layer_norm")
    layers = sum(name.startswith("encoder/layer_") and name.endswith("ffn/linear_0/weight") for name in given)
    for side in ("encoder", "decoder"):
        for at in range(layers):
            name, source = f"{side}.blocks.{at}", f"{side}/layer_{at}"
            norm(f"{name}.attn_ln", f"{source}/self_attention/layer_norm")
            fused(f"{name}.attn", f"{source}/self_attention/linear_0", ("query", "key", "value"))
            linear(f"{name}.attn.out", f"{source}/self_attention/linear_1")
            if side == "decoder":
                norm(f"{name}.cross_attn_ln", f"{source}/attention/layer_norm")
                linear(f"{name}.cross_attn.query", f"{source}/attention/linear_0")
                fused(f"{name}.cross_attn", f"{source}/attention/linear_1", ("key", "value"))
                linear(f"{name}.cross_attn.out", f"{source}/attention/linear_2")
            norm(f"{name}.mlp_ln", f"{source}/ffn/layer_norm")
            linear(f"{name}.mlp.0", f"{source}/ffn/linear_0")
            linear(f"{name}.mlp.2", f"{source}/ffn/linear_1")
    width = given["encoder/conv1/bias"].shape[0]
    dims = {
        "n_mels": given["encoder/conv1/weight"].shape[1],
        "n_vocab": given["decoder/embeddings/weight"].shape[0],
        **{f"n_{side}_ctx": length for side, length in (("audio", 1500), ("text", 448))},
        **{f"n_{side}_state": width for side in ("audio", "text")},
        **{f"n_{side}_head": width // 64 for side in ("audio", "text")},
        **{f"n_{side}_layer": layers for side in ("audio", "text")},
    }
    torch.save({"dims": dims, "model_state_dict": tensors}, target)


def _read(file: BinaryIO) -> dict[str, Any]:
    """The variables of a CTranslate2 model file."""

    def number(form: str) -> int:
        (value,) = struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))
        return int(value)

    def text() -> str:
        return file.read(number("H"))[:-1].decode()

    number("I")  # version of the binary format
    text()  # kind of model
    number("I")  # its revision
    found = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind = _TYPES[number("B")]
        found[name] = np.frombuffer(file.read(number("I")), kind).reshape(shape)
    return found
