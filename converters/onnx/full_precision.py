"""A model in half or double precision as one in float32, which every target computes in.

before:  x (float16) -> Conv (float16 weights) -> Cast(to=FLOAT) -> y
after:   x (float32) -> Conv (float32 weights) -> Cast(to=FLOAT) -> y

How precise a target's file is, is the target's to say. Every float16 and bfloat16 number is one of
float32, so that nothing is lost; a float64 number is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

_OTHERS: dict[int, str] = {
    TensorProto.FLOAT16: "half precision",
    TensorProto.BFLOAT16: "half precision (bfloat16)",
    TensorProto.DOUBLE: "double precision",
}
# Attributes that hold the type of what a node makes.
_TYPES = frozenset({"to", "dtype", "output_datatype"})


def in_float32(model: onnx.ModelProto) -> tuple[onnx.ModelProto, str]:
    """The model in float32, and what it was in; the model itself and "" where it needs nothing."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    found = _graph(changed.graph)
    for function in changed.functions:
        found |= _nodes(function.node)
    if not found:
        return model, ""
    return changed, " and ".join(sorted(_OTHERS[kind] for kind in found))


def _graph(graph: onnx.GraphProto) -> set[int]:
    """Change a graph in place; the types that it held."""
    found = {tensor.data_type for tensor in graph.initializer} & _OTHERS.keys()
    for tensor in graph.initializer:
        _widen(tensor)
    for value in (*graph.input, *graph.output, *graph.value_info):
        kind = value.type.tensor_type.elem_type
        if kind in _OTHERS:
            found.add(kind)
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    return found | _nodes(graph.node)


def _nodes(nodes: Iterable[onnx.NodeProto]) -> set[int]:
    found: set[int] = set()
    for node in nodes:
        for attribute in node.attribute:
            if attribute.name in _TYPES and attribute.i in _OTHERS:
                found.add(attribute.i)
                attribute.i = TensorProto.FLOAT
            elif attribute.type == AttributeProto.TENSOR and attribute.t.data_type in _OTHERS:
                found.add(attribute.t.data_type)
                _widen(attribute.t)
            elif attribute.type == AttributeProto.GRAPH:
                found |= _graph(attribute.g)
    return found


def _widen(tensor: onnx.TensorProto) -> None:
    if tensor.data_type in _OTHERS:
        array = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
