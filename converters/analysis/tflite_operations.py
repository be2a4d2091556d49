"""The operations of a .tflite file, counted from the file itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgebench.converters.analysis.attribution import OperationStep, anchors
from edgebench.converters.analysis.counting import CountedTensor, Shape, UncountedOperation, counted
from edgebench.converters.artifact import Operation, OperationKind
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.tflite import inspect

KINDS: dict[str, OperationKind] = {
    "CONV_2D": "convolution",
    "DEPTHWISE_CONV_2D": "depthwise",
    "FULLY_CONNECTED": "linear",
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "AVERAGE_POOL_2D", "MAX_POOL_2D"), "pooling"),
    **dict.fromkeys(("MUL", "DIV"), "multiply"),
    **dict.fromkeys(("ADD", "SUB"), "add"),
    **dict.fromkeys(("LOGISTIC", "HARD_SWISH", "RELU", "RELU6", "SOFTMAX", "TANH"), "activation"),
    **dict.fromkeys(("TRANSPOSE", "CONCATENATION", "SPLIT", "SPLIT_V", "SLICE", "PAD"), "move"),
    **dict.fromkeys(("STRIDED_SLICE", "QUANTIZE", "DEQUANTIZE", "CAST", "RESHAPE"), "move"),
}
_RENAMES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})


def count(graph: OnnxGraph, content: bytes) -> tuple[Operation, ...]:
    """Count a file that was made of the graph. Raises `InvalidFileError`."""
    made = inspect.interpreter(content, **inspect.without_delegates())
    details = {int(detail["index"]): detail for detail in made.get_tensor_details()}
    nodes = inspect.nodes(made)
    computed = {int(out) for node in nodes for out in node["outputs"]}
    given = {int(detail["index"]) for detail in made.get_input_details()}
    tensors = {
        str(index): CountedTensor(
            tuple(int(n) for n in detail["shape"]),
            np.dtype(detail["dtype"]).itemsize,
            index not in computed | given,
        )
        for index, detail in details.items()
    }
    side = max(
        (int(d["shape"][1]) for d in made.get_input_details() if len(d["shape"]) == 4), default=0
    )
    found = [_node(node, tensors, details) for node in nodes]
    return counted(found, tensors, anchors(graph.model.graph), side, height_axis=1)


def _node(
    node: Any, tensors: dict[str, CountedTensor], details: dict[int, Any]
) -> UncountedOperation:
    op = node["op_name"]
    kind = KINDS.get(op, "other")
    # A missing optional input is -1; an index beyond the tensors cannot be.
    inputs = tuple(str(int(i)) for i in node["inputs"] if int(i) in details)
    outputs = tuple(str(int(i)) for i in node["outputs"] if int(i) in details)
    elements = tensors[outputs[0]].elements
    madds = elements * _summed(kind, tensors[inputs[1]].shape) if len(inputs) > 1 else 0
    name = details[int(outputs[0])]["name"]
    return UncountedOperation(
        OperationStep(name, kind, inputs, outputs), op, madds, op not in _RENAMES
    )


def _summed(kind: OperationKind, weights: Shape) -> int:
    """The products that one output is the sum of: weights are OHWI, 1HWC (depthwise) or OI."""
    if kind in ("convolution", "linear"):
        return math.prod(weights[1:])
    return math.prod(weights[1:3]) if kind == "depthwise" else 0
