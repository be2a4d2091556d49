"""The values of an ONNX file that was quantised or halved, by the names they had before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from edgebench.converters import layers
from edgebench.converters.file_value import Value, half
from edgebench.converters.onnx.reference import Array, Sample


def file_values(model: onnx.ModelProto, samples: Iterable[Sample]) -> Iterator[dict[str, Value]]:
    """For each sample the inputs and what the nodes compute, as the nodes that read them get them.

    Where a value is quantised, that is what comes out of its DequantizeLinear.
    """
    grids = _grids(model)
    for sample in samples:
        arrays: dict[str, Array] = {**sample, **layers.values(model, sample)}
        found = {name: _float(array) for name, array in arrays.items()}
        for source, (name, grid) in grids.items():
            # An output of the graph has its name after the last of the three, all others before.
            found[source] = found[name] = Value(arrays[name], *grid)
        yield found


def _grids(model: onnx.ModelProto) -> dict[str, tuple[str, tuple[float, float, float]]]:
    """By quantised value, what it is once dequantised, and its step and range there."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    grids = {}
    for node in model.graph.node:
        source = made.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if source is not None and source.op_type == "QuantizeLinear":
            scale, zero = (numpy_helper.to_array(constants[name]) for name in node.input[1:3])
            limits, step, offset = np.iinfo(zero.dtype), float(scale), int(zero)
            low, high = (limits.min - offset) * step, (limits.max - offset) * step
            grids[source.input[0]] = node.output[0], (step, low, high)
    return grids


def _float(array: Array) -> Value:
    return half(array) if array.dtype == np.float16 else Value(array)
