"""The values of an ONNX file that was quantised or halved, by the names they had before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from edgebench.converters.file_value import Value, half
from edgebench.converters.onnx.cut import Watched, made
from edgebench.converters.onnx.reference import Array, Sample


def file_values(
    model: onnx.ModelProto, names: Collection[str], samples: Iterable[Sample]
) -> Iterator[dict[str, Value]]:
    """For each sample the inputs and the named values, as the nodes that read them get them.

    Where a value is quantised, that is what comes out of its DequantizeLinear.
    """
    # An output of the graph has its name after the last of the three, all others before.
    grids = {
        name: grid
        for source, grid in _grids(model).items()
        for name in (source, grid[0])
        if name in names
    }
    # Of casts there and back there may be as many as of values.
    read = [name for name in made(model) if name in names and name not in grids]
    read += dict.fromkeys(name for name, _ in grids.values())
    watched = Watched(model)
    for sample in samples:
        arrays = watched.values(read, sample)
        found = {name: Value(arrays[source], *grid) for name, (source, grid) in grids.items()}
        for name in list(arrays):
            array = arrays.pop(name)
            if name in names and name not in grids:
                found[name] = _float(array)
        found |= {name: _float(array) for name, array in sample.items() if name not in found}
        yield found
        del found


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
