"""What a file's graph tells of the whole: its number types, and its multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Callable

from edgebench.converters.lint.graph import LintGraph, LintTensor, Op

WEIGHTED = ("conv", "depthwise_conv", "linear", "transpose_conv")

BYTES = frozenset({"int8", "uint8", "i8", "u8"})

Count = Callable[[LintTensor, tuple[int, ...], LintTensor], int]

# By type: from the input, the weights' shape and the output. Weights are OHWI, 1HWC and OI.
MADDS: dict[str, Count] = {
    "CONV_2D": lambda source, weights, made: _elements(made) * math.prod(weights[1:]),
    "DEPTHWISE_CONV_2D": lambda source, weights, made: _elements(made) * math.prod(weights[1:3]),
    "FULLY_CONNECTED": lambda source, weights, made: _elements(made) * weights[-1],
    "TRANSPOSE_CONV": lambda source, weights, made: _elements(source) * math.prod(weights[:3]),
}

UNCOUNTED = frozenset(
    {
        *("BATCH_MATMUL", "CONV_3D", "CONV_3D_TRANSPOSE", "RNN", "LSTM", "SVDF"),
        *("UNIDIRECTIONAL_SEQUENCE_RNN", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
        *("BIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_LSTM"),
        *("CALL", "CALL_ONCE", "IF", "WHILE"),
    }
)
"""Operations of TFLite that may multiply, and whose multiply-adds are not counted here."""


def precision(graph: LintGraph) -> str:
    """The number types that the layers with weights compute in, by edgebench's own words."""
    layers = graph.of_kind(*WEIGHTED) or graph.ops
    moving = {tensor.dtype for op in layers for tensor in (*graph.read(op), *graph.written(op))}
    constants = {tensor.dtype for tensor in graph.tensors.values() if tensor.constant}
    if "int16" in moving:
        return "int16x8"
    if moving & BYTES:
        return "int8"
    if constants & BYTES:
        # Elsewhere than in TFLite int8 is float between quantising and its reverse.
        whole = graph.format != "tflite" and graph.of_kind("quantise")
        return "int8" if whole else "dynamic"
    if "float16" in constants | moving:
        return "fp16"
    return "fp32" if "float32" in constants | moving else "unknown"


def madds(graph: LintGraph) -> int | None:
    """The multiply-adds of a TFLite file's layers.

    None for another format, and where a shape is not fixed or an operation may multiply that is
    not counted: half a count would compare like with unlike.
    """
    if graph.format != "tflite":
        return None
    total = 0
    for op in graph.ops:
        if op.type in UNCOUNTED or op.attributes.get("custom"):
            return None
        if op.type in MADDS:
            found = _madds(graph, op)
            if found is None:
                return None
            total += found
    return total


def _madds(graph: LintGraph, op: Op) -> int | None:
    # A transposed convolution's first input is the shape of its output.
    source = op.inputs[2 if op.type == "TRANSPOSE_CONV" else 0]
    tensors = [graph.tensors[name] for name in (source, op.inputs[1], op.outputs[0])]
    if not all(tensor.fixed for tensor in tensors):
        return None
    return MADDS[op.type](tensors[0], _shape(tensors[1]), tensors[2])


def _shape(tensor: LintTensor) -> tuple[int, ...]:
    return tuple(side or 0 for side in tensor.shape or ())


def _elements(tensor: LintTensor) -> int:
    return math.prod(_shape(tensor))
