"""The operations of an ONNX graph, counted from shapes and types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx

from edgebench.converters.analysis.attribution import (
    NetworkPlace,
    OperationStep,
    anchors,
    place,
)
from edgebench.converters.analysis.counting import CountedTensor, Shape, UncountedOperation, counted
from edgebench.converters.artifact import Operation, OperationKind
from edgebench.converters.onnx.graph import OnnxGraph

ItemBytes = tuple[float, float] | None

FLOAT_BYTES = 4

KINDS: dict[str, OperationKind] = {
    "Conv": "convolution",
    "Gemm": "linear",
    "MatMul": "linear",
    **dict.fromkeys(("ReduceMean", "ReduceMax", "AveragePool", "MaxPool"), "pooling"),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "ReduceSum"), "pooling"),
    **dict.fromkeys(("Mul", "Div"), "multiply"),
    **dict.fromkeys(("Add", "Sub", "Sum"), "add"),
    **dict.fromkeys(("Clip", "Relu", "Sigmoid", "HardSwish", "HardSigmoid"), "activation"),
    **dict.fromkeys(("Softmax", "Tanh", "Gelu", "Erf"), "activation"),
    **dict.fromkeys(("Transpose", "Concat", "Split", "Slice", "Pad", "Gather"), "move"),
    **dict.fromkeys(("Expand", "Tile", "Cast"), "move"),
}
# These give the same values another shape, and move nothing.
RENAMES = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"})

# Every runtime computes these within the convolution before them.
CLAMPS = frozenset({"Clip", "Relu"})


def count(graph: OnnxGraph, item_bytes: ItemBytes) -> tuple[Operation, ...]:
    """Count a graph. `item_bytes`: of a weight and of an activation; None for the graph's own."""
    inferred = onnx.shape_inference.infer_shapes(graph.model, data_prop=True).graph
    tensors = _tensors(inferred, item_bytes)
    for node in inferred.node:
        if node.name in graph.float_nodes:  # Quantisation leaves these alone.
            for name in set(node.output) & set(tensors):
                tensors[name] = replace(tensors[name], item_bytes=FLOAT_BYTES)
    nodes: list[UncountedOperation] = []
    weighted: set[str] = set()
    for node in inferred.node:
        if node.op_type == "Constant" or not all(name in tensors for name in node.output):
            continue
        inputs = tuple(name for name in node.input if name in tensors)
        shapes = [tensors[name].shape for name in inputs] or [()]
        kind = KINDS.get(node.op_type, "move" if node.op_type in RENAMES else "other")
        group = next((a.i for a in node.attribute if a.name == "group"), 1)
        if kind == "convolution" and len(shapes[0]) > 1 and group == shapes[0][1] > 1:
            kind = "depthwise"
        clamps = node.op_type in CLAMPS and node.input[0] in weighted
        moves = not (clamps or node.op_type in RENAMES or _only_renames(node, shapes))
        madds = _madds(node, kind, shapes, tensors[node.output[0]].elements)
        outputs = tuple(name for name in node.output if name)
        step = OperationStep(
            ";".join(filter(None, (node.output[0], node.name))), kind, inputs, outputs
        )
        nodes.append(UncountedOperation(step, node.op_type, madds, moves))
        if madds:
            weighted.update(outputs)
    side = max((image.shape[-1] for image in _images(inferred)), default=0)
    return counted(nodes, tensors, anchors(graph.model.graph), side, height_axis=2)


def places(graph: onnx.GraphProto) -> dict[str, NetworkPlace]:
    """Where in the network each value is made, as far as the names of the weights tell."""
    nodes = [node for node in graph.node if node.op_type != "Constant"]
    steps = [
        OperationStep(
            ";".join(filter(None, (node.output[0], node.name))),
            KINDS.get(node.op_type, "move" if node.op_type in RENAMES else "other"),
            tuple(node.input),
            tuple(node.output),
        )
        for node in nodes
    ]
    found = place(steps, anchors(graph))
    return {name: where for node, where in zip(nodes, found, strict=True) for name in node.output}


def _images(graph: onnx.GraphProto) -> list[CountedTensor]:
    weights = {tensor.name for tensor in graph.initializer}
    shapes = [
        tuple(d.dim_value for d in info.type.tensor_type.shape.dim)
        for info in graph.input
        if info.name not in weights
    ]
    return [CountedTensor(shape, FLOAT_BYTES, False) for shape in shapes if len(shape) == 4]


def _tensors(graph: onnx.GraphProto, item_bytes: ItemBytes) -> dict[str, CountedTensor]:
    """Every value whose shape is known. Floats take the target's size, if it has another."""
    found = {}
    for info in (*graph.input, *graph.value_info, *graph.output):
        if not info.type.tensor_type.elem_type:  # A sequence, an optional, or unknown.
            continue
        shape = tuple(d.dim_value for d in info.type.tensor_type.shape.dim)
        found[info.name] = CountedTensor(
            shape, _size(info.type.tensor_type.elem_type, item_bytes, 1), False
        )
    for tensor in graph.initializer:
        size = _size(tensor.data_type, item_bytes, 0)
        found[tensor.name] = CountedTensor(tuple(tensor.dims), size, True)
    return found


def _size(elem_type: int, item_bytes: ItemBytes, which: int) -> float:
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(elem_type))
    return item_bytes[which] if item_bytes and dtype.kind == "f" else dtype.itemsize


def _only_renames(node: onnx.NodeProto, shapes: Sequence[Shape]) -> bool:
    """Whether a Transpose only moves axes of length one past the others."""
    if node.op_type != "Transpose":
        return False
    backwards = list(reversed(range(len(shapes[0]))))
    order = next((list(a.ints) for a in node.attribute if a.name == "perm"), backwards)
    long = [axis for axis in order if shapes[0] and shapes[0][axis] > 1]
    return bool(long) and long == sorted(long)


def _madds(
    node: onnx.NodeProto, kind: OperationKind, shapes: Sequence[Shape], elements: int
) -> int:
    """Multiply-adds of a convolution or linear layer: outputs times what each is summed over."""
    if kind in ("convolution", "depthwise") and len(shapes) > 1:
        return elements * math.prod(shapes[1][1:])
    if kind == "linear" and shapes[0]:
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return elements * (shapes[0][0] if transposed else shapes[0][-1])
    return 0
