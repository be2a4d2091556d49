"""Constants of their own, where TensorFlow's quantiser for 16 bits would mix up shared ones.

It writes a quantised constant in the place of the float one, and gives a bias the scale of its
layer's input times that of the weights. So a bias that several layers read has the scale of the
first, and the others add another number (the MLP of CBAM runs on the means and on the maxima); and
of constants that share their bytes, the second is quantised from what is left of the first.
"""

from __future__ import annotations

import copy
from typing import Any

from edgebench.converters.tflite.quantise import WEIGHED

_BIAS = 2


def with_own_constants(file: bytes) -> bytes:
    """The same file, in which no two layers read one bias, and no two tensors share their bytes."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(file))
    weighed = {getattr(schema.BuiltinOperator, kind) for kind in WEIGHED}
    for graph in model.subgraphs:
        kinds = (model.operatorCodes[op.opcodeIndex].builtinCode for op in graph.operators)
        pairs = zip(graph.operators, kinds, strict=True)
        _part_biases(graph, [op for op, kind in pairs if kind in weighed])
    _part_buffers(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _part_biases(graph: Any, layers: list[Any]) -> None:
    taken: set[int] = set()
    for op in layers:
        bias = int(op.inputs[_BIAS]) if len(op.inputs) > _BIAS else -1
        if bias in taken:
            tensor = copy.copy(graph.tensors[bias])
            tensor.name += b"/%d" % len(graph.tensors)
            op.inputs[_BIAS] = len(graph.tensors)
            graph.tensors.append(tensor)
        elif bias >= 0:
            taken.add(bias)


def _part_buffers(model: Any) -> None:
    taken: set[int] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.buffer in taken and model.buffers[tensor.buffer].data is not None:
                model.buffers.append(copy.copy(model.buffers[tensor.buffer]))
                tensor.buffer = len(model.buffers) - 1
            taken.add(tensor.buffer)
