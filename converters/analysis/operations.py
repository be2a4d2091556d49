"""What a file's operations compute and move, from the file itself or from its source graph."""

from __future__ import annotations

from edgebench.converters.analysis import onnx_operations
from edgebench.converters.artifact import Operation
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.targets import Target

# Bytes of a weight and of an activation, by format and precision, where they are not ONNX's own.
ITEM_BYTES: dict[tuple[str, str], tuple[float, float]] = {
    ("coreml", "fp16"): (2, 2),
    ("coreml", "int8w"): (1, 2),
    ("coreml", "w8a8"): (1, 1),
    ("coreml", "palettized4"): (0.5, 2),
    ("coreml", "palettized6"): (0.75, 2),
    ("onnx", "fp16"): (2, 2),
    ("onnx", "int8"): (1, 1),
    ("openvino", "fp16"): (2, 4),
    ("openvino", "int8"): (1, 1),
}


def count(target: Target, graph: OnnxGraph, content: object) -> tuple[Operation, ...]:
    """The operations of a target's file, or those of the graph where the file cannot be read."""
    if target.format == "tflite" and isinstance(content, bytes):
        from edgebench.converters.analysis import tflite_operations

        return tflite_operations.count(graph, content)
    return onnx_operations.count(graph, ITEM_BYTES.get((target.format, target.base)))
