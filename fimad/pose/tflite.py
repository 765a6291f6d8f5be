"""TFLite models on LiteRT (XNNPACK), without the parts of them that nobody reads."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@cache
def without_outputs(path: Path, names: frozenset[str]) -> bytes:
    """A model without the named outputs and without the operators that only they need.

    The other outputs stay the same to the last bit. The landmark models end in a segmentation mask, which takes a
    quarter (full) to a half (lite) of their time.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(path.read_bytes()), 0))
    graph = model.subgraphs[0]
    kept = [output for output in graph.outputs if graph.tensors[output].name.decode() not in names]
    needed = {int(output) for output in kept}
    operators = []
    for operator in reversed(graph.operators):
        if any(int(output) in needed for output in operator.outputs):
            operators.append(operator)
            needed.update(int(source) for source in operator.inputs)
    graph.operators = operators[::-1]
    graph.outputs = np.array(kept, np.int32)
    # Signatures name the outputs again, and metadata describes them; neither is used here.
    model.signatureDefs = None
    model.metadata = None
    builder = flatbuffers.Builder(path.stat().st_size)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits to probabilities, without overflow."""
    result: NDArray[np.float32] = np.float32(1) / (np.float32(1) + np.exp(-np.clip(logits, -80, 80)))
    return result


class TfliteModel:
    """A model with one float32 input, ready to run.

    Parameters
    ----------
    path : the `.tflite` file.
    outputs : the outputs that are wanted, by name; what only others need is left out.
    threads : native threads.
    """

    def __init__(self, path: Path, outputs: Collection[str], threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        whole = Interpreter(model_path=str(path), num_threads=threads)
        drop = frozenset(each["name"] for each in whole.get_output_details()) - frozenset(outputs)
        if drop:
            del whole
            self._interpreter: Any = Interpreter(model_content=without_outputs(path, drop), num_threads=threads)
        else:
            self._interpreter = whole
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.tensor(self._interpreter.get_input_details()[0]["index"])
        self._outputs = {
            each["name"]: self._interpreter.tensor(each["index"]) for each in self._interpreter.get_output_details()
        }

    @property
    def side_px(self) -> int:
        """Side of the square input picture."""
        return int(self._input().shape[1])

    def run(self, picture: NDArray[np.uint8], scale: float, offset: float) -> None:
        """Run on a (side, side, 3) uint8 RGB picture, whose values go in as ``value * scale + offset``."""
        # Straight into the interpreter's own memory; a view must not outlive the call, LiteRT refuses to run then.
        view = self._input()[0]
        np.multiply(picture, np.float32(scale), out=view, dtype=np.float32)
        if offset:
            view += np.float32(offset)
        del view
        self._interpreter.invoke()

    def output(self, name: str) -> NDArray[np.float32]:
        """An output of the last run, as a view: it must be let go of before the next run."""
        view: NDArray[np.float32] = self._outputs[name]()[0]
        return view
